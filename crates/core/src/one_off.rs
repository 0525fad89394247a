//! A container beside those of a service: with everything that its processes see, and with nothing by which others
//! would take it for one of the service.
//!
//! It has the service's environment, mounts, networks, user, folder, rights and limits. It has none of its names,
//! addresses, published ports, labels, healthcheck and restart policy, since proxies, resolvers and the engine find
//! servers by those. It goes when it ends, with its anonymous volumes, and nothing is made for it that would stay.

use std::collections::{BTreeMap, BTreeSet};

use bowline_engine::FileToPut;
use bowline_model::{
    ApiVersion, ContainerId, ContainerSpec, EndpointSpec, HealthTest, HealthcheckSpec, LogSpec,
    MountSource, RestartSpec, Shared, TextMap, WantedService, label,
};

use crate::execute::to_put;
use crate::shares;
use crate::wanted::instance;

/// The beginning of the labels by which Compose and bowline know what belongs to a stack.
const STACK_LABELS: &str = "com.docker.compose.";

/// What is there for such a container to be joined to.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Networks that are there, by name.
    pub networks: BTreeSet<String>,
    /// Volumes that are there, by name.
    pub volumes: BTreeSet<String>,
    /// The containers of services, by service: names.
    pub names: BTreeMap<String, Vec<String>>,
    /// A container of each service that has one, one that runs where there is one.
    pub containers: BTreeMap<String, ContainerId>,
}

/// Something of the service that the container does without, because it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A network.
    Network(String),
    /// A named volume; a folder in memory stands in its place.
    Volume {
        /// Its name.
        name: String,
        /// Where it would be mounted.
        target: String,
    },
    /// What another service would share, which has no container.
    Share {
        /// What.
        what: Shared,
        /// The other service.
        service: String,
    },
}

/// A container beside those of a service, ready to be created. Its entrypoint and command are still the service's.
#[derive(Clone, Debug, PartialEq)]
pub struct OneOff {
    /// Its name.
    pub name: String,
    /// What it is created with.
    pub spec: ContainerSpec,
    /// Networks to connect it to after it was created and before it is started.
    pub connect: Vec<EndpointSpec>,
    /// Files to put into it before it is started.
    pub files: Vec<FileToPut>,
    /// What it does without.
    pub missing: Vec<Missing>,
}

/// Makes a container out of a service; `tag` ends its name. Mounts cannot be written to unless `write` says so;
/// anonymous volumes are its own and always can.
pub fn one_off(
    service: &WantedService,
    tag: &str,
    write: bool,
    around: &Around,
    api: ApiVersion,
) -> OneOff {
    let names_of = |other: &str| around.names.get(other).cloned().unwrap_or_default();
    let made = instance(service, 1, None, api, &names_of);
    let (mut spec, mut connect) = (made.spec, made.connect);
    let mut missing = Vec::new();
    for share in &service.shares {
        if let Some(id) = around.containers.get(&share.service) {
            shares::apply(&mut spec, share, Some(id));
            continue;
        }
        if share.what == Shared::Network {
            spec.network.mode = Some("none".to_owned());
        }
        missing.push(Missing::Share {
            what: share.what,
            service: share.service.clone(),
        });
    }
    hide(&mut spec);
    attach(&mut spec, &mut connect, around, &mut missing);
    mount(&mut spec, write, around, &mut missing);
    OneOff {
        name: format!("{}{tag}", service.name_prefix),
        spec,
        connect,
        files: service.files.iter().map(to_put).collect(),
        missing,
    }
}

/// Takes away what others find a server by, and what would keep it alive.
fn hide(spec: &mut ContainerSpec) {
    spec.labels.retain(|key, _| key.starts_with(STACK_LABELS));
    let labels = &mut spec.labels;
    labels.insert(label::ONE_OFF.to_owned(), "True".to_owned());
    // It waits for nobody, and nobody has to be stopped before it.
    labels.insert(label::DEPENDS_ON.to_owned(), String::new());
    spec.published.clear();
    spec.exposed.clear();
    // Newer engines give it to their resolver as one more name.
    spec.hostname = None;
    spec.domainname = None;
    spec.restart = RestartSpec::No;
    spec.auto_remove = true;
    spec.healthcheck = Some(HealthcheckSpec {
        test: Some(HealthTest::Disabled),
        ..HealthcheckSpec::default()
    });
    // What is typed and shown is nobody else's business, and a log server that is down would be in the way.
    spec.logging = Some(LogSpec {
        driver: "none".to_owned(),
        options: TextMap::default(),
    });
}

