//! One pair, with everything that can stand between them.

use bowline_doctor::{InsideFact, ListenerFact};
use bowline_engine::fake::{FakeEngine, Run};
use bowline_engine::{Engine as _, RemoveContainer, Tap};
use bowline_model::{EndpointSpec, NetworkSpec, Protocol};

use super::*;
use crate::net::facts;
use crate::stage::{self, by_name};

/// Containers of services, each on these networks.
async fn stack(services: &[(&str, &[&str])]) -> Seen {
    let engine = stage::engine();
    for network in services.iter().flat_map(|(_, networks)| *networks) {
        let spec = NetworkSpec {
            name: (*network).to_owned(),
            ..NetworkSpec::default()
        };
        // The second one of a name is refused, which is fine.
        let _ = engine.create_network(&spec).await;
    }
    for (service, networks) in services {
        started(&engine, service, networks).await;
    }
    let named = by_name();
    let facts = facts(&*engine, &named).await.unwrap();
    Seen {
        engine,
        named,
        facts,
    }
}

async fn started(engine: &FakeEngine, service: &str, networks: &[&str]) {
    let mut spec = stage::spec(service, 1);
    let endpoints = networks.iter().map(|network| EndpointSpec {
        network: (*network).to_owned(),
        aliases: vec![service.to_owned()],
        ..EndpointSpec::default()
    });
    spec.network.endpoints = endpoints.take(1).collect();
    spec.network.mode = networks.first().map(|first| (*first).to_owned());
    stage::started_with(engine, spec, Run::new()).await;
}

impl Seen {
    /// Lets a container listen.
    fn listens(&mut self, container: &str, sockets: &[(&str, u16)]) {
        let listeners = sockets.iter().map(|(address, port)| ListenerFact {
            port: *port,
            address: address.parse().unwrap(),
            protocol: Protocol::Tcp,
        });
        let inside = InsideFact {
            listeners: listeners.collect(),
            ..InsideFact::default()
        };
        self.facts.insides.insert(container.to_owned(), inside);
    }

    /// Checks a pair of which this came.
    fn check(mut self, from: &str, to: &str, tried: Option<&Tried>) -> String {
        let (host, port) = parse(to).unwrap();
        let client = client(&self.facts, from).unwrap();
        if let (Some(tried), Some(client)) = (tried, &client) {
            self.facts.tried.push(tried.fact(&client.name, &host));
        }
        let pair = Pair {
            seen: &self,
            reach: Reach::new(&self.facts),
            from,
            client: client.as_ref(),
            host: &host,
            port,
            tried,
            is_gone: false,
        };
        let check = pair.check();
        let mut text = format!("{:?}: {}\n", check.verdict, check.because);
        for step in check.steps {
            let _ = writeln!(text, "{:?} {}: {}", step.ok, step.step, step.text);
        }
        text + &check.hints.join("\n")
    }
}

fn tried(name: NameAnswer, calls: &[(&str, DialAnswer)]) -> Tried {
    let calls = calls.iter().map(|(address, answer)| Call {
        address: address.parse().unwrap(),
        answer: answer.clone(),
        after: Duration::from_micros(300),
    });
    Tried {
        name,
        name_took: Duration::from_micros(200),
        calls: calls.collect(),
    }
}

fn known(address: &str) -> NameAnswer {
    NameAnswer::Addresses(vec![address.parse().unwrap()])
}

