//! What is in question because of what was seen first, looked at side by side.

use std::collections::BTreeSet;

use bowline_model::{ObservedContainer, PathChange, PathChangeKind};
use futures_util::future::{join, join_all, join3};
use tokio::time::timeout;

use super::{Looking, files, ports, tries, wider, within};
use crate::facts::{Facts, FileFact, Look, TriedFact, Unseen, WhyUnseen};
use crate::questions::{self, Question};
use crate::tokens::{Mask, Tokens};
use crate::within::{Missed, Reply, Request};

/// What is to be looked at, by how that is done.
#[derive(Default)]
struct Sorted<'c> {
    files: Vec<(&'c ObservedContainer, String)>,
    tries: Vec<(&'c ObservedContainer, tries::Try)>,
    ports: BTreeSet<String>,
    names: BTreeSet<String>,
    /// The containers whose difference from their image is wanted.
    doubted: Vec<&'c ObservedContainer>,
}

impl<'c> Sorted<'c> {
    fn new(questions: Vec<Question>, containers: &'c [ObservedContainer]) -> Self {
        let by_name = |name: &str| containers.iter().find(|container| container.name == name);
        let mut sorted = Self::default();
        for question in questions {
            match question {
                Question::File { container, path } => {
                    let container = by_name(&container);
                    sorted
                        .files
                        .extend(container.map(|container| (container, path)));
                }
                Question::Try(wanted) => {
                    let from = by_name(&wanted.from);
                    sorted.tries.extend(from.map(|from| (from, wanted)));
                }
                Question::Port(port) => {
                    sorted.ports.insert(port);
                }
                Question::Name(name) => {
                    sorted.names.insert(name);
                }
                Question::Changes(container) => sorted.doubted.extend(by_name(&container)),
                Question::Ask(_) => {}
            }
        }
        sorted
    }
}

impl Looking<'_> {
    /// Looks at what is in question because of what was seen.
    pub(super) async fn answers(
        &mut self,
        facts: &mut Facts,
        containers: &[ObservedContainer],
        (tokens, mask): (&Tokens, &Mask),
        asked: &mut BTreeSet<Question>,
    ) {
        self.hurry();
        if self.bounds.look.is_zero() {
            self.misses(WhyUnseen::TooSlow);
            return;
        }
        let mut questions = questions::of(facts);
        questions.retain(|question| asked.insert(question.clone()));
        let asks = self.asks(&mut questions);
        let is_try = |question: &Question| matches!(question, Question::Try(_));
        if !self.bounds.tries && questions.iter().any(is_try) {
            questions.retain(|question| !is_try(question));
            self.misses(WhyUnseen::NotWanted);
        }
        if questions.len() > self.bounds.questions {
            questions.truncate(self.bounds.questions);
            self.misses(WhyUnseen::TooMany);
        }
        let sorted = Sorted::new(questions, containers);
        let files = sorted.files.into_iter();
        let files = join_all(files.map(|(container, path)| self.file(container, path, mask)));
        let tries = sorted.tries.into_iter();
        let tries = join_all(tries.map(|(from, wanted)| self.attempt(from, wanted)));
        let held = within(self.bounds, ports::holders(self.engine, sorted.ports));
        let asks = self.ask_all(asks, containers, (tokens, mask));
        let names = within(self.bounds, wider::names(self.engine, &sorted.names));
        let differences = join_all(sorted.doubted.iter().map(|container| {
            let look = wider::changes(self.engine, container);
            within(self.bounds, look)
        }));
        let looked = join3(files, tries, asks);
        let wider = join3(held, names, differences);
        let ((files, tries, answers), (held, names, differences)) = join(looked, wider).await;
        self.add_asked(facts, answers);
        facts.ports.extend(held.unwrap_or_default());
        facts.names.extend(names.unwrap_or_default());
        self.add_looked(facts, files, tries);
        self.add_changes(facts, &sorted.doubted, differences);
    }

    /// Notes that not everything in question was looked at.
    fn misses(&mut self, cause: WhyUnseen) {
        self.unseen.push(Unseen {
            look: Look::Tries,
            cause,
        });
    }

    /// Adds what is at paths and what came of tries, or that nobody could look.
    fn add_looked(
        &mut self,
        facts: &mut Facts,
        files: Vec<Result<FileFact, Unseen>>,
        tries: Vec<Result<TriedFact, WhyUnseen>>,
    ) {
        for file in files {
            match file {
                Ok(file) => facts.files.push(file),
                Err(unseen) => self.unseen.push(unseen),
            }
        }
        for outcome in tries {
            match outcome {
                Ok(fact) => facts.tried.push(fact),
                Err(cause) => self.unseen.push(Unseen {
                    look: Look::Tries,
                    cause,
                }),
            }
        }
    }

    /// Adds what was changed in containers.
    fn add_changes(
        &mut self,
        facts: &mut Facts,
        doubted: &[&ObservedContainer],
        differences: Vec<Result<Vec<PathChange>, WhyUnseen>>,
    ) {
        for (container, difference) in doubted.iter().zip(differences) {
            let name = container.name.clone();
            match difference {
                Ok(changes) => {
                    let added = changes
                        .iter()
                        .filter(|change| change.kind == PathChangeKind::Added);
                    let added = added.map(|change| change.path.clone()).collect();
                    facts.added.insert(name.clone(), added);
                    let paths = changes.into_iter().map(|change| change.path);
                    facts.changes.insert(name, paths.collect());
                }
                Err(cause) => self.unseen.push(Unseen {
                    look: Look::Changes(name),
                    cause,
                }),
            }
        }
    }

    async fn file(
        &self,
        container: &ObservedContainer,
        path: String,
        mask: &Mask,
    ) -> Result<FileFact, Unseen> {
        let looked = timeout(self.bounds.look, self.at_path(container, &path, mask));
        let looked = looked.await.unwrap_or(Err(WhyUnseen::TooSlow));
        looked.map_err(|cause| Unseen {
            look: Look::File {
                container: container.name.clone(),
                path,
            },
            cause,
        })
    }

    /// Says what is at a path of a container: from within where that is possible, else as the engine sees it.
    async fn at_path(
        &self,
        container: &ObservedContainer,
        path: &str,
        mask: &Mask,
    ) -> Result<FileFact, WhyUnseen> {
        let seen = self.put(container, Request::Path(path.to_owned())).await;
        if let Ok(Reply::Path(seen)) = seen {
            return Ok(files::fact(&container.name, path, seen, mask));
        }
        files::by_engine(self.engine, container, path, mask).await
    }

    async fn attempt(
        &self,
        from: &ObservedContainer,
        wanted: tries::Try,
    ) -> Result<TriedFact, WhyUnseen> {
        let dial = wanted.dial(self.bounds.answer);
        let Reply::Dialled(tried) = self.put(from, Request::Dial(dial)).await? else {
            return Err(Missed::unfit().into());
        };
        Ok(tried.fact(&wanted.from, &wanted.host))
    }
}
