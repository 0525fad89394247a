//! The actual state of a stack, read once before a plan is made.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ApiVersion, ContainerId, ContainerStatus, HealthTest, Labels, ObservedContainer, ObservedImage,
    ObservedNetwork, ObservedVolume, PathChange, RestartSpec, label,
};

/// Everything that a planner may know about an engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The engine's clock when it was looked at.
    pub now: Timestamp,
    /// The version of its API that is spoken.
    pub api: ApiVersion,
    /// Containers that carry the project's label, in every state.
    pub containers: Vec<ObservedContainer>,
    /// Networks that carry the project's label or a wanted name.
    pub networks: Vec<ObservedNetwork>,
    /// Volumes that carry the project's label or a wanted name.
    pub volumes: Vec<ObservedVolume>,
    /// Images by the references that are wanted; those that are not there are missing here.
    pub images: BTreeMap<String, ObservedImage>,
    /// Images that containers were made of, by id, as far as they still exist.
    pub image_of: BTreeMap<String, ObservedImage>,
    /// Files that differ from the image, of containers for which that was looked at.
    pub file_changes: BTreeMap<ContainerId, Vec<PathChange>>,
}

impl Observed {
    /// The containers of a service, one-off ones aside, by number.
    pub fn of_service<'a>(
        &'a self,
        service: &'a str,
    ) -> impl Iterator<Item = &'a ObservedContainer> {
        let mut found: Vec<&ObservedContainer> = self
            .containers
            .iter()
            .filter(|container| container.service() == Some(service) && !container.is_one_off())
            .collect();
        found.sort_by_key(|container| (container.number(), container.created));
        found.into_iter()
    }
}

impl ObservedContainer {
    /// The service that it belongs to, by its label.
    pub fn service(&self) -> Option<&str> {
        self.label(label::SERVICE)
    }

    /// Its number within its service; one without a readable number counts as the last.
    pub fn number(&self) -> u32 {
        let number = self.label(label::NUMBER).and_then(|text| text.parse().ok());
        number.unwrap_or(u32::MAX)
    }

    /// Whether `run` made it.
    pub fn is_one_off(&self) -> bool {
        self.label(label::ONE_OFF)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Whether it has ended well and is one that does end: a job that is done.
    ///
    /// One that something waits for is a job. Any other counts as one only where nothing speaks for a server
    /// that was stopped, which ends with 0 as well: no restart policy, no healthcheck, no ports.
    pub fn has_done_its_job(&self, is_waited_for: bool) -> bool {
        let state = &self.state;
        let ended_well =
            state.status == ContainerStatus::Exited && state.exit_code == 0 && !state.oom_killed;
        let is_checked = self
            .spec
            .healthcheck
            .as_ref()
            .is_some_and(|check| !matches!(check.test, None | Some(HealthTest::Disabled)));
        let serves = is_checked || !self.spec.exposed.is_empty();
        ended_well && (is_waited_for || self.spec.restart == RestartSpec::No && !serves)
    }

    fn label(&self, key: &str) -> Option<&str> {
        let labels: &Labels = &self.spec.labels;
        labels.get(key).map(String::as_str)
    }
}
