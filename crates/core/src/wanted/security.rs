//! Rights and confinement.

use std::collections::BTreeSet;

use bowline_model::{ContainerSpec, Project, SecuritySpec};
use serde::de::IgnoredAny;

use super::given::FileContent;
use super::report::{Report, Subject, said};
use super::{Unfit, labels};

/// Everything of a spec that is about rights.
pub(super) fn fill(spec: &mut ContainerSpec, subject: &Subject<'_>, report: &mut Report<'_>) {
    let service = subject.service;
    spec.security = SecuritySpec {
        privileged: service.privileged,
        cap_add: capabilities(&service.cap_add),
        cap_drop: capabilities(&service.cap_drop),
        options: Vec::new(),
        system_paths_unconfined: false,
        read_only: service.read_only,
        groups: service.group_add.clone(),
        sysctls: (*labels::values(&service.sysctls)).clone(),
    };
    spec.isolation = said(&service.isolation);
    for (index, option) in service.security_opt.iter().enumerate() {
        let path = subject.path(&format!("security_opt[{index}]"));
        if option == "systempaths=unconfined" {
            spec.security.system_paths_unconfined = true;
        } else if option != "no-new-privileges" && !option.contains(['=', ':']) {
            report.invalid(
                path,
                option.as_str(),
                "a security option, `no-new-privileges` or `KEY=VALUE`",
            );
        } else if let Some(file) = seccomp_profile(subject.project, option) {
            match profile(file, subject) {
                Ok(profile) => spec.security.options.push(format!("seccomp={profile}")),
                Err(mistake) => report.refuse(path, mistake),
            }
        } else {
            spec.security.options.push(option.clone());
        }
    }
}

/// Capabilities in the spelling that Docker's client gives them: sorted, each once, with `CAP_` but for `ALL`.
fn capabilities(names: &[String]) -> Vec<String> {
    let names: BTreeSet<String> = names
        .iter()
        .map(|name| name.to_uppercase())
        .map(|name| {
            if name == "ALL" || name.starts_with("CAP_") {
                name
            } else {
                format!("CAP_{name}")
            }
        })
        .collect();
    names.into_iter().collect()
}

/// The content of a seccomp profile, as engines take it: without white space.
fn profile(path: String, subject: &Subject<'_>) -> Result<String, Unfit> {
    let bytes = match subject.given.files.get(&path) {
        Some(FileContent::Bytes(bytes)) => bytes,
        Some(FileContent::Absent) => return Err(Unfit::FileMissing { path }),
        Some(FileContent::Folder | FileContent::Unreadable) | None => {
            return Err(Unfit::FileUnread { path });
        }
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => Ok(compact(text)),
        _ => Err(Unfit::NotJson { path }),
    }
}

/// Valid JSON without the white space between its words. Numbers and texts keep their spelling.
fn compact(json: &str) -> String {
    let (mut within, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            if within {
                if escaped {
                    escaped = false;
                } else {
                    escaped = c == '\\';
                    within = c != '"';
                }
                true
            } else {
                within = c == '"';
                !c.is_ascii_whitespace()
            }
        })
        .collect()
}

/// The file in which a security option's seccomp profile stands, where it names one.
pub(super) fn seccomp_profile(project: &Project, option: &str) -> Option<String> {
    let (key, value) = option.split_once('=').or_else(|| option.split_once(':'))?;
    let is_file = key == "seccomp" && !matches!(value, "unconfined" | "builtin");
    is_file.then(|| absolute(project, value))
}

/// A path as the project's folder sees it.
fn absolute(project: &Project, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    if let Some(rest) = path.strip_prefix("~/")
        && let Some(home) = project.environment.get("HOME")
    {
        return format!("{}/{rest}", home.reveal());
    }
    let mut parts: Vec<&str> = project.working_dir.split('/').collect();
    for part in path.split('/') {
        match part {
            ".." if parts.len() > 1 => {
                parts.pop();
            }
            "" | "." | ".." => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}
