//! A foreign command applied to a state.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| quorate_mvcc::fuzz::apply(data));
