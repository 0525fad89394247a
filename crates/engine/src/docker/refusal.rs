//! From the engine's sentences to typed errors.
//!
//! Engines answer with a status and a sentence meant for people. The sentences that callers must tell apart
//! are recognised here, in the spellings of Docker 20.10 to 28 and of Podman; everything else keeps its words.

use bowline_model::{ContainerId, ObjectKind, Protocol};

use super::http::{Failure, Refusal};
use crate::{EngineError, PullFailure};

/// What a request was about: for errors that name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) kind: ObjectKind,
    pub(super) name: &'a str,
}

impl<'a> About<'a> {
    pub(super) fn container(id: &'a ContainerId) -> Self {
        Self {
            kind: ObjectKind::Container,
            name: &id.0,
        }
    }

    pub(super) fn new(kind: ObjectKind, name: &'a str) -> Self {
        Self { kind, name }
    }

    /// Types a failure by its status, and by what every request can be refused for.
    pub(super) fn error(self, failure: Failure) -> EngineError {
        let Refusal { status, text } = match failure {
            Failure::Other(error) => return error,
            Failure::Refused(refusal) => refusal,
        };
        let lower = text.to_lowercase();
        if lower.contains("no space left on device") {
            return EngineError::NoSpace { text };
        }
        match status {
            404 => self.not_found(&text, &lower),
            409 if lower.contains("is not running")
                || lower.contains("is paused")
                || lower.contains("is restarting") =>
            {
                EngineError::NotRunning {
                    container: self.name.to_owned(),
                    text,
                }
            }
            400 => EngineError::Invalid { text },
            409 => EngineError::Conflict { text },
            status => EngineError::Failed { status, text },
        }
    }

    /// A request about a container may fail for want of another object.
    fn not_found(self, text: &str, lower: &str) -> EngineError {
        let named = |marker: &str| {
            let rest = &text[lower.find(marker)? + marker.len()..];
            let name = rest
                .split_whitespace()
                .next()?
                .trim_matches(['"', '\'', ',']);
            (!name.is_empty()).then(|| name.to_owned())
        };
        let (kind, name) = if let Some(image) = named("no such image:") {
            (ObjectKind::Image, image)
        } else if let Some(exec) = named("no such exec instance:") {
            (ObjectKind::Exec, exec)
        } else if self.kind == ObjectKind::Container
            && lower.contains("network ")
            && lower.contains("not found")
        {
            (ObjectKind::Network, named("network ").unwrap_or_default())
        } else {
            (self.kind, self.name.to_owned())
        };
        EngineError::NotFound { kind, name }
    }
}

/// Types the refusal of a create or a rename.
pub(super) fn naming(name: &str, about: About<'_>, failure: Failure) -> EngineError {
    match failure {
        Failure::Refused(Refusal { text, .. }) if text.contains("is already in use by") => {
            let holder = text
                .split(|c: char| !c.is_ascii_hexdigit())
                .find(|word| word.len() == 64);
            EngineError::NameTaken {
                name: name.to_owned(),
                holder: holder.map(|id| ContainerId(id.to_owned())),
            }
        }
        other => about.error(other),
    }
}

/// Types the refusal of a start.
pub(super) fn starting(id: &ContainerId, failure: Failure) -> EngineError {
    let Failure::Refused(Refusal { status, text }) = failure else {
        return About::container(id).error(failure);
    };
    let lower = text.to_lowercase();
    let container_itself = lower.contains("no such container") && text.contains(&id.0);
    let taken =
        lower.contains("port is already allocated") || lower.contains("address already in use");
    if taken && let Some((host_ip, port)) = address_in(&text) {
        let udp = lower.contains("udp");
        let protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
        return EngineError::PortTaken {
            port,
            protocol,
            host_ip: Some(host_ip),
            text,
        };
    }
    match status {
        _ if container_itself || lower.contains("no space left on device") => {
            About::container(id).error(Failure::Refused(Refusal { status, text }))
        }
        409 => EngineError::Conflict { text },
        _ => EngineError::FailedToStart {
            container: id.0.clone(),
            text,
        },
    }
}

/// Finds the first `address:port` in a sentence about a port.
fn address_in(text: &str) -> Option<(String, u16)> {
    text.split_whitespace().find_map(|word| {
        let word = word
            .trim_end_matches([':', ',', ';', ')'])
            .trim_start_matches('(');
        let word = word.split('/').next().unwrap_or(word);
        let (ip, rest) = match word.strip_prefix('[') {
            Some(v6) => v6.split_once("]:")?,
            None => word.split_once(':')?,
        };
        let ip: std::net::IpAddr = ip.parse().ok()?;
        let port = rest.split(':').next()?.parse().ok()?;
        Some((ip.to_string(), port))
    })
}

