//! What one session may see: asked for every statement, so the cost does not
//! grow with the number of grants that others hold, nor with one's own.
//!
//! A [`SessionPermits`] is a snapshot of one [`Engine::epoch`]; ends reach it
//! at once all the same, since it shares the grants' flags with the engine and
//! compares their deadlines with the monotonic clock at every question.
//!
//! [`Engine::epoch`]: super::Engine::epoch

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::RwLock;

use super::model::{EndedHow, Grant};
use super::rows::Rows;
use super::scope::{self, ColumnName};
use super::{GrantId, Roles};
use crate::clock::Now;
use crate::config::{RefusalMode, Role};
use crate::policy::{Access, Basis, Permits, ProtectedColumn};

/// A `once` grant that no statement has used.
const UNCLAIMED: i64 = 0;

/// Until when grants count at all: while a shared store can be reached, always
/// a while ahead. What was revoked elsewhere can't be known without it.
#[derive(Debug)]
pub struct Freshness {
    base: Instant,
    /// Nanoseconds after `base`; [`u64::MAX`]: for ever.
    until: AtomicU64,
}

impl Default for Freshness {
    /// For ever: nobody else revokes.
    fn default() -> Self {
        Self { base: Instant::now(), until: AtomicU64::new(u64::MAX) }
    }
}

impl Freshness {
    /// From now on grants count until `until` only.
    pub fn renew(&self, until: Instant) {
        let nanos = until.saturating_duration_since(self.base).as_nanos();
        self.until.store(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Release);
    }
    fn holds(&self, now: Now) -> bool {
        match self.until.load(Ordering::Acquire) {
            u64::MAX => true,
            until => now.mono.saturating_duration_since(self.base).as_nanos() < u128::from(until),
        }
    }
}

/// A grant as running sessions share it.
#[derive(Debug)]
pub struct LiveGrant {
    pub id: GrantId,
    user: Arc<str>,
    session: Option<i64>,
    columns: Arc<[ColumnName]>,
    until: Instant,
    once: bool,
    export: bool,
    /// None: they are not counted.
    rows: Option<Rows>,
    /// Revoked, or over for any other reason.
    ended: AtomicBool,
    /// The session whose statement used a `once` grant.
    claimed_by: AtomicI64,
    fresh: Arc<Freshness>,
}

impl LiveGrant {
    pub fn new(grant: &Grant, until: Instant, fresh: Arc<Freshness>) -> Self {
        Self {
            fresh,
            id: grant.id,
            user: grant.user.as_str().into(),
            session: grant.session,
            columns: grant.columns.as_slice().into(),
            until,
            once: grant.once,
            export: grant.export,
            rows: grant.max_rows.map(|_| Rows::new(grant.rows_left() == Some(0))),
            ended: AtomicBool::new(grant.ended.is_some()),
            claimed_by: AtomicI64::new(UNCLAIMED),
        }
    }

