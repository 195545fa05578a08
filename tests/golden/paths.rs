//! The same decisions by every path through the protocol, in real sessions,
//! with grants that begin or end between two messages.

use std::fmt::Write as _;

use super::lines;
use crate::harness::{Bauta, Frame, Raw, Server, message as m, password};

const POLICY: &str = r#"
    [[protect]]
    column = "public.people.email"
    method = "email"
    [[protect]]
    column = "public.people.ssn"
    method = "token"
"#;

const SCHEMA: &str = "CREATE TABLE people (id int PRIMARY KEY, email text, ssn text, city text);
    INSERT INTO people VALUES (1, 'anna@example.com', '123456', 'Oslo'), (2, 'bert@example.org', '234567', 'Rome');
    GRANT ALL ON people TO ana";

/// Name, statement.
const PROBES: &str = "\
masked output by its method | SELECT email FROM people ORDER BY id
masked output by token | SELECT ssn FROM people ORDER BY id
derived output | SELECT trim(email) FROM people ORDER BY id
expression | SELECT email || '' FROM people ORDER BY id
predicate | SELECT 'found' FROM people WHERE email LIKE 'anna%'
order | SELECT id FROM people ORDER BY email DESC
equals a token | SELECT city FROM people WHERE ssn = '{token}'
equals a guess | SELECT city FROM people WHERE ssn = '123456'
";

const READ_AFTERWARDS: &str = "SELECT email FROM people ORDER BY id";

const SETTINGS: &str = "\
SET standard_conforming_strings = off
SET client_encoding = 'SJIS'
SET client_encoding = 'LATIN1'
SET search_path = archive
SET row_security = off
SET session_replication_role = replica
SELECT set_config('standard_conforming_strings', 'off', false)
";

/// How a statement travels: what is sent first, and what afterwards. What
/// happens to grants happens in between.
struct Path {
    name: &'static str,
    first: fn(&str) -> Vec<Vec<u8>>,
    then: fn(&str) -> Vec<Vec<u8>>,
}

fn nothing(_: &str) -> Vec<Vec<u8>> {
    Vec::new()
}

fn run(format: u16) -> Vec<u8> {
    [m::bind("", "s", &[], &[format]), m::describe(b'P', ""), m::execute("", 0), m::sync()].concat()
}

const PATHS: &[Path] = &[
    Path { name: "Query", first: nothing, then: |sql| vec![m::query(sql)] },
    Path {
        name: "second of two in a Query",
        first: nothing,
        then: |sql| vec![m::query(&format!("BEGIN; {sql}"))],
    },
    Path {
        name: "unnamed statement, binary",
        first: nothing,
        then: |sql| vec![[m::parse("s", sql, &[]), run(1)].concat()],
    },
    Path {
        name: "named statement, prepared before",
        first: |sql| vec![[m::parse("s", sql, &[]), m::describe(b'S', "s"), m::sync()].concat()],
        then: |_| vec![run(0)],
    },
    Path {
        name: "portal with a row limit, opened before",
        first: |sql| {
            let open = [m::parse("s", sql, &[]), m::bind("p", "s", &[], &[]), m::execute("p", 1), m::sync()];
            vec![m::query("BEGIN"), open.concat()]
        },
        then: |_| vec![[m::execute("p", 1), m::sync()].concat()],
    },
    Path {
        name: "portal fetched by name in SQL, bound before",
        first: |sql| {
            vec![
                m::query("BEGIN"),
                [m::parse("s", sql, &[]), m::bind("p", "s", &[], &[]), m::sync()].concat(),
            ]
        },
        then: |_| vec![m::query("FETCH 1 FROM p")],
    },
    Path {
        name: "cursor, declared before",
        first: |sql| vec![m::query("BEGIN"), m::query(&format!("DECLARE c CURSOR FOR {sql}"))],
        then: |_| vec![m::query("FETCH 1 FROM c")],
    },
    Path {
        name: "cursor with hold, declared before",
        first: |sql| vec![m::query(&format!("DECLARE c CURSOR WITH HOLD FOR {sql}"))],
        then: |_| vec![m::query("FETCH 1 FROM c")],
    },
    Path {
        name: "SQL's PREPARE, prepared before",
        first: |sql| vec![m::query(&format!("PREPARE p AS {sql}"))],
        then: |_| vec![m::query("EXECUTE p")],
    },
    Path {
        name: "SQL's EXECUTE by extended protocol",
        first: |sql| vec![m::query(&format!("PREPARE p AS {sql}"))],
        then: |_| vec![[m::parse("s", "EXECUTE p", &[]), run(0)].concat()],
    },
    Path {
        name: "COPY, text",
        first: nothing,
        then: |sql| vec![m::query(&format!("COPY ({sql}) TO STDOUT"))],
    },
    Path {
        name: "COPY, CSV",
        first: nothing,
        then: |sql| vec![m::query(&format!("COPY ({sql}) TO STDOUT (FORMAT csv)"))],
    },
    Path {
        name: "EXPLAIN",
        first: nothing,
        then: |sql| vec![m::query(&format!("EXPLAIN (VERBOSE, COSTS OFF) {sql}"))],
    },
    Path {
        name: "EXPLAIN ANALYZE",
        first: nothing,
        then: |sql| vec![m::query(&format!("EXPLAIN ANALYZE {sql}"))],
    },
    Path {
        name: "CREATE TABLE AS",
        first: nothing,
        then: |sql| vec![m::query(&format!("CREATE TEMP TABLE made AS {sql}"))],
    },
];

