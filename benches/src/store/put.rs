//! `put`: durable puts of 256 bytes, in this process and over gRPC.

use super::Failure;
use super::bench::{Bench, CLIENTS, KEYS};
use super::in_process;
use super::load::{self, Client};
use super::process::{cpu_seconds, resident_mib};
use super::table::Floor;
use super::wire::{Arrivals, Call, Method, Put, Requests, VALUE_BYTES};
use bytes::Bytes;
use quorate_member::Member;
use quorate_store::{Store, Txn};

/// Puts to random keys.
pub(crate) struct Puts(Put);

impl Puts {
    pub(crate) fn new(connection: usize) -> Self {
        Self(Put::new(connection as u64 + 1))
    }
}

impl Requests for Puts {
    fn next(&mut self, _: usize, message: &mut Vec<u8>) -> Call {
        let key = self.0.random() % KEYS;
        message.extend_from_slice(self.0.message(key));
        Call { method: Method::Put, class: 0 }
    }
}

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Failure> {
    if !bench.options.grpc_only {
        for members in [1, 3] {
            in_this_process(bench, members, 256).await?;
            in_this_process(bench, members, 1).await?;
        }
    }
    for members in [1, 3] {
        over_grpc(bench, members).await?;
    }
    Ok(())
}

fn members_text(members: usize) -> &'static str {
    if members == 1 { "1 member" } else { "3 members" }
}

/// A writer in this process; it goes through keys of its own.
struct Writer {
    member: Member,
    key: u64,
    step: u64,
    random: super::wire::Random,
}

impl Client for Writer {
    async fn once(&mut self) -> Result<(), Failure> {
        self.key = (self.key + self.step) % KEYS;
        let mut value = vec![0; VALUE_BYTES];
        self.random.fill(&mut value);
        self.member.txn(Txn::put(super::wire::key(self.key), Bytes::from(value))).await?;
        Ok(())
    }
}

async fn in_this_process(bench: &mut Bench, members: usize, writers: u64) -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(&bench.options.dir)?;
    let cluster = in_process::start(dir.path(), members).await?;
    let leader = &cluster[0];
    let figure = format!("put, in process, {writers} writers, {}", members_text(members));
    for _ in 0..bench.options.rounds {
        bench.say(&figure);
        let writer = |key| Writer {
            member: leader.clone(),
            key,
            step: writers,
            random: super::wire::Random::new(key + 1),
        };
        let own = [std::process::id()];
        let mut marks = Vec::new();
        let mark = || {
            marks.push((cpu_seconds(&own)?, leader.log_stats().syncs));
            Ok(())
        };
        let clients = (0..writers).map(writer).collect();
        let seen = load::run(clients, &bench.clock, bench.options.phases, mark).await?;
        let (rate, cpu): (&[Floor], &[Floor]) = match (members, writers) {
            (1, 256) => (&[Floor::AtLeast(80e3)], &[Floor::AtMost(13.0)]),
            (3, 256) => (&[Floor::AtLeast(50e3)], &[Floor::AtMost(32.0)]),
            _ => (&[], &[]),
        };
        let micros = (marks[1].0 - marks[0].0) * 1e6 / seen.operations();
        #[allow(clippy::cast_precision_loss, reason = "a small number")]
        let syncs = (marks[1].1 - marks[0].1) as f64;
        bench.add(format!("{figure}: rate"), "/s", rate, "ours", seen.rate());
        bench.add(format!("{figure}: CPU"), "µs", cpu, "ours", micros);
        let (p50, p99) = (seen.quantile(0, 0.5) / 1e3, seen.quantile(0, 0.99) / 1e3);
        bench.add(format!("{figure}: p50"), "ms", &[], "ours", p50);
        bench.add(format!("{figure}: p99"), "ms", &[], "ours", p99);
        let per_sync = seen.operations() / syncs;
        bench.add(format!("{figure}: puts per fdatasync"), "", &[], "ours", per_sync);
    }
    for member in cluster {
        member.shutdown().await?;
    }
    Ok(())
}

const CPU: &[Floor] = &[Floor::TimesAtMost(&[("3.", 0.55)])];
const RATE: &[Floor] = &[Floor::TimesAtLeast(&[("3.", 1.4)])];
const LONE: &[Floor] = &[Floor::TimesAtMost(&[("3.", 0.7)])];
/// Arrivals of the open loop per second: what every side can serve.
const PER_SECOND: f64 = 4000.0;

async fn over_grpc(bench: &mut Bench, members: usize) -> Result<(), Failure> {
    let sides = bench.sides(members).await?;
    let size = members_text(members);
    let many = format!("put, gRPC, {CLIENTS} clients, {size}");
    let scheduled = format!("put, gRPC, {PER_SECOND} due per s, {size}");
    let lone = format!("put, gRPC, 1 client, {size}");
    for _ in 0..bench.options.rounds {
        for side in &sides {
            bench.say(&format!("{many}: {}", side.name));
            let drive = bench.drive(CLIENTS);
            let sample = drive.run(&side.servers, side.leader, &bench.clock, Puts::new).await?;
            bench.add_sample(&many, side, &sample, RATE, CPU);
            let floor = [Floor::AtLeast(100.0)];
            let figure = format!("{many}: puts per fdatasync");
            bench.add(figure, "", &floor, &side.name, sample.per_sync);

            let mut drive = bench.drive(CLIENTS);
            drive.arrivals = Arrivals::Open { per_second: PER_SECOND };
            let sample = drive.run(&side.servers, side.leader, &bench.clock, Puts::new).await?;
            bench.add_sample(&scheduled, side, &sample, &[], &[]);

            let drive = bench.drive(1);
            let sample = drive.run(&side.servers, side.leader, &bench.clock, Puts::new).await?;
            let (p50, p99) = (sample.seen.quantile(0, 0.5), sample.seen.quantile(0, 0.99));
            bench.add(format!("{lone}: p50"), "ms", LONE, &side.name, p50 / 1e3);
            bench.add(format!("{lone}: p99"), "ms", LONE, &side.name, p99 / 1e3);
        }
    }
    for side in &sides {
        let rss = resident_mib(&side.servers.pids())?;
        bench.add(format!("{many}: RSS after"), "MiB", &[], &side.name, rss);
    }
    Ok(())
}
