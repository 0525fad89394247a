//! Where servers keep their data, and what holds it.

use bowline_model::carried::Carrier;
use bowline_recipes::DataFolder;

use crate::facts::{ContainerFact, Mount};
use crate::finding::{Culprit, CulpritKind, Evidence, FactRef};

use super::{World, culprit, shown, whole};

/// A folder of data in a container.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// What is known of it.
    pub(crate) known: &'static DataFolder,
    /// Its path there.
    pub(crate) folder: String,
}

impl Store {
    /// The file that tells the version of the data.
    pub(crate) fn version_file(&self) -> Option<String> {
        let file = self.known.version_file.as_ref()?;
        Some(format!("{}/{file}", self.folder))
    }
}

impl<'f> World<'f> {
    /// The folders in which a server keeps its data.
    pub(crate) fn stores(&self, container: &ContainerFact) -> Vec<Store> {
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

    /// What is mounted where a path of a container leads to; `None` where nothing is or nobody looked.
    pub(crate) fn mount_of(&self, container: &'f ContainerFact, path: &str) -> Option<&'f Mount> {
        let mounts = self.mounts(container)?.iter();
        mounts
            .filter(|mount| below(path, &mount.target).is_some())
            .max_by_key(|mount| mount.target.len())
    }

    /// Who holds the data of a container at a path: the volume, the folder of the host, or the container itself.
    pub(crate) fn keeper(&self, container: &'f ContainerFact, path: &str) -> Culprit {
        match self.mount_of(container, path) {
            Some(mount) if mount.kind == "volume" => whole(CulpritKind::Volume, &mount.source),
            Some(mount) => whole(CulpritKind::File, &mount.target),
            None => culprit(container, Some("volumes")),
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
        store: &Store,
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
        let mount = self.mount_of(server, &store.folder)?;
        let volume = self.volume(&mount.source)?;
        // The engine writes whole seconds, and makes a volume right before the first container with it.
        if created.duration_since(volume.created?).as_secs() > 10 {
            let text = format!(
                "volume {} is of {}, container {} of {created}",
                volume.name, volume.created?, server.name
            );
            return Some(shown(FactRef::Volume(volume.name.clone()), text, proves));
        }
        None
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
        let mount = self.mount_of(server, &store.folder)?;
        let volume = self.volume(&mount.source)?;
        let age = created.duration_since(volume.created?).as_secs();
        let text = format!(
            "volume {} is of {}, container {} of {created}",
            volume.name, volume.created?, server.name
        );
        let fact = FactRef::Volume(volume.name.clone());
        (age <= 2).then(|| shown(fact, text, proves))
    }
}

/// The rest of a path below a folder; empty for the folder itself.
pub(crate) fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_matches('/'))
}
