//! Reads the project's own text and holds it to the rules that no compiler lint knows.
//!
//! A rule is a function from one file to complaints. Rules see values, not the disk, so each is shown
//! rejecting something in the tests below. Files that quote other people's words (`fixtures`, `cases`,
//! `corpus`) are checked for machine paths only.

use std::path::Path;

use super::Complaint;
use super::rust_text::code_only;

/// One file of the project.
pub(crate) struct Source {
    /// Relative to the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    }

    fn is_quoted(&self) -> bool {
        self.path
            .split('/')
            .any(|part| matches!(part, "fixtures" | "cases" | "corpus" | "snapshots"))
    }

    /// Product code of a library: what may neither print nor read the environment.
    fn is_library(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.next() == Some("crates")
            && !matches!(parts.next(), Some("cli" | "testkit") | None)
            && parts.next() == Some("src")
    }

    fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests") || self.path.ends_with("/tests.rs")
    }
}

const LONGEST: usize = 800;

/// How many lines above a sleep its reason may stand.
const REASON_LINES: usize = 3;

/// Complains about everything in `files` that breaks a rule of the house.
pub(crate) fn complaints(files: &[Source], foreign: &[String]) -> Vec<Complaint> {
    let mut found = Vec::new();
    for file in files {
        found.extend(machine_words(file, foreign));
        if file.is_quoted() {
            continue;
        }
        found.extend(unfinished(file));
        if file.is_rust() {
            let code = code_only(&file.text);
            found.extend(too_long(file));
            found.extend(nameless_module(file, &code));
            found.extend(no_header(file));
            found.extend(ignored_test(file, &code));
            found.extend(unreasoned_sleep(file, &code));
            found.extend(loud_library(file, &code));
        }
        if file.path == "README.md" {
            found.extend(set_up_commands(file));
        }
    }
    found
}

fn at(file: &Source, line: usize) -> String {
    format!("{}:{}", file.path, line + 1)
}

/// Finds `needle` in `hay` where it does not continue a word on either side.
fn has_word(hay: &str, needle: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    hay.match_indices(needle).any(|(start, found)| {
        !hay[..start].ends_with(word) && !hay[start + found.len()..].starts_with(word)
    })
}

/// The project reads the same on every machine: no path of a checkout, no host of a package mirror.
fn machine_words(file: &Source, foreign: &[String]) -> Vec<Complaint> {
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(number, line)| {
            let word = foreign.iter().find(|word| line.contains(word.as_str()))?;
            Some(Complaint::new(
                at(file, number),
                format!("`{word}` belongs to this machine, not to the project"),
                "use a relative path, or find the value out at run time".to_owned(),
            ))
        })
        .collect()
}

fn unfinished(file: &Source) -> Vec<Complaint> {
    // Put together here, so that this file does not complain about itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| marks.iter().any(|mark| has_word(line, mark)))
        .map(|(number, _)| {
            Complaint::new(
                at(file, number),
                "unfinished work is marked here".to_owned(),
                "finish it, or write down in docs/decisions why not".to_owned(),
            )
        })
        .collect()
}

fn too_long(file: &Source) -> Option<Complaint> {
    let lines = file.text.lines().count();
    let reason = file
        .text
        .lines()
        .take(30)
        .any(|line| line.trim_start().starts_with("// long because: "));
    (lines > LONGEST && !reason).then(|| {
        Complaint::new(
            &file.path,
            format!("{lines} lines; {LONGEST} is the limit"),
            "split it where the words change, or say `// long because: …` in its first 30 lines"
                .to_owned(),
        )
    })
}

fn nameless_module(file: &Source, code: &str) -> Vec<Complaint> {
    let nameless = ["util", "utils", "helper", "helpers", "common", "misc"];
    let complaint = |place: String, name: &str| {
        Complaint::new(
            place,
            format!("a module named `{name}` says nothing"),
            "name it after what it is for".to_owned(),
        )
    };
    let mut found = Vec::new();
    let stem = file
        .path
        .trim_end_matches("/mod.rs")
        .trim_end_matches(".rs");
    if let Some(name) = stem
        .rsplit('/')
        .next()
        .filter(|name| nameless.contains(name))
    {
        found.push(complaint(file.path.clone(), name));
    }
    for (number, line) in code.lines().enumerate() {
        let inline = line
            .trim()
            .strip_suffix('{')
            .and_then(|line| line.split_whitespace().collect::<Vec<_>>().pop());
        if let Some(name) = inline.filter(|name| has_word(line, "mod") && nameless.contains(name)) {
            found.push(complaint(at(file, number), name));
        }
    }
    found
}

