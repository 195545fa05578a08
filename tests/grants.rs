//! Goal: a grant shows what it covers to whom it is for, from the next
//! statement of a running session on until its end, and nothing of it is lost
//! or prolonged by a crash. Method: the real program in front of a real
//! server, one session that stays open throughout.

use std::collections::BTreeSet;
use std::io::{BufRead, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::harness::{Bauta, Frame, Raw, Server, message as m, psql};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    tags = ["pii"]
    [[protect]]
    column = "public.customers.ssn"
    method = "redact"
    tags = ["pii"]
    [[role]]
    name = "analyst"
    members = ["ana"]
    request = ["tag:pii"]
"#;

const EMAIL: &str = "SELECT email FROM customers WHERE id = 1";

struct Bench {
    server: Server,
    bauta: Bauta,
}

impl Bench {
    fn new() -> Self {
        let server = Server::start();
        let bauta = Bauta::start(&server, POLICY);
        Self { server, bauta }
    }
    fn session(&self) -> Raw {
        Raw::connect(self.bauta.port, "ana")
    }
    /// The address as it is.
    fn truth(&self) -> String {
        value(&Raw::connect(self.server.port(), "postgres").query(EMAIL))
    }
    fn grant(&self, seconds: &str, more: &[&str]) {
        let grant =
            ["grant", "ana", "--column", "public.customers.email", "--for", seconds, "--reason", "INC-4711"];
        self.bauta.cli_ok(&[&grant, more].concat());
    }
    fn events(&self, name: &str) -> usize {
        self.bauta.audit().iter().filter(|r| r["event"] == name).count()
    }
}

fn values(frames: &[Frame]) -> Vec<String> {
    let first = |f: &Frame| String::from_utf8(f.columns()[0].clone().unwrap()).unwrap();
    frames.iter().filter(|f| f.tag == b'D').map(first).collect()
}

fn value(frames: &[Frame]) -> String {
    values(frames).into_iter().next().unwrap_or_else(|| panic!("no row: {frames:?}"))
}

fn error(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'C'))
}

fn is_masked(email: &str) -> bool {
    email.contains("***")
}

/// What a parent shows of a child that another rule names is the child's to show.
#[test]
fn a_grant_on_a_parents_column_is_none_on_its_childs() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE kin (id int, s text); CREATE TABLE kin_below () INHERITS (kin); \
         CREATE TABLE kin_plain () INHERITS (kin); INSERT INTO kin_below VALUES (1, 'below'); \
         INSERT INTO kin_plain VALUES (2, 'plain'); GRANT ALL ON kin, kin_below, kin_plain TO ana",
    );
    let policy = "[[protect]]\ncolumn = \"public.kin.s\"\nmethod = \"partial\"\n\
                  [[protect]]\ncolumn = \"public.kin_below.s\"\nmethod = \"redact\"\n";
    let bauta = Bauta::start(&server, policy);
    let mut ana = Raw::connect(bauta.port, "ana");
    let grant = |column: &str| {
        bauta.cli_ok(&["grant", "ana", "--column", column, "--for", "5m", "--reason", "r"]);
    };
    let all = "SELECT string_agg(s, ',' ORDER BY id) FROM (SELECT id, s FROM kin ORDER BY id) x";
    let code = |frames: &[Frame]| frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'C'));
    let told =
        |frames: &[Frame]| frames.iter().any(|frame| String::from_utf8_lossy(&frame.body).contains("below,"));
    grant("public.kin.s");
    for sql in ["SELECT s || ',' FROM kin", "SELECT s FROM kin", all] {
        let frames = ana.query(sql);
        let shown =
            frames.iter().any(|f| f.tag == b'D' && String::from_utf8_lossy(&f.body).contains("below"));
        assert!(!shown, "{sql}: {frames:?}");
    }
    assert_eq!(code(&ana.query("SELECT id FROM kin WHERE s LIKE 'b%'")).as_deref(), Some("42501"));
    grant("public.kin_below.s");
    assert!(told(&ana.query(all)));
    assert_eq!(code(&ana.query("SELECT id FROM kin WHERE s LIKE 'b%'")), None);
    bauta.cli_ok(&["revoke", "2"]);
    assert!(!told(&ana.query(all)));
    // A child that only its parent's rule protects is the parent's.
    bauta.write_config("[[protect]]\ncolumn = \"public.kin.s\"\nmethod = \"partial\"\n");
    bauta.cli_ok(&["reload"]);
    assert!(told(&ana.query(all)));
}

#[test]
fn a_running_session_sees_from_its_next_statement_until_the_end() {
    let bench = Bench::new();
    let truth = bench.truth();
    let mut ana = bench.session();
    assert!(is_masked(&value(&ana.query(EMAIL))));
    // Prepared while masked.
    ana.exchange(&[m::parse("p", EMAIL, &[]), m::sync()].concat());
    let prepared = |ana: &mut Raw| {
        value(&ana.exchange(&[m::bind("", "p", &[], &[]), m::execute("", 0), m::sync()].concat()))
    };
    assert!(is_masked(&prepared(&mut ana)));
    bench.grant("3s", &[]);
    let given = Instant::now();
    assert_eq!(value(&ana.query(EMAIL)), truth);
    assert_eq!(prepared(&mut ana), truth);
    // Another column, another person: nothing.
    assert_eq!(value(&ana.query("SELECT ssn FROM customers WHERE id = 1")), "***");
    assert!(is_masked(&value(&Raw::connect(bench.bauta.port, "sam").query(EMAIL))));
    sleep(Duration::from_secs(3).saturating_sub(given.elapsed()) + Duration::from_millis(50));
    assert!(is_masked(&value(&ana.query(EMAIL))));
    assert!(is_masked(&prepared(&mut ana)));
    let deadline = Instant::now() + Duration::from_secs(5);
    while bench.events("grant.expired") == 0 {
        assert!(Instant::now() < deadline, "grant.expired is recorded");
        sleep(Duration::from_millis(50));
    }
    assert_eq!((bench.events("grant.created"), bench.events("grant.revoked")), (1, 0));
    assert!(bench.events("grant.used") >= 1);
}

