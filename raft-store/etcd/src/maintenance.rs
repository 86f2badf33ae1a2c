//! The Maintenance service.

use crate::context::Context;
use crate::errors::{MEMBER_NOT_FOUND, status};
use crate::proto::etcdserverpb as pb;
use crate::proto::servers::maintenance_server::Maintenance;
use crate::snapshot;
use crate::version::{cluster_version, minor};
use futures::stream::BoxStream;
use pb::alarm_request::AlarmAction;
use quorate_member::{Alarm, AlarmKind};
use quorate_store::Store;
use quorate_types::{LeaseId, MemberId, Revision};
use tonic::{Request, Response, Status};

#[derive(Debug)]
pub(crate) struct MaintenanceService(pub(crate) Context);

pub(crate) fn wire_alarm(alarm: &Alarm) -> pb::AlarmMember {
    let kind = match alarm.kind {
        AlarmKind::NoSpace => pb::AlarmType::Nospace,
        _ => pb::AlarmType::None,
    };
    pb::AlarmMember { member_id: alarm.member.0, alarm: kind.into() }
}

/// What only the status of 3.6 and later tells.
fn newer(context: &Context) -> pb::StatusResponse {
    let version = &context.options.version;
    if minor(version) < (3, 6) {
        return pb::StatusResponse::default();
    }
    pb::StatusResponse {
        storage_version: cluster_version(version),
        db_size_quota: i64::try_from(context.member.quota_bytes()).unwrap_or(i64::MAX),
        downgrade_info: Some(pb::DowngradeInfo::default()),
        ..Default::default()
    }
}

impl MaintenanceService {
    /// Lets pass who is in charge.
    async fn root<T: Sync>(&self, request: &Request<T>) -> Result<(), Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        store.require_root().map_err(status)
    }

    /// Lets pass who has said who they are.
    async fn named<T: Sync>(&self, request: &Request<T>) -> Result<(), Status> {
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        store.require_named().map_err(status)
    }

    /// Raises an alarm; gives it.
    async fn raise(&self, request: &pb::AlarmRequest) -> Result<Vec<Alarm>, Status> {
        let Some(alarm) = no_space(request) else {
            return Err(Status::unimplemented("etcdserver: only NOSPACE can be raised by request"));
        };
        self.0.member.raise(alarm).await.map_err(status)?;
        Ok(vec![alarm])
    }

    /// Disarms an alarm; gives it, or nothing if it was not raised.
    async fn disarm(&self, request: &pb::AlarmRequest) -> Result<Vec<Alarm>, Status> {
        let raised = self.0.member.alarms().await.map_err(status)?;
        match no_space(request).filter(|alarm| raised.contains(alarm)) {
            Some(alarm) => {
                self.0.member.disarm(alarm).await.map_err(status)?;
                Ok(vec![alarm])
            }
            None => Ok(Vec::new()),
        }
    }
}

/// The alarm that a request is about, if it is of the one kind that there is here.
fn no_space(request: &pb::AlarmRequest) -> Option<Alarm> {
    let alarm = Alarm { member: MemberId(request.member_id), kind: AlarmKind::NoSpace };
    (request.alarm == i32::from(pb::AlarmType::Nospace)).then_some(alarm)
}

#[tonic::async_trait]
impl Maintenance for MaintenanceService {
    type SnapshotStream = BoxStream<'static, Result<pb::SnapshotResponse, Status>>;

    async fn alarm(
        &self,
        request: Request<pb::AlarmRequest>,
    ) -> Result<Response<pb::AlarmResponse>, Status> {
        match request.get_ref().action == i32::from(AlarmAction::Get) {
            true => self.named(&request).await?,
            false => self.root(&request).await?,
        }
        let request = request.into_inner();
        let alarms = match AlarmAction::try_from(request.action) {
            Ok(AlarmAction::Get) => self.0.member.alarms().await.map_err(status)?,
            Ok(AlarmAction::Activate) => self.raise(&request).await?,
            Ok(AlarmAction::Deactivate) => self.disarm(&request).await?,
            // etcd does nothing then, and says so.
            Err(_) => Vec::new(),
        };
        let alarms = alarms.iter().map(wire_alarm).collect();
        Ok(Response::new(pb::AlarmResponse { header: Some(self.0.header_now()), alarms }))
    }

