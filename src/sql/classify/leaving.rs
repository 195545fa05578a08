//! What a statement may leave to be done by the end of its transaction.

use std::collections::{HashMap, HashSet};

use super::{Classifier, name_of};
use crate::catalog::code::{self, Sought};
use crate::catalog::functions;
use crate::catalog::snapshot::{Action, Constraint, Named, Relation, RelationKind};
use crate::catalog::{ColumnId, Oid};
use crate::sql::lineage::{Does, WrittenTo};

impl Classifier<'_> {
    /// May code that it runs where it reads change something: a function that it
    /// calls, or one of a policy or view, an operator, a cast, a type? What that
    /// wrote may speak later.
    pub(super) fn may_change_by_code(&self) -> bool {
        self.escapes || self.may_change(self.spelled_code())
    }

    /// May these writes be spoken of at the end of the transaction?
    ///
    /// What speaks then is what was put off: a trigger, or a key over something
    /// protected, for any other names in its message what anybody may read. Each of
    /// what the write reaches: partitions and children, what is above it, the tables
    /// under a view, those to which a key's action leads; behind a rule, or in another
    /// server, anything. Or it is put off by what code has written that runs on the
    /// way.
    pub(super) fn may_put_off(&self, written: &[WrittenTo]) -> bool {
        if written.iter().any(|to| to.relations.is_empty()) {
            return true;
        }
        let relations = &self.guard.snapshot.relations;
        let links = Links::of(relations.values());
        let starts = written.iter().flat_map(|to| to.relations.iter().map(|oid| (*oid, to.does)));
        let mut work: Vec<(Oid, Does)> = starts.collect();
        let mut reached: HashSet<(Oid, Does)> = HashSet::new();
        let mut run: Vec<Named> = Vec::new();
        while let Some((oid, does)) = work.pop() {
            if !reached.insert((oid, does)) {
                continue;
            }
            let Some(relation) = relations.get(&oid) else { return true };
            let keys = links.keys.get(&oid).map_or(&[][..], Vec::as_slice);
            let own = relation.constraints.iter().map(|key| (relation, key));
            let tells = |(table, key): (&Relation, &Constraint)| {
                key.is_deferrable && self.is_over_protected(table, key)
            };
            if relation.deferrable_triggers
                || relation.has_rules
                || own.chain(keys.iter().copied()).any(tells)
            {
                return true;
            }
            run.extend(run_on_writing(relation, does));
            let family = relation.parents.iter().chain(&relation.definition_relations);
            let family = family.chain(links.children.get(&oid).into_iter().flatten());
            work.extend(family.map(|oid| (*oid, does)));
            work.extend(
                keys.iter().filter_map(|(table, key)| Some((table.oid, done_by(key, relation, does)?))),
            );
        }
        self.may_change(run)
    }

    /// Does a key name something protected, where it says that it is violated?
    fn is_over_protected(&self, table: &Relation, key: &Constraint) -> bool {
        let own = key.columns.iter().map(|attribute| (table.oid, attribute));
        let there = key.references.iter().flat_map(|(to, columns)| columns.iter().map(|it| (*to, it)));
        own.chain(there).any(|(relation, attribute)| {
            self.guard.column(ColumnId { relation, attribute: *attribute }).is_some()
        })
    }

    fn may_change(&self, work: Vec<Named>) -> bool {
        // Another server runs what nobody knows here.
        let relation = |relation: &Relation| relation.kind == RelationKind::ForeignTable;
        let sought = Sought { function: &functions::may_change, relation: &relation };
        code::runs(&self.guard.snapshot, work, &sought)
    }

    /// What users made of all that it may name, and of what it need not name to run it.
    fn spelled_code(&self) -> Vec<Named> {
        let snapshot = &self.guard.snapshot;
        let operated = snapshot.operators.iter().flat_map(|operator| &operator.functions);
        let cast = snapshot.casts.iter().filter_map(|cast| cast.function.as_ref());
        let unnamed = operated.chain(cast).chain(snapshot.support_functions.keys());
        let is_users = |oid: &Oid| !oid.is_builtin();
        let mut work: Vec<Named> = unnamed.copied().filter(is_users).map(Named::Function).collect();
        for name in self.tokens.within(&self.span).filter_map(|(at, _)| self.text.get(at)).map(name_of) {
            let called = snapshot.functions_named(&name).map(|function| function.oid).filter(is_users);
            work.extend(called.map(Named::Function));
            work.extend(snapshot.types_named(&name).map(|info| Named::Type(info.oid)));
            work.extend(snapshot.relations_named(&name).map(|relation| Named::Relation(relation.oid)));
        }
        work
    }
}

/// From a relation to what is written with it.
#[derive(Default)]
struct Links<'a> {
    children: HashMap<Oid, Vec<Oid>>,
    /// Keys that lead to it, with their tables.
    keys: HashMap<Oid, Vec<(&'a Relation, &'a Constraint)>>,
}

impl<'a> Links<'a> {
    fn of(relations: impl Iterator<Item = &'a Relation>) -> Self {
        let mut links = Self::default();
        for relation in relations {
            for parent in &relation.parents {
                links.children.entry(*parent).or_default().push(relation.oid);
            }
            for key in &relation.constraints {
                if let Some((to, _)) = &key.references {
                    links.keys.entry(*to).or_default().push((relation, key));
                }
            }
        }
        links
    }
}

/// What a key does to the rows of its table when this happens to those that it leads
/// to. A row that goes to another partition may count as gone.
fn done_by(key: &Constraint, table: &Relation, does: Does) -> Option<Does> {
    let moves = does.updates && (table.kind == RelationKind::PartitionedTable || !table.parents.is_empty());
    let by_update = if does.updates { key.on_update } else { Action::None };
    let by_delete = if does.deletes || moves { key.on_delete } else { Action::None };
    let of = |action: Action| match action {
        Action::None => Does::default(),
        Action::Delete => Does { updates: false, deletes: true },
        Action::SetNull | Action::SetDefault | Action::Change => Does { updates: true, deletes: false },
    };
    let done =
        Does { updates: of(by_update).updates || of(by_delete).updates, deletes: of(by_delete).deletes };
    Some(done).filter(|done| *done != Does::default())
}

/// Triggers, defaults, CHECKs, expressions of indexes, policies, types; and what is
/// read on the way.
fn run_on_writing(relation: &Relation, does: Does) -> Vec<Named> {
    let triggers = match does == Does::default() {
        true => &relation.insert_trigger_functions,
        false => &relation.trigger_functions,
    };
    let called = triggers.iter().chain(&relation.depends_on_functions);
    let types = relation.columns.iter().map(|column| &column.type_oid).chain(&relation.depends_on_types);
    let mut run: Vec<Named> = called.copied().map(Named::Function).collect();
    run.extend(types.copied().map(Named::Type));
    run.push(Named::Relation(relation.oid));
    run
}
