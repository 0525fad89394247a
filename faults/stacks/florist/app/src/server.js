'use strict';
const http = require('http');
const { logger } = require('@florist/shared');
const cache = require('./cache');
const catalog = require('./catalog');
const db = require('./db');
const orders = require('./orders');

const log = logger('api');
const port = Number(process.env.PORT);
if (!process.env.SENTRY_DSN) log.warn('SENTRY_DSN is empty: errors are not reported');
if (!process.env.ANALYTICS_ID) log.warn('ANALYTICS_ID is empty: visits are not counted');

async function body(request) {
  let text = '';
  for await (const piece of request) text += piece;
  return JSON.parse(text);
}

const routes = {
  'GET /healthz': async () => {
    await db.query('SELECT 1');
    return [200, { status: 'ok' }];
  },
  'GET /api/products': async () => [200, await catalog.products()],
  'POST /api/orders': async (request) => {
    const id = await orders.place(await body(request));
    return [201, { id }];
  },
};

const server = http.createServer(async (request, response) => {
  const route = `${request.method} ${request.url.split('?')[0]}`;
  let answer = [404, { message: 'Not Found' }];
  try {
    if (routes[route]) answer = await routes[route](request);
  } catch (err) {
    log.error(`${route} failed`, err);
    answer = [500, { message: 'Internal Server Error' }];
  }
  response.writeHead(answer[0], { 'Content-Type': 'application/json' }).end(JSON.stringify(answer[1]) + '\n');
});

cache.connect().catch(() => {});
server.listen(port, () => log.info(`listening on port ${port}`));
process.on('SIGTERM', () => process.exit(0));
