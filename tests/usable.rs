//! Refusing everything is no answer: what analysts, applications and their
//! tools send over tables with protected columns must run.
//!
//! Each statement of `usable_data/` runs directly and through bauta, on the
//! same database, in a transaction that is rolled back, by simple and extended
//! protocol. Through bauta it must give PostgreSQL's messages, columns and row
//! counts, and its values wherever `explain` does not announce a mask. A
//! statement that is refused or neutralised without need counts against bauta;
//! under one per cent may be. `explain` must say what the session then does.
//!
//! The files hold blocks parted by empty lines, run each in one transaction.
//! Statements end with a semicolon at a line's end. Above a block may stand
//! `--: needed WHY` (bauta must refuse or neutralise it), `--: varies` (values
//! change from one run to the next), `--: alone` (no transaction), `--: since 15`
//! (the first major version of PostgreSQL that understands it).

use std::fmt::Write as _;

use bauta::control::api::{ExplainBody, Items};
use bauta::control::client::Client;
use bauta::policy::explain::Explanation;
use hyper::Method;

use super::harness::{Bauta, Frame, Raw, Server, message, password};
use crate::interference;

/// Name, database, statements.
pub const FILES: &[(&str, &str, &str)] = &[
    ("analyst", "work", include_str!("usable_data/analyst.sql")),
    ("application", "work", include_str!("usable_data/application.sql")),
    ("psql", "work", include_str!("usable_data/psql.sql")),
    ("gui", "work", include_str!("usable_data/gui.sql")),
    ("drivers", "work", include_str!("usable_data/drivers.sql")),
    ("bi", "work", include_str!("usable_data/bi.sql")),
    ("deep", "work", include_str!("usable_data/deep.sql")),
    ("dbt", "work", include_str!("usable_data/dbt.sql")),
    ("postgrest", "work", include_str!("usable_data/postgrest.sql")),
    ("tpch", "tpch", include_str!("usable_data/tpch.sql")),
    ("tpcds", "tpcds", include_str!("usable_data/tpcds.sql")),
    ("functions", "work", include_str!("usable_data/functions.sql")),
    ("namesakes", "work", include_str!("usable_data/namesakes.sql")),
    ("everyday", "work", include_str!("usable_data/everyday.sql")),
];

pub const POLICY: &str = include_str!("usable_data/policy.toml");

/// Of a hundred statements, fewer than this may be hindered without need.
const MAX_HINDERED_PERCENT: f64 = 1.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Simple,
    Extended,
}

pub struct Block<'a> {
    pub statements: Vec<&'a str>,
    needed: bool,
    varies: bool,
    /// Makes relations, whose oids differ from one run to the next.
    creates: bool,
    /// What is put out is taken of a group: the server names no column for it, and no
    /// length or scale.
    originless: bool,
    alone: bool,
    since: u32,
}

/// What a session makes of one statement.
#[derive(Debug, PartialEq)]
enum Fate {
    Usable,
    Refused(String),
    Neutralised(String),
    /// Not what PostgreSQL gives.
    Differs(String),
}

/// Counts over all files.
#[derive(Default)]
struct Tally {
    statements: usize,
    needed: usize,
    hindered: Vec<String>,
    faults: Vec<String>,
}

#[test]
fn ordinary_work_over_protected_tables_is_not_hindered() {
    let server = Server::start();
    make_databases(&server);
    let bauta = Bauta::start(&server, &format!("{}\n{POLICY}", interference::POLICY));
    let mut tally = Tally::default();
    let only = std::env::var("USABLE").ok();
    for (name, database, text) in FILES {
        if only.as_ref().is_none_or(|only| only == name) {
            let mut pair = Pair::open(&server, &bauta, database);
            for block in blocks(text).iter().filter(|block| block.since <= server.major()) {
                pair.run(name, block, &mut tally);
            }
        }
    }
    println!("{}", tally.report());
    assert!(tally.faults.is_empty(), "\n{}", tally.faults.join("\n"));
    assert!(tally.percent() < MAX_HINDERED_PERCENT, "{}", tally.report());
}

