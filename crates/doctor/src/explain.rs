//! What a code means, at length.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::finding::Code;
use crate::lint::RISKS;
use crate::rule::{Layer, RULES};

/// What a code means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The code.
    pub code: Code,
    /// What it says, in a few words.
    pub title: &'static str,
    /// What it is about; `None` for a risk.
    pub layer: Option<Layer>,
    /// How it comes about, how it shows, and how it is told from what looks alike.
    pub about: &'static str,
    /// How to keep it from coming again.
    pub prevention: &'static str,
    /// What has to be seen for it to be certain.
    pub decisive: &'static [&'static str],
    /// What looks alike and has to be ruled out, with what that says.
    pub look_alikes: Vec<(Code, &'static str)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    about: String,
    prevention: String,
}

static TEXTS: LazyLock<BTreeMap<String, Text>> = LazyLock::new(|| {
    toml::from_str(include_str!("codes.toml"))
        .expect("the texts of codes are a part of the program")
});

/// Explains a code; `None` for one that does not exist.
pub fn explanation(code: &str) -> Option<Explanation> {
    let text = TEXTS.get(code);
    let about = text.map_or("", |text| text.about.trim());
    let prevention = text.map_or("", |text| text.prevention.trim());
    if let Some(rule) = RULES.iter().find(|rule| rule.code.0 == code) {
        let title = |code: &Code| {
            RULES
                .iter()
                .find(|rule| rule.code == *code)
                .map(|rule| rule.title)
        };
        let look_alikes = rule.look_alikes.iter();
        return Some(Explanation {
            code: rule.code,
            title: rule.title,
            layer: Some(rule.layer),
            about,
            prevention,
            decisive: rule.decisive,
            look_alikes: look_alikes
                .map(|code| (*code, title(code).unwrap_or_default()))
                .collect(),
        });
    }
    let (code, title) = RISKS.iter().find(|(known, _)| known.0 == code)?;
    Some(Explanation {
        code: *code,
        title,
        layer: None,
        about,
        prevention,
        decisive: &[],
        look_alikes: Vec::new(),
    })
}

/// Every code with what it says in a few words, in their order: causes and risks.
pub fn codes() -> Vec<(Code, &'static str)> {
    let causes = RULES.iter().map(|rule| (rule.code, rule.title));
    let mut codes: Vec<_> = causes.chain(RISKS.iter().copied()).collect();
    codes.sort_unstable();
    codes.dedup_by_key(|(code, _)| *code);
    codes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
}
