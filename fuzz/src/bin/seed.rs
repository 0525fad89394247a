//! Fills `fuzz/corpus` from the cases of the loader, the corpus that `BOWLINE_CORPUS` names, and what was kept.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use bowline_fuzz::MARKER;

const TARGETS: [&str; 4] = ["load", "yaml", "interpolate", "dotenv"];

fn main() -> io::Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = env::var_os("FUZZ_CORPUS").map_or_else(|| fuzz.join("corpus"), PathBuf::from);
    for target in TARGETS {
        fs::create_dir_all(corpus.join(target))?;
        let kept = fuzz.join("corpus-kept").join(target);
        for file in fs::read_dir(kept).into_iter().flatten() {
            let path = file?.path();
            fs::copy(
                &path,
                corpus
                    .join(target)
                    .join(path.file_name().unwrap_or_default()),
            )?;
        }
    }
    let mut cases = vec![fuzz.join("../crates/compose/tests/cases")];
    cases.extend(env::var_os("BOWLINE_CORPUS").map(|folder| PathBuf::from(folder).join("cases")));
    for case in cases.iter().flat_map(fs::read_dir).flatten() {
        let case = case?.path();
        let name = case
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut files = Vec::new();
        collect(&case.join("project"), &case.join("project"), &mut files)?;
        let mut whole = Vec::new();
        for (path, text) in &files {
            whole.extend(format!("{MARKER}{path}\n").bytes());
            whole.extend(text);
            let target = if path.ends_with(".env") {
                "dotenv"
            } else {
                "yaml"
            };
            fs::write(
                corpus
                    .join(target)
                    .join(format!("{name}-{}", path.replace('/', "_"))),
                text,
            )?;
            for line in String::from_utf8_lossy(text)
                .lines()
                .filter(|line| line.contains('$'))
            {
                let value = line
                    .split_once([':', '='])
                    .map_or(line, |(_, value)| value)
                    .trim();
                fs::write(
                    corpus
                        .join("interpolate")
                        .join(format!("{name}-{}", value.len())),
                    value,
                )?;
            }
        }
        fs::write(corpus.join("load").join(name), whole)?;
    }
    Ok(())
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            files.push((name.to_string_lossy().into_owned(), fs::read(&path)?));
        }
    }
    files.sort();
    Ok(())
}
