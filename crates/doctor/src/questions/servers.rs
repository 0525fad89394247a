//! Which servers are asked in their own protocol, and as whom.
//!
//! A server is asked where somebody who dials it is not well or waited for by somebody who is not, or where it is not well
//! itself. It is asked as those clients are told to log in, and as it is told itself; never as somebody who has no part in
//! the trouble, and never with a guess. A Redis is asked in any case, as itself: that nobody takes what goes through it
//! shows nowhere else. Each login is tried once for all who bring it, so that nobody is locked out by
//! being asked.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bowline_model::{HealthStatus, Protocol as TransportProtocol};
use bowline_recipes::{Protocol, Says};

use crate::collect::asks::{Ask, What};
use crate::facts::{AskedLogin, ContainerFact, ServerAnswer, SessionFact};
use crate::rules::health::asked_url;
use crate::rules::reach::{dials_in_vain, may_take_tls};
use crate::rules::tls::{is_about_tls, wants_tls};
use crate::speak::Names;
use crate::world::edges::Trouble;
use crate::world::logins::Login;
use crate::world::{Edge, World};

/// How many logins are tried at one server.
const MOST_LOGINS: usize = 6;

/// Everything that servers are asked.
pub(super) fn asks(world: &World<'_>) -> Vec<Ask> {
    let servers = world.containers().filter(|server| world.runs(server));
    let mut asks: Vec<Ask> = servers.flat_map(|server| asks_of(world, server)).collect();
    asks.extend(pages(world));
    asks.extend(handshakes(world));
    asks
}

/// The URLs that healthchecks ask for, each from within its own container: of those that are unhealthy, and of those
/// that count as healthy while they, or who depends on them, are not well.
fn pages(world: &World<'_>) -> Vec<Ask> {
    let mut asks = Vec::new();
    for container in world.containers().filter(|container| world.runs(container)) {
        let Some(health) = world.health(container) else {
            continue;
        };
        let is_in_question = match health.verdict {
            Some(HealthStatus::Unhealthy) => true,
            Some(HealthStatus::Healthy) => {
                world.complains(container) || world.is_doubted(container)
            }
            _ => false,
        };
        let Some((url, port)) = asked_url(&health.test).filter(|_| is_in_question) else {
            continue;
        };
        let was_asked = world
            .asked(container)
            .any(|asked| matches!(asked.answer, ServerAnswer::Http(_)));
        if let (Some(address), false) = (within(world, container, port), was_asked) {
            asks.push(Ask {
                from: container.name.clone(),
                server: container.name.clone(),
                address,
                what: What::Http(url),
            });
        }
    }
    asks
}

/// Where a container listens, seen from within it. What listens on every address of the newer protocol mostly takes calls of
/// the older one too, and not every container has a loopback of the newer one.
fn within(world: &World<'_>, container: &ContainerFact, port: u16) -> Option<SocketAddr> {
    let listeners = world.inside(container)?.listeners.iter();
    let mut listeners =
        listeners.filter(|one| one.port == port && one.protocol == TransportProtocol::Tcp);
    let address = listeners.next()?.address;
    let address = if address.is_unspecified() {
        Ipv4Addr::LOCALHOST.into()
    } else {
        address
    };
    Some(SocketAddr::new(address, port))
}

/// The servers that are asked for their certificates: those that a client which fails, or calls in vain, is told to reach in
/// TLS, or of whose TLS it speaks.
fn handshakes(world: &World<'_>) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    let is_in_question =
        |edge: &&Edge<'_>| world.fails(edge.client) || dials_in_vain(world, edge).is_some();
    for edge in world.edges().iter().filter(is_in_question) {
        let Some((_, containers)) = edge.service() else {
            continue;
        };
        let Some(server) = containers.iter().find(|server| world.runs(server)) else {
            continue;
        };
        let is_odd = edge
            .port
            .is_some_and(|port| world.not_understood(server, port).is_some());
        let own = edge.port.filter(|_| is_odd || is_about_tls(world, edge));
        for port in own.into_iter().chain(entrances(world, edge)) {
            let runs = world.runs(edge.client) && edge.is_near();
            let from = if runs { edge.client } else { server };
            let Some(address) = address_at(world, from, server, port) else {
                continue;
            };
            let is_known = asks
                .iter()
                .any(|ask| ask.server == server.name && ask.address.port() == port);
            let was_asked = world.tls(server, port).is_some();
            let recipe = world.recipe(server);
            if !is_known && !was_asked {
                asks.push(Ask {
                    from: from.name.clone(),
                    server: server.name.clone(),
                    address,
                    what: What::Tls {
                        name: edge.host.name.clone(),
                        is_postgres: recipe.and_then(|it| it.speaks) == Some(Protocol::Postgres),
                    },
                });
            }
        }
    }
    asks
}

