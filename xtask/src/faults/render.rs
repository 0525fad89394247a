//! Fills the placeholders of a case's files with names that a seed draws.
//!
//! Nothing that the doctor sees may give a case away: a project, service, volume, port or password is called
//! something else in every run. One seed gives the same text on every machine; so a run can be repeated.
//!
//! A placeholder is `{{kind.word}}`, or `{{project}}`. The same one means the same name in the stack's files, the
//! injection and the expectation of one case. The kinds are in [`Kind`].

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Also of a container, a host in an address, and anything else that is called by one word.
    Service,
    Volume,
    Network,
    /// The name of the service of that word with one letter missing.
    Typo,
    /// A user, a database, a variable's value: a letter, then letters and digits.
    Name,
    /// A port of the host.
    Port,
    /// A port inside containers.
    Inner,
    /// The second part of an address that begins with 10.
    Octet,
    /// Letters and digits.
    Password,
    /// With characters that an address has to encode.
    Awkward,
    /// One of the test images, the only kind that is not drawn.
    Image,
}

impl Kind {
    const ALL: [(&'static str, Self); 11] = [
        ("service", Self::Service),
        ("volume", Self::Volume),
        ("network", Self::Network),
        ("typo", Self::Typo),
        ("name", Self::Name),
        ("port", Self::Port),
        ("inner", Self::Inner),
        ("octet", Self::Octet),
        ("password", Self::Password),
        ("awkward", Self::Awkward),
        ("image", Self::Image),
    ];

    /// Whether nobody may be told.
    fn is_secret(self) -> bool {
        matches!(self, Self::Password | Self::Awkward)
    }

    fn parse(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find_map(|(known, kind)| (*known == word).then_some(*kind))
    }
}

const FIRST: [&str; 32] = [
    "amber", "basil", "cedar", "coral", "delta", "ember", "fern", "flint", "grove", "hazel",
    "heron", "indigo", "iris", "jasper", "juniper", "kelp", "larch", "linden", "maple", "marsh",
    "nettle", "ochre", "opal", "pebble", "quartz", "reed", "saffron", "sorrel", "thistle", "umber",
    "willow", "yarrow",
];

const SECOND: [&str; 32] = [
    "anvil", "badger", "barrel", "bishop", "canyon", "castle", "dolphin", "engine", "falcon",
    "feather", "garnet", "goblet", "harbour", "hammer", "island", "kettle", "lantern", "magnet",
    "marble", "needle", "orchard", "otter", "pepper", "piston", "quiver", "rocket", "saddle",
    "spindle", "tunnel", "turbine", "velvet", "walrus",
];

/// Where ports of the host begin, below the range that systems give out by themselves, and how many there are.
const PORTS: (usize, usize) = (20_000, 10_000);

/// How many of them a case has to itself, since cases run side by side.
const PORTS_OF_A_CASE: usize = 60;

/// The names of one case in one run.
pub(crate) struct Names {
    /// What every draw begins with.
    origin: String,
    /// The first of its ports, before they are shifted by the seed.
    ports: usize,
    project: String,
    given: BTreeMap<(Kind, String), String>,
    taken: BTreeSet<String>,
    /// Of a run that is over: nothing more is drawn.
    is_over: bool,
}

impl Names {
    /// `prefix` is what the project's name begins with, so that what is left over can be found.
    pub(crate) fn new(seed: u64, case: &str, prefix: &str) -> Self {
        let mut names = Self {
            origin: format!("{seed}/{case}"),
            ports: usize::try_from(seed % 10_000).unwrap_or_default(),
            project: String::new(),
            given: BTreeMap::new(),
            taken: BTreeSet::new(),
            is_over: false,
        };
        // Of the projects of one run none may be called as another one is, or begins: hence the number, always
        // as long.
        let bytes = names.draw("number", 0);
        let number = u16::from_be_bytes([bytes[0], bytes[1]]);
        names.project = format!("{prefix}{}-{number:05}", names.two_words("project", "-", 0));
        names
    }

    /// Takes the ports that the case of this number has to itself; other seeds shift them.
    pub(crate) fn with_ports_of(mut self, number: usize) -> Self {
        self.ports += number * PORTS_OF_A_CASE;
        self
    }

    /// The names that an earlier run drew, as [`given`](Self::given) returned them. No other is drawn.
    pub(crate) fn of(mut given: BTreeMap<String, String>) -> Self {
        let project = given.remove("project").unwrap_or_default();
        let parsed = given.into_iter().filter_map(|(placeholder, name)| {
            let (kind, word) = placeholder.split_once('.')?;
            Some(((Kind::parse(kind)?, word.to_owned()), name))
        });
        Self {
            origin: String::new(),
            ports: 0,
            project,
            given: parsed.collect(),
            taken: BTreeSet::new(),
            is_over: true,
        }
    }

