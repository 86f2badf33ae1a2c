//! Gives workloads as many replicas as their load asks for.
//!
//! It promises: never fewer than `minReplicas` and never more than `maxReplicas`; of several metrics
//! the one that asks for most decides, and while one of them cannot be read nothing is taken away; up
//! and down no faster than the policies say. It looks every 15 s. What was proposed and done lately is
//! remembered in memory only: after a change of leader the windows start anew.

mod behavior;
mod grouped;
mod measure;
mod metrics;
mod replicas;
mod status;

pub use metrics::{Metrics, MetricsError, PodSample};

use crate::{budget, edit};
use async_trait::async_trait;
use behavior::{Memory, Paced, pace};
use measure::{Measured, Subject, Unmeasured, measure};
use quorate_kinds::{HorizontalPodAutoscaler, LabelSelector, Pod};
use quorate_reconcile::{Context, Error, EventType, Next, Reconciler, Watch};
use quorate_resources::{Change, Object, Typed};
use quorate_types::{GroupKind, ObjectKey, Selector};
use serde_json::{Value, json};
use status::Report;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the load is looked at.
const PERIOD: Duration = Duration::from_secs(15);
/// By how much the ratio may be off before anything changes.
const TOLERANCE: f64 = 0.1;

/// The controller behind autoscalers, over a source of figures. It is not among [`crate::all`],
/// because only the application knows where figures come from.
pub fn autoscaler(metrics: Arc<dyn Metrics>) -> Arc<dyn Reconciler> {
    Arc::new(Autoscalers { metrics, memories: Mutex::default() })
}

#[derive(Debug)]
struct Autoscalers {
    metrics: Arc<dyn Metrics>,
    memories: Mutex<BTreeMap<ObjectKey, Memory>>,
}

/// What is scaled.
struct Target {
    object: Arc<Object>,
    /// Path to the number of replicas, field by field.
    path: Vec<String>,
    current: i32,
    selector: Selector,
    pods: Vec<Typed<Pod>>,
}

#[async_trait]
impl Reconciler for Autoscalers {
    fn name(&self) -> &'static str {
        "horizontalpodautoscaler"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::own(GroupKind::new("autoscaling", "HorizontalPodAutoscaler"))]
    }

    async fn reconcile(&self, cx: &Context, key: &ObjectKey) -> Result<Next, Error> {
        let Some(scaler) = cx.snapshot().get::<HorizontalPodAutoscaler>(key) else {
            self.lock().remove(key);
            return Ok(Next::Done);
        };
        if scaler.object.metadata.is_deleting() {
            return Ok(Next::Done);
        }
        let mut report = Report::new(&scaler.object, cx.now());
        match target(cx, &scaler) {
            Ok(target) => self.step(cx, key, &scaler, &target, &mut report).await?,
            Err(message) => {
                report.able(false, "FailedGetScale", message);
                cx.commit(report.change(&scaler.object).into_iter().collect()).await?;
            }
        }
        Ok(Next::After(PERIOD))
    }
}

impl Autoscalers {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObjectKey, Memory>> {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn step(
        &self,
        cx: &Context,
        key: &ObjectKey,
        scaler: &Typed<HorizontalPodAutoscaler>,
        target: &Target,
        report: &mut Report,
    ) -> Result<(), Error> {
        report.able(true, "SucceededGetScale", "the target's scale could be read");
        let wanted = self.wanted(cx, key, scaler, target, report).await;
        report.replicas(target.current, wanted);
        let mut changes = Vec::new();
        if wanted != target.current {
            report.scaled(cx.now());
            changes.push(scale(target, wanted));
        }
        changes.extend(report.change(&scaler.object));
        cx.commit(changes).await?;
        if wanted != target.current {
            self.lock()
                .entry(key.clone())
                .or_default()
                .changed(wanted - target.current, cx.clock().now());
            let message = format!("New size: {wanted}; reason: {}", report.reason());
            cx.event(&scaler.object, EventType::Normal, "SuccessfulRescale", message).await;
        }
        Ok(())
    }

    /// How many replicas the target should have now.
    async fn wanted(
        &self,
        cx: &Context,
        key: &ObjectKey,
        scaler: &Typed<HorizontalPodAutoscaler>,
        target: &Target,
        report: &mut Report,
    ) -> i32 {
        let spec = &scaler.spec;
        let (least, most) = (spec.min_replicas.unwrap_or(1), spec.max_replicas);
        if target.current == 0 && least != 0 {
            report.active(false, "ScalingDisabled", "the target has no replicas");
            return 0;
        }
        if target.current > most || target.current < least {
            report.limited(true, "TooManyOrFewReplicas", "the target was out of bounds");
            return target.current.clamp(least, most.max(least));
        }
        let Some(proposed) = self.proposed(cx, key, scaler, target, report).await else {
            return target.current;
        };
        let now = cx.clock().now();
        let behavior = spec.behavior.as_ref();
        let mut memories = self.lock();
        let memory = memories.entry(key.clone()).or_default();
        let paced = pace(memory, behavior, target.current, proposed, now);
        drop(memories);
        bounded(paced, least, most, report)
    }

