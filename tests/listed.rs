//! Tokens in VALUES lists that are compared with a protected column: upstream
//! the originals stand in the list, so its column is as protected as the other.
//!
//! Method: what a direct session finds by the originals must come, with tokens
//! in the list; whatever else could come out of the list is masked, NULL or
//! refused, and holds no original.

use super::harness::{Bauta, Frame, Raw, Server, message as m};
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
        (
            format!("SELECT id FROM customers c JOIN (VALUES (NULL), ('{one}'::text)) v (t) ON c.ssn = v.t"),
            "1",
        ),
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

/// `INSERT … SELECT … FROM (VALUES …)`, as SQLAlchemy writes many rows at once.
#[test]
fn a_list_of_tokens_is_stored() {
    let (shop, mut raw) = Shop::open();
    let (one, two) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "ssn", "customers", 2));
    let insert = |rows: &str, source: &str| {
        format!(
            "INSERT INTO vault (id, c_text) SELECT p0::int, p1::{source} FROM (VALUES {rows}) AS made (p0, p1, n) ORDER BY n RETURNING id"
        )
    };
    let stored = |from: u32| {
        let sql = format!(
            "SELECT string_agg(coalesce(c_text, '-'), ' ' ORDER BY id) FROM vault WHERE id >= {from}"
        );
        shop.server.sql("shop", &sql).trim().to_owned()
    };
    let originals = shop.server.sql("shop", "SELECT ssn FROM customers WHERE id < 3 ORDER BY id");
    let originals: Vec<&str> = originals.lines().map(str::trim).collect();
    for (start, rows, source, expected) in [
        (100, format!("(100, '{one}', 0), (101, '{two}'::varchar, 1)"), "varchar", originals.join(" ")),
        (200, format!("(200, '{one}', 0), (201, NULL, 1)"), "text", format!("{} -", originals[0])),
        (300, "(300, NULL, 0), (301, NULL, 1)".to_owned(), "varchar", "- -".to_owned()),
    ] {
        let sql = insert(&rows, source);
        let frames = raw.query(&sql);
        assert_eq!(error(&frames), None, "{sql}: {}", text(&frames));
        assert_eq!(column(&frames), [start.to_string(), (start + 1).to_string()]);
        assert_eq!(stored(start), expected);
    }
    let bound = insert("($1::int, $2::varchar, 0), ($3::int, $4::varchar, 1)", "varchar");
    let run = |values: [Option<&str>; 4]| extended(&bound, &[], &values);
    let frames = raw.exchange(&run([Some("400"), Some(&two), Some("401"), None]));
    assert_eq!((error(&frames), stored(400)), (None, format!("{} -", originals[1])));
    let frames = raw.exchange(&run([Some("402"), Some("guess"), Some("403"), None]));
    assert_eq!(error(&frames).as_deref(), Some("42501"));
    let update = format!(
        "UPDATE vault v SET c_text = l.t FROM (VALUES (400, '{one}'), (401, '{two}')) l (id, t) WHERE v.id = l.id"
    );
    assert_eq!((error(&raw.query(&update)), stored(400)), (None, originals.join(" ")));

    let list = format!("(VALUES ('{one}')) v (t)");
    for sql in [
        insert("(500, 'guess', 0)", "text"),
        insert(&format!("(500, '{one}', 0), (501, 'guess', 1)"), "text"),
        insert(&format!("(500, '{one}', 0), (501, '{one}' || '', 1)"), "text"),
        // Another column beside, another domain, a part, a computation, a choice.
        format!("INSERT INTO vault (id, c_text, c_varchar) SELECT 500, t, t FROM {list}"),
        format!("INSERT INTO customers (id, name, ssn, phone) SELECT 500, 'x', t, t FROM {list}"),
        format!("INSERT INTO vault (id, c_text) SELECT 500, lower(t) FROM {list}"),
        format!("INSERT INTO vault (id, c_text) SELECT 500, t::varchar(3) FROM {list}"),
        format!("INSERT INTO vault (id, c_text) SELECT length(t), t FROM {list}"),
        format!("INSERT INTO vault (id, c_text) SELECT 500, t FROM {list} WHERE t LIKE '0%'"),
        format!("INSERT INTO vault (id, c_text) SELECT 500, t FROM {list} WHERE t = 'guess'"),
        format!("INSERT INTO vault (id, c_text) SELECT 500, t FROM {list} UNION ALL SELECT 501, 'guess'"),
        format!("INSERT INTO vault (id, c_text) SELECT 500, coalesce(t, 'guess') FROM {list}"),
        format!("INSERT INTO vault (id, c_text) SELECT 500, x.ssn FROM customers x, {list} WHERE x.ssn = t"),
    ] {
        for frames in [raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))] {
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {}", text(&frames));
        }
    }
    assert_eq!(stored(500), "");
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
    // What stands in the list may be of the other column: its token stays, and what is
    // no token shows none, which would tell whether the other column holds it.
    for (value, shown) in [(&*one, &*one), (&original, "***"), (&other, "***")] {
        let frames = raw.query(&list(value).replace(" JOIN", " RIGHT JOIN"));
        assert_eq!(rows(&frames)[0][1].as_deref(), Some(shown), "{}", text(&frames));
    }
    assert_eq!(rows(&raw.query(&list(&one)))[0][0].as_deref(), Some(&*original));
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

