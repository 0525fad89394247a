//! Fields that are read and not acted on: refused where leaving them out would do harm, else named.

use bowline_model::Deploy;

use super::Unfit;
use super::report::{Report, Subject};

/// Goes over everything of a service that no other module acts on.
pub(super) fn name(subject: &Subject<'_>, report: &mut Report<'_>) {
    refuse(subject, report);
    let service = subject.service;
    if service.develop.is_some() {
        report.ignore(
            subject.path("develop"),
            "files are not watched yet; it changes nothing for `up`",
        );
    }
    if service.attach.is_some() {
        report.ignore(
            subject.path("attach"),
            "whose logs `up` shows is said by `--attach` and `--follow`",
        );
    }
    if let Some(deploy) = &service.deploy {
        name_deploy(deploy, subject, report);
    }
}

fn refuse(subject: &Subject<'_>, report: &mut Report<'_>) {
    let service = subject.service;
    for (field, there, what) in [
        (
            "provider",
            service.provider.is_some(),
            "a service that an external program provides",
        ),
        ("models", !service.models.is_empty(), "a language model"),
        (
            "use_api_socket",
            service.use_api_socket,
            "handing the engine's socket and logins to a container",
        ),
        (
            "credential_spec",
            service.credential_spec.is_some(),
            "a Windows credential",
        ),
        (
            "pre_start",
            !service.pre_start.is_empty(),
            "a hook before the start",
        ),
        (
            "post_start",
            !service.post_start.is_empty(),
            "a hook after the start",
        ),
        (
            "pre_stop",
            !service.pre_stop.is_empty(),
            "a hook before the stop",
        ),
    ] {
        if there {
            report.refuse(subject.path(field), Unfit::Unsupported { what });
        }
    }
}

fn name_deploy(deploy: &Deploy, subject: &Subject<'_>, report: &mut Report<'_>) {
    let swarm = "it is for Swarm, and means nothing to an engine by itself";
    let later = "containers are replaced one after the other whatever it says";
    let placement = &deploy.placement.0;
    let placed = !placement.constraints.is_empty()
        || !placement.preferences.is_empty()
        || placement.max_replicas_per_node != 0;
    let mode = !matches!(deploy.mode.as_str(), "" | "replicated");
    for (field, there, why) in [
        ("mode", mode, "it is treated as `replicated`"),
        ("labels", !deploy.labels.0.is_empty(), swarm),
        ("update_config", deploy.update_config.is_some(), later),
        ("rollback_config", deploy.rollback_config.is_some(), later),
        ("placement", placed, swarm),
        ("endpoint_mode", !deploy.endpoint_mode.is_empty(), swarm),
    ] {
        if there {
            report.ignore(subject.path(&format!("deploy.{field}")), why);
        }
    }
}
