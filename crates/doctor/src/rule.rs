//! One table of everything that can be found, and what it takes to be sure of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::edit::Edit;
use crate::finding::{
    Code, Confidence, Culprit, CulpritKind, Evidence, Finding, Fix, RuledOut, Safety,
};
use crate::rules;
use crate::texts;
use crate::world::World;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// What the files and their variables say.
    Config,
    /// Who may log in where.
    Credential,
    /// Who needs whom.
    Dependency,
    /// Who reaches whom.
    Network,
    /// Where data is, and whether there is room for it.
    Storage,
    /// What a server of data is about.
    DataService,
    /// What should not be open to everybody.
    Security,
    /// What an image holds.
    Image,
    /// How a service starts and ends.
    Startup,
    /// What it may use.
    Resource,
    /// Engine and host.
    Platform,
}

/// A rule: what it claims, and what has to be seen for it.
#[derive(Debug)]
pub struct Rule {
    /// Its code.
    pub code: Code,
    /// What it says, in a few words.
    pub title: &'static str,
    /// What it is about.
    pub layer: Layer,
    /// Everything that has to be seen to be certain.
    pub decisive: &'static [&'static str],
    /// What looks alike. To be certain each of them has to be ruled out by a fact.
    pub look_alikes: &'static [Code],
    /// Whether it only says that something is down or cannot be reached: then whatever says why stands for both.
    pub yields: bool,
    /// Whether data may be lost as long as it lasts.
    pub endangers_data: bool,
    pub(crate) find: fn(&World<'_>, &mut Vec<Case>),
}

/// The part of a rule that is written for people and stands in the table of texts.
impl Rule {
    /// What mends it in general; a finding says it in particular.
    pub fn fix(&self) -> &'static str {
        &texts::of_known(self.code).fix
    }

    /// What mending it may cost: what the fix of a finding costs is one of these.
    pub fn safety(&self) -> &'static [Safety] {
        &texts::of_known(self.code).safety
    }

    /// What has to be seen so that a look-alike is not the cause; nothing for what does not look alike.
    pub fn excluded_by(&self, look_alike: Code) -> &'static str {
        let told = &texts::of_known(self.code).look_alikes;
        told.get(look_alike.0).map_or("", String::as_str)
    }

    /// The command that says whether a cause of this code is there: it ends with 11 while it is.
    pub(crate) fn verify(code: Code) -> Vec<String> {
        let words = ["bowline", "doctor", "--only", code.0];
        words.map(str::to_owned).to_vec()
    }
}

