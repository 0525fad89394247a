//! Settings that a program refuses: one that it does not know, or whose value does not fit.

use bowline_recipes::Says;

use crate::facts::ContainerFact;
use crate::finding::{Code, Confidence, Culprit, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Said, World, culprit, made, shown, spoken, stood};

use super::files::service;
use super::stray::strays;

pub(crate) const REFUSED: Rule = Rule {
    code: Code("D206"),
    title: "a program refuses one of its own settings",
    layer: Layer::Config,
    decisive: &["the refusal", "where the setting stands", "that it ends"],
    look_alikes: &[Code("D016")],
    yields: false,
    endangers_data: false,
    find: refused,
};

/// Where a setting stands that a program refuses.
struct Stand {
    culprit: Culprit,
    /// For people: `its command`.
    place: String,
    evidence: Option<Evidence>,
}

fn refused(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        // One that goes on without a setting may do well without it.
        if world.ailment(container).is_none() {
            continue;
        }
        let words = [Says::SettingUnknown, Says::SettingWrong];
        let complaints = world.complaints(container, &words);
        // The line that names what is wrong says more than the one that only names the file.
        let said = complaints
            .iter()
            .find(|said| said.capture("name").is_some())
            .or_else(|| complaints.first());
        let Some(said) = said else {
            continue;
        };
        let named = said.capture("name");
        let value = named.and_then(|name| container.environment.get(name)?.as_deref());
        // Rules of their own tell of those.
        if value.is_some_and(|value| value.is_empty() || !strays(value).is_empty()) {
            continue;
        }
        let stand = stand(world, container, said);
        let named = named.map_or("a setting".to_owned(), |name| format!("`{name}`"));
        let how = match said.says {
            Says::SettingUnknown => "does not know",
            _ => "does not take what it is told for",
        };
        let place = stand.as_ref().map_or("", |stand| &stand.place);
        let claim = format!("`{}` {how} {named}{place}, and ends", service(container));
        let (blamed, stands) = match stand {
            Some(stand) => (stand.culprit, stand.evidence),
            None => (culprit(container, None), None),
        };
        cases.push(
            Case::new(blamed, claim)
                .seen_in(container.service.as_deref())
                .mended_by(
                    format!(
                        "correct it as the line says (`bowline logs {}` has it whole), then `bowline up`",
                        service(container)
                    ),
                    Safety::NeedsYou,
                )
                .at_most(if stands.is_some() {
                    Confidence::Certain
                } else {
                    Confidence::Likely
                })
                .decides("the refusal", Some(spoken(container, said, "it names what it refuses")))
                .decides("where the setting stands", stands.clone())
                .decides("that it ends", stood(world, container, "it does not go on without it"))
                .rules_out(Code("D016"), stands),
        );
    }
}

/// Where a setting stands: in the file that the line names, in a variable, or in the command.
fn stand<'f>(world: &World<'f>, container: &'f ContainerFact, said: &Said<'_>) -> Option<Stand> {
    let name = said.capture("name");
    if let Some(path) = said.capture("path").filter(|path| path.starts_with('/')) {
        let mount = world.mount_of(container, path);
        let evidence = mount.filter(|mount| mount.kind == "bind").map(|mount| {
            shown(
                FactRef::Mounts(container.name.clone()),
                format!("{}: `{path}` comes from `{}`", container.name, mount.source),
                "the file that it names is one of the project's",
            )
        });
        return Some(Stand {
            culprit: world.file_of(container, path),
            place: format!(" in `{path}`"),
            evidence,
        });
    }
    let name = name?;
    if let Some((key, _)) = container.environment.get_key_value(name) {
        let proves = "it was told so, and not by its image alone";
        return Some(Stand {
            culprit: culprit(container, Some(&format!("environment.{key}"))),
            place: String::new(),
            evidence: made(world, container, &format!("has a variable `{key}`"), proves),
        });
    }
    let written = word_for(&container.command, name)?;
    let text = if written.contains(' ') {
        format!("its command has `{name}` in it")
    } else {
        format!("its command has `{written}`")
    };
    Some(Stand {
        culprit: culprit(container, Some("command")),
        place: " in its command".to_owned(),
        evidence: made(world, container, &text, "that is where it stands"),
    })
}

/// The word of a command that gives a setting: a word of its own, or a part of a script.
fn word_for<'c>(command: &'c [String], name: &str) -> Option<&'c str> {
    let plain = |text: &str| {
        let key = text.split('=').next().unwrap_or_default();
        key.trim_start_matches('-').replace('_', "-")
    };
    let wanted = plain(name);
    let mut words = command.iter().map(String::as_str);
    words
        .clone()
        .find(|word| plain(word) == wanted)
        .or_else(|| {
            words.find(|script| script.split_whitespace().any(|part| plain(part) == wanted))
        })
}
