//! What containers are made of: the image, the command, the name, and what was changed by hand.

use bowline_recipes::Says;
use jiff::{SignedDuration, Timestamp};

use crate::collect::files::is_settings;
use crate::facts::ContainerFact;
use crate::finding::{Code, Confidence, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::said::grumbles;
use crate::world::stores::is_below;
use crate::world::{
    Target, World, culprit, is_everyday, made, noted, shown, stood, whole, written,
};

use super::files::{absolute, asked, refused_program};

pub(crate) const SAME_PROGRAM: Rule = Rule {
    code: Code("D014"),
    title: "two services with different tasks run the same program",
    layer: Layer::Image,
    decisive: &["what both run", "that nobody calls it", "what it is for"],
    look_alikes: &[Code("D062")],
    yields: false,
    endangers_data: false,
    find: same_program,
};

pub(crate) const OLD_IMAGE: Rule = Rule {
    code: Code("D015"),
    title: "it runs an older image than the one that its reference leads to",
    layer: Layer::Image,
    decisive: &["what it was made of", "what the reference leads to"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: old_image,
};

pub(crate) const NO_IMAGE: Rule = Rule {
    code: Code("D018"),
    title: "its image is not on the engine",
    layer: Layer::Image,
    decisive: &[
        "that the engine has no such image",
        "that it has no container",
    ],
    look_alikes: &[Code("D079")],
    yields: false,
    endangers_data: false,
    find: no_image,
};

pub(crate) const PATCHED: Rule = Rule {
    code: Code("D065"),
    title: "a file of its image was changed in the container by hand",
    layer: Layer::Image,
    decisive: &["what was changed", "that it runs it", "that it fails"],
    look_alikes: &[Code("D015")],
    yields: false,
    endangers_data: false,
    find: patched,
};

pub(crate) const NAME_TAKEN: Rule = Rule {
    code: Code("D079"),
    title: "another container has the name that it wants",
    layer: Layer::Config,
    decisive: &["who has the name", "that it has no container"],
    look_alikes: &[Code("D018")],
    yields: false,
    endangers_data: false,
    find: name_taken,
};

/// Whether somebody is told to dial a service, or it is published.
fn is_called(world: &World<'_>, container: &ContainerFact) -> bool {
    let dialled = world.edges().iter().any(|edge| {
        let is_other = edge.client.service != container.service;
        let (Target::Service { name, .. } | Target::Absent { name, .. }) = &edge.target else {
            return false;
        };
        is_other && container.service.as_deref() == Some(*name)
    });
    let name = container.service.as_deref().unwrap_or_default();
    let mut needed = world.declared_services();
    let is_needed = needed.any(|(_, service)| service.depends_on.contains_key(name));
    dialled || is_needed || !container.published.is_empty()
}

/// The ports on which a container can be reached.
fn ports(world: &World<'_>, container: &ContainerFact) -> Option<Vec<u16>> {
    let inside = world.inside(container)?;
    let open = inside
        .listeners
        .iter()
        .filter(|one| !one.address.is_loopback());
    Some(open.map(|listener| listener.port).collect())
}

/// Whether two containers run one program of one image in the same way, as servers: on the same ports, or on others where
/// only an option tells their commands apart.
fn are_twins<'f>(world: &World<'f>, one: &'f ContainerFact, other: &'f ContainerFact) -> bool {
    let ports_of = |it| ports(world, it).filter(|ports| !ports.is_empty());
    let (ports_of_one, ports_of_other) = (ports_of(one), ports_of(other));
    let are_servers = ports_of_one.is_some() && ports_of_other.is_some();
    let is_alike = if one.command == other.command {
        ports_of_one == ports_of_other
    } else {
        tasks(&one.command).eq(tasks(&other.command)) && tasks(&one.command).count() > 1
    };
    let are_others = one.service != other.service && one.image_id == other.image_id;
    are_others && are_servers && is_alike
}

/// The words of a command that are no options with their values in them.
fn tasks(command: &[String]) -> impl Iterator<Item = &String> {
    command.iter().filter(|word| !word.starts_with('-'))
}

fn same_program(world: &World<'_>, cases: &mut Vec<Case>) {
    for worker in world.containers().filter(|one| world.runs(one)) {
        let Some(service) = worker.service.as_deref() else {
            continue;
        };
        if is_called(world, worker) || world.made(worker).is_none() {
            continue;
        }
        let twin = world.containers().find(|other| {
            are_twins(world, worker, other)
                && is_called(world, other)
                && (other.environment != worker.environment || is_built(world, worker))
        });
        let Some((twin, name)) = twin.and_then(|twin| Some((twin, twin.service.as_deref()?)))
        else {
            continue;
        };
        // Where many run it, that is how the stack is made.
        let family = world
            .containers()
            .filter(|other| other.image == worker.image && other.command == worker.command)
            .filter_map(|other| other.service.as_deref())
            .collect::<std::collections::BTreeSet<_>>();
        if family.len() > 2 {
            continue;
        }
        let claim = format!(
            "`{service}` runs the same program as `{name}` in the same way and listens on the same ports, and nobody calls it there: its own task is done by nobody"
        );
        let text = format!(
            "runs `{}` of `{}`, as {} does",
            worker.command.join(" "),
            worker.image,
            twin.name
        );
        let both = made(world, worker, &text, "it does what the other does");
        let ports = ports(world, worker).unwrap_or_default();
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let text = format!("{}: listens on {}", worker.name, ports.join(", "));
        let proves = "it is a server, and no service is told to call it";
        let listens = shown(FactRef::Inside(worker.name.clone()), text, proves);
        cases.push(
            Case::new(culprit(worker, Some("command")), claim)
                // What it is for nobody but a person knows.
                .at_most(Confidence::Likely)
                .mended_by(
                    format!("say under `{service}` with `command` (or the variable that its image reads) what it is to do, then `bowline up`"),
                    Safety::Restart,
                )
                .decides("what both run", both)
                .decides("that nobody calls it", Some(listens.clone()))
                .rules_out(Code("D062"), Some(listens)),
        );
    }
}

/// Whether its image is built by the files of this stack.
fn is_built(world: &World<'_>, container: &ContainerFact) -> bool {
    let service = container.service.as_deref();
    let declared = service.and_then(|name| world.declared(name));
    declared.is_some_and(|service| service.is_built)
}

/// Whether a newer image is this stack's own affair: it is built here, or another container of it runs it already.
fn is_own_image(world: &World<'_>, container: &ContainerFact, newer: &str) -> bool {
    is_built(world, container)
        || world
            .containers()
            .any(|other| other.image == container.image && other.image_id == newer)
}

fn old_image(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let (Some(image), Some(_)) = (world.image(&container.image), world.made(container)) else {
            continue;
        };
        let Some(newer) = image.id.as_deref().filter(|id| *id != container.image_id) else {
            continue;
        };
        // A reference that a pull moved for everybody on this host is no fault of a stack that is well.
        let is_up = world
            .state(container)
            .is_some_and(|state| state.status.is_up());
        let matters = world.fails(container) || is_up && is_own_image(world, container, newer);
        // Where the newer one is what fails, the older one is not the trouble.
        let newer_fails = world.containers().any(|other| {
            let may_fail = world.fails(other) || world.state(other).is_none();
            other.image == container.image && other.image_id == newer && may_fail
        });
        let matters = matters && (world.fails(container) || !newer_fails);
        // A job that is done has no use for a newer one.
        if !matters {
            continue;
        }
        let claim = format!(
            "it still runs the image that `{}` led to before; now it leads to another one",
            container.image
        );
        let text = format!("made of image {}", short(&container.image_id));
        let old = made(
            world,
            container,
            &text,
            "a container keeps the image that it was made of",
        );
        let text = format!("`{}` leads to image {}", container.image, short(newer));
        let fact = FactRef::Image(container.image.clone());
        let new = shown(fact, text, "whoever makes it now gets another one");
        let service = container.service.as_deref().unwrap_or_default();
        cases.push(
            Case::new(culprit(container, Some("image")), claim)
                .mended_by(
                    format!("make it again from the newer image: `bowline up {service}`; a tag that is never moved (a version, a commit) shows what runs"),
                    Safety::Restart,
                )
                .by_command(["bowline", "up", service])
                .decides("what it was made of", old)
                .decides("what the reference leads to", Some(new)),
        );
    }
}

