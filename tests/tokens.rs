//! Tokens lead back: a client that does not see a column uses its tokens as
//! values, in every protocol path, and learns nothing from it.
//!
//! Method: a token is read off a result and given back; what a direct session
//! finds by the original must come. Whatever else is given is refused, and no
//! original may be found in anything that comes back.

use super::harness::{Bauta, Frame, Raw, Relay, Server, message as m};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.customers.ssn", "public.vault.c_text"]
    method = "token"
    domain = "ssn"
    [[protect]]
    column = "public.vault.c_int4"
    method = "token"
    [[protect]]
    column = "public.vault.c_int8"
    method = "token"
    [[protect]]
    column = "public.vault.c_uuid"
    method = "token"
    [[protect]]
    column = "public.customers.phone"
    method = "fpe"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    [[role]]
    name = "case workers"
    members = ["root"]
    unmask = ["public.customers.phone"]
    [[role]]
    name = "analyst"
    members = ["ana"]
    request = ["public.customers.*"]
"#;

pub(crate) fn rows(frames: &[Frame]) -> Vec<Vec<Option<String>>> {
    let text = |v: Option<Vec<u8>>| v.map(|v| String::from_utf8_lossy(&v).into_owned());
    frames.iter().filter(|f| f.tag == b'D').map(|f| f.columns().into_iter().map(text).collect()).collect()
}

pub(crate) fn first(frames: &[Frame]) -> String {
    rows(frames).first().unwrap_or_else(|| panic!("no row: {frames:?}"))[0].clone().unwrap()
}

pub(crate) fn column(frames: &[Frame]) -> Vec<String> {
    rows(frames).into_iter().map(|row| row[0].clone().unwrap_or_else(|| "NULL".to_owned())).collect()
}

pub(crate) fn error(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|f| f.tag == b'E').map(|f| f.field(b'C').unwrap())
}

pub(crate) fn tags(frames: &[Frame]) -> String {
    frames.iter().map(|f| char::from(f.tag)).collect()
}

pub(crate) struct Shop {
    pub server: Server,
    pub bauta: Bauta,
}

impl Shop {
    pub(crate) fn open() -> (Self, Raw) {
        let server = Server::start();
        let bauta = Bauta::start(&server, POLICY);
        let raw = Raw::connect(bauta.port, "ana");
        (Self { server, bauta }, raw)
    }

    fn direct(&self) -> Raw {
        Raw::connect(self.server.port(), "ana")
    }

    pub(crate) fn grant(&self, column: &str) -> String {
        let line = self
            .bauta
            .cli_ok(&["grant", "ana", "--column", column, "--for", "1h", "--reason", "test", "--json"]);
        let grant: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
        grant["id"].to_string()
    }
}

/// What a session sees of one value.
pub(crate) fn token(raw: &mut Raw, column: &str, table: &str, id: u32) -> String {
    first(&raw.query(&format!("SELECT {column} FROM {table} WHERE id = {id}")))
}

/// Parameters with one format code for all.
pub(crate) fn bind(statement: &str, values: &[&[u8]], format: u16) -> Vec<u8> {
    let mut body = [b"\0", statement.as_bytes(), b"\0"].concat();
    body.extend([0, 1]);
    body.extend(format.to_be_bytes());
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        body.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
    }
    body.extend([0, 0]);
    m::framed(b'B', &body)
}

pub(crate) fn extended(sql: &str, types: &[u32], values: &[Option<&str>]) -> Vec<u8> {
    [
        m::parse("", sql, types),
        m::bind("", "", values, &[]),
        m::describe(b'P', ""),
        m::execute("", 0),
        m::sync(),
    ]
    .concat()
}

/// What is bound in a failed transaction fails anyway: the server only keeps it in
/// memory for a while.
#[test]
fn no_original_goes_where_the_transaction_has_failed() {
    let server = Server::start();
    let network = Relay::to(server.port());
    let policy = format!("upstream.address = \"127.0.0.1:{}\"\n{POLICY}", network.port);
    let bauta = Bauta::start(&server, &policy);
    let mut ana = Raw::connect(bauta.port, "ana");
    let original =
        first(&Raw::connect(server.port(), "postgres").query("SELECT ssn FROM customers WHERE id = 1"));
    let token = token(&mut ana, "ssn", "customers", 1);
    let find = "SELECT id FROM customers WHERE ssn = $1";
    ana.exchange(&[m::parse("found", find, &[]), m::sync()].concat());
    let bound = [bind("found", &[token.as_bytes()], 0), m::execute("", 0), m::sync()].concat();
    let literal = format!("SELECT id FROM customers WHERE ssn = '{token}'");
    ana.query("BEGIN");
    assert_eq!(error(&ana.query("SELECT 1 / 0")).as_deref(), Some("22012"));
    for _ in 0..2 {
        assert_eq!(error(&ana.exchange(&bound)).as_deref(), Some("25P02"));
        assert_eq!(error(&ana.query(&literal)).as_deref(), Some("25P02"));
        assert!(!network.has_heard(original.as_bytes()));
    }
    let behind = [m::close(b'S', "none"), bound.clone()].concat();
    assert_eq!(error(&ana.exchange(&behind)).as_deref(), Some("25P02"));
    assert!(!network.has_heard(original.as_bytes()), "a Close in front of it ends no block");
    ana.query("ROLLBACK");
    assert_eq!(column(&ana.exchange(&bound)), ["1"]);
    assert!(network.has_heard(original.as_bytes()));
}

/// PostgreSQL counts parameters in 16 bits, and so do we.
#[test]
fn the_last_parameter_that_there_can_be_stands_for_a_token() {
    let (shop, mut raw) = Shop::open();
    let one = token(&mut raw, "ssn", "customers", 1);
    let sql = "SELECT id FROM customers WHERE ssn = $65535";
    // Nobody says of which type the others are.
    let parse = [m::parse("", sql, &[]), m::sync()].concat();
    let (seen, direct) = (raw.exchange(&parse), shop.direct().exchange(&parse));
    assert_eq!(error(&seen), error(&direct), "{seen:?}");
    let mut values = vec![None; 65_535];
    *values.last_mut().unwrap() = Some(one.as_str());
    let types = [25; 65_535];
    assert_eq!(column(&raw.exchange(&extended(sql, &types, &values))), ["1"]);
    // One more, for the token in the text, would be too many.
    let more = format!("{sql} OR ssn = '{one}'");
    assert_eq!(error(&raw.exchange(&extended(&more, &types, &values))).as_deref(), Some("54000"));
    assert_eq!(first(&raw.query("SELECT 1")), "1");
}

