//! bowline is killed with signal 9 at every request and at random moments, on a real engine. The next `up` or `undo`
//! makes of it what was wanted, or what was before.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test of the binary ends where that fails, and says its seed"
)]

mod crash;
mod program;

use std::time::Duration;

use bowline_testkit::{Chance, Gate, Moment, engine_host, is_full_run, seed};
use crash::{CASES, Case, Expected, Shop};

/// Puts right what a kill left, and looks whether it is right.
fn recover(shop: &Shop, case: Case, expected: &Expected, undoes: bool, point: &str) {
    if undoes && shop.is_open() {
        shop.ends(0, &["undo"], point);
        assert_eq!(
            shop.there().without_what_stays(),
            expected.before.clone().without_what_stays(),
            "{point}, undone"
        );
    }
    shop.ends(0, &[case.verb()], point);
    let there = shop.there();
    assert_eq!(there, expected.after, "{point}");
    let again = shop.ends(0, &[case.verb()], point);
    assert!(again.contains("nothing to do"), "{point}: {again}");
}

/// Kills at one point; `None` says that the operation has fewer requests and was done.
fn kill_at(shop: &Shop, case: Case, number: u64, moment: Moment) -> Option<String> {
    let gate = Gate::open(shop.host(), usize::try_from(number).unwrap(), moment);
    let request = gate.let_through(|| shop.start_through(&gate.host(), &[case.verb()]))?;
    Some(format!("{case:?}, {moment:?}, request {number}: {request}"))
}

/// Every point of a case, or some that chance chooses: numbers of requests with a moment each.
fn at_points(case: Case, name: &str) {
    let (seed, shop) = (seed(), Shop::new(&engine_host(), name));
    eprintln!("BOWLINE_TEST_SEED={seed}");
    let mut chance = Chance::new(seed);
    let expected = Expected::of(&shop, case);
    // Every so many requests one, in a sample.
    let is_short = matches!(case, Case::Pause | Case::Unpause);
    let stride = if is_short { 2 } else { 5 };
    let first = chance.below(stride);
    let mut kills = 0;
    'requests: for number in 0_u64.. {
        let moments: &[Moment] = if is_full_run() {
            &Moment::ALL
        } else if number % stride == first {
            &[*chance.one_of(&Moment::ALL)]
        } else {
            &[]
        };
        for moment in moments {
            case.prepare(&shop);
            let Some(point) = kill_at(&shop, case, number, *moment) else {
                break 'requests;
            };
            kills += 1;
            recover(&shop, case, &expected, kills % 3 == 0, &point);
        }
    }
    eprintln!("{case:?}: {kills} kills");
    let enough = match (is_full_run(), is_short) {
        (true, false) => 40,
        (true, true) => 12,
        (false, _) => 2,
    };
    assert!(kills >= enough, "{kills} kills");
}

#[test]
fn an_up_that_is_killed_at_any_request_is_completed_or_taken_back() {
    at_points(Case::Up, "points-up");
}

#[test]
fn a_changed_up_that_is_killed_at_any_request_is_completed_or_taken_back() {
    at_points(Case::ChangedUp, "points-changed");
}

#[test]
fn a_down_that_is_killed_at_any_request_is_completed_or_taken_back() {
    at_points(Case::Down, "points-down");
}

#[test]
fn a_pause_that_is_killed_at_any_request_is_completed_or_taken_back() {
    at_points(Case::Pause, "points-pause");
}

#[test]
fn an_unpause_that_is_killed_at_any_request_is_completed_or_taken_back() {
    at_points(Case::Unpause, "points-unpause");
}

#[test]
fn operations_that_are_killed_at_random_moments_are_completed_or_taken_back() {
    let (seed, shop) = (seed(), Shop::new(&engine_host(), "random"));
    eprintln!("BOWLINE_TEST_SEED={seed}");
    let mut chance = Chance::new(seed);
    let expected = CASES.map(|case| Expected::of(&shop, case));
    let kills = if is_full_run() { 100 } else { 6 };
    for kill in 0..kills {
        let cases = u64::try_from(CASES.len()).unwrap();
        let which = usize::try_from(chance.below(cases)).unwrap();
        let (case, expected) = (CASES[which], &expected[which]);
        case.prepare(&shop);
        let millis = chance.below(expected.millis());
        let mut child = shop.start_through(shop.host(), &[case.verb()]);
        // sleeps because: the moment is drawn from the length of the operation
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
        let point = format!("kill {kill}, {case:?} after {millis} ms, seed {seed}");
        recover(&shop, case, expected, kill % 3 == 2, &point);
    }
}
