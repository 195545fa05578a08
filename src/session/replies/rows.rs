//! Rows and COPY data: planned once by their description, then masked, revealed
//! or cut off one by one.

use super::{origins, out_of_step, row_error};
use crate::audit::record::Tripwire;
use crate::audit::{Event, Record};
use crate::error::{ClientError, sqlstate};
use crate::policy::decide::{OutputAction, Verdict};
use crate::policy::{Access, Permits, ProtectedColumn};
use crate::proxy::Proxy;
use crate::session::copy::CopyPlan;
use crate::session::lapsed::lapsed;
use crate::session::relay::{End, Hold, JobDone, Relay, Revealed};
use crate::session::rows::{RowFault, RowPlan, Trip, Witness, has_protected};
use crate::session::runs::{Guarded, Plan, Run};
use crate::session::state::Kind;
use crate::wire::backend::{self, Field};
use crate::wire::frame::backend as tag;
use crate::wire::frontend::write_copy_fail;
use crate::wire::report::{self, Severity};

/// The least that limits.message_bytes may be.
const SMALLEST_LIMIT: usize = 1 << 10;

/// Half of the longest row that the server makes (`MaxAllocSize` in its memutils.h):
/// where it fails for the length of a row, so does what is shown, but by originals of
/// that size.
const LONGEST_MASKED: usize = 512 << 20;

impl Relay {
    /// RowDescription in the simple protocol.
    pub(super) fn on_rows_begin(&mut self, body: &[u8], frame: &[u8]) -> Result<(), End> {
        if self.state.front().is_none_or(|entry| entry.kind != Kind::Query) {
            return Err(out_of_step(tag::ROW_DESCRIPTION));
        }
        let fields = backend::row_description(body)?;
        if self.current_run().is_none() {
            return Err(out_of_step(tag::ROW_DESCRIPTION));
        }
        if let Err(fault) = self.plan_rows(&fields) {
            return self.cut(row_error(&fault));
        }
        self.client.queue(frame);
        Ok(())
    }

    /// Plans the rows of the current run by the server's description.
    fn plan_rows(&mut self, fields: &[Field]) -> Result<(), RowFault> {
        if let Some(guarded) = self.current_guarded().filter(|guarded| guarded.observed) {
            guarded.plan = Plan::Plain;
            return Ok(());
        }
        let outputs = self
            .current_guarded()
            .filter(|guarded| guarded.has_outputs)
            .map(|guarded| announced(&guarded.verdict, fields))
            .transpose()?;
        if outputs.is_none() && !has_protected(&self.guard, fields) {
            if let Some(guarded) = self.current_guarded() {
                guarded.plan = Plan::Plain;
            }
            return Ok(());
        }
        let (plan, trips) = self.row_plan(outputs.as_deref(), fields)?;
        let observe = self.observes() && outputs.is_none();
        let Some(run) = self.current_run() else { return Err(RowFault::Malformed) };
        match &mut run.guarded {
            Some(guarded) if observe => guarded.plan = Plan::Plain,
            None if observe => {}
            Some(guarded) => guarded.plan = Plan::Rows(plan),
            None if trips.is_empty() => {}
            None => {
                run.guarded =
                    Some(Box::new(Guarded { touches: true, ..Guarded::unannounced(Plan::Rows(plan)) }))
            }
        }
        Ok(())
    }

