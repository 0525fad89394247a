//! Characters that show nothing, and change how a screen shows what stands beside them.

/// Tells whether a character steers a terminal or turns the direction of writing: in text of strangers it could make a
/// line look like another one. Line breaks and tabs are among them.
pub fn is_steering(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_told_from_what_shows_something() {
        for steers in ['\u{1b}', '\u{9b}', '\n', '\u{202e}', '\u{2066}', '\u{200f}'] {
            assert!(is_steering(steers), "{steers:?}");
        }
        for shows in ['a', ' ', 'é', '•', '漢', '\u{a0}'] {
            assert!(!is_steering(shows), "{shows:?}");
        }
    }
}
