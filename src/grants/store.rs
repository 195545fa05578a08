//! The contract of durable state. One thread owns a store and calls it, so
//! calls may block.

use super::book::{Change, Contents};
use super::event::Event;

/// Number of an event that waits for the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutboxId(pub i64);

/// A store that can't be opened, read or written. Its text names the place.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the state file {path} is in use by another bauta; each proxy needs its own")]
    InUse { path: String },
    #[error("{path} is not a state file of bauta")]
    Foreign { path: String },
    #[error("the state file {path} was written by a newer bauta (version {found}, this one knows {known})")]
    TooNew { path: String, found: i64, known: i64 },
    #[error("cannot {doing} the state file {path}: {cause}")]
    Io { doing: &'static str, path: String, cause: String },
    #[error("entry {id} in the state file {path} cannot be read: {cause}")]
    Damaged { id: i64, path: String, cause: String },
}

/// Keeps grants, requests and the events that the audit log does not have yet.
pub trait Store: Send {
    /// Everything that has not ended, the newest of what has, and the events
    /// that wait, in order.
    fn load(&mut self) -> Result<(Contents, Vec<(OutboxId, Event)>), StoreError>;

    /// Writes the change whole or not at all. On return it survives a crash of
    /// process and machine. Its events wait under the numbers returned.
    fn commit(&mut self, change: &Change) -> Result<Vec<OutboxId>, StoreError>;

    /// The audit log has this event. May be lost in a crash: the event is then
    /// recorded twice, never not at all.
    fn recorded(&mut self, id: OutboxId) -> Result<(), StoreError>;
}
