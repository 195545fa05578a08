//! What a primary key in GROUP BY determines. Where a table's key is grouped
//! by, its other columns tell no rows apart, and PostgreSQL does not even look
//! at them: `remove_useless_groupby_columns` of its planner drops them, always,
//! so that neither groups nor their order depend on them. Nothing of the kind
//! is done for DISTINCT and windows, whose sorts and hashes see each column.
//!
//! Invariant: two values with the same [`Origin::reference`] are columns of one
//! table in the FROM of the query at hand.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::Walk;
use super::scope::Field;
use super::value::Value;
use crate::catalog::Oid;
use crate::catalog::snapshot::{Relation, RelationKind};
use crate::sql::analysis::{Flow, UseKind};

/// Which column of which table reference a value is, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The place in FROM: each mention of a table is one of its own.
    pub reference: u32,
    pub relation: Oid,
    pub attribute: i16,
}

impl Walk<'_> {
    /// Gives the columns of one table in FROM their origin.
    pub(super) fn with_origins(&mut self, mut fields: Vec<Field>, relations: &[&Relation]) -> Vec<Field> {
        let [relation] = relations else { return fields };
        self.references = self.references.saturating_add(1);
        let reference = self.references;
        for (field, column) in fields.iter_mut().zip(&relation.columns) {
            field.origin = Some(Origin { reference, relation: relation.oid, attribute: column.attribute });
        }
        fields
    }

    /// GROUP BY without grouping sets: what a key among the items determines
    /// needs nothing. What is left parts the rows.
    pub(super) fn same_groups(&mut self, items: &[(Value, Range<usize>)]) -> Vec<Flow> {
        let mut parting = Vec::with_capacity(items.len());
        let determined = self.determined(items.iter().map(|(value, _)| value));
        for (value, span) in items {
            match value.origin {
                Some(origin) if determined.contains(&origin.reference) && !self.is_key(&origin) => {}
                _ => {
                    self.same_values(value, UseKind::Grouping, span.clone());
                    parting.push(self.parting(value));
                }
            }
        }
        parting
    }

    /// The table references whose whole primary key is among the values. An
    /// explicit or nondeterministic collation holds different keys equal.
    fn determined<'v>(&self, values: impl Iterator<Item = &'v Value>) -> HashSet<u32> {
        let mut present: HashMap<u32, (Oid, HashSet<i16>)> = HashMap::new();
        for origin in values.filter(|value| !value.collated).filter_map(|value| value.origin) {
            let entry = present.entry(origin.reference).or_insert((origin.relation, HashSet::new()));
            entry.1.insert(origin.attribute);
        }
        let whole = present.into_iter().filter(|(_, (relation, attributes))| {
            self.primary_key(*relation)
                .is_some_and(|key| key.iter().all(|column| attributes.contains(column)))
        });
        whole.map(|(reference, _)| reference).collect()
    }

    fn is_key(&self, origin: &Origin) -> bool {
        self.primary_key(origin.relation).is_some_and(|key| key.contains(&origin.attribute))
    }

    /// The key that no two rows of the table share at any moment. Children by
    /// inheritance have keys of their own, so their parent has none.
    fn primary_key(&self, relation: Oid) -> Option<&[i16]> {
        let snapshot = self.facts.snapshot;
        let table = snapshot.relations.get(&relation)?;
        let alone = match table.kind {
            RelationKind::PartitionedTable => true,
            RelationKind::Table => {
                !snapshot.relations.values().any(|other| other.parents.contains(&relation))
            }
            RelationKind::View
            | RelationKind::MaterializedView
            | RelationKind::ForeignTable
            | RelationKind::Sequence
            | RelationKind::Other => false,
        };
        let key = table.constraints.iter().find(|constraint| constraint.is_primary)?;
        (alone && !key.columns.is_empty()).then_some(key.columns.as_slice())
    }
}
