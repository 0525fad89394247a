//! `extends`: what a service takes over from another one, of the same file or of another.

use crate::load::{Loader, read, reset};
use crate::merge::merge;
use crate::paths::{self, Resolver};
use crate::problem::Mistake;
use crate::request::is_remote;
use crate::source::Span;
use crate::tree::{At, Map, Node};
use crate::yaml::Resets;
use bowline_model::nearest;

/// How many services may extend one another in a row.
const CHAIN_LIMIT: usize = 100;

/// A file that services of other files extend. Its services lose their own `extends` as they are used.
pub(crate) struct Base {
    services: Map,
    resets: Resets,
}

/// The services on the way to a base, each with its file.
type Chain = Vec<(String, String)>;

impl Loader<'_> {
    /// Follows the `extends` of all services of a document.
    pub(crate) fn extend_services(&mut self, root: &mut Node, resets: &Resets, path: &str) {
        let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) else {
            return;
        };
        let names: Vec<String> = services.keys().cloned().collect();
        for name in names {
            self.extend_service(services, &name, resets, path, &mut Chain::new());
        }
    }

    /// Follows the `extends` of one service, and those of what it extends.
    fn extend_service(
        &mut self,
        services: &mut Map,
        name: &str,
        resets: &Resets,
        path: &str,
        chain: &mut Chain,
    ) {
        let service = services.get(name).map(|entry| &entry.node);
        let Some(extends) = service.and_then(|service| service.get("extends")).cloned() else {
            return;
        };
        let here = (path.to_owned(), name.to_owned());
        if let Some(mistake) = endless(chain, &here) {
            let field = format!("services.{name}.extends");
            self.ctx.fail_at(extends.span, field, mistake);
            return;
        }
        chain.push(here);
        if let Some(mut base) = self.base_service(services, name, &extends, resets, path, chain) {
            let root = At::Root;
            let section = root.key("services");
            let at = section.key(name);
            reset(&mut base, &at, resets);
            let service = services[name].node.clone();
            let mut merged = merge(self.ctx, base, service, &at);
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
        resets: &Resets,
        path: &str,
        chain: &mut Chain,
    ) -> Option<Node> {
        let field = format!("services.{name}.extends");
        let base = extends.as_str().or_else(|| extends.str_at("service"));
        let Some(base) = base else {
            let mistake = Mistake::MissingField { key: "service" };
            self.ctx.fail_at(extends.span, field, mistake);
            return None;
        };
        let Some(file) = extends.get("file") else {
            self.extend_service(services, base, resets, path, chain);
            return self.found(services, base, path, extends, field);
        };
        let reference = file.as_str().unwrap_or_default();
        if is_remote(reference) {
            let reference = reference.to_owned();
            let mistake = Mistake::RemoteFile { reference };
            self.ctx.fail_at(file.span, field, mistake);
            return None;
        }
        let target = Resolver {
            folder: &self.folder,
            home: None,
        }
        .absolute(reference);
        let mut other = match self.bases.remove(&target) {
            Some(known) => known,
            None => self.base_file(&target, file.span, format!("{field}.file"))?,
        };
        self.extend_service(&mut other.services, base, &other.resets, &target, chain);
        let found = self.found(&other.services, base, &target, extends, field);
        self.bases.insert(target, other);
        found
    }

    fn found(
        &mut self,
        services: &Map,
        base: &str,
        path: &str,
        extends: &Node,
        field: String,
    ) -> Option<Node> {
        match services.get(base).map(|entry| &entry.node) {
            Some(node) if node.is_null() => None,
            Some(node) => {
                let fits = self.ctx.spend(node.size(), extends.span);
                fits.then(|| node.clone())
            }
            None => {
                let hint = nearest(base, services.keys().map(String::as_str))
                    .map(|nearest| format!("did you mean `{nearest}`?"));
                let name = extends.get("service").unwrap_or(extends);
                let mistake = Mistake::NoBaseService {
                    base: base.to_owned(),
                    file: self.ctx.sources.shown_name(path).to_owned(),
                };
                let hints = hint.into_iter().collect();
                self.ctx.fail_with(name.span, field, mistake, hints);
                None
            }
        }
    }

    /// Loads a file for the sake of a service that another file extends: no `include`, nothing checked, since
    /// only what comes out of it counts.
    fn base_file(&mut self, path: &str, span: Span, field: String) -> Option<Base> {
        let file = read(self.ctx, path, "file to extend from", span, field)?;
        let mut model = Node::map(Span::NOWHERE);
        let mut resets = Resets::default();
        for mut document in file.documents {
            self.replace_variables(&mut document.root);
            reset(&mut model, &At::Root, &document.resets);
            model = self.put(model, document.root);
            self.canonical(&mut model);
            resets = document.resets;
        }
        // Whatever the loader does with other paths: those of a base are relative to where it stands.
        Resolver {
            folder: &paths::parent(path),
            home: self.home.as_deref(),
        }
        .resolve(&mut model, &At::Root);
        let services = model.get_mut("services").and_then(Node::as_map_mut);
        Some(Base {
            services: services.map(std::mem::take).unwrap_or_default(),
            resets,
        })
    }
}

/// Says why a chain of services cannot go on with this one, if it cannot.
fn endless(chain: &Chain, here: &(String, String)) -> Option<Mistake> {
    if let Some(start) = chain.iter().position(|step| step == here) {
        let chain = chain[start..]
            .iter()
            .chain([here])
            .map(|(file, service)| format!("`{service}` in {}", paths::base_name(file)))
            .collect();
        return Some(Mistake::ExtendsCycle { chain });
    }
    (chain.len() >= CHAIN_LIMIT).then_some(Mistake::ChainTooLong {
        of: "extends",
        limit: CHAIN_LIMIT,
    })
}
