//! The texts of codes, and the page on runbooks, name nothing that does not exist.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the cases that the page names, and ends where one cannot be read"
)]

use std::collections::BTreeSet;
use std::path::Path;

const TEXTS: &str = include_str!("../src/codes.toml");
const PAGE: &str = include_str!("../../../docs/runbooks.md");
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../faults/cases");

/// The codes that are explained.
fn explained() -> BTreeSet<&'static str> {
    let heads = TEXTS.lines().filter_map(|line| line.strip_prefix('['));
    heads.filter_map(|head| head.strip_suffix(']')).collect()
}

/// Words that are one of these letters and a number, such as `D051` and `F001-2`.
fn numbered<'t>(text: &'t str, letters: &[char]) -> BTreeSet<&'t str> {
    let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '-');
    let is_one = |word: &&str| {
        let number = word.strip_prefix(letters).unwrap_or_default();
        number.starts_with(|it: char| it.is_ascii_digit())
            && number.chars().all(|it| it.is_ascii_digit() || it == '-')
    };
    words.filter(is_one).collect()
}

#[test]
fn no_text_sends_its_reader_to_a_code_that_is_not_explained() {
    let unknown: Vec<_> = numbered(TEXTS, &['D'])
        .difference(&explained())
        .copied()
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_page_on_runbooks_names_codes_that_are_explained_and_cases_that_are_there() {
    let codes = numbered(PAGE, &['D']);
    assert!(codes.len() > 50, "the page is read: {codes:?}");
    let unknown: Vec<_> = codes.difference(&explained()).copied().collect();
    assert!(unknown.is_empty(), "{unknown:?}");

    let cases = numbered(PAGE, &['C', 'F', 'X']);
    assert!(cases.len() > 50, "the page is read: {cases:?}");
    let missing: Vec<_> = cases
        .into_iter()
        .filter(|case| !Path::new(CASES).join(case).is_dir())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Nobody notices a page that still says "not proven" of what was proven since.
#[test]
fn the_page_on_runbooks_says_of_every_code_whether_a_case_proves_it() {
    let (entries, unproven) = PAGE
        .split_once("## Not proven yet")
        .expect("the page ends with what is not proven");
    let mut proven = BTreeSet::new();
    for case in std::fs::read_dir(CASES).unwrap() {
        let expected = std::fs::read_to_string(case.unwrap().path().join("expect.toml")).unwrap();
        let causes = expected
            .lines()
            .filter_map(|line| line.strip_prefix("code = "));
        proven.extend(causes.map(|code| code.trim_matches('"').to_owned()));
    }
    assert!(proven.len() > 100, "the cases are read: {proven:?}");
    let is_proven = |code: &&str| proven.contains(*code);

    let unknown: Vec<_> = numbered(entries, &['D'])
        .into_iter()
        .filter(|code| !is_proven(code))
        .collect();
    let listed = numbered(unproven, &['D']);
    let missing: Vec<_> = unknown
        .into_iter()
        .filter(|code| !listed.contains(code))
        .collect();
    assert!(
        missing.is_empty(),
        "not proven, and not in the list: {missing:?}"
    );

    // Of D018 a part is not proven; its row says which.
    let outdated: Vec<_> = listed
        .into_iter()
        .filter(|code| is_proven(code) && *code != "D018")
        .collect();
    assert!(outdated.is_empty(), "in the list, and proven: {outdated:?}");

    let lines = entries.lines().filter(|line| line.contains(": no case"));
    let outdated: Vec<_> = lines
        .filter_map(|line| line.rsplit('|').nth(1))
        .filter_map(|cell| cell.split(": no case").next())
        .flat_map(|cell| numbered(cell.rsplit(';').next().unwrap_or(cell), &['D']))
        .filter(is_proven)
        .collect();
    assert!(outdated.is_empty(), "said to have no case: {outdated:?}");
}
