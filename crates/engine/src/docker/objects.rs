//! Networks, volumes and images: the requests.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use bowline_model::{
    Capability, ContainerId, EndpointSpec, ImageId, NetworkId, NetworkSpec, ObjectKind,
    ObservedImage, ObservedNetwork, ObservedVolume, VolumeSpec,
};
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;

use super::http::{Call, Failure, SLOW, escape};
use super::refusal::{self, About};
use super::wire::{Auth, Made, Progress, said};
use super::wire_container::Endpoint;
use super::wire_objects::{Image, ImageSummary, Network, Volume, Volumes};
use super::{Docker, create_body, filters, observe};
use crate::docker_config::registry_of;
use crate::{
    CreatedVolume, EngineError, ImportSpec, PullProgress, RegistryLogin, Removed, Selector, Stream,
    TarStream,
};

type Result<T> = std::result::Result<T, EngineError>;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Connect<'a> {
    container: &'a str,
    endpoint_config: Endpoint,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Disconnect<'a> {
    container: &'a str,
    force: bool,
}

impl Docker {
    // ---- networks

    pub(super) async fn list_networks(&self, which: &Selector) -> Result<Vec<ObservedNetwork>> {
        let mut filters = filters::labels(&which.labels);
        filters.extend(filters::of("name", which.names.iter().cloned()));
        let call = Call::get("/networks").query_json("filters", &filters)?;
        let about = About::new(ObjectKind::Network, "");
        let networks: Vec<Network> = self
            .http
            .json(call)
            .await
            .map_err(|failure| about.error(failure))?;
        // The engine finds names by their parts.
        let networks = networks.into_iter().map(observe::network);
        Ok(networks
            .filter(|network| which.matches(&network.spec.name, &network.spec.labels))
            .collect())
    }

    pub(super) async fn network(&self, id: &NetworkId) -> Result<ObservedNetwork> {
        let call = Call::get(format!("/networks/{}", escape(&id.0)));
        let about = About::new(ObjectKind::Network, &id.0);
        let network: Network = self
            .http
            .json(call)
            .await
            .map_err(|failure| about.error(failure))?;
        // The engine would also take a name, or the beginning of an id.
        if network.id == id.0 {
            Ok(observe::network(network))
        } else {
            Err(EngineError::NotFound {
                kind: ObjectKind::Network,
                name: id.0.clone(),
            })
        }
    }

    pub(super) async fn make_network(&self, spec: &NetworkSpec) -> Result<NetworkId> {
        self.refuse_unsupported(spec.needs())?;
        let call = Call::post("/networks/create").json(&create_body::network(spec))?;
        let made: Made = self
            .http
            .json(call)
            .await
            .map_err(|failure| refusal::creating_network(&spec.name, failure))?;
        Ok(NetworkId(made.id))
    }

    pub(super) async fn drop_network(&self, id: &NetworkId) -> Result<Removed> {
        let call = Call::delete(format!("/networks/{}", escape(&id.0)));
        match self.http.send(call).await {
            Ok(_) => Ok(Removed::Now),
            Err(failure) => refusal::removing(About::new(ObjectKind::Network, &id.0), failure)
                .map_or(Ok(Removed::Already), Err),
        }
    }

