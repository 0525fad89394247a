//! Holds the loader against what Docker Compose answered.
//!
//! A refusal has to name what the oracle names: `refusals.tsv` says for each case which kind of mistake and
//! which words that is. `differences.tsv` lists the cases in which we differ on purpose, with the reason, and
//! `quiet.tsv` the warnings that we leave out on purpose.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads its cases from their folders"
)]

mod command;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bowline_compose::{Caution, LoadError, Mistake};
use libtest_mimic::{Failed, Trial};
use serde_json::Value as Json;

/// What a case asks for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Case {
    #[serde(rename = "about")]
    _about: String,
    #[serde(rename = "points")]
    _points: Vec<String>,
    args: Vec<String>,
    config: Vec<String>,
    cwd: Option<String>,
    stdin: Option<String>,
    env: BTreeMap<String, String>,
}

/// What a refusal has to name.
#[derive(Clone, Debug)]
struct Refusal {
    kind: String,
    names: Vec<String>,
}

/// What is written about a case in the lists beside the cases.
#[derive(Debug, Default)]
struct Notes {
    refusal: Option<Refusal>,
    difference: Option<String>,
    quiet: Vec<String>,
}

/// The folder in which cases and lists of this crate stand.
pub(crate) fn own_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Fails before there are tests that could.
#[expect(
    clippy::print_stderr,
    reason = "a test program without a test has no other place to say why"
)]
pub(crate) fn complain(reason: &str) -> ExitCode {
    eprintln!("error: {reason}");
    ExitCode::FAILURE
}

/// One test for each folder in `cases`; `lists` is the folder of the lists about them.
///
/// # Errors
///
/// A folder that cannot be read or holds no cases, and a list that speaks of a case that does not exist.
pub(crate) fn trials(cases: &Path, lists: &Path) -> Result<Vec<Trial>, String> {
    let cases = fs::canonicalize(cases).map_err(|error| format!("{}: {error}", cases.display()))?;
    let mut notes: BTreeMap<String, Notes> = BTreeMap::new();
    for entry in fs::read_dir(&cases).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir()
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
        {
            notes.insert(name.to_owned(), Notes::default());
        }
    }
    if notes.is_empty() {
        return Err(format!("no cases in {}", cases.display()));
    }
    for list in [
        "refusals.tsv",
        "differences.tsv",
        "quiet.tsv",
        "command-line.tsv",
    ] {
        for row in table(&lists.join(list)) {
            let Some(about) = notes.get_mut(&row[0]) else {
                return Err(format!("`{list}` speaks of `{}`, which is no case", row[0]));
            };
            match list {
                "refusals.tsv" => {
                    about.refusal = Some(Refusal {
                        kind: row[1].clone(),
                        names: row[2..].to_vec(),
                    });
                }
                "differences.tsv" => about.difference = Some(row[1].clone()),
                "quiet.tsv" => about.quiet = row[1..].to_vec(),
                // What only the command line can answer is left to its own tests.
                _ => {
                    notes.remove(&row[0]);
                }
            }
        }
    }
    let trials = notes.into_iter().map(|(name, notes)| {
        let folder = cases.join(&name);
        Trial::test(name, move || run(&folder, &notes))
    });
    Ok(trials.collect())
}

fn table(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

fn run(folder: &Path, notes: &Notes) -> Result<(), Failed> {
    match (compare(folder, notes), &notes.difference) {
        (answer, None) => answer.map_err(Failed::from),
        (Err(_), Some(_)) => Ok(()),
        (Ok(()), Some(reason)) => {
            Err(format!("listed in `differences.tsv` ({reason}), but the answers agree").into())
        }
    }
}

fn compare(folder: &Path, notes: &Notes) -> Result<(), String> {
    let case = read_case(folder)?;
    let expected = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).ok();
        text.map(|text| place(folder, &text))
    };
    let answer = command::answer(folder, &case)?;
    if let Some(wanted) = expected("expected-warnings.txt") {
        let cautions = match &answer {
            Ok(answered) => answered
                .warnings
                .iter()
                .map(|warning| &warning.what)
                .collect(),
            Err(error) => error
                .warnings()
                .map(|warning| &warning.what)
                .collect::<Vec<_>>(),
        };
        warnings(&wanted, &cautions, notes)?;
    }
    match (answer, expected("expected-error.txt")) {
        (Ok(_), Some(wanted)) => Err(format!("accepted; the oracle says: {}", wanted.trim())),
        (Err(error), Some(wanted)) => names(&error, &wanted, notes),
        (Err(error), None) => Err(format!("refused:\n{}", short(&error.render(false)))),
        (Ok(answered), None) => match (expected("expected.json"), expected("expected.txt")) {
            (Some(wanted), _) => same_json(&wanted, &answered.text),
            (None, Some(wanted)) => same_lines(&wanted, &answered.text),
            (None, None) => Err("the case has no expectation".to_owned()),
        },
    }
}

/// Reads what a case asks for; one that does not say is a single file with all its profiles.
fn read_case(folder: &Path) -> Result<Case, String> {
    match fs::read_to_string(folder.join("case.toml")) {
        Ok(text) => toml::from_str(&text).map_err(|error| error.to_string()),
        Err(_) => Ok(Case {
            args: ["-f", "compose.yaml", "--profile", "*"]
                .map(str::to_owned)
                .to_vec(),
            ..Case::default()
        }),
    }
}

