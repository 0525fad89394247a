//! Plain values as YAML, in the style that Compose prints.

use std::fmt::Write as _;

use serde_json::Value as Json;

/// Renders a document.
pub(super) fn render(json: &Json) -> String {
    let mut out = String::new();
    match json {
        Json::Object(object) if !object.is_empty() => write_node(&mut out, json, 0),
        other => {
            write_inline(&mut out, other, 0);
            out.push('\n');
        }
    }
    out
}

/// Writes a collection, a line for each of its entries.
fn write_node(out: &mut String, json: &Json, indent: usize) {
    match json {
        Json::Object(object) => {
            for (index, (key, value)) in object.iter().enumerate() {
                if index > 0 || !out.ends_with("- ") {
                    out.push_str(&" ".repeat(indent));
                }
                write_scalar(out, key, indent);
                out.push(':');
                write_value(out, value, indent + 2);
            }
        }
        Json::Array(items) => {
            for item in items {
                out.push_str(&" ".repeat(indent));
                out.push_str("- ");
                match item {
                    Json::Object(object) if !object.is_empty() => write_node(out, item, indent + 2),
                    Json::Array(nested) if !nested.is_empty() => {
                        let before = out.len();
                        write_node(out, item, indent + 2);
                        // The first entry of a nested list stands behind the dash of its own list.
                        out.replace_range(before..before + indent + 2, "");
                    }
                    other => {
                        write_inline(out, other, indent + 2);
                        out.push('\n');
                    }
                }
            }
        }
        other => write_inline(out, other, indent),
    }
}

fn write_value(out: &mut String, value: &Json, indent: usize) {
    let is_collection = match value {
        Json::Object(object) => !object.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_collection {
        out.push('\n');
        write_node(out, value, indent);
    } else {
        out.push(' ');
        write_inline(out, value, indent);
        out.push('\n');
    }
}

fn write_inline(out: &mut String, value: &Json, indent: usize) {
    match value {
        Json::Object(_) => out.push_str("{}"),
        Json::Array(_) => out.push_str("[]"),
        Json::String(text) => write_scalar(out, text, indent),
        Json::Null => out.push_str("null"),
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn write_scalar(out: &mut String, text: &str, indent: usize) {
    if text.contains('\n') && is_block(text) {
        write_block(out, text, indent);
    } else if !is_printable(text) || text.contains('\n') || is_taken_for_something_else(text) {
        write_double_quoted(out, text);
    } else if is_plain(text) {
        out.push_str(text);
    } else {
        let _ = write!(out, "'{}'", text.replace('\'', "''"));
    }
}

fn is_printable(text: &str) -> bool {
    text.chars().all(|c| {
        c == '\n'
            || c == '\t'
            || !c.is_control()
                && c != '\u{feff}'
                && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}')
    })
}

/// Whether a text can stand as a literal block without changing.
fn is_block(text: &str) -> bool {
    is_printable(text)
        && !text.starts_with([' ', '\t', '\n'])
        && !text.lines().any(|line| line.ends_with([' ', '\t']))
}

fn write_block(out: &mut String, text: &str, indent: usize) {
    let body = text.trim_end_matches('\n');
    out.push('|');
    match text.len() - body.len() {
        0 => out.push('-'),
        1 => {}
        _ => out.push('+'),
    }
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
    }
    out.push_str(&"\n".repeat((text.len() - body.len()).saturating_sub(1)));
}

fn write_double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                let _ = match u32::from(c) {
                    code @ 0..=0xff => write!(out, "\\x{code:02X}"),
                    code => write!(out, "\\u{code:04X}"),
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Whether a reader would take the bare text for a number, a boolean, a date or nothing.
fn is_taken_for_something_else(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "y", "yes", "on", "n", "no", "off", "true", "false", "null", "~", "<<", ".nan", ".inf",
        "-.inf", "+.inf",
    ];
    text.is_empty()
        || WORDS.contains(&text.to_lowercase().as_str())
        || !crate::yaml::is_text(text)
        || is_sexagesimal(text)
}

/// `1:30`, which YAML 1.1 read as ninety.
fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.strip_prefix(['-', '+']).unwrap_or(text).split(':');
    let digits = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'_' || byte == b'.')
    };
    let first = parts.next().is_some_and(digits);
    let mut rest = parts.peekable();
    first
        && rest.peek().is_some()
        && rest.all(|part| {
            digits(part)
                && part.split('.').next().is_some_and(|whole| {
                    whole.len() <= 2 && whole.parse::<u8>().is_ok_and(|value| value < 60)
                })
        })
}

/// Whether a text can stand without quotes.
fn is_plain(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    let second_is_space = text.chars().nth(1).is_none_or(char::is_whitespace);
    if text.starts_with(' ')
        || text.ends_with(' ')
        || text.starts_with("---")
        || text.starts_with("...")
        || text.contains('\t')
    {
        return false;
    }
    if "#,[]{}&*!|>'\"%@`".contains(first) || ("?:-".contains(first) && second_is_space) {
        return false;
    }
    !text.contains(": ") && !text.ends_with(':') && !text.contains(" #")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_quoted_where_a_reader_would_take_them_for_something_else() {
        let document = json!({
            "a": ["80", "yes", "1:30", "plain text", "- dash", "with: colon", "", "a #b", "tab\there", "x\ny\n"],
            "b": {}, "c": [], "d": null, "e": true, "f": 1.5, "g": [{"h": 1, "i": [1, 2]}], "j": [["k", "l"], []],
        });
        insta::assert_snapshot!(render(&document), @r#"
        a:
          - "80"
          - "yes"
          - "1:30"
          - plain text
          - '- dash'
          - 'with: colon'
          - ""
          - 'a #b'
          - 'tab	here'
          - |
            x
            y
        b: {}
        c: []
        d: null
        e: true
        f: 1.5
        g:
          - h: 1
            i:
              - 1
              - 2
        j:
          - - k
            - l
          - []
        "#);
    }
}
