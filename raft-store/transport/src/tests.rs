use crate::{GrpcTransport, Identity, KeepAlive, Listener, Server};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use quorate_raft::{CallError, Inbound, Lane, Method, Peer, Transport};
use quorate_seams::SystemClock;
use quorate_types::{ClusterId, MemberId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const KEEP_ALIVE: KeepAlive =
    KeepAlive { interval: Duration::from_millis(500), timeout: Duration::from_secs(2) };
const LIMIT: Duration = Duration::from_secs(10);

/// Answers with what it gets.
struct Echo;

#[async_trait]
impl Inbound for Echo {
    async fn call(&self, method: Method, body: Bytes) -> Result<Bytes, String> {
        match method {
            Method::Vote => Err("no votes here".to_owned()),
            Method::ReadIndex => std::future::pending().await,
            _ => Ok(body),
        }
    }

    fn append(
        &self,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, String>> {
        requests.map(Ok).boxed()
    }

    async fn snapshot(
        &self,
        frames: BoxStream<'static, Result<Bytes, String>>,
    ) -> Result<Bytes, String> {
        let sizes = frames.fold(0_usize, async |sum, frame| sum + frame.map_or(0, |f| f.len()));
        Ok(sizes.await.to_string().into())
    }
}

fn identity(cluster: u64, member: u64) -> Identity {
    Identity { cluster: ClusterId(cluster), member: MemberId(member) }
}

async fn serve() -> (Server, SocketAddr) {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr();
    (listener.serve(identity(7, 2), KEEP_ALIVE, Arc::new(Echo), SystemClock::shared()), addr)
}

fn caller(cluster: u64) -> GrpcTransport {
    GrpcTransport::new(identity(cluster, 1), SystemClock::shared(), KEEP_ALIVE)
}

fn peer(id: u64, addr: SocketAddr) -> Peer {
    Peer { id: MemberId(id), addr: addr.to_string(), lane: Lane::Forward }
}

#[tokio::test]
async fn calls_streams_and_snapshots_carry_their_bytes_in_order() {
    let (server, addr) = serve().await;
    let caller = caller(7);
    let to = peer(2, addr);
    let reply = caller.call(&to, Method::Propose, "command".into(), LIMIT).await.unwrap();
    assert_eq!(reply, "command");

    let large: Vec<Bytes> = (0..20_u8).map(|n| vec![n; 1 << 20].into()).collect();
    let requests = stream::iter(large.clone()).boxed();
    let replies: Vec<_> = caller.append(&to, requests).await.unwrap().collect().await;
    let replies: Vec<Bytes> = replies.into_iter().map(Result::unwrap).collect();
    assert!(replies == large, "every reply, in order, and then the end");

    let frames = stream::iter(large).boxed();
    assert_eq!(caller.snapshot(&to, frames).await.unwrap(), "20971520");
    server.stop().await;
}

#[tokio::test]
async fn calls_for_another_cluster_or_member_are_refused_by_name() {
    let (_server, addr) = serve().await;
    for (cluster, to, expected) in [(8, 2, "cluster 7"), (7, 3, "this is member 2")] {
        let caller = caller(cluster);
        let to = peer(to, addr);
        let errors = [
            caller.call(&to, Method::Hello, Bytes::new(), LIMIT).await.unwrap_err(),
            caller.append(&to, stream::empty().boxed()).await.err().unwrap(),
            caller.snapshot(&to, stream::empty().boxed()).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, CallError::Refused { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

#[tokio::test]
async fn an_error_says_whether_the_call_may_have_arrived() {
    let (server, addr) = serve().await;
    let caller = caller(7);
    let to = peer(2, addr);
    let error = caller.call(&to, Method::Vote, Bytes::new(), LIMIT).await.unwrap_err();
    assert!(matches!(error, CallError::Lost { .. }), "it answered with an error: {error}");
    let short = Duration::from_millis(20);
    let error = caller.call(&to, Method::ReadIndex, Bytes::new(), short).await.unwrap_err();
    assert!(matches!(error, CallError::Lost { .. }), "it never answered: {error}");
    server.stop().await;
    // The old connection may be noticed as broken by the first call; after that nothing is sent.
    let mut last = None;
    for _ in 0..3 {
        last = caller.call(&to, Method::Hello, Bytes::new(), LIMIT).await.err();
    }
    assert!(matches!(last, Some(CallError::NotSent { .. })), "nobody listens: {last:?}");
}

#[tokio::test]
async fn stopping_the_server_breaks_open_streams_and_frees_the_port() {
    let (server, addr) = serve().await;
    let caller = caller(7);
    let to = peer(2, addr);
    let first = stream::once(async { Bytes::from_static(b"one") });
    let endless = first.chain(stream::pending()).boxed();
    let mut replies = caller.append(&to, endless).await.unwrap();
    assert_eq!(replies.next().await.unwrap().unwrap(), "one");
    server.stop().await;
    assert!(replies.next().await.is_none_or(|reply| reply.is_err()));
    Listener::bind(addr).await.unwrap();
}

#[tokio::test]
async fn disconnecting_ends_streams_that_are_open_and_those_that_are_being_opened() {
    let (_server, addr) = serve().await;
    let caller = caller(7);
    let endless = || stream::once(async { Bytes::from_static(b"one") }).chain(stream::pending());
    let mut open = caller.append(&peer(2, addr), endless().boxed()).await.unwrap();
    assert_eq!(open.next().await.unwrap().unwrap(), "one");
    let to = peer(2, addr);
    let sending = caller.snapshot(&to, endless().boxed());
    // Connections to it are taken by the kernel, and nobody answers on them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = Peer { lane: Lane::Append, ..peer(2, silent.local_addr().unwrap()) };
    let opening = caller.append(&nowhere, endless().boxed());
    let disconnecting = async {
        tokio::task::yield_now().await;
        caller.disconnect();
    };
    let (sent, opened, ()) = futures::join!(sending, opening, disconnecting);
    assert!(
        matches!(&sent, Err(error @ CallError::Lost { .. }) if error.to_string().contains("has stopped"))
    );
    assert!(matches!(opened.err(), Some(CallError::Lost { .. })));
    assert!(open.next().await.is_none());
}
