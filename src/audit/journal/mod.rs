//! A write-ahead journal beside the log: `audit.jsonl.journal`, a few megabytes
//! that are written in place, round and round.
//!
//! A group is durable in the journal first, which costs less than a growing
//! file's sync does, and then stands in the log, where all readers see it at
//! once; the log itself is synced once a lap, before a rotation and at the end.
//! A start writes to the log what a power cut took from it (`replay`). The
//! writer sees none of this but a [`LogFile`].
//!
//! Invariants: every byte of the log that was reported durable is on disk in the
//! log's file, or in the journal's present generation; a generation begins only
//! when all before its offset is on disk in the log's file. A journal that can't
//! be written is a log that can't be written.

mod format;
#[cfg(test)]
mod model_tests;
mod place;
mod replay;
#[cfg(test)]
mod tests;

use std::io;

pub use place::{DiskPlace, Place};

use super::chain::Sealer;
use super::file::LogFile;
pub use format::FileId;
use format::{BLOCK, Beginning, Blocks, Checksum};
use replay::Outcome;

/// What the journal needs of the log's file, besides.
pub trait Restorable: LogFile {
    /// Which file it is.
    fn id(&mut self) -> io::Result<FileId>;
    /// Its length, wherever it was moved to.
    fn own_length(&mut self) -> io::Result<u64>;
    /// Writes in place: over what is there, and behind its end.
    fn restore(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

/// A log's file with its journal.
pub struct Journaled<F: Restorable, P: Place> {
    file: F,
    place: P,
    /// Length of the log, as far as it was written well.
    end: u64,
    /// Of the journal's newest beginning, or one that was tried.
    generation: u64,
    /// Where the next entry goes. None: the journal has to begin anew first.
    next: Option<Next>,
    /// What it holds, until it begins anew, is another log's.
    foreign: bool,
    /// The last group stands in the log only, and isn't synced.
    direct: bool,
    /// A sync of the log failed: its pages may pass for written now.
    doubtful: bool,
    /// The directory takes no new file, so there is no journal.
    forbidden: bool,
    blocks: Blocks,
}

#[derive(Clone, Copy)]
struct Next {
    at: usize,
    /// Of the entry before it, or the beginning.
    last: Checksum,
}

impl<F: Restorable, P: Place> Journaled<F, P> {
    /// Replays what a crash left in the journal, and begins it anew; makes one
    /// where there is none. If that fails, the log can't be written until it works.
    ///
    /// # Errors
    /// The journal can't be read, or what it holds can't be written.
    pub fn open(mut file: F, mut place: P, sealer: &Sealer) -> io::Result<Self> {
        let (mut generation, mut foreign) = (0, false);
        if let Some(contents) = format::read(&place.read()?) {
            generation = contents.beginning.generation;
            if !contents.bytes.is_empty() {
                foreign = !take_over(&mut file, &mut place, &contents, sealer)?;
            }
        }
        let end = file.length()?;
        let mut this = Self {
            file,
            place,
            end,
            generation,
            next: None,
            foreign,
            direct: false,
            doubtful: false,
            forbidden: false,
            blocks: Blocks::default(),
        };
        if let Err(error) = this.begin() {
            tracing::error!(%error, "the audit log's journal can't be written");
        }
        Ok(this)
    }

    /// All of the log on disk, in its own file.
    fn settle(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.doubtful, true) {
            self.write_again()?;
        }
        self.file.sync()?;
        self.doubtful = false;
        Ok(())
    }

    /// After a failed sync the kernel takes pages for written that are not: the
    /// next sync would pass for nothing. So they are written once more.
    fn write_again(&mut self) -> io::Result<()> {
        let Some(contents) = format::read(&self.place.read()?).filter(|_| !self.foreign) else {
            return Ok(());
        };
        let offset = contents.beginning.offset;
        let end = self.end.min(offset + contents.bytes.len() as u64);
        let is_its_own = self.file.id()? == contents.beginning.file && self.file.own_length()? >= end;
        let length = usize::try_from(end.saturating_sub(offset)).unwrap_or_default();
        match contents.bytes.get(..length) {
            Some(bytes) if is_its_own => self.file.restore(offset, bytes),
            // Somebody cut it, or another file has begun: nothing to save here.
            _ => Ok(()),
        }
    }

    /// Settles the log and begins the journal anew behind it; makes the journal
    /// where there is none. False: there can be none.
    fn begin(&mut self) -> io::Result<bool> {
        self.next = None;
        self.settle()?;
        if !self.place.is_ready()? {
            match self.place.make() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    tracing::warn!(%error, "no journal for the audit log: each group is synced in the log itself, which takes longer");
                    self.forbidden = true;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        let before = before(&mut self.file, self.end)?
            .ok_or_else(|| io::Error::other("somebody else cut the file"))?;
        self.generation += 1;
        let beginning =
            Beginning { generation: self.generation, file: self.file.id()?, offset: self.end, before };
        let (bytes, last) = beginning.encode();
        self.place.write(0, self.blocks.fill(&[&bytes]))?;
        self.next = Some(Next { at: BLOCK, last });
        self.foreign = false;
        Ok(true)
    }

    /// Where an entry of this size goes, after a new beginning if need be. None:
    /// no journal takes it.
    fn room(&mut self, span: usize) -> io::Result<Option<Next>> {
        let size = self.place.size();
        if self.forbidden || BLOCK + span > size {
            return Ok(None);
        }
        let fits = self.next.is_some_and(|next| next.at + span <= size) && self.place.is_ready()?;
        if !fits && !self.begin()? {
            return Ok(None);
        }
        Ok(self.next)
    }
}

impl<F: Restorable, P: Place> LogFile for Journaled<F, P> {
    fn length(&mut self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.file.read_at(offset, len)
    }

    fn archive_end(&mut self, len: usize) -> io::Result<Vec<u8>> {
        self.file.archive_end(len)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let span = format::span(bytes.len());
        let room = self.room(span)?;
        // Until all is well: after a failure, and behind a group that the
        // journal doesn't have, it begins anew.
        self.next = None;
        if let Some(Next { at, last }) = room {
            let (header, last) = format::header(self.generation, &last, self.end, bytes);
            self.place.write(at, self.blocks.fill(&[&header, bytes]))?;
            self.file.append(bytes)?;
            self.next = Some(Next { at: at + span, last });
        } else {
            self.direct = true;
            self.file.append(bytes)?;
        }
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.direct {
            self.settle()?;
            self.direct = false;
        }
        Ok(())
    }

    fn heal(&mut self, good: u64) -> io::Result<u64> {
        // What was durable through the journal, before the file is let go of.
        self.settle()?;
        self.end = self.file.heal(good)?;
        self.direct = false;
        if !self.forbidden {
            // So that no start replays what is cut off here.
            self.begin()?;
        }
        Ok(self.end)
    }

    fn rotate(&mut self, first_seq: u64) -> io::Result<()> {
        // Of the file that goes, the journal holds nothing any more.
        if !self.forbidden {
            self.begin()?;
        }
        self.file.rotate(first_seq)?;
        self.end = 0;
        self.next = None;
        Ok(())
    }
}

impl<F: Restorable, P: Place> Drop for Journaled<F, P> {
    fn drop(&mut self) {
        let in_order = self.file.length().is_ok_and(|length| length >= self.end);
        if in_order
            && self.place.is_ready().unwrap_or_default()
            && let Err(error) = self.begin()
        {
            tracing::warn!(%error, "the audit log's journal could not be closed: the next start replays it");
        }
    }
}

/// The journal's bytes go to the log, or to a file of their own: false.
fn take_over(
    file: &mut impl Restorable,
    place: &mut impl Place,
    contents: &format::Contents,
    sealer: &Sealer,
) -> io::Result<bool> {
    match replay::replay(file, contents, sealer)? {
        Outcome::Whole => Ok(true),
        Outcome::Restored(bytes) => {
            tracing::warn!(bytes, "the audit log had lost its end, and has it again from its journal");
            Ok(true)
        }
        Outcome::Foreign(reason) => {
            let kept = place.keep(&contents.checksum, &contents.bytes)?;
            let (kept, bytes) = (kept.display(), contents.bytes.len());
            tracing::error!(%reason, bytes, %kept, "the journal is of another audit log: its records are kept aside");
            Ok(false)
        }
    }
}

/// Of the log before an offset, so much tells that it is the same: more than
/// the end of a record, with its mac.
const PAST: u64 = 4096;

/// [`format::hash`] of what stands right before the offset. None: the file ends
/// earlier.
fn before(file: &mut impl Restorable, offset: u64) -> io::Result<Option<Checksum>> {
    let length = offset.min(PAST);
    let bytes = file.read_at(offset - length, usize::try_from(length).unwrap_or_default())?;
    Ok((bytes.len() as u64 == length).then(|| format::hash(&[&bytes])))
}
