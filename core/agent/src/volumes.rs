//! Volumes: directories in the pod's own directory, filled before a container is created.
//!
//! Place: between the pod's specification and the [`Mount`]s of a task. Every volume lies at
//! `<pod directory>/volumes/<volume name>`, where a task finds it even if its executor cannot mount
//! anything; a container that asks for `volumeMounts` is refused by such an executor, because its
//! paths would not exist.
//!
//! Invariants: a filled volume appears whole (built beside it, then renamed) and is never filled
//! twice; file names come from validated keys and cannot leave the directory. Later changes of a
//! ConfigMap or Secret do not reach a volume that has been filled.

use crate::env::Sources;
use quorate_executor::Mount;
use quorate_kinds::k8s_openapi::api::core::v1::{Container, KeyToPath, PodSpec, Volume};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

/// What a volume holds when the pod starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing.
    Empty,
    /// Files by relative path; the mode of each.
    Files(BTreeMap<PathBuf, Vec<u8>>, u32),
}

/// Why a kind of volume is not taken; `None` if it is.
pub(crate) fn unsupported(volume: &Volume) -> Option<String> {
    let known =
        volume.empty_dir.is_some() || volume.config_map.is_some() || volume.secret.is_some();
    (!known).then(|| {
        format!(
            "volume {:?}: this kind is not supported, use emptyDir, configMap or secret",
            volume.name
        )
    })
}

/// The contents of all volumes of a pod.
pub(crate) fn contents(
    spec: &PodSpec,
    sources: &dyn Sources,
) -> Result<BTreeMap<String, Content>, String> {
    let volumes = spec.volumes.iter().flatten();
    volumes
        .map(|volume| {
            let content = content(volume, sources)
                .map_err(|reason| format!("volume {:?}: {reason}", volume.name))?;
            Ok((volume.name.clone(), content))
        })
        .collect()
}

fn content(volume: &Volume, sources: &dyn Sources) -> Result<Content, String> {
    let (data, optional, kind, name, items, mode) = if let Some(map) = &volume.config_map {
        let name = map.name.as_str();
        let data = sources.config_map(name);
        (data, map.optional, "ConfigMap", name, &map.items, map.default_mode.unwrap_or(0o644))
    } else if let Some(secret) = &volume.secret {
        let name = secret.secret_name.as_deref().unwrap_or_default();
        let data = sources.secret(name);
        (data, secret.optional, "Secret", name, &secret.items, secret.default_mode.unwrap_or(0o600))
    } else {
        return Ok(Content::Empty);
    };
    let data = match data {
        Some(data) => data,
        None if optional == Some(true) => BTreeMap::new(),
        None => {
            return Err(format!("{kind} {name:?} does not exist, create it or mark it optional"));
        }
    };
    let mode = u32::try_from(mode).unwrap_or(0o600) & 0o777;
    Ok(Content::Files(files(data, items.as_deref(), kind, name)?, mode))
}

fn files(
    data: BTreeMap<String, Vec<u8>>,
    items: Option<&[KeyToPath]>,
    kind: &str,
    name: &str,
) -> Result<BTreeMap<PathBuf, Vec<u8>>, String> {
    let Some(items) = items else {
        return data.into_iter().map(|(key, value)| Ok((relative(&key)?, value))).collect();
    };
    items
        .iter()
        .map(|item| {
            let value = data.get(&item.key);
            let value =
                value.ok_or_else(|| format!("{kind} {name:?} has no key {:?}", item.key))?;
            Ok((relative(&item.path)?, value.clone()))
        })
        .collect()
}

/// A path that stays below where it is joined to.
fn relative(path: &str) -> Result<PathBuf, String> {
    let path = Path::new(path);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || path.as_os_str().is_empty() {
        return Err(format!("path {:?} leaves the volume", path.display().to_string()));
    }
    Ok(path.to_owned())
}

/// Where a volume lies.
pub(crate) fn path_of(pod_dir: &Path, volume: &str) -> PathBuf {
    pod_dir.join("volumes").join(volume)
}

