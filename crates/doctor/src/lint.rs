//! Risks: what explains no trouble, and may be one some day. They are never mixed with causes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use bowline_model::Place;
use bowline_model::carried::{Oddity, store_at};
use bowline_recipes::{Recipe, Server};
use serde::Serialize;

use crate::facts::{ContainerFact, Facts, ServiceFact, Unlimited, Weakness};
use crate::finding::Code;
use crate::rule::RULES;
use crate::world::recipes;

/// Something that may become trouble.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Risk {
    /// Its code.
    pub code: Code,
    /// The field of the files that says it: `services.db.ports`; of several services that of the first.
    pub field: String,
    /// The services that it is about.
    pub services: Vec<String>,
    /// What it is, a sentence.
    pub claim: String,
    /// What takes it away.
    pub fix: String,
    /// Where the field is written, where the facts say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// The codes of risks, with what each says.
pub const RISKS: &[(Code, &str)] = &[
    (Code("D082"), "a password is one that everybody knows"),
    (Code("D084"), "a secret stands in a log"),
    (Code("D085"), "a secret is a part of an image"),
    (Code("D137"), "a log grows without end"),
    (Code("D140"), "more is open than others should reach"),
    (Code("D200"), "the image may be another one tomorrow"),
    (Code("D201"), "a service may use all memory of the host"),
    (
        Code("D202"),
        "services may together use more memory than the host has for them",
    ),
    (
        Code("D203"),
        "a secret stands in a Compose file, for everybody who reads it",
    ),
    (Code("D204"), "a secret is too weak to be hidden"),
    (
        Code("D205"),
        "a service may use all processors or processes of the host",
    ),
];

/// Sockets by which a container rules over its engine.
const ENGINE_SOCKETS: &[&str] = &["docker.sock", "podman.sock", "containerd.sock"];

/// The most memory that is kept for the system and its cache, in bytes, and what part of a small host's.
const RESERVE: u64 = 2 << 30;
const RESERVED_PART: u64 = 4;

const MIB: u64 = 1 << 20;

/// The risks of a stack, by its files; by code and field. What is only missing is one risk with all services that miss it.
pub fn lint(facts: &Facts) -> Vec<Risk> {
    let stack = Stack::of(facts);
    let mut risks = Vec::new();
    for (name, service) in &stack.services {
        let mut found = Found {
            name,
            risks: &mut risks,
        };
        passwords(&mut found, service);
        rights(&mut found, service);
        ports(&mut found, service, &stack);
        images(&mut found, service, &stack);
    }
    in_clear(&stack, &mut risks);
    weak(&stack, &mut risks);
    memory(&stack, &mut risks);
    limits(&stack, &mut risks);
    endless_logs(&stack, &mut risks);
    told_logs(facts, &mut risks);
    risks.sort();
    risks.dedup();
    for risk in &mut risks {
        let written = facts.places.get(&risk.field);
        risk.place = risk.place.take().or_else(|| written.cloned());
    }
    risks
}

/// Whether a code is one of risks and of no cause: whether it is there only [`lint`] says.
pub fn is_risk(code: &str) -> bool {
    RISKS.iter().any(|(risk, _)| risk.0 == code) && !RULES.iter().any(|rule| rule.code.0 == code)
}

impl Risk {
    /// Whether somebody asks for this by a code, and by the name of a service where one is given.
    pub fn is_asked_for(&self, code: &str, service: Option<&str>) -> bool {
        let own = self.field.strip_prefix("services.");
        let lists = |service: &str| self.services.iter().any(|name| name == service);
        self.code.0 == code
            && service.is_none_or(|service| {
                let rest = own.and_then(|own| own.strip_prefix(service));
                lists(service) || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    }
}

/// What of a stack is looked at.
struct Stack<'f> {
    facts: &'f Facts,
    /// The services that are a part of it as it was asked for.
    services: BTreeMap<&'f str, &'f ServiceFact>,
    recipes: BTreeMap<&'f str, &'f Recipe>,
}

impl<'f> Stack<'f> {
    fn of(facts: &'f Facts) -> Self {
        let services = facts.services.iter();
        let enabled = services.filter(|(_, service)| service.is_enabled);
        Self {
            facts,
            services: enabled
                .map(|(name, service)| (name.as_str(), service))
                .collect(),
            recipes: recipes(facts),
        }
    }

    /// The containers of a service.
    fn containers(&self, service: &str) -> Vec<&'f ContainerFact> {
        let containers = self.facts.containers.iter();
        let own = containers.filter(|it| it.service.as_deref() == Some(service) && !it.is_one_off);
        own.collect()
    }

