//! What `--help` prints, from the table of flags.

use super::flags::{Effect, GROUPS, all};
use std::fmt::Write;

const USAGE: &str = "Usage:

  etcd [flags]
    Start a server.

  etcd --version
    Show the version.

  etcd -h | --help
    Show this text.

  etcd --config-file FILE
    Take everything from a file; flags and environment variables are ignored then.
";

/// A flag as users of etcd should know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagNote {
    /// Its name.
    pub name: &'static str,
    /// Its default.
    pub default: &'static str,
    /// What it does here that it does not do in etcd; empty if there is nothing to say.
    pub departs: String,
}

/// All flags, and where they depart from etcd's.
pub fn flags() -> impl Iterator<Item = FlagNote> {
    all().map(|flag| {
        let departs = match flag.effect {
            Effect::Full => String::new(),
            Effect::None(why) => format!("without effect: {why}"),
            Effect::Absent(why) => format!("refused: {why}"),
        };
        FlagNote { name: flag.name, default: flag.default, departs }
    })
}

/// All flags with their defaults.
#[must_use]
pub fn help() -> String {
    let mut text = USAGE.to_owned();
    for group in GROUPS {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n{}:\n", group.title);
        for flag in group.flags {
            let _ = writeln!(text, "  --{} '{}'", flag.name, flag.default);
            let _ = match flag.effect {
                Effect::Full => writeln!(text, "    {}", flag.help),
                Effect::None(why) | Effect::Absent(why) => {
                    writeln!(text, "    {} ({why})", flag.help)
                }
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_flag_is_explained() {
        let text = super::help();
        assert!(text.contains("  --name 'default'\n    Human-readable name for this member.\n"));
        assert!(
            text.contains("--max-wals '5'\n    Without effect. (the log removes its own files)")
        );
    }
}
