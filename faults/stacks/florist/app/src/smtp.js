'use strict';
// As much of SMTP as a shop needs.
const net = require('net');
const { smtp } = require('./settings');

class Dialog {
  constructor(socket) {
    this.socket = socket;
    this.heard = '';
    this.wake = () => {};
    socket.setEncoding('utf8');
    socket.setTimeout(5000, () => socket.destroy(Object.assign(new Error('Connection timeout'), { code: 'ETIMEDOUT' })));
    socket.on('data', (text) => {
      this.heard += text;
      this.wake();
    });
    socket.on('error', (err) => this.end(err));
    socket.on('close', () => this.end(Object.assign(new Error('Connection closed unexpectedly'), { code: 'ECONNECTION' })));
  }

  end(err) {
    this.failed = this.failed || err;
    this.wake();
  }

  async reply() {
    for (;;) {
      const last = /^\d{3} .*\r\n/m.exec(this.heard);
      if (last) {
        const text = this.heard.slice(0, last.index + last[0].length);
        this.heard = this.heard.slice(text.length);
        return last[0].trim();
      }
      if (this.failed) throw this.failed;
      await new Promise((resolve) => {
        this.wake = resolve;
      });
    }
  }

  async say(line, wanted, trouble, code) {
    if (line !== null) this.socket.write(`${line}\r\n`);
    const reply = await this.reply();
    if (!reply.startsWith(wanted)) throw Object.assign(new Error(`${trouble}: ${reply}`), { code });
  }
}

exports.sendMail = async ({ to, subject, text }) => {
  const socket = net.connect({ host: smtp.host, port: smtp.port });
  const dialog = new Dialog(socket);
  try {
    await dialog.say(null, '220', 'Invalid greeting', 'EPROTOCOL');
    await dialog.say('EHLO florist', '250', 'Invalid response to EHLO', 'EPROTOCOL');
    if (smtp.user) {
      const login = Buffer.from(`\0${smtp.user}\0${smtp.pass}`).toString('base64');
      await dialog.say(`AUTH PLAIN ${login}`, '235', 'Invalid login', 'EAUTH');
    }
    await dialog.say(`MAIL FROM:<${smtp.from}>`, '250', 'Mail command failed', 'EENVELOPE');
    await dialog.say(`RCPT TO:<${to}>`, '250', "Can't send mail - all recipients were rejected", 'EENVELOPE');
    await dialog.say('DATA', '354', 'Data command failed', 'EENVELOPE');
    await dialog.say(`From: ${smtp.from}\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\n${text}\r\n.`, '250', 'Message failed', 'EMESSAGE');
    socket.end('QUIT\r\n');
  } catch (err) {
    socket.destroy();
    throw err;
  }
};
