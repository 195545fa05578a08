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

const SSN: &str = r#"
    [[protect]]
    column = "public.customers.ssn"
    method = "redact"
"#;

/// Has no origin that RowDescription could tell.
pub const PROTECTED: &str = "SELECT email FROM customers UNION ALL SELECT email FROM customers";

pub fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'C'))
}

pub fn rows(frames: &[Frame]) -> Vec<String> {
    let first =
        |frame: &Frame| String::from_utf8_lossy(frame.columns()[0].as_deref().unwrap_or_default()).into();
    frames.iter().filter(|frame| frame.tag == b'D').map(first).collect()
}

fn shows_nothing(frames: &[Frame]) {
    assert!(rows(frames).iter().all(|row| row == "***" || !row.contains('@')), "{:?}", rows(frames));
}

/// With a view over the addresses that ana may drop.
fn server_with_view() -> Server {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE VIEW told AS SELECT id, email FROM customers; CREATE ROLE owners; GRANT owners TO ana; \
         ALTER VIEW told OWNER TO owners; GRANT SELECT ON customers TO owners",
    );
    server
}

pub fn with_sync(messages: &[Vec<u8>]) -> Vec<u8> {
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

/// A Query behind messages without a Sync, and behind a Flush that fails.
#[test]
fn a_failing_query_behind_an_open_batch_is_answered_as_by_the_server() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    for open in [vec![m::parse("", "SELECT 1", &[])], vec![m::parse("", "SELECT 1", &[]), m::flush()]] {
        ana.send(&[open.concat(), m::query("SELECT 1 / 0")].concat());
        assert_eq!(code(&ana.until_ready()).as_deref(), Some("22012"));
        assert_eq!(rows(&ana.query("SELECT 2")), ["2"]);
    }
    // The Flush fails, and the server skips the Query.
    ana.query("SET statement_timeout = '100ms'");
    ana.send(&[m::parse("", "SELECT 1", &[]), m::flush()].concat());
    assert_eq!(ana.receive().map(|frame| frame.tag), Some(b'1'));
    std::thread::sleep(std::time::Duration::from_millis(300));
    ana.send(&[m::flush(), m::query("SELECT 3"), m::sync()].concat());
    let frames = ana.until_ready();
    assert_eq!((code(&frames).as_deref(), rows(&frames).len()), (Some("57014"), 0));
    assert_eq!(rows(&ana.query("SELECT 4")), ["4"]);
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

/// The server gives a portal, or a message's statement, over EXECUTE or FETCH
/// the columns that the name had then, and reads other rows by them: bytes of
/// one column come out as another.
#[test]
fn a_name_that_changes_between_bind_and_execute_runs_nothing() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let narrow = "SELECT 'a'::name AS a, 1::int4 AS b";
    let wide = "SELECT ''::text AS a, email AS b FROM customers";
    let run = |first: &[Vec<u8>], change: &str, last: Vec<u8>| {
        let mut ana = Raw::connect(bauta.port, "ana");
        ana.query(&format!("BEGIN; PREPARE s AS {narrow}; DECLARE k CURSOR FOR {narrow}"));
        ana.exchange(&with_sync(first));
        assert_eq!(code(&ana.query(change)), None, "{change}");
        let frames = ana.exchange(&last);
        assert_eq!(code(&frames).as_deref(), Some("0A000"), "{frames:?}");
        assert!(rows(&frames).is_empty());
    };
    let prepare = format!("DEALLOCATE s; PREPARE s AS {wide}");
    let declare = format!("CLOSE k; DECLARE k CURSOR FOR {wide}");
    let execute = with_sync(&[m::execute("p", 0)]);
    run(&[m::parse("e", "EXECUTE s", &[]), m::bind("p", "e", &[], &[])], &prepare, execute.clone());
    run(&[m::parse("e", "FETCH ALL FROM k", &[]), m::bind("p", "e", &[], &[])], &declare, execute);
    run(&[m::parse("e", "EXECUTE s", &[])], &prepare, m::query("EXECUTE e"));
    run(&[m::parse("e", "FETCH ALL FROM k", &[])], &declare, m::query("EXECUTE e"));
    // Through a portal over a portal.
    run(
        &[m::parse("e", "EXECUTE s", &[]), m::bind("p", "e", &[], &[])],
        &prepare,
        m::query("FETCH ALL FROM p"),
    );
}

