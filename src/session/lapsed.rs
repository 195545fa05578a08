//! Access that ends while a statement waits to be run, or runs.
//!
//! A statement is judged when it is sent. The server may come to it much later:
//! behind what stands before it in its text, behind a lock; and what it looks at
//! then may have been stored after the grant had ended. Rows are cut one by one
//! (`replies/rows`). How many rows there were to change, and an error, tell too,
//! and a change stays. So the server is told to end what it works on as soon as
//! something in it leans on access that has ended. What it says of that in spite
//! of it does not pass.

use std::sync::Arc;
use std::time::Instant;

use super::judge::{Judged, bases};
use super::relay::{CopyIn, End, Relay};
use super::runs::{Audience, Run};
use super::state::Kind;
use crate::error::{ClientError, sqlstate};
use crate::policy::{Basis, ProtectedColumn};
use crate::sql::analysis::UseKind;
use crate::wire::backend::TransactionStatus;
use crate::wire::frame::backend as tag;

/// What is done later leans on.
#[derive(Debug)]
pub struct Leans {
    bases: Vec<(Basis, Arc<ProtectedColumn>)>,
    until: Option<Instant>,
}

impl Leans {
    /// None: on nothing. What is only put out asks nothing, and is masked when it is shown.
    pub(super) fn of(judged: &Judged) -> Option<Arc<Self>> {
        let guarded = judged.guarded.as_deref().filter(|guarded| !guarded.bases.is_empty())?;
        let asks = judged.columns.iter().filter(|column| column.use_ != UseKind::Output.name());
        let bases = bases(asks);
        (!bases.is_empty()).then(|| Arc::new(Self { bases, until: guarded.verdict.until }))
    }
}

impl Relay {
    /// Cancels what the server works on, if something in it may not be done any more.
    ///
    /// # Errors
    /// Half a message of a COPY's data is at the server, and the rest may not follow.
    pub(super) fn check_access(&mut self) -> Result<(), End> {
        if self.copy_in != CopyIn::Off {
            return self.check_copy_in();
        }
        let message = self.state.answered();
        if self.lapsed == Some(message) || !self.leans() {
            return Ok(());
        }
        self.fresh_permits();
        if self.has_lapsed() {
            tracing::info!(session = self.seat.id, "what runs leans on access that has ended");
            self.lapsed = Some(message);
            self.cancel_running();
        }
        Ok(())
    }

    /// A COPY is told that its access has ended at once, whatever has come of its data.
    fn check_copy_in(&mut self) -> Result<(), End> {
        let fails = self.state.front().is_none_or(|entry| !matches!(entry.run.audience, Audience::Client));
        if fails || !self.copy_in_has_lost_access() {
            return Ok(());
        }
        if self.client_pass > 0 {
            return Err(End::Fault(lapsed()));
        }
        self.client_drop += std::mem::take(&mut self.client_copy);
        self.lose_copy_in();
        Ok(())
    }

    /// Whatever commits fills cursors WITH HOLD: a text, a Sync, a procedure. So none
    /// stays open in its transaction beyond the access that it was declared under.
    ///
    /// # Errors
    /// One has: its transaction ends with the session.
    pub(super) fn check_unfilled(&mut self) -> Result<(), End> {
        if self.unfilled().next().is_none() {
            // What is unanswered may bring one back that it closed.
            self.may_fill &= !self.state.is_quiet();
            return Ok(());
        }
        self.fresh_permits();
        let now = self.proxy.clock.now();
        let holds = self
            .unfilled()
            .flat_map(|leans| &leans.bases)
            .all(|(basis, column)| self.permits.holds(basis, column, now));
        // What runs is cancelled where it leans on such access too, and a transaction
        // that has failed commits nothing.
        if holds || self.has_lapsed() || self.state.status() == TransactionStatus::Failed {
            return Ok(());
        }
        self.insists = true;
        let error = ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            "the access that an open cursor WITH HOLD was declared under has ended, and its transaction is rolled back",
        );
        Err(End::Fault(error.with_hint("Commit such a cursor while the access lasts.")))
    }

    fn unfilled(&self) -> impl Iterator<Item = &Leans> {
        let portals = self.may_fill.then(|| self.state.portals()).into_iter().flatten();
        portals.filter(|portal| !portal.kept).filter_map(|portal| portal.leans.as_deref())
    }

    /// When access may next end that something leans on which runs.
    pub(super) fn lapses(&self) -> Option<Instant> {
        let running = self.taken_together().filter_map(|run| run.guarded.as_deref()?.verdict.until);
        let unfilled = self.unfilled().filter_map(|leans| leans.until);
        let mut ends = running.chain(unfilled).peekable();
        ends.peek()?;
        let now = Instant::now();
        ends.filter(|until| *until > now).min()
    }

    fn leans(&self) -> bool {
        let mut guarded = self.taken_together().filter_map(|run| run.guarded.as_deref());
        guarded.any(|it| !it.bases.is_empty())
    }

    /// Does something that the server works on, or comes to before it next listens,
    /// lean on access that has ended?
    pub(super) fn has_lapsed(&self) -> bool {
        let now = self.proxy.clock.now();
        let mut bases =
            self.taken_together().filter_map(|run| run.guarded.as_deref()).flat_map(|it| &it.bases);
        bases.any(|(basis, column)| !self.permits.holds(basis, column, now))
    }

    /// What is not answered yet, as far as an error would end it: to the end of a
    /// Query, or to a Sync.
    fn taken_together(&self) -> impl Iterator<Item = &Run> {
        let mut is_over = false;
        let entries = self.state.entries().take_while(move |entry| {
            !std::mem::replace(&mut is_over, matches!(entry.kind, Kind::Query | Kind::Sync))
        });
        let replies = entries.map(|entry| &entry.run).filter(|reply| !reply.cut);
        replies.flat_map(|reply| reply.runs.iter().skip(reply.current)).filter(|run| !run.finished)
    }

    /// The end of a statement whose access has ended meanwhile.
    ///
    /// # Errors
    /// It has written: to be told that it failed would be wrong, and how many rows
    /// it changed is not to be told.
    pub(super) fn on_lapsed_end(&mut self, tag: u8, body: &[u8]) -> Result<(), End> {
        if self.current_guarded().is_some_and(|guarded| guarded.only_reads) {
            self.end_reveal()?;
            return self.on_cut_reply(tag, body);
        }
        self.insists = true;
        Err(End::Fault(lapsed().with_hint("It may have been done: look before you ask for access anew.")))
    }

    /// May the server's answer of this kind tell what is not to be known any more?
    pub(super) fn tells_after_end(&mut self, tag: u8) -> bool {
        matches!(tag, tag::COMMAND_COMPLETE | tag::PORTAL_SUSPENDED) && !self.may_reveal()
    }
}

/// What the client is told in the place of what the server says, be it rows or an
/// error: which, is not to be known any more.
pub(super) fn lapsed() -> ClientError {
    ClientError::new(
        sqlstate::INSUFFICIENT_PRIVILEGE,
        "the access that the statement was let in by has ended",
    )
    .with_hint("Run the statement again to see masks, or request access anew.")
}
