//! DDL of a DBA that commits while a client's statement waits: the server reads
//! its names after that, bauta has judged it before.
//!
//! Goal: nothing of a protected value is told by what the statement then means,
//! and a statement that means what it did is answered as ever, with any DDL
//! beside it. Method: a view is replaced under a lock that the statement waits
//! for, in each way that a statement can be sent; the catalog is polled so seldom
//! that only a look of the statement's own can find it. Each is shown to work
//! against a direct connection.

use std::time::{Duration, Instant};

use crate::handles::with_sync;
use crate::harness::{Bauta, Frame, Raw, Server, message as m};
use crate::unseen::extended;

const POLICY: &str = r#"
    upstream.catalog_poll = "1h"
    [[protect]]
    column = "public.customers.email"
    method = "redact"
"#;

const BEFORE: &str = "
    CREATE TABLE notes (id int, note text); INSERT INTO notes VALUES (1, 'x'), (2, 'y');
    CREATE VIEW clean AS SELECT id, note FROM notes;
    CREATE SCHEMA own AUTHORIZATION ana; GRANT ALL ON ALL TABLES IN SCHEMA public TO ana;";

/// What the DBA does behind bauta's back.
const CHANGE: &str = "CREATE OR REPLACE VIEW clean AS SELECT id, left(email, 99) AS note FROM customers";
const BACK: &str = "CREATE OR REPLACE VIEW clean AS SELECT id, note FROM notes";

const FUNCTIONS: [&str; 2] = [
    "CREATE FUNCTION own.told(int) RETURNS text LANGUAGE plpgsql AS \
     'BEGIN RETURN (SELECT note FROM public.clean WHERE id = $1); END'",
    "CREATE FUNCTION own.noticed() RETURNS int LANGUAGE plpgsql AS \
     'BEGIN RAISE NOTICE ''%'', (SELECT max(note) FROM public.clean); RETURN 1; END'",
];

/// Messages that wait for the view, and tell an address once it is another.
fn ways() -> Vec<(&'static str, Vec<u8>)> {
    let undescribed =
        [m::parse("", "SELECT note FROM clean", &[]), m::bind("", "", &[], &[]), m::execute("", 0)];
    vec![
        ("simple", m::query("SELECT note FROM clean")),
        ("the second of a Query", m::query("SELECT 1; SELECT note FROM clean")),
        ("read by bauta", m::query("SELECT count(email) FROM customers; SELECT note FROM clean")),
        ("COPY", m::query("COPY (SELECT note FROM clean) TO STDOUT")),
        ("EXECUTE", m::query("EXECUTE p")),
        ("an error", m::query("SELECT note::int FROM clean")),
        ("a function at each row", m::query("SELECT own.told(id) FROM notes")),
        ("a notice", m::query("SELECT own.noticed()")),
        ("extended", with_sync(&[extended("SELECT note FROM clean")])),
        ("extended, not described", with_sync(&undescribed)),
    ]
}

fn tells(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| frame.body.windows(8).any(|w| w == b"example."))
}

fn prepared(port: u16) -> Raw {
    let mut victim = Raw::connect(port, "ana");
    victim.query("PREPARE p AS SELECT note FROM clean");
    victim
}

/// What is answered until the server is ready or the session ends.
fn rest(session: &mut Raw) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = session.receive() {
        let last = frame.tag == b'Z';
        frames.push(frame);
        if last {
            break;
        }
    }
    frames
}

/// Sends the message while `change` is under way; what it is answered.
fn raced(server: &Server, victim: &mut Raw, change: &str, message: &[u8]) -> Vec<Frame> {
    let mut dba = Raw::connect(server.port(), "postgres");
    let waits = || {
        let begun = Instant::now();
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        while server.sql("shop", waiting).trim() == "0" {
            assert!(begun.elapsed() < Duration::from_secs(30), "nobody waits for the lock");
        }
        // Longer than a statement waits for a quick reply to be taken as it was judged.
        std::thread::sleep(Duration::from_millis(400));
    };
    raced_by(&mut dba, victim, change, message, waits)
}

