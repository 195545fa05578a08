//! The decision: grants, their end, what is audited, what is said.

use super::facts::{Granted, Shop};
use crate::catalog::{ColumnId, Oid};
use crate::clock::{Clock, SystemClock};
use crate::policy::decide::{Decision, OutputAction, Verdict, What};
use crate::sql::splice;

const EMAIL: &str = "public.customers.email";
const SSN: &str = "public.customers.ssn";

fn run(shop: &Shop, sql: &str, granted: &[&str]) -> Verdict {
    match shop.decide(sql, granted) {
        Decision::Run(verdict) => verdict,
        Decision::Refuse { error, .. } => panic!("{sql}: {error}"),
    }
}

fn refused(decision: Decision) -> crate::error::ClientError {
    match decision {
        Decision::Refuse { error, .. } => error,
        Decision::Run(_) => panic!("it runs"),
    }
}

#[test]
fn a_refusal_names_column_use_place_and_the_request_to_paste() {
    let shop = Shop::new();
    let error = refused(shop.decide("SELECT id FROM customers WHERE email LIKE 'a%' AND ssn = '1'", &[]));
    assert_eq!(error.code, "42501");
    assert_eq!(error.message, "permission denied: predicate on protected column public.customers.email");
    assert_eq!(error.position, Some(32));
    let hint = error.hint.unwrap();
    let names = "public.customers.email,public.customers.ssn";
    assert_eq!(hint, format!("SELECT * FROM bauta.request('{names}', '15m', 'why you need it');"));
}

#[test]
fn a_grant_reveals_outputs_and_lets_predicates_stand_until_it_ends() {
    let shop = Shop::new();
    let permits = Granted { columns: &[EMAIL], export: false, counted: false, now: SystemClock.now() };
    let sql = "SELECT email, ssn, substr(email, 1, 1) FROM customers WHERE email LIKE 'a%' ORDER BY email";
    let Decision::Run(verdict) = shop.decide_with(sql, &permits) else { panic!("refused") };
    assert_eq!(verdict.edits, []);
    assert_eq!(verdict.until, Some(permits.until()));
    assert_eq!(verdict.leans_on.len(), 1);
    assert!(!verdict.full_grant);
    assert!(matches!(verdict.outputs[0], OutputAction::Reveal { .. }));
    assert!(matches!(&verdict.outputs[1], OutputAction::Mask { column, .. } if &*column.name == SSN));
    assert!(matches!(verdict.outputs[2], OutputAction::Pass));
}

#[test]
fn a_row_may_go_where_the_mask_tells_whether_it_is_referenced() {
    let shop = Shop::new();
    // Of one domain of tokens: what refers to it can be seen by joining.
    run(&shop, "DELETE FROM customers WHERE id = 3", &[]);
    for sql in [
        "DELETE FROM \"Odd Name\" WHERE id = 3",
        "UPDATE \"Odd Name\" SET id = 4 WHERE id = 3",
        "INSERT INTO \"Odd Name\" (id) VALUES (3) ON CONFLICT (id) DO UPDATE SET id = 4",
        "MERGE INTO \"Odd Name\" o USING orders r ON r.id = o.id WHEN MATCHED THEN DELETE",
    ] {
        let error = refused(shop.decide(sql, &[]));
        assert_eq!(
            error.message,
            "permission denied: write that touches protected column public.employees.badge"
        );
        run(&shop, sql, &["public.employees.badge"]);
    }
    run(&shop, "UPDATE \"Odd Name\" SET id = id WHERE id = 3", &[]);
    run(&shop, "INSERT INTO \"Odd Name\" (id) VALUES (3)", &[]);
}

#[test]
fn a_grant_on_one_column_neutralises_only_the_other() {
    let shop = Shop::new();
    let sql = "SELECT email || ssn FROM customers";
    let verdict = run(&shop, sql, &[EMAIL]);
    let edits: Vec<&str> = verdict.edits.iter().map(|edit| &sql[edit.span()]).collect();
    assert_eq!(edits, ["ssn"]);
    assert_eq!(verdict.notices.len(), 1);
    assert!(verdict.notices[0].message.contains(SSN));
}

