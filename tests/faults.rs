//! The fault rig. Goal: whatever happens to a connection on either side of
//! bauta, nothing hangs, no raw value gets out, no record is lost, and nothing
//! is left: no session on the server, no descriptor, no memory. Method: one
//! scripted session (login, simple and extended statements over protected
//! columns, a cursor, COPY both ways, a cancel) is played again and again through
//! a wire (`faults/wire.rs`) that cuts it after its n-th byte, stalls, or
//! lies about its n-th message; then the audit log is read and the server, the
//! process and its descriptors are looked at.
//!
//! In every run some of the faults are tried, by numbers that are far apart;
//! `FAULTS=all` tries each of them, `FAULTS=3/20` the third of twenty parts that
//! together are all. `CONNECTS=24000` makes so many connections in the test of
//! what is left.

mod lies;
mod visit;
mod wire;

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Bauta, Frame, Raw, Server, message, psql};
use lies::{Lie, PLANTED, about_any, of_a_client, of_a_server};
use visit::{Ended, LOGIN, Shows, Visit, visit};
use wire::{CANCEL, How, Plan, Way, Wire};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"

    [[protect]]
    column = "public.customers.ssn"
    method = "token"
"#;

/// Longer than anything takes: who waits so long waits for ever.
const HANG: Duration = Duration::from_secs(60);
/// How long a visitor waits where the fault may be that nothing comes.
const GIVES_UP: Duration = Duration::from_secs(1);
/// Visits at a time, and where they mostly wait.
const LANES: usize = 4;
const WAITING_LANES: usize = 16;

/// Every n-th of them, or what `FAULTS` says. Primes, so that all ways and kinds
/// have their turn.
fn some<T>(all: Vec<T>, step: usize) -> Vec<T> {
    let asked = std::env::var("FAULTS").ok();
    let part = |text: &str| {
        let (part, parts) = text.split_once('/')?;
        Some((part.parse::<usize>().ok()?.checked_sub(1)?, parts.parse().ok()?))
    };
    let (first, step) = match asked.as_deref() {
        None => (0, step),
        Some("all") => (0, 1),
        Some(text) => part(text).expect("FAULTS is \"all\", or a part of it: \"3/20\""),
    };
    all.into_iter().skip(first).step_by(step).collect()
}

/// A server, bauta, and a wire on each side.
struct Rig {
    server: Server,
    bauta: Bauta,
    /// Between clients and bauta.
    front: Wire,
    /// Between bauta and PostgreSQL.
    back: Wire,
    raw_values: Vec<String>,
    visits: AtomicUsize,
}

/// What must be as it was.
struct Before {
    descriptors: usize,
}

impl Rig {
    fn start() -> Self {
        let server = Server::start();
        server.sql("shop", "CREATE TABLE inbox (n int, what text); GRANT ALL ON inbox TO PUBLIC");
        let back = Wire::to(server.port());
        let config = format!(
            "upstream.address = \"127.0.0.1:{}\"\nupstream.tls = \"disable\"\n\
             limits.startup_timeout = \"10s\"\n{POLICY}",
            back.port
        );
        let bauta = Bauta::start(&server, &config);
        let front = Wire::to(bauta.port);
        let raw = server.sql("shop", "SELECT email FROM customers UNION ALL SELECT ssn FROM customers");
        let raw_values = raw.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect();
        let rig = Self { server, bauta, front, back, raw_values, visits: AtomicUsize::new(0) };
        // Catalog and verifiers are read once, and connections to it are kept.
        let first = rig.visit("warm-up", HANG);
        assert_eq!((first.ended, first.answered), (Ended::Finished, 10), "{:?}", errors(&first));
        rig
    }

    fn wire(&self, side: Side) -> &Wire {
        match side {
            Side::Client => &self.front,
            Side::Server => &self.back,
        }
    }

    fn visit(&self, name: &str, patience: Duration) -> Visit {
        self.visits.fetch_add(1, Ordering::Relaxed);
        let visit = visit(self.front.port, self.bauta.port, name, patience);
        let mut before = Shows::Other;
        for step in &visit.steps {
            let mut begun = false;
            for frame in &step.frames {
                // What the server says before it answers may be said of what was before.
                begun |= frame.tag != b'N';
                self.holds_nothing(name, frame, if begun { step.shows } else { before });
            }
            before = step.shows;
        }
        visit
    }

