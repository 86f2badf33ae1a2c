//! The shim's connections: frames in, frames out, never blocking.

use super::setup::complain;
use crate::wire::{Inbox, Reply, Request, decode, encode};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};
use std::collections::BTreeMap;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Most connections at a time; others wait in the listener's queue.
const MAX_CONNECTIONS: usize = 128;

/// Most bytes that a peer may leave unread before it is dropped. A subscriber that does not read
/// comes back and is told everything again.
const MAX_UNREAD: usize = 16 << 20;

/// Names a connection.
pub(super) type ConnId = u64;

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Conns {
    next: ConnId,
    open: BTreeMap<ConnId, Conn>,
}

#[derive(Debug)]
struct Conn {
    socket: OwnedFd,
    inbox: Inbox,
    outbox: Vec<u8>,
    subscribed: bool,
}

impl Conns {
    /// Whether another connection can be taken.
    pub(super) fn has_room(&self) -> bool {
        self.open.len() < MAX_CONNECTIONS
    }

    /// Takes a connection from the listener, unless its peer is another user.
    pub(super) fn accept(&mut self, listener: &OwnedFd) {
        let socket = match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(socket) => socket,
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => return,
            Err(errno) => return complain(&format!("a connection cannot be taken: {errno}")),
        };
        let peer = rustix::net::sockopt::socket_peercred(&socket);
        if peer.is_ok_and(|peer| peer.uid == rustix::process::geteuid()) {
            let conn =
                Conn { socket, inbox: Inbox::default(), outbox: Vec::new(), subscribed: false };
            self.open.insert(self.next, conn);
            self.next += 1;
        }
    }

    /// Every connection to wait for, and whether bytes wait to be sent to it.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (ConnId, BorrowedFd<'_>, bool)> {
        use std::os::fd::AsFd;
        self.open.iter().map(|(id, conn)| (*id, conn.socket.as_fd(), !conn.outbox.is_empty()))
    }

    /// Reads what a peer has sent: whole requests, or why one is not a request. A peer that has gone
    /// or does not keep to the frames is forgotten.
    pub(super) fn read(&mut self, id: ConnId) -> Vec<Result<Request, String>> {
        let Some(conn) = self.open.get_mut(&id) else { return Vec::new() };
        let gone = conn.fill();
        let mut requests = Vec::new();
        let broken = loop {
            match conn.inbox.take() {
                Ok(Some(body)) => requests.push(decode(&body).map_err(|error| error.to_string())),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        if gone || broken {
            self.open.remove(&id);
        }
        requests
    }

    /// Sends to a peer; to one that is gone, nothing.
    pub(super) fn reply(&mut self, id: ConnId, reply: &Reply) {
        let Some(conn) = self.open.get_mut(&id) else { return };
        match encode(reply) {
            Ok(frame) => {
                conn.outbox.extend(frame);
                self.flush(id);
            }
            Err(error) => {
                complain(&format!("an answer cannot be sent: {error}"));
                self.open.remove(&id);
            }
        }
    }

    /// Sends to every subscriber.
    pub(super) fn publish(&mut self, reply: &Reply) {
        let subscribers: Vec<_> =
            self.open.iter().filter(|(_, conn)| conn.subscribed).map(|(id, _)| *id).collect();
        for id in subscribers {
            self.reply(id, reply);
        }
    }

    /// Makes a peer a subscriber.
    pub(super) fn subscribe(&mut self, id: ConnId) {
        if let Some(conn) = self.open.get_mut(&id) {
            conn.subscribed = true;
        }
    }

    /// Sends what a peer takes now.
    pub(super) fn flush(&mut self, id: ConnId) {
        if self.open.get_mut(&id).is_some_and(|conn| !conn.drain()) {
            self.open.remove(&id);
        }
    }
}

impl Conn {
    /// Reads what is there; whether the peer is gone.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                Ok((0, _)) => return true,
                Ok((length, _)) => self.inbox.push(&buffer[..length]),
                Err(Errno::AGAIN) => return false,
                Err(Errno::INTR) => {}
                Err(_) => return true,
            }
        }
    }

    /// Writes what the socket takes; whether the peer is worth keeping.
    fn drain(&mut self) -> bool {
        while !self.outbox.is_empty() {
            match send(&self.socket, &self.outbox, SendFlags::NOSIGNAL) {
                Ok(length) => {
                    self.outbox.drain(..length);
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        self.outbox.len() <= MAX_UNREAD
    }
}
