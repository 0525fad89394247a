//! `bowline net check`: who reaches whom, on one screen.

use std::fmt::Write as _;

use bowline_ops::{
    Answer, ExitCode, Failure, NetCell, NetCheck, NetCheckRequest, NetMatrix, NetVerdict,
    StackOptions, net_check, net_matrix,
};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::global::GlobalArgs;
use crate::terminal::Terminal;
use crate::{runtime, surroundings};

/// Columns of the screen that the matrix fills before it goes on below.
const WIDTH: usize = 100;

/// `bowline net`
#[derive(Debug, Args)]
pub(crate) struct NetArgs {
    #[command(subcommand)]
    verb: NetVerb,
}

/// What can be done about networks.
#[derive(Debug, Subcommand)]
enum NetVerb {
    /// Try whether a service reaches another one; without arguments, who reaches whom
    Check(CheckArgs),
}

/// `bowline net check`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bowline net check                        every service that runs, and every port on which somebody listens
  bowline net check web db:5432            one pair, with the step that fails
  bowline net check web example.com:443    somebody outside of the stack
Exit codes: 0 reached, 11 not reached, 13 it could not be tried. Nothing is sent; only TCP can be tried.")]
struct CheckArgs {
    /// Service from which is dialled
    #[arg(requires = "to")]
    from: Option<String>,
    /// Whom it dials: a service, a name or an address, and a port
    #[arg(value_name = "TO:PORT")]
    to: Option<String>,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "text")]
    format: NetFormat,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NetFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Tries who reaches whom, and returns the exit code that says it.
pub(crate) fn run(
    global: &GlobalArgs,
    args: &NetArgs,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let NetVerb::Check(args) = &args.verb;
    let stack = global.stack()?;
    match (&args.from, &args.to) {
        (Some(from), Some(to)) => {
            let request = NetCheckRequest {
                stack,
                from: from.clone(),
                to: to.clone(),
            };
            one(&request, args, terminal)
        }
        _ => all(&stack, args, terminal),
    }
}

fn one(
    request: &NetCheckRequest,
    args: &CheckArgs,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let surroundings = surroundings::read(&request.stack, terminal.color())?;
    let Answer { value, warnings } = runtime::block_on(net_check(&surroundings, request))?;
    terminal.note(&warnings);
    match args.format {
        NetFormat::Text => {
            terminal.data(&check_text(&value));
            for hint in &value.hints {
                terminal.note(&format!("{}: {hint}\n", terminal.paint("1;36", "hint")));
            }
        }
        NetFormat::Json => print(terminal, &value),
    }
    Ok(value.exit_code())
}

fn all(stack: &StackOptions, args: &CheckArgs, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let surroundings = surroundings::read(stack, terminal.color())?;
    let Answer { value, warnings } = runtime::block_on(net_matrix(&surroundings, stack))?;
    terminal.note(&warnings);
    match args.format {
        NetFormat::Text => terminal.data(&matrix_text(&value)),
        NetFormat::Json => print(terminal, &value),
    }
    Ok(value.exit_code())
}

fn print(terminal: &Terminal, value: &impl Serialize) {
    let json = serde_json::to_string_pretty(value).expect("JSON can hold it");
    terminal.data(&format!("{json}\n"));
}

fn check_text(check: &NetCheck) -> String {
    let verdict = match check.verdict {
        NetVerdict::Reached => "reached",
        NetVerdict::ReachedInPart => "reached in part",
        NetVerdict::NotTried => "not known",
        _ => "not reached",
    };
    let host = if check.host.contains(':') {
        format!("[{}]", check.host)
    } else {
        check.host.clone()
    };
    let mut text = format!(
        "{} -> {host}:{}: {verdict}: {}\n",
        check.from, check.port, check.because
    );
    for step in &check.steps {
        let ok = match step.ok {
            Some(true) => "ok",
            Some(false) => "no",
            None => "?",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {ok:<2}  {:<9}{}", step.step, step.text);
    }
    for unseen in &check.unseen {
        let _ = writeln!(text, "  could not look at {unseen}");
    }
    text
}

fn matrix_text(matrix: &NetMatrix) -> String {
    let mut text = match matrix.nothing() {
        Some(nothing) => nothing + "\n",
        None => pairs_text(matrix),
    };
    for unseen in &matrix.unseen {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "could not look at {unseen}");
    }
    text
}

fn pairs_text(matrix: &NetMatrix) -> String {
    let mut text = String::new();
    let columns = blocks(matrix);
    for block in &columns {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &table(matrix, block);
    }
    if columns.is_empty() {
        text += "nobody listens on a port, and the files name none\n";
    }
    for told in &matrix.told {
        let _ = writeln!(
            text,
            "`{}` was told to dial `{}:{}` and does not reach it ({}): bowline net check {} {}:{}",
            told.from, told.host, told.port, told.result, told.from, told.host, told.port
        );
    }
    if matrix.told_untried > 0 {
        let _ = writeln!(
            text,
            "{} pairs that somebody was told to dial were not tried; `bowline net check FROM TO:PORT` tries one",
            matrix.told_untried
        );
    }
    let _ = writeln!(text, "dialled {} pairs", matrix.dialled);
    if matrix.left_out > 0 {
        let _ = writeln!(
            text,
            "left out {} pairs: there are too many for one look; `bowline net check FROM TO:PORT` tries one",
            matrix.left_out
        );
    }
    text
}

/// The columns in groups that fit beside the names of the rows.
fn blocks(matrix: &NetMatrix) -> Vec<Vec<usize>> {
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    let mut used = WIDTH;
    for column in 0..matrix.columns.len() {
        let width = width(matrix, column) + 2;
        if used + width > WIDTH {
            blocks.push(Vec::new());
            used = names_width(matrix);
        }
        used += width;
        if let Some(block) = blocks.last_mut() {
            block.push(column);
        }
    }
    blocks
}

fn names_width(matrix: &NetMatrix) -> usize {
    let names = matrix.rows.iter().map(|row| row.service.chars().count());
    names.max().unwrap_or_default().max(4)
}

fn head(matrix: &NetMatrix, column: usize) -> String {
    let column = &matrix.columns[column];
    format!("{}:{}", column.service, column.port)
}

fn width(matrix: &NetMatrix, column: usize) -> usize {
    let cells = matrix.rows.iter().map(|row| word(row.cells[column]).len());
    cells
        .chain([head(matrix, column).chars().count()])
        .max()
        .unwrap_or_default()
}

fn word(cell: NetCell) -> &'static str {
    cell.word()
}

fn table(matrix: &NetMatrix, block: &[usize]) -> String {
    let names = names_width(matrix);
    let mut text = format!("{:<names$}", "FROM");
    for column in block {
        let _ = write!(
            text,
            "  {:<1$}",
            head(matrix, *column),
            width(matrix, *column)
        );
    }
    text = text.trim_end().to_owned() + "\n";
    for row in &matrix.rows {
        let mut line = format!("{:<names$}", row.service);
        for column in block {
            let _ = write!(
                line,
                "  {:<1$}",
                word(row.cells[*column]),
                width(matrix, *column)
            );
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}
