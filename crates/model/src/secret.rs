//! What counts as secret, and how it is kept out of everything that is shown.
//!
//! The list of key words is the one place that decides which environment values, build arguments and
//! labels are masked; every crate that prints asks here.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

/// What stands in the place of a secret value wherever one would be shown.
pub const MASK: &str = "••••";

/// Words that make the value of a key secret when one of them is a part of the key.
///
/// Matched without regard to case. A part is what stands between `_`, `-`, `.` and the ends, so that
/// `MONKEY` and `KEYBOARD_LAYOUT` are not taken for keys, while `API_KEY` is.
const SECRET_PARTS: &[&str] = &[
    "apikey",
    "auth",
    "cookie",
    "credential",
    "credentials",
    "creds",
    "dsn",
    "key",
    "keys",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pat",
    "pass",
    "private",
    "psk",
    "pw",
    "pwd",
    "salt",
    "secret",
    "secrets",
    "token",
    "tokens",
    "webhook",
];

/// Endings that mark a key as secret even where they are glued to the word before them.
const SECRET_ENDINGS: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
];

/// Endings that say the value is the *name of a place*, not the secret itself.
const PLACE_ENDINGS: &[&str] = &["_file", "_path", "_dir", "_name", "_id_file"];

/// Tells whether the value of an environment variable, build argument or label named `key` is secret.
///
/// `POSTGRES_PASSWORD` is, `POSTGRES_PASSWORD_FILE` (the name of a file) and `POSTGRES_USER` are not.
pub fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    if PLACE_ENDINGS.iter().any(|ending| key.ends_with(ending)) {
        return false;
    }
    key.split(['_', '-', '.', '/']).any(|part| {
        SECRET_PARTS.contains(&part) || SECRET_ENDINGS.iter().any(|ending| part.ends_with(ending))
    })
}

/// A value that must not be shown: it has no `Display`, and its `Debug` prints a mask.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value into custody.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Hands out the value. Whoever calls this answers for where it goes.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Tells whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[expect(
    clippy::unwrap_used,
    reason = "the patterns are constants that the tests of this module compile"
)]
static DSN_PASSWORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?P<head>[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@]*:)(?P<password>[^\s@]+)(?P<tail>@)")
        .unwrap()
});

#[expect(
    clippy::unwrap_used,
    reason = "the patterns are constants that the tests of this module compile"
)]
static KEY_VALUE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?P<key>[A-Za-z_][A-Za-z0-9_.-]*)(?P<sep>["']?\s*[=:]\s*)(?P<value>\S.*)$"#)
        .unwrap()
});

/// Replaces the passwords inside connection strings (`scheme://user:password@host`) by a mask.
pub fn mask_passwords(text: &str) -> String {
    DSN_PASSWORD
        .replace_all(text, format!("${{head}}{MASK}${{tail}}"))
        .into_owned()
}

/// Masks one line of a file for showing: the value behind a secret key, and passwords in connection strings.
///
/// Works on the text alone, so it also serves where the file could not be understood. It errs on the side
/// of hiding: everything behind the first secret key of the line goes.
pub fn mask_line(line: &str) -> String {
    let mut start = 0;
    while let Some(found) = KEY_VALUE.captures(&line[start..]) {
        let (Some(key), Some(value)) = (found.name("key"), found.name("value")) else {
            break;
        };
        // `secrets:` opens a section; the names in it are no secrets.
        if is_secret_key(key.as_str()) && key.as_str() != "secrets" {
            let keep = &line[..start + value.start()];
            let opening = if matches!(value.as_str().chars().next(), Some('|' | '>' | '&' | '*')) {
                value.as_str()
            } else {
                MASK
            };
            return mask_passwords(keep) + opening;
        }
        start += value.start();
    }
    mask_passwords(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_secret_by_their_parts_and_not_by_accident() {
        for key in [
            "POSTGRES_PASSWORD",
            "API_KEY",
            "githubToken",
            "JWT_SECRET",
            "db-password",
            "MYSQL_ROOT_PASSWORD",
            "dbpassword",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "POSTGRES_USER",
            "POSTGRES_PASSWORD_FILE",
            "MONKEY",
            "KEYBOARD_LAYOUT",
            "PATH",
            "COMPASS",
            "TAG",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn a_line_of_a_file_is_shown_without_the_value_behind_a_secret_key() {
        assert_eq!(
            mask_line("      POSTGRES_PASSWORD: hunter2 # old"),
            "      POSTGRES_PASSWORD: ••••"
        );
        assert_eq!(mask_line("      - API_KEY=abc:def"), "      - API_KEY=••••");
        assert_eq!(
            mask_line("  environment: {USER: app, DB_PASSWORD: hunter2}"),
            "  environment: {USER: app, DB_PASSWORD: ••••"
        );
        assert_eq!(
            mask_line("      URL: postgres://app:hunter2@db/app"),
            "      URL: postgres://app:••••@db/app"
        );
        assert_eq!(mask_line("      PRIVATE_KEY: |"), "      PRIVATE_KEY: |");
        assert_eq!(mask_line("    image: nginx:1.27"), "    image: nginx:1.27");
    }

    #[test]
    fn a_secret_has_no_readable_debug() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), MASK);
    }
}
