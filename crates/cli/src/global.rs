//! The options that every verb takes.

use bowline_ops::{Failure, StackOptions};
use clap::{Args, ValueEnum};

use crate::surroundings::variable;

/// Options that every verb takes, named as Compose names them.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Compose file; repeat to put one onto the other, `-` is standard input
    #[arg(short, long = "file", value_name = "FILE", global = true)]
    pub(crate) file: Vec<String>,
    /// Name of the project [default: the last `name:` in the files, else the folder's name]
    #[arg(short, long, value_name = "NAME", global = true)]
    project_name: Option<String>,
    /// Folder against which relative paths are read [default: that of the first Compose file]
    #[arg(long, value_name = "DIR", global = true)]
    project_directory: Option<String>,
    /// Profile to switch on; repeatable, `*` is all
    #[arg(long, value_name = "NAME", global = true)]
    profile: Vec<String>,
    /// File with variables; repeatable [default: `.env` beside the Compose file]
    #[arg(long, value_name = "FILE", global = true)]
    env_file: Vec<String>,
    /// Keep networks, volumes, secrets and configs that no service uses
    #[arg(long, global = true)]
    all_resources: bool,
    /// Join names with `_` as Compose did long ago, and print projects as they are written
    #[arg(long, global = true)]
    compatibility: bool,
    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", global = true)]
    pub(crate) ansi: Option<Ansi>,
    /// How many engine calls may run at once; -1 is no limit
    #[arg(long, value_name = "N", global = true, allow_negative_numbers = true)]
    parallel: Option<i32>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ansi {
    /// Never
    Never,
    /// Always
    Always,
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
}

impl GlobalArgs {
    /// Puts what stands before the verb before what stands behind it.
    pub(crate) fn prepend(&mut self, front: Self) {
        for (all, first) in [
            (&mut self.file, front.file),
            (&mut self.profile, front.profile),
            (&mut self.env_file, front.env_file),
        ] {
            if *all != first {
                all.splice(0..0, first);
            }
        }
    }

    /// Which stack is meant.
    pub(crate) fn stack(&self) -> Result<StackOptions, Failure> {
        self.parallel()?;
        Ok(StackOptions {
            files: self.file.clone(),
            project_name: self.project_name.clone(),
            project_directory: self.project_directory.clone(),
            profiles: self.profile.clone(),
            env_files: self.env_file.clone(),
            all_resources: self.all_resources,
            compatibility: self.compatibility,
        })
    }

    /// How many engine calls may run at once; `None` is no limit.
    pub(crate) fn parallel(&self) -> Result<Option<usize>, Failure> {
        let wanted = match (self.parallel, variable("COMPOSE_PARALLEL_LIMIT")) {
            (Some(wanted), _) => wanted,
            (None, None) => -1,
            (None, Some(text)) => text.parse().map_err(|_| Failure::Usage {
                message: format!("`COMPOSE_PARALLEL_LIMIT` is `{text}`, and not a whole number"),
                hint: Some("set it to a number of engine calls, or unset it".to_owned()),
            })?,
        };
        Ok(usize::try_from(wanted).ok().filter(|limit| *limit > 0))
    }
}
