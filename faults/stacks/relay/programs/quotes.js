// Asks for a rate with every request, and signs it. Needs one rate to begin with. Lines of JSON on the output.
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const net = require('net');

const { http: web, rates, signing } = JSON.parse(fs.readFileSync(process.argv[2]));
const tell = (level, msg, more) => console.log(JSON.stringify({ level, time: Date.now(), name: 'quotes', msg, ...more }));

function rate(currency) {
  return new Promise((resolve, reject) => {
    const line = net.connect({ host: rates.host, port: rates.port });
    const give = (error, value) => {
      line.destroy();
      if (error) reject(error);
      else resolve(value);
    };
    line.setTimeout(rates.timeoutMs, () => give(new Error('no answer in time')));
    line.on('error', give);
    line.on('close', () => give(new Error('hung up on us')));
    line.on('connect', () => line.write(`TOKEN ${rates.token}\nRATE ${currency}\n`));
    let heard = '';
    line.on('data', (chunk) => {
      heard += chunk;
      const said = /^(RATE \w+ ([\d.]+)|DENIED \d+|WHAT)$/m.exec(heard);
      if (said) give(said[2] ? null : new Error(`exchange said ${said[1]}`), said[2]);
    });
  });
}

rate('EUR').then(
  (first) => {
    tell(30, 'opening', { first });
    http
      .createServer((request, response) => {
        rate(request.url.slice(1, 4) || 'EUR').then(
          (value) => {
            const seal = crypto.pbkdf2Sync(value, rates.token, signing.rounds, 16, 'sha256').toString('hex');
            response.end(`${value} ${seal}\n`);
          },
          (error) => {
            tell(40, 'quote withheld', { err: { type: error.constructor.name, code: error.code, message: error.message } });
            response.writeHead(502).end('withheld\n');
          },
        );
      })
      .listen(web.port);
  },
  (error) => {
    tell(60, 'not opening', { err: { code: error.code, message: error.message } });
    process.exitCode = 1;
  },
);
process.on('SIGTERM', () => process.exit(0));
