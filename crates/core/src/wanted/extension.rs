//! `x-bowline`: what a Compose file says to bowline alone.
//!
//! At the top level: `data: disposable`, and `ready` and `on_content_change` for all services. At a service:
//! `ready` and `on_content_change`. A key that is not known is a mistake, because it would do nothing.

use bowline_model::{Extensions, OnContentChange, Readiness, nearest};
use serde_json::Value as Json;

use super::Unfit;
use super::report::Report;

const KEY: &str = "x-bowline";
const READY: &str = "ready";
const ON_CONTENT_CHANGE: &str = "on_content_change";
const DATA: &str = "data";

/// What was said, as far as something was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) readiness: Option<Readiness>,
    pub(super) on_content_change: Option<OnContentChange>,
    pub(super) disposable_data: bool,
}

/// Reads the settings of the whole project.
pub(super) fn of_project(extensions: &Extensions, report: &mut Report<'_>) -> Settings {
    read(extensions, "", &[READY, ON_CONTENT_CHANGE, DATA], report)
}

/// Reads the settings of one service; `at` is its path.
pub(super) fn of_service(extensions: &Extensions, at: &str, report: &mut Report<'_>) -> Settings {
    read(
        extensions,
        &format!("{at}."),
        &[READY, ON_CONTENT_CHANGE],
        report,
    )
}

fn read(
    extensions: &Extensions,
    prefix: &str,
    known: &[&'static str],
    report: &mut Report<'_>,
) -> Settings {
    let mut settings = Settings::default();
    let Some(value) = extensions.get(KEY) else {
        return settings;
    };
    let path = format!("{prefix}{KEY}");
    let Json::Object(entries) = value else {
        if !value.is_null() {
            report.invalid(path, shown(value), "a mapping");
        }
        return settings;
    };
    for (key, value) in entries {
        let at = format!("{path}.{key}");
        let word = value.as_str();
        match known.iter().find(|known| **known == key) {
            Some(&READY) => match word {
                Some("engine") => settings.readiness = Some(Readiness::Engine),
                _ => report.invalid(at, shown(value), "`engine`"),
            },
            Some(&DATA) => match word {
                Some("disposable") => settings.disposable_data = true,
                _ => report.invalid(at, shown(value), "`disposable`"),
            },
            Some(_) => match word.and_then(on_content_change) {
                Some(what) => settings.on_content_change = Some(what),
                None => report.invalid(
                    at,
                    shown(value),
                    "one of `recreate`, `signal:NAME` and `ignore`",
                ),
            },
            None => {
                let nearest = nearest(key, known.iter().copied());
                let key = key.clone();
                report.refuse(at, Unfit::UnknownKey { key, nearest });
            }
        }
    }
    settings
}

fn on_content_change(word: &str) -> Option<OnContentChange> {
    match word {
        "recreate" => Some(OnContentChange::Recreate),
        "ignore" => Some(OnContentChange::Ignore),
        word => {
            let signal = word.strip_prefix("signal:")?.trim();
            let fits = !signal.is_empty() && signal.bytes().all(|b| b.is_ascii_alphanumeric());
            fits.then(|| OnContentChange::Signal(signal.to_owned()))
        }
    }
}

fn shown(value: &Json) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
