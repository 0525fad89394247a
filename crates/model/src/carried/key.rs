//! What a key says: which piece of a connection its value is, and of which connection.
//!
//! A key is cut into words at `_`, `-`, `.`, `:`, `/` and between a small and a capital letter. The end says which
//! piece, the rest which connection: `MAUTIC_DB_HOST` is the host of `mautic db`.

use super::connection::{Field, Usage};
use super::scheme;
use crate::secret::PASSWORD_WORDS;

/// What was read from a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The words that keys of one connection share.
    pub(super) prefix: Vec<String>,
    /// Which piece the value is.
    pub(super) field: Field,
    /// Whether the value is the path of a file that holds the piece.
    pub(super) is_file: bool,
    /// Whether the piece is only meant if others stand by it: a `NAME` may be any name, a `SERVER` a brand.
    pub(super) is_weak: bool,
}

/// Words that end a key, with whether they are weak.
const ENDS: &[(&[&str], Field, bool)] = &[
    (
        &["host", "hostname", "hosts", "hostaddr"],
        Field::Host,
        false,
    ),
    (
        &[
            "addr",
            "addrs",
            "address",
            "addresses",
            "backend",
            "bootstrap",
            "broker",
            "brokers",
            "endpoint",
            "endpoints",
            "node",
            "nodes",
            "peers",
            "server",
            "servers",
            "target",
            "targets",
            "upstream",
            "upstreams",
        ],
        Field::Host,
        true,
    ),
    (&["port"], Field::Port, false),
    (&["user", "username", "login"], Field::User, false),
    // As people write who do not name things in English: Spanish, Catalan, Portuguese, French, German, Italian, Dutch,
    // Swedish, Danish, Norwegian, Finnish, Polish, Czech, Slovene, Croatian, Hungarian, Romanian, Turkish, Indonesian.
    (
        &[
            "servidor", "serveur", "hote", "rechner", "gastheer", "serwer", "palvelin", "szerver",
            "sunucu",
        ],
        Field::Host,
        true,
    ),
    (
        &["puerto", "porta", "poort", "anschluss", "portti"],
        Field::Port,
        false,
    ),
    (
        &[
            "usuario",
            "utilisateur",
            "benutzer",
            "benutzername",
            "utente",
            "gebruiker",
            "usuari",
            "anvandare",
            "användare",
            "bruger",
            "bruker",
            "kayttaja",
            "käyttäjä",
            "uzytkownik",
            "użytkownik",
            "uzivatel",
            "uživatel",
            "uporabnik",
            "korisnik",
            "felhasznalo",
            "felhasználó",
            "utilizator",
            "kullanici",
            "kullanıcı",
            "pengguna",
        ],
        Field::User,
        false,
    ),
    (PASSWORD_WORDS, Field::Password, false),
    (
        &[
            "datenbank",
            "basedatos",
            "banco",
            "baza",
            "databas",
            "databaze",
            "tietokanta",
            "adatbazis",
            "veritabani",
        ],
        Field::Database,
        true,
    ),
    (
        &[
            "nombre", "nome", "nom", "naam", "namn", "navn", "nimi", "nazwa", "nazev", "ime",
            "nume", "isim", "nama",
        ],
        Field::Database,
        true,
    ),
    (
        &["password", "passwd", "pass", "pwd", "pw"],
        Field::Password,
        false,
    ),
    (&["secret"], Field::Password, true),
    (
        &["db", "database", "dbname", "vhost"],
        Field::Database,
        false,
    ),
    (&["name"], Field::Database, true),
    (
        &["url", "urls", "uri", "uris", "dsn", "dsns", "conninfo"],
        Field::Url,
        false,
    ),
    (
        &[
            "type", "driver", "engine", "dialect", "adapter", "vendor", "kind",
        ],
        Field::Kind,
        true,
    ),
];

/// Words behind the word for a piece that say the value is the path of a file with it.
const FILES: &[&str] = &["file", "archivo", "datei", "fichier"];

/// Ends that are also written without a separator before them: `PGHOST`, `DBUSER`.
const GLUED: &[(&str, Field)] = &[
    ("hostname", Field::Host),
    ("hostaddr", Field::Host),
    ("host", Field::Host),
    ("port", Field::Port),
    ("username", Field::User),
    ("user", Field::User),
    ("password", Field::Password),
    ("passwd", Field::Password),
    ("pass", Field::Password),
    ("database", Field::Database),
    ("name", Field::Database),
    ("url", Field::Url),
    ("uri", Field::Url),
    ("dsn", Field::Url),
];

/// Words that say a value is no address, whatever it looks like.
const NO_ADDRESS: &[&str] = &[
    "image", "tag", "version", "date", "time", "schedule", "cron", "ports", "uid", "gid", "id",
    "ids", "from", "mail", "email", "title", "locale", "regex", "pattern", "format", "label",
    "labels",
];

