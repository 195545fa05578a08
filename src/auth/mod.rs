//! Who is this: SCRAM-SHA-256 pass-through, or a client certificate.
//!
//! bauta checks a client's proof with the role's own verifier, as PostgreSQL
//! would, and recovers from that proof the ClientKey, with which it logs in
//! upstream as the same role. It never learns or stores a password.
//! ClientKey is as good as the password for that verifier, so it lives in
//! memory that is wiped, and only for the length of the handshake.

pub mod binding;
pub mod certificate;
pub mod end_user;
pub mod scram;
pub mod scram_client;
pub mod verifier;

use std::future::Future;
use std::pin::Pin;

use crate::error::{ClientError, sqlstate};
pub use verifier::Verifier;

/// What the server has stored as a role's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// There is no such role.
    Unknown,
    /// The role has no password.
    Nothing,
    /// A password in another form (md5), or one that can't be read.
    Foreign,
    Scram(Box<Verifier>),
}

impl Stored {
    /// From `pg_authid.rolpassword`: outer `None` where no row was found,
    /// inner `None` where it is NULL.
    pub fn from_row(row: Option<Option<&str>>) -> Self {
        match row {
            None => Stored::Unknown,
            Some(None) => Stored::Nothing,
            Some(Some(text)) => match Verifier::parse(text) {
                Some(verifier) => Stored::Scram(Box::new(verifier)),
                None => Stored::Foreign,
            },
        }
    }
}

/// The verifier couldn't be asked for (service connection down, function
/// missing). The text is for bauta's log, not for the client.
#[derive(Debug, thiserror::Error)]
#[error("reading the password verifier failed: {0}")]
pub struct VerifierUnavailable(pub String);

pub type VerifierFuture<'a> = Pin<Box<dyn Future<Output = Result<Stored, VerifierUnavailable>> + Send + 'a>>;

/// Where verifiers come from: the service connection. Must ask the server
/// each time, so that a changed or withdrawn password counts at once.
pub trait Verifiers: Send + Sync {
    fn verifier<'a>(&'a self, login: &'a str) -> VerifierFuture<'a>;
}

/// The one message for a wrong password and for a role that doesn't exist;
/// the same as PostgreSQL's.
pub fn password_failed(login: &str) -> ClientError {
    ClientError::new(
        sqlstate::INVALID_PASSWORD,
        format!("password authentication failed for user \"{login}\""),
    )
}

/// A client without a certificate, where one is demanded; PostgreSQL's words.
pub fn no_certificate() -> ClientError {
    ClientError::new(sqlstate::INVALID_AUTHORIZATION, "connection requires a valid client certificate")
        .with_hint("Connect over TLS with sslcert and sslkey.")
}

/// For a login that a certificate doesn't name, or that nobody may use so.
pub fn certificate_failed(login: &str) -> ClientError {
    ClientError::new(
        sqlstate::INVALID_AUTHORIZATION,
        format!("certificate authentication failed for user \"{login}\""),
    )
}

/// For a role whose password is another than the configuration holds.
pub fn stored_password_failed(login: &str) -> ClientError {
    ClientError::new(
        sqlstate::INVALID_PASSWORD,
        format!("this proxy could not log in to the server as \"{login}\""),
    )
    .with_hint("Tell its administrator: the password stored for this login is not the role's.")
}

/// For a role whose stored password SCRAM can't work with.
pub fn no_scram_password(login: &str) -> ClientError {
    password_failed(login)
        .with_detail("The role has no SCRAM-SHA-256 password, so this proxy can't authenticate it.")
        .with_hint(
            "Set one on the server: SET password_encryption = 'scram-sha-256', then \\password or ALTER ROLE … PASSWORD.",
        )
}
