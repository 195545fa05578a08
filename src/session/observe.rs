//! `mode = "observe"`: statements run as they came, and the log says what
//! would have become of them.
//!
//! Invariant: nothing of a decision is applied, and the record says so. What
//! guards the proxy itself (limits, logins, the protocol, an audit log that
//! can't be written) holds as ever.

use std::borrow::Cow;
use std::sync::Arc;

use super::judge::{Judged, Refusal, Stop};
use super::relay::Relay;
use super::state::Lineage;
use super::unheld::Unheld;
use crate::audit::record::Observed;
use crate::config::Mode;
use crate::policy::decide::{ColumnDecision, Verdict};

impl Relay {
    /// Does nothing of what is decided happen?
    pub(super) fn observes(&self) -> bool {
        self.proxy.config.load().defaults.mode == Mode::Observe
    }

    /// What was judged, or what it would have been.
    pub(super) fn observed(
        &mut self,
        lineage: &Lineage,
        judged: Result<Judged, Stop>,
    ) -> Result<Judged, Stop> {
        let Some(statement) = lineage.statement() else { return judged };
        match judged {
            Err(Stop::Refuse(Refusal { error, columns, .. })) => {
                self.ran_refused = true;
                let judged = self.judged(statement, untouched(columns), true);
                Ok(Judged { observed: Some(Observed { would_refuse: Some(error.code) }), ..judged })
            }
            Ok(judged) if judged.must_fail() => {
                Ok(Judged { observed: judged.unheld().map(run_unheld), ..Judged::plain() })
            }
            judged => judged,
        }
    }

    /// [`check_reading`](Self::check_reading), whose refusal is only noted.
    pub(super) fn observed_reading(
        &self,
        text: &[u8],
        may_have_set: bool,
    ) -> Result<Option<Cow<'static, str>>, Stop> {
        match self.check_reading(text, may_have_set) {
            Ok(()) => Ok(None),
            Err(Stop::Refuse(refusal)) if self.observes() => Ok(Some(refusal.error.code)),
            Err(stop) => Err(stop),
        }
    }
}

/// It names what bauta has not seen made: it would have found nothing.
pub(super) fn run_unheld(unheld: &Unheld) -> Observed {
    Observed { would_refuse: Some(unheld.sqlstate().into()) }
}

/// A verdict that changes nothing.
pub(super) fn untouched(columns: Vec<ColumnDecision>) -> Verdict {
    Verdict { columns, full_grant: true, ..Verdict::default() }
}

/// What an intent says of decisions that were not applied.
pub(super) fn noted(observe: bool, columns: &Arc<[ColumnDecision]>) -> Option<Observed> {
    (observe && !columns.is_empty()).then(Observed::default)
}
