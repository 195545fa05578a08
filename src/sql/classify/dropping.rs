//! DROP … CASCADE takes columns away from tables that it does not name, and
//! asks only who owns what it names. A name that meant such a column would
//! mean another one, perhaps a protected one further out, until the
//! transaction ends.
//!
//! Invariant: a relation that counts loses a column only by DDL that names it,
//! or that is held up here.

use std::collections::HashSet;

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableStmt, AlterTableType, DropBehavior, Node, ObjectType};

use super::Classifier;
use super::making::names_in;
use crate::catalog::Oid;
use crate::catalog::snapshot::{Named, Relation};

impl Classifier<'_> {
    /// May it take a column away from a relation that counts?
    pub(super) fn drops_beneath(&self, node: &NodeEnum) -> bool {
        match node {
            NodeEnum::DropStmt(drop) if cascades(drop.behavior()) => {
                let dropped: Vec<&str> = drop.objects.iter().flat_map(names_in).collect();
                self.reaches_columns(drop.remove_type(), &dropped)
            }
            NodeEnum::DropOwnedStmt(drop) => cascades(drop.behavior()) && !self.guard.protected.is_empty(),
            // A field that a generated column reads.
            NodeEnum::AlterTableStmt(alter) => drops_column(alter)
                .is_some_and(|table| self.reaches_columns(ObjectType::ObjectTable, &[table])),
            // Drops what it names.
            _ => false,
        }
    }

    pub(super) fn reaches_columns(&self, kind: ObjectType, dropped: &[&str]) -> bool {
        use ObjectType as Type;
        let is_dropped = |name: &str| dropped.contains(&name);
        let snapshot = &self.guard.snapshot;
        let called = |named: Named| self.schema_and_name(named);
        match kind {
            Type::ObjectTable
            | Type::ObjectView
            | Type::ObjectMatview
            | Type::ObjectForeignTable
            | Type::ObjectType
            | Type::ObjectDomain
            | Type::ObjectFunction
            | Type::ObjectProcedure
            | Type::ObjectRoutine
            | Type::ObjectAggregate => {
                let mut beneath = self.beneath_columns().into_iter().filter_map(called);
                beneath.any(|(_, name)| is_dropped(name))
            }
            Type::ObjectSchema => {
                let mut beneath = self.beneath_columns().into_iter().filter_map(called);
                beneath.any(|(schema, _)| is_dropped(schema))
                    || (self.has_collated_columns() && !snapshot.collations.is_empty())
                    || self.holds_others(dropped)
            }
            // The default of a domain stands on them, and the domain goes with it.
            Type::ObjectSequence => self.has_domains(),
            // Defaults, constraints and code stand on these, no columns.
            Type::ObjectIndex
            | Type::ObjectTrigger
            | Type::ObjectRule
            | Type::ObjectPolicy
            | Type::ObjectStatisticExt
            | Type::ObjectPublication => false,
            // A column may stand on a collation, an operator, an extension.
            _ => !self.guard.protected.is_empty(),
        }
    }

    /// The relations whose columns the analysis takes to stay as they are.
    fn fixed_relations(&self) -> impl Iterator<Item = &Relation> {
        let protected = self.guard.protected.keys().map(|id| id.relation);
        let locked = self.guard.locked_relations.keys().copied();
        let counted = self.guard.counted_relations.difference(&self.guard.counted_on_writing).copied();
        let oids: HashSet<Oid> = counted.chain(protected).chain(locked).collect();
        oids.into_iter().filter_map(|oid| self.guard.snapshot.relations.get(&oid))
    }

    fn has_collated_columns(&self) -> bool {
        self.fixed_relations().flat_map(|relation| &relation.columns).any(|column| column.recased)
    }

    /// The schema of a thing, and its name.
    pub(super) fn schema_and_name(&self, named: Named) -> Option<(&str, &str)> {
        let snapshot = &self.guard.snapshot;
        match named {
            Named::Relation(oid) => snapshot.relations.get(&oid).map(|it| (&*it.schema, &*it.name)),
            Named::Function(oid) => snapshot.functions.get(&oid).map(|it| (&*it.schema, &*it.name)),
            Named::Type(oid) => snapshot.types.get(&oid).map(|it| (&*it.schema, &*it.name)),
        }
    }

    /// Does a schema of these names hold what is no relation, function or type?
    pub(super) fn holds_others(&self, schemas: &[&str]) -> bool {
        let holding = &self.guard.snapshot.holding_others;
        !self.guard.protected.is_empty() && schemas.iter().any(|name| holding.iter().any(|it| **it == **name))
    }

    /// Is a domain among what their columns stand on?
    pub(super) fn has_domains(&self) -> bool {
        let types = &self.guard.snapshot.types;
        self.beneath_columns().into_iter().any(|named| match named {
            Named::Type(oid) => types.get(&oid).is_some_and(|info| info.kind == 'd'),
            Named::Relation(_) | Named::Function(_) => false,
        })
    }

    /// What their columns stand on, further and further: types, the tables whose
    /// rows these are, and what generated columns call.
    fn beneath_columns(&self) -> HashSet<Named> {
        let mut work = Vec::new();
        for relation in self.fixed_relations() {
            work.extend(relation.columns.iter().map(|column| Named::Type(column.type_oid)));
            work.extend(relation.parents.iter().copied().map(Named::Relation));
            if relation.columns.iter().any(|column| column.generated.is_some()) {
                work.extend(relation.depends_on_functions.iter().copied().map(Named::Function));
                work.extend(relation.depends_on_types.iter().copied().map(Named::Type));
            }
        }
        self.beneath(work)
    }

    /// These, and all that they stand on.
    pub(super) fn beneath(&self, mut work: Vec<Named>) -> HashSet<Named> {
        let snapshot = &self.guard.snapshot;
        let mut beneath = HashSet::new();
        while let Some(named) = work.pop() {
            let is_builtin = match named {
                Named::Relation(oid) | Named::Function(oid) | Named::Type(oid) => oid.is_builtin(),
            };
            if is_builtin || !beneath.insert(named) {
                continue;
            }
            match named {
                Named::Type(oid) => {
                    work.extend(snapshot.type_parts([oid]).into_iter().map(Named::Type));
                    let row = snapshot.types.get(&oid).and_then(|info| info.relation);
                    work.extend(row.map(Named::Relation));
                    // CHECKs and defaults of a domain.
                    let called = snapshot.domain_functions.get(&oid).into_iter().flatten();
                    work.extend(called.copied().map(Named::Function));
                }
                Named::Function(oid) => {
                    let Some(function) = snapshot.functions.get(&oid) else { continue };
                    // Only what is recorded cascades: what a text spells does not.
                    for oid in snapshot.function_dependencies.get(&oid).into_iter().flatten() {
                        work.extend(snapshot.functions.contains_key(oid).then_some(Named::Function(*oid)));
                        work.extend(snapshot.types.contains_key(oid).then_some(Named::Type(*oid)));
                        work.extend(snapshot.relations.contains_key(oid).then_some(Named::Relation(*oid)));
                    }
                    let types = function.argument_types.iter().chain([&function.return_type]);
                    work.extend(types.copied().map(Named::Type));
                }
                // Its columns may go with what they stand on, and with them fields of the
                // type; a table goes with its parent, a view with what it reads.
                Named::Relation(oid) => {
                    let Some(relation) = snapshot.relations.get(&oid) else { continue };
                    work.extend(relation.columns.iter().map(|column| Named::Type(column.type_oid)));
                    let read = relation.parents.iter().chain(&relation.definition_relations);
                    work.extend(read.copied().map(Named::Relation));
                    work.extend(relation.definition_functions.iter().copied().map(Named::Function));
                }
            }
        }
        beneath
    }
}

fn cascades(behavior: DropBehavior) -> bool {
    behavior == DropBehavior::DropCascade
}

/// The table from which a column is dropped with what stands on it.
pub(super) fn drops_column(alter: &AlterTableStmt) -> Option<&str> {
    let drops = |node: &Node| match node.node.as_ref() {
        Some(NodeEnum::AlterTableCmd(command)) => {
            command.subtype() == AlterTableType::AtDropColumn && cascades(command.behavior())
        }
        _ => false,
    };
    let table = alter.relation.as_ref().filter(|_| alter.cmds.iter().any(drops))?;
    Some(&table.relname)
}
