// Counts its visitors in Redis. Says what changes, and nothing twice.
const fs = require('fs');
const http = require('http');
const redis = require('redis');

const file = process.argv.find((word) => word.startsWith('--config=')).slice(9);
const { http: listen, redis: store, cache } = JSON.parse(fs.readFileSync(file));
const name = process.env.SHIP_NAME;
const megabytes = Number(process.env.CACHE_MEGABYTES || cache.megabytes);

let last = '';
function once(line) {
  if (line !== last) console.log(`[${name}] ${line}`);
  last = line;
}

const socket = { connectTimeout: 3000, reconnectStrategy: (tries) => Math.min(tries * 300, 2000) };
if (store.ca) socket.ca = fs.readFileSync(store.ca);
const client = redis.createClient({ url: store.url, socket, disableOfflineQueue: true });
client.on('error', (error) => once(`no counter: ${error.code || ''} ${error.message}`));
client.on('ready', () => once('counter found'));
client.connect().catch(() => {});

// Warm pages, as many as were asked for.
const pages = [];
const warming = setInterval(() => {
  if (pages.length >= megabytes) return clearInterval(warming);
  pages.push(Array.from({ length: 131072 }, (_, at) => at + Math.random()));
}, 60);

http
  .createServer(async (request, response) => {
    if (request.url === '/livez') return response.end('alive\n');
    try {
      response.end(`visitor ${await client.incr('visitors')}\n`);
    } catch {
      response.writeHead(500).end('uncounted\n');
    }
  })
  .listen(listen.port, listen.host);
