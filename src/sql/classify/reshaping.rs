//! Code of the client's on a relation that a DBA's code relies on.
//!
//! A trigger that writes protected values into `seen`, or declares a variable
//! `seen.h%TYPE`, runs what stands on `seen`: a column's type and default, its
//! triggers, rules, policies and index expressions, and what stands on the
//! tables that change with it. What only reads a relation runs its policies,
//! and a view's functions. So a session without `exempt` puts nothing there
//! that runs. Invariant: of what can be done to such a table, what is known to
//! run nothing passes.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterEnumStmt, AlterTableCmd, AlterTableStmt, AlterTableType, CmdType, Constraint, CreateStmt,
    DropBehavior, DropStmt, Node, ObjectType, RangeVar, RenameStmt,
};

use super::dropping::drops_column;
use super::making::{last, names_in};
use super::{Classifier, name_of};
use crate::catalog::Oid;
use crate::catalog::snapshot::{Named, Relation, RelationKind};

impl Classifier<'_> {
    /// Does the statement put code on a relation that is relied on?
    pub(super) fn reshapes_relied(&self, node: &NodeEnum) -> bool {
        match node {
            NodeEnum::AlterTableStmt(alter) => self.alters_relied(alter),
            NodeEnum::IndexStmt(index) => {
                (is_computed(&index.index_params) || index.where_clause.is_some() || index.unique)
                    && index.relation.as_ref().is_some_and(|table| self.is_relied_table(table))
            }
            NodeEnum::CreateStmt(create) => self.adds_to_relied(create),
            NodeEnum::DropStmt(drop) => self.uncovers_relied(drop),
            NodeEnum::RenameStmt(rename) => self.renames_beneath_relied(rename),
            NodeEnum::AlterEnumStmt(alter) => self.relabels(alter),
            // Who reads the one above would call what the new definition calls.
            NodeEnum::ViewStmt(create) => {
                create.replace && create.view.as_ref().is_some_and(|view| self.is_read(view))
            }
            node => coded_table(node).is_some_and(|table| {
                self.is_relied_table(table) || (runs_on_reading(node) && self.is_read(table))
            }),
        }
    }

    /// The table of the statement that is relied on, and by what.
    pub(super) fn reliance(&self) -> Option<String> {
        let names = self.tokens.within(&self.span).filter_map(|(at, _)| self.text.get(at)).map(name_of);
        let relations = |name: &str| self.guard.snapshot.relations_named(name).next().is_some();
        let name = names
            .filter(|name| relations(name))
            .find(|name| self.is_relied_name(name) || self.is_read_name(name))?;
        let unknown = || format!("Code that runs over protected data relies on \"{name}\".");
        Some(self.relied_by(&name).unwrap_or_else(unknown))
    }

    /// Which function of a DBA's relies on the name, or on that of a table above.
    pub(super) fn relied_by(&self, name: &str) -> Option<String> {
        let (snapshot, relied) = (&self.guard.snapshot, &self.guard.relied_on);
        let above = snapshot.relations_named(name).flat_map(|table| snapshot.above(table));
        let mut names = std::iter::once(name).chain(above.map(|parent| &*parent.name));
        let (found, function) = names.find_map(|name| Some((name, relied.spelled_by(snapshot, name)?)))?;
        Some(format!(
            "Function {}.{} runs over protected data and names \"{found}\", which it may find in any schema.",
            function.schema, function.name
        ))
    }

    fn alters_relied(&self, alter: &AlterTableStmt) -> bool {
        let commands = || alter.cmds.iter().filter_map(alteration);
        let changes_readers = |command: &AlterTableCmd| {
            use AlterTableType as Type;
            matches!(command.subtype(), Type::AtEnableRowSecurity | Type::AtForceRowSecurity)
        };
        let is_view = self.names_view(alter);
        alter.relation.as_ref().is_some_and(|table| {
            let reshapes = |command: &Node| match command {
                command if runs_nothing(command) && !(is_view && sets_options(command)) => false,
                command if concerns_writes(command) => self.is_changed(table),
                _ => self.is_relied_table(table),
            };
            alter.cmds.iter().any(reshapes) || (self.is_read(table) && commands().any(changes_readers))
        }) || commands().any(|command| self.comes_under_relied(command))
            || drops_column(alter).is_some_and(|table| self.covers_stand_on(&[table]))
    }

    /// A view's options say which rows may be written through it (`check_option`), and who
    /// reads what it reads.
    fn names_view(&self, alter: &AlterTableStmt) -> bool {
        let is_view = |relation: &Relation| relation.kind == RelationKind::View;
        let named = alter.relation.as_ref().map(|table| table.relname.as_str()).unwrap_or_default();
        self.guard.snapshot.relations_named(named).any(is_view)
    }

    /// Triggers run in the order of their names, and code knows columns by theirs:
    /// what it hides in one, or leaves out for want of one, would be elsewhere.
    fn renames_beneath_relied(&self, rename: &RenameStmt) -> bool {
        let Some(table) = rename.relation.as_ref() else { return false };
        match rename.rename_type() {
            ObjectType::ObjectTrigger
            | ObjectType::ObjectRule
            | ObjectType::ObjectColumn
            | ObjectType::ObjectAttribute => self.is_relied_table(table),
            _ => false,
        }
    }

    /// Labels of an enum: such code compares with them as they were, or fails for
    /// want of one.
    fn relabels(&self, alter: &AlterEnumStmt) -> bool {
        let (snapshot, guard) = (&self.guard.snapshot, self.guard);
        let is_renamed = !alter.old_val.is_empty();
        last(&alter.type_name).into_iter().any(|name| {
            let types: Vec<Oid> = snapshot.types_named(name).map(|info| info.oid).collect();
            let holds = |relation: &Relation| {
                let parts = snapshot.type_parts(relation.columns.iter().map(|column| column.type_oid));
                types.iter().any(|oid| parts.contains(oid))
            };
            let counts = |relation: &&Relation| {
                guard.counts_on_reading(relation.oid) || guard.relied_on.reads(relation.oid)
            };
            guard.relied_on.spells(snapshot, name)
                || is_renamed && snapshot.relations.values().filter(counts).any(holds)
        })
    }

    /// A trigger or rule may be what hides the values that such code writes.
    fn uncovers_relied(&self, drop: &DropStmt) -> bool {
        match drop.remove_type() {
            ObjectType::ObjectTrigger | ObjectType::ObjectRule => {
                drop.objects.iter().flat_map(table_of).any(|table| self.is_relied_name(table))
            }
            _ if drop.behavior() == DropBehavior::DropCascade => {
                let names: Vec<&str> = drop.objects.iter().flat_map(names_in).collect();
                self.covers_stand_on(&names)
            }
            // No trigger or rule goes with it.
            _ => false,
        }
    }

    /// Do triggers or rules of a table that is relied on stand on something of
    /// these names, or in a schema of these names?
    pub(super) fn covers_stand_on(&self, names: &[&str]) -> bool {
        let snapshot = &self.guard.snapshot;
        let is_covered = |table: &&Relation| table.has_rules || !table.trigger_functions.is_empty();
        let covered = snapshot.relations.values().filter(is_covered);
        let mut work = Vec::new();
        for table in covered.filter(|table| self.is_relied_name(&table.name)) {
            let functions = table.trigger_functions.iter().chain(&table.depends_on_functions);
            work.extend(functions.copied().map(Named::Function));
            let relations = table.rule_references.iter().chain(&table.depends_on_relations);
            work.extend(relations.copied().map(Named::Relation));
            work.extend(table.depends_on_types.iter().copied().map(Named::Type));
        }
        let has_covers = !work.is_empty();
        let mut beneath = self.beneath(work).into_iter().filter_map(|named| self.schema_and_name(named));
        beneath.any(|(schema, name)| names.contains(&name) || names.contains(&schema))
            || has_covers && self.holds_others(names)
    }

    /// Will rows of the new table be changed with those of one that is relied on?
    fn adds_to_relied(&self, create: &CreateStmt) -> bool {
        let mut above = create.inh_relations.iter().filter_map(|node| named(node.node.as_ref()));
        let mut parts =
            create.table_elts.iter().chain(&create.constraints).filter_map(|node| node.node.as_ref());
        above.any(|table| self.is_relied_table(table)) || parts.any(|part| self.leads_to_relied(part))
    }

    /// By a foreign key. Whatever its action, it holds rows that such code takes away.
    fn leads_to_relied(&self, part: &NodeEnum) -> bool {
        keys_with_actions(part).into_iter().any(|table| self.is_relied_table(table))
            || keys(part, &|_| true).into_iter().any(|table| self.is_changed(table))
    }

    /// INHERIT, a foreign key with an action, or ATTACH, by which a partition
    /// takes over the triggers and indexes of its new parent.
    fn comes_under_relied(&self, command: &AlterTableCmd) -> bool {
        let other = match (command.subtype(), defined(command)) {
            (AlterTableType::AtAddInherit, parent) => named(parent),
            (AlterTableType::AtAttachPartition, Some(NodeEnum::PartitionCmd(attached))) => {
                attached.name.as_ref()
            }
            // Names no other table, but for keys.
            _ => None,
        };
        other.is_some_and(|table| self.is_relied_table(table))
            || defined(command).is_some_and(|part| self.leads_to_relied(part))
    }

    /// Is it relied on by its name, or the name of a table above it, or changed
    /// by such code in another way?
    fn is_relied_table(&self, table: &RangeVar) -> bool {
        self.is_relied_name(&table.relname)
    }

    fn is_relied_name(&self, name: &str) -> bool {
        let (snapshot, relied) = (&self.guard.snapshot, &self.guard.relied_on);
        let spells = |name: &str| relied.spells(snapshot, name);
        let known = || snapshot.relations_named(name);
        spells(name)
            || known().any(|relation| relied.changes(relation.oid))
            || known().flat_map(|table| snapshot.above(table)).any(|parent| spells(&parent.name))
    }

    /// May such code change its rows, so that its triggers and rules run?
    fn is_changed(&self, table: &RangeVar) -> bool {
        let (snapshot, relied) = (&self.guard.snapshot, &self.guard.relied_on);
        let mut known = snapshot.relations_named(&table.relname);
        known.any(|relation| relied.changes(relation.oid))
            // It may be handed the name.
            || relied.builds_sql() && self.is_relied_table(table)
    }

    /// Does such code read it, or a view or policy that counts?
    fn is_read(&self, table: &RangeVar) -> bool {
        self.is_read_name(&table.relname)
    }

    fn is_read_name(&self, name: &str) -> bool {
        let mut known = self.guard.snapshot.relations_named(name);
        known.any(|relation| self.guard.relied_on.reads(relation.oid))
    }
}

