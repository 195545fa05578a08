//! The chained audit log: intent before, outcome after.
//!
//! [`Log`] is the handle that sessions and the grant engine hold. One writer
//! thread owns the file: it numbers, chains, writes and syncs records in
//! groups. The queue is bounded; a full one makes callers wait, nothing is
//! dropped. While the log can't be written, `submit` fails and statements are
//! refused.

use std::sync::Arc;

/// Where to write records. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    #[allow(dead_code)]
    inner: Arc<()>,
}

/// A submitted record: `durable().await` it before anything goes upstream.
pub struct Ticket {}

/// Common fields of a session's records.
#[derive(Debug, Clone)]
pub struct Who {
    pub session: i64,
    pub user: Arc<str>,
    pub database: Arc<str>,
    /// Client address as text.
    pub client: Arc<str>,
}
