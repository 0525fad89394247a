//! Recipes that a user writes: what is wrong in one, and how they stand to bowline's own.

use bowline_recipes::{By, Recipes, Says, Server, Source};

fn source<'a>(name: &'a str, text: &'a str) -> Source<'a> {
    Source {
        name,
        file: "recipes/shop.toml",
        text,
    }
}

fn with(text: &str) -> Result<Recipes, String> {
    Recipes::with(&[source("shop", text)]).map_err(|error| error.to_string())
}

/// A recipe with one line that says `says` and finds `pattern`.
fn line(says: &str, pattern: &str) -> String {
    format!(
        "about = \"the shop\"\n\n[[line]]\nsays = \"{says}\"\nby = \"either\"\nmatch = '{pattern}'\n"
    )
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_what_to_write_instead() {
    for (text, wanted) in [
        (
            "about = \"the shop\"\nimages = [\"shop\"]\n".to_owned(),
            "recipes/shop.toml:2:1: unknown field `images`",
        ),
        (
            "about = \"the shop\"\n[match\n".to_owned(),
            "recipes/shop.toml:2:7: ",
        ),
        (
            line("password_refuse", "x"),
            "recipes/shop.toml:4:8: `password_refuse` is no word of the vocabulary; did you mean `password_refused`?",
        ),
        (
            line("on_fire", "x"),
            "recipes/shop.toml:4:8: `on_fire` is no word of the vocabulary; docs/guide/recipes.md lists them",
        ),
        (
            line("deadlock", "dead(lock"),
            "recipes/shop.toml:6:1: the pattern is no regular expression: unclosed group",
        ),
        (
            line("deadlock", "(?:dead)?"),
            "recipes/shop.toml:6:1: the pattern finds every line; write out a part of the text that you look for",
        ),
        (
            line("deadlock", "dead (?<host>lock)"),
            "recipes/shop.toml:6:1: lines that say `deadlock` have no capture `host`; they have none",
        ),
        (
            line("role_missing", "nobody here"),
            "recipes/shop.toml:6:1: lines that say `role_missing` need the capture `user`; write `(?<user>…)` around it, or set it under `captures`",
        ),
        (
            line("role_missing", "x") + "captures = { usr = \"a\" }\n",
            "recipes/shop.toml:4:8: lines that say `role_missing` have no capture `usr`; they have `user`",
        ),
    ] {
        let error = with(&text).unwrap_err();
        assert!(error.starts_with(wanted), "{error}\ninstead of\n{wanted}");
    }
}

#[test]
fn each_pattern_of_a_list_is_named_by_its_own_line() {
    let text = "about = \"x\"\n[[line]]\nsays = \"deadlock\"\nby = \"client\"\nmatch = [\n  'good',\n  'bad(',\n]\n";
    let error = with(text).unwrap_err();
    assert!(error.starts_with("recipes/shop.toml:7:1: "), "{error}");
}

#[test]
fn a_name_is_given_once_and_any_is_bowlines() {
    let text = line("deadlock", "xyz");
    let twice = Recipes::with(&[source("shop", &text), source("shop", &text)]).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "recipes/shop.toml:1:1: the name `shop` is taken; give the recipe another one"
    );
    assert!(Recipes::with(&[source("any", &text)]).is_err());
}

#[test]
fn a_users_line_stands_before_bowlines_and_carries_what_it_was_told() {
    let text = line("lock_wait", "the till is locked by (?:Connection refused)")
        + "\n[[line]]\nsays = \"upstream_failed\"\nby = \"server\"\ncaptures = { how = \"refused\" }\nmatch = 'no bank: (?<host>\\S+)'\n";
    let recipes = with(&text).unwrap();
    let said = recipes
        .reading(None)
        .line("the till is locked by Connection refused")
        .unwrap();
    assert_eq!(
        (
            said.says,
            said.recipe,
            said.by,
            said.is_proven,
            said.pattern.line
        ),
        (Says::LockWait, "shop", By::Either, false, 6)
    );
    // What the server alone writes is nothing in the log of another program.
    assert_eq!(recipes.reading(None).line("no bank: tresor"), None);
    let own = recipes.reading(recipes.named("shop"));
    let said = own.line("no bank: tresor").unwrap();
    assert_eq!(said.captures["how"], "refused");
    assert_eq!(said.captures["host"], "tresor");
}

#[test]
fn what_bowlines_lines_say_is_proven_and_what_a_users_say_is_not_whatever_they_say_of_themselves() {
    let text = line("lock_wait", "the till is locked") + "proof = \"live\"\n";
    let recipes = with(&text).unwrap();
    let reading = recipes.reading(None);
    assert!(!reading.line("the till is locked").unwrap().is_proven);
    let known = reading.line("dial tcp 10.0.0.2:5432: connect: connection refused");
    assert!(known.unwrap().is_proven);
}

#[test]
fn there_are_no_more_patterns_and_recipes_than_somebody_writes() {
    let patterns: Vec<String> = (0..300).map(|number| format!("'till {number}'")).collect();
    let many = format!(
        "about = \"x\"\n[[line]]\nsays = \"deadlock\"\nby = \"client\"\nmatch = [{}]\n",
        patterns.join(", ")
    );
    assert_eq!(
        with(&many).unwrap_err(),
        "recipes/shop.toml:1:1: a recipe may have 256 patterns, and this one has 300; split it, a folder for each"
    );
    let names: Vec<String> = (0..33).map(|number| format!("till{number}")).collect();
    let sources: Vec<Source<'_>> = names
        .iter()
        .map(|name| source(name, "about = \"a till\"\n"))
        .collect();
    assert!(Recipes::with(&sources[..32]).is_ok());
    assert_eq!(
        Recipes::with(&sources).unwrap_err().to_string(),
        "recipes/shop.toml:1:1: there may be 32 recipes of one's own, and this is one more; put some of them together"
    );
}

/// It would take gigabytes, and minutes for a line.
#[test]
fn a_pattern_that_repeats_repetitions_is_refused_at_once() {
    for pattern in [
        "till (?:(?:x{1,1000}){1,1000}){1,1000}",
        "till .{0,50000}",
        r"till (?:(?:\w+\s+){1,99}){1,99}",
    ] {
        assert_eq!(
            with(&line("deadlock", pattern)).unwrap_err(),
            "recipes/shop.toml:6:1: the pattern repeats too much; write fewer or smaller repetitions",
            "{pattern}"
        );
    }
}

#[test]
fn a_recipe_with_the_name_of_one_of_bowlines_takes_its_place() {
    let text = "about = \"our Redis\"\n[match]\nimages = [\"redis\"]\n";
    let recipes = Recipes::with(&[source("redis", text)]).unwrap();
    let found = recipes.of(&Server {
        image: "redis:7",
        ..Server::default()
    });
    assert_eq!(found.unwrap().about, "our Redis");
    let names = recipes.iter().filter(|recipe| recipe.name == "redis");
    assert_eq!(names.count(), 1);
}

#[test]
fn what_was_written_as_a_string_is_read_as_it_was_before() {
    let reading = Recipes::builtin().reading(None);
    for line in [
        r#"{"level":"error","err":"could not translate host name \"bus\" to address: Name or service not known\n"}"#,
        r#"time=10:00 level=error cause="getaddrinfo ENOTFOUND bus""#,
        r#"{"msg":"getaddrinfo ENOTFOUND bus","path":"C:\\tmp"}"#,
    ] {
        let said = reading.line(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(said.says, Says::NameUnknown, "{line}");
        let host = said.captures.get("host").map(String::as_str);
        assert_eq!(host, Some("bus"), "{line}");
    }
}
