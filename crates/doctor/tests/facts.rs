//! What a look at a stack sees, on the scripted engine.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where the scripted engine does not do as it was told"
)]

use std::sync::Arc;
use std::time::Duration;

use bowline_doctor::{
    Bounds, Facts, Look, Subject, Unlimited, Unseen, Weakness, WhyUnseen, collect, record, replay,
};
use bowline_engine::fake::{FakeEngine, Run};
use bowline_engine::{Engine as _, EventFilter, OutputSource, Tap};
use bowline_model::{
    ContainerId, ContainerSpec, ContainerStatus, EngineEvent, EnvSpec, EventAction, ImageConfig,
    LogSpec, Place, Project, RestartSpec, Secret, Service, label,
};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

const PASSWORD: &str = "s3cr3t-p@ss/word";

struct Stack {
    engine: Arc<FakeEngine>,
}

impl Stack {
    fn new() -> Self {
        let engine = Arc::new(FakeEngine::new());
        engine.add_image("busy:1", ImageConfig::default());
        Self { engine }
    }

    async fn started(&self, service: &str, spec: ContainerSpec, run: Run) -> ContainerId {
        let name = format!("shop-{service}-1");
        self.engine.script_container(&name, [run]);
        let labels = [
            (label::PROJECT, "shop"),
            (label::SERVICE, service),
            (label::ONE_OFF, "False"),
            (
                label::DEPENDS_ON,
                if service == "api" {
                    "db:service_started:false"
                } else {
                    ""
                },
            ),
        ];
        let spec = ContainerSpec {
            image: "busy:1".to_owned(),
            labels: labels.into(),
            ..spec
        };
        let made = self.engine.create_container(&name, &spec).await.unwrap();
        self.engine.start_container(&made.id).await.unwrap();
        made.id
    }

    async fn facts(&self, subject: &Subject, bounds: Bounds) -> Facts {
        let mut facts = collect(&*self.engine, subject, bounds).await.unwrap();
        // The scripted engine has no processes for the kernel to show.
        facts
            .unseen
            .retain(|unseen| !matches!(unseen.look, Look::Inside(_)));
        facts
    }
}

fn subject() -> Subject {
    Subject {
        name: "shop".to_owned(),
        ..Subject::default()
    }
}

fn with_password(key: &str, value: &str) -> ContainerSpec {
    ContainerSpec {
        env: EnvSpec::from_entries([format!("{key}={value}").as_str(), "MODE=fast"]),
        ..ContainerSpec::default()
    }
}

/// A database that is fine, an api that it refused, and somebody who has nothing to do with either.
async fn refused() -> Stack {
    let stack = Stack::new();
    let says = format!("\u{1b}[31mFATAL\u{1b}[0m  wrong password {PASSWORD} for app");
    let db = with_password("POSTGRES_PASSWORD", PASSWORD);
    stack.started("db", db, Run::new()).await;
    let api = ContainerSpec {
        restart: RestartSpec::OnFailure {
            max_retries: Some(1),
        },
        ..with_password("DB_PASSWORD", PASSWORD)
    };
    let ends = Run::new()
        .writes(OutputSource::Stderr, &says)
        .ends_after(Duration::from_millis(10), 3);
    stack.started("api", api, ends).await;
    let other = ContainerSpec::default();
    stack
        .started(
            "other",
            other,
            Run::new().writes(OutputSource::Stdout, "hello"),
        )
        .await;
    // sleeps because: the clock is paused, and this lets the api come to its end
    tokio::time::sleep(Duration::from_secs(20)).await;
    stack
}

