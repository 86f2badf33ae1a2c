//! A snapshot of foreign frames.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let scratch = std::env::temp_dir().join(format!("quorate-fuzz-{}", std::process::id()));
    quorate_raft::fuzz::snapshot(data, &scratch);
});
