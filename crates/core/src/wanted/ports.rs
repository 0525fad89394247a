//! Ports: exposed and published.
//!
//! A port's `name` and `app_protocol` speak to people and to other platforms. Its `mode` tells Swarm whether to
//! publish on every node; an engine by itself always publishes on the host.

use bowline_model::{ContainerSpec, HostPort, Port, PortKey, PortSpec, Protocol};

use super::report::{Report, Subject, said};

/// Everything of a spec that is about ports.
pub(super) fn fill(spec: &mut ContainerSpec, subject: &Subject<'_>, report: &mut Report<'_>) {
    for (index, text) in subject.service.expose.iter().enumerate() {
        match PortKey::parse(text) {
            Some(port) => {
                spec.exposed.insert(port);
            }
            None => report.invalid(
                subject.path(&format!("expose[{index}]")),
                text.as_str(),
                "a port, `8080`, `8080/udp` or `8000-8010`",
            ),
        }
    }
    for (index, port) in subject.service.ports.iter().enumerate() {
        let at = format!("ports[{index}]");
        if let Some(port) = publication(port, &at, subject, report) {
            spec.exposed.insert(port.container.clone());
            spec.published.push(port);
        }
    }
}

fn publication(
    port: &Port,
    at: &str,
    subject: &Subject<'_>,
    report: &mut Report<'_>,
) -> Option<PortSpec> {
    let Some(protocol) = Protocol::parse(&port.protocol) else {
        report.invalid(
            subject.path(&format!("{at}.protocol")),
            port.protocol.as_str(),
            "one of `tcp`, `udp` and `sctp`",
        );
        return None;
    };
    let Some(target) = u16::try_from(port.target).ok().filter(|port| *port != 0) else {
        report.invalid(
            subject.path(&format!("{at}.target")),
            port.target.to_string(),
            "a port",
        );
        return None;
    };
    let Some(host) = host_port(&port.published) else {
        report.invalid(
            subject.path(&format!("{at}.published")),
            port.published.as_str(),
            "a port or a range of ports",
        );
        return None;
    };
    Some(PortSpec {
        container: PortKey::new(target, protocol),
        host_ip: said(&port.host_ip),
        host,
    })
}

fn host_port(text: &str) -> Option<HostPort> {
    if matches!(text, "" | "0") {
        return Some(HostPort::Any);
    }
    let Some((first, last)) = text.split_once('-') else {
        return text.parse().ok().map(HostPort::Fixed);
    };
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(HostPort::Range(first, last))
}
