//! Every decision, readable: use, mask method, family of types, grant, path
//! through the protocol.
//!
//! Goal: whoever changes what bauta decides sees it as a difference in a text
//! file, and so does who reviews it. Method: `golden/uses.txt` and
//! `golden/utilities.txt` are put to the analyser and the policy over the
//! catalog of a fixed schema; `golden/paths.rs` puts a few statements through
//! real sessions by each path, with grants that begin and end on the way.
//! Columns with the same decisions share a line. A row that is missing, stale
//! or different fails.
//!
//! `BLESS=1 cargo test --test main golden` writes `golden/decisions.txt` anew.

mod paths;
mod subjects;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::mpsc;

use bauta::catalog::guard::Guard;
use bauta::clock::{Clock, Now, SystemClock};
use bauta::grants::GrantId;
use bauta::mask::Method;
use bauta::policy::decide::{Decision, OutputAction, Verdict, decide};
use bauta::policy::{Access, Basis, Permits, ProtectedColumn};
use bauta::sql::analyser;
use bauta::sql::analysis::{Statement, StatementKind};
use subjects::{SUBJECTS, Subject};

use crate::harness::Server;
use crate::oracle::{guard_of, on_deep_stack};

const USES: &str = include_str!("golden/uses.txt");
const UTILITIES: &str = include_str!("golden/utilities.txt");
const DECISIONS: &str = include_str!("golden/decisions.txt");
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/decisions.txt");

const HEAD: &str = "\
# What bauta decides. Made by tests/golden.rs, which fails when a line is not
# what the code decides; BLESS=1 cargo test --test main golden writes it anew.
#
# masked: the output shows the mask. redacted: it shows redact whatever the
# column's method, since the value is derived or mixed. neutralised: PostgreSQL
# computes on a typed NULL. refused CODE: nothing reaches PostgreSQL. revealed:
# the value is shown. runs: as it is.
#
# After the decision for a session that holds nothing stands what is different
# with a grant for the column, with a grant that has the export right, and with
# a role's unmask, each where it differs from the one before.
";

/// What the session holds for the column.
#[derive(Debug, Clone, Copy)]
enum Held {
    Nothing,
    Grant,
    GrantWithExport,
    Role,
}

const HELD: [(Held, &str); 4] = [
    (Held::Nothing, "nothing"),
    (Held::Grant, "a grant"),
    (Held::GrantWithExport, "a grant with export"),
    (Held::Role, "unmask by role"),
];

/// Holds it for the columns of this name.
struct Session<'a> {
    held: Held,
    column: &'a str,
}

impl Permits for Session<'_> {
    fn access(&self, column: &ProtectedColumn, _: Now) -> Access {
        let (basis, export) = match self.held {
            _ if &*column.column != self.column => return Access::Masked,
            Held::Nothing => return Access::Masked,
            Held::Grant => (Basis::Grant(GrantId(1)), false),
            Held::GrantWithExport => (Basis::Grant(GrantId(1)), true),
            Held::Role => (Basis::Role("billing".into()), false),
        };
        Access::Revealed { basis, until: None, export, counted: false }
    }
}

#[test]
fn decisions_are_those_of_the_golden_file() {
    let server = Server::start();
    server.sql("postgres", "CREATE DATABASE golden");
    server.sql("golden", &subjects::schema());
    let guard = guard_of(&server, "golden", &subjects::policy());
    let (send, receive) = mpsc::channel();
    on_deep_stack(move || send.send(uses(&guard) + &utilities(&guard)).expect("send"));
    let made = format!("{HEAD}{}{}", receive.recv().expect("decisions"), paths::table(&server));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(FILE, &made).expect("golden/decisions.txt");
        return;
    }
    let known: BTreeSet<&str> = DECISIONS.lines().collect();
    let now: BTreeSet<&str> = made.lines().collect();
    let mut faults = String::new();
    for line in DECISIONS.lines().filter(|line| !now.contains(line)) {
        writeln!(faults, "- {line}").expect("write");
    }
    for line in made.lines().filter(|line| !known.contains(line)) {
        writeln!(faults, "+ {line}").expect("write");
    }
    assert!(faults.is_empty(), "decisions differ from golden/decisions.txt:\n{faults}");
    assert_eq!(made, DECISIONS, "the same lines in another order");
}

