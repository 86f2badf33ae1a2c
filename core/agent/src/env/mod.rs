//! The environment, command and arguments of a container, with every reference resolved.
//!
//! Place: between the pod's specification and [`TaskSpec`](quorate_executor::TaskSpec), which is
//! final. Pure: sources are looked up in a snapshot.
//!
//! Order as in Kubernetes: `envFrom` first, then `env`, each entry seeing those before it through
//! `$(NAME)`; a later entry of the same name replaces an earlier one in its place.

mod expand;
mod field;
mod source;

#[cfg(test)]
mod tests;

pub use expand::expand;
pub use field::Facts;
pub use source::{Data, Sources};

use quorate_kinds::k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVar, Pod};
use thiserror::Error;

/// Why an environment cannot be resolved yet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("container {container:?}: {field}: {reason}")]
pub struct EnvError {
    /// The container.
    pub container: String,
    /// The field that refers.
    pub field: String,
    /// What is missing and what to do.
    pub reason: String,
}

/// What a container runs with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Environment in order.
    pub env: Vec<(String, String)>,
    /// Command, expanded.
    pub command: Vec<String>,
    /// Arguments, expanded.
    pub args: Vec<String>,
}

/// Resolves a container of a pod.
///
/// # Errors
/// A reference leads nowhere.
pub fn resolve(
    pod: &Pod,
    container: &Container,
    facts: &Facts,
    sources: &dyn Sources,
) -> Result<Resolved, EnvError> {
    let mut env = Env::default();
    let fail =
        |field: String, reason| EnvError { container: container.name.clone(), field, reason };
    for (at, from) in container.env_from.iter().flatten().enumerate() {
        let pairs =
            from_source(from, sources).map_err(|reason| fail(format!("envFrom[{at}]"), reason))?;
        for (name, value) in pairs {
            env.set(name, value);
        }
    }
    for variable in container.env.iter().flatten() {
        let value = value_of(variable, pod, container, facts, sources, &env)
            .map_err(|reason| fail(format!("env {:?}", variable.name), reason))?;
        if let Some(value) = value {
            env.set(variable.name.clone(), value);
        }
    }
    let expand_all = |texts: &Option<Vec<String>>| {
        texts.iter().flatten().map(|text| expand(text, |name| env.value(name))).collect()
    };
    let (command, args) = (expand_all(&container.command), expand_all(&container.args));
    Ok(Resolved { command, args, env: env.pairs })
}

#[derive(Debug, Default)]
struct Env {
    pairs: Vec<(String, String)>,
}

impl Env {
    fn set(&mut self, name: String, value: String) {
        match self.pairs.iter_mut().find(|(known, _)| *known == name) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((name, value)),
        }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// All pairs of a ConfigMap or Secret; keys that cannot be variable names are left out.
fn from_source(
    from: &EnvFromSource,
    sources: &dyn Sources,
) -> Result<Vec<(String, String)>, String> {
    let prefix = from.prefix.as_deref().unwrap_or_default();
    let found = if let Some(reference) = &from.config_map_ref {
        let name = reference.name.as_str();
        source::optional(sources.config_map(name), reference.optional, "ConfigMap", name)?
    } else if let Some(reference) = &from.secret_ref {
        let name = reference.name.as_str();
        source::optional(sources.secret(name), reference.optional, "Secret", name)?
    } else {
        return Err("needs configMapRef or secretRef".to_owned());
    };
    let pairs = found.into_iter().flatten();
    let usable = pairs.filter(|(key, _)| !key.is_empty() && !key.contains('='));
    usable.map(|(key, value)| Ok((format!("{prefix}{key}"), source::text(&key, value)?))).collect()
}

/// The value of one entry; `None` if it refers to something optional that does not exist.
fn value_of(
    variable: &EnvVar,
    pod: &Pod,
    container: &Container,
    facts: &Facts,
    sources: &dyn Sources,
    env: &Env,
) -> Result<Option<String>, String> {
    let Some(from) = &variable.value_from else {
        let text = variable.value.as_deref().unwrap_or_default();
        return Ok(Some(expand(text, |name| env.value(name))));
    };
    if let Some(field) = &from.field_ref {
        return field::field(&field.field_path, pod, facts).map(Some);
    }
    if let Some(resource) = &from.resource_field_ref {
        return field::resource(resource, pod, container, facts).map(Some);
    }
    if let Some(key) = &from.config_map_key_ref {
        let name = key.name.as_str();
        return source::key(sources.config_map(name), key.optional, "ConfigMap", name, &key.key);
    }
    if let Some(key) = &from.secret_key_ref {
        let name = key.name.as_str();
        return source::key(sources.secret(name), key.optional, "Secret", name, &key.key);
    }
    Err("valueFrom needs fieldRef, resourceFieldRef, configMapKeyRef or secretKeyRef".to_owned())
}