/// A token that stands in a list may be of any column of the domain: it takes a grant
/// on each to see more of it than the mask.
#[test]
fn a_token_in_a_list_is_led_back_for_who_sees_all_that_it_could_be() {
    let (shop, mut raw) = Shop::open();
    let (own, other) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "c_text", "vault", 1));
    shop.grant("public.customers.*");
    let show = |what: &str| format!("SELECT {what} FROM customers c RIGHT JOIN LIST v (t) ON c.ssn = v.t");
    let shown = [
        show("v.t"),
        "SELECT ssn FROM customers RIGHT JOIN LIST v (ssn) USING (ssn)".to_owned(),
        "SELECT ssn FROM LIST v (ssn) NATURAL LEFT JOIN customers".to_owned(),
        "SELECT t FROM LIST v (t) EXCEPT SELECT ssn FROM customers".to_owned(),
        "SELECT t FROM LIST v (t) WHERE t NOT IN (SELECT ssn FROM customers)".to_owned(),
        format!("WITH x AS MATERIALIZED ({}) SELECT t FROM (SELECT * FROM x) y", show("v.t")),
        "WITH RECURSIVE r (t) AS (SELECT t FROM LIST v (t) UNION SELECT c.ssn FROM customers c JOIN r ON c.ssn = r.t)
         SELECT t FROM r"
            .to_owned(),
        "UPDATE customers c SET name = 'x' FROM LIST v (t) WHERE c.ssn <> v.t AND c.id = 2 RETURNING v.t".to_owned(),
    ];
    let united = [
        "SELECT ssn FROM customers FULL JOIN LIST v (ssn) USING (ssn)".to_owned(),
        "SELECT ssn FROM customers UNION SELECT t FROM LIST v (t)".to_owned(),
        "SELECT CASE WHEN c.ssn = v.t THEN c.ssn ELSE v.t END FROM customers c, LIST v (t)".to_owned(),
        "SELECT CASE v.t WHEN c.ssn THEN 'x' ELSE v.t END FROM customers c, LIST v (t)".to_owned(),
    ];
    let computed = [
        "coalesce(c.ssn, v.t)",
        "coalesce(v.t, 'x')",
        "NULLIF(v.t, c.ssn)",
        "greatest(c.ssn, v.t)",
        "lower(v.t)",
        "v.t || ''",
        "v.t::varchar(5)",
        "v",
        "to_json(v)",
        "row(v.t)",
        "(SELECT v.t)",
        "min(v.t)",
        "string_agg(v.t, ',')",
        "array_agg(v.t)",
        "first_value(v.t) OVER (ORDER BY v.t)",
    ];
    let computed: Vec<String> = computed.iter().map(|what| show(what)).collect();
    let original = shop.server.sql("shop", "SELECT c_text FROM vault WHERE id = 1").trim().to_owned();
    let written = |list: &str, sql: &str| sql.replace("LIST", list);
    let bound = |sql: &str, value: &str, format: u16| {
        let run =
            [m::bind("", "", &[Some(value)], &[format]), m::describe(b'P', ""), m::execute("", 0)].concat();
        [m::parse("", sql, &[]), run, m::sync()].concat()
    };
    for (place, sql) in shown.iter().chain(&united).chain(&computed).enumerate() {
        for (list, value) in [
            (format!("(VALUES ('{other}'))"), None),
            (format!("unnest('{{{other}}}'::text[])"), None),
            ("(VALUES ($1))".to_owned(), Some(other.clone())),
            ("unnest($1::text[])".to_owned(), Some(format!("{{{other}}}"))),
        ] {
            let sql = written(&list, sql);
            let answers = match &value {
                None => vec![raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))],
                Some(value) => {
                    vec![raw.exchange(&bound(&sql, value, 0)), raw.exchange(&bound(&sql, value, 1))]
                }
            };
            for frames in answers {
                assert_eq!(error(&frames), None, "{sql}: {}", text(&frames));
                assert!(!text(&frames).contains(&original), "{sql}");
                if place < shown.len() {
                    assert!(column(&frames).iter().all(|shown| *shown == other), "{sql}: {}", text(&frames));
                }
            }
        }
    }
    // Of a cursor.
    let list = format!("(VALUES ('{other}'), ('{own}'))");
    raw.query("BEGIN");
    raw.query(&format!("DECLARE k CURSOR FOR {} ORDER BY c.id", written(&list, &show("v.t"))));
    assert_eq!(column(&raw.query("FETCH ALL FROM k")), [own.clone(), other.clone()]);
    raw.query("ROLLBACK");
    // What the mask does not tell takes a grant on all of them.
    for sql in [
        show("1") + " WHERE v.t LIKE 'r%'",
        show("1") + " WHERE v.t < c.ssn",
        show("1") + " WHERE v.t = 'raw-text'",
        show("1") + " WHERE v.t IN ('raw-text')",
        show("1") + " AND length(v.t) = 8",
        "SELECT 1 FROM LIST v (t) WHERE t = 'raw-text' AND t NOT IN (SELECT ssn FROM customers)".to_owned(),
        "SELECT t FROM LIST v (t) WHERE t NOT IN (SELECT ssn FROM customers) UNION SELECT 'raw-text'"
            .to_owned(),
        "INSERT INTO orders (id, status) SELECT 900, v.t FROM customers c JOIN LIST v (t) ON c.ssn = v.t"
            .to_owned(),
        "CREATE TABLE stolen AS SELECT v.t FROM customers c JOIN LIST v (t) ON c.ssn = v.t".to_owned(),
    ] {
        let sql = written(&format!("(VALUES ('{other}'))"), &sql);
        for frames in [raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))] {
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {}", text(&frames));
        }
    }
    let sorted = raw.query(&written(&list, &(show("v.t") + " ORDER BY v.t")));
    assert!(text(&sorted).contains("left out without a grant"), "{}", text(&sorted));
    // The record is about the columns that the statement names; `explain` says what
    // the token may be of besides.
    let shown = written(&list, &(show("v.t") + " ORDER BY c.id"));
    let recorded = |raw: &mut Raw| {
        raw.query(&shown);
        let records = shop.bauta.audit();
        let started = records.iter().rev().find(|record| record["event"] == "statement.start").unwrap();
        let columns = started["columns"].as_array().unwrap().iter();
        columns.map(|it| format!("{} {}", it["column"], it["decision"])).collect::<Vec<_>>().join(", ")
    };
    let explained = || shop.bauta.cli_ok(&["explain", "-d", "shop", "-U", "ana", &shown]);
    let both = "from public.customers.ssn, public.vault.c_text";
    let record = recorded(&mut raw);
    assert!(record.contains(r#""public.customers.ssn" "masked""#) && !record.contains("vault"), "{record}");
    assert!(explained().contains(&format!("t: masked (token)  {both}")), "{}", explained());
    shop.grant("public.vault.c_text");
    let record = recorded(&mut raw);
    assert!(record.contains(r#""public.vault.c_text" "revealed""#), "{record}");
    assert!(explained().contains(&format!("t: revealed (grant 1)  {both}")), "{}", explained());
    let all = raw.query(&written(&list, &(show("v.t") + " WHERE v.t <> '' ORDER BY v.t")));
    let first = shop.server.sql("shop", "SELECT ssn FROM customers WHERE id = 1").trim().to_owned();
    assert_eq!(column(&all), [first, original]);
}

/// A partition goes with its table; a place in a document is one of the domain's columns.
#[test]
fn what_a_token_could_be_is_all_that_has_its_mask() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE folk (id int, ssn text) PARTITION BY LIST (id); \
         CREATE TABLE folk_1 PARTITION OF folk DEFAULT; CREATE TABLE files (id int, body jsonb); \
         INSERT INTO folk VALUES (1, 'of folk'); INSERT INTO files VALUES (1, '{\"ssn\": \"of files\"}'); \
         GRANT SELECT ON folk, files TO ana, sam",
    );
    let policy = r#"
        [[protect]]
        column = "public.folk.ssn"
        method = "token"
        domain = "ssn"
        [[protect]]
        column = "public.files.body"
        path = "$.ssn"
        method = "token"
        domain = "ssn"
    "#;
    let seen_of = |more: &str| {
        let role = format!("[[role]]\nname = \"seers\"\nmembers = [\"ana\", \"root\"]\nunmask = [{more}]\n");
        let bauta = Bauta::start(&server, &format!("{policy}\n{role}"));
        let mut raw = Raw::connect(bauta.port, "sam");
        let token = first(&raw.query("SELECT body ->> 'ssn' FROM files"));
        let sql = format!("SELECT v.t FROM (VALUES ('{token}')) v (t) LEFT JOIN folk ON ssn = v.t");
        let shown = first(&Raw::connect(bauta.port, "ana").query(&sql));
        let resolved = bauta.cli(&["token", "resolve", &token, "--column", "public.folk.ssn"]);
        (shown == token, shown, resolved.stdout.trim().to_owned() + &resolved.stderr)
    };
    let (is_masked, _, resolved) = seen_of("\"public.folk.ssn\"");
    assert!(is_masked);
    assert!(resolved.contains("no live grant on public.files.body $.ssn"), "{resolved}");
    let (_, shown, resolved) = seen_of("\"public.folk.ssn\", \"public.files.body\"");
    assert_eq!((&*shown, &*resolved), ("of files", "of files"));
}

/// Beside values of the client's choice, a token would tell by what the mask tells, who
/// is equal, which of them it stands for.
#[test]
fn a_list_under_a_grant_on_one_column_holds_tokens_alone_or_none() {
    let (shop, mut raw) = Shop::open();
    let (own, other) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "c_text", "vault", 1));
    shop.grant("public.customers.*");
    let two = |a: &str, b: &str| {
        format!(
            "SELECT count(*) FROM (VALUES ({a})) a (t) JOIN (VALUES ({b})) b (t) ON a.t = b.t \
             WHERE a.t NOT IN (SELECT ssn FROM customers) OR b.t NOT IN (SELECT ssn FROM customers)"
        )
    };
    let one = |values: &str| {
        format!(
            "SELECT count(DISTINCT t) FROM (VALUES {values}) v (t) WHERE t NOT IN (SELECT ssn FROM customers)"
        )
    };
    let given = |value: &str| format!("'{value}'");
    let mixed = [
        two(&given("raw-text"), &given(&other)),
        two(&given(&other), &given("raw-text")),
        one(&format!("('raw-text'), ('{other}')")),
        one(&format!("('raw-text'), ('{own}')")),
        one(&format!("('raw-text'), (NULL), ('{other}')")),
        one("('raw-text')") + &format!(" AND t = '{other}'"),
        one("('raw-text')") + &format!(" AND t IN ('{other}')"),
        one("('raw-text')") + &format!(" AND t = ANY (ARRAY['{other}'])"),
        format!(
            "INSERT INTO customers (id, name, ssn) SELECT id, 'x', t FROM (VALUES (900, 'raw-text'), (901, '{other}')) v (id, t)"
        ),
    ];
    for sql in &mixed {
        for frames in [raw.query(sql), raw.exchange(&extended(sql, &[], &[]))] {
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {}", text(&frames));
        }
    }
    let of_two = two("$1", "$2");
    let run = |a: &str, b: &str| extended(&of_two, &[], &[Some(a), Some(b)]);
    for (a, b) in [("raw-text", &*other), (&other, "raw-text"), ("raw-text", &own)] {
        assert_eq!(error(&raw.exchange(&run(a, b))).as_deref(), Some("42501"));
    }
    let literal = two("$1", &given(&other));
    let half = |value: &str| extended(&literal, &[], &[Some(value)]);
    assert_eq!(error(&raw.exchange(&half("raw-text"))).as_deref(), Some("42501"));
    // An array is one or the other as a whole.
    let array = format!(
        "SELECT count(DISTINCT t) FROM unnest('{{raw-text,{other}}}'::text[]) t WHERE t NOT IN (SELECT ssn FROM customers)"
    );
    assert_eq!(column(&raw.query(&array)), ["2"]);
    for (a, b, equal) in [("x", "x", "1"), ("raw-text", "x", "0"), (&other, &other, "1"), (&own, &other, "0")]
    {
        for frames in [raw.query(&two(&given(a), &given(b))), raw.exchange(&run(a, b))] {
            assert_eq!((error(&frames), column(&frames)), (None, vec![equal.to_owned()]), "{a} {b}");
        }
    }
    assert_eq!(column(&raw.exchange(&half(&other))), ["1"]);
    // A portal goes on as it was bound.
    let portal = "SELECT v.t FROM (VALUES ($1), ($2), ($3)) v (t) LEFT JOIN customers ON ssn = v.t ORDER BY v.t IS NULL";
    for (values, shown) in [
        ([Some("raw-text"), Some("raw-text"), None], ["***", "***", "NULL"]),
        ([Some(&*other), Some(&*other), None], [&*other, &*other, "NULL"]),
    ] {
        raw.query("BEGIN");
        let bound =
            [m::parse("", portal, &[]), m::bind("p", "", &values, &[]), m::execute("p", 1), m::sync()];
        let mut all = column(&raw.exchange(&bound.concat()));
        for _ in 0..2 {
            all.extend(column(&raw.exchange(&[m::execute("p", 1), m::sync()].concat())));
        }
        assert_eq!(all, shown);
        raw.query("ROLLBACK");
    }
    let second = shop.grant("public.vault.*");
    for sql in mixed.iter().filter(|sql| sql.starts_with("SELECT")) {
        assert_eq!(error(&raw.query(sql)), None, "{sql}");
    }
    assert_eq!(column(&raw.exchange(&run("raw-text", &other))), ["1"]);
    // What a cursor answers by the grant ends with it.
    raw.query("BEGIN");
    let list = one(&format!("('raw-text'), ('{other}')")).replace("count(DISTINCT t)", "DISTINCT t IS NULL");
    assert_eq!(error(&raw.query(&format!("DECLARE k CURSOR FOR {list}"))), None);
    shop.bauta.cli_ok(&["revoke", &second]);
    assert_eq!(error(&raw.query("FETCH ALL FROM k")).as_deref(), Some("42501"));
    raw.query("ROLLBACK");
    assert_eq!(error(&raw.query(&mixed[0])).as_deref(), Some("42501"));
}

