//! Healthchecks that give up before their service is there, or never.

use bowline_model::HealthStatus;
use bowline_recipes::Says;
use jiff::{SignedDuration, Timestamp};

use crate::facts::{ContainerFact, HealthFact, Probe};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, listening, noted, reported, shown, spoken};

use super::address::{Failed, failed, last_probe};
use super::did_not_run;
use crate::rules::jobs::is_held_by_a_job;
use crate::rules::reach::waits_for;

pub(crate) const GIVES_UP_TOO_SOON: Rule = Rule {
    code: Code("D010"),
    title: "needs longer to start than its healthcheck allows",
    layer: Layer::Startup,
    decisive: &[
        "the verdict",
        "the success that came later",
        "who was given up",
    ],
    look_alikes: &[Code("D011"), Code("D017")],
    yields: false,
    endangers_data: false,
    find: gives_up_too_soon,
};

pub(crate) const NEVER_DECIDES: Rule = Rule {
    code: Code("D077"),
    title: "others wait for a healthcheck that neither succeeds nor gives up",
    layer: Layer::Startup,
    decisive: &["the probe", "who waits"],
    look_alikes: &[Code("D083")],
    yields: true,
    endangers_data: false,
    find: never_decides,
};

/// How long nobody wonders that something is not ready yet, in seconds.
const PATIENCE: i64 = 30;
/// How old something that has never been healthy may be to count as still starting, in seconds.
const STARTING: i64 = 120;

/// How long a healthcheck lets its service take, in seconds.
fn allowed(health: &HealthFact) -> f64 {
    health.start_period_secs + health.interval_secs * f64::from(health.retries)
}

/// When the engine has given up at the latest on a service that never answered, in seconds after its start.
fn at_most(health: &HealthFact) -> f64 {
    allowed(health) + health.timeout_secs * f64::from(health.retries)
}

fn gives_up_too_soon(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| world.runs(one)) {
        let Some(health) = world.health(container) else {
            continue;
        };
        cases.extend(match health.verdict {
            Some(HealthStatus::Healthy) => came_later(world, container, health),
            Some(HealthStatus::Unhealthy) => still_starts(world, container, health),
            _ => None,
        });
    }
}

const MORE_TIME: &str =
    "give it more time with `start_period` under `healthcheck`, and leave `retries` as it is";

fn case(container: &ContainerFact, claim: String) -> Case {
    Case::new(culprit(container, Some("healthcheck")), claim)
        .mended_by(format!("{MORE_TIME}, then `bowline up`"), Safety::Restart)
}

/// When a run of a container was given up: by the engine, or by the operation that waited for it.
fn given_up(world: &World<'_>, container: &ContainerFact) -> Option<(Timestamp, Evidence)> {
    let verdicts = world.verdicts(container);
    let unhealthy = verdicts.iter().find(|(_, word)| *word == "unhealthy");
    if let Some((event, _)) = unhealthy {
        return Some((event.at, reported(event, "its time was over")));
    }
    let mut steps = world.not_done();
    let wait = steps.find(|step| step.is_wait && step.service == container.service)?;
    let at = wait.at?;
    let is_of_this_run = container.started.is_none_or(|started| at > started);
    is_of_this_run.then(|| (at, noted(wait, "its time was over")))
}

