//! What bowline knows of a stack beside what its engine shows: what the last operation could not do, what the next one
//! would change, and where else the stack may be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bowline_compose::{LoadError, Mistake, Request, load, load_model};
use bowline_core::{Journal, JournalError};
use bowline_doctor::{
    Changed, Circle, Elsewhere, Facts, Look, NoEngine, NotDone, Overriding, Unseen, WhyNoEngine,
    WhyUnseen,
};
use bowline_engine::{
    ConnectError, DEFAULT_SOCKET, Endpoint, EndpointOrigin, EngineError, Selector, Unreachable,
};
use bowline_model::{Action, Cause, Outcome, Project, StepOutcome, label, mask_written};
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::connect::endpoint;
use crate::operate::{UpRequest, plan};
use crate::stack::{StackOptions, Surroundings};
use crate::{Answer, Failure};

/// How long planning may take.
const PLAN: Duration = Duration::from_secs(3);
/// Variables that are looked at: each takes another reading of the files.
const MOST_VARIABLES: usize = 16;
/// How long another engine may take to say what it has.
const ELSEWHERE: Duration = Duration::from_millis(700);

/// What the last operation could not do; nothing where it did everything.
pub(crate) async fn not_done(journal: &Journal) -> Result<Vec<NotDone>, JournalError> {
    let Some(last) = journal.history(1).await?.into_iter().next() else {
        return Ok(Vec::new());
    };
    let Some(record) = journal.operation(&last.id).await? else {
        return Ok(Vec::new());
    };
    let failed = record.steps.iter().filter_map(|step| match &step.outcome {
        StepOutcome::Failed { error } => Some(NotDone {
            at: step.ended,
            service: step.service.clone(),
            step: step.action.clone(),
            is_wait: false,
            error: error.clone(),
        }),
        _ => None,
    });
    let mut not_done: Vec<NotDone> = failed.collect();
    // A wait changes nothing, so it is no step of the journal; what the operation failed of is.
    if let Outcome::Failed { step, error } = &last.outcome {
        let plan = journal.plan(&last.id).await?;
        let step = plan.steps.iter().find(|one| one.id == *step);
        if let Some(step) = step.filter(|step| matches!(step.action, Action::Await { .. })) {
            not_done.push(NotDone {
                at: last.ended,
                service: step.service.clone(),
                step: step.action.to_string(),
                is_wait: true,
                error: error.clone(),
            });
        }
    }
    Ok(not_done)
}

/// What an `up` would change in containers that run, by their services. Reads only.
///
/// # Errors
///
/// Why nothing could be planned.
pub(crate) async fn changed(
    surroundings: &Surroundings,
    stack: &StackOptions,
) -> Result<BTreeMap<String, Vec<Changed>>, Unseen> {
    let request = UpRequest {
        stack: stack.clone(),
        ..UpRequest::default()
    };
    let unseen = |cause| Unseen {
        look: Look::Drift,
        cause,
    };
    let answer = timeout(PLAN, plan(surroundings, &request)).await;
    let answer = answer.map_err(|_| unseen(WhyUnseen::TooSlow))?;
    let Answer { value, .. } =
        answer.map_err(|failure| unseen(WhyUnseen::Engine(mask_written(&failure.to_string()))))?;
    let mut by_service: BTreeMap<String, Vec<Changed>> = BTreeMap::new();
    for step in &value.steps {
        let (changes, by_files) = match &step.cause {
            Cause::Changed(changes) => (changes, true),
            Cause::Drifted(changes) => (changes, false),
            _ => continue,
        };
        let Some(service) = &step.service else {
            continue;
        };
        let fields = by_service.entry(service.clone()).or_default();
        fields.extend(changes.iter().map(|change| Changed {
            field: change.field.clone(),
            by_files,
        }));
        fields.sort();
        fields.dedup();
    }
    Ok(by_service)
}

/// Variables of this process that stand before another value in a file of variables, with the fields that would be
/// others without them. Nothing where the files cannot be loaded.
pub(crate) fn overriding(surroundings: &Surroundings, stack: &StackOptions) -> Vec<Overriding> {
    let request = Request {
        no_env_resolution: true,
        ..stack.load_request(surroundings, &[])
    };
    let unread = Request {
        no_interpolate: true,
        ..request.clone()
    };
    let (Ok(model), Ok(with)) = (load_model(&unread), load(&request)) else {
        return Vec::new();
    };
    let set = |name: &String| surroundings.environment.contains_key(name);
    let names = model.variables().into_keys().filter(set);
    let overriding = names.take(MOST_VARIABLES).filter_map(|variable| {
        let mut request = request.clone();
        request.environment.remove(&variable);
        let without = load(&request).ok()?;
        let other = without.project.environment.get(&variable)?;
        let differs = Some(other) != surroundings.environment.get(&variable);
        let fields = fields_that_differ(&with.project, &without.project);
        (differs && !fields.is_empty()).then_some(Overriding { variable, fields })
    });
    overriding.collect()
}

