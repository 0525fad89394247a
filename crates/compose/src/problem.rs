//! What can be wrong with Compose files, and what is merely surprising in them.
//!
//! One variant for one mistake, with typed fields; the wording stands here and nowhere else. A value that
//! may be secret never gets into a variant: [`shown`] masks it first.

use bowline_model::{MASK, is_secret_key, mask_line, mask_passwords};

use crate::source::Span;
use crate::tree::At;

/// Something said about a field of the user's files.
#[derive(Debug, PartialEq, Eq)]
pub struct Remark<T> {
    /// What there is to say.
    pub what: T,
    /// The field, as people write it: `services.web.ports[0]`. Empty where it concerns a file as a whole.
    pub path: String,
    /// What to do next, a sentence each.
    pub hints: Vec<String>,
    pub(crate) span: Span,
}

/// A mistake: the project cannot be loaded.
pub type Problem = Remark<Mistake>;

/// A warning: the project means something that its author probably did not.
pub type Warning = Remark<Caution>;

/// Everything that makes a project impossible to load.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "each variant is explained by its message; its fields are what the message names"
)]
pub enum Mistake {
    // Finding and reading files.
    #[error("no Compose file in `{folder}` or in any folder above it")]
    NoComposeFile { folder: String },
    #[error("the {kind} `{path}` does not exist")]
    FileMissing { kind: &'static str, path: String },
    #[error("the {kind} `{path}` is a folder")]
    FileIsFolder { kind: &'static str, path: String },
    #[error("cannot read the {kind} `{path}`: {reason}")]
    FileUnreadable {
        kind: &'static str,
        path: String,
        reason: String,
    },
    #[error("the {kind} `{path}` is larger than {limit} bytes")]
    FileTooLarge {
        kind: &'static str,
        path: String,
        limit: usize,
    },
    #[error("the {kind} `{path}` is not UTF-8 text (at byte {offset})")]
    NotText {
        kind: &'static str,
        path: String,
        offset: usize,
    },
    #[error(
        "`{reference}` is not on this machine: Compose files from Git and OCI registries are not supported"
    )]
    RemoteFile { reference: String },

