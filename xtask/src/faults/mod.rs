//! `cargo xtask faults`: breaks healthy stacks in known ways, asks `bowline doctor` why, and scores the answers.
//!
//! Cases and stacks are under `faults/`, with a README on how to add one. The fault and the right diagnosis lie in
//! two files; the doctor gets the engine and the Compose files, with names drawn anew from a seed, so that it can
//! know neither. This program must never know how the doctor works. A run has an engine of its own, as tests have
//! one, and goes on inside of that engine's network, where the published ports are (`faults inside`).

mod actions;
mod answer;
mod baselines;
mod case;
mod look;
mod render;
mod report;
mod runner;
mod score;
mod symptom;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::engine::http::Endpoint;
use crate::engine::own::{Kind, Own};
use crate::engine::running;
use crate::images;
use crate::keeper::Keeper;
use crate::program::{cargo, target};
use crate::test::seed_of_now;
use case::Case;
use render::Names;
use report::Invalid;
use runner::Runner;
use score::Outcome;

pub(crate) const USAGE: &str = "\
usage: cargo xtask faults [--seed N] [--only ID]… [--quick] [--bowline PATH] [--keep-engine]
                          [--kind distribution|newest | --host unix:///PATH]
       cargo xtask faults --list

  --seed N        draws the same names again; the run says which it took
  --only ID       this case; can be repeated
  --quick         the first case of every stack: shows that it works, and no more
  --bowline PATH  this program instead of a development build of the workspace
  --kind KIND     an engine of its own of that kind; the distribution's without it
  --keep-engine   leaves that engine up for the next run
  --host HOST     an engine that runs, instead of one of its own
  --list          the cases, and what happens in each

It ends with 1 when a fault could not be injected. A wrong diagnosis lowers the score and is no failure.
";

/// The images that the stacks are made of.
const IMAGES: [&str; 6] = ["busy", "mariadb", "nginx", "orders", "postgres", "redis"];

#[derive(Debug, PartialEq, Eq)]
struct Options {
    seed: Option<u64>,
    only: Vec<String>,
    quick: bool,
    list: bool,
    keep_engine: bool,
    bowline: Option<PathBuf>,
    kind: Kind,
    host: Option<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            seed: None,
            only: Vec::new(),
            quick: false,
            list: false,
            keep_engine: false,
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
                "--seed" => {
                    let text = value()?;
                    let seed = text
                        .parse()
                        .with_context(|| format!("`{text}` is no seed"))?;
                    options.seed = Some(seed);
                }
                "--only" => options.only.push(value()?.clone()),
                "--quick" => options.quick = true,
                "--list" => options.list = true,
                "--keep-engine" => options.keep_engine = true,
                "--bowline" => options.bowline = Some(value()?.into()),
                "--kind" => options.kind = Kind::parse(value()?)?,
                "--host" => options.host = Some(value()?.clone()),
                other => bail!("`{other}` is not understood\n\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

/// Everything that the cases need, as it goes into the engine's network.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    host: String,
    bowline: PathBuf,
    /// What the names of the stacks begin with.
    prefix: String,
    folder: PathBuf,
    ids: Vec<String>,
    seed: u64,
}

/// Carries out `cargo xtask faults …`, and says whether every fault could be injected.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool> {
    match arguments {
        // Not for people: a run starts them.
        [word, port] if word == "hold" => actions::hold(port).map(|()| true),
        [word, settings] if word == "inside" => measure(root, &read(Path::new(settings))?),
        _ => prepare(root, &Options::parse(arguments)?),
    }
}

fn prepare(root: &Path, options: &Options) -> Result<bool> {
    // What can be wrong comes before what takes minutes.
    let faults = root.join("faults");
    let mut cases = Case::find(&faults, &options.only)?;
    let seed = options.seed.unwrap_or_else(seed_of_now);
    let abouts = abouts(&cases, seed)?;
    if options.list {
        for (case, about) in cases.iter().zip(&abouts) {
            println!("{:<6} {:<6} {}", case.id, about.0, about.1);
        }
        return Ok(true);
    }
    if options.quick {
        cases = first_of_every_stack(cases, &abouts);
    }
    let own = match &options.host {
        Some(_) => None,
        None => Some(Own::new(options.kind, "faults")?),
    };
    let endpoint = match (&own, &options.host) {
        (Some(own), _) => own.endpoint(),
        (None, host) => running(host.as_deref().unwrap_or_default())?,
    };
    let bowline = match &options.bowline {
        Some(path) => std::path::absolute(path).context("the working folder is gone")?,
        None => build(root)?,
    };
    let _lock = own.as_ref().map(Own::lock).transpose()?;
    // Says neither what is tested nor that something is.
    let prefix = format!("s{}-", std::process::id());
    let folder = target(root).join(format!("{prefix}folder"));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create `{}`", folder.display()))?;
    // From here on there is something to remove.
    let goes = own.as_ref().filter(|_| !options.keep_engine);
    let keeper = Keeper::start(&endpoint, &prefix, &folder, goes)?;
    let settings = Settings {
        host: endpoint.as_host(),
        bowline,
        prefix,
        folder,
        ids: cases.into_iter().map(|case| case.id).collect(),
        seed,
    };
    let good = furnish_and_measure(root, &settings, own.as_ref(), &endpoint);
    let removed = keeper.finish();
    let good = good?;
    removed?;
    Ok(good)
}

/// Returns the stack of each case, and what happens.
fn abouts(cases: &[Case], seed: u64) -> Result<Vec<(String, String)>> {
    let about = |case: &Case| {
        let mut names = Names::new(seed, &case.id, "");
        // Read before anything is built, so that a mistake in it costs nothing.
        case.expectation(&mut names)?;
        let injection = case.injection(&mut names)?;
        Ok((injection.stack, injection.about))
    };
    cases.iter().map(about).collect()
}

fn first_of_every_stack(cases: Vec<Case>, abouts: &[(String, String)]) -> Vec<Case> {
    let is_first = |index: usize| {
        !abouts[..index]
            .iter()
            .any(|about| about.0 == abouts[index].0)
    };
    let numbered = cases.into_iter().enumerate();
    numbered
        .filter(|(index, _)| is_first(*index))
        .map(|(_, case)| case)
        .collect()
}

/// Builds bowline without optimisation: a fault takes longer to show than bowline to run.
fn build(root: &Path) -> Result<PathBuf> {
    cargo(root)
        .args(["build", "--package", "bowline", "--bin", "bowline"])
        .run()?;
    Ok(target(root).join("debug").join("bowline"))
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
    images::prepare(root, endpoint, &IMAGES.map(str::to_owned))?;
    let Some(own) = own else {
        return measure(root, settings);
    };
    let file = settings.folder.join("settings.json");
    let text = serde_json::to_vec(settings).context("settings that are no JSON")?;
    std::fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    own.go_on_inside(&["faults", "inside"], &file)
}

fn read(file: &Path) -> Result<Settings> {
    let context = || format!("cannot read `{}`", file.display());
    let text = std::fs::read(file).with_context(context)?;
    serde_json::from_slice(&text).with_context(context)
}

fn measure(root: &Path, settings: &Settings) -> Result<bool> {
    let engine = Endpoint::parse(&settings.host)?;
    let faults = root.join("faults");
    let runner = Runner {
        bowline: &settings.bowline,
        engine: &engine,
        faults: &faults,
        folder: &settings.folder,
        prefix: &settings.prefix,
        seed: settings.seed,
    };
    let (mut outcomes, mut invalid): (Vec<Outcome>, Vec<Invalid>) = (Vec::new(), Vec::new());
    for case in Case::find(&faults, &settings.ids)? {
        let begun = Instant::now();
        let ended = runner
            .run(&case)
            .with_context(|| format!("case `{}`", case.id))?;
        let took = begun.elapsed().as_secs_f64();
        match &ended {
            Ok(_) => println!("{:<6} injected in {took:.1} s", case.id),
            Err(invalid) => println!("{:<6} INVALID in {took:.1} s: {}", case.id, invalid.why),
        }
        match ended {
            Ok(outcome) => outcomes.push(outcome),
            Err(why) => invalid.push(why),
        }
    }
    let scores = score::sum(&outcomes);
    println!(
        "\n{}",
        report::text(&outcomes, &scores, &invalid, settings.seed)
    );
    Ok(invalid.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Options::parse(&words)
    }

    #[test]
    fn without_options_every_case_runs_on_an_engine_of_its_own() {
        let options = parse(&[]).unwrap();
        assert!(options.only.is_empty() && !options.quick && options.seed.is_none());
        assert_eq!((options.host, options.kind), (None, Kind::Distribution));
    }

    #[test]
    fn cases_and_seed_can_be_chosen() {
        let options = parse(&["--seed", "7", "--only", "F001", "--only", "C01"]).unwrap();
        assert_eq!(
            (options.seed, options.only),
            (Some(7), vec!["F001".to_owned(), "C01".to_owned()])
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let refused = |words: &[&str]| format!("{:#}", parse(words).unwrap_err());
        assert!(refused(&["--seed", "many"]).starts_with("`many` is no seed"));
        assert_eq!(refused(&["--only"]), "`--only` needs a value");
        assert!(refused(&["--all"]).starts_with("`--all` is not understood"));
    }

    #[test]
    fn a_quick_run_has_one_case_of_every_stack() {
        let cases = Case::find(&crate::root().join("faults"), &[]).unwrap();
        let abouts = abouts(&cases, 1).unwrap();
        let stacks: std::collections::BTreeSet<&str> =
            abouts.iter().map(|about| about.0.as_str()).collect();
        assert!(stacks.len() >= 4);
        assert_eq!(first_of_every_stack(cases, &abouts).len(), stacks.len());
    }
}
