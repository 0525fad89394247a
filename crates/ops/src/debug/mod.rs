//! `debug`: a shell in the image of a service, beside its containers, whether or not any of them runs.
//!
//! The container that is made for it has what the service's processes see and nothing by which anybody would take it
//! for the service (see [`bowline_core::one_off`]). Its main process is a shell that reads from this process and does
//! nothing else: when this process ends, in whatever way, that shell is at the end of its input, ends, and the engine
//! removes the container. What the user runs is an exec in it. In an image without a shell the command itself is the
//! main process.

mod container;
mod left;

use std::collections::BTreeMap;
use std::sync::Arc;

use bowline_compose::load;
use bowline_core::{Around, Missing, OneOff, Passed, new_operation_id, one_off};
use bowline_engine::{Engine, Selector};
use bowline_model::{
    Argv, ContainerId, ContainerSummary, EnvSpec, MountSource, MountSpec, ObservedImage, Project,
    Shared, Wanted, WantedService, label, mask_command,
};
use serde::{Deserialize, Serialize};
use tokio::try_join;

use crate::connect::connect;
use crate::containers;
use crate::session::{Selection, not_acted_on, open, wanted_of};
use crate::stack::{StackOptions, Surroundings};
use crate::{Answer, Failure};

pub use container::Debug;
pub(crate) use left::{Which, sweep};

/// What `debug` is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DebugRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// The service.
    pub service: String,
    /// Program and arguments; none: a shell.
    pub command: Vec<String>,
    /// Whether what is mounted can be written to.
    pub write: bool,
    /// The image whose shell it is, where not the service's.
    pub with: Option<String>,
    /// User, where not the service's.
    pub user: Option<String>,
    /// With a terminal of this size: rows, columns.
    pub tty: Option<(u16, u16)>,
    /// Whether something will be written to its standard input.
    pub stdin: bool,
}

/// Finds out everything that a shell for a service needs, and makes nothing yet.
///
/// # Errors
///
/// The loader's mistakes, a service that is not in the files among them; what of the service no engine can do;
/// [`Failure::State`] where an image is not there; the engine's failures.
pub async fn debug(
    surroundings: &Surroundings,
    request: &DebugRequest,
) -> Result<Answer<Debug>, Failure> {
    let scale = BTreeMap::new();
    let selection = Selection {
        services: std::slice::from_ref(&request.service),
        no_deps: false,
        scale: &scale,
    };
    let stack = &request.stack;
    let loaded = load(&stack.load_request(surroundings, selection.services))?;
    let project = &loaded.project;
    let engine = connect(surroundings).await?;
    // Nothing that bowline keeps is needed here, since that may be what is broken.
    let wanted = wanted_of(surroundings, stack, &*engine, None, project, &selection)?;
    let service = wanted_service(&wanted, &request.service)?;
    let mut warnings = loaded.warnings.render(surroundings.color);
    warnings += &not_acted_on(&wanted.ignored);
    for line in sweep(&*engine, &wanted.project, Which::Left).await? {
        warnings.push_str(&line);
    }
    let value = prepare(engine.clone(), project, service, request, surroundings).await?;
    if let Err(failure) = note(surroundings, engine, &project.name, request).await {
        // As with `exec`: on a bad day one has to get in.
        let warning = format!("warning: this is not in the journal: {failure}\n");
        warnings.push_str(&warning);
    }
    Ok(Answer { value, warnings })
}

/// Writes down who looks into what, without its secrets.
async fn note(
    surroundings: &Surroundings,
    engine: Arc<dyn Engine>,
    stack: &str,
    request: &DebugRequest,
) -> Result<(), Failure> {
    let session = open(surroundings, engine, stack.to_owned())?;
    let mut words = vec![request.with.as_deref().unwrap_or_default()];
    words.extend(request.command.iter().map(String::as_str));
    let passed = Passed {
        at: None,
        actor: session.actor,
        verb: "debug".to_owned(),
        subject: request.service.clone(),
        words: mask_command(words.into_iter().filter(|word| !word.is_empty())).join(" "),
    };
    Ok(session.stack.pass(passed).await?)
}

fn wanted_service<'w>(wanted: &'w Wanted, name: &str) -> Result<&'w WantedService, Failure> {
    wanted.services.get(name).ok_or_else(|| Failure::Usage {
        message: format!("no such service: `{name}`"),
        hint: None,
    })
}