    fn holds_nothing(&self, name: &str, frame: &Frame, shows: Shows) {
        let holds = |value: &str| memchr::memmem::find(&frame.body, value.as_bytes()).is_some();
        let raw = self.raw_values.iter().find(|value| holds(value));
        assert!(raw.is_none(), "{name}: a raw value came through: {frame:?}");
        let may = shows == Shows::Other || shows == Shows::Neutralised && frame.tag == b'D';
        assert!(may || !holds(PLANTED), "{name}: what the server made up came through: {frame:?}");
    }

    fn before(&self) -> Before {
        self.settle();
        Before { descriptors: self.descriptors() }
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.bauta.pid())).expect("its descriptors").count()
    }

    /// No session is left, on either side.
    fn settle(&self) {
        soon("sessions are left in bauta", || self.bauta.cli_ok(&["sessions", "--json"]).trim().is_empty());
        soon("sessions are left on the server", || self.server.sessions_of(LOGIN) == 0);
    }

    /// Nothing is left of what was tried, and every statement has its end.
    fn nothing_is_left(&self, before: &Before) {
        self.settle();
        soon("descriptors are left", || self.descriptors() <= before.descriptors);
        assert_eq!(psql(LOGIN, self.bauta.port, "SELECT 1").out(), "1", "it serves the next one");
        self.settle();
        soon("a statement or session has no end", || unended(&self.bauta).is_empty());
        self.bauta.cli_ok(&["audit", "verify"]);
    }

    /// Plays one visit for each of the faults, several at a time.
    fn try_all(&self, side: Side, plans: Vec<Plan>, judge: impl Fn(&str, &Plan, &Visit) + Sync) {
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let started = Instant::now();
        let lane = || {
            while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                if failed.load(Ordering::Relaxed) {
                    return;
                }
                let name = format!(
                    "fault {}",
                    self.visits.load(Ordering::Relaxed) * 1000 + next.load(Ordering::Relaxed)
                );
                let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    self.wire(side).plan(&name, plan.clone());
                    let patience = if may_wait(plan) { GIVES_UP } else { HANG };
                    let visit = self.visit(&name, patience);
                    self.wire(side).clear(&name);
                    judge(&name, plan, &visit);
                }));
                if let Err(panic) = caught {
                    failed.store(true, Ordering::Relaxed);
                    eprintln!("while this was tried, {side:?}: {plan:?}");
                    std::panic::resume_unwind(panic);
                }
            }
        };
        let lanes = if plans.iter().any(may_wait) { WAITING_LANES } else { LANES };
        std::thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(lane);
            }
        });
        eprintln!("{side:?}: {} faults in {:.0?}", plans.len(), started.elapsed());
    }
}

/// Where the fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// Nothing may come, for good reason.
fn may_wait(plan: &Plan) -> bool {
    matches!(plan, Plan::Lie { .. } | Plan::Cut { how: How::Stall, .. })
}

