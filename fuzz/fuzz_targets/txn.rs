//! A program of transactions on the state and on the reference store.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| quorate_mvcc::fuzz::twins(data));
