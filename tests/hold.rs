//! Goal: with `refusal = "hold"` a statement that lacks access waits for it,
//! holds nothing upstream meanwhile, and runs only if it may at the moment it
//! goes on. Method: the real program and a real server; a session sends a
//! refused statement, the test decides through the command line.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Bauta, Frame, Raw, Server, message as m, psql};

const POLICY: &str = r#"
    [defaults]
    hold_timeout = "30s"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    tags = ["pii"]
    [[protect]]
    column = "public.customers.ssn"
    method = "redact"
    tags = ["pii"]
    [[role]]
    name = "analyst"
    members = ["ana"]
    request = ["tag:pii"]
    refusal = "hold"
"#;

const FIND: &str = "SELECT id FROM customers WHERE email LIKE '%@%' ORDER BY id LIMIT 1";

struct Bench {
    server: Server,
    bauta: Bauta,
}

/// One line of `bauta requests --json`.
type Request = serde_json::Value;

impl Bench {
    fn new() -> Self {
        Self::with(POLICY)
    }

    fn with(policy: &str) -> Self {
        let server = Server::start();
        let bauta = Bauta::start(&server, policy);
        Self { server, bauta }
    }

    fn session(&self) -> Raw {
        Raw::connect(self.bauta.port, "ana")
    }

    fn requests(&self) -> Vec<Request> {
        // After a restart the old socket is there for a moment: no answer yet.
        let lines = self.bauta.cli(&["requests", "--all", "--json"]).stdout;
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until `count` requests wait for a decision.
    fn pending(&self, count: usize) -> Vec<Request> {
        self.until(|bench| {
            let pending: Vec<_> = bench.requests().into_iter().filter(|r| r["status"] == "pending").collect();
            (pending.len() == count).then_some(pending)
        })
    }

    fn has_status(&self, id: i64, status: &str) {
        self.until(|bench| bench.requests().iter().find(|r| r["id"] == id && r["status"] == status).cloned());
    }

    fn until<T>(&self, mut found: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "it does not come: {:#?}", self.requests());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Backends of `ana` that hold a lock, a snapshot or an open transaction.
    fn busy_upstream(&self) -> Vec<Frame> {
        let sql = "SELECT a.state, l.mode FROM pg_stat_activity a LEFT JOIN pg_locks l USING (pid) \
                   WHERE a.usename = 'ana' AND (a.state <> 'idle' OR a.xact_start IS NOT NULL \
                   OR a.backend_xmin IS NOT NULL OR l.pid IS NOT NULL)";
        let frames = Raw::connect(self.server.port(), "postgres").query(sql);
        frames.into_iter().filter(|f| f.tag == b'D').collect()
    }
}

/// Sends a statement that is held, and waits for its answer elsewhere.
fn held(mut session: Raw, bytes: Vec<u8>) -> JoinHandle<(Vec<Frame>, Raw)> {
    std::thread::spawn(move || {
        let frames = session.exchange(&bytes);
        (frames, session)
    })
}

fn rows(frames: &[Frame]) -> usize {
    frames.iter().filter(|f| f.tag == b'D').count()
}

fn error(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'C'))
}

fn detail(frames: &[Frame]) -> String {
    frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'D')).unwrap_or_default()
}

fn notices(frames: &[Frame]) -> Vec<String> {
    frames.iter().filter(|f| f.tag == b'N').filter_map(|f| f.field(b'M')).collect()
}

fn extended() -> Vec<u8> {
    [m::parse("", FIND, &[]), m::bind("", "", &[], &[]), m::describe(b'P', ""), m::execute("", 0), m::sync()]
        .concat()
}

#[test]
fn psql_waits_and_gets_its_rows() {
    let bench = Bench::new();
    let port = bench.bauta.port;
    let script = format!("\\set VERBOSITY verbose\n/* INC-4711 refund */ {FIND};");
    let waiting = std::thread::spawn(move || psql("ana", port, &script));
    let request = bench.pending(1).remove(0);
    assert_eq!(request["columns"], serde_json::json!(["public.customers.email"]));
    assert_eq!((&request["reason"], &request["held"]), (&"INC-4711 refund".into(), &true.into()));
    assert!(bench.busy_upstream().is_empty(), "nothing is held upstream");
    bench.bauta.cli_ok(&["approve", "1"]);
    let output = waiting.join().unwrap();
    assert_eq!(output.out(), "1", "{output:?}");
    assert!(output.stderr.contains("the statement waits for approval of request 1"), "{output:?}");
    let grants = bench.bauta.cli_ok(&["grants", "--json"]);
    assert_eq!(grants.lines().count(), 1);
}

