//! PostgreSQL as the judge of lineage, in two ways.
//!
//! It prints its own rewritten query tree for a Parse: the base columns behind
//! each output and behind everything else. bauta's analysis must name at
//! least those, and no more behind an output than are there.
//!
//! And what bauta sends for a session without grants is run on two databases
//! that differ only in what masks hide: apart from masked columns, every
//! answer must be the same.
//!
//! `ORACLE_STATEMENTS` and `ORACLE_SEED` lengthen and vary the generated part.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bauta::catalog::guard::Guard;
use bauta::catalog::{ColumnId, Databases, Oid, SqliteBindings};
use bauta::clock::{Clock, Now, SystemClock};
use bauta::config::{Config, Secret};
use bauta::policy::decide::{Decision, OutputAction, Verdict, decide};
use bauta::policy::{Access, Permits, ProtectedColumn};
use bauta::sql::analyser;
use bauta::sql::analysis::{Analysis, Flow, Statement, StatementKind};
use bauta::sql::splice;

use crate::harness::{Frame, Raw, Server, door, message, password};
use crate::interference::{ATTACKS, POLICY, USABLE, databases};
use crate::oracle_sql::Generator;
use crate::oracle_tree::{self, BaseColumn};

/// Deep trees need deep stacks.
const STACK: usize = 256 << 20;

struct Nobody;

impl Permits for Nobody {
    fn access(&self, _: &ProtectedColumn, _: Now) -> Access {
        Access::Masked
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |value| value.parse().expect("a number"))
}

pub fn generated() -> Vec<String> {
    let mut generator = Generator::new(setting("ORACLE_SEED", 7));
    (0..setting("ORACLE_STATEMENTS", 3_000)).map(|_| generator.statement()).collect()
}

pub fn written() -> Vec<String> {
    let attacks = ATTACKS.lines().filter(|line| !line.starts_with("== "));
    let usable = USABLE.lines().filter(|line| !line.starts_with("--"));
    attacks.chain(usable).map(str::to_owned).collect()
}

fn guard(server: &Server, database: &str) -> Arc<Guard> {
    guard_of(server, database, POLICY)
}

/// A policy bound to what a database holds now.
pub fn guard_of(server: &Server, database: &str, policy: &str) -> Arc<Guard> {
    let config = config_of(server, policy);
    let store = Arc::new(SqliteBindings::in_memory().expect("store"));
    let databases = Databases::start(&config, store).expect("databases");
    tokio::runtime::Runtime::new().expect("runtime").block_on(databases.guard(database)).expect("guard")
}

/// The configuration of a policy's text on this server.
pub fn config_of(server: &Server, policy: &str) -> Config {
    let text = format!(
        "keys.file = \"k\"\nstate.url = \"sqlite:s\"\naudit.file = \"a\"\ncontrol.socket = \"c\"\n\
         listen.address = \"127.0.0.1:1\"\nupstream.address = \"127.0.0.1:1\"\n\
         upstream.service_user = \"bauta\"\n{policy}"
    );
    let parsed = Config::parse(Path::new("proxy.toml"), &text, &|_| None).unwrap_or_else(|e| panic!("{e}"));
    let mut config = door::config(server);
    config.upstream.service_password = Some(Secret::new(password("bauta")));
    config.protect = parsed.protect;
    config
}

pub fn session(server: &Server, database: &str) -> Raw {
    Raw::connect_with(server.port(), &[("user", "postgres"), ("database", database)], &password("postgres"))
        .unwrap_or_else(|error| panic!("login: {:?}", error.field(b'M')))
}

/// The one statement of a text that is a query.
pub fn query(guard: &Guard, sql: &str) -> Option<Statement> {
    only(guard, sql).filter(|statement| matches!(statement.kind, StatementKind::Query))
}

/// The one statement of a text.
pub fn only(guard: &Guard, sql: &str) -> Option<Statement> {
    let analysis: Analysis = analyser::analyse(guard, sql.as_bytes(), 1_000);
    <[Statement; 1]>::try_from(analysis.statements).ok().map(|[statement]| statement)
}

pub fn on_deep_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(run).expect("thread").join().expect("no panic");
}

/// What PostgreSQL says of a Parse: its tree, unless it refuses the text.
pub fn judged(session: &mut Raw, sql: &str) -> Option<oracle_tree::Columns> {
    let frames = session.exchange(&[message::parse("", sql, &[]), message::sync()].concat());
    if frames.iter().any(|frame| frame.tag == b'E') {
        return None;
    }
    let tree = frames.iter().filter(|frame| frame.tag == b'N').find_map(|frame| frame.field(b'D'))?;
    Some(oracle_tree::columns(&oracle_tree::read(&tree)))
}

