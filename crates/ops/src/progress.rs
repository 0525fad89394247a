//! What a front end is told while something is done.

use bowline_core::Watch;
use bowline_engine::BuildStep;

/// Somebody who is told about steps and about images on their way.
pub trait Progress: Watch {
    /// An image is pulled: the engine's words about one of its layers, or about all.
    fn pulling(&self, reference: &str, status: &str);

    /// An image is built. Secrets of the build are masked.
    fn building(&self, reference: &str, news: Building<'_>);
}

/// What a builder says.
#[derive(Clone, Copy, Debug)]
pub enum Building<'a> {
    /// A step of the Dockerfile begins.
    Step(&'a BuildStep),
    /// A line that the step wrote.
    Line(&'a str),
    /// A base image is pulled: the engine's words about one of its layers, or about all.
    BaseImage(&'a str),
}
