//! `cargo xtask bench`: bowline side by side with Docker Compose, on one engine, in one run, in turns.
//!
//! What is measured and what it may cost is in `figures`; on what, in `stacks`; how, in `rounds`, `poller` and
//! `tools`. By default it all happens on an engine of its own, as tests have one: what else runs on the user's
//! engine would be listed and searched by both tools, and nothing here reaches it. The rounds themselves run in
//! that engine's network, where the containers' addresses and the published port are (`bench inside`).

mod figures;
mod peer;
mod poller;
mod quiet;
mod report;
mod rounds;
mod stacks;
mod tools;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::distribution::require;
use crate::engine::http::Endpoint;
use crate::engine::own::{Kind, Own};
use crate::engine::running;
use crate::keeper::Keeper;
use crate::program::{build_bowline, program, target};
use crate::{cache, demo, images};
use figures::{Figures, Part, Samples};
use report::Circumstances;
use rounds::Rounds;
use tools::Tools;

pub(crate) const USAGE: &str = "\
usage: cargo xtask bench [--quick | --rounds N] [--only PART]… [--record] [--compose PATH] [--bowline PATH]
                         [--kind distribution|newest | --host unix:///PATH]

  --rounds N      so many rounds instead of 7, which take about 20 minutes
  --quick         one round: shows that it works, and no more
  --only PART     graph, orders, flat or config; can be repeated
  --record        put the table into docs/benchmarks.md; only of all parts, in three rounds or more
  --compose PATH  this Docker Compose instead of the one in PATH, or else the one of Debian's sid suite
  --bowline PATH  this program instead of a release build of the workspace
  --kind KIND     an engine of its own of that kind; the distribution's without it
  --host HOST     an engine that runs, instead of one of its own

It ends with 1 when a line misses its limit, or a request to what bowline brought up fails.
";

/// Enough for a median that one odd run does not move.
const ROUNDS: usize = 7;

/// Fewer are no figures to keep.
const FEWEST_TO_RECORD: usize = 3;

#[derive(Debug, PartialEq, Eq)]
struct Options {
    rounds: usize,
    parts: Vec<Part>,
    record: bool,
    compose: Option<String>,
    bowline: Option<PathBuf>,
    kind: Kind,
    host: Option<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            rounds: ROUNDS,
            parts: Vec::new(),
            record: false,
            compose: None,
            bowline: None,
            kind: Kind::Distribution,
            host: None,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("`{word}` needs a value"))
            };
            match word.as_str() {
                "--quick" => options.rounds = 1,
                "--rounds" => options.rounds = parse_rounds(value()?)?,
                "--only" => options.parts.push(parse_part(value()?)?),
                "--record" => options.record = true,
                "--compose" => options.compose = Some(value()?.clone()),
                "--bowline" => options.bowline = Some(value()?.into()),
                "--kind" => options.kind = Kind::parse(value()?)?,
                "--host" => options.host = Some(value()?.clone()),
                other => bail!("`{other}` is not understood\n\n{USAGE}"),
            }
        }
        if options.record && (!options.parts.is_empty() || options.rounds < FEWEST_TO_RECORD) {
            bail!("only a run of all parts in {FEWEST_TO_RECORD} rounds or more is recorded");
        }
        if options.parts.is_empty() {
            options.parts = Part::ALL.to_vec();
        }
        Ok(options)
    }
}

fn parse_rounds(text: &str) -> Result<usize> {
    let rounds = text.parse().ok().filter(|rounds| *rounds > 0);
    rounds.with_context(|| format!("`{text}` is no number of rounds"))
}

fn parse_part(word: &str) -> Result<Part> {
    let known = Part::ALL.map(Part::word).join(", ");
    Part::parse(word).with_context(|| format!("there is no part `{word}`; there are {known}"))
}

/// Everything that the rounds need, as it goes into the engine's network.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    host: String,
    bowline: PathBuf,
    bowline_version: String,
    compose: Vec<String>,
    compose_version: String,
    /// What the names of the stacks begin with.
    prefix: String,
    folder: PathBuf,
    parts: Vec<Part>,
    rounds: usize,
    record: bool,
}

/// Carries out `cargo xtask bench …`, and says whether every line keeps its limit.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool> {
    match arguments {
        // Not for people: a benchmark starts it.
        [word, settings] if word == "inside" => measure(root, &read(Path::new(settings))?),
        _ => prepare(root, &Options::parse(arguments)?),
    }
}

