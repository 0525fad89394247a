//! The command line of a case, as `docker compose config` takes it.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads what a case gives on standard input"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bowline_compose::{
    Caution, LoadError, Report, Request, load, load_model, render_json, render_model_json,
    render_yaml, service_hash,
};
use bowline_model::{Project, Secret};

use super::{Case, place};

/// What the loader answered.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) warnings: Report<Caution>,
}

/// Loads and prints what a case asks for. The outer error is a case that cannot be read.
pub(super) fn answer(folder: &Path, case: &Case) -> Result<Result<Answer, LoadError>, String> {
    let mut request = request(folder, case)?;
    let mut form = "json";
    let mut options = case.config.iter();
    while let Some(option) = options.next() {
        match option.as_str() {
            "--no-interpolate" => request.no_interpolate = true,
            "--no-path-resolution" => request.no_path_resolution = true,
            "--no-normalize" => request.no_normalize = true,
            "--no-consistency" => request.no_consistency = true,
            "--no-env-resolution" => request.no_env_resolution = true,
            "--services" | "--images" | "--volumes" | "--networks" | "--profiles"
            | "--variables" | "--environment" | "-q" | "--quiet" => form = option,
            "--hash" => {
                form = "--hash";
                options.next();
            }
            "--format" => {
                form = options
                    .next()
                    .map(String::as_str)
                    .ok_or("`--format` without a value")?;
            }
            service if !service.starts_with('-') => request.services.push(service.to_owned()),
            other => return Err(format!("the harness does not know `{other}`")),
        }
    }
    Ok(render(&mut request, form))
}

fn render(request: &mut Request, form: &str) -> Result<Answer, LoadError> {
    if form == "json" && request.no_interpolate {
        let model = load_model(request)?;
        let text = render_model_json(&model);
        let warnings = model.warnings;
        return Ok(Answer { text, warnings });
    }
    if form == "--variables" {
        request.no_interpolate = true;
        let model = load_model(request)?;
        let text = lines(model.variables().values().map(|variable| {
            format!(
                "{}|{}|{}|{}",
                variable.name, variable.required, variable.default, variable.presence
            )
        }));
        let warnings = model.warnings;
        return Ok(Answer { text, warnings });
    }
    request.no_env_resolution |= matches!(
        form,
        "--hash" | "--images" | "--services" | "--volumes" | "--networks" | "--profiles"
    );
    let loaded = load(request)?;
    Ok(Answer {
        text: print(&loaded.project, form),
        warnings: loaded.warnings,
    })
}

fn print(project: &Project, form: &str) -> String {
    let services = project.services.iter();
    match form {
        "json" => render_json(project),
        "yaml" => render_yaml(project),
        "--services" => lines(project.services.keys().cloned()),
        "--volumes" => lines(project.volumes.keys().cloned()),
        "--networks" => lines(project.networks.keys().cloned()),
        "--images" => lines(
            services.map(|(name, service)| match service.image.as_str() {
                "" => format!("{}-{name}", project.name),
                image => image.to_owned(),
            }),
        ),
        "--profiles" => {
            let disabled = project.disabled_services.values();
            let all = project.services.values().chain(disabled);
            let profiles: BTreeSet<String> =
                all.flat_map(|service| service.profiles.clone()).collect();
            lines(profiles.into_iter())
        }
        "--hash" => lines(
            services.map(|(name, service)| format!("{name} {}", service_hash(project, service))),
        ),
        "--environment" => lines(
            project
                .environment
                .iter()
                .map(|(key, value)| format!("{key}={}", value.reveal())),
        ),
        _ => String::new(),
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

fn request(folder: &Path, case: &Case) -> Result<Request, String> {
    let folder = fs::canonicalize(folder).map_err(|error| error.to_string())?;
    let mut request = Request {
        current_dir: folder
            .join(case.cwd.as_deref().unwrap_or("project"))
            .to_string_lossy()
            .into_owned(),
        stdin: case
            .stdin
            .as_ref()
            .map(|file| fs::read(folder.join(file)).map_err(|error| error.to_string()))
            .transpose()?
            .unwrap_or_default(),
        ..Request::default()
    };
    let own = [("HOME", "/home/user"), ("PATH", "/usr/bin:/bin")];
    let variables = own
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .chain(case.env.clone());
    request.environment = variables
        .map(|(key, value)| (key, Secret::new(place(&folder, &value))))
        .collect();
    let mut args = case.args.iter();
    while let Some(arg) = args.next() {
        let mut value = || {
            args.next()
                .cloned()
                .ok_or_else(|| format!("`{arg}` without a value"))
        };
        match arg.as_str() {
            "-f" | "--file" => request.files.push(value()?),
            "-p" | "--project-name" => request.project_name = Some(value()?),
            "--profile" => request.profiles.push(value()?),
            "--env-file" => request.env_files.push(value()?),
            "--project-directory" => request.project_directory = Some(value()?),
            "--all-resources" => request.all_resources = true,
            other => return Err(format!("the harness does not know `{other}`")),
        }
    }
    Ok(request)
}
