//! Relations that the client may change. Between the judgement of a statement
//! and the moment in which the server reads it, such a relation may lose and
//! gain columns: by DDL earlier in the transaction, in another session while
//! the statement waits for a lock, or in a function that it calls. A name that
//! meant one of them may then mean a protected column further out, and what
//! `*` stands for may have other places.
//!
//! Invariant: names and places in what is left hold whatever columns these
//! relations have, and of whatever types. Those of relations that count hold:
//! DDL on them is held up.

use pg_query::protobuf::RangeVar;

use super::query::Target;
use super::scope::{Field, Scope};
use super::value::{mixed, unite};
use super::{Analysed, Walk};
use crate::catalog::ColumnId;
use crate::catalog::snapshot::Relation;
use crate::sql::analysis::Flow;

impl Walk<'_> {
    /// May the client change what the name stands for? A name that counts is
    /// not the client's to make, in any schema.
    pub(super) fn may_change(&self, named: &RangeVar, relations: &[&Relation]) -> bool {
        let is_catalogs = matches!(named.schemaname.as_str(), "pg_catalog" | "information_schema");
        let is_held = |relation: &&Relation| {
            self.facts.counted_relations.contains(&relation.oid)
                || self.facts.locked_relations.contains_key(&relation.oid)
                || self.facts.protected.keys().any(|id| id.relation == relation.oid)
        };
        !self.view && !is_catalogs && !relations.iter().any(is_held)
    }

    /// Refuses where places in a list of columns decide what is protected.
    pub(super) fn keeps_places<'t>(
        &self,
        columns: impl IntoIterator<Item = (&'t Flow, bool)>,
    ) -> Analysed<()> {
        match shifts(columns) {
            true => self.refuse(UNCERTAIN, -1),
            false => Ok(()),
        }
    }

    /// An item of ORDER BY or GROUP BY that is the input, or else the output:
    /// if its relation loses the one, the name must not mean something
    /// protected.
    pub(super) fn keeps_meaning(
        &self,
        input: Option<&Field>,
        output: Option<&Target>,
        scope: &Scope<'_, '_>,
        targets: &[Target],
    ) -> Analysed<()> {
        let is_protected = |flow: &Flow| *flow != Flow::Clean;
        let changes = match (input, output) {
            (Some(input), Some(output)) => input.loose && is_protected(&output.value.flow),
            (None, Some(output)) if output.loose && output.value.is_clean() => {
                let moving = targets.iter().any(|target| target.loose && is_protected(&target.value.flow));
                moving || scope.column(&output.name).is_some_and(|field| is_protected(&field.flow))
            }
            _ => false,
        };
        match changes {
            true => self.refuse("what this name means may change before the statement runs: qualify it", -1),
            false => Ok(()),
        }
    }

    /// Where the places of a statement's own outputs may shift, the server's
    /// description must show that they have not: which column each of `*` is.
    pub(super) fn witnessed(&self, targets: &[Target]) -> Analysed<Vec<(usize, ColumnId)>> {
        if !moves_unnoticed(targets) {
            return Ok(Vec::new());
        }
        let loose = targets.iter().enumerate().filter(|(_, target)| target.loose);
        let known = loose.map(|(place, target)| {
            let origin = target.value.origin?;
            Some((place, ColumnId { relation: origin.relation, attribute: origin.attribute }))
        });
        match known.collect::<Option<Vec<_>>>().filter(|_| self.choices.is_empty()) {
            Some(known) => Ok(known),
            None => self.refuse(UNCERTAIN, -1),
        }
    }
}

const UNCERTAIN: &str = "which columns * stands for may change before the statement runs: name them";

/// Can a protected column move to another place?
fn shifts<'t>(columns: impl IntoIterator<Item = (&'t Flow, bool)>) -> bool {
    let mut loose = false;
    columns.into_iter().any(|(flow, is_loose)| {
        let moves = loose && *flow != Flow::Clean;
        loose |= is_loose;
        moves
    })
}

/// Could a protected output move while there are as many as before? One is lost
/// before it, then, and another comes behind it.
fn moves_unnoticed(targets: &[Target]) -> bool {
    let first = targets.iter().position(|target| target.loose);
    let last = targets.iter().rposition(|target| target.loose);
    let (Some(first), Some(last)) = (first, last) else { return false };
    targets.iter().take(last.saturating_add(1)).skip(first.saturating_add(1)).any(|t| !t.value.is_clean())
}

/// The columns of a query, for those who name them. After a set operation, a
/// name that a `*` gave may stand at another place.
pub(super) fn fields_of(targets: &[Target]) -> Vec<Field> {
    let moving = mixed(targets.iter().filter(|target| target.loose).map(|target| &target.value.flow));
    let mut fields: Vec<Field> = targets.iter().map(Target::field).collect();
    if moving != Flow::Clean {
        for field in fields.iter_mut().filter(|field| field.loose) {
            field.flow = unite(&field.flow, &moving);
        }
    }
    fields
}