/// Types the refusal of a removal; what is gone already is `None`.
pub(super) fn removing(about: About<'_>, failure: Failure) -> Option<EngineError> {
    let Failure::Refused(Refusal { status, text }) = failure else {
        return Some(about.error(failure));
    };
    let lower = text.to_lowercase();
    let in_use = [
        "in use",
        "is being used by",
        "has active endpoints",
        "running container",
        "is running",
        "container is paused",
        "is using its referenced image",
    ];
    match status {
        404 => None,
        // Docker 20.10 answers 403 for a network with endpoints, newer ones and Podman 409 or 500.
        403 | 409 | 500 if in_use.iter().any(|words| lower.contains(words)) => {
            let by = text
                .split(|c: char| !c.is_ascii_hexdigit())
                .filter(|word| word.len() == 64);
            let by = by.map(|id| ContainerId(id.to_owned())).collect();
            Some(EngineError::InUse {
                kind: about.kind,
                name: about.name.to_owned(),
                by,
                text,
            })
        }
        _ => Some(about.error(Failure::Refused(Refusal { status, text }))),
    }
}

/// Types the refusal of a network's creation.
pub(super) fn creating_network(name: &str, failure: Failure) -> EngineError {
    let about = About::new(ObjectKind::Network, name);
    let Failure::Refused(Refusal { status, text }) = failure else {
        return about.error(failure);
    };
    let lower = text.to_lowercase();
    let addresses = [
        "address pool",
        "predefined address pools",
        "pool overlaps",
        "overlaps with other one on this address space",
    ];
    if addresses.iter().any(|words| lower.contains(words)) {
        return EngineError::NoAddresses {
            network: name.to_owned(),
            text,
        };
    }
    if status != 409 && lower.contains("already exists") {
        return EngineError::Conflict { text };
    }
    about.error(Failure::Refused(Refusal { status, text }))
}

/// Makes a reason of the engine's words.
type Reason = fn(String) -> PullFailure;

/// What tells the reasons of a failed pull apart, in lower case. The first that fits holds: a registry says
/// "denied" and "not found" of many things, so the narrower words come first.
const PULL_WORDS: &[(Reason, &[&str])] = &[
    (
        |text| PullFailure::RateLimited { text },
        &["toomanyrequests", "too many requests", "rate limit"],
    ),
    (
        |text| PullFailure::BadReference { text },
        &[
            "invalid reference format",
            "repository name must",
            "invalid repository name",
        ],
    ),
    (
        |text| PullFailure::NoSuchPlatform { text },
        &[
            "no matching manifest",
            "does not match the specified platform",
            "does not provide the specified platform",
        ],
    ),
    (
        |text| PullFailure::NoSuchNameOrLogin { text },
        &[
            "pull access denied",
            "repository does not exist",
            "name unknown",
            "repository name not known",
        ],
    ),
    (
        |text| PullFailure::LoginNeeded { text },
        &[
            "no basic auth credentials",
            "unauthorized",
            "authentication required",
            "incorrect username or password",
            "access forbidden",
            "denied",
        ],
    ),
    (
        |text| PullFailure::NoSuchTag { text },
        &["manifest unknown", "manifest for", "not found"],
    ),
    (
        |text| PullFailure::Network { text },
        &[
            "dial tcp",
            "no such host",
            "i/o timeout",
            "connection refused",
            "connection reset",
            "tls handshake",
            "x509",
            "network is unreachable",
            "client.timeout",
            "deadline exceeded",
            "server misbehaving",
            "eof",
            "http response to https client",
            "service unavailable",
            "bad gateway",
            "gateway timeout",
            "proxyconnect",
        ],
    ),
];

