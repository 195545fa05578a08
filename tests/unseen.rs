//! DDL over protected data by a role that is `exempt`: until it commits, no
//! snapshot knows what it made.
//!
//! Goal: a session that may run such DDL, but not see the values, gets none
//! of them by a name that it has just made or changed, and no ordinary
//! migration is hindered. Method: one script for each way, which must end with
//! 0A000; each is shown to work for a role that sees everything.

use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    [[role]]
    name = "ddl"
    members = ["etl", "sam"]
    exempt = true
    [[role]]
    name = "all"
    members = ["sam"]
    unmask = ["public.customers.*"]
"#;

const BEFORE: &str = "
    CREATE ROLE owners; GRANT owners TO etl, sam; ALTER TABLE customers OWNER TO owners;
    CREATE TABLE notes (id int, note text); INSERT INTO notes VALUES (1, 'x'); ALTER TABLE notes OWNER TO owners;
    CREATE VIEW clean AS SELECT id, note FROM notes; ALTER VIEW clean OWNER TO owners;
    CREATE TABLE folk (email text); ALTER TABLE folk OWNER TO owners;
    CREATE VIEW seen_folk AS SELECT email FROM folk; ALTER VIEW seen_folk OWNER TO owners;
    CREATE TABLE parted (LIKE customers) PARTITION BY LIST (id); ALTER TABLE parted OWNER TO owners;
    GRANT ALL ON SCHEMA public TO owners";

/// Scripts in one transaction; the last statement would show an address.
const WAYS: &[&[&str]] = &[
    &["CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers", "SELECT e FROM v"],
    &["CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers", "TABLE V"],
    &["CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers", "SELECT e FROM public.\"v\""],
    &[
        "CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers",
        "SELECT (SELECT max(e) FROM v) FROM notes",
    ],
    &[
        "CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers",
        "SAVEPOINT s",
        "RELEASE s",
        "SELECT e FROM v",
    ],
    &["CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers", "COPY (SELECT e FROM v) TO STDOUT"],
    &["CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers", "DECLARE c CURSOR FOR SELECT e FROM v"],
    &["CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers", "PREPARE p AS SELECT e FROM v"],
    &[
        "CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers",
        "CREATE TABLE copied AS SELECT e FROM v",
    ],
    &["CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers", "INSERT INTO notes SELECT 2, e FROM v"],
    &[
        "CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers",
        "CREATE VIEW w AS SELECT e FROM v",
        "SELECT e FROM w",
    ],
    &[
        "PREPARE p AS SELECT * FROM clean",
        "CREATE OR REPLACE VIEW clean AS SELECT id, email AS note FROM customers",
        "EXECUTE p",
    ],
    &["CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT max(email) FROM customers'", "SELECT f()"],
    &["CREATE MATERIALIZED VIEW mat AS SELECT left(email, 99) AS e FROM customers", "SELECT e FROM mat"],
    &[
        "ALTER TABLE customers RENAME TO people",
        "ALTER TABLE notes RENAME TO customers",
        "SELECT left(email, 9) FROM people",
    ],
    &[
        "ALTER TABLE customers RENAME email TO other",
        "ALTER TABLE customers RENAME name TO email",
        "ALTER TABLE customers RENAME other TO name",
        "SELECT left(name, 99) FROM customers",
    ],
    &[
        "CREATE RULE r AS ON INSERT TO notes DO INSTEAD SELECT left(email, 99) FROM customers",
        "INSERT INTO notes VALUES (3)",
    ],
    &[
        "DO $$ BEGIN CREATE VIEW hidden AS SELECT left(email, 99) AS e FROM customers; END $$",
        "SELECT e FROM hidden",
    ],
    &["ALTER TABLE customers INHERIT folk", "SELECT left(email, 99) FROM folk"],
    &["ALTER TABLE customers INHERIT folk", "SELECT left(email, 99) FROM seen_folk"],
    &["ALTER TABLE parted ATTACH PARTITION customers DEFAULT", "SELECT left(email, 99) FROM parted"],
];

/// What migrations do, to the end.
const ORDINARY: &[&str] = &[
    "ALTER TABLE customers ADD seen bool NOT NULL DEFAULT false",
    "UPDATE customers SET name = name WHERE id = 1",
    "CREATE INDEX customers_seen ON customers (id, email)",
    "CREATE VIEW told AS SELECT id, email FROM customers",
    "GRANT SELECT ON told TO ana",
    "COMMENT ON VIEW told IS 'for Ana'",
    "ALTER TABLE customers ADD heard int",
    "SELECT id, note FROM notes",
    "INSERT INTO notes VALUES (2, 'y')",
    "ALTER VIEW told RENAME TO told_again",
];

fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'C'))
}

fn shows(frames: &[Frame]) -> bool {
    frames
        .iter()
        .any(|frame| matches!(frame.tag, b'D' | b'd') && frame.body.windows(12).any(|w| w == b"@example.com"))
}

pub fn extended(sql: &str) -> Vec<u8> {
    let parts = [m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::describe(b'P', ""), m::execute("", 0)];
    parts.concat()
}

