//! Nothing that this library shows or lets be printed by accident holds a secret.

use bowline_compose::{Files, Request, load, load_model};
use bowline_model::Secret;

const SECRET: &str = "hunter2";

/// A project that holds the secret in every place that a Compose file has for one.
fn request(more: &str) -> Request {
    let text = format!(
        r#"
services:
  web:
    image: nginx:${{TAG}}
    command: serve --password={SECRET}
    environment:
      DB_PASSWORD: {SECRET}
      URL: postgres://app:{SECRET}@db/app
      API_TOKEN: ${{API_TOKEN:-{SECRET}}}
    env_file: web.env
    labels: {{auth.key: {SECRET}}}
    configs: [rules]
    {more}
configs:
  rules: {{content: "{SECRET}"}}
x-note: {SECRET}
"#
    );
    let env = format!("PRIVATE_KEY=\"-----BEGIN\n{SECRET}\n\"\n");
    Request {
        current_dir: "/p".to_owned(),
        files: vec!["compose.yaml".to_owned()],
        stdin: SECRET.into(),
        environment: [("DB_PASSWORD".to_owned(), Secret::new(SECRET))].into(),
        read_from: Files::in_memory([
            ("/p/compose.yaml".to_owned(), text.into_bytes()),
            ("/p/web.env".to_owned(), env.into_bytes()),
        ]),
        ..Request::default()
    }
}

#[test]
fn what_is_printed_for_debugging_shows_no_values() {
    let request = request("");
    let loaded = load(&request).expect("the project loads");
    let unresolved = Request {
        no_interpolate: true,
        ..request.clone()
    };
    let model = load_model(&unresolved).expect("the model loads");
    let shown = [
        format!("{request:?}"),
        format!("{loaded:?}"),
        format!("{model:?}"),
        format!("{:?}", model.variables()),
        loaded.warnings.render(true),
    ];
    for text in shown {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn errors_show_no_values_whatever_is_wrong_beside_them() {
    for more in [
        "enviroment: {}",
        "healthcheck: {test: [x]}",
        "cpus: ${DB_PASSWORD}",
        "ports: [\"${DB_PASSWORD}\"]",
        "volumes: [\"${DB_PASSWORD}:${DB_PASSWORD}:${DB_PASSWORD}:${DB_PASSWORD}\"]",
        "devices: [\"a:b:c:${DB_PASSWORD}\"]",
        "extra_hosts: [\"${DB_PASSWORD}\"]",
        "mem_limit: ${DB_PASSWORD}",
        "stop_grace_period: ${DB_PASSWORD}",
        "restart: ${NO:?${DB_PASSWORD}}",
        "hostname: ${DB_PASSWORD:-hunter2",
        "build: {context: ., ssh: [\"${DB_PASSWORD}\"], args: {TOKEN: [hunter2]}}",
        "secrets: [{source: a, mode: \"${DB_PASSWORD}\"}]",
        "pull_policy: ${DB_PASSWORD}",
        "networks: [\"${DB_PASSWORD}\"]",
        "secrets: [\"${DB_PASSWORD}\"]",
        "depends_on: [\"${DB_PASSWORD}\"]",
        "env_file: \"${DB_PASSWORD}\"",
        "tmpfs: [\"/${DB_PASSWORD}\"]\n    volumes: [\"/${DB_PASSWORD}\"]",
        "extends: {service: \"${DB_PASSWORD}\"}",
    ] {
        let request = request(more);
        let error = load(&request).expect_err(more);
        let shown = format!("{}{error:?}{error}", error.render(true));
        assert!(!shown.contains(SECRET), "{more}: {shown}");
    }
}
