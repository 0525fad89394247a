//! Containers beside others, in which this program answers questions.
//!
//! An instrument is told by its label, belongs to no project, writes no log, can change nothing of its own, and has of
//! root's rights only those to look at processes of others. It ends when the connection to it does, however that comes,
//! and the engine removes it then.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_engine::{
    Attached, Engine, EngineError, ImportSpec, OutputChunk, OutputSource, RemoveContainer,
    Selector, Stream, Unseen, archive_of,
};
use bowline_model::{
    ContainerId, ContainerSpec, ContainerSummary, LogSpec, NetworkingSpec, ResourcesSpec,
    SecuritySpec, label,
};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use jiff::SignedDuration;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Mutex as AsyncMutex, OnceCell, oneshot};
use tokio::time::timeout;

use super::program::{Program, fits};
use super::serve::{Answered, Asked, WITHIN};
use super::{Reply, Request};

/// What the label says of containers and images of this sort.
const SORT: &str = "look";
/// What their image is called.
const IMAGE: &str = "bowline/look";
/// How long it may take until an instrument answers. The first one on an engine brings this program there.
const JOIN: Duration = Duration::from_secs(5);
/// How long those that were not started may take to go.
const REMOVAL: Duration = Duration::from_secs(2);
/// Memory of one, in bytes.
const MEMORY: i64 = 128 * 1024 * 1024;
/// Processes and threads of one.
const THREADS: i64 = 128;
/// No more of an answer is taken, in bytes.
const LONGEST_LINE: usize = 4 * 1024 * 1024;
/// No more of what one complains of is kept, in bytes.
const MOST_OF_COMPLAINT: usize = 300;

/// The instruments of one look at a stack, one for each container that needs one.
pub(super) struct Instruments<'e> {
    engine: &'e dyn Engine,
    most: usize,
    longest: Duration,
    image: OnceCell<Result<(String, Program), String>>,
    joined: Mutex<BTreeMap<ContainerId, Slot>>,
    /// The names of those that may be there without having been started.
    making: Mutex<Vec<String>>,
}

type Slot = Arc<OnceCell<Result<Instrument, String>>>;

impl<'e> Instruments<'e> {
    pub(super) fn new(engine: &'e dyn Engine, most: usize, longest: Duration) -> Self {
        Self {
            engine,
            most,
            longest,
            image: OnceCell::new(),
            joined: Mutex::default(),
            making: Mutex::default(),
        }
    }

    pub(super) fn may_be_made(&self) -> bool {
        self.most > 0
    }

    /// How many there are or were.
    pub(super) fn count(&self) -> usize {
        let joined = lock(&self.joined);
        let made = |slot: &&Slot| slot.get().is_some_and(Result::is_ok);
        joined.values().filter(made).count()
    }

    /// Puts a question to the one beside a container, and makes it where there is none yet. In words why that is not
    /// answered; what could not be seen from there is an answer.
    pub(super) async fn ask(
        &self,
        container: &ContainerId,
        request: &Request,
    ) -> Result<Result<Reply, Unseen>, String> {
        let slot = self.slot(container)?;
        let instrument = slot.get_or_init(|| self.join(container)).await;
        let instrument = instrument.as_ref().map_err(Clone::clone)?;
        let answered = timeout(self.longest, instrument.ask(request)).await;
        answered.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.longest)))
    }

    fn slot(&self, container: &ContainerId) -> Result<Slot, String> {
        let mut joined = lock(&self.joined);
        if !joined.contains_key(container) && joined.len() >= self.most {
            return Err(format!("no more than {} are made", self.most));
        }
        Ok(joined.entry(container.clone()).or_default().clone())
    }

    /// Makes one beside a container.
    async fn join(&self, container: &ContainerId) -> Result<Instrument, String> {
        let made = async {
            let image = self.image.get_or_init(|| bring(self.engine)).await;
            let (image, program) = image.as_ref().map_err(Clone::clone)?;
            let made = self.make(container, image, program).await;
            made.map_err(|error| error.to_string())
        };
        timeout(JOIN, made)
            .await
            .unwrap_or_else(|_| Err(format!("it was not there within {JOIN:?}")))
    }

    async fn make(
        &self,
        container: &ContainerId,
        image: &str,
        program: &Program,
    ) -> Result<Instrument, EngineError> {
        let name = format!("bowline-look-{}-{:08x}", container.short(), chance());
        lock(&self.making).push(name.clone());
        let spec = spec(container, image, program);
        let id = self.engine.create_container(&name, &spec).await?.id;
        let attached = self.engine.attach_container(&id).await?;
        self.engine.start_container(&id).await?;
        lock(&self.making).retain(|one| *one != name);
        Ok(Instrument::new(attached))
    }

    /// Ends all of them.
    pub(super) async fn end(self) {
        drop(self.joined);
        let making = std::mem::take(&mut *lock(&self.making));
        let removals = making.iter().map(|name| async {
            if let Ok(Some(found)) = self.engine.find_container(name).await {
                let _ = self.engine.remove_container(&found.id, WHOLE).await;
            }
        });
        // One that cannot be removed now is when the next one is made.
        let _ = timeout(REMOVAL, join_all(removals)).await;
    }
}