#[test]
fn extended_protocol_waits_at_its_first_message() {
    let bench = Bench::new();
    let waiting = held(bench.session(), extended());
    bench.pending(1);
    assert!(bench.busy_upstream().is_empty(), "nothing is held upstream");
    bench.bauta.cli_ok(&["approve", "1"]);
    let (frames, session) = waiting.join().unwrap();
    assert_eq!((rows(&frames), error(&frames)), (1, None), "{frames:?}");
    // A statement prepared under the grant waits again when it has ended.
    let mut session = session;
    session.exchange(&[m::parse("p", FIND, &[]), m::sync()].concat());
    bench.bauta.cli_ok(&["revoke", "1"]);
    let run = [m::bind("", "p", &[], &[]), m::execute("", 0), m::sync()].concat();
    let waiting = held(session, run);
    bench.pending(1);
    bench.bauta.cli_ok(&["approve", "2"]);
    let (frames, _) = waiting.join().unwrap();
    assert_eq!((rows(&frames), error(&frames)), (1, None), "{frames:?}");
}

#[test]
fn a_denied_statement_is_refused_and_the_session_goes_on() {
    let bench = Bench::new();
    for bytes in [m::query(FIND), extended()] {
        let waiting = held(bench.session(), bytes);
        let id = bench.pending(1)[0]["id"].to_string();
        bench.bauta.cli_ok(&["deny", &id, "--reason", "not today"]);
        let (frames, mut session) = waiting.join().unwrap();
        assert_eq!((rows(&frames), error(&frames).as_deref()), (0, Some("42501")), "{frames:?}");
        assert!(detail(&frames).contains("was denied by root: not today"), "{frames:?}");
        assert_eq!(rows(&session.query("SELECT 1")), 1);
    }
    let refused = bench.bauta.audit().iter().filter(|r| r["sqlstate"] == "42501").count();
    assert_eq!(refused, 2, "each refusal is one statement in the log");
}

#[test]
fn a_statement_waits_no_longer_than_hold_timeout() {
    let bench = Bench::with(&POLICY.replace("30s", "1s"));
    let frames = bench.session().query(FIND);
    assert_eq!((rows(&frames), error(&frames).as_deref()), (0, Some("42501")), "{frames:?}");
    assert!(detail(&frames).contains("Request 1 was not decided in time"), "{frames:?}");
    bench.has_status(1, "expired");
}

#[test]
fn ctrl_c_in_psql_cancels_statement_and_request() {
    let bench = Bench::new();
    let mut child = std::process::Command::new("psql")
        .args(["-X", "-q", "-A", "-t", "-c", FIND, "-c", "SELECT 'still here'"])
        .env("PGPASSWORD", "ana-password")
        .args(["-d", &format!("host=127.0.0.1 port={} user=ana dbname=shop", bench.bauta.port)])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    bench.pending(1);
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    bench.has_status(1, "cancelled");
    child.wait().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.contains("canceling statement due to user request"), "{said}");
}

#[test]
fn a_cancel_request_reaches_the_held_statement_and_no_later_one() {
    let bench = Bench::new();
    let session = bench.session();
    let key = session.greeting.iter().find(|f| f.tag == b'K').unwrap().body.clone();
    let waiting = held(session, m::query(FIND));
    bench.pending(1);
    let request = [&16u32.to_be_bytes()[..], &80_877_102u32.to_be_bytes(), &key].concat();
    let mut cancel = Raw::open(bench.bauta.port);
    cancel.send(&request);
    assert_eq!(cancel.receive(), None);
    let (frames, mut session) = waiting.join().unwrap();
    assert_eq!((rows(&frames), error(&frames).as_deref()), (0, Some("57014")), "{frames:?}");
    assert_eq!(rows(&session.query("SELECT pg_sleep(0.2)")), 1);
    bench.has_status(1, "cancelled");
}

#[test]
fn where_a_ticket_is_required_the_statement_brings_it() {
    let bench = Bench::with(&POLICY.replace("[defaults]", "[defaults]\nticket_pattern = \"INC-[0-9]+\""));
    let mut session = bench.session();
    let frames = session.query(FIND);
    assert_eq!(error(&frames).as_deref(), Some("42501"), "{frames:?}");
    assert_eq!(detail(&frames), "No request was filed: a ticket is required.");
    let waiting = held(session, m::query(&format!("-- INC-4711: refund\n{FIND}")));
    assert_eq!(bench.pending(1)[0]["ticket"], "INC-4711");
    bench.bauta.cli_ok(&["approve", "1"]);
    assert_eq!(rows(&waiting.join().unwrap().0), 1);
}

#[test]
fn a_client_that_leaves_takes_its_request_along() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.send(&m::query(FIND));
    bench.pending(1);
    drop(session);
    bench.has_status(1, "cancelled");
    assert_ne!(bench.bauta.cli(&["approve", "1"]).code, Some(0));
    // Killed, likewise.
    let mut session = bench.session();
    session.send(&m::query(FIND));
    bench.pending(1);
    let line = bench.bauta.cli_ok(&["sessions", "--json"]);
    let info: serde_json::Value = serde_json::from_str(line.lines().last().unwrap()).unwrap();
    bench.bauta.cli_ok(&["kill", &info["id"].to_string()]);
    bench.has_status(2, "cancelled");
}