    /// A plan for these fields; what trips is recorded.
    pub(super) fn row_plan(
        &mut self,
        outputs: Option<&[OutputAction]>,
        fields: &[Field],
    ) -> Result<(RowPlan, Vec<Trip>), RowFault> {
        self.fresh_permits();
        let now = self.proxy.clock.now();
        let observe = self.observes();
        let keys = self.proxy.keys.load_full();
        let by_name = self.current_guarded().is_some_and(|guarded| guarded.by_name);
        let permits = &self.permits;
        let sees = |column: &ProtectedColumn| {
            // What came unannounced is not counted.
            let whole = |column: &ProtectedColumn| {
                matches!(permits.access(column, now), Access::Revealed { counted: false, .. })
            };
            whole(column) && column.below.iter().all(|below| whole(below))
        };
        let witness = Witness {
            guard: &self.guard,
            keys: &keys,
            encoding: self.settings.encoding(),
            sees: &sees,
            by_name,
        };
        let (plan, trips) = RowPlan::new(outputs, fields, &witness)?;
        let what = match observe {
            true => "a protected column came unannounced in a result, and was shown: mode = \"observe\"",
            false => "a protected column came unannounced in a result",
        };
        for trip in &trips {
            tracing::warn!(column = %trip.column.name, session = self.seat.id, "tripwire: a protected column came unannounced");
            let event =
                Event::Tripwire(Tripwire { column: Some(trip.column.name.to_string()), what: what.into() });
            let _ = self.proxy.audit.post(Record { who: self.who.clone(), event });
        }
        Ok((plan, trips))
    }

    pub(super) fn on_row(&mut self, body: &[u8], frame: &[u8]) -> Result<(), End> {
        if matches!(self.current_guarded().map(|guarded| &guarded.plan), Some(Plan::None))
            && let Err(fault) = self.plan_from_shape()
        {
            return self.cut(row_error(&fault));
        }
        if !self.may_reveal() {
            return self.end_reveal();
        }
        if !self.take_rows(1) {
            return self.end_counted();
        }
        let before = self.client.queued();
        let (state, client) = (&mut self.state, &mut self.client);
        let Some(entry) = state.front_mut() else { return Err(out_of_step(tag::DATA_ROW)) };
        let reply = &mut entry.run;
        let Some(run) = reply.runs.get_mut(reply.current) else { return Err(out_of_step(tag::DATA_ROW)) };
        let written = match run.guarded.as_ref().map(|guarded| &guarded.plan) {
            Some(Plan::Rows(plan)) => plan.rewrite(body, client.output()),
            Some(Plan::Plain) | None => {
                client.queue(frame);
                Ok(())
            }
            Some(Plan::None | Plan::Copy(_)) => Err(RowFault::Malformed),
        };
        let size = client.queued().saturating_sub(before);
        let written = written.and_then(|()| fits(&self.proxy, run, size));
        if written.is_ok() {
            run.rows += 1;
            run.bytes += u64::try_from(size).unwrap_or(0);
        }
        let reveals = run.reveals();
        match written {
            Ok(()) if reveals => {
                self.revealed.add(before, size);
                Ok(())
            }
            Ok(()) => Ok(()),
            // A value that its codec can't read, a row of another shape.
            Err(fault) => {
                client.output().truncate(before);
                Err(End::Fault(row_error(&fault)))
            }
        }
    }

    /// Extended protocol: the description came after Bind.
    fn plan_from_shape(&mut self) -> Result<(), RowFault> {
        // A Query's rows follow their description, whose plan would be here.
        if self.state.front().is_some_and(|entry| entry.kind == Kind::Query) {
            return Err(RowFault::Malformed);
        }
        let Some(guarded) = self.current_guarded() else { return Ok(()) };
        if guarded.observed || !guarded.has_outputs && guarded.shape.is_none() {
            // Rows of a statement without outputs of its own: EXPLAIN, SHOW.
            guarded.plan = Plan::Plain;
            return Ok(());
        }
        let shape = guarded.shape.clone();
        let fields = shape.as_ref().and_then(|shape| shape.fields.get()).and_then(Option::as_ref);
        let fields = fields.ok_or(RowFault::Malformed)?.clone();
        self.plan_rows(&fields)?;
        if let Some(guarded) = self.current_guarded()
            && matches!(guarded.plan, Plan::None)
        {
            return Err(RowFault::Malformed);
        }
        Ok(())
    }

