//! Where values come from: the command line, the environment, a file. Nothing is interpreted here.
//!
//! Rules (etcd's): a flag goes before the environment, and both together are a mistake; a file goes
//! before both, which are ignored then.

use super::error::ConfigError;
use super::flags::{self, Effect, Flag, Kind};
use super::value;
use std::collections::BTreeMap;

/// Texts of those flags that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    values: BTreeMap<&'static str, String>,
    /// What is worth a line in the log.
    pub(crate) notes: Vec<String>,
}

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Version,
    Help,
    Serve { given: Given, file: Option<String> },
}

impl Given {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(crate) fn set(&mut self, flag: &'static Flag, value: String) -> Result<(), ConfigError> {
        value::check(flag, &value).map_err(|reason| ConfigError::Value {
            flag: flag.name,
            value: value.clone(),
            reason,
        })?;
        match flag.effect {
            Effect::Full => {}
            _ if value == flag.default => {}
            Effect::None(why) => {
                self.notes.push(format!("flag --{} has no effect here: {why}", flag.name));
            }
            Effect::Absent(reason) => {
                return Err(ConfigError::Unsupported { flag: flag.name, value, reason });
            }
        }
        self.values.insert(flag.name, value);
        Ok(())
    }
}

/// Reads a command line as Go's `flag` does: `-name value`, `--name=value`, switches without a value.
pub(crate) fn command_line(
    mut arguments: impl Iterator<Item = String>,
) -> Result<Asked, ConfigError> {
    let mut given = Given::default();
    let (mut file, mut version) = (None, false);
    while let Some(argument) = arguments.next() {
        let dashes = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'));
        let Some(text) = dashes.filter(|text| !text.is_empty()) else {
            return Err(ConfigError::Argument(argument));
        };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        match name {
            "h" | "help" => return Ok(Asked::Help),
            "version" => version = value.is_none_or(|value| value::switch(&value) == Some(true)),
            "config-file" => {
                let value = value.or_else(|| arguments.next());
                file = Some(value.ok_or(ConfigError::NoValue("config-file"))?);
            }
            _ if flags::is_forgotten(name) => {
                given.notes.push(format!("flag --{name} is no longer used: ignored"));
                if value.is_none() && !["force", "v", "vv"].contains(&name) {
                    drop(arguments.next());
                }
            }
            _ => {
                let known = flags::find(name);
                let flag = known.ok_or_else(|| ConfigError::Unknown(name.to_owned()))?;
                let value = match (value, flag.kind) {
                    (Some(value), _) => value,
                    (None, Kind::Switch) => "true".to_owned(),
                    (None, _) => arguments.next().ok_or(ConfigError::NoValue(flag.name))?,
                };
                given.set(flag, value)?;
            }
        }
    }
    Ok(if version { Asked::Version } else { Asked::Serve { given, file } })
}

/// The variable of a flag.
fn variable(name: &str) -> String {
    format!("ETCD_{}", name.to_uppercase().replace('-', "_"))
}

/// Adds what the environment says to what the command line said.
pub(crate) fn environment(
    mut given: Given,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Given, ConfigError> {
    for (name, value) in variables.filter(|(name, _)| name.starts_with("ETCD_")) {
        let flag_name = name["ETCD_".len()..].to_lowercase().replace('_', "-");
        let Some(flag) = flags::find(&flag_name).filter(|_| variable(&flag_name) == name) else {
            if flag_name != "config-file" {
                given.notes.push(format!("unrecognized environment variable {name}={value}"));
            }
            continue;
        };
        if value.is_empty() {
            continue;
        }
        if given.is_set(flag.name) {
            return Err(ConfigError::Shadowed(name));
        }
        given.notes.push(format!("recognized and used environment variable {name}={value}"));
        given.set(flag, value).map_err(|error| match error {
            ConfigError::Value { value, reason, .. } => {
                ConfigError::Variable { variable: name, value, reason }
            }
            other => other,
        })?;
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<Asked, ConfigError> {
        command_line(text.split_whitespace().map(str::to_owned))
    }

    fn given(text: &str) -> Given {
        match line(text) {
            Ok(Asked::Serve { given, .. }) => given,
            other => panic!("{other:?}"),
        }
    }

    fn told(result: Result<impl std::fmt::Debug, ConfigError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn command_lines_are_read_as_go_reads_them() {
        let read = given("-name a --data-dir=/d --force-new-cluster --strict-reconfig-check=false");
        assert_eq!(read.get("name"), Some("a"));
        assert_eq!(read.get("data-dir"), Some("/d"));
        assert_eq!(read.get("force-new-cluster"), Some("true"));
        assert_eq!(read.get("strict-reconfig-check"), Some("false"));
        assert_eq!(line("--version").unwrap(), Asked::Version);
        assert_eq!(line("-h").unwrap(), Asked::Help);
        assert_eq!(told(line("--nam a")), "flag provided but not defined: -nam");
        assert_eq!(told(line("--name")), "flag needs an argument: -name");
        assert_eq!(told(line("gateway start")), "'gateway' is not a valid flag");
        let wrong = told(line("--max-txn-ops x"));
        assert_eq!(wrong, "invalid value \"x\" for flag -max-txn-ops: parse error");
    }

    #[test]
    fn flags_without_effect_are_noted_and_absent_ones_refused() {
        assert!(given("--max-wals 7").notes[0].contains("--max-wals has no effect here"));
        assert_eq!(given("--max-wals 5").notes, [""; 0], "the default asks for nothing");
        assert!(
            told(line("--discovery http://d")).contains("--discovery=http://d is not supported")
        );
        assert_eq!(given("--enable-v2=false --proxy off").notes, [""; 0]);
    }

    #[test]
    fn the_environment_is_read_unless_a_flag_says_the_same() {
        let variables = |text: &'static str| {
            text.split_whitespace()
                .filter_map(|one| one.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let read = environment(given(""), variables("ETCD_NAME=a HOME=/ ETCD_X=1 ETCD_DATA_DIR="));
        let read = read.unwrap();
        assert_eq!((read.get("name"), read.get("data-dir")), (Some("a"), None));
        assert_eq!(read.notes.len(), 2, "{:?}", read.notes);
        let both = told(environment(given("--name b"), variables("ETCD_NAME=a")));
        assert!(both.contains("\"ETCD_NAME\" is shadowed by corresponding command-line flag"));
        let wrong = told(environment(given(""), variables("ETCD_MAX_TXN_OPS=x")));
        assert_eq!(wrong, "invalid value \"x\" for ETCD_MAX_TXN_OPS: parse error");
    }
}