/// It is healthy by now, and those that waited were given up before.
fn came_later(world: &World<'_>, container: &ContainerFact, health: &HealthFact) -> Option<Case> {
    let service = container.service.as_deref()?;
    let mut waiting = world.waits_for_health(service);
    waiting.retain(|(name, _)| !is_held_by_a_job(world, name));
    let (first, _) = waiting.first()?;
    let verdict = given_up(world, container);
    let success = health.probes.iter().find(|probe| probe.exit_code == 0)?;
    // Without a verdict an `up` may be on its way to those that wait.
    let is_old = success
        .at
        .is_none_or(|at| world.now().duration_since(at).as_secs() > 5);
    let has_failed = health.probes.iter().any(|probe| probe.exit_code != 0);
    let took = success.at.zip(container.started);
    let took = took.map(|(at, started)| at.duration_since(started).as_secs_f64());
    let is_late = took.is_some_and(|took| took > at_most(health));
    if verdict.is_none() && !(has_failed && (is_old || is_late)) {
        return None;
    }
    let claim = format!(
        "its healthcheck gives it {} s, and it needed longer: it is healthy by now, and `{first}` was given up before",
        allowed(health)
    );
    let mut later = last_probe(container, health, "the same test succeeds now");
    if let Some(later) = &mut later {
        later.at = success.at.or(later.at);
    }
    let mut case = case(container, claim)
        .mended_by(
            format!("start `{first}` now that it is healthy: `bowline up`; to keep it from happening again, {MORE_TIME}"),
            Safety::Safe,
        )
        .by_command(["bowline", "up"])
        .decides("the verdict", verdict.map(|(_, evidence)| evidence))
        .decides("the success that came later", later.clone())
        .rules_out(Code("D011"), later.clone())
        .rules_out(Code("D017"), later);
    for (name, evidence) in waiting {
        case = case
            .between(Some(service), Some(name))
            .decides("who was given up", Some(evidence));
    }
    Some(case)
}

/// It is unhealthy, and all that can be seen says that it is still on its way.
fn still_starts(world: &World<'_>, container: &ContainerFact, health: &HealthFact) -> Option<Case> {
    let failed = failed(world);
    let failed = failed
        .iter()
        .find(|failed| failed.container.name == container.name);
    // Somebody listens where the probe asks, or it is up elsewhere: then time is not what it lacks.
    let is_up =
        |failed: &&Failed<'_>| !failed.there.is_empty() || failed.other_port(world).is_some();
    if failed.as_ref().is_some_and(is_up) {
        return None;
    }
    // One that waits for another is not slow itself.
    if waits_for(world, container).is_some() {
        return None;
    }
    let says = [Says::StartingUp, Says::Recovering];
    let starting = says.iter().find_map(|says| world.says(container, *says));
    let is_silent =
        failed.is_some() && !world.complains(container) && is_starting(world, container);
    if starting.is_none() && !is_silent {
        return None;
    }
    let claim = format!(
        "its healthcheck gave up after {} s, and it is still starting",
        allowed(health)
    );
    let probe = last_probe(container, health, "it did not answer in its time");
    let nobody = failed.and_then(|_| listening(container, world, "nobody listens there yet"));
    let on_its_way =
        starting.map(|said| spoken(container, said, "it says itself that it is not ready"));
    Some(
        case(container, claim)
            .at_most(Confidence::Likely)
            .decides("the verdict", probe.clone())
            .decides("the success that came later", on_its_way)
            .rules_out(Code("D011"), nobody)
            .rules_out(Code("D017"), probe.filter(|_| failed.is_some())),
    )
}

/// Whether it runs for the first time, and not for long.
fn is_starting(world: &World<'_>, container: &ContainerFact) -> bool {
    let age = container
        .started
        .map(|started| world.now().duration_since(started).as_secs());
    container.restarts == 0 && age.is_some_and(|age| age < STARTING)
}

/// Probes one after another that took all of their time, of a service that listens: that is more than a slow start.
const HANGING: usize = 2;

/// Whether every probe of one that listens has taken all of its time and came to nothing, and it will be long before the
/// engine says so.
fn hangs(world: &World<'_>, container: &ContainerFact, health: &HealthFact) -> bool {
    let hung = |probe: &Probe| probe.exit_code == -1 && !did_not_run(probe);
    let age = container.started.map(|at| world.now().duration_since(at));
    let is_long_until_then = age.is_some_and(|age| {
        let ends = SignedDuration::try_from_secs_f64(health.start_period_secs);
        ends.is_ok_and(|ends| ends.saturating_sub(age) > SignedDuration::from_secs(PATIENCE))
    });
    let listens = world
        .open_ports(container)
        .is_some_and(|open| !open.is_empty());
    health.probes.len() >= HANGING
        && health.probes.iter().all(hung)
        && is_long_until_then
        && listens
}

