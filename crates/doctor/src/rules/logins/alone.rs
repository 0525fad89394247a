//! Logins that are refused where nobody else is told the password, so that there is nothing to compare it with.

use std::collections::BTreeSet;

use bowline_recipes::Says;

use crate::facts::{AskedFact, ContainerFact};
use crate::finding::{Confidence, Safety};
use crate::rule::Case;
use crate::rules::names::{carrier, teller};
use crate::rules::variables::is_unset;
use crate::world::logins::Login;
use crate::world::{World, spoken};

use super::{brought, is_out_of_date, judged, own_account, peer_copy, role, server_copy};

/// What a server says that refuses a login without saying that it has no such account.
const REFUSALS: &[Says] = &[Says::PasswordRefused, Says::PasswordMismatch];

/// The only login of a client that its complaint can be of, as far as copies do not say more.
pub(super) fn refused_alone(world: &World<'_>, cases: &mut Vec<Case>) {
    let mut seen = BTreeSet::new();
    for client in world.containers().filter(|one| world.fails(one)) {
        let Some(login) = only_suspect(world, client) else {
            continue;
        };
        if seen.insert((client.service.as_deref(), login.service)) {
            cases.extend(case(world, &login));
        }
    }
}

/// A refusal may fit several logins of one client; then nobody knows of which it speaks.
fn only_suspect<'w, 'f>(world: &'w World<'f>, client: &'f ContainerFact) -> Option<Login<'w, 'f>> {
    let own = world
        .logins()
        .into_iter()
        .filter(|login| login.client().name == client.name);
    let mut suspects = own.filter(|login| world.refusal(login).is_some());
    let first = suspects.next()?;
    suspects.next().is_none().then_some(first)
}

fn case<'w, 'f>(world: &'w World<'f>, login: &Login<'w, 'f>) -> Option<Case> {
    let refusal = world.refusal(login)?;
    let said = refusal
        .by_client
        .filter(|said| REFUSALS.contains(&said.says))?;
    // What many kinds of servers say may be of one outside of the stack.
    let is_its = said.recipe != "any"
        || refusal.by_server.is_some()
        || refusal.answered.is_some()
        || said.capture("host") == Some(login.edge.host.name.as_str())
        || said.capture("user").is_some();
    let is_let_in = world.asked_as(login).is_some_and(AskedFact::let_in);
    if !is_its || is_let_in {
        return None;
    }
    let accounts = world.accounts(login.server);
    let account = own_account(login, &accounts);
    let has_copy = account.is_some_and(|account| server_copy(login, account).is_some())
        || peer_copy(world, login).is_some();
    let brings_one = login
        .password()
        .is_some_and(|password| !password.text.is_empty());
    let is_missing = role(world, login).is_some_and(|(_, is_there)| !is_there);
    let is_other = has_copy
        || is_missing
        || is_out_of_date(world, login)
        || is_unset(world, login.client(), login.carrier())
        || judged(world, login.clone()).is_some();
    if is_other || !brings_one {
        return None;
    }
    let server = login.service;
    let claim = format!(
        "`{server}` refuses the password that {} gives it",
        carrier(login.carrier())
    );
    let refused = spoken(login.client(), said, "the server refuses it");
    Some(
        Case::new(teller(world, login.client(), login.carrier()), claim)
            .at_most(Confidence::Likely)
            .between(Some(server), login.client().service.as_deref())
            .seen_in(login.client().service.as_deref())
            .mended_by(
                format!("write the password there that `{server}` has for that account, or give the account this one; then `bowline up`"),
                Safety::NeedsYou,
            )
            .decides("the refusal", Some(refused))
            .decides("the client's password", Some(brought(login, "this is what it comes with"))),
    )
}
