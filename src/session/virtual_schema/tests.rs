//! Goal: exactly the documented forms are answered, with the documented types;
//! everything else that calls a function of schema `bauta` is refused, and
//! what does not is left alone. Method: tables of texts, and runs against an
//! engine on a SQLite file.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::catalog::Oid;
use crate::clock::{Clock, SystemClock};
use crate::config::{Role, Scope};
use crate::grants::book::SessionNumbers;
use crate::grants::event::{Answer, Event, Journal, JournalError};
use crate::grants::model::sample::{ask, root, shop};
use crate::grants::{Directory, Engine, Roles, engine::Parts, sqlite::Sqlite};
use crate::mask::Format;

struct Nowhere;

impl Journal for Nowhere {
    fn record<'a>(&'a self, _: &'a Event) -> Answer<'a, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Directory for Nowhere {
    fn protected_columns(&self) -> Vec<Arc<crate::policy::ProtectedColumn>> {
        shop()
    }
    fn meet(&self) -> Answer<'_, ()> {
        Box::pin(async {})
    }
    fn columns_of(&self, _policy: &str) -> Vec<Arc<crate::policy::ProtectedColumn>> {
        self.protected_columns()
    }
    fn pg_roles(&self, _: &str) -> Vec<Arc<str>> {
        vec![]
    }
}

struct Bench {
    _dir: tempfile::TempDir,
    engine: Arc<Engine>,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let analyst = Role {
            place: "proxy.toml:1".into(),
            name: "analyst".into(),
            members: vec!["ana".into()],
            member_roles: vec![],
            unmask: vec![],
            request: vec![Scope::Tag("pii".into())],
            approve: vec![],
            max_duration: None,
            refusal: None,
            ticket_pattern: None,
            export: false,
            break_glass: false,
            exempt: false,
        };
        let engine = Engine::start(Parts {
            store: Box::new(Sqlite::open(&dir.path().join("bauta.db")).unwrap()),
            journal: Arc::new(Nowhere),
            directory: Arc::new(Nowhere),
            listeners: vec![],
            clock: Arc::new(SystemClock),
            roles: Roles::of_test(vec![analyst], 1),
            sessions: SessionNumbers::alone(),
            max_staleness: Duration::from_secs(30),
        })
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { _dir: dir, engine, runtime }
    }

    fn run_with(&self, sql: &str, parameters: &[Parameter]) -> Result<Vec<Row>, ClientError> {
        let statement = recognise(sql).expect("a statement of ours")?;
        let permits = self.engine.permits("ana", 7, &[]);
        let context = SessionContext {
            login: "ana",
            end_user: None,
            subject: "ana",
            session: 7,
            columns: shop(),
            permits: &permits,
            engine: &self.engine,
            now: SystemClock.now(),
        };
        let rows = self.runtime.block_on(statement.execute(parameters, &context))?;
        assert!(rows.iter().all(|r| r.len() == statement.columns().len()));
        Ok(rows)
    }
    fn run(&self, sql: &str) -> Result<Vec<Row>, ClientError> {
        self.run_with(sql, &[])
    }
    /// All rows as psql -At prints them.
    fn shows(&self, sql: &str) -> String {
        let cell =
            |v: &Value| v.encode(Format::Text).map_or("".into(), |b| String::from_utf8(b.to_vec()).unwrap());
        let row = |r: &Row| r.iter().map(cell).collect::<Vec<_>>().join("|");
        self.run(sql).unwrap().iter().map(row).collect::<Vec<_>>().join("\n")
    }
}

fn text(value: &str) -> Parameter {
    Parameter {
        declared: Oid(0),
        expected: Oid(25),
        format: Format::Text,
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
    }
}

