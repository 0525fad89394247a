//! What should be in a server and is not: a database, a table, a bucket; and the job that should have made it.

use bowline_model::ContainerStatus;
use bowline_model::carried::Carrier;
use bowline_recipes::{Protocol, Says};

use crate::edit::Piece;
use crate::facts::{AskedFact, ContainerFact, DatabaseAnswer, ServerAnswer, ToldText};
use crate::finding::{Code, Confidence, Culprit, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::logins::{Account, Login};
use crate::world::{Edge, Said, Target, World, culprit, shown, spoken, whole, written};

use super::clusters::began_anew;
use super::logins::mended::spelt;
use super::names::{carrier, teller};
use super::pools::is_shared;
use super::stray::stray_in;
use super::topics::is_misnamed;

pub(crate) const NO_NAMESPACE: Rule = Rule {
    code: Code("D020"),
    title: "a namespace was never registered",
    layer: Layer::DataService,
    decisive: &["what is missing", "the job"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: |world, cases| {
        not_made(
            world,
            cases,
            Says::NamespaceMissing,
            "the namespace",
            "name",
        );
    },
};

pub(crate) const NO_DATABASE: Rule = Rule {
    code: Code("D019"),
    title: "a client asks for a database that the server does not have",
    layer: Layer::DataService,
    decisive: &["the refusal", "the name", "the server's databases"],
    look_alikes: &[Code("D003")],
    yields: false,
    endangers_data: false,
    find: no_database,
};

pub(crate) const NO_BUCKET: Rule = Rule {
    code: Code("D055"),
    title: "a bucket, a topic, a queue or a group that a client needs was never made",
    layer: Layer::Dependency,
    decisive: &["what is missing", "the job"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: |world, cases| {
        not_made(world, cases, Says::BucketMissing, "the bucket", "bucket");
        not_made(
            world,
            cases,
            Says::QueueMissing,
            "the queue or group",
            "queue",
        );
        not_made(world, cases, Says::TopicMissing, "the topic", "topic");
    },
};

pub(crate) const NO_SEARCH_ATTRIBUTE: Rule = Rule {
    code: Code("D056"),
    title: "a search attribute was never registered",
    layer: Layer::Dependency,
    decisive: &["what is missing", "the job"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: |world, cases| {
        not_made(
            world,
            cases,
            Says::SearchAttributeMissing,
            "the search attribute",
            "name",
        );
    },
};

pub(crate) const NO_RELATION: Rule = Rule {
    code: Code("D142"),
    title: "the tables are not there: a migration was not run",
    layer: Layer::DataService,
    decisive: &["what is missing", "the job"],
    look_alikes: &[Code("D019")],
    yields: false,
    endangers_data: false,
    find: |world, cases| {
        let before = cases.len();
        not_made(world, cases, Says::RelationMissing, "the table", "relation");
        // Who misses a table often says besides that its schema is old.
        if cases.len() == before {
            not_made(
                world,
                cases,
                Says::SchemaOutdated,
                "the newest schema",
                "to",
            );
        }
    },
};

fn no_database(world: &World<'_>, cases: &mut Vec<Case>) {
    for login in world.logins() {
        let client = login.client();
        if world.seems_well(client) {
            continue;
        }
        let Some(refused) = refused_database(world, &login) else {
            continue;
        };
        let name = refused.name;
        let carried = asked_database(world, &login);
        let Some(carried) = carried.filter(|it| !stray_in(client, &it.carrier)) else {
            continue;
        };
        let databases: Vec<String> = databases(&world.accounts(login.server));
        let is_hidden = refused.is_hidden;
        if is_hidden && (databases.is_empty() || databases.iter().any(|known| known == name)) {
            continue;
        }
        let refusal = refused.evidence;
        let there = lacks(world, login.server, name).or_else(|| made(&login, name, &databases));
        let (blamed, claim) = blamed(world, &login, &carried.carrier, name, &databases);
        let case = Case::new(blamed, claim)
            .seen_in(client.service.as_deref())
            .between(Some(login.service), client.service.as_deref())
            .mended_by(
                format!(
                    "write the database that `{}` has, or create `{name}` in it; then `bowline up`",
                    login.service
                ),
                Safety::NeedsYou,
            )
            .by_edits(login.database.and_then(|database| {
                spelt(
                    &login,
                    database,
                    databases.iter().map(String::as_str),
                    Piece::Database,
                )
            }))
            .decides("the refusal", Some(refusal.clone()))
            .decides("the name", Some(asked(client, &carried.carrier, name)))
            .decides("the server's databases", there)
            .rules_out(Code("D003"), Some(refusal));
        cases.push(if is_hidden {
            case.at_most(Confidence::Likely)
        } else {
            case
        });
    }
}

/// The database that a login asks for: where none is named, PostgreSQL takes the one that is called like the account.
fn asked_database<'f>(world: &World<'f>, login: &Login<'_, 'f>) -> Option<&'f ToldText> {
    let recipe = world.recipe(login.server);
    let is_postgres = recipe.is_some_and(|recipe| recipe.speaks == Some(Protocol::Postgres));
    login.database.or(login.user.filter(|_| is_postgres))
}

/// The database that a client asks for, as evidence.
fn asked(client: &ContainerFact, asked_in: &Carrier, name: &str) -> Evidence {
    let place = carrier(asked_in);
    let text = format!(
        "{}: {} names database `{name}`",
        client.name,
        place.trim_end_matches(',')
    );
    let fact = FactRef::Told(client.name.clone());
    shown(fact, text, "this is the database that it asks for")
}

/// The databases that a server is told to make, as evidence.
fn made(login: &Login<'_, '_>, name: &str, databases: &[String]) -> Option<Evidence> {
    let server = login.server;
    let text = format!("{}: is told to make {}", server.name, quoted(databases));
    let proves = if databases.iter().any(|known| known == name) {
        "it was told to make it, and did not: the data was there before"
    } else {
        "another database than the one that is asked for"
    };
    let fact = FactRef::Told(server.name.clone());
    (!databases.is_empty()).then(|| shown(fact, text, proves))
}

/// Who is to blame for a database that is not there: the data, where the server was told to make it; else who asks.
fn blamed(
    world: &World<'_>,
    login: &Login<'_, '_>,
    asked_in: &Carrier,
    name: &str,
    databases: &[String],
) -> (Culprit, String) {
    let server = login.service;
    let store = world.stores(login.server).into_iter().next();
    if let Some(store) = store.filter(|_| databases.iter().any(|known| known == name)) {
        let keeper = world.keeper(login.server, &store.folder);
        let claim = format!(
            "the data of `{server}` is older than its settings: the database `{name}` was never made in it"
        );
        return (keeper, claim);
    }
    let hint = if databases.is_empty() {
        String::new()
    } else {
        format!("; it was told to make {}", quoted(databases))
    };
    let claim = format!("it asks `{server}` for the database `{name}`, which is not there{hint}");
    (teller(world, login.client(), asked_in), claim)
}

/// That a server has no such database, as it said when it was asked by somebody who sees them all.
fn lacks(world: &World<'_>, server: &ContainerFact, name: &str) -> Option<Evidence> {
    let mut answers = world.database(server);
    let (asked, _) = answers.find(|(asked, answer)| {
        answer.databases.get(name) == Some(&false) && sees_all(asked, answer)
    })?;
    Some(asked.evidence(&format!("it has no database `{name}`"), "it is not there"))
}

/// Whether a login is shown every database of a server. MySQL and MariaDB leave out those that it may not use, and show
/// their accounts to those alone who may look at everything.
fn sees_all(asked: &AskedFact, answer: &DatabaseAnswer) -> bool {
    !matches!(asked.answer, ServerAnswer::Mysql(_)) || !answer.roles.is_empty()
}

/// That a server shows the account of a login no such database: it is not there, or the account may not use it.
fn is_not_shown(world: &World<'_>, login: &Login<'_, '_>, name: &str) -> Option<Evidence> {
    let user = login.user?.text.as_str();
    let mut answers = world.database(login.server);
    let (asked, _) = answers.find(|(asked, answer)| {
        let is_its = asked.login.as_ref().is_some_and(|it| it.user == user);
        is_its && answer.databases.get(name) == Some(&false)
    })?;
    let what = format!("it shows that account no database `{name}`");
    Some(asked.evidence(&what, "it is not there, or the account may not use it"))
}

/// A database that a login asks for and does not get.
struct NoDatabase<'f> {
    name: &'f str,
    evidence: Evidence,
    /// Whether the one who says so may not see databases that it may not use.
    is_hidden: bool,
}

/// What is said of the database that a login asks for: by the server when it was asked, else by server or client.
fn refused_database<'f>(world: &World<'f>, login: &Login<'_, 'f>) -> Option<NoDatabase<'f>> {
    let proves = "the login was let in, and then there is no such database";
    let name = asked_database(world, login)?.text.as_str();
    // Many programs have the name in their code: then no setting says it, and only a complaint tells it from the account's.
    if login.database.is_none() {
        spoken_of(world, login, name)?;
    }
    let is_there = |answer: &DatabaseAnswer| answer.databases.get(name) == Some(&true);
    if world
        .database(login.server)
        .any(|(_, answer)| is_there(answer))
    {
        return None;
    }
    let asked = world.asked_as(login).filter(|asked| {
        let wanted = asked.login.as_ref().and_then(|it| it.database.as_deref());
        asked.has_no_database() && wanted == Some(name)
    });
    if let Some(asked) = asked {
        return Some(NoDatabase {
            name,
            evidence: asked.evidence("let in, and refused for its database", proves),
            is_hidden: false,
        });
    }
    if let Some(evidence) = lacks(world, login.server, name) {
        return Some(NoDatabase {
            name,
            evidence,
            is_hidden: false,
        });
    }
    if let Some((speaker, said)) = spoken_of(world, login, name) {
        return Some(NoDatabase {
            name,
            evidence: spoken(speaker, said, proves),
            is_hidden: said.says == Says::NotPermitted,
        });
    }
    let evidence = is_not_shown(world, login, name)?;
    Some(NoDatabase {
        name,
        evidence,
        is_hidden: true,
    })
}

