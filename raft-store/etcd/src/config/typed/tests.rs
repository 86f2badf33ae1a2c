use super::*;
use crate::config::input::{Asked, command_line};

fn config(text: &str) -> Result<Config, ConfigError> {
    match command_line(text.split_whitespace().map(str::to_owned))? {
        Asked::Serve { given, .. } => Config::from_given(&given),
        other => panic!("{other:?}"),
    }
}

fn told(text: &str) -> String {
    config(text).unwrap_err().to_string()
}

#[test]
fn nothing_given_is_etcds_default() {
    let config = config("").unwrap();
    assert_eq!(config.data_dir, PathBuf::from("default.etcd"));
    let urls = vec!["http://localhost:2380".parse().unwrap()];
    assert_eq!(config.initial_cluster, [("default".to_owned(), urls)]);
    assert_eq!((config.max_txn_ops, config.max_request_bytes), (128, 1_572_864));
    assert_eq!((config.compaction, config.strict_reconfig), (Compaction::Off, true));
    assert!(config.client_tls.is_empty() && config.log.json);
}

#[test]
fn members_may_have_several_urls() {
    let text = "--name a --initial-cluster a=http://h:2,b=http://h:3,a=http://h:1";
    let members = config(text).unwrap().initial_cluster;
    let urls =
        |member: &(String, Vec<Url>)| member.1.iter().map(Url::to_string).collect::<Vec<_>>();
    assert_eq!(urls(&members[0]), ["http://h:1", "http://h:2"]);
    assert_eq!(members.len(), 2);
    assert!(told("--initial-cluster a=http://h:1,b=http://h:1").contains("has duplicate url"));
    assert!(told("--initial-cluster a").contains("\"a\" is not NAME=URL"));
}

#[test]
fn compaction_is_hours_a_time_or_revisions() {
    let of = |text: &str| config(text).unwrap().compaction;
    assert_eq!(
        of("--auto-compaction-retention 2"),
        Compaction::Periodic(Duration::from_secs(7200))
    );
    assert_eq!(
        of("--auto-compaction-retention 5m"),
        Compaction::Periodic(Duration::from_secs(300))
    );
    let revision = "--auto-compaction-mode revision --auto-compaction-retention";
    assert_eq!(of(&format!("{revision} 1000")), Compaction::Revision(1000));
    assert_eq!(of(&format!("{revision} 0")), Compaction::Off);
    assert!(told(&format!("{revision} 5m")).contains("error parsing CompactionRetention"));
}

#[test]
fn contradictions_are_refused_in_etcds_words() {
    for (text, wanted) in [
        ("--listen-client-urls http://127.0.0.1:1", "--advertise-client-urls is required"),
        (
            "--listen-peer-urls http://example.com:1",
            "expected IP in URL for binding (http://example.com:1)",
        ),
        ("--heartbeat-interval 0", "--heartbeat-interval must be >0 (set to 0ms)"),
        (
            "--heartbeat-interval 300",
            "should be at least as 5 times as --heartbeat-interval[300ms]",
        ),
        ("--election-timeout 60000", "is too long, and should be set less than 50000ms"),
        ("--max-concurrent-streams 5000000000", "flag -max-concurrent-streams: value out of range"),
        ("--initial-cluster-state old", "invalid value \"old\" for flag -initial-cluster-state"),
    ] {
        let error = told(text);
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn tls_is_read_for_clients_and_members_apart() {
    let text = "--cert-file c --key-file k --client-crl-file r --peer-cert-allowed-cn a,b \
        --peer-client-cert-auth --cipher-suites X,Y --tls-min-version TLS1.3";
    let config = config(text).unwrap();
    assert_eq!(config.client_tls.crl_file, Some("r".into()));
    assert!(!config.client_tls.client_cert_auth && config.peer_tls.client_cert_auth);
    assert_eq!(config.peer_tls.allowed_cn, ["a", "b"]);
    assert_eq!(config.client_tls.cipher_suites, ["X", "Y"]);
    assert_eq!(config.peer_tls.min_version, Some(TlsVersion::Tls13));
}
