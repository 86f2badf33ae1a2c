//! Users and roles as readers see them, and whoever keeps tokens.

use super::AuthEffects;
use quorate_auth::{AuthState, TokenChange, TokenSink};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// What is published.
#[derive(Debug, Default)]
pub(crate) struct SharedAuth {
    state: RwLock<Arc<AuthState>>,
    /// The revision while requests are checked, otherwise zero: all that an unchecked request asks.
    gate: AtomicU64,
    sink: OnceLock<Arc<dyn TokenSink>>,
}

impl SharedAuth {
    pub(crate) fn new(state: AuthState) -> Self {
        let shared = Self::default();
        shared.set(Arc::new(state));
        shared
    }

    pub(crate) fn state(&self) -> Arc<AuthState> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn gate(&self) -> u64 {
        self.gate.load(Ordering::Acquire)
    }

    /// Tells this one of tokens from now on; the first that asks is the only one.
    pub(crate) fn follow(&self, sink: Arc<dyn TokenSink>) -> bool {
        self.sink.set(sink).is_ok()
    }

    pub(crate) fn publish(&self, effects: AuthEffects) {
        if let Some(state) = effects.state {
            self.set(state);
        }
        if let Some(sink) = self.sink.get() {
            for (change, token) in effects.tokens {
                match change {
                    TokenChange::Assign { user, .. } => sink.assigned(token, user),
                    TokenChange::Revoke { user } => sink.revoked(&user),
                    TokenChange::Clear => sink.cleared(),
                }
            }
        }
    }

    /// The state was replaced by another member's: what happened in between is not known, so tokens
    /// last only if neither the user nor its password has changed.
    pub(crate) fn replace(&self, state: AuthState) {
        let before = self.state();
        let enabled = state.is_enabled();
        let void: Vec<String> = before
            .users()
            .filter(|(name, user)| state.user(name).is_none_or(|now| now.password != user.password))
            .map(|(name, _)| name.to_owned())
            .collect();
        self.set(Arc::new(state));
        if let Some(sink) = self.sink.get() {
            void.iter().for_each(|user| sink.revoked(user));
            if !enabled {
                sink.cleared();
            }
        }
    }

    fn set(&self, state: Arc<AuthState>) {
        let gate = if state.is_enabled() { state.revision() } else { 0 };
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.gate.store(gate, Ordering::Release);
    }
}
