//! Query: one text of any number of statements, each judged; refused whole if
//! one is.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use aho_corasick::AhoCorasick;
use bytes::Bytes;

use super::incoming::conceal;
use super::judge::{Judged, Knowledge, Refusal, Stop, grants_of, hangs_on_settings};
use super::meanwhile::Ground;
use super::registering::Running;
use super::relay::{End, Hold, JobDone, Parked, Relay, ShapeRef, Step};
use super::reports::{Gate, Translation};
use super::runs::{Audience, Reply, Shape, refuse_run};
use super::state::{Changes, Entry, Kind, Lineage, Trial};
use super::tokens::{Handed, tokens_among_several};
use crate::audit::record::Observed;
use crate::audit::{Conceal, Sql};
use crate::grants::GrantId;
use crate::grants::rows::Lease;
use crate::sql::analyser::too_long;
use crate::sql::analysis::{CopyOut, Like};
use crate::sql::splice::{self, Edit};
use crate::sql::{Analysis, StatementKind};
use crate::wire::frame::frontend as tag;
use crate::wire::frontend::{self, Parse, Target, write_bare, write_query};

/// Name of the statement that a COPY's columns are described by.
const COPY_NAME: &[u8] = b"bauta: copy";

/// A Query that was judged.
pub(super) struct QueryPlan {
    pub text: Bytes,
    pub analysis: Arc<Analysis>,
    pub judged: Vec<Judged>,
    pub edits: Vec<Edit>,
    pub changes: Changes<ShapeRef>,
}

impl Relay {
    pub(super) fn on_query(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let text = frontend::query(body)?;
        if self.is_too_long_to_be_own(text) {
            self.refuse_query(too_long());
            return Ok(Step::Done);
        }
        if let Some(Parked::Query(plan)) = self.take_parked(text) {
            return Ok(self.send_query(plan));
        }
        let text = Bytes::copy_from_slice(text);
        if let Some(step) = self.on_naming_query(&text) {
            return Ok(step);
        }
        if let Some(step) = self.on_own_query(&text) {
            return Ok(step);
        }
        match self.knowledge(&text) {
            Err(hold) => Ok(Step::Wait(hold)),
            Ok(Knowledge::Harmless) => {
                match self.check_letters(&text, false).and_then(|()| self.check_unseen(&text, None)) {
                    Ok(()) => Ok(self.pass_query(text, frame)),
                    Err(Stop::Hold(hold)) => Ok(Step::Wait(hold)),
                    Err(Stop::Refuse(refusal)) => {
                        let error = self.refused(Sql::whole(text, Conceal::AllLiterals), refusal);
                        self.refuse_query(error);
                        Ok(Step::Done)
                    }
                }
            }
            Ok(Knowledge::Analysed(analysis)) => self.on_analysed(text, analysis),
        }
    }

    /// It names nothing protected: upstream as it came.
    fn pass_query(&mut self, text: Bytes, frame: &[u8]) -> Step {
        let may_copy_in = may_copy_in(&text);
        let ground = Some(Ground::harmless(&text, &self.guard));
        let mut run = match self.intend(Sql::whole(text, Conceal::Nothing), Arc::default()) {
            Ok(run) => run,
            Err(Stop::Refuse(refusal)) => {
                self.refuse_query(refusal.error);
                return Step::Done;
            }
            Err(Stop::Hold(hold)) => return Step::Wait(hold),
        };
        run.ground = ground;
        self.part_from_flush();
        self.upstream.queue(frame);
        let mut reply = Reply::new(Audience::Client).with_run(run);
        reply.whole = true;
        self.expect(Entry::new(Kind::Query, reply));
        if may_copy_in {
            self.wait_for(Hold::Quiet);
        }
        Step::Done
    }

