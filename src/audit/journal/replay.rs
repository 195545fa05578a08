//! What a start does with a journal that was not closed: the bytes that the log
//! got last are written to it once more, since a power cut may have taken them
//! there, or left zeros in their place.
//!
//! Must never: write to a log that is another one, or over records that the log
//! holds and the journal doesn't.

use std::io;

use super::super::chain::{Line, Sealer};
use super::format::Contents;
use super::{Restorable, before};

/// Of the log behind the journal's end, this much is searched for records.
const BEYOND: usize = 16 << 20;

/// What became of the journal's bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The log had them all.
    Whole,
    /// They are there again; so many were not.
    Restored(u64),
    /// They are of another log than this one.
    Foreign(Reason),
}

/// Why the bytes may not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("the log is another file")]
    File,
    #[error("the log has other records before them, or ends there")]
    Past,
    #[error("the log has other records in their place")]
    Records,
}

/// Writes to the log what the journal holds. On disk only after a sync.
pub fn replay(file: &mut impl Restorable, contents: &Contents, sealer: &Sealer) -> io::Result<Outcome> {
    let (beginning, bytes) = (&contents.beginning, contents.bytes.as_slice());
    let same_past = before(file, beginning.offset)?.is_some_and(|before| before == beginning.before);
    let there = file.read_at(beginning.offset, bytes.len() + BEYOND)?;
    let common = there.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    let missing = (bytes.len() - common) as u64;
    if same_past && missing == 0 {
        // Written again all the same: of pages that could not be written, the
        // cache may know nothing any more.
        return restore(file, contents, Outcome::Whole);
    }
    if file.id()? != beginning.file {
        return Ok(Outcome::Foreign(Reason::File));
    }
    if !same_past {
        return Ok(Outcome::Foreign(Reason::Past));
    }
    if holds_others(&there, bytes, common, sealer) {
        return Ok(Outcome::Foreign(Reason::Records));
    }
    restore(file, contents, Outcome::Restored(missing))
}

fn restore(file: &mut impl Restorable, contents: &Contents, outcome: Outcome) -> io::Result<Outcome> {
    file.restore(contents.beginning.offset, &contents.bytes)?;
    Ok(outcome)
}

/// Are there records in the log, from where the two part, that the journal
/// doesn't have in the same place? A power cut leaves none.
fn holds_others(there: &[u8], bytes: &[u8], common: usize, sealer: &Sealer) -> bool {
    let line_start = |upto: &[u8]| upto.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let mut at = line_start(there.get(..common).unwrap_or_default());
    for line in there.get(at..).unwrap_or_default().split_inclusive(|b| *b == b'\n') {
        let is_ours = bytes.get(at..at + line.len()) == Some(line);
        let record = line.strip_suffix(b"\n").and_then(Line::parse);
        if !is_ours && record.is_some_and(|record| sealer.fits(&record)) {
            return true;
        }
        at += line.len();
    }
    false
}
