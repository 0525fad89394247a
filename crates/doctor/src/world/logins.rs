//! Who logs in where, and with what: the accounts that servers are told to have, and what their clients bring.

use bowline_model::carried::Carrier;
use bowline_recipes::{Login as Known, Piece, Says, Told as Places};
use jiff::SignedDuration;

use crate::facts::{AskedFact, ContainerFact, Told, ToldText};

use super::{Edge, Said, Target, World};

/// How far apart server and client may speak of the same refusal.
const SAME: SignedDuration = SignedDuration::from_secs(5);

/// What is said of a login that was refused, by server or client.
pub(crate) const REFUSED: &[Says] = &[
    Says::PasswordRefused,
    Says::PasswordMismatch,
    Says::PasswordUnset,
    Says::PasswordNotSent,
    Says::PasswordNotWanted,
    Says::RoleMissing,
];

/// An account that a server has from its first start, as it is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Account<'f> {
    /// Whether it is read only when the data folder is empty.
    pub(crate) only_first: bool,
    /// Its name; `None` for servers that know passwords only.
    pub(crate) user: Option<&'f str>,
    /// What the server is told of its password; `None` where nothing is.
    pub(crate) told: Option<&'f Told>,
    /// The database that is made for it.
    pub(crate) database: Option<&'f str>,
}

impl<'f> Account<'f> {
    /// Its password, by its number.
    pub(crate) fn password(&self) -> Option<&'f ToldText> {
        self.told.and_then(|told| told.password.as_ref())
    }
}

/// A client and a server of the stack, with what the client brings to log in there.
#[derive(Clone, Debug)]
pub(crate) struct Login<'w, 'f> {
    /// Where it goes.
    pub(crate) edge: &'w Edge<'f>,
    /// The server's service.
    pub(crate) service: &'f str,
    /// The server.
    pub(crate) server: &'f ContainerFact,
    /// The user.
    pub(crate) user: Option<&'f ToldText>,
    /// What it is told of the password; `None` where it brings none.
    pub(crate) told: Option<&'f Told>,
    /// The database.
    pub(crate) database: Option<&'f ToldText>,
}

impl<'f> Login<'_, 'f> {
    /// Who logs in.
    pub(crate) fn client(&self) -> &'f ContainerFact {
        self.edge.client
    }

    /// The password, by its number.
    pub(crate) fn password(&self) -> Option<&'f ToldText> {
        self.told.and_then(|told| told.password.as_ref())
    }

    /// Whether all of it is told with the address, or none of it anywhere: what is put together from several things that
    /// a client is told is a guess.
    pub(crate) fn is_whole(&self) -> bool {
        let address = self.edge.told;
        let is_its = |has: bool, whole: bool| has || !whole;
        is_its(address.password.is_some(), self.told.is_some())
            && is_its(address.user.is_some(), self.user.is_some())
    }

    /// What carries the password; where there is none, what carries the address that it is missing in.
    pub(crate) fn carrier(&self) -> &'f Carrier {
        let password = self.password().map(|password| &password.carrier);
        password.unwrap_or(&self.edge.host.carrier)
    }
}

/// A login that was refused, by what was said of it.
#[derive(Clone, Debug)]
pub(crate) struct Refusal<'w, 'f> {
    /// What the client says.
    pub(crate) by_client: Option<&'w Said<'f>>,
    /// What the server says, in the words that say most.
    pub(crate) by_server: Option<&'w Said<'f>>,
    /// What the server answered to this very login, where it was asked.
    pub(crate) answered: Option<&'f AskedFact>,
}

