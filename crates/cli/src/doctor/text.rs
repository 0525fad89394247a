//! The answer of `doctor` for people: the verdict, the causes with what shows them, and what was not looked at.

use std::fmt::Write as _;

use bowline_ops::{
    Confidence, CulpritKind, Diagnosis, DoctorAnswer, Finding, Look, Risk, Safety, Unseen,
    WhyUnseen,
};

pub(super) fn of(answer: &DoctorAnswer) -> String {
    let diagnosis = &answer.diagnosis;
    let mut text = String::new();
    let _ = writeln!(text, "{}\n", verdict(diagnosis));
    for cause in &diagnosis.causes {
        show(&mut text, diagnosis, cause);
    }
    for failing in &diagnosis.failing {
        if diagnosis.unexplained.contains(&failing.service) {
            let _ = writeln!(
                text,
                "undetermined: `{}` {}, and nothing that is known here explains it\n  next       bowline logs {}\n",
                failing.service, failing.state, failing.service
            );
        }
    }
    for complaint in &diagnosis.complaints {
        let at = complaint.at.map(|at| at.strftime("%H:%M:%S ").to_string());
        let _ = writeln!(
            text,
            "complains: {}{}",
            at.unwrap_or_default(),
            complaint.text
        );
    }
    if !diagnosis.complaints.is_empty() {
        text.push('\n');
    }
    for risk in &answer.risks {
        show_risk(&mut text, risk);
    }
    if !answer.risks.is_empty() {
        text.push('\n');
    }
    for unseen in &diagnosis.unseen {
        let _ = writeln!(text, "not looked at: {}", not_seen(unseen));
    }
    let _ = writeln!(text, "{}", effort(diagnosis));
    text
}

fn show_risk(text: &mut String, risk: &Risk) {
    let place = risk.place.as_ref();
    let place = place.map(|place| format!("{place}  ")).unwrap_or_default();
    let _ = writeln!(
        text,
        "risk[{}]: {}\n  --> {place}{}\n  fix        {}",
        risk.code, risk.claim, risk.field, risk.fix
    );
}

/// A cause in one line.
pub(crate) fn headline(cause: &Finding) -> String {
    let culprit = &cause.culprit;
    format!(
        "error[{}]: {}`{}`: {}",
        cause.code,
        kind(culprit.kind),
        culprit.name,
        cause.claim
    )
}

/// What mends a cause, and what that costs.
pub(crate) fn fix(cause: &Finding) -> Option<String> {
    let fix = cause.fix.as_ref()?;
    Some(format!("{}{}", fix.text, cost(fix.safety)))
}

/// A cause with everything that shows it.
pub(crate) fn show(text: &mut String, diagnosis: &Diagnosis, cause: &Finding) {
    let culprit = &cause.culprit;
    let _ = writeln!(text, "{}", headline(cause));
    let place = culprit.place.as_ref();
    let place = place.map(|place| format!("{place}  ")).unwrap_or_default();
    match (&culprit.field, culprit.kind) {
        (Some(field), CulpritKind::Service) => {
            let _ = writeln!(text, "  --> {place}services.{}.{field}", culprit.name);
        }
        _ if !place.is_empty() => {
            let _ = writeln!(text, "  --> {}", place.trim_end());
        }
        _ => {}
    }
    for (index, line) in chain(diagnosis, cause).into_iter().enumerate() {
        let word = if index == 0 { "chain" } else { "" };
        let _ = writeln!(text, "  {word:<10} {line}");
    }
    for (index, evidence) in cause.evidence.iter().enumerate() {
        let word = if index == 0 { "because" } else { "" };
        let time = evidence
            .at
            .map(|at| format!("{} ", at.strftime("%H:%M:%S")))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "  {word:<10} {} {time}{}  [{}]",
            index + 1,
            evidence.text,
            evidence.proves
        );
    }
    let mut out: Vec<String> = cause
        .ruled_out
        .iter()
        .map(|out| out.code.to_string())
        .collect();
    out.dedup();
    if !out.is_empty() {
        let _ = writeln!(text, "  ruled out  {}", out.join(", "));
    }
    let _ = writeln!(text, "  confidence {}", confidence(cause));
    if let Some(fix) = fix(cause) {
        let _ = writeln!(text, "  fix        {fix}");
    }
    let _ = writeln!(text, "  verify     {}", cause.verify.join(" "));
    if !cause.affects.is_empty() {
        let _ = writeln!(text, "  affects    {}", cause.affects.join(", "));
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
        Confidence::Certain => return "certain".to_owned(),
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    };
    let mut open = Vec::new();
    if !cause.unchecked.is_empty() {
        open.push(format!("not seen: {}", cause.unchecked.join(", ")));
    }
    if !cause.not_ruled_out.is_empty() {
        let codes: Vec<String> = cause
            .not_ruled_out
            .iter()
            .map(ToString::to_string)
            .collect();
        open.push(format!("not ruled out: {}", codes.join(", ")));
    }
    if open.is_empty() {
        open.push("what it goes by was never seen on a real server".to_owned());
    }
    format!("{word}: {}", open.join("; "))
}

