//! The recipes that bowline brings, as text.

use crate::load::Source;

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        &[$(Source {
            name: $name,
            file: concat!("crates/recipes/recipes/", $name, "/recipe.toml"),
            text: include_str!(concat!("../recipes/", $name, "/recipe.toml")),
        }),+]
    };
}

/// What applies to every container. Its lines come last.
pub(crate) const ANY: &str = "any";

/// All recipes; a test compares the list with the folders.
pub(crate) const SOURCES: &[Source<'static>] = builtin![
    "apache",
    "grafana",
    "jaeger",
    "kafka",
    "minio",
    "mongodb",
    "mysql",
    "nginx",
    "opensearch",
    "otel-collector",
    "postgres",
    "qdrant",
    "rabbitmq",
    "redis",
    "temporal",
    "victoria-metrics",
    "vite",
    "zep",
    "any"
];
