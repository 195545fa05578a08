//! Documents that are masked at paths. The judge is a second database whose
//! documents hold the masks already: asked directly, it must answer what bauta
//! answers from the first, by simple and extended protocol, in text and
//! binary, through cursors and COPY. What would tell of a value is NULL or
//! refused.

use crate::harness::{Bauta, Frame, Raw, Server, message as m, password};

const POLICY: &str = r#"
    [[protect]]
    columns = ["public.events.payload", "public.events.raw", "public.events.many"]
    path = "$.user.email"
    method = "redact"
    [[protect]]
    columns = ["public.events.payload", "public.events.raw", "public.events.many"]
    path = "$.items[*].price"
    method = "redact"
    value = 0
    [[protect]]
    columns = ["public.events.payload", "public.events.raw", "public.events.many"]
    path = "$.tags[*]"
    method = "null"
    [[protect]]
    columns = ["public.events.keyed"]
    path = "$.ssn"
    method = "token"
    domain = "ssn"
    [[protect]]
    columns = ["public.people.ssn"]
    method = "token"
    domain = "ssn"
    [[protect]]
    columns = ["public.events.open"]
    path = "$.note"
    method = "redact"
    allow = ["write"]
"#;

/// `<…>` is what the first database holds, `|` what the second holds instead.
const SCHEMA: &str = r#"
    CREATE TABLE events (id int PRIMARY KEY, payload jsonb, raw json, many jsonb[], keyed jsonb, open jsonb, extra jsonb);
    CREATE VIEW v_users AS SELECT id, payload->'user' AS who, payload->>'kind' AS kind, payload FROM events;
    CREATE TABLE people (id int, ssn text);
    INSERT INTO people VALUES (1, '007919-0031'), (2, '015838-0062');
    INSERT INTO events (id, raw) VALUES
    (1, '{"kind": "a",  "user":{"email":<"raw1@example.com"|"***">,"name":"ana"}, "items":[{"price":<17.5|0>,"sku":"x"}, 3],"tags":[<"rawtag"|null>,null,<["raw"]|null>]}'),
    (2, '{"kind":"b","user":[{"email":<{"a":"raw"}|"***">},{"em\u0061il":<12|"***">,"email":null}],"n":1.50,"n":2}'),
    (3, '{"kind":"c","user":{"email":<true|"***">,"email":<"raw"|"***">},"user":{"name":"e","email":<"raw\u00e9\""|"***">}}'),
    (4, '[{"user":{"email":<"raw"|"***">}},"x"]'),
    (5, '{"kind":"a","tags":<"raw"|null>,"user":"none"}'),
    (6, 'null'), (7, NULL);
    UPDATE events SET payload = raw::jsonb, many = ARRAY[raw::jsonb, NULL, '{"b": 1}'],
        keyed = jsonb_build_object('ssn', (SELECT ssn FROM people WHERE people.id = events.id), 'n', id),
        open = '{"note": "raw", "n": 1}', extra = '{}';
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ana;
"#;

/// One that holds the truth, behind bauta, and one that holds the masks.
pub(crate) struct Databases {
    pub server: Server,
    pub bauta: Bauta,
}

impl Databases {
    fn start() -> Self {
        let server = Server::start();
        for (name, held) in [("truth", 0), ("masks", 1)] {
            server.sql("postgres", &format!("CREATE DATABASE {name}"));
            server.sql(name, &chosen(SCHEMA, held));
        }
        let bauta = Bauta::start(&server, POLICY);
        Self { server, bauta }
    }

    pub fn masked(&self) -> Raw {
        session(self.bauta.port, "truth")
    }

    pub fn judge(&self) -> Raw {
        session(self.server.port(), "masks")
    }
}

pub(crate) fn chosen(script: &str, held: usize) -> String {
    let mut parts = script.split('<');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (choice, rest) = part.split_once('>').filter(|(choice, _)| choice.contains('|')).unwrap();
        out.push_str(choice.split('|').nth(held).unwrap());
        out.push_str(rest);
    }
    out
}

pub(crate) fn session(port: u16, database: &str) -> Raw {
    Raw::connect_with(port, &[("user", "ana"), ("database", database)], &password("ana")).expect("login")
}

