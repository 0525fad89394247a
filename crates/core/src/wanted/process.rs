//! What runs in a container, and how its life goes: command, environment, healthcheck, stop, restart.

use std::time::Duration;

use bowline_model::{
    Argv, Capability, ContainerSpec, EnvSpec, HealthTest, Healthcheck, HealthcheckSpec, LogSpec,
    Period, RestartPolicy, RestartSpec,
};

use super::labels;
use super::report::{Report, Subject, said};

/// Everything of a spec that is about the process.
pub(super) fn fill(spec: &mut ContainerSpec, subject: &Subject<'_>, report: &mut Report<'_>) {
    let service = subject.service;
    spec.entrypoint = service.entrypoint.0.as_ref().map(Argv::from_iter);
    spec.command = service.command.0.as_ref().map(Argv::from_iter);
    spec.env = environment(subject);
    spec.user = said(&service.user);
    spec.working_dir = said(&service.working_dir);
    spec.hostname = said(&service.hostname);
    spec.domainname = said(&service.domainname);
    spec.tty = service.tty;
    spec.stdin_open = service.stdin_open;
    spec.stop_signal = said(&service.stop_signal);
    spec.stop_timeout_secs = service.stop_grace_period.map(whole_seconds);
    spec.init = service.init;
    spec.runtime = said(&service.runtime);
    spec.logging = service.logging.as_ref().map(|logging| LogSpec {
        driver: logging.driver.clone(),
        options: logging.options.clone().into(),
    });
    spec.healthcheck = service
        .healthcheck
        .as_ref()
        .map(|check| healthcheck(check, subject, report));
    spec.restart = restart(subject, report);
    if !service.annotations.0.is_empty()
        && report.can(subject, "annotations", Capability::Annotations)
    {
        spec.annotations = labels::values(&service.annotations);
    }
}

/// The proxies of Docker's own config, overlaid with the service's variables, in the order of their names.
fn environment(subject: &Subject<'_>) -> EnvSpec {
    let own = &subject.service.environment.0;
    let mut variables: std::collections::BTreeMap<&str, Option<&str>> = subject
        .given
        .proxies
        .iter()
        .map(|(name, value)| (name.as_str(), Some(value.as_str())))
        .collect();
    variables.extend(
        own.iter()
            .map(|(name, value)| (name.as_str(), value.as_deref())),
    );
    let mut env = EnvSpec::default();
    for (name, value) in variables {
        env.set(name, value.map(str::to_owned));
    }
    env
}

/// Seconds, the rest cut off, as Compose does.
pub(super) fn whole_seconds(period: Period) -> i64 {
    period.as_nanos() / 1_000_000_000
}

fn healthcheck(
    check: &Healthcheck,
    subject: &Subject<'_>,
    report: &mut Report<'_>,
) -> HealthcheckSpec {
    let mut time = |field: &str, period: Option<Period>| -> Option<Duration> {
        let period = period?;
        if period.as_nanos() < 0 {
            report.invalid(
                subject.path(&format!("healthcheck.{field}")),
                period.to_string(),
                "a time of zero or more",
            );
        }
        // Zero is how the engine writes "the image's".
        (period.as_nanos() > 0).then(|| period.as_duration())
    };
    let mut spec = HealthcheckSpec {
        test: HealthTest::from_words(&check.test),
        interval: time("interval", check.interval),
        timeout: time("timeout", check.timeout),
        start_period: time("start_period", check.start_period),
        start_interval: time("start_interval", check.start_interval),
        retries: None,
    };
    if check.disable {
        spec.test = Some(HealthTest::Disabled);
    }
    match check.retries.map(u32::try_from) {
        Some(Ok(retries)) => spec.retries = (retries > 0).then_some(retries),
        Some(Err(_)) => report.invalid(
            subject.path("healthcheck.retries"),
            check.retries.unwrap_or_default().to_string(),
            "a number of probes",
        ),
        None => {}
    }
    if check.start_interval.is_some() {
        let field = "healthcheck.start_interval";
        if !report.can(subject, field, Capability::StartInterval) {
            spec.start_interval = None;
        } else if check.start_period.is_none() {
            report.ignore(
                subject.path(field),
                "it has no effect without `start_period`",
            );
            spec.start_interval = None;
        }
    }
    spec
}

/// `deploy.restart_policy` counts before `restart`.
fn restart(subject: &Subject<'_>, report: &mut Report<'_>) -> RestartSpec {
    let service = subject.service;
    let policy = service
        .deploy
        .as_ref()
        .and_then(|deploy| deploy.restart_policy.as_ref());
    if let Some(policy) = policy {
        return restart_policy(policy, subject, report);
    }
    if service.restart.is_empty() {
        return RestartSpec::No;
    }
    let (word, attempts) = service
        .restart
        .split_once(':')
        .unwrap_or((&service.restart, "0"));
    let found = attempts
        .parse()
        .ok()
        .and_then(|attempts| restart_spec(word, attempts));
    found.unwrap_or_else(|| {
        report.invalid(
            subject.path("restart"),
            service.restart.as_str(),
            "one of `no`, `always`, `unless-stopped`, `on-failure` and `on-failure:NUMBER`",
        );
        RestartSpec::No
    })
}

fn restart_policy(
    policy: &RestartPolicy,
    subject: &Subject<'_>,
    report: &mut Report<'_>,
) -> RestartSpec {
    let at = |field: &str| subject.path(&format!("deploy.restart_policy.{field}"));
    if !subject.service.restart.is_empty() {
        report.ignore(
            subject.path("restart"),
            "`deploy.restart_policy` counts instead",
        );
    }
    for (field, said) in [
        ("delay", policy.delay.is_some()),
        ("window", policy.window.is_some()),
    ] {
        if said {
            report.ignore(at(field), "the engine restarts by a rhythm of its own");
        }
    }
    let attempts = policy.max_attempts.unwrap_or_default();
    if policy.condition.is_empty() {
        report.ignore(
            subject.path("deploy.restart_policy"),
            "without a `condition` Compose never restarts, and so it is here",
        );
        return RestartSpec::No;
    }
    let found = u32::try_from(attempts)
        .ok()
        .and_then(|attempts| restart_spec(&policy.condition, attempts));
    found.unwrap_or_else(|| {
        if restart_spec(&policy.condition, 0).is_some() {
            report.invalid(
                at("max_attempts"),
                attempts.to_string(),
                "a number of attempts, which only `condition: on-failure` takes",
            );
        } else {
            report.invalid(
                at("condition"),
                policy.condition.as_str(),
                "one of `none`, `on-failure` and `any`",
            );
        }
        RestartSpec::No
    })
}

/// The engine's policy for a word of either field; only `on-failure` takes a limit.
fn restart_spec(word: &str, attempts: u32) -> Option<RestartSpec> {
    let spec = match word {
        "no" | "none" => RestartSpec::No,
        "always" | "any" => RestartSpec::Always,
        "unless-stopped" => RestartSpec::UnlessStopped,
        "on-failure" => {
            return Some(RestartSpec::OnFailure {
                max_retries: (attempts > 0).then_some(attempts),
            });
        }
        _ => return None,
    };
    (attempts == 0).then_some(spec)
}
