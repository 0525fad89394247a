//! A container's network from inside: its connections, and what answers from there.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bowline_model::Protocol;
use serde::{Deserialize, Serialize};

use super::kernel::reset_at_close;
use super::{LONGEST, Listing, Look, Unseen, bounded};
use crate::sockets::{Connection, Listener, Network};

/// No more connections are told.
const MOST_CONNECTIONS: usize = 10_000;
/// No more of what the other side says first is kept, in bytes.
const MOST_OF_GREETING: usize = 64;

/// What became of an attempt to connect. `after` is the time from the attempt to that answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialled {
    /// Somebody took the call.
    Connected {
        /// How long that took.
        after: Duration,
        /// What the other side said first.
        greeting: Greeting,
    },
    /// The host is there and nothing listens, or a packet filter says so.
    Refused {
        /// How long that took.
        after: Duration,
    },
    /// The container has no route there.
    NoRoute {
        /// How long that took.
        after: Duration,
    },
    /// There is a route, and nobody at its end: no such host on the network, or a packet filter says so.
    HostUnreachable {
        /// How long that took.
        after: Duration,
    },
    /// Nobody answered.
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The kernel said something else, for example that a packet filter of the container forbids it.
    Failed {
        /// How long that took.
        after: Duration,
        /// What it said.
        reason: String,
    },
}

/// What the other side of a connection said without being asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Greeting {
    /// Its first bytes, 64 at most.
    Bytes(Vec<u8>),
    /// Nothing in the time that it had; most protocols wait to be spoken to.
    Silent,
    /// It hung up.
    Closed,
    /// It broke the connection off.
    Reset,
}

impl Look {
    /// The TCP and UDP sockets of its network namespace that listen, sorted, each once.
    ///
    /// Containers that share a namespace share them.
    pub fn listeners(&self) -> Result<Vec<Listener>, Unseen> {
        let found = self.sockets("the sockets that listen", |network| {
            let mut found = network.sockets(Protocol::Tcp)?;
            found.extend(network.sockets(Protocol::Udp)?);
            Ok(found)
        })?;
        let mut found: Vec<Listener> = found.into_iter().map(|socket| socket.listener).collect();
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The TCP sockets of its network namespace that do not listen, sorted; at most 10 000.
    ///
    /// Containers that share a namespace share them.
    pub fn connections(&self) -> Result<Listing<Connection>, Unseen> {
        let mut found = self.sockets("the connections", |network| {
            network.connections(MOST_CONNECTIONS + 1)
        })?;
        found.sort_unstable();
        Ok(Listing::first(found, MOST_CONNECTIONS))
    }

    fn sockets<T: Send + 'static>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Network) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Unseen> {
        let pid = self.pid;
        let found = bounded(what, move || {
            let read = Network::of(pid).and_then(|network| read(&network));
            read.map_err(|error| match error.kind() {
                ErrorKind::PermissionDenied => Unseen::Denied { what: what.into() },
                _ => Unseen::Failed {
                    what: what.into(),
                    reason: error.to_string(),
                },
            })
        });
        // The number was the container's all the time if its process is there now.
        self.unless_gone(found)
    }

    /// The number of its network namespace. Containers that share one have the same; a namespace that is made anew has
    /// another.
    pub fn network_namespace(&self) -> Result<u64, Unseen> {
        let main = self.main.clone();
        bounded("the network", move || main.network_namespace())
    }

    /// The IPv4 networks that its main routing table leads to, as `172.18.0.0/16`; `0.0.0.0/0` is the way to all
    /// others. None of its loopback is told, and no route that refuses.
    pub fn routes(&self) -> Result<BTreeSet<String>, Unseen> {
        let main = self.main.clone();
        let read = bounded("the routes", move || main.read("net/route"));
        self.unless_gone(read.map(|text| text.lines().skip(1).filter_map(route).collect()))
    }

    /// Runs `work` on a thread of its own that has entered the container's network namespace, and waits for it; the
    /// thread ends with it.
    ///
    /// `work` may open sockets and use them, and nothing else: only the network is the container's there. Files,
    /// users, the clock and what `/etc` says are still this host's, so no name must be looked up by the system, and
    /// no other thread is in the namespace, so nothing must be handed to a pool or a runtime. It takes as long as it
    /// takes: `work` sets its own limits. What it answers may hold sockets; they stay in the namespace. When it panics,
    /// so does the caller.
    ///
    /// # Errors
    ///
    /// [`Unseen::Denied`] where this process may not enter; then `work` was not run.
    pub fn in_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Unseen> {
        self.main.in_network(work)
    }

    /// Connects by TCP as the container would, listens for what the other side says first, and hangs up. Sends
    /// nothing.
    ///
    /// The server sees a connection from the container that ends at once; some log it. Takes at most `within` for
    /// connecting and `greeting_within` for listening, each a minute at most; zero does not listen at all.
    pub fn dial(
        &self,
        address: SocketAddr,
        within: Duration,
        greeting_within: Duration,
    ) -> Result<Dialled, Unseen> {
        self.in_network(|| dial(address, within.min(LONGEST), greeting_within.min(LONGEST)))
    }
}

