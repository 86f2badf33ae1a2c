//! `lease`: renewals, grants, and many leases that end at the same time.

use super::Failure;
use super::bench::{Bench, CLIENTS, Side};
use super::table::Floor;
use super::wire::{Call, Method, Requests, Session, Shape};
use prost::Message;
use quorate_etcd::proto::etcdserverpb as pb;
use std::sync::Arc;
use std::time::Duration;

/// Seconds that leases live which are not meant to end.
const LONG: i64 = 3600;
/// Seconds that leases live which are.
const SHORT: i64 = 10;
const GIVE_UP: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const AT_ONCE: usize = 256;

pub(crate) async fn run(bench: &mut Bench) -> Result<(), Failure> {
    let sides = bench.sides(1).await?;
    let renewed = format!("lease keep-alive, gRPC, {CLIENTS} clients, 1 member");
    let granted = format!("lease grant, gRPC, {CLIENTS} clients, 1 member");
    let mut leases = Vec::new();
    for side in &sides {
        leases.push(Arc::new(grant(side, CLIENTS, LONG).await?));
    }
    for _ in 0..bench.options.rounds {
        for (side, leases) in sides.iter().zip(&leases) {
            bench.say(&format!("{renewed}: {}", side.name));
            let mut drive = bench.drive(CLIENTS);
            drive.shape = Shape::Stream;
            let connections = drive.connections;
            let requests =
                |connection| Renewals { leases: Arc::clone(leases), connection, connections };
            let sample = drive.run(&side.servers, side.leader, &bench.clock, requests).await?;
            let cpu = [Floor::TimesAtMost(&[("3.", 0.7)])];
            bench.add_sample(&renewed, side, &sample, &[], &cpu);

            bench.say(&format!("{granted}: {}", side.name));
            let drive = bench.drive(CLIENTS);
            let requests = |_| Grants;
            let sample = drive.run(&side.servers, side.leader, &bench.clock, requests).await?;
            bench.add_sample(&granted, side, &sample, &[], &[]);
        }
    }
    drop(sides);
    expiry(bench).await
}

/// Each client of a connection renews a lease of its own.
struct Renewals {
    leases: Arc<Vec<i64>>,
    connection: usize,
    connections: usize,
}

impl Requests for Renewals {
    fn next(&mut self, client: usize, message: &mut Vec<u8>) -> Call {
        let at = (self.connection + client * self.connections) % self.leases.len();
        let request = pb::LeaseKeepAliveRequest { id: self.leases[at] };
        message.extend_from_slice(&request.encode_to_vec());
        Call { method: Method::LeaseKeepAlive, class: 0 }
    }
}

/// Grants whose ids the server chooses.
struct Grants;

impl Requests for Grants {
    fn next(&mut self, _: usize, message: &mut Vec<u8>) -> Call {
        message.extend_from_slice(&grant_request(LONG));
        Call { method: Method::LeaseGrant, class: 0 }
    }
}

fn grant_request(ttl: i64) -> Vec<u8> {
    pb::LeaseGrantRequest { ttl, id: 0 }.encode_to_vec()
}

async fn grant(side: &Side, count: usize, ttl: i64) -> Result<Vec<i64>, Failure> {
    let mut session = Session::open(side.leader).await?;
    let mut leases = Vec::new();
    let requests = std::iter::repeat_with(|| grant_request(ttl)).take(count);
    let read = |message: &[u8]| {
        leases.extend(pb::LeaseGrantResponse::decode(message).map(|granted| granted.id));
    };
    session.calls(Method::LeaseGrant, requests, AT_ONCE, read).await?;
    Ok(leases)
}

/// Grants leases with a key each, and waits from the end of the last one until no key is left.
async fn expiry(bench: &mut Bench) -> Result<(), Failure> {
    let count = if bench.options.quick { 5000 } else { 20_000 };
    let figure = format!("{count} leases end: until all are gone");
    for program in bench.programs.clone() {
        bench.say(&format!("{figure}: {}", program.name));
        let side = bench.side(&program, 1).await?;
        let leases = grant(&side, count, SHORT).await?;
        let ends = bench.clock.now() + Duration::from_secs(SHORT.unsigned_abs());
        let puts = (0..).zip(leases).map(|(number, lease)| {
            let key = super::wire::key(number).into();
            pb::PutRequest { key, lease, ..Default::default() }.encode_to_vec()
        });
        let mut session = Session::open(side.leader).await?;
        session.calls(Method::Put, puts, AT_ONCE, |_| ()).await?;
        if bench.clock.now() >= ends {
            return Err("the leases ended before all keys were put: too slow a server".into());
        }
        while left(&mut session).await? > 0 {
            if bench.clock.now() > ends + GIVE_UP {
                return Err(format!("{}: leases do not end", side.name).into());
            }
            bench.clock.sleep(LOOK_AGAIN).await;
        }
        let late = bench.clock.now() - ends;
        bench.add(&figure, "s", &[Floor::AtMost(3.0)], &side.name, late.as_secs_f64());
    }
    Ok(())
}

async fn left(session: &mut Session) -> Result<i64, Failure> {
    let request = pb::RangeRequest {
        key: b"/bench/".as_slice().into(),
        range_end: b"/bench0".as_slice().into(),
        count_only: true,
        ..Default::default()
    };
    let answer = session.call(Method::Range, request.encode_to_vec()).await?;
    Ok(pb::RangeResponse::decode(&answer[..])?.count)
}
