//! The program's settings: its one argument, and variables of the environment.
//!
//! The only module that reads either, or a file. Everything has a default that fits the stack's compose file.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::misbehave::Misbehaviour;

/// The parts that the program consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Api,
    Worker,
    Migrate,
    Seed,
    Load,
    Check,
}

/// Settings of every part.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) port: u16,
    /// Who answers, so that replicas can be told apart.
    pub(crate) instance: String,
    pub(crate) database: tokio_postgres::Config,
    /// How many connections a pool may have.
    pub(crate) pool_size: usize,
    /// Without a password: it is printed in errors.
    pub(crate) redis_url: String,
    /// How long one order takes to be shipped.
    pub(crate) shipping: Duration,
    /// How long requests in flight may take once the end is wanted.
    pub(crate) drain: Duration,
    pub(crate) load: Load,
    pub(crate) misbehaviour: Misbehaviour,
}

/// What `load` sends where.
#[derive(Debug)]
pub(crate) struct Load {
    /// `host:port`
    pub(crate) target: String,
    pub(crate) per_second: u32,
    pub(crate) time: Duration,
}

const USAGE: &str = "usage: orders api|worker|migrate|seed|load|check";

impl Part {
    const ALL: [Self; 6] = [
        Self::Api,
        Self::Worker,
        Self::Migrate,
        Self::Seed,
        Self::Load,
        Self::Check,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Migrate => "migrate",
            Self::Seed => "seed",
            Self::Load => "load",
            Self::Check => "check",
        }
    }

    fn parse(arguments: &[String]) -> Result<Self> {
        let [word] = arguments else { bail!(USAGE) };
        let part = Self::ALL.into_iter().find(|part| part.word() == word);
        part.with_context(|| format!("there is no part `{word}`; {USAGE}"))
    }
}

/// Reads arguments, environment and the password's file.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where a program asks what surrounds it"
)]
pub(crate) fn from_surroundings() -> Result<(Part, Config)> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let part = Part::parse(&arguments)?;
    let config = Config::read(
        |name| std::env::var(name).ok().filter(|value| !value.is_empty()),
        |path| std::fs::read_to_string(path),
    )?;
    Ok((part, config))
}

impl Config {
    /// Reads the settings through `variable`, which gives no empty values, and `file`.
    fn read(
        variable: impl Fn(&str) -> Option<String>,
        file: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self> {
        let text = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
        let mut database = tokio_postgres::Config::new();
        database
            .host(text("DATABASE_HOST", "postgres"))
            .port(number(&variable, "DATABASE_PORT", 5432)?)
            .user(text("DATABASE_USER", "orders"))
            .dbname(text("DATABASE_NAME", "orders"))
            .application_name(text("HOSTNAME", "orders"))
            .connect_timeout(Duration::from_secs(3))
            .tcp_user_timeout(Duration::from_secs(10));
        if let Some(path) = variable("DATABASE_PASSWORD_FILE") {
            let password = file(&path).with_context(|| {
                format!("cannot read `{path}`, which DATABASE_PASSWORD_FILE names")
            })?;
            database.password(password.trim_end_matches(['\r', '\n']));
        }
        Ok(Self {
            port: number(&variable, "PORT", 8080)?,
            instance: text("HOSTNAME", "orders"),
            database,
            pool_size: number(&variable, "POOL_SIZE", 4)?,
            redis_url: text("REDIS_URL", "redis://redis:6379/0"),
            shipping: Duration::from_millis(number(&variable, "SHIPPING_MS", 20)?),
            drain: Duration::from_secs(number(&variable, "DRAIN_SECS", 8)?),
            load: Load {
                target: text("LOAD_TARGET", "nginx:80"),
                per_second: number(&variable, "LOAD_PER_SECOND", 10)?,
                time: Duration::from_secs(number(&variable, "LOAD_SECS", 30)?),
            },
            misbehaviour: Misbehaviour::parse(&text("MISBEHAVE", ""))?,
        })
    }
}

fn number<T>(variable: &impl Fn(&str) -> Option<String>, name: &str, default: T) -> Result<T>
where
    T: std::str::FromStr<Err = std::num::ParseIntError>,
{
    match variable(name) {
        Some(value) => value
            .parse()
            .with_context(|| format!("`{value}` in {name} is no fitting number")),
        None => Ok(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config> {
        let variables: Vec<(String, String)> = variables
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Config::read(
            |name| {
                let found = variables.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone())
            },
            |path| match path {
                "/run/secrets/password" => Ok("two words\n".to_owned()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            },
        )
    }

    #[test]
    fn nothing_has_to_be_set() {
        let config = read(&[]).unwrap();
        assert_eq!((config.port, config.pool_size), (8080, 4));
        assert_eq!(config.database.get_user(), Some("orders"));
        assert_eq!(config.database.get_password(), None);
    }

    #[test]
    fn the_password_is_what_the_file_holds_without_its_line_end() {
        let config = read(&[("DATABASE_PASSWORD_FILE", "/run/secrets/password")]).unwrap();
        assert_eq!(config.database.get_password(), Some(&b"two words"[..]));
    }

    #[test]
    fn the_password_is_not_shown() {
        let config = read(&[("DATABASE_PASSWORD_FILE", "/run/secrets/password")]).unwrap();
        assert!(!format!("{config:?}").contains("two words"));
    }

    #[test]
    fn a_mistake_names_its_variable() {
        for (name, value) in [
            ("PORT", "80800"),
            ("POOL_SIZE", "many"),
            ("DATABASE_PASSWORD_FILE", "/nowhere"),
            ("MISBEHAVE", "sometimes"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn every_part_is_called_by_its_word() {
        for part in Part::ALL {
            assert_eq!(Part::parse(&[part.word().to_owned()]).unwrap(), part);
        }
        assert!(Part::parse(&[]).is_err());
        assert!(Part::parse(&["sell".to_owned()]).is_err());
        assert!(Part::parse(&["api".to_owned(), "worker".to_owned()]).is_err());
    }
}
