//! Logins that servers refuse: whose copy of a password is the odd one, and which account is not there.

mod alone;
mod copies;
pub(super) mod mended;
mod stale;

use bowline_model::carried::{Carrier, Form, Oddity};
use bowline_recipes::Says;

use crate::edit::{Change, Piece, Spot};
use crate::facts::{AskedFact, ContainerFact, Told, ToldText};
use crate::finding::{Code, Confidence, Culprit, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::logins::{Account, Login, Refusal};
use crate::world::{World, shown, spoken};

use super::names::{carrier, teller};
use super::variables::is_unset;
use copies::{in_force, peer_copy, peer_gets_in};
use mended::{copied, set_back, spelt};

pub(crate) const VOLUME_KEEPS_ANOTHER: Rule = Rule {
    code: Code("D001"),
    title: "the data was made with another password than server and clients are told now",
    layer: Layer::Credential,
    decisive: &[
        "the refusal",
        "the client's password",
        "the server's password",
        "that the data is older",
    ],
    look_alikes: &[Code("D002"), Code("D003"), Code("D004")],
    yields: false,
    endangers_data: false,
    find: |world, cases| volume_keeps_another(world, cases, false),
};

pub(crate) const PASSWORDS_DIFFER: Rule = Rule {
    code: Code("D002"),
    title: "client and server have different copies of a password",
    layer: Layer::Credential,
    decisive: &[
        "the refusal",
        "the client's password",
        "the server's password",
    ],
    look_alikes: &[Code("D001"), Code("D003"), Code("D005"), Code("D094")],
    yields: false,
    endangers_data: false,
    find: |world, cases| {
        passwords_differ(world, cases, false);
        alone::refused_alone(world, cases);
    },
};

pub(crate) const NO_SUCH_ROLE: Rule = Rule {
    code: Code("D003"),
    title: "a client logs in as somebody whom the server does not know",
    layer: Layer::Credential,
    decisive: &["the refusal", "the user", "the server's accounts"],
    look_alikes: &[Code("D001"), Code("D002")],
    yields: false,
    endangers_data: false,
    find: no_such_role,
};

pub(crate) const STALE_COPY: Rule = Rule {
    code: Code("D005"),
    title: "a file that was made from a password is older than the password",
    layer: Layer::Credential,
    decisive: &[
        "the refusal",
        "the client's password",
        "the server's password",
        "the older file",
        "the newer file",
    ],
    look_alikes: &[Code("D001"), Code("D003")],
    yields: false,
    endangers_data: false,
    find: stale::stale_copy,
};

pub(crate) const MONGO_COPIES_DIFFER: Rule = Rule {
    code: Code("D038"),
    title: "two settings have different copies of a MongoDB password",
    layer: Layer::Credential,
    decisive: &[
        "the refusal",
        "the client's password",
        "the server's password",
    ],
    look_alikes: &[Code("D005"), Code("D039"), Code("D040"), Code("D094")],
    yields: false,
    endangers_data: false,
    find: |world, cases| passwords_differ(world, cases, true),
};

pub(crate) const MONGO_KEEPS_ANOTHER: Rule = Rule {
    code: Code("D039"),
    title: "the MongoDB volume was made with other accounts than the settings name now",
    layer: Layer::Credential,
    decisive: &[
        "the refusal",
        "the client's password",
        "the server's password",
        "that the data is older",
    ],
    look_alikes: &[Code("D038"), Code("D040")],
    yields: false,
    endangers_data: false,
    find: |world, cases| volume_keeps_another(world, cases, true),
};

pub(crate) const MONGO_OTHER_SOURCE: Rule = Rule {
    code: Code("D040"),
    title: "a MongoDB client looks for its account in the wrong database",
    layer: Layer::Credential,
    decisive: &["the refusal", "the address", "the server's accounts"],
    look_alikes: &[Code("D038"), Code("D039")],
    yields: false,
    endangers_data: false,
    find: other_source,
};

/// Why a login is refused, as far as the copies that are told say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Both are told the same, and the server refuses it.
    DataKeepsAnother,
    /// They are told different passwords.
    Differs,
    /// The client's copy stands in a file that was not made anew when the password was.
    Stale,
    /// The server has no such account, and nobody told it of one.
    NoRole,
    /// The account is kept elsewhere than the client looks.
    OtherSource,
}

/// A login that is refused.
struct Refused<'w, 'f> {
    login: Login<'w, 'f>,
    refusal: Refusal<'w, 'f>,
    /// What is told of the account elsewhere: by the server, or by another client that is well.
    copy: Option<Copy<'f>>,
    accounts: Vec<Account<'f>>,
    why: Why,
}

