//! `bowline doctor`: what is wrong with a stack, and what shows it.

mod record;
mod report;
pub(crate) mod text;
mod unseen;

use bowline_ops::{
    Answer, DoctorAnswer, DoctorRequest, ExitCode, Failure, FixRequest, Look, Unseen, doctor,
    is_risk,
};
use clap::{Args, ValueEnum};

use crate::fix::{self, FixArgs};
use crate::global::GlobalArgs;
use crate::terminal::Terminal;
use crate::{runtime, surroundings};

/// `bowline doctor`
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    format: DoctorFormat,
    /// Say only whether this cause or risk is there: `D032`, or `D053=api` for one of several
    #[arg(long, value_name = "CODE[=NAME]")]
    only: Option<String>,
    /// Do not read what containers wrote
    #[arg(long)]
    no_logs: bool,
    /// Try no name and no address from within containers, and ask no server how it is
    #[arg(long)]
    no_exec: bool,
    /// Also say what is a risk and explains no trouble
    #[arg(long)]
    lint: bool,
    /// Write everything that was observed into this file, without any secret
    #[arg(long, value_name = "FILE")]
    record: Option<String>,
    /// Diagnose what `--record` wrote, and look at nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    replay: Option<String>,
    #[command(flatten)]
    fix: FixArgs,
}

/// A cause that somebody asks for.
pub(crate) struct Asked {
    /// Its code.
    pub(crate) code: String,
    /// Only where this is to blame.
    pub(crate) culprit: Option<String>,
}

impl Asked {
    /// Reads `CODE` or `CODE=NAME`.
    pub(crate) fn of(words: &str) -> Self {
        let (code, culprit) = match words.split_once('=') {
            Some((code, culprit)) => (code, Some(culprit.to_owned())),
            None => (words, None),
        };
        Self {
            code: code.to_uppercase(),
            culprit,
        }
    }
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DoctorFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// Markdown, to be handed on
    Report,
}

impl DoctorArgs {
    /// What is to be mended, if anything is.
    fn fix(&self, global: &GlobalArgs) -> Result<Option<FixRequest>, Failure> {
        let request = FixRequest {
            stack: global.stack()?,
            no_logs: self.no_logs,
            no_exec: self.no_exec,
            parallel: global.parallel()?,
            ..FixRequest::default()
        };
        let request = self.fix.request(request);
        if request.is_some() && self.format == DoctorFormat::Report {
            return Err(Failure::Usage {
                message: "there is no report of what is mended".to_owned(),
                hint: Some("`--format` can be `text` or `json` with `--fix`".to_owned()),
            });
        }
        Ok(request)
    }
}

/// Looks at a stack and says what is wrong. Exit codes: 0 nothing, 11 causes, 12 not well and no cause found, 13 could
/// not look.
pub(crate) fn run(
    global: &GlobalArgs,
    args: &DoctorArgs,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let recording = args.replay.as_deref().map(read).transpose()?;
    let asked = args.only.as_deref().map(Asked::of);
    let request = DoctorRequest {
        stack: global.stack()?,
        no_logs: args.no_logs,
        no_exec: args.no_exec,
        lint: args.lint,
        only: asked.as_ref().map(|asked| asked.code.clone()),
        culprit: asked.as_ref().and_then(|asked| asked.culprit.clone()),
        recording,
        ..DoctorRequest::default()
    };
    let surroundings = surroundings::read(&request.stack, terminal.color())?;
    if let Some(request) = args.fix(global)? {
        let is_json = args.format == DoctorFormat::Json;
        return fix::run(&args.fix, &request, is_json, &surroundings, terminal);
    }
    let Answer { value, warnings } = match runtime::block_on(doctor(&surroundings, &request)) {
        Ok(answer) => answer,
        Err(failure) if failure.exit_code() == ExitCode::EngineUnreachable => {
            terminal.failure(&failure);
            return Ok(ExitCode::CouldNotLook);
        }
        Err(failure) => return Err(failure),
    };
    terminal.note(&warnings);
    match args.format {
        DoctorFormat::Json => {
            let json = serde_json::to_string_pretty(&value).expect("JSON can hold it");
            terminal.data(&format!("{json}\n"));
        }
        DoctorFormat::Text => terminal.data(&text::of(&value, asked.as_ref())),
        DoctorFormat::Report => terminal.data(&report::of(&value, asked.as_ref())),
    }
    if let Some(path) = &args.record {
        record::write(path, &value.recording)?;
        terminal.note(&format!("recorded in {path}\n"));
    }
    Ok(code(&value, asked.as_ref()))
}

fn code(answer: &DoctorAnswer, asked: Option<&Asked>) -> ExitCode {
    if asked.is_some_and(|asked| is_risk(&asked.code)) {
        return match (answer.risks.is_empty(), answer.has_files) {
            (false, _) => ExitCode::CausesFound,
            (true, true) => ExitCode::Done,
            (true, false) => ExitCode::CouldNotLook,
        };
    }
    let diagnosis = &answer.diagnosis;
    let one_cause = asked.is_some();
    let could_not = |unseen: &Unseen| unseen.look == Look::Containers;
    let is_empty =
        diagnosis.containers == 0 && diagnosis.failing.is_empty() && diagnosis.causes.is_empty();
    if is_empty || diagnosis.unseen.iter().any(could_not) || answer.may_be_missed {
        ExitCode::CouldNotLook
    } else if one_cause && diagnosis.causes.is_empty() {
        // Whether this one cause is there was all that was asked.
        ExitCode::Done
    } else if one_cause {
        ExitCode::CausesFound
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
