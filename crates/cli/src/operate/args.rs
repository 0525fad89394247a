//! The options of the verbs that change a stack.

use std::collections::BTreeMap;

use bowline_model::BuildChoice;
use bowline_ops::{
    AbortOn, DownRequest, Failure, PullRule, ServicesRequest, StackOptions, StayRequest, UpRequest,
};
use clap::{ArgGroup, Args, ValueEnum};

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
    /// Build images that have a build section, although they are there
    #[arg(long)]
    build: bool,
    /// Build nothing: an image that would have to be built has to be there
    #[arg(long, conflicts_with = "build")]
    no_build: bool,
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
#[command(group = ArgGroup::new("stays").multiple(true))]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) wanted: WantedArgs,
    /// Leave the containers in the background; this is what happens anyway
    #[arg(short, long)]
    detach: bool,
    /// Seconds after which waiting is given up; what was started stays
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait_timeout: Option<u64>,
    /// Seconds until a container that has to stop is killed [default: what the service says, else 10]
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
    /// Answer every question with yes; there are none
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    pub(crate) stay: StayArgs,
}

/// `bowline up` that stays with the logs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Staying with the logs")]
#[group(skip)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in Compose"
)]
pub(crate) struct StayArgs {
    /// Show what all services write, until nothing runs any more; Ctrl-C leaves them running
    #[arg(long, group = "stays", conflicts_with = "detach")]
    follow: bool,
    /// Show only what this service writes, and stay like `--follow`; repeatable
    #[arg(
        long,
        group = "stays",
        value_name = "SERVICE",
        conflicts_with = "detach"
    )]
    attach: Vec<String>,
    /// Stop everything when a container ends, and exit with its code; done jobs that others wait for do not count
    #[arg(long, group = "stays", conflicts_with_all = ["detach", "abort_on_container_failure"])]
    abort_on_container_exit: bool,
    /// Stop everything when a container ends with another code than 0, and exit with it
    #[arg(long, group = "stays", conflicts_with = "detach")]
    abort_on_container_failure: bool,
    /// Stop everything when a container ends, and exit with the code of this service
    #[arg(
        long,
        group = "stays",
        value_name = "SERVICE",
        conflicts_with = "detach"
    )]
    exit_code_from: Option<String>,
    /// Print when each line was written
    #[arg(long, requires = "stays")]
    pub(crate) timestamps: bool,
    /// Print no colours
    #[arg(long, requires = "stays")]
    pub(crate) no_color: bool,
    /// Print lines without the name of the container
    #[arg(long, requires = "stays")]
    pub(crate) no_log_prefix: bool,
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

/// `bowline start`, `bowline pause` and `bowline unpause`
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

impl UpArgs {
    /// What is asked for.
    pub(crate) fn request(
        &self,
        stack: StackOptions,
        parallel: Option<usize>,
    ) -> Result<UpRequest, Failure> {
        Ok(UpRequest {
            grace_secs: self.timeout,
            ..self.wanted.request(stack, parallel)?
        })
    }

    /// What is asked for beside that where the logs are to be shown; `None` where they are not.
    pub(crate) fn stay(&self, up: &UpRequest) -> Option<StayRequest> {
        let stay = &self.stay;
        let abort_on = if stay.abort_on_container_exit {
            Some(AbortOn::Exit)
        } else if stay.abort_on_container_failure {
            Some(AbortOn::Failure)
        } else {
            None
        };
        let stays = stay.follow
            || !stay.attach.is_empty()
            || abort_on.is_some()
            || stay.exit_code_from.is_some();
        stays.then(|| StayRequest {
            up: up.clone(),
            attach: stay.attach.clone(),
            abort_on,
            exit_code_from: stay.exit_code_from.clone(),
        })
    }
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
            build: match (self.build, self.no_build) {
                (true, _) => BuildChoice::Always,
                (false, true) => BuildChoice::Never,
                (false, false) => BuildChoice::AsTheFilesSay,
            },
            no_wait: self.no_wait,
            grace_secs: None,
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
