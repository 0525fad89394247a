//! `cargo xtask test`: everything that has to hold, in one command, on a fresh machine.
//!
//! What is quick and most often wrong comes first, and the run ends with the first part that fails; what
//! did not run then is named. Tests that need containers get an engine of their own (see `engine::own`),
//! with images built here. The same command is CI.

mod libtest;
mod report;
pub(crate) mod targets;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::engine::http::Endpoint;
use crate::engine::own::{Kind, Own};
use crate::program::{Program, cargo, cargo_program, target};
use crate::{cache, check, faults, images, newest};
use libtest::Count;
use report::{End, Part, Report};
use targets::Targets;

pub(crate) const USAGE: &str = "\
usage: cargo xtask test [--corpus DIR] [--full] [--seed NUMBER] [--no-engine-install]

  --corpus DIR         also the cases in this folder; fails where it is absent
  --full               all figures, the newest engine and Docker Compose too; without it, samples
  --seed NUMBER        what the moments of kills are drawn from; the run says which it took
  --no-engine-install  fail rather than install an engine
";

/// What our own engine is called.
const ENGINE: &str = "test";

#[derive(Debug, Default)]
struct Options {
    corpus: Option<PathBuf>,
    full: bool,
    seed: Option<u64>,
    no_install: bool,
}

/// Carries out `cargo xtask test …`; the last line printed is the count, and the answer is whether all is well.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool> {
    let mut options = Options::parse(arguments)?;
    let seed = *options.seed.get_or_insert_with(seed_of_now);
    let targets = Targets::read(root)?;
    let mut run = Run {
        root,
        options,
        targets,
        report: Report::default(),
    };
    run.everything();
    let scope = if run.options.full {
        "full run: all figures, both engines, and Docker Compose beside them"
    } else {
        "sample run: `--full` runs all figures, the newest engine, and `engine_compose` with Docker Compose"
    };
    print!("\n{}", run.report.text(&format!("seed {seed}; {scope}")));
    Ok(run.report.is_good())
}

/// A number that is another one for every run.
pub(crate) fn seed_of_now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--corpus" => {
                    options.corpus =
                        Some(words.next().context("`--corpus` needs a folder")?.into());
                }
                "--full" => options.full = true,
                "--seed" => {
                    let word = words.next().context("`--seed` needs a number")?;
                    options.seed = Some(word.parse().context("`--seed` needs a number")?);
                }
                "--no-engine-install" => options.no_install = true,
                other => bail!("`{other}` is not understood\n\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

struct Run<'a> {
    root: &'a Path,
    options: Options,
    targets: Targets,
    report: Report,
}

/// The engine that tests are given, for as long as they run.
struct Engine {
    endpoint: Endpoint,
    /// Where it is ours: to be stopped at the end.
    own: Option<Own>,
    /// Keeps other runs away from it.
    _lock: Option<File>,
}