    pub(super) async fn join(
        &self,
        id: &NetworkId,
        container: &ContainerId,
        endpoint: &EndpointSpec,
    ) -> Result<()> {
        // To a container that does not run, an engine would connect a network that does not exist.
        self.network(id).await?;
        let endpoint_config =
            create_body::endpoint(endpoint, self.about.api.has(Capability::EndpointMacAddress));
        let call = Call::post(format!("/networks/{}/connect", escape(&id.0))).json(&Connect {
            container: &container.0,
            endpoint_config,
        })?;
        match self.http.send(call).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(refusal))
                if refusal.text.contains("already exists in network") =>
            {
                Ok(())
            }
            Err(failure) => Err(self.endpoint_error(id, container, failure).await),
        }
    }

    pub(super) async fn leave(&self, id: &NetworkId, container: &ContainerId) -> Result<()> {
        let call =
            Call::post(format!("/networks/{}/disconnect", escape(&id.0))).json(&Disconnect {
                container: &container.0,
                force: false,
            })?;
        match self.http.send(call).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(refusal)) if refusal.text.contains("is not connected to") => {
                Ok(())
            }
            Err(failure) => Err(self.endpoint_error(id, container, failure).await),
        }
    }

    /// Whether the network or the container is missing stands in the words in too many ways: look.
    async fn endpoint_error(
        &self,
        id: &NetworkId,
        container: &ContainerId,
        failure: Failure,
    ) -> EngineError {
        let error = About::new(ObjectKind::Network, &id.0).error(failure);
        if !error.is_not_found() {
            return error;
        }
        let container = self
            .inspect(container)
            .await
            .err()
            .filter(EngineError::is_not_found);
        container.unwrap_or(EngineError::NotFound {
            kind: ObjectKind::Network,
            name: id.0.clone(),
        })
    }

    // ---- volumes

    pub(super) async fn list_volumes(&self, which: &Selector) -> Result<Vec<ObservedVolume>> {
        let mut filters = filters::labels(&which.labels);
        filters.extend(filters::of("name", which.names.iter().cloned()));
        let call = Call::get("/volumes").query_json("filters", &filters)?;
        let about = About::new(ObjectKind::Volume, "");
        let listed: Volumes = self
            .http
            .json(call)
            .await
            .map_err(|failure| about.error(failure))?;
        let volumes = listed.volumes.into_iter().map(observe::volume);
        Ok(volumes
            .filter(|volume| which.matches(&volume.spec.name, &volume.spec.labels))
            .collect())
    }

    pub(super) async fn volume(&self, name: &str) -> Result<ObservedVolume> {
        let call = Call::get(format!("/volumes/{}", escape(name)));
        let about = About::new(ObjectKind::Volume, name);
        let volume: Volume = self
            .http
            .json(call)
            .await
            .map_err(|failure| about.error(failure))?;
        Ok(observe::volume(volume))
    }

    pub(super) async fn make_volume(&self, spec: &VolumeSpec) -> Result<CreatedVolume> {
        let call = Call::post("/volumes/create").json(&create_body::volume(spec))?;
        let about = About::new(ObjectKind::Volume, &spec.name);
        let volume: Volume = self
            .http
            .json(call)
            .await
            .map_err(|failure| about.error(failure))?;
        let volume = observe::volume(volume);
        let ours = volume.spec.labels.contains_all(&spec.labels);
        Ok(CreatedVolume { volume, ours })
    }

    pub(super) async fn drop_volume(&self, name: &str) -> Result<Removed> {
        let call = Call::delete(format!("/volumes/{}", escape(name))).limit(Some(SLOW));
        match self.http.send(call).await {
            Ok(_) => Ok(Removed::Now),
            Err(failure) => refusal::removing(About::new(ObjectKind::Volume, name), failure)
                .map_or(Ok(Removed::Already), Err),
        }
    }

    pub(super) async fn measure_volumes(&self) -> Result<BTreeMap<String, u64>> {
        let mut call = Call::get("/system/df").limit(Some(SLOW));
        if self.about.api.has(Capability::PartialDiskUsage) {
            call = call.query("type", "volume");
        }
        let about = About::new(ObjectKind::Volume, "");
        let measured: Volumes = self
            .http
            .json(call)
            .await
            .map_err(|failure| about.error(failure))?;
        let sizes = measured.volumes.into_iter();
        Ok(sizes
            .filter_map(|volume| Some((volume.name, u64::try_from(volume.usage?.size).ok()?)))
            .collect())
    }

    // ---- images

    pub(super) async fn list_images(
        &self,
        which: &Selector,
    ) -> Result<Vec<(ImageId, Vec<String>)>> {
        let mut filters = filters::labels(&which.labels);
        filters.extend(filters::of("reference", which.names.iter().cloned()));
        let call = Call::get("/images/json").query_json("filters", &filters)?;
        let about = About::new(ObjectKind::Image, "");
        let images: Vec<ImageSummary> = self
            .http
            .json(call)
            .await
            .map_err(|failure| about.error(failure))?;
        let tags = |tags: Vec<String>| {
            tags.into_iter()
                .filter(|tag| tag != "<none>:<none>")
                .collect()
        };
        Ok(images
            .into_iter()
            .map(|image| (ImageId(image.id), tags(image.tags)))
            .collect())
    }

    pub(super) async fn image(&self, reference: &str) -> Result<ObservedImage> {
        let call = Call::get(format!("/images/{}/json", escape_reference(reference)));
        let about = About::new(ObjectKind::Image, reference);
        let image: Image =
            self.http
                .json(call)
                .await
                .map_err(|failure| match about.error(failure) {
                    EngineError::NotFound { kind, .. } => EngineError::NotFound {
                        kind,
                        name: reference.to_owned(),
                    },
                    other => other,
                })?;
        Ok(observe::image(image))
    }

    pub(super) async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        login: Option<&RegistryLogin>,
    ) -> Result<Stream<PullProgress>> {
        // A name without tag and digest would pull every tag there is.
        let (name, tag) = split_reference(reference);
        let mut call = Call::post("/images/create")
            .query("fromImage", name)
            .query("tag", tag)
            .query_opt("platform", platform)
            .limit(None);
        if let Some(login) = login {
            call = call.header("x-registry-auth", encoded(&auth(login))?);
        }
        let answer = self
            .http
            .send(call)
            .await
            .map_err(|failure| match failure {
                Failure::Refused(refusal) => refusal::pulling(reference, &refusal.text),
                Failure::Other(error) => error,
            })?;
        let reference = reference.to_owned();
        let steps = answer.values::<Progress>().map(move |step| {
            let step = step?;
            match failure_of(&step) {
                Some(text) => Err(refusal::pulling(&reference, &text)),
                None => Ok(pull_progress(step)),
            }
        });
        Ok(until_error(steps.boxed()))
    }

    pub(super) async fn import(&self, spec: &ImportSpec, archive: TarStream) -> Result<ImageId> {
        let (name, tag) = split_reference(&spec.reference);
        let mut call = Call::post("/images/create")
            .query("fromSrc", "-")
            .query("repo", name)
            .query("tag", tag)
            .query_opt("platform", spec.platform.as_deref());
        for change in &spec.changes {
            call = call.query("changes", change);
        }
        let about = About::new(ObjectKind::Image, &spec.reference);
        let answer = self
            .http
            .send(call.tar(archive).limit(None))
            .await
            .map_err(|failure| about.error(failure))?;
        let steps: Vec<Progress> = answer.values().try_collect().await?;
        match steps.iter().find_map(failure_of) {
            Some(text) if text.contains("no space left on device") => {
                Err(EngineError::NoSpace { text })
            }
            Some(text) => Err(EngineError::Failed { status: 0, text }),
            None => Ok(self.image(&spec.reference).await?.id),
        }
    }

    pub(super) async fn tag(&self, id: &ImageId, reference: &str) -> Result<()> {
        let (repo, tag) = split_reference(reference);
        let call = Call::post(format!("/images/{}/tag", escape(&id.0)))
            .query("repo", repo)
            .query("tag", tag);
        let about = About::new(ObjectKind::Image, &id.0);
        self.http
            .send(call)
            .await
            .map(drop)
            .map_err(|failure| about.error(failure))
    }

    pub(super) async fn drop_image(&self, reference: &str) -> Result<Removed> {
        let call =
            Call::delete(format!("/images/{}", escape_reference(reference))).limit(Some(SLOW));
        match self.http.send(call).await {
            Ok(_) => Ok(Removed::Now),
            Err(failure) => refusal::removing(About::new(ObjectKind::Image, reference), failure)
                .map_or(Ok(Removed::Already), Err),
        }
    }
}

