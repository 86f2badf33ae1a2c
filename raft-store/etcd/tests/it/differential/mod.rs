//! The same random operations sent to ours and to a stock etcd: the answers are the same, field by
//! field, but for who gave them.
//!
//! `OPS` says how many, `SEED` which; without them a few thousand, as many as fit into a few seconds.

mod ask;
mod draw;
mod gateway;
mod mask;
mod replay;

use crate::own::Own;
use crate::stock::Stock;
use ask::Asked;
use draw::{Draw, Operation};
use quorate_etcd::proto::etcdserverpb as pb;
use quorate_seams::Seams;
use std::collections::VecDeque;
use std::time::Duration;

/// Operations after which hashes and watches are compared.
const INTERVAL: u64 = 250;
/// Operations of a plain run, which ends after this time, too.
const OPS: u64 = 3_000;
const LIMIT: Duration = Duration::from_secs(15);
/// Operations that are told when answers differ.
const REMEMBERED: usize = 20;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_a_stock_etcd() {
    let Some(stock) = Stock::start().await else { return };
    let own = Own::start().await;
    let asked = number("OPS");
    let seed = number("SEED").unwrap_or(1);
    let clock = Seams::system().clock;
    let end = clock.now() + LIMIT;
    let (mut ours, mut theirs) =
        (Asked::new(own.channel.clone()), Asked::new(stock.channel.clone()));
    let mut draw = Draw::new(seed);
    let mut recent: VecDeque<Operation> = VecDeque::new();
    let mut done = 0;
    while done < asked.unwrap_or(OPS) && (asked.is_some() || clock.now() < end) {
        let operation = draw.operation();
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(operation.clone());
        let (own_answer, stock_answer) =
            tokio::join!(ours.ask(operation.clone()), theirs.ask(operation));
        assert!(
            own_answer.text == stock_answer.text,
            "seed {seed}, operation {done}: after {recent:#?}\nours:   {}\ntheirs: {}",
            own_answer.text,
            stock_answer.text
        );
        draw.learn(own_answer.revision);
        done += 1;
        if done % INTERVAL == 0 {
            same_hash(&own, &stock, seed, done).await;
            replay::same_events(&own, &stock, &mut draw, seed, done).await;
        }
    }
    same_hash(&own, &stock, seed, done).await;
    println!(
        "{done} operations of seed {seed} were answered alike, {} watches told alike",
        draw.watches()
    );
    own.stop().await;
}

async fn hash(channel: &tonic::transport::Channel) -> (u32, i64, i64) {
    let mut client = pb::maintenance_client::MaintenanceClient::new(channel.clone());
    let hash = client.hash_kv(pb::HashKvRequest { revision: 0 }).await.unwrap().into_inner();
    (hash.hash, hash.compact_revision, hash.header.unwrap().revision)
}

async fn same_hash(own: &Own, stock: &Stock, seed: u64, done: u64) {
    let (ours, theirs) = tokio::join!(hash(&own.channel), hash(&stock.channel));
    assert_eq!(ours, theirs, "hash, compaction and revision: seed {seed}, {done} operations");
}
