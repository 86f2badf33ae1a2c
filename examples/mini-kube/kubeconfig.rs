//! The file by which kubectl finds the API.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes it, readable by its owner alone; replaces what was there in one step.
pub(crate) fn write(file: &Path, server: SocketAddr) -> io::Result<()> {
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: mini-kube\n  cluster:\n    server: \
         http://{server}\nusers:\n- name: anybody\n  user: {{}}\ncontexts:\n- name: mini-kube\n  \
         context:\n    cluster: mini-kube\n    user: anybody\ncurrent-context: mini-kube\n"
    );
    let new = file.with_extension("new");
    let _ = std::fs::remove_file(&new);
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    out.write_all(text.as_bytes())?;
    std::fs::rename(new, file)
}
