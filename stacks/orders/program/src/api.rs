//! The part `api`: takes orders over HTTP, writes them to Postgres, queues them for the workers.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use hyper::body::Bytes;
use serde_json::json;

use crate::config::Config;
use crate::http::{self, Answer, Reply};
use crate::queue::Queue;
use crate::routes::Route;
use crate::stop::Stop;
use crate::store::{NewOrder, Store};
use crate::{health, say, schema};

struct Api {
    instance: String,
    store: Store,
    queue: Queue,
    hangs: bool,
    requests: AtomicU64,
}

/// Serves until the end is wanted. A database without our schema is refused at once.
pub(crate) async fn run(config: Config, stop: Stop) -> Result<()> {
    let api = Arc::new(Api {
        instance: config.instance.clone(),
        store: Store::new(
            &config.database,
            config.pool_size,
            config.misbehaviour.leak_connections,
        ),
        queue: Queue::new(&config.redis_url)?,
        hangs: config.misbehaviour.hang_healthz,
        requests: AtomicU64::new(0),
    });
    schema::expect_current(&*api.store.client().await?).await?;
    tokio::select! {
        served = http::serve(&config, Arc::clone(&api), stop) => served?,
        () = api.store.leak_if_told() => {}
    }
    say::info(format_args!(
        "{} requests answered",
        api.requests.load(Ordering::Relaxed)
    ));
    Ok(())
}

impl Answer for Api {
    async fn answer(&self, route: Route, body: Bytes) -> Reply {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = match route {
            Route::About => Ok(Reply::json(
                200,
                &json!({ "service": "orders", "instance": self.instance }),
            )),
            Route::Health if self.hangs => std::future::pending().await,
            Route::Health => Ok(health::report(&self.store, &self.queue, Ok(())).await),
            Route::Metrics => self.metrics().await,
            Route::Place => self.place(&body).await,
            Route::Show(id) => self.show(id).await,
            Route::List { state, limit } => {
                let orders = self.store.orders(state, limit).await;
                orders.map(|orders| Reply::json(200, &orders))
            }
        };
        answer.unwrap_or_else(|error| {
            say::error(format_args!("{error:#}"));
            Reply::error(503, "a service that this one needs does not answer")
        })
    }
}

impl Api {
    async fn place(&self, body: &[u8]) -> Result<Reply> {
        let order: NewOrder = match serde_json::from_slice(body) {
            Ok(order) => order,
            Err(error) => return Ok(Reply::error(400, &format!("no order: {error}"))),
        };
        if let Some(refusal) = order.refusal() {
            return Ok(Reply::error(422, refusal));
        }
        let order = self.store.insert(&order).await?;
        if let Err(error) = self.queue.push(order.id()).await {
            // It is written, so it will be shipped: workers look for what the queue lost.
            say::error(format_args!("order {}: {error:#}", order.id()));
        }
        Ok(Reply::json(201, &order))
    }

    async fn show(&self, id: i64) -> Result<Reply> {
        Ok(match self.store.order(id).await? {
            Some(order) => Reply::json(200, &order),
            None => Reply::error(404, &format!("there is no order {id}")),
        })
    }

    async fn metrics(&self) -> Result<Reply> {
        let mut body = String::new();
        for (state, count) in self.store.counts().await? {
            writeln!(body, "orders{{state=\"{state}\"}} {count}")?;
        }
        writeln!(body, "orders_queue_length {}", self.queue.length().await?)?;
        writeln!(body, "orders_idle_connections {}", self.store.idle())?;
        writeln!(
            body,
            "orders_requests_total {}",
            self.requests.load(Ordering::Relaxed)
        )?;
        Ok(Reply {
            status: 200,
            kind: "text/plain; version=0.0.4",
            body,
        })
    }
}
