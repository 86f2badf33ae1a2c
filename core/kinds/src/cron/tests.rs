use super::*;
use quorate_resources::timestamp;

fn times(schedule: &str, zone: Option<&str>, from: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(schedule, zone).unwrap();
    let mut at = timestamp::parse(from).unwrap();
    (0..count)
        .map(|_| {
            at = schedule.next_after(at).unwrap();
            timestamp::from_unix(at)
        })
        .collect()
}

#[test]
fn schedules_come_when_they_say() {
    // 2026-01-01 is a Thursday.
    let table: &[(&str, Option<&str>, &str, &[&str])] = &[
        (
            "*/15 * * * *",
            None,
            "2026-01-01T00:07:30Z",
            &["2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"],
        ),
        ("@hourly", None, "2026-01-01T00:00:00Z", &["2026-01-01T01:00:00Z"]),
        ("@daily", None, "2026-01-01T00:00:00Z", &["2026-01-02T00:00:00Z"]),
        ("@weekly", None, "2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z"]),
        ("@monthly", None, "2026-01-01T00:00:00Z", &["2026-02-01T00:00:00Z"]),
        ("@yearly", None, "2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z"]),
        (
            "@every 1h30m",
            None,
            "2026-01-01T00:00:00Z",
            &["2026-01-01T01:30:00Z", "2026-01-01T03:00:00Z"],
        ),
        ("30 9 * * MON-fri", None, "2026-01-02T10:00:00Z", &["2026-01-05T09:30:00Z"]),
        ("0 0 29 feb ?", None, "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z"]),
        // Either day is enough if both are restricted.
        (
            "0 0 13 * 5",
            None,
            "2026-01-01T00:00:00Z",
            &["2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z"],
        ),
        (
            "0 0 */2 * 5",
            None,
            "2026-01-01T00:00:00Z",
            &["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"],
        ),
        (
            "50/5 23 31 12 *",
            None,
            "2026-01-01T00:00:00Z",
            &["2026-12-31T23:50:00Z", "2026-12-31T23:55:00Z", "2027-12-31T23:50:00Z"],
        ),
        // Summer time begins: half past two does not exist on that day.
        ("30 2 * * *", Some("Europe/Berlin"), "2026-03-28T02:00:00Z", &["2026-03-30T00:30:00Z"]),
        // It ends: half past two comes twice.
        (
            "30 2 * * *",
            Some("Europe/Berlin"),
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        ("0 9 * * *", Some("Asia/Kathmandu"), "2026-01-01T00:00:00Z", &["2026-01-01T03:15:00Z"]),
    ];
    for (schedule, zone, from, expected) in table {
        assert_eq!(times(schedule, *zone, from, expected.len()), *expected, "{schedule} {zone:?}");
    }
}

#[test]
fn what_is_no_schedule_is_refused_by_field() {
    for (text, word) in [
        ("* * * *", "4 fields"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of the month"),
        ("* * * 13 *", "month"),
        ("* * * * 7", "day of the week"),
        ("*/0 * * * *", "above 0"),
        ("5-1 * * * *", "not within"),
        ("a * * * *", "not a number"),
        ("@often", "@hourly"),
        ("@every soon", "@every"),
        ("@every 0s", "@every"),
        ("TZ=UTC 0 * * * *", "timeZone"),
    ] {
        let error = Schedule::parse(text, None).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
    assert!(Schedule::parse("@daily", Some("Europe/Atlantis")).is_err());
    assert!(Schedule::parse("@daily", Some("Local")).is_err());
    let never = Schedule::parse("0 0 30 2 *", None).unwrap();
    assert_eq!(never.next_after(0), None);
}

#[test]
fn a_moment_reads_in_its_zone() {
    let local = |zone| Schedule::parse("@daily", zone).unwrap().local(1_767_225_600).unwrap();
    assert_eq!(local(None), "2026-01-01T00:00:00Z");
    assert_eq!(local(Some("America/New_York")), "2025-12-31T19:00:00-05:00");
}