    /// The services for which something holds, of those that run at all.
    fn running(&self, holds: impl Fn(&str, &ServiceFact) -> bool) -> Vec<&'f str> {
        let services = self.services.iter();
        let found = services.filter(|(name, it)| it.replicas > 0 && holds(name, it));
        found.map(|(name, _)| *name).collect()
    }

    /// The kind of server that a service runs: by its containers, else by what the files and the image say.
    fn server(&self, name: &str, service: &ServiceFact) -> Option<&'f Recipe> {
        let containers = self.containers(name);
        if !containers.is_empty() {
            let mut known = containers.iter();
            return known.find_map(|it| self.recipes.get(it.name.as_str()).copied());
        }
        let image = self.facts.images.get(&service.image);
        let exposed = image.into_iter().flat_map(|image| &image.exposed);
        let exposed = exposed.chain(&service.expose);
        let ports = exposed.filter_map(|port| port.split('/').next()?.parse().ok());
        let command = image.into_iter().flat_map(|image| &image.command);
        self.facts.recipes.known().of(&Server {
            image: &service.image,
            command: command.map(String::as_str).collect(),
            environment_keys: service.environment.keys().map(String::as_str).collect(),
            exposed_ports: ports.collect(),
        })
    }
}

/// Names in a sentence: `a`, `b` and `c`, each between backticks.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [before @ .., last] => {
            let before: Vec<String> = before.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and `{last}`", before.join(", "))
        }
    }
}

/// A risk of several services, by a field of the first; none where there is no service.
fn shared(
    code: &'static str,
    services: &[&str],
    field: &str,
    claim: String,
    fix: &str,
) -> Option<Risk> {
    Some(Risk {
        code: Code(code),
        field: format!("services.{}.{field}", services.first()?),
        services: services.iter().map(|name| (*name).to_owned()).collect(),
        claim,
        fix: fix.to_owned(),
        place: None,
    })
}

/// Where risks of one service go.
struct Found<'a> {
    name: &'a str,
    risks: &'a mut Vec<Risk>,
}

impl Found<'_> {
    fn add(&mut self, code: &'static str, field: &str, claim: String, fix: &str) {
        let risk = shared(code, &[self.name], field, claim, fix);
        self.risks.extend(risk);
    }
}

/// Whether everybody knows the value of a variable.
fn is_well_known(service: &ServiceFact, key: &str) -> bool {
    let odd = service.odd.get(key);
    odd.is_some_and(|odd| odd.contains(&Oddity::WellKnown))
}

fn passwords(found: &mut Found<'_>, service: &ServiceFact) {
    for key in service.odd.keys().filter(|key| is_well_known(service, key)) {
        let claim = format!(
            "`{key}` of `{}` is a password that everybody knows",
            found.name
        );
        let field = format!("environment.{key}");
        let fix = "make one up, and keep it out of the files";
        found.add("D082", &field, claim, fix);
    }
}

/// Secrets that stand in the files themselves: one risk for each place, since services may share it by an anchor.
fn in_clear(stack: &Stack<'_>, risks: &mut Vec<Risk>) {
    let mut places: BTreeMap<(&Place, &str), Vec<&str>> = BTreeMap::new();
    for (name, service) in &stack.services {
        let keys = service.in_clear.iter();
        // To make up another one mends both.
        for (key, place) in keys.filter(|(key, _)| !is_well_known(service, key)) {
            places.entry((place, key.as_str())).or_default().push(*name);
        }
    }
    for ((place, key), services) in places {
        let claim = format!(
            "`{key}` of {} holds a secret, and its value stands in the file for everybody who reads that",
            listed(&services)
        );
        let fix = "hand it over under `secrets`, or keep the value in `.env` or an `env_file` outside of the repository and write `${…:?}`; change it where others have the file";
        let field = format!("environment.{key}");
        let risk = shared("D203", &services, &field, claim, fix);
        risks.extend(risk.map(|risk| Risk {
            place: Some(place.clone()),
            ..risk
        }));
    }
}

fn weak(stack: &Stack<'_>, risks: &mut Vec<Risk>) {
    let mut weak: BTreeMap<(&str, Weakness), Vec<&str>> = BTreeMap::new();
    for (name, service) in &stack.services {
        let keys = service.weak.iter();
        for (key, weakness) in keys.filter(|(key, _)| !is_well_known(service, key)) {
            weak.entry((key.as_str(), *weakness))
                .or_default()
                .push(*name);
        }
    }
    for ((key, weakness), services) in weak {
        let why = match weakness {
            Weakness::Short => "has fewer than 6 characters",
            Weakness::Name => "is also a name of the project",
        };
        let claim = format!(
            "the secret in `{key}` of {} {why}: it is soon guessed, and is not hidden in logs and outputs, where it would be found in innocent words",
            listed(&services)
        );
        let field = format!("environment.{key}");
        let fix = "make up a longer one that is no name";
        risks.extend(shared("D204", &services, &field, claim, fix));
    }
}

