//! What a case says: the injection in `inject.toml`, the expected diagnosis in `expect.toml`, apart from each other.
//!
//! Unknown words are refused, so that a slip of the pen is no case that passes. How to write one is in
//! `faults/README.md`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::render::Names;

/// A case as it lies in its folder.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) id: String,
    /// Its place among all cases.
    pub(crate) number: usize,
    /// The folder `faults`.
    faults: PathBuf,
    folder: PathBuf,
}

/// How the fault gets into the stack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Injection {
    /// What happens, for people.
    pub(crate) about: String,
    /// A folder of `faults/stacks`.
    pub(crate) stack: String,
    /// One of the few that show that everything works.
    #[serde(default)]
    pub(crate) quick: bool,
    /// Done before the first `up`: what the stack finds when it comes.
    #[serde(default)]
    pub(crate) before: Vec<Action>,
    /// Said to `up` before anything is broken.
    #[serde(default)]
    pub(crate) up: Vec<String>,
    /// The first `up` has no healthy stack to bring up: the fault is in what it is given.
    #[serde(default)]
    pub(crate) never_well: bool,
    #[serde(default)]
    pub(crate) inject: Vec<Action>,
    /// All of them have to hold at one time.
    pub(crate) symptom: Vec<Symptom>,
    #[serde(default = "default_patience")]
    pub(crate) within_secs: u64,
    /// Makes it well again, so that a command that is to verify that can be tried.
    #[serde(default)]
    pub(crate) heal: Vec<Action>,
    /// All of them hold when it is well again.
    #[serde(default)]
    pub(crate) healed: Vec<Symptom>,
}

fn default_patience() -> u64 {
    60
}

/// One thing that is done to a healthy stack.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Action {
    /// Changes a text that has to be in the file once.
    Replace {
        file: String,
        find: String,
        with: String,
    },
    Write {
        file: String,
        text: String,
        #[serde(default)]
        executable: bool,
    },
    Delete {
        file: String,
    },
    /// Writes every file of the stack as it was at first; what was written beside them stays.
    Restore {},
    /// A command of bowline's, `up` for example.
    Bowline {
        words: Vec<String>,
        #[serde(default)]
        may_fail: bool,
    },
    Stop {
        service: String,
    },
    Start {
        service: String,
        #[serde(default)]
        may_fail: bool,
    },
    Restart {
        service: String,
        #[serde(default)]
        may_fail: bool,
    },
    Kill {
        service: String,
    },
    Pause {
        service: String,
    },
    Unpause {
        service: String,
    },
    /// Removes the service's containers, running or not.
    Remove {
        service: String,
    },
    Disconnect {
        service: String,
        network: String,
    },
    RemoveNetwork {
        network: String,
    },
    /// Runs in the service's containers, whatever its exit code is.
    Exec {
        service: String,
        command: Vec<String>,
        #[serde(default)]
        user: String,
        /// Does not wait for its end.
        #[serde(default)]
        detach: bool,
    },
    /// Runs a program of the host, as root, in the network of each of the service's containers.
    InNetwork {
        service: String,
        command: Vec<String>,
    },
    /// Builds an image from a folder of the stack, as somebody without bowline does.
    Image {
        tag: String,
        folder: String,
    },
    /// Runs in a container of its own with the volume at `/volume`, as root.
    OnVolume {
        volume: String,
        command: Vec<String>,
    },
    /// A process of the host that listens.
    HoldPort {
        port: u16,
    },
    /// A container of somebody else's.
    Foreign(Foreign),
    /// A server outside of every container, which gives every request the same answer.
    Outside {
        port: u16,
        status: u16,
    },
    /// Takes away what earlier actions made beside the stack.
    Release {},
    /// Waits in the midst of an injection.
    Await {
        symptom: Box<Symptom>,
        #[serde(default = "default_patience")]
        within_secs: u64,
    },
}

/// A container that belongs to another stack. Without a command it is a small web server on 8080.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Foreign {
    pub(crate) name: String,
    pub(crate) image: Option<String>,
    #[serde(default)]
    pub(crate) command: Vec<String>,
    /// A port of the host at which its 8080 is published.
    pub(crate) port: Option<u16>,
    /// The network that it joins, as the engine names it.
    pub(crate) network: Option<String>,
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    pub(crate) address: Option<String>,
}

