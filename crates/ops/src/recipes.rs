//! The user's own recipes: `recipes/NAME/recipe.toml` in the project's folder.

use std::path::Path;

use bowline_doctor::OwnRecipes;
use bowline_model::Project;
use bowline_recipes::{Problem, RecipeError, Source};

use crate::problem::printable;
use crate::stack::Surroundings;
use crate::{Failure, inputs};

/// The folder below the project's.
const FOLDER: &str = "recipes";
/// The file in each of its folders.
const FILE: &str = "recipe.toml";

/// Reads the user's own recipes, by their names; none where a stack is known without its files.
///
/// # Errors
///
/// A recipe that cannot be read or used, with the line to mend.
pub(crate) fn own(
    surroundings: &Surroundings,
    project: Option<&Project>,
) -> Result<OwnRecipes, Failure> {
    let Some(project) = project else {
        return Ok(OwnRecipes::default());
    };
    let folder = Path::new(&project.working_dir).join(FOLDER);
    // One byte more than there may be shows that there are more.
    let limit = Source::LARGEST as u64 + 1;
    let found = inputs::in_folders(&folder, FILE, limit).map_err(|error| {
        let folder = shown(&folder, surroundings);
        failure(&format!("cannot read `{folder}`: {error}"))
    })?;
    let mut read = Vec::new();
    // The same holds for their number.
    for (name, (path, bytes)) in found.into_iter().take(Source::MOST + 1) {
        let file = shown(&path, surroundings);
        let bytes = bytes.map_err(|error| failure(&format!("cannot read `{file}`: {error}")))?;
        if bytes.len() > Source::LARGEST {
            return Err(unusable(&RecipeError {
                file,
                line: 1,
                column: 1,
                problem: Problem::TooLarge,
            }));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| failure(&format!("cannot read `{file}`: it is no UTF-8 text")))?;
        read.push((name, file, text));
    }
    let sources = read
        .iter()
        .map(|(name, file, text)| Source { name, file, text });
    OwnRecipes::read(&sources.collect::<Vec<_>>()).map_err(|error| unusable(&error))
}

/// A path as the user finds it: from the current folder on where it is below that.
fn shown(path: &Path, surroundings: &Surroundings) -> String {
    let current = Path::new(&surroundings.current_dir);
    let below = path.strip_prefix(current).ok();
    let below = below.filter(|_| !surroundings.current_dir.is_empty());
    below.unwrap_or(path).display().to_string()
}

fn unusable(error: &RecipeError) -> Failure {
    failure(&error.to_string())
}

fn failure(message: &str) -> Failure {
    Failure::Recipe {
        message: printable(message),
        hints: vec![
            "docs/guide/recipes.md shows how a recipe is written; every `recipes/NAME/recipe.toml` in the project's folder is taken for one"
                .to_owned(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project in a folder, with what stands in the files of its recipes.
    fn project(recipes: &[(&str, &[u8])]) -> (tempfile::TempDir, Project, Surroundings) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in recipes {
            write(&folder.path().join(FOLDER).join(name).join(FILE), text);
        }
        let project = Project {
            working_dir: folder.path().display().to_string(),
            ..Project::default()
        };
        let surroundings = Surroundings {
            current_dir: project.working_dir.clone(),
            ..Surroundings::default()
        };
        (folder, project, surroundings)
    }

    #[expect(clippy::disallowed_methods, reason = "a test makes a user's folder")]
    fn write(path: &Path, text: &[u8]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Why a recipe cannot be used.
    fn error(recipes: &[(&str, &[u8])]) -> String {
        let (_folder, project, surroundings) = project(recipes);
        let failure = own(&surroundings, Some(&project)).unwrap_err();
        assert_eq!(failure.exit_code(), crate::ExitCode::InvalidConfiguration);
        format!("{failure}\n{}", failure.hints().join("\n"))
    }

    #[test]
    fn a_stack_has_no_recipes_where_there_is_no_folder_of_them_or_it_is_somebody_elses() {
        let (folder, project, surroundings) = project(&[]);
        let is_none = || own(&surroundings, Some(&project)).unwrap().is_empty();
        assert!(is_none());
        assert!(own(&surroundings, None).unwrap().is_empty());
        let recipes = folder.path().join(FOLDER);
        write(&recipes.join("pancakes/recipe.md"), b"# Pancakes");
        write(&recipes.join("README.md"), b"# Recipes");
        assert!(is_none());
        write(&recipes.join("till/recipe.toml"), b"about = \"a till\"");
        assert!(!is_none());
    }

    #[test]
    fn what_is_wrong_in_a_recipe_is_said_with_its_place_and_what_to_do() {
        let line = |says: &str, pattern: &str| {
            format!(
                "about = \"a till\"\n[[line]]\nsays = \"{says}\"\nby = \"client\"\nmatch = '{pattern}'\n"
            )
        };
        insta::assert_snapshot!(error(&[("till", line("deadlok", "x").as_bytes())]), @r"
        recipes/till/recipe.toml:3:8: `deadlok` is no word of the vocabulary; did you mean `deadlock`?
        docs/guide/recipes.md shows how a recipe is written; every `recipes/NAME/recipe.toml` in the project's folder is taken for one
        ");
        insta::assert_snapshot!(error(&[("pancakes", b"servings = 4\n")]), @r"
        recipes/pancakes/recipe.toml:1:1: unknown field `servings`, expected one of `about`, `speaks`, `match`, `login`, `data`, `port`, `line`
        docs/guide/recipes.md shows how a recipe is written; every `recipes/NAME/recipe.toml` in the project's folder is taken for one
        ");
        insta::assert_snapshot!(error(&[("till", line("deadlock", "(?:(?:x{1,999}){1,999}){1,999}").as_bytes())]), @r"
        recipes/till/recipe.toml:5:1: the pattern repeats too much; write fewer or smaller repetitions
        docs/guide/recipes.md shows how a recipe is written; every `recipes/NAME/recipe.toml` in the project's folder is taken for one
        ");
        insta::assert_snapshot!(error(&[("any", b"about = \"everything\"\n")]), @r"
        recipes/any/recipe.toml:1:1: the name `any` is taken; give the recipe another one
        docs/guide/recipes.md shows how a recipe is written; every `recipes/NAME/recipe.toml` in the project's folder is taken for one
        ");
        insta::assert_snapshot!(error(&[("till", b"about = \"\xff\"\n")]), @r"
        cannot read `recipes/till/recipe.toml`: it is no UTF-8 text
        docs/guide/recipes.md shows how a recipe is written; every `recipes/NAME/recipe.toml` in the project's folder is taken for one
        ");
        let long = format!("about = \"{}\"\n", "x".repeat(Source::LARGEST));
        insta::assert_snapshot!(error(&[("till", long.as_bytes())]), @r"
        recipes/till/recipe.toml:1:1: a recipe may have 65536 bytes, and this one has more; split it, a folder for each
        docs/guide/recipes.md shows how a recipe is written; every `recipes/NAME/recipe.toml` in the project's folder is taken for one
        ");
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let (folder, project, surroundings) = project(&[]);
        let path = folder.path().join(FOLDER).join("till").join(FILE);
        write(&path.join("inside"), b"");
        let failure = own(&surroundings, Some(&project)).unwrap_err();
        insta::assert_snapshot!(failure, @"cannot read `recipes/till/recipe.toml`: it is no file");
    }
}
