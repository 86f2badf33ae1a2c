//! Messages between members.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| quorate_raft::fuzz::wire(data));
