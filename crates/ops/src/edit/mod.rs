//! From what would mend a cause to exact changes of the user's files.
//!
//! An [`Edit`] names a setting and what is to become of it. Where that setting is written (in a Compose file, in `.env`,
//! behind an anchor) is tried out rather than worked out: the piece is replaced at one place where it stands, the
//! project is read again as it would be then, and only a change by which the setting becomes exactly what it should be
//! counts. So what is proposed is proven to read as it is meant, whatever the form of the file.
//!
//! Nothing is written here but by [`Files`], which is how a step of a plan changes a file.

mod files;
mod settings;
mod text;
mod value;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bowline_compose::load;
use bowline_core::ExecuteError;
use bowline_doctor::{Change, Edit, Piece, Setting, Spot};
use bowline_model::carried::Carrier;
use bowline_model::{Action, FileChange, FileState, Plan, Project, Secret, is_secret_key};

use crate::stack::{StackOptions, Surroundings};
use settings::{Mounted, json_at, mounted, words_at};
use value::{Cut, Value};

/// Changes of files that mend something, and what has to be made again because of them.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The changes, one for each file.
    pub(crate) changes: Vec<FileChange>,
    /// The surroundings in which those files read as they will.
    pub(crate) surroundings: Surroundings,
    /// The services whose settings or files change.
    pub(crate) services: Vec<String>,
    /// The services that depend on those: they may never have been started.
    pub(crate) waiting: Vec<String>,
    /// Those of them into which a changed file is mounted: nothing else tells that they have to be made again.
    pub(crate) remade: Vec<String>,
}

/// Finds out how edits are made in the files of a stack. Changes nothing.
///
/// # Errors
///
/// Why one of them cannot be made, in words; then none is.
pub(crate) fn prepare(
    surroundings: &Surroundings,
    stack: &StackOptions,
    edits: &[Edit],
) -> Result<Prepared, String> {
    let mut desk = Desk::new(surroundings, stack)?;
    for edit in edits {
        desk.make(edit)?;
    }
    desk.finish(edits)
}

/// A file while it is being changed.
struct Draft {
    name: String,
    /// The path by which the loader reads it.
    path: String,
    before: FileState,
    after: FileState,
    /// All of it is a secret.
    is_secret: bool,
}

/// The files of a stack, as they are and as they will be.
struct Desk<'a> {
    surroundings: Surroundings,
    stack: &'a StackOptions,
    before: Project,
    now: Project,
    /// By the file itself.
    drafts: BTreeMap<String, Draft>,
    /// What must not be shown, beside what the project says is secret.
    secrets: Vec<Secret>,
    remade: BTreeSet<String>,
}

impl<'a> Desk<'a> {
    fn new(surroundings: &Surroundings, stack: &'a StackOptions) -> Result<Self, String> {
        let project =
            read_project(surroundings, stack, false).ok_or("the files cannot be read any more")?;
        Ok(Self {
            surroundings: surroundings.clone(),
            stack,
            now: project.clone(),
            before: project,
            drafts: BTreeMap::new(),
            secrets: Vec::new(),
            remade: BTreeSet::new(),
        })
    }

    fn make(&mut self, edit: &Edit) -> Result<(), String> {
        match (&edit.spot.setting, &edit.change) {
            (Setting::Field(field), Change::Set { value }) => {
                self.set(&edit.spot.service, field, value)
            }
            (Setting::Field(field), Change::Add { entry }) => {
                self.add(&edit.spot.service, field, entry)
            }
            (Setting::Field(field), Change::LeaveVariable { name }) => {
                self.leave_variable(&edit.spot, field, name)
            }
            (Setting::Field(field), Change::Writable { target }) => {
                self.make_writable(&edit.spot, field, target)
            }
            (Setting::Field(field), change) => self.change_field(&edit.spot, field, change),
            (Setting::File { path, line }, change) => {
                self.change_file(&edit.spot, path, line.unwrap_or(0), change)
            }
        }
    }

