//! The load order: files, documents, `extends`, `include`, merging, and then everything that needs the whole.
//!
//! For each document of each file: variables are replaced, `extends` is followed, what `!reset` and
//! `!override` name is taken out of the model so far, `include`d files are brought in, the document is merged
//! onto the model, the result is held against the table of fields and brought into its long forms. After all
//! files: defaults, rules between fields, absolute paths, values passed through, and what Compose adds by
//! itself.

use std::collections::HashMap;

use crate::canonical::{Strictness, canonical};
use crate::context::Context;
use crate::extends::Base;
use crate::finish::{self, Environment};
use crate::interpolate;
use crate::merge::{merge, unique};
use crate::paths::Resolver;
use crate::problem::{Caution, Mistake};
use crate::schema;
use crate::source::Span;
use crate::tree::{At, Node, Value};
use crate::yaml::{self, Document, Resets};

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
    /// The files read so far for the sake of services that others extend, by path.
    pub(crate) bases: HashMap<String, Base>,
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
    match ctx.read(path, kind) {
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
    let is_parsed = ctx.problems.len() == before;
    for document in documents.iter().filter(|_| is_parsed) {
        if document.root.as_map().is_none() {
            let found = document.root.value.kind();
            let mistake = Mistake::NotAMapping { found };
            ctx.fail_at(document.root.span, String::new(), mistake);
        }
    }
    (ctx.problems.len() == before).then(|| File {
        path: path.to_owned(),
        documents,
    })
}

impl Loader<'_> {
    /// Loads files into one model. What is wrong with values is reported, and the model is returned all the
    /// same, so that more can be found; nothing is returned where a part of it is missing.
    pub(crate) fn model(&mut self, files: Vec<File>) -> Option<Node> {
        let mut model = Node::map(Span::NOWHERE);
        for file in files {
            for document in file.documents {
                model = self.document(model, document, &file.path)?;
            }
        }
        self.ctx.next_stage();
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
        Some(model)
    }

    /// Puts one document onto the model.
    fn document(&mut self, mut model: Node, document: Document, path: &str) -> Option<Node> {
        let Document { mut root, resets } = document;
        self.ctx.next_stage();
        self.replace_variables(&mut root);
        self.ctx.go_on()?;
        self.ctx.next_stage();
        self.extend_services(&mut root, &resets, path);
        self.ctx.go_on()?;
        self.ctx.next_stage();
        reset(&mut model, &At::Root, &resets);
        self.include(&mut root, path)?;
        let mut model = self.put(model, root);
        self.ctx.go_on()?;
        self.ctx.next_stage();
        schema::validate(self.ctx, &model);
        if let Some(version) = model.remove("version") {
            self.ctx
                .warn_at(version.span, "version".to_owned(), Caution::ObsoleteVersion);
        }
        self.ctx.next_stage();
        self.canonical(&mut model);
        self.ctx.go_on()?;
        Some(model)
    }

    /// Puts a document onto the model so far; of list entries that mean the same the last is kept.
    pub(crate) fn put(&mut self, model: Node, root: Node) -> Node {
        let mut merged = merge(self.ctx, model, root, &At::Root);
        unique(self.ctx, &mut merged, &At::Root);
        merged
    }

    pub(crate) fn canonical(&mut self, model: &mut Node) {
        let strictness = if self.interpolate {
            Strictness::Refuse
        } else {
            Strictness::Leave
        };
        canonical(self.ctx, model, &At::Root, strictness);
        // A range of ports shows only now which of them an override names again.
        unique(self.ctx, model, &At::Root);
    }

    pub(crate) fn replace_variables(&mut self, root: &mut Node) {
        if self.interpolate {
            let environment = &self.environment;
            interpolate::tree(self.ctx, root, &At::Root, &|name| {
                environment.get(name).map(String::as_str)
            });
        }
    }
}

/// Takes out of a model what a document resets.
pub(crate) fn reset(node: &mut Node, at: &At<'_>, resets: &Resets) {
    if resets.is_empty() {
        return;
    }
    if let Value::Map(map) = &mut node.value {
        map.retain(|key, entry| {
            let at = at.key(key);
            if resets.contains(&at) {
                return false;
            }
            reset(&mut entry.node, &at, resets);
            true
        });
    }
}
