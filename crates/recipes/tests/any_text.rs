//! No text makes reading fail, and no recipe makes loading panic.

use bowline_recipes::{Recipes, Source};
use proptest::prelude::*;

/// Pieces of real lines, so that texts come near to what is looked for.
const PIECES: &[&str] = &[
    "FATAL:  ",
    "password authentication failed for user \"",
    "\"",
    "connection to server at \"",
    ", port ",
    " failed: ",
    "Connection refused",
    "dial tcp ",
    "[::1]",
    ":5432",
    "getaddrinfo ",
    "ENOTFOUND ",
    "upstream: \"http://",
    "open() \"",
    " (13: Permission denied)",
    "KeyError: '",
    "é",
    "\u{1b}[0m",
    "\t",
    "exec /x: ",
    "no such file or directory",
];

proptest! {
    #[test]
    fn any_line_is_read(line in "\\PC{0,200}") {
        let recipes = Recipes::builtin();
        recipes.reading(None).line(&line);
        recipes.reading(recipes.named("postgres")).line(&line);
    }

    #[test]
    fn any_mixture_of_real_pieces_is_read_the_same_way_twice(
        pieces in prop::collection::vec((prop::sample::select(PIECES), ".{0,8}"), 0..8)
    ) {
        let line: String = pieces.iter().flat_map(|(piece, text)| [*piece, text.as_str()]).collect();
        let recipes = Recipes::builtin();
        for recipe in recipes.iter() {
            let reading = recipes.reading(Some(recipe));
            let said = reading.line(&line);
            prop_assert_eq!(&said, &reading.line(&line));
            if let Some(said) = said {
                prop_assert!(said.says.needs().iter().all(|it| said.captures.contains_key(it)));
            }
        }
    }

    #[test]
    fn any_text_is_a_recipe_or_an_error_with_a_line_of_it(text in "(about|line|says|match|=|\\[|\\]|\"|'|\\n| |x|é){0,40}") {
        let source = Source { name: "shop", file: "shop.toml", text: &text };
        if let Err(error) = Recipes::with(&[source]) {
            prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
        }
    }
}