    // YAML.
    #[error("not valid YAML: {reason}")]
    Syntax { reason: String },
    #[error("the key `{key}` stands twice, first on line {first_line}")]
    DuplicateKey { key: String, first_line: u32 },
    #[error("the key `{found}` is not a string")]
    KeyNotString { found: String },
    #[error("unknown tag `{tag}`")]
    UnknownTag { tag: String },
    #[error("the tag `{tag}` does not fit {found}")]
    TagMismatch { tag: String, found: &'static str },
    #[error("no anchor `&{name}` before this alias")]
    UnknownAnchor { name: String },
    #[error("an alias refers to what contains it")]
    AliasCycle,
    #[error("more than {limit} values once aliases are expanded")]
    TooManyNodes { limit: usize },
    #[error("more than {limit} bytes of text once variables and aliases are replaced")]
    TooMuchText { limit: usize },
    #[error("nested more than {limit} levels deep")]
    NestedTooDeep { limit: usize },
    #[error("more than {limit} files take part")]
    TooManyFiles { limit: usize },
    #[error("there are more mistakes; these are the first {limit}")]
    TooManyMistakes { limit: usize },
    #[error("only mappings can be merged with `<<`, and this is {found}")]
    BadMerge { found: &'static str },
    #[error("a Compose file is a mapping, and this is {found}")]
    NotAMapping { found: &'static str },
    #[error("nothing in {}", list_owned(files))]
    Empty { files: Vec<String> },

    // Names and options.
    #[error(
        "`{name}` is not a project name: lower-case letters, digits, `-` and `_`, beginning with a letter or digit"
    )]
    BadProjectName { name: String },
    #[error("the project has no name")]
    NoProjectName,
    #[error("no such service: `{name}`")]
    NoSuchService {
        name: String,
        nearest: Option<String>,
    },
    #[error("`{name}` is neither true nor false: `{value}`")]
    BadSwitch { name: &'static str, value: String },

    // Interpolation and environment files.
    #[error("invalid interpolation format: `{template}`")]
    BadTemplate { template: String },
    #[error("the required variable `{name}` {state}{}", if message.is_empty() { String::new() } else { format!(": {message}") })]
    RequiredVariable {
        name: String,
        state: &'static str,
        message: String,
    },
    #[error("`{value}` is not {wanted}")]
    BadValue { value: String, wanted: &'static str },
    #[error("line {line} of `{file}`: {reason}")]
    BadEnvLine {
        file: String,
        line: usize,
        reason: String,
    },
    #[error("unknown environment file format `{format}`")]
    BadEnvFormat { format: String },

    // The shape of values.
    #[error("must be {wanted}, not {found}")]
    WrongType { wanted: String, found: &'static str },
    #[error("unknown field `{key}`{}", if parent.is_empty() { String::new() } else { format!(" in {parent}") })]
    UnknownField {
        key: String,
        parent: String,
        nearest: Option<String>,
    },
    #[error("the field `{key}` is missing")]
    MissingField { key: &'static str },
    #[error("`{value}` is not one of {}", list(allowed))]
    NotOneOf {
        value: String,
        allowed: &'static [&'static str],
    },
    #[error("`{name}` is not a name: letters, digits, `.`, `_` and `-`")]
    BadName { name: String },
    #[error("`{value}` does not match what is expected here: {expected}")]
    BadPattern {
        value: String,
        expected: &'static str,
    },
    #[error("must be at least {least}")]
    TooSmall { least: i64 },
    #[error("must be at most {most}")]
    TooLarge { most: i64 },
    #[error("`{value}` stands twice in the list")]
    DuplicateItem { value: String },
    #[error("`{spec}` is not a port: {reason}")]
    BadPort { spec: String, reason: String },
    #[error("`{spec}` is not a volume: {reason}")]
    BadVolume { spec: String, reason: &'static str },
    #[error("too many colons in the device `{spec}`")]
    BadDevice { spec: String },
    #[error("`{entry}` is not `key=value`")]
    NotKeyValue { entry: String },
    #[error("`{key}` is no SSH key: write `default` or `id=path`")]
    BadSshKey { key: String },
    #[error("`{entry}` is not `host=address`")]
    BadHost { entry: String },
    #[error("the variable `{key}` is written with a space behind its name")]
    TrailingSpace { key: String },
    #[error("the command cannot be split into words: {reason}")]
    BadCommand { reason: &'static str },
    #[error("a healthcheck test begins with `CMD`, `CMD-SHELL` or `NONE`, not with `{first}`")]
    BadTest { first: String },

    #[error("cannot be read: {reason}")]
    Unreadable { reason: String },

    // Several files.
    #[error("cannot override {found} with {other}")]
    CannotOverride {
        found: &'static str,
        other: &'static str,
    },
    #[error("a chain of more than {limit} `{of}`")]
    ChainTooLong { of: &'static str, limit: usize },
    #[error("`extends` goes in a circle: {}", chain.join(" → "))]
    ExtendsCycle { chain: Vec<String> },
    #[error("cannot extend `{base}`: no such service in `{file}`")]
    NoBaseService { base: String, file: String },
    #[error("`include` goes in a circle: {}", chain.join(" → "))]
    IncludeCycle { chain: Vec<String> },
    #[error("`{kind}.{name}` is also defined, differently, in an included file")]
    IncludeConflict { kind: &'static str, name: String },

    // Consistency.
    #[error("service `{service}` has neither an image nor a build context")]
    NoImage { service: String },
    #[error("service `{service}` has both `{one}` and `{other}`; only one of them can be")]
    Exclusive {
        service: String,
        one: &'static str,
        other: &'static str,
    },
    #[error("service `{service}` refers to the undefined {kind} `{name}`")]
    Undefined {
        service: String,
        kind: &'static str,
        name: String,
        nearest: Option<String>,
    },
    #[error("service `{service}` depends on `{name}`, which no active profile switches on")]
    DependencyDisabled {
        service: String,
        name: String,
        profiles: Vec<String>,
    },
    #[error(
        "service `{service}` uses the service `{name}` as build context, and that is not built"
    )]
    NotBuildable { service: String, name: String },
    #[error("`build.platforms` of service `{service}` must contain its `platform`, `{platform}`")]
    PlatformNotBuilt { service: String, platform: String },
    #[error("`{one}` and `{other}` of service `{service}` say different things")]
    Distinct {
        service: String,
        one: &'static str,
        other: &'static str,
    },
    #[error(
        "service `{service}` has a `container_name`, so it cannot have {replicas} containers (`{field}`)"
    )]
    NameAndScale {
        service: String,
        field: &'static str,
        replicas: i64,
    },
    #[error("services `{one}` and `{other}` have the same container name, `{name}`")]
    ContainerNameTaken {
        one: String,
        other: String,
        name: String,
    },
    #[error("a `{action}` rule needs a `target`")]
    WatchTarget { action: String },
    #[error("`{target}` is already mounted by {by}")]
    TargetTaken { target: String, by: String },
    #[error("`depends_on` goes in a circle: {}", chain.join(" → "))]
    DependencyCycle { chain: Vec<String> },
    #[error("one of {} must be set", list(allowed))]
    NoSource { allowed: &'static [&'static str] },
    #[error("only one of {} can be set", list(allowed))]
    SeveralSources { allowed: &'static [&'static str] },
    #[error("`{key}` cannot stand beside `external`")]
    ExternalWith { key: String },
    #[error("`name` and `external.name` differ; keep only `name`")]
    TwoNames,
    #[error("`count` and `device_ids` cannot stand together")]
    CountAndIds,
    #[error("must not be empty")]
    EmptyText,
    /// One of the others, in whose words a secret stood.
    #[error("{text}")]
    Masked { text: String },
}

impl Mistake {
    /// What helps against this mistake, whatever the file.
    #[expect(clippy::too_many_lines, reason = "a table from mistakes to advice")]
    pub(crate) fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NoComposeFile { .. } => {
                "name one with `-f`, or go to the folder of the project".to_owned()
            }
            Self::UnknownField {
                nearest: Some(nearest),
                ..
            }
            | Self::NoSuchService {
                nearest: Some(nearest),
                ..
            }
            | Self::Undefined {
                nearest: Some(nearest),
                ..
            } => format!("did you mean `{nearest}`?"),
            Self::UnknownField { .. } => "fields of your own begin with `x-`".to_owned(),
            Self::Undefined {
                kind: kind @ ("network" | "volume" | "secret" | "config" | "model"),
                name,
                ..
            } => format!("define it at the top level: `{kind}s: {{{name}: …}}`"),
            Self::DuplicateKey { .. } => "keep one of them".to_owned(),
            Self::DependencyCycle { .. }
            | Self::ExtendsCycle { .. }
            | Self::IncludeCycle { .. } => "take one step out of the circle".to_owned(),
            Self::TargetTaken { .. } => "mount one of them somewhere else".to_owned(),
            Self::UnknownAnchor { .. } => {
                "put the value in quotes where no alias is meant".to_owned()
            }
            Self::WrongType { wanted, found }
                if *found == "a mapping" && wanted.contains("a string") =>
            {
                "a text with a colon and a space in it has to stand in quotes".to_owned()
            }
            Self::WrongType { wanted, found }
                if *found == "a number" && wanted.contains("1m30s") =>
            {
                "write a unit behind it, such as `s` for seconds".to_owned()
            }
            Self::WrongType { wanted, found } if wanted == "a list" && *found != "a mapping" => {
                "begin each entry with `- ` on a line of its own, or write `[one, two]`".to_owned()
            }
            Self::BadTemplate { .. } => "write `$$` for a literal dollar sign".to_owned(),
            Self::RequiredVariable { name, .. } => {
                format!("set it: `export {name}=…`, or a line `{name}=…` in `.env`")
            }
            Self::DependencyDisabled { profiles, .. } if !profiles.is_empty() => {
                format!(
                    "switch it on with `--profile {}`, or write `required: false`",
                    profiles[0]
                )
            }
            Self::FileMissing {
                kind: "environment file",
                ..
            } => "create it, or write `required: false` beside its `path`".to_owned(),
            Self::RemoteFile { .. } => "fetch it first and name the local file".to_owned(),
            Self::BadPort { .. } => {
                "a port is written `[address:][host port:]container port[/protocol]`".to_owned()
            }
            Self::BadVolume { .. } => "a volume is written `[source:]target[:options]`".to_owned(),
            _ => return Vec::new(),
        };
        vec![hint]
    }
}