/// The databases that the statements are for.
pub fn make_databases(server: &Server) {
    server.sql("postgres", "CREATE ROLE shop_owner; GRANT shop_owner TO ana");
    let shop = interference::SCHEMA.replace(
        "CREATE SCHEMA archive",
        "RESET ROLE; CREATE SCHEMA archive AUTHORIZATION shop_owner; SET ROLE shop_owner",
    );
    make_database(server, "work", &[&shop, interference::DATA, include_str!("usable_data/work.sql")]);
    make_database(server, "tpch", &[include_str!("usable_data/tpch_schema.sql")]);
    make_database(server, "tpcds", &[include_str!("usable_data/tpcds_schema.sql")]);
}

fn make_database(server: &Server, name: &str, parts: &[&str]) {
    server.sql("postgres", &format!("CREATE DATABASE {name}; GRANT ALL ON DATABASE {name} TO shop_owner"));
    let parts = parts.join("\n");
    server.sql(
        name,
        &format!("\\set seed 0\nALTER SCHEMA public OWNER TO shop_owner;\nSET ROLE shop_owner;\n{parts}"),
    );
}

pub fn blocks(text: &str) -> Vec<Block<'_>> {
    text.split("\n\n").map(block).filter(|block| !block.statements.is_empty()).collect()
}

fn block(text: &str) -> Block<'_> {
    let marks: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("--: ")).collect();
    let is_marked = |mark: &str| marks.iter().any(|known| known.starts_with(mark));
    let since = marks.iter().find_map(|mark| mark.strip_prefix("since "));
    let comments: usize = text
        .split_inclusive('\n')
        .take_while(|line| line.starts_with("--") || line.trim().is_empty())
        .map(str::len)
        .sum();
    let statements = text[comments..]
        .split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';'))
        .filter(|statement| !statement.is_empty())
        .collect();
    Block {
        statements,
        needed: is_marked("needed"),
        varies: is_marked("varies"),
        creates: text.contains("CREATE"),
        originless: is_marked("no origin"),
        alone: is_marked("alone"),
        since: since.map_or(0, |version| version.parse().expect("a version")),
    }
}

/// One database seen directly and through bauta.
struct Pair<'a> {
    bauta: &'a Bauta,
    database: &'a str,
    direct: Raw,
    masked: Raw,
}

impl<'a> Pair<'a> {
    fn open(server: &Server, bauta: &'a Bauta, database: &'a str) -> Self {
        let session = |port| {
            let login = [("user", "ana"), ("database", database), ("client_encoding", "UTF8")];
            Raw::connect_with(port, &login, &password("ana")).expect("login")
        };
        Self { bauta, database, direct: session(server.port()), masked: session(bauta.port) }
    }

    fn run(&mut self, file: &str, block: &Block<'_>, tally: &mut Tally) {
        tally.statements += block.statements.len();
        let mut hindered = false;
        let explained: Vec<_> = block.statements.iter().map(|sql| self.explain(sql)).collect();
        for way in [Way::Simple, Way::Extended] {
            // One after the other: either holds locks until it rolls back.
            let plain = run_block(&mut self.direct, block, way);
            let seen = run_block(&mut self.masked, block, way);
            for (number, sql) in block.statements.iter().enumerate() {
                let (Some(plain), Some(seen)) = (plain.get(number), seen.get(number)) else { break };
                let (fate, faults) = compare(sql, plain, seen, block, &explained[number]);
                let line = |what: &str| format!("{file}: {} ({way:?}): {what}", brief(sql));
                tally.faults.extend(faults.iter().map(|fault| line(fault)));
                let why = match &fate {
                    Fate::Usable => continue,
                    Fate::Differs(how) => {
                        tally.faults.push(line(how));
                        break;
                    }
                    Fate::Refused(message) => format!("refused: {message}"),
                    Fate::Neutralised(message) => format!("neutralised: {message}"),
                };
                if !block.needed && !hindered {
                    tally.hindered.push(line(&why));
                }
                hindered = true;
                if let Fate::Refused(_) = fate {
                    break;
                }
            }
        }
        match (block.needed, hindered) {
            (true, true) => tally.needed += 1,
            (true, false) => tally.faults.push(format!("{file}: {}: passes now", brief(block.statements[0]))),
            (false, _) => {}
        }
    }

