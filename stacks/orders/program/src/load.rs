//! The part `load`: places orders as customers would and waits for them to be shipped.
//!
//! It fails if a single request did, so it can stand in for a test of the whole stack.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{interval, sleep, timeout};

use crate::config::Config;
use crate::stop::Stop;
use crate::{http, say};

/// How long an answer may take, and how long the last order may take to be shipped.
const PATIENCE: Duration = Duration::from_secs(10);

/// How one request ended: its time and the order's id, or why it failed.
type End = Result<(Duration, u64)>;

pub(crate) async fn run(config: &Config, stop: Stop) -> Result<()> {
    let target: Arc<str> = config.load.target.as_str().into();
    let begun = Instant::now();
    let mut ticks = interval(Duration::from_secs(1) / config.load.per_second.max(1));
    let (end, mut ends) = mpsc::unbounded_channel();
    while begun.elapsed() < config.load.time {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.requested() => break,
        }
        let (target, end) = (Arc::clone(&target), end.clone());
        tokio::spawn(async move { drop(end.send(place(&target).await)) });
    }
    drop(end);
    let mut all = Vec::new();
    while let Some(end) = ends.recv().await {
        if let Err(error) = &end {
            say::error(format_args!("{error:#}"));
        }
        all.push(end);
    }
    let last = all.iter().flatten().map(|(_, id)| *id).max();
    if let Some(last) = last {
        wait_until_shipped(&target, last).await?;
    }
    let failed = all.iter().filter(|end| end.is_err()).count();
    say::info(format_args!("{}", summary(&all)));
    if failed > 0 {
        bail!("{failed} of {} requests failed", all.len());
    }
    Ok(())
}

async fn place(target: &str) -> End {
    let order = json!({ "customer": "load", "item": "rope, 20 m", "quantity": 1 }).to_string();
    let begun = Instant::now();
    let answer = timeout(
        PATIENCE,
        http::request(target, Method::POST, "/orders", order),
    )
    .await;
    let (status, body) = answer.context("no answer in time")??;
    if status != 201 {
        bail!("{status}: {}", body.trim());
    }
    let order: Value = serde_json::from_str(&body).context("the answer is no JSON")?;
    let id = order["id"].as_u64().context("the order has no id")?;
    Ok((begun.elapsed(), id))
}

async fn wait_until_shipped(target: &str, id: u64) -> Result<()> {
    let begun = Instant::now();
    loop {
        let path = format!("/orders/{id}");
        let (_, body) = http::request(target, Method::GET, &path, String::new()).await?;
        if body.contains(r#""state":"shipped""#) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("order {id} is not shipped after {} s", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn summary(all: &[End]) -> String {
    let mut times: Vec<Duration> = all.iter().flatten().map(|(time, _)| *time).collect();
    times.sort();
    let share = |hundredths: usize| {
        let at = (times.len() * hundredths / 100).min(times.len().saturating_sub(1));
        times.get(at).map_or(0, Duration::as_millis)
    };
    format!(
        "{} requests, {} failed; half within {} ms, 99 of 100 within {} ms",
        all.len(),
        all.len() - times.len(),
        share(50),
        share(99)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_and_orders() {
        let mut all: Vec<End> = (1..=100)
            .rev()
            .map(|ms| Ok((Duration::from_millis(ms), ms)))
            .collect();
        all.push(Err(anyhow::anyhow!("502")));
        assert_eq!(
            summary(&all),
            "101 requests, 1 failed; half within 51 ms, 99 of 100 within 100 ms"
        );
        assert_eq!(
            summary(&[]),
            "0 requests, 0 failed; half within 0 ms, 99 of 100 within 0 ms"
        );
    }
}
