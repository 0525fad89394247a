<?php
require __DIR__ . '/database.php';
$base = database();
// A calendar takes its time to draw.
$base->exec('DO sleep(1.2)');
$count = $base->query('SELECT count(*) FROM visits')->fetchColumn();
header('Content-Type: text/plain');
echo "$count visits\n";
