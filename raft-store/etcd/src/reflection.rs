//! gRPC reflection: which services there are and what they take, for tools that ask.

use crate::proto::DESCRIPTORS;
use tonic_reflection::server::Builder;
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tonic_reflection::server::v1alpha;

/// The service in its two versions; tools of before 2023 know only the older one.
pub(crate) fn services() -> Option<(
    ServerReflectionServer<impl ServerReflection>,
    v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>,
)> {
    let builder = || Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    // Written by the same build; a test calls it.
    Some((builder().build_v1().ok()?, builder().build_v1alpha().ok()?))
}