#[test]
fn a_token_finds_its_row_in_a_simple_query() {
    let (shop, mut raw) = Shop::open();
    let (one, two) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "ssn", "customers", 2));
    assert!(one.starts_with("tok_"), "{one}");
    for (sql, ids) in [
        (format!("SELECT id FROM customers WHERE ssn = '{one}'"), "1"),
        (format!("SELECT id FROM customers WHERE '{one}'=ssn"), "1"),
        (format!("SELECT id FROM customers c WHERE c.ssn IN ('{one}','{two}') ORDER BY id"), "1 2"),
        (format!("SELECT id FROM customers WHERE ssn <> '{one}' AND id < 4 ORDER BY id"), "2 3"),
        (format!("SELECT id FROM customers WHERE ssn NOT IN ('{one}', '{two}') AND id < 4"), "3"),
        (format!("SELECT id FROM customers WHERE ssn = ANY ('{{{one},{two}}}') ORDER BY id"), "1 2"),
        (
            format!("SELECT id FROM customers WHERE ssn = ANY (ARRAY['{one}','{two}']::text[]) ORDER BY 1"),
            "1 2",
        ),
        (format!("SELECT id FROM customers WHERE ssn <> ALL (ARRAY['{one}']) AND id < 3"), "2"),
        (format!("SELECT id FROM customers WHERE ssn = '{one}'::text"), "1"),
        (format!("SELECT id FROM customers WHERE ssn = CAST('{one}' AS varchar)"), "1"),
        (format!("SELECT id FROM customers WHERE (ssn, id) = ('{one}', 1)"), "1"),
        (format!("SELECT id FROM customers WHERE ssn IS NOT DISTINCT FROM '{one}'"), "1"),
        (
            format!(
                "SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id AND c.ssn='{two}'AND o.id<60 ORDER BY o.id"
            ),
            "27",
        ),
        (format!("SELECT count(*) FROM customers GROUP BY ssn HAVING ssn = '{one}'"), "1"),
        (format!("WITH x AS (SELECT id, ssn FROM customers) SELECT id FROM x WHERE ssn = '{one}'"), "1"),
        (format!("DELETE FROM customers WHERE ssn = '{one}' AND false RETURNING id"), ""),
        (format!("UPDATE customers SET name = 'Zoe' WHERE ssn = '{two}' RETURNING id"), "2"),
    ] {
        let frames = raw.query(&sql);
        assert_eq!(
            error(&frames),
            None,
            "{sql}: {:?}",
            frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'M'))
        );
        assert_eq!(column(&frames).join(" "), ids, "{sql}");
        assert_eq!(tags(&frames).replace('D', ""), "TCZ", "{sql}");
    }
    let frames = raw.query(&format!("UPDATE customers SET name = 'Zoe' WHERE ssn = '{two}'"));
    assert_eq!(tags(&frames), "CZ");
    assert_eq!(shop.server.sql("shop", "SELECT name FROM customers WHERE id = 2").trim(), "Zoe");
}

/// What is no token, or would carry an original elsewhere, is refused as a
/// literal always was.
#[test]
fn anything_but_a_token_is_refused_and_no_original_gets_elsewhere() {
    let (shop, mut raw) = Shop::open();
    let one = token(&mut raw, "ssn", "customers", 1);
    let phone = token(&mut raw, "phone", "customers", 1);
    let original = shop.server.sql("shop", "SELECT ssn FROM customers WHERE id = 1").trim().to_owned();
    let mut forged = one.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let refused = [
        format!("SELECT id FROM customers WHERE ssn = '{original}'"),
        format!("SELECT id FROM customers WHERE ssn = '{forged}'"),
        format!("SELECT id FROM customers WHERE ssn = '{phone}'"),
        "SELECT id FROM customers WHERE ssn = 'tok_'".to_owned(),
        format!("SELECT id FROM customers WHERE ssn = '{one} '"),
        format!("SELECT id FROM customers WHERE ssn IN ('{one}', '{original}')"),
        format!("SELECT id FROM customers WHERE ssn = ANY ('{{{one},{original}}}')"),
        format!("SELECT id FROM customers WHERE ssn = ANY (ARRAY['{one}', name])"),
        format!("SELECT id FROM customers WHERE ssn = 'tok_' || '{}'", &one[4..]),
        format!("SELECT id FROM customers WHERE ssn = lower('{one}')"),
        format!("SELECT id FROM customers WHERE ssn LIKE '{one}'"),
        format!("SELECT id FROM customers WHERE ssn > '{one}'"),
        format!("SELECT id FROM customers WHERE ssn = '{one}' COLLATE \"C\""),
        format!("SELECT id FROM customers WHERE ssn COLLATE \"C\" = '{one}'"),
        format!("SELECT id FROM customers WHERE lower(ssn) = '{one}'"),
        format!("SELECT id FROM customers WHERE ssn = text '{one}'"),
        format!("SELECT id FROM customers WHERE ssn = E'{one}'"),
        format!("SELECT id FROM customers WHERE ssn = (SELECT '{one}'::text)"),
        format!("SELECT id FROM customers WHERE ssn IN (SELECT '{one}'::text)"),
        format!("SELECT id FROM customers WHERE ssn = CASE WHEN true THEN '{one}' END"),
        format!("SELECT id FROM customers WHERE ssn = coalesce('{one}', 'x')"),
        format!("SELECT id FROM customers WHERE '{one}' IN (ssn, name)"),
        format!("SELECT id FROM customers WHERE ('{one}', 1) IN ((ssn, 1), (name, 1))"),
        format!("SELECT CASE '{one}' WHEN ssn THEN 1 WHEN name THEN 2 END FROM customers"),
        format!("SELECT NULLIF('{one}', ssn) FROM customers"),
        format!("SELECT ssn FROM customers INTERSECT SELECT '{one}'"),
        format!("COPY (SELECT id FROM customers WHERE ssn = '{one}') TO STDOUT"),
        format!("CREATE TABLE stolen AS SELECT id FROM customers WHERE ssn = '{one}'"),
        format!("EXPLAIN ANALYZE SELECT id FROM customers WHERE ssn = '{one}'"),
    ];
    for sql in refused {
        let frames = raw.query(&sql);
        assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {frames:?}");
        let frames = raw.exchange(&extended(&sql, &[], &[]));
        assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql} (extended)");
    }
    // Blanks at the end would count no more.
    let by = "SELECT id FROM customers WHERE ssn = $1";
    let frames = raw.exchange(&extended(by, &[1042], &[Some(&one)]));
    assert_eq!(error(&frames).as_deref(), Some("42501"), "{frames:?}");
    for literal in [one.as_str(), "x"] {
        let frames = raw.query(&format!("COPY (SELECT id FROM customers WHERE ssn = '{literal}') TO STDOUT"));
        assert!(frames[0].field(b'D').unwrap().contains("COPY takes no tokens"), "{frames:?}");
    }
    // The message is that of any literal.
    let told = |frames: Vec<Frame>| frames[0].body.clone();
    assert_eq!(
        told(raw.query(&format!("SELECT id FROM customers WHERE ssn = '{forged}'"))),
        told(raw.query("SELECT id FROM customers WHERE ssn = 'x'")),
    );
    for sql in [
        format!("PREPARE q AS SELECT id FROM customers WHERE ssn = '{one}'"),
        format!("SELECT 1; SELECT id FROM customers WHERE ssn = '{one}'"),
        format!("BEGIN; CREATE TABLE t0 (i int); SELECT id FROM customers WHERE ssn = '{one}'"),
    ] {
        assert_eq!(error(&raw.query(&sql)).as_deref(), Some("0A000"), "{sql}");
    }
    // After DDL in the same transaction a name may mean another table.
    raw.query("BEGIN");
    assert_eq!(error(&raw.query("CREATE TEMP TABLE guesses (ssn text)")), None);
    let frames = raw.query(&format!("SELECT id FROM customers WHERE ssn = '{one}'"));
    assert_eq!(error(&frames).as_deref(), Some("0A000"));
    raw.query("ROLLBACK");
    assert_eq!(first(&raw.query(&format!("SELECT id FROM customers WHERE ssn = '{one}'"))), "1");
}

