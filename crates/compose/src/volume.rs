//! The short form of a volume: `source:target:options`.

use crate::source::Span;
use crate::tree::{Node, Value};

/// A volume as its short form says it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) read_only: bool,
    nocopy: bool,
    propagation: Option<String>,
    selinux: Option<String>,
    /// One or two characters: taken as a target without looking closer.
    is_bare: bool,
}

/// Reads the short form. The error says what is wrong with it.
pub(crate) fn parse(spec: &str) -> Result<Volume, &'static str> {
    let mut volume = Volume::default();
    match spec.len() {
        0 => return Err("it is empty"),
        1 | 2 => {
            spec.clone_into(&mut volume.target);
            volume.is_bare = true;
            return Ok(volume);
        }
        _ => {}
    }
    let sections = sections(spec);
    let last = sections.len() - 1;
    for (index, section) in sections.iter().enumerate() {
        let section = *section;
        if section.is_empty() {
            return Err("empty section between colons");
        }
        if volume.source.is_empty() && index == last {
            section.clone_into(&mut volume.target);
        } else if volume.source.is_empty() {
            section.clone_into(&mut volume.source);
        } else if volume.target.is_empty() {
            section.clone_into(&mut volume.target);
        } else if index != last {
            return Err("too many colons");
        } else {
            section.split(',').for_each(|option| volume.option(option));
        }
    }
    Ok(volume)
}

/// Splits at colons, but not inside `${…}` and not behind a drive letter.
fn sections(spec: &str) -> Vec<&str> {
    let (mut sections, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in spec.char_indices() {
        match c {
            '$' if spec[at + 1..].starts_with('{') => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ':' if depth == 0 && !is_drive(&spec[begin..at]) => {
                sections.push(&spec[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    sections.push(&spec[begin..]);
    sections
}

fn is_drive(section: &str) -> bool {
    let mut chars = section.chars();
    matches!((chars.next(), chars.next()), (Some(letter), None) if letter.is_alphabetic())
}

/// Tells whether a source is a path rather than the name of a volume.
fn is_path(source: &str) -> bool {
    let mut chars = source.chars();
    source.starts_with(['.', '/', '~'])
        || source.starts_with("\\\\")
        || matches!((chars.next(), chars.next()), (Some(letter), Some(':')) if letter.is_alphabetic())
}

impl Volume {
    fn option(&mut self, option: &str) {
        match option {
            "ro" => self.read_only = true,
            "rw" => self.read_only = false,
            "nocopy" => self.nocopy = true,
            "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                self.propagation = Some(option.to_owned());
            }
            "z" | "Z" => self.selinux = Some(option.to_owned()),
            // Compose lets every other option pass without effect.
            _ => {}
        }
    }

    /// The name that a one-letter volume would have had, where the source was read as a drive instead.
    pub(crate) fn swallowed_name(&self) -> Option<&str> {
        let path = if self.source.is_empty() {
            &self.target
        } else {
            &self.source
        };
        let mut chars = path.chars();
        match (chars.next(), chars.next(), chars.next()) {
            (Some(letter), Some(':'), Some('/')) if letter.is_alphabetic() => {
                Some(&path[..letter.len_utf8()])
            }
            _ => None,
        }
    }

    /// The long form.
    pub(crate) fn into_node(self, span: Span) -> Node {
        let flag = |value| Node::new(Value::Bool(value), span);
        let is_bind = is_path(&self.source);
        let mut node = Node::map(span);
        node.set(
            "type",
            Node::text(if is_bind { "bind" } else { "volume" }, span),
        );
        if !self.source.is_empty() {
            node.set("source", Node::text(self.source, span));
        }
        node.set(
            "target",
            Node::text(crate::paths::clean(&self.target), span),
        );
        if self.read_only {
            node.set("read_only", flag(true));
        }
        if is_bind || self.propagation.is_some() || self.selinux.is_some() {
            let mut bind = Node::map(span);
            if let Some(selinux) = self.selinux {
                bind.set("selinux", Node::text(selinux, span));
            }
            if let Some(propagation) = self.propagation {
                bind.set("propagation", Node::text(propagation, span));
            }
            if is_bind {
                bind.set("create_host_path", flag(true));
            }
            node.set("bind", bind);
        }
        if !is_bind && !self.is_bare || self.nocopy {
            let mut options = Node::map(span);
            if self.nocopy {
                options.set("nocopy", flag(true));
            }
            node.set("volume", options);
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spec: &str) -> (String, String, bool) {
        let volume = parse(spec).expect("the volume is well formed");
        {
            let is_bind = is_path(&volume.source);
            (volume.source, volume.target, is_bind)
        }
    }

    #[test]
    fn sources_are_paths_names_or_nothing() {
        assert_eq!(
            read("data:/var/lib"),
            ("data".into(), "/var/lib".into(), false)
        );
        assert_eq!(read("./src:/app:ro"), ("./src".into(), "/app".into(), true));
        assert_eq!(
            read("/anonymous"),
            (String::new(), "/anonymous".into(), false)
        );
        assert_eq!(
            read(r"C:\data:/data"),
            (r"C:\data".into(), "/data".into(), true)
        );
    }

    #[test]
    fn a_one_letter_volume_is_swallowed_by_the_drive_that_it_looks_like() {
        let volume = parse("d:/data:/x").expect("the volume is well formed");
        assert_eq!(
            (volume.source.as_str(), volume.swallowed_name()),
            ("d:/data", Some("d"))
        );
    }

    #[test]
    fn broken_forms_say_what_is_wrong() {
        assert_eq!(parse(":/data"), Err("empty section between colons"));
        assert_eq!(parse("data::"), Err("empty section between colons"));
        assert_eq!(parse("a1:/b:ro:z"), Err("too many colons"));
        assert_eq!(parse(""), Err("it is empty"));
    }
}
