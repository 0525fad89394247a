//! Healthchecks that look for their service where it does not listen.

use std::net::IpAddr;

use bowline_model::{HealthStatus, Protocol};

use crate::collect::number;
use crate::edit::{Edit, Piece, Spot};
use crate::facts::{ContainerFact, DialAnswer, Dialled, HealthFact, ListenerFact};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, listening, shown};

use super::asked::{Asked, asked};
use super::did_not_run;

pub(crate) const ASKS_LOOPBACK: Rule = Rule {
    code: Code("D011"),
    title: "the healthcheck asks where the service does not listen: on the loopback, or at another port",
    layer: Layer::Startup,
    decisive: &["the probe", "what it listens on"],
    look_alikes: &[Code("D010"), Code("D017"), Code("D089")],
    yields: false,
    endangers_data: false,
    find: asks_loopback,
};

pub(crate) const ASKS_V6: Rule = Rule {
    code: Code("D089"),
    title: "the healthcheck takes `localhost` for an IPv6 address, and the service listens on IPv4 only",
    layer: Layer::Startup,
    decisive: &["the probe", "what it listens on"],
    look_alikes: &[Code("D010"), Code("D011"), Code("D017")],
    yields: false,
    endangers_data: false,
    find: asks_v6,
};

/// A healthcheck that ran and failed, with where it looked and who listens there.
pub(crate) struct Failed<'f> {
    pub(crate) container: &'f ContainerFact,
    pub(crate) health: &'f HealthFact,
    pub(crate) asked: Asked,
    /// What listens on that port, on whatever address; on any port where the test names none.
    pub(crate) there: Vec<ListenerFact>,
}

/// Every healthcheck that looks on the loopback and fails, of containers that can be looked into.
pub(crate) fn failed<'f>(world: &World<'f>) -> Vec<Failed<'f>> {
    let mut found = Vec::new();
    for container in world.containers().filter(|one| world.runs(one)) {
        let (Some(health), Some(inside)) = (world.health(container), world.inside(container))
        else {
            continue;
        };
        let fails = health.verdict == Some(HealthStatus::Unhealthy) || health.failing_streak > 0;
        let ran = health
            .probes
            .last()
            .is_some_and(|probe| probe.exit_code != 0 && !did_not_run(probe));
        let Some(asked) = asked(&health.test).filter(|_| fails && ran) else {
            continue;
        };
        let is_there = |listener: &&ListenerFact| {
            listener.protocol == Protocol::Tcp
                && asked.port.is_none_or(|port| port == listener.port)
        };
        found.push(Failed {
            container,
            health,
            there: inside.listeners.iter().filter(is_there).copied().collect(),
            asked,
        });
    }
    found
}

/// What a healthcheck runs, as it is written.
pub(super) fn written(health: &HealthFact) -> String {
    health.test.get(1..).unwrap_or_default().join(" ")
}

/// The last probe as evidence.
pub(super) fn last_probe(
    container: &ContainerFact,
    health: &HealthFact,
    proves: &str,
) -> Option<Evidence> {
    let last = health.probes.last()?;
    let output = last.output.trim();
    let output = output.lines().last().unwrap_or(output);
    let mut evidence = shown(
        FactRef::Health(container.name.clone()),
        format!(
            "{}: `{}`: exit code {}, {output}",
            container.name,
            written(health),
            last.exit_code
        ),
        proves,
    );
    evidence.at = last.at;
    Some(evidence)
}

/// Addresses with their ports, for people.
fn places(listeners: &[ListenerFact]) -> String {
    let places = listeners
        .iter()
        .map(|one| std::net::SocketAddr::new(one.address, one.port).to_string());
    places.collect::<Vec<_>>().join(", ")
}