    fn explain(&self, sql: &str) -> Vec<Explanation> {
        let body =
            ExplainBody { database: self.database.to_owned(), user: "ana".to_owned(), sql: sql.to_owned() };
        let client = Client::new(&self.bauta.socket());
        let list: Items<Explanation> = client.call(Method::POST, "/v1/explain", &body).expect("explain");
        list.items
    }
}

/// What became of one statement; also what is wrong with the words.
fn compare(
    sql: &str,
    plain: &[Frame],
    seen: &[Frame],
    block: &Block<'_>,
    explained: &[Explanation],
) -> (Fate, Vec<String>) {
    if let Some(error) = plain.iter().find(|frame| frame.tag == b'E') {
        return (Fate::Differs(format!("PostgreSQL says {:?}", error.field(b'M'))), Vec::new());
    }
    let by_name = ["EXECUTE", "FETCH"].iter().any(|word| sql.contains(word));
    let varies = block.varies || block.creates || by_name;
    let fate = fate(plain, seen, explained.first(), varies, block.originless);
    let faults = match by_name {
        true => Vec::new(),
        false => explained.iter().flat_map(|explained| wrong_words(&fate, seen, explained)).collect(),
    };
    (fate, faults)
}

/// What a session answers to each statement, up to the first error.
fn run_block(session: &mut Raw, block: &Block<'_>, way: Way) -> Vec<Vec<Frame>> {
    let mut answers: Vec<Vec<Frame>> = Vec::new();
    if !block.alone {
        session.query("BEGIN");
    }
    for sql in &block.statements {
        let answer = send(session, sql, way);
        let failed = answer.iter().any(|frame| frame.tag == b'E');
        answers.push(answer);
        if failed {
            break;
        }
    }
    if !block.alone {
        session.query("ROLLBACK");
    }
    answers
}

fn send(session: &mut Raw, sql: &str, way: Way) -> Vec<Frame> {
    match way {
        Way::Simple => session.query(sql),
        Way::Extended => session.exchange(
            &[
                message::parse("", sql, &[]),
                message::bind("", "", &[], &[0]),
                message::describe(b'P', ""),
                message::execute("", 0),
                message::sync(),
            ]
            .concat(),
        ),
    }
}

fn fate(
    plain: &[Frame],
    seen: &[Frame],
    explained: Option<&Explanation>,
    varies: bool,
    originless: bool,
) -> Fate {
    let said = |frame: &Frame| frame.field(b'M').unwrap_or_default();
    if let Some(error) = seen.iter().find(|frame| frame.tag == b'E') {
        return Fate::Refused(said(error));
    }
    if let Some(notice) = seen.iter().find(|frame| is_bautas_notice(frame)) {
        return Fate::Neutralised(said(notice));
    }
    let (plain, seen) = (without_notices(plain), without_notices(seen));
    if varies {
        let shape = |frames: &[&Frame]| {
            let described = frames.iter().filter(|frame| frame.tag == b'T');
            described.map(|frame| without_origins(&frame.body)).collect()
        };
        let (left, right): (Vec<_>, Vec<_>) = (shape(&plain), shape(&seen));
        return if left == right { Fate::Usable } else { Fate::Differs("other columns".to_owned()) };
    }
    if plain.len() != seen.len() {
        return Fate::Differs(format!("{} messages instead of {}", seen.len(), plain.len()));
    }
    for (plain, seen) in plain.iter().zip(&seen) {
        let is_same = match plain.tag {
            b'D' | b'd' => true,
            b'T' if originless => names_and_types(&plain.body) == names_and_types(&seen.body),
            _ => plain.body == seen.body,
        };
        if plain.tag != seen.tag || !is_same {
            return Fate::Differs(format!("{seen:?} instead of {plain:?}"));
        }
    }
    match different_rows(&plain, &seen, explained) {
        Some(how) => Fate::Differs(how),
        None => Fate::Usable,
    }
}

