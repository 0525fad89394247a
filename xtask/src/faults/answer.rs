//! What the doctor answered.

use std::process::Output;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::case::{Cause, Culprit};

/// The machine form of a diagnosis. More may stand in it; this is what is scored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Diagnosis {
    pub(crate) causes: Vec<Named>,
    /// It said that it found trouble and no cause of it, by its exit code: so no word of its own form is read for it.
    #[serde(default, rename = "exit_says_undetermined")]
    pub(crate) undetermined: bool,
}

/// A cause that the doctor named.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) code: String,
    pub(crate) confidence: String,
    pub(crate) culprit: NamedCulprit,
    #[serde(default)]
    pub(crate) chain: Vec<Vec<String>>,
    #[serde(default)]
    pub(crate) affects: Vec<String>,
    #[serde(default)]
    pub(crate) fix: Option<Fix>,
    /// The command that asks for this cause again: `bowline` and its words.
    #[serde(default)]
    pub(crate) verify: Option<Vec<String>>,
}

/// The object that it blames.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NamedCulprit {
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) field: Option<String>,
    /// The path in the container, of a file that is named by its path in the project.
    #[serde(default)]
    pub(crate) inside: Option<String>,
}

/// What it would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fix {
    pub(crate) safety: String,
    /// The words of a command, where one does it.
    #[serde(default)]
    pub(crate) command: Vec<String>,
    /// Changes of the stack's own files, in whatever form they are told.
    #[serde(default)]
    pub(crate) edits: Vec<serde_json::Value>,
}

impl Fix {
    pub(crate) fn is_safe(&self) -> bool {
        self.safety == "safe"
    }
}

/// An answer, or why there is none, and how long that took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) diagnosis: Result<Diagnosis, String>,
    pub(crate) took: Duration,
}

/// The exit code with which a verb of the doctor's says that the cause is there.
pub(crate) const CAUSES: i32 = 11;

/// The exit code with which the doctor says that nothing is wrong, and a verb of its that the cause is not there.
pub(crate) const WELL: i32 = 0;

/// The exit code with which the doctor says that something is wrong, and not why.
const UNDETERMINED: i32 = 12;

/// Exit codes with which the doctor has looked: healthy, causes found, undetermined.
const LOOKED: [i32; 3] = [WELL, CAUSES, UNDETERMINED];

/// Reads what `bowline doctor --format json` printed.
pub(crate) fn read(output: &Output) -> Result<Diagnosis, String> {
    let code = output.status.code();
    if !code.is_some_and(|code| LOOKED.contains(&code)) {
        let said = String::from_utf8_lossy(&output.stderr);
        let mistake = said.lines().find(|line| line.starts_with("error"));
        let first = mistake.or(said.lines().next()).unwrap_or_default();
        return Err(format!("{}: {}", output.status, first.trim()));
    }
    let mut diagnosis: Diagnosis =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("no diagnosis: {error}"))?;
    diagnosis.undetermined = code == Some(UNDETERMINED);
    Ok(diagnosis)
}

impl Named {
    pub(crate) fn has_code_of(&self, cause: &Cause) -> bool {
        self.code == cause.code || cause.or.contains(&self.code)
    }

    /// Whether it blames what is to blame; `project` is what the engine puts before names of volumes and networks.
    pub(crate) fn blames(&self, culprit: &Culprit, project: &str) -> bool {
        let whole = format!("{project}_{}", culprit.name);
        let field = culprit.field.as_deref();
        self.culprit.kind == culprit.kind.word()
            && (self.culprit.name == culprit.name
                || self.culprit.name == whole
                || self.culprit.inside.as_ref() == Some(&culprit.name))
            && field.is_none_or(|field| {
                let named = self.culprit.field.as_deref();
                named.is_some_and(|named| is_same_place(named, field))
            })
    }

    pub(crate) fn is(&self, cause: &Cause, project: &str) -> bool {
        let mut culprits = std::iter::once(&cause.culprit).chain(&cause.or_culprit);
        self.has_code_of(cause) && culprits.any(|culprit| self.blames(culprit, project))
    }
}

