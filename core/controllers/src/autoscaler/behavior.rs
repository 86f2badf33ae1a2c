//! How quickly a number of replicas may follow what is proposed. Pure.
//!
//! Windows of stabilisation: up only to the least that was proposed lately, down only to the most.
//! Policies: so many pods, or so many percent, in a period. Both are Kubernetes'.

use super::replicas::rounded;
use quorate_kinds::{HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerBehavior};
use quorate_seams::Monotonic;
use std::time::Duration;

/// Seconds of the window for scaling down, if nothing else is said.
const DOWN_WINDOW: i32 = 300;

/// What was proposed and what was done lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    proposals: Vec<(Monotonic, i32)>,
    /// Replicas added, or taken away if negative.
    changes: Vec<(Monotonic, i32)>,
}

/// The rules of one direction.
#[derive(Clone, Debug)]
struct Rules {
    window: Duration,
    disabled: bool,
    /// Whether the policy that allows most decides, or the one that allows least.
    most: bool,
    policies: Vec<HPAScalingPolicy>,
}

fn policy(kind: &str, value: i32) -> HPAScalingPolicy {
    HPAScalingPolicy { period_seconds: 15, type_: kind.to_owned(), value }
}

fn seconds(number: i32) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or(0))
}

impl Rules {
    fn new(given: Option<&HPAScalingRules>, window: i32, policies: Vec<HPAScalingPolicy>) -> Self {
        let select = given.and_then(|rules| rules.select_policy.as_deref());
        let own = given.and_then(|rules| rules.policies.clone()).filter(|own| !own.is_empty());
        let own_window = given.and_then(|rules| rules.stabilization_window_seconds);
        Self {
            window: seconds(own_window.unwrap_or(window)),
            disabled: select == Some("Disabled"),
            most: select != Some("Min"),
            policies: own.unwrap_or(policies),
        }
    }

    fn up(behavior: Option<&HorizontalPodAutoscalerBehavior>) -> Self {
        let given = behavior.and_then(|behavior| behavior.scale_up.as_ref());
        Self::new(given, 0, vec![policy("Pods", 4), policy("Percent", 100)])
    }

    fn down(behavior: Option<&HorizontalPodAutoscalerBehavior>) -> Self {
        let given = behavior.and_then(|behavior| behavior.scale_down.as_ref());
        Self::new(given, DOWN_WINDOW, vec![policy("Percent", 100)])
    }

    /// How long anything has to be remembered.
    fn memory(&self) -> Duration {
        let periods = self.policies.iter().map(|policy| seconds(policy.period_seconds));
        periods.chain([self.window]).max().unwrap_or_default()
    }
}

/// The replicas to have now, and what held them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paced {
    pub(super) replicas: i32,
    /// Whether proposals of the past decided.
    pub(super) stabilised: bool,
    /// Whether a policy decided.
    pub(super) limited: bool,
}

/// Follows a proposal as far as it may be followed now.
pub(super) fn pace(
    memory: &mut Memory,
    behavior: Option<&HorizontalPodAutoscalerBehavior>,
    current: i32,
    proposed: i32,
    now: Monotonic,
) -> Paced {
    let (up, down) = (Rules::up(behavior), Rules::down(behavior));
    memory.forget(up.memory().max(down.memory()), now);
    if memory.proposals.is_empty() {
        // Nobody knows what was proposed before: what there is counts as it.
        memory.proposals.push((now, current));
    }
    let within = |window: Duration| {
        let lately = memory.proposals.iter().filter(move |(time, _)| now - *time < window);
        lately.map(|(_, replicas)| *replicas).chain([proposed])
    };
    let least = within(up.window).min().unwrap_or(proposed);
    let most = within(down.window).max().unwrap_or(proposed);
    memory.proposals.push((now, proposed));
    // Up no further than the least, down no further than the most that was proposed.
    let stable = current.max(least).min(most);
    let replicas = match stable.cmp(&current) {
        std::cmp::Ordering::Greater => stable.min(memory.ceiling(&up, current, now)),
        std::cmp::Ordering::Less => stable.max(memory.floor(&down, current, now)),
        std::cmp::Ordering::Equal => stable,
    };
    Paced { replicas, stabilised: stable != proposed, limited: replicas != stable }
}

impl Memory {
    /// Takes note of what was done.
    pub(super) fn changed(&mut self, by: i32, now: Monotonic) {
        if by != 0 {
            self.changes.push((now, by));
        }
    }

    fn forget(&mut self, after: Duration, now: Monotonic) {
        self.proposals.retain(|(time, _)| now - *time <= after);
        self.changes.retain(|(time, _)| now - *time <= after);
    }

    /// The replicas at the start of a policy's period.
    fn at_start(&self, policy: &HPAScalingPolicy, current: i32, now: Monotonic) -> i32 {
        let period = seconds(policy.period_seconds);
        let lately = self.changes.iter().filter(|(time, _)| now - *time < period);
        current - lately.map(|(_, by)| *by).sum::<i32>()
    }

    fn ceiling(&self, rules: &Rules, current: i32, now: Monotonic) -> i32 {
        let limits = rules.policies.iter().map(|policy| {
            let start = self.at_start(policy, current, now);
            match policy.type_.as_str() {
                "Pods" => start.saturating_add(policy.value),
                _ => percent(start, 100 + policy.value, f64::ceil),
            }
        });
        let limit = if rules.most { limits.max() } else { limits.min() };
        if rules.disabled { current } else { limit.unwrap_or(current).max(current) }
    }

    fn floor(&self, rules: &Rules, current: i32, now: Monotonic) -> i32 {
        let limits = rules.policies.iter().map(|policy| {
            let start = self.at_start(policy, current, now);
            match policy.type_.as_str() {
                "Pods" => start - policy.value,
                _ => percent(start, 100 - policy.value, f64::floor),
            }
        });
        let limit = if rules.most { limits.min() } else { limits.max() };
        if rules.disabled { current } else { limit.unwrap_or(current).min(current) }
    }
}

fn percent(of: i32, share: i32, round: fn(f64) -> f64) -> i32 {
    rounded(round(f64::from(of) * f64::from(share.max(0)) / 100.0))
}
