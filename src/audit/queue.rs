//! Between sessions and the writer: a bounded queue of records, and the
//! watermark that says which of them are on disk.
//!
//! A ticket is a record's number in the queue. The writer settles tickets in
//! order: every one up to the watermark is either durable or in one of the
//! failed ranges. Nothing is allocated per record, and a session that waits
//! looks at one atomic.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use super::chain::Head;
use super::crowd::Others;
use super::desk::{Bell, Desk};
use super::log::AuditError;
use super::record::Record;
use super::tally::Tally;

/// Records that wait at most.
const MAX_RECORDS: usize = 16_384;
/// Bytes that they hold at most.
const MAX_BYTES: usize = 64 << 20;
/// Failed ranges kept apart; beyond, neighbours are joined, and what lies
/// between them counts as failed too.
const MAX_RANGES: usize = 4_096;

/// A submitted record's number. Tickets of one session ascend, so that the
/// newest one stands for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

/// A record with the moment of its submission.
pub(super) struct Entry {
    pub ticket: Ticket,
    pub at: Timestamp,
    pub record: Record,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<Entry>,
    bytes: usize,
    /// Ticket of the newest entry ever pushed.
    last: u64,
    /// Intents among the entries.
    intents: usize,
    /// The writer lingers until this many intents are there; 0: it does not.
    awaited: usize,
    closing: bool,
    /// Intents refused while the log could not be written.
    refused: u64,
    failure: Option<AuditError>,
}

impl Waiting {
    fn is_full(&self) -> bool {
        self.entries.len() >= MAX_RECORDS || self.bytes >= MAX_BYTES
    }
    fn is_half_full(&self) -> bool {
        self.entries.len() >= MAX_RECORDS / 2 || self.bytes >= MAX_BYTES / 2
    }
}

/// What the writer takes at once.
pub(super) struct Batch {
    pub closing: bool,
    /// Whether those who were waited for came; None: nobody was waited for.
    pub complete: Option<bool>,
    /// Refused since the last batch.
    pub refused: u64,
}

pub(super) struct Queue {
    /// What passes through here, counted.
    pub tally: Tally,
    /// The newest durable record; None: none since the log was opened.
    head: Mutex<Option<Head>>,
    waiting: Mutex<Waiting>,
    /// Somebody waits for this ticket.
    wanted: AtomicU64,
    /// The writer sleeps, or is about to and has yet to look at `wanted`.
    idle: AtomicBool,
    writer_wakes: Condvar,
    room: Notify,
    settled: AtomicU64,
    settled_changed: Notify,
    /// Of the threads that have a desk.
    bells: Mutex<Vec<Weak<Bell>>>,
    settled_blocking: Condvar,
    any_failed: AtomicBool,
    failed: Mutex<Vec<(u64, u64, AuditError)>>,
}

/// A record that found no room; try again.
pub(super) enum Rejected {
    Full(Box<Record>),
    Failed(AuditError),
}

impl Queue {
    pub fn new() -> Self {
        Self {
            tally: Tally::new(),
            head: Mutex::default(),
            waiting: Mutex::default(),
            wanted: AtomicU64::new(0),
            idle: AtomicBool::new(false),
            writer_wakes: Condvar::new(),
            room: Notify::new(),
            settled: AtomicU64::new(0),
            settled_changed: Notify::new(),
            bells: Mutex::default(),
            settled_blocking: Condvar::new(),
            any_failed: AtomicBool::new(false),
            failed: Mutex::default(),
        }
    }

