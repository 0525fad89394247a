//! What the end of a container means, on the scripted engine.

use std::sync::Arc;

use bowline_core::Halt;
use bowline_engine::Engine as _;
use bowline_engine::fake::{FakeEngine, Run};
use bowline_model::{WantedDependency, WantedService};

use super::*;
use crate::stage::{self, STACK, started};

fn wanted(services: &[&str], waited_for: &[&str]) -> Wanted {
    let completed = WantedDependency {
        condition: Condition::Completed,
        restart: false,
        required: true,
    };
    let service = WantedService {
        depends_on: waited_for
            .iter()
            .map(|name| ((*name).to_owned(), completed))
            .collect(),
        ..WantedService::default()
    };
    Wanted {
        project: STACK.to_owned(),
        services: services
            .iter()
            .map(|name| ((*name).to_owned(), service.clone()))
            .collect(),
        ..Wanted::default()
    }
}

fn watched(request: &StayRequest) -> Watched {
    Watched::new(request, &wanted(&["db", "migrate", "test"], &["migrate"]))
}

fn from(service: &str) -> StayRequest {
    StayRequest {
        exit_code_from: Some(service.to_owned()),
        ..StayRequest::default()
    }
}

fn on(abort_on: AbortOn) -> StayRequest {
    StayRequest {
        abort_on: Some(abort_on),
        ..StayRequest::default()
    }
}

/// Runs the three services, each to its end, and tells what ended it all and with which code.
async fn ends(request: &StayRequest, runs: [Run; 3]) -> (StayEnd, Option<i64>) {
    let engine = stage::engine();
    let since = engine.now().await.unwrap();
    for (service, run) in ["db", "migrate", "test"].into_iter().zip(runs) {
        started(&engine, service, 1, run).await;
    }
    let watched = watched(request);
    let end = watched.over(&*engine, since).await.unwrap();
    let code = watched.code(&*engine, since, &end).await.unwrap();
    (end, code)
}

fn after(seconds: u64, code: i64) -> Run {
    Run::new().ends_after(Duration::from_secs(seconds), code)
}

fn ended(service: &str, code: i64) -> StayEnd {
    StayEnd::Ended(Ended {
        container: format!("{STACK}-{service}-1"),
        service: service.to_owned(),
        code,
        is_done_job: false,
    })
}

#[tokio::test(start_paused = true)]
async fn the_first_end_counts_and_a_done_job_is_none() {
    let request = on(AbortOn::Exit);
    let end = ends(&request, [Run::new(), after(1, 0), after(5, 0)]).await;
    assert_eq!(end, (ended("test", 0), Some(0)));
    let end = ends(&request, [after(3, 137), after(1, 0), after(5, 0)]).await;
    assert_eq!(end, (ended("db", 137), Some(137)));
    let end = ends(&request, [Run::new(), after(1, 4), Run::new()]).await;
    assert_eq!(end, (ended("migrate", 4), Some(4)));
}

#[tokio::test(start_paused = true)]
async fn where_only_failures_count_others_go_on() {
    let request = on(AbortOn::Failure);
    let end = ends(&request, [Run::new(), after(1, 0), after(5, 0)]);
    let limit = Duration::from_mins(1);
    assert!(timeout(limit, end).await.is_err(), "nothing has failed");
    let end = ends(&request, [after(2, 0), after(1, 0), after(5, 1)]).await;
    assert_eq!(end, (ended("test", 1), Some(1)));
    let end = ends(&request, [after(2, 0), after(1, 0), after(5, 0)]).await;
    assert_eq!(end, (StayEnd::NothingRuns, None));
}

#[tokio::test(start_paused = true)]
async fn the_code_is_that_of_the_service_that_was_named() {
    let end = ends(&from("test"), [after(2, 3), after(1, 0), after(2, 7)]).await;
    assert_eq!(end.1, Some(7));
    // A job counts where it is the one that is named.
    let end = ends(&from("migrate"), [Run::new(), after(1, 0), Run::new()]).await;
    assert_eq!(end, (ended("migrate", 0), Some(0)));
}

#[tokio::test(start_paused = true)]
async fn what_had_ended_before_does_not_count() {
    let engine = stage::engine();
    started(&engine, "db", 1, Run::new()).await;
    started(&engine, "test", 1, after(1, 9)).await;
    // sleeps because: the clock is paused, and this moves it
    tokio::time::sleep(Duration::from_secs(10)).await;
    let since = engine.now().await.unwrap();
    let watched = watched(&on(AbortOn::Exit));
    let seen = watched.look(&*engine, since).await.unwrap();
    assert!(seen.runs);
    assert_eq!(seen.aborts(Some(AbortOn::Exit)), None);
}

#[tokio::test(start_paused = true)]
async fn without_such_an_end_it_stays_until_nothing_runs_for_a_while() {
    let nothing = StayRequest::default();
    let begun = tokio::time::Instant::now();
    let end = ends(&nothing, [after(20, 1), after(1, 0), after(5, 0)]).await;
    assert_eq!(end, (StayEnd::NothingRuns, None));
    let took = begun.elapsed();
    assert!((25..27).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn lines_are_given_from_before_the_first_start_and_to_the_end_of_the_last_run() {
    let engine: Arc<FakeEngine> = stage::engine();
    let services = vec!["db".to_owned()];
    let (logs, end) = logs::from_now_on(engine.clone(), STACK, services)
        .await
        .unwrap();
    let reading = tokio::spawn(logs.events.collect::<Vec<_>>());
    let said = |line: &str| Run::new().writes(bowline_engine::OutputSource::Stdout, line);
    started(&engine, "other", 1, said("not asked for")).await;
    // sleeps because: the clock is paused, and this moves it over the time in which nothing runs
    tokio::time::sleep(Duration::from_secs(30)).await;
    let db = started(&engine, "db", 1, said("hello")).await;
    end.send(()).unwrap();
    engine.write_log(&db, bowline_engine::OutputSource::Stdout, "bye");
    engine.end_container(&db, 0);
    let lines = reading.await.unwrap().into_iter().map(|event| match event {
        Ok(crate::LogEvent::Line(line)) => String::from_utf8(line.bytes).unwrap(),
        other => format!("{other:?}"),
    });
    assert_eq!(lines.collect::<Vec<_>>(), ["hello", "bye"]);
}

#[test]
fn the_exit_code_says_how_it_ended() {
    let stayed = |end, code| Stayed {
        end,
        stopped: None,
        code,
    };
    let code = |end, code| stayed(end, code).exit_code();
    assert_eq!(code(ended("test", 3), Some(3)), 3);
    assert_eq!(code(StayEnd::NothingRuns, None), 0);
    assert_eq!(code(StayEnd::Interrupted, None), 130);
    assert_eq!(code(StayEnd::NotUp(ExitCode::HealthGate), None), 5);
    let mut halted = stayed(ended("test", 3), Some(3));
    halted.stopped = Some(Done {
        operation: None,
        plan: bowline_model::Plan::default(),
        problems: Vec::new(),
        halted: Some(Halt::LockLost),
    });
    // What could not be stopped still runs: that counts more.
    assert_eq!(halted.exit_code(), ExitCode::Locked as u8);
}

#[test]
fn a_service_that_is_not_brought_up_is_refused() {
    let failure = check("tset", &wanted(&["test"], &[])).unwrap_err();
    assert_eq!(failure.hints(), ["did you mean `test`?"]);
}
