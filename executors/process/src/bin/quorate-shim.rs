//! The shim as a program of its own, for hosts that cannot re-execute themselves.

use std::process::ExitCode;

fn main() -> ExitCode {
    quorate_process::maybe_shim();
    // Reached only when a person started it: there is nothing to do without an agent.
    ExitCode::from(2)
}
