//! Clocks that disagree: of two hosts, or of a program that goes by another time than the host it runs on.

use std::collections::BTreeSet;

use bowline_recipes::Says;
use jiff::{SignedDuration, Timestamp};

use crate::facts::{AskedFact, CertificateFact, ContainerFact, LogLine};
use crate::finding::{Code, Confidence, Culprit, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Edge, Said, World, culprit, made, shown, spoken, whole, written};

use super::tls::{shown_by, suspect};

pub(crate) const CLOCKS_DIFFER: Rule = Rule {
    code: Code("D129"),
    title: "two clocks disagree",
    layer: Layer::Platform,
    decisive: &["the complaint", "the other clock"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: clocks_differ,
};

/// What is said where the time of one side is of the future for the other.
const COMPLAINTS: &[Says] = &[Says::ClockSkew, Says::TlsNotYetValid];
/// By how much a clock has to be off to be called another one.
const OFF: SignedDuration = SignedDuration::from_secs(10);
/// By how much what a program writes may be late once more than another time.
const JITTER: SignedDuration = SignedDuration::from_secs(5);
/// The furthest that a time of day is from the one of Greenwich.
const FURTHEST_ZONE: SignedDuration = SignedDuration::from_hours(14);
/// Zones are whole quarters of an hour from each other.
const ZONE_STEP: i64 = 15 * 60;
/// How many of those who complain are named.
const MOST: usize = 3;

/// Somebody who got what is of the future.
struct Complaint<'w, 'f> {
    client: &'f ContainerFact,
    said: &'w Said<'f>,
    /// Where it got it from, for TLS.
    edge: Option<&'w Edge<'f>>,
    /// The certificate that is not good yet, where it was looked at.
    certificate: Option<(&'f AskedFact, &'f CertificateFact)>,
}

fn complaints<'w, 'f>(world: &'w World<'f>) -> Vec<Complaint<'w, 'f>> {
    let unwell = world.containers().filter(|it| !world.seems_well(it));
    let complaint = |client: &'f ContainerFact| {
        let said = COMPLAINTS.iter().find_map(|it| world.says(client, *it))?;
        let edge = suspect(world, client, said);
        let is_of_tls = said.says == Says::TlsNotYetValid;
        let certificate = edge.filter(|_| is_of_tls).and_then(|edge| {
            let (asked, answer) = shown_by(world, edge)?;
            let chain = answer?.certificates.iter();
            let newest = chain.max_by_key(|it| it.not_before)?;
            Some((asked, newest))
        });
        Some(Complaint {
            client,
            said,
            edge,
            certificate,
        })
    };
    unwell.filter_map(complaint).collect()
}

/// A container that goes by another clock than the engine and all others.
struct Clock<'f> {
    container: &'f ContainerFact,
    /// By how much it is ahead; less than none where it is behind, and `None` where nobody knows.
    ahead: Option<SignedDuration>,
    /// What in its settings gives it that clock.
    field: Option<String>,
    evidence: Vec<Evidence>,
}

fn clock<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Clock<'f>> {
    let told = told_time(world, container);
    let wrote = written_time(world, container);
    let ahead = wrote.map(|(ahead, _)| ahead);
    let ahead = ahead.or_else(|| told.as_ref()?.ahead);
    let mut evidence = Vec::new();
    if let Some((ahead, line)) = wrote {
        let proves = format!(
            "the engine noted {} beside it: its clock is {}",
            line.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            off_by(ahead)
        );
        evidence.push(written(container, line, &proves));
    }
    let field = told.as_ref().map(|told| told.field.clone());
    if let Some(told) = told {
        let proves = "it goes by another time than its host";
        evidence.extend(made(world, container, &told.text, proves));
    }
    (!evidence.is_empty()).then_some(Clock {
        container,
        ahead,
        field,
        evidence,
    })
}

fn off_by(ahead: SignedDuration) -> String {
    let way = if ahead.is_negative() {
        "behind"
    } else {
        "ahead"
    };
    // Programs leave out what is less than a second.
    let near = ahead.abs() + SignedDuration::from_millis(500);
    format!("{:#} {way}", SignedDuration::from_secs(near.as_secs()))
}

/// What in a container's settings gives it another time.
struct ToldTime {
    ahead: Option<SignedDuration>,
    field: String,
    text: String,
}

