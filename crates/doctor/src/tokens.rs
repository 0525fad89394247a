//! Secret values by number, so that facts can say "the same" without saying what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bowline_model::{Secret, mask_written};

/// A value that is shorter is masked only where it is known to stand: elsewhere it would be found in innocent words.
const LEAST: usize = 6;

/// Numbers for secret values, in the order in which they were first met. They live as long as one look.
#[derive(Default)]
pub(crate) struct Tokens {
    numbers: BTreeMap<String, usize>,
    /// Those that are pieces of others: they stand between quotes in what clients say of them, however short.
    pieces: BTreeSet<String>,
    /// Names of the project: a password that is one of them is not replaced in running text.
    names: BTreeSet<String>,
}

impl Tokens {
    /// Knows the names that stay readable.
    pub(crate) fn new(names: BTreeSet<String>) -> Self {
        Self {
            numbers: BTreeMap::new(),
            pieces: BTreeSet::new(),
            names,
        }
    }

    /// Remembers a secret value and gives what stands for it; nothing stands for an empty one.
    pub(crate) fn token(&mut self, value: &Secret) -> String {
        if value.is_empty() {
            return String::new();
        }
        let next = self.numbers.len() + 1;
        let number = *self
            .numbers
            .entry(value.reveal().to_owned())
            .or_insert(next);
        format!("#{number}")
    }

    /// The value that a number stands for.
    pub(crate) fn value(&self, token: &str) -> Option<Secret> {
        let number: usize = token.strip_prefix('#')?.parse().ok()?;
        let mut numbers = self.numbers.iter();
        let (value, _) = numbers.find(|(_, known)| **known == number)?;
        Some(Secret::new(value.as_str()))
    }

    /// The same for a piece of a secret value.
    pub(crate) fn piece(&mut self, value: &Secret) -> String {
        self.pieces.insert(value.reveal().to_owned());
        self.token(value)
    }

    /// What replaces every secret value that was remembered up to now.
    pub(crate) fn mask(&self) -> Mask {
        let mut forms: Vec<(String, String)> = Vec::new();
        for (value, number) in &self.numbers {
            if self.pieces.contains(value) && !self.names.contains(value) {
                // Who takes one for a host writes it in small letters.
                for said in BTreeSet::from([value.clone(), value.to_lowercase()]) {
                    let quoted = |quote| {
                        (
                            format!("{quote}{said}{quote}"),
                            format!("{quote}#{number}{quote}"),
                        )
                    };
                    forms.extend(['"', '\'', '`'].map(quoted));
                }
            }
            if value.chars().count() < LEAST || self.names.contains(value) {
                continue;
            }
            let token = format!("#{number}");
            forms.extend(
                spellings(value)
                    .into_iter()
                    .map(|form| (form, token.clone())),
            );
        }
        // The longest first: one value may be a part of another.
        forms.sort_by(|(one, _), (other, _)| other.len().cmp(&one.len()).then(one.cmp(other)));
        Mask(forms)
    }
}

/// Replaces secret values in running text.
pub(crate) struct Mask(Vec<(String, String)>);

impl Mask {
    /// The numbers of the values that stand in a text.
    pub(crate) fn found(&self, text: &str) -> impl Iterator<Item = String> {
        let forms = self.0.iter();
        forms
            .filter(|(form, _)| text.contains(form.as_str()))
            .map(|(_, token)| token.trim_matches(['"', '\'', '`']).to_owned())
    }

    /// The text with `#1`, `#2` … in the place of every value that is known.
    pub(crate) fn known(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (form, token) in &self.0 {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), token);
            }
        }
        text
    }

    /// The same, and a mask in the place of what looks like one.
    pub(crate) fn apply(&self, text: &str) -> String {
        let text = self.known(text);
        // What nobody told about may be a secret all the same. A token stands for itself.
        if text.contains(":#") {
            return text;
        }
        mask_written(&text)
    }
}

/// A value as it may stand in other texts: as it is, percent-encoded, and within a JSON string.
fn spellings(value: &str) -> BTreeSet<String> {
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    let json = serde_json::Value::from(value).to_string();
    [
        value.to_owned(),
        encoded.to_lowercase(),
        encoded,
        json.trim_matches('"').to_owned(),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_number_wherever_and_however_it_stands() {
        let mut tokens = Tokens::new(["postgres".to_owned()].into());
        assert_eq!(tokens.token(&Secret::new("p@ss/word\"1")), "#1");
        assert_eq!(tokens.token(&Secret::new("postgres")), "#2");
        assert_eq!(tokens.token(&Secret::new("short")), "#3");
        assert_eq!(tokens.token(&Secret::new("p@ss/word\"1 and more")), "#4");
        assert_eq!(tokens.token(&Secret::new("p@ss/word\"1")), "#1");
        assert_eq!(tokens.token(&Secret::new("")), "");
        let mask = tokens.mask();
        for (text, shown) in [
            ("login with p@ss/word\"1 failed", "login with #1 failed"),
            (
                "postgres://app:p%40ss%2Fword%221@db",
                "postgres://app:#1@db",
            ),
            (
                "postgres://app:p%40ss%2fword%221@db",
                "postgres://app:#1@db",
            ),
            (r#"{"password":"p@ss/word\"1"}"#, r##"{"password":"#1"}"##),
            ("p@ss/word\"1 and more", "#4"),
            ("postgres is short", "postgres is short"),
        ] {
            assert_eq!(mask.apply(text), shown);
        }
    }

    #[test]
    fn a_piece_that_was_taken_for_a_host_is_found_in_small_letters() {
        let mut tokens = Tokens::new(BTreeSet::new());
        assert_eq!(tokens.piece(&Secret::new("XcV6")), "#1");
        let shown = tokens
            .mask()
            .apply("server on 'xcv6' (Name or service not known)");
        assert_eq!(shown, "server on '#1' (Name or service not known)");
    }

    proptest::proptest! {
        #[test]
        fn no_value_is_left_in_any_text(value in "[ -~]{6,20}", before in "[a-z ]{0,9}", after in "[a-z ]{0,9}") {
            let mut tokens = Tokens::new(BTreeSet::new());
            tokens.token(&Secret::new(value.clone()));
            let shown = tokens.mask().apply(&format!("{before}{value}{after}"));
            proptest::prop_assert!(!shown.contains(&value), "{shown}");
        }
    }
}