/// Leaves out networks that are not there, and everything by which it would be found on the others.
fn attach(
    spec: &mut ContainerSpec,
    connect: &mut Vec<EndpointSpec>,
    around: &Around,
    missing: &mut Vec<Missing>,
) {
    let first = spec.network.endpoints.drain(..);
    let mut endpoints: Vec<EndpointSpec> = first.chain(connect.drain(..)).collect();
    if endpoints.is_empty() {
        return;
    }
    spec.network.mac_address = None;
    endpoints.retain(|endpoint| {
        let is_there = around.networks.contains(&endpoint.network);
        if !is_there {
            missing.push(Missing::Network(endpoint.network.clone()));
        }
        is_there
    });
    for endpoint in &mut endpoints {
        endpoint.aliases.clear();
        endpoint.link_local.clear();
        endpoint.ipv4 = None;
        endpoint.ipv6 = None;
        endpoint.mac_address = None;
    }
    let mut endpoints = endpoints.into_iter();
    let first = endpoints.next();
    let mode = first.as_ref().map(|first| first.network.clone());
    spec.network.mode = Some(mode.unwrap_or_else(|| "none".to_owned()));
    spec.network.endpoints = first.into_iter().collect();
    connect.extend(endpoints);
}

/// Takes away the right to write, and everything that a mount would make.
fn mount(spec: &mut ContainerSpec, write: bool, around: &Around, missing: &mut Vec<Missing>) {
    for mount in &mut spec.mounts {
        match &mut mount.source {
            MountSource::Bind(bind) => {
                mount.read_only |= !write;
                // The engine would make a folder of its own there, or take the files from who has them.
                bind.create_host_path = false;
                bind.selinux = None;
            }
            MountSource::Volume(volume) => match &volume.name {
                Some(name) if !around.volumes.contains(name) => {
                    missing.push(Missing::Volume {
                        name: name.clone(),
                        target: mount.target.clone(),
                    });
                    mount.source = MountSource::Tmpfs(bowline_model::TmpfsSpec::default());
                    mount.read_only = false;
                }
                Some(_) => mount.read_only |= !write,
                None => {}
            },
            MountSource::Tmpfs(_) | MountSource::Image(_) | MountSource::NamedPipe { .. } => {}
        }
    }
    if !write {
        for from in &mut spec.volumes_from {
            let whose = from.split(':').next().unwrap_or_default();
            *from = format!("{whose}:ro");
        }
    }
}

#[cfg(test)]
mod tests {
    use bowline_model::{
        BindSpec, HostPort, MountSpec, PortKey, PortSpec, Protocol, SelinuxLabel, Share,
        VolumeMountSpec,
    };

    use super::*;

    fn around() -> Around {
        Around {
            networks: ["shop_default".to_owned(), "shop_back".to_owned()].into(),
            volumes: ["shop_data".to_owned()].into(),
            ..Around::default()
        }
    }

    fn on(network: &str) -> EndpointSpec {
        EndpointSpec {
            network: network.to_owned(),
            aliases: vec!["web".to_owned()],
            ipv4: Some("172.20.0.9".to_owned()),
            ..EndpointSpec::default()
        }
    }

    fn mounted(target: &str, source: MountSource) -> MountSpec {
        MountSpec {
            target: target.to_owned(),
            read_only: false,
            source,
            consistency: None,
        }
    }

    fn volume(name: Option<&str>) -> MountSource {
        MountSource::Volume(VolumeMountSpec {
            name: name.map(str::to_owned),
            ..VolumeMountSpec::default()
        })
    }

    fn service() -> WantedService {
        let mut service = WantedService {
            name_prefix: "shop-web-".to_owned(),
            ..WantedService::default()
        };
        let spec = &mut service.spec;
        spec.image = "web:1".to_owned();
        spec.user = Some("app".to_owned());
        spec.hostname = Some("web".to_owned());
        spec.restart = RestartSpec::Always;
        spec.labels = [
            (label::PROJECT, "shop"),
            (label::ONE_OFF, "False"),
            (label::DEPENDS_ON, "db:service_started:false"),
            ("traefik.enable", "true"),
        ]
        .into();
        spec.published = vec![PortSpec {
            container: PortKey::new(80, Protocol::Tcp),
            host_ip: None,
            host: HostPort::Fixed(80),
        }];
        spec.network.endpoints = vec![on("shop_default"), on("shop_back")];
        service
    }

