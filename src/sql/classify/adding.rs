//! What a session without `exempt` may make over, and add to, relations that count on
//! writing only: they hold nothing protected, so that it need not be kept from giving
//! what they hold another name.
//!
//! Invariant: what passes here leads no write on to such a relation under a name that
//! does not count yet, not even for a moment: a function under way may write to it
//! before the next snapshot is read. Nor does it put code where one is written, which
//! would run in the middle of what the write sets off: no functions, no operators or
//! types of a client's. And no name of a column that is there changes, since the
//! analysis of a write goes by them. What code over protected data relies on is held up
//! as ever ([`reshaping`](super::reshaping)).

use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableCmd, AlterTableStmt, AlterTableType, ColumnDef, ConstrType, Constraint, CreateFunctionStmt,
    FuncCall, IndexStmt, Node, ObjectType, RangeVar, RenameStmt, TypeName, ViewStmt,
};

use super::Classifier;
use super::ddl::{definition_strings, is_harmless_alteration};
use super::reshaping::{alteration, keys_with_actions};
use crate::catalog::Oid;
use crate::catalog::relied::writes;
use crate::catalog::snapshot::RelationKind;
use crate::sql::lineage::{self, taken_for_catalogs};
use crate::sql::prefilter::HitKind;
use crate::sql::updatable;

const PG_CATALOG: &str = "pg_catalog";

/// What defaults call, and what columns are of. No client makes a function or type of
/// these names ([`making`](super::making)), so that they stay the server's until the
/// statement is read.
const PLAIN: &[&str] = &[
    "bool",
    "bpchar",
    "bytea",
    "clock_timestamp",
    "date",
    "float4",
    "float8",
    "gen_random_uuid",
    "inet",
    "int2",
    "int4",
    "int8",
    "json",
    "jsonb",
    "now",
    "numeric",
    "statement_timestamp",
    "text",
    "timestamp",
    "timestamptz",
    "transaction_timestamp",
    "uuid",
    "varchar",
];

/// Is what has this name taken for the server's own?
pub(super) fn is_plain(name: &str) -> bool {
    PLAIN.contains(&name) || taken_for_catalogs(name)
}

