//! What a program is told to use at most, beside what its container may.

use crate::edit::{Edit, Piece, Spot};
use crate::facts::ContainerFact;
use crate::finding::{Code, Evidence, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, made, reported};

use super::memory::{in_binary_units, limit, unsent_kill};

pub(crate) const CAP_ABOVE_LIMIT: Rule = Rule {
    code: Code("D043"),
    title: "it is told that it may use more memory than its container has",
    layer: Layer::Resource,
    decisive: &["the kernel's kill", "the limit", "its own cap"],
    look_alikes: &[Code("D032"), Code("D113"), Code("D114"), Code("D115")],
    yields: false,
    endangers_data: false,
    find: cap_above_limit,
};

/// What a program was told to use at most.
pub(super) struct Cap {
    bytes: i64,
    /// As it was written: `-Xmx512m`.
    text: String,
    /// The field that says it.
    field: String,
}

/// Options that give a size, and the bytes of what has no unit.
const OPTIONS: &[(&str, i64)] = &[
    ("-Xmx", 1),
    ("-XX:MaxHeapSize=", 1),
    ("--max-old-space-size=", MIB),
    ("--max_old_space_size=", MIB),
    ("--maxmemory=", 1),
    ("--innodb-buffer-pool-size=", 1),
    ("--innodb_buffer_pool_size=", 1),
    ("shared_buffers=", 8192),
];
/// Variables that are such a size as a whole.
const VARIABLES: &[(&str, i64)] = &[("GOMEMLIMIT", 1)];
const MIB: i64 = 1024 * 1024;

/// Reads `512m`, `2GiB`, `64MB` or a bare number in the given unit.
fn size(text: &str, unit: i64) -> Option<i64> {
    let digits = text.find(|character: char| !character.is_ascii_digit());
    let (number, rest) = text.split_at(digits.unwrap_or(text.len()));
    let factor = match rest.trim().to_ascii_lowercase().as_str() {
        "" => unit,
        "b" => 1,
        "k" | "kb" | "kib" => 1024,
        "m" | "mb" | "mib" => MIB,
        "g" | "gb" | "gib" => 1024 * MIB,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(factor)
}

/// The largest size that a program is told.
fn cap(container: &ContainerFact) -> Option<Cap> {
    let in_words = |words: &str, field: &str| {
        let words: Vec<&str> = words.split_whitespace().collect();
        // Redis takes its options as two words.
        let pairs = words.windows(2).filter(|pair| pair[0] == "--maxmemory");
        let pairs: Vec<String> = pairs
            .map(|pair| format!("{}={}", pair[0], pair[1]))
            .collect();
        let all = words
            .iter()
            .copied()
            .chain(pairs.iter().map(String::as_str));
        let caps = all.filter_map(|word| {
            let (option, unit) = OPTIONS
                .iter()
                .find(|(option, _)| word.starts_with(option))?;
            let bytes = size(&word[option.len()..], *unit)?;
            Some(Cap {
                bytes,
                text: word.to_owned(),
                field: field.to_owned(),
            })
        });
        caps.max_by_key(|cap| cap.bytes)
    };
    let command = in_words(&container.command.join(" "), "command");
    let told = container.environment.iter();
    let told = told.filter_map(|(key, value)| Some((key, value.as_deref()?)));
    let told = told.filter_map(|(key, value)| {
        let field = format!("environment.{key}");
        let whole = VARIABLES.iter().find(|(name, _)| key == name);
        match whole.and_then(|(_, unit)| size(value, *unit)) {
            Some(bytes) => Some(Cap {
                bytes,
                text: format!("{key}={value}"),
                field,
            }),
            None => in_words(value, &field),
        }
    });
    command.into_iter().chain(told).max_by_key(|cap| cap.bytes)
}

/// What a program is told to use at most, where its container has less; `None` also where nobody knows.
pub(super) fn cap_above<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Cap> {
    world.made(container)?;
    let bytes = world
        .limits(container)?
        .memory_bytes
        .filter(|bytes| *bytes > 0)?;
    cap(container).filter(|cap| cap.bytes >= bytes)
}

/// That a program is told of nothing that is more than its container has.
pub(super) fn no_cap_above<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
) -> Option<Evidence> {
    if cap_above(world, container).is_some() {
        return None;
    }
    let proves = "its own settings do not ask for more than the limit";
    made(world, container, "told of no size above its limit", proves)
}

/// What a Java program takes at once: never more than what it may take at most.
const TAKEN_AT_ONCE: &[&str] = &["-Xms", "-XX:InitialHeapSize=", "-XX:MinHeapSize="];

