//! Servers, asked in their own protocol from within containers.

use std::net::SocketAddr;

use bowline_engine::{Look, Unseen as Unreadable};
use bowline_model::ObservedContainer;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::Looking;
use super::text::plain;
use crate::facts::{
    AskedFact, AskedLogin, Facts, HttpAnswer, Look as Looked, Outcome, ServerAnswer, Unseen,
    WhyUnseen,
};
use crate::questions::Question;
use crate::speak::{Bounds, Login, Names, WHOLE, Wanted, http, mysql, postgres, redis, tls};
use crate::tokens::{Mask, Tokens};
use crate::within::{Missed, Reply, Request};

/// A server that is to be asked, once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
        let login = ask.what.login().map(|login| Login {
            user: login.user.clone(),
            password: login.password.as_ref().and_then(|it| tokens.value(it)),
        });
        let request = Request::Ask(Box::new(ask.clone()), login.map(Into::into));
        let Reply::Asked(outcome, answer) = self.put(from, request).await? else {
            return Err(Missed::unfit().into());
        };
        let took = self.begun.elapsed();
        let asked = AskedFact {
            login: ask.what.login().cloned(),
            from: ask.from,
            server: ask.server,
            address: ask.address.ip(),
            port: ask.address.port(),
            at: self.at.checked_add(took).unwrap_or(self.at),
            outcome,
            answer: *answer,
        };
        Ok(masked(asked, mask))
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
        ServerAnswer::Http(answer) => {
            let body = mask.apply(&answer.body);
            answer.body = body.chars().take(http::KEPT).collect();
        }
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
                for group in &mut traffic.groups {
                    group.stream = mask.apply(&group.stream);
                    group.name = mask.apply(&group.name);
                }
            }
        }
        ServerAnswer::Postgres(_) | ServerAnswer::Mysql(_) => {}
    }
    asked
}

/// Puts a question from within the network of a running container. Blocks for as long as [`WHOLE`] at most.
pub(crate) fn put(
    look: &Look,
    ask: &Ask,
    login: Option<&Login>,
) -> Result<(Outcome, ServerAnswer), Unreadable> {
    let bounds = || Bounds::within(WHOLE);
    let nobody = Login::default();
    let login_or_nobody = login.unwrap_or(&nobody);
    look.in_network(|| match &ask.what {
        What::Postgres {
            login: known,
            names,
        } => {
            let wanted = Wanted::new(login_or_nobody, known, names);
            let (outcome, answer) = postgres::ask(ask.address, &wanted, bounds());
            (outcome, ServerAnswer::Postgres(answer))
        }
        What::Mysql {
            login: known,
            names,
        } => {
            let wanted = Wanted::new(login_or_nobody, known, names);
            let (outcome, answer) = mysql::ask(ask.address, &wanted, bounds());
            (outcome, ServerAnswer::Mysql(answer))
        }
        What::Redis { is_tls, .. } => {
            let (outcome, answer) = redis::ask(ask.address, login, *is_tls, bounds());
            (outcome, ServerAnswer::Redis(answer))
        }
        What::Http(url) => {
            let (outcome, page) = http::ask(ask.address, url, bounds());
            let (status, body) =
                page.map_or((None, Vec::new()), |(status, body)| (Some(status), body));
            let answer = HttpAnswer {
                url: url.to_string(),
                status,
                body: plain(&body, http::BODY),
            };
            (outcome, ServerAnswer::Http(answer))
        }
        What::Tls { name, is_postgres } => {
            let (outcome, answer) = tls::ask(ask.address, name, *is_postgres, bounds());
            (outcome, ServerAnswer::Tls(answer))
        }
    })
}
