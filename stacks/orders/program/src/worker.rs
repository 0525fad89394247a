//! The part `worker`: takes orders from the queue and ships them, one at a time.
//!
//! An order that the queue lost (Redis was away, a worker died with it in hand) is found in Postgres by its
//! age. To ship an order twice is impossible: only a new one becomes shipped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hyper::body::Bytes;
use tokio::time::sleep;

use crate::config::Config;
use crate::http::{self, Answer, Reply};
use crate::queue::Queue;
use crate::routes::Route;
use crate::stop::Stop;
use crate::store::Store;
use crate::{health, say, schema};

/// How often lost orders are looked for.
const SWEEP: Duration = Duration::from_secs(15);
/// After this time without a look into the queue a worker is of no use.
const STALLED: Duration = Duration::from_secs(20);

struct Worker {
    instance: String,
    store: Store,
    queue: Queue,
    shipping: Duration,
    hangs: bool,
    shipped: AtomicU64,
    last_look: Mutex<Instant>,
}

/// Works until the end is wanted, and finishes the order in hand. Its health is asked over HTTP as the api's is.
pub(crate) async fn run(config: Config, stop: Stop) -> Result<()> {
    let worker = Arc::new(Worker {
        instance: config.instance.clone(),
        store: Store::new(
            &config.database,
            config.pool_size,
            config.misbehaviour.leak_connections,
        ),
        queue: Queue::new(&config.redis_url)?,
        shipping: config.shipping,
        hangs: config.misbehaviour.hang_healthz,
        shipped: AtomicU64::new(0),
        last_look: Mutex::new(Instant::now()),
    });
    schema::expect_current(&*worker.store.client().await?).await?;
    // The queue blocks its connection, so health has one of its own.
    let health = Arc::new(Health {
        worker: Arc::clone(&worker),
        queue: Queue::new(&config.redis_url)?,
    });
    tokio::select! {
        ended = async { tokio::try_join!(http::serve(&config, health, stop.clone()), worker.work(stop)) } => {
            ended?;
        }
        () = worker.store.leak_if_told() => {}
    }
    say::info(format_args!(
        "{} orders shipped",
        worker.shipped.load(Ordering::Relaxed)
    ));
    Ok(())
}

impl Worker {
    async fn work(&self, stop: Stop) -> Result<()> {
        let mut swept = Instant::now();
        while !stop.is_requested() {
            let worked = async {
                if let Some(id) = self.queue.pop(&stop).await? {
                    self.ship(id).await?;
                }
                if swept.elapsed() > SWEEP {
                    swept = Instant::now();
                    for id in self.store.overdue().await? {
                        say::info(format_args!("order {id} is overdue"));
                        self.ship(id).await?;
                    }
                }
                anyhow::Ok(())
            };
            match worked.await {
                Ok(()) => *self.last_look() = Instant::now(),
                Err(error) => {
                    say::error(format_args!("{error:#}"));
                    tokio::select! {
                        () = sleep(Duration::from_secs(1)) => {}
                        () = stop.requested() => {}
                    }
                }
            }
        }
        Ok(())
    }

    async fn ship(&self, id: i64) -> Result<()> {
        sleep(self.shipping).await;
        if self.store.ship(id, &self.instance).await? {
            self.shipped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn last_look(&self) -> MutexGuard<'_, Instant> {
        self.last_look
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn looks_busy(&self) -> Result<()> {
        let idle = self.last_look().elapsed();
        if idle > STALLED {
            bail!("no look into the queue succeeded for {} s", idle.as_secs());
        }
        Ok(())
    }
}

/// What a worker answers: how it is, and how much it did.
struct Health {
    worker: Arc<Worker>,
    queue: Queue,
}

impl Answer for Health {
    async fn answer(&self, route: Route, _body: Bytes) -> Reply {
        let worker = &self.worker;
        match route {
            Route::Health if worker.hangs => std::future::pending().await,
            Route::Health => health::report(&worker.store, &self.queue, worker.looks_busy()).await,
            Route::Metrics => Reply {
                status: 200,
                kind: "text/plain; version=0.0.4",
                body: format!(
                    "orders_idle_connections {}\norders_shipped_total {}\n",
                    worker.store.idle(),
                    worker.shipped.load(Ordering::Relaxed)
                ),
            },
            _ => Reply::error(404, "a worker tells `/healthz` and `/metrics` only"),
        }
    }
}
