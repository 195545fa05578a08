//! The client's side of SCRAM-SHA-256 with a ClientKey in place of the
//! password: how bauta logs in upstream as the role that its client proved
//! to be.
//!
//! Follows RFC 5802 and RFC 7677. Since bauta holds the verifier, the salt
//! and iterations are known before, and the server's signature is checked
//! with ServerKey: a server that doesn't hold this role's verifier is found
//! out before a byte of SQL goes to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::scram::{BOUND_HEADER, ClientKey, PLAIN, PLUS, ScramError, hmac, nonce, text, xor};
use super::verifier::Verifier;

/// Before client-first-message.
pub struct Login<'a> {
    client_key: &'a ClientKey,
    verifier: &'a Verifier,
    mechanism: &'static str,
    header: &'static str,
    binding: Vec<u8>,
    nonce: String,
}

impl<'a> Login<'a> {
    /// Chooses the mechanism among those `offered`. `binding` is the hash of
    /// the certificate that the server showed, if TLS is on and it has one.
    pub fn new<'m>(
        client_key: &'a ClientKey,
        verifier: &'a Verifier,
        offered: impl Iterator<Item = &'m [u8]>,
        binding: Option<Vec<u8>>,
    ) -> Result<Self, ScramError> {
        let (mut plain, mut plus) = (false, false);
        for mechanism in offered {
            plain |= mechanism == PLAIN.as_bytes();
            plus |= mechanism == PLUS.as_bytes();
        }
        let (mechanism, header, binding) = match binding {
            Some(binding) if plus => (PLUS, BOUND_HEADER, binding),
            // Says that we could have bound, so that a server which did offer
            // it notices that its offer was taken away.
            Some(_) if plain => (PLAIN, "y,,", Vec::new()),
            None if plain => (PLAIN, "n,,", Vec::new()),
            Some(_) | None => return Err(ScramError::Mechanism),
        };
        Ok(Self { client_key, verifier, mechanism, header, binding, nonce: nonce()? })
    }

    pub fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    /// client-first-message.
    pub fn first(&self) -> String {
        format!("{}{}", self.header, self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Takes server-first-message; gives client-final-message.
    pub fn server_first(self, message: &[u8]) -> Result<(ExpectSignature<'a>, String), ScramError> {
        let message = text(message)?;
        let mut attributes = message.split(',');
        let nonce = attributes.next().and_then(|a| a.strip_prefix("r="));
        let salt = attributes.next().and_then(|a| a.strip_prefix("s="));
        let iterations = attributes.next().and_then(|a| a.strip_prefix("i="));
        let (Some(nonce), Some(salt), Some(iterations)) = (nonce, salt, iterations) else {
            return Err(ScramError::Malformed("server-first-message"));
        };
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(ScramError::Malformed("The server's nonce does not continue ours."));
        }
        let same_salt = STANDARD.decode(salt).is_ok_and(|salt| salt == self.verifier.salt);
        if !same_salt || iterations.parse() != Ok(self.verifier.iterations) {
            return Err(ScramError::Stale);
        }
        let channel = STANDARD.encode([self.header.as_bytes(), &self.binding].concat());
        let without_proof = format!("c={channel},r={nonce}");
        let auth_message = format!("{},{message},{without_proof}", self.first_bare());
        let signature = hmac(&self.verifier.stored_key, auth_message.as_bytes());
        let proof = STANDARD.encode(xor(&self.client_key.0, &signature));
        let last = format!("{without_proof},p={proof}");
        Ok((ExpectSignature { verifier: self.verifier, auth_message }, last))
    }
}

/// After client-final-message.
pub struct ExpectSignature<'a> {
    verifier: &'a Verifier,
    auth_message: String,
}

impl ExpectSignature<'_> {
    /// Takes server-final-message.
    pub fn server_final(self, message: &[u8]) -> Result<(), ScramError> {
        let message = text(message)?;
        let given = message.strip_prefix("v=").ok_or(ScramError::Refused)?;
        let given = STANDARD.decode(given).map_err(|_| ScramError::ServerSignature)?;
        let right = hmac(&self.verifier.server_key, self.auth_message.as_bytes());
        if bool::from(given.as_slice().ct_eq(&right)) { Ok(()) } else { Err(ScramError::ServerSignature) }
    }
}
