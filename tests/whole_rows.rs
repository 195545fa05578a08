//! Whole rows without what is protected in them. The judge is a second
//! database whose protected columns are NULL: asked directly, it must answer
//! what bauta answers from the first, by simple and extended protocol, in text
//! and binary. Where no row can be built, the answer is NULL, never a value.
//! For a session that sees some of the columns, those are left in the second.

use std::time::Duration;

use super::harness::{Bauta, Frame, Raw, Server, message, password};

const SCHEMA: &str = include_str!("whole_rows_data/schema.sql");
const REBUILT: &str = include_str!("whole_rows_data/rebuilt.sql");

const POLICY: &str = r#"
    [[protect]]
    columns = [
        "public.people.email", "public.people.born", "public.people.code", "public.people.fee",
        "public.people.home", "public.people.tags", "public.parts.secret", "public.strict.word",
        "public.keyless.secret", "public.*.Se cret",
        "public.secrets.*",
    ]
    method = "redact"
"#;

const BLANK: &str = r#"
    UPDATE people SET email = NULL, born = NULL, code = NULL, fee = NULL, home = NULL, tags = NULL;
    UPDATE parts SET secret = NULL; UPDATE "Odd ""Name" SET "Se cret" = NULL; UPDATE keyless SET secret = NULL;
    UPDATE secrets SET one = NULL, two = NULL;
"#;

/// Columns that a session may see, and the second database for one that does.
const SEEN: &[&str] = &[
    "public.people.email",
    "public.people.fee",
    "public.people.home",
    "public.children.email",
    "public.children.fee",
    "public.children.home",
    "public.parts.secret",
    "public.part_1.secret",
    "public.secrets.two",
];
const HALF_BLANK: &str = r#"
    UPDATE people SET born = NULL, code = NULL, tags = NULL;
    UPDATE "Odd ""Name" SET "Se cret" = NULL; UPDATE keyless SET secret = NULL; UPDATE secrets SET one = NULL;
"#;

struct Rows {
    server: Server,
    bauta: Bauta,
}

impl Rows {
    fn start() -> Self {
        let server = Server::start();
        server.sql("postgres", "CREATE DATABASE full_rows");
        server.sql("full_rows", &format!("{SCHEMA} GRANT ALL ON ALL TABLES IN SCHEMA public TO ana;"));
        server.sql("postgres", "CREATE DATABASE blank_rows TEMPLATE full_rows");
        server.sql("blank_rows", BLANK);
        server.sql("postgres", "CREATE DATABASE half_blank_rows TEMPLATE full_rows");
        server.sql("half_blank_rows", HALF_BLANK);
        let bauta = Bauta::start(&server, POLICY);
        Self { server, bauta }
    }

    fn masked(&self) -> Raw {
        session(self.bauta.port, "full_rows")
    }

    fn blank(&self) -> Raw {
        session(self.server.port(), "blank_rows")
    }

    fn grant(&self, columns: &[&str], more: &[&str]) {
        let columns = columns.iter().flat_map(|column| ["--column", column]);
        let grant = ["grant", "ana", "--for", "10m", "--reason", "r"].into_iter().chain(columns);
        self.bauta.cli_ok(&grant.chain(more.iter().copied()).collect::<Vec<_>>());
    }
}

fn session(port: u16, database: &str) -> Raw {
    Raw::connect_with(port, &[("user", "ana"), ("database", database)], &password("ana")).expect("login")
}

fn extended(sql: &str, format: u16) -> Vec<u8> {
    [
        message::parse("", sql, &[]),
        message::bind("", "", &[], &[format]),
        message::describe(b'P', ""),
        message::execute("", 0),
        message::sync(),
    ]
    .concat()
}

/// Rows, commands and errors; a RowDescription without where columns come from.
fn heard(frames: &[Frame]) -> Vec<(char, String)> {
    let said = frames.iter().filter(|frame| !matches!(frame.tag, b'N' | b'S'));
    said.map(|frame| {
        let body = if frame.tag == b'T' { types(&frame.body) } else { frame.body.clone() };
        (char::from(frame.tag), String::from_utf8_lossy(&body).into_owned())
    })
    .collect()
}

fn types(body: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), &body[2..]);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0).expect("a name's end") + 1;
        out.extend(&rest[..end]);
        out.extend(&rest[end + 6..end + 12]);
        rest = &rest[end + 18..];
    }
    out
}