/// The ports at which a server may take TLS, where a client dials it at one on which it does not listen.
fn entrances(world: &World<'_>, edge: &Edge<'_>) -> Vec<u16> {
    let Some(Trouble::OtherPort(open)) = world.trouble(edge) else {
        return Vec::new();
    };
    let servers = edge.service().map(|(_, servers)| servers);
    let servers = servers.unwrap_or_default();
    let ports = open.into_iter();
    ports
        .filter(|port| servers.iter().any(|it| may_take_tls(world, it, *port)))
        .take(2)
        .collect()
}

fn asks_of(world: &World<'_>, server: &ContainerFact) -> Vec<Ask> {
    let Some(protocol) = world.recipe(server).and_then(|recipe| recipe.speaks) else {
        return Vec::new();
    };
    let logins: Vec<Login<'_, '_>> = world
        .logins()
        .into_iter()
        .filter(|login| login.server.name == server.name)
        .collect();
    let failing: Vec<&Login<'_, '_>> = logins
        .iter()
        .filter(|login| world.is_doubted(login.client()))
        .collect();
    let is_quiet = failing.is_empty() && !is_suspect(world, server);
    if is_quiet && protocol != Protocol::Redis {
        return Vec::new();
    }
    // Where nobody fails, anybody shows how the server is spoken to.
    let speakers: Vec<&Login<'_, '_>> = if is_quiet {
        logins.iter().collect()
    } else {
        failing.clone()
    };
    let mut asks = Asks {
        world,
        server,
        protocol,
        names: names(world, server, protocol, &logins),
        is_tls: speakers
            .iter()
            .any(|login| wants_tls(login.edge.told).is_some_and(|(is_wanted, _)| is_wanted)),
        found: Vec::new(),
    };
    for login in failing.iter().filter(|login| login.is_whole()) {
        // One that does not run has no network to ask from; then the server's own is as good.
        let runs = world.runs(login.client()) && login.edge.is_near();
        let from = if runs { login.client() } else { server };
        asks.add(from, login.edge.port, brought(login));
    }
    let port = speakers.first().and_then(|login| login.edge.port);
    for account in world.accounts(server) {
        let password = account
            .password()
            .filter(|password| !password.text.is_empty());
        asks.add(
            server,
            port,
            AskedLogin {
                user: account.user.unwrap_or_default().to_owned(),
                password: password.map(|password| password.text.clone()),
                database: account.database.map(str::to_owned),
            },
        );
    }
    let was_asked = world.asked(server).next().is_some();
    if protocol == Protocol::Redis && asks.found.is_empty() && !was_asked {
        // One that is told of no login at all lets everybody in, or says so; those who are well lend theirs to nobody.
        let wants_one = logins.iter().any(|login| login.password().is_some());
        if !is_quiet || !wants_one {
            asks.add(server, port, AskedLogin::default());
        }
    }
    asks.found
}

/// What one server is asked.
struct Asks<'a, 'w, 'f> {
    world: &'w World<'f>,
    server: &'a ContainerFact,
    protocol: Protocol,
    names: Names,
    /// Whether clients are told to use TLS.
    is_tls: bool,
    found: Vec<Ask>,
}

impl Asks<'_, '_, '_> {
    /// Adds a login, where it is all there and was not tried yet.
    fn add(&mut self, from: &ContainerFact, port: Option<u16>, login: AskedLogin) {
        let Self { world, server, .. } = *self;
        let Some(address) = address(world, from, server, port) else {
            return;
        };
        let is_nobody = login.user.is_empty() && login.password.is_none();
        let what = match self.protocol {
            Protocol::Postgres | Protocol::Mysql
                if login.user.is_empty() || login.password.is_none() =>
            {
                return;
            }
            Protocol::Mysql => What::Mysql {
                login,
                names: self.names.clone(),
            },
            Protocol::Postgres => What::Postgres {
                login,
                names: self.names.clone(),
            },
            Protocol::Redis => What::Redis {
                login: (!is_nobody).then_some(login),
                is_tls: self.is_tls,
            },
        };
        let mut known = self.found.iter();
        let is_known = known.any(|ask| is_same(ask.what.login(), what.login()));
        let mut asked = world.asked(server);
        let was_asked = asked.any(|asked| is_same(asked.login.as_ref(), what.login()));
        if !is_known && !was_asked && self.found.len() < MOST_LOGINS {
            self.found.push(Ask {
                from: from.name.clone(),
                server: server.name.clone(),
                address,
                what,
            });
        }
    }
}