pub(super) fn not_seen(unseen: &Unseen) -> String {
    let what = match &unseen.look {
        Look::Containers => "containers".to_owned(),
        Look::Networks => "networks".to_owned(),
        Look::Volumes => "volumes".to_owned(),
        Look::Images => "images".to_owned(),
        Look::Changes(container) => format!("what was changed in {container}"),
        Look::Events { before } => {
            format!(
                "what happened before {}",
                before.strftime("%Y-%m-%d %H:%M:%S UTC")
            )
        }
        Look::Log(container) => format!("log of {container}"),
        Look::Inside(container) => format!("processes and sockets of {container}"),
        Look::File { container, path } => format!("`{path}` in {container}"),
        Look::KernelLog => "the kernel's log".to_owned(),
        Look::Tries => "names and addresses from within containers".to_owned(),
        Look::Asks => "servers, in their own protocol".to_owned(),
        Look::Closely(1) => "1 container that nothing put in doubt, more closely".to_owned(),
        Look::Closely(count) => {
            format!("{count} containers that nothing put in doubt, more closely")
        }
        Look::Drift => "what `bowline up` would change".to_owned(),
    };
    let why = match &unseen.cause {
        WhyUnseen::TooSlow => "it took too long".to_owned(),
        WhyUnseen::Engine(words) | WhyUnseen::Kernel(words) => words.clone(),
        WhyUnseen::TooMany => "there was too much of it for one look".to_owned(),
        WhyUnseen::Forgotten => "the engine has forgotten it".to_owned(),
        WhyUnseen::NotWanted => "not wanted".to_owned(),
    };
    format!("{what} ({why})")
}

/// The first line: how much of what is not well is explained.
fn verdict(diagnosis: &Diagnosis) -> String {
    let (causes, failing) = (diagnosis.causes.len(), diagnosis.failing.len());
    let explained = failing - diagnosis.unexplained.len();
    let mut unseen = diagnosis.unseen.iter();
    if unseen.any(|unseen| unseen.look == Look::Containers) {
        return format!("`{}` could not be looked at", diagnosis.project);
    }
    if diagnosis.containers == 0 && failing == 0 && causes == 0 {
        return format!(
            "`{}` has no containers: it is not up (`bowline up` brings it up)",
            diagnosis.project
        );
    }
    if causes == 0 && failing == 0 && !diagnosis.complaints.is_empty() {
        return format!(
            "{} containers run, and no cause of trouble is known; some complain",
            diagnosis.containers
        );
    }
    if causes == 0 && failing == 0 {
        return format!(
            "ok: {} containers, nothing is wrong with them",
            diagnosis.containers
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
