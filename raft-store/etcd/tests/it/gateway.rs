//! The JSON gateway answers as etcd's does.

use crate::http::{get, open, post, read_until, send};
use crate::own::{Own, until};
use quorate_etcd::proto::etcdserverpb as pb;

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_written_and_read_under_both_prefixes() {
    let own = Own::start().await;
    let header = |revision| {
        format!(r#"{{"cluster_id":"7","member_id":"1","revision":"{revision}","raft_term":"1"}}"#)
    };
    let put = post(own.addr, "/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy","new":1}"#).await;
    assert_eq!((put.status, put.body), (200, format!(r#"{{"header":{}}}"#, header(2))));
    assert!(put.head.contains("content-type: application/json"));
    assert!(put.head.contains("access-control-allow-origin: *"));
    for (prefix, range) in [
        ("/v3", r#"{"key":"Zm9v"}"#),
        ("/v3beta", r#"{"key":"Zm9v","sort_order":"DESCEND","sortTarget":3,"limit":"1"}"#),
    ] {
        let found = post(own.addr, &format!("{prefix}/kv/range"), range).await;
        let kv = r#"{"key":"Zm9v","create_revision":"2","mod_revision":"2","version":"1","value":"YmFy"}"#;
        let body = format!(r#"{{"header":{},"kvs":[{kv}],"count":"1"}}"#, header(2));
        assert_eq!((found.status, found.body), (200, body));
    }
    let txn = r#"{"compare":[{"key":"Zm9v","result":"EQUAL","target":"CREATE","createRevision":"2"}],
        "success":[{"requestPut":{"key":"Zm9v","value":"YmFy"}}]}"#;
    let txn = post(own.addr, "/v3/kv/txn", txn).await;
    assert!(
        txn.body.ends_with(
            r#""succeeded":true,"responses":[{"response_put":{"header":{"revision":"3"}}}]}"#
        ),
        "{txn:?}"
    );
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_etcds_words_codes_and_statuses() {
    let own = Own::start().await;
    let missing = r#"{"error":"etcdserver: key is not provided","message":"etcdserver: key is not provided","code":3}"#;
    let put = post(own.addr, "/v3/kv/put", "").await;
    assert_eq!((put.status, put.body.as_str()), (400, missing));
    let leader = r#"{"error":"\"leader\" field must be provided","message":"\"leader\" field must be provided","code":2}"#;
    let resign = post(own.addr, "/v3/election/resign", "{}").await;
    assert_eq!((resign.status, resign.body.as_str()), (500, leader));
    for (path, body, status, code) in [
        ("/v3/kv/range", r#"{"key":"Zm9v","revision":"99999"}"#, 400, 11),
        ("/v3/kv/put", "garbage", 400, 3),
        ("/v3/kv/put", "[]", 400, 3),
        ("/v3/kv/put", r#"{"key":5}"#, 400, 3),
        ("/v3/lease/revoke", r#"{"ID":78}"#, 404, 5),
        ("/v3/lock/lock", r#"{"name":"bA==","lease":123}"#, 500, 2),
        (
            "/v3/kv/txn",
            r#"{"compare":[{"result":0,"target":1,"key":"Zm9v","TargetUnion":null}],"success":[{"Request":{"RequestPut":{"key":"Zm9v","value":"YmFy"}}}]}"#,
            400,
            3,
        ),
    ] {
        let answer = post(own.addr, path, body).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        assert!(answer.body.starts_with(r#"{"error":""#), "{answer:?}");
        assert!(answer.body.ends_with(&format!(r#","code":{code}}}"#)), "{answer:?}");
    }
    let nothing = post(own.addr, "/v3/kv/nosuch", "{}").await;
    assert_eq!((nothing.status, nothing.body.as_str()), (404, "Not Found\n"));
    let method = get(own.addr, "/v3/kv/range").await;
    assert_eq!((method.status, method.body.as_str()), (405, "Method Not Allowed\n"));
    let options = send(own.addr, "OPTIONS", "/v3/kv/put", "", "").await;
    assert!(options.status == 200 && options.head.contains("access-control-allow-methods: post"));
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_is_told_line_by_line_and_ends_with_its_reader() {
    let own = Own::start().await;
    own.put("foo", "bar").await;
    let create = r#"{"create_request":{"key":"Zm9v","start_revision":"1"}}"#;
    let mut watch = open(own.addr, "POST", "/v3/watch", "", create).await;
    let told = read_until(&mut watch, "YmFy").await;
    assert!(told.contains(r#"{"result":{"header":{"#) && told.contains(r#""created":true}}"#));
    assert!(told.contains(r#""events":[{"kv":{"key":"Zm9v","create_revision":"2""#), "{told}");
    own.put("foo", "qux").await;
    read_until(&mut watch, "cXV4").await;
    drop(watch);
    until("the end of the watch", || async {
        let metrics = get(own.addr, "/metrics").await.body;
        metrics.contains("etcd_debugging_mvcc_watch_stream_total 0\n")
            && metrics.contains("etcd_debugging_mvcc_watcher_total 0\n")
    })
    .await;
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_are_answered_one_by_one() {
    let own = Own::start().await;
    let id = own.grant(77, 60).await;
    let renewals = post(own.addr, "/v3/lease/keepalive", r#"{"ID":77}{"ID":"78"}"#).await;
    let lines: Vec<_> = renewals.body.lines().collect();
    assert_eq!((id, lines.len()), (77, 2), "{renewals:?}");
    assert!(lines[0].ends_with(r#""ID":"77","TTL":"60"}}"#), "{renewals:?}");
    assert!(lines[1].ends_with(r#""ID":"78"}}"#), "a lease that is none has no time to live");
    let nonsense = post(own.addr, "/v3/lease/keepalive", r#"{"ID":"x"}"#).await;
    assert_eq!(nonsense.status, 400, "{nonsense:?}");
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_goes_with_a_request() {
    let own = Own::start().await;
    let headers = "Grpc-Metadata-Client-Api-Version: 9.9.9\r\n";
    let found = send(own.addr, "POST", "/v3/kv/range", headers, r#"{"key":"Zm9v"}"#).await;
    assert_eq!(found.status, 200);
    let metrics = get(own.addr, "/metrics").await.body;
    let count = r#"etcd_server_client_requests_total{client_api_version="9.9.9",type="unary"} 1"#;
    assert!(metrics.contains(count), "{metrics}");
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_that_is_served_and_has_a_path_in_etcd_has_it_here() {
    let own = Own::start().await;
    let paths = [
        "/v3/kv/deleterange",
        "/v3/kv/compaction",
        "/v3/lease/grant",
        "/v3/kv/lease/leases",
        "/v3/kv/lease/timetolive",
        "/v3/cluster/member/list",
        "/v3/maintenance/alarm",
        "/v3/maintenance/status",
        "/v3/maintenance/hashkv",
        "/v3/lock/unlock",
        "/v3/election/leader",
    ];
    for path in paths {
        let answer = post(own.addr, path, r#"{"key":"Zm9v","TTL":5}"#).await;
        assert!(answer.body.starts_with('{'), "{path}: {answer:?}");
    }
    let listed = pb::cluster_client::ClusterClient::new(own.channel.clone())
        .member_list(pb::MemberListRequest::default())
        .await
        .unwrap();
    assert_eq!(listed.into_inner().members.len(), 1);
    own.stop().await;
}
