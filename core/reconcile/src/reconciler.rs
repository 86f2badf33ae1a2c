//! What a controller is.

use crate::{Context, Error, Watch};
use async_trait::async_trait;
use quorate_types::ObjectKey;
use std::time::Duration;

/// Drives one kind of object from what is towards what is wanted, one key at a time.
#[async_trait]
pub trait Reconciler: Send + Sync + 'static {
    /// Short name for logs and events, `deployment` for example.
    fn name(&self) -> &'static str;

    /// What leads to a pass: asked once, whenever the reconciler is started.
    fn watches(&self) -> Vec<Watch>;

    /// One pass for one key. Must be idempotent: it runs for no reason, too. The object of the key
    /// may be gone. The snapshot in `cx` is at least as new as this reconciler's own last write.
    /// The future is dropped at any await point when leadership is lost.
    ///
    /// # Errors
    /// The key is retried with exponential back-off, 5 ms to 30 s, or as soon as it changes.
    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error>;
}

/// When the key runs next, if nothing changes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When something changes.
    Done,
    /// After this time, or when something changes.
    After(Duration),
}
