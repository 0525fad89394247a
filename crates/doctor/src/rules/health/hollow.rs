//! Healthchecks that say nothing: they succeed whatever the service does, or fail for somebody else.

use bowline_model::HealthStatus;

use crate::facts::{AskedFact, ContainerFact, HealthFact, HttpAnswer};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::edges::Trouble;
use crate::world::{Target, World, culprit, listening, shown, spoken};

use super::address::{last_probe, written};
use super::asked::asked;
use super::parts;

pub(crate) const CONSTANT: Rule = Rule {
    code: Code("D074"),
    title: "the healthcheck always succeeds, whatever the service does",
    layer: Layer::Config,
    decisive: &["the test", "that it does not work"],
    look_alikes: &[Code("D099")],
    yields: false,
    endangers_data: false,
    find: constant,
};

pub(crate) const TOO_SHALLOW: Rule = Rule {
    code: Code("D099"),
    title: "the healthcheck succeeds although the answer says that the service is not ready",
    layer: Layer::Startup,
    decisive: &["the probe", "that it does not work"],
    look_alikes: &[Code("D074")],
    yields: false,
    endangers_data: false,
    find: too_shallow,
};

pub(crate) const ASKS_TOO_MUCH: Rule = Rule {
    code: Code("D088"),
    title: "unhealthy because its health answer includes something that it can do without",
    layer: Layer::Dependency,
    decisive: &[
        "the probe",
        "that it works otherwise",
        "that it is no dependency",
    ],
    look_alikes: &[Code("D010"), Code("D011")],
    yields: false,
    endangers_data: false,
    find: asks_too_much,
};

/// Programs that succeed whatever they are told.
const SUCCEED: &[&str] = &["true", ":", "echo", "printf"];

/// Whether a test succeeds whatever the service does: nothing in it can fail, or its end is ignored.
fn is_constant(test: &[String]) -> bool {
    let Some((kind, words)) = test.split_first() else {
        return false;
    };
    if kind == "CMD" {
        let is_shell = matches!(words, [shell, option, ..] if shell.ends_with("sh") && option.starts_with('-') && option.ends_with('c'));
        return match words {
            [_, option, line] if is_shell => is_constant_line(line, option.contains('e')),
            [program, ..] => succeeds(program),
            [] => false,
        };
    }
    words
        .first()
        .is_some_and(|line| is_constant_line(line, false))
}

/// Whether a shell's line succeeds whatever comes of what it runs. With `stops`, as by `set -e`, the first of its parts that
/// fails ends it.
fn is_constant_line(line: &str, stops: bool) -> bool {
    let parts = line.split([';', '\n']).map(str::trim);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let Some((last, before)) = parts.split_last() else {
        return false;
    };
    let stops = stops || before.iter().any(|part| stops_at_failure(part));
    let may_end = |part: &&str| {
        let is_set = part.split_whitespace().next() == Some("set");
        ends_early(part) || stops && !is_set && !cannot_fail(part)
    };
    cannot_fail(last) && !before.iter().any(may_end)
}

/// Whether one part of a line succeeds whatever comes of what it runs.
fn cannot_fail(part: &str) -> bool {
    // Of `a || b || c` only the last can fail the test; of `a && b` each.
    let last = part.rsplit("||").next().unwrap_or(part);
    let mut steps = last.split("&&").map(str::trim);
    steps.all(|step| {
        // The end of a pipe is that of its last program.
        let step = step.rsplit('|').next().unwrap_or(step);
        let mut words = step.split_whitespace();
        match (words.next(), words.next()) {
            (Some("exit"), code) => code == Some("0"),
            (Some(program), _) => succeeds(program),
            (None, _) => false,
        }
    })
}

/// The words of a part of a line, without what groups and quotes them.
fn words_of(part: &str) -> impl Iterator<Item = &str> {
    let words = part.split(|it: char| it.is_whitespace() || "|&(){}'\"`!".contains(it));
    words.filter(|word| !word.is_empty())
}

/// Whether a part of a line makes what comes after it end with the first failure: `set -e`.
fn stops_at_failure(part: &str) -> bool {
    let mut words = words_of(part);
    let is_option = |word: &str| word == "errexit" || word.starts_with('-') && word.contains('e');
    words.next() == Some("set") && words.any(is_option)
}

/// Whether a part of a line may end it with a failure before the others come: `a || exit 1`, `exec a`.
fn ends_early(part: &str) -> bool {
    let following = words_of(part).skip(1).map(Some).chain([None]);
    let mut words = words_of(part).zip(following);
    words.any(|(word, next)| match word {
        "exit" => next != Some("0"),
        "exec" => true,
        _ => false,
    })
}

