//! Numbers of pods that are given as a count or as a share of all.

use quorate_kinds::IntOrString;

/// Which way a share of a whole is rounded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Round {
    Up,
    Down,
}

/// The count, or so many percent of `of`; what is no number counts as none.
pub(crate) fn resolve(value: &IntOrString, of: i32, round: Round) -> i32 {
    let percent = match value {
        IntOrString::Int(number) => return (*number).max(0),
        IntOrString::String(text) => text.trim_end_matches('%').parse::<i64>().unwrap_or(0).max(0),
    };
    let product = percent.saturating_mul(i64::from(of));
    let whole = match round {
        Round::Up => product.saturating_add(99) / 100,
        Round::Down => product / 100,
    };
    i32::try_from(whole).unwrap_or(i32::MAX)
}
