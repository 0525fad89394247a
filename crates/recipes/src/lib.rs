//! What bowline knows about the servers that people run.
//!
//! A [`Recipe`] is data, one folder a server under `recipes/`: how to recognise a container that runs it, where it is
//! told its first accounts, where its data is, and what the lines of its log mean. [`Recipes::builtin`] has all of
//! them, [`Recipes::with`] adds a user's own. A [`Reading`] then says line by line what a log says, in the closed
//! vocabulary [`Says`].
//!
//! Nothing here knows why a stack is broken: a line is a fact, and what follows from facts is the doctor's. Nothing here
//! reads a file or a log either; texts come in as arguments.
//!
//! Where to read next: `recipes/postgres/recipe.toml` for what a recipe looks like, [`Says`] for what lines can say,
//! `reading` for how they are found. How a text was proven is in the cases beside each recipe, and `tests/cases.rs`
//! holds every one of them.

mod builtin;
mod kept;
mod load;
mod matching;
mod needles;
mod reading;
mod recipe;
mod recipes;
mod says;

pub use load::{Problem, RecipeError, Source};
pub use matching::{Server, repository};
pub use reading::{Reading, Said};
pub use recipe::{
    By, DataFolder, Line, Login, Matching, Moved, Pattern, Piece, Proof, Protocol, Recipe,
    ServerPort, Told,
};
pub use recipes::Recipes;
pub use says::Says;