fn succeeds(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    SUCCEED.contains(&name)
}

/// What shows that a service does not work although it runs: nobody can reach it, or it complains itself.
fn does_not_work(world: &World<'_>, container: &ContainerFact) -> Option<Evidence> {
    let service = container.service.as_deref()?;
    let is_stuck = world.edges().iter().any(|edge| {
        let is_it = matches!(&edge.target, Target::Service { name, .. } if *name == service);
        let stuck = || {
            matches!(
                world.trouble(edge),
                Some(Trouble::NeverListens | Trouble::Unanswered)
            )
        };
        is_it && !world.seems_well(edge.client) && stuck()
    });
    let promises = || {
        let ports = container.published.iter().map(|port| &port.container);
        ports
            .chain(&container.exposed)
            .any(|port| port.ends_with("/tcp"))
    };
    let is_old = container
        .started
        .is_none_or(|started| world.now().duration_since(started).as_secs() > 10);
    let is_deaf = world
        .open_ports(container)
        .is_some_and(|open| open.is_empty());
    let is_deaf = is_deaf && is_old && promises() && container.network_mode.is_none();
    if is_stuck || is_deaf {
        return listening(container, world, "nobody can be served there");
    }
    // Servers write down whoever they refused: that says nothing of themselves.
    if world.recipe(container).is_some() {
        return None;
    }
    let mut said = world.said(container).iter();
    let complaint = said.find(|said| said.is_fresh && !said.says.is_benign())?;
    world
        .complains(container)
        .then(|| spoken(container, complaint, "it does not do its work"))
}

fn constant(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| world.runs(one)) {
        let Some(health) = healthy(world, container).filter(|health| is_constant(&health.test))
        else {
            continue;
        };
        let Some(trouble) = does_not_work(world, container) else {
            continue;
        };
        let by_log = matches!(trouble.fact, FactRef::Log(_));
        let written = written(health);
        let says = format!("{}: healthy by `{written}`", container.name);
        let test = shown(
            FactRef::Health(container.name.clone()),
            says,
            "this test cannot fail",
        );
        let claim = format!(
            "it counts as healthy because `{written}` succeeds whatever it does, and it does not work"
        );
        let mut case = Case::new(culprit(container, Some("healthcheck")), claim)
            .mended_by(
                "let the healthcheck ask the service for something that only a working one can answer, then `bowline up`",
                Safety::Restart,
            )
            .decides("the test", Some(test.clone()))
            .decides("that it does not work", Some(trouble))
            .rules_out(Code("D099"), Some(test));
        if by_log {
            case = case.at_most(Confidence::Likely);
        }
        cases.push(case);
    }
}

fn healthy<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<&'f HealthFact> {
    let health = world.health(container);
    health.filter(|health| health.verdict == Some(HealthStatus::Healthy))
}

/// Words in the answer to a health question that say that not all is well.
const NOT_READY: &[&str] = &[
    "not ready",
    "not_ready",
    "notready",
    "unavailable",
    "unhealthy",
    "not healthy",
    "initializing",
    "starting up",
    "out_of_service",
];
/// What a field of JSON that is called after such a word says where there is none of it.
const DENIALS: &[&str] = &["false", "0", "no", "null", "[]"];
/// What a field of JSON that says how something is doing says then.
const DOWN: &[&str] = &[
    "down", "error", "fail", "failed", "failing", "false", "starting",
];
/// Names of such fields.
const STATES: &[&str] = &["status", "state", "health", "healthy", "ready", "ok"];

/// Whether what a probe printed says that the service is not ready.
fn says_not_ready(output: &str) -> bool {
    let output = output.to_lowercase();
    let flat: String = output
        .chars()
        .filter(|it| !it.is_whitespace() && *it != '"')
        .collect();
    // `"unavailable": false` says the opposite.
    let is_denied = |words: &str| {
        let words: String = words.split(' ').collect();
        let key = format!("{words}:");
        let mut values = flat.split(&key).skip(1);
        values.any(|value| {
            let value = value.split([',', '}', ';']).next().unwrap_or_default();
            DENIALS.contains(&value)
        })
    };
    let mut words = NOT_READY.iter();
    if words.any(|words| output.contains(words) && !is_denied(words)) {
        return true;
    }
    STATES.iter().any(|field| {
        let key = format!("{field}:");
        let mut values = flat.split(&key).skip(1);
        values.any(|value| {
            let value = value.split([',', '}', ']']).next().unwrap_or_default();
            DOWN.contains(&value)
        })
    })
}

