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
    let mut query = query(call, api.objects(false).seams())?;
    let follows = call.query.flag("follow")?;
    // Whoever follows must know what was there before the lines that are told.
    let tail = if follows { query.tail_lines.take() } else { None };
    let text = source.read(&key, &container, &query).await.map_err(Failure::BadRequest)?;
    if !follows {
        return Ok(reply::text(200, text));
    }
    let first = Bytes::copy_from_slice(last_lines(&text, tail).as_bytes());
    let clock = api.objects(false).seams().clock.clone();
    let told = Told::of(&text);
    let follow = Follow { source, api: api.clone(), target: key, container, query, clock, told };
    let first = iter([first]).filter(|text| std::future::ready(!text.is_empty()));
    Ok(reply::text_stream(first.chain(unfold(follow, Follow::next))))
}

/// The last lines of a text, or all of it.
fn last_lines(text: &str, lines: Option<usize>) -> &str {
    let Some(lines) = lines else { return text };
    let ends = text.strip_suffix('\n').unwrap_or(text);
    let Some(before) = lines.checked_sub(1) else { return "" };
    let begin = ends.rmatch_indices('\n').nth(before).map_or(0, |(at, _)| at + 1);
    &text[begin..]
}

/// How much of an output has been told: so many bytes, which end with these.
///
/// What is read again need not begin where it did: long outputs lose their beginning, and a container
/// that was started again begins anew.
struct Told {
    length: usize,
    end: String,
}

impl Told {
    /// Enough to tell a line from others like it.
    const END_BYTES: usize = 4096;

    fn of(text: &str) -> Self {
        let mut begin = text.len().saturating_sub(Self::END_BYTES);
        while !text.is_char_boundary(begin) {
            begin += 1;
        }
        Self { length: text.len(), end: text[begin..].to_owned() }
    }

    /// What is new in the output.
    fn new_in<'t>(&self, text: &'t str) -> &'t str {
        let same = text.get(..self.length).is_some_and(|told| told.ends_with(&self.end));
        let until = if same {
            Some(self.length)
        } else {
            text.rfind(&self.end).map(|at| at + self.end.len())
        };
        &text[until.unwrap_or(0)..]
    }
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
    told: Told,
}

impl Follow {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            let over = !self.runs().await;
            let text = self.read().await?;
            let more = Bytes::copy_from_slice(self.told.new_in(&text).as_bytes());
            if !more.is_empty() {
                self.told = Told::of(&text);
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
    fn nothing_is_told_twice_and_nothing_is_left_out() {
        let told = Told::of("one\ntwo\n");
        assert_eq!(told.new_in("one\ntwo\n"), "");
        assert_eq!(told.new_in("one\ntwo\nthree\n"), "three\n");
        let long: String = (0..2000).map(|line| format!("line {line}\n")).collect();
        let (cut, more) = (&long[10_000..], "line 2000\n");
        assert_eq!(Told::of(&long).new_in(&format!("{cut}{more}")), more, "the beginning is gone");
        assert_eq!(Told::of(&long).new_in("anew\n"), "anew\n", "another run");
        assert_eq!(Told::of("").new_in("first\n"), "first\n");
    }

    #[test]
    fn lines_are_counted_from_the_end() {
        let text = "one\ntwo\nthree\n";
        for (lines, want) in [
            (Some(0), ""),
            (Some(1), "three\n"),
            (Some(2), "two\nthree\n"),
            (Some(9), text),
            (None, text),
        ] {
            assert_eq!(last_lines(text, lines), want, "{lines:?}");
        }
    }

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