/// A cursor WITH HOLD may be held when the commit fails, and is not taken back.
#[test]
fn a_held_cursor_of_a_failed_commit_is_not_taken_for_an_older_one() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    for sql in [
        "CREATE TEMP TABLE later (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)",
        "CREATE FUNCTION pg_temp.twice() RETURNS text LANGUAGE sql VOLATILE AS \
         'INSERT INTO later VALUES (1), (1) RETURNING id::text'",
        "BEGIN",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 'x'::text AS a",
        "ROLLBACK",
    ] {
        assert_eq!(code(&ana.query(sql)), None, "{sql}");
    }
    let declare = "DECLARE c CURSOR WITH HOLD FOR \
                   SELECT email AS a FROM customers UNION ALL SELECT pg_temp.twice()";
    assert!(code(&ana.query(declare)).is_some());
    ana.send(&m::query("FETCH ALL FROM c"));
    while let Some(frame) = ana.receive().filter(|frame| frame.tag != b'Z') {
        shows_nothing(&[frame]);
    }
}

/// What a pipeline sets is reported at its end: until then, nobody knows how a
/// name of other letters is read.
#[test]
fn names_of_other_letters_wait_for_what_a_pipeline_sets() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query(&format!("PREPARE \"é\" AS {PROTECTED}"));
    let set =
        [m::parse("", "SET client_encoding = 'LATIN1'", &[]), m::bind("", "", &[], &[]), m::execute("", 0)];
    let messages = [set.concat(), m::parse("é", "SELECT 'x'", &[])];
    assert_eq!(code(&ana.exchange(&with_sync(&messages))).as_deref(), Some("0A000"));
    ana.query("SET client_encoding = 'UTF8'");
    shows_nothing(&ana.query("EXECUTE \"é\""));
}

/// A cursor WITH HOLD holds the rows of its DECLARE, whatever its text would
/// mean now.
#[test]
fn a_held_cursor_is_judged_as_it_was_declared() {
    let server = server_with_view();
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let declare = "DECLARE c CURSOR WITH HOLD FOR SELECT email FROM told UNION ALL SELECT email FROM told";
    assert_eq!(code(&ana.query(declare)), None);
    assert_eq!(rows(&ana.query("FETCH 1 FROM c")), ["***"]);
    assert_eq!(code(&ana.query("DROP VIEW told")), None);
    let frames = ana.query("FETCH ALL FROM c");
    assert!(!rows(&frames).is_empty(), "{frames:?}");
    shows_nothing(&frames);
    // The session goes on.
    assert_eq!(code(&ana.query("SELECT 1")), None);
}

/// COPY says nothing of where its columns come from.
#[test]
fn a_copy_whose_protected_places_hang_on_a_star_is_refused() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query("CREATE TEMP TABLE m (a text, b text); CREATE TEMP TABLE n (z text)");
    let copy = "COPY (SELECT m.*, c.email, n.* FROM m, customers c, n) TO STDOUT";
    assert_eq!(code(&ana.query(copy)).as_deref(), Some("0A000"));
    for copy in [
        "COPY (SELECT m.a, m.b, c.email, n.z FROM m, customers c, n) TO STDOUT",
        "COPY (SELECT c.*, m.* FROM m, customers c) TO STDOUT",
        "COPY (SELECT m.*, c.id FROM m, customers c) TO STDOUT",
    ] {
        assert_eq!(code(&ana.query(copy)), None, "{copy}");
    }
}

