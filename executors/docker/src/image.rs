//! Images: whether the engine has them, and fetching those that it lacks.

use crate::calls::{Calls, unreachable};
use crate::engine::Fault;
use crate::options::PullPolicy;
use quorate_executor::Error;
use std::time::Duration;

/// Makes sure that the engine has an image.
pub(crate) async fn prepare(
    calls: &Calls,
    image: &str,
    policy: PullPolicy,
    patience: Duration,
) -> Result<(), Error> {
    if image.is_empty() {
        return Err(artifact(image, "is empty; name an image"));
    }
    if policy != PullPolicy::Always {
        let there = calls.ask(calls.engine.has_image(image)).await;
        if there.map_err(|fault| looked(image, &fault))? {
            return Ok(());
        }
    }
    if policy == PullPolicy::Never {
        return Err(artifact(image, "is not on this engine and may not be pulled; load it"));
    }
    calls.ask_for(patience, calls.engine.pull(image)).await.map_err(|fault| pulled(image, &fault))
}

fn looked(image: &str, fault: &Fault) -> Error {
    match fault {
        Fault::Refused(reason) => artifact(image, reason),
        other => unreachable(&format!("looking for image {image}"), other),
    }
}

/// A registry that answers that there is no such image is one thing, one that cannot be reached another.
fn pulled(image: &str, fault: &Fault) -> Error {
    match fault {
        Fault::Missing(reason) | Fault::Refused(reason) | Fault::Conflict(reason) => {
            artifact(image, reason)
        }
        other => unreachable(&format!("pulling image {image}"), other),
    }
}

/// An image's name and tag; `latest` where it has none. A name by digest has no tag.
pub(crate) fn name_and_tag(image: &str) -> (&str, Option<&str>) {
    if image.contains('@') {
        return (image, None);
    }
    // A colon before a slash belongs to the registry's port.
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (image, Some("latest")),
    }
}

/// The error of an image that is not to be had.
pub(crate) fn artifact(image: &str, reason: &str) -> Error {
    Error::Artifact { image: image.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::name_and_tag;

    #[test]
    fn a_port_is_no_tag_and_a_digest_needs_none() {
        let expected = [
            ("busybox", ("busybox", Some("latest"))),
            ("busybox:1.36", ("busybox", Some("1.36"))),
            ("host:5000/team/web", ("host:5000/team/web", Some("latest"))),
            ("host:5000/team/web:2", ("host:5000/team/web", Some("2"))),
            ("web@sha256:abcd", ("web@sha256:abcd", None)),
        ];
        for (image, parts) in expected {
            assert_eq!(name_and_tag(image), parts);
        }
    }
}
