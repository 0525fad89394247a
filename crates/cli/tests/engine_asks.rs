//! What `doctor` asks servers in their own protocol, on real ones: the engine is at `BOWLINE_TEST_DOCKER_HOST`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test of the binary reads what it wrote, and ends where that fails"
)]

mod program;

use bowline_testkit::{engine_host, image};
use program::{Program, stack_name};
use serde_json::{Value, json};

/// Servers that are well, and clients that are not, say nothing, and are told logins: right ones and wrong ones.
const STACK: &str = r#"
x-client: &client
  image: BUSY
  command: [sleep, infinity]
  stop_grace_period: 0s
  healthcheck: {test: [CMD, "false"], interval: 1s, retries: 1}
  depends_on:
    db: {condition: service_healthy}
    plain: {condition: service_healthy}
    gate: {condition: service_healthy}
    store: {condition: service_healthy}
x-ready: &ready {test: [CMD, pg_isready, -h, 127.0.0.1], interval: 1s, retries: 60}
services:
  db:
    image: POSTGRES
    command: [postgres, -c, ssl=on, -c, ssl_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem, -c, ssl_key_file=/etc/ssl/private/ssl-cert-snakeoil.key]
    tmpfs: [/var/lib/postgresql/data]
    healthcheck: *ready
    environment: {POSTGRES_USER: keeper, POSTGRES_PASSWORD: opensesame-17, POSTGRES_DB: books}
  plain:
    image: POSTGRES
    tmpfs: [/var/lib/postgresql/data]
    healthcheck: *ready
    environment: {POSTGRES_USER: clerk, POSTGRES_PASSWORD: swordfish-18, POSTGRES_INITDB_ARGS: --auth-host=md5, POSTGRES_HOST_AUTH_METHOD: md5}
  store:
    image: MARIADB
    tmpfs: [/var/lib/mysql]
    environment: {MARIADB_ROOT_PASSWORD: rootfish-23, MARIADB_USER: teller, MARIADB_PASSWORD: goldfish-24, MARIADB_DATABASE: till}
    healthcheck: {test: [CMD, mariadb-admin, ping, -h, 127.0.0.1], interval: 1s, retries: 90}
  cache:
    image: REDIS
    command: [redis-server, --requirepass, hunter-19, --maxmemory, 64mb]
    tmpfs: [/data]
    stop_grace_period: 0s
  gate:
    image: NGINX
    command:
      - sh
      - -c
      - >-
        openssl req -batch -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=shop.example -keyout /tmp/key -out /tmp/own &&
        echo 'events {} http { server { listen 8443 ssl; listen 8080; ssl_certificate /tmp/own; ssl_certificate_key /tmp/key;
        location / { return 200 "not ready: waiting for the store"; } } }' >/tmp/conf && exec nginx -c /tmp/conf -g 'daemon off;'
    healthcheck: {test: [CMD, curl, -fs, -o, /dev/null, "http://127.0.0.1:8080/ready"], interval: 1s, retries: 60}
  right:
    <<: *client
    environment: {DATABASE_URL: "postgresql://keeper:opensesame-17@db:5432/books"}
  wrong:
    <<: *client
    environment: {DATABASE_URL: "postgresql://keeper:closesesame-20@db:5432/books"}
  elsewhere:
    <<: *client
    environment: {DATABASE_URL: "postgresql://clerk:swordfish-18@plain:5432/accounts"}
  payer:
    <<: *client
    environment: {TILL_URL: "mysql://teller:silverfish-25@store:3306/till"}
  reader:
    <<: *client
    environment: {CACHE_URL: "redis://:hunter-19@cache:6379"}
  writer:
    <<: *client
    environment: {CACHE_URL: "redis://:hunter-21@cache:6379"}
  visitor:
    <<: *client
    environment: {GATE_URL: "https://gate:8443/"}
  well:
    image: BUSY
    command: [sleep, infinity]
    stop_grace_period: 0s
    environment: {DATABASE_URL: "postgresql://well:nobody-22@db:5432/books"}
"#;

