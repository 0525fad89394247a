//! Recognising a server by what is known of a container without looking into it.

use std::collections::BTreeSet;

use crate::recipe::Recipe;

/// What is known of a container.
#[derive(Clone, Debug, Default)]
pub struct Server<'a> {
    /// The reference of its image, with or without registry, tag and digest. An id says nothing.
    pub image: &'a str,
    /// The words that are run: the entrypoint and its arguments. Empty where it is not known.
    pub command: Vec<&'a str>,
    /// The names of its variables.
    pub environment_keys: BTreeSet<&'a str>,
    /// The ports that it or its image says it opens.
    pub exposed_ports: BTreeSet<u16>,
}

/// How much a sign counts. No two weak signs together are as strong as a strong one.
mod weight {
    pub(super) const PROGRAM: u32 = 16;
    pub(super) const IMAGE: u32 = 8;
    pub(super) const IMAGE_NAME: u32 = 4;
    pub(super) const VARIABLE: u32 = 2;
    pub(super) const PORT: u32 = 1;
    /// A variable and a port together are enough; a port alone can be anybody's.
    pub(super) const ENOUGH: u32 = 3;
}

/// Programs and words that only start another program, with the number of arguments that they take first.
const STARTERS: &[(&str, usize)] = &[
    ("docker-entrypoint.sh", 0),
    ("entrypoint.sh", 0),
    ("tini", 0),
    ("dumb-init", 0),
    ("catatonit", 0),
    ("init", 0),
    ("docker-init", 0),
    ("gosu", 1),
    ("su-exec", 1),
    ("chpst", 0),
    ("setpriv", 0),
    ("timeout", 1),
    ("env", 0),
    ("exec", 0),
    ("nice", 0),
    ("nohup", 0),
    ("until", 0),
    ("while", 0),
    ("if", 0),
    ("do", 0),
    ("then", 0),
    ("else", 0),
    ("{", 0),
    ("!", 0),
];

/// Programs that run a text.
const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh"];

/// Programs that keep a container up or look at something, and serve nothing.
const IDLE: &[&str] = &[
    "sleep", "tail", "cat", "true", "false", "echo", "ls", "id", "chown", "chmod", "cp", "date",
    "printenv", "crond", "cron",
];

/// What is appended to the name of an image of the same server: `postgres-alpine`, `redis-server`.
const ENDINGS: &[&str] = &[
    "server",
    "alpine",
    "debian",
    "slim",
    "db",
    "ha",
    "single",
    "standalone",
    "broker",
];

/// How well a recipe fits a container; 0 is not at all.
pub(crate) fn score(recipe: &Recipe, server: &Server<'_>) -> u32 {
    let matching = &recipe.matching;
    let is_server = |name: &&str| contains(&matching.programs, name);
    let is_other = |name: &&str| contains(&matching.clients, name) || IDLE.contains(name);
    let programs = programs(&server.command);
    let runs_it = programs.names.iter().any(is_server);
    if !runs_it && (programs.is_text || programs.names.iter().any(is_other)) {
        return 0;
    }
    let image = repository(server.image);
    let has_key = |key: &String| server.environment_keys.contains(key.as_str());
    let has_port = |number: u16| server.exposed_ports.contains(&number);
    let mut score = if runs_it { weight::PROGRAM } else { 0 };
    if contains(&matching.images, image) {
        score += weight::IMAGE;
    } else if matching
        .images
        .iter()
        .any(|known| is_named_like(image, known))
    {
        score += weight::IMAGE_NAME;
    }
    if matching.environment.iter().any(has_key) {
        score += weight::VARIABLE;
    }
    if recipe.ports.iter().any(|port| has_port(port.number)) {
        score += weight::PORT;
    }
    if score >= weight::ENOUGH { score } else { 0 }
}

/// The programs that a command runs.
struct Programs<'a> {
    /// Their file names.
    names: Vec<&'a str>,
    /// Whether a shell runs a text, so that what it runs is known.
    is_text: bool,
}

