//! What becomes of the value of a setting: which piece of it goes, and what comes in its place. Pure.

use std::ops::Range;

use bowline_doctor::{Change, Piece};
use bowline_model::Secret;
use bowline_model::carried::{Carrier, Connection, Form, find};

use super::text;

/// A setting as a program gets it.
pub(super) struct Value<'a> {
    /// Its words: one, but for a command.
    pub(super) words: &'a [String],
    /// How its words are carried; [`Carrier::Argument`] is that of the first.
    pub(super) carrier: Carrier,
    /// What else the program is told: one key may say what another one means.
    pub(super) environment: &'a [(String, String)],
}

/// A piece of a word, and what comes in its place.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// The number of the word.
    pub(super) word: usize,
    /// Its bytes there.
    pub(super) span: Range<usize>,
    /// What comes in its place.
    pub(super) new: Secret,
}

impl Value<'_> {
    /// The piece that a change takes out, and what comes for it. `password` is what is copied.
    ///
    /// # Errors
    ///
    /// Why it is not clear what is meant, in words.
    pub(super) fn cut(&self, change: &Change, password: Option<&Secret>) -> Result<Cut, String> {
        match change {
            Change::Replace { piece, from, to } => {
                let (word, span) = self.piece(*piece, from)?;
                let new = Secret::new(to.as_str());
                Ok(Cut { word, span, new })
            }
            Change::CopyPassword { .. } => {
                let right = password.ok_or("the right password cannot be read")?;
                let (word, span, is_encoded) = self.password()?;
                let new = if is_encoded {
                    Secret::new(encoded(right.reveal()))
                } else {
                    right.clone()
                };
                Ok(Cut { word, span, new })
            }
            Change::EncodePassword => {
                let connections = self.connections();
                let mut passwords =
                    connections
                        .iter()
                        .filter(|it| is_address(it))
                        .filter_map(|it| {
                            let password = it.password.as_ref()?;
                            Some((self.word_of(&password.carrier)?, password))
                        });
                let (Some((word, password)), None) = (passwords.next(), passwords.next()) else {
                    return Err("there is not exactly one address with a password".to_owned());
                };
                let new = Secret::new(encoded(password.value.reveal()));
                let span = password.span.clone();
                Ok(Cut { word, span, new })
            }
            Change::AddParameter { name, value } => self.with_parameter(name, value),
            Change::Strip => {
                let [word] = self.words else {
                    return Err("it is more than one value".to_owned());
                };
                let new = Secret::new(stripped(word));
                let span = 0..word.len();
                Ok(Cut { word: 0, span, new })
            }
            Change::UnixLines
            | Change::LeaveVariable { .. }
            | Change::Writable { .. }
            | Change::Begin { .. }
            | Change::Permit { .. }
            | Change::Set { .. }
            | Change::Add { .. } => Err("it is no piece of a value".to_owned()),
        }
    }

    /// The path of the only address, with one more parameter behind it.
    fn with_parameter(&self, name: &str, value: &str) -> Result<Cut, String> {
        let connections = self.connections();
        let addresses = connections.iter().filter(|it| is_address(it));
        let mut paths = addresses.filter_map(|it| {
            let path = it.path.as_ref()?;
            Some((self.word_of(&path.carrier)?, path.span.clone()))
        });
        let (Some((word, span)), None) = (paths.next(), paths.next()) else {
            return Err("there is not exactly one address with a path".to_owned());
        };
        let text = &self.words[word];
        let path = &text[span.clone()];
        let (end, behind) = match text[span.end..].chars().next() {
            Some('?') => (span.end + 1, "&"),
            _ => (span.end, ""),
        };
        Ok(Cut {
            word,
            new: Secret::new(format!("{path}?{name}={value}{behind}")),
            span: span.start..end,
        })
    }

    /// The password that it is, or has.
    ///
    /// # Errors
    ///
    /// Why it is not clear which that is, in words.
    pub(super) fn right_password(&self) -> Result<Secret, String> {
        let (word, span, _) = self.password()?;
        let connections = self.connections();
        let mut parts = connections.iter().filter_map(|it| it.password.as_ref());
        // As a client decodes it.
        let part =
            parts.find(|part| self.word_of(&part.carrier) == Some(word) && part.span == span);
        Ok(match part {
            Some(part) => part.value.clone(),
            None => Secret::new(&self.words[word][span]),
        })
    }

    /// The only password, or all of the value, which is one; and whether an address carries it.
    fn password(&self) -> Result<(usize, Range<usize>, bool), String> {
        let connections = self.connections();
        let mut found: Vec<(usize, Range<usize>, bool)> = connections
            .iter()
            .filter_map(|it| {
                let password = it.password.as_ref()?;
                let word = self.word_of(&password.carrier)?;
                Some((word, password.span.clone(), is_address(it)))
            })
            .collect();
        found.dedup();
        match (found.as_slice(), self.words) {
            ([only], _) => Ok(only.clone()),
            ([], [word]) => {
                let end = word.trim_end_matches(['\n', '\r']).len();
                Ok((0, 0..end, false))
            }
            _ => Err("there is not exactly one password".to_owned()),
        }
    }

    /// Where the only piece of a kind stands that reads so.
    fn piece(&self, piece: Piece, from: &str) -> Result<(usize, Range<usize>), String> {
        let mut found = self.known(piece, from);
        found.sort_by_key(|(word, span)| (*word, span.start));
        found.dedup();
        if found.is_empty() {
            let words = self.words.iter().enumerate();
            found = words
                .flat_map(|(word, text)| {
                    let spans = text::words(text, from).into_iter();
                    spans.map(move |span| (word, span))
                })
                .filter(|(word, span)| self.is_on_its_line(*word, span))
                .collect();
        }
        match found.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(format!("`{from}` does not stand there")),
            _ => Err(format!("`{from}` stands there {} times", found.len())),
        }
    }

    /// Whether a piece of a file stands on the line that is meant.
    fn is_on_its_line(&self, word: usize, span: &Range<usize>) -> bool {
        match self.carrier {
            Carrier::File { line, .. } if line > 0 => {
                let above = self.words[word][..span.start].matches('\n').count();
                above + 1 == line as usize
            }
            _ => true,
        }
    }

    /// The pieces of a kind that addresses and logins have there.
    fn known(&self, piece: Piece, from: &str) -> Vec<(usize, Range<usize>)> {
        let mut found = Vec::new();
        for connection in self.connections() {
            let named = match piece {
                Piece::User => connection.user.into_iter().collect(),
                Piece::Database => connection.path.into_iter().collect(),
                Piece::Host => connection.hosts.into_iter().map(|it| it.name).collect(),
                Piece::Port => {
                    let ports = connection.hosts.into_iter();
                    let ports = ports.filter_map(|host| host.written_port);
                    for port in ports.filter(|port| port.value.to_string() == from) {
                        let word = self.word_of(&port.carrier);
                        found.extend(word.map(|word| (word, port.span)));
                    }
                    Vec::new()
                }
                Piece::Word => Vec::new(),
            };
            for part in named.into_iter().filter(|part| part.value == from) {
                let word = self.word_of(&part.carrier);
                found.extend(word.map(|word| (word, part.span)));
            }
        }
        found
    }

    fn connections(&self) -> Vec<Connection> {
        let words = self.words.iter().map(String::as_str);
        let environment = self.environment.iter();
        let environment = environment.map(|(key, value)| (key.as_str(), value.as_str()));
        match &self.carrier {
            Carrier::Variable(name) => {
                let own = self
                    .words
                    .first()
                    .map(|value| (name.as_str(), value.as_str()));
                let others = environment.filter(|(key, _)| key != name);
                find(others.chain(own), [], [])
            }
            Carrier::Argument(_) => find([], words, []),
            Carrier::File { path, .. } => find([], [], words.map(|text| (path.as_str(), text))),
            Carrier::Program => Vec::new(),
        }
    }

    /// The word that something found is in; `None` where another key carries it, or another line.
    fn word_of(&self, carrier: &Carrier) -> Option<usize> {
        match (&self.carrier, carrier) {
            (Carrier::Variable(own), Carrier::Variable(name)) => (own == name).then_some(0),
            (Carrier::Argument(_), Carrier::Argument(word)) => Some(*word),
            (Carrier::File { line: 0, .. }, Carrier::File { .. }) => Some(0),
            (Carrier::File { line: own, .. }, Carrier::File { line, .. }) => {
                (own == line).then_some(0)
            }
            _ => None,
        }
    }
}