    /// What the metrics ask for; `None` if that cannot be known well enough to act on it.
    async fn proposed(
        &self,
        cx: &Context,
        key: &ObjectKey,
        scaler: &Typed<HorizontalPodAutoscaler>,
        target: &Target,
        report: &mut Report,
    ) -> Option<i32> {
        let subject = Subject {
            namespace: key.namespace.as_deref().unwrap_or_default(),
            selector: &target.selector,
            pods: &target.pods,
            current: target.current,
            now: cx.now().as_secs(),
            tolerance: TOLERANCE,
        };
        let (mut found, mut failed) = (Vec::<Measured>::new(), None::<Unmeasured>);
        for metric in scaler.spec.metrics.iter().flatten() {
            match measure(&*self.metrics, &subject, metric).await {
                Ok(measured) => found.push(measured),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        let highest = found.iter().map(|one| one.proposal.replicas).max();
        report.metrics(found.into_iter().map(|one| one.shown).collect());
        // With a metric unread, more is known to be needed, but not that less would do.
        let proposed = highest.filter(|most| failed.is_none() || *most > target.current);
        match (proposed, failed) {
            (Some(_), _) => {
                report.active(true, "ValidMetricFound", "the replicas could be worked out");
            }
            (None, Some(error)) => report.active(false, "FailedGetMetric", error.to_string()),
            (None, None) => report.active(false, "InvalidMetric", "there is no metric"),
        }
        proposed
    }
}

fn bounded(paced: Paced, least: i32, most: i32, report: &mut Report) -> i32 {
    let replicas = paced.replicas.clamp(least, most.max(least));
    if replicas < paced.replicas {
        report.limited(true, "TooManyReplicas", "more than maxReplicas were wanted");
    } else if replicas > paced.replicas {
        report.limited(true, "TooFewReplicas", "fewer than minReplicas were wanted");
    } else if paced.limited {
        report.limited(true, "ScaleLimit", "a policy holds back the change");
    } else {
        report.limited(false, "DesiredWithinRange", "the wanted replicas are within the bounds");
    }
    if paced.stabilised {
        report.able(true, "ScaleStabilized", "what was wanted lately holds back the change");
    }
    replicas
}

/// Finds what an autoscaler scales.
fn target(cx: &Context, scaler: &Typed<HorizontalPodAutoscaler>) -> Result<Target, String> {
    let reference = &scaler.spec.scale_target_ref;
    let version = reference.api_version.as_deref().unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let kind = GroupKind::new(group, reference.kind.clone());
    let name = &reference.name;
    let info = cx.objects().registry().kind(&kind).ok_or(format!("there is no kind {kind}"))?;
    let paths = info.scale.as_ref().ok_or(format!("{kind} cannot be scaled"))?;
    let namespace = scaler.object.metadata.namespace.clone().unwrap_or_default();
    let key = ObjectKey::namespaced(namespace.clone(), name.clone());
    let object =
        cx.snapshot().object(&kind, &key).ok_or(format!("{kind} {name:?} does not exist"))?;
    let current = object.pointer(&paths.spec_replicas).and_then(Value::as_i64).unwrap_or(1);
    let selector = object.pointer(&paths.selector).and_then(selector);
    let selector = selector.ok_or(format!("{kind} {name:?} has no selector"))?;
    let pods = cx.snapshot().select::<Pod>(&namespace, &selector);
    let path = paths.spec_replicas.split('/').skip(1).map(str::to_owned).collect();
    let current = i32::try_from(current).unwrap_or(i32::MAX);
    Ok(Target { object, path, current, selector, pods })
}

/// A selector as an object or as text.
fn selector(value: &Value) -> Option<Selector> {
    if let Some(text) = value.as_str() {
        return Selector::parse(text).ok().filter(|selector| !selector.is_empty());
    }
    let spec = serde_json::from_value::<LabelSelector>(value.clone()).ok()?;
    budget::selector(Some(&spec)).filter(|selector| !selector.is_empty())
}

fn scale(target: &Target, replicas: i32) -> Change {
    let mut object = (*target.object).clone();
    let path: Vec<&str> = target.path.iter().map(String::as_str).collect();
    edit::set_field(&mut object, &path, json!(replicas));
    Change::Update { object, old: Some(Arc::clone(&target.object)) }
}

#[cfg(test)]
mod tests;
