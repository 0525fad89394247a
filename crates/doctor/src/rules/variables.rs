//! Variables that nobody set, so that nothing stands where something should.

use bowline_model::carried::{Carrier, may_lead_to};
use bowline_model::{ContainerStatus, is_secret_key, nearest};
use bowline_recipes::Says;
use jiff::SignedDuration;

use crate::edit::{Change, Edit, Spot};
use crate::facts::{ContainerFact, EmptyVariable};
use crate::finding::{Code, Confidence, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Edge, World, culprit, made, shown, spoken, whole, written};

use super::names::address;

pub(crate) const UNSET: Rule = Rule {
    code: Code("D016"),
    title: "a variable is not set, and became empty where a service needs it",
    layer: Layer::Config,
    decisive: &[
        "that nobody set it",
        "what the container got",
        "the complaint",
    ],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: unset,
};

/// How soon after its start one ends that misses what it cannot do without.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(10);

fn unset(world: &World<'_>, cases: &mut Vec<Case>) {
    for variable in world.empty_variables() {
        for field in &variable.fields {
            let Some((service, field)) = place(world, field) else {
                continue;
            };
            for container in world.of_service(service) {
                if world.fails(container) {
                    cases.extend(case(world, variable, container, field));
                }
            }
        }
    }
    for container in world.containers() {
        cases.extend(untold(world, container));
    }
}

/// The case of a variable that a program cannot do without, and that nobody gives it: the files do not name it at all.
fn untold<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Case> {
    let complaints = world.complaints(container, &[Says::VariableMissing]);
    let said = complaints.first()?;
    let name = said.capture("name")?;
    let service = container.service.as_deref();
    let declared = service.and_then(|service| world.declared(service));
    let is_named = container.environment.contains_key(name)
        || declared.is_some_and(|declared| declared.environment.contains_key(name));
    if is_named {
        return None;
    }
    let like_it = nearest(name, container.environment.keys().map(String::as_str));
    let (claim, fix, proves) = match like_it {
        Some(key) => (
            format!("it wants a variable `{name}`, and is told one that is spelt `{key}`"),
            format!("call it `{name}`, then `bowline up`"),
            "that is what it is told instead",
        ),
        None => (
            format!("it wants a variable `{name}`, which nothing gives it"),
            format!(
                "give it `{name}` under `environment` (or in its `env_file`), then `bowline up`"
            ),
            "nothing gives it one",
        ),
    };
    let got = match like_it {
        Some(key) => format!("has a variable `{key}` and none that is called `{name}`"),
        None => format!("has no variable `{name}`"),
    };
    let without = service.filter(|_| declared.is_some()).map(|service| {
        shown(
            FactRef::Declared(service.to_owned()),
            format!("{service}: its `environment` has no `{name}`"),
            "the files do not name it",
        )
    });
    let field = format!("environment.{}", like_it.unwrap_or(name));
    Some(
        Case::new(culprit(container, Some(&field)), claim)
            // A program may look a word in capitals up in something else than its environment.
            .at_most(Confidence::Likely)
            .mended_by(fix, Safety::NeedsYou)
            .decides("that nobody set it", without)
            .decides(
                "what the container got",
                made(world, container, &got, proves),
            )
            .decides(
                "the complaint",
                Some(spoken(container, said, "it cannot do without it")),
            ),
    )
}

/// The service that a field is of, and its path below that. Names of services may have dots in them.
fn place<'w>(world: &'w World<'_>, field: &'w str) -> Option<(&'w str, &'w str)> {
    let rest = field.strip_prefix("services.")?;
    let declared = world.declared_services().map(|(name, _)| name);
    let names = declared.filter(|name| {
        let rest = rest.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with('.'))
    });
    let name = names.max_by_key(|name| name.len())?;
    Some((name, &rest[name.len() + 1..]))
}

/// Whether a value that a container was given is empty because nobody set the variable that it is made of.
pub(super) fn is_unset(world: &World<'_>, container: &ContainerFact, carrier: &Carrier) -> bool {
    let Carrier::Variable(key) = carrier else {
        return false;
    };
    let service = container.service.as_deref().unwrap_or_default();
    let field = format!("services.{service}.environment.{key}");
    let mut unset = world.empty_variables();
    unset.any(|variable| variable.fields.contains(&field))
}

fn case<'f>(
    world: &World<'f>,
    variable: &EmptyVariable,
    container: &'f ContainerFact,
    field: &str,
) -> Option<Case> {
    let name = &variable.name;
    if let Some(case) = filled_in_on_the_host(world, variable, container, field) {
        return Some(case);
    }
    let key = field.strip_prefix("environment.").unwrap_or(name);
    let complaint = complaint(world, container, name, key);
    let mention = complaint.is_none().then(|| {
        let own = falls_back(world, container, key);
        let own = own.map(|own| address(own, "it goes there by itself, since it was told nothing"));
        own.or_else(|| mention(world, container, name, key))
    });
    let mention = mention.flatten();
    let is_weak = complaint.is_none() && mention.is_none();
    if is_weak && !ends_without_saying_why(world, container) {
        return None;
    }
    let text = format!(
        "`{name}` stands in {} and is not set",
        variable.fields.join(", ")
    );
    let nobody = shown(
        FactRef::Variable(name.clone()),
        text,
        "it became empty there",
    );
    let got = match container.environment.get(key) {
        Some(value) => format!("`{key}` is `{}`", value.as_deref().unwrap_or_default()),
        None => format!("its `{field}` was made without it"),
    };
    let got = made(world, container, &got, "this is what it was started with");
    let claim = format!(
        "`{name}` is not set, so `{field}` of `{}` is empty",
        super::files::service(container)
    );
    let mut case = Case::new(whole(CulpritKind::Variable, name), claim)
        .seen_in(container.service.as_deref())
        .mended_by(
            format!("set `{name}` in `.env` or in the shell, then `bowline up`; `${{{name}:?}}` in the file makes it a must"),
            Safety::NeedsYou,
        );
    if is_weak {
        return Some(
            case.at_most(Confidence::Possible)
                .decides("that nobody set it", Some(nobody)),
        );
    }
    if mention.is_some() {
        case = case.at_most(Confidence::Likely);
    }
    Some(
        case.decides("that nobody set it", Some(nobody))
            .decides("what the container got", got)
            .decides("the complaint", complaint.or(mention)),
    )
}

