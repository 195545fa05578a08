//! Names of prepared statements, cursors and portals. Goal: what bauta believes
//! of a name is what the server does with it, however it is spelled and
//! whichever way it came there. Method: a harmless statement and a protected
//! one under names that only one of the two tells apart; no raw value may come.

use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "redact"
"#;

/// Has no origin that RowDescription could tell.
const PROTECTED: &str = "SELECT email FROM customers UNION ALL SELECT email FROM customers";

fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'C'))
}

fn rows(frames: &[Frame]) -> Vec<String> {
    let first =
        |frame: &Frame| String::from_utf8_lossy(frame.columns()[0].as_deref().unwrap_or_default()).into();
    frames.iter().filter(|frame| frame.tag == b'D').map(first).collect()
}

fn shows_nothing(frames: &[Frame]) {
    assert!(rows(frames).iter().all(|row| row == "***" || !row.contains('@')), "{:?}", rows(frames));
}

fn with_sync(messages: &[Vec<u8>]) -> Vec<u8> {
    [messages.concat(), m::sync()].concat()
}

#[test]
fn names_that_the_server_cuts_are_refused() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let name = |last: &str| format!("{}{last}", "A".repeat(63));
    for messages in [
        vec![m::parse(&name("x"), "SELECT 1", &[])],
        vec![m::close(b'S', &name("x"))],
        vec![m::close(b'P', &name("x"))],
        vec![m::describe(b'S', &name("x"))],
        vec![m::bind("", &name("x"), &[], &[])],
        vec![m::parse("", "SELECT 1", &[]), m::bind(&name("x"), "", &[], &[])],
        vec![m::execute(&name("x"), 0)],
    ] {
        assert_eq!(code(&ana.exchange(&with_sync(&messages))).as_deref(), Some("42622"));
    }
    // As long as a name may be.
    let longest = name("");
    let whole = [m::parse(&longest, "SELECT 1", &[]), m::bind("", &longest, &[], &[]), m::execute("", 0)];
    assert_eq!(rows(&ana.exchange(&with_sync(&whole))), ["1"]);
}

#[test]
fn a_text_of_comments_alone_is_an_empty_query() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let whole = [m::parse("", "-- customers", &[]), m::bind("", "", &[], &[]), m::execute("", 0)];
    let tags: Vec<u8> = ana.exchange(&with_sync(&whole)).iter().map(|frame| frame.tag).collect();
    assert_eq!(tags, *b"12IZ");
}

#[test]
fn one_name_in_two_encodings_is_one_statement_or_none() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    // Both sides use UTF8: a name is a name.
    ana.query(&format!("PREPARE \"é\" AS {PROTECTED}"));
    ana.query("SET client_encoding = 'LATIN1'");
    assert_eq!(code(&ana.query("PREPARE \"é\" AS SELECT 1")).as_deref(), Some("0A000"));
    let parse = [m::parse("é", "SELECT 1", &[])];
    assert_eq!(code(&ana.exchange(&with_sync(&parse))).as_deref(), Some("0A000"));
    ana.query("SET client_encoding = 'UTF8'");
    let seen = ana.query("EXECUTE \"é\"");
    assert!(!rows(&seen).is_empty());
    shows_nothing(&seen);
}

#[test]
fn execute_of_what_a_message_named_changes_names_as_that_does() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let prepare = format!("PREPARE t AS {PROTECTED}");
    ana.exchange(&with_sync(&[m::parse("x", "DEALLOCATE t", &[]), m::parse("y", &prepare, &[])]));
    ana.query("PREPARE t AS SELECT 'harmless'");
    ana.query("EXECUTE x");
    ana.query("EXECUTE y");
    let seen = ana.query("EXECUTE t");
    assert!(rows(&seen).len() > 1, "{seen:?}");
    shows_nothing(&seen);

    let declare = format!("DECLARE k CURSOR FOR {PROTECTED}");
    ana.query("BEGIN");
    ana.exchange(&with_sync(&[m::parse("u", "CLOSE k", &[]), m::parse("v", &declare, &[])]));
    ana.query("DECLARE k CURSOR FOR SELECT 'harmless'");
    ana.query("EXECUTE u");
    ana.query("EXECUTE v");
    let seen = ana.query("FETCH 3 FROM k");
    assert_eq!(rows(&seen).len(), 3, "{seen:?}");
    shows_nothing(&seen);
}

