//! `bowline ps`: which containers there are, as a table or in Compose's JSON.

use std::fmt::Write as _;

use bowline_model::{ContainerStatus, HealthStatus, is_steering};
use bowline_ops::{
    Failure, PsAnswer, PsContainer, PsRequest, PsScope, Publisher, StackOptions, ps,
};
use clap::{ArgAction, Args};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::global::GlobalArgs;
use crate::table::columns;
use crate::terminal::Terminal;
use crate::{runtime, surroundings};

/// Letters of a command that the table shows, and of a mount's name.
const SHOWN_COMMAND: usize = 20;
const SHOWN_MOUNT: usize = 15;

/// States that a container can be asked for.
const STATES: [(&str, ContainerStatus); 7] = [
    ("created", ContainerStatus::Created),
    ("running", ContainerStatus::Running),
    ("paused", ContainerStatus::Paused),
    ("restarting", ContainerStatus::Restarting),
    ("removing", ContainerStatus::Removing),
    ("exited", ContainerStatus::Exited),
    ("dead", ContainerStatus::Dead),
];

/// `bowline ps`
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in Compose"
)]
pub(crate) struct PsArgs {
    /// Services whose containers to list [default: all]
    services: Vec<String>,
    /// List containers that have ended or never ran, too, and those that `run` made
    #[arg(short, long)]
    all: bool,
    /// Print only ids
    #[arg(short, long)]
    quiet: bool,
    /// Print only the names of services
    #[arg(long = "services", id = "list_services")]
    list_services: bool,
    /// List containers in this state: created, running, paused, restarting, removing, exited or dead; repeatable
    #[arg(long, value_name = "STATE")]
    status: Vec<String>,
    /// The same as `--status STATE`, written as `status=STATE`
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Option<String>,
    /// `table`, or `json`: one object for each container, on a line of its own
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "table",
        hide_default_value = true
    )]
    format: String,
    /// List containers of services that the files do not know
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, action = ArgAction::Set,
        default_value_t = true, default_missing_value = "true")]
    orphans: bool,
    /// Do not cut long ids, commands and names of mounts
    #[arg(long)]
    no_trunc: bool,
}

/// What is printed of each container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Ids,
    Services,
    Json,
    Table,
}

/// Lists the containers of a stack.
pub(crate) fn run(global: &GlobalArgs, args: &PsArgs, terminal: &Terminal) -> Result<(), Failure> {
    let form = args.form()?;
    let request = args.request(global.stack()?, form)?;
    let surroundings = surroundings::read(&request.stack, terminal.color())?;
    let answer = runtime::block_on(ps(&surroundings, &request))?;
    terminal.note(&answer.warnings);
    let PsAnswer {
        containers,
        left_out,
        ..
    } = &answer.value;
    terminal.data(&match form {
        Form::Ids => lines(containers.iter().map(|one| one.instance.as_str())),
        Form::Services => {
            let mut services: Vec<&str> = Vec::new();
            for service in containers.iter().map(|one| one.service.as_str()) {
                if !services.contains(&service) {
                    services.push(service);
                }
            }
            lines(services)
        }
        Form::Json => render_json(containers, !args.no_trunc, &TimeZone::system()),
        Form::Table => render_table(containers, !args.no_trunc),
    });
    terminal.note(&render_left_out(left_out));
    Ok(())
}

impl PsArgs {
    fn form(&self) -> Result<Form, Failure> {
        match self.format.as_str() {
            _ if self.quiet => Ok(Form::Ids),
            _ if self.list_services => Ok(Form::Services),
            "table" => Ok(Form::Table),
            "json" => Ok(Form::Json),
            other if other.contains("{{") => Err(Failure::Usage {
                message: "`--format` takes no templates".to_owned(),
                hint: Some(
                    "`--format json` has the same fields: `bowline ps --format json | jq -r .Name`"
                        .to_owned(),
                ),
            }),
            other => Err(Failure::Usage {
                message: format!("`--format` is `{other}`"),
                hint: Some("it can be `table` or `json`".to_owned()),
            }),
        }
    }

