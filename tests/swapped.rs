//! Names of prepared statements, cursors and portals that a function gives to
//! something else while bauta is not looking.
//!
//! Goal: what the server runs under a name need not be what bauta saw made under
//! it, and then no original meets it, no value of the client's choosing is masked
//! as a protected column's would be, and no row is read as another's columns.
//! Method: a DBA's function that the policy trusts makes and closes what it is
//! told to, between two messages of the client. Each attack works against
//! PostgreSQL itself: the server does as the function says.

use std::time::{Duration, Instant};

use crate::handles::{code, rows, with_sync};
use crate::harness::{Bauta, Frame, Raw, Server, message as m};

const POLICY: &str = r#"
    defaults.trusted_functions = ["public.run"]
    [[protect]]
    column = "public.customers.ssn"
    method = "token"
"#;

/// Runs SQL that is handed to it: prepares, declares, closes.
const RUN: &str =
    "CREATE FUNCTION public.run(sql text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE sql; END'";

/// The ssn of the first customer.
const SSN: &str = "007919-0031";

fn shop() -> (Server, Bauta) {
    let server = Server::start();
    server.sql("shop", RUN);
    server.sql(
        "shop",
        "CREATE FUNCTION public.opened(name refcursor, value text) RETURNS void LANGUAGE plpgsql \
        AS 'BEGIN OPEN name FOR SELECT value AS ssn; END'",
    );
    let bauta =
        Bauta::start(&server, &POLICY.replace("[\"public.run\"]", "[\"public.run\", \"public.opened\"]"));
    (server, bauta)
}

fn run(sql: &str) -> String {
    format!("SELECT public.run('{}')", sql.replace('\'', "''"))
}

/// The token of the first customer's ssn.
fn token(ana: &mut Raw) -> String {
    rows(&ana.query("SELECT ssn FROM customers WHERE id = 1")).remove(0)
}

fn succeeded(frames: &[Frame]) {
    assert_eq!(code(frames), None, "{frames:?}");
}

#[test]
fn no_original_is_bound_to_another_statement() {
    let (_server, bauta) = shop();
    let mut ana = Raw::connect(bauta.port, "ana");
    let token = token(&mut ana);
    let parse = m::parse("p", "SELECT name FROM customers WHERE ssn = $1", &[]);
    succeeded(&ana.exchange(&with_sync(&[parse])));
    let find = with_sync(&[m::bind("", "p", &[Some(&token)], &[]), m::execute("", 0)]);
    let found = ana.exchange(&find);
    assert_eq!(rows(&found), ["Bengt Berg"], "{found:?}");
    succeeded(&ana.query(&run("DEALLOCATE p; PREPARE p(text) AS SELECT $1 AS name")));
    let found = ana.exchange(&find);
    assert_eq!(rows(&found), ["Bengt Berg"], "{found:?}");
    // A statement under the name that bauta uses is no other's either.
    succeeded(&ana.query(&run("PREPARE \"bauta: bound\"(text) AS SELECT $1 AS name")));
    assert_eq!(rows(&ana.exchange(&find)), ["Bengt Berg"]);
}

