//! The thread that owns the book and the store, one operation at a time.
//!
//! Order: what gives access is stored, then in the audit log, then in effect,
//! then acknowledged. What ends access is in effect first. If the audit log
//! can't be written, what was stored is taken back. Events wait in the store
//! until the log has them, so a crash between loses none.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{error, warn};

use super::book::{Book, Change, Usage};
use super::decisions::Setting;
use super::engine::Shared;
use super::event::{Event, Journal, JournalError, Listener};
use super::model::{Actor, EndedHow, Request, RequestStatus};
use super::permits::LiveGrant;
use super::store::{OutboxId, Store, StoreError};
use super::{Fault, GrantId};
use crate::clock::Now;

/// One operation, run by the keeper.
pub(super) type Work = Box<dyn FnOnce(&mut Keeper) + Send>;

/// Longest sleep: uses are stored and the outbox is tried this often.
const TICK: Duration = Duration::from_secs(1);
/// Shortest sleep, so that a deadline that is just passing does not spin.
const SHORTEST: Duration = Duration::from_millis(1);
/// A grant's holder is told this long before its end.
const WARNING: Duration = Duration::from_secs(60);

pub(super) struct Keeper {
    shared: Arc<Shared>,
    store: Box<dyn Store>,
    journal: Arc<dyn Journal>,
    listeners: Vec<Arc<dyn Listener>>,
    /// Ends that are in effect and could not be stored yet; before anything
    /// else is.
    unstored: VecDeque<Change>,
    /// Stored, not in the audit log yet.
    outbox: VecDeque<(OutboxId, Event)>,
    /// Grants whose near end was said.
    warned: HashSet<GrantId>,
    /// Waits for the audit log; made by the thread.
    runtime: Option<Arc<tokio::runtime::Runtime>>,
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        store: Box<dyn Store>,
        journal: Arc<dyn Journal>,
        listeners: Vec<Arc<dyn Listener>>,
        waiting: Vec<(OutboxId, Event)>,
    ) -> Self {
        Self {
            shared,
            store,
            journal,
            listeners,
            unstored: VecDeque::new(),
            outbox: waiting.into(),
            warned: HashSet::new(),
            runtime: None,
        }
    }

    /// Carries out what the restart ended.
    pub(super) fn start_with(&mut self, ended: Change) -> Result<(), StoreError> {
        self.take_effect(&ended);
        self.put(&ended)
    }

    /// Starts the thread. Its runtime is made, used and dropped there: one that
    /// drops inside another panics.
    pub(super) fn spawn(mut self, mut queue: mpsc::Receiver<Work>) -> Result<(), StoreError> {
        let failed = |cause: std::io::Error| StoreError::Io {
            doing: "start the keeper of",
            path: "(thread)".to_owned(),
            cause: cause.to_string(),
        };
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let run = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
                Ok(runtime) => runtime,
                Err(e) => return drop(ready.send(Err(e))),
            };
            let runtime = self.runtime.insert(Arc::new(runtime)).clone();
            if let Err(fault) = self.record() {
                warn!("{fault}");
            }
            // The starter waits for this, so it is there.
            drop(ready.send(Ok(())));
            loop {
                let sleep = self.until_next();
                match runtime.block_on(async { tokio::time::timeout(sleep, queue.recv()).await }) {
                    Ok(Some(work)) => {
                        self.expire();
                        work(&mut self);
                    }
                    Ok(None) => break,
                    Err(_elapsed) => self.tick(),
                }
            }
            self.tick();
        };
        std::thread::Builder::new().name("grants".to_owned()).spawn(run).map_err(failed)?;
        match started.recv() {
            Ok(outcome) => outcome.map_err(failed),
            Err(_) => Err(failed(std::io::Error::other("the thread ended"))),
        }
    }

    fn until_next(&self) -> Duration {
        let now = self.shared.clock.now();
        let next = self.shared.book.read().next_deadline();
        next.map_or(TICK, |d| d.saturating_duration_since(now.mono)).clamp(SHORTEST, TICK)
    }

    /// Decides by the book and carries it out.
    pub(super) fn run<T>(
        &mut self,
        operation: impl FnOnce(&Book, Setting<'_>) -> Result<(T, Change), Fault>,
    ) -> Result<T, Fault> {
        let shared = self.shared.clone();
        let roles = shared.roles();
        let setting = Setting { now: shared.clock.now(), roles: &roles, directory: &*shared.directory };
        let (value, change) = operation(&shared.book.read(), setting)?;
        self.carry_out(change)?;
        Ok(value)
    }

    fn carry_out(&mut self, change: Change) -> Result<(), Fault> {
        if change.is_empty() {
            return Ok(());
        }
        if change.only_ends() {
            self.take_effect(&change);
            self.unstored.push_back(change);
            let stored = self.store_ends().map_err(|e| self.troubled(&e));
            return stored.and_then(|()| self.record()).map_err(|f| Fault::Unavailable {
                message: format!("ended in this process, but not for good so far: {f}"),
            });
        }
        self.put(&change).map_err(|e| self.troubled(&e))?;
        if let Err(fault) = self.record() {
            self.take_back(&change);
            return Err(fault);
        }
        self.take_effect(&change);
        Ok(())
    }

    /// The newest events of the outbox, if all of these still wait there: they
    /// are forgotten, as if nothing had happened.
    fn withdraw(&mut self, events: usize) -> bool {
        let Some(start) = self.outbox.len().checked_sub(events) else { return false };
        for (id, _) in self.outbox.split_off(start) {
            if let Err(e) = self.store.recorded(id) {
                warn!("{e}: an event may be recorded of a decision that was taken back");
            }
        }
        true
    }

    /// Stores the change; its events join the outbox.
    fn put(&mut self, change: &Change) -> Result<(), StoreError> {
        self.store_ends()?;
        self.commit(change)
    }

    /// Stores the ends that could not be stored when they took effect: after a
    /// restart what they ended would be there again.
    fn store_ends(&mut self) -> Result<(), StoreError> {
        while let Some(change) = self.unstored.pop_front() {
            if let Err(fault) = self.commit(&change) {
                self.unstored.push_front(change);
                return Err(fault);
            }
        }
        Ok(())
    }

    fn commit(&mut self, change: &Change) -> Result<(), StoreError> {
        if change.is_empty() {
            return Ok(());
        }
        let ids = self.store.commit(change)?;
        self.outbox.extend(ids.into_iter().zip(change.events.iter().cloned()));
        Ok(())
    }

    /// Writes the outbox to the audit log, in order.
    fn record(&mut self) -> Result<(), Fault> {
        while let Some((id, event)) = self.outbox.front() {
            let recorded = match &self.runtime {
                Some(runtime) => runtime.block_on(self.journal.record(event)),
                None => Err(JournalError("the keeper does not run".to_owned())),
            };
            if let Err(e) = recorded {
                return Err(self.troubled(&e));
            }
            if let Err(e) = self.store.recorded(*id) {
                warn!("{e}: an event may be recorded twice");
            }
            if let Some((_, Event::GrantCreated(grant))) = self.outbox.pop_front() {
                self.admit(grant.id);
            }
        }
        *self.shared.trouble.lock() = None;
        Ok(())
    }

    /// A grant from before the restart is in the audit log now: it counts.
    fn admit(&self, id: GrantId) {
        let now = self.shared.clock.now();
        let book = self.shared.book.read();
        // A grant that is being made is not in the book yet.
        if let (Ok(grant), Some(until)) = (book.live_grant(id, now), book.until(id)) {
            self.shared.index.put(grant, until);
            self.shared.bump();
        }
    }

    /// Undoes what was stored but could not be recorded: entries are again as
    /// they were, new ones are over before they counted. Where the log already
    /// holds a part, it is told of the end.
    fn take_back(&mut self, change: &Change) {
        let forgotten = self.withdraw(change.events.len());
        let mut undo = Change::none(change.at);
        let reason = || Some("the audit log could not be written".to_owned());
        {
            let book = self.shared.book.read();
            for grant in &change.grants {
                undo.grants.push(match book.grant(grant.id) {
                    Ok(before) if forgotten => before.clone(),
                    _ => grant.end(EndedHow::Revoked, change.at.wall, Actor::system(), reason()),
                });
            }
            for request in &change.requests {
                undo.requests.push(match book.request(request.id) {
                    Ok(before) => before.clone(),
                    Err(_) => {
                        request.close(RequestStatus::Cancelled, change.at.wall, Actor::system(), reason())
                    }
                });
            }
        }
        if !forgotten {
            undo.events.extend(undo.grants.iter().cloned().map(Event::GrantRevoked));
            let closed = |r: &&Request| r.status != RequestStatus::Pending;
            undo.events.extend(undo.requests.iter().filter(closed).cloned().map(Event::RequestDenied));
        }
        self.take_effect(&undo);
        if let Err(e) = self.put(&undo) {
            error!("a decision that was refused is stored all the same, and counts after a restart: {e}");
        }
    }

    /// From here on everybody sees it.
    fn take_effect(&self, change: &Change) {
        if change.is_empty() {
            return;
        }
        {
            let mut book = self.shared.book.write();
            book.apply(change);
            for grant in &change.grants {
                if let Some(until) = book.until(grant.id) {
                    self.shared.index.put(grant, until);
                }
            }
        }
        self.shared.bump();
        for event in &change.events {
            for listener in &self.listeners {
                listener.happened(event);
            }
        }
    }

    /// Ends what has run out. That it can't be stored changes nothing: the
    /// deadline is in the store, and permits compare it themselves.
    fn expire(&mut self) {
        let now = self.shared.clock.now();
        self.warn_of_ends(now);
        let change = self.shared.book.read().expire(now);
        if change.is_empty() {
            return;
        }
        if let Err(fault) = self.carry_out(change) {
            warn!("{fault}");
        }
    }

    /// Tells of ends that are near, once each. Who got less than the warning's
    /// time knows it.
    fn warn_of_ends(&mut self, now: Now) {
        let book = self.shared.book.read();
        let ending: Vec<_> = book.ending(now, WARNING).filter(|(g, _)| g.length() > WARNING).collect();
        self.warned.retain(|id| ending.iter().any(|(grant, _)| grant.id == *id));
        for (grant, left) in ending {
            if self.warned.insert(grant.id) {
                self.listeners.iter().for_each(|listener| listener.ends_soon(grant, left));
            }
        }
    }

    /// Ends what the roles of this moment no longer allow. Not while columns
    /// and roles are of different policies: a tag may have been renamed in both.
    fn end_unallowed(&mut self) {
        let shared = self.shared.clone();
        let roles = shared.roles();
        if !shared.directory.is_of(&roles.policy) {
            return;
        }
        let setting = Setting { now: shared.clock.now(), roles: &roles, directory: &*shared.directory };
        let change = shared.book.read().unallowed(setting);
        if let Err(fault) = self.carry_out(change) {
            warn!("{fault}");
        }
    }

    /// What is due regardless of operations.
    pub(super) fn tick(&mut self) {
        self.expire();
        self.end_unallowed();
        self.settle_rows();
        self.store_usage();
        self.shared.index.sweep(self.shared.clock.now());
        let stored = self.store_ends().map_err(|e| self.troubled(&e));
        if let Err(fault) = stored.and_then(|()| self.record()) {
            warn!("{fault}");
        }
    }

    /// Sets rows of a grant aside for a statement that is about to run, unless
    /// there are some: durable before the first goes out. Nobody's permits change.
    pub(super) fn reserve_rows(&mut self, live: &LiveGrant) -> Result<(), Fault> {
        let Some(rows) = live.rows().filter(|rows| !rows.are_reserved()) else { return Ok(()) };
        let now = self.shared.clock.now();
        let reserved = self.shared.book.read().reserve(live.id, now);
        let (count, change) = reserved.inspect_err(|_| rows.set_dry(true))?;
        self.put(&change).map_err(|e| self.troubled(&e))?;
        self.shared.book.write().apply(&change);
        rows.allow(count);
        Ok(())
    }

    /// Where nobody takes any more: what went out is stored, the rest is free.
    fn settle_rows(&mut self) {
        for live in self.shared.index.to_settle() {
            let Some(rows) = live.rows() else { continue };
            let (reserved, revealed) = rows.counted();
            let now = self.shared.clock.now();
            let change = self.shared.book.read().settle(live.id, reserved, revealed, now);
            match change.and_then(|change| self.carry_out(change)) {
                Ok(()) => rows.settled(),
                Err(fault) => warn!("{fault}"),
            }
        }
    }

    /// Counts of uses: no epoch, nobody's permits change.
    fn store_usage(&mut self) {
        let now = self.shared.clock.now();
        let used = std::mem::take(&mut *self.shared.usage.lock());
        if used.is_empty() {
            return;
        }
        let change = self.shared.book.read().count(&used, now);
        match self.put(&change) {
            Ok(()) => self.shared.book.write().apply(&change),
            Err(e) => {
                self.troubled(&e);
                let mut usage = self.shared.usage.lock();
                for (key, lost) in used {
                    let counted: &mut Usage = usage.entry(key).or_default();
                    counted.statements = counted.statements.saturating_add(lost.statements);
                }
            }
        }
    }

    fn troubled(&self, cause: &dyn std::error::Error) -> Fault {
        let message = cause.to_string();
        self.shared.troubles.inc();
        *self.shared.trouble.lock() = Some(message.clone());
        Fault::Unavailable { message }
    }
}
