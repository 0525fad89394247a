//! Servers of tests, which say what they are told to.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

/// A server for one connection after the other, each served by one of these.
pub(super) fn server<F: FnOnce(TcpStream) + Send + 'static>(
    serve: impl IntoIterator<Item = F>,
) -> (SocketAddr, JoinHandle<()>) {
    let serve: Vec<F> = serve.into_iter().collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let run = move || {
        for serve in serve {
            let (stream, _) = listener.accept().unwrap();
            serve(stream);
        }
    };
    (address, std::thread::spawn(run))
}

/// Reads so many bytes.
pub(super) fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Writes all of it, to one who may have gone.
pub(super) fn write(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// Waits until the other side has gone.
pub(super) fn until_gone(mut stream: &TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}
