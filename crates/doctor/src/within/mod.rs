//! Questions about a running container, answered from where its processes and its network are.
//!
//! On this host, and with the rights for it, the kernel answers ([`Look`]). Where either is missing, an *instrument* does:
//! this very program in a container of its own, joined to the processes and the network of the other, which puts the same
//! question to the same [`Look`] from there. So what is told does not depend on the way, and nothing has to be in the
//! image that is looked at, not even a shell.

mod dial;
mod instruments;
mod program;
mod serve;

use std::time::Duration;

use bowline_engine::{Engine, Look, Unseen};
use bowline_model::{ContainerId, Secret};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::collect::asks::{self, Ask};
use crate::collect::{files, insides};
use crate::facts::{InsideFact, Outcome, ServerAnswer, WhyUnseen};
use crate::speak::Login;

pub use dial::{Call, Dial, Tried};
use instruments::Instruments;
pub use serve::{WITHIN, serve};

/// How much may be done at once, and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leeway {
    /// Instruments that may be made; 0 makes none.
    pub instruments: usize,
    /// Questions that the kernel's side answers at once: each takes a thread.
    pub threads: usize,
    /// How long an answer may take, with the time until its turn comes. Making an instrument is not counted.
    pub answer: Duration,
}

/// A question about one container.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Its processes, sockets and counters.
    Inside,
    /// What is at a path, and how much room there is.
    Path(String),
    /// A name, and what answers at its addresses.
    Dial(Dial),
    /// What a server says to one who brings this login.
    Ask(Box<Ask>, Option<Brought>),
}

/// What is answered.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// To [`Request::Inside`].
    Inside(Box<InsideFact>),
    /// To [`Request::Path`].
    Path(files::Seen),
    /// To [`Request::Dial`].
    Dialled(Tried),
    /// To [`Request::Ask`].
    Asked(Outcome, Box<ServerAnswer>),
}

/// A login in the clear. It goes over the engine's socket into an instrument's standard input, and nowhere else: there is
/// no word of it in a command line, a variable, a log or a `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Brought {
    user: String,
    password: Option<String>,
}

impl From<Login> for Brought {
    fn from(login: Login) -> Self {
        Self {
            user: login.user,
            password: login.password.map(|it| it.reveal().to_owned()),
        }
    }
}

impl From<&Brought> for Login {
    fn from(brought: &Brought) -> Self {
        Self {
            user: brought.user.clone(),
            password: brought.password.as_deref().map(Secret::new),
        }
    }
}

/// Answers one question. Blocks for some seconds at most.
fn answer(look: &Look, request: &Request) -> Result<Reply, Unseen> {
    Ok(match request {
        Request::Inside => Reply::Inside(Box::new(insides::of(look)?)),
        Request::Path(path) => Reply::Path(files::by_kernel(look, path)?),
        Request::Dial(dial) => Reply::Dialled(dial.attempt(look)?),
        Request::Ask(ask, login) => {
            let login = login.as_ref().map(Login::from);
            let (outcome, answer) = asks::put(look, ask, login.as_ref())?;
            Reply::Asked(outcome, Box::new(answer))
        }
    })
}

/// Why a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    /// The kernel's side did not, and no instrument was to be made.
    #[error(transparent)]
    Kernel(#[from] Unseen),
    /// Neither did the kernel's side nor an instrument.
    #[error("{kernel}; and from a container beside it: {beside}")]
    Beside {
        /// Why the kernel's side did not.
        kernel: Unseen,
        /// Why the instrument did not.
        beside: String,
    },
    /// It took longer than it may.
    #[error("it took too long")]
    TooSlow,
}

impl Missed {
    /// The answer is one to another question.
    pub(crate) fn unfit() -> Self {
        Self::Kernel(Unseen::Failed {
            what: "the answer".to_owned(),
            reason: "it is one to another question".to_owned(),
        })
    }

    /// Whether the container has ended.
    pub fn is_gone(&self) -> bool {
        matches!(
            self,
            Self::Kernel(Unseen::Gone)
                | Self::Beside {
                    kernel: Unseen::Gone,
                    ..
                }
        )
    }
}

impl From<Missed> for WhyUnseen {
    fn from(missed: Missed) -> Self {
        let words = missed.to_string();
        match missed {
            Missed::TooSlow => Self::TooSlow,
            Missed::Kernel(Unseen::Denied { .. })
            | Missed::Beside {
                kernel: Unseen::Denied { .. },
                ..
            } => Self::Denied(words),
            Missed::Kernel(_) | Missed::Beside { .. } => Self::Kernel(words),
        }
    }
}