#[test]
fn a_portal_over_execute_or_fetch_does_not_go_on_under_another_name() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query("BEGIN");
    ana.query(&format!("PREPARE s AS {PROTECTED}"));
    let open = [m::parse("", "EXECUTE s", &[]), m::bind("p", "", &[], &[]), m::execute("p", 1)];
    assert_eq!(code(&ana.exchange(&with_sync(&open))).as_deref(), Some("0A000"));
    ana.query("ROLLBACK");
    // Without a limit, and where nothing is protected, all is as ever.
    let whole = [m::parse("", "EXECUTE s", &[]), m::bind("", "", &[], &[]), m::execute("", 0)];
    let seen = ana.exchange(&with_sync(&whole));
    assert!(rows(&seen).len() > 1, "{seen:?}");
    shows_nothing(&seen);
    ana.query("PREPARE two AS SELECT generate_series(1, 2)");
    let part = [m::parse("", "EXECUTE two", &[]), m::bind("", "", &[], &[]), m::execute("", 1)];
    assert_eq!(rows(&ana.exchange(&with_sync(&part))), ["1"]);
}

/// A database whose encoding is not UTF8 folds and cuts names by rules of its
/// own.
#[test]
fn names_of_other_letters_are_refused_where_the_server_does_not_use_utf8() {
    let server = Server::shared();
    server.sql(
        "postgres",
        "CREATE DATABASE old_letters ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0; \
         GRANT ALL ON DATABASE old_letters TO ana",
    );
    server.sql(
        "old_letters",
        "CREATE TABLE customers (email text); INSERT INTO customers VALUES ('a@b'); GRANT SELECT ON customers TO ana",
    );
    let bauta = Bauta::start(server, POLICY);
    let parameters = [("user", "ana"), ("database", "old_letters")];
    let mut ana = Raw::connect_with(bauta.port, &parameters, &crate::harness::password("ana")).unwrap();
    for sql in ["SELECT * FROM \"käufer\"", "SELECT 1 AS ü", "PREPARE ö AS SELECT 1"] {
        assert_eq!(code(&ana.query(sql)).as_deref(), Some("0A000"), "{sql}");
        let parse = [m::parse("", sql, &[])];
        assert_eq!(code(&ana.exchange(&with_sync(&parse))).as_deref(), Some("0A000"), "{sql}");
    }
    assert_eq!(rows(&ana.query("SELECT 'ä' -- ö")).len(), 1);
    assert_eq!(rows(&ana.query("SELECT email FROM customers")), ["***"]);
}

/// A statement that its text runs behind a failing commit has run: PREPARE and
/// DEALLOCATE are not taken back with the transaction.
#[test]
fn what_a_failed_commit_prepared_is_not_taken_for_what_was_there() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let late = "INSERT INTO late VALUES (1), (1)";
    ana.query("CREATE TEMP TABLE late (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)");
    ana.query("PREPARE s AS SELECT 'x'");
    assert_eq!(code(&ana.query(&format!("{late}; DEALLOCATE s"))).as_deref(), Some("23505"));
    assert_eq!(code(&ana.query(&format!("{late}; PREPARE s AS {PROTECTED}"))).as_deref(), Some("23505"));
    // Nobody knows what it is: should it be there, the session ends.
    ana.send(&m::query("EXECUTE s"));
    while let Some(frame) = ana.receive().filter(|frame| frame.tag != b'Z') {
        shows_nothing(&[frame]);
    }
    // A statement that failed before it was reached leaves names as they were.
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query("PREPARE s AS SELECT 'x'");
    assert_eq!(code(&ana.query("SELECT 1 / 0; DEALLOCATE s")).as_deref(), Some("22012"));
    assert_eq!(rows(&ana.query("EXECUTE s")), ["x"]);
    assert_eq!(code(&ana.query("PREPARE s AS SELECT 'y'")).as_deref(), Some("42P05"));
    assert_eq!(rows(&ana.query("EXECUTE s")), ["x"]);
}