/// The line in which server or client says that a database is not there.
fn spoken_of<'w, 'f>(
    world: &'w World<'f>,
    login: &Login<'_, 'f>,
    asked: &str,
) -> Option<(&'f ContainerFact, &'w Said<'f>)> {
    let kind = world.recipe(login.server)?.name.as_str();
    [login.client(), login.server]
        .into_iter()
        .find_map(|speaker| {
            world.said(speaker).iter().find_map(|said| {
                let name = match said.says {
                    Says::DatabaseMissing => said.capture("database"),
                    // Who may not see a database is not told either whether it is there.
                    Says::NotPermitted => said.capture("object"),
                    _ => None,
                };
                let name = name.filter(|_| said.is_fresh && said.recipe == kind)?;
                let is_past = is_of_the_first_start(world, login.server, speaker, said);
                (name == asked && !is_past).then_some((speaker, said))
            })
        })
}

/// Whether any service is told to dial a container: an image of a server may run one of its clients.
fn is_dialled(world: &World<'_>, server: &ContainerFact) -> bool {
    let mut edges = world.edges().iter().filter_map(Edge::service);
    edges.any(|(_, targets)| targets.iter().any(|one| one.name == server.name))
}

/// Whether a service that dials a server says the same of it.
fn is_said_by_a_client(world: &World<'_>, server: &ContainerFact, what: Says) -> bool {
    world.edges().iter().any(|edge| {
        let dials_it = match &edge.target {
            Target::Service { containers, .. } => {
                containers.iter().any(|one| one.name == server.name)
            }
            _ => false,
        };
        dials_it && edge.client.name != server.name && world.says(edge.client, what).is_some()
    })
}