#[test]
fn distinct_compares_only_what_a_key_does_not_determine() {
    let shop = Shop::new();
    const BIRTH: &str = "public.customers.birth";
    let sent = |sql: &str, granted: &[&str]| {
        let verdict = run(&shop, sql, granted);
        (String::from_utf8(splice::apply(sql.as_bytes(), &verdict.edits)).unwrap(), verdict.notices.len())
    };
    let plain = "SELECT DISTINCT id, birth, country, email FROM customers ORDER BY id";
    let both = "SELECT DISTINCT birth, id, email FROM customers ORDER BY email, id";
    for (sql, granted, expected, notices) in [
        (
            plain,
            [].as_slice(),
            "SELECT DISTINCT ON (1, 3) id, birth, country, email FROM customers ORDER BY id",
            0,
        ),
        (
            plain,
            &[EMAIL],
            "SELECT DISTINCT ON (1, 3) id, birth, country, email FROM customers ORDER BY id",
            0,
        ),
        (plain, &[BIRTH, EMAIL], plain, 0),
        (both, &[], "SELECT DISTINCT ON (2) birth, id, email FROM customers ORDER BY id", 1),
        (both, &[BIRTH], "SELECT DISTINCT ON (2) birth, id, email FROM customers ORDER BY id", 1),
        // What ORDER BY still sorts by is in the list.
        (both, &[EMAIL], "SELECT DISTINCT ON (2, 3) birth, id, email FROM customers ORDER BY email, id", 0),
        (both, &[BIRTH, EMAIL], both, 0),
    ] {
        let (text, said) = sent(sql, granted);
        assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{granted:?}");
        assert_eq!(said, notices, "{sql} {granted:?}");
    }
}

#[test]
fn lists_of_outputs_do_not_grow_beyond_what_a_statement_may() {
    let shop = Shop::new();
    let outputs = vec!["id, birth"; 600].join(", ");
    let query = |times: usize| {
        let one = format!("EXISTS (SELECT DISTINCT {outputs} FROM customers)");
        format!("SELECT {}", vec![one; times].join(", "))
    };
    run(&shop, &query(30), &[]);
    refused(shop.decide(&query(100), &[]));
}

#[test]
fn a_mixed_column_is_revealed_only_under_grants_for_all_of_it() {
    let shop = Shop::new();
    let sql = "SELECT coalesce(email, ssn) FROM customers";
    assert!(matches!(run(&shop, sql, &[EMAIL]).outputs[0], OutputAction::Redact { .. }));
    assert!(matches!(run(&shop, sql, &[EMAIL, SSN]).outputs[0], OutputAction::Reveal { .. }));
}

#[test]
fn copying_needs_the_export_right_on_top_of_a_grant() {
    let shop = Shop::new();
    let now = SystemClock.now();
    for sql in [
        "INSERT INTO notes (body) SELECT email FROM customers",
        "UPDATE notes SET body = c.email FROM customers c",
        "SELECT set_config('a.b', email, false) FROM customers",
        "SELECT pg_notify('a', '') FROM customers WHERE email = 'x'",
    ] {
        let error = refused(
            shop.decide_with(sql, &Granted { columns: &[EMAIL], export: false, counted: false, now }),
        );
        assert!(error.hint.unwrap().contains("--export"), "{sql}");
        let allowed =
            shop.decide_with(sql, &Granted { columns: &[EMAIL], export: true, counted: false, now });
        assert!(matches!(allowed, Decision::Run(_)), "{sql}");
    }
}

