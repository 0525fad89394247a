//! What a person reads whose project does not load: what is wrong, where, and what to do next.

use bowline_compose::{Files, Request, load};
use bowline_model::Secret;

/// Loads files that stand in one folder, the first line of each part naming it, and answers with what is said.
fn said(parts: &[(&str, &str)]) -> String {
    let files = parts.iter();
    let files = files.map(|(name, text)| (format!("/shop/{name}"), text.as_bytes().to_vec()));
    let variables = [("EMPTY", ""), ("DB_PASSWORD", "hunter2")];
    let request = Request {
        current_dir: "/shop".to_owned(),
        read_from: Files::in_memory(files),
        environment: variables
            .map(|(name, value)| (name.to_owned(), Secret::new(value)))
            .into(),
        ..Request::default()
    };
    match load(&request) {
        Ok(loaded) => format!("it loads\n{}", loaded.warnings.render(false)),
        Err(error) => {
            let all = format!("{}{error:?}{error}", error.render(true));
            assert!(!all.contains("hunter2"), "a secret is shown: {all}");
            error.render(false)
        }
    }
}

/// The same for a project of one file.
fn about(text: &str) -> String {
    said(&[("compose.yaml", text)])
}

/// The same for one field of a service.
fn about_field(text: &str) -> String {
    about(&format!(
        "services:\n  web:\n    image: nginx\n    {text}\n"
    ))
}

