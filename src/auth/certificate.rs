//! Logins by client certificate (`auth.method = "cert"`).
//!
//! A certificate says who its holder is in its subject's common name and in
//! the names of its subjectAltName (DNS names and mail addresses, RFC 5280
//! 4.2.1.6); the configuration says which of them may log in as whom. Whether
//! the certificate is to be trusted was decided by the TLS handshake.
//!
//! A server can't be shown the client's certificate, so bauta logs in there
//! with a password that is stored for the role: from it and the role's
//! verifier comes the same ClientKey that a client's own proof would bring.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::scram::ClientKey;
use super::verifier::{KEY, Verifier};
use crate::config::{CertificateLogin, Secret};

/// The names in a certificate (DER). One that can't be read, or that has
/// several common names, has none of that kind.
pub fn names(certificate: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let mut common = certificate.subject().iter_common_name();
    let mut names = Vec::new();
    if let (Some(name), None) = (common.next(), common.next())
        && let Ok(name) = name.as_str()
    {
        names.push(name.to_owned());
    }
    if let Ok(Some(alternatives)) = certificate.subject_alternative_name() {
        names.extend(alternatives.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
            _ => None,
        }));
    }
    names
}

/// The entry under which a holder of these names may log in as `login`.
pub fn entry<'a>(
    logins: &'a [CertificateLogin],
    login: &str,
    names: &[String],
) -> Option<&'a CertificateLogin> {
    let entry = logins.iter().find(|entry| entry.login == login)?;
    entry.certificates.iter().any(|name| names.contains(name)).then_some(entry)
}

/// ClientKey of a stored password (RFC 5802 section 3); None: it is not the
/// password of this verifier. Takes as long as the verifier's iterations.
pub fn client_key(password: &Secret, verifier: &Verifier) -> Option<ClientKey> {
    // As PostgreSQL's pg_saslprep: what can't be prepared is used as it is.
    let prepared = stringprep::saslprep(password.expose());
    let text = prepared.as_deref().unwrap_or(password.expose());
    let mut salted = Zeroizing::new([0_u8; KEY]);
    pbkdf2::pbkdf2_hmac::<Sha256>(text.as_bytes(), &verifier.salt, verifier.iterations, &mut *salted);
    let mut mac = Hmac::<Sha256>::new_from_slice(salted.as_slice()).ok()?;
    mac.update(b"Client Key");
    let key: Zeroizing<[u8; KEY]> = Zeroizing::new(mac.finalize().into_bytes().into());
    let right = Sha256::digest(key.as_slice()).as_slice().ct_eq(&verifier.stored_key);
    bool::from(right).then_some(ClientKey(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 section 3: password "pencil".
    const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    fn certificate(common: &[&str], alternatives: Vec<rcgen::SanType>) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for name in common {
            params.distinguished_name.push(rcgen::DnType::CommonName, *name);
        }
        params.subject_alt_names = alternatives;
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_stored_password_gives_the_key_that_the_verifier_knows() {
        let verifier = Verifier::parse(PENCIL).unwrap();
        assert!(client_key(&Secret::new("pencil".into()), &verifier).is_some());
        assert!(client_key(&Secret::new("Pencil".into()), &verifier).is_none());
        // Soft hyphen: mapped to nothing by SASLprep.
        assert!(client_key(&Secret::new("pen\u{ad}cil".into()), &verifier).is_some());
    }

    #[test]
    fn a_certificate_has_the_names_of_its_holder_and_of_no_machine_address() {
        let mail = rcgen::SanType::Rfc822Name("ana@example.com".try_into().unwrap());
        let dns = rcgen::SanType::DnsName("ana.example.com".try_into().unwrap());
        let address = rcgen::SanType::IpAddress([127, 0, 0, 1].into());
        let der = certificate(&["ana"], vec![mail, dns, address]);
        assert_eq!(names(&der), ["ana", "ana@example.com", "ana.example.com"]);
        assert_eq!(names(b"no certificate"), [""; 0]);
    }

    #[test]
    fn a_name_is_a_whole_name_of_this_login_alone() {
        let login = |login: &str, certificates: &[&str]| CertificateLogin {
            login: login.into(),
            certificates: certificates.iter().map(|name| (*name).to_owned()).collect(),
            password: Secret::new("x".into()),
        };
        let logins = [login("ana", &["ana", "ana@example.com"]), login("sam", &["sam"])];
        let may = |who: &str, names: &[&str]| {
            entry(&logins, who, &names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).is_some()
        };
        assert!(may("ana", &["x", "ana@example.com"]));
        for (who, names) in [
            ("ana", &["sam"][..]),
            ("sam", &["ana"]),
            ("ana", &["ana\0x", "ANA", "ana ", "*", "anna"]),
            ("eve", &["eve"]),
            ("ana", &[]),
        ] {
            assert!(!may(who, names), "{who} {names:?}");
        }
    }
}
