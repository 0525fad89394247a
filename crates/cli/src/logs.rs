//! `bowline logs`: what containers wrote, with the name of each before its lines.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use bowline_ops::{
    ExitCode, Failure, LogEvent, LogLine, LogSource, Logs, LogsRequest, Moment, StackOptions, logs,
};
use clap::{Arg, ArgAction, Args};
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::tz::TimeZone;
use tokio::io::AsyncWriteExt as _;

use crate::global::GlobalArgs;
use crate::terminal::Terminal;
use crate::{runtime, surroundings};

/// So much is written at once where it is there at once.
const BATCH: usize = 64 << 10;

/// The colours of services, in turn.
const COLORS: [&str; 10] = [
    "36", "33", "32", "35", "34", "36;1", "33;1", "32;1", "35;1", "34;1",
];

/// `bowline logs`
#[derive(Debug, Args)]
#[command(arg(file_without_short()))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in Compose"
)]
pub(crate) struct LogsArgs {
    /// Services whose logs to read [default: all]
    services: Vec<String>,
    /// Go on with what is written from now on, until nothing runs any more
    #[arg(short, long)]
    follow: bool,
    /// Start at this time (2026-11-21T06:55:00Z), or so long ago (42m)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// End before this time, or so long ago
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Start with so many of the last lines of each container, or `all`
    #[arg(short = 'n', long, value_name = "LINES")]
    tail: Option<String>,
    /// Print when each line was written
    #[arg(short, long)]
    timestamps: bool,
    /// Print no colours
    #[arg(long)]
    no_color: bool,
    /// Print lines without the name of the container
    #[arg(long)]
    no_log_prefix: bool,
    /// Number of the container, where one service has several
    #[arg(long, value_name = "N")]
    index: Option<u32>,
}

/// The global `--file` without its letter: behind this verb `-f` is to follow, as in Compose.
///
/// It has the global option's id, so clap takes it for that one and hands its values on.
fn file_without_short() -> Arg {
    Arg::new("file")
        .long("file")
        .value_name("FILE")
        .action(ArgAction::Append)
        .help("Compose file; its letter `-f` stands before the verb")
        .help_heading("Global options")
}

/// Prints logs until there are no more, nobody reads them, or the user interrupts.
pub(crate) fn run(
    global: &GlobalArgs,
    args: &LogsArgs,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let request = args.request(global.stack()?)?;
    let surroundings = surroundings::read(&request.stack, terminal.color())?;
    runtime::block_on(async {
        let interrupted = tokio::signal::ctrl_c();
        let printing = async {
            let answer = logs(&surroundings, &request).await?;
            terminal.note(&answer.warnings);
            if answer.value.sources.is_empty() {
                terminal.note("there are no containers to read logs of\n");
            }
            let form = LineForm {
                prefixes: !args.no_log_prefix,
                timestamps: args.timestamps,
                color: terminal.data_color() && !args.no_color,
            };
            print(answer.value, form, terminal).await
        };
        tokio::select! {
            done = printing => done.map(|()| ExitCode::Done),
            _ = interrupted => Ok(ExitCode::Interrupted),
        }
    })
}

impl LogsArgs {
    fn request(&self, stack: StackOptions) -> Result<LogsRequest, Failure> {
        Ok(LogsRequest {
            stack,
            services: self.services.clone(),
            index: self.index,
            follow: self.follow,
            since: moment("--since", self.since.as_deref())?,
            until: moment("--until", self.until.as_deref())?,
            tail: self.tail()?,
        })
    }

    fn tail(&self) -> Result<Option<u64>, Failure> {
        match self.tail.as_deref() {
            None | Some("all") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| Failure::Usage {
                message: format!("`--tail` is `{text}`"),
                hint: Some("it can be a number of lines, or `all`".to_owned()),
            }),
        }
    }
}

fn moment(option: &str, text: Option<&str>) -> Result<Option<Moment>, Failure> {
    let Some(text) = text else { return Ok(None) };
    match Moment::parse(text, &TimeZone::system()) {
        Some(moment) => Ok(Some(moment)),
        None => Err(Failure::Usage {
            message: format!("`{option}` is `{text}`, which is no time"),
            hint: Some(
                "write `2026-11-21T06:55:00Z`, `2026-11-21`, or `42m` for 42 minutes ago"
                    .to_owned(),
            ),
        }),
    }
}