pub(crate) fn extended(sql: &str, format: u16) -> Vec<u8> {
    [
        m::parse("", sql, &[]),
        m::bind("", "", &[], &[format]),
        m::describe(b'P', ""),
        m::execute("", 0),
        m::sync(),
    ]
    .concat()
}

pub(crate) fn shown(frames: &[Frame]) -> Vec<(char, Vec<u8>)> {
    frames
        .iter()
        .filter(|frame| matches!(frame.tag, b'D' | b'd' | b'C' | b'E'))
        .map(|frame| (frame.tag as char, frame.body.clone()))
        .collect()
}

pub(crate) fn never_raw(frames: &[Frame], what: &str) {
    for frame in frames {
        let body = String::from_utf8_lossy(&frame.body);
        assert!(!body.contains("raw"), "{what}: {body}");
    }
}

pub(crate) fn error(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').map(|frame| frame.field(b'C').unwrap())
}

pub(crate) fn values(frames: &[Frame]) -> Vec<Option<String>> {
    let rows = frames.iter().filter(|frame| frame.tag == b'D');
    rows.flat_map(Frame::columns).map(|v| v.map(|v| String::from_utf8(v).unwrap())).collect()
}

/// Each statement shows the same from both, in every protocol and format, and
/// nothing raw.
pub(crate) fn answers_alike(masked: &mut Raw, judge: &mut Raw, statements: &[&str]) {
    for sql in statements {
        let answer = masked.query(sql);
        never_raw(&answer, sql);
        assert_eq!(error(&answer), None, "{sql}");
        assert_eq!(shown(&answer), shown(&judge.query(sql)), "{sql}");
        for format in [0, 1] {
            let answer = masked.exchange(&extended(sql, format));
            never_raw(&answer, sql);
            assert_eq!(shown(&answer), shown(&judge.exchange(&extended(sql, format))), "{sql} ({format})");
        }
    }
}

/// No word of these is "raw", which `never_raw` looks for in what comes back.
const SAME: &[&str] = &[
    "SELECT id, payload, raw AS r, many FROM events ORDER BY id",
    "SELECT payload->'user', payload->'items', payload->'items'->0, payload->'tags' FROM events ORDER BY id",
    "SELECT raw->'user' AS a, raw->'items'->0 AS b, raw->'tags'->0 AS c, raw->0 AS d, raw #> '{user}' AS e, raw #> '{0,user}' AS f FROM events ORDER BY id",
    "SELECT payload->'user'->>'email', payload->'user'->'email', payload #>> '{user,email}', payload #> ARRAY['user','email'], payload->'user'->0->>'email' FROM events ORDER BY id",
    "SELECT payload['user']['email'], payload['user'], payload[0]['user'], payload['user'][0]['email'] FROM events ORDER BY id",
    "SELECT jsonb_extract_path_text(payload, 'user', 'email') AS a, jsonb_extract_path(payload, 'user') AS b, json_extract_path(raw, 'user') AS c FROM events ORDER BY id",
    "SELECT payload->'items'->0->>'price', payload->'items'->0->'price', payload->'items'->'x' FROM events ORDER BY id",
    "SELECT (payload->'user'->'email') #>> '{}', payload OPERATOR(pg_catalog.->) 'user' OPERATOR(pg_catalog.->>) 'email' FROM events ORDER BY id",
    "SELECT id FROM events WHERE payload->'user'->>'email' IS NOT NULL ORDER BY id",
    "SELECT payload->>'kind', count(*), min(payload->>'kind') FROM events WHERE payload->>'kind' < 'c' GROUP BY payload->>'kind' ORDER BY 1",
    "SELECT id, raw->>'n' AS n, payload->'user'->'name', payload #>> '{user,name}' FROM events WHERE payload->'user'->>'name' LIKE 'a%'",
    "SELECT who, who->'email', who->>'email', who->>'name', kind, payload FROM v_users WHERE who->>'name' = 'ana'",
    "WITH u AS (SELECT payload->'user' AS who, payload->'meta' AS meta FROM events) SELECT who->>'email', who, meta FROM (SELECT * FROM u) x",
    "SELECT payload->'user' FROM events UNION ALL SELECT payload->'user' FROM events",
    "SELECT x.who FROM events e, LATERAL (SELECT e.payload->'user' AS who) x WHERE e.id = 1",
    "SELECT payload #> '{}', raw #> '{}' AS r FROM events ORDER BY id",
    "UPDATE events SET extra = payload->'n' WHERE id = 2 RETURNING extra, payload, payload->'user'",
    r#"SELECT id FROM events WHERE payload @> '{"kind": "a"}' ORDER BY id"#,
    r#"SELECT id, payload->'user' @> '{"name": "ana"}', '{"user": [{"name": "ana"}]}'::jsonb <@ payload, payload @> '[{"kind": "a"}]' FROM events ORDER BY id"#,
    "SELECT id, payload ? 'kind', payload->'user' ? 'name' FROM events ORDER BY id",
    "COPY events (id, payload, raw, many) TO STDOUT",
    "COPY events (id, payload, raw, many) TO STDOUT (FORMAT csv)",
    "COPY events (id, payload, raw, many) TO STDOUT (FORMAT binary)",
    "COPY (SELECT payload->'user', payload->'user'->>'email' FROM events ORDER BY id) TO STDOUT",
];

