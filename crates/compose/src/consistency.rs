//! What has to fit together across a whole project.

use std::collections::BTreeMap;

use bowline_model::{Project, Service};

use crate::context::Context;
use crate::problem::{Mistake, nearest};
use crate::source::Span;

/// Finds the span of a field by its path.
pub(crate) type Locate<'a> = &'a dyn Fn(&str) -> Span;

/// Reports everything in the services that are switched on which contradicts itself or the rest.
pub(crate) fn check(ctx: &mut Context, project: &Project, locate: Locate<'_>) {
    for (name, service) in &project.services {
        let mut checker = Checker {
            ctx,
            project,
            locate,
            name,
            path: format!("services.{name}"),
        };
        checker.image_and_build(service);
        checker.references(service);
        checker.dependencies(service);
        checker.amounts(service);
        checker.healthcheck_and_watch(service);
        checker.mounts(service);
    }
    for (name, _) in project.secrets.iter().filter(|(_, secret)| {
        !secret.external && secret.file.is_empty() && secret.environment.is_empty()
    }) {
        let path = format!("secrets.{name}");
        ctx.fail_at(
            locate(&path),
            path,
            Mistake::NoSource {
                allowed: &["file", "environment"],
            },
        );
    }
    container_names(ctx, project, locate);
    if let Some(chain) = cycle(project) {
        let path = format!("services.{}.depends_on", chain[0]);
        ctx.fail_at(locate(&path), path, Mistake::DependencyCycle { chain });
    }
}

struct Checker<'a> {
    ctx: &'a mut Context,
    project: &'a Project,
    locate: Locate<'a>,
    name: &'a str,
    path: String,
}

