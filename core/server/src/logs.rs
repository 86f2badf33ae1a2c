//! What the containers of pods have printed: the subresource `log`.
//!
//! The API knows no node: whoever serves it says where output is read ([`PodLogs`]).

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::Target;
use crate::served::Served;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{iter, unfold};
use hyper::Method;
use quorate_resources::ObjectKey;
use quorate_seams::{Seams, SharedClock};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often a followed log is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Which part of the output is asked for, and in which form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// The run before the latest one.
    pub previous: bool,
    /// Only so many lines from the end.
    pub tail_lines: Option<usize>,
    /// Only lines since this wall time in milliseconds since the Unix epoch.
    pub since_ms: Option<i64>,
    /// Each line begins with its time stamp.
    pub timestamps: bool,
    /// At most so many bytes.
    pub limit_bytes: Option<u64>,
}

/// Where the output of pods is read.
#[async_trait]
pub trait PodLogs: Send + Sync + fmt::Debug + 'static {
    /// What a container has printed so far.
    ///
    /// # Errors
    /// Says why there is nothing to read: the container waits, or no node knows it.
    async fn read(
        &self,
        pod: &ObjectKey,
        container: &str,
        query: &LogQuery,
    ) -> Result<String, String>;
}

/// Answers a request for a pod's log.
pub(crate) async fn log(
    source: Option<Arc<dyn PodLogs>>,
    api: &Served,
    call: &Call,
    target: &Target<'_>,
) -> Result<Reply, Failure> {
    if call.method != Method::GET {
        return Err(Failure::NoSuchVerb);
    }
    let source = source.ok_or(Failure::NoSuchPath)?;
    let name = target.name.clone().unwrap_or_default();
    let key = ObjectKey { namespace: target.namespace.clone(), name };
    let pod = api.objects(false).get(&target.info.group_kind(), &key).await?;
    let pod = serde_json::to_value(&pod).unwrap_or_default();
    let container = container(&key, &pod, call.query.text("container"))?;
    let query = query(call, api.objects(false).seams())?;
    let text = source.read(&key, &container, &query).await.map_err(Failure::BadRequest)?;
    if !call.query.flag("follow")? {
        return Ok(reply::text(200, text));
    }
    let clock = api.objects(false).seams().clock.clone();
    let follow =
        Follow { source, api: api.clone(), target: key, container, query, clock, said: text.len() };
    let first = iter([Bytes::from(text)]).filter(|text| std::future::ready(!text.is_empty()));
    Ok(reply::text_stream(first.chain(unfold(follow, Follow::next))))
}

/// The container that is meant.
fn container(key: &ObjectKey, pod: &Value, asked: Option<&str>) -> Result<String, Failure> {
    let named = |list: &str| -> Vec<String> {
        let list = pod.pointer(list).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|one| one.get("name")?.as_str().map(str::to_owned)).collect()
    };
    let (containers, init) = (named("/spec/containers"), named("/spec/initContainers"));
    let name = &key.name;
    match (asked, &containers[..]) {
        (Some(asked), _) if containers.iter().chain(&init).any(|one| one == asked) => {
            Ok(asked.to_owned())
        }
        (Some(asked), _) => {
            Err(Failure::bad(format!("container {asked} is not valid for pod {name}")))
        }
        (None, [only]) => Ok(only.clone()),
        (None, several) => Err(Failure::bad(format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            several.join(" ")
        ))),
    }
}

fn query(call: &Call, seams: &Seams) -> Result<LogQuery, Failure> {
    let positive = |name: &'static str| match call.query.number(name)? {
        Some(number) if number < 0 => {
            Err(Failure::parameter(name, &number.to_string(), "must not be negative"))
        }
        number => Ok(number.and_then(|number| u64::try_from(number).ok())),
    };
    let since = positive("sinceSeconds")?.map(|seconds| {
        let back = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        seams.clock.wall().as_millis().saturating_sub(back)
    });
    Ok(LogQuery {
        previous: call.query.flag("previous")?,
        tail_lines: positive("tailLines")?
            .map(|lines| usize::try_from(lines).unwrap_or(usize::MAX)),
        since_ms: since,
        timestamps: call.query.flag("timestamps")?,
        limit_bytes: positive("limitBytes")?,
    })
}

/// A log that is followed until its pod is gone or has ended.
struct Follow {
    source: Arc<dyn PodLogs>,
    api: Served,
    target: ObjectKey,
    container: String,
    query: LogQuery,
    clock: SharedClock,
    /// Bytes of the whole output that were told.
    said: usize,
}

impl Follow {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        // What was told counts from the beginning, not from the end.
        if self.query.tail_lines.take().is_some() {
            self.said = self.read().await?.len();
        }
        loop {
            let over = !self.runs().await;
            let text = self.read().await?;
            if let Some(more) = text.get(self.said..).filter(|more| !more.is_empty()) {
                let more = Bytes::copy_from_slice(more.as_bytes());
                self.said = text.len();
                return Some((more, self));
            }
            if over {
                return None;
            }
            self.clock.sleep(LOOK_AGAIN).await;
        }
    }

    async fn read(&self) -> Option<String> {
        self.source.read(&self.target, &self.container, &self.query).await.ok()
    }

    async fn runs(&self) -> bool {
        let kind = quorate_resources::GroupKind::new("", "Pod");
        let Ok(pod) = self.api.objects(false).get(&kind, &self.target).await else { return false };
        let pod = serde_json::to_value(&pod).unwrap_or_default();
        let phase = pod.pointer("/status/phase").and_then(Value::as_str);
        !matches!(phase, Some("Succeeded" | "Failed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_container_is_named_unless_there_is_only_one() {
        let key = ObjectKey::namespaced("default", "web");
        let one = json!({ "spec": { "containers": [{ "name": "a" }] } });
        let two = json!({ "spec": {
            "containers": [{ "name": "a" }, { "name": "b" }], "initContainers": [{ "name": "i" }],
        } });
        assert_eq!(container(&key, &one, None).unwrap(), "a");
        assert_eq!(container(&key, &two, Some("i")).unwrap(), "i");
        let unsaid = container(&key, &two, None).unwrap_err().to_string();
        assert!(unsaid.contains("choose one of: [a b]"), "{unsaid}");
        let wrong = container(&key, &one, Some("b")).unwrap_err().to_string();
        assert_eq!(wrong, "container b is not valid for pod web");
    }
}
