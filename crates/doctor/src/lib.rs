//! Why a stack is broken, without guessing.
//!
//! [`collect`] looks at a stack once and writes down what it saw as [`Facts`]: typed, each with its source and time,
//! and without any secret. What follows from facts is worked out by pure functions over them, so the same facts
//! give the same answer every time, here and wherever a recording of them is read again ([`record`], [`replay`]).
//! What could not be looked at is a fact as well ([`Unseen`]): it lowers what may be claimed, and never counts
//! as "nothing wrong there".

mod collect;
mod facts;
mod recording;
mod tokens;

pub use collect::{Bounds, Subject, collect};
pub use facts::{
    Cause, ContainerFact, Endpoint, Event, Facts, HealthFact, Limits, LogFact, LogLine, Look,
    Mount, NetworkFact, Probe, Published, Unseen, VolumeFact,
};
pub use recording::{ReplayError, record, replay};
