//! etcd 3.7's ranges in chunks.

use crate::own::{Own, prefixed};
use quorate_etcd::proto::etcdserverpb as pb;
use tonic::{Code, Status};

async fn chunks(own: &Own, range: pb::RangeRequest) -> Result<Vec<pb::RangeResponse>, Status> {
    let mut stream = own.kv().range_stream(range).await?.into_inner();
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.message().await? {
        chunks.push(chunk.range_response.unwrap());
    }
    Ok(chunks)
}

/// What the chunks are together.
fn whole(chunks: &[pb::RangeResponse]) -> pb::RangeResponse {
    let (last, rest) = chunks.split_last().unwrap();
    for chunk in rest {
        assert!(chunk.header.is_none() && chunk.count == 0 && !chunk.more, "{chunk:?}");
        assert!(!chunk.kvs.is_empty());
    }
    let kvs = chunks.iter().flat_map(|chunk| chunk.kvs.iter().cloned()).collect();
    pb::RangeResponse { kvs, ..last.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_together_are_the_range() {
    let own = Own::start().await;
    for number in 0..57 {
        own.put(&format!("k{number:02}"), "v").await;
    }
    own.put("k00", "again").await;
    for (limit, revision, keys_only) in [
        (0, 0, false),
        (5, 0, false),
        (10, 0, true),
        (25, 20, false),
        (57, 0, false),
        (56, 0, true),
    ] {
        let range = pb::RangeRequest { limit, revision, keys_only, ..prefixed("k") };
        let told = chunks(&own, range.clone()).await.unwrap();
        let expected = own.kv().range(range).await.unwrap().into_inner();
        assert_eq!(whole(&told), expected, "limit {limit}, revision {revision}");
        assert!(told[0].kvs.len() <= 10, "the first chunk is small");
    }
    assert_eq!(chunks(&own, prefixed("k")).await.unwrap().len(), 3, "10, 20 and 27 keys");
    let counted = pb::RangeRequest { count_only: true, ..prefixed("k") };
    let told = chunks(&own, counted).await.unwrap();
    assert_eq!((told.len(), told[0].count, told[0].kvs.len()), (1, 57, 0));
    assert_eq!(whole(&chunks(&own, prefixed("none")).await.unwrap()).count, 0);
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_values_make_chunks_of_about_one_request() {
    let own = Own::start().await;
    for number in 0..48 {
        let put = pb::PutRequest {
            key: format!("k{number:02}").into(),
            value: vec![7; 200_000].into(),
            ..Default::default()
        };
        own.kv().put(put).await.unwrap();
    }
    let mut kv = own.kv();
    let mut stream = kv.range_stream(prefixed("k")).await.unwrap().into_inner();
    let mut sizes = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        sizes.push(chunk.range_response.unwrap().kvs.len());
    }
    assert_eq!(sizes.iter().sum::<usize>(), 48);
    assert!(sizes.iter().all(|keys| *keys <= 16), "{sizes:?}");
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_the_whole_range_is_not_served_in_chunks() {
    let own = Own::start().await;
    let sorted = pb::RangeRequest { sort_order: 2, ..prefixed("k") };
    let filtered = pb::RangeRequest { min_mod_revision: 2, ..prefixed("k") };
    for range in [sorted, filtered] {
        assert_eq!(chunks(&own, range).await.unwrap_err().code(), Code::Unimplemented);
    }
    let ascending = pb::RangeRequest { sort_order: 1, ..prefixed("k") };
    assert!(chunks(&own, ascending).await.is_ok());
    let future = pb::RangeRequest { revision: 99, ..prefixed("k") };
    assert_eq!(chunks(&own, future).await.unwrap_err().code(), Code::OutOfRange);
    let nothing = chunks(&own, pb::RangeRequest::default()).await.unwrap_err();
    assert_eq!(nothing.message(), "etcdserver: key is not provided");
    own.stop().await;
}
