//! The name that was probably meant, for hints.

/// The longest name that is compared; nobody mistypes a longer one by a letter.
const LONGEST: usize = 64;

/// Finds the candidate closest to `name`, if one is close enough to be a slip of the fingers.
///
/// One letter in three may be wrong, at least one in all; two neighbours swapped are one mistake.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edit distance in which swapping two neighbours counts once.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len() > LONGEST || other.len() > LONGEST {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=other.len()).collect();
    for i in 1..=one.len() {
        for j in 1..=other.len() {
            let change = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_finds_what_was_meant_and_a_different_word_finds_nothing() {
        let services = ["api", "postgres", "worker", "web"];
        assert_eq!(nearest("postgers", services), Some("postgres"));
        assert_eq!(nearest("workers", services), Some("worker"));
        assert_eq!(nearest("ap", services), Some("api"));
        assert_eq!(nearest("gateway", services), None);
    }

    #[test]
    fn a_slip_of_the_fingers_finds_the_field_that_was_meant() {
        let fields = [
            "environment",
            "env_file",
            "image",
            "volumes",
            "volumes_from",
            "ports",
        ];
        assert_eq!(nearest("enviroment", fields), Some("environment"));
        assert_eq!(nearest("prots", fields), Some("ports"));
        assert_eq!(nearest("volume", fields), Some("volumes"));
        assert_eq!(nearest("replicas", fields), None);
    }
}
