//! `watch`: one write to 10,000 watchers.
//!
//! Latency: a write at a time, from the moment it is sent until the last watcher has it. Events per
//! second: many writes at once, until the last watcher has the last of them.

use super::Failure;
use super::bench::{Bench, Side};
use super::in_process;
use super::phase::quantile;
use super::process::cpu_seconds;
use super::table::Floor;
use super::wire::{Connection, Method, Put, Seen, Session, messages};
use bytes::Bytes;
use futures::StreamExt;
use prost::Message;
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_seams::{SharedClock, Task, spawn};
use quorate_store::{KeyRange, Store, Txn, WatchRequest};
use std::net::SocketAddr;
use tokio::sync::watch;

/// Clients, each with one stream on a connection of its own.
const STREAMS: u64 = 100;
const WATCHES_PER_STREAM: u64 = 100;
const WATCHERS: u64 = STREAMS * WATCHES_PER_STREAM;
/// Writes whose events are counted while all are under way.
const BURST: u64 = 50;
/// The key that everybody watches.
const KEY: u64 = 0;

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Failure> {
    let writes = if bench.options.quick { 30 } else { 100 };
    let figure = format!("1 write to {WATCHERS} watchers");
    if !bench.options.grpc_only {
        bench.say(&format!("{figure}, in process"));
        let seen = in_this_process(bench, writes).await?;
        add(bench, &format!("{figure}, in process"), "ours", &seen);
    }
    let sides = bench.sides(1).await?;
    for _ in 0..bench.options.rounds {
        for side in &sides {
            bench.say(&format!("{figure}, gRPC: {}", side.name));
            let seen = over_grpc(bench, side, writes).await?;
            add(bench, &format!("{figure}, gRPC"), &side.name, &seen);
        }
    }
    Ok(())
}

/// What a round has seen.
struct Round {
    /// Microseconds until all were told, sorted.
    latencies: Vec<u32>,
    events_per_second: f64,
    /// Microseconds of server CPU for each event delivered.
    micros: f64,
}

fn add(bench: &mut Bench, figure: &str, side: &str, seen: &Round) {
    let latency = [Floor::AtMost(100.0)];
    let rate = [Floor::TimesAtLeast(&[("3.", 2.0)])];
    let (p50, p99) = (quantile(&seen.latencies, 0.5), quantile(&seen.latencies, 0.99));
    bench.add(format!("{figure}: p50"), "ms", &[], side, p50 / 1e3);
    bench.add(format!("{figure}: p99"), "ms", &latency, side, p99 / 1e3);
    bench.add(format!("{figure}: events"), "/s", &rate, side, seen.events_per_second);
    bench.add(format!("{figure}: CPU per event"), "µs", &[], side, seen.micros);
}

/// Watchers that count what they are told.
struct Watchers {
    told: watch::Receiver<u64>,
    failed: watch::Receiver<Option<String>>,
    _tasks: Vec<Task<()>>,
}

impl Watchers {
    /// Waits until all watchers together have been told so many events.
    async fn until(&mut self, events: u64) -> Result<(), Failure> {
        tokio::select! {
            told = self.told.wait_for(|told| *told >= events) => {
                told?;
                Ok(())
            }
            failed = self.failed.wait_for(Option::is_some) => {
                Err(format!("a watcher failed: {:?}", *failed?).into())
            }
        }
    }
}

