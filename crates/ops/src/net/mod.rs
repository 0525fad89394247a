//! `net check`: who can reach whom, tried from within the networks of the containers themselves.
//!
//! What names, networks and listeners mean is the doctor's understanding ([`bowline_doctor::Reach`]); here it is asked
//! about one pair, or about all, and told with the step that fails. A name is looked up as the client would, and a
//! connection is opened and closed at once: nothing is sent.

mod check;
mod matrix;
mod mend;

use std::sync::Arc;
use std::time::Duration;

use bowline_doctor::{
    Bounds, Call, ContainerFact, DialAnswer, Facts, Leeway, Look, Missed, Subject, Tried, Unseen,
    Within, collect,
};
use bowline_engine::{Engine, Unseen as Unreadable};
use bowline_model::ContainerStatus;

use crate::Failure;
use crate::connect::connect;
use crate::stack::{Named, StackOptions, Surroundings};

pub use check::{NetCheck, NetCheckRequest, NetStep, NetVerdict, net_check};
pub use matrix::{NetCell, NetColumn, NetMatrix, NetRow, ToldPair, net_matrix};

/// No more containers are looked into.
const MOST_CONTAINERS: usize = 1000;
/// How many names are dialled at once: each takes a thread.
const THREADS: usize = 64;
/// How long a name may take.
const NAME: Duration = Duration::from_secs(2);
/// From no more containers is dialled by instruments.
const INSTRUMENTS: usize = 24;

/// A stack as its network is looked at.
struct Seen {
    engine: Arc<dyn Engine>,
    named: Named,
    facts: Facts,
}

/// Looks at containers, networks and listeners; reads no log and tries nothing yet.
async fn look(surroundings: &Surroundings, stack: &StackOptions) -> Result<Seen, Failure> {
    let named = stack.named(surroundings)?;
    let engine = connect(surroundings).await?;
    let facts = facts(&*engine, &named).await?;
    Ok(Seen {
        engine,
        named,
        facts,
    })
}

async fn facts(engine: &dyn Engine, named: &Named) -> Result<Facts, Failure> {
    let subject = Subject {
        name: named.name.clone(),
        project: named.project.clone(),
        ..Subject::default()
    };
    let bounds = Bounds {
        log_lines: 0,
        everybody: MOST_CONTAINERS,
        questions: 0,
        tries: false,
        ..Bounds::default()
    };
    Ok(collect(engine, &subject, bounds).await?)
}

/// The ways into the containers of an engine; an answer takes as long as all calls that belong to it.
fn within<'e>(surroundings: &Surroundings, engine: &'e dyn Engine, calls: Duration) -> Within<'e> {
    let instruments = if surroundings.answers_within {
        INSTRUMENTS
    } else {
        0
    };
    let leeway = Leeway {
        instruments,
        threads: THREADS,
        // The last call may begin just before the end.
        answer: NAME + calls * 2,
    };
    Within::new(engine, leeway)
}

/// The calls at a port that count. Where one family of addresses takes all calls, clients go on to that one.
fn counting(tried: &Tried, port: u16) -> Vec<&Call> {
    let there = tried
        .calls
        .iter()
        .filter(|call| call.address.port() == port);
    let (old, new): (Vec<&Call>, Vec<&Call>) = there.partition(|call| call.address.is_ipv4());
    let takes_all = |calls: &[&Call]| {
        let mut calls = calls.iter().peekable();
        calls.peek().is_some() && calls.all(|call| call.answer == DialAnswer::Connected)
    };
    if takes_all(&new) {
        new
    } else if takes_all(&old) {
        old
    } else {
        [new, old].concat()
    }
}

/// Why nothing could be tried, in words; for all containers the same where the reason is.
fn why_not(missed: &Missed) -> String {
    let text = match missed {
        Missed::Kernel(Unreadable::Denied { .. }) => {
            "no permission to enter the networks of containers; run as root, or as the user of a rootless engine".to_owned()
        }
        Missed::Kernel(Unreadable::NotThisHost { .. }) => {
            "the engine runs on another host, or the container was started anew meanwhile".to_owned()
        }
        other => other.to_string(),
    };
    format!("who answers: {text}")
}

fn runs(container: &ContainerFact) -> bool {
    container.status == ContainerStatus::Running
}

/// Whether nobody could look at the containers: then nobody knows who runs.
fn is_blind(facts: &Facts) -> bool {
    let mut unseen = facts.unseen.iter();
    unseen.any(|unseen| unseen.look == Look::Containers)
}

/// Why something could not be looked at that a network is made of, in words; each reason once. Of containers only those
/// that `is_about` names.
fn unseen(facts: &Facts, is_about: impl Fn(&str) -> bool) -> Vec<String> {
    let is_meant = |unseen: &&Unseen| match &unseen.look {
        Look::Containers | Look::Networks => true,
        Look::Inside(container) => is_about(container),
        _ => false,
    };
    let words = facts.unseen.iter().filter(is_meant).map(|unseen| {
        let what = match &unseen.look {
            Look::Inside(container) => format!("which ports `{container}` listens on"),
            Look::Networks => "the networks".to_owned(),
            _ => "the containers".to_owned(),
        };
        format!("{what}: {}", unseen.cause.words())
    });
    let mut words: Vec<String> = words.collect();
    words.sort();
    words.dedup();
    words
}