#[test]
fn every_way_shows_what_a_masked_document_would_show() {
    let databases = Databases::start();
    let (mut masked, mut judge) = (databases.masked(), databases.judge());
    // Subscripts of jsonb came with PostgreSQL 14.
    let known = |sql: &&str| !sql.contains("payload['") || databases.server.major() >= 14;
    let same: Vec<&str> = SAME.iter().copied().filter(known).collect();
    answers_alike(&mut masked, &mut judge, &same);
    for raw in [&mut masked, &mut judge] {
        raw.query("BEGIN");
        raw.query(
            "DECLARE c BINARY CURSOR FOR SELECT payload, payload->'user', raw AS r FROM events ORDER BY id",
        );
        raw.query("PREPARE p AS SELECT payload->'user'->>'email', payload FROM events ORDER BY id");
    }
    for sql in ["FETCH 3 FROM c", "FETCH ALL FROM c", "EXECUTE p", "COMMIT"] {
        let answer = masked.query(sql);
        never_raw(&answer, sql);
        assert_eq!(shown(&answer), shown(&judge.query(sql)), "{sql}");
    }
}

/// Each would otherwise show a value, or answer a question about one.
#[test]
fn what_is_not_understood_shows_nothing() {
    let databases = Databases::start();
    let mut masked = databases.masked();
    for expression in [
        "payload::text",
        "payload->>'user'",
        "(payload->'user')::text",
        "payload->>('us' || 'er')",
        "payload->>kind",
        "jsonb_pretty(payload)",
        "jsonb_path_query_array(payload, '$.user.email')",
        "to_json(payload)",
        "payload->'user'->'email'->'a'",
        "payload->'user'->>0",
        "payload || '{}'",
        "jsonb_set(payload, '{a}', '1')",
        "payload #>> '{\"user\",email}'",
        "md5(payload->'user'->>'email')",
        "length(payload->'user'->>'email')",
        "jsonb_typeof(payload->'user'->'email')",
        "raw::jsonb->'user'",
        "many[1]->'user'",
        "(payload->'user'->'email'->'a') IS NULL AND NULL",
    ] {
        let sql = format!("SELECT {expression} FROM events, (SELECT 'user' AS kind) k WHERE id = 1");
        for answer in [masked.query(&sql), masked.exchange(&extended(&sql, 1))] {
            assert_eq!(error(&answer), None, "{sql}");
            assert_eq!(values(&answer), [None], "{sql}");
        }
    }
    let parameter = [
        m::parse("", "SELECT payload->$1 FROM events WHERE id = 1", &[25]),
        m::bind("", "", &[Some("user")], &[0]),
        m::execute("", 0),
        m::sync(),
    ]
    .concat();
    assert_eq!(values(&masked.exchange(&parameter)), [None]);
    for sql in [
        "SELECT id FROM events WHERE payload->'user'->>'email' LIKE 'raw%'",
        "SELECT id FROM events WHERE payload->'user'->>'email' = 'x'",
        "SELECT id FROM events WHERE payload->'user' = '{}'",
        "SELECT id FROM events WHERE payload @> '{\"user\": {}}'",
        "SELECT id FROM events WHERE payload @> '{\"user\": {\"email\": \"raw\"}}'",
        "SELECT id FROM events WHERE payload @> '{\"items\": [{\"price\": 1}]}'",
        "SELECT id FROM events WHERE payload->'user' @> '{\"email\": {\"a\": 1}}'",
        "SELECT id FROM events WHERE payload @> '{\"kind\": \"a\", \"user\": {\"email\": null}}'",
        "SELECT id FROM events WHERE payload @> ('{' || '}')::jsonb",
        "SELECT id FROM events WHERE '{}' <@ payload",
        "SELECT id FROM events WHERE payload <@ '{\"kind\": \"a\"}'",
        "SELECT id FROM events WHERE payload ? 'user'",
        "SELECT id FROM events WHERE payload->'user' ? 'email'",
        "SELECT id FROM events WHERE payload @@ '$.user.email == \"raw\"'",
        "SELECT id FROM events WHERE payload->'user'->'email'->'a' IS NULL",
        "SELECT id FROM events WHERE payload->>(SELECT 'kind') = 'a'",
        "SELECT * FROM events, jsonb_each(payload) e",
        "SELECT DISTINCT payload FROM events",
        "SELECT count(*) FROM events GROUP BY payload->'user'->>'email'",
        "SELECT count(*) FROM events GROUP BY keyed->'ssn'",
        "CREATE TABLE copied AS SELECT payload->'user' AS u FROM events",
        "INSERT INTO people (ssn) SELECT payload->'user'->>'email' FROM events",
    ] {
        for answer in [masked.query(sql), masked.exchange(&extended(sql, 0))] {
            assert_eq!(error(&answer).as_deref(), Some("42501"), "{sql}");
            never_raw(&answer, sql);
        }
    }
}

