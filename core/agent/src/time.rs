//! Wall time in the forms that objects use.

use quorate_kinds::k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use quorate_kinds::k8s_openapi::jiff::Timestamp;

/// Milliseconds since the Unix epoch, in whole seconds as the API shows them.
pub(crate) fn time(ms: i64) -> Time {
    Time(Timestamp::from_second(ms.div_euclid(1000)).unwrap_or_default())
}

/// Milliseconds since the Unix epoch, with fractions of a second.
pub(crate) fn micro_time(ms: i64) -> MicroTime {
    MicroTime(Timestamp::from_millisecond(ms).unwrap_or_default())
}
