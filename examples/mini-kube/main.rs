//! mini-kube: a whole cluster in one process, with the Kubernetes API in front.
//!
//! ```text
//! mini-kube dev --data-dir DIR [--port 8001] [--kubeconfig FILE] [--images DIR] [--agents 1] [--tls]
//! KUBECONFIG=DIR/kubeconfig kubectl get nodes
//! ```
//!
//! Store, controllers, scheduler, nodes with plain processes as pods, service proxy and API server:
//! what `kubectl apply` stores is run here. It listens on loopback without TLS or credentials, for
//! experiments and tests; with `--tls` it lets in only who has a certificate or a token, to do what the
//! roles in the cluster say.

mod arguments;
mod docker;
mod logs;
mod secure;

use arguments::{Command, Dev};
use quorate::{Cluster, NodeTiming};
use quorate_server::{Api, Kubeconfig, Server};
use secure::Secure;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the nodes may take to report that they are ready.
const READY: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    // A pod's processes are held by a copy of this program: it must take over before anything runs.
    quorate::maybe_shim();
    match Command::parse(std::env::args().skip(1)) {
        Ok(Command::Help) => print(arguments::HELP),
        Ok(Command::Dev(dev)) => match run(&dev) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error.to_string(), 1),
        },
        Err(error) => complain(&format!("{error}\n\n{}", arguments::HELP), 2),
    }
}

fn run(dev: &Dev) -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(dev))
}

#[allow(clippy::disallowed_methods, reason = "how long a person has waited")]
async fn serve(dev: &Dev) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    // From here on a signal is answered, even while the cluster starts.
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let cluster = tokio::select! {
        cluster = form(dev) => cluster?,
        _ = terminated.recv() => return Ok(()),
        _ = interrupted.recv() => return Ok(()),
    };
    let cluster = Arc::new(cluster);
    let (server, url) = open(dev, &cluster).await?;
    print(&format!(
        "mini-kube serves {url} after {} ms\nexport KUBECONFIG={}\n",
        begun.elapsed().as_millis(),
        dev.kubeconfig().display()
    ));
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    server.stop().await;
    match Arc::into_inner(cluster) {
        Some(cluster) => Ok(cluster.shutdown().await?),
        // A request is still reading a log.
        None => Ok(()),
    }
}

/// Serves the API, and writes the file by which kubectl finds it: the server, and its URL.
async fn open(dev: &Dev, cluster: &Arc<Cluster>) -> Result<(Server, String), Box<dyn Error>> {
    let objects = cluster.objects();
    let api = Api::new(objects.clone()).with_logs(logs::of(cluster));
    let at = (dev.listen, dev.port);
    if !dev.tls {
        let server = Server::start(api, at).await?;
        let url = format!("http://{}", server.address());
        Kubeconfig::new("mini-kube", &url).write(&dev.kubeconfig())?;
        return Ok((server, url));
    }
    let secure = Secure::open(dev, objects)?;
    let api = secure.guard(api, objects).await?;
    let server = Server::start_with(api, at, secure.options()?).await?;
    let address = server.address();
    secure.kubeconfig(address).write(&dev.kubeconfig())?;
    Ok((server, format!("https://{address}")))
}

async fn form(dev: &Dev) -> Result<Cluster, Box<dyn Error>> {
    let timing = NodeTiming {
        heartbeat: Duration::from_secs(1),
        lease: Duration::from_secs(5),
        evict_after: Duration::from_secs(5),
    };
    let mut builder = Cluster::builder()
        .data_dir(&dev.data_dir)
        .members(dev.members)
        .agents(dev.agents)
        .node_timing(timing);
    if let Some(images) = &dev.images {
        builder = builder.images(images);
    }
    if let Some(socket) = &dev.docker {
        let executors = docker::connect(dev, socket).await?;
        builder = builder.executor(move |node| docker::of(&executors, &node.name));
    }
    let cluster = builder.start().await?;
    cluster.ready(READY).await?;
    Ok(cluster)
}

#[allow(clippy::print_stdout, reason = "the program's output, which scripts wait for")]
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    print!("{text}");
    // A pipe would keep it otherwise.
    match std::io::stdout().flush() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[allow(clippy::print_stderr, reason = "the program's errors")]
fn complain(text: &str, code: u8) -> ExitCode {
    eprintln!("mini-kube: {text}");
    ExitCode::from(code)
}