/// Whether a server said it before it was ready: probes ask its temporary server for a database that it is about to make.
fn is_of_the_first_start(
    world: &World<'_>,
    server: &ContainerFact,
    speaker: &ContainerFact,
    said: &Said<'_>,
) -> bool {
    let mut ready = world.said(server).iter();
    speaker.name == server.name
        && ready.any(|ready| ready.says == Says::Ready && ready.last >= said.last)
}

/// The databases that a server is told to make.
fn databases(accounts: &[Account<'_>]) -> Vec<String> {
    let databases = accounts.iter().filter_map(|account| account.database);
    databases.map(str::to_owned).collect()
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" and ")
}

/// A job that should have made something, and why it did not.
struct Job {
    service: String,
    why: &'static str,
    evidence: Evidence,
    /// Whether it is known to be one that makes things, and not any program that ended.
    is_clear: bool,
    /// Whether it is known to have failed, and not only to have ended without what was to be there after it.
    has_failed: bool,
}

/// Who is to blame for something that is not there, and what mends it.
fn unmade(client: &ContainerFact, job: Option<&Job>, what: &str) -> (Culprit, String, String) {
    match job {
        Some(job) => (
            whole(CulpritKind::Service, &job.service),
            format!(
                "{what} is not there: `{}`, which {} make it, {}",
                job.service,
                if job.is_clear {
                    "should"
                } else {
                    "may have to"
                },
                job.why
            ),
            format!(
                "see what it says (`bowline logs {0}`) and run it again: `bowline rerun {0}`; and let it end with an error when it fails",
                job.service
            ),
        ),
        None => (
            culprit(client, None),
            format!("{what} that it needs is not there, and no job of the stack makes it"),
            "run what makes it (a migration, a set-up script), as a job that others wait for"
                .to_owned(),
        ),
    }
}

