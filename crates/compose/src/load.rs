//! The load order: files, documents, `extends`, `include`, merging, and then everything that needs the whole.
//!
//! For each document of each file: variables are replaced, `extends` is followed, what `!reset` and
//! `!override` name is taken out of the model so far, `include`d files are brought in, the document is merged
//! onto the model, the result is held against the table of fields and brought into its long forms. After all
//! files: defaults, rules between fields, absolute paths, values passed through, and what Compose adds by
//! itself.

use crate::canonical::{Strictness, canonical};
use crate::context::Context;
use crate::files;
use crate::finish::{self, Environment};
use crate::interpolate;
use crate::merge::{merge, unique};
use crate::paths::{self, Resolver};
use crate::problem::{Caution, Mistake, nearest};
use crate::request::{is_remote, read_env_file};
use crate::schema;
use crate::source::Span;
use crate::tree::{At, Map, Node, Value};
use crate::yaml::{self, Document};

/// What a model is loaded with; included files get one of their own.
pub(crate) struct Loader<'a> {
    pub(crate) ctx: &'a mut Context,
    pub(crate) folder: String,
    pub(crate) home: Option<String>,
    pub(crate) environment: Environment,
    pub(crate) interpolate: bool,
    pub(crate) resolve_paths: bool,
    /// The files being loaded, the outermost first, for finding circles of `include`.
    pub(crate) including: Vec<String>,
}

/// A file with its documents.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) documents: Vec<Document>,
}

/// Reads and parses a file. Nothing is returned where that cannot be done; the reason has been reported.
pub(crate) fn read(
    ctx: &mut Context,
    path: &str,
    kind: &'static str,
    wanted_at: Span,
    wanted_by: String,
) -> Option<File> {
    match files::read(path, kind) {
        Ok(text) => parse(ctx, path, text),
        Err(mistake) => {
            ctx.fail_at(wanted_at, wanted_by, mistake);
            None
        }
    }
}

/// Parses a text that was read already.
pub(crate) fn parse(ctx: &mut Context, path: &str, text: String) -> Option<File> {
    let before = ctx.problems.len();
    let source = ctx.sources.add(path, text);
    let documents = yaml::parse(ctx, source);
    for document in &documents {
        if document.root.as_map().is_none() {
            ctx.fail_at(
                document.root.span,
                String::new(),
                Mistake::NotAMapping {
                    found: document.root.value.kind(),
                },
            );
        }
    }
    (ctx.problems.len() == before).then(|| File {
        path: path.to_owned(),
        documents,
    })
}

