//! The thread that owns the book and the store, one operation at a time.
//!
//! Order: what gives access is stored, then in the audit log, then in effect,
//! then acknowledged. What ends access stops revealing first. If the audit log
//! can't be written, what was stored is taken back. Events wait in the store
//! until the log has them, so a crash between loses none.
//!
//! With a shared store every operation begins with its news, and is decided
//! anew if another node was faster; see `news` for what comes from there.

mod news;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use tracing::{error, warn};

use super::book::{Book, Change, SessionNumbers, Usage};
use super::decisions::Setting;
use super::engine::Shared;
use super::event::{Event, Journal, JournalError, Listener};
use super::model::{Actor, EndedHow, Request, RequestStatus};
use super::permits::LiveGrant;
use super::store::{OutboxId, Store, StoreError};
use super::{Fault, GrantId, RequestId};
use crate::clock::Now;

/// One operation, run by the keeper.
pub(super) type Work = Box<dyn FnOnce(&mut Keeper) + Send>;

/// Uses are stored and the outbox is tried this often.
const TICK: Duration = Duration::from_secs(1);
/// A shared store is asked for news this often, whatever it tells by itself.
const POLL: Duration = Duration::from_millis(400);
/// Shortest sleep, so that a deadline that is just passing does not spin.
const SHORTEST: Duration = Duration::from_millis(1);
/// A grant's holder is told this long before its end.
const WARNING: Duration = Duration::from_secs(60);
/// An operation is decided anew this often when other nodes are faster.
const ATTEMPTS: usize = 20;

/// Whom the keeper tells.
pub(super) struct Tellers {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) listeners: Vec<Arc<dyn Listener>>,
}

pub(super) struct Keeper {
    shared: Arc<Shared>,
    store: Box<dyn Store>,
    tellers: Tellers,
    /// Stored, not in the audit log yet.
    outbox: VecDeque<(OutboxId, Event)>,
    /// Grants that are in no audit log yet.
    unrecorded: BTreeSet<GrantId>,
    /// Ended here, and the store could not be told yet: before anything else is.
    owed: Owed,
    /// Grants whose near end was said.
    warned: HashSet<GrantId>,
    /// A shared store's time, and the moment it was that.
    reference: Option<Now>,
    max_staleness: Duration,
    ticked: Instant,
    /// Waits for the audit log; made by the thread.
    runtime: Option<Arc<tokio::runtime::Runtime>>,
}

/// What is in effect and not stored.
#[derive(Default)]
struct Owed {
    grants: BTreeSet<GrantId>,
    /// Of a store of one's own: others decide about requests in a shared one.
    requests: BTreeSet<RequestId>,
}

/// Why a change did not come about.
enum Undone {
    /// Another node was faster: decide anew.
    Behind,
    Fault(Fault),
}

