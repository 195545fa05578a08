//! The book of grants and requests as this process knows it: pure state.
//!
//! Every operation looks at the book and says what would change; a change is
//! made durable by the engine and only then [`Book::apply`]d. Deadlines are
//! absolute in UTC for people and stores. In the running process they are
//! monotonic: fixed when an entry comes into the book, so that a step of the
//! wall clock neither prolongs nor ends it early. After a restart the wall
//! clock decides, but never to more than the length first agreed.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::event::Event;
use super::model::{Actor, Ended, EndedHow, Grant, Request, RequestStatus};
use super::{Fault, GrantId, RequestId};
use crate::clock::Now;

/// Ended entries kept for lists; the store keeps all.
const MAX_HISTORY: usize = 10_000;

/// What a store holds when a process starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// All that has not ended, and the newest that have.
    pub grants: Vec<Grant>,
    pub requests: Vec<Request>,
    /// The highest numbers ever given.
    pub last_grant: i64,
    pub last_request: i64,
}

/// Numbers of one node's sessions: no two nodes that share a store have one in
/// common, so that a grant for a session means one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionNumbers(std::ops::Range<i64>);

impl SessionNumbers {
    /// Far more than a process has sessions in its life.
    const EACH: i64 = 1_000_000_000_000;

    /// Of a proxy that shares its store with nobody: from 1 on.
    pub fn alone() -> Self {
        Self::of(0)
    }
    /// Of the node with this number in a shared store.
    pub fn of(node: i64) -> Self {
        let first = node.saturating_mul(Self::EACH);
        Self(first.saturating_add(1)..first.saturating_add(Self::EACH))
    }
    /// Does a session of this node have that number?
    pub fn hold(&self, session: i64) -> bool {
        self.0.contains(&session)
    }
    pub fn first(&self) -> i64 {
        self.0.start
    }
}

/// What an operation changes: whole entries in their new form, and what is to
/// be recorded of it. All or nothing.
#[derive(Debug, Clone)]
pub struct Change {
    pub at: Now,
    pub grants: Vec<Grant>,
    pub requests: Vec<Request>,
    pub events: Vec<Event>,
}

impl Change {
    pub fn none(at: Now) -> Self {
        Self { at, grants: Vec::new(), requests: Vec::new(), events: Vec::new() }
    }
    /// A grant whose rows were counted; it ends with the last of them.
    fn put_counted(&mut self, grant: Grant) {
        let used_up = grant.max_rows.is_some_and(|max| grant.rows >= max);
        if !used_up || grant.ended.is_some() {
            return self.grants.push(grant);
        }
        let why = Some("all its rows were revealed".to_owned());
        let ended = grant.end(EndedHow::Used, self.at.wall, Actor::login(&grant.user), why);
        self.events.push(Event::GrantExpired(ended.clone()));
        self.grants.push(ended);
    }
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty() && self.requests.is_empty() && self.events.is_empty()
    }
    /// The same of its grants alone.
    pub fn without_requests(&self) -> Self {
        let about_grants = |e: &&Event| !matches!(e, Event::RequestDenied(_));
        let events = self.events.iter().filter(about_grants).cloned().collect();
        Self { requests: Vec::new(), events, ..self.clone() }
    }
    /// Does it only take access away? Then it takes effect whatever fails.
    pub fn only_ends(&self) -> bool {
        self.events.iter().all(Event::ends_access) && self.grants.iter().all(|g| g.ended.is_some())
    }
}

#[derive(Debug, Clone)]
struct Held<T> {
    entry: T,
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Grant(GrantId),
    Request(RequestId),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Book {
    grants: BTreeMap<GrantId, Held<Grant>>,
    requests: BTreeMap<RequestId, Held<Request>>,
    deadlines: BTreeSet<(Instant, Key)>,
    /// Ended entries, oldest end first.
    history: VecDeque<Key>,
    last_grant: i64,
    last_request: i64,
}

impl Book {
    /// The book at the start of a process.
    pub fn restore(contents: Contents, now: Now) -> Self {
        let mut book = Self::default();
        book.learn(contents, now);
        book
    }

