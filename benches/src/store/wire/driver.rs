//! The load: connections, each with its share of the clients, all on one thread of its own.
//!
//! Closed: every client sends its next request when the last one is answered. Open: requests are
//! due at fixed times, and what a late one waits counts as latency.

use super::calls::Method;
use super::connection::{Connection, Seen};
use crate::store::Failure;
use crate::store::phase::{Phase, Phases, Seen as Measured};
use quorate_seams::{Monotonic, SharedClock, spawn};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Requests of one connection that may wait for an answer when arrivals are scheduled.
const MOST_OPEN: usize = 20_000;
/// How exactly arrivals are kept.
const TICK: Duration = Duration::from_millis(1);

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Arrivals {
    /// By so many clients, each when its last one is answered.
    Closed { clients: usize },
    /// So many per second, whatever happens.
    Open { per_second: f64 },
}

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Each in a call of its own.
    Unary,
    /// Each client has one call, and each message on it is answered by one.
    Stream,
}

/// A request: what is called, and in which class its latency is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) class: usize,
}

/// The requests of one connection.
pub(crate) trait Requests: Send + 'static {
    /// Appends the next message of a client and says how it is sent.
    fn next(&mut self, client: usize, message: &mut Vec<u8>) -> Call;
}

/// A load on one server.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) server: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) arrivals: Arrivals,
    pub(crate) shape: Shape,
    pub(crate) phases: Phases,
}

impl Load {
    /// Runs the load; `mark` is called at both ends of the measured time, `requests` makes those of
    /// each connection.
    pub(crate) async fn run<R: Requests>(
        &self,
        clock: &SharedClock,
        mut requests: impl FnMut(usize) -> R,
        mark: impl FnMut() -> Result<(), Failure> + Send,
    ) -> Result<Measured, Failure> {
        let phase = Arc::new(Phase::default());
        let lanes: Vec<Lane<R>> = (0..self.connections)
            .map(|number| Lane::new(self, number, requests(number), clock, &phase))
            .collect();
        let (server, watched) = (self.server, Arc::clone(&phase));
        let driving = std::thread::spawn(move || drive(server, lanes, &watched));
        let lasted = self.phases.pass(clock, &phase, mark).await;
        // The thread ends soon: everything it waits for has been told that it is over.
        let reports = driving.join().map_err(|_| "the load panicked")??;
        Ok(Measured::new(reports, lasted?))
    }
}

type Report = Vec<(usize, u32)>;

fn drive<R: Requests>(
    server: SocketAddr,
    lanes: Vec<Lane<R>>,
    phase: &Arc<Phase>,
) -> Result<Vec<Report>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let reports = runtime.block_on(async move {
        let start =
            |lane: Lane<R>| spawn(async move { lane.run(TcpStream::connect(server).await?).await });
        let running: Vec<_> = lanes.into_iter().map(start).collect();
        let mut reports = Vec::new();
        for task in running {
            reports.push(task.join().await.ok_or("a connection of the load panicked")??);
        }
        Ok(reports)
    });
    if reports.is_err() {
        phase.fail();
    }
    reports
}

/// A request that has been sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    client: usize,
    class: usize,
    /// When it was sent, or due.
    at: Monotonic,
    answered: bool,
    over: bool,
}

/// One connection with its clients.
struct Lane<R> {
    connection: Connection,
    requests: R,
    arrivals: Arrivals,
    shape: Shape,
    clock: SharedClock,
    phase: Arc<Phase>,
    /// The streams from `oldest` on.
    open: VecDeque<Sent>,
    oldest: u32,
    unanswered: usize,
    due: Monotonic,
    message: Vec<u8>,
    report: Report,
}

impl<R: Requests> Lane<R> {
    fn new(
        load: &Load,
        number: usize,
        requests: R,
        clock: &SharedClock,
        phase: &Arc<Phase>,
    ) -> Self {
        let arrivals = match load.arrivals {
            Arrivals::Closed { clients } => {
                let rest = usize::from(number < clients % load.connections);
                Arrivals::Closed { clients: clients / load.connections + rest }
            }
            #[allow(clippy::cast_precision_loss, reason = "a small number")]
            Arrivals::Open { per_second } => {
                Arrivals::Open { per_second: per_second / load.connections as f64 }
            }
        };
        Self {
            connection: Connection::new(load.server.to_string()),
            requests,
            arrivals,
            shape: load.shape,
            clock: Arc::clone(clock),
            phase: Arc::clone(phase),
            open: VecDeque::new(),
            oldest: 1,
            unanswered: 0,
            due: clock.now(),
            message: Vec::new(),
            report: Vec::new(),
        }
    }

