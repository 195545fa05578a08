//! Parse, Bind, Describe, Execute, Close: what each becomes.
//!
//! A statement that touches nothing protected passes as it is. Another is
//! parsed upstream in the form that is allowed at the time; Bind judges it
//! again and, where the form no longer fits, has it parsed anew, unseen;
//! Execute judges it once more, and is refused where the portal holds more
//! than is allowed by then. After each such Bind bauta asks for the portal's
//! description itself, so types and origins are known before any row.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::end_user::{self, Naming};
use super::incoming::{conceal, too_long};
use super::judge::{Judged, Knowledge, Refusal, Stop, grants_of, hangs_on_settings};
use super::observe;
use super::own::{OwnRows, answering, bound, write_stand_in};
use super::relay::{End, Hold, Parked, Relay, ShapeRef, Step};
use super::reports::{Gate, Translation};
use super::runs::{Audience, Reply, Shape, ShownParameters};
use super::simple::{described, edits_the_text, may_copy_in};
use super::state::{Entry, Form, Kind, Known, Lineage, Lookup, Portal, Prepared, RESERVED, Slot, Undos};
use super::tokens::{Handed, Values, form_of, rewritten, tokens_by_name};
use super::virtual_schema::VirtualStatement;
use crate::audit::{Conceal, Sql};
use crate::error::{ClientError, sqlstate};
use crate::sql::classify::may_recode;
use crate::sql::splice;
use crate::sql::{Statement, StatementKind};
use crate::wire::frame::frontend as tag;
use crate::wire::frontend::{Bind, BoundValue, Execute, Parse, Target};

/// An Execute that was judged.
pub(super) struct ExecutePlan {
    frame: Bytes,
    prepared: Arc<Prepared>,
    lineage: Option<Lineage>,
    shape: ShapeRef,
    pub judged: Judged,
    pub undo: Undos<ShapeRef>,
}

impl Relay {
    pub(super) fn on_parse(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let parse = Parse::read(body)?;
        if parse.text.len() > self.proxy.config.load().limits.statement_bytes {
            self.refuse_parse(parse.name, too_long());
            return Ok(Step::Done);
        }
        let text = Bytes::copy_from_slice(parse.text);
        let parsed = match (end_user::recognise(&text), self.own_statement(&text)) {
            (Some(naming), _) => self.parse_naming(&parse, text.clone(), naming),
            (None, Some(statement)) => self.parse_own(&parse, text.clone(), statement),
            (None, None) => self.parse(&parse, text.clone(), frame),
        };
        let stop = match parsed {
            Ok(()) => return Ok(Step::Done),
            Err(stop) => stop,
        };
        match stop {
            Stop::Hold(hold) => Ok(Step::Wait(hold)),
            Stop::Refuse(refusal) => {
                // Literals of a text that is refused may be anything.
                let misread = self.check_reading(&text).is_err();
                let sql = Sql::whole(text, Conceal::AllLiterals);
                let sql = if misread { sql.doubtful() } else { sql };
                if let Some(wait) = self.hold_refused(&sql, &refusal) {
                    return Ok(wait);
                }
                let error = self.refused(sql, refusal);
                self.refuse_parse(parse.name, error);
                Ok(Step::Done)
            }
        }
    }

