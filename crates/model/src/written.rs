//! Secrets in what programs wrote, known by their look alone.
//!
//! A log has to stay readable, so words *about* a secret are none: `token expired`, `password: wrong`, `password
//! authentication failed`. In a line of a file all that follows a key is its value, and
//! [`mask_line`](crate::mask_line) hides more. A number that stands for a secret (`#3`) stays: it says nothing.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Match, Regex};

use crate::carried::password_spans;
use crate::secret::{MASK, is_opening_key, is_reference, is_secret_key};

/// Words that name a secret in a file, and too much else in a log.
const COMMON: &[&str] = &[
    "auth",
    "dsn",
    "keys",
    "pat",
    "passwords",
    "private",
    "secrets",
    "tokens",
];

/// Words that sentences are about, and that things are counted by: `invalid token: "x"`, `token=15`.
const NOUNS: &[&str] = &["cookie", "pass", "salt", "secret", "token"];

/// What goes on with a sentence behind the name of an option: `--password is required`.
const SENTENCE: &[&str] = &[
    "a",
    "an",
    "and",
    "are",
    "argument",
    "as",
    "by",
    "can",
    "cannot",
    "does",
    "expects",
    "flag",
    "for",
    "from",
    "given",
    "has",
    "if",
    "in",
    "instead",
    "is",
    "may",
    "must",
    "needs",
    "not",
    "on",
    "option",
    "or",
    "parameter",
    "required",
    "requires",
    "set",
    "should",
    "the",
    "to",
    "value",
    "was",
    "when",
    "will",
    "with",
];

#[expect(
    clippy::unwrap_used,
    reason = "the patterns are constants that the tests of this module compile"
)]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// A password that a program made up and tells. All that follows may belong to it.
static MADE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i:\b(?:generated|temporary|initial|random|default)\b.{0,40}?",
        r"\b(?:password|passphrase|token|secret|key)\b.{0,40}?[:=])",
        r#"\s*["'`]?(?P<value>\S.*)"#,
    ))
});

/// What is a secret whatever stands around it: the proof in a header of HTTP, a JSON web token, a password in SQL.
static MARKED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r#"(?i:\bauthorization\b[\\"']*\s*(?:=>|[:=,])\s*[\[(]?b?[\\"']*"#,
        r#"(?:(?:basic|bearer)\s+(?P<proof>[^\s"'\\]+)"#,
        r#"|(?:apikey|jwt|negotiate|ntlm|token)\s+(?P<long>[^\s"'\\]{16,})))"#,
        r"|(?P<web>\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+)",
        r"|(?i:\bpassword\s+'(?P<sql>[^']+)')",
        r"|(?i:\b(?:user|role|grant)\b.{1,80}?\bidentified\s+by\s+'(?P<by>[^']+)')",
    ))
});

/// A key, what stands between it and its value, and what opens that one.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r#"(?P<key>\w[\w.-]*)(?P<close>\\*["'])?"#,
        r"(?P<sep>[ \t]{0,3}(?:=>|:=|[=:])[ \t]{0,3})",
        r#"(?P<open>[\[(]?(?:[bru]?\\*["'`])?)"#,
    ))
});

/// An option, or a line of a Redis' settings, up to the value that follows.
static OPTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r#"(?:^|[\s"'`\[(>=])(?:--?(?P<key>[A-Za-z][A-Za-z0-9_-]*)|(?P<word>requirepass|masterauth))"#,
        r#"(?:\\*["'])?(?P<gap>\s*,\s*|\s+)(?P<quote>\\*["'])?"#,
    ))
});

/// Where a value without quotes ends: at a blank, at what closes something around it, or before the next pair.
static END: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r#"\s|["'`,;)\]}>](?:$|[\s"'`,;:)\]}>]|\w[\w.-]*["']?\s?[=:])"#,
        r#"|\\[nrt"']|&[\w.%-]+="#,
    ))
});

