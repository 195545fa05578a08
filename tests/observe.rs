//! Goal: under `mode = "observe"` a client can't tell bauta from a direct
//! connection, whatever would have been masked, neutralised or refused; the
//! log says what would have been, and nobody overlooks that nothing is
//! protected. Method: the same statements directly and through bauta, by psql
//! and by frames; what the program says of itself.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Bauta, Frame, Raw, Server, message as m, psql};

const RULES: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    [[protect]]
    column = "public.customers.ssn"
    method = "token"
    [[protect]]
    columns = ["public.vault.*"]
    method = "redact"
"#;

fn observing() -> String {
    format!("defaults.mode = \"observe\"\n{RULES}")
}

/// Each masked, neutralised or refused under `enforce`, or filtered in what
/// the server says of it.
const STATEMENTS: &[&str] = &[
    "SELECT * FROM customers ORDER BY id",
    "SELECT id FROM customers WHERE email LIKE 'anna%' AND ssn > '5' ORDER BY id",
    "SELECT sum(length(email)), max(ssn), string_agg(email, ',' ORDER BY ssn) FROM customers",
    "SELECT c, email || ssn, substr(ssn, 1, 1) FROM customers c ORDER BY email",
    "SELECT * FROM vault ORDER BY id",
    "SELECT email::int FROM customers",
    "SELECT nothing FROM customers",
    "EXPLAIN SELECT * FROM customers WHERE email = 'x'",
    "SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'customers' ORDER BY attname",
    "COPY customers TO STDOUT",
    "COPY (SELECT email FROM customers ORDER BY id) TO STDOUT (FORMAT csv)",
    "BEGIN; INSERT INTO customers (id, name, email, ssn) VALUES (900, 'n', 'raw@x.org', '1-1'); \
     UPDATE customers SET notes = email WHERE id = 900; \
     DELETE FROM customers WHERE ssn = '1-1' RETURNING *; ROLLBACK",
    "INSERT INTO customers (id, name, email) SELECT 901, 'n', email FROM customers WHERE id = 1",
    "BEGIN; CREATE TEMP TABLE mine AS SELECT * FROM customers; SELECT count(DISTINCT ssn) FROM mine; ROLLBACK",
    "DO $$ BEGIN RAISE NOTICE '%', (SELECT email FROM customers WHERE id = 1); END $$",
    "BEGIN; PREPARE p AS SELECT email FROM customers WHERE id = $1; EXECUTE p(3); EXPLAIN EXECUTE p(3); ROLLBACK; \
     DEALLOCATE p",
    "BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM customers ORDER BY ssn; FETCH 2 FROM c; MOVE c; FETCH c; COMMIT",
    // A cursor that bauta does not see opened.
    "CREATE FUNCTION pg_temp.opens() RETURNS refcursor LANGUAGE plpgsql AS \
     $f$ DECLARE r refcursor := 'behind'; BEGIN OPEN r FOR SELECT email FROM customers ORDER BY id; RETURN r; END $f$",
    "BEGIN; SELECT pg_temp.opens(); FETCH 3 FROM behind; ROLLBACK",
    "SET standard_conforming_strings = off; SELECT email FROM customers WHERE ssn <> 'a\\'b' AND id = 1",
    "SELECT email FROM customers WHERE ssn = 'tok_abc'",
    "DECLARE",
];

#[test]
fn an_observed_session_is_the_servers_own() {
    let server = Server::start();
    let bauta = Bauta::start(&server, &observing());
    server.sql("shop", "GRANT ALL ON ALL TABLES IN SCHEMA public TO ana; ANALYZE");
    let script = STATEMENTS.join(";\n");
    let direct = psql("ana", server.port(), &script);
    let seen = psql("ana", bauta.port, &script);
    assert!(direct.stdout.contains("@example.com") && direct.stderr.contains("invalid input syntax"));
    assert_eq!(seen.stdout, direct.stdout);
    assert_eq!(seen.stderr, direct.stderr);
}