#[tokio::test(start_paused = true)]
async fn who_is_in_doubt_is_read_with_those_that_it_needs() {
    let all = refused().await.facts(&subject(), Bounds::default()).await;
    assert_eq!(all.logs.len(), 3);
    let few = Bounds {
        everybody: 2,
        ..Bounds::default()
    };
    let facts = refused().await.facts(&subject(), few).await;
    let names: Vec<&str> = facts.containers.iter().map(|found| &*found.name).collect();
    assert_eq!(names, ["shop-api-1", "shop-db-1", "shop-other-1"]);
    let api = &facts.containers[0];
    assert_eq!(api.exit_code, 3);
    assert_eq!(api.restart_policy, "on-failure:1");
    assert_ne!(api.status, ContainerStatus::Running);

    let read: Vec<&str> = facts.logs.keys().map(String::as_str).collect();
    assert_eq!(read, ["shop-api-1", "shop-db-1"]);
    let said = &facts.logs["shop-api-1"].lines[0].text;
    assert_eq!(said, "FATAL  wrong password #1 for app");

    let mut ends = facts
        .events
        .iter()
        .filter(|event| event.action == EventAction::Die);
    assert!(ends.any(|end| end.container == "shop-api-1" && end.exit_code == Some(3)));
    let left = Unseen {
        look: Look::Closely(1),
        cause: WhyUnseen::TooMany,
    };
    assert_eq!(facts.unseen, [left], "and that is said");
    assert_eq!(all.unseen, []);
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_about_is_read_first_and_who_is_in_doubt_and_left_out_is_named() {
    let one = Bounds {
        everybody: 1,
        ..Bounds::default()
    };
    for words in ["other", "other.environment.URL", "shop-other-1"] {
        let known = Subject {
            asked: vec![words.to_owned()],
            ..subject()
        };
        let facts = refused().await.facts(&known, one).await;
        let read: Vec<&str> = facts.logs.keys().map(String::as_str).collect();
        assert_eq!(read, ["shop-other-1"]);
        let left = [Look::Log("shop-api-1".to_owned()), Look::Closely(1)];
        let left = left.map(|look| Unseen {
            look,
            cause: WhyUnseen::TooMany,
        });
        assert_eq!(facts.unseen, left);
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_in_no_fact_and_its_copies_are_known_as_one() {
    let known = Subject {
        secrets: vec![Secret::new("only-in-a-file")],
        ..subject()
    };
    let stack = refused().await;
    let facts = stack.facts(&known, Bounds::default()).await;
    let value = |container: usize, key: &str| facts.containers[container].environment[key].clone();
    assert_eq!(value(0, "DB_PASSWORD").as_deref(), Some("#2"));
    assert_eq!(value(1, "POSTGRES_PASSWORD").as_deref(), Some("#2"));
    assert_eq!(value(0, "MODE").as_deref(), Some("fast"));
    let recorded = record(&facts);
    for form in [PASSWORD, "s3cr3t-p%40ss%2Fword", "only-in-a-file"] {
        assert!(!recorded.contains(form), "{form}");
        assert!(!format!("{facts:?}").contains(form), "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_driver_of_a_log_is_told_in_secret_is_in_no_fact() {
    let options = [
        ("splunk-token", PASSWORD),
        ("splunk-url", "https://app:hush-hush-7@logs:8088"),
        ("max-size", "10m"),
    ];
    let spec = ContainerSpec {
        logging: Some(LogSpec {
            driver: "splunk".to_owned(),
            options: options.into(),
        }),
        ..ContainerSpec::default()
    };
    let says = format!("sends with {PASSWORD}");
    let run = Run::new().writes(OutputSource::Stdout, &says);
    let stack = Stack::new();
    stack.started("api", spec, run).await;
    let facts = stack.facts(&subject(), Bounds::default()).await;

    let told = &facts.containers[0].log_options;
    assert_eq!((&*told["splunk-token"], &*told["max-size"]), ("#1", "10m"));
    assert_eq!(facts.logs["shop-api-1"].lines[0].text, "sends with #1");
    let recorded = record(&facts);
    for form in [PASSWORD, "hush-hush-7"] {
        assert!(!recorded.contains(form), "{form}:\n{recorded}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_in_a_connection_string_is_known_as_the_one_that_it_is() {
    let stack = Stack::new();
    let db = with_password("POSTGRES_PASSWORD", PASSWORD);
    stack.started("db", db, Run::new()).await;
    let url = "postgres://app:s3cr3t-p%40ss%2Fword@db:5432/shop";
    let cache = "redis://:hush-hush-7@cache:6379/0";
    let spec = ContainerSpec {
        env: EnvSpec::from_entries([
            format!("DATABASE_URL={url}").as_str(),
            format!("CACHE={cache}").as_str(),
        ]),
        ..ContainerSpec::default()
    };
    let says = "cannot log in with hush-hush-7";
    let ends = Run::new()
        .writes(OutputSource::Stderr, says)
        .ends_after(Duration::from_millis(10), 1);
    stack.started("api", spec, ends).await;
    // sleeps because: the clock is paused, and this lets the api come to its end
    tokio::time::sleep(Duration::from_secs(1)).await;
    let facts = stack.facts(&subject(), Bounds::default()).await;

    let api = &facts.containers[0].environment;
    let db = &facts.containers[1].environment;
    let number = db["POSTGRES_PASSWORD"].clone().unwrap();
    assert_eq!(
        api["DATABASE_URL"],
        Some(format!("postgres://app:{number}@db:5432/shop"))
    );
    let recorded = record(&facts);
    for form in [PASSWORD, "s3cr3t-p%40ss%2Fword", "hush-hush-7"] {
        assert!(!recorded.contains(form), "{form}:\n{recorded}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_files_show_or_leave_open_is_a_fact_and_no_value_is() {
    let declared = |environment: Json, limits: Json| {
        let mut service = json!({"image": "busy:1", "environment": environment});
        for (key, value) in limits.as_object().unwrap() {
            service[key] = value.clone();
        }
        serde_json::from_value::<Service>(service).unwrap()
    };
    let api = json!({
        "DB_PASSWORD": PASSWORD, "DATABASE_URL": format!("postgres://app:{PASSWORD}@db/app"), "API_SECRET": "abc",
        "OWNER_PASSWORD": "cashier", "FILLED_PASSWORD": PASSWORD, "MODE": "fast",
    });
    let limited = json!({"pids_limit": 100, "deploy": {"resources": {"limits": {"cpus": 0.5}}}});
    let mut project = Project {
        name: "shop".to_owned(),
        services: [
            ("api".to_owned(), declared(api, json!({"cpus": 0.5}))),
            ("cashier".to_owned(), declared(json!({}), limited)),
        ]
        .into(),
        ..Project::default()
    };
    let place = Place {
        file: "compose.yaml".into(),
        line: 7,
        column: 9,
    };
    for key in ["DB_PASSWORD", "DATABASE_URL", "MODE"] {
        project.origins.insert_in_clear("api", key, place.clone());
    }
    let known = Subject {
        project: Some(project),
        ..subject()
    };
    let facts = Stack::new().facts(&known, Bounds::default()).await;

    let api = &facts.services["api"];
    let in_clear: Vec<&str> = api.in_clear.keys().map(String::as_str).collect();
    assert_eq!(in_clear, ["DATABASE_URL", "DB_PASSWORD"]);
    assert_eq!(api.in_clear["DB_PASSWORD"], place);
    let weak = [
        ("API_SECRET".to_owned(), Weakness::Short),
        ("OWNER_PASSWORD".to_owned(), Weakness::Name),
    ];
    assert_eq!(api.weak, weak.into());
    assert_eq!(api.unlimited, [Unlimited::Processes].into());
    assert_eq!(facts.services["cashier"].unlimited, [].into());
    let recorded = record(&facts);
    assert!(!recorded.contains(PASSWORD), "{recorded}");
}

#[tokio::test(start_paused = true)]
async fn a_recording_gives_the_same_facts_and_the_same_bytes() {
    let facts = refused().await.facts(&subject(), Bounds::default()).await;
    let recorded = record(&facts);
    let replayed = replay(&recorded).unwrap();
    assert_eq!(replayed, facts);
    assert_eq!(record(&replayed), recorded);

    let newer = recorded.replacen("\"bowline_facts\": 1", "\"bowline_facts\": 9", 1);
    let error = replay(&newer).unwrap_err().to_string();
    assert!(error.contains("form 9"), "{error}");
    let error = replay("{}").unwrap_err().to_string();
    assert!(
        error.starts_with("this is no recording of facts"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_not_looked_at_is_said() {
    let stack = refused().await;
    let without_logs = Bounds {
        log_lines: 0,
        ..Bounds::default()
    };
    let facts = stack.facts(&subject(), without_logs).await;
    let unread: Vec<_> = facts
        .unseen
        .iter()
        .map(|unseen| (&unseen.look, &unseen.cause))
        .collect();
    let log = |name: &str| Look::Log(name.to_owned());
    assert_eq!(
        unread,
        [
            (&log("shop-api-1"), &WhyUnseen::NotWanted),
            (&log("shop-db-1"), &WhyUnseen::NotWanted),
            (&log("shop-other-1"), &WhyUnseen::NotWanted)
        ]
    );

    // An engine that is lost after it has said what time it is.
    let tap = Tap::new(stack.engine.clone());
    tap.gone_from(1);
    let facts = collect(&tap, &subject(), Bounds::default()).await.unwrap();
    assert_eq!(facts.containers, []);
    let unseen: Vec<_> = facts.unseen.iter().map(|unseen| &unseen.look).collect();
    assert!(unseen.contains(&&Look::Containers), "{unseen:?}");
    assert!(
        facts
            .unseen
            .iter()
            .all(|unseen| matches!(unseen.cause, WhyUnseen::Engine(_)))
    );

    tap.reset();
    tap.gone_from(0);
    assert!(collect(&tap, &subject(), Bounds::default()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_forgot_is_known_where_it_was_recorded() {
    let stack = refused().await;
    let before = stack.facts(&subject(), Bounds::default()).await;
    assert!(!before.events.is_empty());
    // So much happens then that the engine forgets the beginning; somebody listens to it all.
    let mut recorded = every_event(&stack.engine).await;
    let noisy = stack
        .started("noisy", ContainerSpec::default(), Run::new())
        .await;
    for _ in 0..2 {
        for _ in 0..100 {
            stack.engine.pause_container(&noisy).await.unwrap();
            stack.engine.unpause_container(&noisy).await.unwrap();
        }
        recorded.extend(every_event(&stack.engine).await);
    }
    let forgets = |facts: &Facts| {
        let forgotten = |unseen: &Unseen| {
            matches!(unseen.look, Look::Events { .. }) && unseen.cause == WhyUnseen::Forgotten
        };
        facts.unseen.iter().any(forgotten)
    };
    assert!(!forgets(&before));
    let after = stack.facts(&subject(), Bounds::default()).await;
    assert!(forgets(&after), "{:?}", after.unseen);

    let mut known = Subject {
        recorded,
        ..subject()
    };
    let again = stack.facts(&known, Bounds::default()).await;
    assert_eq!(again.unseen, []);
    assert_eq!(again.events[..before.events.len()], before.events);

    // Where nobody listened in between, what happened then is not known.
    known.recorded.truncate(before.events.len());
    let gap = stack.facts(&known, Bounds::default()).await;
    assert!(forgets(&gap), "{:?}", gap.unseen);
}

/// Everything that the engine remembers.
async fn every_event(engine: &FakeEngine) -> Vec<EngineEvent> {
    let all = EventFilter {
        since: Some(Timestamp::UNIX_EPOCH),
        until: Some(engine.now().await.unwrap()),
        ..EventFilter::default()
    };
    engine
        .events(&all)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn long_logs_are_cut_at_their_beginning_and_long_lines_in_their_middle() {
    let stack = Stack::new();
    let id = stack
        .started(
            "api",
            ContainerSpec::default(),
            Run::new().ends_after(Duration::from_millis(1), 1),
        )
        .await;
    for number in 0..7 {
        let line = format!("{number} {}", "x".repeat(100));
        stack.engine.write_log(&id, OutputSource::Stdout, &line);
    }
    // sleeps because: the clock is paused, and this lets it end
    tokio::time::sleep(Duration::from_secs(1)).await;
    let bounds = Bounds {
        log_lines: 3,
        line_bytes: 10,
        ..Bounds::default()
    };
    let facts = stack.facts(&subject(), bounds).await;
    let log = &facts.logs["shop-api-1"];
    let lines: Vec<&str> = log.lines.iter().map(|line| &*line.text).collect();
    assert_eq!(lines, ["4 …xxxxx", "5 …xxxxx", "6 …xxxxx"]);
    assert!(log.is_cut);
}

#[tokio::test(start_paused = true)]
async fn parts_of_long_lines_find_each_other_where_the_outputs_were_written_at_once() {
    let stack = Stack::new();
    let id = stack
        .started("api", ContainerSpec::default(), Run::new())
        .await;
    let (out, err) = (OutputSource::Stdout, OutputSource::Stderr);
    stack.engine.write_log_part(&id, out, "served ");
    stack.engine.write_log_part(&id, err, "no such ");
    stack.engine.write_log(&id, out, "a page");
    stack.engine.write_log(&id, err, "table");
    stack.engine.write_log(&id, out, "done");
    let facts = stack.facts(&subject(), Bounds::default()).await;
    let log = &facts.logs["shop-api-1"];
    let lines: Vec<&str> = log.lines.iter().map(|line| &*line.text).collect();
    assert_eq!(lines, ["served a page", "no such table", "done"]);
}