/// Something that can be seen from outside, by which an injection is known to have worked.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Symptom {
    /// Every container of the service is in this state.
    State {
        service: String,
        is: String,
        exit_code: Option<i64>,
        oom_killed: Option<bool>,
    },
    /// The engine's word for its health.
    Health {
        service: String,
        is: String,
    },
    /// What the last runs of its healthcheck printed.
    HealthLog {
        service: String,
        contains: String,
    },
    /// What the container printed.
    Log {
        service: String,
        contains: String,
    },
    /// Why the engine could not start it.
    Error {
        service: String,
        contains: String,
    },
    Restarts {
        service: String,
        at_least: i64,
    },
    /// There is no container of it.
    Absent {
        service: String,
    },
    /// The engine told of this since the case began.
    Event {
        service: String,
        action: String,
    },
    /// What the last command of bowline's printed.
    Said {
        contains: String,
    },
    /// What a published port answers.
    Answer {
        port: u16,
        status: u16,
    },
    /// At this port of the host nobody takes a connection.
    Unanswered {
        port: u16,
    },
    /// The file in which the engine keeps what the container printed has that many bytes.
    LogSize {
        service: String,
        at_least: u64,
    },
    /// A command in one of its containers ends like this.
    Exec {
        service: String,
        command: Vec<String>,
        exit_code: Option<i64>,
        contains: Option<String>,
    },
}

impl Symptom {
    /// Whether it ends when the stack is well: what was said, counted or reported stays, and so does that somebody is
    /// well although others are not.
    pub(crate) fn can_pass(&self) -> bool {
        match self {
            Self::State { is, .. } => is != "running",
            Self::Health { is, .. } => is != "healthy",
            Self::Answer { status, .. } => *status >= 400,
            Self::Absent { .. } | Self::Unanswered { .. } | Self::Exec { .. } => true,
            Self::HealthLog { .. }
            | Self::Log { .. }
            | Self::Error { .. }
            | Self::Restarts { .. }
            | Self::Event { .. }
            | Self::Said { .. }
            | Self::LogSize { .. } => false,
        }
    }
}

/// The right diagnosis.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    /// Nothing is wrong: the doctor has to be silent.
    #[serde(default)]
    pub(crate) control: bool,
    #[serde(default)]
    pub(crate) cause: Vec<Cause>,
    /// Codes that would be a confusion.
    #[serde(default)]
    pub(crate) forbid: Vec<String>,
    /// Look-alikes: every member has to be right.
    #[serde(default)]
    pub(crate) pairs: Vec<String>,
}

/// One cause that is to be found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cause {
    pub(crate) code: String,
    /// Codes that say the same of this case.
    #[serde(default)]
    pub(crate) or: Vec<String>,
    pub(crate) culprit: Culprit,
    /// Other ways to name it that help a person as much.
    #[serde(default)]
    pub(crate) or_culprit: Vec<Culprit>,
    /// The service that a person has to look at, for what can name nothing but services.
    pub(crate) at: String,
    #[serde(default)]
    pub(crate) chain: Vec<(String, String)>,
    pub(crate) affects: Vec<String>,
    /// Whether a fix may be offered as safe.
    pub(crate) fix_is_safe: bool,
}

/// What is to blame.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Culprit {
    pub(crate) kind: CulpritKind,
    pub(crate) name: String,
    pub(crate) field: Option<String>,
}

/// The kinds of culprits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CulpritKind {
    Service,
    Volume,
    Network,
    Port,
    Variable,
    File,
}

impl CulpritKind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::Port => "port",
            Self::Variable => "variable",
            Self::File => "file",
        }
    }
}