    /// Takes in what a store holds.
    pub fn learn(&mut self, contents: Contents, now: Now) {
        self.last_grant = self.last_grant.max(contents.last_grant);
        self.last_request = self.last_request.max(contents.last_request);
        let Contents { grants, requests, .. } = contents;
        self.apply(&Change { at: now, grants, requests, events: Vec::new() });
    }

    /// What a restart ends: what ran out meanwhile, and grants and requests
    /// bound to sessions of this node, which are gone (their numbers will be
    /// given again).
    pub fn ended_by_restart(&self, sessions: &SessionNumbers, now: Now) -> Change {
        let book = self;
        let mut change = book.expire(now);
        // In a shared store they may be another node's, which still counts them.
        if *sessions == SessionNumbers::alone() {
            book.spend_reserved(&mut change);
        }
        let over = |g: &&Grant| !change.grants.iter().any(|e| e.id == g.id);
        let gone = |session: Option<i64>| session.is_some_and(|s| sessions.hold(s));
        let sessions_gone: Vec<Grant> = book
            .live_grants(now)
            .map(|(g, _)| g)
            .filter(|g| gone(g.session))
            .filter(over)
            .map(|g| {
                g.end(EndedHow::Revoked, now.wall, Actor::system(), Some("its session has ended".to_owned()))
            })
            .collect();
        for grant in sessions_gone {
            change.events.push(Event::GrantRevoked(grant.clone()));
            change.grants.push(grant);
        }
        let open = |r: &&Request| !change.requests.iter().any(|e| e.id == r.id);
        let nobody_waits: Vec<Request> = book
            .requests()
            .filter(|r| r.status == RequestStatus::Pending)
            .filter(|r| gone(r.session) || (r.held && gone(r.asked_in)))
            .filter(open)
            .map(|r| {
                let reason = Some("its session has ended".to_owned());
                r.close(RequestStatus::Cancelled, now.wall, Actor::system(), reason)
            })
            .collect();
        for request in nobody_waits {
            change.events.push(Event::RequestDenied(request.clone()));
            change.requests.push(request);
        }
        change
    }

    /// Takes a change into the book. The change must come from this book (or
    /// from the store behind it) and be durable.
    pub fn apply(&mut self, change: &Change) {
        for grant in &change.grants {
            self.put_grant(grant, change.at);
        }
        for request in &change.requests {
            self.put_request(request, change.at);
        }
        while self.history.len() > MAX_HISTORY {
            match self.history.pop_front() {
                // What was taken back since is no history.
                Some(Key::Grant(id)) => {
                    if self.grants.get(&id).is_some_and(|held| held.entry.ended.is_some()) {
                        self.grants.remove(&id);
                    }
                }
                Some(Key::Request(id)) => {
                    if self.requests.get(&id).is_some_and(|held| !held.entry.is_open()) {
                        self.requests.remove(&id);
                    }
                }
                None => break,
            }
        }
    }

    fn put_grant(&mut self, grant: &Grant, at: Now) {
        let key = Key::Grant(grant.id);
        let known = self.grants.get(&grant.id);
        let was_live = known.is_some_and(|k| k.entry.ended.is_none());
        let until = known.map_or_else(|| grant.deadline(at), |k| k.until);
        if grant.ended.is_none() {
            self.deadlines.insert((until, key));
        } else if was_live || known.is_none() {
            self.deadlines.remove(&(until, key));
            self.history.push_back(key);
        }
        self.last_grant = self.last_grant.max(grant.id.0);
        self.grants.insert(grant.id, Held { entry: grant.clone(), until });
    }

    fn put_request(&mut self, request: &Request, at: Now) {
        let key = Key::Request(request.id);
        let known = self.requests.get(&request.id);
        let was_open = known.is_some_and(|k| k.entry.is_open());
        let until = known.map_or_else(|| deadline(at, request.expires_at, request.created_at), |k| k.until);
        if request.status == RequestStatus::Pending {
            self.deadlines.insert((until, key));
        } else if request.is_open() {
            self.deadlines.remove(&(until, key));
        } else if was_open || known.is_none() {
            self.deadlines.remove(&(until, key));
            self.history.push_back(key);
        }
        self.last_request = self.last_request.max(request.id.0);
        self.requests.insert(request.id, Held { entry: request.clone(), until });
    }