fn never_decides(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| world.runs(one)) {
        let (Some(health), Some(service)) = (world.health(container), container.service.as_deref())
        else {
            continue;
        };
        let age = container
            .started
            .map(|started| world.now().duration_since(started).as_secs());
        let is_late = age.is_some_and(|age| age > PATIENCE);
        let is_long = is_late || hangs(world, container, health);
        let fails = health
            .probes
            .last()
            .is_some_and(|probe| probe.exit_code != 0);
        let waiting = world.waits_for_health(service);
        if health.verdict != Some(HealthStatus::Starting)
            || !fails
            || !is_long
            || waiting.is_empty()
        {
            continue;
        }
        let claim = format!(
            "its healthcheck has failed for {} s, and its `start_period` of {} s keeps it from saying so",
            age.unwrap_or_default(),
            health.start_period_secs
        );
        let probe = last_probe(container, health, "it runs, and fails");
        let sure = if is_late {
            Confidence::Certain
        } else {
            // It may take calls before it has an answer for them.
            Confidence::Likely
        };
        let mut case = Case::new(culprit(container, Some("healthcheck")), claim)
            .at_most(sure)
            .mended_by(
                format!("see why the probe fails: `bowline logs {service}`; a shorter `start_period` says it sooner"),
                Safety::NeedsYou,
            )
            .decides("the probe", probe.clone())
            .rules_out(Code("D083"), probe);
        for (name, evidence) in waiting {
            case = case
                .between(Some(service), Some(name))
                .decides("who waits", Some(evidence));
        }
        cases.push(case);
    }
}

pub(crate) const NEVER_PROBED: Rule = Rule {
    code: Code("D083"),
    title: "the engine never runs its healthcheck",
    layer: Layer::Platform,
    decisive: &["that no probe was made", "that it runs"],
    look_alikes: &[Code("D010")],
    yields: false,
    endangers_data: false,
    find: never_probed,
};

fn never_probed(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| world.runs(one)) {
        let (Some(health), Some(started)) = (world.health(container), container.started) else {
            continue;
        };
        let age = world.now().duration_since(started).as_secs_f64();
        // The first probe is made one interval after the start, and told when it is over.
        let due = health.interval_secs + health.timeout_secs + 10.0;
        let is_undecided = health.verdict == Some(HealthStatus::Starting);
        if !is_undecided || !health.probes.is_empty() || health.failing_streak > 0 || age < due {
            continue;
        }
        let text = format!(
            "{}: still starting, and no probe in {age:.0} s, where one is due every {} s",
            container.name, health.interval_secs
        );
        let none = shown(
            FactRef::Health(container.name.clone()),
            text,
            "nobody asks it",
        );
        let runs = world.state(container).map(|_| {
            let text = format!(
                "{}: running since {}",
                container.name,
                started.strftime("%H:%M:%S")
            );
            shown(
                FactRef::State(container.name.clone()),
                text,
                "there was time enough for it",
            )
        });
        let claim =
            "the engine has not run its healthcheck once, so it stays at `starting` for ever";
        cases.push(
            Case::new(culprit(container, Some("healthcheck")), claim.to_owned())
                .mended_by(
                    format!(
                        "let the engine run it: Podman needs systemd's timers for that (`podman healthcheck run {}` runs it once)",
                        container.name
                    ),
                    Safety::NeedsYou,
                )
                .decides("that no probe was made", Some(none.clone()))
                .decides("that it runs", runs)
                .rules_out(Code("D010"), Some(none)),
        );
    }
}
