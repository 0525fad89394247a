//! Secrets and configs: mounted from the host where they are files, else copied into the container.

use bowline_model::{
    BindSpec, FileObject, FileReference, FileToCopy, MountSource, MountSpec, Secret, WantedService,
};

use super::given::{FileContent, is_file};
use super::report::{Report, Subject};
use super::{Unfit, mounts};

/// Which of the two kinds is spoken of.
#[derive(Clone, Copy)]
struct Kind {
    /// The field, and the word for one of them.
    field: &'static str,
    word: &'static str,
    /// The folder for targets that are not absolute.
    folder: &'static str,
}

/// Everything of a service that is about secrets and configs.
pub(super) fn fill(service: &mut WantedService, subject: &Subject<'_>, report: &mut Report<'_>) {
    let volumes = service.spec.mounts.len();
    let secrets = Kind {
        field: "secrets",
        word: "secret",
        folder: "/run/secrets/",
    };
    let configs = Kind {
        field: "configs",
        word: "config",
        folder: "/",
    };
    for (kind, used, declared) in [
        (secrets, &subject.service.secrets, &subject.project.secrets),
        (configs, &subject.service.configs, &subject.project.configs),
    ] {
        for (index, reference) in used.iter().enumerate() {
            let Some(object) = declared.get(&reference.source) else {
                continue;
            };
            let mut one = One {
                kind,
                reference,
                object,
                at: format!("{}[{index}]", kind.field),
                subject,
                report: &mut *report,
            };
            one.put(service, volumes);
        }
    }
}

/// One secret or config, as one service uses it.
struct One<'a, 'o> {
    kind: Kind,
    reference: &'a FileReference,
    object: &'a FileObject,
    at: String,
    subject: &'a Subject<'a>,
    report: &'a mut Report<'o>,
}

impl One<'_, '_> {
    fn put(&mut self, service: &mut WantedService, volumes: usize) {
        if self.is_for_swarm() {
            return;
        }
        if is_file(self.object) {
            self.mount(service, volumes);
        } else {
            self.copy(service);
        }
    }

    /// Refuses what only Swarm could do.
    fn is_for_swarm(&mut self) -> bool {
        let object = self.object;
        let declared = format!("{}.{}", self.kind.field, self.reference.source);
        if object.external {
            let name = object.name.clone();
            self.report.refuse(declared, Unfit::External { name });
            return true;
        }
        for (field, there) in [
            ("labels", !object.labels.0.is_empty()),
            ("driver_opts", !object.driver_opts.is_empty()),
        ] {
            if there {
                self.report.ignore(
                    format!("{declared}.{field}"),
                    "it is for Swarm, and means nothing to an engine by itself",
                );
            }
        }
        for (field, value, what) in [
            (
                "driver",
                &object.driver,
                "a driver for secrets and configs (Swarm)",
            ),
            (
                "template_driver",
                &object.template_driver,
                "a template driver for secrets and configs (Swarm)",
            ),
        ] {
            if !value.is_empty() {
                self.report
                    .refuse(format!("{declared}.{field}"), Unfit::Unsupported { what });
                return true;
            }
        }
        false
    }

    fn target(&self) -> String {
        let Kind { folder, .. } = self.kind;
        let FileReference { source, target, .. } = self.reference;
        if target.is_empty() {
            format!("{folder}{source}")
        } else if is_absolute(target) {
            target.clone()
        } else {
            format!("{folder}{target}")
        }
    }

    /// The name under which people know the content.
    fn known_as(&self) -> String {
        format!("{} {}", self.kind.word, self.reference.source)
    }

    fn mount(&mut self, service: &mut WantedService, volumes: usize) {
        let FileReference { uid, gid, mode, .. } = self.reference;
        if !uid.is_empty() || !gid.is_empty() || mode.is_some() {
            self.report.ignore(
                self.subject.path(&self.at),
                "`uid`, `gid` and `mode` have no effect on a file that is mounted from the host",
            );
        }
        let path = &self.object.file;
        match self.subject.given.files.get(path) {
            Some(FileContent::Bytes(bytes)) => {
                let digest = (self.subject.given.digest)(bytes);
                service.contents.insert(self.known_as(), digest);
            }
            Some(FileContent::Absent) => self.report.refuse(
                format!("{}.{}.file", self.kind.field, self.reference.source),
                Unfit::FileMissing { path: path.clone() },
            ),
            Some(FileContent::Folder | FileContent::Unreadable) | None => self.report.ignore(
                format!("{}.{}.file", self.kind.field, self.reference.source),
                "its content could not be read: a change of it will not be seen",
            ),
        }
        let target = self.target();
        // A volume of the service's own on the same target counts.
        if service.spec.mounts[..volumes.min(service.spec.mounts.len())]
            .iter()
            .any(|mount| mount.target == target)
        {
            return;
        }
        let mount = MountSpec {
            target,
            read_only: true,
            source: MountSource::Bind(BindSpec {
                path: path.clone(),
                ..BindSpec::default()
            }),
            consistency: None,
        };
        mounts::add(&mut service.spec, mount);
    }

    fn copy(&mut self, service: &mut WantedService) {
        let declared = format!("{}.{}", self.kind.field, self.reference.source);
        let content = if !self.object.content.is_empty() {
            Secret::new(self.object.content.clone())
        } else if let Some(value) = &self.object.value {
            value.clone()
        } else {
            let variable = self.object.environment.clone();
            self.report.refuse(
                format!("{declared}.environment"),
                Unfit::VariableMissing { variable },
            );
            return;
        };
        if content.is_empty() {
            self.report.ignore(
                declared,
                "it is empty, and Compose makes no file of an empty one",
            );
            return;
        }
        if self.subject.service.read_only {
            let name = self.reference.source.clone();
            self.report
                .refuse(self.subject.path(&self.at), Unfit::ReadOnly { name });
            return;
        }
        let mode = self.reference.mode.map_or(0o444, |mode| mode.0);
        let Ok(mode) = u32::try_from(mode) else {
            let path = self.subject.path(&format!("{}.mode", self.at));
            self.report.invalid(path, format!("{mode:o}"), "a mode");
            return;
        };
        let (Some(uid), Some(gid)) = (
            self.number("uid", &self.reference.uid),
            self.number("gid", &self.reference.gid),
        ) else {
            return;
        };
        let file = FileToCopy {
            path: self.target(),
            content,
            uid,
            gid,
            mode,
        };
        // No engine shows where a copied file lies and whose it is, so that belongs to what is digested.
        let whole = format!(
            "{}\0{uid}:{gid}:{mode:o}\0{}",
            file.path,
            file.content.reveal()
        );
        let digest = (self.subject.given.digest)(whole.as_bytes());
        let mut name = self.known_as();
        if service.contents.contains_key(&name) {
            name = format!("{name} at {}", file.path);
        }
        service.contents.insert(name, digest);
        service.files.push(file);
    }

    fn number(&mut self, field: &str, text: &str) -> Option<u32> {
        if text.is_empty() {
            return Some(0);
        }
        let number = text.parse().ok();
        if number.is_none() {
            let path = self.subject.path(&format!("{}.{field}", self.at));
            self.report
                .invalid(path, text, "a number, as a copied file needs it");
        }
        number
    }
}

/// Absolute here or on Windows, as Compose sees it.
fn is_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    path.starts_with('/')
        || path.starts_with(r"\\")
        || (bytes.len() > 2
            && bytes[0].is_ascii_alphabetic()
            && bytes[1] == b':'
            && matches!(bytes[2], b'/' | b'\\'))
}
