//! Healthchecks that are wrong themselves.

pub(crate) mod address;
mod asked;
pub(crate) mod budget;
pub(crate) mod hollow;
mod parts;

pub(crate) use asked::{asked, asked_url};

use crate::facts::Probe;
use crate::finding::{Code, Confidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, shown};

use super::files::refused_program;

pub(crate) const PROBE_CANNOT_RUN: Rule = Rule {
    code: Code("D017"),
    title: "the healthcheck's own program is not in the image",
    layer: Layer::Startup,
    decisive: &["the probe's end"],
    look_alikes: &[Code("D010"), Code("D011")],
    yields: false,
    endangers_data: false,
    find: probe_cannot_run,
};

/// Whether a probe did not run at all: a shell's 127, or the runtime's refusal, which the engine notes as -1.
fn did_not_run(probe: &Probe) -> bool {
    let says = |words: &str| probe.output.contains(words);
    match probe.exit_code {
        127 => says("not found"),
        -1 | 126 => says("executable file not found") || says("no such file or directory"),
        _ => false,
    }
}

/// The program that a line says is not there, in the words of a shell or of the runtime.
fn missing_program(line: &str) -> Option<&str> {
    let line = line.trim();
    // `sh: 1: jq: not found`, `bash: line 1: jq: command not found`.
    let by_shell = || {
        let rest = line.strip_suffix(": command not found");
        let rest = rest.or_else(|| line.strip_suffix(": not found"))?;
        rest.rsplit(": ").next()
    };
    // `zsh:1: command not found: jq`.
    let by_zsh = || line.split_once("command not found: ").map(|(_, name)| name);
    let name = refused_program(line).or_else(by_shell).or_else(by_zsh)?;
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    is_name.then_some(name)
}

fn probe_cannot_run(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some(health) = world.health(container) else {
            continue;
        };
        let Some(last) = health.probes.last().filter(|probe| did_not_run(probe)) else {
            continue;
        };
        let Some(line) = health.test.get(1) else {
            continue;
        };
        // A line may run several programs, and the first is not always the one that is missing.
        let named = last.output.lines().find_map(missing_program);
        let at_most = named.map_or(Confidence::Likely, |_| Confidence::Certain);
        let program = named.or_else(|| line.split_whitespace().next());
        let program = program.unwrap_or(line);
        let claim = format!(
            "the healthcheck cannot say anything: `{program}` is not in the image `{}`",
            container.image
        );
        let text = format!(
            "{}: exit code {}, {}",
            container.name, last.exit_code, last.output
        );
        let fact = FactRef::Health(container.name.clone());
        let end = shown(fact, text, "no probe ever reached the service");
        cases.push(
            Case::new(culprit(container, Some("healthcheck.test")), claim)
                .at_most(at_most)
                .mended_by(
                    "use a program that the image has, or put this one into it, then `bowline up`",
                    Safety::Restart,
                )
                .decides("the probe's end", Some(end.clone()))
                .rules_out(Code("D010"), Some(end.clone()))
                .rules_out(Code("D011"), Some(end)),
        );
    }
}
