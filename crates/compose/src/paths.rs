//! Paths as Compose handles them: as text, without looking at the disk.

use crate::tree::{At, Node, Value};

/// Shortens a path: no `.`, no `..` that can be resolved, no doubled or trailing slash. An empty one stays.
pub fn clean(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Puts a path behind a folder, unless it is absolute itself.
pub(crate) fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') {
        clean(path)
    } else {
        clean(&format!("{folder}/{path}"))
    }
}

/// The folder of a path.
pub(crate) fn parent(path: &str) -> String {
    match path.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((folder, _)) => clean(folder),
        None => ".".to_owned(),
    }
}

/// The last part of a path.
pub(crate) fn base_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or("")
}

/// Tells whether a path is absolute on Windows: such paths go to the engine as they are.
fn is_windows_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    matches!(bytes, [b'\\' | b'/', b'\\' | b'/', ..])
        || matches!(bytes, [_, b':', b'\\' | b'/', ..])
}

/// Makes the paths of a model absolute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver<'a> {
    /// The folder against which relative paths are read.
    pub(crate) folder: &'a str,
    /// What `~` stands for, if it is known.
    pub(crate) home: Option<&'a str>,
}

impl Resolver<'_> {
    fn expand_home(&self, path: &str) -> String {
        match (path.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) => join(home, rest.trim_start_matches('/')),
            _ => path.to_owned(),
        }
    }

    /// The absolute form of a path; an empty one stays empty.
    pub(crate) fn absolute(&self, path: &str) -> String {
        let path = self.expand_home(path);
        if path.is_empty() || path.starts_with('/') {
            path
        } else {
            join(self.folder, &path)
        }
    }

    /// Like [`absolute`](Self::absolute), but an empty path is the folder, and Windows paths stay.
    fn host_path(&self, path: &str) -> String {
        let path = self.expand_home(path);
        if path.starts_with('/') || is_windows_absolute(&path) {
            path
        } else {
            join(self.folder, &path)
        }
    }

    fn build_context(&self, context: &str) -> String {
        const REMOTE: &[&str] = &[
            "https://",
            "http://",
            "git://",
            "ssh://",
            "github.com/",
            "git@",
            "service:",
        ];
        if context.contains("://") || REMOTE.iter().any(|prefix| context.starts_with(prefix)) {
            context.to_owned()
        } else {
            self.absolute(context)
        }
    }

    /// Makes all paths of a canonical tree absolute.
    pub(crate) fn resolve(&self, node: &mut Node, at: &At<'_>) {
        match at.steps().as_slice() {
            ["services", _, "build", "context"]
            | ["services", _, "build", "additional_contexts", _] => {
                edit(node, |text| self.build_context(text));
            }
            ["services", _, "env_file", "[]", "path"]
            | ["services", _, "label_file", "[]"]
            | ["services", _, "develop", "watch", "[]", "path"]
            | ["services", _, "extends", "file"] => {
                edit(node, |text| self.absolute(text));
            }
            ["services", _, "build", "ssh", _] | ["configs" | "secrets", _, "file"] => {
                edit(node, |text| self.host_path(text));
            }
            ["services", _, "volumes", "[]"] => {
                if node.str_at("type") == Some("bind")
                    && let Some(source) = node.get_mut("source")
                {
                    edit(source, |text| self.host_path(text));
                }
            }
            ["volumes", _] => self.bound_volume(node),
            _ => self.resolve_inside(node, at),
        }
    }

    fn resolve_inside(&self, node: &mut Node, at: &At<'_>) {
        match &mut node.value {
            Value::Map(map) => {
                for (key, entry) in map {
                    self.resolve(&mut entry.node, &at.key(key));
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.resolve(item, &at.item(index));
                }
            }
            _ => {}
        }
    }

    /// A local volume with `o: bind` is a bind mount in disguise: its device is a path.
    fn bound_volume(&self, node: &mut Node) {
        if node.str_at("driver") != Some("local") {
            return;
        }
        let Some(options) = node.get_mut("driver_opts") else {
            return;
        };
        if options.str_at("o") == Some("bind")
            && let Some(device) = options.get_mut("device")
        {
            edit(device, |text| self.host_path(text));
        }
    }
}

fn edit(node: &mut Node, change: impl Fn(&str) -> String) {
    if let Value::Str(text) = &mut node.value {
        *text = change(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_absolute_without_looking_at_the_disk() {
        let resolver = Resolver {
            folder: "/srv/shop",
            home: Some("/home/user"),
        };
        for (path, absolute) in [
            ("./a/../b", "/srv/shop/b"),
            ("../x", "/srv/x"),
            ("~/data", "/home/user/data"),
            ("/etc//x", "/etc//x"),
            (".", "/srv/shop"),
        ] {
            assert_eq!(resolver.host_path(path), absolute, "{path}");
        }
        assert_eq!(resolver.host_path(r"C:\data"), r"C:\data");
        assert_eq!(
            resolver.build_context("https://example.com/repo.git"),
            "https://example.com/repo.git"
        );
        assert_eq!(clean("/a/./b//../c/"), "/a/c");
        assert_eq!(clean("a/../.."), "..");
    }
}
