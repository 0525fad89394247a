//! What this host has of containers: the folders that are mounted into them, and how large their logs are.
#![expect(
    clippy::disallowed_methods,
    reason = "an engine on this host keeps these where nobody else is to be asked for them; what is not there is none"
)]

use bowline_engine::Engine;
use bowline_model::ObservedContainer;
use jiff::Timestamp;

use super::FILES_OF_ONE;
use super::files::is_settings;

/// Entries of a mounted folder that are looked at for files of settings.
const ENTRIES_OF_FOLDER: usize = 64;

/// The files of settings in the folders that are mounted into a container, by their paths inside, as far as its command or
/// a variable names them or their folder: one folder often serves many services. None where the host's folder is not to
/// be seen from here.
pub(super) fn below_folders(container: &ObservedContainer) -> impl Iterator<Item = String> {
    let folders = container.mounts.iter().filter(|mount| mount.kind == "bind");
    let found = folders.flat_map(|mount| {
        let mut names: Vec<String> = std::fs::read_dir(&mount.source)
            .into_iter()
            .flatten()
            .take(ENTRIES_OF_FOLDER)
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|it| it.is_file()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_settings(name))
            .collect();
        names.sort_unstable();
        let folder = mount.target.trim_end_matches('/').to_owned();
        let paths = names
            .into_iter()
            .map(move |name| format!("{folder}/{name}"));
        paths.filter(|path| is_named(container, path))
    });
    found.take(FILES_OF_ONE)
}

/// Folders of settings that programs read as a whole without being told.
const READ_WHOLE: &[&str] = &["conf.d", "sites-enabled", "templates"];

fn is_named(container: &ObservedContainer, path: &str) -> bool {
    let spec = &container.spec;
    let (folder, name) = path.rsplit_once('/').unwrap_or_default();
    if READ_WHOLE.iter().any(|end| folder.ends_with(end)) {
        return true;
    }
    let names_it =
        |text: &str| text.contains(name) || text.split_whitespace().any(|it| it == folder);
    let argv = spec.entrypoint.iter().chain(&spec.command);
    let mut words = argv.flat_map(|words| words.iter());
    let mut values = spec.env.iter().filter_map(|(_, value)| value);
    words.any(|word| names_it(word)) || values.any(|value| names_it(value.reveal()))
}

/// When a file was last changed; `None` for a folder, and for what is not here.
pub(super) fn changed(file: &std::path::Path) -> Option<Timestamp> {
    let metadata = std::fs::metadata(file)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    Timestamp::try_from(metadata.modified().ok()?).ok()
}

/// The size of the file that Docker keeps a log in, where that is on this host: no other file is called so.
pub(super) fn log_bytes(engine: &dyn Engine, container: &ObservedContainer) -> Option<u64> {
    let id = &container.id.0;
    let folder = std::path::Path::new(&engine.about().root_dir).join("containers");
    let file = folder.join(id).join(format!("{id}-json.log"));
    Some(std::fs::metadata(file).ok()?.len())
}
