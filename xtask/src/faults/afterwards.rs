//! After the diagnosis: do its verify commands tell the truth, and do its remedies make the stack well?

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::actions::Stack;
use super::answer::{Named, WELL};
use super::case::{Injection, Symptom};
use super::look::Look;
use super::score::Truth;
use super::symptom;

/// A stack that was diagnosed.
pub(crate) struct Afterwards<'a> {
    pub(crate) injection: &'a Injection,
    pub(crate) stack: &'a Stack<'a>,
    pub(crate) look: &'a Look<'a>,
    /// How many faults there are in it.
    pub(crate) faults: usize,
}

/// Whether a command does it without anybody deciding something, or a change of the files of the stack.
fn has_remedy(named: &Named) -> bool {
    let fix = named.fix.as_ref();
    fix.is_some_and(|fix| {
        let is_command = !fix.command.is_empty() && fix.safety != "needs_you";
        is_command || !fix.edits.is_empty()
    })
}

/// The words of a verify command without `bowline`; nothing where it printed none.
pub(crate) fn command(named: &Named) -> Option<&[String]> {
    match named.verify.as_deref() {
        Some([first, words @ ..]) if first == "bowline" => Some(words),
        _ => None,
    }
}

impl Afterwards<'_> {
    /// How long the symptom may take to come, and so whatever asks for it.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.injection.within_secs)
    }

    /// Asks a verify command until it ends with `code`. A server that complains every few seconds may be silent
    /// between two complaints; so it is asked again, each time when `symptoms` hold, for as long as those may take.
    pub(crate) fn ask(
        &self,
        named: &Named,
        code: i32,
        symptoms: &[Symptom],
        said: &str,
    ) -> Result<Truth> {
        let Some(words) = command(named) else {
            return Ok(Truth::Never);
        };
        let begun = Instant::now();
        let mut truth = Truth::AtOnce;
        loop {
            if self.stack.bowline(words)?.status.code() == Some(code) {
                return Ok(truth);
            }
            truth = Truth::Later;
            let left = self.patience().saturating_sub(begun.elapsed());
            let is_there =
                !left.is_zero() && symptom::wait(self.look, symptoms, said, left)?.is_ok();
            if !is_there {
                return Ok(Truth::Never);
            }
        }
    }

    /// Carries out the remedies of right causes as a user does, and says whether the stack is well then; nothing
    /// where there is none. One that did not help is taken back, so that the case is healed from where it was.
    pub(crate) fn mend(&self, right: &[Named], said: &str) -> Result<Option<Mended>> {
        let fixed: Vec<&Named> = right.iter().filter(|named| has_remedy(named)).collect();
        if fixed.is_empty() {
            return Ok(None);
        }
        let mut operations = Vec::new();
        let why_not = self.carry_out(&fixed, right, said, &mut operations)?;
        if why_not.is_some() {
            for operation in operations {
                let _ = self.stack.bowline(&["undo".to_owned(), operation])?;
            }
        }
        let is_safe = |named: &&Named| named.fix.as_ref().is_some_and(|fix| fix.safety == "safe");
        Ok(Some(Mended {
            is_safe: fixed.iter().all(is_safe),
            why_not,
        }))
    }

    /// Why it is not well after it; nothing where it is. Puts before `operations` what was done, the last first as it is
    /// to be taken back: there may be nothing.
    fn carry_out(
        &self,
        fixed: &[&Named],
        right: &[Named],
        said: &str,
        operations: &mut Vec<String>,
    ) -> Result<Option<String>> {
        for named in fixed {
            let what = format!("{}={}", named.code, named.culprit.name);
            let words = ["doctor", "--fix", &what, "--yes"].map(str::to_owned);
            let done = self.stack.bowline(&words)?;
            let said = String::from_utf8_lossy(&done.stdout);
            operations.splice(..0, to_undo(&said));
            if done.status.code() != Some(WELL) {
                let errors = String::from_utf8_lossy(&done.stderr);
                let lines: Vec<&str> = said.lines().chain(errors.lines()).collect();
                let end = lines[lines.len().saturating_sub(LAST_LINES)..].join(" | ");
                return Ok(Some(format!(
                    "`--fix {what}` ended with {}: {end}",
                    done.status
                )));
            }
        }
        let begun = Instant::now();
        loop {
            let why_not = self.why_not_well(self.can_mend_all(right), said)?;
            if why_not.is_none() || begun.elapsed() > self.patience() {
                return Ok(why_not);
            }
        }
    }

    /// Whether the remedies of what was found are to mend every fault that there is.
    pub(crate) fn can_mend_all(&self, right: &[Named]) -> bool {
        right.len() == self.faults && right.iter().all(has_remedy)
    }

    /// What shows that the symptom is not gone or, where everything was mended, that the doctor has something to say.
    fn why_not_well(&self, everything: bool, said: &str) -> Result<Option<String>> {
        if everything && !self.injection.healed.is_empty() {
            return self.why_not_healed(said);
        }
        let passing = self.injection.symptom.iter().filter(|it| it.can_pass());
        // Lines of a log stay after what they complained of.
        let is_gone = passing.clone().next().is_none()
            || symptom::missing(self.look, passing, said)?.is_some();
        if !is_gone {
            return Ok(Some("the symptom is still there".to_owned()));
        }
        if everything {
            return self.why_not_healed(said);
        }
        Ok(None)
    }

    /// What is missing of what holds when the stack is well, or that the doctor has something to say.
    fn why_not_healed(&self, said: &str) -> Result<Option<String>> {
        if let Some(missing) = symptom::missing(self.look, &self.injection.healed, said)? {
            return Ok(Some(missing));
        }
        let asked = self.stack.bowline(&["doctor".to_owned()])?;
        let said = String::from_utf8_lossy(&asked.stdout);
        let lines: Vec<&str> = said.lines().take(LAST_LINES).collect();
        Ok((asked.status.code() != Some(WELL))
            .then(|| format!("`doctor` still says: {}", lines.join(" | "))))
    }
}

