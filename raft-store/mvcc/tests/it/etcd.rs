//! The same history given to a real etcd and to ours: every answer and every hash is equal.
//!
//! Talks to etcd's JSON gateway. Takes the program named by `ETCD_BIN`, or `etcd` in the path;
//! without one the test says SKIP.

use crate::script::{apply, commands};
use bytes::Bytes;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use quorate_mvcc::{Command, MemoryDb, Mvcc, Options, Outcome, Reply};
use quorate_seams::{SystemClock, timeout, unused_loopback};
use quorate_store::{
    Compare, CompareOp, CompareTarget, KeyRange, KeyValue, Op, OpResponse, PutOp, RangeRequest,
    SortTarget, Txn, TxnResponse,
};
use quorate_types::Revision;
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// A running etcd with a data directory of its own.
struct Etcd {
    child: Child,
    addr: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The client beside the server.
fn etcdctl() -> PathBuf {
    match std::env::var("ETCD_BIN").map(PathBuf::from) {
        Ok(server) => server.with_file_name("etcdctl"),
        Err(_) => "etcdctl".into(),
    }
}

impl Etcd {
    /// Starts it; `None` if there is no such program.
    async fn start() -> Option<Self> {
        let program = std::env::var("ETCD_BIN").unwrap_or_else(|_| "etcd".to_owned());
        let unused = unused_loopback(2).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (client, peer) = (format!("http://{}", unused[0]), format!("http://{}", unused[1]));
        let child = Process::new(program)
            .arg("--data-dir")
            .arg(dir.path())
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}"), "--unsafe-no-fsync"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Process::new(etcdctl()).arg("version").output().ok()?;
        let etcd = Self { child: child.ok()?, addr: unused[0], _dir: dir };
        let clock = SystemClock::shared();
        let up = async {
            while !matches!(etcd.try_post("/v3/maintenance/status", &json!({})), Ok((200, _))) {
                clock.sleep(Duration::from_millis(50)).await;
            }
        };
        let came = timeout(&*clock, Duration::from_secs(30), up).await;
        assert!(came.is_some(), "etcd does not come up");
        Some(etcd)
    }

