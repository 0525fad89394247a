//! Containers that are not what the files say: changed and not made again, or of a service that is no more.

use std::collections::BTreeSet;

use bowline_model::carried::Carrier;
use bowline_model::{ContainerStatus, EventAction};
use bowline_recipes::Says;

use crate::facts::{Changed, ContainerFact, FileFact, FileHead, Mount};
use crate::finding::{Code, Confidence, Culprit, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Edge, Target, World, culprit, filed, reported, shown, spoken, whole};

use super::names::address;

pub(crate) const ONLY_RESTARTED: Rule = Rule {
    code: Code("D006"),
    title: "its settings were changed, and it was only restarted",
    layer: Layer::Config,
    decisive: &["what differs", "that it was only restarted"],
    look_alikes: &[Code("D009"), Code("D126")],
    yields: false,
    endangers_data: false,
    find: only_restarted,
};

pub(crate) const NOT_THERE_YET: Rule = Rule {
    code: Code("D009"),
    title: "a secret was not there yet when its service was started",
    layer: Layer::Platform,
    decisive: &["what differs", "what it was given", "since when it runs"],
    look_alikes: &[Code("D006"), Code("D033")],
    yields: false,
    endangers_data: false,
    find: not_there_yet,
};

pub(crate) const DRIFTED: Rule = Rule {
    code: Code("D126"),
    title: "what runs is not what the files say",
    layer: Layer::Config,
    decisive: &["what differs", "that it runs"],
    look_alikes: &[Code("D006")],
    yields: true,
    endangers_data: false,
    find: drifted,
};

pub(crate) const ORPHAN: Rule = Rule {
    code: Code("D127"),
    title: "a container of a service that is no longer in the files still runs",
    layer: Layer::Config,
    decisive: &[
        "that it runs",
        "that no service has its name",
        "what it stands in the way of",
    ],
    look_alikes: &[Code("D048")],
    yields: false,
    endangers_data: false,
    find: orphan,
};

pub(crate) const SHELL_WINS: Rule = Rule {
    code: Code("D093"),
    title: "a variable of the shell stands before the one in the file of variables",
    layer: Layer::Config,
    decisive: &["the variable", "the trouble"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: shell_wins,
};

/// What differs between a service's files and its container, in fields.
fn differences(world: &World<'_>, container: &ContainerFact) -> Vec<Changed> {
    let Some(service) = container.service.as_deref() else {
        return Vec::new();
    };
    let planned = world.changed(service).to_vec();
    if !planned.is_empty() {
        return planned;
    }
    if world.is_planned() {
        return Vec::new();
    }
    // Without a plan the environment can still be compared; what comes from other files is not in the files' own.
    let Some(declared) = world.declared(service) else {
        return Vec::new();
    };
    let differs = |(key, value): &(&String, &Option<String>)| {
        value.is_some()
            && container
                .environment
                .get(*key)
                .is_none_or(|now| now != *value)
    };
    let keys = declared.environment.iter().filter(differs);
    keys.map(|(key, _)| Changed {
        field: format!("environment.{key}"),
        by_files: true,
    })
    .collect()
}

/// Whether a container runs, or is started again and again: then it is what others see of its service.
fn is_used<'f>(world: &World<'f>, container: &'f ContainerFact) -> bool {
    let state = world.state(container);
    let is_again = state.is_some_and(|state| state.status == ContainerStatus::Restarting);
    is_again || world.runs(container)
}

/// Whether a cause blames a setting that the files have changed by now: then it is mended there, and not in what runs.
pub(crate) fn is_mended_in_files(world: &World<'_>, culprit: &Culprit) -> bool {
    let changed = world.changed(&culprit.name).iter();
    culprit.kind == CulpritKind::Service
        && culprit.field.as_deref().is_some_and(|field| {
            let mut changed = changed.filter(|one| one.by_files);
            changed.any(|one| written(&one.field) == field)
        })
}

/// Whether a field is a setting that people change and then restart.
fn is_setting(field: &str) -> bool {
    [
        "environment.",
        "content of ",
        "secrets",
        "configs",
        "env_file",
        "command",
    ]
    .iter()
    .any(|beginning| field.starts_with(beginning))
}

