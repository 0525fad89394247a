//! Why a project cannot be carried out on an engine.

use bowline_model::{ApiVersion, Capability, Place};

/// One thing in a project that cannot be carried out, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`: {mistake}")]
pub struct WantedError {
    /// The field: `services.web.provider`.
    pub path: String,
    /// Where it is written.
    pub place: Option<Place>,
    /// What is wrong with it.
    pub mistake: Unfit,
}

/// What is wrong with a field, in words that complete "`services.web.provider`: …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "each variant is explained by its message; its fields are what the message names"
)]
pub enum Unfit {
    #[error("{what} is not supported")]
    Unsupported { what: &'static str },
    #[error("{} needs API {}, and the engine speaks {api}", .capability.name(), .capability.since())]
    TooOld {
        capability: Capability,
        api: ApiVersion,
    },
    #[error("`{value}` is not {expected}")]
    Invalid {
        value: String,
        expected: &'static str,
    },
    #[error("there is no service `{service}`")]
    UnknownService { service: String },
    #[error("`{name}` can be the name of one container only, and there are {replicas} replicas")]
    OneNameForMany { name: String, replicas: u32 },
    #[error("the file `{path}` does not exist")]
    FileMissing { path: String },
    #[error("the file `{path}` cannot be read")]
    FileUnread { path: String },
    #[error("the file `{path}` is not JSON")]
    NotJson { path: String },
    #[error("the variable `{variable}` is not set")]
    VariableMissing { variable: String },
    #[error("`{name}` is external, and only Swarm keeps external secrets and configs")]
    External { name: String },
    #[error(
        "`{name}` is copied into the container, and the service is read-only; only `file` can be used there"
    )]
    ReadOnly { name: String },
    #[error("the network `{network}` asks for another address, `{other}`")]
    MacAddressDiffers { network: String, other: String },
    #[error("unknown key `{key}`{}", did_you_mean(*.nearest))]
    UnknownKey {
        key: String,
        nearest: Option<&'static str>,
    },
}

fn did_you_mean(nearest: Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!("; did you mean `{nearest}`?")
    })
}
