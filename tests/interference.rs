//! Non-interference: two databases that differ in protected values only, and
//! whose masks are equal up to renaming of tokens and hashes. Whatever a client
//! sends through bauta, it must get the same bytes from both.
//!
//! Every attack is run on both databases directly as well, where the answers
//! must differ: an attack that shows nothing to anybody proves nothing.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::harness::{Bauta, Frame, Raw, Server, message, password};

pub const SCHEMA: &str = include_str!("interference_data/schema.sql");
pub const DATA: &str = include_str!("interference_data/data.sql");
pub const POLICY: &str = include_str!("interference_data/policy.toml");
pub const ATTACKS: &str = include_str!("interference_data/attacks.sql");
/// More tables and data, for these alone.
const MORE_SCHEMA: &str = include_str!("interference_data/attacks/schema.sql");
const MORE_DATA: &str = include_str!("interference_data/attacks/data.sql");
const MORE_POLICY: &str = include_str!("interference_data/attacks/policy.toml");
/// Attacks by group of "Where values hide", each group on databases of its own.
const GROUPS: &[(&str, &str)] = &[
    ("classics", ATTACKS),
    ("queries", include_str!("interference_data/attacks/queries.sql")),
    ("copy", include_str!("interference_data/attacks/copy.sql")),
    ("held", include_str!("interference_data/attacks/held.sql")),
    ("messages", include_str!("interference_data/attacks/messages.sql")),
    ("catalogs", include_str!("interference_data/attacks/catalogs.sql")),
    ("functions", include_str!("interference_data/attacks/functions.sql")),
    ("names", include_str!("interference_data/attacks/names.sql")),
    ("lexing", include_str!("interference_data/attacks/lexing.sql")),
    ("writes", include_str!("interference_data/attacks/writes.sql")),
    ("changing", include_str!("interference_data/attacks/changing.sql")),
    ("documents", include_str!("interference_data/attacks/documents.sql")),
    ("newer", include_str!("interference_data/attacks/newer.sql")),
    ("foreign", include_str!("interference_data/attacks/foreign.sql")),
    ("places", include_str!("interference_data/attacks/places.sql")),
    ("capture", include_str!("interference_data/attacks/capture.sql")),
    ("relied", include_str!("interference_data/attacks/relied.sql")),
    ("bodies", include_str!("interference_data/attacks/bodies.sql")),
    ("written", include_str!("interference_data/attacks/written.sql")),
    ("called", include_str!("interference_data/attacks/called.sql")),
    ("reached", include_str!("interference_data/attacks/reached.sql")),
    ("swapped", include_str!("interference_data/attacks/swapped.sql")),
    ("steered", include_str!("interference_data/attacks/steered.sql")),
    ("stored", include_str!("interference_data/attacks/stored.sql")),
    ("further", include_str!("interference_data/attacks/further.sql")),
    ("fields", include_str!("interference_data/attacks/fields.sql")),
    ("moments", include_str!("interference_data/attacks/moments.sql")),
    ("unnamed", include_str!("interference_data/attacks/unnamed.sql")),
    ("copied", include_str!("interference_data/attacks/copied.sql")),
    ("sizes", include_str!("interference_data/attacks/sizes.sql")),
    ("spliced", include_str!("interference_data/attacks/spliced.sql")),
    ("bare", include_str!("interference_data/attacks/bare.sql")),
    ("ranked", include_str!("interference_data/attacks/ranked.sql")),
    ("onwriting", include_str!("interference_data/attacks/onwriting.sql")),
    ("namesakes", include_str!("interference_data/attacks/namesakes.sql")),
];
pub const USABLE: &str = include_str!("interference_data/usable.sql");

/// How a client sends a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Path {
    Simple,
    Text,
    Binary,
}

struct Attack {
    name: String,
    /// The first major version of PostgreSQL that understands it: ` since 17`
    /// stands behind its name.
    since: u32,
    steps: Vec<Step>,
}

