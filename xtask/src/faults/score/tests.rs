use serde_json::json;

use super::*;
use crate::faults::answer::Diagnosis;

fn expectation(text: &str) -> Expectation {
    toml::from_str(text).unwrap()
}

/// A password that differs from the volume's, which takes `api` with it.
fn fault() -> Expectation {
    expectation(
        "forbid = ['D002']\npairs = ['p']\n[[cause]]\ncode = 'D001'\nor = ['D005']\nat = 'db'\n\
         culprit = { kind = 'volume', name = 'data' }\nchain = [['data', 'api'], ['api', 'web']]\n\
         affects = ['api', 'web']\nfix_is_safe = false",
    )
}

fn control() -> Expectation {
    expectation("control = true")
}

fn named(code: &str, name: &str) -> serde_json::Value {
    json!({ "code": code, "confidence": "certain", "culprit": { "kind": "volume", "name": name } })
}

fn outcome(expectation: Expectation, causes: &[serde_json::Value]) -> Outcome {
    let diagnosis: Diagnosis = serde_json::from_value(json!({ "causes": causes })).unwrap();
    Outcome {
        id: "F001".to_owned(),
        project: "p".to_owned(),
        about: "a volume keeps another password".to_owned(),
        expectation,
        answer: Answer {
            diagnosis: Ok(diagnosis),
            took: Duration::from_secs(2),
        },
        guesses: vec![None, None, None],
        verified: Vec::new(),
        mended: None,
    }
}