/// The field as it is written in the files.
fn written(field: &str) -> &str {
    match field.strip_prefix("content of ") {
        Some(what) if what.starts_with("config") => "configs",
        Some(_) => "secrets",
        None => field,
    }
}

/// That a container was started again after it was made, and not made again.
fn restart(world: &World<'_>, container: &ContainerFact) -> Option<Evidence> {
    if let Some(event) = world.last_event(container, &EventAction::Restart) {
        return Some(reported(event, "it was started again as it was"));
    }
    let (created, started) = (world.made(container)?.created?, container.started?);
    let (restarts, _) = world.restarts(container)?;
    let by_hand = started.duration_since(created).as_secs() > 20 && restarts == 0;
    by_hand.then(|| {
        let text = format!(
            "{}: made at {}, started at {}",
            container.name,
            created.strftime("%H:%M:%S"),
            started.strftime("%H:%M:%S")
        );
        shown(
            FactRef::Made(container.name.clone()),
            text,
            "it was started again as it was",
        )
    })
}

fn is_content(change: &Changed) -> bool {
    change.field.starts_with("content of ")
}

/// Whether a container was started after the last change of every file that is mounted into it as a secret: then it has
/// read what is in them now.
fn has_read_it<'f>(world: &World<'f>, container: &'f ContainerFact) -> bool {
    let Some(started) = world.state(container).and_then(|state| state.started) else {
        return false;
    };
    let mounts = world.mounts(container).unwrap_or_default().iter();
    let mut secrets = mounts.filter(|mount| is_secret(&mount.target)).peekable();
    let is_before = |mount: &Mount| mount.changed_on_host.is_some_and(|at| at <= started);
    secrets.peek().is_some() && secrets.all(is_before)
}

/// That a container is older than a secret or a config that it was given: it read what was in it before.
fn older_than_content(
    world: &World<'_>,
    container: &ContainerFact,
    settings: &[&Changed],
) -> Option<Evidence> {
    let started = world.state(container)?.started?;
    let is_content = settings.iter().any(|one| is_content(one));
    is_content.then(|| {
        let text = format!(
            "{}: running since {}",
            container.name,
            started.strftime("%H:%M:%S")
        );
        let proves = "it was started with what was in the file before";
        shown(FactRef::State(container.name.clone()), text, proves)
    })
}

fn what_differs(
    world: &World<'_>,
    container: &ContainerFact,
    changes: &[&Changed],
) -> Option<Evidence> {
    let service = container.service.clone()?;
    let fields: Vec<String> = changes
        .iter()
        .map(|change| format!("`{}`", change.field))
        .collect();
    let text = format!(
        "{}: differs from the files in {}",
        container.name,
        fields.join(", ")
    );
    let is_planned = !world.changed(&service).is_empty();
    let fact = if is_planned {
        FactRef::Changed(service)
    } else {
        FactRef::Declared(service)
    };
    let proves = "what it was made with is not what the files say now";
    Some(shown(fact, text, proves))
}

/// What of a change a container has not read yet.
fn unread<'c, 'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    changes: &'c [Changed],
) -> Vec<&'c Changed> {
    changes
        .iter()
        .filter(|one| one.by_files && is_setting(&one.field))
        .filter(|one| !(is_content(one) && has_read_it(world, container)))
        .collect()
}

fn is_secret_content(change: &Changed) -> bool {
    change.field.starts_with("content of secret")
}

/// The secrets that were changed on the host since a container was started, as it has them itself.
fn later_secrets<'f>(world: &World<'f>, container: &'f ContainerFact) -> Vec<&'f FileFact> {
    let started = world.state(container).and_then(|state| state.started);
    let mounts = world.mounts(container).unwrap_or_default().iter();
    let later = mounts.filter(|mount| {
        let changed = mount.changed_on_host;
        is_secret(&mount.target) && changed.zip(started).is_some_and(|(at, start)| at > start)
    });
    later
        .filter_map(|mount| world.file(container, &mount.target))
        .collect()
}

