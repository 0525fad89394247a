//! From parsed arguments to the verbs, and from their answers to the streams.

use bowline_ops::{ConfigRequest, ExitCode, Failure, config};

use crate::args::{Arguments, ConfigArgs, GlobalArgs, Verb, VersionArgs};
use crate::terminal::Terminal;
use crate::{logs, operate, ps, surroundings};

/// Runs one verb and returns the exit code of the process.
pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> u8 {
    let global = arguments.global();
    if let Some(done) = operate::run(global, &arguments.verb, terminal) {
        return done.unwrap_or_else(|failure| terminal.failure(&failure) as u8);
    }
    let done = match &arguments.verb {
        Verb::Config(args) => run_config(arguments.global(), args, terminal),
        Verb::Ps(args) => ps::run(arguments.global(), args, terminal),
        Verb::Logs(args) => {
            return logs::run(global, args, terminal)
                .map_or_else(|failure| terminal.failure(&failure), |code| code)
                as u8;
        }
        Verb::Version(args) => {
            version(args, terminal);
            Ok(())
        }
        _ => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::Done as u8,
        Err(failure) => terminal.failure(&failure) as u8,
    }
}

fn run_config(global: &GlobalArgs, args: &ConfigArgs, terminal: &Terminal) -> Result<(), Failure> {
    let request: ConfigRequest = args.request(global.stack()?)?;
    let surroundings = surroundings::read(&request.stack, terminal.color())?;
    let answer = config(&surroundings, &request)?;
    terminal.note(&answer.warnings);
    match &args.output {
        _ if args.quiet => {}
        Some(path) => write_file(path, &answer.value)?,
        None => terminal.data(&answer.value),
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "`--output` names a file, and this is where the binary writes it"
)]
fn write_file(path: &str, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::Usage {
        message: format!("cannot write `{path}`: {error}"),
        hint: None,
    })
}

fn version(args: &VersionArgs, terminal: &Terminal) {
    let number = env!("CARGO_PKG_VERSION");
    if args.short {
        terminal.data(&format!("{number}\n"));
    } else {
        terminal.data(&format!("bowline {number}\n"));
    }
}