impl Loader<'_> {
    /// Loads files into one model. Nothing is returned where that cannot be done.
    pub(crate) fn model(&mut self, files: Vec<File>) -> Option<Node> {
        let mut model = Node::map(Span::NOWHERE);
        for file in files {
            for document in file.documents {
                model = self.document(model, document, &file.path)?;
            }
        }
        finish::defaults(&mut model, &At::Root);
        finish::check(self.ctx, &model, &At::Root);
        if self.resolve_paths {
            Resolver {
                folder: &self.folder,
                home: self.home.as_deref(),
            }
            .resolve(&mut model, &At::Root);
        }
        finish::pass_environment(&mut model, &self.environment);
        (!self.ctx.has_failed()).then_some(model)
    }

    /// Puts one document onto the model.
    fn document(&mut self, mut model: Node, document: Document, path: &str) -> Option<Node> {
        let Document { mut root, resets } = document;
        self.replace_variables(&mut root);
        self.stop_if_failed()?;
        self.extend_services(&mut root, &resets, path, &mut Vec::new());
        self.stop_if_failed()?;
        reset(&mut model, &At::Root, &resets);
        self.include(&mut root, path)?;
        let mut model = merge(self.ctx, model, root, &At::Root);
        unique(self.ctx, &mut model, &At::Root);
        self.stop_if_failed()?;
        schema::validate(self.ctx, &model);
        if let Some(version) = model.remove("version") {
            self.ctx
                .warn_at(version.span, "version".to_owned(), Caution::ObsoleteVersion);
        }
        self.stop_if_failed()?;
        self.canonical(&mut model);
        Some(model)
    }

    fn stop_if_failed(&self) -> Option<()> {
        (!self.ctx.has_failed()).then_some(())
    }

    fn canonical(&mut self, model: &mut Node) {
        let strictness = if self.interpolate {
            Strictness::Refuse
        } else {
            Strictness::Leave
        };
        canonical(self.ctx, model, &At::Root, strictness);
        // A range of ports shows only now which of them an override names again.
        unique(self.ctx, model, &At::Root);
    }

    fn replace_variables(&mut self, root: &mut Node) {
        if self.interpolate {
            let environment = &self.environment;
            interpolate::tree(self.ctx, root, &At::Root, &|name| {
                environment.get(name).cloned()
            });
        }
    }

    /// Follows the `extends` of all services of a document.
    fn extend_services(
        &mut self,
        root: &mut Node,
        resets: &[Vec<String>],
        path: &str,
        chain: &mut Vec<(String, String)>,
    ) {
        let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) else {
            return;
        };
        let names: Vec<String> = services.keys().cloned().collect();
        for name in names {
            self.extend_service(services, &name, resets, path, chain);
        }
    }

    /// Follows the `extends` of one service, and those of what it extends. `chain` holds the services on the
    /// way, each with its file.
    fn extend_service(
        &mut self,
        services: &mut Map,
        name: &str,
        resets: &[Vec<String>],
        path: &str,
        chain: &mut Vec<(String, String)>,
    ) {
        let Some(service) = services.get(name).map(|entry| &entry.node) else {
            return;
        };
        let Some(extends) = service.get("extends").cloned() else {
            return;
        };
        let here = (path.to_owned(), name.to_owned());
        if let Some(start) = chain.iter().position(|step| *step == here) {
            let chain = chain[start..]
                .iter()
                .chain([&here])
                .map(|(file, service)| format!("`{service}` in {}", paths::base_name(file)))
                .collect();
            self.ctx.fail_at(
                extends.span,
                format!("services.{name}.extends"),
                Mistake::ExtendsCycle { chain },
            );
            return;
        }
        chain.push(here);
        if let Some(mut base) = self.base_service(services, name, &extends, resets, path, chain) {
            reset_service(&mut base, name, resets);
            let service = services[name].node.clone();
            let (parent, at) = (At::Root, "services");
            let at = parent.key(at);
            let mut merged = merge(self.ctx, base, service, &at.key(name));
            merged.remove("extends");
            services[name].node = merged;
        }
        chain.pop();
    }

    /// Finds the service that another one extends, with its own `extends` followed.
    fn base_service(
        &mut self,
        services: &mut Map,
        name: &str,
        extends: &Node,
        resets: &[Vec<String>],
        path: &str,
        chain: &mut Vec<(String, String)>,
    ) -> Option<Node> {
        let field = format!("services.{name}.extends");
        let base = extends
            .as_str()
            .or_else(|| extends.str_at("service"))
            .map(str::to_owned);
        let Some(base) = base else {
            self.ctx.fail_at(
                extends.span,
                field,
                Mistake::MissingField { key: "service" },
            );
            return None;
        };
        let Some(file) = extends.get("file") else {
            self.extend_service(services, &base, resets, path, chain);
            return self.found(services, &base, path, extends.span, field);
        };
        let reference = file.as_str().unwrap_or_default();
        if is_remote(reference) {
            self.ctx.fail_at(
                file.span,
                field,
                Mistake::RemoteFile {
                    reference: reference.to_owned(),
                },
            );
            return None;
        }
        let folder = self.folder.clone();
        let target = Resolver {
            folder: &folder,
            home: None,
        }
        .absolute(reference);
        let (mut other, resets) = self.base_file(&target, file.span, format!("{field}.file"))?;
        let services = other.get_mut("services").and_then(Node::as_map_mut)?;
        self.extend_service(services, &base, &resets, &target, chain);
        self.found(services, &base, &target, extends.span, field)
    }

    fn found(
        &mut self,
        services: &Map,
        base: &str,
        path: &str,
        span: Span,
        field: String,
    ) -> Option<Node> {
        match services.get(base).map(|entry| &entry.node) {
            Some(node) if node.is_null() => None,
            Some(node) => Some(node.clone()),
            None => {
                let hints = nearest(base, services.keys().map(String::as_str))
                    .map(|nearest| format!("did you mean `{nearest}`?"))
                    .into_iter()
                    .collect();
                let mistake = Mistake::NoBaseService {
                    base: base.to_owned(),
                    file: path.to_owned(),
                };
                self.ctx.fail_with(span, field, mistake, hints);
                None
            }
        }
    }

    /// Loads a file for the sake of a service that another file extends: no `include`, nothing checked, since
    /// only what comes out of it counts.
    fn base_file(
        &mut self,
        path: &str,
        span: Span,
        field: String,
    ) -> Option<(Node, Vec<Vec<String>>)> {
        let file = read(self.ctx, path, "file to extend from", span, field)?;
        let mut model = Node::map(Span::NOWHERE);
        let mut resets = Vec::new();
        for mut document in file.documents {
            self.replace_variables(&mut document.root);
            reset(&mut model, &At::Root, &document.resets);
            model = merge(self.ctx, model, document.root, &At::Root);
            unique(self.ctx, &mut model, &At::Root);
            self.canonical(&mut model);
            self.stop_if_failed()?;
            resets = document.resets;
        }
        if model.get("services").and_then(Node::as_map).is_none() {
            model.set("services", Node::map(Span::NOWHERE));
        }
        // Whatever the loader does with other paths: those of a base are relative to where it stands.
        Resolver {
            folder: &paths::parent(path),
            home: self.home.as_deref(),
        }
        .resolve(&mut model, &At::Root);
        Some((model, resets))
    }

    /// Brings the models of included files into a document.
    fn include(&mut self, root: &mut Node, path: &str) -> Option<()> {
        let Some(include) = root.remove("include") else {
            return Some(());
        };
        if include.is_null() {
            return Some(());
        }
        let Value::List(entries) = include.value else {
            self.ctx.fail_at(
                include.span,
                "include".to_owned(),
                Mistake::WrongType {
                    wanted: "a list".to_owned(),
                    found: include.value.kind(),
                },
            );
            return None;
        };
        for (index, entry) in entries.iter().enumerate() {
            let field = format!("include[{index}]");
            let Some(wanted) = Inclusion::read(self.ctx, entry, &field) else {
                continue;
            };
            let included = self.included_model(&wanted, path, &field)?;
            self.import(root, included, entry.span);
        }
        self.stop_if_failed()
    }

    fn included_model(&mut self, wanted: &Inclusion, path: &str, field: &str) -> Option<Node> {
        let paths: Vec<String> = wanted
            .paths
            .iter()
            .map(|path| paths::join(&self.folder, path))
            .collect();
        let first = paths.first()?;
        let here = path.to_owned();
        let chain: Vec<&String> = self.including.iter().chain([&here]).collect();
        if chain.contains(&first) {
            let chain = chain
                .into_iter()
                .chain([first])
                .map(|file| format!("`{file}`"))
                .collect();
            self.ctx.fail_at(
                wanted.span,
                field.to_owned(),
                Mistake::IncludeCycle { chain },
            );
            return None;
        }
        let folder = wanted.project_directory.as_ref().map_or_else(
            || paths::parent(first),
            |folder| paths::join(&self.folder, folder),
        );
        let mut environment = self.environment.clone();
        for (key, value) in self.included_variables(wanted, &folder)? {
            environment.entry(key).or_insert(value);
        }
        let mut files = Vec::with_capacity(paths.len());
        for path in &paths {
            files.push(read(
                self.ctx,
                path,
                "included file",
                wanted.span,
                field.to_owned(),
            )?);
        }
        let mut including = self.including.clone();
        including.push(path.to_owned());
        let mut loader = Loader {
            ctx: &mut *self.ctx,
            folder,
            home: self.home.clone(),
            environment,
            interpolate: self.interpolate,
            resolve_paths: true,
            including,
        };
        loader.model(files)
    }

    fn included_variables(&mut self, wanted: &Inclusion, folder: &str) -> Option<Environment> {
        let mut read = Environment::new();
        let default = paths::join(folder, ".env");
        let files: Vec<String> = match &wanted.env_files {
            files if !files.is_empty() => files
                .iter()
                .map(|file| paths::join(&self.folder, file))
                .collect(),
            _ if files::is_file(&default) => vec![default],
            _ => Vec::new(),
        };
        for file in files {
            let environment = self.environment.clone();
            read_env_file(self.ctx, &file, &mut read, &environment)?;
        }
        Some(read)
    }

    /// Adds what an included model defines; what is defined here as well has to be the same.
    fn import(&mut self, root: &mut Node, mut included: Node, span: Span) {
        for kind in [
            "services", "volumes", "networks", "secrets", "configs", "models",
        ] {
            let Some(Node {
                value: Value::Map(from),
                ..
            }) = included.remove(kind)
            else {
                continue;
            };
            if root.get(kind).and_then(Node::as_map).is_none() {
                root.set(kind, Node::map(span));
            }
            let Some(to) = root.get_mut(kind).and_then(Node::as_map_mut) else {
                continue;
            };
            for (name, entry) in from {
                match to.get(&name) {
                    Some(here) if here.node == entry.node => {}
                    Some(here) => {
                        let path = format!("{kind}.{name}");
                        let hint = self
                            .ctx
                            .sources
                            .place(entry.key)
                            .map(|place| format!("the included one is at {place}"));
                        self.ctx.fail_with(
                            here.key,
                            path,
                            Mistake::IncludeConflict { kind, name },
                            hint.into_iter().collect(),
                        );
                    }
                    None => {
                        to.insert(name, entry);
                    }
                }
            }
        }
    }
}