/// What was masked before, or nothing but numbers of secrets and what closes a sentence.
static HIDDEN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"^(?:•|(?:#[0-9]{1,4}|[\s*.,;:!?'"`(){}\[\]<>\\…])*$)"#));

/// What stands where no value is told: nothing, a placeholder, or the code that fetches one.
static UNTOLD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^(?:(?i:null|nil|none|undefined|unset|empty|true|false|yes|no|on|off|n/a)",
        r"|(?i:redacted|filtered|masked|hidden|removed|protected|x{3,})",
        r"|%[\w()]+|\{\w*\}|\$[0-9]{1,2}|\$?\{\{.*|(?:\$\(|`).*|<[A-Za-z_-]+>?",
        r#"|[A-Za-z_]\w*(?:\.\w+)*(?:\(\)?|[(\[]["'].*)|[A-Za-z_]\w*(?:\.\w+)+[(\[].*)$"#,
    ))
});

/// Masks what is a secret by its look in a line that a program wrote: passwords in connection strings, made-up ones,
/// values of variables, options and fields that are named like a secret, headers and tokens. What the line says besides
/// stays: `(using password: YES)`.
pub fn mask_written(line: &str) -> String {
    let mut spans = password_spans(line);
    spans.extend(made(line));
    let known = MARKED.captures_iter(line);
    spans.extend(known.filter_map(|found| {
        let mut names = ["proof", "long", "web", "sql", "by"].into_iter();
        let value = names.find_map(|name| found.name(name))?;
        Some(value.range())
    }));
    add_options(line, &mut spans);
    add_assigned(line, &mut spans);
    spans.retain(|span| !HIDDEN.is_match(&line[span.clone()]));
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut masked = String::with_capacity(line.len());
    let mut from = 0;
    for span in spans {
        // Two looks may take the same for a secret, or parts of it.
        if span.end <= from {
            continue;
        }
        if span.start >= from {
            masked.push_str(&line[from..span.start]);
            masked.push_str(MASK);
        }
        from = span.end;
    }
    masked + &line[from..]
}

fn made(line: &str) -> Option<Range<usize>> {
    let value = MADE.captures(line)?.name("value")?;
    // What is hidden already says where it ended.
    let first = value.as_str().split_whitespace().next()?;
    (!HIDDEN.is_match(first)).then(|| value.range())
}

fn add_options(line: &str, spans: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(found) = OPTION.captures_at(line, from) {
        let (key, word) = (found.name("key"), found.name("word"));
        let (Some(all), Some(name)) = (found.get(0), key.or(word)) else {
            break;
        };
        // What ends one may begin the next.
        from = name.end();
        if word.is_none() && !names_secret(name.as_str(), false) {
            continue;
        }
        let quote = found.name("quote").map_or("", |quote| quote.as_str());
        let span = value(line, all.end(), quote);
        let text = &line[span.clone()];
        // In a list no shell fills anything in.
        let is_filled_in = is_reference(text) && !found["gap"].contains(',');
        let goes_on = SENTENCE.contains(&text.to_ascii_lowercase().as_str());
        if !text.starts_with('-') && !is_filled_in && !goes_on && !is_untold(text, name.as_str()) {
            from = span.end.max(from);
            spans.push(span);
        }
    }
}

fn add_assigned(line: &str, spans: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(found) = ASSIGNED.captures_at(line, from) {
        let Some(all) = found.get(0) else { break };
        let span = assigned(line, &found);
        from = span.as_ref().map_or(all.end(), |span| span.end);
        spans.extend(span);
    }
}

/// The value of a key that is named like a secret, where one is told.
fn assigned(line: &str, found: &Captures<'_>) -> Option<Range<usize>> {
    let (all, key) = (found.get(0)?, found.name("key")?);
    let is_quoted = found.name("close").is_some();
    let sep = &found["sep"];
    let is_colon = sep.trim() == ":";
    if !names_secret(key.as_str(), is_quoted || !is_colon) {
        return None;
    }
    let quote = found["open"].trim_start_matches(['[', '(', 'b', 'r', 'u']);
    let span = value(line, all.end(), quote);
    let text = &line[span.clone()];
    // `password= host=db`: it is empty, and the next pair follows.
    let is_empty = sep.starts_with('=') && sep.ends_with([' ', '\t']);
    // `==` compares, and `::` is a path.
    if quote.is_empty() && (is_empty || text.starts_with(['=', ':'])) {
        return None;
    }
    let last = last_part(key.as_str()).to_lowercase();
    let counts = text.len() < 6 && text.bytes().all(|it| it.is_ascii_digit());
    if is_untold(text, key.as_str()) || is_reference(text) || counts && is_noun(&last) {
        return None;
    }
    let is_told = !is_colon || is_quoted || is_told(line, key, sep, quote, &span);
    is_told.then_some(span)
}

