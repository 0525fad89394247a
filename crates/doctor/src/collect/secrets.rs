//! Secrets in the environments of the files: which of them everybody reads there, and which are too weak to hide.
//!
//! Nothing of a value leaves this module. A key alone is not enough here: `MAX_TOKENS` and `ENABLE_AUTH` are masked like
//! secrets, which does no harm, and to call them a risk would.

use std::collections::BTreeMap;

use bowline_model::carried::{self, Form, Oddity, oddities};
use bowline_model::{
    PASSWORD_WORDS, Place, Project, Secret, Service, is_opening_key, is_secret_key,
};

use crate::facts::Weakness;
use crate::tokens::Tokens;

/// Values that switch something on or off or choose from a few, whatever the variable is called.
const SWITCHES: &[&str] = &[
    "0", "1", "basic", "disable", "disabled", "enable", "enabled", "false", "md5", "no", "none",
    "null", "off", "on", "optional", "required", "true", "trust", "yes",
];

/// Words that say that a value is meant to be seen.
const PUBLIC: &[&str] = &["public", "publishable", "site"];

/// English words for a password itself, of which a number is one as well.
const PASSWORDS: &[&str] = &["pass", "psk", "pw", "pwd", "secret"];

/// From how many characters on a word without a blank is taken for made up by a machine, and how many digits it has then.
const RANDOM: usize = 20;
const DIGITS: usize = 3;

/// The secret values of a service's environment, by their variables; of a connection string the password in it.
pub(super) fn of(service: &Service) -> BTreeMap<&str, Vec<Secret>> {
    let own = service.environment.iter().filter_map(|(key, value)| {
        let secrets = secrets_of(key, value);
        (!secrets.is_empty()).then_some((key, secrets))
    });
    own.collect()
}

/// Those whose values stand in a file of the project itself, each with its place.
pub(super) fn in_clear(
    project: &Project,
    service: &str,
    own: &BTreeMap<&str, Vec<Secret>>,
) -> BTreeMap<String, Place> {
    let places = own.keys().filter_map(|key| {
        let place = project.origins.in_clear(service, key)?;
        Some(((*key).to_owned(), place.clone()))
    });
    places.collect()
}

/// Those that cannot be hidden in running text, and why.
pub(super) fn weak(
    own: &BTreeMap<&str, Vec<Secret>>,
    tokens: &Tokens,
) -> BTreeMap<String, Weakness> {
    let weak = own.iter().filter_map(|(key, secrets)| {
        let weakness = secrets.iter().filter_map(|secret| tokens.weakness(secret));
        Some(((*key).to_owned(), weakness.min()?))
    });
    weak.collect()
}

fn secrets_of(key: &str, value: &str) -> Vec<Secret> {
    let oddities = oddities(value);
    if value.trim().is_empty() || oddities.contains(&Oddity::Unresolved) {
        return Vec::new();
    }
    // Several keys that make one address together are looked at one by one.
    let connections = carried::find([(key, value)], [], []);
    let passwords = connections
        .iter()
        .filter(|connection| connection.form != Form::Split)
        .filter_map(|connection| connection.password.as_ref())
        .filter(|password| !password.value.is_empty());
    let passwords: Vec<Secret> = passwords.map(|password| password.value.clone()).collect();
    if passwords.is_empty() && is_secret(key, value) {
        return vec![Secret::new(value)];
    }
    passwords
}

/// Whether a whole value is a secret, by its variable and by how it looks.
fn is_secret(key: &str, value: &str) -> bool {
    let lower = key.to_lowercase();
    let mut parts: Vec<&str> = lower.split(['_', '-', '.']).collect();
    // `SECRET_KEY_BASE`, `PASSWORD_2`
    while let Some(last) = parts.last()
        && (*last == "base" || last.bytes().all(|byte| byte.is_ascii_digit()))
    {
        parts.pop();
    }
    let value = value.trim();
    let is_switch = SWITCHES.contains(&value.to_ascii_lowercase().as_str());
    let is_path = value.starts_with(['/', '.', '~']) && value.contains('/');
    let is_public = parts.iter().any(|part| PUBLIC.contains(part));
    if !is_secret_key(key) || is_switch || is_path || is_public {
        return false;
    }
    let Some(last) = parts.last() else {
        return false;
    };
    let mut passwords = PASSWORDS.iter().chain(PASSWORD_WORDS);
    let is_password = passwords.any(|word| last.ends_with(word)) || last.contains("passw");
    let is_number = value.parse::<f64>().is_ok();
    let is_key = last.ends_with("token") || is_opening_key(&parts.join("_"));
    is_password || is_key && !is_number || looks_random(value)
}

/// Whether a word of a text looks as if a machine had made it up.
fn looks_random(value: &str) -> bool {
    let words = value.split(|it: char| !it.is_ascii_alphanumeric() && !matches!(it, '-' | '_'));
    let mut long = words.filter(|word| word.len() >= RANDOM);
    long.any(|word| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        digits >= DIGITS && digits < word.len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_by_its_variable_and_its_look() {
        for (key, value) in [
            ("POSTGRES_PASSWORD", "tulip-forest"),
            ("DB_PASS", "1234"),
            ("BAZA_HASLO", "1234"),
            ("JWT_SECRET", "shop"),
            ("GITHUB_TOKEN", "abc"),
            ("STRIPE_API_KEY", "sk_live_x"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"),
            ("SECRET_KEY_BASE", "tulip"),
            ("SMTP_PASSWORD_2", "tulip"),
            ("ERLANG_COOKIE", "9f86d081884c7d659a2feaa0c55ad015"),
            (
                "SLACK_WEBHOOK_URL",
                "https://hooks.example/T0/9f86d081884c7d659a2feaa0",
            ),
            ("DATABASE_URL", "postgres://app:tulip-forest@db/app"),
            (
                "SPRING_URL",
                "jdbc:postgresql://db/app?user=app&password=tulip",
            ),
        ] {
            assert_eq!(secrets_of(key, value).len(), 1, "{key}={value}");
        }
    }

    #[test]
    fn what_is_only_named_like_a_secret_is_none() {
        for (key, value) in [
            ("POSTGRES_PASSWORD_FILE", "/run/secrets/password"),
            ("POSTGRES_HOST_AUTH_METHOD", "trust"),
            ("ALLOW_EMPTY_PASSWORD", "yes"),
            ("ENABLE_AUTH", "true"),
            ("MAX_TOKENS", "4096"),
            ("TOKEN_TTL_SECONDS", "3600"),
            ("REFRESH_TOKEN", "0"),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7"),
            ("STRIPE_PUBLISHABLE_KEY", "pk_live_51H8x9a0b1c2d3e4f5"),
            ("TLS_KEY", "/certs/server.key"),
            ("CACHE_KEY", "orders"),
            ("SESSION_COOKIE", "shop_session"),
            ("WEBHOOK_URL", "http://notifications-2:8080/hooks"),
            ("DB_PASSWORD", ""),
            ("DB_PASSWORD", "${DB_PASSWORD}"),
            ("DATABASE_URL", "postgres://app@db/app"),
            ("DATABASE_HOST", "db"),
        ] {
            assert!(secrets_of(key, value).is_empty(), "{key}={value}");
        }
    }
}
