//! The time that a caller gives a call, as gRPC tells it: up to eight digits and a unit.

use std::time::Duration;
use tonic::Status;
use tonic::codegen::http::HeaderMap;

const HEADER: &str = "grpc-timeout";
const DIGITS: usize = 8;

/// How long a call may take; `None` if nobody said, or not in gRPC's words.
pub(super) fn limit(headers: &HeaderMap) -> Option<Duration> {
    let (unit, digits) = headers.get(HEADER)?.as_bytes().split_last()?;
    if digits.len() > DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(count * 3600)),
        b'M' => Some(Duration::from_secs(count * 60)),
        b'S' => Some(Duration::from_secs(count)),
        b'm' => Some(Duration::from_millis(count)),
        b'u' => Some(Duration::from_micros(count)),
        b'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// What a caller is told whose time is over, in grpc-go's words.
pub(super) fn exceeded() -> Status {
    Status::deadline_exceeded("context deadline exceeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_up_to_eight_digits_and_one_of_six_units() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().unwrap());
            limit(&headers)
        };
        assert_eq!(of("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(of("2M"), Some(Duration::from_secs(120)));
        assert_eq!(of("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(of("5m"), Some(Duration::from_millis(5)));
        assert_eq!(of("5u"), Some(Duration::from_micros(5)));
        assert_eq!(of("0n"), Some(Duration::ZERO));
        for wrong in ["", "S", "5", "5s", "+5S", "-5S", "5.0S", "100000000S"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(limit(&HeaderMap::new()), None);
    }
}