/// That a secret was not there when a container read it: the file that it has is empty; or the file has one by now, and the
/// container goes on to bring none.
fn given_nothing<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
) -> Option<(&'f FileFact, Evidence)> {
    let files = later_secrets(world, container);
    let is_empty = |file: &&&FileFact| {
        let there = file.there.as_ref();
        there.is_some_and(|there| there.head == Some(FileHead::Empty))
    };
    if let Some(file) = files.iter().find(is_empty).copied() {
        let fact = FactRef::File {
            container: file.container.clone(),
            path: file.path.clone(),
        };
        let text = format!("{}: `{}` is empty", file.container, file.path);
        let proves = "the container has what was there when it was started: nothing";
        return Some((file, shown(fact, text, proves)));
    }
    let said = world.says(container, Says::PasswordNotSent)?;
    let file = files.into_iter().find(|file| {
        let mut passwords = world
            .told(container)
            .iter()
            .filter_map(|told| told.password.as_ref());
        passwords.any(|password| {
            let is_there =
                matches!(&password.carrier, Carrier::File { path, .. } if *path == file.path);
            is_there && !password.text.is_empty()
        })
    })?;
    let proves = "it brings none, so there was none when it read it";
    Some((file, spoken(container, said, proves)))
}

/// That a container had something else than nothing for what was changed since: another setting, or a former secret.
fn given_something(
    world: &World<'_>,
    container: &ContainerFact,
    settings: &[&Changed],
) -> Option<Evidence> {
    if !settings.iter().any(|one| is_secret_content(one)) {
        return what_differs(world, container, settings);
    }
    let known = world.containers().find(|one| one.name == container.name)?;
    let started = world.state(known)?.started?;
    let file = later_secrets(world, known).into_iter().find(|file| {
        let there = file.there.as_ref();
        there.is_some_and(|it| it.size_bytes > 0 && it.modified.is_some_and(|at| at <= started))
    })?;
    Some(filed(file, "it is the former one, which is not empty"))
}

/// The case of a container that was started before its secret was there.
fn late_secret<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Case> {
    let changes = differences(world, container);
    let settings = unread(world, container, &changes);
    if settings.is_empty() || !settings.iter().all(|one| is_secret_content(one)) {
        return None;
    }
    let service = container.service.as_deref()?;
    let (file, nothing) = given_nothing(world, container)?;
    let since = older_than_content(world, container, &settings);
    let claim = format!(
        "the secret at `{}` was not there yet when `{service}` was started; by now it is, and `{service}` goes on without it",
        file.path
    );
    Some(
        Case::new(culprit(container, Some("secrets")), claim)
            .mended_by(
                format!(
                    "make it again: `bowline up {service}`; and let what makes the secret come first"
                ),
                Safety::Restart,
            )
            .by_command(["bowline", "up", service])
            .decides("what differs", what_differs(world, container, &settings))
            .decides("what it was given", Some(nothing.clone()))
            .decides("since when it runs", since)
            .rules_out(Code("D006"), Some(nothing))
            .rules_out(
                Code("D033"),
                Some(filed(file, "the file itself is there")),
            ),
    )
}

fn not_there_yet(world: &World<'_>, cases: &mut Vec<Case>) {
    let used = world.containers().filter(|one| is_used(world, one));
    cases.extend(used.filter_map(|container| late_secret(world, container)));
}

fn only_restarted(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| is_used(world, one)) {
        if late_secret(world, container).is_some() {
            continue;
        }
        let changes = differences(world, container);
        let settings = unread(world, container, &changes);
        let service = container.service.as_deref().unwrap_or_default();
        let since =
            restart(world, container).or_else(|| older_than_content(world, container, &settings));
        if let (Some(first), Some(since)) = (settings.first(), since) {
            let field = written(&first.field);
            let claim = format!(
                "`{field}` was changed in the files, and `{service}` was not made again since: it keeps what it was made with"
            );
            let differs = what_differs(world, container, &settings);
            cases.push(
                Case::new(culprit(container, Some(field)), claim)
                    .mended_by(
                        format!("make it again: `bowline up {service}`"),
                        Safety::Restart,
                    )
                    .by_command(["bowline", "up", service])
                    .decides("what differs", differs)
                    .decides("that it was only restarted", Some(since.clone()))
                    .rules_out(Code("D009"), given_something(world, container, &settings))
                    .rules_out(Code("D126"), Some(since)),
            );
            continue;
        }
        cases.extend(newer_secret(world, container));
        cases.extend(former_file(world, container));
    }
}

