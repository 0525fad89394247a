//! Debian as this machine reaches it: packages installed here, and suites for systems built here.
//!
//! The mirror is read from the machine's own apt configuration, so that a machine behind a company
//! mirror or a proxy works without settings. Ubuntu has Debian's keyring and debootstrap, and
//! debootstrap knows Debian's public address.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::program::{as_root, exists, program};

/// Where Debian's packages come from, and the keys they are signed with.
pub(crate) struct Debian {
    pub(crate) mirror: String,
    pub(crate) keyring: PathBuf,
}

/// Options that keep apt from hanging on, or giving up at once over, a slow mirror.
pub(crate) const PATIENCE: &[&str] = &[
    "-o",
    "Acquire::Retries=5",
    "-o",
    "Acquire::http::Timeout=60",
    "-o",
    "Acquire::https::Timeout=60",
];

/// Installs `packages` where one of `programs` is missing.
pub(crate) fn require(programs: &[&str], packages: &[&str], log: &Path) -> Result<()> {
    let missing: Vec<&str> = programs
        .iter()
        .copied()
        .filter(|program| !exists(program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(packages, log)
        .with_context(|| format!("{} missing on this machine", missing.join(", ")))
}

fn install(packages: &[&str], log: &Path) -> Result<()> {
    let packages_shown = packages.join(", ");
    if !exists("apt-get") {
        bail!(
            "only Debian's and Ubuntu's apt-get is known here; install {packages_shown}, or what your distribution calls it"
        );
    }
    println!("installing {packages_shown} with apt-get");
    let apt = || {
        as_root("env")
            .arg("DEBIAN_FRONTEND=noninteractive")
            .arg("apt-get")
            .args(PATIENCE)
    };
    apt().arg("update").run_into(log)?;
    apt()
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages)
        .run_into(log)
}

impl Debian {
    /// Finds Debian's mirror and keys; installs debootstrap and the keys where they are missing.
    pub(crate) fn find(log: &Path) -> Result<Self> {
        let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
        if !keyring.is_file() {
            install(&["debian-archive-keyring"], log)?;
        }
        require(&["debootstrap"], &["debootstrap"], log)?;
        let mirror = match own_mirror()? {
            Some(mirror) => mirror,
            None => public_mirror()?,
        };
        Ok(Self {
            mirror,
            keyring: keyring.to_owned(),
        })
    }

    /// Returns the text of a sources list for one suite.
    pub(crate) fn sources(&self, suite: &str) -> String {
        format!(
            "deb [signed-by={}] {} {suite} main\n",
            self.keyring.display(),
            self.mirror
        )
    }
}

/// The mirror of a Debian machine, from whatever form its sources have.
fn own_mirror() -> Result<Option<String>> {
    let targets = program("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE)",
            "Created-By: Packages",
        ])
        .output()
        .context("cannot ask apt for its sources")?;
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    Ok(mirror_for(&system, &targets))
}

fn mirror_for(system: &str, targets: &str) -> Option<String> {
    let value = |name: &str| {
        let line = system
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim_matches('"').to_owned())
    };
    if value("ID")? != "debian" {
        return None;
    }
    let suite = value("VERSION_CODENAME")?;
    let mut pairs = targets.lines().filter_map(|line| line.split_once(' '));
    pairs
        .find(|(_, release)| *release == suite || *release == "stable")
        .map(|(uri, _)| uri.trim_end_matches('/').to_owned())
}

/// Debian's public address, as debootstrap's own script for Debian has it.
fn public_mirror() -> Result<String> {
    let script = "/usr/share/debootstrap/scripts/sid";
    let text =
        std::fs::read_to_string(script).with_context(|| format!("cannot read `{script}`"))?;
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("default_mirror "));
    Ok(line
        .with_context(|| format!("`{script}` names no mirror"))?
        .trim()
        .to_owned())
}

/// The machine's own way to fetch (proxies, retries, checks of dates), as an apt configuration file.
pub(crate) fn fetch_settings() -> Result<String> {
    let dump = program("apt-config").arg("dump").output()?;
    let mut settings: Vec<&str> = dump
        .lines()
        .filter(|line| line.starts_with("Acquire::"))
        .collect();
    settings.retain(|line| !line.starts_with("Acquire::IndexTargets") && !line.ends_with(" \"\";"));
    settings.push(
        "Acquire::Retries \"5\";\nAcquire::http::Timeout \"60\";\nAcquire::https::Timeout \"60\";",
    );
    Ok(settings.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "http://one.example/debian-security/ bookworm-security\nhttp://two.example/debian/ bookworm\n";

    #[test]
    fn a_debian_machine_uses_the_mirror_of_its_own_suite() {
        let system = "ID=debian\nVERSION_CODENAME=bookworm\n";
        assert_eq!(
            mirror_for(system, TARGETS).as_deref(),
            Some("http://two.example/debian")
        );
    }

    #[test]
    fn another_distribution_has_no_mirror_of_debian() {
        assert_eq!(
            mirror_for("ID=ubuntu\nVERSION_CODENAME=bookworm\n", TARGETS),
            None
        );
    }
}