/// Clients that hang or fail because of what other clients do in a server, and write nothing of it.
const BUSY: &str = r#"
x-server: &server
  image: POSTGRES
  tmpfs: [/var/lib/postgresql/data]
  environment: {POSTGRES_USER: keeper, POSTGRES_PASSWORD: opensesame-17, POSTGRES_DB: books}
  healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1], interval: 1s, retries: 60}
x-client: &client
  image: POSTGRES
  stop_grace_period: 0s
  environment: &told {DATABASE_URL: "postgresql://keeper:opensesame-17@db:5432/books"}
  depends_on: {db: {condition: service_healthy}, other: {condition: service_healthy}}
x-hangs: &hangs
  <<: *client
  healthcheck: {test: [CMD, test, -e, /tmp/answered], interval: 1s, retries: 9}
services:
  db: *server
  other: *server
  cache:
    image: REDIS
    command: [redis-server, --save, "", --maxmemory, 8mb, --maxmemory-policy, allkeys-lru]
    tmpfs: [/data]
    stop_grace_period: 0s
  holder:
    <<: *client
    command: [bash, -c, "(echo 'CREATE TABLE t (i int); BEGIN; LOCK TABLE t;'; sleep 600) | psql -qAt $$DATABASE_URL"]
    healthcheck: {test: [CMD-SHELL, "psql -qAtc 'SELECT 1 FROM pg_locks JOIN pg_class ON relation = pg_class.oid WHERE relname = $$$$t$$$$' $$DATABASE_URL | grep -q 1"], interval: 1s, retries: 60}
  waiter:
    <<: *hangs
    command: [bash, -c, "psql -qAtc 'SELECT count(*) FROM t' $$DATABASE_URL && touch /tmp/answered; sleep 600"]
    depends_on: {holder: {condition: service_healthy}}
  analyst:
    <<: *hangs
    environment: {DATABASE_URL: "postgresql://keeper:opensesame-17@other:5432/books"}
    command: [bash, -c, "psql -qAtc 'SELECT pg_sleep(600)' $$DATABASE_URL"]
  filler:
    image: REDIS
    stop_grace_period: 0s
    command: [bash, -c, "while :; do timeout 5 redis-benchmark -h cache -c 2 -t set -d 1000 -r 1000000 -n 20000 -q >/dev/null 2>&1; done"]
  reader:
    <<: *hangs
    environment: {CACHE_URL: "redis://cache:6379"}
    command: [sleep, infinity]
"#;

const SECRETS: &[&str] = &[
    "opensesame-17",
    "swordfish-18",
    "hunter-19",
    "closesesame-20",
    "hunter-21",
    "nobody-22",
    "rootfish-23",
    "goldfish-24",
    "silverfish-25",
];

/// A stack that is taken down when the test is over. Its data is in memory, so that nothing is left.
struct Stack(Program);

impl Drop for Stack {
    fn drop(&mut self) {
        drop(self.0.output(&["down"]));
    }
}

fn stack(name: &str, text: &str) -> Stack {
    let bowline = Program::on(&engine_host());
    let mut text = text.to_owned();
    for name in ["busy", "postgres", "mariadb", "redis", "nginx"] {
        let (written, real) = (name.to_uppercase(), image(name));
        text = text.replace(&format!("image: {written}\n"), &format!("image: {real}\n"));
    }
    bowline.write("compose.yaml", &format!("name: {}{text}", stack_name(name)));
    Stack(bowline)
}

/// The facts of a look, and what was said of them.
fn looked(stack: &Stack, arguments: &[&str]) -> (Value, String) {
    let arguments = [&["doctor", "--record", "facts.json"], arguments].concat();
    let output = stack.0.output(&arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = std::fs::read_to_string(stack.0.folder().join("facts.json"))
        .expect("the look was recorded");
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret}");
        assert!(!said.contains(secret), "{secret}");
    }
    let recording: Value = serde_json::from_str(&text).expect("a recording is JSON");
    (recording["facts"].clone(), said)
}

