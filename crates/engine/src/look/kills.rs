//! Whom the kernel killed for want of memory, by its own log.

use bowline_model::ContainerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::processes::Clock;
use super::{Unseen, bounded, kernel};

/// A process of a container that the kernel killed because there was no memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryKill {
    /// The container.
    pub container: ContainerId,
    /// When, by the kernel's clock; it may be off by a second.
    pub at: Timestamp,
    /// The name of the process, 15 bytes at most.
    pub process: String,
    /// Whether a limit was reached, and not the end of the host's memory.
    pub by_limit: bool,
}

/// Reads the kernel's log for kills of containers' processes, the oldest first. The log is a ring: what was long ago or
/// among much else may be gone from it. Engines miss such a kill now and then; the kernel does not.
///
/// # Errors
///
/// [`Unseen::Denied`] where only root may read that log (`kernel.dmesg_restrict`).
pub fn memory_kills() -> Result<Vec<MemoryKill>, Unseen> {
    bounded("the kernel's log", || {
        let clock = Clock::read()?;
        let records = kernel::log()?;
        Ok(records
            .iter()
            .filter_map(|record| kill(record, &clock))
            .collect())
    })
}

/// Reads a record: `6,1234,37201529884,-;oom-kill:constraint=CONSTRAINT_MEMCG,…,task_memcg=/docker/ID,task=name,…`.
fn kill(record: &str, clock: &Clock) -> Option<MemoryKill> {
    let (head, message) = record.split_once(';')?;
    let fields = message.lines().next()?.strip_prefix("oom-kill:")?;
    let field = |name: &str| {
        fields.split(',').find_map(|field| {
            let (key, value) = field.split_once('=')?;
            (key == name).then_some(value)
        })
    };
    let micros: u64 = head.split(',').nth(2)?.parse().ok()?;
    Some(MemoryKill {
        container: container(field("task_memcg")?)?,
        at: clock.after_micros(micros)?,
        process: field("task")?.to_owned(),
        by_limit: field("constraint") == Some("CONSTRAINT_MEMCG"),
    })
}

/// The container of a control group: `/docker/ID`, `/system.slice/docker-ID.scope`, `…/libpod-ID.scope/container`.
fn container(group: &str) -> Option<ContainerId> {
    let is_id = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    group
        .split(['/', '-', '.'])
        .find(is_id)
        .map(|id| ContainerId(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_names_its_container_its_process_and_what_was_reached() {
        let clock = Clock::starting_at(Timestamp::from_second(1_700_000_000).unwrap());
        let id = "0b1a1f68332155b28250fde6f115f00f794c0ca987af985e3b056eddaeb86f97";
        let record = |constraint: &str, group: &str| {
            format!(
                "6,4711,2500000,-;oom-kill:constraint={constraint},nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg={group},task_memcg={group},task=orders,pid=1189,uid=65534\n SUBSYSTEM=x"
            )
        };
        for group in [
            format!("/docker/{id}"),
            format!("/system.slice/docker-{id}.scope"),
            format!("/machine.slice/libpod-{id}.scope/container"),
        ] {
            assert_eq!(
                kill(&record("CONSTRAINT_MEMCG", &group), &clock),
                Some(MemoryKill {
                    container: ContainerId(id.to_owned()),
                    at: Timestamp::from_millisecond(1_700_000_002_500).unwrap(),
                    process: "orders".to_owned(),
                    by_limit: true,
                })
            );
        }
        let host = kill(&record("CONSTRAINT_NONE", &format!("/docker/{id}")), &clock).unwrap();
        assert!(!host.by_limit);
        assert_eq!(
            kill(&record("CONSTRAINT_MEMCG", "/user.slice"), &clock),
            None
        );
        assert_eq!(kill("6,1,2,-;eth0: renamed", &clock), None);
        assert_eq!(kill("", &clock), None);
    }
}
