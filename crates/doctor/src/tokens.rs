//! Secret values by number, so that facts can say "the same" without saying what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bowline_model::{MASK, Secret, mask_written};

use crate::facts::Weakness;

/// A value that is shorter is masked only where it is known to stand: elsewhere it would be found in innocent words.
const LEAST: usize = 6;
/// A line of a longer value that is not shorter is as good as the value: of a private key any line is.
const LEAST_OF_LINES: usize = 16;
/// Between these clients say what they took for a name.
const QUOTES: [char; 3] = ['"', '\'', '`'];

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

    /// Why a secret value is not replaced in running text, if it is not.
    pub(crate) fn weakness(&self, value: &Secret) -> Option<Weakness> {
        let value = value.reveal();
        if value.chars().count() < LEAST {
            Some(Weakness::Short)
        } else {
            self.names.contains(value).then_some(Weakness::Name)
        }
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
                    forms.extend(QUOTES.map(quoted));
                }
            }
            if self.weakness(&Secret::new(value.as_str())).is_some() {
                continue;
            }
            let token = format!("#{number}");
            let spellings = std::iter::once(value.as_str())
                .chain(long_lines(value))
                .flat_map(spellings);
            forms.extend(spellings.map(|form| (form, token.clone())));
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
            .map(|(_, token)| token.trim_matches(QUOTES).to_owned())
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
        mask_written(&text)
    }

    /// The same with a mask in the place of numbers, for people: they have nothing to compare.
    pub(crate) fn without_numbers(mut self) -> Self {
        for (_, token) in &mut self.0 {
            let number = token.trim_matches(QUOTES).to_owned();
            *token = token.replace(&number, MASK);
        }
        self
    }
}

/// The lines of a value that has several, without those that only say what it is.
fn long_lines(value: &str) -> impl Iterator<Item = &str> {
    let lines = value.lines().map(str::trim);
    lines.filter(move |line| {
        *line != value && line.len() >= LEAST_OF_LINES && !line.starts_with("-----")
    })
}

/// A value as it may stand in other texts: as it is, percent-encoded, within a JSON string, and in Base64.
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
    let mut spellings: BTreeSet<String> = [
        value.to_owned(),
        encoded.to_lowercase(),
        encoded,
        json.trim_matches('"').to_owned(),
    ]
    .into();
    for form in in_base64(value.as_bytes()) {
        spellings.insert(form.replace('+', "-").replace('/', "_"));
        spellings.insert(form);
    }
    spellings
}

/// A value in Base64: by itself, and the letters that are its own wherever in a text it begins, as the password does in
/// `user:password`.
fn in_base64(value: &[u8]) -> impl Iterator<Item = String> {
    let within = (0..3).map(|before| {
        let text = [&[0; 2][..before], value].concat();
        // The letters at both ends are made of its neighbours, too.
        let own = (before * 8).div_ceil(6)..text.len() * 8 / 6;
        base64(&text)[own].to_owned()
    });
    std::iter::once(base64(value)).chain(within)
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| group.get(at).map_or(0, |byte| usize::from(*byte));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) & 63];
            text.push(if place <= group.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
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
    fn a_line_of_a_longer_value_is_as_secret_as_the_value() {
        let mut tokens = Tokens::default();
        let key = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA7v1\nbm90\n-----END KEY-----\n";
        tokens.token(&Secret::new(key));
        let mask = tokens.mask();
        for (text, shown) in [
            ("read MIIEowIBAAKCAQEA7v1", "read #1"),
            ("read bm90", "read bm90"),
            ("-----END KEY-----", "-----END KEY-----"),
        ] {
            assert_eq!(mask.known(text), shown);
        }
    }

    #[test]
    fn a_value_is_known_in_base64_wherever_in_a_text_it_stands() {
        let mut tokens = Tokens::new(BTreeSet::new());
        tokens.token(&Secret::new("opensesame"));
        tokens.token(&Secret::new("??>>~~"));
        let mask = tokens.mask();
        for (text, shown) in [
            ("b3BlbnNlc2FtZQ==", "#1"),
            ("auth YTpvcGVuc2VzYW1l end", "auth YTp#1 end"),
            ("auth YWI6b3BlbnNlc2FtZQ== end", "auth YWI6#1 end"),
            ("auth YWJjOm9wZW5zZXNhbWU= end", "auth YWJjOm#1U= end"),
            ("Pz8+Pn5+ or Pz8-Pn5-", "#2 or #2"),
        ] {
            assert_eq!(mask.apply(text), shown);
        }
        let header = "> Authorization: Basic YWJjOm9wZW5zZXNhbWU=";
        assert_eq!(mask.apply(header), "> Authorization: Basic ••••");
    }

    #[test]
    fn what_only_looks_like_a_secret_is_masked_beside_a_token_as_well() {
        let mut tokens = Tokens::new(BTreeSet::new());
        tokens.token(&Secret::new("opensesame"));
        let mask = tokens.mask();
        for (text, shown) in [
            (
                "redis://:opensesame@cache and redis://:hunter2@other",
                "redis://:#1@cache and redis://:••••@other",
            ),
            (
                "color:#fff; tried DB_PASSWORD=hunter2",
                "color:#fff; tried DB_PASSWORD=••••",
            ),
            (
                "user:#1 Authorization: Bearer abc.def",
                "user:#1 Authorization: Bearer ••••",
            ),
            (
                "postgres://app:opensesame@db/app?sslmode=disable",
                "postgres://app:#1@db/app?sslmode=disable",
            ),
            ("password=opensesame, host=db", "password=#1, host=db"),
            ("redis://:#hunter2@cache", "redis://:••••@cache"),
        ] {
            assert_eq!(mask.apply(text), shown);
        }
        let shown = mask.without_numbers().apply("opensesame 'opensesame'");
        assert_eq!(shown, "•••• '••••'");
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