/// A RowDescription's names and types, without lengths and scales.
fn names_and_types(body: &[u8]) -> Vec<u8> {
    described(body, 6)
}

/// A RowDescription's names and types.
fn without_origins(body: &[u8]) -> Vec<u8> {
    described(body, 12)
}

fn described(body: &[u8], bytes: usize) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), &body[2..]);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0).expect("a name's end") + 1;
        out.extend(&rest[..end]);
        out.extend(&rest[end + 6..end + 6 + bytes]);
        rest = &rest[end + 18..];
    }
    out
}

fn is_bautas_notice(frame: &Frame) -> bool {
    frame.tag == b'N' && frame.field(b'M').is_some_and(|message| message.ends_with("without a grant"))
}

fn without_notices(frames: &[Frame]) -> Vec<&Frame> {
    frames.iter().filter(|frame| !matches!(frame.tag, b'N' | b'S' | b'A')).collect()
}

/// Cells that `explain` says are shown must be equal, NULLs must be NULLs;
/// without ORDER BY, rows may come in another order.
fn different_rows(plain: &[&Frame], seen: &[&Frame], explained: Option<&Explanation>) -> Option<String> {
    let outputs = explained.map(|explained| explained.outputs.as_slice()).unwrap_or_default();
    let masked: Vec<bool> = outputs.iter().map(|output| output.action != "shown").collect();
    let makes_null = outputs.iter().any(|output| output.action == "masked (null)");
    let ordered = explained.is_some_and(|explained| explained.sql.to_uppercase().contains("ORDER BY"));
    let rows = |frames: &[&Frame]| {
        let mut rows: Vec<Vec<Option<String>>> =
            frames.iter().filter(|f| f.tag == b'D').map(|row| cells(row, &masked, makes_null)).collect();
        if !ordered {
            rows.sort();
        }
        rows
    };
    let (plain, seen) = (rows(plain), rows(seen));
    let (a, b) = plain.iter().zip(&seen).find(|(a, b)| a != b)?;
    Some(format!("{b:?} instead of {a:?}"))
}

fn cells(row: &Frame, masked: &[bool], makes_null: bool) -> Vec<Option<String>> {
    let columns = row.columns().into_iter().enumerate();
    columns
        .map(|(number, cell)| match masked.get(number) {
            Some(true) if makes_null => None,
            Some(true) => cell.map(|_| "masked".to_owned()),
            _ => cell.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        })
        .collect()
}

/// Every refusal names what it is about and what helps, every neutralised
/// statement says so once, and `explain` says the same.
fn wrong_words(fate: &Fate, seen: &[Frame], explained: &Explanation) -> Vec<String> {
    let mut wrong = Vec::new();
    let refused = matches!(fate, Fate::Refused(_));
    if refused != (explained.verdict == "refused") {
        wrong.push(format!("explain says {}, the session {fate:?}", explained.verdict));
    }
    let said: Vec<String> =
        seen.iter().filter(|f| is_bautas_notice(f)).filter_map(|f| f.field(b'M')).collect();
    if !refused && said != explained.notices {
        wrong.push(format!("explain announces {:?}, the session {said:?}", explained.notices));
    }
    let reports = seen.iter().filter(|frame| frame.tag == b'E' || is_bautas_notice(frame));
    for report in reports {
        let message = report.field(b'M').unwrap_or_default();
        let hint = report.field(b'H').unwrap_or_default();
        if hint.is_empty() {
            wrong.push(format!("no hint: {message}"));
        }
        if message.contains("protected column")
            && !hint.contains("bauta.request(")
            && !hint.contains("bauta grant")
        {
            wrong.push(format!("the hint names no request: {message} ({hint})"));
        }
    }
    wrong
}

fn brief(sql: &str) -> String {
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(160).collect()
}

