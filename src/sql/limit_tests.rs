//! Large and deep statements are analysed, or meet a limit with a clear
//! error; none ends the process or keeps a thread for minutes. Each shape is
//! as deep or as long as a client can make it, and is read on a stack like
//! that of the analysis threads.

use crate::fuzzing::catalog;
use crate::sql::analyser::analyse;
use crate::sql::analysis::{Analysis, Flow};
use crate::sql::parse::with_room;

/// `limits.depth` by default, and at most.
const DEFAULT: usize = 100;
const MOST: usize = 1_000;

fn analysed(sql: &str, depth: usize) -> Analysis {
    with_room(|| analyse(&catalog::guard(), sql.as_bytes(), depth)).unwrap()
}

/// The SQLSTATE of the first refusal; empty: analysed.
fn code(sql: &str, depth: usize) -> String {
    let refusal = analysed(sql, depth).statements.into_iter().find_map(|statement| statement.refusal);
    refusal.map(|error| error.code.into_owned()).unwrap_or_default()
}

fn list(item: &str, count: usize) -> String {
    vec![item; count].join(",")
}

fn around(open: &str, close: &str, count: usize) -> String {
    format!("SELECT {}1{} FROM customers", open.repeat(count), close.repeat(count))
}

fn chain(first: &str, more: &str, count: usize) -> String {
    format!("SELECT {first}{} FROM customers", more.repeat(count))
}

fn arms(operation: &str, count: usize) -> String {
    let arm = "SELECT email FROM customers";
    format!("{arm}{}", format!(" {operation} {arm}").repeat(count))
}

#[test]
fn a_chain_of_operators_is_analysed_with_every_use_in_it() {
    let sql = chain("email", " || ssn", 1_500);
    let analysis = analysed(&sql, DEFAULT);
    let statement = &analysis.statements[0];
    assert!(statement.refusal.is_none(), "{:?}", statement.refusal);
    assert_eq!(statement.uses.len(), 1_501);
    let long = analysed(&chain("id", " || email", 4_900), MOST);
    assert_eq!(long.statements[0].uses.len(), 4_900);
}

#[test]
fn a_union_of_a_thousand_arms_is_analysed() {
    let analysis = analysed(&arms("UNION ALL", 1_000), DEFAULT);
    let [statement] = analysis.statements.as_slice() else { panic!("one statement") };
    assert!(statement.refusal.is_none(), "{:?}", statement.refusal);
    let outputs = statement.outputs.as_deref().unwrap();
    assert!(matches!(&outputs[0].flow, Flow::Plain { columns, .. } if columns.len() == 1));
}

#[test]
fn what_nests_too_deeply_is_a_clear_error_at_any_depth() {
    for depth in [DEFAULT, MOST] {
        for sql in [
            chain("email", " || 'x'", 5_000),
            chain("email", " || 'x'", 100_000),
            chain("email", "::text", 20_000),
            arms("UNION", 10_000),
            format!("SELECT 1 FROM customers{}", " CROSS JOIN orders".repeat(10_000)),
            around("(", ")", 1_001),
            around("(SELECT ", ")", 1_001),
            around("ARRAY[", "]", 5_000),
            format!("SELECT {}vip FROM customers", "NOT ".repeat(9_000)),
            format!("SELECT {}id FROM customers", "- ".repeat(9_000)),
            format!("SELECT 1 FROM {} customers{}", "(SELECT * FROM ".repeat(1_001), ") x".repeat(1_001)),
            format!("EXPLAIN {}", chain("email", " || 'x'", 20_000)),
            format!("COPY ({}) TO STDOUT", chain("email", " || 'x'", 20_000)),
            format!("CREATE VIEW v AS {}", chain("email", " || 'x'", 20_000)),
        ] {
            assert_eq!(code(&sql, depth), "54001", "{depth} {}", &sql[..40]);
        }
    }
    // PostgreSQL's own limit on its parser, in its words.
    let nested = around("CASE WHEN true THEN ", " END", 20_000);
    assert_eq!(code(&nested, MOST), "42601");
}

#[test]
fn nesting_within_the_limit_is_analysed() {
    for (sql, depth) in [
        (around("(", ")", 100), DEFAULT),
        (around("(", ")", 1_000), MOST),
        (around("(SELECT ", ")", 99), DEFAULT),
        (around("(SELECT ", ")", 999), MOST),
        (around("CASE WHEN id = 1 THEN 0 ELSE ", " END", 400), DEFAULT),
        (around("coalesce(id, ", ")", 99), DEFAULT),
        (format!("SELECT 1 FROM customers{}", " JOIN orders ON true".repeat(300)), DEFAULT),
        (format!("SELECT 1 FROM customers{}", " FULL JOIN staff ON true".repeat(300)), DEFAULT),
    ] {
        assert_eq!(code(&sql, depth), "", "{}", &sql[..40]);
    }
}

#[test]
fn long_statements_are_analysed() {
    let literals = "customers ".repeat(100_000);
    for sql in [
        format!("SELECT 1 FROM customers WHERE id IN ({})", list("1", 100_000)),
        format!("SELECT 1 FROM customers WHERE email IN ({})", list("'a'", 100_000)),
        format!("SELECT 1 FROM customers WHERE ssn IN ({})", list("'tok_a'", 100_000)),
        format!("INSERT INTO customers (id, city) VALUES {}", list("(1,'a')", 10_000)),
        format!("SELECT 1 FROM customers WHERE {}true", "id = 1 OR ".repeat(20_000)),
        format!("SELECT '{literals}', email FROM customers"),
        format!("SELECT email /* {literals} */ FROM customers"),
        format!("SELECT {} FROM customers", list("customers.email", 10_000)),
        "SELECT email FROM customers;".repeat(5_000),
    ] {
        assert_eq!(code(&sql, DEFAULT), "", "{}", &sql[..40]);
    }
}

#[test]
fn what_grows_out_of_a_short_text_is_a_clear_error() {
    let doubled = (1..40).map(|n| format!("c{n} AS (SELECT a.* FROM c{0} a, c{0} b)", n - 1));
    for (sql, expected) in [
        (format!("SELECT {} FROM customers", list("*", 100_000)), "54011"),
        (format!("SELECT 1 FROM customers{}", " CROSS JOIN customers".repeat(1_500)), "54001"),
        (format!("SELECT id FROM customers WHERE id IN ({})", list("1", 300_000)), "54000"),
        (
            format!(
                "WITH c0 AS (SELECT * FROM customers), {} SELECT * FROM c39",
                doubled.collect::<Vec<_>>().join(",")
            ),
            "",
        ),
    ] {
        assert_eq!(code(&sql, DEFAULT), expected, "{}", &sql[..40]);
    }
}
