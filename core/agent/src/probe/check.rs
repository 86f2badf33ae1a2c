//! Asking once.

use super::{Probe, ProbeAction};
use http_body_util::Empty;
use hyper::Request;
use hyper::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use quorate_seams::{SharedClock, spawn, timeout};
use std::net::IpAddr;
use tokio::net::TcpStream;

/// Asks once; the error says in words why the answer was no.
///
/// # Errors
/// The connection was refused, the status was outside 200 to 399, or time ran out.
pub async fn check(probe: &Probe, pod_ip: IpAddr, clock: &SharedClock) -> Result<(), String> {
    let asking = async {
        match &probe.action {
            ProbeAction::TcpSocket { host, port } => {
                connect(host.as_deref(), pod_ip, *port).await.map(drop)
            }
            ProbeAction::HttpGet { host, port, path, headers } => {
                let stream = connect(host.as_deref(), pod_ip, *port).await?;
                let authority = format!("{}:{port}", authority_host(host.as_deref(), pod_ip));
                http_get(stream, path, &authority, headers).await
            }
        }
    };
    timeout(&**clock, probe.timeout, asking)
        .await
        .unwrap_or_else(|| Err(format!("no answer within {:?}", probe.timeout)))
}

fn authority_host(host: Option<&str>, pod_ip: IpAddr) -> String {
    match (host, pod_ip) {
        (Some(host), _) => host.to_owned(),
        (None, IpAddr::V6(address)) => format!("[{address}]"),
        (None, IpAddr::V4(address)) => address.to_string(),
    }
}

async fn connect(host: Option<&str>, pod_ip: IpAddr, port: u16) -> Result<TcpStream, String> {
    let connected = match host {
        Some(host) => TcpStream::connect((host, port)).await,
        None => TcpStream::connect((pod_ip, port)).await,
    };
    let target = authority_host(host, pod_ip);
    connected.map_err(|error| format!("connect to {target}:{port}: {error}"))
}

async fn http_get(
    stream: TcpStream,
    path: &str,
    authority: &str,
    headers: &[(String, String)],
) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("GET http://{authority}{path}: {error}");
    let request = request(path, authority, headers).map_err(|error| failed(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    // The answer's status is all that counts: the connection ends with this function.
    let _driver = spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let status = response.status().as_u16();
    if (200..400).contains(&status) { Ok(()) } else { Err(failed(&format!("status {status}"))) }
}

fn request(
    path: &str,
    authority: &str,
    headers: &[(String, String)],
) -> Result<Request<Empty<bytes::Bytes>>, hyper::http::Error> {
    let mut request = Request::get(path)
        .header(HOST, authority)
        .header(USER_AGENT, "kube-probe/quorate")
        .body(Empty::new())?;
    for (name, value) in headers {
        let name = HeaderName::try_from(name.as_str())?;
        request.headers_mut().insert(name, HeaderValue::try_from(value.as_str())?);
    }
    Ok(request)
}
