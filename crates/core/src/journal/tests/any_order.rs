//! Any sequence of calls, legal and not, against a model that is the table of the decision page.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::*;
use super::stage::*;

#[derive(Clone, Debug)]
enum CallTo {
    Begin {
        id: u8,
        undoes: Option<u8>,
        supersedes: Vec<u8>,
    },
    Intend {
        id: u8,
        step: u32,
    },
    Conclude {
        token: usize,
        how: StepOutcome,
    },
    Settle {
        id: u8,
        step: u32,
        how: StepOutcome,
    },
    Close {
        id: u8,
        how: Outcome,
    },
    Reopen,
}

fn step_outcome() -> impl Strategy<Value = StepOutcome> {
    prop_oneof![
        4 => Just(StepOutcome::Done { made: Some("c1".into()), already: true }),
        1 => Just(StepOutcome::Failed { error: "no".into() }),
        1 => Just(StepOutcome::Unknown { because: "gone".into() }),
        1 => Just(StepOutcome::Open),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Done),
        1 => Just(Outcome::Failed { step: StepId(1), error: "no".into() }),
        1 => Just(Outcome::Interrupted),
        1 => Just(Outcome::Stuck { state: "half".into() }),
        1 => Just(Outcome::Open),
        1 => Just(Outcome::Undone { by: op("0") }),
    ]
}

fn call() -> impl Strategy<Value = CallTo> {
    let id = 0..5_u8;
    prop_oneof![
        4 => (id.clone(), prop::option::of(id.clone()), prop::collection::vec(id.clone(), 0..3))
            .prop_map(|(id, undoes, supersedes)| CallTo::Begin { id, undoes, supersedes }),
        4 => (id.clone(), 1..4_u32).prop_map(|(id, step)| CallTo::Intend { id, step }),
        4 => (0..3_usize, step_outcome()).prop_map(|(token, how)| CallTo::Conclude { token, how }),
        2 => (id.clone(), 1..4_u32, step_outcome()).prop_map(|(id, step, how)| CallTo::Settle { id, step, how }),
        4 => (id, outcome()).prop_map(|(id, how)| CallTo::Close { id, how }),
        1 => Just(CallTo::Reopen),
    ]
}

#[derive(Clone, Debug, PartialEq)]
struct Modelled {
    outcome: Outcome,
    undoes: Option<u8>,
    steps: BTreeMap<u32, StepOutcome>,
}

/// What the decision page says; each method tells whether the call is legal and changes nothing where it is not.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model(BTreeMap<u8, Modelled>);

fn name(id: u8) -> OperationId {
    op(&id.to_string())
}

fn takes_over(of: &Modelled) -> bool {
    matches!(
        of.outcome,
        Outcome::Open | Outcome::Failed { .. } | Outcome::Interrupted | Outcome::Stuck { .. }
    )
}

impl Model {
    fn give_up(&mut self, id: u8) {
        for how in self.0.get_mut(&id).unwrap().steps.values_mut() {
            if *how == StepOutcome::Open {
                *how = StepOutcome::Unknown {
                    because: "its process ended before it noted how it went".into(),
                };
            }
        }
    }

    fn begin(&mut self, id: u8, undoes: Option<u8>, supersedes: &[u8]) -> bool {
        let undoable = |of: &Modelled| takes_over(of) || of.outcome == Outcome::Done;
        let named = |other: &u8| supersedes.contains(other) || undoes == Some(*other);
        let open_elsewhere = self
            .0
            .iter()
            .any(|(other, of)| of.outcome == Outcome::Open && !named(other));
        let legal = !self.0.contains_key(&id)
            && !open_elsewhere
            && !undoes.is_some_and(|undone| supersedes.contains(&undone))
            && undoes.is_none_or(|undone| self.0.get(&undone).is_some_and(undoable))
            && supersedes
                .iter()
                .all(|other| self.0.get(other).is_some_and(takes_over))
            && (1..supersedes.len())
                .all(|index| !supersedes[index..].contains(&supersedes[index - 1]));
        if !legal {
            return false;
        }
        for other in supersedes.iter().chain(&undoes) {
            self.give_up(*other);
        }
        if let Some(of) = undoes
            .and_then(|undone| self.0.get_mut(&undone))
            .filter(|of| of.outcome == Outcome::Open)
        {
            of.outcome = Outcome::Interrupted;
        }
        for other in supersedes {
            self.0.get_mut(other).unwrap().outcome = Outcome::Superseded { by: name(id) };
        }
        self.0.insert(
            id,
            Modelled {
                outcome: Outcome::Open,
                undoes,
                steps: BTreeMap::new(),
            },
        );
        true
    }

    fn intend(&mut self, id: u8, step: u32) -> bool {
        match self.0.get_mut(&id) {
            Some(of) if of.outcome == Outcome::Open && !of.steps.contains_key(&step) => {
                of.steps.insert(step, StepOutcome::Open);
                true
            }
            _ => false,
        }
    }