/// Does it run nothing, and leave the columns that such code knows, with what
/// they get and what is asked of them?
fn runs_nothing(command: &Node) -> bool {
    use AlterTableType as Type;
    let Some(command) = alteration(command) else { return false };
    match command.subtype() {
        Type::AtChangeOwner
        | Type::AtClusterOn
        | Type::AtDropCluster
        | Type::AtReplicaIdentity
        | Type::AtReplaceRelOptions
        | Type::AtResetOptions
        | Type::AtResetRelOptions
        | Type::AtSetAccessMethod
        | Type::AtSetCompression
        | Type::AtSetLogged
        | Type::AtSetOptions
        | Type::AtSetRelOptions
        | Type::AtSetStatistics
        | Type::AtSetStorage
        | Type::AtSetTableSpace
        | Type::AtSetUnLogged
        | Type::AtValidateConstraint => true,
        // Runs something, changes what such code meets, or is not known.
        _ => false,
    }
}

fn sets_options(command: &Node) -> bool {
    use AlterTableType as Type;
    alteration(command).is_some_and(|command| {
        matches!(
            command.subtype(),
            Type::AtSetRelOptions | Type::AtResetRelOptions | Type::AtReplaceRelOptions
        )
    })
}

/// Does it decide only what runs when rows are changed?
pub(super) fn concerns_writes(command: &Node) -> bool {
    use AlterTableType as Type;
    let Some(command) = alteration(command) else { return false };
    matches!(
        command.subtype(),
        Type::AtEnableTrig
            | Type::AtEnableAlwaysTrig
            | Type::AtEnableReplicaTrig
            | Type::AtDisableTrig
            | Type::AtEnableTrigAll
            | Type::AtDisableTrigAll
            | Type::AtEnableTrigUser
            | Type::AtDisableTrigUser
    )
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

/// The table of a trigger or rule as DROP names them: behind its schema, in
/// front of the object's own name.
fn table_of(object: &Node) -> Vec<&str> {
    match object.node.as_ref() {
        Some(NodeEnum::List(list)) => list.items.iter().rev().nth(1).map(names_in).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn defined(command: &AlterTableCmd) -> Option<&NodeEnum> {
    command.def.as_deref().and_then(|node| node.node.as_ref())
}

/// Is one of an index's columns an expression?
fn is_computed(columns: &[Node]) -> bool {
    columns.iter().any(|column| match column.node.as_ref() {
        Some(NodeEnum::IndexElem(element)) => element.expr.is_some(),
        _ => true,
    })
}

/// A policy, and a rule that makes a view of a table.
fn runs_on_reading(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::CreatePolicyStmt(_) | NodeEnum::AlterPolicyStmt(_) => true,
        NodeEnum::RuleStmt(rule) => rule.event() == CmdType::CmdSelect,
        // Runs when rows change.
        _ => false,
    }
}

/// The tables that foreign keys with an action, of a column or a table, lead to.
pub(super) fn keys_with_actions(node: &NodeEnum) -> Vec<&RangeVar> {
    let is_plain = |action: &str| matches!(action, "" | NO_ACTION | RESTRICT);
    keys(node, &|key| !is_plain(&key.fk_upd_action) || !is_plain(&key.fk_del_action))
}

fn keys<'n>(node: &'n NodeEnum, counts: &dyn Fn(&Constraint) -> bool) -> Vec<&'n RangeVar> {
    match node {
        NodeEnum::ColumnDef(column) => {
            let constraints = column.constraints.iter().filter_map(|node| node.node.as_ref());
            constraints.flat_map(|part| keys(part, counts)).collect()
        }
        NodeEnum::Constraint(constraint) => {
            constraint.pktable.as_ref().filter(|_| counts(constraint)).into_iter().collect()
        }
        // Adds no constraint.
        _ => Vec::new(),
    }
}

/// `FKCONSTR_ACTION_NOACTION` and `FKCONSTR_ACTION_RESTRICT` of PostgreSQL's `parsenodes.h`.
const NO_ACTION: &str = "a";
const RESTRICT: &str = "r";

pub(super) fn alteration(node: &Node) -> Option<&AlterTableCmd> {
    match node.node.as_ref() {
        Some(NodeEnum::AlterTableCmd(command)) => Some(command),
        _ => None,
    }
}

fn named(node: Option<&NodeEnum>) -> Option<&RangeVar> {
    match node {
        Some(NodeEnum::RangeVar(named)) => Some(named),
        _ => None,
    }
}