/// The operations that a remedy says it can take back, in that order: `bowline undo ID`.
fn to_undo(said: &str) -> impl Iterator<Item = String> {
    let named = said.split("`bowline undo ").skip(1);
    named.filter_map(|rest| Some(rest.split_once('`')?.0.to_owned()))
}

/// How many lines of what was said are told.
const LAST_LINES: usize = 4;

/// What came of remedies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Mended {
    /// Whether all of them were offered as safe.
    pub(crate) is_safe: bool,
    /// Why the stack is not well after them; nothing where it is.
    pub(crate) why_not: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_what_a_remedy_did_is_taken_back() {
        let said = "D012 is gone; take it back with `bowline undo 7` and `bowline undo 8`\n";
        assert_eq!(to_undo(said).collect::<Vec<_>>(), ["7", "8"]);
        assert_eq!(to_undo("D012 is not there: nothing to mend\n").count(), 0);
    }

    fn named(fix: &Value, verify: &Value) -> Named {
        serde_json::from_value(json!({
            "code": "D101", "confidence": "certain", "culprit": { "kind": "service", "name": "cache" },
            "fix": fix, "verify": verify,
        }))
        .unwrap()
    }

    #[test]
    fn what_nobody_has_to_decide_and_what_changes_files_is_carried_out() {
        let fix = |safety: &str, command: &[&str], edits: &[&str]| {
            let fix = json!({
                "text": "let it go on", "safety": safety, "command": command, "edits": edits,
            });
            has_remedy(&named(&fix, &json!(null)))
        };
        assert!(fix("safe", &["bowline", "unpause", "cache"], &[]));
        assert!(fix("restart", &["bowline", "restart", "cache"], &[]));
        assert!(fix("restart", &[], &["write `cache` there"]));
        assert!(!fix("safe", &[], &[]));
        assert!(!fix("needs_you", &["bowline", "stop", "cache"], &[]));
        assert!(!has_remedy(&named(&json!(null), &json!(null))));
    }

    #[test]
    fn a_verify_command_is_one_of_bowlines() {
        let words = |verify: Value| {
            let named = named(&json!(null), &verify);
            command(&named).map(<[String]>::to_vec)
        };
        let asked = words(json!(["bowline", "doctor", "--only", "D101"])).unwrap();
        assert_eq!(asked, ["doctor", "--only", "D101"]);
        assert_eq!(words(json!(["docker", "ps"])), None);
        assert_eq!(words(json!(null)), None);
    }
}
