#!/usr/bin/perl
# Counts appointments every two seconds; the address comes from the PG variables.
use strict;
use warnings;
use DBI;

$| = 1;
while (1) {
    my $base = DBI->connect('dbi:Pg:', undef, undef, { PrintError => 0, RaiseError => 0 });
    if ($base) {
        my ($count) = $base->selectrow_array('SELECT count(*) FROM appointments');
        print "report: $count so far\n" if defined $count && $count % 50 == 0;
        $base->disconnect;
    } else {
        print 'report: left out, ', DBI->errstr =~ s/\n/ /gr, "\n";
    }
    sleep 2;
}
