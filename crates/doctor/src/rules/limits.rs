//! Limits other than memory's: files, processes, processors, and what a program is told of its own.

use bowline_recipes::Says;

use crate::edit::{Change, Spot};
use crate::facts::{ContainerFact, InsideFact};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Said, World, culprit, made, shown, spoken};

use super::filters::IN_VAIN;

pub(crate) const OPEN_FILES: Rule = Rule {
    code: Code("D132"),
    title: "it has as many files open as it may",
    layer: Layer::Resource,
    decisive: &["the complaint", "the limit"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: open_files,
};

pub(crate) const PROCESSES: Rule = Rule {
    code: Code("D133"),
    title: "it has as many processes and threads as it may",
    layer: Layer::Resource,
    decisive: &["the complaint", "the limit", "how many there are"],
    look_alikes: &[Code("D134")],
    yields: false,
    endangers_data: false,
    find: processes,
};

pub(crate) const ZOMBIES: Rule = Rule {
    code: Code("D134"),
    title: "processes that ended stay, because nobody asks how",
    layer: Layer::Resource,
    decisive: &["the zombies", "that it has no init"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: zombies,
};

pub(crate) const THROTTLED: Rule = Rule {
    code: Code("D116"),
    title: "its share of the processors is too small for what it does",
    layer: Layer::Resource,
    decisive: &["how often it had to wait", "the limit", "what comes of it"],
    look_alikes: &[Code("D108")],
    yields: false,
    endangers_data: false,
    find: throttled,
};

pub(crate) const LOSSES: Rule = Rule {
    code: Code("D108"),
    title: "much of what it sends is lost on the way and sent again",
    layer: Layer::Network,
    decisive: &["what is sent again", "what comes of it"],
    look_alikes: &[Code("D116")],
    yields: false,
    endangers_data: false,
    find: losses,
};

/// Zombies from which on they are a leak: some wait to be reaped at any time, and each check that is cut off on a busy host
/// leaves another.
const MANY_ZOMBIES: usize = 20;
/// Periods from which on throttling tells anything.
const PERIODS: u64 = 20;
/// Segments from which on losses tell anything.
const SEGMENTS: u64 = 50;
/// Segments below which a single client that went away without a word is as much as a twentieth.
const MANY_SEGMENTS: u64 = 1000;

fn open_files(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        for said in world.complaints(container, &[Says::TooManyFiles]) {
            cases.push(match limit_of_host(said.text) {
                Some(limit) => refused_by_host(container, said, limit),
                None => refused_by_own_limit(world, container, said),
            });
        }
    }
}

/// The setting of the kernel that a line is about which speaks of too many open files, where it is none of the process:
/// how many files all of the host may have open, or how often a user may begin to watch files. The kernel answers the
/// latter with the number of the limit of a process.
fn limit_of_host(line: &str) -> Option<&'static str> {
    const WATCHING: &[&str] = &["inotify", "fsnotify", "watcher", "open files, watch "];
    let line = line.to_lowercase();
    if line.contains("open files in system") || line.contains("enfile") {
        return Some("fs.file-max");
    }
    let is_about_watching = WATCHING.iter().any(|word| line.contains(word));
    is_about_watching.then_some("fs.inotify.max_user_instances")
}

/// A limit that a container shares with others, and that nobody looked at.
fn refused_by_host(container: &ContainerFact, said: &Said<'_>, limit: &str) -> Case {
    let claim = format!(
        "it was refused one more file in words that are about a limit which it shares with others: `{limit}` of the host"
    );
    let complaint = spoken(container, said, "the kernel refused it one more");
    Case::new(culprit(container, None), claim)
        .at_most(Confidence::Likely)
        .mended_by(
            format!("compare `sysctl {limit}` on the host with what its programs need, and raise it there; then let the container start again"),
            Safety::Restart,
        )
        .decides("the complaint", Some(complaint))
}

