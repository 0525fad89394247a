//! `cargo xtask faults`: breaks healthy stacks in known ways, asks `bowline doctor` why, and scores the answers.
//!
//! Cases and stacks are under `faults/`, with a README on how to add one. The fault and the right diagnosis lie in
//! two files; the doctor gets the engine and the Compose files, with names drawn anew from a seed, so that it can
//! know neither. This program must never know how the doctor works. A run has an engine of its own, as tests have
//! one, and goes on inside of that engine's network, where the published ports are (`faults inside`).

mod actions;
mod afterwards;
mod answer;
mod baselines;
mod beside;
mod case;
mod floor;
mod held;
mod kept;
mod look;
mod page;
mod render;
mod replay;
mod report;
mod results;
mod runner;
mod score;
mod symptom;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
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
use case::{Case, Injection};
use floor::Floor;
use replay::Replay;
use report::Invalid;
use results::{Known, Results, Run};
use runner::Runner;
use score::{Outcome, Scores};

pub(crate) const USAGE: &str = "\
usage: cargo xtask faults [--seed N] [--only ID]… [--quick] [--jobs N] [--bowline PATH] [--heal]
                          [--go-on] [--note-first] [--keep-recordings] [--record-page] [--keep-engine]
                          [--kind distribution|newest] [--engine NAME | --host unix:///PATH]
       cargo xtask faults --replay [--only ID]… [--jobs N] [--bowline PATH] [--note-floor]
       cargo xtask faults --list

  --seed N           draws the same names again; the run says which it took
  --only ID          this case; can be repeated
  --quick            a few cases of every sort: shows that it works, and no more
  --jobs N           so many cases at a time; 2 without it
  --bowline PATH     this program, as it is now, instead of a development build of the workspace
  --go-on            goes on with the last run of every case, of the same program, kind, `--jobs` and `--heal`:
                     runs those without a valid result, or those of `--only` again, and sums up all
  --heal             heals every case that says how, not only those with a command that verifies it
  --note-first       writes down what came of cases that were never run before, in faults/first-run.toml
  --keep-recordings  keeps what the doctor saw in each of these cases, in faults/recordings
  --record-page      writes docs/faults.md, of a run of every case
  --kind KIND        an engine of its own of that kind; the distribution's without it
  --engine NAME      what that engine is called; `faults` without it
  --keep-engine      leaves that engine up for the next run
  --host HOST        an engine that runs, instead of one of its own
  --replay           asks about what is kept in faults/recordings; needs no engine, and takes seconds
  --note-floor       adds the cases that are right to faults/floor.toml
  --list             the cases, and what happens in each

It ends with 1 when a fault could not be injected, and when a case of faults/floor.toml is wrong. Any other wrong
diagnosis lowers the score and is no failure.
";

/// What must not become worse.
const FLOOR: &str = "faults/floor.toml";

/// What is either wanted or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Flag {
    Quick,
    List,
    KeepEngine,
    Heal,
    NoteFirst,
    KeepRecordings,
    Replay,
    NoteFloor,
    RecordPage,
    GoOn,
}

