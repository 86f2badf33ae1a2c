//! What a WASM executor is told when it is made.

use crate::{Blobs, Network};
use std::path::PathBuf;
use std::sync::Arc;

/// Settings of a [`crate::WasmExecutor`].
#[derive(Clone, Debug)]
pub struct WasmOptions {
    /// Directory of this node: records of tasks, compiled programs and the key that authenticates
    /// them. Made with mode 0700; one executor at a time.
    pub dir: PathBuf,
    /// Name of the node, part of what a compiled program is authenticated by.
    pub node: String,
    /// Where modules named `blob://sha256:…` come from; `None` refuses them.
    pub blobs: Option<Arc<dyn Blobs>>,
    /// Most bytes that a module may have; 64 MiB unless changed.
    pub max_module_bytes: u64,
    /// Most core instances at a time that are allocated from the pool; 1024 unless changed. Each has
    /// 4 GiB of address space set aside, no memory. A component takes a few.
    pub pool: u32,
    /// Threads that run guests; as many as the machine has cores unless changed.
    pub threads: usize,
    /// Most bytes of compiled programs on disk; the oldest go first. 1 GiB unless changed.
    pub cache_bytes: u64,
    /// What guests may reach; nothing unless changed.
    pub network: Network,
}

impl WasmOptions {
    /// Settings with a directory, no blobs and no network.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            node: String::new(),
            blobs: None,
            max_module_bytes: 64 << 20,
            pool: 1024,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            cache_bytes: 1 << 30,
            network: Network::default(),
        }
    }
}
