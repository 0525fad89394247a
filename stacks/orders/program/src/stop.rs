//! When to end: SIGTERM or SIGINT, told to every part that asks.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::say;

/// Hears of the wish to end. Clones hear it too, also those that ask later.
#[derive(Clone)]
pub(crate) struct Stop {
    heard: watch::Receiver<bool>,
}

impl Stop {
    /// Starts to listen for signals; with `ignore`, only says that they came.
    pub(crate) fn listen(ignore: bool) -> Result<Self> {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let (tell, heard) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if ignore {
                    say::info(format_args!("{name} received and ignored"));
                } else {
                    say::info(format_args!("{name} received: finishing what is in flight"));
                    tell.send_replace(true);
                }
            }
        });
        Ok(Self { heard })
    }

    pub(crate) fn is_requested(&self) -> bool {
        *self.heard.borrow()
    }

    /// Returns once the end is wanted.
    pub(crate) async fn requested(&self) {
        if self.heard.clone().wait_for(|wanted| *wanted).await.is_err() {
            // Nobody listens for signals any more, so none will be heard.
            std::future::pending::<()>().await;
        }
    }
}
