//! A container without an engine: control groups with its id, and a process in namespaces and a root of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use bowline_engine::Look;
use bowline_model::ContainerId;
use rustix::process::{Pid, Signal, kill_process};

static CELLS: AtomicUsize = AtomicUsize::new(0);

/// Waits for the word, so that everything it starts is in its control groups, and goes into namespaces of its own.
const ENTER: &str = "read go; exec unshare --net --mount --pid --fork --kill-child --mount-proc sh -c \"$1\" cell \"$2\"";

/// Makes a root folder with this system's programs, a network with a hole, a dead end and nothing else, and one child
/// that nobody waits for.
const BUILD: &str = r#"set -e
for folder in bin sbin lib lib64 usr; do
    if [ -L "/$folder" ]; then ln -s "$(readlink "/$folder")" "$1/$folder"
    elif [ -d "/$folder" ]; then mkdir "$1/$folder"; mount --bind "/$folder" "$1/$folder"; fi
done
mkdir "$1/small" "$1/fixed"
mount -t tmpfs -o size=64k,nr_inodes=16 small "$1/small"
mount -t tmpfs -o ro fixed "$1/fixed"
ip link set lo up
ip route add 192.0.2.0/24 dev lo
ip route add unreachable 198.51.100.0/24
# A shell would reap it; what the main process becomes does not.
(until read -r name </proc/1/comm && [ "$name" = sleep ]; do :; done) &
exec chroot "$1" sh -c 'echo built; exec sleep infinity'
"#;

/// One cell. It is torn down when it is dropped.
pub(crate) struct Cell {
    unshare: Child,
    pub(crate) id: ContainerId,
    /// Its first process, by its number on this host.
    pub(crate) pid: u32,
    groups: Vec<PathBuf>,
    folder: tempfile::TempDir,
}

impl Cell {
    /// Builds one. Only root may; a test that cannot build one as root fails.
    pub(crate) fn build() -> Self {
        let number = CELLS.fetch_add(1, Ordering::Relaxed);
        let id = ContainerId(format!("{:0>32x}{number:0>32x}", std::process::id()));
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fill(&root);
        let mut unshare = Command::new("sh")
            .args(["-c", ENTER, "cell", BUILD])
            .arg(&root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let groups = make_groups(&id, unshare.id());
        unshare.stdin.take().unwrap().write_all(b"go\n").unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(unshare.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        if line != "built\n" {
            let mut reason = String::new();
            let mut stderr = unshare.stderr.take().unwrap();
            stderr.read_to_string(&mut reason).unwrap();
            panic!("the cell was not built: {line}{reason}");
        }
        let pid = first_inside(&groups[0]);
        Self {
            unshare,
            id,
            pid,
            groups,
            folder,
        }
    }

    pub(crate) fn look(&self) -> Look {
        Look::at(&self.id, self.pid).unwrap()
    }

    /// A path under its root, as this host sees it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    /// Its control group with a file of this name.
    pub(crate) fn group_file(&self, name: &str) -> PathBuf {
        let files = self.groups.iter().map(|group| group.join(name));
        files.into_iter().find(|file| file.exists()).unwrap()
    }

    /// Ends its processes, all of them with the first one, and waits for that.
    pub(crate) fn end(&mut self) {
        let first = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        // Once it has ended the number may be another one's.
        if let (Some(first), Ok(None)) = (first, self.unshare.try_wait()) {
            kill_process(first, Signal::KILL).ok();
        }
        self.unshare.wait().unwrap();
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.end();
        for group in &self.groups {
            if let Err(error) = std::fs::remove_dir(group)
                && !std::thread::panicking()
            {
                panic!("{}: {error}", group.display());
            }
        }
    }
}

/// What is in the root folder from the beginning.
fn fill(root: &Path) {
    std::fs::create_dir_all(root.join("etc")).unwrap();
    let write = |path: &str, text: &str| std::fs::write(root.join(path), text).unwrap();
    write(
        "etc/resolv.conf",
        "nameserver 127.0.0.11\nsearch corp\noptions ndots:0\n",
    );
    write("etc/hosts", "127.0.0.1 localhost\n10.1.2.3 known\n");
    let link = |to: &str, path: &str| std::os::unix::fs::symlink(to, root.join(path)).unwrap();
    link("/etc/hosts", "absolute");
    link("../../../../../../../../etc/hosts", "upwards");
    link("/etc/passwd", "outside");
    link("/proc/1/root/etc/passwd", "magic");
    link("loop", "loop");
}

/// Makes a group with the cell's id in every hierarchy that has counters, and moves a process into it.
fn make_groups(id: &ContainerId, pid: u32) -> Vec<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut groups = Vec::new();
    for line in mounts.lines() {
        let (mount, device) = line.split_once(" - ").unwrap();
        let options = device.rsplit(' ').next().unwrap();
        let has_counters = options
            .split(',')
            .any(|name| ["memory", "cpu", "pids"].contains(&name));
        if device.starts_with("cgroup2 ") || (device.starts_with("cgroup ") && has_counters) {
            let place = Path::new(mount.split(' ').nth(4).unwrap());
            groups.push(place.join(format!("bowline-cell-{id}")));
        }
    }
    groups.sort_unstable();
    groups.dedup();
    for group in &groups {
        std::fs::create_dir(group).unwrap();
        std::fs::write(group.join("cgroup.procs"), pid.to_string()).unwrap();
    }
    groups
}

/// The process of a group that is the first one of its namespace of process numbers.
fn first_inside(group: &Path) -> u32 {
    let processes = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
    let is_first = |pid: &&str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        numbers.is_some_and(|numbers| numbers.ends_with("\t1"))
    };
    let first = processes.lines().find(is_first).unwrap();
    first.parse().unwrap()
}
