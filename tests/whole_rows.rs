//! Whole rows without what is protected in them. The judge is a second
//! database whose protected columns are NULL: asked directly, it must answer
//! what bauta answers from the first, by simple and extended protocol, in text
//! and binary. Where no row can be built, the answer is NULL, never a value.

use super::harness::{Bauta, Frame, Raw, Server, message, password};

const SCHEMA: &str = include_str!("whole_rows_data/schema.sql");
const REBUILT: &str = include_str!("whole_rows_data/rebuilt.sql");

const POLICY: &str = r#"
    [[protect]]
    columns = [
        "public.people.email", "public.people.born", "public.people.code", "public.people.fee",
        "public.people.home", "public.people.tags", "public.parts.secret", "public.strict.word",
        "public.keyless.secret", "public.*.Se cret",
    ]
    method = "redact"
"#;

const BLANK: &str = r#"
    UPDATE people SET email = NULL, born = NULL, code = NULL, fee = NULL, home = NULL, tags = NULL;
    UPDATE parts SET secret = NULL; UPDATE "Odd ""Name" SET "Se cret" = NULL; UPDATE keyless SET secret = NULL;
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
        let bauta = Bauta::start(&server, POLICY);
        Self { server, bauta }
    }

    fn masked(&self) -> Raw {
        session(self.bauta.port, "full_rows")
    }

    fn blank(&self) -> Raw {
        session(self.server.port(), "blank_rows")
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
    let (mut masked, mut blank) = (rows.masked(), rows.blank());
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
