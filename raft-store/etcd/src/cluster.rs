//! The Cluster service: who the members are, and changing that.
//!
//! Where this departs from etcd: a member that is added with a vote gets it once it has caught up, so
//! that one that never starts costs no majority. It is listed as a member with a vote from the
//! beginning.

use crate::context::{Context, Shared};
use crate::errors::status as store_status;
use crate::launch::identity::member_id;
use crate::proto::etcdserverpb as pb;
use crate::proto::servers::cluster_server::Cluster;
use quorate_member::net::{Url, UrlError};
use quorate_member::{ClusterMember, MembershipError, Role};
use quorate_types::MemberId;
use tonic::{Request, Response, Status};

/// Learners at a time, as in etcd by default.
const MAX_LEARNERS: usize = 1;

#[derive(Debug)]
pub(crate) struct ClusterService(pub(crate) Context);

fn wire(member: ClusterMember) -> pb::Member {
    let urls = member.addr.split(',').map(|one| match one.contains("://") {
        true => one.to_owned(),
        false => Url::plain(one).to_string(),
    });
    pb::Member {
        id: member.id.0,
        peer_ur_ls: urls.collect(),
        name: member.name,
        client_ur_ls: member.client_urls,
        is_learner: member.role == Role::Learner && !member.joining,
    }
}

fn all(members: Vec<ClusterMember>) -> Vec<pb::Member> {
    let mut members: Vec<_> = members.into_iter().map(wire).collect();
    members.sort_by_key(|member| member.id);
    members
}

/// What a client is told about a change that was not made.
fn status(error: MembershipError) -> Status {
    match error {
        MembershipError::Exists { .. } => {
            Status::failed_precondition("etcdserver: member ID already exist")
        }
        MembershipError::AddressInUse { .. } => {
            Status::failed_precondition("etcdserver: Peer URLs already exists")
        }
        MembershipError::NotFound { .. } => Status::not_found(crate::errors::MEMBER_NOT_FOUND),
        MembershipError::NotLearner { .. } => {
            Status::failed_precondition("etcdserver: can only promote a learner member")
        }
        MembershipError::NotReady { .. } => Status::failed_precondition(
            "etcdserver: can only promote a learner member which is in sync with leader",
        ),
        MembershipError::Unhealthy { .. } | MembershipError::InProgress => {
            Status::unavailable("etcdserver: unhealthy cluster")
        }
        // etcd sends this one without a code of its own.
        MembershipError::LastVoter { .. } => not_enough_started(),
        MembershipError::Store(error) => store_status(error),
        other => Status::unknown(format!("etcdserver: {other}")),
    }
}

fn not_enough_started() -> Status {
    Status::unknown("etcdserver: re-configuration failed due to not enough started members")
}

fn peer_urls(urls: &[String]) -> Result<Vec<Url>, Status> {
    let bad = |_: UrlError| Status::invalid_argument("etcdserver: given member URLs are invalid");
    if urls.is_empty() {
        return Err(Status::invalid_argument("etcdserver: given member URLs are invalid"));
    }
    let mut urls: Vec<Url> =
        urls.iter().map(|url| url.parse()).collect::<Result<_, _>>().map_err(bad)?;
    urls.sort_by_key(Url::to_string);
    urls.dedup();
    Ok(urls)
}

fn joined(urls: &[Url]) -> String {
    urls.iter().map(Url::to_string).collect::<Vec<_>>().join(",")
}

/// Whether a member with a vote may be added: a majority of those that are then must have started. A
/// cluster of one may always grow to two (etcd's rules).
fn may_grow(members: &[ClusterMember]) -> bool {
    let voters = || members.iter().filter(|member| member.role == Role::Voter || member.joining);
    let (all, started) =
        (voters().count() + 1, voters().filter(|member| !member.name.is_empty()).count());
    (all == 2 && started == 1) || started > all / 2
}

impl ClusterService {
    /// Lets pass who may change the members.
    async fn root<T: Sync>(&self, request: &Request<T>) -> Result<(), Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        store.require_root().map_err(store_status)
    }
}

impl Shared {
    /// Every member as clients are told about it.
    pub(crate) fn members(&self) -> Vec<pb::Member> {
        all(self.member.members())
    }

    /// Sees every change that was acknowledged before, unless an answer of now is enough.
    async fn current_members(&self, linearizable: bool) -> Result<Vec<ClusterMember>, Status> {
        if linearizable {
            self.member.core().consensus().read_barrier().await.map_err(store_status)?;
        }
        Ok(self.member.members())
    }
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_add(
        &self,
        request: Request<pb::MemberAddRequest>,
    ) -> Result<Response<pb::MemberAddResponse>, Status> {
        self.root(&request).await?;
        let request = request.into_inner();
        let urls = peer_urls(&request.peer_ur_ls)?;
        let members = self.0.current_members(true).await?;
        let learners = members.iter().filter(|it| it.role == Role::Learner && !it.joining);
        if request.is_learner && learners.count() >= MAX_LEARNERS {
            let told = "etcdserver: too many learner members in cluster";
            return Err(Status::failed_precondition(told));
        }
        if !request.is_learner && self.0.options.strict_reconfig && !may_grow(&members) {
            return Err(not_enough_started());
        }
        let now = self.0.clock.wall().0.as_secs();
        let (id, addr) = (member_id(&urls, "", Some(now)), joined(&urls));
        // An id is made of URLs and the second: a repeat within it would look like one request.
        if members
            .iter()
            .any(|it| it.addr.split(',').any(|one| addr.split(',').any(|new| new == one)))
        {
            return Err(status(MembershipError::AddressInUse { id, addr }));
        }
        let core = self.0.member.core();
        let changed = match request.is_learner {
            true => core.add_learner(id, addr).await,
            false => core.add_joining(id, addr).await,
        };
        let members = all(changed.map_err(status)?);
        let member = members.iter().find(|member| member.id == id.0).cloned();
        Ok(Response::new(pb::MemberAddResponse {
            header: Some(self.0.header_now()),
            member,
            members,
        }))
    }

