//! One field of a schedule: a set of numbers.

use super::ScheduleError;

/// Which words stand for numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Names {
    None,
    /// `jan` is 1.
    Months,
    /// `sun` is 0.
    Days,
}

const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Numbers below 64, as bits; and whether the field was left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    bits: u64,
    any: bool,
}

impl Field {
    pub(super) fn has(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.bits >> number & 1 == 1)
    }

    /// Whether it says `*` or `?`: a day that is left open does not choose.
    pub(super) fn is_any(self) -> bool {
        self.any
    }

    pub(super) fn parse(
        text: &str,
        name: &'static str,
        low: u32,
        high: u32,
        names: Names,
    ) -> Result<Self, ScheduleError> {
        let mut all = Self { bits: 0, any: false };
        for part in text.split(',') {
            let part = range(part, low, high, names).map_err(|reason| ScheduleError::Field {
                text: text.to_owned(),
                name,
                reason,
            })?;
            all = Self { bits: all.bits | part.bits, any: all.any || part.any };
        }
        Ok(all)
    }
}

/// `*`, `5`, `1-5`, `*/10`, `3-30/5`; `7/10` is from 7 to the end.
fn range(text: &str, low: u32, high: u32, names: Names) -> Result<Field, String> {
    let (span, step) = match text.split_once('/') {
        None => (text, None),
        Some((span, step)) => {
            let step = step.parse::<u32>().ok().filter(|step| *step > 0);
            (span, Some(step.ok_or_else(|| format!("the step of {text:?} must be above 0"))?))
        }
    };
    let is_open = matches!(span, "*" | "?");
    let (from, to) = match span.split_once('-') {
        _ if is_open => (low, high),
        Some((from, to)) => (number(from, names)?, number(to, names)?),
        None if step.is_some() => (number(span, names)?, high),
        None => (number(span, names)?, number(span, names)?),
    };
    if from < low || to > high || from > to {
        return Err(format!("{text:?} is not within {low} to {high}"));
    }
    let step = step.unwrap_or(1);
    let numbers = (from..=to).step_by(usize::try_from(step).unwrap_or(1));
    Ok(Field { bits: numbers.fold(0, |bits, at| bits | 1 << at), any: is_open && step == 1 })
}

fn number(text: &str, names: Names) -> Result<u32, String> {
    let (names, first): (&[&str], u32) = match names {
        Names::None => (&[], 0),
        Names::Months => (MONTHS, 1),
        Names::Days => (DAYS, 0),
    };
    let known = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    match known.and_then(|at| u32::try_from(at).ok()) {
        Some(at) => Ok(at + first),
        None => text.parse().map_err(|_| format!("{text:?} is not a number")),
    }
}

/// `1h30m10s` in seconds, at least one.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (mut total, mut rest) = (0i64, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: i64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let seconds = match unit {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(amount.checked_mul(seconds)?)?;
        rest = &rest[end + unit.len_utf8()..];
    }
    (total > 0).then_some(total)
}
