//! The fields of Compose files: what each may hold, and how it is read.
//!
//! One table serves everything that has to know a field: refusing what does not fit ([`validate`]), naming
//! the field that was meant, and turning the merged tree into a [`Project`](bowline_model::Project)
//! ([`lower`]). The table says what Compose 2.40.3 accepts, plus the fields that the Compose Specification
//! got since.

mod cast;
mod lower;
mod table;
mod validate;

pub(crate) use cast::cast;
pub(crate) use lower::{lower, plain};
pub(crate) use table::ROOT;
pub(crate) use validate::validate;

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Anything.
    Any,
    /// A string.
    Text,
    /// A string of this form; the text says which in words.
    Matching(fn(&str) -> bool, &'static str),
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A string or a number, read as a string.
    Label,
    /// A boolean, or a string that stands for one.
    Flag,
    /// A boolean.
    StrictFlag,
    /// A boolean or a string, read as a string.
    FlagText,
    /// A whole number within these limits, or a string that stands for one.
    Whole(i64, i64),
    /// A whole number.
    StrictWhole,
    /// A number, or a string that stands for a whole one.
    Quantity,
    /// A number, or a string that stands for one; kept with the precision of 32 bits, as Compose does.
    Fraction,
    /// A number of bytes, or a string such as `512m`.
    Size,
    /// A string such as `512m`.
    SizeText,
    /// A string such as `1m30s`.
    Time,
    /// Permission bits: a number, or a string of octal digits.
    Mode,
    /// How many devices: a number, or `all`.
    Count,
    /// A command: a string that is split into words, a list, or nothing.
    Command,
    /// A healthcheck test: a string for the shell, or a list.
    Test,
    /// `key: value` or a list of `key=value`. What a key without a value means is the flag: pass it through
    /// (`true`), or an empty value (`false`).
    Pairs(bool),
    /// SSH keys: `id: path` or a list of `id=path`.
    Ssh,
    /// A mapping of names to strings or numbers.
    Options,
    /// A mapping of names to scalars or lists of scalars.
    MultiOptions,
    /// `host: address` or a list of `host=address`.
    Hosts,
    /// A list.
    List(&'static Shape),
    /// A list without repetitions.
    Set(&'static Shape),
    /// A mapping whose keys the user chooses.
    Map(&'static Shape, Names),
    /// A mapping with the fields of this record.
    Record(&'static Record),
    /// Nothing, or this.
    Nullable(&'static Shape),
    /// The first of these that fits what is written.
    Either(&'static [Shape]),
}

/// Which keys a user may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Any.
    Free,
    /// Letters, digits, `.`, `_` and `-`.
    Plain,
}

/// A mapping with known fields.
#[derive(Debug)]
pub(crate) struct Record {
    /// What it is called in messages.
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [(&'static str, Shape)],
    /// Fields that have to be there.
    pub(crate) required: &'static [&'static str],
    /// Which further keys are let through.
    pub(crate) extra: Extra,
}

/// Which keys a record takes beside its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// Those that begin with `x-`, which are kept.
    Extensions,
    /// None.
    Nothing,
    /// Any, without effect.
    Ignored,
}

impl Record {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Shape> {
        self.fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, shape)| shape)
    }
}
