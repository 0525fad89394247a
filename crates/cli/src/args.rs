//! The command line, as clap reads it. What an option means is said here once and shown by `--help`.

use std::ffi::OsString;

use bowline_model::ContainerId;
use bowline_ops::{ConfigForm, ConfigRequest, Failure, Listing, StackOptions, answer_within};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use crate::debug::DebugArgs;
use crate::doctor::DoctorArgs;
use crate::exec::ExecArgs;
use crate::explain::ExplainArgs;
use crate::global::GlobalArgs;
use crate::logs::LogsArgs;
use crate::ls::LsArgs;
use crate::net::NetArgs;
use crate::operate::{
    DownArgs, HistoryArgs, PlanArgs, RerunArgs, StartArgs, StopArgs, UndoArgs, UpArgs,
};
use crate::ps::PsArgs;

/// Operates multi-service container stacks from their Compose files.
///
/// Global options stand before or behind the verb.
#[derive(Debug, Parser)]
#[command(
    name = "bowline",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What bowline can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Check the Compose files and print what they mean
    Config(ConfigArgs),
    /// Show what `up` would do, and why
    Plan(PlanArgs),
    /// Bring the stack up and return when everything is ready or has failed
    Up(UpArgs),
    /// Take the stack down; volumes stay unless they are named
    Down(DownArgs),
    /// List containers
    Ps(PsArgs),
    /// List the stacks on the engine
    Ls(LsArgs),
    /// Say why a stack is not well, and what shows it
    Doctor(DoctorArgs),
    /// Say at length what a code of `doctor` means
    Explain(ExplainArgs),
    /// Print what containers wrote
    Logs(LogsArgs),
    /// Run a command in a container that runs
    Exec(ExecArgs),
    /// Try who reaches whom, from within the networks of the containers
    Net(NetArgs),
    /// Open a shell beside a service: its image, variables, mounts and networks, whether or not it runs
    Debug(DebugArgs),
    /// Start services that are stopped, as they are
    Start(StartArgs),
    /// Stop services and keep their containers
    Stop(StopArgs),
    /// Stop and start services, as they are
    Restart(StopArgs),
    /// Freeze services that run; what they hold stays
    Pause(StartArgs),
    /// Let paused services go on, and return when they are ready
    Unpause(StartArgs),
    /// Run done jobs once more
    Rerun(RerunArgs),
    /// List the operations of the stack
    History(HistoryArgs),
    /// Take an operation back
    Undo(UndoArgs),
    /// Go on with the last operation where it did not get to its end
    Resume,
    /// Print the version
    Version(VersionArgs),
    /// Answer questions of another bowline from within a container that it made for that
    #[command(name = bowline_ops::WITHIN, hide = true)]
    Within(WithinArgs),
}

/// The arguments of the verb that nobody types.
#[derive(Debug, Args)]
pub(crate) struct WithinArgs {
    /// The container whose processes and network are shared, by its id
    container: String,
}

impl WithinArgs {
    /// Answers until there are no more questions.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let container = ContainerId(self.container.clone());
        let input = std::io::stdin().lock();
        answer_within(&container, input, std::io::stdout()).map_err(|error| Failure::Usage {
            message: format!("the questions cannot be read: {error}"),
            hint: None,
        })
    }
}

/// What stands before the verb.
#[derive(Debug, Parser)]
#[command(disable_help_flag = true)]
struct Front {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    rest: Rest,
}

/// The verb and what stands behind it.
#[derive(Debug, Subcommand)]
enum Rest {
    #[command(external_subcommand)]
    Any(#[expect(dead_code, reason = "read elsewhere")] Vec<OsString>),
}

impl Arguments {
    /// Reads the command line of the process.
    ///
    /// Of an option that is given on both sides of the verb, clap keeps what stands behind it. One that can be
    /// repeated counts on both sides here: a file left out silently would change what is done.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let words: Vec<OsString> = std::env::args_os().collect();
        Self::of(&words)
    }

    fn of(words: &[OsString]) -> Result<Self, clap::Error> {
        let mut arguments = Self::try_parse_from(words)?;
        if let Ok(front) = Front::try_parse_from(words) {
            arguments.global.prepend(front.global);
        }
        Ok(arguments)
    }

    /// The options that every verb takes.
    pub(crate) fn global(&self) -> &GlobalArgs {
        &self.global
    }
}

