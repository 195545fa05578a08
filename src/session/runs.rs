//! One statement's execution, from its intent in the audit log to its
//! outcome; and what the relay keeps with each expected reply.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;

use super::copy::CopyPlan;
use super::meanwhile::Ground;
use super::own::{Answer, OwnRows};
use super::reports::{Gate, Translation};
use super::rows::RowPlan;
use super::state::Kind;
use super::unheld::Unheld;
use crate::audit::tally::{Cells, Ended, Outcome};
use crate::audit::{Event, Log, Record, StatementEnd, Ticket, Who};
use crate::error::ClientError;
use crate::grants::GrantId;
use crate::grants::rows::Share;
use crate::policy::decide::Verdict;
use crate::policy::tokens::Streamed;
use crate::policy::{Basis, ProtectedColumn};
use crate::sql::analysis::{CatalogChange, CopyFormat, CopyIn, Names};
use crate::wire::backend::Field;
use crate::wire::reader::Reader;

/// The server's description of a result, filled when it arrives. None inside:
/// there are no rows.
#[derive(Debug, Default)]
pub struct Shape {
    /// The rows of a portal that bauta answers itself.
    pub own: Option<Arc<OwnRows>>,
    pub fields: OnceLock<Option<Vec<Field>>>,
}

/// A statement's parameters as the client knows them, where the server's copy
/// has others.
#[derive(Debug)]
pub struct ShownParameters {
    pub count: u16,
    /// The types that the client declared, four bytes each.
    pub declared: Bytes,
}

impl ShownParameters {
    /// What the client is told, made of what the server says.
    pub fn types(&self, server: &[u32]) -> Vec<u32> {
        let declared = self.declared.chunks_exact(4).map(|oid| Reader::new(oid).u32().unwrap_or(0));
        let declared = declared.chain(std::iter::repeat(0));
        let server = server.iter().copied().take(usize::from(self.count));
        server.zip(declared).map(|(server, own)| if own == 0 { server } else { own }).collect()
    }
}

/// Who gets the replies to a message.
#[derive(Debug)]
pub enum Audience {
    Client,
    /// bauta's own message: its replies are swallowed, but an error is the
    /// client's (its own next message leans on it).
    Proxy,
    /// Fails for certain; nobody hears of it.
    Stub,
    /// Fails for certain; the client sees this error instead.
    Refusal(Box<ClientError>),
    /// Names what bauta has not seen made, and the server has been told to
    /// close: its error passes, anything else ends the session.
    MustFail,
}

/// What is kept with an expected reply.
pub struct Reply {
    pub audience: Audience,
    /// One for each statement of an analysed Query; one for an Execute or an
    /// unread Query; none for the rest.
    pub runs: Vec<Run>,
    /// Statements of the Query that are answered.
    pub current: usize,
    /// One run stands for the whole Query, which nobody has read.
    pub whole: bool,
    /// The server has described what the statement at hand returns.
    pub described: bool,
    pub gate: Gate,
    pub translation: Option<Arc<Translation>>,
    /// Where to put a description.
    pub shape: Option<Arc<Shape>>,
    /// Rows of what is described here are not looked at: a protected origin
    /// among its columns ends the session.
    pub watch: bool,
    /// A statement of it was answered, or an error.
    pub answered: bool,
    /// The client was told an error of bauta's own; the rest is swallowed.
    pub cut: bool,
    /// Where to put right what the server says of a statement's parameters.
    pub parameters: Option<Box<ShownParameters>>,
    /// Sent in the place of a part of a Query: the client sees what a Query shows.
    pub of_query: bool,
}

impl Reply {
    pub fn new(audience: Audience) -> Self {
        Self {
            audience,
            runs: Vec::new(),
            current: 0,
            whole: false,
            described: false,
            gate: Gate::Open,
            translation: None,
            shape: None,
            watch: false,
            answered: false,
            cut: false,
            parameters: None,
            of_query: false,
        }
    }

    pub fn with_run(mut self, run: Run) -> Self {
        self.runs.reserve_exact(1);
        self.runs.push(run);
        self
    }

    pub fn with_shape(mut self, shape: Arc<Shape>) -> Self {
        self.shape = Some(shape);
        self
    }

    /// May rows or data of a COPY come? In the simple protocol each statement's
    /// follow their description, so that no row counts as another statement's.
    pub fn takes_rows(&self, kind: Kind) -> bool {
        kind != Kind::Query || self.whole || self.described
    }

    /// What the statement at hand names and bauta has not seen made.
    pub fn unheld(&self) -> Option<&Unheld> {
        self.runs.get(self.current)?.guarded.as_deref()?.unheld.as_ref()
    }

    /// bauta's own message, not one that it sent in a client's place.
    pub fn is_hidden(&self) -> bool {
        matches!(self.audience, Audience::Proxy)
    }

    pub fn is_silent(&self) -> bool {
        self.cut || !matches!(self.audience, Audience::Client)
    }
}

/// One execution.
pub struct Run {
    /// Its intent in the audit log.
    pub ticket: Ticket,
    pub began: Instant,
    pub rows: u64,
    pub bytes: u64,
    pub finished: bool,
    /// What its intent says of it.
    pub outcome: Outcome,
    /// That is only what would have become of it.
    pub observed: bool,
    /// None: nothing protected in it.
    pub guarded: Option<Box<Guarded>>,
    /// What it was judged by. None: bauta answers it.
    pub ground: Option<Ground>,
    /// What it was last held against, which a new guard is.
    pub stands: Option<Ground>,
    /// Version of the guard by which its text was last found to mean what it did
    /// when it was judged; 0: nothing has come yet.
    pub sure_by: u64,
    /// When it was judged, or looked at again.
    pub looked: Instant,
    /// The frame at hand waited for that look, which found nothing.
    pub reviewed: bool,
    /// Its text means something else by now.
    pub outdated: bool,
}

