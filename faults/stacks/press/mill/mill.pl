#!/usr/bin/perl
# Prints what lies in one folder into another one, each sheet in a process of its own. Nearly silent.
use strict;
use warnings;
use Press::Sheet;
use Press::Memo;

$| = 1;
my ($file) = "@ARGV" =~ /--properties=(\S+)/;
open my $properties, '<', $file or die "no properties: $!\n";
my %is = map { /^([\w.]+)\s*=\s*(\S+)/ ? ($1, $2) : () } <$properties>;
my $memo = Press::Memo->new($is{'memo.server'});

# Plates stay open as long as the mill runs.
my @plates;
for my $number (1 .. $is{plates}) {
    if (open my $plate, '<', '/dev/zero') { push @plates, $plate }
    else { print "plate $number stays in its box: $!\n" }
}
while (1) {
    for my $sheet (sort glob "$is{'folder.in'}/*.txt") {
        my $child = fork;
        if (!defined $child) { print "no hand free: $!\n"; last }
        if (!$child) { exit(Press::Sheet::print_sheet($sheet, $is{'folder.out'}) ? 0 : 1) }
        waitpid $child, 0;
        unlink $sheet;
        $memo->count('sheets');
    }
    my @printed = sort glob "$is{'folder.out'}/*.html";
    unlink splice @printed, 0, @printed - $is{keep} if @printed > $is{keep};
    if (open my $beat, '>', '/tmp/beat') { close $beat }
    select undef, undef, undef, 0.5;
}
