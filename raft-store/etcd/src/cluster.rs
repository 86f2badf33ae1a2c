//! The Cluster service: who the members are. Changing them over the wire is not served yet.

use crate::context::{Context, Peer, Shared};
use crate::errors::status;
use crate::proto::etcdserverpb as pb;
use crate::proto::servers::cluster_server::Cluster;
use quorate_types::MemberId;
use tonic::{Request, Response, Status};

#[derive(Debug)]
pub(crate) struct ClusterService(pub(crate) Context);

impl Shared {
    /// Every member as clients are told about it.
    pub(crate) fn members(&self) -> Vec<pb::Member> {
        self.member.voters().iter().map(|(id, addr)| self.member(*id, addr)).collect()
    }

    fn member(&self, id: MemberId, addr: &str) -> pb::Member {
        let known = self.options.peers.get(&id).cloned();
        let peer = known.unwrap_or_else(|| Peer {
            peer_urls: vec![format!("http://{addr}")],
            ..Peer::default()
        });
        pb::Member {
            id: id.0,
            name: peer.name,
            peer_ur_ls: peer.peer_urls,
            client_ur_ls: peer.client_urls,
            is_learner: false,
        }
    }
}

impl ClusterService {
    /// Lets pass who may change the members.
    async fn root<T: Sync>(&self, request: &Request<T>) -> Result<(), Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        store.require_root().map_err(status)
    }
}

fn fixed() -> Status {
    Status::unimplemented("etcdserver: members cannot be changed over the wire")
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_add(
        &self,
        request: Request<pb::MemberAddRequest>,
    ) -> Result<Response<pb::MemberAddResponse>, Status> {
        self.root(&request).await?;
        Err(fixed())
    }

    async fn member_remove(
        &self,
        request: Request<pb::MemberRemoveRequest>,
    ) -> Result<Response<pb::MemberRemoveResponse>, Status> {
        self.root(&request).await?;
        Err(fixed())
    }

    async fn member_update(
        &self,
        request: Request<pb::MemberUpdateRequest>,
    ) -> Result<Response<pb::MemberUpdateResponse>, Status> {
        self.root(&request).await?;
        Err(fixed())
    }

    async fn member_list(
        &self,
        request: Request<pb::MemberListRequest>,
    ) -> Result<Response<pb::MemberListResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        store.require_named().map_err(status)?;
        let members = self.0.members();
        Ok(Response::new(pb::MemberListResponse { header: Some(self.0.header_now()), members }))
    }

    async fn member_promote(
        &self,
        request: Request<pb::MemberPromoteRequest>,
    ) -> Result<Response<pb::MemberPromoteResponse>, Status> {
        self.root(&request).await?;
        Err(fixed())
    }
}
