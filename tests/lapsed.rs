//! Goal: when access ends, what was sent under it and is not done yet tells
//! nothing more and changes nothing more; and access to one column is none to
//! another that a key leads to. Method: a statement that waits, a revocation
//! meanwhile, and then another value in the row that it is about.

use std::thread::sleep;
use std::time::Duration;

use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.customers.email", "public.named.mail"]
    method = "email"
"#;

const KEYS: &str = r#"
    [[protect]]
    columns = ["public.locked.code", "public.closed.code"]
    method = "token"
    domain = "keys"

    [[protect]]
    column = "public.open.code"
    method = "token"
    domain = "keys"
    allow = ["write"]

    [[protect]]
    columns = ["public.numbers.no", "public.counted.no"]
    method = "token"
    domain = "numbers"

    [[protect]]
    columns = ["public.hidden.code", "public.asked.code"]
    method = "redact"
"#;

fn error(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'C'))
}

fn grant(bauta: &Bauta, columns: &[&str]) {
    let columns = columns.iter().flat_map(|column| ["--column", column]);
    let mut arguments = vec!["grant", "ana"];
    arguments.extend(columns);
    arguments.extend(["--for", "5m", "--reason", "INC-4711"]);
    bauta.cli_ok(&arguments);
}

fn revoke(bauta: &Bauta) {
    let grants = bauta.cli_ok(&["grants"]);
    let id = grants.lines().find(|l| l.contains("active")).and_then(|l| l.split_whitespace().next());
    bauta.cli_ok(&["revoke", id.expect("an active grant")]);
}

/// What the command tags say of what `sql` changed.
fn changed(frames: &[Frame]) -> bool {
    frames.iter().any(|f| f.tag == b'C' && f.body.starts_with(b"UPDATE"))
}

#[test]
fn what_is_sent_under_a_grant_asks_nothing_when_that_has_ended() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    for (number, sql) in [
        "SELECT pg_sleep(3); UPDATE customers SET name = 'hit' WHERE id = 7 AND email LIKE 'new%'",
        "BEGIN; SELECT pg_sleep(3); UPDATE customers SET name = 'hit' WHERE id = 7 AND email LIKE 'new%'; COMMIT",
        "SELECT pg_sleep(3); UPDATE customers SET name = (1 / (id - 7))::text WHERE id = 7 AND email LIKE 'new%'",
        "SELECT pg_sleep(3); DECLARE c CURSOR WITH HOLD FOR SELECT 1 FROM customers WHERE email LIKE 'new%'; MOVE ALL FROM c",
        "SELECT pg_sleep(3); SELECT 1 FROM customers WHERE id = 7 AND email LIKE 'new%'",
    ]
    .into_iter()
    .enumerate()
    {
        let mut ana = Raw::connect(bauta.port, "ana");
        grant(&bauta, &["public.customers.email"]);
        ana.send(&m::query(sql));
        sleep(Duration::from_millis(500));
        revoke(&bauta);
        server.sql("shop", &format!("UPDATE customers SET email = 'new{number}@example.com' WHERE id = 7"));
        let frames = ana.until_ready();
        assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {frames:?}");
        assert!(!changed(&frames) && !frames.iter().any(|f| f.tag == b'C' && f.body.starts_with(b"MOVE")), "{sql}");
        assert_ne!(server.sql("shop", "SELECT name FROM customers WHERE id = 7").trim(), "hit", "{sql}");
        ana.query("ROLLBACK");
        assert_eq!(error(&ana.query("SELECT id FROM customers WHERE id = 1")), None, "the session goes on");
    }
}

#[test]
fn what_waits_for_a_row_under_a_grant_reads_no_later_value_of_it() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let mut other = Raw::connect(server.port(), "postgres");
    grant(&bauta, &["public.customers.email"]);
    other.query("BEGIN");
    other.query("UPDATE customers SET email = 'new@example.com' WHERE id = 7");
    let sql = "UPDATE customers SET name = 'hit' WHERE id = 7 AND email LIKE '%@%'";
    ana.send(&[m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::sync()].concat());
    sleep(Duration::from_millis(500));
    revoke(&bauta);
    sleep(Duration::from_secs(1));
    other.query("COMMIT");
    let frames = ana.until_ready();
    assert_eq!(error(&frames).as_deref(), Some("42501"), "{frames:?}");
    assert!(!changed(&frames));
    assert_ne!(server.sql("shop", "SELECT name FROM customers WHERE id = 7").trim(), "hit");
}

