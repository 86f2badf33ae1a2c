//! The API over TLS: certificates of its own, made at the first start, and who may do what.

use crate::arguments::Dev;
use quorate::resources::Objects;
use quorate_server::access::{Access, AccountTokens, Certificates, Rbac};
use quorate_server::pki::Pki;
use quorate_server::{Api, Kubeconfig, KubeconfigUser, ServerOptions, ServerTls};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

/// Whom tokens of service accounts name as their issuer.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// What a server with TLS is made of.
pub(crate) struct Secure(Pki);

impl Secure {
    /// Finds the certificates in the data directory, or makes them.
    pub(crate) fn open(dev: &Dev, objects: &Objects) -> Result<Self, Box<dyn Error>> {
        let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        if !hosts.contains(&dev.listen.to_string()) {
            hosts.push(dev.listen.to_string());
        }
        let now = objects.seams().clock.wall();
        Ok(Self(Pki::open(&dev.data_dir.join("pki"), &hosts, now)?))
    }

    /// Lets in who has a certificate or a token, to do what their roles say.
    pub(crate) async fn guard(&self, api: Api, objects: &Objects) -> Result<Api, Box<dyn Error>> {
        let authority = self.0.authority.as_bytes();
        let certificates = Certificates::new(authority, objects.seams().clock.clone())?;
        let key = self.0.account_key.as_bytes();
        let accounts = AccountTokens::new(objects.clone(), key, ISSUER)?;
        let rbac = Arc::new(Rbac::new(objects.clone()));
        rbac.bootstrap().await?;
        let access = Access::new()
            .with_authenticator(Arc::new(certificates))
            .with_accounts(Arc::new(accounts))
            .with_anonymous()
            .with_rbac(rbac);
        Ok(api.with_access(access))
    }

    pub(crate) fn options(&self) -> Result<ServerOptions, Box<dyn Error>> {
        let (pair, authority) = (&self.0.server, self.0.authority.as_bytes());
        let (certificate, key) = (pair.certificate.as_bytes(), pair.key.as_bytes());
        Ok(ServerOptions::new().tls(ServerTls::new(certificate, key, Some(authority))?))
    }

    /// The administrator's file.
    pub(crate) fn kubeconfig(self, address: SocketAddr) -> Kubeconfig {
        Kubeconfig::new("mini-kube", format!("https://{address}"))
            .authority(self.0.authority)
            .user(KubeconfigUser::Certificate(self.0.admin))
    }
}