/// What is run in a container names one of its own variables with one `$`, so that the host filled it in.
fn filled_in_on_the_host<'f>(
    world: &World<'f>,
    variable: &EmptyVariable,
    container: &'f ContainerFact,
    field: &str,
) -> Option<Case> {
    const RUN_INSIDE: &[&str] = &["command", "entrypoint", "healthcheck"];
    let name = &variable.name;
    let field = field.split(['.', '[']).next().unwrap_or_default();
    let own = container.environment.get(name)?.as_ref()?;
    if own.is_empty() || !RUN_INSIDE.contains(&field) {
        return None;
    }
    let nobody = shown(
        FactRef::Variable(name.clone()),
        format!(
            "`{name}` stands in {} and is not set",
            variable.fields.join(", ")
        ),
        "the host filled it in, with nothing",
    );
    let text = format!("it has a `{name}` of its own");
    let has = made(world, container, &text, "that is the one that was meant")?;
    let claim = format!(
        "its `{field}` was to read the container's `{name}`, and the host filled it in before, with nothing"
    );
    let case = Case::new(culprit(container, Some(field)), claim)
        .mended_by(
            format!("write `$${name}` there, then `bowline up`"),
            Safety::Restart,
        )
        .by_edits(left_to(container, field, name))
        .at_most(Confidence::Likely)
        .decides("that nobody set it", Some(nobody))
        .decides("what the container got", Some(has));
    Some(case)
}

/// That a variable in what is run is left to the container.
fn left_to(container: &ContainerFact, field: &str, name: &str) -> Option<Edit> {
    let field = match field {
        "healthcheck" => "healthcheck.test",
        other => other,
    };
    let name = name.to_owned();
    Some(Spot::field(container, field)?.change(Change::LeaveVariable { name }))
}

/// What a container says of a setting that it misses.
fn complaint<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    variable: &str,
    key: &str,
) -> Option<Evidence> {
    let words = [
        Says::VariableMissing,
        Says::InitialisationRefused,
        Says::SettingWrong,
        Says::PasswordNotSent,
    ];
    let fits = |said: &&&crate::world::Said<'_>| match said.capture("name") {
        Some(name) => name == key || name == variable,
        None => {
            matches!(
                said.says,
                Says::PasswordNotSent | Says::InitialisationRefused
            ) && is_secret_key(key)
        }
    };
    let complaints = world.complaints(container, &words);
    let said = complaints.iter().find(fits)?;
    Some(spoken(container, said, "it cannot do without it"))
}

/// The only address to which a program goes by itself, where it was to be told one by this setting, and got nothing.
fn falls_back<'w, 'f>(
    world: &'w World<'f>,
    container: &ContainerFact,
    key: &str,
) -> Option<&'w Edge<'f>> {
    let mut own = world
        .edges()
        .iter()
        .filter(|edge| edge.client.name == container.name && edge.host.carrier == Carrier::Program);
    let (Some(edge), None) = (own.next(), own.next()) else {
        return None;
    };
    edge.port
        .is_some_and(|port| may_lead_to(key, port))
        .then_some(edge)
}

/// Whether a container goes to an address by itself because the variable that was to tell it one is empty.
pub(super) fn is_told_nothing(world: &World<'_>, edge: &Edge<'_>) -> bool {
    let service = edge.client.service.as_deref();
    edge.host.carrier == Carrier::Program
        && world.empty_variables().any(|variable| {
            let mut places = variable
                .fields
                .iter()
                .filter_map(|field| place(world, field));
            places.any(|(of, field)| {
                let key = field.strip_prefix("environment.");
                let falls = key.and_then(|key| falls_back(world, edge.client, key));
                Some(of) == service && falls.is_some()
            })
        })
}

/// A line in which a container names the setting, whatever it says of it.
fn mention<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    variable: &str,
    key: &str,
) -> Option<Evidence> {
    let began = container.run_began()?;
    let log = world.log(container)?;
    let has = |text: &str, name: &str| {
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
        text.split(|character| !is_part(character))
            .any(|word| word == name)
    };
    let mut lines = log.lines.iter().rev().take(20);
    let line = lines
        .find(|line| line.at >= began && (has(&line.text, key) || has(&line.text, variable)))?;
    Some(written(
        container,
        line,
        "it speaks of that setting when it fails",
    ))
}

/// Whether a container ended soon after its start, and nothing that is understood says why.
fn ends_without_saying_why<'f>(world: &World<'f>, container: &'f ContainerFact) -> bool {
    let Some(state) = world.state(container) else {
        return false;
    };
    let (Some(started), Some(finished)) = (state.started, state.finished) else {
        return false;
    };
    let is_out = matches!(
        state.status,
        ContainerStatus::Exited | ContainerStatus::Restarting
    );
    let said = world.said(container).iter();
    let explains = said
        .clone()
        .any(|said| said.is_fresh && !said.says.is_benign());
    is_out && finished.duration_since(started) < AT_ONCE && state.exit_code <= 128 && !explains
}
