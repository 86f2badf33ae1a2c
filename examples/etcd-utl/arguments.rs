//! The words and flags of the command line.

use std::collections::BTreeMap;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Flags with a value.
const KNOWN: [&str; 4] = ["data-dir", "name", "initial-cluster", "initial-cluster-token"];

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) words: Vec<String>,
    pub(crate) skip_hash_check: bool,
    flags: BTreeMap<String, String>,
}

impl Arguments {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut parsed = Self::default();
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.strip_prefix("--") else {
                parsed.words.push(argument);
                continue;
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (flag.to_owned(), None),
            };
            if name == "skip-hash-check" {
                parsed.skip_hash_check = value.is_none_or(|value| value == "true");
                continue;
            }
            if !KNOWN.contains(&name.as_str()) {
                return Err(format!("flag --{name} is not known; known are {KNOWN:?}").into());
            }
            let value = value.or_else(|| arguments.next());
            let value = value.ok_or_else(|| format!("flag --{name} has no value"))?;
            parsed.flags.insert(name, value);
        }
        Ok(parsed)
    }

    pub(crate) fn get<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.flags.get(name).map_or(default, String::as_str)
    }

    pub(crate) fn needed(&self, name: &str) -> Result<&str, Failure> {
        let value = self.flags.get(name).map(String::as_str);
        value.ok_or_else(|| format!("flag --{name} is missing").into())
    }
}
