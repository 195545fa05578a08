//! The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS.
//!
//! Follows RFC 5802, RFC 7677, RFC 5929 (tls-server-end-point) and
//! src/backend/libpq/auth-scram.c. One struct a state, each consumed by its
//! step. Invariant: a role that doesn't exist or has no verifier goes through
//! the same messages and the same arithmetic as one with a wrong password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Stored;
use super::verifier::{DEFAULT_ITERATIONS, KEY, Verifier};
use crate::error::{ClientError, sqlstate};

pub const PLAIN: &str = "SCRAM-SHA-256";
pub const PLUS: &str = "SCRAM-SHA-256-PLUS";

/// The gs2 header of a client that binds to the TLS certificate.
pub(super) const BOUND_HEADER: &str = "p=tls-server-end-point,,";

/// Random bytes of a nonce, before base64 (`SCRAM_RAW_NONCE_LEN`).
const NONCE_BYTES: usize = 18;

/// Bytes of a made-up salt (`SCRAM_DEFAULT_SALT_LEN`).
const SALT_BYTES: usize = 16;

/// Why an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    #[error("malformed SCRAM message: {0}")]
    Malformed(&'static str),
    #[error("SASL mechanism not offered")]
    Mechanism,
    /// `y` although PLUS was offered: somebody took it out of the list.
    #[error("channel binding was offered, and the client was told that it was not")]
    Downgrade,
    #[error("SCRAM channel binding check failed")]
    Binding,
    #[error("wrong password")]
    Proof,
    /// Salt or iterations are not the verifier's: the password was changed.
    #[error("the server's verifier is not the one that the client was checked with")]
    Stale,
    #[error("the server's signature is wrong")]
    ServerSignature,
    #[error("the server refused the SCRAM exchange")]
    Refused,
    #[error("no randomness from the system")]
    Random,
}

impl ScramError {
    /// As the client is told, with PostgreSQL's messages where it has one.
    pub fn report(self, login: &str) -> ClientError {
        match self {
            ScramError::Malformed(detail) => {
                ClientError::new(sqlstate::PROTOCOL_VIOLATION, "malformed SCRAM message").with_detail(detail)
            }
            ScramError::Mechanism => ClientError::new(
                sqlstate::PROTOCOL_VIOLATION,
                "client selected an invalid SASL authentication mechanism",
            ),
            ScramError::Downgrade => {
                ClientError::new(sqlstate::INVALID_AUTHORIZATION, "SCRAM channel binding negotiation error")
                    .with_detail(
                        "The client supports SCRAM channel binding but thinks the server does not.  \
                         However, this server does support channel binding.",
                    )
            }
            ScramError::Binding => {
                ClientError::new(sqlstate::INVALID_AUTHORIZATION, "SCRAM channel binding check failed")
            }
            ScramError::Proof | ScramError::Stale => super::password_failed(login),
            ScramError::ServerSignature | ScramError::Refused => ClientError::new(
                sqlstate::CANNOT_CONNECT,
                "the server behind this proxy failed to authenticate",
            ),
            ScramError::Random => {
                ClientError::new(sqlstate::INTERNAL_ERROR, "could not generate random nonce")
            }
        }
    }
}

/// ClientKey: proves the password to any server that holds the same verifier.
pub struct ClientKey(pub(super) Zeroizing<[u8; KEY]>);

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientKey(***)")
    }
}

/// Before the client's first message.
pub struct Offer {
    verifier: Verifier,
    genuine: bool,
    binding: Option<Vec<u8>>,
    nonce: String,
}

impl Offer {
    /// `binding` is the hash of the certificate that the client sees, where
    /// there is one. `mock_key` makes salts for roles without a verifier; it
    /// must outlive restarts, or their salts would change and tell.
    pub fn new(
        stored: &Stored,
        login: &str,
        mock_key: &[u8; KEY],
        binding: Option<Vec<u8>>,
    ) -> Result<Self, ScramError> {
        let (verifier, genuine) = match stored {
            Stored::Scram(verifier) => (Verifier::clone(verifier), true),
            Stored::Unknown | Stored::Nothing | Stored::Foreign => (made_up(login, mock_key), false),
        };
        Ok(Self { verifier, genuine, binding, nonce: nonce()? })
    }

