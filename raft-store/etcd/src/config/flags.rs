//! Every flag of etcd 3.4 to 3.6, as data: its name, default, kind, and what it does here.

/// What the value of a flag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Switch,
    Unsigned,
    Signed,
    /// A time in Go's notation; a number in a file is nanoseconds.
    Duration,
    Urls,
    List,
    Choice(&'static [&'static str]),
}

/// What comes of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It does what it does in etcd.
    Full,
    /// Nothing, and why that is right; said once if the flag is given.
    None(&'static str),
    /// What it asks for does not exist here: any value but the default is refused, and why.
    Absent(&'static str),
}

/// One flag. One that was experimental in an earlier version is known under that name too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
    pub(crate) effect: Effect,
    pub(crate) help: &'static str,
}

/// Flags of one part of the help.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) flags: &'static [Flag],
}

const fn flag(name: &'static str, default: &'static str, kind: Kind, help: &'static str) -> Flag {
    Flag { name, default, kind, effect: Effect::Full, help }
}

const fn idle(name: &'static str, default: &'static str, kind: Kind, why: &'static str) -> Flag {
    Flag { name, default, kind, effect: Effect::None(why), help: "Without effect." }
}

const fn absent(name: &'static str, default: &'static str, kind: Kind, why: &'static str) -> Flag {
    Flag { name, default, kind, effect: Effect::Absent(why), help: "Not supported." }
}

const ONE_LOG: &str = "the log removes its own files";
const NO_BBOLT: &str = "the state is not kept in bbolt";
const NO_V2: &str = "the v2 API and its proxy do not exist here";
const NO_DISCOVERY: &str = "members are named with --initial-cluster";
const NO_TRACING: &str = "traces are not exported";
const OFF: Kind = Kind::Choice(&["off", "readonly", "on"]);

pub(crate) const GROUPS: &[Group] = &[
    Group { title: "Member", flags: MEMBER },
    Group { title: "Clustering", flags: CLUSTERING },
    Group { title: "Security", flags: SECURITY },
    Group { title: "Auth", flags: AUTH },
    Group { title: "Profiling and Monitoring", flags: MONITORING },
    Group { title: "Logging", flags: LOGGING },
    Group { title: "v2 Proxy", flags: PROXY },
    Group { title: "Experimental in some versions", flags: EXPERIMENTAL },
    Group { title: "Unsafe features", flags: UNSAFE },
    Group { title: "Not of etcd", flags: OWN },
];

const MEMBER: &[Flag] = &[
    flag("name", "default", Kind::Text, "Human-readable name for this member."),
    flag("data-dir", "", Kind::Text, "Path to the data directory; ${name}.etcd if empty."),
    flag("wal-dir", "", Kind::Text, "Path to a directory of its own for the log."),
    flag(
        "snapshot-count",
        "100000",
        Kind::Unsigned,
        "Committed transactions after which the state is made durable.",
    ),
    flag("heartbeat-interval", "100", Kind::Unsigned, "Milliseconds between two heartbeats."),
    flag(
        "election-timeout",
        "1000",
        Kind::Unsigned,
        "Milliseconds without a leader after which members elect one.",
    ),
    idle("initial-election-tick-advance", "true", Kind::Switch, "there are no ticks"),
    flag(
        "listen-peer-urls",
        "http://localhost:2380",
        Kind::Urls,
        "URLs to listen on for other members.",
    ),
    flag(
        "listen-client-urls",
        "http://localhost:2379",
        Kind::Urls,
        "URLs to listen on for clients.",
    ),
    idle("listen-client-http-urls", "", Kind::Urls, "gRPC and HTTP share the client URLs"),
    idle("max-snapshots", "5", Kind::Unsigned, "there is one state and it needs no snapshot files"),
    idle("max-wals", "5", Kind::Unsigned, ONE_LOG),
    flag(
        "quota-backend-bytes",
        "0",
        Kind::Signed,
        "Bytes of state beyond which growth is refused; 0 for 2 GiB, negative for no limit.",
    ),
    idle("backend-batch-interval", "0s", Kind::Duration, NO_BBOLT),
    idle("backend-batch-limit", "0", Kind::Signed, NO_BBOLT),
    idle("backend-bbolt-freelist-type", "map", Kind::Text, NO_BBOLT),
    flag("max-txn-ops", "128", Kind::Unsigned, "Most operations in a transaction."),
    flag(
        "max-request-bytes",
        "1572864",
        Kind::Unsigned,
        "Most bytes of a request; no more than the default is ever taken.",
    ),
    flag(
        "max-concurrent-streams",
        "4294967295",
        Kind::Unsigned,
        "Most requests and streams that a connection has open at a time.",
    ),
    idle("grpc-keepalive-min-time", "5s", Kind::Duration, "clients may ask as often as they like"),
    flag(
        "grpc-keepalive-interval",
        "2h0m0s",
        Kind::Duration,
        "Silence after which a client is asked for a sign of life; 0 to never ask.",
    ),
    flag("grpc-keepalive-timeout", "20s", Kind::Duration, "Time that it has to give one."),
    idle("socket-reuse-port", "false", Kind::Switch, "a port has one owner"),
    idle("socket-reuse-address", "false", Kind::Switch, "addresses are always reused"),
    idle(
        "raft-read-timeout",
        "5s",
        Kind::Duration,
        "silence between members is judged by the election timeout",
    ),
    idle(
        "raft-write-timeout",
        "5s",
        Kind::Duration,
        "silence between members is judged by the election timeout",
    ),
];

