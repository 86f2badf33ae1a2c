//! Values of flags, in Go's notation.

use super::flags::{Flag, Kind};
use quorate_member::net::Url;
use std::time::Duration;

/// Whether a flag takes a value, or why not in Go's words.
pub(crate) fn check(flag: &Flag, value: &str) -> Result<(), String> {
    let wrong = |fits: bool| if fits { Ok(()) } else { Err("parse error".to_owned()) };
    match flag.kind {
        Kind::Text | Kind::List => Ok(()),
        Kind::Switch => wrong(switch(value).is_some()),
        Kind::Unsigned => wrong(value.parse::<u64>().is_ok()),
        Kind::Signed => wrong(value.parse::<i64>().is_ok()),
        Kind::Duration => wrong(duration(value).is_some()),
        Kind::Urls if value.is_empty() => Ok(()),
        Kind::Urls => Url::list(value).map(drop).map_err(|error| error.to_string()),
        Kind::Choice(choices) if choices.contains(&value) => Ok(()),
        Kind::Choice(choices) => Err(format!("it must be one of {choices:?}")),
    }
}

/// Go's notations of true and false.
pub(crate) fn switch(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A time that is not negative, such as `1h30m` or `1.5s`.
pub(crate) fn duration(value: &str) -> Option<Duration> {
    if value == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = value.strip_prefix('+').unwrap_or(value);
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let number: f64 = number.parse().ok()?;
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        sum = sum.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = tail;
    }
    Some(sum)
}

/// The parts of a list; none of an empty text.
pub(crate) fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let millis = |text| duration(text).map(|found| found.as_millis());
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("1.5s"), Some(1_500));
        assert_eq!(millis("100ms"), Some(100));
        assert_eq!(millis("0"), Some(0));
        for wrong in ["", "5", "5x", "-1s", "s", "1e400h", "1s2"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
