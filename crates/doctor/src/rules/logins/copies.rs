//! Other copies of a password, and whether the server takes them.

use crate::facts::{ContainerFact, SessionsFact};
use crate::finding::Evidence;
use crate::world::World;
use crate::world::logins::Login;

use super::{Copy, Refused};

/// What another client brings for the same account, where it seems well: best a copy of which something shows that the
/// server takes it, and none that it refuses.
pub(super) fn peer_copy<'f>(world: &World<'f>, login: &Login<'_, 'f>) -> Option<Copy<'f>> {
    let user = login.user?;
    let peers = world.logins().into_iter().filter(|other| {
        let same = other.user.is_some_and(|other| other.text == user.text);
        let is_other = other.client().service != login.client().service;
        same && is_other && other.service == login.service && world.seems_well(other.client())
    });
    let copies = peers.filter_map(|other| {
        Some(Copy {
            holder: other.client(),
            told: other.told?,
            password: other.password()?,
            only_first: false,
        })
    });
    let copies: Vec<Copy<'f>> = copies
        .filter(|copy| !matches!(taken(world, login, *copy), Taken::No))
        .collect();
    let proven = copies
        .iter()
        .find(|copy| peer_gets_in(world, login, **copy).is_some());
    proven.or(copies.first()).copied()
}

/// That another client gets in with its copy. That it is well does not show it: it may never have dialled the server.
pub(super) fn peer_gets_in(
    world: &World<'_>,
    login: &Login<'_, '_>,
    copy: Copy<'_>,
) -> Option<Evidence> {
    match taken(world, login, copy) {
        Taken::Yes(evidence) => Some(evidence),
        Taken::No => None,
        Taken::NotAsked => session_of(world, login, copy.holder).or_else(|| {
            let is_servers = is_told_to_the_server(world, login, copy);
            world.data_is_its_own(login.server).filter(|_| is_servers)
        }),
    }
}

/// Whether a server is told this password of the account of a login, wherever it reads that.
fn is_told_to_the_server(world: &World<'_>, login: &Login<'_, '_>, copy: Copy<'_>) -> bool {
    let user = login.user.map(|user| &user.text);
    let own = world.told(login.server).iter();
    let mut own = own.filter(|told| told.hosts.is_empty());
    own.any(|told| {
        let password = told.password.as_ref().map(|password| &password.text);
        user.is_some()
            && told.user.as_ref().map(|user| &user.text) == user
            && password == Some(&copy.password.text)
    })
}

/// That a client has a session of the account of a login, as the server says.
fn session_of(
    world: &World<'_>,
    login: &Login<'_, '_>,
    client: &ContainerFact,
) -> Option<Evidence> {
    let user = login.user?.text.as_str();
    let is_its = |one: &SessionsFact| {
        let at = one.remote.and_then(|remote| world.at_address(remote));
        one.user == user && at.is_some_and(|at| at.name == client.name)
    };
    let mut answers = world.database(login.server);
    let (asked, _) = answers.find(|(_, answer)| {
        let mut sessions = answer.sessions.iter().flatten();
        sessions.any(is_its)
    })?;
    let what = format!("`{}` has a session there as `{user}`", client.name);
    Some(asked.evidence(&what, "it gets in with its own copy"))
}

/// That a password with which the data was to be made is the one that the server wants.
pub(super) fn in_force(
    world: &World<'_>,
    it: &Refused<'_, '_>,
    copy: Copy<'_>,
) -> Option<Evidence> {
    match taken(world, &it.login, copy) {
        Taken::Yes(evidence) => Some(evidence),
        Taken::No => None,
        Taken::NotAsked => world
            .data_is_its_own(it.login.server)
            .or_else(|| accepted(world, it, copy)),
    }
}

/// What a server answered to another copy of a password.
enum Taken {
    Yes(Evidence),
    No,
    NotAsked,
}

fn taken(world: &World<'_>, login: &Login<'_, '_>, copy: Copy<'_>) -> Taken {
    let user = login.user.map_or("", |user| user.text.as_str());
    match world.asked_with(login.server, user, &copy.password.text) {
        Some(asked) if asked.took_password() => {
            Taken::Yes(asked.evidence("let in", "the other copy is the one in force"))
        }
        Some(asked) if asked.refused_login() => Taken::No,
        _ => Taken::NotAsked,
    }
}

/// That a client of the same account gets in which brings a copy.
fn accepted(world: &World<'_>, it: &Refused<'_, '_>, copy: Copy<'_>) -> Option<Evidence> {
    let user = it.login.user.map(|user| &user.text);
    let bringing = world.logins().into_iter().filter(|other| {
        other.service == it.login.service
            && other.user.map(|user| &user.text) == user
            && other
                .password()
                .is_some_and(|own| own.text == copy.password.text)
    });
    let mut sessions = bringing.filter_map(|other| session_of(world, &other, other.client()));
    sessions.next()
}
