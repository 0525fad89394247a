//! What the doctor saw in a case, kept in `faults/recordings`, so that it can be asked again without an engine.
//!
//! A file holds the recording as `bowline doctor --record` wrote it, and the names that were drawn for that run. The
//! expectation is not in it: that is read from the case, with these names.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::case::Case;
use super::look::encoded;
use super::render::Names;

/// A recording that is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// A digest of the injection and of the stack as they were when it was made.
    pub(crate) made_of: String,
    /// The names of that run by their placeholders.
    pub(crate) names: BTreeMap<String, String>,
    /// What `bowline doctor --record` wrote.
    pub(crate) recording: Value,
}

/// A folder of this machine, and what stands for it in recordings: they have to read the same wherever they were made.
pub(crate) struct StandIn {
    pub(crate) folder: PathBuf,
    pub(crate) word: &'static str,
}

impl Kept {
    /// Makes one of what the doctor wrote. Refuses a text in which a password of the case can be read.
    pub(crate) fn new(
        case: &Case,
        names: &Names,
        written: &str,
        stand_ins: &[StandIn],
    ) -> Result<Self> {
        for (placeholder, secret) in names.secrets() {
            if written.contains(secret) || written.contains(&encoded(secret)) {
                bail!(
                    "the value of `{{{{{placeholder}}}}}` can be read in what `bowline doctor --record` wrote"
                );
            }
        }
        let text = stand_ins.iter().fold(written.to_owned(), |text, it| {
            text.replace(&it.folder.display().to_string(), it.word)
        });
        Ok(Self {
            made_of: case.digest()?,
            names: names.given(),
            recording: serde_json::from_str(&text)
                .context("what `bowline doctor --record` wrote is no JSON")?,
        })
    }

    /// Writes it over the one that was kept of the same case before.
    pub(crate) fn write(&self, faults: &Path, case: &Case) -> Result<()> {
        let file = Self::file(faults, &case.id);
        let context = || format!("cannot write `{}`", file.display());
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(context)?;
        }
        let text = serde_json::to_vec(self).with_context(context)?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&text).with_context(context)?;
        let bytes = encoder.finish().with_context(context)?;
        std::fs::write(&file, bytes).with_context(context)
    }

    /// Reads what is kept of a case; nothing where nothing is.
    pub(crate) fn read(faults: &Path, case: &Case) -> Result<Option<Self>> {
        let file = Self::file(faults, &case.id);
        let context = || format!("cannot read `{}`", file.display());
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(context),
        };
        let mut text = String::new();
        GzDecoder::new(&*bytes)
            .read_to_string(&mut text)
            .with_context(context)?;
        serde_json::from_str(&text).map(Some).with_context(context)
    }

    /// Where that of a case is kept.
    pub(crate) fn file(faults: &Path, id: &str) -> PathBuf {
        faults.join("recordings").join(format!("{id}.json.gz"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> Case {
        let faults = crate::root().join("faults");
        Case::find(&faults, &["F001".to_owned()]).unwrap().remove(0)
    }

    #[test]
    fn what_is_kept_is_read_again_and_has_no_folder_of_this_machine() {
        let mut names = case().names(7, "s1-");
        names.fill("{{service.api}}").unwrap();
        let stand_ins = [StandIn {
            folder: "/home/somebody/target".into(),
            word: "/srv/stacks",
        }];
        let written = r#"{"bowline_facts":1,"facts":{"source":"/home/somebody/target/a.sh"}}"#;
        let kept = Kept::new(&case(), &names, written, &stand_ins).unwrap();
        let faults = std::env::temp_dir().join(format!("kept-{}", std::process::id()));
        kept.write(&faults, &case()).unwrap();
        let read = Kept::read(&faults, &case()).unwrap().unwrap();
        std::fs::remove_dir_all(&faults).unwrap();
        assert_eq!(
            read.recording["facts"]["source"].as_str(),
            Some("/srv/stacks/a.sh")
        );
        let mut again = Names::of(read.names);
        assert_eq!(
            again.fill("{{project}} {{service.api}}").unwrap(),
            names.fill("{{project}} {{service.api}}").unwrap()
        );
    }

    #[test]
    fn a_recording_with_a_password_in_it_is_not_kept() {
        let mut names = case().names(7, "s1-");
        let password = names.fill("{{awkward.later}}").unwrap();
        for form in [password.clone(), encoded(&password)] {
            let written = format!(r#"{{"log":"login with {form} failed"}}"#);
            let error = Kept::new(&case(), &names, &written, &[]).unwrap_err();
            let said = error.to_string();
            assert!(
                said.starts_with("the value of `{{awkward.later}}` can be read"),
                "{said}"
            );
            assert!(!said.contains(&form));
        }
    }

    #[test]
    fn of_a_case_that_was_not_kept_there_is_nothing() {
        assert!(Kept::read(Path::new("no/such"), &case()).unwrap().is_none());
    }
    /// A file of the repository that grows beyond this is no longer small.
    const LARGEST: u64 = 40 * 1024;

    #[test]
    fn every_recording_is_of_a_case_is_small_and_has_no_folder_of_this_machine() {
        let faults = crate::root().join("faults");
        let cases = Case::find(&faults, &[]).unwrap();
        let mut files = 0;
        for entry in std::fs::read_dir(faults.join("recordings")).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let id = name.strip_suffix(".json.gz").unwrap();
            let case = cases.iter().find(|case| case.id == id);
            assert!(entry.metadata().unwrap().len() < LARGEST, "{name}");
            let kept = Kept::read(&faults, case.expect(&name)).unwrap().unwrap();
            let text = kept.recording.to_string();
            for folder in [crate::root(), crate::cache::folder(&[]).unwrap()] {
                let folder = format!("{}/", folder.display());
                assert!(!text.contains(&folder), "{name} names {folder}");
            }
            files += 1;
        }
        assert!(files > 100, "{files} recordings");
    }
}
