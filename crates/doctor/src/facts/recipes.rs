//! The user's own recipes with which a look was taken: they belong to what was seen, so that it means the same elsewhere.

use std::fmt;
use std::sync::Arc;

use bowline_recipes::{RecipeError, Recipes, Source};
use serde::{Deserialize, Serialize};

use crate::tokens::Mask;

/// A user's own recipes, each of which can be used. Reading them a second time costs nothing.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<RecipeText>", into = "Vec<RecipeText>")]
pub struct OwnRecipes {
    texts: Vec<RecipeText>,
    /// They and bowline's; `None` where there are only bowline's.
    known: Option<Arc<Recipes>>,
}

/// A recipe, as a recording has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RecipeText {
    name: String,
    text: String,
}

impl OwnRecipes {
    /// Reads recipes, the one first that counts most.
    ///
    /// # Errors
    ///
    /// The first that cannot be used, with the line to mend.
    pub fn read(sources: &[Source<'_>]) -> Result<Self, RecipeError> {
        if sources.is_empty() {
            return Ok(Self::default());
        }
        let known = Recipes::with(sources)?;
        let texts = sources.iter().map(|source| RecipeText {
            name: source.name.to_owned(),
            text: source.text.to_owned(),
        });
        Ok(Self {
            texts: texts.collect(),
            known: Some(Arc::new(known)),
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// They, and bowline's behind them.
    pub(crate) fn known(&self) -> &Recipes {
        match &self.known {
            Some(known) => known,
            None => Recipes::builtin(),
        }
    }

    /// The same as they may be recorded: no secret value is in them.
    pub(crate) fn masked(&self, mask: &Mask) -> Self {
        let kept = self.texts.iter().filter_map(|recipe| {
            let text = recipe.source("").kept(&|text| mask.known(text))?;
            let name = recipe.name.clone();
            Some(RecipeText { name, text })
        });
        // Each can be used as it was before, since only what nobody reads by its words is another text.
        Self::try_from(kept.collect::<Vec<_>>()).unwrap_or_default()
    }
}

impl RecipeText {
    fn source<'s>(&'s self, file: &'s str) -> Source<'s> {
        Source {
            name: &self.name,
            file,
            text: &self.text,
        }
    }
}

impl TryFrom<Vec<RecipeText>> for OwnRecipes {
    type Error = RecipeError;

    fn try_from(texts: Vec<RecipeText>) -> Result<Self, RecipeError> {
        let files: Vec<String> = texts
            .iter()
            .map(|recipe| format!("recipes/{}/recipe.toml", recipe.name))
            .collect();
        let sources: Vec<Source<'_>> = texts
            .iter()
            .zip(&files)
            .map(|(recipe, file)| recipe.source(file))
            .collect();
        Self::read(&sources)
    }
}

impl From<OwnRecipes> for Vec<RecipeText> {
    fn from(recipes: OwnRecipes) -> Self {
        recipes.texts
    }
}

impl PartialEq for OwnRecipes {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl fmt::Debug for OwnRecipes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.texts).finish()
    }
}
