//! What the journal promises, on real files.

mod any_order;
mod bad_days;
mod records;
mod stage;