/// Whether a grant for both columns holds before and after the middle.
const GRANTS: [(&str, bool, bool); 4] = [
    ("no grant", false, false),
    ("granted", true, true),
    ("grant ended before the rest", true, false),
    ("granted before the rest", false, true),
];

pub fn table(server: &Server) -> String {
    server.sql("postgres", "CREATE DATABASE golden_paths");
    server.sql("golden_paths", SCHEMA);
    let bauta = Bauta::start(server, POLICY);
    let token = value(&connect(&bauta).query("SELECT ssn FROM people WHERE id = 1")).expect("a token");
    let mut out = "\n== paths\n".to_owned();
    for path in PATHS {
        let is_split = !(path.first)("").is_empty();
        let grants: Vec<_> = GRANTS.iter().filter(|(_, before, after)| is_split || before == after).collect();
        let columns: Vec<Vec<String>> =
            grants.iter().map(|(_, before, after)| travel(&bauta, path, &token, *before, *after)).collect();
        for (row, (name, _)) in probes().enumerate() {
            writeln!(out, "   {} / {name}", path.name).expect("write");
            for ((grants, ..), column) in grants.iter().zip(&columns) {
                writeln!(out, "      {grants}: {}", column[row]).expect("write");
            }
        }
    }
    out + &settings(&bauta)
}

/// Settings that change what a text means.
fn settings(bauta: &Bauta) -> String {
    let mut out = "\n== settings\n".to_owned();
    for setting in lines(SETTINGS) {
        let mut session = connect(bauta);
        let outcome = said(&session.query(setting));
        let after = said(&session.query(READ_AFTERWARDS));
        writeln!(out, "   {setting}\n      {outcome}; then a protected column: {after}").expect("write");
    }
    out
}

fn probes() -> impl Iterator<Item = (&'static str, &'static str)> {
    lines(PROBES).map(|probe| probe.split_once(" | ").expect("name | statement"))
}

fn connect(bauta: &Bauta) -> Raw {
    let login = [("user", "ana"), ("database", "golden_paths")];
    Raw::connect_with(bauta.port, &login, &password("ana")).expect("login")
}

/// What each probe gives by one path, each in a session of its own.
fn travel(bauta: &Bauta, path: &Path, token: &str, before: bool, after: bool) -> Vec<String> {
    let mut grant = before.then(|| give(bauta));
    let begun: Vec<(Raw, Option<String>)> = probes()
        .map(|(_, sql)| {
            let mut session = connect(bauta);
            let sent = (path.first)(&sql.replace("{token}", token));
            let failed = sent.iter().find_map(|message| error(&session.exchange(message)));
            (session, failed)
        })
        .collect();
    match grant.take() {
        Some(given) if !after => end(bauta, Some(given)),
        Some(given) => grant = Some(given),
        None if after => grant = Some(give(bauta)),
        None => {}
    }
    let seen = begun.into_iter().zip(probes()).map(|((mut session, failed), (_, sql))| {
        let mut rest = || {
            (path.then)(&sql.replace("{token}", token))
                .iter()
                .flat_map(|message| session.exchange(message))
                .collect::<Vec<_>>()
        };
        failed.map_or_else(|| said(&rest()), |error| format!("{error} at first"))
    });
    let seen = seen.collect();
    end(bauta, grant);
    seen
}

fn give(bauta: &Bauta) -> String {
    let mut arguments = vec!["grant", "ana", "--for", "10m", "--reason", "INC-4711", "--json"];
    for column in ["public.people.email", "public.people.ssn"] {
        arguments.extend(["--column", column]);
    }
    let printed = bauta.cli_ok(&arguments);
    let grant: serde_json::Value = serde_json::from_str(&printed).expect("a grant");
    grant["id"].to_string()
}

fn end(bauta: &Bauta, grant: Option<String>) {
    if let Some(id) = grant {
        bauta.cli_ok(&["revoke", &id]);
    }
}

/// The first row, or the error; and whether a NOTICE says what is left out.
fn said(frames: &[Frame]) -> String {
    let is_about_grants = |frame: &&Frame| {
        frame.tag == b'N' && frame.field(b'M').is_some_and(|message| message.contains("without a grant"))
    };
    let notice = if frames.iter().any(|frame| is_about_grants(&frame)) { ", with a NOTICE" } else { "" };
    if let Some(error) = error(frames) {
        return error + notice;
    }
    value(frames).map_or_else(|| "no row".to_owned(), |row| shown(row.as_bytes())) + notice
}

/// The first row's first column.
fn value(frames: &[Frame]) -> Option<String> {
    let row = frames.iter().find_map(|frame| match frame.tag {
        b'D' => Some(frame.columns()[0].clone().unwrap_or_else(|| b"NULL".to_vec())),
        b'd' => Some(frame.body.trim_ascii_end().to_vec()),
        _ => None,
    })?;
    String::from_utf8(row).ok()
}

fn shown(row: &[u8]) -> String {
    let text = String::from_utf8_lossy(row).into_owned();
    match text.strip_prefix("tok_") {
        Some(_) => "tok_…".to_owned(),
        None if text.contains("Scan") || text.starts_with("Sort") => "a plan".to_owned(),
        None if text.starts_with('\0') => format!("bytes {row:?}"),
        None => text,
    }
}

fn error(frames: &[Frame]) -> Option<String> {
    let error = frames.iter().find(|frame| frame.tag == b'E')?;
    let whose = if error.field(b'R').is_some() { "PostgreSQL's error" } else { "refused" };
    Some(format!("{whose} {}", error.field(b'C').unwrap_or_default()))
}
