//! State in one SQLite file: WAL, full sync, migrations by `user_version`.
//!
//! Invariant: one process a file. SQLite's own locks would let two proxies
//! take turns, each with its own idea of what is granted; so a lock file next
//! to it is held for as long as the store is open. The kernel frees it when
//! the process ends, however it ends.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};
use serde::de::DeserializeOwned;

use super::book::{Change, Contents};
use super::event::Event;
use super::store::{OutboxId, Reading, Store, StoreError};

/// "baut": says whose file it is (SQLite's header, offset 68).
const APPLICATION_ID: i64 = 0x6261_7574;
/// Ended entries that a start reads back for lists.
const RECENT: i64 = 1000;

/// One step each; `user_version` counts those done. Never change one that
/// was released: add the next.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE grants (
        id INTEGER PRIMARY KEY,
        user TEXT NOT NULL,
        live INTEGER NOT NULL,
        expires_at TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX grants_live ON grants (id) WHERE live = 1;
    CREATE TABLE requests (
        id INTEGER PRIMARY KEY,
        user TEXT NOT NULL,
        live INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX requests_live ON requests (id) WHERE live = 1;
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        body TEXT NOT NULL
    ) STRICT;
"];

/// The store. See the module.
pub struct Sqlite {
    connection: Connection,
    path: String,
    _lock: File,
}

impl Sqlite {
    /// Opens or creates the file (mode 0600: reasons name customers' cases).
    ///
    /// # Errors
    /// Another proxy has it, it is something else, or it can't be read or written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        let io = |cause: std::io::Error| failed("open", path, cause);
        OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(io)?;
        let connection = Connection::open(path).map_err(|e| failed("open", path, e))?;
        let mut store = Self { connection, path: path.display().to_string(), _lock: lock };
        store.prepare().map_err(|e| match e {
            Prepare::Store(e) => e,
            Prepare::Sqlite(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
                StoreError::Foreign { path: store.path.clone() }
            }
            Prepare::Sqlite(e) => store.error("open")(e),
        })?;
        Ok(store)
    }

    fn prepare(&mut self) -> Result<(), Prepare> {
        let pragma = |c: &Connection, name: &str| c.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
        let owner = pragma(&self.connection, "application_id")?;
        let version = pragma(&self.connection, "user_version")?;
        let tables: i64 =
            self.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
        if owner != APPLICATION_ID && (owner, version, tables) != (0, 0, 0) {
            return Err(Prepare::Store(StoreError::Foreign { path: self.path.clone() }));
        }
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        if version > known {
            return Err(Prepare::Store(StoreError::TooNew {
                path: self.path.clone(),
                found: version,
                known,
            }));
        }
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL syncs the WAL at every commit; NORMAL would not.
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for step in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", known)?;
        transaction.commit()?;
        Ok(())
    }

    fn error(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
        move |cause| StoreError::Io { doing, path: self.path.clone(), cause: cause.to_string() }
    }

    fn bodies<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<(i64, T)>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(i64, String)>> {
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let parse = |(id, body): (i64, String)| match serde_json::from_str(&body) {
            Ok(entry) => Ok((id, entry)),
            Err(e) => Err(StoreError::Damaged { id, path: self.path.clone(), cause: e.to_string() }),
        };
        read().map_err(self.error("read"))?.into_iter().map(parse).collect()
    }

    fn last(&self, table: &str) -> Result<i64, StoreError> {
        self.connection
            .query_row(&format!("SELECT coalesce(max(id), 0) FROM {table}"), [], |row| row.get(0))
            .map_err(self.error("read"))
    }

    fn write(&mut self, change: &Change) -> rusqlite::Result<Vec<OutboxId>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT OR REPLACE INTO grants (id, user, live, expires_at, body) VALUES (?, ?, ?, ?, ?)",
            )?;
            for g in &change.grants {
                let live = g.ended.is_none();
                put.execute(params![g.id.0, g.user, live, g.expires_at.to_string(), json(g)?])?;
            }
            let mut put = transaction.prepare_cached(
                "INSERT OR REPLACE INTO requests (id, user, live, body) VALUES (?, ?, ?, ?)",
            )?;
            for r in &change.requests {
                put.execute(params![r.id.0, r.user, r.is_open(), json(r)?])?;
            }
        }
        let mut ids = Vec::with_capacity(change.events.len());
        {
            let mut put = transaction.prepare_cached("INSERT INTO outbox (body) VALUES (?)")?;
            for event in &change.events {
                ids.push(OutboxId(put.insert(params![json(event)?])?));
            }
        }
        transaction.commit()?;
        Ok(ids)
    }
}

impl Store for Sqlite {
    fn load(&mut self) -> Result<Reading, StoreError> {
        let recent = |table: &str| {
            format!(
                "SELECT id, body FROM {table} WHERE live = 1 UNION ALL SELECT * FROM \
                 (SELECT id, body FROM {table} WHERE live = 0 ORDER BY id DESC LIMIT {RECENT}) ORDER BY id"
            )
        };
        let contents = Contents {
            grants: self.bodies(&recent("grants"))?.into_iter().map(|(_, g)| g).collect(),
            requests: self.bodies(&recent("requests"))?.into_iter().map(|(_, r)| r).collect(),
            last_grant: self.last("grants")?,
            last_request: self.last("requests")?,
        };
        let waiting: Vec<(i64, Event)> = self.bodies("SELECT id, body FROM outbox ORDER BY id")?;
        let waiting: Vec<_> = waiting.into_iter().map(|(id, event)| (OutboxId(id), event)).collect();
        // A crash may have come between store and audit log.
        let unrecorded = waiting.iter().filter_map(|(_, event)| event.made()).collect();
        Ok(Reading { contents, waiting, unrecorded, as_of: None })
    }

    fn commit(&mut self, change: &Change) -> Result<Vec<OutboxId>, StoreError> {
        let written = self.write(change);
        written.map_err(self.error("write"))
    }

    fn recorded(&mut self, id: OutboxId, _event: &Event) -> Result<(), StoreError> {
        self.withdrawn(id)
    }

    fn withdrawn(&mut self, id: OutboxId) -> Result<(), StoreError> {
        // No sync for this alone: losing it records the event once more.
        let forget = || {
            self.connection.pragma_update(None, "synchronous", "NORMAL")?;
            let deleted = self.connection.execute("DELETE FROM outbox WHERE id = ?", params![id.0]);
            self.connection.pragma_update(None, "synchronous", "FULL")?;
            deleted
        };
        let done = forget();
        done.map(|_| ()).map_err(self.error("write"))
    }
}

enum Prepare {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Prepare {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn json<T: serde::Serialize>(entry: &T) -> rusqlite::Result<String> {
    serde_json::to_string(entry).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

fn failed(doing: &'static str, path: &Path, cause: impl std::fmt::Display) -> StoreError {
    StoreError::Io { doing, path: path.display().to_string(), cause: cause.to_string() }
}

/// Holds `FILE.lock` until dropped.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&name)
        .map_err(|e| failed("lock", path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.display().to_string() }),
        Err(std::fs::TryLockError::Error(e)) => Err(failed("lock", path, e)),
    }
}
