//! Topics, queues and channels that one service calls otherwise than another.

use std::collections::BTreeSet;

use bowline_recipes::Says;

use crate::edit::{Piece, Spot};
use crate::facts::{
    AskedFact, ContainerFact, QueueFact, SettingFact, TalkerFact, TrafficFact, names_part,
};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, shown, spoken};

use super::names::{carrier, teller};

pub(crate) const OTHER_TOPIC: Rule = Rule {
    code: Code("D036"),
    title: "a topic, queue or channel is called otherwise here than elsewhere in the stack",
    layer: Layer::Config,
    decisive: &[
        "that nobody is there under that name",
        "its own name for it",
        "the others' name for it",
    ],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: topics,
};

fn topics(world: &World<'_>, cases: &mut Vec<Case>) {
    other_topic(world, cases);
    for server in world.containers() {
        if let Some((asked, traffic)) = world.traffic(server) {
            let shared = Shared {
                world,
                server,
                asked,
                traffic,
            };
            shared.unheard(cases);
        }
    }
}

/// What a client calls a topic that is not there, and who calls it by another prefix.
struct Misnamed<'f> {
    key: &'f str,
    value: &'f str,
    other: &'f ContainerFact,
    other_key: &'f str,
    other_value: &'f str,
    sure: Confidence,
}

fn other_topic(world: &World<'_>, cases: &mut Vec<Case>) {
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client))
    {
        let Some(said) = world.says(client, Says::TopicMissing) else {
            continue;
        };
        let Some(topic) = said.capture("topic") else {
            continue;
        };
        let Some(it) = misnamed(world, client, topic) else {
            continue;
        };
        let other = it.other.service.as_deref().unwrap_or(&it.other.name);
        let claim = format!(
            "the topic `{topic}` does not exist: `{}` is `{}` here, and `{}` in `{other}`",
            it.key, it.value, it.other_value
        );
        let named = |container: &ContainerFact, key: &str, value: &str, proves: &str| -> Evidence {
            let text = format!("{}: variable `{key}` is `{value}`", container.name);
            shown(FactRef::Made(container.name.clone()), text, proves)
        };
        let field = format!("environment.{}", it.key);
        let spot = Spot::field(client, &field);
        cases.push(
            Case::new(culprit(client, Some(&field)), claim)
                .at_most(it.sure)
                .mended_by(
                    format!(
                        "let both read one variable: write what `{other}` has, then `bowline up`"
                    ),
                    Safety::NeedsYou,
                )
                .by_edits(spot.map(|spot| spot.replace(Piece::Word, it.value, it.other_value)))
                .decides(
                    "that nobody is there under that name",
                    Some(spoken(
                        client,
                        said,
                        "the broker was reached and does not have it",
                    )),
                )
                .decides(
                    "its own name for it",
                    Some(named(client, it.key, it.value, "that is what it asks for")),
                )
                .decides(
                    "the others' name for it",
                    Some(named(
                        it.other,
                        it.other_key,
                        it.other_value,
                        "the topic goes by that elsewhere",
                    )),
                ),
        );
    }
}

/// Whether a topic that a client misses goes by another name elsewhere.
pub(super) fn is_misnamed<'f>(world: &World<'f>, client: &'f ContainerFact, topic: &str) -> bool {
    misnamed(world, client, topic).is_some()
}

/// Whether one name is the other with something more at its beginning or its end: `trial-orders` and `orders`.
fn is_extended(one: &str, other: &str) -> bool {
    let (long, short) = if one.len() > other.len() {
        (one, other)
    } else {
        (other, one)
    };
    let is_separator = |it: char| matches!(it, '.' | '_' | '-');
    let before = long.strip_suffix(short);
    let after = long.strip_prefix(short);
    !short.is_empty()
        && (before.is_some_and(|it| it.ends_with(is_separator))
            || after.is_some_and(|it| it.starts_with(is_separator)))
}

