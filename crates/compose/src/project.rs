//! The two ways to load: as a project, or as the merged tree with its variables still in place.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use bowline_model::{
    FileObject, LanguageModel, Network, Origins, Project, Secret, Service, Volume,
};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::clear;
use crate::consistency;
use crate::context::Context;
use crate::env_files;
use crate::files;
use crate::finish::{self, VALUE_KEY};
use crate::interpolate::{self, VariableUse};
use crate::load::{self, Loader};
use crate::problem::{Caution, Mistake};
use crate::report::{LoadError, Report};
use crate::request::{self, Located, Request};
use crate::schema::{self, ROOT};
use crate::select;
use crate::source::Span;
use crate::tree::{At, Node, Value};

/// A loaded project with what is surprising about it.
pub struct Loaded {
    /// The project.
    pub project: Project,
    /// What is legal and probably not meant.
    pub warnings: Report<Caution>,
}

impl fmt::Debug for Loaded {
    /// Names the services without showing values: any of them may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<_> = self.project.services.keys().collect();
        f.debug_struct("Loaded")
            .field("project", &self.project.name)
            .field("services", &services)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// A loaded tree: merged and in its long forms, with its variables still in place.
pub struct Model {
    root: Node,
    /// What is legal and probably not meant.
    pub warnings: Report<Caution>,
}

impl fmt::Debug for Model {
    /// Names the services without showing values: any of them may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("services", &self.services())
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Loads a project.
///
/// # Errors
///
/// All independent mistakes that were found, with their places.
pub fn load(request: &Request) -> Result<Loaded, LoadError> {
    let mut ctx = Context::new(&request.read_from, &request.current_dir);
    let project = load_project(&mut ctx, request);
    match project {
        Some(project) if !ctx.has_failed() => Ok(Loaded {
            project,
            warnings: Report::new(ctx.warnings, ctx.sources),
        }),
        _ => Err(LoadError::new(ctx)),
    }
}

/// Loads the merged tree; variables are left in place where the request says so.
///
/// # Errors
///
/// All independent mistakes that were found, with their places.
pub fn load_model(request: &Request) -> Result<Model, LoadError> {
    let mut ctx = Context::new(&request.read_from, &request.current_dir);
    match load_tree(&mut ctx, request) {
        Some((root, ..)) if !ctx.has_failed() => Ok(Model {
            root,
            warnings: Report::new(ctx.warnings, ctx.sources),
        }),
        _ => Err(LoadError::new(ctx)),
    }
}

impl Model {
    /// The tree as plain values.
    pub fn to_json(&self) -> Json {
        schema::plain(&self.root)
    }

    /// The names of its services, in the order in which they were written.
    pub fn services(&self) -> Vec<String> {
        self.root
            .get("services")
            .and_then(Node::as_map)
            .into_iter()
            .flat_map(|services| services.keys().cloned())
            .collect()
    }

