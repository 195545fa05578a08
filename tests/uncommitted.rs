//! Statements behind DDL of their own transaction. Goal: no value gets into code that
//! nobody knows yet, and what gets into none runs. Method: each kind of DDL that a
//! client may run, in front of statements of both sorts.

use super::harness::{Bauta, DATABASE, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.customers.email", "public.users.secret"]
    method = "redact"
    [[role]]
    name = "migrators"
    members = ["etl"]
    exempt = true
"#;

const SCHEMA: &str = "
    CREATE ROLE owners; GRANT owners TO etl; GRANT ALL ON SCHEMA public TO owners;
    ALTER TABLE customers OWNER TO owners;
    CREATE TABLE own (id int, t text); ALTER TABLE own OWNER TO ana;
    CREATE TYPE feeling AS ENUM ('a'); ALTER TYPE feeling OWNER TO ana;
    CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TABLE users (id int, secret text); CREATE SCHEMA app; CREATE TABLE app.users (id int, name text);
    GRANT ALL ON SCHEMA public TO ana, etl; GRANT ALL ON SCHEMA app TO ana;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ana, etl; GRANT ALL ON app.users TO ana";

/// What may make something that a statement calls without anybody's knowing.
const CODE: &[&str] = &[
    "CREATE TYPE mood AS ENUM ('a')",
    "CREATE DOMAIN level AS int",
    "CREATE FUNCTION twice(text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $1'",
    "CREATE RULE silent AS ON DELETE TO own DO INSTEAD NOTHING",
];

/// What makes no such thing.
const OTHER: &[&str] = &[
    "CREATE VIEW one AS SELECT 1 AS one",
    "CREATE TEMP VIEW one AS SELECT 1 AS one",
    "CREATE MATERIALIZED VIEW one AS SELECT 1 AS one",
    "CREATE TRIGGER t BEFORE INSERT ON own FOR EACH ROW EXECUTE FUNCTION nothing()",
    "CREATE POLICY p ON own USING (id > 0)",
    "ALTER TYPE feeling ADD VALUE 'b'",
];

/// Nothing protected is given to anything in them.
const SETTLED: &[&str] = &[
    "SELECT count(*) FROM customers",
    "SELECT id, upper(name) FROM customers WHERE id < 3 ORDER BY id",
    "SELECT id, email FROM customers WHERE id = 1",
    "SELECT * FROM customers",
    "SELECT c.email, o.t FROM customers c LEFT JOIN own o ON o.id = c.id",
    "UPDATE customers SET name = name WHERE id = 1",
    "INSERT INTO customers (id, name) VALUES (99, 'x') RETURNING id",
    "DECLARE c CURSOR FOR SELECT id, email FROM customers; FETCH 1 FROM c; CLOSE c",
];

const CALLING: &[&str] = &[
    "SELECT lower(email) FROM customers",
    "SELECT id, email FROM customers ORDER BY email",
    "SELECT email FROM customers UNION ALL SELECT email FROM customers",
];

fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'C'))
}

fn by_messages(session: &mut Raw, sql: &str) -> Vec<Frame> {
    let messages =
        [m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::describe(b'P', ""), m::execute("", 0)];
    session.exchange(&[messages.concat(), m::sync()].concat())
}

#[test]
fn what_gets_into_no_code_runs_behind_ddl_that_is_not_committed() {
    let server = Server::start();
    server.sql(DATABASE, SCHEMA);
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    for (ddl, makes_code) in CODE.iter().map(|ddl| (ddl, true)).chain(OTHER.iter().map(|ddl| (ddl, false))) {
        for (sql, calls) in
            SETTLED.iter().map(|sql| (sql, false)).chain(CALLING.iter().map(|sql| (sql, true)))
        {
            let known = calls && makes_code;
            ana.query("BEGIN");
            assert_eq!(code(&ana.query(ddl)), None, "{ddl}");
            let frames = ana.query(sql);
            assert_eq!(code(&frames).as_deref(), known.then_some("0A000"), "{ddl}; {sql}: {frames:?}");
            let mut rows = frames.iter().filter(|frame| frame.tag == b'D');
            let raw = rows.any(|frame| String::from_utf8_lossy(&frame.body).contains('@'));
            assert!(!raw, "{ddl}; {sql}");
            ana.query("ROLLBACK");
            if !sql.contains(';') {
                ana.query("BEGIN");
                ana.query(ddl);
                assert_eq!(
                    code(&by_messages(&mut ana, sql)).as_deref(),
                    known.then_some("0A000"),
                    "{ddl}; {sql}"
                );
                ana.query("ROLLBACK");
            }
            let both = format!("BEGIN; {ddl}; {sql}");
            assert_eq!(code(&ana.query(&both)).as_deref(), known.then_some("0A000"), "{both}");
            ana.query("ROLLBACK");
        }
    }
}