impl Flag {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "--quick" => Self::Quick,
            "--list" => Self::List,
            "--keep-engine" => Self::KeepEngine,
            "--heal" => Self::Heal,
            "--note-first" => Self::NoteFirst,
            "--keep-recordings" => Self::KeepRecordings,
            "--replay" => Self::Replay,
            "--note-floor" => Self::NoteFloor,
            "--record-page" => Self::RecordPage,
            "--go-on" => Self::GoOn,
            _ => return None,
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    seed: Option<u64>,
    only: Vec<String>,
    flags: BTreeSet<Flag>,
    jobs: usize,
    bowline: Option<PathBuf>,
    kind: Kind,
    engine: String,
    host: Option<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            seed: None,
            only: Vec::new(),
            flags: BTreeSet::new(),
            jobs: 2,
            bowline: None,
            kind: Kind::Distribution,
            engine: "faults".to_owned(),
            host: None,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if let Some(flag) = Flag::parse(word) {
                options.flags.insert(flag);
                continue;
            }
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("`{word}` needs a value"))
            };
            match word.as_str() {
                "--seed" => options.seed = Some(number(value()?, "seed")?),
                "--jobs" => options.jobs = number(value()?, "number of cases")?,
                "--only" => options.only.push(value()?.clone()),
                "--engine" => options.engine.clone_from(value()?),
                "--bowline" => options.bowline = Some(value()?.into()),
                "--kind" => options.kind = Kind::parse(value()?)?,
                "--host" => options.host = Some(value()?.clone()),
                other => bail!("`{other}` is not understood\n\n{USAGE}"),
            }
        }
        if options.jobs == 0 {
            bail!("`--jobs` has to be 1 at least");
        }
        if options.has(Flag::RecordPage) && options.chooses() && !options.has(Flag::GoOn) {
            bail!("the page is of every case; leave `--only` and `--quick` out");
        }
        if options.has(Flag::Replay) {
            options.check_replay()?;
        } else if options.has(Flag::NoteFloor) {
            bail!("`--note-floor` is for what can be repeated at any time: it needs `--replay`");
        }
        Ok(options)
    }

    /// A replay injects nothing, so there is nothing to heal, to keep or to write down but the floor.
    fn check_replay(&self) -> Result<()> {
        let others = [
            Flag::Heal,
            Flag::KeepEngine,
            Flag::KeepRecordings,
            Flag::NoteFirst,
            Flag::RecordPage,
            Flag::GoOn,
        ];
        if others.iter().any(|flag| self.has(*flag)) || self.host.is_some() || self.seed.is_some() {
            bail!("with `--replay` there is no engine and nothing is drawn\n\n{USAGE}");
        }
        Ok(())
    }

    fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// Whether it is about a few cases only.
    fn chooses(&self) -> bool {
        self.has(Flag::Quick) || !self.only.is_empty()
    }

    /// Those on which an outcome depends: how long an answer takes does on how many cases run at a time.
    fn of_outcomes(&self) -> String {
        let engine = match &self.host {
            Some(host) => format!("--host {host}"),
            None => format!("--kind {}", self.kind.word()),
        };
        let heal = if self.has(Flag::Heal) { " --heal" } else { "" };
        format!("{engine} --jobs {}{heal}", self.jobs)
    }
}

fn number<T: std::str::FromStr>(text: &str, what: &str) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse()
        .with_context(|| format!("`{text}` is no {what}"))
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
    /// The images that these cases are made of.
    images: Vec<String>,
    seed: u64,
    jobs: usize,
    flags: BTreeSet<Flag>,
    /// Where the results are kept; nowhere where a few cases are run alone.
    results: Option<Results>,
}

/// Carries out `cargo xtask faults …`, and says whether every fault could be injected.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool> {
    match arguments {
        // Not for people: a run starts them.
        [word, port] if word == "hold" => beside::hold(port, None).map(|()| true),
        [word, port, status] if word == "hold" => beside::hold(port, Some(status)).map(|()| true),
        [word, settings] if word == "inside" => measure(root, &read(Path::new(settings))?),
        _ => prepare(root, &Options::parse(arguments)?),
    }
}

fn prepare(root: &Path, options: &Options) -> Result<bool> {
    // What can be wrong comes before what takes minutes.
    let faults = root.join("faults");
    let mut cases = Case::find(&faults, &options.only)?;
    let seed = if options.has(Flag::GoOn) {
        Run::last(&kept_in(root))?.seed(options.seed)?
    } else {
        options.seed.unwrap_or_else(seed_of_now)
    };
    let mut injections = injections(&cases, seed)?;
    if options.has(Flag::List) {
        for (case, injection) in cases.iter().zip(&injections) {
            println!("{:<8} {:<8} {}", case.id, injection.stack, injection.about);
        }
        return Ok(true);
    }
    if options.has(Flag::Quick) {
        let mut quick = injections.iter().map(|injection| injection.quick);
        cases.retain(|_| quick.next().unwrap_or_default());
        injections.retain(|injection| injection.quick);
    }
    if options.has(Flag::Replay) {
        return replay_all(root, options, cases);
    }
    run_live(root, options, seed, cases)
}