fn rights(found: &mut Found<'_>, service: &ServiceFact) {
    let name = found.name.to_owned();
    if service.is_privileged {
        let claim = format!("`{name}` may do on the host whatever root may");
        let fix = "give it just what it needs: `cap_add`, `devices`";
        found.add("D140", "privileged", claim, fix);
    }
    for mount in &service.mounts {
        let is_socket = ENGINE_SOCKETS
            .iter()
            .any(|socket| mount.source.ends_with(socket));
        if is_socket {
            let claim = format!(
                "`{name}` rules over the engine: `{}` is mounted",
                mount.source
            );
            let fix = "take it away, or put a proxy in between that lets only reading through";
            found.add("D140", "volumes", claim, fix);
        }
    }
}

/// Whether an address of the host is for programs on it alone.
fn is_own(address: &str) -> bool {
    let address = address.trim_matches(['[', ']']);
    let parsed = address.parse::<IpAddr>();
    address == "localhost" || parsed.is_ok_and(|address| address.is_loopback())
}

/// Servers of data that others than the host's own programs reach.
fn ports(found: &mut Found<'_>, service: &ServiceFact, stack: &Stack<'_>) {
    let name = found.name.to_owned();
    let server = stack.server(&name, service);
    let kept = server.filter(|recipe| !recipe.data.is_empty());
    let own: BTreeSet<u16> = kept
        .iter()
        .flat_map(|recipe| &recipe.ports)
        .map(|port| port.number)
        .collect();
    for (host_ip, host_port, inside) in &service.published {
        // Where it is not known what runs there, some ports speak for themselves.
        let by_port = store_at(*inside).filter(|_| server.is_none());
        let what = if own.contains(inside) {
            format!("the data of `{name}`")
        } else if let Some(kind) = by_port {
            format!("`{name}`, which has the port of a {kind} server,")
        } else {
            continue;
        };
        if is_own(host_ip) {
            continue;
        }
        let port = if host_port.is_empty() {
            "that the engine chooses"
        } else {
            host_port
        };
        let claim = format!("everybody who reaches this host reaches {what} at port {port}");
        let fix = format!(
            "publish it on this host only: `127.0.0.1:{host_port}:{inside}`, or not at all"
        );
        found.add("D140", "ports", claim, &fix);
    }
    if service.network_mode.as_deref() == Some("host") {
        listens_on_host(found, &own, stack);
    }
}

/// Ports of a server of data on which it listens in the host's network.
fn listens_on_host(found: &mut Found<'_>, own: &BTreeSet<u16>, stack: &Stack<'_>) {
    let name = found.name.to_owned();
    let containers = stack.containers(&name).into_iter();
    let insides = containers.filter_map(|it| stack.facts.insides.get(&it.name));
    let listeners = insides.flat_map(|inside| &inside.listeners);
    // In the host's network the kernel shows everybody's: only its own ports are meant.
    let open = listeners.filter(|it| own.contains(&it.port) && !it.address.is_loopback());
    for port in open.map(|it| it.port).collect::<BTreeSet<u16>>() {
        let claim = format!(
            "everybody who reaches this host reaches the data of `{name}` at port {port}: it listens in the host's network"
        );
        let fix = "leave the host's network, or let it listen on 127.0.0.1";
        found.add("D140", "network_mode", claim, fix);
    }
}

fn images(found: &mut Found<'_>, service: &ServiceFact, stack: &Stack<'_>) {
    let image = service.image.as_str();
    let last = image.rsplit('/').next().unwrap_or_default();
    let has_digest = image.contains('@');
    let tag = last.split_once(':').map(|(_, tag)| tag);
    if !service.is_built && !image.is_empty() && !has_digest && matches!(tag, None | Some("latest"))
    {
        let claim = format!(
            "`{image}` of `{}` is whatever is newest when it is pulled",
            found.name
        );
        let fix = "name a version: `image: NAME:VERSION`";
        found.add("D200", "image", claim, fix);
    }
    // An image that is built here may have no name in the files.
    let containers = stack.containers(found.name).into_iter();
    let mut names: BTreeSet<&str> = containers.map(|it| it.image.as_str()).collect();
    names.insert(image);
    for name in names {
        let known = stack.facts.images.get(name);
        for key in known.into_iter().flat_map(|image| &image.secrets) {
            let claim =
                format!("the image `{name}` holds a value for `{key}`, for everybody who has it");
            let fix = "hand it over when it runs, under `secrets` or `environment`; change it";
            found.add("D085", "image", claim, fix);
        }
    }
}

