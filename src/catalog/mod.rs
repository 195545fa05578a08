//! What the server's tables, views and functions are: one immutable snapshot
//! per database, swapped whole.

mod advice;
pub mod bind;
pub mod bindings;
pub mod check;
pub mod closure;
pub(crate) mod code;
pub mod databases;
pub mod finding;
pub mod functions;
pub mod guard;
mod handed;
mod keeper;
pub mod load;
pub(crate) mod mentions;
mod queries;
pub(crate) mod relied;
pub mod service;
pub mod setters;
pub mod snapshot;
mod verifiers;

pub use bindings::{BindingStore, SqliteBindings};
pub use databases::Databases;
pub use finding::{Finding, Severity};
pub use keeper::{Changes, Database, Visit};
pub use load::load;
pub(crate) use relied::is_sequence_of;

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

#[cfg(test)]
mod tests;