/// Another copy of a password, and who is told it.
#[derive(Clone, Copy)]
struct Copy<'f> {
    holder: &'f ContainerFact,
    told: &'f Told,
    password: &'f ToldText,
    /// Whether it is the server's own, which is read only once.
    only_first: bool,
}

/// Every refused login whose reason the copies tell.
fn refused<'w, 'f>(world: &'w World<'f>) -> Vec<Refused<'w, 'f>> {
    let logins = world.logins().into_iter();
    logins
        .filter(|login| world.fails(login.client()))
        .filter_map(|login| judged(world, login))
        .collect()
}

fn judged<'w, 'f>(world: &'w World<'f>, login: Login<'w, 'f>) -> Option<Refused<'w, 'f>> {
    let refusal = world.refusal(&login)?;
    let accounts = world.accounts(login.server);
    let account = own_account(&login, &accounts);
    let copy = account.and_then(|account| server_copy(&login, account));
    let copy = copy.or_else(|| peer_copy(world, &login));
    let missing = missing_role(&refusal);
    let role = role(world, &login);
    let no_role = missing.is_some() || role.is_some_and(|(_, is_there)| !is_there);
    // Somebody else than whom the client is told to be: it has the name from elsewhere.
    if missing.is_some_and(|name| login.user.is_none_or(|user| user.text != name)) {
        return None;
    }
    let is_mongo = is_mongo(world, &login);
    let why = if no_role && is_mongo && account.is_some() && looks_elsewhere(&login) {
        Why::OtherSource
    } else if no_role {
        match account {
            Some(account) if account.only_first => Why::DataKeepsAnother,
            Some(_) => return None,
            None => Why::NoRole,
        }
    } else {
        by_copies(world, &login, &refusal, copy, &accounts)?
    };
    let is_about_copies = matches!(why, Why::Differs | Why::Stale);
    let may_keep_quotes = login.told.is_some_and(may_keep_quotes);
    if is_about_copies && (is_out_of_date(world, &login) || strays(&login, copy))
        || why == Why::DataKeepsAnother && may_keep_quotes
    {
        return None;
    }
    Some(Refused {
        login,
        refusal,
        copy,
        accounts,
        why,
    })
}

/// What follows from two copies of one password.
fn by_copies(
    world: &World<'_>,
    login: &Login<'_, '_>,
    refusal: &Refusal<'_, '_>,
    copy: Option<Copy<'_>>,
    accounts: &[Account<'_>],
) -> Option<Why> {
    let says = |word| says(refusal, word);
    let Some(copy) = copy else {
        // Servers that do not say which of the two is wrong: then the account is, since nobody told of one.
        let is_known = own_account(login, accounts).is_some();
        let is_silent = !says(Says::PasswordMismatch) && !says(Says::PasswordNotSent);
        let names_one = accounts.iter().any(|account| account.user.is_some());
        let is_there = role(world, login).is_some_and(|(_, is_there)| is_there);
        let unknown = login.user.is_some() && !is_known && is_silent && names_one && !is_there;
        return unknown.then_some(Why::NoRole);
    };
    match login.password() {
        Some(own) if own.text == copy.password.text => {
            (copy.only_first && !says(Says::PasswordNotSent)).then_some(Why::DataKeepsAnother)
        }
        Some(own) => Some(if stale::is_stale(world, login, own, copy).is_some() {
            Why::Stale
        } else {
            Why::Differs
        }),
        // What cannot be read is not missing.
        None => says(Says::PasswordNotSent).then_some(Why::Differs),
    }
}

/// The account that a login is for, among those that the server is told to have.
fn own_account<'a, 'f>(
    login: &Login<'_, 'f>,
    accounts: &'a [Account<'f>],
) -> Option<&'a Account<'f>> {
    let user = login.user.map(|user| user.text.as_str());
    let fits = |account: &&Account<'_>| match (account.user, user) {
        (Some(known), Some(user)) => known == user,
        (None, _) => true,
        (Some(_), None) => accounts.len() == 1,
    };
    accounts.iter().find(fits)
}

fn server_copy<'f>(login: &Login<'_, 'f>, account: &Account<'f>) -> Option<Copy<'f>> {
    let told = account.told?;
    Some(Copy {
        holder: login.server,
        told,
        password: told
            .password
            .as_ref()
            .filter(|password| !password.text.is_empty())?,
        only_first: account.only_first,
    })
}

