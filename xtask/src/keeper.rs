//! Removes what a run made on an engine, however the run ends.
//!
//! A process of its own waits until the run's is gone: at its proper end, after an error, Ctrl-C or a kill
//! alike. It is in a process group of its own, so that Ctrl-C does not reach it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::engine::http::Endpoint;
use crate::engine::own::{Kind, Own};
use crate::program::{as_root, program};

/// How long an engine may take to remove one thing.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long tools that were interrupted may still make things.
const AFTERMATH: Duration = Duration::from_secs(30);

/// The process that waits.
pub(crate) struct Keeper {
    child: Child,
    /// Closed by our end, whatever it is.
    alive: ChildStdin,
}

impl Keeper {
    /// Starts it. `own` is the engine that was brought up for the run, and goes with it.
    pub(crate) fn start(
        engine: &Endpoint,
        prefix: &str,
        folder: &Path,
        own: Option<&Own>,
    ) -> Result<Self> {
        let this = std::env::current_exe().context("cannot find this program's own file")?;
        let mut child = program(this)
            .args(["keeper", &engine.as_host(), prefix])
            .arg(folder)
            .args(
                own.into_iter()
                    .flat_map(|own| [own.kind().word(), own.name()]),
            )
            .into_command()
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start the process that tidies up")?;
        let alive = child.stdin.take().context("a process without an input")?;
        Ok(Self { child, alive })
    }

    /// Lets it tidy up now, and waits for that.
    pub(crate) fn finish(mut self) -> Result<()> {
        drop(self.alive);
        let status = self
            .child
            .wait()
            .context("cannot wait for the tidying up")?;
        if !status.success() {
            bail!("not everything could be removed");
        }
        Ok(())
    }
}

/// What the process does: waits for the end of its input, then removes.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    let [host, prefix, folder, own @ ..] = arguments else {
        bail!("the process that tidies up is started by other commands only");
    };
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
        .context("cannot wait for the end of the run")?;
    println!("removing what the run made");
    let removed = match own {
        [kind, name] => Own::new(Kind::parse(kind)?, name)?.down(),
        _ => sweep_until_quiet(&Endpoint::parse(host)?, prefix),
    };
    // An engine makes folders in it, as root, where the source of a mount is missing.
    let emptied = as_root("rm")
        .args(["-rf", "--one-file-system"])
        .arg(folder)
        .run();
    removed.and(emptied)
}

/// Sweeps until two looks in a row find nothing: a tool that was interrupted may still be at work.
fn sweep_until_quiet(engine: &Endpoint, prefix: &str) -> Result<()> {
    let begun = Instant::now();
    let mut quiet = 0;
    while quiet < 2 {
        if sweep(engine, prefix)? {
            quiet = 0;
        } else {
            quiet += 1;
        }
        if begun.elapsed() > AFTERMATH {
            bail!("something still makes containers of `{prefix}…`");
        }
        if quiet < 2 {
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    Ok(())
}

/// Removes the containers, networks and volumes of every stack whose name begins with `prefix`, and says
/// whether there were any.
pub(crate) fn sweep(engine: &Endpoint, prefix: &str) -> Result<bool> {
    let kinds = [
        (
            "/containers/json?all=1",
            None,
            "containers",
            "Id",
            "?force=1&v=1",
        ),
        ("/networks", None, "networks", "Id", ""),
        ("/volumes", Some("Volumes"), "volumes", "Name", ""),
    ];
    let mut found = false;
    for (list, within, kind, key, how) in kinds {
        let mut listing = engine.get(list)?;
        if let Some(within) = within {
            listing = listing[within].take();
        }
        for thing in listing.as_array().into_iter().flatten() {
            if is_of(thing, prefix) {
                found = true;
                let name = thing[key].as_str().unwrap_or_default();
                remove(engine, &format!("/{kind}/{name}{how}"))?;
            }
        }
    }
    Ok(found)
}

/// Whether something belongs to a stack of that name: by its label, or as the lock of one by its own name.
fn is_of(thing: &Value, prefix: &str) -> bool {
    let label = thing["Labels"]["com.docker.compose.project"].as_str();
    let lock = format!("/bowline-lock-{prefix}");
    let names = thing["Names"].as_array().into_iter().flatten();
    label.is_some_and(|project| project.starts_with(prefix))
        || names
            .filter_map(Value::as_str)
            .any(|name| name.starts_with(&lock))
}

fn remove(engine: &Endpoint, path: &str) -> Result<()> {
    let reply = engine.send("DELETE", path, None, PATIENCE)?;
    match reply.status {
        // Gone already, or going.
        200 | 204 | 404 | 409 => Ok(()),
        status => bail!("cannot remove {path}: {status}, {}", reply.text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_carries_the_name_of_the_run_is_removed() {
        let labelled =
            |project: &str| json!({ "Labels": { "com.docker.compose.project": project } });
        assert!(is_of(&labelled("bench7-graph-bowline"), "bench7-"));
        assert!(!is_of(&labelled("bench71-graph-bowline"), "bench7-"));
        assert!(!is_of(&labelled("shop"), "bench7-"));
        assert!(!is_of(&json!({ "Labels": null }), "bench7-"));
    }

    #[test]
    fn a_lock_is_known_by_its_name() {
        let named = |name: &str| json!({ "Labels": {}, "Names": [name] });
        assert!(is_of(
            &named("/bowline-lock-bench7-flat-bowline"),
            "bench7-"
        ));
        assert!(!is_of(&named("/bowline-lock-shop"), "bench7-"));
    }
}
