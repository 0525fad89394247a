//! What follows from facts: claims that name what would refute them.

use bowline_model::{EventAction, Place};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::edit::Edit;
use crate::next::Next;

/// A code. It never changes its meaning, and no other finding ever gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Code(pub &'static str);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// How sure a finding is. Words with a meaning, not a scale of feelings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The symptom is there, and nothing that decides was seen.
    Possible,
    /// Something that decides was seen, and not everything that could have refuted it could be looked at.
    Likely,
    /// Everything that decides was seen, and every look-alike is ruled out by something that was seen.
    Certain,
}

/// One fact of [`Facts`](crate::Facts), by which a diagnosis can be asked what it would say without it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactRef {
    /// What a container does, its exit code, and why it was not started.
    State(String),
    /// Whether the engine says that it was killed for want of memory.
    OutOfMemory(String),
    /// How often it was started again, and its policy.
    Restarts(String),
    /// What it may use.
    Limits(String),
    /// Its healthcheck, and what came of it.
    Health(String),
    /// When it was created, and what it was made of.
    Made(String),
    /// Its networks and the names under which it is found there.
    Networks(String),
    /// What is mounted into it.
    Mounts(String),
    /// What it is told about servers and logins.
    Told(String),
    /// What it wrote.
    Log(String),
    /// What the kernel shows of it.
    Inside(String),
    /// A name or an address that was tried from within it.
    Tried {
        /// The container.
        from: String,
        /// The name or address.
        host: String,
    },
    /// A server that was asked in its own protocol.
    Asked {
        /// The container that was asked.
        server: String,
        /// How: the protocol and the login.
        how: String,
    },
    /// A path in it.
    File {
        /// The container.
        container: String,
        /// The path.
        path: String,
    },
    /// What the files say of a service.
    Declared(String),
    /// A variable of the files.
    Variable(String),
    /// What an image's reference leads to.
    Image(String),
    /// A volume.
    Volume(String),
    /// A network.
    Network(String),
    /// The subnets of all networks of the engine.
    Subnets,
    /// The routes of this host.
    Routes,
    /// Who holds a port of the host.
    Port(String),
    /// In what a service's containers are not as the files want them.
    Changed(String),
    /// A circle of dependencies, by its first service.
    Circle(String),
    /// The engine that was asked, and where else there is one.
    Engine,
    /// What the last operation could not do, by the step.
    NotDone(String),
    /// Who has a name that a service wants for its container.
    Name(String),
    /// In what a container differs from its image.
    Changes(String),
    /// What the engine says of itself and its host.
    Host,
    /// What a platform that is no engine said.
    Platform,
    /// Something that the engine reported.
    Event {
        /// The container.
        container: String,
        /// When.
        at: Timestamp,
        /// What.
        action: EventAction,
    },
}

impl FactRef {
    /// Where such a fact is read, in a few words.
    pub fn source(&self) -> &'static str {
        match self {
            Self::State(_)
            | Self::OutOfMemory(_)
            | Self::Restarts(_)
            | Self::Limits(_)
            | Self::Health(_)
            | Self::Made(_)
            | Self::Networks(_)
            | Self::Mounts(_)
            | Self::Image(_)
            | Self::Volume(_)
            | Self::Network(_)
            | Self::Subnets
            | Self::Name(_)
            | Self::Changes(_)
            | Self::Host
            | Self::Engine => "engine",
            Self::Event { .. } => "events",
            Self::Told(_) => "settings",
            Self::Log(_) => "log",
            Self::Inside(_) => "kernel",
            Self::Tried { .. } => "try from within",
            Self::Asked { .. } => "server",
            Self::File { .. } => "file in the container",
            Self::Declared(_) | Self::Variable(_) | Self::Circle(_) => "Compose files",
            Self::Changed(_) => "plan",
            Self::Routes | Self::Port(_) => "host",
            Self::NotDone(_) => "journal",
            Self::Platform => "platform",
        }
    }
}

/// A fact, as it is shown for a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// The fact.
    pub fact: FactRef,
    /// Where it was read.
    pub source: &'static str,
    /// When it was so, where that is known; of what was seen several times the last one.
    pub at: Option<Timestamp>,
    /// When it was so for the first time, where it was seen several times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// How often it was seen.
    pub count: usize,
    /// What was seen, in the words of its source.
    pub text: String,
    /// What that proves.
    pub proves: String,
    /// Whether it is known what it means: it was looked at, or a real program was seen to write such a line. What only
    /// documentation or a user's own recipe says of a line proves nothing by itself.
    #[serde(skip)]
    pub(crate) is_proven: bool,
}

impl Evidence {
    /// Something that was seen once.
    pub(crate) fn new(fact: FactRef, at: Option<Timestamp>, text: String, proves: &str) -> Self {
        Self {
            source: fact.source(),
            fact,
            at,
            first: None,
            count: 1,
            text,
            proves: proves.to_owned(),
            is_proven: true,
        }
    }

    /// The same, as proven as the line that it rests on.
    pub(crate) fn known_by(mut self, is_proven: bool) -> Self {
        self.is_proven = is_proven;
        self
    }
}

