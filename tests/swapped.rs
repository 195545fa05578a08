//! Names of prepared statements, cursors and portals that a function gives to
//! something else while bauta is not looking.
//!
//! Goal: what the server runs under a name need not be what bauta saw made under
//! it, and then no original meets it, no value of the client's choosing is masked
//! as a protected column's would be, and no row is read as another's columns.
//! Method: a DBA's function that the policy trusts makes and closes what it is
//! told to, between two messages of the client. Each attack works against
//! PostgreSQL itself: the server does as the function says.

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