/// Fills every volume that does not exist yet. Blocks.
pub(crate) fn fill(pod_dir: &Path, volumes: &BTreeMap<String, Content>) -> io::Result<()> {
    for (name, content) in volumes {
        let target = path_of(pod_dir, name);
        if target.exists() {
            continue;
        }
        let fresh = pod_dir.join("volumes").join(format!(".{name}.new"));
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        fs::create_dir_all(&fresh)?;
        if let Content::Files(files, mode) = content {
            for (path, bytes) in files {
                let path = fresh.join(path);
                fs::create_dir_all(path.parent().unwrap_or(&fresh))?;
                fs::write(&path, bytes)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
            }
        }
        fs::rename(&fresh, &target)?;
    }
    Ok(())
}

/// The mounts of a container.
pub(crate) fn mounts(
    pod_dir: &Path,
    spec: &PodSpec,
    container: &Container,
) -> Result<Vec<Mount>, String> {
    let volumes = || spec.volumes.iter().flatten();
    let mounts = container.volume_mounts.iter().flatten();
    mounts
        .map(|mount| {
            let volume = volumes().find(|volume| volume.name == mount.name);
            let volume = volume.ok_or_else(|| {
                format!("volumeMount {:?} names no volume of the pod", mount.name)
            })?;
            let mut host_path = path_of(pod_dir, &volume.name);
            if let Some(sub_path) = mount.sub_path.as_deref().filter(|path| !path.is_empty()) {
                host_path.push(relative(sub_path)?);
            }
            let read_only = mount.read_only == Some(true) || volume.empty_dir.is_none();
            Ok(Mount { host_path, task_path: mount.mount_path.clone().into(), read_only })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Settings;

    impl Sources for Settings {
        fn config_map(&self, name: &str) -> Option<BTreeMap<String, Vec<u8>>> {
            let pairs = [("a.conf", "one"), ("b.conf", "two")];
            (name == "settings")
                .then(|| pairs.map(|(k, v)| (k.to_owned(), v.as_bytes().to_vec())).into())
        }

        fn secret(&self, _: &str) -> Option<BTreeMap<String, Vec<u8>>> {
            None
        }
    }

    fn spec(volume: serde_json::Value) -> PodSpec {
        let mounts = json!([{"name": "v", "mountPath": "/etc/app"}]);
        let containers = json!([{"name": "main", "volumeMounts": mounts}]);
        serde_json::from_value(json!({"containers": containers, "volumes": [volume]})).unwrap()
    }

    #[test]
    fn a_config_map_becomes_files_that_appear_whole_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let item = json!([{"key": "a.conf", "path": "sub/first.conf"}]);
        let spec = spec(json!({"name": "v", "configMap": {"name": "settings", "items": item}}));
        let contents = contents(&spec, &Settings).unwrap();
        fill(dir.path(), &contents).unwrap();
        let file = dir.path().join("volumes/v/sub/first.conf");
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
        fs::write(&file, "changed by the task").unwrap();
        fill(dir.path(), &contents).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "changed by the task");
        let mounts = mounts(dir.path(), &spec, &spec.containers[0]).unwrap();
        assert_eq!(mounts[0].host_path, dir.path().join("volumes/v"));
        assert!(mounts[0].read_only && mounts[0].task_path == Path::new("/etc/app"));
    }

    #[test]
    fn what_is_missing_or_leaves_the_volume_is_named() {
        let missing = spec(json!({"name": "v", "secret": {"secretName": "keys"}}));
        let error = contents(&missing, &Settings).unwrap_err();
        assert_eq!(
            error,
            "volume \"v\": Secret \"keys\" does not exist, create it or mark it optional"
        );
        for path in ["../x", "/etc/passwd", "", "a/../../x"] {
            let item = json!([{"key": "a.conf", "path": path}]);
            let spec = spec(json!({"name": "v", "configMap": {"name": "settings", "items": item}}));
            assert!(
                contents(&spec, &Settings).unwrap_err().contains("leaves the volume"),
                "{path}"
            );
        }
        let host = spec(json!({"name": "v", "hostPath": {"path": "/etc"}}));
        let volume = &host.volumes.as_ref().unwrap()[0];
        assert!(unsupported(volume).unwrap().contains("use emptyDir, configMap or secret"));
    }
}
