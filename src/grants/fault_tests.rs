//! Goal: whichever call of the state store fails, nothing is revealed without
//! an answer that said so, what was ended stays ended, also after a restart, and
//! the audit log has all of it. Method: a script of requests, grants, uses and
//! ends on a real SQLite file; it runs once to count its calls, then once for
//! each of them, which fails: before anything was done, and after, as when the
//! acknowledgement is lost.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::book::{Change, SessionNumbers};
use super::decisions::Narrowing;
use super::engine::Parts;
use super::event::Event;
use super::model::Actor;
use super::model::sample::{ask, root, shop};
use super::sqlite::Sqlite;
use super::store::{OutboxId, Reading, Store, StoreError};
use super::tests::{Hands, Paper, Shop, roles};
use super::*;
use crate::clock::Clock as _;
use crate::policy::{Access, Permits};

/// Which call fails, counted from 1, and when.
#[derive(Default)]
struct Plan {
    calls: AtomicU64,
    broken: u64,
    late: bool,
}

struct Faulty {
    store: Sqlite,
    plan: Arc<Plan>,
}

impl Faulty {
    fn call<T>(&mut self, call: impl FnOnce(&mut Sqlite) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let fails = self.plan.calls.fetch_add(1, Ordering::SeqCst) + 1 == self.plan.broken;
        if !fails {
            return call(&mut self.store);
        }
        if self.plan.late {
            call(&mut self.store)?;
        }
        let cause = "it was told to fail".to_owned();
        Err(StoreError::Io { doing: "write", path: "bauta.db".to_owned(), cause })
    }
}

impl Store for Faulty {
    fn load(&mut self) -> Result<Reading, StoreError> {
        self.store.load()
    }
    fn commit(&mut self, change: &Change) -> Result<Vec<OutboxId>, StoreError> {
        self.call(|store| store.commit(change))
    }
    fn recorded(&mut self, id: OutboxId, event: &Event) -> Result<(), StoreError> {
        self.call(|store| store.recorded(id, event))
    }
    fn withdrawn(&mut self, id: OutboxId) -> Result<(), StoreError> {
        self.call(|store| store.withdrawn(id))
    }
}

struct Desk {
    clock: Arc<Hands>,
    paper: Arc<Paper>,
    engine: Arc<Engine>,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    fn open(directory: &Path, clock: Arc<Hands>, paper: Arc<Paper>, plan: Arc<Plan>) -> Self {
        let path = directory.join("bauta.db");
        let store = loop {
            // The old engine's thread frees the file a moment after its handle drops.
            match Sqlite::open(&path) {
                Err(StoreError::InUse { .. }) => std::thread::sleep(Duration::from_millis(1)),
                other => break other.unwrap(),
            }
        };
        let engine = Engine::start(Parts {
            store: Box::new(Faulty { store, plan }),
            journal: paper.clone(),
            directory: Arc::new(Shop),
            listeners: vec![],
            clock: clock.clone(),
            roles: roles(1),
            sessions: SessionNumbers::alone(),
            max_staleness: Duration::from_secs(30),
        })
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { clock, paper, engine, runtime }
    }

    fn sees(&self, login: &str, column: usize) -> bool {
        let permits = self.engine.permits(login, 1, &[]);
        permits.access(&shop()[column], self.clock.now()) != Access::Masked
    }

    /// Until it is answered with yes; what it was answered before, it must not
    /// have done.
    fn insist<T>(&self, k: u64, not_yet: impl Fn() -> bool, what: impl AsyncFn() -> Result<T, Fault>) -> T {
        for _ in 0..3 {
            match self.runtime.block_on(what()) {
                Ok(value) => return value,
                Err(fault) => {
                    assert!(matches!(fault, Fault::Unavailable { .. }), "k = {k}: {fault}");
                    assert!(not_yet(), "k = {k}: refused, and in effect");
                }
            }
        }
        panic!("k = {k}: one failure, and it is never done");
    }
}

/// Runs the script in a directory of its own with the k-th call failing (0:
/// none). How many calls it took.
fn run(directory: &Path, k: u64, late: bool) -> u64 {
    let plan = Arc::new(Plan { broken: k, late, ..Plan::default() });
    let (clock, paper) = (Hands::new(), Arc::new(Paper::default()));
    let desk = Desk::open(directory, clock.clone(), paper.clone(), plan.clone());
    let engine = &desk.engine;
    let sam = Actor { name: "sam".into(), login: Some("sam".into()), end_user: None, admin: false };
    let ana = Actor { name: "ana".into(), login: Some("ana".into()), end_user: None, admin: false };

    // Asked for and approved.
    let asked = || async { engine.ask(ask("ana", &[0], 600), None, ana.clone()).await };
    let (request, _) = desk.insist(k, || !desk.sees("ana", 0), asked);
    let approve = || async { engine.approve(request.id, sam.clone(), Narrowing::default()).await };
    let approved = desk.insist(k, || !desk.sees("ana", 0), approve);
    assert!(desk.sees("ana", 0), "k = {k}: approved, and not in effect");
    let used = approved.grant_id.unwrap();
    desk.runtime.block_on(engine.used(&[used], 1)).unwrap();
    desk.runtime.block_on(engine.flush());

    // Given, and taken back: that counts at once, whatever the store says.
    let give = || async { engine.give(ask("eve", &[1], 600), root()).await };
    let given = desk.insist(k, || !desk.sees("eve", 1), give).grant.id;
    assert!(desk.sees("eve", 1), "k = {k}");
    let revoked = desk.runtime.block_on(engine.revoke(given, root(), None));
    assert!(!desk.sees("eve", 1), "k = {k}: revoked ({revoked:?}), and still in effect");

    // Given for a while that ends.
    let give = || async { engine.give(ask("eve", &[2], 60), root()).await };
    desk.insist(k, || !desk.sees("eve", 2), give);
    clock.pass(61);
    assert!(!desk.sees("eve", 2), "k = {k}");
    // Now, and at the next tick.
    desk.runtime.block_on(engine.flush());
    desk.runtime.block_on(engine.flush());
    let calls = plan.calls.load(Ordering::SeqCst);

    check(&desk, k);
    // As after a crash: nothing but the store is left.
    drop(desk);
    let desk = Desk::open(directory, clock, paper, Arc::new(Plan::default()));
    desk.runtime.block_on(desk.engine.flush());
    check(&desk, k);
    calls
}

/// What holds in the end, whatever failed on the way.
fn check(desk: &Desk, k: u64) {
    let seen = [("ana", 0), ("eve", 1), ("eve", 2)].map(|(login, column)| desk.sees(login, column));
    assert_eq!(seen, [true, false, false], "k = {k}");
    let names = desk.paper.names();
    let count = |name| names.iter().filter(|n| **n == name).count();
    for (name, times) in [
        ("request.created", 1),
        ("request.approved", 1),
        ("grant.created", 3),
        ("grant.used", 1),
        ("grant.revoked", 1),
        ("grant.expired", 1),
    ] {
        // Twice if the store lost that it was recorded; never not at all.
        assert!(count(name) >= times, "k = {k}: {name} is missing: {names:?}");
    }
}

#[test]
fn whichever_call_of_the_store_fails_what_is_ended_stays_ended_and_all_is_recorded() {
    for late in [false, true] {
        let calls = run(tempfile::tempdir().unwrap().path(), 0, late);
        assert!(calls > 12, "{calls}");
        for k in 1..=calls {
            run(tempfile::tempdir().unwrap().path(), k, late);
        }
    }
}