#[tokio::test(start_paused = true)]
async fn what_is_reached_says_how_long_it_took() {
    let mut stack = stack(&[("web", &["shop_a"]), ("db", &["shop_a"])]).await;
    stack.listens("shop-db-1", &[("0.0.0.0", 5432)]);
    let tried = tried(
        known("10.0.0.2"),
        &[("10.0.0.2:5432", DialAnswer::Connected)],
    );
    insta::assert_snapshot!(stack.check("web", "db:5432", Some(&tried)), @"
    Reached: connected in 0.3 ms
    Some(true) from: `web`: container `shop-web-1` runs
    Some(true) name: `db` is 10.0.0.2 to its resolver (0.2 ms)
    Some(true) networks: `web` is on shop_a; `db` is on shop_a
    Some(true) target: container `shop-db-1` runs and listens on 5432
    Some(true) dial: 10.0.0.2:5432 connected in 0.3 ms
    ");
}

#[tokio::test(start_paused = true)]
async fn one_family_of_addresses_is_enough_and_half_of_one_is_not() {
    let pair: &[(&str, &[&str])] = &[("web", &["shop_a"]), ("db", &["shop_a"])];
    let both = [
        ("[::1]:80", DialAnswer::Refused),
        ("127.0.0.1:80", DialAnswer::Connected),
    ];
    let reached = stack(pair)
        .await
        .check("web", "localhost:80", Some(&tried(known("::1"), &both)));
    assert!(reached.starts_with("Reached: "), "{reached}");
    let replicas = [
        ("10.0.0.2:80", DialAnswer::Connected),
        ("10.0.0.3:80", DialAnswer::Refused),
    ];
    let half = stack(pair)
        .await
        .check("web", "db:80", Some(&tried(known("10.0.0.2"), &replicas)));
    assert!(
        half.starts_with("ReachedInPart: 1 of 2 addresses take the call\n"),
        "{half}"
    );
}

#[tokio::test(start_paused = true)]
async fn networks_that_are_apart_are_named_with_what_to_write() {
    let stack = stack(&[("web", &["shop_a"]), ("db", &["shop_b"])]).await;
    let tried = tried(NameAnswer::NoSuchName, &[]);
    insta::assert_snapshot!(stack.check("web", "db:5432", Some(&tried)), @"
    NoCommonNetwork: `web` and `db` share no network
    Some(true) from: `web`: container `shop-web-1` runs
    Some(false) name: its resolver knows no such name
    Some(false) networks: `web` is on shop_a; `db` is on shop_b
    None target: container `shop-db-1` runs; its ports could not be looked at
    put `web` on a network of `db` in the files, then `bowline up web`
    ");
}

#[tokio::test(start_paused = true)]
async fn a_listener_elsewhere_is_told_from_one_that_is_hidden() {
    let refused = || tried(known("10.0.0.2"), &[("10.0.0.2:80", DialAnswer::Refused)]);
    let pair: &[(&str, &[&str])] = &[("web", &["shop_a"]), ("db", &["shop_a"])];
    let mut other = stack(pair).await;
    other.listens("shop-db-1", &[("::", 8080), ("127.0.0.1", 9000)]);
    let text = other.check("web", "db:80", Some(&refused()));
    assert!(
        text.starts_with("OtherPort: `db` does not listen on 80; it listens on 8080\n"),
        "{text}"
    );
    let mut hidden = stack(pair).await;
    hidden.listens("shop-db-1", &[("127.0.0.1", 80)]);
    let text = hidden.check("web", "db:80", Some(&refused()));
    assert!(
        text.starts_with("LoopbackOnly: `db` listens on 127.0.0.1 only"),
        "{text}"
    );
    assert!(
        text.contains("listens on no port; on 80 at 127.0.0.1 only"),
        "{text}"
    );
    let mut filtered = stack(pair).await;
    filtered.listens("shop-db-1", &[("0.0.0.0", 80)]);
    let silent = tried(known("10.0.0.2"), &[("10.0.0.2:80", DialAnswer::TimedOut)]);
    let text = filtered.check("web", "db:80", Some(&silent));
    assert!(text.starts_with("TimedOut: `db` listens on 80"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_does_not_run_and_a_name_that_nobody_has_are_told_apart() {
    let pair: &[(&str, &[&str])] = &[("web", &["shop_a"]), ("db", &["shop_a"])];
    let mut down = stack(pair).await;
    let db = down
        .engine
        .find_container("shop-db-1")
        .await
        .unwrap()
        .unwrap();
    down.engine.kill_container(&db.id, "KILL").await.unwrap();
    down.facts = facts(&*down.engine, &down.named).await.unwrap();
    insta::assert_snapshot!(down.check("web", "db:80", Some(&tried(NameAnswer::NoSuchName, &[]))), @"
    TargetDown: `db` does not run
    Some(true) from: `web`: container `shop-web-1` runs
    Some(false) name: its resolver knows no such name
    Some(true) networks: `web` is on shop_a; `db` is on shop_a
    Some(false) target: container `shop-db-1` has ended with exit code 137
    `bowline logs db` shows what it wrote, `bowline doctor` why it ended
    start it with `bowline start db`
    ");
    let unknown = stack(pair).await;
    insta::assert_snapshot!(unknown.check("web", "bd:80", Some(&tried(NameAnswer::NoSuchName, &[]))), @"
    Unknown: nobody on the networks of `web` is called `bd`
    Some(true) from: `web`: container `shop-web-1` runs
    Some(false) name: its resolver knows no such name
    did you mean `db`?
    ");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_run_dials_nobody_and_one_that_nobody_knows_is_refused() {
    let stack = stack(&[("web", &["shop_a"])]).await;
    let web = stack
        .engine
        .find_container("shop-web-1")
        .await
        .unwrap()
        .unwrap();
    let how = RemoveContainer {
        force: true,
        anonymous_volumes: false,
    };
    let failure = client(&stack.facts, "wbe").unwrap_err();
    assert_eq!(failure.exit_code(), ExitCode::Usage);
    assert_eq!(failure.hints(), ["did you mean `web`?"]);
    stack.engine.remove_container(&web.id, how).await.unwrap();
    let facts = facts(&*stack.engine, &stack.named).await.unwrap();
    let failure = client(&facts, "web").unwrap_err();
    assert_eq!(failure.to_string(), "no such service: `web`");
    assert_eq!(
        failure.hints(),
        ["project `shop` has no containers; is its name right?"]
    );
}

#[tokio::test(start_paused = true)]
async fn where_nobody_could_look_at_the_containers_nobody_is_said_to_be_down() {
    let stack = stack(&[("web", &["shop_a"])]).await;
    let tap = Tap::new(stack.engine.clone());
    // It is lost after it has said what time it is.
    tap.gone_from(1);
    let facts = facts(&tap, &stack.named).await.unwrap();
    assert!(is_blind(&facts) && !is_blind(&stack.facts));
    let check = blind("web", "db".to_owned(), 5432, &facts);
    assert_eq!(check.exit_code(), ExitCode::CouldNotLook);
    assert_eq!(check.because, "the containers could not be looked at");
    assert!(
        check.unseen[0].starts_with("the containers: "),
        "{:?}",
        check.unseen
    );
}

#[tokio::test(start_paused = true)]
async fn where_nothing_could_be_tried_only_what_is_certain_is_said() {
    let pair: &[(&str, &[&str])] = &[("web", &["shop_a"]), ("db", &["shop_a"])];
    let blind = stack(pair).await;
    let text = blind.check("web", "db:80", None);
    assert!(
        text.starts_with("NotTried: it could not be tried\n"),
        "{text}"
    );
    let mut seen = stack(pair).await;
    seen.listens("shop-db-1", &[("0.0.0.0", 8080)]);
    let text = seen.check("web", "db:80", None);
    assert!(text.starts_with("OtherPort: "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn somebody_outside_is_judged_by_the_answer_alone() {
    let outside = async || stack(&[("web", &["shop_a"])]).await;
    for (name, calls, expected) in [
        (
            known("192.0.2.1"),
            vec![("192.0.2.1:443", DialAnswer::NoRoute)],
            "NoRoute: there is no route to 192.0.2.1:443",
        ),
        (
            known("192.0.2.1"),
            vec![("192.0.2.1:443", DialAnswer::TimedOut)],
            "TimedOut: nothing comes back from 192.0.2.1:443",
        ),
        (
            NameAnswer::NoAnswer,
            vec![],
            "NameFails: its resolver does not answer",
        ),
    ] {
        let tried = tried(name, &calls);
        let text = outside()
            .await
            .check("web", "example.com:443", Some(&tried));
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn an_address_is_read_with_its_port_or_refused() {
    assert_eq!(parse("db:5432").unwrap(), ("db".to_owned(), 5432));
    assert_eq!(parse("[::1]:80").unwrap(), ("::1".to_owned(), 80));
    assert_eq!(parse("db:80/tcp").unwrap(), ("db".to_owned(), 80));
    for wrong in ["db", "db:", ":80", "db:0", "db:http", "::1:80", "db:53/udp"] {
        let failure = parse(wrong).unwrap_err();
        assert_eq!(failure.exit_code(), ExitCode::Usage, "{wrong}");
        assert!(failure.hints()[0].contains("db:5432"), "{wrong}");
    }
}