/// By messages, in both formats, with bound parameters and a limit.
fn script() -> Vec<u8> {
    let by_ssn = "SELECT id, email, ssn FROM customers WHERE ssn <> $1 AND id < $2 ORDER BY ssn";
    let mut script = Vec::new();
    for format in [0, 1] {
        script.extend(m::parse("s", by_ssn, &[]));
        script.extend(m::describe(b'S', "s"));
        script.extend(m::bind("p", "s", &[Some("x"), Some("9")], &[format]));
        script.extend(m::describe(b'P', "p"));
        script.extend([m::execute("p", 2), m::execute("p", 0), m::close(b'S', "s"), m::sync()].concat());
    }
    script.extend(m::parse("", "COPY (SELECT ssn FROM customers ORDER BY id) TO STDOUT", &[]));
    script.extend([m::bind("", "", &[], &[]), m::execute("", 0), m::sync()].concat());
    script.extend(m::parse("", "SELECT email::int FROM customers", &[]));
    script.extend([m::bind("", "", &[], &[]), m::describe(b'P', ""), m::execute("", 0), m::sync()].concat());
    script
}

fn played(port: u16) -> Vec<Frame> {
    let mut raw = Raw::connect(port, "ana");
    raw.send(&script());
    (0..4).flat_map(|_| raw.until_ready()).collect()
}

#[test]
fn an_observed_session_is_the_servers_own_by_messages_too() {
    let server = Server::start();
    let bauta = Bauta::start(&server, &observing());
    let direct = played(server.port());
    assert_eq!(played(bauta.port), direct);
    let column =
        |n: usize| move |f: &&Frame| f.tag == b'D' && f.columns().len() == 3 && f.columns()[n].is_some();
    assert!(direct.iter().filter(column(1)).count() > 8);
}

#[test]
fn the_log_says_what_would_have_been_and_that_it_was_not() {
    let server = Server::start();
    let bauta = Bauta::start(&server, &observing());
    psql("ana", bauta.port, "SELECT email FROM customers WHERE id = 1");
    psql("ana", bauta.port, "SELECT id FROM customers WHERE email LIKE 'planted%'");
    psql("ana", bauta.port, "CREATE VIEW v AS SELECT * FROM customers");
    psql("ana", bauta.port, "SELECT count(*) FROM orders");
    let deadline = Instant::now() + Duration::from_secs(20);
    while bauta.audit().iter().filter(|r| r["event"] == "statement.end").count() < 4 {
        assert!(Instant::now() < deadline, "not all are recorded");
        std::thread::sleep(Duration::from_millis(30));
    }
    let audit = bauta.audit();
    assert!(audit.iter().any(|r| r["event"] == "policy.loaded" && r["mode"] == "observe"));
    let start = |text: &str| {
        audit.iter().find(|r| r["sql"].as_str().is_some_and(|sql| sql.contains(text))).unwrap().clone()
    };
    let masked = start("SELECT email");
    assert_eq!((&masked["observed"], &masked["columns"][0]["decision"]), (&true.into(), &"masked".into()));
    assert_eq!(masked["would_refuse"], Value::Null);
    let searched = start("LIKE ?");
    assert_eq!((&searched["observed"], &searched["would_refuse"]), (&true.into(), &"42501".into()));
    assert_eq!(start("CREATE VIEW")["would_refuse"], "42501");
    assert_eq!(start("FROM orders")["observed"], Value::Null);
    // They ran.
    let ends: Vec<&Value> = audit.iter().filter(|r| r["event"] == "statement.end").collect();
    assert!(ends.len() >= 4 && ends.iter().all(|end| end["refused"] == false), "{ends:?}");
    // A literal that stands for a protected value is no more written than ever.
    assert!(!std::fs::read_to_string(bauta.audit_file()).unwrap().contains("planted"));
    let searched = bauta.cli_ok(&["audit", "search", "--column", "public.customers.email"]);
    assert!(searched.contains("none of this was applied; would have been refused (42501)"), "{searched}");
    let report = bauta.cli_ok(&["audit", "report"]);
    assert!(report.contains("public.customers.email") && report.contains("mode = observe"), "{report}");
}