/// Finds the variable that a missing topic is named in, and the one of another service that differs by its beginning, or, of
/// variables of one name, by something that is added.
fn misnamed<'f>(world: &World<'f>, client: &'f ContainerFact, topic: &str) -> Option<Misnamed<'f>> {
    let values = |container: &'f ContainerFact| {
        let pairs = world
            .made(container)
            .into_iter()
            .flat_map(|it| &it.environment);
        pairs.filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)))
    };
    let is_separator = |it: char| matches!(it, '.' | '_' | '-');
    let rest = |text: &'f str| {
        text.split_once(is_separator)
            .map(|(_, rest)| rest)
            .filter(|rest| !rest.is_empty())
    };
    for (key, value) in values(client) {
        let is_prefix = value.len() > 1 && topic.starts_with(value) && topic.len() > value.len();
        if value != topic && !is_prefix {
            continue;
        }
        for other in world
            .containers()
            .filter(|other| other.service != client.service)
        {
            let found = values(other).find_map(|(other_key, other_value)| {
                if other_value == value || other_value.is_empty() {
                    return None;
                }
                let is_same_key = other_key == key;
                let is_sure = if is_prefix {
                    is_same_key
                } else {
                    rest(value).is_some() && rest(other_value) == rest(value)
                };
                // Both may be meant: one for what the other could not take.
                let may_be = || !is_prefix && is_same_key && is_extended(value, other_value);
                let sure = is_sure.then_some(Confidence::Certain);
                let sure = sure.or_else(|| may_be().then_some(Confidence::Likely))?;
                Some((other_key, other_value, sure))
            });
            if let Some((other_key, other_value, sure)) = found {
                return Some(Misnamed {
                    key,
                    value,
                    other,
                    other_key,
                    other_value,
                    sure,
                });
            }
        }
    }
    None
}

/// Commands by which clients of a Redis take from a list.
const TAKES: &[&str] = &[
    "blmove",
    "blmpop",
    "blpop",
    "brpop",
    "brpoplpush",
    "bzpopmin",
    "lmove",
    "lmpop",
    "lpop",
    "rpop",
    "rpoplpush",
];

/// A server with what goes through it.
struct Shared<'w, 'f> {
    world: &'w World<'f>,
    server: &'f ContainerFact,
    asked: &'f AskedFact,
    traffic: &'f TrafficFact,
}

/// A setting of a container.
#[derive(Clone, Copy)]
struct Named<'f> {
    container: &'f ContainerFact,
    setting: &'f SettingFact,
}

impl<'f> Named<'f> {
    fn value(self) -> &'f str {
        &self.setting.value.text
    }

    fn service(self) -> &'f str {
        let service = self.container.service.as_deref();
        service.unwrap_or(&self.container.name)
    }

    fn evidence(self, proves: &str) -> Evidence {
        let carried = carrier(&self.setting.value.carrier);
        let text = format!("{}: {carried} says `{}`", self.container.name, self.value());
        shown(FactRef::Told(self.container.name.clone()), text, proves)
    }
}

