//! Maps whose values may be secret: labels, driver options, environments.
//!
//! They exist so that `{:?}` of anything that holds one is harmless. Serialising one writes the values in
//! full, because a journal must be able to make the object again; whoever stores the result encrypts it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{MASK, Secret, is_secret_key, mask_command, mask_line};

/// Labels of an object, by key.
pub type Labels = TextMap;

/// Text by key, in the order of the keys. `Debug` masks what [`is_secret_key`] and [`mask_line`] call secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextMap(BTreeMap<String, String>);

impl TextMap {
    /// Tells whether every pair of `other` is here too, with the same value.
    pub fn contains_all(&self, other: &TextMap) -> bool {
        other
            .iter()
            .all(|(key, value)| self.0.get(key) == Some(value))
    }
}

impl Deref for TextMap {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for TextMap {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl From<BTreeMap<String, String>> for TextMap {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for TextMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for TextMap {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a TextMap {
    type Item = (&'a String, &'a String);
    type IntoIter = std::collections::btree_map::Iter<'a, String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Debug for TextMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(key, value)| {
            let value = if is_secret_key(key) {
                MASK.to_owned()
            } else {
                mask_line(value)
            };
            (key, value)
        });
        f.debug_map().entries(shown).finish()
    }
}

/// The environment of a container, in the order it is given to the engine.
///
/// A name without a value (`None`) is stored by the engine as the bare name, and hides the image's value of
/// that name. `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvSpec(IndexMap<String, Option<Secret>>);

impl EnvSpec {
    /// Sets one variable; an earlier value of the same name keeps its position and loses its value.
    pub fn set(&mut self, name: impl Into<String>, value: Option<String>) {
        self.0.insert(name.into(), value.map(Secret::new));
    }

    /// Returns the value of a variable: `None` when it is absent, `Some(None)` when it is a bare name.
    pub fn get(&self, name: &str) -> Option<Option<&Secret>> {
        self.0.get(name).map(Option::as_ref)
    }

    /// Goes through the variables in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&Secret>)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_ref()))
    }

    /// Returns how many variables there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the engine's own form, `NAME=value` or a bare `NAME` per entry. The last of equal names wins.
    pub fn from_entries<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let mut env = Self::default();
        for entry in entries {
            match entry.split_once('=') {
                Some((name, value)) => env.set(name, Some(value.to_owned())),
                None => env.set(entry, None),
            }
        }
        env
    }

    /// Writes the engine's own form. The result holds the values in the clear.
    pub fn to_entries(&self) -> Vec<String> {
        self.iter()
            .map(|(name, value)| match value {
                Some(value) => format!("{name}={}", value.reveal()),
                None => name.to_owned(),
            })
            .collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for EnvSpec {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), Some(Secret::new(value))))
                .collect(),
        )
    }
}

impl fmt::Debug for EnvSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter()).finish()
    }
}

impl Serialize for EnvSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.iter()
                .map(|(name, value)| (name, value.map(Secret::reveal))),
        )
    }
}

impl<'de> Deserialize<'de> for EnvSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = IndexMap::<String, Option<String>>::deserialize(deserializer)?;
        Ok(Self(
            map.into_iter()
                .map(|(name, value)| (name, value.map(Secret::new)))
                .collect(),
        ))
    }
}

/// A command as an argument vector. `Debug` masks passwords in connection strings.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Argv(pub Vec<String>);

impl<S: Into<String>> FromIterator<S> for Argv {
    fn from_iter<I: IntoIterator<Item = S>>(words: I) -> Self {
        Self(words.into_iter().map(Into::into).collect())
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Argv {
    fn from(words: [S; N]) -> Self {
        words.into_iter().collect()
    }
}

impl Deref for Argv {
    type Target = [String];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Debug for Argv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(mask_command(self.0.iter().map(String::as_str)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_labels_options_environment_and_commands_shows_no_secret() {
        let labels = TextMap::from([
            ("app.token", "hunter2"),
            ("o", "username=a,password=hunter2"),
            ("tier", "web"),
        ]);
        let env: EnvSpec = [("ANYTHING", "hunter2")].into_iter().collect();
        let argv = Argv::from(["psql", "postgres://a:hunter2@db/x"]);
        let shown = format!("{labels:?} {env:?} {argv:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(
            shown.contains("\"tier\": \"web\"") && shown.contains("ANYTHING"),
            "{shown}"
        );
    }

    #[test]
    fn an_environment_keeps_its_order_and_its_bare_names_through_both_forms() {
        let env = EnvSpec::from_entries(["B=2", "A=x=y", "BARE", "B=3"]);
        assert_eq!(env.to_entries(), ["B=3", "A=x=y", "BARE"]);
        let json = serde_json::to_string(&env).unwrap_or_default();
        assert_eq!(json, r#"{"B":"3","A":"x=y","BARE":null}"#);
        assert_eq!(serde_json::from_str::<EnvSpec>(&json).ok(), Some(env));
    }
}
