//! Names in messages that fail, wait, or were never seen made.
//!
//! Goal: a name is believed to mean something only when the server's answer has
//! made it so, and what nobody has seen made is never run. Method: pipelines at
//! whose end the server holds a protected statement under a name that a
//! harmless one was, or was to be, given; each is sent to the server itself as
//! well, where it must show a value. What names nothing is answered as the
//! server answers it.

use std::time::Duration;

use crate::handles::{PROTECTED, code, rows, with_sync};
use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.customers.email", "public.customers.ssn"]
    method = "redact"
"#;

/// Fails at the commit.
const LATE: &str = "INSERT INTO late VALUES (1), (1)";
const LATE_TABLE: &str = "CREATE TEMP TABLE late (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)";

fn tells(frames: &[Frame]) -> bool {
    rows(frames).iter().any(|row| row.contains('@'))
}

fn run(name: &str) -> Vec<u8> {
    with_sync(&[m::bind("", name, &[], &[]), m::execute("", 0)])
}

/// Directly the attack shows a value, through bauta none. Returns the last answers.
fn shows_only_directly(
    server: &Server,
    bauta: &Bauta,
    attack: impl Fn(&mut Raw) -> Vec<Frame>,
) -> Vec<Frame> {
    assert!(tells(&attack(&mut Raw::connect(server.port(), "ana"))), "shows nothing directly");
    let seen = attack(&mut Raw::connect(bauta.port, "ana"));
    assert!(!tells(&seen), "{:?}", rows(&seen));
    seen
}

/// A Query behind a Flush is sent with a message before it that has its own
/// answer: that answer makes nothing certain that the Query does.
#[test]
fn a_query_behind_a_flush_gives_no_name_before_it_has_run() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let query = |change: &str| {
        // The long row has the server send what it has.
        m::query(&format!("SELECT repeat('x', 20000); SELECT pg_sleep(1); SELECT 1 / 0; {change}"))
    };
    let behind_a_flush = |raw: &mut Raw, change: &str| {
        raw.send(&[m::parse("", "SELECT 1", &[]), m::flush()].concat());
        assert_eq!(raw.receive().map(|frame| frame.tag), Some(b'1'));
        raw.send(&query(change));
        std::thread::sleep(Duration::from_millis(400));
    };
    let seen = shows_only_directly(server, &bauta, |raw| {
        raw.exchange(&with_sync(&[m::parse("x", PROTECTED, &[])]));
        behind_a_flush(raw, "DEALLOCATE x; PREPARE x AS SELECT 'harmless'");
        raw.send(&run("x"));
        raw.until_ready();
        raw.until_ready()
    });
    assert!(rows(&seen).len() > 1 && rows(&seen).iter().all(|row| row == "***"), "{seen:?}");
    let seen = shows_only_directly(server, &bauta, |raw| {
        raw.query(&format!("DECLARE c CURSOR WITH HOLD FOR {PROTECTED}"));
        behind_a_flush(raw, "CLOSE c; DECLARE c CURSOR WITH HOLD FOR SELECT 'harmless'");
        raw.send(&with_sync(&[m::execute("c", 0)]));
        raw.until_ready();
        raw.until_ready()
    });
    assert!(rows(&seen).is_empty(), "{seen:?}");
}

/// A Query commits what the messages before it did, and may fail at that: its
/// own statement has run.
#[test]
fn what_a_lone_statement_did_to_names_is_not_taken_back_with_its_commit() {
    let server = Server::shared();
    if server.major() >= 18 {
        // There a Query leaves a pipeline's transaction open: no commit can fail.
        return;
    }
    let bauta = Bauta::start(server, POLICY);
    let seen = shows_only_directly(server, &bauta, |raw| {
        raw.query(LATE_TABLE);
        raw.exchange(&with_sync(&[m::parse("x", "SELECT 'harmless'", &[]), m::parse("v", LATE, &[])]));
        for change in ["DEALLOCATE x", &format!("PREPARE x AS {PROTECTED}")] {
            let late = [m::bind("", "v", &[], &[]), m::execute("", 0), m::query(change)];
            assert_eq!(code(&raw.exchange(&late.concat())).as_deref(), Some("23505"), "{change}");
        }
        raw.exchange(&run("x"))
    });
    // Nobody has seen it made: there is none.
    assert_eq!(code(&seen).as_deref(), Some("26000"));
}

