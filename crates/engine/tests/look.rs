//! A look into a container that was made without an engine, by somebody who may look and somebody who may not.
//!
//! To make one takes root; whoever is not root sees that nothing is told.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test ends where it finds something else than it expects, and makes what it looks at"
)]

#[path = "look/cell.rs"]
mod cell;

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use bowline_engine::{
    Answer, ContainerProcess, Dialled, FileKind, Greeting, Look, Outcome, TcpState, Unseen,
    locked_files,
};
use bowline_model::ContainerId;
use cell::Cell;
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

/// No answer takes longer.
const LONG: Duration = Duration::from_secs(20);
/// What does not come is waited for so long.
const SHORT: Duration = Duration::from_millis(100);

/// A cell to look into; whoever is not root may not make one, and sees no container either.
fn cell() -> Option<Cell> {
    if rustix::process::geteuid().is_root() {
        return Some(Cell::build());
    }
    let refused = Look::at(&ContainerId("f".repeat(64)), 1);
    assert!(matches!(
        refused,
        Err(Unseen::NotThisHost { .. } | Unseen::Denied { .. } | Unseen::Gone)
    ));
    None
}

/// Runs something on a thread that has no rights but those of its user.
fn without_rights<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    let work = || {
        set_capabilities(None, none).unwrap();
        work()
    };
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

#[test]
fn processes_are_told_with_those_that_nobody_reaped() {
    let Some(cell) = cell() else { return };
    let look = cell.look();
    // Its child may take a moment to end.
    let begun = std::time::Instant::now();
    let listing = loop {
        let listing = look.processes().unwrap();
        if listing.items.iter().any(ContainerProcess::is_zombie) {
            break listing;
        }
        assert!(begun.elapsed() < LONG, "{listing:?}");
    };
    assert!(listing.is_complete);
    let of = |inside: u32| -> &ContainerProcess {
        let found = |one: &&ContainerProcess| one.pid_inside == Some(inside);
        listing.items.iter().find(found).unwrap()
    };
    let main = of(1);
    assert_eq!((main.pid, main.uid), (cell.pid, 0));
    assert!(main.started > jiff::Timestamp::UNIX_EPOCH);
    assert!(main.open_files.unwrap() > 0);
    assert!(main.open_files_limit.unwrap() > 0);
    let zombies: Vec<_> = listing.items.iter().filter(|one| one.is_zombie()).collect();
    let [zombie] = zombies[..] else {
        panic!("{listing:?}")
    };
    assert_eq!(zombie.parent, cell.pid);
    assert_ne!(zombie.pid_inside, Some(1));
    assert_eq!((zombie.command.len(), zombie.open_files), (0, None));
    // The test itself is none of its processes.
    let own = std::process::id();
    assert!(listing.items.iter().all(|one| one.pid != own));
}

#[test]
fn counters_are_those_of_its_own_groups() {
    let Some(cell) = cell() else { return };
    std::fs::write(cell.group_file("pids.max"), "100").unwrap();
    let counters = cell.look().counters();
    let processes = counters.processes.unwrap();
    assert_eq!(
        (processes.limit, processes.limit_hits),
        (Some(100), Some(0))
    );
    assert!((2..=100).contains(&processes.current), "{processes:?}");
    let memory = counters.memory.unwrap();
    assert!(memory.current_bytes > 0);
    assert_eq!((memory.limit_bytes, memory.oom_kills), (None, Some(0)));
    let cpu = counters.cpu.unwrap();
    assert_eq!(cpu.quota_micros, None);
    assert!(cpu.period_micros > 0);
    assert_eq!(counters.tcp.unwrap().sent_segments, 0);
}

#[test]
fn its_network_is_known_by_its_number_and_its_routes() {
    let Some(cell) = cell() else { return };
    let look = cell.look();
    let own = std::fs::metadata("/proc/self/ns/net").unwrap().ino();
    assert_ne!(look.network_namespace().unwrap(), own);
    assert_eq!(
        look.network_namespace().unwrap(),
        cell.look().network_namespace().unwrap()
    );
    let routes = look.routes().unwrap();
    assert!(routes.contains("192.0.2.0/24"), "{routes:?}");
    assert!(!routes.contains("198.51.100.0/24"), "{routes:?}");
}

#[test]
fn a_file_is_told_with_the_process_that_holds_it_locked() {
    let Some(cell) = cell() else { return };
    let mut process = cell.look().processes().unwrap().items.remove(0);
    process.pid = std::process::id();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let is_held = || {
        let locked = locked_files(std::slice::from_ref(&process)).unwrap();
        locked.items.iter().any(|lock| lock.path == path)
    };
    assert!(!is_held());
    file.as_file().lock().unwrap();
    assert!(is_held());
    file.as_file().unlock().unwrap();
    assert!(!is_held());
}