/// Whether the server has the account of a login, where it was asked by one that may see its accounts.
fn role<'f>(world: &World<'f>, login: &Login<'_, 'f>) -> Option<(&'f AskedFact, bool)> {
    let user = login.user?.text.as_str();
    let mut answers = world.database(login.server);
    answers.find_map(|(asked, answer)| Some((asked, *answer.roles.get(user)?)))
}

/// The account that is not there, where that is what is said.
fn missing_role<'w>(refusal: &Refusal<'w, '_>) -> Option<&'w str> {
    let both = refusal.by_server.into_iter().chain(refusal.by_client);
    let mut missing = both.filter(|said| said.says == Says::RoleMissing);
    missing.find_map(|said| said.capture("user"))
}

fn says(refusal: &Refusal<'_, '_>, word: Says) -> bool {
    let both = refusal.by_server.into_iter().chain(refusal.by_client);
    both.into_iter().any(|said| said.says == word)
}

fn is_mongo(world: &World<'_>, login: &Login<'_, '_>) -> bool {
    let recipe = world.recipe(login.server);
    recipe.is_some_and(|recipe| recipe.name.starts_with("mongo"))
}

/// Whether a `MongoDB` client looks for its account in the database that it works in.
fn looks_elsewhere(login: &Login<'_, '_>) -> bool {
    let works_in = login
        .database
        .is_some_and(|database| database.text != "admin");
    works_in && !login.edge.told.options.contains_key("authsource")
}

/// Whether a container runs with another value than the files have by now: then both copies say nothing of the files.
fn is_out_of_date(world: &World<'_>, login: &Login<'_, '_>) -> bool {
    let client = login.client();
    let Carrier::Variable(name) = login.carrier() else {
        return false;
    };
    let service = client.service.as_deref();
    let declared = service.and_then(|service| world.declared(service));
    declared.is_some_and(|declared| {
        let wanted = declared.environment.get(name);
        wanted.is_some_and(|wanted| {
            wanted.as_ref() != client.environment.get(name).and_then(Option::as_ref)
        })
    })
}

/// Whether only stray characters around one of the copies tell them apart.
fn strays(login: &Login<'_, '_>, copy: Option<Copy<'_>>) -> bool {
    let (Some(told), Some(copy)) = (login.told, copy) else {
        return false;
    };
    are_strays(told, copy.told)
}

/// Whether two copies of a password are the same but for what stands around one of them.
pub(super) fn are_strays(one: &Told, other: &Told) -> bool {
    let plain = |told: &Told| {
        let written = told.password.as_ref().map(|password| password.text.clone());
        told.without_strays.clone().or(written)
    };
    let has_strays = |told: &Told| told.without_strays.is_some() || may_keep_quotes(told);
    (has_strays(one) || has_strays(other)) && plain(one).is_some() && plain(one) == plain(other)
}

/// Whether a password stands in quotes that were taken for a part of its file's form, and not for one of the value: its
/// own reader may see that otherwise.
pub(super) fn may_keep_quotes(told: &Told) -> bool {
    told.odd.contains(&Oddity::Quoted) && told.without_strays.is_none()
}

/// What a client brings, as evidence.
pub(super) fn brought(login: &Login<'_, '_>, proves: &str) -> Evidence {
    let client = login.client();
    let user = login
        .user
        .map_or(String::new(), |user| format!(" as `{}`", user.text));
    let with = match login.password() {
        Some(password) if !password.text.is_empty() => format!("password {}", password.text),
        _ => "no password".to_owned(),
    };
    let text = format!(
        "{}: {} logs in{user} with {with}",
        client.name,
        carrier(login.carrier())
    );
    shown(FactRef::Told(client.name.clone()), text, proves)
}

/// Another copy, as evidence.
fn held(copy: Copy<'_>, proves: &str) -> Evidence {
    let text = format!(
        "{}: {} is password {}",
        copy.holder.name,
        carrier(&copy.password.carrier),
        copy.password.text
    );
    shown(FactRef::Told(copy.holder.name.clone()), text, proves)
}