/// Everything that is legal and surprising.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "each variant is explained by its message; its fields are what the message names"
)]
pub enum Caution {
    #[error("the variable `{name}` is not set and becomes empty")]
    UnsetVariable { name: String },
    #[error("the field `version` is obsolete and ignored")]
    ObsoleteVersion,
    #[error("several Compose files here: {}; `{chosen}` is used", names.join(", "))]
    SeveralFiles { names: Vec<String>, chosen: String },
    #[error("`{written}` is read as octal and means {read}")]
    OctalNumber { written: String, read: i64 },
    #[error(
        "`{written}` is read as the Windows path `{source_path}`, not as the volume `{volume}`"
    )]
    DriveLetter {
        written: String,
        source_path: String,
        volume: String,
    },
    #[error("`{written}` is taken for {meant} here, against YAML 1.2")]
    BooleanWord { written: String, meant: bool },
    #[error("`external.name` is deprecated")]
    ExternalName,
    #[error("`start_interval` has no effect without `start_period`")]
    InertStartInterval,
    #[error("`{value}` has a fraction and is read as 0")]
    FractionalBytes { value: String },
    #[error("the command is cut off at `{sign}`: no shell runs it")]
    CommandCut { sign: char },
    #[error("the project is named `{name}` after a symbolic link")]
    NamedAfterLink { name: String },
}

