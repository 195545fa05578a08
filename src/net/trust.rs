//! How far bauta trusts the upstream's certificate: libpq's `sslmode`.
//!
//! `require` asks for encryption alone, unless `ca` names roots: then it
//! means `verify-ca`, as in libpq. `verify-ca` wants a chain to a root,
//! `verify-full` also the host's name in the certificate. A certificate that
//! is itself in the `ca` file is trusted as it stands: the self-signed
//! certificate of PostgreSQL's own documentation, which chain building
//! refuses as a CA that plays the server.
//!
//! Invariant: in every mode the server proves that it holds the key of the
//! certificate that it showed; channel binding relies on it.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::tls::{ALPN, TlsFault, add_roots, certificates, provider, versions};
use crate::config::{Upstream, UpstreamTls};

/// What the server's certificate must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    Nothing,
    Chain,
    ChainAndName,
}

#[derive(Debug)]
struct Trust {
    demand: Demand,
    roots: RootCertStore,
    /// The certificates of the `ca` file, to be trusted as they stand.
    pinned: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

/// The TLS client for the upstream; `None` when TLS is off.
pub(super) fn client_config(upstream: &Upstream) -> Result<Option<Arc<ClientConfig>>, TlsFault> {
    let demand = match (upstream.tls, &upstream.ca) {
        (UpstreamTls::Disable, _) => return Ok(None),
        (UpstreamTls::Prefer, _) | (UpstreamTls::Require, None) => Demand::Nothing,
        (UpstreamTls::Require, Some(_)) | (UpstreamTls::VerifyCa, _) => Demand::Chain,
        (UpstreamTls::VerifyFull, _) => Demand::ChainAndName,
    };
    let (roots, pinned) = match demand {
        Demand::Nothing => (RootCertStore::empty(), Vec::new()),
        Demand::Chain | Demand::ChainAndName => roots(upstream)?,
    };
    let provider = provider();
    let trust = Trust { demand, roots, pinned, provider: provider.clone() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(upstream.tls_min_version))
        .map_err(TlsFault::Library)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = tokio_rustls::rustls::client::Resumption::disabled();
    Ok(Some(Arc::new(config)))
}

fn roots(upstream: &Upstream) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TlsFault> {
    let mut store = RootCertStore::empty();
    match &upstream.ca {
        Some(path) => {
            let pinned = certificates(path)?;
            add_roots(&mut store, path, &pinned)?;
            Ok((store, pinned))
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() { Err(TlsFault::NoSystemRoots) } else { Ok((store, Vec::new())) }
        }
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.demand == Demand::Nothing {
            return Ok(ServerCertVerified::assertion());
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if self.pinned.contains(end_entity) {
            check_dates(end_entity, now)?;
        } else {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                &self.roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        if self.demand == Demand::ChainAndName {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Chain building checks dates; a pinned certificate goes round it.
fn check_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let bad = |fault| Error::InvalidCertificate(fault);
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| bad(CertificateError::BadEncoding))?;
    let now = i64::try_from(now.as_secs())
        .ok()
        .and_then(|seconds| ASN1Time::from_timestamp(seconds).ok())
        .ok_or(Error::FailedToGetCurrentTime)?;
    if now < parsed.validity().not_before {
        Err(bad(CertificateError::NotValidYet))
    } else if now > parsed.validity().not_after {
        Err(bad(CertificateError::Expired))
    } else {
        Ok(())
    }
}