/// Each number is somebody's token, so that the one who sees a column lists values.
#[test]
fn a_number_in_a_list_shows_no_token_under_a_grant_on_one_column() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE TABLE wage (id int, n int); INSERT INTO wage VALUES (1, 7); GRANT ALL ON wage TO ana, sam",
    );
    let policy = r#"
        [[protect]]
        columns = ["public.wage.n", "public.vault.c_int4"]
        method = "token"
        domain = "n"
        [[role]]
        name = "one"
        members = ["ana"]
        unmask = ["public.wage.n"]
        export = true
    "#;
    let bauta = Bauta::start(&server, policy);
    let (mut none, mut one) = (Raw::connect(bauta.port, "sam"), Raw::connect(bauta.port, "ana"));
    let token = first(&none.query("SELECT c_int4 FROM vault WHERE id = 1"));
    let sql = |value: &str| format!("SELECT v.t FROM (VALUES ({value})) v (t) LEFT JOIN wage ON n = v.t");
    assert_eq!(first(&none.query(&sql(&token))), token);
    let bound = extended(&sql("$1"), &[23], &[Some("123456789")]);
    for frames in [one.query(&sql("123456789")), one.query(&sql(&token)), one.exchange(&bound)] {
        assert_eq!((error(&frames), first(&frames)), (None, "0".to_owned()));
    }
    let insert = "INSERT INTO wage (id, n) SELECT * FROM unnest('{2,3}'::int[], '{8,9}'::int[])";
    assert_eq!(error(&one.query(insert)), None);
    assert_eq!(server.sql("shop", "SELECT sum(n) FROM wage").trim(), "24");
}

