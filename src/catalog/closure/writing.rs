//! Relations that hold and show nothing protected, but to which a write sets off what
//! does: a table whose trigger may read or write protected data, one from which a
//! foreign key's action goes on into a protected table. They count on writing only.
//!
//! Who reads one runs no trigger and no action of a key, whatever a view, a
//! function or a policy reads it for. So of what names it, what may write to it
//! counts, and nothing else. Invariant: what may write to one, under any name and
//! through whatever it calls, is found by its words here, or counts by itself since
//! it builds SQL, or since it names another that counts.

use std::collections::HashSet;

use super::{Closure, Item, written_from};
use crate::catalog::Oid;
use crate::catalog::mentions::Text;
use crate::catalog::relied::may_write;
use crate::catalog::snapshot::{Relation, RelationKind};
use crate::sql::updatable::may_be_written_through;

/// What a thing counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// A relation to which a write sets something off; a function that writes to one,
    /// and reads nothing protected itself.
    OnWriting,
    OnAnyUse,
}

/// What counts on writing only. Calls of the functions are refused all the same: what
/// they set off nobody sees.
#[derive(Debug, Default)]
pub struct OnWriting {
    pub relations: HashSet<Oid>,
    pub functions: HashSet<Oid>,
}

impl Closure<'_> {
    /// Is it new that the relation counts so?
    pub(super) fn count(&mut self, oid: Oid, counts: Counts) -> bool {
        let is_new = self.counted.relations.insert(oid);
        count_in(&mut self.counted.on_writing.relations, oid, counts, is_new)
    }

    pub(super) fn count_function(&mut self, oid: Oid, counts: Counts) -> bool {
        let is_new = self.counted.functions.insert(oid);
        count_in(&mut self.counted.on_writing.functions, oid, counts, is_new)
    }

    /// Relations to which a write sets something off. Where protected keys lead to
    /// their rows, reading shows which of these are locked.
    pub(super) fn add_written(&mut self, relations: impl IntoIterator<Item = Oid>) {
        for oid in relations {
            let counts = match self.traced.contains(&oid) {
                true => Counts::OnAnyUse,
                false => Counts::OnWriting,
            };
            self.add(Item::Relation(oid), counts);
        }
    }

    /// What may write to a relation that counts on writing.
    pub(super) fn follow_written(&mut self, oid: Oid) {
        let Some(relation) = self.snapshot.relations.get(&oid) else { return };
        let readers = self.links.relation_readers.get(&oid).into_iter().flatten();
        let readers = readers.filter_map(|reader| self.snapshot.relations.get(reader));
        let leading: Vec<Oid> = readers.filter(|it| leads_on(it, oid)).map(|it| it.oid).collect();
        self.add_written(leading);
        self.add_written(relation.parents.iter().copied());
        self.add_written(written_from(relation));
        let named = self.links.mentions.of_relation(relation, self.snapshot).into_iter();
        let named = named.filter_map(|text| match text {
            Text::Function(function) => Some(function),
            // What a view reads is recorded.
            Text::View(_) => None,
        });
        let recorded = self.links.dependent_functions.get(&oid).into_iter().flatten().copied();
        let writes = |oid: &Oid| self.snapshot.functions.get(oid).is_some_and(may_write);
        let writers: Vec<Oid> = named.chain(recorded).filter(writes).collect();
        for function in writers {
            self.add(Item::Function(function), Counts::OnWriting);
        }
    }
}

/// Does a write to this one lead on to `base`, which it reads or names?
fn leads_on(relation: &Relation, base: Oid) -> bool {
    let by_view = || {
        relation.kind == RelationKind::View
            && relation.definition_relations.contains(&base)
            && relation.definition.as_deref().is_none_or(may_be_written_through)
    };
    relation.parents.contains(&base) || relation.rule_references.contains(&base) || by_view()
}

fn count_in(on_writing: &mut HashSet<Oid>, oid: Oid, counts: Counts, is_new: bool) -> bool {
    match counts {
        Counts::OnWriting if is_new => on_writing.insert(oid),
        Counts::OnWriting => false,
        Counts::OnAnyUse => on_writing.remove(&oid) || is_new,
    }
}
