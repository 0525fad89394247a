//! Backups that a service is to make at intervals, and does not.

use jiff::SignedDuration;

use crate::facts::{ContainerFact, FileFact};
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

/// What a service is told of its backups.
pub(crate) struct Plan<'f> {
    /// The folder that they are put into.
    pub(crate) folder: &'f str,
    /// The variable that says how often.
    key: &'f str,
    every: SignedDuration,
}

fn is_of_backups(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    BACKUPS.iter().any(|word| text.contains(word))
}

/// The backups that a service makes at intervals, as far as that is known: by its program or a variable, with one folder
/// that they can be meant for.
pub(crate) fn planned<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Plan<'f>> {
    let told = world.made(container)?;
    let image = told.image.rsplit('/').next().unwrap_or_default();
    let makes_them = is_of_backups(image)
        || told.command.iter().any(|word| is_of_backups(word))
        || told.environment.keys().any(|key| is_of_backups(key));
    if !makes_them {
        return None;
    }
    let (key, every) = told.environment.iter().find_map(|(key, value)| {
        let name = key.to_ascii_uppercase();
        let says_when = name.split('_').any(|word| INTERVALS.contains(&word));
        let every = interval(&name, value.as_deref().filter(|_| says_when)?)?;
        Some((key.as_str(), every))
    })?;
    let mounts = world.mounts(container)?.iter();
    let kept = mounts.filter(|mount| mount.writable && mount.kind != "tmpfs");
    let targets: Vec<&str> = kept.map(|mount| mount.target.as_str()).collect();
    let mut named = targets.iter().filter(|target| is_of_backups(target));
    let folder = match (named.next(), named.next(), targets.as_slice()) {
        (Some(one), None, _) => *one,
        (None, _, [only]) => *only,
        _ => return None,
    };
    Some(Plan { folder, key, every })
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
    let seconds = match unit.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "seconds" => 1,
        "m" | "min" | "mins" | "minutes" => 60,
        "h" | "hours" => 3600,
        "d" | "days" => 24 * 3600,
        _ if text != digits => return None,
        _ if count < SECONDS_FROM => 60,
        _ => 1,
    };
    Some(SignedDuration::from_secs(count.checked_mul(seconds)?))
}

fn not_made(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|it| world.runs(it)) {
        let found = planned(world, container);
        cases.extend(found.and_then(|plan| overdue(world, container, &plan)));
    }
}

/// The case of a service that has made no backup for too long, while it was there all the time.
fn overdue<'f>(world: &World<'f>, container: &'f ContainerFact, plan: &Plan<'_>) -> Option<Case> {
    let service = container.service.as_deref()?;
    let started = world.state(container)?.started?;
    let patience = plan.every.checked_mul(PATIENCE)?.checked_add(AT_LEAST)?;
    let is_late = |since| world.now().duration_since(since) > patience;
    let file = world.file(container, plan.folder)?;
    let there = file.there.as_ref()?;
    let what = match there.newest {
        Some(newest) if is_late(newest) => format!(
            "the newest in `{}` is of {}",
            plan.folder,
            newest.strftime("%Y-%m-%d %H:%M:%S")
        ),
        None if there.is_empty == Some(true) => format!("`{}` is empty", plan.folder),
        _ => return None,
    };
    if !is_late(started) {
        return None;
    }
    let claim = format!("`{service}` is to make backups, and makes none: {what}");
    let text = format!("variable `{}` says every {:#}", plan.key, plan.every);
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
            .decides("how old the newest is", Some(newest_is(file, &what)))
            .decides(
                "how often one is due",
                made(world, container, &text, "several are missing by now"),
            )
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
