'use strict';
const { Pool } = require('pg');
const { logger } = require('@florist/shared');
const settings = require('./settings');

const log = logger('db');
const pool = new Pool({ ...settings.database, ...settings.pool });
pool.on('error', (err) => log.error('idle client failed', err));

module.exports = pool;
