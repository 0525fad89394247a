//! Loads Compose files as Docker Compose 2.40 does, and says more about what is wrong with them.
//!
//! [`load`] takes a [`Request`] (which files, which variables, which profiles: nothing is read from the
//! process) and answers with a [`Project`](bowline_model::Project) in which every default is filled in, every
//! path is absolute and every value remembers its file, line and column. [`load_model`] answers with the
//! merged tree instead, before variables are replaced. What cannot be loaded is answered with all independent
//! mistakes at once.
//!
//! Files are read through one module, YAML is parsed in one module, and the fields of Compose stand in one
//! table. Start reading at `load.rs`, which is the load order; `schema/table.rs` is what Compose files may say.

mod canonical;
mod clear;
mod consistency;
mod context;
mod dotenv;
mod env_files;
mod extends;
mod files;
mod finish;
mod include;
mod interpolate;
mod load;
mod merge;
mod paths;
mod port;
mod problem;
mod project;
mod render;
mod report;
mod request;
mod schema;
mod select;
mod source;
mod syntax;
mod tree;
mod volume;
mod words;
mod yaml;

pub use files::Files;
pub use interpolate::VariableUse;
pub use paths::clean as clean_path;
pub use problem::{Caution, Mistake, Problem, Remark, Warning};
pub use project::{Loaded, Model, load, load_model};
pub use render::{
    container_hash, container_hash_text, network_hash, render_json, render_model_json,
    render_model_yaml, render_yaml, service_hash, volume_hash,
};
pub use report::{LoadError, Report};
pub use request::Request;
