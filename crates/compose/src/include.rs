//! `include`: other files as models of their own, with their own folder and variables.

use std::collections::HashMap;

use crate::context::Context;
use crate::env_files;
use crate::finish::Environment;
use crate::load::{Loader, read};
use crate::paths;
use crate::problem::Mistake;
use crate::request::is_remote;
use crate::source::Span;
use crate::tree::{Node, Value};

/// How many files may include one another in a row.
const CHAIN_LIMIT: usize = 100;

impl Loader<'_> {
    /// Brings the models of included files into a document.
    pub(crate) fn include(&mut self, root: &mut Node, path: &str) -> Option<()> {
        let Some(include) = root.remove("include").filter(|include| !include.is_null()) else {
            return Some(());
        };
        let Value::List(entries) = include.value else {
            let mistake = Mistake::WrongType {
                wanted: "a list".to_owned(),
                found: include.value.kind(),
            };
            self.ctx
                .fail_at(include.span, "include".to_owned(), mistake);
            return None;
        };
        for (index, entry) in entries.iter().enumerate() {
            let field = format!("include[{index}]");
            let wanted = Inclusion::read(self.ctx, entry, &field)?;
            let included = self.included_model(&wanted, path, &field)?;
            self.import(root, included, entry.span);
        }
        Some(())
    }

    fn included_model(&mut self, wanted: &Inclusion, path: &str, field: &str) -> Option<Node> {
        let paths: Vec<String> = wanted
            .paths
            .iter()
            .map(|path| paths::join(&self.folder, path))
            .collect();
        let first = paths.first()?;
        let mut including = self.including.clone();
        including.push(path.to_owned());
        if let Some(mistake) = endless(self.ctx, &including, &paths) {
            self.ctx.fail_at(wanted.span, field.to_owned(), mistake);
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
            let (span, field) = (wanted.span, field.to_owned());
            files.push(read(self.ctx, path, "included file", span, field)?);
        }
        let mut loader = Loader {
            ctx: &mut *self.ctx,
            folder,
            home: self.home.clone(),
            environment,
            interpolate: self.interpolate,
            resolve_paths: true,
            including,
            bases: HashMap::new(),
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
            _ if self.ctx.files.is_file(&default) => vec![default],
            _ => Vec::new(),
        };
        for file in files {
            env_files::read_for_interpolation(self.ctx, &file, &mut read, &self.environment)?;
        }
        Some(read)
    }

    /// Adds what an included model defines; what is defined here as well has to be the same.
    fn import(&mut self, root: &mut Node, mut included: Node, span: Span) {
        for kind in [
            "services", "volumes", "networks", "secrets", "configs", "models",
        ] {
            let Some(Value::Map(from)) = included.remove(kind).map(|section| section.value) else {
                continue;
            };
            if root.get(kind).and_then(Node::as_map).is_none() {
                root.set(kind, Node::map(span));
            }
            let Some(to) = root.get_mut(kind).and_then(Node::as_map_mut) else {
                continue;
            };
            for (name, entry) in from {
                let Some(here) = to.get(&name) else {
                    to.insert(name, entry);
                    continue;
                };
                if here.node != entry.node {
                    let other = self.ctx.sources.place(entry.key);
                    let hint = other.map(|place| {
                        format!(
                            "the other one is at {place}; keep one of them, or make them the same"
                        )
                    });
                    let (path, hints) = (format!("{kind}.{name}"), hint.into_iter().collect());
                    let mistake = Mistake::IncludeConflict { kind, name };
                    self.ctx.fail_with(here.key, path, mistake, hints);
                }
            }
        }
    }
}

/// Says why files cannot be included into these, if they cannot.
fn endless(ctx: &Context, including: &[String], paths: &[String]) -> Option<Mistake> {
    if let Some(again) = paths.iter().find(|path| including.contains(path)) {
        let chain = including
            .iter()
            .chain([again])
            .map(|file| format!("`{}`", ctx.sources.shown_name(file)))
            .collect();
        return Some(Mistake::IncludeCycle { chain });
    }
    (including.len() > CHAIN_LIMIT).then_some(Mistake::ChainTooLong {
        of: "include",
        limit: CHAIN_LIMIT,
    })
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
        let paths = texts(if entry.as_str().is_some() {
            Some(entry)
        } else {
            entry.get("path")
        });
        let mistake = if paths.is_empty() {
            Some(Mistake::MissingField { key: "path" })
        } else {
            paths.iter().find(|path| is_remote(path)).map(|remote| {
                let reference = remote.clone();
                Mistake::RemoteFile { reference }
            })
        };
        if let Some(mistake) = mistake {
            ctx.fail_at(entry.span, field.to_owned(), mistake);
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

/// A text, or a list of texts.
fn texts(node: Option<&Node>) -> Vec<String> {
    match node.map(|node| &node.value) {
        Some(Value::Str(text)) => vec![text.clone()],
        Some(Value::List(items)) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}
