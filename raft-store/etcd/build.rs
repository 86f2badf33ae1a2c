//! Compiles the .proto files without a system `protoc`: messages and clients as they are, the servers
//! apart, because what a watch sends is encoded by hand, and the descriptors as a file, from which
//! the gateway and the reflection service read what there is.

use prost::Message;
use std::path::PathBuf;

const FILES: [&str; 7] = [
    "proto/kv.proto",
    "proto/authpb.proto",
    "proto/rpc.proto",
    "proto/auth.proto",
    "proto/lock.proto",
    "proto/election.proto",
    "proto/health.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        .build_server(false)
        .compile_fds(descriptors.clone())?;
    let servers = out.join("servers");
    std::fs::create_dir_all(&servers)?;
    tonic_prost_build::configure()
        .build_client(false)
        .out_dir(servers)
        .extern_path(".etcdserverpb.WatchResponse", "crate::watch::Answer")
        .extern_path(".etcdserverpb", "crate::proto::etcdserverpb")
        .extern_path(".authpb", "crate::proto::authpb")
        .extern_path(".mvccpb", "crate::proto::mvccpb")
        .extern_path(".v3lockpb", "crate::proto::v3lockpb")
        .extern_path(".v3electionpb", "crate::proto::v3electionpb")
        .extern_path(".grpc.health.v1", "crate::proto::health")
        .compile_fds(descriptors)?;
    Ok(())
}