impl<'f> World<'f> {
    /// The accounts that a server is told to have; none where nobody looked.
    pub(crate) fn accounts(&self, server: &'f ContainerFact) -> Vec<Account<'f>> {
        let told = self.told(server);
        if !self.has_logins(server) {
            let own = told.iter().filter(|told| told.hosts.is_empty());
            return own.filter_map(in_a_list).collect();
        }
        let logins = self.recipe(server).map(|recipe| recipe.logins.as_slice());
        let logins = logins.filter(|_| !told.is_empty()).unwrap_or_default();
        logins
            .iter()
            .map(|login| account(server, told, login))
            .filter(|account| account.user.is_some() || account.told.is_some())
            .collect()
    }

    /// Every login that clients are told to use at servers of the stack.
    pub(crate) fn logins(&self) -> Vec<Login<'_, 'f>> {
        let logins = self.edges().iter().filter_map(|edge| {
            let Target::Service {
                name, containers, ..
            } = &edge.target
            else {
                return None;
            };
            let known = containers.iter().find(|one| self.has_logins(one));
            // Of a server that no recipe knows its clients say what they bring.
            let brings = edge.told.password.is_some() || edge.told.user.is_some();
            let server = known.or_else(|| containers.first().filter(|_| brings))?;
            let is_own = edge.client.name == server.name;
            (!is_own).then(|| self.login(edge, name, server))
        });
        logins.collect()
    }

    fn has_logins(&self, container: &ContainerFact) -> bool {
        self.recipe(container)
            .is_some_and(|recipe| !recipe.logins.is_empty())
    }

    /// What a client brings, from the connection itself, or from the only other thing that it is told and that fits.
    fn login<'w>(
        &'w self,
        edge: &'w Edge<'f>,
        service: &'f str,
        server: &'f ContainerFact,
    ) -> Login<'w, 'f> {
        let fits = |told: &&&Told| {
            let mut hosts = told.hosts.iter();
            let same_host = told.hosts.is_empty() || hosts.any(|host| host.name == edge.host.name);
            let kinds = told.scheme.as_deref().zip(edge.told.scheme.as_deref());
            same_host && kinds.is_none_or(|(one, other)| kind(one) == kind(other))
        };
        let others: Vec<&'f Told> = self
            .told(edge.client)
            .iter()
            .filter(|it| fits(&it))
            .collect();
        let only = |has: fn(&Told) -> bool| {
            let mut having = others.iter().copied().filter(|told| has(told));
            having.next().filter(|_| having.next().is_none())
        };
        let own = |has: fn(&Told) -> bool| {
            Some(edge.told)
                .filter(|told| has(told))
                .or_else(|| only(has))
        };
        Login {
            edge,
            service,
            server,
            user: own(|told| told.user.is_some()).and_then(|told| told.user.as_ref()),
            told: own(|told| told.password.is_some()),
            database: own(|told| told.database.is_some()).and_then(|told| told.database.as_ref()),
        }
    }

    /// What was said of a refusal of this login; `None` where nothing was, or long ago, or where the server takes it now.
    pub(crate) fn refusal<'w>(&'w self, login: &Login<'_, 'f>) -> Option<Refusal<'w, 'f>> {
        let known = self.recipe(login.server).map(|recipe| recipe.name.as_str());
        let scheme = login.edge.told.scheme.as_deref().map(kind);
        let user = login.user.map(|user| user.text.as_str());
        let fits = |said: &&Said<'_>| {
            let of_kind = match known {
                Some(known) => said.recipe == known,
                None => Some(kind(said.recipe)) == scheme,
            };
            let of_it = of_kind || said.recipe == "any";
            let named = said.capture("user").filter(|named| !named.is_empty());
            of_it
                && REFUSED.contains(&said.says)
                && named.zip(user).is_none_or(|(it, own)| it == own)
        };
        let client = self.said(login.client()).iter();
        let by_client = client.filter(|said| said.is_fresh).find(fits);
        // The server's lines are of this very refusal, or, where the client says nothing at all, of its account.
        let is_quiet = !self.complains(login.client());
        let is_now = |said: &&Said<'_>| {
            if let Some(own) = by_client {
                let is_before = own.last.duration_since(said.last) > SAME;
                let is_after = said.first.duration_since(own.last) > SAME;
                return !is_before && !is_after;
            }
            let created = login.client().created;
            let is_its = created.is_none_or(|created| said.last >= created);
            is_quiet && is_its && said.is_fresh && said.capture("user").is_some()
        };
        let own = login.client().name == login.server.name;
        let said: Vec<&Said<'_>> = self
            .said(login.server)
            .iter()
            .filter(fits)
            .filter(is_now)
            .collect();
        // A server that names this very user says most; then one that says why.
        let weight = |said: &&&Said<'_>| {
            let is_named = said.capture("user").is_some();
            (said.says != Says::PasswordRefused, is_named, said.last)
        };
        let by_server = said.iter().filter(|_| !own).max_by_key(weight).copied();
        let answered = self.asked_as(login).filter(|_| login.is_whole());
        // What is let in now was refused to somebody else, or with another password.
        if answered.is_some_and(AskedFact::took_password) && !by_client.is_some_and(is_without) {
            return None;
        }
        let answered = answered.filter(|asked| asked.refused_login());
        let is_it = by_client.is_some() || by_server.is_some() || answered.is_some();
        is_it.then_some(Refusal {
            by_client,
            by_server,
            answered,
        })
    }
}