/// Types the words with which a pull ended.
pub(super) fn pulling(reference: &str, text: &str) -> EngineError {
    let lower = text.to_lowercase();
    let text = text.to_owned();
    if lower.contains("no space left on device") {
        return EngineError::NoSpace { text };
    }
    let fits = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let reason = match PULL_WORDS.iter().find(|(_, words)| fits(words)) {
        Some((reason, _)) => reason(text),
        None => PullFailure::Other { text },
    };
    EngineError::Pull {
        reference: reference.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, text: &str) -> Failure {
        Failure::Refused(Refusal {
            status,
            text: text.to_owned(),
        })
    }

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_taken_port_is_found_in_every_spelling() {
        let id = ContainerId(ID.into());
        let cases = [
            (
                "driver failed programming external connectivity on endpoint x (0123): Bind for 0.0.0.0:8080 failed: port is already allocated",
                "0.0.0.0",
                8080,
            ),
            (
                "driver failed programming external connectivity on endpoint x (0123): Error starting userland proxy: listen tcp4 127.0.0.1:81: bind: address already in use",
                "127.0.0.1",
                81,
            ),
            (
                "failed to set up container networking: driver failed programming external connectivity on endpoint x (0123): failed to bind host port for 0.0.0.0:82:172.17.0.2:80/tcp: address already in use",
                "0.0.0.0",
                82,
            ),
            (
                "failed to bind host port [::]:83/tcp: address already in use",
                "::",
                83,
            ),
        ];
        for (text, ip, port) in cases {
            let error = starting(&id, refused(500, text));
            let EngineError::PortTaken {
                port: found,
                host_ip,
                ..
            } = &error
            else {
                panic!("{error:?}")
            };
            assert_eq!((*found, host_ip.as_deref()), (port, Some(ip)), "{text}");
        }
    }

    #[test]
    fn a_taken_name_names_its_holder() {
        let text = format!(
            "Conflict. The container name \"/a\" is already in use by container \"{ID}\". You have to remove (or rename) that container to be able to reuse that name."
        );
        let error = naming(
            "a",
            About::new(ObjectKind::Container, "a"),
            refused(409, &text),
        );
        assert_eq!(
            error,
            EngineError::NameTaken {
                name: "a".into(),
                holder: Some(ContainerId(ID.into()))
            }
        );
    }

    #[test]
    fn what_is_missing_is_named_even_where_it_is_not_what_was_asked_for() {
        let about = About::new(ObjectKind::Container, "web");
        let kind = |text: &str| match about.error(refused(404, text)) {
            EngineError::NotFound { kind, name } => (kind, name),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            kind("No such image: nginx:9"),
            (ObjectKind::Image, "nginx:9".into())
        );
        assert_eq!(
            kind("No such container: 0123"),
            (ObjectKind::Container, "web".into())
        );
        assert_eq!(
            kind("network front not found"),
            (ObjectKind::Network, "front".into())
        );
    }

    #[test]
    fn pulls_fail_for_the_name_the_tag_the_login_or_the_network() {
        let reason = |text: &str| match pulling("x", text) {
            EngineError::Pull { reason, .. } => format!("{reason:?}")
                .split([' ', '{'])
                .next()
                .unwrap_or_default()
                .to_owned(),
            other => panic!("{other:?}"),
        };
        let cases = [
            (
                "pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                "NoSuchNameOrLogin",
            ),
            (
                "manifest for alpine:9 not found: manifest unknown: manifest unknown",
                "NoSuchTag",
            ),
            (
                "Head \"https://reg.example/v2/x/manifests/1\": no basic auth credentials",
                "LoginNeeded",
            ),
            ("unauthorized: authentication required", "LoginNeeded"),
            (
                "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host",
                "Network",
            ),
            (
                "Get \"https://reg.example/v2/\": http: server gave HTTP response to HTTPS client",
                "Network",
            ),
            (
                "toomanyrequests: You have reached your pull rate limit.",
                "RateLimited",
            ),
            (
                "no matching manifest for linux/arm64/v8 in the manifest list entries",
                "NoSuchPlatform",
            ),
            ("invalid reference format", "BadReference"),
        ];
        for (text, expected) in cases {
            assert_eq!(reason(text), expected, "{text}");
        }
    }

    #[test]
    fn removals_that_others_prevent_say_so_and_what_is_gone_is_success() {
        let about = About::new(ObjectKind::Volume, "data");
        let error = removing(
            about,
            refused(409, &format!("remove data: volume is in use - [{ID}]")),
        );
        let Some(EngineError::InUse { by, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(by, [ContainerId(ID.into())]);
        assert_eq!(
            removing(about, refused(404, "get data: no such volume")),
            None
        );
        let network = About::new(ObjectKind::Network, "n");
        assert!(matches!(
            removing(
                network,
                refused(
                    403,
                    "error while removing network: network n id 01 has active endpoints"
                )
            ),
            Some(EngineError::InUse { .. })
        ));
    }
}