/// A file of settings that was changed since the program read it: the program complains of a port that stands nowhere in
/// it any more.
fn former_file(world: &World<'_>, container: &ContainerFact) -> Option<Case> {
    let started = world.state(container)?.started?;
    let mounts = world.mounts(container)?;
    let changed = |path: &str| {
        let at = mounts.iter().find(|mount| mount.target == path)?;
        at.changed_on_host.filter(|changed| *changed > started)
    };
    let own = world.edges().iter();
    let own: Vec<&Edge<'_>> = own
        .filter(|edge| edge.client.name == container.name)
        .collect();
    let mut said = world.said(container).iter().filter(|said| said.is_fresh);
    let (said, edge, path, at) = said.find_map(|said| {
        let (host, port) = (said.capture("host")?, said.capture("port")?);
        let port: u16 = port.parse().ok()?;
        let same_host = || own.iter().filter(|edge| edge.host.name == host);
        if same_host().any(|edge| edge.port == Some(port)) {
            return None;
        }
        same_host().find_map(|edge| match &edge.host.carrier {
            Carrier::File { path, .. } => Some((said, *edge, path, changed(path)?)),
            _ => None,
        })
    })?;
    let service = container.service.as_deref()?;
    let claim = format!(
        "it still goes by what stood in `{path}` before: by now that names another port of `{}`",
        edge.host.name
    );
    let proves = "the file does not name that port";
    let text = format!(
        "{}: `{path}` was changed at {}, it was started at {}",
        container.name,
        at.strftime("%H:%M:%S"),
        started.strftime("%H:%M:%S")
    );
    let fact = FactRef::Mounts(container.name.clone());
    let since = shown(fact, text, "it read the file before that");
    Some(
        Case::new(culprit(container, None), claim)
            .mended_by(
                format!("let it read the file again: `bowline restart {service}`"),
                Safety::Restart,
            )
            .by_command(["bowline", "restart", service])
            .decides("what differs", Some(spoken(container, said, proves)))
            .decides("that it was only restarted", Some(since.clone()))
            .rules_out(
                Code("D009"),
                Some(spoken(
                    container,
                    said,
                    "it read another value, and not nothing",
                )),
            )
            .rules_out(Code("D126"), Some(since)),
    )
}

/// A secret or config whose file is younger than the process that reads it, where that is in trouble.
fn newer_secret(world: &World<'_>, container: &ContainerFact) -> Option<Case> {
    let started = world.state(container)?.started?;
    if world.seems_well(container) {
        return None;
    }
    let mounts = world.mounts(container)?;
    let is_newer = |file: &&FileFact| {
        let modified = file.there.as_ref().and_then(|there| there.modified);
        modified.is_some_and(|modified| modified > started)
    };
    let settings = mounts.iter().filter(|mount| is_secret(&mount.target));
    let file = settings
        .filter_map(|mount| world.file(container, &mount.target))
        .find(is_newer)?;
    let modified = file.there.as_ref()?.modified?;
    let service = container.service.as_deref().unwrap_or_default();
    let claim = format!(
        "`{}` was changed after `{service}` was started: it may still use what was in it before",
        file.path
    );
    let fact = FactRef::File {
        container: file.container.clone(),
        path: file.path.clone(),
    };
    let text = format!(
        "`{}`: changed at {}",
        file.path,
        modified.strftime("%H:%M:%S")
    );
    let text_of_start = format!(
        "{}: started at {}",
        container.name,
        started.strftime("%H:%M:%S")
    );
    let start = shown(
        FactRef::State(container.name.clone()),
        text_of_start,
        "it read the file before that, if it reads it once",
    );
    Some(
        Case::new(culprit(container, Some("secrets")), claim)
            .mended_by(
                format!("make it again: `bowline up --force-recreate {service}`"),
                Safety::Restart,
            )
            .by_command(["bowline", "up", "--force-recreate", service])
            .at_most(Confidence::Likely)
            .decides(
                "what differs",
                Some(shown(fact, text, "it is younger than the process")),
            )
            .decides("that it was only restarted", Some(start)),
    )
}

/// Whether engines and people put secrets there.
pub(crate) fn is_secret(path: &str) -> bool {
    path.starts_with("/run/secrets/")
}

