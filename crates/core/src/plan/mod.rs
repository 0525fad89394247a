//! The planner: from a goal and what was observed to the steps that lead there.
//!
//! Pure: it sees no clock, no network, no file and asks nobody. Everything that is decided about a stack is
//! decided here, and nothing else in bowline decides. The same goal, observation and memory always give the
//! same plan, and a plan for a stack that is as wanted is empty.

mod down;
mod draft;
mod images;
mod networks;
mod replicas;
mod up;

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::{
    Action, Cause, Change, ContainerId, FileChange, Goal, Ignored, Observed, Place, Plan, StepId,
};
use jiff::Timestamp;

use crate::compare::Baseline;

/// What the journal remembers of earlier operations, as far as a planner may know it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Of containers that bowline made.
    pub baselines: BTreeMap<ContainerId, Baseline>,
    /// Containers that were found ready, by the start of the run in which they were.
    pub ready: BTreeSet<(ContainerId, Timestamp)>,
    /// Containers that an operation of this journal created and that it did not get to remember: what belongs into
    /// them may be missing, and no engine shows that.
    pub half_made: BTreeSet<ContainerId>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The project counts on a network that somebody else makes.
    #[error("the external network `{name}` does not exist")]
    NoExternalNetwork {
        /// Its name.
        name: String,
    },
    /// The project counts on a volume that somebody else makes.
    #[error("the external volume `{name}` does not exist")]
    NoExternalVolume {
        /// Its name.
        name: String,
    },
    /// A volume is there and was made otherwise than the project now says.
    #[error("volume `{name}` was made differently than the project says now ({})", list(.changes))]
    VolumeChanged {
        /// Its name.
        name: String,
        /// What differs.
        changes: Vec<Change>,
    },
    /// An image may not be pulled and is not there.
    #[error(
        "the image `{reference}` of service `{service}` is not there, and its policy is never to pull it"
    )]
    NoImage {
        /// The image.
        reference: String,
        /// The service.
        service: String,
        /// Where the service is written.
        place: Option<Place>,
    },
    /// An image has to be built, and the request forbids it.
    #[error(
        "the image `{reference}` of service `{service}` is not there, and `--no-build` keeps it from being built"
    )]
    NotBuilt {
        /// The image.
        reference: String,
        /// The service.
        service: String,
    },
    /// An image has to be built, and its build asks for something that is not done here.
    #[error("{}`{}`: {}", .asked.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default(), .asked.path, .asked.why)]
    NotBuildable {
        /// What it asks for, why not, and where it is written.
        asked: Ignored,
        /// The service.
        service: String,
    },
    /// The name of a container is taken by one that does not belong to the stack.
    #[error("the container name `{name}` of service `{service}` belongs to project `{project}`")]
    NameTaken {
        /// The name.
        name: String,
        /// The service.
        service: String,
        /// The other project.
        project: String,
    },
    /// A service was named that the stack does not have.
    #[error("the stack has no service `{name}`")]
    NoService {
        /// The name.
        name: String,
    },
    /// A volume was named that the stack does not have.
    #[error("the stack has no volume `{name}`")]
    NoVolume {
        /// The name.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A service is no job.
    #[error("service `{name}` is no job: nothing waits for its end, and it has not ended")]
    NoJob {
        /// The name.
        name: String,
    },
}

impl PlanError {
    /// Tells whether going on would lose data.
    pub fn protects_data(&self) -> bool {
        matches!(self, Self::VolumeChanged { .. })
    }

    /// What to do next, a sentence each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NoExternalNetwork { name } => vec![format!("create it with `docker network create {name}`, or take `external` away")],
            Self::NoExternalVolume { name } => vec![format!("create it with `docker volume create {name}`, or take `external` away")],
            Self::VolumeChanged { name, .. } => vec![
                "put the definition back as it was: a volume cannot be changed without moving its data".to_owned(),
                format!("or back the data up, remove the volume with `bowline down --destroy-volumes {name}`, and bring the stack up again"),
            ],
            Self::NoImage { reference, .. } => vec![format!("pull it (`docker pull {reference}`), or let `pull_policy` be `missing`")],
            Self::NotBuilt { service, .. } => vec![format!("leave `--no-build` out, or build it with `docker compose build {service}`")],
            Self::NotBuildable { service, .. } => vec![format!("take it out, or build the image with `docker compose build {service}`: where it is there, `up` takes it as it is")],
            Self::NameTaken { .. } => vec!["give the service another `container_name`, or remove the other container".to_owned()],
            Self::NoService { .. } => vec!["`bowline config --services` lists them".to_owned()],
            Self::NoVolume { known, .. } if known.is_empty() => {
                vec!["it has no volumes; look with `docker volume ls`".to_owned()]
            }
            Self::NoVolume { known, .. } => vec![format!("its volumes: {}", known.join(", "))],
            Self::NoJob { .. } => vec!["`bowline restart` restarts services that keep running".to_owned()],
        }
    }
}