fn run_live(root: &Path, options: &Options, seed: u64, mut cases: Vec<Case>) -> Result<bool> {
    let faults = root.join("faults");
    let own = match &options.host {
        Some(_) => None,
        None => Some(Own::new(options.kind, &options.engine)?),
    };
    let endpoint = match (&own, &options.host) {
        (Some(own), _) => own.endpoint(),
        (None, host) => running(host.as_deref().unwrap_or_default())?,
    };
    let built = match &options.bowline {
        Some(path) => path.clone(),
        None => build(root)?,
    };
    let _lock = own.as_ref().map(Own::lock).transpose()?;
    // Whoever had the engine until now may have written results.
    let results = results(root, options, seed, &built)?;
    if let Some(results) = results.as_ref().filter(|_| options.has(Flag::GoOn)) {
        cases = left(results, options, &faults, cases)?;
    }
    // Says neither what is tested nor that something is.
    let prefix = format!("s{}-", std::process::id());
    let folder = target(root).join(format!("{prefix}folder"));
    let settings = Settings {
        host: endpoint.as_host(),
        // A copy, so that the next build changes nothing in a run that takes minutes.
        bowline: folder.join("bowline"),
        images: images_of(&faults, &injections(&cases, seed)?)?,
        ids: cases.into_iter().map(|case| case.id).collect(),
        prefix,
        folder,
        seed,
        jobs: options.jobs,
        flags: options.flags.clone(),
        results,
    };
    if settings.ids.is_empty() {
        return measure(root, &settings);
    }
    std::fs::create_dir_all(&settings.folder)
        .with_context(|| format!("cannot create `{}`", settings.folder.display()))?;
    std::fs::copy(&built, &settings.bowline)
        .with_context(|| format!("cannot copy `{}`", built.display()))?;
    let _held = held::hold(&settings.folder)?;
    // From here on there is something to remove.
    let goes = own.as_ref().filter(|_| !options.has(Flag::KeepEngine));
    let keeper = Keeper::start(&endpoint, &settings.prefix, &settings.folder, goes)?;
    let good = furnish_and_measure(root, &settings, own.as_ref(), &endpoint);
    let removed = keeper.finish();
    let good = good?;
    removed?;
    Ok(good)
}

/// Where the results of the last run of every case are kept.
fn kept_in(root: &Path) -> PathBuf {
    target(root).join("faults-run")
}

/// Where this run keeps its results. A few cases alone are no run to go on with, and leave those of one as they are.
fn results(root: &Path, options: &Options, seed: u64, bowline: &Path) -> Result<Option<Results>> {
    let goes_on = options.has(Flag::GoOn);
    if options.chooses() && !goes_on {
        return Ok(None);
    }
    let run = Run::new(seed, bowline, options.of_outcomes())?;
    Ok(Some(if goes_on {
        Results::of_last(kept_in(root), run)?
    } else {
        Results::new(kept_in(root), run)
    }))
}

/// The cases with which a run goes on: those that were chosen, else those without a valid result.
fn left(
    results: &Results,
    options: &Options,
    faults: &Path,
    cases: Vec<Case>,
) -> Result<Vec<Case>> {
    if !options.chooses() {
        let all = cases.len();
        let left = results.left(cases);
        println!("{} of {all} cases have a valid result", all - left.len());
        return Ok(left);
    }
    if options.has(Flag::RecordPage) {
        let chosen = |case: &Case| cases.iter().any(|it| it.id == case.id);
        let mut others = Case::find(faults, &[])?;
        others.retain(|case| !chosen(case));
        let lacking = results.left(others);
        if !lacking.is_empty() {
            let ids: Vec<&str> = lacking.iter().map(|case| case.id.as_str()).collect();
            bail!(
                "the page is of every case, and these have no valid result: {}; leave `--only` and `--quick` out to run them",
                ids.join(", ")
            );
        }
    }
    Ok(cases)
}

/// Reads every case, before anything is built, so that a mistake in one costs nothing.
fn injections(cases: &[Case], seed: u64) -> Result<Vec<Injection>> {
    let read = |case: &Case| {
        let mut names = case.names(seed, "");
        case.expectation(&mut names)?;
        case.injection(&mut names)
    };
    cases.iter().map(read).collect()
}

