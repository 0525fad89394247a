//! Backups that a service is to make at intervals, and does not.

use bowline_model::HealthStatus;
use jiff::SignedDuration;

use crate::facts::{ContainerFact, FileFact, Mount, Probe};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, made, shown};

pub(crate) const NOT_MADE: Rule = Rule {
    code: Code("D063"),
    title: "backups are not being made",
    layer: Layer::Storage,
    decisive: &[
        "how old the newest is",
        "how often one is due",
        "since when it runs",
    ],
    look_alikes: &[],
    yields: true,
    endangers_data: false,
    find: not_made,
};

/// Words in the names of programs, variables and folders of those who make backups.
const BACKUPS: &[&str] = &["backup", "dump", "restic", "borg"];
/// Words in the names of variables that say how often.
const INTERVALS: &[&str] = &[
    "INTERVAL",
    "SCHEDULE",
    "CRON",
    "EVERY",
    "PERIOD",
    "FREQ",
    "FREQUENCY",
];
/// A number without a unit below this one is taken for minutes, from it on for seconds: some programs mean the one and some
/// the other, and nobody is to be alarmed too early.
const SECONDS_FROM: i64 = 3600;
/// How many intervals may go by without one: a backup takes its time, and one may fail.
const PATIENCE: i32 = 3;
/// What is waited for in any case.
const AT_LEAST: SignedDuration = SignedDuration::from_mins(2);
/// Where the unit is known, no more than this many intervals more.
const MORE: i32 = 10;
/// Words in the names of variables that say what is copied, and where to.
const SOURCES: &[&str] = &["SOURCE", "SRC", "FROM"];
const TARGETS: &[&str] = &["DESTINATION", "DEST", "DST", "TARGET", "TO"];
/// Ends of a healthcheck that did not even begin.
const NOT_RUN: &[i64] = &[-1, 126, 127];

/// What a service is told of its backups.
struct Plan<'f> {
    /// The folder that they are put into.
    folder: &'f str,
    /// What is copied, where that is told as a path.
    source: Option<&'f str>,
    /// The variable that says how often.
    key: &'f str,
    every: SignedDuration,
    /// Whether what says how often says of which unit.
    has_unit: bool,
}

impl Plan<'_> {
    /// How old the newest may be.
    fn patience(&self) -> Option<SignedDuration> {
        let more = self.every.checked_mul(MORE)?;
        let more = AT_LEAST.min(if self.has_unit { more } else { AT_LEAST });
        self.every.checked_mul(PATIENCE)?.checked_add(more)
    }
}

fn is_of_backups(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    BACKUPS.iter().any(|word| text.contains(word))
}

/// Whether a service makes backups, by its program or a variable.
fn makes_them(told: &ContainerFact) -> bool {
    let image = told.image.rsplit('/').next().unwrap_or_default();
    is_of_backups(image)
        || told.command.iter().any(|word| is_of_backups(word))
        || told.environment.keys().any(|key| is_of_backups(key))
}

/// The one folder of a service that its backups can be meant for.
fn folder<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<&'f str> {
    let mounts = world.mounts(container)?.iter();
    let kept = mounts.filter(|mount| mount.writable && mount.kind != "tmpfs");
    let targets: Vec<&str> = kept.map(|mount| mount.target.as_str()).collect();
    let mut named = targets.iter().filter(|target| is_of_backups(target));
    match (named.next(), named.next(), targets.as_slice()) {
        (Some(one), None, _) => Some(*one),
        (None, _, [only]) => Some(*only),
        _ => None,
    }
}