/// Whether a login came without its password, as the one who brought it says.
fn is_without(said: &Said<'_>) -> bool {
    matches!(said.says, Says::PasswordNotSent | Says::PasswordUnset)
}

/// The kind of server behind a scheme: `postgresql+asyncpg` and `postgres` are one.
fn kind(scheme: &str) -> &str {
    let kind = scheme.split(['+', ':']).next().unwrap_or(scheme);
    match kind {
        "postgres" | "postgresql" | "pg" => "postgresql",
        "mysql" | "mariadb" => "mysql",
        "redis" | "rediss" | "valkey" | "valkeys" => "redis",
        other => other,
    }
}

/// An account of a server that no recipe knows: whatever it is told of a user.
fn in_a_list(told: &Told) -> Option<Account<'_>> {
    Some(Account {
        only_first: false,
        user: Some(told.user.as_ref()?.text.as_str()),
        told: Some(told).filter(|told| told.password.is_some()),
        database: None,
    })
}

fn account<'f>(server: &'f ContainerFact, told: &'f [Told], known: &'f Known) -> Account<'f> {
    let user = known.user.as_ref();
    let user = user.and_then(|places| text(server, told, places, |told| told.user.as_ref()));
    let database = known.database.as_ref();
    let database = database.and_then(|places| {
        let named = text(server, told, places, |told| told.database.as_ref());
        named.or(user.filter(|_| places.same_as == Some(Piece::User)))
    });
    let carries = |carrier: fn(&Carrier) -> bool| {
        let mut told = told.iter().filter(|told| told.hosts.is_empty());
        told.find(|told| {
            told.password
                .as_ref()
                .is_some_and(|it| carrier(&it.carrier))
        })
    };
    let by_key = known.password.keys.iter().find_map(|key| {
        told.iter().find(|told| {
            let password = told.password.as_ref();
            password.is_some_and(|it| matches!(&it.carrier, Carrier::Variable(name) if name == key))
        })
    });
    let by_file = || {
        path(server, &known.password).and_then(|path| {
            told.iter().find(|told| {
                let password = told.password.as_ref();
                password.is_some_and(|it| is_in(&it.carrier, path))
            })
        })
    };
    // An option may stand in the command, or in the file of settings that it names.
    let by_option = || {
        let has_option = !known.password.options.is_empty();
        let found = carries(|carrier| matches!(carrier, Carrier::Argument(_)));
        let found = found.or_else(|| carries(|carrier| matches!(carrier, Carrier::File { .. })));
        let found = found.or_else(|| by_variable(server, told, &known.password));
        found.filter(|_| has_option)
    };
    Account {
        only_first: known.only_first,
        user,
        told: by_key.or_else(by_file).or_else(by_option),
        database,
    }
}

/// What a server's command gives to one of its options by a variable: `--requirepass $PASSWORD`.
fn by_variable<'f>(server: &ContainerFact, told: &'f [Told], places: &Places) -> Option<&'f Told> {
    let is_option = |word: &str| places.options.iter().any(|option| word.contains(option));
    let script = server.command.iter().find(|word| is_option(word))?;
    told.iter().find(|told| {
        let password = told.password.as_ref().map(|password| &password.carrier);
        let Some(Carrier::Variable(name)) = password else {
            return false;
        };
        [format!("${name}"), format!("${{{name}")]
            .iter()
            .any(|spelling| script.contains(spelling))
    })
}

/// A piece that is no secret: from its variable, its file, or what the server takes where nothing says it.
fn text<'f>(
    server: &'f ContainerFact,
    told: &'f [Told],
    places: &'f Places,
    piece: fn(&Told) -> Option<&ToldText>,
) -> Option<&'f str> {
    let mut keys = places.keys.iter();
    let by_key = keys.find_map(|key| server.environment.get(key)?.as_deref());
    let by_file = || {
        let path = path(server, places)?;
        let mut pieces = told.iter().filter_map(piece);
        let piece = pieces.find(|piece| is_in(&piece.carrier, path))?;
        Some(piece.text.as_str())
    };
    by_key
        .filter(|text| !text.is_empty())
        .or_else(by_file)
        .or(places.default.as_deref())
}

/// The file that a server is told to read a piece from.
fn path<'f>(server: &'f ContainerFact, places: &Places) -> Option<&'f str> {
    let mut keys = places.file_keys.iter();
    keys.find_map(|key| server.environment.get(key)?.as_deref())
}

fn is_in(carrier: &Carrier, wanted: &str) -> bool {
    matches!(carrier, Carrier::File { path, .. } if path == wanted)
}
