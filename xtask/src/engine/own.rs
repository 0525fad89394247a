//! An engine of our own: started by us, used by tests only, stopped by us.
//!
//! It has its own socket, data, containerd and *network namespace*, because two engines in one network
//! would tear down each other's packet filter rules and fight for ports. So whatever a test does to it (a
//! full disk, a kill) never reaches the engine that the user works with. Programs that want to reach the
//! containers' published ports run inside the namespace: [`Own::inside`].
//!
//! There is no way out of that namespace: no pull, no mirror, no accident.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::http::Endpoint;
use super::nameserver;
use super::process::Daemon;
use crate::distribution::require;
use crate::program::{Program, as_root, is_root, program};
use crate::{cache, newest};

/// Which programs the engine consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What the machine's distribution packages, or what is installed.
    Distribution,
    /// The newest that Debian packages.
    Newest,
}

impl Kind {
    pub(crate) fn parse(word: &str) -> Result<Self> {
        match word {
            "distribution" => Ok(Self::Distribution),
            "newest" => Ok(Self::Newest),
            other => bail!("there is no engine `{other}`; there are `distribution` and `newest`"),
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Distribution => "distribution",
            Self::Newest => "newest",
        }
    }
}

/// One such engine. Several may run side by side under different names.
pub(crate) struct Own {
    kind: Kind,
    name: String,
    folder: PathBuf,
    namespace: String,
}

/// What the mount of an engine's own disk is called.
const DISK: &str = "bowline-test-disk";

/// A Unix socket's path has room for 107 bytes, and the longest below the folder needs about 25.
const LONGEST_FOLDER: usize = 80;