/// A large Bind passes by its head; it is looked at all the same.
#[test]
fn a_large_bind_of_what_uncommitted_ddl_changed_is_refused() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE VIEW clean AS SELECT id, name AS note FROM products; ALTER VIEW clean OWNER TO etl",
    );
    let exempt = "[[role]]\nname = \"ddl\"\nmembers = [\"etl\"]\nexempt = true";
    let bauta = Bauta::start(&server, &format!("{POLICY}\n{exempt}"));
    let mut etl = Raw::connect(bauta.port, "etl");
    etl.exchange(&with_sync(&[m::parse("a", "SELECT note FROM clean WHERE $1::text IS NOT NULL", &[])]));
    etl.query("BEGIN");
    let replace = "CREATE OR REPLACE VIEW clean AS SELECT id, left(email, 99) AS note FROM customers";
    assert_eq!(code(&etl.query(replace)), None);
    let large = "x".repeat(300_000);
    let frames = etl.exchange(&with_sync(&[m::bind("", "a", &[Some(&large)], &[]), m::execute("", 0)]));
    assert_eq!(code(&frames).as_deref(), Some("0A000"));
}

/// A statement that waited for leave to use its grant is run for nothing else.
#[test]
fn what_waited_for_its_grant_is_dropped_with_its_message() {
    let server = Server::shared();
    let policy = format!("{POLICY}{SSN}");
    let bauta = Bauta::start(server, &policy);
    for _ in 0..10 {
        let mut ana = Raw::connect(bauta.port, "ana");
        bauta.cli_ok(&[
            "grant",
            "ana",
            "--column",
            "public.customers.email",
            "--for",
            "1m",
            "--once",
            "--reason",
            "r",
        ]);
        let messages =
            [m::parse("s", "SELECT email FROM customers", &[]), m::bind("p", "s", &[], &[]), m::flush()];
        ana.send(&messages.concat());
        let failing = [m::parse("u", "SELECT 1 / 0", &[]), m::bind("", "u", &[], &[]), m::execute("", 0)];
        ana.send(&[failing.concat(), m::execute("p", 0)].concat());
        let other = [
            m::sync(),
            m::parse("v", "SELECT ssn FROM customers", &[]),
            m::bind("p", "v", &[], &[]),
            m::execute("p", 0),
            m::sync(),
        ];
        ana.send(&other.concat());
        let mut frames = ana.until_ready();
        frames.extend(ana.until_ready());
        assert!(rows(&frames).iter().all(|row| row == "***"), "{:?}", rows(&frames));
    }
}

/// Statements behind one whose rows a grant's end has cut run on: what they do
/// to names holds.
#[test]
fn what_runs_behind_a_cut_statement_changes_names_all_the_same() {
    let server = Server::shared();
    let policy = format!("{POLICY}{SSN}");
    let bauta = Bauta::start(server, &policy);
    let mut ana = Raw::connect(bauta.port, "ana");
    bauta.cli_ok(&[
        "grant",
        "ana",
        "--column",
        "public.customers.email",
        "--for",
        "1m",
        "--max-rows",
        "2",
        "--reason",
        "r",
    ]);
    ana.query("PREPARE s AS SELECT 'x'::text AS a");
    let text = "SELECT email, repeat('x', 3000) FROM customers; DEALLOCATE s; \
                PREPARE s AS SELECT ssn AS a FROM customers UNION ALL SELECT ssn FROM customers; SELECT pg_sleep(1)";
    assert_eq!(code(&ana.query(text)).as_deref(), Some("42501"));
    let frames = ana.query("EXECUTE s");
    assert!(rows(&frames).iter().all(|row| row == "***" || row == "x"), "{:?}", rows(&frames));
}

