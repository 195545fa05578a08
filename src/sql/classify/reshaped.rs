//! Relations that DDL may make, name anew, move, drop or give other columns: what
//! names without a schema mean is told by columns, as they were before.
//!
//! Invariant: a statement whose names are known here changes no column of a relation of
//! another name, and makes none; any other may.

use std::collections::BTreeMap;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableStmt, AlterTableType, DropBehavior, DropStmt, Node, ObjectType, RenameStmt,
};

use super::Classifier;
use super::making::{made_names, names_in};
use crate::sql::analysis::{CatalogChange, Chooses};

impl Classifier<'_> {
    /// The names of such relations. None: any.
    pub(super) fn reshaped(&self, node: &NodeEnum) -> Option<Vec<String>> {
        let named = |names: Vec<&str>| Some(names.into_iter().map(str::to_owned).collect());
        match node {
            NodeEnum::CreateStmt(_)
            | NodeEnum::SelectStmt(_)
            | NodeEnum::CreateTableAsStmt(_)
            | NodeEnum::ViewStmt(_)
            | NodeEnum::CreateSeqStmt(_)
            | NodeEnum::IndexStmt(_)
            | NodeEnum::CreateTrigStmt(_)
            | NodeEnum::CreatePolicyStmt(_)
            | NodeEnum::AlterPolicyStmt(_) => named(made_names(node)),
            NodeEnum::AlterTableStmt(alter) => kept_in_columns(alter),
            NodeEnum::RenameStmt(rename) => renamed(rename),
            NodeEnum::AlterObjectSchemaStmt(moved) if is_relation(moved.object_type()) => {
                named(made_names(node))
            }
            NodeEnum::DropStmt(drop) if takes_no_columns(drop) => {
                named(drop.objects.iter().flat_map(names_in).collect())
            }
            // Anything.
            _ => None,
        }
    }
}

/// A column of a table is its children's too, of which it may get one while the
/// statement waits.
fn kept_in_columns(alter: &AlterTableStmt) -> Option<Vec<String>> {
    use AlterTableType as Type;
    let table = alter.relation.as_ref()?;
    let changes_columns = |node: &Node| match node.node.as_ref() {
        Some(NodeEnum::AlterTableCmd(command)) => matches!(
            command.subtype(),
            Type::AtAddColumn
                | Type::AtDropColumn
                | Type::AtAlterColumnType
                | Type::AtAddInherit
                | Type::AtDropInherit
                | Type::AtAttachPartition
                | Type::AtDetachPartition
                | Type::AtAddOf
                | Type::AtDropOf
        ),
        _ => true,
    };
    let is_kept = is_relation(alter.objtype()) && !alter.cmds.iter().any(changes_columns);
    is_kept.then(|| vec![table.relname.clone()])
}

fn renamed(rename: &RenameStmt) -> Option<Vec<String>> {
    let table = rename.relation.as_ref()?;
    is_relation(rename.rename_type()).then(|| vec![table.relname.clone(), rename.newname.clone()])
}

fn is_relation(kind: ObjectType) -> bool {
    matches!(
        kind,
        ObjectType::ObjectTable
            | ObjectType::ObjectView
            | ObjectType::ObjectMatview
            | ObjectType::ObjectForeignTable
            | ObjectType::ObjectIndex
            | ObjectType::ObjectSequence
    )
}

/// CASCADE may take columns of a type away from any table.
fn takes_no_columns(drop: &DropStmt) -> bool {
    is_relation(drop.remove_type()) && drop.behavior() == DropBehavior::DropRestrict
}

/// What DDL has reshaped that is not committed, and the message since which.
#[derive(Default)]
pub struct Reshaped {
    names: BTreeMap<String, u64>,
    /// Any name.
    any: Option<u64>,
    /// Any change of relations.
    changes: Option<u64>,
}

impl Reshaped {
    /// `names`: None, any.
    pub fn add(&mut self, since: u64, change: CatalogChange, names: Option<&[String]>) {
        match change {
            CatalogChange::None | CatalogChange::Indexes => return,
            // A temporary table hides others of its name.
            CatalogChange::Temporary | CatalogChange::Relations | CatalogChange::Code => {
                self.changes.get_or_insert(since);
            }
        }
        match names {
            None => {
                self.any.get_or_insert(since);
            }
            Some(names) => {
                for name in names {
                    self.names.entry(name.clone()).or_insert(since);
                }
            }
        }
    }

    /// Can't it be told any more what these names mean? By their columns as they were,
    /// and by how many there are in all.
    pub fn unsettles(&self, chooses: &Chooses) -> bool {
        let is_changed = || chooses.names.iter().any(|it| self.names.contains_key(&it.name));
        let counts_others = chooses.counts_others && self.changes.is_some();
        !chooses.names.is_empty() && (self.any.is_some() || counts_others || is_changed())
    }

    pub fn forget_since(&mut self, savepoint: u64) {
        self.names.retain(|_, since| *since <= savepoint);
        self.any = self.any.filter(|since| *since <= savepoint);
        self.changes = self.changes.filter(|since| *since <= savepoint);
    }
}

#[cfg(test)]
mod tests {
    use crate::fuzzing::catalog;
    use crate::sql::analyser::analyse;
    use crate::sql::parse::with_room;

    #[test]
    fn ddl_reshapes_what_it_names_or_anything() {
        for (ddl, expected) in [
            ("CREATE TABLE made (id int)", Some("made")),
            ("CREATE TABLE made AS SELECT 1 AS one", Some("made")),
            ("CREATE VIEW seen AS SELECT 1 AS one", Some("seen")),
            ("ALTER TABLE made ADD COLUMN more int", None),
            ("ALTER TABLE made ALTER COLUMN a SET DEFAULT 1, ADD CHECK (a > 0)", Some("made")),
            ("ALTER TABLE made RENAME TO other", Some("made other")),
            ("ALTER TABLE made RENAME COLUMN a TO b", None),
            ("ALTER TABLE made SET SCHEMA elsewhere", Some("made")),
            ("ALTER TABLE whole ATTACH PARTITION part DEFAULT", None),
            ("DROP TABLE made, other", Some("made other")),
            ("DROP TABLE made CASCADE", None),
            ("DROP TYPE mood", None),
            ("ALTER TYPE pair ADD ATTRIBUTE c int CASCADE", None),
            ("DO 'BEGIN END'", None),
            ("CREATE SCHEMA app CREATE TABLE made (id int)", None),
        ] {
            let analysis = with_room(|| analyse(&catalog::guard(), ddl.as_bytes(), 100)).unwrap();
            let names = analysis.statements[0].names.reshaped.clone();
            assert_eq!(names.map(|names| names.join(" ")).as_deref(), expected, "{ddl}");
        }
    }
}
