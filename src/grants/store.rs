//! The contract of durable state. One thread owns a store and calls it, so
//! calls may block.
//!
//! A store is of one node alone (`sqlite`) or shared by several (`postgres`).
//! A shared one serialises decisions: a change counts only if it was made with
//! knowledge of all that was stored before, else it is [`StoreError::Behind`].

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Notify;

use super::GrantId;
use super::book::{Change, Contents};
use super::event::Event;
use crate::clock::Now;

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
    #[error("the state in {path} was written by a newer bauta (version {found}, this one knows {known})")]
    TooNew { path: String, found: i64, known: i64 },
    #[error("cannot {doing} the state file {path}: {cause}")]
    Io { doing: &'static str, path: String, cause: String },
    #[error("entry {id} of the state in {path} cannot be read: {cause}")]
    Damaged { id: i64, path: String, cause: String },
    /// Other nodes have decided since: read the news, and decide anew.
    #[error("other nodes have changed requests and grants meanwhile")]
    Behind,
    #[error("the state store {path} can't be reached: {cause}")]
    Lost { path: String, cause: String },
    #[error("the state store {path} refused to {doing}: {cause}")]
    Refused { doing: &'static str, path: String, cause: String },
    #[error("another bauta that is called \"{node}\" uses the state store now; give each its own audit.node")]
    Replaced { node: String },
}

/// What a store holds, or what is new in it.
#[derive(Debug, Default)]
pub struct Reading {
    /// At the start: all that has not ended, and the newest of what has. Later:
    /// what has changed.
    pub contents: Contents,
    /// Events of this node that its audit log may not have yet, in order.
    pub waiting: Vec<(OutboxId, Event)>,
    /// Of these grants, those that no audit log holds yet: they reveal nothing.
    pub unrecorded: BTreeSet<GrantId>,
    /// A shared store's own time, with the moment before it was asked. Its
    /// clock counts for all nodes.
    pub as_of: Option<Now>,
}

/// Keeps grants, requests and the events that the audit log does not have yet.
pub trait Store: Send {
    /// Everything that counts at the start of a process.
    fn load(&mut self) -> Result<Reading, StoreError>;

    /// What other nodes have changed since; None: there are no others.
    fn news(&mut self) -> Result<Option<Reading>, StoreError> {
        Ok(None)
    }

    /// Told, from now on, when there may be news. A hint: it may be missing.
    fn watch(&mut self, _news: Arc<Notify>) {}

    /// Writes the change whole or not at all. On return it survives a crash of
    /// process and machine. Its events wait under the numbers returned.
    fn commit(&mut self, change: &Change) -> Result<Vec<OutboxId>, StoreError>;

    /// The audit log has this event: what it made counts on all nodes. May be
    /// lost in a crash: the event is then recorded twice, never not at all.
    fn recorded(&mut self, id: OutboxId, event: &Event) -> Result<(), StoreError>;

    /// This event shall not be recorded: what it was about is taken back.
    fn withdrawn(&mut self, id: OutboxId) -> Result<(), StoreError>;
}
