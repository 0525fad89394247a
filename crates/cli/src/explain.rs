//! `bowline explain`: what a code of `doctor` means.

use std::fmt::Write as _;

use bowline_ops::{Explanation, Failure, codes, explanation};
use clap::{Args, ValueEnum};

use crate::terminal::Terminal;

/// Columns of the text.
const WIDTH: usize = 100;

/// `bowline explain`
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code: `D051`; without one, all codes with what they say
    code: Option<String>,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    format: ExplainFormat,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExplainFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Explains a code. It needs no stack and no engine.
pub(crate) fn run(args: &ExplainArgs, terminal: &Terminal) -> Result<(), Failure> {
    let json = args.format == ExplainFormat::Json;
    let Some(code) = &args.code else {
        let all = codes();
        if json {
            print(terminal, &all);
        } else {
            let lines = all.iter().map(|(code, title)| format!("{code}  {title}\n"));
            terminal.data(&lines.collect::<String>());
        }
        return Ok(());
    };
    let wanted = code.to_uppercase();
    let Some(found) = explanation(&wanted) else {
        return Err(Failure::Usage {
            message: format!("there is no code `{code}`"),
            hint: Some("`bowline explain` lists them".to_owned()),
        });
    };
    if json {
        print(terminal, &found);
    } else {
        terminal.data(&text(&found));
    }
    Ok(())
}

fn print(terminal: &Terminal, value: &impl serde::Serialize) {
    let json = serde_json::to_string_pretty(value).expect("JSON can hold it");
    terminal.data(&format!("{json}\n"));
}

fn text(found: &Explanation) -> String {
    let mut text = format!(
        "{}: {}\n\n{}\n",
        found.code,
        found.title,
        filled(found.about)
    );
    if !found.decisive.is_empty() {
        text.push_str("\nIt is certain when all of this was seen:\n");
        for what in found.decisive {
            let _ = writeln!(text, "  {what}");
        }
    }
    if !found.look_alikes.is_empty() {
        text.push_str("\nand none of what looks alike can be:\n");
        for (code, title) in &found.look_alikes {
            let _ = writeln!(text, "  {code}  {title}");
        }
    }
    let _ = write!(text, "\nPrevention: {}\n", filled(found.prevention));
    let _ = write!(
        text,
        "\nWhether it is there: bowline doctor --only {}\n",
        found.code
    );
    text
}

/// Breaks paragraphs into lines.
fn filled(text: &str) -> String {
    let mut filled = String::new();
    for (index, paragraph) in text.split("\n\n").enumerate() {
        if index > 0 {
            filled.push_str("\n\n");
        }
        let mut column = 0;
        for word in paragraph.split_whitespace() {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > WIDTH {
                filled.push('\n');
                column = 0;
            } else if column > 0 {
                filled.push(' ');
                column += 1;
            }
            filled.push_str(word);
            column += length;
        }
    }
    filled
}
