//! `WHERE CURRENT OF`: which row a statement changes, an open cursor chose.
//!
//! The statement names nothing of what its cursor looked at. So what chose the
//! cursor's rows needs the right to export, as if it stood in the statement.

use std::sync::Arc;

use super::judge::{Refusal, Stop};
use super::relay::Relay;
use super::state::Prepared;
use super::tokens::{Handed, Keys};
use crate::error::{ClientError, sqlstate};
use crate::policy::decide::{self, Decision};
use crate::sql::Statement;
use crate::sql::analysis::{Use, UseKind};

impl Relay {
    /// May rows be changed that the open cursors chose?
    pub(super) fn check_cursors(&mut self) -> Result<(), Stop> {
        self.need_quiet()?;
        if self.observes() {
            return Ok(());
        }
        let open: Vec<(Arc<Prepared>, Arc<[u16]>)> =
            self.state.portals().map(|portal| (portal.prepared.clone(), portal.tokens.clone())).collect();
        for (prepared, tokens) in open {
            let known = self.known(&prepared)?;
            if let Some(chosen) = known.statement().and_then(choosing) {
                self.check_chosen(&chosen, &prepared, Handed::kept(&tokens))?;
            }
        }
        Ok(())
    }

    fn check_chosen(
        &mut self,
        chosen: &Statement,
        prepared: &Prepared,
        handed: Handed<'_>,
    ) -> Result<(), Stop> {
        self.fresh_permits();
        let (now, exempt) = (self.proxy.clock.now(), self.permits.exempt());
        let keys = self.proxy.keys.load_full();
        let tokens = Keys::new(&keys, self.settings.encoding_of_tokens(), handed);
        match decide::decide_with(chosen, &*self.permits, exempt, now, &tokens) {
            Decision::Run(verdict) if prepared.holds_no_more_than(&verdict.edits) => Ok(()),
            Decision::Run(_) => Err(ClientError::new(
                sqlstate::INSUFFICIENT_PRIVILEGE,
                "permission denied: an open cursor orders its rows by a protected value",
            )
            .with_hint("Close it, or ask for access with the right to export.")
            .into()),
            Decision::Refuse { error, columns, lacking } => {
                Err(Stop::Refuse(Refusal { error, columns, lacking }))
            }
        }
    }
}

/// What chose the rows of a cursor, as if it were to be kept. None: nothing
/// protected did.
fn choosing(cursor: &Statement) -> Option<Statement> {
    let mut chosen = cursor.clone();
    chosen.outputs = None;
    chosen.readings.clear();
    let shows = |kind| {
        matches!(kind, UseKind::Expression | UseKind::WholeRow | UseKind::MinMax | UseKind::Statistics)
    };
    chosen.uses.retain(|use_| use_.needs >= Use::CHOOSING && !shows(use_.kind));
    chosen.uses.iter_mut().for_each(|use_| use_.export = true);
    (!chosen.uses.is_empty()).then_some(chosen)
}
