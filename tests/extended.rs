//! Access that begins and ends while statements are prepared, portals open
//! and rows under way; and what bauta answers itself.
//!
//! Goal: no message order lets a grant outlive itself. Method: raw frames,
//! with a grant given and taken by the command line between any two of them.

use std::time::{Duration, Instant};

use crate::harness::{Bauta, Frame, Raw, Server, message as m, psql};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    [[role]]
    name = "analyst"
    members = ["ana"]
    request = ["public.customers.*"]
"#;

fn rows(frames: &[Frame]) -> Vec<Vec<Option<String>>> {
    let text = |v: Option<Vec<u8>>| v.map(|v| String::from_utf8_lossy(&v).into_owned());
    frames.iter().filter(|f| f.tag == b'D').map(|f| f.columns().into_iter().map(text).collect()).collect()
}

fn first(frames: &[Frame]) -> String {
    rows(frames)[0][0].clone().unwrap()
}

fn error(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').map(|f| f.field(b'C').unwrap())
}

fn status(frames: &[Frame]) -> char {
    char::from(frames.last().unwrap().body[0])
}

/// Gives ana the address column; the grant's id.
fn grant(bauta: &Bauta, duration: &str) -> String {
    let line = bauta.cli_ok(&[
        "grant",
        "ana",
        "--column",
        "public.customers.email",
        "--for",
        duration,
        "--reason",
        "test",
        "--json",
    ]);
    let grant: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    grant["id"].to_string()
}

fn is_masked(email: &str) -> bool {
    email.contains("***")
}

const EMAIL: &str = "SELECT email FROM customers WHERE id = 1";

#[test]
fn a_grant_counts_from_the_next_statement_to_its_end() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    let prepared = [m::parse("e", EMAIL, &[]), m::sync()].concat();
    raw.exchange(&prepared);
    let run = [m::bind("", "e", &[], &[]), m::execute("", 0), m::sync()].concat();
    assert!(is_masked(&first(&raw.query(EMAIL))));
    assert!(is_masked(&first(&raw.exchange(&run))));
    let id = grant(&bauta, "1h");
    assert!(!is_masked(&first(&raw.query(EMAIL))));
    assert!(!is_masked(&first(&raw.exchange(&run))));
    bauta.cli_ok(&["revoke", &id]);
    assert!(is_masked(&first(&raw.query(EMAIL))));
    assert!(is_masked(&first(&raw.exchange(&run))));
    grant(&bauta, "1s");
    assert!(!is_masked(&first(&raw.query(EMAIL))));
    std::thread::sleep(Duration::from_millis(1100));
    assert!(is_masked(&first(&raw.query(EMAIL))));
}

#[test]
fn a_statement_prepared_under_a_grant_does_not_outlive_it() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    let id = grant(&bauta, "1h");
    let search = "SELECT id FROM customers WHERE email LIKE 'a%' ORDER BY id";
    let concat = "SELECT email || '!' FROM customers WHERE id = 1";
    raw.exchange(&[m::parse("s", search, &[]), m::parse("c", concat, &[]), m::sync()].concat());
    raw.query(&format!("PREPARE q AS {concat}"));
    let run = |name: &str| [m::bind("", name, &[], &[]), m::execute("", 0), m::sync()].concat();
    assert!(error(&raw.exchange(&run("s"))).is_none());
    assert!(first(&raw.exchange(&run("c"))).contains('@'));
    assert!(first(&raw.query("EXECUTE q")).contains('@'));
    bauta.cli_ok(&["revoke", &id]);
    assert_eq!(error(&raw.exchange(&run("s"))).as_deref(), Some("42501"));
    // Parsed anew, unseen, in its neutralised form.
    let frames = raw.exchange(&run("c"));
    assert_eq!(rows(&frames), [[None]], "{frames:?}");
    assert_eq!(frames[0].tag, b'2', "the new Parse is not seen");
    assert_eq!(error(&raw.query("EXECUTE q")).as_deref(), Some("42501"));
    assert_eq!(error(&raw.exchange(&run("q"))).as_deref(), Some("42501"));
    assert_eq!(status(&raw.query("SELECT 1")), 'I');
}