/// The beginning of an id, as people compare it.
fn short(id: &str) -> &str {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    id.get(..12).unwrap_or(id)
}

/// That a service of the files has no container.
fn has_no_container(world: &World<'_>, service: &str) -> Option<Evidence> {
    world.declared(service)?;
    let text = format!("{service}: no container");
    let proves = "it could not even be made";
    let fact = FactRef::Declared(service.to_owned());
    world
        .of_service(service)
        .is_empty()
        .then(|| shown(fact, text, proves))
}

fn no_image(world: &World<'_>, cases: &mut Vec<Case>) {
    for (service, declared) in world.declared_services() {
        let wants = declared.is_enabled && declared.replicas > 0 && !declared.image.is_empty();
        let absent = has_no_container(world, service);
        let is_absent = absent.is_some();
        let not_got = || not_got(world, service, &declared.image);
        let (Some(image), Some(absent), true) =
            (world.image(&declared.image), absent.or_else(not_got), wants)
        else {
            continue;
        };
        if image.id.is_some() {
            continue;
        }
        let reference = &declared.image;
        let claim = if is_absent {
            format!(
                "the engine has no image `{reference}`, so there is no container of `{service}`"
            )
        } else {
            format!("the engine has no image `{reference}`, so `{service}` stays as it was before")
        };
        let build = declared
            .is_built
            .then_some(["bowline", "up", "--build", service]);
        let safety = build.map_or(Safety::NeedsYou, |_| Safety::Safe);
        let fix = if declared.is_built {
            format!("build it: `bowline up --build {service}`")
        } else {
            format!(
                "correct `image`, or get it and read what the registry says: `docker pull {reference}` (no such tag, no login, or no way there)"
            )
        };
        let text = format!("image `{reference}`: not there");
        let proves = "nothing can be made of it";
        let gone = shown(FactRef::Image(reference.clone()), text, proves);
        cases.push(
            Case::new(service_field(service, "image"), claim)
                .mended_by(fix, safety)
                .by_command(build.into_iter().flatten())
                .decides("that the engine has no such image", Some(gone.clone()))
                .decides("that it has no container", Some(absent))
                .rules_out(Code("D079"), Some(gone)),
        );
    }
}