#[test]
fn inside_a_transaction_nothing_waits() {
    let bench = Bench::new();
    let mut session = bench.session();
    session.query("BEGIN");
    assert_eq!(error(&session.query(FIND)).as_deref(), Some("42501"));
    session.query("ROLLBACK");
    // A pipeline that has begun is a transaction too.
    let begun = [m::parse("", "SELECT 1", &[]), m::bind("", "", &[], &[]), m::execute("", 0)].concat();
    let frames = session.exchange(&[begun, extended()].concat());
    assert_eq!(error(&frames).as_deref(), Some("42501"), "{frames:?}");
    assert!(bench.requests().is_empty());
    // What nobody may ask for is refused at once.
    let sam = Raw::connect(bench.bauta.port, "sam").query(FIND);
    assert_eq!(error(&sam).as_deref(), Some("42501"));
}

#[test]
fn waiting_is_not_idling() {
    let bench = Bench::with(&format!("{POLICY}\n[limits]\nidle_timeout = \"1s\""));
    let waiting = held(bench.session(), m::query(FIND));
    bench.pending(1);
    // An idle session has ended by then.
    let mut idle = bench.session();
    assert_eq!(idle.receive().and_then(|f| f.field(b'C')).as_deref(), Some("57P05"));
    bench.bauta.cli_ok(&["approve", "1"]);
    let (frames, _) = waiting.join().unwrap();
    assert_eq!((rows(&frames), error(&frames)), (1, None), "{frames:?}");
}

#[test]
fn two_sessions_wait_for_a_request_each() {
    let bench = Bench::new();
    let first = held(bench.session(), m::query(FIND));
    bench.pending(1);
    let second = held(bench.session(), m::query(FIND));
    bench.pending(2);
    bench.bauta.cli_ok(&["deny", "1"]);
    assert_eq!(error(&first.join().unwrap().0).as_deref(), Some("42501"));
    assert_eq!(bench.pending(1)[0]["id"], 2);
    // Access may come without anybody looking at the request.
    bench.bauta.cli_ok(&["grant", "ana", "--tag", "pii", "--for", "1m", "--reason", "r"]);
    assert_eq!(rows(&second.join().unwrap().0), 1);
    bench.has_status(2, "cancelled");
}

#[test]
fn what_was_approved_counts_and_nothing_else() {
    let bench = Bench::new();
    let both = "SELECT id FROM customers WHERE email LIKE '%@%' OR ssn LIKE '1%' ORDER BY id LIMIT 1";
    let waiting = held(bench.session(), m::query(both));
    bench.pending(1);
    bench.bauta.cli_ok(&["approve", "1", "--column", "public.customers.email"]);
    let (frames, _) = waiting.join().unwrap();
    assert_eq!((rows(&frames), error(&frames).as_deref()), (0, Some("42501")), "{frames:?}");
}

#[test]
fn a_statement_that_means_something_else_by_then_is_judged_anew() {
    let bench = Bench::new();
    let mut dba = Raw::connect(bench.server.port(), "postgres");
    dba.query("CREATE VIEW found AS SELECT id, email AS what FROM customers; GRANT SELECT ON found TO ana");
    let find = "SELECT id FROM found WHERE what LIKE '%1%' ORDER BY id LIMIT 1";
    let waiting = held(bench.session(), m::query(find));
    assert_eq!(bench.pending(1)[0]["columns"], serde_json::json!(["public.customers.email"]));
    dba.query("CREATE OR REPLACE VIEW found AS SELECT id, ssn AS what FROM customers");
    // bauta has seen the DDL when its own account of the statement has changed.
    let explain = ["explain", "-d", "shop", "-U", "ana", find];
    bench.until(|bench| bench.bauta.cli_ok(&explain).contains("customers.ssn").then_some(()));
    bench.bauta.cli_ok(&["approve", "1"]);
    let (frames, _) = waiting.join().unwrap();
    assert_eq!((rows(&frames), error(&frames).as_deref()), (0, Some("42501")), "{frames:?}");
    assert!(notices(&frames).iter().any(|n| n.contains("request 1")), "{frames:?}");
}

#[test]
fn a_request_does_not_outlive_the_process_that_its_statement_waits_in() {
    let mut bench = Bench::new();
    let mut session = bench.session();
    session.send(&m::query(FIND));
    bench.pending(1);
    bench.bauta.kill();
    bench.bauta.serve();
    bench.has_status(1, "cancelled");
    // The session number that it was asked in is another's now.
    let _other = bench.session();
    assert_ne!(bench.bauta.cli(&["approve", "1"]).code, Some(0));
}
