//! Why a stack is broken, without guessing.
//!
//! [`collect`] looks at a stack once and writes down what it saw as [`Facts`]: typed, each with its source and time,
//! and without any secret. What follows from facts is worked out by pure functions over them, so the same facts
//! give the same answer every time, here and wherever a recording of them is read again ([`record`], [`replay`]).
//! What could not be looked at is a fact as well ([`Unseen`]): it lowers what may be claimed, and never counts
//! as "nothing wrong there".

mod collect;
mod diagnosis;
mod edit;
mod explain;
mod facts;
mod finding;
mod lint;
mod next;
mod questions;
mod reach;
mod recording;
mod rule;
mod rules;
mod speak;
mod texts;
mod tokens;
mod undetermined;
mod within;
mod world;

use std::collections::BTreeSet;

pub use collect::{Bounds, Subject, Veil, collect};
pub use diagnosis::{Diagnosis, Effort, Failing};
pub use edit::{Change, Edit, Piece, Setting, Spot};
pub use explain::{Explanation, LookAlike, codes, explanation};
pub use facts::{
    AppFact, AskedFact, AskedLogin, CertificateFact, Changed, Circle, ContainerFact,
    DatabaseAnswer, DialAnswer, Dialled, Elsewhere, EmptyVariable, Endpoint, Event, Facts,
    FileFact, FileHead, FileSort, FileThere, GroupFact, HealthFact, HolderFact, HostFact,
    HttpAnswer, ImageFact, InsideFact, Limits, ListenerFact, LogFact, LogLine, Look,
    MissingNetwork, Mount, NameAnswer, NameFact, NetworkFact, NoEngine, NodeFact, NotDone, Outcome,
    Overriding, OwnRecipes, PeerFact, PlatformFact, PortFact, Probe, Published, QueueFact,
    RedisAnswer, RoleFact, Room, RouteFact, ServerAnswer, ServiceFact, SessionFact, SessionsFact,
    SettingFact, StatementFact, Stranger, TakenSubnet, TalkerFact, TlsAnswer, Told, ToldHost,
    ToldText, TrafficFact, TriedFact, Unlimited, Unseen, VaultSecretFact, VolumeFact, WaitFact,
    Weakness, WhyNoEngine, WhyUnseen,
};
pub use finding::{
    Code, Confidence, Culprit, CulpritKind, Evidence, FactRef, Finding, Fix, RuledOut, Safety,
};
pub use lint::{RISKS, Risk, is_risk, lint};
pub use next::Next;
pub use reach::{Obstacle, Reach, ToldEdge, Whose};
pub use recording::{ReplayError, record, replay};
pub use rule::{Layer, RULES, Rule};
pub use undetermined::Undetermined;
pub use within::{Call, Dial, Leeway, Missed, Target, Tried, WITHIN, Within, serve};

/// Everything that follows from facts. The same facts give the same diagnosis.
pub fn diagnose(facts: &Facts) -> Diagnosis {
    diagnose_without(facts, BTreeSet::new())
}

/// What would follow if some facts had not been looked at: how a claim is shown to rest on them.
pub fn diagnose_without(facts: &Facts, hidden: BTreeSet<FactRef>) -> Diagnosis {
    Diagnosis::of(facts, hidden)
}
