//! The rounds: every stack with one tool and then with the other, again and again.
//!
//! A round is a whole life of a stack: cold `up`, again, `ps`, `down`; for `orders` once more with its volumes.
//! Between the tools nothing is left on the engine, so that neither works in what the other left.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use super::figures::{Figures, Measure, Part, Requests, Samples, Tool};
use super::stacks::{ORDERS_PAGE, Stack};
use super::tools::{Ended, Running, Tools, Verb};
use super::{poller, quiet};
use crate::{keeper, request};

/// How long a stack may take to be there.
const PATIENCE: Duration = Duration::from_mins(3);

/// Short commands are run several times a round: one run says little.
const SHORT_RUNS: usize = 5;

/// How many requests have to succeed right after a cold `up`.
const REQUESTS: usize = 100;

/// What the rounds need, and what they find.
pub(crate) struct Rounds<'a> {
    pub(crate) tools: Tools<'a>,
    pub(crate) stacks: &'a [Stack],
    /// What the names of the stacks begin with.
    pub(crate) prefix: &'a str,
    pub(crate) figures: Figures,
    /// Which share of the processors was busy with something else, looked at before each life.
    pub(crate) others: Samples,
}

/// A stack in the hands of one tool, for one round.
struct Life<'r, 'a> {
    tools: &'r Tools<'a>,
    figures: &'r mut Figures,
    stack: &'r Stack,
    tool: Tool,
    project: String,
    /// The largest so far.
    peak_mib: f64,
}

impl Rounds<'_> {
    /// Runs `count` rounds, and tells each value as it comes.
    pub(crate) fn run(&mut self, count: usize) -> Result<()> {
        for round in 1..=count {
            for stack in self.stacks {
                println!("round {round} of {count}: {}", stack.part.word());
                if stack.part == Part::Config {
                    self.config(stack)?;
                    continue;
                }
                for tool in Tool::BOTH {
                    self.life(stack, tool)?;
                }
            }
        }
        Ok(())
    }

    fn life(&mut self, stack: &Stack, tool: Tool) -> Result<()> {
        self.others.add(quiet::busy_share()?);
        let project = format!("{}{}-{}", self.prefix, stack.part.word(), tool.word());
        let mut life = Life {
            tools: &self.tools,
            figures: &mut self.figures,
            stack,
            tool,
            project,
            peak_mib: 0.0,
        };
        life.run()?;
        keeper::sweep(self.tools.engine, self.prefix)?;
        Ok(())
    }

    /// Reads the long file with both tools in turn; nothing is brought up.
    fn config(&mut self, stack: &Stack) -> Result<()> {
        self.others.add(quiet::busy_share()?);
        for _ in 0..SHORT_RUNS {
            for tool in Tool::BOTH {
                let mut life = Life {
                    tools: &self.tools,
                    figures: &mut self.figures,
                    stack,
                    tool,
                    project: format!("{}config", self.prefix),
                    peak_mib: 0.0,
                };
                life.short(Verb::Config, Measure::Config)?;
                life.note(Measure::Memory, life.peak_mib);
            }
        }
        Ok(())
    }
}

impl Life<'_, '_> {
    fn run(&mut self) -> Result<()> {
        self.cold_up(Measure::ColdUp)?;
        self.short(Verb::Up, Measure::RepeatedUp)?;
        for _ in 0..SHORT_RUNS {
            self.short(Verb::Ps, Measure::Ps)?;
        }
        self.down()?;
        if self.stack.part == Part::Orders {
            self.cold_up(Measure::ColdUpExisting)?;
            self.down()?;
        }
        self.note(Measure::Memory, self.peak_mib);
        Ok(())
    }

    /// Brings the stack up while the poller looks on, and sends requests as soon as the tool says it is up.
    fn cold_up(&mut self, measure: Measure) -> Result<()> {
        let (tools, stack) = (self.tools, self.stack);
        let running = tools.start(self.tool, stack, &self.project, Verb::Up)?;
        let begun = running.begun();
        let (there, returned) = std::thread::scope(|scope| {
            let returned = scope.spawn(|| wait_and_ask(running, stack.port));
            let there = poller::wait(
                tools.engine,
                &self.project,
                &stack.services,
                stack.port,
                begun,
                PATIENCE,
            );
            (there, returned.join())
        });
        let (ended, requests) =
            returned.map_err(|_| anyhow!("the wait for the tool broke off"))??;
        let there = match (there, &ended.failure) {
            // What the tool said is worth more than what the poller did not see.
            (Err(error), Some(failure)) => bail!("{error:#}\n{failure}"),
            (there, _) => there?,
        };
        match &ended.failure {
            Some(failure) if self.tool == Tool::Bowline => bail!("{failure}"),
            Some(failure) => println!("  compose brought it up, and yet: {failure}"),
            None => {}
        }
        self.peak_mib = self.peak_mib.max(ended.peak_mib);
        self.note(measure, there.as_secs_f64());
        self.note(Measure::Return, ended.took.as_secs_f64());
        if let Some(requests) = requests {
            println!(
                "  {:<8} {} of {} requests succeeded",
                self.tool.word(),
                requests.succeeded,
                requests.sent
            );
            self.figures.add_requests(self.tool, requests);
        }
        Ok(())
    }

    fn down(&mut self) -> Result<()> {
        self.short(Verb::Down, Measure::Down)?;
        let left = poller::containers(self.tools.engine, &self.project)?;
        if left.as_array().is_some_and(|left| !left.is_empty()) {
            bail!("`down` of {} left containers: {left}", self.tool.word());
        }
        Ok(())
    }

    /// Runs a command whose own end is what counts.
    fn short(&mut self, verb: Verb, measure: Measure) -> Result<()> {
        let ended = self.tools.run(self.tool, self.stack, &self.project, verb)?;
        self.peak_mib = self.peak_mib.max(ended.peak_mib);
        self.note(measure, ended.took.as_secs_f64());
        Ok(())
    }

    fn note(&mut self, measure: Measure, value: f64) {
        println!(
            "  {:<8} {:<30} {value:.4}",
            self.tool.word(),
            measure.words()
        );
        self.figures.add(self.stack.part, measure, self.tool, value);
    }
}

/// Waits for the tool's own end, and sends the requests at once where the stack takes any.
fn wait_and_ask(running: Running, port: Option<u16>) -> Result<(Ended, Option<Requests>)> {
    let ended = running.wait()?;
    let requests = port.map(|port| {
        let succeeds = || request::get(port, ORDERS_PAGE).is_ok();
        Requests {
            sent: REQUESTS,
            succeeded: (0..REQUESTS).filter(|_| succeeds()).count(),
        }
    });
    Ok((ended, requests))
}