impl<'f> Shared<'_, 'f> {
    /// Services that call the same thing otherwise: one speaks where nobody listens, and another listens where nobody
    /// speaks. Nobody complains of that.
    fn unheard(&self, cases: &mut Vec<Case>) {
        let named = self.named();
        for listener in &named {
            let is_told = |other: &&Named<'_>| other.value() == listener.value();
            if named
                .iter()
                .filter(is_told)
                .any(|it| it.service() != listener.service())
            {
                continue;
            }
            for speaker in named.iter().filter(|it| are_akin(it, listener)) {
                if let Some(seen) = self.seen(&named, listener, speaker) {
                    cases.push(self.case(listener, speaker, seen));
                }
            }
        }
    }

    /// The settings of those who dial the server, as they are told or as it shows.
    fn named(&self) -> Vec<Named<'f>> {
        let talks = |container: &ContainerFact| {
            let mut talkers = self.traffic.clients.iter();
            talkers.any(|talker| {
                let talker = self.world.at_address(talker.remote);
                talker.is_some_and(|talker| talker.name == container.name)
            })
        };
        let dials = |container: &&ContainerFact| {
            let mut edges = self.world.edges().iter();
            let is_told =
                edges.any(|edge| edge.client.name == container.name && edge.leads_to(self.server));
            self.world.runs(container) && (is_told || talks(container))
        };
        let users = self.world.containers().filter(dials);
        users
            .flat_map(|container| {
                let settings = self.world.settings(container).iter();
                settings.map(move |setting| Named { container, setting })
            })
            .collect()
    }

    /// What shows that nobody listens where one speaks, while another waits elsewhere.
    fn seen(
        &self,
        named: &[Named<'_>],
        listener: &Named<'_>,
        speaker: &Named<'_>,
    ) -> Option<Evidence> {
        let listening = self.services(|talker| talker.listens)?;
        let taking = self.services(|talker| TAKES.contains(&talker.last.as_str()))?;
        let tellers = |value: &str| -> BTreeSet<&str> {
            let told = named.iter().filter(|it| it.value() == value);
            told.map(|it| it.service()).collect()
        };
        let speakers = tellers(speaker.value());
        if let Some(channel) = self.channel(listener.value())
            && listening.contains(listener.service())
            && listening.is_disjoint(&speakers)
            && self.traffic.patterns == 0
            && self.channel(speaker.value()).is_none()
        {
            let text = format!(
                "somebody listens to `{channel}`, and nobody to `{}`",
                speaker.value()
            );
            return Some(
                self.asked
                    .evidence(&text, "what is said there reaches nobody"),
            );
        }
        let left = self.queue(speaker.value())?;
        // Whoever else takes may take from there.
        let is_only = taking.iter().all(|service| *service == listener.service());
        if taking.is_empty() || !is_only || self.queue(listener.value()).is_some() {
            return None;
        }
        let text = format!(
            "{} entries lie in `{}`, and only `{}` takes from any queue",
            left.length,
            left.name,
            listener.service()
        );
        Some(self.asked.evidence(&text, "nobody takes what is put there"))
    }

    /// A channel that somebody listens to and that a setting names.
    fn channel(&self, value: &str) -> Option<&'f String> {
        let mut channels = self.traffic.channels.iter();
        channels.find(|name| names_part(name, value))
    }

    /// A queue that has entries and that a setting names.
    fn queue(&self, value: &str) -> Option<&'f QueueFact> {
        let mut queues = self.traffic.queues.iter();
        queues.find(|queue| names_part(&queue.name, value))
    }

    /// The services whose connections are such; `None` where one of them is nobody's of the stack.
    fn services(&self, is_such: impl Fn(&TalkerFact) -> bool) -> Option<BTreeSet<&'f str>> {
        let talkers = self.traffic.clients.iter().filter(|talker| is_such(talker));
        talkers
            .map(|talker| self.world.at_address(talker.remote)?.service.as_deref())
            .collect()
    }

    fn case(&self, listener: &Named<'f>, speaker: &Named<'f>, seen: Evidence) -> Case {
        let (own, theirs) = (listener.value(), speaker.value());
        let other = speaker.service();
        let claim = format!(
            "it waits for what comes under `{own}`, and nobody else in the stack is told of that; `{other}` is told `{theirs}`"
        );
        let told = &listener.setting.value.carrier;
        let spot = Spot::carried(listener.container, told);
        Case::new(teller(self.world, listener.container, told), claim)
            .seen_in(listener.container.service.as_deref())
            .at_most(Confidence::Likely)
            .mended_by(
                format!("let both read one variable: write what `{other}` has, then `bowline up`"),
                Safety::NeedsYou,
            )
            .by_edits(spot.map(|spot| spot.replace(Piece::Word, own, theirs)))
            .decides("that nobody is there under that name", Some(seen))
            .decides(
                "its own name for it",
                Some(listener.evidence("that is where it waits")),
            )
            .decides(
                "the others' name for it",
                Some(speaker.evidence("the same thing goes by that elsewhere")),
            )
    }
}

/// Whether two settings of different services are about the same thing and differ: they have one key, or keys and values
/// that have a word in common.
fn are_akin(one: &Named<'_>, other: &Named<'_>) -> bool {
    let words = |text: &str| -> BTreeSet<String> {
        let is_separator = |it: char| "_-.:/ ".contains(it);
        let words = text.split(is_separator).filter(|word| word.len() > 2);
        words.map(str::to_lowercase).collect()
    };
    let last = |key: &str| key.rsplit(['_', '.', '-']).next().map(str::to_owned);
    let (key, value) = (&one.setting.key, one.value());
    let (other_key, other_value) = (&other.setting.key, other.value());
    let is_same_kind = key == other_key
        || last(key) == last(other_key) && !words(value).is_disjoint(&words(other_value));
    one.service() != other.service() && value != other_value && is_same_kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_something_added_is_another_name_for_the_same_thing() {
        assert!(is_extended("trial-orders", "orders"));
        assert!(is_extended("orders", "orders.v2"));
        assert!(!is_extended("reorders", "orders"));
        assert!(!is_extended("orders", "mails"));
        assert!(!is_extended("orders", ""));
    }
}
