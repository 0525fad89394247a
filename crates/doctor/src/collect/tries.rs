//! Names and addresses, tried from within containers.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bowline_engine::Look;
use bowline_model::ContainerId;

use crate::facts::{DialAnswer, Dialled, NameAnswer, TriedFact, WhyUnseen};

/// How long a name may take.
const NAME: Duration = Duration::from_millis(1200);
/// How long somebody may take to answer a call.
const CALL: Duration = Duration::from_secs(1);

/// Something to be tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Try {
    /// The container to try it from, by its name.
    pub(crate) from: String,
    /// The name or address.
    pub(crate) host: String,
    /// The ports to dial at what it leads to.
    pub(crate) ports: BTreeSet<u16>,
    /// The addresses that may be dialled: those of the stack and of the container itself. Nobody else is called.
    pub(crate) known: BTreeSet<IpAddr>,
}

/// Tries one from within a running container. Blocks for some seconds at most.
pub(super) fn attempt(
    container: &ContainerId,
    pid: u32,
    wanted: &Try,
) -> Result<TriedFact, WhyUnseen> {
    let unseen = |unseen: bowline_engine::Unseen| WhyUnseen::Kernel(unseen.to_string());
    let look = Look::at(container, pid).map_err(unseen)?;
    let name = NameAnswer::from(look.resolve(&wanted.host, NAME).map_err(unseen)?.outcome);
    let addresses = match &name {
        NameAnswer::Addresses(addresses) => addresses.as_slice(),
        _ => &[],
    };
    let mut dialled = Vec::new();
    for address in addresses {
        if !address.is_loopback() && !wanted.known.contains(address) {
            continue;
        }
        for port in &wanted.ports {
            let answer = look
                .dial(SocketAddr::new(*address, *port), CALL, Duration::ZERO)
                .map_err(unseen)?;
            dialled.push(Dialled {
                address: *address,
                port: *port,
                answer: DialAnswer::from(answer),
            });
        }
    }
    Ok(TriedFact {
        from: wanted.from.clone(),
        host: wanted.host.clone(),
        name,
        dialled,
    })
}
