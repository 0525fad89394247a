//! Kills for want of memory, as the kernel's log has them.

use bowline_engine::MemoryKill;
use bowline_model::{EventAction, ObservedContainer};
use jiff::SignedDuration;

use crate::facts::Event;

/// Adds the kills for want of memory that the kernel noted and the engine missed.
pub(super) fn add(events: &mut Vec<Event>, kills: &[MemoryKill], containers: &[ObservedContainer]) {
    /// How far the clock of the kernel's log may have drifted from everybody else's since the kernel started.
    const DRIFT: SignedDuration = SignedDuration::from_mins(2);
    /// How far the two reports of one kill may be apart by the engine's clock.
    const APART: SignedDuration = SignedDuration::from_secs(3);
    for kill in kills.iter().filter(|kill| kill.by_limit) {
        let Some(container) = containers.iter().find(|one| one.id == kill.container) else {
            continue;
        };
        let distance = |event: &&Event| event.at.duration_since(kill.at).abs();
        let ends = events.iter().filter(|event| {
            event.container == container.name
                && event.action == EventAction::Die
                && event.exit_code == Some(137)
        });
        // What the engine saw of it says when it was, more exactly.
        let end = ends.min_by_key(distance);
        let end = end.filter(|end| distance(end) <= DRIFT);
        let at = end.map_or(kill.at, |end| end.at - SignedDuration::from_millis(1));
        let is_it = |event: &Event| {
            event.container == container.name
                && event.action == EventAction::Oom
                && event.at.duration_since(at).abs() <= APART
        };
        if !events.iter().any(is_it) {
            events.push(Event {
                at,
                container: container.name.clone(),
                action: EventAction::Oom,
                exit_code: None,
                signal: None,
                by_kernel: true,
            });
        }
    }
    events.sort_by_key(|event| event.at);
}
