//! The one place where the process is asked what surrounds it: variables, folder, standard input.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module in which the binary reads its environment"
)]

use std::collections::BTreeMap;
use std::io::Read as _;

use bowline_model::Secret;
use bowline_ops::{Failure, StackOptions, Surroundings, Who};

/// Reads what surrounds the process, as far as a request for this stack can need it.
pub(crate) fn read(stack: &StackOptions, color: bool) -> Result<Surroundings, Failure> {
    let current_dir = std::env::current_dir()
        .map_err(|error| usage(format!("the current folder cannot be read: {error}")))?;
    let current_dir = current_dir
        .into_os_string()
        .into_string()
        .map_err(|_| usage("the path of the current folder is not UTF-8 text".to_owned()))?;
    let environment: BTreeMap<String, Secret> = std::env::vars_os()
        .filter_map(|(key, value)| {
            Some((
                key.into_string().ok()?,
                Secret::new(value.into_string().ok()?),
            ))
        })
        .collect();
    let mut stdin = Vec::new();
    if stack.files.iter().any(|file| file == "-") {
        std::io::stdin()
            .lock()
            .read_to_end(&mut stdin)
            .map_err(|error| usage(format!("standard input cannot be read: {error}")))?;
    }
    Ok(Surroundings {
        current_dir,
        environment,
        stdin,
        answers_within: true,
        color,
        edited: BTreeMap::new(),
        who: who(),
    })
}

fn who() -> Who {
    let euid = rustix::process::geteuid().as_raw();
    let user = variable("USER").or_else(|| variable("LOGNAME"));
    let system = rustix::system::uname();
    Who {
        user: user.unwrap_or_else(|| {
            if euid == 0 {
                "root".to_owned()
            } else {
                format!("uid {euid}")
            }
        }),
        euid,
        host: system.nodename().to_string_lossy().into_owned(),
        pid: std::process::id(),
    }
}

/// A variable that decides how the binary shows things.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn usage(message: String) -> Failure {
    Failure::Usage {
        message,
        hint: None,
    }
}