/// Where a row of `/proc/net/route` leads to, `None` where it refuses: interface, destination, gateway, flags, four
/// numbers, mask.
fn route(row: &str) -> Option<String> {
    const REFUSES: u32 = 0x200;
    let fields: Vec<&str> = row.split_whitespace().collect();
    let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
    // Addresses stand in the byte order of this host.
    let network = Ipv4Addr::from(number(1)?.to_ne_bytes());
    let bits = number(7)?.count_ones();
    (number(3)? & REFUSES == 0).then(|| format!("{network}/{bits}"))
}

fn dial(address: SocketAddr, within: Duration, greeting_within: Duration) -> Dialled {
    let begun = Instant::now();
    // Zero would be refused as a limit.
    let connected = TcpStream::connect_timeout(&address, within.max(Duration::from_millis(1)));
    let after = begun.elapsed();
    match connected {
        Ok(stream) => {
            let greeting = listen(&stream, greeting_within);
            hang_up(&stream);
            Dialled::Connected { after, greeting }
        }
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused => Dialled::Refused { after },
            ErrorKind::NetworkUnreachable => Dialled::NoRoute { after },
            ErrorKind::HostUnreachable => Dialled::HostUnreachable { after },
            ErrorKind::TimedOut => Dialled::TimedOut { after },
            _ => Dialled::Failed {
                after,
                reason: error.to_string(),
            },
        },
    }
}

/// Ends a connection so that neither side's network keeps a row of it; it is over when its last handle is dropped, which is
/// to follow at once.
///
/// Who hangs up first keeps a row `TIME_WAIT` for a minute, and whoever looks meanwhile takes it for a connection of
/// the container's own program. The other side gets the end of the stream before the reset, so that it sees a caller who
/// hung up, and none who was lost; one that has hung up itself sees nothing any more. Where that side hangs up in the very
/// moment between both, the row stays after all. Repeating it does nothing.
pub fn hang_up(stream: &TcpStream) {
    // Where a call fails the connection is over already.
    let _ = stream.set_nonblocking(true);
    let has_ended = matches!(stream.peek(&mut [0]), Ok(0));
    reset_at_close(stream);
    if !has_ended {
        let _ = stream.shutdown(Shutdown::Write);
    }
}

fn listen(mut stream: &TcpStream, within: Duration) -> Greeting {
    if within.is_zero() || stream.set_read_timeout(Some(within)).is_err() {
        return Greeting::Silent;
    }
    let mut bytes = vec![0; MOST_OF_GREETING];
    match stream.read(&mut bytes) {
        Ok(0) => Greeting::Closed,
        Ok(length) => {
            bytes.truncate(length);
            Greeting::Bytes(bytes)
        }
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Greeting::Reset,
        Err(_) => Greeting::Silent,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn what_the_other_side_says_first_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut first, _) = listener.accept().unwrap();
            first.write_all(b"220 ready\r\n").unwrap();
            let (second, _) = listener.accept().unwrap();
            drop(second);
            // The third one is taken by the kernel, and nobody speaks; the listener lives until the test ends.
            (listener, first)
        });
        let greeting = |within| match dial(address, LONG, within) {
            Dialled::Connected { greeting, .. } => greeting,
            other => panic!("{other:?}"),
        };
        assert_eq!(greeting(LONG), Greeting::Bytes(b"220 ready\r\n".to_vec()));
        assert_eq!(greeting(LONG), Greeting::Closed);
        assert_eq!(greeting(SHORT), Greeting::Silent);
        assert_eq!(greeting(Duration::ZERO), Greeting::Silent);
        drop(server.join().unwrap());
    }

    #[test]
    #[cfg(target_os = "linux")]
    #[expect(
        clippy::disallowed_methods,
        reason = "the kernel's table of connections shows what stayed"
    )]
    fn a_call_leaves_no_row_behind_and_the_other_side_sees_a_caller_who_hung_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        for greeting_within in [Duration::ZERO, SHORT] {
            dial(address, LONG, greeting_within);
            let (mut taken, _) = listener.accept().unwrap();
            assert_eq!(taken.read(&mut [0]).unwrap(), 0);
        }
        // A server that hangs up first.
        let caller = TcpStream::connect(address).unwrap();
        drop(listener.accept().unwrap());
        assert_eq!((&caller).read(&mut [0]).unwrap(), 0);
        hang_up(&caller);
        drop(caller);
        let rows = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let port = format!(":{:04X}", address.port());
        // All but that of the listener.
        let of_calls = |row: &&str| row.contains(&port) && !row.contains(" 0A ");
        assert_eq!(rows.lines().filter(of_calls).collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn nobody_listening_is_told_from_nobody_answering() {
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        assert!(matches!(dial(closed, LONG, LONG), Dialled::Refused { .. }));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_route_is_read_with_its_network_and_none_that_refuses() {
        let rows = "eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            *\t0000A8C0\t00000000\t0200\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            strange";
        let found: Vec<_> = rows.lines().filter_map(route).collect();
        assert_eq!(found, ["0.0.0.0/0", "172.18.0.0/16"]);
    }

    #[test]
    fn an_answer_is_kept_as_it_is() {
        let dialled = Dialled::Connected {
            after: Duration::from_micros(1500),
            greeting: Greeting::Bytes(vec![0, 255]),
        };
        let text = serde_json::to_string(&dialled).unwrap();
        assert_eq!(serde_json::from_str::<Dialled>(&text).unwrap(), dialled);
    }
}