    /// When something next runs out.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Grants that end within `span`, with what is left of them.
    pub fn ending(&self, now: Now, span: Duration) -> impl Iterator<Item = (&Grant, Duration)> {
        let left = move |until: &Instant| until.saturating_duration_since(now.mono);
        let soon = self.deadlines.iter().take_while(move |(until, _)| left(until) <= span);
        soon.filter(move |(until, _)| *until > now.mono).filter_map(move |(until, key)| match key {
            Key::Grant(id) => Some((&self.grants.get(id)?.entry, left(until))),
            Key::Request(_) => None,
        })
    }

    /// What has run out by now.
    pub fn expire(&self, now: Now) -> Change {
        let mut change = Change::none(now);
        for (_, key) in self.deadlines.iter().take_while(|(until, _)| *until <= now.mono) {
            match key {
                Key::Grant(id) => {
                    let Some(held) = self.grants.get(id) else { continue };
                    let grant = held.entry.end(EndedHow::Expired, now.wall, Actor::system(), None);
                    change.events.push(Event::GrantExpired(grant.clone()));
                    change.grants.push(grant);
                }
                Key::Request(id) => {
                    let Some(held) = self.requests.get(id) else { continue };
                    let request = held.entry.close(RequestStatus::Expired, now.wall, Actor::system(), None);
                    change.events.push(Event::RequestDenied(request.clone()));
                    change.requests.push(request);
                }
            }
        }
        change
    }

    /// Counts what sessions did under grants since the last time.
    pub fn count(&self, used: &HashMap<(GrantId, i64), Usage>, now: Now) -> Change {
        let mut change = Change::none(now);
        let mut grants: BTreeMap<GrantId, Grant> = BTreeMap::new();
        for ((id, session), usage) in used {
            let Some(held) = self.grants.get(id) else { continue };
            let grant = grants.entry(*id).or_insert_with(|| held.entry.clone());
            grant.uses = grant.uses.saturating_add(usage.statements);
            if usage.statements > 0 {
                change.events.push(Event::GrantUsed {
                    grant: *id,
                    user: grant.user.clone(),
                    session: *session,
                    uses: usage.statements,
                });
            }
        }
        change.grants = grants.into_values().collect();
        change
    }

    /// Rows that were set aside when the process ended count as revealed.
    fn spend_reserved(&self, change: &mut Change) {
        let at = change.at;
        for (grant, _) in self.live_grants(at).filter(|(grant, _)| grant.reserved > 0) {
            if change.grants.iter().any(|ended| ended.id == grant.id) {
                continue;
            }
            let rows = grant.rows.saturating_add(grant.reserved);
            let spent = Grant { rows, reserved: 0, ..grant.clone() };
            change.put_counted(spent);
        }
    }

    /// Sets aside all rows that are left of a grant; says how many.
    pub fn reserve(&self, id: GrantId, now: Now) -> Result<(u64, Change), Fault> {
        let grant = self.live_grant(id, now)?;
        let rows = grant.rows_left().unwrap_or(u64::MAX);
        if rows == 0 {
            return Err(Fault::conflict(format!("grant {id} has no rows left")));
        }
        let mut change = Change::none(now);
        change.grants.push(Grant { reserved: grant.reserved.saturating_add(rows), ..grant.clone() });
        Ok((rows, change))
    }

    /// Of `reserved` rows that were set aside, `revealed` went out; the others
    /// are free again. None left: the grant has ended.
    pub fn settle(&self, id: GrantId, reserved: u64, revealed: u64, now: Now) -> Result<Change, Fault> {
        let grant = self.grant(id)?;
        let mut change = Change::none(now);
        change.put_counted(Grant {
            rows: grant.rows.saturating_add(revealed),
            reserved: grant.reserved.saturating_sub(reserved),
            ..grant.clone()
        });
        Ok(change)
    }