/// An instrument is removed with everything that is its own.
const WHOLE: RemoveContainer = RemoveContainer {
    force: true,
    anonymous_volumes: true,
};

/// A container beside another one.
fn spec(container: &ContainerId, image: &str, program: &Program) -> ContainerSpec {
    let beside = Some(format!("container:{}", container.0));
    ContainerSpec {
        image: image.to_owned(),
        entrypoint: Some(program.entrypoint()),
        command: Some([WITHIN, container.0.as_str()].into()),
        labels: [(label::INSTRUMENT.to_owned(), SORT.to_owned())].into(),
        user: Some("0:0".to_owned()),
        stdin_open: true,
        stdin_once: true,
        auto_remove: true,
        network: NetworkingSpec {
            mode: beside.clone(),
            pid: beside,
            ..NetworkingSpec::default()
        },
        resources: ResourcesSpec {
            memory_bytes: Some(MEMORY),
            pids_limit: Some(THREADS),
            ..ResourcesSpec::default()
        },
        security: SecuritySpec {
            cap_drop: vec!["ALL".to_owned()],
            cap_add: vec!["SYS_PTRACE".to_owned(), "DAC_READ_SEARCH".to_owned()],
            options: vec!["no-new-privileges".to_owned()],
            read_only: true,
            ..SecuritySpec::default()
        },
        logging: Some(LogSpec {
            driver: "none".to_owned(),
            ..LogSpec::default()
        }),
        ..ContainerSpec::default()
    }
}

/// Makes sure that an engine has this program as an image, removes what others left there, and gives its name.
async fn bring(engine: &dyn Engine) -> Result<(String, Program), String> {
    sweep(engine).await;
    let program =
        Program::own().map_err(|error| format!("this program cannot be read: {error}"))?;
    let reference = format!("{IMAGE}:{}", program.version);
    match engine.inspect_image(&reference).await {
        Ok(_) => return Ok((reference, program)),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.to_string()),
    }
    let read = tokio::task::spawn_blocking(move || program.files().map(|files| (program, files)));
    let read = read.await.map_err(|error| error.to_string())?;
    let (program, files) = read.map_err(|error| format!("this program cannot be read: {error}"))?;
    if !files
        .first()
        .is_some_and(|own| fits(&own.contents, engine.about()))
    {
        let arch = &engine.about().arch;
        return Err(format!(
            "this program does not run on the engine's machine ({arch})"
        ));
    }
    let spec = ImportSpec {
        reference: reference.clone(),
        changes: vec![format!("LABEL {}={SORT}", label::INSTRUMENT)],
        platform: None,
    };
    let archive = archive_of(&files).map_err(|error| error.to_string())?;
    let imported = engine.import_image(&spec, archive).await;
    imported.map_err(|error| error.to_string())?;
    sweep_images(engine, &reference).await;
    Ok((reference, program))
}

/// One that is younger may still be in the making.
const IN_THE_MAKING: SignedDuration = SignedDuration::from_mins(1);

/// Removes instruments that were made and never started: whoever made them was killed in between.
async fn sweep(engine: &dyn Engine) {
    let selector = Selector::label(label::INSTRUMENT, SORT);
    let found = engine.containers(&selector).await.unwrap_or_default();
    let Ok(now) = engine.now().await else {
        return;
    };
    let is_old = |created| now.duration_since(created) > IN_THE_MAKING;
    let is_left = |one: &&ContainerSummary| !one.status.is_up() && one.created.is_none_or(is_old);
    for one in found.iter().filter(is_left) {
        let _ = engine.remove_container(&one.id, WHOLE).await;
    }
}

