//! New objects whose names code running over protected data relies on.
//!
//! A DBA's trigger that says `INSERT INTO audit` writes into whatever `audit`
//! the caller's session finds first, a temporary table before all. So a
//! session without `exempt` makes nothing of such a name, by whatever
//! statement. Nor of a name that the analysis takes for PostgreSQL's own
//! (`lower`, `=`, `text`), or that counts: another session's statement may be
//! read by the server a moment after it was judged here. Invariant: a statement that can give an object a name is among
//! those that are looked through here, or needs `exempt` anyway.

use pg_query::NodeEnum;
use pg_query::protobuf::{ConstrType, FunctionParameterMode, Node, ObjectType, RangeVar};

use super::Classifier;
use super::adding;
use super::change::{into, is_temporary};
use crate::catalog::{Oid, is_sequence_of};
use crate::error::{ClientError, sqlstate};
use crate::sql::analysis::Statement;
use crate::sql::lineage::taken_for_catalogs;

/// Types of columns that get a sequence (`transformColumnDefinition` in
/// `parse_utilcmd.c`).
const SERIAL: &[&str] = &["bigserial", "serial", "serial2", "serial4", "serial8", "smallserial"];

impl Classifier<'_> {
    /// Holds the statement back if it makes something of a name relied on.
    pub(super) fn keeps_names(&self, node: &NodeEnum, statement: Statement) -> Statement {
        match self.makes_relied_on(node) {
            Some(name) if statement.refusal.is_none() && statement.needs_exempt.is_none() => {
                Statement { needs_exempt: Some(self.relied_on(name)), ..statement }
            }
            Some(_) | None => statement,
        }
    }

    /// A name that the statement gives, or a table that it gives a sequence, which
    /// is relied on so.
    pub(super) fn makes_relied_on<'n>(&self, node: &'n NodeEnum) -> Option<&'n str> {
        let made = made_names(node);
        let schema = |name: &str| {
            let (schema, relation) = made_relation(node)?;
            let is_one = relation == name && made.iter().filter(|made| **made == name).count() == 1;
            is_one.then_some(schema)
        };
        let relied_on = |name: &&str| {
            self.guard.relied_on.includes(&self.guard.snapshot, schema(name), name)
                // The type of its arrays.
                || self.guard.relied_on.spells(&self.guard.snapshot, &format!("_{name}"))
                || self.is_known_as_catalogs(name)
                || (makes_code(node) && adding::is_plain(name) && !self.guard.protected.is_empty())
                || self.names_counted(name)
                || (makes_function(node)
                    && (self.names_field(name) || self.may_take_row(node) && self.names_column(name)))
        };
        let is_sequence_relied_on =
            |table: &&str| self.guard.relied_on.spells_sequence_of(table) || self.names_sequence_of(table);
        let counted = made.iter().copied().find(relied_on);
        counted.or_else(|| sequence_makers(node).into_iter().find(is_sequence_relied_on))
    }

    /// Does something protected get its numbers of a sequence that could be called
    /// after this table?
    fn names_sequence_of(&self, table: &str) -> bool {
        let snapshot = &self.guard.snapshot;
        let mut sequences = self.guard.sequences.keys().filter_map(|oid| snapshot.relations.get(oid));
        sequences.any(|sequence| is_sequence_of(&sequence.name, table))
    }

    fn is_known_as_catalogs(&self, name: &str) -> bool {
        !self.guard.protected.is_empty() && taken_for_catalogs(name)
    }

    /// The columns of a relation that counts on writing only are not taken to stay as
    /// they are, and a write that ends elsewhere instead sets nothing off.
    fn names_counted(&self, name: &str) -> bool {
        let is_protected = |oid: Oid| self.guard.protected.keys().any(|id| id.relation == oid);
        let mut named = self.guard.snapshot.relations_named(name);
        named.any(|relation| self.guard.counts_on_reading(relation.oid) || is_protected(relation.oid))
    }

    /// `ssn(c)` is `c.ssn` as long as no function is called so.
    fn names_field(&self, name: &str) -> bool {
        self.guard.protected.values().any(|column| &*column.column == name)
    }

    /// `q.city` is `city(q)`, where q has lost that column.
    fn names_column(&self, name: &str) -> bool {
        let relations = self.guard.snapshot.relations.values();
        !self.guard.protected.is_empty()
            && relations
                .filter(|relation| !relation.is_system())
                .any(|relation| relation.column(name).is_some())
    }

    /// Could the function be called with a row alone?
    fn may_take_row(&self, node: &NodeEnum) -> bool {
        let NodeEnum::CreateFunctionStmt(create) = node else { return true };
        let argument = create.parameters.iter().find_map(|node| match node.node.as_ref() {
            Some(NodeEnum::FunctionParameter(parameter)) if !gives(parameter.mode()) => {
                parameter.arg_type.as_ref()
            }
            _ => None,
        });
        let Some(&name) = argument.map(|name| last(&name.names)).unwrap_or_default().first() else {
            return false;
        };
        let mut types = self.guard.snapshot.types_named(name).peekable();
        types.peek().is_none() || types.any(|info| matches!(info.kind, 'c' | 'p' | 'd'))
    }

    fn relied_on(&self, name: &str) -> ClientError {
        let error = ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!("permission denied: what is done with protected data relies on the name \"{name}\""),
        );
        match self.relied_by(name) {
            Some(detail) => error.with_detail(detail),
            None => error,
        }
        .with_hint("Use another name. A role with \"exempt = true\" in the policy may use this one.")
        .at(self.position(self.span.start))
    }
}