/// One row of an aggregate would hold as many values as there are rows.
#[test]
fn a_grant_that_counts_rows_shows_values_in_rows_alone() {
    let shop = Shop::new();
    let now = SystemClock.now();
    let decide = |sql| {
        let permits = Granted { columns: &[EMAIL], export: false, counted: true, now };
        match shop.decide_with(sql, &permits) {
            Decision::Run(verdict) => verdict,
            Decision::Refuse { error, .. } => panic!("{sql}: {error}"),
        }
    };
    for sql in ["SELECT email FROM customers", "SELECT lower(email) FROM customers ORDER BY email"] {
        assert!(matches!(decide(sql).outputs[0], OutputAction::Reveal { .. }), "{sql}");
    }
    assert!(!decide("SELECT email FROM customers").full_grant);
    for sql in ["SELECT string_agg(email, ',') FROM customers", "SELECT email || 'x' FROM customers"] {
        let verdict = decide(sql);
        assert!(!verdict.edits.is_empty(), "{sql}");
        assert!(!matches!(verdict.outputs[0], OutputAction::Reveal { .. }), "{sql}");
    }
}

#[test]
fn a_full_grant_covers_every_protected_column_of_every_relation_named() {
    let shop = Shop::new();
    let all: Vec<String> = ["email", "phone", "ssn", "birth", "vip", "salary", "zip", "pin"]
        .iter()
        .map(|column| format!("public.customers.{column}"))
        .collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    assert!(run(&shop, "SELECT id FROM customers", &all).full_grant);
    assert!(!run(&shop, "SELECT id FROM customers", &all[1..]).full_grant);
    assert!(!run(&shop, "SELECT c.id FROM customers c JOIN employees e USING (id)", &all).full_grant);
    // The view shows no more than names, but an error inside it may.
    assert!(!run(&shop, "SELECT mail FROM contacts", &[EMAIL]).full_grant);
}

#[test]
fn what_is_audited_says_what_happened_to_each_column() {
    let shop = Shop::new();
    let sql = "SELECT email, lower(ssn), ssn || 'x', count(*) OVER (PARTITION BY ssn) FROM customers";
    let verdict = run(&shop, sql, &[]);
    let said: Vec<(&str, &str, &What)> =
        verdict.columns.iter().map(|c| (&*c.column.column, c.use_, &c.what)).collect();
    assert_eq!(
        said,
        [
            ("ssn", "expression", &What::Neutralised),
            ("ssn", "grouping", &What::Disclosed),
            ("email", "output", &What::Masked("email")),
            ("ssn", "output", &What::Masked("redact")),
        ]
    );
}

#[test]
fn literals_next_to_protected_columns_stay_out_of_the_audit_log() {
    let shop = Shop::new();
    let sql = "SELECT 'shown' FROM customers WHERE ssn = 'guess' AND country = 'SE' AND email IN ('a', 'b')";
    let lineage = shop.lineage(sql).unwrap();
    let hidden: Vec<&str> = lineage.sensitive_literals.iter().map(|span| &sql[span.clone()]).collect();
    assert!(hidden.contains(&"'guess'") && hidden.contains(&"'a'") && hidden.contains(&"'b'"), "{hidden:?}");
    assert!(!hidden.contains(&"'shown'"));
    let sql = "INSERT INTO customers (id, email) VALUES (17, 'x@example.com')";
    let lineage = shop.lineage(sql).unwrap();
    let hidden: Vec<&str> = lineage.sensitive_literals.iter().map(|span| &sql[span.clone()]).collect();
    assert_eq!(hidden, ["'x@example.com'"]);
}