    async fn status(
        &self,
        request: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        self.named(&request).await?;
        let member = &self.0.member;
        let now = member.status();
        let size = i64::try_from(member.size().await.map_err(status)?).unwrap_or(i64::MAX);
        let (last, applied) = member.log_position();
        let errors = match now.leader {
            Some(_) => Vec::new(),
            None => vec![crate::errors::NO_LEADER.to_owned()],
        };
        Ok(Response::new(pb::StatusResponse {
            header: Some(self.0.header(now.revision)),
            version: self.0.options.version.clone(),
            db_size: size,
            leader: now.leader.map_or(0, |leader| leader.0),
            raft_index: last.0,
            raft_term: now.term.0,
            raft_applied_index: applied.0,
            errors,
            db_size_in_use: size,
            is_learner: self.0.rules.is_learner(),
            ..newer(&self.0)
        }))
    }

    async fn defragment(
        &self,
        request: Request<pb::DefragmentRequest>,
    ) -> Result<Response<pb::DefragmentResponse>, Status> {
        self.root(&request).await?;
        self.0.member.defragment().await.map_err(status)?;
        Ok(Response::new(pb::DefragmentResponse { header: Some(self.0.header_now()) }))
    }

    async fn hash(
        &self,
        request: Request<pb::HashRequest>,
    ) -> Result<Response<pb::HashResponse>, Status> {
        self.root(&request).await?;
        let store = self.0.store(request.metadata(), request.extensions()).await?;
        let kept = self.0.member.hash_kv(Revision::NONE).await.map_err(status)?;
        let leases = store.leases().await.map_err(status)?;
        // etcd hashes the bytes of its backend, which depend on how they came about as well.
        let add = |hash, lease: &LeaseId| crc32c::crc32c_append(hash, &lease.0.to_le_bytes());
        let hash = leases.iter().fold(kept.hash, add);
        let header = Some(self.0.header(kept.current));
        Ok(Response::new(pb::HashResponse { header, hash }))
    }

    async fn hash_kv(
        &self,
        request: Request<pb::HashKvRequest>,
    ) -> Result<Response<pb::HashKvResponse>, Status> {
        self.root(&request).await?;
        let revision = Revision(request.into_inner().revision);
        let hash = self.0.member.hash_kv(revision).await.map_err(status)?;
        Ok(Response::new(pb::HashKvResponse {
            header: Some(self.0.header(hash.current)),
            hash: hash.hash,
            // etcd tells -1 before the first compaction.
            hash_revision: if revision > Revision::NONE { revision.0 } else { hash.current.0 },
            compact_revision: if hash.compacted == Revision::NONE { -1 } else { hash.compacted.0 },
        }))
    }

    async fn snapshot(
        &self,
        request: Request<pb::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        self.root(&request).await?;
        Ok(Response::new(snapshot::stream(&self.0, self.0.members())))
    }

    async fn move_leader(
        &self,
        request: Request<pb::MoveLeaderRequest>,
    ) -> Result<Response<pb::MoveLeaderResponse>, Status> {
        self.root(&request).await?;
        let target = MemberId(request.into_inner().target_id);
        let member = &self.0.member;
        if member.status().leading().is_none() {
            return Err(Status::failed_precondition("etcdserver: not leader"));
        }
        if !member.voters().contains_key(&target) {
            return Err(Status::not_found(MEMBER_NOT_FOUND));
        }
        member.transfer_leadership(target).await;
        Ok(Response::new(pb::MoveLeaderResponse { header: Some(self.0.header_now()) }))
    }
}
