//! Where servers keep their data, and what holds it.

use bowline_model::carried::Carrier;
use bowline_recipes::{DataFolder, Says};
use jiff::Timestamp;

use crate::facts::{ContainerFact, Mount};
use crate::finding::{Culprit, CulpritKind, Evidence, FactRef};

use super::{World, culprit, shown, spoken, whole};

/// A folder of data in a container.
#[derive(Clone, Debug)]
pub(crate) struct Store<'f> {
    /// What is known of it.
    pub(crate) known: &'f DataFolder,
    /// Its path there.
    pub(crate) folder: String,
}

impl Store<'_> {
    /// The file that tells the version of the data.
    pub(crate) fn version_file(&self) -> Option<String> {
        let file = self.known.version_file.as_ref()?;
        Some(format!("{}/{file}", self.folder))
    }
}

impl<'f> World<'f> {
    /// The folders in which a server keeps its data.
    pub(crate) fn stores(&self, container: &ContainerFact) -> Vec<Store<'f>> {
        let recipe = self.recipe(container).into_iter();
        let folders = recipe.flat_map(|recipe| &recipe.data);
        folders
            .map(|known| {
                let variable = known.variable.as_ref();
                let told = variable.and_then(|name| container.environment.get(name)?.clone());
                let folder = told.filter(|folder| !folder.is_empty());
                Store {
                    known,
                    folder: folder.unwrap_or_else(|| known.folder.clone()),
                }
            })
            .collect()
    }

    /// What is mounted at a path of a container or above it, the nearest; `None` where nothing is or nobody looked.
    pub(crate) fn mount_of(&self, container: &'f ContainerFact, path: &str) -> Option<&'f Mount> {
        let mounts = self.mounts(container)?.iter();
        mounts
            .filter(|mount| is_below(path, &mount.target))
            .max_by_key(|mount| mount.target.len())
    }

    /// Who holds the data of a container at a path: the volume, the folder of the host, or the container itself.
    pub(crate) fn keeper(&self, container: &'f ContainerFact, path: &str) -> Culprit {
        match self.mount_of(container, path) {
            Some(mount) if mount.kind == "volume" => whole(CulpritKind::Volume, &mount.source),
            Some(mount) => self.file_of(container, &mount.target),
            None => culprit(container, Some("volumes")),
        }
    }

    /// The file at a path of a container, as a person finds it who is to mend it.
    pub(crate) fn file_of(&self, container: &ContainerFact, path: &str) -> Culprit {
        let known = self.containers().find(|one| one.name == container.name);
        let mount = known.and_then(|container| self.mount_of(container, path));
        let Some(mount) = mount.filter(|mount| mount.kind == "bind") else {
            return whole(CulpritKind::File, path);
        };
        let rest = path.strip_prefix(mount.target.trim_end_matches('/'));
        let source = mount.in_project.as_ref().unwrap_or(&mount.source);
        Culprit {
            inside: Some(path.to_owned()),
            ..whole(
                CulpritKind::File,
                &format!("{source}{}", rest.unwrap_or_default()),
            )
        }
    }

    /// That the data of a server is older than what the server is told, so that it was made with something else.
    pub(crate) fn data_is_older(
        &self,
        server: &'f ContainerFact,
        carrier: Option<&Carrier>,
    ) -> Option<Evidence> {
        self.stores(server)
            .iter()
            .find_map(|store| self.store_is_older(server, store, carrier))
    }

    fn store_is_older(
        &self,
        server: &'f ContainerFact,
        store: &Store<'f>,
        carrier: Option<&Carrier>,
    ) -> Option<Evidence> {
        let proves = "the data was there before, so the environment's accounts were not read";
        let created = self.made(server)?.created?;
        let version = store.version_file();
        let made = version.and_then(|path| {
            let file = self.file(server, &path)?;
            Some((path, file.there.as_ref()?.modified?))
        });
        if let Some((path, made)) = &made {
            let fact = || FactRef::File {
                container: server.name.clone(),
                path: path.clone(),
            };
            if made.duration_since(created).as_secs() < -1 {
                let text = format!(
                    "{}: `{path}` is of {made}, the container of {created}",
                    server.name
                );
                return Some(shown(fact(), text, proves));
            }
            if let Some(Carrier::File { path: secret, .. }) = carrier
                && let Some(changed) = self.file(server, secret)?.there.as_ref()?.modified
                && changed.duration_since(*made).as_secs() > 1
            {
                let text = format!(
                    "{}: `{path}` is of {made}, `{secret}` of {changed}",
                    server.name
                );
                return Some(shown(fact(), text, proves));
            }
        }
        self.volume_is_older(server, store, created, 10, proves)
            .or_else(|| self.was_not_initialised(server, proves))
    }

    /// That the volume was there before the container, by more than so many seconds. Engines give it the date of its folder's last change, so a younger
    /// one says nothing.
    pub(crate) fn volume_is_older(
        &self,
        server: &'f ContainerFact,
        store: &Store<'f>,
        created: Timestamp,
        by_secs: i64,
        proves: &str,
    ) -> Option<Evidence> {
        let mount = self.mount_of(server, &store.folder)?;
        // A folder of a volume may be younger than the volume.
        let volume = self.volume(&mount.source);
        let volume = volume.filter(|_| mount.subpath.is_none())?;
        let made = volume.created?;
        let text = format!(
            "volume {} is of {made}, container {} of {created}",
            volume.name, server.name
        );
        let fact = FactRef::Volume(volume.name.clone());
        (created.duration_since(made).as_secs() > by_secs).then(|| shown(fact, text, proves))
    }

    /// That a server came up without initialising anything, as far back as its container goes.
    fn was_not_initialised(&self, server: &'f ContainerFact, proves: &str) -> Option<Evidence> {
        let log = self.log(server).filter(|log| !log.is_cut)?;
        let first = log.lines.first()?.at;
        let from_the_start = server.created.is_some_and(|created| first >= created);
        let said = self.said(server);
        let is_made = said.iter().any(|said| said.says == Says::Initialised);
        let skipped = said
            .iter()
            .find(|said| said.says == Says::InitialisationSkipped)?;
        (from_the_start && !is_made).then(|| spoken(server, skipped, proves))
    }

    /// That the data of a server was made by the container that has it now.
    pub(crate) fn data_is_its_own(&self, server: &'f ContainerFact) -> Option<Evidence> {
        let stores = self.stores(server);
        let store = stores.first()?;
        let created = self.made(server)?.created?;
        let proves = "the data was made with what the server is told now";
        let file = store
            .version_file()
            .and_then(|path| self.file(server, &path));
        if let Some(file) = file {
            let made = file.there.as_ref()?.modified?;
            let text = format!(
                "{}: `{}` is of {made}, the container of {created}",
                server.name, file.path
            );
            let fact = FactRef::File {
                container: server.name.clone(),
                path: file.path.clone(),
            };
            return (made >= created).then(|| shown(fact, text, proves));
        }
        let mut said = self.said(server).iter();
        let made = said.find(|said| said.says == Says::Initialised)?;
        Some(spoken(server, made, proves))
    }
}

