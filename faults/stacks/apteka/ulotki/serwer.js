// Shows leaflets: counted in Redis, kept in a folder, and looked up in a register outside where there is one.
'use strict';

const fs = require('fs/promises');
const http = require('http');
const path = require('path');
const redis = require('redis');

const ustawienia = JSON.parse(require('fs').readFileSync(process.argv[2], 'utf8'));
const pamiec = redis.createClient({
  socket: { ...ustawienia.pamiec, connectTimeout: 3000, reconnectStrategy: () => 1500 },
  disableOfflineQueue: true,
});
pamiec.on('error', (blad) => console.error('pamięć:', blad));
pamiec.connect().catch(() => {});

async function ulotka(numer) {
  const ile = await pamiec.incr(`ulotka:${numer}`);
  let opis = 'bez opisu';
  if (ustawienia.rejestrLekow) {
    const odpowiedz = await fetch(`${ustawienia.rejestrLekow}/${numer}`, { signal: AbortSignal.timeout(4000) });
    if (!odpowiedz.ok) throw new Error(`GET ${odpowiedz.url}: ${odpowiedz.status} ${odpowiedz.statusText}`);
    opis = await odpowiedz.text();
  }
  const tekst = `ulotka ${numer}, ${ile}. raz: ${opis}\n`;
  await fs.writeFile(path.join(ustawienia.bufor, `${numer}.txt`), tekst);
  return tekst;
}

const serwer = http.createServer(async (zapytanie, odpowiedz) => {
  if (zapytanie.url === '/zdrowie') return odpowiedz.end('dobrze\n');
  try {
    odpowiedz.end(await ulotka(Number(zapytanie.url.split('/').pop())));
  } catch (blad) {
    console.error(blad);
    odpowiedz.writeHead(500).end('nie ma ulotki\n');
  }
});
const { adres, port } = ustawienia.nasluch;
serwer.listen(port, adres, () => console.log(`ulotki na ${adres}:${port}`));
process.on('SIGTERM', () => process.exit(0));
