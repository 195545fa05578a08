//! What a statement that runs does to the names of prepared statements and cursors.

use std::sync::Arc;

use bytes::Bytes;

use super::judge::{Judged, MAX_FOLLOWED, Stop, followed_too_far};
use super::lapsed::Leans;
use super::meanwhile::Opened;
use super::relay::{Relay, ShapeRef};
use super::reports::Gate;
use super::savepoints::Savepoint;
use super::state::{Change, Changes, Ending, Form, Known, Lineage, Lookup, Portal, Prepared, Slot};
use crate::sql::StatementKind;
use crate::sql::analysis::Transaction;
use crate::sql::splice::Edit;

/// A statement as it runs.
pub(super) struct Running<'r> {
    /// Which one of a Query.
    pub index: usize,
    pub text: &'r Bytes,
    pub edits: &'r [Edit],
    pub tokens: &'r Arc<[u16]>,
    pub judged: &'r Judged,
}

impl Relay {
    /// What a statement that runs will change in the name spaces.
    pub(super) fn changes(
        &mut self,
        lineage: &Lineage,
        running: &Running<'_>,
        changes: &mut Changes<ShapeRef>,
    ) -> Result<(), Stop> {
        let Some(statement) = lineage.statement() else { return Ok(()) };
        let Running { index, text, edits, tokens, judged } = *running;
        match &statement.kind {
            StatementKind::Prepare { name, .. } => {
                self.room_for_name(name.as_bytes())?;
                let prepared = self.by_sql(lineage, text, edits);
                changes.push((index, Change::SetStatement(name_bytes(name), prepared)));
            }
            StatementKind::DeclareCursor { name, hold, .. } => {
                self.room_for_name(name.as_bytes())?;
                let prepared = self.by_sql(lineage, text, edits);
                let opened = Opened::new(&self.guard, text, &prepared.known);
                let portal = Portal {
                    prepared,
                    hold: *hold,
                    kept: false,
                    is_hushed: judged.gate() == Gate::Closed,
                    tokens: tokens.clone(),
                    leads: None,
                    opened,
                    leans: if *hold { Leans::of(judged) } else { None },
                    weight: None,
                    by_name: true,
                    shape: None,
                };
                changes.push((index, Change::SetPortal(name_bytes(name), portal)));
            }
            StatementKind::Deallocate { name } => {
                let change = match name {
                    Some(name) => Change::RemoveStatement(name_bytes(name)),
                    None => Change::RemoveStatements,
                };
                changes.push((index, change));
            }
            StatementKind::ClosePortal { name } => {
                let change = match name {
                    Some(name) => Change::RemovePortal(name_bytes(name)),
                    None => Change::RemovePortals,
                };
                changes.push((index, change));
            }
            // A Parse message may have named any statement, also one of these.
            StatementKind::Execute { name } => {
                if let Lookup::Found(Slot { value: named, .. }) = self.state.statement(name.as_bytes())
                    && let Known::Analysed(inner) = self.known(&named)?
                {
                    if self.following >= MAX_FOLLOWED {
                        return Err(followed_too_far().into());
                    }
                    let edits = named.form.as_ref().map_or(&[][..], |form| &form.edits);
                    self.following += 1;
                    let running = Running { text: &named.text, edits, ..*running };
                    let followed = self.changes(&inner, &running, changes);
                    self.following -= 1;
                    followed?;
                }
            }
            StatementKind::Transaction(Transaction::Commit) => {
                changes.push((index, Change::End(Ending::Commit)));
            }
            StatementKind::Transaction(Transaction::Rollback) => {
                changes.push((index, Change::End(Ending::Rollback)));
            }
            StatementKind::Transaction(Transaction::RollbackTo) => {
                let back = match Savepoint::read(text) {
                    Some(Savepoint::RollbackTo(name)) => self.state.back_to(Some(&name)),
                    // What the same text did before may have made, or released, it.
                    Some(Savepoint::Make(_) | Savepoint::Release(_)) | None => self.state.back_to(None),
                };
                changes.push((index, Change::End(back)));
            }
            StatementKind::Discard { all: true, .. } => {
                changes.push((index, Change::RemoveStatements));
                changes.push((index, Change::RemovePortals));
            }
            _ => {}
        }
        Ok(())
    }

    fn by_sql(&mut self, lineage: &Lineage, text: &Bytes, edits: &[Edit]) -> Arc<Prepared> {
        let inner = Lineage { inner: true, ..lineage.clone() };
        let may_recode = inner.statement().is_none_or(|statement| statement.may_recode);
        let known = Known::Analysed(inner);
        let weight = Some(self.kept.text(text, &known));
        Arc::new(Prepared {
            text: text.clone(),
            parameter_types: Bytes::new(),
            version: self.guard.version,
            known,
            form: Some(Form { edits: edits.to_vec(), ..Form::default() }),
            by_sql: true,
            may_copy_in: false,
            may_recode,
            misread: self.check_reading(text, self.may_have_set()).is_err(),
            misread_keys: self.may_misread_keys(text),
            weight,
        })
    }
}

fn name_bytes(name: &str) -> Bytes {
    Bytes::copy_from_slice(name.as_bytes())
}
