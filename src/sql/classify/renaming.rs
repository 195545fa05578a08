//! New names and schemas for what protected data, or code that runs over it, stands on.
//!
//! The server goes by oids, and what is refused here is refused by names: until a new
//! name is committed no snapshot knows what has it, and a trigger's function, a
//! column's type, or the table beneath a view could be replaced, relabelled or dropped
//! under it. Invariant: such a thing keeps its name, but for roles with `exempt`.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterObjectSchemaStmt, AlterTableStmt, AlterTableType, Node, ObjectType, RangeVar, RenameStmt,
};

use super::Classifier;
use super::making::names_in;
use super::reshaping::alteration;
use crate::catalog::snapshot::Relation;
use crate::sql::lineage;

impl Classifier<'_> {
    /// Does such a thing get another name or schema, or come to stand on something that
    /// the client may drop with it?
    pub(super) fn renames_beneath(&self, node: &NodeEnum) -> bool {
        match node {
            NodeEnum::RenameStmt(rename) => self.names_anew(rename),
            NodeEnum::AlterObjectSchemaStmt(moved) => self.moves_beneath(moved),
            NodeEnum::AlterTableStmt(alter) => self.comes_under(alter),
            // OWNED BY: it goes with that table.
            NodeEnum::AlterSeqStmt(alter) => alter.sequence.as_ref().is_some_and(|sequence| {
                let is_owner = |node: &Node| match node.node.as_ref() {
                    Some(NodeEnum::DefElem(option)) => option.defname == "owned_by",
                    _ => false,
                };
                alter.options.iter().any(is_owner)
                    && (self.is_relied_relation(sequence) || self.has_domains())
            }),
            _ => false,
        }
    }

    fn moves_beneath(&self, moved: &AlterObjectSchemaStmt) -> bool {
        use ObjectType as Type;
        match moved.object_type() {
            Type::ObjectTable
            | Type::ObjectView
            | Type::ObjectMatview
            | Type::ObjectForeignTable
            | Type::ObjectIndex => {
                moved.relation.as_ref().is_some_and(|named| self.is_relied_relation(named))
            }
            Type::ObjectSequence => {
                moved.relation.as_ref().is_some_and(|named| self.is_relied_relation(named))
                    || self.has_domains()
            }
            Type::ObjectFunction
            | Type::ObjectProcedure
            | Type::ObjectRoutine
            | Type::ObjectAggregate
            | Type::ObjectType
            | Type::ObjectDomain => {
                let named = moved.object.as_deref().map(|object| names_in(object)).unwrap_or_default();
                named.into_iter().any(|name| self.is_stood_on(name))
            }
            // What expressions may stand on.
            _ => !self.guard.protected.is_empty(),
        }
    }

    /// INHERIT, OF, ATTACH: what comes under another goes with it.
    fn comes_under(&self, alter: &AlterTableStmt) -> bool {
        use AlterTableType as Type;
        let comes = |node: &Node| {
            let Some(command) = alteration(node) else { return false };
            match command.subtype() {
                Type::AtAddInherit | Type::AtAddOf => {
                    alter.relation.as_ref().is_some_and(|table| self.is_relied_relation(table))
                }
                Type::AtAttachPartition => match command.def.as_deref().and_then(|def| def.node.as_ref()) {
                    Some(NodeEnum::PartitionCmd(attached)) => {
                        attached.name.as_ref().is_some_and(|table| self.is_relied_relation(table))
                    }
                    _ => true,
                },
                _ => false,
            }
        };
        alter.cmds.iter().any(comes)
    }

    fn names_anew(&self, rename: &RenameStmt) -> bool {
        use ObjectType as Type;
        match rename.rename_type() {
            // Names inside of a table or domain are looked at as parts of it; the others
            // are nothing that data stands on.
            Type::ObjectColumn
            | Type::ObjectAttribute
            | Type::ObjectTrigger
            | Type::ObjectRule
            | Type::ObjectPolicy
            | Type::ObjectTabconstraint
            | Type::ObjectDomconstraint
            | Type::ObjectDatabase
            | Type::ObjectRole
            | Type::ObjectTablespace => false,
            Type::ObjectSchema => self.stands_in_schema(&rename.subname),
            _ => {
                let named = rename.object.as_deref().map(|object| names_in(object)).unwrap_or_default();
                rename.relation.as_ref().is_some_and(|table| self.is_relied_relation(table))
                    || named.into_iter().any(|name| self.is_stood_on(name))
            }
        }
    }

    /// ALTER INDEX and the like name any relation.
    fn is_relied_relation(&self, named: &RangeVar) -> bool {
        let known = lineage::candidates(self.guard.facts(), &named.schemaname, &named.relname);
        known.into_iter().any(|relation| self.matters(relation)) || self.is_beneath(&named.relname)
    }

    fn matters(&self, relation: &Relation) -> bool {
        self.guard.counts_on_reading(relation.oid) || self.guard.relied_on.reads(relation.oid)
    }

    /// A function, a type, or anything else that is no relation.
    fn is_stood_on(&self, name: &str) -> bool {
        let (snapshot, guard) = (&self.guard.snapshot, self.guard);
        let runs = |oid| guard.relied_on.runs(oid) || guard.opaque_functions.contains(&oid);
        snapshot.functions_named(name).any(|function| runs(function.oid)) || self.is_beneath(name)
    }

    fn is_beneath(&self, name: &str) -> bool {
        self.covers_stand_on(&[name])
            || self.reaches_columns(ObjectType::ObjectType, &[name])
            || self.is_type_of_relied(|schema_and_name| schema_and_name.1 == name)
    }

    /// Code compares with the labels of an enum, and hides by a domain.
    fn is_type_of_relied(&self, is_it: impl Fn((&str, &str)) -> bool) -> bool {
        let snapshot = &self.guard.snapshot;
        let relied = snapshot.relations.values().filter(|relation| self.matters(relation));
        let columns = relied.flat_map(|relation| relation.columns.iter().map(|column| column.type_oid));
        let parts = snapshot.type_parts(columns);
        let mut types = parts.into_iter().filter(|oid| !oid.is_builtin());
        types.any(|oid| snapshot.types.get(&oid).is_some_and(|it| is_it((&it.schema, &it.name))))
    }

    fn stands_in_schema(&self, schema: &str) -> bool {
        let (snapshot, guard) = (&self.guard.snapshot, self.guard);
        let runs = |oid| guard.relied_on.runs(oid) || guard.opaque_functions.contains(&oid);
        let mut functions = snapshot.functions.values().filter(|function| &*function.schema == schema);
        let mut relations = snapshot.relations.values().filter(|relation| &*relation.schema == schema);
        functions.any(|function| runs(function.oid))
            || relations
                .any(|relation| self.matters(relation) || guard.counted_relations.contains(&relation.oid))
            || self.holds_others(&[schema])
            || self.covers_stand_on(&[schema])
            || self.reaches_columns(ObjectType::ObjectSchema, &[schema])
            || self.is_type_of_relied(|schema_and_name| schema_and_name.0 == schema)
    }
}
