//! `bowline ls`: which stacks there are on the engine.

use bowline_ops::{Failure, LsRequest, StackLine, ls};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::global::GlobalArgs;
use crate::table::columns;
use crate::terminal::Terminal;
use crate::{runtime, surroundings};

/// `bowline ls`
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// List stacks of which nothing runs, too
    #[arg(short, long)]
    all: bool,
    /// Print only names
    #[arg(short, long)]
    quiet: bool,
    /// List only stacks whose name matches this pattern, written as `name=PATTERN`
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Option<String>,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "table")]
    format: LsFormat,
}

/// The form of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LsFormat {
    /// A line for each stack
    Table,
    /// JSON, as Compose writes it
    Json,
}

/// One stack with the keys of Compose.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    name: &'a str,
    status: &'a str,
    config_files: &'a str,
}

/// Lists the stacks of the engine. Of the global options only those about the engine and colours count.
pub(crate) fn run(global: &GlobalArgs, args: &LsArgs, terminal: &Terminal) -> Result<(), Failure> {
    let request = args.request()?;
    let surroundings = surroundings::read(&global.stack()?, terminal.color())?;
    let stacks = runtime::block_on(ls(&surroundings, &request))?;
    terminal.data(&args.render(&stacks));
    Ok(())
}

impl LsArgs {
    fn request(&self) -> Result<LsRequest, Failure> {
        let name = match &self.filter {
            None => None,
            Some(filter) => match filter.strip_prefix("name=") {
                Some(name) => Some(name.to_owned()),
                None => {
                    return Err(Failure::Usage {
                        message: format!("`--filter` is `{filter}`"),
                        hint: Some("it can be `name=PATTERN`, for example `name=shop`".to_owned()),
                    });
                }
            },
        };
        Ok(LsRequest {
            all: self.all,
            name,
        })
    }

    fn render(&self, stacks: &[StackLine]) -> String {
        if self.quiet {
            return stacks.iter().map(|one| one.name.clone() + "\n").collect();
        }
        match self.format {
            LsFormat::Table => {
                let row = |one: &StackLine| {
                    [
                        one.name.clone(),
                        one.status.clone(),
                        one.config_files.clone(),
                    ]
                };
                columns(["NAME", "STATUS", "CONFIG FILES"], stacks.iter().map(row))
            }
            LsFormat::Json => {
                let lines = stacks.iter().map(|one| Line {
                    name: &one.name,
                    status: &one.status,
                    config_files: &one.config_files,
                });
                // Texts can always be written.
                let json = serde_json::to_string(&lines.collect::<Vec<_>>());
                json.unwrap_or_default() + "\n"
            }
        }
    }
}