/// All rules, by their codes.
pub const RULES: &[Rule] = &[
    rules::logins::VOLUME_KEEPS_ANOTHER,
    rules::logins::PASSWORDS_DIFFER,
    rules::logins::NO_SUCH_ROLE,
    rules::names::NOT_ENCODED,
    rules::logins::STALE_COPY,
    rules::drift::ONLY_RESTARTED,
    rules::platforms::NO_IDENTITY,
    rules::platforms::NO_ROLE,
    rules::drift::NOT_THERE_YET,
    rules::health::budget::GIVES_UP_TOO_SOON,
    rules::health::address::ASKS_LOOPBACK,
    rules::names::NEEDED_AND_DOWN,
    rules::modules::LAYOUT,
    rules::made::SAME_PROGRAM,
    rules::made::OLD_IMAGE,
    rules::variables::UNSET,
    rules::health::PROBE_CANNOT_RUN,
    rules::made::NO_IMAGE,
    rules::absent::NO_DATABASE,
    rules::absent::NO_NAMESPACE,
    rules::reach::TLS_ELSEWHERE,
    rules::crowds::TOO_MANY_CLIENTS,
    rules::crowds::POOL_TOO_SMALL,
    rules::crowds::IDLE_IN_TRANSACTION,
    rules::storage::VOLUME_FULL,
    rules::outside::BROKER_DOWN,
    rules::caches::TOO_SLOW_FOR_IT,
    rules::search::RED,
    rules::search::FLOOD_STAGE,
    rules::kernel::FEW_MEMORY_AREAS,
    rules::memory::LIMIT_REACHED,
    rules::files::MISSING,
    rules::files::FOLDER_INSTEAD,
    rules::brokers::ASKED_TOO_EARLY,
    rules::topics::OTHER_TOPIC,
    rules::brokers::ADVERTISES_WRONG,
    rules::logins::MONGO_COPIES_DIFFER,
    rules::logins::MONGO_KEEPS_ANOTHER,
    rules::logins::MONGO_OTHER_SOURCE,
    rules::stray::CHECK_LOGS_IN_WRONG,
    rules::caps::CAP_ABOVE_LIMIT,
    rules::platforms::FORMER_ADDRESS,
    rules::networks::ROUTE_CAPTURED,
    rules::jobs::JOB_FAILED,
    rules::caches::EVICTS,
    rules::hostports::HELD_BY_CONTAINER,
    rules::hostports::HELD_BY_PROCESS,
    rules::hostports::HELD_IN_HOST_NETWORK,
    rules::names::OTHER_NETWORK,
    rules::names::DOWN,
    rules::names::MISSPELT,
    rules::reach::OTHER_PORT,
    rules::absent::NO_BUCKET,
    rules::absent::NO_SEARCH_ATTRIBUTE,
    rules::locks::BLOCKS_OTHERS,
    rules::locks::SLOW_STATEMENT,
    rules::pools::ONE_REPLICA,
    rules::modules::HIDDEN,
    rules::tls::TOO_LARGE,
    rules::outside::NOT_CONNECTED,
    rules::backups::NOT_MADE,
    rules::pools::STALE_ADDRESS,
    rules::made::PATCHED,
    rules::crashes::SILENT,
    rules::reach::NEVER_LISTENS,
    rules::stray::NAMES_NOBODY_IS_TOLD,
    rules::hostports::NOT_PUBLISHED,
    rules::programs::NO_INTERPRETER,
    rules::programs::CARRIAGE_RETURN,
    rules::image::NO_SUCH_PROGRAM,
    rules::programs::WRONG_FORMAT,
    rules::health::hollow::CONSTANT,
    rules::modules::PACKAGE,
    rules::health::budget::NEVER_DECIDES,
    rules::modules::OWN_MODULE,
    rules::made::NAME_TAKEN,
    rules::data::LOCKED_BY_ANOTHER,
    rules::data::TWO_WRITE,
    rules::health::budget::NEVER_PROBED,
    rules::keys::ALL_REFUSED,
    rules::caches::TOO_SMALL,
    rules::health::hollow::ASKS_TOO_MUCH,
    rules::health::address::ASKS_V6,
    rules::networks::UPSTREAM_DNS,
    rules::networks::NO_WAY_OUT,
    rules::reach::OWN_LOOPBACK,
    rules::drift::SHELL_WINS,
    rules::stray::STRAY_CHARACTERS,
    rules::early::NO_ORDER,
    rules::early::CIRCLE,
    rules::early::NO_HEALTHCHECK,
    rules::early::TEMPORARY_SERVER,
    rules::health::hollow::TOO_SHALLOW,
    rules::reach::LOOPBACK_ONLY,
    rules::reach::PAUSED,
    rules::pools::SHARED_NAME,
    rules::routes::NO_ROUTE,
    rules::hostports::ONLY_EXPOSED,
    rules::tls::ONE_SIDE_SPEAKS_TLS,
    rules::filters::DROPPED,
    rules::filters::LARGE_ONES_LOST,
    rules::limits::LOSSES,
    rules::filters::REJECTED,
    rules::storage::DISK_FULL,
    rules::storage::NO_INODES,
    rules::rights::DENIED,
    rules::memory::CHILD_KILLED,
    rules::ends::IGNORES_STOP,
    rules::ends::KILLED,
    rules::limits::THROTTLED,
    rules::files::READ_ONLY,
    rules::caches::FULL,
    rules::caches::CANNOT_SAVE,
    rules::networks::ADDRESS_TAKEN,
    rules::networks::NO_SUBNET,
    rules::networks::NETWORK_GONE,
    rules::data::OTHER_VERSION,
    rules::data::NOT_ITS_OWN,
    rules::data::MOVED_MOUNT,
    rules::drift::DRIFTED,
    rules::drift::ORPHAN,
    rules::rights::LABELS,
    rules::clocks::CLOCKS_DIFFER,
    rules::tls::EXPIRED,
    rules::tls::NOT_TRUSTED,
    rules::limits::OPEN_FILES,
    rules::limits::PROCESSES,
    rules::limits::ZOMBIES,
    rules::ends::ENDS_AND_RESTARTS,
    rules::crashes::CRASHED,
    rules::storage::LOG_GROWS,
    rules::storage::ANONYMOUS,
    rules::storage::OTHER_PROJECT,
    rules::clusters::OF_ANOTHER_CLUSTER,
    rules::absent::NO_RELATION,
    rules::rights::LOW_PORT,
    rules::outside::NO_ENGINE,
    rules::outside::WRONG_ENGINE,
    rules::outside::BEHIND_PROFILE,
    rules::outside::OUTSIDE_FAILS,
    rules::crashes::CRASH_LOOP,
    rules::settings::REFUSED,
];

