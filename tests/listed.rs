//! Tokens in VALUES lists that are compared with a protected column: upstream
//! the originals stand in the list, so its column is as protected as the other.
//!
//! Method: what a direct session finds by the originals must come, with tokens
//! in the list; whatever else could come out of the list is masked, NULL or
//! refused, and holds no original.

use super::harness::{Frame, message as m};
use super::tokens::{Shop, column, error, extended, first, rows, token};

fn text(frames: &[Frame]) -> String {
    frames.iter().map(|frame| String::from_utf8_lossy(&frame.body).into_owned()).collect()
}

#[test]
fn a_list_of_tokens_finds_its_rows() {
    let (shop, mut raw) = Shop::open();
    let (one, two) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "ssn", "customers", 2));
    let list = format!("(VALUES ('{one}'), ('{two}'))");
    for (sql, ids) in [
        (format!("SELECT id FROM customers c JOIN {list} v (t) ON c.ssn = v.t ORDER BY id"), "1 2"),
        (format!("SELECT id FROM {list} AS v (ssn) JOIN customers USING (ssn) ORDER BY id"), "1 2"),
        (format!("SELECT c.id FROM customers c, {list} v WHERE v.column1 = c.ssn ORDER BY 1"), "1 2"),
        (format!("SELECT id FROM customers WHERE ssn IN {list} ORDER BY id"), "1 2"),
        (format!("SELECT id FROM customers WHERE ssn = (VALUES ('{one}'))"), "1"),
        (format!("SELECT id FROM customers WHERE ssn = ANY {list} ORDER BY id"), "1 2"),
        (
            format!(
                "WITH v (t) AS {list}, w AS (SELECT t FROM v) SELECT id FROM customers, w WHERE ssn = t ORDER BY id"
            ),
            "1 2",
        ),
        (
            format!(
                "SELECT v.n FROM (VALUES ('{one}', 'a'), ('{two}', 'b')) v (t, n) JOIN customers c ON c.ssn = v.t AND v.n > 'a'"
            ),
            "b",
        ),
        (
            format!(
                "SELECT id FROM customers c WHERE EXISTS (SELECT FROM {list} v (t) WHERE v.t = c.ssn) ORDER BY id"
            ),
            "1 2",
        ),
        (
            format!(
                "UPDATE customers c SET name = v.n FROM (VALUES ('{two}', 'Zoe')) v (t, n) WHERE c.ssn = v.t RETURNING c.id"
            ),
            "2",
        ),
        (format!("SELECT v.t FROM customers c JOIN {list} v (t) ON c.ssn = v.t WHERE c.id = 1"), &*one),
        (format!("SELECT count(v.t) FROM customers c JOIN {list} v (t) ON c.ssn = v.t"), "2"),
    ] {
        for frames in [raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))] {
            assert_eq!(error(&frames), None, "{sql}: {}", text(&frames));
            assert_eq!(column(&frames).join(" "), ids, "{sql}");
        }
    }
    let bound = "SELECT id FROM customers c JOIN (VALUES ($1), ($2)) v (t) ON c.ssn = v.t ORDER BY id";
    assert_eq!(column(&raw.exchange(&extended(bound, &[], &[Some(&one), Some(&two)]))), ["1", "2"]);
    assert_eq!(shop.server.sql("shop", "SELECT name FROM customers WHERE id = 2").trim(), "Zoe");
    let number = token(&mut raw, "c_int8", "vault", 1);
    let sql = format!("SELECT id, v.t FROM vault JOIN (VALUES ({number}), (5)) v (t) ON c_int8 = v.t");
    assert_eq!(rows(&raw.query(&sql)), [[Some("1".to_owned()), Some(number)]]);
    // Never in the statement's text.
    let seen = format!("SELECT current_query() FROM customers c JOIN {list} v (t) ON c.ssn = v.t LIMIT 1");
    let original = shop.server.sql("shop", "SELECT ssn FROM customers WHERE id = 1").trim().to_owned();
    assert!(!text(&raw.query(&seen)).contains(&original));
}