fn soon(what: &str, mut check: impl FnMut() -> bool) {
    let started = Instant::now();
    while !check() {
        assert!(started.elapsed() < HANG, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn errors(visit: &Visit) -> Vec<(Option<String>, Option<String>)> {
    visit.frames().filter(|f| f.tag == b'E').map(|f| (f.field(b'C'), f.field(b'M'))).collect()
}

/// Starts of statements and sessions in the audit log without an end.
fn unended(bauta: &Bauta) -> Vec<String> {
    let mut open: HashMap<String, ()> = HashMap::new();
    for record in bauta.audit() {
        let session = format!("session {}", record["session"]);
        match record["event"].as_str().unwrap() {
            "statement.start" => drop(open.insert(format!("statement {}", record["seq"]), ())),
            "statement.end" => {
                let ended = open.remove(&format!("statement {}", record["start"]));
                assert!(ended.is_some(), "an end without a start, or a second one: {record}");
            }
            "session.start" => drop(open.insert(session, ())),
            "session.end" => assert!(open.remove(&session).is_some(), "it ended twice: {record}"),
            _ => {}
        }
    }
    open.into_keys().collect()
}

/// Statements that the log has for each visit, by its name.
fn recorded(bauta: &Bauta) -> HashMap<String, usize> {
    let mut names: HashMap<u64, String> = HashMap::new();
    let mut counts = HashMap::new();
    for record in bauta.audit() {
        let session = record["session"].as_u64().unwrap_or(0);
        match record["event"].as_str().unwrap() {
            "session.start" => {
                names.insert(session, record["application"].as_str().unwrap().to_owned());
            }
            "statement.start" => *counts.entry(names[&session].clone()).or_default() += 1,
            _ => {}
        }
    }
    counts
}

/// Why each visit ended, by the log.
fn reasons(bauta: &Bauta) -> HashMap<String, String> {
    let mut names: HashMap<u64, String> = HashMap::new();
    let mut reasons = HashMap::new();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    for record in bauta.audit() {
        let session = record["session"].as_u64().unwrap_or(0);
        match record["event"].as_str().unwrap() {
            "session.start" => drop(names.insert(session, text(&record["application"]))),
            "session.end" => drop(reasons.insert(names[&session].clone(), text(&record["reason"]))),
            _ => {}
        }
    }
    reasons
}

#[test]
fn a_connection_that_is_cut_at_any_byte_leaves_nothing_and_is_explained() {
    let rig = Rig::start();
    let before = rig.before();
    let mut answered = HashMap::new();
    let lost_server = parking_lot::Mutex::new(Vec::new());
    for side in [Side::Client, Side::Server] {
        let mut plans = Vec::new();
        for way in [Way::Up, Way::Down] {
            let (bytes, _) = rig.wire(side).passed("warm-up", way);
            assert!(bytes > 500, "{side:?} {way:?}: {bytes} bytes");
            for at in 0..=bytes {
                plans.extend([How::Close, How::Reset].map(|how| Plan::Cut { way, at, how }));
            }
        }
        let seen = parking_lot::Mutex::new(Vec::new());
        rig.try_all(side, some(plans, 131), |name, plan, visit| {
            assert_ne!(visit.ended, Ended::Waited, "{plan:?}: it hangs");
            if side == Side::Server && visit.ended == Ended::Closed {
                let last = visit.frames().last().unwrap_or_else(|| panic!("{plan:?}: not a word"));
                let code = last.field(b'C').unwrap_or_default();
                assert!(last.tag == b'E' && code.starts_with("08"), "{plan:?}: {last:?}");
                lost_server.lock().push(name.to_owned());
            }
            seen.lock().push((name.to_owned(), visit.answered));
        });
        answered.extend(seen.into_inner());
    }
    rig.nothing_is_left(&before);
    let recorded = recorded(&rig.bauta);
    for (name, commands) in answered {
        let statements = recorded.get(&name).copied().unwrap_or(0);
        assert!(statements >= commands, "{name}: {commands} answers, {statements} records");
    }
    let reasons = reasons(&rig.bauta);
    // Those that never became sessions have no end.
    let told: Vec<_> = lost_server.into_inner().into_iter().filter_map(|name| reasons.get(&name)).collect();
    assert!(!told.is_empty() && told.iter().all(|reason| *reason == "server closed"), "{told:?}");
}

#[test]
fn a_cancel_request_that_is_cut_off_leaves_nothing() {
    let rig = Rig::start();
    let before = rig.before();
    for (wire, port) in [(&rig.front, rig.front.port), (&rig.back, rig.bauta.port)] {
        for at in 0..=16 {
            wire.plan(CANCEL, Plan::Cut { way: Way::Up, at, how: How::Close });
            let name = format!("cancel {at}");
            let seen = visit(rig.front.port, port, &name, HANG);
            assert_eq!(seen.ended, Ended::Finished, "{name}");
        }
        wire.clear(CANCEL);
    }
    rig.nothing_is_left(&before);
}

#[test]
fn a_connection_that_stalls_ends_when_the_client_goes() {
    let rig = Rig::start();
    let before = rig.before();
    for side in [Side::Client, Side::Server] {
        let mut plans = Vec::new();
        for way in [Way::Up, Way::Down] {
            let (bytes, _) = rig.wire(side).passed("warm-up", way);
            plans.extend((0..bytes).map(|at| Plan::Cut { way, at, how: How::Stall }));
        }
        rig.try_all(side, some(plans, 211), |_, _, _| {});
    }
    rig.nothing_is_left(&before);
}

#[test]
fn a_server_that_lies_gets_no_value_out() {
    let rig = Rig::start();
    let before = rig.before();
    let (_, messages) = rig.back.passed("warm-up", Way::Down);
    assert!(messages > 50, "{messages} messages");
    let lies: Vec<Lie> = about_any().into_iter().chain(of_a_server()).collect();
    let plans = (0..messages).flat_map(|message| {
        lies.iter().map(move |lie| Plan::Lie { way: Way::Down, message, lie: lie.clone() })
    });
    // Two ends of one statement: rows behind them were taken for the next one's.
    let (twice, others): (Vec<_>, Vec<_>) = plans.partition(|plan| {
        matches!(plan, Plan::Lie { lie: Lie::After("the end of a command" | "an empty query", _), .. })
    });
    rig.try_all(Side::Server, twice, |_, _, _| {});
    rig.try_all(Side::Server, some(others, 31), |_, _, _| {});
    rig.nothing_is_left(&before);
}

#[test]
fn a_client_that_lies_gets_no_value_out() {
    let rig = Rig::start();
    let before = rig.before();
    let (_, messages) = rig.front.passed("warm-up", Way::Up);
    assert!(messages > 15, "{messages} messages");
    let lies: Vec<Lie> = about_any().into_iter().chain(of_a_client()).collect();
    let plans = (0..messages).flat_map(|message| {
        lies.iter().map(move |lie| Plan::Lie { way: Way::Up, message, lie: lie.clone() })
    });
    rig.try_all(Side::Client, some(plans.collect(), 11), |_, _, _| {});
    rig.nothing_is_left(&before);
}

#[test]
fn a_server_that_restarts_under_load_costs_no_record_and_no_session() {
    let mut rig = Rig::start();
    let done = AtomicBool::new(false);
    let (front, cancels) = (rig.front.port, rig.bauta.port);
    let finished = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let (done, finished) = (&done, &finished);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let seen = visit(front, cancels, &format!("lane {lane}"), HANG);
                    assert_ne!(seen.ended, Ended::Waited, "it hangs");
                    finished.fetch_add(usize::from(seen.ended == Ended::Finished), Ordering::Relaxed);
                }
            });
        }
        for round in 0..3 {
            let served = finished.load(Ordering::Relaxed);
            soon("sessions are served again", || finished.load(Ordering::Relaxed) > served + LANES);
            if round < 2 {
                rig.server.restart();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    rig.settle();
    soon("a statement or session has no end", || unended(&rig.bauta).is_empty());
    rig.bauta.cli_ok(&["audit", "verify"]);
    assert_eq!(psql(LOGIN, rig.bauta.port, "SELECT 1").out(), "1");
}

/// Resident memory in kB.
fn memory(bauta: &Bauta) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", bauta.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// A connection that comes and goes, in one of the ways in which they do.
fn come_and_go(port: u16, number: usize) {
    match number % 6 {
        0 => drop(Raw::open(port)),
        1 => {
            let mut raw = Raw::open(port);
            // May it be TLS? It may not.
            raw.send(b"\0\0\0\x08\x04\xd2\x16\x2f");
            assert_eq!(raw.stream().read(&mut [0]).unwrap(), 1);
        }
        2 => {
            let mut raw = Raw::open(port);
            raw.send(b"GET / HTTP/1.1\r\n\r\n");
            raw.receive();
        }
        3 => {
            let refused = Raw::connect_with(port, &[("user", LOGIN), ("database", "shop")], "wrong");
            assert!(refused.is_err());
        }
        4 => {
            let mut raw = Raw::connect(port, LOGIN);
            raw.query("SELECT email FROM customers");
            raw.send(&message::terminate());
        }
        _ => {
            let mut raw = Raw::connect(port, LOGIN);
            raw.send(&message::query("BEGIN; SELECT ssn FROM customers"));
        }
    }
}

#[test]
fn connections_that_come_and_go_leave_memory_and_descriptors_where_they_were() {
    let rig = Rig::start();
    let connects = std::env::var("CONNECTS").ok().and_then(|n| n.parse().ok()).unwrap_or(600);
    let run = |count: usize| {
        let next = AtomicUsize::new(0);
        let lane = || loop {
            match next.fetch_add(1, Ordering::Relaxed) {
                number if number < count => come_and_go(rig.bauta.port, number),
                _ => return,
            }
        };
        std::thread::scope(|scope| (0..LANES).for_each(|_| drop(scope.spawn(lane))));
    };
    // Buffers, caches and the allocator's own keep begin with the first ones.
    run(300);
    let before = rig.before();
    let memory_before = memory(&rig.bauta);
    run(connects);
    rig.nothing_is_left(&before);
    let grown = memory(&rig.bauta).saturating_sub(memory_before);
    eprintln!("{connects} connections: {memory_before} kB before, {grown} kB more after");
    assert!(grown < 8 << 10, "{grown} kB more than {memory_before} kB");
}
