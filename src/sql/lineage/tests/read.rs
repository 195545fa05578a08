//! What a statement does with protected columns: whether one may get into a function,
//! operator, type or cast that nobody knows yet.

use super::facts::Shop;
use crate::sql::lineage::Read;

#[test]
fn what_is_shown_as_it_is_gets_into_no_code() {
    let shop = Shop::new();
    for (sql, read) in [
        ("SELECT count(*) FROM customers", Read::Nothing),
        (
            "SELECT id, upper(country) FROM customers WHERE id = 1 AND country LIKE 'a%' ORDER BY country",
            Read::Nothing,
        ),
        ("SELECT DISTINCT country FROM customers GROUP BY country", Read::Nothing),
        (
            "SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)",
            Read::Nothing,
        ),
        ("UPDATE customers SET country = lower(country) WHERE id = 1 RETURNING id", Read::Nothing),
        ("DELETE FROM employees WHERE id = 1", Read::Nothing),
        ("SELECT id, email FROM customers", Read::Shown),
        (
            "SELECT c.id, c.ssn AS number FROM customers c JOIN orders o ON o.customer_id = c.id LIMIT 3",
            Read::Shown,
        ),
        ("SELECT * FROM customers", Read::Shown),
        ("SELECT c.*, o.total FROM customers c, orders o", Read::Shown),
        ("TABLE customers", Read::Shown),
        ("SELECT id, mail FROM contacts", Read::Shown),
    ] {
        let lineage = shop.lineage(sql).unwrap_or_else(|error| panic!("{sql}: {}", error.message));
        assert_eq!((lineage.read, lineage.uses.is_empty()), (read, true), "{sql}");
    }
}

#[test]
fn what_may_get_into_code_by_its_name_is_used() {
    let shop = Shop::new();
    for sql in [
        "SELECT lower(email) FROM customers",
        "SELECT email::text FROM customers",
        "SELECT email || '' FROM customers",
        "SELECT coalesce(email, country) FROM customers",
        "SELECT id FROM customers WHERE email IS NULL",
        "SELECT count(email) FROM customers",
        "SELECT count(c) FROM customers c",
        "SELECT c FROM customers c",
        "SELECT (c).email FROM customers c",
        "SELECT c.email, row_to_json(c) FROM customers c",
        "SELECT id, email FROM customers ORDER BY email",
        "SELECT DISTINCT ssn FROM customers",
        "SELECT ssn, count(*) FROM customers GROUP BY ssn",
        "SELECT email FROM customers UNION ALL SELECT email FROM customers",
        "SELECT id FROM (SELECT id, email FROM customers UNION ALL SELECT 1, body FROM notes) x",
        "WITH x AS (SELECT email FROM customers) SELECT count(*) FROM x",
        "SELECT EXISTS (SELECT * FROM customers)",
        "SELECT (SELECT email FROM customers LIMIT 1)",
        "SELECT ARRAY(SELECT email FROM customers)",
        "VALUES ((SELECT email FROM customers LIMIT 1))",
        "SELECT 1 FROM customers a JOIN employees b USING (ssn)",
        "SELECT low FROM contacts",
        "UPDATE customers SET country = 'x' RETURNING email",
        "INSERT INTO customers (id) VALUES (1) RETURNING *",
        "SELECT payload -> 'kind' FROM events",
    ] {
        let lineage = shop.lineage(sql).unwrap_or_else(|error| panic!("{sql}: {}", error.message));
        assert!(lineage.read == Read::Used || !lineage.uses.is_empty(), "{sql}");
    }
    // `x.f` may be a call of a function that is made meanwhile, where x holds something protected.
    for (sql, is_used) in [
        ("SELECT x.f FROM (SELECT n.*, c.email FROM notes n, customers c) x", true),
        ("SELECT n.body FROM notes n, customers c", false),
    ] {
        let read = shop.lineage(sql).map(|lineage| lineage.read);
        assert_eq!(read.is_err() || read == Ok(Read::Used), is_used, "{sql}");
    }
}
