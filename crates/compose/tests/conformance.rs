//! Holds the loader against what Docker Compose answered: our own cases, and a corpus of public files.
//!
//! Our own cases stand in `tests/cases`, each with the oracle's answer. The corpus is a folder named by
//! `BOWLINE_CORPUS`, in which every case holds one file; without the variable only our own cases run.
//! A refusal has to name what the oracle names: `refusals.tsv` says for each case which kind of mistake and
//! which words that is, and `differences.tsv` lists the cases in which we differ on purpose, with the reason.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads its cases and is told by a variable where more of them are"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bowline_compose::{
    LoadError, Mistake, Request, load, load_model, render_json, render_model_json, render_yaml,
    service_hash,
};
use bowline_model::Secret;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value as Json;

/// What a case asks for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Case {
    about: String,
    points: Vec<String>,
    args: Vec<String>,
    config: Vec<String>,
    cwd: Option<String>,
    stdin: Option<String>,
    env: BTreeMap<String, String>,
}

/// What a refusal has to name.
#[derive(Clone, Debug)]
struct Refusal {
    kind: String,
    names: Vec<String>,
}

fn main() -> ExitCode {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut trials = trials(&own.join("cases"), &own.join("cases"), "own");
    if let Some(corpus) = std::env::var_os("BOWLINE_CORPUS").map(PathBuf::from) {
        let cases = corpus.join("cases");
        if !cases.is_dir() {
            eprintln!(
                "error: `BOWLINE_CORPUS` names `{}`, which has no folder `cases`",
                corpus.display()
            );
            return ExitCode::FAILURE;
        }
        trials.extend(self::trials(&cases, &own.join("corpus"), "corpus"));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trials(cases: &Path, lists: &Path, group: &str) -> Vec<Trial> {
    let refusals: BTreeMap<String, Refusal> = table(&lists.join("refusals.tsv"))
        .into_iter()
        .map(|row| {
            (
                row[0].clone(),
                Refusal {
                    kind: row[1].clone(),
                    names: row[2..].to_vec(),
                },
            )
        })
        .collect();
    let differences: BTreeMap<String, String> = table(&lists.join("differences.tsv"))
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let mut names: Vec<PathBuf> = fs::read_dir(cases)
        .expect("the folder of cases is there")
        .map(|entry| entry.expect("the folder can be listed").path())
        .collect();
    // What only the command line can answer is left to its own tests.
    let left_out: Vec<String> = table(&lists.join("command-line.tsv"))
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    names.retain(|path| {
        path.is_dir()
            && !path
                .file_name()
                .is_some_and(|name| left_out.iter().any(|left| **left == *name))
    });
    names.sort();
    names
        .into_iter()
        .map(|folder| {
            let name = folder
                .file_name()
                .expect("a case has a name")
                .to_string_lossy()
                .into_owned();
            let (refusal, difference) = (
                refusals.get(&name).cloned(),
                differences.get(&name).cloned(),
            );
            Trial::test(format!("{group}::{name}"), move || {
                run(&folder, refusal.as_ref(), difference.as_deref())
            })
        })
        .collect()
}

fn table(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

fn run(folder: &Path, refusal: Option<&Refusal>, difference: Option<&str>) -> Result<(), Failed> {
    let answer = compare(folder, refusal);
    match (answer, difference) {
        (answer, None) => answer.map_err(Failed::from),
        (Err(_), Some(_)) => Ok(()),
        (Ok(()), Some(reason)) => {
            Err(format!("listed in `differences.tsv` ({reason}), but the answers agree").into())
        }
    }
}

fn compare(folder: &Path, refusal: Option<&Refusal>) -> Result<(), String> {
    let case: Case = match fs::read_to_string(folder.join("case.toml")) {
        Ok(text) => toml::from_str(&text).map_err(|error| error.to_string())?,
        Err(_) => Case {
            args: ["-f", "compose.yaml", "--profile", "*"]
                .map(str::to_owned)
                .to_vec(),
            ..Case::default()
        },
    };
    let _ = (&case.about, &case.points);
    let answer = answer(folder, &case)?;
    let expected = |name: &str| fs::read_to_string(folder.join(name)).ok();
    match (
        answer,
        expected("expected.json"),
        expected("expected.txt"),
        expected("expected-error.txt"),
    ) {
        (Ok(text), Some(wanted), ..) => {
            let read = |text: &str| {
                serde_json::from_str::<Json>(&place(folder, text))
                    .map_err(|error| error.to_string())
            };
            differences("", &read(&wanted)?, &read(&text)?)
        }
        (Ok(text), None, Some(wanted), _) => {
            let lines = |text: &str| {
                let mut lines: Vec<String> =
                    place(folder, text).lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            if lines(&wanted) == lines(&text) {
                Ok(())
            } else {
                Err(format!("expected:\n{wanted}\nanswered:\n{text}"))
            }
        }
        (Ok(_), None, None, Some(wanted)) => {
            Err(format!("accepted, but the oracle says: {wanted}"))
        }
        (Err(error), None, None, Some(wanted)) => names(&error, &wanted, refusal),
        (Err(error), ..) => Err(format!(
            "refused, but the oracle accepts:\n{}",
            error.render(false)
        )),
        (Ok(_), None, None, None) => Err("the case has no expectation".to_owned()),
    }
}

/// Puts the folder of the case where the expectation has a mark.
fn place(folder: &Path, text: &str) -> String {
    let project = folder.join("project");
    let parent = |path: &Path| {
        path.parent()
            .map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    text.replace("@PARENT2@", &parent(folder))
        .replace("@PARENT@", &folder.to_string_lossy())
        .replace("@DIR@", &project.to_string_lossy())
}

fn names(error: &LoadError, wanted: &str, refusal: Option<&Refusal>) -> Result<(), String> {
    let Some(refusal) = refusal else {
        let kinds: Vec<String> = error
            .problems()
            .iter()
            .map(|problem| kind_of(&problem.what))
            .collect();
        return Err(format!(
            "`refusals.tsv` does not say what this refusal has to name\noracle: {}\nanswered: {error}\nkinds: {}",
            wanted.trim(),
            kinds.join(" ")
        ));
    };
    let fits = error.problems().iter().any(|problem| {
        let text = format!("{}: {}", problem.path, problem.what);
        kind_of(&problem.what) == refusal.kind
            && refusal
                .names
                .iter()
                .all(|name| text.contains(name.as_str()))
    });
    if fits {
        Ok(())
    } else {
        Err(format!(
            "expected {} naming {:?}\noracle: {wanted}\nanswered: {error}\n{:?}",
            refusal.kind,
            refusal.names,
            error.problems()
        ))
    }
}

/// The name of a kind of mistake: that of its variant.
fn kind_of(mistake: &Mistake) -> String {
    let text = format!("{mistake:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

fn answer(folder: &Path, case: &Case) -> Result<Result<String, LoadError>, String> {
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
                    .ok_or("`--format` without a value")?
            }
            service if !service.starts_with('-') => request.services.push(service.to_owned()),
            other => return Err(format!("the harness does not know `{other}`")),
        }
    }
    Ok(render(&mut request, form))
}

fn render(request: &mut Request, form: &str) -> Result<String, LoadError> {
    let lines = |lines: Vec<String>| {
        lines
            .into_iter()
            .map(|line| line + "\n")
            .collect::<String>()
    };
    match form {
        "json" if request.no_interpolate => {
            return load_model(request).map(|model| render_model_json(&model));
        }
        "--variables" => {
            request.no_interpolate = true;
            let model = load_model(request)?;
            let rows = model.variables().into_values().map(|variable| {
                format!(
                    "{}|{}|{}|{}",
                    variable.name, variable.required, variable.default, variable.presence
                )
            });
            return Ok(lines(rows.collect()));
        }
        "--hash" | "--images" | "--services" | "--volumes" | "--networks" | "--profiles" => {
            request.no_env_resolution = true
        }
        _ => {}
    }
    let project = load(request)?.project;
    Ok(match form {
        "json" => render_json(&project),
        "yaml" => render_yaml(&project),
        "--services" => lines(project.services.keys().cloned().collect()),
        "--volumes" => lines(project.volumes.keys().cloned().collect()),
        "--networks" => lines(project.networks.keys().cloned().collect()),
        "--images" => lines(
            project
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
        ),
        "--profiles" => {
            let all = project
                .services
                .values()
                .chain(project.disabled_services.values())
                .flat_map(|service| service.profiles.clone());
            let mut all: Vec<String> = all.collect();
            all.sort();
            all.dedup();
            lines(all)
        }
        "--hash" => lines(
            project
                .services
                .iter()
                .map(|(name, service)| format!("{name} {}", service_hash(service)))
                .collect(),
        ),
        "--environment" => lines(
            project
                .environment
                .iter()
                .map(|(key, value)| format!("{key}={}", value.reveal()))
                .collect(),
        ),
        _ => String::new(),
    })
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

/// Says where two answers differ.
fn differences(path: &str, expected: &Json, answered: &Json) -> Result<(), String> {
    let mut found = Vec::new();
    collect(path, expected, answered, &mut found);
    if found.is_empty() {
        Ok(())
    } else {
        Err(found.join("\n"))
    }
}

fn collect(path: &str, expected: &Json, answered: &Json, found: &mut Vec<String>) {
    match (expected, answered) {
        (Json::Object(one), Json::Object(other)) => {
            for (key, value) in one {
                match other.get(key) {
                    Some(answered) => collect(&format!("{path}.{key}"), value, answered, found),
                    None => found.push(format!("{path}.{key}: missing; expected {value}")),
                }
            }
            found.extend(
                other
                    .iter()
                    .filter(|(key, _)| !one.contains_key(*key))
                    .map(|(key, value)| format!("{path}.{key}: not expected: {value}")),
            );
        }
        (Json::Array(one), Json::Array(other)) if one.len() == other.len() => {
            one.iter()
                .zip(other)
                .enumerate()
                .for_each(|(index, (one, other))| {
                    collect(&format!("{path}[{index}]"), one, other, found)
                });
        }
        (one, other) if one == other => {}
        (one, other) => found.push(format!("{path}: expected {one}, answered {other}")),
    }
}