/// Removes the images of older programs. One that is in use stays.
async fn sweep_images(engine: &dyn Engine, own: &str) {
    let selector = Selector::label(label::INSTRUMENT, SORT);
    for (_, references) in engine.images(&selector).await.unwrap_or_default() {
        for reference in references.iter().filter(|reference| *reference != own) {
            let _ = engine.remove_image(reference).await;
        }
    }
}

/// The connection to one.
struct Instrument {
    input: AsyncMutex<Box<dyn AsyncWrite + Send + Unpin>>,
    waiting: Arc<Mutex<Waiting>>,
    next: AtomicU64,
}

/// Those who wait for an answer, by the number of their question.
#[derive(Default)]
struct Waiting {
    answers: BTreeMap<u64, oneshot::Sender<Result<Reply, Unseen>>>,
    /// Why no more answers come.
    ended: Option<String>,
}

impl Instrument {
    fn new(attached: Attached) -> Self {
        let waiting = Arc::<Mutex<Waiting>>::default();
        tokio::spawn(hear(attached.output, waiting.clone()));
        Self {
            input: AsyncMutex::new(attached.input),
            waiting,
            next: AtomicU64::new(0),
        }
    }

    async fn ask(&self, request: &Request) -> Result<Result<Reply, Unseen>, String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if let Some(why) = &waiting.ended {
                return Err(why.clone());
            }
            waiting.answers.insert(number, answer);
        }
        let asked = Asked {
            number,
            request: request.clone(),
        };
        let mut line = serde_json::to_vec(&asked).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let sent = async {
            let mut input = self.input.lock().await;
            input.write_all(&line).await?;
            input.flush().await
        };
        sent.await
            .map_err(|error: std::io::Error| error.to_string())?;
        answered.await.map_err(|_| {
            let why = lock(&self.waiting).ended.clone();
            why.unwrap_or_else(|| "it ended".to_owned())
        })
    }
}

/// Hands answers to those who wait for them, until there are no more.
async fn hear(mut output: Stream<OutputChunk>, waiting: Arc<Mutex<Waiting>>) {
    let mut line = Vec::new();
    let mut complaint = Vec::new();
    while let Some(Ok(piece)) = output.next().await {
        if piece.source == OutputSource::Stderr {
            complaint.extend(piece.bytes);
            complaint.truncate(MOST_OF_COMPLAINT);
            continue;
        }
        line.extend(piece.bytes);
        while let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            let rest = line.split_off(end + 1);
            let answered = serde_json::from_slice::<Answered>(&line);
            line = rest;
            let Ok(answered) = answered else {
                continue;
            };
            if let Some(answer) = lock(&waiting).answers.remove(&answered.number) {
                // Who asked may have given up.
                let _ = answer.send(answered.reply);
            }
        }
        if line.len() > LONGEST_LINE {
            break;
        }
    }
    let complaint = crate::collect::text::plain(&complaint, MOST_OF_COMPLAINT);
    let mut waiting = lock(&waiting);
    waiting.ended = Some(match complaint.trim() {
        "" => "it ended".to_owned(),
        said => format!("it ended: {said}"),
    });
    waiting.answers.clear();
}

