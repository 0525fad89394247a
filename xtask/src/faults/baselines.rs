//! What a person's first glance would say, from the engine's own data: what the doctor has to beat.
//!
//! Each baseline names a service, and the table of exit codes a code as well. They are pure: containers as the
//! engine inspects them and the ends of their logs go in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::look::service_of;

/// A container as the engine tells of it, with what it printed last.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) inspected: Value,
    /// Lines that begin with their time.
    pub(crate) log: String,
}

/// What a baseline says; nothing where it finds all well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guess {
    pub(crate) service: String,
    pub(crate) code: Option<String>,
}

/// The baselines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Baseline {
    FirstUnhealthy,
    LastErrorLine,
    ExitCodes,
}

/// What people look up for an exit code.
const EXIT_CODES: [(i64, &str); 5] = [
    (126, "D112"),
    (127, "D072"),
    (137, "D032"),
    (139, "D136"),
    (255, "D073"),
];

/// Words that a search for errors looks for.
const ERROR_WORDS: [&str; 6] = ["error", "fatal", "panic", "exception", "failed", "denied"];

const DEPENDS_ON: &str = "com.docker.compose.depends_on";

impl Baseline {
    pub(crate) const ALL: [Self; 3] = [Self::FirstUnhealthy, Self::LastErrorLine, Self::ExitCodes];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::FirstUnhealthy => "first unhealthy service in dependency order",
            Self::LastErrorLine => "last error line in the logs",
            Self::ExitCodes => "exit-code table",
        }
    }

    /// Guesses what is wrong.
    pub(crate) fn guess(self, seen: &[Seen]) -> Option<Guess> {
        match self {
            Self::FirstUnhealthy => first_unhealthy(seen),
            Self::LastErrorLine => last_error_line(seen),
            Self::ExitCodes => exit_codes(seen),
        }
    }
}

fn guess(seen: &Seen, code: Option<&str>) -> Guess {
    Guess {
        service: service_of(&seen.inspected).to_owned(),
        code: code.map(str::to_owned),
    }
}

fn first_unhealthy(seen: &[Seen]) -> Option<Guess> {
    let mut ordered = in_order(seen).into_iter();
    ordered
        .find(|seen| !is_well(&seen.inspected))
        .map(|seen| guess(seen, None))
}

/// Running and not unhealthy, or ended well.
fn is_well(container: &Value) -> bool {
    let state = &container["State"];
    match state["Status"].as_str() {
        Some("running") => state["Health"]["Status"] != "unhealthy",
        Some("exited") => state["ExitCode"] == 0,
        _ => false,
    }
}

/// Dependencies before what depends on them; what is left in a circle comes last.
fn in_order(seen: &[Seen]) -> Vec<&Seen> {
    let mut left: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for one in seen {
        left.entry(service_of(&one.inspected))
            .or_default()
            .push(one);
    }
    let mut ordered = Vec::new();
    loop {
        let names: BTreeSet<&str> = left.keys().copied().collect();
        let next = left.iter().find(|(_, containers)| {
            let mut dependencies = containers
                .iter()
                .flat_map(|one| dependencies(&one.inspected));
            !dependencies.any(|name| names.contains(name))
        });
        let Some((&name, _)) = next else { break };
        ordered.extend(left.remove(name).unwrap_or_default());
    }
    ordered.extend(left.into_values().flatten());
    ordered
}

/// Reads Compose's label: `name:condition:restart`, separated by commas.
fn dependencies(container: &Value) -> Vec<&str> {
    let label = container["Config"]["Labels"][DEPENDS_ON]
        .as_str()
        .unwrap_or_default();
    let entries = label.split(',').filter(|entry| !entry.is_empty());
    entries
        .filter_map(|entry| entry.split(':').next())
        .collect()
}

fn last_error_line(seen: &[Seen]) -> Option<Guess> {
    let lines = seen
        .iter()
        .flat_map(|one| one.log.lines().map(move |line| (line, one)));
    let errors = lines.filter(|(line, _)| {
        let line = line.to_lowercase();
        ERROR_WORDS.iter().any(|word| line.contains(word))
    });
    // Each begins with its time, in a form whose order is that of time.
    let last = errors.max_by_key(|(line, _)| line.split(' ').next().unwrap_or_default());
    last.map(|(_, one)| guess(one, None))
}

