//! What a container's `/etc/resolv.conf` and `/etc/hosts` say, read as the C library reads them.

use std::net::{IpAddr, Ipv4Addr};

/// No more servers are asked: the C library's own limit.
const MOST_SERVERS: usize = 3;
/// No more suffixes are tried.
const MOST_SUFFIXES: usize = 16;
/// More dots than this are not asked for: the C library's own limit.
const MOST_DOTS: usize = 15;

/// How a container looks names up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResolverFiles {
    /// In the order in which they are asked.
    pub(super) servers: Vec<IpAddr>,
    /// What is tried behind a name.
    suffixes: Vec<String>,
    /// A name with at least so many dots is first tried as it is.
    dots: usize,
    hosts: Vec<(IpAddr, String)>,
}

impl ResolverFiles {
    pub(super) fn parse(resolv_conf: &str, hosts: &str) -> Self {
        let mut files = Self {
            servers: Vec::new(),
            suffixes: Vec::new(),
            dots: 1,
            hosts: parse_hosts(hosts),
        };
        for line in resolv_conf.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => files.servers.extend(words.next().and_then(parse_address)),
                // The last one of these counts.
                Some("search" | "domain") => {
                    files.suffixes = words.take(MOST_SUFFIXES).map(str::to_owned).collect();
                }
                Some("options") => {
                    for dots in words.filter_map(|word| word.strip_prefix("ndots:")) {
                        files.dots = dots.parse().unwrap_or(files.dots).min(MOST_DOTS);
                    }
                }
                _ => {}
            }
        }
        files.servers.truncate(MOST_SERVERS);
        if files.servers.is_empty() {
            files.servers.push(Ipv4Addr::LOCALHOST.into());
        }
        files
    }

    /// The addresses that `/etc/hosts` has for a name.
    pub(super) fn known(&self, name: &str) -> Vec<IpAddr> {
        let is_it = |(_, known): &&(IpAddr, String)| known.eq_ignore_ascii_case(name);
        let mut found: Vec<IpAddr> = self.hosts.iter().filter(is_it).map(|(at, _)| *at).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The names to ask for, in order. One that ends with a dot is asked for as it is only.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let suffixed = self.suffixes.iter().map(|suffix| {
            let suffix = suffix.trim_start_matches('.');
            // A lone dot stands for the name as it is.
            if suffix.is_empty() {
                name.to_owned()
            } else {
                format!("{name}.{suffix}")
            }
        });
        let mut candidates: Vec<String> = suffixed.collect();
        let as_it_is = if self.is_tried_as_it_is_first(name) {
            0
        } else {
            candidates.len()
        };
        candidates.insert(as_it_is, name.to_owned());
        let mut seen = std::collections::HashSet::new();
        candidates.retain(|candidate| seen.insert(candidate.clone()));
        candidates
    }

    fn is_tried_as_it_is_first(&self, name: &str) -> bool {
        name.matches('.').count() >= self.dots
    }
}

fn parse_hosts(text: &str) -> Vec<(IpAddr, String)> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        if let Some(address) = words.next().and_then(parse_address) {
            found.extend(words.map(|name| (address, name.to_owned())));
        }
    }
    found
}

/// An address; one that names an interface as well (`fe80::1%eth0`) cannot be asked without it and is left out.
fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOSTS: &str = "127.0.0.1 localhost # itself\n::1\tlocalhost ip6-localhost\n\
                         172.18.0.3 db db.corp #old\n# 10.0.0.1 gone\nnonsense db\n";

    #[test]
    fn hosts_are_known_by_all_their_names() {
        let files = ResolverFiles::parse("", HOSTS);
        let known =
            |name| -> Vec<String> { files.known(name).iter().map(IpAddr::to_string).collect() };
        assert_eq!(known("localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(known("DB.corp"), ["172.18.0.3"]);
        assert_eq!(known("gone"), [""; 0]);
        assert_eq!(known("old"), [""; 0]);
    }

    #[test]
    fn without_a_server_this_very_host_is_asked() {
        let servers = |text| ResolverFiles::parse(text, "").servers;
        assert_eq!(servers("search corp\n"), [IpAddr::from([127, 0, 0, 1])]);
        let many = "nameserver 127.0.0.11\n;nameserver 9.9.9.9\nnameserver fe80::1%eth0\n\
                    nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n";
        assert_eq!(
            servers(many),
            [[127, 0, 0, 11], [10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from)
        );
    }

    #[test]
    fn suffixes_come_first_for_names_with_few_dots() {
        let candidates = |conf: &str, name: &str| ResolverFiles::parse(conf, "").candidates(name);
        let conf = "domain old\nsearch a.corp corp\noptions edns0 ndots:2\n";
        assert_eq!(candidates(conf, "db"), ["db.a.corp", "db.corp", "db"]);
        assert_eq!(
            candidates(conf, "db.x.y"),
            ["db.x.y", "db.x.y.a.corp", "db.x.y.corp"]
        );
        assert_eq!(candidates(conf, "db."), ["db."]);
        assert_eq!(
            candidates("options ndots:0\nsearch corp\n", "db"),
            ["db", "db.corp"]
        );
        assert_eq!(candidates("search corp\n", "db"), ["db.corp", "db"]);
        assert_eq!(candidates("search .\n", "db"), ["db"]);
        assert_eq!(candidates("options ndots:many\n", "db"), ["db"]);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(
            text in "\\PC*",
            lines in "((search|domain|options|nameserver|ndots:[0-9]*|[0-9.:%]+|é|#) ?\n?)*",
        ) {
            for (conf, hosts) in [(&text, &lines), (&lines, &text)] {
                let files = ResolverFiles::parse(conf, hosts);
                files.candidates(&text);
                files.known(&text);
            }
        }
    }
}
