//! Recordings that are written by hand, and what every finding from them has to hold.

#![allow(
    dead_code,
    reason = "each of the tests takes what it needs, and is built with all of it"
)]

use std::collections::BTreeSet;

use bowline_doctor::{
    Code, Confidence, Diagnosis, FactRef, Facts, Finding, RULES, diagnose, diagnose_without,
    explanation, replay,
};
use serde_json::{Value, json};

/// A recording of the project `shop`, looked at at 10:05, in which nothing was seen yet.
#[derive(Clone, Debug)]
pub(crate) struct Recording(Value);

impl Recording {
    pub(crate) fn new() -> Self {
        Self(json!({
            "at": "2026-11-21T10:05:00Z", "project": "shop", "needs": {}, "containers": [], "networks": [],
            "volumes": [], "events": [], "logs": {}, "unseen": [],
        }))
    }

    /// Adds a container (see [`container`]).
    pub(crate) fn with(mut self, container: Value) -> Self {
        self.0["containers"].as_array_mut().unwrap().push(container);
        self
    }

    /// Puts a container in the place of the one that has a name.
    pub(crate) fn replaced(mut self, name: &str, container: Value) -> Self {
        let containers = self.0["containers"].as_array_mut().unwrap();
        let former = containers.iter_mut().find(|it| it["name"] == name);
        *former.unwrap() = container;
        self
    }

    /// Adds events (see [`event_of`]).
    pub(crate) fn heard(mut self, events: impl IntoIterator<Item = Value>) -> Self {
        self.0["events"].as_array_mut().unwrap().extend(events);
        self
    }

    /// Adds the lines of a container's log, each with its time of the day.
    pub(crate) fn said(mut self, container: &str, lines: &[(&str, &str)]) -> Self {
        let lines = lines
            .iter()
            .map(|(at, text)| json!({"at": format!("2026-11-21T{at}Z"), "text": text}));
        self.0["logs"][container] = json!({"lines": lines.collect::<Vec<_>>(), "is_cut": false});
        self
    }

    /// Adds what the files say of a service (an empty one is enabled, with one replica), and whom it needs.
    pub(crate) fn declared(mut self, service: &str, changes: &Value) -> Self {
        let declared = laid_over(json!({"is_enabled": true, "replicas": 1}), changes);
        if let Some(needed) = declared["depends_on"].as_object() {
            self.0["needs"][service] = needed.keys().cloned().collect();
        }
        self.0["services"][service] = declared;
        self
    }

    /// Sets one of the facts as a whole; for a map an entry of it: `set("insides", "shop-api-1", …)`.
    pub(crate) fn set(mut self, fact: &str, key: &str, value: Value) -> Self {
        self.0[fact][key] = value;
        self
    }

    /// Adds an element to one of the facts that are lists.
    pub(crate) fn add(mut self, fact: &str, value: Value) -> Self {
        if self.0[fact].is_null() {
            self.0[fact] = json!([]);
        }
        self.0[fact].as_array_mut().unwrap().push(value);
        self
    }

    /// The facts that it holds.
    pub(crate) fn facts(&self) -> Facts {
        let recording = json!({"bowline_facts": 1, "facts": self.0});
        replay(&recording.to_string()).unwrap()
    }
}

/// The first container of a service, which runs well since ten o'clock; `changes` are laid over it.
pub(crate) fn container(service: &str, changes: &Value) -> Value {
    let plain = json!({
        "name": format!("shop-{service}-1"), "id": format!("{service}1"), "service": service, "is_one_off": false,
        "image": "busy:1", "image_id": "sha256:1", "created": "2026-11-21T10:00:00Z", "status": "running",
        "exit_code": 0, "oom_killed": false, "error": null, "started": "2026-11-21T10:00:01Z", "finished": null,
        "restarts": 0, "restart_policy": "no", "health": null, "command": ["serve"], "user": null,
        "environment": {}, "endpoints": {}, "network_mode": null, "published": [], "mounts": [],
        "limits": {"memory_bytes": null, "nano_cpus": null, "pids": null},
        "log_driver": null, "stop_timeout_secs": null, "stop_signal": null,
    });
    laid_over(plain, changes)
}

/// The first container of a service, on the network that all of them share, at the address `.host`.
pub(crate) fn at(host: u8, service: &str, changes: &Value) -> Value {
    let mut container = container(service, changes);
    container["endpoints"] = json!({"shop_default": {
        "aliases": [service], "ipv4": format!("172.20.0.{host}"), "ipv6": null, "wanted_ipv4": null,
    }});
    container
}

/// What makes a container one that ends again and again; `more` is laid over it.
pub(crate) fn ending(more: &Value) -> Value {
    let plain = json!({
        "status": "restarting", "exit_code": 1, "restarts": 5, "restart_policy": "always",
        "started": "2026-11-21T10:04:58Z", "finished": "2026-11-21T10:04:59Z",
    });
    laid_over(plain, more)
}