/// Who sees one table of a domain fills that table with new values.
#[test]
fn new_values_are_stored_in_bulk_by_who_sees_their_column() {
    let (shop, mut raw) = Shop::open();
    let token = token(&mut raw, "ssn", "customers", 1);
    let original = shop.server.sql("shop", "SELECT ssn FROM customers WHERE id = 1").trim().to_owned();
    let columns = ["--column", "public.customers.*", "--for", "1h", "--reason", "load"];
    shop.bauta.cli_ok(&[&["grant", "ana", "--export"][..], &columns].concat());
    let arrays = "INSERT INTO customers (id, name, ssn) SELECT * FROM unnest($1::int[], '{a,b}'::text[], $2::text[]) RETURNING ssn";
    let rows = "INSERT INTO customers (id, name, ssn) SELECT p0::int, 'x', p1::varchar FROM (VALUES ($1::int, $2::varchar, 0), ($3::int, $4::varchar, 1)) AS made (p0, p1, n) ORDER BY n RETURNING ssn";
    for (sql, values, seen) in [
        (arrays, vec![Some("{800,801}"), Some("{new-1,new-2}")], ["new-1", "new-2"]),
        (rows, vec![Some("802"), Some("new-3"), Some("803"), None], ["new-3", "NULL"]),
        (rows, vec![Some("804"), Some(&token), Some("805"), None], [&original, "NULL"]),
    ] {
        let frames = raw.exchange(&extended(sql, &[], &values));
        assert_eq!(error(&frames), None, "{sql}: {}", text(&frames));
        assert_eq!(column(&frames), seen, "{sql}");
    }
    for sql in [
        "INSERT INTO customers (id, name, ssn) SELECT * FROM (VALUES (810, 'x', 'new-4'), (811, 'y', NULL)) v (i, n, t)",
        "INSERT INTO customers (id, name, ssn) SELECT * FROM unnest('{812,813}'::int[], '{a,b}'::text[], '{new-5,new-6}'::text[])",
        "INSERT INTO customers (id, name, ssn) SELECT i, 'x', t FROM (VALUES (814, 'new-4'), (815, 'new-7')) v (i, t) \
         WHERE NOT EXISTS (SELECT FROM customers c WHERE c.ssn = v.t)",
        "UPDATE customers c SET ssn = v.t FROM (VALUES (811, 'new-8')) v (i, t) WHERE c.id = v.i",
        "SELECT c.id FROM customers c JOIN (VALUES ('new-4'), ('new-5')) v (t) ON c.ssn = v.t",
    ] {
        let frames = raw.query(sql);
        assert_eq!(error(&frames), None, "{sql}: {}", text(&frames));
    }
    let stored = "SELECT string_agg(coalesce(ssn, '-'), ' ' ORDER BY id) FROM customers WHERE id >= 800";
    let expected = format!("new-1 new-2 new-3 - {original} - new-4 new-8 new-5 new-6 new-7");
    assert_eq!(shop.server.sql("shop", stored).trim(), expected);
}