/// That a program is told three quarters of its container's limit, as a cap and as what it takes at once.
fn capped<'f>(world: &World<'f>, container: &'f ContainerFact, cap: &Cap) -> Vec<Edit> {
    let Some(limit) = world.limits(container).and_then(|it| it.memory_bytes) else {
        return Vec::new();
    };
    let words = match cap.field.strip_prefix("environment.") {
        Some(name) => match container.environment.get(name) {
            Some(Some(value)) => value.clone(),
            _ => String::new(),
        },
        None => container.command.join(" "),
    };
    let wanted = limit / 4 * 3;
    let too_much = words.split_whitespace().filter(|word| {
        let sizes = TAKEN_AT_ONCE.iter().map(|option| word.strip_prefix(option));
        let bytes = sizes.flatten().find_map(|text| size(text, 1));
        bytes.is_some_and(|bytes| bytes > wanted)
    });
    let lowered = std::iter::once(cap.text.as_str()).chain(too_much);
    lowered
        .filter_map(|word| {
            let (from, to) = lower(word, wanted / MIB)?;
            Some(Spot::field(container, &cap.field)?.replace(Piece::Word, from, to))
        })
        .collect()
}

/// A word with a size, or only the size where it can be told apart from the name, and what becomes of it.
fn lower(word: &str, mebibytes: i64) -> Option<(String, String)> {
    let name = ["-Xmx", "-Xms"].into_iter().find(|it| word.starts_with(it));
    let (name, size) = match name {
        Some(name) => (name, word.strip_prefix(name)?),
        // Two options with the same size differ only by their names.
        None if word.starts_with("-XX:") => word.split_at(word.find('=')? + 1),
        None => ("", word.rsplit('=').next()?),
    };
    let unit = size.trim_start_matches(|it: char| it.is_ascii_digit());
    let right = match unit.to_ascii_lowercase().as_str() {
        "" if word.contains("-space-size=") => mebibytes.to_string(),
        "m" | "mb" | "mib" => format!("{mebibytes}{unit}"),
        "g" => format!("{mebibytes}m"),
        "gb" => format!("{mebibytes}mb"),
        "gib" => format!("{mebibytes}MiB"),
        _ => return None,
    };
    Some((format!("{name}{size}"), format!("{name}{right}")))
}

fn cap_above_limit(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let life = world.last_life(container);
        let unsent = unsent_kill(&life);
        let is_for_memory =
            world.out_of_memory(container) == Some(true) || life.out_of_memory.is_some();
        let was_killed = is_for_memory || unsent.is_some();
        let Some(cap) = cap_above(world, container).filter(|_| was_killed) else {
            continue;
        };
        let Some((readable, limit)) = limit(world, container) else {
            continue;
        };
        let claim = format!(
            "`{}` lets it use {}, and its container has {readable}",
            cap.text,
            in_binary_units(cap.bytes)
        );
        let proves = "it takes what it was told it may";
        let told = made(world, container, &format!("told `{}`", cap.text), proves);
        let kill = life.out_of_memory;
        let kill = kill.map(|oom| reported(oom, "the kernel killed for want of memory"));
        // Of a kill that nobody reported nobody knows the reason: the cap may be right then.
        let lowered = if is_for_memory {
            capped(world, container, &cap)
        } else {
            Vec::new()
        };
        cases.push(
            Case::new(culprit(container, Some(&cap.field)), claim)
                .mended_by(
                    "tell it at most three quarters of the limit, or raise the limit (`mem_limit`); then `bowline up`",
                    Safety::Restart,
                )
                .by_edits(lowered)
                .decides("the kernel's kill", kill.clone())
                .decides("the limit", Some(limit))
                .decides("its own cap", told.clone())
                .rules_out(Code("D032"), told)
                .rules_out(Code("D113"), kill.clone())
                .rules_out(Code("D114"), kill.clone().or(unsent))
                .rules_out(Code("D115"), kill),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_a_size_are_lowered_as_they_are_written() {
        for (word, from, to) in [
            ("-Xmx1g", "-Xmx1g", "-Xmx300m"),
            ("-Xms512M", "-Xms512M", "-Xms300M"),
            (
                "-XX:MaxHeapSize=1g",
                "-XX:MaxHeapSize=1g",
                "-XX:MaxHeapSize=300m",
            ),
            ("--maxmemory=1gb", "1gb", "300mb"),
            ("--max-old-space-size=4096", "4096", "300"),
            ("GOMEMLIMIT=2GiB", "2GiB", "300MiB"),
        ] {
            let lowered = lower(word, 300);
            let lowered = lowered.as_ref().map(|(from, to)| (&**from, &**to));
            assert_eq!(lowered, Some((from, to)), "{word}");
        }
        assert_eq!(lower("-XX:MaxHeapSize=1073741824", 300), None);
    }

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        for (text, unit, bytes) in [
            ("512m", 1, Some(512 * MIB)),
            ("2GiB", 1, Some(2048 * MIB)),
            ("64MB", 8192, Some(64 * MIB)),
            ("300", MIB, Some(300 * MIB)),
            ("75%", 1, None),
            ("", 1, None),
        ] {
            assert_eq!(size(text, unit), bytes, "{text}");
        }
    }
}
