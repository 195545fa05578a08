//! The service connection: the role that reads catalogs and verifiers.
//!
//! Owns the names of what `bauta setup-sql` makes on the server.

/// Holds the functions that `setup-sql` makes. Real, unlike schema `bauta`.
pub const SCHEMA: &str = "bauta_service";

/// Channel on which the optional event trigger tells of DDL.
pub const DDL_CHANNEL: &str = "bauta_catalog";
