//! Values whose printed form is fixed by Compose: sizes, durations, modes, commands, pairs.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::secret::{MASK, is_secret_key};

/// Whether a field is left out when a project is printed, as Compose leaves out what is empty.
pub(crate) trait Unset {
    /// Tells whether nothing would be lost by leaving this value out.
    fn is_unset(&self) -> bool;
}

impl Unset for String {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }
}

impl Unset for bool {
    fn is_unset(&self) -> bool {
        !self
    }
}

impl Unset for i64 {
    fn is_unset(&self) -> bool {
        *self == 0
    }
}

impl<T> Unset for Option<T> {
    fn is_unset(&self) -> bool {
        self.is_none()
    }
}

impl<T> Unset for Vec<T> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Unset for BTreeMap<K, V> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }
}

/// A value that is printed even when it is empty, because Compose prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shown<T>(pub T);

impl<T> Unset for Shown<T> {
    fn is_unset(&self) -> bool {
        false
    }
}

/// A size in bytes, printed as a decimal string; negative values mean "without limit" where Compose allows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub i64);

impl Unset for Bytes {
    fn is_unset(&self) -> bool {
        self.0 == 0
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| D::Error::custom(format_args!("`{text}` is not a number of bytes")))
    }
}

/// A number that Compose keeps as a float, printed without a fraction where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Number(pub f64);

impl Unset for Number {
    fn is_unset(&self) -> bool {
        self.0 == 0.0
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "only whole numbers that a double holds exactly get here"
        )]
        if self.0.fract() == 0.0 && self.0.abs() < 9e15 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self)
    }
}

/// A span of time in whole nanoseconds, at most about 292 years, printed as Compose prints it (`1m30s`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(i64);

/// The units of a [`Period`] with their length in nanoseconds.
///
/// Days and weeks are written in Compose files but never printed back.
const UNITS: &[(&str, i64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

impl Period {
    /// A period of that many nanoseconds; negative values exist because Compose reads them.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Whole nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The same as the standard library's type; a negative period becomes zero.
    pub fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }

    /// Reads `1h30m`, `500ms`, `1.5s`, `-2d`, `0`. Units: ns, us, ms, s, m, h, d, w.
    ///
    /// Returns nothing for anything else: a number without a unit (but `0`), a unit that does not exist,
    /// more than 64 bits of nanoseconds.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Some(Self(0));
        }
        let mut total: i64 = 0;
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let (amount, after) = rest.split_at(digits);
            let unit_len = after
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_len);
            let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
            total = total.checked_add(scaled(amount, scale)?)?;
            rest = after;
        }
        (!text.trim_start_matches(['-', '+']).is_empty()).then_some(Self(if negative {
            -total
        } else {
            total
        }))
    }
}

/// `amount` (digits with at most one point) times `scale`, rounded down.
fn scaled(amount: &str, scale: i64) -> Option<i64> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut part: i128 = 0;
    let mut divisor: i128 = 1;
    for digit in fraction.bytes().take(18) {
        part = part * 10 + i128::from(digit - b'0');
        divisor *= 10;
    }
    let part = i64::try_from(part * i128::from(scale) / divisor).ok()?;
    whole.checked_mul(scale)?.checked_add(part)
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match nanos {
            0 => return f.write_str("0s"),
            1..=999 => return write!(f, "{nanos}ns"),
            1_000..=999_999 => return write_decimal(f, nanos, 1_000, "µs"),
            1_000_000..=999_999_999 => return write_decimal(f, nanos, 1_000_000, "ms"),
            _ => {}
        }
        let minutes = nanos / 60_000_000_000;
        if minutes >= 60 {
            write!(f, "{}h", minutes / 60)?;
        }
        if minutes > 0 {
            write!(f, "{}m", minutes % 60)?;
        }
        write_decimal(f, nanos % 60_000_000_000, 1_000_000_000, "s")
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, nanos: u64, scale: u64, unit: &str) -> fmt::Result {
    let fraction = nanos % scale;
    write!(f, "{}", nanos / scale)?;
    if fraction > 0 {
        let width = scale.ilog10() as usize;
        let digits = format!("{fraction:0width$}");
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    f.write_str(unit)
}

impl Unset for Period {
    fn is_unset(&self) -> bool {
        self.0 == 0
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format_args!("`{text}` is not a duration")))
    }
}

/// The permission bits of a file, printed in octal with a leading zero (`0440`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMode(pub i64);

impl Serialize for FileMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sign = if self.0 < 0 { "-" } else { "" };
        serializer.collect_str(&format_args!("0{sign}{:o}", self.0.unsigned_abs()))
    }
}

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        i64::from_str_radix(&text, 8)
            .map(Self)
            .map_err(|_| D::Error::custom(format_args!("`{text}` is not an octal mode")))
    }
}

/// A command: `None` keeps the image's, an empty one clears it.
pub type Command = Shown<Option<Vec<String>>>;

/// Keys with optional values, sorted by key: environment, labels, build arguments.
///
/// `None` is a key without a value: passed through from the environment of whoever starts the container,
/// where there is one. `Debug` masks the values of secret keys.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pairs(pub BTreeMap<String, Option<String>>);

impl Pairs {
    /// Returns the value of `key`, if it has one.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_deref()
    }

    /// Iterates over the keys that have a value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)))
    }
}

impl Unset for Pairs {
    fn is_unset(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |key: &str, value: &Option<String>| match value {
            Some(_) if is_secret_key(key) => Some(MASK.to_owned()),
            Some(value) => Some(crate::secret::mask_passwords(value)),
            None => None,
        };
        f.debug_map()
            .entries(self.0.iter().map(|(key, value)| (key, shown(key, value))))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_in_every_unit_and_printed_as_compose_prints_them() {
        for (text, printed) in [
            ("90s", "1m30s"),
            ("1h", "1h0m0s"),
            ("1.5s", "1.5s"),
            ("100ms", "100ms"),
            ("1d", "24h0m0s"),
            ("1w2d", "216h0m0s"),
            ("2h45m", "2h45m0s"),
            ("0", "0s"),
            ("1500us", "1.5ms"),
            ("-10s", "-10s"),
            ("12ns", "12ns"),
        ] {
            assert_eq!(
                Period::parse(text)
                    .map(|period| period.to_string())
                    .as_deref(),
                Some(printed),
                "{text}"
            );
        }
        for text in ["", "5", "10 s", "1x", "s", ".s", "1..5s", "99999999999999h"] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }

    #[test]
    fn pairs_do_not_show_secret_values_in_debug() {
        let pairs = Pairs(
            [
                ("DB_PASSWORD".to_owned(), Some("hunter2".to_owned())),
                ("USER".to_owned(), Some("app".to_owned())),
            ]
            .into(),
        );
        assert_eq!(
            format!("{pairs:?}"),
            r#"{"DB_PASSWORD": Some("••••"), "USER": Some("app")}"#
        );
    }
}
