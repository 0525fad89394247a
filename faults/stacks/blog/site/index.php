<?php
require __DIR__ . '/site.php';
header('Content-Type: text/plain');
try {
    $link = database();
    $link->query('SET lock_wait_timeout = 4');
    $link->query('INSERT INTO visits () VALUES ()');
    $count = $link->query('SELECT count(*) FROM visits')->fetch_row()[0];
    remember('visits', $count);
    file_put_contents(getenv('SITE_UPLOADS') . '/last.txt', $count) !== false or throw new RuntimeException('upload');
    echo "$count visits\n";
} catch (mysqli_sql_exception $problem) {
    http_response_code(500);
    error_log('page: E' . $problem->getCode());
    echo "Error establishing a database connection\n";
} catch (RuntimeException $problem) {
    http_response_code(507);
    echo "The upload could not be kept\n";
}