    fn parse(&mut self, parse: &Parse<'_>, text: Bytes, frame: &[u8]) -> Result<(), Stop> {
        check_name(parse.name)?;
        self.room_for_name()?;
        let mut gate = Gate::Open;
        let types = Bytes::copy_from_slice(parse.parameter_types);
        let (known, form) = match self.knowledge(&text).map_err(Stop::Hold)? {
            Knowledge::Harmless => (Known::Harmless, Form::plain(&types)),
            Knowledge::Analysed(analysis) => {
                let named = analysis.statements.iter().any(|s| s.touches_protected);
                if analysis.statements.len() > 1 {
                    return Err(several_commands().into());
                }
                if named || hangs_on_settings(&text) {
                    // An earlier message may change what the text means.
                    self.need_answers()?;
                }
                self.observed_reading(&text)?;
                let lineage = Lineage { analysis, index: 0, inner: false };
                // An empty text has no statement.
                let judged = match lineage.statement() {
                    Some(_) => self.judge_text(&lineage, Handed::open(&types))?,
                    None => Judged::plain(),
                };
                gate = judged.gate();
                let form = form_of(&judged, lineage.statement(), &types);
                (Known::Analysed(lineage), form)
            }
        };
        let may_copy_in = may_copy_in(&text);
        let prepared = Prepared {
            parameter_types: types,
            version: self.guard.version,
            known,
            form: Some(form),
            by_sql: false,
            may_copy_in,
            may_recode: may_recode(&text),
            text,
        };
        self.send_parse(parse.name, Arc::new(prepared), frame, Audience::Client, gate);
        Ok(())
    }

    fn parse_own(
        &mut self,
        parse: &Parse<'_>,
        text: Bytes,
        statement: Result<Arc<VirtualStatement>, ClientError>,
    ) -> Result<(), Stop> {
        check_name(parse.name)?;
        self.room_for_name()?;
        let statement = statement?;
        write_stand_in(&statement, parse, self.upstream.output());
        self.expect_own(parse, text, Known::Own(statement));
        Ok(())
    }

    fn parse_naming(
        &mut self,
        parse: &Parse<'_>,
        text: Bytes,
        naming: Result<Naming, ClientError>,
    ) -> Result<(), Stop> {
        check_name(parse.name)?;
        self.room_for_name()?;
        let naming = Arc::new(naming?);
        self.write_naming(&naming, parse);
        self.expect_own(parse, text, Known::Naming(naming));
        Ok(())
    }

    /// A stand-in was parsed for a statement that bauta answers.
    fn expect_own(&mut self, parse: &Parse<'_>, text: Bytes, known: Known) {
        let types = Bytes::copy_from_slice(parse.parameter_types);
        let prepared = Prepared {
            form: Some(Form::plain(&types)),
            parameter_types: types,
            version: self.guard.version,
            known,
            by_sql: false,
            may_copy_in: false,
            may_recode: false,
            text,
        };
        let undo = self.state.set_statement(Bytes::copy_from_slice(parse.name), Arc::new(prepared));
        self.expect(Entry::new(Kind::Parse, Reply::new(Audience::Client)).with_undo(undo));
    }

    /// Judges a text that is to be parsed. EXECUTE and FETCH are judged when
    /// they run.
    fn judge_text(&mut self, lineage: &Lineage, handed: Handed<'_>) -> Result<Judged, Stop> {
        match lineage.statement().map(|statement| &statement.kind) {
            Some(
                StatementKind::Execute { .. }
                | StatementKind::ExplainExecute { .. }
                | StatementKind::Fetch { .. },
            ) => Ok(Judged::plain()),
            Some(_) | None => self.judge(lineage, handed),
        }
    }

    /// `frame`: the client's own message, sent as it is where nothing is edited.
    fn send_parse(
        &mut self,
        name: &[u8],
        prepared: Arc<Prepared>,
        frame: &[u8],
        audience: Audience,
        gate: Gate,
    ) {
        let mut reply = Reply { gate, ..Reply::new(audience) };
        let plain = || Form::plain(&prepared.parameter_types);
        let form = prepared.form.clone().unwrap_or_else(plain);
        if form == plain() && !frame.is_empty() {
            self.upstream.queue(frame);
        } else {
            let sent = splice::apply(&prepared.text, &form.edits);
            Parse { name, text: &sent, parameter_types: &form.types }.write(self.upstream.output());
            let original = prepared.text.clone();
            reply.translation = Some(Arc::new(Translation { sent, edits: form.edits, original }));
        }
        let undo = self.state.set_statement(Bytes::copy_from_slice(name), prepared);
        self.expect(Entry::new(Kind::Parse, reply).with_undo(undo));
    }

