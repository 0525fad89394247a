//! Replays what fuzzing found worth keeping, and holds every case of our own to the same invariants.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the inputs that were kept"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};

#[path = "../../../fuzz/src/lib.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the fuzzer needs more of it than this test does"
)]
mod invariants;

/// No input that was kept needs a tenth of this, on any machine.
const BOUND: Duration = Duration::from_mins(1);

/// A name, and what has to hold for every input of it.
type Target = (&'static str, fn(&[u8]));

fn main() -> ExitCode {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus-kept");
    let targets: [Target; 4] = [
        ("load", invariants::load),
        ("yaml", invariants::yaml),
        ("interpolate", invariants::interpolate),
        ("dotenv", invariants::dotenv),
    ];
    let trials = targets.into_iter().flat_map(|(target, hold)| {
        let inputs = inputs(&kept.join(target));
        assert!(!inputs.is_empty(), "nothing was kept for `{target}`");
        inputs.into_iter().map(move |path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Trial::test(format!("{target}::{name}"), move || {
                let began = Instant::now();
                hold(&fs::read(&path)?);
                match began.elapsed() {
                    taken if taken < BOUND => Ok(()),
                    taken => Err(format!("took {taken:?}").into()),
                }
            })
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}
