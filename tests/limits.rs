//! Goal: what is too long, or stays away too long, ends as the file says:
//! refused before the server sees any of it, the session going on where it can.
//! Method: the real program with small limits, and a table that every statement
//! which gets through would write to.

use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const LIMITS: &str = "[limits]\nstatement_bytes = \"4kB\"\nmessage_bytes = \"256kB\"\nidle_timeout = \"1s\"";

fn bench() -> (Server, Bauta) {
    let server = Server::start();
    server.sql("shop", "CREATE TABLE marks (what text); GRANT ALL ON marks TO PUBLIC");
    let bauta = Bauta::start(&server, LIMITS);
    (server, bauta)
}

fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'C'))
}

/// A statement of so many bytes.
fn long(bytes: usize) -> String {
    let sql = "INSERT INTO marks VALUES ('') --";
    format!("{sql}{}", "-".repeat(bytes - sql.len()))
}

#[test]
fn a_statement_that_is_too_long_is_refused_unseen_and_the_session_goes_on() {
    let (server, bauta) = bench();
    let mut session = Raw::connect(bauta.port, "ana");
    // Just too long, and so long that only its head is read.
    for bytes in [4_097, 200_000] {
        assert_eq!(code(&session.query(&long(bytes))).as_deref(), Some("54000"), "{bytes}");
        let parse = [m::parse("s", &long(bytes), &[]), m::bind("", "s", &[], &[]), m::execute("", 0)];
        let frames = session.exchange(&[parse.concat(), m::sync()].concat());
        assert_eq!(code(&frames).as_deref(), Some("54000"), "{bytes}");
        assert_eq!(frames.iter().filter(|f| f.tag == b'E').count(), 1, "{frames:?}");
    }
    assert_eq!(server.sql("shop", "SELECT count(*) FROM marks").trim(), "0");
    assert_eq!(code(&session.query(&long(4_096))), None);
    assert_eq!(server.sql("shop", "SELECT count(*) FROM marks").trim(), "1");
    // Parameters have no such limit.
    let value = "x".repeat(100_000);
    let parts = [
        m::parse("", "INSERT INTO marks VALUES ($1)", &[]),
        m::bind("", "", &[Some(&value)], &[]),
        m::execute("", 0),
        m::sync(),
    ];
    assert_eq!(code(&session.exchange(&parts.concat())), None);
}

#[test]
fn a_message_that_is_too_long_ends_the_session() {
    let (server, bauta) = bench();
    for message in [m::query(&long(300_000)), m::framed(b'd', &vec![b'x'; 300_000])] {
        let mut session = Raw::connect(bauta.port, "ana");
        // Its head is enough.
        session.send(&message[..10]);
        let last = session.receive().expect("why");
        assert_eq!((last.tag, last.field(b'S').as_deref()), (b'E', Some("FATAL")), "{last:?}");
        assert!(session.receive().is_none());
    }
    assert_eq!(server.sql("shop", "SELECT count(*) FROM marks").trim(), "0");
    // The server's too, also of rows that nobody looks at.
    let mut session = Raw::connect(bauta.port, "ana");
    session.send(&m::query("SELECT repeat('x', 300000)"));
    assert_eq!(session.receive().unwrap().tag, b'T');
    assert_eq!(session.receive().and_then(|f| f.field(b'S')).as_deref(), Some("FATAL"));
    assert!(session.receive().is_none());
}

/// Nothing can be said of it before its name is whole, or too long for one.
#[test]
fn the_head_of_a_long_parse_keeps_nobody_waiting() {
    let server = Server::shared();
    let bauta = Bauta::start(server, &LIMITS.replace("1s", "1h"));
    let mut session = Raw::connect(bauta.port, "ana");
    let mut other = Raw::connect(bauta.port, "ana");
    let parse = m::parse(&"n".repeat(100), &long(200_000), &[]);
    for (part, sent) in [(9, 0), (40, 9)] {
        session.send(&parse[sent..part]);
        for _ in 0..5 {
            assert_eq!(code(&other.query("SELECT 1")), None);
            // One of as many worker threads may be its own.
            Raw::connect(bauta.port, "ana");
        }
    }
    session.send(&parse[40..]);
    session.send(&m::sync());
    assert_eq!(code(&session.until_ready()).as_deref(), Some("54000"));
    assert_eq!(code(&session.query("SELECT 1")), None);
}

#[test]
fn half_a_message_is_idle_too() {
    let (server, bauta) = bench();
    let mut session = Raw::connect(bauta.port, "ana");
    session.send(&m::query("SELECT 1")[..7]);
    assert_eq!(session.receive().and_then(|f| f.field(b'C')).as_deref(), Some("57P05"));
    assert!(session.receive().is_none());
    drop(server);
}
