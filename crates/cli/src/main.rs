//! The binary `bowline`: reads arguments, hands requests to the one list of verbs, shows what comes back.
//!
//! It decides nothing. Data goes to standard output, everything else to standard error.

mod args;
mod debug;
mod doctor;
mod exec;
mod explain;
mod fix;
mod global;
mod logs;
mod ls;
mod net;
mod operate;
mod ps;
mod runtime;
mod surroundings;
mod table;
mod terminal;
mod verbs;

use std::process::ExitCode;

use bowline_ops::ExitCode as Code;

use crate::args::Arguments;
use crate::terminal::Terminal;

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(error) => return of_parser(&error),
    };
    let code = match Terminal::new(arguments.global()) {
        Ok(terminal) => terminal.exit_code(verbs::run(&arguments, &terminal)),
        Err(failure) => Terminal::plain().failure(&failure) as u8,
    };
    ExitCode::from(code)
}

/// Help and versions are answers; everything else the parser says is a mistake on the command line.
fn of_parser(error: &clap::Error) -> ExitCode {
    let code = if error.use_stderr() {
        Code::Usage
    } else {
        Code::Done
    };
    // Nothing is left to do where even this cannot be written.
    let _ = error.print();
    ExitCode::from(code as u8)
}
