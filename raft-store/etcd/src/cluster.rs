//! The Cluster service: who the members are. Changing them over the wire is not served yet.

use crate::context::{Context, Peer, Shared};
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

fn fixed() -> Status {
    Status::unimplemented("etcdserver: members cannot be changed over the wire")
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_add(
        &self,
        _: Request<pb::MemberAddRequest>,
    ) -> Result<Response<pb::MemberAddResponse>, Status> {
        Err(fixed())
    }

    async fn member_remove(
        &self,
        _: Request<pb::MemberRemoveRequest>,
    ) -> Result<Response<pb::MemberRemoveResponse>, Status> {
        Err(fixed())
    }

    async fn member_update(
        &self,
        _: Request<pb::MemberUpdateRequest>,
    ) -> Result<Response<pb::MemberUpdateResponse>, Status> {
        Err(fixed())
    }

    async fn member_list(
        &self,
        _: Request<pb::MemberListRequest>,
    ) -> Result<Response<pb::MemberListResponse>, Status> {
        let members = self.0.members();
        Ok(Response::new(pb::MemberListResponse { header: Some(self.0.header_now()), members }))
    }

    async fn member_promote(
        &self,
        _: Request<pb::MemberPromoteRequest>,
    ) -> Result<Response<pb::MemberPromoteResponse>, Status> {
        Err(fixed())
    }
}