fn exit_codes(seen: &[Seen]) -> Option<Guess> {
    let failed = in_order(seen).into_iter().filter_map(|one| {
        let code = one.inspected["State"]["ExitCode"].as_i64()?;
        (code != 0).then_some((one, code))
    });
    let known = |code: i64| {
        let mut entries = EXIT_CODES.iter();
        entries.find_map(|(number, meaning)| (*number == code).then_some(*meaning))
    };
    let mut failed = failed.map(|(one, code)| guess(one, known(code)));
    let first = failed.next()?;
    // One that the table explains comes before one that it does not.
    Some(if first.code.is_some() {
        first
    } else {
        failed.find(|guess| guess.code.is_some()).unwrap_or(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn seen(service: &str, needs: &str, state: &Value, log: &str) -> Seen {
        let labels = json!({ "com.docker.compose.service": service, DEPENDS_ON: needs });
        Seen {
            inspected: json!({ "Config": { "Labels": labels }, "State": state }),
            log: log.to_owned(),
        }
    }

    fn running() -> Value {
        json!({ "Status": "running", "ExitCode": 0 })
    }

    fn unhealthy() -> Value {
        json!({ "Status": "running", "ExitCode": 0, "Health": { "Status": "unhealthy" } })
    }

    fn exited(code: i64) -> Value {
        json!({ "Status": "exited", "ExitCode": code })
    }

    fn service(guess: Option<Guess>) -> String {
        guess.unwrap().service
    }

    #[test]
    fn the_first_unhealthy_is_the_deepest_in_the_order_of_dependencies() {
        let stack = [
            seen("api", "zdb:service_healthy:false", &unhealthy(), ""),
            seen("zdb", "", &exited(1), ""),
        ];
        assert_eq!(service(Baseline::FirstUnhealthy.guess(&stack)), "zdb");
    }

    #[test]
    fn a_finished_job_is_well_and_a_paused_service_is_not() {
        let stack = [
            seen("job", "", &exited(0), ""),
            seen("api", "", &running(), ""),
        ];
        assert_eq!(Baseline::FirstUnhealthy.guess(&stack), None);
        let paused = [seen(
            "api",
            "",
            &json!({ "Status": "paused", "ExitCode": 0 }),
            "",
        )];
        assert_eq!(service(Baseline::FirstUnhealthy.guess(&paused)), "api");
    }

    #[test]
    fn services_that_wait_for_each_other_are_looked_at_all_the_same() {
        let stack = [
            seen("a", "b:x:false", &running(), ""),
            seen("b", "a:x:false", &exited(1), ""),
        ];
        assert_eq!(service(Baseline::FirstUnhealthy.guess(&stack)), "b");
    }

    #[test]
    fn the_last_error_line_is_the_last_in_time() {
        let stack = [
            seen(
                "a",
                "",
                &running(),
                "2026-01-01T00:00:02Z ERROR late\n2026-01-01T00:00:03Z fine\n",
            ),
            seen("b", "", &running(), "2026-01-01T00:00:01Z fatal: early\n"),
        ];
        assert_eq!(service(Baseline::LastErrorLine.guess(&stack)), "a");
        assert_eq!(
            Baseline::LastErrorLine.guess(&[seen("a", "", &running(), "1 fine\n")]),
            None
        );
    }

    #[test]
    fn the_table_prefers_an_exit_code_that_it_knows() {
        let stack = [
            seen("a", "", &exited(1), ""),
            seen("b", "", &exited(137), ""),
        ];
        let guess = Baseline::ExitCodes.guess(&stack).unwrap();
        assert_eq!(
            (guess.service.as_str(), guess.code.as_deref()),
            ("b", Some("D032"))
        );
        let unknown = Baseline::ExitCodes.guess(&stack[..1]).unwrap();
        assert_eq!((unknown.service.as_str(), unknown.code), ("a", None));
        assert_eq!(
            Baseline::ExitCodes.guess(&[seen("a", "", &exited(0), "")]),
            None
        );
    }
}
