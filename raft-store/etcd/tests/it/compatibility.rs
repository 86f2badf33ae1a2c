//! `COMPATIBILITY.md`: RPC by RPC, what is served and which test shows it. Run with `UPDATE=1` to
//! write it anew; otherwise it must be what would be written.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A method, the tests that show it, and where it departs from etcd.
struct Row(&'static str, &'static [&'static str], &'static str);

const DIFFERENTIAL: &str = "differential::answers_are_those_of_a_stock_etcd";
const ETCDCTL: &str = "clients::etcdctl_of_this_machine";

const JOIN: &str = "members::members_are_added_join_and_are_known_by_name_on_all";
const LEARNER: &str = "members::a_learner_is_promoted_moved_and_removed_over_the_wire";

const AUTH_SWITCH: &str = "auth::service::authentication_is_switched_on_by_a_root_and_off_again";
const REAL_AUTH: &str = "auth::real::a_real_etcd_answers_alike";
const AUTH_ETCDCTL: &str = "auth::etcdctl::stock_etcdctl_administrates_users";

const ROWS: &[Row] = &[
    Row("KV/Range", &[DIFFERENTIAL, "failures::of_keys"], ""),
    Row(
        "KV/RangeStream",
        &[
            "range_stream::chunks_together_are_the_range",
            "auth::recipes::chunks_locks_and_elections_are_their_callers",
        ],
        "etcd 3.7's; without a path in the gateway, as there",
    ),
    Row("KV/Put", &[DIFFERENTIAL, "failures::of_sizes"], ""),
    Row("KV/DeleteRange", &[DIFFERENTIAL], ""),
    Row(
        "KV/Txn",
        &[DIFFERENTIAL, "failures::of_transactions"],
        "no more than 32 nested in each other",
    ),
    Row(
        "KV/Compact",
        &[DIFFERENTIAL, "failures::of_revisions"],
        "`physical` changes nothing: compaction is a watermark",
    ),
    Row(
        "Watch/Watch",
        &[
            DIFFERENTIAL,
            "watch::ids_count_from_zero_on_each_stream_and_refusals_say_why",
            "watch::one_revision_comes_whole_unless_fragments_were_asked_for",
            "leader::without_one_calls_that_want_one_are_refused_and_streams_end",
        ],
        "a progress request that comes too early is answered as soon as all is told, not dropped",
    ),
    Row(
        "Lease/LeaseGrant",
        &[DIFFERENTIAL, "lease::short_ones_are_made_longer_and_keys_are_told_on_demand"],
        "",
    ),
    Row("Lease/LeaseRevoke", &[DIFFERENTIAL], ""),
    Row(
        "Lease/LeaseKeepAlive",
        &["lease::what_is_not_there_has_no_time_to_live", DIFFERENTIAL],
        "",
    ),
    Row("Lease/LeaseTimeToLive", &[DIFFERENTIAL], ""),
    Row("Lease/LeaseLeases", &[DIFFERENTIAL], "sorted by id, not by when they end"),
    Row(
        "Cluster/MemberAdd",
        &[JOIN],
        "one that is to vote gets its vote once it has caught up, so that it costs no majority before",
    ),
    Row("Cluster/MemberRemove", &[LEARNER], ""),
    Row("Cluster/MemberUpdate", &[LEARNER], ""),
    Row("Cluster/MemberList", &[ETCDCTL, JOIN], ""),
    Row("Cluster/MemberPromote", &[LEARNER], ""),
    Row(
        "Maintenance/Alarm",
        &["health::an_alarm_makes_it_unhealthy_unless_it_is_excluded", ETCDCTL],
        "",
    ),
    Row("Maintenance/Status", &["health::one_version_is_told_everywhere", ETCDCTL], ""),
    Row("Maintenance/Defragment", &[ETCDCTL], ""),
    Row(
        "Maintenance/Hash",
        &["maintenance::a_hash_tells_whether_keys_and_leases_are_the_same"],
        "of the keys, their history and the leases, not of the bytes of a database",
    ),
    Row("Maintenance/HashKV", &[DIFFERENTIAL], ""),
    Row("Maintenance/MoveLeader", &[], "etcd's own tests show it"),
    Row("Auth/AuthEnable", &[AUTH_SWITCH, REAL_AUTH], ""),
    Row("Auth/AuthDisable", &[AUTH_SWITCH, REAL_AUTH], ""),
    Row("Auth/AuthStatus", &[AUTH_SWITCH], ""),
    Row(
        "Auth/Authenticate",
        &[REAL_AUTH, "auth::tokens::a_token_of_one_member_is_good_on_the_others_at_once"],
        "",
    ),
    Row("Auth/UserAdd", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/UserGet", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/UserList", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/UserDelete", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/UserChangePassword", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/UserGrantRole", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/UserRevokeRole", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/RoleAdd", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/RoleGet", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/RoleList", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/RoleDelete", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/RoleGrantPermission", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row("Auth/RoleRevokePermission", &[REAL_AUTH, AUTH_ETCDCTL], ""),
    Row(
        "Maintenance/Snapshot",
        &["snapshot::into_etcd::a_real_etcd_restored_from_our_snapshot_equals_ours"],
        "",
    ),
    Row("Lock/Lock", &["lock::one_holds_it_and_the_next_gets_it_when_he_lets_go"], ""),
    Row("Lock/Unlock", &["lock::one_holds_it_and_the_next_gets_it_when_he_lets_go"], ""),
    Row("Election/Campaign", &["election::leaders_follow_each_other_and_observers_see_them"], ""),
    Row("Election/Proclaim", &["election::leaders_follow_each_other_and_observers_see_them"], ""),
    Row("Election/Leader", &["election::leaders_follow_each_other_and_observers_see_them"], ""),
    Row("Election/Observe", &["election::leaders_follow_each_other_and_observers_see_them"], ""),
    Row("Election/Resign", &["election::leaders_follow_each_other_and_observers_see_them"], ""),
    Row("Health/Check", &["health::services_are_known_by_their_names"], ""),
    Row("Health/Watch", &["health::services_are_known_by_their_names"], ""),
];

/// Paths of plain HTTP, likewise.
const PATHS: &[Row] = &[
    Row("/health", &["health::health_and_checks_are_told_in_etcds_words"], ""),
    Row(
        "/livez, /readyz and their checks",
        &["health::health_and_checks_are_told_in_etcds_words"],
        "",
    ),
    Row("/version", &["health::one_version_is_told_everywhere"], ""),
    Row("/metrics", &["metrics::operations_and_calls_are_counted"], "see below"),
    Row(
        "/v3/…, /v3beta/…",
        &[
            "gateway::failures_have_etcds_words_codes_and_statuses",
            "differential::gateway::json_is_answered_as_a_stock_etcd_answers_it",
        ],
        "no websockets",
    ),
    Row("gRPC reflection", &["reflection::services_are_listed"], "not in etcd"),
];

/// Metrics of etcd that are missing here, and why.
const MISSING: &[(&str, &str)] = &[
    ("etcd_debugging_disk_backend_commit_*", "steps of bbolt's commits"),
    (
        "etcd_debugging_mvcc_db_compaction_*, etcd_debugging_mvcc_index_compaction_*",
        "steps of bbolt's compaction",
    ),
    (
        "etcd_debugging_mvcc_keys_total",
        "there is no index in memory whose size could be told at no cost",
    ),
    (
        "etcd_debugging_mvcc_pending_events_total, etcd_debugging_mvcc_slow_watcher_total",
        "watchers have no queues here, only cursors",
    ),
    ("etcd_debugging_snap_*, etcd_snap_*", "there are no snapshot files in the path of writes"),
    ("etcd_debugging_store_*", "etcd's v2 store"),
    (
        "etcd_disk_backend_commit_duration_seconds",
        "there is no commit of a backend in the path of writes",
    ),
    ("etcd_disk_wal_fsync_duration_seconds_bucket and _sum", "syncs are counted, not timed"),
    ("etcd_grpc_proxy_*", "there is no proxy"),
    ("etcd_network_peer_*", "not measured"),
    ("etcd_server_go_version", "there is no Go"),
    ("etcd_server_heartbeat_send_failures_total, etcd_server_slow_*", "not measured"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every method of the .proto files, `Service/Method`, in their order.
fn methods() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let mut files: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut methods = Vec::new();
    for file in files {
        let mut service = String::new();
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let mut words = line.split([' ', '(']).filter(|word| !word.is_empty());
            match (words.next(), words.next()) {
                (Some("service"), Some(name)) => name.clone_into(&mut service),
                (Some("rpc"), Some(name)) => methods.push(format!("{service}/{name}")),
                _ => {}
            }
        }
    }
    methods
}

/// The names of all tests, `module::test` of this program and `program::module::test` of the others.
fn tests() -> Vec<String> {
    let mut tests = Vec::new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (program, within) in [("it", ""), ("auth", "auth::"), ("snapshot", "snapshot::")] {
        gather(&dir.join(program), within, &mut tests);
    }
    tests
}

fn gather(dir: &Path, within: &str, tests: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let module = if name == "mod" { within.to_owned() } else { format!("{within}{name}::") };
        if path.is_dir() {
            gather(&path, &module, tests);
            continue;
        }
        if path.extension().is_none_or(|kind| kind != "rs") {
            continue;
        }
        let mut is_test = false;
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
            if let Some(name) = name.filter(|_| is_test) {
                tests.push(format!("{module}{}", name.split('(').next().unwrap()));
            }
            is_test = line.starts_with("#[tokio::test") || line.starts_with("#[test]");
        }
    }
}