    /// May the next revealed row still be shown?
    pub(in crate::session) fn may_reveal(&mut self) -> bool {
        if !self.current_run().is_some_and(|run| run.reveals()) {
            return true;
        }
        self.fresh_permits();
        let now = self.proxy.clock.now();
        let permits = self.permits.clone();
        let Some(guarded) = self.current_guarded() else { return true };
        guarded.bases.iter().all(|(basis, column)| permits.holds(basis, column, now))
    }

    /// Takes rows of the grants that count them, before they are sent.
    fn take_rows(&mut self, rows: u64) -> bool {
        self.current_guarded().is_none_or(|guarded| guarded.shares.iter().all(|share| share.take(rows)))
    }

    /// No row is left of the grant. Its last ones were written before (see
    /// `rows_are_used_up`); where another session took the last, they go.
    fn end_counted(&mut self) -> Result<(), End> {
        self.drop_revealed();
        self.cut(
            ClientError::new(
                sqlstate::INSUFFICIENT_PRIVILEGE,
                "the grant that revealed these rows has no rows left",
            )
            .with_hint("Run the statement again to see masks, or request access anew."),
        )
    }

    /// The grant ended while its rows stream: the stream ends after a whole
    /// row, and what is not written yet is dropped.
    pub(in crate::session) fn end_reveal(&mut self) -> Result<(), End> {
        self.drop_revealed();
        self.cut(lapsed())
    }

    /// Ends the current statement with an error of bauta's own. The server is
    /// told to stop; what it still sends is swallowed.
    pub(in crate::session) fn cut(&mut self, error: ClientError) -> Result<(), End> {
        if self.state.pending() > 1 || self.upstream.queued() > 0 {
            // Messages behind it would be answered as if it had succeeded.
            return Err(End::Fault(error));
        }
        let Some(entry) = self.state.front_mut() else { return Err(End::Fault(error)) };
        entry.run.cut = true;
        report::put(self.client.output(), Severity::Error, &error);
        self.fail_runs(&error.code);
        self.wait_for(Hold::Quiet);
        let (proxy, key) = (self.proxy.clone(), self.cancellable.key().clone());
        self.job = Some(Box::pin(async move {
            proxy.cancel(&key).await;
            JobDone::Cancelled
        }));
        Ok(())
    }

    pub(in crate::session) fn on_cut_reply(&mut self, tag: u8, body: &[u8]) -> Result<(), End> {
        match (self.state.front().map(|entry| entry.kind), tag) {
            (
                Some(Kind::Execute),
                tag::COMMAND_COMPLETE | tag::PORTAL_SUSPENDED | tag::EMPTY_QUERY_RESPONSE,
            ) => {
                // It ended before the cancel came, but the client was told of
                // an error, after which it expects to skip to Sync.
                self.complete();
                self.write_stub(Kind::Parse);
                Ok(())
            }
            // A server that reads data hears no cancel.
            (Some(Kind::Query), tag::COPY_IN_RESPONSE) => {
                write_copy_fail(b"cancelled", self.upstream.output());
                Ok(())
            }
            // Statements behind it run until the cancel comes.
            (Some(Kind::Query), tag::COMMAND_COMPLETE) => {
                self.end_unseen_statement(backend::command_tag(body)?);
                Ok(())
            }
            (Some(_), _) => Ok(()),
            (None, _) => Err(out_of_step(tag)),
        }
    }