impl Checker<'_> {
    fn fail(&mut self, field: &str, mistake: Mistake) {
        let path = if field.is_empty() {
            self.path.clone()
        } else {
            format!("{}.{field}", self.path)
        };
        self.ctx.fail_at((self.locate)(&path), path, mistake);
    }

    fn service(&self) -> String {
        self.name.to_owned()
    }

    fn undefined(&mut self, field: &str, kind: &'static str, name: &str, known: Vec<&String>) {
        let nearest = nearest(name, known.into_iter().map(String::as_str));
        let mistake = Mistake::Undefined {
            service: self.service(),
            kind,
            name: name.to_owned(),
            nearest,
        };
        self.fail(field, mistake);
    }

    fn image_and_build(&mut self, service: &Service) {
        let Some(build) = &service.build else {
            if service.image.is_empty() && service.provider.is_none() {
                self.fail(
                    "",
                    Mistake::NoImage {
                        service: self.service(),
                    },
                );
            }
            return;
        };
        if !build.dockerfile.is_empty() && !build.dockerfile_inline.is_empty() {
            self.fail(
                "build",
                Mistake::Exclusive {
                    service: self.service(),
                    one: "dockerfile",
                    other: "dockerfile_inline",
                },
            );
        }
        for (context, reference) in &build.additional_contexts {
            let Some(name) = reference.strip_prefix("service:") else {
                continue;
            };
            let field = format!("build.additional_contexts.{context}");
            match self.project.services.get(name) {
                None => self.undefined(
                    &field,
                    "service",
                    name,
                    self.project.services.keys().collect(),
                ),
                Some(other) if other.build.is_none() => self.fail(
                    &field,
                    Mistake::NotBuildable {
                        service: self.service(),
                        name: name.to_owned(),
                    },
                ),
                Some(_) => {}
            }
        }
        if !build.platforms.is_empty()
            && !service.platform.is_empty()
            && !build.platforms.contains(&service.platform)
        {
            self.fail(
                "build.platforms",
                Mistake::PlatformNotBuilt {
                    service: self.service(),
                    platform: service.platform.clone(),
                },
            );
        }
    }

    fn references(&mut self, service: &Service) {
        let project = self.project;
        if !service.network_mode.is_empty() && !service.networks.is_empty() {
            self.fail(
                "network_mode",
                Mistake::Exclusive {
                    service: self.service(),
                    one: "network_mode",
                    other: "networks",
                },
            );
        }
        for name in service
            .networks
            .keys()
            .filter(|name| !project.networks.contains_key(*name))
        {
            self.undefined(
                &format!("networks.{name}"),
                "network",
                name,
                project.networks.keys().collect(),
            );
        }
        for (index, volume) in service.volumes.iter().enumerate() {
            if volume.kind == "volume"
                && !volume.source.is_empty()
                && !project.volumes.contains_key(&volume.source)
            {
                self.undefined(
                    &format!("volumes[{index}]"),
                    "volume",
                    &volume.source,
                    project.volumes.keys().collect(),
                );
            }
        }
        for (index, secret) in service
            .secrets
            .iter()
            .enumerate()
            .filter(|(_, secret)| !project.secrets.contains_key(&secret.source))
        {
            self.undefined(
                &format!("secrets[{index}]"),
                "secret",
                &secret.source,
                project.secrets.keys().collect(),
            );
        }
        for (index, secret) in service
            .build
            .iter()
            .flat_map(|build| &build.secrets)
            .enumerate()
            .filter(|(_, secret)| !project.secrets.contains_key(&secret.source))
        {
            self.undefined(
                &format!("build.secrets[{index}]"),
                "secret",
                &secret.source,
                project.secrets.keys().collect(),
            );
        }
        for (index, config) in service
            .configs
            .iter()
            .enumerate()
            .filter(|(_, config)| !project.configs.contains_key(&config.source))
        {
            self.undefined(
                &format!("configs[{index}]"),
                "config",
                &config.source,
                project.configs.keys().collect(),
            );
        }
        for name in service
            .models
            .keys()
            .filter(|name| !project.models.contains_key(*name))
        {
            self.undefined(
                &format!("models.{name}"),
                "model",
                name,
                project.models.keys().collect(),
            );
        }
    }

    fn dependencies(&mut self, service: &Service) {
        let project = self.project;
        for (name, dependency) in &service.depends_on {
            if project.services.contains_key(name) {
                continue;
            }
            // What only another field implies stands there, not under `depends_on`.
            let implied_by = [
                ("network_mode", &service.network_mode),
                ("ipc", &service.ipc),
                ("pid", &service.pid),
                ("uts", &service.uts),
                ("cgroup", &service.cgroup),
            ]
            .into_iter()
            .find(|(_, value)| value.strip_prefix("service:") == Some(name));
            let field = implied_by.map_or_else(
                || format!("depends_on.{name}"),
                |(field, _)| field.to_owned(),
            );
            match project.disabled_services.get(name) {
                Some(_) if !dependency.required.0 => {}
                Some(disabled) => {
                    let mistake = Mistake::DependencyDisabled {
                        service: self.service(),
                        name: name.clone(),
                        profiles: disabled.profiles.clone(),
                    };
                    self.fail(&field, mistake);
                }
                None => self.undefined(
                    &field,
                    "service",
                    name,
                    project
                        .services
                        .keys()
                        .chain(project.disabled_services.keys())
                        .collect(),
                ),
            }
        }
    }

    fn amounts(&mut self, service: &Service) {
        let distinct = |one, other| Mistake::Distinct {
            service: self.name.to_owned(),
            one,
            other,
        };
        let mut found: Vec<(&str, Mistake)> = Vec::new();
        if let Some(deploy) = &service.deploy {
            if service.scale.is_some()
                && deploy.replicas.is_some()
                && service.scale != deploy.replicas
            {
                found.push(("scale", distinct("scale", "deploy.replicas")));
            }
            if deploy.replicas.is_some_and(|replicas| replicas < 0) {
                found.push(("deploy.replicas", Mistake::TooSmall { least: 0 }));
            }
            if let Some(limits) = &deploy.resources.0.limits {
                if service.cpus.0 != 0.0 && limits.cpus != service.cpus {
                    found.push(("cpus", distinct("cpus", "deploy.resources.limits.cpus")));
                }
                if service.mem_limit.0 != 0 && limits.memory != service.mem_limit {
                    found.push((
                        "mem_limit",
                        distinct("mem_limit", "deploy.resources.limits.memory"),
                    ));
                }
                if service.pids_limit != 0 && limits.pids != service.pids_limit {
                    found.push((
                        "pids_limit",
                        distinct("pids_limit", "deploy.resources.limits.pids"),
                    ));
                }
            }
            if let Some(reservations) = &deploy.resources.0.reservations
                && service.mem_reservation.0 != 0
                && reservations.memory != service.mem_reservation
            {
                found.push((
                    "mem_reservation",
                    distinct("mem_reservation", "deploy.resources.reservations.memory"),
                ));
            }
        }
        if service.scale.is_some_and(|scale| scale < 0) {
            found.push(("scale", Mistake::TooSmall { least: 0 }));
        }
        if service.replicas() > 1 && !service.container_name.is_empty() {
            let field = if service.scale.is_some() {
                "scale"
            } else {
                "deploy.replicas"
            };
            found.push((
                "container_name",
                Mistake::NameAndScale {
                    service: self.service(),
                    field,
                    replicas: service.replicas(),
                },
            ));
        }
        for (field, mistake) in found {
            self.fail(field, mistake);
        }
    }

    fn healthcheck_and_watch(&mut self, service: &Service) {
        if let Some(first) = service
            .healthcheck
            .as_ref()
            .and_then(|check| check.test.first())
            && !matches!(first.as_str(), "CMD" | "CMD-SHELL" | "NONE")
        {
            self.fail(
                "healthcheck.test",
                Mistake::BadTest {
                    first: first.clone(),
                },
            );
        }
        for (index, rule) in service
            .develop
            .iter()
            .flat_map(|develop| &develop.watch)
            .enumerate()
        {
            let action = &rule.action.0;
            if rule.target.is_empty() && !matches!(action.as_str(), "rebuild" | "restart") {
                self.fail(
                    &format!("develop.watch[{index}]"),
                    Mistake::WatchTarget {
                        action: action.clone(),
                    },
                );
            }
        }
    }

    fn mounts(&mut self, service: &Service) {
        let tmpfs = service.tmpfs.iter().enumerate().map(|(index, tmpfs)| {
            (
                format!("tmpfs[{index}]"),
                tmpfs.split(':').next().unwrap_or(""),
            )
        });
        let volumes = service
            .volumes
            .iter()
            .enumerate()
            .map(|(index, volume)| (format!("volumes[{index}]"), volume.target.as_str()));
        let mut taken: BTreeMap<&str, String> = BTreeMap::new();
        for (field, target) in tmpfs.chain(volumes) {
            match taken.get(target) {
                Some(by) => {
                    let mistake = Mistake::TargetTaken {
                        target: target.to_owned(),
                        by: by.clone(),
                    };
                    self.fail(&field, mistake);
                }
                None => {
                    taken.insert(target, field);
                }
            }
        }
    }
}

