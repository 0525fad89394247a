//! `config`: what the Compose files mean, in the forms that Compose prints.

use std::collections::BTreeSet;

use bowline_compose::{
    Request, load, load_model, render_json, render_model_json, render_model_yaml, render_yaml,
    service_hash,
};
use bowline_model::Project;
use serde::{Deserialize, Serialize};

use crate::stack::{StackOptions, Surroundings};
use crate::{Answer, Failure};

/// What `config` is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in Compose"
)]
pub struct ConfigRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// Services to print, with what they depend on; none: all.
    pub services: Vec<String>,
    /// What to print.
    pub form: ConfigForm,
    /// Leave variables in place.
    pub no_interpolate: bool,
    /// Leave out what Compose adds by itself.
    pub no_normalize: bool,
    /// Leave relative paths in place.
    pub no_path_resolution: bool,
    /// Do not check whether the project fits together.
    pub no_consistency: bool,
    /// Leave `env_file` in place.
    pub no_env_resolution: bool,
}

/// The form of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigForm {
    /// The whole project as YAML.
    #[default]
    Yaml,
    /// The whole project as JSON.
    Json,
    /// Names, one on each line.
    List(Listing),
    /// The hashes by which Compose recognises changes, of these services or of all.
    Hash(Vec<String>),
    /// The variables used in the files, as a table.
    Variables,
    /// The same as JSON.
    VariablesJson,
    /// The variables at hand, secret ones included.
    Environment,
}

/// What there are names of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// Services, each behind what it depends on.
    Services,
    /// Images, with the name that a built one gets.
    Images,
    /// Volumes, by key.
    Volumes,
    /// Networks, by key.
    Networks,
    /// Language models.
    Models,
    /// Profiles of all services.
    Profiles,
}

/// Loads a project and renders it. The answer ends with a line break where it is not empty.
///
/// # Errors
///
/// [`Failure::Load`], and [`Failure::Usage`] for a service that does not exist.
pub fn config(
    surroundings: &Surroundings,
    request: &ConfigRequest,
) -> Result<Answer<String>, Failure> {
    let load_request = load_request(surroundings, request);
    let wants_model = matches!(
        request.form,
        ConfigForm::Variables | ConfigForm::VariablesJson
    );
    if load_request.no_interpolate && (wants_model || !matches!(request.form, ConfigForm::Hash(_)))
    {
        let model = load_model(&load_request)?;
        let value = match &request.form {
            ConfigForm::Json => render_model_json(&model),
            ConfigForm::List(Listing::Services) => lines(model.services()),
            ConfigForm::Variables => variable_table(&model),
            ConfigForm::VariablesJson => variable_json(&model),
            ConfigForm::Yaml | ConfigForm::Hash(_) | ConfigForm::Environment => {
                render_model_yaml(&model)
            }
            ConfigForm::List(_) => return listing_of_project(surroundings, &load_request, request),
        };
        let warnings = model.warnings.render(surroundings.color);
        return Ok(Answer { value, warnings });
    }
    listing_of_project(surroundings, &load_request, request)
}

fn load_request(surroundings: &Surroundings, request: &ConfigRequest) -> Request {
    let prints_values = matches!(
        request.form,
        ConfigForm::Yaml | ConfigForm::Json | ConfigForm::Environment
    );
    let wants_model = matches!(
        request.form,
        ConfigForm::Variables | ConfigForm::VariablesJson
    );
    Request {
        no_interpolate: request.no_interpolate || wants_model,
        no_normalize: request.no_normalize || request.stack.compatibility,
        no_path_resolution: request.no_path_resolution,
        no_consistency: request.no_consistency,
        no_env_resolution: request.no_env_resolution || !prints_values,
        ..request.stack.load_request(surroundings, &request.services)
    }
}