fn prepare(root: &Path, options: &Options) -> Result<bool> {
    // What can be wrong comes before what takes minutes.
    let own = match &options.host {
        Some(_) => None,
        None => Some(Own::new(options.kind, "bench")?),
    };
    let endpoint = match (&own, &options.host) {
        (Some(own), _) => own.endpoint(),
        (None, host) => running(host.as_deref().unwrap_or_default())?,
    };
    let log = cache::folder(&["logs"])?.join("bench-install.log");
    require(&["time"], &["time"], &log)?;
    let peer = peer::find(options.compose.as_deref(), &log)?;
    println!(
        "Docker Compose {}: {}",
        peer.version,
        peer.command.join(" ")
    );
    let bowline = match &options.bowline {
        Some(path) => std::path::absolute(path).context("the working folder is gone")?,
        None => build_bowline(root)?,
    };
    let version = program(&bowline).arg("--version").output()?;
    let _lock = own.as_ref().map(Own::lock).transpose()?;
    let prefix = format!("bench{}-", std::process::id());
    let folder = target(root).join(format!("{prefix}folder"));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create `{}`", folder.display()))?;
    // From here on there is something to remove.
    let keeper = Keeper::start(&endpoint, &prefix, &folder, own.as_ref())?;
    let settings = Settings {
        host: endpoint.as_host(),
        bowline,
        bowline_version: version.trim().to_owned(),
        compose: peer.command,
        compose_version: peer.version,
        prefix,
        folder,
        parts: options.parts.clone(),
        rounds: options.rounds,
        record: options.record,
    };
    let good = furnish_and_measure(root, &settings, own.as_ref(), &endpoint);
    let removed = keeper.finish();
    let good = good?;
    removed?;
    Ok(good)
}

fn furnish_and_measure(
    root: &Path,
    settings: &Settings,
    own: Option<&Own>,
    endpoint: &Endpoint,
) -> Result<bool> {
    if let Some(own) = own {
        own.up(true)?;
        own.clear()?;
    }
    let names: Vec<String> = stacks::IMAGES.iter().map(|&name| name.to_owned()).collect();
    images::prepare(root, endpoint, &names)?;
    demo::let_containers_read(&root.join("stacks/orders/secrets/database_password.txt"))?;
    match own {
        None => measure(root, settings),
        Some(own) => {
            let file = settings.folder.join("settings.json");
            write(&file, settings)?;
            own.go_on_inside(&["bench", "inside"], &file)
        }
    }
}

fn measure(root: &Path, settings: &Settings) -> Result<bool> {
    let engine = Endpoint::parse(&settings.host)?;
    let port = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|listener| listener.local_addr())
        .context("no port is free")?
        .port();
    let stacks = stacks::prepare(root, &settings.folder, &settings.parts, port)?;
    let mut rounds = Rounds {
        tools: Tools {
            bowline: &settings.bowline,
            compose: &settings.compose,
            engine: &engine,
            folder: &settings.folder,
        },
        stacks: &stacks,
        prefix: &settings.prefix,
        figures: Figures::default(),
        others: Samples::default(),
    };
    let ran = rounds.run(settings.rounds);
    let (figures, others) = (rounds.figures, rounds.others);
    let at = Circumstances {
        date: report::today()?,
        bowline: settings.bowline_version.clone(),
        compose: settings.compose_version.clone(),
        engine: report::engine(&engine)?,
        machine: report::machine(),
        others,
        rounds: settings.rounds,
    };
    let text = report::text(&figures, &at);
    println!("\n{text}");
    ran?;
    if settings.record {
        report::record(root, &text)?;
    }
    Ok(figures.is_good())
}

fn write(file: &Path, settings: &Settings) -> Result<()> {
    let text = serde_json::to_vec(settings).context("settings that are no JSON")?;
    std::fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))
}

fn read(file: &Path) -> Result<Settings> {
    let context = || format!("cannot read `{}`", file.display());
    let text = std::fs::read(file).with_context(context)?;
    serde_json::from_slice(&text).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Options::parse(&words)
    }

    #[test]
    fn without_options_everything_is_measured_in_seven_rounds() {
        let options = parse(&[]).unwrap();
        assert_eq!((options.rounds, options.parts.len()), (7, 4));
        assert_eq!((options.host, options.kind), (None, Kind::Distribution));
    }

    #[test]
    fn rounds_and_parts_can_be_chosen() {
        let options = parse(&["--rounds", "3", "--only", "flat", "--only", "config"]).unwrap();
        assert_eq!(options.rounds, 3);
        assert_eq!(options.parts, [Part::Flat, Part::Config]);
        assert_eq!(parse(&["--quick"]).unwrap().rounds, 1);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_what_there_is() {
        let refused = |words: &[&str]| format!("{:#}", parse(words).unwrap_err());
        assert_eq!(refused(&["--rounds", "0"]), "`0` is no number of rounds");
        assert_eq!(
            refused(&["--only", "all"]),
            "there is no part `all`; there are graph, orders, flat, config"
        );
        assert_eq!(refused(&["--compose"]), "`--compose` needs a value");
        assert!(refused(&["--fast"]).starts_with("`--fast` is not understood"));
    }

    #[test]
    fn only_a_whole_run_is_recorded() {
        assert!(parse(&["--record"]).is_ok());
        assert!(parse(&["--record", "--rounds", "3"]).is_ok());
        assert!(parse(&["--record", "--quick"]).is_err());
        assert!(parse(&["--only", "flat", "--record"]).is_err());
    }
}