fn table(text: &mut String, what: &str, rows: &[(String, String, &str)]) {
    writeln!(text, "| {what} | shown by | departs from etcd |\n|---|---|---|").unwrap();
    for (name, tests, note) in rows {
        writeln!(text, "| {name} | {tests} | {note} |").unwrap();
    }
    text.push('\n');
}

fn named(tests: &[&str]) -> String {
    tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(", ")
}

fn page() -> String {
    let known: BTreeMap<_, _> = ROWS.iter().map(|row| (row.0, row)).collect();
    let mut text = String::from(
        "# Compatibility with etcd\n\n\
         Written by a test of `raft-store/etcd`; `UPDATE=1` writes it anew. The tests named here are \
         in `raft-store/etcd/tests`, those without the name of a folder in `it`.\n\n## Calls\n\n",
    );
    let methods = methods();
    let row = |method: &String| match known.get(method.as_str()) {
        Some(row) => (method.clone(), named(row.1), row.2),
        None => (method.clone(), "–".to_owned(), "no test of this page"),
    };
    table(&mut text, "method", &methods.iter().map(row).collect::<Vec<_>>());
    text.push_str("## Over HTTP\n\n");
    let row = |row: &Row| (row.0.to_owned(), named(row.1), row.2);
    table(&mut text, "path", &PATHS.iter().map(row).collect::<Vec<_>>());
    flags(&mut text);
    suite(&mut text);
    text.push_str("## Metrics that etcd has and this has not\n\n| name | why |\n|---|---|\n");
    for (name, why) in MISSING {
        writeln!(text, "| `{name}` | {why} |").unwrap();
    }
    text
}

