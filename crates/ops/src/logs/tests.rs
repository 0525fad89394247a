//! Logs on the scripted engine.

use std::sync::Arc;
use std::time::Duration;

use bowline_engine::fake::{FakeEngine, Run};
use bowline_engine::{Engine as _, OutputSource, RemoveContainer};
use bowline_model::ContainerId;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::time::{sleep, timeout};

use super::*;
use crate::stage::{self, by_name, started};

const STDOUT: OutputSource = OutputSource::Stdout;

async fn reading(engine: &Arc<FakeEngine>, request: LogsRequest) -> Result<Logs, Failure> {
    open(engine.clone(), &by_name(), &request).await
}

/// The events as text; `…` where a line goes on.
fn texts(logs: Logs) -> BoxStream<'static, String> {
    let text = |event: Result<LogEvent, Failure>| match event {
        Ok(LogEvent::Line(line)) => {
            let end = if line.ends { "" } else { "…" };
            let bytes = String::from_utf8_lossy(&line.bytes);
            format!("{} {bytes}{end}", line.source.name)
        }
        Ok(LogEvent::Unreadable { source, why }) => format!("{} unreadable: {why}", source.name),
        Err(failure) => format!("failed: {failure}"),
    };
    logs.events.map(text).boxed()
}

async fn all(engine: &Arc<FakeEngine>, request: LogsRequest) -> Vec<String> {
    texts(reading(engine, request).await.unwrap())
        .collect()
        .await
}

/// Lets containers write, one after another, each line at a time of its own.
async fn write(engine: &FakeEngine, lines: &[(&ContainerId, &str)]) {
    for (id, line) in lines {
        engine.write_log(id, STDOUT, line);
        // sleeps because: the clock is paused, and this moves it
        sleep(Duration::from_millis(1)).await;
    }
}

fn following() -> LogsRequest {
    LogsRequest {
        follow: true,
        ..LogsRequest::default()
    }
}

#[tokio::test(start_paused = true)]
async fn the_past_of_all_containers_is_one_log_in_the_order_of_time() {
    let engine = stage::engine();
    let web = started(&engine, "web", 1, Run::new()).await;
    let api = started(&engine, "api", 1, Run::new()).await;
    write(
        &engine,
        &[
            (&web, "1"),
            (&api, "2"),
            (&api, "3"),
            (&web, "4"),
            (&api, "5"),
        ],
    )
    .await;
    assert_eq!(
        all(&engine, LogsRequest::default()).await,
        ["web-1 1", "api-1 2", "api-1 3", "web-1 4", "api-1 5"]
    );
    let tail = LogsRequest {
        tail: Some(1),
        ..LogsRequest::default()
    };
    assert_eq!(all(&engine, tail).await, ["web-1 4", "api-1 5"]);
    let only = LogsRequest {
        services: vec!["web".into()],
        ..LogsRequest::default()
    };
    assert_eq!(all(&engine, only).await, ["web-1 1", "web-1 4"]);
}

#[tokio::test(start_paused = true)]
async fn since_and_until_are_points_or_spans_by_the_engines_clock() {
    let engine = stage::engine();
    let web = started(&engine, "web", 1, Run::new()).await;
    engine.write_log(&web, STDOUT, "old");
    // sleeps because: the clock is paused, and this moves it
    sleep(Duration::from_mins(1)).await;
    engine.write_log(&web, STDOUT, "new");
    // sleeps because: the clock is paused, and this moves it
    sleep(Duration::from_secs(10)).await;
    let ago = |secs| Some(Moment::Ago(jiff::SignedDuration::from_secs(secs)));
    let since = LogsRequest {
        since: ago(30),
        ..LogsRequest::default()
    };
    assert_eq!(all(&engine, since).await, ["web-1 new"]);
    let until = LogsRequest {
        until: ago(30),
        ..LogsRequest::default()
    };
    assert_eq!(all(&engine, until).await, ["web-1 old"]);
}

#[tokio::test(start_paused = true)]
async fn one_container_is_chosen_by_its_number_and_a_wrong_number_names_the_right_ones() {
    let engine = stage::engine();
    for number in 1..=2 {
        let run = Run::new().writes(STDOUT, &format!("hello {number}"));
        started(&engine, "web", number, run).await;
    }
    let numbered = |index| LogsRequest {
        services: vec!["web".into()],
        index: Some(index),
        ..LogsRequest::default()
    };
    assert_eq!(all(&engine, numbered(2)).await, ["web-2 hello 2"]);
    let failure = reading(&engine, numbered(3)).await.err().unwrap();
    assert_eq!(failure.to_string(), "service `web` has no container 3");
    assert_eq!(failure.hints(), ["it has 1, 2"]);
}

