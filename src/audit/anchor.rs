//! The head of the chain, kept in the state store too: a log whose end was cut
//! off while the proxy was down is noticed at the next start.
//!
//! Only heads that are on disk are kept, so a crash, which may take what was
//! not synced, never looks like a cut. It is no proof against somebody who
//! changes the store as well: that takes a head kept elsewhere (`bauta audit
//! head`).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use memchr::memmem::Finder;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio_postgres::types::{ToSql, Type};

use super::chain::{Head, Line};
use super::file::{all_files, first_seq_of};
use super::read;
use super::record::LogHeadLost;
use super::search;
use crate::state::link::{Link, Step, quoted};

/// A head, and when it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub head: Head,
    pub at: Timestamp,
}

/// Why a state store failed.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    #[error("opening the audit log's head in {path}")]
    Open { path: String, source: Cause },
    #[error("reading the audit log's head")]
    Read(#[source] Cause),
    #[error("keeping the audit log's head")]
    Keep(#[source] Cause),
    #[error("looking for record {seq} in the audit log")]
    Look { seq: u64, source: io::Error },
}

/// Heads in the state store, one a log.
pub struct Anchors {
    place: Place,
    /// Names the log.
    log: String,
}

enum Place {
    Sqlite(Mutex<Connection>),
    /// Of this node: several have a log of the same name.
    Shared {
        link: Arc<Link>,
        node: String,
    },
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS audit_head (
    log  TEXT PRIMARY KEY,
    seq  INTEGER NOT NULL,
    mac  TEXT NOT NULL,
    at   TEXT NOT NULL
)";

/// A row of the table: seq, mac, time.
type Row = (i64, String, String);

impl Anchors {
    /// # Errors
    /// The file can't be opened as a database.
    pub fn open(state: &Path, log: &Path) -> Result<Self, AnchorError> {
        let fault = |source: rusqlite::Error| AnchorError::Open {
            path: state.display().to_string(),
            source: source.into(),
        };
        let connection = Connection::open(state).map_err(fault)?;
        // Grants live in the same file and are written by others.
        connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(fault)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(fault)?;
        connection.execute_batch(SCHEMA).map_err(fault)?;
        Ok(Self { place: Place::Sqlite(Mutex::new(connection)), log: log.display().to_string() })
    }

    /// In the store that several nodes share, whose tables are there.
    pub fn shared(link: Arc<Link>, node: &str, log: &Path) -> Self {
        Self { place: Place::Shared { link, node: node.to_owned() }, log: log.display().to_string() }
    }

    /// What was kept last. An entry that can't be read counts as none.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn load(&self) -> Result<Option<Anchor>, AnchorError> {
        let row = match &self.place {
            Place::Sqlite(connection) => {
                let text = "SELECT seq, mac, at FROM audit_head WHERE log = ?";
                let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                let found = connection.lock().query_row(text, [&self.log], read).optional();
                found.map_err(|e| AnchorError::Read(e.into()))?
            }
            Place::Shared { link, node } => self.read_shared(link, node)?,
        };
        Ok(row.and_then(|(seq, mac, at): Row| {
            Some(Anchor { head: format!("{seq}:{mac}").parse().ok()?, at: at.parse().ok()? })
        }))
    }

    fn read_shared(&self, link: &Link, node: &str) -> Result<Option<Row>, AnchorError> {
        let (node, log) = (node.to_owned(), self.log.clone());
        let table = quoted(&link.address().schema);
        let text = format!("SELECT seq, mac, at FROM {table}.audit_head WHERE node = $1 AND log = $2");
        let found = link.run(move |client| -> Step<'_, Option<Row>> {
            Box::pin(async move {
                let row = client.query_typed_opt(&text, &[(&node, Type::TEXT), (&log, Type::TEXT)]).await?;
                let read = |row: tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
                row.map(read).transpose()
            })
        });
        found.map_err(|e| AnchorError::Read(e.into()))
    }

    /// # Errors
    /// The store can't be written.
    pub fn keep(&self, anchor: Anchor) -> Result<(), AnchorError> {
        let seq = i64::try_from(anchor.head.seq).unwrap_or(i64::MAX);
        let mac = String::from_utf8_lossy(&anchor.head.mac).into_owned();
        let row = (seq, mac, anchor.at.to_string());
        match &self.place {
            Place::Sqlite(connection) => {
                let text = "INSERT OR REPLACE INTO audit_head (log, seq, mac, at) VALUES (?, ?, ?, ?)";
                let done = connection.lock().execute(text, params![self.log, row.0, row.1, row.2]);
                done.map(|_| ()).map_err(|e| AnchorError::Keep(e.into()))
            }
            Place::Shared { link, node } => self.keep_shared(link, node, row),
        }
    }

    fn keep_shared(&self, link: &Link, node: &str, row: Row) -> Result<(), AnchorError> {
        let (node, log) = (node.to_owned(), self.log.clone());
        let table = quoted(&link.address().schema);
        let text = format!(
            "INSERT INTO {table}.audit_head (node, log, seq, mac, at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (node, log) DO UPDATE SET seq = excluded.seq, mac = excluded.mac, at = excluded.at"
        );
        let kept = link.run(move |client| -> Step<'_, ()> {
            Box::pin(async move {
                let (seq, mac, at) = row;
                let row: [(&(dyn ToSql + Sync), Type); 5] = [
                    (&node, Type::TEXT),
                    (&log, Type::TEXT),
                    (&seq, Type::INT8),
                    (&mac, Type::TEXT),
                    (&at, Type::TEXT),
                ];
                client.execute_typed(&text, &row).await?;
                Ok(())
            })
        });
        kept.map_err(|e| AnchorError::Keep(e.into()))
    }
}

