//! Looking into containers without any right but to open the engine's socket, on the real engine at
//! `BOWLINE_TEST_DOCKER_HOST`.

mod program;

use bowline_testkit::{Api, engine_host, image};
use program::{Program, stack_name};
use serde_json::Value as Json;

/// A client that is not well, writes nothing, and is told another password than the server.
const STACK: &str = "
services:
  db:
    image: POSTGRES
    tmpfs: [/var/lib/postgresql/data]
    healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1], interval: 1s, retries: 60}
    environment: {POSTGRES_USER: keeper, POSTGRES_PASSWORD: opensesame-17, POSTGRES_DB: books}
  wrong:
    image: BUSY
    command: [sleep, infinity]
    stop_grace_period: 0s
    healthcheck: {test: [CMD, 'false'], interval: 1s, retries: 1}
    depends_on: {db: {condition: service_healthy}}
    environment: {DATABASE_URL: 'postgresql://keeper:closesesame-20@db:5432/books'}
";

/// The containers that were made to look from.
fn instruments(api: &Api) -> Vec<Json> {
    api.labelled("containers", "dev.bowline.instrument")
}

#[test]
fn who_may_only_open_the_socket_sees_from_beside_what_root_sees() {
    let name = stack_name("within");
    let bowline = Program::on(&engine_host());
    let stack = STACK
        .replace("POSTGRES\n", &format!("{}\n", image("postgres")))
        .replace("BUSY", &image("busy"));
    bowline.write("compose.yaml", &format!("name: {name}{stack}"));
    bowline.ends(5, &["up"]);
    bowline.until_found("D002");

    let output = bowline.powerless(&["doctor", "--format", "json"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let json: Json = serde_json::from_str(&said).unwrap_or_else(|_| {
        panic!("{said}{}", String::from_utf8_lossy(&output.stderr));
    });
    let cause = &json["causes"][0];
    assert_eq!(
        (cause["code"].as_str(), cause["confidence"].as_str()),
        (Some("D002"), Some("certain")),
        "{said}"
    );
    assert_eq!(
        json["effort"]["instruments"], 2,
        "beside the client and the server that it needs: {said}"
    );
    assert!(!said.contains("sesame-"), "no password is said: {said}");

    let output = bowline.powerless(&["net", "check", "wrong", "db:5432"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");

    let output = bowline.powerless(&["doctor", "--no-exec", "--format", "json"]);
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        json["effort"]["instruments"], 0,
        "none is made where none is wanted"
    );

    let api = Api::at(&engine_host());
    let left = (0..100).map(|_| instruments(&api)).find(Vec::is_empty);
    assert!(left.is_some(), "{:?}", instruments(&api));
    bowline.ends(0, &["down"]);
}