/// What one entry of `include` asks for.
struct Inclusion {
    paths: Vec<String>,
    project_directory: Option<String>,
    env_files: Vec<String>,
    span: Span,
}

impl Inclusion {
    fn read(ctx: &mut Context, entry: &Node, field: &str) -> Option<Self> {
        let texts = |node: Option<&Node>| -> Vec<String> {
            match node.map(|node| &node.value) {
                Some(Value::Str(text)) => vec![text.clone()],
                Some(Value::List(items)) => items
                    .iter()
                    .filter_map(|item| item.as_str().map(str::to_owned))
                    .collect(),
                _ => Vec::new(),
            }
        };
        let paths = if entry.as_str().is_some() {
            texts(Some(entry))
        } else {
            texts(entry.get("path"))
        };
        if paths.is_empty() {
            ctx.fail_at(
                entry.span,
                field.to_owned(),
                Mistake::MissingField { key: "path" },
            );
            return None;
        }
        if let Some(remote) = paths.iter().find(|path| is_remote(path)) {
            ctx.fail_at(
                entry.span,
                field.to_owned(),
                Mistake::RemoteFile {
                    reference: remote.clone(),
                },
            );
            return None;
        }
        let project_directory = entry
            .str_at("project_directory")
            .filter(|folder| !folder.is_empty())
            .map(str::to_owned);
        Some(Self {
            paths,
            project_directory,
            env_files: texts(entry.get("env_file")),
            span: entry.span,
        })
    }
}

/// Takes out of a model what a document resets.
fn reset(node: &mut Node, at: &At<'_>, resets: &[Vec<String>]) {
    if let Value::Map(map) = &mut node.value {
        map.retain(|key, entry| {
            let at = at.key(key);
            let steps = at.steps();
            if resets
                .iter()
                .any(|reset| reset.iter().map(String::as_str).eq(steps.iter().copied()))
            {
                return false;
            }
            reset(&mut entry.node, &at, resets);
            true
        });
    }
}

/// Takes out of a base what the service that extends it resets.
fn reset_service(base: &mut Node, name: &str, resets: &[Vec<String>]) {
    let root = At::Root;
    let services = root.key("services");
    reset(base, &services.key(name), resets);
}