#[test]
fn a_value_of_the_clients_is_not_masked_as_a_columns() {
    let (_server, bauta) = shop();
    let mut ana = Raw::connect(bauta.port, "ana");
    let token = token(&mut ana);
    let guess = format!("SELECT '{SSN}'::text AS ssn");
    let shown = |frames: Vec<Frame>| rows(&frames);

    succeeded(&ana.query("PREPARE p AS SELECT ssn FROM customers WHERE id = 1"));
    assert_eq!(shown(ana.query("EXECUTE p")), [token.as_str()]);
    succeeded(&ana.query(&run(&format!("DEALLOCATE p; PREPARE p AS {guess}"))));
    assert_eq!(shown(ana.query("EXECUTE p")), ["***"]);

    // A table of the client's has an origin, but not that of the column.
    succeeded(&ana.query(&format!("CREATE TEMP TABLE guesses AS {guess}")));
    succeeded(&ana.query(&run("DEALLOCATE p; PREPARE p AS SELECT ssn FROM pg_temp.guesses")));
    assert_eq!(shown(ana.query("EXECUTE p")), ["***"]);

    let parse = m::parse("s", "SELECT ssn FROM customers WHERE id = 1", &[]);
    let execute = with_sync(&[m::bind("", "s", &[], &[]), m::execute("", 0)]);
    succeeded(&ana.exchange(&with_sync(&[parse])));
    succeeded(&ana.query(&run(&format!("DEALLOCATE s; PREPARE s AS {guess}"))));
    assert_eq!(shown(ana.exchange(&execute)), [token.as_str()], "it is parsed anew");

    succeeded(&ana.query("BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM customers ORDER BY id"));
    assert_eq!(shown(ana.query("FETCH c")), [token.as_str()]);
    succeeded(&ana.query(&run(&format!("CLOSE c; DECLARE c CURSOR FOR {guess}"))));
    assert_eq!(shown(ana.query("FETCH c")), ["***"]);
    succeeded(&ana.query("ROLLBACK"));

    // A portal that was described is described again.
    succeeded(&ana.query("BEGIN"));
    let bind = [m::parse("", "SELECT ssn FROM customers WHERE id = 1", &[]), m::bind("x", "", &[], &[])];
    succeeded(&ana.exchange(&with_sync(&bind)));
    succeeded(&ana.query(&run(&format!("CLOSE x; DECLARE x CURSOR FOR {guess}"))));
    assert_eq!(shown(ana.exchange(&with_sync(&[m::execute("x", 0)]))), ["***"]);
    succeeded(&ana.query("ROLLBACK"));

    // And again, when it has given a row: it is no more certain than before.
    succeeded(&ana.query("BEGIN"));
    succeeded(&ana.exchange(&with_sync(&bind)));
    let guesses = format!("{guess} UNION ALL SELECT '{SSN}'");
    succeeded(&ana.query(&run(&format!("CLOSE x; DECLARE x CURSOR FOR {guesses}"))));
    for _ in 0..2 {
        assert_eq!(shown(ana.exchange(&with_sync(&[m::execute("x", 1)]))), ["***"]);
    }
    succeeded(&ana.query("ROLLBACK"));
}

#[test]
fn a_rollback_takes_names_away() {
    let (_server, bauta) = shop();
    let mut ana = Raw::connect(bauta.port, "ana");
    let open = format!("SELECT public.opened('c', '{SSN}')");
    let declare = "DECLARE c CURSOR FOR SELECT ssn FROM customers ORDER BY id";
    let hold = declare.replace("CURSOR", "CURSOR WITH HOLD");
    for ways in [
        &["BEGIN; SAVEPOINT s", declare, "ROLLBACK TO s", &open][..],
        &["BEGIN", "SAVEPOINT s", &hold, "ROLLBACK TO s", "COMMIT", "BEGIN", &open],
        &["BEGIN", &hold, "ROLLBACK AND CHAIN", &open],
        &["BEGIN", "SAVEPOINT s", declare, "SAVEPOINT t", "ROLLBACK TO SAVEPOINT s", &open],
        &["BEGIN", "SAVEPOINT s", declare, "SAVEPOINT s", "SELECT 1; RELEASE s", "ROLLBACK TO s", &open],
        &["BEGIN", declare, "ROLLBACK; BEGIN", &open],
        &["BEGIN", declare, "ROLLBACK AND CHAIN", &open],
        &["BEGIN", declare, "COMMIT AND CHAIN", &open],
    ] {
        for sql in ways {
            succeeded(&ana.query(sql));
        }
        let fetched = ana.query("FETCH c");
        assert_eq!(code(&fetched).as_deref(), Some("34000"), "{ways:?}: {fetched:?}");
        succeeded(&ana.query("ROLLBACK"));
    }
    // In one text.
    for text in [
        format!("SAVEPOINT s; {declare}; ROLLBACK TO s; {open}; FETCH c"),
        format!("{declare}; ROLLBACK; BEGIN; {open}; FETCH c"),
        format!("{declare}; COMMIT; BEGIN; {open}; FETCH c"),
    ] {
        succeeded(&ana.query("BEGIN"));
        let fetched = ana.query(&text);
        assert_eq!(code(&fetched).as_deref(), Some("34000"), "{text}: {fetched:?}");
        ana.query("ROLLBACK");
    }
}

