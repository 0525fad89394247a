//! What of a user's own recipe may be written down where others read it.

use std::sync::LazyLock;

use regex::Regex;
use toml::{Table, Value};

use crate::load::{self, Source};

/// Fields with one of a few words: no text that anybody made up.
const CLOSED: &[&str] = &["by", "proof", "same_as", "says", "speaks"];

/// Where a pattern keeps something: `(?<host>`. The name is one of a few words as well.
static NAMED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\(\?P?<[a-z_]+>").expect("it is one"));

impl Source<'_> {
    /// The recipe as it may be kept in a recording: without comments and without the password that a server takes where
    /// nobody tells it one, and every other text as `mask` leaves it. A pattern that is none any more is left out. `None`
    /// where it is no recipe.
    pub fn kept(&self, mask: &dyn Fn(&str) -> String) -> Option<String> {
        let mut table: Table = toml::from_str(self.text).ok()?;
        for login in tables(&mut table, "login") {
            if let Some(Value::Table(password)) = login.get_mut("password") {
                password.remove("default");
            }
        }
        for line in tables(&mut table, "line") {
            let kept = line.remove("match").map(|it| kept_patterns(&it, mask));
            for (key, value) in &mut *line {
                hide(key, value, mask);
            }
            line.extend(kept.map(|kept| ("match".to_owned(), kept)));
        }
        for (key, value) in &mut table {
            if key != "line" {
                hide(key, value, mask);
            }
        }
        toml::to_string(&table).ok()
    }
}

/// The tables of a list: `[[line]]`.
fn tables<'t>(table: &'t mut Table, key: &str) -> impl Iterator<Item = &'t mut Table> {
    let list = table.get_mut(key).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_table_mut)
}

/// Masks every text in a value but those that are one of a few words.
fn hide(key: &str, value: &mut Value, mask: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) if !CLOSED.contains(&key) => *text = mask(text),
        Value::Array(values) => {
            for value in values {
                hide(key, value, mask);
            }
        }
        Value::Table(table) => {
            for (key, value) in table {
                hide(key, value, mask);
            }
        }
        _ => {}
    }
}

/// The patterns of a line, masked, without those that are none any more: a value may have had a bracket.
fn kept_patterns(patterns: &Value, mask: &dyn Fn(&str) -> String) -> Value {
    let patterns = match patterns {
        Value::Array(patterns) => patterns.as_slice(),
        one => std::slice::from_ref(one),
    };
    let masked = patterns.iter().filter_map(|pattern| {
        let masked = masked_pattern(pattern.as_str()?, mask);
        let regex = load::compile(&masked).ok()?;
        (!regex.is_match(b"")).then_some(Value::String(masked))
    });
    Value::Array(masked.collect())
}

/// A pattern with its texts masked, and the names of what it keeps as they are.
fn masked_pattern(pattern: &str, mask: &dyn Fn(&str) -> String) -> String {
    let mut masked = String::new();
    let mut rest = 0;
    for named in NAMED.find_iter(pattern) {
        masked.push_str(&mask(&pattern[rest..named.start()]));
        masked.push_str(named.as_str());
        rest = named.end();
    }
    masked.push_str(&mask(&pattern[rest..]));
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Recipes, Says};

    fn kept(text: &str) -> String {
        let source = Source {
            name: "till",
            file: "recipes/till/recipe.toml",
            text,
        };
        let mask = |text: &str| text.replace("hunter(2", "#1").replace("database", "#2");
        source.kept(&mask).unwrap()
    }

    #[test]
    fn nothing_secret_of_a_recipe_is_kept_and_it_reads_its_lines_as_before() {
        let text = kept(
            r#"
            # the password is hunter(2
            about = "the till of hunter(2"
            [[login]]
            only_first = true
            password = { keys = ["TILL_PASSWORD"], default = "opensesame" }
            [[line]]
            says = "database_missing"
            by = "either"
            captures = { database = "hunter(2" }
            match = ['no database (?<database>\w+)', 'by hunter(2)', 'it is gone']
            "#,
        );
        for secret in ["hunter", "opensesame", "no database"] {
            assert!(!text.contains(secret), "{text}");
        }
        let source = Source {
            name: "till",
            file: "recipes/till/recipe.toml",
            text: &text,
        };
        let recipes = Recipes::with(&[source]).unwrap();
        let line = recipes.reading(None).line("no #2 books").unwrap();
        assert_eq!(line.says, Says::DatabaseMissing);
        assert_eq!(line.captures["database"], "books");
        // What would be no pattern any more is gone, and the others are there.
        assert_eq!(recipes.reading(None).line("by #1"), None);
        assert!(recipes.reading(None).line("it is gone").is_some());
    }
}