#[tokio::test(start_paused = true)]
async fn following_gives_each_line_once_over_a_restart() {
    let engine = stage::engine();
    let web = started(&engine, "web", 1, Run::new().writes(STDOUT, "hello")).await;
    write(&engine, &[(&web, "past")]).await;
    let mut lines = texts(reading(&engine, following()).await.unwrap());
    assert_eq!(lines.next().await.unwrap(), "web-1 hello");
    assert_eq!(lines.next().await.unwrap(), "web-1 past");
    write(&engine, &[(&web, "live")]).await;
    assert_eq!(lines.next().await.unwrap(), "web-1 live");
    engine
        .restart_container(&web, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(lines.next().await.unwrap(), "web-1 hello");
    write(&engine, &[(&web, "again")]).await;
    assert_eq!(lines.next().await.unwrap(), "web-1 again");
    assert!(timeout(Duration::from_mins(1), lines.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn entries_of_one_instant_are_neither_lost_nor_repeated() {
    let engine = stage::engine();
    let web = started(&engine, "web", 1, Run::new()).await;
    // The clock stands still in between.
    for line in ["a", "b", "c"] {
        engine.write_log(&web, STDOUT, line);
    }
    let mut lines = texts(reading(&engine, following()).await.unwrap());
    for line in ["web-1 a", "web-1 b", "web-1 c"] {
        assert_eq!(lines.next().await.unwrap(), line);
    }
    engine
        .restart_container(&web, Duration::ZERO)
        .await
        .unwrap();
    engine.write_log(&web, STDOUT, "d");
    assert_eq!(lines.next().await.unwrap(), "web-1 d");
}

#[tokio::test(start_paused = true)]
async fn following_goes_on_in_the_container_that_takes_over() {
    let engine = stage::engine();
    let old = started(&engine, "web", 1, Run::new()).await;
    let mut lines = texts(reading(&engine, following()).await.unwrap());
    write(&engine, &[(&old, "old")]).await;
    assert_eq!(lines.next().await.unwrap(), "web-1 old");
    engine.stop_container(&old, Duration::ZERO).await.unwrap();
    let how = RemoveContainer::default();
    engine.remove_container(&old, how).await.unwrap();
    // sleeps because: the clock is paused, and this moves it
    sleep(Duration::from_secs(3)).await;
    started(&engine, "web", 1, Run::new().writes(STDOUT, "new")).await;
    assert_eq!(lines.next().await.unwrap(), "web-1 new");
}

#[tokio::test(start_paused = true)]
async fn lines_that_arrive_late_are_put_in_the_order_of_time() {
    let engine = stage::engine();
    let web = started(&engine, "web", 1, Run::new()).await;
    let api = started(&engine, "api", 1, Run::new()).await;
    let mut lines = texts(reading(&engine, following()).await.unwrap());
    let begun = timeout(Duration::from_secs(1), lines.next()).await;
    assert!(begun.is_err());
    for number in 0..20 {
        let id = if number % 3 == 0 { &web } else { &api };
        write(&engine, &[(id, &number.to_string())]).await;
    }
    for number in 0..20 {
        let line = lines.next().await.unwrap();
        assert!(line.ends_with(&format!(" {number}")), "{line} at {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn following_ends_when_nothing_runs_any_more() {
    let engine = stage::engine();
    let run = Run::new().ends_after(Duration::from_secs(30), 0);
    started(&engine, "job", 1, run.writes(STDOUT, "working")).await;
    let started_at = tokio::time::Instant::now();
    assert_eq!(all(&engine, following()).await, ["job-1 working"]);
    let took = started_at.elapsed();
    assert!((30..40).contains(&took.as_secs()), "{took:?}");
    // And at once where nothing runs in the first place.
    let started_at = tokio::time::Instant::now();
    assert_eq!(all(&engine, following()).await, ["job-1 working"]);
    assert!(started_at.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn following_until_a_time_ends_then() {
    let engine = stage::engine();
    started(&engine, "web", 1, Run::new().writes(STDOUT, "hello")).await;
    let now = engine.now().await.unwrap();
    let until = LogsRequest {
        until: Some(Moment::At(now + jiff::SignedDuration::from_secs(20))),
        ..following()
    };
    assert_eq!(all(&engine, until).await, ["web-1 hello"]);
}

#[tokio::test]
async fn a_line_that_the_engine_cut_is_one_line_again() {
    let source = Arc::new(LogSource {
        name: "web-1".into(),
        service: "web".into(),
    });
    let entry = |second, source, text: &str, continues| bowline_engine::LogEntry {
        at: Timestamp::from_second(second).unwrap(),
        source,
        bytes: text.as_bytes().to_vec(),
        continues,
    };
    let stderr = OutputSource::Stderr;
    let entries = vec![
        Ok(entry(1, STDOUT, "one ", true)),
        Ok(entry(2, stderr, "aside", false)),
        Ok(entry(3, STDOUT, "line", false)),
        Ok(entry(4, STDOUT, "cut off", true)),
    ];
    let lines = lines::lines(stream::iter(entries).boxed(), source);
    let lines: Vec<(i64, String)> = lines
        .map(|line| line.unwrap())
        .map(|line| (line.at.as_second(), String::from_utf8(line.bytes).unwrap()))
        .collect()
        .await;
    let expected = [(2, "aside"), (1, "one line"), (4, "cut off")];
    assert_eq!(lines, expected.map(|(at, text)| (at, text.to_owned())));
}