#[test]
fn a_cursor_that_was_there_before_a_savepoint_outlives_it() {
    let (_server, bauta) = shop();
    let mut ana = Raw::connect(bauta.port, "ana");
    let token = token(&mut ana);
    let declare = "DECLARE c CURSOR FOR SELECT ssn FROM customers ORDER BY id";
    let hold = declare.replace("CURSOR", "CURSOR WITH HOLD");
    for ways in [
        &["BEGIN", declare, "SAVEPOINT s", "SELECT 1", "ROLLBACK TO s"][..],
        &["BEGIN", "SAVEPOINT a", declare, "SAVEPOINT b", "ROLLBACK TO SAVEPOINT \"b\"", "RELEASE b"],
        &["BEGIN", "SAVEPOINT a", "RELEASE SAVEPOINT a", declare, "SAVEPOINT a", "rollback to A"],
        &["BEGIN", &hold, "COMMIT", "BEGIN", "SAVEPOINT s", "ROLLBACK TO s"],
    ] {
        for sql in ways {
            succeeded(&ana.query(sql));
        }
        assert_eq!(rows(&ana.query("FETCH c")), [token.as_str()], "{ways:?}");
        succeeded(&ana.query("ROLLBACK"));
    }
    // After an error too.
    for sql in ["CLOSE c", "BEGIN", declare, "SAVEPOINT s"] {
        succeeded(&ana.query(sql));
    }
    assert_eq!(code(&ana.query("SELECT 1/0")).as_deref(), Some("22012"));
    succeeded(&ana.query("ROLLBACK TO s"));
    assert_eq!(rows(&ana.query("FETCH c")), [token.as_str()]);
}

#[test]
fn no_row_is_read_as_another_statements() {
    let (_server, bauta) = shop();
    let mut ana = Raw::connect(bauta.port, "ana");
    let swap = run("DEALLOCATE p; PREPARE p AS SELECT 100::int8 AS t");
    let bind = with_sync(&[m::parse("e", "EXECUTE p", &[]), m::bind("x", "e", &[], &[1])]);
    let begin = |ana: &mut Raw| {
        for sql in ["DEALLOCATE ALL", "PREPARE p AS SELECT 'abc'::text AS t", "BEGIN"] {
            succeeded(&ana.query(sql));
        }
        succeeded(&ana.exchange(&bind));
    };
    begin(&mut ana);
    succeeded(&ana.query(&swap));
    let shown = ana.exchange(&with_sync(&[m::execute("x", 0)]));
    assert_eq!((rows(&shown).len(), code(&shown).as_deref()), (0, Some("0A000")), "{shown:?}");
    succeeded(&ana.query("ROLLBACK"));
    // By a statement that is planned, or fetched from by SQL.
    begin(&mut ana);
    let fetched = ana.query(&format!("{swap}; FETCH ALL FROM x"));
    assert_eq!((rows(&fetched).len(), code(&fetched).as_deref()), (0, Some("0A000")), "{fetched:?}");
    succeeded(&ana.query("ROLLBACK"));
    // With nothing between, it runs as ever; and goes on, once it has begun.
    begin(&mut ana);
    assert_eq!(rows(&ana.exchange(&with_sync(&[m::execute("x", 0)]))), ["abc"]);
    succeeded(&ana.query("COMMIT; DEALLOCATE p; PREPARE p AS SELECT n FROM generate_series(1, 3) n; BEGIN"));
    let first = [m::bind("y", "e", &[], &[]), m::execute("y", 1)];
    let rest = with_sync(&[m::execute("y", 0)]);
    assert_eq!(rows(&ana.exchange(&with_sync(&first))), ["1"]);
    succeeded(&ana.query("SELECT 1"));
    assert_eq!(rows(&ana.exchange(&rest)), ["2", "3"]);
}

