//! Goal: what must not be written is written nowhere: values compared with or
//! written to protected columns, bound parameters, data of COPY, revealed rows,
//! values in the server's errors, originals of tokens, tokens that name people,
//! passwords, and the configuration's own secrets. Method: each carries the
//! word `planted`; they go in by every way there is, with everything logged,
//! and the audit log, its sinks, the program's log, the metrics and the state
//! store are searched for that word.

use std::path::Path;
use std::time::{Duration, Instant};

use bauta::demo::cluster::free_port;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use crate::harness::{Bauta, Raw, Server, message as m, password, psql};
use crate::notify::Target;
use crate::tokens::bind;

const WORD: &str = "planted";
const KEY: &str = "planted: the key that the BI server holds";

/// `ana` sees nothing but may search by phone; `sam` sees all; `etl` is shared.
fn policy(sql: &str, metrics: u16, collector: u16, store: u16) -> String {
    format!(
        r#"
        metrics.address = "127.0.0.1:{metrics}"
        [audit]
        sql = "{sql}"
        [[audit.sink]]
        kind = "stdout"
        [[audit.sink]]
        kind = "postgres"
        address = "127.0.0.1:{store}"
        user = "postgres"
        password = "planted-sink-password"
        database = "logs"
        table = "public.records"
        [[audit.sink]]
        kind = "otlp"
        endpoint = "http://127.0.0.1:{collector}/v1/logs"
        headers = "authorization=planted-bearer"
        [[notify]]
        url = "http://127.0.0.1:{collector}/planted-path"
        secret = "planted-notify-secret"
        [[protect]]
        column = "public.customers.email"
        method = "email"
        [[protect]]
        column = "public.customers.ssn"
        method = "token"
        [[protect]]
        column = "public.customers.phone"
        method = "redact"
        allow = ["search", "write"]
        [[protect]]
        column = "public.customers.notes"
        method = "redact"
        allow = ["write"]
        [[role]]
        name = "seeing"
        members = ["sam"]
        unmask = ["public.customers.*"]
        export = true
        exempt = true
        [[end_user]]
        login = "etl"
        key = "{KEY}"
        "#
    )
}

fn jwt(key: &str) -> String {
    let now = i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let claims = serde_json::json!({ "sub": "maria@example.com", "iat": now, "exp": now + 60 });
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
}