impl Failed<'_> {
    /// The port at which it listens and others call it, where its healthcheck asks at another one and nobody else does.
    pub(super) fn other_port(&self, world: &World<'_>) -> Option<u16> {
        let asked = self.asked.port.filter(|_| self.there.is_empty())?;
        let edges = || {
            let edges = world.edges().iter();
            edges.filter(|edge| edge.leads_to(self.container))
        };
        if edges().any(|edge| edge.port == Some(asked)) {
            return None;
        }
        let listeners = world.inside(self.container)?.listeners.iter();
        let mut open = listeners
            .filter(|one| one.protocol == Protocol::Tcp && !one.address.is_loopback())
            .map(|one| one.port);
        open.find(|port| {
            let target = format!("{port}/tcp");
            let mut published = self.container.published.iter();
            edges().any(|edge| edge.port == Some(*port))
                || published.any(|published| published.container == target)
        })
    }
}

/// Programs that run several others in one container.
const SUPERVISORS: &[&str] = &[
    "circusd",
    "forego",
    "honcho",
    "monit",
    "runsvdir",
    "s6-svscan",
    "supervisord",
];

/// Whether somebody may be meant to listen at a port of a container, and be down: its image, its command or its settings
/// name the port, or it runs more than one program.
fn is_meant_to_listen(world: &World<'_>, container: &ContainerFact, port: u16) -> bool {
    let names_it = |text: &String| {
        let mut numbers = text.split(|it: char| !it.is_ascii_digit());
        numbers.any(|number| number.parse::<u16>().is_ok_and(|number| number == port))
    };
    let is_supervisor = |word: &String| {
        let name = word.rsplit('/').next().unwrap_or(word);
        SUPERVISORS.contains(&name)
    };
    let image = world.image(&container.image);
    let inside = world.inside(container);
    let ports = container.published.iter().map(|port| &port.container);
    let mut ports = ports
        .chain(&container.exposed)
        .chain(image.into_iter().flat_map(|image| &image.exposed));
    let mut words = container
        .command
        .iter()
        .chain(image.into_iter().flat_map(|image| &image.command))
        .chain(inside.into_iter().flat_map(|inside| &inside.main));
    let mut values = container.environment.values().flatten();
    let mut hosts = world.told(container).iter().flat_map(|told| &told.hosts);
    ports.any(names_it)
        || words.any(|word| names_it(word) || is_supervisor(word))
        || values.any(names_it)
        || hosts.any(|host| number(host.port) == Some(port))
}

/// Healthchecks that ask at a port where nobody listens, of services that are called at another one.
fn asks_other_port(world: &World<'_>, cases: &mut Vec<Case>) {
    for failed in failed(world) {
        let (Some(open), Some(asked)) = (failed.other_port(world), failed.asked.port) else {
            continue;
        };
        let claim = format!(
            "its healthcheck asks at port {asked}, where nobody listens; it listens on {open}, and is called there"
        );
        // Who should listen there may have ended, and then the healthcheck is right.
        let at_most = if is_meant_to_listen(world, failed.container, asked) {
            Confidence::Likely
        } else {
            Confidence::Certain
        };
        let proves = "it is there, and not where the healthcheck asks";
        let listens = listening(failed.container, world, proves);
        let proves = "the probe ran and reached nobody";
        let probe = last_probe(failed.container, failed.health, proves);
        cases.push(
            Case::new(culprit(failed.container, Some("healthcheck")), claim)
                .at_most(at_most)
                .mended_by(
                    format!("let the healthcheck ask at port {open}, then `bowline up`"),
                    Safety::Restart,
                )
                .decides("the probe", probe.clone())
                .decides("what it listens on", listens.clone())
                .rules_out(Code("D010"), listens.clone())
                .rules_out(Code("D017"), probe)
                .rules_out(Code("D089"), listens),
        );
    }
}