#[test]
fn a_misspelt_field_names_the_one_that_was_meant() {
    insta::assert_snapshot!(about_field("enviroment: {A: b}"), @r#"
    error: services.web.enviroment: unknown field `enviroment` in a service
     --> compose.yaml:4:5
      |
    4 |     enviroment: {A: b}
      |     ^^^^^^^^^^
    hint: did you mean `environment`?
    "#);
}

#[test]
fn a_tab_is_shown_where_it_stands() {
    insta::assert_snapshot!(about("services:\n  web:\n\timage: nginx\n"), @r#"
    error: services.web: not valid YAML: a tab cannot indent YAML
     --> compose.yaml:3:1
      |
    3 | →image: nginx
      | ^
    hint: replace it with spaces
    "#);
}

#[test]
fn wrong_indentation_says_which_lines_it_could_follow() {
    insta::assert_snapshot!(about("services:\n  web:\n    image: nginx\n   ports: []\n"), @r#"
    error: services: not valid YAML: wrong indentation: this line is indented by 3 spaces
     --> compose.yaml:4:4
      |
    4 |    ports: []
      |    ^^^^^^^^^
    hint: indent it like line 3 (4 spaces) or line 2 (2 spaces) or line 1 (0 spaces)
    "#);
}

#[test]
fn a_line_too_deep_says_like_which_it_should_be() {
    insta::assert_snapshot!(about_field("  ports: []"), @r#"
    error: services.web: not valid YAML: wrong indentation: this line is indented by 6 spaces
     --> compose.yaml:4:7
      |
    4 |       ports: []
      |       ^^^^^^^^^
    hint: indent it like line 3 (4 spaces)
    "#);
}

#[test]
fn a_missing_colon_is_found_on_the_line_above() {
    insta::assert_snapshot!(about("services:\n  web:\n    image nginx\n    ports: []\n"), @r#"
    error: services: not valid YAML: the colon behind the key is missing
     --> compose.yaml:3:5
      |
    3 |     image nginx
      |     ^^^^^^^^^^^
    hint: write `image: …`
    "#);
}

#[test]
fn a_missing_space_behind_a_colon_is_found() {
    insta::assert_snapshot!(about("services:\n  web:\n    image:nginx\n    ports: []\n"), @r#"
    error: services: not valid YAML: the space behind the colon is missing
     --> compose.yaml:3:5
      |
    3 |     image:nginx
      |     ^^^^^^^^^^^
    hint: write `image: …`
    "#);
}

#[test]
fn a_colon_in_a_value_wants_quotes() {
    insta::assert_snapshot!(about_field("command: echo key: value"), @r#"
    error: services.web: not valid YAML: a value cannot contain a colon and a space, unless it is in quotes
     --> compose.yaml:4:22
      |
    4 |     command: echo key: ••••
      |                      ^
    hint: put the whole value in quotes
    "#);
}

#[test]
fn an_open_quote_is_shown_where_it_began() {
    insta::assert_snapshot!(about("services:\n  web:\n    image: \"nginx\n    ports: []\n"), @r#"
    error: services.web.image: not valid YAML: this quote is not closed
     --> compose.yaml:3:12
      |
    3 |     image: "nginx
      |            ^
    hint: add the same quote where the value ends
    "#);
}

#[test]
fn an_open_bracket_is_shown_where_it_began() {
    insta::assert_snapshot!(about("services:\n  web:\n    image: nginx\n    ports: [\"80:80\"\n  db:\n    image: postgres\n"), @r#"
    error: services.web.ports[0]: not valid YAML: `[` is not closed
     --> compose.yaml:4:12
      |
    4 |     ports: ["80:80"
      |            ^
    hint: close it with `]`
    "#);
}

#[test]
fn a_list_entry_among_keys_is_named() {
    insta::assert_snapshot!(about_field("environment:\n      A: 1\n      - B=2"), @r#"
    error: services.web.environment: not valid YAML: this is a list entry, and line 5 is none
     --> compose.yaml:6:7
      |
    6 |       - B=2
      |       ^^^^^
    hint: write all of them as `key: value`, or all as `- key=value`
    "#);
}

#[test]
fn a_merge_conflict_is_recognised() {
    insta::assert_snapshot!(about("services:\n  web:\n<<<<<<< HEAD\n    image: nginx:1\n=======\n    image: nginx:2\n>>>>>>> next\n"), @r#"
    error: services.web: not valid YAML: a merge conflict was left in the file
     --> compose.yaml:3:1
      |
    3 | <<<<<<< HEAD
      | ^^^^^^^^^^^^
    hint: keep one side of it, and remove the lines with the marks
    "#);
}

#[test]
fn a_duplicate_key_names_the_first() {
    insta::assert_snapshot!(about_field("image: httpd"), @r#"
    error: services.web: the key `image` stands twice, first on line 3
     --> compose.yaml:4:5
      |
    4 |     image: httpd
      |     ^^^^^
    hint: keep one of them
    "#);
}

#[test]
fn a_required_variable_says_how_to_set_it() {
    insta::assert_snapshot!(about_field("environment:\n      TOKEN: ${API_TOKEN:?create one in the console}"), @r#"
    error: services.web.environment.TOKEN: the required variable `API_TOKEN` is not set: create one in the console
     --> compose.yaml:5:14
      |
    5 |       TOKEN: ••••
      |              ^^^^
    hint: set it: `export API_TOKEN=…`, or a line `API_TOKEN=…` in `.env`
    "#);
}

#[test]
fn a_port_without_its_host_side_is_warned_of() {
    insta::assert_snapshot!(about_field("ports: [\"${HTTP_PORT}:80\"]"), @r#"
    it loads
    warning: services.web.ports[0]: the variable `HTTP_PORT` is not set and becomes empty
     --> compose.yaml:4:13
      |
    4 |     ports: ["${HTTP_PORT}:80"]
      |             ^^^^^^^^^^^^^^^^^
    hint: set it, or write `${HTTP_PORT:-}` to say that empty is meant
    "#);
}

#[test]
fn a_port_missing_behind_its_colon_names_the_variable() {
    insta::assert_snapshot!(about_field("ports: [\"8080:${HTTP_PORT}\"]"), @r#"
    warning: services.web.ports[0]: the variable `HTTP_PORT` is not set and becomes empty
     --> compose.yaml:4:13
      |
    4 |     ports: ["8080:${HTTP_PORT}"]
      |             ^^^^^^^^^^^^^^^^^^^
    hint: set it, or write `${HTTP_PORT:-}` to say that empty is meant
    error: services.web.ports[0]: `8080:` is not a port: the container's port is missing
     --> compose.yaml:4:13
      |
    4 |     ports: ["8080:${HTTP_PORT}"]
      |             ^^^^^^^^^^^^^^^^^^^
    hint: the variable `HTTP_PORT` is not set; set it, or give it a default: `${HTTP_PORT:-…}`
    hint: a port is written `[address:][host port:]container port[/protocol]`
    "#);
}

#[test]
fn a_volume_made_of_an_empty_variable_names_the_variable() {
    insta::assert_snapshot!(about_field("volumes: [\"${EMPTY}:/data\"]"), @r#"
    error: services.web.volumes[0]: `:/data` is not a volume: empty section between colons
     --> compose.yaml:4:15
      |
    4 |     volumes: ["${EMPTY}:/data"]
      |               ^^^^^^^^^^^^^^^^
    hint: the variable `EMPTY` is set to nothing; set it, or give it a default: `${EMPTY:-…}`
    hint: a volume is written `[source:]target[:options]`
    "#);
}

#[test]
fn an_image_made_of_an_unset_variable_names_the_variable() {
    insta::assert_snapshot!(about("services:\n  web:\n    image: ${IMAGE}\n"), @r#"
    warning: services.web.image: the variable `IMAGE` is not set and becomes empty
     --> compose.yaml:3:12
      |
    3 |     image: ${IMAGE}
      |            ^^^^^^^^
    hint: set it, or write `${IMAGE:-}` to say that empty is meant
    error: services.web.image: service `web` has neither an image nor a build context
     --> compose.yaml:3:12
      |
    3 |     image: ${IMAGE}
      |            ^^^^^^^^
    hint: the variable `IMAGE` is not set; set it, or give it a default: `${IMAGE:-…}`
    "#);
}

#[test]
fn a_dollar_sign_in_a_password_wants_doubling() {
    insta::assert_snapshot!(about_field("environment:\n      DB_PASSWORD: \"hunter2${\"\n      USER: a${"), @r#"
    error: services.web.environment.DB_PASSWORD: invalid interpolation format: `••••`
     --> compose.yaml:5:20
      |
    5 |       DB_PASSWORD: ••••
      |                    ^^^^
    error: services.web.environment.USER: invalid interpolation format: `a${`
     --> compose.yaml:6:13
      |
    6 |       USER: a${
      |             ^^^
    hint: write `$$` for a literal dollar sign
    "#);
}

#[test]
fn an_undefined_network_says_how_to_define_it() {
    insta::assert_snapshot!(about_field("networks: [back]"), @r#"
    error: services.web.networks.back: service `web` refers to the undefined network `back`
     --> compose.yaml:4:16
      |
    4 |     networks: [back]
      |                ^^^^
    hint: define it at the top level: `networks: {back: …}`
    "#);
}

#[test]
fn an_undefined_volume_names_the_one_that_was_meant() {
    insta::assert_snapshot!(about_field("volumes: [\"dta:/data\"]\nvolumes:\n  data: {}"), @r#"
    error: services.web.volumes[0]: service `web` refers to the undefined volume `dta`
     --> compose.yaml:4:15
      |
    4 |     volumes: ["dta:/data"]
      |               ^^^^^^^^^^^
    hint: did you mean `data`?
    "#);
}

#[test]
fn an_undefined_secret_is_named() {
    insta::assert_snapshot!(about_field("secrets: [token]"), @r#"
    error: services.web.secrets[0]: service `web` refers to the undefined secret `token`
     --> compose.yaml:4:15
      |
    4 |     secrets: [token]
      |               ^^^^^
    hint: define it at the top level: `secrets: {token: …}`
    "#);
}

#[test]
fn a_dependency_in_a_profile_names_the_profile() {
    insta::assert_snapshot!(about_field("depends_on: [db]\n  db:\n    image: postgres\n    profiles: [full]"), @r#"
    error: services.web.depends_on.db: service `web` depends on `db`, which no active profile switches on
     --> compose.yaml:4:18
      |
    4 |     depends_on: [db]
      |                  ^^
    hint: switch it on with `--profile full`, or write `required: false`
    "#);
}

#[test]
fn a_circle_of_dependencies_shows_the_way_round() {
    insta::assert_snapshot!(about_field("depends_on: [db]\n  db:\n    image: postgres\n    depends_on: [web]"), @r#"
    error: services.db.depends_on: `depends_on` goes in a circle: db → web → db
     --> compose.yaml:7:17
      |
    7 |     depends_on: [web]
      |                 ^^^^^
    hint: take one step out of the circle
    "#);
}

#[test]
fn a_text_where_a_list_belongs_shows_a_list() {
    insta::assert_snapshot!(about_field("ports: 80:80"), @r#"
    error: services.web.ports: must be a list, not a string
     --> compose.yaml:4:12
      |
    4 |     ports: 80:80
      |            ^^^^^
    hint: begin each entry with `- ` on a line of its own, or write `[one, two]`
    "#);
}

#[test]
fn a_mapping_that_was_meant_as_text_wants_quotes() {
    insta::assert_snapshot!(about_field("labels:\n      - rule: Host"), @r#"
    error: services.web.labels[0]: must be a string, not a mapping
     --> compose.yaml:5:9
      |
    5 |       - rule: Host
      |         ^^^^^^^^^^
    hint: a text with a colon and a space in it has to stand in quotes
    "#);
}

#[test]
fn a_bad_duration_and_a_bad_size_show_good_ones() {
    insta::assert_snapshot!(about_field("stop_grace_period: 10\n    mem_limit: 5 apples"), @r#"
    error: services.web.stop_grace_period: must be a duration such as `1m30s`, not a number
     --> compose.yaml:4:24
      |
    4 |     stop_grace_period: 10
      |                        ^^
    hint: write a unit behind it, such as `s` for seconds
    error: services.web.mem_limit: `5 apples` is not a size such as `512m`
     --> compose.yaml:5:16
      |
    5 |     mem_limit: 5 apples
      |                ^^^^^^^^
    "#);
}

#[test]
fn two_mounts_on_one_place_are_both_named() {
    insta::assert_snapshot!(about_field("tmpfs: [/data]\n    volumes: [\"./data:/data\"]"), @r#"
    error: services.web.volumes[0]: `/data` is already mounted by tmpfs[0]
     --> compose.yaml:5:15
      |
    5 |     volumes: ["./data:/data"]
      |               ^^^^^^^^^^^^^^
    hint: mount one of them somewhere else
    "#);
}

#[test]
fn several_mistakes_are_reported_at_once() {
    insta::assert_snapshot!(about("services:\n  web:\n    imgae: nginx\n    ports: {}\n    restart: [always]\n  db:\n    image: postgres\n    healthcheck: {intervall: 5s}\n"), @r#"
    error: services.web.imgae: unknown field `imgae` in a service
     --> compose.yaml:3:5
      |
    3 |     imgae: nginx
      |     ^^^^^
    hint: did you mean `image`?
    error: services.web.ports: must be a list, not a mapping
     --> compose.yaml:4:12
      |
    4 |     ports: {}
      |            ^^
    error: services.web.restart: must be a string, not a list
     --> compose.yaml:5:14
      |
    5 |     restart: [always]
      |              ^^^^^^^^
    error: services.db.healthcheck.intervall: unknown field `intervall` in `healthcheck`
     --> compose.yaml:8:19
      |
    8 |     healthcheck: {intervall: 5s}
      |                   ^^^^^^^^^
    hint: did you mean `interval`?
    "#);
}

#[test]
fn a_secret_on_the_line_in_error_is_masked() {
    insta::assert_snapshot!(about_field("environment: {DB_PASSWORD: hunter2, A: [1]}"), @r#"
    error: services.web.environment.A: must be a string or a number or a boolean, not a list
     --> compose.yaml:4:44
      |
    4 |     environment: {DB_PASSWORD: ••••
    "#);
}

#[test]
fn a_secret_from_a_variable_is_masked() {
    insta::assert_snapshot!(about_field("cpus: ${DB_PASSWORD}\n    ports: [\"${DB_PASSWORD}:80\"]"), @r#"
    error: services.web.cpus: `••••` is not a number
     --> compose.yaml:4:11
      |
    4 |     cpus: ${DB_PASSWORD}
      |           ^^^^^^^^^^^^^^
    error: services.web.ports[0]: `••••` is not a port: the secret in it does not belong there
     --> compose.yaml:5:13
      |
    5 |     ports: ["${DB_PASSWORD}:80"]
      |             ^^^^^^^^^^^^^^^^^^^
    hint: a port is written `[address:][host port:]container port[/protocol]`
    "#);
}

#[test]
fn a_line_inside_a_private_key_is_not_shown() {
    insta::assert_snapshot!(about_field("environment:\n      PRIVATE_KEY: |\n        -----BEGIN\n       hunter2"), @r#"
    error: services.web.environment: not valid YAML: wrong indentation: this line does not reach the text that begins below line 5
     --> compose.yaml:7:8
      |
    7 | ••••
    hint: indent every line of it by at least 8 spaces, like its first line
    "#);
}

#[test]
fn a_long_line_is_cut_around_the_mistake() {
    insta::assert_snapshot!(about_field(&format!("command: [\"{0}\", {{a: 1}}, \"{0}\"]", "x".repeat(150))), @r#"
    error: services.web.command[1]: must be a string, not a mapping
     --> compose.yaml:4:169
      |
    4 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", {a: 1}, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
      |                                          ^^^^^^
    hint: a text with a colon and a space in it has to stand in quotes
    "#);
}

#[test]
fn control_characters_cannot_steer_the_terminal() {
    insta::assert_snapshot!(about_field("\"\u{202e}evil\": 1\n    \"\\e[2J\": 1"), @r#"
    error: services.web.�evil: unknown field `�evil` in a service
     --> compose.yaml:4:5
      |
    4 |     "�evil": 1
      |     ^^^^^^^
    error: services.web.�[2J: unknown field `�[2J` in a service
     --> compose.yaml:5:5
      |
    5 |     "\e[2J": 1
      |     ^^^^^^^
    hint: fields of your own begin with `x-`
    "#);
}

#[test]
fn no_compose_file_says_what_was_looked_for() {
    insta::assert_snapshot!(said(&[("readme.md", "")]), @r#"
    error: no Compose file in `/shop` or in any folder above it
    hint: name one with `-f`, or go to the folder of the project
    "#);
}

#[test]
fn a_file_that_is_not_text_is_named() {
    insta::assert_snapshot!(about("\u{0}\u{1}: ["), @r#"
    error: not valid YAML: the control character U+0000
     --> compose.yaml:1:1
      |
    1 | ��: [
      | ^
    hint: remove it; in double quotes it can be written as an escape such as `\x7F`
    "#);
}

#[test]
fn a_missing_env_file_is_shown_where_it_is_named() {
    let files = [(
        "compose.yaml",
        "services:\n  web:\n    image: nginx\n    env_file: [web.env]\n",
    )];
    insta::assert_snapshot!(said(&files), @r#"
    error: services.web.env_file[0]: the environment file `/shop/web.env` does not exist
     --> compose.yaml:4:16
      |
    4 |     env_file: [web.env]
      |                ^^^^^^^
    hint: create it, or write `required: false` beside its `path`
    "#);
}

#[test]
fn a_broken_line_of_dot_env_is_shown_there() {
    let files = [
        ("compose.yaml", "services:\n  web:\n    image: nginx\n"),
        (
            ".env",
            "USER=a\nPRIVATE_KEY=-----BEGIN KEY-----\nhunter2 x\n",
        ),
    ];
    insta::assert_snapshot!(said(&files), @r#"
    error: line 3 of `.env`: the name of a variable contains a space
     --> .env:3:1
      |
    3 | ••••
      | ^^^^
    hint: a value of several lines stands in quotes, with `NAME=` before it
    "#);
}

#[test]
fn a_mistake_in_an_included_file_is_shown_there() {
    let files = [
        (
            "compose.yaml",
            "include: [db/compose.yaml]\nservices:\n  web:\n    image: nginx\n",
        ),
        (
            "db/compose.yaml",
            "services:\n  db:\n    image: postgres\n    volums: []\n",
        ),
    ];
    insta::assert_snapshot!(said(&files), @r#"
    error: services.db.volums: unknown field `volums` in a service
     --> db/compose.yaml:4:5
      |
    4 |     volums: []
      |     ^^^^^^
    hint: did you mean `volumes`?
    "#);
}

#[test]
fn a_mistake_in_an_extended_file_is_shown_there() {
    let files = [
        (
            "compose.yaml",
            "services:\n  web:\n    extends: {file: base.yaml, service: web}\n",
        ),
        (
            "base.yaml",
            "services:\n  web:\n    image: nginx\n    ports: [\"80:http\"]\n",
        ),
    ];
    insta::assert_snapshot!(said(&files), @r#"
    error: services.web.ports[0]: `80:http` is not a port: `http` is not a port of the container
     --> base.yaml:4:13
      |
    4 |     ports: ["80:http"]
      |             ^^^^^^^^^
    hint: a port is written `[address:][host port:]container port[/protocol]`
    "#);
}

#[test]
fn a_base_that_does_not_exist_names_the_one_that_was_meant() {
    let files = [
        (
            "compose.yaml",
            "services:\n  web:\n    extends: {file: base.yaml, service: wbe}\n",
        ),
        ("base.yaml", "services:\n  web:\n    image: nginx\n"),
    ];
    insta::assert_snapshot!(said(&files), @r#"
    error: services.web.extends: cannot extend `wbe`: no such service in `base.yaml`
     --> compose.yaml:3:41
      |
    3 |     extends: {file: base.yaml, service: wbe}
      |                                         ^^^
    hint: did you mean `web`?
    "#);
}

#[test]
fn an_include_conflict_shows_both_places() {
    let files = [
        (
            "compose.yaml",
            "include: [db.yaml]\nservices:\n  db:\n    image: postgres:16\n",
        ),
        ("db.yaml", "services:\n  db:\n    image: postgres:17\n"),
    ];
    insta::assert_snapshot!(said(&files), @r#"
    error: services.db: `services.db` is also defined, differently, in an included file
     --> compose.yaml:3:3
      |
    3 |   db:
      |   ^^
    hint: the other one is at db.yaml:2:3; keep one of them, or make them the same
    "#);
}

#[test]
fn a_circle_of_includes_shows_the_way_round() {
    let files = [
        ("compose.yaml", "include: [db.yaml]\n"),
        ("db.yaml", "include: [compose.yaml]\n"),
    ];
    insta::assert_snapshot!(said(&files), @r#"
    error: include[0]: `include` goes in a circle: `compose.yaml` → `db.yaml` → `compose.yaml`
     --> db.yaml:1:11
      |
    1 | include: [compose.yaml]
      |           ^^^^^^^^^^^^
    hint: take one step out of the circle
    "#);
}

#[test]
fn a_variable_used_often_is_warned_of_once_with_its_places() {
    let text = "services:\n  web:\n    image: nginx:${TAG}\n    hostname: ${TAG}\n    labels: {a: \"${TAG}\"}\n";
    insta::assert_snapshot!(about(text), @r#"
    it loads
    warning: services.web.image: the variable `TAG` is not set and becomes empty
     --> compose.yaml:3:12
      |
    3 |     image: nginx:${TAG}
      |            ^^^^^^^^^^^^
    also at compose.yaml:4:15, compose.yaml:5:17
    hint: set it, or write `${TAG:-}` to say that empty is meant
    "#);
}

#[test]
fn mistakes_of_every_kind_are_reported_together_and_nothing_that_follows_from_them() {
    let text = "services:\n  web:\n    image: ${TAG:?choose one}\n    volums: []\n    networks: [back]\n    env_file: gone.env\n    depends_on: [db]\n  db:\n    image: [postgres]\n";
    insta::assert_snapshot!(about(text), @r#"
    error: services.web.image: the required variable `TAG` is not set: choose one
     --> compose.yaml:3:12
      |
    3 |     image: ${TAG:?choose one}
      |            ^^^^^^^^^^^^^^^^^^
    hint: set it: `export TAG=…`, or a line `TAG=…` in `.env`
    error: services.web.volums: unknown field `volums` in a service
     --> compose.yaml:4:5
      |
    4 |     volums: []
      |     ^^^^^^
    hint: did you mean `volumes`?
    error: services.db.image: must be a string, not a list
     --> compose.yaml:9:12
      |
    9 |     image: [postgres]
      |            ^^^^^^^^^^
    error: services.web.networks.back: service `web` refers to the undefined network `back`
     --> compose.yaml:5:16
      |
    5 |     networks: [back]
      |                ^^^^
    hint: define it at the top level: `networks: {back: …}`
    error: services.web.env_file[0]: the environment file `/shop/gone.env` does not exist
     --> compose.yaml:6:15
      |
    6 |     env_file: gone.env
      |               ^^^^^^^^
    hint: create it, or write `required: false` beside its `path`
    "#);
}
