//! DDL that makes a foreign table show something else.
//!
//! Where it leads stands in its options or, where these are silent, in its own
//! names; which columns are protected was read off them before. What else is
//! altered about it passes.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableType, Node, ObjectType, RangeVar};

use super::Classifier;
use crate::catalog::snapshot::RelationKind;

impl Classifier<'_> {
    /// May a foreign table lead to other columns behind it than were read?
    pub(super) fn redirects(&self, node: &NodeEnum) -> bool {
        let is_far = |named: &Option<RangeVar>| named.as_ref().is_some_and(|named| self.is_far(named));
        match node {
            NodeEnum::AlterForeignServerStmt(_) => true,
            NodeEnum::AlterTableStmt(alter) => {
                (alter.objtype() == ObjectType::ObjectForeignTable || is_far(&alter.relation))
                    && alter.cmds.iter().any(redirects_table)
            }
            NodeEnum::RenameStmt(rename) => match rename.rename_type() {
                ObjectType::ObjectSchema => self.has_far_tables(&rename.subname),
                ObjectType::ObjectTabconstraint
                | ObjectType::ObjectTrigger
                | ObjectType::ObjectPolicy
                | ObjectType::ObjectRule => false,
                kind => {
                    let kinds = [kind, rename.relation_type()];
                    kinds.contains(&ObjectType::ObjectForeignTable) || is_far(&rename.relation)
                }
            },
            NodeEnum::AlterObjectSchemaStmt(moved) => {
                moved.object_type() == ObjectType::ObjectForeignTable || is_far(&moved.relation)
            }
            // Changes no relation's name, columns or options.
            _ => false,
        }
    }

    /// A foreign table, or the parent of one: its columns are the child's too.
    fn is_far(&self, named: &RangeVar) -> bool {
        let all = || self.guard.snapshot.relations_named(&named.relname);
        let is_there = all().any(|relation| *relation.schema == *named.schemaname);
        all()
            .filter(|relation| !is_there || *relation.schema == *named.schemaname)
            .any(|relation| self.guard.far_tables.contains(&relation.oid))
    }

    fn has_far_tables(&self, schema: &str) -> bool {
        let mut far = self.guard.far_tables.iter().filter_map(|oid| self.guard.snapshot.relations.get(oid));
        far.any(|relation| relation.kind == RelationKind::ForeignTable && *relation.schema == *schema)
    }
}

fn redirects_table(command: &Node) -> bool {
    use AlterTableType as Type;
    let Some(NodeEnum::AlterTableCmd(command)) = command.node.as_ref() else { return true };
    matches!(
        command.subtype(),
        Type::AtGenericOptions | Type::AtAlterColumnGenericOptions | Type::AtAddColumn
    )
}
