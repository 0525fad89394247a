//! The answer of `doctor` for people: the verdict, the causes with what shows them, and what was not looked at.

use std::fmt::Write as _;

use bowline_model::{is_steering, typed};
use bowline_ops::{
    Confidence, CulpritKind, Diagnosis, DoctorAnswer, Evidence, Finding, Look, Next, Risk,
    RuledOut, Safety, Undetermined, explanation,
};
use jiff::SignedDuration;

use super::{Asked, unseen};

/// Characters of evidence that stands behind something else; the whole of it is in the machine form.
const SHORT: usize = 100;

pub(super) fn of(answer: &DoctorAnswer, asked: Option<&Asked>) -> String {
    let diagnosis = &answer.diagnosis;
    let mut text = String::new();
    let first = match asked {
        Some(asked) => told(answer, asked),
        None => verdict(diagnosis),
    };
    let _ = writeln!(text, "{}\n", plain(&first));
    for cause in &diagnosis.causes {
        show(&mut text, diagnosis, cause);
    }
    // Whoever asks for one cause asks for nothing else.
    if asked.is_none() {
        for service in &diagnosis.undetermined {
            show_undetermined(&mut text, service);
        }
        for complaint in &diagnosis.complaints {
            let said = plain(&complaint.text);
            let _ = writeln!(text, "complains: {}{said}", when(complaint));
        }
        if !diagnosis.complaints.is_empty() {
            text.push('\n');
        }
    }
    for risk in &answer.risks {
        show_risk(&mut text, risk);
    }
    if !answer.risks.is_empty() {
        text.push('\n');
    }
    for line in unseen::lines(&diagnosis.unseen) {
        let _ = writeln!(text, "not looked at: {line}");
    }
    let _ = writeln!(text, "{}", effort(diagnosis));
    text
}

/// Words of others on one line, without what steers a terminal or makes them look like words of this program.
pub(super) fn plain(words: &str) -> String {
    let shown = |character| match character {
        // Commands have several lines.
        '\n' | '\t' => ' ',
        other if is_steering(other) => '\u{fffd}',
        other => other,
    };
    words.chars().map(shown).collect()
}

/// A part of what is said of something: its word, and its lines below each other.
pub(crate) fn part(text: &mut String, word: &str, lines: impl IntoIterator<Item = String>) {
    for (index, line) in lines.into_iter().enumerate() {
        let word = if index == 0 { word } else { "" };
        let _ = writeln!(text, "  {word:<10} {}", plain(&line));
    }
}

fn show_undetermined(text: &mut String, service: &Undetermined) {
    let what = format!("`{}` {}", service.service, service.state);
    let _ = writeln!(
        text,
        "undetermined: {}, and nothing that is known here explains it",
        plain(&what)
    );
    part(text, "excluded", service.excluded.iter().cloned());
    part(text, "unseen", unseen::lines(&service.unseen));
    part(text, "next", [suggested(&service.next)]);
    text.push('\n');
}

fn show_risk(text: &mut String, risk: &Risk) {
    let place = risk.place.as_ref();
    let place = place.map(|place| format!("{place}  ")).unwrap_or_default();
    let _ = writeln!(text, "risk[{}]: {}", risk.code, plain(&risk.claim));
    let _ = writeln!(text, "  --> {}", plain(&format!("{place}{}", risk.field)));
    part(text, "fix", [risk.fix.clone()]);
}

/// A cause in one line.
pub(crate) fn headline(cause: &Finding) -> String {
    let culprit = &cause.culprit;
    plain(&format!(
        "error[{}]: {}`{}`: {}",
        cause.code,
        kind(culprit.kind),
        culprit.name,
        cause.claim
    ))
}

/// What mends a cause, and what that costs.
pub(crate) fn fix(cause: &Finding) -> Option<String> {
    let fix = cause.fix.as_ref()?;
    Some(plain(&format!("{}{}", fix.text, cost(fix.safety))))
}

/// A cause with everything that shows it.
pub(crate) fn show(text: &mut String, diagnosis: &Diagnosis, cause: &Finding) {
    let culprit = &cause.culprit;
    let _ = writeln!(text, "{}", headline(cause));
    let place = culprit.place.as_ref();
    let place = place.map(|place| format!("{place}  ")).unwrap_or_default();
    match (&culprit.field, culprit.kind) {
        (Some(field), CulpritKind::Service) => {
            let written = plain(&format!("{place}services.{}.{field}", culprit.name));
            let _ = writeln!(text, "  --> {written}");
        }
        _ if !place.is_empty() => {
            let _ = writeln!(text, "  --> {}", plain(place.trim_end()));
        }
        _ => {}
    }
    part(text, "chain", chain(diagnosis, cause));
    let evidence = evidence(cause).into_iter().enumerate();
    let evidence = evidence.map(|(index, it)| {
        let (when, times) = (when(it), times(it));
        format!("{} {when}{times}{}  [{}]", index + 1, it.text, it.proves)
    });
    part(text, "because", evidence);
    part(text, "ruled out", ruled_out(cause));
    part(text, "confidence", [confidence(cause)]);
    part(text, "decide", cause.decide.iter().map(suggested));
    let mend = (!cause.mend.is_empty()).then(|| typed(&cause.mend));
    let mend = mend.map(|command| format!("{command}  (shows the plan and asks first)"));
    part(text, "fix", fix(cause).into_iter().chain(mend));
    part(text, "verify", [typed(&cause.verify)]);
    if !cause.affects.is_empty() {
        part(text, "affects", [cause.affects.join(", ")]);
    }
    text.push('\n');
}