    fn end_step(&mut self, id: u8, step: u32, how: &StepOutcome, found_out: bool) -> bool {
        let Some(is) = self.0.get_mut(&id).and_then(|of| of.steps.get_mut(&step)) else {
            return false;
        };
        let legal = match (&*is, how) {
            (_, StepOutcome::Open) | (StepOutcome::Done { .. } | StepOutcome::Failed { .. }, _) => {
                false
            }
            (StepOutcome::Open, _) => true,
            (StepOutcome::Unknown { .. }, _) => {
                found_out && !matches!(how, StepOutcome::Unknown { .. })
            }
        };
        if legal {
            *is = how.clone();
        }
        legal
    }

    fn close(&mut self, id: u8, how: &Outcome) -> bool {
        let by_itself = matches!(
            how,
            Outcome::Done | Outcome::Failed { .. } | Outcome::Interrupted | Outcome::Stuck { .. }
        );
        let Some(of) = self.0.get(&id) else {
            return false;
        };
        let steps_open = of.steps.values().any(|how| *how == StepOutcome::Open);
        let target = of.undoes.filter(|_| *how == Outcome::Done);
        if of.outcome != Outcome::Open || !by_itself || steps_open {
            return false;
        }
        self.0.get_mut(&id).unwrap().outcome = how.clone();
        if let Some(target) = target {
            self.0.get_mut(&target).unwrap().outcome = Outcome::Undone { by: name(id) };
        }
        true
    }
}

async fn read(journal: &Journal) -> Model {
    let mut model = Model::default();
    for operation in journal.history(100).await.unwrap() {
        let number = |id: &OperationId| id.0[3..].parse().unwrap();
        let record = journal.operation(&operation.id).await.unwrap().unwrap();
        assert_eq!(record.operation, operation);
        let steps = record
            .steps
            .into_iter()
            .map(|step| (step.id.0, step.outcome))
            .collect();
        let undoes = operation.undoes.as_ref().map(number);
        model.0.insert(
            number(&operation.id),
            Modelled {
                outcome: operation.outcome,
                undoes,
                steps,
            },
        );
    }
    model
}

/// The journal, its model, and the tokens that nobody has used yet.
struct Game {
    stage: Stage,
    journal: Journal,
    model: Model,
    tokens: Vec<StepToken>,
}

impl Game {
    /// Makes a call, and says what came of it and whether the model allows it.
    async fn make(&mut self, call: CallTo) -> (Result<()>, bool) {
        match call {
            CallTo::Begin {
                id,
                undoes,
                supersedes,
            } => {
                let legal = self.model.begin(id, undoes, &supersedes);
                let supersedes = supersedes.into_iter().map(name).collect();
                let begun = NewOperation {
                    id: name(id),
                    undoes: undoes.map(name),
                    supersedes,
                    ..new("x")
                };
                (self.journal.begin(begun).await, legal)
            }
            CallTo::Intend { id, step: number } => {
                let legal = self.model.intend(id, number);
                let step = step(number, start("shop-web-1"));
                let token = self.journal.intend(&name(id), &step, &Undo::Nothing).await;
                (token.map(|token| self.tokens.push(token)), legal)
            }
            CallTo::Conclude { token, .. } if token >= self.tokens.len() => (Ok(()), true),
            CallTo::Conclude { token, how } => {
                let token = self.tokens.remove(token);
                let id: u8 = token.operation().0[3..].parse().unwrap();
                let legal = self.model.end_step(id, token.step().0, &how, false);
                (self.journal.conclude(token, how).await, legal)
            }
            CallTo::Settle { id, step, how } => {
                let legal = self.model.end_step(id, step, &how, true);
                (
                    self.journal.settle(&name(id), StepId(step), how).await,
                    legal,
                )
            }
            CallTo::Close { id, how } => {
                let legal = self.model.close(id, &how);
                (self.journal.close(&name(id), how).await, legal)
            }
            CallTo::Reopen => {
                self.journal = self.stage.open().await;
                (Ok(()), true)
            }
        }
    }
}

async fn play(calls: Vec<CallTo>) {
    let stage = Stage::new();
    let journal = stage.open().await;
    let mut game = Game {
        stage,
        journal,
        model: Model::default(),
        tokens: Vec::new(),
    };
    for call in calls {
        let before = game.model.clone();
        let (result, legal) = game.make(call.clone()).await;
        assert_eq!(
            result.is_ok(),
            legal,
            "{call:?} gave {result:?} with {before:#?}"
        );
        assert_eq!(read(&game.journal).await, game.model, "after {call:?}");
    }
    drop(game.journal);
    assert_eq!(read(&game.stage.open().await).await, game.model);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn legal_calls_are_kept_across_reopens_and_others_change_nothing(calls in prop::collection::vec(call(), 0..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(play(calls));
    }
}
