//! The answer of `doctor` as a page of Markdown, with the headings that people of operations hand on.
//!
//! The headings and their order are those of a report that teams write by hand: each issue has all of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bowline_model::typed;
use bowline_ops::{Diagnosis, DoctorAnswer, Evidence, Finding, Risk, Undetermined, explanation};

use super::text::{confidence, evidence, kind, plain, times, told};
use super::{Asked, unseen};

pub(super) fn of(answer: &DoctorAnswer, asked: Option<&Asked>) -> String {
    let diagnosis = &answer.diagnosis;
    let mut page = String::from("## Container Operations Report\n");
    if let Some(asked) = asked {
        if diagnosis.causes.is_empty() {
            let told = plain(&told(answer, asked));
            let _ = write!(page, "\n### Issue: {told}\n");
        }
    } else if diagnosis.causes.is_empty() && diagnosis.failing.is_empty() {
        let _ = write!(
            page,
            "\n### Issue: none; {} containers of `{}` are well\n",
            diagnosis.containers,
            plain(&diagnosis.project)
        );
    }
    for cause in &diagnosis.causes {
        section(diagnosis, cause).add_to(&mut page);
    }
    // Whoever asks for one cause asks for nothing else.
    if asked.is_none() {
        for service in &diagnosis.undetermined {
            undetermined(service).add_to(&mut page);
        }
    }
    risks(&mut page, &answer.risks);
    if asked.is_none() && !diagnosis.complaints.is_empty() {
        page.push_str("\nComplaints that nothing known explains:\n");
        for complaint in &diagnosis.complaints {
            let _ = writeln!(page, "- {}", plain(&complaint.text));
        }
    }
    if !diagnosis.unseen.is_empty() {
        page.push_str("\nNot looked at:\n");
        for line in unseen::lines(&diagnosis.unseen) {
            let _ = writeln!(page, "- {line}");
        }
    }
    page
}

/// An issue under its headings.
struct Section {
    issue: String,
    affected: Vec<String>,
    root_cause: String,
    steps: Vec<String>,
    /// The command that does all of them, in words.
    shortcut: Option<String>,
    verification: String,
    prevention: String,
    related: Vec<String>,
}

impl Section {
    fn add_to(self, page: &mut String) {
        let steps = self.steps.iter().enumerate();
        let steps = steps.map(|(index, step)| format!("{}. {}\n", index + 1, plain(step)));
        let shortcut = self.shortcut.map(|words| format!("\n{}\n", plain(&words)));
        let shortcut = shortcut.into_iter();
        let _ = write!(
            page,
            "\n### Issue: {}\n\n### Services Affected:\n{}\n### Root Cause:\n{}\n### Resolution Steps:\n{}\n### Verification:\n```bash\n{}\n```\n\n### Prevention:\n- {}\n\n### Related Services to Monitor:\n{}",
            plain(&self.issue),
            listed(&self.affected, "none yet"),
            self.root_cause,
            steps.chain(shortcut).collect::<String>(),
            plain(&self.verification),
            self.prevention,
            listed(&self.related, "none"),
        );
    }
}

fn listed(lines: &[String], none: &str) -> String {
    if lines.is_empty() {
        return format!("- {none}\n");
    }
    lines.iter().fold(String::new(), |mut list, line| {
        let _ = writeln!(list, "- {}", plain(line));
        list
    })
}

fn section(diagnosis: &Diagnosis, cause: &Finding) -> Section {
    let culprit = &cause.culprit;
    let own: BTreeSet<&String> = cause.services.iter().chain(&cause.affects).collect();
    let links = cause.chain.iter();
    let related: BTreeSet<&String> = links.flat_map(|(from, to)| [from, to]).collect();
    let affected = own.into_iter();
    let affected = affected.map(|service| format!("{service} - {}", state(diagnosis, service)));
    Section {
        issue: format!("{}`{}`: {}", kind(culprit.kind), culprit.name, cause.claim),
        affected: affected.collect(),
        root_cause: root_cause(cause),
        steps: steps(cause),
        shortcut: shortcut(cause),
        verification: typed(&cause.verify),
        prevention: explanation(cause.code.0)
            .map_or("", |text| text.prevention)
            .to_owned(),
        related: related.into_iter().cloned().collect(),
    }
}

fn root_cause(cause: &Finding) -> String {
    let claim = format!("{} ({}, {})", cause.claim, cause.code, confidence(cause));
    let mut text = plain(&claim) + "\n";
    if let Some(place) = &cause.culprit.place {
        let place = plain(&place.to_string());
        let _ = writeln!(text, "It is written at `{place}`.");
    }
    if let Some(next) = &cause.decide {
        let next = plain(&format!("`{}` ({})", typed(&next.command), next.why));
        let _ = writeln!(text, "What would make it surer: {next}.");
    }
    text.push('\n');
    for evidence in evidence(cause) {
        let _ = writeln!(text, "- {}", plain(&shown(evidence)));
    }
    text
}

fn shown(evidence: &Evidence) -> String {
    let at = evidence.at.map(|at| format!("{at:.0} "));
    format!(
        "{}{}`{}`: {}",
        at.unwrap_or_default(),
        times(evidence),
        evidence.text.replace('`', "'"),
        evidence.proves
    )
}

/// What to do, one thing after the other.
fn steps(cause: &Finding) -> Vec<String> {
    let Some(fix) = &cause.fix else {
        return vec!["decide what it should be".to_owned()];
    };
    let parts = fix.text.split(", then ");
    let steps = parts.flat_map(|part| part.split("; then "));
    steps.map(str::to_owned).collect()
}

/// The command that does all of it, where there is one.
fn shortcut(cause: &Finding) -> Option<String> {
    let words = (!cause.mend.is_empty()).then(|| typed(&cause.mend))?;
    Some(format!(
        "`{words}` does that: it shows the plan, asks, and looks again."
    ))
}

fn undetermined(service: &Undetermined) -> Section {
    let mut root_cause = "undetermined: nothing that is known here explains it\n".to_owned();
    if !service.excluded.is_empty() {
        root_cause.push_str("\nWhat it is not:\n");
        root_cause += &listed(&service.excluded, "");
    }
    let unseen = unseen::lines(&service.unseen);
    if !unseen.is_empty() {
        root_cause.push_str("\nWhat could not be looked at:\n");
        root_cause += &listed(&unseen, "");
    }
    let next = &service.next;
    Section {
        issue: format!("`{}` {}", service.service, service.state),
        affected: vec![format!("{} - {}", service.service, service.state)],
        root_cause,
        steps: vec![
            format!("`{}` ({})", typed(&next.command), next.why),
            "mend what that shows, and look again".to_owned(),
        ],
        shortcut: None,
        verification: typed(&service.verify),
        prevention: "not known as long as the cause is not".to_owned(),
        related: service.related.clone(),
    }
}

/// What explains no trouble and may become some, where that was asked for.
fn risks(page: &mut String, risks: &[Risk]) {
    if risks.is_empty() {
        return;
    }
    page.push_str("\n### Risks:\n");
    for risk in risks {
        let place = risk.place.as_ref();
        let place = place.map(|place| format!(", `{place}`"));
        let line = format!(
            "- {} ({}{}): {}",
            risk.claim,
            risk.code,
            place.unwrap_or_default(),
            risk.fix
        );
        let _ = writeln!(page, "{}", plain(&line));
    }
}

fn state<'d>(diagnosis: &'d Diagnosis, service: &str) -> &'d str {
    let mut failing = diagnosis.failing.iter();
    let failing = failing.find(|failing| failing.service == service);
    failing.map_or("runs", |failing| &failing.state)
}