/// A foreign key's error would tell whether the other column holds a guess.
#[test]
fn a_grant_on_a_key_answers_nothing_about_the_column_that_it_leads_to() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE named (mail text PRIMARY KEY); INSERT INTO named VALUES ('a@b.c');
         CREATE TABLE calls (id int PRIMARY KEY, mail text REFERENCES named, note text);
         INSERT INTO calls VALUES (1, 'a@b.c');
         GRANT ALL ON named, calls TO PUBLIC",
    );
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let guesses = [
        "INSERT INTO calls VALUES (2, 'guess@b.c')",
        "UPDATE calls SET mail = 'guess@b.c' WHERE id = 1",
        "INSERT INTO calls (id, note) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET mail = 'guess@b.c'",
    ];
    grant(&bauta, &["public.calls.mail"]);
    for sql in guesses {
        assert_eq!(error(&ana.query(sql)).as_deref(), Some("42501"), "{sql}");
    }
    let null = |ana: &mut Raw| {
        let insert = m::parse("", "INSERT INTO calls (id, mail) VALUES (3, $1)", &[]);
        ana.exchange(&[insert, m::bind("", "", &[None], &[]), m::execute("", 0), m::sync()].concat())
    };
    let frames = null(&mut ana);
    assert_eq!(error(&frames), None, "{frames:?}");
    assert_eq!(error(&ana.query("UPDATE calls SET note = 'x' WHERE mail LIKE 'a%'")), None);
    grant(&bauta, &["public.calls.mail", "public.named.mail"]);
    for sql in guesses {
        assert_eq!(error(&ana.query(sql)).as_deref(), Some("23503"), "{sql}");
    }
}

/// Who may write a column alone is answered no guess about what its key leads to:
/// tokens lead there.
#[test]
fn a_key_that_may_be_written_takes_tokens_where_the_other_column_may_not() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE locked (code text PRIMARY KEY); INSERT INTO locked VALUES ('red'), ('blue');
         CREATE TABLE open (id int PRIMARY KEY, code text REFERENCES locked);
         CREATE TABLE closed (id int PRIMARY KEY, code text REFERENCES locked);
         CREATE TABLE numbers (no int PRIMARY KEY); INSERT INTO numbers VALUES (7);
         CREATE TABLE counted (id int PRIMARY KEY, no int REFERENCES numbers);
         CREATE TABLE hidden (code text PRIMARY KEY);
         CREATE TABLE asked (id int PRIMARY KEY, code text REFERENCES hidden);
         GRANT ALL ON locked, open, closed, numbers, counted, hidden, asked TO PUBLIC",
    );
    let bauta = Bauta::start(&server, KEYS);
    let mut ana = Raw::connect(bauta.port, "ana");
    let first = |frames: &[Frame]| {
        let row = frames.iter().find(|f| f.tag == b'D').expect("a row");
        String::from_utf8(row.body[6..].to_vec()).unwrap()
    };
    let token = first(&ana.query("SELECT code FROM locked LIMIT 1"));
    let copy = |ana: &mut Raw, id: u32, value: &str| {
        ana.send(&m::query("COPY open FROM STDIN"));
        let data = m::copy_data(format!("{id}\t{value}\n").as_bytes());
        ana.exchange(&[data, m::copy_done()].concat())
    };
    let bound = |ana: &mut Raw, id: u32, value: &str| {
        let insert = m::parse("", &format!("INSERT INTO open VALUES ({id}, $1)"), &[]);
        let bind = m::bind("", "", &[Some(value)], &[]);
        ana.exchange(&[insert, bind, m::execute("", 0), m::sync()].concat())
    };
    let asks = |ana: &mut Raw, id: u32, value: &str, expected: Option<&str>| {
        let inserted = ana.query(&format!("INSERT INTO open VALUES ({id}, '{value}')"));
        assert_eq!(error(&inserted).as_deref(), expected, "{value}");
        assert_eq!(error(&bound(ana, id + 1, value)).as_deref(), expected, "{value} bound");
        assert_eq!(error(&copy(ana, id + 2, value)).as_deref(), expected, "{value} copied");
    };
    asks(&mut ana, 10, &token, None);
    asks(&mut ana, 20, "green", Some("42501"));
    let listed = |id: u32, table: &str, value: &str| {
        format!("INSERT INTO {table} SELECT {id}, t FROM (VALUES ('{value}')) v (t)")
    };
    assert_eq!(error(&ana.query(&listed(24, "open", "green"))).as_deref(), Some("42501"));
    assert_eq!(error(&ana.query(&listed(1, "closed", &token))), None);
    assert_eq!(error(&ana.query("INSERT INTO open VALUES (30, NULL), (31, DEFAULT)")), None);
    assert_eq!(error(&ana.query(&format!("UPDATE open SET code = '{token}' WHERE id = 30"))), None);
    assert_eq!(error(&ana.query("UPDATE open SET code = 'green' WHERE id = 30")).as_deref(), Some("42501"));
    grant(&bauta, &["public.asked.code", "public.counted.no", "public.closed.code"]);
    assert_eq!(error(&ana.query(&listed(2, "closed", &token))), None);
    assert_eq!(error(&ana.query(&listed(3, "closed", "green"))).as_deref(), Some("42501"));
    for sql in ["INSERT INTO asked VALUES (1, 'green')", "INSERT INTO counted VALUES (1, 7)"] {
        assert_eq!(error(&ana.query(sql)).as_deref(), Some("42501"), "{sql}");
    }
    assert_eq!(error(&ana.query("INSERT INTO asked VALUES (1, NULL)")), None);
    grant(&bauta, &["public.locked.code", "public.hidden.code", "public.numbers.no"]);
    asks(&mut ana, 40, "green", Some("23503"));
    assert_eq!(error(&ana.query("INSERT INTO asked VALUES (2, 'green')")).as_deref(), Some("23503"));
    grant(&bauta, &["public.asked.code", "public.counted.no", "public.numbers.no"]);
    assert_eq!(error(&ana.query("INSERT INTO counted VALUES (1, 7)")), None);
    let checked = bauta.cli(&["check", "-c", "proxy.toml"]);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert!(said.contains("public.open.code has allow = [\"write\"], and public.locked.code"), "{said}");
    assert!(!said.contains("public.asked.code has allow"), "{said}");
}

