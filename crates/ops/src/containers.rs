//! The containers of a stack, and the services that a request names.

use std::collections::BTreeSet;

use bowline_engine::{Engine, EngineError, Selector};
use bowline_model::{ContainerSummary, label, nearest};

use crate::Failure;
use crate::stack::Named;

/// Lists the containers that count as a stack's, in every state, by name: one call.
///
/// As in Compose they are those with the project's name and a hash. Those that `run` made are among them.
pub(crate) async fn of_stack(
    engine: &dyn Engine,
    stack: &str,
) -> Result<Vec<ContainerSummary>, EngineError> {
    let which = Selector::label(label::PROJECT, stack).and_has_label(label::CONFIG_HASH);
    let mut found = engine.containers(&which).await?;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The service of a container.
pub(crate) fn service(container: &ContainerSummary) -> &str {
    container
        .labels
        .get(label::SERVICE)
        .map_or("", String::as_str)
}

/// The number of a container within its service; one without a readable number counts as the last.
pub(crate) fn number(container: &ContainerSummary) -> u32 {
    let number = container.labels.get(label::NUMBER);
    number
        .and_then(|text| text.parse().ok())
        .unwrap_or(u32::MAX)
}

/// Whether `run` made it.
pub(crate) fn is_one_off(container: &ContainerSummary) -> bool {
    let one_off = container.labels.get(label::ONE_OFF);
    one_off.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Refuses services that neither the files nor the engine know.
pub(crate) fn check_services(
    named: &Named,
    found: &[ContainerSummary],
    services: &[String],
) -> Result<(), Failure> {
    let declared = named.project.iter().flat_map(|project| {
        let disabled = project.disabled_services.keys();
        project.services.keys().chain(disabled)
    });
    let mut known: BTreeSet<&str> = declared.map(String::as_str).collect();
    known.extend(found.iter().map(service));
    match services.iter().find(|name| !known.contains(name.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(no_such_service(unknown, &named.name, &known)),
    }
}

/// The failure for a service that is none of those that are known.
pub(crate) fn no_such_service(name: &str, stack: &str, known: &BTreeSet<&str>) -> Failure {
    let hint = match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => no_containers(stack),
        None => {
            let all: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("project `{stack}` has {}", all.join(", "))
        }
    };
    Failure::Usage {
        message: format!("no such service: `{name}`"),
        hint: Some(hint),
    }
}

/// What to say where a stack has no containers.
pub(crate) fn no_containers(stack: &str) -> String {
    format!("project `{stack}` has no containers; is its name right?")
}

/// Refuses the number of a container that a service does not have.
pub(crate) fn no_such_number(service: &str, index: u32, found: &[ContainerSummary]) -> Failure {
    let own = found
        .iter()
        .filter(|one| self::service(one) == service && !is_one_off(one));
    let mut numbers: Vec<u32> = own.map(number).collect();
    numbers.sort_unstable();
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    Failure::Usage {
        message: format!("service `{service}` has no container {index}"),
        hint: Some(if numbers.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", numbers.join(", "))
        }),
    }
}