/// By literals, in every spelling and on every way round.
const LITERALS: &[&str] = &[
    "SELECT id FROM customers WHERE email = 'planted@example.com'",
    "SELECT id FROM customers WHERE phone = 'planted'",
    "SELECT id FROM customers WHERE phone LIKE '%planted%' OR phone IN ('x', 'planted')",
    "SELECT id FROM customers WHERE phone = $$planted$$ OR phone = E'pl\\x61nted planted' OR phone = U&'planted'",
    "SELECT id FROM customers WHERE phone = 'plan' || 'planted' AND phone BETWEEN 'planted' AND 'planted'",
    "SELECT CASE phone WHEN 'planted' THEN 1 END, phone = 'planted', coalesce(phone, 'x') = 'planted' FROM customers",
    "SELECT position('planted' IN phone), replace(phone, 'planted', ''), phone || 'planted' FROM customers",
    "SELECT id FROM customers JOIN (VALUES ('planted')) v(x) ON phone = v.x",
    "WITH v AS (SELECT 'planted'::text AS x) SELECT id FROM customers, v WHERE phone = x",
    "SELECT id FROM customers WHERE phone IN (SELECT lower('planted') UNION SELECT 'planted')",
    "SELECT id FROM customers JOIN unnest(ARRAY['planted']) x ON x = phone",
    "SELECT id FROM customers JOIN json_to_recordset('[{\"x\": \"planted\"}]') AS j(x text) ON j.x = phone",
    "SELECT id FROM customers GROUP BY id HAVING min(phone) = 'planted'",
    "SELECT id FROM customers ORDER BY phone = 'planted'",
    "SELECT 'planted' EXCEPT SELECT phone FROM customers",
    "INSERT INTO customers (id, name, email) VALUES (901, 'n', 'planted@example.com')",
    "INSERT INTO customers (id, name, phone, notes) VALUES (902, 'n', 'planted', 'planted')",
    "INSERT INTO customers (id, name, notes) SELECT 903, 'n', 'planted'",
    "INSERT INTO customers (id, name, notes) VALUES (904, 'n', 'planted') ON CONFLICT (id) DO UPDATE SET notes = 'planted'",
    "UPDATE customers SET notes = 'planted' WHERE id = 902",
    "UPDATE customers SET (phone, notes) = (SELECT 'planted', 'planted') WHERE id = 902",
    "UPDATE customers SET notes = v.x FROM (VALUES ('planted')) v(x) WHERE customers.id = 902",
    "MERGE INTO customers c USING (SELECT 'planted' AS x) s ON c.phone = s.x WHEN MATCHED THEN UPDATE SET notes = 'planted'",
    "DELETE FROM customers WHERE phone = 'planted' RETURNING phone",
    "EXPLAIN SELECT id FROM customers WHERE phone = 'planted'",
    "PREPARE p AS SELECT id FROM customers WHERE phone = $1 OR phone = 'planted'",
    "EXECUTE p('planted'); EXPLAIN EXECUTE p('planted'); DEALLOCATE p",
    "BEGIN; DECLARE c CURSOR FOR SELECT id FROM customers WHERE phone = 'planted'; FETCH c; COMMIT",
    "COPY (SELECT id FROM customers WHERE phone = 'planted') TO STDOUT",
    // Nobody can say what stands for what in these.
    "SELECT id FROM customers WHERE email = 'planted' AND (",
    "SELECT id FROM customers WHERE email = 'planted' /* planted */ AND ( -- planted",
    "DO $$ BEGIN PERFORM 1 FROM customers WHERE email = 'planted'; END $$",
    "CREATE VIEW v AS SELECT id FROM customers WHERE email = 'planted'",
    "CREATE INDEX ON customers (id) WHERE email = 'planted'",
    "ALTER TABLE customers ALTER email SET DEFAULT 'planted'",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 FROM customers WHERE email = 'planted' $$",
    // Errors with values in them.
    "SELECT phone::int FROM customers WHERE phone = 'planted'",
    "SELECT id FROM customers ORDER BY position('planted' IN phone), replace(phone, 'planted', '')",
    "SELECT greatest(phone, 'planted'), strpos(lower(phone), lower('planted')) FROM customers",
    // Passwords, and tokens that name people, in texts of no protected name.
    "CREATE ROLE x PASSWORD 'planted'",
    "ALTER ROLE x ENCRYPTED PASSWORD 'planted' /* planted */",
    "ALTER USER x WITH pAsSwOrD E'planted'; -- planted",
    "CREATE USER MAPPING FOR ana SERVER s OPTIONS (user 'x', password 'planted')",
    "SELECT set_config('bauta.end_user', 'planted', false)",
    "SELECT set_config('x.y', 'password=planted', false)",
    "SET bauta.end_user = 'planted'",
    "SET LOCAL bauta.end_user TO 'planted'",
    "SET \"bauta\".\"end_user\" = 'planted', 'planted'",
    "ALTER ROLE x SET bauta.end_user = 'planted'",
    // One literal each, to a server that is set so.
    "SET standard_conforming_strings = off",
    "SELECT id FROM customers WHERE phone = 'a\\'planted\\'b'",
    "ALTER ROLE x PASSWORD 'a\\'planted\\'b'",
    "SET standard_conforming_strings = on",
];

