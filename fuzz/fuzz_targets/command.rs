//! Commands, replies and outcomes from foreign bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| quorate_mvcc::fuzz::codec(data));
