//! Rows that a grant with `max_rows` reveals, counted across sessions.
//!
//! ```text
//! store: set aside ──> Rows: taken one by one, before they are sent ──> store: revealed
//! ```
//!
//! All that is left is set aside, durable, before the first statement runs, and
//! what was not taken is given back when nobody uses the grant. So a row costs
//! no write, and a crash counts rows that may not have gone out.
//!
//! Invariant: no more rows are taken than were set aside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::GrantId;
use super::permits::LiveGrant;

/// The count of one grant in this process. Written by the keeper, but for
/// `left` and `leases`.
#[derive(Debug)]
pub struct Rows {
    /// Set aside in the store for this process.
    reserved: AtomicU64,
    /// Those of them that were not taken.
    left: AtomicU64,
    /// The store has none to set aside.
    dry: AtomicBool,
    /// Statements that may take some.
    leases: AtomicUsize,
}

impl Rows {
    pub(super) fn new(dry: bool) -> Self {
        Self {
            reserved: AtomicU64::new(0),
            left: AtomicU64::new(0),
            dry: AtomicBool::new(dry),
            leases: AtomicUsize::new(0),
        }
    }

    /// May a new statement hope for rows?
    pub(super) fn may_start(&self) -> bool {
        let unasked = self.reserved.load(Ordering::Acquire) == 0 && !self.dry.load(Ordering::Acquire);
        unasked || self.left.load(Ordering::Acquire) > 0
    }

    pub(super) fn set_dry(&self, dry: bool) {
        self.dry.store(dry, Ordering::Release);
    }

    pub(super) fn are_reserved(&self) -> bool {
        self.left.load(Ordering::Acquire) > 0
    }

    /// The store has set `rows` aside.
    pub(super) fn allow(&self, rows: u64) {
        self.reserved.fetch_add(rows, Ordering::AcqRel);
        self.left.fetch_add(rows, Ordering::AcqRel);
    }

    /// Nobody takes any more of what is set aside: its users have gone, or
    /// nothing is left.
    pub(super) fn is_over(&self) -> bool {
        let over = self.leases.load(Ordering::Acquire) == 0 || self.left.load(Ordering::Acquire) == 0;
        over && self.reserved.load(Ordering::Acquire) > 0
    }

    /// How many were set aside, and how many of them were taken.
    pub(super) fn counted(&self) -> (u64, u64) {
        let reserved = self.reserved.load(Ordering::Acquire);
        (reserved, reserved.saturating_sub(self.left.load(Ordering::Acquire)))
    }

    /// The store knows of them.
    pub(super) fn settled(&self) {
        self.left.store(0, Ordering::Release);
        self.reserved.store(0, Ordering::Release);
    }

    fn take_or_empty(&self, rows: u64) -> bool {
        let rest = |left: u64| Some(left.saturating_sub(rows));
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, rest).is_ok_and(|left| left >= rows)
    }

    fn take(&self, rows: u64) -> bool {
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(rows)).is_ok()
    }
}

/// A message's leave to take rows of a grant.
#[derive(Debug)]
pub struct Lease {
    grant: Arc<LiveGrant>,
    /// Rows that were taken ahead, one for each statement that pays so.
    ahead: AtomicU64,
}

impl Lease {
    /// None: the grant's rows are not counted.
    pub(super) fn of(grant: &Arc<LiveGrant>) -> Option<Self> {
        grant.rows()?.leases.fetch_add(1, Ordering::AcqRel);
        Some(Self { grant: grant.clone(), ahead: AtomicU64::new(0) })
    }

    pub fn grant(&self) -> GrantId {
        self.grant.id
    }

    /// So many statements tell something even without a row: that costs each one.
    /// False: so many are not left, and those that are have gone, so that a grant
    /// opens no message that can't be paid for.
    pub fn take_ahead(&self, statements: u64) -> bool {
        let taken = self.grant.rows().is_none_or(|count| count.take_or_empty(statements));
        self.ahead.store(if taken { statements } else { 0 }, Ordering::Release);
        taken
    }

    /// What one statement takes, each of whose rows costs `cost`. `leans`: one was
    /// taken ahead for it.
    pub fn share(self: &Arc<Self>, cost: u64, leans: bool) -> Share {
        let one_less = |ahead: u64| ahead.checked_sub(1);
        let paid = leans && self.ahead.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less).is_ok();
        Share { lease: self.clone(), cost: cost.max(1), paid: AtomicBool::new(paid) }
    }
}

/// One statement's part of a [`Lease`].
#[derive(Debug)]
pub struct Share {
    lease: Arc<Lease>,
    /// Values of one column that a row shows side by side: as many rows.
    cost: u64,
    /// A row was taken ahead.
    paid: AtomicBool,
}

impl Share {
    /// Takes rows before they are sent. False: so many are not left, and they
    /// must not be sent.
    pub fn take(&self, rows: u64) -> bool {
        let paid = rows > 0 && self.paid.swap(false, Ordering::AcqRel);
        let price = rows.saturating_mul(self.cost) - u64::from(paid);
        self.lease.grant.rows().is_none_or(|count| count.take(price))
    }

    /// No row is left for it.
    pub fn is_used_up(&self) -> bool {
        let price = self.cost - u64::from(self.paid.load(Ordering::Acquire));
        self.lease.grant.rows().is_some_and(|count| count.left.load(Ordering::Acquire) < price)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(rows) = self.grant.rows() {
            rows.leases.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
