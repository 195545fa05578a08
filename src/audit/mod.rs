//! The chained audit log: intent before, outcome after.
//!
//! [`Log`] is the handle that sessions and the grant engine hold. One writer
//! thread owns the file: it encodes, numbers, chains, writes and syncs records
//! in groups, so a session pays for a push onto a queue and, where it must
//! know that its intent is on disk, for one wait a flush.
//!
//! ```text
//! session ── submit ──> queue (bounded) ──> writer: encode · seal · journal (durable) · append
//!    └────── durable(ticket) <── watermark ────────────┘
//! ```
//!
//! Invariants: no record is dropped that was accepted; a ticket is durable only
//! after its line and all before it are on disk, in the log or its journal; while the log can't be
//! written, intents are refused at once and outcomes are kept.
//! The format, to the byte, is `docs/AUDIT-FORMAT.md`.

pub mod anchor;
pub mod chain;
mod crowd;
mod desk;
mod encode;
pub mod file;
pub mod journal;
pub mod log;
mod marks;
mod queue;
pub mod read;
pub mod record;
pub mod recover;
pub mod report;
pub mod search;
pub mod show;
pub mod sink;
mod sqltext;
pub mod tally;
pub mod verify;
mod writer;

pub use log::{AuditError, Log, LogSettings, OpenError};
pub use queue::Ticket;
pub use record::{Conceal, Event, Record, Sql, StatementEnd, StatementStart, Who};

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod waiting_tests;