fn by_parameters(bauta: &Bauta) {
    let mut raw = Raw::connect(bauta.port, "ana");
    for sql in [
        "SELECT id FROM customers WHERE phone = $1",
        "SELECT id FROM customers WHERE email = $1",
        "SELECT id FROM customers WHERE ssn = $1",
        "UPDATE customers SET notes = $1 WHERE id = 902",
        "SELECT id FROM orders WHERE status = $1",
        "SELECT $1::text",
        // The server's words quote it.
        "SELECT $1::text::int",
    ] {
        raw.exchange(&[m::parse("s", sql, &[25]), m::describe(b'S', "s"), m::sync()].concat());
        let text = m::bind("", "s", &[Some("planted")], &[0]);
        raw.exchange(&[text, m::execute("", 0), m::sync()].concat());
        raw.exchange(
            &[bind("s", &[b"planted"], 1), m::execute("", 0), m::close(b'S', "s"), m::sync()].concat(),
        );
    }
}

/// It is set in the same pipeline: the server has not said so yet.
fn by_pipeline(bauta: &Bauta) {
    let mut raw = Raw::connect(bauta.port, "ana");
    let set = m::parse("", "SET standard_conforming_strings = off", &[]);
    let text = m::parse("s", "SELECT id FROM customers WHERE phone = 'a\\'planted\\'b'", &[]);
    raw.exchange(&[set, m::bind("", "", &[], &[]), m::execute("", 0), text, m::sync()].concat());
}

fn by_copy(bauta: &Bauta) {
    let lines = [
        ("id, name, notes", "905\tn\tplanted\n"),
        ("id, name, email", "906\tn\tplanted\n"),
        ("id, name", "planted\tplanted\n"),
    ];
    for (columns, line) in lines {
        let mut raw = Raw::connect(bauta.port, "ana");
        raw.send(&m::query(&format!("COPY customers ({columns}) FROM STDIN")));
        raw.send(&[m::copy_data(line.as_bytes()), m::copy_done()].concat());
        raw.until_ready();
    }
}

/// What people see who may, and what the server says of it.
fn revealed(bauta: &Bauta) {
    bauta.cli_ok(&["grant", "ana", "--column", "public.customers.email", "--for", "10m", "--reason", "r"]);
    for user in ["ana", "sam"] {
        let seen = psql(
            user,
            bauta.port,
            "SELECT email, ssn, notes FROM customers WHERE id = 900; SELECT email::int FROM customers WHERE id = 900; \
             COPY (SELECT email FROM customers WHERE id = 900) TO STDOUT; \
             DO $$ BEGIN RAISE EXCEPTION '%', (SELECT email FROM customers WHERE id = 900); END $$; \
             UPDATE customers SET email = (SELECT email FROM customers WHERE id = 900) WHERE id = 1",
        );
        assert!(seen.stdout.contains(WORD), "{seen:?}");
    }
    let ssn = psql("ana", bauta.port, "SELECT ssn FROM customers WHERE id = 900");
    let token = ssn.out().to_owned();
    assert!(token.starts_with("tok_"), "{ssn:?}");
    let by_token = psql("ana", bauta.port, &format!("SELECT id FROM customers WHERE ssn = '{token}'"));
    assert_eq!(by_token.out(), "900");
    // It is the value to whoever may search by it.
    assert!(!gathered(bauta).contains(&token));
}