/// What a thing is, before its name; services are what everything else is about.
pub(super) fn kind(kind: CulpritKind) -> &'static str {
    match kind {
        CulpritKind::Service => "",
        CulpritKind::Container => "container ",
        CulpritKind::Volume => "volume ",
        CulpritKind::Network => "network ",
        CulpritKind::Port => "port ",
        CulpritKind::Variable => "variable ",
        CulpritKind::File => "file ",
    }
}

/// How a cause spreads: each line from one service to those that it breaks, with what can be seen of them.
fn chain(diagnosis: &Diagnosis, cause: &Finding) -> Vec<String> {
    let state = |name: &str| {
        let mut failing = diagnosis.failing.iter();
        let failing = failing.find(|failing| failing.service == name);
        failing.map_or_else(
            || name.to_owned(),
            |failing| format!("{name} ({})", failing.state),
        )
    };
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    for (from, to) in &cause.chain {
        match lines.iter_mut().find(|(start, _)| start == from) {
            Some((_, ends)) => ends.push(state(to)),
            None => lines.push((from, vec![state(to)])),
        }
    }
    let lines = lines.into_iter();
    lines
        .map(|(from, ends)| format!("{from} ─x {}", ends.join(", ")))
        .collect()
}

/// What shows a cause, each line once: one may decide two things.
pub(super) fn evidence(cause: &Finding) -> Vec<&Evidence> {
    let mut all: Vec<&Evidence> = Vec::new();
    for one in &cause.evidence {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

/// When something was so, with a blank behind it.
fn when(evidence: &Evidence) -> String {
    let at = evidence.at.map(|at| at.strftime("%H:%M:%S ").to_string());
    at.unwrap_or_default()
}

/// How often something was so, and in how long, with a blank behind it: `x7 in 4m `.
pub(super) fn times(evidence: &Evidence) -> String {
    if evidence.count < 2 {
        return String::new();
    }
    let from = evidence.first.zip(evidence.at);
    let span = from.map(|(first, last)| last.duration_since(first));
    let span = span.filter(|span| *span >= SignedDuration::from_secs(1));
    let span = span.map(|span| format!(" in {}", rounded(span)));
    format!("x{}{} ", evidence.count, span.unwrap_or_default())
}

/// A length of time in its largest unit of which there are two or more: `90s`, `4m`, `3h`.
fn rounded(span: SignedDuration) -> String {
    match span.as_secs() {
        secs @ ..120 => format!("{secs}s"),
        secs @ ..7200 => format!("{}m", secs / 60),
        secs @ ..172_800 => format!("{}h", secs / 3600),
        secs => format!("{}d", secs / 86_400),
    }
}

/// What looks alike and is not the cause, a line each, with the number of the evidence that excludes it, or with that
/// itself where it is none of what shows the cause.
fn ruled_out(cause: &Finding) -> Vec<String> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for out in &cause.ruled_out {
        let name = named(out.code.0);
        let by = excluded_by(cause, out);
        match lines.iter_mut().find(|(other, _)| *other == name) {
            Some((_, all)) if all.contains(&by) => {}
            Some((_, all)) => all.push(by),
            None => lines.push((name, vec![by])),
        }
    }
    let lines = lines.into_iter();
    lines
        .map(|(name, by)| format!("{name} ({})", by.join(", ")))
        .collect()
}

fn excluded_by(cause: &Finding, out: &RuledOut) -> String {
    let mut shown = evidence(cause).into_iter();
    let is_it = |it: &Evidence| it.fact == out.by.fact && it.text == out.by.text;
    match shown.position(is_it) {
        Some(index) => (index + 1).to_string(),
        None => short(&out.by.text),
    }
}

/// The beginning of a text.
fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// A code with what it says.
fn named(code: &str) -> String {
    let title = explanation(code).map_or("", |found| found.title);
    format!("{code} {title}").trim_end().to_owned()
}

fn cost(safety: Safety) -> &'static str {
    match safety {
        Safety::Safe => "  (safe: can be taken back)",
        Safety::Restart => "  (restarts what it changes)",
        Safety::NeedsYou => "",
    }
}

