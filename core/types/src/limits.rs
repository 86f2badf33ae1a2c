//! The bounds that hold everywhere, each with its source.

/// Largest store request in bytes (etcd's `--max-request-bytes` default, 1.5 MiB).
pub const MAX_REQUEST_BYTES: usize = 1_572_864;
/// Most operations in one branch or compare list of a transaction.
///
/// etcd's `--max-txn-ops` default is 128; control-plane batches (binds of many pods) are larger,
/// so the in-process limit is higher and the etcd service applies etcd's own.
pub const MAX_TXN_OPS: usize = 4096;
/// Most transactions nested in each other, the outermost included. Our own: etcd bounds it only by
/// its limit of operations, but what is committed must be decodable by every member.
pub const MAX_TXN_DEPTH: usize = 32;
/// Identified transactions whose outcome is remembered: of more, the oldest are forgotten. The same
/// number on every member, since forgetting is part of the replicated state.
pub const REQUEST_WINDOW: u64 = 65_536;
/// Largest outcome in bytes that is remembered word for word. Of a larger one only the revision is.
pub const MAX_REMEMBERED_OUTCOME: usize = 4096;
/// Size of a member's state in bytes beyond which it refuses to grow, unless told otherwise (etcd's
/// `--quota-backend-bytes` default).
pub const DEFAULT_QUOTA_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Longest lease in seconds (etcd's limit).
pub const MAX_LEASE_TTL_SECONDS: i64 = 9_000_000_000;
/// Largest manifest file in bytes that `apply` reads: 3 MiB, the API server's request limit.
pub const MAX_MANIFEST_BYTES: usize = 3 * 1024 * 1024;
/// Largest object in bytes once encoded (the store's request limit less room for the transaction).
pub const MAX_OBJECT_BYTES: usize = MAX_REQUEST_BYTES - 64 * 1024;