/// What a service is told: a URL in a variable.
pub(crate) fn address(
    variable: &str,
    scheme: &str,
    host: &str,
    port: u16,
    database: Option<&str>,
) -> Value {
    let carrier = json!({"variable": variable});
    let text = |text: &str| json!({"text": text, "carrier": carrier});
    json!({
        "form": "url", "scheme": scheme, "user": text("keeper"), "password": text("#1"),
        "hosts": [{"name": host, "port": {"written": port}, "carrier": carrier, "port_carrier": carrier}],
        "database": database.map(text), "usage": "dials",
    })
}

fn laid_over(mut plain: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        plain[key] = value.clone();
    }
    plain
}

/// Something that the engine reported of a container `second`s after ten o'clock.
pub(crate) fn event_of(container: &str, action: &Value, second: u32, more: &Value) -> Value {
    json!({
        "at": format!("2026-11-21T10:{:02}:{:02}Z", second / 60, second % 60), "container": container,
        "action": action, "exit_code": more.get("code"), "signal": more.get("signal"),
    })
}

/// The one finding.
pub(crate) fn only(facts: &Facts) -> Finding {
    let found = diagnose(facts).causes;
    let [finding] = &*found else {
        let codes: Vec<_> = found
            .iter()
            .map(|it| (it.code.0, it.confidence, &it.claim))
            .collect();
        panic!("one finding is expected: {codes:#?}");
    };
    assert_eq!(untold_cost(finding), None);
    finding.clone()
}

/// What is wrong with the cost of a finding's fix by the table of codes, in words.
pub(crate) fn untold_cost(finding: &Finding) -> Option<String> {
    let safety = finding.fix.as_ref()?.safety;
    let told = explanation(finding.code.0).map_or(&[][..], |told| told.safety);
    let words = || {
        format!(
            "{} costs {safety:?}, and the table says {told:?}",
            finding.code
        )
    };
    (!told.contains(&safety)).then(words)
}

/// The one finding, which is certain, and no longer without any of the facts that it names.
pub(crate) fn certain(facts: &Facts) -> Finding {
    let finding = only(facts);
    assert_eq!(finding.confidence, Confidence::Certain, "{finding:#?}");
    let wrong = unfounded(facts);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    finding
}

/// What is wrong with the claims that are certain, in words: each has to fall with every fact that it names, and nothing
/// may become certain in its place, but for what only says that something is down.
pub(crate) fn unfounded(facts: &Facts) -> Vec<String> {
    let whole = diagnose(facts);
    let before: BTreeSet<Code> = all_certain(&whole).map(|cause| cause.code).collect();
    let mut wrong = Vec::new();
    for finding in all_certain(&whole) {
        let named = grounds(finding);
        let facts_of_it: BTreeSet<&FactRef> = named.iter().map(|(fact, _)| *fact).collect();
        for fact in facts_of_it {
            let left = diagnose_without(facts, [fact.clone()].into());
            for cause in all_certain(&left) {
                let is_same = cause.code == finding.code && cause.culprit == finding.culprit;
                // A second witness may stand in: another replica, another client, another line of a log.
                let stays = is_same && grounds(cause).is_subset(&named);
                let comes = !before.contains(&cause.code) && !yields(cause.code);
                if stays || comes {
                    let verb = if stays { "stays" } else { "becomes" };
                    wrong.push(format!(
                        "without {fact:?}, a fact of {}, {} of `{}` {verb} certain",
                        finding.code, cause.code, cause.culprit.name
                    ));
                }
            }
        }
    }
    wrong
}

/// Everything that a claim rests on: the facts, and what was seen of each.
fn grounds(finding: &Finding) -> BTreeSet<(&FactRef, &str)> {
    let by = finding.ruled_out.iter().map(|out| &out.by);
    let evidence = finding.evidence.iter().chain(by);
    evidence.map(|it| (&it.fact, it.text.as_str())).collect()
}

fn all_certain(diagnosis: &Diagnosis) -> impl Iterator<Item = &Finding> {
    let causes = diagnosis.causes.iter();
    causes.filter(|cause| cause.confidence == Confidence::Certain)
}

/// Whether it only says that something is down: it gives way to what says why, and comes back where that is gone.
fn yields(code: Code) -> bool {
    RULES.iter().any(|rule| rule.code == code && rule.yields)
}

/// Nothing is found, and nothing is missed.
pub(crate) fn silent(facts: &Facts) {
    let diagnosis = diagnose(facts);
    assert_eq!(diagnosis.causes, [], "{facts:#?}");
    assert_eq!(diagnosis.unexplained, <[String; 0]>::default());
}

pub(crate) fn named(finding: &Finding) -> (&str, &str, Option<&str>) {
    let culprit = &finding.culprit;
    (finding.code.0, &culprit.name, culprit.field.as_deref())
}

/// The finding is certain, says this, and rests on what it names.
pub(crate) fn says(facts: &Facts, expected: (&str, &str, Option<&str>), part: &str) -> Finding {
    let finding = certain(facts);
    assert_eq!(named(&finding), expected);
    assert!(finding.claim.contains(part), "{}", finding.claim);
    certain(facts);
    finding
}
