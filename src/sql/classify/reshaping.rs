//! Code of the client's on a table that a DBA's code relies on.
//!
//! A trigger that writes protected values into `seen`, or declares a variable
//! `seen.h%TYPE`, runs what stands on `seen`: a column's type and default, its
//! triggers, rules, policies and index expressions. So a session without
//! `exempt` puts nothing there that runs. Invariant: of what can be done to
//! such a table, what is known to run nothing passes.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, AlterTableType, ConstrType, Node, RangeVar};

use super::Classifier;
use super::making::last;

impl Classifier<'_> {
    /// Does the statement put code on a table that is relied on?
    pub(super) fn reshapes_relied(&self, node: &NodeEnum) -> bool {
        let table = match node {
            NodeEnum::AlterTableStmt(alter)
                if !alter.cmds.iter().all(|command| self.runs_nothing(command)) =>
            {
                alter.relation.as_ref()
            }
            NodeEnum::IndexStmt(index)
                if is_computed(&index.index_params) || index.where_clause.is_some() =>
            {
                index.relation.as_ref()
            }
            // Rows of the table would lie in one that nothing names.
            NodeEnum::CreateStmt(create) if create.partbound.is_some() => {
                create.inh_relations.iter().find_map(named)
            }
            NodeEnum::CreateSchemaStmt(create) => {
                return create
                    .schema_elts
                    .iter()
                    .filter_map(|part| part.node.as_ref())
                    .any(|node| self.reshapes_relied(node));
            }
            node => coded_table(node),
        };
        table.is_some_and(|table| self.is_relied_table(table))
    }

    /// Is it relied on by its name, or the name of a table above it?
    fn is_relied_table(&self, table: &RangeVar) -> bool {
        let snapshot = &self.guard.snapshot;
        let spells = |name: &str| self.guard.relied_on.spells(snapshot, name);
        let above = || snapshot.relations_named(&table.relname).flat_map(|table| snapshot.above(table));
        spells(&table.relname) || above().any(|parent| spells(&parent.name))
    }

    fn runs_nothing(&self, command: &Node) -> bool {
        use AlterTableType as Type;
        let Some(NodeEnum::AlterTableCmd(command)) = command.node.as_ref() else { return false };
        match command.subtype() {
            Type::AtAddColumn => self.adds_plain_column(command),
            Type::AtColumnDefault => command.def.is_none(),
            Type::AtAddConstraint => defined(command).is_some_and(is_key),
            Type::AtChangeOwner
            | Type::AtClusterOn
            | Type::AtDropCluster
            | Type::AtDisableRule
            | Type::AtDisableTrig
            | Type::AtDisableTrigAll
            | Type::AtDisableTrigUser
            | Type::AtDropColumn
            | Type::AtDropConstraint
            | Type::AtDropExpression
            | Type::AtDropIdentity
            | Type::AtDropNotNull
            | Type::AtReplicaIdentity
            | Type::AtReplaceRelOptions
            | Type::AtResetOptions
            | Type::AtResetRelOptions
            | Type::AtSetAccessMethod
            | Type::AtSetCompression
            | Type::AtSetLogged
            | Type::AtSetNotNull
            | Type::AtSetOptions
            | Type::AtSetRelOptions
            | Type::AtSetStatistics
            | Type::AtSetStorage
            | Type::AtSetTableSpace
            | Type::AtSetUnLogged
            | Type::AtValidateConstraint => true,
            // Runs something, or is not known.
            _ => false,
        }
    }

    /// A column of a type of the server's own, without a default or CHECK.
    fn adds_plain_column(&self, command: &AlterTableCmd) -> bool {
        let Some(NodeEnum::ColumnDef(column)) = defined(command) else { return false };
        let names = column.type_name.as_ref().map(|name| last(&name.names)).unwrap_or_default();
        let builtin = |name: &&str| {
            let mut types = self.guard.snapshot.types_named(name).peekable();
            types.peek().is_some() && types.all(|info| info.oid.is_builtin())
        };
        let keys = column.constraints.iter().filter_map(|node| node.node.as_ref()).all(is_key);
        column.raw_default.is_none() && keys && !names.is_empty() && names.iter().all(builtin)
    }
}

/// The table that a trigger, rule or policy is put on.
pub(super) fn coded_table(node: &NodeEnum) -> Option<&RangeVar> {
    match node {
        NodeEnum::CreateTrigStmt(trigger) => trigger.relation.as_ref(),
        NodeEnum::RuleStmt(rule) => rule.relation.as_ref(),
        NodeEnum::CreatePolicyStmt(policy) => policy.table.as_ref(),
        NodeEnum::AlterPolicyStmt(policy) => policy.table.as_ref(),
        // Puts no such code on a table.
        _ => None,
    }
}

fn defined(command: &AlterTableCmd) -> Option<&NodeEnum> {
    command.def.as_deref().and_then(|node| node.node.as_ref())
}

fn is_key(node: &NodeEnum) -> bool {
    let NodeEnum::Constraint(constraint) = node else { return false };
    matches!(
        constraint.contype(),
        ConstrType::ConstrNull
            | ConstrType::ConstrNotnull
            | ConstrType::ConstrPrimary
            | ConstrType::ConstrUnique
    )
}

/// Is one of an index's columns an expression?
fn is_computed(columns: &[Node]) -> bool {
    columns.iter().any(|column| match column.node.as_ref() {
        Some(NodeEnum::IndexElem(element)) => element.expr.is_some(),
        _ => true,
    })
}

fn named(node: &Node) -> Option<&RangeVar> {
    match node.node.as_ref() {
        Some(NodeEnum::RangeVar(named)) => Some(named),
        _ => None,
    }
}
