//! Relations that the client may change. Between the judgement of a statement
//! and the moment in which the server reads it, such a relation may lose and
//! gain columns: by DDL earlier in the transaction, in another session while
//! the statement waits for a lock, or in a function that it calls. A name that
//! meant one of them may then mean a protected column further out, and what
//! `*` stands for may have other places.
//!
//! Invariant: names and places in what is left hold whatever columns these
//! relations have, and of whatever types. Those of relations that count hold:
//! DDL on them is held up. Not of those that count on writing only, which may gain
//! columns and namesakes as any other.

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
        !self.view && !is_catalogs && !relations.iter().any(|relation| self.is_held(relation))
    }

    /// Is DDL on it held up?
    pub(super) fn is_held(&self, relation: &Relation) -> bool {
        self.facts.counts_on_reading(relation.oid)
            || self.facts.locked_relations.contains_key(&relation.oid)
            || self.facts.protected.keys().any(|id| id.relation == relation.oid)
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

    /// A name in ORDER BY, GROUP BY or DISTINCT ON that is taken for this output,
    /// or else for an input: what it may mean instead must not be protected.
    /// `first`: what is an input of the name, where inputs come first.
    pub(super) fn keeps_meaning(
        &self,
        name: &str,
        output: Option<&Target>,
        first: Option<&Field>,
        scope: &Scope<'_, '_>,
        targets: &[Target],
    ) -> Analysed<()> {
        let is_protected = |flow: &Flow| *flow != Flow::Clean;
        let may_be_it = |target: &&Target| target.name == name || target.is_uncertain();
        let is_other = |target: &&Target| !output.is_some_and(|output| std::ptr::eq(output, *target));
        let mut others = targets.iter().filter(|target| may_be_it(target) && is_other(target));
        let changes = match (output, first) {
            (None, Some(input)) if !input.is_uncertain() => false,
            (None, _) => others.any(|target| is_protected(&target.value.flow)),
            (Some(output), first) if !output.is_uncertain() => {
                first.is_some_and(|input| is_protected(&input.flow))
            }
            (Some(_), _) => {
                is_protected(&scope.carried(name)) || others.any(|target| is_protected(&target.value.flow))
            }
        };
        match changes && !self.view {
            true => {
                self.refuse("what this name means is not certain: qualify it, or name the output with AS", -1)
            }
            false => Ok(()),
        }
    }

    /// Where the places of a statement's own outputs may shift, the server's
    /// description must show that they have not: which column each of `*` is.
    pub(super) fn witnessed(&self, targets: &[Target]) -> Analysed<Vec<(usize, ColumnId)>> {
        // As many columns as are known come back: one moves only if others come or
        // go both before and behind it.
        let moving = targets.iter().position(Target::moves).unwrap_or(targets.len());
        let mut behind = targets.iter().skip(moving).skip_while(|target| target.value.is_clean());
        if !behind.any(Target::moves) {
            return Ok(Vec::new());
        }
        let loose = targets.iter().enumerate().filter(|(_, target)| target.loose);
        let known = loose.map(|(place, target)| {
            let origin = target.value.origin.filter(|origin| origin.own)?;
            // One of several columns: which is not known.
            if self.meanings.several(origin.reference).is_some() {
                return None;
            }
            Some((place, ColumnId { relation: origin.relation, attribute: origin.attribute }))
        });
        match known.collect::<Option<Vec<_>>>() {
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

/// Names the first columns. If another goes from before it or comes there, one of
/// them is another than it was, and one behind them may get one of these names
/// and lose its own.
pub(super) fn take_names(fields: &mut [Field], names: impl IntoIterator<Item = String>) {
    let mut names = names.into_iter().peekable();
    let is_list = names.peek().is_some();
    let mut may_go = false;
    for field in fields {
        may_go |= is_list && (field.loose || field.shifts);
        match names.next() {
            Some(name) => {
                field.name = name;
                field.unsure = false;
                if may_go {
                    field.type_oid = None;
                    field.origin = None;
                    field.listed = None;
                    field.is_null = false;
                    field.null_with.clear();
                }
            }
            None => field.unsure |= may_go,
        }
    }
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
