//! Reads a log behind its writer: whole, durable records in the order of the
//! chain, over rotations, also when rotated files are compressed meanwhile.
//!
//! Nothing behind the newest durable record is looked at: it may be cut off
//! again. So what was read is forgotten there, and read again later.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::audit::anchor;
use crate::audit::chain::{Head, Line};
use crate::audit::file::{all_files, first_seq_of};
use crate::audit::read;

/// Records given at once, at most.
const BATCH: usize = 500;
/// Their bytes, at most, but for one record.
const BATCH_BYTES: usize = 1 << 20;

/// One record on its way.
#[derive(Debug, Clone)]
pub(super) struct Shipment {
    pub head: Head,
    /// As it stands in the log, without its newline.
    pub line: String,
    pub facts: Facts,
}

/// What outlets need to know of a record.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    pub at: jiff::Timestamp,
    pub node: String,
    pub event: String,
    pub session: Option<i64>,
    pub user: Option<String>,
    pub database: Option<String>,
    /// Of a `statement.end`.
    pub refused: bool,
}

/// See the module.
pub(super) struct Follower {
    log: PathBuf,
    last: u64,
    open: Option<Open>,
    line: Vec<u8>,
}

/// A file of the log, at the beginning of a line.
struct Open {
    reader: Box<dyn Lines>,
    /// Device and inode.
    identity: (u64, u64),
}

/// What comes next in a file.
enum Next {
    Record(Box<Shipment>),
    /// A record that may be cut off again.
    NotDurable,
    End,
}

/// Lines that can be taken back.
trait Lines: Send {
    /// Appends a line with its newline; false: there is no whole one.
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool>;
    /// The last line is given again, read anew.
    fn back(&mut self, length: usize) -> io::Result<()>;
}

/// A file that may still grow.
struct Plain {
    reader: BufReader<File>,
    /// Of the next line.
    offset: u64,
}

impl Lines for Plain {
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        self.reader.read_until(b'\n', line)?;
        if !line.ends_with(b"\n") {
            self.reader.seek(SeekFrom::Start(self.offset))?;
            return Ok(false);
        }
        self.offset += line.len() as u64;
        Ok(true)
    }

    fn back(&mut self, length: usize) -> io::Result<()> {
        self.offset = self.offset.saturating_sub(length as u64);
        // Forgets what was read ahead.
        self.reader.seek(SeekFrom::Start(self.offset)).map(|_| ())
    }
}

/// A compressed file: it is whole.
struct Packed {
    reader: Box<dyn BufRead + Send>,
    again: Vec<u8>,
}

impl Lines for Packed {
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.append(&mut self.again);
        if line.is_empty() {
            self.reader.read_until(b'\n', line)?;
        }
        Ok(line.ends_with(b"\n"))
    }

    fn back(&mut self, _length: usize) -> io::Result<()> {
        Ok(())
    }
}

impl Follower {
    /// Gives records from the one after `last` on.
    pub fn after(log: &Path, last: u64) -> Self {
        Self { log: log.to_owned(), last, open: None, line: Vec::new() }
    }

    pub fn last(&self) -> u64 {
        self.last
    }

    /// Appends records up to `durable`, some at a time; none: there are none
    /// now. Returns the numbers between which records are missing.
    ///
    /// # Errors
    /// A file can't be read; the next call goes on where this one stopped.
    pub fn read(&mut self, durable: u64, batch: &mut Vec<Shipment>) -> io::Result<Option<(u64, u64)>> {
        let mut bytes = 0;
        while self.last < durable && batch.len() < BATCH && bytes < BATCH_BYTES {
            if self.open.is_none() && !self.find()? {
                return Ok(None);
            }
            match self.take(durable) {
                Ok(Next::Record(shipment)) => {
                    let (first, seq) = (self.last + 1, shipment.head.seq);
                    self.last = seq;
                    bytes += shipment.line.len();
                    batch.push(*shipment);
                    if seq > first {
                        return Ok(Some((first, seq - 1)));
                    }
                }
                Ok(Next::NotDurable) => return Ok(None),
                Ok(Next::End) => {
                    // Another file has it, or it is not there yet.
                    let was = self.open.take();
                    let found = self.find();
                    let identity = |open: &Option<Open>| open.as_ref().map(|open| open.identity);
                    if self.open.is_none() || identity(&self.open) == identity(&was) {
                        self.open = was;
                        return found.map(|_| None);
                    }
                }
                Err(fault) => {
                    self.open = None;
                    return Err(fault);
                }
            }
        }
        Ok(None)
    }

    /// The next record of the open file that is new and durable.
    fn take(&mut self, durable: u64) -> io::Result<Next> {
        let Some(open) = &mut self.open else { return Ok(Next::End) };
        loop {
            self.line.clear();
            if !open.reader.next(&mut self.line)? {
                return Ok(Next::End);
            }
            let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            // What a crash left is no record.
            let Some(parsed) = Line::parse(line) else { continue };
            if parsed.seq <= self.last {
                continue;
            }
            if parsed.seq > durable {
                open.reader.back(self.line.len())?;
                return Ok(Next::NotDurable);
            }
            let head = Head { seq: parsed.seq, mac: *parsed.mac };
            let facts = serde_json::from_slice(line).unwrap_or_default();
            let line = String::from_utf8_lossy(line).into_owned();
            return Ok(Next::Record(Box::new(Shipment { head, line, facts })));
        }
    }

    /// Opens the file that holds the next record; false: there is none.
    fn find(&mut self) -> io::Result<bool> {
        let holder = match anchor::holder(&self.log, self.last + 1)? {
            Some(holder) => holder,
            // Its file is gone: the oldest one that is there.
            None => match all_files(&self.log)?.into_iter().next() {
                Some(oldest) => oldest,
                None => return Ok(false),
            },
        };
        match Open::file(&holder) {
            Ok(open) => self.open = Some(open),
            // Rotated or compressed since: the next look finds it.
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(fault) => return Err(fault),
        }
        Ok(true)
    }
}

impl Open {
    fn file(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let identity = (metadata.dev(), metadata.ino());
        let mut magic = [0; 2];
        let packed = file.read(&mut magic)? == 2 && read::is_packed(&magic);
        file.seek(SeekFrom::Start(0))?;
        let reader: Box<dyn Lines> = if packed {
            Box::new(Packed { reader: read::open(path)?, again: Vec::new() })
        } else {
            Box::new(Plain { reader: BufReader::with_capacity(256 << 10, file), offset: 0 })
        };
        Ok(Self { reader, identity })
    }
}

/// Is this record in the log? If its file is gone, that is believed.
pub(super) fn holds(log: &Path, mark: Head) -> bool {
    match anchor::find(log, mark.seq) {
        Ok(Some(mac)) => mac == mark.mac,
        Ok(None) => {
            let files = all_files(log).unwrap_or_default();
            files
                .first()
                .is_some_and(|oldest| first_seq_of(log, oldest).is_some_and(|first| first > mark.seq))
        }
        Err(_) => false,
    }
}
