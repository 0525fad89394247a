//! The short form of a port: `address:host port:container port/protocol`, each port possibly a range.

use std::net::IpAddr;

use crate::source::Span;
use crate::tree::{Node, Value};

/// A published port as the short form says it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Port {
    host_ip: String,
    published: String,
    target: u16,
    protocol: String,
}

/// Reads the short form; a range becomes a port each. The error says what is wrong.
pub(crate) fn parse(spec: &str) -> Result<Vec<Port>, String> {
    let (host_ip, host_port, container) = split(spec);
    let (container, protocol) = match container.split_once('/') {
        Some(("", _)) => ("", ""),
        Some((port, rest)) => (
            port,
            rest.split('/')
                .next()
                .filter(|protocol| !protocol.is_empty())
                .unwrap_or("tcp"),
        ),
        None => (container, "tcp"),
    };
    let host_ip = address(host_ip)?;
    if container.is_empty() {
        return Err("the container's port is missing".to_owned());
    }
    let (first, last) =
        range(container).ok_or_else(|| format!("`{container}` is not a port of the container"))?;
    if first == 0 {
        return Err("the container's port cannot be 0".to_owned());
    }
    let published = match host_port {
        "" => None,
        text => Some(range(text).ok_or_else(|| format!("`{text}` is not a port of the host"))?),
    };
    if let Some((host_first, host_last)) = published
        && last - first != host_last - host_first
        && first != last
    {
        return Err(format!(
            "the ranges `{container}` and `{host_port}` differ in length"
        ));
    }
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("`{protocol}` is not a protocol (tcp, udp or sctp)"));
    }
    let mut ports: Vec<Port> = (first..=last)
        .map(|target| {
            let published = match published {
                None => String::new(),
                Some((host_first, host_last)) if first == last && host_first != host_last => {
                    format!("{host_first}-{host_last}")
                }
                Some((host_first, _)) => (host_first + (target - first)).to_string(),
            };
            Port {
                host_ip: host_ip.clone(),
                published,
                target,
                protocol: protocol.clone(),
            }
        })
        .collect();
    // Compose orders the ports of a range as texts.
    ports.sort_by_cached_key(|port| format!("{}/{}", port.target, port.protocol));
    Ok(ports)
}

/// Splits into address, host port and container port; an address may contain colons itself.
fn split(spec: &str) -> (&str, &str, &str) {
    let Some((rest, container)) = spec.rsplit_once(':') else {
        return ("", "", spec);
    };
    let Some((address, host_port)) = rest.rsplit_once(':') else {
        return ("", rest, container);
    };
    (address, host_port, container)
}

fn address(text: &str) -> Result<String, String> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .ok_or_else(|| format!("`{text}` is not an address"))?,
        None if text.contains(':') => return Err(format!("write the address as `[{text}]`")),
        None => text,
    };
    if !bare.is_empty() && bare.parse::<IpAddr>().is_err() {
        return Err(format!("`{bare}` is not an address"));
    }
    Ok(bare.to_owned())
}

fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())?
    };
    match text.split_once('-') {
        None => number(text).map(|port| (port, port)),
        Some((first, rest)) => {
            let (first, last) = (number(first)?, number(rest.split('-').next()?)?);
            (first <= last).then_some((first, last))
        }
    }
}

impl Port {
    /// The long form.
    pub(crate) fn into_node(self, span: Span) -> Node {
        let mut node = Node::map(span);
        node.set("mode", Node::text("ingress", span));
        if !self.host_ip.is_empty() {
            node.set("host_ip", Node::text(self.host_ip, span));
        }
        node.set("target", Node::new(Value::Int(self.target.into()), span));
        if !self.published.is_empty() {
            node.set("published", Node::text(self.published, span));
        }
        node.set("protocol", Node::text(self.protocol, span));
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spec: &str) -> Vec<(String, String, u16, String)> {
        let ports = parse(spec).expect("the port is well formed");
        ports
            .into_iter()
            .map(|port| (port.host_ip, port.published, port.target, port.protocol))
            .collect()
    }

    #[test]
    fn every_short_form_is_read() {
        for (spec, host_ip, published, target, protocol) in [
            ("80", "", "", 80, "tcp"),
            ("8080:80", "", "8080", 80, "tcp"),
            ("127.0.0.1:8080:80", "127.0.0.1", "8080", 80, "tcp"),
            ("127.0.0.1::80", "127.0.0.1", "", 80, "tcp"),
            ("[::1]:8080:80/udp", "::1", "8080", 80, "udp"),
            ("8000-8010:80", "", "8000-8010", 80, "tcp"),
            ("53:53/UDP", "", "53", 53, "udp"),
        ] {
            assert_eq!(
                read(spec),
                [(
                    host_ip.to_owned(),
                    published.to_owned(),
                    target,
                    protocol.to_owned()
                )],
                "{spec}"
            );
        }
    }

    #[test]
    fn a_range_becomes_a_port_each_in_the_order_of_their_texts() {
        let targets: Vec<_> = read("9-11:9-11")
            .into_iter()
            .map(|(_, published, target, _)| (published, target))
            .collect();
        assert_eq!(
            targets,
            [
                ("10".to_owned(), 10),
                ("11".to_owned(), 11),
                ("9".to_owned(), 9)
            ]
        );
    }

    #[test]
    fn broken_forms_say_what_is_wrong() {
        for (spec, reason) in [
            ("", "the container's port is missing"),
            ("80:", "the container's port is missing"),
            ("880:0", "the container's port cannot be 0"),
            ("80a", "`80a` is not a port of the container"),
            ("x:80", "`x` is not a port of the host"),
            ("1.2.3:80:80", "`1.2.3` is not an address"),
            (
                "80-82:90-91",
                "the ranges `90-91` and `80-82` differ in length",
            ),
            ("70000:80", "`70000` is not a port of the host"),
            ("::1:8080:80", "write the address as `[::1]`"),
            ("80/icmp", "`icmp` is not a protocol (tcp, udp or sctp)"),
            ("82-80:80", "`82-80` is not a port of the host"),
        ] {
            assert_eq!(parse(spec).expect_err(spec), reason);
        }
    }
}
