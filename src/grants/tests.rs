//! The engine on a real SQLite file, with a clock that tests move.
//!
//! Goal: whatever happens, what is revealed is covered by a grant that is
//! valid at that moment. Method: single cases by name, then random operations
//! with clock steps and restarts against a plain model of what people agreed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::book::SessionNumbers;
use super::decisions::Narrowing;
use super::engine::Parts;
use super::event::{Answer, Event, Journal, JournalError, Listener};
use super::model::sample::{ask, root, shop};
use super::model::{Actor, Ask, RequestStatus};
use super::rows::{Lease, Share};
use super::sqlite::Sqlite;
use super::*;
use crate::clock::{Clock, Now};
use crate::config::{ColumnPattern, Role, Scope};
use crate::policy::{Access, Basis, Permits};

/// Both clocks, moved by hand.
pub(super) struct Hands(Mutex<Now>);

impl Hands {
    pub(super) fn new() -> Arc<Self> {
        let wall = "2026-01-01T00:00:00Z".parse().unwrap();
        Arc::new(Self(Mutex::new(Now { wall, mono: Instant::now() })))
    }
    /// The monotonic clock of another: they are on one machine.
    pub(super) fn follow(&self, other: &Self) {
        self.0.lock().mono = other.0.lock().mono;
    }
    /// Time passes.
    pub(super) fn pass(&self, seconds: u64) {
        let mut now = self.0.lock();
        now.mono += Duration::from_secs(seconds);
        now.wall += Duration::from_secs(seconds);
    }
    /// Somebody sets the wall clock.
    pub(super) fn step(&self, seconds: i64) {
        let mut now = self.0.lock();
        now.wall += SignedDuration::from_secs(seconds);
    }
}

impl Clock for Hands {
    fn now(&self) -> Now {
        *self.0.lock()
    }
}

/// An audit log that can break.
#[derive(Default)]
pub(super) struct Paper {
    lines: Mutex<Vec<Event>>,
    pub(super) broken: Mutex<bool>,
}

impl Paper {
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.lines.lock().iter().map(Event::name).collect()
    }
}

impl Journal for Paper {
    fn record<'a>(&'a self, event: &'a Event) -> Answer<'a, Result<(), JournalError>> {
        Box::pin(async move {
            if *self.broken.lock() {
                return Err(JournalError("disk full".into()));
            }
            self.lines.lock().push(event.clone());
            Ok(())
        })
    }
}

#[derive(Default)]
pub(super) struct Ears(Mutex<Vec<&'static str>>);

impl Listener for Ears {
    fn happened(&self, event: &Event) {
        self.0.lock().push(event.name());
    }
    fn ends_soon(&self, _grant: &model::Grant, _left: Duration) {
        self.0.lock().push("ends soon");
    }
}

pub(super) struct Shop;

impl Directory for Shop {
    fn protected_columns(&self) -> Vec<Arc<crate::policy::ProtectedColumn>> {
        // The last one's database has not been met.
        shop().into_iter().filter(|column| &*column.table != "orders").collect()
    }
    fn meet(&self) -> Answer<'_, ()> {
        Box::pin(async {})
    }
    fn columns_of(&self, _policy: &str) -> Vec<Arc<crate::policy::ProtectedColumn>> {
        self.protected_columns()
    }
    fn pg_roles(&self, login: &str) -> Vec<Arc<str>> {
        if login == "rita" { vec!["reporting".into()] } else { vec![] }
    }
}

fn role(name: &str, members: &[&str]) -> Role {
    Role {
        place: "proxy.toml:1".into(),
        name: name.into(),
        members: members.iter().map(ToString::to_string).collect(),
        member_roles: vec![],
        unmask: vec![],
        request: vec![],
        approve: vec![],
        max_duration: None,
        refusal: None,
        ticket_pattern: None,
        export: false,
        break_glass: false,
        exempt: false,
    }
}

pub(super) fn roles(approvals: usize) -> Roles {
    let pii = || vec![Scope::Tag("pii".into())];
    let customers = ColumnPattern { schema: "public".into(), table: "customers".into(), column: "*".into() };
    Roles::of_test(
        vec![
            Role {
                request: pii(),
                member_roles: vec!["reporting".into()],
                max_duration: Some(Duration::from_secs(1800)),
                ..role("analyst", &["ana", "eve", "user:maria@example.com"])
            },
            Role { approve: pii(), request: pii(), ..role("security", &["sam", "kim"]) },
            Role { unmask: vec![Scope::Columns(customers)], exempt: true, ..role("billing", &["etl"]) },
        ],
        approvals,
    )
}

