//! All recipes together.

use std::sync::OnceLock;

use crate::builtin::{ANY, SOURCES};
use crate::load::{self, Problem, RecipeError, Source};
use crate::matching::{self, Server};
use crate::reading::{Reading, Texts};
use crate::recipe::Recipe;

/// What is known about servers, in an order that never changes: a user's own first, then bowline's by name.
#[derive(Debug)]
pub struct Recipes {
    all: Vec<Recipe>,
    /// How many of them, from the first on, are a user's own.
    own: usize,
    /// Made when the first log is read.
    texts: OnceLock<Texts>,
}

impl Recipes {
    /// The recipes that bowline brings. The first call reads them, within a few milliseconds.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Recipes> = OnceLock::new();
        BUILTIN.get_or_init(|| Self {
            all: builtin_recipes(),
            own: 0,
            texts: OnceLock::new(),
        })
    }

    /// The recipes that bowline brings, and a user's own. One with the name of one of bowline's takes its place;
    /// of two with the same name the first is right and the second refused, and `any` is bowline's. What the lines of a
    /// user's own say is not proven, whatever it says of itself.
    ///
    /// # Errors
    ///
    /// The first recipe that cannot be used, with the line to mend.
    pub fn with(sources: &[Source<'_>]) -> Result<Self, RecipeError> {
        let mut all: Vec<Recipe> = Vec::new();
        for source in sources {
            let recipe = load::parse_own(*source)?;
            if all.len() == Source::MOST {
                return Err(load::error_at(*source, 0, Problem::TooMany));
            }
            if source.name == ANY || all.iter().any(|it| it.name == source.name) {
                let problem = Problem::NameTaken(source.name.to_owned());
                return Err(load::error_at(*source, 0, problem));
            }
            all.push(recipe);
        }
        let own = all.len();
        for recipe in builtin_recipes() {
            if all[..own].iter().all(|it| it.name != recipe.name) {
                all.push(recipe);
            }
        }
        let texts = match (Texts::of(&all), sources.last()) {
            (Ok(texts), _) => OnceLock::from(texts),
            (Err(error), Some(source)) => {
                let problem = Problem::Pattern(error.to_string());
                return Err(load::error_at(*source, 0, problem));
            }
            (Err(_), None) => OnceLock::new(),
        };
        Ok(Self { all, own, texts })
    }

    /// Every recipe.
    pub fn iter(&self) -> impl Iterator<Item = &Recipe> {
        self.all.iter()
    }

    /// The recipe of this name.
    pub fn named(&self, name: &str) -> Option<&Recipe> {
        self.all.iter().find(|recipe| recipe.name == name)
    }

    /// The recipe of the server that a container runs, or `None` where nothing speaks for one clearly enough.
    ///
    /// A program in the command counts most, then the image's repository, then its last part alone, then a variable
    /// that only that server reads, then a port. A port alone is not enough, nor is a variable. A container whose
    /// command is a client, an idle program or a shell's text without the server in it runs no server, whatever its
    /// image is. Of two recipes that fit as well, the first in order counts, so the answer is always the same.
    pub fn of(&self, server: &Server<'_>) -> Option<&Recipe> {
        let mut best: Option<(u32, &Recipe)> = None;
        for recipe in &self.all {
            let score = matching::score(recipe, server);
            if score > best.map_or(0, |(best, _)| best) {
                best = Some((score, recipe));
            }
        }
        best.map(|(_, recipe)| recipe)
    }

    /// Reads the log of a container in which the server of `recipe` runs; `None` is any other program.
    ///
    /// The first call makes all patterns ready, within a few milliseconds; every further one is free.
    pub fn reading(&self, recipe: Option<&Recipe>) -> Reading<'_> {
        let server = recipe.and_then(|it| self.all.iter().position(|one| one.name == it.name));
        Reading {
            texts: self.texts(),
            recipes: &self.all,
            own: self.own,
            server,
        }
    }

    fn texts(&self) -> &Texts {
        self.texts
            .get_or_init(|| Texts::of(&self.all).expect("every pattern compiles"))
    }
}

/// Parses what is built in.
#[expect(clippy::panic, reason = "a test reads every built-in recipe")]
fn builtin_recipes() -> Vec<Recipe> {
    let parse = |source: &Source<'static>| match load::parse(*source) {
        Ok(recipe) => recipe,
        Err(error) => panic!("{error}"),
    };
    SOURCES.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_a_built_in_recipe_is_right() {
        for source in SOURCES {
            let recipe = load::parse(*source).unwrap();
            load::check(*source, &recipe).unwrap();
        }
    }

    /// One without would be tried on every line of every log.
    #[test]
    fn every_pattern_of_a_built_in_recipe_has_a_text_that_must_be_there() {
        let lines = Recipes::builtin().iter().flat_map(|recipe| &recipe.lines);
        for pattern in lines.flat_map(|line| &line.patterns) {
            assert!(
                crate::needles::of_pattern(&pattern.text).is_some(),
                "{pattern:?}"
            );
        }
    }
}
