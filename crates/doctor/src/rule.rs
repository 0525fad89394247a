//! One table of everything that can be found, and what it takes to be sure of it.

use serde::Serialize;

use crate::finding::{Code, Confidence, Culprit, Evidence, Finding, Fix, RuledOut, Safety};
use crate::rules;
use crate::world::World;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// What an image holds.
    Image,
    /// How a service starts and ends.
    Startup,
    /// What it may use.
    Resource,
    /// Engine and host.
    Platform,
}

/// A rule: what it claims, and what has to be seen for it.
#[derive(Debug)]
pub struct Rule {
    /// Its code.
    pub code: Code,
    /// What it says, in a few words.
    pub title: &'static str,
    /// What it is about.
    pub layer: Layer,
    /// Everything that has to be seen to be certain.
    pub decisive: &'static [&'static str],
    /// What looks alike. To be certain each of them has to be ruled out by a fact.
    pub look_alikes: &'static [Code],
    pub(crate) find: fn(&World<'_>, &mut Vec<Case>),
}

/// All rules, by their codes.
pub const RULES: &[Rule] = &[
    rules::image::NO_SUCH_PROGRAM,
    rules::health::PROBE_CANNOT_RUN,
    rules::memory::LIMIT_REACHED,
    rules::memory::CHILD_KILLED,
    rules::ends::IGNORES_STOP,
    rules::ends::KILLED,
    rules::ends::ENDS_AND_RESTARTS,
];

/// A claim in the making: what was seen for it and against its look-alikes.
#[derive(Debug)]
pub(crate) struct Case {
    culprit: Culprit,
    claim: String,
    decisive: Vec<(&'static str, Evidence)>,
    ruled_out: Vec<RuledOut>,
    fix: Option<Fix>,
}

impl Case {
    pub(crate) fn new(culprit: Culprit, claim: String) -> Self {
        Self {
            culprit,
            claim,
            decisive: Vec::new(),
            ruled_out: Vec::new(),
            fix: None,
        }
    }

    /// What mends it.
    pub(crate) fn mended_by(mut self, text: impl Into<String>, safety: Safety) -> Self {
        self.fix = Some(Fix {
            text: text.into(),
            safety,
        });
        self
    }

    /// Something of the rule's `decisive` was seen; nothing, where it could not be looked at.
    pub(crate) fn decides(mut self, what: &'static str, evidence: Option<Evidence>) -> Self {
        self.decisive
            .extend(evidence.map(|evidence| (what, evidence)));
        self
    }

    /// A look-alike is ruled out by what was seen; it is not, where that could not be looked at.
    pub(crate) fn rules_out(mut self, code: Code, evidence: Option<Evidence>) -> Self {
        self.ruled_out
            .extend(evidence.map(|by| RuledOut { code, by }));
        self
    }
}

/// Applies every rule. Findings come by the order of their codes and their culprits.
pub(crate) fn findings(world: &World<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES {
        let mut cases = Vec::new();
        (rule.find)(world, &mut cases);
        findings.extend(cases.into_iter().map(|case| weighed(rule, case)));
    }
    findings.sort_by(|one, other| (one.code, &one.culprit).cmp(&(other.code, &other.culprit)));
    findings
}

/// How sure a case is follows from the table alone: no rule can claim more than was seen.
fn weighed(rule: &Rule, case: Case) -> Finding {
    let seen = |what: &&str| case.decisive.iter().any(|(name, _)| name == what);
    let excluded = |code: &Code| case.ruled_out.iter().any(|out| out.code == *code);
    let not_ruled_out: Vec<Code> = rule
        .look_alikes
        .iter()
        .filter(|code| !excluded(code))
        .copied()
        .collect();
    let confidence = if case.decisive.is_empty() {
        Confidence::Possible
    } else if rule.decisive.iter().all(seen) && not_ruled_out.is_empty() {
        Confidence::Certain
    } else {
        Confidence::Likely
    };
    let decisive = case.decisive.into_iter().map(|(_, evidence)| evidence);
    Finding {
        code: rule.code,
        confidence,
        culprit: case.culprit,
        claim: case.claim,
        evidence: decisive.collect(),
        ruled_out: case.ruled_out,
        not_ruled_out,
        fix: case.fix,
        affects: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_every_rule_says_what_decides_it() {
        let codes: BTreeSet<Code> = RULES.iter().map(|rule| rule.code).collect();
        assert_eq!(codes.len(), RULES.len());
        for rule in RULES {
            let number = rule.code.0.strip_prefix('D').expect("a code begins with D");
            assert!(
                number.len() == 3 && number.parse::<u32>().is_ok(),
                "{}",
                rule.code
            );
            assert!(!rule.decisive.is_empty(), "{}", rule.code);
            assert!(!rule.look_alikes.contains(&rule.code), "{}", rule.code);
        }
    }
}
