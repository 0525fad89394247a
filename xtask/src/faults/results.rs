//! What came of each case, kept in a file as the case ends, so that a run that is stopped can go on.
//!
//! Only a run of every case is kept. A file is written beside its place and then moved there: one that is in its place
//! is whole. It counts for the run of `run.json` alone, and only while its case is what it was.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::case::{Case, hex};
use super::report::Invalid;
use super::score::Outcome;

/// What the file of the run itself is called, where others are called as their cases.
const RUN: &str = "run";

/// What all results of a run have in common.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    seed: u64,
    /// The SHA-256 digest of the bowline that is measured and of the program that measures it.
    program: String,
    /// The options on which an outcome depends, as they are written.
    options: String,
}

/// The run of which results are kept, and where.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    folder: PathBuf,
    run: Run,
}

/// The file of a case.
#[derive(Debug, Serialize, Deserialize)]
struct Ended {
    /// Of which run it is, and a digest of the case as it was.
    made_of: String,
    came_to: Result<Outcome, Invalid>,
}

/// What is known of cases, in order of their ids.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) invalid: Vec<Invalid>,
    /// Those of which nothing is kept, or only what they were before they were changed.
    pub(crate) without: Vec<String>,
}

impl Run {
    pub(crate) fn new(seed: u64, bowline: &Path, options: String) -> Result<Self> {
        let own = std::env::current_exe().context("cannot tell which program this is")?;
        let mut programs = Sha256::new();
        for program in [bowline, &own] {
            let bytes = std::fs::read(program)
                .with_context(|| format!("cannot read `{}`", program.display()))?;
            programs.update(bytes);
        }
        Ok(Self {
            seed,
            program: hex(&programs.finalize()),
            options,
        })
    }

    /// What tells this run from others, and a case from what it was.
    fn made_of(&self, case: &Case) -> Result<String> {
        let digest = case.whole_digest()?;
        Ok(format!(
            "{} {} {} {digest}",
            self.seed, self.program, self.options
        ))
    }

    /// Reads which run was the last.
    pub(crate) fn last(folder: &Path) -> Result<Self> {
        let file = file(folder, RUN);
        match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                format!(
                    "cannot read `{}`; leave `--go-on` out to begin anew",
                    file.display()
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
                "there is no run to go on with in `{}`; leave `--go-on` out to begin one",
                folder.display()
            ),
            Err(error) => Err(error).with_context(|| format!("cannot read `{}`", file.display())),
        }
    }

    /// The seed to go on with. Refuses another one that somebody wants.
    pub(crate) fn seed(&self, wanted: Option<u64>) -> Result<u64> {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != self.seed) {
            bail!(
                "the last run has seed {}, not {wanted}; leave `--seed` out to go on with it, or `--go-on` to begin anew",
                self.seed
            );
        }
        Ok(self.seed)
    }
}

impl Results {
    /// Those of a run that begins anew. Nothing is written yet.
    pub(crate) fn new(folder: PathBuf, run: Run) -> Self {
        Self { folder, run }
    }

    /// Those of the last run, where `run` can be a part of it.
    pub(crate) fn of_last(folder: PathBuf, run: Run) -> Result<Self> {
        let last = Run::last(&folder)?;
        last.seed(Some(run.seed))?;
        if last.program != run.program {
            bail!(
                "the program, or the one that measures it, is another one than that of the last run in `{}`; leave `--go-on` out to begin anew",
                folder.display()
            );
        }
        if last.options != run.options {
            bail!(
                "the last run is with `{}`, this one with `{}`; say the same again, or leave `--go-on` out to begin anew",
                last.options,
                run.options
            );
        }
        Ok(Self::new(folder, run))
    }

