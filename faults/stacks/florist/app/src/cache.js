'use strict';
const redis = require('redis');
const { logger } = require('@florist/shared');
const { redisUrl } = require('./settings');

const log = logger('cache');
const client = redis.createClient({
  url: redisUrl,
  socket: { connectTimeout: 3000, reconnectStrategy: (retries) => Math.min(retries * 200, 2000) },
  disableOfflineQueue: true,
});
client.on('error', (err) => log.error('redis client failed', err));

module.exports = client;