/// What commits fills a cursor WITH HOLD, and so runs what it was declared over.
#[test]
fn what_commits_fills_no_cursor_whose_access_has_ended() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let declare =
        |over: &str| format!("DECLARE k CURSOR WITH HOLD FOR SELECT id FROM customers WHERE {over}");
    let by_messages =
        |sql: &str| [m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::execute("", 0)].concat();
    for over in ["email LIKE 'new%'", "email LIKE 'ana%'"] {
        for wait in [false, true] {
            let mut ana = Raw::connect(bauta.port, "ana");
            grant(&bauta, &["public.customers.email"]);
            assert_eq!(error(&ana.query(&format!("BEGIN; {}", declare(over)))), None);
            if wait {
                // It is sent while the access lasts.
                ana.send(&m::query("SELECT pg_sleep(3); COMMIT"));
                sleep(Duration::from_millis(500));
            }
            revoke(&bauta);
            if !wait {
                sleep(Duration::from_millis(300));
                ana.send(&m::query("COMMIT"));
            }
            let frames = ana.until_ready();
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{over}: {frames:?}");
            assert!(!frames.iter().any(|frame| frame.tag == b'C' && frame.body.starts_with(b"COMMIT")));
        }
        let mut ana = Raw::connect(bauta.port, "ana");
        grant(&bauta, &["public.customers.email"]);
        ana.send(&[by_messages(&declare(over)), m::flush()].concat());
        sleep(Duration::from_millis(500));
        revoke(&bauta);
        sleep(Duration::from_millis(300));
        ana.send(&m::sync());
        let frames = ana.until_ready();
        assert_eq!(error(&frames).as_deref(), Some("42501"), "{over}: {frames:?}");
    }
    // What leans on nothing is held, and what was filled in time.
    let mut ana = Raw::connect(bauta.port, "ana");
    grant(&bauta, &["public.customers.email"]);
    assert_eq!(error(&ana.query(&declare("email LIKE 'ana%'"))), None);
    assert_eq!(
        error(&ana.query(&format!("BEGIN; {}", declare("id < 9").replace("DECLARE k", "DECLARE h")))),
        None
    );
    revoke(&bauta);
    sleep(Duration::from_millis(300));
    assert_eq!(error(&ana.query("COMMIT")), None);
    assert_eq!(error(&ana.query("FETCH 1 FROM h")), None);
}

/// It asks a key with each row, also with those that come in one message.
#[test]
fn a_copy_asks_no_key_when_its_access_has_ended() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE UNIQUE INDEX ON customers (email); ALTER TABLE customers ALTER name DROP NOT NULL;
         GRANT ALL ON customers TO ana",
    );
    let bauta = Bauta::start(&server, POLICY);
    let row = |id: u32, email: &str| format!("{id}\t{email}\n");
    let many = |from: u32| (from..from + 3000).map(|id| row(id, &format!("m{id}@x"))).collect::<String>();
    for columns in ["id, email", "id, email, ssn"] {
        let policy = format!("{POLICY}\n[[protect]]\ncolumn = 'public.customers.ssn'\nmethod = 'redact'");
        bauta.write_config(&policy);
        bauta.cli_ok(&["reload"]);
        let end = if columns.contains("ssn") { "\t\\N\n" } else { "\n" };
        let data = many(50_000).replace('\n', end);
        for in_part in [false, true] {
            let mut ana = Raw::connect(bauta.port, "ana");
            grant(&bauta, &["public.customers.email"]);
            ana.send(&m::query(&format!("COPY customers ({columns}) FROM STDIN")));
            let length = if in_part { data.len() * 100 } else { data.len() };
            let mut frame = vec![b'd'];
            frame.extend(u32::try_from(length + 4).unwrap().to_be_bytes());
            frame.extend(data.as_bytes());
            ana.send(&frame);
            sleep(Duration::from_millis(300));
            revoke(&bauta);
            // Nothing more is sent: it is told all the same.
            let frames = ana.until_ready();
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{columns}, {in_part}: {frames:?}");
        }
    }
    assert_eq!(server.sql("shop", "SELECT count(*) FROM customers WHERE id >= 50000").trim(), "0");
}
