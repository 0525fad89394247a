//! Looking a name up as a container would: by its own `/etc/hosts`, its own name servers, from its own network.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::resolver_files::ResolverFiles;
use super::{LONGEST, Look, Unseen, ask};

/// Where name servers listen.
const PORT: u16 = 53;
/// Both files are read this far, in bytes.
const MOST_OF_FILE: usize = 64 * 1024;

/// What came of looking a name up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// What a program of the container would be told.
    pub outcome: Outcome,
    /// Every question that was asked for it, with its answer, in order.
    pub asked: Vec<Asked>,
}

/// What a program that looks a name up is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// These addresses, sorted. Without a question they are from `/etc/hosts`, or the name is an address itself.
    Addresses(Vec<IpAddr>),
    /// There is such a name, and it has no address.
    NoAddresses,
    /// No server knows such a name (NXDOMAIN).
    NoSuchName,
    /// The servers could not find out (SERVFAIL and the like).
    ServerFailed,
    /// No server answered.
    NoAnswer,
    /// It cannot be asked for: it is empty, too long, or has letters that names do not have.
    NotAName,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The server.
    pub server: IpAddr,
    /// The name as it was asked for, with what the search list added.
    pub name: String,
    /// The kind of address.
    pub kind: RecordKind,
    /// What it said.
    pub answer: Answer,
    /// The time from the question to the answer, or until nobody waited any more.
    pub took: Duration,
}

/// Kinds of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// IPv4.
    A,
    /// IPv6.
    Aaaa,
}

/// What a name server said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// These addresses, in its order.
    Addresses(Vec<IpAddr>),
    /// It knows the name, and no address of this kind for it.
    NoAddresses,
    /// There is no such name (NXDOMAIN).
    NoSuchName,
    /// It could not or would not find out.
    Failed {
        /// The code of the reply: 2 is SERVFAIL, 5 REFUSED (RFC 1035, RFC 6895).
        code: u8,
    },
    /// Its answer does not fit into a datagram, and none of it did.
    TooLong,
    /// Nothing in the time that it had.
    Nothing,
    /// Nobody is there to be asked, as the network says.
    NotThere {
        /// What it says.
        reason: String,
    },
}