#[test]
fn what_an_exempt_role_makes_shows_nothing_before_it_is_committed() {
    let server = Server::start();
    server.sql("shop", BEFORE);
    let bauta = Bauta::start(&server, POLICY);
    let mut etl = Raw::connect(bauta.port, "etl");
    let mut sam = Raw::connect(bauta.port, "sam");
    for way in WAYS {
        let (last, before) = way.split_last().expect("a statement");
        // Step by step.
        etl.query("BEGIN");
        for sql in before {
            assert_eq!(code(&etl.query(sql)), None, "{sql}");
        }
        assert_eq!(code(&etl.query(last)).as_deref(), Some("0A000"), "{way:?}");
        etl.query("ROLLBACK; DEALLOCATE ALL");
        // In one text, and in one pipeline.
        let text = format!("BEGIN; {}", way.join("; "));
        assert_eq!(code(&etl.query(&text)).as_deref(), Some("0A000"), "{text}");
        etl.query("ROLLBACK; DEALLOCATE ALL");
        let mut pipeline = extended("BEGIN");
        pipeline.extend(way.iter().flat_map(|sql| extended(sql)));
        pipeline.extend(m::sync());
        assert_eq!(code(&etl.exchange(&pipeline)).as_deref(), Some("0A000"), "{way:?}");
        etl.query("ROLLBACK; DEALLOCATE ALL");
        // Who sees everything may.
        sam.query("BEGIN");
        for sql in *way {
            assert_eq!(code(&sam.query(sql)), None, "{sql}");
        }
        sam.query("ROLLBACK; DEALLOCATE ALL");
    }
}

#[test]
fn an_ordinary_migration_of_an_exempt_role_runs_to_its_end() {
    let server = Server::start();
    server.sql("shop", BEFORE);
    let bauta = Bauta::start(&server, POLICY);
    let mut etl = Raw::connect(bauta.port, "etl");
    etl.query("BEGIN");
    for sql in ORDINARY {
        assert_eq!(code(&etl.query(sql)), None, "{sql}");
    }
    assert_eq!(code(&etl.query("COMMIT")), None);
    // Known now, and masked.
    let frames = etl.query("SELECT email FROM told_again");
    assert_eq!(code(&frames), None);
    assert!(frames.iter().any(|frame| frame.tag == b'D') && !shows(&frames), "{frames:?}");
    // Nothing is left of it in the next transaction.
    etl.query("BEGIN");
    assert_eq!(code(&etl.query("SELECT count(*) FROM told_again")), None);
    etl.query("ROLLBACK");
}

/// EXECUTE of a COMMIT answers before anything is committed.
#[test]
fn a_commit_that_execute_runs_ends_no_transaction() {
    let server = Server::start();
    server.sql("shop", BEFORE);
    let bauta = Bauta::start(&server, POLICY);
    for commit in ["COMMIT", " ; /* ; */ END", "-- x\nABORT"] {
        let mut etl = Raw::connect(bauta.port, "etl");
        etl.exchange(&[m::parse("k", commit, &[]), m::sync()].concat());
        etl.query("BEGIN");
        assert_eq!(code(&etl.query("CREATE VIEW v AS SELECT left(email, 99) AS e FROM customers")), None);
        let execute = [m::parse("e", "EXECUTE k", &[]), m::bind("", "e", &[], &[]), m::execute("", 0)];
        etl.send(&[execute.concat(), m::flush()].concat());
        std::thread::sleep(std::time::Duration::from_millis(100));
        etl.send(&[extended("SELECT e FROM v"), m::sync()].concat());
        let frames = etl.until_ready();
        assert!(!shows(&frames), "{commit}");
        assert_eq!(code(&frames).as_deref(), Some("0A000"), "{commit}");
        etl.query("ROLLBACK");
        assert_eq!(code(&etl.query("EXECUTE k")).as_deref(), Some("0A000"), "{commit}");
    }
    let mut etl = Raw::connect(bauta.port, "etl");
    // By itself it runs as ever.
    let commit = [m::parse("k", "COMMIT", &[]), m::bind("", "k", &[], &[]), m::execute("", 0), m::sync()];
    etl.query("BEGIN");
    assert_eq!(code(&etl.exchange(&commit.concat())), None);
}

/// A portal that was bound before the DDL runs what it means by now.
#[test]
fn a_portal_does_not_run_what_ddl_made_of_its_function() {
    let server = Server::start();
    server.sql("shop", BEFORE);
    server.sql(
        "shop",
        "CREATE FUNCTION fn() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'x'; END $$; \
         ALTER FUNCTION fn() OWNER TO etl",
    );
    let bauta = Bauta::start(&server, POLICY);
    let replace = "CREATE OR REPLACE FUNCTION fn() RETURNS text LANGUAGE plpgsql AS \
                   $$ BEGIN RETURN (SELECT max(email) FROM public.customers); END $$";
    let run = |raw: &mut Raw| {
        raw.query("BEGIN");
        let open = [m::parse("", "SELECT fn()", &[]), m::bind("p", "", &[], &[]), m::sync()];
        assert_eq!(code(&raw.exchange(&open.concat())), None);
        assert_eq!(code(&raw.query(replace)), None);
        let frames = raw.exchange(&[m::execute("p", 0), m::sync()].concat());
        raw.query("ROLLBACK");
        frames
    };
    assert!(shows(&run(&mut Raw::connect(server.port(), "etl"))));
    let frames = run(&mut Raw::connect(bauta.port, "etl"));
    assert!(!shows(&frames), "{frames:?}");
    assert_eq!(code(&frames).as_deref(), Some("0A000"));
}