/// Looks again until all is there that is looked for: on a busy machine the time for it may be over before.
fn looked_until(
    stack: &Stack,
    arguments: &[&str],
    is_whole: impl Fn(&Value) -> bool,
) -> (Value, String) {
    for _ in 0..20 {
        let (facts, said) = looked(stack, arguments);
        if is_whole(&facts) {
            return (facts, said);
        }
    }
    panic!("no look came to its end");
}

/// What came of asking a server as somebody, from anywhere where `from` is empty; null where nothing did.
fn answer<'f>(facts: &'f Value, server: &str, user: &str, from: &str) -> &'f Value {
    let is_it = |asked: &&Value| {
        let part = |key: &str| asked[key].as_str().unwrap_or_default();
        part("server").ends_with(&format!("-{server}-1"))
            && (from.is_empty() || part("from").ends_with(&format!("-{from}-1")))
            && asked["login"]["user"].as_str().unwrap_or_default() == user
    };
    let mut asked = facts["asked"].as_array().into_iter().flatten();
    asked.find(is_it).unwrap_or(&Value::Null)
}

/// The part of what a server answered that this leads to; null where it is not there.
fn part<'f>(facts: &'f Value, server: &str, user: &str, from: &str, path: &str) -> &'f Value {
    let answer = answer(facts, server, user, from);
    answer.pointer(path).unwrap_or(&Value::Null)
}

/// Whether every server has said all that it was asked.
fn is_whole(facts: &Value) -> bool {
    let whole = [
        part(
            facts,
            "db",
            "keeper",
            "right",
            "/answer/postgres/databases/books",
        ),
        part(
            facts,
            "plain",
            "clerk",
            "elsewhere",
            "/answer/postgres/databases/accounts",
        ),
        part(facts, "db", "keeper", "wrong", "/outcome/refused"),
        part(facts, "store", "teller", "payer", "/outcome/refused"),
        part(
            facts,
            "store",
            "teller",
            "store",
            "/answer/mysql/databases/till",
        ),
        part(
            facts,
            "store",
            "root",
            "store",
            "/answer/mysql/roles/teller",
        ),
        part(facts, "cache", "", "reader", "/answer/redis/limit_bytes"),
        part(facts, "cache", "", "writer", "/outcome/refused"),
        part(facts, "gate", "", "gate", "/answer/http/status"),
        part(facts, "gate", "", "visitor", "/answer/tls/certificates/0"),
    ];
    whole.iter().all(|part| !part.is_null())
}

fn databases_answered(facts: &Value) {
    // By TLS, with SCRAM.
    let right = answer(facts, "db", "keeper", "right");
    assert_eq!(right["outcome"], json!({"let_in": {"by_password": true}}));
    let told = &right["answer"]["postgres"];
    assert_eq!(
        (&told["speaks_tls"], &told["limit"]),
        (&json!(true), &json!(100))
    );
    assert_eq!(told["databases"]["books"], json!(true));
    assert!(
        told["version"]
            .as_str()
            .is_some_and(|it| it.starts_with("15.")),
        "{told}"
    );
    let wrong = answer(facts, "db", "keeper", "wrong");
    assert_eq!(wrong["outcome"], json!({"refused": {"code": "28P01"}}));
    // In the clear, with MD5; the database is not there.
    let elsewhere = answer(facts, "plain", "clerk", "elsewhere");
    assert_eq!(elsewhere["outcome"], json!({"refused": {"code": "3D000"}}));
    assert_eq!(
        elsewhere["answer"]["postgres"]["databases"]["accounts"],
        json!(false)
    );

    let payer = answer(facts, "store", "teller", "payer");
    assert_eq!(payer["outcome"], json!({"refused": {"code": "1045"}}));
    let own = answer(facts, "store", "teller", "store");
    assert_eq!(own["outcome"], json!({"let_in": {"by_password": true}}));
    assert_eq!(own["answer"]["mysql"]["databases"]["till"], json!(true));
    let root = answer(facts, "store", "root", "store");
    assert_eq!(root["answer"]["mysql"]["roles"]["teller"], json!(true));
}

