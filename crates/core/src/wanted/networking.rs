//! Networks of a container: its mode, its endpoints in Compose's order, names, addresses and namespaces.

use bowline_model::{Capability, ContainerSpec, EndpointSpec, ServiceNetwork, TextMap};

use super::Unfit;
use super::report::{Report, Subject, said};

/// Driver option by which a name for the interface is asked.
const INTERFACE_NAME: &str = "com.docker.network.endpoint.ifname";

/// Everything of a spec that is about networks. References to other services are left out: they are shares.
pub(super) fn fill(spec: &mut ContainerSpec, subject: &Subject<'_>, report: &mut Report<'_>) {
    let service = subject.service;
    let network = &mut spec.network;
    network.links = external_links(&service.external_links);
    network.dns.clone_from(&service.dns);
    network.dns_options.clone_from(&service.dns_opt);
    network.dns_search.clone_from(&service.dns_search);
    network.extra_hosts = service
        .extra_hosts
        .iter()
        .map(|line| line.replacen('=', ":", 1))
        .collect();
    network.ipc = own_mode(&service.ipc);
    network.pid = own_mode(&service.pid);
    network.userns = said(&service.userns_mode);
    for (field, value, into) in [
        ("uts", &service.uts, &mut network.uts),
        ("cgroup", &service.cgroup, &mut network.cgroupns),
    ] {
        if value.starts_with("service:") || value.starts_with("container:") {
            report.invalid(
                subject.path(field),
                value.as_str(),
                "something that an engine can do: other containers' namespaces of this kind cannot be joined",
            );
        } else {
            *into = said(value);
        }
    }
    network.disabled = service.network_mode == "disabled";
    if service.network_mode.is_empty() {
        attach(spec, subject, report);
    } else {
        network.mode = own_mode(&service.network_mode);
        fill_lone_mac(spec, subject, report);
    }
}

/// A mode, unless it is that of another service.
fn own_mode(mode: &str) -> Option<String> {
    said(mode).filter(|mode| !mode.starts_with("service:"))
}

/// `container[:alias]` each, completed.
fn external_links(links: &[String]) -> Vec<String> {
    links
        .iter()
        .map(|link| match link.split_once(':') {
            Some(_) => link.clone(),
            None => format!("{link}:{link}"),
        })
        .collect()
}

/// Endpoints, the one of highest priority first; equal ones by name.
fn attach(spec: &mut ContainerSpec, subject: &Subject<'_>, report: &mut Report<'_>) {
    let service = subject.service;
    if subject.project.networks.is_empty() {
        spec.network.mode = Some("none".into());
        return;
    }
    let nothing = ServiceNetwork::default();
    let mut networks: Vec<(&str, &ServiceNetwork)> = service
        .networks
        .iter()
        .map(|(key, options)| (key.as_str(), options.as_ref().unwrap_or(&nothing)))
        .collect();
    networks.sort_by_key(|(key, options)| (std::cmp::Reverse(options.priority), *key));
    if networks.is_empty() {
        networks.push(("default", &nothing));
    }
    let mut endpoints: Vec<EndpointSpec> = networks
        .iter()
        .map(|(key, options)| endpoint(key, options, subject, report, &spec.network.links))
        .collect();
    place_mac(&mut endpoints, &networks, subject, report);
    spec.network.mode = endpoints.first().map(|first| first.network.clone());
    spec.network.endpoints = endpoints;
}

/// One endpoint. The container's own name joins the aliases when the container is made.
fn endpoint(
    key: &str,
    options: &ServiceNetwork,
    subject: &Subject<'_>,
    report: &mut Report<'_>,
    links: &[String],
) -> EndpointSpec {
    let field = |name: &str| format!("networks.{key}.{name}");
    let mut aliases = vec![subject.name.to_owned()];
    aliases.extend(options.aliases.iter().cloned());
    let mut driver_options: TextMap = options.driver_opts.clone().into();
    if !options.interface_name.is_empty() {
        if subject.given.api.has(Capability::InterfaceName) {
            if driver_options.contains_key(INTERFACE_NAME) {
                report.ignore(
                    subject.path(&field("driver_opts")),
                    format!("`interface_name` counts instead of `{INTERFACE_NAME}`"),
                );
            }
            driver_options.insert(INTERFACE_NAME.into(), options.interface_name.clone());
        } else {
            report.refuse(
                subject.path(&field("interface_name")),
                Unfit::TooOld {
                    capability: Capability::InterfaceName,
                    api: subject.given.api,
                },
            );
        }
    }
    let priority = options.gw_priority;
    let has_priority =
        priority != 0 && report.can(subject, &field("gw_priority"), Capability::GatewayPriority);
    let network = subject.project.networks.get(key);
    EndpointSpec {
        network: network.map_or_else(|| key.to_owned(), |network| network.name.clone()),
        aliases,
        links: links.to_vec(),
        ipv4: said(&options.ipv4_address),
        ipv6: said(&options.ipv6_address),
        link_local: options.link_local_ips.clone(),
        mac_address: said(&options.mac_address),
        driver_options,
        gateway_priority: has_priority.then_some(priority),
    }
}

/// Puts the service's own hardware address on the first endpoint, and holds old engines to one address.
fn place_mac(
    endpoints: &mut [EndpointSpec],
    networks: &[(&str, &ServiceNetwork)],
    subject: &Subject<'_>,
    report: &mut Report<'_>,
) {
    let own = &subject.service.mac_address;
    let (Some(first), Some((first_key, first_options))) = (endpoints.first_mut(), networks.first())
    else {
        return;
    };
    let asked = &first_options.mac_address;
    if !own.is_empty() && !asked.is_empty() && own != asked {
        report.refuse(
            subject.path("mac_address"),
            Unfit::MacAddressDiffers {
                network: (*first_key).to_owned(),
                other: asked.clone(),
            },
        );
    }
    if first.mac_address.is_none() {
        first.mac_address = said(own);
    }
    let api = subject.given.api;
    if api.has(Capability::EndpointMacAddress) {
        return;
    }
    // Only the container as a whole can have an address, and it gets that of the first endpoint.
    for (endpoint, (key, options)) in endpoints.iter_mut().zip(networks).skip(1) {
        if options.mac_address.is_empty() {
            continue;
        }
        let path = subject.path(&format!("networks.{key}.mac_address"));
        if asked.is_empty() {
            let needs = Capability::EndpointMacAddress.since();
            report.ignore(
                path,
                format!("the engine speaks API {api} and this needs {needs}"),
            );
        } else {
            report.refuse(
                path,
                Unfit::TooOld {
                    capability: Capability::EndpointMacAddress,
                    api,
                },
            );
        }
        endpoint.mac_address = None;
    }
}

/// An address without an endpoint that could carry it: old engines take it for the container.
fn fill_lone_mac(spec: &mut ContainerSpec, subject: &Subject<'_>, report: &mut Report<'_>) {
    let address = &subject.service.mac_address;
    if address.is_empty() {
        return;
    }
    if subject.given.api.has(Capability::EndpointMacAddress) {
        report.ignore(
            subject.path("mac_address"),
            "with `network_mode` Compose does not hand it to an engine of this version",
        );
    } else {
        spec.network.mac_address = Some(address.clone());
    }
}