/// The path that a variable of a service names by one of these words, with what it is mounted from.
fn path_by<'f>(
    told: &'f ContainerFact,
    mounts: &'f [Mount],
    by: &[&str],
) -> Option<(&'f str, &'f Mount)> {
    let mut found = told.environment.iter().filter_map(|(key, value)| {
        let path = value.as_deref().filter(|value| value.starts_with('/'))?;
        let key = key.to_ascii_uppercase();
        let is_it = key.split('_').any(|word| by.contains(&word));
        let is_below = |mount: &&Mount| {
            let rest = path.strip_prefix(mount.target.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mount = mounts.iter().filter(is_below);
        let mount = mount.max_by_key(|mount| mount.target.len())?;
        is_it.then_some((path, mount))
    });
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

/// What a service copies from one volume into another, by its variables: the source, and the folder that it puts it into.
fn copies<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<(&'f str, &'f str)> {
    let told = world.made(container)?;
    let mounts = world.mounts(container)?;
    let (source, from) = path_by(told, mounts, SOURCES)?;
    let (target, to) = path_by(told, mounts, TARGETS)?;
    let is_kept = to.writable && to.kind != "tmpfs" && to.source != from.source;
    is_kept.then_some((source, target))
}

/// The backups that a service makes at intervals, as far as that is known: by its program or a variable, with one folder
/// that they can be meant for; or what it copies from one volume into another.
fn planned<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Plan<'f>> {
    let told = world.made(container)?;
    let copies = copies(world, container);
    if copies.is_none() && !makes_them(told) {
        return None;
    }
    let (key, every, has_unit) = told.environment.iter().find_map(|(key, value)| {
        let name = key.to_ascii_uppercase();
        let says_when = name.split('_').any(|word| INTERVALS.contains(&word));
        let value = value.as_deref().filter(|_| says_when)?;
        let every = interval(&name, value)?;
        Some((key.as_str(), every, has_unit(&name, value)))
    })?;
    Some(Plan {
        folder: copies
            .map(|(_, target)| target)
            .or_else(|| folder(world, container))?,
        source: copies.map(|(source, _)| source),
        key,
        every,
        has_unit,
    })
}

/// The paths that tell whether a service makes the backups that it is to make.
pub(crate) fn paths<'f>(world: &World<'f>, container: &'f ContainerFact) -> Vec<&'f str> {
    let plan = planned(world, container);
    let mut paths: Vec<&str> = plan.iter().map(|plan| plan.folder).collect();
    let source = plan.and_then(|plan| plan.source);
    paths.extend(
        source
            .into_iter()
            .flat_map(|source| [source, parent(source)]),
    );
    let makes_them = world.made(container).is_some_and(makes_them);
    paths.extend(folder(world, container).filter(|_| makes_them));
    paths
}

/// The folder that a path is in.
fn parent(path: &str) -> &str {
    let above = path.trim_end_matches('/').rsplit_once('/');
    above.map_or("", |(folder, _)| folder)
}

/// How many seconds a unit has.
fn unit_secs(unit: &str) -> Option<i64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "seconds" => 1,
        "m" | "min" | "mins" | "minutes" => 60,
        "h" | "hours" => 3600,
        "d" | "days" => 24 * 3600,
        _ => return None,
    })
}

/// Whether what says how often something is due says of which unit.
fn has_unit(name: &str, text: &str) -> bool {
    let is_number = text.trim().bytes().all(|it| it.is_ascii_digit());
    let last = name.rsplit('_').next().unwrap_or_default();
    !is_number || unit_secs(last).is_some()
}

/// How often something is due, by what a variable says: `6h`, `@daily`, five fields of cron, or a number whose unit its name
/// may tell. Of what can be read in two ways it is the longer one.
fn interval(name: &str, text: &str) -> Option<SignedDuration> {
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text.strip_prefix("@every ").unwrap_or(text).trim();
    let named = match text {
        "@hourly" => Some(1),
        "@daily" | "@midnight" => Some(24),
        "@weekly" => Some(7 * 24),
        "@monthly" => Some(31 * 24),
        _ => None,
    };
    if let Some(hours) = named {
        return Some(SignedDuration::from_hours(hours));
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if let [_, hour, day, "*", weekday] = fields.as_slice() {
        let hours = match (*day, *weekday, *hour) {
            ("*", "*", "*") => 1,
            ("*", "*", _) => 24,
            ("*", _, _) => 7 * 24,
            _ => 31 * 24,
        };
        return Some(SignedDuration::from_hours(hours));
    }
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let count: i64 = digits.parse().ok().filter(|count| *count > 0)?;
    let unit = match &text[digits.len()..] {
        "" => name.rsplit('_').next().unwrap_or_default(),
        unit => unit,
    };
    let seconds = match unit_secs(unit) {
        Some(seconds) => seconds,
        None if text != digits => return None,
        None if count < SECONDS_FROM => 60,
        None => 1,
    };
    Some(SignedDuration::from_secs(count.checked_mul(seconds)?))
}

fn not_made(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|it| world.runs(it)) {
        let found = planned(world, container);
        let overdue = found.and_then(|plan| overdue(world, container, &plan));
        cases.extend(overdue.or_else(|| by_own_check(world, container)));
    }
}

/// What is told of the newest in a folder.
fn newest_of(file: &FileFact) -> Option<String> {
    let there = file.there.as_ref()?;
    match there.newest {
        Some(newest) => Some(format!(
            "the newest in `{}` is of {}",
            file.path,
            newest.strftime("%Y-%m-%d %H:%M:%S")
        )),
        None => (there.is_empty == Some(true)).then(|| format!("`{}` is empty", file.path)),
    }
}