/// Steps follow one another, each answered before the next.
#[derive(Debug)]
enum Step {
    /// A statement in one of two sessions: `2> ` stands before those of the second.
    One { session: usize, statement: String },
    /// Statements sent at once with a single Sync behind them: `| ` stands before each.
    Pipeline(Vec<String>),
}

impl Attack {
    fn new(name: &str) -> Self {
        let (name, since) = name.rsplit_once(" since ").unwrap_or((name, "0"));
        Self { name: name.to_owned(), since: since.parse().expect("a version"), steps: Vec::new() }
    }

    fn is_ordered(&self) -> bool {
        self.statements().any(|statement| statement.contains("ORDER BY"))
    }

    fn statements(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|step| match step {
            Step::One { statement, .. } => std::slice::from_ref(statement).iter().map(String::as_str),
            Step::Pipeline(statements) => statements.iter().map(String::as_str),
        })
    }

    fn add(&mut self, line: &str) {
        let last = self.steps.last_mut();
        match (line.strip_prefix("| "), line.strip_prefix("2> "), last) {
            (Some(line), _, Some(Step::Pipeline(statements))) => statements.push(line.to_owned()),
            (Some(line), _, _) => self.steps.push(Step::Pipeline(vec![line.to_owned()])),
            (_, Some(line), _) => self.steps.push(Step::One { session: 1, statement: line.to_owned() }),
            (_, _, Some(Step::One { statement, .. })) if is_continuation(line) => {
                write!(statement, "\n{line}").expect("write");
            }
            _ => self.steps.push(Step::One { session: 0, statement: line.to_owned() }),
        }
    }
}

fn attacks(text: &str) -> Vec<Attack> {
    let mut attacks: Vec<Attack> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("## ")) {
        match line.strip_prefix("== ") {
            Some(name) => attacks.push(Attack::new(name)),
            None => attacks.last_mut().expect("a name first").add(line),
        }
    }
    attacks
}

/// Lines that begin a statement begin with a word in capitals or a comment.
fn is_continuation(line: &str) -> bool {
    line.starts_with('\'') || line.starts_with("FROM ") || line.starts_with("  ")
}

