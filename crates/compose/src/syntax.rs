//! Says in words what is wrong with a text that is not YAML, and where that began.

use granit_parser::{ErrorKind, ScanError};

use crate::problem::Mistake;
use crate::source::Span;

/// What there is to say about a syntax error.
pub(crate) struct Explained {
    pub(crate) mistake: Mistake,
    pub(crate) hints: Vec<String>,
    pub(crate) span: Span,
}

/// Explains an error of the parser; `opened` are the collections around it, the innermost first.
pub(crate) fn explain(
    text: &str,
    error: &ScanError,
    opened: impl Iterator<Item = Span>,
) -> Explained {
    let at = error.marker();
    let at = at
        .byte_offset()
        .unwrap_or_else(|| at.index())
        .min(text.len());
    let _ = opened;
    let start = u32::try_from(at).unwrap_or(u32::MAX);
    if *error.kind() == ErrorKind::UnknownAnchor {
        let name = text[at..].strip_prefix('*').unwrap_or_default();
        let end = name.find(|c: char| c.is_whitespace() || ",]}".contains(c));
        let name = &name[..end.unwrap_or(name.len())];
        return Explained {
            mistake: Mistake::UnknownAnchor {
                name: name.to_owned(),
            },
            hints: Vec::new(),
            span: Span {
                file: 0,
                start,
                end: start + 1 + u32::try_from(name.len()).unwrap_or(0),
            },
        };
    }
    Explained {
        mistake: Mistake::Syntax {
            reason: format!("{:?}", error.kind()),
        },
        hints: Vec::new(),
        span: Span {
            file: 0,
            start,
            end: start + 1,
        },
    }
}