fn programs<'a>(command: &[&'a str]) -> Programs<'a> {
    let main = main_program(command);
    if !main.is_some_and(|name| SHELLS.contains(&name)) {
        // `wait-for-it.sh db:5432 -- redis-server`
        let behind = command.iter().rposition(|word| *word == "--");
        let behind = behind.and_then(|dashes| main_program(&command[dashes + 1..]));
        let names = main.into_iter().chain(behind).collect();
        return Programs {
            names,
            is_text: false,
        };
    }
    let mut rest = command
        .iter()
        .skip_while(|word| main != Some(base(word)))
        .skip(1);
    let first = rest.next().copied().unwrap_or_default();
    let runs_text = first.starts_with('-') && first.contains('c');
    let text = if runs_text {
        rest.next().copied()
    } else {
        None
    };
    let Some(text) = text else {
        let names = if first.starts_with('-') || first.is_empty() {
            Vec::new()
        } else {
            vec![base(first)]
        };
        return Programs {
            is_text: names.is_empty(),
            names,
        };
    };
    let commands = text.split([';', '&', '|', '\n', '(', ')', '`']);
    let names = commands.filter_map(|it| main_program(&it.split_whitespace().collect::<Vec<_>>()));
    Programs {
        names: names.collect(),
        is_text: true,
    }
}

/// The file name of the first program that is no starter; options and `A=b` before it are passed over.
fn main_program<'a>(words: &[&'a str]) -> Option<&'a str> {
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let name = base(word);
        if let Some((_, arguments)) = STARTERS.iter().find(|(starter, _)| *starter == name) {
            for _ in 0..*arguments {
                words.next();
            }
        } else if !word.starts_with('-') && !word.contains('=') {
            return Some(name);
        }
    }
    None
}

/// A path without its folders, and without the quotes that a text may have around it.
fn base(word: &str) -> &str {
    let word = word.trim_matches(['"', '\'']);
    word.rsplit('/').next().unwrap_or(word)
}

fn contains(list: &[String], name: &str) -> bool {
    list.iter().any(|it| it == name)
}

/// The repository of a reference, without the registry: `bitnami/postgresql` of
/// `registry.example:5000/bitnami/postgresql:16@sha256:…`.
#[must_use]
pub fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let image = match image.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => image,
    };
    let image = image.strip_prefix("library/").unwrap_or(image);
    image.split(':').next().unwrap_or(image)
}

/// Whether the last part of a repository is the name of a known one, perhaps with a version or an ending that changes
/// nothing. `postgres-exporter` and `kafka-ui` are other programs.
fn is_named_like(image: &str, known: &str) -> bool {
    let Some(rest) = base(image).strip_prefix(base(known)) else {
        return false;
    };
    let mut parts = rest.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.all(|part| {
        let version = part.trim_start_matches('v');
        ENDINGS.contains(&part) || version.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_down_to_its_repository() {
        for (image, wanted) in [
            ("postgres", "postgres"),
            ("postgres:16-alpine", "postgres"),
            ("docker.example/library/redis:7", "redis"),
            ("localhost:5000/team/redis@sha256:00", "team/redis"),
            (
                "registry.example:5000/bitnami/postgresql:16@sha256:00",
                "bitnami/postgresql",
            ),
            ("", ""),
        ] {
            assert_eq!(repository(image), wanted, "{image}");
        }
    }

    #[test]
    fn a_version_or_a_flavour_makes_no_other_server_and_another_word_does() {
        for image in [
            "postgres",
            "bowline-test/postgres",
            "acme/postgres15",
            "acme/postgres-16.2",
            "postgres-alpine",
        ] {
            assert!(is_named_like(image, "postgres"), "{image}");
        }
        for image in [
            "postgres-exporter",
            "postgresql",
            "postgres-backup-local",
            "my-postgres",
            "post",
        ] {
            assert!(!is_named_like(image, "postgres"), "{image}");
        }
    }

    #[test]
    fn the_program_is_found_behind_what_starts_it() {
        for (command, wanted) in [
            (
                &["docker-entrypoint.sh", "postgres", "-c", "x=y"][..],
                &["postgres"][..],
            ),
            (
                &["/sbin/tini", "--", "/usr/bin/redis-server"],
                &["redis-server", "redis-server"],
            ),
            (&["gosu", "app", "mysqld"], &["mysqld"]),
            (
                &["wait-for-it.sh", "db:5432", "--", "nginx"],
                &["wait-for-it.sh", "nginx"],
            ),
            (
                &[
                    "sh",
                    "-c",
                    "until nc -z postgres 5432; do sleep 1; done; exec app",
                ],
                &["nc", "sleep", "done", "app"],
            ),
            (
                &["bash", "-ec", "A=b exec '/opt/postgres' -D /x"],
                &["postgres"],
            ),
            (&["bash", "/run.sh"], &["run.sh"]),
            (&["sh"], &[]),
            (&[], &[]),
        ] {
            assert_eq!(programs(command).names, wanted, "{command:?}");
        }
    }
}
