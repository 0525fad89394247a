// Takes a bid with every request, and tells the bus of it.
const fs = require('fs');
const http = require('http');
const { Pool } = require('pg');
const redis = require('redis');

const palabra = (nombre) => process.argv[process.argv.indexOf(nombre) + 1];
const { BASE_SERVIDOR, BASE_NOMBRE, BASE_USUARIO, BUS_SERVIDOR, BUS_CLAVE, CANAL } = process.env;
const di = (nivel, msg, causa) =>
  console.log(`hora=${new Date().toISOString()} nivel=${nivel} msg="${msg}" causa=${JSON.stringify(causa || '')}`);

const base = new Pool({
  host: BASE_SERVIDOR,
  database: BASE_NOMBRE,
  user: BASE_USUARIO,
  password: fs.readFileSync(palabra('--clave-archivo'), 'utf8').trim(),
  max: Number(palabra('--conexiones')),
  connectionTimeoutMillis: 2000,
});
base.on('error', () => {});
const bus = redis.createClient({
  socket: { host: BUS_SERVIDOR, port: 6379, connectTimeout: 2000, reconnectStrategy: (veces) => Math.min(200 * veces, 2000) },
  password: BUS_CLAVE,
  disableOfflineQueue: true,
});
let antes = '';
bus.on('error', (fallo) => {
  if (fallo.message !== antes) di('aviso', 'sin bus', fallo.message);
  antes = fallo.message;
});
bus.connect().catch(() => {});

async function puja(importe) {
  const cliente = await base.connect();
  try {
    await cliente.query('BEGIN');
    const { rows } = await cliente.query('INSERT INTO pujas (importe) VALUES ($1) RETURNING id', [importe]);
    await cliente.query('COMMIT');
    await bus.incr('pujas:total');
    await bus.publish(CANAL, `${rows[0].id} ${importe}`);
    return rows[0].id;
  } catch (fallo) {
    await cliente.query('ROLLBACK').catch(() => {});
    throw fallo;
  } finally {
    cliente.release();
  }
}

http
  .createServer((pregunta, respuesta) => {
    const importe = Number(new URL(pregunta.url, 'http://pujas').searchParams.get('importe') || 100);
    puja(importe).then(
      (numero) => respuesta.end(`puja ${numero}\n`),
      (fallo) => {
        const baja = fallo.code === '23514';
        di('error', baja ? 'puja rechazada por baja' : 'puja no admitida', fallo.message);
        respuesta.writeHead(baja ? 422 : 500).end('no\n');
      },
    );
  })
  .listen(Number(palabra('--puerto')));
process.on('SIGTERM', () => process.exit(0));