/// The two data sets, each as often as the test needs it: schema first, so
/// that oids are the same everywhere.
pub fn databases(server: &Server) -> [[&'static str; 2]; 2] {
    databases_with(server, "", "")
}

/// [`databases`] with more tables and more data.
pub fn databases_with(server: &Server, schema: &str, data: &str) -> [[&'static str; 2]; 2] {
    prepare(server, schema);
    copies(server, "classics", data)
}

fn prepare(server: &Server, more: &str) {
    // Statistics must not change in one of two databases only.
    server.sql("postgres", "ALTER SYSTEM SET autovacuum = off");
    server.sql("postgres", "SELECT pg_reload_conf()");
    server.sql("postgres", "CREATE ROLE shop_owner; GRANT shop_owner TO ana; CREATE DATABASE nothing");
    let schema = SCHEMA.replace(
        "CREATE SCHEMA archive",
        "RESET ROLE; CREATE SCHEMA archive AUTHORIZATION shop_owner; SET ROLE shop_owner",
    );
    let owned = "ALTER SCHEMA public OWNER TO shop_owner; GRANT ALL ON DATABASE nothing TO shop_owner; SET ROLE shop_owner";
    server.sql("nothing", &format!("{owned}; {schema}; {more}"));
}

/// Two databases to reach directly, two to reach through bauta.
fn copies(server: &Server, group: &str, more: &str) -> [[&'static str; 2]; 2] {
    ["direct", "masked"].map(|way| {
        [0, 1].map(|seed| {
            let name: &str = format!("{group}_{way}_{seed}").leak();
            server.sql(
                "postgres",
                &format!(
                    "CREATE DATABASE {name} TEMPLATE nothing; GRANT ALL ON DATABASE {name} TO shop_owner"
                ),
            );
            server.sql(name, &format!("\\set seed {seed}\nSET ROLE shop_owner;\n{DATA}\n{more}"));
            name
        })
    })
}

/// Everything that one attack makes the server say.
fn transcript(port: u16, database: &str, attack: &Attack, path: Path) -> Vec<Frame> {
    let login = || {
        Raw::connect_with(port, &[("user", "ana"), ("database", database)], &password("ana"))
            .unwrap_or_else(|error| panic!("login to {database}: {:?}", error.field(b'M')))
    };
    let mut sessions = vec![login()];
    if attack.steps.iter().any(|step| matches!(step, Step::One { session: 1, .. })) {
        sessions.push(login());
    }
    let mut frames = Vec::new();
    // What an attack is made with is read before it begins.
    let steps: Vec<Step> = attack.steps.iter().map(|step| step.filled(&mut sessions[0])).collect();
    for step in &steps {
        let answer = match (step, path) {
            (Step::One { session, statement }, Path::Simple) => sessions[*session].query(statement),
            (Step::One { session, statement }, _) => {
                sessions[*session].exchange(&[extended(statement, path), message::sync()].concat())
            }
            (Step::Pipeline(statements), _) => {
                let mut bytes: Vec<u8> = statements.iter().flat_map(|sql| extended(sql, path)).collect();
                bytes.extend(message::sync());
                sessions[0].exchange(&bytes)
            }
        };
        let ended = answer.last().is_none_or(|frame| frame.tag != b'Z');
        frames.extend(answer);
        if ended {
            break;
        }
    }
    for mut session in sessions {
        session.send(&message::terminate());
    }
    frames
}

impl Step {
    /// With what the session itself sees in place of each `{{SELECT …}}`.
    fn filled(&self, session: &mut Raw) -> Self {
        match self {
            Self::One { session: number, statement } => {
                Self::One { session: *number, statement: filled(session, statement) }
            }
            Self::Pipeline(statements) => {
                Self::Pipeline(statements.iter().map(|statement| filled(session, statement)).collect())
            }
        }
    }
}

/// `{{SELECT …}}` is what the session itself sees there: the token to attack
/// with, or, directly, the value.
fn filled(session: &mut Raw, statement: &str) -> String {
    let Some((before, rest)) = statement.split_once("{{") else { return statement.to_owned() };
    let (query, after) = rest.split_once("}}").expect("}}");
    let answer = session.query(query);
    let row = answer.iter().find(|frame| frame.tag == b'D').expect("a row to attack with");
    let value = row.columns().remove(0).expect("a value to attack with");
    filled(session, &format!("{before}{}{after}", String::from_utf8_lossy(&value)))
}

fn extended(statement: &str, path: Path) -> Vec<u8> {
    let format = u16::from(path == Path::Binary);
    [
        message::parse("", statement, &[]),
        message::bind("", "", &[], &[format]),
        message::describe(b'P', ""),
        message::execute("", 0),
    ]
    .concat()
}

/// The transcript with tokens and hashes renamed by first appearance; without
/// an ORDER BY, the rows of one result as a multiset.
fn normalised(frames: &[Frame], ordered: bool) -> Vec<String> {
    let mut names = HashMap::new();
    let mut lines: Vec<String> = Vec::new();
    let mut rows: Vec<String> = Vec::new();
    for frame in frames {
        match frame.tag {
            b'D' => {
                let cells: Vec<String> = frame
                    .columns()
                    .iter()
                    .map(|cell| match cell {
                        Some(bytes) => renamed(bytes, &mut names),
                        None => "NULL".to_owned(),
                    })
                    .collect();
                rows.push(format!("D {}", cells.join("|")));
            }
            tag => {
                // Relations made by an attack have other oids in each database.
                let body = if tag == b'T' { without_origins(&frame.body) } else { frame.body.clone() };
                if !ordered {
                    rows.sort();
                }
                lines.append(&mut rows);
                lines.push(format!("{} {}", char::from(tag), renamed(&body, &mut names)));
            }
        }
    }
    lines.append(&mut rows);
    lines
}

/// A RowDescription without the table oids of relations made after set-up.
pub fn without_origins(body: &[u8]) -> Vec<u8> {
    let mut out = body[..2].to_vec();
    let mut rest = &body[2..];
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0).expect("a name's end") + 1;
        out.extend(&rest[..end]);
        out.extend(&rest[end + 4..end + 18]);
        rest = &rest[end + 18..];
    }
    out
}

fn renamed(bytes: &[u8], names: &mut HashMap<String, usize>) -> String {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let mut out = String::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let word: String =
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-').collect();
        if word.is_empty() {
            let c = rest.chars().next().expect("not empty");
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let is_hash = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let named = if is_hash { Some(0) } else { word.find("tok_") };
        match named {
            Some(at) => {
                let next = names.len();
                let number = *names.entry(word[at..].to_owned()).or_insert(next);
                write!(out, "{}<{number}>", &word[..at]).expect("write");
            }
            None => out.push_str(&word),
        }
        rest = &rest[word.len()..];
    }
    out
}

#[test]
fn every_attack_shows_something_to_a_direct_session() {
    let server = Server::start();
    prepare(&server, MORE_SCHEMA);
    let mut idle: Vec<String> = Vec::new();
    for (group, text) in GROUPS {
        let [direct, _] = copies(&server, group, MORE_DATA);
        let understood = attacks(text).into_iter().filter(|attack| attack.since <= server.major());
        idle.extend(understood.filter_map(|attack| {
            let [a, b] = direct.map(|database| {
                normalised(&transcript(server.port(), database, &attack, Path::Simple), attack.is_ordered())
            });
            (a == b).then_some(attack.name)
        }));
    }
    assert_eq!(idle, IDLE);
}

#[test]
fn nothing_that_reaches_a_client_depends_on_a_protected_value() {
    let server = Server::start();
    prepare(&server, MORE_SCHEMA);
    let bauta = Bauta::start(&server, &format!("{POLICY}\n{MORE_POLICY}"));
    let mut faults = String::new();
    for (group, text) in GROUPS.iter().filter(|(group, _)| is_wanted(group)) {
        let [_, masked] = copies(&server, group, MORE_DATA);
        for attack in attacks(text) {
            for path in [Path::Simple, Path::Text, Path::Binary] {
                let [left, right] = masked.map(|database| {
                    normalised(&transcript(bauta.port, database, &attack, path), attack.is_ordered())
                });
                if left != right {
                    let at = left.iter().zip(&right).find(|(a, b)| a != b);
                    writeln!(faults, "{group}: {} ({path:?}): {at:?}", attack.name).expect("write");
                }
            }
        }
    }
    assert!(faults.is_empty(), "these attacks learn something:\n{faults}\nlog:\n{}", bauta.log());
}

/// `ATTACKS=writes,copy` runs these groups alone.
fn is_wanted(group: &str) -> bool {
    std::env::var("ATTACKS").map_or(true, |wanted| wanted.split(',').any(|name| name == group))
}

/// A statement that waits for a lock is read by the server after it was judged.
/// Another session changes what its names mean in between: directly, the value
/// comes out, or a function of the client's is given it; through bauta neither.
#[test]
fn a_statement_that_waits_for_a_lock_is_read_as_it_was_judged() {
    let server = Server::start();
    prepare(&server, MORE_SCHEMA);
    let [[direct, _], [masked, _]] = copies(&server, "race", MORE_DATA);
    let bauta = Bauta::start(&server, &format!("{POLICY}\n{MORE_POLICY}"));
    assert_eq!(races(&server, server.port(), direct), [true, true]);
    assert_eq!(races(&server, bauta.port, masked), [false, false], "{}", bauta.log());
}

/// Does each race show the value of the first customer?
fn races(server: &Server, port: u16, database: &str) -> [bool; 2] {
    let session = || {
        Raw::connect_with(port, &[("user", "ana"), ("database", database)], &password("ana"))
            .unwrap_or_else(|error| panic!("login to {database}: {:?}", error.field(b'M')))
    };
    let (mut victim, mut other) = (session(), session());
    server.sql(database, "CREATE SCHEMA evil AUTHORIZATION ana");
    for setup in [
        "CREATE TABLE evil.loot (t text)",
        "CREATE TABLE evil.bait (id int, ssn text)",
        "INSERT INTO evil.bait VALUES (1, 'bait')",
    ] {
        assert!(other.query(setup).iter().all(|frame| frame.tag != b'E'), "{setup}");
    }
    victim.query("SET search_path = evil, pg_catalog, public");
    let races = [
        ("ALTER TABLE evil.bait DROP COLUMN ssn", "SELECT (SELECT ssn || '' FROM evil.bait) FROM customers"),
        (
            "CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS \
             'INSERT INTO evil.loot VALUES ($1) RETURNING t'",
            "SELECT lower(ssn) FROM evil.bait, customers",
        ),
    ];
    races.map(|(change, statement)| {
        other.query("BEGIN");
        other.query("LOCK TABLE evil.bait IN ACCESS EXCLUSIVE MODE");
        let changed = other.query(change).iter().all(|frame| frame.tag != b'E');
        if changed {
            victim.send(&message::query(statement));
            wait_for_lock(server, database);
        }
        other.query("COMMIT");
        let mut seen = if changed { victim.until_ready() } else { Vec::new() };
        seen.extend(other.query("SELECT t FROM evil.loot"));
        seen.iter().any(|frame| frame.body.windows(6).any(|bytes| bytes == b"007919"))
    })
}

/// Until some session of the database waits for a lock.
pub fn wait_for_lock(server: &Server, database: &str) {
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'"
    );
    let started = Instant::now();
    while server.sql("postgres", &waiting).trim() == "0" {
        assert!(started.elapsed() < Duration::from_secs(30), "nobody waits for a lock");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn attack_names() -> Vec<String> {
    GROUPS.iter().flat_map(|(_, text)| attacks(text)).map(|attack| attack.name).collect()
}

/// Names stand in the documentation, and count once.
#[test]
fn attacks_have_names_of_their_own() {
    let mut names = attack_names();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(all >= 620, "{all}");
}

/// Attacks kept for what they must not do to bauta, although PostgreSQL itself
/// shows nothing.
const IDLE: &[&str] = &[
    "raw statistics",
    "publication",
    "backslash literal",
    "error position",
    "fetch by an unknown cursor",
    "call to an internal reader",
    "pg_get_viewdef is harmless",
    "large object",
];

/// Refusing everything is no answer: statements that analysts and their tools
/// run over protected tables must run, with the shape that PostgreSQL gives.
#[test]
fn ordinary_work_over_protected_tables_is_not_refused() {
    let server = Server::start();
    let [direct, masked] = databases(&server);
    let bauta = Bauta::start(&server, POLICY);
    let mut faults = String::new();
    let understood = |line: &&str| server.major() >= 15 || !line.starts_with("MERGE");
    for statement in USABLE.lines().filter(|line| !line.starts_with("--")).filter(understood) {
        // What writes does so once in each database.
        for (turn, path) in [Path::Simple, Path::Text].into_iter().enumerate() {
            let mut work = Attack::new("");
            work.add(statement);
            let plain = transcript(server.port(), direct[turn], &work, path);
            let seen = transcript(bauta.port, masked[turn], &work, path);
            if let Some(fault) = differs(&plain, &seen) {
                writeln!(faults, "{statement} ({path:?}): {fault}").expect("write");
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}\nlog:\n{}", bauta.log());
}

/// Same messages, same columns, same number of rows; no error and no NOTICE.
fn differs(plain: &[Frame], seen: &[Frame]) -> Option<String> {
    let report = |tag: u8| seen.iter().find(|frame| frame.tag == tag).map(|frame| frame.field(b'M'));
    if let Some(message) = report(b'E').or_else(|| report(b'N')) {
        return Some(message.unwrap_or_default());
    }
    let shape = |frames: &[Frame]| -> Vec<(u8, Vec<u8>)> {
        let constant = |tag| matches!(tag, b'T' | b'C' | b'Z' | b'1' | b'2' | b'n');
        frames.iter().map(|f| (f.tag, if constant(f.tag) { f.body.clone() } else { Vec::new() })).collect()
    };
    (shape(plain) != shape(seen)).then(|| "other messages than from PostgreSQL".to_owned())
}
