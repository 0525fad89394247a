//! Servers, asked in their own protocol from within containers.

use std::net::SocketAddr;

use bowline_engine::Look;
use bowline_model::{ContainerId, ObservedContainer};
use futures_util::future::join_all;

use super::Looking;
use super::text::plain;
use crate::facts::{
    AskedFact, AskedLogin, Facts, HttpAnswer, Look as Looked, Outcome, ServerAnswer, Unseen,
    WhyUnseen,
};
use crate::questions::Question;
use crate::speak::{Bounds, Login, Names, WHOLE, Wanted, http, mysql, postgres, redis, tls};
use crate::tokens::{Mask, Tokens};

/// A server that is to be asked, once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ask {
    /// The container from whose network it is asked, by its name.
    pub(crate) from: String,
    /// The container that is asked, by its name.
    pub(crate) server: String,
    /// Where it listens. Only addresses of the stack's own containers stand here.
    pub(crate) address: SocketAddr,
    /// What it is asked.
    pub(crate) what: What,
}

/// What a server is asked, by its protocol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// Whether it lets a login in, and then who holds what, and whether it has these names.
    Postgres {
        /// The login that somebody is told.
        login: AskedLogin,
        /// The names.
        names: Names,
    },
    /// The same of one that speaks in `MySQL`'s way.
    Mysql {
        /// The login that somebody is told.
        login: AskedLogin,
        /// The names.
        names: Names,
    },
    /// Whether it lets a login in, or somebody without one, and then how full it is and whether it can save.
    Redis {
        /// The login that somebody is told; `None` where it is told none.
        login: Option<AskedLogin>,
        /// Whether clients are told to use TLS.
        is_tls: bool,
    },
    /// What comes back for the URL that its own healthcheck asks for.
    Http(http::Url),
    /// Whether it speaks TLS, and with which certificate.
    Tls {
        /// The name that clients dial.
        name: String,
        /// Whether it is asked for in `PostgreSQL`'s way.
        is_postgres: bool,
    },
}

impl What {
    /// The login that is tried by it.
    pub(crate) fn login(&self) -> Option<&AskedLogin> {
        match self {
            Self::Postgres { login, .. } | Self::Mysql { login, .. } => Some(login),
            Self::Redis { login, .. } => login.as_ref(),
            Self::Http(_) | Self::Tls { .. } => None,
        }
    }
}

impl Looking<'_> {
    /// Takes the questions to servers out of others, and none of them where nothing is to be tried.
    pub(super) fn asks(&mut self, questions: &mut Vec<Question>) -> Vec<Ask> {
        let mut asks = Vec::new();
        questions.retain(|question| {
            if let Question::Ask(ask) = question {
                asks.push(ask.clone());
            }
            !matches!(question, Question::Ask(_))
        });
        if !self.bounds.tries && !asks.is_empty() {
            asks.clear();
            self.unseen.push(Unseen {
                look: Looked::Asks,
                cause: WhyUnseen::NotWanted,
            });
        }
        if asks.len() > self.bounds.questions {
            asks.truncate(self.bounds.questions);
            self.unseen.push(Unseen {
                look: Looked::Asks,
                cause: WhyUnseen::TooMany,
            });
        }
        asks
    }

    /// Asks servers, side by side.
    pub(super) async fn ask_all(
        &self,
        asks: Vec<Ask>,
        containers: &[ObservedContainer],
        known: (&Tokens, &Mask),
    ) -> Vec<Result<AskedFact, WhyUnseen>> {
        let asks = asks.into_iter().filter_map(|ask| {
            let mut containers = containers.iter();
            let from = containers.find(|container| container.name == ask.from)?;
            Some(self.ask(from, ask, known))
        });
        join_all(asks).await
    }

    async fn ask(
        &self,
        from: &ObservedContainer,
        ask: Ask,
        (tokens, mask): (&Tokens, &Mask),
    ) -> Result<AskedFact, WhyUnseen> {
        let Some(pid) = from.state.pid else {
            return Err(WhyUnseen::Kernel("it does not run".to_owned()));
        };
        let id = from.id.clone();
        let login = ask.what.login().map(|login| Login {
            user: login.user.clone(),
            password: login.password.as_ref().and_then(|it| tokens.value(it)),
        });
        let begun = self.begun;
        let at = self.at;
        let asked = self.answer(move || {
            let (outcome, answer) = put(&id, pid, &ask, login.as_ref())?;
            let took = begun.elapsed();
            Ok(AskedFact {
                login: ask.what.login().cloned(),
                from: ask.from,
                server: ask.server,
                address: ask.address.ip(),
                port: ask.address.port(),
                at: at.checked_add(took).unwrap_or(at),
                outcome,
                answer,
            })
        });
        asked.await.map(|asked| masked(asked, mask))
    }

    /// Adds what servers said, or that they could not be asked.
    pub(super) fn add_asked(
        &mut self,
        facts: &mut Facts,
        asked: Vec<Result<AskedFact, WhyUnseen>>,
    ) {
        for outcome in asked {
            match outcome {
                Ok(fact) => facts.asked.push(fact),
                Err(cause) => self.unseen.push(Unseen {
                    look: Looked::Asks,
                    cause,
                }),
            }
        }
    }
}