fn listing_of_project(
    surroundings: &Surroundings,
    load_request: &Request,
    request: &ConfigRequest,
) -> Result<Answer<String>, Failure> {
    let load_request = Request {
        no_interpolate: false,
        ..load_request.clone()
    };
    let loaded = load(&load_request)?;
    let project = &loaded.project;
    let value = match &request.form {
        ConfigForm::Json => render_json(project),
        ConfigForm::List(listing) => lines(names(project, *listing)),
        ConfigForm::Hash(services) => hashes(project, services)?,
        ConfigForm::Environment => lines(
            project
                .environment
                .iter()
                .map(|(key, value)| format!("{key}={}", value.reveal())),
        ),
        ConfigForm::Yaml | ConfigForm::Variables | ConfigForm::VariablesJson => {
            render_yaml(project)
        }
    };
    let warnings = loaded.warnings.render(surroundings.color);
    Ok(Answer { value, warnings })
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}

fn names(project: &Project, listing: Listing) -> Vec<String> {
    match listing {
        Listing::Services => in_dependency_order(project),
        Listing::Images => project
            .services
            .iter()
            .map(|(name, service)| {
                if service.image.is_empty() {
                    format!("{}-{name}", project.name)
                } else {
                    service.image.clone()
                }
            })
            .collect(),
        Listing::Volumes => project.volumes.keys().cloned().collect(),
        Listing::Networks => project.networks.keys().cloned().collect(),
        Listing::Models => project
            .models
            .values()
            .map(|model| model.model.clone())
            .filter(|model| !model.is_empty())
            .collect(),
        Listing::Profiles => {
            let services = project
                .services
                .values()
                .chain(project.disabled_services.values());
            let profiles: BTreeSet<&String> =
                services.flat_map(|service| &service.profiles).collect();
            profiles.into_iter().cloned().collect()
        }
    }
}

/// All services, each behind what it depends on, otherwise by name.
fn in_dependency_order(project: &Project) -> Vec<String> {
    fn visit<'a>(
        project: &'a Project,
        name: &'a str,
        seen: &mut BTreeSet<&'a str>,
        order: &mut Vec<String>,
    ) {
        let Some(service) = project.services.get(name) else {
            return;
        };
        if !seen.insert(name) {
            return;
        }
        for dependency in service.depends_on.keys() {
            visit(project, dependency, seen, order);
        }
        order.push(name.to_owned());
    }
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for name in project.services.keys() {
        visit(project, name, &mut seen, &mut order);
    }
    order
}

fn hashes(project: &Project, services: &[String]) -> Result<String, Failure> {
    if let Some(unknown) = services
        .iter()
        .find(|name| !project.services.contains_key(*name))
    {
        return Err(Failure::Usage {
            message: format!("no such service: `{unknown}`"),
            hint: Some("`bowline config --services` lists them".to_owned()),
        });
    }
    let wanted = |name: &String| services.is_empty() || services.contains(name);
    let services = project.services.iter().filter(|(name, _)| wanted(name));
    Ok(lines(services.map(|(name, service)| {
        format!("{name} {}", service_hash(project, service))
    })))
}

fn variable_table(model: &bowline_compose::Model) -> String {
    let rows = model.variables().into_values().map(|variable| {
        [
            variable.name,
            variable.required.to_string(),
            variable.default,
            variable.presence,
        ]
    });
    table(
        ["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"],
        rows,
    )
}

fn variable_json(model: &bowline_compose::Model) -> String {
    let variables: serde_json::Map<String, serde_json::Value> = model
        .variables()
        .into_iter()
        .map(|(name, variable)| {
            let value = serde_json::json!({
                "Name": variable.name,
                "DefaultValue": variable.default,
                "PresenceValue": variable.presence,
                "Required": variable.required,
            });
            (name, value)
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Object(variables))
}

/// Columns as Docker prints them: at least 20 wide, three spaces apart.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    let widths: Vec<usize> = (0..N)
        .map(|column| {
            let widest = rows.iter().map(|row| row[column].chars().count()).max();
            (widest.unwrap_or(0) + 3).max(20)
        })
        .collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).enumerate();
        cells
            .map(|(column, (cell, width))| {
                if column + 1 == N {
                    cell.clone()
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect::<String>()
    };
    lines(rows.iter().map(line))
}
