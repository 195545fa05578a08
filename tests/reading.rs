//! Goal: no setting makes the server read a text otherwise than bauta did.
//!
//! Method: a statement that is one harmless literal under the settings that
//! bauta reads by, and an expression over a protected column under others.
//! The settings are changed by every kind of message before it, with and
//! without waiting for the answer. No answer may hold a raw value.

use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "redact"
"#;

/// With standard_conforming_strings = off, the first literal ends early.
const STRINGS: &str = r"SELECT '\'' , email || '' FROM customers --'";
/// As GBK, the backslash is the second half of a character.
const ENCODING: &str = r"SELECT E'中\' , email || '' FROM customers --'";

const CHANGES: &[(&str, &str)] = &[
    ("SET standard_conforming_strings = off", STRINGS),
    ("SELECT set_config('standard_conforming_strings', 'off', false)", STRINGS),
    ("UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'", STRINGS),
    ("SET client_encoding = 'GBK'", ENCODING),
    ("SET NAMES 'GBK'", ENCODING),
];

fn extended(sql: &str) -> Vec<u8> {
    [m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::describe(b'P', ""), m::execute("", 0)].concat()
}

/// Everything that comes back for a change and the statement, and how many
/// ReadyForQuery it takes.
fn ways(change: &str, sql: &str) -> Vec<(&'static str, Vec<u8>, usize)> {
    let (q, x, sync) = (|sql: &str| m::query(sql), extended, m::sync());
    vec![
        ("two queries", [q(change), q(sql)].concat(), 2),
        ("one query", q(&format!("{change}; {sql}")), 1),
        ("one pipeline", [x(change), x(sql), sync.clone()].concat(), 1),
        ("one pipeline, flushed", [x(change), m::flush(), x(sql), sync.clone()].concat(), 1),
        ("two pipelines", [x(change), sync.clone(), x(sql), sync.clone()].concat(), 2),
        ("a query, then a pipeline", [q(change), x(sql), sync.clone()].concat(), 2),
        ("a pipeline, then a query", [x(change), sync.clone(), q(sql)].concat(), 2),
        ("a block", [q("BEGIN"), q(change), q(sql), q("ROLLBACK"), q(sql)].concat(), 5),
    ]
}

fn has_address(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| frame.tag == b'D' && String::from_utf8_lossy(&frame.body).contains("@example"))
}

#[test]
fn a_changed_setting_never_makes_a_literal_read_a_protected_column() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut shown_directly = 0;
    for (change, sql) in CHANGES {
        for (way, bytes, answers) in ways(change, sql) {
            let [seen, direct] = [(bauta.port, "ana"), (server.port(), "ana")].map(|(port, user)| {
                let mut session = Raw::connect(port, user);
                session.send(&bytes);
                (0..answers).flat_map(|_| session.until_ready()).collect::<Vec<_>>()
            });
            assert!(!has_address(&seen), "{change}, {way}: {seen:?}");
            shown_directly += usize::from(has_address(&direct));
        }
    }
    assert!(shown_directly > 25, "an attack that shows nothing to anybody proves nothing: {shown_directly}");
}

/// What hangs on no setting runs under all of them.
#[test]
fn plain_text_and_harmless_names_are_not_refused() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut session = Raw::connect(bauta.port, "ana");
    for sql in [
        "SET standard_conforming_strings = off",
        r"SELECT 'back\\slash', 'é'",
        "SET standard_conforming_strings = on",
        r"SELECT E'back\\slash é', email FROM customers",
    ] {
        let frames = session.query(sql);
        assert!(frames.iter().all(|frame| frame.tag != b'E'), "{sql}: {frames:?}");
    }
}

/// A name without a schema may mean a protected table, whatever the
/// search_path says; what would be read as meant is said.
#[test]
fn a_namesake_of_a_protected_table_is_named_in_the_hint() {
    let server = Server::start();
    server
        .sql("shop", "CREATE SCHEMA archive; CREATE TABLE archive.customers (id int, email text, city text)");
    server.sql("shop", "GRANT USAGE ON SCHEMA archive TO ana; GRANT ALL ON archive.customers TO ana");
    let bauta = Bauta::start(&server, POLICY);
    let mut session = Raw::connect(bauta.port, "ana");
    session.query("SET search_path = archive, public");
    let hint = |frames: &[Frame], tag: u8| -> String {
        frames.iter().find(|frame| frame.tag == tag).and_then(|frame| frame.field(b'H')).unwrap_or_default()
    };
    for (sql, tag) in [
        ("SELECT id FROM customers WHERE email LIKE 'a%'", b'E'),
        ("SELECT upper(email) || '' FROM \"customers\"", b'N'),
        ("CREATE INDEX ON customers (city)", b'E'),
    ] {
        let frames = session.query(sql);
        let said = hint(&frames, tag);
        assert!(said.to_lowercase().contains("write archive.customers if that is meant"), "{sql}: {said:?}");
    }
    let qualified = session.query("SELECT id FROM public.customers WHERE email LIKE 'a%'");
    assert!(!hint(&qualified, b'E').contains("archive"), "{qualified:?}");
    let meant = session.query("SELECT id FROM archive.customers WHERE email LIKE 'a%'");
    assert!(meant.iter().all(|frame| frame.tag != b'E'), "{meant:?}");
}
