//! quorate-etcd: a server that etcd's clients, tools and tests talk to.
//!
//! ```text
//! quorate-etcd --data-dir DIR            a cluster of one on etcd's ports
//! quorate-etcd --help                    etcd's flags, and what each does here
//! ```
//!
//! Flags, `ETCD_*` variables and the configuration file are etcd's; so are the lines that it logs when
//! it is ready.

mod log;

use quorate_etcd::config::{Command, Config, help};
use quorate_etcd::{ETCD_VERSION, Etcd};
use quorate_seams::Seams;
use std::error::Error;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let loaded = Config::load(std::env::args().skip(1), std::env::vars());
    match loaded {
        Ok(Command::Version) => print(&version()),
        Ok(Command::Help) => print(&help()),
        Ok(Command::Serve(config)) => match serve(*config).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("{error}");
                ExitCode::FAILURE
            }
        },
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("error verifying flags, {error}. See 'etcd --help'."));
            ExitCode::from(2)
        }
    }
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    log::start(&config.log)?;
    // From here on a signal is answered, even while the server starts.
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let server = tokio::select! {
        started = Etcd::start(&config, Seams::system()) => started?,
        _ = terminated.recv() => return Ok(()),
        _ = interrupted.recv() => return Ok(()),
    };
    tokio::select! {
        _ = terminated.recv() => tracing::info!("received terminated signal, shutting down"),
        _ = interrupted.recv() => tracing::info!("received interrupt signal, shutting down"),
        ended = server.member().ended() => ended?,
    }
    server.stop().await?;
    Ok(())
}

fn version() -> String {
    format!("etcd Version: {ETCD_VERSION}\nQuorate Version: {}\n", env!("CARGO_PKG_VERSION"))
}

#[allow(clippy::print_stdout, reason = "the answer to a question on the command line")]
fn print(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

#[allow(clippy::print_stderr, reason = "there is no log yet")]
fn complain(text: &str) {
    eprintln!("{text}");
}
