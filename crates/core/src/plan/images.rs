//! Images: what has to be pulled or built before anything else can be known.
//!
//! An image that some service builds is not pulled for another one that only uses it. Services whose builds are the
//! same share one, under all their names. Builds run side by side, but for those of services that depend on each
//! other: a Dockerfile may stand on the image of a dependency.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::{
    Action, Build, BuildChoice, Cause, PullPolicy, StepId, Wanted, WantedImage, label,
};

use super::PlanError;
use super::draft::Draft;
use super::up::order;

/// Plans the pulls and builds.
pub(super) fn bring(draft: &mut Draft<'_>, wanted: &Wanted) {
    let with_build = wanted.services.values().map(|service| &service.image);
    let built: BTreeSet<&str> = with_build
        .filter(|image| image.build.is_some())
        .map(|image| image.reference.as_str())
        .collect();
    pull(draft, wanted, &built);
    build(draft, wanted);
}

/// Says which services may have to be made again: whether they have to, only their images will show.
pub(super) fn foretell(draft: &mut Draft<'_>, wanted: &Wanted) {
    for (name, service) in &wanted.services {
        let reference = &service.image.reference;
        let is_brought = !draft.image_steps(service).is_empty();
        let containers = &draft.observed.containers;
        let has_containers = containers
            .iter()
            .any(|container| container.service() == Some(name.as_str()));
        if is_brought && has_containers && draft.observed.images.contains_key(reference) {
            draft.note(
                format!("service {name}"),
                format!("is made again where {reference} becomes another image"),
            );
        }
    }
}

fn pull(draft: &mut Draft<'_>, wanted: &Wanted, built: &BTreeSet<&str>) {
    let mut planned = BTreeSet::new();
    for (name, service) in &wanted.services {
        let image = &service.image;
        let is_missing = !draft.observed.images.contains_key(&image.reference);
        let is_built = built.contains(image.reference.as_str());
        match image.pull {
            // What is missing or to be renewed is built.
            _ if is_built && (is_missing || image.unnamed || image.build.is_none()) => continue,
            _ if is_built && image.build_choice == BuildChoice::Always => continue,
            PullPolicy::Never | PullPolicy::Build if is_missing => {
                let error = PlanError::NoImage {
                    reference: image.reference.clone(),
                    service: name.clone(),
                    place: service.place.clone(),
                };
                draft.fail(error);
                continue;
            }
            PullPolicy::Never | PullPolicy::Build => continue,
            PullPolicy::Missing | PullPolicy::Older(_) if !is_missing => continue,
            _ => {}
        }
        if planned.insert((&image.reference, &image.platform)) {
            let action = Action::PullImage {
                reference: image.reference.clone(),
                platform: image.platform.clone(),
            };
            draft.step(action, cause(image, is_missing), Some(name), &[]);
        }
    }
}

fn cause(image: &WantedImage, is_missing: bool) -> Cause {
    if is_missing {
        Cause::Missing
    } else if image.build_choice == BuildChoice::Always {
        Cause::Requested
    } else {
        Cause::Policy
    }
}

/// Services whose image is built at once.
struct Group<'a> {
    services: Vec<&'a str>,
    references: Vec<&'a str>,
    recipe: &'a Build,
    cause: Cause,
}

fn build(draft: &mut Draft<'_>, wanted: &Wanted) {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for name in order(wanted) {
        let image = &wanted.services[name].image;
        let Some(recipe) = image.build.as_deref() else {
            continue;
        };
        let Some(cause) = reason(draft, name, image) else {
            continue;
        };
        let reference = image.reference.as_str();
        if let Some(group) = groups
            .iter_mut()
            .find(|group| is_same(group.recipe, recipe))
        {
            group.services.push(name);
            group.references.push(reference);
        } else if let Some(group) = groups
            .iter()
            .find(|group| group.references.contains(&reference))
        {
            draft.note(
                format!("service {name}"),
                format!(
                    "its image {reference} is built as service {} says",
                    group.services[0]
                ),
            );
        } else {
            groups.push(Group {
                services: vec![name],
                references: vec![reference],
                recipe,
                cause,
            });
        }
    }
    let mut steps: BTreeMap<&str, StepId> = BTreeMap::new();
    for group in groups {
        let first = group.services[0];
        let after = before(wanted, first, &steps);
        let mut recipe = group.recipe.clone();
        let others = group.references[1..].iter().map(|name| (*name).to_owned());
        recipe.tags.extend(others);
        let action = Action::BuildImage {
            reference: group.references[0].to_owned(),
            build: Box::new(recipe),
            place: wanted.services[first].image.build_place.clone(),
        };
        let step = draft.step(action, group.cause, Some(first), &after);
        steps.extend(group.services.into_iter().map(|service| (service, step)));
    }
}

/// Why the image of a service is built, if it is.
fn reason(draft: &mut Draft<'_>, service: &str, image: &WantedImage) -> Option<Cause> {
    let is_missing = !draft.observed.images.contains_key(&image.reference);
    if image.build_choice == BuildChoice::Never {
        if is_missing {
            draft.fail(PlanError::NotBuilt {
                reference: image.reference.clone(),
                service: service.to_owned(),
            });
        }
        return None;
    }
    let is_asked_for = image.build_choice == BuildChoice::Always || image.pull == PullPolicy::Build;
    if !is_missing && !is_asked_for {
        return None;
    }
    for asked in &image.not_buildable {
        draft.fail(PlanError::NotBuildable {
            asked: asked.clone(),
            service: service.to_owned(),
        });
    }
    Some(cause(image, is_missing))
}

/// Whether two services build the same, but for what the image is called and labelled after.
fn is_same(one: &Build, other: &Build) -> bool {
    let nameless = |build: &Build| {
        let mut build = build.clone();
        build.labels.0.remove(label::SERVICE);
        build
    };
    nameless(one) == nameless(other)
}

/// The builds of everything that a service depends on.
fn before(wanted: &Wanted, service: &str, steps: &BTreeMap<&str, StepId>) -> Vec<StepId> {
    let (mut seen, mut rest) = (BTreeSet::from([service]), vec![service]);
    while let Some(next) = rest.pop() {
        let service = wanted.services.get(next);
        let on = service
            .into_iter()
            .flat_map(|service| service.depends_on.keys());
        rest.extend(on.map(String::as_str).filter(|other| seen.insert(other)));
    }
    let found = seen.iter().filter_map(|service| steps.get(service));
    found.copied().collect()
}
