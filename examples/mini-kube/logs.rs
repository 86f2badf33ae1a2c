//! What pods of this process have printed, for `kubectl logs`.

use async_trait::async_trait;
use quorate::Cluster;
use quorate::agent::LogOptions;
use quorate::types::ObjectKey;
use quorate_server::{LogQuery, PodLogs};
use std::sync::{Arc, Weak};

#[derive(Debug)]
struct ClusterLogs(Weak<Cluster>);

/// The logs of a cluster, as long as it is there.
pub(crate) fn of(cluster: &Arc<Cluster>) -> Arc<dyn PodLogs> {
    Arc::new(ClusterLogs(Arc::downgrade(cluster)))
}

#[async_trait]
impl PodLogs for ClusterLogs {
    async fn read(
        &self,
        pod: &ObjectKey,
        container: &str,
        query: &LogQuery,
    ) -> Result<String, String> {
        let cluster = self.0.upgrade().ok_or("the cluster is stopping")?;
        let defaults = LogOptions::default();
        let options = LogOptions {
            previous: query.previous,
            tail_lines: query.tail_lines,
            since_ms: query.since_ms,
            timestamps: query.timestamps,
            limit_bytes: query.limit_bytes.unwrap_or(defaults.limit_bytes),
        };
        cluster.logs(pod, container, &options).await.map_err(|error| error.to_string())
    }
}