impl Tally {
    /// Of the statements that should run, the share that does not.
    fn percent(&self) -> f64 {
        let due = u32::try_from(self.statements - self.needed).expect("a number of statements");
        let hindered = u32::try_from(self.hindered.len()).expect("a number of statements");
        100.0 * f64::from(hindered) / f64::from(due.max(1))
    }

    fn report(&self) -> String {
        let mut report = format!(
            "{} statements; {} refused or neutralised with need, {} without ({:.1} %)",
            self.statements,
            self.needed,
            self.hindered.len(),
            self.percent()
        );
        for line in &self.hindered {
            write!(report, "\n  {line}").expect("write");
        }
        report
    }
}

/// Extensions whose types have operators that every text spells, and functions
/// that are PostgreSQL's own under another name.
#[test]
fn extensions_with_types_of_their_own_do_not_hinder_ordinary_work() {
    let server = Server::start();
    let there =
        server.sql("shop", "SELECT count(*) FROM pg_available_extensions WHERE name IN ('citext', 'isn')");
    if there.trim() != "2" {
        return;
    }
    server.sql(
        "shop",
        "CREATE EXTENSION citext; CREATE EXTENSION isn; \
         CREATE TABLE books (id int, title citext, code isbn13); INSERT INTO books VALUES (1, 'Bauta', '9780135959787'); \
         CREATE VIEW reach AS SELECT id, email FROM customers WHERE id <> 2; GRANT ALL ON books, reach TO ana",
    );
    let bauta = Bauta::start(&server, "[[protect]]\ncolumn = \"public.customers.email\"\nmethod = \"email\"");
    let mut raw = Raw::connect(bauta.port, "ana");
    for sql in [
        "SELECT id, email FROM customers WHERE id = 3 AND name LIKE 'A%' OR id > 4",
        "SELECT c.email FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.id IN (1, 2)",
        "SELECT id, email FROM reach",
        "SELECT title, email FROM books JOIN customers USING (id) WHERE title = 'bauta' AND code = '9780135959787'",
        "CREATE TEMP TABLE u (a citext)",
        "SELECT 'a'::citext = 'A'",
    ] {
        let frames = raw.query(sql);
        let error = frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'M'));
        assert_eq!(error, None, "{sql}");
    }
}

/// A schema for each tenant, of which one is protected: the others' owners
/// migrate their own tables, by their names with a schema.
#[test]
fn a_namesake_in_another_schema_is_free_to_be_migrated() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE SCHEMA app AUTHORIZATION ana; SET ROLE ana; \
         CREATE TABLE app.customers (id int PRIMARY KEY, email text); CREATE TABLE app.\"Orders\" (id int)",
    );
    let bauta = Bauta::start(&server, "[[protect]]\ncolumn = \"public.customers.email\"\nmethod = \"email\"");
    let mut raw = Raw::connect(bauta.port, "ana");
    let mut code = |sql: &str| {
        let frames = raw.query(sql);
        frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(b'C'))
    };
    for sql in [
        "CREATE INDEX ON app.customers (email)",
        "ALTER TABLE app.customers ADD COLUMN phone text",
        "ALTER TABLE \"app\".\"customers\" ALTER phone SET DEFAULT 'none'",
        "CREATE VIEW app.reach AS SELECT id, email FROM app . customers",
        "CREATE TABLE app.orders (id int REFERENCES app.customers (id), c app.customers)",
        "COMMENT ON TABLE app.customers IS 'ours'",
        "CREATE FUNCTION app.counted() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM app.customers c'",
        "CREATE FUNCTION app.noted() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c app.customers; \
         BEGIN INSERT INTO \"app\".\"customers\" VALUES (1); RETURN NEW; END $$",
        "SELECT app.counted()",
    ] {
        assert_eq!(code(sql), None, "{sql}");
    }
    for sql in [
        "CREATE VIEW app.v AS SELECT email FROM customers",
        "CREATE VIEW app.v AS SELECT email FROM public.customers",
        "CREATE VIEW app.v AS SELECT email FROM public -- app\n.customers",
        "CREATE VIEW app.v AS SELECT email FROM \"public\" /* app */ . customers",
        "CREATE VIEW app.v AS SELECT email FROM public. /* app. */ customers",
        "CREATE VIEW app.v AS SELECT email FROM shop.public.customers",
        "CREATE VIEW app.v AS SELECT app.id FROM app.customers app, public.customers c",
        "CREATE VIEW app.v AS SELECT email FROM app.Customers, U&\"public\".customers",
        "CREATE TABLE app.copy (LIKE public.customers)",
        "CREATE INDEX ON customers (id, email)",
        "CREATE FUNCTION app.f() RETURNS text LANGUAGE sql AS 'SELECT email FROM customers'",
        "CREATE FUNCTION app.f() RETURNS text LANGUAGE sql AS 'SELECT c.email FROM app.customers a, public.customers c'",
        "CREATE FUNCTION app.f() RETURNS text LANGUAGE sql AS 'SELECT email FROM public./* app.*/customers'",
        "CREATE FUNCTION app.f() RETURNS text LANGUAGE sql AS 'SELECT email FROM shop.public.customers'",
        "CREATE FUNCTION app.f() RETURNS text LANGUAGE sql AS E'SELECT email FROM \\x70ublic.customers'",
    ] {
        assert_eq!(code(sql).as_deref(), Some("42501"), "{sql}");
    }
}