/// Whether a path is a folder, or in it.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    below(path, folder).is_some()
}

/// Where a path of a container is in what is mounted there, from the whole of that on: `/` is all of the volume, or of the
/// folder of the host. `None` where it is not below the mount.
pub(crate) fn in_source(path: &str, mount: &Mount) -> Option<String> {
    let rest = below(path, &mount.target)?;
    let folder = mount.subpath.as_deref().unwrap_or_default();
    let parts = folder.split('/').chain(rest.split('/'));
    let parts: Vec<&str> = parts
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    Some(format!("/{}", parts.join("/")))
}

/// Whether what is mounted has a place of a source, which [`in_source`] gave.
pub(crate) fn holds(mount: &Mount, source: &str, place: &str) -> bool {
    let top = in_source(&mount.target, mount);
    mount.source == source && top.is_some_and(|top| is_below(place, &top))
}

/// The rest of a path below a folder; empty for the folder itself.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_a_volume_is_the_same_one_however_it_is_mounted() {
        let mount = |target: &str, subpath: Option<&str>| Mount {
            target: target.to_owned(),
            kind: "volume".to_owned(),
            source: "shop_data".to_owned(),
            writable: true,
            subpath: subpath.map(str::to_owned),
            in_project: None,
            changed_on_host: None,
        };
        for (path, mount, wanted) in [
            ("/data", mount("/data", None), Some("/")),
            ("/data/a", mount("/data", None), Some("/a")),
            ("/data", mount("/data", Some("a")), Some("/a")),
            ("/data/b", mount("/data/", Some("./a/")), Some("/a/b")),
            ("/srv", mount("/data", None), None),
        ] {
            let found = in_source(path, &mount);
            assert_eq!(found.as_deref(), wanted, "{path} in {mount:?}");
        }
        let is_held = |mount: &Mount| holds(mount, "shop_data", "/a/b");
        assert!(is_held(&mount("/data", None)) && is_held(&mount("/srv", Some("a"))));
        assert!(!is_held(&mount("/data", Some("b"))) && !is_held(&mount("/data", Some("a/b/c"))));
        assert!(!holds(&mount("/data", None), "shop_files", "/a/b"));
    }
}
