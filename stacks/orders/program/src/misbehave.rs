//! How the program may be told to misbehave: the words of the variable `MISBEHAVE`.
//!
//! Several are separated by commas. Each makes one fault that real services have, and nothing else, so that
//! what finds faults can be measured against a known truth. The deeds are in `mischief`.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What was asked for; by default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a list of faults, each there or not"
)]
pub(crate) struct Misbehaviour {
    /// Waits before it does anything, the port not yet open.
    pub(crate) slow_start: Option<Duration>,
    /// Listens on this address instead of on all.
    pub(crate) bind: Option<IpAddr>,
    /// Hears SIGTERM and goes on.
    pub(crate) ignore_sigterm: bool,
    /// Never gives a database connection back, and opens one more every second.
    pub(crate) leak_connections: bool,
    /// Takes this much memory and keeps it.
    pub(crate) eat_memory_mb: Option<usize>,
    /// Ends with an error after this time.
    pub(crate) crash_after: Option<Duration>,
    /// Ends with this code, for whatever reason it ends.
    pub(crate) exit_code: Option<u8>,
    /// Accepts the question for its health and never answers.
    pub(crate) hang_healthz: bool,
    /// Writes ten thousand lines a second.
    pub(crate) log_flood: bool,
}

/// The words with what follows them, as documented.
const WORDS: &str = "slow-start:SECS, bind:ADDRESS, ignore-sigterm, leak-connections, eat-memory:MB, \
                     crash-after:SECS, crash-at-start, exit-code:N, hang-healthz, log-flood";

impl Misbehaviour {
    /// Reads the value of `MISBEHAVE`; an empty one asks for nothing.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut wanted = Self::default();
        for word in text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            wanted.add(word).with_context(|| {
                format!("`{word}` in MISBEHAVE is not understood; there are {WORDS}")
            })?;
        }
        Ok(wanted)
    }

    fn add(&mut self, word: &str) -> Result<()> {
        let (name, value) = match word.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        match (name, value) {
            ("slow-start", Some(secs)) => self.slow_start = Some(seconds(secs)?),
            ("bind", Some(address)) => self.bind = Some(address.parse().context("no IP address")?),
            ("ignore-sigterm", None) => self.ignore_sigterm = true,
            ("leak-connections", None) => self.leak_connections = true,
            ("eat-memory", Some(mb)) => {
                self.eat_memory_mb = Some(mb.parse().context("no number of MB")?);
            }
            ("crash-after", Some(secs)) => self.crash_after = Some(seconds(secs)?),
            ("crash-at-start", None) => self.crash_after = Some(Duration::ZERO),
            ("exit-code", Some(code)) => {
                self.exit_code = Some(code.parse().context("no exit code from 0 to 255")?);
            }
            ("hang-healthz", None) => self.hang_healthz = true,
            ("log-flood", None) => self.log_flood = true,
            _ => bail!("no such word, or a value missing or too many"),
        }
        Ok(())
    }
}

fn seconds(text: &str) -> Result<Duration> {
    let seconds: f64 = text.parse().context("no number of seconds")?;
    Duration::try_from_secs_f64(seconds).context("no number of seconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asked_is_nothing_done() {
        assert_eq!(Misbehaviour::parse("").unwrap(), Misbehaviour::default());
        assert_eq!(Misbehaviour::parse(" , ").unwrap(), Misbehaviour::default());
    }

    #[test]
    fn every_documented_word_is_understood() {
        let all = Misbehaviour::parse(
            "slow-start:2.5, bind:127.0.0.1,ignore-sigterm,leak-connections,eat-memory:64,\
             crash-after:9,exit-code:42,hang-healthz,log-flood",
        )
        .unwrap();
        let wanted = Misbehaviour {
            slow_start: Some(Duration::from_millis(2500)),
            bind: Some(IpAddr::from([127, 0, 0, 1])),
            ignore_sigterm: true,
            leak_connections: true,
            eat_memory_mb: Some(64),
            crash_after: Some(Duration::from_secs(9)),
            exit_code: Some(42),
            hang_healthz: true,
            log_flood: true,
        };
        assert_eq!(all, wanted);
        let at_start = Misbehaviour::parse("crash-at-start").unwrap();
        assert_eq!(at_start.crash_after, Some(Duration::ZERO));
    }

    #[test]
    fn an_address_may_hold_colons() {
        let wanted = Misbehaviour::parse("bind:::1").unwrap();
        assert_eq!(wanted.bind, Some("::1".parse().unwrap()));
    }

    #[test]
    fn a_wrong_word_is_refused_by_name() {
        for wrong in [
            "crash",
            "crash-at-start:1",
            "slow-start",
            "slow-start:-1",
            "slow-start:soon",
            "exit-code:256",
            "bind:localhost",
        ] {
            let error = Misbehaviour::parse(&format!("log-flood,{wrong}")).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("`{wrong}`")),
                "{error}"
            );
        }
    }
}
