//! Files of the user's that are changed on the way to a goal: done, interrupted at every point, and taken back.

use std::collections::BTreeMap;

use bowline_model::{Build, FileChange, FileState, ImageId, LineChange, Place, Secret};

use super::*;

const PATH: &str = "/srv/shop/compose.yaml";

/// Where a process dies while it changes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dies {
    Before,
    After,
}

/// Files in memory.
struct Desk {
    files: Mutex<BTreeMap<String, FileState>>,
    dies: Option<Dies>,
    dead: tokio::sync::Notify,
}

impl Desk {
    fn holding(text: &str) -> Self {
        Self {
            files: Mutex::new([(PATH.to_owned(), state(text))].into()),
            dies: None,
            dead: tokio::sync::Notify::new(),
        }
    }

    fn text(&self) -> String {
        let files = self.files.lock().expect("nobody panics");
        files[PATH].text.reveal().to_owned()
    }

    fn write(&self, state: &FileState) {
        let mut files = self.files.lock().expect("nobody panics");
        files.insert(PATH.to_owned(), state.clone());
    }
}

#[async_trait::async_trait]
impl Outside for Desk {
    async fn pull(
        &self,
        engine: &dyn Engine,
        reference: &str,
        platform: Option<&str>,
    ) -> Result<(), ExecuteError> {
        Nothing.pull(engine, reference, platform).await
    }

    async fn build(
        &self,
        engine: &dyn Engine,
        reference: &str,
        build: &Build,
        place: Option<&Place>,
    ) -> Result<ImageId, ExecuteError> {
        Nothing.build(engine, reference, build, place).await
    }

    async fn file(&self, change: &FileChange) -> Result<FileState, ExecuteError> {
        let files = self.files.lock().expect("nobody panics");
        Ok(files[&change.path].clone())
    }

