//! What `doctor` prints, from recordings that are written by hand: nothing else is looked at.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be made"
)]

mod program;

use program::Program;
use serde_json::{Value, json};

const README: &str = include_str!("../../../README.md");

/// A recording of the project `shop`, looked at at 17:06:10.
struct Recording(Value);

impl Recording {
    fn new() -> Self {
        Self(json!({"bowline_facts": 1, "facts": {
            "at": "2026-11-21T17:06:10Z", "took_millis": 412, "project": "shop", "needs": {}, "containers": [],
            "networks": [], "volumes": [], "events": [], "logs": {}, "services": {}, "told": {}, "tried": [],
            "places": {}, "unseen": [],
        }}))
    }

    /// Adds a service of the files, and its container, which runs well since 17:00:01; `changes` are laid over it.
    fn service(mut self, name: &str, changes: &Value) -> Self {
        let mut container = json!({
            "name": format!("shop-{name}-1"), "id": format!("{name}1"), "service": name, "is_one_off": false,
            "image": "busy:1", "image_id": "sha256:1", "created": "2026-11-21T17:00:00Z", "status": "running",
            "exit_code": 0, "oom_killed": false, "error": null, "started": "2026-11-21T17:00:01Z", "finished": null,
            "restarts": 0, "restart_policy": "no", "health": null, "command": ["serve"], "user": null,
            "environment": {}, "endpoints": {}, "network_mode": null, "published": [], "mounts": [],
            "limits": {"memory_bytes": null, "nano_cpus": null, "pids": null},
            "log_driver": null, "stop_timeout_secs": null, "stop_signal": null,
        });
        for (key, value) in changes.as_object().unwrap() {
            container[key] = value.clone();
        }
        let facts = &mut self.0["facts"];
        facts["containers"].as_array_mut().unwrap().push(container);
        facts["services"][name] = json!({"is_enabled": true, "replicas": 1, "image": "busy:1"});
        self
    }

    /// Adds a service that is told to go to a database, does not find its name, and ends; its setting stands in this line.
    fn lost(self, service: &str, host: &str, line: u32) -> Self {
        let restarting = json!({
            "status": "restarting", "exit_code": 2, "restarts": 3, "restart_policy": "always",
            "started": "2026-11-21T17:05:59Z", "finished": "2026-11-21T17:06:00Z",
        });
        let mut it = self.service(service, &restarting);
        let facts = &mut it.0["facts"];
        let container = format!("shop-{service}-1");
        facts["told"][&container] = json!([{
            "form": "url", "scheme": "postgres", "user": null, "password": null, "database": null, "usage": "dials",
            "hosts": [{
                "name": host, "port": {"written": 5432}, "carrier": {"variable": "DATABASE_URL"}, "port_carrier": null,
            }],
        }]);
        let tried =
            json!({"from": &container, "host": host, "name": "no_such_name", "dialled": []});
        facts["tried"].as_array_mut().unwrap().push(tried);
        let text = format!(
            "psql: error: could not translate host name \"{host}\" to address: Name or service not known"
        );
        let said = ["17:04:00", "17:05:00", "17:06:00"]
            .map(|at| json!({"at": format!("2026-11-21T{at}Z"), "text": &text}));
        facts["logs"][&container] = json!({"lines": said, "is_cut": false});
        let field = format!("services.{service}.environment.DATABASE_URL");
        facts["places"][field] = json!({"file": "compose.yaml", "line": line, "column": 33});
        it
    }

    /// Adds a service that ends at once, and says nothing of it.
    fn mute(self, service: &str) -> Self {
        let container = format!("shop-{service}-1");
        let exited = json!({
            "status": "exited", "exit_code": 3, "started": "2026-11-21T17:05:50Z", "finished": "2026-11-21T17:05:51Z",
        });
        let mut it = self.service(service, &exited);
        let line = json!({"at": "2026-11-21T17:05:50Z", "text": "ready for work"});
        it.0["facts"]["logs"][&container] = json!({"lines": [line], "is_cut": false});
        it
    }

    fn set(mut self, fact: &str, value: Value) -> Self {
        self.0["facts"][fact] = value;
        self
    }

