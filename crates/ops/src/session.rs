//! From a request to a stack on its engine: the project loaded, the engine connected, the state found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bowline_compose::{container_hash, container_hash_text, load, network_hash, volume_hash};
use bowline_core::{
    ConfigHashes, Given, HomeHints, Sealer, Stack, StateHome, SystemClock, files_to_read, wanted,
};
use bowline_doctor::Veil;
use bowline_engine::{Engine, Selector};
use bowline_model::{Actor, Ignored, ObservedContainer, Project, Wanted, label};
use tokio::time::timeout;

use crate::connect::connect;
use crate::doctor::secrets;
use crate::stack::{StackOptions, Surroundings};
use crate::{Failure, inputs};

/// A stack on its engine, ready for goals.
pub(crate) struct Session {
    pub(crate) stack: Stack,
    pub(crate) actor: Actor,
    /// What the files say, where they were read.
    pub(crate) files: Option<Project>,
}

/// How long the containers may take to say which secrets they hold.
const PATIENCE: Duration = Duration::from_secs(2);

impl Session {
    /// What hides the secrets of this stack in what its containers wrote. Containers that cannot be read are left out.
    pub(crate) async fn veil(&self) -> Veil {
        let read = timeout(PATIENCE, self.containers()).await;
        let containers = read.unwrap_or_default();
        let secrets = self.files.as_ref().map(secrets).unwrap_or_default();
        Veil::new(self.files.as_ref(), &secrets, &containers)
    }

    async fn containers(&self) -> Vec<ObservedContainer> {
        let engine = &self.stack.engine;
        let which = Selector::label(label::PROJECT, &self.stack.project);
        let listed = engine.containers(&which).await.unwrap_or_default();
        let ids: Vec<_> = listed.into_iter().map(|container| container.id).collect();
        engine.inspect_containers(&ids).await.unwrap_or_default()
    }
}

/// A stack whose project was loaded.
pub(crate) struct LoadedSession {
    pub(crate) session: Session,
    pub(crate) wanted: Wanted,
    /// What the files say.
    pub(crate) project: Project,
    /// Warnings about the files, rendered.
    pub(crate) warnings: String,
}

/// Which services a request is about, and how many of them.
#[derive(Clone, Debug)]
pub(crate) struct Selection<'a> {
    pub(crate) services: &'a [String],
    pub(crate) no_deps: bool,
    pub(crate) scale: &'a BTreeMap<String, u32>,
}

/// Loads the project, connects to its engine, and turns the one into what is wanted of the other.
pub(crate) async fn with_project(
    surroundings: &Surroundings,
    options: &StackOptions,
    selection: Selection<'_>,
) -> Result<LoadedSession, Failure> {
    with_project_by(open, surroundings, options, selection).await
}

/// The same for who changes nothing: this host gets no key either.
pub(crate) async fn with_project_to_read(
    surroundings: &Surroundings,
    options: &StackOptions,
    selection: Selection<'_>,
) -> Result<LoadedSession, Failure> {
    with_project_by(open_to_read, surroundings, options, selection).await
}

type Open = fn(&Surroundings, Arc<dyn Engine>, String) -> Result<Session, Failure>;

async fn with_project_by(
    open: Open,
    surroundings: &Surroundings,
    options: &StackOptions,
    selection: Selection<'_>,
) -> Result<LoadedSession, Failure> {
    let loaded = load(&options.load_request(surroundings, selection.services))?;
    let engine = connect(surroundings).await?;
    let mut session = open(surroundings, engine, loaded.project.name.clone())?;
    session.files = Some(loaded.project.clone());
    let Stack { engine, sealer, .. } = &session.stack;
    let (engine, sealer) = (&**engine, sealer.as_ref());
    let project = &loaded.project;
    let mut wanted = wanted_of(surroundings, options, engine, sealer, project, &selection)?;
    if selection.no_deps && !selection.services.is_empty() {
        leave_out_dependencies(&mut wanted, selection.services);
    }
    let warnings = loaded.warnings.render(surroundings.color) + &not_acted_on(&wanted.ignored);
    Ok(LoadedSession {
        session,
        wanted,
        project: loaded.project,
        warnings,
    })
}

/// What the files say and nothing acts on, a line each: nothing is ignored silently.
pub(crate) fn not_acted_on(ignored: &[Ignored]) -> String {
    let line = |one: &Ignored| {
        let place = one.place.as_ref();
        let place = place.map_or_else(String::new, |place| format!("{place}: "));
        format!("warning: {place}`{}`: {}\n", one.path, one.why)
    };
    ignored.iter().map(line).collect::<Vec<_>>().concat()
}

