//! The running engine: one keeper thread decides, stores, records and then
//! lets the change take effect; sessions read permits without waiting for it.
//!
//! ```text
//! control, SQL ──operation──> keeper: decide (book) ─ store ─ audit log ─ take effect ──> answer
//! sessions     ──permits()──> index, shared with the keeper; epoch says when to ask again
//! ```
//!
//! What gives access takes effect last, what ends it takes effect first. The
//! keeper owns the store, so its file work is off the runtime threads, and an
//! operation whose asker goes away is still carried out whole.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot, watch};

use super::book::{Book, Change, SessionNumbers, Usage};
use super::decisions::{Narrowing, Setting};
use super::event::{Journal, Listener};
use super::keeper::{Keeper, Tellers, Work};
use super::model::{Actor, Ask, Grant, Request, RequestStatus};
use super::permits::{Index, SessionPermits};
use super::rows::Lease;
use super::store::{Reading, Store, StoreError};
use super::{Directory, Fault, GrantId, RequestId, Roles};
use crate::clock::SharedClock;
use crate::telemetry::metric::Counter;

/// Operations that wait for the keeper; more wait before they enter.
const QUEUE: usize = 64;

/// What an engine works with.
pub struct Parts {
    pub store: Box<dyn Store>,
    pub journal: Arc<dyn Journal>,
    pub directory: Arc<dyn Directory>,
    pub listeners: Vec<Arc<dyn Listener>>,
    pub clock: SharedClock,
    pub roles: Roles,
    /// What this node's sessions are called.
    pub sessions: SessionNumbers,
    /// How long grants count that a shared store could not be asked about.
    pub max_staleness: Duration,
}

/// What the keeper writes and everybody reads.
pub(super) struct Shared {
    epoch: AtomicU64,
    /// Told of every new epoch.
    changes: watch::Sender<()>,
    roles: ArcSwap<Roles>,
    pub(super) index: Index,
    pub(super) book: RwLock<Book>,
    pub(super) usage: Mutex<HashMap<(GrantId, i64), Usage>>,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) clock: SharedClock,
    /// Why the newest attempt to store or record failed.
    pub(super) trouble: Mutex<Option<String>>,
    /// Such attempts so far.
    pub(super) troubles: Counter,
    /// When a shared store was last asked, and why it can't be now.
    pub(super) contact: Mutex<Option<Contact>>,
}

/// How a shared store is doing.
#[derive(Debug, Clone)]
pub(super) struct Contact {
    /// What is known here was true then.
    pub(super) at: Instant,
    pub(super) lost: Option<String>,
}

impl Shared {
    pub(super) fn roles(&self) -> Arc<Roles> {
        self.roles.load_full()
    }
    pub(super) fn bump(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
        self.changes.send_replace(());
    }
}

/// A grant as lists show it.
#[derive(Debug, Clone)]
pub struct GrantState {
    pub grant: Grant,
    /// Until it ends in this process; zero when it has.
    pub left: Duration,
}

/// The engine's handle. See the module.
pub struct Engine {
    shared: Arc<Shared>,
    work: mpsc::Sender<Work>,
}

impl Engine {
    /// Reads the store back and starts the keeper thread. What ended while no
    /// process ran is ended, stored and recorded first.
    ///
    /// # Errors
    /// The store can't be read or written.
    pub fn start(parts: Parts) -> Result<Arc<Self>, StoreError> {
        let Parts { mut store, journal, directory, listeners, clock, roles, sessions, max_staleness } = parts;
        let Reading { contents, waiting, unrecorded, as_of } = store.load()?;
        let now = as_of.unwrap_or_else(|| clock.now());
        let book = Book::restore(contents, now);
        let shared = Arc::new(Shared {
            epoch: AtomicU64::new(1),
            changes: watch::Sender::new(()),
            roles: ArcSwap::from_pointee(roles),
            index: Index::default(),
            book: RwLock::new(book),
            usage: Mutex::default(),
            directory,
            clock,
            trouble: Mutex::default(),
            troubles: Counter::default(),
            contact: Mutex::default(),
        });
        // What no audit log holds reveals nothing until the keeper has
        // recorded it.
        for (grant, until) in shared.book.read().live_grants(now) {
            if !unrecorded.contains(&grant.id) {
                shared.index.put(grant, until);
            }
        }
        let (work, queue) = mpsc::channel(QUEUE);
        let tellers = Tellers { journal, listeners };
        let mut keeper = Keeper::new(shared.clone(), store, tellers, max_staleness);
        keeper.resume(waiting, unrecorded, as_of, &sessions)?;
        keeper.spawn(queue)?;
        Ok(Arc::new(Self { shared, work }))
    }