#[test]
fn an_open_portal_or_cursor_does_not_outlive_its_grant() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    let id = grant(&bauta, "1h");
    let plain = "SELECT email FROM customers ORDER BY id";
    let search = "SELECT id FROM customers WHERE email LIKE '%@%' ORDER BY id";
    raw.query("BEGIN");
    raw.query(&format!("DECLARE c CURSOR FOR {plain}"));
    raw.query(&format!("DECLARE d CURSOR FOR {search}"));
    let open = [
        m::parse("", plain, &[]),
        m::bind("p", "", &[], &[]),
        m::execute("p", 1),
        m::parse("", search, &[]),
        m::bind("q", "", &[], &[]),
        m::execute("q", 1),
        m::sync(),
    ];
    let frames = raw.exchange(&open.concat());
    assert_eq!(error(&frames), None);
    assert!(!is_masked(&first(&frames)));
    assert!(!is_masked(&first(&raw.query("FETCH 1 FROM c"))));
    assert_eq!(rows(&raw.query("FETCH 1 FROM d")).len(), 1);
    bauta.cli_ok(&["revoke", &id]);
    assert!(is_masked(&first(&raw.query("FETCH 1 FROM c"))));
    assert!(is_masked(&first(&raw.exchange(&[m::execute("p", 1), m::sync()].concat()))));
    raw.query("SAVEPOINT s");
    // The rows of a cursor of SQL's are described for FETCH alone.
    let frames = raw.exchange(&[m::execute("c", 1), m::sync()].concat());
    let told = frames.iter().find(|f| f.tag == b'E').unwrap();
    assert!(told.field(b'M').unwrap().contains("DECLARE"), "{frames:?}");
    raw.query("ROLLBACK TO s");
    assert_eq!(error(&raw.query("FETCH 1 FROM d")).as_deref(), Some("42501"));
    raw.query("ROLLBACK TO s");
    let frames = raw.exchange(&[m::execute("q", 1), m::sync()].concat());
    assert_eq!((error(&frames).as_deref(), status(&frames)), (Some("42501"), 'E'));
}

/// Reads rows slowly until the connection shows an error, then to the end.
fn read_on(raw: &mut Raw, mut each: impl FnMut(usize)) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = raw.receive() {
        let ready = frame.tag == b'Z';
        frames.push(frame);
        each(frames.len());
        if ready {
            break;
        }
    }
    frames
}

#[test]
fn a_stream_ends_after_a_whole_row_when_its_grant_ends() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let sql = "SELECT email, repeat('x', 1000) FROM customers, generate_series(1, 20000)";
    for (name, bytes) in [
        ("simple", m::query(sql)),
        (
            "extended",
            [m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::sync()].concat(),
        ),
        ("copy", m::query(&format!("COPY ({sql}) TO STDOUT"))),
    ] {
        let mut raw = Raw::connect(bauta.port, "ana");
        raw.query("BEGIN");
        let id = grant(&bauta, "1h");
        raw.send(&bytes);
        let mut revoked = None;
        let frames = read_on(&mut raw, |count| {
            if count == 2000 {
                bauta.cli_ok(&["revoke", &id]);
                revoked = Some(Instant::now());
            }
        });
        assert_eq!(error(&frames).as_deref(), Some("42501"), "{name}");
        let total = frames.iter().filter(|f| matches!(f.tag, b'D' | b'd')).count();
        // What the sockets held when it ended; 1,000,000 rows were asked for.
        assert!(total < 60_000, "{name}: {total} rows");
        assert_eq!(status(&frames), 'E', "{name}: the transaction has failed");
        assert_eq!(error(&raw.query("SELECT 1")).as_deref(), Some("25P02"), "{name}");
        assert_eq!(status(&raw.query("ROLLBACK")), 'I', "{name}");
        assert!(is_masked(&first(&raw.query(EMAIL))), "{name}: the session goes on");
    }
    assert_eq!(server.sessions_of("ana"), 0, "no query goes on for nobody");
}

#[test]
fn rows_that_wait_unsent_when_the_grant_ends_are_dropped() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    grant(&bauta, "2s");
    raw.send(&m::query("SELECT email, repeat('x', 1000) FROM customers, generate_series(1, 2000)"));
    // Nothing is read: rows wait in every buffer on the way.
    std::thread::sleep(Duration::from_millis(2500));
    let frames = read_on(&mut raw, |_| ());
    assert_eq!(error(&frames).as_deref(), Some("42501"));
    assert_eq!(status(&frames), 'I');
    assert!(is_masked(&first(&raw.query(EMAIL))));
}

