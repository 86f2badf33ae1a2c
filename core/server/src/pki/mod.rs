//! An authority of one's own and what it signs, for clusters that are given no certificates.
//!
//! Place: for who assembles a server. Keys are of the curve P-256; nothing here is needed by a server
//! that is given certificates from elsewhere.
//!
//! Invariants: every file is readable by its owner alone and is replaced in one step; the authority and
//! the key of service accounts are made once and kept, certificates of server and administrator are
//! made anew at every start, so that none of them ends before the next start within a year.
//!
//! ```
//! use quorate_resources::Objects;
//! use quorate_seams::Seams;
//! use quorate_server::access::{Access, AccountTokens, Certificates, Rbac};
//! use quorate_server::pki::Pki;
//! use quorate_server::{Api, Kubeconfig, KubeconfigUser, Server, ServerOptions, ServerTls};
//! use quorate_store::MemoryStore;
//! use std::sync::Arc;
//! # let place = tempfile::tempdir()?;
//! # let dir = place.path();
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let seams = Seams::system();
//! let clock = seams.clock.clone();
//! let store = MemoryStore::new(clock.clone());
//! let objects = Objects::new(store, quorate_kinds::registry().into(), seams);
//! let pki = Pki::open(dir, &["localhost".to_owned(), "127.0.0.1".to_owned()], clock.wall())?;
//!
//! let authority = pki.authority.as_bytes();
//! let rbac = Arc::new(Rbac::new(objects.clone()));
//! rbac.bootstrap().await?;
//! let issuer = "https://kubernetes.default.svc";
//! let accounts = AccountTokens::new(objects.clone(), pki.account_key.as_bytes(), issuer)?;
//! let access = Access::new()
//!     .with_authenticator(Arc::new(Certificates::new(authority, clock)?))
//!     .with_accounts(Arc::new(accounts))
//!     .with_anonymous()
//!     .with_rbac(rbac);
//!
//! let (certificate, key) = (pki.server.certificate.as_bytes(), pki.server.key.as_bytes());
//! let options = ServerOptions::new().tls(ServerTls::new(certificate, key, Some(authority))?);
//! let api = Api::new(objects).with_access(access);
//! let server = Server::start_with(api, "127.0.0.1:0", options).await?;
//! Kubeconfig::new("quorate", format!("https://{}", server.address()))
//!     .authority(pki.authority.as_str())
//!     .user(KubeconfigUser::Certificate(pki.admin.clone()))
//!     .write(&dir.join("kubeconfig"))?;
//! server.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authority;
mod files;

pub use authority::{Authority, KeyPair};
pub(crate) use files::write_private;

use crate::access::User;
use quorate_seams::WallTime;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why certificates cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("file {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Only one of two files that belong together is there.
    #[error("{} is missing, but {} is there: bring it back or remove both", missing.display(), found.display())]
    Half {
        /// Which is not.
        missing: PathBuf,
        /// Which is.
        found: PathBuf,
    },
    /// A certificate or key is none.
    #[error("{what} cannot be used: {reason}")]
    Content {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        reason: String,
    },
    /// Making a certificate failed.
    #[error("no certificate for {subject}: {reason}")]
    Make {
        /// For whom.
        subject: String,
        /// What is wrong.
        reason: String,
    },
}

/// Everything that a server with TLS, client certificates and service accounts needs.
#[derive(Debug)]
pub struct Pki {
    /// The certificate of the authority, in PEM: who connects trusts it, and so does the server in
    /// certificates of clients.
    pub authority: String,
    /// The server's.
    pub server: KeyPair,
    /// The administrator's: `system:admin` of `system:masters`.
    pub admin: KeyPair,
    /// The key that tokens of service accounts are signed with, in PEM.
    pub account_key: String,
}

impl Pki {
    /// Opens a directory, or makes it: `ca.crt`, `ca.key` and `sa.key` are kept, `server.*` and `admin.*`
    /// are replaced. The hosts are the names and addresses by which clients reach the server.
    ///
    /// # Errors
    /// A file cannot be used, or a host is none.
    pub fn open(dir: &Path, hosts: &[String], now: WallTime) -> Result<Self, PkiError> {
        files::create_private_dir(dir).map_err(at(dir))?;
        let authority = authority(dir, now)?;
        let account_key = account_key(dir)?;
        let server = authority.server(hosts, now)?;
        let admin = authority.client(&admin(), now)?;
        for (name, pair) in [("server", &server), ("admin", &admin)] {
            save(&dir.join(format!("{name}.key")), &pair.key)?;
            save(&dir.join(format!("{name}.crt")), &pair.certificate)?;
        }
        Ok(Self { authority: authority.certificate().to_owned(), server, admin, account_key })
    }
}

/// Only names and groups that a certificate says; the rest is the server's to add.
fn admin() -> User {
    User::new("system:admin").with_group("system:masters")
}

fn at(path: &Path) -> impl Fn(io::Error) -> PkiError + '_ {
    |source| PkiError::File { path: path.to_owned(), source }
}

fn save(path: &Path, text: &str) -> Result<(), PkiError> {
    write_private(path, text.as_bytes()).map_err(at(path))
}

fn read(path: &Path) -> Result<String, PkiError> {
    std::fs::read_to_string(path).map_err(at(path))
}

fn authority(dir: &Path, now: WallTime) -> Result<Authority, PkiError> {
    let (certificate, key) = (dir.join("ca.crt"), dir.join("ca.key"));
    match (certificate.exists(), key.exists()) {
        (true, true) => Authority::from_pem(&read(&certificate)?, &read(&key)?),
        (true, false) => Err(PkiError::Half { missing: key, found: certificate }),
        // A key without a certificate is what a crash leaves between the two.
        (false, _) => {
            let made = Authority::create("quorate", now)?;
            save(&key, &made.key())?;
            save(&certificate, made.certificate())?;
            Ok(made)
        }
    }
}

fn account_key(dir: &Path) -> Result<String, PkiError> {
    let path = dir.join("sa.key");
    if path.exists() {
        return read(&path);
    }
    let key = authority::new_key()?;
    save(&path, &key)?;
    Ok(key)
}

#[cfg(test)]
mod tests;