fn list(changes: &[Change]) -> String {
    let words: Vec<String> = changes.iter().map(Change::to_string).collect();
    words.join(", ")
}

/// Whether a plan brings images, or counts on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// It pulls and builds what has to be.
    Bring,
    /// That was done already.
    Brought,
}

/// Plans towards a goal. An undo is planned from the journal instead, not here.
///
/// # Errors
///
/// Every reason there is, not only the first.
pub fn plan(
    project: &str,
    goal: &Goal,
    observed: &Observed,
    memory: &Memory,
    images: Images,
) -> Result<Plan, Vec<PlanError>> {
    let mut draft = draft::Draft::new(project, observed, memory);
    match goal {
        Goal::Up {
            wanted,
            recreate,
            remove_orphans,
            wait,
        } => {
            up::up(
                &mut draft,
                wanted,
                &up::Choices {
                    recreate,
                    remove_orphans: *remove_orphans,
                    wait: *wait,
                    images,
                    rerun: &[],
                },
            );
        }
        Goal::Rerun { wanted, jobs } => {
            up::up(
                &mut draft,
                wanted,
                &up::Choices {
                    recreate: &[],
                    remove_orphans: false,
                    wait: true,
                    images,
                    rerun: jobs,
                },
            );
        }
        Goal::Down {
            volumes,
            remove_orphans,
            grace_secs,
        } => down::down(&mut draft, volumes, *remove_orphans, *grace_secs),
        Goal::Start { services } => down::start(&mut draft, services),
        Goal::Stop {
            services,
            grace_secs,
        } => down::stop(&mut draft, services, *grace_secs),
        Goal::Restart {
            services,
            grace_secs,
        } => down::restart(&mut draft, services, *grace_secs),
        Goal::Pause { services } => down::pause(&mut draft, services),
        Goal::Unpause { services } => down::unpause(&mut draft, services),
        Goal::Remedy { code, changes, by } => {
            let then = mending(plan(project, by, observed, memory, images)?, code);
            return Ok(match images {
                Images::Bring => after_changes(project, changes, code, then),
                // They came before the images.
                Images::Brought => then,
            });
        }
        Goal::Undo { .. } => {}
    }
    draft.finish()
}

/// A plan whose steps were not asked for by themselves, but to mend what was found.
fn mending(mut plan: Plan, code: &str) -> Plan {
    for step in &mut plan.steps {
        if step.cause == Cause::Requested {
            step.cause = Cause::Mends(code.to_owned());
        }
    }
    plan
}

/// A plan behind the changes of files that it counts on.
fn after_changes(project: &str, changes: &[FileChange], code: &str, then: Plan) -> Plan {
    let mut plan = Plan {
        project: project.to_owned(),
        ..Plan::default()
    };
    for change in changes {
        let change = Box::new(change.clone());
        let cause = Cause::Mends(code.to_owned());
        plan.push(Action::ChangeFile { change }, cause, None, &[]);
    }
    let first: Vec<StepId> = plan.steps.iter().map(|step| step.id).collect();
    let last = u32::try_from(first.len()).unwrap_or(u32::MAX);
    let mut then = then.following(last);
    for step in &mut then.steps {
        // Numbers stay in order: all of these are smaller.
        step.after.splice(0..0, first.iter().copied());
    }
    plan.steps.extend(then.steps);
    plan.notes = then.notes;
    plan
}

/// Plans only what has to be pulled or built before anything else can be known: which image a container is
/// made of, and so whether it has to be made again. Files that are to be changed are changed before that, since an
/// image may be built of them; where there is no image to bring, that is no matter of this plan.
pub fn plan_images(
    project: &str,
    goal: &Goal,
    observed: &Observed,
) -> Result<Plan, Vec<PlanError>> {
    let memory = Memory::default();
    let mut draft = draft::Draft::new(project, observed, &memory);
    if let Some(wanted) = goal.wanted() {
        images::bring(&mut draft, wanted);
    }
    let images = draft.finish()?;
    Ok(match goal {
        Goal::Remedy { code, changes, .. } if !images.steps.is_empty() => {
            after_changes(project, changes, code, images)
        }
        _ => images,
    })
}