/// Whether every service has a limit of memory, and whether they fit into the host's together with the system.
fn memory(stack: &Stack<'_>, risks: &mut Vec<Risk>) {
    let host = stack.facts.host_memory_bytes;
    let unlimited = stack.running(|_, service| service.memory_bytes.is_none());
    let of_one =
        |service: &&ServiceFact| Some(service.memory_bytes?.saturating_mul(service.replicas));
    let total: u64 = stack.services.values().filter_map(of_one).sum();
    if !unlimited.is_empty() {
        let mut claim = format!(
            "nothing keeps {} from using all memory of the host",
            listed(&unlimited)
        );
        if host > 0 && total > 0 {
            let left = host.saturating_sub(total) / MIB;
            let _ = write!(
                claim,
                ", of whose {} MiB the limits of the others leave {left} MiB to them and the system",
                host / MIB
            );
        }
        let fix = "set `mem_limit`, or `deploy.resources.limits.memory`";
        risks.extend(shared("D201", &unlimited, "mem_limit", claim, fix));
    }
    let reserve = RESERVE.min(host / RESERVED_PART);
    if host == 0 || total <= host - reserve {
        return;
    }
    let mut claim = format!(
        "the memory limits add up to {} MiB of the host's {} MiB, and about {} MiB are for the system and its cache",
        total / MIB,
        host / MIB,
        reserve / MIB
    );
    if !unlimited.is_empty() {
        let _ = write!(
            claim,
            "; {} without a limit not counted",
            listed(&unlimited)
        );
    }
    let limited = stack.running(|_, service| service.memory_bytes.is_some());
    risks.push(Risk {
        code: Code("D202"),
        field: "services".to_owned(),
        services: limited.into_iter().map(str::to_owned).collect(),
        claim,
        fix: "lower limits or replicas, or take a larger host".to_owned(),
        place: None,
    });
}

/// Services that may use up the processors or the numbers of processes, those that miss the same together.
fn limits(stack: &Stack<'_>, risks: &mut Vec<Risk>) {
    for (missing, what, field, fix) in [
        (
            &[Unlimited::Processors, Unlimited::Processes][..],
            "all processors and all processes",
            "pids_limit",
            "set `pids_limit` and `cpus`, or both under `deploy.resources.limits`",
        ),
        (
            &[Unlimited::Processors][..],
            "all processors",
            "cpus",
            "set `cpus`, or `deploy.resources.limits.cpus`",
        ),
        (
            &[Unlimited::Processes][..],
            "all processes",
            "pids_limit",
            "set `pids_limit`, or `deploy.resources.limits.pids`",
        ),
    ] {
        let services = stack.running(|_, service| service.unlimited.iter().eq(missing));
        let claim = format!(
            "nothing keeps {} from using {what} of the host",
            listed(&services)
        );
        risks.extend(shared("D205", &services, field, claim, fix));
    }
}

/// Whether nothing turns a container's log over; by the files where the engine does not say.
fn grows(container: &ContainerFact, service: &ServiceFact) -> bool {
    match container.log_driver.as_deref() {
        Some("json-file") => !container.log_options.contains_key("max-size"),
        Some(_) => false,
        None => !service.has_log_settings,
    }
}

/// Services whose logs are never turned over.
fn endless_logs(stack: &Stack<'_>, risks: &mut Vec<Risk>) {
    let services = stack.running(|name, service| {
        let containers = stack.containers(name);
        if containers.is_empty() {
            !service.has_log_settings
        } else {
            containers.iter().any(|it| grows(it, service))
        }
    });
    let (what, verb) = if services.len() == 1 {
        ("log", "grows")
    } else {
        ("logs", "grow")
    };
    let claim = format!(
        "the {what} of {} {verb} until the disk is full, unless the engine says otherwise",
        listed(&services)
    );
    let fix = "set `logging: {driver: json-file, options: {max-size: 10m, max-file: \"3\"}}`, or `driver: local`";
    risks.extend(shared("D137", &services, "logging", claim, fix));
}

/// Secret values in logs, by what is known of their values and not by how they look.
fn told_logs(facts: &Facts, risks: &mut Vec<Risk>) {
    let containers: BTreeMap<&str, &str> = facts
        .containers
        .iter()
        .filter_map(|container| Some((container.name.as_str(), container.service.as_deref()?)))
        .collect();
    for (container, log) in &facts.logs {
        let Some(service) = containers.get(container.as_str()) else {
            continue;
        };
        if !log.secrets.is_empty() {
            let numbers: Vec<&str> = log.secrets.iter().map(String::as_str).collect();
            risks.push(Risk {
                code: Code("D084"),
                field: format!("services.{service}"),
                services: vec![(*service).to_owned()],
                claim: format!(
                    "the log of `{service}` holds secret values ({})",
                    numbers.join(", ")
                ),
                fix: "keep the program from printing them, and change them".to_owned(),
                place: None,
            });
        }
    }
}
