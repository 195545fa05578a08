//! Goal: a statement that runs longer than `limits.query_timeout` ends on the
//! server, its client is told which limit it was, its record says how it
//! ended, and the session goes on; what only waits for its client is left
//! alone. Method: the real program, statements that sleep, and a server
//! process that is stopped.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Bauta, Frame, Raw, Server, message as m};
use crate::renewal::until;

const POLICY: &str = r#"
    limits.query_timeout = "1s"
    [[protect]]
    column = "public.customers.email"
    method = "email"
"#;

const SLEEP: &str = "SELECT pg_sleep(600)";

fn error(frames: &[Frame]) -> (String, String) {
    let error = frames.iter().find(|f| f.tag == b'E').unwrap_or_else(|| panic!("no error: {frames:?}"));
    (error.field(b'C').unwrap(), error.field(b'M').unwrap())
}

fn is_overtime(frames: &[Frame]) {
    let said = "canceling statement: it ran longer than limits.query_timeout (1s)".to_owned();
    assert_eq!(error(frames), ("57014".to_owned(), said));
}

fn works(session: &mut Raw) {
    let frames = session.query("SELECT 1");
    assert!(frames.iter().any(|f| f.tag == b'D'), "{frames:?}");
}

/// The records of so many that ended so.
fn ended(bauta: &Bauta, count: usize) -> Vec<serde_json::Value> {
    let all = || bauta.audit().into_iter().filter(|r| r["sqlstate"] == "57014").collect::<Vec<_>>();
    until("all are recorded", || all().len() >= count);
    assert_eq!(all().len(), count);
    all()
}

fn sleepers(server: &Server) -> String {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600)%' \
                 AND pid <> pg_backend_pid()";
    server.sql("postgres", count).trim().to_owned()
}

#[test]
fn a_statement_that_runs_too_long_is_cancelled_and_the_session_goes_on() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut session = Raw::connect(bauta.port, "ana");
    is_overtime(&session.query(SLEEP));
    assert_eq!(sleepers(&server), "0");
    works(&mut session);
    // The server's own words are filtered where protected data is touched; these are bauta's.
    is_overtime(&session.query("SELECT email, pg_sleep(600) FROM customers"));
    works(&mut session);
    // In a transaction, by messages, with more behind it.
    session.query("BEGIN");
    let sleeps = [m::parse("", SLEEP, &[]), m::bind("", "", &[], &[]), m::execute("", 0)].concat();
    let frames = session.exchange(&[sleeps.clone(), sleeps, m::sync()].concat());
    is_overtime(&frames);
    assert_eq!(frames.last().unwrap().body, b"E");
    session.query("ROLLBACK");
    works(&mut session);
    session.send(&m::query("COPY customers FROM STDIN"));
    is_overtime(&session.until_ready());
    works(&mut session);
    drop(session);
    // With the one behind it in the pipeline, which the server skipped.
    let overtime = ended(&bauta, 5);
    assert!(overtime.iter().all(|r| r["refused"] == false && r["ms"].as_f64().unwrap() >= 1000.0));
}

#[test]
fn what_is_short_enough_runs_and_what_waits_for_its_client_has_no_time() {
    let server = Server::start();
    let bauta = Bauta::start(&server, "limits.query_timeout = \"3s\"");
    let mut session = Raw::connect(bauta.port, "ana");
    for _ in 0..3 {
        let slept = session.query("SELECT pg_sleep(1.1)");
        assert!(!slept.iter().any(|f| f.tag == b'E'), "{slept:?}");
    }
    // Nobody has asked for the answer yet; in a transaction that waits.
    session.query("BEGIN");
    session.send(&[m::parse("", "SELECT 1", &[]), m::bind("", "", &[], &[]), m::execute("", 0)].concat());
    std::thread::sleep(Duration::from_millis(3500));
    let frames = session.exchange(&m::sync());
    assert!(!frames.iter().any(|f| f.tag == b'E'), "{frames:?}");
    works(&mut session);
}

#[test]
fn a_flush_asks_for_the_answer_too() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut session = Raw::connect(bauta.port, "ana");
    let sleeps =
        [m::parse("", SLEEP, &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::flush()].concat();
    session.send(&sleeps);
    let mut frames = Vec::new();
    while frames.last().is_none_or(|f: &Frame| f.tag != b'E') {
        frames.push(session.receive().expect("an answer"));
    }
    is_overtime(&frames);
    session.exchange(&m::sync());
    works(&mut session);
}

#[test]
fn a_server_that_does_not_let_go_ends_the_session() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut session = Raw::connect(bauta.port, "ana");
    let pid = session.query("SELECT pg_backend_pid()")[1].columns()[0].clone().unwrap();
    let backend = Pid::from_raw(String::from_utf8(pid).unwrap().parse().unwrap());
    kill(backend, Signal::SIGSTOP).unwrap();
    session.send(&m::query(SLEEP));
    let frames = session.until_ready();
    kill(backend, Signal::SIGCONT).unwrap();
    let (code, message) = error(&frames);
    assert!(code == "57014" && message.contains("the server does not end a statement"), "{frames:?}");
    assert!(session.receive().is_none());
    ended(&bauta, 1);
}
