//! What Compose files mean: the desired state of a stack, as a value.
//!
//! A [`Project`] is complete: every default of Compose is filled in, every path absolute, every variable
//! replaced. Serialising it gives what `docker compose config` prints, except that extensions (`x-…`) stand
//! under the key `#extensions` of the object that carries them, because Compose prints them differently in
//! JSON and YAML.

mod service;
mod values;

use std::collections::BTreeMap;

pub use service::*;
pub use values::{Bytes, Command, FileMode, Number, Pairs, Period, Shown};

use crate::place::Origins;
use crate::secret::Secret;

/// Keys that begin with `x-`, kept as they were written.
pub type Extensions = serde_json::Map<String, serde_json::Value>;

/// Declares records whose unset fields are not printed and whose extensions are kept.
macro_rules! record {
    ($( $(#[$meta:meta])* $name:ident { $( $(#[$field_meta:meta])* $field:ident : $type:ty ),* $(,)? } )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[allow(missing_docs, clippy::struct_excessive_bools, reason = "fields carry the names that the Compose Specification defines")]
        pub struct $name {
            $( $(#[$field_meta])* #[serde(skip_serializing_if = "crate::project::values::Unset::is_unset")] pub $field: $type, )*
            #[serde(rename = "#extensions", skip_serializing_if = "serde_json::Map::is_empty")]
            pub extensions: crate::project::Extensions,
        }
    )* };
}
use record;

/// The desired state of a stack.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Project {
    /// The project's name: lower-case letters, digits, `-` and `_`, beginning with a letter or digit.
    pub name: String,
    /// The folder that relative paths were resolved against. Absolute.
    #[serde(skip)]
    pub working_dir: String,
    /// The files it was loaded from, absolute, in the order in which they were merged; `-` is standard input.
    #[serde(skip)]
    pub compose_files: Vec<String>,
    /// The variables that were at hand for interpolation; any of them may be secret.
    #[serde(skip)]
    pub environment: BTreeMap<String, Secret>,
    /// Services that are switched on, by name.
    pub services: BTreeMap<String, Service>,
    /// Services that no active profile switches on.
    #[serde(skip)]
    pub disabled_services: BTreeMap<String, Service>,
    /// Networks, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Network>,
    /// Volumes, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Volume>,
    /// Secrets, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, FileObject>,
    /// Configs, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub configs: BTreeMap<String, FileObject>,
    /// Language models, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, LanguageModel>,
    /// Top-level keys that begin with `x-`.
    #[serde(rename = "#extensions", skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
    /// Where each field was written.
    #[serde(skip)]
    pub origins: Origins,
}

impl Project {
    /// The platform of images whose services name none, by `DOCKER_DEFAULT_PLATFORM`.
    pub fn default_platform(&self) -> Option<&str> {
        let platform = self.environment.get("DOCKER_DEFAULT_PLATFORM")?.reveal();
        Some(platform).filter(|platform| !platform.is_empty())
    }
}

record! {
    /// A network of the stack.
    Network {
        name: String,
        driver: String,
        driver_opts: BTreeMap<String, String>,
        ipam: Shown<Ipam>,
        external: bool,
        internal: bool,
        attachable: bool,
        labels: Pairs,
        enable_ipv4: Option<bool>,
        enable_ipv6: Option<bool>,
    }

    /// How addresses of a network are given out.
    Ipam {
        driver: String,
        config: Vec<IpamPool>,
        /// Read and not printed by Compose 2.40.
        #[serde(skip_serializing)]
        options: BTreeMap<String, String>,
    }

    /// A range of addresses.
    IpamPool {
        subnet: String,
        gateway: String,
        ip_range: String,
        aux_addresses: BTreeMap<String, String>,
    }

    /// A volume of the stack.
    Volume {
        name: String,
        driver: String,
        driver_opts: BTreeMap<String, String>,
        external: bool,
        labels: Pairs,
    }

    /// A config or a secret.
    FileObject {
        name: String,
        file: String,
        environment: String,
        /// Written in the file (configs only). What `environment` stands for is in `value`.
        content: String,
        external: bool,
        labels: Pairs,
        driver: String,
        driver_opts: BTreeMap<String, String>,
        template_driver: String,
        /// What the variable named by `environment` held when the project was loaded.
        #[serde(skip)]
        value: Option<Secret>,
    }

    /// A language model of the stack.
    LanguageModel {
        name: String,
        model: String,
        context_size: i64,
        runtime_flags: Vec<String>,
    }
}