/// Whether of two fields one is the other, or holds it: `healthcheck` and `healthcheck.test`.
fn is_same_place(one: &str, other: &str) -> bool {
    let holds = |outer: &str, inner: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    holds(one, other) || holds(other, one)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;
    use crate::faults::case::CulpritKind;

    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        Output {
            status: ExitStatus::from_raw(code << 8),
            stdout: stdout.as_bytes().to_vec(),
            stderr: stderr.as_bytes().to_vec(),
        }
    }

    const ONE: &str = r#"{"causes":[{"code":"D001","confidence":"certain","culprit":{"kind":"volume","name":"p_data",
        "field":null,"file":"compose.yaml","line":14},"chain":[["data","api"]],"affects":["api"],"evidence":[],
        "ruled_out":[],"unchecked":[],"fix":{"text":"x","command":["x"],"safety":"safe"},"verify":null}]}"#;

    #[test]
    fn the_documented_form_is_read() {
        let diagnosis = read(&output(11, ONE, "")).unwrap();
        let named = &diagnosis.causes[0];
        assert_eq!(
            (named.code.as_str(), named.confidence.as_str()),
            ("D001", "certain")
        );
        assert_eq!(named.chain, [["data", "api"]]);
        let fix = named.fix.as_ref().unwrap();
        assert!(fix.is_safe() && fix.command == ["x"]);
        assert!(named.verify.is_none() && !diagnosis.undetermined);
        assert!(
            read(&output(12, r#"{"causes":[]}"#, ""))
                .unwrap()
                .undetermined
        );
    }

    #[test]
    fn a_verb_that_is_not_there_is_no_answer() {
        let none = read(&output(
            64,
            "",
            "error: unrecognized subcommand 'doctor'\n\nUsage",
        ))
        .unwrap_err();
        assert_eq!(
            none,
            "exit status: 64: error: unrecognized subcommand 'doctor'"
        );
    }

    #[test]
    fn silence_is_an_answer_only_in_its_form() {
        assert!(
            read(&output(0, r#"{"causes":[]}"#, ""))
                .unwrap()
                .causes
                .is_empty()
        );
        assert!(read(&output(0, "", "")).is_err());
        assert!(read(&output(13, r#"{"causes":[]}"#, "could not look")).is_err());
    }

    #[test]
    fn a_volume_may_be_named_as_the_file_or_as_the_engine_names_it() {
        let named = &read(&output(11, ONE, "")).unwrap().causes[0];
        let culprit = |name: &str, field: Option<&str>| Culprit {
            kind: CulpritKind::Volume,
            name: name.to_owned(),
            field: field.map(str::to_owned),
        };
        assert!(named.blames(&culprit("data", None), "p"));
        assert!(named.blames(&culprit("p_data", None), "q"));
        assert!(!named.blames(&culprit("data", None), "q"));
        assert!(!named.blames(&culprit("data", Some("name")), "p"));
    }
    #[test]
    fn a_file_may_be_named_by_its_path_in_the_project_or_in_the_container() {
        let text = r#"{"code":"D070","confidence":"certain","culprit":{"kind":"file","name":"serve.sh","inside":"/srv/serve.sh"}}"#;
        let named: Named = serde_json::from_str(text).unwrap();
        let file = |name: &str| Culprit {
            kind: CulpritKind::File,
            name: name.to_owned(),
            field: None,
        };
        assert!(named.blames(&file("serve.sh"), "p"));
        assert!(named.blames(&file("/srv/serve.sh"), "p"));
        assert!(!named.blames(&file("/srv/other.sh"), "p"));
    }

    #[test]
    fn a_field_that_holds_the_expected_one_or_lies_in_it_is_the_same_place() {
        assert!(is_same_place("healthcheck", "healthcheck"));
        assert!(is_same_place("healthcheck.test", "healthcheck"));
        assert!(is_same_place("environment", "environment.LEDGER_HOST"));
        assert!(!is_same_place("environment.HOST", "environment.PORT"));
        assert!(!is_same_place("port", "ports"));
    }
}
