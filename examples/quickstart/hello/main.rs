//! The quickstart's workload: a small HTTP server that says who answers.
//!
//! `hello --listen ADDRESS` answers `GET /` with greeting, pod, node and version, and `/healthz` and
//! `/readyz` with `ok`. Its version is the name of its own file, as it lies in the artefact directory.
//! On SIGTERM it goes on answering for a moment, until nobody sends it new connections, then ends.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::env;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// How long it serves after SIGTERM: longer than a change of endpoints takes to reach the proxy.
const DRAIN: Duration = Duration::from_millis(500);

struct Identity {
    greeting: String,
    pod: String,
    node: String,
    version: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let args: Vec<String> = env::args().collect();
    let [_, flag, address] = &args[..] else { return usage() };
    if flag != "--listen" {
        return usage();
    }
    let identity = Arc::new(Identity::read());
    let listener = TcpListener::bind(address).await?;
    println!("hello {} listens on {address}", identity.version);
    let mut term = signal(SignalKind::terminate())?;
    tokio::select! {
        result = serve(&listener, &identity) => return result,
        _ = term.recv() => println!("told to stop, draining"),
    }
    tokio::select! {
        result = serve(&listener, &identity) => result,
        () = drained() => Ok(()),
    }
}

fn usage() -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, "usage: hello --listen ADDRESS:PORT"))
}

#[allow(clippy::disallowed_methods, reason = "a workload outside the cluster has its own time")]
async fn drained() {
    tokio::time::sleep(DRAIN).await;
}

impl Identity {
    fn read() -> Self {
        let variable = |name: &str| env::var(name).unwrap_or_else(|_| format!("no {name}"));
        let program = env::current_exe().unwrap_or_default();
        let version = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            greeting: variable("GREETING"),
            pod: variable("POD_NAME"),
            node: variable("NODE_NAME"),
            version,
        }
    }

    fn answer(&self, path: &str) -> (&'static str, String) {
        match path {
            "/" => {
                let Self { greeting, pod, node, version } = self;
                ("200 OK", format!("{greeting}\npod: {pod}\nnode: {node}\nversion: {version}\n"))
            }
            "/healthz" | "/readyz" => ("200 OK", "ok\n".to_owned()),
            other => ("404 Not Found", format!("no {other} here\n")),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a workload outside the cluster has its own tasks")]
async fn serve(listener: &TcpListener, identity: &Arc<Identity>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let identity = identity.clone();
        tokio::spawn(async move {
            // A client that went away is no reason for the server to care.
            let _ = answer(stream, &identity).await;
        });
    }
}

async fn answer(mut stream: TcpStream, identity: &Identity) -> io::Result<()> {
    let mut request = Vec::with_capacity(1024);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() > 16 * 1024 || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&request);
    let path = head.split_whitespace().nth(1).unwrap_or("/").to_owned();
    let (status, body) = identity.answer(&path);
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}