/// A text is judged as if its statements had run, and then waits, or is refused.
#[test]
fn what_a_text_would_have_done_to_names_is_undone_where_it_was_done() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    for last in ["EXECUTE y", "DO 'BEGIN END'"] {
        let seen = shows_only_directly(server, &bauta, |raw| {
            raw.exchange(&with_sync(&[m::parse("x", PROTECTED, &[])]));
            let text = format!("DEALLOCATE x; PREPARE x AS SELECT 'tried'; {last}");
            let again = [m::parse("x", "SELECT 'harmless'", &[]), m::query(&text)];
            assert_eq!(code(&raw.exchange(&with_sync(&again))).as_deref(), Some("42P05"));
            raw.exchange(&run("x"))
        });
        assert!(rows(&seen).len() > 1 && rows(&seen).iter().all(|row| row == "***"), "{last}: {seen:?}");
    }
}

/// While an Execute waits for its grant, the messages before it are answered.
#[test]
fn what_waits_for_its_grant_changes_no_name() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    for limit in [&["--once"][..], &["--max-rows", "5"]] {
        for _ in 0..5 {
            let grant = ["grant", "ana", "--column", "public.customers.ssn", "--for", "1m", "--reason", "r"];
            bauta.cli_ok(&[&grant, limit].concat());
            let attack = |raw: &mut Raw| {
                let prepare = "PREPARE x AS SELECT ssn FROM customers";
                raw.exchange(&with_sync(&[m::parse("x", PROTECTED, &[]), m::parse("pp", prepare, &[])]));
                let again = [
                    m::bind("q", "pp", &[], &[]),
                    m::parse("x", "SELECT 'harmless'", &[]),
                    m::execute("q", 0),
                ];
                raw.send(&[with_sync(&again), m::sync()].concat());
                assert_eq!(code(&raw.until_ready()).as_deref(), Some("42P05"));
                raw.until_ready();
                raw.exchange(&run("x"))
            };
            let seen = shows_only_directly(server, &bauta, attack);
            assert!(rows(&seen).len() > 1 && rows(&seen).iter().all(|row| row == "***"), "{seen:?}");
        }
    }
}

