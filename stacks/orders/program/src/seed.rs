//! The job `seed`: plants a known set of orders, once in the life of a database.
//!
//! The set is always the same, so that whoever restores or compares a database knows what has to be in it.

use anyhow::{Context, Result};

use crate::config::Config;
use crate::{say, store};

/// The name under which the set is noted as planted.
const NAME: &str = "first-orders";

const CUSTOMERS: &[&str] = &["Ada", "Grace", "Edsger", "Barbara"];
const ITEMS: &[&str] = &["rope, 20 m", "shackle", "cleat"];

/// Plants the set unless it was planted before.
pub(crate) async fn run(config: &Config) -> Result<()> {
    let mut client = store::connect(&config.database).await?;
    let change = client.transaction().await.context("cannot begin")?;
    let planted = change
        .execute(
            "INSERT INTO seeds (name) VALUES ($1) ON CONFLICT DO NOTHING",
            &[&NAME],
        )
        .await
        .context("cannot note the seed")?;
    if planted == 0 {
        say::info(format_args!("seed: `{NAME}` was planted before"));
        return Ok(());
    }
    let orders = orders();
    for (customer, item, quantity) in &orders {
        change
            .execute(
                "INSERT INTO orders (customer, item, quantity, state, shipped_at, shipped_by) \
                 VALUES ($1, $2, $3, 'shipped', now(), 'seed')",
                &[customer, item, quantity],
            )
            .await
            .context("cannot plant an order")?;
    }
    change.commit().await.context("cannot commit")?;
    say::info(format_args!(
        "seed: {} orders planted as `{NAME}`",
        orders.len()
    ));
    Ok(())
}

/// Every customer ordered every item, one more of it each time.
fn orders() -> Vec<(&'static str, &'static str, i32)> {
    let pairs = CUSTOMERS
        .iter()
        .flat_map(|customer| ITEMS.iter().map(move |item| (*customer, *item)));
    (1..)
        .zip(pairs)
        .map(|(quantity, (customer, item))| (customer, item, quantity))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_known() {
        let orders = orders();
        assert_eq!(orders.len(), 12);
        assert_eq!(orders[0], ("Ada", "rope, 20 m", 1));
        assert_eq!(orders[11], ("Barbara", "cleat", 12));
    }
}
