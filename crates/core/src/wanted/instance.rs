//! One container of a service: what a replica has that its neighbours have not.

use bowline_model::{
    ApiVersion, Capability, ContainerSpec, EndpointSpec, ImageId, WantedService, label,
};

/// One container, ready to be asked for but for its shares and the label of the operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// What it is created with.
    pub spec: ContainerSpec,
    /// Networks to connect it to after it was created and before it is started, because the engine takes
    /// only one with a create.
    pub connect: Vec<EndpointSpec>,
}

/// Fills in what differs between the containers of a service.
///
/// `number` counts from 1. `image` is the id that the image's name stands for; it becomes a label. `names_of`
/// answers with the names of a service's containers, for legacy links: those that are there, and else
/// those that will be.
///
/// The container's own name becomes its first alias on every network. One thing follows Compose although it
/// looks strange: a linked container is also found under its own names *with the number of the container
/// that links*.
pub fn instance(
    service: &WantedService,
    number: u32,
    image: Option<&ImageId>,
    api: ApiVersion,
    names_of: &dyn Fn(&str) -> Vec<String>,
) -> Instance {
    let name = container_name(service, number);
    let mut spec = service.spec.clone();
    let labels = &mut spec.labels;
    labels.insert(label::NUMBER.into(), number.to_string());
    if let Some(image) = image {
        labels.insert(label::IMAGE.into(), image.0.clone());
    }
    let links = links(service, number, names_of);
    for endpoint in &mut spec.network.endpoints {
        endpoint.aliases.insert(0, name.clone());
        endpoint.links.splice(0..0, links.iter().cloned());
    }
    spec.network.links.splice(0..0, links);
    let connect = if api.has(Capability::MultipleEndpoints) || spec.network.endpoints.is_empty() {
        Vec::new()
    } else {
        spec.network.endpoints.split_off(1)
    };
    Instance {
        name,
        spec,
        connect,
    }
}

/// The name of a service's container by its number, from 1.
pub fn container_name(service: &WantedService, number: u32) -> String {
    match &service.container_name {
        Some(name) => name.clone(),
        None => format!("{}{number}", service.name_prefix),
    }
}

fn links(
    service: &WantedService,
    number: u32,
    names_of: &dyn Fn(&str) -> Vec<String>,
) -> Vec<String> {
    let project = service
        .spec
        .labels
        .get(label::PROJECT)
        .map_or("", String::as_str);
    let separator = if service.name_prefix.ends_with('_') {
        '_'
    } else {
        '-'
    };
    let mut links = Vec::new();
    for link in &service.links {
        let short = format!("{}{separator}{number}", link.service);
        let long = format!("{project}{separator}{short}");
        for container in names_of(&link.service) {
            for alias in [&link.alias, &short, &long] {
                links.push(format!("{container}:{alias}"));
            }
        }
    }
    links
}