fn drifted(world: &World<'_>, cases: &mut Vec<Case>) {
    // What an operation did not get to is not what somebody forgot, unless it fails by itself.
    let is_undone = world.not_done().next().is_some();
    let counts =
        |one: &&ContainerFact| is_used(world, one) && (!is_undone || world.ailment(one).is_some());
    for container in world.containers().filter(counts) {
        let mut changes = differences(world, container);
        changes.retain(|one| !(is_content(one) && has_read_it(world, container)));
        // A network that is gone has a rule of its own.
        changes.retain(|one| {
            let network = one.field.strip_prefix("networks.");
            let mut missing = world.missing_networks();
            network.is_none_or(|network| !missing.any(|gone| gone.name == network))
        });
        let all: Vec<&Changed> = changes.iter().collect();
        let by_setting = changes
            .iter()
            .any(|one| one.by_files && is_setting(&one.field));
        let since =
            restart(world, container).or_else(|| older_than_content(world, container, &all));
        let (Some(first), false) = (changes.first(), by_setting && since.is_some()) else {
            continue;
        };
        let service = container.service.as_deref().unwrap_or_default();
        let fields: BTreeSet<&str> = changes
            .iter()
            .map(|change| written(&change.field))
            .collect();
        let fields: Vec<&str> = fields.into_iter().take(4).collect();
        let claim = if first.by_files {
            format!(
                "the files were changed ({}) and `{service}` was not made again: it runs as it was before",
                fields.join(", ")
            )
        } else {
            format!(
                "`{service}` is not as it was made ({}): somebody changed the container",
                fields.join(", ")
            )
        };
        let text = format!("{}: running since it was made", container.name);
        let runs = world.state(container).map(|_| {
            shown(
                FactRef::State(container.name.clone()),
                text,
                "it is what others see",
            )
        });
        cases.push(
            Case::new(culprit(container, Some(written(&first.field))), claim)
                .mended_by(
                    format!(
                        "look at what would be done (`bowline plan`), then `bowline up {service}`"
                    ),
                    Safety::Restart,
                )
                .by_command(["bowline", "up", service])
                .decides("what differs", what_differs(world, container, &all))
                .decides("that it runs", runs.clone())
                .rules_out(Code("D006"), runs),
        );
    }
}

/// Whether a container of the project belongs to no service of its files, and runs.
pub(crate) fn is_orphan(world: &World<'_>, name: &str) -> bool {
    world
        .containers()
        .any(|container| container.name == name && orphaned(world, container).is_some())
}

/// The service that a container says it is of, where the files have none of that name.
fn orphaned<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<&'f str> {
    let service = world.made(container)?.service.as_deref()?;
    let has_files = world.declared_services().next().is_some();
    (has_files && !world.has_service(service)).then_some(service)
}

fn orphan(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some(service) = orphaned(world, container) else {
            continue;
        };
        if !world
            .state(container)
            .is_some_and(|state| state.status.is_up())
        {
            continue;
        }
        let Some((hurt, harm)) = harm(world, container) else {
            continue;
        };
        let claim = format!(
            "`{}` still runs, and the files have no service `{service}` any more: {}",
            container.name, harm.proves
        );
        let runs = format!("{}: running", container.name);
        let label = format!(
            "{}: made for the service `{service}`, which the files do not have",
            container.name
        );
        let by_port = matches!(harm.fact, FactRef::Port(_));
        let out = by_port.then(|| harm.clone()).or_else(|| {
            Some(shown(
                FactRef::Made(container.name.clone()),
                label.clone(),
                "it is of this very project",
            ))
        });
        cases.push(
            Case::new(culprit(container, None), claim)
                .seen_in(hurt)
                .between(Some(service), hurt)
                .mended_by(
                    "remove it: `bowline up --remove-orphans`; its volumes stay",
                    Safety::Restart,
                )
                .by_command(["bowline", "up", "--remove-orphans"])
                .decides(
                    "that it runs",
                    Some(shown(
                        FactRef::State(container.name.clone()),
                        runs,
                        "it is not merely left over",
                    )),
                )
                .decides(
                    "that no service has its name",
                    Some(shown(
                        FactRef::Made(container.name.clone()),
                        label,
                        "nobody starts or stops it any more",
                    )),
                )
                .decides("what it stands in the way of", Some(harm))
                .rules_out(Code("D048"), out),
        );
    }
}