/// Finds the images that the stacks name, and the one that is needed beside them.
fn images_of(faults: &Path, injections: &[Injection]) -> Result<Vec<String>> {
    let mut images = BTreeSet::from(["busy".to_owned()]);
    let stacks: BTreeSet<&str> = injections.iter().map(|it| it.stack.as_str()).collect();
    for stack in stacks {
        for file in runner::files(&faults.join("stacks").join(stack))? {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read `{}`", file.display()))?;
            let named = text.split("{{image.").skip(1);
            images.extend(named.filter_map(|rest| Some(rest.split_once("}}")?.0.to_owned())));
        }
    }
    Ok(images.into_iter().collect())
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
    images::prepare(root, endpoint, &settings.images)?;
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
        heal: settings.flags.contains(&Flag::Heal),
        keep: settings.flags.contains(&Flag::KeepRecordings),
    };
    let begun = Instant::now();
    let chosen = |case: &Case| settings.ids.contains(&case.id);
    let all = Case::find(&faults, &[])?.into_iter();
    let (cases, others): (Vec<Case>, Vec<Case>) = all.partition(chosen);
    let run = |case: &Case| run_and_keep(settings, &runner, case);
    let known = begin_or_go_on(settings, &others)?;
    let (outcomes, invalid) = run_all(cases, settings.jobs, run);
    let (outcomes, invalid) = once_more(outcomes, invalid, &faults, run)?;
    let outcomes = if settings.flags.contains(&Flag::Quick) {
        let floor = Floor::read(&root.join(FLOOR))?;
        asked_again(outcomes, &floor, &faults, run)?
    } else {
        outcomes
    };
    if is_stopped(settings) {
        bail!("the run was stopped; a run of every case goes on with `--go-on`");
    }
    let known = known.with(outcomes, invalid);
    let good = conclude(root, settings, &known)?;
    let (minutes, at_a_time) = (begun.elapsed().as_secs_f64() / 60.0, settings.jobs);
    println!("{minutes:.1} minutes, {at_a_time} at a time");
    Ok(good)
}

/// Whether nobody waits for the run any more, and its engine goes.
fn is_stopped(settings: &Settings) -> bool {
    !settings.ids.is_empty() && !held::is_held(&settings.folder)
}

fn run_and_keep(settings: &Settings, runner: &Runner<'_>, case: &Case) -> Result<Outcome, Invalid> {
    if is_stopped(settings) {
        return Err(Invalid {
            id: case.id.clone(),
            why: "the run was stopped".to_owned(),
        });
    }
    let run = || run_one(runner, case);
    match &settings.results {
        Some(results) => results.keep(case, run, || !is_stopped(settings)),
        None => run(),
    }
}

/// Makes room for the results of a run that begins anew, and returns what is known of the cases that it does not run.
fn begin_or_go_on(settings: &Settings, others: &[Case]) -> Result<Known> {
    let Some(results) = &settings.results else {
        return Ok(Known::default());
    };
    if settings.flags.contains(&Flag::GoOn) {
        return Ok(results.of(others));
    }
    results.begin()?;
    Ok(Known::default())
}

/// Prints and writes down what is known at the end, and says whether that is good.
fn conclude(root: &Path, settings: &Settings, known: &Known) -> Result<bool> {
    let Known {
        outcomes,
        invalid,
        without,
    } = known;
    let scores = score::sum(outcomes);
    let seed = format!("seed {}", settings.seed);
    let sums = (outcomes.len(), &scores);
    println!("\n{}", report::text(outcomes, sums, invalid, &seed));
    if !without.is_empty() {
        let ids = without.join(", ");
        println!("without a result: {ids} (`--go-on` without `--only` runs them)");
    }
    record(root, settings, known, &scores)?;
    let floor = Floor::read(&root.join(FLOOR))?;
    Ok(stays_above(&floor, outcomes) && invalid.is_empty())
}

