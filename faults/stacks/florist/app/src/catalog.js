'use strict';
const db = require('./db');

exports.products = async () => {
  const { rows } = await db.query('SELECT p.id, p.name, p.cents FROM products p ORDER BY p.id');
  return rows;
};
