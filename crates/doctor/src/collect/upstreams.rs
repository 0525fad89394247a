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

/// A text in which variables are filled in where calls are passed on to them: `proxy_pass http://$api:8080;` behind
/// `set $api till;`. What people change is the name, so the directive moves to its line. Line numbers stay.
pub(super) fn filled_in(text: &str) -> Cow<'_, str> {
    let written: Vec<&str> = text.lines().collect();
    let mut lines: Vec<Cow<'_, str>> = written.iter().copied().map(Cow::Borrowed).collect();
    let mut is_changed = false;
    for (index, line) in written.iter().enumerate() {
        let Some((filled, home)) = passed_on(&written, index, line) else {
            continue;
        };
        // The same name may be dialled in several ways; each has a line of its own.
        let home = match &lines[home] {
            Cow::Owned(other) if *other != filled => index,
            _ => home,
        };
        lines[index] = Cow::Borrowed("");
        lines[home] = Cow::Owned(filled);
        is_changed = true;
    }
    if is_changed {
        Cow::Owned(lines.join("\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A directive that passes calls on to variables, with their values in it, and the line that names the host.
fn passed_on(written: &[&str], index: usize, line: &str) -> Option<(String, usize)> {
    let line = line.trim();
    let (directive, target) = line.split_once(char::is_whitespace)?;
    if !directive.ends_with("_pass") || directive.starts_with('#') {
        return None;
    }
    let mut filled = format!("{directive} ");
    let mut home = index;
    let mut rest = target;
    while let Some((before, behind)) = rest.split_once('$') {
        let behind = behind.strip_prefix('{').unwrap_or(behind);
        let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let end = behind.find(|it| !is_part(it)).unwrap_or(behind.len());
        let (name, after) = behind.split_at(end);
        let mut above = (0..index).rev();
        let (at, value) = above.find_map(|at| {
            let (known, value) = variable(written[at])?;
            (known == name).then_some((at, value))
        })?;
        filled.push_str(before);
        filled.push_str(value);
        let is_scheme = value == "http" || value == "https";
        if !is_scheme && value.contains(|it: char| it.is_ascii_alphabetic()) {
            home = at;
        }
        rest = after.strip_prefix('}').unwrap_or(after);
    }
    filled.push_str(rest);
    (home != index).then_some((filled, home))
}

/// The name and the value of `set $NAME VALUE;`, where the value is none of other variables.
fn variable(line: &str) -> Option<(&str, &str)> {
    let rest = line.trim().strip_prefix("set")?.trim_start();
    let (name, value) = rest.strip_prefix('$')?.split_once(char::is_whitespace)?;
    let value = value.split(';').next()?.trim().trim_matches(['"', '\'']);
    (!name.is_empty() && !value.is_empty() && !value.contains('$')).then_some((name, value))
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
        let text = "set $desk till;\nfastcgi_pass $desk:9000;";
        assert_eq!(filled_in(text), "fastcgi_pass till:9000;\n");
        // One that is called alike in another place is another one, and one host may be dialled in two ways.
        let text = "set $up api;\nproxy_pass http://$up:8080;\nset $up web;\nproxy_pass http://${up}:3000;\n\
                    proxy_pass http://$up:3001;";
        let filled = "proxy_pass http://api:8080;\n\nproxy_pass http://web:3000;\n\nproxy_pass http://web:3001;";
        assert_eq!(filled_in(text), filled);
        // The line is that of the host, whatever else is a variable.
        let text = "set $app till;\nset $port 80;\nset $how http;\nproxy_pass $how://$app:$port;";
        assert_eq!(
            filled_in(text).lines().next(),
            Some("proxy_pass http://till:80;")
        );
        for text in [
            "set $desk till;\nproxy_pass http://$desktop;",
            "set $desk till;\n#proxy_pass http://$desk;",
            "set $id 7;\nadd_header X $id;",
            "proxy_pass http://$host:8080;",
        ] {
            assert_eq!(filled_in(text), text);
        }
    }
}
