<?php
require __DIR__ . '/site.php';
try {
    $link = database();
    $link->query('SET lock_wait_timeout = 4');
    $link->query('UPDATE letters SET sent = TRUE WHERE NOT sent');
    touch('/tmp/letters');
} catch (mysqli_sql_exception $problem) {
    echo json_encode(['job' => 'letters', 'ok' => false, 'code' => $problem->getCode(), 'text' => $problem->getMessage()]), "\n";
}