    /// Pushes without waiting. `always` ignores the bound: for outcomes, whose
    /// number is bounded by what runs.
    pub fn push(&self, at: Timestamp, record: Record, always: bool) -> Result<Ticket, Rejected> {
        let mut waiting = self.waiting.lock();
        if waiting.closing {
            return Err(Rejected::Failed(AuditError::Closed));
        }
        if let Some(error) = waiting.failure.clone()
            && (record.event.is_intent() || error == AuditError::Closed)
        {
            waiting.refused += 1;
            return Err(Rejected::Failed(error));
        }
        if waiting.is_full()
            && let Some(error) = waiting.failure.clone()
            && record.event.is_expendable()
        {
            waiting.refused += 1;
            return Err(Rejected::Failed(error));
        }
        if waiting.is_full() && !always {
            drop(waiting);
            self.wake_writer();
            return Err(Rejected::Full(Box::new(record)));
        }
        self.tally.accepted(&record.event);
        waiting.last += 1;
        let ticket = Ticket(waiting.last);
        waiting.bytes += record.event.weight();
        waiting.intents += usize::from(record.event.is_intent());
        waiting.entries.push(Entry { ticket, at, record });
        let hurry = waiting.is_half_full();
        let complete = waiting.awaited > 0 && waiting.intents >= waiting.awaited;
        if complete {
            waiting.awaited = 0;
        }
        // Before the writer is woken: it needs the lock itself, and a lock
        // that is handed to a thread which has yet to run keeps all others out.
        drop(waiting);
        if complete {
            self.writer_wakes.notify_one();
        } else if hurry {
            self.wake_writer();
        }
        Ok(ticket)
    }

    /// The newest durable record.
    pub fn head(&self) -> Option<Head> {
        *self.head.lock()
    }

    /// Everything up to this record is on disk.
    pub fn advance(&self, head: Head) {
        *self.head.lock() = Some(head);
    }

    /// Records that wait, and why the log can't be written, if it can't.
    pub fn standing(&self) -> (usize, Option<AuditError>) {
        let waiting = self.waiting.lock();
        (waiting.entries.len(), waiting.failure.clone())
    }

    /// Completes when there may be room again. Cancel-safe.
    pub async fn room(&self) {
        let notified = self.room.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if self.waiting.lock().is_full() {
            notified.await;
        }
    }

    /// None: not settled yet.
    pub fn status(&self, ticket: Ticket) -> Option<Result<(), AuditError>> {
        if self.settled.load(Ordering::SeqCst) < ticket.0 {
            return None;
        }
        if !self.any_failed.load(Ordering::Acquire) {
            return Some(Ok(()));
        }
        let failed = self.failed.lock();
        let after = failed.partition_point(|(from, _, _)| *from <= ticket.0);
        let last = after.checked_sub(1).and_then(|at| failed.get(at));
        let found = last.filter(|(_, to, _)| ticket.0 <= *to);
        Some(found.map_or(Ok(()), |(_, _, error)| Err(error.clone())))
    }

    /// Waits until the ticket is settled, and has the writer hurry. Cancel-safe.
    pub async fn durable(&self, ticket: Ticket) -> Result<(), AuditError> {
        loop {
            let changed = self.settled_changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(result) = self.status(ticket) {
                return result;
            }
            self.want(ticket);
            changed.await;
        }
    }

    /// [`Queue::durable`] at this thread's desk, if it has one.
    pub async fn durable_here(&self, ticket: Ticket) -> Result<(), AuditError> {
        match Desk::here(self) {
            Some(desk) => desk.durable(self, ticket).await,
            None => self.durable(ticket).await,
        }
    }