/// What SQLAlchemy sends for new records: a column that has no value yet is NULL
/// in each row, whatever its mask; numbers are cast to the column's own type.
#[test]
fn nulls_and_numbers_in_a_list_are_stored() {
    let (shop, mut raw) = Shop::open();
    let (one, number) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "c_int8", "vault", 1));
    let original = shop.server.sql("shop", "SELECT c_int8 FROM vault WHERE id = 1").trim().to_owned();
    let insert = |rows: &str| {
        format!(
            "INSERT INTO customers (id, name, email, salary, birth_date, ssn) SELECT p0::INTEGER, p1::VARCHAR, p2::VARCHAR, \
             p3::NUMERIC(10, 2), p4::DATE, p5::VARCHAR FROM (VALUES {rows}) AS imp_sen(p0, p1, p2, p3, p4, p5, sen_counter) \
             ORDER BY sen_counter RETURNING customers.id, customers.id AS id__1"
        )
    };
    let bound = insert(
        "($1::INTEGER, $2::VARCHAR, $3::VARCHAR, $4, $5::DATE, $6::VARCHAR, 0), \
         ($7::INTEGER, $8::VARCHAR, $9::VARCHAR, $10, $11::DATE, $12::VARCHAR, 1)",
    );
    let run = |email: Option<&str>| {
        let row = |id| [Some(id), Some("x"), None, None, None, Some(&*one)];
        let mut values = [row("900"), row("901")].concat();
        values[8] = email;
        extended(&bound, &[], &values)
    };
    assert_eq!(error(&raw.exchange(&run(Some("a@b.org")))).as_deref(), Some("42501"));
    let frames = raw.exchange(&run(None));
    assert_eq!(error(&frames), None, "{}", text(&frames));
    let spelled = insert(&format!(
        "(902, 'x', NULL, NULL::NUMERIC, NULL, '{one}', 0), (903, 'x', NULL, NULL, NULL, NULL, 1)"
    ));
    assert_eq!(error(&raw.query(&spelled)), None);
    let seen = "SELECT count(*), count(email), count(salary), count(ssn) FROM customers WHERE id >= 900";
    assert_eq!(shop.server.sql("shop", seen).trim(), "4|0|0|3");

    let numbers = |rows: &str| {
        format!(
            "INSERT INTO vault (id, c_int8) SELECT p0::INTEGER, p1::BIGINT FROM (VALUES {rows}) AS l (p0, p1, n) ORDER BY n"
        )
    };
    assert_eq!(error(&raw.query(&numbers(&format!("(900, {number}, 0), (901, NULL, 1)")))), None);
    let sent = extended(&numbers("($1::INTEGER, $2::BIGINT, 0)"), &[], &[Some("902"), Some(&number)]);
    assert_eq!(error(&raw.exchange(&sent)), None);
    let stored = shop.server.sql(
        "shop",
        "SELECT string_agg(coalesce(c_int8::text, '-'), ' ' ORDER BY id) FROM vault WHERE id >= 900",
    );
    assert_eq!(stored.trim(), format!("{original} - {original}"));
    // INSERT … SELECT of parameters, as a guarded insert is written.
    let guarded = "INSERT INTO customers (id, name, email) SELECT $1::int, $2, $3::text WHERE NOT EXISTS (SELECT FROM customers WHERE id = $1::int)";
    for (email, code) in [(Some("a@b.org"), Some("42501")), (None, None)] {
        let frames = raw.exchange(&extended(guarded, &[], &[Some("910"), Some("x"), email]));
        assert_eq!(error(&frames).as_deref(), code, "{}", text(&frames));
    }
    for sql in [
        // A value, a computation, a choice or another cast is none of these.
        insert("(920, 'x', 'a@b.org', NULL, NULL, NULL, 0)"),
        insert("(920, 'x', coalesce(NULL, 'a@b.org'), NULL, NULL, NULL, 0)"),
        numbers("(920, length('abc'), 0)"),
        numbers(&format!("(920, '{number}'::numeric, 0)")),
        format!("INSERT INTO vault (id, c_int8) SELECT 920, p1::int FROM (VALUES ({number})) AS l (p1)"),
        format!(
            "INSERT INTO vault (id, c_int8) SELECT 920, p1::bigint + 1 FROM (VALUES ({number})) AS l (p1)"
        ),
    ] {
        for frames in [raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))] {
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {}", text(&frames));
        }
    }
    assert_eq!(shop.server.sql("shop", "SELECT count(*) FROM vault WHERE id = 920").trim(), "0");
    // A cast to a column's own type shows the column's mask.
    let own = "SELECT c_int8::bigint, c_int8 FROM vault WHERE id = 1";
    assert_eq!(rows(&raw.query(own)), [[Some(number.clone()), Some(number)]]);
}

