//! Goal: a grant with `max_rows` reveals so many rows and not one more, by
//! whatever way they are read, and ends with the last of them. Method: the real
//! program in front of a real server of 50 customers; raw frames, so that a
//! row that was sent and dropped by a driver would still be seen.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
"#;

const ALL: &str = "SELECT email FROM customers ORDER BY id";

struct Bench {
    _server: Server,
    bauta: Bauta,
    truth: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let server = Server::start();
        let bauta = Bauta::start(&server, POLICY);
        let truth = raw(&Raw::connect(server.port(), "postgres").query(ALL));
        assert_eq!(truth.len(), 50);
        Self { _server: server, bauta, truth }
    }
    fn ana(&self) -> Raw {
        Raw::connect(self.bauta.port, "ana")
    }
    fn grant(&self, rows: u64) {
        let (column, rows) = ("public.customers.email", rows.to_string());
        self.bauta.cli_ok(&[
            "grant",
            "ana",
            "--column",
            column,
            "--for",
            "5m",
            "--reason",
            "r",
            "--max-rows",
            &rows,
        ]);
    }
    /// The only grant, as the list has it.
    fn state(&self) -> (String, u64) {
        let line = self.bauta.cli_ok(&["grants", "--all", "--json"]);
        let grant: Value = serde_json::from_str(&line).unwrap();
        (grant["status"].as_str().unwrap().to_owned(), grant["rows"].as_u64().unwrap())
    }
}

/// First values of rows that are no masks.
fn raw(frames: &[Frame]) -> Vec<String> {
    let first = |f: &Frame| String::from_utf8(f.columns()[0].clone().unwrap_or_default()).unwrap();
    let mut values: Vec<String> = frames.iter().filter(|f| f.tag == b'D').map(first).collect();
    values.retain(|v| !v.contains("***") && v.contains('@'));
    values
}

fn error(frames: &[Frame]) -> String {
    frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'C')).unwrap_or_default()
}

fn eventually(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_statement_ends_after_the_last_row_and_the_grant_with_it() {
    let bench = Bench::new();
    let mut ana = bench.ana();
    bench.grant(3);
    let frames = ana.query(ALL);
    assert_eq!(raw(&frames), bench.truth[..3]);
    assert_eq!(error(&frames), "42501");
    // Fifty masks, and no error.
    let frames = ana.query(ALL);
    assert_eq!((raw(&frames).len(), error(&frames).as_str()), (0, ""));
    eventually("the grant has ended", || bench.state() == ("used".to_owned(), 3));
    let ended = bench.bauta.audit().into_iter().find(|r| r["event"] == "grant.expired").unwrap();
    assert_eq!(ended["rows"], 3);
    let created = bench.bauta.audit().into_iter().find(|r| r["event"] == "grant.created").unwrap();
    assert_eq!(created["max_rows"], 3);
}

#[test]
fn no_way_of_reading_shows_a_row_more() {
    let bench = Bench::new();
    let copied = |frames: &[Frame]| {
        let data = frames.iter().filter(|f| f.tag == b'd');
        let text: Vec<String> = data.map(|f| String::from_utf8_lossy(&f.body).into_owned()).collect();
        text.iter().flat_map(|t| t.lines()).filter(|l| l.contains('@') && !l.contains("***")).count()
    };
    let execute = |limit: u32| {
        let portal = [m::parse("", ALL, &[]), m::bind("", "", &[], &[]), m::execute("", limit)].concat();
        [portal, m::sync()].concat()
    };
    let ways: [(&str, Vec<Vec<u8>>); 7] = [
        ("extended", vec![execute(0)]),
        (
            "in parts",
            vec![
                m::query("BEGIN"),
                [m::parse("", ALL, &[]), m::bind("c", "", &[], &[]), m::execute("c", 3), m::sync()].concat(),
                [m::execute("c", 3), m::sync()].concat(),
                m::query("ROLLBACK"),
            ],
        ),
        (
            "cursor",
            vec![
                m::query(&format!("BEGIN; DECLARE c CURSOR FOR {ALL}")),
                m::query("FETCH 3 FROM c"),
                m::query("FETCH 3 FROM c"),
                m::query("ROLLBACK"),
            ],
        ),
        ("copy", vec![m::query("COPY customers (email) TO STDOUT")]),
        (
            "copy with header",
            vec![m::query("COPY (SELECT email FROM customers) TO STDOUT (FORMAT csv, HEADER)")],
        ),
        ("copy binary", vec![m::query("COPY (SELECT email FROM customers) TO STDOUT (FORMAT binary)")]),
        ("prepared", vec![m::query(&format!("PREPARE p AS {ALL}")), m::query("EXECUTE p")]),
    ];
    for (way, messages) in ways {
        let mut ana = bench.ana();
        bench.grant(4);
        let mut frames = Vec::new();
        for message in messages {
            frames.extend(ana.exchange(&message));
        }
        assert_eq!(raw(&frames).len() + copied(&frames), 4, "{way}");
        let again = ana.query(ALL);
        assert_eq!(raw(&again).len(), 0, "{way}: {again:?}");
    }
}

#[test]
fn sessions_share_one_count() {
    let bench = Bench::new();
    bench.grant(30);
    let shown: usize = thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut ana = bench.ana();
                    (0..5).map(|_| raw(&ana.query(&format!("{ALL} LIMIT 7"))).len()).sum::<usize>()
                })
            })
            .collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    // Where two take the last ones at once, what one had queued is dropped.
    assert!((20..=30).contains(&shown), "{shown}");
    assert_eq!(raw(&bench.ana().query(ALL)).len(), 0);
}

