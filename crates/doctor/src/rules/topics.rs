//! Topics, queues and channels that one service calls otherwise than another.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use bowline_recipes::Says;

use crate::edit::{Piece, Spot};
use crate::facts::{
    AskedFact, ContainerFact, QueueFact, SettingFact, TalkerFact, TrafficFact, names_part,
};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Said, World, culprit, shown, spoken};

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

/// What a client calls a topic that is not there, and who calls it otherwise.
struct Misnamed<'f> {
    key: &'f str,
    value: &'f str,
    other: &'f ContainerFact,
    other_key: &'f str,
    other_value: &'f str,
    likeness: Likeness,
}

/// How much speaks for it that two names are of one topic, from the least on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// They begin otherwise, as two topics may that both are meant.
    Begins,
    /// One setting of both, and one name is the other with something more. Both may be meant: one for what the other could
    /// not take.
    Added,
    /// One setting of both that names topics, and it differs by how it begins.
    Same,
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
        let found = misnamings(world, client, topic).into_iter();
        if let Some(likest) = found.min_by_key(|it| Reverse(it.likeness)) {
            cases.push(likest.case(client, topic, said));
        }
    }
}

impl Misnamed<'_> {
    fn case(&self, client: &ContainerFact, topic: &str, said: &Said<'_>) -> Case {
        let other = self.other.service.as_deref().unwrap_or(&self.other.name);
        let claim = format!(
            "the topic `{topic}` does not exist: `{}` is `{}` here, and `{}` in `{other}`",
            self.key, self.value, self.other_value
        );
        let named = |container: &ContainerFact, key: &str, value: &str, proves: &str| -> Evidence {
            let text = format!("{}: variable `{key}` is `{value}`", container.name);
            shown(FactRef::Made(container.name.clone()), text, proves)
        };
        let field = format!("environment.{}", self.key);
        // Where both may be meant the other's name is none to write here.
        let is_one = self.likeness != Likeness::Begins;
        let fix = if is_one {
            format!("let both read one variable: write what `{other}` has, then `bowline up`")
        } else {
            format!(
                "if `{other}` means the same topic, let both read one variable, else make the topic; then `bowline up`"
            )
        };
        let spot = Spot::field(client, &field).filter(|_| is_one);
        let sure = match self.likeness {
            Likeness::Same => Confidence::Certain,
            Likeness::Added | Likeness::Begins => Confidence::Likely,
        };
        let missing = spoken(client, said, "the broker was reached and does not have it");
        let own = named(client, self.key, self.value, "that is what it asks for");
        let theirs = named(
            self.other,
            self.other_key,
            self.other_value,
            "the topic goes by that elsewhere",
        );
        Case::new(culprit(client, Some(&field)), claim)
            .at_most(sure)
            .mended_by(fix, Safety::NeedsYou)
            .by_edits(spot.map(|spot| spot.replace(Piece::Word, self.value, self.other_value)))
            .decides("that nobody is there under that name", Some(missing))
            .decides("its own name for it", Some(own))
            .decides("the others' name for it", Some(theirs))
    }
}

/// Whether a topic that a client misses surely goes by another name elsewhere, or the one who should make it was told
/// another name.
pub(super) fn is_misnamed<'f>(
    world: &World<'f>,
    client: &'f ContainerFact,
    topic: &str,
    maker: Option<&str>,
) -> bool {
    let found = misnamings(world, client, topic);
    found.iter().any(|it| match it.likeness {
        Likeness::Same => true,
        Likeness::Added => it.other.service.as_deref() == maker,
        Likeness::Begins => false,
    })
}

fn is_separator(it: char) -> bool {
    matches!(it, '.' | '_' | '-')
}

/// Whether one name is the other with something more at its beginning or its end: `trial-orders` and `orders`.
fn is_extended(one: &str, other: &str) -> bool {
    let (long, short) = if one.len() > other.len() {
        (one, other)
    } else {
        (other, one)
    };
    let before = long.strip_suffix(short);
    let after = long.strip_prefix(short);
    !short.is_empty()
        && (before.is_some_and(|it| it.ends_with(is_separator))
            || after.is_some_and(|it| it.starts_with(is_separator)))
}

