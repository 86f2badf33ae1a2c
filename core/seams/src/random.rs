//! Randomness: the machine's entropy in production, a seed in tests and simulation.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Draws numbers.
pub trait Random: Send + Sync + fmt::Debug + 'static {
    /// The next 64 random bits.
    fn next_u64(&self) -> u64;

    /// The next 128 random bits.
    fn next_u128(&self) -> u128 {
        (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64())
    }

    /// A number in `0..bound`; zero when the bound is zero.
    fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }

    /// A name suffix of five characters as Kubernetes' `generateName` appends: no vowels, so no words.
    fn name_suffix(&self) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut bits = self.next_u64();
        let mut draw = || {
            let size = ALPHABET.len() as u64;
            let at = usize::try_from(bits % size).unwrap_or(0);
            bits /= size;
            char::from(ALPHABET[at])
        };
        (0..5).map(|_| draw()).collect()
    }
}

/// Randomness that components share.
pub type SharedRandom = Arc<dyn Random>;

/// The operating system's entropy.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn next_u64(&self) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        // Each `RandomState` carries fresh keys that std derives from the system's entropy.
        std::collections::hash_map::RandomState::new().build_hasher().finish()
    }
}

/// A sequence that a seed decides (SplitMix64, Steele and others 2014).
#[derive(Debug)]
pub struct SeededRandom {
    state: Mutex<u64>,
}

impl SeededRandom {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(seed) }
    }
}

impl Random for SeededRandom {
    fn next_u64(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        let draw = |random: &dyn Random| (random.next_u64(), random.name_suffix());
        assert_eq!(draw(&SeededRandom::new(7)), draw(&SeededRandom::new(7)));
        assert_ne!(draw(&SeededRandom::new(7)), draw(&SeededRandom::new(8)));
        assert_ne!(OsRandom.next_u128(), OsRandom.next_u128());
    }
}