/// The names of protected columns among base columns; a whole row has all of its table's.
fn protected_of(guard: &Guard, columns: &BTreeSet<BaseColumn>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (relation, attribute) in columns {
        let relation = Oid(*relation);
        let own = guard.protected.iter().filter(|(id, _)| {
            id.relation == relation && (*attribute == 0 || i32::from(id.attribute) == *attribute)
        });
        names.extend(own.map(|(_, column)| column.name.to_string()));
        let flows = guard.view_flows.get(&relation).into_iter().flatten().enumerate();
        for (index, flow) in flows {
            if *attribute == 0 || usize::try_from(*attribute).ok() == Some(index + 1) {
                names.extend(columns_of(flow).iter().map(|column| column.name.to_string()));
            }
        }
    }
    names
}

fn columns_of(flow: &Flow) -> &[Arc<ProtectedColumn>] {
    match flow {
        Flow::Clean => &[],
        Flow::Plain { columns, .. }
        | Flow::Derived { columns, .. }
        | Flow::Mixed { columns }
        | Flow::Computed { columns } => columns,
    }
}

fn names(columns: &[Arc<ProtectedColumn>]) -> BTreeSet<String> {
    columns.iter().map(|column| column.name.to_string()).collect()
}

/// Children and parents hold the same values under other names.
pub fn family(guard: &Guard) -> BTreeMap<String, String> {
    let mut families = BTreeMap::new();
    for (id, column) in &guard.protected {
        let parents =
            guard.snapshot.relations.get(&id.relation).map(|r| r.parents.clone()).unwrap_or_default();
        for parent in parents {
            let of = |(other, _): &(&ColumnId, &Arc<ProtectedColumn>)| other.relation == parent;
            if let Some((_, same)) =
                guard.protected.iter().filter(of).find(|(_, other)| other.column == column.column)
            {
                families.insert(column.name.to_string(), same.name.to_string());
            }
        }
    }
    families
}

#[test]
fn lineage_names_what_postgresql_says_stands_behind_a_statement() {
    let server = Server::start();
    let [[database, _], _] = databases(&server);
    let guard = guard(&server, database);
    let families = family(&guard);
    let head = move |names: BTreeSet<String>| -> BTreeSet<String> {
        names.into_iter().map(|name| families.get(&name).cloned().unwrap_or(name)).collect()
    };
    let mut judge = session(&server, database);
    judge
        .query("SET debug_print_rewritten = on; SET debug_pretty_print = off; SET client_min_messages = log");
    on_deep_stack(move || {
        let (mut faults, mut compared) = (String::new(), 0);
        for sql in written().into_iter().chain(generated()) {
            let Some(statement) = query(&guard, &sql) else { continue };
            if statement.refusal.is_some() {
                continue;
            }
            let Some(judged) = judged(&mut judge, &sql) else { continue };
            compared += 1;
            // The reader stops at a recursion: what it finds there is less than all.
            // A list of tokens stands for the column that it is compared with.
            let listed = sql.contains("VALUES") && statement.uses.iter().any(|use_| use_.given.is_some());
            let exact = !sql.contains("RECURSIVE") && !listed && statement.readings.is_empty();
            if let Some(fault) = difference(&guard, &head, &statement, &judged, exact) {
                writeln!(faults, "{sql}\n    {fault}").expect("write");
            }
        }
        assert!(faults.is_empty(), "\n{faults}");
        assert!(compared > 1_000, "only {compared} statements were compared");
    });
}

