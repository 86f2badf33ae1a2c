//! The suite that every store must pass, over the wire to ours and to a stock etcd.

use crate::servers::{Own, Stock, handle};
use async_trait::async_trait;
use quorate_store::conformance::{ClockControl, Fixture, StoreFactory, Suite};
use std::net::SocketAddr;
use std::sync::Arc;

/// Which server each case has to itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Own,
    Stock,
}

/// Cases that do not hold over the wire, or not on one of the servers.
const LEFT_OUT: &[(&str, Option<Server>)] = &[
    // What ends with the root has an end: these delete everything from a key on that they put.
    ("txn::a_deletion_without_an_end", None),
    ("random::", None),
    // It wants fractions of seconds.
    ("lease::keep_alive_restores_the_whole_time", None),
    // No more than that fits into a member, and the names of the root count.
    ("limits::a_value_as_large_as_allowed", Some(Server::Own)),
    // Debian's etcd 3.4 tells the value before the transaction, and forgets a deletion too soon.
    ("nested::a_later_transaction_may_delete", Some(Server::Stock)),
    ("compaction::a_watch_from_the_compacted_revision_on", Some(Server::Stock)),
];

struct Remote {
    server: Server,
    campaign: bool,
}

impl Remote {
    async fn fixture(&self, addr: SocketAddr) -> Fixture {
        Fixture::new(Arc::new(handle(addr, self.campaign).await), ClockControl::Real)
    }
}

#[async_trait]
impl StoreFactory for Remote {
    async fn fresh(&self) -> Fixture {
        match self.server {
            Server::Own => {
                let own = Own::start().await;
                self.fixture(own.addr).await.keeping(own)
            }
            Server::Stock => {
                let stock = Stock::start().await.expect("a stock etcd");
                self.fixture(stock.addr).await.keeping(stock)
            }
        }
    }
}

/// Elections have a key, whose revision the other cases would not expect.
async fn run(server: Server) {
    let seek = Remote { server, campaign: true };
    Suite::all().only("fencing::").run(&seek).await.assert_passed();
    let plain = Remote { server, campaign: false };
    let suite = LEFT_OUT.iter().fold(Suite::all().without("fencing::"), |suite, (case, only)| {
        let concerned = only.is_none_or(|only| only == server);
        if concerned { suite.without(case) } else { suite }
    });
    suite.run(&plain).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_server_is_a_store_over_the_network() {
    run(Server::Own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_etcd_is_a_store_over_the_network() {
    if Stock::start().await.is_some() {
        run(Server::Stock).await;
    }
}
