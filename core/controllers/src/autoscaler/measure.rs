//! Reads the figures of one metric and turns them into a proposal.

use super::grouped::{by_amount, by_request, float, group, quantity};
use super::metrics::{Metrics, MetricsError, PodSample};
use super::replicas::{self, Groups, Load, Proposal};
use quorate_kinds::{MetricSpec, MetricTarget, Pod, QuantityText};
use quorate_resources::Typed;
use quorate_types::{ObjectKey, Quantity, Selector};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a metric makes no proposal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Unmeasured {
    #[error(transparent)]
    Source(#[from] MetricsError),
    #[error("{0}")]
    Figures(String),
}

/// What is scaled, and what is known about it.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) namespace: &'a str,
    pub(super) selector: &'a Selector,
    pub(super) pods: &'a [Typed<Pod>],
    pub(super) current: i32,
    pub(super) now: i64,
    pub(super) tolerance: f64,
}

/// A proposal and the entry that the status shows.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) proposal: Proposal,
    pub(super) shown: Value,
}

/// What the figures of a metric come to.
pub(super) async fn measure(
    metrics: &dyn Metrics,
    subject: &Subject<'_>,
    spec: &MetricSpec,
) -> Result<Measured, Unmeasured> {
    let Subject { namespace, selector, .. } = *subject;
    if let Some(source) = &spec.resource {
        let samples = metrics.resource(namespace, selector, &source.name, None).await?;
        let figures = subject.usage(&samples, &source.target, (&source.name, None))?;
        return Ok(figures.shown("Resource", "resource", json!({ "name": source.name })));
    }
    if let Some(source) = &spec.container_resource {
        let container = Some(source.container.as_str());
        let samples = metrics.resource(namespace, selector, &source.name, container).await?;
        let figures = subject.usage(&samples, &source.target, (&source.name, container))?;
        let name = json!({ "name": source.name, "container": source.container });
        return Ok(figures.shown("ContainerResource", "containerResource", name));
    }
    if let Some(source) = &spec.pods {
        let samples = metrics.pods(namespace, selector, &source.metric.name).await?;
        let figures = subject.usage(&samples, &source.target, ("", None))?;
        return Ok(figures.shown("Pods", "pods", json!({ "metric": source.metric })));
    }
    if let Some(source) = &spec.object {
        let described = &source.described_object;
        let key = ObjectKey::namespaced(namespace, described.name.clone());
        let value = metrics.object(&described.kind, &key, &source.metric.name).await?;
        let figures = subject.whole(value, &source.target)?;
        let about = json!({ "metric": source.metric, "describedObject": described });
        return Ok(figures.shown("Object", "object", about));
    }
    if let Some(source) = &spec.external {
        let only = source.metric.selector.as_ref();
        let series = metrics.external(namespace, &source.metric.name, only).await?;
        let sum = series.into_iter().fold(Quantity::ZERO, Quantity::plus);
        let figures = subject.whole(sum, &source.target)?;
        return Ok(figures.shown("External", "external", json!({ "metric": source.metric })));
    }
    Err(Unmeasured::Figures("the metric names no source".to_owned()))
}

/// A proposal and the figures that it came from.
#[derive(Clone, Debug)]
struct Figures {
    proposal: Proposal,
    current: Value,
}

impl Figures {
    fn shown(self, kind: &str, field: &str, mut source: Value) -> Measured {
        source["current"] = self.current;
        Measured { proposal: self.proposal, shown: json!({ "type": kind, field: source }) }
    }
}

impl Subject<'_> {
    /// By what each pod uses.
    fn usage(
        &self,
        samples: &BTreeMap<String, PodSample>,
        target: &MetricTarget,
        (resource, container): (&str, Option<&str>),
    ) -> Result<Figures, Unmeasured> {
        let groups = group(self.pods, samples, resource == "cpu", self.now);
        let load = match target.average_utilization {
            Some(percent) => by_request(self.pods, samples, (resource, container), percent)
                .map_err(Unmeasured::Figures)?,
            None => by_amount(self.pods, samples, parsed(target.average_value.as_ref())?),
        };
        let none = || Unmeasured::Figures("no pod that is ready has a figure".to_owned());
        let proposal = replicas::by_pods(self.current, &load, &groups, self.tolerance);
        let proposal = proposal.ok_or_else(none)?;
        let mut current = json!({ "averageValue": average(&load, &groups).to_string() });
        if let Some(percent) = target.average_utilization {
            let share = proposal.ratio * f64::from(percent);
            current["averageUtilization"] = json!(replicas::rounded(share));
        }
        Ok(Figures { proposal, current })
    }

    /// By one figure for all pods together.
    fn whole(&self, value: Quantity, target: &MetricTarget) -> Result<Figures, Unmeasured> {
        if target.average_value.is_some() {
            let each = parsed(target.average_value.as_ref())?;
            let proposal =
                replicas::by_share(self.current, float(value), float(each), self.tolerance);
            let average = quantity(float(value) / f64::from(self.current.max(1)));
            return Ok(Figures {
                proposal,
                current: json!({ "averageValue": average.to_string() }),
            });
        }
        let wanted = float(parsed(target.value.as_ref())?);
        let ready = self.pods.iter().filter(|pod| crate::pods::says_ready(pod)).count();
        let value_float = float(value);
        let proposal = replicas::by_value(self.current, ready, value_float, wanted, self.tolerance);
        Ok(Figures { proposal, current: json!({ "value": value.to_string() }) })
    }
}

fn parsed(text: Option<&QuantityText>) -> Result<Quantity, Unmeasured> {
    let parsed = text.and_then(|text| text.0.parse::<Quantity>().ok());
    let positive = parsed.filter(|amount| *amount > Quantity::ZERO);
    positive.ok_or_else(|| Unmeasured::Figures("the target is no amount above zero".to_owned()))
}

/// What the pods whose figure counts use on average.
fn average(load: &Load, groups: &Groups) -> Quantity {
    let used: Vec<f64> =
        groups.ready.iter().filter_map(|name| load.used.get(name)).copied().collect();
    let count = f64::from(i32::try_from(used.len()).unwrap_or(i32::MAX));
    quantity(used.iter().sum::<f64>() / count.max(1.0))
}
