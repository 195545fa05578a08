//! Errors and notices: what they may say depends on what ran.

use std::sync::Arc;

use crate::audit::{Conceal, Sql};
use crate::session::lapsed::lapsed;
use crate::session::relay::{CopyIn, End, Relay};
use crate::session::replies::{out_of_step, row_error};
use crate::session::reports::{self, Gate};
use crate::session::rows::RowFault;
use crate::session::runs::{Audience, Guarded, finish_run};
use crate::session::state::Kind;
use crate::wire::backend::ErrorFields;
use crate::wire::frame::{HEADER, Header, backend as tag};
use crate::wire::report::{self, Severity};

impl Relay {
    pub(super) fn on_error(&mut self, body: &[u8]) -> Result<(), End> {
        self.fresh_permits();
        let fields = ErrorFields::read(body)?;
        let code = fields.sqlstate().to_owned();
        let fatal = !matches!(fields.severity(), b"ERROR");
        if !fatal && self.is_too_long_there(&fields) {
            return Err(End::Fault(row_error(&RowFault::TooLong)));
        }
        if self.state.front().is_none() {
            let gate = self.gate(Gate::Open);
            reports::put_error(&fields, gate, None, self.client.output());
            return match (fatal, self.state.in_batch()) {
                (true, _) => Ok(()),
                // A Flush failed.
                (false, true) => {
                    self.state.skip();
                    Ok(())
                }
                (false, false) => Err(out_of_step(tag::ERROR_RESPONSE)),
            };
        };
        let begun = !is_before_anything(&fields);
        let Some(entry) = self.state.front_mut() else { return Ok(()) };
        entry.run.answered = true;
        let (current, gate) = (entry.run.current, entry.run.gate);
        match fatal {
            true => reports::put_error(&fields, self.gate(gate), None, self.client.output()),
            false => self.put_failure(&fields),
        }
        let Some(entry) = self.state.front() else { return Ok(()) };
        let reply = &entry.run;
        let described =
            matches!(reply.audience, Audience::Proxy) && !std::mem::take(&mut self.copy_shapes).is_empty();
        self.fail_runs(&code);
        for (_, mut dropped) in self.state.fail(current, begun) {
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

    /// What the client hears of the first entry's failure.
    fn put_failure(&mut self, fields: &ErrorFields<'_>) {
        let Some(entry) = self.state.front() else { return };
        let reply = &entry.run;
        let overtime = self.overtime_error().filter(|error| fields.sqlstate() == error.code);
        let own = if self.has_lapsed() { Some(lapsed()) } else { overtime };
        match (&reply.audience, own) {
            _ if reply.cut => {}
            (Audience::Stub, _) => {}
            (Audience::Refusal(error), _) => report::put(self.client.output(), Severity::Error, error),
            (Audience::Client | Audience::Proxy | Audience::MustFail, Some(error)) => {
                report::put(self.client.output(), Severity::Error, &error);
            }
            (Audience::Client | Audience::Proxy | Audience::MustFail, None) => {
                let gate = self.gate(reply.gate);
                let renamed = reply.unheld().and_then(|unheld| unheld.renamed(fields));
                let renamed = renamed.as_ref().map(|message| fields.saying(message));
                let fields = renamed.as_ref().unwrap_or(fields);
                reports::put_error(fields, gate, reply.translation.as_deref(), self.client.output());
            }
        }
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
        // The Sync that went with them is the client's Query's now.
        match self.state.front_mut().filter(|entry| entry.kind == Kind::Sync) {
            Some(sync) => sync.run.audience = Audience::Client,
            None => self.write_sync(),
        }
    }

    /// The runs of the first entry end here.
    pub(super) fn fail_runs(&mut self, code: &str) {
        if let Some(entry) = self.state.front_mut() {
            for run in &mut entry.run.runs {
                finish_run(&self.proxy.audit, &self.who, run, Some(code));
            }
        }
    }

    pub(super) fn on_notice(&mut self, body: &[u8], frame: &[u8]) -> Result<(), End> {
        self.fresh_permits();
        let gate = match self.state.holds_hushed() {
            true => Gate::Closed,
            false => self.front_gate(),
        };
        let reply = self.state.front().map(|entry| &entry.run);
        let translation = reply.and_then(|reply| reply.translation.clone());
        if gate == Gate::Open && translation.is_none() {
            self.client.queue(frame);
            return Ok(());
        }
        let fields = ErrorFields::read(body)?;
        reports::put_notice(&fields, gate, translation.as_deref(), self.client.output());
        Ok(())
    }

    /// Of what the server says next.
    pub(in crate::session) fn front_gate(&self) -> Gate {
        self.gate(self.state.front().map_or(Gate::Open, |entry| entry.run.gate))
    }

    /// Does a statement that masks fail because a row of the server's, or what it
    /// makes it of, is too long? It must look as if what is shown were: else it tells
    /// by what length the server fails, originals included.
    fn is_too_long_there(&self, fields: &ErrorFields<'_>) -> bool {
        let Some(entry) = self.state.front() else { return false };
        let run = entry.run.runs.get(entry.run.current);
        let masks = run.and_then(|run| run.guarded.as_deref()).is_some_and(Guarded::masks);
        masks && !entry.run.is_silent() && self.front_gate() == Gate::Closed && reports::is_of_size(fields)
    }

    /// Deferred constraints and triggers speak at the transaction's end; of what was
    /// answered, the server may speak until it is ready.
    fn gate(&self, of_message: Gate) -> Gate {
        let is_closed = self.tainted.is_some() || self.hushed || self.has_lost_access();
        if is_closed { Gate::Closed } else { of_message }
    }

    /// Has something ended that let this transaction, or the statement that
    /// runs, see all it touches?
    fn has_lost_access(&self) -> bool {
        let now = self.proxy.clock.now();
        let running = self.state.front().and_then(|entry| entry.run.runs.get(entry.run.current));
        let its = running.and_then(|run| run.guarded.as_deref()).map(|g| g.verdict.full_by.as_slice());
        let mut bases = self.leaned.iter().chain(its.into_iter().flatten());
        bases.any(|(basis, column)| !self.permits.holds(basis, column, now))
    }
}

/// The statement was not even begun: it could not be read, or the server's own
/// words say so, from where it says them. A function can raise any SQLSTATE, but
/// gives a context with it.
fn is_before_anything(fields: &ErrorFields<'_>) -> bool {
    const ROUTINES: &[(&str, &[u8])] = &[
        ("42P03", b"CreatePortal"),
        ("42P05", b"StorePreparedStatement"),
        ("25001", b"PreventInTransactionBlock"),
        ("25P01", b"CheckTransactionBlock"),
        ("25P02", b"exec_simple_query"),
        ("25P02", b"exec_execute_message"),
        ("26000", b"FetchPreparedStatement"),
    ];
    let known = (fields.sqlstate(), fields.get(b'R').unwrap_or_default());
    let is_of_text = fields.get(b'P').is_some() && fields.get(b'q').is_none();
    (is_of_text || ROUTINES.contains(&known)) && fields.get(b'W').is_none()
}
