//! Our own cases of what loading Compose files means, each with the answer of Docker Compose.

mod oracle;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let cases = oracle::own_folder().join("cases");
    match oracle::trials(&cases, &cases) {
        Ok(trials) => libtest_mimic::run(&Arguments::from_args(), trials).exit_code(),
        Err(reason) => oracle::complain(&reason),
    }
}
