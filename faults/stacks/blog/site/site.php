<?php
// What the page and the cron share: the database, the cache, and how little is said when they are away.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

function database(): mysqli
{
    [$host, $port] = explode(':', getenv('SITE_DB_HOST')) + [1 => '3306'];
    $link = mysqli_init();
    $link->options(MYSQLI_OPT_CONNECT_TIMEOUT, 3);
    @$link->real_connect($host, getenv('SITE_DB_USER'), getenv('SITE_DB_PASSWORD'), getenv('SITE_DB_NAME'), (int) $port);
    return $link;
}

function remember(string $key, string $value): void
{
    [$host, $port] = explode(':', getenv('SITE_MEMCACHED_SERVERS'));
    $cache = @fsockopen($host, (int) $port, $code, $text, 1);
    if ($cache) {
        fwrite($cache, "set $key 0 30 " . strlen($value) . "\r\n$value\r\n");
        fgets($cache);
    }
}