    /// [`Queue::durable`] for threads without a runtime.
    pub fn durable_blocking(&self, ticket: Ticket) -> Result<(), AuditError> {
        self.want(ticket);
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(result) = self.status(ticket) {
                return result;
            }
            self.settled_blocking.wait(&mut waiting);
        }
    }

    pub(super) fn add_bell(&self, bell: &Arc<Bell>) {
        self.bells.lock().push(Arc::downgrade(bell));
    }

    /// Has the writer hurry. Takes the lock only where the writer sleeps: it
    /// says so before it looks at what is wanted, so one of us sees the other.
    pub(super) fn want(&self, ticket: Ticket) {
        if self.wanted.fetch_max(ticket.0, Ordering::SeqCst) < ticket.0 {
            self.wake_writer();
        }
    }

    /// Not with the lock held.
    fn wake_writer(&self) {
        if self.idle.load(Ordering::SeqCst) && self.idle.swap(false, Ordering::SeqCst) {
            // Who said that it sleeps holds the lock until it does.
            drop(self.waiting.lock());
            self.writer_wakes.notify_one();
        }
    }

    /// Ends the queue: what is in it is still written, nothing new is taken.
    pub fn close(&self) {
        self.waiting.lock().closing = true;
        self.writer_wakes.notify_one();
    }

    // The writer's side.

    /// Sleeps until somebody waits for a record, the queue fills, or
    /// `patience` is over; then moves all entries behind those in `into`.
    ///
    /// With `others`, a batch that somebody waits for waits itself until that
    /// many intents are there, or for about that long. The first of them then
    /// need not wake the writer: the last one does.
    pub fn take(&self, into: &mut Vec<Entry>, patience: Duration, others: Option<Others>) -> Batch {
        let mut waiting = self.waiting.lock();
        let settled = self.settled.load(Ordering::Acquire);
        let is_wanted = || self.wanted.load(Ordering::SeqCst) > settled;
        let mut complete = others.map(|others| self.linger(&mut waiting, others));
        if !is_wanted() {
            self.idle.store(true, Ordering::SeqCst);
            if !(waiting.closing || is_wanted() || waiting.is_half_full()) {
                self.writer_wakes.wait_for(&mut waiting, patience);
            }
            self.idle.store(false, Ordering::SeqCst);
        }
        if let Some(others) = others.filter(|_| is_wanted() && complete == Some(false)) {
            complete = Some(self.linger(&mut waiting, others));
        }
        if into.is_empty() {
            std::mem::swap(&mut waiting.entries, into);
        } else {
            into.append(&mut waiting.entries);
        }
        waiting.bytes = 0;
        waiting.intents = 0;
        let batch =
            Batch { closing: waiting.closing, complete, refused: std::mem::take(&mut waiting.refused) };
        drop(waiting);
        self.room.notify_waiters();
        batch
    }

    /// Sleeps until as many intents are there as are expected, or so long;
    /// whether they are.
    fn linger(&self, waiting: &mut MutexGuard<'_, Waiting>, others: Others) -> bool {
        if waiting.intents < others.expected && !waiting.closing {
            waiting.awaited = others.expected;
            self.writer_wakes.wait_for(waiting, others.patience);
            waiting.awaited = 0;
        }
        waiting.intents >= others.expected
    }

    /// While the log can't be written: nothing is taken, so that the queue's
    /// bound holds; sleeps for `patience` or until the end.
    pub fn rest(&self, patience: Duration) -> bool {
        let mut waiting = self.waiting.lock();
        if !waiting.closing {
            self.idle.store(true, Ordering::SeqCst);
            self.writer_wakes.wait_for(&mut waiting, patience);
            self.idle.store(false, Ordering::SeqCst);
        }
        waiting.closing
    }

    /// Intents refused since the last call.
    pub fn take_refused(&self) -> u64 {
        std::mem::take(&mut self.waiting.lock().refused)
    }

    /// From now on intents are refused at once.
    pub fn fail(&self, error: AuditError) {
        self.waiting.lock().failure = Some(error);
    }

    /// Intents are taken again.
    pub fn resume(&self) {
        self.waiting.lock().failure = None;
    }

    /// Settles all tickets up to `last`; those from `failed_from` on failed.
    pub fn settle(&self, last: Ticket, failed: Option<(Ticket, AuditError)>) {
        if let Some((from, error)) = failed {
            self.note_failed(from, last, error);
        }
        // Under the lock, so that a blocking waiter can't miss it.
        let waiting = self.waiting.lock();
        self.settled.fetch_max(last.0, Ordering::SeqCst);
        drop(waiting);
        self.bells.lock().retain(|bell| bell.upgrade().inspect(|bell| bell.ring()).is_some());
        self.settled_changed.notify_waiters();
        self.settled_blocking.notify_all();
    }

    fn note_failed(&self, from: Ticket, to: Ticket, error: AuditError) {
        let mut failed = self.failed.lock();
        let crowded = failed.len() >= MAX_RANGES;
        match failed.last_mut() {
            Some((_, end, _)) if *end + 1 >= from.0 || crowded => *end = to.0,
            _ => failed.push((from.0, to.0, error)),
        }
        self.any_failed.store(true, Ordering::Release);
    }

    /// Ends everything: no writer is there any more.
    pub fn abandon(&self) {
        let mut waiting = self.waiting.lock();
        waiting.failure = Some(AuditError::Closed);
        waiting.closing = true;
        waiting.entries.clear();
        waiting.bytes = 0;
        waiting.intents = 0;
        let last = Ticket(waiting.last);
        drop(waiting);
        let next = Ticket(self.settled.load(Ordering::Acquire) + 1);
        if next <= last {
            self.settle(last, Some((next, AuditError::Closed)));
        }
        self.room.notify_waiters();
    }
}