    fn try_post(&self, path: &str, body: &Value) -> std::io::Result<(u16, Value)> {
        let mut stream = TcpStream::connect(self.addr)?;
        let body = body.to_string();
        write!(
            stream,
            "POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
    }

    /// The answer, or its error.
    fn post(&self, path: &str, body: &Value) -> Result<Value, Value> {
        match self.try_post(path, body).unwrap() {
            (200, answer) => Ok(answer),
            (_, error) => Err(error),
        }
    }

    /// `HashKV`, which the gateway does not have.
    fn hash(&self, revision: Revision) -> u32 {
        let output = Process::new(etcdctl())
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.addr.to_string(), "endpoint", "hashkv"])
            .arg(format!("--rev={revision}"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let hash = text.trim().rsplit(", ").next().and_then(|hash| hash.parse().ok());
        hash.unwrap_or_else(|| panic!("no hash at {revision}: {output:?}"))
    }

    fn run(&self, command: &Command) -> Result<Value, Value> {
        match command {
            Command::Txn(txn) => self.post("/v3/kv/txn", &txn_json(txn)),
            Command::Compact { revision } => {
                let body = json!({"revision": revision.0.to_string(), "physical": true});
                self.post("/v3/kv/compaction", &body)
            }
            Command::LeaseGrant { id, .. } => {
                self.post("/v3/lease/grant", &json!({"ID": id.0.to_string(), "TTL": "100000"}))
            }
            Command::LeaseRevoke { ids } => {
                self.post("/v3/lease/revoke", &json!({"ID": ids[0].0.to_string()}))
            }
            other => unreachable!("not drawn: {other:?}"),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = usize::try_from(word >> (18 - 6 * digit) & 63).unwrap();
            text.push(if digit > chunk.len() { '=' } else { DIGITS[value].into() });
        }
    }
    text
}

/// `key` and `range_end` as etcd names a range.
fn range_json(range: &KeyRange) -> Map<String, Value> {
    let zero = &[0_u8][..];
    let (key, end) = match range {
        KeyRange::Key(key) => (&key[..], None),
        KeyRange::Span(start, end) => (&start[..], Some(&end[..])),
        KeyRange::From(start) if start.is_empty() => (zero, Some(zero)),
        KeyRange::From(start) => (&start[..], Some(zero)),
    };
    let mut json = Map::from_iter([("key".to_owned(), json!(base64(key)))]);
    if let Some(end) = end {
        json.insert("range_end".to_owned(), json!(base64(end)));
    }
    json
}

fn compare_json(compare: &Compare) -> Value {
    let mut json = range_json(&compare.range);
    let result = match compare.op {
        CompareOp::Equal => "EQUAL",
        CompareOp::NotEqual => "NOT_EQUAL",
        CompareOp::Greater => "GREATER",
        CompareOp::Less => "LESS",
    };
    let (target, field, value) = match &compare.target {
        CompareTarget::Version(version) => ("VERSION", "version", version.to_string()),
        CompareTarget::CreateRevision(at) => ("CREATE", "create_revision", at.0.to_string()),
        CompareTarget::ModRevision(at) => ("MOD", "mod_revision", at.0.to_string()),
        CompareTarget::Value(value) => ("VALUE", "value", base64(value)),
        CompareTarget::Lease(lease) => ("LEASE", "lease", lease.0.to_string()),
    };
    json.insert("result".to_owned(), json!(result));
    json.insert("target".to_owned(), json!(target));
    json.insert(field.to_owned(), json!(value));
    Value::Object(json)
}

fn read_json(request: &RangeRequest) -> Value {
    let mut json = range_json(&request.range);
    let mut set = |name: &str, value: Value| json.insert(name.to_owned(), value);
    set("revision", json!(request.revision.0.to_string()));
    set("limit", json!(request.limit.to_string()));
    set("keys_only", json!(request.keys_only));
    set("count_only", json!(request.count_only));
    set("min_mod_revision", json!(request.filter.min_mod.0.to_string()));
    set("max_mod_revision", json!(request.filter.max_mod.0.to_string()));
    set("min_create_revision", json!(request.filter.min_create.0.to_string()));
    set("max_create_revision", json!(request.filter.max_create.0.to_string()));
    if let Some(sort) = request.sort {
        let target = match sort.target {
            SortTarget::Key => "KEY",
            SortTarget::Version => "VERSION",
            SortTarget::CreateRevision => "CREATE",
            SortTarget::ModRevision => "MOD",
            SortTarget::Value => "VALUE",
        };
        set("sort_target", json!(target));
        set("sort_order", json!(if sort.descending { "DESCEND" } else { "ASCEND" }));
    }
    Value::Object(json)
}

fn op_json(op: &Op) -> Value {
    match op {
        Op::Range(request) => json!({"request_range": read_json(request)}),
        Op::Put(PutOp { key, value, lease, prev_kv, ignore_value, ignore_lease }) => {
            json!({"request_put": {
                "key": base64(key), "value": base64(value), "lease": lease.0.to_string(),
                "prev_kv": prev_kv, "ignore_value": ignore_value, "ignore_lease": ignore_lease,
            }})
        }
        Op::Delete { range, prev_kv } => {
            let mut json = range_json(range);
            json.insert("prev_kv".to_owned(), json!(prev_kv));
            json!({"request_delete_range": json})
        }
        Op::Txn(nested) => json!({"request_txn": txn_json(nested)}),
        other => unreachable!("not drawn: {other:?}"),
    }
}

fn txn_json(txn: &Txn) -> Value {
    let ops = |ops: &[Op]| ops.iter().map(op_json).collect::<Vec<_>>();
    let compares: Vec<_> = txn.compares.iter().map(compare_json).collect();
    json!({"compare": compares, "success": ops(&txn.success), "failure": ops(&txn.failure)})
}

/// An object without the fields that have their default, as the gateway leaves them out.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let is_default = |value: &Value| match value {
        Value::String(text) => text.is_empty() || text == "0",
        Value::Bool(value) => !value,
        Value::Array(items) => items.is_empty(),
        other => other.is_null(),
    };
    let kept = fields.into_iter().filter(|(_, value)| !is_default(value));
    Value::Object(kept.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn kv_json(kv: &KeyValue) -> Value {
    object([
        ("key", json!(base64(&kv.key))),
        ("value", json!(base64(&kv.value))),
        ("create_revision", json!(kv.create_revision.0.to_string())),
        ("mod_revision", json!(kv.mod_revision.0.to_string())),
        ("version", json!(kv.version.to_string())),
        ("lease", json!(kv.lease.0.to_string())),
    ])
}

fn response_json(response: &OpResponse) -> Value {
    let kvs = |kvs: &[KeyValue]| Value::Array(kvs.iter().map(kv_json).collect());
    match response {
        OpResponse::Range(found) => json!({"response_range": object([
            ("kvs", kvs(&found.kvs)),
            ("more", json!(found.more)),
            ("count", json!(found.count.to_string())),
        ])}),
        OpResponse::Put { prev_kv } => {
            let prev_kv = prev_kv.as_ref().map_or(Value::Null, kv_json);
            json!({"response_put": object([("prev_kv", prev_kv)])})
        }
        OpResponse::Delete { deleted, prev_kvs } => json!({"response_delete_range": object([
            ("deleted", json!(deleted.to_string())),
            ("prev_kvs", kvs(prev_kvs)),
        ])}),
        OpResponse::Txn(nested) => json!({"response_txn": answer_json(nested)}),
        other => unreachable!("not asked for: {other:?}"),
    }
}

fn answer_json(answer: &TxnResponse) -> Value {
    let responses = answer.responses.iter().map(response_json).collect();
    object([("succeeded", json!(answer.succeeded)), ("responses", Value::Array(responses))])
}

/// Takes the headers out, which our answers have in another place.
fn without_headers(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("header");
            fields.values_mut().for_each(without_headers);
        }
        Value::Array(items) => items.iter_mut().for_each(without_headers),
        _ => {}
    }
}