#[test]
fn the_statements_text_never_holds_an_original() {
    let (shop, mut raw) = Shop::open();
    let one = token(&mut raw, "ssn", "customers", 1);
    let original = shop.server.sql("shop", "SELECT ssn FROM customers WHERE id = 1").trim().to_owned();
    let seen = |frames: &[Frame]| {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.body.clone()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    raw.query("SET log_parameter_max_length_on_error = -1");
    raw.query("SET client_min_messages = log");
    raw.query("SET log_min_duration_statement = 0");
    for sql in [
        format!("SELECT current_query() FROM customers WHERE ssn = '{one}'"),
        format!(
            "SELECT query FROM pg_stat_activity, customers WHERE pid = pg_backend_pid() AND ssn = '{one}'"
        ),
        format!(
            "SELECT statement, parameter_types FROM pg_prepared_statements, customers WHERE ssn = '{one}'"
        ),
        format!("SELECT statement FROM pg_cursors, customers WHERE ssn = '{one}'"),
        format!("SELECT 1 / (id - 1) FROM customers WHERE ssn = '{one}'"),
        format!("SELECT name::int FROM customers WHERE ssn = '{one}'"),
        format!("SELECT ssn, email, nothing FROM customers WHERE ssn = '{one}'"),
        format!("UPDATE customers SET id = NULL WHERE ssn = '{one}'"),
        format!("EXPLAIN (VERBOSE) SELECT id FROM customers WHERE ssn = '{one}'"),
        format!("SELECT row_to_json(c) FROM customers c WHERE ssn = '{one}'"),
    ] {
        for frames in [raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))] {
            assert!(!seen(&frames).contains(&original), "{sql}: {}", seen(&frames));
        }
        let by_parameter = sql.replace(&format!("'{one}'"), "$1");
        let frames = raw.exchange(&extended(&by_parameter, &[], &[Some(&one)]));
        assert!(!seen(&frames).contains(&original), "{by_parameter}: {}", seen(&frames));
    }
    // As in the client's own text, though the token made way for a parameter.
    let frames = raw.query(&format!("SELECT id FROM customers WHERE ssn = '{one}' AND nothing = 1"));
    assert_eq!(frames[0].field(b'C').as_deref(), Some("42703"));
    let plain = shop.direct().query(&format!("SELECT id FROM customers WHERE ssn = '{one}' AND nothing = 1"));
    assert_eq!(frames[0].field(b'P'), plain[0].field(b'P'));
    let frames = raw.query(&format!("EXPLAIN SELECT id FROM customers WHERE ssn = '{one}'"));
    assert!(seen(&frames).contains(&one), "{frames:?}");
    let end = shop.bauta.cli_ok(&[
        "explain",
        "-d",
        "shop",
        "-U",
        "ana",
        &format!("SELECT id FROM customers WHERE ssn = '{one}'"),
    ]);
    assert!(end.contains("$1") && !end.contains(&original), "{end}");
}