/// Its own limit: surely where it is near it now, and hardly where it has far fewer files open in the run that complained.
/// That there is a limit says nothing of whether it was reached, and what a crowd had opened is closed when it is gone.
fn refused_by_own_limit<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    said: &Said<'_>,
) -> Case {
    let open = world.inside(container).and_then(|inside| inside.open_files);
    let asked = world.limits(container).and_then(|limits| limits.open_files);
    let asked = asked.filter(|limit| *limit > 0);
    let is_of_this_run = container.run_began().is_some_and(|at| said.last >= at);
    let needs_more = |limit: &str| {
        format!("it may have {limit} files open, and needs more, or never closes them")
    };
    let (claim, fact, at_most) = match open {
        Some((count, Some(limit))) if count >= limit - limit / 3 => {
            let text = format!("{}: {count} of {limit} files open", container.name);
            let fact = FactRef::Inside(container.name.clone());
            let near = shown(fact, text, "it is at its limit, or near it");
            let claim = needs_more(&limit.to_string());
            (claim, Some(near), Confidence::Certain)
        }
        Some((count, Some(limit))) if is_of_this_run && count < limit / 4 => {
            let claim = format!(
                "it was refused one more file, and has {count} of {limit} open: it has closed many since, or another limit was meant"
            );
            (claim, None, Confidence::Possible)
        }
        _ => {
            let there = asked.map(|limit| {
                let text = format!("{}: at most {limit} open files", container.name);
                let fact = FactRef::Limits(container.name.clone());
                shown(fact, text, "there is a limit to reach")
            });
            let claim = asked.map(|limit| needs_more(&limit.to_string()));
            let claim = claim.unwrap_or_else(|| {
                "it has as many files open as it may, or never closes them".to_owned()
            });
            (claim, there, Confidence::Likely)
        }
    };
    let complaint = spoken(container, said, "the kernel refused to open one more");
    Case::new(culprit(container, Some("ulimits")), claim)
        .at_most(at_most)
        .mended_by(
            "raise `ulimits.nofile`, then `bowline up`; if the number only grows, files or connections are never closed",
            Safety::Restart,
        )
        .decides("the complaint", Some(complaint))
        .decides("the limit", fact)
}

fn processes(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let asked = world.limits(container).and_then(|limits| limits.pids);
        let asked = asked.filter(|limit| *limit > 0);
        let inside = world.inside(container);
        let counted = inside.and_then(|inside| inside.pids);
        let is_reached = counted.is_some_and(|(current, limit, hits)| {
            hits.is_some_and(|hits| hits > 0) || limit.is_some_and(|limit| current >= limit)
        });
        let complaints = world.complaints(container, &[Says::CannotFork]);
        let said = complaints.first();
        // A limit that was hit long ago hurts nobody now.
        let is_at_it =
            counted.is_some_and(|(current, limit, _)| limit.is_some_and(|limit| current >= limit));
        let in_trouble = said.is_some() || is_at_it && world.fails(container);
        if !in_trouble || said.is_some() && asked.is_none() && !is_reached {
            continue;
        }
        let number = asked.map_or_else(|| "its".to_owned(), |limit| limit.to_string());
        let claim = format!("its limit of {number} processes and threads is reached");
        let limit = asked.map(|limit| {
            let text = format!("{}: at most {limit} processes and threads", container.name);
            let proves = "there is a limit to reach";
            shown(FactRef::Limits(container.name.clone()), text, proves)
        });
        let level = counted.filter(|_| is_reached).map(|(current, _, hits)| {
            let hits = hits.map_or_else(String::new, |hits| format!(", refused {hits} times"));
            let text = format!("{}: {current} processes and threads{hits}", container.name);
            let proves = "no more could be made";
            shown(FactRef::Inside(container.name.clone()), text, proves)
        });
        let alive = inside.filter(|inside| inside.zombies * 2 < inside.processes.max(1));
        let alive = alive.map(|inside| {
            let text = format!(
                "{}: {} of {} are zombies",
                container.name, inside.zombies, inside.processes
            );
            let proves = "those that are there live";
            shown(FactRef::Inside(container.name.clone()), text, proves)
        });
        let complaint =
            said.map(|said| spoken(container, said, "the kernel refused to make one more"));
        cases.push(
            Case::new(culprit(container, Some("pids_limit")), claim)
                .mended_by(
                    "raise `pids_limit` (or `deploy.resources.limits.pids`) or let it start fewer, then `bowline up`",
                    Safety::Restart,
                )
                .decides("the complaint", complaint)
                .decides("the limit", limit)
                .decides("how many there are", level)
                .rules_out(Code("D134"), alive),
        );
    }
}

