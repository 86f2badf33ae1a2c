//! Where an autoscaler gets its figures.

use async_trait::async_trait;
use quorate_kinds::LabelSelector;
use quorate_types::{ObjectKey, Quantity, Selector};
use std::collections::BTreeMap;
use std::fmt::Debug;
use thiserror::Error;

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// This source has no such metrics.
    #[error("no source of metrics offers {0}")]
    Unsupported(String),
    /// It has, and could not give them now.
    #[error("{what}: {reason}")]
    Unavailable {
        /// Which figures were wanted.
        what: String,
        /// Why they could not be had.
        reason: String,
    },
}

/// One figure of one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodSample {
    /// The figure: cores, bytes, or whatever the metric is about.
    pub value: Quantity,
    /// When it was taken, in seconds since the Unix epoch.
    pub time: i64,
    /// Over how many seconds it was taken.
    pub window: i64,
}

/// A source of figures about pods, objects and the world. Figures of pods are by the pod's name; a
/// pod without one is missing and is treated with care.
#[async_trait]
pub trait Metrics: Send + Sync + Debug + 'static {
    /// What the pods of a namespace that the selector matches use of a resource (`cpu`, `memory`): of
    /// one container, or of all together.
    ///
    /// # Errors
    /// There are no figures, or none now.
    async fn resource(
        &self,
        namespace: &str,
        selector: &Selector,
        resource: &str,
        container: Option<&str>,
    ) -> Result<BTreeMap<String, PodSample>, MetricsError>;

    /// A metric that the pods themselves tell.
    ///
    /// # Errors
    /// As for [`Metrics::resource`]; sources without such metrics need not implement it.
    async fn pods(
        &self,
        _namespace: &str,
        _selector: &Selector,
        metric: &str,
    ) -> Result<BTreeMap<String, PodSample>, MetricsError> {
        Err(MetricsError::Unsupported(format!("the pods metric {metric:?}")))
    }

    /// A metric about one object, of a kind and name.
    ///
    /// # Errors
    /// As for [`Metrics::pods`].
    async fn object(
        &self,
        kind: &str,
        _object: &ObjectKey,
        metric: &str,
    ) -> Result<Quantity, MetricsError> {
        Err(MetricsError::Unsupported(format!("the metric {metric:?} of a {kind}")))
    }

    /// All series of a metric about something outside the cluster.
    ///
    /// # Errors
    /// As for [`Metrics::pods`].
    async fn external(
        &self,
        _namespace: &str,
        metric: &str,
        _selector: Option<&LabelSelector>,
    ) -> Result<Vec<Quantity>, MetricsError> {
        Err(MetricsError::Unsupported(format!("the external metric {metric:?}")))
    }
}
