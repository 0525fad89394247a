//! Is the declared symptom there? An injection without it proves nothing about a diagnosis.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::case::Symptom;
use super::look::Look;
use crate::program::as_root;
use crate::request;

const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Between two looks; the engine is asked for every container each time.
const PAUSE: Duration = Duration::from_millis(300);

/// How long a published port may take to answer, or a gateway to give up.
const ANSWER: Duration = Duration::from_secs(10);

/// Waits until all `symptoms` hold at one time; says what was missing at the end where they do not.
pub(crate) fn wait(
    look: &Look<'_>,
    symptoms: &[Symptom],
    said: &str,
    patience: Duration,
) -> Result<Result<(), String>> {
    let begun = Instant::now();
    loop {
        let Some(missing) = missing(look, symptoms, said)? else {
            return Ok(Ok(()));
        };
        if begun.elapsed() > patience {
            return Ok(Err(missing));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Says which of the symptoms is not there, and what is there instead.
pub(crate) fn missing<'s>(
    look: &Look<'_>,
    symptoms: impl IntoIterator<Item = &'s Symptom>,
    said: &str,
) -> Result<Option<String>> {
    for symptom in symptoms {
        if let Some(instead) = instead(look, symptom, said)? {
            return Ok(Some(format!("{symptom:?}, but {instead}")));
        }
    }
    Ok(None)
}

/// Returns nothing where the symptom is there, else what is there.
fn instead(look: &Look<'_>, symptom: &Symptom, said: &str) -> Result<Option<String>> {
    let containers = |service: &str| look.of_service(service);
    Ok(match symptom {
        Symptom::State { service, .. }
        | Symptom::Health { service, .. }
        | Symptom::HealthLog { service, .. }
        | Symptom::Error { service, .. }
        | Symptom::Restarts { service, .. }
        | Symptom::Absent { service } => of_containers(symptom, &containers(service)?),
        Symptom::LogSize { service, at_least } => log_size(&containers(service)?, *at_least)?,
        Symptom::Unanswered { port } => std::net::TcpStream::connect((LOCALHOST, *port))
            .is_ok()
            .then(|| "somebody takes the connection".to_owned()),
        Symptom::Log { service, contains } => {
            let mut logs = String::new();
            for container in containers(service)? {
                logs.push_str(&look.log(container["Id"].as_str().unwrap_or_default())?);
            }
            without(&logs, contains)
        }
        Symptom::Event { service, action } => (!look.happened(service, action)?)
            .then(|| "the engine told of no such event".to_owned()),
        Symptom::Said { contains } => without(said, contains),
        Symptom::Answer { port, status } => {
            let address = (LOCALHOST, *port).into();
            match request::send_to(address, "/", None, ANSWER) {
                Ok(answer) if answer.status == *status => None,
                Ok(answer) => Some(format!("the answer is {}", answer.status)),
                Err(error) => Some(format!("{error:#}")),
            }
        }
        Symptom::Exec {
            service,
            command,
            exit_code,
            contains,
        } => {
            let Some(id) = look.ids(service)?.into_iter().next() else {
                return Ok(Some("there is no container".to_owned()));
            };
            match look.exec(&id, command, "") {
                Err(error) => Some(format!("{error:#}")),
                Ok(ended) if exit_code.is_some() && *exit_code != ended.exit_code => Some(format!(
                    "it ended with {:?}: {}",
                    ended.exit_code,
                    ended.output.trim()
                )),
                Ok(ended) => contains
                    .as_ref()
                    .and_then(|words| without(&ended.output, words)),
            }
        }
    })
}

fn log_size(containers: &[Value], at_least: u64) -> Result<Option<String>> {
    for container in containers {
        let file = container["LogPath"].as_str().unwrap_or_default();
        let size = as_root("stat").args(["--format=%s", file]).output()?;
        let size: u64 = size.trim().parse().unwrap_or_default();
        if size < at_least {
            return Ok(Some(format!("it has {size} bytes")));
        }
    }
    Ok(None)
}

/// Judges what an inspection of a service's containers tells.
fn of_containers(symptom: &Symptom, containers: &[Value]) -> Option<String> {
    if matches!(symptom, Symptom::Absent { .. }) {
        return (!containers.is_empty()).then(|| "there is a container".to_owned());
    }
    if containers.is_empty() {
        return Some("there is no container".to_owned());
    }
    containers
        .iter()
        .find_map(|container| of_container(symptom, container))
}

fn of_container(symptom: &Symptom, container: &Value) -> Option<String> {
    let state = &container["State"];
    match symptom {
        Symptom::State {
            is,
            exit_code,
            oom_killed,
            ..
        } => {
            let good = state["Status"] == is.as_str()
                && exit_code.is_none_or(|code| state["ExitCode"] == code)
                && oom_killed.is_none_or(|killed| state["OOMKilled"] == killed);
            (!good).then(|| {
                let (status, code, oom) =
                    (&state["Status"], &state["ExitCode"], &state["OOMKilled"]);
                format!("it is {status}, exit code {code}, OOMKilled {oom}")
            })
        }
        Symptom::Health { is, .. } => {
            let health = &state["Health"]["Status"];
            (health != is.as_str()).then(|| format!("its health is {health}"))
        }
        Symptom::HealthLog { contains, .. } => {
            let runs = state["Health"]["Log"].as_array().into_iter().flatten();
            let printed: String = runs.filter_map(|run| run["Output"].as_str()).collect();
            without(&printed, contains)
        }
        Symptom::Error { contains, .. } => {
            without(state["Error"].as_str().unwrap_or_default(), contains)
        }
        Symptom::Restarts { at_least, .. } => {
            let count = container["RestartCount"].as_i64().unwrap_or_default();
            (count < *at_least).then(|| format!("it was restarted {count} times"))
        }
        _ => None,
    }
}

/// Returns the end of the text where it does not contain the words.
fn without(text: &str, words: &str) -> Option<String> {
    (!text.contains(words)).then(|| {
        let end: Vec<char> = text.trim().chars().rev().take(400).collect();
        format!(
            "what is there ends with `{}`",
            end.iter().rev().collect::<String>()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn exited(code: i64) -> Value {
        json!({ "State": { "Status": "exited", "ExitCode": code, "OOMKilled": false }, "RestartCount": 2 })
    }

    fn state(exit_code: Option<i64>) -> Symptom {
        Symptom::State {
            service: "a".to_owned(),
            is: "exited".to_owned(),
            exit_code,
            oom_killed: None,
        }
    }

    #[test]
    fn a_state_has_to_hold_for_every_container_of_the_service() {
        assert_eq!(of_containers(&state(None), &[exited(1), exited(2)]), None);
        let one = of_containers(&state(Some(1)), &[exited(1), exited(2)]);
        assert_eq!(
            one.unwrap(),
            "it is \"exited\", exit code 2, OOMKilled false"
        );
    }

    #[test]
    fn a_service_without_a_container_shows_nothing_but_that() {
        assert!(of_containers(&state(None), &[]).is_some());
        let absent = Symptom::Absent {
            service: "a".to_owned(),
        };
        assert_eq!(of_containers(&absent, &[]), None);
        assert!(of_containers(&absent, &[exited(0)]).is_some());
    }

    #[test]
    fn restarts_are_counted() {
        let restarts = |at_least| Symptom::Restarts {
            service: "a".to_owned(),
            at_least,
        };
        assert_eq!(of_containers(&restarts(2), &[exited(1)]), None);
        assert!(of_containers(&restarts(3), &[exited(1)]).is_some());
    }

    #[test]
    fn what_a_healthcheck_printed_is_searched_in_all_its_runs() {
        let container =
            json!({ "State": { "Health": { "Log": [{ "Output": "one" }, { "Output": "two" }] } } });
        let says = |words: &str| Symptom::HealthLog {
            service: "a".to_owned(),
            contains: words.to_owned(),
        };
        assert_eq!(
            of_containers(&says("one"), std::slice::from_ref(&container)),
            None
        );
        assert!(of_containers(&says("three"), &[container]).is_some());
    }
}