/// Looks at the engine, and decides what the container is to be.
async fn prepare(
    engine: Arc<dyn Engine>,
    project: &Project,
    service: &WantedService,
    request: &DebugRequest,
    surroundings: &Surroundings,
) -> Result<Debug, Failure> {
    let own = &service.image.reference;
    let found = containers::of_stack(&*engine, &project.name).await?;
    let image = image(&*engine, project, service, request).await?;
    let around = around(&*engine, &found).await?;
    let tag = new_operation_id().map_err(|error| Failure::state(&error, Vec::new()))?;
    let tag = format!("debug-{}", tag.0.trim_start_matches("op-"));
    let mut made = one_off(service, &tag, request.write, &around, engine.about().api);
    let mut notes = vec![would_run(service, image.as_ref(), &request.service)];
    let who = &surroundings.who;
    let labels = &mut made.spec.labels;
    labels.insert(
        label::DEBUG.to_owned(),
        format!("{}@{}", who.user, who.host),
    );
    notes.extend(made.missing.iter().map(without));
    if let Some(tool) = &request.with {
        let runs = around.containers.get(&request.service).filter(|id| {
            let mut found = found.iter();
            found.any(|one| one.id == **id && is_running(one))
        });
        join(&mut made, tool, runs);
        notes.push(joined(&request.service, runs.is_some()));
    } else {
        notes.extend(older(&found, request, image.as_ref(), own));
    }
    let is_closed = |mount: &MountSpec| {
        let is_shared = match &mount.source {
            MountSource::Bind(_) => true,
            MountSource::Volume(volume) => volume.name.is_some(),
            _ => false,
        };
        is_shared && !mount.read_only
    };
    if !request.write && service.spec.mounts.iter().any(is_closed) {
        notes.push(
            "note: what is mounted can only be read; `--write` lets it be written\n".to_owned(),
        );
    }
    Ok(Debug::new(
        engine,
        request.clone(),
        made,
        command_of(service, image.as_ref()),
        notes.concat(),
    ))
}

fn is_running(container: &ContainerSummary) -> bool {
    container.status == bowline_model::ContainerStatus::Running
}

/// The image of the service, and that of `--with`: both have to be there, but with the other one only that is needed.
async fn image(
    engine: &dyn Engine,
    project: &Project,
    service: &WantedService,
    request: &DebugRequest,
) -> Result<Option<ObservedImage>, Failure> {
    let own = &service.image.reference;
    let image = match engine.inspect_image(own).await {
        Ok(image) => Some(image),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    };
    let Some(tool) = &request.with else {
        return match image {
            Some(image) => Ok(Some(image)),
            None => Err(no_image(project, service, &request.service)),
        };
    };
    match engine.inspect_image(tool).await {
        Ok(_) => Ok(image),
        Err(error) if error.is_not_found() => Err(Failure::State {
            message: format!("image `{tool}` of `--with` is not on the engine"),
            hints: vec![format!(
                "pull it with `docker pull {tool}`, or name one that is there: `docker images` lists them"
            )],
        }),
        Err(error) => Err(error.into()),
    }
}

fn no_image(project: &Project, service: &WantedService, name: &str) -> Failure {
    let field = if service.image.unnamed {
        "build"
    } else {
        "image"
    };
    let place = project.origins.nearest(&format!("services.{name}.{field}"));
    let place = place.map_or_else(String::new, |place| format!("{place}: "));
    let what = if service.image.build.is_some() {
        format!("build it and bring the service up: `bowline up --build {name}`")
    } else {
        format!(
            "`bowline up {name}` pulls it and brings the service up; `docker pull {}` only pulls it",
            service.image.reference
        )
    };
    Failure::State {
        message: format!(
            "{place}image `{}` of service `{name}` is not on the engine",
            service.image.reference
        ),
        hints: vec![what],
    }
}

/// What is there for a container to be joined to.
async fn around(engine: &dyn Engine, found: &[ContainerSummary]) -> Result<Around, Failure> {
    let all = Selector::all();
    let (networks, volumes) = try_join!(engine.networks(&all), engine.volumes(&all))?;
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut containers: BTreeMap<String, ContainerId> = BTreeMap::new();
    let mut own: Vec<&ContainerSummary> = found
        .iter()
        .filter(|one| !containers::is_one_off(one))
        .collect();
    own.sort_by_key(|one| (!is_running(one), containers::number(one)));
    for one in own {
        let service = containers::service(one).to_owned();
        names
            .entry(service.clone())
            .or_default()
            .push(one.name.clone());
        containers.entry(service).or_insert_with(|| one.id.clone());
    }
    Ok(Around {
        networks: networks.into_iter().map(|one| one.spec.name).collect(),
        volumes: volumes.into_iter().map(|one| one.spec.name).collect(),
        names,
        containers,
    })
}

