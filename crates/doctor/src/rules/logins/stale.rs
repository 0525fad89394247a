//! Files that were made of a password before it was changed.

use bowline_model::carried::{Carrier, Form};

use crate::facts::{ContainerFact, ToldText};
use crate::finding::{Code, Evidence, FactRef, Safety};
use crate::rule::Case;
use crate::rules::names::{carrier, teller};
use crate::world::logins::Login;
use crate::world::{World, shown};

use super::mended::copied;
use super::{Copy, Why, brought, held, known, refused, wanted};

pub(super) fn stale_copy(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in refused(world).iter().filter(|it| it.why == Why::Stale) {
        let login = &it.login;
        let (Some(copy), Some(own)) = (it.copy, login.password()) else {
            continue;
        };
        let Some((older, newer)) = is_stale(world, login, own, copy) else {
            continue;
        };
        let claim = format!(
            "{} holds an older password than {}",
            carrier(&own.carrier).trim_end_matches(','),
            carrier(&copy.password.carrier).trim_end_matches(',')
        );
        let its_own = known(login, &it.accounts, "the account is the server's own");
        let exists = it.account_exists(world, its_own);
        let differs = held(copy, "client and server are told different passwords");
        let case = Case::new(teller(world, login.client(), &own.carrier), claim)
            .seen_in(login.client().service.as_deref())
            .mended_by(
                format!(
                    "make that file again from the new password, then `bowline restart {}`",
                    login
                        .client()
                        .service
                        .as_deref()
                        .unwrap_or(&login.client().name)
                ),
                Safety::NeedsYou,
            )
            .by_edits(copied(login, copy))
            .decides("the refusal", it.evidence("the server refuses it"))
            .decides(
                "the client's password",
                Some(brought(login, "that is the former password")),
            )
            .decides("the server's password", Some(differs.clone()))
            .decides("the older file", Some(older))
            .decides("the newer file", Some(newer))
            .rules_out(Code("D001"), wanted(world, it, copy, &differs))
            .rules_out(Code("D003"), exists);
        cases.push(it.weighed(world, case));
    }
}

/// That the client's copy is a part of a file that is older than the file of the password itself.
pub(super) fn is_stale(
    world: &World<'_>,
    login: &Login<'_, '_>,
    own: &ToldText,
    copy: Copy<'_>,
) -> Option<(Evidence, Evidence)> {
    let is_derived = login.told.is_some_and(|told| told.form != Form::Split);
    let (Carrier::File { path: derived, .. }, Carrier::File { path: base, .. }) =
        (&own.carrier, &copy.password.carrier)
    else {
        return None;
    };
    let changed = |container: &ContainerFact, path: &str| {
        let there = world.file(container, path)?.there.as_ref()?;
        there.modified
    };
    let (old, new) = (
        changed(login.client(), derived)?,
        changed(copy.holder, base)?,
    );
    let aged = |container: &ContainerFact, path: &str, at, proves: &str| {
        let fact = FactRef::File {
            container: container.name.clone(),
            path: path.to_owned(),
        };
        shown(
            fact,
            format!("{}: `{path}` was written {at}", container.name),
            proves,
        )
    };
    (is_derived && old < new).then(|| {
        (
            aged(
                login.client(),
                derived,
                old,
                "it was written before the password that it is made of",
            ),
            aged(
                copy.holder,
                base,
                new,
                "the password was changed after that",
            ),
        )
    })
}