/// A proxy's engine with all around it; restarts keep file, log and clock.
pub(super) struct Bench {
    dir: tempfile::TempDir,
    pub(super) clock: Arc<Hands>,
    pub(super) paper: Arc<Paper>,
    ears: Arc<Ears>,
    pub(super) engine: Arc<Engine>,
    approvals: usize,
    /// Analysts may ask.
    asks: std::cell::Cell<bool>,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub(super) fn new(approvals: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (clock, paper, ears) = (Hands::new(), Arc::new(Paper::default()), Arc::new(Ears::default()));
        let engine = Self::start(dir.path(), &clock, &paper, &ears, approvals);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { dir, clock, paper, ears, engine, approvals, asks: true.into(), runtime }
    }
    /// The old engine's thread frees the file a moment after its handle drops.
    fn store(dir: &std::path::Path) -> Sqlite {
        loop {
            match Sqlite::open(&dir.join("bauta.db")) {
                Err(store::StoreError::InUse { .. }) => std::thread::sleep(Duration::from_millis(1)),
                other => return other.unwrap(),
            }
        }
    }
    fn start(
        dir: &std::path::Path,
        clock: &Arc<Hands>,
        paper: &Arc<Paper>,
        ears: &Arc<Ears>,
        approvals: usize,
    ) -> Arc<Engine> {
        Engine::start(Parts {
            store: Box::new(Self::store(dir)),
            journal: paper.clone(),
            directory: Arc::new(Shop),
            listeners: vec![ears.clone()],
            clock: clock.clone(),
            roles: roles(approvals),
            sessions: SessionNumbers::alone(),
            max_staleness: Duration::from_secs(30),
        })
        .unwrap()
    }
    pub(super) fn restart(self) -> Self {
        let Self { dir, clock, paper, ears, engine, approvals, asks, runtime } = self;
        drop(engine);
        let engine = Self::start(dir.path(), &clock, &paper, &ears, approvals);
        let bench = Self { dir, clock, paper, ears, engine, approvals, asks, runtime };
        bench.reload(bench.asks.get());
        bench
    }
    /// kill -9 at this moment, and a start from what is on disk.
    pub(super) fn crash(self) -> Self {
        let Self { dir, clock, paper, ears, engine, approvals, asks, runtime } = self;
        let copy = tempfile::tempdir().unwrap();
        for name in ["bauta.db", "bauta.db-wal"] {
            std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
        }
        drop(engine);
        let engine = Self::start(copy.path(), &clock, &paper, &ears, approvals);
        let bench = Self { dir: copy, clock, paper, ears, engine, approvals, asks, runtime };
        bench.reload(bench.asks.get());
        bench
    }
    /// Puts roles in force in which analysts may ask, or may not.
    pub(super) fn reload(&self, allowed: bool) {
        self.asks.set(allowed);
        let silenced = |role: &mut Role| {
            if role.name == "analyst" && !allowed {
                role.request.clear();
            }
        };
        self.engine.set_roles(roles(self.approvals).with(silenced));
        self.run(self.engine.flush());
    }
    pub(super) fn analysts_ask_not(&self) -> bool {
        !self.asks.get()
    }
    pub(super) fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
    fn give(&self, user: &str, columns: &[usize], seconds: u64) -> GrantId {
        self.run(self.engine.give(ask(user, columns, seconds), root())).unwrap().grant.id
    }
    pub(super) fn access(&self, login: &str, column: usize) -> Access {
        let permits = self.engine.permits(login, 1, &Shop.pg_roles(login));
        permits.access(&shop()[column], self.clock.now())
    }
    pub(super) fn sees(&self, login: &str, column: usize) -> bool {
        self.access(login, column) != Access::Masked
    }
}

/// What a statement gets of each lease, some rows taken ahead.
fn shares(leases: Vec<Lease>, cost: u64, ahead: u64) -> Vec<Share> {
    let share = |lease: Lease| {
        assert!(lease.take_ahead(ahead));
        Arc::new(lease).share(cost, ahead > 0)
    };
    leases.into_iter().map(share).collect()
}

#[test]
fn a_grant_reveals_its_columns_to_its_holder_until_its_end() {
    let bench = Bench::new(1);
    let epoch = bench.engine.epoch();
    let id = bench.give("ana", &[0], 60);
    assert!(bench.engine.epoch() > epoch);
    assert!(
        matches!(bench.access("ana", 0), Access::Revealed { basis: Basis::Grant(g), until: Some(_), export: false, .. } if g == id)
    );
    assert!(!bench.sees("ana", 1) && !bench.sees("eve", 0));
    bench.clock.pass(59);
    assert!(bench.sees("ana", 0));
    bench.clock.pass(1);
    assert!(!bench.sees("ana", 0));
    bench.run(bench.engine.flush());
    assert_eq!(bench.paper.names(), ["grant.created", "grant.expired"]);
}

