//! Looking a name up and dialling it from within a container.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bowline_doctor::{DialAnswer, Dialled, NameAnswer, TriedFact};
use bowline_engine::{Dialled as Answered, Look, Unseen};
use bowline_model::ContainerId;

/// How long a name may take.
const NAME: Duration = Duration::from_secs(2);
/// No more addresses of a name are dialled.
const ADDRESSES: usize = 8;

/// What came of one name and some of its ports.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    /// What the name leads to.
    pub(super) name: NameAnswer,
    /// How long the resolver took.
    pub(super) name_took: Duration,
    /// Every address and port that was dialled, with the time to the answer.
    pub(super) calls: Vec<Call>,
}

/// One connection that was tried.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) address: SocketAddr,
    pub(super) answer: DialAnswer,
    pub(super) after: Duration,
}

impl Tried {
    /// The same as a fact.
    pub(super) fn fact(&self, from: &str, host: &str) -> TriedFact {
        let dialled = self.calls.iter().map(|call| Dialled {
            address: call.address.ip(),
            port: call.address.port(),
            answer: call.answer.clone(),
        });
        TriedFact {
            from: from.to_owned(),
            host: host.to_owned(),
            name: self.name.clone(),
            dialled: dialled.collect(),
        }
    }

    /// The calls at a port that count. Where one family of addresses takes all calls, clients go on to that one.
    pub(super) fn counting(&self, port: u16) -> Vec<&Call> {
        let there = self.calls.iter().filter(|call| call.address.port() == port);
        let (old, new): (Vec<&Call>, Vec<&Call>) = there.partition(|call| call.address.is_ipv4());
        let takes_all = |calls: &[&Call]| {
            let mut calls = calls.iter().peekable();
            calls.peek().is_some() && calls.all(|call| call.answer == DialAnswer::Connected)
        };
        if takes_all(&new) {
            new
        } else if takes_all(&old) {
            old
        } else {
            [new, old].concat()
        }
    }

    /// The addresses of the name.
    pub(super) fn addresses(&self) -> &[IpAddr] {
        match &self.name {
            NameAnswer::Addresses(addresses) => addresses,
            _ => &[],
        }
    }
}

/// Tries a name and ports from within a container, until `deadline`. Blocks.
///
/// Each call may take `within`. What is not dialled before the deadline is left out.
pub(super) fn attempt(
    container: &ContainerId,
    pid: u32,
    host: &str,
    ports: &BTreeSet<u16>,
    within: Duration,
    deadline: Instant,
) -> Result<Tried, Unseen> {
    let look = Look::at(container, pid)?;
    let begun = Instant::now();
    let resolution = look.resolve(host, NAME)?;
    let mut tried = Tried {
        name: resolution.outcome.into(),
        name_took: begun.elapsed(),
        calls: Vec::new(),
    };
    let addresses: Vec<IpAddr> = tried.addresses().iter().copied().take(ADDRESSES).collect();
    for port in ports {
        for address in &addresses {
            if Instant::now() >= deadline {
                return Ok(tried);
            }
            let address = SocketAddr::new(*address, *port);
            let answer = look.dial(address, within, Duration::ZERO)?;
            tried.calls.push(Call {
                address,
                after: after(&answer),
                answer: answer.into(),
            });
        }
    }
    Ok(tried)
}

/// Why nothing could be tried, in words; for all containers the same where the reason is.
pub(super) fn why_not(error: &Unseen) -> String {
    let text = match error {
        Unseen::Denied { .. } => {
            "no permission to enter the networks of containers; run as root, or as the user of a rootless engine".to_owned()
        }
        Unseen::NotThisHost { .. } => {
            "the engine runs on another host, or the container was started anew meanwhile".to_owned()
        }
        other => other.to_string(),
    };
    format!("who answers: {text}")
}

fn after(answer: &Answered) -> Duration {
    match answer {
        Answered::Connected { after, .. }
        | Answered::Refused { after }
        | Answered::NoRoute { after }
        | Answered::HostUnreachable { after }
        | Answered::TimedOut { after }
        | Answered::Failed { after, .. } => *after,
    }
}
