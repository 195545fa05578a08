//! What the server answers: matched against what was expected, shown, masked,
//! filtered or swallowed.

use std::sync::Arc;

use super::copy::CopyPlan;
use super::own::Answer;
use super::relay::{CopyIn, End, Hold, JobDone, Relay, Revealed};
use super::reports::{self, Gate};
use super::rows::{RowFault, RowPlan, Witness};
use super::runs::{Audience, Guarded, Plan, Reply, Run, finish_run};
use super::state::{Entry, Kind};
use crate::audit::record::Tripwire;
use crate::audit::{Conceal, Event, Record, Sql};
use crate::error::{ClientError, sqlstate};
use crate::policy::decide::{OutputAction, Verdict};
use crate::policy::{Access, Permits, ProtectedColumn};
use crate::sql::analysis::CatalogChange;
use crate::wire::backend::{self, ErrorFields, Field, TransactionStatus};
use crate::wire::frame::{HEADER, Header, backend as tag, frontend};
use crate::wire::frontend::write_bare;
use crate::wire::report::{self, Severity};

impl Relay {
    /// Takes one whole frame of the server's; what the client may see of it
    /// is in the client's queue afterwards.
    pub(super) fn on_server_frame(&mut self, tag: u8, body: &[u8], frame: &[u8]) -> Result<(), End> {
        match tag {
            tag::NOTICE_RESPONSE => self.on_notice(body, frame),
            tag::PARAMETER_STATUS => {
                let (name, value) = backend::parameter_status(body)?;
                self.settings.set(name, value);
                if name == b"application_name" {
                    self.seat.set_application(&String::from_utf8_lossy(value));
                }
                self.client.queue(frame);
                Ok(())
            }
            tag::NOTIFICATION_RESPONSE => {
                self.client.queue(frame);
                Ok(())
            }
            tag::ERROR_RESPONSE => self.on_error(body),
            tag::READY_FOR_QUERY => self.on_ready(TransactionStatus::read(body)?, frame),
            _ => self.on_reply(tag, body, frame),
        }
    }

    /// A reply to the first expected message, neither error nor ready.
    fn on_reply(&mut self, tag: u8, body: &[u8], frame: &[u8]) -> Result<(), End> {
        let Some(entry) = self.state.front() else { return Err(out_of_step(tag)) };
        match &entry.run.audience {
            Audience::Client | Audience::Proxy => {}
            Audience::Stub | Audience::Refusal(_) | Audience::MustFail => return Err(out_of_step(tag)),
        }
        match (entry.kind, tag) {
            (Kind::Parse, tag::PARSE_COMPLETE)
            | (Kind::Bind, tag::BIND_COMPLETE)
            | (Kind::Close, tag::CLOSE_COMPLETE) => {
                self.show(frame);
                self.state.complete();
                Ok(())
            }
            (Kind::DescribeStatement, tag::PARAMETER_DESCRIPTION) => self.on_parameters(body, frame),
            (Kind::DescribeStatement | Kind::DescribePortal, tag::ROW_DESCRIPTION) => {
                self.on_description(Some(backend::row_description(body)?), frame)
            }
            (Kind::DescribeStatement | Kind::DescribePortal, tag::NO_DATA) => {
                self.on_description(None, frame)
            }
            (Kind::Query | Kind::Execute, _) => self.on_run_reply(tag, body, frame),
            _ => Err(out_of_step(tag)),
        }
    }

    /// Parameters that bauta added are none of the client's.
    fn on_parameters(&mut self, body: &[u8], frame: &[u8]) -> Result<(), End> {
        match self.state.front().and_then(|entry| entry.run.parameters.as_ref()) {
            Some(shown) => {
                let types = shown.types(&backend::parameter_description(body)?);
                backend::write_parameter_description(&types, self.client.output());
            }
            None => self.show(frame),
        }
        Ok(())
    }

    /// Queues a frame for the client, if it is the client's.
    fn show(&mut self, frame: &[u8]) {
        if self.state.front().is_some_and(|entry| !entry.run.is_silent()) {
            self.client.queue(frame);
        }
    }