#[test]
fn ordinary_text_is_left_alone() {
    for sql in [
        "SELECT 1",
        "SELECT * FROM customers",
        "SELECT 'bauta.columns()'",
        "SELECT $$ bauta.request('a') $$ -- bauta.grants()",
        "SELECT bauta.x FROM t AS bauta",
        "SELECT * FROM bauta_service.verifiers()",
        "SELECT * FROM my_bauta.columns()",
        "SELECT 'unfinished bauta.columns()",
        "INSERT INTO log VALUES ('the bauta. (really)')",
        "",
    ] {
        assert_eq!(recognise(sql), None, "{sql}");
    }
}

#[test]
fn documented_forms_are_answered() {
    let bench = Bench::new();
    let all = bench.shows("SELECT * FROM bauta.columns()");
    assert_eq!(all.lines().count(), 4);
    assert_eq!(
        all.lines().next().unwrap(),
        "crm.contacts.mail|email|crm.contacts.mail|{pii}|{nullness}|masked||t"
    );
    for sql in [
        "SELECT * FROM bauta.columns();",
        "select * from BAUTA.Columns ( ) ;",
        "/* BI */ SELECT c.* FROM \"bauta\".columns() AS c -- end",
        "SELECT * FROM (SELECT * FROM bauta.columns()) AS \"Custom SQL\"",
        "SELECT * FROM bauta.columns() ORDER BY column_name ASC LIMIT 100 OFFSET 0",
        "SELECT * FROM bauta.columns() LIMIT ALL",
    ] {
        assert_eq!(bench.shows(sql), all, "{sql}");
    }
    assert_eq!(
        bench.shows(
            "SELECT t.column_name AS x, may_request FROM bauta.columns() t \
             WHERE t.may_request AND 'email' = method ORDER BY x DESC LIMIT 2 OFFSET 1"
        ),
        "public.customers.email|t\ncrm.contacts.mail|t"
    );
    assert_eq!(
        bench.shows(
            "SELECT n FROM (SELECT column_name AS n, grant_id FROM bauta.columns() ORDER BY 1 DESC LIMIT 2) q \
             ORDER BY n"
        ),
        "public.customers.ssn\npublic.orders.card"
    );
    assert_eq!(bench.shows("SELECT * FROM bauta.whoami()"), "ana||{analyst}|7");
    assert_eq!(bench.shows("SELECT * FROM bauta.columns() WHERE grant_id = NULL"), "");
}

