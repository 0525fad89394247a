//! The terminal while another program owns it: every key goes through, and it is put back on every way out.

use std::io::{self, Stdin};
use std::panic;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// The terminal behind standard input in raw mode, until this is dropped.
///
/// A panic puts it back too, although the release build then aborts without dropping anything. Signals that end
/// the process are the caller's: it has to catch them and drop this.
#[derive(Debug)]
pub(super) struct RawMode {
    stdin: Stdin,
    before: Termios,
}

impl RawMode {
    pub(super) fn enter() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Drain, &raw)?;
        let (at_panic, told) = (before.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |info| {
            put_back(&io::stdin(), &at_panic);
            told(info);
        }));
        Ok(Self { stdin, before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        put_back(&self.stdin, &self.before);
    }
}

fn put_back(stdin: &Stdin, before: &Termios) {
    // Where the terminal itself has gone there is nothing to put back.
    let _ = tcsetattr(stdin, OptionalActions::Drain, before);
}

/// Rows and columns of the terminal behind standard output.
pub(super) fn size() -> (u16, u16) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row, size.ws_col),
        _ => (24, 80),
    }
}