/// [`raced`], `change` being committed after `waits`.
fn raced_by(dba: &mut Raw, victim: &mut Raw, change: &str, message: &[u8], waits: impl Fn()) -> Vec<Frame> {
    for sql in ["BEGIN", "LOCK TABLE clean IN ACCESS EXCLUSIVE MODE", change] {
        assert!(dba.query(sql).iter().all(|frame| frame.tag != b'E'), "{sql}");
    }
    victim.send(message);
    waits();
    assert!(dba.query("COMMIT").iter().all(|frame| frame.tag != b'E'));
    rest(victim)
}

#[test]
fn what_a_waiting_statement_has_come_to_mean_is_not_told() {
    let server = Server::start();
    server.sql("shop", BEFORE);
    let mut ana = Raw::connect(server.port(), "ana");
    for sql in FUNCTIONS {
        assert!(ana.query(sql).iter().all(|frame| frame.tag != b'E'), "{sql}");
    }
    for (name, message) in ways() {
        let frames = raced(&server, &mut prepared(server.port()), CHANGE, &message);
        assert!(tells(&frames), "{name} tells nothing to begin with: {frames:?}");
        server.sql("shop", BACK);
        // One that has not looked since.
        let bauta = Bauta::start(&server, POLICY);
        let frames = raced(&server, &mut prepared(bauta.port), CHANGE, &message);
        assert!(!tells(&frames), "{name}: {frames:?}");
        assert!(frames.iter().any(|frame| matches!(frame.tag, b'E' | b'N')), "{name}: {frames:?}");
        server.sql("shop", BACK);
    }
}

/// DDL that goes through bauta is known as soon as it is answered, and before that as
/// something that may be: no statement's reply comes too quickly to be looked at.
#[test]
fn what_a_statement_has_come_to_mean_is_not_told_however_short_it_waited() {
    let server = Server::start();
    server.sql("shop", BEFORE);
    let policy = format!("{POLICY}\n[[role]]\nname = \"ddl\"\nmembers = [\"postgres\"]\nexempt = true\n");
    let bauta = Bauta::start(&server, &policy);
    let brief = || std::thread::sleep(Duration::from_millis(100));
    for (name, message) in ways().into_iter().filter(|(name, _)| !name.contains("a function")) {
        if name == "a notice" {
            continue;
        }
        let mut dba = Raw::connect(bauta.port, "postgres");
        let frames = raced_by(&mut dba, &mut prepared(bauta.port), CHANGE, &message, brief);
        assert!(!tells(&frames), "{name}: {frames:?}");
        assert!(dba.query(BACK).iter().all(|frame| frame.tag != b'E'), "{name}");
    }
}

/// The server answers a COMMIT in the middle of a text when the text ends.
#[test]
fn ddl_that_is_committed_before_it_is_answered_is_looked_for() {
    let server = Server::start();
    server.sql("shop", BEFORE);
    let policy = format!("{POLICY}\n[[role]]\nname = \"ddl\"\nmembers = [\"postgres\"]\nexempt = true\n");
    let bauta = Bauta::start(&server, &policy);
    let mut dba = Raw::connect(bauta.port, "postgres");
    let mut ana = Raw::connect(bauta.port, "ana");
    assert!(ana.query("SELECT note FROM clean").iter().any(|frame| frame.tag == b'D'));
    let mut direct = Raw::connect(server.port(), "ana");
    direct.query("SELECT pg_advisory_lock(7)");
    dba.send(&m::query(&format!("BEGIN; {CHANGE}; COMMIT; SELECT pg_advisory_lock(7)")));
    let begun = Instant::now();
    while !tells(&direct.query("SELECT note FROM clean")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is committed");
    }
    for sql in ["SELECT note FROM clean", "COPY (SELECT note FROM clean) TO STDOUT"] {
        let frames = ana.query(sql);
        assert!(!tells(&frames), "{sql}: {frames:?}");
    }
    direct.query("SELECT pg_advisory_unlock(7)");
    dba.until_ready();
    assert!(!tells(&ana.query("SELECT note FROM clean")));
}

