//! What counts as secret, and how it is kept out of everything that is shown.
//!
//! The list of key words is the one place that decides which environment values, build arguments and
//! labels are masked; every crate that prints asks here.

use std::fmt;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde::{Serialize, Serializer};

use crate::carried::password_spans;

/// What stands in the place of a secret value wherever one would be shown.
pub const MASK: &str = "••••";

/// Words for a password, as people write who do not name things in English, in small letters: Spanish, Catalan,
/// Portuguese, French, German, Dutch, Swedish, Danish, Norwegian, Finnish, Polish, Czech, Slovene, Croatian, Hungarian,
/// Romanian, Turkish, Indonesian.
pub const PASSWORD_WORDS: &[&str] = &[
    "adgangskode",
    "clave",
    "contrasena",
    "contrasenya",
    "contraseña",
    "geslo",
    "haslo",
    "hasło",
    "heslo",
    "jelszo",
    "jelszó",
    "kennwort",
    "losenord",
    "lozinka",
    "lösenord",
    "mdp",
    "motdepasse",
    "parola",
    "passord",
    "passwort",
    "salasana",
    "sandi",
    "senha",
    "sifre",
    "wachtwoord",
    "şifre",
];

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
    "geheimnis",
    "key",
    "keys",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pat",
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
const SECRET_ENDINGS: &[&str] = &["pass", "password", "passwd", "secret", "token"];

/// What stands before `key` where it is one that opens something.
const OPENING: &[&str] = &[
    "access",
    "account",
    "api",
    "auth",
    "encryption",
    "jwt",
    "master",
    "private",
    "secret",
    "shared",
    "signing",
];

/// Words that end like a word for a password and are none.
const NO_PASSWORDS: &[&str] = &[
    "autoclave",
    "bypass",
    "compass",
    "conclave",
    "enclave",
    "overpass",
    "surpass",
    "trespass",
    "underpass",
];

/// Endings that say the value is the *name of a place*, not the secret itself.
const PLACE_ENDINGS: &[&str] = &[
    "_file", "_path", "_dir", "_name", "_archivo", "_datei", "_fichier",
];

/// Tells whether the value of an environment variable, build argument or label named `key` is secret.
///
/// `POSTGRES_PASSWORD` is, `POSTGRES_PASSWORD_FILE` (the name of a file) and `POSTGRES_USER` are not.
pub fn is_secret_key(key: &str) -> bool {
    let key = key.to_lowercase();
    if PLACE_ENDINGS.iter().any(|ending| key.ends_with(ending)) {
        return false;
    }
    key.split(['_', '-', '.', '/']).any(|part| {
        let mut endings = SECRET_ENDINGS.iter().chain(PASSWORD_WORDS);
        SECRET_PARTS.contains(&part)
            || is_opening_key(part)
            || (endings.any(|ending| part.ends_with(ending)) && !NO_PASSWORDS.contains(&part))
    })
}

/// Tells whether a name ends in `key` and says what that one opens: `api_key`, `SecretKey`.
pub fn is_opening_key(name: &str) -> bool {
    let name = name.to_lowercase();
    let stem = name
        .strip_suffix("key")
        .map(|stem| stem.trim_end_matches(['_', '-', '.']));
    stem.is_some_and(|stem| OPENING.iter().any(|word| stem.ends_with(word)))
}

/// A value that must not be shown: it has no `Display`, and `Debug` and `Serialize` write a mask.
///
/// Nothing reads it back: what has to outlast the process writes [`Secret::reveal`] on purpose.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
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

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

#[expect(
    clippy::unwrap_used,
    reason = "the patterns are constants that the tests of this module compile"
)]
static KEY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?P<key>[A-Za-z_][A-Za-z0-9_.-]*)["']?\s*[=:]\s*"#).unwrap());

/// An option and what stands behind it: `--requirepass x`, in a list as well.
#[expect(
    clippy::unwrap_used,
    reason = "the patterns are constants that the tests of this module compile"
)]
static OPTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?P<head>--?(?P<key>[A-Za-z][A-Za-z0-9_-]*)(?:["']?\s*,\s*|\s+)["']?)(?P<value>[^\s"',\]-][^\s"',\]]*)"#)
        .unwrap()
});

/// Replaces the passwords inside connection strings (`scheme://user:password@host`) by a mask, the token that stands
/// alone before the `@` of a web address, and what signs one (`?sig=…`).
///
/// A password with a `/` or `@` that is not encoded goes as a whole.
pub fn mask_passwords(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for span in password_spans(text) {
        masked.push_str(&text[from..span.start]);
        masked.push_str(MASK);
        from = span.end;
    }
    masked + &text[from..]
}