    fn on_analysed(&mut self, text: Bytes, analysis: Arc<Analysis>) -> Result<Step, End> {
        let named = analysis.statements.iter().any(|s| s.touches_protected);
        if (named || hangs_on_settings(&text)) && !self.state.is_quiet() {
            return Ok(Step::Wait(Hold::Quiet));
        }
        let mut plan =
            QueryPlan { text, analysis, judged: Vec::new(), edits: Vec::new(), changes: Vec::new() };
        let settled = self.check_unseen(&plan.text, Some(&plan.analysis));
        let readable = settled
            .and_then(|()| self.observed_reading(&plan.text, self.may_have_set()))
            .map_err(|stop| (0, stop));
        match readable.and_then(|unread| self.judge_all(&mut plan, unread)) {
            Ok(()) => {}
            Err((index, stop)) => {
                if let Stop::Refuse(_) = stop {
                    self.copy_shapes.clear();
                }
                return Ok(match stop {
                    Stop::Hold(hold) => Step::Wait(hold),
                    Stop::Refuse(refusal) => self.refuse_analysed(&plan, index, refusal),
                });
            }
        }
        if let Some(step) = self.describe_copies(&mut plan) {
            return Ok(step);
        }
        match self.park(&grants_of(&plan.judged)) {
            true => {
                self.parked = Some(Box::new(Parked::Query(plan)));
                Ok(Step::Wait(Hold::Job))
            }
            false => Ok(self.send_query(plan)),
        }
    }

    /// Judges each statement; those after it see what one does to the names.
    /// `unread`: it would have been refused for how it reads.
    fn judge_all(
        &mut self,
        plan: &mut QueryPlan,
        unread: Option<Cow<'static, str>>,
    ) -> Result<(), (usize, Stop)> {
        let mut trial = Trial::default();
        let outer = self.outer_recodes;
        let judged = self.judge_each(plan, unread, &mut trial);
        self.outer_recodes = outer;
        self.spent.clear();
        // They are made when the text is sent.
        self.state.end_trial(trial);
        judged
    }

    fn judge_each(
        &mut self,
        plan: &mut QueryPlan,
        unread: Option<Cow<'static, str>>,
        trial: &mut Trial<ShapeRef>,
    ) -> Result<(), (usize, Stop)> {
        for index in 0..plan.analysis.statements.len() {
            let lineage = Lineage { analysis: plan.analysis.clone(), index, inner: false };
            let mut judged = self.judge(&lineage, Handed::NOTHING).map_err(|stop| (index, stop))?;
            if unread.is_some() {
                judged.observed = Some(Observed { would_refuse: unread.clone() });
            }
            if !judged.tokens.is_empty() && plan.analysis.statements.len() > 1 {
                return Err((index, tokens_among_several().into()));
            }
            // What follows it in the text comes behind what it runs.
            self.outer_recodes |= lineage.statement().is_some_and(|s| self.runs_recoding(&s.kind));
            let known = plan.changes.len();
            let tokens = Arc::default();
            let (text, edits) = (&plan.text, judged.edits.as_slice());
            let running = Running { index, text, edits, tokens: &tokens, judged: &judged };
            self.changes(&lineage, &running, &mut plan.changes).map_err(|stop| (index, stop))?;
            for (_, change) in plan.changes.iter().skip(known) {
                self.state.try_out(change.clone(), trial);
            }
            match (judged.unheld(), plan.analysis.statements.get(index)) {
                (Some(unheld), Some(statement)) => {
                    let (start, end) = (statement.span.start, statement.span.end);
                    plan.edits.push(Edit::new(start..end, unheld.stand_in()));
                }
                _ if edits_the_text(&plan.analysis, index) => {
                    plan.edits.extend(judged.edits.iter().cloned());
                }
                _ => {}
            }
            if let Some(guarded) = &judged.guarded {
                self.spent.extend(self.permits.once_of(&guarded.grants));
            }
            plan.judged.push(judged);
        }
        Ok(())
    }

    fn refuse_analysed(&mut self, plan: &QueryPlan, index: usize, refusal: Refusal) -> Step {
        let statement = plan.analysis.statements.get(index);
        let sql = match statement {
            Some(statement) => Sql::part(plan.text.clone(), statement.span.clone(), conceal(statement)),
            None => Sql::whole(plan.text.clone(), Conceal::AllLiterals),
        };
        if let Some(wait) = self.hold_refused(&sql, &refusal) {
            return wait;
        }
        let error = self.refused(sql, refusal);
        self.refuse_query(error);
        Step::Done
    }