/// What the service would run: its entrypoint and its arguments, by the files and the image.
fn command_of(service: &WantedService, image: Option<&ObservedImage>) -> Vec<String> {
    let spec = &service.spec;
    let config = image.map(|image| &image.config);
    let words = |argv: Option<&Argv>| -> Vec<String> {
        let words = argv.into_iter().flat_map(|argv| argv.iter());
        words.filter(|word| !word.is_empty()).cloned().collect()
    };
    let of_image =
        |argv: fn(&bowline_model::ImageConfig) -> Option<&Argv>| words(config.and_then(argv));
    let own = words(spec.command.as_ref());
    match &spec.entrypoint {
        Some(entrypoint) => [words(Some(entrypoint)), own].concat(),
        None if own.is_empty() => [
            of_image(|config| config.entrypoint.as_ref()),
            of_image(|config| config.command.as_ref()),
        ]
        .concat(),
        None => [of_image(|config| config.entrypoint.as_ref()), own].concat(),
    }
}

fn would_run(service: &WantedService, image: Option<&ObservedImage>, name: &str) -> String {
    let words = command_of(service, image);
    if words.is_empty() {
        return format!("note: neither the files nor the image say what service `{name}` runs\n");
    }
    format!("service `{name}` runs: {}\n", line(&words))
}

/// A command as one would type it, without what looks like a secret.
pub(crate) fn line(words: &[String]) -> String {
    let words = mask_command(words.iter().map(String::as_str));
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    quoted.join(" ")
}

/// A word as a shell has to be told it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+•".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn without(missing: &Missing) -> String {
    match missing {
        Missing::Network(name) => format!(
            "note: network `{name}` is not there yet, and the shell is not on it; `bowline up` makes it\n"
        ),
        Missing::Volume { name, target } => format!(
            "note: volume `{name}` is not there yet; `{target}` is an empty folder in memory\n"
        ),
        Missing::Share { what, service } => {
            let what = match what {
                Shared::Network => "network, and the shell has none",
                Shared::Ipc => "shared memory",
                Shared::Pid => "processes",
                Shared::Volumes { .. } => "volumes",
            };
            format!(
                "note: service `{service}` has no container to share its {what}; `bowline up {service}` makes one\n"
            )
        }
    }
}

/// Says that what crashes may be another image than the one that is looked into.
fn older(
    found: &[ContainerSummary],
    request: &DebugRequest,
    image: Option<&ObservedImage>,
    reference: &str,
) -> Option<String> {
    let image = image?;
    let mut own = found
        .iter()
        .filter(|one| containers::service(one) == request.service && !containers::is_one_off(one));
    let other = own.find(|one| one.image_id != image.id)?;
    Some(format!(
        "note: container `{}` was made of another image than `{reference}` is now; the shell is in the one that `bowline up` would take\n",
        other.name
    ))
}

/// Puts another image in the place of the service's, joined to a container of it where one runs.
fn join(made: &mut OneOff, tool: &str, container: Option<&ContainerId>) {
    let spec = &mut made.spec;
    tool.clone_into(&mut spec.image);
    spec.platform = None;
    spec.user = None;
    spec.working_dir = None;
    spec.init = None;
    // The tool's programs are where the tool's image says.
    let variables = spec.env.to_entries();
    let others = variables.iter().map(String::as_str);
    let others = others.filter(|entry| !entry.starts_with("PATH="));
    spec.env = EnvSpec::from_entries(others);
    // Who looks into other processes needs the right to; those of the service may belong to another user.
    spec.security.cap_drop.clear();
    spec.security.cap_add.push("SYS_PTRACE".to_owned());
    spec.security.read_only = false;
    if let Some(id) = container {
        let whose = Some(format!("container:{id}"));
        let network = &mut spec.network;
        *network = bowline_model::NetworkingSpec {
            mode: whose.clone(),
            pid: whose,
            userns: network.userns.take(),
            ..bowline_model::NetworkingSpec::default()
        };
        made.connect.clear();
    }
}