#[test]
fn connections_are_those_of_its_own_network() {
    let Some(cell) = cell() else { return };
    let look = cell.look();
    let (listener, client, dialling) = look
        .in_network(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            // Nothing comes back from there, so this is still dialling while it is looked at.
            let dialling = std::thread::spawn(|| {
                TcpStream::connect_timeout(&"192.0.2.1:5432".parse().unwrap(), LONG)
            });
            (listener, client, dialling)
        })
        .unwrap();
    let found = loop {
        let found = look.connections().unwrap();
        let dials = |state| found.items.iter().any(|one| one.state == state);
        if dials(TcpState::SynSent) {
            break found;
        }
        assert!(!dialling.is_finished(), "{found:?}");
    };
    let ends = |state| -> Vec<SocketAddr> {
        let of = found.items.iter().filter(|one| one.state == state);
        of.map(|one| one.remote).collect()
    };
    assert_eq!(ends(TcpState::SynSent), ["192.0.2.1:5432".parse().unwrap()]);
    let mut both = [client.local_addr().unwrap(), listener.local_addr().unwrap()];
    let mut established = ends(TcpState::Established);
    both.sort_unstable();
    established.sort_unstable();
    assert_eq!(established, both);
    assert!(found.is_complete);
    let before = look.counters().tcp.unwrap();
    assert!(before.sent_segments > 0, "{before:?}");
}

#[test]
fn a_path_never_leads_out_of_the_root() {
    let Some(cell) = cell() else { return };
    let look = cell.look();
    assert!(std::path::Path::new("/etc/passwd").exists());
    for path in [
        "/outside",
        "/magic",
        "/etc/passwd",
        "/../etc/passwd",
        "/absent/x",
    ] {
        assert_eq!(look.stat(path), Ok(None), "{path}");
        assert_eq!(look.read(path, 10), Ok(None), "{path}");
    }
    for path in [
        "/etc/hosts",
        "etc/hosts",
        "/absolute",
        "/upwards",
        "/../../etc/hosts",
    ] {
        let start = look.read(path, 9).unwrap().unwrap();
        assert_eq!(
            (&start.bytes[..], start.is_whole),
            (&b"127.0.0.1"[..], false)
        );
    }
    assert!(matches!(look.stat("/loop"), Err(Unseen::Failed { .. })));
}

#[test]
fn what_is_at_a_path_is_told_and_only_regular_files_are_opened() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(cell) = cell() else { return };
    let look = cell.look();
    let hosts = cell.path("etc/hosts");
    std::fs::set_permissions(&hosts, std::fs::Permissions::from_mode(0o4640)).unwrap();
    std::os::unix::fs::chown(&hosts, Some(1000), Some(1001)).unwrap();
    let stat = look.stat("/etc/hosts").unwrap().unwrap();
    assert_eq!((stat.uid, stat.gid), (1000, 1001));
    // A change of the owner takes setuid away.
    assert_eq!((stat.kind, stat.mode), (FileKind::File, 0o640));
    assert_eq!(stat.size_bytes, std::fs::metadata(&hosts).unwrap().len());
    assert!(stat.modified.unwrap() > jiff::Timestamp::UNIX_EPOCH);
    let whole = look.read("/etc/hosts", 1000).unwrap().unwrap();
    assert!(whole.is_whole && whole.bytes.ends_with(b"known\n"));

    let socket = std::os::unix::net::UnixListener::bind(cell.path("socket")).unwrap();
    assert_eq!(
        look.stat("/socket").unwrap().unwrap().kind,
        FileKind::Socket
    );
    assert_eq!(look.stat("/etc").unwrap().unwrap().kind, FileKind::Folder);
    assert_eq!(look.is_empty_folder("/etc"), Ok(Some(false)));
    assert_eq!(look.is_empty_folder("/nowhere"), Ok(None));
    assert!(look.newest_in_folder("/etc").unwrap().is_some());
    assert_eq!(look.newest_in_folder("/nowhere"), Ok(None));
    assert!(look.newest_in_folder("/etc/hosts").is_err());
    assert!(look.is_empty_folder("/etc/hosts").is_err());
    for path in ["/socket", "/etc"] {
        assert_eq!(
            look.read(path, 10).unwrap_err().to_string(),
            format!("`{path}` of the container cannot be read: it is not a regular file")
        );
    }
    drop(socket);
}

#[test]
fn a_small_and_a_fixed_file_system_are_told() {
    let Some(cell) = cell() else { return };
    let look = cell.look();
    let small = look.file_system("/small").unwrap().unwrap();
    assert_eq!((small.total_bytes, small.total_inodes), (64 * 1024, 16));
    assert_eq!(
        (small.free_bytes, small.available_bytes),
        (64 * 1024, 64 * 1024)
    );
    assert_eq!((small.free_inodes, small.is_read_only), (15, false));
    assert!(look.file_system("/fixed").unwrap().unwrap().is_read_only);
    assert_eq!(look.file_system("/absent"), Ok(None));
}

