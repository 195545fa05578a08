//! What passed through the log, counted: the metrics agree with the records.
//!
//! A statement costs a handful of relaxed atomics, once, when it ends.

use std::time::Duration;

use super::record::Event;
use crate::policy::decide::{ColumnDecision, What};
use crate::sql::UseKind;
use crate::telemetry::metric::{Counter, Labelled, Timing};
use crate::telemetry::names;
use crate::telemetry::registry::Registry;

/// The strongest decision about a column of a statement, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing protected in it.
    Passed,
    Disclosed,
    Masked,
    Neutralised,
    Revealed,
    Refused,
}

impl Outcome {
    pub fn of(columns: &[ColumnDecision]) -> Self {
        let one = |decision: &ColumnDecision| match decision.what {
            What::Disclosed => Self::Disclosed,
            What::Masked(_) => Self::Masked,
            What::Neutralised | What::LeftOut => Self::Neutralised,
            What::Revealed(_) => Self::Revealed,
            What::Refused => Self::Refused,
        };
        columns.iter().map(one).max().unwrap_or(Self::Passed)
    }
}

/// Values of protected columns in the rows of one statement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cells {
    pub masked: u64,
    pub revealed: u64,
}

/// How one statement ended.
#[derive(Debug)]
pub struct Ended {
    pub outcome: Outcome,
    /// Nothing of it was applied.
    pub observed: bool,
    pub refused: bool,
    pub failed: bool,
    pub elapsed: Duration,
    pub rows: u64,
    pub cells: Cells,
}

/// See the module.
pub struct Tally {
    sessions: Counter,
    tripwires: Counter,
    statements: ByOutcome,
    observed: ByOutcome,
    statement_time: Timing,
    errors: Counter,
    rows: Counter,
    cells: (Labelled, Counter, Counter),
    refusals: Refusals,
    grants: GrantEvents,
    records: Counter,
    bytes: Counter,
    write_time: Timing,
    failures: Counter,
}

impl Tally {
    pub fn new() -> Self {
        let cells = Labelled::new("treatment");
        let (masked, revealed) = (cells.counter("masked"), cells.counter("revealed"));
        Self {
            sessions: Counter::default(),
            tripwires: Counter::default(),
            statements: ByOutcome::new(),
            observed: ByOutcome::new(),
            statement_time: Timing::default(),
            errors: Counter::default(),
            rows: Counter::default(),
            cells: (cells, masked, revealed),
            refusals: Refusals::new(),
            grants: GrantEvents::new(),
            records: Counter::default(),
            bytes: Counter::default(),
            write_time: Timing::default(),
            failures: Counter::default(),
        }
    }

    /// A record was accepted.
    pub(super) fn accepted(&self, event: &Event) {
        match event {
            Event::SessionStart(_) => {
                self.sessions.inc();
            }
            Event::Tripwire(_) => {
                self.tripwires.inc();
            }
            Event::StatementStart(start) if start.observed.is_none() => self.refusals.count(&start.columns),
            event => self.grants.count(event),
        }
    }

    /// A statement ended.
    pub fn ended(&self, statement: &Ended) {
        let outcome = if statement.refused { Outcome::Refused } else { statement.outcome };
        let counters = if statement.observed { &self.observed } else { &self.statements };
        counters.counter(outcome).inc();
        if statement.refused {
            if statement.outcome != Outcome::Refused {
                self.refusals.whole.inc();
            }
            return;
        }
        self.statement_time.observe(statement.elapsed);
        if statement.failed {
            self.errors.inc();
        }
        add(&self.rows, statement.rows);
        add(&self.cells.1, statement.cells.masked);
        add(&self.cells.2, statement.cells.revealed);
    }

    /// A group of records is on disk.
    pub(super) fn written(&self, records: u64, bytes: usize, elapsed: Duration) {
        self.records.inc_by(records);
        self.bytes.inc_by(bytes as u64);
        self.write_time.observe(elapsed);
    }

    /// A group could not be written.
    pub(super) fn failed(&self) {
        self.failures.inc();
    }

    /// Puts the counters under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.counter(names::SESSIONS_STARTED, &self.sessions);
        registry.counter(names::TRIPWIRES, &self.tripwires);
        registry.labelled(names::STATEMENTS, &self.statements.all);
        registry.labelled(names::OBSERVED, &self.observed.all);
        registry.timing(names::STATEMENT_TIME, &self.statement_time);
        registry.counter(names::STATEMENT_ERRORS, &self.errors);
        registry.counter(names::ROWS, &self.rows);
        registry.labelled(names::CELLS, &self.cells.0);
        registry.labelled(names::REFUSALS, &self.refusals.all);
        registry.labelled(names::GRANT_EVENTS, &self.grants.all);
        registry.counter(names::AUDIT_RECORDS, &self.records);
        registry.counter(names::AUDIT_BYTES, &self.bytes);
        registry.timing(names::AUDIT_TIME, &self.write_time);
        registry.counter(names::AUDIT_FAILURES, &self.failures);
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

/// Most statements have no rows, and no protected values in them.
fn add(counter: &Counter, number: u64) {
    if number > 0 {
        counter.inc_by(number);
    }
}

struct ByOutcome {
    all: Labelled,
    passed: Counter,
    disclosed: Counter,
    masked: Counter,
    neutralised: Counter,
    revealed: Counter,
    refused: Counter,
}

impl ByOutcome {
    fn new() -> Self {
        let all = Labelled::new("decision");
        Self {
            passed: all.counter("passed"),
            disclosed: all.counter("disclosed"),
            masked: all.counter("masked"),
            neutralised: all.counter("neutralised"),
            revealed: all.counter("revealed"),
            refused: all.counter("refused"),
            all,
        }
    }

    fn counter(&self, outcome: Outcome) -> &Counter {
        match outcome {
            Outcome::Passed => &self.passed,
            Outcome::Disclosed => &self.disclosed,
            Outcome::Masked => &self.masked,
            Outcome::Neutralised => &self.neutralised,
            Outcome::Revealed => &self.revealed,
            Outcome::Refused => &self.refused,
        }
    }
}

struct Refusals {
    all: Labelled,
    by_use: Vec<(&'static str, Counter)>,
    /// Refused for what the statement is, not for a use in it.
    whole: Counter,
}

impl Refusals {
    fn new() -> Self {
        let all = Labelled::new("use");
        let by_use = UseKind::ALL.iter().map(|kind| (kind.name(), all.counter(kind.name()))).collect();
        let whole = all.counter("statement");
        Self { all, by_use, whole }
    }

    fn count(&self, columns: &[ColumnDecision]) {
        for decision in columns.iter().filter(|decision| decision.what == What::Refused) {
            match self.by_use.iter().find(|(name, _)| *name == decision.use_) {
                Some((_, counter)) => counter.inc(),
                None => self.all.counter(decision.use_).inc(),
            };
        }
    }
}

struct GrantEvents {
    all: Labelled,
    by_event: [(&'static str, Counter); 6],
}

impl GrantEvents {
    fn new() -> Self {
        let all = Labelled::new("event");
        let events = [
            "request.created",
            "request.approved",
            "request.denied",
            "grant.created",
            "grant.expired",
            "grant.revoked",
        ];
        let by_event = events.map(|event| (event, all.counter(event)));
        Self { all, by_event }
    }

    fn count(&self, event: &Event) {
        if let Some((_, counter)) = self.by_event.iter().find(|(name, _)| *name == event.name()) {
            counter.inc();
        }
    }
}
