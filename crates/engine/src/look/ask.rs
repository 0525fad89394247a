//! Asking one name server by UDP for the addresses of a name.

use std::hash::{BuildHasher as _, Hasher as _};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::dns::{question, reply};
use super::{Answer, Asked, RecordKind};

/// No datagram is longer, in bytes.
const LONGEST: usize = 65_535;

/// One question on its way.
struct Pending {
    kind: RecordKind,
    message: Vec<u8>,
    answer: Option<(Answer, Duration)>,
}

/// Asks for IPv4 and IPv6 addresses at once, and once more after half of the time. Empty for what is no name.
pub(super) fn both(server: SocketAddr, name: &str, within: Duration) -> Vec<Asked> {
    let id = random_id();
    let kinds = [(RecordKind::A, id), (RecordKind::Aaaa, !id)];
    let mut pending: Vec<Pending> = kinds
        .into_iter()
        .filter_map(|(kind, id)| {
            Some(Pending {
                kind,
                message: question(id, name, kind)?,
                answer: None,
            })
        })
        .collect();
    let begun = Instant::now();
    let half = begun + within / 2;
    let asked = open(server).and_then(|socket| {
        exchange(&socket, &mut pending, begun, half)?;
        exchange(&socket, &mut pending, begun, begun + within)
    });
    let otherwise = match asked {
        Ok(()) => Answer::Nothing,
        Err(error) => Answer::NotThere {
            reason: error.to_string(),
        },
    };
    let done = |pending: Pending| {
        let (answer, took) = pending
            .answer
            .unwrap_or_else(|| (otherwise.clone(), begun.elapsed()));
        Asked {
            server: server.ip(),
            name: name.to_owned(),
            kind: pending.kind,
            answer,
            took,
        }
    };
    pending.into_iter().map(done).collect()
}

fn open(server: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    // A connected socket takes datagrams from nobody else, and hears that nobody is there.
    socket.connect(server)?;
    Ok(socket)
}

/// Sends what is not answered yet, and takes answers until all are there or the time is over.
fn exchange(
    socket: &UdpSocket,
    pending: &mut [Pending],
    begun: Instant,
    until: Instant,
) -> std::io::Result<()> {
    for waiting in pending.iter().filter(|one| one.answer.is_none()) {
        socket.send(&waiting.message)?;
    }
    let mut datagram = vec![0; LONGEST];
    while pending.iter().any(|one| one.answer.is_none()) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(left))?;
        let length = match socket.recv(&mut datagram) {
            Ok(length) => length,
            // Whether the time is over is asked above.
            Err(error) if is_nothing_yet(&error) => continue,
            Err(error) => return Err(error),
        };
        for waiting in pending.iter_mut().filter(|one| one.answer.is_none()) {
            if let Some(answer) = answer(&datagram[..length], waiting) {
                waiting.answer = Some((answer, begun.elapsed()));
            }
        }
    }
    Ok(())
}