fn no_header(file: &Source) -> Option<Complaint> {
    let product = file.path.split('/').any(|part| part == "src") && !file.is_test();
    let headed = file
        .text
        .lines()
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| line.starts_with("//!"));
    (product && !headed).then(|| {
        Complaint::new(
            &file.path,
            "the module has no header".to_owned(),
            "begin it with `//!`: what it is for and what it must never do".to_owned(),
        )
    })
}

fn ignored_test(file: &Source, code: &str) -> Vec<Complaint> {
    let lines = code.lines().enumerate();
    lines
        .filter(|(_, line)| {
            line.contains("#[ignore") || (line.contains("cfg_attr") && has_word(line, "ignore"))
        })
        .map(|(number, _)| {
            Complaint::new(
                at(file, number),
                "a test that is left out proves nothing".to_owned(),
                "make it run everywhere, name it `engine_…` if it needs an engine, or take it away"
                    .to_owned(),
            )
        })
        .collect()
}

fn unreasoned_sleep(file: &Source, code: &str) -> Vec<Complaint> {
    let source: Vec<&str> = file.text.lines().collect();
    let tests_begin = code.lines().position(|line| line.trim() == "#[cfg(test)]");
    let everywhere = file.is_test() || file.path.starts_with("crates");
    let first = if everywhere { Some(0) } else { tests_begin };
    let Some(first) = first else {
        return Vec::new();
    };
    let sleeps = |line: &str| {
        ["thread::sleep(", "time::sleep(", " sleep(", "sleep_until("]
            .iter()
            .any(|call| line.contains(call))
    };
    code.lines()
        .enumerate()
        .skip(first)
        .filter(|(_, line)| sleeps(line))
        .filter(|(number, _)| {
            !source[number.saturating_sub(REASON_LINES)..=*number]
                .iter()
                .any(|line| line.contains("// sleeps because: "))
        })
        .map(|(number, _)| {
            Complaint::new(
                at(file, number),
                "it sleeps without a reason".to_owned(),
                "wait for the thing itself, or say `// sleeps because: …` above it".to_owned(),
            )
        })
        .collect()
}

fn loud_library(file: &Source, code: &str) -> Vec<Complaint> {
    if !file.is_library() {
        return Vec::new();
    }
    let prints = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    let reads = [
        "env::var",
        "env::var_os",
        "env::vars",
        "env::vars_os",
        "env::current_dir",
        "env::home_dir",
        "env::args",
    ];
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        // `has_word` cannot look behind the `!`, which ends the word by itself.
        if prints.iter().any(|name| has_word(line, name)) {
            let next = "return the text, or use `tracing`; only the binary prints".to_owned();
            found.push(Complaint::new(
                at(file, number),
                "a library prints".to_owned(),
                next,
            ));
        }
        if reads.iter().any(|name| has_word(line, name)) {
            let next =
                "take the value as an argument; only the binary reads the environment".to_owned();
            found.push(Complaint::new(
                at(file, number),
                "a library reads the environment".to_owned(),
                next,
            ));
        }
    }
    found
}