    /// Mechanisms to offer, the preferred first.
    pub fn mechanisms(&self) -> &'static [&'static str] {
        if self.binding.is_some() { &[PLUS, PLAIN] } else { &[PLAIN] }
    }

    /// Takes client-first-message; gives server-first-message.
    pub fn client_first(self, mechanism: &str, message: &[u8]) -> Result<(Challenge, String), ScramError> {
        let plus = match mechanism {
            PLAIN => false,
            PLUS if self.binding.is_some() => true,
            _ => return Err(ScramError::Mechanism),
        };
        let message = text(message)?;
        let (header, bare) = self.gs2_header(message, plus)?;
        let client_nonce = client_nonce(bare)?;
        let binding = match header {
            BOUND_HEADER => self.binding.as_deref().unwrap_or_default(),
            _ => &[],
        };
        let expected_binding = STANDARD.encode([header.as_bytes(), binding].concat());
        let nonce = format!("{client_nonce}{}", self.nonce);
        let first =
            format!("r={nonce},s={},i={}", STANDARD.encode(&self.verifier.salt), self.verifier.iterations);
        let auth_message = format!("{bare},{first},");
        let challenge = Challenge {
            verifier: self.verifier,
            genuine: self.genuine,
            bound: plus,
            expected_binding,
            nonce,
            auth_message,
        };
        Ok((challenge, first))
    }

    /// Splits the gs2 header off, and checks it against the mechanism.
    fn gs2_header<'m>(&self, message: &'m str, plus: bool) -> Result<(&'m str, &'m str), ScramError> {
        let mut commas = message.match_indices(',').map(|(at, _)| at);
        commas.next();
        let end = commas.next().ok_or(ScramError::Malformed("The gs2 header is incomplete."))?;
        let header = message.get(..=end).unwrap_or_default();
        let bare = message.get(end.saturating_add(1)..).unwrap_or_default();
        match header {
            "n,," if plus => Err(ScramError::Malformed("SCRAM-SHA-256-PLUS without channel binding data.")),
            "n,," => Ok((header, bare)),
            "y,," if plus => Err(ScramError::Malformed("SCRAM-SHA-256-PLUS without channel binding data.")),
            "y,," if self.binding.is_some() => Err(ScramError::Downgrade),
            "y,," => Ok((header, bare)),
            BOUND_HEADER if plus => Ok((header, bare)),
            BOUND_HEADER => Err(ScramError::Malformed("SCRAM-SHA-256 with channel binding data.")),
            _ => Err(ScramError::Malformed(
                "Unsupported gs2 header: channel binding type or authorization identity.",
            )),
        }
    }
}

/// After server-first-message.
pub struct Challenge {
    verifier: Verifier,
    genuine: bool,
    bound: bool,
    /// base64 of gs2 header and channel binding data.
    expected_binding: String,
    nonce: String,
    /// Up to and with the comma before client-final-message-without-proof.
    auth_message: String,
}

/// The client has shown who it is.
pub struct Proven {
    pub client_key: ClientKey,
    /// The verifier it was checked with.
    pub verifier: Verifier,
}

impl Challenge {
    /// Takes client-final-message; gives server-final-message. A wrong proof and a role that can't be
    /// authenticated give the same error after the same work.
    pub fn client_final(self, message: &[u8]) -> Result<(Proven, String), ScramError> {
        let message = text(message)?;
        let (without_proof, proof) =
            message.split_once(",p=").ok_or(ScramError::Malformed("The proof is missing."))?;
        let proof: [u8; KEY] = STANDARD
            .decode(proof)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(ScramError::Malformed("The proof is not 32 bytes in base64."))?;
        self.check_binding_and_nonce(without_proof)?;

        let auth_message = format!("{}{without_proof}", self.auth_message);
        let signature = hmac(&self.verifier.stored_key, auth_message.as_bytes());
        let client_key = Zeroizing::new(xor(&proof, &signature));
        let right = Sha256::digest(client_key.as_slice()).as_slice().ct_eq(&self.verifier.stored_key);
        if !(bool::from(right) && self.genuine) {
            return Err(ScramError::Proof);
        }
        let server_signature = hmac(&self.verifier.server_key, auth_message.as_bytes());
        let proven = Proven { client_key: ClientKey(client_key), verifier: self.verifier };
        Ok((proven, format!("v={}", STANDARD.encode(server_signature))))
    }

