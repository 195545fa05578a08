//! Values behind a `*` are stored where PostgreSQL counts them to be. What a
//! client may not write into a protected column must not get there by a star
//! that is more columns than it seems: each write is refused, and nothing is
//! stored. Run directly, each stores the guess.

use super::harness::{Bauta, Raw, Server, message, password};

const SCHEMA: &str = "
    CREATE TYPE pair AS (p int, q text);
    CREATE TABLE vault (id int PRIMARY KEY, b text, c int, d text);
    INSERT INTO vault SELECT i, 'secret' || i, i, 'd' FROM generate_series(1, 12) i;
    CREATE TABLE own (p int, q text);
    INSERT INTO own VALUES (500, 'guess');
    GRANT ALL ON vault, own TO ana;
";

const POLICY: &str = r#"
    [[protect]]
    column = "public.vault.b"
    method = "redact"
"#;

const WRITES: &[&str] = &[
    "UPDATE vault SET (c, b, d) = ROW(u.*, NULL) FROM (SELECT 1 AS p, 'guess' AS q) u WHERE id = 12",
    "UPDATE vault SET (c, b, d) = (u.*, NULL) FROM own u WHERE id = 12",
    "UPDATE vault SET (c, b, d) = (SELECT u.*, NULL FROM (SELECT 1 AS p, 'guess' AS q) u) WHERE id = 12",
    "UPDATE vault SET (c, b, d) = (SELECT u.*, NULL FROM unnest(ARRAY[ROW(1, 'guess')::pair]) u) WHERE id = 12",
    "INSERT INTO vault (id, b, d) SELECT * FROM unnest(ARRAY[ROW(500, 'guess')::pair]) u, (SELECT NULL) z",
    "INSERT INTO vault (id, b, d) SELECT u.*, NULL FROM own u",
    "INSERT INTO vault VALUES (12, NULL, 1, '') ON CONFLICT (id) DO UPDATE SET (c, b, d) = \
     (SELECT u.*, NULL FROM (SELECT 1 AS p, 'guess' AS q) u)",
    "WITH u AS (SELECT 500 AS p, 'guess' AS q) INSERT INTO vault (id, b, d) SELECT u.*, NULL FROM u",
    "INSERT INTO vault (id, b, d) SELECT v.* FROM own u, LATERAL (VALUES (u.*, NULL)) v",
];

/// MERGE is understood from version 15 on.
const MERGES: &[&str] = &[
    "MERGE INTO vault USING (SELECT 500 AS p, 'guess' AS q) u ON vault.id = u.p \
     WHEN NOT MATCHED THEN INSERT (id, b, d) VALUES (u.*, NULL)",
    "MERGE INTO vault USING own u ON vault.id = u.p WHEN NOT MATCHED THEN INSERT (id, b, d) VALUES (u.*, NULL)",
    "MERGE INTO vault USING own u ON vault.id = 12 WHEN MATCHED THEN UPDATE SET (c, b, d) = ROW(u.*, NULL)",
];

const STORED: &str = "SELECT count(*) FROM vault WHERE b = 'guess'";

#[test]
fn no_star_moves_a_value_into_a_protected_column() {
    let server = Server::start();
    server.sql("postgres", "CREATE DATABASE places");
    server.sql("places", SCHEMA);
    let bauta = Bauta::start(&server, POLICY);
    let merges = if server.major() >= 15 { MERGES } else { &[] };
    for write in WRITES.iter().chain(merges) {
        let done = server.sql("places", &format!("BEGIN; {write}; {STORED}; ROLLBACK"));
        assert!(done.lines().any(|line| line.trim() == "1"), "{write} stores no guess: {done}");
        for bytes in [message::query(write), extended(write)] {
            let mut session = login(bauta.port);
            let answer = session.exchange(&bytes);
            let error = answer.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'C'));
            assert_eq!(error.as_deref(), Some("42501"), "{write}");
        }
        assert_eq!(server.sql("places", STORED).trim(), "0", "{write}");
    }
}

/// Stars that move nothing protected are as good as names.
#[test]
fn stars_that_move_nothing_protected_may_be_written() {
    let server = Server::start();
    server.sql("postgres", "CREATE DATABASE places");
    server.sql("places", SCHEMA);
    let bauta = Bauta::start(&server, POLICY);
    for write in [
        "INSERT INTO vault (id, d, b) SELECT u.*, NULL FROM (SELECT 501 AS p, 'q' AS q) u",
        "INSERT INTO vault (id, d) SELECT * FROM own",
        "UPDATE vault SET (c, d, b) = ROW(u.*, NULL) FROM (SELECT 1 AS p, 'x' AS q) u WHERE id = 12",
        "INSERT INTO vault (id, d) SELECT v.* FROM own u, LATERAL (VALUES (u.p + 2, u.q), (u.p + 3, 'z')) v",
    ] {
        let mut session = login(bauta.port);
        let answer = session.query(write);
        let error = answer.iter().find(|frame| frame.tag == b'E').map(|frame| frame.field(b'M'));
        assert_eq!(error, None, "{write}");
    }
}

fn login(port: u16) -> Raw {
    Raw::connect_with(port, &[("user", "ana"), ("database", "places")], &password("ana")).expect("login")
}

fn extended(sql: &str) -> Vec<u8> {
    [message::parse("", sql, &[]), message::bind("", "", &[], &[]), message::execute("", 0), message::sync()]
        .concat()
}
