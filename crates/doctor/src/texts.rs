//! What `codes.toml` says of every code: the part of the table of rules that is written for people.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::finding::{Code, Safety};

/// What is said of a code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    /// How it comes about, how it shows, and how it is told from what looks alike.
    pub(crate) about: String,
    /// What has to be seen so that a look-alike is not the cause, by its code.
    #[serde(default)]
    pub(crate) look_alikes: BTreeMap<String, String>,
    /// What mends it, whatever a finding says in particular.
    #[serde(default)]
    pub(crate) fix: String,
    /// What mending it may cost, the usual first.
    #[serde(default)]
    pub(crate) safety: Vec<Safety>,
    /// How to keep it from coming again.
    pub(crate) prevention: String,
}

static TEXTS: LazyLock<BTreeMap<String, Text>> = LazyLock::new(|| {
    toml::from_str(include_str!("codes.toml"))
        .expect("the texts of codes are a part of the program")
});

/// What is said of a code; `None` for one that does not exist.
pub(crate) fn of(code: &str) -> Option<&'static Text> {
    TEXTS.get(code)
}

/// What is said of a code that exists.
pub(crate) fn of_known(code: Code) -> &'static Text {
    of(code.0).expect("every code has its texts")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::explain::codes;
    use crate::rule::RULES;

    #[test]
    fn every_code_is_explained_and_nothing_else_is() {
        let known: BTreeSet<String> = codes().iter().map(|(code, _)| code.to_string()).collect();
        let explained: BTreeSet<String> = TEXTS.keys().cloned().collect();
        assert_eq!(known, explained);
        for (code, text) in TEXTS.iter() {
            assert!(text.about.len() > 80, "{code} says too little");
            assert!(text.prevention.len() > 15, "{code} says too little");
        }
    }

    #[test]
    fn every_code_says_what_mends_it_and_what_that_may_cost() {
        for (code, text) in TEXTS.iter() {
            assert!(text.fix.len() > 15, "{code} says too little of its fix");
            assert!(text.fix.ends_with('.'), "{code}: {}", text.fix);
            assert!(!text.safety.is_empty(), "{code} says nothing of the cost");
            let once = |safety: &Safety| text.safety.iter().filter(|it| *it == safety).count() == 1;
            assert!(
                text.safety.iter().all(once),
                "{code} says the same cost twice"
            );
        }
    }

    #[test]
    fn every_look_alike_of_a_rule_is_a_code_and_says_what_excludes_it() {
        let codes: BTreeSet<&str> = codes().iter().map(|(code, _)| code.0).collect();
        for (code, text) in TEXTS.iter() {
            let rule = RULES.iter().find(|rule| rule.code.0 == code);
            let wanted = rule.into_iter().flat_map(|rule| rule.look_alikes);
            let wanted: BTreeSet<&str> = wanted.map(|code| code.0).collect();
            let told: BTreeSet<&str> = text.look_alikes.keys().map(String::as_str).collect();
            assert_eq!(told, wanted, "the look-alikes of {code}");
            assert!(told.is_subset(&codes), "{code}: {told:?}");
            for (other, excluded_by) in &text.look_alikes {
                assert!(
                    excluded_by.len() > 15,
                    "{code} says too little against {other}"
                );
            }
        }
    }
}