/// Connects to the engine of a stack that is known by its name alone, or by its files.
pub(crate) async fn by_name(
    surroundings: &Surroundings,
    options: &StackOptions,
) -> Result<Session, Failure> {
    let named = options.named(surroundings)?;
    let engine = connect(surroundings).await?;
    let mut session = open(surroundings, engine, named.name)?;
    session.files = named.project;
    Ok(session)
}

/// Opens a stack on an engine, for whoever asks. A host without a key gets one.
pub(crate) fn open(
    surroundings: &Surroundings,
    engine: Arc<dyn Engine>,
    project: String,
) -> Result<Session, Failure> {
    let home = home(surroundings)?;
    let sealer = Sealer::of_host(&home).map_err(|error| Failure::state(&error, error.hints()))?;
    Ok(opened(surroundings, engine, project, home, Some(sealer)))
}

/// The same for who only reads: nothing is made, and without a key what is sealed stays closed.
pub(crate) fn open_to_read(
    surroundings: &Surroundings,
    engine: Arc<dyn Engine>,
    project: String,
) -> Result<Session, Failure> {
    let home = home(surroundings)?;
    let sealer = Sealer::of_existing(&home);
    let sealer = sealer.map_err(|error| Failure::state(&error, error.hints()))?;
    Ok(opened(surroundings, engine, project, home, sealer))
}

/// The folders in which this user's state is kept.
fn home(surroundings: &Surroundings) -> Result<StateHome, Failure> {
    let environment = surroundings
        .environment
        .iter()
        .map(|(key, value)| (key.clone(), value.reveal().to_owned()));
    let hints = HomeHints {
        euid: surroundings.who.euid,
        env: environment.collect(),
    };
    StateHome::choose(&hints).map_err(|error| Failure::state(&error, error.hints()))
}

fn opened(
    surroundings: &Surroundings,
    engine: Arc<dyn Engine>,
    project: String,
    home: StateHome,
    sealer: Option<Sealer>,
) -> Session {
    let stack = Stack {
        engine,
        project,
        home,
        sealer,
        clock: Arc::new(SystemClock),
    };
    let who = &surroundings.who;
    Session {
        stack,
        actor: Actor {
            user: who.user.clone(),
            host: who.host.clone(),
            pid: who.pid,
        },
        files: None,
    }
}

/// What a project wants of an engine. Without the key of this host nothing tells one content of a file from another.
pub(crate) fn wanted_of(
    surroundings: &Surroundings,
    options: &StackOptions,
    engine: &dyn Engine,
    sealer: Option<&Sealer>,
    project: &Project,
    selection: &Selection<'_>,
) -> Result<Wanted, Failure> {
    let digest = |bytes: &[u8]| {
        sealer
            .map(|sealer| sealer.digest("content", bytes))
            .unwrap_or_default()
    };
    let mut given = Given::new(engine.about().api, &digest);
    given.hashes = ConfigHashes {
        services: project
            .services
            .iter()
            .map(|(name, service)| (name.clone(), container_hash(project, service)))
            .collect(),
        of_ids: project
            .services
            .iter()
            .filter_map(|(name, service)| {
                Some((name.clone(), container_hash_text(project, service)?))
            })
            .collect(),
        networks: project
            .networks
            .iter()
            .map(|(key, network)| (key.clone(), network_hash(network)))
            .collect(),
        volumes: project
            .volumes
            .iter()
            .map(|(key, volume)| (key.clone(), volume_hash(volume)))
            .collect(),
    };
    given.files = inputs::read(files_to_read(project), &surroundings.edited);
    given.separator = if options.compatibility { '_' } else { '-' };
    given.env_files.clone_from(&options.env_files);
    given.scale.clone_from(selection.scale);
    given.default_platform = project.default_platform().map(str::to_owned);
    wanted(project, &given).map_err(Failure::Unfit)
}

/// Keeps the named services and nothing that they depend on.
fn leave_out_dependencies(wanted: &mut Wanted, services: &[String]) {
    let out: Vec<String> = wanted
        .services
        .keys()
        .filter(|name| !services.contains(name))
        .cloned()
        .collect();
    for name in out {
        wanted.services.remove(&name);
        wanted.left_out.push(name);
    }
}
