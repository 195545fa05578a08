//! COPY through bauta: dumps hold masks, loads obey the write rule.
//!
//! Goal: no format of COPY lets a value out. Method: the same rows in each
//! format, compared with what a SELECT shows; and every way to end a COPY.

use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    [[protect]]
    columns = ["public.vault.*"]
    method = "redact"
    [[protect]]
    column = "public.vault.id"
    method = "show"
"#;

fn error(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').map(|f| f.field(b'C').unwrap())
}

fn data(frames: &[Frame]) -> Vec<u8> {
    frames.iter().filter(|f| f.tag == b'd').flat_map(|f| f.body.clone()).collect()
}

fn text(frames: &[Frame]) -> String {
    String::from_utf8_lossy(&data(frames)).into_owned()
}

const RAW: &[&[u8]] =
    &[b"raw", b"@example", b"@mail", b"@work", b"1984", b"6ec0bd7f", b"deadbeef", b"\xde\xad\xbe\xef"];

fn never_raw(frames: &[Frame], what: &str) {
    for frame in frames {
        for raw in RAW {
            assert!(
                !frame.body.windows(raw.len()).any(|w| w == *raw),
                "{what}: {}",
                String::from_utf8_lossy(raw)
            );
        }
    }
}

#[test]
fn a_dump_holds_what_a_select_shows() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    let select: Vec<String> = raw
        .query("SELECT email FROM customers ORDER BY id")
        .iter()
        .filter(|f| f.tag == b'D')
        .map(|f| String::from_utf8(f.columns()[0].clone().unwrap()).unwrap())
        .collect();
    let expected = select.join("\n") + "\n";
    let copy = |sql: &str| format!("COPY ({sql}) TO STDOUT");
    let ordered = "SELECT email FROM customers ORDER BY id";
    assert_eq!(text(&raw.query(&copy(ordered))), expected);
    assert_eq!(text(&raw.query(&format!("COPY ({ordered}) TO STDOUT (FORMAT csv)"))), expected);
    assert_eq!(
        text(&raw.query(&format!("COPY ({ordered}) TO STDOUT WITH CSV HEADER"))),
        format!("email\n{expected}")
    );
    let extended =
        [m::parse("", &copy(ordered), &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::sync()].concat();
    assert_eq!(text(&raw.exchange(&extended)), expected);
    assert_eq!(text(&raw.query(&format!("SELECT 1; {}; SELECT 2", copy(ordered)))), expected);
    let whole = raw.query("COPY customers TO STDOUT");
    assert_eq!(error(&whole), None);
    assert_eq!(text(&whole).lines().count(), 50);
    never_raw(&whole, "whole table");
    let tag = |frames: &[Frame]| frames.iter().rfind(|f| f.tag == b'C').unwrap().body.clone();
    assert_eq!(tag(&whole), b"COPY 50\0");
}

#[test]
fn every_type_and_format_is_masked() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    for options in [
        "",
        "(FORMAT csv)",
        "(FORMAT csv, HEADER, FORCE_QUOTE *, DELIMITER ';', QUOTE '''', ESCAPE '!')",
        "(DELIMITER '|')",
        "(FORMAT csv, NULL 'nothing')",
        "(FORMAT binary)",
    ] {
        for what in ["vault", "vault (c_text, id, c_int4)", "(SELECT * FROM vault)", "(TABLE vault)"] {
            let frames = raw.query(&format!("COPY {what} TO STDOUT {options}"));
            assert_eq!(error(&frames), None, "{what} {options}");
            never_raw(&frames, &format!("{what} {options}"));
        }
    }
    let frames = raw.query("COPY vault (id, c_text, c_int4, c_bool) TO STDOUT (FORMAT csv, NULL 'nothing')");
    assert_eq!(text(&frames), "1,***,0,f\n2,***,0,f\n3,nothing,nothing,nothing\n");
    // A value that reads like the marker would look like a NULL.
    let frames = raw.query("COPY vault (c_text) TO STDOUT (NULL 'nothing')");
    assert_eq!(error(&frames).as_deref(), Some("0A000"));
}

#[test]
fn no_letter_stands_between_or_around_values() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    for options in [
        "FORMAT csv, QUOTE 'e'",
        "FORMAT csv, ESCAPE '7'",
        "FORMAT csv, DELIMITER '@'",
        "FORMAT csv, QUOTE '.'",
        "DELIMITER 'E'",
    ] {
        let code = |raw: &mut Raw, column: &str| {
            error(&raw.query(&format!("COPY vault ({column}) TO STDOUT ({options})")))
        };
        assert_eq!(code(&mut raw, "c_text").as_deref(), Some("0A000"), "{options}");
        assert_eq!(code(&mut raw, "id"), None, "{options}");
    }
    for options in ["DELIMITER E'\\x01'", "FORMAT csv, QUOTE '~', ESCAPE '\\', DELIMITER E'\\t'"] {
        assert_eq!(error(&raw.query(&format!("COPY vault TO STDOUT ({options})"))), None, "{options}");
    }
}