/// Zombies in a container that has an init: their parent lives, and never asks how they ended.
fn never_reaped(container: &ContainerFact, inside: &InsideFact) -> Case {
    let claim = format!(
        "{} of its {} processes have ended, and who started them never asks how; its `init` cannot do that for it",
        inside.zombies, inside.processes
    );
    let text = format!("{}: {} zombies", container.name, inside.zombies);
    let fact = FactRef::Inside(container.name.clone());
    Case::new(culprit(container, None), claim)
        .at_most(Confidence::Likely)
        .mended_by(
            "let the program wait for what it starts (`waitpid`, `SIGCHLD`); until then `bowline restart` frees them",
            Safety::NeedsYou,
        )
        .decides("the zombies", Some(shown(fact, text, "their parent does not reap them")))
}

fn zombies(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some(inside) = world.inside(container) else {
            continue;
        };
        let has_init = world.made(container).is_some() && container.has_init;
        if inside.zombies < MANY_ZOMBIES {
            continue;
        }
        if has_init {
            cases.push(never_reaped(container, inside));
            continue;
        }
        let claim = format!(
            "{} of its {} processes have ended, and its main process never asks how: they stay for ever",
            inside.zombies, inside.processes
        );
        let text = format!("{}: {} zombies", container.name, inside.zombies);
        let proves = "their parent does not reap them";
        let seen = shown(FactRef::Inside(container.name.clone()), text, proves);
        let proves = "nobody else reaps what its main process leaves";
        let without = made(world, container, "no `init`", proves);
        cases.push(
            Case::new(culprit(container, Some("init")), claim)
                .mended_by("set `init: true`, then `bowline up`", Safety::Restart)
                .by_edits(Spot::field(container, "init").map(|spot| {
                    let value = "true".to_owned();
                    spot.change(Change::Set { value })
                }))
                .decides("the zombies", Some(seen))
                .decides("that it has no init", without),
        );
    }
}

/// What callers say of somebody who is slow.
const SLOW: &[Says] = &[
    Says::ConnectionTimeout,
    Says::AnswerTimeout,
    Says::UpstreamNotAnswering,
    Says::StatementTimeout,
    Says::PoolExhausted,
    Says::ConnectionClosed,
    Says::ConnectionReset,
];

/// What comes of a container that is slow: its probes take too long, or those who need it say so.
fn slowness<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Evidence> {
    let health = world
        .health(container)
        .filter(|_| !world.seems_well(container));
    let late = health.and_then(|health| {
        let mut probes = health.probes.iter().rev();
        probes.find(|probe| {
            let words = probe.output.to_lowercase();
            probe.exit_code != 0 && (words.contains("timeout") || words.contains("timed out"))
        })
    });
    if let Some(probe) = late {
        let text = format!(
            "{}: exit code {}, {}",
            container.name, probe.exit_code, probe.output
        );
        let proves = "it did not answer in time";
        return Some(shown(FactRef::Health(container.name.clone()), text, proves));
    }
    let name = container.service.as_deref()?;
    world.containers().find_map(|client| {
        let client_name = client.service.as_deref()?;
        let is_client = client.name == container.name || world.needs(client_name).any(|it| it == name)
            || world.edges().iter().any(|edge| {
                edge.client.name == client.name
                    && matches!(&edge.target, crate::world::Target::Service { name: target, .. } if *target == name)
            });
        let complaints = world.complaints(client, SLOW);
        let said = complaints.first().filter(|_| is_client)?;
        Some(spoken(client, said, "no answer came in time"))
    })
}

/// Whether the kernel stopped it in a quarter of the periods of its processor quota, or more.
pub(super) fn is_throttled(world: &World<'_>, container: &ContainerFact) -> bool {
    let throttled = world.inside(container).and_then(|inside| inside.throttled);
    throttled.is_some_and(|(periods, waited)| periods >= PERIODS && waited * 4 >= periods)
}

