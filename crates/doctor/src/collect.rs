//! Looking at a stack once, side by side and within bounds.

mod answers;
pub(crate) mod asks;
mod closer;
mod declared;
pub(crate) mod files;
pub(crate) mod insides;
mod kills;
mod named;
pub(crate) mod networks;
mod on_host;
mod ports;
mod secrets;
mod settings;
pub(crate) mod text;
mod told;
mod translate;
pub(crate) mod tries;
mod upstreams;
mod veil;
mod wider;

pub(crate) use told::number;
pub use veil::Veil;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use bowline_engine::{
    Engine, EngineError, EventFilter, LIFE_ACTIONS, MemoryKill, Selector, Sent, Unreachable,
    host_routes, memory_kills,
};
use bowline_model::{
    EngineEvent, EventAction, ObjectKind, ObservedContainer, ObservedImage, ObservedVolume,
    Project, Secret, label,
};
use futures_util::TryStreamExt as _;
use futures_util::future::{join, join_all, join3};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::facts::{
    EmptyVariable, Event, Facts, ImageFact, LogFact, LogLine, Look, NotDone, OwnRecipes, Unseen,
    WhyUnseen,
};
use crate::tokens::{Mask, Tokens};
use crate::within::{Leeway, Missed, Within};
use closer::{Closer, RawLog};
use networks::Networks;
use told::Reader;
use translate::{container_fact, image_fact, volume_fact};

/// What is looked at, and what is known of it beforehand.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// The project's name.
    pub name: String,
    /// What its files say, where there are any.
    pub project: Option<Project>,
    /// Variables that the files use and nobody set.
    pub empty_variables: Vec<EmptyVariable>,
    /// Secret values that are known from files, whether or not a container has them.
    pub secrets: Vec<Secret>,
    /// Events that were recorded while they happened. The engine's own are added to them.
    pub recorded: Vec<EngineEvent>,
    /// What the last operation could not do.
    pub not_done: Vec<NotDone>,
    /// What time it is on this host when looking begins; `None` where its clock is not to be compared with the engine's.
    pub begins: Option<Timestamp>,
    /// The user's own recipes.
    pub recipes: OwnRecipes,
    /// Services that somebody asks about, by name or as a culprit is called: they are looked into before all others.
    pub asked: Vec<String>,
}

/// How far looking may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long one look may take.
    pub look: Duration,
    /// How long all looks together may take. What is tried and asked from within containers may go on for `answer` after that.
    pub whole: Duration,
    /// How long a try or a question from within a container may take, with the time until its turn comes.
    pub answer: Duration,
    /// How many lines of a log are read, from its end; 0 reads none.
    pub log_lines: u64,
    /// How many bytes of a line are kept, half of them from its end: what matters in a trace stands there.
    pub line_bytes: usize,
    /// Up to how many containers each of them is looked into; of more only those that somebody asks about, those in doubt,
    /// and what they need.
    pub everybody: usize,
    /// How many files, names and addresses are looked at because of what was seen.
    pub questions: usize,
    /// Whether anything is tried from within containers.
    pub tries: bool,
    /// How many instruments may be made, containers in which this program looks at those in doubt that it cannot look into
    /// from here. It has to answer to [`WITHIN`](crate::WITHIN).
    pub instruments: usize,
}

impl Default for Bounds {
    /// 2 s for a look, 3.5 s for all, 2.3 s for an answer; 200 lines of 2 KiB from each log; 40 containers; 64 questions; no instruments.
    fn default() -> Self {
        Self {
            look: Duration::from_secs(2),
            whole: Duration::from_millis(3500),
            answer: Duration::from_millis(2300),
            log_lines: 200,
            line_bytes: 2048,
            everybody: 40,
            questions: 64,
            tries: true,
            instruments: 0,
        }
    }
}

/// How many looks by the kernel's side go on at once, and as many reads of mounted files: each takes a thread or a connection.
const THREADS: usize = 16;
impl Bounds {
    fn leeway(self) -> Leeway {
        Leeway {
            instruments: self.instruments,
            threads: THREADS,
            answer: self.answer,
        }
    }
}

/// How much longer it may take to read of all containers what the engine knows, for each of them.
const INSPECT: Duration = Duration::from_millis(10);
/// No more of the command of one that holds a file is told, in characters.
const MOST_OF_COMMAND: usize = 80;
/// Small files of one container that are read for what they tell.
const FILES_OF_ONE: usize = 16;