    async fn member_remove(
        &self,
        request: Request<pb::MemberRemoveRequest>,
    ) -> Result<Response<pb::MemberRemoveResponse>, Status> {
        self.root(&request).await?;
        let id = MemberId(request.into_inner().id);
        let core = self.0.member.core();
        let changed = match self.0.options.strict_reconfig {
            true => core.remove(id).await,
            false => core.remove_by_force(id).await,
        };
        let members = all(changed.map_err(status)?);
        let header = Some(self.0.header_now());
        Ok(Response::new(pb::MemberRemoveResponse { header, members }))
    }

    async fn member_update(
        &self,
        request: Request<pb::MemberUpdateRequest>,
    ) -> Result<Response<pb::MemberUpdateResponse>, Status> {
        self.root(&request).await?;
        let request = request.into_inner();
        let urls = peer_urls(&request.peer_ur_ls)?;
        let core = self.0.member.core();
        let changed = core.relocate(MemberId(request.id), joined(&urls)).await;
        let members = all(changed.map_err(status)?);
        let header = Some(self.0.header_now());
        Ok(Response::new(pb::MemberUpdateResponse { header, members }))
    }

    async fn member_list(
        &self,
        request: Request<pb::MemberListRequest>,
    ) -> Result<Response<pb::MemberListResponse>, Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        store.require_named().map_err(store_status)?;
        let linearizable = request.into_inner().linearizable;
        let members = all(self.0.current_members(linearizable).await?);
        Ok(Response::new(pb::MemberListResponse { header: Some(self.0.header_now()), members }))
    }

    async fn member_promote(
        &self,
        request: Request<pb::MemberPromoteRequest>,
    ) -> Result<Response<pb::MemberPromoteResponse>, Status> {
        self.root(&request).await?;
        let id = MemberId(request.into_inner().id);
        let known = self.0.current_members(true).await?.into_iter().find(|member| member.id == id);
        // One that asks for its vote by itself is told as a member that has one.
        if known.is_some_and(|member| member.joining) {
            return Err(status(MembershipError::NotLearner { id }));
        }
        let members = all(self.0.member.promote(id).await.map_err(status)?);
        let header = Some(self.0.header_now());
        Ok(Response::new(pb::MemberPromoteResponse { header, members }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    fn member(id: u64, role: Role, name: &str) -> ClusterMember {
        let addr = format!("http://h:{id}");
        ClusterMember { name: name.to_owned(), ..ClusterMember::new(MemberId(id), addr, role) }
    }

    #[test]
    fn a_member_is_told_with_all_its_urls_and_as_what_it_was_added() {
        let mut joining = member(1, Role::Learner, "");
        joining.joining = true;
        joining.addr = "http://a:1,https://b:2".to_owned();
        let told = wire(joining);
        assert_eq!(
            (told.is_learner, told.peer_ur_ls),
            (false, vec!["http://a:1".into(), "https://b:2".into()])
        );
        assert!(wire(member(2, Role::Learner, "")).is_learner);
        let plain = ClusterMember::new(MemberId(3), "127.0.0.1:7", Role::Voter);
        assert_eq!(wire(plain).peer_ur_ls, ["http://127.0.0.1:7"]);
    }

    #[test]
    fn a_cluster_grows_only_while_a_majority_has_started() {
        let started = |id| member(id, Role::Voter, "n");
        let silent = |id| member(id, Role::Voter, "");
        assert!(may_grow(&[started(1)]));
        assert!(!may_grow(&[started(1), silent(2)]));
        assert!(may_grow(&[started(1), started(2)]));
        assert!(may_grow(&[started(1), started(2), started(3), silent(4)]));
        assert!(!may_grow(&[started(1), started(2), silent(3)]));
    }

    #[test]
    fn refusals_are_etcds() {
        let id = MemberId(1);
        for (error, code, text) in [
            (MembershipError::NotFound { id }, Code::NotFound, "etcdserver: member not found"),
            (
                MembershipError::AddressInUse { id, addr: "a".into() },
                Code::FailedPrecondition,
                "etcdserver: Peer URLs already exists",
            ),
            (
                MembershipError::Unhealthy { active: 1, voters: 3 },
                Code::Unavailable,
                "etcdserver: unhealthy cluster",
            ),
        ] {
            let told = status(error);
            assert_eq!((told.code(), told.message()), (code, text));
        }
        let bad = peer_urls(&["nowhere".to_owned()]).unwrap_err();
        assert_eq!(bad.message(), "etcdserver: given member URLs are invalid");
    }
}