    /// Changes a piece of a field of the Compose files, wherever it is written.
    fn change_field(&mut self, spot: &Spot, field: &str, change: &Change) -> Result<(), String> {
        let password = self.password_for(change)?;
        let mut why = format!("`{field}` of `{}` is not in the files", spot.service);
        // What runs is the entrypoint with the command behind it.
        let others = (field == "command").then_some("entrypoint");
        for field in [field].into_iter().chain(others) {
            let Some(words) = words_at(&self.now, &spot.service, field) else {
                continue;
            };
            match self.cut(spot, field, &words, change, password.as_ref()) {
                Ok(cut) => return self.rewrite(spot, field, &words, &cut, change),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn cut(
        &self,
        spot: &Spot,
        field: &str,
        words: &[String],
        change: &Change,
        password: Option<&Secret>,
    ) -> Result<Cut, String> {
        let carrier = match field.strip_prefix("environment.") {
            Some(name) => Carrier::Variable(name.to_owned()),
            None => Carrier::Argument(0),
        };
        let environment = settings::environment(&self.now, &spot.service);
        let value = Value {
            words,
            carrier,
            environment: &environment,
        };
        value.cut(change, password)
    }

    /// Finds the place where a piece is written, and changes it there.
    fn rewrite(
        &mut self,
        spot: &Spot,
        field: &str,
        words: &[String],
        cut: &Cut,
        change: &Change,
    ) -> Result<(), String> {
        let old = words[cut.word][cut.span.clone()].to_owned();
        let new = cut.new.reveal().to_owned();
        if old == new {
            return Err(format!("`{field}` of `{}` is that already", spot.service));
        }
        let mut expected = words.to_vec();
        expected[cut.word] = text::with(&expected[cut.word], cut.span.clone(), &new);
        let right = match change {
            Change::CopyPassword { of } => Some((of.clone(), self.password_of(of)?)),
            _ => None,
        };
        if matches!(change, Change::CopyPassword { .. } | Change::EncodePassword)
            || is_secret_field(field)
        {
            self.secrets
                .extend([Secret::new(old.as_str()), Secret::new(new.as_str())]);
        }
        // A `$` that belongs to a value is written twice in a Compose file.
        let spellings: BTreeSet<(String, String)> = [
            (old.clone(), new.clone()),
            (old.replace('$', "$$"), new.replace('$', "$$")),
        ]
        .into();
        let spellings: Vec<_> = spellings.into_iter().collect();
        // A name that nobody has is wrong wherever it stands; anything else may be right for others.
        let is_wrong_for_all = matches!(
            change,
            Change::Replace {
                piece: Piece::Host,
                ..
            }
        );
        let own = (words[cut.word].as_str(), expected[cut.word].as_str());
        let others = RefCell::new(BTreeSet::new());
        let reads = |desk: &Self, project: &Project| {
            let is_it = words_at(project, &spot.service, field).as_ref() == Some(&expected);
            let keeps = right.as_ref().is_none_or(|(of, password)| {
                desk.password_in(project, of).as_ref() == Ok(password)
            });
            if !(is_it && keeps) {
                return false;
            }
            let changes = settings::changes(&desk.now, project).into_iter();
            let mut else_where =
                changes.filter(|(_, old, new)| (old.as_str(), new.as_str()) != own);
            match else_where.next().filter(|_| !is_wrong_for_all) {
                Some((path, ..)) => {
                    others.borrow_mut().insert(path);
                    false
                }
                None => true,
            }
        };
        let done = self.try_out(spot, field, &spellings, &reads);
        match (done, others.into_inner().first()) {
            (Err(_), Some(other)) => Err(format!(
                "what stands there is also a part of `{other}`, for which it may be right"
            )),
            (done, _) => done,
        }
    }

    /// Writes something otherwise at one place after the other, until the project reads as it should.
    fn try_out(
        &mut self,
        spot: &Spot,
        field: &str,
        spellings: &[(String, String)],
        reads: &dyn Fn(&Self, &Project) -> bool,
    ) -> Result<(), String> {
        for (path, from) in self.sources(spot, field) {
            let Ok(text) = self.text(&path) else {
                continue;
            };
            for (old, new) in spellings {
                for span in text::places(&text, from(&text), old) {
                    let edited = text::with(&text, span, new);
                    let project = self.read_with(&path, &edited);
                    if let Some(project) = project.filter(|project| reads(self, project)) {
                        return self.keep(&path, edited, project, false);
                    }
                }
            }
        }
        Err(format!(
            "`{field}` of `{}` gets that from somewhere else than a file of the project",
            spot.service
        ))
    }

    /// Leaves every use of a variable in a field to the container.
    fn leave_variable(&mut self, spot: &Spot, field: &str, name: &str) -> Result<(), String> {
        let spellings = [format!("${name}"), format!("${{{name}")]
            .map(|used| (used.clone(), format!("${used}")));
        let uses = |project: &Project| {
            let words = words_at(project, &spot.service, field).unwrap_or_default();
            let uses = |word: &String| -> usize {
                let spellings = spellings.iter();
                spellings.map(|(used, _)| word.matches(used).count()).sum()
            };
            words.iter().map(uses).sum::<usize>()
        };
        let others = settings::without(&self.now, &spot.service, field);
        let mut so_far = uses(&self.now);
        loop {
            let reads = |_: &Self, project: &Project| {
                uses(project) > so_far && settings::without(project, &spot.service, field) == others
            };
            let done = self.try_out(spot, field, &spellings, &reads);
            if done.is_err() {
                break if so_far > 0 { Ok(()) } else { done };
            }
            so_far = uses(&self.now);
        }
    }

    /// Lets a mount be written to.
    fn make_writable(&mut self, spot: &Spot, field: &str, target: &str) -> Result<(), String> {
        let spellings = [
            (":ro", ""),
            (",ro", ""),
            ("ro,", ""),
            ("read_only: true", "read_only: false"),
        ];
        let spellings = spellings.map(|(old, new)| (old.to_owned(), new.to_owned()));
        let mut expected = settings::mounts(&self.now, &spot.service);
        match expected.get_mut(target) {
            Some((_, read_only)) if *read_only => *read_only = false,
            _ => return Err(format!("no mount at `{target}` is read-only in the files")),
        }
        let reads =
            |_: &Self, project: &Project| settings::mounts(project, &spot.service) == expected;
        self.try_out(spot, field, &spellings, &reads)
    }

    /// The files in which a field may be written, each with where to begin: the place of the field, then the files of
    /// variables.
    #[expect(
        clippy::type_complexity,
        reason = "a path and where to begin in its text"
    )]
    fn sources(&self, spot: &Spot, field: &str) -> Vec<(String, Box<dyn Fn(&str) -> usize>)> {
        let mut found: Vec<(String, Box<dyn Fn(&str) -> usize>)> = Vec::new();
        let path = format!("services.{}.{field}", spot.service);
        if let Some(place) = self.now.origins.nearest(&path).cloned() {
            let file = self.absolute(&place.file);
            found.push((
                file,
                Box::new(move |text| text::offset(text, &place).unwrap_or(text.len())),
            ));
        }
        for file in self.variable_files(&spot.service) {
            found.push((file, Box::new(|_| 0)));
        }
        found
    }

    /// The files of variables that a service and the Compose files take values from.
    fn variable_files(&self, service: &str) -> Vec<String> {
        let mut files: Vec<String> = Vec::new();
        if let Some(project) = read_project(&self.surroundings, self.stack, true)
            && let Some(service) = project.services.get(service)
        {
            files.extend(service.env_file.iter().map(|file| file.path.clone()));
        }
        let listed = self.surroundings.variable("COMPOSE_ENV_FILES");
        let listed = listed.into_iter().flat_map(|list| list.split(','));
        let given: Vec<&str> = match self.stack.env_files.as_slice() {
            [] => listed.collect(),
            given => given.iter().map(String::as_str).collect(),
        };
        if given.is_empty() {
            files.push(format!("{}/.env", self.now.working_dir));
        }
        files.extend(given.into_iter().map(|file| self.absolute(file)));
        files
    }

    /// Gives a field a value that it does not have.
    fn set(&mut self, service: &str, field: &str, value: &str) -> Result<(), String> {
        let (parent, key) = match field.rsplit_once('.') {
            Some((parent, key)) => (format!("services.{service}.{parent}"), key),
            None => (format!("services.{service}"), field),
        };
        let is_written = self.now.origins.get(&format!("services.{service}.{field}"));
        if is_written.is_some() {
            return Err(format!("`{field}` of `{service}` has a value already"));
        }
        let before = json_at(&self.now, service, field);
        let path = format!("services.{service}.{field}");
        let reads = |project: &Project| {
            project.origins.get(&path).is_some() && json_at(project, service, field) != before
        };
        self.insert(service, field, &parent, key, Some(value), &reads)
    }

    /// Gives a list or mapping one more entry.
    fn add(&mut self, service: &str, field: &str, entry: &str) -> Result<(), String> {
        let path = format!("services.{service}.{field}");
        // The engine's name of a network is not the one by which the files call it.
        let mut networks = self.now.networks.iter();
        let key = networks.find(|(_, network)| field == "networks" && network.name == entry);
        let key = key.map_or(entry, |(key, _)| key).to_owned();
        let entry = key.as_str();
        let known = settings::entries(&self.now, service, field);
        let reads = |project: &Project| {
            let now = settings::entries(project, service, field);
            now.contains(entry) && now.is_superset(&known)
        };
        if self.now.origins.get(&path).is_some() {
            return self.insert(service, field, &path, entry, None, &reads);
        }
        // Where nothing is written, what Compose fills in has to be written with it.
        let mut all: Vec<&str> = known.iter().map(String::as_str).collect();
        all.push(entry);
        let value = format!("[{}]", all.join(", "));
        let parent = format!("services.{service}");
        self.insert(service, field, &parent, field, Some(&value), &reads)
    }

    fn insert(
        &mut self,
        service: &str,
        field: &str,
        parent: &str,
        key: &str,
        value: Option<&str>,
        reads: &dyn Fn(&Project) -> bool,
    ) -> Result<(), String> {
        let unclear = || format!("where `{field}` of `{service}` would be written is not clear");
        let place = self.now.origins.get(parent).cloned().ok_or_else(unclear)?;
        let path = self.absolute(&place.file);
        let text = self.text(&path)?;
        let at = text::offset(&text, &place).ok_or_else(unclear)?;
        let others = settings::without(&self.now, service, field);
        for edited in text::with_entry(&text, at, key, value) {
            let Some(project) = self.read_with(&path, &edited) else {
                continue;
            };
            if reads(&project) && settings::without(&project, service, field) == others {
                return self.keep(&path, edited, project, false);
            }
        }
        Err(unclear())
    }

    /// Changes a file that is mounted into a service, or the text of a config.
    fn change_file(
        &mut self,
        spot: &Spot,
        inside: &str,
        line: u32,
        change: &Change,
    ) -> Result<(), String> {
        let Some(mounted) = mounted(&self.now, &spot.service, inside) else {
            return Err(format!(
                "`{inside}` of `{}` is in its image, and not a file of the project",
                spot.service
            ));
        };
        let Mounted { path, is_secret } = mounted;
        let text = self.text(&path)?;
        let edited = match change {
            Change::Permit { bits } => {
                let project = self.now.clone();
                self.keep(&path, text, project, is_secret)?;
                let draft = self.draft(&path)?;
                if draft.after.mode & bits == *bits {
                    return Err(format!("`{}` has these bits already", draft.name));
                }
                draft.after.mode |= bits;
                self.note_users(&path);
                return Ok(());
            }
            Change::UnixLines => text.replace("\r\n", "\n"),
            Change::Begin { line } => format!("{line}\n{text}"),
            change => {
                let password = self.password_for(change)?;
                let words = [text];
                let value = Value {
                    words: &words,
                    carrier: Carrier::File {
                        path: inside.to_owned(),
                        line,
                    },
                    environment: &[],
                };
                let cut = value.cut(change, password.as_ref())?;
                if password.is_some() || matches!(change, Change::EncodePassword) {
                    let old = &words[0][cut.span.clone()];
                    self.secrets.extend([Secret::new(old), cut.new.clone()]);
                }
                text::with(&words[0], cut.span, cut.new.reveal())
            }
        };
        let project = self
            .read_with(&path, &edited)
            .ok_or("the project cannot be read with that change")?;
        self.keep(&path, edited, project, is_secret)?;
        self.note_users(&path);
        Ok(())
    }

    /// Notes who has to be made again because a file of theirs changed.
    fn note_users(&mut self, path: &str) {
        self.remade.extend(settings::users(&self.now, path));
    }

    fn password_for(&self, change: &Change) -> Result<Option<Secret>, String> {
        match change {
            Change::CopyPassword { of } => self.password_of(of).map(Some),
            _ => Ok(None),
        }
    }

    fn password_of(&self, of: &Spot) -> Result<Secret, String> {
        self.password_in(&self.now, of)
    }

    /// The password that a setting has.
    fn password_in(&self, project: &Project, of: &Spot) -> Result<Secret, String> {
        let environment = settings::environment(project, &of.service);
        let (words, carrier) = match &of.setting {
            Setting::Field(field) => {
                let words = words_at(project, &of.service, field)
                    .ok_or_else(|| format!("`{field}` of `{}` cannot be read", of.service))?;
                let carrier = match field.strip_prefix("environment.") {
                    Some(name) => Carrier::Variable(name.to_owned()),
                    None => Carrier::Argument(0),
                };
                (words, carrier)
            }
            Setting::File { path, line } => {
                let file = mounted(project, &of.service, path)
                    .ok_or_else(|| format!("`{path}` of `{}` is no file here", of.service))?;
                let carrier = Carrier::File {
                    path: path.clone(),
                    line: line.unwrap_or(0),
                };
                (vec![self.text(&file.path)?], carrier)
            }
        };
        let value = Value {
            words: &words,
            carrier,
            environment: &environment,
        };
        value.right_password()
    }

    /// A file as it is, or as it will be where it is changed already.
    fn text(&self, path: &str) -> Result<String, String> {
        if let Some(draft) = self.drafts.values().find(|draft| draft.path == path) {
            return Ok(draft.after.text.reveal().to_owned());
        }
        let read = files::read(path).map_err(|error| format!("`{}` {error}", self.shown(path)))?;
        Ok(read.1.text.reveal().to_owned())
    }

    /// The project, read with one more file changed; `None` where it cannot be read so.
    fn read_with(&self, path: &str, edited: &str) -> Option<Project> {
        let mut surroundings = self.surroundings.clone();
        let bytes = edited.as_bytes().to_vec();
        surroundings.edited.insert(path.to_owned(), bytes);
        read_project(&surroundings, self.stack, false)
    }

    /// Takes a change over.
    fn keep(
        &mut self,
        path: &str,
        edited: String,
        project: Project,
        is_secret: bool,
    ) -> Result<(), String> {
        let draft = self.draft(path)?;
        draft.is_secret |= is_secret;
        draft.after.text = Secret::new(edited.as_str());
        let edited = edited.into_bytes();
        self.surroundings.edited.insert(path.to_owned(), edited);
        self.now = project;
        Ok(())
    }

    fn draft(&mut self, path: &str) -> Result<&mut Draft, String> {
        let name = self.shown(path).to_owned();
        let (real, state) = files::read(path).map_err(|error| format!("`{name}` {error}"))?;
        Ok(self.drafts.entry(real).or_insert_with(|| Draft {
            name,
            path: path.to_owned(),
            after: state.clone(),
            before: state,
            is_secret: false,
        }))
    }

    fn absolute(&self, file: &str) -> String {
        if file.starts_with('/') {
            return bowline_compose::clean_path(file);
        }
        bowline_compose::clean_path(&format!("{}/{file}", self.surroundings.current_dir))
    }

    /// A file as messages call it.
    fn shown<'p>(&self, path: &'p str) -> &'p str {
        let below = path.strip_prefix(self.surroundings.current_dir.as_str());
        below
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(path)
    }

    /// Everything that was changed, with what it means for the services.
    fn finish(self, edits: &[Edit]) -> Result<Prepared, String> {
        let mut services = settings::differing(&self.before, &self.now);
        services.extend(self.remade.iter().cloned());
        services.extend(edits.iter().map(|edit| edit.spot.service.clone()));
        services.retain(|name| self.now.services.contains_key(name));
        let waiting = settings::dependents(&self.now, &services);
        let mut secrets = settings::secrets(&self.before);
        secrets.extend(self.secrets);
        let changes: Vec<FileChange> = self
            .drafts
            .into_iter()
            .filter(|(_, draft)| draft.before != draft.after)
            .map(|(path, draft)| FileChange {
                lines: text::diff(
                    draft.before.text.reveal(),
                    draft.after.text.reveal(),
                    &secrets,
                    draft.is_secret,
                ),
                path,
                name: draft.name,
                before: draft.before,
                after: draft.after,
            })
            .collect();
        if changes.is_empty() {
            return Err("the files say it already".to_owned());
        }
        Ok(Prepared {
            changes,
            surroundings: self.surroundings,
            services: services.into_iter().collect(),
            waiting,
            remade: self.remade.into_iter().collect(),
        })
    }
}

