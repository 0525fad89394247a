//! The sockets that listen in a network namespace, as the kernel tells them.
//!
//! TCP is asked for by `sock_diag`, as `ss` does it: it answers with what listens and looks at nothing else. Where
//! that cannot be had (no right to enter the namespace, a kernel without it), and for UDP, the tables under `/proc`
//! are read. Those of TCP cost a millisecond and more however little is in them, because the kernel walks its
//! whole table of connections for them, and that one grows with the machine's memory.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads the kernel's tables of sockets"
)]

#[cfg(target_os = "linux")]
mod diag;

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use bowline_model::Protocol;

/// A socket that waits for traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// The address it is bound to.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

impl Listener {
    /// Tells whether it can be reached from outside its network namespace.
    pub fn is_reachable(&self) -> bool {
        !self.address.is_loopback()
    }
}

/// A socket that waits for traffic, as the kernel numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) listener: Listener,
    pub(crate) inode: u64,
}

/// A network namespace to look into.
#[derive(Debug)]
pub(crate) struct Network {
    /// The folder of its tables.
    tables: PathBuf,
    /// The namespace itself, where it may be entered.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code))]
    namespace: Option<File>,
}

impl Network {
    /// That of this process.
    pub(crate) fn own() -> Self {
        Self {
            tables: PathBuf::from("/proc/self/net"),
            namespace: None,
        }
    }

    /// That of a process.
    pub(crate) fn of(pid: u32) -> std::io::Result<Self> {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let tables = process.join("net");
        tables.metadata()?;
        Ok(Self {
            tables,
            namespace: File::open(process.join("ns/net")).ok(),
        })
    }

    /// The sockets that listen in it, in no order.
    pub(crate) fn sockets(&self, protocol: Protocol) -> std::io::Result<Vec<Socket>> {
        match protocol {
            Protocol::Tcp => {
                #[cfg(target_os = "linux")]
                if let Some(namespace) = &self.namespace
                    && let Some(sockets) = diag::listening(namespace)
                {
                    return Ok(sockets);
                }
                self.read(["tcp", "tcp6"], protocol, LISTEN)
            }
            Protocol::Udp => self.read(["udp", "udp6"], protocol, BOUND),
            Protocol::Sctp => Ok(Vec::new()),
        }
    }

    fn read(
        &self,
        files: [&str; 2],
        protocol: Protocol,
        state: &'static str,
    ) -> std::io::Result<Vec<Socket>> {
        let mut found = Vec::new();
        for file in files {
            match std::fs::read_to_string(self.tables.join(file)) {
                Ok(table) => found.extend(parse(&table, protocol, state)),
                // A kernel without IPv6 has no such file.
                Err(error)
                    if error.kind() == std::io::ErrorKind::NotFound && file.ends_with('6') => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

/// State of a TCP socket that listens.
const LISTEN: &str = "0A";
/// State of a UDP socket that is bound and not connected.
const BOUND: &str = "07";

fn parse(table: &str, protocol: Protocol, state: &'static str) -> impl Iterator<Item = Socket> {
    table.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_whitespace();
        let local = fields.nth(1)?;
        if fields.nth(1)? != state {
            return None;
        }
        let (address, port) = local.split_once(':')?;
        let listener = Listener {
            address: parse_address(address)?,
            port: u16::from_str_radix(port, 16).ok()?,
            protocol,
        };
        let inode = fields.nth(5)?.parse().ok()?;
        Some(Socket { listener, inode })
    })
}

/// Reads an address as the kernel writes it: words of 32 bits, each in the host's byte order.
fn parse_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at..at + 8)?, 16).ok();
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?.to_ne_bytes()).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index * 8)?.to_ne_bytes());
            }
            let address = Ipv6Addr::from(bytes);
            Some(
                address
                    .to_ipv4_mapped()
                    .map_or(IpAddr::V6(address), IpAddr::V4),
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn listening_sockets_are_read_with_their_address() {
        let rest = "00000000:00000000 00:00000000 00000000     0        0";
        let tcp = format!(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1538 00000000:0000 0A {rest} 4711 1 0\n\
             1: 00000000:0050 00000000:0000 0A {rest} 4712 1 0\n\
             2: 0200A8C0:0050 0300A8C0:C000 01 {rest} 4713 1 0\n"
        );
        let found: Vec<_> = parse(&tcp, Protocol::Tcp, LISTEN).collect();
        let seen: Vec<_> = found
            .iter()
            .map(|socket| {
                (
                    socket.listener.address.to_string(),
                    socket.inode,
                    socket.listener.is_reachable(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("127.0.0.1".to_owned(), 4711, false),
                ("0.0.0.0".to_owned(), 4712, true)
            ]
        );
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn addresses_of_both_families_are_read() {
        assert_eq!(
            parse_address("00000000000000000000000000000000")
                .map(|a| a.to_string())
                .as_deref(),
            Some("::")
        );
        assert_eq!(
            parse_address("00000000000000000000000001000000").map(|a| a.is_loopback()),
            Some(true)
        );
        assert_eq!(
            parse_address("0000000000000000FFFF00000100007F").map(|a| a.is_loopback()),
            Some(true)
        );
        assert_eq!(parse_address("zz"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_answers_what_its_tables_say() {
        let listeners = ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"]
            .map(|address| TcpListener::bind(address).unwrap());
        // A connection is none.
        let _connected = std::net::TcpStream::connect(listeners[0].local_addr().unwrap()).unwrap();
        let process = Network::of(std::process::id()).unwrap();
        let Some(answered) = diag::listening(process.namespace.as_ref().unwrap()) else {
            assert!(!rustix::process::geteuid().is_root(), "root may ask");
            return;
        };
        let read = Network::own().sockets(Protocol::Tcp).unwrap();
        for listener in &listeners {
            let address = listener.local_addr().unwrap();
            let is_it = |socket: &&Socket| {
                (socket.listener.address, socket.listener.port) == (address.ip(), address.port())
            };
            let found = answered.iter().find(is_it).copied();
            assert!(found.is_some(), "{address} is missing in {answered:?}");
            assert_eq!(found, read.iter().find(is_it).copied());
            assert_eq!(answered.iter().filter(is_it).count(), 1);
        }
    }
}
