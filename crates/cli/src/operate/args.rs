//! The options of the verbs that change a stack.

use std::collections::BTreeMap;

use bowline_ops::{DownRequest, Failure, PullRule, ServicesRequest, StackOptions, UpRequest};
use clap::{Args, ValueEnum};

/// `bowline up` and `bowline plan`: what is wanted.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in Compose"
)]
pub(crate) struct WantedArgs {
    /// Services, with what they depend on [default: all]
    services: Vec<String>,
    /// Leave alone what the named services depend on
    #[arg(long)]
    no_deps: bool,
    /// Number of containers of a service; repeatable
    #[arg(long, value_name = "SERVICE=N")]
    scale: Vec<String>,
    /// Make containers again although nothing changed
    #[arg(long)]
    force_recreate: bool,
    /// Remove containers of services that the files no longer declare
    #[arg(long)]
    remove_orphans: bool,
    /// When to pull images, whatever the files say
    #[arg(long, value_enum, value_name = "WHEN")]
    pull: Option<Pull>,
    /// Return when everything is started
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// Return when everything is ready or has failed; this is what happens anyway
    #[arg(long)]
    wait: bool,
}

/// When to pull images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Pull {
    /// Always
    Always,
    /// Where they are not there
    Missing,
    /// Never
    Never,
}

/// `bowline up`
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) wanted: WantedArgs,
    /// Leave the containers in the background; this is what happens anyway
    #[arg(short, long)]
    detach: bool,
    /// Seconds after which waiting is given up; what was started stays
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait_timeout: Option<u64>,
    /// Answer every question with yes; there are none
    #[arg(short, long)]
    yes: bool,
}

/// `bowline plan`
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) wanted: WantedArgs,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: PlanFormat,
    /// Say why the containers of this service would be changed, or why not
    #[arg(long, value_name = "SERVICE")]
    pub(crate) why: Option<String>,
    /// Exit with 2 where something would be done, with 0 where not
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

/// The form of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// A line for each step
    Text,
    /// JSON
    Json,
}

/// `bowline down`
#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    /// Ask which volumes go, too: lists them with their sizes and wants the project's name typed
    #[arg(short, long, conflicts_with = "destroy_volumes")]
    pub(crate) volumes: bool,
    /// Destroy these volumes with everything in them, without a question
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) destroy_volumes: Vec<String>,
    /// Remove containers of services that the files do not declare; this is what happens anyway
    #[arg(long)]
    remove_orphans: bool,
    /// Seconds until a container that does not stop is killed [default: what the service says, else 10]
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
}

/// `bowline stop` and `bowline restart`
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// Services [default: all]
    services: Vec<String>,
    /// Seconds until a container that does not stop is killed [default: what the service says, else 10]
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
}

/// `bowline start`
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Services [default: all]
    services: Vec<String>,
}

/// `bowline rerun`
#[derive(Debug, Args)]
pub(crate) struct RerunArgs {
    /// Jobs
    #[arg(required = true)]
    pub(crate) jobs: Vec<String>,
}

/// `bowline history`
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// How many operations, from the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: u32,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: PlanFormat,
}

/// `bowline undo`
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// The operation, as `bowline history` names it [default: the last one]
    pub(crate) operation: Option<String>,
}

impl WantedArgs {
    /// What is asked for.
    pub(crate) fn request(
        &self,
        stack: StackOptions,
        parallel: Option<usize>,
    ) -> Result<UpRequest, Failure> {
        Ok(UpRequest {
            stack,
            services: self.services.clone(),
            no_deps: self.no_deps,
            scale: scale(&self.scale)?,
            force_recreate: self.force_recreate,
            remove_orphans: self.remove_orphans,
            pull: self.pull.map(|pull| match pull {
                Pull::Always => PullRule::Always,
                Pull::Missing => PullRule::Missing,
                Pull::Never => PullRule::Never,
            }),
            no_wait: self.no_wait,
            parallel,
        })
    }
}

fn scale(words: &[String]) -> Result<BTreeMap<String, u32>, Failure> {
    let one = |word: &String| {
        let (service, number) = word.split_once('=')?;
        Some((service.to_owned(), number.parse().ok()?))
    };
    let read = words.iter().map(|word| {
        one(word).ok_or_else(|| Failure::Usage {
            message: format!("`--scale {word}` is not understood"),
            hint: Some("write a service and a number: `--scale web=3`".to_owned()),
        })
    });
    read.collect()
}

impl DownArgs {
    /// What is asked for, with the volumes that go.
    pub(crate) fn request(
        &self,
        stack: StackOptions,
        destroy_volumes: Vec<String>,
        parallel: Option<usize>,
    ) -> DownRequest {
        DownRequest {
            stack,
            destroy_volumes,
            grace_secs: self.timeout,
            parallel,
        }
    }
}

impl StopArgs {
    /// What is asked for.
    pub(crate) fn request(&self, stack: StackOptions) -> ServicesRequest {
        ServicesRequest {
            stack,
            services: self.services.clone(),
            grace_secs: self.timeout,
        }
    }
}

impl StartArgs {
    /// What is asked for.
    pub(crate) fn request(&self, stack: StackOptions) -> ServicesRequest {
        ServicesRequest {
            stack,
            services: self.services.clone(),
            grace_secs: None,
        }
    }
}
