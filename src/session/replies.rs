//! What the server answers: matched against what was expected, shown, masked,
//! filtered or swallowed.

mod reports;
mod rows;

use std::sync::Arc;

use super::own::Answer;
use super::relay::{CopyIn, End, Relay};
use super::reports::Gate;
use super::rows::{RowFault, has_protected};
use super::runs::{Audience, Guarded, Reply, Run, finish_run};
use super::savepoints::Savepoint;
use super::state::{Ending, Entry, Kind, Lineage};
use crate::error::{ClientError, sqlstate};
use crate::policy::{Basis, ProtectedColumn};
use crate::sql::StatementKind;
use crate::sql::analysis::{CatalogChange, Names};
use crate::wire::backend::{self, Field, TransactionStatus};
use crate::wire::frame::{backend as tag, frontend};
use crate::wire::frontend::write_bare;

impl Relay {
    /// Takes one whole frame of the server's; what the client may see of it
    /// is in the client's queue afterwards.
    pub(super) fn on_server_frame(&mut self, tag: u8, body: &[u8], frame: &[u8]) -> Result<(), End> {
        match tag {
            tag::NOTICE_RESPONSE => self.on_notice(body, frame),
            tag::PARAMETER_STATUS => {
                let (name, value) = backend::parameter_status(body)?;
                self.settings.set(name, value);
                self.recoded |= name == b"client_encoding";
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

    /// The first entry is answered.
    fn complete(&mut self) -> Option<(Kind, Reply)> {
        let done = self.state.complete();
        let runs = |kind: Kind| matches!(kind, Kind::Bind | Kind::Execute);
        self.hushed |= done.as_ref().is_some_and(|(kind, reply)| runs(*kind) && reply.gate == Gate::Closed);
        done
    }

    /// From the message at hand on, to the end of the transaction, what the server says
    /// is filtered.
    pub(super) fn taint(&mut self) {
        self.tainted.get_or_insert(self.state.answered());
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
                self.complete();
                Ok(())
            }
            (Kind::DescribeStatement, tag::PARAMETER_DESCRIPTION) => self.on_parameters(body, frame),
            (Kind::DescribeStatement | Kind::DescribePortal, tag::ROW_DESCRIPTION) => {
                self.on_description(Some(backend::row_description(body)?), frame)
            }
            (Kind::DescribeStatement | Kind::DescribePortal, tag::NO_DATA) => {
                self.on_description(None, frame)
            }
            (Kind::Execute, tag::COMMAND_COMPLETE) if entry.run.is_hidden() => {
                self.complete();
                Ok(())
            }
            (Kind::Execute, _) if entry.run.is_hidden() => Err(out_of_step(tag)),
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
        self.complete();
        Ok(())
    }

    /// The client asks for the description of what is held to be harmless; a
    /// protected origin in it means that its rows may not follow.
    fn watch_description(&mut self, fields: &[Field]) -> Result<(), End> {
        if !has_protected(&self.guard, fields) || self.observes() {
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
        if matches!(tag, tag::COMMAND_COMPLETE | tag::EMPTY_QUERY_RESPONSE)
            && let Some(entry) = self.state.front_mut()
        {
            entry.run.answered = true;
        }
        if self.state.front().is_some_and(|entry| entry.run.cut) {
            return self.on_cut_reply(tag, body);
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
        if self.tells_after_end(tag) {
            return self.on_lapsed_end(tag, body);
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
        self.end_block(command);
        let Some(entry) = self.state.front_mut() else { return Err(out_of_step(tag)) };
        if entry.kind == Kind::Execute {
            self.end_execute(Some(command))?;
            self.end_as_query(frame);
            return Ok(());
        }
        let Some(run) = entry.run.runs.get_mut(entry.run.current) else {
            // PostgreSQL sends one CommandComplete a statement.
            return if command.is_empty() { Ok(()) } else { Err(out_of_step(tag)) };
        };
        count_rows(run, command);
        self.end_statement();
        Ok(())
    }

    /// The statement at hand of a Query that was read is answered.
    fn end_statement(&mut self) {
        let Some(entry) = self.state.front_mut() else { return };
        let current = entry.run.current;
        let Some(run) = entry.run.runs.get_mut(current).filter(|_| !entry.run.whole) else { return };
        finish_run(&self.proxy.audit, &self.who, run, None);
        let done = Done::of(run);
        entry.run.current += 1;
        entry.run.described = false;
        self.note_done(&done);
        self.state.complete_statement(current);
    }

    /// What a transaction's end makes visible, or takes away.
    fn end_block(&mut self, command: &[u8]) {
        match command {
            // One that EXECUTE runs is done only when the server is ready.
            b"COMMIT" if self.runs_itself() => {
                self.state.end_transaction(true);
                self.mark_committed();
            }
            b"COMMIT PREPARED" => drop(self.database.mark_stale()),
            b"ROLLBACK" => {
                let ending = match self.savepoint() {
                    Some(Savepoint::RollbackTo(name)) => {
                        self.forget_since(self.state.savepoint(&name));
                        self.state.back_to(Some(&name))
                    }
                    Some(Savepoint::Make(_) | Savepoint::Release(_)) | None => {
                        self.forget_since(None);
                        Ending::Rollback
                    }
                };
                self.state.rolls_back(ending);
            }
            b"SAVEPOINT" => {
                let name = self.savepoint().and_then(Savepoint::made);
                self.state.saves(name);
            }
            b"RELEASE" => {
                let name = self.savepoint().and_then(Savepoint::released);
                self.state.releases(name.as_deref());
            }
            _ => {}
        }
    }

    /// What was done since this savepoint was made is undone: what it put off to the
    /// transaction's end with it, and what it changed in the catalog. None: which one
    /// is not certain.
    fn forget_since(&mut self, savepoint: Option<u64>) {
        match savepoint {
            Some(number) => {
                self.tainted = self.tainted.filter(|since| *since <= number);
                self.uncommitted.forget_since(number);
            }
            // A portal that is held to be gone may be there, and speak.
            None if self.state.holds_hushed() => self.taint(),
            None => {}
        }
    }

    /// What the text at hand does to savepoints, where that is all it does.
    fn savepoint(&mut self) -> Option<Savepoint> {
        let ground = self.current_run()?.ground.as_ref()?;
        Savepoint::read(&ground.text)
    }

    /// What the server answers is what the text says, and nothing run by name.
    fn runs_itself(&mut self) -> bool {
        let ground = self.current_run().and_then(|run| run.ground.as_ref());
        let lineage = ground.and_then(|ground| ground.lineage.as_ref());
        let kind = lineage.and_then(Lineage::statement).map(|statement| &statement.kind);
        !matches!(kind, Some(StatementKind::Execute { .. } | StatementKind::Fetch { .. }))
    }

    /// A statement of a Query that the client hears no more of.
    pub(super) fn end_unseen_statement(&mut self, command: &[u8]) {
        self.end_block(command);
        self.end_statement();
    }

    /// The rows that stand for those of a stand-in.
    fn own_answer(&mut self) -> Option<Answer> {
        self.current_guarded()?.answer.take()
    }

    fn end_execute(&mut self, command: Option<&[u8]>) -> Result<(), End> {
        let Some((_, mut reply)) = self.complete() else {
            return Err(out_of_step(tag::COMMAND_COMPLETE));
        };
        for mut run in std::mem::take(&mut reply.runs) {
            if let Some(command) = command {
                count_rows(&mut run, command);
            }
            // A suspended portal may have done all its work.
            self.note_done(&Done::of(&run));
            finish_run(&self.proxy.audit, &self.who, &mut run, None);
        }
        Ok(())
    }

    /// A statement succeeded: what later ones must know of it.
    fn note_done(&mut self, done: &Done) {
        // DDL that is not committed may put off what no snapshot knows of.
        let unknown = match self.uncommitted.change() {
            CatalogChange::None | CatalogChange::Temporary => false,
            CatalogChange::Indexes | CatalogChange::Relations => !done.only_reads,
            CatalogChange::Code => true,
        };
        let may_be_another = done.by_name && self.guard.trusts_code;
        if done.is_hushed && (done.defers || unknown || may_be_another) {
            self.taint();
        }
        for base in &done.leans {
            if !self.leaned.contains(base) {
                self.leaned.push(base.clone());
            }
        }
        let since = self.state.answered();
        self.uncommitted.add(since, done.catalog_change, &done.names);
        if done.names.hide() {
            self.uncommitted.hide(since, done.names.changed.clone(), done.catalog_change);
        }
        if done.forgets_person {
            self.become_person(None);
        }
    }

    /// DDL is in force from here on. COMMIT AND CHAIN begins another transaction.
    fn mark_committed(&mut self) {
        match std::mem::take(&mut self.uncommitted).change() {
            CatalogChange::None => {}
            CatalogChange::Temporary => self.guard_since = self.database.mark_stale_for_one(),
            CatalogChange::Indexes | CatalogChange::Relations | CatalogChange::Code => {
                self.database.mark_stale();
            }
        }
    }

    fn on_ready(&mut self, status: TransactionStatus, frame: &[u8]) -> Result<(), End> {
        let Some(entry) = self.state.front() else { return Err(out_of_step(tag::READY_FOR_QUERY)) };
        let is_its = entry.kind == Kind::Sync || (entry.kind == Kind::Query && entry.run.answered);
        if !is_its {
            return Err(out_of_step(tag::READY_FOR_QUERY));
        }
        let is_own = entry.kind == Kind::Sync && matches!(entry.run.audience, Audience::Proxy);
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
        self.hushed = false;
        self.pipeline_open = self.state.has_running();
        self.at_rest = self.state.is_quiet();
        let is_calling = self.state.is_calling();
        self.pipeline_sets &= is_calling;
        self.pipeline_recodes &= is_calling;
        self.reads.part(self.state.is_reading());
        if status == TransactionStatus::Idle {
            self.tainted = None;
            self.leaned.clear();
            self.recoded = false;
            self.mark_committed();
        }
        if self.state.is_quiet() {
            self.changing = None;
        }
        if let Some(complete) = self.as_query.take().and_then(|query| query.complete) {
            self.client.queue(&complete);
        }
        if !is_own {
            self.client.queue(frame);
        }
        Ok(())
    }

    pub(super) fn write_sync(&mut self) {
        write_bare(frontend::SYNC, self.upstream.output());
        self.expect(Entry::new(Kind::Sync, Reply::new(Audience::Client)));
    }
}

/// What a finished statement leaves behind.
struct Done {
    /// What it says is filtered.
    is_hushed: bool,
    /// What it left to be done may speak of what it touched.
    defers: bool,
    only_reads: bool,
    /// As [`Guarded::by_name`].
    by_name: bool,
    /// What let it see all that it touched.
    leans: Vec<(Basis, Arc<ProtectedColumn>)>,
    catalog_change: CatalogChange,
    names: Names,
    forgets_person: bool,
}

impl Done {
    fn of(run: &Run) -> Self {
        let guarded = run.guarded.as_deref();
        Self {
            is_hushed: guarded.is_some_and(|g| g.touches && !g.verdict.full_grant),
            defers: guarded.is_some_and(|g| g.defers),
            only_reads: guarded.is_some_and(|g| g.only_reads),
            by_name: guarded.is_some_and(|g| g.by_name),
            catalog_change: guarded.map_or(CatalogChange::None, |g| g.catalog_change),
            leans: guarded.map(|g| g.verdict.full_by.clone()).unwrap_or_default(),
            names: guarded.map(|g| g.names.clone()).unwrap_or_default(),
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

/// Where the server says that each column comes from.
fn origins(fields: &[Field]) -> Vec<Option<crate::catalog::ColumnId>> {
    fields.iter().map(|field| field.origin).collect()
}

pub(super) fn out_of_step(tag: u8) -> End {
    End::Fault(ClientError::new(
        sqlstate::PROTOCOL_VIOLATION,
        format!("the server sent an unexpected message (type {tag})"),
    ))
}

fn row_error(fault: &RowFault) -> ClientError {
    match fault {
        RowFault::TooLong => ClientError::new(sqlstate::PROGRAM_LIMIT_EXCEEDED, fault.to_string()).with_hint(
            "Ask for fewer or shorter columns: bauta's limits.message_bytes bounds a row, and 512 MB one \
             with masked columns.",
        ),
        RowFault::ColumnCount { .. }
        | RowFault::Moved
        | RowFault::Malformed
        | RowFault::Unreadable { .. } => ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, fault.to_string())
            .with_hint("Nothing of the row was shown. The audit log names the statement."),
    }
}