    fn request(&self, stack: StackOptions, form: Form) -> Result<PsRequest, Failure> {
        let mut states = Vec::new();
        for word in &self.status {
            states.push(state(word)?);
        }
        if let Some(filter) = &self.filter {
            let Some(word) = filter.strip_prefix("status=") else {
                return Err(Failure::Usage {
                    message: format!("`--filter` is `{filter}`"),
                    hint: Some("it can be `status=STATE`, for example `status=running`".to_owned()),
                });
            };
            states.push(state(word)?);
        }
        Ok(PsRequest {
            stack,
            services: self.services.clone(),
            scope: match form {
                _ if self.all => PsScope::All,
                Form::Table => PsScope::UpAndDone,
                // What scripts read lists what Compose lists.
                _ => PsScope::Up,
            },
            states,
            without_orphans: !self.orphans,
        })
    }
}

fn state(word: &str) -> Result<ContainerStatus, Failure> {
    let known = STATES.iter().find(|(name, _)| *name == word);
    known.map(|(_, state)| state.clone()).ok_or_else(|| {
        let names: Vec<String> = STATES.iter().map(|(name, _)| format!("`{name}`")).collect();
        Failure::Usage {
            message: format!("`{word}` is no state of a container"),
            hint: Some(format!("the states are {}", names.join(", "))),
        }
    })
}

fn lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

// ---- the table

fn render_table(containers: &[PsContainer], cut: bool) -> String {
    let head = [
        "NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS",
    ];
    let rows = containers.iter().map(|one| {
        [
            one.name.clone(),
            one.image.clone(),
            command(one, cut),
            one.service.clone(),
            one.running_for.clone(),
            status(one),
            ports(&one.publishers),
        ]
    });
    columns(head, rows)
}

/// The engine's word, with bowline's own where that says more.
fn status(container: &PsContainer) -> String {
    match &container.done {
        Some(done) => done.words.clone(),
        None if container.ready => format!("{}, ready", container.status),
        None => container.status.clone(),
    }
}

/// Says what the default listing leaves out; silence would look like health.
fn render_left_out(left_out: &[PsContainer]) -> String {
    let words = |one: &PsContainer| format!("`{}` ({})", one.name, one.status);
    let first: Vec<String> = left_out.iter().take(3).map(words).collect();
    let more = match left_out.len() {
        0 => return String::new(),
        1..=3 => String::new(),
        count => format!(" and {} more", count - 3),
    };
    format!("not shown without `-a`: {}{more}\n", first.join(", "))
}

// ---- Compose's JSON

/// One container with the keys and spellings of Compose.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    command: String,
    created_at: String,
    exit_code: i64,
    health: &'static str,
    #[serde(rename = "ID")]
    id: &'a str,
    image: &'a str,
    labels: String,
    local_volumes: String,
    mounts: String,
    name: &'a str,
    names: &'a str,
    networks: String,
    ports: String,
    project: &'a str,
    publishers: Vec<PublisherLine<'a>>,
    running_for: String,
    service: &'a str,
    size: &'static str,
    state: String,
    status: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PublisherLine<'a> {
    #[serde(rename = "URL")]
    url: &'a str,
    target_port: u16,
    published_port: u16,
    protocol: &'a str,
}

fn render_json(containers: &[PsContainer], cut: bool, zone: &TimeZone) -> String {
    let lines = containers.iter().map(|one| {
        // Texts and numbers can always be written.
        let json = serde_json::to_string(&line(one, cut, zone)).unwrap_or_default();
        json + "\n"
    });
    lines.collect()
}

fn line<'a>(one: &'a PsContainer, cut: bool, zone: &TimeZone) -> Line<'a> {
    let labels = one
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let mounts = one.mounts.iter().map(|mount| {
        if cut {
            ellipsis(mount, SHOWN_MOUNT)
        } else {
            mount.clone()
        }
    });
    Line {
        command: command(one, cut),
        created_at: one
            .created
            .map(|at| created_at(at, zone))
            .unwrap_or_default(),
        exit_code: one.exit_code,
        health: match one.health {
            None => "",
            Some(HealthStatus::Starting) => "starting",
            Some(HealthStatus::Healthy) => "healthy",
            Some(HealthStatus::Unhealthy) => "unhealthy",
        },
        id: match one.instance.get(..12) {
            Some(short) if cut => short,
            _ => &one.instance,
        },
        image: &one.image,
        labels: labels.collect::<Vec<_>>().join(","),
        local_volumes: one.local_volumes.to_string(),
        mounts: mounts.collect::<Vec<_>>().join(","),
        name: &one.name,
        names: &one.name,
        networks: one.networks.join(","),
        ports: ports(&one.publishers),
        project: &one.project,
        publishers: one
            .publishers
            .iter()
            .map(|port| PublisherLine {
                url: &port.url,
                target_port: port.target_port,
                published_port: port.published_port,
                protocol: &port.protocol,
            })
            .collect(),
        running_for: one.running_for.clone(),
        service: &one.service,
        // Compose does not ask for sizes either.
        size: "0B",
        state: one.state.to_string(),
        status: &one.status,
    }
}