#[test]
fn an_aggregate_puts_no_more_rows_into_one() {
    let bench = Bench::new();
    let mut ana = bench.ana();
    bench.grant(20);
    for sql in [
        "SELECT string_agg(email, ',') FROM customers",
        "SELECT array_agg(email)::text FROM customers",
        "SELECT json_agg(c)::text FROM customers c",
        "SELECT ARRAY(SELECT email FROM customers)::text",
        "SELECT array_to_string(ARRAY(SELECT email FROM customers), ',')",
        "SELECT (SELECT string_agg(lower(email), ',') FROM customers)",
        "SELECT string_agg(e, ',') FROM (SELECT email AS e FROM customers) s",
        "SELECT percentile_disc(ARRAY[0, 0.3, 0.6, 1]) WITHIN GROUP (ORDER BY email)::text FROM customers",
        "SELECT string_agg(email, ',') OVER () FROM customers LIMIT 1",
    ] {
        let frames = ana.query(sql);
        assert_eq!(raw(&frames), Vec::<String>::new(), "{sql}");
    }
    // An error's text would hold a value that nobody counted.
    let frames = ana.query("SELECT id FROM customers WHERE email::int = 1");
    let told = frames.iter().filter(|f| f.tag == b'E').find_map(|f| f.field(b'M')).unwrap_or_default();
    assert!(!told.contains('@'), "{told}");
}

/// Values that stand side by side are as many as in rows of their own.
#[test]
fn values_of_one_column_side_by_side_cost_a_row_each() {
    let bench = Bench::new();
    let mut ana = bench.ana();
    let three = "customers a, customers b, customers c WHERE a.id = 1 AND b.id = 2 AND c.id = 3";
    for columns in [
        format!("a.email, b.email, c.email FROM {three}"),
        format!("a.email, lower(b.email), COALESCE(c.email, b.email) FROM {three}"),
        "(SELECT email FROM customers WHERE id = 1), (SELECT email FROM customers WHERE id = 2), \
         (SELECT email FROM customers WHERE id = 3)"
            .to_owned(),
    ] {
        for sql in [format!("SELECT {columns}"), format!("COPY (SELECT {columns}) TO STDOUT")] {
            bench.grant(2);
            let frames = ana.query(&sql);
            assert_eq!(error(&frames), "42501", "{sql}");
            assert!(!frames.iter().any(|f| f.body.windows(7).any(|w| w == b"example")), "{sql}: {frames:?}");
            // What is left is given back, and shows as many rows.
            eventually("two rows are left", || raw(&bench.ana().query(ALL)).len() == 2);
        }
    }
    bench.grant(3);
    let frames = ana.query(&format!("SELECT a.email, b.email, c.email FROM {three}"));
    assert_eq!((raw(&frames).len(), error(&frames).as_str()), (1, ""));
    assert_eq!(raw(&ana.query(ALL)).len(), 0);
    bench.grant(2);
    for sql in [
        format!("SELECT ARRAY[a.email, b.email, c.email]::text FROM {three}"),
        format!("SELECT ARRAY[a.email, b.email, c.email] FROM {three}"),
        format!("SELECT ROW(a.email, b.email, c.email) FROM {three}"),
        format!("SELECT a, b, c FROM {three}"),
    ] {
        assert_eq!(raw(&ana.query(&sql)), Vec::<String>::new(), "{sql}");
    }
}

