//! A role's SCRAM verifier, as `pg_authid.rolpassword` holds it:
//! `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
//!
//! Follows `parse_scram_secret` in src/backend/libpq/auth-scram.c and
//! RFC 5803. Anything else in the column is not a verifier.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize;

/// Iterations of a verifier that PostgreSQL makes by default, and so of a
/// made-up one (`SCRAM_SHA_256_DEFAULT_ITERATIONS`).
pub const DEFAULT_ITERATIONS: u32 = 4096;

/// Size in bytes of a key and of a SHA-256 digest.
pub const KEY: usize = 32;

#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    pub iterations: u32,
    pub salt: Vec<u8>,
    pub stored_key: [u8; KEY],
    pub server_key: [u8; KEY],
}

impl Verifier {
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("SCRAM-SHA-256$")?;
        let (parameters, keys) = rest.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let iterations =
            iterations.parse::<u32>().ok().filter(|n| (1..=i32::MAX.unsigned_abs()).contains(n))?;
        let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty())?;
        Some(Self { iterations, salt, stored_key: key(stored)?, server_key: key(server)? })
    }
}

fn key(text: &str) -> Option<[u8; KEY]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

impl std::fmt::Debug for Verifier {
    /// A verifier can be attacked offline and ServerKey lets one play the
    /// server, so neither is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(***)")
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.stored_key.zeroize();
        self.server_key.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Stored;

    const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn a_verifier_is_read() {
        let verifier = Verifier::parse(PENCIL).unwrap();
        assert_eq!((verifier.iterations, verifier.salt.len()), (4096, 16));
        assert!(!format!("{verifier:?}").contains("WG5d"));
    }

    #[test]
    fn whatever_is_not_a_verifier_is_none() {
        for end in 0..PENCIL.len() {
            assert!(Verifier::parse(&PENCIL[..end]).is_none(), "cut at {end}");
        }
        for text in ["md5aaaa", "", "SCRAM-SHA-256$0:aa==$x:y", "SCRAM-SHA-1$4096:QQ==$a:b"] {
            assert!(Verifier::parse(text).is_none(), "{text}");
        }
        assert!(Verifier::parse(&PENCIL.replace("4096", "0")).is_none());
        assert!(Verifier::parse(&PENCIL.replace("4096", "4294967295")).is_none());
    }

    #[test]
    fn a_row_says_what_is_stored() {
        assert_eq!(Stored::from_row(None), Stored::Unknown);
        assert_eq!(Stored::from_row(Some(None)), Stored::Nothing);
        assert_eq!(Stored::from_row(Some(Some("md5xyz"))), Stored::Foreign);
        assert!(matches!(Stored::from_row(Some(Some(PENCIL))), Stored::Scram(_)));
    }
}
