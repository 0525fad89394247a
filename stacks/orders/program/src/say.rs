//! What the program says: one line per event on its standard output, errors on standard error.
//!
//! No times: whoever collects the lines notes them. Nothing secret is ever passed in here.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the one place that writes the program's log"
)]

use std::fmt::Arguments;

pub(crate) fn info(what: Arguments<'_>) {
    println!("info  {what}");
}

pub(crate) fn error(what: Arguments<'_>) {
    eprintln!("error {what}");
}
