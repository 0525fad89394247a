<?php

declare(strict_types=1);

require __DIR__ . '/../src/bootstrap.php';

$age = database()->query('SELECT TIMESTAMPDIFF(SECOND, MAX(received), NOW()) FROM events')->fetchColumn();
header('Content-Type: text/plain');
if ($age === null || (int) $age > (int) getenv('ADMIN_STALE_SECONDS')) {
    http_response_code(503);
    echo "no events lately\n";
} else {
    echo "last event {$age} s ago\n";
}
