//! Filters of listings and events.

use std::collections::BTreeMap;

/// Filters by name, as the engine takes them.
pub(super) type Filters = BTreeMap<&'static str, Vec<String>>;

/// Labels with their value, or only present.
pub(super) fn labels(labels: &[(String, Option<String>)]) -> Filters {
    let one = |(key, value): &(String, Option<String>)| match value {
        Some(value) => format!("{key}={value}"),
        None => key.clone(),
    };
    of("label", labels.iter().map(one))
}

/// One kind of filter; nothing where there are no values, since an empty filter would match nothing.
pub(super) fn of(kind: &'static str, values: impl Iterator<Item = String>) -> Filters {
    let values: Vec<String> = values.collect();
    if values.is_empty() {
        Filters::new()
    } else {
        [(kind, values)].into()
    }
}

/// Writes a text so that a pattern finds it as it stands.
pub(super) fn literally(text: &str) -> String {
    text.chars().fold(String::new(), |mut pattern, c| {
        if !(c.is_alphanumeric() || matches!(c, '_' | '-' | '/')) {
            pattern.push('\\');
        }
        pattern.push(c);
        pattern
    })
}
