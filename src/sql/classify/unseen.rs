//! Names that mean something new once a role that is `exempt` has run DDL over
//! protected data, and that no snapshot knows until it commits.
//!
//! Invariant: what can be got at by a query only through a name has that name here.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableType, ConstrType, Node, RangeVar};

use super::ddl::definition_strings;
use super::making::{last, made_names, names_in};
use super::reshaping::coded_table;
use crate::catalog::mentions::words;
use crate::sql::analysis::Names;
use crate::sql::prefilter::Prefilter;

/// The names that a statement gives, or behind which it changes rows or code.
/// None: any.
fn changed_names(node: &NodeEnum) -> Option<Arc<[String]>> {
    let named = |relation: &Option<RangeVar>| relation.as_ref().map(|named| named.relname.clone());
    let mut names: Vec<String> = made_names(node).into_iter().map(str::to_owned).collect();
    match node {
        NodeEnum::CreateForeignTableStmt(foreign) => {
            names.extend(foreign.base_stmt.as_ref().and_then(|table| named(&table.relation)));
        }
        NodeEnum::RenameStmt(rename) => {
            names.extend(named(&rename.relation));
            names.extend(rename.object.as_deref().into_iter().flat_map(names_in).map(str::to_owned));
            names.push(rename.subname.clone());
        }
        NodeEnum::AlterTableStmt(alter) if !alter.cmds.iter().all(leaves_rows) => {
            names.extend(named(&alter.relation));
        }
        NodeEnum::CreateCastStmt(cast) => {
            let types = [&cast.sourcetype, &cast.targettype].into_iter().flatten();
            names.extend(types.flat_map(|name| last(&name.names)).map(str::to_owned));
        }
        NodeEnum::DoStmt(block) => {
            let bodies = block.args.iter().filter_map(definition_strings).flatten();
            names.extend(bodies.flat_map(words));
        }
        NodeEnum::ImportForeignSchemaStmt(_) => return None,
        // Else named already, or not got at by a name.
        node => names.extend(coded_table(node).map(|table| table.relname.clone())),
    }
    names.retain(|name| !name.is_empty());
    Some(names.into())
}

/// Does it leave what the table's rows hold as it was, and take nothing from
/// elsewhere?
fn leaves_rows(command: &Node) -> bool {
    use AlterTableType as Type;
    let Some(NodeEnum::AlterTableCmd(command)) = command.node.as_ref() else { return false };
    match command.subtype() {
        Type::AtDropColumn
        | Type::AtDropNotNull
        | Type::AtSetNotNull
        | Type::AtDropConstraint
        | Type::AtAddConstraint
        | Type::AtValidateConstraint
        | Type::AtAddIndex
        | Type::AtChangeOwner => true,
        Type::AtAddColumn => match command.def.as_deref().and_then(|def| def.node.as_ref()) {
            Some(NodeEnum::ColumnDef(column)) => !column.constraints.iter().any(computes),
            _ => false,
        },
        _ => false,
    }
}

/// Do rows of one table become another's? Whatever reads that, by whatever
/// name, shows them.
fn joins_rows(node: &NodeEnum) -> bool {
    use AlterTableType as Type;
    let joins = |command: &Node| match command.node.as_ref() {
        Some(NodeEnum::AlterTableCmd(command)) => {
            matches!(command.subtype(), Type::AtAddInherit | Type::AtAttachPartition)
        }
        _ => false,
    };
    matches!(node, NodeEnum::AlterTableStmt(alter) if alter.cmds.iter().any(joins))
}

/// A default or generated value that is more than a constant.
fn computes(constraint: &Node) -> bool {
    let Some(NodeEnum::Constraint(constraint)) = constraint.node.as_ref() else { return true };
    match constraint.contype() {
        ConstrType::ConstrGenerated => true,
        ConstrType::ConstrDefault => {
            !matches!(constraint.raw_expr.as_deref().and_then(|e| e.node.as_ref()), Some(NodeEnum::AConst(_)))
        }
        _ => false,
    }
}

/// Does it run no query, nor code that could tell what one finds?
pub(super) fn runs_nothing(node: &NodeEnum) -> bool {
    !matches!(
        node,
        NodeEnum::SelectStmt(_)
            | NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_)
            | NodeEnum::CreateTableAsStmt(_)
            | NodeEnum::RefreshMatViewStmt(_)
            | NodeEnum::PrepareStmt(_)
            | NodeEnum::ExecuteStmt(_)
            | NodeEnum::DeclareCursorStmt(_)
            | NodeEnum::FetchStmt(_)
            | NodeEnum::ExplainStmt(_)
            | NodeEnum::CopyStmt(_)
            | NodeEnum::CallStmt(_)
            | NodeEnum::DoStmt(_)
    )
}

/// Names of which no snapshot knows what they mean.
#[derive(Default)]
pub struct Unseen {
    names: Vec<String>,
    finder: Option<Prefilter>,
    /// Any name could be one.
    any: bool,
}

impl Unseen {
    /// None: any name.
    pub fn add(&mut self, names: Option<&[String]>) {
        let new = |name: &&String| !self.names.contains(*name);
        let added: Vec<String> = names.unwrap_or_default().iter().filter(new).cloned().collect();
        self.any |= names.is_none();
        if !added.is_empty() {
            self.names.extend(added);
            self.finder = Prefilter::new(self.names.iter().map(String::as_str)).ok();
            self.any |= self.finder.is_none();
        }
    }

    /// Goes on to the next statement of a text. `redirects`: what reads a
    /// foreign table, by whatever name, shows something else behind it.
    pub(super) fn follow(&mut self, node: &NodeEnum, text: &str, redirects: bool, names: &mut Names) {
        let is_any = !self.names.is_empty() || self.any;
        // What is prepared or open may lead to one.
        let leads =
            matches!(node, NodeEnum::ExecuteStmt(_) | NodeEnum::FetchStmt(_) | NodeEnum::ExplainStmt(_));
        names.unseen = is_any && (leads || self.spelled_in(text.as_bytes()));
        names.changed = if redirects || joins_rows(node) { None } else { changed_names(node) };
        names.runs_nothing = runs_nothing(node);
        if names.hide() {
            self.add(names.changed.as_deref());
        }
    }

    /// Could the text name one of them?
    pub fn spelled_in(&self, text: &[u8]) -> bool {
        self.any || self.finder.as_ref().is_some_and(|finder| finder.names_any(text))
    }
}