impl Look {
    /// Looks a name up as a program in the container would that uses the C library of GNU.
    ///
    /// Reads the first 64 KiB of the container's `/etc/hosts` and `/etc/resolv.conf`, with `search` and `ndots`; then
    /// asks its servers by UDP from its network, for IPv4 and IPv6 at once, each question sent at most twice. It asks
    /// no more than 3 servers and 16 suffixes, as that library does. What it does not do: read `/etc/nsswitch.conf`,
    /// ask by TCP where an answer is cut, wait as long as `timeout` and `attempts` there say. musl, in Alpine images,
    /// asks all servers at once and tries no suffix on a name that has dots enough.
    ///
    /// Takes at most `within` for asking, a minute at most; servers that are silent share what is left of it.
    ///
    /// # Errors
    ///
    /// Where the files or the network cannot be seen. A missing file is an empty one.
    pub fn resolve(&self, name: &str, within: Duration) -> Result<Resolution, Unseen> {
        let text = |path: &str| {
            let start = self.read(path, MOST_OF_FILE)?;
            let bytes = start.map(|start| start.bytes).unwrap_or_default();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let files = ResolverFiles::parse(&text("/etc/resolv.conf")?, &text("/etc/hosts")?);
        self.in_network(|| {
            let end = Instant::now() + within.min(LONGEST);
            let mut ask = |server: IpAddr, name: &str, share: u32| {
                let left = end.saturating_duration_since(Instant::now());
                ask::both(SocketAddr::new(server, PORT), name, left / share)
            };
            resolve(name, &files, &mut ask)
        })
    }
}

/// Asks a server for both addresses of a name; the last argument says among how many servers the time that is left
/// is shared. Empty for what is no name.
type Ask<'a> = &'a mut dyn FnMut(IpAddr, &str, u32) -> Vec<Asked>;

fn resolve(name: &str, files: &ResolverFiles, ask: Ask<'_>) -> Resolution {
    let known = match name.parse() {
        Ok(address) => vec![address],
        Err(_) => files.known(name),
    };
    if !known.is_empty() {
        return Resolution {
            outcome: Outcome::Addresses(known),
            asked: Vec::new(),
        };
    }
    let mut asked = Vec::new();
    let mut outcomes = Vec::new();
    for candidate in files.candidates(name) {
        let outcome = ask_servers(&candidate, files, ask, &mut asked);
        let is_last = matches!(outcome, Outcome::Addresses(_) | Outcome::NoAnswer);
        outcomes.push((candidate == name, outcome));
        if is_last {
            break;
        }
    }
    Resolution {
        outcome: verdict(&outcomes),
        asked,
    }
}

/// What all candidates together come to, as the C library sees it.
fn verdict(outcomes: &[(bool, Outcome)]) -> Outcome {
    let ended = outcomes
        .last()
        .filter(|(_, last)| matches!(last, Outcome::Addresses(_) | Outcome::NoAnswer));
    if let Some((_, outcome)) = ended {
        return outcome.clone();
    }
    // What was said of the name as it is counts most when it was asked for first.
    if let [(true, first), ..] = outcomes {
        return first.clone();
    }
    let said = |wanted: Outcome| outcomes.iter().any(|(_, outcome)| *outcome == wanted);
    let by_weight = [
        Outcome::NoAddresses,
        Outcome::ServerFailed,
        Outcome::NoSuchName,
    ];
    by_weight
        .into_iter()
        .find(|outcome| said(outcome.clone()))
        .unwrap_or(Outcome::NotAName)
}

/// Asks one server after the other for one name, until one knows.
fn ask_servers(name: &str, files: &ResolverFiles, ask: Ask<'_>, asked: &mut Vec<Asked>) -> Outcome {
    let mut outcome = Outcome::NotAName;
    let mut left = u32::try_from(files.servers.len()).unwrap_or(u32::MAX);
    for server in &files.servers {
        let answers = ask(*server, name, left.max(1));
        left = left.saturating_sub(1);
        let said = outcome_of(&answers);
        asked.extend(answers);
        match said {
            Outcome::ServerFailed => outcome = said,
            // A failure says more than silence.
            Outcome::NoAnswer if outcome != Outcome::ServerFailed => outcome = said,
            Outcome::NoAnswer => {}
            known => return known,
        }
    }
    outcome
}

/// What the answers of one server to both questions come to.
fn outcome_of(answers: &[Asked]) -> Outcome {
    let mut addresses: Vec<IpAddr> = answers
        .iter()
        .filter_map(|asked| match &asked.answer {
            Answer::Addresses(addresses) => Some(addresses),
            _ => None,
        })
        .flatten()
        .copied()
        .collect();
    if !addresses.is_empty() {
        addresses.sort_unstable();
        addresses.dedup();
        return Outcome::Addresses(addresses);
    }
    let said = |is_it: fn(&Answer) -> bool| answers.iter().any(|asked| is_it(&asked.answer));
    if answers.is_empty() {
        Outcome::NotAName
    } else if said(|answer| matches!(answer, Answer::Failed { .. } | Answer::TooLong)) {
        Outcome::ServerFailed
    } else if said(|answer| matches!(answer, Answer::Nothing | Answer::NotThere { .. })) {
        Outcome::NoAnswer
    } else if said(|answer| *answer == Answer::NoAddresses) {
        Outcome::NoAddresses
    } else {
        Outcome::NoSuchName
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch corp\n";

    fn address() -> IpAddr {
        [10, 0, 0, 7].into()
    }

    fn here() -> Answer {
        Answer::Addresses(vec![address()])
    }

    /// Looks `db` up with servers that answer by a table of server, name and both answers; what is not in it gets no
    /// answer. Says the outcome and what was asked of whom.
    fn look_up(conf: &str, table: &[(u8, &str, [Answer; 2])]) -> (Outcome, Vec<(u8, String)>) {
        let mut asked = Vec::new();
        let mut ask = |server: IpAddr, name: &str, _: u32| {
            let IpAddr::V4(v4) = server else {
                panic!("{server}")
            };
            let last = v4.octets()[3];
            asked.push((last, name.to_owned()));
            let answers = table
                .iter()
                .find(|(at, known, _)| (*at, *known) == (last, name))
                .map_or([Answer::Nothing, Answer::Nothing], |(.., answers)| {
                    answers.clone()
                });
            let kinds = [RecordKind::A, RecordKind::Aaaa];
            let asked = kinds.into_iter().zip(answers).map(|(kind, answer)| Asked {
                server,
                name: name.to_owned(),
                kind,
                answer,
                took: Duration::ZERO,
            });
            asked.collect()
        };
        let files = ResolverFiles::parse(conf, "10.0.0.9 known\n");
        let outcome = resolve("db", &files, &mut ask).outcome;
        (outcome, asked)
    }

    fn both(answer: &Answer) -> [Answer; 2] {
        [answer.clone(), answer.clone()]
    }

    #[test]
    fn a_name_is_looked_for_under_every_suffix_and_as_it_is() {
        let table = [
            (1, "db.corp", both(&Answer::NoSuchName)),
            (1, "db", [here(), Answer::NoAddresses]),
        ];
        let (outcome, asked) = look_up(CONF, &table);
        assert_eq!(outcome, Outcome::Addresses(vec![address()]));
        assert_eq!(asked, [(1, "db.corp".to_owned()), (1, "db".to_owned())]);
    }

    #[test]
    fn no_such_name_needs_no_second_server() {
        let table = [
            (1, "db.corp", both(&Answer::NoSuchName)),
            (1, "db", both(&Answer::NoSuchName)),
        ];
        let (outcome, asked) = look_up(CONF, &table);
        assert_eq!(outcome, Outcome::NoSuchName);
        assert_eq!(asked.len(), 2);
    }

    #[test]
    fn a_silent_or_failing_server_is_followed_by_the_next() {
        for first in [
            Answer::Nothing,
            Answer::Failed { code: 2 },
            Answer::NotThere {
                reason: "refused".into(),
            },
        ] {
            let table = [(1, "db.corp", both(&first)), (2, "db.corp", both(&here()))];
            let (outcome, asked) = look_up(CONF, &table);
            assert_eq!(outcome, Outcome::Addresses(vec![address()]), "{first:?}");
            assert_eq!(
                asked,
                [(1, "db.corp".to_owned()), (2, "db.corp".to_owned())]
            );
        }
    }

    #[test]
    fn silence_ends_the_search_and_failure_says_more_than_silence() {
        let (outcome, asked) = look_up(CONF, &[]);
        assert_eq!(outcome, Outcome::NoAnswer);
        assert_eq!(
            asked,
            [(1, "db.corp".to_owned()), (2, "db.corp".to_owned())]
        );
        let failed = both(&Answer::Failed { code: 2 });
        let table = [(1, "db.corp", failed.clone()), (1, "db", failed)];
        assert_eq!(look_up(CONF, &table).0, Outcome::ServerFailed);
    }

    #[test]
    fn what_is_said_of_the_name_as_it_is_counts_when_it_comes_first() {
        let conf = "nameserver 10.0.0.1\nsearch corp\noptions ndots:0\n";
        let table = [
            (1, "db", both(&Answer::NoSuchName)),
            (1, "db.corp", both(&Answer::Failed { code: 2 })),
        ];
        let (outcome, asked) = look_up(conf, &table);
        assert_eq!(outcome, Outcome::NoSuchName);
        assert_eq!(asked.len(), 2);
        assert_eq!(
            look_up("nameserver 10.0.0.1\nsearch corp\n", &table).0,
            Outcome::ServerFailed
        );
    }

    #[test]
    fn one_kind_of_address_is_enough_and_none_is_not_no_name() {
        let alone = "nameserver 10.0.0.1\n";
        let half = [(1, "db", [here(), Answer::Failed { code: 2 }])];
        assert_eq!(look_up(alone, &half).0, Outcome::Addresses(vec![address()]));
        let none = [(1, "db", both(&Answer::NoAddresses))];
        assert_eq!(look_up(alone, &none).0, Outcome::NoAddresses);
    }

    #[test]
    fn addresses_and_known_hosts_are_not_asked_for() {
        let files = ResolverFiles::parse(CONF, "10.0.0.9 known\n");
        let mut ask = |_: IpAddr, name: &str, _: u32| -> Vec<Asked> { panic!("asked for {name}") };
        for (name, address) in [
            ("known", "10.0.0.9"),
            ("10.1.1.1", "10.1.1.1"),
            ("::1", "::1"),
        ] {
            let found = resolve(name, &files, &mut ask);
            assert_eq!(
                found.outcome,
                Outcome::Addresses(vec![address.parse().unwrap()])
            );
        }
    }

    #[test]
    fn what_is_no_name_is_said_to_be_none() {
        let files = ResolverFiles::parse(CONF, "");
        let server: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut ask = |_: IpAddr, name: &str, _: u32| ask::both(server, name, Duration::ZERO);
        let found = resolve("not a name", &files, &mut ask);
        assert_eq!(found.outcome, Outcome::NotAName);
        assert!(found.asked.is_empty());
    }
}