fn container_names(ctx: &mut Context, project: &Project, locate: Locate<'_>) {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, service) in project
        .services
        .iter()
        .filter(|(_, service)| !service.container_name.is_empty())
    {
        if let Some(one) = taken.insert(&service.container_name, name) {
            let path = format!("services.{name}.container_name");
            let mistake = Mistake::ContainerNameTaken {
                one: one.to_owned(),
                other: name.clone(),
                name: service.container_name.clone(),
            };
            ctx.fail_at(locate(&path), path, mistake);
        }
    }
}

/// Returns a circle of dependencies, its first service repeated at the end.
fn cycle(project: &Project) -> Option<Vec<String>> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Open,
        Done,
    }
    /// A step of the walk: into a service, or out of it again.
    enum Walk<'a> {
        Enter(&'a str),
        Leave(&'a str),
    }
    let mut states: BTreeMap<&str, State> = BTreeMap::new();
    for start in project.services.keys() {
        let mut walk = vec![Walk::Enter(start)];
        let mut trail: Vec<&str> = Vec::new();
        while let Some(step) = walk.pop() {
            match step {
                Walk::Leave(name) => {
                    states.insert(name, State::Done);
                    trail.pop();
                }
                Walk::Enter(name) => match states.get(name) {
                    Some(State::Done) => {}
                    Some(State::Open) => {
                        let from = trail.iter().position(|step| *step == name).unwrap_or(0);
                        return Some(
                            trail[from..]
                                .iter()
                                .copied()
                                .chain([name])
                                .map(str::to_owned)
                                .collect(),
                        );
                    }
                    None => {
                        let Some((name, service)) = project.services.get_key_value(name) else {
                            continue;
                        };
                        states.insert(name, State::Open);
                        trail.push(name);
                        walk.push(Walk::Leave(name));
                        walk.extend(service.depends_on.keys().map(|name| Walk::Enter(name)));
                    }
                },
            }
        }
    }
    None
}