fn joined(service: &str, runs: bool) -> String {
    if runs {
        format!(
            "note: joined to the network and the processes of a container of `{service}` that runs; its files are below `/proc/1/root`\n"
        )
    } else {
        format!(
            "note: no container of `{service}` runs that could be joined; the shell has its networks, mounts and variables\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use bowline_core::Around;
    use bowline_model::{ApiVersion, EndpointSpec, ImageConfig, ImageId, VolumeMountSpec};

    use super::*;

    fn image(entrypoint: &[&str], command: &[&str]) -> ObservedImage {
        let argv = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
        ObservedImage {
            id: ImageId("sha256:1".to_owned()),
            tags: Vec::new(),
            digests: Vec::new(),
            created: None,
            platform: "linux/amd64".to_owned(),
            size_bytes: 0,
            config: ImageConfig {
                entrypoint: argv(entrypoint),
                command: argv(command),
                ..ImageConfig::default()
            },
        }
    }

    fn shown(entrypoint: Option<&[&str]>, command: Option<&[&str]>) -> String {
        let argv = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let mut service = WantedService::default();
        service.spec.entrypoint = entrypoint.map(argv);
        service.spec.command = command.map(argv);
        let image = image(&["entry"], &["serve", "-g", "daemon off;"]);
        line(&command_of(&service, Some(&image)))
    }

    #[test]
    fn what_the_service_runs_is_what_the_engine_would_run_and_can_be_typed() {
        assert_eq!(shown(None, None), "entry serve -g 'daemon off;'");
        assert_eq!(shown(None, Some(&["other"])), "entry other");
        // An entrypoint of one's own hides the image's command.
        assert_eq!(shown(Some(&["own"]), None), "own");
        assert_eq!(shown(Some(&[""]), Some(&["a", "it's"])), "a 'it'\\''s'");
        assert_eq!(
            shown(None, Some(&["psql", "--password", "hunter2"])),
            "entry psql --password ••••"
        );
    }

    #[test]
    fn another_image_is_joined_to_a_container_that_runs_and_keeps_its_own_programs() {
        let mut service = WantedService::default();
        let spec = &mut service.spec;
        spec.env = EnvSpec::from_entries(["PATH=/opt/web", "DATABASE_URL=postgres://db"]);
        spec.user = Some("web".to_owned());
        spec.network.extra_hosts = vec!["one:10.0.0.1".to_owned()];
        spec.network.endpoints = vec![EndpointSpec {
            network: "shop_default".to_owned(),
            ..EndpointSpec::default()
        }];
        spec.mounts = vec![MountSpec {
            target: "/data".to_owned(),
            read_only: false,
            source: MountSource::Volume(VolumeMountSpec::default()),
            consistency: None,
        }];
        let mut made = one_off(
            &service,
            "debug-1",
            false,
            &Around::default(),
            ApiVersion::v1(41),
        );
        let id = ContainerId("abc".to_owned());
        join(&mut made, "tools:1", Some(&id));
        let spec = &made.spec;
        assert_eq!(spec.image, "tools:1");
        assert_eq!(spec.env.to_entries(), ["DATABASE_URL=postgres://db"]);
        assert_eq!(spec.user, None);
        assert_eq!(spec.mounts.len(), 1);
        assert_eq!(spec.network.mode.as_deref(), Some("container:abc"));
        assert_eq!(spec.network.pid.as_deref(), Some("container:abc"));
        // Engines refuse these together with another's network.
        assert!(spec.network.extra_hosts.is_empty() && spec.network.endpoints.is_empty());
    }

    #[test]
    fn what_is_not_there_is_said_with_what_makes_it() {
        let said = [
            Missing::Network("shop_default".to_owned()),
            Missing::Volume {
                name: "shop_data".to_owned(),
                target: "/data".to_owned(),
            },
            Missing::Share {
                what: Shared::Network,
                service: "db".to_owned(),
            },
        ];
        let said: Vec<String> = said.iter().map(without).collect();
        insta::assert_snapshot!(said.concat(), @"
        note: network `shop_default` is not there yet, and the shell is not on it; `bowline up` makes it
        note: volume `shop_data` is not there yet; `/data` is an empty folder in memory
        note: service `db` has no container to share its network, and the shell has none; `bowline up db` makes one
        ");
    }
}