    fn check_binding_and_nonce(&self, without_proof: &str) -> Result<(), ScramError> {
        let mut attributes = without_proof.split(',');
        let binding = attributes.next().and_then(|a| a.strip_prefix("c="));
        let nonce = attributes.next().and_then(|a| a.strip_prefix("r="));
        let binding = binding.ok_or(ScramError::Malformed("The channel binding attribute is missing."))?;
        let nonce = nonce.ok_or(ScramError::Malformed("The nonce is missing."))?;
        // Extensions may follow; PostgreSQL ignores them, too.
        if !attributes.all(is_attribute) {
            return Err(ScramError::Malformed("An attribute was expected."));
        }
        if !bool::from(binding.as_bytes().ct_eq(self.expected_binding.as_bytes())) {
            return Err(if self.bound {
                ScramError::Binding
            } else {
                ScramError::Malformed("Unexpected channel binding attribute.")
            });
        }
        if !bool::from(nonce.as_bytes().ct_eq(self.nonce.as_bytes())) {
            return Err(ScramError::Malformed("Nonce does not match."));
        }
        Ok(())
    }
}

/// The nonce of client-first-message-bare. The user name in it doesn't
/// count, since the startup message names the user.
fn client_nonce(bare: &str) -> Result<&str, ScramError> {
    let mut attributes = bare.split(',');
    let first = attributes.next().unwrap_or_default();
    if first.starts_with("m=") {
        return Err(ScramError::Malformed("Client requires an unsupported SCRAM extension."));
    }
    if !first.starts_with("n=") {
        return Err(ScramError::Malformed("The user name attribute is missing."));
    }
    let nonce = attributes.next().and_then(|a| a.strip_prefix("r="));
    let nonce = nonce.filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_graphic()));
    if !attributes.all(is_attribute) {
        return Err(ScramError::Malformed("An attribute was expected."));
    }
    nonce.ok_or(ScramError::Malformed("The nonce is missing or not printable."))
}

/// `a=…`, any letter.
fn is_attribute(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b'=', ..] if letter.is_ascii_alphabetic())
}

pub(super) fn text(message: &[u8]) -> Result<&str, ScramError> {
    match std::str::from_utf8(message) {
        Ok(text) if !text.contains('\0') => Ok(text),
        Ok(_) | Err(_) => Err(ScramError::Malformed("The message is not a text.")),
    }
}

pub(super) fn nonce() -> Result<String, ScramError> {
    let mut raw = [0_u8; NONCE_BYTES];
    getrandom::fill(&mut raw).map_err(|_| ScramError::Random)?;
    Ok(STANDARD.encode(raw))
}

pub(super) fn hmac(key: &[u8; KEY], message: &[u8]) -> [u8; KEY] {
    let mut mac = Hmac::<Sha256>::new(&(*key_block(key)).into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// HMAC pads a key with zeros to the block's size; done here, `new` can't fail.
fn key_block(key: &[u8; KEY]) -> Zeroizing<[u8; 64]> {
    let mut block = Zeroizing::new([0_u8; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    block
}

pub(super) fn xor(a: &[u8; KEY], b: &[u8; KEY]) -> [u8; KEY] {
    let mut out = *a;
    for (to, from) in out.iter_mut().zip(b) {
        *to ^= from;
    }
    out
}

/// A verifier for a role that has none: the salt is stable per name, the keys
/// are never compared for truth.
fn made_up(login: &str, mock_key: &[u8; KEY]) -> Verifier {
    let salt = hmac(mock_key, login.as_bytes()).iter().copied().take(SALT_BYTES).collect();
    Verifier { iterations: DEFAULT_ITERATIONS, salt, stored_key: [0; KEY], server_key: [0; KEY] }
}

#[cfg(test)]
#[path = "scram_tests.rs"]
mod tests;
