//! The answer of `doctor` as a page of Markdown, with the headings that people of operations hand on.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bowline_ops::{Diagnosis, Finding, explanation};

use super::text::{confidence, kind, not_seen};

pub(super) fn of(diagnosis: &Diagnosis) -> String {
    let mut page = String::from("## Container Operations Report\n");
    if diagnosis.causes.is_empty() && diagnosis.failing.is_empty() {
        let _ = write!(
            page,
            "\n### Issue: none; {} containers of `{}` are well\n",
            diagnosis.containers, diagnosis.project
        );
    }
    for cause in &diagnosis.causes {
        section(&mut page, diagnosis, cause);
    }
    for service in &diagnosis.unexplained {
        let state = state(diagnosis, service);
        let _ = write!(
            page,
            "\n### Issue: `{service}` {state}\n\n### Root Cause:\nundetermined\n\n### Resolution Steps:\n1. `bowline logs {service}`\n"
        );
    }
    if !diagnosis.complaints.is_empty() {
        page.push_str("\nComplaints that nothing known explains:\n");
        for complaint in &diagnosis.complaints {
            let _ = writeln!(page, "- {}", complaint.text);
        }
    }
    if !diagnosis.unseen.is_empty() {
        page.push_str("\nNot looked at:\n");
        for unseen in &diagnosis.unseen {
            let _ = writeln!(page, "- {}", not_seen(unseen));
        }
    }
    page
}

fn section(page: &mut String, diagnosis: &Diagnosis, cause: &Finding) {
    let culprit = &cause.culprit;
    let _ = write!(
        page,
        "\n### Issue: {}`{}`: {}\n\n### Services Affected:\n",
        kind(culprit.kind),
        culprit.name,
        cause.claim
    );
    let own = cause.services.iter();
    let all: BTreeSet<&String> = own.chain(&cause.affects).collect();
    for service in &all {
        let _ = writeln!(page, "- {service} - {}", state(diagnosis, service));
    }
    if all.is_empty() {
        page.push_str("- none yet\n");
    }
    let _ = write!(
        page,
        "\n### Root Cause:\n{} ({}, {})\n",
        cause.claim,
        cause.code,
        confidence(cause)
    );
    if let Some(place) = &culprit.place {
        let _ = writeln!(page, "It is written at `{place}`.");
    }
    page.push('\n');
    for evidence in &cause.evidence {
        let at = evidence
            .at
            .map(|at| format!("{at:.0} "))
            .unwrap_or_default();
        let _ = writeln!(
            page,
            "- {at}`{}`: {}",
            evidence.text.replace('`', "'"),
            evidence.proves
        );
    }
    mended(page, cause);
}

/// What to do about a cause, how to see that it worked, and how to keep it from coming again.
fn mended(page: &mut String, cause: &Finding) {
    page.push_str("\n### Resolution Steps:\n");
    match &cause.fix {
        Some(fix) => {
            let _ = writeln!(page, "1. {}", fix.text);
        }
        None => page.push_str("1. decide what it should be\n"),
    }
    let _ = write!(
        page,
        "\n### Verification:\n```bash\n{}\n```\n",
        cause.verify.join(" ")
    );
    let prevention = explanation(cause.code.0).map_or("", |text| text.prevention);
    let _ = write!(page, "\n### Prevention:\n- {prevention}\n");
    page.push_str("\n### Related Services to Monitor:\n");
    let related: BTreeSet<&String> = cause
        .chain
        .iter()
        .flat_map(|(from, to)| [from, to])
        .collect();
    for service in &related {
        let _ = writeln!(page, "- {service}");
    }
    if related.is_empty() {
        page.push_str("- none\n");
    }
}

fn state<'d>(diagnosis: &'d Diagnosis, service: &str) -> &'d str {
    let mut failing = diagnosis.failing.iter();
    let failing = failing.find(|failing| failing.service == service);
    failing.map_or("runs", |failing| &failing.state)
}
