//! A look inside running containers from the host: which ports really listen, and whether a script is still at it.
//!
//! Reads what the kernel shows of a process' network namespace, so it works for images without a shell and
//! changes nothing. It needs an engine on this very host, and the right to read `/proc` of its processes;
//! where either is missing the answer is `None`, never a guess.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that looks into the kernel's view of containers"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use bowline_model::{ContainerId, Protocol};

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

/// What is going on in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// The sockets that listen in its network namespace, sorted.
    pub listeners: Vec<Listener>,
    /// Its main process is a shell that runs a file: a start script that has not made way for the server yet, or one
    /// that never does.
    pub is_script: bool,
}

/// Looks into a container by its main process.
///
/// `None` where that cannot be looked at: the process is not this container's (another host, or it ended), or its
/// files may not be read.
pub fn inside(container: &ContainerId, pid: u32) -> Option<Inside> {
    let listeners = listeners(container, pid)?;
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(Inside {
        listeners,
        is_script: runs_script(&command),
    })
}

/// Whether a command line, as the kernel shows it, is that of a shell that runs a file. One with `-c` runs a line that
/// somebody wrote into a Compose file or an image: that is the server's own start.
fn runs_script(command: &[u8]) -> bool {
    let mut words = command.split(|byte| *byte == 0);
    let program = words.next().unwrap_or_default();
    let name = program.rsplit(|byte| *byte == b'/').next();
    let is_shell = matches!(name, Some(b"sh" | b"bash" | b"dash" | b"ash"));
    let is_option = |word: &&[u8]| word.starts_with(b"-") && !word.starts_with(b"--");
    let runs_line = words
        .take_while(is_option)
        .any(|options| options.contains(&b'c'));
    is_shell && !runs_line
}

/// The sockets that listen in the network namespace of a container's main process, sorted.
fn listeners(container: &ContainerId, pid: u32) -> Option<Vec<Listener>> {
    // The number may mean another process here; the control group says whose it is.
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    if !groups.contains(&container.0) && !is_in_its_own_group(&groups, container, pid) {
        return None;
    }
    let net = PathBuf::from(format!("/proc/{pid}/net"));
    let mut found = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        found.extend(sockets(&net, protocol).ok()?);
    }
    let mut found: Vec<Listener> = found.into_iter().map(|socket| socket.listener).collect();
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// A socket that waits for traffic, as the kernel numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) listener: Listener,
    pub(crate) inode: u64,
}

/// The sockets that listen, by the tables in a folder `net` of a process.
pub(crate) fn sockets(net: &Path, protocol: Protocol) -> std::io::Result<Vec<Socket>> {
    let (files, state) = match protocol {
        Protocol::Tcp => (["tcp", "tcp6"], LISTEN),
        Protocol::Udp => (["udp", "udp6"], BOUND),
        Protocol::Sctp => return Ok(Vec::new()),
    };
    let mut found = Vec::new();
    for file in files {
        match std::fs::read_to_string(net.join(file)) {
            Ok(table) => found.extend(parse(&table, protocol, state)),
            // A kernel without IPv6 has no such file.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.ends_with('6') => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Where control groups have namespaces the path does not name the container; its files' mount then does.
fn is_in_its_own_group(groups: &str, container: &ContainerId, pid: u32) -> bool {
    let hidden = groups.lines().all(|line| line.ends_with(":/"));
    hidden
        && std::fs::read_to_string(format!("/proc/{pid}/mountinfo"))
            .is_ok_and(|mounts| mounts.contains(&container.0))
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
    fn a_start_script_is_known_by_its_shell() {
        assert!(runs_script(
            b"bash\0/usr/local/bin/docker-entrypoint.sh\0postgres\0-c\0fsync=off\0"
        ));
        assert!(runs_script(b"/bin/bash\0-eu\0/entrypoint.sh\0"));
        assert!(!runs_script(b"/bin/sh\0-c\0serve & wait\0"));
        assert!(!runs_script(b"sh\0-ec\0serve & wait\0"));
        assert!(!runs_script(b"postgres\0-D\0/data\0"));
        assert!(!runs_script(b""));
    }

    #[test]
    fn a_process_of_somebody_else_is_not_looked_into() {
        let id = ContainerId("f".repeat(64));
        assert_eq!(listeners(&id, std::process::id()), None);
        assert_eq!(listeners(&id, u32::MAX), None);
    }
}