impl Run<'_> {
    fn everything(&mut self) {
        let root = self.root;
        if let Some(corpus) = self.options.corpus.clone() {
            // Said at once, not after half an hour.
            self.part("corpus", |run| {
                run.corpus_folder(&corpus).map(|_| Count::default())
            });
        }
        self.part("formatting", |_| {
            plain(cargo(root).args(["fmt", "--all", "--check"]))
        });
        self.part("lints", |_| {
            let clippy = [
                "clippy",
                "--workspace",
                "--all-targets",
                "--all-features",
                "--",
                "--deny",
                "warnings",
            ];
            plain(cargo(root).args(clippy))
        });
        self.part("house", |_| check::run(root).map(|()| Count::default()));
        self.part("tests", |run| {
            let mut command = run.cargo_test().args(["--lib", "--bins"]);
            for test in &run.targets.plain {
                command = command.args(["--test", test]);
            }
            counted(command)
        });
        self.part("diagnosis, replayed", |run| run.faults(&["--replay"]));
        self.engine_tests(Kind::Distribution, "engine");
        self.part("diagnosis, on an engine", Self::live_faults);
        if self.options.full {
            self.engine_tests(Kind::Newest, "newest engine");
        }
        if let Some(corpus) = self.options.corpus.clone() {
            self.part("conformance", |run| run.conformance(&corpus));
        }
        self.part("documentation examples", |run| {
            match counted(run.cargo_test().arg("--doc")) {
                // There need not be any.
                Err(error) if error.is::<NoTest>() => Ok(Count::default()),
                other => other,
            }
        });
        self.part("documentation", |_| {
            plain(
                cargo(root)
                    .args(["doc", "--workspace", "--no-deps", "--quiet"])
                    .env("RUSTDOCFLAGS", "--deny warnings"),
            )
        });
    }

    /// Runs one part, unless an earlier one failed, and notes how it ended.
    fn part(&mut self, name: &str, work: impl FnOnce(&Self) -> Result<Count>) {
        if let Some(broken) = self.report.broken() {
            let end = End::NotRun(format!("`{broken}` failed before it"));
            self.note(name, Instant::now(), Count::default(), end);
            return;
        }
        println!("\n== {name}");
        let begun = Instant::now();
        let (count, end) = match work(self) {
            Ok(count) if count.left_out > 0 => {
                let why = format!("{} tests were left out", count.left_out);
                (count, End::Failed(why))
            }
            Ok(count) => (count, End::Done),
            Err(error) => match error.downcast::<Failing>() {
                Ok(Failing { count, why }) => (count, End::Failed(why)),
                Err(error) => (Count::default(), End::Failed(format!("{error:#}"))),
            },
        };
        self.note(name, begun, count, end);
    }

    fn note(&mut self, name: &str, begun: Instant, count: Count, end: End) {
        self.report.parts.push(Part {
            name: name.to_owned(),
            took: begun.elapsed(),
            count,
            end,
        });
    }

    fn cargo_test(&self) -> Program {
        cargo(self.root).args(test_arguments(&self.targets))
    }

    /// The few cases that show that everything works, on the engine that the tests had.
    fn live_faults(&self) -> Result<Count> {
        let seed = self.options.seed.unwrap_or_default().to_string();
        let host = engine_of_the_user();
        let engine = match &host {
            Some(host) => ["--host", host],
            None => ["--engine", ENGINE],
        };
        self.faults(&[&["--quick", "--seed", &seed], &engine[..]].concat())
    }

    /// What `cargo xtask faults` says of the bowline that the tests were built with.
    fn faults(&self, words: &[&str]) -> Result<Count> {
        let bowline = target(self.root).join("debug").join("bowline");
        let bowline = bowline.display().to_string();
        let words = words.iter().copied().chain(["--bowline", &bowline]);
        let words: Vec<String> = words.map(str::to_owned).collect();
        if !faults::run(self.root, &words)? {
            bail!("a fault could not be injected, or a diagnosis is worse than it was: see above");
        }
        Ok(Count::default())
    }

    fn engine_tests(&mut self, kind: Kind, name: &str) {
        let mut engine = None;
        self.part(&format!("{name}, preparation"), |run| {
            engine = Some(run.prepare_engine(kind)?);
            Ok(Count::default())
        });
        self.part(&format!("{name}, tests"), |run| {
            let Some(engine) = &engine else {
                bail!("there is no engine")
            };
            run.on_engine(engine)
        });
        if let Some(Engine { own: Some(own), .. }) = &engine
            && let Err(error) = own.down()
        {
            self.note(
                &format!("{name}, end"),
                Instant::now(),
                Count::default(),
                End::Failed(format!("{error:#}")),
            );
        }
    }

    fn prepare_engine(&self, kind: Kind) -> Result<Engine> {
        if let Some(host) = engine_of_the_user() {
            let endpoint = Endpoint::parse(&host)?;
            if !endpoint.answers() {
                bail!("no engine answers at `{host}`, which BOWLINE_TEST_DOCKER_HOST names");
            }
            self.furnish(&endpoint)?;
            return Ok(Engine {
                endpoint,
                own: None,
                _lock: None,
            });
        }
        let own = Own::new(kind, ENGINE)?;
        let lock = own.lock()?;
        let endpoint = own.endpoint();
        let up = own
            .up(!self.options.no_install)
            .and_then(|()| own.clear())
            .and_then(|()| self.furnish(&endpoint));
        if let Err(error) = up {
            // Half an engine is of no use to anybody, and its log stays.
            drop(own.down());
            return Err(error);
        }
        Ok(Engine {
            endpoint,
            own: Some(own),
            _lock: Some(lock),
        })
    }

    fn furnish(&self, engine: &Endpoint) -> Result<()> {
        let version = engine.get("/version")?;
        println!(
            "engine {} at {}",
            version["Version"].as_str().unwrap_or("?"),
            engine.as_host()
        );
        images::prepare(self.root, engine, &[])
    }

    fn on_engine(&self, engine: &Engine) -> Result<Count> {
        if self.targets.engine.is_empty() {
            bail!("the workspace has no test named `engine_…`");
        }
        let mut arguments = test_arguments(&self.targets);
        let compose = self.compose()?;
        let with_compose = self
            .targets
            .with_compose
            .iter()
            .filter(|_| compose.is_some());
        for test in self.targets.engine.iter().chain(with_compose) {
            arguments.extend(["--test".to_owned(), test.clone()]);
        }
        // Built outside: in there is no network.
        plain(cargo(self.root).args(&arguments).arg("--no-run"))?;
        let command = match &engine.own {
            Some(own) => own
                .inside(&cargo_program())?
                .folder(self.root)
                .env("BOWLINE_TEST_ENGINE_KIND", own.kind().word()),
            None => cargo(self.root),
        };
        let own_program = std::env::current_exe().context("cannot find this program's own file")?;
        let command = command
            .args(&arguments)
            .env("CARGO_NET_OFFLINE", "true")
            .env("BOWLINE_TEST_XTASK", own_program)
            .env(
                "BOWLINE_TEST_SEED",
                self.options.seed.unwrap_or_default().to_string(),
            )
            .env("BOWLINE_TEST_DOCKER_HOST", engine.endpoint.as_host());
        counted(match compose {
            Some(compose) => command
                .env("BOWLINE_TEST_FULL", "1")
                .env("BOWLINE_TEST_COMPOSE", compose),
            None => command,
        })
    }

    /// Docker Compose as Debian's newest suite packages it, for a full run.
    fn compose(&self) -> Result<Option<PathBuf>> {
        if !self.options.full {
            return Ok(None);
        }
        let log = cache::folder(&["logs"])?.join("test-compose.log");
        newest::COMPOSE.program(&log).map(Some)
    }

    fn conformance(&self, corpus: &Path) -> Result<Count> {
        if self.targets.corpus.is_empty() {
            bail!("the workspace has no test named `corpus_…`");
        }
        let mut command = self.cargo_test();
        for test in &self.targets.corpus {
            command = command.args(["--test", test]);
        }
        counted(command.env("BOWLINE_CORPUS", self.corpus_folder(corpus)?))
    }

    fn corpus_folder(&self, corpus: &Path) -> Result<PathBuf> {
        let folder = self
            .root
            .join(corpus)
            .canonicalize()
            .ok()
            .filter(|folder| folder.is_dir());
        folder.with_context(|| format!("there is no corpus at `{}`", corpus.display()))
    }
}