fn created_at(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    local.strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

// ---- single fields

/// The command in quotes, with what cannot be seen escaped.
fn command(container: &PsContainer, cut: bool) -> String {
    let shown = if cut {
        ellipsis(&container.command, SHOWN_COMMAND)
    } else {
        container.command.clone()
    };
    let mut quoted = String::from('"');
    for c in shown.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c if is_steering(c) => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn ellipsis(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width - 1).collect();
    kept + "…"
}

/// Ports as Docker prints them: neighbours as ranges, those that change their number behind them.
fn ports(publishers: &[Publisher]) -> String {
    /// Ports in a row, published under their own numbers at one address, or not at all.
    struct Range<'a> {
        url: &'a str,
        protocol: &'a str,
        first: u16,
        last: u16,
    }
    let mut ranges: Vec<Range<'_>> = Vec::new();
    let mut done: Vec<Range<'_>> = Vec::new();
    let mut changed: Vec<String> = Vec::new();
    for port in publishers {
        let inside = port.target_port;
        if !port.url.is_empty() && port.published_port != inside {
            let host = address(&port.url, &port.published_port.to_string());
            changed.push(format!("{host}->{inside}/{}", port.protocol));
            continue;
        }
        let own = |range: &&mut Range<'_>| range.url == port.url && range.protocol == port.protocol;
        let single = Range {
            url: &port.url,
            protocol: &port.protocol,
            first: inside,
            last: inside,
        };
        match ranges.iter_mut().find(own) {
            None => ranges.push(single),
            Some(range) if u32::from(inside) == u32::from(range.last) + 1 => range.last = inside,
            Some(range) => done.push(std::mem::replace(range, single)),
        }
    }
    let words = done.iter().chain(&ranges).map(|range| {
        let numbers = if range.first == range.last {
            range.first.to_string()
        } else {
            format!("{}-{}", range.first, range.last)
        };
        if range.url.is_empty() {
            format!("{numbers}/{}", range.protocol)
        } else {
            format!(
                "{}->{numbers}/{}",
                address(range.url, &numbers),
                range.protocol
            )
        }
    });
    words
        .chain(changed.iter().cloned())
        .collect::<Vec<_>>()
        .join(", ")
}

