//! What agent and shim say to each other: one JSON value per frame, a frame being its length as
//! four big-endian bytes and the bytes.
//!
//! Place: both ends use it; it does no I/O. A request carries the version of the protocol; a shim
//! refuses a newer one, a newer agent goes on speaking old ones for as long as old shims may live.

use crate::launch::Launch;
use quorate_executor::{ExitRecord, Started, Stop, TaskId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;

/// Version of the protocol.
pub(crate) const VERSION: u32 = 1;

/// Longest frame in bytes: the kernel takes at most 6 MiB of arguments and environment.
pub(crate) const MAX_FRAME: usize = 8 << 20;

/// What the agent asks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Version of the protocol.
    pub(crate) v: u32,
    /// The question.
    pub(crate) op: Op,
}

/// The question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    Create(Launch),
    Start(TaskId),
    Observe(TaskId),
    Stop {
        task: TaskId,
        how: Stop,
    },
    Remove(TaskId),
    List,
    /// Answered with a [`Reply::Changed`] for every task there is and for every change from then on.
    Subscribe,
    /// Removes the runtime directory and ends the shim.
    Shutdown,
}

/// What the shim answers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Done,
    Started(Started),
    State(State),
    States(Vec<(TaskId, State)>),
    Changed(TaskId),
    Refused(Refusal),
}

/// The state of a task as far as its holder knows it: everything there is to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Created,
    Running(Started),
    Exited(ExitRecord),
    Absent,
}

/// Why the shim does not do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refusal {
    Absent,
    Runs(TaskId),
    Exited(TaskId),
    Start { command: String, reason: String },
    Version { speaks: u32 },
    Malformed(String),
    Io { what: String, reason: String },
}

/// A value as a frame.
pub(crate) fn encode<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(value)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_FRAME);
    let Some(length) = length else { return Err(too_long(body.len())) };
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(body);
    Ok(frame)
}

/// The length that a frame's first four bytes announce.
pub(crate) fn announced(head: [u8; 4]) -> io::Result<usize> {
    let length = usize::try_from(u32::from_be_bytes(head)).map_err(io::Error::other)?;
    if length > MAX_FRAME { Err(too_long(length)) } else { Ok(length) }
}

/// A frame's body as a value.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(body)?)
}

/// Bytes that have come in and are not yet a whole frame.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Vec<u8>);

impl Inbox {
    /// Adds what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Takes the next whole frame's body.
    pub(crate) fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(head) = self.0.first_chunk::<4>() else { return Ok(None) };
        let end = 4 + announced(*head)?;
        if self.0.len() < end {
            return Ok(None);
        }
        let body = self.0[4..end].to_vec();
        self.0.drain(..end);
        Ok(Some(body))
    }
}

fn too_long(length: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("frame of {length} bytes exceeds the limit of {MAX_FRAME}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        let frames: Vec<u8> = [Reply::Done, Reply::State(State::Created)]
            .iter()
            .flat_map(|r| encode(r).unwrap())
            .collect();
        let mut inbox = Inbox::default();
        let mut got = Vec::new();
        for byte in frames {
            inbox.push(&[byte]);
            while let Some(body) = inbox.take().unwrap() {
                got.push(decode::<Reply>(&body).unwrap());
            }
        }
        assert_eq!(got, [Reply::Done, Reply::State(State::Created)]);
    }

    #[test]
    fn an_announced_length_over_the_limit_is_an_error() {
        let mut inbox = Inbox::default();
        inbox.push(&u32::MAX.to_be_bytes());
        assert!(inbox.take().is_err());
    }
}
