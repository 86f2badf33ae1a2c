//! Passwords as etcd keeps them: bcrypt, hashed before anything is proposed and compared outside the
//! log.
//!
//! Both functions take tens of milliseconds on purpose, twice as long with every step of the cost: call
//! them where blocking is allowed, and few at a time.

use bcrypt::Version;
use quorate_seams::Random;
use thiserror::Error;

/// The cost that etcd hashes with unless it is told otherwise.
pub const DEFAULT_COST: u32 = 10;
/// The costs that bcrypt allows.
pub const COSTS: std::ops::RangeInclusive<u32> = 4..=31;
/// bcrypt looks at no more bytes than these.
const MAX_BYTES: usize = 72;

/// Why a password cannot be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// What bcrypt would cut off must not be believed to count.
    #[error("bcrypt: password length exceeds {MAX_BYTES} bytes")]
    TooLong,
    /// The cost is none that bcrypt allows.
    #[error("bcrypt: cost {cost} is outside allowed inclusive range {}..{}", COSTS.start(), COSTS.end())]
    Cost {
        /// The cost asked for.
        cost: u32,
    },
}

/// Hashes a password.
///
/// # Errors
/// The password is longer than 72 bytes, or the cost out of range.
pub fn hash(password: &str, cost: u32, random: &dyn Random) -> Result<String, Error> {
    if password.len() > MAX_BYTES {
        return Err(Error::TooLong);
    }
    if !COSTS.contains(&cost) {
        return Err(Error::Cost { cost });
    }
    let salt = random.next_u128().to_be_bytes();
    let parts = bcrypt::hash_with_salt(password, cost, salt).map_err(|_| Error::Cost { cost })?;
    Ok(parts.format_for_version(Version::TwoA))
}

/// Whether a password is the one that was hashed. A hash that is none fits no password.
#[must_use]
pub fn matches(password: &str, hash: &[u8]) -> bool {
    let hash = std::str::from_utf8(hash).unwrap_or_default();
    bcrypt::verify(password, hash).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_seams::SeededRandom;

    #[test]
    fn a_hash_fits_its_password_alone() {
        let random = SeededRandom::new(1);
        let hashed = hash("correct horse", 4, &random).unwrap();
        assert!(hashed.starts_with("$2a$04$") && hashed.len() == 60, "{hashed}");
        assert!(matches("correct horse", hashed.as_bytes()));
        assert!(!matches("correct hors", hashed.as_bytes()));
        assert!(!matches("", hashed.as_bytes()));
        assert_ne!(hashed, hash("correct horse", 4, &random).unwrap(), "salted anew");
    }

    #[test]
    fn hashes_that_etcd_has_stored_are_understood() {
        // Made by another implementation of bcrypt, in the form that etcd stores.
        for (password, hash) in [
            ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
            ("a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
            ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
            ("pass wörd", "$2a$06$If6bvum7DFjUnE9p2uDeDuFchoJDG8jgFchVMquSc3H9Vn//fpifi"),
        ] {
            assert!(matches(password, hash.as_bytes()), "{password:?}");
            assert!(!matches("b", hash.as_bytes()), "{password:?}");
        }
    }

    #[test]
    fn what_is_no_hash_fits_nothing() {
        for hash in [&b""[..], b"x", b"$2a$", b"\xff\xfe", b"$2a$04$short"] {
            assert!(!matches("", hash));
        }
    }

    #[test]
    fn what_would_be_cut_off_is_refused() {
        let random = SeededRandom::new(1);
        assert_eq!(hash(&"x".repeat(73), 4, &random), Err(Error::TooLong));
        assert!(hash(&"x".repeat(72), 4, &random).is_ok());
        assert_eq!(hash("x", 3, &random), Err(Error::Cost { cost: 3 }));
        assert_eq!(hash("x", 32, &random), Err(Error::Cost { cost: 32 }));
    }
}
