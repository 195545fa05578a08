//! Execute: judged once more; a portal that holds more than is allowed by then
//! is refused.

use std::sync::Arc;

use bytes::Bytes;

use super::wants_shape;
use crate::audit::{Conceal, Sql};
use crate::error::{ClientError, sqlstate};
use crate::session::end_user::Naming;
use crate::session::incoming::conceal;
use crate::session::judge::{Judged, Refusal, Stop, grants_of, leads_elsewhere};
use crate::session::meanwhile::{Ground, Opened};
use crate::session::observe;
use crate::session::own::{OwnRows, answering};
use crate::session::registering::Running;
use crate::session::relay::{End, Hold, Parked, Relay, ShapeRef, Step};
use crate::session::reports::Gate;
use crate::session::runs::{Audience, Reply};
use crate::session::simple::{edits_the_text, may_copy_in};
use crate::session::state::{Changes, Entry, Kind, Known, Lineage, Portal, Prepared};
use crate::session::tokens::{Handed, Values};
use crate::session::unheld::Unheld;
use crate::session::virtual_schema::VirtualStatement;
use crate::sql::StatementKind;
use crate::wire::frontend::Execute;

/// An Execute that was judged.
pub(in crate::session) struct ExecutePlan {
    pub frame: Bytes,
    portal: Bytes,
    prepared: Arc<Prepared>,
    opened: Arc<Opened>,
    lineage: Option<Lineage>,
    /// The server is asked once more what the portal's columns are.
    again: bool,
    /// The server certainly meant this portal by the name, before it ran.
    settled: bool,
    shape: ShapeRef,
    pub judged: Judged,
    changes: Changes<ShapeRef>,
}

/// Of a portal that is to run.
struct Sureness {
    /// The server certainly means this portal by the name.
    settled: bool,
    /// It has run before.
    begun: bool,
}

