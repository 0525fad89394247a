//! Reads what Rust's test harness prints, to count tests over many test programs.

/// What one or several test programs reported.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) left_out: u64,
    /// Names of the failed ones.
    pub(crate) failures: Vec<String>,
}

impl Count {
    /// Takes in one line of output.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
        let Some(result) = line.trim().strip_prefix("test result: ") else {
            return;
        };
        for part in result.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.left_out += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_programs_add_up() {
        let mut count = Count::default();
        for line in [
            "running 3 tests",
            "test plan::works ... ok",
            "test plan::breaks ... FAILED",
            "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.00s",
            "test result: ok. 28 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s",
        ] {
            count.read(line);
        }
        let failures = vec!["plan::breaks".to_owned()];
        assert_eq!(
            count,
            Count {
                passed: 29,
                failed: 1,
                left_out: 1,
                failures
            }
        );
    }

    #[test]
    fn a_test_that_prints_something_similar_is_not_counted() {
        let mut count = Count::default();
        count.read("it said: test result: ok. 5 passed");
        assert_eq!(count, Count::default());
    }
}