#[test]
fn literals_that_reach_protected_columns_on_a_way_round_stay_out_of_the_audit_log_too() {
    let shop = Shop::new();
    for sql in [
        "SELECT 'shown' FROM customers c JOIN (VALUES ('guess')) v(x) ON c.ssn = v.x WHERE c.id = 17",
        "WITH v AS (SELECT 'guess'::text AS x) SELECT 'shown' FROM customers, v WHERE ssn = x AND 17 = 17",
        "SELECT 'shown' FROM customers WHERE ssn IN (SELECT lower('guess'))",
        "SELECT 'shown' FROM customers JOIN unnest(ARRAY['guess']) x ON x = ssn",
        "SELECT 'guess' INTERSECT SELECT ssn FROM customers",
        "INSERT INTO customers (id, email) SELECT 17, 'guess'",
        "UPDATE customers SET email = v.x FROM (VALUES ('guess')) v(x) WHERE customers.id = 17",
        "MERGE INTO customers c USING (SELECT 'guess' AS x) s ON c.ssn = s.x WHEN MATCHED THEN DELETE",
        "WITH gone AS (DELETE FROM customers WHERE id = 17 RETURNING 'guess' AS x) \
         SELECT 'shown' FROM customers, gone WHERE ssn = gone.x",
    ] {
        let lineage = shop.lineage(sql).unwrap();
        let hidden: Vec<&str> = lineage.sensitive_literals.iter().map(|span| &sql[span.clone()]).collect();
        assert!(hidden.contains(&"'guess'") && !hidden.contains(&"'shown'"), "{sql}: {hidden:?}");
    }
}

#[test]
fn every_counted_name_is_accounted_for() {
    let shop = Shop::new();
    for sql in [
        "SELECT count(*) AS customers FROM customers",
        "SELECT customers.email FROM public.customers JOIN orders customers2 ON true",
        "WITH contacts AS (SELECT 1 AS employees) SELECT contacts.employees FROM contacts, customers",
        "SELECT 1 FROM orders customers ORDER BY customers.id",
        "SELECT NULL::customers, (customers).id FROM customers FOR UPDATE OF customers",
        "INSERT INTO customers AS employees (id) VALUES (1) RETURNING employees.id",
        "SELECT customers(e) FROM (SELECT 1 AS customers) e",
    ] {
        let lineage = shop.lineage(sql).unwrap();
        for name in ["customers", "employees", "contacts"] {
            for (at, _) in sql.match_indices(name) {
                let covered = lineage.accounted.iter().any(|s| s.start <= at && at + name.len() <= s.end);
                let whole = !sql[at + name.len()..].starts_with('2');
                assert!(covered || !whole, "{name} at {at} in {sql}");
            }
        }
    }
}

#[test]
fn nesting_beyond_the_limit_is_a_clear_error() {
    let shop = Shop::new();
    let nested = |levels: usize| {
        let sql = format!("SELECT {}1 FROM customers{}", "(SELECT ".repeat(levels), ")".repeat(levels));
        shop.lineage(&sql).map(|_| ()).map_err(|error| error.code)
    };
    assert_eq!(nested(10), Ok(()));
    assert_eq!(nested(200), Err("54001".into()));
}

/// `users` is a protected table in one schema, another one elsewhere.
#[test]
fn the_server_tells_which_of_several_relations_a_name_means() {
    let shop = Shop::new();
    let verdict = run(&shop, "SELECT * FROM people", &[]);
    let ours = ColumnId { relation: Oid(114), attribute: 3 };
    let theirs = ColumnId { relation: Oid(113), attribute: 2 };
    let shown = |origins: &[Option<ColumnId>]| -> Vec<&'static str> {
        verdict
            .outputs_for(origins)
            .iter()
            .map(|action| match action {
                OutputAction::Pass => "shown",
                OutputAction::Mask { column, .. } => column.method.name(),
                OutputAction::Redact { .. } => "redacted",
                OutputAction::Reveal { .. } => "REVEALED",
            })
            .collect()
    };
    assert_eq!(shown(&[None, None, Some(ours)]), ["shown", "shown", "email"]);
    assert_eq!(shown(&[None, Some(theirs)]), ["shown", "shown"]);
    // As many columns as the other has, but a protected one among them.
    assert_eq!(shown(&[None, Some(ours)]), ["redacted"; 2]);
    assert_eq!(shown(&[None; 5]), ["redacted"; 5]);
}

