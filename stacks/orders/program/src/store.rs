//! Orders in Postgres, through a small pool of connections.
//!
//! Postgres is the truth; the queue only says what to look at next. A connection is opened when one is
//! wanted, kept for the next who wants one, and thrown away when it broke.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, Row};

use crate::say;

/// How long to wait for one of the pool's connections to be free.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a customer asks for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    pub(crate) customer: String,
    pub(crate) item: String,
    #[serde(default = "one")]
    pub(crate) quantity: i32,
}

fn one() -> i32 {
    1
}

/// An order as it is kept.
#[derive(Debug, Serialize)]
pub(crate) struct Order {
    id: i64,
    customer: String,
    item: String,
    quantity: i32,
    state: String,
    created_at: String,
    shipped_at: Option<String>,
    shipped_by: Option<String>,
}

/// What an order may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    New,
    Shipped,
}

/// The pool.
pub(crate) struct Store {
    config: Config,
    free: Mutex<Vec<Client>>,
    places: Semaphore,
    leaks: bool,
    leaked: Mutex<Vec<Client>>,
}

/// A connection on loan; it goes back by itself.
pub(crate) struct Lease<'a> {
    store: &'a Store,
    client: Option<Client>,
    _place: SemaphorePermit<'a>,
}

const COLUMNS: &str = "id, customer, item, quantity, state, \
     to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
     to_char(shipped_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), shipped_by";

impl NewOrder {
    /// Says what is wrong with it, if something is.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        let name_fits = |name: &str| !name.trim().is_empty() && name.len() <= 100;
        if !name_fits(&self.customer) {
            Some("`customer` needs 1 to 100 bytes")
        } else if !name_fits(&self.item) {
            Some("`item` needs 1 to 100 bytes")
        } else if !(1..=1000).contains(&self.quantity) {
            Some("`quantity` is from 1 to 1000")
        } else {
            None
        }
    }
}

impl Order {
    pub(crate) fn id(&self) -> i64 {
        self.id
    }
}

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Shipped => "shipped",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::New, Self::Shipped]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

/// Opens one connection outside of any pool.
pub(crate) async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await.with_context(|| {
        format!(
            "cannot connect to Postgres as `{}`",
            config.get_user().unwrap_or_default()
        )
    })?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            say::error(format_args!("a connection to Postgres broke: {error}"));
        }
    });
    Ok(client)
}

impl Store {
    pub(crate) fn new(config: &Config, size: usize, leaks: bool) -> Self {
        Self {
            config: config.clone(),
            free: Mutex::default(),
            places: Semaphore::new(size.max(1)),
            leaks,
            leaked: Mutex::default(),
        }
    }

