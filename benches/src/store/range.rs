//! `range`: linearizable reads of one key, over gRPC and in this process.

use super::Failure;
use super::bench::{Bench, CLIENTS, KEYS, load};
use super::in_process;
use super::load::Client;
use super::process::cpu_seconds;
use super::table::Floor;
use super::wire::{Call, Method, Random, Requests, VALUE_BYTES, key, range};
use bytes::Bytes;
use quorate_member::Member;
use quorate_store::{KeyRange, Op, RangeRequest, Store, Txn};

/// Reads of random keys.
pub(crate) struct Reads(Random);

impl Reads {
    pub(crate) fn new(connection: usize) -> Self {
        Self(Random::new(connection as u64 + 1))
    }
}

impl Requests for Reads {
    fn next(&mut self, _: usize, message: &mut Vec<u8>) -> Call {
        message.extend_from_slice(&range(self.0.next() % KEYS));
        Call { method: Method::Range, class: 0 }
    }
}

const READERS: u64 = 64;

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Failure> {
    if !bench.options.grpc_only {
        in_this_process(bench, 1, &[Floor::AtLeast(200e3)]).await?;
        in_this_process(bench, 3, &[]).await?;
    }
    over_grpc(bench, 1).await?;
    if bench.options.quick { Ok(()) } else { over_grpc(bench, 3).await }
}

struct Reader {
    member: Member,
    random: Random,
}

impl Client for Reader {
    async fn once(&mut self) -> Result<(), Failure> {
        let key = key(self.random.next() % KEYS);
        let found = self.member.range(RangeRequest::new(KeyRange::Key(key.into()))).await?;
        if found.kvs.len() == 1 { Ok(()) } else { Err("a key is missing".into()) }
    }
}

async fn in_this_process(bench: &mut Bench, members: usize, rate: &[Floor]) -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(&bench.options.dir)?;
    let cluster = in_process::start(dir.path(), members).await?;
    let leader = &cluster[0];
    let mut random = Random::new(7);
    for start in (0..KEYS).step_by(100) {
        let put = |number| {
            let mut value = vec![0; VALUE_BYTES];
            random.fill(&mut value);
            Op::put(key(number), Bytes::from(value))
        };
        leader.txn(Txn::ops((start..start + 100).map(put))).await?;
    }
    let figure = format!("linearizable read, in process, {READERS} readers, {members} member(s)");
    for _ in 0..bench.options.rounds {
        bench.say(&figure);
        let reader = |seed| Reader { member: leader.clone(), random: Random::new(seed) };
        let own = [std::process::id()];
        let mut marks = Vec::new();
        let mark = || {
            marks.push(cpu_seconds(&own)?);
            Ok(())
        };
        let readers = (1..=READERS).map(reader).collect();
        let seen = super::load::run(readers, &bench.clock, bench.options.phases, mark).await?;
        let micros = (marks[1] - marks[0]) * 1e6 / seen.operations();
        bench.add(format!("{figure}: rate"), "/s", rate, "ours", seen.rate());
        bench.add(format!("{figure}: CPU"), "µs", &[], "ours", micros);
        let p99 = seen.quantile(0, 0.99) / 1e3;
        bench.add(format!("{figure}: p99"), "ms", &[], "ours", p99);
    }
    for member in cluster {
        member.shutdown().await?;
    }
    Ok(())
}

const CPU: &[Floor] = &[Floor::TimesAtMost(&[("3.4", 0.4), ("3.5", 0.8)])];
const RATE: &[Floor] = &[Floor::TimesAtLeast(&[("3.4", 2.0), ("3.5", 1.2)])];

async fn over_grpc(bench: &mut Bench, members: usize) -> Result<(), Failure> {
    let sides = bench.sides(members).await?;
    for side in &sides {
        load(side.leader, KEYS, VALUE_BYTES).await?;
    }
    let figure = format!("linearizable range, gRPC, {CLIENTS} clients, {members} member(s)");
    for _ in 0..bench.options.rounds {
        for side in &sides {
            bench.say(&format!("{figure}: {}", side.name));
            let drive = bench.drive(CLIENTS);
            let sample = drive.run(&side.servers, side.leader, &bench.clock, Reads::new).await?;
            bench.add_sample(&figure, side, &sample, RATE, CPU);
        }
    }
    Ok(())
}
