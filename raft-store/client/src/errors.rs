//! What a server's refusals and a connection's ends mean to the store. Pure.
//!
//! Invariant: only what certainly has not happened is told so: refusals that a server makes before it
//! proposes anything, and connections that were never made. "No leader" is not among them: a leader
//! may have been lost while the request was under way.

use etcd_client::Error as WireError;
use quorate_store::{AuthError, Certainty, Error};
use std::error::Error as _;
use tonic::{Code, ConnectError, Status};

/// A failure, of which some need to be told with what the server leaves out.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    Compacted,
    FutureRevision,
    KeyNotFound,
    LeaseNotFound,
    LeaseExists,
    LeaseTtl,
    Other(Error),
}

impl From<Refusal> for Error {
    /// For requests that none of the special refusals fits.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Other(error) => error,
            other => Self::Invalid { reason: format!("the server answers {other:?}") },
        }
    }
}

/// What a failed call means.
pub(crate) fn refusal(error: WireError) -> Refusal {
    match error {
        WireError::GRpcStatus(status) => of_status(&status),
        // The words of the client itself, when a renewal is answered with no time.
        WireError::LeaseKeepAliveError(text) if text.contains("not found") => {
            Refusal::LeaseNotFound
        }
        WireError::InvalidArgs(reason) => Refusal::Other(Error::Invalid { reason }),
        other => Refusal::Other(unavailable(other.to_string(), Certainty::Unknown)),
    }
}

fn unavailable(reason: String, certainty: Certainty) -> Error {
    Error::Unavailable { reason, certainty }
}

fn of_status(status: &Status) -> Refusal {
    let whole = status.message();
    let text = whole.strip_prefix("etcdserver: ").unwrap_or(whole);
    match text {
        "mvcc: required revision has been compacted" => return Refusal::Compacted,
        "mvcc: required revision is a future revision" => return Refusal::FutureRevision,
        "key not found" => return Refusal::KeyNotFound,
        "requested lease not found" => return Refusal::LeaseNotFound,
        "lease already exists" => return Refusal::LeaseExists,
        "too large lease TTL" => return Refusal::LeaseTtl,
        _ => {}
    }
    let auth = AuthError::ALL.into_iter().find(|refusal| refusal.to_string() == text);
    Refusal::Other(match (auth, text) {
        (Some(refusal), _) => Error::Auth(refusal),
        (None, "mvcc: database space exceeded") => Error::NoSpace,
        (None, "too many requests") => unavailable(whole.to_owned(), Certainty::DefinitelyNot),
        (None, text) if text.starts_with("request timed out") => Error::Timeout,
        _ => by_code(status),
    })
}

fn by_code(status: &Status) -> Error {
    let reason = status.message().to_owned();
    match status.code() {
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            Error::Invalid { reason }
        }
        Code::DeadlineExceeded => Error::Timeout,
        _ if never_connected(status) => unavailable(reason, Certainty::DefinitelyNot),
        _ => unavailable(reason, Certainty::Unknown),
    }
}

fn never_connected(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.downcast_ref::<ConnectError>().is_some() {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: Code, text: &str) -> Refusal {
        refusal(WireError::GRpcStatus(Status::new(code, text)))
    }

    #[test]
    fn a_lost_leader_leaves_the_outcome_open_and_a_refusal_does_not() {
        for (code, text, certainty) in [
            (Code::Unavailable, "etcdserver: no leader", Certainty::Unknown),
            (Code::Unavailable, "etcdserver: request timed out", Certainty::Unknown),
            (
                Code::Unavailable,
                "etcdserver: request timed out, possibly due to connection lost",
                Certainty::Unknown,
            ),
            (Code::Unavailable, "transport error", Certainty::Unknown),
            (Code::Cancelled, "", Certainty::Unknown),
            (Code::ResourceExhausted, "etcdserver: too many requests", Certainty::DefinitelyNot),
            (Code::InvalidArgument, "etcdserver: request is too large", Certainty::DefinitelyNot),
            (Code::PermissionDenied, "etcdserver: permission denied", Certainty::DefinitelyNot),
        ] {
            assert_eq!(Error::from(told(code, text)).certainty(), certainty, "{text}");
        }
    }

    #[test]
    fn refusals_are_known_by_etcds_words() {
        assert_eq!(
            told(Code::NotFound, "etcdserver: requested lease not found"),
            Refusal::LeaseNotFound
        );
        let compacted = "etcdserver: mvcc: required revision has been compacted";
        assert_eq!(told(Code::OutOfRange, compacted), Refusal::Compacted);
        let full = told(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded");
        assert_eq!(full, Refusal::Other(Error::NoSpace));
        let token = told(Code::Unauthenticated, "etcdserver: invalid auth token");
        assert_eq!(token, Refusal::Other(AuthError::InvalidToken.into()));
    }
}
