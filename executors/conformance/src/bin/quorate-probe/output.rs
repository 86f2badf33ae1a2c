//! What the probe prints, without buffers that a killed process would lose.

use std::io::{self, Write};

/// Writes to standard output at once.
pub(crate) fn out(bytes: &[u8]) -> Result<(), String> {
    write(io::stdout().lock(), bytes)
}

/// Writes to standard error at once.
pub(crate) fn err(bytes: &[u8]) -> Result<(), String> {
    write(io::stderr().lock(), bytes)
}

/// A line on standard output.
pub(crate) fn say(text: &str) -> Result<(), String> {
    out(format!("{text}\n").as_bytes())
}

/// A line on standard error, whoever listens.
pub(crate) fn complain(text: &str) {
    // There is nobody else to tell.
    let _ = err(format!("probe: {text}\n").as_bytes());
}

fn write(mut to: impl Write, bytes: &[u8]) -> Result<(), String> {
    to.write_all(bytes).and_then(|()| to.flush()).map_err(|error| error.to_string())
}
