//! A look inside running containers from the host: which ports really listen, and whether a script is still at it.
//!
//! Reads what the kernel shows of a process' network namespace, so it works for images without a shell and
//! changes nothing. It needs an engine on this very host, and the right to read `/proc` of its processes;
//! where either is missing the answer is `None`, never a guess.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that looks into the kernel's view of containers"
)]

use bowline_model::{ContainerId, Protocol};

use crate::look::Group;
use crate::sockets::{Listener, Network};

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
    let network = Network::of(pid).ok()?;
    // The number may mean another process here; the control group says whose it is.
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let mounts = || std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok();
    Group::of(&groups, container, mounts)?;
    let mut found = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        found.extend(network.sockets(protocol).ok()?);
    }
    let mut found: Vec<Listener> = found.into_iter().map(|socket| socket.listener).collect();
    found.sort_unstable();
    found.dedup();
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

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
