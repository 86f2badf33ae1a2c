//! From a task's specification to a container. Pure.

use crate::engine::{Bind, Blueprint};
use crate::names;
use crate::options::DockerOptions;
use quorate_executor::{Error, TaskSpec};

/// The container of a task.
pub(crate) fn of(spec: &TaskSpec, options: &DockerOptions) -> Result<Blueprint, Error> {
    spec.check()?;
    check_mounts(spec)?;
    let resources = spec.resources;
    Ok(Blueprint {
        image: spec.image.clone(),
        entrypoint: spec.command.clone(),
        args: spec.args.clone(),
        env: spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        working_dir: spec.working_dir.as_ref().map(|dir| dir.to_string_lossy().into_owned()),
        labels: names::labels(spec, &options.node),
        binds: spec.mounts.iter().map(bind).collect(),
        memory_bytes: resources.memory_bytes.map(signed),
        nano_cpus: resources.cpu_milli.map(|milli| signed(milli.saturating_mul(1_000_000))),
        pids: resources.pids.map(|pids| signed(pids.saturating_add(u64::from(options.init)))),
        network: options.network.clone(),
        init: options.init,
        log_driver: options.log_driver.clone(),
    })
}

fn bind(mount: &quorate_executor::Mount) -> Bind {
    Bind {
        source: mount.host_path.clone(),
        target: mount.task_path.clone(),
        read_only: mount.read_only,
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn check_mounts(spec: &TaskSpec) -> Result<(), Error> {
    for mount in &spec.mounts {
        let (host, task) = (mount.host_path.display(), mount.task_path.display());
        if !mount.host_path.is_absolute() || !mount.task_path.is_absolute() {
            let reason = format!("{host} at {task}: both paths must be absolute");
            return Err(spec.invalid("mounts", reason));
        }
        if mount.host_path.to_str().is_none() || mount.task_path.to_str().is_none() {
            return Err(spec.invalid("mounts", format!("{host} at {task}: paths must be UTF-8")));
        }
        // The engine would say so as well, in its own words.
        if !mount.host_path.exists() {
            let reason = format!("{host} does not exist on the host; make it first");
            return Err(spec.invalid("mounts", reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::spec;
    use quorate_executor::Mount;

    #[test]
    fn a_specification_becomes_a_container() {
        let mut spec = spec("web");
        spec.command = vec!["/probe".into()];
        spec.env = vec![("A".into(), "1=2".into())];
        spec.resources.cpu_milli = Some(250);
        spec.resources.memory_bytes = Some(1 << 20);
        spec.resources.pids = Some(7);
        let mut options = DockerOptions::new("node-1", "/tmp");
        options.init = true;
        let blueprint = of(&spec, &options).unwrap();
        assert_eq!(blueprint.entrypoint, ["/probe"]);
        assert_eq!(blueprint.env, ["A=1=2"]);
        assert_eq!(blueprint.nano_cpus, Some(250_000_000));
        assert_eq!(blueprint.memory_bytes, Some(1 << 20));
        assert_eq!(blueprint.pids, Some(8), "the init process is not one of the task's");
    }

    #[test]
    fn a_mount_without_a_host_path_is_refused_by_name() {
        let mut spec = spec("web");
        let (host_path, task_path) = ("/nonexistent/dir".into(), "/data".into());
        spec.mounts = vec![Mount { host_path, task_path, read_only: false }];
        let error = of(&spec, &DockerOptions::new("node-1", "/tmp")).unwrap_err().to_string();
        assert!(error.contains("mounts: /nonexistent/dir does not exist"), "{error}");
    }
}