/// Something that a client asks a server for and that nobody made.
fn not_made(world: &World<'_>, cases: &mut Vec<Case>, what: Says, noun: &str, capture: &str) {
    let mut found: Vec<(Option<&str>, bool, Case)> = Vec::new();
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client) && !world.is_done(client))
    {
        // What a server says of its clients' requests may be about anybody's, also about those of a person.
        let kind = world.recipe(client).map(|recipe| recipe.name.as_str());
        let said = world.says(client, what).filter(|said| {
            let is_own = kind == Some(said.recipe) && is_dialled(world, client);
            !is_own || is_said_by_a_client(world, client, what)
        });
        let (Some(said), Some(service)) = (said, client.service.as_deref()) else {
            continue;
        };
        let server = server_of(world, client, said);
        if server.is_some_and(|server| is_elsewhere(world, client, server)) {
            continue;
        }
        let name = said.capture(capture);
        let relation = name.filter(|_| what == Says::RelationMissing);
        let looked_for = relation.and_then(|name| relation_of(world, server?, name));
        if looked_for.as_ref().is_some_and(|(_, is_there)| *is_there) {
            continue;
        }
        let named = name.map_or(String::new(), |name| format!(" `{name}`"));
        let missing = looked_for.map(|(evidence, _)| evidence);
        let proves = "the server was reached and let it in, and does not have it";
        let missing = missing.unwrap_or_else(|| spoken(client, said, proves));
        let job = server.and_then(|server| job_of(world, server, client));
        if !may_be_unmade(world, client, (what, name), job.as_ref()) {
            continue;
        }
        let (blamed, claim, fix) = unmade(client, job.as_ref(), &format!("{noun}{named}"));
        let maker = job.as_ref().map(|job| job.service.as_str());
        // One that had nothing to do will have nothing to do again.
        let again = job
            .as_ref()
            .filter(|job| job.is_clear && job.why != IN_SILENCE);
        let rerun = again.map(|job| ["bowline", "rerun", job.service.as_str()]);
        let safety = again.map_or(Safety::NeedsYou, |_| Safety::Restart);
        let case = Case::new(blamed, claim)
            .seen_in(maker.or(Some(service)))
            .between(maker, Some(service))
            .mended_by(fix, safety)
            .by_command(rerun.into_iter().flatten())
            .decides("what is missing", Some(missing.clone()))
            .decides("the job", job.as_ref().map(|job| job.evidence.clone()))
            .rules_out(Code("D019"), Some(missing));
        let is_known = job
            .as_ref()
            .is_none_or(|job| job.has_failed && job.is_clear);
        // Which of its topics a job could not make is known from its words at best.
        let case = if is_known && what != Says::TopicMissing {
            case
        } else {
            case.at_most(Confidence::Likely)
        };
        found.push((name, job.is_some(), case));
    }
    cases.extend(with_whose_job_it_is(found));
}

