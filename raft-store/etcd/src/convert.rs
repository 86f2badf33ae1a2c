//! Between etcd's messages and the store's values. Pure.

use crate::errors::{EMPTY_KEY, INVALID_SORT, LEASE_PROVIDED, VALUE_PROVIDED};
use crate::proto::etcdserverpb as pb;
use crate::proto::mvccpb;
use bytes::Bytes;
use pb::range_request::{SortOrder, SortTarget as PbTarget};
use quorate_store::{
    Consistency, KeyRange, KeyValue, PutOp, RangeRequest, RangeResponse, RevisionFilter, Sort,
    SortTarget,
};
use quorate_types::{LeaseId, Revision};
use tonic::Status;

/// etcd's two keys as a range: no end for one key, an end of one zero byte for "from this key on".
pub(crate) fn key_range(key: Bytes, end: Bytes) -> KeyRange {
    match end.as_ref() {
        [] => KeyRange::Key(key),
        // Both zero bytes: every key; the zero byte is the first key that can exist.
        [0] => KeyRange::From(key),
        _ => KeyRange::Span(key, end),
    }
}

pub(crate) fn range_request(request: pb::RangeRequest) -> Result<RangeRequest, Status> {
    if request.key.is_empty() {
        return Err(Status::invalid_argument(EMPTY_KEY));
    }
    let sort = sort(request.sort_order, request.sort_target)?;
    let consistency = match request.serializable {
        true => Consistency::Serializable,
        false => Consistency::Linearizable,
    };
    let mut range = RangeRequest::new(key_range(request.key, request.range_end));
    range.revision = Revision(request.revision.max(0));
    // A negative limit is none (etcd's rule).
    range.limit = usize::try_from(request.limit).unwrap_or(0);
    range.sort = sort;
    range.filter = RevisionFilter {
        min_mod: Revision(request.min_mod_revision),
        max_mod: Revision(request.max_mod_revision),
        min_create: Revision(request.min_create_revision),
        max_create: Revision(request.max_create_revision),
    };
    range.consistency = consistency;
    range.keys_only = request.keys_only;
    range.count_only = request.count_only;
    Ok(range)
}

/// No order given, but a target other than the key: ascending (etcd's rule).
fn sort(order: i32, target: i32) -> Result<Option<Sort>, Status> {
    let invalid = |_| Status::invalid_argument(INVALID_SORT);
    let order = SortOrder::try_from(order).map_err(invalid)?;
    let target = match PbTarget::try_from(target).map_err(invalid)? {
        PbTarget::Key => SortTarget::Key,
        PbTarget::Version => SortTarget::Version,
        PbTarget::Create => SortTarget::CreateRevision,
        PbTarget::Mod => SortTarget::ModRevision,
        PbTarget::Value => SortTarget::Value,
    };
    Ok(match order {
        SortOrder::None | SortOrder::Ascend if target == SortTarget::Key => None,
        SortOrder::None | SortOrder::Ascend => Some(Sort { target, descending: false }),
        SortOrder::Descend => Some(Sort { target, descending: true }),
    })
}

/// Refuses in etcd's order, which shows when several parts of a transaction are wrong.
pub(crate) fn put_op(request: pb::PutRequest) -> Result<PutOp, Status> {
    if request.key.is_empty() {
        return Err(Status::invalid_argument(EMPTY_KEY));
    }
    if request.ignore_value && !request.value.is_empty() {
        return Err(Status::invalid_argument(VALUE_PROVIDED));
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(Status::invalid_argument(LEASE_PROVIDED));
    }
    Ok(PutOp {
        key: request.key,
        value: request.value,
        lease: LeaseId(request.lease),
        prev_kv: request.prev_kv,
        ignore_value: request.ignore_value,
        ignore_lease: request.ignore_lease,
    })
}

pub(crate) fn key_value(kv: KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key,
        create_revision: kv.create_revision.0,
        mod_revision: kv.mod_revision.0,
        version: kv.version,
        value: kv.value,
        lease: kv.lease.0,
    }
}

pub(crate) fn range_response(
    header: pb::ResponseHeader,
    response: RangeResponse,
) -> pb::RangeResponse {
    pb::RangeResponse {
        header: Some(header),
        kvs: response.kvs.into_iter().map(key_value).collect(),
        more: response.more,
        count: i64::try_from(response.count).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_ranges_are_etcds() {
        let range = |key: &'static [u8], end: &'static [u8]| {
            key_range(Bytes::from_static(key), Bytes::from_static(end))
        };
        assert_eq!(range(b"a", b""), KeyRange::Key("a".into()));
        assert_eq!(range(b"a", b"\0"), KeyRange::From("a".into()));
        assert_eq!(range(b"a", b"b"), KeyRange::Span("a".into(), "b".into()));
    }

    #[test]
    fn a_target_alone_sorts_ascending_and_strange_numbers_are_refused() {
        assert_eq!(sort(0, 0).unwrap(), None);
        assert_eq!(sort(1, 0).unwrap(), None);
        let by_value = Sort { target: SortTarget::Value, descending: false };
        assert_eq!(sort(0, 4).unwrap(), Some(by_value));
        assert_eq!(sort(3, 0).unwrap_err().message(), INVALID_SORT);
        assert_eq!(sort(0, -1).unwrap_err().message(), INVALID_SORT);
    }
}