const CLUSTERING: &[Flag] = &[
    flag(
        "initial-advertise-peer-urls",
        "http://localhost:2380",
        Kind::Urls,
        "This member's URLs for the other members.",
    ),
    flag(
        "initial-cluster",
        "",
        Kind::Text,
        "The members that form the cluster, NAME=URL separated by commas.",
    ),
    flag(
        "initial-cluster-state",
        "new",
        Kind::Choice(&["new", "existing"]),
        "Whether this member forms a cluster or joins one.",
    ),
    flag(
        "initial-cluster-token",
        "etcd-cluster",
        Kind::Text,
        "Tells clusters with the same members apart.",
    ),
    flag(
        "advertise-client-urls",
        "http://localhost:2379",
        Kind::Urls,
        "This member's URLs for clients.",
    ),
    absent("discovery", "", Kind::Text, NO_DISCOVERY),
    idle("discovery-fallback", "proxy", Kind::Choice(&["proxy", "exit"]), NO_DISCOVERY),
    absent("discovery-proxy", "", Kind::Text, NO_DISCOVERY),
    absent("discovery-srv", "", Kind::Text, NO_DISCOVERY),
    absent("discovery-srv-name", "", Kind::Text, NO_DISCOVERY),
    absent("discovery-token", "", Kind::Text, NO_DISCOVERY),
    absent("discovery-endpoints", "", Kind::List, NO_DISCOVERY),
    idle("discovery-dial-timeout", "2s", Kind::Duration, NO_DISCOVERY),
    idle("discovery-request-timeout", "5s", Kind::Duration, NO_DISCOVERY),
    idle("discovery-keepalive-time", "2s", Kind::Duration, NO_DISCOVERY),
    idle("discovery-keepalive-timeout", "6s", Kind::Duration, NO_DISCOVERY),
    idle("discovery-insecure-transport", "true", Kind::Switch, NO_DISCOVERY),
    idle("discovery-insecure-skip-tls-verify", "false", Kind::Switch, NO_DISCOVERY),
    idle("discovery-cert", "", Kind::Text, NO_DISCOVERY),
    idle("discovery-key", "", Kind::Text, NO_DISCOVERY),
    idle("discovery-cacert", "", Kind::Text, NO_DISCOVERY),
    idle("discovery-user", "", Kind::Text, NO_DISCOVERY),
    idle("discovery-password", "", Kind::Text, NO_DISCOVERY),
    flag(
        "strict-reconfig-check",
        "true",
        Kind::Switch,
        "Refuse changes of members that would cost the majority.",
    ),
    idle("pre-vote", "true", Kind::Switch, "members always ask before they vote"),
    flag(
        "auto-compaction-retention",
        "0",
        Kind::Text,
        "How much history is kept; 0 for all of it.",
    ),
    flag(
        "auto-compaction-mode",
        "periodic",
        Kind::Choice(&["periodic", "revision"]),
        "Whether that is a time (hours without a unit) or a number of revisions.",
    ),
    idle("enable-v2", "false", Kind::Switch, NO_V2),
    idle("v2-deprecation", "write-only", Kind::Text, NO_V2),
];

