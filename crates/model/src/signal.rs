//! Signals as files and engines write them: `15`, `TERM`, `SIGTERM`, `SIGRTMIN+3`.

/// Names of signals, and their numbers on most processors, as `signal(7)` gives them.
const SIGNALS: &[(&str, i32)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ABRT", 6),
    ("KILL", 9),
    ("USR1", 10),
    ("USR2", 12),
    ("ALRM", 14),
    ("TERM", 15),
    ("WINCH", 28),
    ("PWR", 30),
];
/// The first and the last of the signals that have numbers only, as engines count them.
const REALTIME: [(&str, i32); 2] = [("RTMIN", 34), ("RTMAX", 64)];

/// A signal by its name in capitals and without `SIG`, however it was written. One without a known name stays as it is.
pub fn signal_name(signal: &str) -> String {
    let bare = bare(signal);
    let number = bare.parse();
    let known = SIGNALS.iter().find(|(_, known)| number == Ok(*known));
    known.map_or(bare, |(name, _)| (*name).to_owned())
}

/// The number of a signal, however it was written; `None` for what is no signal known here.
pub fn signal_number(signal: &str) -> Option<i32> {
    let bare = bare(signal);
    let realtime = REALTIME.iter().find_map(|(bound, number)| {
        let offset = bare.strip_prefix(*bound)?;
        let offset = if offset.is_empty() { "0" } else { offset };
        number.checked_add(offset.parse().ok()?)
    });
    let known = SIGNALS.iter().find(|(known, _)| *known == bare);
    let known = known.map(|(_, number)| *number);
    realtime.or(known).or_else(|| bare.parse().ok())
}

fn bare(signal: &str) -> String {
    let upper = signal.to_ascii_uppercase();
    upper.strip_prefix("SIG").unwrap_or(&upper).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_the_same_however_it_is_written() {
        for written in ["15", "TERM", "term", "SIGTERM", "SigTerm"] {
            assert_eq!(signal_name(written), "TERM", "{written}");
            assert_eq!(signal_number(written), Some(15), "{written}");
        }
        assert_eq!(signal_number("SIGRTMIN"), Some(34));
        assert_eq!(signal_number("SIGRTMIN+3"), Some(37));
        assert_eq!(signal_number("RTMAX-1"), Some(63));
    }

    #[test]
    fn what_has_no_known_name_stays_what_it_is() {
        assert_eq!(signal_name("SIGRTMIN+3"), "RTMIN+3");
        assert_eq!(signal_name("47"), "47");
        assert_eq!(signal_number("47"), Some(47));
        assert_eq!(signal_name("nonsense"), "NONSENSE");
        assert_eq!(signal_number("nonsense"), None);
        assert_eq!(signal_number("RTMIN+2147483647"), None);
    }
}
