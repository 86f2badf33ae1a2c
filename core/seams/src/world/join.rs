//! Starting tasks of a world and waiting for them.

use super::context::Current;
use super::state::Shared;
use crate::task::JoinError;
use futures::FutureExt;
use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// A task of a world; dropping the handle lets it run on.
pub(crate) struct WorldHandle<T> {
    shared: Arc<Shared>,
    id: u64,
    result: oneshot::Receiver<Result<T, JoinError>>,
    finished: bool,
}

impl<T: Send + 'static> WorldHandle<T> {
    /// Starts a task of the current host; one that is crashing starts none.
    pub(crate) fn spawn<F>(current: &Current, future: F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (send, result) = oneshot::channel();
        let Current { shared, host } = current.clone();
        let task = {
            // Not a strong reference: the world owns the task.
            let shared = Arc::downgrade(&shared);
            async move {
                let result = AssertUnwindSafe(future).catch_unwind().await;
                let result = result.map_err(|payload| {
                    let message = message(&*payload);
                    if let Some(shared) = shared.upgrade() {
                        shared.panicked(host, message.clone());
                    }
                    JoinError::Panicked(message)
                });
                // Whoever waited may have gone.
                let _ = send.send(result);
            }
        };
        let id = shared.start(host, Box::pin(task));
        Self { shared, id, result, finished: false }
    }
}

impl<T> WorldHandle<T> {
    pub(crate) fn abort(&self) {
        self.shared.abort(self.id);
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
            || !self.result.is_empty()
            || self.result.is_terminated()
            || !self.shared.has(self.id)
    }
}

impl<T> Future for WorldHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let result = match Pin::new(&mut this.result).poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(result) => result.unwrap_or(Err(JoinError::Stopped)),
        };
        this.finished = true;
        Poll::Ready(result)
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".to_owned())
}