/// Says which cases are wrong that have to be right, and whether there is none.
fn stays_above(floor: &Floor, outcomes: &[Outcome]) -> bool {
    let fallen = floor.fallen(outcomes);
    for outcome in &fallen {
        println!("worse than {FLOOR}: {}", report::line(outcome));
    }
    fallen.is_empty()
}

/// Has what is kept diagnosed and scored as what an engine shows.
fn replay_all(root: &Path, options: &Options, cases: Vec<Case>) -> Result<bool> {
    let faults = root.join("faults");
    let bowline = match &options.bowline {
        // It is started in another folder.
        Some(path) => std::path::absolute(path)
            .with_context(|| format!("cannot find `{}`", path.display()))?,
        None => build(root)?,
    };
    let (cases, without) = match &*options.only {
        [] => Replay::with_recording(&faults, cases),
        _ => (cases, Vec::new()),
    };
    let folder = target(root).join(format!("replay-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create `{}`", folder.display()))?;
    let replay = Replay {
        bowline: &bowline,
        faults: &faults,
        folder: &folder,
    };
    let begun = Instant::now();
    let outdated = replay.outdated(&cases)?;
    let (outcomes, invalid) = run_all(cases, options.jobs, |case| {
        replay.run(case).map_err(|error| Invalid {
            id: case.id.clone(),
            why: format!("{error:#}"),
        })
    });
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("cannot remove `{}`", folder.display()))?;
    let scores = score::sum(&outcomes);
    let is_of_note = |outcome: &&Outcome| !outcome.is_all_right() || outcome.is_wrongly_sure();
    let wrong = outcomes.iter().filter(is_of_note);
    let sums = (outcomes.len(), &scores);
    println!("{}", report::text(wrong, sums, &invalid, "replayed"));
    println!("{:.1} seconds", begun.elapsed().as_secs_f64());
    for (ids, what) in [
        (without, "without a recording"),
        (outdated, "changed since they were recorded"),
    ] {
        if !ids.is_empty() {
            let ids = ids.join(", ");
            println!("{what}: {ids} (`--keep-recordings --only ID` records)");
        }
    }
    let file = root.join(FLOOR);
    let mut floor = Floor::read(&file)?;
    let good = stays_above(&floor, &outcomes) && invalid.is_empty();
    if options.has(Flag::NoteFloor) {
        let raised = floor.raise(&outcomes);
        println!("right for the first time: {}", raised.join(", "));
        floor.write(&file)?;
    }
    Ok(good)
}

/// Runs the cases, some at a time, and returns them in order.
fn run_all(
    cases: Vec<Case>,
    jobs: usize,
    run: impl Fn(&Case) -> Result<Outcome, Invalid> + Sync,
) -> (Vec<Outcome>, Vec<Invalid>) {
    let left = Mutex::new(cases.into_iter());
    let ended = Mutex::new((Vec::new(), Vec::new()));
    let work = || {
        loop {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(case) = next else { return };
            let result = run(&case);
            let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(outcome) => ended.0.push(outcome),
                Err(invalid) => ended.1.push(invalid),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(work);
        }
    });
    let (mut outcomes, mut invalid): (Vec<Outcome>, Vec<Invalid>) =
        ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by(|a, b| a.id.cmp(&b.id));
    invalid.sort_by(|a, b| a.id.cmp(&b.id));
    (outcomes, invalid)
}

/// Runs the cases once more in which the fault did not come, one after the other: an engine that is busy with others may be
/// too late for a symptom. One that fails twice has another reason.
fn once_more(
    mut outcomes: Vec<Outcome>,
    invalid: Vec<Invalid>,
    faults: &Path,
    run: impl Fn(&Case) -> Result<Outcome, Invalid> + Sync,
) -> Result<(Vec<Outcome>, Vec<Invalid>)> {
    if invalid.is_empty() {
        return Ok((outcomes, invalid));
    }
    let ids: Vec<String> = invalid.into_iter().map(|invalid| invalid.id).collect();
    println!("once more, one at a time: {}", ids.join(", "));
    let (right, invalid) = run_all(Case::find(faults, &ids)?, 1, run);
    outcomes.extend(right);
    outcomes.sort_by(|a, b| a.id.cmp(&b.id));
    Ok((outcomes, invalid))
}

