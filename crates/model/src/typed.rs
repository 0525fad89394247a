//! Commands as they are typed.

/// A command as it is typed into a shell: words that a shell would read otherwise are quoted.
pub fn typed(words: &[String]) -> String {
    let is_plain = |word: &String| {
        let mut letters = word.chars();
        !word.is_empty() && letters.all(|it| it.is_ascii_alphanumeric() || "-_./=:,@+".contains(it))
    };
    let quoted = |word: &String| {
        if is_plain(word) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_otherwise_is_quoted() {
        let words = ["bowline", "-f", "my stack.yaml", "it's", "", "$x", "a=b:c"];
        let words = words.map(str::to_owned);
        assert_eq!(
            typed(&words),
            r"bowline -f 'my stack.yaml' 'it'\''s' '' '$x' a=b:c"
        );
    }
}
