//! The guide lists the vocabulary as it is, and its example is a recipe.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the guide is a file, and a test that cannot read it fails"
)]

use std::fmt::Write as _;
use std::path::Path;

use bowline_recipes::{Recipes, Says, Source};

fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/recipes.md");
    std::fs::read_to_string(path).unwrap()
}

/// The table of the guide: each word with its captures (in brackets those that a line may lack) and its meaning.
fn table() -> String {
    let mut table = "| word | captures | meaning |\n| --- | --- | --- |\n".to_owned();
    for says in Says::ALL {
        let needed = says.needs().iter().map(|it| format!("`{it}`"));
        let possible = says.may_have().iter().map(|it| format!("[`{it}`]"));
        let captures: Vec<String> = needed.chain(possible).collect();
        let captures = captures.join(" ");
        writeln!(table, "| `{says}` | {captures} | {} |", says.about()).unwrap();
    }
    table
}

#[test]
fn the_guide_lists_every_word_with_its_captures_and_its_meaning() {
    let table = table();
    assert!(
        guide().contains(&table),
        "the table in docs/guide/recipes.md has to be\n\n{table}"
    );
}

#[test]
fn the_example_of_the_guide_is_a_recipe_that_works() {
    let guide = guide();
    let example = guide
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let source = Source {
        name: "shop",
        file: "recipes/shop.toml",
        text: example,
    };
    let recipes = Recipes::with(&[source]).unwrap();
    let shop = recipes.reading(recipes.named("shop"));
    let said = shop.line("2026-11-21 ERROR till 7 is locked").unwrap();
    assert_eq!((said.recipe, said.says), ("shop", Says::LockWait));
}
