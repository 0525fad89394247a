//! Percent-encoding.

/// Decodes `%41`; `None` if a `%` is without two hexadecimal digits, stands for NUL, or the bytes are no UTF-8.
///
/// `+` stays as it is, except with `plus_is_space`: JDBC drivers read forms, libpq and URL libraries do not.
pub(super) fn decode(raw: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?].map(|it| char::from(it).to_digit(16));
                let value = u8::try_from(digits[0]? * 16 + digits[1]?).ok()?;
                (value != 0).then_some(value)?
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Tells whether a character must be encoded in the user or password of a URL (RFC 3986, section 3.2.1).
///
/// Says no for `%`, which may be the encoding itself, and beyond ASCII, where clients are lenient.
pub(super) fn must_be_encoded(character: char) -> bool {
    character.is_ascii()
        && !character.is_ascii_alphanumeric()
        && !"-._~!$&'()*+,;=:%".contains(character)
}