/// Looks at a stack. Reads only; what cannot be read in time is noted and the rest goes on.
///
/// # Errors
///
/// The engine did not say what time it is: nobody is there to look at.
pub async fn collect(
    engine: &dyn Engine,
    subject: &Subject,
    bounds: Bounds,
) -> Result<Facts, EngineError> {
    let begun = tokio::time::Instant::now();
    let at = match timeout(bounds.look, engine.now()).await {
        Ok(at) => at?,
        Err(_) => return Err(silent(bounds.look)),
    };
    let ahead_millis = subject
        .begins
        .and_then(|begins| wider::ahead(at, begins, begun.elapsed()));
    let mut looking = Looking {
        engine,
        subject,
        bounds,
        begun,
        at,
        ahead_millis,
        within: Within::new(engine, bounds.leeway()),
        reads: Semaphore::new(THREADS),
        unseen: Vec::new(),
    };
    let (containers, events) = join(
        containers(engine, subject, bounds),
        within(bounds, events(engine, at)),
    )
    .await;
    let mut containers = looking.seen(Look::Containers, containers);
    containers.sort_by(|one, other| one.name.cmp(&other.name));
    looking.bounds.whole += INSPECT * u32::try_from(containers.len()).unwrap_or(u32::MAX) / 2;
    let events = looking.seen(Look::Events { before: at }, events);
    let kills = looking.within.on_thread(memory_kills).await;
    let kills = kills.map_err(|unseen| Missed::from(unseen).into());
    let kills = looking.seen(Look::KernelLog, kills);
    let wider = join3(
        within(bounds, networks::look(engine, &containers)),
        within(bounds, wider::volumes(engine, subject, &containers)),
        within(bounds, images(engine, subject, &containers)),
    );
    let ((networks, volumes, images), closer) = join(wider, looking.closer(&containers)).await;
    let (volumes, namesakes) = looking.seen(Look::Volumes, volumes);
    let seen = Seen {
        events,
        kills,
        networks: looking.seen(Look::Networks, networks),
        volumes,
        images: looking.seen(Look::Images, images),
        namesakes,
        closer,
        containers,
    };
    let mut facts = looking.facts(seen).await;
    facts.instruments = looking.within.instruments();
    looking.within.end().await;
    facts.took_millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(facts)
}

struct Looking<'a> {
    engine: &'a dyn Engine,
    subject: &'a Subject,
    bounds: Bounds,
    begun: tokio::time::Instant,
    at: Timestamp,
    ahead_millis: Option<i64>,
    within: Within<'a>,
    reads: Semaphore,
    unseen: Vec<Unseen>,
}

/// Everything that was seen before anything was asked because of it.
struct Seen {
    containers: Vec<ObservedContainer>,
    events: Vec<EngineEvent>,
    kills: Vec<MemoryKill>,
    networks: Networks,
    volumes: Vec<ObservedVolume>,
    namesakes: Vec<ObservedVolume>,
    images: BTreeMap<String, Option<ObservedImage>>,
    closer: BTreeMap<String, Closer>,
}

