'use strict';
const env = process.env;

exports.database = {
  host: env.DB_HOST,
  port: Number(env.DB_PORT),
  user: env.DB_USER,
  password: env.DB_PASSWORD,
  database: env.DB_NAME,
};
exports.pool = { max: Number(env.DB_POOL_MAX || 4), connectionTimeoutMillis: 3000, statement_timeout: 5000 };
exports.redisUrl = env.REDIS_URL;
exports.smtp = {
  host: env.SMTP_HOST || 'localhost',
  port: Number(env.SMTP_PORT || 25),
  user: env.SMTP_USER,
  pass: env.SMTP_PASS,
  from: env.MAIL_FROM,
};