const SECURITY: &[Flag] = &[
    flag("cert-file", "", Kind::Text, "Certificate shown to clients."),
    flag("key-file", "", Kind::Text, "Its private key."),
    idle("client-cert-file", "", Kind::Text, "a member does not call itself as a client"),
    idle("client-key-file", "", Kind::Text, "a member does not call itself as a client"),
    flag("client-cert-auth", "false", Kind::Switch, "Clients must show a certificate."),
    flag("client-crl-file", "", Kind::Text, "Revoked certificates of clients."),
    flag(
        "client-cert-allowed-cn",
        "",
        Kind::List,
        "Common names that clients' certificates may have.",
    ),
    flag(
        "client-cert-allowed-hostname",
        "",
        Kind::List,
        "Host names that clients' certificates must be valid for.",
    ),
    flag("trusted-ca-file", "", Kind::Text, "Authorities that clients' certificates come from."),
    flag("auto-tls", "false", Kind::Switch, "Make a certificate for clients if none is given."),
    flag("peer-cert-file", "", Kind::Text, "Certificate shown to members."),
    flag("peer-key-file", "", Kind::Text, "Its private key."),
    flag(
        "peer-client-cert-file",
        "",
        Kind::Text,
        "Certificate shown to members that are called, if another.",
    ),
    flag("peer-client-key-file", "", Kind::Text, "Its private key."),
    flag("peer-client-cert-auth", "false", Kind::Switch, "Members must show a certificate."),
    flag(
        "peer-trusted-ca-file",
        "",
        Kind::Text,
        "Authorities that members' certificates come from.",
    ),
    flag(
        "peer-cert-allowed-cn",
        "",
        Kind::List,
        "Common names that members' certificates may have.",
    ),
    flag(
        "peer-cert-allowed-hostname",
        "",
        Kind::List,
        "Host names that members' certificates must be valid for.",
    ),
    flag(
        "peer-auto-tls",
        "false",
        Kind::Switch,
        "Make a certificate for members if none is given.",
    ),
    flag("peer-crl-file", "", Kind::Text, "Revoked certificates of members."),
    flag(
        "self-signed-cert-validity",
        "1",
        Kind::Unsigned,
        "Years that certificates made here are valid.",
    ),
    flag(
        "cipher-suites",
        "",
        Kind::List,
        "Cipher suites of TLS 1.2; those of TLS 1.3 are always offered.",
    ),
    flag(
        "tls-min-version",
        "TLS1.2",
        Kind::Choice(&["", "TLS1.2", "TLS1.3"]),
        "Oldest version of TLS.",
    ),
    flag("tls-max-version", "", Kind::Choice(&["", "TLS1.2", "TLS1.3"]), "Newest version of TLS."),
    idle("cors", "*", Kind::Text, "every origin is allowed"),
    idle("host-whitelist", "*", Kind::Text, "every host name is allowed"),
    idle(
        "peer-skip-client-san-verification",
        "false",
        Kind::Switch,
        "addresses of callers are not compared with their certificates",
    ),
];

const AUTH: &[Flag] = &[
    flag(
        "auth-token",
        "simple",
        Kind::Text,
        "Kind of tokens and its options: simple, or jwt with keys.",
    ),
    flag("bcrypt-cost", "10", Kind::Unsigned, "Cost of hashing a password, 4 to 31."),
    flag(
        "auth-token-ttl",
        "300",
        Kind::Unsigned,
        "Seconds that a simple token lives without being used.",
    ),
];

const MONITORING: &[Flag] = &[
    idle("enable-pprof", "false", Kind::Switch, "there are no profiles of Go's kind"),
    idle("metrics", "basic", Kind::Choice(&["basic", "extensive"]), "all metrics are always shown"),
    flag("listen-metrics-urls", "", Kind::Urls, "URLs to listen on for metrics and health alone."),
    idle("enable-distributed-tracing", "false", Kind::Switch, NO_TRACING),
    idle("distributed-tracing-address", "localhost:4317", Kind::Text, NO_TRACING),
    idle("distributed-tracing-service-name", "etcd", Kind::Text, NO_TRACING),
    idle("distributed-tracing-instance-id", "", Kind::Text, NO_TRACING),
    idle("distributed-tracing-sampling-rate", "0", Kind::Signed, NO_TRACING),
];

const LOGGING: &[Flag] = &[
    flag("logger", "zap", Kind::Choice(&["zap", "capnslog"]), "JSON lines (zap) or plain text."),
    flag("log-outputs", "default", Kind::List, "stderr (default), stdout, or files."),
    flag("log-output", "default", Kind::List, "As log-outputs."),
    flag(
        "log-level",
        "info",
        Kind::Choice(&["debug", "info", "warn", "error", "panic", "dpanic", "fatal"]),
        "Least severity of what is logged.",
    ),
    flag("log-format", "json", Kind::Choice(&["json", "console"]), "JSON lines or plain text."),
    flag("debug", "false", Kind::Switch, "As log-level debug."),
    idle("log-package-levels", "", Kind::Text, "there is one level"),
    idle("enable-log-rotation", "false", Kind::Switch, "files are rotated from outside"),
    idle("log-rotation-config-json", "", Kind::Text, "files are rotated from outside"),
];

const PROXY: &[Flag] = &[
    absent("proxy", "off", OFF, NO_V2),
    idle("proxy-failure-wait", "5000", Kind::Unsigned, NO_V2),
    idle("proxy-refresh-interval", "30000", Kind::Unsigned, NO_V2),
    idle("proxy-dial-timeout", "1000", Kind::Unsigned, NO_V2),
    idle("proxy-write-timeout", "5000", Kind::Unsigned, NO_V2),
    idle("proxy-read-timeout", "0", Kind::Unsigned, NO_V2),
];