#[test]
fn a_bound_token_finds_its_row_and_is_echoed_nowhere() {
    let (shop, mut raw) = Shop::open();
    let (one, two) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "ssn", "customers", 2));
    let by = "SELECT id FROM customers WHERE ssn = $1";
    // Named, described, bound again and again, in both formats, in a pipeline.
    let frames = raw.exchange(&[m::parse("s", by, &[]), m::describe(b'S', "s"), m::sync()].concat());
    assert_eq!(tags(&frames), "1tTZ");
    assert_eq!(frames[1].body, [0, 1, 0, 0, 0, 25]);
    let pipeline = [
        bind("s", &[one.as_bytes()], 0),
        m::execute("", 0),
        bind("s", &[two.as_bytes()], 1),
        m::execute("", 0),
        m::bind("", "s", &[None], &[]),
        m::execute("", 0),
        m::sync(),
    ];
    let frames = raw.exchange(&pipeline.concat());
    assert_eq!((tags(&frames).as_str(), column(&frames)), ("2DC2DC2CZ", vec!["1".to_owned(), "2".into()]));
    for values in ["x", "", &one[..20]] {
        let frames =
            raw.exchange(&[bind("s", &[values.as_bytes()], 0), m::execute("", 0), m::sync()].concat());
        assert_eq!((error(&frames).as_deref(), tags(&frames).as_str()), (Some("42501"), "EZ"));
    }
    // Literals and parameters together: only the client's own are described.
    let both = format!("SELECT id FROM customers WHERE ssn IN ('{one}', $2) AND id <= $1");
    let parts = [
        m::parse("b", &both, &[23]),
        m::describe(b'S', "b"),
        m::bind("p", "b", &[Some("50"), Some(&two)], &[0]),
        m::describe(b'P', "p"),
        m::execute("p", 1),
        m::execute("p", 0),
        m::sync(),
    ];
    let frames = raw.exchange(&parts.concat());
    assert_eq!(tags(&frames), "1tT2TDsDCZ");
    assert_eq!(frames[1].body, [0, 2, 0, 0, 0, 23, 0, 0, 0, 25]);
    assert_eq!(column(&frames), ["1", "2"]);
    // A third parameter would be the place of the literal's original.
    let original = shop.server.sql("shop", "SELECT ssn FROM customers WHERE id = 3").trim().to_owned();
    let frames = raw.exchange(
        &[m::bind("", "b", &[Some("50"), Some(&two), Some(&original)], &[]), m::execute("", 0), m::sync()]
            .concat(),
    );
    assert_eq!(error(&frames).as_deref(), Some("08P01"), "{frames:?}");
    // By SQL too.
    let frames = raw.query(&format!("EXECUTE b (50, '{two}', '{original}')"));
    assert!(error(&frames).is_some() && rows(&frames).is_empty(), "{frames:?}");
    for sql in [
        format!("EXECUTE s ('{original}')"),
        format!("EXECUTE s ('{one}')"),
        "EXPLAIN EXECUTE s ('x')".to_owned(),
    ] {
        assert_eq!(error(&raw.query(&sql)).as_deref(), Some("42501"), "{sql}");
    }
    // Elsewhere in the statement the original must not show.
    for sql in [
        "SELECT $1::text FROM customers WHERE ssn = $1",
        "SELECT id FROM customers WHERE ssn = $1 OR name = $1",
        "SELECT id FROM customers WHERE ssn = $1 ORDER BY $1::text",
        "SELECT id FROM customers WHERE ssn = $1 LIMIT length($1)",
        "SELECT CASE $1 WHEN ssn THEN 1 WHEN name THEN 2 END FROM customers",
        "SELECT id FROM customers WHERE $1 IN (ssn, name)",
        "SELECT id FROM customers WHERE ssn = $1 || ''",
        "WITH x AS (SELECT $1::text AS t) SELECT t FROM x, customers WHERE ssn = $1",
        "SELECT id FROM customers WHERE ssn = $1 AND phone = $1",
    ] {
        let frames = raw.exchange(&extended(sql, &[], &[Some(&one)]));
        assert_eq!(error(&frames).as_deref(), Some("42501"), "{sql}: {frames:?}");
    }
    // One parameter at several places of one domain.
    let sql = "SELECT c.id FROM customers c LEFT JOIN vault v ON v.c_text = $1 WHERE c.ssn = $1";
    assert_eq!(column(&raw.exchange(&extended(sql, &[25], &[Some(&one)]))), ["1"]);
    // Arrays, as drivers bind lists.
    let array = format!("{{{one},{two}}}");
    for (sql, types) in [
        ("SELECT id FROM customers WHERE ssn = ANY($1) ORDER BY id", &[][..]),
        ("SELECT id FROM customers WHERE ssn = ANY($1) ORDER BY id", &[1009]),
        ("SELECT id FROM customers WHERE ssn = ANY($1::text[]) ORDER BY id", &[]),
        ("SELECT id FROM customers WHERE ssn = ANY($1::varchar[]) ORDER BY id", &[1015]),
    ] {
        let frames = raw.exchange(&extended(sql, types, &[Some(&array)]));
        assert_eq!(column(&frames), ["1", "2"], "{sql}: {frames:?}");
        let frames = raw.exchange(&extended(sql, types, &[Some("{x}")]));
        assert_eq!(error(&frames).as_deref(), Some("42501"));
    }
}

#[test]
fn numbers_uuids_and_fpe_are_always_tokens() {
    let (shop, mut raw) = Shop::open();
    for name in ["c_int4", "c_int8", "c_uuid"] {
        let token = token(&mut raw, name, "vault", 1);
        let original = shop.server.sql("shop", &format!("SELECT {name} FROM vault WHERE id = 1"));
        let original = original.trim();
        let literal = if name == "c_uuid" { format!("'{token}'") } else { token.clone() };
        for sql in [
            format!("SELECT id FROM vault WHERE {name} = {literal}"),
            format!("SELECT id FROM vault WHERE {name} = '{token}'"),
            format!("SELECT id FROM vault WHERE {name} IN ({literal})"),
            format!("SELECT id FROM vault WHERE {name} = ANY ('{{{token}}}')"),
        ] {
            assert_eq!(column(&raw.query(&sql)), ["1"], "{sql}");
            assert_eq!(column(&raw.exchange(&extended(&sql, &[], &[]))), ["1"], "{sql} (extended)");
        }
        // The original counts as the token of another value.
        let frames = raw.query(&format!("SELECT id FROM vault WHERE {name} = '{original}'"));
        assert_eq!((error(&frames), column(&frames).len()), (None, 0), "{name}");
        let frames = raw.query(&format!("EXPLAIN SELECT id FROM vault WHERE {name} = '{original}'"));
        assert_eq!(error(&frames).as_deref(), Some("42501"));
        let by = format!("SELECT id FROM vault WHERE {name} = $1");
        let frames = raw.exchange(&extended(&by, &[], &[Some(&token)]));
        assert_eq!(column(&frames), ["1"], "{by}");
        let frames = raw.exchange(&extended(&by, &[], &[Some("x")]));
        assert_eq!(error(&frames).as_deref(), Some("42501"));
    }
    // Binary, and declared narrower than the column.
    let number: i32 = token(&mut raw, "c_int4", "vault", 1).parse().unwrap();
    let wide: i64 = token(&mut raw, "c_int8", "vault", 1).parse().unwrap();
    let run = |raw: &mut Raw, name: &str, oid: u32, value: &[u8]| {
        let sql = format!("SELECT id FROM vault WHERE {name} = $1");
        let parts = [
            m::parse("", &sql, &[oid]),
            m::describe(b'S', ""),
            bind("", &[value], 1),
            m::execute("", 0),
            m::sync(),
        ];
        let frames = raw.exchange(&parts.concat());
        assert_eq!(frames[1].body[2..], oid.to_be_bytes(), "the type that the client declared");
        assert_eq!(error(&frames), None);
        column(&frames)
    };
    assert_eq!(run(&mut raw, "c_int4", 23, &number.to_be_bytes()), ["1"]);
    assert_eq!(run(&mut raw, "c_int4", 20, &i64::from(number).to_be_bytes()), ["1"]);
    assert_eq!(run(&mut raw, "c_int8", 20, &wide.to_be_bytes()), ["1"]);
    assert!(run(&mut raw, "c_int8", 21, &[0, 5]).is_empty());
    let phone = token(&mut raw, "phone", "customers", 4);
    assert_eq!(column(&raw.query(&format!("SELECT id FROM customers WHERE phone = '{phone}'"))), ["4"]);
    assert_eq!(error(&raw.query("SELECT id FROM customers WHERE phone = '12'")).as_deref(), Some("42501"));
    // Under a grant a number means itself.
    let id = shop.grant("public.vault.c_int4");
    assert_eq!(column(&raw.query("SELECT id FROM vault WHERE c_int4 = 123456789")), ["1"]);
    assert!(column(&raw.query(&format!("SELECT id FROM vault WHERE c_int4 = {number}"))).is_empty());
    shop.bauta.cli_ok(&["revoke", &id]);
    assert_eq!(column(&raw.query(&format!("SELECT id FROM vault WHERE c_int4 = {number}"))), ["1"]);
}