/// The server may speak of a statement after it has answered.
#[test]
fn what_is_said_behind_a_bind_is_filtered() {
    let server = Server::start();
    server.sql("postgres", "ALTER ROLE ana SET log_min_duration_statement = 0");
    let policy = POLICY.replace("redact", "token");
    let bauta = Bauta::start(&server, &policy);
    let mut ana = Raw::connect(bauta.port, "ana");
    let token = rows(&ana.query("SELECT email FROM customers WHERE id = 1")).remove(0);
    ana.query("SET client_min_messages = log");
    ana.query("BEGIN");
    let declare = "DECLARE k CURSOR FOR SELECT name FROM customers WHERE email = $1";
    let messages = [m::parse("", declare, &[25]), m::bind("", "", &[Some(&token)], &[]), m::flush()];
    ana.send(&messages.concat());
    std::thread::sleep(std::time::Duration::from_millis(300));
    ana.send(&[m::execute("", 0), m::sync()].concat());
    let frames = ana.until_ready();
    assert!(frames.iter().any(|frame| frame.tag == b'C'), "{frames:?}");
    let said = frames.iter().filter(|frame| frame.tag == b'N');
    for frame in said {
        assert!(!String::from_utf8_lossy(&frame.body).contains('@'), "{frame:?}");
    }
}

/// What stands in a cursor's rows is what its names meant when it was opened,
/// wherever today's names would put it.
#[test]
fn a_cursor_beside_other_protected_names_is_judged_as_it_was_opened() {
    let server = server_with_view();
    let policy = format!("{POLICY}{SSN}");
    let bauta = Bauta::start(&server, &policy);
    let mut ana = Raw::connect(bauta.port, "ana");
    let both = "SELECT t.email, c.ssn FROM told t JOIN customers c USING (id)";
    let declare = format!("DECLARE c CURSOR WITH HOLD FOR {both} UNION ALL {both}");
    assert_eq!(code(&ana.query(&declare)), None);
    // As one of several statements.
    let several = "SELECT id FROM customers LIMIT 0; DECLARE d CURSOR WITH HOLD FOR \
                   SELECT email FROM told UNION ALL SELECT email FROM told";
    assert_eq!(code(&ana.query(several)), None);
    assert_eq!(code(&ana.query("DROP VIEW told")), None);
    shows_nothing(&ana.query("FETCH 3 FROM c"));
    shows_nothing(&ana.query("FETCH 3 FROM d"));
    ana.query("CREATE TEMP TABLE told (id int, email text)");
    shows_nothing(&ana.query("FETCH 3 FROM c"));
    shows_nothing(&ana.query("FETCH 3 FROM d"));
}

/// A client's function can raise any SQLSTATE, also one of those by which the
/// server says that it has not even begun.
#[test]
fn a_code_that_a_trigger_chooses_takes_no_name_back() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    for code_of in ["42P05", "25P02", "42P03"] {
        let mut ana = Raw::connect(bauta.port, "ana");
        ana.query("CREATE TEMP TABLE late (id int)");
        let body = format!("BEGIN RAISE EXCEPTION 'b' USING ERRCODE = '{code_of}'; END");
        let function =
            format!("CREATE FUNCTION pg_temp.boom() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$");
        assert_eq!(code(&ana.query(&function)), None);
        ana.query(
            "CREATE CONSTRAINT TRIGGER b AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION pg_temp.boom()",
        );
        ana.query("PREPARE s AS SELECT 'x'");
        let late = "INSERT INTO late VALUES (1)";
        assert_eq!(code(&ana.query(&format!("{late}; DEALLOCATE s"))).as_deref(), Some(code_of));
        assert_eq!(code(&ana.query(&format!("{late}; PREPARE s AS {PROTECTED}"))).as_deref(), Some(code_of));
        ana.send(&m::query("EXECUTE s"));
        while let Some(frame) = ana.receive().filter(|frame| frame.tag != b'Z') {
            shows_nothing(&[frame]);
        }
    }
}

