//! From a configuration to a running server.
//!
//! Order: TLS and sockets first, so that a taken port is told before anything is written; then the
//! member; then, if asked for, the comparison with the others; clients last, once the cluster knows
//! this member's name.

mod beginning;
mod compactor;
mod error;
pub(crate) mod identity;
mod integrity;
mod publish;

pub use error::LaunchError;

use crate::config::Config;
use crate::version::cluster_version;
use crate::{Listener, Server, ServerOptions, TokenKind};
use beginning::Beginning;
use quorate_member::net::{ClientTls, ServerTls, TlsError, TlsOptions, Url, self_signed};
use quorate_member::{Member, MemberOptions, PeerSockets, Timing, force_new_cluster, owner};
use quorate_seams::{Seams, SharedClock, Task, spawn};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A running server: a member and everything that serves its clients.
#[derive(Debug)]
pub struct Etcd {
    member: Member,
    /// What serves clients, once it does.
    serving: Arc<Mutex<Option<Server>>>,
    tasks: Vec<Task<()>>,
}

impl Etcd {
    /// Starts a server. Returns once the member runs; clients are served when there is a leader.
    ///
    /// # Errors
    /// See [`LaunchError`].
    pub async fn start(config: &Config, seams: Seams) -> Result<Self, LaunchError> {
        for note in &config.notes {
            tracing::warn!("{note}");
        }
        let clock = SharedClock::clone(&seams.clock);
        let options = server_options(config)?;
        let peer = peer_tls(config, &clock)?;
        let clients = listen(config, &clock).await?;
        let metrics = match &config.listen_metrics[..] {
            [] => None,
            urls => Some(Listener::bind_urls(urls, client_tls(config, &clock)?).await?),
        };
        let beginning = begin(config, &seams, peer.client_tls.clone()).await?;
        let known = beginning.known;
        tracing::info!(
            name = %config.name,
            data_dir = %config.data_dir.display(),
            member = %format!("{:x}", beginning.member.0),
            cluster = %format!("{:x}", beginning.cluster.0),
            known,
            "starting a member"
        );
        let options_of_member = member_options(config, beginning, peer);
        if known && config.force_new_cluster {
            tracing::warn!("forcing a new cluster of this member alone");
            let addr = beginning::join(&config.advertise_peer);
            force_new_cluster(options_of_member.clone(), addr, seams.clone()).await?;
        }
        let member = Member::start(options_of_member, seams).await?;
        if known && config.initial_corrupt_check {
            let limit = Duration::from_secs(5) + 2 * config.election;
            if let Err(error) = integrity::check_at_start(&member, limit).await {
                member.shutdown().await?;
                return Err(error);
            }
        }
        Ok(Self::serve(config, options, member, clock, clients, metrics))
    }

    fn serve(
        config: &Config,
        options: ServerOptions,
        member: Member,
        clock: SharedClock,
        clients: Listener,
        metrics: Option<Listener>,
    ) -> Self {
        let mut tasks = vec![
            spawn(compactor::compact(member.clone(), clock.clone(), config.compaction)),
            spawn(publish::take_part(member.clone(), clock.clone())),
        ];
        if let Some(every) = config.corrupt_check {
            tasks.push(spawn(integrity::check_forever(member.clone(), clock.clone(), every)));
        }
        let name = config.name.clone();
        let urls: Vec<_> = config.advertise_client.iter().map(Url::to_string).collect();
        let served = member.clone();
        let serving = Arc::new(Mutex::new(None));
        let begun = Arc::clone(&serving);
        tasks.push(spawn(async move {
            publish::publish(&served, &clock, &name, &urls).await;
            let version = cluster_version(&options.version);
            let minor = version.rsplit_once('.').map_or(&*version, |(minor, _)| minor);
            tracing::info!("enabled capabilities for version {minor}");
            tracing::info!("ready to serve client requests");
            for url in clients.urls() {
                if url.is_secure() {
                    tracing::info!("serving client requests on {}", url.address());
                } else {
                    tracing::warn!(
                        "serving insecure client requests on {}, this is strongly discouraged!",
                        url.address()
                    );
                }
            }
            let server = clients.serve_with(metrics, &served, clock, options);
            *begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        }));
        Self { member, serving, tasks }
    }

    /// The member.
    #[must_use]
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// Stops cleanly: clients first, then the member, which hands leadership over.
    ///
    /// # Errors
    /// The state could not be made durable; the log still has what is missing.
    pub async fn stop(self) -> Result<(), LaunchError> {
        for task in self.tasks {
            task.stop().await;
        }
        let server = self.serving.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server {
            server.stop().await;
        }
        Ok(self.member.shutdown().await?)
    }
}

