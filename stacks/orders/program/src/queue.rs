//! Ids of orders on their way to the workers: a Redis list.
//!
//! What Redis forgets is found again in Postgres, so nothing here is retried for long.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, Client};
use tokio::sync::Mutex;

use crate::say;
use crate::stop::Stop;

const LIST: &str = "orders:new";

/// How long one look into the queue waits for an order to come.
const LOOK: Duration = Duration::from_secs(1);

/// Longer than any answer takes, [`LOOK`] included.
const PATIENCE: Duration = Duration::from_secs(4);

/// The queue with its one connection, which is made anew after it broke.
pub(crate) struct Queue {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Queue {
    /// Takes the address; the connection is made when it is needed.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let client =
            Client::open(url).with_context(|| format!("`{url}` in REDIS_URL is no address"))?;
        Ok(Self {
            client,
            connection: Mutex::default(),
        })
    }

    pub(crate) async fn push(&self, id: i64) -> Result<()> {
        let mut connection = self.connection().await?;
        let pushed: redis::RedisResult<()> = connection.rpush(LIST, id).await;
        self.noted(pushed).await.context("cannot queue the order")
    }

    /// Returns the next order's id, or nothing if none comes within a second or the end is wanted. Blocks the
    /// connection meanwhile.
    pub(crate) async fn pop(&self, stop: &Stop) -> Result<Option<i64>> {
        let mut connection = self.connection().await?;
        let me: redis::RedisResult<i64> = redis::cmd("CLIENT")
            .arg("ID")
            .query_async(&mut connection)
            .await;
        let me = self.noted(me).await.context("Redis does not answer")?;
        let mut popping = pin!(connection.blpop(LIST, LOOK.as_secs_f64()));
        let popped: redis::RedisResult<Option<(String, i64)>> = tokio::select! {
            popped = &mut popping => popped,
            () = stop.requested() => {
                // Redis itself ends the wait: to hang up could lose an order that it has just handed out.
                if let Err(error) = self.unblock(me).await {
                    say::info(format_args!("waiting for the queue: {error}"));
                }
                popping.await
            }
        };
        let popped = self
            .noted(popped)
            .await
            .context("cannot look into the queue")?;
        Ok(popped.map(|(_, id)| id))
    }

    /// Ends the wait of a blocked connection, through another one.
    async fn unblock(&self, client: i64) -> redis::RedisResult<()> {
        let mut other = self.client.get_multiplexed_async_connection().await?;
        redis::cmd("CLIENT")
            .arg("UNBLOCK")
            .arg(client)
            .query_async(&mut other)
            .await
    }

    pub(crate) async fn length(&self) -> Result<usize> {
        let mut connection = self.connection().await?;
        let length = connection.llen(LIST).await;
        self.noted(length).await.context("cannot measure the queue")
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        let mut connection = self.connection().await?;
        let answer: redis::RedisResult<String> = connection.ping().await;
        self.noted(answer).await.context("Redis does not answer")?;
        Ok(())
    }

    async fn connection(&self) -> Result<MultiplexedConnection> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(3)))
            .set_response_timeout(Some(PATIENCE));
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&settings)
            .await
            .context("cannot connect to Redis")?;
        *kept = Some(connection.clone());
        Ok(connection)
    }

    /// Forgets the connection after an error.
    async fn noted<T>(&self, answer: redis::RedisResult<T>) -> redis::RedisResult<T> {
        if answer.is_err() {
            *self.connection.lock().await = None;
        }
        answer
    }
}