/// A value inside a document is also in what stands around it.
#[test]
fn values_of_one_document_side_by_side_cost_a_row_each() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE docs (id int, body jsonb); GRANT SELECT ON docs TO ana; INSERT INTO docs \
         SELECT i, jsonb_build_object('user', jsonb_build_object('email', 'raw' || i, 'pin', i)) \
         FROM generate_series(1, 9) i",
    );
    let rule = |path: &str| {
        format!("[[protect]]\ncolumn = \"public.docs.body\"\npath = \"$.user.{path}\"\nmethod = \"redact\"\n")
    };
    let bauta = Bauta::start(&server, &[rule("email"), rule("pin")].concat());
    let shown = |columns: &str, rows: &str| {
        bauta.cli_ok(&[
            "grant",
            "ana",
            "--column",
            "public.docs.body",
            "--for",
            "5m",
            "--reason",
            "r",
            "--max-rows",
            rows,
        ]);
        let three = "docs a, docs b, docs c WHERE a.id = 1 AND b.id = 2 AND c.id = 3";
        let frames = Raw::connect(bauta.port, "ana").query(&format!("SELECT {columns} FROM {three}"));
        let holds = |frame: &Frame| frame.body.windows(4).any(|w| w == b"raw1");
        let is_shown = frames.iter().any(holds);
        let grants: Value = serde_json::from_str(&bauta.cli_ok(&["grants", "--json"])).unwrap_or_default();
        if let Some(id) = grants["id"].as_str() {
            bauta.cli_ok(&["revoke", id]);
        }
        is_shown
    };
    let three = "a.body->'user'->>'email', b.body->'user', c.body";
    assert!(!shown(three, "2"));
    assert!(shown(three, "3"));
    // Two values that stand beside each other in one row.
    assert!(shown("a.body->'user'->>'email', a.body->'user'->>'pin'", "1"));
}

/// A message of many statements pays for each.
#[test]
fn each_predicate_of_a_message_is_counted() {
    let bench = Bench::new();
    let mut ana = bench.ana();
    let miss = "SELECT id FROM customers WHERE email = 'nobody'";
    bench.grant(3);
    assert_eq!(error(&ana.query(&[miss; 4].join("; "))), "42501");
    assert_eq!(error(&ana.query(miss)), "42501");
    bench.grant(3);
    assert_eq!(error(&ana.query(&[miss; 2].join("; "))), "");
    assert_eq!(error(&ana.query(miss)), "");
    assert_eq!(error(&ana.query(miss)), "42501");
}

#[test]
fn answers_of_a_predicate_are_counted_too() {
    let bench = Bench::new();
    let mut ana = bench.ana();
    bench.grant(3);
    let known = &bench.truth[0];
    let hit = format!("SELECT id FROM customers WHERE email = '{known}'");
    let miss = "SELECT id FROM customers WHERE email = 'nobody'";
    assert_eq!(error(&ana.query(&hit)), "");
    assert_eq!(error(&ana.query(miss)), "");
    assert_eq!(error(&ana.query("SELECT count(*) FROM customers WHERE email LIKE 'a%'")), "");
    assert_eq!(error(&ana.query(&hit)), "42501");
    assert_eq!(error(&ana.query(miss)), "42501");
}

#[test]
fn rows_that_may_have_gone_out_before_a_crash_are_gone() {
    let mut bench = Bench::new();
    bench.grant(10);
    assert_eq!(raw(&bench.ana().query(&format!("{ALL} LIMIT 4"))).len(), 4);
    bench.bauta.kill();
    bench.bauta.serve();
    let shown = raw(&bench.ana().query(ALL)).len();
    assert!(shown <= 6, "{shown}");
    assert_eq!(raw(&bench.ana().query(ALL)).len(), 0);
}