/// Something that looks alike and is not the cause, with what shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuledOut {
    /// Its code.
    pub code: Code,
    /// The fact that rules it out.
    pub by: Evidence,
}

/// What is to be mended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Culprit {
    /// What it is.
    pub kind: CulpritKind,
    /// Its name.
    pub name: String,
    /// The field that says it, where one does: of a service the path below it, `environment.DATABASE_URL`.
    pub field: Option<String>,
    /// Of a file of the host, named as a person finds it: its path in the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<String>,
    /// Where that field is written, where the facts say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl Culprit {
    /// The field of the files that says it, by which its place is noted: `services.api.environment.TAG`, and
    /// `volumes.NAME` and `networks.NAME` with the names that the engine has. None for what no file has a field for.
    pub fn path(&self) -> Option<String> {
        match self.kind {
            CulpritKind::Service => Some(match &self.field {
                Some(field) => format!("services.{}.{field}", self.name),
                None => format!("services.{}", self.name),
            }),
            CulpritKind::Volume => Some(format!("volumes.{}", self.name)),
            CulpritKind::Network => Some(format!("networks.{}", self.name)),
            CulpritKind::Container
            | CulpritKind::Port
            | CulpritKind::Variable
            | CulpritKind::File => None,
        }
    }

    /// Whether somebody means it by these words: its name, or its name and its field behind a dot.
    pub fn is_called(&self, words: &str) -> bool {
        let rest = words.strip_prefix(self.name.as_str());
        rest.is_some_and(|rest| {
            let field = rest.strip_prefix('.');
            rest.is_empty() || field.is_some() && field == self.field.as_deref()
        })
    }
}

/// What can be to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CulpritKind {
    /// A service.
    Service,
    /// A container that belongs to no service.
    Container,
    /// A volume, as the engine names it.
    Volume,
    /// A network, as the engine names it.
    Network,
    /// A port of the host.
    Port,
    /// A variable that the files use.
    Variable,
    /// A file: by its path from the project's folder on where it is one of the project, by its path on the host where it
    /// is mounted from elsewhere, else by its path in the container.
    File,
}

/// A claim about what is broken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Its code.
    pub code: Code,
    /// How sure it is.
    pub confidence: Confidence,
    /// What is to be mended.
    pub culprit: Culprit,
    /// The services in which it begins to show; none where it is nobody's.
    pub services: Vec<String>,
    /// The claim, a sentence.
    pub claim: String,
    /// What decides it.
    pub evidence: Vec<Evidence>,
    /// What looks alike and is ruled out.
    pub ruled_out: Vec<RuledOut>,
    /// What looks alike and is not ruled out.
    pub not_ruled_out: Vec<Code>,
    /// What would decide it and was not seen.
    pub unchecked: Vec<&'static str>,
    /// What else keeps it from being certain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<&'static str>,
    /// What would make it surer, where one command would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decide: Option<Next>,
    /// What mends it.
    pub fix: Option<Fix>,
    /// How it spreads: cause and affected, by services, the nearest first.
    pub chain: Vec<(String, String)>,
    /// The services that are not well because of it, by their names; not the culprit itself.
    pub affects: Vec<String>,
    /// The command that mends it, where one does and nobody has to decide anything: it shows what it would do and asks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mend: Vec<String>,
    /// The command that says whether it is still there: it ends with 11 while it is.
    pub verify: Vec<String>,
}

/// What mends something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What to do, in words and with the commands for it.
    pub text: String,
    /// The command that does it, where one does: its words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// What is to be changed in the user's files, where facts say what; `bowline up` follows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
    /// What that may cost.
    pub safety: Safety,
}

/// What mending may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Safety {
    /// It can be taken back, and touches no data and nothing else that runs.
    Safe,
    /// Containers are made again; data stays.
    Restart,
    /// Somebody has to decide something first.
    NeedsYou,
}

impl Finding {
    /// Whether somebody asks for this by a code, and by a name where one is given.
    pub fn is_asked_for(&self, code: &str, culprit: Option<&str>) -> bool {
        self.code.answers(code) && culprit.is_none_or(|words| self.culprit.is_called(words))
    }

    /// Whether there is a command or a change of files that mends it, and enough was seen to do that. Where a setting is
    /// written is another question: a change may turn out not to be one of the stack's files.
    pub fn has_remedy(&self) -> bool {
        let fix = self.fix.as_ref();
        self.confidence != Confidence::Possible
            && fix.is_some_and(|fix| {
                let is_command = !fix.command.is_empty() && fix.safety != Safety::NeedsYou;
                is_command || !fix.edits.is_empty()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_culprit_is_called_by_its_name_and_by_its_field_behind_it() {
        let culprit = Culprit {
            kind: CulpritKind::Service,
            name: "api".to_owned(),
            field: Some("environment.CACHE_URL".to_owned()),
            inside: None,
            place: None,
        };
        assert!(culprit.is_called("api"));
        assert!(culprit.is_called("api.environment.CACHE_URL"));
        for other in ["", "ap", "api-2", "api.", "api.environment", "web"] {
            assert!(!culprit.is_called(other), "{other}");
        }
        assert_eq!(
            culprit.path().as_deref(),
            Some("services.api.environment.CACHE_URL")
        );
    }
}