impl Run {
    pub fn new(ticket: Ticket, outcome: Outcome, observed: bool) -> Self {
        let began = Instant::now();
        Self {
            ticket,
            began,
            rows: 0,
            bytes: 0,
            finished: false,
            outcome,
            observed,
            guarded: None,
            ground: None,
            stands: None,
            sure_by: 0,
            looked: began,
            reviewed: false,
            outdated: false,
        }
    }

    /// Values of protected columns that were sent.
    fn cells(&self) -> Cells {
        let row = match self.guarded.as_deref().map(|guarded| &guarded.plan) {
            Some(Plan::Rows(plan)) => plan.cells(),
            Some(Plan::Copy(plan)) => plan.cells(),
            Some(Plan::None | Plan::Plain) | None => return Cells::default(),
        };
        Cells {
            masked: row.masked.saturating_mul(self.rows),
            revealed: row.revealed.saturating_mul(self.rows),
        }
    }

    pub fn reveals(&self) -> bool {
        self.guarded.as_ref().is_some_and(|guarded| guarded.reveals)
    }

    /// What comes next must know that it is done.
    pub fn is_awaited(&self) -> bool {
        self.guarded.as_ref().is_some_and(|guarded| guarded.awaited)
    }
}

/// Writes the outcome of a statement, once.
pub fn finish_run(audit: &Log, who: &Arc<Who>, run: &mut Run, sqlstate: Option<&str>) {
    end_run(audit, who, run, sqlstate, false);
}

/// Writes that bauta refused a statement: it did not run.
pub fn refuse_run(audit: &Log, who: &Arc<Who>, run: &mut Run, sqlstate: &str) {
    end_run(audit, who, run, Some(sqlstate), true);
}

fn end_run(audit: &Log, who: &Arc<Who>, run: &mut Run, sqlstate: Option<&str>, refused: bool) {
    if std::mem::replace(&mut run.finished, true) {
        return;
    }
    let elapsed = run.began.elapsed();
    audit.tally().ended(&Ended {
        outcome: run.outcome,
        observed: run.observed,
        refused,
        failed: sqlstate.is_some(),
        elapsed,
        rows: run.rows,
        cells: run.cells(),
    });
    let event = Event::StatementEnd(StatementEnd {
        start: run.ticket,
        rows: run.rows,
        bytes: run.bytes,
        elapsed,
        sqlstate: sqlstate.map(|code| code.to_owned().into()),
        refused,
    });
    // The log keeps outcomes until it can write them: nothing to do here.
    let _ = audit.post(Record { who: who.clone(), event });
}

/// What an execution needs that touches something protected.
pub struct Guarded {
    pub verdict: Verdict,
    /// The statement announces its outputs.
    pub has_outputs: bool,
    pub plan: Plan,
    pub copy: Option<CopyFormat>,
    /// COPY … FROM STDIN, of which these columns are looked at.
    pub copy_in: Option<(CopyIn, Vec<Streamed>)>,
    pub shape: Option<Arc<Shape>>,
    /// The grants and roles that it leans on: when one ends, so does it.
    pub bases: Vec<(Basis, Arc<ProtectedColumn>)>,
    /// The grants among them.
    pub grants: Vec<GrantId>,
    /// Leave to take rows of those that count them.
    pub shares: Vec<Share>,
    /// Rows carry revealed values, or are counted as if they did.
    pub reveals: bool,
    /// bauta's own rows, put in place of the stand-in's CommandComplete.
    pub answer: Option<Answer>,
    /// Nothing of the decision is applied (`mode = "observe"`): rows pass.
    pub observed: bool,
    /// It fails for certain: any answer but an error ends the session.
    pub must_fail: bool,
    /// Why it fails: bauta has not seen made what it names.
    pub unheld: Option<Unheld>,
    /// The notices were sent.
    pub noticed: bool,
    pub catalog_change: CatalogChange,
    pub names: Names,
    /// As [`Statement::is_awaited`](crate::sql::Statement::is_awaited).
    pub awaited: bool,
    pub touches: bool,
    /// As [`Statement::only_reads`](crate::sql::Statement::only_reads).
    pub only_reads: bool,
    /// As [`Statement::defers`](crate::sql::Statement::defers).
    pub defers: bool,
    /// What runs is what the server knows by a name that a function may have given
    /// to another statement or cursor.
    pub by_name: bool,
    /// Done, it returns the session to its login.
    pub forgets_person: bool,
}

#[derive(Default)]
pub enum Plan {
    /// Not described yet: no row may come.
    #[default]
    None,
    /// Rows pass as they are.
    Plain,
    Rows(RowPlan),
    Copy(CopyPlan),
}

impl Guarded {
    /// May the server's rows hold originals that the client's don't?
    pub fn masks(&self) -> bool {
        match &self.plan {
            Plan::None => self.has_outputs,
            Plan::Plain => false,
            Plan::Rows(rows) => !rows.is_plain(),
            Plan::Copy(copy) => !copy.is_plain(),
        }
    }

    /// For a result that no decision announced.
    pub fn unannounced(plan: Plan) -> Self {
        Self {
            verdict: Verdict::default(),
            has_outputs: false,
            plan,
            copy: None,
            copy_in: None,
            shape: None,
            bases: Vec::new(),
            grants: Vec::new(),
            shares: Vec::new(),
            reveals: false,
            answer: None,
            observed: false,
            must_fail: false,
            unheld: None,
            noticed: true,
            catalog_change: CatalogChange::None,
            names: Names::default(),
            awaited: false,
            touches: false,
            only_reads: false,
            defers: true,
            by_name: false,
            forgets_person: false,
        }
    }
}