#[test]
fn ddl_that_is_rolled_back_holds_nothing_up() {
    let server = Server::start();
    server.sql(DATABASE, SCHEMA);
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let (ddl, sql) = (CODE[0], CALLING[0]);
    for (statements, runs) in [
        (&["SAVEPOINT a", ddl, "ROLLBACK TO a"][..], true),
        (&["SAVEPOINT a", "CREATE TABLE made (id int)", "ROLLBACK TO a"], true),
        (&["SAVEPOINT a", ddl, "RELEASE a"], false),
        (&[ddl, "SAVEPOINT a", "ROLLBACK TO a"], false),
        (&["SAVEPOINT a", ddl, "SAVEPOINT a", "CREATE DOMAIN level AS int", "ROLLBACK TO a"], false),
        (&["SAVEPOINT a", ddl, "SAVEPOINT /**/ a", "ROLLBACK TO a"], false),
    ] {
        ana.query("BEGIN");
        for statement in statements {
            assert_eq!(code(&ana.query(statement)), None, "{statement}");
        }
        assert_eq!(code(&ana.query(sql)).as_deref(), (!runs).then_some("0A000"), "{statements:?}");
        ana.query("ROLLBACK");
    }
    // Of a name that several tables have.
    ana.query("BEGIN");
    ana.query("SAVEPOINT a");
    ana.query("CREATE TABLE made (id int)");
    assert_eq!(code(&ana.query("SELECT id FROM users")), None);
    ana.query("CREATE VIEW seen AS SELECT 1 AS one; DROP VIEW seen CASCADE");
    let frames = ana.query("SELECT id FROM users");
    let hint = frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'H'));
    let hint = hint.unwrap_or_default();
    assert!(hint.contains("public.users") && hint.contains("app.users"), "{hint}");
    ana.query("ROLLBACK TO a");
    assert_eq!(code(&ana.query("SELECT id FROM users")), None);
    ana.query("CREATE TABLE made (id int)");
    assert_eq!(code(&ana.query("SELECT id FROM public.users")), None);
}

/// What a role that is `exempt` makes may read what is protected by itself.
#[test]
fn code_over_protected_data_holds_up_all_that_names_it_until_it_is_rolled_back() {
    let server = Server::start();
    server.sql(DATABASE, SCHEMA);
    let bauta = Bauta::start(&server, POLICY);
    let mut etl = Raw::connect(bauta.port, "etl");
    let reads = "CREATE FUNCTION reads(int) RETURNS text LANGUAGE sql STABLE AS \
                 'SELECT email FROM customers WHERE id = $1'";
    etl.query("BEGIN");
    etl.query("SAVEPOINT a");
    assert_eq!(code(&etl.query(reads)), None);
    etl.query("SAVEPOINT b");
    for sql in ["SELECT id FROM customers", "SELECT reads(1)", "SELECT reads(id) FROM own"] {
        assert_eq!(code(&etl.query(sql)).as_deref(), Some("0A000"), "{sql}");
        etl.query("ROLLBACK TO b");
    }
    etl.query("ROLLBACK TO a");
    assert_eq!(code(&etl.query("SELECT id FROM customers")), None);
    assert_eq!(code(&etl.query("SELECT reads(1)")).as_deref(), Some("42883"));
    etl.query("ROLLBACK");
    // A migration that makes a type, and then fills a column.
    etl.query("BEGIN");
    assert_eq!(code(&etl.query("ALTER TABLE customers ADD COLUMN more text")), None);
    assert_eq!(code(&etl.query("CREATE TYPE mood AS ENUM ('a')")), None);
    assert_eq!(code(&etl.query("UPDATE customers SET name = name WHERE id = 1")), None);
    etl.query("ROLLBACK");
}