    /// What the doctor says of it, with these arguments. There are more rules every month; 142 stands for any number.
    fn said(&self, arguments: &[&str]) -> String {
        let bowline = Program::without_engine();
        bowline.write("facts.json", &self.0.to_string());
        let mut words = vec!["doctor", "--replay", "facts.json"];
        words.extend(arguments);
        let said = bowline.run(&words);
        let counted = said.split_once(" rules in ").and_then(|(before, after)| {
            let (before, _) = before.rsplit_once(" for ")?;
            Some(format!("{before} for 142 rules in {after}"))
        });
        counted.unwrap_or(said)
    }
}

fn one_cause() -> Recording {
    Recording::new()
        .service("db", &json!({}))
        .lost("api", "bd", 8)
}

#[test]
fn a_cause_is_told_with_what_shows_it_what_it_is_not_and_what_mends_it() {
    let said = one_cause().said(&[]);
    insta::assert_snapshot!(said, @r#"
    [exit 11]
    --- stdout
    1 cause explains 1 of 1 services that are not well

    error[D053]: `api`: it dials `bd`, which nobody is called; did you mean `db`?
      --> compose.yaml:8:33  services.api.environment.DATABASE_URL
      because    1 shop-api-1: variable `DATABASE_URL` names `bd:5432`  [this is the name that it goes by]
                 2 17:06:00 x3 in 2m shop-api-1 log: psql: error: could not translate host name "bd" to address: Name or service not known  [it tried and did not get there]
      ruled out  D004 a password stands in an address without being encoded (1)
                 D051 a client shares no network with the service that it dials (1)
                 D052 a name is unknown because its service does not run (1)
      confidence certain (3 of 3 decisive facts)
      fix        write `db` there, then `bowline up`  (restarts what it changes)
                 bowline doctor --fix D053  (shows the plan and asks first)
      verify     bowline doctor --only D053

    looked at 2 containers, 1 log, 1 name or address for 142 rules in 0.4 s
    "#);
    let (_, shown) = said.split_once("--- stdout\n").unwrap();
    assert!(
        README.contains(&format!("$ bowline doctor\n{shown}```")),
        "README.md shows something else than what is printed:\n{shown}"
    );
}

#[test]
fn each_of_several_causes_of_one_code_is_asked_for_by_its_name() {
    let both = one_cause().lost("worker", "bd", 12);
    let said = both.said(&[]);
    for part in [
        "bowline doctor --fix D053=api  (",
        "verify     bowline doctor --only D053=api\n",
        "bowline doctor --fix D053=worker  (",
        "verify     bowline doctor --only D053=worker\n",
    ] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    let one = both.said(&["--only", "D053=worker"]);
    assert!(
        one.starts_with(
            "[exit 11]\n--- stdout\nD053 is there at `worker`\n\nerror[D053]: `worker`: "
        ),
        "{one}"
    );
    assert!(!one.contains("`api`: "), "{one}");
    let field = both.said(&["--only", "D053=api.environment.DATABASE_URL"]);
    assert!(field.starts_with("[exit 11]\n"), "{field}");
    insta::assert_snapshot!(both.said(&["--only", "d053=db"]), @r#"
    [exit 0]
    --- stdout
    D053 is not there at `db`; it is at `api`, `worker`

    looked at 3 containers, 2 logs, 2 names and addresses for 142 rules in 0.4 s
    "#);
    insta::assert_snapshot!(one_cause().said(&["--only", "D054"]), @r#"
    [exit 0]
    --- stdout
    D054 is not there

    looked at 2 containers, 1 log, 1 name or address for 142 rules in 0.4 s
    "#);
}

#[test]
fn a_risk_can_be_asked_for_as_a_cause_can() {
    let there = one_cause().said(&["--only", "D201=api"]);
    insta::assert_snapshot!(there, @r#"
    [exit 11]
    --- stdout
    D201 is there at `api`

    risk[D201]: nothing keeps `api` and `db` from using all memory of the host
      --> services.api.mem_limit
      fix        set `mem_limit`, or `deploy.resources.limits.memory`

    looked at 2 containers, 1 log, 1 name or address for 142 rules in 0.4 s
    "#);
    let limited = json!({"db": {"is_enabled": true, "replicas": 1, "memory_bytes": 1_048_576}});
    let gone = one_cause().set("services", limited);
    let gone = gone.said(&["--only", "D201"]);
    assert!(
        gone.starts_with("[exit 0]\n--- stdout\nD201 is not there\n"),
        "{gone}"
    );
    let without_files = one_cause().set("services", json!({}));
    let unknown = without_files.said(&["--only", "D201"]);
    assert!(
        unknown.starts_with("[exit 13]\n--- stdout\nnobody could look"),
        "{unknown}"
    );
}

#[test]
fn a_service_that_nothing_explains_has_what_it_is_not_and_what_to_do_next() {
    let mute = Recording::new().service("db", &json!({})).mute("api");
    insta::assert_snapshot!(mute.said(&[]), @r#"
    [exit 12]
    --- stdout
    no cause explains 0 of 1 services that are not well

    undetermined: `api` ended with code 3, and nothing that is known here explains it
      excluded   the one line of its log says nothing that is known here
                 it is as the files want it
      next       bowline debug api  (it ends soon after its start: this is a shell in its place)

    looked at 2 containers, 1 log for 142 rules in 0.4 s
    "#);
    let denied = json!([{
        "look": "tries", "cause": {"denied": "no permission to see names of the container; run as root"},
    }]);
    let denied = mute.set("unseen", denied).said(&[]);
    assert!(
        denied.contains("  next       sudo bowline doctor  (as root it sees "),
        "{denied}"
    );
    let never = json!({"status": "created", "started": null, "error": "no such device"});
    let never = Recording::new().service("api", &never).said(&[]);
    assert!(never.contains("  next       bowline up api  ("), "{never}");
    let unhealthy = json!({"health": {
        "verdict": "unhealthy", "failing_streak": 3, "test": ["CMD", "check"], "interval_secs": 1.0,
        "timeout_secs": 1.0, "start_period_secs": 0.0, "retries": 3, "probes": [],
    }});
    let unhealthy = Recording::new().service("api", &unhealthy).said(&[]);
    assert!(
        unhealthy.contains("  next       bowline logs api  ("),
        "{unhealthy}"
    );
}

#[test]
fn what_keeps_a_cause_from_being_certain_is_named_with_the_command_that_decides_it() {
    let unread = json!([{"look": {"log": "shop-api-1"}, "cause": "not_wanted"}]);
    let quiet = one_cause().set("logs", json!({}));
    let said = quiet.set("unseen", unread).said(&[]);
    insta::assert_snapshot!(said, @r#"
    [exit 11]
    --- stdout
    1 cause explains 1 of 1 services that are not well

    error[D053]: `api`: it dials `bd`, which nobody is called; did you mean `db`?
      --> compose.yaml:8:33  services.api.environment.DATABASE_URL
      because    1 shop-api-1: variable `DATABASE_URL` names `bd:5432`  [this is the name that it goes by]
                 2 shop-api-1: `bd` does not exist for the resolver  [the container's own resolver does not know it]
      ruled out  D004 a password stands in an address without being encoded (1)
                 D051 a client shares no network with the service that it dials (1)
                 D052 a name is unknown because its service does not run (1)
      confidence likely (2 of 3 decisive facts): not seen: that it asks for it
      decide     bowline doctor --only D053  (looks also at the log of shop-api-1, which was not wanted)
      fix        write `db` there, then `bowline up`  (restarts what it changes)
                 bowline doctor --fix D053  (shows the plan and asks first)
      verify     bowline doctor --only D053

    not looked at: log of shop-api-1 (not wanted)
    looked at 2 containers, 1 name or address for 142 rules in 0.4 s
    "#);
}

#[test]
fn a_cause_that_nobody_got_round_to_look_for_is_not_called_gone() {
    let slow = json!([{"look": "images", "cause": "too_slow"}]);
    let slow = one_cause().set("unseen", slow);
    let said = slow.said(&["--only", "D101=db"]);
    assert!(
        said.starts_with(
            "[exit 13]\n--- stdout\nnobody could look whether D101 is there at `db`: "
        ),
        "{said}"
    );
    let report = slow.said(&["--only", "D101=db", "--format", "report"]);
    assert!(
        report.contains("### Issue: nobody could look whether D101 is there at `db`: "),
        "{report}"
    );
    // What is found is there, however little was seen.
    let said = slow.said(&["--only", "D053"]);
    assert!(said.starts_with("[exit 11]"), "{said}");
}

#[test]
fn words_of_others_steer_no_terminal_and_look_like_no_line_of_ours() {
    let hostile = "api\u{1b}[2J\u{202e}\nDo this? [y/N]";
    let unseen = json!([{"look": "tries", "cause": {"engine": hostile}}]);
    let recording = Recording::new().mute(hostile).set("unseen", unseen);
    for form in ["text", "report"] {
        let said = recording.said(&["--format", form]);
        let shown = "api\u{fffd}[2J\u{fffd} Do this? [y/N]";
        assert_eq!(said.matches("[y/N]").count(), said.matches(shown).count());
        assert!(
            said.contains(&format!("`{shown}` ended with code 3")),
            "{said}"
        );
        assert!(said.contains(&format!("({shown})")), "{said}");
    }
}

#[test]
fn a_stack_that_is_well_is_told_with_how_much_was_checked() {
    let well = Recording::new()
        .service("db", &json!({}))
        .service("api", &json!({}));
    let said = well.said(&[]);
    assert!(
        said.starts_with("[exit 0]\n--- stdout\nok: 2 services, 0 causes; checked "),
        "{said}"
    );
}

#[test]
fn a_report_has_all_headings_for_a_cause_and_for_what_nothing_explains() {
    let both = one_cause().mute("mailer");
    let page = both.said(&["--format", "report", "--lint"]);
    insta::assert_snapshot!(page, @r#"
    [exit 12]
    --- stdout
    ## Container Operations Report

    ### Issue: `api`: it dials `bd`, which nobody is called; did you mean `db`?

    ### Services Affected:
    - api - ends again and again, the last time with code 2

    ### Root Cause:
    it dials `bd`, which nobody is called; did you mean `db`? (D053, certain (3 of 3 decisive facts))
    It is written at `compose.yaml:8:33`.

    - `shop-api-1: variable 'DATABASE_URL' names 'bd:5432'`: this is the name that it goes by
    - 2026-11-21T17:06:00Z x3 in 2m `shop-api-1 log: psql: error: could not translate host name "bd" to address: Name or service not known`: it tried and did not get there

    ### Resolution Steps:
    1. write `db` there
    2. `bowline up`

    `bowline doctor --fix D053` does that: it shows the plan, asks, and looks again.

    ### Verification:
    ```bash
    bowline doctor --only D053
    ```

    ### Prevention:
    - Build addresses from the names of services, and check them with `bowline doctor` after a change of names.

    ### Related Services to Monitor:
    - none

    ### Issue: `mailer` ended with code 3

    ### Services Affected:
    - mailer - ended with code 3

    ### Root Cause:
    undetermined: nothing that is known here explains it

    What it is not:
    - the one line of its log says nothing that is known here
    - it is as the files want it

    ### Resolution Steps:
    1. `bowline debug mailer` (it ends soon after its start: this is a shell in its place)
    2. mend what that shows, and look again

    ### Verification:
    ```bash
    bowline doctor
    ```

    ### Prevention:
    - not known as long as the cause is not

    ### Related Services to Monitor:
    - none

    ### Risks:
    - the logs of `api`, `db` and `mailer` grow until the disk is full, unless the engine says otherwise (D137): set `logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}`, or `driver: local`
    - nothing keeps `api`, `db` and `mailer` from using all memory of the host (D201): set `mem_limit`, or `deploy.resources.limits.memory`
    "#);
}

#[test]
fn programs_read_how_often_a_line_was_seen_and_from_when_to_when() {
    let said = one_cause().said(&["--format", "json"]);
    let (_, json) = said.split_once("--- stdout\n").unwrap();
    let answer: Value = serde_json::from_str(json).unwrap();
    let cause = &answer["causes"][0];
    let line = &cause["evidence"][2];
    assert_eq!(
        (&line["source"], &line["count"], &line["first"], &line["at"]),
        (
            &json!("log"),
            &json!(3),
            &json!("2026-11-21T17:04:00Z"),
            &json!("2026-11-21T17:06:00Z")
        )
    );
    assert_eq!(cause["mend"], json!(["bowline", "doctor", "--fix", "D053"]));
    assert_eq!(
        cause["verify"],
        json!(["bowline", "doctor", "--only", "D053"])
    );
}
