//! Ports that a task listens on.

use crate::failure::same;
use crate::{Bench, Case, Failure, Need, Verdict};
use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};

pub(super) const CASES: &[Case] =
    &[Case::new("network.a_port_that_a_task_listens_on_is_reached", |b| Box::pin(reached(b)))
        .with(&[Need::Network])];

async fn reached(b: &Bench<'_>) -> Verdict {
    let spec = b.task("main", &["listen=0", "exit=6"]);
    b.run(&spec).await?;
    let port = b
        .until("it says its port", async || {
            let texts = b.texts(&spec).map_err(|failure| failure.to_string())?;
            let port = texts.iter().find_map(|text| text.strip_prefix("port ")?.parse().ok());
            port.ok_or_else(|| format!("{texts:?}"))
        })
        .await?;
    let said = quorate_seams::spawn_blocking(move || greeting(port)).await;
    let said = said.unwrap_or_else(|| Err(std::io::Error::other("the reading thread panicked")));
    same("what it says", "hello\n", said.map_err(Failure::kit("talk to the task"))?.as_str())?;
    same("the code", Some(6), b.exit(&spec.id).await?.code)
}

fn greeting(port: u16) -> std::io::Result<String> {
    let mut said = String::new();
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))?.read_to_string(&mut said)?;
    Ok(said)
}
