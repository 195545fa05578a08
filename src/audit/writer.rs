//! The one thread that writes: encodes, numbers, seals, appends and syncs
//! records in groups.
//!
//! When the file can't be written, the group is cut back, its intents fail,
//! its outcomes are kept, and every [`RETRY`] the writer tries again; the first
//! line it can write again is `log.resumed`. Invariant: `seq` and `prev` always
//! belong to the last line that is on disk.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::chain::{Head, Hex, Sealer};
use super::crowd::Crowd;
use super::encode::Encoder;
use super::file::LogFile;
use super::log::{AuditError, LogSettings};
use super::queue::{Entry, Queue, Ticket};
use super::record::{Event, LogResumed, Who};
use super::recover::End;
use crate::clock::{Now, SharedClock};
use std::sync::Arc;

/// Records that nobody waits for reach the disk within this time.
const PATIENCE: Duration = Duration::from_millis(250);
/// Between two attempts to write to a file that failed.
const RETRY: Duration = Duration::from_millis(100);
/// Attempts to write what was kept before the log closes without it.
const LAST_ATTEMPTS: u32 = 20;
/// A group is synced when it holds this much: a crash leaves no more behind.
pub(super) const GROUP_BYTES: usize = 4 << 20;

pub(super) struct Writer {
    queue: Arc<Queue>,
    file: Box<dyn LogFile>,
    sealer: Sealer,
    encoder: Encoder,
    clock: SharedClock,
    /// Of whom the log's own records speak.
    nobody: Arc<Who>,
    rotate: u64,
    at: Position,
    /// Length of the file up to its last durable line.
    len: u64,
    rotate_age: Duration,
    /// `seq` and `at` of the file's first record.
    first: Option<(u64, Timestamp)>,
    /// The file ends in a line without newline.
    open_line: bool,
    /// Records of the log's own, to be written before any other.
    own: Vec<Event>,
    buffer: Vec<u8>,
    /// From this ticket on, a start's seq is its ticket plus this.
    starts: Vec<(Ticket, i128)>,
    failing: Option<Failing>,
    /// Who is busy now.
    crowd: Crowd,
}

#[derive(Clone, Copy)]
struct Position {
    seq: u64,
    mac: Hex,
}

struct Failing {
    error: AuditError,
    since: Timestamp,
    refused: u64,
    /// Outcomes that wait for better times.
    kept: Vec<Entry>,
}

