//! Every case of every recipe: what a log says, line by line, and that each pattern was seen to find something.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the cases are files beside the recipes, and a test that cannot read them fails"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bowline_model::mask_written;
use bowline_recipes::{Proof, Reading, Recipes, Said, Says};
use serde::Deserialize;

/// A log, or parts of one, as somebody saw it or documentation shows it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    proof: Proof,
    /// What wrote it, with its version; or where it is written.
    from: String,
    /// What was done so that it was written.
    done: String,
    /// Whether it is the log of a server that is well: it says nothing that a doctor would name.
    #[serde(default)]
    healthy: bool,
    log: Vec<Log>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    by: Writer,
    text: String,
    /// `LINE: WORD CAPTURE=VALUE …` for each line that says something, from 1.
    said: Vec<String>,
}

/// Whose log it is.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Writer {
    /// The server of the recipe in whose folder the case is.
    Server,
    /// A program of which nothing is known.
    Client,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes")
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Every case with the name of its recipe and its path.
fn cases() -> Vec<(String, String, Case)> {
    let mut cases = Vec::new();
    for recipe in folder(&root()) {
        for file in folder(&recipe.join("cases")) {
            let shown = format!("{}/cases/{}", name(&recipe), name(&file));
            let text = std::fs::read_to_string(&file).unwrap();
            let case = toml::from_str(&text).unwrap_or_else(|error| panic!("{shown}: {error}"));
            cases.push((name(&recipe), shown, case));
        }
    }
    cases
}

fn reading(recipe: &str, log: &Log) -> Reading<'static> {
    let recipes = Recipes::builtin();
    recipes.reading(match log.by {
        Writer::Server => Some(recipes.named(recipe).unwrap()),
        Writer::Client => None,
    })
}

fn read(recipe: &str, log: &Log) -> Vec<(usize, Said<'static>)> {
    let reading = reading(recipe, log);
    let numbered = log.text.lines().enumerate();
    let said = numbered.filter_map(|(number, line)| Some((number + 1, reading.line(line)?)));
    said.collect()
}

fn shown((number, said): &(usize, Said<'_>)) -> String {
    let mut text = format!("{number}: {}", said.says);
    for (capture, value) in &said.captures {
        write!(text, " {capture}={value}").unwrap();
    }
    text
}

#[test]
fn every_line_of_every_case_says_what_it_should_and_no_other_line_says_anything() {
    let mut wrong = String::new();
    for (recipe, file, case) in cases() {
        for log in &case.log {
            let said: Vec<String> = read(&recipe, log).iter().map(shown).collect();
            if said != log.said {
                writeln!(
                    wrong,
                    "{file}: it says\n{said:#?}\ninstead of\n{:#?}",
                    log.said
                )
                .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_is_masked_in_logs_takes_nothing_away_from_what_a_line_says() {
    for (recipe, file, case) in cases() {
        for log in case.log {
            let lines: Vec<String> = log.text.lines().map(mask_written).collect();
            let masked = Log {
                text: lines.join("\n"),
                ..log
            };
            let said: Vec<String> = read(&recipe, &masked).iter().map(shown).collect();
            assert_eq!(said, masked.said, "{file}");
        }
    }
}

#[test]
fn a_server_that_is_well_says_nothing_that_could_be_a_cause_whoever_it_is_taken_for() {
    for (recipe, file, case) in cases() {
        for log in case.log.iter().filter(|_| case.healthy) {
            let unknown = Log {
                by: Writer::Client,
                text: log.text.clone(),
                said: Vec::new(),
            };
            let taken_for_another = read(&recipe, &unknown);
            for (number, said) in read(&recipe, log).into_iter().chain(taken_for_another) {
                assert!(said.says.is_benign(), "{file}, line {number}: {said:?}");
            }
        }
    }
}

#[test]
fn every_pattern_finds_a_line_of_a_case_with_as_good_a_proof() {
    let mut found = BTreeSet::new();
    for (recipe, _, case) in cases() {
        for log in &case.log {
            for (_, said) in read(&recipe, log) {
                found.insert((
                    case.proof,
                    said.recipe,
                    said.pattern.line,
                    said.pattern.text.as_str(),
                ));
            }
        }
    }
    let mut missing = String::new();
    for recipe in Recipes::builtin().iter() {
        for line in &recipe.lines {
            for pattern in &line.patterns {
                let is_found = |proof| {
                    found.contains(&(
                        proof,
                        recipe.name.as_str(),
                        pattern.line,
                        pattern.text.as_str(),
                    ))
                };
                let is_proven = match line.proof {
                    Proof::Live => is_found(Proof::Live),
                    Proof::Documentation => {
                        line.source.is_some()
                            && (is_found(Proof::Live) || is_found(Proof::Documentation))
                    }
                    Proof::None => false,
                };
                if !is_proven {
                    let place = format!("{}/recipe.toml:{}", recipe.name, pattern.line);
                    writeln!(
                        missing,
                        "{place}: `{}` {:?}: {}",
                        line.says, line.proof, pattern.text
                    )
                    .unwrap();
                }
            }
        }
    }
    assert!(missing.is_empty(), "no case proves\n{missing}");
}

#[test]
fn every_word_is_said_by_a_line() {
    let said: BTreeSet<Says> = Recipes::builtin()
        .iter()
        .flat_map(|it| &it.lines)
        .map(|line| line.says)
        .collect();
    let unsaid: Vec<_> = Says::ALL
        .iter()
        .filter(|says| !said.contains(says))
        .collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}

#[test]
fn every_folder_is_a_recipe_and_every_server_has_cases_that_say_how_they_came_about() {
    let folders: BTreeSet<String> = folder(&root()).iter().map(|path| name(path)).collect();
    let known: BTreeSet<String> = Recipes::builtin()
        .iter()
        .map(|it| it.name.clone())
        .collect();
    assert_eq!(folders, known);
    for (_, file, case) in cases() {
        assert!(!case.from.is_empty() && !case.done.is_empty(), "{file}");
    }
}
