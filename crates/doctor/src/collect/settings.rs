//! Settings by which services name the queues and channels of a server of the stack.
//!
//! Nobody can say of a key by itself that it names a queue: it may be in any language. So the server's own names come
//! first: whatever key carries one of them is such a key, and then so is the same key elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::carried::Carrier;
use bowline_model::{ObservedContainer, is_secret_key};

use crate::facts::{Facts, ServerAnswer, SettingFact, ToldText, names_part};
use crate::tokens::Mask;

/// Longer values name no queue, in bytes.
const LONGEST: usize = 128;

/// Adds the settings that name what servers were seen to have, and those of the same keys. `files` are the texts of the
/// small files that are mounted into containers, by container.
pub(super) fn add(
    facts: &mut Facts,
    containers: &[ObservedContainer],
    files: &BTreeMap<String, Vec<(String, String)>>,
    mask: &Mask,
) {
    let traffic = facts.asked.iter().filter_map(|asked| match &asked.answer {
        ServerAnswer::Redis(answer) => answer.traffic.as_ref(),
        _ => None,
    });
    let names: BTreeSet<&str> = traffic
        .flat_map(|traffic| {
            let queues = traffic.queues.iter().map(|queue| &queue.name);
            queues.chain(&traffic.channels)
        })
        .map(String::as_str)
        .collect();
    if names.is_empty() {
        return;
    }
    let all: BTreeMap<&String, Vec<SettingFact>> = containers
        .iter()
        .map(|container| {
            let files = files.get(&container.name).map_or(&[][..], Vec::as_slice);
            (&container.name, settings(container, files))
        })
        .collect();
    let is_named = |setting: &&SettingFact| {
        let mut names = names.iter();
        names.any(|name| names_part(name, &setting.value.text))
    };
    let keys: BTreeSet<String> = all
        .values()
        .flatten()
        .filter(is_named)
        .map(|setting| last_word(&setting.key).to_owned())
        .collect();
    for (name, mut settings) in all {
        settings.retain(|setting| keys.contains(last_word(&setting.key)));
        for setting in &mut settings {
            setting.value.text = mask.apply(&setting.value.text);
        }
        if !settings.is_empty() {
            facts.settings.insert(name.clone(), settings);
        }
    }
}

/// Everything with a key and a short plain value that a container is told: variables, options of its command, and
/// lines of the files that are mounted into it.
fn settings(container: &ObservedContainer, files: &[(String, String)]) -> Vec<SettingFact> {
    let spec = &container.spec;
    let mut found = Vec::new();
    let mut add = |key: &str, value: &str, carrier: Carrier| {
        let value = value.trim().trim_matches(['"', '\'']);
        let key = plain_key(key);
        if !is_secret_key(&key) && is_plain(value) && !key.is_empty() {
            found.push(SettingFact {
                key,
                value: ToldText {
                    text: value.to_owned(),
                    carrier,
                },
            });
        }
    };
    let mut variables: Vec<(&str, &str)> = spec
        .env
        .iter()
        .filter_map(|(key, value)| Some((key, value?.reveal())))
        .collect();
    variables.sort_unstable();
    for (key, value) in variables {
        add(key, value, Carrier::Variable(key.to_owned()));
    }
    let words = spec.entrypoint.iter().chain(&spec.command);
    let words: Vec<&String> = words.flat_map(|words| words.iter()).collect();
    for (index, word) in words.iter().enumerate() {
        let Some(option) = word.strip_prefix('-') else {
            continue;
        };
        if let Some((key, value)) = option.split_once('=') {
            add(key, value, Carrier::Argument(index));
        } else if let Some(value) = words.get(index + 1).filter(|next| !next.starts_with('-')) {
            add(option, value, Carrier::Argument(index + 1));
        }
    }
    for (path, text) in files {
        for (line, written) in (1..).zip(text.lines()) {
            let Some((key, value)) = written.split_once(['=', ':']) else {
                continue;
            };
            let path = path.clone();
            add(
                key,
                value.trim_end_matches([',', ';', ' ']),
                Carrier::File { path, line },
            );
        }
    }
    found
}

/// A key without what stands around it in a file or a command, in small letters.
fn plain_key(key: &str) -> String {
    let key = key.trim().trim_start_matches("export ");
    let key = key.trim_matches(['"', '\'', '-', ' ']);
    key.to_lowercase()
}

/// The last word of a key: `queue` of `order_queue` and `worker.queue`.
fn last_word(key: &str) -> &str {
    key.rsplit(['_', '.', '-']).next().unwrap_or(key)
}

/// Whether a value may be a name: no path, no number, no sentence.
fn is_plain(value: &str) -> bool {
    let is_harmless = |it: char| it.is_ascii_alphanumeric() || "_-.:".contains(it);
    (2..=LONGEST).contains(&value.len())
        && value.chars().all(is_harmless)
        && value.contains(|it: char| it.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_however_it_is_written() {
        for (key, plain, last) in [
            ("ORDER_QUEUE", "order_queue", "queue"),
            ("  \"queue\"", "queue", "queue"),
            ("worker.queue ", "worker.queue", "queue"),
            ("--main-queue", "main-queue", "queue"),
            ("-Q", "q", "q"),
            ("export CANAL", "canal", "canal"),
            ("", "", ""),
        ] {
            assert_eq!(plain_key(key), plain);
            assert_eq!(last_word(plain), last);
        }
    }

    #[test]
    fn a_name_is_neither_a_number_nor_a_path_nor_a_sentence() {
        for (value, is_name) in [
            ("orders", true),
            ("hall.bids", true),
            ("10", false),
            ("/etc/app", false),
            ("a b", false),
            ("x", false),
            ("", false),
        ] {
            assert_eq!(is_plain(value), is_name, "{value}");
        }
    }
}
