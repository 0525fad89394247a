//! The process dies at every point of an operation, and the next `up` puts everything right.
//!
//! Points: after the intent was written and before the request, after the request and before its answer, after
//! the answer and before the outcome is written. Every one of them, at every step.

use std::sync::{Arc, Mutex};

use bowline_engine::fake::FakeEngine;
use bowline_engine::{Fault, Tap};
use bowline_model::{ContainerId, Outcome, Step, StepId, StepOutcome, Undo};
use tokio::sync::{Notify, watch};

use super::super::run::{Execution, Ledger, StepError, Watch, execute};
use super::*;
use crate::journal::{JournalError, StepToken};
use crate::ready::Ready;

/// Where the process dies.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// At the write of this number.
    Write(usize, Fault),
    /// Before the outcome of this number is written.
    Conclude(usize),
    /// After the intent of this number is written.
    Intend(usize),
}

/// A journal in memory, and the end of the process.
struct Book {
    memory: Mutex<Memory>,
    operation: OperationId,
    intended: Mutex<Vec<StepId>>,
    concluded: Mutex<Vec<(StepId, StepOutcome)>>,
    dies_at: Option<Point>,
    dead: Notify,
}

impl Book {
    fn new(operation: &OperationId, memory: Memory, dies_at: Option<Point>) -> Self {
        Self {
            memory: Mutex::new(memory),
            operation: operation.clone(),
            intended: Mutex::default(),
            concluded: Mutex::default(),
            dies_at,
            dead: Notify::new(),
        }
    }

