//! Reads licence expressions (SPDX) and says whether the house may ship under them.
//!
//! Small on purpose: `AND`, `OR`, `WITH`, parentheses, and the old `MIT/Apache-2.0` form. Anything it
//! cannot read is refused, never guessed.

use super::Complaint;
use super::house::{LICENCES, TABLE};

/// A package of the dependency tree and what its manifest says about its licence.
#[derive(Debug)]
pub(crate) struct Licensed<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: String,
    pub(crate) licence: Option<&'a str>,
}

/// Complains about every package that could not be shipped under an allowed licence.
pub(crate) fn complaints<'a>(packages: impl IntoIterator<Item = Licensed<'a>>) -> Vec<Complaint> {
    packages
        .into_iter()
        .filter_map(|package| of_package(&package))
        .collect()
}

fn of_package(package: &Licensed<'_>) -> Option<Complaint> {
    let what = match package.licence {
        None => "names no licence".to_owned(),
        Some(expression) => match allows(expression) {
            Ok(true) => return None,
            Ok(false) => format!("is under `{expression}`, which is not allowed"),
            Err(why) => format!("has a licence `{expression}` that cannot be read: {why}"),
        },
    };
    Some(Complaint::new(
        "Cargo.lock",
        format!("`{}` {} {what}", package.name, package.version),
        format!(
            "`cargo tree --invert {}` shows who brings it in; allowed are LICENCES in {TABLE}",
            package.name
        ),
    ))
}

/// Says whether `expression` can be met with allowed licences alone.
fn allows(expression: &str) -> Result<bool, String> {
    let mut tokens = tokens(expression);
    tokens.reverse();
    let verdict = any_of(&mut tokens)?;
    match tokens.pop() {
        None => Ok(verdict),
        Some(rest) => Err(format!("`{rest}` was not expected")),
    }
}

fn tokens(expression: &str) -> Vec<String> {
    expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ")
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

// The three functions below read from the end of the reversed list: `OR` binds weakest.

fn any_of(tokens: &mut Vec<String>) -> Result<bool, String> {
    let mut verdict = all_of(tokens)?;
    while tokens.pop_if(|token| token == "OR").is_some() {
        verdict |= all_of(tokens)?;
    }
    Ok(verdict)
}

fn all_of(tokens: &mut Vec<String>) -> Result<bool, String> {
    let mut verdict = one(tokens)?;
    while tokens.pop_if(|token| token == "AND").is_some() {
        verdict &= one(tokens)?;
    }
    Ok(verdict)
}

fn one(tokens: &mut Vec<String>) -> Result<bool, String> {
    let token = tokens.pop().ok_or("it ends too early")?;
    match token.as_str() {
        "(" => {
            let verdict = any_of(tokens)?;
            tokens
                .pop_if(|token| token == ")")
                .ok_or("a `)` is missing")?;
            Ok(verdict)
        }
        "AND" | "OR" | "WITH" | ")" => Err(format!("`{token}` was not expected")),
        licence => {
            if tokens.pop_if(|token| token == "WITH").is_none() {
                return Ok(LICENCES.contains(&licence));
            }
            let exception = tokens.pop().ok_or("it ends after `WITH`")?;
            // An exception only ever grants more, so the plain licence is enough too.
            Ok(LICENCES.contains(&licence)
                || LICENCES.contains(&format!("{licence} WITH {exception}").as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_by_any_allowed_side_of_or_and_by_both_of_and() {
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "GPL-2.0 OR (ISC AND MIT)",
        ] {
            assert_eq!(allows(good), Ok(true), "{good}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_refused() {
        for bad in [
            "AGPL-3.0",
            "MIT AND GPL-3.0-only",
            "MIT AND (GPL-2.0 OR LGPL-2.1)",
            "MPL-2.0",
            "GPL-2.0 WITH Classpath-exception-2.0",
        ] {
            assert_eq!(allows(bad), Ok(false), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for broken in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "AND MIT"] {
            assert!(allows(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_package_without_a_licence_or_with_a_forbidden_one_is_named() {
        let package = |licence| Licensed {
            name: "thing",
            version: "1.0.0".to_owned(),
            licence,
        };
        assert_eq!(complaints([package(Some("MIT"))]).len(), 0);
        assert_eq!(complaints([package(None)]).len(), 1);
        let found = complaints([package(Some("AGPL-3.0"))]);
        assert!(
            found[0]
                .to_string()
                .contains("`thing` 1.0.0 is under `AGPL-3.0`")
        );
    }

    #[test]
    fn cargo_deny_is_given_the_same_list() {
        let deny = include_str!("../../../deny.toml")
            .parse::<toml::Table>()
            .unwrap();
        let listed: Vec<&str> = deny["licenses"]["allow"]
            .as_array()
            .unwrap()
            .iter()
            .map(|licence| licence.as_str().unwrap())
            .collect();
        assert_eq!(listed, LICENCES);
    }
}
