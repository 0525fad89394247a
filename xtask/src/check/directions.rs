//! Holds every manifest of the workspace against the table in `house`.
//!
//! Works on plain values ([`Member`]), so that its rules are tested on made-up workspaces. It never
//! decides anything itself: what is allowed is in the table.

use super::Complaint;
use super::house::{BANNED, LIBRARIES, Library, ROOMS, Rooms, TABLE, TESTS_ONLY};
use crate::test::targets::GATES;

/// A crate of the workspace as its manifest has it.
#[derive(Debug, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Relative to the workspace.
    pub(crate) manifest: String,
    pub(crate) uses: Vec<Use>,
    pub(crate) tests: Vec<TestTarget>,
}

/// One entry of a manifest's dependency tables.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    pub(crate) name: String,
    pub(crate) in_workspace: bool,
    /// From `[dev-dependencies]`.
    pub(crate) only_tests: bool,
}

/// An integration test and the features without which it is not built.
#[derive(Debug)]
pub(crate) struct TestTarget {
    pub(crate) name: String,
    pub(crate) required_features: Vec<String>,
}

/// Complains about everything in `members` that the table does not allow.
pub(crate) fn complaints(members: &[Member]) -> Vec<Complaint> {
    members.iter().flat_map(of_member).collect()
}

fn of_member(member: &Member) -> Vec<Complaint> {
    let Some(room) = ROOMS.iter().find(|room| room.name == member.name) else {
        return vec![Complaint::new(
            &member.manifest,
            format!("crate `{}` has no room in the house", member.name),
            format!("give it a line in ROOMS ({TABLE}), with what it may use, or take it away"),
        )];
    };
    let mut found = Vec::new();
    for used in &member.uses {
        if used.in_workspace {
            let allowed = room.may_use.contains(&used.name.as_str())
                || (used.only_tests && used.name == TESTS_ONLY);
            if !allowed {
                found.push(Complaint::new(
                    &member.manifest,
                    format!("`{}` must not use `{}`", member.name, used.name),
                    format!("its directions are at {TABLE}:{}", room.line),
                ));
            }
        } else {
            found.extend(of_library(member, used));
        }
    }
    found.extend(
        member
            .tests
            .iter()
            .filter_map(|test| of_gated_test(member, test)),
    );
    found
}

fn of_library(member: &Member, used: &Use) -> Option<Complaint> {
    let Some(library) = LIBRARIES.iter().find(|library| library.name == used.name) else {
        return Some(Complaint::new(
            &member.manifest,
            format!(
                "`{}` uses the library `{}`, which is not in the table",
                member.name, used.name
            ),
            format!(
                "do without it, or give it a line in LIBRARIES ({TABLE}) and the reason in the commit"
            ),
        ));
    };
    (!is_at_home(library, member, used)).then(|| {
        Complaint::new(
            &member.manifest,
            format!("`{}` must not use the library `{}`", member.name, used.name),
            format!("its room is at {TABLE}:{}", library.line),
        )
    })
}

fn is_at_home(library: &Library, member: &Member, used: &Use) -> bool {
    let here = member.name.as_str();
    match library.rooms {
        Rooms::Any => true,
        Rooms::Only(rooms) => rooms.contains(&here),
        Rooms::OnlyOrTests(rooms) => used.only_tests || rooms.contains(&here),
    }
}

/// Tests that need an engine or the corpus are told apart by name and feature; one without the other
/// would either run without what it needs or never run.
fn of_gated_test(member: &Member, test: &TestTarget) -> Option<Complaint> {
    let by_name = GATES
        .iter()
        .find(|(beginning, _)| test.name.starts_with(beginning));
    let by_feature = GATES.iter().find(|(_, feature)| {
        test.required_features
            .iter()
            .any(|required| required == feature)
    });
    if by_name == by_feature {
        return None;
    }
    let (beginning, feature) = by_name.or(by_feature)?;
    Some(Complaint::new(
        &member.manifest,
        format!(
            "test `{}` of `{}` is gated by name or by feature, but not by both",
            test.name, member.name
        ),
        format!(
            "name it `{beginning}…` and give it `required-features = [\"{feature}\"]`, or neither"
        ),
    ))
}

