//! The handle on the audit log, and its errors.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use super::chain::{Head, Sealer};
use super::desk;
use super::file::{DiskFile, LogFile};
use super::journal::{DiskPlace, Journaled};
use super::queue::{Queue, Rejected, Ticket};
use super::record::Record;
use super::recover::{self, RecoverError};
use super::tally::Tally;
use super::writer::Writer;
use crate::clock::SharedClock;
use crate::config::AuditSql;
use crate::error::{ClientError, sqlstate};
use crate::mask::keys::Key;

/// What the log needs to know of the configuration.
#[derive(Debug, Clone)]
pub struct LogSettings {
    pub file: PathBuf,
    pub sql: AuditSql,
    /// Bytes; 0: never.
    pub rotate: u64,
    /// Zero: never for its age.
    pub rotate_age: Duration,
    /// The `node` member: which machine wrote it.
    pub node: Arc<str>,
}

impl LogSettings {
    pub fn new(config: &crate::config::Audit) -> Self {
        Self {
            file: config.file.clone(),
            sql: config.sql,
            rotate: config.rotate,
            rotate_age: config.rotate_age,
            node: config.node.clone(),
        }
    }
}

/// This machine's host name.
pub fn node_name() -> Arc<str> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => Arc::from("localhost"),
        name => Arc::from(name),
    }
}

/// Why a record is not in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    #[error("no space left for the audit log")]
    NoSpace,
    #[error("the audit log could not be written: {0}")]
    Io(String),
    #[error("the audit log is closed")]
    Closed,
}

impl AuditError {
    pub(super) fn from_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Io(error.to_string()),
        }
    }
}

impl From<&AuditError> for ClientError {
    fn from(error: &AuditError) -> Self {
        let (code, message) = match error {
            AuditError::NoSpace => {
                (sqlstate::DISK_FULL, "could not write the audit log: no space left on device")
            }
            AuditError::Io(_) => (sqlstate::IO_ERROR, "could not write the audit log"),
            AuditError::Closed => {
                (sqlstate::ADMIN_SHUTDOWN, "the audit log is closed: the proxy is shutting down")
            }
        };
        Self::new(code, message).with_hint(
            "No statement runs without a record of it. Try again when the administrator has mended the log.",
        )
    }
}

/// Why the log can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the audit log {path} could not be opened")]
    Open { path: PathBuf, source: std::io::Error },
    #[error("the audit log {path} is in use by another bauta")]
    InUse { path: PathBuf },
    #[error("the audit log's journal {path} could not be opened")]
    Journal { path: PathBuf, source: std::io::Error },
    #[error("what the journal of the audit log {path} holds could not be written to it")]
    Replay { path: PathBuf, source: std::io::Error },
    #[error("the audit log {path} can't be continued")]
    Recover { path: PathBuf, source: RecoverError },
    #[error("the audit writer's thread could not be started")]
    Thread { source: std::io::Error },
}

/// The stack of the writer's thread, mapped lazily: PostgreSQL's grammar
/// recurses when it fingerprints a text.
const STACK: usize = 256 << 20;

