//! Resource quantities: `250m`, `64Mi`, `1.5`, `2e3`.
//!
//! Source of the grammar: Kubernetes' "Quantity" documentation. Values are kept in thousandths as
//! `i128`; finer input rounds up, as Kubernetes does below nano. The canonical text is kept as given.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// An amount of a resource with its suffix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    milli: i128,
}

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a quantity: {reason} (examples: 250m, 0.5, 64Mi, 2Gi)")]
pub struct QuantityError {
    text: String,
    reason: &'static str,
}

impl Quantity {
    /// Zero of anything.
    pub const ZERO: Self = Self { milli: 0 };

    /// From thousandths: `Quantity::from_milli(250)` is `250m`.
    #[must_use]
    pub const fn from_milli(milli: i128) -> Self {
        Self { milli }
    }

    /// From whole units.
    #[must_use]
    pub const fn from_units(units: i64) -> Self {
        Self { milli: units as i128 * 1000 }
    }

    /// In thousandths: millicores for cpu.
    #[must_use]
    pub const fn milli(self) -> i128 {
        self.milli
    }

    /// In whole units, rounded up: bytes for memory.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.milli.div_euclid(1000) + (self.milli.rem_euclid(1000) != 0) as i128
    }

    /// Sum, saturating at the ends of the range.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { milli: self.milli.saturating_add(other.milli) }
    }

    /// Difference, saturating at the ends of the range.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self { milli: self.milli.saturating_sub(other.milli) }
    }
}

/// The factor of a suffix in thousandths over a divisor: `m` is 1/1, `n` is 1/1_000_000.
fn suffix_factor(suffix: &str) -> Option<(i128, i128)> {
    const K: i128 = 1000;
    let two = |power: u32| Some((K << (10 * power), 1));
    match suffix {
        "n" => Some((1, 1_000_000)),
        "u" => Some((1, 1000)),
        "m" => Some((1, 1)),
        "" => Some((K, 1)),
        "k" => Some((K * K, 1)),
        "M" => Some((K.pow(3), 1)),
        "G" => Some((K.pow(4), 1)),
        "T" => Some((K.pow(5), 1)),
        "P" => Some((K.pow(6), 1)),
        "E" => Some((K.pow(7), 1)),
        "Ki" => two(1),
        "Mi" => two(2),
        "Gi" => two(3),
        "Ti" => two(4),
        "Pi" => two(5),
        "Ei" => two(6),
        _ => exponent_factor(suffix),
    }
}

fn exponent_factor(suffix: &str) -> Option<(i128, i128)> {
    let digits = suffix.strip_prefix(['e', 'E'])?;
    let power: i32 = digits.parse().ok().filter(|p| (-9..=18).contains(p))?;
    let size = 10i128.pow(power.unsigned_abs());
    Some(if power >= 0 { (1000 * size, 1) } else { (1000, size) })
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| QuantityError { text: text.to_owned(), reason };
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(fail("no digits"));
        }
        if fraction.contains('.') || whole.len() > 15 || fraction.len() > 9 {
            return Err(fail("not a number of at most 15 digits and 9 decimals"));
        }
        let (factor, divisor) = suffix_factor(suffix).ok_or_else(|| {
            fail("unknown suffix, use n u m k M G T P E Ki Mi Gi Ti Pi Ei or e<n>")
        })?;
        let scale = 10i128.pow(u32::try_from(fraction.len()).unwrap_or(0));
        let digits: i128 =
            format!("{whole}{fraction}").parse().map_err(|_| fail("not a number"))?;
        let product = digits.checked_mul(factor).ok_or_else(|| fail("too large"))?;
        let divisor = divisor * scale;
        let milli = product / divisor + i128::from(product % divisor != 0);
        Ok(Self { milli: if negative { -milli } else { milli } })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milli % 1000 != 0 {
            return write!(f, "{}m", self.milli);
        }
        let units = self.milli / 1000;
        for (suffix, shift) in
            [("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)]
        {
            if units != 0 && units % (1i128 << shift) == 0 {
                return write!(f, "{}{suffix}", units >> shift);
            }
        }
        write!(f, "{units}")
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn milli(text: &str) -> i128 {
        text.parse::<Quantity>().unwrap().milli()
    }

    #[test]
    fn suffixes_scale_as_published() {
        assert_eq!(milli("250m"), 250);
        assert_eq!(milli("0.5"), 500);
        assert_eq!(milli("64Mi"), 64 * 1024 * 1024 * 1000);
        assert_eq!(milli("1k"), 1_000_000);
        assert_eq!(milli("2e3"), 2_000_000);
        assert_eq!(milli("1.5Gi"), 3 * 512 * 1024 * 1024 * 1000);
        assert_eq!(milli("-1"), -1000);
        assert_eq!(milli("1n"), 1, "below a thousandth rounds up");
    }

    #[test]
    fn nonsense_is_refused_with_the_text() {
        for text in ["", "abc", "1.2.3", "1Qi", "10 Mi", "--1", "9999999999999999"] {
            let error = text.parse::<Quantity>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn text_form_reads_back(milli in -1_000_000_000_000i128..1_000_000_000_000) {
            let quantity = Quantity::from_milli(milli);
            prop_assert_eq!(quantity.to_string().parse::<Quantity>().unwrap(), quantity);
        }
    }
}
