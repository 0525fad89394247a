//! Packets that get lost, are dropped or refused between a client and a service that listens.

use bowline_engine::TcpState;

use crate::facts::{ContainerFact, DialAnswer, PeerFact};
use crate::finding::{Code, Confidence, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::edges::Trouble;
use crate::world::{Edge, World, culprit, listening, shown, whole};

use super::limits::{is_throttled, loses_much};
use super::names::tried;

pub(crate) const DROPPED: Rule = Rule {
    code: Code("D106"),
    title: "a service listens, and what is sent to it is dropped on the way",
    layer: Layer::Network,
    decisive: &["the listener", "the attempt", "that it takes calls itself"],
    look_alikes: &[Code("D054"), Code("D100"), Code("D101")],
    yields: false,
    endangers_data: false,
    find: dropped,
};

pub(crate) const REJECTED: Rule = Rule {
    code: Code("D109"),
    title: "a service listens, and a packet filter refuses who comes to it",
    layer: Layer::Network,
    decisive: &["the listener", "the attempt", "that it takes calls itself"],
    look_alikes: &[Code("D054"), Code("D100")],
    yields: false,
    endangers_data: false,
    find: rejected,
};

pub(crate) const LARGE_ONES_LOST: Rule = Rule {
    code: Code("D107"),
    title: "small packets pass, and large ones get lost on the way",
    layer: Layer::Network,
    decisive: &[
        "what is sent in vain",
        "that calls are taken",
        "what comes of it",
    ],
    look_alikes: &[Code("D101"), Code("D106")],
    yields: false,
    endangers_data: false,
    find: large_ones_lost,
};

/// How often in a row the same has to be sent in vain: by chance, with three packets of ten lost, three of a hundred are.
pub(super) const IN_VAIN: u8 = 3;
/// Of so many segments that were sent again some were so by chance three times in a row: an end that gets no confirmation
/// at all waits longer each time, and never comes to so many.
const MANY: u64 = 100;

/// Connections came about, so small packets pass both ways; then the one end sends the same again and again, and nobody
/// ever confirms it.
fn large_ones_lost(world: &World<'_>, cases: &mut Vec<Case>) {
    for sender in world.containers() {
        let Some(inside) = world.inside(sender) else {
            continue;
        };
        let loses_many = inside.segments.is_some_and(|(_, resent)| resent > MANY);
        let in_vain = if loses_many { 2 * IN_VAIN } else { IN_VAIN };
        let stuck = inside.peers.iter().filter(|peer| {
            let is_open = !matches!(peer.state, TcpState::SynSent | TcpState::SynReceived);
            is_open && peer.resent >= in_vain
        });
        // One that was started again, by whomever, took the other end of its connections with it.
        let stuck = stuck.filter_map(|peer| {
            let receiver = world.at_address(peer.remote)?;
            let is_server = peer.local_port.is_none();
            let is_newer =
                is_server && receiver.started > sender.started && world.is_young(receiver);
            (!world.was_started_again(receiver) && !is_newer).then_some((peer, receiver))
        });
        let Some((peer, receiver)) = stuck.max_by_key(|(peer, _)| peer.resent) else {
            continue;
        };
        cases.extend(lost_case(world, sender, receiver, peer));
    }
}

fn lost_case<'f>(
    world: &World<'f>,
    sender: &'f ContainerFact,
    receiver: &'f ContainerFact,
    peer: &PeerFact,
) -> Option<Case> {
    let is_answer = peer.local_port.is_some();
    let (server, client) = if is_answer {
        (sender, receiver)
    } else {
        (receiver, sender)
    };
    let port = peer.local_port.or(peer.remote_port)?;
    let named = |one: &'f ContainerFact| one.service.as_deref().unwrap_or(&one.name);
    let what = if is_answer {
        format!("what it sends to `{}` from port {port}", named(client))
    } else {
        format!("what `{}` sends to its port {port}", named(client))
    };
    let claim = format!(
        "{what} is never confirmed, however often it is sent again, although calls to that port are taken: what is large gets lost on the way"
    );
    let text = format!(
        "{}: sent the same to {} ({}) {} times more, on a connection that came about",
        sender.name, peer.remote, receiver.name, peer.resent
    );
    let inside = FactRef::Inside(sender.name.clone());
    let in_vain = shown(inside, text, "it gets no confirmation");
    let mut edges = world.edges().iter();
    let edge = edges.find(|edge| {
        edge.client.name == client.name && edge.port == Some(port) && edge.leads_to(server)
    });
    let taken = edge.and_then(|edge| taken(world, edge, port))?;
    let is_awake = world
        .state(receiver)
        .filter(|_| world.runs(receiver))
        .map(|_| {
            let fact = FactRef::State(receiver.name.clone());
            let text = format!("{}: running", receiver.name);
            shown(fact, text, "who should confirm it is not frozen")
        });
    let sufferer = [client].into_iter().chain(world.sufferer(client));
    let mut suffers = sufferer.filter_map(|it| world.complaint_by(it, "it waits for the rest"));
    Some(
        Case::new(culprit(server, Some("networks")), claim)
            // Where it is lost nobody saw.
            .at_most(Confidence::Likely)
            .between(server.service.as_deref(), client.service.as_deref())
            .mended_by(
                "compare the MTU of the network with that of the way (`ip link` on the host, a VPN, `driver_opts: {com.docker.network.driver.mtu: …}`), and look for packet filters that drop by length or refuse ICMP",
                Safety::NeedsYou,
            )
            .decides("what is sent in vain", Some(in_vain))
            .decides("that calls are taken", Some(taken.clone()))
            .decides("what comes of it", suffers.next())
            .rules_out(Code("D101"), is_awake)
            .rules_out(Code("D106"), Some(taken)),
    )
}

