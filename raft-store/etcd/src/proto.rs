//! etcd's messages and clients, generated from the files in `proto/`.

macro_rules! generated {
    ($(#[$doc:meta])* $visibility:vis $name:ident, $file:expr) => {
        $(#[$doc])*
        #[allow(
            missing_docs,
            unreachable_pub,
            clippy::all,
            clippy::allow_attributes_without_reason,
            clippy::or_fun_call,
            clippy::map_unwrap_or,
            clippy::uninlined_format_args,
            clippy::semicolon_if_nothing_returned,
            clippy::needless_pass_by_value,
            clippy::manual_let_else,
            clippy::cast_possible_wrap,
            missing_debug_implementations,
            unused_qualifications,
            elided_lifetimes_in_paths,
            reason = "generated"
        )]
        $visibility mod $name {
            include!(concat!(env!("OUT_DIR"), $file));
        }
    };
}

generated! {
    /// Requests and answers.
    pub etcdserverpb, "/etcdserverpb.rs"
}
generated! {
    /// Users and roles.
    pub authpb, "/authpb.rs"
}
generated! {
    /// Keys and events.
    pub mvccpb, "/mvccpb.rs"
}
generated! {
    /// The Lock service.
    pub v3lockpb, "/v3lockpb.rs"
}
generated! {
    /// The Election service.
    pub v3electionpb, "/v3electionpb.rs"
}
generated! {
    /// The gRPC health service.
    pub health, "/grpc.health.v1.rs"
}
generated! {
    /// The called ends of etcd's services.
    pub(crate) servers, "/servers/etcdserverpb.rs"
}
generated! {
    /// The called end of the Lock service.
    pub(crate) lock_server, "/servers/v3lockpb.rs"
}
generated! {
    /// The called end of the Election service.
    pub(crate) election_server, "/servers/v3electionpb.rs"
}
generated! {
    /// The called end of the health service.
    pub(crate) health_server, "/servers/grpc.health.v1.rs"
}

/// Everything above as a `FileDescriptorSet`.
pub(crate) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
