//! The Watch service.
//!
//! Invariants: the answer to a creation comes before any event of the watch; a watch that ends says
//! so once. One stream is one task: the connection's own. It pulls from its watches only when the
//! reader has room, so a slow reader holds nothing but its cursors.

mod answer;
mod progress;
mod session;

pub(crate) use answer::{Answer, Encoder};

use crate::auth::Credentials;
use crate::context::Context;
use crate::proto::etcdserverpb as pb;
use crate::proto::servers::watch_server::Watch;
use futures::stream::BoxStream;
use session::Session;
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};

#[derive(Debug)]
pub(crate) struct WatchService(pub(crate) Context);

#[tonic::async_trait]
impl Watch for WatchService {
    type WatchStream = BoxStream<'static, Result<Answer, Status>>;

    async fn watch(
        &self,
        request: Request<Streaming<pb::WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let credentials = Credentials::of(request.metadata(), request.extensions());
        let session = Session::new(Arc::clone(&self.0), credentials, request.into_inner());
        Ok(Response::new(session.answers()))
    }
}