/// The case of a service that has made no backup for too long, while it was there all the time.
fn overdue<'f>(world: &World<'f>, container: &'f ContainerFact, plan: &Plan<'_>) -> Option<Case> {
    let started = world.state(container)?.started?;
    let patience = plan.patience()?;
    let is_late = |since| world.now().duration_since(since) > patience;
    let file = world.file(container, plan.folder)?;
    let what = newest_of(file)?;
    let newest = file.there.as_ref()?.newest;
    // Of what does not change there may be nothing to copy.
    let is_changed = plan.source.is_none_or(|source| {
        let at = |path| {
            let there = world.file(container, path)?.there.as_ref()?;
            there.newest.max(there.modified)
        };
        let changed = at(source).max(at(parent(source)));
        changed.is_some_and(|changed| {
            newest.is_none_or(|newest| changed.duration_since(newest) > patience)
        })
    });
    if newest.is_some_and(|newest| !is_late(newest)) || !is_late(started) || !is_changed {
        return None;
    }
    let text = format!("variable `{}` says every {:#}", plan.key, plan.every);
    let due = made(world, container, &text, "several are missing by now");
    let work = plan.source.map_or("make backups".to_owned(), |source| {
        format!("copy `{source}`")
    });
    case(world, container, &work, file, &what, due)
}

/// The case of a service whose own healthcheck looks into the folder of its backups, and fails since nothing comes into it.
fn by_own_check<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Case> {
    let told = world.made(container).filter(|told| makes_them(told))?;
    let folder = folder(world, container)?;
    let health = world.health(container)?;
    let is_failing = |probe: &&Probe| probe.exit_code != 0 && !NOT_RUN.contains(&probe.exit_code);
    let failing = health.probes.iter().rev().take_while(is_failing);
    let since = failing.last()?.at?;
    let test = health.test.get(1..)?.join(" ");
    let mut variables = told.environment.iter();
    let names_it = test.contains(folder)
        || variables.any(|(key, value)| {
            let is_it = value
                .as_deref()
                .is_some_and(|value| value.starts_with(folder));
            is_it && (test.contains(&format!("${key}")) || test.contains(&format!("${{{key}")))
        });
    let file = world.file(container, folder)?;
    let what = newest_of(file)?;
    let newest = file.there.as_ref()?.newest;
    let is_quiet = newest.is_none_or(|newest| newest < since);
    if health.verdict != Some(HealthStatus::Unhealthy) || !names_it || !is_quiet {
        return None;
    }
    let fact = FactRef::Health(container.name.clone());
    let verdict = format!("{}: unhealthy by `{test}`", container.name);
    let due = shown(fact, verdict, "by that one is due by now");
    case(world, container, "make backups", file, &what, Some(due))
}

/// The case of a service that does not do that work, since what it makes is missing.
fn case<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    work: &str,
    file: &FileFact,
    what: &str,
    due: Option<Evidence>,
) -> Option<Case> {
    let service = container.service.as_deref()?;
    let started = world.state(container)?.started?;
    let claim = format!("`{service}` is to {work}, and has not for too long: {what}");
    let runs = format!(
        "{}: running since {}",
        container.name,
        started.strftime("%Y-%m-%d %H:%M:%S")
    );
    let state = FactRef::State(container.name.clone());
    Some(
        Case::new(culprit(container, None), claim)
            .at_most(Confidence::Likely)
            .mended_by(
                format!(
                    "see what keeps it from that: `bowline logs {service}`; then make one by hand, and restore it once"
                ),
                Safety::NeedsYou,
            )
            .decides("how old the newest is", Some(newest_is(file, what)))
            .decides("how often one is due", due)
            .decides(
                "since when it runs",
                Some(shown(state, runs, "it was there when they were due")),
            ),
    )
}

fn newest_is(file: &FileFact, what: &str) -> Evidence {
    let fact = FactRef::File {
        container: file.container.clone(),
        path: file.path.clone(),
    };
    let text = format!("{}: {what}", file.container);
    shown(fact, text, "what is to be there by now is not")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_read_in_the_ways_in_which_people_write_one() {
        let of = |name: &str, text: &str| interval(name, text).map(|it| it.as_secs());
        assert_eq!(of("BACKUP_INTERVAL", "5"), Some(300));
        assert_eq!(of("BACKUP_INTERVAL_SECONDS", "5"), Some(5));
        assert_eq!(of("BACKUP_EVERY_HOURS", "24"), Some(24 * 3600));
        assert_eq!(of("DB_DUMP_FREQ", "1440"), Some(24 * 3600));
        assert!(has_unit("EVERY_SECONDS", "3") && has_unit("BACKUP_INTERVAL", "6h"));
        assert!(!has_unit("BACKUP_INTERVAL", "5"));
        let hours = |text: &str| of("SCHEDULE", text).map(|it| it / 3600);
        for (text, expected) in [
            ("3600", Some(1)),
            ("6h", Some(6)),
            ("\"@daily\"", Some(24)),
            ("@every 2h", Some(2)),
            ("0 3 * * *", Some(24)),
            ("*/5 * * * *", Some(1)),
            ("0 */6 * * *", Some(24)),
            ("0 3 * * 0", Some(7 * 24)),
            ("0 3 1 * *", Some(31 * 24)),
            ("1d", Some(24)),
            ("0", None),
            ("", None),
            ("nightly", None),
            ("a lot of time", None),
        ] {
            assert_eq!(hours(text), expected, "{text}");
        }
    }
}
