//! `orders`: the program of the example stack. A shop's orders: taken, kept in Postgres, queued in Redis, shipped.
//!
//! One binary in six parts: `api` takes orders over HTTP, `worker` ships them, `migrate` and `seed` are jobs,
//! `load` sends requests as customers would, `check` is what health checks run. It is a real service in small,
//! so that stacks, benchmarks and diagnosis have something to hold on to; and it can be told to misbehave
//! (see `misbehave`). Nothing of bowline uses it, and it uses nothing of bowline.

mod api;
mod config;
mod health;
mod http;
mod load;
mod misbehave;
mod mischief;
mod queue;
mod routes;
mod say;
mod schema;
mod seed;
mod stop;
mod store;
mod worker;

use std::process::ExitCode;

use anyhow::{Context, Result};

use config::{Config, Part};
use mischief::Mischief;
use stop::Stop;

fn main() -> ExitCode {
    match config::from_surroundings().and_then(|(part, config)| run(part, config)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say::error(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs one part to its end and returns its exit code.
fn run(part: Part, config: Config) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        if part == Part::Check {
            return health::check(config.port).await.map(|()| 0);
        }
        let exit_code = config.misbehaviour.exit_code;
        let mischief = Mischief::new(&config.misbehaviour);
        let ended = tokio::select! {
            ended = work(part, config, &mischief) => ended,
            error = mischief.crash() => Err(error),
        };
        if let Err(error) = &ended {
            say::error(format_args!("{} ends: {error:#}", part.word()));
        }
        Ok(exit_code.unwrap_or(u8::from(ended.is_err())))
    })
}

async fn work(part: Part, config: Config, mischief: &Mischief) -> Result<()> {
    let stop = Stop::listen(config.misbehaviour.ignore_sigterm)?;
    mischief.start_in_background();
    tokio::select! {
        () = mischief.slow_start() => {}
        () = stop.requested() => return Ok(()),
    }
    match part {
        Part::Api => api::run(config, stop).await,
        Part::Worker => worker::run(config, stop).await,
        Part::Migrate => schema::migrate(&config).await,
        Part::Seed => seed::run(&config).await,
        Part::Load => load::run(&config, stop).await,
        Part::Check => health::check(config.port).await,
    }
}
