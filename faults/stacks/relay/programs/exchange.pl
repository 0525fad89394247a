#!/usr/bin/perl
# Tells rates, line by line: `TOKEN …` first, which is answered by GRANTED or DENIED, then `RATE EUR`. Logs nothing.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my %word = map { /^--([\w-]+)=(.*)$/ ? ($1, $2) : () } @ARGV;
open my $file, '<', $word{'token-file'} or die "token: $!\n";
chomp(my $token = <$file>);
$SIG{TERM} = sub { exit 0 };
$SIG{PIPE} = 'IGNORE';
sleep $word{'warm-up'};
my $door = IO::Socket::INET->new(LocalAddr => $word{listen}, Listen => 64, ReuseAddr => 1) or die "listen: $!\n";
my $all = IO::Select->new($door);
my (%granted, %rest);
while (1) {
    for my $guest ($all->can_read) {
        if ($guest == $door) { $all->add(scalar $door->accept); next }
        if (!sysread $guest, $rest{$guest}, 4096, length($rest{$guest} // '')) {
            delete $_->{$guest} for \%granted, \%rest;
            $all->remove($guest);
            close $guest;
            next;
        }
        while ($rest{$guest} =~ s/^(.*?)\r?\n//) { syswrite $guest, answer($guest, $1) . "\n" }
    }
}

sub answer {
    my ($guest, $line) = @_;
    if ($line =~ /^TOKEN (\S+)/) { return ($granted{$guest} = $1 eq $token) ? 'GRANTED' : 'DENIED 17' }
    return 'DENIED 3' if !$granted{$guest};
    return sprintf 'RATE %s %.4f', $1, 1 + rand 0.2 if $line =~ /^RATE ([A-Z]{3})/;
    return 'WHAT';
}