/// Whether nobody made what a client misses. Programs make their own queues, and brokers topics: where no job is there to do
/// it for them, something else is amiss. Topics are asked for by wrong names as well, so that there the job has to have said
/// that something went wrong.
fn may_be_unmade<'f>(
    world: &World<'f>,
    client: &'f ContainerFact,
    (what, name): (Says, Option<&str>),
    job: Option<&Job>,
) -> bool {
    match what {
        Says::QueueMissing => job.is_some(),
        Says::TopicMissing => {
            let maker = job.map(|job| job.service.as_str());
            let is_misnamed = name.is_some_and(|name| is_misnamed(world, client, name, maker));
            job.is_some_and(|job| job.has_failed) && !is_misnamed
        }
        _ => true,
    }
}

/// The cases of things by their names, each with whether it is known whose job it is to make them: where one who misses
/// something shows that, the others miss the same, and say no more. So does who gives no name.
fn with_whose_job_it_is(found: Vec<(Option<&str>, bool, Case)>) -> Vec<Case> {
    let known: Vec<&str> = found
        .iter()
        .filter(|(_, has_job, _)| *has_job)
        .filter_map(|(name, ..)| *name)
        .collect();
    let has_a_maker = found.iter().any(|(_, has_job, _)| *has_job);
    let is_left = |(name, has_job, _): &(Option<&str>, bool, Case)| {
        let is_known = name.map_or(has_a_maker, |name| known.contains(&name));
        *has_job || !is_known
    };
    let left = found.into_iter().filter(is_left);
    left.map(|(_, _, case)| case).collect()
}

/// Whether what a client misses may have been made, and is not where it asks: in another server of the same name, or in data
/// that the server does not see any more.
fn is_elsewhere(world: &World<'_>, client: &ContainerFact, server: &str) -> bool {
    let servers = world.of_service(server);
    has_namesake(world, client, server) || servers.iter().any(|it| began_anew(world, it).is_some())
}

/// Whether somebody else has the name of a server near a client: then it may have been that one that does not have it.
fn has_namesake(world: &World<'_>, client: &ContainerFact, server: &str) -> bool {
    world.edges().iter().any(|edge| {
        let is_its = edge.client.name == client.name;
        let is_of_it = edge.service().is_some_and(|(name, _)| name == server);
        is_its && is_of_it && is_shared(world, edge)
    })
}

/// Whether a table is anywhere in the database of a login that was let in, as the server said when it was asked.
fn relation_of(world: &World<'_>, server: &str, name: &str) -> Option<(Evidence, bool)> {
    let servers = world.of_service(server).into_iter();
    let mut answers = servers.flat_map(|server| world.database(server));
    answers.find_map(|(asked, answer)| {
        let is_there = *answer.relations.get(name)?;
        let what = format!("let in; no `{name}` in its database");
        let evidence = asked.evidence(&what, "the database is there, and the table is not");
        Some((evidence, is_there))
    })
}