/// Whether what follows `key:` is its value, and not what a sentence says of it: `password: wrong`,
/// `/run/secrets/token: no such file`, `unexpected token: "}"`.
fn is_told(line: &str, key: Match<'_>, sep: &str, quote: &str, span: &Range<usize>) -> bool {
    let (before, behind) = (&line[..key.start()], &line[span.end..]);
    let text = &line[span.clone()];
    let is_noun = is_noun(&last_part(key.as_str()).to_lowercase());
    if !quote.is_empty() {
        let is_in_sentence = before.trim_end().ends_with(char::is_alphanumeric);
        let is_one_word = !key.as_str().contains(['_', '-', '.']);
        return !(is_noun && is_one_word && is_in_sentence);
    }
    let looks_made = text.chars().count() >= 6
        && text.contains(|it: char| it.is_ascii_digit())
        && text.contains(char::is_alphabetic);
    if sep.ends_with([' ', '\t']) {
        let closing = [',', ';', '}', ']', ')'];
        let is_last = behind.trim_start_matches(['"', '\'', '`', '>']);
        let is_last = is_last.trim().is_empty() || is_last.starts_with(closing);
        return looks_made && is_last && !text.contains([':', '=', '/', '(']);
    }
    // `./db-password:/run/secrets/x:ro`, `app/token:latest`
    let is_place = before.ends_with('/') || text.starts_with(['/', '\\', '.']);
    let is_mode = ["ro", "rw", "z", "latest"].contains(&text);
    !is_place && !is_mode && (looks_made || !is_noun)
}

/// Whether a key in a log is named like a secret. A variable is named by whoever writes the files, and with care.
fn names_secret(key: &str, may_be_variable: bool) -> bool {
    let is_part = |it: u8| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_';
    if may_be_variable && key.len() > 2 && key.bytes().all(is_part) {
        return is_secret_key(key);
    }
    let key = key.to_lowercase();
    let last = last_part(&key);
    if last.ends_with("key") {
        return is_opening_key(&key);
    }
    is_secret_key(last) && !COMMON.contains(&last)
}

/// The part of a key that says what it is: `password` of `spring.datasource.password`, `encryption` of
/// `password_encryption`.
fn last_part(key: &str) -> &str {
    key.rsplit(['_', '-', '.']).next().unwrap_or(key)
}

fn is_noun(word: &str) -> bool {
    NOUNS.contains(&word)
}

/// Where a value ends that begins at `from`: at the quote that opened it, or where a word of a log ends.
fn value(line: &str, from: usize, quote: &str) -> Range<usize> {
    let rest = &line[from..];
    let length = if quote.is_empty() {
        END.find(rest).map(|end| end.start())
    } else {
        let mut closing = rest.match_indices(quote).map(|(at, _)| at);
        closing.find(|at| !rest[..*at].ends_with('\\'))
    };
    from..from + length.unwrap_or(rest.len())
}

