//! Throwaway certificates: an authority, certificates that it signs, and ones
//! that sign themselves.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SignatureAlgorithm};

use super::server::{scratch, unique};

/// A certificate and its key, in PEM files.
pub struct Certificate {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    /// Signs itself.
    pub fn self_signed(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let cert = params(name).self_signed(&key).unwrap();
        write(&cert.pem(), &key)
    }

    /// Signs itself and says that it is an authority, as `openssl req -x509`
    /// makes them.
    pub fn self_signed_authority(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        write(&params.self_signed(&key).unwrap().pem(), &key)
    }

    pub fn pem(&self) -> String {
        std::fs::read_to_string(&self.cert).unwrap()
    }

    pub fn key_pem(&self) -> String {
        std::fs::read_to_string(&self.key).unwrap()
    }
}

/// Signs other certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub file: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = scratch().path().join(unique("ca-"));
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), file }
    }

    pub fn sign(&self, name: &str) -> Certificate {
        self.sign_with(params(name))
    }

    /// One whose time is over.
    pub fn sign_expired(&self, name: &str) -> Certificate {
        let mut params = params(name);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.sign_with(params)
    }

    fn sign_with(&self, params: CertificateParams) -> Certificate {
        let key = KeyPair::generate().unwrap();
        write(&params.signed_by(&key, &self.issuer).unwrap().pem(), &key)
    }
}

/// For a host name or an address.
fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params
}

fn write(pem: &str, key: &KeyPair) -> Certificate {
    let file = |suffix: &str| -> PathBuf { Path::new(scratch().path()).join(unique("tls-") + suffix) };
    let certificate = Certificate { cert: file(".crt"), key: file(".key") };
    std::fs::write(&certificate.cert, pem).unwrap();
    std::fs::write(&certificate.key, key.serialize_pem()).unwrap();
    certificate
}
