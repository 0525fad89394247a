//! `bowline explain`: what a code of `doctor` means.

use std::fmt::Write as _;

use bowline_ops::{Explanation, Failure, Safety, codes, explanation};
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
        for other in &found.look_alikes {
            let _ = writeln!(text, "  {}  {}", other.code, other.title);
            let _ = writeln!(text, "        ruled out where {}", other.excluded_by);
        }
    }
    let _ = write!(text, "\nFix: {}\n", filled(found.fix));
    for safety in found.safety {
        let (word, meaning) = cost(*safety);
        let _ = writeln!(text, "  {word:<9}  {meaning}");
    }
    let _ = write!(text, "\nPrevention: {}\n", filled(found.prevention));
    let verify = found.verify.join(" ");
    let _ = writeln!(text, "\nWhether it is there: {verify}");
    text
}

/// What mending may cost: the word for it, and what it means.
fn cost(safety: Safety) -> (&'static str, &'static str) {
    match safety {
        Safety::Safe => (
            "safe",
            "it can be taken back, and touches no data and nothing else that runs",
        ),
        Safety::Restart => ("restart", "containers are made again; data stays"),
        Safety::NeedsYou => ("needs you", "somebody has to decide something first"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a code from its decisive facts on.
    fn behind_the_story(code: &str) -> String {
        let text = text(&explanation(code).expect("the code exists"));
        let at = text
            .find("\nIt is certain")
            .or_else(|| text.find("\nFix: "));
        text[at.expect("it says what mends it")..].to_owned()
    }

    #[test]
    fn a_cause_is_told_with_what_excludes_its_look_alikes_and_what_mending_costs() {
        assert_eq!(
            behind_the_story("D115"),
            "
It is certain when all of this was seen:
  killed without a word
  the exit code

and none of what looks alike can be:
  D032  killed because its memory limit was reached
        ruled out where the engine was asked to kill it
  D114  does not end when it is told to, and is killed
        ruled out where no signal before the kill told it to end, or the engine had sent none

Fix: Start it again: `bowline start SERVICE`; and find out who did it.
  safe       it can be taken back, and touches no data and nothing else that runs

Prevention: Give every service a `mem_limit`, so that one of them cannot have the host kill another. A `restart`
policy helps after the host's kill, and not after one by the engine.

Whether it is there: bowline doctor --only D115
"
        );
    }

    #[test]
    fn a_risk_is_told_with_its_fix() {
        assert_eq!(
            behind_the_story("D202"),
            "
Fix: Lower limits or replicas, or take a larger host.
  needs you  somebody has to decide something first

Prevention: Add up limits before adding a service or a replica, and leave a quarter of the memory to the system
and its cache.

Whether it is there: bowline doctor --lint
"
        );
    }

    #[test]
    fn every_code_is_told_in_full() {
        for (code, _) in codes() {
            let told = behind_the_story(code.0);
            for part in [
                "\nFix: ",
                "\nPrevention: ",
                "\nWhether it is there: bowline doctor --",
            ] {
                assert!(told.contains(part), "{told}");
            }
        }
    }
}