/// Writes events to standard output, as many at once as there are. A reader that has gone is the end.
pub(crate) async fn print(
    mut logs: Logs,
    form: LineForm,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let mut printer = Printer::new(form, &logs.sources);
    let mut stdout = tokio::io::stdout();
    while let Some(event) = logs.events.next().await {
        let mut next = Some(event);
        let mut text = Vec::new();
        let mut failure = None;
        while let Some(event) = next.take() {
            match event {
                Ok(LogEvent::Line(line)) => printer.line(&line, &mut text),
                Ok(LogEvent::Unreadable { source, why }) => {
                    terminal.note(&format!(
                        "the log of `{}` cannot be read: {why}\n",
                        source.name
                    ));
                }
                Err(error) => failure = Some(error),
            }
            if text.len() < BATCH && failure.is_none() {
                next = logs.events.next().now_or_never().flatten();
            }
        }
        let written = async {
            stdout.write_all(&text).await?;
            stdout.flush().await
        };
        match written.await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                return Err(Failure::State {
                    message: format!("standard output cannot be written: {error}"),
                    hints: Vec::new(),
                });
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    Ok(())
}

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineForm {
    /// Whether the name of the container stands before each.
    pub(crate) prefixes: bool,
    /// Whether the time does.
    pub(crate) timestamps: bool,
    /// Whether names have colours.
    pub(crate) color: bool,
}

/// Writes lines as they are to look.
#[derive(Debug)]
struct Printer {
    form: LineForm,
    width: usize,
    colors: BTreeMap<String, &'static str>,
    /// Who wrote a line whose end is still to come.
    open: Option<Arc<LogSource>>,
}

impl Printer {
    fn new(form: LineForm, sources: &[LogSource]) -> Self {
        let mut printer = Self {
            form,
            width: 0,
            colors: BTreeMap::new(),
            open: None,
        };
        for source in sources {
            printer.meet(source);
        }
        printer
    }

    /// Makes room for a name and chooses the colour of its service.
    fn meet(&mut self, source: &LogSource) {
        self.width = self.width.max(source.name.chars().count());
        if !self.colors.contains_key(&source.service) {
            let color = COLORS[self.colors.len() % COLORS.len()];
            self.colors.insert(source.service.clone(), color);
        }
    }

    /// Appends a line: its bytes as they are.
    fn line(&mut self, line: &LogLine, text: &mut Vec<u8>) {
        let goes_on = self
            .open
            .take_if(|source| **source == *line.source)
            .is_some();
        if self.open.take().is_some() {
            text.push(b'\n');
        }
        if !goes_on {
            self.prefix(&line.source, text);
            if self.form.timestamps {
                text.extend_from_slice(format!("{:.9} ", line.at).as_bytes());
            }
        }
        text.extend_from_slice(&line.bytes);
        if line.ends {
            text.push(b'\n');
        } else {
            self.open = Some(line.source.clone());
        }
    }

    fn prefix(&mut self, source: &LogSource, text: &mut Vec<u8>) {
        if !self.form.prefixes {
            return;
        }
        self.meet(source);
        let width = self.width + 1;
        let prefix = format!("{:<width$} | ", source.name);
        let prefix = match self.colors.get(&source.service) {
            Some(color) if self.form.color => format!("\u{1b}[{color}m{prefix}\u{1b}[0m"),
            _ => prefix,
        };
        text.extend_from_slice(prefix.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> Arc<LogSource> {
        Arc::new(LogSource {
            name: name.to_owned(),
            service: name.split('-').next().unwrap_or_default().to_owned(),
        })
    }

    fn printer() -> Printer {
        let form = LineForm {
            prefixes: true,
            timestamps: false,
            color: false,
        };
        Printer::new(form, &[])
    }

    fn line(name: &str, bytes: &[u8], ends: bool) -> LogLine {
        LogLine {
            source: source(name),
            at: "2026-11-21T06:55:48.7421Z".parse().unwrap(),
            bytes: bytes.to_vec(),
            ends,
        }
    }

    fn printed(mut printer: Printer, lines: &[LogLine]) -> String {
        let mut text = Vec::new();
        for line in lines {
            printer.line(line, &mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn names_stand_before_lines_as_in_compose_and_make_room_for_longer_ones() {
        let lines = [line("web-1", b"hello", true), line("worker-10", b"", true)];
        insta::assert_snapshot!(printed(printer(), &lines), @r"
        web-1  | hello
        worker-10  |
        ");
        let mut known = printer();
        known.meet(&source("worker-10"));
        known.form.timestamps = true;
        insta::assert_snapshot!(printed(known, &lines[..1]), @"web-1      | 2026-11-21T06:55:48.742100000Z hello");
    }

    #[test]
    fn bytes_pass_through_as_they_are() {
        let mut printer = printer();
        printer.form.prefixes = false;
        let mut text = Vec::new();
        printer.line(&line("web-1", b"\xff\x00\x1b[1m\r", true), &mut text);
        assert_eq!(text, b"\xff\x00\x1b[1m\r\n");
    }

    #[test]
    fn a_long_line_goes_on_unless_somebody_else_wrote_in_between() {
        let lines = [
            line("web-1", b"a", false),
            line("web-1", b"b", false),
            line("api-1", b"x", true),
            line("web-1", b"c", true),
        ];
        insta::assert_snapshot!(printed(printer(), &lines), @r"
        web-1  | ab
        api-1  | x
        web-1  | c
        ");
    }

    #[test]
    fn replicas_have_the_colour_of_their_service() {
        let mut printer = printer();
        printer.form.color = true;
        let lines = ["web-1", "api-1", "web-2"].map(|name| line(name, b"", true));
        assert_eq!(
            printed(printer, &lines),
            "\u{1b}[36mweb-1  | \u{1b}[0m\n\u{1b}[33mapi-1  | \u{1b}[0m\n\u{1b}[36mweb-2  | \u{1b}[0m\n"
        );
    }
}
