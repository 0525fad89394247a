//! A corpus of public Compose files, each with the answer of Docker Compose.
//!
//! `BOWLINE_CORPUS` names its folder. Without one there is nothing to say, and that is a failure.

mod oracle;

use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    match trials() {
        Ok(trials) => libtest_mimic::run(&Arguments::from_args(), trials).exit_code(),
        Err(reason) => oracle::complain(&reason),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a variable says where the corpus is"
)]
fn trials() -> Result<Vec<Trial>, String> {
    let corpus = std::env::var_os("BOWLINE_CORPUS").map(PathBuf::from);
    let corpus = corpus.ok_or("`BOWLINE_CORPUS` has to name the folder of the corpus")?;
    oracle::trials(&corpus.join("cases"), &oracle::own_folder().join("corpus"))
}
