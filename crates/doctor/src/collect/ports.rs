//! Who holds ports of the host.

use std::collections::BTreeSet;

use bowline_engine::{Engine, EngineError, Selector, port_holder};
use bowline_model::{ObservedContainer, Protocol, label};

use crate::facts::PortFact;

/// Says of each port (`8080/tcp`) who has it: a container of any project, or a process of this host.
pub(super) async fn holders(
    engine: &dyn Engine,
    ports: BTreeSet<String>,
) -> Result<Vec<PortFact>, EngineError> {
    if ports.is_empty() {
        return Ok(Vec::new());
    }
    let listed = engine.containers(&Selector::all()).await?;
    let running = listed.iter().filter(|container| container.status.is_up());
    let ids: Vec<_> = running.map(|container| container.id.clone()).collect();
    let containers = engine.inspect_containers(&ids).await?;
    let facts = ports.into_iter().map(|port| {
        let holder = holder(&containers, &port);
        let process = match (holder, parts(&port)) {
            (None, Some((number, protocol))) => port_holder(number, protocol),
            _ => None,
        };
        PortFact {
            container: holder.map(|holder| holder.name.clone()),
            project: holder.and_then(|holder| holder.labels().get(label::PROJECT).cloned()),
            process: process.map(|process| (process.name, process.pid)),
            port,
        }
    });
    Ok(facts.collect())
}

fn holder<'c>(containers: &'c [ObservedContainer], port: &str) -> Option<&'c ObservedContainer> {
    let (number, protocol) = parts(port)?;
    containers.iter().find(|container| {
        let mut ports = container.ports.iter();
        ports.any(|bound| bound.host_port == number && bound.container.protocol == protocol)
    })
}

fn parts(port: &str) -> Option<(u16, Protocol)> {
    let (number, protocol) = port.split_once('/')?;
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    Some((number.parse().ok()?, protocol))
}
