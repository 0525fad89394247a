//! Entering a network namespace, on a thread that ends with what it was entered for.

use std::fs::File;
use std::os::fd::AsFd as _;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Runs `work` on a thread of its own that has entered a network namespace, and waits for its end.
///
/// A thread stays in a namespace for good, so no other work may ever land on it. A socket stays in the namespace in
/// which it was opened, so `work` may hand out sockets.
///
/// # Errors
///
/// The kernel's, where this process may not enter; then `work` was not run.
pub(crate) fn in_namespace<T: Send>(
    namespace: &File,
    work: impl FnOnce() -> T + Send,
) -> rustix::io::Result<T> {
    let enter_and_work = || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(work())
    };
    std::thread::scope(|scope| {
        scope
            .spawn(enter_and_work)
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
