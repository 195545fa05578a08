//! What a statement that runs does to the names of prepared statements and cursors.

use std::sync::Arc;

use bytes::Bytes;

use super::judge::{MAX_FOLLOWED, Stop, followed_too_far};
use super::relay::{Relay, ShapeRef};
use super::state::{Form, Known, Lineage, Lookup, MAX_NAMES, Portal, Prepared, Slot, Undo, Undos};
use crate::error::{ClientError, sqlstate};
use crate::sql::StatementKind;
use crate::sql::splice::Edit;

impl Relay {
    /// Registers what a statement that runs will change in the name spaces.
    pub(super) fn register(
        &mut self,
        lineage: &Lineage,
        index: usize,
        text: &Bytes,
        edits: &[Edit],
        tokens: &Arc<[u16]>,
        undo: &mut Undos<ShapeRef>,
    ) -> Result<(), Stop> {
        let Some(statement) = lineage.statement() else { return Ok(()) };
        match &statement.kind {
            StatementKind::Prepare { name, .. } => {
                self.room_for_name()?;
                let prepared = self.by_sql(lineage, text, edits);
                undo.push((index, self.state.set_statement(name_bytes(name), prepared)));
            }
            StatementKind::DeclareCursor { name, hold, .. } => {
                self.room_for_name()?;
                let prepared = self.by_sql(lineage, text, edits);
                let portal = Portal {
                    prepared,
                    hold: *hold,
                    kept: false,
                    tokens: tokens.clone(),
                    leads: None,
                    shape: None,
                };
                undo.push((index, self.state.set_portal(name_bytes(name), portal)));
            }
            StatementKind::Deallocate { name } => {
                let done = match name {
                    Some(name) => self.state.remove_statement(name.as_bytes()),
                    None => Some(self.state.remove_statements()),
                };
                undo.extend(done.map(|done| (index, done)));
            }
            StatementKind::ClosePortal { name } => {
                let done = match name {
                    Some(name) => self.state.remove_portal(name.as_bytes()),
                    None => Some(self.state.remove_portals()),
                };
                undo.extend(done.map(|done| (index, done)));
            }
            // A Parse message may have named any statement, also one of these.
            StatementKind::Execute { name } => {
                if let Lookup::Found(Slot { value: named, .. }) = self.state.statement(name.as_bytes())
                    && let Known::Analysed(inner) = self.known(&named).map_err(Stop::Hold)?
                {
                    if self.following >= MAX_FOLLOWED {
                        return Err(followed_too_far().into());
                    }
                    let edits = named.form.as_ref().map_or(&[][..], |form| &form.edits);
                    self.following += 1;
                    let registered = self.register(&inner, index, &named.text, edits, tokens, undo);
                    self.following -= 1;
                    registered?;
                }
            }
            StatementKind::Discard { all: true, .. } => {
                let statements: Undo<_> = self.state.remove_statements();
                undo.push((index, statements));
                undo.push((index, self.state.remove_portals()));
            }
            _ => {}
        }
        Ok(())
    }

    fn by_sql(&self, lineage: &Lineage, text: &Bytes, edits: &[Edit]) -> Arc<Prepared> {
        let inner = Lineage { inner: true, ..lineage.clone() };
        Arc::new(Prepared {
            text: text.clone(),
            parameter_types: Bytes::new(),
            version: self.guard.version,
            known: Known::Analysed(inner),
            form: Some(Form { edits: edits.to_vec(), ..Form::default() }),
            by_sql: true,
            may_copy_in: false,
            may_recode: true,
        })
    }

    pub(super) fn room_for_name(&self) -> Result<(), Stop> {
        if self.state.names() < MAX_NAMES {
            return Ok(());
        }
        let error = ClientError::new(
            sqlstate::PROGRAM_LIMIT_EXCEEDED,
            "too many prepared statements and portals in this session",
        );
        Err(error.with_hint("DEALLOCATE and CLOSE what is no longer used.").into())
    }
}

fn name_bytes(name: &str) -> Bytes {
    Bytes::copy_from_slice(name.as_bytes())
}