/// OUT and the columns of RETURNS TABLE are no arguments.
fn gives(mode: FunctionParameterMode) -> bool {
    matches!(mode, FunctionParameterMode::FuncParamOut | FunctionParameterMode::FuncParamTable)
}

pub(super) fn makes_function(node: &NodeEnum) -> bool {
    use ObjectType::{ObjectAggregate, ObjectFunction, ObjectRoutine};
    match node {
        NodeEnum::CreateFunctionStmt(_) | NodeEnum::DefineStmt(_) => true,
        NodeEnum::RenameStmt(rename) => {
            matches!(rename.rename_type(), ObjectAggregate | ObjectFunction | ObjectRoutine)
        }
        NodeEnum::AlterObjectSchemaStmt(moved) => {
            matches!(moved.object_type(), ObjectAggregate | ObjectFunction | ObjectRoutine)
        }
        // Makes no function.
        _ => false,
    }
}

/// Is what it names run, or does the making of a value of it run something? The rows of
/// a table are a type too, and run nothing.
fn makes_code(node: &NodeEnum) -> bool {
    use ObjectType::{ObjectDomain, ObjectType as Type};
    makes_function(node)
        || match node {
            NodeEnum::CreateDomainStmt(_) | NodeEnum::CreateRangeStmt(_) | NodeEnum::CreateEnumStmt(_) => {
                true
            }
            NodeEnum::RenameStmt(rename) => matches!(rename.rename_type(), ObjectDomain | Type),
            NodeEnum::AlterObjectSchemaStmt(moved) => matches!(moved.object_type(), ObjectDomain | Type),
            _ => false,
        }
}

/// Tables for which a statement makes sequences that it does not name: those of
/// `serial` and identity columns.
fn sequence_makers(node: &NodeEnum) -> Vec<&str> {
    let (table, parts) = match node {
        NodeEnum::CreateStmt(create) => (create.relation.as_ref(), &create.table_elts),
        NodeEnum::AlterTableStmt(alter) => (alter.relation.as_ref(), &alter.cmds),
        NodeEnum::CreateSchemaStmt(create) => {
            let parts = create.schema_elts.iter().filter_map(|part| part.node.as_ref());
            return parts.flat_map(sequence_makers).collect();
        }
        _ => return Vec::new(),
    };
    if parts.iter().any(makes_sequence) { relation(table) } else { Vec::new() }
}

fn makes_sequence(part: &Node) -> bool {
    match part.node.as_ref() {
        Some(NodeEnum::AlterTableCmd(command)) => command.def.as_deref().is_some_and(makes_sequence),
        Some(NodeEnum::ColumnDef(column)) => {
            let names = column.type_name.as_ref().map(|name| last(&name.names)).unwrap_or_default();
            names.iter().any(|name| SERIAL.contains(name)) || column.constraints.iter().any(makes_sequence)
        }
        Some(NodeEnum::Constraint(constraint)) => constraint.contype() == ConstrType::ConstrIdentity,
        // It may take over identity columns.
        Some(NodeEnum::TableLikeClause(_)) => true,
        _ => false,
    }
}

/// The table or view that a statement makes, with the schema that it says; a temporary
/// one is in its own.
fn made_relation(node: &NodeEnum) -> Option<(&str, &str)> {
    let (schema, named) = match node {
        NodeEnum::SelectStmt(select) => (None, into(select)),
        NodeEnum::CreateTableAsStmt(create) => (None, create.into.as_deref().and_then(|it| it.rel.as_ref())),
        NodeEnum::CreateStmt(create) => (None, create.relation.as_ref()),
        NodeEnum::ViewStmt(create) => (None, create.view.as_ref()),
        NodeEnum::RenameStmt(rename) => {
            let (schema, is_relation) = match rename.rename_type() {
                ObjectType::ObjectTable | ObjectType::ObjectView | ObjectType::ObjectMatview => {
                    (rename.relation.as_ref()?.schemaname.as_str(), true)
                }
                _ => ("", false),
            };
            return (is_relation && !schema.is_empty()).then_some((schema, &rename.newname));
        }
        NodeEnum::AlterObjectSchemaStmt(moved) => (Some(moved.newschema.as_str()), moved.relation.as_ref()),
        _ => (None, None),
    };
    let named = named?;
    let own = Some(named.schemaname.as_str()).filter(|schema| !schema.is_empty());
    let own = own.or_else(|| is_temporary(Some(named)).then_some("pg_temp"));
    Some((schema.or(own)?, &named.relname))
}

