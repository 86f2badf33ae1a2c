//! One direction of a stream: in order, late, and broken when the link stays cut.

use super::Net;
use quorate_seams::Monotonic;
use quorate_types::MemberId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a connection survives a cut link.
const KEEP_ALIVE: Duration = Duration::from_millis(600);
/// How much later a lost packet of a stream arrives.
const RETRANSMIT: Duration = Duration::from_millis(60);
/// How often a cut link is tried.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// What travels: a value or the announced end.
enum Item<T> {
    Value(T),
    End,
}

/// The end that sends.
pub(super) struct Sender<T> {
    net: Arc<Net>,
    last: Monotonic,
    queue: mpsc::UnboundedSender<(Monotonic, Item<T>)>,
}

/// The end that receives.
pub(super) struct Receiver<T> {
    net: Arc<Net>,
    way: (MemberId, MemberId),
    queue: mpsc::UnboundedReceiver<(Monotonic, Item<T>)>,
}

/// What comes out of a pipe.
pub(super) enum Received<T> {
    Value(T),
    /// The sender has ended it.
    End,
    /// The sender is gone or the link is cut.
    Broken,
}

pub(super) fn pipe<T>(net: &Arc<Net>, from: MemberId, to: MemberId) -> (Sender<T>, Receiver<T>) {
    let (send, receive) = mpsc::unbounded_channel();
    let sender = Sender { net: Arc::clone(net), last: net.clock.now(), queue: send };
    (sender, Receiver { net: Arc::clone(net), way: (from, to), queue: receive })
}

impl<T> Sender<T> {
    /// False when nobody receives any more.
    pub(super) fn send(&mut self, value: T) -> bool {
        self.push(Item::Value(value))
    }

    /// Announces the end.
    pub(super) fn end(mut self) {
        self.push(Item::End);
    }

    fn push(&mut self, item: Item<T>) -> bool {
        let lost = self.net.chance(self.net.lock().weather.loss);
        let extra = if lost { RETRANSMIT } else { Duration::ZERO };
        self.last = self.last.max(self.net.clock.now() + self.net.delay() + extra);
        self.queue.send((self.last, item)).is_ok()
    }
}

impl<T> Receiver<T> {
    pub(super) async fn receive(&mut self) -> Received<T> {
        let Some((at, item)) = self.queue.recv().await else { return Received::Broken };
        let clock = &self.net.clock;
        clock.sleep_until(at).await;
        let give_up = clock.now() + KEEP_ALIVE;
        while self.net.is_cut(self.way.0, self.way.1) {
            if clock.now() >= give_up {
                self.queue.close();
                return Received::Broken;
            }
            clock.sleep(TRY_AGAIN).await;
        }
        match item {
            Item::Value(value) => Received::Value(value),
            Item::End => Received::End,
        }
    }
}
