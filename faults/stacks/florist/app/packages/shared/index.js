'use strict';
// Lines of JSON, with the numbers for levels that everybody's log viewer knows.
const os = require('os');

const base = { pid: process.pid, hostname: os.hostname() };

exports.logger = (name) => {
  const write = (level, msg, err) => {
    const line = { level, time: Date.now(), ...base, name };
    if (err) line.err = { type: err.constructor.name, message: err.message, code: err.code, stack: err.stack };
    console.log(JSON.stringify({ ...line, msg }));
  };
  return {
    info: (msg) => write(30, msg),
    warn: (msg, err) => write(40, msg, err),
    error: (msg, err) => write(50, msg, err),
  };
};

exports.sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