pub fn difference(
    guard: &Guard,
    head: &dyn Fn(BTreeSet<String>) -> BTreeSet<String>,
    statement: &Statement,
    judged: &oracle_tree::Columns,
    exact: bool,
) -> Option<String> {
    let used: BTreeSet<String> = head(statement.uses.iter().flat_map(|use_| names(&use_.columns)).collect());
    // What a view looks at is its owner's disclosure; it is named all the same.
    let named = head(names(&statement.named));
    let all = head(protected_of(guard, &judged.all));
    let outputs = statement.outputs.as_deref().unwrap_or_default();
    if !all.is_subset(&named) {
        return Some(format!("names {named:?}, PostgreSQL reads {all:?}"));
    }
    statement.outputs.as_ref()?;
    let readings: Vec<&[bauta::sql::Output]> = match statement.readings.as_slice() {
        [] => vec![outputs],
        readings => readings.iter().map(|reading| reading.outputs.as_slice()).collect(),
    };
    let fitting: Vec<_> = readings.iter().filter(|reading| reading.len() == judged.outputs.len()).collect();
    if fitting.is_empty() {
        return Some(format!("{} outputs, PostgreSQL gives {}", outputs.len(), judged.outputs.len()));
    }
    for (index, behind) in judged.outputs.iter().enumerate() {
        let behind = head(protected_of(guard, behind));
        let flow: BTreeSet<String> =
            head(fitting.iter().flat_map(|reading| names(columns_of(&reading[index].flow))).collect());
        let known: BTreeSet<String> = flow.union(&used).cloned().collect();
        if !behind.is_subset(&known) {
            return Some(format!("output {index}: {known:?}, PostgreSQL: {behind:?}"));
        }
        if exact && !flow.is_subset(&behind) {
            return Some(format!("output {index} names {flow:?} without need, PostgreSQL: {behind:?}"));
        }
    }
    None
}

#[test]
fn what_is_sent_answers_the_same_whatever_the_masks_hide() {
    let server = Server::start();
    let [direct, _] = databases(&server);
    let guard = guard(&server, direct[0]);
    let mut sessions = direct.map(|database| session(&server, database));
    for session in &mut sessions {
        session.query("SET statement_timeout = '300ms'");
    }
    on_deep_stack(move || {
        let now = SystemClock.now();
        let (mut faults, mut ran) = (String::new(), 0);
        for sql in generated() {
            let Some(statement) = query(&guard, &sql) else { continue };
            let Decision::Run(verdict) = decide(&statement, &Nobody, false, now) else { continue };
            let sent = splice::apply(sql.as_bytes(), &verdict.edits);
            let sent = String::from_utf8(sent).expect("text");
            let [left, right] = [0, 1].map(|which| seen(&mut sessions[which], &sent, &verdict));
            // A timeout says nothing: how long a statement takes is not promised.
            if left.iter().chain(&right).any(|line| line == TIMED_OUT) {
                continue;
            }
            ran += 1;
            if left != right {
                let at: Vec<_> = left.iter().zip(&right).filter(|(a, b)| a != b).take(2).collect();
                writeln!(faults, "{sql}\n    sent {sent}\n    {at:?}").expect("write");
            }
        }
        assert!(faults.is_empty(), "\n{faults}");
        assert!(ran > 500, "only {ran} statements ran");
    });
}

const TIMED_OUT: &str = "error 57014";

/// Rows in order of their text, masked columns as NULL or not; an error's SQLSTATE.
fn seen(session: &mut Raw, sent: &str, verdict: &Verdict) -> Vec<String> {
    session.query("BEGIN");
    let frames = session.query(sent);
    session.query("ROLLBACK");
    let origins = origins(&frames);
    let actions = verdict.outputs_for(&origins);
    let mut lines: Vec<String> = frames.iter().filter_map(|frame| line(frame, &actions)).collect();
    lines.sort();
    lines
}

fn line(frame: &Frame, actions: &[OutputAction]) -> Option<String> {
    match frame.tag {
        b'D' => {
            let columns = frame.columns();
            let shown = columns.iter().zip(actions).map(|(value, action)| match (value, action) {
                (None, _) => "NULL".to_owned(),
                (Some(value), OutputAction::Pass) => String::from_utf8_lossy(value).into_owned(),
                (Some(_), _) => "masked".to_owned(),
            });
            Some(format!("row {}", shown.collect::<Vec<_>>().join("|")))
        }
        b'C' => Some(format!("tag {}", String::from_utf8_lossy(&frame.body))),
        b'E' => frame.field(b'C').map(|code| format!("error {code}")),
        _ => None,
    }
}

/// Table and attribute of each field of the RowDescription.
fn origins(frames: &[Frame]) -> Vec<Option<ColumnId>> {
    let Some(frame) = frames.iter().find(|frame| frame.tag == b'T') else { return Vec::new() };
    let count = u16::from_be_bytes([frame.body[0], frame.body[1]]);
    let mut rest = &frame.body[2..];
    (0..count)
        .map(|_| {
            let end = rest.iter().position(|byte| *byte == 0).expect("a name");
            let fixed = &rest[end + 1..end + 19];
            rest = &rest[end + 19..];
            let relation = Oid(u32::from_be_bytes(fixed[..4].try_into().expect("oid")));
            let attribute = i16::from_be_bytes(fixed[4..6].try_into().expect("attribute"));
            (relation != Oid(0)).then_some(ColumnId { relation, attribute })
        })
        .collect()
}
