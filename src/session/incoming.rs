//! What the client sends: which of the protocol's messages it is, and what
//! may stand at this moment.

use std::sync::Arc;

use bytes::Bytes;

use super::judge::{Refusal, Stop, hangs_on_settings};
use super::relay::{CopyIn, End, Hold, Relay, Step};
use super::runs::{Audience, Reply, Run, refuse_run};
use super::state::{Change, Entry, Kind};
use super::virtual_schema;
use crate::audit::record::Observed;
use crate::audit::tally::Outcome;
use crate::audit::{Conceal, Event, Record, Sql, StatementStart};
use crate::error::{ClientError, sqlstate};
use crate::policy::decide::ColumnDecision;
use crate::wire::frame::frontend as tag;
use crate::wire::frontend::{Parse, Target, write_bare, write_query};
use crate::wire::reader::Reader;

/// Text that PostgreSQL can't parse, in any state of a transaction: what goes
/// upstream in a refused statement's place.
pub(super) const REFUSED_TEXT: &[u8] = b"bauta: statement refused";
/// Name under which it is parsed where the client's own name must not change.
pub(super) const REFUSED_NAME: &[u8] = b"bauta: refused";

impl Relay {
    pub(super) fn on_client_frame(&mut self, tag: u8, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        if tag == tag::TERMINATE {
            return Err(End::Client);
        }
        if self.copy_in != CopyIn::Off {
            return self.on_copy_in_frame(tag, body, frame);
        }
        if self.state.is_skipping() && tag != tag::SYNC && is_known(tag) {
            // The server reads and drops it; it need not even get there. What was
            // made ready for it is for nothing else.
            self.unpark();
            self.leave = None;
            self.own_rows = None;
            return Ok(Step::Done);
        }
        if let Some(step) = self.end_hold(tag, body) {
            return Ok(step);
        }
        match tag {
            tag::QUERY => self.on_query(body, frame),
            tag::PARSE => self.on_parse(body, frame),
            tag::BIND => self.on_bind(body, frame),
            tag::DESCRIBE => self.on_describe(body, frame),
            tag::EXECUTE => self.on_execute(body, frame),
            tag::CLOSE => self.on_close(body, frame),
            tag::SYNC => {
                Reader::new(body).finish()?;
                self.upstream.queue(frame);
                self.expect(Entry::new(Kind::Sync, Reply::new(Audience::Client)));
                Ok(Step::Done)
            }
            tag::FLUSH => {
                Reader::new(body).finish()?;
                self.upstream.queue(frame);
                self.state.flush();
                self.flushed = true;
                Ok(Step::Done)
            }
            // What is left of a COPY that failed; the server ignores it too.
            tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL => Ok(Step::Done),
            tag::FUNCTION_CALL => {
                let error = ClientError::new(
                    sqlstate::FEATURE_NOT_SUPPORTED,
                    "function calls by protocol message are not supported",
                );
                self.refuse_query(error.with_hint("Call the function in a SELECT."));
                Ok(Step::Done)
            }
            unknown => Err(End::Fault(ClientError::new(
                sqlstate::PROTOCOL_VIOLATION,
                format!("invalid frontend message type {unknown}"),
            ))),
        }
    }

    fn on_copy_in_frame(&mut self, tag: u8, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        self.forget_sync(tag);
        match tag {
            tag::COPY_DATA | tag::COPY_DONE if self.copy_in_has_lost_access() => self.lose_copy_in(),
            tag::COPY_DATA if self.copy_stream.is_some() => self.take_copy_data(body),
            tag::COPY_DATA => self.upstream.queue(frame),
            tag::COPY_DONE if self.copy_stream.is_some() && !self.end_copy_data() => {}
            tag::COPY_DONE | tag::COPY_FAIL => {
                self.copy_stream = None;
                self.upstream.queue(frame);
                self.copy_in = CopyIn::Off;
                self.wait_for(Hold::Quiet);
            }
            tag::FLUSH => {}
            // The server ignores it while it reads data; whether it still
            // does is not known here, so it is kept back.
            tag::SYNC => self.copy_in = CopyIn::On { sync: true },
            other => {
                return Err(End::Fault(ClientError::new(
                    sqlstate::PROTOCOL_VIOLATION,
                    format!("unexpected message type 0x{other:02X} during COPY from stdin"),
                )));
            }
        }
        Ok(Step::Done)
    }

    /// A server that read data has read the Sync before it, and ignored it:
    /// after an error it waits for the next.
    pub(super) fn forget_sync(&mut self, tag: u8) {
        if let (CopyIn::On { sync }, tag::COPY_DATA | tag::COPY_DONE) = (&mut self.copy_in, tag) {
            *sync = false;
        }
    }

    /// May CopyData be passed on in parts?
    pub(super) fn takes_copy_data(&self) -> bool {
        self.copy_in != CopyIn::Off
    }

    /// Would all of a text beyond `limits.statement_bytes` have to be scanned to tell
    /// whether bauta answers it itself?
    pub(super) fn is_too_long_to_be_own(&self, text: &[u8]) -> bool {
        text.len() > self.proxy.config.load().limits.statement_bytes && virtual_schema::mentions(text)
    }