/// What follows the beginning of a name: `orders` of `dev_orders`.
fn rest(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once(is_separator)?;
    (!rest.is_empty()).then_some(rest)
}

/// Words of keys of settings that name topics.
const TOPICS: &[&str] = &["channel", "queue", "stream", "subject", "topic"];
/// Words of keys of settings that say how names begin.
const BEGINNINGS: &[&str] = &["namespace", "prefix", "stage"];
/// Words that may stand beside those, where the names are of topics.
const BROKERS: &[&str] = &["amqp", "broker", "bus", "kafka", "mqtt", "nats", "rabbitmq"];

/// Whether a key is one of a setting that names topics or says how they begin: `ORDERS_TOPIC`, `KAFKA_PREFIX`, and not
/// `LOG_PREFIX`.
fn names_topics(key: &str) -> bool {
    let key = key.to_lowercase();
    let words = || key.split(|it: char| !it.is_alphanumeric());
    let is_topic = |word: &str| {
        let one = word.strip_suffix('s').unwrap_or(word);
        TOPICS.contains(&one)
    };
    let begins = |word: &str| BEGINNINGS.contains(&word);
    words().any(is_topic)
        || words().any(begins) && words().all(|word| begins(word) || BROKERS.contains(&word))
}

/// The variables of a container that have a value.
fn variables<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
) -> impl Iterator<Item = (&'f str, &'f str)> {
    let made = world.made(container).into_iter();
    let pairs = made.flat_map(|it| &it.environment);
    pairs.filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)))
}

/// How like two variables are, each by its key and its value, of which the first names a topic or how it begins.
fn likeness(topic: &str, own: (&str, &str), other: (&str, &str)) -> Option<Likeness> {
    let (is_one_key, value, other_value) = (own.0 == other.0, own.1, other.1);
    if other_value == value || other_value.is_empty() {
        return None;
    }
    if let Some(after) = topic.strip_prefix(value).filter(|after| !after.is_empty()) {
        // `orders` is how `orders.created` begins; that the rest is the same topic elsewhere only the key says.
        let is_apart = value.ends_with(is_separator) || after.starts_with(is_separator);
        let is_of_topics = is_apart && names_topics(own.0);
        let likeness = if is_of_topics {
            Likeness::Same
        } else {
            Likeness::Begins
        };
        return is_one_key.then_some(likeness);
    }
    if rest(value).is_some() && rest(other_value) == rest(value) {
        // Under two keys it may be what goes in and what comes out: `raw.orders` and `clean.orders`.
        return Some(if is_one_key {
            Likeness::Same
        } else {
            Likeness::Begins
        });
    }
    (is_one_key && is_extended(value, other_value)).then_some(Likeness::Added)
}

/// Finds the variables that a missing topic is named in, each with one of another service that is like it.
fn misnamings<'f>(world: &World<'f>, client: &'f ContainerFact, topic: &str) -> Vec<Misnamed<'f>> {
    let names = |container: &'f ContainerFact, name: &str| {
        variables(world, container).any(|(_, value)| value == name)
    };
    let mut found = Vec::new();
    for (key, value) in variables(world, client) {
        let is_prefix = value.len() > 1 && topic.starts_with(value);
        if value != topic && !is_prefix {
            continue;
        }
        let others = world.containers();
        for other in others.filter(|other| other.service != client.service) {
            for (other_key, other_value) in variables(world, other) {
                let alike = likeness(topic, (key, value), (other_key, other_value));
                // Who names both means both.
                let is_both = || names(client, other_value) || names(other, value);
                found.extend(alike.map(|alike| Misnamed {
                    key,
                    value,
                    other,
                    other_key,
                    other_value,
                    likeness: if is_both() { Likeness::Begins } else { alike },
                }));
            }
        }
    }
    found
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

    #[test]
    fn a_key_is_about_topics_by_its_words() {
        for key in ["ORDERS_TOPIC", "topics.orders", "KAFKA_PREFIX", "STAGE"] {
            assert!(names_topics(key), "{key}");
        }
        for key in ["SERVICE_NAME", "LOG_PREFIX", "KAFKA_CLIENT_ID", "ENV"] {
            assert!(!names_topics(key), "{key}");
        }
    }
}
