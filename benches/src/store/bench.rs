//! What every scenario is given: options, programs, the clock, the table.

use super::Failure;
use super::options::Options;
use super::sample::Drive;
use super::server::{Program, Servers};
use super::table::{Floor, Table};
use super::wire::{Arrivals, Method, Random, Session, Shape, put_txn};
use quorate_seams::SharedClock;
use std::net::SocketAddr;

/// Clients of a figure that says nothing else.
pub(crate) const CLIENTS: usize = 1000;
/// Keys that loads spread over.
pub(crate) const KEYS: u64 = 100_000;
/// Loading transactions in flight.
const LOADS_AT_ONCE: usize = 16;

pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) programs: Vec<Program>,
    pub(crate) clock: SharedClock,
    pub(crate) table: Table,
}

/// A server that is running, and which side it is.
pub(crate) struct Side {
    pub(crate) name: String,
    pub(crate) servers: Servers,
    pub(crate) leader: SocketAddr,
}

impl Bench {
    /// Starts a cluster of every side.
    pub(crate) async fn sides(&self, members: usize) -> Result<Vec<Side>, Failure> {
        let mut sides = Vec::new();
        for program in &self.programs {
            sides.push(self.side(program, members).await?);
        }
        Ok(sides)
    }

    pub(crate) async fn side(&self, program: &Program, members: usize) -> Result<Side, Failure> {
        let servers = Servers::start(program, members, &self.options.dir, &self.clock).await?;
        let leader = servers.leader().await?;
        Ok(Side { name: program.name.clone(), servers, leader })
    }

    /// How a load of so many clients is driven.
    pub(crate) fn drive(&self, clients: usize) -> Drive {
        Drive {
            connections: self.options.connections.min(clients),
            arrivals: Arrivals::Closed { clients },
            shape: Shape::Unary,
            phases: self.options.phases,
        }
    }

    pub(crate) fn add(
        &mut self,
        figure: impl AsRef<str>,
        unit: &'static str,
        floors: &[Floor],
        side: &str,
        value: f64,
    ) {
        self.table.add(figure.as_ref(), unit, floors, side, value);
    }

    #[allow(clippy::print_stderr, reason = "a bench says what it does meanwhile")]
    pub(crate) fn say(&self, text: &str) {
        eprintln!("… {text}");
    }
}

/// Puts keys from zero on, values of some size.
pub(crate) async fn load(server: SocketAddr, keys: u64, bytes: usize) -> Result<(), Failure> {
    let mut session = Session::open(server).await?;
    let mut random = Random::new(keys);
    // Below the largest request (1.5 MiB) and the most operations of a transaction (128).
    let each = (1_000_000 / bytes as u64).clamp(1, 100);
    let starts = (0..keys).step_by(usize::try_from(each)?);
    let txns = starts.map(|start| put_txn(start..(start + each).min(keys), bytes, &mut random));
    session.calls(Method::Txn, txns, LOADS_AT_ONCE, |_| ()).await
}

impl Bench {
    /// Adds the usual figures of a round: rate, latency, CPU of servers and client.
    pub(crate) fn add_sample(
        &mut self,
        figure: &str,
        side: &Side,
        sample: &super::sample::Sample,
        rate: &[Floor],
        cpu: &[Floor],
    ) {
        let name = &side.name;
        let (p50, p99) = (sample.seen.quantile(0, 0.5), sample.seen.quantile(0, 0.99));
        self.add(format!("{figure}: rate"), "/s", rate, name, sample.seen.rate());
        self.add(format!("{figure}: server CPU"), "µs", cpu, name, sample.server_micros);
        self.add(format!("{figure}: client CPU"), "µs", &[], name, sample.client_micros);
        self.add(format!("{figure}: p50"), "ms", &[], name, p50 / 1e3);
        self.add(format!("{figure}: p99"), "ms", &[], name, p99 / 1e3);
    }
}