/// An accessor of the client's own would receive whole documents.
#[test]
fn an_operator_of_another_schema_is_no_accessor() {
    let databases = Databases::start();
    databases.server.sql(
        "truth",
        "CREATE SCHEMA own; CREATE FUNCTION own.f(jsonb, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1::text)';
         CREATE OPERATOR own.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = own.f);
         CREATE FUNCTION own.g(jsonb, jsonb) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT true';
         CREATE OPERATOR own.@> (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = own.g);
         CREATE FUNCTION own.jsonb_extract_path(jsonb, VARIADIC text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS 'SELECT $1';
         CREATE EXTENSION hstore; GRANT USAGE ON SCHEMA own TO ana;",
    );
    let mut bauta = databases.bauta;
    bauta.stop();
    bauta.serve();
    let mut masked = session(bauta.port, "truth");
    masked.query("SET search_path = own, public, pg_catalog");
    let answer = masked.query("SELECT payload->>'kind' FROM events WHERE id = 1");
    assert_eq!(values(&answer), [None], "{:?}", answer.iter().find_map(|f| f.field(b'M')));
    assert_eq!(
        values(&masked.query("SELECT jsonb_extract_path(payload, 'kind') FROM events WHERE id = 1")),
        [None]
    );
    let qualified = "SELECT payload OPERATOR(pg_catalog.->>) 'kind' FROM events WHERE id = 1";
    assert_eq!(values(&masked.query(qualified)), [Some("a".to_owned())]);
    let contains = r#"SELECT payload @> '{"kind": "a"}' FROM events WHERE id = 1"#;
    assert_eq!(values(&masked.query(contains)), [None]);
    let qualified = contains.replace("@>", "OPERATOR(pg_catalog.@>)");
    assert_eq!(values(&masked.query(&qualified)), [Some("t".to_owned())]);
    // hstore's own `->` takes no jsonb.
    assert_eq!(
        values(&masked.query("SELECT payload->'kind' FROM events WHERE id = 1")),
        [Some("\"a\"".to_owned())]
    );
}

#[test]
fn keyed_paths_join_and_take_tokens() {
    let databases = Databases::start();
    let mut masked = databases.masked();
    let token = values(&masked.query("SELECT ssn FROM people WHERE id = 1"))[0].clone().unwrap();
    assert!(token.starts_with("tok_"));
    let inside = values(&masked.query("SELECT keyed->>'ssn', keyed FROM events WHERE id = 1"));
    assert_eq!(inside[0].as_ref(), Some(&token));
    assert_eq!(inside[1], Some(format!("{{\"n\": 1, \"ssn\": \"{token}\"}}")));
    let join = "SELECT e.id FROM events e JOIN people p ON e.keyed->>'ssn' = p.ssn ORDER BY 1";
    assert_eq!(values(&masked.query(join)), [Some("1".to_owned()), Some("2".to_owned())]);
    let found = format!("SELECT id FROM events WHERE keyed->>'ssn' = '{token}'");
    assert_eq!(values(&masked.query(&found)), [Some("1".to_owned())]);
    let guess = "SELECT id FROM events WHERE keyed->>'ssn' = '007919-0031'";
    assert_eq!(error(&masked.query(guess)).as_deref(), Some("42501"));
}