/// A running container, as the engine names it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'c> {
    /// Its id.
    pub id: &'c ContainerId,
    /// The number of its main process on the engine's host.
    pub pid: u32,
}

/// The ways into the containers of one engine, for as long as one look at a stack takes.
pub struct Within<'e> {
    engine: &'e dyn Engine,
    threads: Semaphore,
    longest: Duration,
    instruments: Instruments<'e>,
}

impl<'e> Within<'e> {
    /// Those of an engine. [`Within::end`] it.
    pub fn new(engine: &'e dyn Engine, leeway: Leeway) -> Self {
        Self {
            engine,
            threads: Semaphore::new(leeway.threads),
            longest: leeway.answer,
            instruments: Instruments::new(engine, leeway.instruments, leeway.answer),
        }
    }

    /// Looks a name up and dials it from within a container.
    ///
    /// # Errors
    ///
    /// [`Missed`], with both reasons where there are two.
    pub async fn dial(&self, target: Target<'_>, dial: Dial) -> Result<Tried, Missed> {
        match self.ask(target, Request::Dial(dial)).await? {
            Reply::Dialled(tried) => Ok(tried),
            _ => Err(Missed::unfit()),
        }
    }

    /// Puts a question.
    pub(crate) async fn ask(&self, target: Target<'_>, request: Request) -> Result<Reply, Missed> {
        let by_kernel = self.by_kernel(target, request.clone()).await;
        match by_kernel {
            Err(Missed::Kernel(kernel)) if is_out_of_reach(&kernel) => {
                self.ask_beside(target, &request, kernel).await
            }
            answered => answered,
        }
    }

    /// Puts a question to an instrument, since the kernel's side does not answer it.
    pub(crate) async fn ask_beside(
        &self,
        target: Target<'_>,
        request: &Request,
        kernel: Unseen,
    ) -> Result<Reply, Missed> {
        if !self.instruments.may_be_made() || !self.is_there(target, &kernel).await {
            return Err(kernel.into());
        }
        let answered = self.instruments.ask(target.id, request).await;
        match answered {
            Ok(answered) => Ok(answered?),
            Err(beside) => Err(Missed::Beside { kernel, beside }),
        }
    }

    /// Whether the engine has the process that the kernel of this host does not know: then it runs on another one.
    async fn is_there(&self, target: Target<'_>, kernel: &Unseen) -> bool {
        if *kernel != Unseen::Gone {
            return true;
        }
        let found = self.engine.inspect_container(target.id).await;
        found.is_ok_and(|found| found.state.pid == Some(target.pid))
    }

    /// Puts a question to the kernel's side, and waits no longer than the answer may take.
    pub(crate) async fn by_kernel(
        &self,
        target: Target<'_>,
        request: Request,
    ) -> Result<Reply, Missed> {
        let (id, pid) = (target.id.clone(), target.pid);
        let is_quick = matches!(request, Request::Path(_));
        let work = move || answer(&Look::at(&id, pid)?, &request);
        let answered = async {
            // A path is read in no time, and shall not wait for those who wait for others.
            if is_quick {
                blocking(work).await
            } else {
                self.on_thread(work).await
            }
        };
        match tokio::time::timeout(self.longest, answered).await {
            Ok(answered) => Ok(answered?),
            Err(_) => Err(Missed::TooSlow),
        }
    }

    /// Runs what blocks on a thread of its own, as many at once as may be.
    pub(crate) async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Unseen> + Send + 'static,
    ) -> Result<T, Unseen> {
        let _turn = self.threads.acquire().await;
        blocking(work).await
    }

    /// How many instruments were made.
    pub(crate) fn instruments(&self) -> usize {
        self.instruments.count()
    }

    /// Lets the instruments end. The engine removes each when it has; what was made and not started is removed here.
    pub async fn end(self) {
        self.instruments.end().await;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unseen> + Send + 'static,
) -> Result<T, Unseen> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(Unseen::Failed {
            what: "the inside".to_owned(),
            reason: error.to_string(),
        })
    })
}

/// Whether another way in may show what this one does not. What this kernel does not have it has nowhere.
pub(crate) fn is_out_of_reach(unseen: &Unseen) -> bool {
    match unseen {
        Unseen::NotThisHost { .. } | Unseen::Denied { .. } | Unseen::Gone => true,
        Unseen::Unsupported { .. } | Unseen::NoAnswer { .. } | Unseen::Failed { .. } => false,
    }
}