    /// Writes the intents and sends the text in the form that was judged.
    pub(super) fn send_query(&mut self, plan: QueryPlan) -> Step {
        if plan.judged.iter().any(|judged| !judged.tokens.is_empty()) {
            return self.send_with_originals(plan);
        }
        let mut reply = Reply::new(Audience::Client);
        reply.runs.reserve_exact(plan.judged.len());
        for (index, judged) in plan.judged.into_iter().enumerate() {
            let Some(statement) = plan.analysis.statements.get(index) else { break };
            let sql = Sql::part(plan.text.clone(), statement.span.clone(), conceal(statement));
            match self.intend_judged(sql, judged.columns, judged.observed) {
                Ok(mut run) => {
                    run.guarded = judged.guarded;
                    let lineage = Lineage { analysis: plan.analysis.clone(), index, inner: false };
                    run.ground = Some(Ground::of(&plan.text, lineage, &self.guard, judged.followed));
                    if run.guarded.as_ref().is_some_and(|g| g.touches && !g.verdict.full_grant) {
                        reply.gate = Gate::Closed;
                    }
                    reply.runs.push(run);
                }
                Err(stop) => {
                    return self.refuse_unwritten(stop, reply);
                }
            }
        }
        let reveals = reply.runs.iter().any(super::runs::Run::reveals);
        let awaited = reply.runs.iter().any(super::runs::Run::is_awaited);
        let may_copy_in = may_copy_in(&plan.text);
        let sent = splice::apply(&plan.text, &plan.edits);
        self.part_from_flush();
        write_query(&sent, self.upstream.output());
        if !plan.edits.is_empty() {
            reply.translation = Some(Arc::new(Translation { sent, edits: plan.edits, original: plan.text }));
        }
        let mut entry = Entry::new(Kind::Query, reply);
        entry.changes = plan.changes;
        self.expect(entry);
        if reveals || may_copy_in || awaited {
            self.wait_for(Hold::Quiet);
        }
        Step::Done
    }

    pub(super) fn refuse_unwritten(&mut self, stop: Stop, reply: Reply) -> Step {
        match stop {
            Stop::Hold(hold) => Step::Wait(hold),
            Stop::Refuse(refusal) => {
                for mut run in reply.runs {
                    refuse_run(&self.proxy.audit, &self.who, &mut run, &refusal.error.code);
                }
                self.refuse_query(refusal.error);
                Step::Done
            }
        }
    }

    /// COPY … TO STDOUT has no RowDescription: has the server describe the
    /// query that gives its columns, unseen. None: nothing (more) to ask.
    fn describe_copies(&mut self, plan: &mut QueryPlan) -> Option<Step> {
        for index in 0..plan.judged.len() {
            let statement = plan.analysis.statements.get(index)?;
            let StatementKind::CopyOut(copy) = &statement.kind else { continue };
            let judged = plan.judged.get_mut(index)?;
            let Some(guarded) = judged.guarded.as_mut().filter(|g| g.has_outputs) else { continue };
            let like = like(copy, &plan.text, &judged.edits);
            if let Some((_, shape)) = self.copy_shapes.iter().find(|(asked, _)| *asked == like.sent) {
                guarded.shape = Some(shape.clone());
                continue;
            }
            let shape = Arc::new(Shape::default());
            self.copy_shapes.push((like.sent.clone(), shape.clone()));
            self.write_describe(like, &shape);
            self.end_describe();
            return Some(Step::Wait(Hold::Quiet));
        }
        self.copy_shapes.clear();
        None
    }

    /// Has the server describe `like` into `shape`.
    pub(super) fn write_describe(&mut self, like: Translation, shape: &Arc<Shape>) {
        let name = Target::Statement(COPY_NAME);
        let like = Arc::new(like);
        let proxy =
            || Reply { gate: Gate::Closed, translation: Some(like.clone()), ..Reply::new(Audience::Proxy) };
        name.write(tag::CLOSE, self.upstream.output());
        self.expect(Entry::new(Kind::Close, proxy()));
        Parse { name: COPY_NAME, text: &like.sent, parameter_types: b"" }.write(self.upstream.output());
        self.expect(Entry::new(Kind::Parse, proxy()));
        name.write(tag::DESCRIBE, self.upstream.output());
        self.expect(Entry::new(Kind::DescribeStatement, proxy().with_shape(shape.clone())));
        name.write(tag::CLOSE, self.upstream.output());
        self.expect(Entry::new(Kind::Close, proxy()));
    }