/// The accounts that a server is told to have, as evidence.
pub(super) fn known(
    login: &Login<'_, '_>,
    accounts: &[Account<'_>],
    proves: &str,
) -> Option<Evidence> {
    let users: Vec<String> = accounts
        .iter()
        .filter_map(|account| Some(format!("`{}`", account.user?)))
        .collect();
    let text = format!("{}: is told of {}", login.server.name, users.join(" and "));
    let fact = FactRef::Told(login.server.name.clone());
    (!users.is_empty()).then(|| shown(fact, text, proves))
}

impl Refused<'_, '_> {
    /// What is said of the refusal, the server's words first: they tell more. Best is what it answered itself.
    fn evidence(&self, proves: &str) -> Option<Evidence> {
        if let Some(asked) = self.refusal.answered {
            return Some(asked.evidence("refused", proves));
        }
        let by_server = self
            .refusal
            .by_server
            .map(|said| spoken(self.login.server, said, proves));
        let by_client = self
            .refusal
            .by_client
            .map(|said| spoken(self.login.client(), said, proves));
        by_server.or(by_client)
    }

    /// The server's own word for what is wrong with a login, where it says that.
    fn verdict(&self, word: Says, proves: &str) -> Option<Evidence> {
        let said = self.refusal.by_server.filter(|said| said.says == word)?;
        Some(spoken(self.login.server, said, proves))
    }

    /// That the account exists on the server: by its own word where it has one, else because it is told of it.
    fn account_exists(&self, world: &World<'_>, is_told: Option<Evidence>) -> Option<Evidence> {
        if let Some((asked, true)) = role(world, &self.login) {
            return Some(asked.evidence(
                "it has that account",
                "the account exists, with another password",
            ));
        }
        // An account that the data does not have is as much the data's as its password.
        let is_answered = self.refusal.answered.is_some() && self.why == Why::DataKeepsAnother;
        let recipe = world.recipe(self.login.server);
        let mut lines = recipe.iter().flat_map(|recipe| &recipe.lines);
        let can_tell = lines.any(|line| line.says == Says::PasswordMismatch);
        if is_answered || !can_tell {
            return is_told;
        }
        self.verdict(
            Says::PasswordMismatch,
            "the account exists, with another password",
        )
        .or_else(|| {
            let said = self.verdict(Says::RoleMissing, "the data has no such account");
            is_told.filter(|_| said.is_some())
        })
    }

    /// The case, surest where the server answered so itself. What only a log says is of a moment that is over: it will do
    /// for a server that nobody could ask.
    fn weighed(&self, world: &World<'_>, case: Case) -> Case {
        let case = case.between(
            Some(self.login.service),
            self.login.client().service.as_deref(),
        );
        if self.refusal.answered.is_some() || !world.can_be_asked_as(&self.login) {
            case
        } else {
            case.at_most(Confidence::Likely)
        }
    }
}

fn volume_keeps_another(world: &World<'_>, cases: &mut Vec<Case>, mongo: bool) {
    let all = refused(world);
    let kept = all.iter().filter(|it| it.why == Why::DataKeepsAnother);
    for it in kept.filter(|it| is_mongo(world, &it.login) == mongo) {
        let Some(store) = world.stores(it.login.server).into_iter().next() else {
            continue;
        };
        cases.push(kept_case(
            world,
            it,
            world.keeper(it.login.server, &store.folder),
        ));
    }
}

fn kept_case(world: &World<'_>, it: &Refused<'_, '_>, keeper: Culprit) -> Case {
    let login = &it.login;
    let server = login.service;
    let claim = format!(
        "its data was made with another password than `{server}` and its clients are told now; the environment is read only on the first start"
    );
    let copy = it.copy;
    let same = copy.map(|copy| held(copy, "client and server are told the same account"));
    let own = brought(login, "client and server are told the same account");
    let unencoded = login
        .told
        .is_some_and(|told| !told.unencoded.is_empty() || told.has_bad_percent);
    let is_its_own = known(login, &it.accounts, "the account is the server's own");
    let exists = it.account_exists(world, is_its_own);
    let carrier = copy.map(|copy| &copy.password.carrier);
    let case = Case::new(keeper, claim)
        .seen_in(Some(server))
        .mended_by(set_back(world, login), Safety::NeedsYou)
        .decides(
            "the refusal",
            it.evidence("the server refuses what it is told itself"),
        )
        .decides("the client's password", copy.map(|_| own.clone()))
        .decides("the server's password", same.clone())
        .decides(
            "that the data is older",
            world.data_is_older(login.server, carrier),
        )
        .rules_out(Code("D002"), same.clone())
        .rules_out(Code("D038"), same)
        .rules_out(Code("D003"), exists.clone())
        .rules_out(Code("D040"), exists.filter(|_| !looks_elsewhere(login)))
        .rules_out(Code("D004"), Some(own).filter(|_| !unencoded));
    it.weighed(world, case)
}

fn passwords_differ(world: &World<'_>, cases: &mut Vec<Case>, mongo: bool) {
    let all = refused(world);
    let differ: Vec<&Refused<'_, '_>> = all
        .iter()
        .filter(|it| it.why == Why::Differs && is_mongo(world, &it.login) == mongo)
        .collect();
    for it in &differ {
        let Some(copy) = it.copy else {
            continue;
        };
        // Nobody set it: that is D016, and no other copy.
        if is_unset(world, it.login.client(), it.login.carrier()) {
            continue;
        }
        let blamed = if is_odd_one(world, it, copy, &differ) {
            teller(world, copy.holder, &copy.password.carrier)
        } else {
            teller(world, it.login.client(), it.login.carrier())
        };
        cases.push(differ_case(world, it, copy, blamed));
    }
}

/// Whether the server is the odd one: several clients agree with each other, and none with it.
fn is_odd_one(
    world: &World<'_>,
    it: &Refused<'_, '_>,
    copy: Copy<'_>,
    differ: &[&Refused<'_, '_>],
) -> bool {
    let own = it.login.password().map(|password| &password.text);
    let same_account = |other: &Login<'_, '_>| {
        other.service == it.login.service
            && other.user.map(|user| &user.text) == it.login.user.map(|user| &user.text)
    };
    let agree = differ.iter().any(|other| {
        same_account(&other.login)
            && other.login.client().service != it.login.client().service
            && other.login.password().map(|password| &password.text) == own
    });
    let mut logins = world.logins().into_iter().filter(same_account);
    let all = logins.all(|other| other.password().map(|password| &password.text) == own);
    copy.holder.name == it.login.server.name && own.is_some() && agree && all
}

fn differ_claim(login: &Login<'_, '_>, copy: Copy<'_>, gets_in: bool) -> String {
    let server = login.service;
    let holder = copy.holder.service.as_deref().unwrap_or(&copy.holder.name);
    let which = if gets_in { "gets in" } else { "seems well" };
    match login.password() {
        Some(password) if !password.text.is_empty() => {
            if copy.holder.name == login.server.name {
                format!("it and `{server}` have different copies of the password")
            } else {
                format!(
                    "it has another copy of the password for `{server}` than `{holder}`, which {which}"
                )
            }
        }
        _ => format!("it brings no password to `{server}`, which wants one"),
    }
}

fn differ_case(world: &World<'_>, it: &Refused<'_, '_>, copy: Copy<'_>, blamed: Culprit) -> Case {
    let login = &it.login;
    let is_servers = copy.holder.name == login.server.name;
    let gets_in = peer_gets_in(world, login, copy).filter(|_| !is_servers);
    let is_wanted = is_servers || gets_in.is_some();
    let claim = differ_claim(login, copy, gets_in.is_some());
    let own = brought(login, "that is another password");
    let other = held(
        copy,
        if is_wanted {
            "that is the one that is wanted"
        } else {
            "one that is well has that"
        },
    );
    let has_users = it.accounts.iter().any(|account| account.user.is_some());
    let its_own = if has_users {
        known(login, &it.accounts, "the account is the server's own")
    } else {
        Some(other.clone())
    };
    let exists = it.account_exists(world, its_own.filter(|_| is_servers));
    let in_force = wanted(world, it, copy, &other);
    let has_file = matches!(login.carrier(), Carrier::File { .. });
    let plain = login.told.is_none_or(|told| told.without_strays.is_none());
    // One that is empty was most likely never filled in: that is no other copy.
    let at_most = match login.password() {
        Some(password) if password.text.is_empty() => Confidence::Likely,
        _ => Confidence::Certain,
    };
    let case = Case::new(blamed, claim)
        .at_most(at_most)
        .seen_in(login.client().service.as_deref())
        .mended_by(
            format!(
                "let both read one variable, or write the password of {} there, then `bowline up`",
                carrier(&copy.password.carrier)
            ),
            Safety::NeedsYou,
        )
        .by_edits(copied(login, copy).filter(|_| is_wanted))
        .decides("the refusal", it.evidence("the server refuses it"))
        .decides("the client's password", Some(own.clone()))
        .decides("the server's password", Some(other))
        .rules_out(Code("D001"), in_force.clone())
        .rules_out(Code("D039"), in_force)
        .rules_out(Code("D003"), exists.clone())
        .rules_out(Code("D040"), exists)
        .rules_out(
            Code("D005"),
            Some(own.clone()).filter(|_| !has_file || !is_derived(login)),
        )
        .rules_out(Code("D094"), Some(own).filter(|_| plain));
    it.weighed(world, case)
}

/// That a copy is the password that the server wants: one that reads its own at each start has no older one, and what others
/// get in with is right.
fn wanted(
    world: &World<'_>,
    it: &Refused<'_, '_>,
    copy: Copy<'_>,
    held: &Evidence,
) -> Option<Evidence> {
    let login = &it.login;
    match (copy.holder.name == login.server.name, copy.only_first) {
        (true, true) => in_force(world, it, copy),
        (true, false) => Some(held.clone()),
        (false, _) => peer_gets_in(world, login, copy),
    }
}

fn is_derived(login: &Login<'_, '_>) -> bool {
    login.told.is_some_and(|told| told.form != Form::Split)
}

fn no_such_role(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in refused(world).iter().filter(|it| it.why == Why::NoRole) {
        let login = &it.login;
        let Some(user) = login.user else {
            continue;
        };
        let server = login.service;
        let known_users: Vec<String> = it
            .accounts
            .iter()
            .filter_map(|account| Some(format!("`{}`", account.user?)))
            .collect();
        let hint = if known_users.is_empty() {
            String::new()
        } else {
            format!("; it was told of {}", known_users.join(" and "))
        };
        let claim = format!(
            "it logs in as `{}`, whom `{server}` does not know{hint}",
            user.text
        );
        let proves = "it says so before it looks at any password";
        let missing = it.verdict(Says::RoleMissing, proves);
        let missing = missing.or_else(|| {
            let said = it
                .refusal
                .by_client
                .filter(|said| said.says == Says::RoleMissing)?;
            Some(spoken(login.client(), said, proves))
        });
        let missing = missing.or_else(|| {
            let (asked, is_there) = role(world, login)?;
            let what = format!("it has no account `{}`", user.text);
            (!is_there)
                .then(|| asked.evidence(&what, "it has no such account, whatever the password"))
        });
        let told_of = known(
            login,
            &it.accounts,
            "another account than the one that is asked for",
        );
        let case = Case::new(teller(world, login.client(), &user.carrier), claim)
            .seen_in(login.client().service.as_deref())
            .mended_by(
                format!("write a user that `{server}` has there, or create `{}` in it, then `bowline up`", user.text),
                Safety::NeedsYou,
            )
            .by_edits(spelt(login, user, it.accounts.iter().filter_map(|account| account.user), Piece::User))
            .decides("the refusal", it.evidence("the server does not let it in"))
            .decides("the user", Some(brought(login, "this is the account that it asks for")))
            .decides("the server's accounts", told_of.clone())
            .rules_out(Code("D001"), missing.clone().and(told_of))
            .rules_out(Code("D002"), missing);
        cases.push(it.weighed(world, case));
    }
}

fn other_source(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in refused(world)
        .iter()
        .filter(|it| it.why == Why::OtherSource)
    {
        let login = &it.login;
        let Some(database) = login.database else {
            continue;
        };
        let user = login.user.map_or("it", |user| user.text.as_str());
        let claim = format!(
            "it looks for the account `{user}` in the database `{}`; accounts of the first start are in `admin`",
            database.text
        );
        let text = format!(
            "{}: {} names database `{}` and no `authSource`",
            login.client().name,
            carrier(&database.carrier),
            database.text
        );
        let address = shown(
            FactRef::Told(login.client().name.clone()),
            text,
            "it looks for the account there",
        );
        let missing = it.verdict(
            Says::RoleMissing,
            "there is no such account in that database",
        );
        let its_own = known(
            login,
            &it.accounts,
            "the account is the server's own, kept in `admin`",
        );
        let case = Case::new(teller(world, login.client(), &database.carrier), claim)
            .seen_in(login.client().service.as_deref())
            .mended_by(
                "add `authSource=admin` to that address, then `bowline up`",
                Safety::NeedsYou,
            )
            .by_edits(
                Spot::carried(login.client(), &database.carrier).map(|spot| {
                    spot.change(Change::AddParameter {
                        name: "authSource".to_owned(),
                        value: "admin".to_owned(),
                    })
                }),
            )
            .decides(
                "the refusal",
                it.evidence("the account is not where it is looked for"),
            )
            .decides("the address", Some(address))
            .decides("the server's accounts", its_own.clone())
            .rules_out(Code("D038"), missing.clone())
            .rules_out(Code("D039"), missing.and(its_own));
        cases.push(it.weighed(world, case));
    }
}