/// Why the thread woke.
enum Woken {
    Work(Option<Work>),
    News,
    Time,
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        store: Box<dyn Store>,
        tellers: Tellers,
        max_staleness: Duration,
    ) -> Self {
        Self {
            shared,
            store,
            tellers,
            outbox: VecDeque::new(),
            unrecorded: BTreeSet::new(),
            owed: Owed::default(),
            warned: HashSet::new(),
            reference: None,
            max_staleness,
            ticked: Instant::now(),
            runtime: None,
        }
    }

    /// Goes on from what the store holds: carries out what the restart ended.
    pub(super) fn resume(
        &mut self,
        waiting: Vec<(OutboxId, Event)>,
        unrecorded: BTreeSet<GrantId>,
        as_of: Option<Now>,
        sessions: &SessionNumbers,
    ) -> Result<(), StoreError> {
        self.outbox = waiting.into();
        self.unrecorded = unrecorded;
        if let Some(as_of) = as_of {
            self.asked(as_of);
        }
        for _ in 0..ATTEMPTS {
            let ended = self.shared.book.read().ended_by_restart(sessions, self.now());
            match self.put(&ended) {
                Ok(()) => {
                    self.take_effect(&ended);
                    return Ok(());
                }
                Err(StoreError::Behind) => self.refresh()?,
                Err(fault) => return Err(fault),
            }
        }
        Err(StoreError::Behind)
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
            let news = Arc::new(Notify::new());
            self.store.watch(news.clone());
            if let Err(fault) = self.record() {
                warn!("{fault}");
            }
            // The starter waits for this, so it is there.
            drop(ready.send(Ok(())));
            loop {
                let sleep = self.until_next();
                let woken = runtime.block_on(async {
                    tokio::select! {
                        work = queue.recv() => Woken::Work(work),
                        () = news.notified() => Woken::News,
                        () = tokio::time::sleep(sleep) => Woken::Time,
                    }
                });
                match woken {
                    Woken::Work(Some(work)) => {
                        self.expire();
                        work(&mut self);
                    }
                    Woken::Work(None) => break,
                    // A store that can't be asked has said so.
                    Woken::News | Woken::Time => drop(self.refresh()),
                }
                self.expire();
                if self.ticked.elapsed() >= TICK {
                    self.tick();
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

    /// The clock that counts: a shared store's for all nodes, else this machine's.
    fn now(&self) -> Now {
        let now = self.shared.clock.now();
        let Some(reference) = self.reference else { return now };
        let since = now.mono.saturating_duration_since(reference.mono);
        Now { wall: reference.wall.checked_add(since).unwrap_or(reference.wall), mono: now.mono }
    }

    fn until_next(&self) -> Duration {
        let now = self.now();
        let next = self.shared.book.read().next_deadline();
        let longest = if self.reference.is_some() { POLL } else { TICK };
        // What ended and can't be stored must not keep the thread awake.
        let shortest = if self.is_lost() { longest } else { SHORTEST };
        let next = next.map_or(longest, |d| d.saturating_duration_since(now.mono));
        next.min(TICK.saturating_sub(self.ticked.elapsed())).clamp(shortest, longest)
    }

    /// Decides by the book and carries it out.
    pub(super) fn run<T>(
        &mut self,
        operation: impl Fn(&Book, Setting<'_>) -> Result<(T, Change), Fault>,
    ) -> Result<T, Fault> {
        // What can't be asked for can't be stored either, or only ends.
        drop(self.refresh());
        self.decide(operation)
    }

    fn decide<T>(
        &mut self,
        operation: impl Fn(&Book, Setting<'_>) -> Result<(T, Change), Fault>,
    ) -> Result<T, Fault> {
        let shared = self.shared.clone();
        for _ in 0..ATTEMPTS {
            let roles = shared.roles();
            let setting = Setting { now: self.now(), roles: &roles, directory: &*shared.directory };
            let (value, change) = operation(&shared.book.read(), setting)?;
            match self.carry_out(&change) {
                Ok(()) => return Ok(value),
                // If the store is lost meanwhile, the next attempt says so.
                Err(Undone::Behind) => drop(self.refresh()),
                Err(Undone::Fault(fault)) => return Err(fault),
            }
        }
        Err(self.troubled(&StoreError::Behind))
    }

    /// [`Self::decide`] of what nobody waits for.
    fn decide_alone(&mut self, operation: impl Fn(&Book, Setting<'_>) -> Change) {
        let lost = self.is_lost();
        // A shared store that is lost decides about requests when it is back.
        let hopeless = |change: &Change| lost && change.grants.is_empty();
        let decided = self.decide(|book, setting| {
            let change = operation(book, setting);
            Ok(((), if hopeless(&change) { Change::none(setting.now) } else { change }))
        });
        if let Err(fault) = decided {
            warn!("{fault}");
        }
    }

    fn carry_out(&mut self, change: &Change) -> Result<(), Undone> {
        if change.is_empty() {
            return Ok(());
        }
        if change.only_ends() {
            return self.end(change);
        }
        self.put(change).map_err(|e| self.undone(&e))?;
        if let Err(fault) = self.record() {
            self.take_back(change);
            return Err(Undone::Fault(fault));
        }
        self.take_effect(change);
        Ok(())
    }

    /// What takes access away reveals nothing from here on, whatever fails.
    fn end(&mut self, change: &Change) -> Result<(), Undone> {
        self.reveal(change);
        match self.put(change) {
            Ok(()) => {
                self.take_effect(change);
                self.record().map_err(|fault| Undone::Fault(not_for_good(&fault)))
            }
            Err(StoreError::Behind) => {
                change.grants.iter().for_each(|grant| self.admit(grant.id));
                Err(Undone::Behind)
            }
            Err(e) => {
                let fault = self.troubled(&e);
                self.owed.grants.extend(change.grants.iter().map(|grant| grant.id));
                if self.reference.is_none() {
                    self.owed.requests.extend(change.requests.iter().map(|request| request.id));
                    self.take_effect(change);
                } else {
                    // Others decide about requests too, and may have done so.
                    self.take_effect(&change.without_requests());
                }
                Err(Undone::Fault(not_for_good(&fault)))
            }
        }
    }

    /// The newest events of the outbox, if all of these still wait there: they
    /// are forgotten, as if nothing had happened.
    fn withdraw(&mut self, events: usize) -> bool {
        let Some(start) = self.outbox.len().checked_sub(events) else { return false };
        for (id, event) in self.outbox.split_off(start) {
            if let Err(e) = self.store.withdrawn(id) {
                warn!("{e}: an event may be recorded of a decision that was taken back");
            }
            if let Some(id) = event.made() {
                self.unrecorded.remove(&id);
            }
        }
        true
    }

    /// Stores the change, after what is owed.
    fn put(&mut self, change: &Change) -> Result<(), StoreError> {
        self.pay()?;
        self.commit(change)
    }

    /// Stores what ended while it could not be stored: after a restart it would
    /// be there again.
    fn pay(&mut self) -> Result<(), StoreError> {
        let mut change = Change::none(self.now());
        {
            let book = self.shared.book.read();
            for grant in self.owed.grants.iter().filter_map(|id| book.grant(*id).ok().cloned()) {
                change.events.push(match grant.ended.as_ref().map(|e| e.how) {
                    Some(EndedHow::Revoked) => Event::GrantRevoked(grant.clone()),
                    Some(EndedHow::Expired | EndedHow::Used) | None => Event::GrantExpired(grant.clone()),
                });
                change.grants.push(grant);
            }
            for request in self.owed.requests.iter().filter_map(|id| book.request(*id).ok().cloned()) {
                change.events.push(Event::RequestDenied(request.clone()));
                change.requests.push(request);
            }
        }
        self.commit(&change)?;
        self.owed = Owed::default();
        Ok(())
    }

    /// Stores the change; its events join the outbox.
    fn commit(&mut self, change: &Change) -> Result<(), StoreError> {
        if change.is_empty() {
            return Ok(());
        }
        let ids = self.store.commit(change)?;
        self.unrecorded.extend(change.events.iter().filter_map(Event::made));
        self.outbox.extend(ids.into_iter().zip(change.events.iter().cloned()));
        Ok(())
    }

    /// Writes the outbox to the audit log, in order.
    fn record(&mut self) -> Result<(), Fault> {
        while let Some((id, event)) = self.outbox.front() {
            let recorded = match &self.runtime {
                Some(runtime) => runtime.block_on(self.tellers.journal.record(event)),
                None => Err(JournalError("the keeper does not run".to_owned())),
            };
            if let Err(e) = recorded {
                return Err(self.troubled(&e));
            }
            if let Err(e) = self.store.recorded(*id, event) {
                warn!("{e}: an event may be recorded twice");
            }
            if let Some(id) = self.outbox.pop_front().and_then(|(_, event)| event.made()) {
                self.unrecorded.remove(&id);
                self.admit(id);
            }
        }
        *self.shared.trouble.lock() = None;
        Ok(())
    }

    /// A grant that is stored and recorded counts.
    fn admit(&self, id: GrantId) {
        if self.unrecorded.contains(&id) {
            return;
        }
        let book = self.shared.book.read();
        // A grant that is being made is not in the book yet.
        if let (Ok(grant), Some(until)) = (book.live_grant(id, self.now()), book.until(id)) {
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
        if let Err(e) = self.put_undo(change, &mut undo) {
            error!("a decision that was refused is stored all the same, and may count later: {e}");
        }
        self.take_effect(&undo);
    }

    /// What another node has made of it since stays.
    fn put_undo(&mut self, change: &Change, undo: &mut Change) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            match self.put(undo) {
                Err(StoreError::Behind) => {}
                other => return other,
            }
            self.refresh()?;
            let book = self.shared.book.read();
            undo.grants.retain(|g| book.grant(g.id).ok() == change.grants.iter().find(|c| c.id == g.id));
            undo.requests
                .retain(|r| book.request(r.id).ok() == change.requests.iter().find(|c| c.id == r.id));
        }
        Err(StoreError::Behind)
    }

    /// From here on everybody sees it.
    fn take_effect(&self, change: &Change) {
        if change.is_empty() {
            return;
        }
        self.shared.book.write().apply(change);
        self.reveal(change);
        for event in &change.events {
            for listener in &self.tellers.listeners {
                listener.happened(event);
            }
        }
    }

    /// What sessions may see of these grants.
    fn reveal(&self, change: &Change) {
        let book = self.shared.book.read();
        for grant in &change.grants {
            if let Some(until) = book.until(grant.id) {
                self.shared.index.put(grant, until);
            }
        }
        drop(book);
        self.shared.bump();
    }

    /// Ends what has run out. That it can't be stored changes nothing: the
    /// deadline is in the store, and permits compare it themselves.
    fn expire(&mut self) {
        self.warn_of_ends(self.now());
        self.decide_alone(|book, setting| book.expire(setting.now));
    }

    /// Tells of ends that are near, once each. Who got less than the warning's
    /// time knows it.
    fn warn_of_ends(&mut self, now: Now) {
        let book = self.shared.book.read();
        let ending: Vec<_> = book.ending(now, WARNING).filter(|(g, _)| g.length() > WARNING).collect();
        self.warned.retain(|id| ending.iter().any(|(grant, _)| grant.id == *id));
        for (grant, left) in ending {
            if self.warned.insert(grant.id) {
                self.tellers.listeners.iter().for_each(|listener| listener.ends_soon(grant, left));
            }
        }
    }

    /// Ends what the roles of this moment no longer allow.
    pub(super) fn end_unallowed(&mut self) {
        self.decide_alone(Book::unallowed);
    }

    /// What is due regardless of operations.
    pub(super) fn tick(&mut self) {
        self.ticked = Instant::now();
        // A store that can't be asked has said so.
        drop(self.refresh());
        self.expire();
        self.end_unallowed();
        self.settle_rows();
        self.store_usage();
        self.shared.index.sweep(self.now());
        let paid = match self.pay() {
            // With the next tick, when it is known what others did.
            Ok(()) | Err(StoreError::Behind) => Ok(()),
            Err(e) => Err(self.troubled(&e)),
        };
        if let Err(fault) = paid.and_then(|()| self.record()) {
            warn!("{fault}");
        }
    }

    /// Sets rows of a grant aside for a statement that is about to run, unless
    /// there are some: durable before the first goes out. Nobody's permits change.
    pub(super) fn reserve_rows(&mut self, live: &LiveGrant) -> Result<(), Fault> {
        let Some(rows) = live.rows().filter(|rows| !rows.are_reserved()) else { return Ok(()) };
        // What can't be asked for can't be stored either.
        drop(self.refresh());
        for _ in 0..ATTEMPTS {
            let reserved = self.shared.book.read().reserve(live.id, self.now());
            let (count, change) = reserved.inspect_err(|_| rows.set_dry(true))?;
            match self.put(&change) {
                Ok(()) => {
                    self.shared.book.write().apply(&change);
                    rows.allow(count);
                    return Ok(());
                }
                Err(StoreError::Behind) => drop(self.refresh()),
                Err(e) => return Err(self.troubled(&e)),
            }
        }
        Err(self.troubled(&StoreError::Behind))
    }

    /// Where nobody takes any more: what went out is stored, the rest is free.
    fn settle_rows(&mut self) {
        for live in self.shared.index.to_settle() {
            let Some(rows) = live.rows() else { continue };
            let (reserved, revealed) = rows.counted();
            let settled =
                self.decide(|book, setting| Ok(((), book.settle(live.id, reserved, revealed, setting.now)?)));
            match settled {
                Ok(()) => rows.settled(),
                Err(fault) => warn!("{fault}"),
            }
        }
    }

    /// Counts of uses: no epoch, nobody's permits change.
    fn store_usage(&mut self) {
        let now = self.now();
        let used = std::mem::take(&mut *self.shared.usage.lock());
        if used.is_empty() {
            return;
        }
        let change = self.shared.book.read().count(&used, now);
        match self.put(&change) {
            Ok(()) => self.shared.book.write().apply(&change),
            Err(e) => {
                if !matches!(e, StoreError::Behind) {
                    self.troubled(&e);
                }
                let mut usage = self.shared.usage.lock();
                for (key, lost) in used {
                    let counted: &mut Usage = usage.entry(key).or_default();
                    counted.statements = counted.statements.saturating_add(lost.statements);
                }
            }
        }
    }

    fn undone(&self, cause: &StoreError) -> Undone {
        match cause {
            StoreError::Behind => Undone::Behind,
            _ => Undone::Fault(self.troubled(cause)),
        }
    }

    fn troubled(&self, cause: &dyn std::error::Error) -> Fault {
        let message = cause.to_string();
        self.shared.troubles.inc();
        *self.shared.trouble.lock() = Some(message.clone());
        Fault::Unavailable { message }
    }
}

fn not_for_good(fault: &Fault) -> Fault {
    Fault::Unavailable { message: format!("ended in this process, but not for good so far: {fault}") }
}