/// Puts the folder of the case where the expectation has a mark.
fn place(folder: &Path, text: &str) -> String {
    let project = folder.join("project");
    let parent = folder.parent().unwrap_or(folder);
    text.replace("@PARENT2@", &parent.to_string_lossy())
        .replace("@PARENT@", &folder.to_string_lossy())
        .replace("@DIR@", &project.to_string_lossy())
}

/// The most lines of a report on a failing case.
const LINES: usize = 12;

/// A text of which no more than its beginning is shown.
fn short(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    match lines.get(..LINES) {
        Some(first) if lines.len() > LINES => {
            format!(
                "{}\n… and {} more lines",
                first.join("\n"),
                lines.len() - LINES
            )
        }
        _ => lines.join("\n"),
    }
}

fn names(error: &LoadError, wanted: &str, notes: &Notes) -> Result<(), String> {
    let fits = |refusal: &Refusal| {
        error.problems().iter().any(|problem| {
            let text = format!("{}: {}", problem.path, problem.what);
            let names_all = refusal
                .names
                .iter()
                .all(|name| text.contains(name.as_str()));
            kind_of(&problem.what) == refusal.kind && names_all
        })
    };
    if notes.refusal.as_ref().is_some_and(fits) {
        return Ok(());
    }
    let mut report = match &notes.refusal {
        Some(refusal) => format!("wanted:   {} naming {:?}", refusal.kind, refusal.names),
        None => "wanted:   a row in `refusals.tsv` that says what has to be named".to_owned(),
    };
    let _ = write!(report, "\noracle:   {}", wanted.trim());
    for problem in error.problems() {
        let _ = write!(
            report,
            "\nanswered: {} at `{}`: {}",
            kind_of(&problem.what),
            problem.path,
            problem.what
        );
    }
    Err(short(&report))
}

/// The name of a kind of mistake: that of its variant.
fn kind_of(mistake: &Mistake) -> String {
    let text = format!("{mistake:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

/// Holds our warnings against those of the oracle: whatever it warns of, we do.
fn warnings(wanted: &str, cautions: &[&Caution], notes: &Notes) -> Result<(), String> {
    let mut missing = Vec::new();
    for line in wanted.lines() {
        let quoted = line.split('"').nth(1).unwrap_or_default();
        let covers = |caution: &&&Caution| match caution {
            Caution::UnsetVariable { name } => line.contains("is not set") && name == quoted,
            Caution::ObsoleteVersion => line.contains("`version` is obsolete"),
            Caution::BooleanWord { written, meant } => {
                line.contains("for boolean")
                    && written == quoted
                    && line.contains(&format!("`{meant}`"))
            }
            Caution::ExternalName => line.contains("external.name is deprecated"),
            Caution::SeveralFiles { names, chosen } => {
                names.iter().all(|name| line.contains(name.as_str()))
                    || line.starts_with("Using ") && line.ends_with(chosen.as_str())
            }
            _ => false,
        };
        let is_quiet = line.contains("is not set") && notes.quiet.iter().any(|name| name == quoted);
        match (cautions.iter().any(|caution| covers(&caution)), is_quiet) {
            (false, false) => missing.push(format!("no warning like: {line}")),
            (true, true) => missing.push(format!("listed in `quiet.tsv`, but given: {line}")),
            _ => {}
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing.join("\n"))
    }
}

fn same_lines(wanted: &str, answered: &str) -> Result<(), String> {
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let (wanted, answered) = (sorted(wanted), sorted(answered));
    let missing = wanted
        .iter()
        .filter(|line| !answered.contains(line))
        .map(|line| format!("- {line}"));
    let added = answered
        .iter()
        .filter(|line| !wanted.contains(line))
        .map(|line| format!("+ {line}"));
    let report: Vec<String> = missing.chain(added).collect();
    if wanted == answered {
        Ok(())
    } else {
        Err(short(&report.join("\n")))
    }
}

fn same_json(wanted: &str, answered: &str) -> Result<(), String> {
    let read = |text: &str| serde_json::from_str::<Json>(text).map_err(|error| error.to_string());
    let mut found = Vec::new();
    collect("", &read(wanted)?, &read(answered)?, &mut found);
    if found.is_empty() {
        Ok(())
    } else {
        Err(short(&found.join("\n")))
    }
}

/// Says where two answers differ.
fn collect(path: &str, expected: &Json, answered: &Json, found: &mut Vec<String>) {
    match (expected, answered) {
        (Json::Object(one), Json::Object(other)) => {
            for (key, value) in one {
                match other.get(key) {
                    Some(answered) => collect(&format!("{path}.{key}"), value, answered, found),
                    None => found.push(format!("{path}.{key}: missing; expected {value}")),
                }
            }
            found.extend(
                other
                    .iter()
                    .filter(|(key, _)| !one.contains_key(*key))
                    .map(|(key, value)| format!("{path}.{key}: not expected: {value}")),
            );
        }
        (Json::Array(one), Json::Array(other)) if one.len() == other.len() => {
            one.iter()
                .zip(other)
                .enumerate()
                .for_each(|(index, (one, other))| {
                    collect(&format!("{path}[{index}]"), one, other, found);
                });
        }
        (one, other) if one == other => {}
        (one, other) => found.push(format!("{path}: expected {one}, answered {other}")),
    }
}
