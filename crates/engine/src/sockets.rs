//! The sockets of a network namespace, as the kernel tells them.
//!
//! TCP is asked for by `sock_diag`, as `ss` does it: it answers with what is asked for and looks at nothing else. Where
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
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use bowline_model::Protocol;
use serde::{Deserialize, Serialize};

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

/// A TCP socket that does not listen.
///
/// An IPv4 address that a socket for both families holds in the form of IPv6 stands here as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Connection {
    /// The container's end.
    pub local: SocketAddr,
    /// The other end; all zeros where there is none.
    pub remote: SocketAddr,
    /// How far it is.
    pub state: TcpState,
    /// How often in a row the oldest of what it has sent was sent again, since nobody confirmed it; 0 where all is well.
    pub resent: u8,
}

/// How far a TCP connection is, as RFC 9293 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TcpState {
    /// Open in both directions.
    Established,
    /// Asked to connect and not answered: it is dialling.
    SynSent,
    /// Was asked, has answered, and waits for the last word.
    SynReceived,
    /// This end has closed and waits for the other one to confirm it.
    FinWait1,
    /// This end has closed, the other one has not.
    FinWait2,
    /// Both have closed; kept for stray packets.
    TimeWait,
    /// No connection.
    Closed,
    /// The other end has closed, this one has not.
    CloseWait,
    /// Both have closed; the last confirmation is outstanding.
    LastAck,
    /// Both have closed at once.
    Closing,
}

impl TcpState {
    /// Reads a state as the kernel numbers it; `None` for a socket that listens.
    fn of_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            // 12 is a request that is not a socket yet.
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            // 13 is bound and not connected.
            7 | 13 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            11 => Self::Closing,
            _ => return None,
        })
    }
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
                self.listening(["tcp", "tcp6"], protocol, LISTEN)
            }
            Protocol::Udp => self.listening(["udp", "udp6"], protocol, BOUND),
            Protocol::Sctp => Ok(Vec::new()),
        }
    }

    /// The TCP sockets in it that do not listen, in no order, at most `most` of either family.
    pub(crate) fn connections(&self, most: usize) -> std::io::Result<Vec<Connection>> {
        #[cfg(target_os = "linux")]
        if let Some(namespace) = &self.namespace
            && let Some(connections) = diag::connected(namespace, most)
        {
            return Ok(connections);
        }
        let most_bytes = u64::try_from(most)
            .unwrap_or(u64::MAX)
            .saturating_mul(LONGEST_ROW);
        let mut found = Vec::new();
        for table in self.read(["tcp", "tcp6"], most_bytes)? {
            let connections = rows(&table).filter_map(|row| {
                Some(Connection {
                    local: row.local,
                    remote: row.remote,
                    state: TcpState::of_number(row.state)?,
                    resent: row.resent,
                })
            });
            found.extend(connections.take(most));
        }
        Ok(found)
    }

    fn listening(
        &self,
        files: [&str; 2],
        protocol: Protocol,
        state: u8,
    ) -> std::io::Result<Vec<Socket>> {
        let tables = self.read(files, u64::MAX)?;
        let found = tables
            .iter()
            .flat_map(|table| listening_rows(table, protocol, state));
        Ok(found.collect())
    }

    /// The beginnings of two tables.
    fn read(&self, files: [&str; 2], most_bytes: u64) -> std::io::Result<Vec<String>> {
        let mut found = Vec::new();
        for file in files {
            match File::open(self.tables.join(file)) {
                Ok(table) => {
                    let mut text = Vec::new();
                    table.take(most_bytes).read_to_end(&mut text)?;
                    found.push(String::from_utf8_lossy(&text).into_owned());
                }
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
const LISTEN: u8 = 0x0A;
/// State of a UDP socket that is bound and not connected.
const BOUND: u8 = 0x07;

/// No row of a table is longer, in bytes.
const LONGEST_ROW: u64 = 256;

/// A row of one of the tables.
struct Row {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    resent: u8,
    inode: u64,
}

/// The timer of a socket that runs while it waits for what it has sent to be confirmed.
const RESENDS: &str = "01:";

fn rows(table: &str) -> impl Iterator<Item = Row> {
    table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let local = parse_end(fields.nth(1)?)?;
        let remote = parse_end(fields.next()?)?;
        let state = u8::from_str_radix(fields.next()?, 16).ok()?;
        let resends = fields.nth(1)?.starts_with(RESENDS);
        let times = u8::from_str_radix(fields.next()?.trim_start_matches('0'), 16);
        Some(Row {
            local,
            remote,
            state,
            resent: times.ok().filter(|_| resends).unwrap_or_default(),
            inode: fields.nth(2)?.parse().ok()?,
        })
    })
}

fn listening_rows(table: &str, protocol: Protocol, state: u8) -> impl Iterator<Item = Socket> {
    rows(table)
        .filter(move |row| row.state == state)
        .map(move |row| Socket {
            listener: Listener {
                address: row.local.ip(),
                port: row.local.port(),
                protocol,
            },
            inode: row.inode,
        })
}

/// Reads one end of a connection: address and port.
fn parse_end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    Some(SocketAddr::new(
        parse_address(address)?,
        u16::from_str_radix(port, 16).ok()?,
    ))
}