impl Caution {
    pub(crate) fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::UnsetVariable { name } => {
                format!("set it, or write `${{{name}:-}}` to say that empty is meant")
            }
            Self::ObsoleteVersion => "remove it".to_owned(),
            Self::SeveralFiles { .. } => "choose with `-f`".to_owned(),
            Self::OctalNumber { written, .. } => {
                format!("write `\"{written}\"` for the text, or leave out the leading zero")
            }
            Self::DriveLetter { volume, .. } => {
                format!("give the volume a longer name than `{volume}`, or use the long form")
            }
            Self::BooleanWord { meant, .. } => format!("write `{meant}`"),
            Self::ExternalName => "write `name` beside `external: true`".to_owned(),
            Self::InertStartInterval => "add `start_period`".to_owned(),
            Self::FractionalBytes { .. } => {
                "write whole bytes, or a text with a unit such as `\"1.5m\"`".to_owned()
            }
            Self::CommandCut { .. } => {
                "write `[\"sh\", \"-c\", \"…\"]` where a shell is meant, or quote the sign"
                    .to_owned()
            }
            Self::NamedAfterLink { .. } => "give it a `name:`, or use `--project-name`".to_owned(),
        };
        vec![hint]
    }
}

fn list_owned(items: &[String]) -> String {
    list(&items.iter().map(String::as_str).collect::<Vec<_>>())
}

fn list(items: &[&str]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// The text of a value for a message: one line, masked where its key says that it is secret, shortened where
/// it is long. Call it through [`Context::shown`](crate::context::Context::shown), which knows more.
pub(crate) fn shown(at: &At<'_>, text: &str) -> String {
    let hides = |step: &&str| matches!(*step, "environment" | "args" | "labels");
    let steps = at.steps();
    if steps.contains(&"content")
        || steps.iter().any(hides) && steps.last().is_some_and(|key| is_secret_key(key))
    {
        return MASK.to_owned();
    }
    let line = text.split('\n').next().unwrap_or(text);
    // What is far behind cannot be shown, and need not be looked at.
    let line: String = line.chars().take(4 * SHOWN_CHARS).collect();
    // The name of a volume is no key, whatever it sounds like.
    let masked = if steps
        .iter()
        .any(|step| matches!(*step, "volumes" | "ports"))
    {
        mask_passwords(&line)
    } else {
        mask_line(&line)
    };
    let mut shown: String = masked.chars().take(SHOWN_CHARS).collect();
    if line.len() < text.len() || shown.len() < masked.len() {
        shown.push('…');
    }
    shown
}

/// A text without the secrets that can be told by their keys.
pub(crate) fn mask_text(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(mask_line).collect();
    lines.join("\n")
}

/// The most characters of a value that a message shows.
const SHOWN_CHARS: usize = 79;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_behind_secret_keys_are_masked_in_messages() {
        let (root, services, web) = (At::Root, "services", "web");
        let (a, environment) = (root.key(services), "environment");
        let b = a.key(web);
        let c = b.key(environment);
        assert_eq!(shown(&c.key("DB_PASSWORD"), "hunter2"), "••••");
        assert_eq!(shown(&c.item(0), "DB_PASSWORD=hunter2"), "DB_PASSWORD=••••");
        assert_eq!(shown(&c.key("USER"), "app"), "app");
    }
}
