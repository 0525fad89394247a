//! Is this instance of use? The answer at `/healthz`, and `check`, which health checks run to ask.

use std::time::Duration;

use anyhow::{Result, bail};
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::http::{self, Reply};
use crate::queue::Queue;
use crate::store::Store;

/// A dependency that takes longer is as good as not there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the instance on this host; where it hangs, this hangs too, as health checks do.
pub(crate) async fn check(port: u16) -> Result<()> {
    let (status, body) = http::request(
        &format!("127.0.0.1:{port}"),
        Method::GET,
        "/healthz",
        String::new(),
    )
    .await?;
    let body = body.trim();
    if status != 200 {
        bail!("unhealthy, {status}: {body}");
    }
    crate::say::info(format_args!("healthy: {body}"));
    Ok(())
}

/// Looks at everything that the instance depends on; `own` is what it says about itself.
pub(crate) async fn report(store: &Store, queue: &Queue, own: Result<()>) -> Reply {
    let (postgres, redis) = tokio::join!(
        timeout(PATIENCE, store.ping()),
        timeout(PATIENCE, queue.ping())
    );
    let late = |_| Err(anyhow::anyhow!("no answer within {} s", PATIENCE.as_secs()));
    let parts = [
        ("postgres", postgres.unwrap_or_else(late)),
        ("redis", redis.unwrap_or_else(late)),
        ("self", own),
    ];
    reply(&parts)
}

fn reply(parts: &[(&str, Result<()>)]) -> Reply {
    let well = parts.iter().all(|(_, state)| state.is_ok());
    let word = |state: &Result<()>| match state {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    let words = parts
        .iter()
        .map(|(name, state)| ((*name).to_owned(), json!(word(state))));
    Reply::json(
        if well { 200 } else { 503 },
        &Value::Object(words.collect()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_healthy_only_with_everything_it_needs() {
        assert_eq!(
            reply(&[("postgres", Ok(())), ("redis", Ok(()))]).status,
            200
        );
        let reply = reply(&[
            ("postgres", Ok(())),
            ("redis", Err(anyhow::anyhow!("refused"))),
        ]);
        assert_eq!(reply.status, 503);
        assert_eq!(reply.body.trim(), r#"{"postgres":"ok","redis":"refused"}"#);
    }
}