/// What each flag does, from the server's own table.
fn flags(text: &mut String) {
    text.push_str(
        "## Flags\n\nOf etcd 3.4 to 3.6; each is also a variable `ETCD_…` and a name in the \
         configuration file. Unknown ones are errors.\n\n| flag | default | departs from etcd |\n|---|---|---|\n",
    );
    for flag in quorate_etcd::config::flags() {
        let default = if flag.default.is_empty() { "" } else { &format!("`{}`", flag.default) };
        writeln!(text, "| `--{}` | {default} | {} |", flag.name, flag.departs).unwrap();
    }
    text.push('\n');
}

/// Of etcd's own end-to-end tests, those that do not pass, and why.
const NOT_PASSED: &[(&str, &str)] = &[
    (
        "TestEtcdPeerCNAuth, TestEtcdPeerNameAuth",
        "a third member that the others refuse keeps them from forming a new cluster: that needs all its \
         first members",
    ),
    (
        "TestEtcdCorruptHash",
        "it damages `member/snap/db` with bbolt while the member is down; the state is not kept in \
         bbolt here",
    ),
    (
        "TestV3MetricsSecure, TestV3MetricsInsecure",
        "they want `etcd_debugging_mvcc_keys_total`, see below",
    ),
];

fn suite(text: &mut String) {
    text.push_str(
        "## etcd's own tests\n\n`raft-store/etcd/tests/e2e/run` runs etcd 3.4.23's end-to-end tests \
         of the v3 API with the stock `etcdctl`. These do not pass:\n\n| test | why |\n|---|---|\n",
    );
    for (name, why) in NOT_PASSED {
        writeln!(text, "| `{name}` | {why} |").unwrap();
    }
    text.push('\n');
}

#[test]
fn the_page_is_fresh_and_names_tests_that_exist() {
    let (methods, tests) = (methods(), tests());
    for Row(name, shown, _) in ROWS {
        assert!(methods.iter().any(|method| method == name), "{name} is no method");
        for test in *shown {
            assert!(tests.iter().any(|known| known == test), "{test} is no test");
        }
    }
    for Row(_, shown, _) in PATHS {
        for test in *shown {
            assert!(tests.iter().any(|known| known == test), "{test} is no test");
        }
    }
    let file = root().join("COMPATIBILITY.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page, "COMPATIBILITY.md is out of date: run this test with UPDATE=1");
}