    /// Grants that are valid now, with the moment they end.
    pub fn live_grants(&self, now: Now) -> impl Iterator<Item = (&Grant, Instant)> {
        self.grants
            .values()
            .filter(move |h| h.entry.ended.is_none() && now.mono < h.until)
            .map(|h| (&h.entry, h.until))
    }

    /// All grants in the book, with the moment they end.
    pub fn grants(&self) -> impl DoubleEndedIterator<Item = (&Grant, Instant)> {
        self.grants.values().map(|h| (&h.entry, h.until))
    }

    pub fn requests(&self) -> impl DoubleEndedIterator<Item = &Request> {
        self.requests.values().map(|h| &h.entry)
    }

    /// When a grant ends, or would have ended, in this process.
    pub fn until(&self, id: GrantId) -> Option<Instant> {
        self.grants.get(&id).map(|h| h.until)
    }

    pub fn grant(&self, id: GrantId) -> Result<&Grant, Fault> {
        self.grants.get(&id).map(|h| &h.entry).ok_or(Fault::NotFound { what: "grant", id: id.0 })
    }

    /// A grant that is valid now.
    pub fn live_grant(&self, id: GrantId, now: Now) -> Result<&Grant, Fault> {
        let grant = self.grant(id)?;
        let until = self.grants.get(&id).map(|h| h.until);
        if grant.ended.is_some() || until.is_none_or(|u| u <= now.mono) {
            let how = if grant.ended.is_some() { grant.status() } else { "expired" };
            return Err(Fault::conflict(format!("grant {id} has ended: {how}")));
        }
        Ok(grant)
    }

    /// A grant under which something may still run: a used `once` grant's
    /// statement may go on until the deadline, unless it is revoked.
    pub fn revocable_grant(&self, id: GrantId, now: Now) -> Result<&Grant, Fault> {
        let runs_on = |h: &Held<Grant>| h.entry.status() == "used" && now.mono < h.until;
        match self.grants.get(&id) {
            Some(held) if runs_on(held) => Ok(&held.entry),
            _ => self.live_grant(id, now),
        }
    }

    pub fn request(&self, id: RequestId) -> Result<&Request, Fault> {
        self.requests.get(&id).map(|h| &h.entry).ok_or(Fault::NotFound { what: "request", id: id.0 })
    }

    /// A request that still waits for a decision.
    pub fn open_request(&self, id: RequestId, now: Now) -> Result<&Request, Fault> {
        let request = self.request(id)?;
        if request.status != RequestStatus::Pending {
            return Err(Fault::conflict(format!("request {id} is {} already", request.status.name())));
        }
        if self.requests.get(&id).is_none_or(|h| h.until <= now.mono) {
            return Err(Fault::conflict(format!("request {id} has expired")));
        }
        Ok(request)
    }

    pub fn next_grant(&self) -> GrantId {
        GrantId(self.last_grant.saturating_add(1))
    }
    pub fn next_request(&self) -> RequestId {
        RequestId(self.last_request.saturating_add(1))
    }
}

/// What one session did under one grant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub statements: u64,
}

/// From wall time to this process's own: never later than the whole length
/// from `from` to `to`, whatever the wall clock says now.
fn deadline(now: Now, to: Timestamp, from: Timestamp) -> Instant {
    let left = |since: Timestamp| Duration::try_from(to.duration_since(since)).unwrap_or(Duration::ZERO);
    now.mono.checked_add(left(now.wall).min(left(from))).unwrap_or(now.mono)
}

impl Grant {
    fn deadline(&self, now: Now) -> Instant {
        deadline(now, self.expires_at, self.created_at)
    }

    /// The same grant, over.
    pub fn end(&self, how: EndedHow, at: Timestamp, by: Actor, reason: Option<String>) -> Self {
        Self { ended: Some(Ended { at, how, by, reason }), ..self.clone() }
    }
}

impl Request {
    /// The same request, decided.
    pub fn close(&self, status: RequestStatus, at: Timestamp, by: Actor, reason: Option<String>) -> Self {
        Self { status, decided_at: Some(at), decided_by: Some(by), decision_reason: reason, ..self.clone() }
    }
}
