//! Networks: those of the stack, who else is on them, and those that are wanted and not there.

use serde::{Deserialize, Serialize};

/// A network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkFact {
    /// Name.
    pub name: String,
    /// Id.
    pub id: String,
    /// Driver.
    pub driver: Option<String>,
    /// No way out of it.
    pub internal: bool,
    /// Its subnets.
    pub subnets: Vec<String>,
    /// Running containers on it that are not the project's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strangers: Vec<Stranger>,
}

/// A container of somebody else on a network of the stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stranger {
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: Option<String>,
    /// Names under which it is found on this network.
    pub aliases: Vec<String>,
    /// Its address there.
    pub ipv4: Option<String>,
}

/// A network that the files want and that the engine does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingNetwork {
    /// Its name.
    pub name: String,
    /// The subnets that are asked for; none leaves them to the engine.
    pub subnets: Vec<String>,
    /// Somebody else has to make it.
    pub is_external: bool,
}

/// A subnet that a network of the engine has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TakenSubnet {
    /// The network's name.
    pub network: String,
    /// The subnet.
    pub subnet: String,
}

/// A route of this host, where its networks for containers can be seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteFact {
    /// Where it leads: `172.18.0.0/16`; `0.0.0.0/0` is everything else.
    pub subnet: String,
    /// The device by which it leaves.
    pub device: String,
}