fn throttled(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let inside = world.inside(container);
        let Some((periods, waited)) = inside.and_then(|inside| inside.throttled) else {
            continue;
        };
        if !is_throttled(world, container) {
            continue;
        }
        let Some(slow) = slowness(world, container) else {
            continue;
        };
        let share = world.limits(container).and_then(|limits| limits.nano_cpus);
        let share = share.map(processors);
        let claim = match &share {
            Some(share) => format!(
                "its limit of {share} processors makes it wait: in {waited} of {periods} periods it had none left"
            ),
            None => format!(
                "its limit of processors makes it wait: in {waited} of {periods} periods it had none left"
            ),
        };
        let text = format!(
            "{}: throttled in {waited} of {periods} periods",
            container.name
        );
        let proves = "the kernel stopped it although it had work to do";
        let waits = shown(FactRef::Inside(container.name.clone()), text, proves);
        let limit = share.map(|share| {
            let text = format!("{}: at most {share} processors", container.name);
            let proves = "it was asked for so";
            shown(FactRef::Limits(container.name.clone()), text, proves)
        });
        cases.push(
            Case::new(culprit(container, Some("cpus")), claim)
                .mended_by(
                    "give it more (`cpus`, or `deploy.resources.limits.cpus`), then `bowline up`",
                    Safety::Restart,
                )
                .decides("how often it had to wait", Some(waits.clone()))
                .decides("the limit", limit)
                .decides("what comes of it", Some(slow))
                .rules_out(Code("D108"), few_losses(world, container).or(Some(waits))),
        );
    }
}

/// Billionths of a processor as people write them.
fn processors(nano: i64) -> String {
    let text = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Segments sent and sent again, and whether those are many. Not where most of them are the same few again and again: what
/// gets no confirmation at all is not lost by chance.
fn sent(world: &World<'_>, container: &ContainerFact) -> Option<(u64, u64, bool)> {
    let inside = world.inside(container)?;
    let (sent, again) = inside.segments?;
    let share = if sent < MANY_SEGMENTS { 10 } else { 20 };
    let are_many = sent >= SEGMENTS && again * share >= sent;
    Some((sent, again, are_many && in_vain(inside) * 2 < again))
}

/// How often connections that get no confirmation have sent the same again.
fn in_vain(inside: &InsideFact) -> u64 {
    let stuck = inside.peers.iter().filter(|peer| peer.resent >= IN_VAIN);
    let again = stuck.map(|peer| u64::from(peer.resent) * u64::try_from(peer.count).unwrap_or(1));
    again.sum()
}

/// Whether a good part of what it sends is lost, and the rest arrives.
pub(super) fn loses_much(world: &World<'_>, container: &ContainerFact) -> bool {
    sent(world, container).is_some_and(|(.., are_many)| are_many)
}

fn few_losses(world: &World<'_>, container: &ContainerFact) -> Option<Evidence> {
    let (sent, again, are_many) = sent(world, container)?;
    let text = format!("{}: {again} of {sent} segments sent again", container.name);
    let proves = "little is lost on the way";
    (!are_many).then(|| shown(FactRef::Inside(container.name.clone()), text, proves))
}

fn losses(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some((sent, again, true)) = sent(world, container) else {
            continue;
        };
        let Some(slow) = slowness(world, container) else {
            continue;
        };
        let claim = format!("{again} of {sent} segments that it sent were lost and sent again");
        let text = format!(
            "{}: {again} of {sent} TCP segments sent again",
            container.name
        );
        let proves = "somebody on the way loses packets";
        let lost = shown(FactRef::Inside(container.name.clone()), text, proves);
        let free = world.inside(container).filter(|inside| {
            inside
                .throttled
                .is_none_or(|(periods, waited)| waited * 10 < periods.max(1))
        });
        let free = free.map(|_| {
            let text = format!("{}: hardly throttled", container.name);
            shown(
                FactRef::Inside(container.name.clone()),
                text,
                "it has the processors that it wants",
            )
        });
        cases.push(
            Case::new(culprit(container, Some("networks")), claim)
                // Where it is lost nobody saw.
                .at_most(Confidence::Likely)
                .mended_by(
                    "look at the packet filters and queues on the way (`iptables -L -v`, `tc -s qdisc` on the host), and at the host's own links",
                    Safety::NeedsYou,
                )
                .decides("what is sent again", Some(lost))
                .decides("what comes of it", Some(slow))
                .rules_out(Code("D116"), free),
        );
    }
}
