//! The images for the demo: official ones where they can be pulled, else the test images of the same servers.
//!
//! Which one was taken, and why, is said. The stack's own program is always built here.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::engine::http::Endpoint;
use crate::images;

/// An image, and the variable through which the stack is told of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) variable: &'static str,
    pub(crate) image: String,
}

/// Variable, official name, official tag, and the recipe of the test image.
const SERVERS: &[(&str, &str, &str, &str)] = &[
    ("POSTGRES_IMAGE", "postgres", "15", "postgres"),
    ("REDIS_IMAGE", "redis", "7", "redis"),
    ("NGINX_IMAGE", "nginx", "1", "nginx"),
];

/// The recipe of the stack's own program.
const OWN: &str = "orders";

/// Makes sure that the engine has every image of the stack.
pub(crate) fn prepare(root: &Path, engine: &Endpoint, may_pull: bool) -> Result<Vec<Picture>> {
    let mut pulls = may_pull;
    let mut pictures = Vec::new();
    for &(variable, name, tag, recipe) in SERVERS {
        let official = format!("{name}:{tag}");
        if pulls && let Err(error) = pull(engine, name, tag) {
            println!("{official} cannot be pulled, so test images are taken: {error:#}");
            // What stops one pull stops the next, and some networks take their time to say no.
            pulls = false;
        }
        let image = if pulls {
            println!("image: {official}, the official one");
            official
        } else {
            images::prepare(root, engine, &[recipe.to_owned()])?;
            let image = images::tag(recipe);
            println!("image: {image}, built from Debian's packages");
            image
        };
        pictures.push(Picture { variable, image });
    }
    images::prepare(root, engine, &[OWN.to_owned()])?;
    let image = images::tag(OWN);
    println!("image: {image}, built from this workspace");
    pictures.push(Picture {
        variable: "ORDERS_IMAGE",
        image,
    });
    Ok(pictures)
}

fn pull(engine: &Endpoint, name: &str, tag: &str) -> Result<()> {
    if engine.get(&format!("/images/{name}:{tag}/json")).is_ok() {
        return Ok(());
    }
    println!("pulling {name}:{tag}");
    let reply = engine.send(
        "POST",
        &format!("/images/create?fromImage={name}&tag={tag}"),
        None,
        Duration::from_mins(2),
    )?;
    match refusal(reply.status, &reply.text()) {
        Some(why) => anyhow::bail!(why),
        None => Ok(()),
    }
}

/// Finds what went wrong in an answer to a pull, which may begin well and end badly.
fn refusal(status: u16, text: &str) -> Option<String> {
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let word = |message: &Value| {
        let word = message["error"].as_str().or(message["message"].as_str())?;
        Some(word.to_owned())
    };
    let said = messages.filter_map(|message| word(&message)).next_back();
    match (said, status) {
        (None, 200) => None,
        (Some(said), _) => Some(said),
        (None, _) => Some(format!("status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_may_fail_at_once_or_in_the_middle() {
        assert_eq!(
            refusal(200, "{\"status\":\"Pulling\"}\n{\"status\":\"Done\"}"),
            None
        );
        assert_eq!(
            refusal(500, "{\"message\":\"no such host\"}"),
            Some("no such host".to_owned())
        );
        assert_eq!(
            refusal(
                200,
                "{\"status\":\"Pulling\"}\r\n{\"error\":\"disk is full\"}"
            ),
            Some("disk is full".to_owned())
        );
        assert_eq!(refusal(502, "<html>"), Some("status 502".to_owned()));
    }
}