    /// Lends a connection.
    pub(crate) async fn client(&self) -> Result<Lease<'_>> {
        let place = timeout(PATIENCE, self.places.acquire())
            .await
            .with_context(|| {
                format!(
                    "no connection of the pool is free for {} s",
                    PATIENCE.as_secs()
                )
            })?
            .context("the pool is closed")?;
        let kept = held(&self.free).pop().filter(|client| !client.is_closed());
        let client = match kept {
            Some(client) => client,
            None => connect(&self.config).await?,
        };
        Ok(Lease {
            store: self,
            client: Some(client),
            _place: place,
        })
    }

    /// Opens one more connection every second and keeps it, where that was asked for.
    pub(crate) async fn leak_if_told(&self) {
        if !self.leaks {
            return std::future::pending().await;
        }
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            if let Err(error) = self.client().await {
                say::error(format_args!("{error:#}"));
            }
        }
    }

    /// Returns how many connections lie idle.
    pub(crate) fn idle(&self) -> usize {
        held(&self.free).len()
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        let client = self.client().await?;
        client
            .simple_query("SELECT 1")
            .await
            .context("Postgres does not answer")?;
        Ok(())
    }

    pub(crate) async fn insert(&self, order: &NewOrder) -> Result<Order> {
        let insert = format!(
            "INSERT INTO orders (customer, item, quantity) VALUES ($1, $2, $3) RETURNING {COLUMNS}"
        );
        let client = self.client().await?;
        let row = client
            .query_one(&insert, &[&order.customer, &order.item, &order.quantity])
            .await
            .context("cannot write the order")?;
        Ok(Order::from(&row))
    }

    pub(crate) async fn order(&self, id: i64) -> Result<Option<Order>> {
        let select = format!("SELECT {COLUMNS} FROM orders WHERE id = $1");
        let client = self.client().await?;
        let row = client
            .query_opt(&select, &[&id])
            .await
            .context("cannot read the order")?;
        Ok(row.as_ref().map(Order::from))
    }

    /// Returns the newest orders, at most `limit`.
    pub(crate) async fn orders(&self, state: Option<State>, limit: i64) -> Result<Vec<Order>> {
        let select = format!(
            "SELECT {COLUMNS} FROM orders WHERE $1::text IS NULL OR state = $1 ORDER BY id DESC LIMIT $2"
        );
        let client = self.client().await?;
        let rows = client
            .query(&select, &[&state.map(State::word), &limit])
            .await
            .context("cannot read the orders")?;
        Ok(rows.iter().map(Order::from).collect())
    }

    /// Returns how many orders there are in which state.
    pub(crate) async fn counts(&self) -> Result<Vec<(String, i64)>> {
        let select = "SELECT state, count(*) FROM orders GROUP BY state ORDER BY state";
        let client = self.client().await?;
        let rows = client
            .query(select, &[])
            .await
            .context("cannot count the orders")?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Marks an order as shipped; says whether it was still new.
    pub(crate) async fn ship(&self, id: i64, by: &str) -> Result<bool> {
        let update = "UPDATE orders SET state = 'shipped', shipped_at = now(), shipped_by = $2 \
                      WHERE id = $1 AND state = 'new'";
        let client = self.client().await?;
        let changed = client.execute(update, &[&id, &by]).await;
        Ok(changed.with_context(|| format!("cannot ship order {id}"))? == 1)
    }

    /// Returns new orders that the queue must have lost, because they are older than it ever gets.
    pub(crate) async fn overdue(&self) -> Result<Vec<i64>> {
        let select = "SELECT id FROM orders WHERE state = 'new' AND created_at < now() - interval '30 s' \
                      ORDER BY id LIMIT 100";
        let client = self.client().await?;
        let rows = client
            .query(select, &[])
            .await
            .context("cannot look for overdue orders")?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

impl Deref for Lease<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        let Some(client) = &self.client else {
            unreachable!("it is taken out only when the lease ends")
        };
        client
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        if self.store.leaks {
            held(&self.store.leaked).push(client);
        } else if !client.is_closed() {
            held(&self.store.free).push(client);
        }
    }
}

impl From<&Row> for Order {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get(0),
            customer: row.get(1),
            item: row.get(2),
            quantity: row.get(3),
            state: row.get(4),
            created_at: row.get(5),
            shipped_at: row.get(6),
            shipped_by: row.get(7),
        }
    }
}

/// A panic elsewhere leaves a list of connections as good as it was.
fn held<T>(list: &Mutex<Vec<T>>) -> std::sync::MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_may_leave_out_its_quantity_only() {
        let order: NewOrder = serde_json::from_str(r#"{"customer":"Ada","item":"rope"}"#).unwrap();
        assert_eq!((order.quantity, order.refusal()), (1, None));
        assert!(serde_json::from_str::<NewOrder>(r#"{"customer":"Ada"}"#).is_err());
        assert!(
            serde_json::from_str::<NewOrder>(r#"{"customer":"A","item":"r","price":1}"#).is_err()
        );
    }

    #[test]
    fn an_order_that_makes_no_sense_is_refused_by_its_field() {
        let order = |customer: &str, item: &str, quantity| NewOrder {
            customer: customer.to_owned(),
            item: item.to_owned(),
            quantity,
        };
        for (order, field) in [
            (order(" ", "rope", 1), "customer"),
            (order("Ada", &"r".repeat(101), 1), "item"),
            (order("Ada", "rope", 0), "quantity"),
        ] {
            assert!(order.refusal().unwrap().contains(field));
        }
    }
}
