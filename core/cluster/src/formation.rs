//! Where members come from: a formation starts them by id, whatever they are made of.

use crate::Error;
use async_trait::async_trait;
use quorate_store::SharedStore;
use quorate_types::MemberId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Starts the members of one cluster.
#[async_trait]
pub(crate) trait Formation: Send + Sync + fmt::Debug {
    /// Their ids.
    fn ids(&self) -> Vec<MemberId>;
    /// Starts one: the first time it helps to form the cluster, later it comes back.
    async fn start(&self, id: MemberId) -> Result<Arc<dyn RunningMember>, Error>;
}

/// A member that runs.
#[async_trait]
pub(crate) trait RunningMember: Send + Sync + fmt::Debug {
    /// The store as seen by this member.
    fn store(&self) -> SharedStore;
    /// Waits until it knows a leader and has caught up with it.
    async fn ready(&self, limit: Duration) -> Result<(), Error>;
    /// Stops it in order.
    async fn shut_down(&self) -> Result<(), Error>;
    /// Stops it as a crash would.
    async fn kill(&self);
}
