// Writes an invoice with every request, over a pool of its own.
const http = require('http');
const { Pool } = require('pg');

const jdbc = new URL(process.env.SPRING_DATASOURCE_URL.replace(/^jdbc:/, ''));
const pool = new Pool({
  host: jdbc.hostname,
  port: Number(jdbc.port),
  database: jdbc.pathname.slice(1),
  user: process.env.SPRING_DATASOURCE_USERNAME,
  password: process.env.SPRING_DATASOURCE_PASSWORD,
  max: Number(process.env.SPRING_DATASOURCE_HIKARI_MAXIMUM_POOL_SIZE),
  connectionTimeoutMillis: 1500,
});
pool.on('error', () => {});

async function invoice() {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_sleep(0.4)');
    await client.query('INSERT INTO invoices (cents) VALUES (4200)');
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

http
  .createServer((_, response) => {
    invoice().then(
      () => response.end('billed\n'),
      (error) => {
        console.log(`invoice postponed (${error.code || 'no code'}): ${error.message}`);
        response.writeHead(503).end('later\n');
      },
    );
  })
  .listen(Number(process.env.SERVER_PORT));
process.on('SIGTERM', () => process.exit(0));
