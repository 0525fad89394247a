//! Finds the words that belong to this machine and must not stand in the tree.
//!
//! They are read from the machine's own configuration at run time, so that none of them is written here:
//! the checkout's path, and the hosts of package mirrors that are not public ones.

use std::path::Path;

/// Ends of host names that everybody knows; to name them gives nothing away.
const PUBLIC: &[&str] = &[
    "debian.org",
    "ubuntu.com",
    "crates.io",
    "rust-lang.org",
    "github.com",
    "docker.com",
    "docker.io",
    "google.com",
    "nodesource.com",
    "microsoft.com",
    "postgresql.org",
    "localhost",
];

/// Returns every word that must not stand in a file of the project.
pub(crate) fn foreign_words(root: &Path) -> Vec<String> {
    let mut words = vec![format!("{}/", root.display())];
    // Folders beside the checkout, such as a shared one; too short a parent would hit ordinary paths.
    if let Some(parent) = root
        .parent()
        .filter(|parent| parent.components().count() > 1)
    {
        words.extend(beside(parent));
    }
    words.extend(configured_hosts());
    words
}

fn beside(parent: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let folders = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders
        .map(|entry| format!("{}/", entry.path().display()))
        .collect()
}

fn configured_hosts() -> Vec<String> {
    let mut files = vec!["/etc/apt/sources.list".into(), "/etc/pip.conf".into()];
    let home = std::env::var_os("HOME")
        .map(std::path::PathBuf::from)
        .unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), Into::into);
    files.extend([
        cargo.join("config.toml"),
        cargo.join("config"),
        home.join(".npmrc"),
        home.join(".pip/pip.conf"),
    ]);
    if let Ok(entries) = std::fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    let mut hosts: Vec<String> = files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .flat_map(|text| hosts_in(&text))
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Returns the hosts of all URLs in `text`, public ones aside.
fn hosts_in(text: &str) -> Vec<String> {
    let after_scheme = text.split("://").skip(1);
    after_scheme
        .map(|rest| {
            let authority = rest
                .split(|c: char| c == '/' || c.is_whitespace() || "\"'<>)".contains(c))
                .next()
                .unwrap_or("");
            let host = authority.rsplit('@').next().unwrap_or("");
            host.split(':').next().unwrap_or("").to_owned()
        })
        .filter(|host| host.contains('.') && !PUBLIC.iter().any(|public| is_under(host, public)))
        .collect()
}

fn is_under(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_private_mirrors_are_found_and_public_ones_left_out() {
        let public = PUBLIC[0];
        let url = |rest: &str| ["http", rest].join("://");
        let sources = [
            format!(
                "deb [arch=amd64] {} bookworm main",
                url("user:pw@mirror.example.net:8080/debian")
            ),
            format!("URIs: {}", url(&format!("deb.{public}/"))),
            format!("index = \"sparse+{}\"", url("crates.example.net/")),
        ]
        .join("\n");
        assert_eq!(
            hosts_in(&sources),
            ["mirror.example.net", "crates.example.net"]
        );
    }

    #[test]
    fn a_host_that_only_looks_public_is_not() {
        let host = format!("not{}", PUBLIC[0]);
        assert_eq!(hosts_in(&format!("https://{host}/x")), [host]);
    }

    #[test]
    fn the_checkout_itself_is_foreign() {
        assert!(
            foreign_words(Path::new("/somebody/checkout"))
                .contains(&"/somebody/checkout/".to_owned())
        );
    }
}