#[test]
fn a_near_end_is_said_once_and_a_short_grant_has_none() {
    let bench = Bench::new(1);
    bench.give("ana", &[0], 90);
    bench.give("eve", &[0], 60);
    let said = |bench: &Bench| bench.ears.0.lock().iter().filter(|e| **e == "ends soon").count();
    bench.run(bench.engine.flush());
    assert_eq!(said(&bench), 0);
    bench.clock.pass(30);
    bench.run(bench.engine.flush());
    bench.run(bench.engine.flush());
    assert_eq!(said(&bench), 1);
    bench.clock.pass(60);
    bench.run(bench.engine.flush());
    assert_eq!(said(&bench), 1);
    assert!(!bench.sees("ana", 0));
}

#[test]
fn a_request_names_a_ticket_where_one_is_required() {
    let bench = Bench::new(1);
    let mut wanted = roles(1);
    wanted.ticket_pattern = crate::config::TicketPattern::parse("INC-[0-9]+");
    bench.engine.set_roles(wanted);
    let with = |ticket: Option<&str>| {
        let ask = model::Ask { ticket: ticket.map(str::to_owned), ..ask("ana", &[0], 60) };
        bench.run(bench.engine.ask(ask, None, Actor::login("ana"))).map(|(request, _)| request.id)
    };
    for wrong in [None, Some(""), Some("INC-"), Some("x INC-1")] {
        let fault = with(wrong).unwrap_err();
        assert_eq!(fault.hint().as_deref(), Some("tickets have the form INC-[0-9]+"), "{wrong:?}");
    }
    assert_eq!(with(Some("INC-1")), Ok(RequestId(1)));
    // Asked again, it is the same one.
    assert_eq!(with(Some("INC-1")), Ok(RequestId(1)));
    assert_eq!(with(Some("INC-2")), Ok(RequestId(2)));
}

#[test]
fn a_request_that_is_too_long_names_the_maximum() {
    let bench = Bench::new(1);
    let fault = bench.run(bench.engine.ask(ask("ana", &[0], 1801), None, Actor::login("ana"))).unwrap_err();
    assert_eq!(fault.to_string(), "30m1s is too long: at most 30m");
}

#[test]
fn an_undecided_request_ends_after_the_configured_time() {
    let bench = Bench::new(1);
    let mut short = roles(1);
    short.request_timeout = Duration::from_secs(100);
    bench.engine.set_roles(short);
    let (request, _) = bench.run(bench.engine.ask(ask("ana", &[0], 60), None, Actor::login("ana"))).unwrap();
    bench.clock.pass(100);
    bench.run(bench.engine.flush());
    assert_eq!(bench.engine.request(request.id).unwrap().status, RequestStatus::Expired);
    assert!(bench.run(bench.engine.approve(request.id, root(), Narrowing::default())).is_err());
}

#[test]
fn requests_made_for_a_session_end_with_the_process() {
    let bench = Bench::new(1);
    let alone = |session, held| model::Ask { session, held, ..ask("ana", &[0], 60) };
    let asks = [alone(None, None), alone(Some(1), None), alone(None, Some(Duration::from_secs(60)))];
    for wanted in asks {
        bench.run(bench.engine.ask(wanted, Some(1), Actor::login("ana"))).unwrap();
    }
    let bench = bench.restart();
    let status = |id| bench.engine.request(RequestId(id)).unwrap().status;
    assert_eq!(
        [1, 2, 3].map(status),
        [RequestStatus::Pending, RequestStatus::Cancelled, RequestStatus::Cancelled]
    );
}

#[test]
fn what_roles_no_longer_allow_ends() {
    let bench = Bench::new(1);
    let filed = |user, seconds| {
        let asked = bench.engine.ask(ask(user, &[0], seconds), None, Actor::login(user));
        bench.run(asked).unwrap().0.id
    };
    let approved = |id| bench.run(bench.engine.approve(id, root(), Narrowing::default())).unwrap();
    approved(filed("ana", 600));
    approved(filed("sam", 600));
    let open = filed("eve", 600);
    bench.give("etl", &[1], 600);
    bench.clock.pass(60);
    // Analysts may ask for nothing any more; security for two minutes.
    let changed = roles(1).with(|role| match role.name.as_str() {
        "analyst" => role.request.clear(),
        _ => role.max_duration = Some(Duration::from_secs(120)),
    });
    bench.engine.set_roles(changed);
    bench.run(bench.engine.flush());
    assert!(!bench.sees("ana", 0), "the grant of a role that lost the column");
    assert_eq!(bench.engine.request(open).unwrap().status, RequestStatus::Cancelled);
    assert!(bench.sees("sam", 0), "one minute of two");
    bench.clock.pass(60);
    bench.run(bench.engine.flush());
    assert!(!bench.sees("sam", 0), "two minutes of two");
    assert!(bench.sees("etl", 1), "an administrator's grant needs no role");
}

