//! The configuration with types, checked as etcd checks it.

use super::error::ConfigError;
use super::flags;
use super::input::Given;
use super::value;
use quorate_member::net::{TlsOptions, TlsVersion, Url};
use std::path::PathBuf;
use std::time::Duration;

/// The longest election timeout (etcd's limit).
const MAX_ELECTION: Duration = Duration::from_millis(50_000);

/// Which history is forgotten by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compaction {
    /// None.
    Off,
    /// What is older than a time.
    Periodic(Duration),
    /// All but so many revisions, looked at every five minutes.
    Revision(i64),
}

/// Where and how the log of events is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// `stderr`, `stdout` or paths of files.
    pub outputs: Vec<String>,
    /// Least severity: `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// JSON lines, otherwise plain text.
    pub json: bool,
}

/// Everything that flags say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The member's name.
    pub name: String,
    /// Its data directory.
    pub data_dir: PathBuf,
    /// A directory of its own for the log.
    pub wal_dir: Option<PathBuf>,
    /// Where it listens for members.
    pub listen_peer: Vec<Url>,
    /// Where it listens for clients.
    pub listen_client: Vec<Url>,
    /// Where it listens for metrics and health alone.
    pub listen_metrics: Vec<Url>,
    /// Where members reach it.
    pub advertise_peer: Vec<Url>,
    /// Where clients reach it.
    pub advertise_client: Vec<Url>,
    /// The members that form the cluster: name and URLs of each.
    pub initial_cluster: Vec<(String, Vec<Url>)>,
    /// Joins an existing cluster instead of forming one.
    pub existing: bool,
    /// Tells clusters of the same members apart.
    pub token: String,
    /// Makes this member the only one of its cluster.
    pub force_new_cluster: bool,
    /// Entries after which the state is made durable.
    pub snapshot_count: u64,
    /// Entries kept for members that lag.
    pub catchup_entries: u64,
    /// Between two heartbeats.
    pub heartbeat: Duration,
    /// Silence after which a leader is elected.
    pub election: Duration,
    /// Bytes of state beyond which growth is refused; 0 for the default, negative for none.
    pub quota_bytes: i64,
    /// Most operations of a transaction.
    pub max_txn_ops: usize,
    /// Most bytes of a request.
    pub max_request_bytes: usize,
    /// Most streams of a connection.
    pub max_streams: u32,
    /// When silent clients are asked for a sign of life.
    pub keep_alive_interval: Option<Duration>,
    /// How long they have to give one.
    pub keep_alive_timeout: Duration,
    /// Refuses changes of members that would cost the majority.
    pub strict_reconfig: bool,
    /// Which history is forgotten.
    pub compaction: Compaction,
    /// TLS for clients.
    pub client_tls: TlsOptions,
    /// Makes a certificate for clients if none is given.
    pub client_auto_tls: bool,
    /// TLS for members.
    pub peer_tls: TlsOptions,
    /// Makes a certificate for members if none is given.
    pub peer_auto_tls: bool,
    /// Years that certificates made here are valid.
    pub self_signed_years: u32,
    /// Kind of tokens and its options.
    pub auth_token: String,
    /// Cost of hashing passwords.
    pub bcrypt_cost: u32,
    /// Time that a simple token lives unused.
    pub auth_token_ttl: Duration,
    /// Compares hashes with the others before clients are served.
    pub initial_corrupt_check: bool,
    /// Time between two comparisons of hashes; `None` for never.
    pub corrupt_check: Option<Duration>,
    /// Time between two reports of a silent watch.
    pub progress_interval: Duration,
    /// Whether JSON is served.
    pub gateway: bool,
    /// The version of etcd that clients are told; `None` for [`crate::ETCD_VERSION`].
    pub announce_version: Option<String>,
    /// The log of events.
    pub log: LogOptions,
    /// What is worth a line in it.
    pub notes: Vec<String>,
}

/// Reads flags by name; what is not given is the default. All values have been checked before.
struct Reader<'a>(&'a Given);

