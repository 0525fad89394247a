//! Platforms that are no engine: identities that may not read a vault, and a node whose host has another address.
//!
//! What they rest on is known from documentation, and nothing collects it: a recording has to hold it.

use crate::facts::{AppFact, NodeFact, PlatformFact, RoleFact, VaultSecretFact};
use crate::finding::{Code, Confidence, Culprit, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, shown, whole};

pub(crate) const NO_IDENTITY: Rule = Rule {
    code: Code("D007"),
    title: "an app has no identity by which it could read its secrets from a vault",
    layer: Layer::Platform,
    decisive: &["the secret", "its identities", "that it is not well"],
    look_alikes: &[Code("D008"), Code("D009")],
    yields: false,
    endangers_data: false,
    find: |world, cases| apps(world, cases, no_identity),
};

pub(crate) const NO_ROLE: Rule = Rule {
    code: Code("D008"),
    title: "an app's identity may not read the vault that its secrets are in",
    layer: Layer::Platform,
    decisive: &["the secret", "its roles", "that it is not well"],
    look_alikes: &[Code("D007"), Code("D009")],
    yields: false,
    endangers_data: false,
    find: |world, cases| apps(world, cases, no_role),
};

pub(crate) const FORMER_ADDRESS: Rule = Rule {
    code: Code("D044"),
    title: "a node keeps an address of itself that its host no longer has",
    layer: Layer::Platform,
    decisive: &[
        "the address that it keeps",
        "what its certificate is for",
        "that it begins again and again",
    ],
    look_alikes: &[Code("D045")],
    yields: false,
    endangers_data: false,
    find: former_address,
};

/// Roles by which secrets of a vault may be read.
const READ_SECRETS: &[&str] = &[
    "Key Vault Secrets User",
    "Key Vault Secrets Officer",
    "Key Vault Administrator",
];

/// How the paths of groups of subscriptions begin.
const MANAGEMENT: &str = "/providers/microsoft.management/";

/// Looks at every app that is not well.
fn apps(
    world: &World<'_>,
    cases: &mut Vec<Case>,
    case: fn(&PlatformFact, &AppFact) -> Option<Case>,
) {
    let Some(platform) = world.platform() else {
        return;
    };
    let is_ill = |app: &&AppFact| app.health.as_deref().is_some_and(|it| it != "Healthy");
    let ill = platform.apps.iter().filter(is_ill);
    cases.extend(ill.filter_map(|app| case(platform, app)));
}

fn said_of(app: &AppFact, text: &str, proves: &str) -> Evidence {
    shown(FactRef::Platform, format!("{}: {text}", app.name), proves)
}

/// What is true of both: the secret that cannot be read, and that the app suffers.
fn unread(app: &AppFact, secret: &VaultSecretFact, claim: String, field: &str) -> Case {
    let text = format!(
        "secret `{}` is in the vault `{}`",
        secret.name, secret.vault
    );
    let health = app.health.as_deref().unwrap_or_default();
    let ill = format!("its newest revision is {health}");
    let blamed = Culprit {
        field: Some(field.to_owned()),
        ..whole(CulpritKind::Service, &app.name)
    };
    Case::new(blamed, claim)
        .at_most(Confidence::Likely)
        .decides(
            "the secret",
            Some(said_of(app, &text, "it has to be read from there")),
        )
        .decides(
            "that it is not well",
            Some(said_of(app, &ill, "it does not start without it")),
        )
}

fn no_identity(_: &PlatformFact, app: &AppFact) -> Option<Case> {
    let secret = app
        .secrets
        .iter()
        .find(|secret| !app.identities.contains_key(&secret.identity))?;
    let (has, claim) = if app.identities.is_empty() {
        (
            "no identity".to_owned(),
            format!(
                "`{}` has no identity by which to read its secret `{}` from the vault `{}`",
                app.name, secret.name, secret.vault
            ),
        )
    } else {
        let names: Vec<&str> = app.identities.keys().map(String::as_str).collect();
        (
            format!("has {}", names.join(", ")),
            format!(
                "`{}` is to read its secret `{}` from the vault `{}` by an identity that it does not have",
                app.name, secret.name, secret.vault
            ),
        )
    };
    let identities = said_of(app, &has, "nobody asks the vault on its behalf");
    Some(
        unread(app, secret, claim, "identity")
            .mended_by(
                "assign it that identity, with a role on the vault, and let it begin a new revision",
                Safety::NeedsYou,
            )
            .decides("its identities", Some(identities.clone()))
            .rules_out(Code("D008"), Some(identities)),
    )
}