/// A masked document that is saved as it was read would destroy what it hides.
#[test]
fn a_document_is_not_written_back() {
    let databases = Databases::start();
    let mut masked = databases.masked();
    let read = values(&masked.query("SELECT payload FROM events WHERE id = 1"))[0].clone().unwrap();
    for sql in [
        format!("UPDATE events SET payload = '{read}' WHERE id = 1"),
        "UPDATE events SET payload = jsonb_set(payload, '{kind}', '1') WHERE id = 1".to_owned(),
        "UPDATE events SET payload['kind'] = '1' WHERE id = 1".to_owned(),
        "UPDATE events SET payload = payload - 'kind' WHERE id = 1".to_owned(),
        "UPDATE events SET payload = payload->'user' WHERE id = 1".to_owned(),
        "INSERT INTO events (id, payload) VALUES (9, '{}')".to_owned(),
    ] {
        assert_eq!(error(&masked.query(&sql)).as_deref(), Some("42501"), "{sql}");
    }
    let copy =
        [m::query("COPY events (id, payload) FROM STDIN"), m::copy_data(b"9\t{}\n"), m::copy_done()].concat();
    assert_eq!(error(&masked.exchange(&copy)).as_deref(), Some("42501"));
    let bound = [
        m::parse("", "UPDATE events SET payload = $1 WHERE id = 1", &[]),
        m::bind("", "", &[Some("{}")], &[]),
        m::execute("", 0),
        m::sync(),
    ]
    .concat();
    assert_eq!(error(&masked.exchange(&bound)).as_deref(), Some("42501"));
    for sql in [
        "INSERT INTO events (id, payload) VALUES (8, NULL), (9, DEFAULT)",
        "UPDATE events SET extra = '{\"a\": 1}' WHERE id = 1",
        "UPDATE events SET open = '{\"note\": \"new\"}' WHERE id = 1",
    ] {
        assert_eq!(error(&masked.query(sql)), None, "{sql}");
    }
    let truth =
        databases.server.sql("truth", "SELECT payload->'user'->>'email', open FROM events WHERE id = 1");
    assert_eq!(truth.trim(), "raw1@example.com|{\"note\": \"new\"}");
}

#[test]
fn a_grant_on_the_column_shows_its_documents() {
    let databases = Databases::start();
    let mut masked = databases.masked();
    databases.bauta.cli_ok(&[
        "grant",
        "ana",
        "--column",
        "public.events.payload",
        "--for",
        "5m",
        "--reason",
        "INC-1",
    ]);
    let sql = "SELECT payload->'user'->>'email', payload #>> '{items,0,price}' FROM events WHERE payload->'user'->>'email' LIKE 'raw1%'";
    assert_eq!(values(&masked.query(sql)), [Some("raw1@example.com".to_owned()), Some("17.5".to_owned())]);
    assert_eq!(
        values(&masked.query("SELECT raw->'user'->>'email' FROM events WHERE id = 1")),
        [Some("***".to_owned())]
    );
    databases.bauta.cli_ok(&["revoke", "1"]);
    assert_eq!(error(&masked.query(sql)).as_deref(), Some("42501"));
    let explained = databases.bauta.cli_ok(&[
        "explain",
        "-d",
        "truth",
        "-U",
        "ana",
        "SELECT payload->'user'->'email', payload->'user' FROM events",
    ]);
    assert!(explained.contains("public.events.payload $.user.email"), "{explained}");
    assert!(explained.contains("masked (document)"), "{explained}");
}