impl Case {
    /// Finds the cases under `faults`, or those of `only`, in order of their ids.
    pub(crate) fn find(faults: &Path, only: &[String]) -> Result<Vec<Self>> {
        let cases = faults.join("cases");
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&cases)
            .with_context(|| format!("cannot list `{}`", cases.display()))?
        {
            let entry = entry.with_context(|| format!("cannot list `{}`", cases.display()))?;
            found.push(Self {
                id: entry.file_name().to_string_lossy().into_owned(),
                number: 0,
                faults: faults.to_owned(),
                folder: entry.path(),
            });
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        for (number, case) in found.iter_mut().enumerate() {
            case.number = number;
        }
        let known = |id: &&String| !found.iter().any(|case| case.id == **id);
        if let Some(unknown) = only.iter().find(known) {
            let ids: Vec<&str> = found.iter().map(|case| case.id.as_str()).collect();
            bail!("there is no case `{unknown}`; there are {}", ids.join(", "));
        }
        found.retain(|case| only.is_empty() || only.contains(&case.id));
        Ok(found)
    }

    /// Draws the names of this case in one run.
    pub(crate) fn names(&self, seed: u64, prefix: &str) -> Names {
        Names::new(seed, &self.id, prefix).with_ports_of(self.number)
    }

    /// Reads how the fault gets in, with the names of this run.
    pub(crate) fn injection(&self, names: &mut Names) -> Result<Injection> {
        self.read("inject.toml", names)
    }

    /// Reads the right diagnosis, with the names of this run.
    pub(crate) fn expectation(&self, names: &mut Names) -> Result<Expectation> {
        let expectation: Expectation = self.read("expect.toml", names)?;
        if expectation.control != expectation.cause.is_empty() {
            bail!(
                "`{}/expect.toml`: a control has no `[[cause]]`, every other case has one",
                self.id
            );
        }
        Ok(expectation)
    }

    /// A digest of what the doctor is shown: the injection and the files of its stack, without names.
    pub(crate) fn digest(&self) -> Result<String> {
        self.digest_with(&["inject.toml"])
    }

    /// A digest of that and of the right diagnosis: of all that a result comes from.
    pub(crate) fn whole_digest(&self) -> Result<String> {
        self.digest_with(&["inject.toml", "expect.toml"])
    }

    fn digest_with(&self, own: &[&str]) -> Result<String> {
        let injection = self.injection(&mut self.names(0, ""))?;
        let stack = self.faults.join("stacks").join(injection.stack);
        let mut files = super::runner::files(&stack)?;
        files.extend(own.iter().map(|name| self.folder.join(name)));
        let mut digest = Sha256::new();
        for file in files {
            let bytes = std::fs::read(&file)
                .with_context(|| format!("cannot read `{}`", file.display()))?;
            let name = file.strip_prefix(&stack).unwrap_or(Path::new(""));
            digest.update(name.as_os_str().as_encoded_bytes());
            digest.update(bytes.len().to_le_bytes());
            digest.update(bytes);
        }
        Ok(hex(&digest.finalize()[..8]))
    }

    fn read<T: for<'a> Deserialize<'a>>(&self, name: &str, names: &mut Names) -> Result<T> {
        let file = self.folder.join(name);
        let shown = || format!("`{}/{name}`", self.id);
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", shown()))?;
        let filled = names.fill(&text).with_context(shown)?;
        toml::from_str(&filled).with_context(shown)
    }
}