/// What a failed commit left under a name is not run, whoever names it.
#[test]
fn what_nobody_has_seen_made_does_not_run() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE marks (what text); GRANT ALL ON marks TO PUBLIC;
         CREATE FUNCTION opens() RETURNS refcursor LANGUAGE plpgsql AS
             $$ DECLARE r refcursor := 'behind'; BEGIN OPEN r FOR SELECT id FROM products; RETURN r; END $$",
    );
    let trusting = format!("{POLICY}\n[defaults]\ntrusted_functions = [\"public.opens\"]\n");
    let bauta = Bauta::start(&server, &trusting);
    let mark = "INSERT INTO marks VALUES ('x')";
    let mut ana = Raw::connect(bauta.port, "ana");
    ana.query(LATE_TABLE);
    assert_eq!(code(&ana.query(&format!("{LATE}; PREPARE x AS {mark}"))).as_deref(), Some("23505"));
    let parsed = [m::parse("e", "EXECUTE x", &[]), m::parse("f", "FETCH p", &[])];
    assert_eq!(code(&ana.exchange(&with_sync(&parsed))), None);
    for text in ["EXECUTE x", "SELECT 1; EXECUTE x", "EXPLAIN (ANALYZE) EXECUTE x", "EXECUTE x; SELECT 1"] {
        let frames = ana.query(text);
        assert_eq!(code(&frames).as_deref(), Some("26000"), "{text}");
        let said = frames.iter().find_map(|frame| frame.field(b'M').filter(|_| frame.tag == b'E'));
        assert_eq!(said.as_deref(), Some("prepared statement \"x\" does not exist"), "{text}");
    }
    // It is there until a message names it.
    assert_eq!(code(&ana.query(&format!("PREPARE x AS {mark}"))).as_deref(), Some("42P05"));
    assert_eq!(code(&ana.exchange(&run("e"))).as_deref(), Some("26000"));
    assert_eq!(code(&ana.exchange(&run("x"))).as_deref(), Some("26000"));
    assert_eq!(code(&ana.query(&format!("PREPARE x AS {mark}"))), None);
    assert_eq!(server.sql("shop", "SELECT count(*) FROM marks").trim(), "0");
    assert_eq!(code(&ana.query("EXECUTE x")), None);
    assert_eq!(server.sql("shop", "SELECT count(*) FROM marks").trim(), "1");
    // A cursor that a function opens, which is there to the server.
    for fetch in ["FETCH ALL FROM behind", "MOVE behind"] {
        assert_eq!(code(&ana.query("BEGIN; SELECT opens()")), None);
        assert_eq!(code(&ana.query(fetch)).as_deref(), Some("34000"), "{fetch}");
        ana.query("ROLLBACK");
        assert_eq!(code(&ana.query(&format!("BEGIN; SELECT opens(); {fetch}"))).as_deref(), Some("34000"));
        ana.query("ROLLBACK");
    }
    assert_eq!(code(&ana.query("BEGIN; SELECT opens()")), None);
    assert_eq!(code(&ana.exchange(&with_sync(&[m::execute("behind", 0)]))).as_deref(), Some("34000"));
    ana.query("ROLLBACK");
    assert_eq!(rows(&ana.query("SELECT 'still here'")), ["still here"]);
}

/// The server gives a portal over EXECUTE or FETCH the columns of what the name
/// meant when it was bound: not of what nobody has seen made.
#[test]
fn a_portal_has_no_columns_of_what_nobody_has_seen_made() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let narrow = "SELECT 'a'::name AS a, 1::int4 AS b";
    let wide = "SELECT ''::text AS a, email AS b FROM customers";
    for (leave, parse, again) in [
        (format!("PREPARE s AS {narrow}"), "EXECUTE s", format!("DEALLOCATE s; PREPARE s AS {wide}")),
        (
            format!("DECLARE s CURSOR WITH HOLD FOR {narrow}"),
            "FETCH ALL FROM s",
            format!("CLOSE s; DECLARE s CURSOR FOR {wide}"),
        ),
    ] {
        let mut ana = Raw::connect(bauta.port, "ana");
        ana.query(LATE_TABLE);
        assert_eq!(code(&ana.query(&format!("{LATE}; {leave}"))).as_deref(), Some("23505"));
        ana.query("BEGIN");
        let open = [m::parse("e", parse, &[]), m::bind("p", "e", &[], &[])];
        assert_eq!(code(&ana.exchange(&with_sync(&open))), None);
        // There is nothing to take away.
        assert!(code(&ana.query(&again)).is_some());
        ana.query("ROLLBACK; BEGIN");
        assert_eq!(code(&ana.exchange(&with_sync(&open[1..]))), None);
        let (_, make) = again.split_once("; ").unwrap();
        assert_eq!(code(&ana.query(make)), None, "{make}");
        let frames = ana.exchange(&with_sync(&[m::execute("p", 0)]));
        assert!(rows(&frames).is_empty(), "{frames:?}");
    }
}