    /// Removes what is kept of the run before.
    pub(crate) fn begin(&self) -> Result<()> {
        if let Err(error) = std::fs::remove_dir_all(&self.folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error)
                .with_context(|| format!("cannot remove `{}`", self.folder.display()));
        }
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create `{}`", self.folder.display()))?;
        self.write(RUN, &self.run)
    }

    /// Runs a case, and keeps what came of it in place of what is kept, if it then still counts.
    pub(crate) fn keep(
        &self,
        case: &Case,
        run: impl FnOnce() -> Result<Outcome, Invalid>,
        counts: impl FnOnce() -> bool,
    ) -> Result<Outcome, Invalid> {
        let ended = Ended {
            // Before it is run: what is changed meanwhile counts as changed. None, where it cannot be read, is that of
            // no case.
            made_of: self.run.made_of(case).unwrap_or_default(),
            came_to: run(),
        };
        // A full disk is no reason to lose what there is in memory.
        if counts()
            && let Err(error) = self.write(&case.id, &ended)
        {
            println!("{:<8} is not kept: {error:#}", case.id);
        }
        ended.came_to
    }

    /// What is kept of these cases. Says which file cannot be read.
    pub(crate) fn of(&self, cases: &[Case]) -> Known {
        let mut known = Known::default();
        for case in cases {
            match self.read(case) {
                Ok(Some(Ok(outcome))) => known.outcomes.push(outcome),
                Ok(Some(Err(invalid))) => known.invalid.push(invalid),
                Ok(None) => known.without.push(case.id.clone()),
                Err(error) => {
                    println!("{:<8} has no result: {error:#}", case.id);
                    known.without.push(case.id.clone());
                }
            }
        }
        known
    }

    /// The cases of these that have no valid result.
    pub(crate) fn left(&self, mut cases: Vec<Case>) -> Vec<Case> {
        let known = self.of(&cases);
        let lacking = known.lacking();
        cases.retain(|case| lacking.contains(&case.id.as_str()));
        cases
    }

    /// What is kept of a case; nothing where nothing is, or where it was changed since.
    fn read(&self, case: &Case) -> Result<Option<Result<Outcome, Invalid>>> {
        let file = file(&self.folder, &case.id);
        let context = || format!("cannot read `{}`", file.display());
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(context),
        };
        let ended: Ended = serde_json::from_slice(&text).with_context(context)?;
        Ok((ended.made_of == self.run.made_of(case)?).then_some(ended.came_to))
    }

    fn write(&self, name: &str, what: &impl Serialize) -> Result<()> {
        let file = file(&self.folder, name);
        let context = || format!("cannot write `{}`", file.display());
        let beside = file.with_extension("new");
        let text = serde_json::to_vec(what).with_context(context)?;
        std::fs::write(&beside, text).with_context(context)?;
        std::fs::rename(&beside, &file).with_context(context)
    }
}

impl Known {
    /// Adds what came of other cases.
    pub(crate) fn with(mut self, outcomes: Vec<Outcome>, invalid: Vec<Invalid>) -> Self {
        self.outcomes.extend(outcomes);
        self.outcomes.sort_by(|a, b| a.id.cmp(&b.id));
        self.invalid.extend(invalid);
        self.invalid.sort_by(|a, b| a.id.cmp(&b.id));
        self
    }

    /// The cases without a valid result.
    pub(crate) fn lacking(&self) -> Vec<&str> {
        let invalid = self.invalid.iter().map(|invalid| &invalid.id);
        invalid.chain(&self.without).map(String::as_str).collect()
    }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::faults::afterwards::Mended;
    use crate::faults::answer::{Answer, Diagnosis};
    use crate::faults::baselines::Guess;
    use crate::faults::score::{Truth, Verified};

    /// A folder `faults` with two cases on one stack, and a run whose results are kept beside it.
    struct Begun {
        root: PathBuf,
        results: Results,
    }

    impl Begun {
        fn new(test: &str) -> Self {
            let root = std::env::temp_dir().join(format!("results-{test}-{}", std::process::id()));
            for (file, text) in [
                ("stacks/one/compose.yaml", "services: {}"),
                ("cases/C01/inject.toml", INJECTION),
                ("cases/C01/expect.toml", "control = true"),
                ("cases/F001/inject.toml", INJECTION),
                ("cases/F001/expect.toml", FAULT),
                ("bowline", "a program"),
            ] {
                let file = root.join(file);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text).unwrap();
            }
            let run = Run::new(7, &root.join("bowline"), "--jobs 2".to_owned()).unwrap();
            let results = Results::new(root.join("kept"), run);
            results.begin().unwrap();
            Self { root, results }
        }

