//! The messages of the Domain Name System (RFC 1035), as far as a question for addresses needs them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::RecordKind;

/// What a server answered to one question.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// 0 is success, 2 a failure of the server, 3 no such name.
    pub(super) code: u8,
    /// What was asked for, wherever aliases led.
    pub(super) addresses: Vec<IpAddr>,
    /// There was more than fits into a datagram.
    pub(super) is_cut: bool,
}

const HEADER: usize = 12;
const INTERNET: u16 = 1;
const LONGEST_LABEL: usize = 63;
/// Of a name in a message, its lengths and its end included.
const LONGEST_NAME: usize = 255;

/// Writes a question; `None` for what is no name.
pub(super) fn question(id: u16, name: &str, kind: RecordKind) -> Option<Vec<u8>> {
    // One question, and "ask on for me".
    let mut message = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message[..2].copy_from_slice(&id.to_be_bytes());
    let name = name.strip_suffix('.').unwrap_or(name);
    for label in name.split('.') {
        let is_label = (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_label {
            return None;
        }
        message.push(u8::try_from(label.len()).ok()?);
        message.extend(label.bytes());
    }
    message.push(0);
    if message.len() - HEADER > LONGEST_NAME {
        return None;
    }
    message.extend(number(kind).to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    Some(message)
}

/// Reads the reply to a question that [`question`] wrote; `None` for what is none, or is not understood.
pub(super) fn reply(message: &[u8], question: &[u8], kind: RecordKind) -> Option<Reply> {
    let asked = question.get(HEADER..)?;
    let flags = word(message, 2)?;
    let is_reply = flags & 0x8000 != 0;
    let is_ours = word(message, 0) == word(question, 0);
    let questions = word(message, 4)?;
    if !is_reply || !is_ours || questions > 1 {
        return None;
    }
    let mut at = HEADER;
    if questions == 1 {
        let repeated = message.get(at..at + asked.len())?;
        if !repeated.eq_ignore_ascii_case(asked) {
            return None;
        }
        at += asked.len();
    }
    let mut addresses = Vec::new();
    for _ in 0..word(message, 6)? {
        let Some((address, next)) = record(message, at, kind) else {
            break;
        };
        addresses.extend(address);
        at = next;
    }
    Some(Reply {
        code: message.get(3)? & 0x0F,
        addresses,
        is_cut: flags & 0x0200 != 0,
    })
}

/// Reads one record: the address in it, and where the next one begins.
fn record(message: &[u8], at: usize, wanted: RecordKind) -> Option<(Option<IpAddr>, usize)> {
    let fixed = skip_name(message, at)?;
    let kind = word(message, fixed)?;
    let class = word(message, fixed + 2)?;
    let length = usize::from(word(message, fixed + 8)?);
    let data = message.get(fixed + 10..fixed + 10 + length)?;
    let is_wanted = class == INTERNET && kind == number(wanted);
    let address = is_wanted
        .then(|| match wanted {
            RecordKind::A => Some(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into()),
            RecordKind::Aaaa => Some(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into()),
        })
        .flatten();
    Some((address, fixed + 10 + length))
}

/// Where a name ends. The rest of one may stand elsewhere in the message; then a reference of two bytes ends it.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length >= 0xC0 => return Some(at + 2),
            length if usize::from(length) <= LONGEST_LABEL => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn number(kind: RecordKind) -> u16 {
    match kind {
        RecordKind::A => 1,
        RecordKind::Aaaa => 28,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A reply as a name server writes it: an alias, then its address, both by reference.
    fn reply_of(question: &[u8]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2..4].copy_from_slice(&[0x81, 0x80]);
        message[7] = 2;
        // `c.` is an alias of the name that was asked for, with a reference to it.
        message.extend(b"\xC0\x0C\0\x05\0\x01\0\0\0\x3C\0\x04\x01c\xC0\x0C");
        message.extend(b"\xC0\x0C\0\x01\0\x01\0\0\0\x3C\0\x04\x0A\x00\x00\x07");
        message
    }

    #[test]
    fn a_question_is_written_as_the_standard_says() {
        let message = question(0x1234, "db.corp.", RecordKind::Aaaa).unwrap();
        assert_eq!(
            message,
            b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x02db\x04corp\0\0\x1C\0\x01"
        );
    }

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        for name in [
            "",
            ".",
            "a..b",
            "a b",
            "é",
            &"x".repeat(64),
            &"x.".repeat(128),
        ] {
            assert_eq!(question(1, name, RecordKind::A), None, "{name}");
        }
    }

    #[test]
    fn addresses_are_read_behind_aliases() {
        let question = question(7, "db", RecordKind::A).unwrap();
        let read = reply(&reply_of(&question), &question, RecordKind::A);
        assert_eq!(
            read,
            Some(Reply {
                code: 0,
                addresses: vec![Ipv4Addr::new(10, 0, 0, 7).into()],
                is_cut: false
            })
        );
    }

    #[test]
    fn a_reply_to_another_question_is_none() {
        let asked = question(7, "db", RecordKind::A).unwrap();
        for other in [
            question(8, "db", RecordKind::A).unwrap(),
            question(7, "dc", RecordKind::A).unwrap(),
            question(7, "db", RecordKind::Aaaa).unwrap(),
        ] {
            assert_eq!(reply(&reply_of(&other), &asked, RecordKind::A), None);
        }
        assert_eq!(
            reply(&asked, &asked, RecordKind::A),
            None,
            "the question itself"
        );
    }

    proptest! {
        #[test]
        fn no_message_is_too_strange(bytes: Vec<u8>, tail: Vec<u8>, count: u8) {
            let asked = question(7, "db", RecordKind::A).unwrap();
            let _ = reply(&bytes, &asked, RecordKind::A);
            let mut message = reply_of(&asked);
            message[7] = count;
            message.truncate(asked.len());
            message.extend(tail);
            prop_assert!(reply(&message, &asked, RecordKind::A).is_some());
        }

        #[test]
        fn no_name_is_too_strange(name in "\\PC*") {
            let _ = question(1, &name, RecordKind::A);
        }
    }
}
