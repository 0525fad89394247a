//! Docker, and Podman by its Docker-compatible API, behind [`Engine`](crate::Engine).
//!
//! Everything that knows the wire is in here: [`http`] sends, the `wire` modules are the engine's JSON,
//! `create_body` and `observe` translate, [`refusal`] types what the engine says no with. Why there is no
//! client library in between: docs/decisions/engine-client.md.

mod adapter;
mod build;
mod clock;
mod containers;
mod create_body;
mod exec;
mod filters;
mod http;
mod objects;
mod observe;
mod output;
mod refusal;
mod wire;
mod wire_container;
mod wire_objects;

use std::sync::{Mutex, PoisonError};

use bowline_model::{ApiVersion, Capability, ObjectKind};
use jiff::{SignedDuration, Timestamp};

use self::clock::EngineClock;
use self::http::{Call, Client, Failure};
use self::refusal::About as Subject;
use self::wire::{Info, Version, time};
use crate::{About, Endpoint, EngineError, EngineKind};

/// The oldest API that is spoken (Docker 20.10).
pub const OLDEST_API: ApiVersion = ApiVersion::v1(41);

/// The newest API that is spoken (Docker 28.3). Newer engines are spoken to in this one.
pub const NEWEST_API: ApiVersion = ApiVersion::v1(51);

/// Why no engine was connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody answered, or not as an engine does.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine speaks only versions of the API that are too old.
    #[error(
        "the engine at `{endpoint}` speaks API {newest} at most, {OLDEST_API} is needed (Docker 20.10 or newer)"
    )]
    TooOld {
        /// How it was reached.
        endpoint: String,
        /// The newest it speaks.
        newest: ApiVersion,
    },
    /// The engine has dropped every version of the API that is spoken here.
    #[error(
        "the engine at `{endpoint}` speaks API {oldest} at least, this bowline knows {NEWEST_API} at most"
    )]
    TooNew {
        /// How it was reached.
        endpoint: String,
        /// The oldest it speaks.
        oldest: ApiVersion,
    },
}

impl ConnectError {
    /// What the user can do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Engine(error) => error.hints(),
            Self::TooOld { .. } => vec!["update the engine".into()],
            Self::TooNew { .. } => vec!["update bowline".into()],
        }
    }
}

/// A Docker-compatible engine.
#[derive(Debug)]
pub(crate) struct Docker {
    http: Client,
    about: About,
    /// The last reading; `None` where the engine did not say its time.
    clock: Mutex<Option<EngineClock>>,
}

impl Docker {
    /// Asks the engine who it is, and agrees on the newest API that both know.
    ///
    /// Both questions are asked at once, and therefore without a version: what is read of the answers is the same
    /// in all of them.
    pub(crate) async fn connect(endpoint: Endpoint) -> Result<Self, ConnectError> {
        let plain = Client::new(endpoint.clone());
        let about = Subject::new(ObjectKind::Container, "");
        let failed = |failure: Failure| ConnectError::Engine(about.error(failure));
        let asked = EngineClock::host();
        let (version, info) = tokio::join!(plain.json::<Version>(Call::get("/version")), async {
            let info = plain.json::<Info>(Call::get("/info")).await;
            (info, EngineClock::host())
        },);
        let (info, answered) = info;
        let version = version.map_err(failed)?;
        let unreadable = |text: &str| EngineError::Unreadable {
            request: "GET /version".into(),
            text: format!("`{text}` is no version of the API"),
        };
        let newest = ApiVersion::parse(&version.api_version)
            .ok_or_else(|| unreadable(&version.api_version))?;
        if newest < OLDEST_API {
            return Err(ConnectError::TooOld {
                endpoint: endpoint.to_string(),
                newest,
            });
        }
        if let Some(oldest) =
            ApiVersion::parse(&version.min_api_version).filter(|oldest| *oldest > NEWEST_API)
        {
            return Err(ConnectError::TooNew {
                endpoint: endpoint.to_string(),
                oldest,
            });
        }
        let api = newest.min(NEWEST_API);
        let http = plain.speaking(api);
        let info = info.map_err(failed)?;
        let clock = time(&info.system_time).map(|said| EngineClock::said(said, asked, answered));
        let about = describe(version, info, endpoint, api, newest);
        tracing::debug!(engine = about.id, version = about.version, %api, "connected");
        Ok(Self {
            http,
            about,
            clock: Mutex::new(clock),
        })
    }

    /// The engine's time, and how far its own clock may be ahead of that.
    async fn time(&self) -> Result<(Timestamp, SignedDuration), EngineError> {
        let asked = EngineClock::host();
        let last = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((now, clock)) = last.and_then(|clock| Some((clock.at(asked)?, clock))) {
            return Ok((now, clock.doubt()));
        }
        let about = Subject::new(ObjectKind::Container, "");
        let info: Info = self
            .http
            .json(Call::get("/info"))
            .await
            .map_err(|failure| about.error(failure))?;
        let said = time(&info.system_time).ok_or_else(|| EngineError::Unreadable {
            request: "GET /info".into(),
            text: "it does not say the time".into(),
        })?;
        let clock = EngineClock::said(said, asked, EngineClock::host());
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock);
        Ok((said, clock.doubt()))
    }

    fn refuse_unsupported(&self, needs: Vec<Capability>) -> Result<(), EngineError> {
        match needs
            .into_iter()
            .find(|capability| !self.about.api.has(*capability))
        {
            Some(capability) => Err(EngineError::Unsupported {
                capability,
                api: self.about.api,
            }),
            None => Ok(()),
        }
    }
}

fn describe(
    version: Version,
    info: Info,
    endpoint: Endpoint,
    api: ApiVersion,
    newest_api: ApiVersion,
) -> About {
    let podman = version
        .components
        .iter()
        .any(|component| component.name.starts_with("Podman"));
    let (kind, id) = if podman {
        (
            EngineKind::Podman,
            format!("podman:{}:{}", info.name, info.root_dir),
        )
    } else {
        (EngineKind::Docker, info.id)
    };
    About {
        id,
        kind,
        version: version.version,
        api,
        newest_api,
        endpoint,
        host_name: info.name,
        os: version.os,
        arch: version.arch,
        cpus: info.cpus,
        memory_bytes: info.memory,
        root_dir: info.root_dir,
        storage_driver: info.driver,
        cgroup_version: info.cgroup_version,
        security_options: info.security_options,
    }
}
