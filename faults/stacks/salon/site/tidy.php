<?php
require __DIR__ . '/database.php';
try {
    $base = database();
    $gone = $base->exec('DELETE FROM reminders WHERE sent AND id < (SELECT max(id) - 300 FROM visits)');
    touch('/tmp/tidied');
    echo date('c'), " tidy: $gone reminders\n";
} catch (PDOException $problem) {
    echo date('c'), ' tidy: ', $problem->getMessage(), "\n";
    exit(1);
}