#[test]
fn without_a_sign_from_the_server_all_readings_mask() {
    let shop = Shop::new();
    let verdict = run(&shop, "SELECT mail || '' IS NULL, lower(mail), mail FROM people", &[]);
    let outputs = verdict.outputs_for(&[None, None, None]);
    assert!(matches!(outputs[1], OutputAction::Redact { .. }));
    assert!(matches!(outputs[2], OutputAction::Redact { .. }));
    assert_eq!(verdict.edits.len(), 1);
}

/// Eight mentions of two relations have more readings than are read one by one.
const MANY: &str = "(SELECT count(*) FROM people a, people b, people c, people d, people e, people f, people g, people h \
                    WHERE a.id = b.id AND b.id = c.id AND c.id = d.id AND d.id = e.id AND e.id = f.id AND f.id = g.id AND g.id = h.id) > 0";

#[test]
fn of_too_many_readings_columns_are_told_apart_one_by_one() {
    let shop = Shop::new();
    let verdict = run(&shop, &format!("SELECT id, mail, p.name FROM people p WHERE {MANY}"), &[]);
    assert_eq!(verdict.readings.len(), 1);
    let at = |relation, attribute| Some(ColumnId { relation: Oid(relation), attribute });
    let mail = |told| match &verdict.outputs_for(&[at(114, 1), told, at(114, 2)])[1] {
        OutputAction::Pass => "shown",
        OutputAction::Mask { column, .. } => column.method.name(),
        OutputAction::Redact { .. } => "redacted",
        OutputAction::Reveal { .. } => "REVEALED",
    };
    assert_eq!([mail(at(114, 3)), mail(at(113, 2)), mail(None)], ["email", "shown", "redacted"]);
    assert_eq!(mail(at(101, 3)), "redacted");
}

#[test]
fn of_too_many_readings_no_list_of_columns_is_known() {
    let shop = Shop::new();
    for (from, code) in [
        ("SELECT p.* FROM people p", "0A000"),
        ("SELECT * FROM people p", "0A000"),
        ("SELECT p FROM people p", "0A000"),
        ("SELECT (p).* FROM people p", "0A000"),
        ("SELECT p.row_to_json FROM people p", "0A000"),
        ("SELECT x.a FROM people AS x (a)", "0A000"),
        ("SELECT id FROM people p NATURAL JOIN (SELECT 1 AS id) q", "0A000"),
        ("SELECT 1 FROM people p JOIN (SELECT 'x' AS name) q USING (name)", "0A000"),
        ("SELECT p.nothing FROM people p", "42703"),
        ("SELECT 1 FROM people p WHERE mail LIKE 'a%' AND true", "42501"),
    ] {
        let joint = if from.contains("WHERE") { "AND" } else { "WHERE" };
        let error = refused(shop.decide(&format!("{from} {joint} {MANY}"), &[]));
        assert_eq!(error.code, code, "{from}: {error}");
    }
}

/// `name` is a column of one of them only: else it means what stands further out.
#[test]
fn a_column_that_not_all_have_means_what_stands_further_out_too() {
    let shop = Shop::new();
    let inner = format!("SELECT name FROM people WHERE {MANY} LIMIT 1");
    let sql = format!("SELECT ({inner}) FROM (SELECT ssn AS name FROM customers) q");
    let verdict = run(&shop, &sql, &[]);
    assert!(!matches!(verdict.outputs_for(&[None])[0], OutputAction::Pass), "{verdict:?}");
    let sql = format!("SELECT 1 FROM (SELECT ssn AS name FROM customers) q WHERE ({inner}) > 'a'");
    assert_eq!(refused(shop.decide(&sql, &[])).code, "42501");
}