/// Drivers read these codes: what names nothing is answered as without bauta.
/// A Query that fails in a transaction leaves the server an unnamed portal whose
/// text is memory that is used for other messages by then: that of the Bind
/// behind it, say, with the original that stands for a token.
#[test]
fn the_unnamed_portal_of_a_failed_query_is_not_run() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    for failing in
        ["VACUUM", "EXECUTE nope", "SELECT 1 / 0", "SELECT nope", "nope", "PREPARE one AS SELECT 1"]
    {
        for named in [m::execute("", 0), m::describe(b'P', "")] {
            let mut ana = Raw::connect(bauta.port, "ana");
            ana.query("PREPARE one AS SELECT 1; BEGIN");
            ana.exchange(&with_sync(&[m::parse("", "SELECT 1", &[]), m::bind("", "", &[], &[])]));
            let failed = ana.query(failing);
            assert!(code(&failed).is_some(), "{failing}");
            let answer = ana.exchange(&with_sync(&[named]));
            assert_eq!(code(&answer).as_deref(), Some("34000"), "{failing}: {answer:?}");
        }
    }
}

#[test]
fn what_names_nothing_is_answered_in_the_servers_own_words() {
    let server = Server::shared();
    let bauta = Bauta::start(server, POLICY);
    let mut both = [server.port(), bauta.port].map(|port| Raw::connect(port, "ana"));
    let parse = |sql: &str| m::parse("", sql, &[]);
    let unnamed = || [m::bind("", "", &[], &[]), m::execute("", 0)].concat();
    for message in [
        m::query("EXECUTE nope"),
        m::query("EXECUTE \"No pe\" (1)"),
        m::query("EXPLAIN EXECUTE nope"),
        m::query("FETCH ALL FROM \"<unnamed portal 1>\""),
        m::query("MOVE 3 IN nope"),
        m::query("CLOSE nope"),
        m::query("DEALLOCATE nope"),
        m::query("SELECT 1; EXECUTE nope; SELECT 2"),
        with_sync(&[m::bind("", "nope", &[], &[])]),
        with_sync(&[m::bind("p", "", &[], &[])]),
        with_sync(&[m::execute("nope", 0)]),
        with_sync(&[m::execute("", 0)]),
        with_sync(&[m::describe(b'S', "nope"), m::execute("nope", 0)]),
        with_sync(&[m::describe(b'P', "nope")]),
        with_sync(&[m::close(b'S', "nope"), m::close(b'P', "nope")]),
        with_sync(&[parse("EXECUTE nope"), unnamed()]),
        with_sync(&[parse("FETCH nope"), unnamed()]),
        with_sync(&[parse("FETCH nope"), m::bind("", "", &[], &[]), m::execute("", 5)]),
        with_sync(&[parse("DEALLOCATE nope"), unnamed()]),
        // In a transaction, which fails, and has failed.
        m::query("BEGIN"),
        m::query("EXECUTE nope"),
        m::query("EXECUTE nope"),
        m::query("FETCH nope"),
        with_sync(&[m::bind("", "nope", &[], &[])]),
        with_sync(&[m::execute("nope", 0)]),
        with_sync(&[parse("EXECUTE nope"), unnamed()]),
        m::query("ROLLBACK"),
        m::query("SELECT 'at rest'"),
        m::query("EXECUTE \"ä\""),
    ] {
        let [direct, through] = both.each_mut().map(|raw| raw.exchange(&message));
        assert_eq!(direct, through, "{}", String::from_utf8_lossy(&message));
    }
}

/// `0x1F` is `0 AS x1f` to versions up to 14, and an error to 15.
#[test]
fn a_number_that_an_older_server_reads_as_two_words_is_refused() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let version: u32 = server.sql("shop", "SHOW server_version_num").trim().parse().unwrap();
    for number in ["0x1F", "1_000", "0b1", "0o7"] {
        for text in
            [format!("SELECT {number} FROM customers"), format!("SELECT email, ({number}) FROM customers")]
        {
            let frames = ana.query(&text);
            let hint = frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'H'));
            assert_eq!(
                hint.is_some_and(|hint| hint.contains("decimal")),
                version < 160_000,
                "{text}: {frames:?}"
            );
        }
        let body = format!("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT {number}'");
        let refused = code(&ana.query(&body)).as_deref() == Some("42501");
        assert_eq!(refused, version < 160_000, "{body}");
    }
    assert_eq!(code(&ana.query("SELECT 1.5e3, 10 FROM customers")), None);
}
