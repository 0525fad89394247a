//! From parsed arguments to the verbs, and from their answers to the streams.

use bowline_ops::{ConfigRequest, ExitCode, Failure, config};

use crate::args::{Arguments, ConfigArgs, Verb, VersionArgs};
use crate::global::GlobalArgs;
use crate::terminal::Terminal;
use crate::{debug, doctor, exec, explain, logs, ls, net, operate, ps, surroundings};

/// Runs one verb and returns the exit code of the process.
pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> u8 {
    let global = arguments.global();
    if let Some(done) = operate::run(global, &arguments.verb, terminal) {
        return done.unwrap_or_else(|failure| terminal.failure(&failure) as u8);
    }
    let done = |()| ExitCode::Done as u8;
    let code = match &arguments.verb {
        Verb::Config(args) => run_config(global, args, terminal).map(done),
        Verb::Ps(args) => ps::run(global, args, terminal).map(done),
        Verb::Ls(args) => ls::run(global, args, terminal).map(done),
        Verb::Doctor(args) => doctor::run(global, args, terminal).map(|code| code as u8),
        Verb::Explain(args) => explain::run(args, terminal).map(|()| 0),
        Verb::Logs(args) => logs::run(global, args, terminal).map(|code| code as u8),
        Verb::Exec(args) => exec::run(global, args, terminal),
        Verb::Net(args) => net::run(global, args, terminal).map(|code| code as u8),
        Verb::Debug(args) => debug::run(global, args, terminal),
        Verb::Version(args) => {
            version(args, terminal);
            Ok(ExitCode::Done as u8)
        }
        Verb::Within(args) => args.run().map(done),
        _ => Ok(ExitCode::Done as u8),
    };
    code.unwrap_or_else(|failure| terminal.failure(&failure) as u8)
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