fn named(bauta: &Bauta) {
    let mut secrets = vec![jwt(KEY), jwt("another key, not the BI server's one")];
    secrets.push(format!("{}planted", jwt(KEY)));
    for secret in &secrets {
        for sql in [
            "SET bauta.end_user = '{}'",
            "SET bauta.end_user TO '{}', 'x'",
            "SELECT '{}' AS \"bauta.end_user\"",
        ] {
            psql("etl", bauta.port, &sql.replace("{}", secret));
        }
        let mut raw = Raw::connect(bauta.port, "etl");
        let sql = format!("SET bauta.end_user = '{secret}'");
        raw.exchange(
            &[m::parse("", &sql, &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::sync()].concat(),
        );
        let options = format!("-c bauta.end_user={secret}");
        let startup = [("user", "etl"), ("database", "shop"), ("options", options.as_str())];
        drop(Raw::connect_with(bauta.port, &startup, &password("etl")));
    }
    let everything = gathered(bauta);
    for secret in secrets {
        assert!(!everything.contains(&secret), "{secret}");
        assert!(!everything.contains(secret.rsplit('.').next().unwrap()), "its signature");
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// All files that it wrote, the configuration and key aside.
fn gathered(bauta: &Bauta) -> String {
    let files = std::fs::read_dir(&bauta.directory).unwrap().map(|entry| entry.unwrap().path());
    let own = |path: &std::path::PathBuf| !path.ends_with("proxy.toml") && !path.ends_with("bauta.key");
    files.filter(|path| path.is_file() && own(path)).map(|path| read(&path)).collect()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The lines that hold the word.
fn finds(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains(WORD)).collect()
}

fn nothing_planted_is_written(sql: &str) {
    let (server, logs) = (Server::start(), Server::start());
    server.sql("shop", "GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC; ALTER ROLE ana CREATEROLE");
    server.sql(
        "shop",
        "INSERT INTO customers (id, name, email, ssn, notes) \
         VALUES (900, 'n', 'planted@example.com', 'planted-ssn', 'planted')",
    );
    logs.sql("postgres", "CREATE DATABASE logs; ALTER ROLE postgres PASSWORD 'planted-sink-password'");
    logs.sql("logs", "CREATE TABLE records (node text, seq int8, mac text, at timestamptz, event text, login text, record text, \
         PRIMARY KEY (node, seq, mac))");
    let (collector, metrics) = (Target::start(&[]), free_port().unwrap());
    let mut bauta = Bauta::prepare(&server, &policy(sql, metrics, collector.port, logs.port()));
    bauta.log_filter = Some("trace,ureq=trace,tokio_postgres=debug");
    bauta.serve();
    psql("ana", bauta.port, "SELECT id FROM orders WHERE status = 'visible'");
    for user in ["ana", "sam"] {
        let mut raw = Raw::connect(bauta.port, user);
        for sql in LITERALS {
            raw.query(sql);
            raw.query("ROLLBACK");
        }
        for sql in LITERALS {
            raw.exchange(
                &[m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::sync()].concat(),
            );
        }
    }
    by_parameters(&bauta);
    by_pipeline(&bauta);
    by_copy(&bauta);
    revealed(&bauta);
    named(&bauta);
    let scraped = crate::metrics::get(metrics, "/metrics").1;
    let newest = bauta.cli_ok(&["audit", "head"]);
    let newest: i64 = newest.split(':').next().unwrap().parse().unwrap();
    until("the table has it all", || {
        logs.sql("logs", "SELECT coalesce(max(seq), 0) FROM records").trim().parse::<i64>().unwrap() >= newest
    });
    let table = logs.sql("logs", "SELECT record FROM records");
    bauta.stop();
    let everything = gathered(&bauta);
    // It is all there: the records, what everything logged, each kind of text.
    assert_eq!(everything.contains("'visible'"), sql == "full");
    assert!(everything.contains("DEBUG"));
    assert!(bauta.audit().iter().filter(|r| r["event"] == "statement.start").count() > 2 * LITERALS.len());
    for (what, text) in [("files", &everything), ("table", &table), ("metrics", &scraped)] {
        assert!(finds(text).is_empty(), "{what} with sql = \"{sql}\":\n{}", finds(text).join("\n"));
    }
    while let Ok(post) = collector.posted.try_recv() {
        let body = String::from_utf8_lossy(&post.body).into_owned();
        assert!(finds(&body).is_empty(), "posted with sql = \"{sql}\":\n{body}");
    }
}

#[test]
fn nothing_planted_is_written_with_full_texts() {
    nothing_planted_is_written("full");
}

#[test]
fn nothing_planted_is_written_with_normalized_texts() {
    nothing_planted_is_written("normalized");
}

#[test]
fn nothing_planted_is_written_with_fingerprints() {
    nothing_planted_is_written("fingerprint");
}