/// That a container is run with libfaketime, by its own wrapper or as a library that is loaded first.
fn told_time<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<ToldTime> {
    let told = world.made(container)?;
    let words: Vec<&str> = told
        .command
        .iter()
        .flat_map(|it| it.split_whitespace())
        .collect();
    let name = |word: &&str| word.rsplit('/').next() == Some("faketime");
    if let Some(at) = words.iter().position(name) {
        let mut after = words[at + 1..].iter().take(3);
        return Some(ToldTime {
            ahead: after.find_map(|word| offset(word)),
            field: "command".to_owned(),
            text: format!("its command is run by `{}`", words[at]),
        });
    }
    let value = |key: &str| told.environment.get(key)?.as_deref();
    let preloads = value("LD_PRELOAD").is_some_and(|it| it.contains("faketime"));
    let time = value("FAKETIME").filter(|_| preloads)?;
    Some(ToldTime {
        ahead: offset(time),
        field: "environment.FAKETIME".to_owned(),
        text: format!("variable `FAKETIME` is `{time}`, and `LD_PRELOAD` has the library"),
    })
}

/// What is further off, in seconds, is no offset: a thousand years.
const FURTHEST: i64 = 1000 * 365 * 24 * 3600;

/// A time that is told as so much before or after the real one: `+10m`, `-1d`, `+4`.
fn offset(text: &str) -> Option<SignedDuration> {
    let text = text.trim().trim_matches(['"', '\'']);
    let is_ahead = text.starts_with('+');
    let text = text.strip_prefix(['+', '-'])?;
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        "y" => 365 * 24 * 3600,
        _ => return None,
    };
    let whole = digits.split('.').next().unwrap_or_default();
    let seconds = whole.parse::<i64>().ok()?.checked_mul(unit)?;
    let seconds = Some(seconds).filter(|it| *it < FURTHEST)?;
    let ahead = SignedDuration::from_secs(seconds);
    Some(if is_ahead { ahead } else { -ahead })
}

/// By how much the times that a program writes before its lines are ahead of those that the engine notes beside them,
/// with the last such line. They have to be off by the same all the time: what is written late is late by more and by
/// less.
fn written_time<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
) -> Option<(SignedDuration, &'f LogLine)> {
    let lines = world.log(container)?.lines.iter();
    let began = container.started;
    let of_this_run = lines.filter(|line| began.is_none_or(|began| line.at >= began));
    let timed = of_this_run.filter_map(|line| {
        let own = own_time(&line.text)?;
        Some((own.duration_since(line.at), line))
    });
    let timed: Vec<_> = timed.collect();
    let ((_, first), (ahead, last)) = (timed.first()?, timed.last()?);
    let lowest = timed.iter().map(|(ahead, _)| *ahead).min()?;
    let highest = timed.iter().map(|(ahead, _)| *ahead).max()?;
    // What was kept back and written at once says nothing of when.
    let goes_on = last.at.duration_since(first.at) >= SignedDuration::from_secs(1);
    let is_steady = highest - lowest <= JITTER;
    let is_off = ahead.abs() >= OFF && !is_a_zone(*ahead);
    (goes_on && is_steady && is_off).then_some((*ahead, *last))
}

/// Whether two times are as far from each other as those of two zones: some programs write the one and call it the other.
fn is_a_zone(ahead: SignedDuration) -> bool {
    let ahead = ahead.abs();
    let rest = ahead.as_secs() % ZONE_STEP;
    let near = JITTER.as_secs();
    ahead <= FURTHEST_ZONE + JITTER && (rest <= near || rest >= ZONE_STEP - near)
}

/// What stands before the time of a line, without its punctuation.
const TIME_KEYS: &[&str] = &["", "t", "ts", "time", "timestamp", "datetime", "asctime"];

/// The time that a program wrote at the beginning of a line, where it says of which zone it is.
fn own_time(line: &str) -> Option<Timestamp> {
    let digit = line.find(|it: char| it.is_ascii_digit())?;
    let key = line[..digit].replace(|it: char| it.is_ascii_punctuation() || it == ' ', "");
    if !TIME_KEYS.contains(&key.to_ascii_lowercase().as_str()) {
        return None;
    }
    let rest = line[digit..].replacen(',', ".", 1);
    let day = rest.get(..10)?;
    let is_day = day.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !is_day || !matches!(rest.as_bytes().get(10), Some(b'T' | b' ')) {
        return None;
    }
    let is_clock = |it: char| it.is_ascii_digit() || it == ':' || it == '.';
    let time = &rest[11..];
    let end = time.find(|it: char| !is_clock(it)).unwrap_or(time.len());
    let (time, zone) = time.split_at(end);
    let zone = zone.trim_start();
    let zone = if zone.starts_with(['+', '-']) {
        let is_zone = |it: char| it.is_ascii_digit() || matches!(it, '+' | '-' | ':');
        &zone[..zone.find(|it: char| !is_zone(it)).unwrap_or(zone.len())]
    } else {
        let word = zone.split(|it: char| !it.is_ascii_alphanumeric()).next()?;
        matches!(word, "Z" | "UTC" | "GMT").then_some("Z")?
    };
    format!("{day}T{time}{zone}").parse().ok()
}

