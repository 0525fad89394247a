#!/usr/bin/perl
# Closes what is older than a minute, every two seconds. The address comes from libpq's service file.
use strict;
use warnings;
use DBI;

$| = 1;
my $fallos = 0;
while (1) {
    my $base = DBI->connect('dbi:Pg:', undef, undef, { PrintError => 0, RaiseError => 0 });
    my $hechas = $base && $base->do("DELETE FROM pujas WHERE hecha < now() - interval '1 minute'");
    if (defined $hechas) { $fallos = 0 }
    else {
        my $causa = DBI->errstr =~ s/\s+/ /gr;
        print qq(nivel=aviso msg="cierre aplazado" veces=$fallos causa="$causa"\n) if $fallos++ % 5 == 0;
    }
    $base->disconnect if $base;
    sleep 2;
}
