//! The store's failures in etcd's words: code and text, which clients compare.

use quorate_store::{AuthError, Error};
use tonic::{Code, Status};

pub(crate) const EMPTY_KEY: &str = "etcdserver: key is not provided";
pub(crate) const VALUE_PROVIDED: &str = "etcdserver: value is provided";
pub(crate) const LEASE_PROVIDED: &str = "etcdserver: lease is provided";
pub(crate) const KEY_NOT_FOUND: &str = "etcdserver: key not found";
pub(crate) const INVALID_SORT: &str = "etcdserver: invalid sort option";
pub(crate) const NO_LEADER: &str = "etcdserver: no leader";
pub(crate) const TIMEOUT: &str = "etcdserver: request timed out";
pub(crate) const TTL_TOO_LARGE: &str = "etcdserver: too large lease TTL";
pub(crate) const NOT_FOR_LEARNERS: &str = "etcdserver: rpc not supported for learner";
pub(crate) const INVALID_CLIENT_VERSION: &str = "etcdserver: invalid client api version";
pub(crate) const MEMBER_NOT_FOUND: &str = "etcdserver: member not found";

/// What a client of etcd is told.
///
/// A failure that the client may repeat a write after is never answered for a write whose outcome is
/// unknown: clients repeat only when no connection was made.
pub(crate) fn status(error: Error) -> Status {
    let (code, text) = match &error {
        Error::Compacted { .. } => {
            (Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted")
        }
        Error::FutureRevision { .. } => {
            (Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision")
        }
        Error::LeaseTtl { .. } => (Code::OutOfRange, TTL_TOO_LARGE),
        Error::EmptyKey => (Code::InvalidArgument, EMPTY_KEY),
        Error::KeyNotFound { .. } => (Code::InvalidArgument, KEY_NOT_FOUND),
        Error::ValueProvided { .. } => (Code::InvalidArgument, VALUE_PROVIDED),
        Error::LeaseProvided { .. } => (Code::InvalidArgument, LEASE_PROVIDED),
        Error::DuplicateKey { .. } => {
            (Code::InvalidArgument, "etcdserver: duplicate key given in txn request")
        }
        Error::TooManyOps { .. } => {
            (Code::InvalidArgument, "etcdserver: too many operations in txn request")
        }
        Error::TooLarge { .. } => (Code::InvalidArgument, "etcdserver: request is too large"),
        Error::NoSpace => (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded"),
        Error::LeaseNotFound(_) => (Code::NotFound, "etcdserver: requested lease not found"),
        Error::LeaseExists(_) => (Code::FailedPrecondition, "etcdserver: lease already exists"),
        Error::NotLeader { .. } => (Code::Unavailable, NO_LEADER),
        Error::Timeout => (Code::Unavailable, TIMEOUT),
        Error::Auth(refusal) => return auth_status(*refusal),
        Error::Invalid { reason } => {
            return Status::invalid_argument(format!("etcdserver: {reason}"));
        }
        Error::Unavailable { reason, .. } => return unavailable(reason),
        other => return Status::unknown(format!("etcdserver: {other}")),
    };
    Status::new(code, text)
}

/// Users, roles and permissions: the words are the refusal's own.
fn auth_status(refusal: AuthError) -> Status {
    let code = match refusal {
        AuthError::UserEmpty
        | AuthError::RoleEmpty
        | AuthError::Failed
        | AuthError::PermissionNotGiven
        | AuthError::InvalidManagement
        | AuthError::OldRevision => Code::InvalidArgument,
        AuthError::PermissionDenied => Code::PermissionDenied,
        AuthError::InvalidToken => Code::Unauthenticated,
        // Left out of etcd's table: its words go out as they are.
        AuthError::NoPasswordUser => return Status::unknown(format!("auth: {refusal}")),
        _ => Code::FailedPrecondition,
    };
    Status::new(code, format!("etcdserver: {refusal}"))
}

/// etcd has no word for most reasons; the one that clients know comes first.
fn unavailable(reason: &str) -> Status {
    tracing::debug!(reason, "a request was not served");
    if reason.contains("stop") {
        Status::unavailable("etcdserver: server stopped")
    } else {
        Status::unavailable(NO_LEADER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_etcds_codes_and_words() {
        use Code::{FailedPrecondition, InvalidArgument, PermissionDenied, Unauthenticated};
        for (refusal, code, text) in [
            (AuthError::RootUserMissing, FailedPrecondition, "root user does not exist"),
            (AuthError::RootRoleMissing, FailedPrecondition, "root user does not have root role"),
            (AuthError::UserExists, FailedPrecondition, "user name already exists"),
            (AuthError::UserEmpty, InvalidArgument, "user name is empty"),
            (AuthError::UserNotFound, FailedPrecondition, "user name not found"),
            (AuthError::RoleExists, FailedPrecondition, "role name already exists"),
            (AuthError::RoleNotFound, FailedPrecondition, "role name not found"),
            (AuthError::RoleEmpty, InvalidArgument, "role name is empty"),
            (
                AuthError::Failed,
                InvalidArgument,
                "authentication failed, invalid user ID or password",
            ),
            (AuthError::PermissionNotGiven, InvalidArgument, "permission not given"),
            (AuthError::PermissionDenied, PermissionDenied, "permission denied"),
            (AuthError::RoleNotGranted, FailedPrecondition, "role is not granted to the user"),
            (
                AuthError::PermissionNotGranted,
                FailedPrecondition,
                "permission is not granted to the role",
            ),
            (AuthError::NotEnabled, FailedPrecondition, "authentication is not enabled"),
            (AuthError::InvalidToken, Unauthenticated, "invalid auth token"),
            (AuthError::InvalidManagement, InvalidArgument, "invalid auth management"),
            (AuthError::OldRevision, InvalidArgument, "revision of auth store is old"),
        ] {
            let told = status(refusal.into());
            assert_eq!((told.code(), told.message()), (code, &*format!("etcdserver: {text}")));
        }
        let told = status(AuthError::NoPasswordUser.into());
        let words = "auth: authentication failed, password was given for no password user";
        assert_eq!((told.code(), told.message()), (Code::Unknown, words));
    }
    use quorate_types::{LeaseId, Revision};

    #[test]
    fn clients_are_told_in_words_they_know() {
        let compacted = Error::Compacted { requested: Revision(1), compacted: Revision(2) };
        let future = Error::FutureRevision { requested: Revision(3), current: Revision(2) };
        for (error, code, text) in [
            (compacted, Code::OutOfRange, "mvcc: required revision has been compacted"),
            (future, Code::OutOfRange, "mvcc: required revision is a future revision"),
            (Error::EmptyKey, Code::InvalidArgument, "key is not provided"),
            (Error::NoSpace, Code::ResourceExhausted, "mvcc: database space exceeded"),
            (Error::LeaseNotFound(LeaseId(7)), Code::NotFound, "requested lease not found"),
            (Error::LeaseExists(LeaseId(7)), Code::FailedPrecondition, "lease already exists"),
            (Error::Timeout, Code::Unavailable, "request timed out"),
            (Error::unavailable("there is no leader"), Code::Unavailable, "no leader"),
            (Error::unavailable("member 1 has stopped"), Code::Unavailable, "server stopped"),
        ] {
            let told = status(error);
            assert_eq!((told.code(), told.message()), (code, &*format!("etcdserver: {text}")));
        }
    }
}
