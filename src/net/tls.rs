//! TLS towards clients: certificate, ALPN, the channel binding hash.
//!
//! Invariants: nothing that came in plaintext enters a TLS session
//! (CVE-2021-23214), and a direct TLS connection, which no SSLRequest
//! announced, must have agreed on ALPN `postgresql`, so that it can't be a
//! connection for another protocol that was led here (PostgreSQL's "SSL
//! Session Encryption").

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::Stream;
use crate::auth::binding;
use crate::config::{ListenTls, ListenTlsMode, TlsVersion};

/// The protocol's name in ALPN, as IANA registered it.
pub const ALPN: &[u8] = b"postgresql";

/// First byte of a TLS record that carries a ClientHello.
pub const HANDSHAKE_BYTE: u8 = 0x16;

/// A certificate, key or set of roots can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    #[error("reading certificates from {}: {source}", path.display())]
    ReadCertificates { path: PathBuf, source: pem::Error },
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    #[error("reading the private key from {}: {source}", path.display())]
    ReadKey { path: PathBuf, source: pem::Error },
    #[error("certificate {} and key {}: {source}", cert.display(), key.display())]
    Pair { cert: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("certificates in {}: {source}", path.display())]
    Roots { path: PathBuf, source: rustls::Error },
    #[error("client certificate authorities: {0}")]
    ClientRoots(#[source] VerifierBuilderError),
    #[error("no certificate authorities found on this system; name a file in upstream.ca")]
    NoSystemRoots,
    #[error("\"{0}\" is not a name that a certificate can hold")]
    ServerName(String),
    #[error("TLS library: {0}")]
    Library(#[source] rustls::Error),
}

/// Why a client's TLS handshake failed; for bauta's log.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    #[error("received unencrypted data after SSL request")]
    Injected,
    #[error("TLS handshake: {0}")]
    Handshake(#[source] io::Error),
    #[error("direct TLS connection without ALPN \"postgresql\"")]
    NoAlpn,
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

static FROM_1_2: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
static FROM_1_3: [&SupportedProtocolVersion; 1] = [&TLS13];

/// The versions of TLS from `oldest` on.
pub(super) fn versions(oldest: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match oldest {
        TlsVersion::V1_2 => &FROM_1_2,
        TlsVersion::V1_3 => &FROM_1_3,
    }
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let read = |source| TlsFault::ReadCertificates { path: path.to_owned(), source };
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
    if found.is_empty() { Err(TlsFault::NoCertificate(path.to_owned())) } else { Ok(found) }
}

/// Adds the certificates as roots.
pub(super) fn add_roots(
    store: &mut RootCertStore,
    path: &Path,
    certificates: &[CertificateDer<'static>],
) -> Result<(), TlsFault> {
    for certificate in certificates {
        store.add(certificate.clone()).map_err(|source| TlsFault::Roots { path: path.to_owned(), source })?;
    }
    Ok(())
}

/// What `[listen.tls]` says, loaded.
pub struct ServerTls {
    acceptor: TlsAcceptor,
    /// Plaintext sessions over TCP are refused.
    pub required: bool,
    /// tls-server-end-point of our certificate, where it is defined.
    pub end_point: Option<Vec<u8>>,
}

impl ServerTls {
    pub fn load(settings: &ListenTls) -> Result<Self, TlsFault> {
        let chain = certificates(&settings.cert)?;
        let end_point = chain.first().and_then(|leaf| binding::end_point(leaf));
        let key = PrivateKeyDer::from_pem_file(&settings.key)
            .map_err(|source| TlsFault::ReadKey { path: settings.key.clone(), source })?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(settings.min_version))
            .map_err(TlsFault::Library)?;
        let builder = match &settings.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                add_roots(&mut roots, path, &certificates(path)?)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                    .allow_unauthenticated()
                    .build()
                    .map_err(TlsFault::ClientRoots)?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|source| TlsFault::Pair {
            cert: settings.cert.clone(),
            key: settings.key.clone(),
            source,
        })?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        // No resumption, as PostgreSQL: it would cost memory and tickets on
        // every connection, and clients of databases don't use it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        let required = settings.mode == ListenTlsMode::Require;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), required, end_point })
    }

    /// Puts TLS on a connection. `direct`: the client began with TLS, without
    /// an SSLRequest.
    pub async fn accept(&self, stream: Stream, direct: bool) -> Result<Stream, AcceptError> {
        let (socket, peer) = stream.into_socket().ok_or(AcceptError::Injected)?;
        let tls = self.acceptor.accept(socket).await.map_err(AcceptError::Handshake)?;
        if direct && tls.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(AcceptError::NoAlpn);
        }
        Ok(Stream::tls(TlsStream::Server(tls), peer))
    }
}