    /// The variables that it uses, by name; of several uses the last one counts.
    pub fn variables(&self) -> BTreeMap<String, VariableUse> {
        let mut found = Vec::new();
        collect_variables(&self.root, &mut found);
        found
            .into_iter()
            .map(|variable| (variable.name.clone(), variable))
            .collect()
    }
}

fn collect_variables(node: &Node, found: &mut Vec<VariableUse>) {
    match &node.value {
        Value::Str(text) => interpolate::variables(text, found),
        Value::List(items) => items.iter().for_each(|item| collect_variables(item, found)),
        Value::Map(map) => map
            .values()
            .for_each(|entry| collect_variables(&entry.node, found)),
        _ => {}
    }
}

fn load_tree(ctx: &mut Context, request: &Request) -> Option<(Node, String, Located)> {
    let mut located = request::locate(ctx, request)?;
    let mut files = Vec::with_capacity(located.files.len());
    for path in &located.files {
        let file = if path == "-" {
            match files::decode(path, "Compose file", request.stdin.clone()) {
                Ok(text) => load::parse(ctx, path, text),
                Err(mistake) => {
                    ctx.refuse(mistake);
                    None
                }
            }
        } else {
            load::read(ctx, path, "Compose file", Span::NOWHERE, String::new())
        };
        files.extend(file);
    }
    if ctx.has_failed() {
        return None;
    }
    let name = project_name(ctx, request, &located, &files)?;
    located
        .environment
        .insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());
    let mut loader = Loader {
        ctx,
        folder: located.folder.clone(),
        home: located.home.clone(),
        environment: located.environment.clone(),
        interpolate: !request.no_interpolate,
        resolve_paths: !request.no_path_resolution,
        including: Vec::new(),
        bases: HashMap::new(),
    };
    let mut root = loader.model(files)?;
    if root.as_map().is_none_or(indexmap::IndexMap::is_empty) {
        let files = located.files;
        ctx.refuse(Mistake::Empty { files });
        return None;
    }
    if name.is_empty() {
        ctx.refuse(Mistake::NoProjectName);
        return None;
    }
    if !request.no_normalize {
        let span = root.get("name").map_or(Span::NOWHERE, |node| node.span);
        root.set("name", Node::text(name.clone(), span));
        finish::normalize(&mut root, &name, &located.environment);
    }
    Some((root, name, located))
}

/// The name given on the command line, in the environment, in the files (the last one), or by the folder.
fn project_name(
    ctx: &mut Context,
    request: &Request,
    located: &Located,
    files: &[load::File],
) -> Option<String> {
    if let Some(name) = request::explicit_name(ctx, request, &located.environment).ok()? {
        return Some(name);
    }
    let mut named = files
        .iter()
        .flat_map(|file| &file.documents)
        .filter_map(|document| document.root.get("name"));
    let Some(node) = named.rfind(|node| node.as_str().is_some_and(|name| !name.is_empty())) else {
        return Some(request::name_of_folder(ctx, &located.folder));
    };
    let text = node.as_str().unwrap_or_default();
    if request.no_interpolate {
        return Some(request::normal_name(text));
    }
    let lookup = |name: &str| located.environment.get(name).map(String::as_str);
    match interpolate::substitute(text, &lookup) {
        Ok(substituted) => Some(request::normal_name(&substituted.text)),
        Err(error) => {
            interpolate::report(ctx, node.span, &At::Root.key("name"), text, error);
            None
        }
    }
}

fn load_project(ctx: &mut Context, request: &Request) -> Option<Project> {
    let (root, name, located) = load_tree(ctx, request)?;
    let spans = Spans::of(&root);
    let mut project = read_project(ctx, &root)?;
    project.name = name;
    project.working_dir.clone_from(&located.folder);
    project.compose_files.clone_from(&located.files);
    project.environment = located
        .environment
        .iter()
        .map(|(key, value)| (key.clone(), Secret::new(value.clone())))
        .collect();
    select::apply_profiles(&mut project, &located.profiles);
    for service in project.services.values_mut() {
        if let (Some(scale), Some(deploy)) = (service.scale, &mut service.deploy) {
            deploy.replicas.get_or_insert(scale);
        }
    }
    let is_whole = ctx.is_sound_around_services();
    ctx.next_stage();
    if !request.no_consistency && is_whole {
        consistency::check(ctx, &project, &|path| spans.nearest(path));
        warn_of_oddities(ctx, &project, &spans);
    }
    if !request.no_env_resolution {
        env_files::resolve_environment(ctx, &mut project, &located.environment, &spans);
    }
    env_files::resolve_labels(ctx, &mut project, &spans);
    if ctx.has_failed() {
        return None;
    }
    if let Err(mistake) = select::select(&mut project, &located.profiles, &request.services) {
        ctx.refuse(mistake);
        return None;
    }
    if !request.all_resources {
        select::drop_unused(&mut project);
    }
    project.origins = spans.origins(ctx);
    clear::note(ctx, &root, &mut project.origins);
    Some(project)
}

/// Reads the merged tree as a project. Values that cannot be read are reported and left out; nothing is
/// returned where a whole service or the like cannot be read.
fn read_project(ctx: &mut Context, root: &Node) -> Option<Project> {
    ctx.next_stage();
    let json = schema::lower(ctx, root, &At::Root, &schema::Shape::Record(&ROOT));
    ctx.next_stage();
    let services = section::<Service>(ctx, root, &json, "services");
    let networks = section::<Network>(ctx, root, &json, "networks");
    let volumes = section::<Volume>(ctx, root, &json, "volumes");
    let secrets = section::<FileObject>(ctx, root, &json, "secrets");
    let configs = section::<FileObject>(ctx, root, &json, "configs");
    let models = section::<LanguageModel>(ctx, root, &json, "models");
    let mut project = Project {
        services: services?,
        networks: networks?,
        volumes: volumes?,
        secrets: secrets?,
        configs: configs?,
        models: models?,
        ..Project::default()
    };
    if let Some(Json::Object(extensions)) = json.get("#extensions") {
        project.extensions.clone_from(extensions);
    }
    for object in project
        .secrets
        .values_mut()
        .chain(project.configs.values_mut())
    {
        if let Some(Json::String(value)) = object.extensions.shift_remove(VALUE_KEY) {
            object.value = Some(Secret::new(value));
        }
    }
    Some(project)
}

/// Reads one section of a project; its values have all been looked at, so what does not fit here is a value
/// that no field of that kind can hold (a negative count, say). Nothing is returned where one does not fit.
fn section<T: DeserializeOwned + Default>(
    ctx: &mut Context,
    root: &Node,
    json: &Json,
    name: &str,
) -> Option<BTreeMap<String, T>> {
    let mut section = Some(BTreeMap::new());
    let entries = json.get(name).and_then(Json::as_object);
    for (key, value) in entries.into_iter().flatten() {
        match serde_json::from_value::<Option<T>>(value.clone()) {
            Ok(value) => {
                if let Some(section) = &mut section {
                    section.insert(key.clone(), value.unwrap_or_default());
                }
            }
            Err(error) => {
                section = None;
                let node = root.get(name).and_then(|node| node.get(key));
                let span = node.map_or(Span::NOWHERE, |node| node.span);
                let reason = error.to_string();
                let mistake = Mistake::Unreadable { reason };
                ctx.fail_at(span, format!("{name}.{key}"), mistake);
            }
        }
    }
    section
}

fn warn_of_oddities(ctx: &mut Context, project: &Project, spans: &Spans) {
    for (name, service) in &project.services {
        let Some(check) = &service.healthcheck else {
            continue;
        };
        if check.start_interval.is_some() && check.start_period.is_none() {
            let path = format!("services.{name}.healthcheck.start_interval");
            ctx.warn_at(spans.nearest(&path), path, Caution::InertStartInterval);
        }
    }
}

/// The spans of all fields of a tree, by path.
pub(crate) struct Spans(BTreeMap<String, Span>);

impl Spans {
    fn of(root: &Node) -> Self {
        let mut spans = BTreeMap::new();
        collect_spans(root, &At::Root, &mut spans);
        Self(spans)
    }

    /// The span of a field, or else of the closest one around it.
    pub(crate) fn nearest(&self, path: &str) -> Span {
        let mut path = path;
        loop {
            if let Some(span) = self.0.get(path) {
                return *span;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return Span::NOWHERE,
            }
        }
    }

    fn origins(&self, ctx: &Context) -> Origins {
        let mut origins = Origins::default();
        for (path, span) in &self.0 {
            if let Some(place) = ctx.sources.place(*span) {
                origins.insert(path.clone(), place);
            }
        }
        origins
    }
}

fn collect_spans(node: &Node, at: &At<'_>, spans: &mut BTreeMap<String, Span>) {
    if node.span.is_somewhere() {
        spans.insert(at.to_string(), node.span);
    }
    match &node.value {
        Value::Map(map) => map
            .iter()
            .for_each(|(key, entry)| collect_spans(&entry.node, &at.key(key), spans)),
        Value::List(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| collect_spans(item, &at.item(index), spans)),
        _ => {}
    }
}