fn others_answered(facts: &Value) {
    let reader = answer(facts, "cache", "", "reader");
    assert_eq!(reader["outcome"], json!({"let_in": {"by_password": true}}));
    assert_eq!(reader["answer"]["redis"]["limit_bytes"], json!(64 << 20));
    let writer = answer(facts, "cache", "", "writer");
    assert_eq!(writer["outcome"], json!({"refused": {"code": "WRONGPASS"}}));

    let page = answer(facts, "gate", "", "gate");
    assert_eq!(
        page["answer"]["http"]["body"],
        json!("not ready: waiting for the store")
    );
    let shown = answer(facts, "gate", "", "visitor");
    assert_eq!(
        shown["answer"]["tls"]["certificates"][0]["subject"],
        json!("CN=shop.example")
    );
}

#[test]
fn servers_are_asked_with_the_logins_of_those_who_are_not_well_and_with_no_other() {
    let stack = stack("asks", STACK);
    stack.0.ends(5, &["up"]);
    let (facts, said) = looked_until(&stack, &[], is_whole);
    databases_answered(&facts);
    others_answered(&facts);
    let asked = facts["asked"].as_array().unwrap();
    assert!(
        asked.iter().all(|asked| asked["login"]["user"] != "well"),
        "{asked:#?}"
    );
    assert_eq!(asked.len(), 10, "{asked:#?}");
    for part in [
        "error[D002]: `wrong`: it and `db` have different copies of the password",
        "error[D002]: `writer`: it and `cache` have different copies of the password",
        "error[D019]: `elsewhere`: it asks `plain` for the database `accounts`, which is not there",
        "error[D002]: `payer`: it and `store` have different copies of the password",
        "10 answers of servers",
    ] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }

    let is_unseen = |facts: &Value| {
        let mut unseen = facts["unseen"].as_array().into_iter().flatten();
        unseen.any(|unseen| unseen["look"] == "asks")
    };
    let (facts, _) = looked_until(&stack, &["--no-exec"], is_unseen);
    assert_eq!(facts["asked"], Value::Null);
}

#[test]
fn who_holds_a_server_up_is_what_the_server_says() {
    let stack = stack("busy", BUSY);
    stack.0.ends(5, &["up"]);
    let (facts, said) = looked_until(&stack, &[], |facts| {
        let evicted = part(
            facts,
            "cache",
            "",
            "reader",
            "/answer/redis/evicted_meanwhile",
        );
        let other = |path: &str| part(facts, "other", "keeper", "", path);
        evicted.as_u64().is_some_and(|count| count > 0)
            && !part(facts, "db", "keeper", "", "/answer/postgres/waits/0").is_null()
            && !other("/answer/postgres/waits").is_null()
            && !other("/answer/postgres/longest").is_null()
    });
    let db = &answer(&facts, "db", "keeper", "")["answer"]["postgres"];
    let wait = &db["waits"][0];
    assert_eq!(wait["holder"]["statement"], "LOCK", "{db}");
    assert_eq!(wait["holder"]["state"], "idle in transaction", "{db}");
    assert!(wait["since_secs"].as_i64().unwrap() >= 5, "{db}");
    let other = &answer(&facts, "other", "keeper", "")["answer"]["postgres"];
    assert_eq!(other["longest"]["statement"], "SELECT", "{other}");
    assert_eq!(other["waits"], json!([]));
    let cache = &answer(&facts, "cache", "", "")["answer"]["redis"];
    assert!(cache["evicted_meanwhile"].as_u64().unwrap() > 0, "{cache}");
    for part in [
        "error[D057]: `holder`: a transaction of it holds for ",
        "what others of `db` wait for (idle in transaction; it last ran `LOCK`)",
        "error[D058]: `analyst`: a statement of it at `other` (`SELECT`) has been running for ",
        "error[D047]: `cache`: `cache` is at its own limit of memory of 8mb and throws away what is still needed",
    ] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    let answers = facts["asked"].to_string();
    assert!(
        !answers.contains("pg_sleep") && !answers.contains("TABLE"),
        "{answers}"
    );
}
