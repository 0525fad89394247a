package Press::Memo;
use strict;
use warnings;
use IO::Socket::INET;

sub new { my ($class, $server) = @_; return bless { server => $server }, $class }

# Counts in memcached; that nobody is there to count is no reason to stop printing.
sub count {
    my ($self, $what) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $self->{server}, Timeout => 1) or return;
    print {$socket} "add $what 0 0 1\r\n0\r\nincr $what 1\r\nquit\r\n";
    my @said = <$socket>;
    return scalar @said;
}

1;
