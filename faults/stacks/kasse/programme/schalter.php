<?php
// Sells a seat with every request to /kaufen. Lines of JSON, in German, and only when something is wrong.
$ini = parse_ini_file(getenv('KASSE_INI'), true);

function melde(string $stufe, string $meldung, array $mehr = []): void
{
    $zeile = ['zeit' => date('c'), 'stufe' => $stufe, 'meldung' => $meldung] + $mehr;
    file_put_contents('php://stderr', json_encode($zeile, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES) . "\n");
}

$weg = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($weg === '/bereit') {
    echo "bereit\n";
    return;
}
if ($weg !== '/kaufen') {
    http_response_code(404);
    return;
}
$zugang = $ini['datenbank'];
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
try {
    $base = mysqli_init();
    $base->options(MYSQLI_OPT_CONNECT_TIMEOUT, 3);
    $base->real_connect($zugang['rechner'], $zugang['benutzer'], $zugang['kennwort'], $zugang['name'], (int) $zugang['anschluss']);
    $base->query('INSERT INTO verkauft (platz) SELECT nr FROM plaetze ORDER BY rand() LIMIT 1');
    echo "Platz verkauft\n";
} catch (mysqli_sql_exception $fehler) {
    melde('WARNUNG', 'Verkauf abgelehnt', ['grund' => $fehler->getMessage(), 'nummer' => $fehler->getCode()]);
    http_response_code(503);
    echo "Bitte später\n";
}