/// `bowline config`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("list").multiple(false))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in Compose"
)]
pub(crate) struct ConfigArgs {
    /// Services to print, with what they depend on
    services: Vec<String>,
    /// Form of the answer
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only check; print nothing
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<String>,
    /// Leave variables in place
    #[arg(long)]
    no_interpolate: bool,
    /// Leave out what is added to the files: default network, names, implied dependencies
    #[arg(long)]
    no_normalize: bool,
    /// Leave relative paths in place
    #[arg(long)]
    no_path_resolution: bool,
    /// Do not check whether the project fits together
    #[arg(long)]
    no_consistency: bool,
    /// Do not read the files named by `env_file`
    #[arg(long)]
    no_env_resolution: bool,
    /// Print the names of services, each behind what it depends on
    #[arg(long = "services", id = "list_services", group = "list")]
    list_services: bool,
    /// Print the names of images
    #[arg(long, group = "list")]
    images: bool,
    /// Print the names of volumes
    #[arg(long, group = "list")]
    volumes: bool,
    /// Print the names of networks
    #[arg(long, group = "list")]
    networks: bool,
    /// Print the names of language models
    #[arg(long, group = "list")]
    models: bool,
    /// Print the names of profiles
    #[arg(long, group = "list")]
    profiles: bool,
    /// Print the variables that the files use
    #[arg(long, group = "list")]
    variables: bool,
    /// Print the variables at hand, secret ones included
    #[arg(long, group = "list")]
    environment: bool,
    /// Print the hash by which Compose recognises changes, of some services or of all (`*`)
    #[arg(long, group = "list", value_name = "SERVICE,…")]
    hash: Option<String>,
    /// Not supported yet
    #[arg(long, hide = true)]
    resolve_image_digests: bool,
    /// Not supported yet
    #[arg(long, hide = true)]
    lock_image_digests: bool,
}

/// The form in which data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// YAML
    Yaml,
    /// JSON
    Json,
}

impl ConfigArgs {
    /// What is asked for.
    pub(crate) fn request(&self, stack: StackOptions) -> Result<ConfigRequest, Failure> {
        for (given, name) in [
            (self.resolve_image_digests, "--resolve-image-digests"),
            (self.lock_image_digests, "--lock-image-digests"),
        ] {
            if given {
                return Err(Failure::Usage {
                    message: format!("`{name}` is not supported yet"),
                    hint: Some("write the digest behind the image: `name:tag@sha256:…`".to_owned()),
                });
            }
        }
        Ok(ConfigRequest {
            stack,
            services: self.services.clone(),
            form: self.form(),
            no_interpolate: self.no_interpolate,
            no_normalize: self.no_normalize,
            no_path_resolution: self.no_path_resolution,
            no_consistency: self.no_consistency,
            no_env_resolution: self.no_env_resolution,
        })
    }

    fn form(&self) -> ConfigForm {
        let listings = [
            (self.list_services, Listing::Services),
            (self.images, Listing::Images),
            (self.volumes, Listing::Volumes),
            (self.networks, Listing::Networks),
            (self.models, Listing::Models),
            (self.profiles, Listing::Profiles),
        ];
        if let Some((_, listing)) = listings.into_iter().find(|(given, _)| *given) {
            return ConfigForm::List(listing);
        }
        if let Some(services) = &self.hash {
            let names = services.split(',').filter(|name| *name != "*");
            return ConfigForm::Hash(names.map(str::to_owned).collect());
        }
        match (self.variables, self.environment, self.format) {
            (true, _, Some(Format::Json)) => ConfigForm::VariablesJson,
            (true, ..) => ConfigForm::Variables,
            (_, true, _) => ConfigForm::Environment,
            (.., Some(Format::Json)) => ConfigForm::Json,
            _ => ConfigForm::Yaml,
        }
    }
}

/// `bowline version`
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Print the number alone
    #[arg(long)]
    pub(crate) short: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(line: &str) -> Vec<String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        Arguments::of(&words).unwrap().global.file
    }

    #[test]
    fn files_count_on_both_sides_of_the_verb() {
        assert_eq!(files("bowline -f a -f b config"), ["a", "b"]);
        assert_eq!(files("bowline config -f a -f b"), ["a", "b"]);
        assert_eq!(files("bowline -f a config -f b"), ["a", "b"]);
        assert_eq!(files("bowline -f a logs -f --file b web"), ["a", "b"]);
        assert_eq!(files("bowline logs -f web"), [""; 0]);
    }
}