/// A grant is about columns, so however a statement is spelled it is the same.
#[test]
fn an_approved_statement_may_be_spelled_in_another_way() {
    let bench = Bench::new();
    let mut ana = bench.session();
    let ask = "SELECT id FROM bauta.request('public.customers.email', '5m', 'INC-4711')";
    let ids = [value(&ana.query(&format!("{ask}\n"))), value(&ana.query(&format!("{ask};\r\n")))];
    assert_eq!(ids[0], ids[1], "the same open request");
    bench.bauta.cli_ok(&["approve", &ids[0]]);
    let truth = bench.truth();
    for sql in [
        format!("{EMAIL}\n"),
        format!("{EMAIL}\r\n\r\n"),
        format!("\n{EMAIL} ;\n"),
        format!("{EMAIL} -- done\n"),
        format!("/* report */ {}", EMAIL.replace(' ', "\n\t")),
        EMAIL.to_lowercase().replace("select", "SeLeCt"),
    ] {
        assert_eq!(value(&ana.query(&sql)), truth, "{sql:?}");
    }
}

#[test]
fn a_connection_made_late_does_not_start_the_clock_anew() {
    let bench = Bench::new();
    bench.grant("4s", &[]);
    let given = Instant::now();
    sleep(Duration::from_secs(2));
    let mut late = bench.session();
    late.query(EMAIL);
    sleep(Duration::from_secs(4).saturating_sub(given.elapsed()) + Duration::from_millis(50));
    assert!(is_masked(&value(&late.query(EMAIL))));
    assert!(is_masked(&value(&bench.session().query(EMAIL))));
}

#[test]
fn an_open_portal_shows_nothing_after_the_grant_is_revoked() {
    let bench = Bench::new();
    let mut ana = bench.session();
    bench.grant("1m", &[]);
    ana.exchange(&m::query("BEGIN"));
    let sql = "SELECT email FROM customers ORDER BY id";
    let open = [m::parse("", sql, &[]), m::bind("c", "", &[], &[]), m::execute("c", 1), m::sync()].concat();
    assert!(!is_masked(&value(&ana.exchange(&open))));
    bench.bauta.cli_ok(&["revoke", "1", "--reason", "done"]);
    let more = ana.exchange(&[m::execute("c", 1), m::sync()].concat());
    assert!(values(&more).iter().all(|v| is_masked(v)), "{more:?}");
    ana.query("ROLLBACK");
    assert!(is_masked(&value(&ana.query(EMAIL))));
}

#[test]
fn an_idle_session_hears_of_a_near_end_and_of_the_end() {
    let bench = Bench::new();
    let mut ana = bench.session();
    bench.grant("62s", &[]);
    // Nothing is asked meanwhile: the notices come by themselves.
    let said: Vec<String> = (0..2).map(|_| ana.receive().unwrap().field(b'M').unwrap()).collect();
    assert!(said[0].starts_with("grant 1 by "), "{said:?}");
    assert!(said[1].starts_with("grant 1 on public.customers.email ends in "), "{said:?}");
    bench.bauta.cli_ok(&["revoke", "1"]);
    let end = ana.receive().unwrap();
    assert_eq!(end.tag, b'N');
    assert_eq!(end.field(b'M').unwrap(), "grant 1 on public.customers.email has ended: revoked");
}

#[test]
fn a_reload_ends_what_roles_no_longer_allow_and_nothing_else() {
    let bench = Bench::new();
    let mut ana = bench.session();
    ana.query("SELECT * FROM bauta.request('public.customers.email', '15m', 'INC-4711')");
    bench.bauta.cli_ok(&["approve", "1"]);
    bench.bauta.cli_ok(&["grant", "sam", "--tag", "pii", "--for", "1m", "--reason", "r"]);
    let mut sam = Raw::connect(bench.bauta.port, "sam");
    assert!(!is_masked(&value(&ana.query(EMAIL))) && !is_masked(&value(&sam.query(EMAIL))));
    // The same roles in other words.
    bench.bauta.write_config(&POLICY.replace("pii", "personal"));
    bench.bauta.cli_ok(&["reload"]);
    assert!(!is_masked(&value(&ana.query(EMAIL))) && !is_masked(&value(&sam.query(EMAIL))));
    bench.bauta.write_config(&POLICY.replace("\"ana\"", "\"eve\""));
    bench.bauta.cli_ok(&["reload"]);
    assert!(is_masked(&value(&ana.query(EMAIL))));
    assert!(!is_masked(&value(&sam.query(EMAIL))), "an administrator's grant needs no role");
    let ended = bench.bauta.audit().into_iter().find(|r| r["event"] == "grant.revoked").unwrap();
    assert_eq!((&ended["by"], &ended["grant"]), (&"bauta".into(), &1.into()), "{ended}");
}

#[test]
fn a_reload_that_fails_changes_nothing() {
    let bench = Bench::new();
    let loaded = bench.events("policy.loaded");
    let mut ana = bench.session();
    std::fs::write(bench.bauta.directory.join("ca.crt"), "-----BEGIN CERTIFICATE-----\nAA\n").unwrap();
    // All of it reads well; only the certificate is none.
    let shown = POLICY.replace("method = \"email\"", "method = \"show\"");
    let unmasked = format!("{shown}unmask = [\"tag:pii\"]\n[upstream]\ntls = \"verify-ca\"\nca = \"ca.crt\"");
    bench.bauta.write_config(&unmasked);
    let output = bench.bauta.cli(&["reload"]);
    assert_ne!(output.code, Some(0), "{output:?}");
    assert!(is_masked(&value(&ana.query(EMAIL))) && is_masked(&value(&bench.session().query(EMAIL))));
    assert_eq!(value(&ana.query("SELECT ssn FROM customers WHERE id = 1")), "***");
    assert_eq!(bench.events("policy.loaded"), loaded);
}

#[test]
fn break_glass_in_psql_is_audited_and_waits_for_a_review() {
    let policy = format!("{POLICY}break_glass = true");
    let server = Server::start();
    let bench = Bench { bauta: Bauta::start(&server, &policy), server };
    let ask = "SELECT status FROM bauta.request('public.customers.email', '10m', 'INC-1 outage', \
               break_glass => true)";
    let output = psql("ana", bench.bauta.port, &format!("{ask};\n{EMAIL};"));
    let lines: Vec<&str> = output.out().lines().collect();
    assert_eq!(lines, ["approved", bench.truth().as_str()], "{output:?}");
    let too_long = ask.replace("10m", "11m");
    assert!(psql("ana", bench.bauta.port, &too_long).stderr.contains("too long: at most 10m"));
    assert!(bench.bauta.cli_ok(&["requests"]).contains("needs review"));
    let audited = bench.bauta.audit();
    let created = audited.iter().find(|r| r["event"] == "grant.created").unwrap();
    assert_eq!((&created["break_glass"], &created["approved_by"]), (&true.into(), &"break-glass".into()));
    bench.bauta.cli_ok(&["acknowledge", "1", "--reason", "justified"]);
    assert_eq!(bench.bauta.cli_ok(&["requests", "--json"]), "");
    assert_eq!(bench.events("request.reviewed"), 1);
    assert_eq!(bench.bauta.cli(&["acknowledge", "1"]).code, Some(1));
}