        fn cases(&self) -> Vec<Case> {
            Case::find(&self.root, &[]).unwrap()
        }

        /// Keeps a valid result of each case.
        fn with_all(self) -> Self {
            for case in self.cases() {
                self.keep(&case, Ok(outcome(&case.id)));
            }
            self
        }

        fn keep(&self, case: &Case, came_to: Result<Outcome, Invalid>) {
            let _ = self.results.keep(case, || came_to, || true);
        }

        fn left(&self) -> Vec<String> {
            let left = self.results.left(self.cases());
            left.into_iter().map(|case| case.id).collect()
        }

        /// Why a run of this seed, program and options cannot go on with what is kept.
        fn refusal(&self, seed: u64, program: &str, options: &str) -> Option<String> {
            let other = self.root.join("other");
            std::fs::write(&other, program).unwrap();
            let run = Run::new(seed, &other, options.to_owned()).unwrap();
            let of_last = Results::of_last(self.results.folder.clone(), run);
            of_last.err().map(|error| error.to_string())
        }
    }

    impl Drop for Begun {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.root);
        }
    }

    const INJECTION: &str = "about = 'a'\nstack = 'one'\nsymptom = []\n";

    const FAULT: &str = "\
        pairs = ['p']\n[[cause]]\ncode = 'D001'\nor = ['D005']\nat = 'db'\nchain = [['data', 'api']]\n\
        culprit = { kind = 'volume', name = 'data' }\naffects = ['api']\nfix_is_safe = false";

    fn outcome(id: &str) -> Outcome {
        let named = json!({
            "code": "D001", "confidence": "certain", "chain": [["data", "api"]], "affects": ["api"],
            "culprit": { "kind": "volume", "name": "p_data", "field": "name", "inside": "/data" },
            "fix": { "safety": "safe", "command": ["bowline", "up"], "edits": [{ "file": "a", "line": 1.5 }] },
            "verify": ["bowline", "doctor", "--only", "D001"],
        });
        let mut diagnosis: Diagnosis =
            serde_json::from_value(json!({ "causes": [named] })).unwrap();
        diagnosis.undetermined = true;
        Outcome {
            id: id.to_owned(),
            project: "p".to_owned(),
            about: "a volume keeps another password".to_owned(),
            expectation: toml::from_str(FAULT).unwrap(),
            answer: Answer {
                diagnosis: Ok(diagnosis),
                took: Duration::from_nanos(1_234_567_891),
            },
            guesses: vec![
                None,
                Some(Guess {
                    service: "db".to_owned(),
                    code: Some("D032".to_owned()),
                }),
            ],
            verified: vec![Verified {
                broken: Truth::Later,
                healed: Some(Truth::Never),
            }],
            mended: Some(Mended {
                is_safe: true,
                why_not: Some("the symptom is still there".to_owned()),
            }),
        }
    }

    #[test]
    fn an_outcome_is_read_as_it_was_kept() {
        let begun = Begun::new("same");
        let mut wanted = vec![outcome("C01"), outcome("F001")];
        wanted[0].answer.diagnosis = Err("no such verb".to_owned());
        wanted[0].mended = None;
        let shown = format!("{wanted:?}");
        for (case, outcome) in begun.cases().iter().zip(wanted) {
            begun.keep(case, Ok(outcome));
        }
        let known = begun.results.of(&begun.cases());
        assert_eq!(format!("{:?}", known.outcomes), shown);
        assert!(known.lacking().is_empty() && begun.left().is_empty());
    }

    #[test]
    fn another_seed_program_or_option_is_refused_with_what_to_do() {
        let begun = Begun::new("other").with_all();
        assert_eq!(begun.refusal(7, "a program", "--jobs 2"), None);
        let refused = |seed, program, options| begun.refusal(seed, program, options).unwrap();
        assert!(refused(8, "a program", "--jobs 2").starts_with("the last run has seed 7, not 8;"));
        let program = refused(7, "another program", "--jobs 2");
        assert!(
            program.starts_with("the program, or the one that measures it, is another one than")
        );
        assert!(program.ends_with("leave `--go-on` out to begin anew"));
        let options = refused(7, "a program", "--jobs 3");
        assert!(options.starts_with("the last run is with `--jobs 2`, this one with `--jobs 3`;"));
    }

    #[test]
    fn the_seed_is_that_of_the_last_run() {
        let begun = Begun::new("seed");
        let last = Run::last(&begun.results.folder).unwrap();
        assert_eq!(last.seed(None).unwrap(), 7);
        assert_eq!(last.seed(Some(7)).unwrap(), 7);
        assert!(last.seed(Some(8)).is_err());
        let none = Run::last(Path::new("no/such")).unwrap_err().to_string();
        assert!(none.starts_with("there is no run to go on with in `no/such`;"));
    }

    #[test]
    fn a_case_is_run_again_when_its_injection_its_diagnosis_or_its_stack_was_changed() {
        for (file, left) in [
            ("cases/F001/inject.toml", &["F001"][..]),
            ("cases/F001/expect.toml", &["F001"]),
            ("stacks/one/compose.yaml", &["C01", "F001"]),
        ] {
            let begun = Begun::new("changed").with_all();
            let file = begun.root.join(file);
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(&file, text + "\n# changed\n").unwrap();
            assert_eq!(begun.left(), left, "{}", file.display());
            assert_eq!(begun.results.of(&begun.cases()).without, left);
        }
    }

    #[test]
    fn an_invalid_case_is_run_again_and_told_until_then() {
        let begun = Begun::new("invalid").with_all();
        let cases = begun.cases();
        let invalid = Invalid {
            id: "F001".to_owned(),
            why: "no symptom".to_owned(),
        };
        begun.keep(&cases[1], Err(invalid));
        assert_eq!(begun.left(), ["F001"]);
        let known = begun.results.of(&cases);
        assert_eq!(known.invalid[0].why, "no symptom");
        assert_eq!(known.lacking(), ["F001"]);
        begun.keep(&cases[1], Ok(outcome("F001")));
        assert!(begun.left().is_empty());
    }

    #[test]
    fn a_file_that_is_not_whole_counts_nothing_and_is_named() {
        let begun = Begun::new("half").with_all();
        let case = begun.cases().remove(1);
        let whole = begun.results.folder.join("F001.json");
        let text = std::fs::read(&whole).unwrap();
        std::fs::write(&whole, &text[..text.len() / 2]).unwrap();
        assert_eq!(begun.left(), ["F001"]);
        let error = begun.results.read(&case).unwrap_err().to_string();
        assert_eq!(error, format!("cannot read `{}`", whole.display()));
        // What a killed run was about to write.
        std::fs::rename(&whole, whole.with_extension("new")).unwrap();
        assert!(begun.results.read(&case).unwrap().is_none());
        assert_eq!(begun.left(), ["F001"]);
    }

    #[test]
    fn what_no_longer_counts_when_it_ends_is_not_kept() {
        let begun = Begun::new("stopped");
        let case = begun.cases().remove(1);
        let came_to = begun.results.keep(&case, || Ok(outcome("F001")), || false);
        assert!(came_to.is_ok());
        assert!(begun.results.read(&case).unwrap().is_none());
    }

    #[test]
    fn a_run_that_begins_leaves_nothing_of_the_last_one() {
        let begun = Begun::new("anew").with_all();
        begun.results.begin().unwrap();
        assert_eq!(begun.left(), ["C01", "F001"]);
        let last = Run::last(&begun.results.folder).unwrap();
        assert_eq!(last.seed(None).unwrap(), 7);
    }

    #[test]
    fn what_was_kept_and_what_came_now_are_in_order_together() {
        let kept = Known::default().with(vec![outcome("F001")], Vec::new());
        let known = kept.with(vec![outcome("C01")], Vec::new());
        let ids: Vec<&str> = known.outcomes.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["C01", "F001"]);
    }
}