/// That the last operation could not get an image for a service, which may have a container of a former one.
fn not_got(world: &World<'_>, service: &str, reference: &str) -> Option<Evidence> {
    let mut steps = world.not_done();
    let step = steps.find(|step| {
        let is_of_it = step.service.as_deref() == Some(service);
        is_of_it && step.step.split_whitespace().any(|word| word == reference)
    })?;
    Some(noted(step, "the last operation could not get it"))
}

/// A field of a service that has no container to take it from.
fn service_field(service: &str, field: &str) -> crate::finding::Culprit {
    crate::finding::Culprit {
        field: Some(field.to_owned()),
        ..whole(CulpritKind::Service, service)
    }
}

fn name_taken(world: &World<'_>, cases: &mut Vec<Case>) {
    for (service, declared) in world.declared_services() {
        let Some(wanted) = declared
            .container_name
            .as_deref()
            .filter(|_| declared.is_enabled)
        else {
            continue;
        };
        let (Some(holder), Some(absent)) = (
            world.name(wanted).filter(|one| one.is_taken),
            has_no_container(world, service),
        ) else {
            continue;
        };
        let whose = match (&holder.project, &holder.service) {
            (Some(project), Some(service)) => {
                format!("service `{service}` of the project `{project}`")
            }
            (Some(project), None) => format!("the project `{project}`"),
            _ => "no project".to_owned(),
        };
        let claim = format!("the name `{wanted}` is taken by a container of {whose}");
        let text = format!("container `{wanted}`: of {whose}");
        let proves = "an engine gives a name once";
        let taken = shown(FactRef::Name(wanted.to_owned()), text, proves);
        let image = world
            .image(&declared.image)
            .filter(|image| image.id.is_some());
        let image = image.map(|_| {
            let text = format!("image `{}`: there", declared.image);
            shown(
                FactRef::Image(declared.image.clone()),
                text,
                "it is not for want of its image",
            )
        });
        cases.push(
            Case::new(service_field(service, "container_name"), claim)
                .mended_by(
                    "leave `container_name` out, so that every project has names of its own, or remove the other container where nobody needs it; then `bowline up`",
                    Safety::NeedsYou,
                )
                .decides("who has the name", Some(taken))
                .decides("that it has no container", Some(absent))
                .rules_out(Code("D018"), image),
        );
    }
}