#[test]
fn who_can_names_everybody_and_by_what() {
    let bench = Bench::new();
    bench.grant("5m", &[]);
    let lines = bench.bauta.cli_ok(&["who-can", "public.customers.email", "--json"]);
    let powers: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let said = |p: &serde_json::Value| format!("{} {} {}", p["who"], p["can"], p["by"]).replace('"', "");
    let said: Vec<String> = powers.iter().map(said).collect();
    assert_eq!(said, ["ana see grant 1", "ana request role analyst", "root approve [[admin]]"]);
    assert_eq!(powers[1]["max_duration_s"], 3600);
    assert_eq!(bench.bauta.cli(&["who-can", "public.customers.emial"]).code, Some(1));
}

#[test]
fn who_can_knows_that_a_shared_login_shows_nothing_by_itself() {
    let shared = |required: bool| {
        format!(
            r#"{POLICY}
            [[role]]
            name = "billing"
            members = ["etl", "user:otto@example.com"]
            unmask = ["public.customers.*"]
            request = ["tag:pii"]
            [[end_user]]
            login = "etl"
            key = "the key that the BI server holds"
            required = {required}"#
        )
    };
    let server = Server::start();
    let bauta = Bauta::start(&server, &shared(true));
    let who = || bauta.cli_ok(&["who-can", "public.customers.email"]);
    assert!(who().contains("user:otto@example.com  see") && !who().contains("etl"), "{}", who());
    // And so it is.
    assert!(psql("etl", bauta.port, EMAIL).out().contains("***@"));
    bauta.write_config(&shared(false));
    bauta.cli_ok(&["reload"]);
    assert!(who().contains("role billing, while it names no end user"), "{}", who());
    assert!(!psql("etl", bauta.port, EMAIL).out().contains("***@"));
}

#[test]
fn explain_names_the_rule_behind_each_column() {
    let server = Server::start();
    server.sql("shop", "CREATE TABLE mails (email text REFERENCES customers (email))");
    let bauta = Bauta::start(&server, POLICY);
    let text = std::fs::read_to_string(bauta.directory.join("proxy.toml")).unwrap();
    let rules: Vec<usize> =
        text.lines().zip(1..).filter(|(line, _)| *line == "[[protect]]").map(|(_, number)| number).collect();
    let explain = |sql: &str| bauta.cli_ok(&["explain", "-d", "shop", "-U", "ana", sql]);
    let shown = explain("SELECT lower(email) FROM customers WHERE ssn LIKE '1%'");
    let email = format!("rule:   public.customers.email: email by proxy.toml:{}", rules[0]);
    let ssn = format!("rule:   public.customers.ssn: redact by proxy.toml:{}", rules[1]);
    assert!(shown.contains("refused") && shown.contains(&email) && shown.contains(&ssn), "{shown}");
    let key = explain("SELECT email FROM mails");
    let because = format!("foreign key to public.customers.email (proxy.toml:{})", rules[0]);
    assert!(key.contains("rule:   public.mails.email: email by") && key.contains(&because), "{key}");
}

/// What DISTINCT leaves out hangs on the grant, and ORDER BY with it.
#[test]
fn a_grant_on_one_of_two_columns_sorts_distinct_rows_by_it() {
    let bench = Bench::new();
    let mut ana = bench.session();
    let sql = "SELECT DISTINCT c.id, c.email, c.ssn FROM customers c, customers d ORDER BY c.email DESC, c.id LIMIT 3";
    let direct = values(&Raw::connect(bench.server.port(), "postgres").query(sql));
    let by_key = values(&ana.query("SELECT id FROM customers ORDER BY id LIMIT 3"));
    assert_ne!(direct, by_key);
    assert_eq!(values(&ana.query(sql)), by_key);
    let explained = bench.bauta.cli_ok(&["explain", "-d", "shop", "-U", "ana", sql]);
    assert!(explained.contains("SELECT DISTINCT ON (1) c.id"), "{explained}");
    bench.grant("1m", &[]);
    let rows = ana.query(sql);
    assert_eq!(error(&rows), None);
    assert_eq!(values(&rows), direct);
    let shown: Vec<_> = rows.iter().filter(|frame| frame.tag == b'D').map(Frame::columns).collect();
    assert!(
        shown.iter().all(|row| row[1].as_deref().is_some_and(|email| !email.contains(&b'*'))),
        "{shown:?}"
    );
    let distinct = bench.bauta.cli_ok(&["explain", "-d", "shop", "-U", "ana", sql]);
    assert!(distinct.contains("left out: the primary key tells the rows apart"), "{distinct}");
}