async fn listen(config: &Config, clock: &SharedClock) -> Result<Listener, LaunchError> {
    Ok(Listener::bind_urls(&config.listen_client, client_tls(config, clock)?).await?)
}

fn client_tls(config: &Config, clock: &SharedClock) -> Result<Option<ServerTls>, TlsError> {
    let options = own_certificate(config, clock, false)?;
    if options.is_empty() { Ok(None) } else { options.server().map(Some) }
}

fn peer_tls(config: &Config, clock: &SharedClock) -> Result<PeerSockets, LaunchError> {
    let options = own_certificate(config, clock, true)?;
    let (server, client) = if options.is_empty() {
        (None, None)
    } else {
        (Some(options.server()?), Some(options.client()?))
    };
    Ok(PeerSockets::new(config.listen_peer.clone(), server, client))
}

/// The options of one side, with a certificate made here if that is asked for and there is none.
fn own_certificate(
    config: &Config,
    clock: &SharedClock,
    peers: bool,
) -> Result<TlsOptions, TlsError> {
    let (options, auto, urls, side) = if peers {
        (&config.peer_tls, config.peer_auto_tls, &config.listen_peer, "peer")
    } else {
        (&config.client_tls, config.client_auto_tls, &config.listen_client, "client")
    };
    if !auto {
        return Ok(options.clone());
    }
    if !options.is_empty() {
        tracing::warn!("ignoring {side} auto TLS since certs given");
        return Ok(options.clone());
    }
    let hosts = urls.iter().filter_map(Url::host_and_port).map(|(host, _)| host.to_owned());
    let hosts: std::collections::BTreeSet<_> = hosts.chain(["localhost".to_owned()]).collect();
    let hosts: Vec<_> = hosts.into_iter().collect();
    let dir = config.data_dir.join("fixtures").join(side);
    let now = clock.wall().0;
    self_signed(&dir, &hosts, config.self_signed_years, now, options.clone())
}

async fn begin(
    config: &Config,
    seams: &Seams,
    tls: Option<ClientTls>,
) -> Result<Beginning, LaunchError> {
    if let Some((cluster, member)) = owner(&seams.disk, &config.data_dir)? {
        return Ok(Beginning::known(cluster, member));
    }
    if seams.disk.exists(&config.data_dir.join("member").join("snap")) {
        return Err(LaunchError::Cluster(format!(
            "data directory {} is an etcd's: make a cluster of it with quorate-etcdutl, in another \
             directory",
            config.data_dir.display()
        )));
    }
    if config.existing {
        return Beginning::joining(config, tls).await;
    }
    Beginning::forming(config)
}

fn member_options(config: &Config, beginning: Beginning, sockets: PeerSockets) -> MemberOptions {
    let Beginning { cluster, member, peers, known } = beginning;
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let mut options = MemberOptions::new(cluster, member, &config.data_dir, nowhere);
    options.join = known || peers.is_empty();
    options.peers = peers;
    options.sockets = Some(sockets);
    options.wal_dir = config.wal_dir.clone();
    options.snapshot_after = config.snapshot_count;
    options.keep_entries = config.catchup_entries.max(1);
    options.quota_bytes = u64::try_from(config.quota_bytes).unwrap_or(u64::MAX);
    options.timing(Timing {
        heartbeat: config.heartbeat,
        election_min: config.election,
        election_max: 2 * config.election,
    })
}

fn server_options(config: &Config) -> Result<ServerOptions, LaunchError> {
    let mut options = ServerOptions {
        progress_interval: config.progress_interval,
        max_txn_ops: config.max_txn_ops,
        max_request_bytes: config.max_request_bytes,
        max_streams: config.max_streams,
        keep_alive: config.keep_alive_interval.map(|every| (every, config.keep_alive_timeout)),
        strict_reconfig: config.strict_reconfig,
        gateway: config.gateway,
        ..ServerOptions::default()
    };
    options.auth.tokens = TokenKind::parse(&config.auth_token, config.auth_token_ttl)?;
    options.auth.bcrypt_cost = config.bcrypt_cost;
    // A name counts only where certificates are asked for (etcd's rule).
    options.auth.client_names = config.client_tls.client_cert_auth;
    if let Some(version) = &config.announce_version {
        options.version = version.clone();
    }
    Ok(options)
}
