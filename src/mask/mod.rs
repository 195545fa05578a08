//! Replaces protected values in rows, text and binary wire formats alike.
//! Pure: receives a plan, knows nothing of policy decisions, sockets or time.

mod document;
mod email;
mod fake;
mod fit;
mod fpe;
mod generalize;
mod hash;
pub mod keys;
pub mod method;
mod noise;
mod numerals;
mod options;
mod original;
mod partial;
mod permute;
mod plan;
mod redact;
#[cfg(test)]
mod tests;
pub mod token;
mod types;

pub use document::path::{DocumentPath, PathFault};
pub use document::{DocumentRule, MOST_PATHS};
pub use fit::{example, fits, fitting};
pub use keys::KeyRing;
pub use method::{Generalize, Method, MethodFault, MethodSpec, Partial};
pub use original::{is_permuted, original, originals};
pub use plan::{plan, plan_redact};

use std::sync::Arc;

use bytes::BytesMut;

use crate::catalog::Oid;
use crate::catalog::snapshot::{Snapshot, TypeInfo};

/// PostgreSQL's wire formats (protocol, "Formats and Format Codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Text,
    Binary,
}

/// How the bytes of a text stand for characters: the session's
/// `client_encoding`, as far as masks must tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    #[default]
    Utf8,
    /// One byte a character, ASCII below 128 (LATIN1, WIN1252, SQL_ASCII …).
    SingleByte,
}

/// How values of one column travel to one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wire {
    pub format: Format,
    pub encoding: Encoding,
}

impl From<Format> for Wire {
    fn from(format: Format) -> Self {
        Self { format, encoding: Encoding::Utf8 }
    }
}

/// What a value is, as RowDescription and the catalog say.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueType {
    /// Base type: domains are resolved.
    pub oid: Oid,
    /// Its name (the element's if this is an array): extensions' types have
    /// no fixed oid, and messages need it.
    pub name: Arc<str>,
    /// Declared length or precision (`atttypmod`), -1 without.
    pub modifier: i32,
    /// The element's type if this is an array.
    pub element: Option<Oid>,
    /// `typtype` of the type (of the element if an array): b, e, c, r, m.
    pub kind: char,
    /// Of a composite type (of the element if an array), in order.
    pub fields: Option<Arc<[FieldType]>>,
}

/// A field of a composite type.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldType {
    pub name: Arc<str>,
    /// As declared: domains are not resolved.
    pub declared: Oid,
    pub ty: ValueType,
}

/// Composite types in composite types, as deep as their fields are looked at.
const MOST_NESTED: usize = 8;

impl ValueType {
    /// Resolves domains and arrays by the catalog. An oid that the snapshot
    /// does not know becomes a type without a codec.
    pub fn resolve(snapshot: &Snapshot, oid: Oid, modifier: i32) -> Self {
        Self::nested(snapshot, oid, modifier, MOST_NESTED)
    }

    fn nested(snapshot: &Snapshot, oid: Oid, modifier: i32, depth: usize) -> Self {
        let (base, modifier) = base_type(snapshot, oid, modifier);
        let info = snapshot.types.get(&base);
        // int2vector and oidvector have an element type, yet are no arrays.
        let element = info
            .filter(|t| t.category == 'A' && !matches!(base, Oid(22) | Oid(30)))
            .and_then(|t| t.element)
            .map(|e| base_type(snapshot, e, modifier));
        let (element, modifier) = element.map_or((None, modifier), |(e, m)| (Some(e), m));
        let shown = element.map_or(info, |e| snapshot.types.get(&e));
        Self {
            oid: base,
            name: shown.map_or_else(|| "unknown".into(), |t| t.name.clone()),
            modifier,
            element,
            kind: shown.map_or('p', |t| t.kind),
            fields: shown.and_then(|t| fields(snapshot, t, depth.checked_sub(1)?)),
        }
    }
}

/// The fields of a composite type, without dropped ones.
fn fields(snapshot: &Snapshot, info: &TypeInfo, depth: usize) -> Option<Arc<[FieldType]>> {
    let relation = snapshot.relations.get(&info.relation.filter(|_| info.kind == 'c')?)?;
    let fields = relation.columns.iter().map(|column| FieldType {
        name: Arc::clone(&column.name),
        declared: column.type_oid,
        ty: ValueType::nested(snapshot, column.type_oid, column.type_modifier, depth),
    });
    Some(fields.collect())
}

/// The type under any number of domains, and the length that the outermost
/// one declares. Bounded: a catalog read at a bad moment must not hang us.
fn base_type(snapshot: &Snapshot, oid: Oid, modifier: i32) -> (Oid, i32) {
    let (mut oid, mut modifier) = (oid, modifier);
    for _ in 0..32 {
        match snapshot.types.get(&oid) {
            Some(TypeInfo { kind: 'd', base: Some(base), modifier: declared, .. }) => {
                oid = *base;
                modifier = if modifier < 0 { *declared } else { modifier };
            }
            _ => break,
        }
    }
    (oid, modifier)
}

/// A value that the mask's codec can't read: the session ends, the value is
/// never shown.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
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