/// Django writes many rows at once as arrays, one for each column.
#[test]
fn arrays_of_tokens_and_of_nulls_are_stored() {
    let (shop, mut raw) = Shop::open();
    let (one, two) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "ssn", "customers", 2));
    let number = token(&mut raw, "c_int8", "vault", 1);
    let stored = |what: &str, table: &str, from: u32| {
        let sql = format!(
            "SELECT string_agg(coalesce({what}::text, '-'), ' ' ORDER BY id) FROM {table} WHERE id >= {from}"
        );
        shop.server.sql("shop", &sql).trim().to_owned()
    };
    let original = |column: &str, table: &str, id: u32| {
        shop.server.sql("shop", &format!("SELECT {column} FROM {table} WHERE id = {id}")).trim().to_owned()
    };
    let ssns = format!("{} {}", original("ssn", "customers", 1), original("ssn", "customers", 2));
    let insert = |ids: &str, emails: &str, ssns: &str| {
        format!(
            "INSERT INTO \"customers\" (\"id\", \"name\", \"email\", \"ssn\") SELECT * FROM UNNEST(({ids})::integer[], \
             ('{{a,b}}')::varchar[], ({emails})::text[], ({ssns})::text[]) RETURNING \"customers\".\"id\""
        )
    };
    let tokens = format!("'{{{one},{two}}}'");
    for (from, sql, expected) in [
        (700, insert("'{700,701}'::int4[]", "'{NULL,NULL}'", "'{NULL,NULL}'"), "- -"),
        (710, insert("'{710,711}'::int4[]", "'{NULL,null}'", &tokens), &*ssns),
        (715, insert("'{715,716}'", "ARRAY[NULL, NULL]", &tokens), &*ssns),
        (720, insert("'{720,721}'", "'{NULL,NULL}'", &format!("{tokens}::varchar[]")), &*ssns),
    ] {
        for setting in ["array_nulls = on", "array_nulls = off"] {
            raw.query("BEGIN");
            raw.query(&format!("SET LOCAL {setting}"));
            let frames = raw.query(&sql);
            assert_eq!(error(&frames), None, "{sql}: {}", text(&frames));
            assert_eq!(column(&frames), [from.to_string(), (from + 1).to_string()]);
            raw.query(if setting.ends_with("off") { "COMMIT" } else { "ROLLBACK" });
        }
        assert_eq!(stored("ssn", "customers", from), expected);
        assert_eq!(stored("email", "customers", from), "- -");
        shop.server.sql("shop", &format!("DELETE FROM customers WHERE id >= {from}"));
    }
    let sql = format!(
        "INSERT INTO vault (id, c_int8) SELECT * FROM unnest('{{700,701}}'::int[], '{{{number},{number}}}'::bigint[])"
    );
    assert_eq!(error(&raw.query(&sql)), None);
    assert_eq!(stored("c_int8", "vault", 700), vec![original("c_int8", "vault", 1); 2].join(" "));
    // Bound, and compared.
    let list = format!("{{{one},{two}}}");
    let bound = insert("$1", "$2", "$3");
    let frames = raw.exchange(&extended(&bound, &[], &[Some("{730,731}"), None, Some(&list)]));
    assert_eq!((error(&frames), stored("ssn", "customers", 730)), (None, ssns.clone()));
    shop.server.sql("shop", "DELETE FROM customers WHERE id >= 730");
    let found = "SELECT c.id FROM customers c JOIN unnest($1::text[]) WITH ORDINALITY AS l (t, n) ON c.ssn = l.t ORDER BY n";
    assert_eq!(column(&raw.exchange(&extended(found, &[], &[Some(&list)]))), ["1", "2"]);
    let shown =
        format!("SELECT t FROM customers c JOIN unnest({tokens}::text[]) t ON c.ssn = t ORDER BY c.id");
    assert_eq!(column(&raw.query(&shown)), [one.clone(), two.clone()]);

    let first = original("ssn", "customers", 1);
    for sql in [
        insert("'{740,741}'", "'{NULL,a@b.org}'", "'{NULL,NULL}'"),
        insert("'{740,741}'", "'{NULL,\"NULL\"}'", "'{NULL,NULL}'"),
        insert("'{740,741}'", "'{NULL, NULL }'", "'{NULL,x}'"),
        insert("'{740,741}'", "'NULL'", "'{NULL,NULL}'"),
        insert("'{740,741}'", "ARRAY[NULL, 'x']", "'{NULL,NULL}'"),
        insert("'{740,741}'", &tokens, "'{NULL,NULL}'"),
        insert("'{740,741}'", "'{NULL,NULL}'", &format!("'{{{first},{one}}}'")),
        // The server may read a text for NULL.
        insert("'{740,741}'", "'{NULL,NULL}'", &format!("'{{{one},NULL}}'")),
        insert("'{740,741}'", "'{NULL,NULL}'", &format!("{tokens}::varchar(3)[]")),
        insert("'{740,741}'", "'{NULL,NULL}'", &format!("{tokens}::name[]")),
        insert("'{740,741}'", "'{NULL,NULL}'", &format!("{tokens}::text[] || '{{x}}'::text[]")),
        format!("INSERT INTO customers (id, name, ssn) SELECT 740, t, t FROM unnest({tokens}::text[]) t"),
        "INSERT INTO customers (id, name, email) SELECT 740, 'x', t FROM unnest('{NULL,a}'::text[]) t".to_owned(),
        "INSERT INTO customers (id, name, email) SELECT 740, 'x', coalesce(t, 'a') FROM unnest('{NULL}'::text[]) t".to_owned(),
        "INSERT INTO customers (id, name, email) VALUES (740, 'x', '{NULL}')".to_owned(),
        "INSERT INTO customers (id, name, email) SELECT 740, 'x', t FROM (VALUES ('{NULL}')) l (t)"
            .to_owned(),
        format!("SELECT 1 FROM customers c JOIN unnest({tokens}::text[]) t ON c.ssn = t AND t LIKE '0%'"),
        format!("SELECT 1 FROM customers c JOIN unnest({tokens}::text[]) t ON c.ssn = t AND t = c.name"),
        format!("SELECT 1 FROM customers c JOIN unnest('{{{first}}}'::text[]) t ON c.ssn = t"),
    ] {
        for frames in [raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))] {
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {}", text(&frames));
        }
    }
    for (emails, ssns) in [(Some("{NULL,x}"), None), (Some("{NULL,NULL}"), None), (None, Some("{x,NULL}"))] {
        let frames = raw.exchange(&extended(&bound, &[], &[Some("{740,741}"), emails, ssns]));
        assert_eq!(error(&frames).as_deref(), Some("42501"), "{emails:?} {ssns:?}");
    }
    for what in ["t || 'x'", "length(t)", "md5(t)", "min(t)", "array_agg(t)"] {
        let sql = format!("SELECT {what} FROM customers c JOIN unnest({tokens}::text[]) t ON c.ssn = t");
        let frames = raw.query(&sql);
        assert!(!text(&frames).contains(&first), "{sql}");
    }
    assert_eq!(stored("ssn", "customers", 740), "");
}

/// `array_nulls = off` makes a text of each NULL in an array's text.
#[test]
fn no_null_in_an_array_is_a_guess() {
    let (shop, mut raw) = Shop::open();
    let one = token(&mut raw, "ssn", "customers", 1);
    shop.server.sql("shop", "UPDATE customers SET ssn = 'NULL' WHERE id = 2");
    raw.query("SET array_nulls = off");
    for list in ["{NULL}".to_owned(), format!("{{{one},null}}")] {
        let spelled = format!("SELECT id FROM customers WHERE ssn = ANY ('{list}')");
        let bound = extended("SELECT id FROM customers WHERE ssn = ANY ($1)", &[], &[Some(&list)]);
        for frames in [raw.query(&spelled), raw.exchange(&bound)] {
            assert_eq!(error(&frames).as_deref(), Some("42501"), "{list}");
        }
    }
}