/// A number that nobody else has.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish() & 0xffff_ffff
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bowline_engine::WaitFor;
    use bowline_engine::fake::{FakeEngine, Run};
    use bowline_model::ImageConfig;

    use super::*;
    use crate::within::{Leeway, Missed, Target, Within};

    /// An engine that has this program as an image already, a container to look at, and its id.
    async fn engine(runs: impl IntoIterator<Item = Run>) -> (FakeEngine, ContainerId) {
        let engine = FakeEngine::new();
        engine.add_image("web:1", ImageConfig::default());
        let reference = format!("{IMAGE}:{}", Program::own().expect("a program").version);
        engine.add_image(&reference, ImageConfig::default());
        engine.script_image(&reference, runs);
        let spec = ContainerSpec {
            image: "web:1".to_owned(),
            ..ContainerSpec::default()
        };
        let web = engine.create_container("web", &spec).await.expect("web").id;
        engine.start_container(&web).await.expect("a start");
        (engine, web)
    }

    fn answers(line: &str) -> Run {
        Run::new().writes(OutputSource::Stdout, line)
    }

    async fn names(engine: &FakeEngine) -> Vec<String> {
        let all = engine.containers(&Selector::all()).await.expect("a list");
        all.into_iter().map(|one| one.name).collect()
    }

    fn limits(instruments: usize) -> Leeway {
        Leeway {
            instruments,
            threads: 1,
            answer: Duration::from_secs(2),
        }
    }

    const NOTHING_THERE: &str =
        r#"{"number":0,"reply":{"Ok":{"path":{"there":null,"head":null,"room":null}}}}"#;

    #[tokio::test(start_paused = true)]
    async fn one_is_made_beside_a_container_asked_and_leaves_nothing() {
        let (engine, web) = engine([answers(NOTHING_THERE)]).await;
        let instruments = Instruments::new(&engine, 1, Duration::from_secs(2));
        let request = Request::Path("/etc/hosts".to_owned());
        let reply = instruments.ask(&web, &request).await.expect("an answer");
        assert!(matches!(reply, Ok(Reply::Path(_))));
        assert_eq!(instruments.count(), 1);
        let selector = Selector::label(label::INSTRUMENT, SORT);
        let made = engine.containers(&selector).await.expect("a list");
        let id = made[0].id.clone();
        let made = engine.inspect_container(&id).await.expect("it").spec;
        let beside = Some(format!("container:{web}"));
        assert_eq!((&made.network.mode, &made.network.pid), (&beside, &beside));
        assert!(made.security.read_only && made.auto_remove && !made.security.privileged);
        assert_eq!(made.labels.get(label::PROJECT), None);
        instruments.end().await;
        let gone = engine.wait_container(&id, WaitFor::Removed).await;
        gone.expect("an end");
        assert_eq!(names(&engine).await, ["web"]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_cannot_run_says_why_and_so_does_one_that_ends() {
        let ends = Run::new()
            .writes(OutputSource::Stderr, "exec format \u{1b}[31merror")
            .ends_after(Duration::from_millis(5), 1);
        let (engine, web) = engine([ends]).await;
        let instruments = Instruments::new(&engine, 1, Duration::from_secs(2));
        let why = instruments.ask(&web, &Request::Inside).await.err();
        assert_eq!(why.as_deref(), Some("it ended: exec format error"));
        let why = instruments.ask(&web, &Request::Inside).await.err();
        assert_eq!(why.as_deref(), Some("it ended: exec format error"));
        instruments.end().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_made_and_never_started_goes_when_it_is_old() {
        let (engine, web) = engine([Run::new(), Run::new()]).await;
        let reference = format!("{IMAGE}:{}", Program::own().expect("a program").version);
        let program = Program::own().expect("a program");
        let left = spec(&web, &reference, &program);
        let made = engine.create_container("bowline-look-left", &left).await;
        made.expect("one");
        sweep(&engine).await;
        assert_eq!(
            names(&engine).await.len(),
            2,
            "it may still be in the making"
        );
        tokio::time::advance(Duration::from_secs(61)).await;
        sweep(&engine).await;
        assert_eq!(names(&engine).await, ["web"]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_made_than_may_be_and_none_for_what_ended() {
        let (engine, web) = engine([Run::new().fails_to_start(126, "no such namespace")]).await;
        let within = Within::new(&engine, limits(1));
        let pid = engine.inspect_container(&web).await.expect("it").state.pid;
        let target = Target {
            id: &web,
            pid: pid.expect("a process"),
        };
        let missed = within
            .ask(target, Request::Inside)
            .await
            .err()
            .expect("no answer");
        assert!(
            matches!(&missed, Missed::Beside { beside, .. } if beside.contains("no such namespace")),
            "{missed:?}"
        );
        let other = ContainerId("f".repeat(64));
        let other = Target {
            id: &other,
            pid: u32::MAX,
        };
        let missed = within
            .ask(other, Request::Inside)
            .await
            .err()
            .expect("no answer");
        assert!(missed.is_gone(), "{missed:?}");
        within.end().await;
        assert_eq!(
            names(&engine).await,
            ["web"],
            "what was not started is removed"
        );
        let none = Within::new(&engine, limits(0));
        let missed = none
            .ask(target, Request::Inside)
            .await
            .err()
            .expect("no answer");
        assert!(matches!(missed, Missed::Kernel(_)), "{missed:?}");
    }
}
