//! The configuration file: YAML with the names of the flags, and two sections for TLS.

use super::error::ConfigError;
use super::flags::{self, Flag, Kind};
use super::input::Given;
use serde_json::{Map, Value};
use std::path::Path;

/// The sections, and what comes before the names in them.
const SECTIONS: [(&str, &str); 2] =
    [("client-transport-security", ""), ("peer-transport-security", "peer-")];
/// Names in the sections that differ from the flags'.
const RENAMED: [(&str, &str); 4] = [
    ("crl-file", "client-crl-file"),
    ("allowed-cn", "client-cert-allowed-cn"),
    ("allowed-hostname", "client-cert-allowed-hostname"),
    ("cert-allowed-cn", "client-cert-allowed-cn"),
];

/// Reads the text of a configuration file. Unknown names are noted and ignored, as in etcd.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Given, ConfigError> {
    let failed = |reason: String| ConfigError::File { path: path.to_owned(), reason };
    let read: Option<Map<String, Value>> =
        serde_saphyr::from_str(text).map_err(|error| failed(error.to_string()))?;
    let mut given = Given::default();
    for (name, value) in read.unwrap_or_default() {
        match SECTIONS.iter().find(|(section, _)| *section == name) {
            Some((_, prefix)) => section(&mut given, prefix, value),
            None => set(&mut given, &name, &name, value),
        }
        .map_err(|reason| failed(format!("{name}: {reason}")))?;
    }
    Ok(given)
}

fn section(given: &mut Given, prefix: &str, values: Value) -> Result<(), String> {
    let values = match values {
        Value::Null => return Ok(()),
        Value::Object(values) => values,
        other => return Err(format!("{other} is no section")),
    };
    for (name, value) in values {
        let renamed = RENAMED.iter().find(|(known, _)| *known == name).map(|(_, to)| *to);
        let own = renamed.unwrap_or(&name);
        // Flags of members put `peer-` in place of `client-`, but for `peer-client-cert-auth`.
        let full = format!("{prefix}{own}");
        let flag = match flags::find(&full) {
            Some(_) => full,
            None => format!("{prefix}{}", own.strip_prefix("client-").unwrap_or(own)),
        };
        set(given, &flag, &name, value).map_err(|reason| format!("{name}: {reason}"))?;
    }
    Ok(())
}

fn set(given: &mut Given, flag: &str, name: &str, value: Value) -> Result<(), String> {
    let Some(flag) = flags::find(flag) else {
        given.notes.push(format!("unknown name {name:?} in the configuration file: ignored"));
        return Ok(());
    };
    match text(flag, value)? {
        // An empty text is the default, as in Go.
        Some(value) if !value.is_empty() => {
            given.set(flag, value).map_err(|error| error.to_string())
        }
        _ => Ok(()),
    }
}

/// A value as its flag would be given it.
fn text(flag: &Flag, value: Value) -> Result<Option<String>, String> {
    Ok(Some(match (value, flag.kind) {
        (Value::Null, _) => return Ok(None),
        (Value::String(text), _) => text,
        (Value::Bool(on), Kind::Switch) => on.to_string(),
        (Value::Number(nanos), Kind::Duration) => format!("{nanos}ns"),
        (Value::Number(number), Kind::Unsigned | Kind::Signed) => number.to_string(),
        (Value::Array(parts), Kind::List) => {
            let parts = parts.iter().map(|part| part.as_str().ok_or("a list has texts"));
            parts.collect::<Result<Vec<_>, _>>()?.join(",")
        }
        (Value::Number(number), Kind::Text) => number.to_string(),
        // Go's notation of on and off in YAML 1.1.
        (Value::Bool(on), Kind::Choice(_)) => if on { "on" } else { "off" }.to_owned(),
        (other, _) => return Err(format!("it does not take {other}")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Given, ConfigError> {
        parse(Path::new("etcd.yml"), text)
    }

    #[test]
    fn names_sections_and_types_are_understood() {
        let text = "name: 'n'\nsnapshot-count: 10\nstrict-reconfig-check: false\ncors:\n\
            log-outputs: [stderr, /tmp/x]\ngrpc-keepalive-interval: 5000000000\nnothing: 1\n\
            proxy: 'off'\nclient-transport-security:\n  cert-file: c\n  auto-tls: true\n\
            peer-transport-security:\n  client-cert-auth: true\n  trusted-ca-file: p\n  crl-file: r\n";
        let given = read(text).unwrap();
        for (name, value) in [
            ("name", "n"),
            ("snapshot-count", "10"),
            ("strict-reconfig-check", "false"),
            ("log-outputs", "stderr,/tmp/x"),
            ("grpc-keepalive-interval", "5000000000ns"),
            ("cert-file", "c"),
            ("auto-tls", "true"),
            ("peer-client-cert-auth", "true"),
            ("peer-trusted-ca-file", "p"),
            ("peer-crl-file", "r"),
        ] {
            assert_eq!(given.get(name), Some(value), "{name}");
        }
        assert!(!given.is_set("cors"));
        assert_eq!(given.notes.len(), 1, "{:?}", given.notes);
        assert_eq!(read("").unwrap(), Given::default());
    }

    #[test]
    fn wrong_types_name_file_and_field() {
        for (text, told) in [
            ("snapshot-count: x", "snapshot-count: invalid value \"x\""),
            ("auto-tls: [1]", "auto-tls: it does not take [1]"),
            ("client-transport-security: 3", "client-transport-security: 3 is no section"),
            ("name: [", "etcd.yml"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(told) && error.contains("etcd.yml"), "{error}");
        }
    }
}
