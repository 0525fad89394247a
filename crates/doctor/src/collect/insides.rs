//! The kernel's view of running containers, as facts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use bowline_engine::{Connection, ContainerProcess, Look, Unseen, locked_files};
use bowline_model::Protocol;

use crate::facts::{InsideFact, ListenerFact, PeerFact, SessionFact};

/// Looks into a running container. Blocks for some milliseconds.
///
/// # Errors
///
/// Its sockets cannot be read. What else cannot be read is left out.
pub(crate) fn of(look: &Look) -> Result<InsideFact, Unseen> {
    let mut fact = InsideFact {
        listeners: look
            .listeners()?
            .iter()
            .map(|listener| ListenerFact {
                port: listener.port,
                address: listener.address,
                protocol: listener.protocol,
            })
            .collect(),
        ..InsideFact::default()
    };
    if let Ok(connections) = look.connections() {
        fact.peers = peers(&connections.items, &fact.listeners);
    }
    if let Ok(processes) = look.processes() {
        tell_processes(&mut fact, look.pid(), &processes.items);
    }
    fact.namespace = look.network_namespace().ok();
    fact.routes = look.routes().ok();
    tell_counters(&mut fact, look);
    Ok(fact)
}

/// What was seen from within, with the counters of control groups that can only be seen from the host.
pub(super) fn joined(within: InsideFact, from_host: &InsideFact) -> InsideFact {
    InsideFact {
        memory: from_host.memory.or(within.memory),
        oom_kills: from_host.oom_kills.or(within.oom_kills),
        throttled: from_host.throttled.or(within.throttled),
        pids: from_host.pids.or(within.pids),
        ..within
    }
}

/// Connections that differ in nothing but a port that the kernel chose, counted together.
fn peers(connections: &[Connection], listeners: &[ListenerFact]) -> Vec<PeerFact> {
    let ports: BTreeSet<u16> = listeners
        .iter()
        .filter(|listener| listener.protocol == Protocol::Tcp)
        .map(|listener| listener.port)
        .collect();
    let is_open = |address: &SocketAddr| address.port() != 0;
    let mut alike: BTreeMap<_, usize> = BTreeMap::new();
    for connection in connections.iter().filter(|one| is_open(&one.remote)) {
        let was_called = ports.contains(&connection.local.port());
        let key = (
            connection.remote.ip(),
            (!was_called).then(|| connection.remote.port()),
            was_called.then(|| connection.local.port()),
            connection.state,
            connection.resent,
        );
        *alike.entry(key).or_default() += 1;
    }
    let alike = alike.into_iter();
    alike
        .map(
            |((remote, remote_port, local_port, state, resent), count)| PeerFact {
                remote,
                remote_port,
                local_port,
                state,
                resent,
                count,
            },
        )
        .collect()
}

/// The sessions that processes say they are, those alike counted together.
fn sessions(processes: &[ContainerProcess]) -> Vec<SessionFact> {
    let mut alike: BTreeMap<SessionFact, usize> = BTreeMap::new();
    for process in processes {
        if let Some(session) = session(&process.command.join(" ")) {
            *alike.entry(session).or_default() += 1;
        }
    }
    let alike = alike.into_iter();
    alike
        .map(|(session, count)| SessionFact { count, ..session })
        .collect()
}

/// A session, from the title that Postgres gives a process: `postgres: USER DATABASE ADDRESS(PORT) DOING`, with the
/// cluster's name before the user where it has one (its documentation, section 27.1).
fn session(title: &str) -> Option<SessionFact> {
    let words: Vec<&str> = title
        .strip_prefix("postgres: ")?
        .split_whitespace()
        .collect();
    let address = |word: &str| {
        word.split_once('(')
            .filter(|_| word.ends_with(')'))
            .map(|(it, _)| it.to_owned())
    };
    let at = words.iter().position(|word| {
        *word == "[local]" || address(word).is_some_and(|it| it.parse::<IpAddr>().is_ok())
    })?;
    let doing = words[at + 1..].join(" ");
    Some(SessionFact {
        user: (*words.get(at.checked_sub(2)?)?).to_owned(),
        database: (*words.get(at - 1)?).to_owned(),
        remote: address(words[at]).and_then(|it| it.parse().ok()),
        doing,
        count: 0,
    })
}

/// The files that processes hold locked, each with the command that does.
fn locked(processes: &[ContainerProcess]) -> BTreeMap<String, String> {
    let held = locked_files(processes).map_or_else(|_| Vec::new(), |held| held.items);
    let command = |pid| {
        let holder = processes.iter().find(|process| process.pid == pid)?;
        Some(holder.command.join(" "))
    };
    let held = held
        .into_iter()
        .filter_map(|lock| Some((lock.path, command(lock.pid)?)));
    held.collect()
}

fn tell_processes(fact: &mut InsideFact, pid: u32, processes: &[ContainerProcess]) {
    fact.sessions = sessions(processes);
    fact.locked = locked(processes);
    fact.processes = processes.len();
    fact.uids = processes.iter().map(|process| process.uid).collect();
    fact.zombies = processes
        .iter()
        .filter(|process| process.is_zombie())
        .count();
    fact.open_files = processes
        .iter()
        .filter_map(|process| Some((process.open_files?, process.open_files_limit)))
        .max();
    if let Some(main) = processes.iter().find(|process| process.pid == pid) {
        fact.main.clone_from(&main.command);
        fact.main_uid = Some(main.uid);
        fact.main_waits_in.clone_from(&main.waits_in);
    }
}

fn tell_counters(fact: &mut InsideFact, look: &Look) {
    let counters = look.counters();
    if let Ok(memory) = counters.memory {
        fact.memory = Some((memory.current_bytes, memory.limit_bytes));
        fact.oom_kills = memory.oom_kills;
    }
    if let Ok(cpu) = counters.cpu {
        fact.throttled = cpu.periods.zip(cpu.throttled_periods);
    }
    if let Ok(processes) = counters.processes {
        fact.pids = Some((processes.current, processes.limit, processes.limit_hits));
    }
    if let Ok(tcp) = counters.tcp {
        fact.segments = Some((tcp.sent_segments, tcp.resent_segments));
        fact.failed_attempts = Some(tcp.failed_attempts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_postgres_says_whom_it_serves_and_what_it_does() {
        for (title, expected) in [
            (
                "postgres: app books 172.22.0.2(54321) idle in transaction",
                Some(("app", "books", Some("172.22.0.2"), "idle in transaction")),
            ),
            (
                "postgres: main: app books ::1(5) SELECT waiting",
                Some(("app", "books", Some("::1"), "SELECT waiting")),
            ),
            (
                "postgres: app books [local] idle",
                Some(("app", "books", None, "idle")),
            ),
            ("postgres: checkpointer ", None),
            ("postgres: [local]", None),
            ("sleep 5", None),
        ] {
            let expected = expected.map(|(user, database, remote, doing)| SessionFact {
                user: user.to_owned(),
                database: database.to_owned(),
                remote: remote.map(|it| it.parse().expect("an address")),
                doing: doing.to_owned(),
                count: 0,
            });
            assert_eq!(session(title), expected, "{title}");
        }
    }
}
