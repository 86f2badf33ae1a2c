//! A further command in a running task: what is asked, and the session that answers.

use crate::Error;
use bytes::Bytes;
use futures::sink::Sink;
use futures::stream::BoxStream;
use std::fmt;
use std::pin::Pin;

/// What to run beside a task's main process, in its surroundings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecSpec {
    /// Program and arguments; never empty.
    pub command: Vec<String>,
    /// Whether it gets a terminal: then both streams come as [`ExecEvent::Stdout`].
    pub tty: bool,
    /// Whether its standard input stays open; otherwise it reads an end at once.
    pub stdin: bool,
}

/// What a session has to say, in order; [`ExecEvent::Exited`] is the last of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecEvent {
    /// Bytes of standard output.
    Stdout(Bytes),
    /// Bytes of standard error.
    Stderr(Bytes),
    /// The command has ended. Where the backend cannot tell a signal from a code, this is what a
    /// shell would say: 128 + n.
    Exited(i32),
}

/// Where a session's standard input goes; closing it ends the input.
pub type ExecInput = Pin<Box<dyn Sink<Bytes, Error = Error> + Send>>;

/// A running session. Dropping it ends the conversation; the command may live on until its task ends.
pub struct ExecSession {
    /// Standard input.
    pub input: ExecInput,
    /// Output and exit. A stream that ends without [`ExecEvent::Exited`] says nothing of the exit.
    pub events: BoxStream<'static, Result<ExecEvent, Error>>,
}

impl fmt::Debug for ExecSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecSession").finish_non_exhaustive()
    }
}
