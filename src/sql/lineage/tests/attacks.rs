//! Spellings by which a value could slip past: each must be masked,
//! neutralised or refused, never shown or searched.

use super::facts::Shop;
use crate::policy::decide::{Decision, OutputAction};
use crate::sql::splice;

/// Every one of these shows or decides something by a protected value to a
/// direct session.
const ATTACKS: &[&str] = &[
    "SELECT ssn AS x FROM customers",
    "SELECT \"ssn\" FROM \"customers\"",
    "SELECT SSN FROM CUSTOMERS",
    "SELECT ssn FROM ONLY customers",
    "SELECT ssn FROM customers *",
    "SELECT x FROM customers AS c(a, b, d, e, x)",
    "SELECT ssn(c) FROM customers c",
    "SELECT (c).ssn FROM customers c",
    "SELECT (c.*).ssn FROM customers c",
    "SELECT ((c)).ssn::text FROM customers c",
    "SELECT (SELECT c).ssn FROM customers c",
    "SELECT ROW(c.*) FROM customers c",
    "SELECT array_agg(c) FROM customers c",
    "SELECT json_agg(s) FROM (SELECT ssn FROM customers) s",
    "SELECT s::text FROM (SELECT ssn FROM customers) s",
    "SELECT (ARRAY[ssn])[1] FROM customers",
    "SELECT CASE WHEN true THEN ssn END FROM customers",
    "SELECT coalesce(NULL, ssn) FROM customers",
    "SELECT greatest(ssn, '') FROM customers",
    "SELECT ssn || '' FROM customers",
    "SELECT concat(ssn) FROM customers",
    "SELECT format('%s', ssn) FROM customers",
    "SELECT first_value(ssn) OVER () FROM customers",
    "SELECT lag(ssn, 0) OVER () FROM customers",
    "SELECT mode() WITHIN GROUP (ORDER BY ssn) FROM customers",
    "SELECT v FROM customers, LATERAL (VALUES (ssn)) AS l(v)",
    "SELECT u FROM customers, unnest(ARRAY[ssn]) u",
    "SELECT unnest(ARRAY[ssn]) FROM customers",
    "SELECT * FROM (VALUES ((SELECT ssn FROM customers LIMIT 1))) v",
    "WITH c AS (TABLE customers) SELECT ssn FROM c",
    "WITH RECURSIVE c AS (SELECT ssn FROM customers UNION ALL SELECT ssn FROM c WHERE false) SELECT ssn FROM c",
    "SELECT ssn FROM customers UNION ALL SELECT NULL",
    "SELECT min(ssn) FROM customers",
    "SELECT ssn::varchar(3) FROM customers",
    "SELECT ssn::\"char\" FROM customers",
    "SELECT ssn::bytea FROM customers",
    "SELECT CAST(ssn AS char(3)) FROM customers",
    "SELECT id FROM customers WHERE ssn > '5'",
    "SELECT id FROM customers WHERE NOT ssn <> '5'",
    "SELECT id FROM customers WHERE (ssn, 1) < ('5', 1)",
    "SELECT id FROM customers c WHERE c = ROW(1)",
    "SELECT id FROM customers WHERE '5' = ssn",
    "SELECT id FROM customers WHERE ssn ~ '^1'",
    "SELECT id FROM customers WHERE ssn SIMILAR TO '1%'",
    "SELECT id FROM customers WHERE ssn IS DISTINCT FROM '1'",
    "SELECT id FROM customers WHERE nullif(ssn, '1') IS NULL",
    "SELECT id FROM customers WHERE ssn = ALL ('{1}')",
    "SELECT id FROM customers WHERE (SELECT ssn) = '1'",
    "SELECT id FROM customers WHERE '1' IN (SELECT ssn FROM employees)",
    "SELECT id FROM orders WHERE (SELECT max(ssn) FROM customers) > '5'",
    "SELECT id FROM customers JOIN (VALUES ('1')) v(ssn) USING (ssn)",
    "SELECT id FROM customers NATURAL JOIN (SELECT '1' AS ssn) v",
    "SELECT c.id FROM customers c JOIN notes n ON n.body = c.ssn",
    "SELECT c.id FROM customers c LEFT JOIN notes n ON strpos(c.ssn, n.body) > 0",
    "SELECT count(*) FROM customers GROUP BY country HAVING bool_or(ssn LIKE '1%')",
    "SELECT count(*) FROM customers GROUP BY email",
    "SELECT DISTINCT email FROM customers",
    "SELECT email FROM customers UNION SELECT email FROM customers",
    "SELECT ssn FROM customers INTERSECT SELECT '1'",
    "SELECT id FROM customers ORDER BY ssn LIMIT 1",
    "SELECT id, ssn FROM customers ORDER BY 2 LIMIT 1",
    "SELECT id FROM customers c ORDER BY c LIMIT 1",
    "SELECT id FROM customers ORDER BY ssn > '5'",
    "SELECT id FROM customers FETCH FIRST (SELECT count(*) FROM customers WHERE ssn > '5') ROWS ONLY",
    "SELECT sum(id) OVER (ORDER BY ssn) FROM customers",
    "SELECT id FROM customers TABLESAMPLE bernoulli ((SELECT length(ssn) FROM customers LIMIT 1))",
    "SELECT string_agg(id::text, ',' ORDER BY ssn) FROM customers",
    "SELECT set_config('a.b', ssn, false) FROM customers",
    "SELECT nextval('s') FROM customers WHERE ssn > '5'",
    "SELECT pg_notify('a', (SELECT ssn FROM customers LIMIT 1))",
    "INSERT INTO notes (body) SELECT ssn FROM customers",
    "INSERT INTO notes (body) VALUES ((SELECT ssn FROM customers LIMIT 1))",
    "INSERT INTO notes (body) SELECT c::text FROM customers c",
    "INSERT INTO employees (ssn) SELECT ssn FROM customers",
    "UPDATE notes SET body = (SELECT ssn FROM customers LIMIT 1)",
    "UPDATE customers SET first_name = ssn RETURNING first_name",
    "UPDATE customers SET ssn = first_name",
    "UPDATE customers SET ssn = '1'",
    "UPDATE customers SET first_name = CASE WHEN ssn > '5' THEN 'a' ELSE 'b' END",
    "DELETE FROM customers WHERE ssn = '1'",
    "DELETE FROM notes USING customers WHERE ssn = body",
    "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET first_name = customers.ssn",
    "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2 WHERE customers.ssn > '5'",
    "MERGE INTO notes n USING customers c ON n.body = c.ssn WHEN MATCHED THEN DELETE",
    "MERGE INTO notes n USING customers c ON n.id = c.id WHEN MATCHED AND c.ssn > '5' THEN DELETE",
    "WITH d AS (DELETE FROM customers RETURNING *) INSERT INTO notes (body) SELECT ssn FROM d",
    "SELECT mail FROM contacts",
    "SELECT c FROM contacts c",
    "SELECT early, kind, last FROM judged",
    "SELECT id FROM judged WHERE early",
    "SELECT U&\"s\\0073n\" FROM U&\"c\\0075stomers\"",
    "SELECT pw FROM users",
    "SELECT xmlforest(ssn) FROM customers",
    "SELECT JSON_ARRAY(SELECT ssn FROM customers)",
    "SELECT JSON_ARRAYAGG(ssn) FROM customers",
    "SELECT json_value(ssn, '$') FROM customers",
    "SELECT jt.x FROM customers, JSON_TABLE(ssn, '$' COLUMNS (x text PATH '$')) jt",
    "SELECT x.* FROM customers, XMLTABLE('/a' PASSING ssn COLUMNS a text) x",
    "SELECT ssn FROM renamed.customers",
    "SELECT id FROM renamed.customers c WHERE c.ssn > '5'",
    "SELECT renamed.leak('a')",
    "SELECT place FROM homes",
    "SELECT (place).city FROM homes",
    "WITH RECURSIVE c(ssn) AS (SELECT ssn FROM customers UNION ALL SELECT ssn FROM c) SEARCH DEPTH FIRST BY ssn SET o SELECT o FROM c",
];