impl Relay {
    pub(in crate::session) fn on_execute(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let execute = Execute::read(body)?;
        if let Some(Parked::Execute(plan)) = self.take_parked(frame) {
            return Ok(self.send_execute(plan));
        }
        if let Err(stop) = self.check_spelling(execute.portal) {
            return Ok(self.stopped(stop));
        }
        let slot = match self.find_portal(execute.portal) {
            Ok(Some(slot)) => slot,
            Ok(None) => {
                return Ok(self.execute_unheld(execute.portal, frame));
            }
            Err(Stop::Hold(hold)) => return Ok(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => return Err(End::Fault(refusal.error)),
        };
        let settled = self.state.is_settled(&slot);
        let begun = slot.has_begun();
        let portal = slot.value;
        let done = match (&portal.prepared.known, portal.shape.as_ref().and_then(|shape| shape.own.clone())) {
            (Known::Own(statement), Some(own)) => {
                self.run_portal_of_own(&portal.prepared, statement, &own, execute.limit, frame)
            }
            (Known::Naming(naming), _) => self.run_portal_of_naming(&portal.prepared, naming, frame),
            _ => self.execute(&portal, execute, Sureness { settled, begun }, frame),
        };
        match done {
            Ok(step) => Ok(step),
            Err(Stop::Hold(hold)) => Ok(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => {
                let sql = execution_text(&portal.prepared);
                if let Some(wait) = self.hold_refused(&sql, &refusal) {
                    return Ok(wait);
                }
                let error = self.refused(sql, refusal);
                self.refuse_step(error);
                Ok(Step::Done)
            }
        }
    }

    /// A portal that bauta has not seen opened.
    fn execute_unheld(&mut self, portal: &[u8], frame: &[u8]) -> Step {
        let unheld = Unheld::Portal(Bytes::copy_from_slice(portal));
        let reply = if self.observes() && !portal.is_empty() {
            let sql = Sql::whole(Bytes::new(), Conceal::AllLiterals);
            match self.intend_judged(sql, Arc::default(), Some(observe::run_unheld(&unheld))) {
                Ok(run) => Reply::new(Audience::Client).with_run(run),
                Err(Stop::Hold(hold)) => return Step::Wait(hold),
                Err(Stop::Refuse(refusal)) => {
                    self.refuse_step(refusal.error);
                    return Step::Done;
                }
            }
        } else {
            self.close_unheld(unheld);
            Reply::new(Audience::MustFail)
        };
        self.upstream.queue(frame);
        self.expect(Entry::new(Kind::Execute, reply));
        Step::Done
    }

    fn run_portal_of_own(
        &mut self,
        prepared: &Prepared,
        statement: &Arc<VirtualStatement>,
        own: &Arc<OwnRows>,
        limit: i32,
        frame: &[u8],
    ) -> Result<Step, Stop> {
        let answer = self.execute_own(statement, own, limit)?;
        let mut run = self.intend(execution_text(prepared), Arc::default())?;
        run.guarded = Some(Box::new(answering(answer)));
        self.upstream.queue(frame);
        self.expect(Entry::new(Kind::Execute, Reply::new(Audience::Client).with_run(run)));
        Ok(Step::Done)
    }

    fn run_portal_of_naming(
        &mut self,
        prepared: &Prepared,
        naming: &Arc<Naming>,
        frame: &[u8],
    ) -> Result<Step, Stop> {
        let (run, _) = self.run_naming(naming, execution_text(prepared))?;
        self.upstream.queue(frame);
        self.expect(Entry::new(Kind::Execute, Reply::new(Audience::Client).with_run(run)));
        Ok(Step::Done)
    }

    fn execute(
        &mut self,
        portal: &Portal<ShapeRef>,
        execute: Execute<'_>,
        sure: Sureness,
        frame: &[u8],
    ) -> Result<Step, Stop> {
        let limit = execute.limit;
        let mut plan = ExecutePlan {
            frame: Bytes::new(),
            portal: Bytes::copy_from_slice(execute.portal),
            again: false,
            settled: sure.settled,
            prepared: portal.prepared.clone(),
            opened: portal.opened.clone(),
            lineage: None,
            shape: portal.shape.clone(),
            judged: Judged::plain(),
            changes: Vec::new(),
        };
        // As it was opened, where it was read then.
        let known = match &portal.prepared.known {
            Known::Analysed(_) => portal.prepared.known.clone(),
            Known::Harmless | Known::Own(_) | Known::Naming(_) => self.known(&portal.prepared)?,
        };
        // It may have been bound before the DDL.
        self.check_unseen(&portal.prepared.text, known.analysis())?;
        self.check_plan(portal, &known)?;
        if let Known::Analysed(lineage) = known {
            plan.judged = self.judge_opened(portal, |relay, prepared| match &prepared.known {
                Known::Analysed(lineage) => relay.judge_portal(portal, lineage),
                Known::Harmless | Known::Own(_) | Known::Naming(_) => Ok(Judged::plain()),
            })?;
            // The server keeps the columns that it found when it was bound, and would
            // read the rows of whatever stands under the name by now as those.
            let stale = follows(&lineage) && !sure.settled && !sure.begun && !self.observes();
            if self.leads_elsewhere(portal)? || stale && !plan.judged.must_fail() {
                return Err(leads_elsewhere().into());
            }
            let fails = plan.judged.unheld().is_some();
            if limit > 0 && follows(&lineage) && plan.judged.guarded.is_some() && !fails {
                return Err(rows_by_name().into());
            }
            let text = portal.prepared.text.clone();
            let (edits, judged) = (plan.judged.edits.as_slice(), &plan.judged);
            let running = Running { index: 0, text: &text, edits, tokens: &portal.tokens, judged };
            self.changes(&lineage, &running, &mut plan.changes)?;
            plan.lineage = Some(lineage);
        }
        if plan.lineage.is_none() {
            return self.pass_execute(plan, frame);
        }
        if portal.shape.is_none() && plan.lineage.as_ref().is_some_and(wants_shape) && !self.observes() {
            let why = if portal.prepared.by_sql { opened_by_declare() } else { changed_meanwhile() };
            return Err(why.into());
        }
        if let Some(guarded) = plan.judged.guarded.as_deref_mut().filter(|guarded| guarded.has_outputs) {
            guarded.by_name |= portal.by_name || !sure.settled;
            plan.again =
                !sure.settled && !guarded.observed && guarded.copy.is_none() && portal.shape.is_some();
            if plan.again {
                // A ROLLBACK may have closed it.
                self.need_quiet()?;
                plan.shape = Some(Arc::default());
            }
        }
        plan.frame = Bytes::copy_from_slice(frame);
        if self.park(&grants_of(std::slice::from_ref(&plan.judged))) {
            self.parked = Some(Box::new(Parked::Execute(plan)));
            return Ok(Step::Wait(Hold::Job));
        }
        Ok(self.send_execute(plan))
    }

    /// What the portal may do now. It keeps the form that it was bound in.
    fn judge_portal(&mut self, portal: &Portal<ShapeRef>, lineage: &Lineage) -> Result<Judged, Stop> {
        let declared = &portal.prepared.parameter_types;
        let judged = self.judge(lineage, Handed { declared, values: Values::Kept(&portal.tokens) })?;
        if !edits_the_text(&lineage.analysis, lineage.index)
            || portal.prepared.holds_no_more_than(&judged.edits)
        {
            return Ok(judged);
        }
        let error = ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            "the portal was opened under access that has ended",
        );
        Err(Stop::Refuse(Refusal::of(error.with_hint("Bind the statement again."), judged.columns.to_vec())))
    }

    /// The functions of what runs may set anything; what they set is reported at the
    /// end of the pipeline.
    fn sets(&mut self, prepared: &Prepared) {
        self.pipeline_sets |= !is_begin(&prepared.text);
        self.pipeline_recodes |= prepared.may_recode;
    }

    fn pass_execute(&mut self, plan: ExecutePlan, frame: &[u8]) -> Result<Step, Stop> {
        let Judged { columns, observed, .. } = plan.judged;
        let mut run = self.intend_judged(execution_text(&plan.prepared), columns, observed)?;
        run.ground = Some(Ground::harmless(&plan.prepared.text, &self.guard).opened(&plan.opened));
        self.sets(&plan.prepared);
        self.upstream.queue(frame);
        self.expect(Entry::new(Kind::Execute, Reply::new(Audience::Client).with_run(run)));
        self.state.resumed(&plan.portal, plan.settled);
        if plan.prepared.may_copy_in {
            self.wait_for(Hold::Quiet);
        }
        Ok(Step::Done)
    }

    pub(in crate::session) fn send_execute(&mut self, plan: ExecutePlan) -> Step {
        let Judged { columns, observed, guarded, followed, .. } = plan.judged;
        let mut run = match self.intend_judged(execution_text(&plan.prepared), columns, observed) {
            Ok(run) => run,
            Err(Stop::Hold(hold)) => return Step::Wait(hold),
            Err(Stop::Refuse(refusal)) => {
                self.refuse_step(refusal.error);
                return Step::Done;
            }
        };
        if let Some(unheld) = guarded.as_ref().and_then(|guarded| guarded.unheld.clone()) {
            self.close_unheld(unheld);
        }
        run.guarded = guarded;
        // Of EXECUTE: what it runs says so.
        let followed_copies = followed.as_deref().is_some_and(|ground| may_copy_in(&ground.text));
        run.ground = plan.lineage.map(|lineage| {
            Ground::of(&plan.prepared.text, lineage, &self.guard, followed).opened(&plan.opened)
        });
        let shape = plan.shape.clone();
        let mut reply = Reply::new(Audience::Client);
        let (mut reveals, mut awaited) = (false, false);
        if let Some(guarded) = &mut run.guarded {
            guarded.shape = plan.shape.clone();
            reveals = guarded.reveals;
            awaited = guarded.awaited;
            if guarded.touches && !guarded.verdict.full_grant {
                reply.gate = Gate::Closed;
            }
        }
        self.sets(&plan.prepared);
        if let Some(shape) = shape.filter(|_| plan.again) {
            self.ask_portal(&plan.portal, shape);
        }
        self.upstream.queue(&plan.frame);
        let mut entry = Entry::new(Kind::Execute, reply.with_run(run));
        entry.changes = plan.changes;
        self.expect(entry);
        self.state.resumed(&plan.portal, plan.settled);
        if reveals || awaited || followed_copies || plan.prepared.may_copy_in {
            self.wait_for(Hold::Quiet);
        }
        Step::Done
    }
}

/// What the audit log is told of an execution.
fn execution_text(prepared: &Prepared) -> Sql {
    let conceal = match &prepared.known {
        Known::Harmless | Known::Own(_) => Conceal::Nothing,
        Known::Naming(_) => Conceal::AllLiterals,
        Known::Analysed(lineage) => lineage.statement().map_or(Conceal::AllLiterals, conceal),
    };
    Sql::whole(prepared.text.clone(), conceal)
}

/// EXECUTE and FETCH: what they name may be another thing when the portal goes
/// on, while its rows are those of the first.
fn follows(lineage: &Lineage) -> bool {
    let kind = lineage.statement().map(|statement| &statement.kind);
    matches!(kind, Some(StatementKind::Execute { .. } | StatementKind::Fetch { .. }))
}

fn rows_by_name() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "EXECUTE and FETCH of protected rows cannot be run with a row limit",
    )
    .with_hint("Bind the statement itself, or give FETCH the number of rows.")
}

fn changed_meanwhile() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "the policy or the catalog has changed since the portal was opened",
    )
    .with_hint("Bind the statement again.")
}

/// Its rows have never been described.
fn opened_by_declare() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "a cursor over protected data that DECLARE opened can't be run by an Execute message",
    )
    .with_hint("FETCH from it.")
}

/// BEGIN and START TRANSACTION, which drivers send in front of a pipeline.
pub(in crate::session) fn is_begin(text: &[u8]) -> bool {
    let first = text.trim_ascii().split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    first.eq_ignore_ascii_case(b"begin") || first.eq_ignore_ascii_case(b"start")
}