/// What etcd cannot be asked: request ids; spans that end before they begin, and deletions without
/// end, which its check for duplicate keys does not understand.
fn comparable(mut command: Command) -> Command {
    fn range(range: &mut KeyRange, may_be_endless: bool) {
        match range {
            KeyRange::Span(start, end) if *end <= *start => *range = KeyRange::Key(start.clone()),
            KeyRange::From(start) if !may_be_endless => {
                *range =
                    KeyRange::Span(start.clone().max("\0".into()), Bytes::from_static(b"\xff"));
            }
            _ => {}
        }
    }
    fn txn(of: &mut Txn) {
        of.request_id = None;
        of.compares.iter_mut().for_each(|compare| range(&mut compare.range, true));
        for op in of.success.iter_mut().chain(&mut of.failure) {
            match op {
                Op::Range(request) => range(&mut request.range, true),
                Op::Delete { range: deleted, .. } => range(deleted, false),
                Op::Txn(nested) => txn(nested),
                _ => {}
            }
        }
    }
    if let Command::Txn(of) = &mut command {
        txn(of);
    }
    command
}

fn check(etcd: &Etcd, ours: &Arc<Mvcc>, command: &Command) {
    let outcome: Outcome = apply(ours, std::slice::from_ref(command)).remove(0).unwrap();
    match (outcome, etcd.run(command)) {
        (Ok(Reply::Txn(answer)), Ok(mut theirs)) => {
            let revision = theirs["header"]["revision"].as_str().map(ToOwned::to_owned);
            assert_eq!(revision, Some(answer.revision.0.to_string()), "revision of {command:?}");
            without_headers(&mut theirs);
            assert_eq!(answer_json(&answer), theirs, "answer to {command:?}");
        }
        (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{command:?}: ours {ours:?}, etcd {theirs:?}"),
    }
}

/// Histories of the length that the strategy draws, a new etcd for each.
const HISTORIES: usize = 8;
/// Strategies draw short ones, so several make a history.
const PARTS: usize = 8;

#[tokio::test]
async fn a_real_etcd_gives_the_same_answers_and_the_same_hashes() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (mut run, mut hashes) = (0, 0);
    for _ in 0..HISTORIES {
        let Some(etcd) = Etcd::start().await else {
            println!("SKIP: no etcd, install etcd-server or set ETCD_BIN");
            return;
        };
        let ours = Mvcc::open(Arc::new(MemoryDb::new()), Options::default()).unwrap();
        for _ in 0..PARTS {
            let drawn = commands().new_tree(&mut runner).unwrap().current();
            for command in drawn.into_iter().map(comparable) {
                check(&etcd, &ours, &command);
                run += 1;
            }
            // At the compacted revision itself older etcds refuse.
            let (compacted, current) = (ours.compacted(), ours.revision());
            let readable = compacted.0 + 1..=current.0;
            for revision in readable.clone().take(3).chain(readable.rev().take(3)).map(Revision) {
                let hash = ours.hash_kv(revision).unwrap().hash;
                let theirs = etcd.hash(revision);
                assert_eq!(hash, theirs, "hash at {revision} of {compacted}..{current}");
                hashes += 1;
            }
        }
    }
    println!("{run} requests and {hashes} hashes are equal");
}
