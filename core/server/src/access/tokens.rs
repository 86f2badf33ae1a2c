//! Users by tokens that never change, from a file as Kubernetes takes it.

use super::{AuthenticateError, Authenticator, Credentials, Known, User};
use async_trait::async_trait;
use std::collections::HashMap;
use std::fmt;
use thiserror::Error;

/// Why a file of tokens cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} of the token file: {reason}")]
pub struct TokenFileError {
    /// Counted from one.
    pub line: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// Users by their tokens.
#[derive(Clone, Default)]
pub struct Tokens(HashMap<String, User>);

/// Tokens are secrets.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tokens").field(&self.0.len()).finish()
    }
}

impl Tokens {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more user. If the token was another user's, it is no longer.
    #[must_use]
    pub fn with(mut self, token: impl Into<String>, user: User) -> Self {
        self.0.insert(token.into(), user);
        self
    }

    /// Reads lines of values with commas between them: token, user, uid and, if there are any, groups
    /// with commas between them, in double quotes if there are several. Empty lines count for nothing.
    ///
    /// # Errors
    /// A line has fewer values, an empty token or user, or a quote that does not end.
    pub fn parse(text: &str) -> Result<Self, TokenFileError> {
        let mut tokens = Self::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fault = |reason| TokenFileError { line: index + 1, reason };
            let values = values(line).ok_or_else(|| fault("a quote does not end"))?;
            let [token, name, uid, rest @ ..] = &values[..] else {
                return Err(fault("it needs at least token, user and uid"));
            };
            if token.is_empty() || name.is_empty() {
                return Err(fault("token and user must not be empty"));
            }
            let groups = rest.first().map(String::as_str).unwrap_or_default();
            let groups = groups.split(',').map(str::trim).filter(|group| !group.is_empty());
            let groups = groups.map(str::to_owned).collect();
            let user = User { uid: uid.clone(), groups, ..User::new(name) };
            tokens = tokens.with(token, user);
        }
        Ok(tokens)
    }
}

/// The values of a line; a quote within quotes is written twice.
fn values(line: &str) -> Option<Vec<String>> {
    let (mut values, mut value, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = line.trim().chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => value.extend(rest.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => values.push(std::mem::take(&mut value).trim().to_owned()),
            c => value.push(c),
        }
    }
    values.push(value.trim().to_owned());
    (!quoted).then_some(values)
}

#[async_trait]
impl Authenticator for Tokens {
    async fn authenticate(
        &self,
        credentials: &Credentials,
    ) -> Result<Option<Known>, AuthenticateError> {
        let found = credentials.token.as_ref().and_then(|token| self.0.get(token));
        Ok(found.map(|user| user.clone().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_reads_as_kubernetes_reads_it() {
        let text = "t1,alice,1\n\nt2, bob ,2,dev\nt3,\"a \"\"b\"\"\",3,\"dev, ops\",more\n";
        let tokens = Tokens::parse(text).unwrap();
        let user = |token: &str| tokens.0[token].clone();
        assert_eq!(user("t1"), User { uid: "1".into(), ..User::new("alice") });
        assert_eq!(user("t2"), User { uid: "2".into(), ..User::new("bob").with_group("dev") });
        assert_eq!(user("t3").name, "a \"b\"");
        assert_eq!(user("t3").groups, ["dev", "ops"]);
        for (text, line) in [("t1,alice", 1), ("\nt1,alice,1,\"a", 2), (",alice,1", 1), ("t,,1", 1)]
        {
            assert_eq!(Tokens::parse(text).unwrap_err().line, line, "{text}");
        }
        assert!(!format!("{tokens:?}").contains("t1"));
    }
}
