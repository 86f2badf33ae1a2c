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

/// The error of an image that is not to be had.
pub(crate) fn artifact(image: &str, reason: &str) -> Error {
    Error::Artifact { image: image.to_owned(), reason: reason.to_owned() }
}
