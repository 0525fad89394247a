//! What the journal promises, on real files.

mod bad_days;
mod records;
mod stage;
