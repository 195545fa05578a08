//! Where the chain stands when the log is opened, and what a crash left behind
//! its last good line.
//!
//! A torn end is bytes that are no record: nobody was told that they are
//! durable, since a ticket settles only after the sync of its whole group. They
//! stay, and the next record, `log.recovered`, names their place, length and
//! hash, so that `verify` can step over them. A whole record that doesn't fit
//! the chain is no crash: the log is not continued.

use std::io;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::chain::{self, FIRST, Hex, Line, Sealer};
use super::file::LogFile;
use super::record::LogRecovered;
use super::verify::{Fault, Verifier};

/// Of the end of the file, this much is read: more than one group and its
/// longest line (see `writer::GROUP_BYTES`).
const WINDOW: usize = 16 << 20;

/// Why the chain can't be continued.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error("its end could not be read")]
    Read(#[from] io::Error),
    #[error(
        "record at byte {offset}: {fault}; see `bauta audit verify`, then move the log's files away to begin a new chain"
    )]
    Broken { offset: u64, fault: Fault },
    #[error("its last 16 MB hold no record; move the file away to begin a new chain")]
    NoRecord,
}

/// The end of the chain so far.
#[derive(Debug)]
pub struct End {
    /// Of the last record; 0: none.
    pub seq: u64,
    /// Its mac.
    pub mac: Hex,
    /// Length of the file.
    pub len: u64,
    /// `seq` and `at` of the current file's first record.
    pub first: Option<(u64, Timestamp)>,
    /// The last line lacks its newline.
    pub open_line: bool,
    pub torn: Option<LogRecovered>,
}

/// Reads the end of the current file, or of the newest archive if that is empty.
pub fn read_end(file: &mut dyn LogFile, sealer: &Sealer) -> Result<End, RecoverError> {
    let len = file.length()?;
    let skipped = len.saturating_sub(WINDOW as u64);
    let window = file.read_at(skipped, WINDOW)?;
    let whole_lines = if skipped == 0 { 0 } else { first_line(&window).ok_or(RecoverError::NoRecord)? };
    let start = skipped + whole_lines as u64;
    let lines = window.get(whole_lines..).unwrap_or_default();

    let mut verifier = match skipped {
        0 => archive_end(file, sealer)?,
        _ => Verifier::anywhere(sealer.clone()),
    };
    verifier.begin_file(start);
    let mut open_line = false;
    for line in lines.split_inclusive(|b| *b == b'\n') {
        open_line = !line.ends_with(b"\n");
        verifier.line(line);
    }
    let first = first_record(&file.read_at(0, 128)?);
    let mut end = End { seq: 0, mac: FIRST, len, first, open_line, torn: None };
    if let Some((offset, fault)) = verifier.pending() {
        if fault != Fault::NotARecord {
            return Err(RecoverError::Broken { offset, fault });
        }
        end.torn = Some(describe(lines, offset, start, open_line));
    }
    match verifier.position() {
        Some((seq, mac)) => (end.seq, end.mac) = (seq, mac),
        None if skipped > 0 => return Err(RecoverError::NoRecord),
        None => {}
    }
    Ok(end)
}

/// The torn bytes reach up to the record that will describe them, the newline
/// that closes them included.
fn describe(lines: &[u8], offset: u64, start: u64, open_line: bool) -> LogRecovered {
    let from = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
    let torn = lines.get(from..).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(torn);
    let mut torn_bytes = torn.len() as u64;
    if open_line {
        hash.update(b"\n");
        torn_bytes += 1;
    }
    let torn_sha256 = String::from_utf8_lossy(&chain::hex(&hash.finalize())).into_owned();
    LogRecovered { offset, torn_bytes, torn_sha256 }
}

/// A verifier that stands at the end of the newest archive, or at the
/// beginning of a chain.
fn archive_end(file: &mut dyn LogFile, sealer: &Sealer) -> Result<Verifier, RecoverError> {
    let tail = file.archive_end(WINDOW)?;
    let Some(line) = tail.strip_suffix(b"\n").and_then(|t| t.rsplit(|b| *b == b'\n').next()) else {
        return Ok(Verifier::from_start(sealer.clone()));
    };
    match Line::parse(line) {
        Some(line) if sealer.fits(&line) => Ok(Verifier::after(sealer.clone(), line.seq, *line.mac)),
        Some(_) => Err(RecoverError::Broken { offset: 0, fault: Fault::Edited }),
        None => Err(RecoverError::NoRecord),
    }
}

fn first_line(window: &[u8]) -> Option<usize> {
    window.iter().position(|b| *b == b'\n').map(|p| p + 1)
}

/// `{"seq":123,"at":"2026-11-23T20:15:00.000001Z",…`
fn first_record(head: &[u8]) -> Option<(u64, Timestamp)> {
    let head = String::from_utf8_lossy(head);
    let (seq, rest) = head.strip_prefix("{\"seq\":")?.split_once(",\"at\":\"")?;
    let (at, _) = rest.split_once('"')?;
    Some((seq.parse().ok()?, at.parse().ok()?))
}
