//! Pools of servers, as nginx is told of them: `upstream NAME { server HOST:PORT …; }`. The name is nobody's.

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
}