/// The server that a line of a client speaks of: the one of that kind, or the only one that it dials.
fn server_of<'f>(world: &World<'f>, client: &ContainerFact, said: &Said<'_>) -> Option<&'f str> {
    let dialled = || {
        let edges = world
            .edges()
            .iter()
            .filter(|edge| edge.client.name == client.name);
        edges.filter_map(|edge| match &edge.target {
            Target::Service {
                name, containers, ..
            } => Some((*name, containers)),
            _ => None,
        })
    };
    let of_kind = dialled().find(|(_, containers)| {
        let mut recipes = containers.iter().filter_map(|it| world.recipe(it));
        recipes.any(|recipe| recipe.name == said.recipe)
    });
    let any = || dialled().next();
    of_kind.or_else(any).map(|(name, _)| name)
}

/// The job that works on a server and has not done what it is for: never ran, failed, or complained and ended well.
fn job_of(world: &World<'_>, server: &str, client: &ContainerFact) -> Option<Job> {
    let asker = client.service.as_deref();
    let works_on = |service: &str| {
        let mut edges = world.edges().iter();
        let dials = edges.any(|edge| {
            edge.client.service.as_deref() == Some(service)
                && matches!(&edge.target, Target::Service { name, .. } if *name == server)
        });
        dials || world.needs(service).any(|needed| needed == server)
    };
    let mut services: Vec<&str> = world.declared_services().map(|(name, _)| name).collect();
    services.extend(world.containers().filter_map(|it| it.service.as_deref()));
    services.sort_unstable();
    services.dedup();
    services.retain(|service| Some(*service) != asker && *service != server);
    let is_awaited =
        |service: &str| asker.is_some_and(|asker| world.wait_for_end(service).contains(&asker));
    // Other jobs may miss the same thing, and fail for that.
    services.sort_by_key(|service| !is_awaited(service));
    let of_it = services.into_iter().filter_map(|service| {
        let container = world.of_service(service).first().copied();
        (container.is_none() || works_on(service)).then_some((service, container))
    });
    let failed = |is_clear: bool| {
        let mut jobs = of_it
            .clone()
            .filter_map(|(service, container)| match container {
                None => never_ran(world, service, server).filter(|job| job.has_failed),
                Some(container) => undone(world, service, container),
            });
        jobs.find(|job| job.is_clear == is_clear)
    };
    let in_silence = || {
        let mut awaited = of_it.clone().filter(|(service, _)| is_awaited(service));
        awaited.find_map(|(service, container)| in_silence(world, service, container?))
    };
    let asked_for = || {
        let mut others = of_it.clone().filter(|(_, container)| container.is_none());
        others.find_map(|(service, _)| never_ran(world, service, server))
    };
    failed(true)
        .or_else(in_silence)
        .or_else(|| failed(false))
        .or_else(asked_for)
}

/// Words of names by which services are called that make what others need.
const MAKERS: &[&str] = &[
    "bootstrap",
    "init",
    "migrate",
    "migration",
    "migrations",
    "migrator",
    "provision",
    "seed",
    "seeder",
    "setup",
];

/// Whether a service is a job, and no program that ended where it should run: somebody waits for its end, or it is called
/// so and nobody dials it. That Compose does not start it again says nothing, since that is what it does by default.
fn is_clearly_a_job(world: &World<'_>, service: &str) -> bool {
    let name = service.to_ascii_lowercase();
    let mut words = name.split(|it: char| !it.is_ascii_alphanumeric());
    let mut dialled = world.edges().iter().filter_map(Edge::service);
    let is_called_so = words.any(|word| MAKERS.contains(&word));
    !world.wait_for_end(service).is_empty()
        || is_called_so && !dialled.any(|(name, _)| name == service)
}

