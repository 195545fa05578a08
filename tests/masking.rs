//! Rows through bauta: masked where the policy says so, in every protocol
//! path, and never the raw value.
//!
//! Goal: no way of asking gives more than another. Method: the same data
//! asked for in each way the protocol knows, on the sample shop.

use crate::harness::{Bauta, Frame, Raw, Server, message as m, psql};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    [[protect]]
    column = "public.customers.ssn"
    method = "redact"
    [[protect]]
    columns = ["public.vault.*"]
    method = "redact"
    [[role]]
    name = "billing"
    members = ["etl"]
    unmask = ["public.customers.*"]
    exempt = true
"#;

fn rows(frames: &[Frame]) -> Vec<Vec<Option<String>>> {
    let text = |v: Option<Vec<u8>>| v.map(|v| String::from_utf8_lossy(&v).into_owned());
    frames.iter().filter(|f| f.tag == b'D').map(|f| f.columns().into_iter().map(text).collect()).collect()
}

fn error(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').map(|f| f.field(b'C').unwrap())
}

/// No frame holds any of these.
fn never(frames: &[Frame], raw: &[&str], what: &str) {
    for frame in frames {
        let body = String::from_utf8_lossy(&frame.body);
        for raw in raw {
            assert!(!body.contains(raw), "{what}: {raw} in a frame {}", frame.tag as char);
        }
    }
}

const RAW: &[&str] = &["@example.com", "@mail.example", "@work.example", "007919", "015838"];

#[test]
fn psql_shows_masks_and_truth_side_by_side() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let seen = psql("ana", bauta.port, "SELECT id, name, email, ssn FROM customers ORDER BY id LIMIT 2");
    let direct = psql("ana", server.port(), "SELECT id, name FROM customers ORDER BY id LIMIT 2");
    for (line, truth) in seen.out().lines().zip(direct.out().lines()) {
        assert!(line.starts_with(truth), "{line}");
        assert!(
            line.ends_with(".com|***") || line.ends_with(".net|***") || line.ends_with(".org|***"),
            "{line}"
        );
        assert!(line.contains("***@"), "{line}");
    }
    assert_eq!(seen.out().lines().count(), 2);
    let derived =
        psql("ana", bauta.port, "SELECT lower(email) AS x FROM (SELECT * FROM customers) c WHERE id = 1");
    assert!(derived.out().contains("***"), "{derived:?}");
    let refused = psql(
        "ana",
        bauta.port,
        r"\set VERBOSITY verbose
        SELECT id FROM customers WHERE email LIKE 'a%'",
    );
    assert!(refused.stderr.contains("42501"), "{refused:?}");
    let billing = psql("etl", bauta.port, "SELECT email FROM customers WHERE id = 1");
    assert_eq!(billing.out(), psql("etl", server.port(), "SELECT email FROM customers WHERE id = 1").out());
}

#[test]
fn no_protocol_path_shows_a_raw_value() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    let sql = "SELECT id, email, ssn FROM customers WHERE id < 3 ORDER BY id";
    let expected = rows(&raw.query(sql));
    assert_eq!(expected.len(), 2);
    let extended = |parts: &[Vec<u8>]| parts.concat();
    let paths: Vec<(&str, Vec<u8>, usize)> = vec![
        (
            "unnamed",
            extended(&[m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::sync()]),
            1,
        ),
        (
            "described",
            extended(&[
                m::parse("", sql, &[]),
                m::bind("", "", &[], &[]),
                m::describe(b'P', ""),
                m::execute("", 0),
                m::sync(),
            ]),
            1,
        ),
        (
            "named",
            extended(&[
                m::parse("n", sql, &[]),
                m::describe(b'S', "n"),
                m::sync(),
                m::bind("p", "n", &[], &[]),
                m::execute("p", 1),
                m::execute("p", 1),
                m::execute("p", 0),
                m::sync(),
            ]),
            2,
        ),
        ("again", extended(&[m::bind("", "n", &[], &[0, 1, 1]), m::execute("", 0), m::sync()]), 1),
        ("sql execute of it", m::query("EXECUTE n"), 1),
        ("sql prepare", extended(&[m::query(&format!("PREPARE q AS {sql}")), m::query("EXECUTE q")]), 2),
        ("protocol bind of it", extended(&[m::bind("", "q", &[], &[]), m::execute("", 0), m::sync()]), 1),
        (
            "execute by protocol",
            extended(&[
                m::parse("", "EXECUTE q", &[]),
                m::bind("", "", &[], &[]),
                m::execute("", 0),
                m::sync(),
            ]),
            1,
        ),
        (
            "cursor",
            extended(&[m::query(&format!("BEGIN; DECLARE c CURSOR FOR {sql}; FETCH ALL FROM c; COMMIT"))]),
            1,
        ),
        (
            "cursor alone",
            extended(&[
                m::query("BEGIN"),
                m::query(&format!("DECLARE c CURSOR FOR {sql}")),
                m::query("FETCH 1 c"),
                m::query("FETCH NEXT FROM c"),
                m::query("COMMIT"),
            ]),
            5,
        ),
        (
            "fetch by protocol",
            extended(&[
                m::query("BEGIN"),
                m::query(&format!("DECLARE c CURSOR FOR {sql}")),
                m::parse("f", "FETCH ALL FROM c", &[]),
                m::bind("", "f", &[], &[]),
                m::execute("", 0),
                m::sync(),
                m::query("COMMIT"),
            ]),
            4,
        ),
        (
            "portal by name",
            extended(&[
                m::query("BEGIN"),
                m::bind("pp", "n", &[], &[]),
                m::sync(),
                m::query("FETCH ALL FROM pp"),
                m::query("COMMIT"),
            ]),
            4,
        ),
        (
            "several statements",
            extended(&[m::query(&format!("SELECT 1 WHERE false; {sql}; SELECT 2 WHERE false"))]),
            1,
        ),
        (
            "pipeline",
            extended(&[
                m::parse("", "SELECT 1 WHERE false", &[]),
                m::bind("", "", &[], &[]),
                m::execute("", 0),
                m::parse("", sql, &[]),
                m::bind("", "", &[], &[]),
                m::execute("", 0),
                m::sync(),
            ]),
            1,
        ),
    ];
    for (name, bytes, ready) in paths {
        raw.send(&bytes);
        let frames: Vec<Frame> = (0..ready).flat_map(|_| raw.until_ready()).collect();
        assert_eq!(
            error(&frames),
            None,
            "{name}: {:?}",
            frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'M'))
        );
        assert_eq!(rows(&frames), expected, "{name}");
        never(&frames, RAW, name);
    }
}