/// The paths that a container runs, or that it stumbles over.
fn needed<'f>(world: &World<'f>, container: &'f ContainerFact) -> Vec<String> {
    let words = container
        .command
        .iter()
        .flat_map(|word| word.split_whitespace());
    let words = words.map(|word| word.trim_matches(['"', '\'', ';']));
    let mut paths: Vec<String> = words
        .filter(|word| word.contains('/') && !word.contains("://"))
        .map(|word| absolute(container, word))
        .collect();
    let words: Vec<Says> = Says::ALL.to_vec();
    for said in world.complaints(container, &words) {
        paths.extend(said.capture("path").map(|path| absolute(container, path)));
    }
    let error = world
        .state(container)
        .and_then(|state| state.error.as_deref());
    paths.extend(
        error
            .and_then(refused_program)
            .map(|program| absolute(container, program)),
    );
    paths
}

/// How many of the last lines of a log are looked at for a path.
const LAST_LINES: usize = 30;

/// Whether a line says at which line of a file something happened, as tracebacks do: `File "a.py", line 3`, `a.js:10`,
/// `in a.php on line 7`.
fn is_traced(line: &str, path: &str) -> bool {
    let is_number = |text: &str| text.starts_with(|it: char| it.is_ascii_digit());
    line.split(path).skip(1).any(|rest| {
        let words = rest.trim_start_matches(['"', '\'', ',', ' ']);
        let words = words.strip_prefix("on ").unwrap_or(words);
        rest.strip_prefix(':').is_some_and(is_number)
            || words.strip_prefix("line ").is_some_and(is_number)
    })
}

/// That a program that fails names a path in a complaint among what it wrote last, as languages do that say where it
/// happened. What it read or wrote well it names too.
fn names_in_its_trouble<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    path: &str,
) -> Option<Evidence> {
    let names_it = |line: &str| {
        let mut words = line.split(|it: char| it.is_whitespace() || "\"'`():,".contains(it));
        words.any(|word| word == path)
    };
    // Programs name what they write themselves.
    let is_written = ["/tmp/", "/run/", "/var/"]
        .iter()
        .any(|top| path.starts_with(top));
    let is_its_own = path.contains("/.");
    if world.recipe(container).is_some() || is_written || is_its_own || !is_settings(path) {
        return None;
    }
    let reading = world.reading(container);
    let is_trouble = |line: &str| match reading.line(line) {
        Some(found) => !found.says.is_benign(),
        None => grumbles(line),
    };
    let mut lines = world.log(container)?.lines.iter().rev().take(LAST_LINES);
    let line = lines.find(|line| {
        let line = line.text.as_str();
        names_it(line) && !is_everyday(line) && (is_traced(line, path) || is_trouble(line))
    })?;
    Some(written(container, line, "it stumbles over it"))
}

/// How long after its start a container may still be making its files.
const MAKING: SignedDuration = SignedDuration::from_secs(10);

