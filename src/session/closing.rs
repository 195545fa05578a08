//! How a session ends: its client hears why where that is possible, and the
//! server's side is closed with it.

use super::relay::{End, LAST_WORDS, Relay, Revealed};
use super::runs::finish_run;
use crate::error::{ClientError, sqlstate};
use crate::wire::frame::frontend as tag;
use crate::wire::frontend::write_bare;
use crate::wire::report::{self, Severity};

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
        tracing::debug!(?client, ?upstream, session = self.seat.id, "session closed");
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