#[test]
fn a_grants_start_and_end_change_what_a_kept_statement_compares() {
    let (shop, mut raw) = Shop::open();
    let one = token(&mut raw, "ssn", "customers", 1);
    let original = shop.server.sql("shop", "SELECT ssn FROM customers WHERE id = 1").trim().to_owned();
    let literal = format!("SELECT ssn FROM customers WHERE ssn = '{one}'");
    let raw_literal = format!("SELECT ssn FROM customers WHERE ssn = '{original}'");
    let by = "SELECT ssn FROM customers WHERE ssn = $1";
    raw.exchange(&[m::parse("l", &literal, &[]), m::parse("p", by, &[]), m::sync()].concat());
    let run = |name: &str, values: &[Option<&str>]| {
        [m::bind("", name, values, &[]), m::execute("", 0), m::sync()].concat()
    };
    let is_masked = |frames: &[Frame]| column(frames) == [one.as_str()];
    assert!(is_masked(&raw.exchange(&run("l", &[]))));
    assert!(is_masked(&raw.exchange(&run("p", &[Some(&one)]))));
    assert_eq!(error(&raw.exchange(&run("p", &[Some(&original)]))).as_deref(), Some("42501"));
    let id = shop.grant("public.customers.*");
    // A token still leads to its row, which shows itself now; so does the value.
    for frames in [
        raw.query(&literal),
        raw.query(&raw_literal),
        raw.exchange(&run("l", &[])),
        raw.exchange(&run("p", &[Some(&one)])),
        raw.exchange(&run("p", &[Some(&original)])),
    ] {
        assert_eq!(column(&frames), [original.as_str()], "{frames:?}");
    }
    raw.query("BEGIN");
    let open = [m::bind("a", "p", &[Some(&original)], &[]), m::bind("b", "p", &[Some(&one)], &[]), m::sync()];
    assert_eq!(error(&raw.exchange(&open.concat())), None);
    raw.query(&format!("DECLARE c CURSOR FOR {raw_literal}"));
    raw.query(&format!("DECLARE d CURSOR FOR {literal}"));
    shop.bauta.cli_ok(&["revoke", &id]);
    // What was found by the value itself is closed with the grant.
    raw.query("SAVEPOINT s");
    let frames = raw.exchange(&[m::execute("a", 0), m::sync()].concat());
    assert_eq!(error(&frames).as_deref(), Some("42501"), "{frames:?}");
    raw.query("ROLLBACK TO s");
    assert!(is_masked(&raw.exchange(&[m::execute("b", 0), m::sync()].concat())));
    let frames = raw.query("FETCH d");
    assert!(is_masked(&frames), "{frames:?}");
    assert_eq!(error(&raw.query("FETCH c")).as_deref(), Some("42501"));
    raw.query("ROLLBACK");
    assert!(is_masked(&raw.exchange(&run("l", &[]))));
    assert!(is_masked(&raw.exchange(&run("p", &[Some(&one)]))));
    assert_eq!(error(&raw.exchange(&run("p", &[Some(&original)]))).as_deref(), Some("42501"));
    // A token of another column of the domain must not show under a grant of this one.
    let other = token(&mut raw, "c_text", "vault", 1);
    shop.grant("public.customers.*");
    raw.query("SET log_parameter_max_length_on_error = -1");
    for sql in [
        format!("SELECT 1 / (id - id) FROM customers WHERE ssn IN ('{one}', '{other}')"),
        format!("SELECT '{other}', ssn FROM customers WHERE ssn = '{other}' OR ssn = '{one}'"),
    ] {
        for frames in [raw.query(&sql), raw.exchange(&extended(&sql, &[], &[]))] {
            let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.body.clone()).collect();
            assert!(!String::from_utf8_lossy(&bytes).contains("raw-text"), "{frames:?}");
        }
    }
    let echo = "SELECT $1::text FROM customers WHERE ssn = $1 OR id = 1";
    assert_eq!(column(&raw.exchange(&extended(echo, &[], &[Some(&other)]))), [other]);
}

#[test]
fn a_query_with_a_token_ends_like_any_other() {
    let (shop, mut raw) = Shop::open();
    let one = token(&mut raw, "ssn", "customers", 1);
    let by = format!("SELECT id FROM customers WHERE ssn = '{one}'");
    let status = |frames: &[Frame]| char::from(frames.last().unwrap().body[0]);
    // Errors of each stage: parse, execution, commit.
    let frames = raw.query(&format!("SELECT nothing FROM customers WHERE ssn = '{one}'"));
    assert_eq!((tags(&frames).as_str(), status(&frames)), ("EZ", 'I'));
    let frames = raw.query(&format!("SELECT 1 / (id - 1) FROM customers WHERE ssn = '{one}'"));
    assert_eq!((tags(&frames).as_str(), status(&frames)), ("TEZ", 'I'));
    raw.query("CREATE TABLE late (id int REFERENCES products DEFERRABLE INITIALLY DEFERRED)");
    let late = format!("WITH c AS ({by}) INSERT INTO late SELECT id + 1000 FROM c");
    let frames = raw.query(&late);
    assert_eq!((tags(&frames).as_str(), error(&frames).as_deref()), ("EZ", Some("23503")), "{frames:?}");
    assert_eq!(first(&raw.query("SELECT count(*) FROM late")), "0");
    // In a transaction, with a savepoint, and after a failure.
    raw.query("BEGIN");
    assert_eq!(status(&raw.query(&by)), 'T');
    raw.query("SAVEPOINT s");
    let frames = raw.query(&format!("SELECT 1 / (id - 1) FROM customers WHERE ssn = '{one}'"));
    assert_eq!(status(&frames), 'E');
    let frames = raw.query(&by);
    assert_eq!((error(&frames).as_deref(), tags(&frames).as_str()), (Some("25P02"), "EZ"));
    raw.query("ROLLBACK TO s");
    assert_eq!((first(&raw.query(&by)), status(&raw.query("COMMIT"))), ("1".to_owned(), 'I'));
    // It takes the unnamed statement and portal's place, and leaves nothing in it.
    raw.exchange(&[m::parse("", "SELECT 1", &[]), m::sync()].concat());
    raw.query(&by);
    let frames = raw.exchange(&[m::bind("", "", &[], &[]), m::sync()].concat());
    assert_eq!(error(&frames).as_deref(), Some("26000"));
    raw.query(&format!("SELECT 1 / (id - 1) FROM customers WHERE ssn = '{one}'"));
    let frames = raw.exchange(&[m::describe(b'S', ""), m::sync()].concat());
    assert_eq!(error(&frames).as_deref(), Some("26000"));
    // Messages sent behind it wait their turn.
    raw.send(&[m::query(&by), m::query("SELECT 2"), extended("SELECT 3", &[], &[])].concat());
    let all: String = (0..3).map(|_| tags(&raw.until_ready())).collect();
    assert_eq!(all, "TDCZTDCZ12TDCZ");
    // A cursor.
    raw.query("BEGIN");
    assert_eq!(tags(&raw.query(&format!("DECLARE c CURSOR FOR {by}"))), "CZ");
    assert_eq!(column(&raw.query("FETCH ALL FROM c")), ["1"]);
    raw.query("COMMIT");
    let frames = raw.query(&format!("DECLARE c CURSOR FOR {by}"));
    // From 18 on, what bauta sends in front begins a pipeline's transaction: the
    // cursor goes with it.
    let outside = if shop.server.major() >= 18 { None } else { Some("25P01") };
    assert_eq!(error(&frames).as_deref(), outside);
    assert_eq!(error(&raw.query("FETCH ALL FROM c")).as_deref(), Some("34000"));
    assert_eq!(tags(&raw.query(&format!("DECLARE h CURSOR WITH HOLD FOR {by}"))), "CZ");
    let frames = raw.query("FETCH ALL FROM h");
    assert_eq!(column(&frames), ["1"], "{frames:?}");
}