/// Whether a password in it has to be percent-encoded.
fn is_address(connection: &Connection) -> bool {
    matches!(connection.form, Form::Url | Form::Jdbc)
}

/// A password as it stands in an address (RFC 3986, section 2.3: all but letters, digits and `-._~`).
fn encoded(password: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in password.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// A value without the quotes, blanks and line ends around it.
fn stripped(value: &str) -> &str {
    let trimmed = value.trim();
    let inner = ['"', '\''].into_iter().find_map(|quote| {
        let inner = trimmed.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.is_empty()).then_some(inner)
    });
    inner.unwrap_or(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(piece: Piece, from: &str, to: &str) -> Change {
        Change::Replace {
            piece,
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    /// What becomes of the value of a variable.
    fn changed(key: &str, value: &str, change: &Change, password: &str) -> Result<String, String> {
        let words = [value.to_owned()];
        let value = Value {
            words: &words,
            carrier: Carrier::Variable(key.to_owned()),
            environment: &[("DB_HOST".to_owned(), "db".to_owned())],
        };
        let cut = value.cut(change, Some(&Secret::new(password)))?;
        Ok(text::with(&words[cut.word], cut.span, cut.new.reveal()))
    }

    #[test]
    fn a_piece_is_told_by_what_it_is_and_not_by_its_letters() {
        let url = "postgres://db:db@db:5432/db?sslmode=disable";
        for (piece, from, to, expected) in [
            (
                Piece::Host,
                "db",
                "pg",
                "postgres://db:db@pg:5432/db?sslmode=disable",
            ),
            (
                Piece::User,
                "db",
                "me",
                "postgres://me:db@db:5432/db?sslmode=disable",
            ),
            (
                Piece::Database,
                "db",
                "x",
                "postgres://db:db@db:5432/x?sslmode=disable",
            ),
            (
                Piece::Port,
                "5432",
                "5433",
                "postgres://db:db@db:5433/db?sslmode=disable",
            ),
            (
                Piece::Word,
                "disable",
                "require",
                "postgres://db:db@db:5432/db?sslmode=require",
            ),
        ] {
            let found = changed("URL", url, &replace(piece, from, to), "");
            assert_eq!(found.as_deref(), Ok(expected), "{piece:?}");
        }
        let twice = changed("URL", url, &replace(Piece::Word, "db", "x"), "");
        assert_eq!(twice.unwrap_err(), "`db` stands there 4 times");
        let none = changed("URL", url, &replace(Piece::Host, "cache", "x"), "");
        assert_eq!(none.unwrap_err(), "`cache` does not stand there");
    }

    #[test]
    fn a_value_of_its_own_is_a_piece_too() {
        let port = replace(Piece::Port, "5433", "5432");
        assert_eq!(changed("DB_PORT", "5433", &port, "").as_deref(), Ok("5432"));
        let host = replace(Piece::Host, "cahe", "cache");
        assert_eq!(changed("WHERE", "cahe", &host, "").as_deref(), Ok("cache"));
    }

    #[test]
    fn a_password_is_copied_and_encoded_where_an_address_carries_it() {
        let of = bowline_doctor::Spot {
            service: "db".to_owned(),
            setting: bowline_doctor::Setting::Field("environment.P".to_owned()),
        };
        let copy = Change::CopyPassword { of };
        let url = "postgres://app:old@db/app";
        assert_eq!(
            changed("URL", url, &copy, "p@ss/w").as_deref(),
            Ok("postgres://app:p%40ss%2Fw@db/app")
        );
        assert_eq!(
            changed("DB_PASSWORD", "old", &copy, "p@ss").as_deref(),
            Ok("p@ss")
        );
        assert_eq!(
            changed(
                "URL",
                "postgres://app:p@ss/w@db:1/app",
                &Change::EncodePassword,
                ""
            )
            .as_deref(),
            Ok("postgres://app:p%40ss%2Fw@db:1/app")
        );
    }

    #[test]
    fn strays_go_and_what_belongs_to_a_value_stays() {
        for (value, expected) in [
            ("\"secret\"", "secret"),
            ("secret \r\n", "secret"),
            ("' spaced '", " spaced "),
            ("it's", "it's"),
            ("\"", "\""),
        ] {
            assert_eq!(stripped(value), expected);
        }
    }

    #[test]
    fn a_word_of_a_command_and_a_line_of_a_file_are_found() {
        let words = ["serve", "--url", "http://cahe:80"].map(str::to_owned);
        let command = Value {
            words: &words,
            carrier: Carrier::Argument(0),
            environment: &[],
        };
        let cut = command
            .cut(&replace(Piece::Host, "cahe", "cache"), None)
            .unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((cut.word, cut.span), (2, 7..11));
        let text = ["[db]\nhost = cahe\nport = 1\n".to_owned()];
        let file = Value {
            words: &text,
            carrier: Carrier::File {
                path: "/etc/app.ini".to_owned(),
                line: 0,
            },
            environment: &[],
        };
        let cut = file
            .cut(&replace(Piece::Host, "cahe", "cache"), None)
            .unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((cut.word, cut.span), (0, 12..16));
    }
}