#[test]
fn dialling_goes_through_its_own_network() {
    let Some(cell) = cell() else { return };
    let look = cell.look();
    let listener = look
        .in_network(|| TcpListener::bind("127.0.0.1:5432").unwrap())
        .unwrap();
    let dial = |address: &str, within| look.dial(address.parse().unwrap(), within, SHORT).unwrap();
    let open = dial("127.0.0.1:5432", LONG);
    assert!(
        matches!(
            open,
            Dialled::Connected {
                greeting: Greeting::Silent,
                ..
            }
        ),
        "{open:?}"
    );
    drop(listener);
    let refused = dial("127.0.0.1:5432", LONG);
    assert!(matches!(refused, Dialled::Refused { .. }), "{refused:?}");
    let none = dial("203.0.113.1:80", LONG);
    assert!(matches!(none, Dialled::NoRoute { .. }), "{none:?}");
    let dead_end = dial("198.51.100.1:80", LONG);
    assert!(
        matches!(dead_end, Dialled::HostUnreachable { .. }),
        "{dead_end:?}"
    );
    let silent = dial("192.0.2.1:80", SHORT);
    assert!(
        matches!(silent, Dialled::TimedOut { after } if after >= SHORT),
        "{silent:?}"
    );
}

/// Answers with the code that goes with each name, until it has answered so many questions.
fn name_server(socket: &UdpSocket, questions: usize) {
    for _ in 0..questions {
        let mut datagram = [0; 512];
        let (length, from) = socket.recv_from(&mut datagram).unwrap();
        let reply = &mut datagram[..length];
        let code = match reply[12 + 1] {
            b's' => 2,
            b'n' => 3,
            _ => 0,
        };
        reply[2] = 0x81;
        reply[3] = 0x80 | code;
        socket.send_to(reply, from).unwrap();
    }
}

#[test]
fn names_are_asked_for_as_its_own_files_say() {
    let Some(cell) = cell() else { return };
    let look = cell.look();
    let outcome = |name: &str, within| look.resolve(name, within).unwrap();
    let known = outcome("known", LONG);
    assert_eq!(
        known.outcome,
        Outcome::Addresses(vec![[10, 1, 2, 3].into()])
    );
    // Nobody listens there yet.
    let unheard = outcome("none", LONG);
    assert_eq!(unheard.outcome, Outcome::NoAnswer);
    assert!(matches!(unheard.asked[0].answer, Answer::NotThere { .. }));

    let socket = look
        .in_network(|| UdpSocket::bind("127.0.0.11:53").unwrap())
        .unwrap();
    let silent = outcome("quiet", SHORT);
    assert_eq!(silent.outcome, Outcome::NoAnswer);
    assert_eq!(silent.asked[0].answer, Answer::Nothing);
    socket.set_nonblocking(true).unwrap();
    while socket.recv(&mut [0; 512]).is_ok() {}
    socket.set_nonblocking(false).unwrap();

    // Both kinds of addresses, and with the suffix as well.
    let served = std::thread::spawn(move || name_server(&socket, 3 * 4));
    assert_eq!(outcome("none", LONG).outcome, Outcome::NoSuchName);
    assert_eq!(outcome("sick", LONG).outcome, Outcome::ServerFailed);
    let empty = outcome("empty", LONG);
    assert_eq!(empty.outcome, Outcome::NoAddresses);
    let asked: Vec<&str> = empty.asked.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(asked, ["empty", "empty", "empty.corp", "empty.corp"]);
    served.join().unwrap();
}

#[test]
fn without_a_file_of_name_servers_this_very_host_is_asked() {
    let Some(cell) = cell() else { return };
    std::fs::remove_file(cell.path("etc/resolv.conf")).unwrap();
    let found = cell.look().resolve("none", LONG).unwrap();
    assert_eq!(found.asked[0].server.to_string(), "127.0.0.1");
}

#[test]
fn a_container_that_has_ended_is_gone() {
    let Some(mut cell) = cell() else { return };
    let look = cell.look();
    cell.end();
    assert_eq!(look.processes(), Err(Unseen::Gone));
    assert_eq!(look.connections(), Err(Unseen::Gone));
    assert_eq!(look.stat("/etc/hosts"), Err(Unseen::Gone));
    assert_eq!(look.in_network(|| ()), Err(Unseen::Gone));
    let counters = look.counters();
    assert_eq!(counters.memory, Err(Unseen::Gone));
    assert_eq!(counters.tcp, Err(Unseen::Gone));
    assert_eq!(Look::at(&cell.id, cell.pid).unwrap_err(), Unseen::Gone);
}

#[test]
fn whoever_may_not_look_is_told_so() {
    let Some(cell) = cell() else { return };
    without_rights(|| {
        let look = cell.look();
        let is_denied = |error| matches!(error, Unseen::Denied { .. });
        assert!(is_denied(look.stat("/etc/hosts").unwrap_err()));
        assert!(is_denied(look.in_network(|| ()).unwrap_err()));
        assert!(is_denied(look.resolve("known", SHORT).unwrap_err()));
        // Everybody may see this much.
        let processes = look.processes().unwrap();
        assert!(processes.items.iter().any(|one| one.pid == cell.pid));
    });
}