#[test]
fn how_many_rows_it_then_changes_is_not_told() {
    let server = Server::start();
    server.sql("shop", BEFORE);
    let message =
        m::query("UPDATE notes SET id = id WHERE EXISTS (SELECT FROM clean WHERE note LIKE 'a%@%')");
    let frames = raced(&server, &mut prepared(server.port()), CHANGE, &message);
    assert!(frames.iter().any(|frame| frame.body.starts_with(b"UPDATE 2")), "{frames:?}");
    server.sql("shop", BACK);
    let bauta = Bauta::start(&server, POLICY);
    let frames = raced(&server, &mut prepared(bauta.port), CHANGE, &message);
    // It was done: its session ends, for there is no true answer that tells nothing.
    assert_eq!(frames.iter().map(|frame| frame.tag).collect::<Vec<_>>(), b"E", "{frames:?}");
    assert_eq!(frames.first().and_then(|frame| frame.field(b'C')).as_deref(), Some("0A000"));
}

#[test]
fn ddl_beside_a_waiting_statement_does_not_hinder_it() {
    let server = Server::start();
    server.sql("shop", BEFORE);
    let mut ana = Raw::connect(server.port(), "ana");
    for sql in FUNCTIONS {
        assert!(ana.query(sql).iter().all(|frame| frame.tag != b'E'), "{sql}");
    }
    let bauta = Bauta::start(&server, POLICY);
    let mut messages = ways();
    messages.push(("masked", m::query("SELECT email, note FROM customers JOIN clean USING (id)")));
    messages.push(("a write", m::query("UPDATE notes SET id = id WHERE EXISTS (SELECT FROM clean)")));
    messages.push(("DDL", m::query("CREATE TABLE own.copied AS SELECT note FROM clean")));
    for (at, (name, message)) in messages.into_iter().enumerate() {
        let change = |name: &str| format!("CREATE VIEW {name}{at} AS SELECT email FROM customers");
        let direct = raced(&server, &mut prepared(server.port()), &change("direct"), &message);
        server.sql("shop", "DROP TABLE IF EXISTS own.copied");
        let frames = raced(&server, &mut prepared(bauta.port), &change("beside"), &message);
        let tags = |frames: &[Frame]| frames.iter().map(|frame| frame.tag).collect::<Vec<_>>();
        assert_eq!(tags(&frames), tags(&direct), "{name}: {frames:?}");
        assert!(!tells(&frames), "{name}: {frames:?}");
    }
}

/// Reads the view at its last rows, after some seconds.
const SLOW: &str = "CREATE FUNCTION own.slow(i int) RETURNS text LANGUAGE plpgsql AS \
     'BEGIN PERFORM pg_sleep(0.1); IF i < 60 THEN RETURN ''x''; END IF; \
      RETURN (SELECT note FROM public.clean WHERE id = 1); END'";

/// A shop whose clean view bauta looks at often.
fn watched(server: &Server) -> (Bauta, String) {
    server.sql("shop", BEFORE);
    let policy = POLICY.replace("1h", "100ms");
    let bauta = Bauta::start(server, &policy);
    for sql in FUNCTIONS.iter().chain([&SLOW, &"CREATE TABLE own.kept (told text)"]) {
        let frames = Raw::connect(bauta.port, "ana").query(sql);
        assert!(frames.iter().all(|frame| frame.tag != b'E'), "{sql}: {frames:?}");
    }
    (bauta, policy)
}

