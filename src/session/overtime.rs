//! `limits.query_timeout`: a statement that the server works on for longer is
//! cancelled there, and the session goes on.
//!
//! A time is that of one message: from when the server was asked for its
//! answer, or had given the one before, to its last row. The server keeps short
//! answers back until the last statement of a Query or pipeline has run, so
//! these count together. A COPY's data counts:
//! PostgreSQL takes no cancel while it reads from its client
//! (`ProcessClientReadInterrupt` in its `postgres.c`), so such a COPY is failed
//! as its client could. A server that does not let go of a statement ends the
//! session.

use std::time::{Duration, Instant};

use super::relay::{CopyIn, End, Hold, JobDone, Relay};
use crate::error::{ClientError, sqlstate};
use crate::grants::duration;

/// The server may take so long to end what was cancelled.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the server works on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    /// The message's number.
    message: u64,
    since: Instant,
    /// The server was told to end it.
    cancelled: bool,
}

impl Watch {
    fn ends(self, limit: Duration) -> Instant {
        let wait = if self.cancelled { PATIENCE } else { Duration::ZERO };
        self.since + limit + wait
    }
}

impl Relay {
    /// When the statement at hand has run too long.
    pub(super) fn overtime(&self) -> Option<Instant> {
        let watch = self.watch.filter(|_| self.review.is_none());
        watch.map(|watch| watch.ends(self.proxy.config.load().limits.query_timeout))
    }

    /// Was the statement at hand cancelled for its time? What its client is
    /// told then.
    pub(super) fn overtime_error(&self) -> Option<ClientError> {
        self.watch.filter(|watch| watch.cancelled)?;
        let limit = duration::show(self.proxy.config.load().limits.query_timeout);
        let message = format!("canceling statement: it ran longer than limits.query_timeout ({limit})");
        Some(ClientError::new(sqlstate::QUERY_CANCELED, message))
    }

    /// Cancels what has run too long.
    ///
    /// # Errors
    /// The server does not end it.
    pub(super) fn check_time(&mut self) -> Result<(), End> {
        if self.review.is_some() {
            // The answer has come, and waits for bauta: whose it is, is seen then.
            return Ok(());
        }
        let limit = self.proxy.config.load().limits.query_timeout;
        let Some(message) = (!limit.is_zero()).then(|| self.works_on()).flatten() else {
            self.watch = None;
            return Ok(());
        };
        let now = Instant::now();
        let watch = match self.watch {
            Some(watch) if watch.message == message => watch,
            Some(_) | None => Watch { message, since: now, cancelled: false },
        };
        self.watch = Some(watch);
        if now < watch.ends(limit) {
            return Ok(());
        }
        if watch.cancelled {
            return Err(End::Fault(ClientError::new(
                sqlstate::QUERY_CANCELED,
                "terminating connection: the server does not end a statement that ran longer than \
                 limits.query_timeout",
            )));
        }
        self.watch = Some(Watch { cancelled: true, ..watch });
        tracing::info!(session = self.seat.id, "a statement ran longer than limits.query_timeout");
        match (self.copy_in, self.overtime_error()) {
            (CopyIn::On { .. }, Some(error)) if self.is_between_frames() => self.end_copy_in(error),
            _ => self.cancel_running(),
        }
        Ok(())
    }

    /// What the server has been asked to answer.
    fn works_on(&self) -> Option<u64> {
        let waits_for_client = self.state.awaits_flush() && !self.flushed;
        (!self.state.is_quiet() && !waits_for_client).then(|| self.state.answered())
    }

    /// Nothing more goes upstream until the signal was sent, so that it hits
    /// nothing else. A job that runs goes on after that.
    pub(super) fn cancel_running(&mut self) {
        if self.hold.is_none() {
            self.wait_for(Hold::Quiet);
        }
        let (proxy, key, job) = (self.proxy.clone(), self.cancellable.key().clone(), self.job.take());
        self.job = Some(Box::pin(async move {
            proxy.cancel_running(&key).await;
            match job {
                Some(job) => job.await,
                None => JobDone::Cancelled,
            }
        }));
    }
}