    fn made(service: &WantedService, write: bool) -> OneOff {
        one_off(service, "debug-1", write, &around(), ApiVersion::v1(41))
    }

    #[test]
    fn it_sees_what_the_service_sees_and_nobody_finds_it_by_the_service() {
        let made = made(&service(), false);
        let spec = &made.spec;
        assert_eq!(made.name, "shop-web-debug-1");
        assert_eq!(spec.user.as_deref(), Some("app"));
        assert_eq!(spec.labels[label::ONE_OFF], "True");
        assert_eq!(spec.labels[label::PROJECT], "shop");
        assert!(!spec.labels.contains_key("traefik.enable"), "{spec:?}");
        assert_eq!(spec.hostname, None);
        assert!(spec.published.is_empty() && spec.auto_remove);
        assert_eq!(spec.restart, RestartSpec::No);
        let test = spec.healthcheck.as_ref().and_then(|it| it.test.as_ref());
        assert_eq!(test, Some(&HealthTest::Disabled));
        let endpoints: Vec<_> = spec.network.endpoints.iter().chain(&made.connect).collect();
        assert_eq!(endpoints.len(), 2);
        for endpoint in endpoints {
            assert!(endpoint.aliases.is_empty() && endpoint.ipv4.is_none());
        }
    }

    #[test]
    fn mounts_are_read_only_unless_they_may_be_written() {
        let mut service = service();
        let bind = BindSpec {
            path: "/srv/conf".to_owned(),
            create_host_path: true,
            selinux: Some(SelinuxLabel::Private),
            ..BindSpec::default()
        };
        service.spec.mounts = vec![
            mounted("/conf", MountSource::Bind(bind)),
            mounted("/data", volume(Some("shop_data"))),
            mounted("/cache", volume(None)),
        ];
        service.spec.volumes_from = vec!["other".to_owned(), "more:rw".to_owned()];
        let read_only = |made: &OneOff| -> Vec<bool> {
            made.spec.mounts.iter().map(|it| it.read_only).collect()
        };
        let made_read_only = made(&service, false);
        assert_eq!(read_only(&made_read_only), [true, true, false]);
        assert_eq!(made_read_only.spec.volumes_from, ["other:ro", "more:ro"]);
        let MountSource::Bind(bind) = &made_read_only.spec.mounts[0].source else {
            panic!("{made_read_only:?}");
        };
        assert!(!bind.create_host_path && bind.selinux.is_none());
        let writable = made(&service, true);
        assert_eq!(read_only(&writable), [false, false, false]);
        assert_eq!(writable.spec.volumes_from, ["other", "more:rw"]);
    }

    #[test]
    fn what_is_not_there_is_named_and_never_made() {
        let mut service = service();
        service.spec.network.endpoints = vec![on("shop_front")];
        service.spec.mounts = vec![mounted("/data", volume(Some("shop_new")))];
        service.shares = vec![Share {
            what: Shared::Pid,
            service: "db".to_owned(),
        }];
        let made = made(&service, false);
        assert_eq!(made.spec.network.mode.as_deref(), Some("none"));
        assert!(made.spec.network.endpoints.is_empty());
        assert!(matches!(made.spec.mounts[0].source, MountSource::Tmpfs(_)));
        assert_eq!(
            made.missing,
            [
                Missing::Share {
                    what: Shared::Pid,
                    service: "db".to_owned()
                },
                Missing::Network("shop_front".to_owned()),
                Missing::Volume {
                    name: "shop_new".to_owned(),
                    target: "/data".to_owned()
                },
            ]
        );
    }

    #[test]
    fn what_is_shared_is_taken_from_the_container_that_is_there() {
        let mut service = service();
        service.spec.network.endpoints.clear();
        service.shares = vec![Share {
            what: Shared::Network,
            service: "db".to_owned(),
        }];
        let mut around = around();
        let id = ContainerId("abc".to_owned());
        around.containers.insert("db".to_owned(), id);
        let made = one_off(&service, "debug-1", false, &around, ApiVersion::v1(41));
        assert_eq!(made.spec.network.mode.as_deref(), Some("container:abc"));
        assert!(made.missing.is_empty());
    }
}