    /// Every name that was drawn so far, by its placeholder; no password.
    pub(crate) fn given(&self) -> BTreeMap<String, String> {
        let project = ("project".to_owned(), self.project.clone());
        let given = self.given.iter().filter(|((kind, _), _)| !kind.is_secret());
        given
            .map(|((kind, word), name)| (placeholder(*kind, word), name.clone()))
            .chain([project])
            .collect()
    }

    /// What nobody may be told, by its placeholder.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (String, &str)> {
        let given = self.given.iter().filter(|((kind, _), _)| kind.is_secret());
        given.map(|((kind, word), name)| (placeholder(*kind, word), name.as_str()))
    }

    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    /// Returns `text` with every placeholder filled.
    pub(crate) fn fill(&mut self, text: &str) -> Result<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let line = || format!("line {}", filled.lines().count().max(1));
            let (placeholder, after) = after
                .split_once("}}")
                .with_context(|| format!("{}: a placeholder without an end", line()))?;
            let name = self.name(placeholder).with_context(line)?;
            filled.push_str(before);
            filled.push_str(&name);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn name(&mut self, placeholder: &str) -> Result<String> {
        if placeholder == "project" {
            return Ok(self.project.clone());
        }
        let parsed = placeholder
            .split_once('.')
            .and_then(|(kind, word)| Some((Kind::parse(kind)?, word)));
        let Some((kind, word)) = parsed.filter(|(_, word)| !word.is_empty()) else {
            let known = Kind::ALL.map(|(word, _)| word).join(", ");
            bail!(
                "`{{{{{placeholder}}}}}` is no placeholder; there are `project` and, with `.WORD`, {known}"
            );
        };
        let key = (kind, word.to_owned());
        if let Some(given) = self.given.get(&key) {
            return Ok(given.clone());
        }
        if self.is_over && kind.is_secret() {
            return Ok("not-kept".to_owned());
        }
        if self.is_over {
            bail!("`{{{{{placeholder}}}}}` had no name in the run of which this is kept");
        }
        let name = match kind {
            Kind::Image => crate::images::tag(word),
            Kind::Typo => {
                let whole = self.name(&format!("service.{word}"))?;
                without_one(&whole, self.draw(&whole, 0)[0])
            }
            _ => self.drawn(kind, word),
        };
        self.given.insert(key, name.clone());
        Ok(name)
    }

