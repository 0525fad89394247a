//! The engine is killed in the middle of an operation, and disks run full. On engines that these tests start.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test of the binary starts programs, ends where that fails, and says its seed"
)]

mod crash;
mod program;

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bowline_testkit::{Chance, is_full_run, seed};
use crash::own::OwnEngine;
use crash::{Case, Expected, Shop};

/// What a program says until its end, and its exit code.
fn end_of(mut child: Child) -> (i32, String) {
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code().unwrap(), said)
}

/// Goes on after the engine is back. An old engine may have lost track of a container that it was starting; this is
/// found out by starting it, and the second time it is made again.
fn bring_back(shop: &Shop, case: Case, point: &str) {
    let (code, said) = end_of(shop.bowline.start(&[case.verb()]));
    if code != 0 {
        let hint = "`bowline up` once more makes it again";
        assert!(code == 1 && said.contains(hint), "{point}: {code}\n{said}");
        shop.ends(0, &[case.verb()], point);
    }
}

#[test]
fn an_engine_that_is_killed_is_named_and_what_was_begun_is_completed_when_it_is_back() {
    let seed = seed();
    eprintln!("BOWLINE_TEST_SEED={seed}");
    let mut chance = Chance::new(seed);
    let mut engine = OwnEngine::up("death", &[]);
    let shop = Shop::new(engine.host(), "engine-killed");
    // What was frozen does not outlive an engine.
    let cases = [Case::Up, Case::ChangedUp, Case::Down];
    let expected = cases.map(|case| Expected::of(&shop, case));
    let (kills, mut lost) = (if is_full_run() { 10 } else { 1 }, 0);
    for kill in 0..kills {
        let which = usize::try_from(chance.below(3)).unwrap();
        let (case, expected) = (cases[which], &expected[which]);
        case.prepare(&shop);
        let begun = Instant::now();
        let child = shop.bowline.start(&[case.verb()]);
        // sleeps because: the moment is drawn from the length of the operation
        std::thread::sleep(Duration::from_millis(chance.below(expected.millis() / 2)));
        engine.call("kill", &[]);
        let point = format!(
            "kill {kill}, {case:?} after {} ms, seed {seed}",
            begun.elapsed().as_millis()
        );
        let (code, said) = end_of(child);
        if code != 0 {
            lost += 1;
            assert_eq!(code, 4, "{point}\n{said}");
            assert!(
                said.contains(engine.host().trim_start_matches("unix://")),
                "{point}: it does not name the engine:\n{said}"
            );
        }
        engine.start(&[]);
        bring_back(&shop, case, &point);
        assert_eq!(shop.there(), expected.after, "{point}");
    }
    eprintln!("{kills} kills, {lost} of them within an operation");
    drop(shop);
}

#[test]
fn a_full_disk_of_the_engine_is_named_and_the_next_up_goes_on() {
    let engine = OwnEngine::up("full", &["--disk", "700"]);
    let shop = Shop::new(engine.host(), "engine-full");
    let expected = Expected::of(&shop, Case::ChangedUp);

    Case::ChangedUp.prepare(&shop);
    engine.call("fill", &[]);
    let said = shop.ends(1, &["up"], "full");
    assert!(said.contains("no space left"), "{said}");
    assert!(
        said.contains("hint: free space on the engine's disk"),
        "{said}"
    );
    let there = shop.there();
    assert_eq!(there.mark, expected.before.mark, "the data is as it was");
    engine.call("free", &[]);
    shop.ends(0, &["up"], "free again");
    assert_eq!(shop.there(), expected.after);

    // With a little room it fails in the middle.
    let expected = Expected::of(&shop, Case::Up);
    let mut failed_half_way = 0;
    for room in ["32", "64", "128", "256", "512"] {
        Case::Up.prepare(&shop);
        engine.call("fill", &["--leave", room]);
        let (code, said) = end_of(shop.bowline.start(&["up"]));
        if code != 0 {
            assert_eq!(code, 1, "{room} KiB: {said}");
            assert!(said.contains("no space left"), "{room} KiB: {said}");
            failed_half_way += u32::from(said.contains("ok create"));
        }
        engine.call("free", &[]);
        shop.ends(0, &["up"], "free again");
        assert_eq!(shop.there(), expected.after, "{room} KiB");
    }
    assert!(failed_half_way > 0);
    drop(shop);
}

#[test]
fn a_full_disk_of_the_state_is_named_and_the_next_up_goes_on() {
    let shop = Shop::new(&bowline_testkit::engine_host(), "state-full");
    // A file system of its own for the state: in a mount namespace, so that nobody else sees it.
    let steps = "mkdir -p state && mount -t tmpfs -o size=1m,mode=700 tmpfs state || exit 99
        dd if=/dev/zero of=state/filler bs=4k 2>/dev/null
        \"$0\" up; echo \"full: $?\" >&2
        rm state/filler
        \"$0\" up; echo \"free: $?\" >&2";
    let bowline = shop.bowline.command(&[]);
    let mut shell = Command::new("unshare");
    shell.args(["--map-root-user", "--mount", "sh", "-c", steps]);
    shell.arg(bowline.get_program());
    shell.current_dir(shop.bowline.folder()).env_clear();
    shell.envs(
        bowline
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    let child = shell
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (_, said) = end_of(child);
    assert!(said.contains("full: 1\n"), "{said}");
    assert!(said.contains("the disk is full"), "{said}");
    assert!(said.contains("hint: free space on the disk of"), "{said}");
    assert!(said.contains("free: 0\n"), "{said}");
    assert_eq!(shop.there(), Expected::of(&shop, Case::Up).after);
}
