//! Where in the user's own text a value stands.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A place in a file of the user's. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The file: a path from the current folder where it lies below that, else an absolute one; `-` is standard input.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Where each field of a [`Project`](crate::Project) was written, by field path.
///
/// A path reads as people write it: `services.web.ports[0].published`. Fields that nobody wrote (defaults)
/// have no place of their own; [`Origins::nearest`] then answers with that of the closest field around them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origins {
    places: BTreeMap<String, Place>,
    /// Variables of services whose values stand in a file as they are, by `services.web.environment.KEY` in either form
    /// of writing them.
    in_clear: BTreeMap<String, Place>,
}

impl Origins {
    /// Remembers where `path` was written; a later call for the same path replaces the earlier one.
    pub fn insert(&mut self, path: String, place: Place) {
        self.places.insert(path, place);
    }

    /// Remembers that a variable of a service has its value from the file itself, and where.
    pub fn insert_in_clear(&mut self, service: &str, key: &str, place: Place) {
        self.in_clear.insert(variable(service, key), place);
    }

    /// Returns where exactly this field was written.
    pub fn get(&self, path: &str) -> Option<&Place> {
        self.places.get(path)
    }

    /// Returns where a variable of a service stands with its value; `None` where the value comes out of another variable,
    /// out of the shell or out of an env file.
    pub fn in_clear(&self, service: &str, key: &str) -> Option<&Place> {
        self.in_clear.get(&variable(service, key))
    }

    /// Returns where this field was written, or else the closest field that encloses it.
    pub fn nearest(&self, path: &str) -> Option<&Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return Some(place);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

fn variable(service: &str, key: &str) -> String {
    format!("services.{service}.environment.{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defaulted_field_answers_with_the_place_of_what_encloses_it() {
        let mut origins = Origins::default();
        let place = Place {
            file: "compose.yaml".into(),
            line: 7,
            column: 9,
        };
        origins.insert("services.web.ports[0]".into(), place.clone());

        assert_eq!(origins.get("services.web.ports[0].protocol"), None);
        assert_eq!(
            origins.nearest("services.web.ports[0].protocol"),
            Some(&place)
        );
        assert_eq!(origins.nearest("volumes.data"), None);
    }
}
