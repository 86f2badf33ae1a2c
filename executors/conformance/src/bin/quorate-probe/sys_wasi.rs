//! What takes the place of signals under WASI: a guest asks its host whether it shall leave.
//!
//! The two imports are declared by hand, with the description that a component needs (`WORLD`), so that
//! one call of `rustc` builds the probe for WASI, too.

#![allow(unsafe_code, reason = "imports from the host have no safe form")]

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

const TERM: i32 = 15;

/// What the program does about a stop: nothing, for it has never asked; stay; or leave with a code.
static MINDS: AtomicI32 = AtomicI32::new(NEVER_ASKED);
const NEVER_ASKED: i32 = -2;
const STAYS: i32 = -1;

/// How often it is asked for, once somebody minds.
const LOOK: Duration = Duration::from_millis(5);
/// How long somebody sleeps who minds nothing.
const LONG: Duration = Duration::from_secs(3600);

#[link(wasm_import_module = "quorate:task/control@0.1.0")]
unsafe extern "C" {
    #[link_name = "stop-requested"]
    fn stop_requested() -> i32;
}

#[cfg(target_env = "p2")]
#[link(wasm_import_module = "wasi:cli/exit@0.2.12")]
unsafe extern "C" {
    #[link_name = "exit-with-code"]
    fn exit_with_code(code: i32);
}

/// The two imports as a world of the component model, in its binary form:
///
/// ```wit
/// interface control { stop-requested: func() -> bool; } // quorate:task@0.1.0
/// interface exit { exit: func(status: result); exit-with-code: func(status-code: u8); } // wasi:cli@0.2.12
/// world probe { import control; import exit; }
/// ```
#[used]
#[unsafe(link_section = "component-type:quorate-probe")]
static WORLD: [u8; 236] = *b"\
    \0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xb9\x01\x01A\x02\x01A\
    \x04\x01B\x02\x01@\0\0\x7f\x04\0\x0estop-requested\x01\0\x03\0\x1aquorate:task/contr\
    ol@0.1.0\x05\0\x01B\x05\x01j\0\0\x01@\x01\x06status\0\x01\0\x04\0\x04exit\x01\x01\
    \x01@\x01\x0bstatus-code}\x01\0\x04\0\x0eexit-with-code\x01\x02\x03\0\x14wasi:cli/ex\
    it@0.2.12\x05\x01\x04\0\x19quorate:probe/probe@0.1.0\x04\0\x0b\x0b\x01\0\x05probe\
    \x03\0\0\
    ";

/// Ends the program with a code. The standard library's own way knows 0 and 1 only in a component.
pub(crate) fn exit(code: i32) -> ! {
    #[cfg(target_env = "p2")]
    // SAFETY: the host ends the program; it touches no memory.
    unsafe {
        exit_with_code(code);
    }
    std::process::exit(code)
}

/// Stays when it is asked to leave. Other signals than TERM do not exist here.
pub(crate) fn ignore(number: i32) {
    if number == TERM {
        mind(STAYS);
    }
}

/// Leaves with a code when it is asked to.
pub(crate) fn trap(number: i32, code: i32) {
    if number == TERM {
        mind(code);
    }
}

fn mind(answer: i32) {
    MINDS.store(answer, Ordering::SeqCst);
    heed();
}

/// Does what it minds.
pub(crate) fn heed() {
    let answer = MINDS.load(Ordering::SeqCst);
    // SAFETY: the host answers a number; it touches no memory.
    if answer != NEVER_ASKED && unsafe { stop_requested() } != 0 && answer != STAYS {
        exit(answer);
    }
}

/// Waits for whatever may come.
#[allow(clippy::disallowed_methods, reason = "a program of its own, outside any simulated world")]
pub(crate) fn rest() {
    let asked = MINDS.load(Ordering::SeqCst) != NEVER_ASKED;
    std::thread::sleep(if asked { LOOK } else { LONG });
    heed();
}

/// There are no signals to send.
pub(crate) fn raise(_number: i32) {}

/// There are no users.
pub(crate) fn user() -> u32 {
    0
}

/// There are no sessions.
pub(crate) fn leave_session() {}
