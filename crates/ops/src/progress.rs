//! What a front end is told while something is done.

use bowline_core::Watch;

/// Somebody who is told about steps and about images on their way.
pub trait Progress: Watch {
    /// An image is pulled: the engine's words about one of its layers, or about all.
    fn pulling(&self, reference: &str, status: &str);
}