    async fn run(mut self, stream: TcpStream) -> Result<Report, Failure> {
        stream.set_nodelay(true)?;
        if let Arrivals::Closed { clients } = self.arrivals {
            let now = self.clock.now();
            (0..clients).for_each(|client| self.send(client, now));
        }
        while !self.phase.is_over() || self.unanswered > 0 {
            self.send_what_is_due()?;
            let writing = !write(&stream, &mut self.connection.out)?;
            let wanted =
                if writing { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            match self.arrivals {
                Arrivals::Closed { .. } => drop(stream.ready(wanted).await?),
                Arrivals::Open { .. } => {
                    let ready = stream.ready(wanted);
                    if let Some(ready) = quorate_seams::timeout(&*self.clock, TICK, ready).await {
                        ready?;
                    }
                }
            }
            self.read(&stream)?;
        }
        Ok(self.report)
    }

    fn send_what_is_due(&mut self) -> Result<(), Failure> {
        let Arrivals::Open { per_second } = self.arrivals else { return Ok(()) };
        let now = self.clock.now();
        while self.due <= now && !self.phase.is_over() {
            if self.unanswered >= MOST_OPEN {
                return Err(
                    format!("{MOST_OPEN} requests wait: {per_second}/s are too many").into()
                );
            }
            self.send(0, self.due);
            self.due = self.due + Duration::from_secs_f64(1.0 / per_second);
        }
        Ok(())
    }

    /// Sends the next request of a client, on a stream of its own.
    fn send(&mut self, client: usize, at: Monotonic) {
        self.message.clear();
        let call = self.requests.next(client, &mut self.message);
        let last = self.shape == Shape::Unary;
        self.connection.call(call.method, &self.message, last);
        self.unanswered += 1;
        self.open.push_back(Sent { client, class: call.class, at, answered: false, over: false });
    }

    /// Sends the next request of a client on the stream that it has.
    fn send_again(&mut self, stream: u32, client: usize, now: Monotonic) {
        self.message.clear();
        self.requests.next(client, &mut self.message);
        self.connection.send(stream, &self.message, false);
        self.unanswered += 1;
        if let Some(sent) = self.open.get_mut(index(self.oldest, stream)) {
            sent.at = now;
            sent.answered = false;
        }
    }

    fn read(&mut self, stream: &TcpStream) -> Result<(), Failure> {
        self.connection.input.reserve(64 * 1024);
        match stream.try_read_buf(&mut self.connection.input) {
            Ok(0) => return Err("the server closed the connection".into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let now = self.clock.now();
        loop {
            let (stream, data, end) = match self.connection.next()? {
                None => return Ok(()),
                Some(Seen::Data { stream, end, .. }) => (stream, true, end),
                Some(Seen::End { stream }) => (stream, false, true),
            };
            self.seen(stream, data, end, now)?;
        }
    }

    fn seen(&mut self, stream: u32, data: bool, end: bool, now: Monotonic) -> Result<(), Failure> {
        let sent = self.open.get_mut(index(self.oldest, stream)).ok_or("an unknown stream")?;
        sent.answered |= data;
        sent.over |= end;
        let refused = end && (!sent.answered || self.shape == Shape::Stream);
        if refused {
            return Err(format!("stream {stream} was refused: {sent:?}").into());
        }
        if end || self.shape == Shape::Stream {
            let Sent { client, class, at, .. } = *sent;
            self.answered(class, now - at);
            if !self.phase.is_over() {
                match (self.shape, self.arrivals) {
                    (Shape::Stream, _) => self.send_again(stream, client, now),
                    (Shape::Unary, Arrivals::Closed { .. }) => self.send(client, now),
                    (Shape::Unary, Arrivals::Open { .. }) => {}
                }
            }
        }
        while self.open.front().is_some_and(|sent| sent.over) {
            self.open.pop_front();
            self.oldest += 2;
        }
        Ok(())
    }

    fn answered(&mut self, class: usize, took: Duration) {
        self.unanswered -= 1;
        if self.phase.is_measured() {
            self.report.push((class, u32::try_from(took.as_micros()).unwrap_or(u32::MAX)));
        }
    }
}

/// Where a stream is found; streams have odd numbers.
fn index(oldest: u32, stream: u32) -> usize {
    (stream.wrapping_sub(oldest) / 2) as usize
}

/// Writes what can be written; true if that was everything.
pub(super) fn write(stream: &TcpStream, out: &mut Vec<u8>) -> Result<bool, Failure> {
    let mut written = 0;
    while written < out.len() {
        match stream.try_write(&out[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    out.drain(..written);
    Ok(out.is_empty())
}
