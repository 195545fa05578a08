//! A name without a schema counts as every relation of that name. Where one of
//! these is protected and another is not, its schema's name makes the
//! difference, and people should be told so.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Classifier;
use crate::catalog::snapshot::{Relation, RelationKind};

/// Names that one hint gives.
const GIVEN: usize = 3;

impl Classifier<'_> {
    /// Relations with nothing protected that the counted names could mean.
    pub(super) fn namesakes(&self) -> Vec<String> {
        let mut found: BTreeSet<String> = BTreeSet::new();
        for name in self.names.iter().filter(|name| !self.is_qualified(name)) {
            let Some(spelled) = self.text.get(name.clone()) else { continue };
            let folded = spelled.to_ascii_lowercase();
            let relations = self.guard.snapshot.relations_named(&folded);
            found.extend(relations.filter(|relation| self.is_open(relation)).map(Relation::qualified));
        }
        found.into_iter().take(GIVEN).collect()
    }

    fn is_open(&self, relation: &Relation) -> bool {
        let is_read = match relation.kind {
            RelationKind::Table
            | RelationKind::PartitionedTable
            | RelationKind::View
            | RelationKind::MaterializedView
            | RelationKind::ForeignTable => true,
            RelationKind::Sequence | RelationKind::Other => false,
        };
        is_read && !relation.is_temporary() && !self.guard.counted_relations.contains(&relation.oid)
    }

    fn is_qualified(&self, name: &Range<usize>) -> bool {
        let before = self.text.get(..name.start).unwrap_or_default();
        before.trim_end_matches('"').trim_end().ends_with('.')
    }
}
