//! The routes of this host, by the kernel's own table.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads the kernel's table of routes"
)]

use std::net::Ipv4Addr;

/// The IPv4 routes of this host that are up, each as its subnet (`172.18.0.0/16`; `0.0.0.0/0` is everything else) and
/// the device by which it leaves, in the kernel's order. None where the kernel does not say.
///
/// They are those of the network namespace of this process: an engine may live in another one.
pub fn host_routes() -> Vec<(String, String)> {
    let table = std::fs::read_to_string("/proc/self/net/route");
    table.map(|table| parse(&table)).unwrap_or_default()
}

/// Reads the table: a line of names, then device, destination, gateway, flags …, mask, numbers in hexadecimal and
/// addresses in the order of the host's bytes.
fn parse(table: &str) -> Vec<(String, String)> {
    const UP: u32 = 1;
    let lines = table.lines().skip(1);
    let routes = lines.filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |index: usize| u32::from_str_radix(fields.get(index)?, 16).ok();
        let (destination, flags, mask) = (number(1)?, number(3)?, number(7)?);
        let address = Ipv4Addr::from_bits(u32::from_be(destination));
        let subnet = format!("{address}/{}", mask.count_ones());
        (flags & UP != 0).then(|| (subnet, fields[0].to_owned()))
    });
    routes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn routes_are_read_as_subnets_with_their_devices() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            br-0a1b2c3d4e5f\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n\
            gone0\t0000A8C0\t00000000\t0000\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        let routes = parse(table);
        let shown: Vec<String> = routes
            .iter()
            .map(|(subnet, device)| format!("{subnet} {device}"))
            .collect();
        assert_eq!(
            shown,
            [
                "0.0.0.0/0 eth0",
                "172.18.0.0/16 br-0a1b2c3d4e5f",
                "10.0.0.0/8 tun0"
            ]
        );
    }
}