/// The rule of a code.
pub(crate) fn of(code: Code) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}

/// Codes that are one cause by different signs: which of them a service that is down gets depends on what its clients
/// said last, and on whether the engine still remembers what ended it. Somebody who asks for one of them means the outage.
const ONE_CAUSE: &[Code] = &[
    rules::names::NEEDED_AND_DOWN.code,
    rules::names::DOWN.code,
    rules::outside::BROKER_DOWN.code,
    rules::ends::KILLED.code,
];

impl Code {
    /// Whether a cause of this code is what somebody asks for by a code: the same, or one that is the same cause by
    /// another sign.
    pub fn answers(self, asked: &str) -> bool {
        let is_one = |code: &str| ONE_CAUSE.iter().any(|one| one.0 == code);
        self.0 == asked || is_one(self.0) && is_one(asked)
    }
}

/// A claim in the making: what was seen for it and against its look-alikes.
#[derive(Debug)]
pub(crate) struct Case {
    culprit: Culprit,
    service: Option<String>,
    claim: String,
    decisive: Vec<(&'static str, Evidence)>,
    ruled_out: Vec<RuledOut>,
    fix: Option<Fix>,
    links: Vec<(String, String)>,
    at_most: Confidence,
}

impl Case {
    pub(crate) fn new(culprit: Culprit, claim: String) -> Self {
        let service = (culprit.kind == CulpritKind::Service).then(|| culprit.name.clone());
        Self {
            culprit,
            service,
            claim,
            decisive: Vec::new(),
            ruled_out: Vec::new(),
            fix: None,
            links: Vec::new(),
            at_most: Confidence::Certain,
        }
    }

    /// The service in which it begins to show, where that is not the culprit.
    pub(crate) fn seen_in(mut self, service: Option<&str>) -> Self {
        self.service = service.map(str::to_owned);
        self
    }

    /// Between which services it shows, beyond what the files say of who needs whom: cause and affected.
    pub(crate) fn between(mut self, cause: Option<&str>, affected: Option<&str>) -> Self {
        if let (Some(cause), Some(affected)) = (cause, affected) {
            self.links.push((cause.to_owned(), affected.to_owned()));
        }
        self
    }

    /// Says no more than this, whatever was seen: what it rests on was never seen on a real server.
    pub(crate) fn at_most(mut self, confidence: Confidence) -> Self {
        self.at_most = self.at_most.min(confidence);
        self
    }

    /// What mends it.
    pub(crate) fn mended_by(mut self, text: impl Into<String>, safety: Safety) -> Self {
        self.fix = Some(Fix {
            text: text.into(),
            command: Vec::new(),
            edits: Vec::new(),
            safety,
        });
        self
    }

    /// The command that mends it.
    pub(crate) fn by_command<'w>(mut self, words: impl IntoIterator<Item = &'w str>) -> Self {
        if let Some(fix) = &mut self.fix {
            fix.command = words.into_iter().map(str::to_owned).collect();
        }
        self
    }

    /// The changes of the user's files that mend it, where facts show what is right; containers are made again then.
    pub(crate) fn by_edits(mut self, edits: impl IntoIterator<Item = Edit>) -> Self {
        if let Some(fix) = &mut self.fix {
            fix.edits = edits.into_iter().collect();
            if !fix.edits.is_empty() {
                fix.safety = Safety::Restart;
            }
        }
        self
    }