#[test]
fn what_is_no_token_is_refused_and_no_original_leaves_the_list() {
    let (shop, mut raw) = Shop::open();
    let (one, two) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "ssn", "customers", 2));
    let phone = token(&mut raw, "phone", "customers", 1);
    let originals = shop.server.sql("shop", "SELECT ssn FROM customers WHERE id < 3 ORDER BY id");
    let originals: Vec<&str> = originals.lines().map(str::trim).collect();
    let mut forged = one.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let join = |list: &str, what: &str| {
        format!("SELECT {what} FROM customers c JOIN (VALUES {list}) v (t) ON c.ssn = v.t")
    };
    let list = format!("('{one}'), ('{two}')");
    for sql in [
        join(&format!("('{}')", originals[0]), "1"),
        join(&format!("('{one}'), ('{}')", originals[0]), "1"),
        join(&format!("('{one}'), ('{forged}')"), "1"),
        join(&format!("('{one}'), ('{phone}')"), "1"),
        join(&format!("('{one}'), (NULL)"), "1"),
        join(&format!("('{one}'), ('{one}' || '')"), "1"),
        join(&format!("('{one}'), (E'{two}')"), "1"),
        join(&format!("('{one}'), (c.name)"), "1").replace("JOIN (", "JOIN LATERAL ("),
        join(&format!("('{one}' COLLATE \"C\")"), "1"),
        // Compared with something else too: its answer would tell the original.
        format!("{} AND v.t = c.name", join(&list, "1")),
        format!("{} AND v.t LIKE '0%'", join(&list, "1")),
        format!("{} AND v.t < 'x'", join(&list, "1")),
        format!("{} AND v.t = '{}'", join(&list, "1"), originals[0]),
        format!("{} AND v.t = c.phone", join(&list, "1")),
        // One list for two domains, or a list that is not of tokens alone.
        format!("SELECT 1 FROM customers c, (VALUES ('{one}')) v (t) WHERE c.ssn = v.t OR c.phone = v.t"),
        format!("SELECT 1 FROM customers WHERE ssn IN (VALUES ('{one}') UNION ALL SELECT 'x')"),
        format!("SELECT 1 FROM customers WHERE ssn = (SELECT '{one}'::text)"),
        // Elsewhere.
        format!(
            "INSERT INTO orders (status) SELECT v.t FROM customers c JOIN (VALUES ('{one}')) v (t) ON c.ssn = v.t"
        ),
        format!("UPDATE customers c SET name = v.t FROM (VALUES ('{one}')) v (t) WHERE c.ssn = v.t"),
        format!("CREATE TABLE stolen AS {}", join(&list, "v.t")),
        format!("COPY ({}) TO STDOUT", join(&list, "v.t")),
    ] {
        for frames in [raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))] {
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {}", text(&frames));
        }
    }
    for what in [
        "v.t",
        "v",
        "v.*",
        "v.t || 'x'",
        "length(v.t)",
        "md5(v.t)",
        "upper(v.t)",
        "to_json(v)",
        "row_to_json(v)",
        "min(v.t)",
        "string_agg(v.t, ',')",
        "(SELECT v.t)",
        "v.t::varchar(3)",
        "coalesce(v.t, 'x')",
        "CASE WHEN true THEN v.t END",
        "ARRAY[v.t]",
    ] {
        let sql = join(&list, what);
        for frames in [raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))] {
            assert_eq!(error(&frames), None, "{sql}: {}", text(&frames));
            for original in &originals {
                assert!(!text(&frames).contains(original), "{sql}");
            }
        }
    }
    assert_eq!(rows(&raw.query(&join(&list, "length(v.t)"))), [[None], [None]]);
    // A parameter that stands elsewhere too is no token.
    let twice = "SELECT $1::text FROM customers c JOIN (VALUES ($1)) v (t) ON c.ssn = v.t";
    assert_eq!(error(&raw.exchange(&extended(twice, &[], &[Some(&one)]))).as_deref(), Some("42501"));
    // An error of the server's own must not show what the list holds.
    let frames = raw.query(&join(&list, "1 / (c.id - c.id)"));
    assert!(!text(&frames).contains(originals[0]), "{}", text(&frames));
}

/// A value may stand for itself only for who sees every column that it could
/// be compared with.
#[test]
fn a_grant_on_one_column_opens_no_other_of_the_domain() {
    let (shop, mut raw) = Shop::open();
    let one = token(&mut raw, "ssn", "customers", 1);
    let original = shop.server.sql("shop", "SELECT ssn FROM customers WHERE id = 1").trim().to_owned();
    let other = shop.server.sql("shop", "SELECT c_text FROM vault WHERE id = 1").trim().to_owned();
    shop.grant("public.customers.*");
    let list = |value: &str| {
        format!("SELECT c.ssn, v.t FROM customers c JOIN (VALUES ('{value}')) v (t) ON c.ssn = v.t")
    };
    let seen = Some(original.clone());
    for value in [&one, &original] {
        assert_eq!(rows(&raw.query(&list(value))), [[seen.clone(), seen.clone()]]);
    }
    for sql in [
        format!("SELECT 1 FROM vault JOIN (VALUES ('{other}')) v (t) ON c_text = v.t"),
        format!(
            "SELECT 1 FROM customers c JOIN (VALUES ('{other}')) v (t) ON c.ssn <> v.t JOIN vault ON c_text = v.t"
        ),
        format!(
            "SELECT 1 FROM (SELECT t FROM (VALUES ('{other}')) v (t) WHERE t NOT IN (SELECT ssn FROM customers)) x
             JOIN (SELECT c_text FROM vault) y ON y.c_text = x.t"
        ),
    ] {
        for frames in [raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))] {
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {}", text(&frames));
        }
    }
    // A statement that was prepared under the grant takes tokens alone after it.
    let by = "SELECT c.ssn FROM customers c JOIN (VALUES ($1)) v (t) ON c.ssn = v.t";
    let run = |value: &str| [m::bind("", "p", &[Some(value)], &[]), m::execute("", 0), m::sync()].concat();
    raw.exchange(&[m::parse("p", by, &[]), m::sync()].concat());
    assert_eq!(first(&raw.exchange(&run(&original))), original);
    shop.bauta.cli_ok(&["revoke", "1"]);
    assert_eq!(error(&raw.exchange(&run(&original))).as_deref(), Some("42501"));
    assert_eq!(first(&raw.exchange(&run(&one))), one);
}
