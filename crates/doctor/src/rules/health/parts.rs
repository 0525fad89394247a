//! What a health answer says of the parts that a service looks at, whatever they are called.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::facts::{ContainerFact, Outcome};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::Case;
use crate::world::{Edge, World, culprit, shown};

use super::address::last_probe;

/// What a part says that is well.
const GOOD: &[&str] = &[
    "ok",
    "up",
    "true",
    "healthy",
    "pass",
    "passed",
    "passing",
    "ready",
    "alive",
    "connected",
    "available",
    "operational",
    "success",
];
/// What a part says that is not.
const BAD: &[&str] = &[
    "down",
    "error",
    "fail",
    "failed",
    "failing",
    "false",
    "unavailable",
    "unhealthy",
    "disconnected",
    "out_of_service",
    "timeout",
];
/// Fields that say how something is doing.
const STATES: &[&str] = &["status", "state", "health", "healthy", "ready", "ok", "up"];
/// Fields that say what a part of a list is called.
const NAMES: &[&str] = &["name", "component", "check", "service", "id"];

/// How something is doing, in the words of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Bad,
    /// Something that is neither a good word nor a bad one, such as the text of an error.
    Other,
}

/// The parts that a health answer calls not well, where it calls others well; none where it is no JSON with parts.
fn failing(output: &str) -> Vec<String> {
    let Some(start) = output.find('{') else {
        return Vec::new();
    };
    let mut values = serde_json::Deserializer::from_str(&output[start..]).into_iter::<Value>();
    let Some(Ok(Value::Object(answer))) = values.next() else {
        return Vec::new();
    };
    let groups = answer.values().filter_map(group);
    let mut found: Vec<String> = groups.flatten().collect();
    if found.is_empty() {
        // Without a group of their own, parts stand among other things: only plain words tell them.
        let parts = parts(&answer).into_iter();
        let parts: Vec<_> = parts.filter(|(_, state)| *state != State::Other).collect();
        found = bad_of(&parts).unwrap_or_default();
    }
    found
}

/// The parts of a group that are not well, where it is a group of parts.
fn group(value: &Value) -> Option<Vec<String>> {
    let parts = match value {
        Value::Object(map) => parts(map),
        Value::Array(list) => list
            .iter()
            .filter_map(Value::as_object)
            .filter_map(listed)
            .collect(),
        _ => return None,
    };
    bad_of(&parts)
}

/// Those that are not good, where half of all are; in another group the words mean something else.
fn bad_of(parts: &[(String, State)]) -> Option<Vec<String>> {
    let good = parts
        .iter()
        .filter(|(_, state)| *state == State::Good)
        .count();
    let bad = parts.iter().filter(|(_, state)| *state != State::Good);
    (good > 0 && good * 2 >= parts.len()).then(|| bad.map(|(name, _)| name.clone()).collect())
}

/// The fields of an object that say how a part is doing.
fn parts(map: &Map<String, Value>) -> Vec<(String, State)> {
    let of_parts = map.iter().filter(|(key, _)| {
        let key = key.to_ascii_lowercase();
        !STATES.contains(&key.as_str())
    });
    let state = |(key, value): (&String, &Value)| Some((key.clone(), state(value)?));
    of_parts.filter_map(state).collect()
}

/// A part of a list, by its name.
fn listed(map: &Map<String, Value>) -> Option<(String, State)> {
    let name = NAMES.iter().find_map(|key| map.get(*key)?.as_str())?;
    Some((name.to_owned(), state(&Value::Object(map.clone()))?))
}

fn state(value: &Value) -> Option<State> {
    match value {
        Value::Bool(true) => Some(State::Good),
        Value::Bool(false) => Some(State::Bad),
        Value::String(text) => {
            let text = text.trim().to_ascii_lowercase();
            Some(if GOOD.contains(&text.as_str()) {
                State::Good
            } else if BAD.contains(&text.as_str()) {
                State::Bad
            } else {
                State::Other
            })
        }
        Value::Object(map) => {
            let mut fields = map.iter();
            let (_, value) = fields.find(|(key, value)| {
                let key = key.to_ascii_lowercase();
                STATES.contains(&key.as_str()) && !value.is_object()
            })?;
            state(value)
        }
        _ => None,
    }
}