impl Classifier<'_> {
    /// See the module.
    pub(super) fn adds_harmlessly(&self, node: &NodeEnum) -> bool {
        if self.escapes || !self.names.iter().all(|name| self.is_written_only(name)) {
            return false;
        }
        match node {
            NodeEnum::ViewStmt(create) => self.leads_nowhere(create),
            NodeEnum::CreateTableAsStmt(create) => create.objtype() == ObjectType::ObjectMatview,
            // LIKE, and foreign keys that lead there. A child's rows are its parent's.
            NodeEnum::CreateStmt(create) => {
                let mut parts = create.table_elts.iter().chain(&create.constraints);
                create.inh_relations.is_empty()
                    && create.partbound.is_none()
                    && !parts.any(|part| self.acts_on_written(part))
            }
            NodeEnum::IndexStmt(index) => runs_no_code(index),
            NodeEnum::AlterTableStmt(alter) => self.alters_harmlessly(alter),
            NodeEnum::CreateFunctionStmt(create) => self.only_reads(create),
            NodeEnum::RenameStmt(rename) => self.makes_namesake(rename),
            // Judged as if it were about protected data.
            _ => false,
        }
    }

    /// What to do about a view that is held up since rows could be written through it.
    pub(super) fn leads_writes(&self, node: &NodeEnum) -> Option<String> {
        let is_about_writes = !self.escapes && self.names.iter().all(|name| self.is_written_only(name));
        (is_about_writes && matches!(node, NodeEnum::ViewStmt(_))).then(|| {
            "Rows could be written through it, which sets off what is done with protected data. \
             A view that can't be written to passes: WITH t AS (SELECT …) SELECT … FROM t, for one."
                .to_owned()
        })
    }

    fn is_written_only(&self, name: &Range<usize>) -> bool {
        self.is_elsewhere(name)
            || self.text.get(name.clone()).is_some_and(|name| self.is_name_on_writing(name))
    }

    fn is_name_on_writing(&self, name: &str) -> bool {
        self.guard.names_on_writing.contains(&name.to_ascii_lowercase())
    }

    fn is_written(&self, named: &RangeVar) -> bool {
        let known = lineage::candidates(self.guard.facts(), &named.schemaname, &named.relname);
        known.iter().any(|relation| self.guard.counted_relations.contains(&relation.oid))
    }

    /// Does something that does not count get the name of one? What writes there by that
    /// name sets nothing off.
    fn makes_namesake(&self, rename: &RenameStmt) -> bool {
        matches!(
            rename.rename_type(),
            ObjectType::ObjectTable | ObjectType::ObjectView | ObjectType::ObjectMatview
        ) && rename.relation.as_ref().is_some_and(|table| !self.is_written(table))
    }

    /// Does a key with an action lead there? Triggers of its own table would run in the
    /// middle of a write.
    fn acts_on_written(&self, part: &Node) -> bool {
        let keys = part.node.as_ref().map(keys_with_actions).unwrap_or_default();
        keys.into_iter().any(|table| self.is_written(table))
    }

    /// No write goes through the view, or one that ends in what does not count.
    fn leads_nowhere(&self, create: &ViewStmt) -> bool {
        let Some(query) = create.query.as_deref().and_then(|query| query.node.as_ref()) else { return false };
        !updatable::leads_on(query) || updatable::base(query).is_some_and(|base| !self.is_written(base))
    }

    /// A table that counts takes what runs no code; any other may have keys that lead to
    /// one.
    fn alters_harmlessly(&self, alter: &AlterTableStmt) -> bool {
        let Some(table) = alter.relation.as_ref() else { return false };
        let is_written = self.is_written(table);
        let passes = |command: &AlterTableCmd| match command.subtype() {
            AlterTableType::AtAddColumn | AlterTableType::AtAddConstraint if !is_written => {
                !command.def.as_deref().is_some_and(|part| self.acts_on_written(part))
            }
            AlterTableType::AtSetNotNull => true,
            AlterTableType::AtAddColumn | AlterTableType::AtAddConstraint => {
                command.def.as_deref().is_some_and(|part| self.is_plain_part(part))
            }
            AlterTableType::AtColumnDefault => {
                !self.is_led_to(&command.name)
                    && command.def.as_deref().is_none_or(|value| self.is_plain_value(value))
            }
            // Names, code, or rows that become another's.
            _ => false,
        };
        alter.objtype() == ObjectType::ObjectTable
            && alter
                .cmds
                .iter()
                .all(|node| is_harmless_alteration(node) || alteration(node).is_some_and(passes))
    }

    /// May keys lead to a column of this name, or it be a view's? What DEFAULT stands for
    /// there, a key's action writes beside protected columns, and a write is judged by it.
    fn is_led_to(&self, column: &str) -> bool {
        let snapshot = &self.guard.snapshot;
        let counted = |oid: &Oid| self.guard.counted_on_writing.contains(oid);
        let keys = snapshot.relations.values().flat_map(|relation| &relation.constraints);
        let mut led_to = keys.filter_map(|key| key.references.as_ref()).filter(|(table, _)| counted(table));
        let mut views = self.guard.counted_on_writing.iter().filter_map(|oid| snapshot.relations.get(oid));
        led_to.any(|(table, columns)| {
            let table = snapshot.relations.get(table);
            let mut columns = columns.iter().filter_map(|column| table?.attribute(*column));
            columns.any(|known| &*known.name == column)
        }) || views.any(|view| view.kind == RelationKind::View && view.column(column).is_some())
    }

    fn is_plain_part(&self, part: &Node) -> bool {
        match part.node.as_ref() {
            Some(NodeEnum::ColumnDef(column)) => self.is_plain_column(column),
            Some(NodeEnum::Constraint(constraint)) => self.is_plain_constraint(constraint),
            _ => false,
        }
    }

    fn is_plain_column(&self, column: &ColumnDef) -> bool {
        column.type_name.as_ref().is_some_and(|name| self.is_catalogs_type(name))
            && column.constraints.iter().all(|part| self.is_plain_part(part))
    }

    /// One that leads elsewhere would have what is done there done here too.
    fn is_plain_constraint(&self, constraint: &Constraint) -> bool {
        let value = || constraint.raw_expr.as_deref().is_some_and(|value| self.is_plain_value(value));
        match constraint.contype() {
            ConstrType::ConstrNull | ConstrType::ConstrNotnull => true,
            ConstrType::ConstrDefault | ConstrType::ConstrCheck => value(),
            ConstrType::ConstrUnique | ConstrType::ConstrPrimary => {
                !constraint.deferrable && constraint.indexname.is_empty()
            }
            _ => false,
        }
    }

    /// An expression that calls nothing but the server's own: nobody but a DBA makes
    /// operators, and what the analysis takes for the server's keeps its name.
    fn is_plain_value(&self, value: &Node) -> bool {
        let all = |nodes: &[Node]| nodes.iter().all(|node| self.is_plain_value(node));
        let one = |node: &Option<Box<Node>>| node.as_deref().is_none_or(|node| self.is_plain_value(node));
        match value.node.as_ref() {
            Some(NodeEnum::AConst(_) | NodeEnum::SqlvalueFunction(_)) => true,
            Some(NodeEnum::ColumnRef(column)) => is_plain_name(&column.fields),
            Some(NodeEnum::BoolExpr(parts)) => all(&parts.args),
            Some(NodeEnum::NullTest(test)) => one(&test.arg),
            Some(NodeEnum::BooleanTest(test)) => one(&test.arg),
            Some(NodeEnum::AExpr(operation)) => one(&operation.lexpr) && one(&operation.rexpr),
            Some(NodeEnum::List(list)) => all(&list.items),
            Some(NodeEnum::AArrayExpr(array)) => all(&array.elements),
            Some(NodeEnum::TypeCast(cast)) => {
                one(&cast.arg) && cast.type_name.as_ref().is_some_and(|name| self.is_catalogs_type(name))
            }
            Some(NodeEnum::FuncCall(call)) => self.is_catalogs_call(call),
            _ => false,
        }
    }

    /// `now()` and the like.
    fn is_catalogs_call(&self, call: &FuncCall) -> bool {
        let snapshot = &self.guard.snapshot;
        let is_catalogs = match strings(&call.funcname).as_slice() {
            [PG_CATALOG, _] => true,
            [name] => {
                let mut known = snapshot.functions_named(name);
                is_plain(name) && known.all(|function| function.oid.is_builtin())
            }
            _ => false,
        };
        is_catalogs && call.args.is_empty()
    }

    fn is_catalogs_type(&self, name: &TypeName) -> bool {
        let is_catalogs = match strings(&name.names).as_slice() {
            [PG_CATALOG, _] => true,
            [name] => {
                let mut known = self.guard.snapshot.types_named(name);
                is_plain(name) && known.all(|info| info.oid.is_builtin())
            }
            _ => false,
        };
        is_catalogs && !name.setof && !name.pct_type
    }

    /// A function none of whose words changes a table: it calls what counts only by a
    /// name that counts for more.
    fn only_reads(&self, create: &CreateFunctionStmt) -> bool {
        let bodies: Vec<&str> = create.options.iter().filter_map(definition_strings).flatten().collect();
        let is_written_only = |text: &str, name: &Range<usize>| {
            self.is_elsewhere_in(text, name)
                || text.get(name.clone()).is_some_and(|name| self.is_name_on_writing(name))
        };
        let reads = |body: &&str| {
            let mut hits = self.guard.prefilter.hits(body.as_bytes()).into_iter();
            !writes(body)
                && hits.all(|hit| match hit.kind {
                    HitKind::Name => is_written_only(body, &hit.span),
                    HitKind::Keyword => hit.span.is_empty(),
                })
        };
        let text = self.text.get(self.span.clone()).unwrap_or(self.text);
        !writes(text)
            && bodies.iter().all(reads)
            && self.quoted.iter().all(|name| is_written_only(self.text, name))
    }
}

