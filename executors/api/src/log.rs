//! A task's log file, for executors that read its output from pipes or streams of their own.

use crate::CriLines;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A log file that several streams of one task are written to, whole lines at a time.
#[derive(Debug)]
pub struct LogFile {
    file: Mutex<File>,
}

impl LogFile {
    /// Opens a log for appending; its directory is made if need be.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Appends lines that are formed already.
    ///
    /// # Errors
    /// The disk takes nothing.
    pub fn append(&self, lines: &[u8]) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines)
    }

    /// Moves a stream (`stdout` or `stderr`) into the log until it ends; blocks meanwhile. `stamp`
    /// gives the time stamp of a line ([`crate::rfc3339`]). What the disk does not take is lost: a full
    /// disk must not stop a task.
    pub fn pump(&self, mut stream: impl Read, name: &'static str, stamp: impl Fn() -> String) {
        let (mut lines, mut buffer) = (CriLines::new(name), [0; 16 * 1024]);
        loop {
            let length = match stream.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.unwrap_or(0),
            };
            let (stamp, mut out) = (stamp(), Vec::new());
            lines.push(&buffer[..length], &stamp, &mut out);
            if length == 0 {
                lines.finish(&stamp, &mut out);
            }
            // As said above.
            let _ = self.append(&out);
            if length == 0 {
                return;
            }
        }
    }
}
