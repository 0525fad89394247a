//! The engine's own JSON: how its structs are declared here, and the small ones.
//!
//! Declared are the fields that are used. Whatever the engine sends as `null`, or leaves out, is the default;
//! what is the default is not sent. Words stay text, so that a newer engine's new word breaks nothing. None
//! of them has a `Debug`: they hold environments in the clear.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Declares structs of the engine's JSON: `field: Type = "Key"`.
macro_rules! wire {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty = $key:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[allow(clippy::struct_field_names, reason = "the names are the engine's")]
        pub(crate) struct $name {
            $(
                $(#[$field_meta])*
                #[serde(
                    rename = $key,
                    default,
                    deserialize_with = "crate::docker::wire::or_default",
                    skip_serializing_if = "crate::docker::wire::is_default"
                )]
                pub(crate) $field: $type,
            )*
        }
    )*};
}
pub(crate) use wire;

/// Reads `null` as the default.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Tells whether a value is the default, which the engine takes for unsaid.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A set of names, in the engine's form: keys with empty objects.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct KeySet(pub(crate) BTreeSet<String>);

impl Serialize for KeySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|name| (name, serde_json::Map::new())))
    }
}

impl<'de> Deserialize<'de> for KeySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, IgnoredAny>::deserialize(deserializer)?;
        Ok(Self(map.into_keys().collect()))
    }
}

/// Text by key.
pub(crate) type Map = BTreeMap<String, String>;

wire! {
    /// What `/version` says.
    Version {
        version: String = "Version",
        api_version: String = "ApiVersion",
        min_api_version: String = "MinAPIVersion",
        os: String = "Os",
        arch: String = "Arch",
        components: Vec<Component> = "Components",
    }

    /// A part of an engine.
    Component {
        name: String = "Name",
    }

    /// What `/info` says.
    Info {
        id: String = "ID",
        name: String = "Name",
        cpus: usize = "NCPU",
        memory: u64 = "MemTotal",
        root_dir: String = "DockerRootDir",
        driver: String = "Driver",
        cgroup_version: String = "CgroupVersion",
        security_options: Vec<String> = "SecurityOptions",
        system_time: String = "SystemTime",
    }

    /// The id of something made.
    Made {
        id: String = "Id",
        warnings: Vec<String> = "Warnings",
    }

    /// How a wait ended.
    Waited {
        code: i64 = "StatusCode",
        error: Option<WaitError> = "Error",
    }

    /// Why a wait failed.
    WaitError {
        message: String = "Message",
    }

    /// One event.
    Event {
        kind: String = "Type",
        action: String = "Action",
        actor: Actor = "Actor",
        time_nanos: i64 = "timeNano",
    }

    /// What an event is about.
    Actor {
        id: String = "ID",
        attributes: Map = "Attributes",
    }

    /// One step of a pull or a build.
    Progress {
        stream: String = "stream",
        status: String = "status",
        id: String = "id",
        detail: ProgressDetail = "progressDetail",
        error: String = "error",
        error_detail: ErrorDetail = "errorDetail",
        aux: Aux = "aux",
    }

    /// How far a step is.
    ProgressDetail {
        current: Option<u64> = "current",
        total: Option<u64> = "total",
    }

    /// Why it failed.
    ErrorDetail {
        code: Option<i64> = "code",
        message: String = "message",
    }

    /// What came out of it.
    Aux {
        id: String = "ID",
    }

    /// One exec.
    Exec {
        running: bool = "Running",
        exit_code: Option<i64> = "ExitCode",
        pid: i64 = "Pid",
    }

    /// A changed path.
    Change {
        path: String = "Path",
        kind: i64 = "Kind",
    }

    /// Processes.
    Top {
        titles: Vec<String> = "Titles",
        processes: Vec<Vec<String>> = "Processes",
    }

    /// A login as the engine takes it.
    Auth {
        username: String = "username",
        password: String = "password",
        identity_token: String = "identitytoken",
        server: String = "serveraddress",
    }

    /// What is at a path.
    Stat {
        name: String = "name",
        size: u64 = "size",
        mode: u32 = "mode",
        link_target: String = "linkTarget",
    }
}

/// Reads a time. The engine's zero, the year 1, and what cannot be read are `None`.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>()
        .ok()
        .filter(|time| time.as_second() > 0)
}

/// Text that is not empty.
pub(crate) fn said(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// A number that is not zero.
pub(crate) fn nonzero(number: i64) -> Option<i64> {
    Some(number).filter(|number| *number != 0)
}