    /// Ends the process: nothing of it goes on.
    async fn die<T>(&self) -> T {
        self.dead.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Ledger for Book {
    async fn intend(&self, step: &Step, _: &Undo) -> Result<StepToken, JournalError> {
        let number = {
            let mut intended = self.intended.lock().expect("nobody panics");
            intended.push(step.id);
            intended.len() - 1
        };
        match self.dies_at {
            Some(Point::Intend(at)) if at == number => self.die().await,
            _ => Ok(StepToken::of_nobody(&self.operation, step)),
        }
    }

    async fn conclude(&self, token: StepToken, outcome: &StepOutcome) -> Result<(), JournalError> {
        let number = self.concluded.lock().expect("nobody panics").len();
        let dies = match self.dies_at {
            Some(Point::Conclude(at)) => at == number,
            Some(Point::Write(..)) => !matches!(outcome, StepOutcome::Done { .. }),
            _ => false,
        };
        if dies {
            return self.die().await;
        }
        self.concluded
            .lock()
            .expect("nobody panics")
            .push((token.step(), outcome.clone()));
        Ok(())
    }

    async fn remember(&self, baseline: &Baseline) -> Result<(), JournalError> {
        let mut memory = self.memory.lock().expect("nobody panics");
        memory
            .baselines
            .insert(baseline.observed.id.clone(), baseline.clone());
        Ok(())
    }

    async fn remembered(&self, container: &ContainerId) -> Result<Option<Baseline>, JournalError> {
        let memory = self.memory.lock().expect("nobody panics");
        Ok(memory.baselines.get(container).cloned())
    }

    async fn remember_ready(&self, ready: &Ready) -> Result<(), JournalError> {
        let mut memory = self.memory.lock().expect("nobody panics");
        memory
            .ready
            .extend(ready.run.map(|run| (ready.id.clone(), run)));
        Ok(())
    }
}

struct Silence;

impl Watch for Silence {
    fn began(&self, _: &Step) {}
    fn ended(&self, _: &Step, _: Result<&StepOutcome, &StepError>) {}
}

/// An engine, and what a journal remembers of it.
struct World {
    engine: Arc<FakeEngine>,
    memory: Memory,
    operations: u32,
}

impl World {
    fn new() -> Self {
        Self {
            engine: Arc::new(Stage::new().engine),
            memory: Memory::default(),
            operations: 0,
        }
    }

    async fn plan(&self, goal: &Goal) -> Plan {
        let observed = observe(&*self.engine, "shop", &Names::of(&shop()))
            .await
            .expect("the fake answers");
        plan("shop", goal, &observed, &self.memory, Images::Bring).expect("there is a plan")
    }

    /// Carries out what leads to a goal. `None` where the process died on the way.
    async fn reach(&mut self, goal: &Goal, dies_at: Option<Point>) -> Option<Outcome> {
        self.operations += 1;
        let operation = OperationId(format!("op-{}", self.operations));
        let plan = self.plan(goal).await;
        let tap = Tap::new(self.engine.clone());
        if let Some(Point::Write(number, fault)) = dies_at {
            tap.fail_write(number, fault);
        }
        let book = Book::new(&operation, self.memory.clone(), dies_at);
        let (_keep, halt) = watch::channel(None);
        let execution = Execution {
            engine: &tap,
            operation: &operation,
            ledger: &book,
            outside: &Nothing,
            watch: &Silence,
            parallel: Some(3),
            probes: 2,
            readiness: BTreeMap::new(),
            inside: &|_, _| None,
            stopped: Stopped::none(),
            halt,
        };
        let outcome = tokio::select! {
            report = execute(&plan, &execution) => Some(report.outcome()),
            () = book.dead.notified() => None,
        };
        self.memory = book.memory.into_inner().expect("nobody panics");
        outcome
    }

    /// Reaches a goal from wherever an earlier operation left off, and says what there is then.
    async fn recover(&mut self, goal: &Goal, point: Point) -> String {
        for _ in 0..3 {
            match self.reach(goal, None).await {
                Some(Outcome::Done) if self.plan(goal).await.is_empty() => {
                    return self.engine.snapshot();
                }
                Some(Outcome::Done) => {}
                other => panic!("{point:?}: {other:?}"),
            }
        }
        panic!(
            "{point:?}: still not as wanted:\n{}\n{}",
            self.plan(goal).await,
            self.engine.snapshot()
        )
    }
}

pub(crate) fn changed() -> Wanted {
    let mut wanted = shop();
    wanted
        .services
        .get_mut("db")
        .expect("there is a db")
        .spec
        .user = Some("999".to_owned());
    let web = wanted.services.get_mut("web").expect("there is a web");
    web.spec.env.set("TAG", Some("2".to_owned()));
    web.replicas = 3;
    wanted
}

pub(crate) fn down() -> Goal {
    Goal::Down {
        volumes: Vec::new(),
        remove_orphans: false,
        grace_secs: None,
    }
}

/// Every point of an operation that takes so many steps and writes.
fn points(steps: usize, writes: usize) -> impl Iterator<Item = Point> {
    let at_writes = (0..writes).flat_map(|number| {
        [
            Point::Write(number, Fault::BeforeRequest),
            Point::Write(number, Fault::ReplyLost),
        ]
    });
    at_writes.chain((0..steps).flat_map(|number| [Point::Intend(number), Point::Conclude(number)]))
}

/// Lets the process die at every point on the way from a beginning to a goal, and recovers. Every step that
/// changes something has at least four such points.
async fn dies_everywhere(before: &[Goal], goal: &Goal) {
    let mut straight = World::new();
    for earlier in before {
        assert_eq!(straight.reach(earlier, None).await, Some(Outcome::Done));
    }
    let plan = straight.plan(goal).await;
    let steps = plan
        .steps
        .iter()
        .filter(|step| step.action.effect() != bowline_model::Effect::Read)
        .count();
    assert_eq!(straight.reach(goal, None).await, Some(Outcome::Done));
    let expected = straight.engine.snapshot();
    let mut deaths = 0;
    for point in points(steps, steps * 2) {
        let mut world = World::new();
        for earlier in before {
            assert_eq!(world.reach(earlier, None).await, Some(Outcome::Done));
        }
        if world.reach(goal, Some(point)).await.is_none() {
            deaths += 1;
        }
        assert_eq!(world.recover(goal, point).await, expected, "{point:?}");
    }
    assert!(deaths >= steps * 4, "{deaths} deaths in {steps} steps");
}

#[tokio::test(start_paused = true)]
async fn a_first_up_that_dies_anywhere_is_completed_by_the_next() {
    dies_everywhere(&[], &up(&shop())).await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_up_that_dies_anywhere_is_completed_by_the_next() {
    dies_everywhere(&[up(&shop())], &up(&changed())).await;
}

#[tokio::test(start_paused = true)]
async fn a_down_that_dies_anywhere_is_completed_by_the_next() {
    dies_everywhere(&[up(&shop())], &down()).await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_or_unpause_that_dies_anywhere_is_completed_by_the_next() {
    let pause = Goal::Pause {
        services: Vec::new(),
    };
    let unpause = Goal::Unpause {
        services: Vec::new(),
    };
    dies_everywhere(&[up(&shop())], &pause).await;
    dies_everywhere(&[up(&shop()), pause], &unpause).await;
}
