//! Whether the server lives and is ready: `/livez`, `/readyz` and the older `/healthz`.

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::served::Served;
use quorate_store::RangeRequest;
use std::time::Duration;

/// How long the store may take to answer before it counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// The checks behind a path. A server lives as long as it answers; it is ready once its store does.
fn checks(path: &str) -> &'static [&'static str] {
    if path == "livez" { &["ping"] } else { &["ping", "store"] }
}

/// Answers a question about health, or about one check.
pub(crate) async fn health(
    served: &Served,
    call: &Call,
    path: &str,
    check: Option<&str>,
) -> Result<Reply, Failure> {
    let checks = checks(path);
    if let Some(check) = check {
        let known = checks.iter().find(|name| **name == check).ok_or(Failure::NoSuchPath)?;
        let ok = holds(served, known).await;
        return Ok(if ok { reply::text(200, "ok") } else { reply::text(500, "failed") });
    }
    let (mut lines, mut well) = (String::new(), true);
    for check in checks {
        let ok = holds(served, check).await;
        well &= ok;
        lines += &if ok { format!("[+]{check} ok\n") } else { format!("[-]{check} failed\n") };
    }
    let verbose = call.query.all("verbose").next().is_some();
    Ok(match (well, verbose) {
        (true, false) => reply::text(200, "ok"),
        (true, true) => reply::text(200, format!("{lines}{path} check passed\n")),
        (false, _) => reply::text(500, format!("{lines}{path} check failed\n")),
    })
}

/// The store is well if a read that sees all writes succeeds in time.
async fn holds(served: &Served, check: &str) -> bool {
    if check != "store" {
        return true;
    }
    let objects = served.objects(false);
    let read = objects.store().range(RangeRequest::key("/health").count_only());
    let clock = &objects.seams().clock;
    matches!(quorate_seams::timeout(&**clock, PATIENCE, read).await, Some(Ok(_)))
}
