//! Keys for hashes, tokens and the audit chain, derived from the master key
//! file by HKDF-SHA-256 (RFC 5869), one per purpose and domain.

/// The key file, read once.
pub struct KeyRing {}