#[test]
fn a_copy_that_cannot_be_described_fails_as_it_would_have() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    let sql = "COPY (SELECT email, nosuch FROM customers) TO STDOUT";
    let frames = raw.query(sql);
    assert_eq!(error(&frames).as_deref(), Some("42703"));
    assert_eq!(frames.last().unwrap().body, b"I");
    raw.query("BEGIN");
    let frames = raw.query(sql);
    assert_eq!((error(&frames).as_deref(), frames.last().unwrap().body[0]), (Some("42703"), b'E'));
    raw.query("ROLLBACK");
    raw.send(&[m::query(sql), m::query("SELECT 1")].concat());
    assert_eq!(error(&raw.until_ready()).as_deref(), Some("42703"));
    assert_eq!(error(&raw.until_ready()), None);
    // Its own text is not in the way of the next.
    assert_eq!(error(&raw.query("COPY customers TO STDOUT")), None);
    let extended = [
        m::parse("", sql, &[]),
        m::bind("", "", &[], &[]),
        m::execute("", 0),
        m::sync(),
        m::query("SELECT 1"),
    ];
    raw.send(&extended.concat());
    assert_eq!(error(&raw.until_ready()).as_deref(), Some("42703"));
    assert_eq!(error(&raw.until_ready()), None);
    // The place in the client's own text.
    let mut direct = Raw::connect(server.port(), "ana");
    let sql = "SELECT 'ä'; COPY (SELECT c.email, c.email || '', m.x FROM customers c, missing m) TO STDOUT; SELECT 1";
    let [shown, wanted] = [&mut raw, &mut direct].map(|raw| {
        let error = raw.query(sql).into_iter().find(|frame| frame.tag == b'E').expect("an error");
        (error.field(b'M'), error.field(b'P'))
    });
    assert_eq!(shown, wanted);
}

#[test]
fn a_load_into_a_protected_column_is_refused() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    let row = m::copy_data(b"901\tNew\tnew@example.org\n");
    raw.send(&[m::query("COPY customers (id, name, email) FROM STDIN"), row, m::copy_done()].concat());
    assert_eq!(error(&raw.until_ready()).as_deref(), Some("42501"));
    raw.send(&m::query("COPY customers (id, name) FROM STDIN"));
    let begun = raw.receive().unwrap();
    assert_eq!(begun.tag, b'G');
    raw.send(&[m::copy_data(b"901\tNew\n902\t"), m::copy_data(b"Other\n"), m::copy_done()].concat());
    assert_eq!(error(&raw.until_ready()), None);
    assert_eq!(server.sql("shop", "SELECT count(*) FROM customers WHERE id > 900").trim(), "2");
}

#[test]
fn a_copy_to_a_file_or_program_is_refused() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    for sql in ["COPY customers TO '/tmp/x'", "COPY customers TO PROGRAM 'cat'"] {
        assert!(error(&raw.query(sql)).is_some(), "{sql}");
    }
}

/// Whatever it names: the server's own programs, files and log know more.
#[test]
fn a_copy_with_a_file_or_program_of_the_server_goes_round_nothing() {
    let server = Server::start();
    server.sql("postgres", "GRANT pg_execute_server_program, pg_read_server_files TO ana, etl");
    server.sql("shop", "CREATE TABLE heap (line text); GRANT ALL ON heap TO ana, etl");
    let exempt = "[[role]]\nname = \"loader\"\nmembers = [\"etl\"]\nexempt = true\n";
    let bauta = Bauta::start(&server, &format!("{POLICY}\n{exempt}"));
    let asks = "COPY heap FROM PROGRAM 'echo one'";
    for sql in [
        asks,
        "copy heap from '/dev/null'",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "SELECT 1; COPY heap FROM PROGRAM 'echo two'",
        "ALTER SYSTEM SET archive_command = 'true'",
        "CREATE FUNCTION pg_temp.runs() RETURNS void LANGUAGE sql AS $$ COPY heap FROM PROGRAM 'echo three' $$",
    ] {
        let frames = Raw::connect(bauta.port, "ana").query(sql);
        let said = frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'M')).unwrap_or_default();
        assert!(said.contains("round bauta") || said.contains("run unseen code"), "{sql}: {said}");
    }
    assert_eq!(error(&Raw::connect(bauta.port, "etl").query(asks)), None);
    assert_eq!(server.sql("shop", "TABLE heap").trim(), "one");
}
