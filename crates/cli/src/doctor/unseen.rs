//! What was not looked at, in as few lines as can be: one for all that has the same reason.

use std::collections::BTreeSet;

use bowline_ops::{Look, Unseen};

use super::text::plain;

/// How many containers are named; of more only their number is told.
const MOST_NAMES: usize = 3;

/// A line for each reason, in the order in which they first come.
pub(super) fn lines(unseen: &[Unseen]) -> Vec<String> {
    let mut groups: Vec<(Sort, String, Vec<&Unseen>)> = Vec::new();
    for one in unseen {
        let (sort, why) = (Sort::of(&one.look), general(one.cause.words()));
        let group = groups
            .iter_mut()
            .find(|(other, reason, _)| *other == sort && *reason == why);
        match group {
            Some((_, _, all)) => all.push(one),
            None => groups.push((sort, why, vec![one])),
        }
    }
    let groups = groups.into_iter();
    groups
        .map(|(sort, why, all)| {
            let first = all[0].cause.words();
            let is_one_reason = all.iter().all(|one| one.cause.words() == first);
            let why = if is_one_reason { first } else { &why };
            plain(&format!("{} ({why})", what(&sort, &all)))
        })
        .collect()
}

/// Of what sort a look is: those of one sort differ in the container or the path only.
#[derive(PartialEq)]
enum Sort {
    Log,
    Inside,
    Changes,
    File,
    Other(String),
}

impl Sort {
    fn of(look: &Look) -> Self {
        match look {
            Look::Log(_) => Self::Log,
            Look::Inside(_) => Self::Inside,
            Look::Changes(_) => Self::Changes,
            Look::File { .. } => Self::File,
            other => Self::Other(other.words()),
        }
    }
}

/// What was not looked at for one reason.
fn what(sort: &Sort, all: &[&Unseen]) -> String {
    let mut containers = BTreeSet::new();
    let mut paths = BTreeSet::new();
    for unseen in all {
        match &unseen.look {
            Look::Log(name) | Look::Inside(name) | Look::Changes(name) => {
                containers.insert(name.as_str());
            }
            Look::File { container, path } => {
                containers.insert(container.as_str());
                paths.insert(path.as_str());
            }
            _ => {}
        }
    }
    let names: Vec<&str> = containers.into_iter().collect();
    let whose = if names.len() > MOST_NAMES {
        format!("{} containers", names.len())
    } else {
        names.join(", ")
    };
    match sort {
        Sort::Log if names.len() == 1 => format!("log of {whose}"),
        Sort::Log => format!("logs of {whose}"),
        Sort::Inside => format!("processes and sockets of {whose}"),
        Sort::Changes => format!("what was changed in {whose}"),
        Sort::File => match Vec::from_iter(paths).as_slice() {
            [path] => format!("`{path}` in {whose}"),
            paths => format!("{} paths in {whose}", paths.len()),
        },
        Sort::Other(words) => words.clone(),
    }
}

/// A reason without the numbers and ids in it, by which those of several containers differ.
fn general(words: &str) -> String {
    let words = words.split(' ').map(|word| {
        if word.contains(|it: char| it.is_ascii_digit()) {
            "…"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use bowline_ops::WhyUnseen;

    use super::*;

    fn unseen(look: Look, why: &str) -> Unseen {
        let cause = WhyUnseen::Kernel(why.to_owned());
        Unseen { look, cause }
    }

    #[test]
    fn equal_reasons_are_one_line_and_others_stay_apart() {
        let denied = "no permission to see sockets of the container; run as root";
        let name = |number: usize| format!("shop-api-{number}");
        let mut all: Vec<Unseen> = (1..=23)
            .map(|number| unseen(Look::Inside(name(number)), denied))
            .collect();
        all.push(unseen(Look::Inside(name(24)), "its sockets cannot be read"));
        all.push(unseen(Look::Log(name(1)), denied));
        all.push(unseen(Look::Log(name(2)), denied));
        all.push(unseen(Look::Tries, "it does not run"));
        all.push(unseen(Look::Tries, "it does not run"));
        insta::assert_snapshot!(lines(&all).join("\n"), @r"
        processes and sockets of 23 containers (no permission to see sockets of the container; run as root)
        processes and sockets of shop-api-24 (its sockets cannot be read)
        logs of shop-api-1, shop-api-2 (no permission to see sockets of the container; run as root)
        names and addresses from within containers (it does not run)
        ");
    }

    #[test]
    fn reasons_that_differ_in_numbers_are_one_and_paths_are_counted() {
        let gone = |pid: u32| format!("process {pid} of this host is none of the container's");
        let file = |path: &str| Look::File {
            container: "shop-api-1".to_owned(),
            path: path.to_owned(),
        };
        let all = [
            unseen(file("/etc/a"), &gone(1)),
            unseen(file("/etc/b"), &gone(2)),
            unseen(Look::Drift, &gone(3)),
        ];
        insta::assert_snapshot!(lines(&all).join("\n"), @r"
        2 paths in shop-api-1 (process … of this host is none of the container's)
        what `bowline up` would change (process 3 of this host is none of the container's)
        ");
    }
}