async fn measure(
    clock: &SharedClock,
    pids: &[u32],
    watchers: &mut Watchers,
    writes: u64,
    mut write: impl AsyncFnMut(u64) -> Result<(), Failure>,
) -> Result<Round, Failure> {
    let mut latencies = Vec::new();
    let mut expected = 0;
    for number in 0..writes {
        expected += WATCHERS;
        let began = clock.now();
        write(1).await?;
        watchers.until(expected).await?;
        // The first one warms what comes after it.
        if number > 0 {
            let micros = (clock.now() - began).as_micros();
            latencies.push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
    }
    let (began, cpu) = (clock.now(), cpu_seconds(pids)?);
    write(BURST).await?;
    watchers.until(expected + BURST * WATCHERS).await?;
    #[allow(clippy::cast_precision_loss, reason = "a small number")]
    let events = (BURST * WATCHERS) as f64;
    latencies.sort_unstable();
    let events_per_second = events / (clock.now() - began).as_secs_f64();
    let micros = (cpu_seconds(pids)? - cpu) * 1e6 / events;
    Ok(Round { latencies, events_per_second, micros })
}

async fn over_grpc(bench: &Bench, side: &Side, writes: u64) -> Result<Round, Failure> {
    let (clock, pids) = (SharedClock::clone(&bench.clock), side.servers.pids());
    let server = side.leader;
    let round = async move || {
        let mut watchers = remote_watchers(server).await?;
        let mut session = Session::open(server).await?;
        let mut put = Put::new(1);
        let write = async |count: u64| {
            let puts: Vec<_> = (0..count).map(|_| put.message(KEY).to_vec()).collect();
            session.calls(Method::Put, puts, 10, |_| ()).await
        };
        measure(&clock, &pids, &mut watchers, writes, write).await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let running = std::thread::spawn(move || runtime.block_on(round()));
    running.join().map_err(|_| "the watchers panicked")?
}

async fn remote_watchers(server: SocketAddr) -> Result<Watchers, Failure> {
    let (count, told) = watch::channel(0);
    let (fail, failed) = watch::channel(None);
    let mut tasks = Vec::new();
    for _ in 0..STREAMS {
        let mut session = Session::open(server).await?;
        open_watches(&mut session).await?;
        let (count, fail) = (count.clone(), fail.clone());
        tasks.push(spawn(async move {
            let Err(error) = follow(session, &count).await;
            fail.send_replace(Some(error.to_string()));
        }));
    }
    Ok(Watchers { told, failed, _tasks: tasks })
}

/// Opens all watches of a stream, and waits until each is known to be open.
async fn open_watches(session: &mut Session) -> Result<(), Failure> {
    let create = pb::WatchCreateRequest {
        key: super::wire::key(KEY).into(),
        fragment: true,
        ..Default::default()
    };
    let union = pb::watch_request::RequestUnion::CreateRequest(create);
    let create = pb::WatchRequest { request_union: Some(union) }.encode_to_vec();
    let stream = session.connection.call(Method::Watch, &create, false);
    for _ in 1..WATCHES_PER_STREAM {
        session.connection.send(stream, &create, false);
    }
    let mut opened = 0;
    let mut bytes = Vec::new();
    while opened < WATCHES_PER_STREAM {
        session.turn().await?;
        drain(&mut session.connection, &mut bytes)?;
        messages(&mut bytes, |_| opened += 1);
    }
    Ok(())
}

async fn follow(
    mut session: Session,
    count: &watch::Sender<u64>,
) -> Result<std::convert::Infallible, Failure> {
    let mut bytes = Vec::new();
    loop {
        session.turn().await?;
        drain(&mut session.connection, &mut bytes)?;
        let mut seen = 0;
        messages(&mut bytes, |message| seen += events(message));
        if seen > 0 {
            count.send_modify(|told| *told += seen);
        }
    }
}

/// Takes what has arrived on the only stream.
fn drain(connection: &mut Connection, bytes: &mut Vec<u8>) -> Result<(), Failure> {
    while let Some(seen) = connection.next()? {
        match seen {
            Seen::Data { bytes: data, end: false, .. } => bytes.extend_from_slice(data),
            _ => return Err("a watch stream has ended".into()),
        }
    }
    Ok(())
}

/// How many events a `WatchResponse` carries; nothing else of it is looked at.
fn events(message: &[u8]) -> u64 {
    const EVENT: u8 = 11 << 3 | 2;
    let mut left = message;
    let mut count = 0;
    while let Some((&tag, rest)) = left.split_first() {
        count += u64::from(tag == EVENT);
        let (value, rest) = varint(rest);
        let skip = if tag & 7 == 2 { usize::try_from(value).unwrap_or(usize::MAX) } else { 0 };
        left = rest.get(skip..).unwrap_or_default();
    }
    count
}

fn varint(bytes: &[u8]) -> (u64, &[u8]) {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return (value, &bytes[at + 1..]);
        }
    }
    (value, &[])
}

async fn in_this_process(bench: &Bench, writes: u64) -> Result<Round, Failure> {
    let dir = tempfile::tempdir_in(&bench.options.dir)?;
    let cluster = in_process::start(dir.path(), 1).await?;
    let member = &cluster[0];
    let (count, told) = watch::channel(0);
    let (fail, failed) = watch::channel(None);
    let mut tasks = Vec::new();
    for _ in 0..WATCHERS {
        let key = super::wire::key(KEY).into();
        let from = member.status().revision.next();
        let mut batches = member.watch(WatchRequest::new(KeyRange::Key(key)).from(from)).await?;
        let (count, fail) = (count.clone(), fail.clone());
        tasks.push(spawn(async move {
            while let Some(Ok(batch)) = batches.next().await {
                count.send_modify(|told| *told += batch.events.len() as u64);
            }
            fail.send_replace(Some("a watch has ended".to_owned()));
        }));
    }
    let mut watchers = Watchers { told, failed, _tasks: tasks };
    let own = [std::process::id()];
    let write = async |count: u64| {
        for _ in 0..count {
            let value = Bytes::from(vec![b'v'; super::wire::VALUE_BYTES]);
            member.txn(Txn::put(super::wire::key(KEY), value)).await?;
        }
        Ok(())
    };
    let round = measure(&bench.clock, &own, &mut watchers, writes, write).await?;
    drop(watchers);
    for member in cluster {
        member.shutdown().await?;
    }
    Ok(round)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_etcd::proto::mvccpb;

    #[test]
    fn events_are_counted_without_decoding() {
        let events_of = |count| {
            let kv = mvccpb::KeyValue { value: vec![0x5a; 300].into(), ..Default::default() };
            let event = mvccpb::Event { kv: Some(kv), ..Default::default() };
            let head = pb::ResponseHeader { revision: 0x5a5a, ..Default::default() };
            pb::WatchResponse {
                header: Some(head),
                watch_id: 90,
                events: vec![event; count],
                ..Default::default()
            }
        };
        assert_eq!(events(&events_of(3).encode_to_vec()), 3);
        assert_eq!(events(&events_of(0).encode_to_vec()), 0);
    }
}
