<?php
// Sends reminders, a hundred rounds long; whoever started it starts it again.
require __DIR__ . '/database.php';
$base = database();
fwrite(STDOUT, "reminders go out\n");
for ($round = 0; $round < (int) (getenv('REMIND_ROUNDS') ?: 100); $round++) {
    $base->exec('UPDATE reminders SET sent = TRUE WHERE NOT sent ORDER BY id LIMIT 50');
    touch('/tmp/reminded');
    sleep(1);
}
fwrite(STDOUT, "enough for one life\n");