/// Shows a digest.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let bytes = bytes.iter();
    bytes.fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn all() -> Vec<Case> {
        Case::find(&crate::root().join("faults"), &[]).unwrap()
    }

    /// Reads a case with the names of some run.
    fn both(case: &Case) -> (Names, Injection, Expectation) {
        let mut names = case.names(1, "t-");
        let injection = case.injection(&mut names).unwrap();
        let expectation = case.expectation(&mut names).unwrap();
        (names, injection, expectation)
    }

    #[test]
    fn every_case_can_be_read_and_its_stack_is_there() {
        let cases = all();
        assert!(cases.len() >= 100, "{} cases", cases.len());
        for case in cases {
            let (_, injection, _) = both(&case);
            let stack = crate::root().join("faults/stacks").join(&injection.stack);
            assert!(stack.join("compose.yaml").is_file(), "{}", case.id);
            assert!(!injection.symptom.is_empty(), "{}", case.id);
        }
    }

    #[test]
    fn a_case_is_called_by_its_code_a_fifth_is_controls_and_a_tenth_has_several_causes() {
        let (mut controls, mut several, mut all_cases) = (0, 0, 0);
        for case in all() {
            let (_, _, expectation) = both(&case);
            all_cases += 1;
            if expectation.control {
                controls += 1;
                assert!(case.id.starts_with('C'), "{}", case.id);
            } else if let Some(number) = case.id.strip_prefix('F') {
                let code = format!("D{}", &number[..3]);
                let mut causes = expectation.cause.iter();
                assert!(causes.any(|cause| cause.code == code), "{}", case.id);
            } else {
                several += 1;
                assert!(expectation.cause.len() > 1, "{}", case.id);
            }
        }
        assert!(
            controls * 5 >= all_cases,
            "{controls} controls in {all_cases} cases"
        );
        assert!(
            several * 10 >= all_cases,
            "{several} with several causes in {all_cases} cases"
        );
    }

    #[test]
    fn every_name_that_is_expected_is_one_that_the_files_have() {
        for case in all() {
            let (mut names, injection, expectation) = both(&case);
            let stack = crate::root().join("faults/stacks").join(&injection.stack);
            // A case may bring a service of its own.
            let mut files = crate::faults::runner::files(&stack).unwrap();
            files.push(case.folder.join("inject.toml"));
            let texts = files
                .iter()
                .map(|file| std::fs::read_to_string(file).unwrap());
            let text = names.fill(&texts.collect::<String>()).unwrap();
            for cause in &expectation.cause {
                let chain = cause.chain.iter().flat_map(|(a, b)| [a, b]);
                for service in chain.chain(&cause.affects).chain([&cause.at]) {
                    assert!(text.contains(service.as_str()), "{}: {service}", case.id);
                }
            }
        }
    }

    #[test]
    fn no_case_names_what_it_forbids() {
        for case in all() {
            let expectation = both(&case).2;
            for cause in &expectation.cause {
                for code in cause.or.iter().chain([&cause.code]) {
                    assert!(!expectation.forbid.contains(code), "{}: {code}", case.id);
                }
            }
        }
    }

    #[test]
    fn look_alikes_are_scored_together_with_somebody() {
        let mut members: BTreeMap<String, usize> = BTreeMap::new();
        for case in all() {
            for pair in both(&case).2.pairs {
                *members.entry(pair).or_default() += 1;
            }
        }
        assert!(!members.is_empty());
        for (pair, count) in members {
            assert!(count >= 2, "`{pair}` has one member");
        }
    }

    #[test]
    fn a_word_that_is_not_known_is_refused() {
        let text =
            "about = 'a'\nstack = 's'\nsymptom = []\n[[inject]]\nexplode = { service = 'a' }";
        assert!(toml::from_str::<Injection>(text).is_err());
        let text = "control = true\nforbidden = ['D001']";
        assert!(toml::from_str::<Expectation>(text).is_err());
    }

    #[test]
    fn actions_and_symptoms_are_read_by_their_words() {
        let text = "about = 'a'\nstack = 's'\n[[inject]]\nkill = { service = 'a' }\n\
                    [[inject]]\nbowline = { words = ['up'], may_fail = true }\n\
                    [[symptom]]\nstate = { service = 'a', is = 'exited', exit_code = 137 }";
        let injection: Injection = toml::from_str(text).unwrap();
        assert_eq!(
            injection.inject[0],
            Action::Kill {
                service: "a".to_owned()
            }
        );
        assert!(matches!(
            &injection.inject[1],
            Action::Bowline { may_fail: true, .. }
        ));
        assert!(matches!(
            &injection.symptom[0],
            Symptom::State {
                exit_code: Some(137),
                ..
            }
        ));
        assert_eq!(injection.within_secs, 60);
    }

    #[test]
    fn a_case_that_is_not_there_is_refused_with_those_that_are() {
        let error = Case::find(&crate::root().join("faults"), &["F999".to_owned()]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("there is no case `F999`; there are ")
        );
    }
}
