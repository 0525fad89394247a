//! A name server that knows no name, for engines that run without a network.
//!
//! Such an engine's own resolver passes on what it does not know itself. With nobody there, a program
//! that asks for a misspelt or stopped service would wait ten seconds for an answer that elsewhere comes
//! at once: there is no such name.

use std::net::UdpSocket;

use anyhow::{Context, Result};

/// Where it listens, inside an engine's own network namespace.
pub(crate) const ADDRESS: &str = "192.0.2.53";

/// Answers until it is stopped.
pub(crate) fn serve() -> Result<()> {
    let socket =
        UdpSocket::bind((ADDRESS, 53)).with_context(|| format!("cannot listen on {ADDRESS}:53"))?;
    let mut buffer = [0; 1500];
    loop {
        let (length, asker) = socket.recv_from(&mut buffer).context("cannot receive")?;
        if let Some(answer) = no_such_name(&buffer[..length]) {
            // The asker may be gone by now; it will ask again if not.
            drop(socket.send_to(&answer, asker));
        }
    }
}

/// Turns a question into its own negative answer (RFC 1035, section 4.1).
fn no_such_name(question: &[u8]) -> Option<Vec<u8>> {
    let mut answer = question.to_vec();
    let (flags, counts) = (answer.get(2..4)?, answer.get(4..12)?);
    let is_question = flags[0] & 0x80 == 0 && counts[..2] == [0, 1];
    if !is_question {
        return None;
    }
    let end = 12 + name_length(answer.get(12..)?)? + 4;
    answer.truncate(end);
    answer[2] |= 0x80; // this is a response
    answer[3] = 0x80 | 3; // recursion is available; name error
    answer[6..12].fill(0); // no answers, no authorities, no additional records
    (answer.len() == end).then_some(answer)
}

fn name_length(name: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let label = usize::from(*name.get(at)?);
        at += 1 + label;
        if label == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `A? db.` with the id 0x1234, recursion desired, and an EDNS record behind it.
    const QUESTION: &[u8] =
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x02db\x00\x00\x01\x00\x01\x00\x00\x29\x05\xdc\x00\x00\x00\x00\x00\x00";

    #[test]
    fn a_question_is_answered_with_no_such_name() {
        let answer = no_such_name(QUESTION).unwrap();
        assert_eq!(
            answer,
            b"\x12\x34\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x00\x00\x01\x00\x01"
        );
    }

    #[test]
    fn anything_else_is_left_alone() {
        assert!(no_such_name(&no_such_name(QUESTION).unwrap()).is_none());
        assert!(no_such_name(&QUESTION[..14]).is_none());
        assert!(no_such_name(b"").is_none());
    }
}