    /// Changes whenever permits may have: a session compares it before every
    /// statement and asks for permits anew. One relaxed read.
    pub fn epoch(&self) -> u64 {
        self.shared.epoch.load(Ordering::Relaxed)
    }

    /// Hears of every change from now on: requests decided, grants made and
    /// ended, roles replaced.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.shared.changes.subscribe()
    }

    /// What this session may see. `pg_roles`: the PostgreSQL roles its login
    /// is a member of.
    pub fn permits(&self, login: &str, session: i64, pg_roles: &[Arc<str>]) -> Arc<SessionPermits> {
        // Before anything else is read: a change meanwhile makes this stale.
        let epoch = self.shared.epoch.load(Ordering::Acquire);
        let roles = self.shared.roles();
        Arc::new(SessionPermits::new(
            epoch,
            login,
            session,
            &roles,
            roles.of(login, pg_roles),
            &self.shared.index,
        ))
    }

    /// A statement of `session` is about to run under these grants. Returns
    /// at once, except for `once` grants, whose end is durable first, and those
    /// with `max_rows`: their rows are set aside first, and taken by the leases.
    ///
    /// # Errors
    /// [`Fault::Conflict`] if one has ended since the decision: decide anew.
    pub async fn used(&self, grants: &[GrantId], session: i64) -> Result<Vec<Lease>, Fault> {
        let mut leases = Vec::new();
        for id in grants {
            let ended = || Fault::conflict(format!("grant {id} has ended"));
            let live = self.shared.index.get(*id).ok_or_else(ended)?;
            if let Some(lease) = Lease::of(&live) {
                let live = live.clone();
                self.keep(move |keeper| keeper.reserve_rows(&live)).await?;
                leases.push(lease);
            }
            if !live.is_once() {
                let mut usage = self.shared.usage.lock();
                let counted = usage.entry((*id, session)).or_default();
                counted.statements = counted.statements.saturating_add(1);
                continue;
            }
            if !live.claim(session) {
                return Err(ended());
            }
            let id = *id;
            let consumed =
                self.decide(move |book, s| book.consume(id, session, s.now).map(|change| ((), change))).await;
            if let Err(fault) = consumed {
                // Used on another node: given back, it would open again here.
                if self.shared.book.read().live_grant(id, self.shared.clock.now()).is_err() {
                    self.shared.index.remove(id);
                }
                live.release(session);
                return Err(fault);
            }
        }
        Ok(leases)
    }

    /// Puts new roles and limits in force. What they no longer allow ends
    /// within a second, or with the next [`Self::flush`].
    pub fn set_roles(&self, roles: Roles) {
        self.shared.roles.store(Arc::new(roles));
        self.shared.bump();
    }

    /// A database is about to be shown as its catalog has been read: what its
    /// columns and the server's roles no longer allow has ended when this completes.
    pub async fn end_unallowed(&self) {
        let ended = self.keep(|keeper| {
            keeper.end_unallowed();
            Ok(())
        });
        // The engine has stopped: nobody gets permits of it any more.
        drop(ended.await);
    }

    /// The roles and limits in force.
    pub fn roles(&self) -> Arc<Roles> {
        self.shared.roles()
    }

    pub fn directory(&self) -> &Arc<dyn Directory> {
        &self.shared.directory
    }

    /// Files a request. `asked_in`: the session that hears of the decision.
    /// The flag: it is new, not the same open one again.
    pub async fn ask(&self, ask: Ask, asked_in: Option<i64>, by: Actor) -> Result<(Request, bool), Fault> {
        self.decide(move |book, setting| {
            let (request, change) = book.ask(&ask, asked_in, &by, setting)?;
            Ok(((request, !change.is_empty()), change))
        })
        .await
    }

    pub async fn approve(&self, id: RequestId, by: Actor, narrowing: Narrowing) -> Result<Request, Fault> {
        self.decide(move |book, setting| book.approve(id, &by, &narrowing, setting)).await
    }

    /// Denies a request; by the asker, withdraws it.
    pub async fn deny(&self, id: RequestId, by: Actor, reason: Option<String>) -> Result<Request, Fault> {
        self.decide(move |book, setting| book.deny(id, &by, reason.clone(), setting)).await
    }

    /// Closes what was done by break-glass.
    pub async fn acknowledge(
        &self,
        id: RequestId,
        by: Actor,
        note: Option<String>,
    ) -> Result<Request, Fault> {
        self.decide(move |book, setting| book.acknowledge(id, &by, note.clone(), setting)).await
    }

    pub async fn give(&self, ask: Ask, by: Actor) -> Result<GrantState, Fault> {
        let grant = self.decide(move |book, setting| book.give(&ask, &by, setting)).await?;
        Ok(self.state(grant))
    }

    pub async fn revoke(&self, id: GrantId, by: Actor, reason: Option<String>) -> Result<GrantState, Fault> {
        let grant = self.decide(move |book, s| book.revoke(id, &by, reason.clone(), s.now)).await?;
        Ok(self.state(grant))
    }

    fn state(&self, grant: Grant) -> GrantState {
        let now = self.shared.clock.now();
        let book = self.shared.book.read();
        let left = book.until(grant.id).map_or(Duration::ZERO, |u| u.saturating_duration_since(now.mono));
        GrantState { left: if grant.ended.is_some() { Duration::ZERO } else { left }, grant }
    }

    /// Grants, newest first: those that are valid now, or with `all` the ended
    /// ones too. Uses that are not stored yet are counted.
    pub fn grants(&self, all: bool) -> Vec<GrantState> {
        let now = self.shared.clock.now();
        let mut pending: HashMap<GrantId, u64> = HashMap::new();
        for ((id, _), usage) in self.shared.usage.lock().iter() {
            *pending.entry(*id).or_default() += usage.statements;
        }
        let book = self.shared.book.read();
        book.grants()
            .rev()
            .map(|(grant, until)| {
                let ended = grant.ended.is_some();
                let left = if ended { Duration::ZERO } else { until.saturating_duration_since(now.mono) };
                let uses = grant.uses.saturating_add(pending.get(&grant.id).copied().unwrap_or(0));
                let live = self.shared.index.get(grant.id);
                let taken = live.as_ref().and_then(|live| live.rows()).map_or(0, |rows| rows.counted().1);
                let rows = grant.rows.saturating_add(taken);
                GrantState { grant: Grant { uses, rows, ..grant.clone() }, left }
            })
            .filter(|state| all || !state.left.is_zero())
            .collect()
    }

    /// Requests in the book, newest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.book.read().requests().rev().cloned().collect()
    }

    pub fn request(&self, id: RequestId) -> Result<Request, Fault> {
        self.shared.book.read().request(id).cloned()
    }

    /// From here on, what other nodes did so far is known.
    pub async fn catch_up(&self) {
        let caught_up = self.keep(|keeper| {
            // A store that can't be asked has said so.
            drop(keeper.refresh());
            Ok(())
        });
        // The engine has stopped: nothing more will be known.
        drop(caught_up.await);
    }

    /// Why state can't be stored or recorded at present; None: it can.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.shared.trouble.lock().clone();
        trouble.or_else(|| self.shared.contact.lock().as_ref()?.lost.clone())
    }

    /// Is a shared store out of reach?
    pub fn is_cut_off(&self) -> bool {
        self.shared.contact.lock().as_ref().is_some_and(|contact| contact.lost.is_some())
    }

    /// How old what is known here of a shared store is; zero without one.
    pub fn stale_for(&self) -> Duration {
        let now = self.shared.clock.now().mono;
        let contact = self.shared.contact.lock();
        contact.as_ref().map_or(Duration::ZERO, |contact| now.saturating_duration_since(contact.at))
    }

    /// Is this grant made, but does it not count yet? It is in a moment, when
    /// its node has recorded it.
    pub fn is_being_made(&self, id: GrantId) -> bool {
        let live = self.shared.book.read().live_grant(id, self.shared.clock.now()).is_ok();
        live && self.shared.index.get(id).is_none()
    }

    /// Attempts to store or record that failed.
    pub fn troubles(&self) -> &Counter {
        &self.shared.troubles
    }

    /// Grants in force, and requests that wait for a decision.
    pub fn open(&self) -> (usize, usize) {
        let book = self.shared.book.read();
        let pending = book.requests().filter(|request| request.status == RequestStatus::Pending);
        (book.live_grants(self.shared.clock.now()).count(), pending.count())
    }

    /// Everything counted so far is stored. Call before the process ends.
    pub async fn flush(&self) {
        let (done, stored) = oneshot::channel();
        let work: Work = Box::new(move |keeper| {
            keeper.tick();
            // Nobody waits any more: it is stored all the same.
            let _ = done.send(());
        });
        if self.work.send(work).await.is_ok() {
            let _ = stored.await;
        }
    }

    /// Has the keeper decide and carry it out; completes when it is durable,
    /// recorded and in effect. Not cancelled by dropping.
    async fn decide<T: Send + 'static>(
        &self,
        operation: impl Fn(&Book, Setting<'_>) -> Result<(T, Change), Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.keep(move |keeper| keeper.run(operation)).await
    }

    async fn keep<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Keeper) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, outcome) = oneshot::channel();
        let work: Work = Box::new(move |keeper| {
            let _ = answer.send(task(keeper));
        });
        let gone = |_| Fault::Unavailable { message: "the grant engine has stopped".to_owned() };
        self.work.send(work).await.map_err(|_| gone(()))?;
        outcome.await.map_err(|_| gone(()))?
    }
}