/// Complains about banned crates among all packages of the tree, given by name and version.
pub(crate) fn banned<'a>(packages: impl IntoIterator<Item = (&'a str, String)>) -> Vec<Complaint> {
    packages
        .into_iter()
        .filter_map(|(name, version)| {
            let ban = BANNED.iter().find(|ban| ban.name == name)?;
            Some(Complaint::new(
                "Cargo.lock",
                format!("`{name}` {version} is banned: {}", ban.because),
                format!(
                    "`cargo tree --invert {name}` shows who brings it in; the ban is at {TABLE}:{}",
                    ban.line
                ),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, uses: &[Use]) -> Member {
        Member {
            name: name.to_owned(),
            manifest: "Cargo.toml".to_owned(),
            uses: uses.to_vec(),
            tests: Vec::new(),
        }
    }

    fn used(name: &str) -> Use {
        Use {
            name: name.to_owned(),
            in_workspace: name.starts_with("bowline"),
            only_tests: false,
        }
    }

    fn in_tests(name: &str) -> Use {
        Use {
            only_tests: true,
            ..used(name)
        }
    }

    fn texts(member: Member) -> Vec<String> {
        complaints(&[member])
            .into_iter()
            .map(|complaint| complaint.to_string())
            .collect()
    }

    #[test]
    fn an_allowed_direction_passes() {
        assert_eq!(
            texts(member(
                "bowline-core",
                &[used("bowline-engine"), used("serde")]
            )),
            [""; 0]
        );
    }

    #[test]
    fn a_direction_that_is_not_in_the_table_is_refused_with_its_line() {
        let found = texts(member("bowline-model", &[used("bowline-engine")]));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("`bowline-model` must not use `bowline-engine`"),
            "{found:?}"
        );
        assert!(found[0].contains("house.rs:"), "{found:?}");
    }

    #[test]
    fn the_program_does_not_reach_past_ops() {
        assert_eq!(texts(member("bowline", &[used("bowline-engine")])).len(), 1);
    }

    #[test]
    fn testkit_serves_tests_only() {
        assert_eq!(
            texts(member("bowline-compose", &[in_tests("bowline-testkit")])),
            [""; 0]
        );
        assert_eq!(
            texts(member("bowline-compose", &[used("bowline-testkit")])).len(),
            1
        );
    }

    #[test]
    fn a_library_outside_its_room_is_refused_even_in_tests() {
        assert_eq!(texts(member("bowline-engine", &[used("hyper")])), [""; 0]);
        assert_eq!(texts(member("bowline-core", &[used("hyper")])).len(), 1);
        assert_eq!(texts(member("bowline-core", &[in_tests("hyper")])).len(), 1);
    }

    #[test]
    fn anyhow_stays_out_of_product_code() {
        assert_eq!(
            texts(member("bowline-core", &[in_tests("anyhow")])),
            [""; 0]
        );
        assert_eq!(texts(member("bowline-core", &[used("anyhow")])).len(), 1);
    }

    #[test]
    fn an_unknown_library_and_an_unknown_crate_are_refused() {
        assert_eq!(texts(member("bowline-core", &[used("left-pad")])).len(), 1);
        assert_eq!(texts(member("bowline-attic", &[])).len(), 1);
    }

    #[test]
    fn a_test_that_needs_something_needs_name_and_feature() {
        let test = |name: &str, features: &[&str]| Member {
            tests: vec![TestTarget {
                name: name.to_owned(),
                required_features: features.iter().map(|&feature| feature.to_owned()).collect(),
            }],
            ..member("bowline-engine", &[])
        };
        assert_eq!(texts(test("engine_contract", &["engine-tests"])), [""; 0]);
        assert_eq!(texts(test("plain", &[])), [""; 0]);
        assert_eq!(texts(test("engine_contract", &[])).len(), 1);
        assert_eq!(texts(test("contract", &["engine-tests"])).len(), 1);
        assert_eq!(texts(test("corpus_config", &["corpus-tests"])), [""; 0]);
        assert_eq!(texts(test("corpus_config", &["engine-tests"])).len(), 1);
    }

    #[test]
    fn a_banned_crate_is_found_however_deep() {
        assert_eq!(banned([("serde", "1.0.0".to_owned())]).len(), 0);
        assert_eq!(
            banned([
                ("serde", "1.0.0".to_owned()),
                ("openssl-sys", "0.9.1".to_owned())
            ])
            .len(),
            1
        );
    }

    #[test]
    fn every_direction_leads_to_a_room_and_none_leads_back() {
        for (index, room) in ROOMS.iter().enumerate() {
            for used in room.may_use {
                let target = ROOMS.iter().position(|room| room.name == *used);
                // The table is in order: a crate uses only what stands above it, so there is no cycle.
                assert!(
                    target.is_some_and(|target| target < index),
                    "{} → {used}",
                    room.name
                );
            }
        }
    }
}