    /// Has the server answer. A Sync, so that it doesn't skip what comes after an
    /// error; in an open pipeline that would commit what is the client's to commit.
    fn end_describe(&mut self) {
        if self.pipeline_open {
            write_bare(tag::FLUSH, self.upstream.output());
            self.state.flush();
        } else {
            write_bare(tag::SYNC, self.upstream.output());
            self.expect(Entry::new(Kind::Sync, Reply::new(Audience::Proxy)));
        }
    }

    /// Grants that a statement uses up have to end first. True: a job asks.
    pub(super) fn park(&mut self, grants: &[(GrantId, u64)]) -> bool {
        if grants.is_empty() {
            return false;
        }
        let (proxy, grants, session) = (self.proxy.clone(), grants.to_vec(), self.seat.id);
        self.leave = None;
        self.job = Some(Box::pin(async move {
            let ids: Vec<GrantId> = grants.iter().map(|(id, _)| *id).collect();
            let Ok(leases) = proxy.grants.used(&ids, session).await else { return JobDone::Used(None) };
            let ahead = |lease: &Lease| {
                let mut known = grants.iter().filter(|(id, _)| *id == lease.grant());
                known.next().map_or(0, |(_, statements)| *statements)
            };
            let paid = leases.iter().all(|lease| lease.take_ahead(ahead(lease)));
            JobDone::Used(paid.then(|| leases.into_iter().map(Arc::new).collect()))
        }));
        true
    }

    /// The message that waited, if `message` is it: an Execute's frame, a Query's text.
    pub(super) fn take_parked(&mut self, message: &[u8]) -> Option<Parked> {
        let is_it = match self.parked.as_deref()? {
            Parked::Query(plan) => *plan.text == *message,
            Parked::Execute(plan) => *plan.frame == *message,
        };
        if !is_it || self.leave.is_none() {
            self.unpark();
            return None;
        }
        let mut parked = *self.parked.take()?;
        let leases = self.leave.take()?;
        match &mut parked {
            Parked::Query(plan) => plan.judged.iter_mut().for_each(|judged| judged.under(&leases)),
            Parked::Execute(plan) => plan.judged.under(&leases),
        }
        Some(parked)
    }

    /// A grant ended meanwhile: the message is judged anew.
    pub(super) fn unpark(&mut self) {
        self.parked = None;
    }
}

/// The query that describes a COPY, in the form that was judged, as what is left of
/// its text, or put in its place.
pub(super) fn like(copy: &CopyOut, text: &Bytes, edits: &[Edit]) -> Translation {
    let edits = match &copy.like {
        Like::Table(select) => vec![Edit::new(0..text.len(), select.clone())],
        Like::Query(span) => {
            let inside = |edit: &&Edit| span.start <= edit.start && edit.end <= span.end;
            let around = [Edit::new(0..span.start, ""), Edit::new(span.end..text.len(), "")];
            edits.iter().filter(inside).cloned().chain(around).collect()
        }
    };
    Translation { sent: splice::apply(text, &edits), edits, original: text.clone() }
}

/// The edits that belong to this text, not to that of a statement it names.
pub(super) fn edits_the_text(analysis: &Analysis, index: usize) -> bool {
    analysis.statements.get(index).is_some_and(|statement| {
        !matches!(
            statement.kind,
            StatementKind::Execute { .. }
                | StatementKind::ExplainExecute { .. }
                | StatementKind::Fetch { .. }
        )
    })
}

/// Could the text hold COPY … FROM STDIN? The grammar takes either word.
pub(super) fn may_copy_in(text: &[u8]) -> bool {
    static WORDS: LazyLock<Option<AhoCorasick>> =
        LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(["stdin", "stdout"]).ok());
    WORDS.as_ref().is_none_or(|words| words.is_match(text))
}