const EXPERIMENTAL: &[Flag] = &[
    flag(
        "initial-corrupt-check",
        "false",
        Kind::Switch,
        "Compare hashes with the other members before clients are served.",
    ),
    flag(
        "corrupt-check-time",
        "0s",
        Kind::Duration,
        "Time between two comparisons of hashes with the other members.",
    ),
    idle(
        "compact-hash-check-enabled",
        "false",
        Kind::Switch,
        "hashes are compared by corrupt-check-time",
    ),
    idle(
        "compact-hash-check-time",
        "1m0s",
        Kind::Duration,
        "hashes are compared by corrupt-check-time",
    ),
    absent("enable-v2v3", "", Kind::Text, NO_V2),
    idle(
        "enable-lease-checkpoint",
        "false",
        Kind::Switch,
        "remaining times of leases are always recorded",
    ),
    idle(
        "enable-lease-checkpoint-persist",
        "false",
        Kind::Switch,
        "remaining times of leases are always recorded",
    ),
    idle("compaction-batch-limit", "1000", Kind::Signed, "compaction is done in small steps"),
    idle("compaction-sleep-interval", "10ms", Kind::Duration, "compaction is done in small steps"),
    flag(
        "watch-progress-notify-interval",
        "10m0s",
        Kind::Duration,
        "Time between two reports of a watch that has nothing else to tell.",
    ),
    idle(
        "warning-apply-duration",
        "100ms",
        Kind::Duration,
        "slow requests are seen in the metrics",
    ),
    idle(
        "warning-unary-request-duration",
        "300ms",
        Kind::Duration,
        "slow requests are seen in the metrics",
    ),
    idle(
        "bootstrap-defrag-threshold-megabytes",
        "0",
        Kind::Unsigned,
        "space is freed while serving",
    ),
    idle("max-learners", "1", Kind::Signed, "one learner at a time"),
    idle("memory-mlock", "false", Kind::Switch, "memory is not locked"),
    idle("txn-mode-write-with-shared-buffer", "true", Kind::Switch, NO_BBOLT),
    flag(
        "snapshot-catchup-entries",
        "5000",
        Kind::Unsigned,
        "Log entries kept for members that lag.",
    ),
    idle("stop-grpc-service-on-defrag", "false", Kind::Switch, "serving goes on meanwhile"),
    idle(
        "wait-cluster-ready-timeout",
        "5s",
        Kind::Duration,
        "clients are served once there is a leader",
    ),
    idle("downgrade-check-time", "5s", Kind::Duration, "members of two releases share a cluster"),
    idle("feature-gates", "", Kind::Text, "features are switched by flags of their own"),
    flag("enable-grpc-gateway", "true", Kind::Switch, "Serve JSON under /v3/."),
];

const UNSAFE: &[Flag] = &[
    flag(
        "force-new-cluster",
        "false",
        Kind::Switch,
        "Make this member the only one of its cluster.",
    ),
    absent("unsafe-no-fsync", "false", Kind::Switch, "what is acknowledged is always on disk"),
];

const OWN: &[Flag] =
    &[flag("announce-version", "", Kind::Text, "The version of etcd that clients are told.")];

/// Flags of the far past that etcd itself takes and ignores.
const FORGOTTEN: [&str; 13] = [
    "cluster-active-size",
    "cluster-remove-delay",
    "cluster-sync-interval",
    "config",
    "force",
    "max-result-buffer",
    "max-retry-attempts",
    "peer-heartbeat-interval",
    "peer-election-timeout",
    "retry-interval",
    "snapshot",
    "v",
    "vv",
];

/// All flags.
pub(crate) fn all() -> impl Iterator<Item = &'static Flag> {
    GROUPS.iter().flat_map(|group| group.flags)
}

/// The flag of a name, with or without `experimental-`.
pub(crate) fn find(name: &str) -> Option<&'static Flag> {
    let known = |name: &str| all().find(|flag| flag.name == name);
    known(name).or_else(|| {
        let later = name.strip_prefix("experimental-")?;
        known(later)
    })
}

/// Whether etcd takes a flag and ignores it.
pub(crate) fn is_forgotten(name: &str) -> bool {
    FORGOTTEN.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_flag_is_there_once_and_takes_its_default() {
        let names: Vec<_> = all().map(|flag| flag.name).collect();
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        for flag in all().filter(|flag| !flag.default.is_empty()) {
            let taken = crate::config::value::check(flag, flag.default);
            assert_eq!(taken, Ok(()), "--{}", flag.name);
        }
    }

    #[test]
    fn experimental_names_are_known_too() {
        assert_eq!(
            find("experimental-initial-corrupt-check").unwrap().name,
            "initial-corrupt-check"
        );
        assert!(find("experimental-nothing").is_none() && find("nothing").is_none());
    }
}
