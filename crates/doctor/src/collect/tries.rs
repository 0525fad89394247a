//! Names and addresses that are tried from within containers.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::within::Dial;

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

impl Try {
    /// It as it is dialled, until that takes so long.
    pub(super) fn dial(&self, whole: Duration) -> Dial {
        Dial {
            host: self.host.clone(),
            ports: self.ports.clone(),
            only: Some(self.known.clone()),
            name_within: NAME,
            call_within: CALL,
            whole,
        }
    }
}
