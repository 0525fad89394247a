//! What would mend a cause in the user's own files, as far as facts say it.
//!
//! An edit names a setting and what is wrong with it, never a place in a text: where the setting is written, and
//! whether it can be written otherwise there, is found out by whoever has the files. There is an edit only where facts
//! show the right value; where somebody has to choose one, there is none. A secret is named by where it stands.

use bowline_model::carried::Carrier;
use serde::Serialize;

use crate::facts::ContainerFact;
use crate::world::World;

/// One change of one setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// Where the setting is.
    #[serde(flatten)]
    pub spot: Spot,
    /// What becomes of it.
    pub change: Change,
}

/// A setting of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// The service.
    pub service: String,
    /// Which of its settings.
    pub setting: Setting,
}

/// Which setting of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// The path below the service in the Compose file: `environment.DB_HOST`, `healthcheck.test`.
    Field(String),
    /// A file, or a line of it, by its path in the container.
    File {
        /// The path.
        path: String,
        /// The line, from 1; none: all of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
    },
}

/// What becomes of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// One piece of it becomes another; everything around it stays.
    Replace {
        /// What the piece is.
        piece: Piece,
        /// What stands there.
        from: String,
        /// What is to stand there.
        to: String,
    },
    /// Its password becomes the one that stands elsewhere.
    CopyPassword {
        /// Where the right one stands.
        of: Spot,
    },
    /// The password in its address is percent-encoded.
    EncodePassword,
    /// Its address gets this parameter.
    AddParameter {
        /// The name.
        name: String,
        /// The value.
        value: String,
    },
    /// A variable in it is left to the container: `$NAME` becomes `$$NAME`.
    LeaveVariable {
        /// Its name.
        name: String,
    },
    /// The mount at this path in the container may be written to.
    Writable {
        /// The path.
        target: String,
    },
    /// Quotes, blanks and line ends around its value go.
    Strip,
    /// Its lines end as Unix ends them.
    UnixLines,
    /// It begins with this line, which it did not have.
    Begin {
        /// The line, without its end.
        line: String,
    },
    /// Its file gets these permission bits in addition.
    Permit {
        /// The bits: `0o111` lets everybody run it.
        bits: u32,
    },
    /// It gets this value, where it has none.
    Set {
        /// The value, in YAML on one line that is JSON too.
        value: String,
    },
    /// It is a list or a mapping, and gets one more entry.
    Add {
        /// The entry, or the key of an empty one.
        entry: String,
    },
}

/// What a piece of a setting is; it says where in a text it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// The name or address of a server.
    Host,
    /// A port.
    Port,
    /// The name of a user.
    User,
    /// The name of a database, or a virtual host.
    Database,
    /// A word of any other kind; it stands there once.
    Word,
}

impl Spot {
    /// The setting of a container's service that carries something; `None` where it is no service's.
    pub(crate) fn carried(container: &ContainerFact, carrier: &Carrier) -> Option<Self> {
        let service = container.service.clone()?;
        let setting = match carrier {
            Carrier::Variable(name) => Setting::Field(format!("environment.{name}")),
            Carrier::Argument(_) => Setting::Field("command".to_owned()),
            Carrier::File { path, line } => Setting::File {
                path: path.clone(),
                line: Some(*line),
            },
            Carrier::Program => return None,
        };
        Some(Self { service, setting })
    }

    /// A field of a container's service.
    pub(crate) fn field(container: &ContainerFact, field: &str) -> Option<Self> {
        Some(Self {
            service: container.service.clone()?,
            setting: Setting::Field(field.to_owned()),
        })
    }

    /// A whole file of the host, by its path in the container into which it is mounted; `None` where no mount shows
    /// it there.
    pub(crate) fn file<'f>(
        world: &World<'f>,
        container: &'f ContainerFact,
        path: &str,
    ) -> Option<Self> {
        let mount = world.mount_of(container, path)?;
        let setting = Setting::File {
            path: path.to_owned(),
            line: None,
        };
        let service = container.service.clone().filter(|_| mount.kind == "bind")?;
        Some(Self { service, setting })
    }

    /// One piece of it becomes another.
    pub(crate) fn replace(
        self,
        piece: Piece,
        from: impl Into<String>,
        to: impl Into<String>,
    ) -> Edit {
        self.change(Change::Replace {
            piece,
            from: from.into(),
            to: to.into(),
        })
    }

    /// Something becomes of it.
    pub(crate) fn change(self, change: Change) -> Edit {
        Edit { spot: self, change }
    }
}
