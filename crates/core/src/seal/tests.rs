//! What is value stays value, and keys are not lost or weakened by accident.
#![expect(clippy::disallowed_methods, reason = "tests of files make files")]

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::FileProblem;

const SPOT: Spot<'static> = Spot {
    table: "step",
    row: "op-1/2",
    column: "undo",
};

fn sealer(byte: u8) -> Sealer {
    Sealer::of_key(&[byte; 32])
}

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
fn what_was_sealed_opens_in_its_place_and_nowhere_else() {
    let sealer = sealer(7);
    let value = sealer.seal(SPOT, b"hunter2").unwrap();
    assert_eq!(sealer.open(SPOT, &value).unwrap(), b"hunter2");
    for spot in [
        Spot {
            table: "baseline",
            ..SPOT
        },
        Spot {
            row: "op-1/3",
            ..SPOT
        },
        Spot {
            column: "step",
            ..SPOT
        },
        // The parts do not run into one another.
        Spot {
            table: "stepop",
            row: "-1/2",
            ..SPOT
        },
    ] {
        assert_eq!(
            sealer.open(spot, &value),
            Err(SealError::Tampered),
            "{spot:?}"
        );
    }
}

#[test]
fn the_same_value_is_never_sealed_alike_twice() {
    let sealer = sealer(7);
    assert_ne!(
        sealer.seal(SPOT, b"hunter2").unwrap(),
        sealer.seal(SPOT, b"hunter2").unwrap()
    );
}

#[test]
fn a_value_changed_or_cut_anywhere_does_not_open() {
    let sealer = sealer(7);
    let value = sealer.seal(SPOT, b"hunter2").unwrap();
    for index in 0..value.len() {
        let mut changed = value.clone();
        changed[index] ^= 1;
        assert!(sealer.open(SPOT, &changed).is_err(), "byte {index}");
        assert!(
            sealer.open(SPOT, &value[..index]).is_err(),
            "cut at {index}"
        );
    }
    let mut newer = value;
    newer[0] = 2;
    assert_eq!(
        sealer.open(SPOT, &newer),
        Err(SealError::Newer { found: 2 })
    );
}

#[test]
fn another_key_is_named_by_its_id() {
    let value = sealer(7).seal(SPOT, b"hunter2").unwrap();
    let error = sealer(8).open(SPOT, &value).unwrap_err();
    let expected = SealError::OtherKey {
        found: sealer(7).key_id(),
        have: sealer(8).key_id(),
    };
    assert_eq!(error, expected);
}

#[test]
fn digests_depend_on_name_content_and_key() {
    let digest = sealer(7).digest("secret db", b"hunter2");
    assert_eq!(digest, sealer(7).digest("secret db", b"hunter2"));
    assert_eq!(digest.len(), 64);
    for other in [
        sealer(8).digest("secret db", b"hunter2"),
        sealer(7).digest("secret d", b"bhunter2"),
        sealer(7).digest("secret db", b"hunter3"),
    ] {
        assert_ne!(digest, other);
    }
}

#[test]
fn the_formats_do_not_change() {
    // Worked out with another HMAC-SHA256: what the first version wrote is understood for ever.
    assert_eq!(sealer(7).key_id(), "5eb3ac49");
    let digest = sealer(7).digest("secret db", b"hunter2");
    assert_eq!(
        digest,
        "eb8af72599b497548e745776c84c20391583bd4ef390b1049465d3ea9137fa13"
    );
    let value = "015eb3ac493207784883b6aab8d95f26d071dc7d528fd6be63633645af87f2a87954a69dc0339fe30ca14f20d5852f25208f4028";
    let bytes: Vec<u8> = (0..value.len() / 2)
        .map(|index| u8::from_str_radix(&value[2 * index..2 * index + 2], 16).unwrap())
        .collect();
    assert_eq!(sealer(7).open(SPOT, &bytes).unwrap(), b"hunter2");
}

#[test]
fn the_key_is_made_once_and_for_its_owner_alone() {
    let (_folder, home) = home();
    assert!(Sealer::of_existing(&home).unwrap().is_none());
    let made = Sealer::of_host(&home).unwrap();
    let again = Sealer::of_host(&home).unwrap();
    assert_eq!(made.key_id(), again.key_id());
    assert_eq!(home.host_key().metadata().unwrap().mode() & 0o777, 0o600);
    assert!(!home.host_key().starts_with(home.state()));
    let left: Vec<_> = std::fs::read_dir(home.config()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn of_many_that_make_the_key_at_once_all_use_the_same() {
    let (_folder, home) = home();
    let makers: Vec<_> = (0..16)
        .map(|_| {
            let home = home.clone();
            std::thread::spawn(move || Sealer::of_host(&home).unwrap().key_id())
        })
        .collect();
    let mut ids: Vec<String> = makers
        .into_iter()
        .map(|maker| maker.join().unwrap())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[test]
fn a_key_that_others_may_read_is_refused_and_kept() {
    let (_folder, home) = home();
    Sealer::of_host(&home).unwrap();
    let before = std::fs::read(home.host_key()).unwrap();
    std::fs::set_permissions(home.host_key(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = Sealer::of_host(&home).unwrap_err();
    let KeyError::File(FileError { problem, .. }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*problem, FileProblem::TooOpen { mode: 0o644 });
    assert!(
        error
            .to_string()
            .ends_with("may be read by others (mode 0644)"),
        "{error}"
    );
    assert!(error.hints()[0].starts_with("`chmod 600 "));
    assert_eq!(std::fs::read(home.host_key()).unwrap(), before);
}

#[test]
fn a_key_that_cannot_be_understood_is_refused_and_kept() {
    let (_folder, home) = home();
    Sealer::of_host(&home).unwrap();
    let good = std::fs::read_to_string(home.host_key()).unwrap();
    for bad in [
        "",
        "bowline-host-key-1",
        "other 00",
        &good[..40],
        &format!("{}00", good.trim()),
    ] {
        std::fs::write(home.host_key(), bad).unwrap();
        let error = Sealer::of_host(&home).unwrap_err();
        assert!(
            matches!(error, KeyError::Unreadable { .. }),
            "{bad:?}: {error:?}"
        );
        assert!(!error.to_string().contains(&good[20..60]));
        assert_eq!(std::fs::read_to_string(home.host_key()).unwrap(), bad);
    }
}

#[test]
fn no_debug_shows_a_key() {
    let shown = format!("{:?}", sealer(7));
    assert_eq!(shown, format!("Sealer({})", sealer(7).key_id()));
}