#[test]
fn bauta_answers_its_own_functions_in_both_protocols() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let seen = psql("ana", bauta.port, "SELECT column_name, method, access FROM bauta.columns()");
    assert_eq!(seen.out(), "public.customers.email|email|masked");
    let mut raw = Raw::connect(bauta.port, "ana");
    let frames = raw.query("SELECT * FROM bauta.request('public.customers.email', '15m', 'INC-1')");
    assert_eq!(error(&frames), None);
    let id = first(&frames);
    let ask = [
        m::parse("", "SELECT id, status FROM bauta.requests() WHERE id = $1", &[]),
        m::describe(b'S', ""),
        m::bind("", "", &[Some(&id)], &[]),
        m::describe(b'P', ""),
        m::execute("", 0),
        m::sync(),
    ];
    let frames = raw.exchange(&ask.concat());
    assert_eq!(frames.iter().map(|f| char::from(f.tag)).collect::<String>(), "1tT2TDCZ");
    assert_eq!(rows(&frames), [[Some(id.clone()), Some("pending".to_owned())]]);
    bauta.cli_ok(&["approve", &id]);
    let frames = raw.query(EMAIL);
    assert!(!is_masked(&first(&frames)));
    let again = raw.query("SELECT status FROM bauta.requests()");
    assert_eq!(first(&again), "approved");
    assert_eq!(
        error(&raw.query("SELECT * FROM bauta.request('public.customers.email', 'soon', 'x')")).as_deref(),
        Some("22023")
    );
    raw.query("BEGIN; SELECT 1/0");
    let frames = raw.query("SELECT * FROM bauta.request('public.customers.email', '15m', 'INC-2')");
    assert_eq!(error(&frames).as_deref(), Some("25P02"));
    raw.query("ROLLBACK");
    assert_eq!(rows(&raw.query("SELECT id FROM bauta.requests()")).len(), 1, "nothing happened");
    let parts = [
        m::query("BEGIN"),
        m::parse("", "SELECT column_name FROM bauta.columns()", &[]),
        m::bind("p", "", &[], &[1]),
        m::execute("p", 1),
        m::execute("p", 1),
        m::sync(),
    ];
    raw.send(&parts.concat());
    raw.until_ready();
    let frames = raw.until_ready();
    assert_eq!(frames.iter().map(|f| char::from(f.tag)).collect::<String>(), "12DsCZ");
}

#[test]
fn a_statement_that_was_killed_or_lost_its_server_ends_cleanly() {
    let mut server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    let id = {
        let list: serde_json::Value =
            serde_json::from_str(bauta.cli_ok(&["sessions", "--json"]).lines().next().unwrap()).unwrap();
        list["id"].to_string()
    };
    raw.send(&m::query("SELECT pg_sleep(60)"));
    std::thread::sleep(Duration::from_millis(200));
    bauta.cli_ok(&["kill", &id]);
    let frames = raw.until_ready();
    assert_eq!(error(&frames).as_deref(), Some("57P01"));
    let started = Instant::now();
    while server.sessions_of("ana") > 0 {
        assert!(started.elapsed() < Duration::from_secs(5), "an upstream session is left");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut raw = Raw::connect(bauta.port, "ana");
    raw.send(&m::query("SELECT pg_sleep(60)"));
    std::thread::sleep(Duration::from_millis(200));
    server.restart();
    assert!(error(&raw.until_ready()).is_some());
    assert!(raw.receive().is_none());
    let mut raw = Raw::connect(bauta.port, "ana");
    assert_eq!(error(&raw.query("SELECT 1")), None);
}

#[test]
fn a_client_that_leaves_takes_its_query_with_it() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    for sql in ["SELECT pg_sleep(60)", "SELECT repeat('x', 1000) FROM generate_series(1, 100000000)"] {
        let mut raw = Raw::connect(bauta.port, "ana");
        raw.send(&m::query(sql));
        std::thread::sleep(Duration::from_millis(300));
        drop(raw);
        let started = Instant::now();
        while server.sessions_of("ana") > 0 {
            assert!(started.elapsed() < Duration::from_secs(10), "{sql} goes on for nobody");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    // One that only closed its sending half gets its answer.
    let mut raw = Raw::connect(bauta.port, "ana");
    raw.send(&m::query("SELECT 'late' FROM pg_sleep(0.3)"));
    raw.stream().shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(first(&raw.until_ready()), "late");
}