fn asks_loopback(world: &World<'_>, cases: &mut Vec<Case>) {
    asks_other_port(world, cases);
    for failed in failed(world) {
        let is_elsewhere = |listener: &ListenerFact| {
            !listener.address.is_unspecified() && !listener.address.is_loopback()
        };
        if failed.there.is_empty() || !failed.there.iter().all(is_elsewhere) {
            continue;
        }
        let claim = format!(
            "its healthcheck asks at `{}`, and it listens on {} only: nobody answers there, however well it is",
            failed.asked.host,
            places(&failed.there)
        );
        let listens = listening(
            failed.container,
            world,
            "it is there, and not on the loopback",
        );
        let probe = last_probe(
            failed.container,
            failed.health,
            "the probe ran and reached nobody",
        );
        cases.push(
            Case::new(culprit(failed.container, Some("healthcheck")), claim)
                .mended_by(
                    "let the healthcheck ask at the address on which it listens (`$(hostname -i)` in a shell's test), or let it listen on 0.0.0.0, then `bowline up`",
                    Safety::Restart,
                )
                .by_edits(asks_by_name(world, &failed))
                .decides("the probe", probe.clone())
                .decides("what it listens on", listens.clone())
                .rules_out(Code("D010"), listens.clone())
                .rules_out(Code("D017"), probe)
                .rules_out(Code("D089"), listens),
        );
    }
}

/// That a healthcheck asks somebody else.
fn asks_at(container: &ContainerFact, host: &str, right: &str) -> Option<Edit> {
    let wrong = match host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    };
    Some(Spot::field(container, "healthcheck.test")?.replace(Piece::Word, wrong, right))
}

/// That a healthcheck asks by the service's name, which is its address on its network, where that is its only one.
fn asks_by_name<'f>(world: &World<'f>, failed: &Failed<'f>) -> Option<Edit> {
    let service = failed.container.service.as_deref()?;
    let is_only = world.of_service(service).len() == 1;
    let networks = world.networks(failed.container)?;
    (is_only && networks.len() == 1)
        .then(|| asks_at(failed.container, &failed.asked.host, service))?
}

/// That `localhost` leads to `::1` in a container, where nobody takes calls: told by the probe, or by our own call.
fn dials_v6(world: &World<'_>, failed: &Failed<'_>) -> Option<Evidence> {
    let last = failed.health.probes.last()?;
    let proves = "the probe dialled an IPv6 address";
    if failed.asked.host == "::1" || last.output.contains("::1") {
        return last_probe(failed.container, failed.health, proves);
    }
    if !last.output.to_lowercase().contains("refused") {
        return None;
    }
    let tried = world.tried(failed.container, &failed.asked.host)?;
    let is_refused =
        |dialled: &&Dialled| dialled.address.is_ipv6() && dialled.answer == DialAnswer::Refused;
    let refused = tried.dialled.iter().find(is_refused)?;
    let fact = FactRef::Tried {
        from: tried.from.clone(),
        host: tried.host.clone(),
    };
    let text = format!(
        "{}: `{}` leads to {} too, which refuses calls at port {}",
        tried.from, tried.host, refused.address, refused.port
    );
    Some(shown(
        fact,
        text,
        "the probe was refused, so this is where it went",
    ))
}

fn asks_v6(world: &World<'_>, cases: &mut Vec<Case>) {
    for failed in failed(world) {
        let Some(dialled) = dials_v6(world, &failed) else {
            continue;
        };
        let is_v4 = |listener: &ListenerFact| match listener.address {
            IpAddr::V4(address) => address.is_unspecified() || address.is_loopback(),
            IpAddr::V6(_) => false,
        };
        let is_only_v4 = !failed.there.is_empty() && failed.there.iter().all(is_v4);
        if !failed.asked.may_be_v6() || !is_only_v4 {
            continue;
        }
        let claim = format!(
            "its healthcheck takes `{}` for ::1, and it listens on IPv4 only ({}): nobody answers there, however well it is",
            failed.asked.host,
            places(&failed.there)
        );
        let listens = listening(failed.container, world, "it is there, on IPv4 only");
        let probe = last_probe(failed.container, failed.health, "the probe ran");
        cases.push(
            Case::new(culprit(failed.container, Some("healthcheck")), claim)
                .mended_by(
                    "write `127.0.0.1` in the healthcheck instead, then `bowline up`",
                    Safety::Restart,
                )
                .by_edits(asks_at(failed.container, &failed.asked.host, "127.0.0.1"))
                .decides("the probe", Some(dialled))
                .decides("what it listens on", listens.clone())
                .rules_out(Code("D010"), listens.clone())
                .rules_out(Code("D011"), listens)
                .rules_out(Code("D017"), probe),
        );
    }
}
