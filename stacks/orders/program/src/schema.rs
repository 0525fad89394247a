//! The job `migrate`: brings the schema to the version that this program knows.
//!
//! Each version is applied once and noted in `schema_version`, in one transaction that only one job at a time
//! can be in. To run it again, or twice at once, does no harm. A newer schema than ours is refused.

use anyhow::{Context, Result, bail};
use tokio_postgres::{Client, GenericClient};

use crate::config::Config;
use crate::{say, store};

/// One entry per version; entries are only ever added.
const VERSIONS: &[&str] = &[
    "CREATE TABLE orders (
        id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer   text NOT NULL,
        item       text NOT NULL,
        quantity   integer NOT NULL CHECK (quantity > 0),
        state      text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'shipped')),
        created_at timestamptz NOT NULL DEFAULT now(),
        shipped_at timestamptz
    )",
    "ALTER TABLE orders ADD COLUMN shipped_by text;
     CREATE INDEX orders_new ON orders (created_at) WHERE state = 'new'",
    "CREATE TABLE seeds (name text PRIMARY KEY, planted_at timestamptz NOT NULL DEFAULT now())",
];

/// Any number will do, as long as nothing else in the database takes it.
const LOCK: i64 = 7_305_808_869;

/// Applies what is missing.
pub(crate) async fn migrate(config: &Config) -> Result<()> {
    let mut client = store::connect(&config.database).await?;
    let change = client.transaction().await.context("cannot begin")?;
    change
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await
        .context("cannot wait for other migrations")?;
    change
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_version (
                version    integer PRIMARY KEY,
                applied_at timestamptz NOT NULL DEFAULT now()
            )",
        )
        .await
        .context("cannot create `schema_version`")?;
    let before = version(&change).await?;
    for step in missing(before)? {
        let sql = VERSIONS[step - 1];
        change
            .batch_execute(sql)
            .await
            .with_context(|| format!("cannot apply version {step}"))?;
        let number = i32::try_from(step).context("more versions than numbers")?;
        change
            .execute(
                "INSERT INTO schema_version (version) VALUES ($1)",
                &[&number],
            )
            .await
            .with_context(|| format!("cannot note version {step}"))?;
        say::info(format_args!("schema: version {step} applied"));
    }
    change.commit().await.context("cannot commit")?;
    say::info(format_args!(
        "schema: version {}, {before} before",
        VERSIONS.len()
    ));
    Ok(())
}

/// Refuses a database whose schema is not the one that this program was written for.
pub(crate) async fn expect_current(client: &Client) -> Result<()> {
    let table = client
        .query_one("SELECT to_regclass('schema_version') IS NOT NULL", &[])
        .await
        .context("cannot look for the schema")?;
    let version = if table.get(0) {
        version(client).await?
    } else {
        0
    };
    if !missing(version)?.is_empty() {
        bail!(
            "the schema is at version {version}, this program needs {}: run `migrate` first",
            VERSIONS.len()
        );
    }
    Ok(())
}

async fn version(client: &impl GenericClient) -> Result<usize> {
    let row = client
        .query_one("SELECT coalesce(max(version), 0) FROM schema_version", &[])
        .await
        .context("cannot read the schema's version")?;
    usize::try_from(row.get::<_, i32>(0)).context("the schema's version is below zero")
}

/// Returns the versions to apply to a schema of version `before`.
fn missing(before: usize) -> Result<std::ops::RangeInclusive<usize>> {
    if before > VERSIONS.len() {
        bail!(
            "the schema is at version {before}, newer than this program, which knows {}",
            VERSIONS.len()
        );
    }
    Ok(before + 1..=VERSIONS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_applied() {
        assert_eq!(missing(0).unwrap(), 1..=VERSIONS.len());
        assert_eq!(
            missing(VERSIONS.len() - 1).unwrap(),
            VERSIONS.len()..=VERSIONS.len()
        );
        assert!(missing(VERSIONS.len()).unwrap().is_empty());
    }

    #[test]
    fn a_newer_schema_is_left_alone() {
        assert!(missing(VERSIONS.len() + 1).is_err());
    }
}