/// Two arms of a set operation are one relation's or the other's, not one of each.
#[test]
fn a_reading_that_the_server_refuses_is_none() {
    let shop = Shop::new();
    let verdict = run(&shop, "SELECT * FROM people UNION ALL SELECT * FROM people", &[]);
    let widths: Vec<usize> = verdict.readings.iter().map(|reading| reading.outputs.len()).collect();
    assert_eq!(widths, [3, 2]);
    let verdict = run(&shop, "SELECT x.c FROM people AS x (a, b, c)", &[]);
    assert!(matches!(verdict.outputs[0], OutputAction::Mask { .. }), "{verdict:?}");
    let error = refused(shop.decide("SELECT id FROM people UNION SELECT id, mail FROM people", &[]));
    assert_eq!(error.code, "42601");
}

#[test]
fn rows_built_anew_do_not_make_a_text_grow_without_end() {
    let shop = Shop::new();
    let references = vec!["to_json(c)"; 10_000].join(", ");
    let verdict = run(&shop, &format!("SELECT {references} FROM customers c"), &[]);
    assert_eq!(verdict.edits.len(), 10_000);
    let built = verdict.edits.iter().filter(|edit| edit.text.starts_with("(ROW("));
    let bytes: usize = built.map(|edit| edit.text.len()).sum();
    assert!(bytes > 500_000 && bytes <= 1024 * 1024, "{bytes}");
}

/// Before 16 and 17 anybody may make a function of such a name.
#[test]
fn syntax_that_an_older_server_reads_as_a_function_is_refused_there() {
    let mut shop = Shop::new();
    for (sql, since) in [
        ("SELECT JSON_SCALAR(ssn) FROM customers", 170_000),
        ("SELECT JSON_SERIALIZE(ssn) FROM customers", 170_000),
        ("SELECT JSON(ssn) FROM customers", 170_000),
        ("SELECT JSON_VALUE(ssn, '$') FROM customers", 170_000),
        ("SELECT JSON_QUERY(ssn, '$') FROM customers", 170_000),
        ("SELECT id FROM customers WHERE JSON_EXISTS(ssn, '$')", 170_000),
        ("SELECT merge_action(), ssn FROM customers", 170_000),
        ("SELECT JSON_OBJECT('a' : ssn) FROM customers", 160_000),
        ("SELECT JSON_ARRAY(ssn) FROM customers", 160_000),
        ("SELECT JSON_ARRAY(SELECT ssn FROM customers)", 160_000),
        ("SELECT JSON_ARRAYAGG(ssn) FROM customers", 160_000),
        ("SELECT JSON_OBJECTAGG(id : ssn) FROM customers", 160_000),
    ] {
        shop.snapshot.server_version = since - 1;
        assert_eq!(shop.lineage(sql).err().map(|error| error.code), Some("0A000".into()), "{sql}");
        shop.snapshot.server_version = since;
        assert_eq!(shop.lineage(sql).err(), None, "{sql}");
    }
}

