//! What servers said when they were asked in their own protocol.

use bowline_model::ContainerStatus;
use bowline_recipes::Protocol;

use crate::facts::{
    AskedFact, AskedLogin, ContainerFact, DatabaseAnswer, HttpAnswer, Outcome, RedisAnswer,
    ServerAnswer, TlsAnswer, TrafficFact,
};
use crate::finding::{Evidence, FactRef};

use super::World;
use super::logins::Login;

impl AskedFact {
    /// How it was asked, for people.
    pub(crate) fn how(&self) -> String {
        let protocol = match &self.answer {
            ServerAnswer::Postgres(_) => "PostgreSQL",
            ServerAnswer::Mysql(_) => "MySQL",
            ServerAnswer::Redis(_) => "Redis",
            ServerAnswer::Http(answer) => return format!("GET {}", answer.url),
            ServerAnswer::Tls(answer) => return format!("TLS for `{}`", answer.name),
        };
        match &self.login {
            Some(login) => format!("{protocol}{}", login.words()),
            None => format!("{protocol} without a login"),
        }
    }

    /// Whether nobody has to name an account there.
    fn protocol_has_no_users(&self) -> bool {
        matches!(self.answer, ServerAnswer::Redis(_))
    }

    fn fact(&self) -> FactRef {
        FactRef::Asked {
            server: self.server.clone(),
            how: self.how(),
        }
    }

    /// It as evidence, with what came of it in the words that matter.
    pub(crate) fn evidence(&self, what: &str, proves: &str) -> Evidence {
        Evidence {
            fact: self.fact(),
            at: Some(self.at),
            text: format!(
                "{}, asked on port {} from {} by {}: {what}",
                self.server,
                self.port,
                self.from,
                self.how()
            ),
            proves: proves.to_owned(),
            is_proven: true,
        }
    }

    /// Whether the server let the login in because of its password.
    pub(crate) fn took_password(&self) -> bool {
        self.outcome == Outcome::LetIn { by_password: true }
    }

    /// Whether it let the login in, with its password or without asking for one.
    pub(crate) fn let_in(&self) -> bool {
        matches!(self.outcome, Outcome::LetIn { .. })
    }

    /// The code by which the server refused.
    pub(crate) fn refusal(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Refused { code } => Some(code),
            _ => None,
        }
    }

    /// Whether the server refused the login itself: its password, its account, or that it brings no password.
    pub(crate) fn refused_login(&self) -> bool {
        self.wants_password()
            || self
                .refusal()
                .is_some_and(|code| LOGIN_REFUSED.contains(&code))
    }

    /// Whether the login was good, and its database is not there.
    pub(crate) fn has_no_database(&self) -> bool {
        self.refusal()
            .is_some_and(|code| NO_DATABASE.contains(&code))
    }

    /// Whether the server has too many clients.
    pub(crate) fn is_crowded(&self) -> bool {
        self.refusal().is_some_and(|code| TOO_MANY.contains(&code))
    }

    /// Whether the server wanted a password, and the login has none.
    pub(crate) fn wants_password(&self) -> bool {
        self.outcome == Outcome::PasswordWanted
    }
}

impl AskedLogin {
    fn words(&self) -> String {
        let user = match self.user.as_str() {
            "" => String::new(),
            user => format!(" as `{user}`"),
        };
        match &self.password {
            Some(password) => format!("{user} with password {password}"),
            None => format!("{user} without a password"),
        }
    }
}

/// Codes that say that a password is wrong, or that there is no such account. Postgres says the same for both, so that
/// nobody learns which accounts there are (its documentation, appendix A); so do the others.
const LOGIN_REFUSED: &[&str] = &["28P01", "1045", "WRONGPASS"];
/// Codes that say that a login was good, and that its database is not there.
const NO_DATABASE: &[&str] = &["3D000", "1049"];
/// Codes that say that there are too many clients.
const TOO_MANY: &[&str] = &["53300", "1040"];