/// The names that a statement gives, or whose meaning it changes.
pub(super) fn made_names(node: &NodeEnum) -> Vec<&str> {
    match node {
        NodeEnum::SelectStmt(select) => relation(into(select)),
        NodeEnum::CreateTableAsStmt(create) => {
            relation(create.into.as_deref().and_then(|into| into.rel.as_ref()))
        }
        NodeEnum::CreateStmt(create) => {
            relation(create.relation.as_ref()).into_iter().chain(inside(&create.table_elts)).collect()
        }
        NodeEnum::AlterTableStmt(alter) => inside(&alter.cmds),
        NodeEnum::AlterTableCmd(command) => {
            command.def.as_deref().and_then(|node| node.node.as_ref()).map(made_names).unwrap_or_default()
        }
        NodeEnum::ColumnDef(column) => inside(&column.constraints),
        // That of an index, too; and an identity's sequence.
        NodeEnum::Constraint(constraint) => {
            let named = Some(constraint.conname.as_str()).filter(|name| !name.is_empty());
            let sequence = constraint.options.iter().filter_map(|node| match node.node.as_ref() {
                Some(NodeEnum::DefElem(option)) if option.defname == "sequence_name" => option.arg.as_deref(),
                _ => None,
            });
            named.into_iter().chain(sequence.flat_map(names_in)).collect()
        }
        NodeEnum::IndexStmt(create) => vec![&create.idxname],
        NodeEnum::CreateSeqStmt(create) => relation(create.sequence.as_ref()),
        NodeEnum::ViewStmt(create) => relation(create.view.as_ref()),
        NodeEnum::CompositeTypeStmt(create) => relation(create.typevar.as_ref()),
        NodeEnum::CreateFunctionStmt(create) => last(&create.funcname),
        NodeEnum::AlterFunctionStmt(alter) => {
            alter.func.as_ref().map(|function| last(&function.objname)).unwrap_or_default()
        }
        NodeEnum::DefineStmt(define) => last(&define.defnames),
        NodeEnum::CreateEnumStmt(create) => last(&create.type_name),
        NodeEnum::CreateRangeStmt(create) => {
            let named = create.params.iter().filter_map(|node| match node.node.as_ref() {
                Some(NodeEnum::DefElem(option)) if option.defname == "multirange_type_name" => {
                    option.arg.as_deref()
                }
                _ => None,
            });
            last(&create.type_name).into_iter().chain(named.flat_map(names_in)).collect()
        }
        NodeEnum::CreateDomainStmt(create) => last(&create.domainname),
        NodeEnum::RenameStmt(rename) => vec![&rename.newname],
        NodeEnum::AlterObjectSchemaStmt(moved) => {
            let named = moved.object.as_deref().map(|object| names_in(object)).unwrap_or_default();
            relation(moved.relation.as_ref()).into_iter().chain(named).collect()
        }
        NodeEnum::CreateSchemaStmt(create) => inside(&create.schema_elts),
        NodeEnum::ExplainStmt(explain) => {
            explain.query.as_deref().and_then(|query| query.node.as_ref()).map(made_names).unwrap_or_default()
        }
        // Give no name, or one that nothing finds by search_path.
        _ => Vec::new(),
    }
}

fn inside(nodes: &[Node]) -> Vec<&str> {
    nodes.iter().filter_map(|node| node.node.as_ref()).flat_map(made_names).collect()
}

fn relation(named: Option<&RangeVar>) -> Vec<&str> {
    named.map(|named| named.relname.as_str()).into_iter().collect()
}

/// The name itself, without its schema.
pub(super) fn last(names: &[Node]) -> Vec<&str> {
    names.iter().rev().find_map(string).into_iter().collect()
}

pub(super) fn names_in(object: &Node) -> Vec<&str> {
    match object.node.as_ref() {
        Some(NodeEnum::ObjectWithArgs(object)) => last(&object.objname),
        Some(NodeEnum::List(list)) => last(&list.items),
        Some(NodeEnum::TypeName(name)) => last(&name.names),
        _ => string(object).into_iter().collect(),
    }
}

fn string(node: &Node) -> Option<&str> {
    match node.node.as_ref() {
        Some(NodeEnum::String(name)) => Some(&name.sval),
        _ => None,
    }
}
