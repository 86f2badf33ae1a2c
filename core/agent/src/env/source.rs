//! ConfigMaps and Secrets as sources of values.

use std::collections::BTreeMap;

/// The data of a ConfigMap or Secret.
pub type Data = BTreeMap<String, Vec<u8>>;

/// Looks up sources in the pod's namespace.
pub trait Sources {
    /// The data of a ConfigMap, if there is such a one.
    fn config_map(&self, name: &str) -> Option<Data>;
    /// The data of a Secret, if there is such a one.
    fn secret(&self, name: &str) -> Option<Data>;
}

/// Lets an optional source be absent.
pub(crate) fn optional(
    data: Option<Data>,
    optional: Option<bool>,
    kind: &str,
    name: &str,
) -> Result<Option<Data>, String> {
    if data.is_none() && optional != Some(true) {
        return Err(format!("{kind} {name:?} does not exist, create it or mark it optional"));
    }
    Ok(data)
}

/// One key of a source; `None` if it is optional and absent.
pub(super) fn key(
    data: Option<Data>,
    is_optional: Option<bool>,
    kind: &str,
    name: &str,
    key: &str,
) -> Result<Option<String>, String> {
    let Some(mut data) = optional(data, is_optional, kind, name)? else { return Ok(None) };
    match data.remove(key) {
        Some(value) => text(key, value).map(Some),
        None if is_optional == Some(true) => Ok(None),
        None => Err(format!("{kind} {name:?} has no key {key:?}, add it or mark it optional")),
    }
}

/// A value as environments hold it.
pub(super) fn text(key: &str, value: Vec<u8>) -> Result<String, String> {
    let text = String::from_utf8(value)
        .map_err(|_| format!("the value of key {key:?} is not UTF-8, mount it as a file"))?;
    if text.contains('\0') {
        return Err(format!("the value of key {key:?} contains a NUL byte, mount it as a file"));
    }
    Ok(text)
}
