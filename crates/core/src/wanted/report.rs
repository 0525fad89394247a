//! What is found while a project is turned over: mistakes, and fields that nothing acts on.

use bowline_model::{Capability, Ignored, Origins, Place, Project, Service};

use super::{Given, Unfit, WantedError};

/// A service with all that surrounds it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) project: &'a Project,
    pub(super) given: &'a Given<'a>,
    pub(super) name: &'a str,
    pub(super) service: &'a Service,
}

impl Subject<'_> {
    /// The path of one of the service's fields.
    pub(super) fn path(&self, field: &str) -> String {
        format!("services.{}.{field}", self.name)
    }
}

/// Collects, so that everything that is wrong is said at once.
pub(super) struct Report<'a> {
    origins: &'a Origins,
    pub(super) errors: Vec<WantedError>,
    pub(super) ignored: Vec<Ignored>,
}

impl<'a> Report<'a> {
    pub(super) fn new(origins: &'a Origins) -> Self {
        Self {
            origins,
            errors: Vec::new(),
            ignored: Vec::new(),
        }
    }

    /// Where a field is written, or what encloses it.
    pub(super) fn place(&self, path: &str) -> Option<Place> {
        self.origins.nearest(path).cloned()
    }

    /// This cannot be done.
    pub(super) fn refuse(&mut self, path: String, mistake: Unfit) {
        let error = WantedError {
            place: self.place(&path),
            path,
            mistake,
        };
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// This value makes no sense there.
    pub(super) fn invalid(
        &mut self,
        path: String,
        value: impl Into<String>,
        expected: &'static str,
    ) {
        let value = value.into();
        self.refuse(path, Unfit::Invalid { value, expected });
    }

    /// This is left out, or does something else than it reads. Said once, however many services use it.
    pub(super) fn ignore(&mut self, path: String, why: impl Into<String>) {
        let ignored = Ignored {
            place: self.place(&path),
            path,
            why: why.into(),
        };
        if !self.ignored.contains(&ignored) {
            self.ignored.push(ignored);
        }
    }

    /// Tells whether the engine has it; where it has not, the field is named as left out.
    pub(super) fn can(
        &mut self,
        subject: &Subject<'_>,
        field: &str,
        capability: Capability,
    ) -> bool {
        let api = subject.given.api;
        if !api.has(capability) {
            self.ignore(
                subject.path(field),
                format!(
                    "the engine speaks API {api} and this needs {}",
                    capability.since()
                ),
            );
        }
        api.has(capability)
    }
}

/// A text that says something.
pub(super) fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