    /// Something of the rule's `decisive` was seen; nothing, where it could not be looked at.
    pub(crate) fn decides(mut self, what: &'static str, evidence: Option<Evidence>) -> Self {
        self.decisive
            .extend(evidence.map(|evidence| (what, evidence)));
        self
    }

    /// A look-alike is ruled out by what was seen; it is not, where that could not be looked at.
    pub(crate) fn rules_out(mut self, code: Code, evidence: Option<Evidence>) -> Self {
        self.ruled_out
            .extend(evidence.map(|by| RuledOut { code, by }));
        self
    }
}

/// Applies every rule. Findings come by the order of their codes and their culprits.
pub(crate) fn findings(world: &World<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES {
        let mut cases = Vec::new();
        (rule.find)(world, &mut cases);
        findings.extend(cases.into_iter().map(|case| weighed(rule, case)));
    }
    // The surest of those that say the same of the same stays: replicas fail alike.
    findings.sort_by(|one, other| {
        let key = |it: &Finding| {
            (
                it.code,
                it.culprit.clone(),
                std::cmp::Reverse(it.confidence),
            )
        };
        key(one).cmp(&key(other))
    });
    findings.dedup_by(|later, first| {
        let is_same = later.code == first.code && later.culprit == first.culprit;
        if is_same {
            first.chain.append(&mut later.chain);
            let mut more = std::mem::take(&mut later.services);
            more.retain(|service| !first.services.contains(service));
            first.services.append(&mut more);
            // Two lines of a file may be wrong in the same way.
            let is_seen = later.confidence != Confidence::Possible;
            let more = later.fix.take().filter(|_| is_seen);
            if let (Some(first), Some(later)) = (&mut first.fix, more) {
                add_service(&mut first.command, &later.command);
                let new = later.edits.into_iter();
                let new: Vec<Edit> = new.filter(|it| !first.edits.contains(it)).collect();
                first.edits.extend(new);
            }
        }
        is_same
    });
    for finding in &mut findings {
        let mut seen = BTreeSet::new();
        finding.chain.retain(|link| seen.insert(link.clone()));
    }
    findings
}

/// Lets an `up` of one service be of another one as well: what they share is to be made anew for both at once. Other verbs
/// may be meant for one of them alone.
fn add_service(command: &mut Vec<String>, other: &[String]) {
    let Some((service, words)) = other.split_last() else {
        return;
    };
    let is_up = words.get(1).is_some_and(|verb| verb == "up") && !service.starts_with('-');
    if is_up && command.starts_with(words) && !command.contains(service) {
        command.push(service.clone());
    }
}

/// Why a case is no surer although all was seen.
const NO_SURER: &str = "what was seen makes it no surer";
/// Why a case is no surer that rests on words which no real program was seen to write.
const BY_WORDS: &str = "what a line that it rests on means is known from documentation only";

/// Whether something that decides, or that rules out a look-alike, is known by nothing but words that no real program was
/// seen to write.
fn rests_on_words(rule: &Rule, case: &Case) -> bool {
    fn any_by_words<'c, K: Ord>(all: impl Iterator<Item = (K, &'c Evidence)>) -> bool {
        let mut is_proven: BTreeMap<K, bool> = BTreeMap::new();
        for (what, evidence) in all {
            *is_proven.entry(what).or_default() |= evidence.is_proven;
        }
        is_proven.values().any(|is_proven| !is_proven)
    }
    let decisive = case.decisive.iter();
    let decisive = decisive.filter(|(what, _)| rule.decisive.contains(what));
    let ruled_out = case.ruled_out.iter();
    any_by_words(decisive.map(|(what, evidence)| (*what, evidence)))
        || any_by_words(ruled_out.map(|out| (out.code, &out.by)))
}

