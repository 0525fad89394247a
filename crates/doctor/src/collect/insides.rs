//! The kernel's view of running containers, as facts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bowline_engine::{Connection, ContainerProcess, Look, inside};
use bowline_model::{ContainerId, Protocol};

use crate::facts::{InsideFact, ListenerFact, PeerFact, WhyUnseen};

/// Looks into a running container by its main process. Blocks for some milliseconds.
pub(super) fn look(container: &ContainerId, pid: u32) -> Result<InsideFact, WhyUnseen> {
    let look = Look::at(container, pid).map_err(|unseen| WhyUnseen::Kernel(unseen.to_string()))?;
    let seen = inside(container, pid)
        .ok_or_else(|| WhyUnseen::Kernel("its sockets cannot be read".to_owned()))?;
    let mut fact = InsideFact {
        listeners: seen
            .listeners
            .iter()
            .map(|listener| ListenerFact {
                port: listener.port,
                address: listener.address,
                protocol: listener.protocol,
            })
            .collect(),
        ..InsideFact::default()
    };
    fact.listeners.sort_unstable();
    if let Ok(connections) = look.connections() {
        fact.peers = peers(&connections.items, &fact.listeners);
    }
    if let Ok(processes) = look.processes() {
        tell_processes(&mut fact, pid, &processes.items);
    }
    tell_counters(&mut fact, &look);
    Ok(fact)
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
        );
        *alike.entry(key).or_default() += 1;
    }
    let alike = alike.into_iter();
    alike
        .map(
            |((remote, remote_port, local_port, state), count)| PeerFact {
                remote,
                remote_port,
                local_port,
                state,
                count,
            },
        )
        .collect()
}

fn tell_processes(fact: &mut InsideFact, pid: u32, processes: &[ContainerProcess]) {
    fact.processes = processes.len();
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
    }
}
