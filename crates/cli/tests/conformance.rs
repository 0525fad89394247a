//! Runs `bowline config` on the recorded cases of the loader: the same answers through the real binary, with
//! the right exit codes, and nothing on the wrong stream.
//!
//! What a refusal says is the loader's own test; here it counts that it is one, with its code.

#![expect(
    clippy::disallowed_methods,
    reason = "a test of the binary reads cases and starts it"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value as Json;

#[derive(Debug, serde::Deserialize)]
struct Case {
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    config: Vec<String>,
    cwd: Option<String>,
    stdin: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

fn main() -> ExitCode {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose/tests/cases");
    let cases = fs::canonicalize(cases).expect("the loader's cases are there");
    let listed = fs::read_to_string(cases.join("differences.tsv")).expect("the list is there");
    let different: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    let mut folders: Vec<PathBuf> = fs::read_dir(&cases)
        .expect("the cases can be listed")
        .map(|entry| entry.expect("the cases can be listed").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let trials = folders
        .into_iter()
        .filter_map(|folder| {
            let name = folder.file_name()?.to_string_lossy().into_owned();
            let known = different.contains(&name.as_str());
            Some(Trial::test(name, move || compare(&folder, known)))
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn compare(folder: &Path, differs: bool) -> Result<(), Failed> {
    let (code, answer, said) = run(folder)?;
    let read = |name: &str| {
        fs::read_to_string(folder.join(name))
            .ok()
            .map(|text| placed(folder, &text))
    };
    if differs {
        return Ok(());
    }
    match (read("expected.json"), read("expected.txt")) {
        (Some(wanted), _) => {
            expect_code(code, &[0], &said)?;
            let (wanted, answer): (Json, Json) = (
                serde_json::from_str(&wanted)?,
                serde_json::from_str(&answer)?,
            );
            if wanted == answer {
                Ok(())
            } else {
                Err("the answers differ; the loader's own test says where".into())
            }
        }
        (None, Some(wanted)) => {
            expect_code(code, &[0], &said)?;
            let sorted = |text: &str| {
                let mut lines: Vec<String> = text
                    .lines()
                    .map(|line| line.trim_end().to_owned())
                    .collect();
                lines.sort();
                lines
            };
            if sorted(&wanted) == sorted(&answer) {
                Ok(())
            } else {
                Err(format!("expected:\n{wanted}\nanswered:\n{answer}").into())
            }
        }
        (None, None) => {
            expect_code(code, &[3, 64], &said)?;
            if answer.is_empty() {
                Ok(())
            } else {
                Err(format!("a refusal printed data: {answer}").into())
            }
        }
    }
}

fn expect_code(code: Option<i32>, wanted: &[i32], said: &str) -> Result<(), Failed> {
    if code.is_some_and(|code| wanted.contains(&code)) {
        Ok(())
    } else {
        Err(format!("exit code {code:?}, expected one of {wanted:?}\n{said}").into())
    }
}

fn run(folder: &Path) -> Result<(Option<i32>, String, String), Failed> {
    let case: Case = toml::from_str(&fs::read_to_string(folder.join("case.toml"))?)?;
    let prints = [
        "--format",
        "--services",
        "--images",
        "--volumes",
        "--networks",
        "--profiles",
        "--variables",
        "--environment",
        "--hash",
        "-q",
        "--quiet",
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_bowline"));
    command.args(&case.args).arg("config");
    if !case
        .config
        .iter()
        .any(|option| prints.contains(&option.as_str()))
    {
        command.args(["--format", "json"]);
    }
    command
        .args(&case.config)
        .current_dir(folder.join(case.cwd.as_deref().unwrap_or("project")));
    command
        .env_clear()
        .env("HOME", "/home/user")
        .env("PATH", "/usr/bin:/bin");
    command.envs(
        case.env
            .iter()
            .map(|(key, value)| (key, placed(folder, value))),
    );
    command.stdin(match &case.stdin {
        Some(file) => Stdio::from(fs::File::open(folder.join(file))?),
        None => Stdio::null(),
    });
    let output = command.output()?;
    Ok((
        output.status.code(),
        String::from_utf8(output.stdout)?,
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}

fn placed(folder: &Path, text: &str) -> String {
    let project = folder.join("project");
    text.replace("@PARENT@", &folder.to_string_lossy())
        .replace("@DIR@", &project.to_string_lossy())
}