/// How sure a case is follows from the table alone: no rule can claim more than was seen.
fn weighed(rule: &Rule, mut case: Case) -> Finding {
    // Rules that share a case have look-alikes of their own.
    case.ruled_out
        .retain(|out| rule.look_alikes.contains(&out.code));
    let seen = |what: &&str| case.decisive.iter().any(|(name, _)| name == what);
    let excluded = |code: &Code| case.ruled_out.iter().any(|out| out.code == *code);
    let not_ruled_out: Vec<Code> = rule
        .look_alikes
        .iter()
        .filter(|code| !excluded(code))
        .copied()
        .collect();
    let unchecked: Vec<&str> = rule
        .decisive
        .iter()
        .filter(|what| !seen(what))
        .copied()
        .collect();
    let mut doubts = Vec::new();
    let confidence = if case.decisive.is_empty() {
        Confidence::Possible
    } else if !unchecked.is_empty() || !not_ruled_out.is_empty() {
        Confidence::Likely
    } else if rests_on_words(rule, &case) {
        doubts.push(BY_WORDS);
        Confidence::Likely
    } else {
        Confidence::Certain
    };
    let decisive = case.decisive.into_iter().map(|(_, evidence)| evidence);
    if case.at_most < confidence {
        doubts.push(NO_SURER);
    }
    Finding {
        code: rule.code,
        confidence: confidence.min(case.at_most),
        culprit: case.culprit,
        services: case.service.into_iter().collect(),
        claim: case.claim,
        evidence: decisive.collect(),
        ruled_out: case.ruled_out,
        not_ruled_out,
        unchecked,
        doubts,
        decide: None,
        fix: case.fix,
        chain: case.links,
        affects: Vec::new(),
        mend: Vec::new(),
        verify: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::FactRef;
    use crate::world::{shown, whole};

    /// How sure `D053` is of a case that has everything, where these are known only by words that nobody saw a program write.
    fn by_words(words: &[&str], others: &[&'static str]) -> Confidence {
        let rule = &rules::names::MISSPELT;
        let seen = |what: &str| {
            let evidence = shown(FactRef::Log("shop-api-1".to_owned()), what.to_owned(), what);
            Some(evidence.known_by(!words.contains(&what)))
        };
        let culprit = whole(CulpritKind::Service, "api");
        let mut case = Case::new(culprit, "it dials nobody".to_owned());
        for what in rule.decisive {
            case = case.decides(what, seen(what));
        }
        for code in rule.look_alikes {
            case = case.rules_out(*code, seen(code.0));
        }
        for what in others {
            case = case.decides(what, seen("something else"));
        }
        weighed(rule, case).confidence
    }

    #[test]
    fn what_is_known_only_by_words_that_nobody_saw_a_program_write_is_likely_at_most() {
        let [address, unknown, asks] = rules::names::MISSPELT.decisive else {
            panic!("the rule has other facts by now");
        };
        assert_eq!(by_words(&[], &[]), Confidence::Certain);
        for what in [*address, *unknown, *asks, "D051"] {
            assert_eq!(by_words(&[what], &[]), Confidence::Likely, "{what}");
        }
        // What was seen besides stands for the same fact, and for no other.
        assert_eq!(by_words(&[unknown], &[unknown]), Confidence::Certain);
        assert_eq!(by_words(&[unknown], &[asks]), Confidence::Likely);
        // It is never what counts that the rule does not ask for.
        assert_eq!(
            by_words(&["something else"], &["a rumour"]),
            Confidence::Certain
        );
    }

    #[test]
    fn an_outage_is_asked_for_by_whatever_sign_it_shows() {
        assert!(Code("D012").answers("D052"));
        assert!(Code("D052").answers("D115"));
        assert!(Code("D053").answers("D053"));
        assert!(!Code("D053").answers("D052"));
        assert!(!Code("D012").answers("D053"));
    }

    #[test]
    fn codes_are_unique_and_every_rule_says_what_decides_it() {
        let codes: BTreeSet<Code> = RULES.iter().map(|rule| rule.code).collect();
        assert_eq!(codes.len(), RULES.len());
        for rule in RULES {
            let number = rule.code.0.strip_prefix('D').expect("a code begins with D");
            assert!(
                number.len() == 3 && number.parse::<u32>().is_ok(),
                "{}",
                rule.code
            );
            assert!(!rule.decisive.is_empty(), "{}", rule.code);
            assert!(!rule.look_alikes.contains(&rule.code), "{}", rule.code);
        }
    }
}
