//! The threads that guests run on: a runtime of their own, so that no guest delays the agent.

use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

/// Most threads for host calls that block, files above all.
const BLOCKING: usize = 32;

/// The runtime; its threads end when it is dropped, after the turn that they are in.
#[derive(Debug)]
pub(crate) struct Guests(Option<Runtime>);

impl Guests {
    /// Starts so many threads.
    ///
    /// # Errors
    /// The operating system gives none.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads.max(1)).max_blocking_threads(BLOCKING).enable_all();
        builder.thread_name("wasm-guests").build().map(|runtime| Self(Some(runtime)))
    }

    /// Where to start guests.
    pub(crate) fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Dropping it would wait, which a thread of another runtime must not.
            runtime.shutdown_background();
        }
    }
}