/// A newcomer types two commands and no third.
fn set_up_commands(readme: &Source) -> Option<Complaint> {
    let wanted = ["cargo xtask demo", "cargo xtask test"];
    let section = readme
        .text
        .split("\n## ")
        .find(|section| section.starts_with("Two commands"));
    let mut named = Vec::new();
    let mut inside = false;
    for line in section.unwrap_or_default().lines().map(str::trim) {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            named.push(line.split(" #").next().unwrap_or(line).trim());
        }
    }
    (named != wanted).then(|| {
        Complaint::new(
            &readme.path,
            format!("its section `Two commands` names {named:?}"),
            format!("it has to name exactly {wanted:?}, in code blocks"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        let file = Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        complaints(
            &[file],
            &[
                "/somebody/checkout/".to_owned(),
                "mirror.example.net".to_owned(),
            ],
        )
        .len()
    }

    const LIBRARY: &str = "crates/core/src/plan.rs";
    const TEST: &str = "crates/core/tests/plan.rs";

    #[test]
    fn a_tidy_module_passes() {
        assert_eq!(count(LIBRARY, "//! Plans.\n\nfn plan() {}\n"), 0);
    }

    #[test]
    fn libraries_neither_print_nor_read_the_environment() {
        assert_eq!(count(LIBRARY, "//! x\nfn f() { println!(\"x\"); }"), 1);
        assert_eq!(
            count(LIBRARY, "//! x\nfn f() { std::env::var(\"HOME\"); }"),
            1
        );
        assert_eq!(
            count(
                LIBRARY,
                "//! x\n// println!(\"x\") is not for us\nfn f() { g(\"dbg!(x)\"); }"
            ),
            0
        );
        assert_eq!(
            count(
                "crates/cli/src/main.rs",
                "//! x\nfn f() { println!(\"x\"); }"
            ),
            0
        );
        assert_eq!(count(TEST, "fn f() { std::env::var(\"X\"); }"), 0);
    }

    #[test]
    fn long_files_need_a_reason() {
        let long = format!("//! x\n{}", "fn f() {}\n".repeat(LONGEST));
        assert_eq!(count(LIBRARY, &long), 1);
        assert_eq!(
            count(
                LIBRARY,
                &format!("//! x\n// long because: one table\n{long}")
            ),
            0
        );
        assert_eq!(count(LIBRARY, &"//! x\n".repeat(LONGEST)), 0);
    }

    #[test]
    fn modules_are_named_after_what_they_are_for() {
        assert_eq!(count("crates/core/src/utils.rs", "//! x\n"), 1);
        assert_eq!(count("crates/core/tests/common/mod.rs", "//! x\n"), 1);
        assert_eq!(count(LIBRARY, "//! x\nmod helpers {\n}\n"), 1);
        assert_eq!(count(LIBRARY, "//! x\nmod commonest {\n}\n"), 0);
    }

    #[test]
    fn modules_begin_with_their_purpose() {
        assert_eq!(count(LIBRARY, "fn f() {}\n"), 1);
        assert_eq!(count(TEST, "fn f() {}\n"), 0);
    }

    #[test]
    fn unfinished_work_does_not_land() {
        assert_eq!(count(LIBRARY, concat!("//! x\n// TO", "DO: later\n")), 1);
        assert_eq!(count("docs/guide.md", concat!("FIX", "ME\n")), 1);
        assert_eq!(count(LIBRARY, concat!("//! x\nstruct TO", "DOS;\n")), 0);
        assert_eq!(
            count(
                "crates/compose/tests/cases/x/compose.yaml",
                concat!("# TO", "DO\n")
            ),
            0
        );
    }

    #[test]
    fn no_test_is_left_out() {
        assert_eq!(count(TEST, "#[test]\n#[ignore]\nfn f() {}"), 1);
        assert_eq!(count(TEST, "#[ignore = \"slow\"]\nfn f() {}"), 1);
        assert_eq!(count(TEST, "#[cfg_attr(windows, ignore)]\nfn f() {}"), 1);
        assert_eq!(count(TEST, "// #[ignore] is not for us\nfn f() {}"), 0);
    }

    #[test]
    fn what_sleeps_says_why() {
        assert_eq!(count(TEST, "fn f() { std::thread::sleep(d); }"), 1);
        assert_eq!(
            count(TEST, "async fn f() { tokio::time::sleep(d).await; }"),
            1
        );
        assert_eq!(
            count(
                TEST,
                "fn f() {\n// sleeps because: the gap is what is tested\nthread::sleep(d);\n}"
            ),
            0
        );
        assert_eq!(count(LIBRARY, "//! x\nfn f() { thread::sleep(d); }"), 1);
        assert_eq!(count(LIBRARY, "//! x\nfn f() { sleep_until(at); }"), 1);
        assert_eq!(
            count(
                LIBRARY,
                "//! x\n#[cfg(test)]\nmod tests {\nfn f() { thread::sleep(d); }\n}"
            ),
            1
        );
    }

    #[test]
    fn nothing_of_this_machine_is_in_the_tree() {
        assert_eq!(
            count("docs/guide.md", "see /somebody/checkout/README.md\n"),
            1
        );
        assert_eq!(
            count(
                "crates/compose/tests/cases/x/compose.yaml",
                "image: mirror.example.net/x\n"
            ),
            1
        );
        assert_eq!(count("docs/guide.md", "see README.md\n"), 0);
    }

    #[test]
    fn the_readme_names_exactly_two_commands() {
        let readme = |commands: &str| {
            count(
                "README.md",
                &format!(
                    "# x\n\n## Two commands\n\n```sh\n{commands}```\n\n## Next\n\n```sh\nmake\n```\n"
                ),
            )
        };
        assert_eq!(readme("cargo xtask demo   # see it\ncargo xtask test\n"), 0);
        assert_eq!(readme("cargo xtask demo\n"), 1);
        assert_eq!(readme("make\ncargo xtask demo\ncargo xtask test\n"), 1);
        assert_eq!(count("README.md", "# x\n"), 1);
    }
}