#[test]
fn portals_that_take_turns_show_their_own_rows() {
    let (_server, bauta) = shop();
    let mut ana = Raw::connect(bauta.port, "ana");
    let token = token(&mut ana);
    let sql = "SELECT ssn FROM customers ORDER BY id";
    succeeded(&ana.query("BEGIN"));
    let bound = [m::parse("s", sql, &[]), m::bind("a", "s", &[], &[]), m::bind("b", "s", &[], &[])];
    succeeded(&ana.exchange(&with_sync(&bound)));
    let turns = [m::execute("a", 1), m::execute("b", 1), m::execute("a", 1), m::execute("b", 1)];
    let shown = rows(&ana.exchange(&with_sync(&turns)));
    assert_eq!(shown.len(), 4, "{shown:?}");
    assert_eq!([shown[0].as_str(), shown[1].as_str()], [token.as_str(); 2]);
    assert_eq!(shown[2], shown[3]);
    assert!(shown.iter().all(|value| value.starts_with("tok_")), "{shown:?}");
}

#[test]
fn the_server_does_not_say_what_a_token_stands_for() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE FUNCTION public.heard() RETURNS text STABLE LANGUAGE plpgsql AS \
         'DECLARE context text; BEGIN GET DIAGNOSTICS context = PG_CONTEXT; RETURN context; END'; \
         ALTER ROLE ana SET log_parameter_max_length_on_error = -1",
    );
    let direct = Raw::connect(server.port(), "ana").exchange(&with_sync(&[
        m::parse("", "SELECT public.heard() FROM customers WHERE ssn = $1", &[]),
        m::bind("", "", &[Some(SSN)], &[]),
        m::execute("", 0),
    ]));
    assert!(rows(&direct).concat().contains(SSN), "{direct:?}");
    let bauta = Bauta::start(&server, &POLICY.replace("public.run", "public.heard"));
    let mut ana = Raw::connect(bauta.port, "ana");
    let token = token(&mut ana);
    let sql = "SELECT public.heard() FROM customers WHERE ssn";
    let kept = with_sync(&[m::parse("s", &format!("{sql} = $1"), &[])]);
    succeeded(&ana.exchange(&kept));
    let bound = |statement| with_sync(&[m::bind("", statement, &[Some(&token)], &[]), m::execute("", 0)]);
    let unnamed = [m::parse("", &format!("{sql} = $1"), &[]), bound("")].concat();
    for message in [m::query(&format!("{sql} = '{token}'")), unnamed, bound("s")] {
        let heard = rows(&ana.exchange(&message));
        assert!(heard.len() == 1 && !heard[0].contains(SSN), "{heard:?}");
    }
    // What it was is as it was, and nothing of bauta's is left behind.
    let left = ana.query(
        "SELECT current_setting('log_parameter_max_length_on_error') \
         UNION ALL SELECT name FROM pg_prepared_statements UNION ALL SELECT name FROM pg_cursors",
    );
    assert_eq!(rows(&left), ["-1", "s"], "{left:?}");
}