    /// Waits while statements that run, or ran in this pipeline, could change
    /// how a text is read.
    fn need_answers(&mut self) -> Result<(), Stop> {
        if self.state.has_running() { Err(Stop::Hold(Hold::Quiet)) } else { Ok(()) }
    }

    pub(super) fn on_bind(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let bind = Bind::read(body)?;
        match self.bind(&bind, frame) {
            Ok(()) => Ok(Step::Done),
            Err(Stop::Hold(hold)) => Ok(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => {
                let sql = self.text_of(bind.statement);
                if let Some(wait) = self.hold_refused(&sql, &refusal) {
                    return Ok(wait);
                }
                let error = self.refused(sql, refusal);
                self.refuse_step(error);
                Ok(Step::Done)
            }
        }
    }

    fn text_of(&self, statement: &[u8]) -> Sql {
        match self.state.statement(statement) {
            Lookup::Found(slot) => Sql::whole(slot.value.text.clone(), Conceal::AllLiterals),
            Lookup::Missing | Lookup::Wait => Sql::whole(Bytes::new(), Conceal::AllLiterals),
        }
    }

    fn bind(&mut self, bind: &Bind<'_>, frame: &[u8]) -> Result<(), Stop> {
        check_name(bind.portal)?;
        self.room_for_name()?;
        let Some(slot) = self.find_statement(bind.statement)? else {
            self.upstream.queue(frame);
            let audience = if self.observes() { Audience::Client } else { Audience::MustFail };
            self.expect(Entry::new(Kind::Bind, Reply::new(audience)));
            return Ok(());
        };
        let prepared = slot.value;
        let lineage = match self.known(&prepared).map_err(Stop::Hold)? {
            Known::Analysed(lineage) => lineage,
            Known::Own(statement) => {
                let own = Arc::new(bound(&statement, bind, &prepared.parameter_types)?);
                let shape = Arc::new(Shape { own: Some(own), ..Shape::default() });
                self.upstream.queue(frame);
                self.expect_bind(bind.portal, unasked(prepared), Some(shape), Gate::Open);
                return Ok(());
            }
            Known::Naming(_) => {
                self.upstream.queue(frame);
                self.expect_bind(bind.portal, unasked(prepared), None, Gate::Open);
                return Ok(());
            }
            Known::Harmless => {
                let form = Form::plain(&prepared.parameter_types);
                let prepared = self.in_form(bind.statement, prepared, None, form)?;
                self.upstream.queue(frame);
                self.expect_bind(bind.portal, unasked(prepared), None, Gate::Open);
                return Ok(());
            }
        };
        let takes_tokens = lineage.statement().is_some_and(Statement::takes_tokens);
        let values: Vec<BoundValue<'_>> =
            if takes_tokens { bind.values().map_err(ClientError::from)? } else { Vec::new() };
        let declared = prepared.parameter_types.clone();
        let judged =
            self.judge_text(&lineage, Handed { declared: &declared, values: Values::Bound(&values) })?;
        if !bind.result_formats.are_known() {
            return Err(ClientError::new(
                sqlstate::INVALID_PARAMETER_VALUE,
                "unsupported result format code",
            )
            .into());
        }
        let form = match prepared.by_sql {
            true if !judged.tokens.is_empty() => return Err(tokens_by_name().into()),
            true => Form { edits: judged.edits.clone(), ..Form::plain(&declared) },
            false => form_of(&judged, lineage.statement(), &declared),
        };
        let rewritten = rewritten(bind, &values, &judged, &declared, &form)?;
        let prepared = self.in_form(bind.statement, prepared, Some(&lineage), form)?;
        let shape = wants_shape(&lineage).then(Arc::default);
        self.describe_copy_of(&lineage, &judged, shape.as_ref());
        self.upstream.queue(rewritten.as_deref().unwrap_or(frame));
        let tokens = judged.tokens.parameters.iter().map(|(number, _)| *number).collect();
        self.expect_bind(bind.portal, (prepared, tokens), shape, judged.gate());
        Ok(())
    }

    /// The statement as the server must hold it for this Bind; parsed anew
    /// upstream where the form it has does not fit.
    fn in_form(
        &mut self,
        name: &[u8],
        prepared: Arc<Prepared>,
        lineage: Option<&Lineage>,
        form: Form,
    ) -> Result<Arc<Prepared>, Stop> {
        if prepared.form.as_ref() == Some(&form) {
            return Ok(self.refreshed(&prepared, lineage));
        }
        if prepared.by_sql {
            if prepared.holds_no_more_than(&form.edits) {
                return Ok(self.refreshed(&prepared, lineage));
            }
            let error = ClientError::new(
                sqlstate::INSUFFICIENT_PRIVILEGE,
                "the statement was prepared under access that has ended",
            );
            return Err(error.with_hint("DEALLOCATE and PREPARE the statement again.").into());
        }
        if !name.is_empty() {
            self.close_lost(name, &prepared);
        }
        let known = lineage.map_or(Known::Harmless, |lineage| Known::Analysed(lineage.clone()));
        let anew =
            Arc::new(Prepared { version: self.guard.version, known, form: Some(form), ..copy_of(&prepared) });
        let gate = if touches(&anew) && !self.observes() { Gate::Closed } else { Gate::Open };
        self.send_parse(name, anew.clone(), b"", Audience::Proxy, gate);
        Ok(anew)
    }

    /// Closes the server's copy; the name stands on without one.
    fn close_lost(&mut self, name: &[u8], prepared: &Prepared) {
        Target::Statement(name).write(tag::CLOSE, self.upstream.output());
        let removed = self.state.remove_statement(name);
        let gone = Prepared { form: None, ..copy_of(prepared) };
        let again = self.state.set_statement(Bytes::copy_from_slice(name), Arc::new(gone));
        let mut entry = Entry::new(Kind::Close, Reply::new(Audience::Proxy));
        entry.undo.extend(removed.into_iter().chain([again]).map(|undo| (0, undo)));
        self.expect(entry);
    }

    /// The same statement with today's analysis.
    fn refreshed(&self, prepared: &Arc<Prepared>, lineage: Option<&Lineage>) -> Arc<Prepared> {
        if prepared.version == self.guard.version {
            return prepared.clone();
        }
        let known = lineage.map_or(Known::Harmless, |lineage| Known::Analysed(lineage.clone()));
        Arc::new(Prepared { version: self.guard.version, known, ..copy_of(prepared) })
    }

    fn describe_copy_of(&mut self, lineage: &Lineage, judged: &Judged, shape: Option<&Arc<Shape>>) {
        let shape = shape.filter(|_| judged.guarded.as_ref().is_some_and(|guarded| !guarded.observed));
        let (Some(statement), Some(shape)) = (lineage.statement(), shape) else { return };
        if let StatementKind::CopyOut(copy) = &statement.kind {
            let text = described(copy, &judged.edits);
            self.write_describe(&text, shape);
        }
    }

    /// `bound`: the statement, and which of its parameters tokens were given for.
    fn expect_bind(&mut self, name: &[u8], bound: (Arc<Prepared>, Arc<[u16]>), shape: ShapeRef, gate: Gate) {
        let (prepared, tokens) = bound;
        let reply = Reply { gate, ..Reply::new(Audience::Client) };
        let asks = shape.as_ref().is_some_and(|shape| shape.own.is_none()) && !is_copy(&prepared);
        let portal = Portal { prepared, hold: false, tokens, shape: shape.clone() };
        let undo = self.state.set_portal(Bytes::copy_from_slice(name), portal);
        self.expect(Entry::new(Kind::Bind, reply).with_undo(undo));
        if let Some(shape) = shape.filter(|_| asks) {
            Target::Portal(name).write(tag::DESCRIBE, self.upstream.output());
            let reply = Reply { gate: Gate::Closed, ..Reply::new(Audience::Proxy) };
            self.expect(Entry::new(Kind::DescribePortal, reply.with_shape(shape)));
        }
    }

    /// Registers a Bind of which only the head is here. True: it passes.
    pub(super) fn pass_bind(&mut self, portal: &[u8], statement: &[u8]) -> Result<bool, End> {
        if self.hold.is_some()
            || self.copy_in != super::relay::CopyIn::Off
            || self.state.is_skipping()
            || check_name(portal).is_err()
            || self.room_for_name().is_err()
        {
            return Ok(false);
        }
        let Lookup::Found(slot) = self.state.statement(statement) else { return Ok(false) };
        let Ok(Known::Harmless) = self.known(&slot.value) else { return Ok(false) };
        if slot.value.form != Some(Form::plain(&slot.value.parameter_types)) {
            return Ok(false);
        }
        let prepared = self.refreshed(&slot.value, None);
        self.expect_bind(portal, unasked(prepared), None, Gate::Open);
        Ok(true)
    }

    fn find_statement(&self, name: &[u8]) -> Result<Option<Slot<Arc<Prepared>>>, Stop> {
        match self.state.statement(name) {
            Lookup::Found(slot) => Ok(Some(slot)),
            Lookup::Missing => Ok(None),
            Lookup::Wait => Err(Stop::Hold(Hold::Quiet)),
        }
    }

    fn find_portal(&self, name: &[u8]) -> Result<Option<Slot<Portal<ShapeRef>>>, Stop> {
        match self.state.portal(name) {
            Lookup::Found(slot) => Ok(Some(slot)),
            Lookup::Missing => Ok(None),
            Lookup::Wait => Err(Stop::Hold(Hold::Quiet)),
        }
    }

    pub(super) fn on_describe(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let target = Target::read(body)?;
        let (kind, found) = match target {
            Target::Statement(name) => {
                (Kind::DescribeStatement, self.find_statement(name).map(|slot| slot.map(|slot| slot.value)))
            }
            Target::Portal(name) => (
                Kind::DescribePortal,
                self.find_portal(name).map(|slot| slot.map(|slot| slot.value.prepared)),
            ),
        };
        let found = match found {
            Ok(found) => found,
            Err(Stop::Hold(hold)) => return Ok(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => return Err(End::Fault(refusal.error)),
        };
        if let (Target::Statement(name), Some(prepared)) = (target, &found)
            && prepared.form.is_none()
        {
            return self.describe_lost(name, prepared.clone());
        }
        self.upstream.queue(frame);
        // A description shows no values, so one of something unknown may pass.
        let mut reply = Reply::new(Audience::Client);
        if let Some(prepared) = found {
            reply.watch = match &prepared.known {
                Known::Harmless => true,
                Known::Analysed(lineage) => !wants_shape(lineage),
                Known::Own(_) | Known::Naming(_) => false,
            };
            if touches(&prepared) && !self.observes() {
                reply.gate = Gate::Closed;
            }
            reply.parameters =
                prepared.form.as_ref().and_then(|form| form.own).map(|count| {
                    Box::new(ShownParameters { count, declared: prepared.parameter_types.clone() })
                });
        }
        self.expect(Entry::new(kind, reply));
        Ok(Step::Done)
    }

    /// The server lost its copy when parsing it anew failed: once more.
    fn describe_lost(&mut self, name: &[u8], prepared: Arc<Prepared>) -> Result<Step, End> {
        match self.parse_again(name, prepared) {
            Ok(()) => Ok(Step::Wait(Hold::Quiet)),
            Err(Stop::Hold(hold)) => Ok(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => {
                self.refuse_step(refusal.error);
                Ok(Step::Done)
            }
        }
    }

    fn parse_again(&mut self, name: &[u8], prepared: Arc<Prepared>) -> Result<(), Stop> {
        match self.known(&prepared).map_err(Stop::Hold)? {
            Known::Harmless | Known::Own(_) | Known::Naming(_) => {
                let form = Form::plain(&prepared.parameter_types);
                self.in_form(name, prepared, None, form)?
            }
            Known::Analysed(lineage) => {
                let types = prepared.parameter_types.clone();
                let judged = self.judge_text(&lineage, Handed::open(&types))?;
                let form = form_of(&judged, lineage.statement(), &types);
                self.in_form(name, prepared, Some(&lineage), form)?
            }
        };
        Ok(())
    }

    pub(super) fn on_execute(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let execute = Execute::read(body)?;
        if let Some(Parked::Execute(plan)) = self.take_parked() {
            return Ok(self.send_execute(plan));
        }
        let slot = match self.find_portal(execute.portal) {
            Ok(Some(slot)) => slot,
            Ok(None) => {
                return Ok(self.execute_unseen(frame));
            }
            Err(Stop::Hold(hold)) => return Ok(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => return Err(End::Fault(refusal.error)),
        };
        let portal = slot.value;
        let done = match (&portal.prepared.known, portal.shape.as_ref().and_then(|shape| shape.own.clone())) {
            (Known::Own(statement), Some(own)) => {
                self.run_portal_of_own(&portal.prepared, statement, &own, execute.limit, frame)
            }
            (Known::Naming(naming), _) => self.run_portal_of_naming(&portal.prepared, naming, frame),
            _ => self.execute(&portal, frame),
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
    fn execute_unseen(&mut self, frame: &[u8]) -> Step {
        let mut reply = Reply::new(Audience::MustFail);
        if self.observes() {
            let sql = Sql::whole(Bytes::new(), Conceal::AllLiterals);
            match self.intend_judged(sql, Arc::default(), Some(observe::unseen())) {
                Ok(run) => reply = Reply::new(Audience::Client).with_run(run),
                Err(Stop::Hold(hold)) => return Step::Wait(hold),
                Err(Stop::Refuse(refusal)) => {
                    self.refuse_step(refusal.error);
                    return Step::Done;
                }
            }
        }
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

    fn execute(&mut self, portal: &Portal<ShapeRef>, frame: &[u8]) -> Result<Step, Stop> {
        let mut plan = ExecutePlan {
            frame: Bytes::new(),
            prepared: portal.prepared.clone(),
            lineage: None,
            shape: portal.shape.clone(),
            judged: Judged::plain(),
            undo: SmallVec::new(),
        };
        if let Known::Analysed(lineage) = self.known(&portal.prepared).map_err(Stop::Hold)? {
            plan.judged = self.judge_portal(portal, &lineage)?;
            let text = portal.prepared.text.clone();
            let edits = &plan.judged.edits;
            if let Err(stop) = self.register(&lineage, 0, &text, edits, &portal.tokens, &mut plan.undo) {
                self.state.revert_all(plan.undo);
                return Err(stop);
            }
            plan.lineage = Some(lineage);
        }
        if plan.lineage.is_none() {
            return self.pass_execute(plan, frame);
        }
        if portal.shape.is_none() && plan.lineage.as_ref().is_some_and(wants_shape) && !self.observes() {
            self.state.revert_all(plan.undo);
            let why = if portal.prepared.by_sql { opened_by_declare() } else { changed_meanwhile() };
            return Err(why.into());
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

    fn pass_execute(&mut self, plan: ExecutePlan, frame: &[u8]) -> Result<Step, Stop> {
        let Judged { columns, observed, .. } = plan.judged;
        let run = self.intend_judged(execution_text(&plan.prepared), columns, observed)?;
        self.pipeline_sets |= !is_begin(&plan.prepared.text);
        self.pipeline_recodes |= plan.prepared.may_recode;
        self.upstream.queue(frame);
        self.expect(Entry::new(Kind::Execute, Reply::new(Audience::Client).with_run(run)));
        if plan.prepared.may_copy_in {
            self.wait_for(Hold::Quiet);
        }
        Ok(Step::Done)
    }

    pub(super) fn send_execute(&mut self, plan: ExecutePlan) -> Step {
        let Judged { columns, observed, guarded, .. } = plan.judged;
        let mut run = match self.intend_judged(execution_text(&plan.prepared), columns, observed) {
            Ok(run) => run,
            Err(Stop::Hold(hold)) => return Step::Wait(hold),
            Err(Stop::Refuse(refusal)) => {
                self.state.revert_all(plan.undo);
                self.refuse_step(refusal.error);
                return Step::Done;
            }
        };
        run.guarded = guarded;
        let mut reply = Reply::new(Audience::Client);
        let mut reveals = false;
        if let Some(guarded) = &mut run.guarded {
            guarded.shape = plan.shape;
            reveals = guarded.reveals;
            if guarded.touches && !guarded.verdict.full_grant {
                reply.gate = Gate::Closed;
            }
        }
        self.pipeline_sets = true;
        self.pipeline_recodes |= plan.prepared.may_recode;
        self.upstream.queue(&plan.frame);
        let mut entry = Entry::new(Kind::Execute, reply.with_run(run));
        entry.undo = plan.undo;
        self.expect(entry);
        if reveals || plan.prepared.may_copy_in {
            self.wait_for(Hold::Quiet);
        }
        Step::Done
    }

    pub(super) fn on_close(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let undo = match Target::read(body)? {
            Target::Statement(name) => self.state.remove_statement(name),
            Target::Portal(name) => self.state.remove_portal(name),
        };
        self.upstream.queue(frame);
        let mut entry = Entry::new(Kind::Close, Reply::new(Audience::Client));
        if let Some(undo) = undo {
            entry = entry.with_undo(undo);
        }
        self.expect(entry);
        Ok(Step::Done)
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

/// Rows of this statement are looked at.
fn wants_shape(lineage: &Lineage) -> bool {
    lineage.statement().is_some_and(|statement| {
        statement.outputs.is_some()
            || matches!(statement.kind, StatementKind::Execute { .. } | StatementKind::Fetch { .. })
    })
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

fn touches(prepared: &Prepared) -> bool {
    match &prepared.known {
        Known::Harmless | Known::Own(_) | Known::Naming(_) => false,
        Known::Analysed(lineage) => lineage.statement().is_none_or(|statement| statement.touches_protected),
    }
}

/// Nothing was asked about its parameters.
fn unasked(prepared: Arc<Prepared>) -> (Arc<Prepared>, Arc<[u16]>) {
    (prepared, Arc::default())
}

fn is_copy(prepared: &Prepared) -> bool {
    match &prepared.known {
        Known::Harmless | Known::Own(_) | Known::Naming(_) => false,
        Known::Analysed(lineage) => {
            matches!(lineage.statement().map(|s| &s.kind), Some(StatementKind::CopyOut(_)))
        }
    }
}

fn copy_of(prepared: &Prepared) -> Prepared {
    Prepared {
        text: prepared.text.clone(),
        parameter_types: prepared.parameter_types.clone(),
        version: prepared.version,
        known: prepared.known.clone(),
        form: prepared.form.clone(),
        by_sql: prepared.by_sql,
        may_copy_in: prepared.may_copy_in,
        may_recode: prepared.may_recode,
    }
}

/// bauta's own statements stand under these names.
fn check_name(name: &[u8]) -> Result<(), Stop> {
    if !name.starts_with(RESERVED) {
        return Ok(());
    }
    Err(ClientError::new("42939", "names that begin with \"bauta: \" are reserved").into())
}

/// PostgreSQL's own words (`exec_parse_message` in `postgres.c`).
fn several_commands() -> ClientError {
    ClientError::new(sqlstate::SYNTAX_ERROR, "cannot insert multiple commands into a prepared statement")
}

/// BEGIN and START TRANSACTION, which drivers send in front of a pipeline.
fn is_begin(text: &[u8]) -> bool {
    let first = text.trim_ascii().split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    first.eq_ignore_ascii_case(b"begin") || first.eq_ignore_ascii_case(b"start")
}