/// A Flush has no reply, but may fail: what follows up to the Sync is skipped.
#[test]
fn an_error_on_a_flush_puts_nothing_out_of_step() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let fail_on_flush = || {
        let mut ana = Raw::connect(bauta.port, "ana");
        ana.query("SET statement_timeout = '100ms'");
        let derived = "SELECT lower(email) FROM customers";
        ana.exchange(&with_sync(&[m::parse("s", derived, &[]), m::parse("h", "SELECT 'x'", &[])]));
        // The timer runs; it is looked at with the next message.
        ana.send(&[m::parse("z", "SELECT 1", &[]), m::flush()].concat());
        assert_eq!(ana.receive().map(|frame| frame.tag), Some(b'1'));
        std::thread::sleep(std::time::Duration::from_millis(300));
        ana.send(&m::flush());
        assert_eq!(ana.receive().and_then(|frame| frame.field(b'C')).as_deref(), Some("57014"));
        ana
    };
    // The server drops all but the Sync.
    let mut ana = fail_on_flush();
    let skipped =
        [m::query("SELECT 1"), m::bind("", "h", &[], &[]), m::describe(b'P', ""), m::execute("", 0)];
    let tags = |frames: &[Frame]| frames.iter().map(|frame| char::from(frame.tag)).collect::<String>();
    assert_eq!(tags(&ana.exchange(&with_sync(&skipped))), "Z");
    ana.query("SET statement_timeout = 0");
    let protected = [m::bind("", "s", &[], &[]), m::execute("", 0)];
    let frames = ana.exchange(&with_sync(&protected));
    shows_nothing(&frames);
    // Without describing the portal its rows can't come: masked if it is described.
    let described = [m::bind("", "s", &[], &[]), m::describe(b'P', ""), m::execute("", 0)];
    let frames = ana.exchange(&with_sync(&described));
    assert!(rows(&frames).iter().all(|row| row == "***") && tags(&frames).ends_with("CZ"), "{frames:?}");
}

/// A Query behind messages without a Sync: whose error it is can't be told.
#[test]
fn a_failing_query_behind_an_open_batch_ends_the_session() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.send(&[m::parse("", "SELECT 1", &[]), m::query("SELECT 2")].concat());
    let frames = ana.until_ready();
    assert_eq!(rows(&frames), ["2"]);
    ana.send(&[m::parse("", "SELECT 1", &[]), m::query("SELECT 1 / 0")].concat());
    let mut last = None;
    while let Some(frame) = ana.receive() {
        last = Some(frame);
    }
    let last = last.expect("an error");
    assert_eq!((last.field(b'S').as_deref(), last.field(b'C').as_deref()), (Some("FATAL"), Some("08P01")));
}

#[test]
fn bautas_own_names_are_no_clients() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    for sql in [
        "PREPARE \"bauta: copy\" AS SELECT 1",
        "EXECUTE \"bauta: copy\"",
        "DEALLOCATE \"bauta: copy\"",
        "DECLARE \"bauta: copy\" CURSOR WITH HOLD FOR SELECT 1",
        "FETCH \"bauta: copy\"",
        "EXPLAIN EXECUTE \"bauta: copy\"",
        "CLOSE \"bauta: copy\"",
    ] {
        assert_eq!(code(&ana.query(sql)).as_deref(), Some("42939"), "{sql}");
    }
    let parse = m::parse("bauta: copy", "SELECT 1", &[]);
    assert_eq!(code(&ana.exchange(&with_sync(&[parse]))).as_deref(), Some("42939"));
}

/// A COPY whose columns take too long to describe fails as the COPY would, and
/// the session goes on.
#[test]
fn a_copy_that_times_out_while_it_is_described_leaves_a_session_in_step() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let many: Vec<String> = (0..20_000).map(|i| format!("({i})")).collect();
    let copy = format!(
        "COPY (SELECT lower(email) AS a FROM customers WHERE id IN (VALUES {}) ORDER BY id LIMIT 2) TO STDOUT",
        many.join(",")
    );
    for limit in [1, 5, 10, 15, 20, 30, 40, 60] {
        ana.query(&format!("SET statement_timeout = {limit}"));
        let frames = ana.query(&copy);
        assert!(matches!(code(&frames).as_deref(), None | Some("57014")), "{limit}: {frames:?}");
        ana.query("SET statement_timeout = 0");
        assert_eq!(rows(&ana.query("SELECT 'still here'")), ["still here"]);
    }
}

/// A portal that is suspended may have done all its work: what it left for the
/// end of the transaction speaks as filtered as its own errors.
#[test]
fn a_suspended_portal_leaves_the_end_of_its_transaction_filtered() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE NOTICE 'is %', NEW.email; RAISE EXCEPTION 'no %', NEW.email; END $$;
         CREATE CONSTRAINT TRIGGER tell AFTER UPDATE ON customers DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION tell()",
    );
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let update = "UPDATE customers SET name = name WHERE id < 4 RETURNING id";
    let messages =
        [m::parse("", update, &[]), m::bind("", "", &[], &[]), m::describe(b'P', ""), m::execute("", 1)];
    let frames = ana.exchange(&with_sync(&messages));
    assert!(frames.iter().any(|frame| frame.tag == b's'), "{frames:?}");
    let said: Vec<String> = frames.iter().filter_map(|frame| frame.field(b'M')).collect();
    assert_eq!(said, ["successful_completion", "raise_exception"]);
}
