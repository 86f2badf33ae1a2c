//! Simple tokens: a secret that a member gives out and every member remembers for a while.
//!
//! Place: the replicated state tells of tokens as entries are applied; a listener asks whose a token
//! is. The table is a member's own memory: it is empty after a restart, and each member lets a token
//! end when nobody has shown it there for its time to live. Clients then authenticate again.
//!
//! A token is its secret part, a dot, and the index of the log entry that assigned it: a member that
//! has not applied that entry yet knows that it has to wait.

use quorate_seams::{Monotonic, Random, SharedClock};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a token is good after it was last shown.
pub const SIMPLE_TOKEN_TTL: Duration = Duration::from_secs(300);
/// How often tokens that have ended are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Letters of the secret part: 52 to the 16th, about 91 bits.
const PREFIX_LETTERS: usize = 16;
const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Is told what becomes of tokens, in the order of the log.
pub trait TokenSink: Send + Sync + fmt::Debug + 'static {
    /// A token belongs to a user from now on.
    fn assigned(&self, token: String, user: String);
    /// The tokens of a user are void.
    fn revoked(&self, user: &str);
    /// All tokens are void.
    fn cleared(&self);
}

/// Draws the secret part of a token.
pub fn token_prefix(random: &dyn Random) -> String {
    let letter = |_| {
        let at = random.below(LETTERS.len() as u64);
        char::from(LETTERS[usize::try_from(at).unwrap_or(0) % LETTERS.len()])
    };
    (0..PREFIX_LETTERS).map(letter).collect()
}

/// The index of the entry that assigned a token; `None` if it is no simple token.
#[must_use]
pub fn parse_simple(token: &str) -> Option<u64> {
    let (prefix, index) = token.split_once('.')?;
    // Digits only: no sign, no second dot.
    let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    if prefix.is_empty() || !digits { None } else { index.parse().ok() }
}

/// The tokens that a member knows.
#[derive(Debug)]
pub struct SimpleTokens {
    clock: SharedClock,
    table: Mutex<Table>,
}

struct Table {
    ttl: Duration,
    // Keyed hashing: how long a lookup takes tells nothing about tokens that exist.
    tokens: HashMap<String, Held>,
    swept: Monotonic,
}

struct Held {
    user: String,
    ends: Monotonic,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens are secrets.
        f.debug_struct("Table").field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

impl SimpleTokens {
    /// No tokens yet. A `ttl` of zero is [`SIMPLE_TOKEN_TTL`].
    #[must_use]
    pub fn new(clock: SharedClock, ttl: Duration) -> Self {
        let table =
            Table { ttl: SIMPLE_TOKEN_TTL, tokens: HashMap::new(), swept: Monotonic::default() };
        let tokens = Self { clock, table: Mutex::new(table) };
        tokens.set_ttl(ttl);
        tokens
    }

    /// How long tokens are good from now on; zero is [`SIMPLE_TOKEN_TTL`].
    pub fn set_ttl(&self, ttl: Duration) {
        self.table().ttl = if ttl.is_zero() { SIMPLE_TOKEN_TTL } else { ttl };
    }

    /// Whose a token is. Showing it gives it its whole time to live again.
    #[must_use]
    pub fn user(&self, token: &str) -> Option<String> {
        let now = self.clock.now();
        let mut table = self.table();
        table.sweep(now);
        let ends = now + table.ttl;
        let held = table.tokens.get_mut(token).filter(|held| held.ends > now)?;
        held.ends = ends;
        Some(held.user.clone())
    }

    /// How many tokens are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().tokens.len()
    }

    /// Whether no token is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn sweep(&mut self, now: Monotonic) {
        if now >= self.swept + SWEEP_EVERY {
            self.swept = now;
            self.tokens.retain(|_, held| held.ends > now);
        }
    }
}

impl TokenSink for SimpleTokens {
    fn assigned(&self, token: String, user: String) {
        let now = self.clock.now();
        let mut table = self.table();
        table.sweep(now);
        let ends = now + table.ttl;
        table.tokens.insert(token, Held { user, ends });
    }

    fn revoked(&self, user: &str) {
        self.table().tokens.retain(|_, held| held.user != user);
    }

    fn cleared(&self) {
        self.table().tokens.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_seams::{ManualClock, SeededRandom};
    use std::sync::Arc;

    fn tokens() -> (Arc<ManualClock>, SimpleTokens) {
        let clock = ManualClock::new();
        let tokens = SimpleTokens::new(clock.clone(), Duration::ZERO);
        (clock, tokens)
    }

    #[test]
    fn a_token_ends_when_nobody_has_shown_it_for_its_time() {
        let (clock, tokens) = tokens();
        tokens.assigned("a.1".to_owned(), "alice".to_owned());
        clock.advance(Duration::from_secs(299));
        assert_eq!(tokens.user("a.1").as_deref(), Some("alice"));
        clock.advance(Duration::from_secs(299));
        assert_eq!(tokens.user("a.1").as_deref(), Some("alice"), "showing it renews it");
        clock.advance(Duration::from_secs(300));
        assert_eq!(tokens.user("a.1"), None);
        assert!(tokens.is_empty());
    }

    #[test]
    fn tokens_that_ended_are_forgotten_without_being_asked_for() {
        let (clock, tokens) = tokens();
        for at in 0..50 {
            tokens.assigned(format!("a.{at}"), "alice".to_owned());
        }
        clock.advance(Duration::from_secs(301));
        tokens.assigned("b.60".to_owned(), "bob".to_owned());
        assert_eq!(tokens.len(), 1);
    }

    #[test]
    fn revoking_one_user_leaves_the_others() {
        let (_, tokens) = tokens();
        tokens.assigned("a.1".to_owned(), "alice".to_owned());
        tokens.assigned("a.2".to_owned(), "alice".to_owned());
        tokens.assigned("b.3".to_owned(), "bob".to_owned());
        tokens.revoked("alice");
        assert_eq!((tokens.user("a.1"), tokens.user("a.2")), (None, None));
        assert_eq!(tokens.user("b.3").as_deref(), Some("bob"));
        tokens.cleared();
        assert_eq!(tokens.user("b.3"), None);
    }

    #[test]
    fn prefixes_are_letters_and_differ() {
        let random = SeededRandom::new(7);
        let (one, two) = (token_prefix(&random), token_prefix(&random));
        assert!(one.len() == 16 && one.bytes().all(|byte| byte.is_ascii_alphabetic()));
        assert_ne!(one, two);
    }

    #[test]
    fn only_what_looks_like_a_token_is_one() {
        assert_eq!(parse_simple("abc.12"), Some(12));
        for token in ["", "abc", ".12", "abc.", "abc.+1", "abc.1.2", "abc.99999999999999999999"] {
            assert_eq!(parse_simple(token), None, "{token:?}");
        }
    }

    #[test]
    fn what_is_printed_tells_no_token() {
        let (_, tokens) = tokens();
        tokens.assigned("secret.1".to_owned(), "alice".to_owned());
        assert!(!format!("{tokens:?}").contains("secret"));
    }
}