#[test]
fn a_default_counts_as_a_value_where_a_client_may_choose_it() {
    for (default, chosen) in [
        ("'none'::text", false),
        ("NULL::character varying", false),
        ("nextval('app.numbers'::regclass)", false),
        ("('C'::text || lpad((nextval('app.numbers'::regclass))::text, 8, '0'::text))", false),
        ("gen_random_uuid()", false),
        ("(gen_random_uuid())::text", false),
        ("now()", false),
        ("(now() + '01:30:00'::interval)", false),
        ("(CURRENT_TIMESTAMP)::timestamp(0) with time zone", false),
        ("timezone('utc'::text, now())", false),
        ("((now() AT TIME ZONE 'Europe/Berlin'::text))::date", false),
        ("(((now() AT TIME ZONE 'UTC'::text))::date + 30)", false),
        ("date_trunc('day'::text, (now() AT TIME ZONE 'utc'::text))", false),
        // What day it is, and where a day ends, the session's zone says.
        ("CURRENT_DATE", true),
        ("(CURRENT_DATE + 30)", true),
        ("(now())::date", true),
        ("LOCALTIMESTAMP", true),
        ("('now'::text)::date", true),
        ("(now() + '1 day'::interval)", true),
        ("date_trunc('day'::text, now())", true),
        ("(now() AT TIME ZONE 'EST'::text)", true),
        ("timezone(current_setting('app.guess'::text, true), now())", true),
        ("CURRENT_USER", false),
        ("ARRAY['a'::text, 'b'::text]", false),
        ("current_setting('app.guess'::text, true)", true),
        ("((random() * (1000000)::double precision))::integer", true),
        // The zone's name is the client's.
        ("(now())::text", true),
        ("to_char(now(), 'TZ'::text)", true),
        ("CURRENT_SCHEMA", true),
        // Which sequence that is hangs on the search_path.
        ("nextval(('numbers'::text)::regclass)", true),
        ("app.fiscal_year()", true),
        ("(now())::app.code", true),
        ("('a'::text OPERATOR(app.+) 'b'::text)", true),
        ("COALESCE(current_setting('app.guess'::text, true), 'none'::text)", true),
        // What could not be printed.
        ("", true),
    ] {
        let mut shop = Shop::new();
        shop.set_default("customers", "ssn", default);
        let insert = shop.decide("INSERT INTO customers (id) VALUES (1)", &[]);
        assert_eq!(matches!(insert, Decision::Refuse { .. }), chosen, "{default}");
        run(&shop, "INSERT INTO customers (id, ssn) VALUES (1, NULL)", &[]);
        run(&shop, "INSERT INTO customers (id) VALUES (1)", &["public.customers.ssn"]);
        // A mask that tells nothing of equality shows no guess.
        shop.set_default("customers", "ssn", "'none'::text");
        shop.set_default("customers", "phone", default);
        run(&shop, "INSERT INTO customers (id) VALUES (1)", &[]);
    }
}

#[test]
fn a_null_behind_a_cast_that_a_function_may_make_is_no_null() {
    let shop = Shop::new();
    run(&shop, "SELECT id FROM customers WHERE email IS DISTINCT FROM NULL::text::varchar", &[]);
    for null in ["NULL::mood::text", "(NULL::text)::mood", "NULL::mood::varchar"] {
        let error = refused(
            shop.decide(&format!("SELECT id FROM customers WHERE email IS DISTINCT FROM {null}"), &[]),
        );
        assert_eq!(error.code, "42501", "{null}");
    }
}

/// Which words of the text are left where items of ORDER BY are cut.
#[test]
fn an_item_of_order_by_is_cut_where_its_tree_says() {
    let shop = Shop::new();
    for (sql, sent) in [
        ("SELECT ssn AS rows FROM customers ORDER BY rows", "SELECT ssn AS rows FROM customers  "),
        (
            "SELECT ssn AS s, id FROM customers ORDER BY id,(s)LIMIT 3",
            "SELECT ssn AS s, id FROM customers ORDER BY id LIMIT 3",
        ),
        (
            "SELECT ssn AS s, id FROM customers ORDER BY(s),id",
            "SELECT ssn AS s, id FROM customers ORDER BY id",
        ),
        (
            "SELECT ssn AS s, id FROM customers ORDER BY now()::timestamp with time zone, s",
            "SELECT ssn AS s, id FROM customers ORDER BY now()::timestamp with time zone ",
        ),
        (
            "SELECT ssn AS s FROM customers ORDER BY (SELECT 1 FROM orders ORDER BY id, customer_id LIMIT 1), s",
            "SELECT ssn AS s FROM customers ORDER BY (SELECT 1 FROM orders ORDER BY id, customer_id LIMIT 1) ",
        ),
    ] {
        let verdict = run(&shop, sql, &[]);
        let text = String::from_utf8(crate::sql::splice::apply(sql.as_bytes(), &verdict.edits)).unwrap();
        assert_eq!(text, sent);
    }
}