    fn on_description(&mut self, fields: Option<Vec<Field>>, frame: &[u8]) -> Result<(), End> {
        let Some(entry) = self.state.front() else { return Err(out_of_step(tag::ROW_DESCRIPTION)) };
        // A Query does not say that it has no rows.
        let unsaid = entry.run.of_query && fields.is_none();
        if let Some(shape) = &entry.run.shape {
            // Asked for by bauta.
            let _ = shape.fields.set(fields);
        } else if let Some(fields) = fields.as_ref().filter(|_| entry.run.watch) {
            self.watch_description(fields)?;
        }
        if !unsaid {
            self.show(frame);
        }
        self.state.complete();
        Ok(())
    }

    /// The client asks for the description of what is held to be harmless; a
    /// protected origin in it means that its rows may not follow.
    fn watch_description(&mut self, fields: &[Field]) -> Result<(), End> {
        if fields.iter().all(|field| field.origin.is_none()) || self.observes() {
            return Ok(());
        }
        let (_, trips) = self.row_plan(None, fields).map_err(|fault| End::Fault(row_error(&fault)))?;
        if trips.is_empty() {
            return Ok(());
        }
        Err(End::Fault(
            ClientError::new(
                sqlstate::INSUFFICIENT_PRIVILEGE,
                "the statement returns protected data that it does not name",
            )
            .with_hint("The catalog has just changed. Connect and try again."),
        ))
    }

    fn on_run_reply(&mut self, tag: u8, body: &[u8], frame: &[u8]) -> Result<(), End> {
        if self.state.front().is_some_and(|entry| entry.run.cut) {
            return self.on_cut_reply(tag);
        }
        if self.current_guarded().is_some_and(|guarded| guarded.must_fail) {
            return Err(out_of_step(tag));
        }
        if let Some(entry) = self.state.front_mut() {
            match tag {
                tag::ROW_DESCRIPTION | tag::COPY_OUT_RESPONSE => entry.run.described = true,
                tag::DATA_ROW | tag::COPY_DATA if !entry.run.takes_rows(entry.kind) => {
                    return Err(out_of_step(tag));
                }
                _ => {}
            }
        }
        self.send_notices();
        match tag {
            tag::ROW_DESCRIPTION => self.on_rows_begin(body, frame),
            tag::DATA_ROW => self.on_row(body, frame),
            tag::COMMAND_COMPLETE | tag::EMPTY_QUERY_RESPONSE => self.on_statement_end(tag, body, frame),
            tag::PORTAL_SUSPENDED => {
                self.client.queue(frame);
                self.end_execute(None)
            }
            tag::COPY_IN_RESPONSE => {
                if self.state.pending() > 1 {
                    return Err(out_of_step(tag));
                }
                let (format, columns) = backend::copy_response(body)?;
                if self.begin_copy_in(format, columns) {
                    self.hold = None;
                    self.client.queue(frame);
                }
                Ok(())
            }
            tag::COPY_OUT_RESPONSE => self.on_copy_out(body, frame),
            tag::COPY_DATA => self.on_copy_data(body),
            tag::COPY_DONE => {
                self.client.queue(frame);
                Ok(())
            }
            _ => Err(out_of_step(tag)),
        }
    }

    pub(super) fn current_run(&mut self) -> Option<&mut Run> {
        let reply = &mut self.state.front_mut()?.run;
        reply.runs.get_mut(reply.current)
    }

    pub(super) fn current_guarded(&mut self) -> Option<&mut Guarded> {
        self.current_run()?.guarded.as_deref_mut()
    }

    /// What was neutralised is said before the statement's first reply.
    fn send_notices(&mut self) {
        let Some(guarded) = self.current_guarded() else { return };
        if std::mem::replace(&mut guarded.noticed, true) {
            return;
        }
        for notice in std::mem::take(&mut guarded.verdict.notices) {
            self.put_notice(&notice.message, notice.hint.as_deref());
        }
    }