/// Whether a server is not well, or shows sessions that wait for a lock.
fn is_suspect(world: &World<'_>, server: &ContainerFact) -> bool {
    let waits = world.inside(server).is_some_and(|inside| {
        let mut sessions = inside.sessions.iter();
        sessions.any(SessionFact::is_waiting)
    });
    waits || world.fails(server)
}

/// What a client is told to log in with.
fn brought(login: &Login<'_, '_>) -> AskedLogin {
    let password = login.password().filter(|it| !it.text.is_empty());
    AskedLogin {
        user: login.user.map(|user| user.text.clone()).unwrap_or_default(),
        password: password.map(|password| password.text.clone()),
        database: login.database.map(|database| database.text.clone()),
    }
}

/// Whether two are one identity: the database is what it asks for, not who it is.
fn is_same(one: Option<&AskedLogin>, other: Option<&AskedLogin>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.user == other.user && one.password == other.password,
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Where a server is, seen from a container: an address on a network that both are on.
fn address(
    world: &World<'_>,
    from: &ContainerFact,
    server: &ContainerFact,
    port: Option<u16>,
) -> Option<SocketAddr> {
    let recipe = world.recipe(server)?;
    let port = port.or_else(|| recipe.ports.first().map(|port| port.number))?;
    address_at(world, from, server, port)
}

fn address_at(
    world: &World<'_>,
    from: &ContainerFact,
    server: &ContainerFact,
    port: u16,
) -> Option<SocketAddr> {
    if !world.open_ports(server)?.contains(&port) {
        return None;
    }
    let near = world.networks(from)?;
    let networks = world.networks(server)?.iter();
    let shared = networks.filter(|(name, _)| near.contains_key(*name));
    let mut addresses = shared.flat_map(|(_, endpoint)| [&endpoint.ipv4, &endpoint.ipv6]);
    let address: IpAddr = addresses.find_map(|address| address.as_deref()?.parse().ok())?;
    Some(SocketAddr::new(address, port))
}

/// The names that are in question at a server: whom and what its clients ask for, and what they miss.
fn names(
    world: &World<'_>,
    server: &ContainerFact,
    protocol: Protocol,
    logins: &[Login<'_, '_>],
) -> Names {
    let mut names = Names::default();
    for login in logins {
        names.roles.extend(login.user.map(|user| user.text.clone()));
        let database = login
            .database
            .or(login.user.filter(|_| protocol == Protocol::Postgres));
        names
            .databases
            .extend(database.map(|database| database.text.clone()));
    }
    for account in world.accounts(server) {
        names.roles.extend(account.user.map(str::to_owned));
        names.databases.extend(account.database.map(str::to_owned));
    }
    let speakers: BTreeSet<&str> = logins
        .iter()
        .map(|login| login.client().name.as_str())
        .collect();
    for speaker in world
        .containers()
        .filter(|it| speakers.contains(it.name.as_str()) || it.name == server.name)
    {
        let missing = world.said(speaker).iter();
        let missing = missing.filter(|said| said.is_fresh && said.says == Says::RelationMissing);
        let relations = missing.filter_map(|said| said.capture("relation"));
        names.relations.extend(relations.map(str::to_owned));
    }
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet as Set;

    use serde_json::{Value, json};

    use super::*;
    use crate::facts::Facts;

    /// A container on the network of all; one that is `ill` runs and is unhealthy.
    fn container(host: u8, service: &str, is_ill: bool, changes: &Value) -> Value {
        let health = is_ill.then(|| {
            json!({"verdict": "unhealthy", "failing_streak": 3, "test": ["CMD", "false"], "interval_secs": 1.0,
                "timeout_secs": 1.0, "start_period_secs": 0.0, "retries": 3, "probes": []})
        });
        let mut plain = json!({
            "name": format!("shop-{service}-1"), "id": service, "service": service, "is_one_off": false, "image": "busy:1",
            "image_id": "sha256:1", "created": "2026-11-21T10:00:00Z", "status": "running", "exit_code": 0,
            "oom_killed": false, "error": null, "started": "2026-11-21T10:00:01Z", "finished": null, "restarts": 0,
            "restart_policy": "no", "health": health, "command": ["serve"], "user": null, "environment": {},
            "endpoints": {"net": {"aliases": [service], "ipv4": format!("10.0.0.{host}"), "ipv6": null, "wanted_ipv4": null}},
            "network_mode": null, "published": [], "mounts": [],
            "limits": {"memory_bytes": null, "nano_cpus": null, "pids": null},
            "log_driver": null, "stop_timeout_secs": null, "stop_signal": null,
        });
        for (key, value) in changes.as_object().into_iter().flatten() {
            plain[key] = value.clone();
        }
        plain
    }

    /// An address of `db` in a variable, with a login.
    fn told(user: &str, password: Option<&str>) -> Value {
        let carrier = json!({"variable": "DATABASE_URL"});
        let text = |text: &str| json!({"text": text, "carrier": carrier});
        json!([{
            "form": "url", "scheme": "postgresql", "user": text(user), "password": password.map(text),
            "hosts": [{"name": "db", "port": {"written": 5432}, "carrier": carrier, "port_carrier": null}],
            "database": text("books"), "usage": "dials",
        }])
    }

    fn stack(clients: &[(&str, bool, Value)]) -> Value {
        let server = json!({"image": "postgres:15", "command": ["postgres"], "environment": {"POSTGRES_USER": "keeper"}});
        let own = json!([{
            "form": "split", "scheme": "postgresql", "hosts": [], "usage": "dials", "database": null,
            "user": {"text": "keeper", "carrier": {"variable": "POSTGRES_USER"}},
            "password": {"text": "#1", "carrier": {"variable": "POSTGRES_PASSWORD"}},
        }]);
        let mut facts = json!({
            "at": "2026-11-21T10:05:00Z", "project": "shop", "needs": {}, "networks": [], "volumes": [], "events": [],
            "logs": {}, "unseen": [], "containers": [container(2, "db", false, &server)], "told": {"shop-db-1": own},
            "insides": {"shop-db-1": {"listeners": [{"port": 5432, "address": "0.0.0.0", "protocol": "tcp"}]}},
        });
        for (host, (service, is_ill, told)) in (3..).zip(clients) {
            let client = container(host, service, *is_ill, &json!({}));
            facts["containers"].as_array_mut().unwrap().push(client);
            facts["told"][format!("shop-{service}-1")] = told.clone();
        }
        facts
    }

    /// Who is asked, from where and as whom.
    fn asked(facts: &Value) -> Vec<String> {
        let facts: Facts = serde_json::from_value(facts.clone()).unwrap();
        let asks = asks(&World::new(&facts, Set::new()));
        let said = asks.iter().map(|ask| {
            let login = ask.what.login().unwrap();
            let password = login.password.as_deref().unwrap_or_default();
            format!(
                "{} from {} as {} {password}",
                ask.address, ask.from, login.user
            )
        });
        said.collect()
    }

    #[test]
    fn a_server_is_asked_as_those_who_fail_and_as_itself_and_never_as_one_who_is_well() {
        let facts = stack(&[
            ("api", true, told("clerk", Some("#2"))),
            ("web", false, told("guest", Some("#3"))),
            ("bare", true, told("nobody", None)),
            ("twin", true, told("clerk", Some("#2"))),
        ]);
        assert_eq!(
            asked(&facts),
            [
                "10.0.0.2:5432 from shop-api-1 as clerk #2",
                "10.0.0.2:5432 from shop-db-1 as keeper #1",
            ]
        );
        let well = stack(&[("web", false, told("guest", Some("#3")))]);
        assert_eq!(asked(&well), <[String; 0]>::default());
    }

    #[test]
    fn a_server_is_asked_as_a_silent_service_for_which_somebody_waits_who_is_not_well() {
        let carrier = json!({"variable": "API_URL"});
        let web = json!([{
            "form": "url", "scheme": "http", "user": null, "password": null, "database": null, "usage": "dials",
            "hosts": [{"name": "api", "port": {"written": 80}, "carrier": carrier, "port_carrier": null}],
        }]);
        let silent = ("api", false, told("clerk", Some("#2")));
        let facts = stack(&[("web", true, web.clone()), silent.clone()]);
        assert_eq!(
            asked(&facts),
            [
                "10.0.0.2:5432 from shop-api-1 as clerk #2",
                "10.0.0.2:5432 from shop-db-1 as keeper #1",
            ]
        );
        let well = stack(&[("web", false, web), silent]);
        assert_eq!(asked(&well), <[String; 0]>::default());
    }

    #[test]
    fn an_entrance_is_asked_for_tls_where_it_may_take_it_and_not_where_nobody_listens() {
        let carrier = json!({"variable": "API_URL"});
        let told = |scheme: &str, port: u16| {
            json!([{
                "form": "url", "scheme": scheme, "user": null, "password": null, "database": null, "usage": "dials",
                "hosts": [{"name": "db", "port": {"written": port}, "carrier": carrier, "port_carrier": null}],
            }])
        };
        let asked = |is_ill: bool, ports: &[u16]| {
            let mut facts = stack(&[
                ("web", is_ill, told("http", 7233)),
                ("other", false, told("https", 9000)),
            ]);
            let listeners = ports
                .iter()
                .map(|port| json!({"port": port, "address": "0.0.0.0", "protocol": "tcp"}));
            facts["insides"]["shop-db-1"]["listeners"] = listeners.collect();
            let facts: Facts = serde_json::from_value(facts).unwrap();
            let asks = asks(&World::new(&facts, Set::new()));
            let secured = asks
                .iter()
                .filter(|ask| matches!(ask.what, What::Tls { .. }));
            secured.map(|ask| ask.address.port()).collect::<Vec<_>>()
        };
        assert_eq!(asked(true, &[443, 5000]), [443]);
        assert_eq!(asked(true, &[5000, 8443, 9000]), [8443, 9000]);
        assert_eq!(asked(true, &[5000]), <[u16; 0]>::default());
        assert_eq!(asked(false, &[443]), <[u16; 0]>::default());
        assert_eq!(asked(true, &[443, 7233]), <[u16; 0]>::default());
    }

    #[test]
    fn no_login_is_tried_twice_whatever_came_of_it() {
        let mut facts = stack(&[("api", true, told("clerk", Some("#2")))]);
        facts["asked"] = json!([{
            "from": "shop-api-1", "server": "shop-db-1", "address": "10.0.0.2", "port": 5432, "at": "2026-11-21T10:05:00Z",
            "login": {"user": "clerk", "password": "#2"}, "outcome": {"refused": {"code": "28P01"}},
            "answer": {"postgres": {}},
        }]);
        assert_eq!(asked(&facts), ["10.0.0.2:5432 from shop-db-1 as keeper #1"]);
    }

    #[test]
    fn a_client_that_has_ended_is_spoken_for_by_the_server_and_a_login_in_pieces_by_nobody() {
        let mut facts = stack(&[("api", true, told("clerk", Some("#2")))]);
        facts["containers"][1]["status"] = json!("exited");
        facts["containers"][1]["exit_code"] = json!(1);
        assert_eq!(asked(&facts)[0], "10.0.0.2:5432 from shop-db-1 as clerk #2");
        let mut pieces = told("clerk", None);
        let text = json!({"text": "#2", "carrier": {"variable": "SOME_PASSWORD"}});
        pieces.as_array_mut().unwrap().push(json!({
            "form": "split", "scheme": null, "user": null, "password": text, "hosts": [], "database": null, "usage": "dials",
        }));
        let facts = stack(&[("api", true, pieces)]);
        assert_eq!(asked(&facts), ["10.0.0.2:5432 from shop-db-1 as keeper #1"]);
    }

    #[test]
    fn nobody_is_asked_who_does_not_listen_there_or_is_on_another_network() {
        let mut facts = stack(&[("api", true, told("clerk", Some("#2")))]);
        facts["insides"]["shop-db-1"]["listeners"][0]["port"] = json!(5433);
        assert_eq!(asked(&facts), <[String; 0]>::default());
        facts["insides"] = json!({});
        assert_eq!(asked(&facts), <[String; 0]>::default());
    }
}