/// Where to write records. Cheap to clone; the last handle to go writes what
/// is left and ends the writer.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    clock: SharedClock,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Opens or creates the file and its journal, closes what a crash left
    /// behind, and starts the writer.
    ///
    /// # Errors
    /// The file or its journal can't be opened or locked, or its end is not of
    /// a chain made with this key.
    pub fn open(settings: LogSettings, key: &Key, clock: SharedClock) -> Result<Self, OpenError> {
        let file = DiskFile::open(&settings.file)?;
        // Behind the lock on the log: the journal is of whoever writes it.
        let place = DiskPlace::open(&settings.file)?;
        let file = Journaled::open(file, place, &Sealer::new(key))
            .map_err(|source| OpenError::Replay { path: settings.file.clone(), source })?;
        Self::start(Box::new(file), settings, key, clock)
    }

    /// [`Log::open`] on a file of another kind: tests make its operations fail.
    pub fn start(
        mut file: Box<dyn LogFile>,
        settings: LogSettings,
        key: &Key,
        clock: SharedClock,
    ) -> Result<Self, OpenError> {
        let sealer = Sealer::new(key);
        let end = recover::read_end(file.as_mut(), &sealer)
            .map_err(|source| OpenError::Recover { path: settings.file.clone(), source })?;
        let queue = Arc::new(Queue::new());
        if end.seq > 0 {
            queue.advance(Head { seq: end.seq, mac: end.mac });
        }
        let writer = Writer::new(queue.clone(), file, sealer, &settings, end, clock.clone());
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .stack_size(STACK)
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Thread { source })?;
        Ok(Self { inner: Arc::new(Inner { queue, clock, thread: Mutex::new(Some(thread)) }) })
    }

    /// Submits a record; waits only while the queue is full. Cancel-safe: a
    /// cancelled call has submitted nothing.
    ///
    /// # Errors
    /// The log can't be written, and the record is an intent, or a failed login
    /// that finds no room.
    pub async fn submit(&self, record: Record) -> Result<Ticket, AuditError> {
        let at = self.inner.clock.now().wall;
        let mut record = record;
        loop {
            match self.inner.queue.push(at, record, false) {
                Ok(ticket) => return Ok(ticket),
                Err(Rejected::Failed(error)) => return Err(error),
                Err(Rejected::Full(back)) => record = *back,
            }
            self.inner.queue.room().await;
        }
    }

    /// Submits without ever waiting, for places that can't (drop, synchronous
    /// code). Such records may exceed the queue's bound, so their number must
    /// be bounded by something else: what runs, what one read brought.
    ///
    /// # Errors
    /// As [`Log::submit`].
    pub fn post(&self, record: Record) -> Result<Ticket, AuditError> {
        let at = self.inner.clock.now().wall;
        match self.inner.queue.push(at, record, true) {
            Ok(ticket) => Ok(ticket),
            Err(Rejected::Failed(error)) => Err(error),
            Err(Rejected::Full(_)) => Err(AuditError::Closed),
        }
    }

    /// Waits until the record and all before it are on disk. Cancel-safe.
    ///
    /// # Errors
    /// It could not be written: what it announced must not happen.
    pub async fn durable(&self, ticket: Ticket) -> Result<(), AuditError> {
        self.inner.queue.durable(ticket).await
    }

    /// [`Log::durable`] for tasks that stay on one thread, and cheaper where
    /// [`Log::attend`] runs on it.
    ///
    /// # Errors
    /// As [`Log::durable`].
    pub async fn durable_here(&self, ticket: Ticket) -> Result<(), AuditError> {
        self.inner.queue.durable_here(ticket).await
    }

    /// Wakes the sessions of this thread when their records are durable, all
    /// with one wake-up from the writer; to be run beside them.
    pub async fn attend(self) {
        desk::attend(self.inner.queue.clone()).await;
    }

    /// [`Log::durable`] for threads without a runtime.
    ///
    /// # Errors
    /// As [`Log::durable`].
    pub fn durable_blocking(&self, ticket: Ticket) -> Result<(), AuditError> {
        self.inner.queue.durable_blocking(ticket)
    }

    /// Is the record settled already? None: not yet.
    pub fn status(&self, ticket: Ticket) -> Option<Result<(), AuditError>> {
        self.inner.queue.status(ticket)
    }

    /// What passed through the log, counted.
    pub fn tally(&self) -> &Tally {
        &self.inner.queue.tally
    }

    /// The newest record that is on disk; None: the log holds none.
    pub fn head(&self) -> Option<Head> {
        self.inner.queue.head()
    }

    /// How many records wait to be written, and why the log can't be written,
    /// if it can't.
    pub fn standing(&self) -> (usize, Option<AuditError>) {
        self.inner.queue.standing()
    }

    /// Writes what is left and ends the writer; blocks for that long. Later
    /// submissions fail.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        self.queue.close();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the audit writer has ended in a panic");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
