//! Parse, Bind, Describe, Execute, Close: what each becomes.
//!
//! A statement that touches nothing protected passes as it is. Another is
//! parsed upstream in the form that is allowed at the time; Bind judges it
//! again and, where the form no longer fits, has it parsed anew, unseen;
//! Execute judges it once more, and is refused where the portal holds more
//! than is allowed by then. After each such Bind bauta asks for the portal's
//! description itself, so types and origins are known before any row.

mod bind;
pub(super) mod execute;
mod parse;

use std::sync::Arc;

use bytes::Bytes;

use super::judge::Stop;
use super::relay::{End, Hold, Relay, ShapeRef, Step};
use super::reports::Gate;
use super::runs::{Audience, Reply, ShownParameters};
use super::state::{Change, Entry, Kind, Known, Lineage, Lookup, Portal, Prepared, Slot};
use super::unheld::Unheld;
use crate::sql::StatementKind;
use crate::wire::frontend::Target;

impl Relay {
    fn find_statement(&self, name: &[u8]) -> Result<Option<Slot<Arc<Prepared>>>, Stop> {
        match self.state.statement(name) {
            Lookup::Found(slot) => Ok(Some(slot)),
            Lookup::Missing => Ok(None),
            Lookup::Wait => Err(Stop::Hold(Hold::Quiet)),
        }
    }

    fn find_portal(&self, name: &[u8]) -> Result<Option<Slot<Portal<ShapeRef>>>, Stop> {
        match self.state.portal(name) {
            Lookup::Found(slot) => Ok(Some(slot)),
            Lookup::Missing => Ok(None),
            Lookup::Wait => Err(Stop::Hold(Hold::Quiet)),
        }
    }

    /// The message waits, or is refused.
    fn stopped(&mut self, stop: Stop) -> Step {
        match stop {
            Stop::Hold(hold) => Step::Wait(hold),
            Stop::Refuse(refusal) => {
                self.refuse_step(refusal.error);
                Step::Done
            }
        }
    }

    pub(super) fn on_describe(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let target = Target::read(body)?;
        if let Err(stop) = self.check_spelling(target.name()) {
            return Ok(self.stopped(stop));
        }
        let (kind, found) = match target {
            Target::Statement(name) => {
                (Kind::DescribeStatement, self.find_statement(name).map(|slot| slot.map(|slot| slot.value)))
            }
            Target::Portal(name) => (
                Kind::DescribePortal,
                self.find_portal(name).map(|slot| slot.map(|slot| slot.value.prepared)),
            ),
        };
        let found = match found {
            Ok(found) => found,
            Err(Stop::Hold(hold)) => return Ok(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => return Err(End::Fault(refusal.error)),
        };
        if let (Target::Statement(name), Some(prepared)) = (target, &found)
            && prepared.form.is_none()
        {
            return self.describe_lost(name, prepared.clone());
        }
        if found.is_none() && matches!(target, Target::Portal(b"")) {
            self.close_unheld(Unheld::Portal(Bytes::new()));
        }
        self.upstream.queue(frame);
        // A description shows no values, so one of something unknown may pass.
        let mut reply = Reply::new(Audience::Client);
        if let Some(prepared) = found {
            reply.watch = match &prepared.known {
                Known::Harmless => true,
                Known::Analysed(lineage) => !wants_shape(lineage),
                Known::Own(_) | Known::Naming(_) => false,
            };
            if touches(&prepared) && !self.observes() {
                reply.gate = Gate::Closed;
            }
            reply.parameters =
                prepared.form.as_ref().and_then(|form| form.own).map(|count| {
                    Box::new(ShownParameters { count, declared: prepared.parameter_types.clone() })
                });
        }
        self.expect(Entry::new(kind, reply));
        Ok(Step::Done)
    }

    /// The server lost its copy when parsing it anew failed: once more.
    fn describe_lost(&mut self, name: &[u8], prepared: Arc<Prepared>) -> Result<Step, End> {
        match self.parse_again(name, prepared) {
            Ok(()) => Ok(Step::Wait(Hold::Quiet)),
            Err(stop) => Ok(self.stopped(stop)),
        }
    }

    pub(super) fn on_close(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let target = Target::read(body)?;
        if let Err(stop) = self.check_spelling(target.name()) {
            return Ok(self.stopped(stop));
        }
        let change = match target {
            Target::Statement(name) => Change::RemoveStatement(Bytes::copy_from_slice(name)),
            Target::Portal(name) => Change::RemovePortal(Bytes::copy_from_slice(name)),
        };
        self.upstream.queue(frame);
        self.expect(Entry::new(Kind::Close, Reply::new(Audience::Client)).with_change(change));
        Ok(Step::Done)
    }
}

pub(super) fn copy_of(prepared: &Prepared) -> Prepared {
    Prepared {
        text: prepared.text.clone(),
        parameter_types: prepared.parameter_types.clone(),
        version: prepared.version,
        known: prepared.known.clone(),
        form: prepared.form.clone(),
        by_sql: prepared.by_sql,
        may_copy_in: prepared.may_copy_in,
        may_recode: prepared.may_recode,
        misread: prepared.misread,
        misread_keys: prepared.misread_keys,
        weight: prepared.weight.clone(),
    }
}

/// Rows of this statement are looked at.
fn wants_shape(lineage: &Lineage) -> bool {
    lineage.statement().is_some_and(|statement| {
        statement.outputs.is_some()
            || matches!(statement.kind, StatementKind::Execute { .. } | StatementKind::Fetch { .. })
    })
}

fn touches(prepared: &Prepared) -> bool {
    match &prepared.known {
        Known::Harmless | Known::Own(_) | Known::Naming(_) => false,
        Known::Analysed(lineage) => lineage.statement().is_none_or(|statement| statement.touches_protected),
    }
}