/// Whether nothing is told of the value of a key: `(null)`, `[REDACTED]`, `password=password` in the code of a trace.
fn is_untold(text: &str, key: &str) -> bool {
    let bare = text.trim_matches(['[', ']', '(', ')', '<', '>', '*', '"', '\'']);
    let name = text.rsplit('.').next().unwrap_or(text);
    let names_itself = [name, bare]
        .into_iter()
        .any(|it| it.eq_ignore_ascii_case(key) || it.eq_ignore_ascii_case(last_part(key)));
    names_itself || UNTOLD.is_match(text) || UNTOLD.is_match(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_wrote_keeps_all_but_what_looks_like_a_secret() {
        for (line, shown) in [
            (
                "[Note] [Entrypoint]: GENERATED ROOT PASSWORD: bM&+Zhk%jo&22z39 d",
                "[Note] [Entrypoint]: GENERATED ROOT PASSWORD: ••••",
            ),
            (
                "GENERATED ROOT PASSWORD: #Nx:7Zk%jo",
                "GENERATED ROOT PASSWORD: ••••",
            ),
            (
                "A temporary password is generated for root@localhost: x;y(z",
                "A temporary password is generated for root@localhost: ••••",
            ),
            (
                "started with DB_PASSWORD=hunter2 HOST=db",
                "started with DB_PASSWORD=•••• HOST=db",
            ),
            (
                "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl back",
                "got •••• back",
            ),
            (
                "cannot reach redis://:hunter2@cache:6379/0",
                "cannot reach redis://:••••@cache:6379/0",
            ),
            (
                "STATEMENT:  ALTER USER app WITH PASSWORD 'hunter2'",
                "STATEMENT:  ALTER USER app WITH PASSWORD '••••'",
            ),
            (
                "near 'CREATE USER app@'%' IDENTIFIED BY 'hunter2'' at line 1",
                "near 'CREATE USER app@'%' IDENTIFIED BY '••••'' at line 1",
            ),
        ] {
            assert_eq!(mask_written(line), shown);
        }
    }

    /// Lines, and how they are shown.
    const OF_KEYS: &[(&str, &str)] = &[
        (
            "connecting with user=app password=hunter2 host=db",
            "connecting with user=app password=•••• host=db",
        ),
        (
            r#"{"user":"app","password":"x","port":5432}"#,
            r#"{"user":"app","password":"••••","port":5432}"#,
        ),
        (
            r#"{"msg":"config {\"password\": \"hun ter2\"} read"}"#,
            r#"{"msg":"config {\"password\": \"••••\"} read"}"#,
        ),
        (
            "{'host': 'db', 'password': 'a\"b', 'tls': True}",
            "{'host': 'db', 'password': '••••', 'tls': True}",
        ),
        (
            "{ user: 'app', password: 'hunter2' }",
            "{ user: 'app', password: '••••' }",
        ),
        (
            "{Host:db Password:hunter2 Port:5432}",
            "{Host:db Password:•••• Port:5432}",
        ),
        (
            "map[password:[hunter2] user:[app]]",
            "map[password:[••••] user:[app]]",
        ),
        (
            r#"{:host=>"db", :password=>"hunter2"}"#,
            r#"{:host=>"db", :password=>"••••"}"#,
        ),
        (
            "spring.datasource.password = hunter2",
            "spring.datasource.password = ••••",
        ),
        (
            "-Djavax.net.ssl.trustStorePassword=changeit -Xmx1g",
            "-Djavax.net.ssl.trustStorePassword=•••• -Xmx1g",
        ),
        (
            "GET /login?token=a1b2c3&next=/home 200",
            "GET /login?token=••••&next=/home 200",
        ),
        (
            "AccountKey=ab/cd==;EndpointSuffix=x.net",
            "AccountKey=••••;EndpointSuffix=x.net",
        ),
        ("x-api-key: 9f8e7d6c", "x-api-key: ••••"),
        ("password: hunter2", "password: ••••"),
        ("DB_PASSWORD='hunter2'", "DB_PASSWORD='••••'"),
        (
            r#"{"API_KEY": "abc", "SECRET_KEY_BASE": "def"}"#,
            r#"{"API_KEY": "••••", "SECRET_KEY_BASE": "••••"}"#,
        ),
        (
            "contraseña=abierto clave=abierto",
            "contraseña=•••• clave=••••",
        ),
        ("password=#hunter2", "password=••••"),
        ("password=#1abc", "password=••••"),
        ("password=1234", "password=••••"),
    ];

    #[test]
    fn the_value_of_a_key_that_is_named_like_a_secret_is_hidden_however_it_is_written() {
        for (line, shown) in OF_KEYS {
            assert_eq!(mask_written(line), *shown);
        }
    }

    #[test]
    fn the_value_behind_an_option_is_hidden_and_a_sentence_about_the_option_is_not() {
        for (line, shown) in [
            (
                "+ redis-server --port 6379 --requirepass x --save ''",
                "+ redis-server --port 6379 --requirepass •••• --save ''",
            ),
            (
                "['redis-server', '--requirepass', 'hunter2']",
                "['redis-server', '--requirepass', '••••']",
            ),
            (
                "running app --verbose --password \"two words\" --token=abc",
                "running app --verbose --password \"••••\" --token=••••",
            ),
            (">>> 'requirepass hunter2'", ">>> 'requirepass ••••'"),
        ] {
            assert_eq!(mask_written(line), shown);
        }
        for line in [
            "--password is required, or --token must be given",
            "the refresh-token expired",
            "usage: app [--password PASSWORD] [--token <token>]",
            "exec redis-server --requirepass \"$BUS_CLAVE\"",
            "exec redis-server --requirepass \"$(cat /run/secrets/bus)\" --save x",
            "exec redis-server --requirepass \"•••• /run/secrets/bus)\" --save x",
            "app --password --verbose on",
            "app --key server.pem --token-file /run/secrets/token",
        ] {
            assert_eq!(mask_written(line), line);
        }
    }

    #[test]
    fn the_proof_in_a_header_is_hidden_whoever_prints_it() {
        for (line, shown) in [
            (
                "> Authorization: Bearer abc.def",
                "> Authorization: Bearer ••••",
            ),
            (
                "> authorization: Basic YXBwOmh1bnRlcjI=",
                "> authorization: Basic ••••",
            ),
            ("> Authorization: Basic #1 x", "> Authorization: Basic #1 x"),
            (
                "> Authorization: Basic YXBwO#1==",
                "> Authorization: Basic ••••",
            ),
            (
                "{'Authorization': b'Basic YXBwOng='}",
                "{'Authorization': b'Basic ••••'}",
            ),
            (
                "Proxy-Authorization: Basic YXBwOng=",
                "Proxy-Authorization: Basic ••••",
            ),
            (
                "map[Authorization:[Basic YXBwOng= x] Accept:[*/*]]",
                "map[Authorization:[Basic •••• x] Accept:[*/*]]",
            ),
            (
                "Authorization: Token 9944b09199c62bcf9418ad846dd0e4bb",
                "Authorization: Token ••••",
            ),
        ] {
            assert_eq!(mask_written(line), shown);
        }
        for line in [
            "WWW-Authenticate: Basic realm=\"app\"",
            "Authorization: token expired",
            "Must provide an API key or an Authorization bearer token",
        ] {
            assert_eq!(mask_written(line), line);
        }
    }

    #[test]
    fn words_about_a_secret_stay() {
        for line in [
            "Access denied for user 'app'@'10.0.0.2' (using password: YES)",
            "FATAL:  password authentication failed for user \"app\"",
            "client password must be a string",
            "DB_PASSWORD=#1 and DB_PASSWORD=••••, password=#3.",
            "{\"password\":\"#3\",\"dsn\":\"postgres://app:#3@db/app\"}",
            "KeyError: 'API_KEY'",
            "PATH=/usr/bin",
            "key=value key: value \"key\":\"worker-pool-size\"",
            "token expired",
            "password: wrong",
            "wrong password: try again",
            "password=",
            "password= host=db",
            "password=(null) token=[REDACTED] secret=<none> pwd=***",
            "\"password\":null,\"token\":\"\"",
            "password_encryption=md5 password_length=8 token_type=bearer",
            "max_tokens=4096 tokens: 12 token=15 pass=12 fail=3",
            "bash: line 1: API_KEY_SALT: unbound variable",
            "/run/secrets/db-password: cannot be read",
            "cat: /tmp/rt/secret: Permission denied",
            "Error when reading /var/lib/rabbitmq/.erlang.cookie: eacces",
            "invalid dsn: invalid percent-encoded token: \"a%zz\"",
            "SyntaxError: Unexpected token: '}'",
            "queue user-token:refresh routing_key=orders",
            "FAILED: Can't locate revision identified by '9ae1b6f3c2'",
            "volume ./db-password:/run/secrets/db-password:ro",
            "    client = connect(password=password, token=self.token)",
            "    api_key = os.environ[\"API_KEY\"]",
            "SELECT 1 FROM users WHERE password = $1",
            "{Host:db Password: Port:5432}",
            "if token == expected:",
            "color:#fff http://web:80/#3",
        ] {
            assert_eq!(mask_written(line), line);
        }
    }

    #[test]
    fn a_long_line_of_secrets_takes_no_longer_for_each_of_them() {
        let line = "password=x ".repeat(20_000);
        assert_eq!(mask_written(&line), "password=•••• ".repeat(20_000));
        let line = "a:".repeat(100_000);
        assert_eq!(mask_written(&line), line);
    }
}
