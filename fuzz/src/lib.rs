//! What has to hold for the loader, whatever it is given.
//!
//! Each function takes bytes and panics where something does not hold. The fuzzer calls them with what it
//! invents; a test of the loader calls them with what was kept. Nothing here looks at the disk.

use std::collections::BTreeMap;

use bowline_compose::{
    Files, Loaded, Mistake, Request, load as load_project, load_model, render_json,
    render_model_json, render_model_yaml, render_yaml,
};
use bowline_model::{Project, Secret};

/// The folder in which everything stands.
const FOLDER: &str = "/p";

/// Begins a line that names the file which follows it.
pub const MARKER: &str = "%%% ";

/// Variables that would lead a second load elsewhere, now that the project is one file with a name.
const LEADING: &[&str] = &[
    "COMPOSE_DISABLE_ENV_FILE",
    "COMPOSE_ENV_FILES",
    "COMPOSE_FILE",
    "COMPOSE_PROFILES",
    "COMPOSE_PROJECT_NAME",
];

/// Several files, each behind a line `%%% name`, as a project: it is loaded or refused, whatever is said about
/// it can be rendered, and what was loaded is the same after printing and loading again.
pub fn load(input: &[u8]) {
    let request = Request {
        read_from: files(input),
        profiles: vec!["*".to_owned()],
        ..request()
    };
    render(&request);
    if let Ok(Loaded { project, .. }) = load_project(&request) {
        comes_back(&project, &request);
    }
}

/// Any YAML below an extension: it is refused, or comes back after printing and parsing again.
pub fn yaml(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let indented = text.replace('\n', "\n ");
    let request = single(format!("x-any:\n {indented}\n").into_bytes());
    let Ok(model) = load_model(&request) else {
        return render(&request);
    };
    for printed in [render_model_yaml(&model), render_model_json(&model)] {
        let again = load_model(&single(printed.clone().into_bytes()));
        let again = again.unwrap_or_else(|error| {
            panic!(
                "printed, and not readable: {}\n{printed}",
                error.render(false)
            )
        });
        assert_eq!(again.to_json(), model.to_json(), "{printed}");
    }
}

/// Any template: it is refused, or its value is not replaced a second time.
pub fn interpolate(input: &[u8]) {
    let Ok(template) = str::from_utf8(input) else {
        return;
    };
    let quoted = serde_json::Value::from(template).to_string();
    let text = format!("services:\n  a:\n    image: i\n    hostname: {quoted}\n");
    let request = Request {
        no_interpolate: false,
        ..single(text.into_bytes())
    };
    let Ok(Loaded { project, .. }) = load_project(&request) else {
        return render(&request);
    };
    if !template.contains('$') {
        assert_eq!(project.services["a"].hostname, template);
    }
    comes_back(&project, &request);
    let model = load_model(&Request {
        no_interpolate: true,
        ..request
    });
    if let Ok(model) = model {
        let _ = format!("{:?}", model.variables());
    }
}

/// Any environment file, for the project and for a service: it is refused, or read without end or harm.
pub fn dotenv(input: &[u8]) {
    let compose = "services:\n  a:\n    image: i\n    env_file: .env\n    label_file: .env\n  b:\n    image: i\n    env_file: [{path: .env, format: raw}]\n";
    let request = Request {
        read_from: Files::in_memory([
            ("/p/compose.yaml".to_owned(), compose.as_bytes().to_vec()),
            ("/p/.env".to_owned(), input.to_vec()),
        ]),
        files: vec!["compose.yaml".to_owned()],
        ..request()
    };
    render(&request);
    if let Ok(Loaded { project, .. }) = load_project(&request) {
        comes_back(&project, &request);
    }
}

/// Splits an input at its marked lines; what stands before the first is `compose.yaml`.
fn files(input: &[u8]) -> Files {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut name = "compose.yaml".to_owned();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(MARKER.as_bytes()) {
            Some(rest) => String::from_utf8_lossy(rest).trim().clone_into(&mut name),
            None => files.entry(name.clone()).or_default().extend(line),
        }
    }
    Files::in_memory(
        files
            .into_iter()
            .map(|(name, text)| (format!("{FOLDER}/{name}"), text)),
    )
}

fn request() -> Request {
    let variables = [
        ("SET", "value"),
        ("EMPTY", ""),
        ("PORT", "8080"),
        ("FLAG", "true"),
        ("DOLLAR", "a$b${c"),
        ("DB_PASSWORD", SECRET),
    ];
    Request {
        current_dir: FOLDER.to_owned(),
        environment: variables
            .map(|(key, value)| (key.to_owned(), Secret::new(value)))
            .into(),
        ..Request::default()
    }
}

/// The value of a secret variable; it must not be in anything that is shown.
const SECRET: &str = "hunter2-correct-horse";

/// A project of one file, read as it stands.
fn single(text: Vec<u8>) -> Request {
    Request {
        read_from: Files::in_memory([("/p/compose.yaml".to_owned(), text)]),
        files: vec!["compose.yaml".to_owned()],
        no_interpolate: true,
        no_normalize: true,
        no_path_resolution: true,
        no_consistency: true,
        ..request()
    }
}

