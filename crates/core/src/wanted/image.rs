//! The image of a service: its name, when it is pulled, how it is built.

use bowline_model::{Period, PullPolicy, WantedImage};

use super::report::{Report, Subject, said};

const DAY_SECS: u64 = 24 * 60 * 60;

/// What a service's containers are made of.
///
/// With `build` and a policy that pulls, pulling comes first and a failed pull is followed by a build, as
/// Compose does it; a service without an image name is never pulled.
pub(super) fn of_service(subject: &Subject<'_>, report: &mut Report<'_>) -> WantedImage {
    let service = subject.service;
    let reference = said(&service.image).unwrap_or_else(|| {
        let separator = subject.given.separator;
        format!("{}{separator}{}", subject.project.name, subject.name)
    });
    WantedImage {
        reference,
        pull: pull_policy(subject, report),
        build: service.build.clone().map(Box::new),
        platform: said(&service.platform).or_else(|| subject.given.default_platform.clone()),
    }
}

fn pull_policy(subject: &Subject<'_>, report: &mut Report<'_>) -> PullPolicy {
    let service = subject.service;
    if !service.pull_refresh_after.is_empty() && service.pull_policy != "refresh" {
        report.ignore(
            subject.path("pull_refresh_after"),
            "it counts only together with `pull_policy: refresh`",
        );
    }
    let field = "pull_policy";
    let (field, age) = match service.pull_policy.as_str() {
        "" | "missing" | "if_not_present" => return PullPolicy::Missing,
        "always" => return PullPolicy::Always,
        "never" => return PullPolicy::Never,
        "build" => return PullPolicy::Build,
        "daily" => return PullPolicy::Older(DAY_SECS),
        "weekly" => return PullPolicy::Older(7 * DAY_SECS),
        "refresh" if service.pull_refresh_after.is_empty() => {
            report.ignore(
                subject.path(field),
                "without `pull_refresh_after` it means `missing`",
            );
            return PullPolicy::Missing;
        }
        "refresh" => ("pull_refresh_after", service.pull_refresh_after.as_str()),
        policy => (field, policy),
    };
    let age_secs = Period::parse(age.strip_prefix("every_").unwrap_or(age))
        .and_then(|period| u64::try_from(period.as_nanos() / 1_000_000_000).ok());
    match age_secs {
        Some(secs) if field != "pull_policy" || age.starts_with("every_") => {
            PullPolicy::Older(secs)
        }
        _ => {
            let expected = if field == "pull_policy" {
                "one of `always`, `never`, `missing`, `build`, `refresh`, `daily`, `weekly` and `every_12h`"
            } else {
                "a duration such as `12h`"
            };
            report.invalid(subject.path(field), age, expected);
            PullPolicy::Missing
        }
    }
}