/// As a view of the same query would show them.
#[test]
fn what_shows_nothing_protected_is_refreshed() {
    let server = Server::start();
    server.sql(
        "shop",
        "CREATE MATERIALIZED VIEW by_country AS SELECT country, count(*) AS n FROM customers GROUP BY 1;
         CREATE MATERIALIZED VIEW addresses AS SELECT id, lower(email) AS e FROM customers;
         CREATE UNIQUE INDEX ON by_country (country);
         ALTER MATERIALIZED VIEW by_country OWNER TO ana; ALTER MATERIALIZED VIEW addresses OWNER TO ana;
         GRANT SELECT ON customers TO ana;
         CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM customers';
         CREATE FUNCTION counted_twice() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 2 * counted()'",
    );
    let bauta = Bauta::start(&server, "[[protect]]\ncolumn = \"public.customers.email\"\nmethod = \"email\"");
    let mut raw = Raw::connect(bauta.port, "ana");
    let mut said = |sql: &str, field: u8| {
        let frames = raw.query(sql);
        frames.iter().find(|frame| frame.tag == b'E').and_then(|frame| frame.field(field))
    };
    for sql in
        ["REFRESH MATERIALIZED VIEW by_country", "REFRESH MATERIALIZED VIEW CONCURRENTLY public.by_country"]
    {
        assert_eq!(said(sql, b'M'), None, "{sql}");
    }
    assert_eq!(said("REFRESH MATERIALIZED VIEW addresses", b'C').as_deref(), Some("42501"));
    // Why a function is not called.
    assert_eq!(said("SELECT counted()", b'D').as_deref(), Some("It names public.customers."));
    let second_hand = said("SELECT counted_twice()", b'D');
    assert_eq!(second_hand.as_deref(), Some("It names the function public.counted."));
}

/// The server never asks it, so that nothing is learnt by it.
#[test]
fn a_check_that_is_not_enforced_refuses_no_write() {
    let server = Server::start();
    if server.major() < 18 {
        return;
    }
    server.sql(
        "shop",
        "CREATE TABLE wages (id int PRIMARY KEY, pay int, most int, CHECK (pay < most) NOT ENFORCED);
         INSERT INTO wages VALUES (1, 5, 9); GRANT ALL ON wages TO ana",
    );
    let bauta = Bauta::start(&server, "[[protect]]\ncolumn = \"public.wages.pay\"\nmethod = \"redact\"");
    let mut raw = Raw::connect(bauta.port, "ana");
    let frames = raw.query("UPDATE wages SET most = 3 WHERE id = 1");
    assert!(frames.iter().all(|frame| frame.tag != b'E'), "{frames:?}");
}
