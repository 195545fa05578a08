//! Grants and requests: who may see which columns until when, why, and who
//! said so.
//!
//! ```text
//! book     pure: every operation is (book, who, now) → change or fault
//! engine   decides, stores, logs, then lets the change take effect
//! permits  what one session may see; asked for every statement
//! rows     counts what a grant with `max_rows` reveals
//! store    the contract of durable state; sqlite is one that keeps it
//! ```
//!
//! Invariants: a value is revealed only under a grant that is valid at that
//! moment; nothing is acknowledged before it is durable and in the audit log;
//! an end takes effect at once, whatever else fails.

pub mod book;
pub mod break_glass;
pub mod decisions;
pub mod duration;
pub mod engine;
pub mod event;
pub mod fault;
mod journal;
mod keeper;
pub mod model;
pub mod permits;
pub mod postgres;
pub mod roles;
pub mod rows;
pub mod scope;
pub mod sqlite;
pub mod store;
mod unallowed;

use std::fmt;
use std::sync::Arc;

pub use engine::Engine;
pub use fault::Fault;
pub use permits::SessionPermits;
pub use roles::Roles;
pub use scope::ColumnName;

use crate::policy::ProtectedColumn;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct GrantId(pub i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub i64);

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What grants must know of the servers behind the proxy.
pub trait Directory: Send + Sync {
    /// The protected columns of every database, in any order.
    fn protected_columns(&self) -> Vec<Arc<ProtectedColumn>>;
    /// Gets to know databases that nobody has used yet, so that their columns
    /// can be named. Completes when it has, or can't for now.
    fn meet(&self) -> event::Answer<'_, ()>;
    /// Those whose database was read since the rules of this policy are in force.
    fn columns_of(&self, policy: &str) -> Vec<Arc<ProtectedColumn>>;
    /// The PostgreSQL roles that `login` is a member of, directly or not, as the
    /// server said last.
    fn pg_roles(&self, login: &str) -> Vec<Arc<str>>;
}

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;
