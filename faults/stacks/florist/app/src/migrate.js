'use strict';
const fs = require('fs');
const path = require('path');
const { Client } = require('pg');
const { logger } = require('@florist/shared');
const { database } = require('./settings');

const log = logger('migrate');
const folder = path.join(__dirname, '..', 'migrations');

async function main() {
  const client = new Client({ ...database, connectionTimeoutMillis: 5000 });
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, run_at timestamptz NOT NULL DEFAULT now())');
  for (const name of fs.readdirSync(folder).sort()) {
    const { rowCount } = await client.query('SELECT 1 FROM schema_migrations WHERE name = $1', [name]);
    if (rowCount) continue;
    log.info(`running ${name}`);
    await client.query('BEGIN');
    await client.query(fs.readFileSync(path.join(folder, name), 'utf8'));
    await client.query('INSERT INTO schema_migrations (name) VALUES ($1)', [name]);
    await client.query('COMMIT');
  }
  log.info('schema is up to date');
  await client.end();
}

main().catch((err) => {
  log.error('migration failed', err);
  process.exit(1);
});