/// An index of columns. Operator classes are a superuser's to make.
fn runs_no_code(index: &IndexStmt) -> bool {
    let is_column = |part: &Node| match part.node.as_ref() {
        Some(NodeEnum::IndexElem(element)) => element.expr.is_none(),
        _ => false,
    };
    index.index_params.iter().all(is_column) && index.where_clause.as_deref().is_none_or(asks_nothing)
}

/// A predicate that asks whether columns are NULL or true.
fn asks_nothing(predicate: &Node) -> bool {
    match predicate.node.as_ref() {
        Some(NodeEnum::ColumnRef(column)) => is_plain_name(&column.fields),
        Some(NodeEnum::BoolExpr(parts)) => parts.args.iter().all(asks_nothing),
        Some(NodeEnum::NullTest(test)) => test.arg.as_deref().is_some_and(asks_nothing),
        Some(NodeEnum::BooleanTest(test)) => test.arg.as_deref().is_some_and(asks_nothing),
        _ => false,
    }
}

/// `t.f` may be a call of f.
fn is_plain_name(fields: &[Node]) -> bool {
    strings(fields).len() == 1
}

/// Empty: something else is among them.
fn strings(names: &[Node]) -> Vec<&str> {
    names.iter().map(string).collect::<Option<Vec<&str>>>().unwrap_or_default()
}

fn string(node: &Node) -> Option<&str> {
    match node.node.as_ref() {
        Some(NodeEnum::String(name)) => Some(name.sval.as_str()),
        _ => None,
    }
}