/// Whether the value of a field is a secret by the name of its key.
fn is_secret_field(field: &str) -> bool {
    let key = field.strip_prefix("environment.");
    key.is_some_and(is_secret_key)
}

/// The project of a stack; with `as_written` the files of variables of its services are still named.
fn read_project(
    surroundings: &Surroundings,
    stack: &StackOptions,
    as_written: bool,
) -> Option<Project> {
    let mut request = stack.load_request(surroundings, &[]);
    request.no_env_resolution = as_written;
    load(&request).ok().map(|loaded| loaded.project)
}

/// The files that a step changes, on this host's disk.
pub(crate) struct Files;

impl Files {
    /// A file as it is.
    pub(crate) async fn state(change: &FileChange) -> Result<FileState, ExecuteError> {
        let (path, name) = (change.path.clone(), change.name.clone());
        let read = tokio::task::spawn_blocking(move || files::read(&path)).await;
        match flat(read) {
            Ok((_, state)) => Ok(state),
            Err(text) => Err(ExecuteError::File { name, text }),
        }
    }

    /// Makes a change.
    pub(crate) async fn make(change: &FileChange) -> Result<(), ExecuteError> {
        let name = change.name.clone();
        let change = change.clone();
        let written = tokio::task::spawn_blocking(move || files::write(&change)).await;
        flat(written).map_err(|text| ExecuteError::File { name, text })
    }

    /// Looks whether the files that a plan changes are still as they were read.
    pub(crate) async fn look(plan: &Plan) -> Result<(), Vec<ExecuteError>> {
        let mut errors = Vec::new();
        for step in &plan.steps {
            let Action::ChangeFile { change } = &step.action else {
                continue;
            };
            match Self::state(change).await {
                Ok(found) if found == change.before || found == change.after => {}
                Ok(_) => errors.push(ExecuteError::FileChanged {
                    name: change.name.clone(),
                }),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

fn flat<T>(done: Result<Result<T, String>, tokio::task::JoinError>) -> Result<T, String> {
    done.map_err(|error| error.to_string())?
}

#[cfg(test)]
mod tests;