impl Looking<'_> {
    /// What was seen, or a note that it was not.
    fn seen<T: Default>(&mut self, look: Look, seen: Result<T, WhyUnseen>) -> T {
        seen.unwrap_or_else(|cause| {
            self.unseen.push(Unseen { look, cause });
            T::default()
        })
    }

    /// Lets the next looks take no longer than all of them may.
    fn hurry(&mut self) {
        let left = self.bounds.whole.saturating_sub(self.begun.elapsed());
        self.bounds.look = self.bounds.look.min(left);
    }

    async fn facts(&mut self, mut seen: Seen) -> Facts {
        let closer = std::mem::take(&mut seen.closer);
        let readers: Vec<Reader<'_>> = seen
            .containers
            .iter()
            .map(|container| {
                let files = closer.get(&container.name);
                Reader::new(container, files.map_or(&[], |closer| &closer.files))
            })
            .collect();
        let project = self.subject.project.as_ref();
        let mut tokens = Tokens::new(declared::names(project));
        self.remember(&readers, &mut tokens);
        let mask = tokens.mask();
        let told = readers
            .iter()
            .map(|reader| (reader.container.name.clone(), reader.told(&mut tokens)))
            .collect();
        let mut events = self.events(&seen.containers, std::mem::take(&mut seen.events));
        kills::add(&mut events, &seen.kills, &seen.containers);
        let missing = declared::missing_networks(project, &seen.networks.all);
        let mut facts = Facts {
            needs: declared::needs(project, &seen.containers),
            services: declared::services(project, &mut tokens, &mask),
            empty_variables: self.subject.empty_variables.clone(),
            containers: seen
                .containers
                .iter()
                .map(|container| container_fact(container, &mut tokens, &mask))
                .collect(),
            taken_subnets: networks::taken(&seen.networks.all, &missing),
            missing_networks: missing,
            routes: networks::routes(&seen.networks.own, host_routes()),
            networks: std::mem::take(&mut seen.networks.own),
            volumes: seen.volumes.iter().map(volume_fact).collect(),
            namesakes: seen.namesakes.iter().map(volume_fact).collect(),
            host: Some(wider::host(self.engine, self.ahead_millis)),
            images: image_facts(&seen.images, &mask),
            host_memory_bytes: self.engine.about().memory_bytes,
            events,
            told,
            not_done: self.not_done(&mask),
            recipes: self.subject.recipes.masked(&mask),
            ..Facts::none(&self.subject.name, self.at)
        };
        let mut files = BTreeMap::new();
        for (name, mut closer) in closer {
            files.insert(name.clone(), std::mem::take(&mut closer.files));
            Self::add_closer(&mut facts, name, closer, &mask);
        }
        named::add(&mut facts, &seen.containers, &files);
        // What the first answers show may ask for more: a script names its interpreter.
        let mut asked = BTreeSet::new();
        for _ in 0..2 {
            let known = (&tokens, &mask);
            self.answers(&mut facts, &seen.containers, known, &mut asked)
                .await;
        }
        settings::add(&mut facts, &seen.containers, &files, &mask);
        self.finished(facts, &mask)
    }

    /// The facts with what could not be looked at, in order. Engines and kernels say why in words of their own, and may
    /// repeat what they were told.
    fn finished(&mut self, mut facts: Facts, mask: &Mask) -> Facts {
        facts.unseen = std::mem::take(&mut self.unseen);
        for unseen in &mut facts.unseen {
            if let Some(text) = unseen.cause.others_words() {
                *text = mask.apply(text);
            }
        }
        sort(&mut facts);
        facts
    }

    /// Remembers every secret value that anybody is told.
    fn remember(&self, readers: &[Reader<'_>], tokens: &mut Tokens) {
        for secret in &self.subject.secrets {
            tokens.token(secret);
        }
        for reader in readers {
            reader.remember(tokens);
        }
        declared::remember(self.subject.project.as_ref(), tokens);
    }

    /// Adds what was seen of one container closely.
    fn add_closer(facts: &mut Facts, name: String, closer: Closer, mask: &Mask) {
        if let Some(log) = closer.log {
            facts.logs.insert(name.clone(), Self::log_fact(log, mask));
        }
        if let Some(mut inside) = closer.inside {
            for word in &mut inside.main {
                *word = mask.apply(word);
            }
            for command in inside.locked.values_mut() {
                // What is cut first may leave half of a secret that nobody would know again.
                *command = mask.apply(command).chars().take(MOST_OF_COMMAND).collect();
            }
            facts.insides.insert(name, inside);
        }
    }

    fn not_done(&self, mask: &Mask) -> Vec<NotDone> {
        let steps = self.subject.not_done.iter().cloned();
        let masked = steps.map(|step| NotDone {
            error: mask.apply(&step.error),
            ..step
        });
        masked.collect()
    }

    fn log_fact(log: RawLog, mask: &Mask) -> LogFact {
        let mut secrets = BTreeSet::new();
        let lines = log.lines.into_iter().map(|(at, bytes)| {
            let text = text::plain(&bytes, bytes.len());
            secrets.extend(mask.found(&text));
            LogLine {
                at,
                text: mask.apply(&text),
            }
        });
        LogFact {
            lines: lines.collect(),
            is_cut: log.is_cut,
            bytes: log.bytes,
            secrets,
        }
    }

    /// What was recorded and what the engine still remembers, each once; and from when on that is everything.
    fn events(&mut self, containers: &[ObservedContainer], own: Vec<EngineEvent>) -> Vec<Event> {
        let is_ours = |event: &EngineEvent| {
            event.kind == ObjectKind::Container
                && event.attributes.get(label::PROJECT) == Some(&self.subject.name)
        };
        let own: Vec<EngineEvent> = own.into_iter().filter(is_ours).collect();
        let recorded = self.subject.recorded.iter().filter(|event| is_ours(event));
        let mut all: Vec<EngineEvent> = recorded.cloned().collect();
        let begin = own.first().map_or(self.at, |event| event.at);
        let has_gap = all.last().is_some_and(|last| last.at < begin);
        all.extend(own);
        all.sort_by(|one, other| {
            (one.at, &one.id, &one.action).cmp(&(other.at, &other.id, &other.action))
        });
        all.dedup();
        let is_made = |container: &ObservedContainer| {
            let mut events = all.iter();
            events.any(|event| event.action == EventAction::Create && event.id == container.id.0)
        };
        let before = if has_gap {
            Some(begin)
        } else if containers.iter().all(is_made) {
            None
        } else {
            Some(all.first().map_or(self.at, |event| event.at))
        };
        if let Some(before) = before {
            self.unseen.push(Unseen {
                look: Look::Events { before },
                cause: WhyUnseen::Forgotten,
            });
        }
        all.into_iter()
            .map(|event| Event {
                at: event.at,
                container: event.attributes.get("name").cloned().unwrap_or_default(),
                exit_code: event.exit_code(),
                signal: event.attributes.get("signal").cloned(),
                action: event.action,
                by_kernel: false,
            })
            .collect()
    }
}

