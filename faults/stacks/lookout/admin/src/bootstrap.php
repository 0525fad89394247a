<?php

declare(strict_types=1);

set_exception_handler(function (Throwable $e): void {
    error_log(sprintf('request.CRITICAL: Uncaught PHP Exception %s: "%s" at %s line %d', $e::class, $e->getMessage(), $e->getFile(), $e->getLine()));
    http_response_code(500);
    echo "Internal Server Error\n";
});

function database(): PDO
{
    $dsn = sprintf('mysql:host=%s;port=%s;dbname=%s;charset=utf8mb4', getenv('DB_HOST'), getenv('DB_PORT'), getenv('DB_DATABASE'));

    return new PDO($dsn, getenv('DB_USERNAME'), trim(file_get_contents(getenv('DB_PASSWORD_FILE'))), [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_TIMEOUT => 3,
    ]);
}