/// Whether a clock is why somebody complains: its own, or that of the one who signed what it got.
fn explains(
    world: &World<'_>,
    clocks: &[Clock<'_>],
    clock: &Clock<'_>,
    of: &Complaint<'_, '_>,
) -> bool {
    let is_its_own = clock.container.name == of.client.name;
    // Only what is said of tokens and certificates tells which of the two clocks is ahead.
    if of.said.says == Says::ClockSkew && of.said.recipe != "any" {
        return is_its_own || of.edge.is_some_and(|edge| edge.leads_to(clock.container));
    }
    let Some(ahead) = clock.ahead else {
        return is_its_own || of.said.says == Says::ClockSkew || gives(world, clock, of);
    };
    if is_its_own {
        return ahead.is_negative();
    }
    let mut others = clocks.iter();
    let own = others.find(|it| it.container.name == of.client.name);
    let own = own.and_then(|it| it.ahead).unwrap_or_default();
    let is_ahead = ahead - own >= OFF;
    match of.said.says {
        Says::TlsNotYetValid => is_ahead && gives(world, clock, of),
        _ => is_ahead,
    }
}

/// Whether a certificate is by the one whose clock that is: it shows it itself, or writes where the one who does reads.
fn gives(world: &World<'_>, clock: &Clock<'_>, of: &Complaint<'_, '_>) -> bool {
    let Some((_, servers)) = of.edge.and_then(Edge::service) else {
        return false;
    };
    let writes = world.mounts(clock.container).unwrap_or_default().iter();
    let kept: Vec<&str> = writes
        .filter(|mount| mount.writable && mount.kind != "tmpfs")
        .map(|mount| mount.source.as_str())
        .collect();
    servers.iter().any(|server| {
        let mut reads = world.mounts(server).unwrap_or_default().iter();
        server.name == clock.container.name
            || reads.any(|mount| kept.contains(&mount.source.as_str()))
    })
}

fn clocks_differ(world: &World<'_>, cases: &mut Vec<Case>) {
    let complaints = complaints(world);
    if complaints.is_empty() {
        return;
    }
    let clocks: Vec<Clock<'_>> = world
        .containers()
        .filter_map(|it| clock(world, it))
        .collect();
    let is_why = |clock: &Clock<'_>, of: &Complaint<'_, '_>| explains(world, &clocks, clock, of);
    for clock in &clocks {
        let of_it: Vec<_> = complaints.iter().filter(|it| is_why(clock, it)).collect();
        if !of_it.is_empty() {
            cases.push(of_clock(world, clock, &of_it));
        }
    }
    for complaint in &complaints {
        if !clocks.iter().any(|clock| is_why(clock, complaint)) {
            cases.push(of_hosts(world, complaint));
        }
    }
}

/// The case of one whose clock is another than everybody else's.
fn of_clock(world: &World<'_>, clock: &Clock<'_>, complaints: &[&Complaint<'_, '_>]) -> Case {
    let container = clock.container;
    let name = container.service.as_deref();
    let how = clock
        .ahead
        .map_or("another than that of all others".to_owned(), off_by);
    let claim =
        format!("its clock is {how}, so what is signed by one clock is of the future by the other");
    let mut case = Case::new(culprit(container, clock.field.as_deref()), claim)
        .at_most(Confidence::Likely)
        .mended_by(
            "let it go by the clock of its host, then `bowline up`, and let it make anew what it signed until now",
            Safety::NeedsYou,
        );
    for complaint in complaints.iter().take(MOST) {
        let proves = "by its own clock that is of the future";
        let said = spoken(complaint.client, complaint.said, proves);
        case = case.decides("the complaint", Some(said));
        if let Some((asked, own)) = complaint.certificate {
            let what = format!("its certificate is good from {} on", own.not_before);
            let seen = asked.evidence(&what, "the certificate says so itself");
            case = case.decides("the certificate", Some(seen));
        }
    }
    for evidence in &clock.evidence {
        case = case.decides("the other clock", Some(evidence.clone()));
    }
    for complaint in complaints {
        let client = complaint.client;
        // Who is asked by another one that complains is the one who refuses, and works.
        let mut others = complaints.iter().map(|it| it.client);
        let is_asked = others.any(|other| {
            let mut reached = BTreeSet::new();
            world.reach(other, &mut reached);
            other.name != client.name && reached.contains(client.name.as_str())
        });
        if !is_asked {
            case = case.between(name, client.service.as_deref());
        }
    }
    case
}

/// The case of somebody who got what is of the future, where no clock of the stack is known to be another one: the host's
/// clock may be, or that of the one who made the certificate.
fn of_hosts(world: &World<'_>, complaint: &Complaint<'_, '_>) -> Case {
    let client = complaint.client;
    let server = complaint.edge.and_then(Edge::service).map(|(name, _)| name);
    let other_clock = other_clock(world, complaint);
    let is_early = |own: &CertificateFact| own.not_before > world.now();
    let early = complaint.certificate.filter(|(_, own)| is_early(own));
    // Clients in the stack have one clock, by which none of them can take it.
    let shown_by = server.filter(|_| early.is_some() && other_clock.is_none());
    let (blamed, claim, fix): (Culprit, _, _) = match shown_by {
        Some(server) => (
            whole(CulpritKind::Service, server),
            "its certificate is not good yet: who made it went by a clock that is ahead of this host's",
            "where the clock of this host is right, make the certificate anew on one whose clock is right too, and restart the service",
        ),
        None => (
            culprit(client, None),
            "its clock and that of the one who signed what it got disagree",
            "set the clocks of both hosts by a time server",
        ),
    };
    let seen = early.map(|(asked, own)| {
        let what = format!("its certificate is good from {} on", own.not_before);
        asked.evidence(&what, "the certificate says so itself")
    });
    let said = spoken(
        client,
        complaint.said,
        "by its own clock that is of the future",
    );
    Case::new(blamed, claim.to_owned())
        .seen_in(client.service.as_deref())
        .between(server, client.service.as_deref())
        .mended_by(fix, Safety::NeedsYou)
        .decides("the complaint", Some(said))
        .decides("the certificate", seen)
        .decides("the other clock", other_clock)
}

/// That the engine's clock and this host's differ, in the way and by as much as somebody complains of: of a certificate that
/// is of the future only as far as that is known to be.
fn other_clock(world: &World<'_>, complaint: &Complaint<'_, '_>) -> Option<Evidence> {
    let ahead = world.host()?.ahead_millis?;
    let explains = match complaint.said.says {
        // Who is in the stack has the same clock.
        Says::ClockSkew => complaint.edge.is_none(),
        Says::TlsNotYetValid => {
            let (_, own) = complaint.certificate?;
            let missing = own.not_before.as_millisecond() - world.now().as_millisecond();
            ahead.saturating_add(missing) <= 0
        }
        _ => false,
    };
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    let text = format!(
        "the engine's clock is {} s {way} that of this host",
        ahead.unsigned_abs() / 1000
    );
    explains.then(|| shown(FactRef::Host, text, "the two are not set by one time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_where_a_line_begins_with_one_and_says_of_which_zone() {
        let noon: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        for line in [
            "2026-11-22T12:00:00Z info listening",
            "[2026-11-22T12:00:00.000+00:00] listening",
            "2026-11-22 13:00:00.000 +0100 LOG: ready",
            "2026-11-22 12:00:00,000 UTC [1] LOG: ready",
            r#"{"ts":"2026-11-22T12:00:00Z","msg":"listening"}"#,
            r#"time="2026-11-22T12:00:00Z" level=info"#,
        ] {
            assert_eq!(own_time(line), Some(noon), "{line}");
        }
        for line in [
            "2026-11-22 12:00:00 listening",
            "2026-11-22 12:00:00,000 INFO listening",
            "next run 2026-11-22T12:00:00Z",
            "{\"until\":\"2026-11-22T12:00:00Z\"}",
            "1:M 22 Nov 2026 12:00:00.443 * Ready",
            "2026-11-22",
            "20261122",
            "",
        ] {
            assert_eq!(own_time(line), None, "{line}");
        }
    }

    #[test]
    fn a_time_that_is_told_as_so_much_from_the_real_one_is_read() {
        let secs = |text| offset(text).map(|it| it.as_secs());
        assert_eq!(secs("+10m"), Some(600));
        assert_eq!(secs("-1d"), Some(-86400));
        assert_eq!(secs("+4"), Some(4));
        assert_eq!(secs("+1.5h"), Some(3600));
        for text in [
            "-f",
            "python3",
            "@2020-12-24 00:00:00",
            "10m",
            "+",
            "+3x",
            "+9223372036854775807",
        ] {
            assert_eq!(secs(text), None, "{text}");
        }
    }

    #[test]
    fn the_time_of_another_zone_is_no_other_clock() {
        let is_zone = |secs| is_a_zone(SignedDuration::from_secs(secs));
        assert!(is_zone(3600) && is_zone(-3602) && is_zone(20_698) && is_zone(0));
        assert!(!is_zone(600) && !is_zone(86400) && !is_zone(-95));
    }
}
