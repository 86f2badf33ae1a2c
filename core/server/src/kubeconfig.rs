//! The file by which `kubectl` and other clients find the API and say who they are.

use crate::pki::{KeyPair, write_private};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::fmt;
use std::io;
use std::path::Path;

/// One server and one user.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    name: String,
    server: String,
    authority: Option<String>,
    user: KubeconfigUser,
}

/// What a client shows.
#[derive(Clone)]
pub enum KubeconfigUser {
    /// Nothing.
    Nobody,
    /// A certificate.
    Certificate(KeyPair),
    /// A bearer token.
    Token(String),
}

/// Credentials are secrets.
impl fmt::Debug for KubeconfigUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Certificate(_) => "Certificate(..)",
            Self::Token(_) => "Token(..)",
        })
    }
}

impl Kubeconfig {
    /// A server by its URL, for clients that show nothing.
    #[must_use]
    pub fn new(name: impl Into<String>, server: impl Into<String>) -> Self {
        let (name, server) = (name.into(), server.into());
        Self { name, server, authority: None, user: KubeconfigUser::Nobody }
    }

    /// Trusts servers whose certificate comes from this authority, in PEM, and no others.
    #[must_use]
    pub fn authority(mut self, certificate: impl Into<String>) -> Self {
        self.authority = Some(certificate.into());
        self
    }

    /// Shows this.
    #[must_use]
    pub fn user(mut self, user: KubeconfigUser) -> Self {
        self.user = user;
        self
    }

    /// The file's content: JSON, and so YAML.
    #[must_use]
    pub fn text(&self) -> String {
        let encoded = |text: &String| STANDARD.encode(text);
        let mut cluster = json!({ "server": self.server });
        if let Some(authority) = &self.authority {
            cluster["certificate-authority-data"] = json!(encoded(authority));
        }
        let user = match &self.user {
            KubeconfigUser::Nobody => json!({}),
            KubeconfigUser::Token(token) => json!({ "token": token }),
            KubeconfigUser::Certificate(pair) => json!({
                "client-certificate-data": encoded(&pair.certificate),
                "client-key-data": encoded(&pair.key),
            }),
        };
        let name = &self.name;
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "preferences": {},
            "clusters": [{ "name": name, "cluster": cluster }],
            "users": [{ "name": name, "user": user }],
            "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
            "current-context": name,
        });
        format!("{config:#}\n")
    }

    /// Writes the file, readable by its owner alone; replaces what was there in one step.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        write_private(path, self.text().as_bytes())
    }
}
