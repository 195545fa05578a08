//! Replaces protected values in rows, text and binary wire formats alike.
//! Pure: receives a plan, knows nothing of policy decisions, sockets or time.

pub mod keys;
pub mod method;

pub use keys::KeyRing;
pub use method::{Method, MethodSpec};

use bytes::BytesMut;

use crate::catalog::Oid;

/// PostgreSQL's wire formats (protocol, "Formats and Format Codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Text,
    Binary,
}

/// What a value is, as RowDescription and the catalog say.
#[derive(Debug, Clone)]
pub struct ValueType {
    /// Base type: domains are resolved by the caller.
    pub oid: Oid,
    /// Declared length or precision (`atttypmod`), -1 without.
    pub modifier: i32,
    /// The element's type if this is an array.
    pub element: Option<Oid>,
    /// `typtype` of the type (of the element if an array): b, e, c, r, m.
    pub kind: char,
}

/// A value that the mask's codec can't read: the session ends, the value is
/// never shown.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a value of type {oid:?} could not be read in {format:?} format")]
pub struct UnreadableValue {
    pub oid: Oid,
    pub format: Format,
}

/// A method that does not fit a type; an error of `check` and of `serve`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("method \"{method}\" does not fit type {type_name}: {mend}")]
pub struct DoesNotFit {
    pub method: &'static str,
    pub type_name: String,
    /// What to do instead.
    pub mend: String,
}

/// What a masked value becomes.
#[derive(Debug, PartialEq, Eq)]
pub enum Masked {
    /// The value was appended to the buffer.
    Value,
    /// The value is NULL now; nothing was appended.
    Null,
}

/// A mask for one column of one result: method, type, format and keys
/// resolved, nothing left to decide per value.
pub trait Mask: Send + Sync {
    /// Appends the masked form of `value` (never NULL, without its length
    /// word) to `out`. On an error `out` is as it was.
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue>;
}