fn image_facts(
    images: &BTreeMap<String, Option<ObservedImage>>,
    mask: &Mask,
) -> BTreeMap<String, ImageFact> {
    let images = images.iter();
    images
        .map(|(reference, image)| (reference.clone(), image_fact(image.as_ref(), mask)))
        .collect()
}

/// Puts everything in an order that does not depend on who answered first.
fn sort(facts: &mut Facts) {
    facts
        .networks
        .sort_by(|one, other| one.name.cmp(&other.name).then(one.id.cmp(&other.id)));
    facts
        .volumes
        .sort_by(|one, other| one.name.cmp(&other.name));
    facts
        .files
        .sort_by(|one, other| (&one.container, &one.path).cmp(&(&other.container, &other.path)));
    facts
        .tried
        .sort_by(|one, other| (&one.from, &one.host).cmp(&(&other.from, &other.host)));
    facts
        .namesakes
        .sort_by(|one, other| one.name.cmp(&other.name));
    facts
        .asked
        .sort_by(|one, other| (&one.server, one.how()).cmp(&(&other.server, other.how())));
    facts.ports.sort();
    facts.names.sort();
    facts.unseen.sort();
    facts.unseen.dedup();
}

/// Takes a look that may take its time and no more.
async fn within<T>(
    bounds: Bounds,
    look: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, WhyUnseen> {
    match timeout(bounds.look, look).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(error)) => Err(WhyUnseen::Engine(error.to_string())),
        Err(_) => Err(WhyUnseen::TooSlow),
    }
}

/// An engine that takes questions and does not answer.
fn silent(after: Duration) -> EngineError {
    EngineError::Unreachable {
        endpoint: "its address".to_owned(),
        request: "the time".to_owned(),
        reason: Unreachable::TimedOut(after),
        sent: Sent::Maybe,
    }
}

/// All containers of a stack. Without one of them nothing can be said of what is missing, so many may take longer.
async fn containers(
    engine: &dyn Engine,
    subject: &Subject,
    bounds: Bounds,
) -> Result<Vec<ObservedContainer>, WhyUnseen> {
    let which = Selector::label(label::PROJECT, &subject.name);
    let listed = within(bounds, engine.containers(&which)).await?;
    let ids: Vec<_> = listed.into_iter().map(|container| container.id).collect();
    let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    let longer = Bounds {
        look: bounds.look + INSPECT * count,
        ..bounds
    };
    within(longer, engine.inspect_containers(&ids)).await
}

/// The images that containers and files name, each as the engine has it under that reference now.
async fn images(
    engine: &dyn Engine,
    subject: &Subject,
    containers: &[ObservedContainer],
) -> Result<BTreeMap<String, Option<ObservedImage>>, EngineError> {
    let services = subject
        .project
        .iter()
        .flat_map(|project| project.services.values());
    let declared = services.map(|service| service.image.clone());
    let used = containers
        .iter()
        .map(|container| container.spec.image.clone());
    let wanted: BTreeSet<String> = declared
        .chain(used)
        .filter(|name| !name.is_empty())
        .collect();
    let looks = wanted
        .iter()
        .map(|reference| engine.inspect_image(reference));
    let mut images = BTreeMap::new();
    for (reference, image) in wanted.iter().zip(join_all(looks).await) {
        let image = match image {
            Ok(image) => Some(image),
            Err(EngineError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        images.insert(reference.clone(), image);
    }
    Ok(images)
}

/// What the engine still remembers of containers.
async fn events(engine: &dyn Engine, until: Timestamp) -> Result<Vec<EngineEvent>, EngineError> {
    let health = EventAction::Health(String::new());
    let filter = EventFilter {
        since: Some(Timestamp::UNIX_EPOCH),
        until: Some(until),
        labels: Vec::new(),
        kinds: vec![ObjectKind::Container],
        actions: LIFE_ACTIONS.iter().cloned().chain([health]).collect(),
    };
    engine.events(&filter).await?.try_collect().await
}
