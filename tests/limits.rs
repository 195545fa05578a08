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

/// A statement of so many bytes, of which rows of a table come.
fn long(bytes: usize, table: &str) -> String {
    let sql = format!("INSERT INTO marks SELECT '' FROM {table} --");
    format!("{sql}{}", "-".repeat(bytes - sql.len()))
}

#[test]
fn a_statement_that_is_too_long_is_refused_unseen_where_it_would_have_to_be_read() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE marks (what text); GRANT ALL ON marks TO PUBLIC;
         CREATE TABLE letters AS SELECT 'a' AS secret; CREATE TABLE plain AS SELECT 1 AS id;
         GRANT SELECT ON letters, plain TO PUBLIC",
    );
    let rule = "[[protect]]\ncolumn = \"public.letters.secret\"\nmethod = \"redact\"";
    let bauta = Bauta::start(&server, &format!("{LIMITS}\n{rule}"));
    let mut session = Raw::connect(bauta.port, "ana");
    let marks = || server.sql("shop", "SELECT count(*) FROM marks").trim().to_owned();
    let by_messages = |text: &str| {
        let parse = [m::parse("s", text, &[]), m::bind("", "s", &[], &[]), m::execute("", 0)];
        [parse.concat(), m::close(b'S', "s"), m::sync()].concat()
    };
    for bytes in [4_097, 200_000] {
        let own = format!("{}bauta.x()", long(bytes, "plain"));
        for text in [long(bytes, "letters"), own] {
            assert_eq!(code(&session.query(&text)).as_deref(), Some("54000"), "{bytes}");
            let frames = session.exchange(&by_messages(&text));
            assert_eq!(code(&frames).as_deref(), Some("54000"), "{bytes}");
            assert_eq!(frames.iter().filter(|f| f.tag == b'E').count(), 1, "{frames:?}");
        }
    }
    assert_eq!(marks(), "0");
    assert_eq!(code(&session.query(&long(4_096, "letters"))), None);
    assert_eq!(marks(), "1");
    // What names nothing that counts is not read.
    for bytes in [4_097, 200_000] {
        assert_eq!(code(&session.query(&long(bytes, "plain"))), None, "{bytes}");
        assert_eq!(code(&session.exchange(&by_messages(&long(bytes, "plain")))), None, "{bytes}");
    }
    assert_eq!(marks(), "5");
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

/// What passed unread is read once a rule names what it names, if it may be.
#[test]
fn a_long_statement_that_comes_to_name_something_protected_runs_no_more() {
    let server = Server::start();
    server.sql("shop", "CREATE TABLE letters AS SELECT 'a' AS secret; GRANT ALL ON letters TO PUBLIC");
    let bauta = Bauta::start(&server, LIMITS);
    let mut session = Raw::connect(bauta.port, "ana");
    let text = format!("SELECT secret FROM letters --{}", "-".repeat(100_000));
    let run = [m::bind("", "s", &[], &[]), m::execute("", 0), m::sync()].concat();
    assert_eq!(code(&session.exchange(&[m::parse("s", &text, &[]), run.clone()].concat())), None);
    let rule = "[[protect]]\ncolumn = \"public.letters.secret\"\nmethod = \"redact\"";
    bauta.write_config(&format!("{LIMITS}\n{rule}"));
    bauta.cli_ok(&["reload"]);
    let frames = session.exchange(&run);
    assert_eq!(code(&frames).as_deref(), Some("54000"));
    assert!(!frames.iter().any(|frame| frame.tag == b'D'));
}

#[test]
fn a_message_that_is_too_long_ends_the_session() {
    let (server, bauta) = bench();
    for message in [m::query(&long(300_000, "marks")), m::framed(b'd', &vec![b'x'; 300_000])] {
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

/// Originals of ten, of forty and of more bytes than the limit, masked alike.
const LETTERS: &str = "
    CREATE TABLE letters (id int, secret text);
    INSERT INTO letters VALUES (1, repeat('x', 10)), (2, repeat('x', 40)), (3, repeat('y', 300000));
    GRANT SELECT ON letters TO ana;";

/// What comes but the rows' bodies, and how long these are.
fn seen(port: u16, messages: &[u8]) -> Vec<(u8, usize, Option<String>)> {
    let mut session = Raw::connect(port, "ana");
    session.send(messages);
    let mut frames = Vec::new();
    while let Some(frame) = session.receive() {
        frames.push((frame.tag, frame.body.len(), frame.field(b'M').filter(|_| frame.tag == b'E')));
        if frame.tag == b'Z' {
            break;
        }
    }
    frames
}

#[test]
fn how_long_an_original_is_does_not_show_by_the_limit() {
    let server = Server::start();
    server.sql("shop", LETTERS);
    let rule = "[[protect]]\ncolumn = \"public.letters.secret\"\nmethod = \"redact\"";
    let bauta = Bauta::start(&server, &format!("{LIMITS}\n{rule}"));
    let limit = 256 << 10;
    let mut ended = 0;
    // With originals of ten bytes, some are within the limit; with those of forty, none.
    for pad in [limit - 60, limit - 30, limit - 25, limit - 20, limit - 10, limit + 1] {
        let row = |id: u8| format!("SELECT secret, repeat('z', {pad}) FROM letters WHERE id = {id}");
        let extended = |sql: &str| {
            let parts = [m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::sync()];
            parts.concat()
        };
        let copy = |sql: &str, options: &str| m::query(&format!("COPY ({sql}) TO STDOUT {options}"));
        let ways = |sql: &str| {
            let csv = copy(sql, "(FORMAT csv, NULL 'xxxxxxxxxx')");
            [m::query(sql), extended(sql), copy(sql, ""), csv, copy(sql, "(FORMAT binary)")]
        };
        let (second, third) = (ways(&row(2)), ways(&row(3)));
        for (way, message) in ways(&row(1)).iter().enumerate() {
            let first = seen(bauta.port, message);
            ended += usize::from(first.last().is_some_and(|(tag, ..)| *tag == b'E'));
            for (id, message) in [(2, &second[way]), (3, &third[way])] {
                assert_eq!(seen(bauta.port, message), first, "{way} {pad} {id}");
            }
            let told = first.iter().filter_map(|(_, _, message)| message.as_ref());
            assert!(told.into_iter().all(|told| !told.contains(|c: char| c.is_ascii_digit())), "{first:?}");
        }
    }
    assert!((5..30).contains(&ended), "{ended}");
}

/// Nothing can be said of it before it is whole.
#[test]
fn the_head_of_a_long_parse_keeps_nobody_waiting() {
    let server = Server::shared();
    let bauta = Bauta::start(server, &LIMITS.replace("1s", "1h"));
    let mut session = Raw::connect(bauta.port, "ana");
    let mut other = Raw::connect(bauta.port, "ana");
    let parse = m::parse(&"n".repeat(100), &long(200_000, "letters"), &[]);
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
    assert_eq!(code(&session.until_ready()).as_deref(), Some("42622"));
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
