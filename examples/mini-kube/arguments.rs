//! The command line.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
usage: mini-kube dev --data-dir DIR [option VALUE]... [--tls]

Runs a whole cluster in this process and serves the Kubernetes API.

  --data-dir DIR      where store, nodes and volumes are kept; found again by the next start
  --port PORT         port of the API, 8001; 0 for a free one
  --listen ADDRESS    address of the API, 127.0.0.1; without --tls a loopback address
  --kubeconfig FILE   written for kubectl; DIR/kubeconfig
  --images DIR        image NAME:TAG of a process pod is the executable file DIR/NAME/TAG
  --docker SOCKET     nodes also run pods with runtimeClassName docker, by the engine at this socket
  --agents N          nodes in this process, 1
  --members N         members of the store in this process, 1, 3 or 5
  --tls               TLS, certificates made at the first start, and RBAC; the file for kubectl is the
                      administrator's
";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Dev(Dev),
}

/// A cluster in one process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dev {
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: IpAddr,
    pub(crate) port: u16,
    pub(crate) images: Option<PathBuf>,
    pub(crate) docker: Option<PathBuf>,
    pub(crate) agents: u8,
    pub(crate) members: u64,
    pub(crate) tls: bool,
    kubeconfig: Option<PathBuf>,
}

impl Dev {
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig.clone().unwrap_or_else(|| self.data_dir.join("kubeconfig"))
    }
}

impl Command {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut words = arguments;
        match words.next().as_deref() {
            Some("dev") => dev(words),
            Some("--help" | "-h" | "help") | None => Ok(Self::Help),
            Some(other) => Err(format!("{other:?} is no command: there is \"dev\"")),
        }
    }
}

fn dev(mut words: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut dev = Dev {
        data_dir: PathBuf::new(),
        listen: Ipv4Addr::LOCALHOST.into(),
        port: 8001,
        images: None,
        docker: None,
        agents: 1,
        members: 1,
        tls: false,
        kubeconfig: None,
    };
    while let Some(word) = words.next() {
        if word == "--help" {
            return Ok(Command::Help);
        }
        if word == "--tls" {
            dev.tls = true;
            continue;
        }
        let (option, given) = match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        let value = given.or_else(|| words.next()).ok_or(format!("{option} needs a value"))?;
        set(&mut dev, &option, value)?;
    }
    if dev.data_dir.as_os_str().is_empty() {
        return Err("--data-dir is missing".to_owned());
    }
    if !dev.tls && !dev.listen.is_loopback() {
        let listen = dev.listen;
        return Err(format!(
            "--listen {listen} is not loopback: without --tls nothing would keep others out"
        ));
    }
    Ok(Command::Dev(dev))
}

fn set(dev: &mut Dev, option: &str, value: String) -> Result<(), String> {
    let invalid = |error: &dyn std::fmt::Display| format!("{option} {value}: {error}");
    match option {
        "--data-dir" => dev.data_dir = value.into(),
        "--kubeconfig" => dev.kubeconfig = Some(value.into()),
        "--docker" => dev.docker = Some(value.into()),
        "--images" => dev.images = Some(value.into()),
        "--port" => dev.port = value.parse().map_err(|error| invalid(&error))?,
        "--listen" => dev.listen = value.parse().map_err(|error| invalid(&error))?,
        "--agents" => dev.agents = value.parse().map_err(|error| invalid(&error))?,
        "--members" => dev.members = value.parse().map_err(|error| invalid(&error))?,
        _ => return Err(format!("{option} is no option of dev")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_taken_in_both_forms() {
        let Ok(Command::Dev(dev)) = parse("dev --data-dir /d --port=0 --agents 3") else {
            panic!()
        };
        assert_eq!((dev.port, dev.agents, dev.kubeconfig()), (0, 3, "/d/kubeconfig".into()));
        assert!(!dev.tls);
        let Ok(Command::Dev(dev)) = parse("dev --tls --data-dir /d --listen 0.0.0.0") else {
            panic!()
        };
        assert!(dev.tls && !dev.listen.is_loopback());
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (line, name) in [
            ("dev", "--data-dir"),
            ("dev --data-dir /d --port many", "--port many"),
            ("dev --data-dir /d --verbose yes", "--verbose"),
            ("dev --data-dir /d --listen 0.0.0.0", "--listen 0.0.0.0"),
            ("dev --data-dir", "--data-dir needs"),
            ("serve", "serve"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(name), "{line}: {error}");
        }
        assert_eq!(parse(""), Ok(Command::Help));
    }
}