    /// RowDescription in the simple protocol.
    fn on_rows_begin(&mut self, body: &[u8], frame: &[u8]) -> Result<(), End> {
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
        if outputs.is_none() && fields.iter().all(|field| field.origin.is_none()) {
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
    fn row_plan(
        &mut self,
        outputs: Option<&[OutputAction]>,
        fields: &[Field],
    ) -> Result<(RowPlan, Vec<super::rows::Trip>), RowFault> {
        self.fresh_permits();
        let now = self.proxy.clock.now();
        let observe = self.observes();
        let keys = self.proxy.keys.load_full();
        let permits = &self.permits;
        let sees = |column: &ProtectedColumn| {
            // What came unannounced is not counted.
            matches!(permits.access(column, now), Access::Revealed { counted: false, .. })
        };
        let witness =
            Witness { guard: &self.guard, keys: &keys, encoding: self.settings.encoding(), sees: &sees };
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

    fn on_row(&mut self, body: &[u8], frame: &[u8]) -> Result<(), End> {
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
            Err(fault) => Err(End::Fault(row_error(&fault))),
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
    fn may_reveal(&mut self) -> bool {
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
        self.current_guarded().is_none_or(|guarded| guarded.leases.iter().all(|lease| lease.take(rows)))
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
    pub(super) fn end_reveal(&mut self) -> Result<(), End> {
        self.drop_revealed();
        self.cut(
            ClientError::new(
                sqlstate::INSUFFICIENT_PRIVILEGE,
                "the grant that revealed these rows has ended",
            )
            .with_hint("Run the statement again to see masks, or request access anew."),
        )
    }

    /// Ends the current statement with an error of bauta's own. The server is
    /// told to stop; what it still sends is swallowed.
    fn cut(&mut self, error: ClientError) -> Result<(), End> {
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

    fn on_cut_reply(&mut self, tag: u8) -> Result<(), End> {
        match (self.state.front().map(|entry| entry.kind), tag) {
            (
                Some(Kind::Execute),
                tag::COMMAND_COMPLETE | tag::PORTAL_SUSPENDED | tag::EMPTY_QUERY_RESPONSE,
            ) => {
                // It ended before the cancel came, but the client was told of
                // an error, after which it expects to skip to Sync.
                self.state.complete();
                self.write_stub(Kind::Parse);
                Ok(())
            }
            (Some(_), _) => Ok(()),
            (None, _) => Err(out_of_step(tag)),
        }
    }

    fn on_copy_out(&mut self, body: &[u8], frame: &[u8]) -> Result<(), End> {
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

    fn on_copy_data(&mut self, body: &[u8]) -> Result<(), End> {
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
        match rows {
            // The message's own rows: PostgreSQL sends one in each, and none with a header.
            Ok(rows) if !run.guarded.iter().flat_map(|g| &g.leases).all(|lease| lease.take(rows)) => {
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
            Err(fault) => Err(End::Fault(row_error(&fault))),
        }
    }

    /// CommandComplete or EmptyQueryResponse.
    fn on_statement_end(&mut self, tag: u8, body: &[u8], frame: &[u8]) -> Result<(), End> {
        let command = if tag == tag::COMMAND_COMPLETE { backend::command_tag(body)? } else { b"" };
        match self.own_answer() {
            Some(answer) => {
                let rows = answer.put(self.client.output());
                if let Some(run) = self.current_run() {
                    run.rows = rows;
                }
            }
            None if self.as_query.is_some() => {}
            None => self.client.queue(frame),
        }
        if command == b"COMMIT" {
            self.state.end_transaction();
        }
        let Some(entry) = self.state.front_mut() else { return Err(out_of_step(tag)) };
        if entry.kind == Kind::Execute {
            self.end_execute(Some(command))?;
            self.end_as_query(frame);
            return Ok(());
        }
        let (whole, current) = (entry.run.whole, entry.run.current);
        let Some(run) = entry.run.runs.get_mut(current) else {
            // PostgreSQL sends one CommandComplete a statement.
            return if command.is_empty() { Ok(()) } else { Err(out_of_step(tag)) };
        };
        count_rows(run, command);
        if whole {
            return Ok(());
        }
        finish_run(&self.proxy.audit, &self.who, run, None);
        let done = Done::of(run);
        entry.run.current += 1;
        entry.run.described = false;
        self.note_done(&done);
        self.state.complete_statement(current);
        Ok(())
    }

    /// The rows that stand for those of a stand-in.
    fn own_answer(&mut self) -> Option<Answer> {
        self.current_guarded()?.answer.take()
    }

    fn end_execute(&mut self, command: Option<&[u8]>) -> Result<(), End> {
        let Some((_, mut reply)) = self.state.complete() else {
            return Err(out_of_step(tag::COMMAND_COMPLETE));
        };
        for mut run in std::mem::take(&mut reply.runs) {
            if let Some(command) = command {
                count_rows(&mut run, command);
                self.note_done(&Done::of(&run));
            }
            finish_run(&self.proxy.audit, &self.who, &mut run, None);
        }
        Ok(())
    }

    /// A statement succeeded: what later ones must know of it.
    fn note_done(&mut self, done: &Done) {
        self.tainted |= done.taints;
        self.uncommitted = self.uncommitted.max(done.catalog_change);
        if done.forgets_person {
            self.become_person(None);
        }
    }

    fn on_ready(&mut self, status: TransactionStatus, frame: &[u8]) -> Result<(), End> {
        let Some(entry) = self.state.front() else { return Err(out_of_step(tag::READY_FOR_QUERY)) };
        if !matches!(entry.kind, Kind::Query | Kind::Sync) {
            return Err(out_of_step(tag::READY_FOR_QUERY));
        }
        if entry.run.cut && status == TransactionStatus::InBlock {
            // The client was told of an error: the server's transaction must
            // have failed too. The stub's own ReadyForQuery is the client's.
            self.state.complete();
            self.write_stub(Kind::Query);
            return Ok(());
        }
        self.copy_in = CopyIn::Off;
        if let Some((_, mut reply)) = self.state.ready(status) {
            for mut run in std::mem::take(&mut reply.runs) {
                finish_run(&self.proxy.audit, &self.who, &mut run, None);
            }
        }
        self.pipeline_open = self.state.has_running();
        self.at_rest = self.state.is_quiet();
        self.pipeline_sets &= self.pipeline_open;
        self.pipeline_recodes &= self.pipeline_open;
        if status == TransactionStatus::Idle {
            self.tainted = false;
            match std::mem::replace(&mut self.uncommitted, CatalogChange::None) {
                CatalogChange::None => {}
                CatalogChange::Temporary => self.guard_since = self.database.mark_stale_for_one(),
                CatalogChange::Relations | CatalogChange::Code => self.database.mark_stale(),
            }
        }
        if let Some(complete) = self.as_query.take().and_then(|query| query.complete) {
            self.client.queue(&complete);
        }
        self.client.queue(frame);
        Ok(())
    }

    fn on_error(&mut self, body: &[u8]) -> Result<(), End> {
        let fields = ErrorFields::read(body)?;
        let code = fields.sqlstate().to_owned();
        let fatal = !matches!(fields.severity(), b"ERROR");
        let Some(entry) = self.state.front() else {
            let gate = self.gate(Gate::Open);
            reports::put_error(&fields, gate, None, self.client.output());
            return Ok(());
        };
        let reply = &entry.run;
        let gate = self.gate(reply.gate);
        let overtime = self.overtime_error().filter(|error| code == *error.code);
        match &reply.audience {
            _ if fatal => reports::put_error(&fields, gate, None, self.client.output()),
            _ if reply.cut => {}
            Audience::Stub => {}
            Audience::Refusal(error) => {
                report::put(self.client.output(), Severity::Error, error);
            }
            Audience::Client | Audience::Proxy | Audience::MustFail if overtime.is_some() => {
                if let Some(error) = overtime {
                    report::put(self.client.output(), Severity::Error, &error);
                }
            }
            Audience::Client | Audience::Proxy | Audience::MustFail => {
                reports::put_error(&fields, gate, reply.translation.as_deref(), self.client.output());
            }
        }
        let described =
            matches!(reply.audience, Audience::Proxy) && !std::mem::take(&mut self.copy_shapes).is_empty();
        self.fail_runs(&code);
        for (_, mut dropped) in self.state.fail() {
            for mut run in std::mem::take(&mut dropped.runs) {
                finish_run(&self.proxy.audit, &self.who, &mut run, Some(&code));
            }
        }
        self.fail_as_query();
        self.copy_stream = None;
        if let CopyIn::On { sync } = std::mem::replace(&mut self.copy_in, CopyIn::Off)
            && sync
            && self.state.is_skipping()
        {
            self.write_sync();
        }
        if described {
            self.give_up_query(&code);
        }
        Ok(())
    }

    /// A COPY whose columns can't be described fails as the COPY would have.
    fn give_up_query(&mut self, code: &str) {
        if let Ok(Some(header)) = Header::peek(&self.client.input, usize::MAX) {
            let text = self.client.input.get(HEADER..header.total).unwrap_or_default();
            let text = text.strip_suffix(b"\0").unwrap_or(text).to_vec();
            self.drop_frame(header.total);
            let sql = Sql::whole(bytes::Bytes::from(text), Conceal::AllLiterals);
            if let Ok(mut run) = self.intend(sql, Arc::default()) {
                finish_run(&self.proxy.audit, &self.who, &mut run, Some(code));
            }
        }
        self.write_sync();
    }

    pub(super) fn write_sync(&mut self) {
        write_bare(frontend::SYNC, self.upstream.output());
        self.expect(Entry::new(Kind::Sync, Reply::new(Audience::Client)));
    }

    /// The runs of the first entry end here.
    fn fail_runs(&mut self, code: &str) {
        if let Some(entry) = self.state.front_mut() {
            for run in &mut entry.run.runs {
                finish_run(&self.proxy.audit, &self.who, run, Some(code));
            }
        }
    }

    fn on_notice(&mut self, body: &[u8], frame: &[u8]) -> Result<(), End> {
        let reply = self.state.front().map(|entry| &entry.run);
        let gate = self.gate(reply.map_or(Gate::Open, |reply| reply.gate));
        let translation = reply.and_then(|reply| reply.translation.clone());
        if gate == Gate::Open && translation.is_none() {
            self.client.queue(frame);
            return Ok(());
        }
        let fields = ErrorFields::read(body)?;
        reports::put_notice(&fields, gate, translation.as_deref(), self.client.output());
        Ok(())
    }

    /// Deferred constraints and triggers speak at the transaction's end.
    fn gate(&self, of_message: Gate) -> Gate {
        if self.tainted { Gate::Closed } else { of_message }
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

/// What a finished statement leaves behind.
struct Done {
    taints: bool,
    catalog_change: CatalogChange,
    forgets_person: bool,
}

impl Done {
    fn of(run: &Run) -> Self {
        let guarded = run.guarded.as_deref();
        Self {
            taints: guarded.is_some_and(|g| g.touches && !g.verdict.full_grant),
            catalog_change: guarded.map_or(CatalogChange::None, |g| g.catalog_change),
            forgets_person: guarded.is_some_and(|g| g.forgets_person),
        }
    }
}

/// Rows affected, where none were sent.
fn count_rows(run: &mut Run, command: &[u8]) {
    if run.rows == 0 {
        run.rows = backend::tag_rows(command).unwrap_or(0);
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

/// Where the server says that each column comes from.
fn origins(fields: &[Field]) -> Vec<Option<crate::catalog::ColumnId>> {
    fields.iter().map(|field| field.origin).collect()
}

fn row_error(fault: &RowFault) -> ClientError {
    ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, fault.to_string())
        .with_hint("Nothing of the row was shown. The audit log names the statement.")
}

fn out_of_step(tag: u8) -> End {
    End::Fault(ClientError::new(
        sqlstate::PROTOCOL_VIOLATION,
        format!("the server sent an unexpected message (type {tag})"),
    ))
}
