//! TLS: whom to trust, and who we are.

use super::discover::Address;
use cache_core::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whose certificates are trusted. None are without being given: neither the system's nor any other.
///
/// ```no_run
/// use cache_clients::memcached::{Memcached, MemcachedOptions, Tls};
///
/// let tls = Tls::roots_file("/etc/ssl/caches.pem")?;
/// let memcached = Memcached::with("cache-1.internal", MemcachedOptions::default().with_tls(tls))?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Tls {
    roots: Arc<RootCertStore>,
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

impl Tls {
    /// Trusts the certificates of this PEM text, and what they have signed.
    pub fn roots(pem: &[u8]) -> Result<Self> {
        let wrong = |what: String| Error::invalid(format!("the TLS roots: {what}"));
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem).map_err(wrong)? {
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        let roots = Arc::new(roots);
        let config = builder(&roots)?.with_no_client_auth();
        Ok(Tls { roots, config: Arc::new(config), name: None })
    }

    /// The same from a file.
    pub fn roots_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let pem = std::fs::read(path).map_err(|error| {
            Error::invalid(format!("the TLS roots {} could not be read: {error}", path.display()))
        })?;
        Tls::roots(&pem)
    }

    /// The name in the servers' certificates, where it is not the host of the address.
    pub fn with_server_name(mut self, name: &str) -> Result<Self> {
        self.name = Some(server_name(name)?);
        Ok(self)
    }

    /// Who we are, for servers that want to know: certificates and private key as PEM texts.
    pub fn with_identity(mut self, certificates: &[u8], key: &[u8]) -> Result<Self> {
        let wrong = |what: String| Error::invalid(format!("the TLS identity: {what}"));
        let chain = self::certificates(certificates).map_err(wrong)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| wrong(format!("no private key: {error}")))?;
        let config = builder(&self.roots)?
            .with_client_auth_cert(chain, key)
            .map_err(|error| wrong(error.to_string()))?;
        self.config = Arc::new(config);
        Ok(self)
    }

    /// A session with a server.
    pub(super) fn session(&self, address: &Address) -> io::Result<ClientConnection> {
        ClientConnection::new(self.config.clone(), self.name_of(address)?).map_err(io::Error::other)
    }

    /// A connection to a configuration endpoint, given as `host:port`.
    pub(super) async fn connect(&self, endpoint: String) -> io::Result<TlsStream<TcpStream>> {
        let name = self.name_of(&Address::parse(&endpoint).map_err(io::Error::other)?)?;
        let stream = TcpStream::connect(endpoint).await?;
        let failed = |error| io::Error::other(format!("the TLS handshake failed: {error}"));
        TlsConnector::from(self.config.clone()).connect(name, stream).await.map_err(failed)
    }

    fn name_of(&self, address: &Address) -> io::Result<ServerName<'static>> {
        match (&self.name, address) {
            (Some(name), _) => Ok(name.clone()),
            (None, Address::Tcp { host, .. }) => server_name(host).map_err(io::Error::other),
            (None, Address::Unix(path)) => Err(io::Error::other(format!(
                "unix:{path} has no host: give the certificate's by `with_server_name`"
            ))),
        }
    }
}

fn builder(
    roots: &Arc<RootCertStore>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| Error::invalid(format!("TLS: {error}")))?;
    Ok(versions.with_root_certificates(roots.clone()))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("no PEM text: {error}"))?;
    match all.is_empty() {
        true => Err("no certificate in it: right is a PEM text with BEGIN CERTIFICATE".to_owned()),
        false => Ok(all),
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned())
        .map_err(|error| Error::invalid(format!("`{name}` is no name for a certificate: {error}")))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("roots", &self.roots.len()).field("name", &self.name).finish()
    }
}