/// Splits a reference into what the engine calls name and tag; a digest takes the tag's place.
fn split_reference(reference: &str) -> (&str, &str) {
    if let Some((name, digest)) = reference.split_once('@') {
        return (name, digest);
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    }
}

/// Slashes of a reference are parts of the path.
fn escape_reference(reference: &str) -> String {
    reference
        .split('/')
        .map(escape)
        .collect::<Vec<_>>()
        .join("/")
}

pub(super) fn auth(login: &RegistryLogin) -> Auth {
    Auth {
        username: login.username.clone(),
        password: login.password.clone(),
        identity_token: login.identity_token.clone(),
        server: if login.registry.is_empty() {
            registry_of("").to_owned()
        } else {
            login.registry.clone()
        },
    }
}

/// Headers carry JSON in the URL's base64.
pub(super) fn encoded(value: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(value).map_err(|error| EngineError::BadRequest {
        text: error.to_string(),
    })?;
    Ok(BASE64_URL_SAFE.encode(json))
}

pub(super) fn failure_of(step: &Progress) -> Option<String> {
    said(step.error_detail.message.clone()).or_else(|| said(step.error.clone()))
}

pub(super) fn pull_progress(step: Progress) -> PullProgress {
    PullProgress {
        layer: said(step.id),
        status: step.status,
        done_bytes: step.detail.current,
        total_bytes: step.detail.total,
    }
}

/// Ends a stream with its first error.
fn until_error<T: Send + 'static>(steps: Stream<T>) -> Stream<T> {
    futures_util::stream::unfold(Some(steps), |steps| async move {
        let mut steps = steps?;
        let step = steps.next().await?;
        let rest = step.is_ok().then_some(steps);
        Some((step, rest))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_split_at_the_tag_and_not_at_the_port() {
        assert_eq!(split_reference("nginx"), ("nginx", "latest"));
        assert_eq!(
            split_reference("reg.example:5000/a/b"),
            ("reg.example:5000/a/b", "latest")
        );
        assert_eq!(
            split_reference("reg.example:5000/a/b:1"),
            ("reg.example:5000/a/b", "1")
        );
        assert_eq!(split_reference("nginx@sha256:ab"), ("nginx", "sha256:ab"));
    }
}