#[test]
fn check_says_which_path_does_not_fit() {
    let server = Server::start();
    server.sql("shop", "CREATE TABLE events (payload jsonb, other jsonb)");
    let bauta = Bauta::prepare(
        &server,
        r#"
        [[protect]]
        column = "public.customers.notes"
        path = "$.a"
        method = "redact"
        [[protect]]
        columns = ["public.*.payload"]
        method = "redact"
        [[protect]]
        columns = ["public.*.payload", "*.events.other"]
        path = "$.a"
        method = "redact"
        [[protect]]
        column = "public.events.*"
        path = "$.a.b"
        method = "redact"
        "#,
    );
    let checked = bauta.cli(&["check", "-c", "proxy.toml"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert!(said.contains("public.customers.notes: method \"document\" does not fit type text"), "{said}");
    assert!(said.contains("public.*.payload is named as a whole by the rule at"), "{said}");
}

/// What the client sends as one key may be another in the database's encoding.
#[test]
fn a_key_of_other_letters_is_read_as_the_server_reads_it() {
    let server = Server::start();
    server.sql("postgres", "CREATE DATABASE truth ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    server.sql(
        "truth",
        "SET client_encoding = 'UTF8'; CREATE TABLE kept (id int, b jsonb, j json); GRANT ALL ON kept TO ana; \
         INSERT INTO kept VALUES (1, '{\"Ã©tat\": \"raw\", \"été\": 1}', '{\"Ã©tat\": \"raw\"}')",
    );
    let policy = "[[protect]]\ncolumns = [\"public.kept.b\", \"public.kept.j\"]\npath = '$.\"Ã©tat\"'\nmethod = \"redact\"\n";
    let bauta = Bauta::start(&server, policy);
    let statements = [
        "SELECT b->>'état' FROM kept",
        "SELECT j->'état' FROM kept",
        "SELECT b #>> '{état}' FROM kept",
        "SELECT jsonb_extract_path_text(b, 'état') FROM kept",
        "SELECT id FROM kept WHERE b->>'état' LIKE 'raw%'",
        "COPY (SELECT b->>'état' FROM kept) TO STDOUT",
        "EXPLAIN (ANALYZE) SELECT id FROM kept WHERE b->>'état' LIKE 'raw%'",
        "DECLARE c CURSOR WITH HOLD FOR SELECT b->>'état' FROM kept",
        "PREPARE s AS SELECT b->>'état' FROM kept",
    ];
    let recode = "SET client_encoding = 'LATIN1'";
    let mut direct = session(server.port(), "truth");
    direct.query(recode);
    assert_eq!(values(&direct.query(statements[0])), [Some("raw".to_owned())]);
    let mut masked = session(bauta.port, "truth");
    masked.query("SET client_encoding = 'UTF8'");
    assert_eq!(
        values(&masked.query("SELECT b->>'Ã©tat', b->>'été' FROM kept")),
        [Some("***".to_owned()), Some("1".to_owned())]
    );
    masked.query(recode);
    for sql in statements {
        for frames in [masked.query(sql), masked.exchange(&extended(sql, 0))] {
            never_raw(&frames, sql);
            assert_eq!(error(&frames).as_deref(), Some("0A000"), "{sql}");
        }
    }
    assert_eq!(values(&masked.query("SELECT b->>'id' FROM kept WHERE id = length('été')")), []);
}

/// A rule that comes later finds what was prepared when its table was anybody's.
#[test]
fn a_key_that_was_read_otherwise_is_not_run_once_a_rule_names_it() {
    let server = Server::start();
    server.sql("postgres", "CREATE DATABASE truth ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    server.sql(
        "truth",
        "SET client_encoding = 'UTF8'; CREATE TABLE kept (id int, b jsonb); GRANT ALL ON kept TO ana; \
         INSERT INTO kept VALUES (1, '{\"Ã©tat\": \"raw\"}')",
    );
    let bauta = Bauta::start(&server, POLICY);
    let mut ana = session(bauta.port, "truth");
    ana.query("SET client_encoding = 'LATIN1'");
    let parse = [m::parse("s", "SELECT b->>'état' FROM kept", &[]), m::sync()].concat();
    let run = [m::bind("", "s", &[], &[]), m::execute("", 0), m::sync()].concat();
    ana.exchange(&parse);
    assert_eq!(values(&ana.exchange(&run)), [Some("raw".to_owned())]);
    let rule = "[[protect]]\ncolumns = [\"public.kept.b\"]\npath = '$.\"Ã©tat\"'\nmethod = \"redact\"\n";
    bauta.write_config(rule);
    bauta.cli_ok(&["reload"]);
    ana.query("SET client_encoding = 'UTF8'");
    let frames = ana.exchange(&run);
    never_raw(&frames, "s");
    assert_eq!(error(&frames).as_deref(), Some("0A000"));
}