/// A client that reads a masked record and saves it must not destroy data, and
/// nothing but what it was shown may be saved.
#[test]
fn a_token_written_back_stores_its_original() {
    let (shop, mut raw) = Shop::open();
    let stored = |id: u32| {
        let sql = format!("SELECT ssn, phone FROM customers WHERE id = {id}");
        shop.server.sql("shop", &sql).trim().to_owned()
    };
    let (before, two) = (stored(1), stored(2));
    let (ssn, phone) = (token(&mut raw, "ssn", "customers", 1), token(&mut raw, "phone", "customers", 1));
    let other = token(&mut raw, "ssn", "customers", 2);
    for sql in [
        format!("UPDATE customers SET ssn = '{ssn}', phone = '{phone}', name = 'a' WHERE id = 1"),
        format!("UPDATE customers SET (ssn, phone) = ('{ssn}', '{phone}') WHERE ssn = '{ssn}'"),
        format!(
            "UPDATE customers c SET ssn = '{ssn}'::text FROM orders o WHERE c.id = 1 AND o.customer_id = c.id"
        ),
    ] {
        let frames = raw.query(&sql);
        assert_eq!((error(&frames), tags(&frames).as_str()), (None, "CZ"), "{sql}");
        assert_eq!(stored(1), before, "{sql}");
        assert_eq!(tags(&raw.exchange(&extended(&sql, &[], &[]))), "12nCZ", "{sql}");
        assert_eq!(stored(1), before, "{sql}");
    }
    let save = "UPDATE customers SET name = $1, ssn = $2, phone = $3 WHERE id = $4 RETURNING ssn";
    let frames = raw.exchange(&extended(save, &[], &[Some("b"), Some(&ssn), Some(&phone), Some("1")]));
    assert_eq!((error(&frames), column(&frames)), (None, vec![ssn.clone()]));
    assert_eq!(stored(1), before);
    // Inserted, in rows of any number, and by ON CONFLICT.
    let rows = format!(
        "INSERT INTO customers (id, name, ssn) VALUES (101, 'x', '{ssn}'), (102, 'y', '{other}'), (103, 'z', NULL), (104, 'q', DEFAULT)"
    );
    assert_eq!(error(&raw.query(&rows)), None);
    assert_eq!(stored(102).split('|').next(), two.split('|').next());
    assert_eq!(error(&raw.query(&format!("INSERT INTO customers (id, name) VALUES (1, 'c') ON CONFLICT (id) DO UPDATE SET ssn = '{other}', name = 'c'"))), None);
    assert_eq!(stored(1).split('|').next(), two.split('|').next());
    // As ORMs write it: the row that could not be inserted.
    let upsert = "INSERT INTO customers (id, name, ssn, phone) VALUES (1, 'c', $1, $2) \
                  ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn, phone = excluded.phone, name = EXCLUDED.name";
    let literal = upsert.replace("$1", &format!("'{ssn}'")).replace("$2", &format!("'{phone}'"));
    assert_eq!(error(&raw.query(&literal)), None);
    assert_eq!(stored(1), before);
    assert_eq!(error(&raw.exchange(&extended(upsert, &[], &[Some(&other), Some(&phone)]))), None);
    assert_eq!(stored(1).split('|').next(), two.split('|').next());
    for wrong in [
        literal.replace(&ssn, "123"),
        literal.replace("excluded.phone", "excluded.ssn"),
        literal.replace("name = EXCLUDED.name", "notes = EXCLUDED.ssn"),
        literal.replace("= EXCLUDED.ssn", "= lower(EXCLUDED.ssn)"),
        literal.replace("= EXCLUDED.ssn", "= EXCLUDED.ssn || ''"),
        literal.replace("INTO customers (", "INTO customers AS excluded (").replace("(1, 'c'", "(900, 'c'"),
    ] {
        assert!(error(&raw.query(&wrong)).is_some(), "{wrong}");
    }
    let merge = format!(
        "MERGE INTO customers c USING (VALUES (1)) v (id) ON c.id = v.id WHEN MATCHED THEN UPDATE SET ssn = '{ssn}'"
    );
    if shop.server.major() >= 15 {
        assert_eq!(error(&raw.query(&merge)), None);
        assert_eq!(stored(1), before);
    }
    // Into another column of the domain.
    assert_eq!(error(&raw.query(&format!("UPDATE vault SET c_text = '{ssn}' WHERE id = 2"))), None);
    assert_eq!(token(&mut raw, "c_text", "vault", 2), ssn);
    // Anything else is refused before anything is written.
    let was = shop.server.sql("shop", "SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM customers c");
    for sql in [
        "UPDATE customers SET ssn = '123' WHERE id = 1".to_owned(),
        format!("UPDATE customers SET ssn = '{ssn}x' WHERE id = 1"),
        format!("UPDATE customers SET ssn = '{phone}' WHERE id = 1"),
        format!("UPDATE customers SET ssn = lower('{ssn}') WHERE id = 1"),
        "UPDATE customers SET phone = '***' WHERE id = 1".to_owned(),
        format!("UPDATE customers SET notes = '{ssn}', ssn = notes WHERE id = 1"),
        format!("INSERT INTO customers (id, name, ssn) SELECT 105, 'x', '{ssn}'"),
        format!("INSERT INTO customers (id, name, ssn) VALUES (105, 'x', '{ssn}'), (106, 'y', '1')"),
    ] {
        assert_eq!(error(&raw.query(&sql)).as_deref(), Some("42501"), "{sql}");
    }
    for value in ["123", "", "tok_x"] {
        let frames = raw.exchange(&extended(save, &[], &[Some("b"), Some(value), Some(&phone), Some("1")]));
        assert_eq!(error(&frames).as_deref(), Some("42501"), "{value}");
    }
    // One value in two columns would show it in the one that is not protected.
    let frames =
        raw.exchange(&extended("UPDATE customers SET name = $1, ssn = $1 WHERE id = 1", &[], &[Some(&ssn)]));
    assert_eq!(error(&frames).as_deref(), Some("42501"));
    assert_eq!(
        shop.server.sql("shop", "SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM customers c"),
        was
    );
    // The log holds no original.
    let log = shop.bauta.cli_ok(&["audit", "search", "--user", "ana"]);
    let original = before.split('|').next().unwrap();
    assert!(log.contains("SET ssn = ?") && !log.contains(original), "{log}");
    // Under a grant a token still stores its original, and a value itself.
    shop.grant("public.customers.*");
    assert_eq!(error(&raw.query(&format!("UPDATE customers SET ssn = '{ssn}' WHERE id = 1"))), None);
    assert_eq!(stored(1), before);
    assert_eq!(error(&raw.query("UPDATE customers SET ssn = '999999-9999' WHERE id = 3")), None);
    assert_eq!(stored(3).split('|').next(), Some("999999-9999"));
}