#[test]
fn break_glass_is_at_once_short_for_oneself_and_reviewed_by_another() {
    let bench = Bench::new(2);
    let wanted = |user: &str, columns: &[usize], seconds| model::Ask {
        break_glass: true,
        ..ask(user, columns, seconds)
    };
    let broken = |wanted, by| bench.run(bench.engine.ask(wanted, None, by)).map(|(request, _)| request);
    assert!(broken(wanted("ana", &[0], 60), Actor::login("ana")).is_err(), "a role without the right");
    bench.engine.set_roles(roles(2).with(|role| role.break_glass = role.name == "analyst"));
    assert!(broken(wanted("sam", &[0], 60), Actor::login("sam")).is_err(), "another role's right");
    assert!(broken(wanted("ana", &[0, 3], 60), Actor::login("ana")).is_err(), "a column of no role");
    assert!(broken(wanted("ana", &[0], 601), Actor::login("ana")).is_err(), "more than ten minutes");
    assert!(broken(wanted("ana", &[0], 60), root()).is_err(), "for somebody else");
    let export = model::Ask { export: true, ..wanted("ana", &[0], 60) };
    assert!(broken(export, Actor::login("ana")).is_err(), "with the right to export");
    assert!(!bench.sees("ana", 0));

    let request = broken(wanted("ana", &[0], 600), Actor::login("ana")).unwrap();
    assert!(bench.sees("ana", 0) && !bench.sees("ana", 1) && !bench.sees("eve", 0));
    assert_eq!(bench.paper.names(), ["request.created", "grant.created"]);
    bench.clock.pass(600);
    assert!(!bench.sees("ana", 0));

    // It stays open over its end and a restart, until somebody else has looked.
    let bench = bench.restart();
    assert!(bench.engine.request(request.id).unwrap().needs_review());
    let reviewed = |by| bench.run(bench.engine.acknowledge(request.id, by, Some("justified".into())));
    let ana = Actor { name: "uid:7(ana)".into(), login: Some("ana".into()), end_user: None, admin: true };
    assert!(reviewed(ana).is_err(), "her own, as an administrator");
    assert!(reviewed(Actor::login("eve")).is_err(), "somebody who approves nothing");
    assert!(!reviewed(Actor::login("sam")).unwrap().is_open());
    assert!(reviewed(Actor::login("kim")).is_err(), "once is enough");
    assert_eq!(bench.paper.names().last(), Some(&"request.reviewed"));
}

#[test]
fn what_is_not_known_is_not_approved() {
    let bench = Bench::new(1);
    let everything = roles(1).with(|role| role.request.push(Scope::Tag("pci".into())));
    bench.engine.set_roles(everything);
    let (request, _) = bench.run(bench.engine.ask(ask("ana", &[3], 60), None, Actor::login("ana"))).unwrap();
    let fault = bench.run(bench.engine.approve(request.id, root(), Narrowing::default())).unwrap_err();
    assert!(matches!(fault, Fault::Conflict { .. }), "{fault}");
}

#[test]
fn permits_taken_before_a_revocation_reveal_nothing_after_it() {
    let bench = Bench::new(1);
    let id = bench.give("ana", &[0], 60);
    let permits = bench.engine.permits("ana", 1, &[]);
    let column = &shop()[0];
    let basis = Basis::Grant(id);
    assert!(permits.holds(&basis, column, bench.clock.now()));
    bench.run(bench.engine.revoke(id, root(), Some("done".into()))).unwrap();
    assert_eq!(permits.access(column, bench.clock.now()), Access::Masked);
    assert!(!permits.holds(&basis, column, bench.clock.now()));
    let again = bench.run(bench.engine.revoke(id, root(), None)).unwrap_err();
    assert!(matches!(again, Fault::Conflict { .. }), "{again}");
}

#[test]
fn a_step_of_the_wall_clock_neither_prolongs_nor_ends_a_grant() {
    let bench = Bench::new(1);
    bench.give("ana", &[0], 60);
    bench.clock.step(86_400);
    assert!(bench.sees("ana", 0));
    bench.clock.step(-2 * 86_400);
    bench.clock.pass(60);
    assert!(!bench.sees("ana", 0));
}

#[test]
fn a_grant_survives_a_restart_but_never_grows_by_it() {
    let bench = Bench::new(1);
    bench.give("ana", &[0], 60);
    bench.clock.pass(30);
    let bench = bench.restart();
    assert!(bench.sees("ana", 0));
    // Set back an hour: at most the length once agreed.
    bench.clock.step(-3600);
    let bench = bench.restart();
    bench.clock.pass(60);
    assert!(!bench.sees("ana", 0));
    let bench = bench.restart();
    assert!(bench.engine.grants(false).is_empty());
}