    /// A Query comes next. An error of the Flush before it, after which the server
    /// skips the Query, must not be taken for the Query's: something between them
    /// has its own reply.
    pub(super) fn part_from_flush(&mut self) {
        if self.state.has_flushed() {
            Target::Statement(REFUSED_NAME).write(tag::CLOSE, self.upstream.output());
            self.expect(Entry::new(Kind::Close, Reply::new(Audience::Proxy)));
        }
    }

    /// In place of a Query: fails for certain, and the client sees `error`.
    pub(super) fn refuse_query(&mut self, error: ClientError) {
        self.part_from_flush();
        write_query(REFUSED_TEXT, self.upstream.output());
        self.expect(Entry::new(Kind::Query, Reply::new(Audience::Refusal(Box::new(error)))));
    }

    /// In place of a Parse. A failing Parse of the unnamed statement drops it,
    /// as the client's own would have.
    pub(super) fn refuse_parse(&mut self, name: &[u8], error: ClientError) {
        let stub = Parse { name, text: REFUSED_TEXT, parameter_types: b"" };
        stub.write(self.upstream.output());
        let mut entry = Entry::new(Kind::Parse, Reply::new(Audience::Refusal(Box::new(error))));
        if name.is_empty() {
            entry = entry.with_change(Change::RemoveStatement(Bytes::new()));
        }
        self.expect(entry);
    }

    /// In place of a Bind, Describe or Execute.
    pub(super) fn refuse_step(&mut self, error: ClientError) {
        self.refuse_parse(REFUSED_NAME, error);
    }

    /// A failing message that nobody hears of: it makes the server's
    /// transaction what the client was told.
    pub(super) fn write_stub(&mut self, kind: Kind) {
        if kind == Kind::Query {
            self.part_from_flush();
            write_query(REFUSED_TEXT, self.upstream.output());
        } else {
            let stub = Parse { name: REFUSED_NAME, text: REFUSED_TEXT, parameter_types: b"" };
            stub.write(self.upstream.output());
            write_bare(tag::FLUSH, self.upstream.output());
        }
        self.expect(Entry::new(kind, Reply::new(Audience::Stub)));
    }

    /// Writes the intent of a statement whose decisions are applied.
    ///
    /// # Errors
    /// As [`intend_judged`](Self::intend_judged).
    pub(super) fn intend(&mut self, sql: Sql, columns: Arc<[ColumnDecision]>) -> Result<Run, Stop> {
        self.intend_judged(sql, columns, None)
    }

    /// Writes the intent of a statement.
    ///
    /// # Errors
    /// The log takes no intents: the statement must not run.
    pub(super) fn intend_judged(
        &mut self,
        sql: Sql,
        columns: Arc<[ColumnDecision]>,
        observed: Option<Observed>,
    ) -> Result<Run, Stop> {
        let outcome = match &observed {
            Some(Observed { would_refuse: Some(_) }) => {
                self.ran_refused = true;
                Outcome::Refused
            }
            _ => Outcome::of(&columns),
        };
        let misread = self.settings.unsafe_reading().is_some() && hangs_on_settings(sql.text());
        let sql = if misread { sql.doubtful() } else { sql };
        let is_observed = observed.is_some();
        let event = Event::StatementStart(StatementStart { sql, columns, observed });
        let posted = self.proxy.audit.post(Record { who: self.who.clone(), event });
        let ticket = posted.map_err(|fault| Stop::from(ClientError::from(&fault)))?;
        self.ticket = Some(ticket);
        self.seat.count_statement();
        Ok(Run::new(ticket, outcome, is_observed))
    }

    /// Writes intent and outcome of a refused statement; the error to show.
    pub(super) fn refused(&mut self, sql: Sql, refusal: Refusal) -> ClientError {
        match self.intend(sql, refusal.columns.into()) {
            Ok(mut run) => {
                refuse_run(&self.proxy.audit, &self.who, &mut run, &refusal.error.code);
                refusal.error
            }
            Err(Stop::Refuse(unwritten)) => unwritten.error,
            Err(Stop::Hold(_)) => refusal.error,
        }
    }
}

fn is_known(tag: u8) -> bool {
    matches!(
        tag,
        tag::QUERY
            | tag::PARSE
            | tag::BIND
            | tag::DESCRIBE
            | tag::EXECUTE
            | tag::CLOSE
            | tag::FLUSH
            | tag::FUNCTION_CALL
            | tag::COPY_DATA
            | tag::COPY_DONE
            | tag::COPY_FAIL
    )
}

/// What of a statement's text the audit log must not show.
pub(super) fn conceal(statement: &crate::sql::Statement) -> Conceal {
    match (&statement.refusal, statement.sensitive_literals.is_empty()) {
        (Some(_), _) => Conceal::AllLiterals,
        (None, true) => Conceal::Nothing,
        (None, false) => Conceal::Spans(statement.sensitive_literals.clone().into()),
    }
}
