//! Where state is kept, and what is refused.
#![expect(clippy::disallowed_methods, reason = "tests of files make files")]

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::FileProblem;

fn hints(euid: u32, env: &[(&str, &str)]) -> HomeHints {
    let env = env
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    HomeHints {
        euid,
        env: env.collect(),
    }
}

fn folders(euid: u32, env: &[(&str, &str)]) -> (String, String) {
    let home = StateHome::choose(&hints(euid, env)).unwrap();
    (
        home.state().display().to_string(),
        home.config().display().to_string(),
    )
}

fn pair(state: &str, config: &str) -> (String, String) {
    (state.to_owned(), config.to_owned())
}

/// A home in a folder that goes away, of the user who runs the tests.
fn home() -> (tempfile::TempDir, StateHome) {
    let folder = tempfile::tempdir().unwrap();
    let euid = folder.path().metadata().unwrap().uid();
    let home = StateHome::at(
        folder.path().join("state"),
        folder.path().join("config"),
        euid,
    );
    (folder, home)
}

#[test]
fn root_uses_the_systems_folders_whatever_its_home_is() {
    let expected = pair("/var/lib/bowline", "/etc/bowline");
    assert_eq!(
        folders(0, &[("HOME", "/home/ann"), ("XDG_STATE_HOME", "/x")]),
        expected
    );
}

#[test]
fn a_user_uses_the_xdg_folders_or_those_below_home() {
    let env = [
        ("HOME", "/home/ann"),
        ("XDG_STATE_HOME", "/s"),
        ("XDG_CONFIG_HOME", "/c"),
    ];
    assert_eq!(folders(1000, &env), pair("/s/bowline", "/c/bowline"));
    let expected = pair(
        "/home/ann/.local/state/bowline",
        "/home/ann/.config/bowline",
    );
    assert_eq!(folders(1000, &env[..1]), expected);
    // The specification: a path that is not absolute counts as not set.
    assert_eq!(
        folders(1000, &[("HOME", "/home/ann"), ("XDG_STATE_HOME", "s")]),
        expected
    );
}

#[test]
fn variables_of_bowlines_own_win_and_have_to_be_absolute() {
    let env = [("BOWLINE_STATE_HOME", "/a"), ("BOWLINE_CONFIG_HOME", "/b")];
    assert_eq!(folders(0, &env), pair("/a", "/b"));
    let error = StateHome::choose(&hints(0, &[("BOWLINE_STATE_HOME", "a")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`BOWLINE_STATE_HOME` has to be an absolute path, it is `a`"
    );
    assert_eq!(error.hints().len(), 1);
}

#[test]
fn a_user_without_a_home_is_told_what_to_set() {
    assert_eq!(
        StateHome::choose(&hints(1000, &[])),
        Err(StateHomeError::NoHome)
    );
}

#[test]
fn a_stacks_folder_is_named_by_engine_and_project_and_never_leaves_the_home() {
    let home = StateHome::at("/s", "/c", 0);
    let name = |engine: &str| {
        let stack = home.stack(engine, "shop");
        stack
            .folder()
            .strip_prefix("/s/stacks")
            .unwrap()
            .display()
            .to_string()
    };
    assert_eq!(name("ABCD:EFGH"), "ABCD-EFGH/shop");
    assert_eq!(name("0f1e2d3c-0000"), "0f1e2d3c-0000/shop");
    let hostile = name("../../etc");
    assert!(!hostile.split('/').any(|part| part == ".."), "{hostile}");
    assert_eq!(hostile.split('/').count(), 2, "{hostile}");
    assert_ne!(name("a/b"), name("a b"));
    assert!(name(&"x".repeat(1000)).len() < 200);
}

#[test]
fn folders_are_their_owners_alone_and_making_them_again_is_success() {
    let (_folder, home) = home();
    let stack = home.stack("E", "shop");
    stack.create_journal().unwrap();
    stack.create_journal().unwrap();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(home.state()), 0o700);
    assert_eq!(mode(stack.folder()), 0o700);
    assert_eq!(mode(&stack.journal()), 0o600);
}

#[test]
fn what_is_not_a_folder_is_named() {
    let (_folder, home) = home();
    std::fs::write(home.state(), "").unwrap();
    let error = home.stack("E", "shop").create().unwrap_err();
    assert_eq!(error.problem, FileProblem::NotAFolder);
    assert_eq!(error.path, home.state());
    std::fs::remove_file(home.state()).unwrap();
    symlink("/nowhere/at/all", home.state()).unwrap();
    assert!(home.stack("E", "shop").create().is_err());
}

#[test]
fn a_home_of_another_user_is_refused() {
    let (_folder, mine) = home();
    mine.stack("E", "shop").create().unwrap();
    let other = StateHome::at(mine.state(), mine.config(), mine.euid() + 1);
    let error = other.stack("E", "shop").create().unwrap_err();
    let expected = FileProblem::WrongOwner {
        owner: mine.euid(),
        user: mine.euid() + 1,
    };
    assert_eq!(error.problem, expected);
    assert!(error.hints()[0].contains("chown"));
}

#[test]
fn a_folder_that_may_not_be_written_is_a_typed_error() {
    let (folder, home) = home();
    if home.euid() == 0 {
        // Root may write anywhere but where there is nothing to write to.
        let home = StateHome::at("/proc/bowline", "/proc/bowline", 0);
        assert!(home.stack("E", "shop").create().is_err());
        return;
    }
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    let error = home.stack("E", "shop").create().unwrap_err();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(error.problem, FileProblem::Denied);
}
