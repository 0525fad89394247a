//! Looking a name up and dialling it from within a container.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bowline_engine::{Dialled as Answered, Look, Unseen};
use serde::{Deserialize, Serialize};

use crate::facts::{DialAnswer, Dialled, NameAnswer, TriedFact};

/// No more addresses of a name are dialled.
const ADDRESSES: usize = 8;

/// A name that is to be tried, and how long that may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dial {
    /// The name, or an address.
    pub host: String,
    /// The ports to dial at what it leads to.
    pub ports: BTreeSet<u16>,
    /// The addresses that may be dialled, those of the container itself aside; `None`: all that the name leads to. No more
    /// than eight are.
    pub only: Option<BTreeSet<IpAddr>>,
    /// How long the name may take.
    pub name_within: Duration,
    /// How long one call may take.
    pub call_within: Duration,
    /// How long all of it may take. What is not dialled by then is left out.
    pub whole: Duration,
}

/// What came of one name and some of its ports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// What the name leads to.
    pub name: NameAnswer,
    /// How long the resolver took.
    pub name_took: Duration,
    /// Every address and port that was dialled, with the time to the answer.
    pub calls: Vec<Call>,
}

/// One connection that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Who was dialled.
    pub address: SocketAddr,
    /// What came of it.
    pub answer: DialAnswer,
    /// How long that took.
    pub after: Duration,
}

impl Dial {
    /// Tries it. Each port is dialled at every address before the next one.
    pub(super) fn attempt(&self, look: &Look) -> Result<Tried, Unseen> {
        let begun = Instant::now();
        let resolution = look.resolve(&self.host, self.name_within)?;
        let mut tried = Tried {
            name: resolution.outcome.into(),
            name_took: begun.elapsed(),
            calls: Vec::new(),
        };
        let may_be_dialled = |address: &IpAddr| {
            let only = self.only.as_ref();
            address.is_loopback() || only.is_none_or(|only| only.contains(address))
        };
        let addresses = tried.addresses().iter().copied().filter(may_be_dialled);
        let addresses: Vec<IpAddr> = addresses.take(ADDRESSES).collect();
        for port in &self.ports {
            for address in &addresses {
                if begun.elapsed() >= self.whole {
                    return Ok(tried);
                }
                let address = SocketAddr::new(*address, *port);
                let answer = look.dial(address, self.call_within, Duration::ZERO)?;
                tried.calls.push(Call {
                    address,
                    after: after(&answer),
                    answer: answer.into(),
                });
            }
        }
        Ok(tried)
    }
}

impl Tried {
    /// The same as a fact.
    pub fn fact(&self, from: &str, host: &str) -> TriedFact {
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

    /// The addresses of the name.
    pub fn addresses(&self) -> &[IpAddr] {
        match &self.name {
            NameAnswer::Addresses(addresses) => addresses,
            _ => &[],
        }
    }
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
