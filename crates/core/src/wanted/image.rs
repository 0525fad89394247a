//! The image of a service: its name, when it is pulled, how it is built.

use bowline_model::{Build, Ignored, Period, PullPolicy, WantedImage};

use super::labels;
use super::report::{Report, Subject, said};

const DAY_SECS: u64 = 24 * 60 * 60;

/// What a service's containers are made of.
///
/// An image that has a build section is built where it is missing; Compose would try to pull it first where it has
/// a name.
pub(super) fn of_service(subject: &Subject<'_>, report: &mut Report<'_>) -> WantedImage {
    let service = subject.service;
    let reference = said(&service.image).unwrap_or_else(|| {
        let separator = subject.given.separator;
        format!("{}{separator}{}", subject.project.name, subject.name)
    });
    let platform = said(&service.platform).or_else(|| subject.given.default_platform.clone());
    let build = service.build.as_ref();
    WantedImage {
        reference,
        pull: pull_policy(subject, report),
        build: build.map(|build| Box::new(recipe(build, subject, platform.as_deref(), report))),
        build_place: report.place(&subject.path("build")),
        not_buildable: build.map_or_else(Vec::new, |build| not_buildable(build, subject, report)),
        platform,
        unnamed: service.image.is_empty(),
        ..WantedImage::default()
    }
}

/// The build with what Compose adds to it: labels, proxies, and the one platform that runs here.
fn recipe(
    build: &Build,
    subject: &Subject<'_>,
    platform: Option<&str>,
    report: &mut Report<'_>,
) -> Build {
    let mut recipe = build.clone();
    for (key, value) in labels::of_image(subject) {
        recipe.labels.0.insert(key, Some(value));
    }
    for (key, value) in &subject.given.proxies {
        let own = recipe.args.0.entry(key.clone());
        own.or_insert_with(|| Some(value.clone()));
    }
    let field = subject.path("build.platforms");
    match platform {
        Some(platform) => recipe.platforms = vec![platform.to_owned()],
        None if build.platforms.len() > 1 => {
            report.ignore(field, "the image is built for the engine's own platform");
            recipe.platforms.clear();
        }
        None => {}
    }
    recipe
}

/// What a build asks for and only `BuildKit` does.
fn not_buildable(build: &Build, subject: &Subject<'_>, report: &Report<'_>) -> Vec<Ignored> {
    let asks = |word: &str| !matches!(word, "" | "false");
    let is_cache_of_buildkit = |cache: &String| cache.contains('=');
    let fields = [
        ("additional_contexts", !build.additional_contexts.is_empty()),
        (
            "cache_from",
            build.cache_from.iter().any(is_cache_of_buildkit),
        ),
        ("cache_to", !build.cache_to.is_empty()),
        ("entitlements", !build.entitlements.is_empty()),
        ("no_cache_filter", !build.no_cache_filter.is_empty()),
        ("privileged", build.privileged),
        ("provenance", asks(&build.provenance)),
        ("sbom", asks(&build.sbom)),
        ("secrets", !build.secrets.is_empty()),
        ("ssh", !build.ssh.is_empty()),
    ];
    let asked = fields.into_iter().filter(|(_, asked)| *asked);
    let named = asked.map(|(field, _)| {
        let path = subject.path(&format!("build.{field}"));
        Ignored {
            place: report.place(&path),
            path,
            why: "only BuildKit does that, and images are built with the engine's own builder"
                .to_owned(),
        }
    });
    named.collect()
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