const CLEAN: &str = "CREATE TABLE notes (id int, note text); INSERT INTO notes VALUES (1, 'x'), (2, 'y'); \
    CREATE VIEW clean AS SELECT id, note FROM notes; GRANT ALL ON notes, clean TO ana; \
    CREATE SCHEMA own AUTHORIZATION ana; SET ROLE ana; CREATE TABLE own.mine (t text); \
    CREATE FUNCTION own.sleeps() RETURNS void LANGUAGE plpgsql AS 'BEGIN \
      BEGIN PERFORM pg_sleep(9); EXCEPTION WHEN query_canceled THEN NULL; END; \
      INSERT INTO own.mine SELECT note FROM public.clean; END'; \
    CREATE PROCEDURE own.goes_on() LANGUAGE plpgsql AS 'BEGIN FOR i IN 1..40 LOOP \
      INSERT INTO own.mine SELECT i || note FROM public.clean LIMIT 1; COMMIT; PERFORM pg_sleep(0.25); END LOOP; END'";

/// Sends the message, has the DBA do something while it runs, and reads the answer.
fn meanwhile(server: &Server, ana: &mut Raw, message: &str, change: &str) -> Vec<Frame> {
    ana.send(&m::query(message));
    std::thread::sleep(Duration::from_millis(500));
    server.sql("shop", change);
    ana.until_ready()
}