/// Runs those cases of a quick run once more, one after the other, that are wrong and have to be right: it is to show that
/// all works, and a busy engine may be too slow for a look. A run for figures takes every answer as it comes.
fn asked_again(
    mut outcomes: Vec<Outcome>,
    floor: &Floor,
    faults: &Path,
    run: impl Fn(&Case) -> Result<Outcome, Invalid> + Sync,
) -> Result<Vec<Outcome>> {
    let fallen = floor.fallen(&outcomes).into_iter();
    let ids: Vec<String> = fallen.map(|outcome| outcome.id.clone()).collect();
    if ids.is_empty() {
        return Ok(outcomes);
    }
    println!("wrong, and once more, one at a time: {}", ids.join(", "));
    let (again, _) = run_all(Case::find(faults, &ids)?, 1, run);
    outcomes.retain(|outcome| !again.iter().any(|other| other.id == outcome.id));
    outcomes.extend(again);
    outcomes.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(outcomes)
}

fn run_one(runner: &Runner<'_>, case: &Case) -> Result<Outcome, Invalid> {
    let begun = Instant::now();
    // What goes wrong with one case is no reason to lose the others.
    let ended = runner.run(case).unwrap_or_else(|error| {
        Err(Invalid {
            id: case.id.clone(),
            why: format!("it could not be run: {error:#}"),
        })
    });
    let took = begun.elapsed().as_secs_f64();
    match &ended {
        Ok(_) => println!("{:<8} injected in {took:.1} s", case.id),
        Err(invalid) => println!("{:<8} INVALID in {took:.1} s: {}", case.id, invalid.why),
    }
    ended
}

/// Writes down what was asked for.
fn record(root: &Path, settings: &Settings, known: &Known, scores: &Scores) -> Result<()> {
    let file = root.join("faults/first-run.toml");
    let mut first = page::first(&file)?;
    if settings.flags.contains(&Flag::NoteFirst) {
        page::note(&mut first, &known.outcomes);
        page::write_first(&file, &first)?;
    }
    let lacking = known.lacking();
    if settings.flags.contains(&Flag::RecordPage) && !lacking.is_empty() {
        println!(
            "docs/faults.md stays as it is: it is of every case, and these have no valid result: {}",
            lacking.join(", ")
        );
    } else if settings.flags.contains(&Flag::RecordPage) {
        let run = page::Run {
            seed: settings.seed,
            jobs: settings.jobs,
            invalid: known.invalid.len(),
        };
        let file = root.join("docs/faults.md");
        std::fs::write(&file, page::text(&known.outcomes, scores, &first, &run))
            .with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    Ok(())
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
        assert!(options.only.is_empty() && options.flags.is_empty() && options.seed.is_none());
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
    fn a_page_is_of_every_case() {
        assert!(parse(&["--record-page", "--note-first"]).is_ok());
        assert!(parse(&["--record-page", "--quick"]).is_err());
        assert!(parse(&["--record-page", "--only", "F001", "--go-on"]).is_ok());
        assert!(parse(&["--jobs", "0"]).is_err());
    }

    #[test]
    fn a_quick_run_is_short_and_has_every_sort_of_case() {
        let cases = Case::find(&crate::root().join("faults"), &[]).unwrap();
        let injections = injections(&cases, 1).unwrap();
        let both = cases.iter().zip(&injections);
        let quick: Vec<&str> = both
            .filter(|(_, injection)| injection.quick)
            .map(|(case, _)| case.id.as_str())
            .collect();
        assert!((8..=14).contains(&quick.len()), "{quick:?}");
        for sort in ['F', 'C', 'X'] {
            assert!(quick.iter().any(|id| id.starts_with(sort)), "{quick:?}");
        }
    }

    #[test]
    fn the_images_are_those_that_the_stacks_name() {
        let faults = crate::root().join("faults");
        let cases = Case::find(&faults, &["F051".to_owned()]).unwrap();
        let images = images_of(&faults, &injections(&cases, 1).unwrap()).unwrap();
        assert_eq!(images, ["busy", "mariadb"]);
    }
}
