//! Docker Compose, the one to be compared with: 2.40 or newer.
//!
//! Taken from `--compose PATH`, else from `PATH`, else from Debian's sid suite, unpacked into the cache.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::newest;
use crate::program::{exists, program};

/// The oldest that says something about today's.
const OLDEST: (u32, u32) = (2, 40);

/// A Docker Compose that was found.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Program and first arguments.
    pub(crate) command: Vec<String>,
    pub(crate) version: String,
}

/// Finds Docker Compose. A path that was named is taken or refused, never passed over.
pub(crate) fn find(named: Option<&str>, log: &Path) -> Result<Peer> {
    if let Some(path) = named {
        return ask(&[path]);
    }
    let candidates: [(&str, &[&str]); 2] = [
        ("docker-compose", &["docker-compose"]),
        ("docker", &["docker", "compose"]),
    ];
    for (name, command) in candidates {
        if !exists(name) {
            continue;
        }
        match ask(command) {
            Ok(peer) => return Ok(peer),
            Err(error) => println!("not taken: {}", first_line(&error)),
        }
    }
    let path = newest::COMPOSE.program(log)?;
    ask(&[&path.display().to_string()])
}

/// What a program prints that has no such command can be long.
fn first_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    text.lines().next().unwrap_or_default().to_owned()
}

fn ask(command: &[&str]) -> Result<Peer> {
    let [name, rest @ ..] = command else {
        bail!("no program is named")
    };
    let said = program(name)
        .args(rest)
        .args(["version", "--short"])
        .output()?;
    let version = said.trim().trim_start_matches('v').to_owned();
    let numbers = parse_version(&version)
        .with_context(|| format!("`{version}` is no version of Docker Compose"))?;
    if numbers < OLDEST {
        let (major, minor) = OLDEST;
        bail!(
            "`{}` is Docker Compose {version}, older than {major}.{minor}",
            command.join(" ")
        );
    }
    Ok(Peer {
        command: command.iter().map(|&word| word.to_owned()).collect(),
        version,
    })
}

/// Returns the first two numbers of a version, whatever a distribution put behind them.
fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?;
    let digits = minor
        .find(|c: char| !c.is_ascii_digit())
        .map_or(minor, |end| &minor[..end]);
    Some((major, digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_what_distributions_add() {
        assert_eq!(parse_version("2.40.3"), Some((2, 40)));
        assert_eq!(parse_version("2.40.3+ds1-1"), Some((2, 40)));
        assert_eq!(parse_version("5.0.0-desktop.1"), Some((5, 0)));
        assert_eq!(parse_version("2.41-rc1"), Some((2, 41)));
        assert_eq!(parse_version("dev"), None);
        assert_eq!(parse_version("2"), None);
    }

    #[test]
    fn an_old_one_is_older_by_numbers_and_not_by_letters() {
        assert!(parse_version("2.9.1").unwrap() < OLDEST);
        assert!(parse_version("1.29.2").unwrap() < OLDEST);
        assert!(parse_version("2.40.0").unwrap() >= OLDEST);
        assert!(parse_version("5.1.2").unwrap() >= OLDEST);
    }

    #[test]
    fn a_named_program_that_is_no_compose_is_refused() {
        let error = find(Some("true"), Path::new("/nonexistent")).unwrap_err();
        assert_eq!(error.to_string(), "`` is no version of Docker Compose");
    }
}
