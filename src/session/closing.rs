//! How a session ends: its client hears why where that is possible, and the
//! server's side is closed with it.

use std::time::{Duration, Instant};

use super::relay::{End, LAST_WORDS, Relay, Revealed};
use super::runs::finish_run;
use crate::error::{ClientError, sqlstate};
use crate::wire::frame::frontend as tag;
use crate::wire::frontend::write_bare;
use crate::wire::report::{self, Severity};

/// How long the server is told again to end what it runs.
const INSISTENCE: Duration = Duration::from_secs(10);

/// How long it is waited for each time.
const MOMENT: Duration = Duration::from_millis(50);

impl Relay {
    /// Ends both connections. Says why to the client where that is possible.
    pub(super) async fn close(&mut self, end: &End) {
        // A frame that was passed on in part can't be followed by another.
        let between_frames = self.upstream_pass == 0;
        let said = match end {
            End::Fault(error) => Some(error.clone()),
            End::Server => Some(ClientError::new(
                sqlstate::CONNECTION_FAILURE,
                "server closed the connection unexpectedly",
            )),
            End::Client | End::Broken(_) => None,
        };
        self.drop_revealed();
        if let Some(error) = said.filter(|_| between_frames) {
            report::put(self.client.output(), Severity::Fatal, &error);
        }
        let running = !self.state.is_quiet();
        let code = match end {
            End::Fault(error) => error.code.to_string(),
            End::Client | End::Server | End::Broken(_) => sqlstate::CONNECTION_FAILURE.to_owned(),
        };
        while let Some((_, mut reply)) = self.state.complete() {
            for run in &mut reply.runs {
                finish_run(&self.proxy.audit, &self.who, run, Some(&code));
            }
        }
        if !matches!(end, End::Server) {
            if running && self.insists {
                // A function can catch a cancel, and go on at once; the end of its
                // backend it can't.
                let ended = self.proxy.end_backend(self.cancellable.key(), &self.who);
                let _ = tokio::time::timeout(LAST_WORDS, ended).await;
            }
            if running {
                // A query must not go on for nobody.
                self.proxy.cancel(self.cancellable.key()).await;
            }
            self.upstream.output().clear();
            write_bare(tag::TERMINATE, self.upstream.output());
        }
        let words = tokio::time::timeout(LAST_WORDS, self.client.close());
        let bye = tokio::time::timeout(LAST_WORDS, self.upstream.close());
        let (client, upstream) = tokio::join!(words, bye);
        if running && self.insists {
            self.insist().await;
        }
        tracing::debug!(?client, ?upstream, session = self.seat.id, "session closed");
    }

    /// Tells the server to end what it runs, until it has.
    async fn insist(&mut self) {
        let begun = Instant::now();
        while !self.has_closed().await && begun.elapsed() < INSISTENCE {
            self.proxy.cancel_running(self.cancellable.key()).await;
        }
    }

    /// Has the server closed its side, after a moment?
    async fn has_closed(&mut self) -> bool {
        let closed = async {
            loop {
                self.upstream.input.clear();
                if !matches!(self.upstream.fill().await, Ok(1..)) {
                    break;
                }
            }
        };
        tokio::time::timeout(MOMENT, closed).await.is_ok()
    }

    /// The parts of a session's input and output that an error must not mix with.
    pub(super) fn drop_revealed(&mut self) {
        if self.revealed.size == 0 {
            return;
        }
        let queued = self.client.queued();
        let written = self.revealed.size.saturating_sub(queued);
        // The row that is half written is completed.
        let keep = self.revealed.ends.iter().copied().find(|end| *end >= written).unwrap_or(written);
        self.client.output().truncate(keep.saturating_sub(written));
        self.revealed = Revealed::default();
    }
}
