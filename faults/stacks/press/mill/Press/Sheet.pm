package Press::Sheet;
use strict;
use warnings;

# Writes the printed sheet; says why where it cannot.
sub print_sheet {
    my ($sheet, $folder) = @_;
    my ($name) = $sheet =~ m{([^/]+)\.txt$};
    if (open(my $in, '<', $sheet) && open(my $out, '>', "$folder/$name.html")) {
        return 1 if print {$out} '<pre>', <$in>, '</pre>' and close $out;
    }
    print "sheet $name is waste: $!\n";
    return 0;
}

1;
