<?php
require __DIR__ . '/database.php';
session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
$base = database();
$base->exec('INSERT INTO visits () VALUES ()');
$visit = $base->lastInsertId();
$base->prepare('INSERT INTO reminders (visit) VALUES (?)')->execute([$visit]);
header('Content-Type: text/plain');
echo "visit {$_SESSION['visits']}\n";
