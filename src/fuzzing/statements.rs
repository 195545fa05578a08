//! The analyser never panics; what it can't read is refused; what it lets run
//! in another form is still as many statements as before; and what texts share
//! that differ in literals is true of each.

use super::catalog;
use crate::catalog::guard::Guard;
use crate::clock::{Clock, Now, SystemClock};
use crate::policy::decide::{Decision, decide};
use crate::policy::{Access, Basis, Permits, ProtectedColumn};
use crate::sql::analyser::analyse;
use crate::sql::analysis::{Analysis, Statement, StatementKind};
use crate::sql::outline::Outline;
use crate::sql::shared::moved;
use crate::sql::splice;

/// As deep as the configuration allows by default.
const DEPTH: usize = 100;
/// As the analyser's own threads have.
const STACK: usize = 256 << 20;
/// Longer texts say nothing more about how one is read.
const LONGEST: usize = 16_384;

struct Nobody;

impl Permits for Nobody {
    fn access(&self, _: &ProtectedColumn, _: Now) -> Access {
        Access::Masked
    }
}

/// Sees some columns, so that whole rows are shown in part.
struct Somebody;

impl Permits for Somebody {
    fn access(&self, column: &ProtectedColumn, _: Now) -> Access {
        match column.name.len() % 2 {
            0 => Access::Masked,
            _ => Access::Revealed {
                basis: Basis::Role("some".into()),
                until: None,
                export: false,
                counted: false,
            },
        }
    }
}

pub fn analyser(data: &[u8]) -> bool {
    let text = data.get(..LONGEST).unwrap_or(data).to_vec();
    let reading = std::thread::Builder::new().stack_size(STACK).spawn(move || read(&text));
    reading.expect("a thread").join().expect("no panic")
}

fn read(text: &[u8]) -> bool {
    let guard = catalog::guard();
    let analysis = analyse(&guard, text, DEPTH);
    let Ok(sql) = std::str::from_utf8(text) else {
        assert!(analysis.statements.iter().all(|statement| statement.refusal.is_some()));
        assert!(!analysis.statements.is_empty(), "bytes that are no text were let through");
        return false;
    };
    let grammar = pg_query::parse(sql, 0);
    if grammar.is_err() {
        assert!(analysis.statements.iter().any(|statement| statement.refusal.is_some()));
        assert!(!analysis.statements.is_empty(), "a text that PostgreSQL can't parse was let through");
    }
    is_shared_truly(sql, &guard, &analysis);
    let mut end = 0;
    for statement in &analysis.statements {
        assert!(sql.get(statement.span.clone()).is_some(), "a span that is no part of the text");
        assert!(statement.span.start >= end, "spans overlap");
        end = statement.span.end;
        names_are_noticed(sql, statement);
        runs_as_one(sql, statement, &Nobody);
        runs_as_one(sql, statement, &Somebody);
    }
    analysis.statements.iter().any(|statement| statement.touches_protected && statement.refusal.is_none())
}

/// What all texts of an outline share is true of each.
fn is_shared_truly(sql: &str, guard: &Guard, analysis: &Analysis) {
    let Some(outline) = Outline::of(sql.as_bytes()) else { return };
    let shared = analyse(guard, outline.text().as_bytes(), DEPTH);
    if let Some(moved) = moved(&shared, &outline) {
        assert_eq!(format!("{moved:?}"), format!("{analysis:?}"), "{sql}");
    }
}

/// A protected column that is named makes the statement count.
fn names_are_noticed(sql: &str, statement: &Statement) {
    assert!(statement.named.is_empty() || statement.touches_protected, "{sql}");
    assert!(statement.uses.is_empty() || statement.touches_protected, "{sql}");
}

/// The form that would be sent parses, as one statement where it was one.
fn runs_as_one(sql: &str, statement: &Statement, permits: &dyn Permits) {
    let Decision::Run(verdict) = decide(statement, permits, false, SystemClock.now()) else { return };
    if verdict.edits.is_empty() {
        return;
    }
    let count = |sql: &str| pg_query::parse(sql, 0).ok().map(|parsed| parsed.protobuf.stmts.len());
    let sent = String::from_utf8(splice::apply(sql.as_bytes(), &verdict.edits)).expect("text");
    // The typed NULLs may nest deeper than the reader goes; the server reads them.
    let too_deep = statement_is_deep(sql);
    assert!(too_deep || count(&sent) == count(sql), "{sql}\n{sent}");
    if matches!(statement.kind, StatementKind::Query) && statement.readings.is_empty() {
        let outputs = statement.outputs.as_ref().map_or(0, Vec::len);
        assert_eq!(verdict.outputs.len(), outputs, "{sql}");
    }
}

fn statement_is_deep(sql: &str) -> bool {
    sql.matches('(').count() > DEPTH / 4
}
