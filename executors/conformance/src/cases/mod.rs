//! The cases, by area.

mod errors;
mod events;
mod exec;
mod exit;
mod idempotency;
mod launch;
mod lifecycle;
mod limits;
mod mounts;
mod network;
mod recovery;
mod stop;
mod streams;

use crate::Case;

/// Every case of the kit.
#[must_use]
pub fn all() -> Vec<Case> {
    [
        lifecycle::CASES,
        idempotency::CASES,
        exit::CASES,
        streams::CASES,
        stop::CASES,
        launch::CASES,
        errors::CASES,
        events::CASES,
        recovery::CASES,
        mounts::CASES,
        limits::CASES,
        exec::CASES,
        network::CASES,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_begin_with_their_area() {
        let names: BTreeSet<&str> = all().iter().map(|case| case.name).collect();
        assert_eq!(names.len(), all().len());
        assert!(names.iter().all(|name| name.contains('.')), "{names:?}");
    }
}