impl Reader<'_> {
    fn text(&self, name: &str) -> String {
        let default = || flags::find(name).map_or("", |flag| flag.default);
        self.0.get(name).unwrap_or_else(default).to_owned()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    fn on(&self, name: &str) -> bool {
        value::switch(&self.text(name)).unwrap_or_default()
    }

    fn number<N: TryFrom<u64>>(&self, name: &'static str) -> Result<N, ConfigError> {
        let value = self.text(name);
        let number = value.parse::<u64>().ok().and_then(|number| number.try_into().ok());
        let reason = "value out of range".to_owned();
        number.ok_or(ConfigError::Value { flag: name, value, reason })
    }

    fn time(&self, name: &str) -> Duration {
        value::duration(&self.text(name)).unwrap_or_default()
    }

    fn list(&self, name: &str) -> Vec<String> {
        value::list(&self.text(name))
    }

    fn urls(&self, flag: &'static str) -> Result<Vec<Url>, ConfigError> {
        let text = self.text(flag);
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let mut urls = Url::list(&text).map_err(|source| ConfigError::Url { flag, source })?;
        urls.sort_by_key(Url::to_string);
        urls.dedup();
        Ok(urls)
    }

    fn tls(&self, prefix: &str, crl: &str, allowed: &str) -> TlsOptions {
        let version = |name| match &*self.text(name) {
            "TLS1.2" => Some(TlsVersion::Tls12),
            "TLS1.3" => Some(TlsVersion::Tls13),
            _ => None,
        };
        let name = |name| format!("{prefix}{name}");
        TlsOptions {
            cert_file: self.path(&name("cert-file")),
            key_file: self.path(&name("key-file")),
            client_cert_file: self.path(&name("client-cert-file")),
            client_key_file: self.path(&name("client-key-file")),
            trusted_ca_file: self.path(&name("trusted-ca-file")),
            client_cert_auth: self.on(&name("client-cert-auth")),
            crl_file: self.path(crl),
            allowed_cn: self.list(&format!("{allowed}-allowed-cn")),
            allowed_hostname: self.list(&format!("{allowed}-allowed-hostname")),
            cipher_suites: self.list("cipher-suites"),
            min_version: version("tls-min-version"),
            max_version: version("tls-max-version"),
            self_signed: false,
        }
    }

    fn log(&self) -> LogOptions {
        let chosen = ["log-outputs", "log-output"].map(|name| self.list(name));
        let outputs = chosen.into_iter().find(|list| list != &["default"]);
        let level = if self.on("debug") { "debug".to_owned() } else { self.text("log-level") };
        LogOptions {
            outputs: outputs.unwrap_or_else(|| vec!["stderr".to_owned()]),
            level: if ["panic", "dpanic", "fatal"].contains(&&*level) {
                "error".into()
            } else {
                level
            },
            json: self.text("logger") == "zap" && self.text("log-format") == "json",
        }
    }
}

fn invalid<T>(text: String) -> Result<T, ConfigError> {
    Err(ConfigError::Invalid(text))
}