#[test]
fn a_session_grant_never_passes_to_the_session_that_gets_its_number() {
    let bench = Bench::new(1);
    let mut wanted = ask("ana", &[0], 60);
    wanted.session = Some(1);
    bench.run(bench.engine.give(wanted, root())).unwrap();
    assert!(bench.sees("ana", 0));
    let column = &shop()[0];
    assert_eq!(bench.engine.permits("ana", 2, &[]).access(column, bench.clock.now()), Access::Masked);
    assert_eq!(bench.engine.permits("eve", 1, &[]).access(column, bench.clock.now()), Access::Masked);
    let bench = bench.restart();
    assert!(!bench.sees("ana", 0));
}

#[test]
fn a_once_grant_reveals_to_one_statement_only() {
    let bench = Bench::new(1);
    let mut wanted = ask("ana", &[0], 60);
    wanted.once = true;
    let id = bench.run(bench.engine.give(wanted, root())).unwrap().grant.id;
    bench.run(bench.engine.used(&[id], 1)).unwrap();
    assert!(!bench.sees("ana", 0));
    assert!(bench.run(bench.engine.used(&[id], 1)).is_err());
    assert!(bench.run(bench.engine.used(&[id], 2)).is_err());
    // Its statement goes on, another session's does not, and neither past the deadline.
    let (column, basis) = (&shop()[0], Basis::Grant(id));
    assert!(bench.engine.permits("ana", 1, &[]).holds(&basis, column, bench.clock.now()));
    assert!(!bench.engine.permits("ana", 2, &[]).holds(&basis, column, bench.clock.now()));
    let permits = bench.engine.permits("ana", 1, &[]);
    bench.run(bench.engine.revoke(id, root(), None)).unwrap();
    assert!(!permits.holds(&basis, column, bench.clock.now()));
    assert!(!bench.restart().sees("ana", 0));
}

#[test]
fn max_rows_ends_what_it_limits() {
    let bench = Bench::new(1);
    let mut wanted = ask("ana", &[0], 60);
    wanted.max_rows = Some(10);
    let id = bench.run(bench.engine.give(wanted, root())).unwrap().grant.id;
    let one = shares(bench.run(bench.engine.used(&[id], 1)).unwrap(), 1, 0);
    let two = shares(bench.run(bench.engine.used(&[id], 2)).unwrap(), 1, 0);
    assert!(one[0].take(9) && !two[0].take(2) && two[0].take(1) && !one[0].take(1));
    assert!(!bench.sees("ana", 0) && bench.run(bench.engine.used(&[id], 3)).is_err());
    bench.run(bench.engine.flush());
    // The grant has ended, and says how; its last statement may finish.
    let ended = &bench.engine.grants(true)[0].grant;
    assert_eq!((ended.status(), ended.rows, ended.reserved), ("used", 10, 0));
    assert!(bench.engine.permits("ana", 1, &[]).holds(&Basis::Grant(id), &shop()[0], bench.clock.now()));
    assert!(bench.paper.names().contains(&"grant.expired"));
    drop((one, two));
    assert!(!bench.restart().sees("ana", 0));
}

#[test]
fn rows_that_were_not_taken_are_there_again() {
    let bench = Bench::new(1);
    let wanted = Ask { max_rows: Some(10), ..ask("ana", &[0], 60) };
    let id = bench.run(bench.engine.give(wanted, root())).unwrap().grant.id;
    let leases = shares(bench.run(bench.engine.used(&[id], 1)).unwrap(), 1, 0);
    assert!(leases[0].take(3));
    assert_eq!(bench.engine.grants(false)[0].grant.rows, 3);
    drop(leases);
    bench.run(bench.engine.flush());
    let bench = bench.restart();
    assert!(bench.sees("ana", 0));
    let leases = shares(bench.run(bench.engine.used(&[id], 1)).unwrap(), 1, 0);
    assert!(!leases[0].take(8) && leases[0].take(7) && !leases[0].take(1));
}

#[test]
fn a_crash_never_gives_rows_twice() {
    let bench = Bench::new(1);
    let wanted = Ask { max_rows: Some(10), ..ask("ana", &[0], 60) };
    let id = bench.run(bench.engine.give(wanted, root())).unwrap().grant.id;
    let leases = shares(bench.run(bench.engine.used(&[id], 1)).unwrap(), 1, 0);
    assert!(leases[0].take(1));
    let bench = bench.crash();
    drop(leases);
    assert!(!bench.sees("ana", 0));
    let ended = &bench.engine.grants(true)[0].grant;
    assert_eq!((ended.status(), ended.rows), ("used", 10));
}