/// Does the log, whose newest record is `newest`, still hold what was kept?
/// None: it does, or its file was taken away, as files may be.
///
/// # Errors
/// A file can't be read.
pub fn compare(kept: Anchor, newest: Option<Head>, log: &Path) -> Result<Option<LogHeadLost>, AnchorError> {
    let lost = |what: &'static str| LogHeadLost {
        kept_seq: kept.head.seq,
        kept_mac: String::from_utf8_lossy(&kept.head.mac).into_owned(),
        kept_at: kept.at,
        found_seq: newest.map_or(0, |head| head.seq),
        what: what.into(),
    };
    match newest {
        None => Ok(Some(lost("the log was taken away: a new chain begins"))),
        Some(newest) if newest.seq < kept.head.seq => {
            Ok(Some(lost("records are missing at the end of the log")))
        }
        Some(newest) if newest.seq == kept.head.seq => {
            Ok((newest.mac != kept.head.mac).then(|| lost("another record stands in its place")))
        }
        Some(_) => {
            let seq = kept.head.seq;
            let found = find(log, seq).map_err(|source| AnchorError::Look { seq, source })?;
            let other = found.is_some_and(|mac| mac != kept.head.mac);
            Ok(other.then(|| lost("another record stands in its place")))
        }
    }
}

/// Numbers of the grants that ended, by the records behind the one that was
/// kept: a store that was put back to what it was does not know of their end.
///
/// # Errors
/// A file can't be read.
pub fn ended_since(kept: Head, log: &Path) -> Result<Vec<i64>, AnchorError> {
    let look = |source| AnchorError::Look { seq: kept.seq, source };
    let files = all_files(log).map_err(look)?;
    let first = holder(log, kept.seq).map_err(look)?;
    let from = files.iter().position(|file| Some(file) == first.as_ref()).unwrap_or(0);
    let about_grants = Finder::new("\"event\":\"grant.");
    let mut ended = Vec::new();
    for file in files.iter().skip(from) {
        let each = |line: &[u8]| {
            let Some(record) = search::read(line).map(|found| found.record) else { return Ok(()) };
            let grant = record.rest.get("grant").and_then(serde_json::Value::as_i64);
            match (grant.filter(|_| record.seq > kept.seq), record.event.as_str()) {
                (Some(id), "grant.revoked" | "grant.expired") => ended.push(id),
                // Its number was given anew.
                (Some(id), "grant.created") => ended.retain(|other| *other != id),
                _ => {}
            }
            Ok::<(), io::Error>(())
        };
        read::for_each_line_with(file, &about_grants, each).map_err(look)?;
    }
    Ok(ended)
}

/// The mac of a record, if its file is there.
pub(super) fn find(log: &Path, seq: u64) -> io::Result<Option<super::chain::Hex>> {
    let Some(file) = holder(log, seq)? else { return Ok(None) };
    let start = format!("{{\"seq\":{seq},").into_bytes();
    let mut found = None;
    read::for_each_line::<io::Error>(&file, |line| {
        if line.starts_with(&start) {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            found = Line::parse(line).map(|line| *line.mac);
        }
        Ok(())
    })?;
    Ok(found)
}

/// The file that a record is in: the last one that begins before it.
pub(super) fn holder(log: &Path, seq: u64) -> io::Result<Option<PathBuf>> {
    for file in all_files(log)?.into_iter().rev() {
        let first = match first_seq_of(log, &file) {
            Some(first) => Some(first),
            None => first_in(&file)?,
        };
        if first.is_some_and(|first| first <= seq) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Of the first record; what a crash left before it is none.
fn first_in(file: &Path) -> io::Result<Option<u64>> {
    use io::BufRead as _;
    let mut reader = read::open(file)?;
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if let Some(record) = Line::parse(line.strip_suffix(b"\n").unwrap_or(&line)) {
            return Ok(Some(record.seq));
        }
        line.clear();
    }
    Ok(None)
}
