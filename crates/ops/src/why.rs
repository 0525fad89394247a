//! Why an operation failed, where the doctor knows it at once.

use std::time::Duration;

use bowline_core::Halt;
use bowline_doctor::{Bounds, Confidence, CulpritKind, Finding};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::doctor::{DoctorRequest, looked_for};
use crate::operate::Done;
use crate::problem::Problem;
use crate::stack::{StackOptions, Surroundings};

/// How long a failure may be kept from the user for the sake of its cause.
const PATIENCE: Duration = Duration::from_secs(2);

/// A look that is over by then, whatever it could not see. Nothing is made for it, since it may be dropped.
fn bounds() -> Bounds {
    Bounds {
        look: Duration::from_secs(1),
        whole: Duration::from_millis(1200),
        answer: Duration::from_millis(600),
        instruments: 0,
        ..Bounds::default()
    }
}

/// Looks at the stack once where something did not start or become ready, and puts the first cause that explains it to
/// its problem. Says nothing after an interrupt, without an engine, or when it takes longer than two seconds.
pub(crate) async fn explain(
    surroundings: &Surroundings,
    stack: &StackOptions,
    done: &mut Done,
    mut halt: watch::Receiver<Option<Halt>>,
) {
    let worth = done.problems.iter().any(|problem| problem.is_about_a_run);
    if !worth || done.is_cut_short() {
        return;
    }
    let request = DoctorRequest {
        stack: stack.clone(),
        ..DoctorRequest::default()
    };
    // On the heap: it would make every verb's future large.
    let look = Box::pin(looked_for(surroundings, &request, None, bounds()));
    let is_over = |halt: &Option<Halt>| matches!(halt, Some(Halt::Interrupted | Halt::LockLost));
    let answer = tokio::select! {
        answer = timeout(PATIENCE, look) => answer,
        Ok(_) = halt.wait_for(is_over) => return,
    };
    // The failure itself is shown in any case; that nothing more is known of it is no failure of its own.
    if let Ok(Ok(answer)) = answer {
        attach(&answer.value.diagnosis.causes, &mut done.problems);
    }
}

/// Puts the first cause that is at least likely and explains a problem to that problem.
fn attach(causes: &[Finding], problems: &mut [Problem]) {
    let is_sure = |cause: &&Finding| cause.confidence >= Confidence::Likely;
    for cause in causes.iter().filter(is_sure) {
        let explained = problems
            .iter_mut()
            .filter(|problem| problem.is_about_a_run)
            .find(|problem| {
                let service = problem.service.as_deref();
                service.is_some_and(|service| explains(cause, service))
            });
        if let Some(problem) = explained {
            problem.why = Some(Box::new(cause.clone()));
            return;
        }
    }
}

/// Whether a cause is about a service, or breaks it.
fn explains(cause: &Finding, service: &str) -> bool {
    let is_culprit = cause.culprit.kind == CulpritKind::Service && cause.culprit.name == service;
    is_culprit
        || cause.services.iter().any(|name| name == service)
        || cause.affects.iter().any(|affected| affected == service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage;

    fn problem(service: &str, is_about_a_run: bool) -> Problem {
        Problem {
            service: Some(service.to_owned()),
            is_about_a_run,
            ..Problem::default()
        }
    }

    /// The service whose problem gets a cause, and the culprit of that.
    fn explained(causes: &[Finding], mut problems: Vec<Problem>) -> Vec<(String, String)> {
        attach(causes, &mut problems);
        let explained = problems.into_iter().filter_map(|problem| {
            let why = problem.why?;
            Some((problem.service?, why.culprit.name))
        });
        explained.collect()
    }

    #[test]
    fn the_first_cause_that_explains_a_problem_is_put_to_it_and_no_other() {
        let mut db = stage::finding("db");
        db.affects = vec!["api".to_owned()];
        let causes = [stage::finding("cache"), db, stage::finding("api")];
        let problems = || vec![problem("web", true), problem("api", true)];
        let api = [("api".to_owned(), "db".to_owned())];
        assert_eq!(explained(&causes, problems()), api);
    }

    #[test]
    fn a_guess_and_what_is_wrong_elsewhere_explain_nothing() {
        let guess = Finding {
            confidence: Confidence::Possible,
            ..stage::finding("api")
        };
        let causes = [guess, stage::finding("cache")];
        assert_eq!(explained(&causes, vec![problem("api", true)]), []);
        // An image that cannot be pulled is not a matter of how anything runs.
        let causes = [stage::finding("api")];
        assert_eq!(explained(&causes, vec![problem("api", false)]), []);
    }
}