/// A part in which some tests failed.
#[derive(Debug)]
struct Failing {
    count: Count,
    why: String,
}

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Failing {}

/// A part in which no test ran.
#[derive(Debug)]
struct NoTest;

impl std::fmt::Display for NoTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no test ran")
    }
}

impl std::error::Error for NoTest {}

/// An engine that is to be used instead of one of our own.
fn engine_of_the_user() -> Option<String> {
    let named = std::env::var("BOWLINE_TEST_DOCKER_HOST").ok();
    named.filter(|host| !host.is_empty())
}

fn test_arguments(targets: &Targets) -> Vec<String> {
    let mut arguments: Vec<String> = ["test", "--workspace", "--no-fail-fast"]
        .map(str::to_owned)
        .to_vec();
    if !targets.features.is_empty() {
        arguments.extend(["--features".to_owned(), targets.features.join(",")]);
    }
    arguments
}

fn plain(command: Program) -> Result<Count> {
    command.run().map(|()| Count::default())
}

/// Runs tests, shows their output as it comes, and counts.
fn counted(command: Program) -> Result<Count> {
    let mut command = command.into_command();
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut count = Count::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("cannot read the tests' output")?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            count.read(&line);
        }
    }
    let status = child.wait().context("cannot wait for the tests")?;
    if !status.success() || count.failed > 0 {
        let why = format!("cargo test ended with {status}");
        return Err(Failing { count, why }.into());
    }
    if count.passed + count.left_out == 0 {
        return Err(NoTest.into());
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::program;

    fn parse(words: &[&str]) -> Result<Options> {
        Options::parse(
            &words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let options = parse(&["--corpus", "../corpus", "--full", "--seed", "7"]).unwrap();
        assert_eq!(
            (
                options.corpus,
                options.full,
                options.seed,
                options.no_install
            ),
            (Some("../corpus".into()), true, Some(7), false)
        );
        assert!(parse(&["--seed", "seven"]).is_err());
        assert!(parse(&["--corpus"]).is_err());
        assert!(parse(&["--fast"]).is_err());
    }

    #[test]
    fn failing_tests_are_counted_and_silence_is_not_success() {
        let said = |line: &str| program("echo").arg(line);
        let failing =
            counted(said("test result: FAILED. 2 passed; 1 failed; 0 ignored")).unwrap_err();
        assert_eq!(failing.downcast::<Failing>().unwrap().count.failed, 1);
        assert!(counted(program("false")).unwrap_err().is::<Failing>());
        assert!(counted(said("nothing")).unwrap_err().is::<NoTest>());
        assert_eq!(
            counted(said("test result: ok. 2 passed; 0 failed; 0 ignored"))
                .unwrap()
                .passed,
            2
        );
    }
}