/// Who sees nothing protected sees it under no spelling: a statement is
/// refused, or each output is masked or free of it. What the analysis finds
/// is compared with a second reading of the text: the names of protected
/// columns must not stand bare in what is sent, unless masked.
#[test]
fn no_spelling_shows_or_searches() {
    let shop = Shop::new();
    for sql in ATTACKS {
        let Decision::Run(verdict) = shop.decide(sql, &[]) else { continue };
        let masked = verdict
            .outputs
            .iter()
            .any(|action| matches!(action, OutputAction::Mask { .. } | OutputAction::Redact { .. }));
        let sent = String::from_utf8(splice::apply(sql.as_bytes(), &verdict.edits)).unwrap();
        assert!(masked || !verdict.edits.is_empty(), "passes untouched: {sql}");
        assert!(!verdict.outputs.iter().any(|a| matches!(a, OutputAction::Reveal { .. })), "{sql}");
        assert!(shop.lineage(&sent).is_ok(), "what is sent can't be read again: {sent}");
    }
}

/// What is sent, analysed again, has nothing left to neutralise.
#[test]
fn what_is_sent_needs_no_more_edits() {
    let shop = Shop::new();
    let statements =
        super::GOLDEN.split("\n\n").map(|block| block.lines().filter(|line| !line.starts_with("    ")));
    let golden = statements.map(|lines| lines.filter(|l| !l.starts_with("--")).collect::<Vec<_>>().join(" "));
    for sql in golden.chain(ATTACKS.iter().map(|sql| (*sql).to_owned())).filter(|sql| !sql.trim().is_empty())
    {
        let Decision::Run(verdict) = shop.decide(&sql, &[]) else { continue };
        if verdict.edits.is_empty() || sql.contains("pg_stats") {
            continue;
        }
        let sent = String::from_utf8(splice::apply(sql.as_bytes(), &verdict.edits)).unwrap();
        let stripped = without_typed_nulls(&sent);
        let Decision::Run(again) = shop.decide(&stripped, &[]) else { panic!("{sql}\n{stripped}") };
        assert_eq!(again.edits, [], "{sql}\n{stripped}");
    }
}

/// `(CASE WHEN false THEN … END)` is a NULL: the analysis need not know.
fn without_typed_nulls(sent: &str) -> String {
    const OPEN: &str = "(CASE WHEN false THEN ";
    let mut out = String::new();
    let mut rest = sent;
    while let Some((before, after)) = rest.split_once(OPEN) {
        out.push_str(before);
        out.push_str("NULL");
        let mut depth = 1_usize;
        let end = after
            .char_indices()
            .find(|(_, c)| {
                match c {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                depth == 0
            })
            .unwrap();
        rest = &after[end.0 + 1..];
    }
    out.push_str(rest);
    out
}