#[test]
fn a_predicate_costs_a_row_even_if_it_finds_none() {
    let bench = Bench::new(1);
    let wanted = Ask { max_rows: Some(2), ..ask("ana", &[0], 60) };
    let id = bench.run(bench.engine.give(wanted, root())).unwrap().grant.id;
    let asks = || bench.run(bench.engine.used(&[id], 1)).is_ok_and(|leases| leases[0].take_ahead(1));
    assert!(asks() && asks() && !asks());
    // The row that was taken ahead is the first one shown.
    let wanted = Ask { max_rows: Some(2), ..ask("eve", &[0], 60) };
    let id = bench.run(bench.engine.give(wanted, root())).unwrap().grant.id;
    let leases = shares(bench.run(bench.engine.used(&[id], 1)).unwrap(), 1, 1);
    assert!(!leases[0].is_used_up());
    assert!(leases[0].take(1) && leases[0].take(1) && leases[0].is_used_up() && !leases[0].take(1));
}

#[test]
fn values_side_by_side_cost_as_many_rows() {
    let bench = Bench::new(1);
    let wanted = Ask { max_rows: Some(6), ..ask("ana", &[0], 60) };
    let id = bench.run(bench.engine.give(wanted, root())).unwrap().grant.id;
    let leases = shares(bench.run(bench.engine.used(&[id], 1)).unwrap(), 3, 0);
    assert!(leases[0].take(1) && !leases[0].is_used_up() && !leases[0].take(2));
    drop(leases);
    let leases = shares(bench.run(bench.engine.used(&[id], 1)).unwrap(), 2, 1);
    assert!(leases[0].take(1) && leases[0].is_used_up() && !leases[0].take(1));
}

#[test]
fn each_statement_of_a_message_pays_for_its_predicate() {
    let bench = Bench::new(1);
    let wanted = Ask { max_rows: Some(3), ..ask("ana", &[0], 60) };
    let id = bench.run(bench.engine.give(wanted, root())).unwrap().grant.id;
    let lease = Arc::new(bench.run(bench.engine.used(&[id], 1)).unwrap().remove(0));
    assert!(lease.take_ahead(3));
    let statements: Vec<Share> = (0..3).map(|_| lease.share(1, true)).collect();
    // None shows a second row at the cost of another.
    assert!(statements.iter().all(|share| share.take(1) && !share.take(1)));
    // What can't be paid for takes what is left.
    let wanted = Ask { max_rows: Some(3), ..ask("eve", &[0], 60) };
    let id = bench.run(bench.engine.give(wanted, root())).unwrap().grant.id;
    let leases = bench.run(bench.engine.used(&[id], 1)).unwrap();
    assert!(!leases[0].take_ahead(4) && !leases[0].take_ahead(1));
}

#[test]
fn copies_are_not_counted_so_they_are_not_limited_either() {
    let bench = Bench::new(1);
    let wanted = Ask { max_rows: Some(10), export: true, ..ask("ana", &[0], 60) };
    assert!(matches!(bench.run(bench.engine.give(wanted, root())), Err(Fault::Invalid { .. })));
}

#[test]
fn nobody_decides_about_his_own_access() {
    let bench = Bench::new(1);
    let sam = Actor::login("sam");
    let (request, _) = bench.run(bench.engine.ask(ask("sam", &[0], 60), Some(1), sam.clone())).unwrap();
    let as_root =
        Actor { name: "uid:0(root)".into(), login: Some("sam".into()), end_user: None, admin: true };
    for who in [sam, as_root.clone()] {
        let fault = bench.run(bench.engine.approve(request.id, who, Narrowing::default())).unwrap_err();
        assert!(matches!(fault, Fault::Forbidden { .. }), "{fault}");
    }
    assert!(bench.run(bench.engine.give(ask("sam", &[0], 60), as_root)).is_err());
    assert!(!bench.sees("sam", 0));
}

#[test]
fn approvals_count_people_not_names() {
    let bench = Bench::new(2);
    let (request, new) =
        bench.run(bench.engine.ask(ask("ana", &[0], 60), Some(1), Actor::login("ana"))).unwrap();
    assert!(new);
    let approve = |who| bench.run(bench.engine.approve(request.id, who, Narrowing::default()));
    assert_eq!(approve(Actor::login("sam")).unwrap().status, RequestStatus::Pending);
    let sams_other_name =
        Actor { name: "uid:1000(sam)".into(), login: Some("sam".into()), end_user: None, admin: true };
    assert!(matches!(approve(sams_other_name), Err(Fault::Conflict { .. })));
    assert!(matches!(approve(Actor::login("eve")), Err(Fault::Forbidden { .. })));
    assert!(!bench.sees("ana", 0));
    assert_eq!(approve(Actor::login("kim")).unwrap().status, RequestStatus::Approved);
    assert!(bench.sees("ana", 0));
    assert!(matches!(approve(root()), Err(Fault::Conflict { .. })));
    assert_eq!(
        *bench.ears.0.lock(),
        ["request.created", "request.approved", "request.approved", "grant.created"]
    );
}