/// Whether a role lets somebody read the secrets of a vault: on it, or on what it is in.
fn reads(role: &RoleFact, vault: &str) -> bool {
    let scope = role.scope.to_ascii_lowercase();
    let is_there = match scope.split_once("/vaults/") {
        Some((_, rest)) => {
            let name = rest.split('/').next().unwrap_or_default();
            name.eq_ignore_ascii_case(vault)
        }
        // A subscription or a group of resources, or what stands above all of them.
        None => !scope.contains("/providers/") || scope.starts_with(MANAGEMENT),
    };
    is_there && READ_SECRETS.contains(&role.role.as_str())
}

fn no_role(platform: &PlatformFact, app: &AppFact) -> Option<Case> {
    let roles = platform.roles.as_ref()?;
    let (secret, principal) = app.secrets.iter().find_map(|secret| {
        let principal = app.identities.get(&secret.identity)?;
        let mut own = roles.iter().filter(|role| role.principal == *principal);
        (!own.any(|role| reads(role, &secret.vault))).then_some((secret, principal))
    })?;
    let claim = format!(
        "the identity of `{}` may not read the vault `{}`, where its secret `{}` is",
        app.name, secret.vault, secret.name
    );
    let own = roles.iter().filter(|role| role.principal == *principal);
    let names: Vec<&str> = own.map(|role| role.role.as_str()).collect();
    let has = match names.as_slice() {
        [] => "its identity has no role".to_owned(),
        names => format!("its identity has {}", names.join(", ")),
    };
    let identity = format!("reads it by {}", secret.identity);
    let identity = said_of(app, &identity, "it has that identity");
    Some(
        unread(app, secret, claim, "identity")
            .mended_by(
                format!(
                    "assign it the role `{}` on that vault, and start it again",
                    READ_SECRETS[0]
                ),
                Safety::NeedsYou,
            )
            .decides(
                "its roles",
                Some(said_of(
                    app,
                    &has,
                    "none of them lets it read secrets there",
                )),
            )
            .rules_out(Code("D007"), Some(identity)),
    )
}

fn former_address(world: &World<'_>, cases: &mut Vec<Case>) {
    let nodes = world.platform().map(|platform| platform.nodes.as_slice());
    for node in nodes.unwrap_or_default() {
        let has = |address: &String| node.addresses.contains(address);
        if node.addresses.is_empty() || has(&node.kept) {
            continue;
        }
        cases.push(moved(node));
    }
}

/// The case of a node whose host has other addresses now.
fn moved(node: &NodeFact) -> Case {
    let said = |text: String, proves: &str| {
        let text = format!("{}: {text}", node.name);
        shown(FactRef::Platform, text, proves)
    };
    let now = node.addresses.join(", ");
    let claim = format!(
        "the node `{}` keeps {} as its address, and its host has {now} by now",
        node.name, node.kept
    );
    let kept = said(
        format!("keeps {}, its host has {now}", node.kept),
        "it looks for itself where it is no longer",
    );
    let mut names = node.certificate_names.iter();
    let is_for_it = names.any(|name| node.addresses.contains(name));
    let certificate = (!is_for_it).then(|| {
        let names = node.certificate_names.join(", ");
        let proves = "whoever asks it at its address now is refused by the certificate";
        said(format!("its certificate is for {names}"), proves)
    });
    let again = (node.restarts > 0).then(|| {
        let text = format!("started again {} times", node.restarts);
        said(text, "it does not come up as it is")
    });
    let mut blamed = whole(CulpritKind::Service, &node.name);
    blamed.field = Some("node-ip".to_owned());
    Case::new(blamed, claim)
        .at_most(Confidence::Likely)
        .mended_by(
            "give the host its former address back, or write the new one (`node-ip`, `tls-san`) and make its certificates anew; to delete its database would delete every workload",
            Safety::NeedsYou,
        )
        .decides("the address that it keeps", Some(kept))
        .decides("what its certificate is for", certificate)
        .decides("that it begins again and again", again)
}
