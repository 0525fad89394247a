//! Whom nginx is told to dial: pools of servers (`upstream NAME { server HOST:PORT …; }`), whose name is nobody's, and
//! variables (`set $NAME HOST;`).

use std::borrow::Cow;

use bowline_model::carried::{Carrier, Form, Port};

use crate::facts::{Told, ToldHost};

/// A pool of a file, by the name under which that file dials it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pool {
    path: String,
    name: String,
    servers: Vec<ToldHost>,
}

/// The pools that files define.
pub(super) fn pools(files: &[(String, String)]) -> Vec<Pool> {
    let mut pools = Vec::new();
    for (path, text) in files {
        let words = words(text);
        let word = |index: usize| words.get(index).map(|(_, word)| word.as_str());
        for at in 0..words.len() {
            if word(at) != Some("upstream") || word(at + 2) != Some("{") {
                continue;
            }
            let inside = words[at + 3..].iter().take_while(|(_, word)| word != "}");
            let inside: Vec<_> = inside.collect();
            let servers = inside
                .windows(2)
                .filter(|pair| pair[0].1 == "server")
                .filter_map(|pair| server(path, pair[1].0, &pair[1].1));
            pools.push(Pool {
                path: path.clone(),
                name: words[at + 1].1.clone(),
                servers: servers.collect(),
            });
        }
    }
    pools
}

/// A text in which every `set $NAME VALUE;` gives way to the directives that pass calls on to `$NAME`, filled in: the value is
/// what people change, so its line is theirs. Line numbers stay.
pub(super) fn filled_in(text: &str) -> Cow<'_, str> {
    let mut lines: Vec<Cow<'_, str>> = text.lines().map(Cow::Borrowed).collect();
    let mut is_changed = false;
    for (index, line) in text.lines().enumerate() {
        let Some((name, value)) = variable(line) else {
            continue;
        };
        let uses: Vec<usize> = (0..lines.len())
            .filter(|&other| other != index && passes_on(&lines[other], name))
            .collect();
        if uses.is_empty() {
            continue;
        }
        let filled = uses.iter().map(|&other| {
            let line = lines[other].trim();
            line.replace(&format!("${{{name}}}"), value)
                .replace(&format!("${name}"), value)
        });
        lines[index] = Cow::Owned(filled.collect::<Vec<_>>().join(" "));
        for other in uses {
            lines[other] = Cow::Borrowed("");
        }
        is_changed = true;
    }
    if is_changed {
        Cow::Owned(lines.join("\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The name and the value of `set $NAME VALUE;`, where the value is none of other variables.
fn variable(line: &str) -> Option<(&str, &str)> {
    let rest = line
        .trim()
        .strip_prefix("set")?
        .trim_start()
        .strip_prefix('$')?;
    let (name, value) = rest.split_once(char::is_whitespace)?;
    let value = value.split(';').next()?.trim().trim_matches(['"', '\'']);
    (!name.is_empty() && !value.is_empty() && !value.contains('$')).then_some((name, value))
}

/// Whether a line passes calls on to whom a variable names.
fn passes_on(line: &str, name: &str) -> bool {
    let mut words = line.split_whitespace();
    let directive = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let is_end = |rest: &str| !rest.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_');
    let named = target
        .split_once(&format!("${name}"))
        .is_some_and(|(_, rest)| is_end(rest))
        || target.contains(&format!("${{{name}}}"));
    directive.ends_with("_pass") && named
}

/// The words of a text, each with its line; brackets and semicolons are words, and comments none.
fn words(text: &str) -> Vec<(u32, String)> {
    let mut words = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.split('#').next().unwrap_or_default();
        let line = line
            .replace('{', " { ")
            .replace('}', " } ")
            .replace(';', " ; ");
        words.extend(
            line.split_whitespace()
                .map(|word| (number, word.to_owned())),
        );
    }
    words
}

/// A server of a pool; nothing for a socket.
fn server(path: &str, line: u32, word: &str) -> Option<ToldHost> {
    let (name, port) = match word.rsplit_once(':') {
        Some((name, port)) => (name, Port::Written(port.parse().ok()?)),
        None => (word, Port::Default(80)),
    };
    let carrier = Carrier::File {
        path: path.to_owned(),
        line,
    };
    Some(ToldHost {
        name: name.to_owned(),
        port,
        port_carrier: matches!(port, Port::Written(_)).then(|| carrier.clone()),
        carrier,
    })
}

/// Puts the servers of pools in the place of their names, once for each pool.
pub(super) fn resolved(told: Vec<Told>, pools: &[Pool]) -> Vec<Told> {
    let mut done: Vec<&Pool> = Vec::new();
    let mut resolved = Vec::new();
    for one in told {
        let is_named = |pool: &&Pool| {
            let mut hosts = one.hosts.iter();
            hosts.any(|host| {
                let is_there =
                    matches!(&host.carrier, Carrier::File { path, .. } if *path == pool.path);
                is_there && host.name == pool.name
            })
        };
        let Some(pool) = pools.iter().find(is_named) else {
            resolved.push(one);
            continue;
        };
        if done.contains(&pool) {
            continue;
        }
        done.push(pool);
        let servers = pool.servers.iter().cloned();
        resolved.extend(servers.map(|server| Told {
            form: Form::HostPorts,
            hosts: vec![server],
            ..one.clone()
        }));
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_its_servers() {
        let text = "# upstream old { server gone:1; }\nupstream pool {\n  server left:8080 max_fails=0;\n  \
            server right;\n  server unix:/run/app.sock;\n}\nserver { listen 80; location / { proxy_pass http://pool; } }\n";
        let found = pools(&[("/etc/nginx/conf.d/default.conf".to_owned(), text.to_owned())]);
        let [pool] = &*found else {
            panic!("{found:?}");
        };
        assert_eq!(pool.name, "pool");
        let servers: Vec<_> = pool
            .servers
            .iter()
            .map(|server| (server.name.as_str(), server.port))
            .collect();
        assert_eq!(
            servers,
            [("left", Port::Written(8080)), ("right", Port::Default(80))]
        );
    }

    #[test]
    fn a_variable_gives_way_to_what_it_is_dialled_with() {
        let text =
            "server {\n  set $desk till;\n  location / {\n    fastcgi_pass $desk:9000;\n  }\n}";
        let filled = filled_in(text);
        assert_eq!(filled.lines().nth(1), Some("fastcgi_pass till:9000;"));
        assert_eq!(filled.lines().nth(3), Some(""));
        // Another one whose name begins alike stays, and so does one that nobody dials.
        for text in [
            "set $desk till;\nproxy_pass http://$desktop;",
            "set $id 7;\nadd_header X $id;",
        ] {
            assert_eq!(filled_in(text), text);
        }
    }
}
