//! `large-list`: five clients list everything at the same time: in one answer, in pages, as a stream.

use super::Failure;
use super::bench::{Bench, Side, load};
use super::process::{peak_mib, reset_peak, resident_mib};
use super::table::Floor;
use super::wire::{Method, Seen, Session};
use futures::future::try_join_all;
use prost::Message;
use quorate_etcd::proto::etcdserverpb as pb;

const VALUE_BYTES: usize = 10_000;
const LISTS: usize = 5;
/// Keys in a page.
const PAGE: i64 = 500;

/// How a list is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Whole,
    Pages,
    Stream,
}

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Failure> {
    let keys: u64 = if bench.options.quick { 15_000 } else { 150_000 };
    let figure = format!("{LISTS} lists of {keys} x 10 kB at once");
    for program in bench.programs.clone() {
        bench.say(&format!("{figure}: {}", program.name));
        let side = bench.side(&program, 1).await?;
        load(side.leader, keys, VALUE_BYTES).await?;
        for way in [Way::Whole, Way::Pages, Way::Stream] {
            // etcd 3.7 was the first to stream.
            if way == Way::Stream && side.name != "ours" {
                continue;
            }
            let (how, memory): (_, &[Floor]) = match way {
                Way::Whole => ("one answer", &[]),
                Way::Pages => ("pages of 500", &[]),
                Way::Stream => ("streamed", &[Floor::AtMost(64.0)]),
            };
            let (extra, seconds) = measure(bench, &side, keys, way).await?;
            bench.add(format!("{figure}, {how}: extra RSS"), "MiB", memory, &side.name, extra);
            bench.add(format!("{figure}, {how}: time"), "s", &[], &side.name, seconds);
        }
    }
    Ok(())
}

/// Memory beyond what was resident before, and seconds until the last list was complete.
async fn measure(bench: &Bench, side: &Side, keys: u64, way: Way) -> Result<(f64, f64), Failure> {
    let pids = side.servers.pids();
    let before = resident_mib(&pids)?;
    reset_peak(&pids)?;
    let began = bench.clock.now();
    let lists = (0..LISTS).map(|_| list(side, way));
    for bytes in try_join_all(lists).await? {
        if bytes < keys * VALUE_BYTES as u64 {
            return Err(format!("a list had {bytes} bytes").into());
        }
    }
    let took = bench.clock.now() - began;
    Ok((peak_mib(&pids)? - before, took.as_secs_f64()))
}

/// Reads a list to its end; its bytes.
async fn list(side: &Side, way: Way) -> Result<u64, Failure> {
    let mut session = Session::open(side.leader).await?;
    let mut key = b"/bench/".to_vec();
    let mut bytes = 0;
    loop {
        let request = pb::RangeRequest {
            key: std::mem::take(&mut key).into(),
            range_end: b"/bench0".as_slice().into(),
            limit: if way == Way::Pages { PAGE } else { 0 },
            ..Default::default()
        };
        let method = match way {
            Way::Whole => Method::Range,
            Way::Stream => Method::RangeStream,
            Way::Pages => {
                let answer = session.call(Method::Range, request.encode_to_vec()).await?;
                bytes += answer.len() as u64;
                let answer = pb::RangeResponse::decode(&answer[..])?;
                let Some(last) = answer.kvs.last().filter(|_| answer.more) else {
                    return Ok(bytes);
                };
                key.extend_from_slice(&last.key);
                key.push(0);
                continue;
            }
        };
        return count(&mut session, method, &request.encode_to_vec()).await;
    }
}

/// Reads an answer and keeps nothing of it.
async fn count(session: &mut Session, method: Method, request: &[u8]) -> Result<u64, Failure> {
    session.connection.call(method, request, true);
    let mut bytes = 0;
    loop {
        session.turn().await?;
        while let Some(seen) = session.connection.next()? {
            let over = match seen {
                Seen::Data { bytes: data, end, .. } => {
                    bytes += data.len() as u64;
                    end
                }
                Seen::End { .. } => true,
            };
            if over {
                return Ok(bytes);
            }
        }
    }
}