/// The fields of services in which two readings of the same files differ.
fn fields_that_differ(one: &Project, other: &Project) -> Vec<String> {
    let mut fields = Vec::new();
    for (name, service) in &one.services {
        let Some(same) = other.services.get(name).filter(|same| *same != service) else {
            continue;
        };
        let keys = service.environment.0.iter();
        let keys = keys.filter(|(key, value)| same.environment.0.get(*key) != Some(*value));
        let before = fields.len();
        fields.extend(keys.map(|(key, _)| format!("services.{name}.environment.{key}")));
        if fields.len() == before {
            fields.push(format!("services.{name}"));
        }
    }
    fields
}

/// Another engine of this host that has containers of a project.
pub(crate) async fn elsewhere(surroundings: &Surroundings, project: &str) -> Option<Elsewhere> {
    let asked = endpoint(surroundings).ok()?;
    let mut sockets = vec![
        PathBuf::from(DEFAULT_SOCKET),
        "/run/podman/podman.sock".into(),
    ];
    if let Some(folder) = surroundings.variable("XDG_RUNTIME_DIR") {
        sockets.push(PathBuf::from(folder).join("docker.sock"));
        sockets.push(PathBuf::from(folder).join("podman/podman.sock"));
    }
    sockets.retain(|socket| *socket != asked.socket);
    let looks = sockets.into_iter().map(|socket| async move {
        let endpoint = Endpoint::at(socket);
        let count = timeout(ELSEWHERE, count(&endpoint, project)).await.ok()??;
        (count > 0).then(|| (endpoint.to_string(), count))
    });
    let found = join_all(looks).await.into_iter().flatten().next();
    let (other, containers) = found?;
    Some(Elsewhere {
        asked: asked.to_string(),
        variable: variable(&asked.origin),
        endpoint: other,
        containers,
    })
}

async fn count(endpoint: &Endpoint, project: &str) -> Option<usize> {
    let engine = bowline_engine::connect(endpoint.clone()).await.ok()?;
    let which = Selector::label(label::PROJECT, project);
    let containers = engine.containers(&which).await.ok()?;
    Some(containers.len())
}

/// The variable that says where an engine is.
fn variable(origin: &EndpointOrigin) -> Option<String> {
    match origin {
        EndpointOrigin::DockerHost => Some("DOCKER_HOST".to_owned()),
        EndpointOrigin::ContainerHost => Some("CONTAINER_HOST".to_owned()),
        EndpointOrigin::Context(_) => Some("DOCKER_CONTEXT".to_owned()),
        EndpointOrigin::Default => None,
    }
}

/// That the engine could not be reached, where that is what a failure says.
pub(crate) fn no_engine(surroundings: &Surroundings, failure: &Failure) -> Option<NoEngine> {
    let Failure::EngineConnect { error, hints } = failure else {
        return None;
    };
    let asked = endpoint(surroundings).ok()?;
    let why = match error {
        ConnectError::Engine(EngineError::Unreachable { reason, .. }) => match reason {
            Unreachable::NoSocket => WhyNoEngine::NoSocket,
            Unreachable::PermissionDenied => WhyNoEngine::PermissionDenied,
            Unreachable::Refused => WhyNoEngine::Refused,
            _ => WhyNoEngine::Other,
        },
        _ => WhyNoEngine::Other,
    };
    Some(NoEngine {
        endpoint: asked.to_string(),
        variable: variable(&asked.origin),
        why,
        text: error.to_string(),
        hints: hints.clone(),
    })
}

/// The circles of dependencies for which a project cannot be loaded; nothing where that is not all that is wrong.
pub(crate) fn circles(error: &LoadError) -> Vec<Circle> {
    let circle = |what: &Mistake| match what {
        Mistake::DependencyCycle { chain } => Some(Circle {
            services: chain.clone(),
        }),
        _ => None,
    };
    let circles = error.problems().iter().map(|problem| circle(&problem.what));
    circles.collect::<Option<Vec<Circle>>>().unwrap_or_default()
}

/// The facts of a stack that could not be looked at, with why not.
pub(crate) fn unseen(mut facts: Facts, cause: WhyUnseen) -> Facts {
    facts.unseen.push(Unseen {
        look: Look::Containers,
        cause,
    });
    facts
}
