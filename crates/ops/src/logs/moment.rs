//! Points in time as people write them: `2026-11-21T06:55`, `1763708100.5`, or `42m` for so long ago.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use serde::{Deserialize, Serialize};

/// A point in time, or how long ago it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// This point.
    At(Timestamp),
    /// So long before now, by the engine's clock.
    Ago(SignedDuration),
}

/// Units of a span, with their length in nanoseconds.
const UNITS: &[(&str, i128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

impl Moment {
    /// Reads a point in time, or a span before now. Times without a zone are those of `zone`.
    pub fn parse(text: &str, zone: &TimeZone) -> Option<Self> {
        if let Some(span) = span(text) {
            return Some(Self::Ago(span));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(Self::At(at));
        }
        if let Some(nanos) = decimal(text, 1_000_000_000) {
            return Timestamp::from_nanosecond(nanos).ok().map(Self::At);
        }
        let local: civil::DateTime = text.parse().ok()?;
        Some(Self::At(local.to_zoned(zone.clone()).ok()?.timestamp()))
    }

    /// The point in time; `now` is needed only for spans.
    pub(super) fn at(self, now: Option<Timestamp>) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now
                .and_then(|now| now.checked_sub(span).ok())
                .unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}

/// Reads `1h30m`, `1.5s`, `500ms`.
fn span(text: &str) -> Option<SignedDuration> {
    let mut rest = text;
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at(unit_at);
        let end = behind.find(|c: char| c == '.' || c.is_ascii_digit());
        let (unit, next) = behind.split_at(end.unwrap_or(behind.len()));
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanos = nanos.checked_add(decimal(number, *length)?)?;
        rest = next;
    }
    let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (seconds, nanos) = (i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?);
    (!text.is_empty()).then(|| SignedDuration::new(seconds, nanos))
}

/// Reads a number with at most nine digits behind the point, times `unit`.
fn decimal(text: &str, unit: i128) -> Option<i128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 9 || !digits(whole) || !digits(part) {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let part: i128 = format!("{part:0<9}").parse().ok()?;
    whole
        .checked_mul(unit)?
        .checked_add(part * unit / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_form_that_docker_takes() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let at = |text: &str| Some(Moment::At(text.parse().unwrap()));
        let ago = |nanos| Some(Moment::Ago(SignedDuration::from_nanos(nanos)));
        for (text, expected) in [
            ("2026-11-21T06:55:22.5Z", at("2026-11-21T06:55:22.5Z")),
            ("2026-11-21T06:55:22+01:00", at("2026-11-21T05:55:22Z")),
            ("2026-11-21T06:55:22", at("2026-11-21T04:55:22Z")),
            ("2026-11-21T06:55", at("2026-11-21T04:55:00Z")),
            ("2026-11-21", at("2026-11-20T22:00:00Z")),
            ("1763708100", at("2025-11-21T06:55:00Z")),
            ("1763708100.25", at("2025-11-21T06:55:00.25Z")),
            ("42m", ago(2_520_000_000_000)),
            ("1h30m", ago(5_400_000_000_000)),
            ("1.5s", ago(1_500_000_000)),
            ("2d", ago(172_800_000_000_000)),
            ("yesterday", None),
            ("10", at("1970-01-01T00:00:10Z")),
            ("10x", None),
            ("-5m", None),
            ("", None),
        ] {
            assert_eq!(Moment::parse(text, &zone), expected, "{text}");
        }
    }
}
