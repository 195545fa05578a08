//! TLS where both sides show a certificate: approvers elsewhere and the
//! control API.
//!
//! Invariant: without a certificate that its authority signed, nobody gets past
//! the handshake.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::tls::{TlsFault, add_roots, certificates, provider};

/// HTTP/1.1's name in ALPN.
const HTTP: &[u8] = b"http/1.1";

/// The side that is called.
///
/// # Errors
/// A file that can't be used.
pub fn server(cert: &Path, key: &Path, client_ca: &Path) -> Result<TlsAcceptor, TlsFault> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(client_ca)?), provider())
        .build()
        .map_err(TlsFault::ClientRoots)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsFault::Library)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(cert)?, private_key(key)?)
        .map_err(|source| pair(cert, key, source))?;
    config.alpn_protocols = vec![HTTP.to_vec()];
    // A session that is resumed would not show its certificate again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The side that calls. `ca`: who signed the server's certificate; None: what
/// this system trusts.
///
/// # Errors
/// A file that can't be used.
pub fn client(cert: &Path, key: &Path, ca: Option<&Path>) -> Result<TlsConnector, TlsFault> {
    let mut config = caller(Some((cert, key)), ca)?;
    config.alpn_protocols = vec![HTTP.to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The side that calls, whatever it speaks. `own`: certificate and key, where
/// it shows one; `ca` as of [`client`].
///
/// # Errors
/// A file that can't be used.
pub fn caller(own: Option<(&Path, &Path)>, ca: Option<&Path>) -> Result<ClientConfig, TlsFault> {
    let roots = match ca {
        Some(path) => roots(path)?,
        None => system_roots()?,
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsFault::Library)?
        .with_root_certificates(roots);
    match own {
        None => Ok(builder.with_no_client_auth()),
        Some((cert, key)) => builder
            .with_client_auth_cert(certificates(cert)?, private_key(key)?)
            .map_err(|source| pair(cert, key, source)),
    }
}

fn roots(path: &Path) -> Result<RootCertStore, TlsFault> {
    let mut store = RootCertStore::empty();
    add_roots(&mut store, path, &certificates(path)?)?;
    Ok(store)
}

fn system_roots() -> Result<RootCertStore, TlsFault> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() { Err(TlsFault::NoSystemRoots) } else { Ok(store) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFault> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| TlsFault::ReadKey { path: path.to_owned(), source })
}

fn pair(cert: &Path, key: &Path, source: tokio_rustls::rustls::Error) -> TlsFault {
    TlsFault::Pair { cert: cert.to_owned(), key: key.to_owned(), source }
}