/// Masks one line of a file for showing: the value behind a secret key, behind an option with the name of one, and
/// passwords in connection strings.
///
/// Works on the text alone, so it also serves where the file could not be understood. It errs on the side
/// of hiding: everything behind the first secret key of the line goes.
pub fn mask_line(line: &str) -> String {
    for found in KEY.captures_iter(line) {
        let (Some(key), Some(all)) = (found.name("key"), found.get(0)) else {
            continue;
        };
        let (keep, value) = line.split_at(all.end());
        // `secrets:` opens a section; the names in it are no secrets.
        if is_secret_key(key.as_str()) && key.as_str() != "secrets" && !value.is_empty() {
            let opening = if value.starts_with(['|', '>', '&', '*']) {
                value
            } else {
                MASK
            };
            return mask_words(keep) + opening;
        }
    }
    mask_words(line)
}

/// Masks connection strings and what stands behind options that are named like a secret.
fn mask_words(text: &str) -> String {
    let masked = OPTION.replace_all(text, |found: &Captures<'_>| {
        let (head, value) = (&found["head"], &found["value"]);
        // In a list no shell fills anything in.
        let is_secret =
            is_secret_key(&found["key"]) && (head.contains(',') || !is_reference(value));
        format!("{head}{}", if is_secret { MASK } else { value })
    });
    mask_passwords(&masked)
}

/// Whether a word of a shell's line is a variable that the shell fills in, named as variables of programs are: `$DB_PASS`.
pub(crate) fn is_reference(word: &str) -> bool {
    let Some(name) = word.strip_prefix('$') else {
        return false;
    };
    let bare = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'));
    let name = bare.unwrap_or(name);
    let is_part = |it: u8| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_';
    name.len() > 2 && name.bytes().all(is_part) && !name.as_bytes()[0].is_ascii_digit()
}

/// Masks the words of a command for showing: one behind an option that is named like a secret, and in each what
/// [`mask_line`] hides.
pub fn mask_command<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut is_value = false;
    let mask = |word: &'a str| {
        let shown = if is_value && !word.starts_with('-') {
            MASK.to_owned()
        } else {
            mask_line(word)
        };
        let name = word.trim_start_matches('-');
        is_value = name.len() < word.len() && is_secret_key(name);
        shown
    };
    words.into_iter().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_secret_by_their_parts_and_not_by_accident() {
        for key in [
            "POSTGRES_PASSWORD",
            "API_KEY",
            "BAZA_HASŁO",
            "DBSENHA",
            "JWT_SECRETKEY",
            "jwt.secretKey",
            "signingkey",
            "githubToken",
            "JWT_SECRET",
            "db-password",
            "MYSQL_ROOT_PASSWORD",
            "dbpassword",
            "requirepass",
            "BUS_CLAVE",
            "DB_MDP",
            "Datenbankpasswort",
            "senha",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "POSTGRES_USER",
            "POSTGRES_PASSWORD_FILE",
            "MONKEY",
            "HOTKEY",
            "KEYBOARD_LAYOUT",
            "PATH",
            "COMPASS",
            "TAG",
            "KENNWORT_DATEI",
            "ENCLAVE",
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
    fn what_stands_behind_an_option_that_is_named_like_a_secret_is_not_shown() {
        assert_eq!(
            mask_line("    command: redis-server --requirepass hunter2 --port 6379"),
            "    command: redis-server --requirepass •••• --port 6379"
        );
        assert_eq!(
            mask_line(r#"    command: ["redis-server", "--requirepass", "hunter2"]"#),
            r#"    command: ["redis-server", "--requirepass", "••••"]"#
        );
        for shell in [
            "exec redis-server --requirepass \"$CACHE_PASS\" --port 6379",
            "exec redis-server --requirepass ${CACHE_PASS}",
        ] {
            assert_eq!(mask_line(shell), shell);
        }
        assert_eq!(
            mask_line(r#"["redis-server", "--requirepass", "$CACHE_PASS"]"#),
            r#"["redis-server", "--requirepass", "••••"]"#
        );
        assert_eq!(
            mask_line("server --password $ecret --token $A --secret $1ABC"),
            "server --password •••• --token •••• --secret ••••"
        );
        assert_eq!(
            mask_line("app --password --verbose on"),
            "app --password --verbose on"
        );
        let words = [
            "app",
            "--api-key",
            "abc",
            "--password",
            "-v",
            "DB_PASSWORD=x",
            "on",
        ];
        assert_eq!(
            mask_command(words),
            [
                "app",
                "--api-key",
                MASK,
                "--password",
                "-v",
                "DB_PASSWORD=••••",
                "on"
            ]
        );
    }

    #[test]
    fn a_long_line_of_keys_takes_no_longer_for_each_of_them() {
        let line = "a:".repeat(200_000);
        assert_eq!(mask_line(&line), line);
    }

    #[test]
    fn a_secret_is_readable_neither_in_debug_nor_when_it_is_written_out() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), MASK);
        assert_eq!(serde_json::to_value(&secret).ok(), Some(MASK.into()));
    }
}