#[test]
fn watch_shows_what_is_new_and_what_has_changed() {
    let bench = Bench::new();
    let mut ana = bench.session();
    ana.query("SELECT * FROM bauta.request('public.customers.ssn', '5m', 'before')");
    bench.bauta.cli_ok(&["deny", "1"]);
    ana.query("SELECT * FROM bauta.request('public.customers.email', '5m', 'INC-1')");
    let mut child = bench
        .bauta
        .command(&["requests", "--watch", "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || {
        let line: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        (line["id"].as_i64().unwrap(), line["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(next(), (2, "pending".to_owned()), "what was decided before is no news");
    bench.bauta.cli_ok(&["approve", "2"]);
    assert_eq!(next(), (2, "approved".to_owned()));
    ana.query("SELECT * FROM bauta.request('public.customers.ssn', '5m', 'INC-2')");
    assert_eq!(next(), (3, "pending".to_owned()));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Rows that the server sends at once, slowly: each fills its buffer.
const STREAM: &str = "SELECT email, repeat('x', 20000), pg_sleep(0.2) FROM customers ORDER BY id LIMIT 30";

#[test]
fn a_stream_ends_when_its_grant_ends() {
    let bench = Bench::new();
    let mut ana = bench.session();
    bench.grant("2s", &[]);
    let frames = ana.query(STREAM);
    let seen = values(&frames);
    assert!(!seen.is_empty() && seen.len() < 20, "{} rows", seen.len());
    assert!(seen.iter().all(|v| !is_masked(v)));
    assert_eq!(error(&frames).as_deref(), Some("42501"));
    assert!(is_masked(&value(&ana.query(EMAIL))), "the session goes on");
}

#[test]
fn a_stream_ends_within_a_second_of_the_revocation() {
    let bench = Bench::new();
    let mut ana = bench.session();
    bench.grant("1m", &[]);
    let streaming = std::thread::spawn(move || (ana.query(STREAM), Instant::now()));
    sleep(Duration::from_secs(1));
    bench.bauta.cli_ok(&["revoke", "1"]);
    let revoked = Instant::now();
    let (frames, ended) = streaming.join().unwrap();
    assert_eq!(error(&frames).as_deref(), Some("42501"));
    assert!(ended.saturating_duration_since(revoked) < Duration::from_secs(1));
}

/// What a row is made of, and why it is there, ends with the grant too, in a
/// statement that runs and in those behind it.
#[test]
fn what_a_grant_lets_compute_ends_with_it() {
    let bench = Bench::new();
    for sql in [
        "SELECT x, repeat('x', 9000), pg_sleep(0.1)::text FROM \
         (SELECT email || '' AS x, id FROM customers OFFSET 0) c WHERE id <= 20",
        "SELECT pg_sleep(2); SELECT email || '' FROM customers WHERE id = 1",
        "SELECT pg_sleep(2); SELECT count(*) FROM customers WHERE email LIKE '%@%'",
        "SELECT pg_sleep(2); COPY (SELECT email || '' FROM customers WHERE id = 1) TO STDOUT",
    ] {
        let mut ana = bench.session();
        bench.grant("1m", &[]);
        let whole =
            ana.query(&sql.replace("pg_sleep(0.1)", "pg_sleep(0)").replace("pg_sleep(2)", "pg_sleep(0)"));
        assert_eq!(error(&whole), None, "{sql}");
        let running = std::thread::spawn(move || ana.query(sql));
        sleep(Duration::from_millis(600));
        let grants = bench.bauta.cli_ok(&["grants"]);
        let id = grants.lines().find(|l| l.contains("active")).and_then(|l| l.split_whitespace().next());
        bench.bauta.cli_ok(&["revoke", id.expect("an active grant")]);
        let frames = running.join().unwrap();
        assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {frames:?}");
        assert!(!frames.iter().any(|f| f.tag == b'd'), "{sql}");
    }
}

/// Deferred triggers speak at the transaction's end, when the grant may be gone.
#[test]
fn the_end_of_a_transaction_says_nothing_more_when_its_grant_has_ended() {
    let bench = Bench::new();
    bench.server.sql(
        "shop",
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'no %', NEW.email; END $$;
         CREATE CONSTRAINT TRIGGER tell AFTER UPDATE ON customers DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION tell()",
    );
    let said = |frames: &[Frame]| {
        let error = frames.iter().find(|f| f.tag == b'E');
        error.and_then(|f| f.field(b'M')).unwrap_or_default()
    };
    let change = "UPDATE customers SET name = name WHERE id = 1";
    bench.bauta.cli_ok(&["grant", "ana", "--tag", "pii", "--for", "1m", "--reason", "r"]);
    let mut ana = bench.session();
    ana.query("BEGIN");
    ana.query(change);
    assert!(said(&ana.query("COMMIT")).contains('@'));
    ana.query("BEGIN");
    ana.query(change);
    let grants = bench.bauta.cli_ok(&["grants"]);
    let id = grants.lines().find(|l| l.contains("active")).and_then(|l| l.split_whitespace().next());
    bench.bauta.cli_ok(&["revoke", id.expect("an active grant")]);
    assert_eq!(said(&ana.query("COMMIT")), "raise_exception");
}

/// What would be there when the grant has ended needs the right to copy.
/// What leaves something to be read later, in other ways, and what doesn't.
const TRACES: &[&str] = &[
    "CREATE TABLE gone (id int)",
    "CREATE FUNCTION emptied() RETURNS int LANGUAGE plpgsql AS $$ BEGIN TRUNCATE hits; RETURN 1; END $$",
    "CREATE FUNCTION dropped() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DROP TABLE gone; RETURN 1; END $$",
    "CREATE FUNCTION noted() RETURNS int LANGUAGE plpgsql AS \
     $$ BEGIN COMMENT ON TABLE hits IS 'hit'; RETURN 1; END $$",
    "CREATE FUNCTION through() RETURNS bool LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT k FROM keeping); END $$",
    "CREATE FUNCTION seeded(n numeric) RETURNS bool LANGUAGE sql IMMUTABLE AS \
     'SELECT setseed(n::float8 / 1000000) IS NOT NULL'",
    "CREATE FUNCTION \"Keep It\"(t text) RETURNS bool LANGUAGE sql AS 'SELECT keep(t)'",
    "CREATE FUNCTION hidden(t text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT \"Keep It\"(t)'",
    "CREATE DOMAIN kept_plainly AS text CHECK (set_config('a.seen', VALUE, false) IS NOT NULL)",
    "CREATE TABLE ruled (id int PRIMARY KEY)",
    "CREATE POLICY kept ON ruled USING (keep(id::text))",
    "CREATE TABLE ruled_plainly (id int PRIMARY KEY)",
    "CREATE POLICY kept ON ruled_plainly USING (set_config('a.seen', id::text, false) IS NOT NULL)",
    "CREATE TABLE ruled_typed (id int PRIMARY KEY)",
    "CREATE POLICY kept ON ruled_typed USING (id::text::kept IS NOT NULL)",
    "CREATE VIEW telling AS SELECT set_config('a.seen', 'x', false) AS k",
    "CREATE VIEW locking AS SELECT id FROM hits FOR UPDATE",
    "CREATE FUNCTION tidied(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN trim(t); END $$",
    "CREATE TABLE labels (id int PRIMARY KEY, t text DEFAULT set_config('a.seen', 'x', false))",
    "CREATE POLICY plain ON labels USING (t <> 'x')",
    "ALTER TABLE labels ENABLE ROW LEVEL SECURITY",
];

/// Types whose CHECK keeps what becomes a value of theirs.
const KEPT_TYPES: &[&str] = &[
    "CREATE TYPE kept_row AS (f kept)",
    "CREATE TABLE kept_rows (k kept, c kept_row)",
    "INSERT INTO kept_rows VALUES ('a', ROW('b'))",
    "CREATE FUNCTION made_like(x anyelement, t text) RETURNS anyelement LANGUAGE plpgsql STABLE AS \
     $$ BEGIN x := t; RETURN x; END $$",
    "CREATE FUNCTION made_in(t text) RETURNS text LANGUAGE plpgsql STABLE AS \
     $$ DECLARE r kept_rows; BEGIN r.k := t; RETURN ''; END $$",
];

#[test]
fn what_a_grant_shows_stays_nowhere_without_the_right_to_export() {
    let bench = Bench::new();
    let mut ana = bench.session();
    for sql in [
        "CREATE TABLE hits (id int, t text)",
        "CREATE FUNCTION keep(t text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM set_config('a.seen', t, false); RETURN true; END $$",
        "CREATE FUNCTION keeps(t text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT keep(t)'",
        "CREATE FUNCTION shouts(t text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS \
         $$ BEGIN RAISE NOTICE '%', t; RETURN true; END $$",
        "CREATE FUNCTION plain(t text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper(t)'",
        "CREATE DOMAIN kept AS text CHECK (keep(VALUE))",
        "CREATE VIEW keeping AS SELECT keep('x') AS k",
        "CREATE SEQUENCE told",
        "SELECT nextval('told')",
    ] {
        assert_eq!(error(&ana.query(sql)), None, "{sql}");
    }
    for sql in TRACES.iter().chain(KEPT_TYPES) {
        assert_eq!(error(&ana.query(sql)), None, "{sql}");
    }
    let mut copies = vec![
        "SELECT id FROM customers WHERE keep(email)",
        "SELECT keeps(email) FROM customers",
        "SELECT shouts(email) FROM customers",
        "INSERT INTO hits SELECT id, 'hit' FROM customers WHERE email LIKE '%1@%'",
        "UPDATE hits SET t = 'hit' FROM customers c WHERE c.id = hits.id AND c.email LIKE '%1@%'",
        "DELETE FROM hits USING customers c WHERE c.id = hits.id AND c.email LIKE '%1@%'",
        "WITH w AS (INSERT INTO hits SELECT 1, 'x' WHERE EXISTS (SELECT FROM customers WHERE email LIKE '%1@%') \
         RETURNING id) SELECT id FROM w",
        "WITH d AS (UPDATE customers SET name = name WHERE false) \
         INSERT INTO hits SELECT id, 'hit' FROM customers WHERE email LIKE '%1@%'",
        "INSERT INTO hits SELECT id, 'hit' FROM customers ORDER BY email, id LIMIT 3",
        "SELECT id FROM customers WHERE email LIKE '%1@%' AND name::kept IS NOT NULL",
        "SELECT id FROM customers, keeping WHERE email LIKE '%1@%' AND k",
        "SELECT (email).keep FROM customers",
        "SELECT (email || '').keeps FROM customers",
        "SELECT (length(email)).pg_advisory_xact_lock FROM customers",
        "SELECT kept(email) FROM customers",
        "SELECT emptied() FROM customers WHERE id = 1 AND email LIKE '%1@%'",
        "SELECT dropped() FROM customers WHERE id = 1 AND email LIKE '%1@%'",
        "SELECT noted() FROM customers WHERE id = 1 AND email LIKE '%1@%'",
        "SELECT through() FROM customers WHERE id = 1 AND email LIKE '%1@%'",
        "SELECT id FROM customers WHERE seeded(salary) AND email LIKE '%1@%'",
        "SELECT setseed(0.5) FROM customers WHERE id = 1 AND email LIKE '%1@%'",
        "SELECT id FROM customers WHERE email LIKE '%1@%' AND txid_current() > 0",
        "SELECT hidden('x') FROM customers WHERE id = 1 AND email LIKE '%1@%'",
        "SELECT id FROM customers WHERE email LIKE '%1@%' AND name::kept_plainly IS NOT NULL",
        "SELECT c.id FROM customers c JOIN ruled USING (id) WHERE c.email LIKE '%1@%'",
        "SELECT c.id FROM customers c JOIN ruled_plainly USING (id) WHERE c.email LIKE '%1@%'",
        "SELECT c.id FROM customers c JOIN ruled_typed USING (id) WHERE c.email LIKE '%1@%'",
        "SELECT c.id FROM customers c, telling WHERE c.email LIKE '%1@%' AND k <> ''",
        "SELECT c.id FROM customers c JOIN locking USING (id) WHERE c.email LIKE '%1@%'",
        // Locks of what a definition reads stay.
        "SELECT pg_get_viewdef('keeping'::regclass) FROM customers WHERE id = 1 AND email LIKE '%1@%'",
        "SELECT pg_get_ruledef(r.oid) FROM customers c, pg_rewrite r WHERE c.id = 1 AND c.email LIKE '%1@%'",
        "SELECT v.definition FROM customers c, pg_views v WHERE c.email LIKE '%1@%' AND v.viewname = 'keeping'",
        "SELECT currval('told') FROM customers WHERE id = 1 AND email LIKE '%1@%'",
        // In the table itself, too.
        "UPDATE customers SET name = name || (SELECT count(*) FROM generate_series(0, 9) g WHERE g = length(customers.email))",
        "UPDATE customers SET name = CASE WHEN email LIKE '%1@%' THEN 'hit' ELSE name END",
        "UPDATE customers SET name = r.r FROM (SELECT id, 'r' || rank() OVER (ORDER BY email) AS r FROM customers) r \
         WHERE customers.id = r.id",
        "INSERT INTO customers (id, name) SELECT id + 1000, 'copy' FROM customers WHERE email LIKE '%1@%' AND id < 1000",
        "SELECT id FROM customers WHERE email LIKE '%1@%' FOR UPDATE",
        // Which rows are alike is as good as a value to who writes one more.
        "INSERT INTO hits SELECT x.id, y.id::text FROM customers x JOIN customers y ON x.email = y.email",
        "INSERT INTO hits SELECT x.id, y.id::text FROM customers x JOIN customers y USING (email)",
        "INSERT INTO hits SELECT min(id), 'one' FROM customers GROUP BY email",
        "INSERT INTO hits SELECT id, (first_value(id) OVER (PARTITION BY email))::text FROM customers",
        "INSERT INTO hits SELECT DISTINCT ON (email) id, 'one' FROM customers",
        "INSERT INTO hits SELECT count(DISTINCT email), 'all' FROM customers",
        "INSERT INTO hits SELECT id, 'one' FROM customers WHERE email IN (SELECT email FROM customers WHERE id = 3)",
        "CREATE TEMP TABLE alike AS SELECT min(id) AS id FROM customers GROUP BY email",
        "SELECT nextval('told') FROM customers GROUP BY email",
        "SELECT h.id FROM hits h JOIN customers x ON x.id = h.id JOIN customers y ON x.email = y.email FOR UPDATE OF h",
        // What stands beside a row that is chosen is written into it.
        "UPDATE customers c SET name = h.t FROM hits h WHERE h.t = c.email",
        "UPDATE customers c SET name = h.t FROM hits h WHERE c.id > 0 AND (h.id = 1 AND c.email LIKE 'a%' OR h.id = 2)",
        "UPDATE customers c SET name = d.id::text FROM customers d WHERE d.email = c.email",
        "UPDATE customers c SET name = h.t FROM hits h WHERE c.id IN (SELECT id FROM customers WHERE email = h.t)",
        "INSERT INTO customers AS k (id, name) SELECT id, t FROM hits \
         ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name WHERE k.email = EXCLUDED.name",
        // Nobody writes these types' names.
        "SELECT r.c FROM customers, kept_rows r WHERE email LIKE '%1@%' \
         AND jsonb_populate_record(r.c, '{\"f\": \"hit\"}') IS NOT NULL",
        "SELECT made_in(email) FROM customers",
    ];
    let blanked = [
        "SELECT jsonb_populate_record(r.c, jsonb_build_object('f', email)) FROM customers, kept_rows r",
        "SELECT jsonb_populate_record(r, jsonb_build_object('k', email)) FROM customers, kept_rows r",
        "SELECT made_like(r.k, email) FROM customers, kept_rows r",
    ];
    if bench.server.major() >= 15 {
        copies.push(
            "MERGE INTO hits USING customers c ON c.id = hits.id AND c.email LIKE '%1@%' \
             WHEN NOT MATCHED THEN INSERT VALUES (c.id, 'x')",
        );
        copies.push(
            "MERGE INTO customers c USING hits h ON h.t = c.email WHEN MATCHED THEN UPDATE SET name = h.t",
        );
        copies.push(
            "MERGE INTO customers c USING (SELECT id AS i, email FROM customers WHERE id < 9) s ON c.id = s.i + 5000 \
             WHEN NOT MATCHED AND email LIKE '%1@%' THEN DO NOTHING WHEN NOT MATCHED THEN INSERT (id, name) VALUES (i + 5000, 'x')",
        );
    }
    bench.grant("1m", &[]);
    for sql in &copies {
        assert_eq!(error(&ana.query(sql)).as_deref(), Some("42501"), "{sql}");
    }
    for sql in [
        "SELECT plain(email) FROM customers WHERE email LIKE '%1@%'",
        "SELECT tidied(name) FROM customers WHERE email LIKE '%1@%' ORDER BY random()",
        "SELECT c.id, l.t FROM customers c JOIN labels l USING (id) WHERE email LIKE '%1@%' AND now() > created_at",
        "UPDATE customers SET name = name WHERE email LIKE '%1@%'",
        "UPDATE customers c SET name = h.t FROM hits h WHERE h.id = c.id AND c.email LIKE '%1@%'",
        "SELECT count(*) FROM customers GROUP BY email",
        "SELECT id, email FROM customers WHERE id = 1 FOR UPDATE",
        "INSERT INTO hits SELECT id, name FROM customers WHERE id < 3",
    ] {
        assert_eq!(error(&ana.query(sql)), None, "{sql}");
    }
    // An order chooses the rows: without that right it is left out.
    let noticed = |frames: &[Frame]| frames.iter().any(|frame| frame.tag == b'N');
    for sql in blanked {
        assert!(noticed(&ana.query(sql)), "{sql}");
    }
    let chosen = "CREATE TEMP TABLE chosen AS SELECT id FROM customers ORDER BY email, id LIMIT 3";
    assert!(noticed(&ana.query(chosen)));
    bench.grant("1m", &["--export"]);
    ana.query("DROP TABLE chosen");
    ana.query("TRUNCATE hits");
    assert!(!noticed(&ana.query(chosen)));
    for sql in &copies {
        assert_eq!(error(&ana.query(sql)), None, "{sql}");
    }
}

/// The statement names nothing of what its cursor looked at.
#[test]
fn a_cursor_that_a_grant_opened_chooses_no_row_to_write_to() {
    let bench = Bench::new();
    let mut ana = bench.session();
    ana.query("CREATE TABLE hits (id int, t text)");
    ana.query("INSERT INTO hits SELECT g, '' FROM generate_series(1, 5) g");
    let by_join =
        "SELECT h.id FROM hits h JOIN customers c ON c.id = h.id WHERE c.email LIKE '%1@%' FOR UPDATE OF h";
    let by_subquery =
        "SELECT id FROM hits WHERE id = (SELECT id FROM customers WHERE email LIKE '%1@%' LIMIT 1)";
    let opened = |cursor: &str, change: &str| {
        [&format!("DECLARE c CURSOR FOR {cursor}"), "FETCH 1 FROM c", change, "COMMIT"].map(str::to_owned)
    };
    let codes = |ana: &mut Raw, steps: &[String]| -> Vec<String> {
        ana.query("BEGIN");
        let codes = steps.iter().filter_map(|sql| error(&ana.query(sql))).collect();
        ana.query("ROLLBACK");
        codes
    };
    bench.grant("1m", &[]);
    for change in [
        "UPDATE hits SET t = 'hit' WHERE CURRENT OF c",
        "DELETE FROM hits WHERE CURRENT /* the */ OF c",
        "WITH w AS (UPDATE hits SET t = 'hit' WHERE CURRENT OF c RETURNING id) SELECT id FROM w",
    ] {
        assert_eq!(codes(&mut ana, &opened(by_subquery, change))[0], "42501", "{change}");
    }
    let prepared = "PREPARE p AS UPDATE hits SET t = 'hit' WHERE CURRENT OF c";
    let mut steps = opened(by_subquery, "EXECUTE p").to_vec();
    steps.insert(0, prepared.to_owned());
    assert_eq!(codes(&mut ana, &steps)[0], "42501");
    let text =
        format!("BEGIN; {}", opened(by_subquery, "UPDATE hits SET t = 'hit' WHERE CURRENT OF c").join("; "));
    assert_eq!(error(&ana.query(&text)).as_deref(), Some("42501"));
    ana.query("ROLLBACK");
    let hidden =
        "CREATE FUNCTION hit() RETURNS void LANGUAGE sql AS 'UPDATE hits SET t = 1 WHERE CURRENT OF c'";
    assert_eq!(error(&ana.query(hidden)).as_deref(), Some("42501"));
    let by_equality = "SELECT id FROM hits WHERE id IN (SELECT x.id FROM customers x JOIN customers y \
                       ON x.email = y.email WHERE y.id = 1)";
    let change = "UPDATE hits SET t = 'hit' WHERE CURRENT OF c";
    assert_eq!(codes(&mut ana, &opened(by_equality, change))[0], "42501");
    // What chose by nothing protected may be written to.
    let plain = "SELECT id FROM hits h WHERE id = 2";
    assert_eq!(codes(&mut ana, &opened(plain, "UPDATE hits SET t = 'x' WHERE CURRENT OF c")), [""; 0]);
    bench.grant("1m", &["--export"]);
    for cursor in [by_join, by_subquery] {
        assert_eq!(codes(&mut ana, &opened(cursor, "UPDATE hits SET t = 'x' WHERE CURRENT OF c")), [""; 0]);
    }
}

/// [`POLICY`], and the server's role `viewers` sees everything.
fn with_viewers() -> String {
    POLICY.replace(
        "[[role]]",
        "[[role]]\n    name = \"viewers\"\n    members = [\"pg:viewers\"]\n    unmask = [\"tag:pii\"]\n    [[role]]",
    )
}

/// Version 16 makes who creates a role its administrator, who has none of its rights.
#[test]
fn who_may_only_hand_a_role_on_is_no_member_of_it() {
    let server = Server::start();
    if server.major() < 16 {
        return;
    }
    server.sql(
        "postgres",
        "CREATE ROLE viewers; GRANT viewers TO ana WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
    );
    let bauta = Bauta::start(&server, &with_viewers());
    assert!(is_masked(&value(&Raw::connect(bauta.port, "ana").query(EMAIL))));
}

/// Membership of a role of the server's counts from statement to statement.
#[test]
fn who_leaves_a_role_of_the_server_sees_masks_again() {
    let server = Server::start();
    server.sql("postgres", "CREATE ROLE viewers; GRANT viewers TO ana");
    let bauta = Bauta::start(&server, &with_viewers());
    let mut ana = Raw::connect(bauta.port, "ana");
    assert!(!is_masked(&value(&ana.query(EMAIL))));
    server.sql("postgres", "REVOKE viewers FROM ana");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = ana.query(EMAIL);
        // It may end while the rows are on their way.
        let told = answer.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'M'));
        if told.as_deref() != Some("the access that the statement was let in by has ended")
            && is_masked(&value(&answer))
        {
            break;
        }
        assert!(Instant::now() < deadline, "the open session goes on unmasked");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_once_grant_shows_one_statement_and_no_other() {
    let bench = Bench::new();
    let (mut ana, mut again) = (bench.session(), bench.session());
    bench.grant("1m", &["--once"]);
    // What does not use it does not use it up.
    assert_eq!(value(&ana.query("SELECT name FROM customers WHERE id = 1")).len().min(1), 1);
    assert!(!is_masked(&value(&ana.query(EMAIL))));
    assert!(is_masked(&value(&ana.query(EMAIL))));
    assert!(is_masked(&value(&again.query(EMAIL))));
    assert_eq!(bench.bauta.cli_ok(&["grants", "--json"]), "");
}

#[test]
fn a_once_grant_shows_one_statement_of_a_text_and_no_other() {
    let bench = Bench::new();
    let mut ana = bench.session();
    bench.grant("1m", &["--once"]);
    // What does not use it leaves it for what does.
    let text = format!("SELECT name FROM customers WHERE id = 1; {EMAIL}; {EMAIL}; {EMAIL}");
    let seen = values(&ana.query(&text));
    assert_eq!(seen.iter().skip(1).map(|email| is_masked(email)).collect::<Vec<_>>(), [false, true, true]);
    bench.grant("1m", &["--once"]);
    let copy = "COPY (SELECT email FROM customers WHERE id = 1) TO STDOUT";
    let frames = ana.query(&format!("{copy}; {copy}"));
    let copied = frames.iter().filter(|frame| frame.tag == b'd').map(|frame| frame.body.contains(&b'*'));
    assert_eq!(copied.collect::<Vec<_>>(), [false, true]);
    // A predicate that only the grant lets through runs once.
    bench.grant("1m", &["--once"]);
    let found = "SELECT id FROM customers WHERE email LIKE '%@%'";
    assert_eq!(error(&ana.query(&format!("{found}; {found}"))).as_deref(), Some("42501"));
    assert_eq!(error(&ana.query(found)), None);
}

#[test]
fn max_rows_are_revealed_and_not_one_more() {
    let bench = Bench::new();
    let mut ana = bench.session();
    bench.grant("1m", &["--max-rows", "3"]);
    assert!(!is_masked(&value(&ana.query(EMAIL))));
    let frames = ana.query("SELECT email FROM customers ORDER BY id LIMIT 10");
    assert!(values(&frames).iter().filter(|v| !is_masked(v)).count() <= 2, "{:?}", values(&frames));
    assert!(is_masked(&value(&ana.query(EMAIL))));
}

#[test]
fn a_session_grant_is_for_that_session() {
    let bench = Bench::new();
    let (mut one, mut two) = (bench.session(), bench.session());
    one.query("SELECT 1");
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].to_string();
    let sessions = bench.bauta.cli_ok(&["sessions", "--json"]);
    let first = sessions.lines().map(id).next().unwrap();
    bench.bauta.cli_ok(&["grant", "--session", &first, "--tag", "pii", "--for", "1m", "--reason", "r"]);
    let (one, two) = (value(&one.query(EMAIL)), value(&two.query(EMAIL)));
    assert!(!is_masked(&one) && is_masked(&two), "{one} {two}");
}

#[test]
fn grants_and_revocations_survive_a_crash() {
    let mut bench = Bench::new();
    bench.grant("1m", &[]);
    bench.bauta.kill();
    bench.bauta.serve();
    assert!(!is_masked(&value(&bench.session().query(EMAIL))));
    bench.bauta.cli_ok(&["revoke", "1"]);
    bench.bauta.kill();
    bench.bauta.serve();
    assert!(is_masked(&value(&bench.session().query(EMAIL))));
    assert_eq!((bench.events("grant.created"), bench.events("grant.revoked")), (1, 1));
}

/// One exchange with the control socket; None if the proxy went away meanwhile.
fn call(socket: &Path, method: &str, path: &str, body: &str) -> Option<serde_json::Value> {
    let mut stream = UnixStream::connect(socket).ok()?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: bauta\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 2").then(|| serde_json::from_str(body).ok()).flatten()
}

/// Waits until the proxy has read the catalog: before, there is nothing to
/// grant. (The socket of the one that was killed is still there.)
fn ready(socket: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let knows = |list: serde_json::Value| !list["items"].as_array().unwrap().is_empty();
    while !call(socket, "GET", "/v1/columns", "").is_some_and(knows) {
        assert!(Instant::now() < deadline, "the control socket answers");
        sleep(Duration::from_millis(20));
    }
}

#[derive(Default)]
struct Acknowledged {
    granted: BTreeSet<i64>,
    revoked: BTreeSet<i64>,
    asked: BTreeSet<i64>,
    decided: BTreeSet<i64>,
}

/// Ended grants and requests that are listed.
const LISTED: usize = 1000;

/// Grants, and revokes every third; asks, and decides about every other: until
/// told to stop, or `most` of each are there.
fn load(socket: PathBuf, stop: Arc<AtomicBool>, most: usize) -> Acknowledged {
    let body = r#"{"user": "eve", "tags": ["pii"], "duration": "10m", "reason": "load"}"#;
    let mut done = Acknowledged::default();
    while !stop.load(Ordering::Relaxed) && done.granted.len() < most {
        let Some(id) = call(&socket, "POST", "/v1/grants", body).and_then(|g| g["id"].as_i64()) else {
            continue;
        };
        done.granted.insert(id);
        if id % 3 == 0 && call(&socket, "DELETE", &format!("/v1/grants/{id}"), "").is_some() {
            done.revoked.insert(id);
        }
        // Each its own: the same open request twice is one.
        let body = format!(r#"{{"user": "ana", "tags": ["pii"], "duration": "10m", "reason": "load {id}"}}"#);
        let Some(id) = call(&socket, "POST", "/v1/requests", &body).and_then(|r| r["id"].as_i64()) else {
            continue;
        };
        done.asked.insert(id);
        if id % 2 == 0 && call(&socket, "POST", &format!("/v1/requests/{id}/deny"), "").is_some() {
            done.decided.insert(id);
        }
    }
    done
}

/// SIGKILL again and again (`ROUNDS`, 10 without it) while clients ask, grant
/// and revoke; then what was acknowledged must be in the store and in the log.
fn crash_under_load(bench: &mut Bench) {
    let rounds = std::env::var("ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_u64);
    // Half of the requests end, and a third of the grants.
    let most = LISTED / 3 / usize::try_from(rounds).unwrap();
    let mut all = Acknowledged::default();
    for round in 0..rounds {
        ready(&bench.bauta.socket());
        let stop = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (socket, stop) = (bench.bauta.socket(), stop.clone());
                std::thread::spawn(move || load(socket, stop, most))
            })
            .collect();
        sleep(Duration::from_millis(250 + 70 * (round % 5)));
        bench.bauta.kill();
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            let done = thread.join().unwrap();
            all.granted.extend(done.granted);
            all.revoked.extend(done.revoked);
            all.asked.extend(done.asked);
            all.decided.extend(done.decided);
        }
        bench.bauta.serve();
    }
    assert!(all.granted.len() > 20 && !all.revoked.is_empty(), "{} grants", all.granted.len());
    assert!(!all.asked.is_empty() && !all.decided.is_empty(), "{} requests", all.asked.len());
    ready(&bench.bauta.socket());
    let with = |what: &str, statuses: &[&str]| -> BTreeSet<i64> {
        let list = call(&bench.bauta.socket(), "GET", &format!("/v1/{what}"), "").unwrap();
        let items = list["items"].as_array().unwrap().iter();
        let has = |g: &&serde_json::Value| statuses.iter().any(|status| g["status"] == *status);
        items.filter(has).map(|g| g["id"].as_i64().unwrap()).collect()
    };
    let (active, revoked) = (with("grants", &["active"]), with("grants", &["revoked"]));
    let lost: Vec<_> = all.revoked.difference(&revoked).collect();
    assert!(lost.is_empty(), "acknowledged revocations are lost: {lost:?} of {}", all.revoked.len());
    let kept: BTreeSet<i64> = active.union(&revoked).copied().collect();
    assert!(all.granted.is_subset(&kept), "an acknowledged grant is lost");
    let decided = with("requests", &["denied", "cancelled"]);
    assert!(all.decided.is_subset(&decided), "an acknowledged decision is lost");
    let asked: BTreeSet<i64> = with("requests", &["pending"]).union(&decided).copied().collect();
    assert!(all.asked.is_subset(&asked), "an acknowledged request is lost");
    // And each of them is in the audit log.
    let logged = |event: &str, what: &str| -> BTreeSet<i64> {
        let records = bench.bauta.audit();
        records.iter().filter(|r| r["event"] == event).map(|r| r[what].as_i64().unwrap()).collect()
    };
    assert!(kept.is_subset(&logged("grant.created", "grant")));
    assert!(revoked.is_subset(&logged("grant.revoked", "grant")));
    assert!(asked.is_subset(&logged("request.created", "request")));
    assert!(decided.is_subset(&logged("request.denied", "request")));
    bench.bauta.cli_ok(&["audit", "verify", "audit.jsonl"]);
}

#[test]
fn kill_9_under_load_loses_nothing_acknowledged() {
    crash_under_load(&mut Bench::new());
}

#[test]
fn kill_9_under_load_loses_nothing_acknowledged_in_a_shared_store() {
    let server = Server::start();
    let url = crate::stores::url(server.port(), &server.state_database());
    let bauta = Bauta::start(&server, &format!("state.url = \"{url}\"\n{POLICY}"));
    crash_under_load(&mut Bench { server, bauta });
}
