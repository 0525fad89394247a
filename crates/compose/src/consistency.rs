//! What has to fit together across a whole project.

use std::collections::BTreeMap;

use bowline_model::{Deploy, Project, Service, nearest};

use crate::context::Context;
use crate::problem::Mistake;
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

    fn undefined(&mut self, field: &str, kind: &'static str, name: &str) {
        if self.ctx.is_full() {
            return;
        }
        let mistake = Mistake::Undefined {
            service: self.service(),
            kind,
            name: name.to_owned(),
            nearest: nearest(name, self.known(kind)).map(str::to_owned),
        };
        self.fail(field, mistake);
    }

    fn image_and_build(&mut self, service: &Service) {
        let Some(build) = &service.build else {
            if service.image.is_empty() && service.provider.is_none() {
                // An image that a variable left empty is the place to look at.
                let image = format!("{}.image", self.path);
                let is_written = (self.locate)(&image) != (self.locate)(&self.path);
                let service = self.service();
                let field = if is_written { "image" } else { "" };
                self.fail(field, Mistake::NoImage { service });
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
                None => self.undefined(&field, "service", name),
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
        if !service.network_mode.is_empty() && !service.networks.is_empty() {
            let mistake = Mistake::Exclusive {
                service: self.service(),
                one: "network_mode",
                other: "networks",
            };
            self.fail("network_mode", mistake);
        }
        for (field, kind, name) in references(service) {
            if !self.is_known(kind, name) {
                self.undefined(&field, kind, name);
            }
        }
    }

    fn is_known(&self, kind: &str, name: &str) -> bool {
        let project = self.project;
        match kind {
            "network" => project.networks.contains_key(name),
            "volume" => project.volumes.contains_key(name),
            "secret" => project.secrets.contains_key(name),
            "config" => project.configs.contains_key(name),
            "model" => project.models.contains_key(name),
            _ => project.services.contains_key(name),
        }
    }

    /// The names that may be referred to as this kind of thing.
    fn known(&self, kind: &str) -> Vec<&str> {
        fn keys<T>(section: &BTreeMap<String, T>) -> Vec<&str> {
            section.keys().map(String::as_str).collect()
        }
        let project = self.project;
        match kind {
            "network" => keys(&project.networks),
            "volume" => keys(&project.volumes),
            "secret" => keys(&project.secrets),
            "config" => keys(&project.configs),
            "model" => keys(&project.models),
            _ => [keys(&project.services), keys(&project.disabled_services)].concat(),
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
                None => self.undefined(&field, "service", name),
            }
        }
    }

    fn amounts(&mut self, service: &Service) {
        let mut found = Vec::new();
        if let Some(deploy) = &service.deploy {
            found.extend(distinct(service, deploy).into_iter().map(|(one, other)| {
                let service = self.service();
                (
                    one,
                    Mistake::Distinct {
                        service,
                        one,
                        other,
                    },
                )
            }));
            if deploy.replicas.is_some_and(|replicas| replicas < 0) {
                found.push(("deploy.replicas", Mistake::TooSmall { least: 0 }));
            }
        }
        if service.scale.is_some_and(|scale| scale < 0) {
            found.push(("scale", Mistake::TooSmall { least: 0 }));
        }
        if service.replicas() > 1 && !service.container_name.is_empty() {
            let mistake = Mistake::NameAndScale {
                service: self.service(),
                field: match service.scale {
                    Some(_) => "scale",
                    None => "deploy.replicas",
                },
                replicas: service.replicas(),
            };
            found.push(("container_name", mistake));
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

/// Everything of another section that a service refers to: the field, the kind of thing, its name.
fn references(service: &Service) -> impl Iterator<Item = (String, &'static str, &str)> {
    let networks = service.networks.keys().map(|name| ("network", name));
    let models = service.models.keys().map(|name| ("model", name));
    let by_name = networks
        .chain(models)
        .map(|(kind, name)| (format!("{kind}s.{name}"), kind, name.as_str()));
    let volumes = service.volumes.iter().enumerate();
    let volumes = volumes
        .filter(|(_, volume)| volume.kind == "volume" && !volume.source.is_empty())
        .map(|(index, volume)| {
            (
                format!("volumes[{index}]"),
                "volume",
                volume.source.as_str(),
            )
        });
    let build = service.build.iter().flat_map(|build| &build.secrets);
    let files = [
        ("secrets", "secret", service.secrets.iter().collect()),
        ("build.secrets", "secret", build.collect::<Vec<_>>()),
        ("configs", "config", service.configs.iter().collect()),
    ];
    let files = files.into_iter().flat_map(|(field, kind, files)| {
        let files = files.into_iter().enumerate();
        files.map(move |(index, file)| (format!("{field}[{index}]"), kind, file.source.as_str()))
    });
    by_name.chain(volumes).chain(files)
}

/// The amounts that a service says twice, differently: by itself, and under `deploy`.
fn distinct(service: &Service, deploy: &Deploy) -> Vec<(&'static str, &'static str)> {
    let scales = (service.scale, deploy.replicas);
    let differ = matches!(scales, (Some(one), Some(other)) if one != other);
    let mut said = vec![("scale", "deploy.replicas", differ)];
    if let Some(limits) = &deploy.resources.0.limits {
        let cpus = service.cpus.0 != 0.0 && limits.cpus != service.cpus;
        let memory = service.mem_limit.0 != 0 && limits.memory != service.mem_limit;
        let pids = service.pids_limit != 0 && limits.pids != service.pids_limit;
        said.extend([
            ("cpus", "deploy.resources.limits.cpus", cpus),
            ("mem_limit", "deploy.resources.limits.memory", memory),
            ("pids_limit", "deploy.resources.limits.pids", pids),
        ]);
    }
    if let Some(reservations) = &deploy.resources.0.reservations {
        let one = service.mem_reservation;
        let memory = one.0 != 0 && reservations.memory != one;
        let other = "deploy.resources.reservations.memory";
        said.push(("mem_reservation", other, memory));
    }
    let differing = said.into_iter().filter(|(.., differ)| *differ);
    differing.map(|(one, other, _)| (one, other)).collect()
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
