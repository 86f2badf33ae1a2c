//! Between bollard's types and the engine's words. Pure; believes nothing that a field is there.

use super::{Bind, Blueprint, Container, Fault, Happening, Message, Phase};
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum,
    ContainerStatsResponse, EventMessage, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountType, RestartPolicy, RestartPolicyNameEnum,
};
use bytes::Bytes;
use quorate_executor::Usage;
use std::collections::HashMap;

/// How large an engine's own copy of a container's output may grow; ours is the log file.
const LOG_SIZE: [(&str, &str); 2] = [("max-size", "64m"), ("max-file", "4")];

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
pub(super) fn fault(error: Error) -> Fault {
    match error {
        Error::DockerResponseServerError { status_code, message } => match status_code {
            404 => Fault::Missing(message),
            409 => Fault::Conflict(message),
            400..=499 => Fault::Refused(message),
            _ => Fault::Failed(message),
        },
        // An operation that had begun: a pull that the network broke, a disk that is full.
        Error::DockerStreamError { error } => Fault::Failed(error),
        other => Fault::Lost(other.to_string()),
    }
}

pub(super) fn body(blueprint: &Blueprint) -> ContainerCreateBody {
    let filled = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    ContainerCreateBody {
        image: Some(blueprint.image.clone()),
        entrypoint: filled(&blueprint.entrypoint),
        cmd: filled(&blueprint.args),
        env: Some(blueprint.env.clone()),
        working_dir: blueprint.working_dir.clone(),
        labels: Some(blueprint.labels.clone().into_iter().collect()),
        // The agent's probes decide, not the image's.
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        host_config: Some(host_config(blueprint)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(blueprint: &Blueprint) -> HostConfig {
    let never = Some(RestartPolicyNameEnum::NO);
    let log = HostConfigLogConfig {
        typ: Some(blueprint.log_driver.clone()),
        config: Some(LOG_SIZE.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
    };
    HostConfig {
        memory: blueprint.memory_bytes,
        // No swap beside it: a limit is a limit.
        memory_swap: blueprint.memory_bytes,
        nano_cpus: blueprint.nano_cpus,
        pids_limit: blueprint.pids,
        network_mode: Some(blueprint.network.clone()),
        init: Some(blueprint.init),
        log_config: Some(log),
        restart_policy: Some(RestartPolicy { name: never, maximum_retry_count: None }),
        auto_remove: Some(false),
        mounts: Some(blueprint.binds.iter().map(mount).collect()),
        ..HostConfig::default()
    }
}

fn mount(bind: &Bind) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(bind.source.to_string_lossy().into_owned()),
        target: Some(bind.target.to_string_lossy().into_owned()),
        read_only: Some(bind.read_only),
        ..Mount::default()
    }
}

pub(super) fn container(found: ContainerInspectResponse) -> Result<Container, Fault> {
    let state = found.state.unwrap_or_default();
    let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
    let memory = found.host_config.and_then(|host| host.memory).filter(|bytes| *bytes > 0);
    let code = state.exit_code.unwrap_or_default();
    let Some(status) = state.status else {
        return Err(Fault::Lost(format!("container {:?} is described without a state", found.id)));
    };
    Ok(Container {
        id: found.id.unwrap_or_default(),
        labels: labels.into_iter().collect(),
        phase: phase(status),
        pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
        exit_code: i32::try_from(code).unwrap_or(i32::MAX),
        error: state.error.unwrap_or_default(),
        oom_killed: state.oom_killed.unwrap_or_default(),
        memory_bytes: memory.and_then(|bytes| u64::try_from(bytes).ok()),
        created_ms: millis(found.created.as_deref()),
        started_ms: millis(state.started_at.as_deref()),
        finished_ms: millis(state.finished_at.as_deref()),
    })
}

fn phase(status: ContainerStateStatusEnum) -> Phase {
    use ContainerStateStatusEnum as S;
    match status {
        S::RUNNING | S::PAUSED | S::RESTARTING => Phase::Running,
        S::EXITED => Phase::Exited,
        S::REMOVING | S::DEAD => Phase::Dying,
        _ => Phase::Created,
    }
}

/// A time as the engine writes it, `2026-11-26T23:43:45.751280325Z`; zero for `0001-01-01T00:00:00Z`.
pub(super) fn millis(text: Option<&str>) -> i64 {
    text.map_or(0, stamp_millis)
}

/// As above, of a text that is there.
pub(crate) fn stamp_millis(text: &str) -> i64 {
    parse_millis(text).filter(|millis| *millis > 0).unwrap_or(0)
}

fn parse_millis(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let fraction: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1000 + fraction)
}

/// Days since 1970-01-01. Years begin in March here, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A piece of output with the time stamp before it.
pub(super) fn message(output: LogOutput) -> Result<Message, Fault> {
    let stderr = matches!(output, LogOutput::StdErr { .. });
    let bytes: Bytes = output.into_bytes();
    let space = bytes.iter().position(|byte| *byte == b' ');
    let stamp = space.and_then(|at| std::str::from_utf8(&bytes[..at]).ok().map(str::to_owned));
    match (stamp, space) {
        (Some(stamp), Some(at)) if stamp.ends_with('Z') => {
            Ok(Message { stderr, stamp, bytes: bytes.slice(at + 1..) })
        }
        _ => Err(Fault::Lost("output without a time stamp".to_owned())),
    }
}

pub(super) fn happening(event: EventMessage) -> Happening {
    let attributes = event.actor.and_then(|actor| actor.attributes).unwrap_or_default();
    Happening {
        labels: attributes.into_iter().collect(),
        wall_secs: event.time.unwrap_or_default(),
    }
}

pub(super) fn usage(stats: ContainerStatsResponse) -> Usage {
    let cpu = stats.cpu_stats.and_then(|cpu| cpu.cpu_usage).and_then(|cpu| cpu.total_usage);
    let memory = stats.memory_stats.unwrap_or_default();
    let reclaimable = |stats: &HashMap<String, u64>| {
        stats.get("total_inactive_file").or_else(|| stats.get("inactive_file")).copied()
    };
    let cache = memory.stats.as_ref().and_then(reclaimable).unwrap_or_default();
    Usage {
        cpu_us: cpu.unwrap_or_default() / 1000,
        memory_bytes: memory.usage.unwrap_or_default().saturating_sub(cache),
        pids: stats.pids_stats.and_then(|pids| pids.current).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_engine_writes_them() {
        assert_eq!(millis(Some("1970-01-01T00:00:01.5Z")), 1500);
        assert_eq!(millis(Some("2000-02-29T00:00:00.000000005Z")), 951_782_400_000);
        assert_eq!(millis(Some("2025-01-01T00:00:00Z")), 1_735_689_600_000);
        assert_eq!(millis(Some("0001-01-01T00:00:00Z")), 0);
        assert_eq!(millis(Some("yesterday")), 0);
        assert_eq!(millis(None), 0);
    }

    #[test]
    fn a_status_says_whether_the_engine_has_answered() {
        let of = |status_code| {
            fault(Error::DockerResponseServerError { status_code, message: "m".to_owned() })
        };
        assert_eq!(of(404), Fault::Missing("m".to_owned()));
        assert_eq!(of(409), Fault::Conflict("m".to_owned()));
        assert_eq!(of(400), Fault::Refused("m".to_owned()));
        assert_eq!(of(500), Fault::Failed("m".to_owned()));
        assert!(matches!(fault(Error::RequestTimeoutError), Fault::Lost(_)));
    }

    #[test]
    fn output_without_a_stamp_is_not_believed() {
        let of = |text: &'static str| message(LogOutput::StdErr { message: text.into() });
        let read = of("2026-01-01T00:00:00.000000000Z a b\n").unwrap();
        assert!(read.stderr && read.bytes == "a b\n");
        assert!(of("no stamp here\n").is_err());
        assert!(of("nospace").is_err());
    }
}