/// A person behind a shared login may have a login of their own.
#[test]
fn an_end_user_never_approves_under_another_name() {
    let bench = Bench::new(1);
    let maria = || Actor::login("user:maria@example.com");
    let wanted = ask("user:maria@example.com", &[0], 60);
    let (request, _) = bench.run(bench.engine.ask(wanted, Some(1), maria())).unwrap();
    let end_user = Some("user:maria@example.com".to_owned());
    let as_admin = Actor { name: "uid:7(maria)".into(), login: Some("maria".into()), end_user, admin: true };
    for who in [maria(), as_admin.clone()] {
        let fault = bench.run(bench.engine.approve(request.id, who, Narrowing::default())).unwrap_err();
        assert!(matches!(fault, Fault::Forbidden { .. }), "{fault}");
    }
    let own = ask("user:maria@example.com", &[0], 60);
    assert!(bench.run(bench.engine.give(own, as_admin)).is_err());
    let other = Actor { name: "uid:8(kim)".into(), login: Some("kim".into()), end_user: None, admin: true };
    assert!(bench.run(bench.engine.approve(request.id, other, Narrowing::default())).is_ok());
}

#[test]
fn an_approver_narrows_but_never_widens() {
    let bench = Bench::new(1);
    let (request, _) =
        bench.run(bench.engine.ask(ask("ana", &[0, 1], 60), None, Actor::login("ana"))).unwrap();
    let approve = |narrowing| bench.run(bench.engine.approve(request.id, Actor::login("sam"), narrowing));
    let columns = |i: usize| Some(vec![ColumnName::of(&shop()[i])]);
    let longer = Narrowing { duration: Some(Duration::from_secs(61)), columns: None };
    assert!(matches!(approve(longer), Err(Fault::BadDuration { .. })));
    assert!(approve(Narrowing { duration: None, columns: columns(2) }).is_err());
    assert!(approve(Narrowing { duration: None, columns: Some(vec![]) }).is_err());
    approve(Narrowing { duration: Some(Duration::from_secs(10)), columns: columns(1) }).unwrap();
    assert!(bench.sees("ana", 1) && !bench.sees("ana", 0));
    bench.clock.pass(10);
    assert!(!bench.sees("ana", 1));
}

#[test]
fn requests_keep_to_roles_reasons_and_limits() {
    let bench = Bench::new(1);
    let file = |ask| bench.run(bench.engine.ask(ask, None, Actor::login("ana")));
    assert!(matches!(file(ask("ana", &[3], 60)), Err(Fault::Forbidden { .. })), "no role may ask for pci");
    assert!(matches!(file(ask("zoe", &[0], 60)), Err(Fault::Forbidden { .. })), "no role at all");
    assert!(matches!(file(ask("ana", &[0], 1801)), Err(Fault::BadDuration { .. })));
    assert!(file(model::Ask { reason: " \n".into(), ..ask("ana", &[0], 60) }).is_err());
    assert!(file(model::Ask { reason: "x".repeat(1001), ..ask("ana", &[0], 60) }).is_err());
    let (first, new) = file(ask("ana", &[0], 60)).unwrap();
    let (second, again) = file(ask("ana", &[0], 60)).unwrap();
    assert!(new && !again && first.id == second.id);
    assert!(file(ask("rita", &[0], 60)).unwrap().1, "a member through pg:reporting");
    for i in 0..decisions::MAX_OPEN_REQUESTS - 1 {
        file(model::Ask { reason: format!("r{i}"), ..ask("ana", &[0], 60) }).unwrap();
    }
    assert!(matches!(file(ask("ana", &[1], 60)), Err(Fault::Forbidden { .. })));
}

#[test]
fn requests_end_by_denial_withdrawal_or_age() {
    let bench = Bench::new(1);
    let file = |i| bench.run(bench.engine.ask(ask("ana", &[i], 60), None, Actor::login("ana"))).unwrap().0.id;
    let (a, b, c) = (file(0), file(1), file(2));
    let deny = |id, who| bench.run(bench.engine.deny(id, who, Some("no".into())));
    assert!(deny(a, Actor::login("eve")).is_err());
    assert_eq!(deny(a, Actor::login("sam")).unwrap().status, RequestStatus::Denied);
    assert_eq!(deny(b, Actor::login("ana")).unwrap().status, RequestStatus::Cancelled);
    bench.clock.pass(24 * 3600);
    bench.run(bench.engine.flush());
    assert_eq!(bench.engine.request(c).unwrap().status, RequestStatus::Expired);
    assert!(bench.run(bench.engine.approve(c, root(), Narrowing::default())).is_err());
}

