//! `audit verify`: reads a chain line by line and names the first record that
//! doesn't fit, and why. Pure over lines; [`files`] reads them.
//!
//! The same reader finds the end of the chain when the log is opened
//! (`recover`), so that both believe the same things. Follows
//! `docs/AUDIT-FORMAT.md`.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::chain::{FIRST, Head, Hex, Line, Sealer, hex};

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("not a record: it was cut off or overwritten")]
    NotARecord,
    #[error("edited: its mac does not fit its bytes")]
    Edited,
    #[error("made with another key: neither this record's mac nor the next one's fits the key file")]
    ForeignKey,
    #[error("{missing} record(s) before it were removed (expected seq {expected})")]
    Removed { missing: u64, expected: u64 },
    #[error("out of place: reordered or repeated (expected seq {expected})")]
    Reordered { expected: u64 },
    #[error("of another chain: its prev is not the mac of the record before it")]
    OtherChain,
}

/// Bytes that a crash left, and that a later record describes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Torn {
    /// Empty while it is not known.
    pub file: PathBuf,
    pub offset: u64,
    pub bytes: u64,
}

/// Where a chain stands while it is read.
pub struct Verifier {
    sealer: Sealer,
    /// None: begins anywhere; the first line's `prev` and `seq` are believed.
    expected: Option<(u64, Hex)>,
    /// Offset of the next line in its file.
    offset: u64,
    pending: Option<Pending>,
    foreign_suspect: bool,
    /// Numbers of records whose mac somebody wants to know.
    watched: HashMap<u64, Option<Hex>>,
    /// Regions stepped over.
    pub torn: Vec<Torn>,
    pub records: u64,
    pub first_seq: Option<u64>,
}

/// A line that doesn't fit, until a `log.recovered` explains it or the end
/// of the file doesn't.
struct Pending {
    offset: u64,
    fault: Fault,
    seq: Option<u64>,
    bytes: u64,
    hash: Sha256,
}

impl Verifier {
    /// From the first record of a chain.
    pub fn from_start(sealer: Sealer) -> Self {
        Self::after(sealer, 0, FIRST)
    }

    /// After a record that is believed.
    pub fn after(sealer: Sealer, seq: u64, mac: Hex) -> Self {
        let mut verifier = Self::anywhere(sealer);
        verifier.expected = Some((seq, mac));
        verifier
    }

    /// From whatever record comes first: the archives before it are gone.
    pub fn anywhere(sealer: Sealer) -> Self {
        Self {
            sealer,
            expected: None,
            offset: 0,
            pending: None,
            foreign_suspect: false,
            watched: HashMap::new(),
            torn: Vec::new(),
            records: 0,
            first_seq: None,
        }
    }

    /// The next line is at `offset` of its file.
    pub fn begin_file(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// The last good record; None before the first.
    pub fn position(&self) -> Option<(u64, Hex)> {
        self.expected
    }

    /// The line that doesn't fit and is not explained so far.
    pub fn pending(&self) -> Option<(u64, Fault)> {
        self.pending.as_ref().map(|p| (p.offset, p.fault))
    }

    /// Reads one line, its newline included if it has one.
    pub fn line(&mut self, bytes: &[u8]) {
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        match self.check(line) {
            Ok(parsed) => self.accept(line, &parsed),
            Err(fault) => self.suspect(offset, fault, line),
        }
        if let Some(pending) = &mut self.pending {
            pending.bytes += bytes.len() as u64;
            pending.hash.update(bytes);
        }
    }

    fn check<'a>(&self, line: &'a [u8]) -> Result<Line<'a>, Fault> {
        let parsed = Line::parse(line).ok_or(Fault::NotARecord)?;
        if !self.sealer.fits(&parsed) {
            return Err(Fault::Edited);
        }
        let Some((seq, mac)) = &self.expected else { return Ok(parsed) };
        let expected = seq + 1;
        match parsed.seq.cmp(&expected) {
            std::cmp::Ordering::Less => Err(Fault::Reordered { expected }),
            std::cmp::Ordering::Greater => Err(Fault::Removed { missing: parsed.seq - expected, expected }),
            std::cmp::Ordering::Equal if parsed.prev != mac => Err(Fault::OtherChain),
            std::cmp::Ordering::Equal => Ok(parsed),
        }
    }

    fn accept(&mut self, line: &[u8], parsed: &Line<'_>) {
        if let Some(pending) = &self.pending {
            if pending.fault != Fault::NotARecord || !explains(line, pending) {
                return;
            }
            self.torn.push(Torn { file: PathBuf::new(), offset: pending.offset, bytes: pending.bytes });
            self.pending = None;
        }
        self.foreign_suspect = false;
        self.first_seq.get_or_insert(parsed.seq);
        self.records += 1;
        self.expected = Some((parsed.seq, *parsed.mac));
        if let Some(watched) = self.watched.get_mut(&parsed.seq) {
            *watched = Some(*parsed.mac);
        }
    }

    fn standing(&self, head: &Head) -> Kept {
        match self.watched.get(&head.seq).copied().flatten() {
            Some(mac) if mac == head.mac => Kept::Contained,
            Some(_) => Kept::Replaced,
            None if self.first_seq.is_some_and(|first| head.seq < first) => Kept::Earlier,
            None => Kept::CutOff,
        }
    }

    fn suspect(&mut self, offset: u64, fault: Fault, line: &[u8]) {
        match &mut self.pending {
            None => {
                // No record of this file fits so far: perhaps none does.
                self.foreign_suspect = fault == Fault::Edited && self.records == 0;
                let seq = Line::parse(line).map(|l| l.seq);
                self.pending = Some(Pending { offset, fault, seq, bytes: 0, hash: Sha256::new() });
            }
            Some(pending) => {
                if self.foreign_suspect && fault == Fault::Edited {
                    pending.fault = Fault::ForeignKey;
                }
                self.foreign_suspect = false;
            }
        }
    }
}