/// Who dials a service, near or far, is well, and was there all the time: what it is for it does.
fn served(world: &World<'_>, container: &ContainerFact) -> Option<Evidence> {
    let since = container.started?;
    let mut others = world.containers().filter(|it| {
        // What is passed on says nothing of what comes back.
        it.name != container.name && world.recipe(it).is_none()
    });
    let client = others.find(|client| {
        let mut reached = BTreeSet::new();
        world.reach(client, &mut reached);
        let wrote = world.log(client).is_some_and(|log| {
            let last = log.lines.last();
            last.is_some_and(|line| line.at > since)
        });
        reached.contains(container.name.as_str())
            && world.seems_ready(client)
            && world.seems_well(client)
            && wrote
    })?;
    let text = format!("{}: runs, and complains of nothing", client.name);
    let fact = FactRef::State(client.name.clone());
    Some(shown(fact, text, "who asks it gets what it wants"))
}

/// Whether a server that is dialled did not answer as it should when it was asked in the client's place.
fn is_turned_away(world: &World<'_>, edge: &Edge<'_>) -> bool {
    let servers = edge.service().map_or(&[][..], |(_, servers)| servers);
    let mut asked = servers.iter().flat_map(|server| world.asked(server));
    asked.any(|asked| {
        let is_good = asked.let_in() || asked.outcome == Outcome::Answered;
        asked.from == edge.client.name && !is_good
    })
}

/// A service that is unhealthy for a part of its health answer that it neither depends on nor is told to dial, while all
/// that it does dial is there, and others are served by it.
pub(super) fn unneeded(
    world: &World<'_>,
    container: &ContainerFact,
    printed: &str,
) -> Option<Case> {
    let service = container.service.as_deref()?;
    let known = world.containers().find(|it| it.name == container.name)?;
    let health = world.health(known)?;
    let parts = failing(printed);
    let first = parts.first()?;
    let declared = world.declared(service)?;
    let mut edges = world.edges().iter();
    let own = |edge: &&Edge<'_>| edge.client.name == container.name;
    let is_troubled = edges
        .any(|edge| own(&edge) && (world.trouble(edge).is_some() || is_turned_away(world, edge)));
    let is_needed = |part: &String| {
        let mut edges = world.edges().iter();
        world.has_service(part)
            || declared.depends_on.contains_key(part)
            || edges.any(|edge| own(&edge) && edge.host.name == *part)
    };
    if is_troubled || parts.iter().any(is_needed) || world.complains(container) {
        return None;
    }
    let served = served(world, container)?;
    let named: Vec<String> = parts.iter().map(|part| format!("`{part}`")).collect();
    let claim = format!(
        "it is unhealthy because its health answer includes {}, and it serves those who ask it all the same",
        named.join(", ")
    );
    let text = format!("{service}: no `{first}` under `depends_on`, and no service of that name");
    let fact = FactRef::Declared(service.to_owned());
    let proves = "it answers, and only this part is not well";
    Some(
        Case::new(culprit(container, Some("healthcheck")), claim)
            .at_most(Confidence::Likely)
            .mended_by(
                format!("let its healthcheck ask for what `{service}` itself can do; or give it {}, or switch that off; then `bowline up`", named.join(", ")),
                Safety::NeedsYou,
            )
            .decides("the probe", last_probe(container, health, proves))
            .decides("that it works otherwise", Some(served.clone()))
            .decides("that it is no dependency", Some(shown(fact, text, "it was started without it")))
            .rules_out(Code("D010"), Some(served.clone()))
            .rules_out(Code("D011"), Some(served)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_health_answer_that_are_not_well_are_told_from_the_others() {
        for (answer, parts) in [
            (
                r#"503 {"status": "unavailable", "checks": {"cache": "ok", "store": "ok", "mail": "not configured"}}"#,
                &["mail"][..],
            ),
            (
                r#"{"status":"DOWN","components":{"db":{"status":"UP"},"mail":{"status":"DOWN","details":{"error":"x"}}}}"#,
                &["mail"],
            ),
            (
                r#"{"checks":[{"name":"db","status":"pass"},{"name":"search","status":"fail"}]}"#,
                &["search"],
            ),
            (
                r#"{"db": true, "mail": false, "version": "1.2"}"#,
                &["mail"],
            ),
            (r#"{"status": "ok", "version": "1.2", "host": "a"}"#, &[]),
            (
                r#"{"status": "error", "checks": {"db": "refused", "cache": "refused"}}"#,
                &[],
            ),
            (r#"{"status": "ok", "checks": {"db": "ok"}}"#, &[]),
            ("503 Service Unavailable", &[]),
            (r#"{"status": "unavai"#, &[]),
        ] {
            assert_eq!(failing(answer), parts, "{answer}");
        }
    }
}