#[test]
fn whole_rows_are_those_of_a_database_without_the_values() {
    let rows = Rows::start();
    are_alike(rows.masked(), rows.blank());
}

#[test]
fn whole_rows_show_what_a_grant_covers_and_no_more() {
    let rows = Rows::start();
    // What a write to another table returns counts as a copy.
    rows.grant(SEEN, &["--export"]);
    are_alike(rows.masked(), session(rows.server.port(), "half_blank_rows"));
}

fn are_alike(mut masked: Raw, mut blank: Raw) {
    let mut wrong = Vec::new();
    for sql in REBUILT.lines() {
        for format in [None, Some(0), Some(1)] {
            let [seen, due] = [&mut masked, &mut blank].map(|session| {
                session.query("BEGIN");
                let frames = match format {
                    None => session.query(sql),
                    Some(format) => session.exchange(&extended(sql, format)),
                };
                session.query("ROLLBACK");
                heard(&frames)
            });
            if due.iter().any(|(tag, _)| *tag == 'E') {
                wrong.push(format!("{sql}: PostgreSQL itself: {due:?}"));
            } else if seen != due {
                let pair = seen.iter().zip(&due).find(|(seen, due)| seen != due);
                wrong.push(format!("{sql} ({format:?}): {pair:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Statements with what each row must be; the rest of a whole row that can't
/// be built is NULL too.
const NOT_BUILT: &[(&str, &str)] = &[
    // A NULL of a domain could break its constraint.
    ("SELECT row_to_json(s) FROM strict s", ""),
    // Two columns of one name, or nothing that is never NULL.
    ("SELECT row_to_json(t) FROM (SELECT 1 AS a, 2 AS a, email FROM people WHERE id = 1) t", ""),
    ("SELECT row_to_json(k) FROM orders o LEFT JOIN keyless k ON true WHERE o.id = 1", ""),
    (
        "SELECT row_to_json(t) FROM orders o LEFT JOIN (SELECT email, id FROM people) t ON t.id = 1 WHERE o.id = 1",
        "",
    ),
    ("SELECT x FROM (people p JOIN orders o ON o.id = p.id) AS x WHERE x.total = 10", ""),
    ("SELECT ROW(p.*) FROM people p WHERE p.id = 1", "()"),
];

#[test]
fn a_row_that_cannot_be_built_is_null() {
    let rows = Rows::start();
    let mut masked = rows.masked();
    for (sql, due) in NOT_BUILT {
        let frames = masked.query(sql);
        let row =
            frames.iter().find(|frame| frame.tag == b'D').unwrap_or_else(|| panic!("{sql}: {frames:?}"));
        let cell = row.columns()[0].clone().map(|bytes| String::from_utf8(bytes).expect("text"));
        assert_eq!(cell.unwrap_or_default(), *due, "{sql}");
        assert!(frames.iter().any(|frame| frame.tag == b'N'), "{sql}: a NOTICE");
    }
}

/// Spellings that try to get a protected field out of a row that was built.
const ATTACKS: &[&str] = &[
    "SELECT (p).email || '' FROM people p",
    "SELECT to_jsonb(p) ->> 'email' FROM people p",
    "SELECT (r).email FROM (SELECT p AS r FROM people p) x",
    "SELECT (json_populate_record(NULL::people, row_to_json(p))).email FROM people p",
    "SELECT j ->> 'email' FROM (SELECT row_to_json(p) AS j FROM people p) x",
    "SELECT row_to_json(p) FROM people AS p(id, email, name)",
    "SELECT row_to_json(name) FROM (SELECT id, email AS name FROM people) name",
    "SELECT row_to_json(t) FROM (SELECT lower(email) AS id, email AS \"whole row\" FROM people) t",
    "SELECT row_to_json(email) FROM (SELECT id, email AS x FROM people) email",
    "SELECT row_to_json(t) FROM (SELECT email FROM people UNION ALL SELECT 'x') t",
    "SELECT row_to_json(t) FROM (SELECT p FROM people p) t",
    "SELECT row_to_json(v) FROM seen v",
    "WITH c AS (SELECT * FROM people) SELECT (SELECT row_to_json(c)) FROM c",
    "SELECT row_to_json(p) FROM people p, (SELECT 1 AS people) x",
    "SELECT p FROM people p, LATERAL (SELECT p.email AS id) q WHERE p.id = 1",
    "SELECT array_to_json(array_agg(p)) FROM people p",
    "SELECT hstore(p) FROM people p",
    "SELECT p.row_to_json FROM people p",
    "SELECT x.j FROM people p CROSS JOIN LATERAL row_to_json(p) AS x(j)",
    "SELECT (SELECT row_to_json(p)) FROM people p",
    "SELECT p.*::text FROM people p",
    "SELECT ROW(p.*)::text FROM people p",
    "SELECT row_to_json(ROW(p.*)) FROM people p",
    "SELECT (ROW(p.id, p)::record)::text FROM people p",
    "TABLE people",
];

#[test]
fn no_spelling_gets_a_protected_field_out_of_a_row() {
    let rows = Rows::start();
    for granted in [&[][..], &["public.people.fee", "public.people.code"]] {
        if !granted.is_empty() {
            rows.grant(granted, &[]);
        }
        let mut masked = rows.masked();
        for sql in ATTACKS {
            for frames in [masked.query(sql), masked.exchange(&extended(sql, 0))] {
                for frame in &frames {
                    let text = String::from_utf8_lossy(&frame.body);
                    assert!(!text.contains("@x.org") && !text.contains("street"), "{sql}: {text}");
                }
            }
        }
    }
}

#[test]
fn one_notice_names_the_columns_and_the_request() {
    let rows = Rows::start();
    let frames = rows.masked().query("SELECT row_to_json(v) FROM seen v ORDER BY v.id");
    let notices: Vec<&Frame> = frames.iter().filter(|frame| frame.tag == b'N').collect();
    let [notice] = notices.as_slice() else { panic!("{frames:?}") };
    let message = notice.field(b'M').expect("a message");
    assert!(message.contains("public.people.email") && message.contains("public.people.fee"), "{message}");
    assert!(notice.field(b'H').expect("a hint").contains("bauta.request("));
}

/// Of a row that can't be built nothing is shown, which the notice says.
#[test]
fn under_a_grant_the_notice_names_what_is_null() {
    let rows = Rows::start();
    rows.grant(SEEN, &[]);
    let said = |sql: &str| {
        let frames = rows.masked().query(sql);
        let notice = frames.iter().find(|frame| frame.tag == b'N').unwrap_or_else(|| panic!("{frames:?}"));
        let field = |code| notice.field(code).unwrap_or_default();
        (field(b'M'), field(b'H'))
    };
    let (message, hint) = said("SELECT p FROM people p WHERE id = 1");
    assert_eq!(
        message,
        "protected columns public.people.born, public.people.code, public.people.tags in a whole row are NULL \
         without a grant"
    );
    assert!(hint.contains("'public.people.born,public.people.code,public.people.tags'"), "{hint}");
    let (message, hint) = said("SELECT ROW(t.*) FROM (SELECT id, born, fee FROM people WHERE id = 1) t");
    assert_eq!(
        message,
        "protected columns public.people.born, public.people.fee in a whole row are NULL without a grant on \
         public.people.born"
    );
    assert!(hint.contains("'public.people.born'"), "{hint}");
}

fn first_cell(frames: &[Frame]) -> String {
    let row = frames.iter().find(|frame| frame.tag == b'D').unwrap_or_else(|| panic!("{frames:?}"));
    String::from_utf8_lossy(row.columns()[0].as_deref().unwrap_or_default()).into_owned()
}

fn code(frames: &[Frame]) -> Option<String> {
    frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'C'))
}

const EMAIL: &[&str] = &["public.people.email"];

/// Rows that fill the server's buffer, slowly.
const STREAM: &str =
    "SELECT p, repeat('x', 20000), pg_sleep(0.2) FROM ONLY people p, generate_series(1, 5) ORDER BY p.id";

/// As everything else that a grant reveals.
#[test]
fn what_a_row_shows_in_part_ends_with_the_grant() {
    let rows = Rows::start();
    let opened = "BEGIN; DECLARE c CURSOR FOR SELECT to_jsonb(p) FROM people p";
    let prepared = "PREPARE rows_of AS SELECT to_jsonb(p) FROM people p WHERE id = 1";
    let [mut by_cursor, mut by_portal, mut streamed] = [(); 3].map(|()| rows.masked());
    rows.grant(EMAIL, &[]);
    by_cursor.query(prepared);
    by_cursor.query(opened);
    for sql in ["EXECUTE rows_of", "FETCH c"] {
        assert!(first_cell(&by_cursor.query(sql)).contains("mail1@x.org"), "{sql}");
    }
    by_portal.query("BEGIN");
    let sql = "SELECT to_jsonb(p) FROM people p";
    let bound = [message::parse("", sql, &[]), message::bind("c", "", &[], &[]), message::execute("c", 1)];
    let frames = by_portal.exchange(&[bound.concat(), message::sync()].concat());
    assert!(first_cell(&frames).contains("mail1@x.org"), "{frames:?}");
    let streaming = std::thread::spawn(move || streamed.query(STREAM));
    std::thread::sleep(Duration::from_millis(700));
    rows.bauta.cli_ok(&["revoke", "1"]);
    assert_eq!(code(&streaming.join().expect("no panic")).as_deref(), Some("42501"), "the stream");
    let frames = by_portal.exchange(&[message::execute("c", 1), message::sync()].concat());
    assert_eq!(code(&frames).as_deref(), Some("42501"), "{frames:?}");
    for sql in ["FETCH c", "EXECUTE rows_of"] {
        assert_eq!(code(&by_cursor.query(sql)).as_deref(), Some("42501"), "{sql}");
        by_cursor.query("ROLLBACK");
    }
    // Prepared and opened while less was seen, they run as they are.
    for sql in ["DEALLOCATE rows_of", prepared, opened] {
        by_cursor.query(sql);
    }
    rows.grant(EMAIL, &[]);
    for sql in ["FETCH c", "EXECUTE rows_of"] {
        let row = first_cell(&by_cursor.query(sql));
        assert!(row.contains("name1") && !row.contains("mail1"), "{sql}: {row}");
    }
}

/// A row of an aggregate would show any number of values.
#[test]
fn a_grant_that_counts_rows_or_is_no_right_to_copy_shows_nothing_of_a_row_there() {
    let rows = Rows::start();
    rows.grant(EMAIL, &["--max-rows", "3"]);
    let row = first_cell(&rows.masked().query("SELECT json_agg(p) FROM people p"));
    assert!(row.contains("name1") && !row.contains("mail1"), "{row}");
    rows.bauta.cli_ok(&["revoke", "1"]);
    rows.grant(EMAIL, &[]);
    let mut ana = rows.masked();
    let frames = ana.query("CREATE TABLE kept AS SELECT to_jsonb(p) AS j FROM people p");
    assert_eq!(code(&frames).as_deref(), Some("42501"));
    let traced = "SELECT to_jsonb(p), set_config('a.b', p.name, false) FROM people p WHERE id = 1";
    let row = first_cell(&ana.query(traced));
    assert!(row.contains("name1") && !row.contains("mail1"), "{row}");
}

#[test]
fn the_audit_log_tells_what_of_a_row_was_shown() {
    let rows = Rows::start();
    rows.grant(SEEN, &["--once"]);
    let mut ana = rows.masked();
    let sql = "SELECT p FROM people p WHERE id = 1";
    assert!(first_cell(&ana.query(sql)).contains("mail1@x.org"));
    assert!(!first_cell(&ana.query(sql)).contains("mail1@x.org"), "it was used up");
    let shown = rows.bauta.audit().into_iter().filter(|record| record["sql"] == sql).map(|record| {
        let of_row = record["columns"].as_array().expect("columns").clone().into_iter();
        of_row
            .filter(|column| column["use"] == "whole_row")
            .map(|column| {
                format!("{} {}", column["column"].as_str().unwrap(), column["decision"].as_str().unwrap())
            })
            .collect::<Vec<_>>()
    });
    let shown: Vec<Vec<String>> = shown.collect();
    let revealed = |name: &str| format!("public.people.{name} revealed");
    let neutralised = |name: &str| format!("public.people.{name} neutralised");
    let first = [
        neutralised("born"),
        neutralised("code"),
        revealed("email"),
        revealed("fee"),
        revealed("home"),
        neutralised("tags"),
    ];
    assert_eq!(shown[0], first);
    assert_eq!(shown[1], ["born", "code", "email", "fee", "home", "tags"].map(neutralised));
}
