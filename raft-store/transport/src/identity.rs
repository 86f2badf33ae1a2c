//! Who calls and who is meant.

use quorate_types::{ClusterId, MemberId};
use tonic::Status;
use tonic::metadata::MetadataMap;

const CLUSTER: &str = "quorate-cluster";
const TO: &str = "quorate-to";
const FROM: &str = "quorate-from";

/// One end of member-to-member traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterId,
    /// The member.
    pub member: MemberId,
}

impl Identity {
    /// Marks a call to a member of the same cluster.
    pub(crate) fn mark(self, to: MemberId, metadata: &mut MetadataMap) {
        metadata.insert(CLUSTER, self.cluster.0.into());
        metadata.insert(FROM, self.member.0.into());
        metadata.insert(TO, to.0.into());
    }

    /// Refuses a call that is not meant for this end.
    #[allow(clippy::result_large_err, reason = "tonic's own error type")]
    pub(crate) fn check(self, metadata: &MetadataMap) -> Result<(), Status> {
        let cluster = number(metadata, CLUSTER)?;
        let to = number(metadata, TO)?;
        let from = number(metadata, FROM)?;
        if cluster != self.cluster.0 {
            return Err(Status::failed_precondition(format!(
                "member {from} belongs to cluster {cluster}, this is member {} of cluster {}: check the peer addresses",
                self.member, self.cluster
            )));
        }
        if to != self.member.0 {
            return Err(Status::failed_precondition(format!(
                "member {from} looks for member {to}, this is member {}: check the peer addresses",
                self.member
            )));
        }
        Ok(())
    }
}

#[allow(clippy::result_large_err, reason = "tonic's own error type")]
fn number(metadata: &MetadataMap, key: &'static str) -> Result<u64, Status> {
    let text = metadata.get(key).and_then(|value| value.to_str().ok());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Status::failed_precondition(format!("the call does not carry {key}: not a member"))
    })
}