/// What an orphan stands in the way of: a port, a name, or a service that does the same; with who is hurt.
fn harm<'f>(world: &World<'f>, orphan: &'f ContainerFact) -> Option<(Option<&'f str>, Evidence)> {
    for port in world
        .ports()
        .filter(|port| port.container.as_deref() == Some(orphan.name.as_str()))
    {
        let number = port.port.split('/').next()?;
        let wants = world.containers().find(|one| {
            let mut published = one.published.iter();
            published.any(|it| !it.is_open && it.host_port == number)
        });
        if let Some(wants) = wants {
            let text = format!("port {}: `{}` has it", port.port, orphan.name);
            let proves = "it holds a port that another service wants";
            return Some((
                wants.service.as_deref(),
                shown(FactRef::Port(port.port.clone()), text, proves),
            ));
        }
    }
    for edge in world.edges() {
        let Target::Service { containers, .. } = &edge.target else {
            continue;
        };
        let has_it = containers.iter().any(|one| one.name == orphan.name);
        let is_other = containers.iter().any(|one| one.name != orphan.name);
        if has_it && is_other && edge.client.name != orphan.name {
            let proves = "it answers to a name that a service has now";
            return Some((edge.client.service.as_deref(), address(edge, proves)));
        }
    }
    let made = |one: &&ContainerFact| world.made(one).is_some();
    let twin = world.containers().filter(made).find(|one| {
        one.name != orphan.name
            && one.image_id == orphan.image_id
            && one.command == orphan.command
            && world.runs(one)
            && orphaned(world, one).is_none()
    })?;
    // Of one image and with one command there may be many; only one that works on the same does the same work twice.
    let same_work = twin.mounts == orphan.mounts
        && !twin.environment.is_empty()
        && world
            .told(twin)
            .iter()
            .map(|told| &told.hosts)
            .eq(world.told(orphan).iter().map(|told| &told.hosts));
    same_work.then(|| {
        let text = format!(
            "{} and {}: one image, one command, the same servers",
            orphan.name, twin.name
        );
        let proves = "it does the same work as a service that took its place";
        (
            twin.service.as_deref(),
            shown(FactRef::Made(twin.name.clone()), text, proves),
        )
    })
}

fn shell_wins(world: &World<'_>, cases: &mut Vec<Case>) {
    for one in world.overriding() {
        for field in &one.fields {
            let Some(rest) = field.strip_prefix("services.") else {
                continue;
            };
            let containers = world.containers().filter(|container| {
                let service = container.service.as_deref();
                service.is_some_and(|service| {
                    rest == service
                        || rest
                            .strip_prefix(service)
                            .is_some_and(|it| it.starts_with('.'))
                })
            });
            // A value that does no harm may well be meant.
            let mut unwell =
                containers.filter_map(|container| Some((container, trouble(world, container)?)));
            let Some((container, trouble)) = unwell.next() else {
                continue;
            };
            let claim = format!(
                "`{}` is set in this shell, which stands before the other value in the file of variables: `{field}` comes from the shell",
                one.variable
            );
            let variable = shown(
                FactRef::Variable(one.variable.clone()),
                format!(
                    "`{}`: set in the shell and, otherwise, in the file of variables",
                    one.variable
                ),
                "the shell wins",
            );
            cases.push(
                Case::new(whole(CulpritKind::Variable, &one.variable), claim)
                    .seen_in(container.service.as_deref())
                    .mended_by(
                        format!(
                            "if the file is right: `unset {}`, then `bowline up`",
                            one.variable
                        ),
                        Safety::NeedsYou,
                    )
                    .at_most(Confidence::Likely)
                    .decides("the variable", Some(variable))
                    .decides("the trouble", Some(trouble)),
            );
        }
    }
}

/// What shows that a container is not well: its state, or what it says.
fn trouble(world: &World<'_>, container: &ContainerFact) -> Option<Evidence> {
    let proves = "it does not work with that value";
    if let Some(ailment) = world.ailment(container) {
        let text = format!("{}: {ailment}", container.name);
        return Some(shown(FactRef::State(container.name.clone()), text, proves));
    }
    let mut said = world.said(container).iter();
    let said = said.find(|said| said.is_fresh && !said.says.is_benign())?;
    world
        .complains(container)
        .then(|| spoken(container, said, proves))
}