/// How sure it is, and what keeps it from being surer.
pub(super) fn confidence(cause: &Finding) -> String {
    let word = match cause.confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    };
    let all = explanation(cause.code.0).map_or(0, |found| found.decisive.len());
    let seen = all.saturating_sub(cause.unchecked.len());
    let mut open = Vec::new();
    if !cause.unchecked.is_empty() {
        open.push(format!("not seen: {}", cause.unchecked.join(", ")));
    }
    if !cause.not_ruled_out.is_empty() {
        let codes = cause.not_ruled_out.iter();
        let codes: Vec<String> = codes.map(|code| named(code.0)).collect();
        open.push(format!("not ruled out: {}", codes.join(", ")));
    }
    open.extend(cause.doubts.iter().map(|&doubt| doubt.to_owned()));
    let facts = if all == 1 { "fact" } else { "facts" };
    let word = format!("{word} ({seen} of {all} decisive {facts})");
    if open.is_empty() || cause.confidence == Confidence::Certain {
        return word;
    }
    format!("{word}: {}", open.join("; "))
}

/// A command that is suggested, and what for.
fn suggested(next: &Next) -> String {
    format!("{}  ({})", typed(&next.command), next.why)
}

fn could_not_look(diagnosis: &Diagnosis) -> Option<String> {
    let mut unseen = diagnosis.unseen.iter();
    let is_blind = unseen.any(|unseen| unseen.look == Look::Containers);
    is_blind.then(|| format!("`{}` could not be looked at", diagnosis.project))
}

fn is_not_up(diagnosis: &Diagnosis) -> bool {
    diagnosis.containers == 0 && diagnosis.failing.is_empty() && diagnosis.causes.is_empty()
}

fn not_up(diagnosis: &Diagnosis) -> String {
    format!(
        "`{}` has no containers: it is not up (`bowline up` brings it up)",
        diagnosis.project
    )
}

/// The first line where somebody asked for one cause: whether it is there.
pub(super) fn told(answer: &DoctorAnswer, asked: &Asked) -> String {
    let diagnosis = &answer.diagnosis;
    let place = asked.culprit.as_ref();
    let place = place.map(|name| format!(" at `{name}`"));
    let place = place.unwrap_or_default();
    let code = &asked.code;
    if !diagnosis.causes.is_empty() || !answer.risks.is_empty() {
        return format!("{code} is there{place}");
    }
    if let Some(blind) = could_not_look(diagnosis) {
        return blind;
    }
    if bowline_ops::is_risk(code) {
        if !answer.has_files {
            return format!("nobody could look whether {code} is there: no files were read");
        }
    } else if is_not_up(diagnosis) {
        return not_up(diagnosis);
    }
    let told = if answer.may_be_missed {
        format!("nobody could look whether {code} is there{place}: not all was seen in one look")
    } else {
        format!("{code} is not there{place}")
    };
    match answer.elsewhere.as_slice() {
        [] => told,
        names => format!("{told}; it is at `{}`", names.join("`, `")),
    }
}

/// The first line: how much of what is not well is explained.
fn verdict(diagnosis: &Diagnosis) -> String {
    let (causes, failing) = (diagnosis.causes.len(), diagnosis.failing.len());
    let explained = failing - diagnosis.unexplained.len();
    if let Some(blind) = could_not_look(diagnosis) {
        return blind;
    }
    if is_not_up(diagnosis) {
        return not_up(diagnosis);
    }
    if causes == 0 && failing == 0 && !diagnosis.complaints.is_empty() {
        return format!(
            "{} containers run, and no cause of trouble is known; some complain",
            diagnosis.containers
        );
    }
    if causes == 0 && failing == 0 {
        let services = match diagnosis.services {
            1 => "1 service".to_owned(),
            many => format!("{many} services"),
        };
        return format!(
            "ok: {services}, 0 causes; checked {} rules",
            diagnosis.effort.rules
        );
    }
    if failing == 0 {
        return match causes {
            1 => "1 cause, though every service looks well from outside".to_owned(),
            many => format!("{many} causes, though every service looks well from outside"),
        };
    }
    let causes = match causes {
        0 => "no cause explains".to_owned(),
        1 => "1 cause explains".to_owned(),
        many => format!("{many} causes explain"),
    };
    format!("{causes} {explained} of {failing} services that are not well")
}

/// The last line: how much was looked at.
fn effort(diagnosis: &Diagnosis) -> String {
    let effort = &diagnosis.effort;
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let parts: Vec<String> = [
        counted(diagnosis.containers, "container", "containers"),
        counted(effort.logs, "log", "logs"),
        counted(effort.files, "file", "files"),
        counted(effort.tries, "name or address", "names and addresses"),
        counted(effort.asks, "answer of a server", "answers of servers"),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!(
        "looked at {} for {} rules in {:.1} s{}",
        if parts.is_empty() {
            "nothing".to_owned()
        } else {
            parts.join(", ")
        },
        effort.rules,
        std::time::Duration::from_millis(effort.millis).as_secs_f64(),
        match effort.instruments {
            0 => String::new(),
            made => format!(", from beside {made} of them"),
        }
    )
}
