//! A name without a schema counts as every relation of that name. Where one of
//! these is protected and another is not, its schema's name makes the
//! difference, and people should be told so.

use std::collections::BTreeSet;
use std::ops::Range;

use smallvec::SmallVec;

use super::Classifier;
use crate::catalog::mentions::qualified;
use crate::catalog::snapshot::{Relation, RelationKind};

/// Names that one hint gives.
pub(super) const GIVEN: usize = 3;

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

    /// Is it written with the schema of a relation that has nothing protected, and
    /// so means that one? What can't be told from the text alone does not.
    pub(super) fn is_elsewhere(&self, name: &Range<usize>) -> bool {
        self.qualified(name).is_some_and(|(schema, name)| self.is_open_name(&schema, &name))
    }

    /// The same of a name in the text of a function, which may be in a literal.
    pub(super) fn is_elsewhere_in(&self, body: &str, name: &Range<usize>) -> bool {
        qualified(body, name).is_some_and(|(schema, name)| self.is_open_name(&schema, &name))
    }

    fn is_open_name(&self, schema: &str, name: &str) -> bool {
        let snapshot = &self.guard.snapshot;
        let opaque = snapshot.functions_by_name.get(name).into_iter().flatten().any(|oid| {
            let is_there = |oid| snapshot.functions.get(oid).is_some_and(|found| &*found.schema == schema);
            self.guard.opaque_functions.contains(oid) && is_there(oid)
        });
        let relation = snapshot.relation(schema, name);
        relation.is_some_and(|relation| {
            let protected = self.guard.protected.keys().any(|column| column.relation == relation.oid);
            self.is_open(relation) && !protected && !opaque
        })
    }

    /// The schema that is written in front of the name, and the name, as
    /// PostgreSQL reads them. None: there is none, or more than a schema.
    fn qualified(&self, name: &Range<usize>) -> Option<(String, String)> {
        match self.written_before(name).as_slice() {
            [_, ".", _, ".", ..] => None,
            [name, ".", schema, ..] => Some((identifier(schema)?, identifier(name)?)),
            _ => None,
        }
    }

    /// The name's token, and those in front of it that may belong to it, from the
    /// last to the first.
    fn written_before(&self, name: &Range<usize>) -> SmallVec<[&str; 4]> {
        let tokens = self.tokens.back_from(name.start).take(4);
        tokens.filter_map(|at| self.text.get(at)).collect()
    }

    fn is_qualified(&self, name: &Range<usize>) -> bool {
        matches!(self.written_before(name).as_slice(), [_, ".", ..])
    }
}

/// An identifier as PostgreSQL reads it, unless it is written with escapes or
/// other letters.
fn identifier(token: &str) -> Option<String> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => (!quoted.contains('"')).then(|| quoted.to_owned()),
        None => token.bytes().all(is_letter).then(|| token.to_ascii_lowercase()),
    }
}