fn too_shallow(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| world.runs(one)) {
        let Some(health) = healthy(world, container).filter(|health| !is_constant(&health.test))
        else {
            continue;
        };
        let last = health.probes.last().filter(|probe| probe.exit_code == 0);
        let is_printed = last.is_some_and(|probe| says_not_ready(&probe.output));
        let page = world
            .page(container)
            .filter(|(_, status, page)| (200..400).contains(status) && says_not_ready(&page.body));
        if !is_printed && page.is_none() {
            continue;
        }
        let service = container.service.as_deref();
        let client = world.sufferer(container);
        let trouble = does_not_work(world, container)
            .or_else(|| world.complaint_by(client?, "who asks it does not get what it wants"));
        let Some(trouble) = trouble else {
            continue;
        };
        let proves = "the test asks, and takes this answer for a good one";
        let probe = page.map_or_else(
            || last_probe(container, health, proves),
            |page| Some(as_evidence(page, proves)),
        );
        // What it printed may be of something else that the test runs.
        let is_sure = page.is_some() && is_about(world, container, client, &trouble);
        let at_most = if is_sure {
            Confidence::Certain
        } else {
            Confidence::Likely
        };
        let claim = "its healthcheck looks at nothing but whether there is an answer; the answer says that it is not ready";
        cases.push(
            Case::new(culprit(container, Some("healthcheck")), claim.to_owned())
                .between(service, client.and_then(|client| client.service.as_deref()))
                .mended_by(
                    "let the healthcheck look at what the answer says (`… | grep -q ready`), then `bowline up`",
                    Safety::Restart,
                )
                .at_most(at_most)
                .decides("the probe", probe.clone())
                .decides("that it does not work", Some(trouble))
                .rules_out(Code("D074"), probe),
        );
    }
}

/// A page as evidence.
fn as_evidence((asked, status, page): (&AskedFact, u16, &HttpAnswer), proves: &str) -> Evidence {
    asked.evidence(&format!("{status}, `{}`", page.body), proves)
}

/// Whether what shows that a service does not work is about that very service: it says so itself, or who dials it names it.
fn is_about(
    world: &World<'_>,
    container: &ContainerFact,
    client: Option<&ContainerFact>,
    trouble: &Evidence,
) -> bool {
    let FactRef::Log(speaker) = &trouble.fact else {
        return true;
    };
    let Some(client) = client.filter(|client| client.name == *speaker) else {
        return *speaker == container.name;
    };
    let names: Vec<&str> = world
        .edges()
        .iter()
        .filter(|edge| edge.client.name == client.name)
        .filter(|edge| {
            edge.service()
                .is_some_and(|(name, _)| Some(name) == container.service.as_deref())
        })
        .map(|edge| edge.host.name.as_str())
        .collect();
    let mut said = world.said(client).iter();
    said.any(|said| {
        said.is_fresh
            && said
                .capture("host")
                .is_some_and(|host| names.contains(&host))
    })
}

/// Services of the stack that a health answer speaks of as failing, while something else in it is well.
fn blamed<'f>(world: &World<'f>, output: &str) -> Vec<&'f str> {
    let output = output.to_lowercase();
    let flat: String = output
        .chars()
        .filter(|it| !it.is_whitespace() && *it != '"')
        .collect();
    let has_good = ["ok", "up", "true", "healthy", "pass"]
        .iter()
        .any(|word| flat.contains(&format!(":{word}")));
    let is_blamed = |name: &str| {
        let key = format!("{}:", name.to_lowercase());
        let mut parts = flat.split(&key).skip(1);
        parts.any(|rest| {
            let value = rest.trim_start_matches('{').trim_start_matches("status:");
            let value = value.split([',', '}', ']']).next().unwrap_or_default();
            DOWN.contains(&value) || NOT_READY.contains(&value)
        })
    };
    let services = world.declared_services().map(|(name, _)| name);
    services
        .filter(|name| has_good && is_blamed(name))
        .collect()
}

