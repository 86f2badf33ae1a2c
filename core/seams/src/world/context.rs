//! Which world and host the running code belongs to.

use super::model::Host;
use super::state::Shared;
use std::cell::RefCell;
use std::sync::Arc;

/// The world and the host of the code that runs.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) shared: Arc<Shared>,
    pub(crate) host: Host,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// The world that this code runs in; `None` in production.
pub(crate) fn current() -> Option<Current> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Whether this code runs in a world.
pub(crate) fn is_inside() -> bool {
    CURRENT.try_with(|current| current.borrow().is_some()).unwrap_or(false)
}

/// Makes the code that follows run as a host of a world until it is dropped.
pub(super) struct Entered {
    before: Option<Current>,
}

impl Entered {
    pub(super) fn new(shared: &Arc<Shared>, host: Host) -> Self {
        let now = Some(Current { shared: Arc::clone(shared), host });
        Self { before: CURRENT.replace(now) }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before.take());
    }
}