/// Whether a container may have written a file itself when it was started: its image does not have it, it was changed about
/// then, or a script begins the container and nobody knows when it was changed.
fn may_be_its_own(world: &World<'_>, container: &ContainerFact, path: &str) -> bool {
    let file = world.file(container, path);
    let modified = file.and_then(|file| file.there.as_ref()?.modified);
    let is_near = |start: Option<Timestamp>| {
        let both = modified.zip(start);
        both.is_some_and(|(modified, start)| modified.duration_since(start).abs() < MAKING)
    };
    let words = container.command.iter();
    let mut words = words.flat_map(|word| word.split_whitespace());
    let is_script = |word: &str| {
        let name = word.rsplit('/').next().unwrap_or(word);
        let is_shell = matches!(name, "sh" | "ash" | "bash" | "dash");
        is_shell
            || name.rsplit_once('.').is_some_and(|(_, end)| end == "sh")
            || name.contains("entrypoint")
    };
    world.is_added(container, path)
        || is_near(container.created)
        || is_near(container.started)
        || modified.is_none() && words.any(is_script)
}

/// The path in which a container differs from its image, and which it runs or stumbles over.
fn patch<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<&'f String> {
    let changes = world.changes(container)?;
    let mounts = world.mounts(container)?;
    let needed = needed(world, container);
    let is_named = |path: &&String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        // What the image does not have may have been put there when the container was made.
        let is_run = || needed.contains(path) || needs_by_name(world, container, name, path);
        !world.is_added(container, path) && is_run()
            || names_in_its_trouble(world, container, path).is_some()
    };
    let is_leaf = |path: &&String| {
        let inner = format!("{path}/");
        !changes.iter().any(|other| other.starts_with(&inner))
    };
    // The engine makes the places at which something is mounted.
    let is_mounted = |path: &&String| {
        let mut targets = mounts.iter().map(|mount| &mount.target);
        targets.any(|target| is_below(path, target) || is_below(target, path))
    };
    let leaves = changes.iter().filter(is_leaf);
    leaves.filter(|path| !is_mounted(path)).find(is_named)
}

/// That a container was made of the image to which its reference leads now.
fn is_current<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Evidence> {
    let image = world.image(&container.image)?;
    let text = format!(
        "`{}` leads to the image that it was made of",
        container.image
    );
    let fact = FactRef::Image(container.image.clone());
    let proves = "a newer image is not the difference";
    let is_same = image.id.as_deref() == Some(container.image_id.as_str());
    is_same.then(|| shown(fact, text, proves))
}

fn patched(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| world.fails(one)) {
        let was_started = world
            .state(container)
            .is_some_and(|state| state.started.is_some());
        let Some(path) = patch(world, container).filter(|_| was_started) else {
            continue;
        };
        let claim = format!(
            "`{path}` is not as the image `{}` has it: it was changed in the container, which a new one would not have",
            container.image
        );
        let text = format!("{}: `{path}` differs from the image", container.name);
        let difference = shown(
            FactRef::Changes(container.name.clone()),
            text,
            "images do not change; somebody or something wrote there",
        );
        let service = container.service.as_deref().unwrap_or_default();
        let at_most = if may_be_its_own(world, container, path) {
            Confidence::Likely
        } else {
            Confidence::Certain
        };
        cases.push(
            Case::new(culprit(container, Some("image")), claim)
                .at_most(at_most)
                .mended_by(
                    format!("make it again as its image has it: `bowline up --force-recreate {service}`; put the change into the image where it is wanted (`bowline cp` takes it out first)"),
                    Safety::Restart,
                )
                .decides("what was changed", Some(difference))
                .decides(
                    "that it runs it",
                    names_in_its_trouble(world, container, path)
                        .or_else(|| asked(world, container, "it is what it runs, or needs")),
                )
                .decides("that it fails", stood(world, container, "it does not work with it"))
                .rules_out(Code("D015"), is_current(world, container)),
        );
    }
}

/// Whether a container runs a program by its name alone that lies at a path.
fn needs_by_name<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    name: &str,
    path: &str,
) -> bool {
    let is_program = path.contains("/bin/") || path.contains("/sbin/");
    let runs = container
        .command
        .iter()
        .flat_map(|word| word.split_whitespace());
    world.made(container).is_some() && is_program && runs.into_iter().any(|word| word == name)
}