/// Tells everybody when the writer's thread ends, however it ends.
struct Abandon(Arc<Queue>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Writer {
    pub fn new(
        queue: Arc<Queue>,
        file: Box<dyn LogFile>,
        sealer: Sealer,
        settings: &LogSettings,
        end: End,
        clock: SharedClock,
    ) -> Self {
        Self {
            queue,
            file,
            sealer,
            encoder: Encoder::new(settings.node.clone(), settings.sql),
            clock,
            nobody: Arc::default(),
            rotate: settings.rotate,
            at: Position { seq: end.seq, mac: end.mac },
            len: end.len,
            rotate_age: settings.rotate_age,
            first: end.first,
            open_line: end.open_line,
            own: end.torn.map(Event::LogRecovered).into_iter().collect(),
            buffer: Vec::with_capacity(64 << 10),
            starts: Vec::new(),
            failing: None,
            crowd: Crowd::default(),
        }
    }

    pub fn run(mut self) {
        let _abandon = Abandon(self.queue.clone());
        let mut entries = Vec::new();
        if !self.own.is_empty()
            && let Err(error) = self.commit(&[])
        {
            self.fail(error, &mut entries);
        }
        loop {
            if self.failing.is_some() {
                if self.queue.rest(RETRY) {
                    return self.close_failing();
                }
                self.try_again();
                continue;
            }
            let batch = self.queue.take(&mut entries, PATIENCE, self.crowd.others());
            self.crowd.saw(&entries, self.clock.now().mono, batch.complete);
            self.write(&mut entries);
            if batch.closing && self.failing.is_none() {
                return;
            }
        }
    }

    /// The proxy ends while the log can't be written.
    fn close_failing(&mut self) {
        for _ in 0..LAST_ATTEMPTS {
            self.try_again();
            if self.failing.is_none() {
                let mut entries = Vec::new();
                self.queue.take(&mut entries, Duration::ZERO, None);
                self.write(&mut entries);
            }
            match &self.failing {
                None => return,
                Some(failing) => {
                    tracing::error!(error = %failing.error, outcomes = failing.kept.len(), "the audit log can't be closed")
                }
            }
            std::thread::sleep(RETRY);
        }
    }

    /// Writes all entries, in groups; leaves none in the vector.
    fn write(&mut self, entries: &mut Vec<Entry>) {
        let mut done = 0;
        while let Some(rest) = entries.get(done..)
            && let Some(first) = rest.first()
        {
            let first = first.ticket;
            match self.commit(rest) {
                Ok(written) => {
                    done += written;
                    let last = entries.get(done - 1).map_or(first, |e| e.ticket);
                    self.queue.settle(last, None);
                }
                Err(error) => {
                    entries.drain(..done);
                    self.fail(error, entries);
                    return;
                }
            }
        }
        entries.clear();
    }

    /// Makes one group of the first entries durable, and returns how many.
    /// After an error all is as before, but for bytes behind `len`.
    fn commit(&mut self, entries: &[Entry]) -> Result<usize, AuditError> {
        let before = (self.at, self.starts.len());
        let Now { wall: group_at, mono: began } = self.clock.now();
        let result = self.encode_group(entries).and_then(|written| {
            self.append().map_err(|e| AuditError::from_io(&e))?;
            Ok(written)
        });
        match result {
            Ok(written) => {
                self.len += self.buffer.len() as u64;
                let records = self.at.seq - before.0.seq;
                let elapsed = self.clock.now().mono.saturating_duration_since(began);
                self.queue.tally.written(records, self.buffer.len(), elapsed);
                self.first.get_or_insert((before.0.seq + 1, group_at));
                self.queue.advance(Head { seq: self.at.seq, mac: self.at.mac });
                self.open_line = false;
                self.own.clear();
                Ok(written)
            }
            Err(error) => {
                self.at = before.0;
                self.starts.truncate(before.1);
                self.queue.tally.failed();
                Err(error)
            }
        }
    }

    fn append(&mut self) -> std::io::Result<()> {
        self.check_length()?;
        self.rotate_if_due();
        let began = Instant::now();
        self.file.append(&self.buffer)?;
        self.file.sync()?;
        self.crowd.synced(began.elapsed());
        Ok(())
    }

    /// Nobody else cuts the file (`copytruncate`) or writes to it.
    fn check_length(&mut self) -> std::io::Result<()> {
        match self.file.length()? {
            length if length == self.len => Ok(()),
            length => Err(std::io::Error::other(format!(
                "somebody else changed the file: it has {length} bytes instead of {}",
                self.len
            ))),
        }
    }

    /// A rotation that fails is tried again before the next group; the log
    /// goes on in the same file.
    fn rotate_if_due(&mut self) {
        let full = self.rotate > 0 && self.len > 0 && self.len + self.buffer.len() as u64 > self.rotate;
        let old = |first: Timestamp| {
            let age = Duration::try_from(self.clock.now().wall.duration_since(first)).unwrap_or_default();
            !self.rotate_age.is_zero() && age >= self.rotate_age
        };
        if let Some((first, _)) = self.first.filter(|(_, at)| (full || old(*at)) && !self.open_line) {
            match self.file.rotate(first) {
                Ok(()) => {
                    self.len = 0;
                    self.first = None;
                }
                Err(error) => tracing::warn!(%error, "the audit log could not be rotated"),
            }
        }
    }

    fn encode_group(&mut self, entries: &[Entry]) -> Result<usize, AuditError> {
        self.buffer.clear();
        if self.open_line {
            self.buffer.push(b'\n');
        }
        let now = self.clock.now().wall;
        for event in std::mem::take(&mut self.own) {
            let line = self.encode(now, &self.nobody.clone(), &event, None);
            self.own.push(event);
            line?;
        }
        let mut written = 0;
        for entry in entries {
            if written > 0 && self.buffer.len() >= GROUP_BYTES {
                break;
            }
            self.encode(entry.at, &entry.record.who, &entry.record.event, Some(entry.ticket))?;
            written += 1;
        }
        Ok(written)
    }

    fn encode(
        &mut self,
        at: Timestamp,
        who: &Arc<Who>,
        event: &Event,
        ticket: Option<Ticket>,
    ) -> Result<(), AuditError> {
        let seq = self.at.seq + 1;
        let start = self.buffer.len();
        let (starts, queue) = (&self.starts, &self.queue);
        self.encoder
            .encode(&mut self.buffer, (seq, at), who, event, |ticket| seq_of(starts, queue, ticket))
            .map_err(|e| AuditError::Io(e.to_string()))?;
        self.at = Position { seq, mac: self.sealer.seal(&mut self.buffer, start, &self.at.mac) };
        if let (Event::StatementStart(_), Some(ticket)) = (event, ticket) {
            let shift = i128::from(seq) - i128::from(ticket.0);
            if self.starts.last().is_none_or(|(_, last)| *last != shift) {
                self.starts.push((ticket, shift));
            }
        }
        Ok(())
    }

    /// Intents of these entries and of the queue fail; outcomes are kept.
    fn fail(&mut self, error: AuditError, entries: &mut Vec<Entry>) {
        tracing::error!(%error, "the audit log can't be written: statements are refused until it can");
        self.queue.fail(error.clone());
        let first = entries.first().map(|e| e.ticket);
        let batch = self.queue.take(entries, Duration::ZERO, None);
        let first = first.or(entries.first().map(|e| e.ticket));
        let last = entries.last().map(|e| e.ticket);
        let intents = entries.iter().filter(|e| e.record.event.is_intent()).count() as u64;
        let kept = entries.drain(..).filter(|e| !e.record.event.is_intent()).collect();
        self.failing = Some(Failing {
            error: error.clone(),
            since: self.clock.now().wall,
            refused: intents + batch.refused,
            kept,
        });
        if let (Some(first), Some(last)) = (first, last) {
            self.queue.settle(last, Some((first, error)));
        }
    }

    /// Cuts the file back to its last durable line and writes what was kept.
    fn try_again(&mut self) {
        let Some(mut failing) = self.failing.take() else { return };
        failing.refused += self.queue.take_refused();
        match self.resume(&mut failing) {
            Ok(()) => {
                tracing::info!(refused = failing.refused, "the audit log can be written again");
                self.queue.resume();
            }
            Err(error) => {
                if error != failing.error {
                    tracing::error!(%error, "the audit log still can't be written");
                    self.queue.fail(error.clone());
                    failing.error = error;
                }
                self.own.retain(|e| !matches!(e, Event::LogResumed(_)));
                self.failing = Some(failing);
            }
        }
    }

    fn resume(&mut self, failing: &mut Failing) -> Result<(), AuditError> {
        let len = self.file.heal(self.len).map_err(|e| AuditError::from_io(&e))?;
        if len < self.len && len > 0 {
            self.open_line = self.file.read_at(len - 1, 1).map_err(|e| AuditError::from_io(&e))? != b"\n";
        }
        if len == 0 {
            self.open_line = false;
            self.own.retain(|e| !matches!(e, Event::LogRecovered(_)));
            self.first = None;
        }
        self.len = len;
        self.own.push(Event::LogResumed(LogResumed {
            error: failing.error.to_string(),
            since: failing.since,
            refused: failing.refused,
        }));
        loop {
            let written = self.commit(&failing.kept)?;
            failing.kept.drain(..written);
            if failing.kept.is_empty() {
                return Ok(());
            }
        }
    }
}

/// The seq of a `statement.start` that was submitted with this ticket; None if
/// it was not written.
fn seq_of(starts: &[(Ticket, i128)], queue: &Queue, ticket: Ticket) -> Option<u64> {
    if let Some(Err(_)) = queue.status(ticket) {
        return None;
    }
    let after = starts.partition_point(|(from, _)| *from <= ticket);
    let (_, shift) = starts.get(after.checked_sub(1)?)?;
    u64::try_from(i128::from(ticket.0) + shift).ok()
}