#[test]
fn other_uses_are_refused_and_never_forwarded() {
    for (sql, code) in [
        ("SELECT bauta.whoami()", "0A000"),
        ("SELECT count(*) FROM bauta.columns()", "0A000"),
        ("SELECT upper(method) FROM bauta.columns()", "0A000"),
        ("SELECT * FROM bauta.columns(), customers", "0A000"),
        ("SELECT * FROM bauta.columns() c JOIN customers ON true", "0A000"),
        ("SELECT * FROM customers WHERE email IN (SELECT column_name FROM bauta.columns())", "0A000"),
        ("SELECT DISTINCT method FROM bauta.columns()", "0A000"),
        ("SELECT method FROM bauta.columns() GROUP BY method", "0A000"),
        ("SELECT * FROM bauta.columns() WHERE method <> 'email'", "0A000"),
        ("SELECT * FROM bauta.columns() WHERE method = 'email' OR method = 'token'", "0A000"),
        ("SELECT * FROM bauta.columns() WHERE tags = '{pii}'", "0A000"),
        ("SELECT * FROM bauta.columns() WITH ORDINALITY", "0A000"),
        ("SELECT * FROM bauta.columns() ORDER BY 1 FETCH FIRST 1 ROW WITH TIES", "0A000"),
        ("SELECT * FROM bauta.columns() AS c(a)", "0A000"),
        ("SELECT * FROM (SELECT * FROM (SELECT * FROM bauta.columns()) a) b", "0A000"),
        ("SELECT * INTO x FROM bauta.columns()", "0A000"),
        ("WITH a AS (SELECT 1) SELECT * FROM bauta.columns()", "0A000"),
        ("SELECT * FROM bauta.columns() UNION SELECT * FROM bauta.columns()", "0A000"),
        ("SELECT * FROM bauta.columns() FOR UPDATE", "0A000"),
        ("SELECT * FROM bauta.request('a', '1m', version())", "0A000"),
        ("SELECT 1; SELECT * FROM bauta.columns()", "0A000"),
        ("CREATE TABLE t AS SELECT * FROM bauta.columns()", "0A000"),
        ("EXPLAIN SELECT * FROM bauta.columns()", "0A000"),
        ("CREATE FUNCTION bauta.columns() RETURNS int LANGUAGE sql AS 'SELECT 1'", "0A000"),
        ("DO $$ BEGIN END $$; SELECT * FROM bauta.grants()", "0A000"),
        ("SELECT * FROM bauta.colums()", "42883"),
        ("SELECT * FROM bauta.columns(1)", "42883"),
        ("SELECT * FROM bauta.request('a', '1m')", "42883"),
        ("SELECT * FROM bauta.request('a', '1m', 'r', reason => 's')", "42883"),
        ("SELECT * FROM bauta.request('a', '1m', 'r', who => 's')", "42883"),
        ("SELECT nothing FROM bauta.columns()", "42703"),
        ("SELECT * FROM bauta.columns() WHERE nothing = 1", "42703"),
        ("SELECT * FROM bauta.columns() ORDER BY 9", "42P10"),
        ("SELECT * FROM bauta.columns( WHERE", "42601"),
        ("SELECT * FROM bauta.columns() LIMIT $2", "42P18"),
    ] {
        let error = recognise(sql).expect(sql).expect_err(sql);
        assert_eq!(error.code, code, "{sql}: {error}");
        assert!(code != "0A000" || error.hint.is_some(), "{sql}");
    }
    let deep = format!("SELECT * FROM bauta.columns() WHERE {}true{}", "(".repeat(5000), ")".repeat(5000));
    assert!(recognise(&deep).unwrap().is_err());
    // Read on the session's own thread, its tree would end the process.
    let chain = format!("SELECT * FROM bauta.columns() WHERE method = ''{}", "||''".repeat(4_000));
    assert!(recognise(&chain).unwrap().is_err());
    let long = format!("SELECT * FROM bauta.columns() -- {}", "x".repeat(100_000));
    assert_eq!(recognise(&long).unwrap().unwrap_err().code, "54000");
}

#[test]
fn a_request_is_filed_for_oneself_and_shown_once() {
    let bench = Bench::new();
    let sql = "SELECT id, status, columns, duration FROM bauta.request('tag:pii', '15m', 'INC-4711 refund')";
    let shown = "1|pending|{crm.contacts.mail,public.customers.email,public.customers.ssn}|00:15:00";
    assert_eq!(bench.shows(sql), shown);
    assert_eq!(bench.shows(sql), shown, "the same open request is one");
    let named = "SELECT ticket FROM bauta.request('public.customers.*', '1m', reason => 'r', ticket => 'T-1', \
                 once => true)";
    assert_eq!(bench.shows(named), "T-1");
    assert_eq!(bench.shows("SELECT id FROM bauta.requests() WHERE status = 'pending' ORDER BY id"), "1\n2");
    let with = "SELECT reason FROM bauta.request($1, $2::text, $3, once => $4)";
    let once = Parameter {
        format: Format::Binary,
        value: Some(Bytes::from_static(&[1])),
        expected: Oid(16),
        ..text("")
    };
    let rows = bench.run_with(with, &[text("public.customers.ssn"), text("2m"), text("why"), once]).unwrap();
    assert_eq!(rows, [[Value::text("why")]]);
    assert!(bench.engine.requests()[0].once);
    assert_eq!(recognise(with).unwrap().unwrap().parameter_types(), [Oid(25), Oid(25), Oid(25), Oid(16)]);
}

