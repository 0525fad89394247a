//! `bowline doctor`: what is wrong with a stack, and what shows it.

use std::fmt::Write as _;

use bowline_ops::{
    Answer, Confidence, CulpritKind, Diagnosis, DoctorRequest, ExitCode, Failure, Finding, Look,
    Unseen, WhyUnseen, doctor,
};
use clap::{Args, ValueEnum};

use crate::global::GlobalArgs;
use crate::terminal::Terminal;
use crate::{runtime, surroundings};

/// `bowline doctor`
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    format: DoctorFormat,
    /// Say only whether this cause is there: `D032`
    #[arg(long, value_name = "CODE")]
    only: Option<String>,
    /// Do not read what containers wrote
    #[arg(long)]
    no_logs: bool,
    /// Write everything that was observed into this file, without any secret
    #[arg(long, value_name = "FILE")]
    record: Option<String>,
    /// Diagnose what `--record` wrote, and look at nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    replay: Option<String>,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DoctorFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Looks at a stack and says what is wrong. Exit codes: 0 nothing, 11 causes, 12 not well and no cause found, 13 could
/// not look.
pub(crate) fn run(
    global: &GlobalArgs,
    args: &DoctorArgs,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let recording = args.replay.as_deref().map(read).transpose()?;
    let request = DoctorRequest {
        stack: global.stack()?,
        no_logs: args.no_logs,
        only: args.only.clone(),
        recording,
    };
    let surroundings = surroundings::read(&request.stack, terminal.color())?;
    let Answer { value, warnings } = match runtime::block_on(doctor(&surroundings, &request)) {
        Ok(answer) => answer,
        Err(failure) if failure.exit_code() == ExitCode::EngineUnreachable => {
            terminal.failure(&failure);
            return Ok(ExitCode::CouldNotLook);
        }
        Err(failure) => return Err(failure),
    };
    terminal.note(&warnings);
    if let Some(path) = &args.record {
        write(path, &value.recording)?;
        terminal.note(&format!("recorded in {path}\n"));
    }
    match args.format {
        DoctorFormat::Json => {
            let json = serde_json::to_string_pretty(&value).expect("JSON can hold it");
            terminal.data(&format!("{json}\n"));
        }
        DoctorFormat::Text => terminal.data(&text(&value.diagnosis)),
    }
    Ok(code(&value.diagnosis))
}

fn code(diagnosis: &Diagnosis) -> ExitCode {
    let could_look = |unseen: &Unseen| unseen.look == Look::Containers;
    if diagnosis.unseen.iter().any(could_look) {
        ExitCode::CouldNotLook
    } else if !diagnosis.unexplained.is_empty() {
        ExitCode::Undetermined
    } else if diagnosis.causes.is_empty() {
        ExitCode::Done
    } else {
        ExitCode::CausesFound
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "`--replay` names a file, and this is where the binary reads it"
)]
fn read(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Usage {
        message: format!("cannot read `{path}`: {error}"),
        hint: Some("`bowline doctor --record FILE` writes such a file".to_owned()),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "`--record` names a file, and this is where the binary writes it"
)]
fn write(path: &str, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::Usage {
        message: format!("cannot write `{path}`: {error}"),
        hint: None,
    })
}

fn text(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    for cause in &diagnosis.causes {
        show(&mut text, cause);
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
    for unseen in &diagnosis.unseen {
        let _ = writeln!(text, "not looked at: {}", not_seen(unseen));
    }
    let _ = writeln!(text, "{}", verdict(diagnosis));
    text
}

fn show(text: &mut String, cause: &Finding) {
    let culprit = &cause.culprit;
    let _ = writeln!(
        text,
        "error[{}]: `{}`: {}",
        cause.code, culprit.name, cause.claim
    );
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
    if !cause.chain.is_empty() {
        let links = cause.chain.iter();
        let links: Vec<String> = links.map(|(from, to)| format!("{from} ─x {to}")).collect();
        let _ = writeln!(text, "  chain      {}", links.join(", "));
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
    if let Some(fix) = &cause.fix {
        let _ = writeln!(text, "  fix        {}", fix.text);
    }
    let _ = writeln!(text, "  verify     bowline doctor --only {}", cause.code);
    if !cause.affects.is_empty() {
        let _ = writeln!(text, "  affects    {}", cause.affects.join(", "));
    }
    text.push('\n');
}

/// How sure it is, and what keeps it from being surer.
fn confidence(cause: &Finding) -> String {
    let open: Vec<String> = cause
        .not_ruled_out
        .iter()
        .map(ToString::to_string)
        .collect();
    match (cause.confidence, open.is_empty()) {
        (Confidence::Certain, _) => "certain".to_owned(),
        (Confidence::Likely, true) => "likely: not everything that decides it was seen".to_owned(),
        (Confidence::Likely, false) => {
            format!("likely: {} could not be ruled out", open.join(", "))
        }
        (Confidence::Possible, _) => "possible: nothing that decides it was seen".to_owned(),
    }
}

fn not_seen(unseen: &Unseen) -> String {
    let what = match &unseen.look {
        Look::Containers => "containers".to_owned(),
        Look::Networks => "networks".to_owned(),
        Look::Volumes => "volumes".to_owned(),
        Look::Events { before } => {
            format!(
                "what happened before {}",
                before.strftime("%Y-%m-%d %H:%M:%S UTC")
            )
        }
        Look::Log(container) => format!("log of {container}"),
        Look::Inside(container) => format!("processes and sockets of {container}"),
        Look::File { container, path } => format!("`{path}` in {container}"),
        Look::Images => "images".to_owned(),
        Look::Tries => "names and addresses from within containers".to_owned(),
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

/// The last line: how much of what is not well is explained.
fn verdict(diagnosis: &Diagnosis) -> String {
    let (causes, failing) = (diagnosis.causes.len(), diagnosis.failing.len());
    let explained = failing - diagnosis.unexplained.len();
    if causes == 0 && failing == 0 {
        return format!(
            "ok: {} containers, nothing is wrong with them",
            diagnosis.containers
        );
    }
    let causes = match causes {
        0 => "no cause explains".to_owned(),
        1 => "1 cause explains".to_owned(),
        many => format!("{many} causes explain"),
    };
    format!("{causes} {explained} of {failing} services that are not well")
}