    /// Does it count in this session?
    fn counts_in(&self, session: i64) -> bool {
        self.session.is_none_or(|bound| bound == session)
    }
    fn is_running(&self, now: Now) -> bool {
        !self.ended.load(Ordering::Acquire) && now.mono < self.until && self.fresh.holds(now)
    }
    /// May a new statement start under it?
    fn opens(&self, now: Now) -> bool {
        self.is_running(now)
            && self.claimed_by.load(Ordering::Acquire) == UNCLAIMED
            && self.rows.as_ref().is_none_or(Rows::may_start)
    }
    /// May a statement of this session that started under it go on?
    fn carries(&self, session: i64, now: Now) -> bool {
        let claim = self.claimed_by.load(Ordering::Acquire);
        self.is_running(now) && (claim == UNCLAIMED || claim == session)
    }
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
    pub fn is_once(&self) -> bool {
        self.once
    }
    /// Takes a `once` grant for one statement. False: another one was first.
    pub fn claim(&self, session: i64) -> bool {
        self.claimed_by.compare_exchange(UNCLAIMED, session, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
    /// Gives a claim back: its statement does not run.
    pub fn release(&self, session: i64) {
        // Another claim stays as it is.
        let _ = self.claimed_by.compare_exchange(session, UNCLAIMED, Ordering::AcqRel, Ordering::Acquire);
    }
    /// The count of its rows, where `max_rows` limits them.
    pub(super) fn rows(&self) -> Option<&Rows> {
        self.rows.as_ref()
    }
    /// Among several grants for one column: first those that a use does not
    /// use up, then those that also give `export`, then the longest.
    fn rank(&self) -> (bool, bool, bool, Instant) {
        (self.rows.is_none(), !self.once, self.export, self.until)
    }
}

/// What one login holds, made once for all of its sessions: they ask again
/// whenever anybody's grants change.
#[derive(Debug, Default)]
struct Held {
    hasher: RandomState,
    /// By the hash of a column they name; best first.
    by_column: HashMap<u64, Vec<(ColumnName, Arc<LiveGrant>)>>,
    by_id: HashMap<GrantId, Arc<LiveGrant>>,
}

impl Held {
    fn new(grants: &[Arc<LiveGrant>]) -> Self {
        let mut best_first: Vec<&Arc<LiveGrant>> = grants.iter().collect();
        best_first.sort_by_key(|g| std::cmp::Reverse(g.rank()));
        let mut held = Self::default();
        for grant in best_first {
            for name in grant.columns.iter() {
                let key = held.hasher.hash_one((&name.schema, &name.table, &name.column));
                held.by_column.entry(key).or_default().push((name.clone(), grant.clone()));
            }
            held.by_id.insert(grant.id, grant.clone());
        }
        held
    }

    fn key(&self, column: &ProtectedColumn) -> u64 {
        self.hasher.hash_one((&column.schema, &column.table, &column.column))
    }
}

/// The grants of one login.
#[derive(Debug, Default)]
struct Wallet {
    grants: Vec<Arc<LiveGrant>>,
    /// Empty from a change until somebody asks.
    held: OnceLock<Arc<Held>>,
}

/// All live grants, by the login that holds them.
#[derive(Debug, Default)]
pub struct Index {
    /// Grants count as long as this.
    pub fresh: Arc<Freshness>,
    by_id: RwLock<HashMap<GrantId, Arc<LiveGrant>>>,
    by_user: RwLock<HashMap<Arc<str>, Wallet>>,
}

impl Index {
    /// Enters a grant, or takes out one that is over.
    pub fn put(&self, grant: &Grant, until: Instant) {
        match grant.ended.as_ref().map(|e| e.how) {
            // Its one statement may go on until the deadline; the claim keeps
            // others out, and `sweep` takes it out.
            // `max_rows`: what was taken may still be on its way.
            Some(EndedHow::Used) => self.told_of_rows(grant),
            Some(EndedHow::Expired | EndedHow::Revoked) => self.remove(grant.id),
            None if self.by_id.read().contains_key(&grant.id) => self.told_of_rows(grant),
            None => {
                let live = Arc::new(LiveGrant::new(grant, until, self.fresh.clone()));
                let mut users = self.by_user.write();
                let wallet = users.entry(live.user.clone()).or_default();
                wallet.grants.push(live.clone());
                wallet.held = OnceLock::new();
                drop(users);
                self.by_id.write().insert(grant.id, live);
            }
        }
    }

    /// Enters what the store says. A `once` grant that was used elsewhere runs
    /// on there, not here.
    pub fn learn(&self, grant: &Grant, until: Instant) {
        let used = grant.once && grant.ended.as_ref().is_some_and(|e| e.how == EndedHow::Used);
        let unclaimed = |g: Arc<LiveGrant>| g.claimed_by.load(Ordering::Acquire) == UNCLAIMED;
        if used && self.get(grant.id).is_some_and(unclaimed) {
            return self.remove(grant.id);
        }
        self.put(grant, until);
    }

    /// Takes a grant out: nothing runs on under it.
    pub(super) fn remove(&self, id: GrantId) {
        let Some(gone) = self.by_id.write().remove(&id) else { return };
        gone.end();
        let mut users = self.by_user.write();
        if let Some(wallet) = users.get_mut(&gone.user) {
            wallet.grants.retain(|g| g.id != id);
            wallet.held = OnceLock::new();
            if wallet.grants.is_empty() {
                users.remove(&gone.user);
            }
        }
    }

    /// Takes out what is past its deadline: used `once` grants have no other end.
    pub fn sweep(&self, now: Now) {
        let over: Vec<GrantId> =
            self.by_id.read().values().filter(|g| g.until <= now.mono).map(|g| g.id).collect();
        for id in over {
            self.remove(id);
        }
    }

    fn told_of_rows(&self, grant: &Grant) {
        let known = self.by_id.read();
        if let Some(rows) = known.get(&grant.id).and_then(|live| live.rows()) {
            rows.set_dry(grant.ended.is_some() || grant.rows_left() == Some(0));
        }
    }

    /// Grants whose count of rows can be stored.
    pub(super) fn to_settle(&self) -> Vec<Arc<LiveGrant>> {
        let known = self.by_id.read();
        known.values().filter(|live| live.rows().is_some_and(Rows::is_over)).cloned().collect()
    }

    pub fn get(&self, id: GrantId) -> Option<Arc<LiveGrant>> {
        self.by_id.read().get(&id).cloned()
    }

    /// The grants of one login; None: it holds none.
    fn held_by(&self, login: &str) -> Option<Arc<Held>> {
        let users = self.by_user.read();
        let wallet = users.get(login)?;
        debug_assert!(wallet.grants.iter().all(|g| &*g.user == login));
        Some(wallet.held.get_or_init(|| Arc::new(Held::new(&wallet.grants))).clone())
    }
}

/// What one session may see. Cheap to clone through its `Arc`; made anew when
/// the engine's epoch changes.
pub struct SessionPermits {
    /// The engine's epoch that it shows.
    pub epoch: u64,
    /// Whose roles these are: [`Roles::policy`](super::Roles).
    pub policy: Arc<str>,
    login: Arc<str>,
    session: i64,
    roles: Vec<Arc<Role>>,
    refusal: RefusalMode,
    /// None: no grants.
    held: Option<Arc<Held>>,
}

impl SessionPermits {
    pub fn new(
        epoch: u64,
        login: &str,
        session: i64,
        policy: &Roles,
        roles: Vec<Arc<Role>>,
        index: &Index,
    ) -> Self {
        let refusal = roles
            .iter()
            .filter_map(|r| r.refusal)
            .reduce(|a, b| if RefusalMode::Hold == a { a } else { b })
            .unwrap_or(policy.refusal);
        Self {
            epoch,
            policy: policy.policy.clone(),
            login: login.into(),
            session,
            roles,
            refusal,
            held: index.held_by(login),
        }
    }

    pub fn login(&self) -> &Arc<str> {
        &self.login
    }
    /// The configuration's roles that this login is in.
    pub fn roles(&self) -> &[Arc<Role>] {
        &self.roles
    }
    /// May run DDL and DO on protected tables.
    pub fn exempt(&self) -> bool {
        self.roles.iter().any(|r| r.exempt)
    }
    /// What a refusal does: `hold` wins over `error` among several roles.
    pub fn refusal(&self) -> RefusalMode {
        self.refusal
    }

    /// May a statement, cursor or portal that started to use `column` on this
    /// basis go on? True for the statement that used up a `once` grant, until
    /// its deadline.
    pub fn holds(&self, basis: &Basis, column: &ProtectedColumn, now: Now) -> bool {
        match basis {
            Basis::Role(name) => self
                .roles
                .iter()
                .any(|r| *r.name == **name && r.unmask.iter().any(|s| scope::covers(s, column))),
            Basis::Grant(id) => self.held.as_ref().and_then(|held| held.by_id.get(id)).is_some_and(|g| {
                g.counts_in(self.session)
                    && g.carries(self.session, now)
                    && g.columns.iter().any(|name| name.names(column))
            }),
        }
    }

    /// Does anything reveal this column by a role, and with which rights?
    fn role_access(&self, column: &ProtectedColumn) -> Option<Access> {
        let mut unmasking =
            self.roles.iter().filter(|r| r.unmask.iter().any(|s| scope::covers(s, column))).peekable();
        let first = (*unmasking.peek()?).clone();
        // Roles add up: the one that also gives `export` is the better basis.
        let best = unmasking.find(|r| r.export).cloned().unwrap_or(first);
        Some(Access::Revealed {
            basis: Basis::Role(best.name.as_str().into()),
            until: None,
            export: best.export,
            counted: false,
        })
    }

    /// The best grant for this column that a new statement may start under.
    pub fn grant_for(&self, column: &ProtectedColumn, now: Now) -> Option<&Arc<LiveGrant>> {
        self.grant_besides(&[], column, now)
    }

    fn grant_besides(
        &self,
        spent: &[GrantId],
        column: &ProtectedColumn,
        now: Now,
    ) -> Option<&Arc<LiveGrant>> {
        let held = self.held.as_deref()?;
        let key = held.key(column);
        let named = held.by_column.get(&key)?.iter();
        let is_open = |grant: &LiveGrant| grant.opens(now) && !spent.contains(&grant.id);
        let mut open = named.filter(|(name, grant)| name.names(column) && is_open(grant));
        open.find(|(_, grant)| grant.counts_in(self.session)).map(|(_, grant)| grant)
    }

    /// Those of these grants that one statement uses up.
    pub fn once_of<'g>(&'g self, grants: &'g [GrantId]) -> impl Iterator<Item = GrantId> + 'g {
        let is_once = |id: &GrantId| {
            let held = self.held.as_ref().and_then(|held| held.by_id.get(id));
            held.is_some_and(|grant| grant.is_once())
        };
        grants.iter().copied().filter(is_once)
    }

    /// What they are behind a statement of the same message that uses up `spent`.
    pub fn behind<'p>(&'p self, spent: &'p [GrantId]) -> Remaining<'p> {
        Remaining { permits: self, spent }
    }
}

/// The permits of a session, but for grants that are as good as used.
pub struct Remaining<'p> {
    permits: &'p SessionPermits,
    spent: &'p [GrantId],
}

impl Permits for SessionPermits {
    fn access(&self, column: &ProtectedColumn, now: Now) -> Access {
        self.behind(&[]).access(column, now)
    }
}

impl Permits for Remaining<'_> {
    /// A role's `unmask` first, for it has no end, unless only a grant also
    /// gives `export`.
    fn access(&self, column: &ProtectedColumn, now: Now) -> Access {
        let role = self.permits.role_access(column);
        if let Some(access @ Access::Revealed { export: true, .. }) = role {
            return access;
        }
        match (self.permits.grant_besides(self.spent, column, now), role) {
            (Some(grant), Some(role)) if !grant.export || grant.once || grant.rows.is_some() => role,
            (Some(grant), _) => Access::Revealed {
                basis: Basis::Grant(grant.id),
                until: Some(grant.until),
                export: grant.export,
                counted: grant.rows.is_some(),
            },
            (None, Some(role)) => role,
            (None, None) => Access::Masked,
        }
    }
}