/// Words that say an address is told to others.
const ANNOUNCES: &[&str] = &[
    "advertised",
    "advertise",
    "announce",
    "allowed",
    "callback",
    "canonical",
    "cors",
    "csrf",
    "domain",
    "domains",
    "external",
    "fqdn",
    "nextauth",
    "origin",
    "origins",
    "public",
    "published",
    "redirect",
    "referer",
    "site",
    "trusted",
    "virtual",
];

/// Words that say an address is listened on.
const LISTENS: &[&str] = &[
    "bind",
    "binding",
    "bindings",
    "listen",
    "listener",
    "listeners",
    "listening",
];

/// Cuts a key into its words, in lower case.
pub(super) fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for character in key.chars() {
        let is_separator = matches!(character, '_' | '-' | '.' | ':' | '/' | ' ');
        if is_separator || was_small && character.is_uppercase() {
            words.push(String::new());
        }
        if let (Some(word), false) = (words.last_mut(), is_separator) {
            word.extend(character.to_lowercase());
        }
        was_small = character.is_lowercase() || character.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Reads which piece of which connection a key names, if any.
pub(super) fn read(key: &str) -> Option<Key> {
    let mut prefix = words(key);
    let is_file = prefix
        .last()
        .is_some_and(|word| FILES.contains(&word.as_str()));
    if is_file {
        prefix.pop();
    }
    let last = prefix.pop()?;
    let listed = ENDS
        .iter()
        .find(|(words, ..)| words.contains(&last.as_str()));
    let in_login = login_piece(&mut prefix, &last);
    let (field, is_weak) = match listed {
        _ if in_login.is_some() => (in_login?, false),
        // RabbitMQ's word for what a database is elsewhere; alone it is a page's name for a proxy.
        _ if last == "host" && prefix.len() > 1 && prefix.ends_with(&["virtual".to_owned()]) => {
            prefix.pop();
            (Field::Database, false)
        }
        Some((_, field, is_weak)) => (*field, *is_weak),
        // The option of redis.conf and of the server's command line.
        None if last == "requirepass" => {
            prefix.push("redis".to_owned());
            (Field::Password, false)
        }
        None if last == "string" && prefix.last().is_some_and(|word| word == "connection") => {
            prefix.pop();
            (Field::Url, false)
        }
        None => {
            let (start, field) = unglued(&last)?;
            prefix.push(start.to_owned());
            (field, false)
        }
    };
    // `REDIS_SERVER_HOST` and `REDIS_HOST_PASSWORD` belong to `redis`, `DB_DATABASE_NAME` to `db`.
    if let Some((filler, outer)) = prefix.split_last() {
        let is_filler = match filler.as_str() {
            "host" | "server" => last != "name",
            "database" => last == "name" && is_database(outer),
            _ => false,
        };
        if is_filler {
            prefix.pop();
        }
    }
    Some(Key {
        prefix,
        field,
        is_file,
        is_weak,
    })
}

/// Reads `broker.login.name`: which piece of the login of `broker` it is. A secret beside `auth` signs something, and logs
/// nobody in.
fn login_piece(prefix: &mut Vec<String>, last: &str) -> Option<Field> {
    let group = prefix.last().filter(|_| prefix.len() > 1)?;
    let is_login = matches!(
        group.as_str(),
        "login" | "credentials" | "credential" | "account"
    );
    let field = match last {
        "name" | "id" if is_login => Field::User,
        "secret" if is_login => Field::Password,
        "user" | "username" if is_login || group == "auth" => Field::User,
        "password" | "passwd" | "pass" | "pwd" if is_login || group == "auth" => Field::Password,
        _ => return None,
    };
    prefix.pop();
    Some(field)
}

/// Cuts `pghost` into `pg` and the host, if what comes before is a word for a kind of server.
fn unglued(word: &str) -> Option<(&str, Field)> {
    GLUED.iter().find_map(|(end, field)| {
        let start = word.strip_suffix(end)?;
        (matches!(start, "db" | "sql" | "mail") || scheme::of_word(start).is_some())
            .then_some((start, *field))
    })
}

/// Tells whether words are those of a database, so that a `NAME` behind them is its name.
pub(super) fn is_database(prefix: &[String]) -> bool {
    prefix.last().is_some_and(|word| {
        matches!(word.as_str(), "db" | "sql" | "database" | "datasource")
            || scheme::of_word(word).is_some()
    })
}

/// Returns the scheme of the kind of server that a key names, if it names one.
pub(super) fn scheme_of(words: &[String]) -> Option<&'static str> {
    words.iter().rev().find_map(|word| scheme::of_word(word))
}

/// Tells whether a value under a key can be an address at all. `NO_PROXY` lists what is *not* asked through one.
pub(super) fn may_be_address(words: &[String]) -> bool {
    let is_no_proxy = words.ends_with(&["no".to_owned(), "proxy".to_owned()]);
    !is_no_proxy
        && !words
            .last()
            .is_some_and(|word| NO_ADDRESS.contains(&word.as_str()))
}

/// Says what an address under a key is for.
pub(super) fn usage(words: &[String]) -> Usage {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if has(ANNOUNCES) {
        Usage::Announces
    } else if has(LISTENS) {
        Usage::Listens
    } else {
        Usage::Dials
    }
}
