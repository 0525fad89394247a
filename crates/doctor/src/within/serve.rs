//! The other end: answering questions from within an instrument.

use std::io::{BufRead, Write};
use std::sync::Mutex;

use bowline_engine::{Look, Unseen};
use bowline_model::ContainerId;
use serde::{Deserialize, Serialize};

use super::{Reply, Request, answer};

/// The word by which this program is told to answer from within. Nobody types it.
pub const WITHIN: &str = "answer-from-within";

/// A line on the way in: a question with a number that its answer has too.
#[derive(Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) number: u64,
    pub(super) request: Request,
}

/// A line on the way out.
#[derive(Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) number: u64,
    pub(super) reply: Result<Reply, Unseen>,
}

/// Answers questions about a container whose processes and network this process shares, a line each, until there are no
/// more. Those that were put before an answer is there are answered side by side, in any order.
///
/// # Errors
///
/// What is read or written cannot be. A line that is no question is passed over.
pub fn serve(
    container: &ContainerId,
    input: impl BufRead,
    output: impl Write + Send,
) -> std::io::Result<()> {
    let output = &Mutex::new(output);
    std::thread::scope(|scope| {
        for line in input.lines() {
            let Ok(asked) = serde_json::from_str::<Asked>(&line?) else {
                continue;
            };
            scope.spawn(move || {
                let look = Look::beside(container);
                let reply = look.and_then(|look| answer(&look, &asked.request));
                let answered = Answered {
                    number: asked.number,
                    reply,
                };
                // Whoever asked is gone where nothing can be written: then nobody misses it.
                let _ = send(output, &answered);
            });
        }
        Ok(())
    })
}

fn send(output: &Mutex<impl Write>, answered: &Answered) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(answered)?;
    line.push(b'\n');
    let mut output = output
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    output.write_all(&line)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_gets_an_answer_with_its_number_and_other_lines_none() {
        let asked = |number| {
            let request = Request::Path("/".to_owned());
            serde_json::to_string(&Asked { number, request }).expect("a line")
        };
        let input = format!("{}\nwhat?\n{}\n", asked(7), asked(8));
        let mut output = Vec::new();
        let nobody = ContainerId("f".repeat(64));
        serve(&nobody, input.as_bytes(), &mut output).expect("an end");
        let text = String::from_utf8(output).expect("text");
        let mut numbers: Vec<u64> = text
            .lines()
            .map(|line| {
                let answered: Answered = serde_json::from_str(line).expect("an answer");
                assert_eq!(
                    answered.reply.err(),
                    Some(Unseen::Gone),
                    "nobody is called so"
                );
                answered.number
            })
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [7, 8]);
    }
}