impl<'f> World<'f> {
    /// What a server was asked in its own protocol.
    pub(crate) fn asked(&self, server: &ContainerFact) -> impl Iterator<Item = &'f AskedFact> {
        let name = server.name.clone();
        let asked = self.facts.asked.iter();
        asked.filter(move |asked| asked.server == name && self.is_known(&asked.fact()))
    }

    /// What came of the very login that a client is told, whoever else brings it too.
    pub(crate) fn asked_as(&self, login: &Login<'_, 'f>) -> Option<&'f AskedFact> {
        let user = login.user.map_or("", |user| user.text.as_str());
        let password = login.password().map(|password| password.text.as_str());
        let password = password.filter(|password| !password.is_empty());
        self.asked(login.server).find(|asked| match &asked.login {
            Some(other) => other.user == user && other.password.as_deref() == password,
            None => password.is_none() && asked.protocol_has_no_users(),
        })
    }

    /// Whether a login can be tried at its server, by what is known of both.
    pub(crate) fn can_be_asked_as(&self, login: &Login<'_, 'f>) -> bool {
        let recipe = self.recipe(login.server);
        let speaks = recipe.and_then(|recipe| recipe.speaks);
        let is_all_there = match speaks {
            None => false,
            Some(Protocol::Redis) => true,
            Some(Protocol::Postgres | Protocol::Mysql) => {
                login.user.is_some() && login.password().is_some()
            }
        };
        // Nobody knows of one that it does not run, where nobody looked.
        let state = self.state(login.server);
        let may_run = state.is_none_or(|state| state.status == ContainerStatus::Running);
        is_all_there && login.is_whole() && may_run
    }

    /// What came of a login, by its account and the number of its password.
    pub(crate) fn asked_with(
        &self,
        server: &ContainerFact,
        user: &str,
        password: &str,
    ) -> Option<&'f AskedFact> {
        self.asked(server).find(|asked| {
            asked.login.as_ref().is_some_and(|login| {
                login.user == user && login.password.as_deref() == Some(password)
            })
        })
    }

    /// What a database says of itself, by the logins that it let in.
    pub(crate) fn database(
        &self,
        server: &ContainerFact,
    ) -> impl Iterator<Item = (&'f AskedFact, &'f DatabaseAnswer)> {
        self.asked(server).filter_map(|asked| match &asked.answer {
            ServerAnswer::Postgres(answer) | ServerAnswer::Mysql(answer) => Some((asked, answer)),
            _ => None,
        })
    }

    /// What came of speaking in the clear to a server at a port, where it did not understand it.
    pub(crate) fn not_understood(
        &self,
        server: &ContainerFact,
        port: u16,
    ) -> Option<&'f AskedFact> {
        self.asked(server).find(|asked| {
            let is_plain = !matches!(asked.answer, ServerAnswer::Tls(_));
            let is_odd = matches!(asked.outcome, Outcome::Strange | Outcome::HungUp);
            is_plain && is_odd && asked.port == port
        })
    }

    /// What a server said for the URL of its own healthcheck: status and the beginning of the body.
    pub(crate) fn page(
        &self,
        server: &ContainerFact,
    ) -> Option<(&'f AskedFact, u16, &'f HttpAnswer)> {
        self.asked(server).find_map(|asked| match &asked.answer {
            ServerAnswer::Http(answer) => Some((asked, answer.status?, answer)),
            _ => None,
        })
    }

    /// What a server showed of itself in a handshake of TLS at a port; without an answer where it speaks something else
    /// there. One that hangs up may do either.
    pub(crate) fn tls(
        &self,
        server: &ContainerFact,
        port: u16,
    ) -> Option<(&'f AskedFact, Option<&'f TlsAnswer>)> {
        self.asked(server)
            .find_map(|asked| match (&asked.answer, &asked.outcome) {
                (ServerAnswer::Tls(answer), Outcome::Answered) if asked.port == port => {
                    Some((asked, Some(answer)))
                }
                (ServerAnswer::Tls(_), Outcome::Strange) if asked.port == port => {
                    Some((asked, None))
                }
                _ => None,
            })
    }

    /// What a Redis or Valkey server says of itself, where it says anything.
    pub(crate) fn redis(&self, server: &ContainerFact) -> Option<(&'f AskedFact, &'f RedisAnswer)> {
        self.asked(server).find_map(|asked| match &asked.answer {
            ServerAnswer::Redis(answer) if answer.limit_bytes.is_some() => Some((asked, answer)),
            _ => None,
        })
    }

    /// What goes through the queues and channels of a server, where it showed that.
    pub(crate) fn traffic(
        &self,
        server: &ContainerFact,
    ) -> Option<(&'f AskedFact, &'f TrafficFact)> {
        self.asked(server).find_map(|asked| match &asked.answer {
            ServerAnswer::Redis(answer) => Some((asked, answer.traffic.as_ref()?)),
            _ => None,
        })
    }
}