    pub(super) fn on_copy_out(&mut self, body: &[u8], frame: &[u8]) -> Result<(), End> {
        let (format, columns) = backend::copy_response(body)?;
        let Some(guarded) = self.current_guarded() else {
            self.client.queue(frame);
            return Ok(());
        };
        if !guarded.has_outputs {
            guarded.plan = Plan::Plain;
            self.client.queue(frame);
            return Ok(());
        }
        let shape = guarded.shape.clone();
        let (Some(copy), Some(Some(fields))) =
            (guarded.copy.clone(), shape.as_ref().and_then(|shape| shape.fields.get()))
        else {
            return Err(out_of_step(tag::COPY_OUT_RESPONSE));
        };
        let fields: Vec<Field> = fields.iter().map(|field| Field { format, ..*field }).collect();
        let outputs = announced(&guarded.verdict, &fields);
        let plan = match outputs {
            Ok(outputs) if columns == fields.len() => self.row_plan(Some(&outputs), &fields),
            Ok(_) => Err(RowFault::ColumnCount { server: columns, analysis: fields.len() }),
            Err(fault) => Err(fault),
        };
        match plan {
            Ok((rows, _)) => {
                if let Some(guarded) = self.current_guarded() {
                    guarded.plan = Plan::Copy(CopyPlan::new(copy, rows));
                }
                self.client.queue(frame);
                Ok(())
            }
            Err(fault) => self.cut(row_error(&fault)),
        }
    }

    pub(super) fn on_copy_data(&mut self, body: &[u8]) -> Result<(), End> {
        if !self.may_reveal() {
            return self.end_reveal();
        }
        let before = self.client.queued();
        let (state, client) = (&mut self.state, &mut self.client);
        let Some(entry) = state.front_mut() else { return Err(out_of_step(tag::COPY_DATA)) };
        let reply = &mut entry.run;
        let Some(run) = reply.runs.get_mut(reply.current) else { return Err(out_of_step(tag::COPY_DATA)) };
        let rows = match run.guarded.as_mut().map(|guarded| &mut guarded.plan) {
            Some(Plan::Copy(plan)) => plan.rewrite(body, client.output()),
            Some(Plan::Plain) => crate::wire::frame::put(client.output(), tag::COPY_DATA, |out| {
                out.extend_from_slice(body);
            })
            .map(|()| 1)
            .map_err(|_| RowFault::TooLong),
            Some(Plan::None | Plan::Rows(_)) | None => Err(RowFault::Malformed),
        };
        let size = client.queued().saturating_sub(before);
        match rows.and_then(|rows| fits(&self.proxy, run, size).map(|()| rows)) {
            // The message's own rows: PostgreSQL sends one in each, and none with a header.
            Ok(rows) if !run.guarded.iter().flat_map(|g| &g.shares).all(|share| share.take(rows)) => {
                self.client.output().truncate(before);
                self.end_counted()
            }
            Ok(rows) => {
                run.rows += rows;
                run.bytes += u64::try_from(size).unwrap_or(0);
                if run.reveals() {
                    self.revealed.add(before, size);
                }
                Ok(())
            }
            Err(fault) => {
                client.output().truncate(before);
                Err(End::Fault(row_error(&fault)))
            }
        }
    }
}

/// May the client get a row of so many bytes? What it does not see of it can't be
/// found out by this.
fn fits(proxy: &Proxy, run: &Run, size: usize) -> Result<(), RowFault> {
    if size <= SMALLEST_LIMIT {
        return Ok(());
    }
    let limit = proxy.config.load().limits.message_bytes;
    let masks = run.guarded.as_deref().is_some_and(Guarded::masks);
    match size > if masks { limit.min(LONGEST_MASKED) } else { limit } {
        true => Err(RowFault::TooLong),
        false => Ok(()),
    }
}

impl Revealed {
    /// A revealed row of `size` bytes was queued behind `before` others.
    fn add(&mut self, before: usize, size: usize) {
        if self.size == 0 {
            // What stands before it in the queue is not revealed, but counts.
            self.size = before;
            self.ends.clear();
            self.ends.push(before);
        }
        self.size += size;
        self.ends.push(self.size);
    }
}

/// The fate of each output, where the server's description is what the
/// analysis found.
fn announced(verdict: &Verdict, fields: &[Field]) -> Result<Vec<OutputAction>, RowFault> {
    let origins = origins(fields);
    match verdict.is_witnessed(&origins) {
        true => Ok(verdict.outputs_for(&origins)),
        false => Err(RowFault::Moved),
    }
}
