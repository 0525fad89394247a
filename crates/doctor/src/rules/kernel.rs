//! Settings of the host's kernel that a server wants otherwise.

use bowline_recipes::Says;

use crate::facts::FileHead;
use crate::finding::{Code, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, shown, spoken};

pub(crate) const FEW_MEMORY_AREAS: Rule = Rule {
    code: Code("D031"),
    title: "the host's kernel allows fewer memory areas than a server wants",
    layer: Layer::Platform,
    decisive: &["what the server says", "the kernel's setting"],
    look_alikes: &[Code("D032")],
    yields: false,
    endangers_data: false,
    find: few_memory_areas,
};

/// Where the kernel shows the setting, in any container: it is the host's.
pub(crate) const MOST_MEMORY_AREAS: &str = "/proc/sys/vm/max_map_count";

fn few_memory_areas(world: &World<'_>, cases: &mut Vec<Case>) {
    for server in world
        .containers()
        .filter(|server| !world.seems_well(server))
    {
        let Some(said) = world.says(server, Says::VirtualMemoryAreasLow) else {
            continue;
        };
        let wanted = said
            .capture("to")
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(262_144);
        let allowed = world.containers().find_map(|container| {
            let file = world.file(container, MOST_MEMORY_AREAS)?;
            match file.there.as_ref()?.head.as_ref()? {
                FileHead::Version(number) => Some((file, number.parse::<u64>().ok()?)),
                _ => None,
            }
        });
        // It was raised meanwhile: then the next start will do.
        if allowed.is_some_and(|(_, allowed)| allowed >= wanted) {
            continue;
        }
        let setting = allowed.map(|(file, allowed)| {
            let fact = FactRef::File {
                container: file.container.clone(),
                path: file.path.clone(),
            };
            shown(
                fact,
                format!("vm.max_map_count is {allowed}"),
                "the host allows less than it wants",
            )
        });
        let refusal = spoken(
            server,
            said,
            "it refuses to start before it uses any memory",
        );
        let claim = format!(
            "the host's kernel allows too few memory areas for it: it wants vm.max_map_count = {wanted}"
        );
        cases.push(
            Case::new(culprit(server, None), claim)
                .mended_by(
                    format!("on the host: `sysctl -w vm.max_map_count={wanted}`, and the same in a file below /etc/sysctl.d so that it stays; then `bowline up`"),
                    Safety::NeedsYou,
                )
                .decides("what the server says", Some(refusal.clone()))
                .decides("the kernel's setting", setting)
                .rules_out(Code("D032"), Some(refusal)),
        );
    }
}