/// An address without the form in which IPv6 carries IPv4.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => address
            .to_ipv4_mapped()
            .map_or(IpAddr::V6(address), IpAddr::V4),
        IpAddr::V4(_) => address,
    }
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
            Some(plain(IpAddr::V6(Ipv6Addr::from(bytes))))
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
        let found: Vec<_> = listening_rows(&tcp, Protocol::Tcp, LISTEN).collect();
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
    fn connections_are_read_with_both_ends_and_their_state() {
        let rest = "00000000:00000000 00:00000000 00000000     0        0";
        let folder = tempfile::tempdir().unwrap();
        let tcp = format!(
            "header\n\
             0: 0100007F:1538 00000000:0000 0A {rest} 4711 1 0\n\
             1: 0200A8C0:C000 0300A8C0:1538 01 {rest} 4712 1 0\n\
             2: 0200A8C0:C001 0300A8C0:1539 02 00000000:00000001 01:00000063 00000003     0        0 4713 1 0\n\
             3: 0200A8C0:C002 0300A8C0:1539 FF {rest} 4714 1 0\n"
        );
        std::fs::write(folder.path().join("tcp"), tcp).unwrap();
        let network = Network {
            tables: folder.path().to_owned(),
            namespace: None,
        };
        let found = network.connections(10).unwrap();
        let seen: Vec<_> = found
            .iter()
            .map(|one| {
                let ends = (one.local.to_string(), one.remote.to_string());
                (ends.0, ends.1, one.state, one.resent)
            })
            .collect();
        assert_eq!(
            seen,
            [
                (
                    "192.168.0.2:49152".to_owned(),
                    "192.168.0.3:5432".to_owned(),
                    TcpState::Established,
                    0
                ),
                (
                    "192.168.0.2:49153".to_owned(),
                    "192.168.0.3:5433".to_owned(),
                    TcpState::SynSent,
                    3
                ),
            ]
        );
        assert_eq!(network.connections(1).unwrap(), found[..1]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_answers_which_connections_its_tables_have() {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let process = Network::of(std::process::id()).unwrap();
        let namespace = process.namespace.as_ref().unwrap();
        let Some(answered) = diag::connected(namespace, usize::MAX) else {
            assert!(!rustix::process::geteuid().is_root(), "root may ask");
            return;
        };
        let ours = |connections: Vec<Connection>| {
            let mut ours: Vec<_> = connections
                .into_iter()
                .filter(|one| one.local.port() == port || one.remote.port() == port)
                .collect();
            ours.sort_unstable();
            ours
        };
        let mut ends = [client.local_addr().unwrap(), client.peer_addr().unwrap()];
        ends.sort_unstable();
        let answered = ours(answered);
        let seen: Vec<_> = answered.iter().map(|one| (one.local, one.state)).collect();
        assert_eq!(seen, ends.map(|end| (end, TcpState::Established)));
        assert_eq!(
            ours(Network::own().connections(usize::MAX).unwrap()),
            answered
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
