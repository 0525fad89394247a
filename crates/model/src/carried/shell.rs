//! Values that a shell fills in: `$PASSWORD`, `${PASSWORD:-none}` and `$(cat /run/secrets/password)`.

use super::connection::Carrier;
use super::oddity;
use super::pairs::{Pair, Source};

/// Returns where the first word of a script ends: at a blank that stands outside of `$(…)`.
pub(super) fn word_end(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, it) in text.char_indices() {
        match it {
            '(' if before == '$' || depth > 0 => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            // One that is never closed ends with its line, so that it hides no more than that.
            '\n' => return at,
            it if it.is_whitespace() && depth == 0 => return at,
            _ => {}
        }
        before = it;
    }
    text.len()
}

/// Gives the options of a command the values that a shell would, as far as they are known. What is not stays as it is
/// written: then it is no value, but no other one either.
pub(super) fn fill_in<'a>(
    command: &mut Source<'a>,
    environment: &Source<'a>,
    files: &[(&str, &'a str)],
) {
    for pair in &mut command.pairs {
        let written = oddity::unquoted(pair.value.trim());
        let Some(filled) = file(written, environment, files).or_else(|| {
            let name = variable(written)?;
            let known = environment.pairs.iter().find(|known| known.key == name)?;
            Some((known.carrier.clone(), known.value))
        }) else {
            continue;
        };
        let (carrier, value) = filled;
        *pair = Pair {
            carrier,
            key: std::mem::take(&mut pair.key),
            value,
            offset: 0,
        };
    }
}

/// The name in `$NAME`, `${NAME}` and `${NAME:-default}`, where nothing else stands beside it.
fn variable(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('$')?;
    let name = match rest.strip_prefix('{') {
        Some(inner) => inner
            .strip_suffix('}')?
            .split([':', '-', '?', '+'])
            .next()?,
        None => rest,
    };
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'_');
    is_name.then_some(name)
}

/// What a shell puts in the place of `$(cat PATH)` and `$(<PATH)`: the text without the newlines at its end.
fn file<'a>(
    text: &str,
    environment: &Source<'a>,
    files: &[(&str, &'a str)],
) -> Option<(Carrier, &'a str)> {
    let inner = text.strip_prefix("$(")?.strip_suffix(')')?.trim();
    let path = inner
        .strip_prefix("cat ")
        .or_else(|| inner.strip_prefix('<'))?;
    let path = oddity::unquoted(path.trim());
    let path = match variable(path) {
        Some(name) => {
            let known = environment.pairs.iter().find(|known| known.key == name)?;
            known.value
        }
        None => path,
    };
    let (path, text) = files.iter().find(|(known, _)| *known == path)?;
    let carrier = Carrier::File {
        path: (*path).to_owned(),
        line: 1,
    };
    Some((carrier, text.trim_end_matches('\n')))
}