#[test]
fn every_method_is_among_the_subjects_of_the_golden_file() {
    let missing: Vec<&str> = Method::ALL
        .iter()
        .map(|method| method.name())
        .filter(|method| !SUBJECTS.iter().any(|s| s.rule.starts_with(&format!("method = '{method}'"))))
        .collect();
    assert_eq!(missing, [""; 0]);
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn uses(guard: &Guard) -> String {
    let mut out = "\n== columns\n".to_owned();
    for subject in SUBJECTS {
        writeln!(out, "   {}: {}, {}", subject.name, subject.kind, subject.rule.replace('\n', ", "))
            .expect("write");
    }
    for line in lines(USES) {
        let (name, sql) = line.split_once(" | ").expect("name | statement");
        writeln!(out, "\n== {name}\n   {sql}").expect("write");
        let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
        for subject in SUBJECTS.iter().filter(|s| s.is_text() || !name.starts_with("text: ")) {
            let row = row(guard, sql, subject);
            match rows.iter_mut().find(|(known, _)| *known == row) {
                Some((_, subjects)) => subjects.push(subject.name),
                None => rows.push((row, vec![subject.name])),
            }
        }
        let asked = rows.iter().map(|(_, subjects)| subjects.len()).sum::<usize>();
        for (row, subjects) in &rows {
            let listed = match subjects.len() {
                count if count == asked => "every column".to_owned(),
                count if count * 2 > asked => "every other column".to_owned(),
                _ => subjects.join("; "),
            };
            writeln!(out, "   {row}\n      {listed}").expect("write");
        }
    }
    out
}

/// The decisions for one column, by what the session holds.
fn row(guard: &Guard, sql: &str, subject: &Subject) -> String {
    let sql = sql.replace("{v}", subject.literal).replace("{c}", &subject.column());
    let outcomes = HELD.map(|(held, name)| {
        let column = subject.column();
        let outcome = outcome(guard, &sql, &Session { held, column: &column }, false);
        (outcome.replace(&subject.mask(), "masked by its method"), name)
    });
    let mut spelled = format!("nothing: {}", outcomes[0].0);
    for pair in outcomes.windows(2) {
        if pair[0].0 != pair[1].0 {
            write!(spelled, " | {}: {}", pair[1].1, pair[1].0).expect("write");
        }
    }
    spelled
}

fn utilities(guard: &Guard) -> String {
    let mut out = "\n== statements as a whole\n".to_owned();
    for sql in lines(UTILITIES) {
        let session = Session { held: Held::Nothing, column: "" };
        let [ordinary, exempt] = [false, true].map(|exempt| outcome(guard, sql, &session, exempt));
        match ordinary == exempt {
            true => writeln!(out, "   {sql}\n      {ordinary}"),
            false => writeln!(out, "   {sql}\n      {ordinary} | exempt: {exempt}"),
        }
        .expect("write");
    }
    out
}

fn outcome(guard: &Guard, sql: &str, permits: &dyn Permits, exempt: bool) -> String {
    let analysis = analyser::analyse(guard, sql.as_bytes(), 1_000);
    let [statement] = analysis.statements.as_slice() else { panic!("one statement: {sql}") };
    ruled(statement, permits, exempt)
}

fn ruled(statement: &Statement, permits: &dyn Permits, exempt: bool) -> String {
    let now = SystemClock.now();
    match decide(statement, permits, exempt, now) {
        Decision::Refuse { error, .. } => format!("refused {}", error.code),
        Decision::Run(verdict) => match &statement.kind {
            StatementKind::Prepare { inner, .. } | StatementKind::DeclareCursor { inner, .. } => {
                ruled(inner, permits, exempt)
            }
            StatementKind::Execute { .. } | StatementKind::Fetch { .. } => {
                "by what the name holds".to_owned()
            }
            _ => form(&verdict),
        },
    }
}

fn form(verdict: &Verdict) -> String {
    let mut parts: Vec<String> = Vec::new();
    for action in &verdict.outputs {
        let part = match action {
            OutputAction::Pass => continue,
            OutputAction::Reveal { .. } => "revealed".to_owned(),
            OutputAction::Mask { column, .. } => format!("masked {}", column.method.name()),
            OutputAction::Redact { .. } => "redacted".to_owned(),
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if !verdict.edits.is_empty() {
        parts.push("neutralised".to_owned());
    }
    if !verdict.tokens.streamed.is_empty() {
        let tokens = verdict.tokens.streams_originals();
        parts.push(if tokens { "takes tokens and NULL" } else { "takes NULL" }.to_owned());
    }
    if parts.is_empty() {
        parts.push("runs".to_owned());
    }
    parts.join(", ")
}
