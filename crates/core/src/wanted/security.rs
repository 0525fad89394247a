//! Rights and confinement.

use bowline_model::Project;

/// The file in which a security option's seccomp profile stands, where it names one.
pub(super) fn seccomp_profile(project: &Project, option: &str) -> Option<String> {
    let (key, value) = option.split_once('=').or_else(|| option.split_once(':'))?;
    if key != "seccomp" || matches!(value, "unconfined" | "builtin") {
        return None;
    }
    Some(absolute(project, value))
}

/// A path as the project's folder sees it.
fn absolute(project: &Project, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    if let Some(rest) = path.strip_prefix("~/") {
        if let Some(home) = project.environment.get("HOME") {
            return format!("{}/{rest}", home.reveal());
        }
    }
    let mut parts: Vec<&str> = project.working_dir.split('/').collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.len() > 1 {
                    parts.pop();
                }
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}