#[test]
fn errors_and_notices_do_not_show_the_value() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    raw.query("SET client_min_messages = debug5");
    for sql in [
        "SELECT email::int FROM customers",
        "UPDATE customers SET id = NULL WHERE id = 1",
        "INSERT INTO customers (id, name, email) SELECT 1, 'x', NULL",
        "UPDATE customers SET id = 2 WHERE id = 1",
        "SELECT 1/(id - id) FROM customers",
    ] {
        let frames = raw.query(sql);
        never(&frames, RAW, sql);
        if let Some(error) = frames.iter().find(|f| f.tag == b'E') {
            assert_eq!(error.field(b'D'), None, "{sql}");
        }
        assert!(
            !frames.iter().any(|f| f.tag == b'N' && f.field(b'V').unwrap().starts_with("DEBUG")),
            "{sql}"
        );
    }
    let frames = raw.query("SELECT nosuch FROM customers");
    let shown = frames.iter().find(|f| f.tag == b'E').unwrap();
    assert_eq!(shown.field(b'M').unwrap(), "column \"nosuch\" does not exist");
    assert_eq!(shown.field(b'P').unwrap(), "8");
}

#[test]
fn a_refusal_aborts_the_transaction_as_an_error_does() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    let status = |frames: &[Frame]| frames.last().unwrap().body[0];
    assert_eq!(status(&raw.query("BEGIN")), b'T');
    let frames = raw.query("SELECT id FROM customers WHERE email = 'x'");
    assert_eq!((error(&frames).as_deref(), status(&frames)), (Some("42501"), b'E'));
    assert!(frames[0].field(b'H').is_some());
    assert_eq!(error(&raw.query("SELECT 1")).as_deref(), Some("25P02"));
    assert_eq!(status(&raw.query("ROLLBACK")), b'I');
    raw.send(
        &[
            m::parse("", "SELECT id FROM customers WHERE email = 'x'", &[]),
            m::bind("", "", &[], &[]),
            m::execute("", 0),
            m::sync(),
            m::query("SELECT 5"),
        ]
        .concat(),
    );
    let frames = raw.until_ready();
    assert_eq!(frames.iter().map(|f| f.tag).collect::<Vec<_>>(), b"EZ");
    assert_eq!(rows(&raw.until_ready()), [[Some("5".to_owned())]]);
}

#[test]
fn text_that_the_server_would_read_otherwise_is_refused() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    raw.query("SET standard_conforming_strings = off");
    assert_eq!(error(&raw.query("SELECT email FROM customers")).as_deref(), Some("0A000"));
    raw.query("SET standard_conforming_strings = on; SET client_encoding = 'SJIS'");
    assert_eq!(error(&raw.query("SELECT email FROM customers")).as_deref(), Some("0A000"));
    raw.query("RESET client_encoding");
    assert_eq!(error(&raw.query("SELECT email FROM customers")), None);
    // In one pipeline, before the server reports the setting.
    raw.send(
        &[
            m::parse("", "SET standard_conforming_strings = off", &[]),
            m::bind("", "", &[], &[]),
            m::execute("", 0),
            m::parse("", r"SELECT '\' AS a, email, ' FROM customers", &[]),
            m::bind("", "", &[], &[]),
            m::execute("", 0),
            m::sync(),
        ]
        .concat(),
    );
    let frames = raw.until_ready();
    assert!(error(&frames).is_some());
    never(&frames, RAW, "pipeline");
}