fn asks_too_much(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| world.runs(one)) {
        let Some(health) = world.health(container) else {
            continue;
        };
        let is_unhealthy = health.verdict == Some(HealthStatus::Unhealthy);
        let last = health
            .probes
            .last()
            .filter(|probe| is_unhealthy && probe.exit_code != 0);
        let (Some(last), Some(service)) = (last, container.service.as_deref()) else {
            continue;
        };
        let page = world
            .page(container)
            .filter(|(_, status, page)| *status >= 400 && !blamed(world, &page.body).is_empty());
        let printed = page.map_or(last.output.as_str(), |(_, _, page)| page.body.as_str());
        let port = asked(&health.test).and_then(|asked| asked.port);
        let listens = |port: u16| {
            let inside = world.inside(container)?;
            inside.listeners.iter().find(|one| one.port == port)
        };
        let works = port
            .and_then(listens)
            .and_then(|_| listening(container, world, "it takes calls"));
        let named = blamed(world, printed);
        let is_named = !named.is_empty();
        cases.extend(parts::unneeded(world, container, printed).filter(|_| !is_named));
        for needless in named {
            let declared = world.declared(service);
            let is_needed =
                declared.is_none_or(|declared| declared.depends_on.contains_key(needless));
            if is_needed || needless == service {
                continue;
            }
            let claim = format!(
                "it is unhealthy because its health answer includes `{needless}`, which it does not depend on by its files"
            );
            let text = format!("{service}: no `{needless}` under `depends_on`");
            let proves = "it answers, and only this part is not well";
            let probe = page.map_or_else(
                || last_probe(container, health, proves),
                |page| Some(as_evidence(page, proves)),
            );
            let at_most = page.map_or(Confidence::Likely, |_| Confidence::Certain);
            cases.push(
                Case::new(culprit(container, Some("healthcheck")), claim)
                    .between(Some(needless), Some(service))
                    .mended_by(
                        format!("ask for what `{service}` itself can do in its healthcheck; or start `{needless}` and write it under `depends_on`, then `bowline up`"),
                        Safety::NeedsYou,
                    )
                    .at_most(at_most)
                    .decides("the probe", probe.clone())
                    .decides("that it works otherwise", works.clone())
                    .decides("that it is no dependency", Some(shown(FactRef::Declared(service.to_owned()), text, "it was started without it")))
                    .rules_out(Code("D010"), works.clone())
                    .rules_out(Code("D011"), works.clone()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_cannot_fail_is_told_from_one_that_can() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<_>>()
        };
        for test in [
            &["CMD", "true"][..],
            &["CMD", "/bin/true"],
            &["CMD", "sh", "-c", "exit 0"],
            &["CMD-SHELL", "true"],
            &["CMD-SHELL", "exit 0"],
            &["CMD-SHELL", "echo ok"],
            &["CMD-SHELL", "curl -f http://localhost/ || true"],
            &["CMD-SHELL", "curl -f http://localhost/; exit 0"],
            &["CMD-SHELL", ":"],
            &["CMD-SHELL", "set -e; curl -f http://localhost/ || true"],
            &["CMD-SHELL", "curl -f http://localhost/; echo looked"],
        ] {
            assert!(is_constant(&words(test)), "{test:?}");
        }
        for test in [
            &["CMD", "curl", "-f", "http://localhost/"][..],
            &["CMD", "sh", "-c", "pg_isready && exit 0"],
            &["CMD-SHELL", "curl -f http://localhost/ || exit 1"],
            &["CMD-SHELL", "exit 1"],
            &["CMD-SHELL", "true && nc -z localhost 80"],
            &["CMD-SHELL", "echo ping | nc localhost 80"],
            &["CMD-SHELL", "curl -f http://localhost/ || exit 1; echo ok"],
            &["CMD-SHELL", "curl -f http://localhost/ || exit; exit 0"],
            &[
                "CMD-SHELL",
                "if ! nc -z localhost 80; then exit 1; fi; echo ok",
            ],
            &["CMD-SHELL", "set -e; curl -f http://localhost/; echo ok"],
            &["CMD-SHELL", "set -o errexit\nnc -z localhost 80\ntrue"],
            &["CMD", "sh", "-ec", "nc -z localhost 80; true"],
            &["CMD-SHELL", "nc -z localhost 80; exit"],
            &["CMD-SHELL", "exec nc -z localhost 80; true"],
            &["CMD-SHELL", ""],
        ] {
            assert!(!is_constant(&words(test)), "{test:?}");
        }
    }

    #[test]
    fn an_answer_that_says_not_ready_is_told_from_a_good_one() {
        for answer in [
            "Ingester not ready: waiting",
            r#"{"status":"DOWN"}"#,
            r#"{"ready": false}"#,
            "503 Service Unavailable",
        ] {
            assert!(says_not_ready(answer), "{answer}");
        }
        for answer in [
            "ok",
            "ready",
            r#"{"status":"UP"}"#,
            r#"{"errors": 0, "status": "ok"}"#,
            r#"{"status": "ok", "unavailable": false, "not ready": []}"#,
            "",
        ] {
            assert!(!says_not_ready(answer), "{answer}");
        }
    }
}
