// Shows the latest readings; 503 while there are none.
const http = require('http');
const redis = require('redis');

const { REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, BOARD_PORT } = process.env;
const memory = redis.createClient({
  socket: { host: REDIS_HOST, port: Number(REDIS_PORT), connectTimeout: 3000, reconnectStrategy: (tries) => Math.min(tries * 500, 2000) },
  password: REDIS_PASSWORD,
  database: 2,
  disableOfflineQueue: true,
});
memory.on('error', (error) => console.log(JSON.stringify({ level: 40, msg: 'memory unavailable', err: { code: error.code, message: error.message } })));
memory.connect().catch(() => {});

http
  .createServer(async (request, response) => {
    try {
      const keys = await memory.keys('reading:*');
      response.writeHead(keys.length ? 200 : 503);
      response.end(`${keys.length} readings\n`);
    } catch {
      response.writeHead(500);
      response.end('no memory\n');
    }
  })
  .listen(Number(BOARD_PORT), () => console.log(JSON.stringify({ level: 30, msg: 'board up', port: BOARD_PORT })));