#[test]
fn roles_give_baseline_access_and_a_reload_takes_it() {
    let bench = Bench::new(1);
    assert!(matches!(bench.access("etl", 0), Access::Revealed { basis: Basis::Role(_), until: None, .. }));
    assert!(!bench.sees("etl", 2));
    let epoch = bench.engine.epoch();
    bench.engine.set_roles(Roles::of_test(vec![], 1));
    assert!(bench.engine.epoch() > epoch);
    assert!(!bench.sees("etl", 0));
}

#[test]
fn nothing_is_granted_that_the_audit_log_does_not_hold() {
    let bench = Bench::new(1);
    let kept = bench.give("ana", &[1], 60);
    *bench.paper.broken.lock() = true;
    let fault = bench.run(bench.engine.give(ask("ana", &[0], 60), root())).unwrap_err();
    assert!(matches!(fault, Fault::Unavailable { .. }), "{fault}");
    assert!(!bench.sees("ana", 0));
    assert!(bench.engine.trouble().unwrap().contains("disk full"));
    // An end counts all the same.
    assert!(bench.run(bench.engine.revoke(kept, root(), None)).is_err());
    assert!(!bench.sees("ana", 1));
    let bench = bench.restart();
    assert!(!bench.sees("ana", 0) && !bench.sees("ana", 1));
    // The log comes back: nothing that happened is missing, in order.
    *bench.paper.broken.lock() = false;
    bench.run(bench.engine.flush());
    assert_eq!(bench.paper.names(), ["grant.created", "grant.revoked"]);
    assert_eq!(bench.engine.trouble(), None);
}

#[test]
fn a_grant_that_a_crash_kept_from_the_log_waits_for_it() {
    let mut bench = Bench::new(1);
    bench.give("ana", &[1], 60);
    // Stored, and the process dies before the log has it.
    let path = bench.dir.path().to_owned();
    let (grant, events) = {
        let made = bench.engine.grants(false)[0].grant.clone();
        let grant = model::Grant { id: GrantId(2), columns: vec![ColumnName::of(&shop()[0])], ..made };
        (grant.clone(), vec![Event::GrantCreated(grant)])
    };
    let at = bench.clock.now();
    drop(std::mem::replace(&mut bench.engine, Bench::new(1).engine));
    let mut store = Bench::store(&path);
    let change = book::Change { at, grants: vec![grant], requests: vec![], events };
    store::Store::commit(&mut store, &change).unwrap();
    drop(store);
    *bench.paper.broken.lock() = true;
    let bench = bench.restart();
    assert!(bench.sees("ana", 1) && !bench.sees("ana", 0));
    *bench.paper.broken.lock() = false;
    bench.run(bench.engine.flush());
    assert!(bench.sees("ana", 0));
    assert_eq!(bench.paper.names(), ["grant.created", "grant.created"]);
    *bench.paper.broken.lock() = true;
    assert!(bench.restart().sees("ana", 0));
}

#[test]
fn uses_are_counted_and_kept() {
    let bench = Bench::new(1);
    let id = bench.give("ana", &[0], 60);
    bench.run(bench.engine.used(&[id], 1)).unwrap();
    bench.run(bench.engine.used(&[id], 1)).unwrap();
    assert_eq!(bench.engine.grants(false)[0].grant.uses, 2);
    bench.run(bench.engine.flush());
    let bench = bench.restart();
    assert_eq!(bench.engine.grants(false)[0].grant.uses, 2);
    assert_eq!(bench.paper.names(), ["grant.created", "grant.used"]);
}

#[test]
fn two_proxies_never_share_a_state_file() {
    let bench = Bench::new(1);
    let path = bench.dir.path().join("bauta.db");
    let error = Sqlite::open(&path).err().unwrap().to_string();
    assert!(error.contains("in use by another bauta"), "{error}");
    let foreign = bench.dir.path().join("other.db");
    std::fs::write(&foreign, "not a database, but long enough to have a header of its own ".repeat(3))
        .unwrap();
    assert!(Sqlite::open(&foreign).err().unwrap().to_string().contains("is not a state file"));
}

/// The end of a grant that a fresh bench gives, for the timestamps' form.
#[test]
fn deadlines_are_absolute_from_the_approval() {
    let bench = Bench::new(1);
    bench.clock.pass(5);
    bench.give("ana", &[0], 60);
    let end: Timestamp = "2026-01-01T00:01:05Z".parse().unwrap();
    assert_eq!(bench.engine.grants(false)[0].grant.expires_at, end);
}