/// Drivers bind NULL where a program leaves a field empty.
#[test]
fn null_can_be_bound_where_no_token_leads() {
    let (shop, mut raw) = Shop::open();
    let ssn = token(&mut raw, "ssn", "customers", 1);
    let insert = "INSERT INTO customers (id, name, email) VALUES ($1, 'n', $2::varchar)";
    raw.exchange(&[m::parse("i", insert, &[23, 1043]), m::sync()].concat());
    let run =
        |values: &[Option<&str>]| [m::bind("", "i", values, &[]), m::execute("", 0), m::sync()].concat();
    assert_eq!(tags(&raw.exchange(&run(&[Some("301"), None]))), "2CZ");
    assert_eq!(error(&raw.exchange(&run(&[Some("302"), Some("a@b.example")]))).as_deref(), Some("42501"));
    // Not by SQL, where nobody sees what is bound.
    for sql in ["EXECUTE i (303, 'a@b.example')", "EXECUTE i (303, NULL)"] {
        assert_eq!(error(&raw.query(sql)).as_deref(), Some("42501"), "{sql}");
    }
    // A token's original must not get to a column that shows part of it.
    let both = "UPDATE customers SET email = $1, ssn = $1 WHERE id = 2";
    for types in [&[][..], &[25]] {
        assert_eq!(error(&raw.exchange(&extended(both, types, &[Some(&ssn)]))).as_deref(), Some("42501"));
    }
    let id = shop.grant("public.customers.email");
    assert_eq!(error(&raw.exchange(&extended(both, &[], &[Some(&ssn)]))).as_deref(), Some("42501"));
    raw.query("BEGIN");
    raw.exchange(&[m::bind("p", "i", &[Some("304"), Some("a@b.example")], &[]), m::sync()].concat());
    shop.bauta.cli_ok(&["revoke", &id]);
    let frames = raw.exchange(&[m::execute("p", 0), m::sync()].concat());
    assert_eq!(error(&frames).as_deref(), Some("42501"), "{frames:?}");
    raw.query("ROLLBACK");
    let made = shop.server.sql("shop", "SELECT id, email IS NULL FROM customers WHERE id > 300");
    assert_eq!(made.trim(), "301|t");
}

#[test]
fn one_token_is_led_back_for_whoever_may_see_all_that_it_could_be() {
    let (shop, mut raw) = Shop::open();
    let phone = token(&mut raw, "phone", "customers", 3);
    let ssn = token(&mut raw, "ssn", "customers", 3);
    let stored = shop.server.sql("shop", "SELECT phone FROM customers WHERE id = 3").trim().to_owned();
    let column = ["--column", "public.customers.phone"];
    let resolved = shop.bauta.cli_ok(&["token", "resolve", &phone, column[0], column[1]]);
    assert_eq!(resolved.trim_end(), stored);
    let made = shop.bauta.cli_ok(&["token", "of", &stored, column[0], column[1], "-d", "shop"]);
    assert_eq!(made.trim_end(), phone);
    let refused = |arguments: &[&str], why: &str| {
        let output = shop.bauta.cli(arguments);
        assert_eq!(output.code, Some(1), "{arguments:?}: {}", output.stdout);
        assert!(output.stderr.contains(why), "{arguments:?}: {}", output.stderr);
    };
    refused(
        &["token", "resolve", &ssn, "--column", "public.customers.ssn"],
        "no live grant on public.customers.ssn",
    );
    refused(&["token", "resolve", "12", column[0], column[1]], "no token of public.customers.phone");
    refused(&["token", "of", "12", column[0], column[1]], "no token for this value");
    refused(&["token", "of", "x", "--column", "public.customers.email"], "does not lead back");
    refused(&["token", "of", "x", "--column", "public.customers.name"], "no protected column is");
    let log = shop.bauta.cli_ok(&["audit", "search", "--user", "root"]);
    assert!(log.contains("bauta token resolve --column public.customers.phone"), "{log}");
    assert!(log.contains("revealed") && !log.contains(&stored) && !log.contains(&phone), "{log}");
    let list = shop.bauta.cli_ok(&["keys", "list"]);
    assert!(list.starts_with("  1  ") && list.contains("everything"), "{list}");
}