/// An address with a port, in brackets where it is one of IPv6.
fn address(ip: &str, port: &str) -> String {
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bowline_ops::Done;

    fn port(target_port: u16, url: &str, published_port: u16) -> Publisher {
        Publisher {
            target_port,
            url: url.to_owned(),
            published_port,
            protocol: "tcp".to_owned(),
        }
    }

    fn container(service: &str, status: &str) -> PsContainer {
        PsContainer {
            instance: "0123456789abcdef0123".to_owned(),
            name: format!("shop-{service}-1"),
            project: "shop".to_owned(),
            service: service.to_owned(),
            image: "busy:1".to_owned(),
            command: "sh -c 'echo \"hello\"; sleep 1000'".to_owned(),
            created: Timestamp::from_second(1_800_000_000).ok(),
            running_for: "5 minutes ago".to_owned(),
            state: ContainerStatus::Running,
            status: status.to_owned(),
            health: None,
            started: None,
            ready: false,
            done: None,
            exit_code: 0,
            publishers: Vec::new(),
            labels: [("b", "2"), ("a", "1")].into(),
            mounts: vec!["shop_data".to_owned(), "/srv/a/long/way/down".to_owned()],
            local_volumes: 1,
            networks: vec!["shop_default".to_owned()],
        }
    }

    #[test]
    fn the_table_has_composes_columns_and_calls_jobs_done() {
        let mut job = container("migrate", "Exited (0) 4 minutes ago");
        job.done = Some(Done {
            at: None,
            words: "Done 4 minutes ago".to_owned(),
        });
        let mut api = container("api", "Up 4 seconds (health: starting)");
        api.ready = true;
        let mut web = container("web", "Up 4 minutes (healthy)");
        web.publishers = vec![port(80, "0.0.0.0", 8080), port(443, "", 0)];
        insta::assert_snapshot!(render_table(&[job, api, web], true), @r#"
        NAME             IMAGE     COMMAND                    SERVICE   CREATED         STATUS                                   PORTS
        shop-migrate-1   busy:1    "sh -c 'echo \"hello\"…"   migrate   5 minutes ago   Done 4 minutes ago
        shop-api-1       busy:1    "sh -c 'echo \"hello\"…"   api       5 minutes ago   Up 4 seconds (health: starting), ready
        shop-web-1       busy:1    "sh -c 'echo \"hello\"…"   web       5 minutes ago   Up 4 minutes (healthy)                   443/tcp, 0.0.0.0:8080->80/tcp
        "#);
        insta::assert_snapshot!(render_table(&[], true), @"NAME      IMAGE     COMMAND   SERVICE   CREATED   STATUS    PORTS");
    }

    #[test]
    fn a_command_shows_what_cannot_be_seen_and_turns_nothing_round() {
        let mut web = container("web", "Up");
        web.command = "say \u{1b}[2J\u{202e}\tx\\".to_owned();
        assert_eq!(command(&web, false), r#""say \x1b[2J\u202e\tx\\""#);
    }

    #[test]
    fn json_has_composes_keys_and_spellings() {
        let json = render_json(&[container("web", "Up 4 minutes")], true, &TimeZone::UTC);
        insta::assert_snapshot!(json, @r#"{"Command":"\"sh -c 'echo \\\"hello\\\"…\"","CreatedAt":"2027-01-15 08:00:00 +0000 UTC","ExitCode":0,"Health":"","ID":"0123456789ab","Image":"busy:1","Labels":"a=1,b=2","LocalVolumes":"1","Mounts":"shop_data,/srv/a/long/wa…","Name":"shop-web-1","Names":"shop-web-1","Networks":"shop_default","Ports":"","Project":"shop","Publishers":[],"RunningFor":"5 minutes ago","Service":"web","Size":"0B","State":"running","Status":"Up 4 minutes"}"#);
        let whole = render_json(&[container("web", "Up")], false, &TimeZone::UTC);
        assert!(whole.contains("/srv/a/long/way/down") && whole.contains("sleep 1000"));
        assert!(whole.contains("0123456789abcdef0123"));
    }

    #[test]
    fn neighbouring_ports_are_one_range_and_changed_ones_stand_behind() {
        let ports_of = |list: &[(u16, &str, u16)]| {
            let list: Vec<Publisher> = list.iter().map(|(a, b, c)| port(*a, b, *c)).collect();
            ports(&list)
        };
        assert_eq!(
            ports_of(&[(80, "", 0), (81, "", 0), (83, "", 0)]),
            "80-81/tcp, 83/tcp"
        );
        assert_eq!(
            ports_of(&[
                (80, "::", 8080),
                (90, "0.0.0.0", 90),
                (90, "::", 90),
                (91, "::", 91)
            ]),
            "0.0.0.0:90->90/tcp, [::]:90-91->90-91/tcp, [::]:8080->80/tcp"
        );
    }

    #[test]
    fn what_is_left_out_is_counted_and_the_first_three_are_named() {
        assert_eq!(render_left_out(&[]), "");
        let ended = ["a", "b", "c", "d", "e"].map(|name| container(name, "Exited (1) 2 days ago"));
        insta::assert_snapshot!(render_left_out(&ended), @"not shown without `-a`: `shop-a-1` (Exited (1) 2 days ago), `shop-b-1` (Exited (1) 2 days ago), `shop-c-1` (Exited (1) 2 days ago) and 2 more");
    }
}