    /// Draws until it is a name that nothing else in this case has.
    fn drawn(&mut self, kind: Kind, word: &str) -> String {
        let what = format!("{kind:?}.{word}");
        let mut attempt = 0;
        loop {
            let name = self.candidate(kind, &what, attempt);
            attempt += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    fn candidate(&self, kind: Kind, what: &str, attempt: u32) -> String {
        let bytes = self.draw(what, attempt);
        let number = u16::from_be_bytes([bytes[4], bytes[5]]);
        match kind {
            Kind::Name => format!("{}{}", self.two_words(what, "", attempt), number % 90 + 10),
            Kind::Port => {
                let at = self.ports + usize::from(number) % PORTS_OF_A_CASE;
                (PORTS.0 + at % PORTS.1).to_string()
            }
            Kind::Octet => (number % 250 + 2).to_string(),
            Kind::Inner => (3_000 + number % 6_000).to_string(),
            Kind::Password => letters(&bytes[..20]),
            // A reader of addresses takes what follows the first `@` for a host, up to the `/`.
            Kind::Awkward => format!(
                "{}@{}/{}#{}",
                letters(&bytes[..6]),
                letters(&bytes[6..11]),
                letters(&bytes[11..15]),
                letters(&bytes[15..19])
            ),
            _ => self.two_words(what, "-", attempt),
        }
    }

    fn two_words(&self, what: &str, between: &str, attempt: u32) -> String {
        let bytes = self.draw(what, attempt);
        let pick = |words: &[&'static str; 32], byte: u8| words[usize::from(byte) % 32];
        format!(
            "{}{between}{}",
            pick(&FIRST, bytes[0]),
            pick(&SECOND, bytes[1])
        )
    }

    fn draw(&self, what: &str, attempt: u32) -> Vec<u8> {
        Sha256::digest(format!("{}/{what}/{attempt}", self.origin)).to_vec()
    }
}

fn placeholder(kind: Kind, word: &str) -> String {
    let mut all = Kind::ALL.iter();
    let known = all.find_map(|(known, one)| (*one == kind).then_some(*known));
    format!("{}.{word}", known.unwrap_or_default())
}

/// Letters and digits, the first one a letter in lower case.
fn letters(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyzABCDEFGH";
    const ALL: &[u8; 32] = b"abcdefghkmnpqrstuvwxyzKLMN234567";
    let letter = |(position, byte): (usize, &u8)| {
        let set = if position == 0 {
            &LETTERS[..24]
        } else {
            &ALL[..]
        };
        char::from(set[usize::from(*byte) % set.len()])
    };
    bytes.iter().enumerate().map(letter).collect()
}

/// Leaves out one character, neither the first nor the last.
fn without_one(name: &str, chance: u8) -> String {
    let inner = name.chars().count().saturating_sub(2).max(1);
    let position = 1 + usize::from(chance) % inner;
    let kept = name.chars().enumerate().filter(|(at, _)| *at != position);
    kept.map(|(_, character)| character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(seed: u64) -> Names {
        Names::new(seed, "F001", "r7-")
    }

    const TEXT: &str = "{{project}} {{service.api}} {{volume.api}} {{port.api}} {{password.db}}";

    #[test]
    fn one_seed_gives_one_text_and_another_seed_another() {
        let filled = |seed| names(seed).fill(TEXT).unwrap();
        assert_eq!(filled(7), filled(7));
        assert_ne!(filled(7), filled(8));
    }

    #[test]
    fn a_placeholder_means_the_same_in_every_file_of_a_case() {
        let mut names = names(1);
        let first = names.fill("{{service.api}}").unwrap();
        assert_eq!(
            names.fill("- {{service.api}}").unwrap(),
            format!("- {first}")
        );
    }

    #[test]
    fn two_placeholders_never_get_the_same_name() {
        let mut names = names(3);
        let mut given = BTreeSet::new();
        for number in 0..300 {
            let text = format!("{{{{service.s{number}}}}}");
            assert!(given.insert(names.fill(&text).unwrap()));
        }
    }

    #[test]
    fn nothing_of_the_placeholder_is_left_in_the_name() {
        for seed in 0..50 {
            let filled = names(seed)
                .fill("{{service.postgres}} {{name.postgres}}")
                .unwrap();
            assert!(!filled.contains("postgres"), "{filled}");
        }
    }

    #[test]
    fn the_names_of_a_run_that_is_over_are_those_that_it_drew_without_passwords() {
        let mut names = names(7);
        let drawn = names
            .fill("{{project}} {{service.api}} {{password.db}}")
            .unwrap();
        let given = names.given();
        let password = drawn.split(' ').next_back().unwrap();
        assert!(!given.values().any(|name| name == password));
        let mut again = Names::of(given);
        let filled = again
            .fill("{{project}} {{service.api}} {{password.db}}")
            .unwrap();
        assert_eq!(filled, drawn.replace(password, "not-kept"));
        let error = again.fill("{{service.other}}").unwrap_err();
        assert!(
            format!("{error:#}")
                .ends_with("`{{service.other}}` had no name in the run of which this is kept")
        );
    }

    #[test]
    fn a_typo_lacks_one_letter_of_the_service() {
        let mut names = names(5);
        let service = names.fill("{{service.db}}").unwrap();
        let typo = names.fill("{{typo.db}}").unwrap();
        assert_eq!(typo.len() + 1, service.len());
        assert_eq!(typo.as_bytes()[0], service.as_bytes()[0]);
        assert!(!service.contains(&typo) || typo.len() < service.len());
    }

    #[test]
    fn an_awkward_password_would_have_to_be_encoded() {
        let password = names(5).fill("{{awkward.db}}").unwrap();
        for reserved in ['@', '/', '#'] {
            assert!(password.contains(reserved));
        }
    }

    #[test]
    fn ports_are_ports() {
        for seed in 0..50 {
            let mut names = names(seed);
            let port: u16 = names.fill("{{port.web}}").unwrap().parse().unwrap();
            assert!((20_000..30_000).contains(&port));
        }
    }

    #[test]
    fn no_two_cases_of_a_run_share_a_port() {
        let ports = |number: usize| -> BTreeSet<String> {
            let mut names = Names::new(9_990, "F001", "").with_ports_of(number);
            let all = (0..20).map(|word| names.fill(&format!("{{{{port.p{word}}}}}")).unwrap());
            all.collect()
        };
        assert_eq!(ports(3).len(), 20);
        assert!(ports(3).is_disjoint(&ports(4)));
    }

    #[test]
    fn what_is_no_placeholder_is_refused_with_its_line_and_what_there_is() {
        let refused = |text: &str| format!("{:#}", names(1).fill(text).unwrap_err());
        assert!(refused("a\nb {{srvice.x}}").contains("there are `project`"));
        assert!(refused("{{service.}}").contains("`{{service.}}` is no placeholder"));
        assert_eq!(
            refused("{{service.a"),
            "line 1: a placeholder without an end"
        );
    }
}
