//! Segment headers, group headers and frames of the raft log.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| quorate_log::fuzz::frames(data));