/// A reload changes what a statement means by the policy; what it means by that is what
/// DDL behind it is held against.
#[test]
fn what_runs_is_held_against_ddl_behind_a_reload() {
    let server = Server::start();
    let (bauta, policy) = watched(&server);
    let [mut shows, mut copies, mut masked] = [(); 3].map(|()| Raw::connect(bauta.port, "ana"));
    let slowly = "FROM generate_series(1, 200) i";
    shows.send(&m::query(&format!("SELECT own.slow(i), repeat('y', 9000) {slowly}")));
    copies.send(&m::query(&format!("INSERT INTO own.kept SELECT own.slow(i) {slowly}")));
    masked.send(&m::query("SELECT email, pg_sleep(0.1), repeat('y', 9000) FROM customers WHERE id < 20"));
    std::thread::sleep(Duration::from_millis(600));
    bauta.write_config(&policy.replace("redact", "null"));
    bauta.cli_ok(&["reload"]);
    let frames = rest(&mut masked);
    assert_eq!(
        frames.last().map(|frame| frame.tag),
        Some(b'Z'),
        "the policy alone stops nothing: {frames:?}"
    );
    server.sql("shop", CHANGE);
    for session in [&mut shows, &mut copies] {
        let frames = rest(session);
        assert!(!tells(&frames));
        assert_eq!(frames.last().and_then(|frame| frame.field(b'C')).as_deref(), Some("0A000"), "{frames:?}");
    }
    assert_eq!(server.sql("shop", "SELECT count(*) FROM own.kept").trim(), "0");
}

/// A COMMIT runs what a cursor WITH HOLD is to hold, whatever sends it.
#[test]
fn what_a_commit_fills_a_cursor_with_is_held_against_ddl() {
    let server = Server::start();
    let (bauta, _) = watched(&server);
    let declare = "DECLARE h CURSOR WITH HOLD FOR SELECT i, own.slow(i) FROM generate_series(1, 63) i";
    let run = |sql| [m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::execute("", 0)].concat();
    let ways = [
        ("COMMIT", Some("BEGIN"), m::query("COMMIT")),
        ("AND CHAIN", Some("BEGIN"), m::query("COMMIT AND CHAIN")),
        ("END", Some("BEGIN"), m::query("SELECT 1; END")),
        ("extended", Some("BEGIN"), with_sync(&[run("COMMIT")])),
        ("a Sync", None, m::sync()),
    ];
    let mut sessions = Vec::new();
    for (name, begin, message) in ways {
        let mut ana = Raw::connect(bauta.port, "ana");
        match begin {
            Some(begin) => {
                ana.query(begin);
                assert!(ana.query(declare).iter().all(|frame| frame.tag != b'E'), "{name}");
            }
            None => {
                ana.send(&[run(declare), m::flush()].concat());
                while ana.receive().expect("an answer").tag != b'C' {}
            }
        }
        ana.send(&message);
        sessions.push((name, ana));
    }
    std::thread::sleep(Duration::from_millis(600));
    server.sql("shop", CHANGE);
    for (name, mut session) in sessions {
        let frames = rest(&mut session);
        assert_eq!(
            frames.last().and_then(|frame| frame.field(b'C')).as_deref(),
            Some("0A000"),
            "{name}: {frames:?}"
        );
    }
}

/// What a cursor holds stays what it is, whatever becomes of the names in its text.
#[test]
fn a_cursor_whose_meaning_has_changed_holds_what_nobody_may_see() {
    let server = Server::start();
    let (bauta, _) = watched(&server);
    let mut ana = Raw::connect(bauta.port, "ana");
    for sql in [
        "BEGIN",
        "DECLARE held CURSOR WITH HOLD FOR SELECT own.told(id) FROM notes",
        "DECLARE plain CURSOR WITH HOLD FOR SELECT note FROM notes",
        "COMMIT",
    ] {
        assert!(ana.query(sql).iter().all(|frame| frame.tag != b'E'), "{sql}");
    }
    let fetch = |ana: &mut Raw, name: &str| ana.query(&format!("FETCH 1 FROM {name}")).remove(0).tag;
    assert_eq!(fetch(&mut ana, "held"), b'T');
    let mut other = Raw::connect(bauta.port, "ana");
    let mut until_told = |refused: bool| {
        let begun = Instant::now();
        while other.query("SELECT own.told(1)").iter().any(|frame| frame.tag == b'E') != refused {
            assert!(begun.elapsed() < Duration::from_secs(30), "bauta has seen the DDL");
        }
    };
    server.sql("shop", CHANGE);
    // One that is under way at that moment ends with its session.
    std::thread::sleep(Duration::from_secs(1));
    until_told(true);
    assert_eq!(fetch(&mut ana, "held"), b'E');
    server.sql("shop", BACK);
    until_told(false);
    assert_eq!(fetch(&mut ana, "held"), b'E', "its text is clean again");
    assert_eq!(fetch(&mut ana, "plain"), b'T');
}

