//! The workload that the conformance kit runs: does what its arguments say, one step each, in order.
//!
//! Place: built as a program of its own, for processes natively, for images without a C library and for
//! WASI as a module and as a component (see `quorate_conformance::Probe`). Nothing but the standard
//! library, and a handful of C functions that every libc has or, under WASI, two functions of the host
//! (`sys`), so that `rustc` alone can build it for any target.
//!
//! A step is `name` or `name=value`; `step` lists them. Unknown steps and failures end the program
//! with code 97 and a line on standard error, so that no mistake of a case looks like an exit it
//! waits for.

mod family;
mod output;
mod step;
#[cfg_attr(target_os = "wasi", path = "sys_wasi.rs")]
mod sys;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let (name, value) = arg.split_once('=').unwrap_or((&arg, ""));
        match step::run(name, value, &mut args) {
            Ok(step::Next::Step) => {}
            Ok(step::Next::Exit(code)) => sys::exit(code),
            Err(reason) => {
                output::complain(&format!("step {arg:?}: {reason}"));
                return ExitCode::from(97);
            }
        }
    }
    ExitCode::SUCCESS
}