impl Config {
    pub(crate) fn from_given(given: &Given) -> Result<Self, ConfigError> {
        let read = Reader(given);
        let name = read.text("name");
        let advertise_peer = read.urls("initial-advertise-peer-urls")?;
        let listens = given.is_set("listen-client-urls");
        if listens && !given.is_set("advertise-client-urls") {
            return invalid(
                "--advertise-client-urls is required when --listen-client-urls is set explicitly"
                    .into(),
            );
        }
        let keep_alive = read.time("grpc-keepalive-interval");
        let corrupt = read.time("corrupt-check-time");
        let config = Self {
            data_dir: read.path("data-dir").unwrap_or_else(|| format!("{name}.etcd").into()),
            wal_dir: read.path("wal-dir"),
            listen_peer: read.urls("listen-peer-urls")?,
            listen_client: read.urls("listen-client-urls")?,
            listen_metrics: read.urls("listen-metrics-urls")?,
            advertise_client: read.urls("advertise-client-urls")?,
            initial_cluster: initial_cluster(
                &read.text("initial-cluster"),
                &name,
                &advertise_peer,
            )?,
            advertise_peer,
            name,
            existing: read.text("initial-cluster-state") == "existing",
            token: read.text("initial-cluster-token"),
            force_new_cluster: read.on("force-new-cluster"),
            snapshot_count: read.number::<u64>("snapshot-count")?.max(1),
            catchup_entries: read.number("snapshot-catchup-entries")?,
            heartbeat: Duration::from_millis(read.number("heartbeat-interval")?),
            election: Duration::from_millis(read.number("election-timeout")?),
            quota_bytes: read.text("quota-backend-bytes").parse().unwrap_or_default(),
            max_txn_ops: read.number("max-txn-ops")?,
            max_request_bytes: read.number("max-request-bytes")?,
            max_streams: read.number("max-concurrent-streams")?,
            keep_alive_interval: Some(keep_alive).filter(|every| !every.is_zero()),
            keep_alive_timeout: read.time("grpc-keepalive-timeout"),
            strict_reconfig: read.on("strict-reconfig-check"),
            compaction: compaction(&read)?,
            client_tls: read.tls("", "client-crl-file", "client-cert"),
            client_auto_tls: read.on("auto-tls"),
            peer_tls: read.tls("peer-", "peer-crl-file", "peer-cert"),
            peer_auto_tls: read.on("peer-auto-tls"),
            self_signed_years: read.number::<u32>("self-signed-cert-validity")?.clamp(1, 1000),
            auth_token: read.text("auth-token"),
            bcrypt_cost: read.number("bcrypt-cost")?,
            auth_token_ttl: Duration::from_secs(read.number("auth-token-ttl")?),
            initial_corrupt_check: read.on("initial-corrupt-check"),
            corrupt_check: Some(corrupt).filter(|every| !every.is_zero()),
            progress_interval: read.time("watch-progress-notify-interval"),
            gateway: read.on("enable-grpc-gateway"),
            announce_version: Some(read.text("announce-version")).filter(|text| !text.is_empty()),
            log: read.log(),
            notes: given.notes.clone(),
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        for urls in [&self.listen_peer, &self.listen_client, &self.listen_metrics] {
            check_bound(urls)?;
        }
        check_hosts("initial-advertise-peer-urls", &self.advertise_peer)?;
        check_hosts("advertise-client-urls", &self.advertise_client)?;
        let (heartbeat, election) = (self.heartbeat.as_millis(), self.election.as_millis());
        if heartbeat == 0 {
            return invalid(format!("--heartbeat-interval must be >0 (set to {heartbeat}ms)"));
        }
        if election == 0 {
            return invalid(format!("--election-timeout must be >0 (set to {election}ms)"));
        }
        if heartbeat * 5 > election {
            return invalid(format!(
                "--election-timeout[{election}ms] should be at least as 5 times as --heartbeat-interval[{heartbeat}ms]"
            ));
        }
        if self.election > MAX_ELECTION {
            let most = MAX_ELECTION.as_millis();
            return invalid(format!(
                "--election-timeout[{election}ms] is too long, and should be set less than {most}ms"
            ));
        }
        Ok(())
    }
}

/// Sockets are bound to addresses, not to names (etcd's rule).
fn check_bound(urls: &[Url]) -> Result<(), ConfigError> {
    for url in urls {
        let Some((host, _)) = url.host_and_port() else { continue };
        if host != "localhost" && host.parse::<std::net::IpAddr>().is_err() {
            return invalid(format!("expected IP in URL for binding ({url})"));
        }
    }
    Ok(())
}

fn check_hosts(flag: &str, urls: &[Url]) -> Result<(), ConfigError> {
    for url in urls {
        if url.host_and_port().is_some_and(|(host, _)| host.is_empty()) {
            return invalid(format!(
                "--{flag} {:?} must be \"host:port\" (unexpected empty host ({url}))",
                url.to_string()
            ));
        }
    }
    Ok(())
}

/// `NAME=URL` separated by commas; a name may come several times. If nothing is said, this member alone.
fn initial_cluster(
    text: &str,
    name: &str,
    own: &[Url],
) -> Result<Vec<(String, Vec<Url>)>, ConfigError> {
    if text.is_empty() {
        return Ok(vec![(name.to_owned(), own.to_vec())]);
    }
    let mut members: Vec<(String, Vec<Url>)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((name, url)) = part.split_once('=') else {
            return invalid(format!("--initial-cluster: {part:?} is not NAME=URL"));
        };
        let flag = "initial-cluster";
        let url: Url = url.parse().map_err(|source| ConfigError::Url { flag, source })?;
        if members.iter().any(|(_, urls)| urls.contains(&url)) {
            return invalid(format!("initial cluster {text} has duplicate url"));
        }
        match members.iter_mut().find(|(known, _)| known == name) {
            Some((_, urls)) => urls.push(url),
            None => members.push((name.to_owned(), vec![url])),
        }
    }
    for (_, urls) in &mut members {
        urls.sort_by_key(Url::to_string);
    }
    Ok(members)
}

fn compaction(read: &Reader<'_>) -> Result<Compaction, ConfigError> {
    let text = read.text("auto-compaction-retention");
    let wrong = || ConfigError::Value {
        flag: "auto-compaction-retention",
        value: text.clone(),
        reason: "error parsing CompactionRetention".to_owned(),
    };
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
    if read.text("auto-compaction-mode") == "revision" {
        return match number {
            Some(0) => Ok(Compaction::Off),
            Some(keep) => Ok(Compaction::Revision(keep)),
            None => Err(wrong()),
        };
    }
    let time = match number.and_then(|hours| u64::try_from(hours).ok()) {
        Some(hours) => Some(Duration::from_secs(hours.saturating_mul(3600))),
        None => value::duration(&text),
    };
    match time.ok_or_else(wrong)? {
        Duration::ZERO => Ok(Compaction::Off),
        period => Ok(Compaction::Periodic(period)),
    }
}

#[cfg(test)]
mod tests;