/// It without the secrets that a server may say aloud.
fn masked(mut asked: AskedFact, mask: &Mask) -> AskedFact {
    match &mut asked.answer {
        ServerAnswer::Http(answer) => answer.body = mask.apply(&answer.body),
        ServerAnswer::Tls(answer) => {
            for certificate in &mut answer.certificates {
                let names = certificate.names.iter_mut();
                for text in names.chain([&mut certificate.subject, &mut certificate.issuer]) {
                    *text = mask.apply(text);
                }
            }
        }
        ServerAnswer::Redis(answer) => {
            if let Some(traffic) = &mut answer.traffic {
                let channels = std::mem::take(&mut traffic.channels);
                traffic.channels = channels.iter().map(|name| mask.apply(name)).collect();
                for queue in &mut traffic.queues {
                    queue.name = mask.apply(&queue.name);
                }
            }
        }
        ServerAnswer::Postgres(_) | ServerAnswer::Mysql(_) => {}
    }
    asked
}

/// Puts a question from within a running container. Blocks for as long as [`WHOLE`] at most.
fn put(
    container: &ContainerId,
    pid: u32,
    ask: &Ask,
    login: Option<&Login>,
) -> Result<(Outcome, ServerAnswer), WhyUnseen> {
    let unseen = |unseen: bowline_engine::Unseen| WhyUnseen::Kernel(unseen.to_string());
    let look = Look::at(container, pid).map_err(unseen)?;
    let answered = look.in_network(|| match (&ask.what, login) {
        (
            What::Postgres {
                login: known,
                names,
            }
            | What::Mysql {
                login: known,
                names,
            },
            Some(login),
        ) => {
            let wanted = Wanted {
                login,
                database: known.database.as_deref(),
                names,
            };
            let bounds = Bounds::within(WHOLE);
            Some(if matches!(ask.what, What::Postgres { .. }) {
                let (outcome, answer) = postgres::ask(ask.address, &wanted, bounds);
                (outcome, ServerAnswer::Postgres(answer))
            } else {
                let (outcome, answer) = mysql::ask(ask.address, &wanted, bounds);
                (outcome, ServerAnswer::Mysql(answer))
            })
        }
        (What::Postgres { .. } | What::Mysql { .. }, None) => None,
        (What::Redis { is_tls, .. }, login) => {
            let bounds = Bounds::within(WHOLE);
            let (outcome, answer) = redis::ask(ask.address, login, *is_tls, bounds);
            Some((outcome, ServerAnswer::Redis(answer)))
        }
        (What::Http(url), _) => {
            let (outcome, page) = http::ask(ask.address, url, Bounds::within(WHOLE));
            let (status, body) =
                page.map_or((None, Vec::new()), |(status, body)| (Some(status), body));
            let answer = HttpAnswer {
                url: url.to_string(),
                status,
                body: plain(&body, http::BODY),
            };
            Some((outcome, ServerAnswer::Http(answer)))
        }
        (What::Tls { name, is_postgres }, _) => {
            let (outcome, answer) =
                tls::ask(ask.address, name, *is_postgres, Bounds::within(WHOLE));
            Some((outcome, ServerAnswer::Tls(answer)))
        }
    });
    let answered = answered.map_err(unseen)?;
    answered.ok_or_else(|| WhyUnseen::Kernel("there is no login for it".to_owned()))
}
