//! The runtime for verbs that talk to an engine. Verbs that do not never start one.

use std::future::Future;
use std::io;

use bowline_ops::Failure;

/// Runs a verb to its end, on this thread.
///
/// What still waits in the background then, such as a read of standard input, is left behind.
pub(crate) fn block_on<T>(verb: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| not_started(&error))?;
    let done = runtime.block_on(verb);
    runtime.shutdown_background();
    done
}

fn not_started(error: &io::Error) -> Failure {
    Failure::State {
        message: format!("the system gives no room to work in: {error}"),
        hints: vec!["look at the limits of open files and processes (`ulimit -a`)".to_owned()],
    }
}
