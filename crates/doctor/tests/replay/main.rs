//! What was seen in the cases of `faults/`, diagnosed again with single facts hidden: a claim that is certain has to
//! fall with each fact that it names, and nothing else may become certain in its place.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads the recordings that are kept, and ends where it cannot"
)]

mod by_hand;
#[path = "../recording/mod.rs"]
mod recording;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use bowline_doctor::{Code, Facts, RULES, diagnose, replay};
use flate2::read::GzDecoder;
use recording::{unfounded, untold_cost};

/// A recording that is kept, by the id of its case.
struct Kept {
    id: String,
    facts: Facts,
}

/// Every recording in `faults/recordings`, in the order of their cases.
fn kept() -> Vec<Kept> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../faults/recordings");
    let mut kept: Vec<Kept> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let mut text = String::new();
            GzDecoder::new(&*std::fs::read(&path).unwrap())
                .read_to_string(&mut text)
                .unwrap();
            let file: serde_json::Value = serde_json::from_str(&text).unwrap();
            Kept {
                id: name.strip_suffix(".json.gz").unwrap().to_owned(),
                facts: replay(&file["recording"].to_string()).unwrap(),
            }
        })
        .collect();
    kept.sort_by(|one, other| one.id.cmp(&other.id));
    kept
}

#[test]
fn what_is_certain_falls_with_each_fact_that_it_names_and_nothing_becomes_certain_in_its_place() {
    let wrong = |id: &str, facts: &Facts| {
        let wrong = unfounded(facts).into_iter();
        wrong.map(|it| format!("{id}: {it}")).collect::<Vec<_>>()
    };
    let by_hand = by_hand::all();
    let by_hand = by_hand
        .iter()
        .flat_map(|(code, _, facts)| wrong(code, facts));
    let kept = kept();
    let kept = kept.iter().flat_map(|it| wrong(&it.id, &it.facts));
    let wrong: Vec<String> = kept.chain(by_hand).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_no_case_shows_is_found_in_a_recording_by_hand_as_sure_as_its_lines_are_proven() {
    for (code, confidence, facts) in by_hand::all() {
        let found = diagnose(&facts).causes;
        let said = found.iter().map(|it| (it.code.0, it.confidence));
        let said: Vec<_> = said.collect();
        assert_eq!(said, [(code, confidence)], "{found:#?}");
    }
}

/// Codes that recordings by hand in other tests of this crate show, and the file.
const ELSEWHERE: [(&str, &str); 47] = [
    ("D005", "logins.rs"),
    ("D007", "documented.rs"),
    ("D008", "documented.rs"),
    ("D014", "programs/main.rs"),
    ("D018", "programs/main.rs"),
    ("D021", "documented.rs"),
    ("D024", "servers.rs"),
    ("D025", "programs/limits.rs"),
    ("D027", "servers.rs"),
    ("D029", "documented.rs"),
    ("D030", "documented.rs"),
    ("D044", "documented.rs"),
    ("D045", "networks.rs"),
    ("D046", "programs/main.rs"),
    ("D057", "servers.rs"),
    ("D058", "asked.rs"),
    ("D062", "config.rs"),
    ("D063", "documented.rs"),
    ("D065", "programs/main.rs"),
    ("D068", "servers.rs"),
    ("D069", "hostports.rs"),
    ("D077", "health.rs"),
    ("D078", "programs/main.rs"),
    ("D083", "health.rs"),
    ("D086", "documented.rs"),
    ("D087", "documented.rs"),
    ("D088", "health.rs"),
    ("D093", "config.rs"),
    ("D096", "config.rs"),
    ("D097", "config.rs"),
    ("D099", "health.rs"),
    ("D103", "networks.rs"),
    ("D104", "hostports.rs"),
    ("D108", "programs/limits.rs"),
    ("D110", "programs/limits.rs"),
    ("D111", "programs/limits.rs"),
    ("D116", "programs/limits.rs"),
    ("D119", "servers.rs"),
    ("D121", "networks.rs"),
    ("D128", "programs/main.rs"),
    ("D129", "servers.rs"),
    ("D130", "servers.rs"),
    ("D131", "servers.rs"),
    ("D143", "programs/limits.rs"),
    ("D144", "config.rs"),
    ("D145", "config.rs"),
    ("D146", "config.rs"),
];

#[test]
fn every_code_is_found_in_a_recording() {
    let kept = kept();
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for it in &kept {
        found.extend(diagnose(&it.facts).causes.iter().map(|cause| cause.code.0));
    }
    found.extend(by_hand::all().iter().map(|(code, ..)| *code));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (code, file) in ELSEWHERE {
        let text = std::fs::read_to_string(tests.join(file)).unwrap();
        assert!(
            text.contains(&format!("\"{code}\"")),
            "{file} has no {code}"
        );
        found.insert(code);
    }
    let missing = RULES.iter().map(|rule| rule.code.0);
    let missing: Vec<&str> = missing.filter(|code| !found.contains(code)).collect();
    assert!(
        missing.is_empty(),
        "neither a case of `faults/` nor a recording by hand finds {missing:?}"
    );
}

#[test]
fn what_mends_a_cause_costs_what_the_table_of_codes_says() {
    let by_hand = by_hand::all();
    let by_hand = by_hand.iter().map(|(_, _, facts)| diagnose(facts));
    let kept = kept();
    let kept = kept.iter().map(|it| diagnose(&it.facts));
    let mut mended = 0;
    for diagnosis in kept.chain(by_hand) {
        for cause in &diagnosis.causes {
            mended += usize::from(cause.fix.is_some());
            assert_eq!(untold_cost(cause), None);
        }
    }
    assert!(mended > 100, "{mended} causes are mended");
}

#[test]
fn at_least_forty_codes_have_a_remedy_and_a_recording_shows_each_that_the_guide_names() {
    let kept = kept();
    let by_hand = by_hand::all();
    let facts = kept.iter().map(|it| &it.facts);
    let facts = facts.chain(by_hand.iter().map(|(_, _, facts)| facts));
    let mut codes: BTreeSet<Code> = BTreeSet::new();
    for facts in facts {
        let causes = diagnose(facts).causes;
        let mended = causes.iter().filter(|cause| cause.has_remedy());
        codes.extend(mended.map(|cause| cause.code));
    }
    let guide = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/guide/when-it-fails.md"
    );
    let guide = std::fs::read_to_string(guide).unwrap();
    let (_, list) = guide.split_once("<!-- codes with a remedy -->").unwrap();
    let (list, _) = list.split_once("<!-- end -->").unwrap();
    let named = list.split(|it: char| !it.is_ascii_alphanumeric());
    let named: BTreeSet<&str> = named.filter(|word| word.starts_with('D')).collect();
    let found: BTreeSet<&str> = codes.iter().map(|code| code.0).collect();
    let unfounded: Vec<_> = named.difference(&found).collect();
    assert!(unfounded.is_empty(), "no recording shows {unfounded:?}");
    assert!(named.len() >= 40, "{}: {found:?}", found.len());
}
