//! Whom DDL concerns, and how much: what later statements must wait for.

use pg_query::NodeEnum;
use pg_query::protobuf::{CreateStmt, DropBehavior, DropStmt, ObjectType, RangeVar, SelectStmt};

use super::Classifier;
use super::making::names_in;
use crate::sql::analysis::CatalogChange;

impl Classifier<'_> {
    /// What a utility statement, or a query with INTO, may change; unknown ones
    /// change everything.
    pub(super) fn catalog_change(&self, node: &NodeEnum) -> CatalogChange {
        match node {
            NodeEnum::CreateStmt(create) => relations(is_temporary_table(create)),
            NodeEnum::SelectStmt(select) => relations(is_temporary(into(select))),
            NodeEnum::CreateTableAsStmt(create) => match create.objtype() {
                ObjectType::ObjectMatview => CatalogChange::Code,
                _ => relations(is_temporary(create.into.as_ref().and_then(|into| into.rel.as_ref()))),
            },
            NodeEnum::IndexStmt(index) => {
                let table = index.relation.as_ref().map(|table| table.relname.as_str());
                let is_known = |name| self.guard.snapshot.relations_named(name).next().is_some();
                match table.is_some_and(|name| is_known(name) && !self.is_permanent(name)) {
                    true => CatalogChange::Temporary,
                    false => CatalogChange::Indexes,
                }
            }
            NodeEnum::DropStmt(drop) => relations(self.drops_temporary_only(drop)),
            node => change(node),
        }
    }

    /// Dropping what is not known leaves what is known.
    fn drops_temporary_only(&self, drop: &DropStmt) -> bool {
        let mut names = drop.objects.iter().flat_map(names_in);
        drop.remove_type() == ObjectType::ObjectTable
            && drop.behavior() == DropBehavior::DropRestrict
            && names.all(|name| !self.is_permanent(name))
    }

    /// Some schema has a permanent relation of this name.
    fn is_permanent(&self, name: &str) -> bool {
        self.guard.snapshot.relations_named(name).any(|relation| !relation.is_temporary())
    }
}

const fn relations(temporary: bool) -> CatalogChange {
    if temporary { CatalogChange::Temporary } else { CatalogChange::Relations }
}

/// One that inherits is also a part of what others read.
pub(super) fn is_temporary_table(create: &CreateStmt) -> bool {
    create.inh_relations.is_empty() && is_temporary(create.relation.as_ref())
}

/// `TEMP` or `TEMPORARY` (`RELPERSISTENCE_TEMP` in PostgreSQL's pg_class.h).
pub(super) fn is_temporary(named: Option<&RangeVar>) -> bool {
    named.is_some_and(|named| named.relpersistence == "t")
}

/// Where a query's INTO leads, in the first arm of a set operation.
pub(super) fn into(select: &SelectStmt) -> Option<&RangeVar> {
    match (&select.into_clause, select.larg.as_deref()) {
        (Some(into), _) => into.rel.as_ref(),
        (None, Some(left)) => into(left),
        (None, None) => None,
    }
}

/// Does it make nothing that gets into a query but by its own name, or by a write or
/// a look at the table that it stands on? That is known by the names of relations.
pub(super) fn is_found_by_name(node: &NodeEnum) -> bool {
    matches!(
        node,
        NodeEnum::ViewStmt(_)
            | NodeEnum::CreateTrigStmt(_)
            | NodeEnum::CreatePolicyStmt(_)
            | NodeEnum::AlterPolicyStmt(_)
    ) || matches!(node, NodeEnum::CreateTableAsStmt(create) if create.objtype() == ObjectType::ObjectMatview)
}

/// What other utility statements may change.
fn change(node: &NodeEnum) -> CatalogChange {
    match node {
        NodeEnum::TruncateStmt(_)
        | NodeEnum::VacuumStmt(_)
        | NodeEnum::ReindexStmt(_)
        | NodeEnum::ClusterStmt(_)
        | NodeEnum::LockStmt(_)
        | NodeEnum::CommentStmt(_)
        | NodeEnum::GrantStmt(_)
        | NodeEnum::AlterDefaultPrivilegesStmt(_)
        | NodeEnum::CallStmt(_)
        | NodeEnum::NotifyStmt(_)
        | NodeEnum::ListenStmt(_)
        | NodeEnum::UnlistenStmt(_)
        | NodeEnum::CheckPointStmt(_)
        | NodeEnum::ConstraintsSetStmt(_)
        | NodeEnum::RefreshMatViewStmt(_)
        | NodeEnum::AlterSystemStmt(_) => CatalogChange::None,
        // A label more, or another one.
        NodeEnum::AlterEnumStmt(_) => CatalogChange::Indexes,
        NodeEnum::CreateSeqStmt(_)
        | NodeEnum::AlterSeqStmt(_)
        | NodeEnum::CreateStatsStmt(_)
        | NodeEnum::AlterStatsStmt(_)
        | NodeEnum::AlterTableStmt(_)
        | NodeEnum::DropOwnedStmt(_)
        | NodeEnum::AlterOwnerStmt(_)
        | NodeEnum::ReassignOwnedStmt(_)
        | NodeEnum::GrantRoleStmt(_)
        | NodeEnum::CreateRoleStmt(_)
        | NodeEnum::AlterRoleStmt(_)
        | NodeEnum::AlterRoleSetStmt(_)
        | NodeEnum::DropRoleStmt(_) => CatalogChange::Relations,
        NodeEnum::RenameStmt(rename) => match rename.rename_type() {
            ObjectType::ObjectTable
            | ObjectType::ObjectColumn
            | ObjectType::ObjectIndex
            | ObjectType::ObjectSequence
            | ObjectType::ObjectRole
            | ObjectType::ObjectTabconstraint => CatalogChange::Relations,
            _ => CatalogChange::Code,
        },
        // Nothing is in it.
        NodeEnum::CreateSchemaStmt(create) if create.schema_elts.is_empty() => CatalogChange::Indexes,
        _ => CatalogChange::Code,
    }
}
