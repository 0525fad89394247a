//! What `ps`, `logs` and `exec` say where there is no engine, or the command line is wrong; and their help.

mod program;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;

use program::Program;

#[test]
fn an_engine_that_is_not_there_is_named_with_the_way_to_start_it() {
    let bowline = Program::without_engine();
    for verb in [
        &["ps"][..],
        &["logs", "-f"],
        &["exec", "web", "true"],
        &["net", "check"],
    ] {
        let arguments = [&["-p", "shop"], verb].concat();
        insta::allow_duplicates!(insta::assert_snapshot!(bowline.run(&arguments), @"
        [exit 4]
        --- stderr
        error: no answer from the engine at `unix:///nowhere/engine.sock` to GET /version: there is no such socket
        hint: start the engine: `sudo systemctl start docker`, or `sudo service docker start` where there is no systemd
        hint: the place is what `DOCKER_HOST` says; unset it to use the default
        "));
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test opens the disk that is always full"
)]
fn data_that_cannot_be_written_is_said_once_and_is_a_failure() {
    let mut full = std::fs::OpenOptions::new();
    let full = full.write(true).open("/dev/full").unwrap();
    let bowline = Program::without_engine();
    let mut command = bowline.command(&["explain", "D051"]);
    let output = command.stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let why = "error: standard output cannot be written: No space left on device (os error 28)\n";
    assert_eq!((output.status.code(), said.as_str()), (Some(1), why));
}

#[test]
fn other_kinds_of_endpoint_are_refused_by_name() {
    let bowline = Program::on("ssh://me:hunter2@far.example");
    insta::assert_snapshot!(bowline.run(&["-p", "shop", "ps"]), @"
    [exit 4]
    --- stderr
    error: DOCKER_HOST is `ssh://me:••••@far.example`: engines over ssh are not supported yet, only unix sockets
    hint: run this on the engine's own host, or unset DOCKER_HOST to use `/var/run/docker.sock`
    hint: an SSH tunnel of the engine's socket works: `ssh -L /tmp/engine.sock:/var/run/docker.sock HOST`
    ");
}

#[test]
fn a_context_that_is_not_there_is_named() {
    let bowline = Program::on("");
    let mut command = bowline.command(&["-p", "shop", "ps"]);
    let output = command.env("DOCKER_CONTEXT", "far").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said.replace(&bowline.folder().display().to_string(), "$FOLDER");
    insta::assert_snapshot!(said, @"
    error: there is no Docker context `far` in `$FOLDER/.docker`
    hint: `docker context ls` lists those there are
    ");
}

/// An engine that only says which versions of the API it speaks.
#[test]
fn an_engine_that_is_too_old_is_refused() {
    let bowline = Program::on("");
    let socket = bowline.folder().join("old.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let engine = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let _ = connection.read(&mut request).unwrap();
        let body = r#"{"Version":"19.03.0","ApiVersion":"1.40","MinAPIVersion":"1.12"}"#;
        let length = body.len();
        write!(
            connection,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
    });
    let mut command = bowline.command(&["-p", "shop", "ps"]);
    let host = format!("unix://{}", socket.display());
    let output = command.env("DOCKER_HOST", host).output().unwrap();
    engine.join().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said.replace(&bowline.folder().display().to_string(), "$FOLDER");
    insta::assert_snapshot!(said, @"
    error: the engine at `unix://$FOLDER/old.sock` speaks API 1.40 at most, 1.41 is needed (Docker 20.10 or newer)
    hint: update the engine
    ");
}

#[test]
fn without_a_file_the_project_has_to_be_named() {
    let bowline = Program::without_engine();
    insta::assert_snapshot!(bowline.run(&["ps"]), @"
    [exit 3]
    --- stderr
    error: no Compose file in `$FOLDER` or in any folder above it
    hint: name one with `-f`, or go to the folder of the project
    ");
    let mut command = bowline.command(&["ps"]);
    let output = command
        .env("COMPOSE_PROJECT_NAME", "shop")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4), "the engine is asked");
}

#[test]
fn wrong_values_of_options_name_the_right_ones() {
    let bowline = Program::without_engine();
    let said = |arguments: &[&str]| bowline.run(&[&["-p", "shop"], arguments].concat());
    insta::assert_snapshot!(said(&["ps", "--format", "table {{.Name}}"]), @"
    [exit 64]
    --- stderr
    error: `--format` takes no templates
    hint: `--format json` has the same fields: `bowline ps --format json | jq -r .Name`
    ");
    insta::assert_snapshot!(said(&["ps", "--format", "yaml"]), @"
    [exit 64]
    --- stderr
    error: `--format` is `yaml`
    hint: it can be `table` or `json`
    ");
    insta::assert_snapshot!(said(&["ps", "--status", "up"]), @"
    [exit 64]
    --- stderr
    error: `up` is no state of a container
    hint: the states are `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`
    ");
    insta::assert_snapshot!(said(&["ps", "--filter", "name=x"]), @"
    [exit 64]
    --- stderr
    error: `--filter` is `name=x`
    hint: it can be `status=STATE`, for example `status=running`
    ");
    insta::assert_snapshot!(said(&["logs", "--since", "tomorrow"]), @"
    [exit 64]
    --- stderr
    error: `--since` is `tomorrow`, which is no time
    hint: write `2026-11-21T06:55:00Z`, `2026-11-21`, or `42m` for 42 minutes ago
    ");
    insta::assert_snapshot!(said(&["logs", "--tail", "few"]), @"
    [exit 64]
    --- stderr
    error: `--tail` is `few`
    hint: it can be a number of lines, or `all`
    ");
    insta::assert_snapshot!(said(&["logs", "--index", "1"]), @"
    [exit 64]
    --- stderr
    error: `--index` needs exactly one service
    ");
    insta::assert_snapshot!(said(&["exec", "web"]), @"
    [exit 64]
    --- stderr
    error: 2 values required by '<SERVICE> <COMMAND>...'; only 1 was provided

    Usage: bowline exec [OPTIONS] <SERVICE> <COMMAND>...

    For more information, try '--help'.
    ");
}

#[test]
fn behind_logs_the_letter_f_is_to_follow_and_before_it_a_file() {
    let bowline = Program::without_engine();
    bowline.write(
        "other.yaml",
        "name: other\nservices: {web: {image: busy}}\n",
    );
    let code = |arguments: &[&str]| bowline.output(arguments).status.code();
    // Loaded, and then there is no engine.
    assert_eq!(code(&["-f", "other.yaml", "logs", "-f", "web"]), Some(4));
    assert_eq!(code(&["logs", "--file", "other.yaml", "-f"]), Some(4));
    // No file of this name.
    assert_eq!(code(&["-f", "web", "logs", "-f"]), Some(3));
    assert_eq!(code(&["logs", "-f", "web", "--file", "gone.yaml"]), Some(3));
}

#[test]
fn help_of_ps() {
    insta::assert_snapshot!(own_options("ps"), @"
    [exit 0]
    --- stdout
    List containers

    Usage: bowline ps [OPTIONS] [SERVICES]...

    Arguments:
      [SERVICES]...  Services whose containers to list [default: all]

    Options:
      -a, --all                 List containers that have ended or never ran, too, and those that `run`
                                made
      -q, --quiet               Print only ids
          --services            Print only the names of services
          --status <STATE>      List containers in this state: created, running, paused, restarting,
                                removing, exited or dead; repeatable
          --filter <KEY=VALUE>  The same as `--status STATE`, written as `status=STATE`
          --format <FORMAT>     `table`, or `json`: one object for each container, on a line of its own
          --orphans[=<BOOL>]    List containers of services that the files do not know [default: true]
                                [possible values: true, false]
          --no-trunc            Do not cut long ids, commands and names of mounts
      -h, --help                Print help (see more with '--help')
    ");
}

#[test]
fn help_of_logs() {
    insta::assert_snapshot!(own_options("logs"), @"
    [exit 0]
    --- stdout
    Print what containers wrote

    Usage: bowline logs [OPTIONS] [SERVICES]...

    Arguments:
      [SERVICES]...  Services whose logs to read [default: all]

    Options:
      -f, --follow         Go on with what is written from now on, until nothing runs any more
          --since <TIME>   Start at this time (2026-11-21T06:55:00Z), or so long ago (42m)
          --until <TIME>   End before this time, or so long ago
      -n, --tail <LINES>   Start with so many of the last lines of each container, or `all`
      -t, --timestamps     Print when each line was written
          --no-color       Print no colours
          --no-log-prefix  Print lines without the name of the container
          --index <N>      Number of the container, where one service has several
      -h, --help           Print help (see more with '--help')
    ");
}

#[test]
fn help_of_exec() {
    insta::assert_snapshot!(own_options("exec"), @"
    [exit 0]
    --- stdout
    Run a command in a container that runs

    Usage: bowline exec [OPTIONS] <SERVICE> <COMMAND>...

    Arguments:
      <SERVICE> <COMMAND>...  Service and command; everything behind the service goes to the command as
                              it is

    Options:
      -d, --detach         Return as soon as the process runs
      -e, --env <NAME>     Set a variable, `NAME=VALUE`; a bare `NAME` takes its value from here;
                           repeatable
          --index <N>      Number of the container, where the service has several
      -T, --no-tty         Give it no terminal, even where there is one here
      -u, --user <USER>    Run it as this user, `NAME` or `UID[:GID]`
      -w, --workdir <DIR>  Run it in this folder of the container
          --privileged     Give it all rights
      -h, --help           Print help (see more with '--help')
    ");
}

/// The help of a verb without the options that all of them have.
fn own_options(verb: &str) -> String {
    let help = Program::without_engine().run(&[verb, "-h"]);
    let end = help.find("\nGlobal options:").unwrap_or(help.len());
    help[..end].to_owned()
}
