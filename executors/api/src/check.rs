//! What no executor can run: rules that hold for all of them.

use crate::{Error, TaskId, TaskSpec};

/// Longest pod uid and longest name of a task.
const MAX_POD: usize = 64;
const MAX_NAME: usize = 128;

/// Whether a text can be part of a file name or of a name in a backend: 1 to `limit` letters, digits,
/// `-`, `_` or `.`, not starting with `.`.
#[must_use]
pub fn is_plain_name(name: &str, limit: usize) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=limit).contains(&name.len()) && !name.starts_with('.') && name.chars().all(allowed)
}

impl TaskId {
    /// Whether any task can have this identity. One that cannot be is absent.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        is_plain_name(self.pod.as_str(), MAX_POD) && is_plain_name(&self.name, MAX_NAME)
    }
}

impl TaskSpec {
    /// Checks what no executor can run: impossible names, zero bytes, variables without a name,
    /// relative paths. Executors call it when they create a task.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn check(&self) -> Result<(), Error> {
        if !is_plain_name(self.id.pod.as_str(), MAX_POD) {
            let reason = "must be 1 to 64 letters, digits, '-', '_' or '.', not starting with '.'";
            return Err(self.invalid("pod", reason));
        }
        if !is_plain_name(&self.id.name, MAX_NAME) {
            let reason = "must be 1 to 128 letters, digits, '-', '_' or '.', not starting with '.'";
            return Err(self.invalid("name", reason));
        }
        if self.command.iter().chain(&self.args).any(|text| text.contains('\0')) {
            return Err(self.invalid("command", "must not contain a zero byte"));
        }
        let nameless = |name: &str| name.is_empty() || name.contains(['=', '\0']);
        if self.env.iter().any(|(name, value)| nameless(name) || value.contains('\0')) {
            let reason =
                "names must be non-empty, without '=', and nothing may contain a zero byte";
            return Err(self.invalid("env", reason));
        }
        if !self.log_path.is_absolute() {
            return Err(self.invalid("log_path", "must be absolute"));
        }
        Ok(())
    }

    /// The error of a field of this specification.
    pub fn invalid(&self, field: &'static str, reason: impl Into<String>) -> Error {
        Error::Invalid { task: self.id.clone(), field, reason: reason.into() }
    }
}
