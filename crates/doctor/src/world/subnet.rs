//! Subnets, as text.

use std::net::IpAddr;

/// The bits of an address, the first first, and how many of them there are.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

/// `172.18.0.0/16` as its first address and the number of bits that are fixed.
fn parse(subnet: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = subnet.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u32 = length.parse().ok()?;
    (length <= bits(address).1).then_some((address, length))
}

/// Whether an address is in a subnet; not where either cannot be read.
pub(crate) fn contains(subnet: &str, address: IpAddr) -> bool {
    let Some((first, length)) = parse(subnet) else {
        return false;
    };
    let ((first, width), (address, of)) = (bits(first), bits(address));
    // All bits of the left are the same where none differs before `length`.
    width == of && (first ^ address).leading_zeros() >= length
}

/// Whether two subnets have addresses in common.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let holds_first =
        |one: &str, other: &str| parse(other).is_some_and(|(first, _)| contains(one, first));
    holds_first(one, other) || holds_first(other, one)
}

/// How many bits of a subnet are fixed.
pub(crate) fn prefix(subnet: &str) -> Option<u32> {
    parse(subnet).map(|(_, length)| length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_subnets_only() {
        for (subnet, address, is_in) in [
            ("172.18.0.0/16", "172.18.3.4", true),
            ("172.18.0.0/16", "172.19.0.1", false),
            ("10.0.0.0/8", "10.255.0.1", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("172.18.0.3/32", "172.18.0.3", true),
            ("fd00::/64", "fd00::1", true),
            ("fd00::/64", "fd01::1", false),
            ("172.18.0.0/16", "fd00::1", false),
            ("nonsense", "172.18.0.3", false),
        ] {
            assert_eq!(
                contains(subnet, address.parse().unwrap()),
                is_in,
                "{subnet} {address}"
            );
        }
    }

    #[test]
    fn subnets_overlap_where_one_is_in_the_other() {
        for (one, other, do_overlap) in [
            ("172.18.0.0/16", "172.18.4.0/24", true),
            ("172.18.4.0/24", "172.18.0.0/16", true),
            ("172.18.0.0/16", "172.19.0.0/16", false),
            ("10.0.0.0/8", "10.0.0.0/8", true),
            ("10.0.0.0/8", "fd00::/8", false),
        ] {
            assert_eq!(overlap(one, other), do_overlap, "{one} {other}");
        }
    }
}
