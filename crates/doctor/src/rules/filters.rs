//! Packets that are dropped or refused between a client and a service that listens.

use crate::facts::{ContainerFact, DialAnswer};
use crate::finding::{Code, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::edges::Trouble;
use crate::world::{Edge, World, listening, shown, whole};

use super::limits::is_throttled;
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

fn dropped(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let is_slow = edge
            .service()
            .is_some_and(|(_, targets)| targets.iter().any(|one| is_throttled(world, one)));
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