#[test]
fn nobody_overlooks_that_nothing_is_protected() {
    const LOUD: &str = "NOTHING IS PROTECTED";
    let server = Server::start();
    let port = bauta::demo::cluster::free_port().unwrap();
    let metrics = format!("metrics.address = \"127.0.0.1:{port}\"\n");
    let bauta = Bauta::start(&server, &format!("{metrics}{}", observing()));
    let scrape = || crate::metrics::get(port, "/metrics").1;
    psql("ana", bauta.port, "SELECT email FROM customers; SELECT id FROM customers WHERE email LIKE 'a'");
    let status = bauta.cli_ok(&["status"]);
    assert!(status.contains(LOUD) && status.contains("degraded") && status.contains("observe"), "{status}");
    assert!(bauta.log().contains(LOUD), "{}", bauta.log());
    let check = bauta.cli(&["check", "-c", "proxy.toml"]);
    assert!(check.code == Some(0) && check.stderr.contains(LOUD), "{check:?}");
    let text = scrape();
    for line in [
        "bauta_observing 1",
        "bauta_observed_statements_total{decision=\"masked\"} 1",
        "bauta_observed_statements_total{decision=\"refused\"} 1",
        "bauta_statements_total{decision=\"masked\"} 0",
        "bauta_refusals_total{use=\"predicate\"} 0",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line}\n{text}");
    }
    bauta.write_config(&format!("{metrics}{RULES}"));
    bauta.cli_ok(&["reload"]);
    let status = bauta.cli_ok(&["status"]);
    assert!(!status.contains(LOUD) && status.contains("enforce"), "{status}");
    assert!(scrape().contains("bauta_observing 0\n"));
}

#[test]
fn enforcing_takes_hold_of_what_was_opened_while_observing() {
    let server = Server::start();
    let bauta = Bauta::start(&server, &observing());
    let mut raw = Raw::connect(bauta.port, "ana");
    let run =
        |raw: &mut Raw| raw.exchange(&[m::bind("", "s", &[], &[]), m::execute("", 0), m::sync()].concat());
    let shown =
        |frames: &[Frame]| frames.iter().any(|f| String::from_utf8_lossy(&f.body).contains("@example.com"));
    let code = |frames: &[Frame]| frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'C'));
    raw.exchange(&[m::parse("s", "SELECT email FROM customers", &[]), m::sync()].concat());
    raw.query("PREPARE q AS SELECT id, email || '' FROM customers");
    raw.query("BEGIN");
    raw.query("DECLARE c CURSOR FOR SELECT email FROM customers ORDER BY id");
    assert!(shown(&raw.query("FETCH 5 FROM c")) && shown(&run(&mut raw)) && shown(&raw.query("EXECUTE q")));
    bauta.write_config(RULES);
    bauta.cli_ok(&["reload"]);
    let fetched = raw.query("FETCH 20 FROM c");
    assert!(fetched.iter().filter(|f| f.tag == b'D').count() == 20 && !shown(&fetched), "{fetched:?}");
    raw.query("COMMIT");
    let rows = run(&mut raw);
    assert!(rows.iter().filter(|f| f.tag == b'D').count() == 50 && !shown(&rows), "{rows:?}");
    assert_eq!(code(&raw.query("EXECUTE q")).as_deref(), Some("42501"));
    bauta.write_config(&observing());
    bauta.cli_ok(&["reload"]);
    assert!(shown(&run(&mut raw)));
}

/// A name may mean by then what code that is refused has put in its place.
#[test]
fn a_session_that_ran_what_is_refused_ends_when_the_policy_is_enforced() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION runs(sql text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE sql; END $$",
    );
    let bauta = Bauta::start(&server, &observing());
    let mut raw = Raw::connect(bauta.port, "ana");
    let mut other = Raw::connect(bauta.port, "ana");
    raw.query("PREPARE p AS SELECT ''");
    raw.query("SELECT runs('DEALLOCATE p'), runs('PREPARE p AS SELECT email || '''' FROM customers')");
    let shown =
        |frames: &[Frame]| frames.iter().any(|f| String::from_utf8_lossy(&f.body).contains("@example.com"));
    assert!(shown(&raw.query("EXECUTE p")));
    other.query("SELECT email FROM customers");
    bauta.write_config(RULES);
    bauta.cli_ok(&["reload"]);
    raw.send(&m::query("EXECUTE p"));
    let mut frames = Vec::new();
    while let Some(frame) = raw.receive() {
        frames.push(frame);
    }
    assert!(!shown(&frames), "{frames:?}");
    assert_eq!(frames.first().and_then(|frame| frame.field(b'C')).as_deref(), Some("57P01"), "{frames:?}");
    assert!(!shown(&other.query("SELECT email FROM customers")));
}

#[test]
fn an_observed_statement_uses_up_no_grant() {
    let server = Server::start();
    let bauta = Bauta::start(&server, &observing());
    let column = "public.customers.email";
    bauta.cli_ok(&["grant", "ana", "--column", column, "--for", "10m", "--reason", "r", "--once"]);
    psql("ana", bauta.port, "SELECT email FROM customers; SELECT email FROM customers");
    let grants = bauta.cli_ok(&["grants", "--json"]);
    assert!(grants.contains("\"uses\":0"), "{grants}");
}