/// What fails before it does anything leaves names as they were.
#[test]
fn what_fails_before_it_runs_leaves_names_as_they_were() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query("DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 9)::text");
    let again = "DECLARE c CURSOR WITH HOLD FOR SELECT 'y'";
    assert_eq!(code(&ana.query(again)).as_deref(), Some("42P03"));
    assert_eq!(code(&ana.query("DECLARE c CURSOR WITH HOLD FOR SELECT nothing")).as_deref(), Some("42703"));
    ana.query("BEGIN; SELECT 1 / 0");
    assert_eq!(code(&ana.query(again)).as_deref(), Some("25P02"));
    ana.query("ROLLBACK");
    assert_eq!(rows(&ana.query("FETCH 1 FROM c")), ["1"]);
    ana.query("PREPARE s AS SELECT 'x'");
    assert_eq!(code(&ana.query("SELECT 1; PREPARE s AS SELECT 'y'")).as_deref(), Some("42P05"));
    assert_eq!(rows(&ana.query("EXECUTE s")), ["x"]);
    // A statement prepared beside an EXECUTE is none.
    assert_eq!(code(&ana.query("EXECUTE s; PREPARE t AS SELECT 'z'")), None);
    assert_eq!(rows(&ana.query("EXECUTE t")), ["z"]);
    // Locks hold no table out that takes another's name.
    ana.query("CREATE TEMP TABLE m (id int, a text)");
    ana.query("BEGIN");
    let copy = "COPY (SELECT * FROM m JOIN customers c USING (id) JOIN m n USING (id)) TO STDOUT";
    assert_eq!(code(&ana.query(copy)).as_deref(), Some("0A000"));
}

/// A Bind makes the parameter's value, and with it runs what its type's CHECK calls.
#[test]
fn a_parameter_whose_type_asks_protected_data_is_refused() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION tells(i int) RETURNS bool LANGUAGE plpgsql AS \
         $$ BEGIN RAISE NOTICE '%', (SELECT email FROM customers WHERE id = i); RETURN true; END $$; \
         CREATE DOMAIN told AS int CHECK (tells(VALUE)); CREATE DOMAIN whole AS int CHECK (VALUE > 0)",
    );
    let oid = |name: &str| -> u32 {
        let oid = server.sql("shop", &format!("SELECT '{name}'::regtype::oid::int8"));
        oid.trim().parse().expect("an oid")
    };
    let asked = |raw: &mut Raw, name: &str, value: &str| {
        let parse = m::parse("", "SELECT $1", &[oid(name)]);
        raw.exchange(&with_sync(&[parse, m::bind("", "", &[Some(value)], &[]), m::execute("", 0)]))
    };
    let tells = |frames: &[Frame]| frames.iter().any(|f| f.tag == b'N' && f.body.contains(&b'@'));
    let mut direct = Raw::connect(server.port(), "ana");
    let bauta = Bauta::start(&server, POLICY);
    let mut raw = Raw::connect(bauta.port, "ana");
    for (name, value) in [("told", "1"), ("_told", "{1,2}")] {
        assert!(tells(&asked(&mut direct, name, value)), "{name}");
        let frames = asked(&mut raw, name, value);
        assert!(!tells(&frames), "{frames:?}");
        assert_eq!(code(&frames).as_deref(), Some("42501"), "{name}");
    }
    assert_eq!(code(&asked(&mut raw, "whole", "1")), None);
    // The CHECK came later than the statement.
    raw.exchange(&with_sync(&[m::parse("later", "SELECT $1", &[oid("whole")])]));
    server.sql("shop", "ALTER DOMAIN whole ADD CHECK (tells(VALUE))");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let frames = raw.exchange(&with_sync(&[m::bind("", "later", &[Some("1")], &[]), m::execute("", 0)]));
    assert!(!tells(&frames), "{frames:?}");
    assert_eq!(code(&frames).as_deref(), Some("42501"));
}
