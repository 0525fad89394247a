//! Healthchecks that are wrong themselves.

pub(crate) mod address;
mod asked;
pub(crate) mod budget;
pub(crate) mod hollow;
mod parts;

pub(crate) use asked::{asked, asked_url};

use crate::facts::Probe;
use crate::finding::{Code, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, shown};

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

fn probe_cannot_run(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some(health) = world.health(container) else {
            continue;
        };
        let Some(last) = health.probes.last().filter(|probe| did_not_run(probe)) else {
            continue;
        };
        let program = match health.test.get(1).map(String::as_str) {
            Some(line) => line.split_whitespace().next().unwrap_or(line),
            None => continue,
        };
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