/// What is said of something that nobody made: who says it waits for that as others do.
const NOT_MADE: &[Says] = &[
    Says::NamespaceMissing,
    Says::BucketMissing,
    Says::QueueMissing,
    Says::TopicMissing,
    Says::SearchAttributeMissing,
    Says::RelationMissing,
    Says::SchemaOutdated,
];

/// A job that ended as if all were well, and said nothing that is understood, while what others wait for was not made.
fn in_silence<'f>(world: &World<'f>, service: &str, container: &'f ContainerFact) -> Option<Job> {
    let state = world.state(container)?;
    let is_over = state.status == ContainerStatus::Exited && state.exit_code == 0;
    let last = world.log(container).and_then(|log| log.lines.last());
    let evidence = match last {
        Some(line) => written(container, line, "this is all that it says of it"),
        None => shown(
            FactRef::State(container.name.clone()),
            format!("{}: ended with code 0", container.name),
            "it says nothing of it",
        ),
    };
    is_over.then(|| Job {
        service: service.to_owned(),
        why: IN_SILENCE,
        evidence,
        // Its end is what the client waits for.
        is_clear: true,
        has_failed: false,
    })
}

const IN_SILENCE: &str = "ended as if all were well";

const UNDONE: &str = "it did not do all that it is for";

/// What a job that ended well calls an error, in words that no recipe knows.
fn in_other_words<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Evidence> {
    Some(written(container, world.last_error(container)?, UNDONE))
}

/// A job of the files that has no container, as one behind a profile has not.
fn never_ran(world: &World<'_>, service: &str, server: &str) -> Option<Job> {
    let declared = world.declared(service)?;
    let is_job = matches!(declared.restart.as_str(), "" | "no");
    let names_server =
        |value: &Option<String>| value.as_deref().is_some_and(|value| value.contains(server));
    let works_on =
        declared.depends_on.contains_key(server) || declared.environment.values().any(names_server);
    let text = format!("{service}: no container");
    let fact = FactRef::Declared(service.to_owned());
    (is_job && works_on).then(|| Job {
        service: service.to_owned(),
        why: if declared.is_enabled {
            "never ran"
        } else {
            "is behind a profile that is not enabled"
        },
        evidence: shown(fact, text, "what it is for was not done"),
        is_clear: is_clearly_a_job(world, service),
        // What somebody has to ask for may be there for something else.
        has_failed: declared.is_enabled,
    })
}

/// A service that is not started again and did not do what it is for, where it may be that to make things. Who misses what
/// was not made is no maker of it, but for a job.
fn undone<'f>(world: &World<'f>, service: &str, container: &'f ContainerFact) -> Option<Job> {
    let state = world.state(container)?;
    let is_clear = is_clearly_a_job(world, service);
    let is_victim = || {
        NOT_MADE
            .iter()
            .any(|what| world.says(container, *what).is_some())
    };
    let is_job = matches!(state.restart_policy.as_str(), "" | "no")
        || state.restart_policy.starts_with("on-failure");
    let complained = world
        .said(container)
        .iter()
        .find(|said| !said.says.is_benign());
    let fact = FactRef::State(container.name.clone());
    let (why, evidence) = match state.status {
        ContainerStatus::Created => (
            "was never started",
            shown(
                fact,
                format!("{}: created, never started", container.name),
                "what it is for was not done",
            ),
        ),
        ContainerStatus::Exited | ContainerStatus::Restarting if state.exit_code != 0 => (
            "failed",
            shown(
                fact,
                format!("{}: ended with code {}", container.name, state.exit_code),
                UNDONE,
            ),
        ),
        ContainerStatus::Exited => (
            "ended as if all were well, after an error",
            match complained {
                Some(said) => spoken(container, said, UNDONE),
                None => in_other_words(world, container)?,
            },
        ),
        _ => return None,
    };
    (is_job && (is_clear || !is_victim())).then(|| Job {
        service: service.to_owned(),
        why,
        evidence,
        is_clear,
        has_failed: true,
    })
}
