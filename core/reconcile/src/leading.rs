//! Following leadership.

use quorate_seams::{Task, spawn};
use quorate_store::{SharedStore, Status};
use quorate_types::Term;
use std::future::Future;
use tokio::sync::watch;

/// Runs a future while this member leads, anew for every term. It is dropped, at its next await
/// point, when leadership is lost; what it still has under way must be fenced with the term.
/// Stops when the returned task is dropped.
pub fn while_leading<F, Fut>(store: SharedStore, f: F) -> Task<()>
where
    F: Fn(Term) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send,
{
    spawn(async move {
        let mut status = store.status_watch();
        while let Some(term) = gained(&mut status).await {
            let mut lost = std::pin::pin!(lost(status.clone(), term));
            tokio::select! {
                () = &mut lost => continue,
                () = f(term) => {}
            }
            // The work has ended by itself: it starts again only in another term.
            lost.await;
        }
    })
}

/// The term under which this member leads, once it does; `None` if the store is gone.
async fn gained(status: &mut watch::Receiver<Status>) -> Option<Term> {
    status.wait_for(|status| status.leading().is_some()).await.ok()?.leading()
}

/// Resolves when this member no longer leads under the term.
async fn lost(mut status: watch::Receiver<Status>, term: Term) {
    // A store that is gone leads nothing.
    let _ = status.wait_for(|status| status.leading() != Some(term)).await;
}
