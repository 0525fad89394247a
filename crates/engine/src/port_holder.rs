//! Who on this host holds a port, by the kernel's own tables.
//!
//! It needs an engine on this very host, and the right to look at the other's open files; where either is missing
//! the answer is `None`, never a guess.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that looks into the kernel's view of the host's processes"
)]

use std::path::Path;

use bowline_model::Protocol;

use crate::sockets::{Network, Socket};

/// A process of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// Its number.
    pub pid: u32,
    /// Its name, as `ps` shows it.
    pub name: String,
}

/// The process that listens on a port in the network of this process.
pub fn port_holder(port: u16, protocol: Protocol) -> Option<PortHolder> {
    let listens = |socket: &Socket| socket.listener.port == port;
    let inode = Network::own()
        .sockets(protocol)
        .ok()?
        .into_iter()
        .find(listens)?
        .inode;
    let link = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let holds = holds(&entry.path(), &link)?;
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        holds.then(|| PortHolder {
            pid,
            name: name.trim_end().to_owned(),
        })
    })
}

/// Whether a process has a file open that is called so; `None` where that may not be looked at.
fn holds(process: &Path, link: &str) -> Option<bool> {
    let files = std::fs::read_dir(process.join("fd")).ok()?;
    let is_it = |file: std::fs::DirEntry| {
        std::fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == link)
    };
    Some(files.flatten().any(is_it))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn whoever_listens_is_named_and_nobody_where_nobody_does() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let holder = port_holder(port, Protocol::Tcp).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert_eq!(port_holder(port, Protocol::Udp), None);
        drop(listener);
        assert_eq!(port_holder(port, Protocol::Tcp), None);
    }
}
