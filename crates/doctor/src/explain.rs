//! What a code means, at length.

use serde::Serialize;

use crate::finding::{Code, Safety};
use crate::lint::RISKS;
use crate::rule::{Layer, RULES, Rule};
use crate::texts::{self, Text};

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
    /// What has to be seen for it to be certain.
    pub decisive: &'static [&'static str],
    /// What looks alike and has to be ruled out.
    pub look_alikes: Vec<LookAlike>,
    /// What mends it in general; a finding says it in particular.
    pub fix: &'static str,
    /// What mending it may cost, the usual first.
    pub safety: &'static [Safety],
    /// The command that says whether it is there.
    pub verify: Vec<String>,
    /// How to keep it from coming again.
    pub prevention: &'static str,
}

/// A cause that looks like another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookAlike {
    /// Its code.
    pub code: Code,
    /// What it says, in a few words.
    pub title: &'static str,
    /// What has to be seen so that it is not the cause.
    pub excluded_by: &'static str,
}

/// Explains a code; `None` for one that does not exist.
pub fn explanation(code: &str) -> Option<Explanation> {
    let text = texts::of(code)?;
    if let Some(rule) = RULES.iter().find(|rule| rule.code.0 == code) {
        let look_alikes = rule.look_alikes.iter().map(|other| LookAlike {
            code: *other,
            title: title(*other),
            excluded_by: rule.excluded_by(*other),
        });
        return Some(Explanation {
            layer: Some(rule.layer),
            decisive: rule.decisive,
            look_alikes: look_alikes.collect(),
            verify: Rule::verify(rule.code),
            ..told(rule.code, rule.title, text)
        });
    }
    let (code, title) = RISKS.iter().find(|(known, _)| known.0 == code)?;
    Some(told(*code, title, text))
}

/// What the table says of a code, whether a cause or a risk.
fn told(code: Code, title: &'static str, text: &'static Text) -> Explanation {
    Explanation {
        code,
        title,
        layer: None,
        about: text.about.trim(),
        decisive: &[],
        look_alikes: Vec::new(),
        fix: &text.fix,
        safety: &text.safety,
        verify: ["bowline", "doctor", "--lint"].map(str::to_owned).to_vec(),
        prevention: text.prevention.trim(),
    }
}

fn title(code: Code) -> &'static str {
    let rule = RULES.iter().find(|rule| rule.code == code);
    rule.map_or("", |rule| rule.title)
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
    use super::*;

    #[test]
    fn an_explanation_says_what_excludes_each_look_alike_and_what_mending_costs() {
        let json = serde_json::to_value(explanation("D003").expect("it exists"));
        let json = json.expect("it is plain data");
        assert_eq!(json["look_alikes"][1]["code"], "D002");
        let by = "the server says so before it looks at any password";
        assert_eq!(json["look_alikes"][1]["excluded_by"], by);
        assert_eq!(json["safety"], serde_json::json!(["needs_you", "restart"]));
        let verify = serde_json::json!(["bowline", "doctor", "--only", "D003"]);
        assert_eq!(json["verify"], verify);
    }

    #[test]
    fn a_risk_has_a_fix_and_no_look_alikes() {
        let risk = explanation("D203").expect("it exists");
        assert!(risk.look_alikes.is_empty() && !risk.fix.is_empty());
        assert_eq!(risk.verify.join(" "), "bowline doctor --lint");
    }
}
