//! Files of variables: for interpolation, for the environment of services, and for their labels.

use bowline_model::{EnvFile, Pairs, Project};

use crate::context::{Context, State};
use crate::dotenv::{self, EnvError, Reference};
use crate::finish::Environment;
use crate::interpolate::Lookup;
use crate::problem::{Caution, Mistake};
use crate::project::Spans;
use crate::source::Span;

/// How a file is written.
type Parse = fn(&str, &mut Environment, Lookup<'_>) -> Result<Vec<Reference>, EnvError>;

/// Where a file was asked for.
struct Wanted {
    span: Span,
    field: String,
    kind: &'static str,
}

impl Wanted {
    /// Reads the file into `out`. What is wrong with it is reported, and nothing is answered then.
    fn read(
        self,
        ctx: &mut Context,
        path: &str,
        parse: Parse,
        out: &mut Environment,
        lookup: Lookup<'_>,
    ) -> Option<()> {
        let text = match ctx.read(path, self.kind) {
            Ok(text) => text,
            Err(mistake) => {
                ctx.fail_at(self.span, self.field, mistake);
                return None;
            }
        };
        match parse(&text, out, lookup) {
            Ok(references) => {
                for Reference { variable, .. } in &references {
                    let value = lookup(&variable.name)
                        .or_else(|| out.get(&variable.name).map(String::as_str));
                    if variable.state == State::Filled {
                        ctx.keep_secret(value.unwrap_or_default());
                    }
                }
                warn(ctx, path, text, references);
                Some(())
            }
            Err(error) => {
                let mistake = Mistake::BadEnvLine {
                    file: ctx.sources.shown_name(path).to_owned(),
                    line: error.line,
                    reason: error.reason,
                };
                let file = ctx.sources.add(path, text);
                let span = ctx.sources.line(file, error.line);
                let hints = error.hint.map(str::to_owned).into_iter().collect();
                ctx.fail_with(span, self.field, mistake, hints);
                None
            }
        }
    }
}

fn warn(ctx: &mut Context, path: &str, text: String, mut references: Vec<Reference>) {
    references.retain(|reference| reference.variable.state == State::Unset);
    if references.is_empty() {
        return;
    }
    let file = ctx.sources.add(path, text);
    for Reference { line, variable } in references {
        let span = ctx.sources.line(file, line);
        let name = variable.name;
        ctx.warn_at(span, String::new(), Caution::UnsetVariable { name });
    }
}

/// Reads one file of variables for interpolation into `read`; what the environment says wins in it.
pub(crate) fn read_for_interpolation(
    ctx: &mut Context,
    path: &str,
    read: &mut Environment,
    environment: &Environment,
) -> Option<()> {
    let known = read.clone();
    let lookup = |name: &str| {
        let value = environment.get(name).or_else(|| known.get(name));
        value.map(String::as_str)
    };
    let wanted = Wanted {
        span: Span::NOWHERE,
        field: String::new(),
        kind: "environment file",
    };
    wanted.read(ctx, path, dotenv::parse, read, &lookup)
}

/// Reads the environment files of all services into their environments.
pub(crate) fn resolve_environment(
    ctx: &mut Context,
    project: &mut Project,
    environment: &Environment,
    spans: &Spans,
) {
    for (name, service) in &mut project.services {
        for (key, value) in &mut service.environment.0 {
            if value.is_none() {
                *value = environment.get(key).cloned();
            }
        }
        let own: Environment = service
            .environment
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let lookup = |key: &str| {
            let value = environment.get(key).or_else(|| own.get(key));
            value.map(String::as_str)
        };
        let mut read = own.clone();
        for (index, file) in service.env_file.iter().enumerate() {
            let field = format!("services.{name}.env_file[{index}]");
            read_for_service(ctx, file, &mut read, &lookup, spans.nearest(&field), field);
        }
        for (key, value) in read {
            service.environment.0.entry(key).or_insert(Some(value));
        }
        service.env_file.clear();
    }
}

fn read_for_service(
    ctx: &mut Context,
    file: &EnvFile,
    read: &mut Environment,
    lookup: Lookup<'_>,
    span: Span,
    field: String,
) {
    let EnvFile {
        path,
        required,
        format,
    } = file;
    if !required && !ctx.files.exists(path) {
        return;
    }
    let parse: Parse = match format.as_str() {
        "" | ".env" => dotenv::parse,
        "raw" => dotenv::parse_raw,
        _ => {
            let format = format.clone();
            return ctx.fail_at(span, field, Mistake::BadEnvFormat { format });
        }
    };
    let kind = "environment file";
    let wanted = Wanted { span, field, kind };
    wanted.read(ctx, path, parse, read, lookup);
}

/// Reads the label files of all services under their labels. Their paths stay: they count in
/// [`container_hash`](crate::container_hash).
pub(crate) fn resolve_labels(ctx: &mut Context, project: &mut Project, spans: &Spans) {
    for (name, service) in &mut project.services {
        let mut read = Environment::new();
        for (index, file) in service.label_file.iter().enumerate() {
            let field = format!("services.{name}.label_file[{index}]");
            let wanted = Wanted {
                span: spans.nearest(&field),
                field,
                kind: "label file",
            };
            let known = read.clone();
            let lookup = |key: &str| known.get(key).map(String::as_str);
            wanted.read(ctx, file, dotenv::parse, &mut read, &lookup);
        }
        let Pairs(labels) = &mut service.labels;
        for (key, value) in read {
            labels.entry(key).or_insert(Some(value));
        }
    }
}
