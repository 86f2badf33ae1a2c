//! A connection for what is not measured: loading keys, granting leases, opening watches.

use super::calls::Method;
use super::connection::{Connection, Seen};
use super::driver::write;
use crate::store::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Splits bytes of a stream into the messages that are whole; leaves the rest.
pub(crate) fn messages(bytes: &mut Vec<u8>, mut each: impl FnMut(&[u8])) {
    let mut at = 0;
    while let Some(&[_, a, b, c, d]) = bytes[at..].first_chunk() {
        let end = at + 5 + u32::from_be_bytes([a, b, c, d]) as usize;
        let Some(message) = bytes.get(at + 5..end) else { break };
        each(message);
        at = end;
    }
    bytes.drain(..at);
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: Connection,
    stream: TcpStream,
}

impl Session {
    pub(crate) async fn open(server: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self { connection: Connection::new(server.to_string()), stream })
    }

    /// Writes what waits and reads what comes, once.
    pub(crate) async fn turn(&mut self) -> Result<(), Failure> {
        let writing = !write(&self.stream, &mut self.connection.out)?;
        let wanted =
            if writing { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        self.stream.ready(wanted).await?;
        self.connection.input.reserve(64 * 1024);
        match self.stream.try_read_buf(&mut self.connection.input) {
            Ok(0) => Err("the server closed the connection".into()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes calls, some at a time, and hands over the answer to each as it comes.
    pub(crate) async fn calls(
        &mut self,
        method: Method,
        requests: impl IntoIterator<Item = Vec<u8>>,
        at_once: usize,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), Failure> {
        let mut requests = requests.into_iter().fuse();
        let mut open = BTreeSet::new();
        let mut answers: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        loop {
            while open.len() < at_once
                && let Some(request) = requests.next()
            {
                open.insert(self.connection.call(method, &request, true));
            }
            if open.is_empty() {
                return Ok(());
            }
            self.turn().await?;
            while let Some(seen) = self.connection.next()? {
                let (stream, over) = match seen {
                    Seen::Data { stream, bytes, end } => {
                        answers.entry(stream).or_default().extend_from_slice(bytes);
                        (stream, end)
                    }
                    Seen::End { stream } => (stream, true),
                };
                if over {
                    open.remove(&stream);
                    let mut answer = answers.remove(&stream).unwrap_or_default();
                    let mut answered = false;
                    messages(&mut answer, |message| {
                        answered = true;
                        each(message);
                    });
                    if !answered {
                        return Err(format!("{} was refused", method.path()).into());
                    }
                }
            }
        }
    }

    /// Makes one call.
    pub(crate) async fn call(
        &mut self,
        method: Method,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, Failure> {
        let mut answer = Vec::new();
        self.calls(method, [request], 1, |message| answer = message.to_vec()).await?;
        Ok(answer)
    }
}
