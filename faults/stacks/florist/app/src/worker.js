'use strict';
const { logger, sleep } = require('@florist/shared');
const cache = require('./cache');
const db = require('./db');
const { sendMail } = require('./smtp');

const log = logger('worker');

async function confirm(job) {
  const { order, to } = JSON.parse(job);
  await sendMail({ to, subject: `Your order ${order}`, text: 'Thank you. The flowers are on their way.' });
  await db.query('UPDATE orders SET mailed_at = now() WHERE id = $1', [order]);
}

async function main() {
  await cache.connect();
  log.info('waiting for mail:outbox');
  for (let sent = 0; ; ) {
    let job = null;
    try {
      const popped = await cache.brPop('mail:outbox', 2);
      if (!popped) continue;
      job = popped.element;
      await confirm(job);
      if (sent++ % 20 === 0) log.info(`${sent} confirmations sent`);
    } catch (err) {
      log.error('job failed, put back', err);
      if (job) await cache.rPush('mail:outbox', job).catch(() => {});
      await sleep(2000);
    }
  }
}

process.on('SIGTERM', () => process.exit(0));
main();