/// That a call from within the client is taken at once.
fn taken(world: &World<'_>, edge: &Edge<'_>, port: u16) -> Option<Evidence> {
    let answers = &world.tried(edge.client, &edge.host.name)?.dialled;
    let mut answers = answers.iter().filter(|one| one.port == port);
    let is_taken = answers.any(|one| one.answer == DialAnswer::Connected);
    is_taken.then(|| tried(world, edge, "a packet that is small comes through"))?
}

fn dropped(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        // One call of several gets lost by chance where much is lost.
        let is_slow = edge.service().is_some_and(|(_, targets)| {
            let mut targets = targets.iter();
            targets.any(|one| is_throttled(world, one) || loses_much(world, one))
        });
        if world.trouble(edge) == Some(Trouble::Unanswered) && !is_slow {
            let claim =
                "listens, and a call to it is never answered: its packets are dropped on the way";
            cases.extend(case(world, edge, claim));
        }
    }
}

fn rejected(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        if world.trouble(edge) == Some(Trouble::Rejected) {
            let claim = "listens, and calls to it are refused on the way: a packet filter answers in its place";
            cases.extend(case(world, edge, claim));
        }
    }
}

fn case(world: &World<'_>, edge: &Edge<'_>, claim: &str) -> Option<Case> {
    let (name, containers) = edge.service()?;
    let target = containers.iter().find(|one| world.inside(one).is_some())?;
    let port = edge.port?;
    let claim = format!(
        "`{name}` {claim} (port {port}, from `{}`)",
        edge.client.name
    );
    let listens = listening(target, world, "it is there, and open to others");
    let state = world.state(target).filter(|_| world.runs(target)).map(|_| {
        let text = format!("{}: running", target.name);
        shown(
            FactRef::State(target.name.clone()),
            text,
            "it is not frozen",
        )
    });
    Some(
        Case::new(whole(CulpritKind::Service, name), claim)
            .between(Some(name), edge.client.service.as_deref())
            .mended_by(
                format!("find the rule: `sudo nsenter -t \"$(docker inspect -f '{{{{.State.Pid}}}}' {})\" -n iptables -S`, the same for the host without `nsenter`; then remove it", target.name),
                Safety::NeedsYou,
            )
            .decides("the listener", listens.clone())
            .decides("the attempt", tried(world, edge, "from within the client, now"))
            .decides("that it takes calls itself", takes_calls(world, target, port))
            .rules_out(Code("D054"), listens.clone())
            .rules_out(Code("D100"), listens)
            .rules_out(Code("D101"), state),
    )
}

/// That a call from within a container to its own address is taken: it has room for one more.
fn takes_calls(world: &World<'_>, target: &ContainerFact, port: u16) -> Option<Evidence> {
    let own = world.tried(target, &target.name)?;
    let mut dialled = own.dialled.iter().filter(|dialled| dialled.port == port);
    let taken = dialled.find(|dialled| dialled.answer == DialAnswer::Connected)?;
    let fact = FactRef::Tried {
        from: own.from.clone(),
        host: own.host.clone(),
    };
    let text = format!(
        "{}: {}:{port} takes calls from within itself",
        own.from, taken.address
    );
    Some(shown(fact, text, "it is not too busy to answer"))
}
