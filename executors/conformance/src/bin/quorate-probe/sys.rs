//! The C functions that the standard library keeps to itself.
//!
//! Declared here rather than taken from a crate, so that one call of `rustc` builds the probe.

#![allow(unsafe_code, reason = "signals and sessions have no safe form in the standard library")]

use std::sync::atomic::{AtomicI32, Ordering};

const IGNORE: usize = 1;

/// The code that a trapped signal ends the program with.
static CODE: AtomicI32 = AtomicI32::new(0);

unsafe extern "C" {
    fn signal(number: i32, action: usize) -> usize;
    fn kill(pid: i32, number: i32) -> i32;
    fn getpid() -> i32;
    fn getuid() -> u32;
    fn setsid() -> i32;
    fn _exit(code: i32) -> !;
}

/// Ignores a signal.
pub(crate) fn ignore(number: i32) {
    // SAFETY: `SIG_IGN` is a valid action for any number; a bad number is an error without effect.
    unsafe { signal(number, IGNORE) };
}

/// Ends the program with a code when a signal comes.
pub(crate) fn trap(number: i32, code: i32) {
    CODE.store(code, Ordering::SeqCst);
    let action = leave as extern "C" fn(i32);
    // SAFETY: the handler has the signature that `signal` expects, and calls nothing that is not
    // safe within a handler.
    unsafe { signal(number, action as usize) };
}

/// Ends the program with a code.
pub(crate) fn exit(code: i32) -> ! {
    std::process::exit(code)
}

/// Signals come by themselves here.
pub(crate) fn heed() {}

/// Waits for whatever may come.
pub(crate) fn rest() {
    std::thread::park();
}

/// Sends this process a signal.
pub(crate) fn raise(number: i32) {
    // SAFETY: both calls touch no memory of ours.
    unsafe { kill(getpid(), number) };
}

/// The user that this process runs as.
pub(crate) fn user() -> u32 {
    // SAFETY: touches no memory of ours.
    unsafe { getuid() }
}

/// Leaves the parent's session and process group.
pub(crate) fn leave_session() {
    // SAFETY: touches no memory of ours; a leader of a group stays where it is.
    unsafe { setsid() };
}

extern "C" fn leave(_number: i32) {
    // SAFETY: `_exit` may be called within a handler.
    unsafe { _exit(CODE.load(Ordering::SeqCst)) }
}