fn unanswered(expectation: Expectation) -> Outcome {
    let mut outcome = outcome(expectation, &[]);
    outcome.answer.diagnosis = Err("no such verb".to_owned());
    outcome
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn the_first_cause_needs_code_and_culprit() {
    assert!(outcome(fault(), &[named("D001", "data")]).worth().top_1);
    assert!(outcome(fault(), &[named("D005", "p_data")]).worth().top_1);
    assert!(!outcome(fault(), &[named("D001", "other")]).worth().top_1);
    assert!(!outcome(fault(), &[named("D003", "data")]).worth().top_1);
    let second = [named("D003", "data"), named("D001", "data")];
    assert!(!outcome(fault(), &second).worth().top_1);
}

#[test]
fn a_missed_cause_makes_the_set_worth_nothing_and_a_false_one_halves_it() {
    assert!(close(
        outcome(fault(), &[named("D001", "data")]).worth().set,
        1.0
    ));
    let both = [named("D001", "data"), named("D003", "data")];
    assert!(close(outcome(fault(), &both).worth().set, 0.5));
    let mut two = fault();
    let mut other = two.cause[0].clone();
    other.culprit.name = "cache".to_owned();
    two.cause.push(other);
    assert!(close(
        outcome(two, &[named("D001", "data")]).worth().set,
        0.0
    ));
}

#[test]
fn the_chain_is_worth_the_share_of_its_links() {
    let mut cause = named("D001", "data");
    cause["chain"] = json!([["data", "api"], ["data", "web"]]);
    assert!(close(
        outcome(fault(), &[cause]).worth().chain.unwrap(),
        0.5
    ));
}

#[test]
fn affected_services_too_many_and_too_few_cost_alike() {
    let affecting = |services: &[&str]| {
        let mut cause = named("D001", "data");
        cause["affects"] = json!(services);
        outcome(fault(), &[cause]).worth().affects.unwrap()
    };
    assert!(close(affecting(&["web", "api"]), 1.0));
    assert!(close(affecting(&["api"]), 2.0 / 3.0));
    assert!(close(affecting(&["api", "db"]), 0.5));
}

#[test]
fn no_answer_is_a_miss_and_no_silence() {
    let scores = sum(&[
        unanswered(fault()),
        unanswered(control()),
        outcome(control(), &[]),
    ]);
    assert_eq!((scores.top_1.count, scores.top_1.all), (0, 1));
    assert_eq!((scores.silent.count, scores.silent.all), (1, 2));
    assert_eq!((scores.answered.count, scores.answered.all), (1, 3));
}

#[test]
fn no_answer_earns_nothing_and_what_cannot_be_missed_is_no_merit() {
    let scores = sum(&[unanswered(fault())]);
    for mean in [scores.set, scores.chain, scores.affects] {
        assert!(close(mean.share().unwrap(), 0.0));
    }
    let mut alone = fault();
    alone.cause[0].chain.clear();
    alone.cause[0].affects.clear();
    let scores = sum(&[outcome(alone, &[named("D001", "data")])]);
    assert_eq!((scores.chain.share(), scores.affects.share()), (None, None));
    assert!(close(scores.set.share().unwrap(), 1.0));
}

#[test]
fn a_pair_counts_only_when_every_member_is_right() {
    let right = || outcome(fault(), &[named("D001", "data")]);
    assert_eq!(sum(&[right(), right()]).pairs, Of { count: 1, all: 1 });
    assert_eq!(
        sum(&[right(), unanswered(fault())]).pairs,
        Of { count: 0, all: 1 }
    );
    assert_eq!(sum(&[right()]).pairs, Of::default());
}

#[test]
fn mistakes_are_counted_by_their_kind() {
    let mut wrong = named("D002", "data");
    wrong["fix"] = json!({ "text": "remove it", "command": ["rm"], "safety": "safe" });
    let scores = sum(&[outcome(fault(), &[wrong])]);
    assert_eq!(
        (
            scores.wrong_and_certain,
            scores.forbidden,
            scores.unsafe_fixes
        ),
        (1, 1, 1)
    );
    let scores = sum(&[outcome(control(), &[named("D001", "data")])]);
    assert_eq!((scores.wrong_and_certain, scores.silent.count), (1, 0));
}

#[test]
fn a_baseline_is_right_about_the_service_and_only_with_its_code_about_the_cause() {
    let mut one = outcome(fault(), &[]);
    one.guesses = vec![
        Some(Guess {
            service: "db".to_owned(),
            code: None,
        }),
        Some(Guess {
            service: "api".to_owned(),
            code: None,
        }),
        Some(Guess {
            service: "db".to_owned(),
            code: Some("D001".to_owned()),
        }),
    ];
    let baselines = sum(&[one]).baselines;
    let located: Vec<usize> = baselines
        .iter()
        .map(|scores| scores.located.count)
        .collect();
    let top_1: Vec<usize> = baselines.iter().map(|scores| scores.top_1.count).collect();
    assert_eq!((located, top_1), (vec![1, 0, 1], vec![0, 0, 1]));
}

#[test]
fn the_times_are_those_of_answers() {
    let mut slow = outcome(control(), &[]);
    slow.answer.took = Duration::from_secs(9);
    let mut none = unanswered(control());
    none.answer.took = Duration::from_mins(1);
    let scores = sum(&[outcome(control(), &[]), outcome(control(), &[]), slow, none]);
    assert_eq!(
        (scores.median, scores.worst),
        (Duration::from_secs(2), Duration::from_secs(9))
    );
}

#[test]
fn a_verdict_says_what_an_answer_amounts_to() {
    let two = || {
        let mut two = fault();
        let mut other = two.cause[0].clone();
        other.culprit.name = "cache".to_owned();
        two.cause.push(other);
        two
    };
    let mut unsure = outcome(fault(), &[]);
    if let Ok(diagnosis) = &mut unsure.answer.diagnosis {
        diagnosis.undetermined = true;
    }
    let right = [named("D001", "data")];
    let verdicts = [
        outcome(fault(), &right).verdict(),
        outcome(fault(), &[named("D002", "data")]).verdict(),
        outcome(two(), &right).verdict(),
        outcome(fault(), &[]).verdict(),
        unanswered(fault()).verdict(),
        unsure.verdict(),
        outcome(control(), &[]).verdict(),
        outcome(control(), &right).verdict(),
    ];
    let words = verdicts.map(Verdict::word);
    let expected = [
        "hit",
        "wrong",
        "wrong",
        "miss",
        "miss",
        "undetermined",
        "silent",
        "false alarm",
    ];
    assert_eq!(words, expected);
}

#[test]
fn of_several_causes_all_have_to_be_named() {
    let mut two = fault();
    let mut other = two.cause[0].clone();
    other.culprit.name = "cache".to_owned();
    two.cause.push(other);
    let both = [named("D001", "data"), named("D001", "cache")];
    let scores = sum(&[
        outcome(two.clone(), &both),
        outcome(two, &both[..1]),
        outcome(fault(), &both[..1]),
    ]);
    assert_eq!(scores.several, Of { count: 1, all: 2 });
    assert_eq!(scores.certain, Of { count: 4, all: 4 });
}

#[test]
fn a_verify_command_has_to_see_the_fault_and_that_it_is_gone() {
    let verified = |broken, healed| {
        let mut outcome = outcome(fault(), &[named("D001", "data")]);
        outcome.verified = vec![Verified { broken, healed }];
        let scores = sum(&[outcome]);
        (scores.verified.count, scores.verified_at_once.count)
    };
    assert_eq!(verified(Truth::AtOnce, None), (1, 1));
    assert_eq!(verified(Truth::AtOnce, Some(Truth::AtOnce)), (1, 1));
    assert_eq!(verified(Truth::Later, Some(Truth::AtOnce)), (1, 0));
    assert_eq!(verified(Truth::AtOnce, Some(Truth::Later)), (1, 0));
    assert_eq!(verified(Truth::AtOnce, Some(Truth::Never)), (0, 0));
    assert_eq!(verified(Truth::Never, None), (0, 0));
}

#[test]
fn only_cases_with_a_remedy_count_among_those_that_it_mends_and_safe_ones_once_more() {
    let mended = |mended| {
        let mut outcome = outcome(fault(), &[named("D001", "data")]);
        outcome.mended = mended;
        outcome
    };
    let done = |is_safe, why_not: Option<&str>| {
        mended(Some(Mended {
            is_safe,
            why_not: why_not.map(str::to_owned),
        }))
    };
    let scores = sum(&[
        mended(None),
        done(true, None),
        done(false, Some("the symptom is still there")),
    ]);
    assert_eq!(scores.mended, Of { count: 1, all: 2 });
    assert_eq!(scores.mended_safely, Of { count: 1, all: 1 });
}

#[test]
fn without_an_engine_nobody_guesses() {
    let mut replayed = outcome(fault(), &[named("D001", "data")]);
    replayed.guesses = Vec::new();
    assert!(sum(&[replayed]).baselines.is_empty());
}