    async fn change_file(&self, change: &FileChange) -> Result<(), ExecuteError> {
        if self.dies == Some(Dies::Before) {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
        self.write(&change.after);
        if self.dies == Some(Dies::After) {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

fn state(text: &str) -> FileState {
    FileState {
        text: Secret::new(text),
        mode: 0o644,
    }
}

fn change() -> FileChange {
    let line = |text: &str| Some(format!("    TAG: {text}"));
    FileChange {
        path: PATH.to_owned(),
        name: "compose.yaml".to_owned(),
        lines: vec![LineChange {
            line: 7,
            before: line("1"),
            after: line("2"),
        }],
        before: state("tag 1, secret hunter2"),
        after: state("tag 2, secret hunter2"),
    }
}

/// A stack whose file says one thing, and what mends it.
fn mending() -> Goal {
    Goal::Remedy {
        code: "D053".to_owned(),
        changes: vec![change()],
        by: Box::new(up(&changed())),
    }
}

impl Scene {
    async fn mend(&self, desk: &Desk, goal: &Goal) -> Result<Reached, StackError> {
        self.with_outside(desk, async |stack, how| stack.reach(goal, how).await)
            .await
    }

    async fn take_back(&self, desk: &Desk, id: Option<OperationId>) -> Result<Reached, StackError> {
        self.with_outside(desk, async |stack, how| stack.undo(id, how).await)
            .await
    }
}

/// All that the files below a folder hold.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks for what must not be in the journal"
)]
fn bytes_below(folder: &std::path::Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            bytes.extend(bytes_below(&path));
        } else {
            bytes.extend(std::fs::read(&path).expect("it can be read"));
        }
    }
    bytes
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_file_comes_first_is_shown_by_its_line_and_holds_up_everything_else() {
    let scene = Scene::new();
    scene.reach(&up(&shop())).await;
    let plan = scene.stack.plan(&mending()).await.expect("there is a plan");
    let text = plan.to_string();
    let first: Vec<&str> = text.lines().take(3).collect();
    assert_eq!(
        first,
        [
            " 1. edit compose.yaml:7 (mends D053)",
            "      - TAG: 1",
            "      + TAG: 2",
        ]
    );
    let rest = &plan.steps[1..];
    assert!(!rest.is_empty());
    assert!(
        rest.iter()
            .all(|step| step.after.contains(&plan.steps[0].id))
    );
    let alone = scene.stack.plan(&up(&changed())).await.expect("it plans");
    assert_eq!(rest.len(), alone.steps.len());
}

#[tokio::test(start_paused = true)]
async fn a_file_is_changed_and_comes_back_to_the_byte() {
    let scene = Scene::new();
    scene.reach(&up(&shop())).await;
    let before = scene.engine.snapshot();
    let desk = Desk::holding("tag 1, secret hunter2");
    let reached = scene.mend(&desk, &mending()).await.expect("it is done");
    assert_eq!(reached.report.outcome(), Outcome::Done);
    assert_eq!(desk.text(), "tag 2, secret hunter2");
    assert_ne!(scene.engine.snapshot(), before);

    let id = reached.operation.expect("it began");
    let record = scene.stack.operation(&id).await.expect("it is kept");
    assert_eq!(record.steps[0].action, "edit compose.yaml:7");
    assert_eq!(record.steps[0].undo, "edit compose.yaml:7");
    let journal = bytes_below(scene.folder.path());
    assert!(
        contains(&journal, b"TAG: 2"),
        "the lines are there for people"
    );
    assert!(!contains(&journal, b"hunter2"), "the texts are sealed");
    scene.take_back(&desk, None).await.expect("it is undone");
    assert_eq!(desk.text(), "tag 1, secret hunter2");
    assert_eq!(scene.engine.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_somebody_changed_is_left_as_it_is_and_nothing_comes_after_it() {
    let scene = Scene::new();
    scene.reach(&up(&shop())).await;
    let before = scene.engine.snapshot();
    let desk = Desk::holding("tag 3");
    let reached = scene.mend(&desk, &mending()).await.expect("it ends");
    let (_, error) = &reached.report.failed[0];
    assert_eq!(
        error.to_string(),
        "`compose.yaml` was changed by somebody since it was read, and is left as it is"
    );
    assert_eq!(desk.text(), "tag 3");
    assert_eq!(scene.engine.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn an_undo_leaves_a_file_that_somebody_changed_since_and_touches_nothing_else() {
    let scene = Scene::new();
    scene.reach(&up(&shop())).await;
    let desk = Desk::holding("tag 1, secret hunter2");
    scene.mend(&desk, &mending()).await.expect("it is done");
    let after = scene.engine.snapshot();
    desk.write(&state("tag 2, and a word of mine"));
    let undone = scene.take_back(&desk, None).await.expect("it ends");
    assert!(matches!(undone.report.outcome(), Outcome::Failed { .. }));
    assert_eq!(desk.text(), "tag 2, and a word of mine");
    assert_eq!(scene.engine.snapshot(), after);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_at_a_file_leaves_it_whole_and_what_goes_on_can_be_taken_back() {
    for (dies, between, outcome) in [
        (Dies::Before, "tag 1, secret hunter2", "failed"),
        (Dies::After, "tag 2, secret hunter2", "done"),
    ] {
        let scene = Scene::new();
        scene.reach(&up(&shop())).await;
        let before = scene.engine.snapshot();
        let mut desk = Desk::holding("tag 1, secret hunter2");
        desk.dies = Some(dies);
        let goal = mending();
        tokio::select! {
            _ = scene.mend(&desk, &goal) => panic!("{dies:?}: it went on"),
            () = desk.dead.notified() => {}
        }
        assert_eq!(desk.text(), between, "{dies:?}");
        // A dropped guard lets the lock go in a task of its own, which a process that died has not.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        desk.dies = None;
        let (died, goal) = scene.stack.unfinished().await.expect("it did not end");
        let reached = scene.mend(&desk, &goal).await.expect("it goes on");
        assert_eq!(reached.report.outcome(), Outcome::Done, "{dies:?}");
        assert_eq!(desk.text(), "tag 2, secret hunter2", "{dies:?}");
        let record = scene.stack.operation(&died).await.expect("it is kept");
        let found = match record.steps[0].outcome {
            StepOutcome::Failed { .. } => "failed",
            StepOutcome::Done { .. } => "done",
            _ => "unknown",
        };
        assert_eq!(found, outcome, "{dies:?}");
        scene.take_back(&desk, None).await.expect("it is undone");
        assert_eq!(desk.text(), "tag 1, secret hunter2", "{dies:?}");
        assert_eq!(scene.engine.snapshot(), before, "{dies:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_image_is_built_of_is_changed_before_it_is_built() {
    let scene = Scene::new();
    let desk = Desk::holding("tag 1, secret hunter2");
    let goal = Goal::Remedy {
        code: "D071".to_owned(),
        changes: vec![change()],
        by: Box::new(up(&super::builds::built(&[("web", "a")]))),
    };
    let reached = scene.mend(&desk, &goal).await.expect("it is done");
    let words: Vec<String> = reached
        .plan
        .steps
        .iter()
        .take(2)
        .map(|step| step.action.to_string())
        .collect();
    assert_eq!(words[0], "edit compose.yaml:7");
    assert!(words[1].starts_with("build image"), "{words:?}");
    let edits = reached.plan.steps.iter();
    let edits = edits.filter(|step| matches!(step.action, Action::ChangeFile { .. }));
    assert_eq!(edits.count(), 1);
    assert_eq!(desk.text(), "tag 2, secret hunter2");
}