/// Is this the `log.recovered` record of exactly these bytes?
fn explains(line: &[u8], pending: &Pending) -> bool {
    #[derive(serde::Deserialize)]
    struct Recovered {
        event: String,
        offset: u64,
        torn_bytes: u64,
        torn_sha256: String,
    }
    let Ok(record) = serde_json::from_slice::<Recovered>(line) else { return false };
    record.event == "log.recovered"
        && record.offset == pending.offset
        && record.torn_bytes == pending.bytes
        && record.torn_sha256.as_bytes() == hex(&pending.hash.clone().finalize())
}

/// The first record that doesn't fit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Bad {
    pub file: PathBuf,
    /// From 1.
    pub line: u64,
    /// As the record itself says, if it is one.
    pub seq: Option<u64>,
    #[serde(serialize_with = "as_text")]
    pub fault: Fault,
}

fn as_text<S: serde::Serializer>(fault: &Fault, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fault)
}

/// How a log stands to a head that was kept elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// The log holds this record and all up to it.
    Contained,
    /// The log ends before it.
    CutOff,
    /// Another record has its number.
    Replaced,
    /// Its file is not among those read.
    Earlier,
}

fn as_list<S: serde::Serializer>(heads: &[(Head, Kept)], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(serde::Serialize)]
    struct Entry {
        #[serde(flatten)]
        head: Head,
        log: Kept,
    }
    serializer.collect_seq(heads.iter().map(|(head, log)| Entry { head: *head, log: *log }))
}

/// What a verification found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    pub records: u64,
    pub files: usize,
    pub first_seq: Option<u64>,
    pub last: Option<Head>,
    /// Torn ends that a crash left, each closed by its record.
    pub torn: Vec<Torn>,
    /// Heads that were kept elsewhere.
    #[serde(serialize_with = "as_list")]
    pub heads: Vec<(Head, Kept)>,
    pub bad: Option<Bad>,
}

impl Report {
    /// Every record fits, and of the heads kept elsewhere, at least one and all
    /// that these files can tell of are there.
    pub fn is_good(&self) -> bool {
        let lost = |(_, kept): &(Head, Kept)| matches!(kept, Kept::CutOff | Kept::Replaced);
        let held = |(_, kept): &(Head, Kept)| *kept == Kept::Contained;
        self.bad.is_none()
            && !self.heads.iter().any(lost)
            && (self.heads.is_empty() || self.heads.iter().any(held))
    }
}

/// Verifies files in the order given, as one chain. Stops at the first bad
/// record. A chain that does not begin at its first record is reported by
/// `first_seq`.
pub fn files(paths: &[PathBuf], sealer: &Sealer, heads: &[Head]) -> Result<Report, (PathBuf, io::Error)> {
    let mut verifier = Verifier::anywhere(sealer.clone());
    verifier.watched = heads.iter().map(|head| (head.seq, None)).collect();
    let mut report = Report {
        records: 0,
        files: paths.len(),
        first_seq: None,
        last: None,
        torn: Vec::new(),
        heads: Vec::new(),
        bad: None,
    };
    for path in paths {
        let bad = one_file(path, &mut verifier).map_err(|e| (path.clone(), e))?;
        let torn = std::mem::take(&mut verifier.torn);
        report.torn.extend(torn.into_iter().map(|t| Torn { file: path.clone(), ..t }));
        if bad.is_some() {
            report.bad = bad;
            break;
        }
    }
    report.records = verifier.records;
    report.first_seq = verifier.first_seq;
    report.last = verifier.position().map(|(seq, mac)| Head { seq, mac });
    report.heads = heads.iter().map(|head| (*head, verifier.standing(head))).collect();
    Ok(report)
}

fn one_file(path: &Path, verifier: &mut Verifier) -> io::Result<Option<Bad>> {
    let mut reader = super::read::open(path)?;
    verifier.begin_file(0);
    let (mut number, mut bad_line) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        let was_good = verifier.pending.is_none();
        verifier.line(&line);
        if was_good && verifier.pending.is_some() {
            bad_line = number;
        }
    }
    Ok(verifier.pending.take().map(|p| Bad {
        file: path.to_owned(),
        line: bad_line,
        seq: p.seq,
        fault: p.fault,
    }))
}
