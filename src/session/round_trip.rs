//! How long the server takes to begin its answer, for the metrics: from the
//! last bytes that were sent to it to the first ones that come back.

use std::time::Instant;

use crate::telemetry::metric::Timing;

/// Of one session.
pub(super) struct RoundTrip {
    /// None: it was asked nothing since it last said something.
    asked: Option<Instant>,
    times: Timing,
}

impl RoundTrip {
    /// `times`: where all sessions' are counted.
    pub fn new(times: Timing) -> Self {
        Self { asked: None, times }
    }

    /// All that was queued for the server is on its way.
    pub fn asked(&mut self) {
        self.asked = Some(Instant::now());
    }

    /// Bytes came from the server.
    pub fn answered(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.times.observe(asked.elapsed());
        }
    }
}
