'use strict';
const cache = require('./cache');
const db = require('./db');

// Keeps an order, and leaves a note for the worker to mail its confirmation.
exports.place = async ({ product, quantity, email }) => {
  const { rows } = await db.query('INSERT INTO orders (product_id, quantity, email) VALUES ($1, $2, $3) RETURNING id', [product, quantity, email]);
  await cache.lPush('mail:outbox', JSON.stringify({ order: rows[0].id, to: email }));
  return rows[0].id;
};