/// A plan holds functions by their OIDs: what is open, or runs, goes on calling one whose
/// name another has by now.
#[test]
fn a_function_that_is_exchanged_behind_its_name_is_known_to_what_calls_it() {
    let server = Server::start();
    let (bauta, _) = watched(&server);
    let late = "CREATE FUNCTION own.late(i int) RETURNS text LANGUAGE plpgsql AS \
         'BEGIN IF i < 2 THEN RETURN ''x''; END IF; RETURN (SELECT note FROM public.clean WHERE id = 1); END'";
    let around = "CREATE FUNCTION own.around(i int) RETURNS text LANGUAGE plpgsql AS \
         'BEGIN RETURN own.late(i); END'";
    let plain = "CREATE FUNCTION own.plain(i int) RETURNS text LANGUAGE sql AS 'SELECT ''p'''";
    let mut other = Raw::connect(bauta.port, "ana");
    for sql in [late, around, plain] {
        assert!(other.query(sql).iter().all(|frame| frame.tag != b'E'), "{sql}");
    }
    let fails = |frames: &[Frame]| frames.iter().any(|frame| frame.tag == b'E');
    let select = |function: &str| format!("SELECT i, own.{function}(i) FROM generate_series(1, 9) i");
    let mut open: Vec<(&str, Raw, Vec<u8>)> = Vec::new();
    for name in ["late", "around", "plain"] {
        let mut ana = Raw::connect(bauta.port, "ana");
        ana.query("BEGIN");
        ana.query(&format!("DECLARE c CURSOR FOR {}", select(name)));
        assert!(!fails(&ana.query("FETCH 1 c")), "{name}");
        open.push((name, ana, m::query("FETCH 3 c")));
        let mut ana = Raw::connect(bauta.port, "ana");
        ana.query("BEGIN");
        let bound = [m::parse("s", &select(name), &[]), m::bind("p", "s", &[], &[]), m::execute("p", 1)];
        assert!(!fails(&ana.exchange(&with_sync(&[bound.concat()]))), "{name}");
        open.push((name, ana, with_sync(&[m::execute("p", 3)])));
    }
    let mut runs = Raw::connect(bauta.port, "ana");
    runs.send(&m::query("SELECT own.slow(i), repeat('y', 9000) FROM generate_series(1, 63) i"));
    std::thread::sleep(Duration::from_millis(300));
    for name in ["slow", "late"] {
        for sql in [
            format!("ALTER FUNCTION own.{name}(int) RENAME TO {name}_before"),
            format!("CREATE FUNCTION own.{name}(i int) RETURNS text LANGUAGE sql AS 'SELECT ''z'''"),
            "ALTER FUNCTION own.plain(int) RENAME TO plain2".to_owned(),
            "ALTER FUNCTION own.plain2(int) RENAME TO plain".to_owned(),
        ] {
            assert!(!fails(&other.query(&sql)), "{sql}");
        }
    }
    // bauta has seen the names change before what they lead to does.
    std::thread::sleep(Duration::from_millis(500));
    server.sql("shop", CHANGE);
    let frames = rest(&mut runs);
    assert!(!tells(&frames));
    assert_eq!(frames.last().and_then(|frame| frame.field(b'C')).as_deref(), Some("0A000"), "{frames:?}");
    for (name, mut session, message) in open {
        let frames = session.exchange(&message);
        assert!(!tells(&frames), "{name}: {frames:?}");
        assert_eq!(fails(&frames), name != "plain", "{name}: {frames:?}");
    }
}