impl Own {
    pub(crate) fn new(kind: Kind, name: &str) -> Result<Self> {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            bail!("`{name}` is no name for an engine: letters, digits and `-` only");
        }
        let namespace = format!("bowline-{}-{name}", kind.word());
        let folder = cache::folder(&["engine", &format!("{}-{name}", kind.word())])?;
        if folder.as_os_str().len() > LONGEST_FOLDER {
            bail!(
                "`{}` is too long for the path of a socket; set XDG_CACHE_HOME to a shorter one",
                folder.display()
            );
        }
        Ok(Self {
            kind,
            name: name.to_owned(),
            folder,
            namespace,
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::at(self.folder.join("docker.sock"))
    }

    pub(crate) fn is_up(&self) -> bool {
        self.dockerd().pid().is_some() && self.endpoint().answers()
    }

    /// Holds the engine for one test run; waits while another one has it.
    pub(crate) fn lock(&self) -> Result<File> {
        let path = self.folder.join("lock");
        let file =
            File::create(&path).with_context(|| format!("cannot create `{}`", path.display()))?;
        if file.try_lock().is_err() {
            println!(
                "waiting: another test run has the engine at {}",
                self.folder.display()
            );
            file.lock()
                .with_context(|| format!("cannot lock `{}`", path.display()))?;
        }
        Ok(file)
    }

    /// Starts the engine unless it is up, and waits until it answers.
    pub(crate) fn up(&self, may_install: bool) -> Result<()> {
        if self.is_up() {
            return Ok(());
        }
        let path = self.programs(may_install)?;
        // What a killed engine left behind.
        self.stop_programs()?;
        self.make_namespace()?;
        self.start_nameserver(&path)?;
        self.start_containerd(&path)?;
        self.start_dockerd(&path)
    }

    fn start_nameserver(&self, path: &str) -> Result<()> {
        let own_program = std::env::current_exe().context("cannot find this program's own file")?;
        let command = [
            own_program.display().to_string(),
            "engine".to_owned(),
            "nameserver".to_owned(),
            self.mark(),
        ];
        self.nameserver()
            .start(&self.namespace_file(), path, &command)
    }

    fn start_containerd(&self, path: &str) -> Result<()> {
        let mut command = vec!["containerd".to_owned()];
        for (option, name) in [
            ("--root", "containerd"),
            ("--state", "containerd-run"),
            ("--address", "containerd.sock"),
        ] {
            command.extend([option.to_owned(), self.path(name)]);
        }
        let containerd = self.containerd();
        containerd.start(&self.namespace_file(), path, &command)?;
        containerd.wait_until(Duration::from_secs(30), || {
            self.folder.join("containerd.sock").exists()
        })
    }

    fn start_dockerd(&self, path: &str) -> Result<()> {
        let group = program("id").arg("-gn").output()?;
        let mut command = vec!["dockerd".to_owned()];
        for (option, value) in [
            ("--host", self.endpoint().as_host()),
            ("--containerd", self.path("containerd.sock")),
            ("--data-root", self.path("data")),
            ("--exec-root", self.path("exec")),
            ("--pidfile", self.path("engine.pid")),
            ("--dns", nameserver::ADDRESS.to_owned()),
            ("--group", group.trim().to_owned()),
        ] {
            command.extend([option.to_owned(), value]);
        }
        let dockerd = self.dockerd();
        dockerd.start(&self.namespace_file(), path, &command)?;
        dockerd.wait_until(Duration::from_secs(90), || self.endpoint().answers())
    }

    /// Stops the engine with everything in it, and nothing else. Images stay for the next time.
    pub(crate) fn down(&self) -> Result<()> {
        if self.is_up() {
            self.clear()?;
        }
        self.stop_programs()?;
        if self.has_own_disk()? {
            as_root("umount").arg(self.folder.join("data")).run()?;
        }
        if self.namespace_file().exists() {
            as_root("ip")
                .args(["netns", "delete", &self.namespace])
                .run()?;
        }
        Ok(())
    }

    /// Kills the engine with signal 9, and its containerd: its containers run on, nothing is tidied up.
    pub(crate) fn kill(&self) -> Result<()> {
        self.dockerd().signal("-KILL")?;
        self.containerd().signal("-KILL")
    }

    /// Keeps what the engine has, from its next start on, on a disk of its own with this much room, in memory.
    /// What was on such a disk before is gone when the engine is stopped.
    pub(crate) fn limit_disk(&self, mebibytes: u32) -> Result<()> {
        if self.is_up() || self.has_own_disk()? {
            bail!("the engine has its disk already; stop it first");
        }
        let data = self.folder.join("data");
        as_root("mkdir").arg("-p").arg(&data).run()?;
        as_root("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), DISK])
            .arg(&data)
            .run()
    }

    /// Takes all the room but so much that is left on the engine's own disk, and no other.
    pub(crate) fn fill_disk(&self, leave_kibibytes: u32) -> Result<()> {
        if !self.has_own_disk()? {
            bail!("the engine has no disk of its own: `up --disk MEBIBYTES` gives it one");
        }
        let filler = format!("of={}", self.filler().display());
        // It ends with an error where the disk is full, which is what it is for.
        let ended = as_root("dd")
            .args(["if=/dev/zero", "bs=64k", &filler])
            .run();
        drop(ended);
        as_root("truncate")
            .arg(format!("--size=-{leave_kibibytes}K"))
            .arg(self.filler())
            .run()
    }

    /// Gives that room back.
    pub(crate) fn free_disk(&self) -> Result<()> {
        as_root("rm").arg("-f").arg(self.filler()).run()
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("data/filler")
    }

    fn has_own_disk(&self) -> Result<bool> {
        let mounts = std::fs::read_to_string("/proc/self/mounts").context("cannot read mounts")?;
        let data = self.path("data");
        Ok(mounts
            .lines()
            .any(|line| line.starts_with(&format!("{DISK} {data} "))))
    }

    /// Removes every container, network and volume.
    pub(crate) fn clear(&self) -> Result<()> {
        let engine = self.endpoint();
        let patience = Duration::from_mins(1);
        for container in engine
            .get("/containers/json?all=1")?
            .as_array()
            .into_iter()
            .flatten()
        {
            let id = container["Id"].as_str().unwrap_or_default();
            let reply = engine.send(
                "DELETE",
                &format!("/containers/{id}?force=1&v=1"),
                None,
                patience,
            )?;
            if !matches!(reply.status, 204 | 404 | 409) {
                bail!("cannot remove the container {id}: {}", reply.text());
            }
        }
        engine.send("POST", "/networks/prune", None, patience)?;
        for volume in engine.get("/volumes")?["Volumes"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let name = volume["Name"].as_str().unwrap_or_default();
            engine.send(
                "DELETE",
                &format!("/volumes/{name}?force=1"),
                None,
                patience,
            )?;
        }
        Ok(())
    }

    /// Prepares `name` to run where the engine's published ports are, as whoever called.
    pub(crate) fn inside(&self, name: &str) -> Result<Program> {
        let namespace = format!("--net={}", self.namespace_file().display());
        if is_root() {
            return Ok(program("nsenter").args([&namespace, "--", name]));
        }
        // Only root may enter; inside, the program is the caller's again, with the caller's environment.
        let (user, group) = (
            program("id").arg("-u").output()?,
            program("id").arg("-g").output()?,
        );
        Ok(program("sudo")
            .args([
                "--preserve-env",
                "--",
                "nsenter",
                &namespace,
                "setpriv",
                "--init-groups",
            ])
            .args([
                format!("--reuid={}", user.trim()),
                format!("--regid={}", group.trim()),
            ])
            .args([
                "env".to_owned(),
                format!("PATH={}", std::env::var("PATH").unwrap_or_default()),
            ])
            .arg(name))
    }

    /// Runs this same program again where the published ports are, and says whether it ended well.
    pub(crate) fn go_on_inside(&self, words: &[&str], settings: &Path) -> Result<bool> {
        let this = std::env::current_exe().context("cannot find this program's own file")?;
        let status = self
            .inside(&this.display().to_string())?
            .args(words)
            .arg(settings)
            .into_command()
            .status()
            .context("cannot go on in the engine's network")?;
        Ok(status.success())
    }

    /// Says in words what is where.
    pub(crate) fn status(&self) -> String {
        let state = if self.is_up() { "up" } else { "down" };
        let version = self.endpoint().get("/version").ok();
        let version = version
            .as_ref()
            .and_then(|version| version["Version"].as_str())
            .unwrap_or("");
        let name = self.folder.file_name().unwrap_or_default().display();
        format!(
            "{name}\t{state} {version}\tDOCKER_HOST={}",
            self.endpoint().as_host()
        )
    }

    /// Finds the programs, and returns the PATH to start them with.
    fn programs(&self, may_install: bool) -> Result<String> {
        let log = cache::folder(&["logs"])?.join("engine-install.log");
        let usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let (programs, packages): (&[&str], &[&str]) = match self.kind {
            Kind::Distribution => (
                &["dockerd", "containerd", "runc", "iptables", "ip"],
                &["docker.io", "iptables", "iproute2"],
            ),
            Kind::Newest => (
                &["runc", "iptables", "ip"],
                &["runc", "iptables", "iproute2"],
            ),
        };
        if may_install {
            require(programs, packages, &log)?;
        } else if let Some(missing) = programs
            .iter()
            .find(|&&program| !crate::program::exists(program))
        {
            bail!(
                "`{missing}` is missing and nothing may be installed; install {}",
                packages.join(", ")
            );
        }
        Ok(match self.kind {
            Kind::Distribution => usual.to_owned(),
            Kind::Newest => {
                let root = newest::ENGINE.unpacked(&log)?;
                format!("{0}/usr/sbin:{0}/usr/bin:{usual}", root.display())
            }
        })
    }

    fn make_namespace(&self) -> Result<()> {
        if !self.namespace_file().exists() {
            as_root("ip")
                .args(["netns", "add", &self.namespace])
                .run()?;
        }
        let namespace = format!("--net={}", self.namespace_file().display());
        // Not `ip -n`, which also remounts the root, and so fails where the root is no mount of its own.
        let ip = |args: &[&str]| {
            as_root("nsenter")
                .args([namespace.as_str(), "ip"])
                .args(args)
                .run()
        };
        ip(&["link", "set", "lo", "up"])?;
        ip(&[
            "address",
            "replace",
            &format!("{}/32", nameserver::ADDRESS),
            "dev",
            "lo",
        ])
    }

    fn stop_programs(&self) -> Result<()> {
        self.dockerd().stop(Duration::from_secs(30))?;
        self.containerd().stop(Duration::from_secs(10))?;
        self.nameserver().stop(Duration::from_secs(2))?;
        for left in ["docker.sock", "containerd.sock", "engine.pid"] {
            as_root("rm").arg("-f").arg(self.folder.join(left)).run()?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn namespace_file(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.namespace)
    }

    /// Every one of the programs has the folder on its command line.
    fn mark(&self) -> String {
        format!("{}/", self.folder.display())
    }

    fn daemon(&self, name: &'static str) -> Daemon {
        Daemon {
            name,
            pidfile: self.folder.join(format!("{name}.pid")),
            log: self.folder.join(format!("{name}.log")),
            mark: self.mark(),
        }
    }

    fn dockerd(&self) -> Daemon {
        self.daemon("dockerd")
    }

    fn containerd(&self) -> Daemon {
        self.daemon("containerd")
    }

    fn nameserver(&self) -> Daemon {
        self.daemon("nameserver")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_has_a_plain_name_and_a_known_kind() {
        assert!(Own::new(Kind::Distribution, "../other").is_err());
        assert!(Own::new(Kind::Distribution, "").is_err());
        assert!(Kind::parse("newest").is_ok());
        assert!(Kind::parse("podman").is_err());
    }
}