/// Text tokens carry the id of their key; all others stay on the oldest.
#[test]
fn tokens_made_before_a_rotation_lead_back_after_it() {
    let (mut shop, mut raw) = Shop::open();
    let before = ["ssn", "phone"].map(|name| token(&mut raw, name, "customers", 5));
    drop(raw);
    let said = shop.bauta.cli_ok(&["keys", "rotate"]);
    assert!(said.contains("key 2 is in"), "{said}");
    let mut raw = Raw::connect(shop.bauta.port, "ana");
    assert_eq!(token(&mut raw, "ssn", "customers", 5), before[0], "not before it is told");
    // A file that has lost the old key is not taken, nor anything with it.
    let file = shop.bauta.directory.join("bauta.key");
    let keys = std::fs::read_to_string(&file).unwrap();
    let newest = keys.lines().last().unwrap();
    std::fs::write(&file, newest).unwrap();
    let refused = shop.bauta.cli(&["reload"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("key 1, which is in use, is missing"), "{}", refused.stderr);
    assert_eq!(token(&mut raw, "ssn", "customers", 5), before[0]);
    std::fs::write(&file, &keys).unwrap();
    // An open session, with a statement prepared before.
    let by = "SELECT id FROM customers WHERE ssn = $1";
    raw.exchange(&[m::parse("s", by, &[]), m::sync()].concat());
    let said = shop.bauta.cli_ok(&["reload"]);
    assert!(said.contains("new tokens of key 2"), "{said}");
    let after = ["ssn", "phone"].map(|name| token(&mut raw, name, "customers", 5));
    for token in [&before[0], &after[0]] {
        let frames =
            raw.exchange(&[m::bind("", "s", &[Some(token)], &[]), m::execute("", 0), m::sync()].concat());
        assert_eq!(column(&frames), ["5"], "{frames:?}");
    }
    let stored = shop.server.sql("shop", "SELECT phone FROM customers WHERE id = 5").trim().to_owned();
    let resolved = shop.bauta.cli_ok(&["token", "resolve", &before[1], "--column", "public.customers.phone"]);
    assert_eq!(resolved.trim_end(), stored);
    shop.bauta.stop();
    shop.bauta.serve();
    let mut raw = Raw::connect(shop.bauta.port, "ana");
    assert_eq!(after, ["ssn", "phone"].map(|name| token(&mut raw, name, "customers", 5)));
    assert_ne!(before[0], after[0]);
    assert_eq!(before[1], after[1]);
    for sql in [
        format!("SELECT id FROM customers WHERE ssn = '{}'", before[0]),
        format!("SELECT id FROM customers WHERE ssn = '{}' AND phone = '{}'", after[0], before[1]),
    ] {
        assert_eq!(column(&raw.query(&sql)), ["5"], "{sql}");
    }
}

/// DBeaver and pgAdmin write back a row they show with every old value in the
/// WHERE, so that nobody else's change is lost.
#[test]
fn a_grid_that_compares_all_old_values_saves_or_is_refused() {
    let (shop, mut raw) = Shop::open();
    let row = rows(&raw.query("SELECT id, name, ssn, phone, country, email FROM customers WHERE id = 6"));
    let old: Vec<String> = row[0].iter().map(|value| value.clone().unwrap()).collect();
    let names = ["id", "name", "ssn", "phone", "country", "email"];
    let state = || {
        let rows = "SELECT string_agg((id, ssn, phone, country, email)::text, '' ORDER BY id) FROM customers";
        shop.server.sql("shop", &format!("SELECT md5(x) FROM ({rows}) y (x)"))
    };
    let before = state();
    let literal = |value: &str| format!("'{}'", value.replace('\'', "''"));
    let update = |shown: &[usize], value: &dyn Fn(usize) -> String| {
        let set: Vec<String> = shown.iter().map(|i| format!("{} = {}", names[*i], value(*i))).collect();
        let seen: Vec<String> = shown.iter().map(|i| format!("{} = {}", names[*i], value(*i))).collect();
        format!("UPDATE customers SET {} WHERE {}", set.join(", "), seen.join(" AND "))
    };
    // What leads back can be compared and saved, as literals and as parameters.
    let reversible = [0, 1, 2, 3, 4];
    let sql = update(&reversible, &|i| literal(&old[i]));
    let frames = raw.query(&sql);
    let done = |frames: &[Frame]| frames.iter().find(|f| f.tag == b'C').map(|f| f.body.clone());
    assert_eq!(done(&frames).as_deref(), Some(&b"UPDATE 1\0"[..]), "{sql}: {frames:?}");
    let sql = update(&reversible, &|i| format!("${}", i + 1));
    let values: Vec<Option<&str>> = reversible.iter().map(|i| Some(old[*i].as_str())).collect();
    let frames = raw.exchange(&extended(&sql, &[], &values));
    assert_eq!(done(&frames).as_deref(), Some(&b"UPDATE 1\0"[..]), "{sql}: {frames:?}");
    assert_eq!(state(), before);
    // A mask that leads nowhere finds no row and is not stored: all is refused.
    let all = [0, 1, 2, 3, 4, 5];
    let frames = raw.query(&update(&all, &|i| literal(&old[i])));
    assert_eq!(error(&frames).as_deref(), Some("42501"), "{frames:?}");
    let values: Vec<Option<&str>> = old.iter().map(|value| Some(value.as_str())).collect();
    let frames = raw.exchange(&extended(&update(&all, &|i| format!("${}", i + 1)), &[], &values));
    assert_eq!(error(&frames).as_deref(), Some("42501"), "{frames:?}");
    assert_eq!(state(), before);
}

/// A text whose own literal sets how the next text is read, and which bauta parses
/// again with another parameter.
#[test]
fn a_text_that_changes_how_it_is_read_is_not_parsed_again_behind_itself() {
    let (shop, mut raw) = Shop::open();
    shop.server.sql(
        "shop",
        "CREATE SCHEMA mine; GRANT ALL ON SCHEMA mine TO ana; \
         CREATE FUNCTION mine.isok(text) RETURNS boolean LANGUAGE sql AS \
         $$ SELECT set_config('standard_conforming_strings', $1, false) IS NOT NULL $$; \
         CREATE DOMAIN mine.dom AS text CHECK (mine.isok(VALUE))",
    );
    std::thread::sleep(std::time::Duration::from_secs(2));
    let known = token(&mut raw, "ssn", "customers", 1);
    let sql = "SELECT '{off}'::mine.dom[], '\\', ' , ssn||chr(97), $1::text FROM public.customers -- ', name \
               FROM public.customers WHERE ssn = $1";
    let original = first(&shop.direct().query("SELECT ssn FROM customers WHERE id = 1"));
    let pipeline = [m::parse("s", sql, &[]), m::bind("", "s", &[Some(&known)], &[]), m::execute("", 0)];
    let frames = raw.exchange(&[pipeline.concat(), m::sync()].concat());
    assert!(rows(&frames).is_empty() && error(&frames).is_some(), "{frames:?}");
    let told = frames.iter().any(|f| String::from_utf8_lossy(&f.body).contains(&original));
    assert!(!told, "{frames:?}");
}