#[test]
fn faults_have_their_sqlstate() {
    let bench = Bench::new();
    for (arguments, code) in [
        ("'public.customers.email', '15', 'r'", "22023"),
        ("'public.customers.email', '2d', 'r'", "22023"),
        ("'public.customers.email', '1m', ' '", "22023"),
        ("'public.customers.email', '1m', NULL", "22023"),
        ("'email', '1m', 'r'", "22023"),
        ("'public.customers.emial', '1m', 'r'", "42703"),
        ("'public.orders.card', '1m', 'r'", "42501"),
        ("'public.customers.email', '1m', 'r', NULL, 'perhaps'", "22P02"),
    ] {
        let error = bench.run(&format!("SELECT * FROM bauta.request({arguments})")).unwrap_err();
        assert_eq!(error.code, code, "{arguments}: {error}");
    }
    assert!(bench.engine.requests().is_empty());
    assert_eq!(bench.run("SELECT * FROM bauta.columns() LIMIT -1").unwrap_err().code, "2201W");
    assert_eq!(bench.run("SELECT * FROM bauta.grants() WHERE id = 'x'").unwrap_err().code, "22P02");
    let one = "SELECT * FROM bauta.columns() LIMIT $1";
    assert_eq!(bench.run_with(one, &[text("-1")]).unwrap_err().code, "2201W");
    assert_eq!(bench.run_with(one, &[]).unwrap_err().code, "08P01");
}

#[test]
fn grants_show_what_is_mine_here() {
    let bench = Bench::new();
    let give = |user, session| {
        let wanted = crate::grants::model::Ask { session, ..ask(user, &[0], 60) };
        bench.runtime.block_on(bench.engine.give(wanted, root())).unwrap();
    };
    give("ana", None);
    give("ana", Some(8));
    give("eve", None);
    let shown = bench.shows("SELECT id, columns, reason, once, export, uses FROM bauta.grants()");
    assert_eq!(shown, "1|{public.customers.email}|INC-4711|f|f|0");
    let rows = bench.run("SELECT seconds_left FROM bauta.grants()").unwrap();
    assert!(matches!(rows[0][0], Value::Int4(59..=60)), "{rows:?}");
    assert_eq!(
        bench.shows(
            "SELECT access, grant_id FROM bauta.columns() WHERE column_name = 'public.customers.email'"
        ),
        "revealed|1"
    );
}

#[test]
fn values_have_postgresqls_formats() {
    let at = "2026-01-02T03:04:05.67Z".parse().unwrap();
    let text = |v: Value| v.encode(Format::Text).map(|b| String::from_utf8(b.to_vec()).unwrap());
    let binary = |v: Value| v.encode(Format::Binary).map(|b| b.to_vec());
    assert_eq!(text(Value::Timestamptz(at)).unwrap(), "2026-01-02 03:04:05.67+00");
    assert_eq!(
        binary(Value::Timestamptz("2000-01-01T00:00:01Z".parse().unwrap())).unwrap(),
        1_000_000i64.to_be_bytes()
    );
    let odd = ["a,b", "", "null", "q\"\\", "plain"].map(str::to_owned).to_vec();
    assert_eq!(text(Value::TextArray(odd.clone())).unwrap(), r#"{"a,b","","null","q\"\\",plain}"#);
    use postgres_types::FromSql;
    let read: Vec<String> =
        Vec::from_sql(&postgres_types::Type::TEXT_ARRAY, &binary(Value::TextArray(odd.clone())).unwrap())
            .unwrap();
    assert_eq!(read, odd);
    let none: Vec<String> =
        Vec::from_sql(&postgres_types::Type::TEXT_ARRAY, &binary(Value::TextArray(vec![])).unwrap()).unwrap();
    assert!(none.is_empty());
    assert_eq!(text(Value::Interval(90_061)).unwrap(), "25:01:01");
    assert_eq!(binary(Value::Interval(1)).unwrap(), [&1_000_000i64.to_be_bytes()[..], &[0; 8]].concat());
    assert_eq!(binary(Value::Null), None);
    assert_eq!(binary(Value::Int4(-2)).unwrap(), (-2i32).to_be_bytes());
}