#[test]
fn what_writes_later_than_it_was_judged_is_stopped_before_it_does() {
    let server = Server::start();
    server.sql("shop", CLEAN);
    server.sql("shop", "GRANT pg_signal_backend TO bauta");
    let change = "CREATE OR REPLACE VIEW clean AS SELECT id, left(ssn, 99) AS note FROM customers";
    let back = "TRUNCATE own.mine; CREATE OR REPLACE VIEW clean AS SELECT id, note FROM notes";
    let told = "SELECT count(*) FROM own.mine WHERE t LIKE '%-%'";
    let copy = "INSERT INTO own.mine SELECT note FROM clean";
    let ways = [
        ("a Query", format!("SELECT pg_sleep(9); {copy}")),
        ("a transaction", format!("BEGIN; SELECT pg_sleep(9); {copy}; COMMIT")),
        (
            "a statement that was read",
            format!("SELECT count(ssn) FROM customers; SELECT pg_sleep(9); {copy}"),
        ),
        ("a table", "SELECT pg_sleep(9); CREATE TABLE own.more AS SELECT note FROM clean".to_owned()),
        ("a handler", "SELECT own.sleeps()".to_owned()),
    ];
    for (name, sql) in ways {
        let short = sql.replace("pg_sleep(9)", "pg_sleep(1)");
        if name == "a Query" {
            let mut direct = Raw::connect(server.port(), "ana");
            succeeded(&meanwhile(&server, &mut direct, &short, change));
            assert_ne!(server.sql("shop", told).trim(), "0", "{name} writes nothing to begin with");
            server.sql("shop", back);
        }
        let bauta = Bauta::start(&server, POLICY);
        let began = Instant::now();
        let frames = meanwhile(&server, &mut Raw::connect(bauta.port, "ana"), &sql, change);
        assert_eq!(code(&frames).as_deref(), Some("0A000"), "{name}: {frames:?}");
        assert!(began.elapsed() < Duration::from_secs(8), "{name} is told late");
        let gone = || server.sql("shop", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'ana'");
        while gone().trim() != "0" {
            assert!(began.elapsed() < Duration::from_secs(8), "{name} goes on");
        }
        assert_eq!(server.sql("shop", told).trim(), "0", "{name}");
        assert_eq!(server.sql("shop", "SELECT to_regclass('own.more') IS NULL").trim(), "t", "{name}");
        server.sql("shop", back);
    }
}

#[test]
fn a_procedure_that_commits_on_its_way_is_stopped() {
    let server = Server::start();
    server.sql("shop", CLEAN);
    let bauta = Bauta::start(&server, POLICY);
    let change = "CREATE OR REPLACE VIEW clean AS SELECT id, left(ssn, 99) AS note FROM customers";
    let frames = meanwhile(&server, &mut Raw::connect(bauta.port, "ana"), "CALL own.goes_on()", change);
    assert_eq!(code(&frames).as_deref(), Some("0A000"), "{frames:?}");
    let written = server.sql("shop", "SELECT count(*) FROM own.mine");
    assert!(written.trim().parse::<u32>().unwrap() < 20, "it went on: {written}");
}

#[test]
fn ddl_beside_what_runs_does_not_stop_it() {
    let server = Server::start();
    server.sql("shop", CLEAN);
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    for (at, sql) in [
        "SELECT pg_sleep(2.5); INSERT INTO own.mine SELECT note FROM clean",
        "SELECT count(ssn), pg_sleep(2.5) FROM customers WHERE id < 2",
        "BEGIN; CREATE TABLE own.more AS SELECT note, pg_sleep(2.5)::text AS t FROM clean WHERE id = 1; COMMIT",
    ]
    .into_iter()
    .enumerate()
    {
        let change =
            format!("CREATE VIEW beside{at} AS SELECT ssn FROM customers; ALTER TABLE orders ADD c{at} int");
        succeeded(&meanwhile(&server, &mut ana, sql, &change));
    }
}

#[test]
fn names_take_only_so_much_room() {
    let server = Server::start();
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = Raw::connect(bauta.port, "ana");
    let long = |sql: &str| format!("{sql} /* {} */", "x".repeat(900_000));
    let mut named = 0;
    let refused = loop {
        let parsed = ana.exchange(&with_sync(&[m::parse(&format!("s{named}"), &long("SELECT 1"), &[])]));
        match parsed.iter().find(|frame| frame.tag == b'E') {
            Some(error) => break error.clone(),
            None => named += 1,
        }
        assert!(named < 100, "there is no end");
    };
    assert!(named > 30, "{named}");
    assert_eq!(refused.field(b'C').as_deref(), Some("54000"));
    assert!(refused.field(b'H').is_some_and(|hint| hint.contains("DEALLOCATE")), "{refused:?}");
    // So are cursors, but what has no name is not.
    let declare = ana.query(&long("BEGIN; DECLARE c CURSOR FOR SELECT 1"));
    assert_eq!(code(&declare).as_deref(), Some("54000"));
    ana.query("ROLLBACK");
    let unnamed =
        || [m::parse("", &long("SELECT 7"), &[]), m::bind("", "", &[], &[]), m::execute("", 0)].concat();
    let many = with_sync(&(0..20).map(|_| unnamed()).collect::<Vec<_>>());
    assert_eq!(rows(&ana.exchange(&many)), vec!["7"; 20]);
    succeeded(&ana.query("DEALLOCATE ALL"));
    succeeded(&ana.exchange(&with_sync(&[m::parse("s", &long("SELECT 1"), &[])])));
}

#[test]
fn what_runs_by_a_name_shows_the_same_masks() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE VIEW told AS SELECT id, ssn, name FROM customers; \
         CREATE VIEW united AS SELECT id, ssn FROM customers UNION SELECT id, ssn FROM customers; \
         CREATE MATERIALIZED VIEW kept AS SELECT id, ssn FROM customers; \
         CREATE TABLE parted (id int, ssn text) PARTITION BY RANGE (id); \
         CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (99); \
         INSERT INTO parted SELECT id, ssn FROM customers; \
         GRANT SELECT ON told, united, kept, parted, part TO ana",
    );
    let policy = POLICY.replace("defaults.trusted_functions = [\"public.run\"]", "");
    let policy = policy.replace("\"public.customers.ssn\"", "\"*.*.ssn\"") + "domain = \"ssn\"";
    let bauta = Bauta::start(&server, &policy);
    let mut ana = Raw::connect(bauta.port, "ana");
    let from = ["customers", "told", "united", "kept", "parted", "part"]
        .map(|of| format!("SELECT ssn FROM {of} ORDER BY id"));
    let shapes = [
        "SELECT c.ssn FROM customers c LEFT JOIN orders o ON o.customer_id = c.id ORDER BY c.id, o.id",
        "SELECT ssn FROM orders o RIGHT JOIN customers c ON o.customer_id = c.id ORDER BY c.id, o.id",
        "SELECT ssn FROM customers JOIN told USING (ssn) ORDER BY customers.id",
        "SELECT ssn FROM customers FULL JOIN told USING (ssn) ORDER BY customers.id",
        "SELECT ssn FROM customers NATURAL JOIN told ORDER BY id",
        "SELECT * FROM (SELECT ssn, id FROM customers) x ORDER BY id",
        "SELECT ssn FROM (SELECT ssn, 1 AS n FROM customers UNION ALL SELECT ssn, 2 FROM told) x ORDER BY n",
        "SELECT ssn FROM customers UNION ALL SELECT ssn FROM told",
        "SELECT ssn FROM customers INTERSECT SELECT ssn FROM told",
        "WITH x AS (SELECT id, ssn FROM customers) SELECT ssn FROM x ORDER BY id",
        "WITH RECURSIVE x AS (SELECT id, ssn FROM customers WHERE id = 1 UNION ALL \
           SELECT c.id, c.ssn FROM customers c JOIN x ON c.id = x.id + 1 WHERE c.id < 9) SELECT ssn FROM x ORDER BY id",
        "SELECT ssn FROM customers GROUP BY ssn",
        "SELECT ssn, count(*) FROM customers GROUP BY GROUPING SETS ((ssn), ())",
        "SELECT DISTINCT ssn FROM customers",
        "SELECT DISTINCT ON (ssn) ssn FROM customers",
        "SELECT ssn AS other FROM customers c (a, b, d, ssn) ORDER BY a",
        "SELECT x.ssn FROM orders o, LATERAL (SELECT ssn FROM customers WHERE id = o.customer_id) x ORDER BY o.id",
        "SELECT (SELECT ssn FROM customers WHERE id = o.customer_id) FROM orders o ORDER BY id",
        "SELECT ssn::text FROM customers ORDER BY id",
        "SELECT ssn::varchar AS ssn FROM customers ORDER BY id",
        "SELECT ssn FROM customers ORDER BY id LIMIT 3 OFFSET 2",
        "SELECT ssn FROM customers WHERE id < 9 FOR UPDATE",
        "SELECT first_value(ssn) OVER (ORDER BY id) FROM customers",
        "SELECT (c).ssn FROM customers c ORDER BY id",
        "SELECT ssn FROM ONLY customers TABLESAMPLE SYSTEM (100) ORDER BY id",
        "SELECT ssn FROM customers c, generate_series(1, 2) ORDER BY c.id",
        "SELECT coalesce(ssn) FROM customers ORDER BY id",
        "SELECT CASE WHEN id > 3 THEN ssn END FROM customers ORDER BY id",
    ];
    let sorted = |frames: Vec<Frame>| {
        let mut rows = rows(&frames);
        rows.sort();
        (code(&frames), rows)
    };
    let mut shown = 0;
    for sql in from.iter().map(String::as_str).chain(shapes) {
        let plain = sorted(ana.query(sql));
        succeeded(&ana.query("DEALLOCATE ALL"));
        // Some may not be asked at all.
        if plain.0.is_some() {
            continue;
        }
        shown += 1;
        let bound = with_sync(&[m::bind("", "s", &[], &[]), m::execute("", 0)]);
        succeeded(&ana.exchange(&with_sync(&[m::parse("s", sql, &[])])));
        succeeded(&ana.query(&format!("PREPARE p AS {sql}")));
        succeeded(&ana.query(&format!("BEGIN; DECLARE c CURSOR FOR {sql}")));
        for (way, frames) in [
            ("EXECUTE", ana.query("EXECUTE p")),
            ("EXECUTE again", ana.query("EXECUTE p")),
            ("FETCH", ana.query("FETCH ALL FROM c")),
            ("Bind", ana.exchange(&bound)),
            ("Bind again", ana.exchange(&bound)),
        ] {
            assert_eq!(sorted(frames), plain, "{way} of {sql}");
        }
        succeeded(&ana.query("COMMIT"));
    }
    assert!(shown > 25, "{shown}");
}
