//! What mends a login: in the user's own files the right password by where it stands or the right spelling of a name,
//! and in the server the password of the files.

use std::collections::BTreeSet;

use bowline_model::nearest;

use crate::edit::{Change, Edit, Piece, Spot};
use crate::facts::ToldText;
use crate::world::World;
use crate::world::logins::Login;

use super::Copy;

/// That a client has the copy of a password that is the right one, where it brings another.
pub(super) fn copied(login: &Login<'_, '_>, copy: Copy<'_>) -> Option<Edit> {
    let own = login.password().filter(|own| !own.text.is_empty())?;
    let of = Spot::carried(copy.holder, &copy.password.carrier)?;
    Some(Spot::carried(login.client(), &own.carrier)?.change(Change::CopyPassword { of }))
}

/// That a client names what a server has, where exactly one name is like the one that it asks for.
pub(in crate::rules) fn spelt<'n>(
    login: &Login<'_, '_>,
    asked: &ToldText,
    known: impl IntoIterator<Item = &'n str>,
    piece: Piece,
) -> Option<Edit> {
    let known: BTreeSet<&str> = known.into_iter().collect();
    let right = nearest(&asked.text, known)?;
    let spot = Spot::carried(login.client(), &asked.carrier)?;
    Some(spot.replace(piece, asked.text.as_str(), right))
}

/// How the password in the data becomes the one of the files again. Nothing is lost by it.
pub(super) fn set_back(world: &World<'_>, login: &Login<'_, '_>) -> String {
    let server = login.service;
    let account = login.user.map_or("its account", |user| user.text.as_str());
    let is_postgres = world
        .recipe(login.server)
        .is_some_and(|recipe| recipe.name == "postgres");
    if is_postgres {
        return format!(
            "give the account the password of the files: `bowline exec {server} psql -U {account}`, and there `\\password {account}`; or write the former password back into the files. Removing the volume would remove its data too"
        );
    }
    format!(
        "log in at `{server}` with the former password and give `{account}` the one of the files, or write the former password back into the files. Removing the volume would remove its data too"
    )
}
