//! A connection that ends by itself.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bowline_engine::hang_up;

use super::{CONNECT, MOST_BYTES, tls};

/// Why a server could not be asked to the end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Silence {
    /// No connection came about.
    #[error("no connection: {0}")]
    Unreached(ErrorKind),
    /// It took the call, and the time was over before it answered.
    #[error("no answer in time")]
    TooSlow,
    /// It hung up.
    #[error("it hung up")]
    Closed,
    /// What it sent is not of the protocol, or more than is read.
    #[error("an answer of another protocol")]
    Strange,
    /// It speaks TLS, and refuses this client.
    #[error("it breaks the handshake off")]
    Alert,
}

/// What bytes go through.
pub(super) trait Channel: Read + Write {
    /// Lets reading and writing wait so long.
    fn wait_for(&self, left: Duration) -> std::io::Result<()>;
}

impl Channel for TcpStream {
    fn wait_for(&self, left: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(left))?;
        self.set_write_timeout(Some(left))
    }
}

/// A connection with an end: in time and in bytes.
pub(crate) struct Wire {
    channel: Box<dyn Channel>,
    /// The connection below it.
    line: Line,
    bounds: Bounds,
}

/// A connection of which nothing stays behind.
struct Line(TcpStream);

impl Drop for Line {
    fn drop(&mut self) {
        hang_up(&self.0);
    }
}

/// What is left of the time and of the bytes of everything that is asked with one login.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    end: Instant,
    bytes: usize,
}

impl Bounds {
    /// So much time from now on, and the bytes that there are for one server and one login.
    pub(crate) fn within(whole: Duration) -> Self {
        Self {
            end: Instant::now() + whole,
            bytes: MOST_BYTES,
        }
    }

    fn left(self) -> Result<Duration, Silence> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Silence::TooSlow);
        }
        Ok(left)
    }
}

impl Wire {
    /// Connects by TCP, from the network that this thread is in.
    pub(crate) fn open(address: SocketAddr, bounds: Bounds) -> Result<Self, Silence> {
        let within = bounds.left()?.min(CONNECT);
        let stream = TcpStream::connect_timeout(&address, within)
            .map_err(|error| Silence::Unreached(error.kind()))?;
        let line = Line(stream);
        // Questions are small and wait for their answers.
        line.0.set_nodelay(true).map_err(|error| broken(&error))?;
        let twin = line.0.try_clone().map_err(|error| broken(&error))?;
        Ok(Self {
            channel: Box::new(twin),
            line,
            bounds,
        })
    }

    /// Goes on in TLS, whoever the other side says that it is. Gives the certificates that it shows as well, its own
    /// first, each as DER.
    pub(crate) fn secure(self, name: &str) -> Result<(Self, Vec<Vec<u8>>), Silence> {
        let Self { line, bounds, .. } = self;
        let twin = line.0.try_clone().map_err(|error| broken(&error))?;
        let (channel, chain) = tls::shake_hands(twin, name, bounds.end)?;
        let wire = Self {
            channel: Box::new(channel),
            line,
            bounds,
        };
        Ok((wire, chain))
    }

    /// What is left of its time and bytes, for another connection.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Sends all of it.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Silence> {
        self.wait()?;
        self.channel
            .write_all(bytes)
            .and_then(|()| self.channel.flush())
            .map_err(|error| broken(&error))
    }

    /// Reads exactly so many bytes.
    pub(crate) fn take(&mut self, length: usize) -> Result<Vec<u8>, Silence> {
        if length > self.bounds.bytes {
            return Err(Silence::Strange);
        }
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.some(&mut bytes[filled..])? {
                0 => return Err(Silence::Closed),
                read => filled += read,
            }
        }
        Ok(bytes)
    }

    /// Reads up to the end of a line, which is not longer than `limit`, and gives it without the end.
    pub(crate) fn line(&mut self, limit: usize) -> Result<Vec<u8>, Silence> {
        let mut line = Vec::new();
        loop {
            let byte = self.take(1)?[0];
            if byte == b'\n' {
                line.pop_if(|last| *last == b'\r');
                return Ok(line);
            }
            if line.len() == limit {
                return Err(Silence::Strange);
            }
            line.push(byte);
        }
    }

    /// Reads until the other side ends, or so much is there.
    pub(crate) fn rest(&mut self, limit: usize) -> Result<Vec<u8>, Silence> {
        let mut bytes = vec![0; limit.min(self.bounds.bytes)];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.some(&mut bytes[filled..]) {
                Ok(0) | Err(Silence::Closed) => break,
                Ok(read) => filled += read,
                Err(silence) if filled == 0 => return Err(silence),
                Err(_) => break,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn wait(&self) -> Result<(), Silence> {
        let left = self.bounds.left()?;
        self.channel.wait_for(left).map_err(|error| broken(&error))
    }

    /// Reads some bytes; none at the end.
    fn some(&mut self, into: &mut [u8]) -> Result<usize, Silence> {
        loop {
            self.wait()?;
            match self.channel.read(into) {
                Ok(read) => {
                    self.bounds.bytes -= read.min(self.bounds.bytes);
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(&error)),
            }
        }
    }
}

/// What the kernel says of a connection that came about.
pub(super) fn broken(error: &std::io::Error) -> Silence {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Silence::TooSlow,
        ErrorKind::InvalidData => Silence::Strange,
        _ => Silence::Closed,
    }
}
