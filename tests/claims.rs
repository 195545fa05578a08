//! A table of the client's own that a rule with a keyed mask would mean: its
//! triggers would receive the originals of tokens, and what was put there before
//! would show the masks of guesses.

use super::harness::{Bauta, DATABASE, Frame, Raw, Server, password};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.staff.ssn", "public.later.ssn"]
    method = "token"
    domain = "ssn"
    [[protect]]
    column = "*.*.code"
    method = "hash"
    [[protect]]
    column = "*.*.mail"
    method = "email"
    [[role]]
    name = "dba"
    members = ["sam"]
    exempt = true
"#;

fn error(frames: &[Frame], field: u8) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(field))
}

fn connect(bauta: &Bauta, user: &str, database: &str) -> Raw {
    Raw::connect_with(bauta.port, &[("user", user), ("database", database)], &password(user)).expect("login")
}

fn refused(raw: &mut Raw, statements: &[&str]) {
    for sql in statements {
        let frames = raw.query(sql);
        assert_eq!(error(&frames, b'C').as_deref(), Some("42501"), "{sql}: {frames:?}");
        let hint = error(&frames, b'H').unwrap_or_default();
        assert!(hint.contains("exempt"), "{sql}: {hint}");
    }
}

fn passed(raw: &mut Raw, statements: &[&str]) {
    for sql in statements {
        assert_eq!(error(&raw.query(sql), b'M'), None, "{sql}");
    }
}

#[test]
fn nobody_makes_in_another_database_what_a_rule_would_mask_by_a_key() {
    let server = Server::start();
    server.sql("postgres", "CREATE DATABASE play OWNER ana");
    server.sql("play", "CREATE SCHEMA mine AUTHORIZATION ana; ALTER SCHEMA public OWNER TO ana; GRANT CREATE ON SCHEMA public TO sam");
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = connect(&bauta, "ana", "play");
    passed(
        &mut ana,
        &[
            "CREATE TABLE mails (mail text)",
            "CREATE TABLE wx (id int, x text)",
            "CREATE TABLE mine.staff (id int, ssn text)",
            "CREATE TEMP TABLE staff (id int, ssn text)",
            "DROP TABLE staff",
            "CREATE TABLE copy AS SELECT id, x, count(*) AS n, 2 * id AS d FROM wx GROUP BY id, x",
            "ALTER TABLE copy RENAME TO copies",
            "ALTER TABLE copies RENAME COLUMN x TO y",
            "ALTER TABLE copies ADD COLUMN ssn text",
            "SELECT 1 AS id INTO one",
        ],
    );
    refused(
        &mut ana,
        &[
            "CREATE TABLE staff (id int, x text)",
            "CREATE TABLE public.\"staff\" (id int)",
            "CREATE TABLE public.U&\"st\\0061ff\" (id int)",
            "CREATE UNLOGGED TABLE later (id int, ssn text)",
            "CREATE TABLE staff AS SELECT 1 AS id",
            "CREATE MATERIALIZED VIEW staff AS SELECT 1 AS id",
            "SELECT 1 AS id INTO staff",
            "EXPLAIN ANALYZE CREATE TABLE staff AS SELECT 1 AS id",
            "ALTER TABLE wx RENAME TO staff",
            "ALTER INDEX wx RENAME TO staff",
            "ALTER TABLE mine.staff SET SCHEMA public",
            "BEGIN; CREATE TABLE wy (id int); ALTER TABLE wy RENAME TO later; COMMIT",
            "ALTER SCHEMA mine RENAME TO public",
            // By a rule for any table.
            "CREATE TABLE codes (id int, code text)",
            "CREATE TABLE codes AS SELECT x AS code FROM wx",
            "CREATE TABLE codes (code) AS SELECT x FROM wx",
            "SELECT x AS \"code\" INTO codes FROM wx",
            "ALTER TABLE wx RENAME COLUMN x TO code",
            "ALTER TABLE wx ADD COLUMN code text DEFAULT 'guess'",
            "CREATE SCHEMA made CREATE TABLE codes (code text)",
            // What it has when it is made, nobody knows before.
            "CREATE TABLE copy2 AS SELECT * FROM wx",
            "CREATE TABLE copy2 AS SELECT w.*, 1 AS n FROM wx w",
            "CREATE TABLE copy2 AS SELECT id, (SELECT * FROM wx LIMIT 1) FROM wx",
            "CREATE TABLE copy2 AS TABLE wx",
            "SELECT DISTINCT ON (id) * INTO copy2 FROM wx",
            "CREATE TABLE copy2 (LIKE wx)",
            "CREATE TABLE copy2 () INHERITS (wx)",
            "CREATE TABLE copy2 OF pg_catalog.pg_class",
            "ALTER TABLE copies SET SCHEMA mine",
            "BEGIN; CREATE TEMP TABLE t (code text); CREATE TABLE codes AS SELECT * FROM t; COMMIT",
            "BEGIN; CREATE TEMP TABLE t (code text); CREATE TABLE codes (LIKE t); COMMIT",
        ],
    );
    // A DBA's migration goes on.
    let mut sam = connect(&bauta, "sam", "play");
    passed(&mut sam, &["CREATE TABLE public.later (id int, ssn text, code text)"]);
}

#[test]
fn nobody_takes_the_name_of_a_protected_table_that_is_gone() {
    let server = Server::start();
    server.sql(
        DATABASE,
        "CREATE TABLE staff (id int PRIMARY KEY, ssn text); ALTER TABLE staff OWNER TO ana;
         INSERT INTO staff VALUES (1, '123-45-6789')",
    );
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = connect(&bauta, "ana", DATABASE);
    passed(&mut ana, &["CREATE TABLE wx (id int, ssn text)", "DROP TABLE staff"]);
    let take = ["ALTER TABLE wx RENAME TO staff", "CREATE TABLE staff (id int, ssn text)"];
    refused(&mut ana, &take);
    bauta.cli_ok(&["reload"]);
    refused(&mut ana, &take);
    // Nor the tables in a database of another name.
    refused(&mut ana, &["CREATE DATABASE other TEMPLATE shop", "ALTER DATABASE shop RENAME TO other"]);
}
