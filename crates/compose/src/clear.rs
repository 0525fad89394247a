//! Which variables of services have their values in the files themselves, in clear.
//!
//! It goes by the text at the place of a value and not by the value: whoever reads the file reads it there or does not.

use bowline_model::Origins;

use crate::context::Context;
use crate::interpolate;
use crate::source::Span;
use crate::tree::{Node, Value};

/// What YAML takes for no value at all.
const NOTHING: &[&str] = &["", "~", "null", "Null", "NULL"];

/// Notes every variable of a service whose value stands in a file as it is: not `${…}`, and not a name alone, which
/// takes its value from the shell.
pub(crate) fn note(ctx: &Context, root: &Node, origins: &mut Origins) {
    let services = root.get("services").and_then(Node::as_map);
    for (service, entry) in services.into_iter().flatten() {
        for (key, span) in variables(entry.node.get("environment"), ctx) {
            if let Some(place) = ctx.sources.place(span) {
                origins.insert_in_clear(service, &key, place);
            }
        }
    }
}

/// The keys whose values are written in clear, and where each of them is.
fn variables(environment: Option<&Node>, ctx: &Context) -> Vec<(String, Span)> {
    let pairs: Vec<(&str, Span)> = match environment.map(|node| &node.value) {
        Some(Value::Map(map)) => {
            let pairs = map.iter();
            pairs
                .map(|(key, entry)| (key.as_str(), entry.node.span))
                .collect()
        }
        // A list, or mappings of several files put together.
        Some(Value::List(items)) => {
            let pairs = items.iter().filter_map(|item| {
                let (key, _) = item.as_str()?.split_once('=')?;
                Some((key, item.span))
            });
            pairs.collect()
        }
        _ => Vec::new(),
    };
    let written = pairs
        .into_iter()
        .filter(|(key, span)| is_written(key, &text(ctx, *span)));
    written.map(|(key, span)| (key.to_owned(), span)).collect()
}

/// Whether a text of a file is the value of a key: not nothing, not the key alone, and nothing in it is filled in.
fn is_written(key: &str, text: &str) -> bool {
    let text = text.trim();
    let is_key = text.trim_matches(['"', '\'']) == key;
    let mut filled = Vec::new();
    interpolate::variables(text, &mut filled);
    !NOTHING.contains(&text) && !is_key && filled.is_empty()
}

/// What stands in the file at a span.
fn text(ctx: &Context, span: Span) -> String {
    let text = ctx.sources.text(span.file);
    let found = text.get(span.start as usize..span.end as usize);
    found.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use bowline_model::Secret;

    use crate::{Files, Request, load};

    /// The places of the variables of `web` that stand in clear.
    fn in_clear(files: &[(&str, &str)], keys: &[&str]) -> Vec<String> {
        let given = files.iter();
        let texts = given.map(|(name, text)| (format!("/p/{name}"), text.as_bytes().to_vec()));
        let named = files.iter().filter(|(name, _)| *name != "web.env");
        let request = Request {
            current_dir: "/p".to_owned(),
            files: named.map(|(name, _)| (*name).to_owned()).collect(),
            environment: [("FROM_SHELL".to_owned(), Secret::new("hunter2"))].into(),
            read_from: Files::in_memory(texts),
            ..Request::default()
        };
        let project = load(&request).expect("the project loads").project;
        let found = keys.iter().filter_map(|key| {
            let place = project.origins.in_clear("web", key)?;
            Some(format!("{key} {place}"))
        });
        found.collect()
    }

    #[test]
    fn a_value_is_in_clear_where_the_file_itself_has_it_in_a_mapping() {
        let text = "services:\n  web:\n    image: x\n    env_file: web.env\n    environment:\n      PLAIN: hunter2\n      \
                    QUOTED: \"hun$$ter2\"\n      FILLED: ${FROM_SHELL}\n      MIXED: a-${FROM_SHELL:-hunter2}\n      \
                    FROM_SHELL:\n      NOTHING: null\n";
        let keys = [
            "PLAIN",
            "QUOTED",
            "FILLED",
            "MIXED",
            "FROM_SHELL",
            "NOTHING",
            "FROM_FILE",
        ];
        let files = [("compose.yaml", text), ("web.env", "FROM_FILE=hunter2\n")];
        assert_eq!(
            in_clear(&files, &keys),
            ["PLAIN compose.yaml:6:14", "QUOTED compose.yaml:7:15"]
        );
    }

    #[test]
    fn a_value_is_in_clear_where_the_file_itself_has_it_in_a_list() {
        let text = "services:\n  web:\n    image: x\n    environment:\n      - PLAIN=hunter2\n      \
                    - FILLED=$FROM_SHELL\n      - FROM_SHELL\n";
        let files = [("compose.yaml", text)];
        assert_eq!(
            in_clear(&files, &["PLAIN", "FILLED", "FROM_SHELL"]),
            ["PLAIN compose.yaml:5:9"]
        );
    }

    #[test]
    fn the_file_that_wins_says_whether_a_value_is_in_clear() {
        let base = "services:\n  web:\n    image: x\n    environment: {ONE: hunter2, TWO: \"${FROM_SHELL}\"}\n";
        let over = "services:\n  web:\n    environment: {ONE: \"${FROM_SHELL}\", TWO: hunter2}\n";
        let files = [("compose.yaml", base), ("over.yaml", over)];
        assert_eq!(in_clear(&files, &["ONE", "TWO"]), ["TWO over.yaml:3:46"]);
    }
}
