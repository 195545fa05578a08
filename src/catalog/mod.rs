//! What the server's tables, views and functions are: one immutable snapshot
//! per database, swapped whole.

pub mod guard;
pub mod service;
pub mod snapshot;

/// A PostgreSQL object identifier.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Oid(pub u32);

/// A table column: what a protect rule binds to, and what RowDescription
/// names (`tableoid`, `attnum`). Attribute numbers count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ColumnId {
    pub relation: Oid,
    pub attribute: i16,
}