/// Renders everything that is said about a project.
fn render(request: &Request) {
    let said = match load_project(request) {
        Ok(loaded) => format!("{}{:?}", loaded.warnings.render(true), loaded.warnings),
        Err(error) => format!("{}{error:?}{error}", error.render(false)),
    };
    assert!(!said.contains(SECRET), "a secret is shown:\n{said}");
}

/// Prints a project in both ways and loads it again.
fn comes_back(project: &Project, request: &Request) {
    if has_dollar_key(project) {
        return;
    }
    let wanted = plain(project.clone());
    if let Some(again) = again(project, request, &render_yaml(project)) {
        same(&wanted, &again);
    }
    if let Some(again) = again(project, request, &render_json(project)) {
        // Compose prints neither models nor extensions below the top level in JSON.
        let lossy = |project: &Project| {
            serde_json::from_str::<serde_json::Value>(&render_json(project)).expect("it is JSON")
        };
        assert_eq!(lossy(&wanted), lossy(&again));
    }
}

/// Tells whether a key holds a dollar sign: Compose doubles those too when it prints, and never undoubles them.
fn has_dollar_key(project: &Project) -> bool {
    fn within(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Object(map) => map
                .iter()
                .any(|(key, value)| key.contains('$') || within(value)),
            serde_json::Value::Array(items) => items.iter().any(within),
            _ => false,
        }
    }
    within(&serde_json::to_value(project).expect("a project can be serialised"))
}

/// Loads what was printed. Nothing where Compose prints what it does not read itself.
fn again(project: &Project, request: &Request, text: &str) -> Option<Project> {
    let environment = project.environment.iter();
    let request = Request {
        read_from: Files::in_memory([("/p/printed.yaml".to_owned(), text.as_bytes().to_vec())]),
        files: vec!["printed.yaml".to_owned()],
        project_directory: Some(project.working_dir.clone()),
        environment: environment
            .filter(|(key, _)| !LEADING.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        no_normalize: request.no_normalize,
        no_path_resolution: request.no_path_resolution,
        no_consistency: request.no_consistency,
        profiles: vec!["*".to_owned()],
        ..self::request()
    };
    match load_project(&request) {
        Ok(loaded) => Some(plain(loaded.project)),
        Err(error) => {
            for problem in error.problems() {
                let known = match problem.what {
                    // An empty `content` and a port 0 are not printed, and then there is none. What aliases and
                    // `extends` brought is written out now.
                    Mistake::NoSource { .. }
                    | Mistake::MissingField { key: "target" }
                    | Mistake::FileTooLarge { .. }
                    | Mistake::TooManyNodes { .. } => true,
                    _ => UNREADABLE.iter().any(|part| problem.path.contains(part)),
                };
                assert!(
                    known,
                    "printed, and refused:\n{}\n{text}",
                    error.render(false)
                );
            }
            None
        }
    }
}

/// Fields that Compose prints in a way that it refuses: an empty `exec` and hook, `Path` for `path` in JSON,
/// models that JSON leaves out.
const UNREADABLE: &[&str] = &[
    ".develop.watch[",
    ".post_start[",
    ".pre_start[",
    ".pre_stop[",
    ".blkio_config.",
    ".models.",
];

/// A project without what printing does not keep: where it came from, what is switched off, empty names, and
/// what Compose reads without ever printing it.
fn plain(mut project: Project) -> Project {
    project.compose_files.clear();
    project.disabled_services.clear();
    project.environment.clear();
    project.origins = bowline_model::Origins::default();
    let prefix = project.name.clone();
    let fill = |name: &mut String, key: &str, external: bool| {
        if name.is_empty() {
            *name = if external {
                key.to_owned()
            } else {
                format!("{prefix}_{key}")
            };
        }
    };
    for (key, network) in &mut project.networks {
        fill(&mut network.name, key, network.external);
        network.ipam.0.options.clear();
    }
    for service in project.services.values_mut() {
        service.pull_refresh_after.clear();
        // Their labels are printed, and they are not.
        service.label_file.clear();
        // None of a device is printed as nothing, and nothing is read as all of them.
        let reserved = service.deploy.as_mut();
        let reserved = reserved.and_then(|deploy| deploy.resources.0.reservations.as_mut());
        let reserved = reserved
            .into_iter()
            .flat_map(|reserved| &mut reserved.devices);
        for device in service.gpus.iter_mut().chain(reserved) {
            if device.device_ids.is_empty() && device.count == -1 {
                device.count = 0;
            }
        }
    }
    for (key, volume) in &mut project.volumes {
        fill(&mut volume.name, key, volume.external);
    }
    for (key, object) in project.secrets.iter_mut().chain(&mut project.configs) {
        fill(&mut object.name, key, object.external);
    }
    project
}

/// Compares projects, and says in which lines they differ.
fn same(wanted: &Project, again: &Project) {
    if wanted == again {
        return;
    }
    let (wanted, again) = (format!("{wanted:#?}"), format!("{again:#?}"));
    let pairs = wanted.lines().zip(again.lines());
    let differing: Vec<_> = pairs.filter(|(one, other)| one != other).take(5).collect();
    panic!("printed, and loaded differently: {differing:#?}");
}