fn is_nothing_yet(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

fn answer(datagram: &[u8], to: &Pending) -> Option<Answer> {
    let reply = reply(datagram, &to.message, to.kind)?;
    Some(match reply.code {
        0 if !reply.addresses.is_empty() => Answer::Addresses(reply.addresses),
        0 if reply.is_cut => Answer::TooLong,
        0 => Answer::NoAddresses,
        3 => Answer::NoSuchName,
        code => Answer::Failed { code },
    })
}

/// A number that tells the answers to this question from others. It need not be a secret: the socket takes no
/// datagram from anybody but the server.
fn random_id() -> u16 {
    let [first, second, ..] = std::hash::RandomState::new()
        .build_hasher()
        .finish()
        .to_ne_bytes();
    u16::from_ne_bytes([first, second])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    /// A server that answers each question with what `reply` makes of it, until it says no more.
    fn server(
        mut reply: impl FnMut(Vec<u8>) -> Option<Vec<u8>> + Send + 'static,
        questions: usize,
    ) -> (SocketAddr, std::thread::JoinHandle<()>) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let serve = move || {
            let mut datagram = vec![0; LONGEST];
            for _ in 0..questions {
                let (length, from) = socket.recv_from(&mut datagram).unwrap();
                if let Some(reply) = reply(datagram[..length].to_vec()) {
                    socket.send_to(&reply, from).unwrap();
                }
            }
        };
        (address, std::thread::spawn(serve))
    }

    /// A reply without addresses: flags of success and this code.
    fn with_code(mut question: Vec<u8>, code: u8) -> Vec<u8> {
        question[2] = 0x81;
        question[3] = 0x80 | code;
        question
    }

    fn is_aaaa(question: &[u8]) -> bool {
        question[question.len() - 3] == 28
    }

    fn answers(asked: &[Asked]) -> Vec<&Answer> {
        asked.iter().map(|one| &one.answer).collect()
    }

    #[test]
    fn every_answer_of_a_server_is_told_apart() {
        for (code, expected) in [
            (0, Answer::NoAddresses),
            (2, Answer::Failed { code: 2 }),
            (3, Answer::NoSuchName),
            (5, Answer::Failed { code: 5 }),
        ] {
            let (address, served) = server(move |asked| Some(with_code(asked, code)), 2);
            let asked = both(address, "db.corp", LONG);
            assert_eq!(answers(&asked), [&expected, &expected]);
            assert_eq!(asked[0].name, "db.corp");
            served.join().unwrap();
        }
    }

    #[test]
    fn addresses_of_both_kinds_are_asked_for() {
        let reply = |asked: Vec<u8>| {
            let is_v6 = is_aaaa(&asked);
            let mut message = with_code(asked, 0);
            message[7] = 1;
            if is_v6 {
                message.extend(b"\xC0\x0C\0\x1C\0\x01\0\0\0\x3C\0\x10");
                message.extend(Ipv6Addr::LOCALHOST.octets());
            } else {
                message.extend(b"\xC0\x0C\0\x01\0\x01\0\0\0\x3C\0\x04\x0A\x00\x00\x07");
            }
            Some(message)
        };
        let (address, served) = server(reply, 2);
        let found = both(address, "db", LONG);
        assert_eq!(
            answers(&found),
            [
                &Answer::Addresses(vec![[10, 0, 0, 7].into()]),
                &Answer::Addresses(vec![Ipv6Addr::LOCALHOST.into()])
            ]
        );
        served.join().unwrap();
    }

    #[test]
    fn a_lost_question_is_asked_once_more_and_strange_answers_are_none() {
        let mut seen = 0;
        let reply = move |asked: Vec<u8>| {
            seen += 1;
            match seen {
                1 => None,
                2 => Some(b"nonsense".to_vec()),
                _ => Some(with_code(asked, 3)),
            }
        };
        let (address, served) = server(reply, 4);
        let found = both(address, "db", Duration::from_secs(4));
        assert_eq!(answers(&found), [&Answer::NoSuchName, &Answer::NoSuchName]);
        served.join().unwrap();
    }

    #[test]
    fn an_answer_that_does_not_fit_is_not_taken_for_none() {
        let reply = |asked: Vec<u8>| {
            let mut message = with_code(asked, 0);
            message[2] |= 0x02;
            Some(message)
        };
        let (address, served) = server(reply, 2);
        assert_eq!(
            answers(&both(address, "db", LONG)),
            [&Answer::TooLong, &Answer::TooLong]
        );
        served.join().unwrap();
    }

    #[test]
    fn silence_and_nobody_there_are_told_apart() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let asked = both(
            silent.local_addr().unwrap(),
            "db",
            Duration::from_millis(20),
        );
        assert_eq!(answers(&asked), [&Answer::Nothing, &Answer::Nothing]);
        let closed = silent.local_addr().unwrap();
        drop(silent);
        let asked = both(closed, "db", LONG);
        assert!(
            asked
                .iter()
                .all(|one| matches!(one.answer, Answer::NotThere { .. })),
            "{asked:?}"
        );
    }
}
