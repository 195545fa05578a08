//! Utility statements: a new name for protected data must not appear behind
//! bauta's back, and nothing may run code that the catalog does not show.

use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableType, DropBehavior, ObjectType, PublicationObjSpecType, RangeVar, ReindexObjectType,
    TruncateStmt,
};

use super::Classifier;
use super::change::into;
use super::making::last;
use super::reshaping::{alteration, concerns_writes};
use crate::catalog::snapshot::{Relation, RelationKind};
use crate::error::{ClientError, sqlstate};
use crate::sql::analysis::{Flow, Statement, StatementKind};
use crate::sql::lineage;

impl Classifier<'_> {
    pub(super) fn utility(&self, node: &NodeEnum) -> Statement {
        let spelled = self.names.iter().any(|name| !self.is_elsewhere(name));
        let counted = self.escapes || spelled || self.names_in_string(node);
        let mut statement = Statement::harmless(self.span.clone(), StatementKind::Utility);
        statement.catalog_change = self.catalog_change(node);
        if counted {
            statement.touches_protected = true;
            statement.named = self.named_columns();
        } else if reaches_unnamed(node) && !self.guard.protected.is_empty() {
            statement.touches_protected = true;
            statement.named = self.guard.protected.values().cloned().collect();
        }
        let passes =
            passes_on_protected(node) || self.refreshes_unprotected(node) || self.adds_harmlessly(node);
        if (counted && !passes) || self.needs_exempt(node) {
            let reason = self.hidden_code(node);
            let reason = reason.or_else(|| self.reshapes_relied(node).then(|| self.reliance()).flatten());
            let reason = reason.or_else(|| self.leads_writes(node));
            statement.needs_exempt = Some(match reason {
                Some(reason) => self.exempt_only().with_detail(reason),
                None => self.exempt_only(),
            });
            statement.names.over_protected = true;
            statement.sensitive_literals = self.tokens.literals(&self.span);
        }
        statement
    }

    /// Does it, whatever its text names, reach something protected or run code
    /// unseen? CREATE SCHEMA holds other statements.
    fn needs_exempt(&self, node: &NodeEnum) -> bool {
        if let NodeEnum::CreateSchemaStmt(create) = node {
            return create
                .schema_elts
                .iter()
                .filter_map(|part| part.node.as_ref())
                .any(|node| self.needs_exempt(node));
        }
        always_exempt(node)
            || self.hidden_code(node).is_some()
            || self.calls_unseen(node)
            || self.renames_beneath(node)
            || self.reshapes_relied(node)
            || self.redirects(node)
            || self.truncates_keys(node)
            || self.restarts(node)
            || self.drops_beneath(node)
    }

    /// REFRESH of a materialized view that shows nothing protected: which rows it has
    /// is its owner's disclosure, as a view's are.
    fn refreshes_unprotected(&self, node: &NodeEnum) -> bool {
        let NodeEnum::RefreshMatViewStmt(refresh) = node else { return false };
        let Some(named) = refresh.relation.as_ref() else { return false };
        let shows_nothing = |view: &Relation| {
            let flows = self.guard.view_flows.get(&view.oid);
            flows.is_some_and(|flows| flows.iter().all(|flow| *flow == Flow::Clean))
                && !self.guard.locked_relations.contains_key(&view.oid)
                && !self.guard.protected.keys().any(|column| column.relation == view.oid)
        };
        let named = lineage::candidates(self.guard.facts(), &named.schemaname, &named.relname);
        let mut views = named.into_iter().filter(|it| it.kind == RelationKind::MaterializedView);
        views.all(shows_nothing)
    }

    /// CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW.
    pub(super) fn create_table_as(&self, node: &NodeEnum) -> Statement {
        let (query, is_view, table) = match node {
            NodeEnum::CreateTableAsStmt(create) => (
                create.query.as_deref().and_then(|query| query.node.as_ref()),
                create.objtype() == ObjectType::ObjectMatview,
                create.into.as_deref().and_then(|into| into.rel.as_ref()),
            ),
            NodeEnum::SelectStmt(select) => (Some(node), false, into(select)),
            other => (Some(other), false, None),
        };
        let mut statement = match (self.is_counted(), is_view, query) {
            (false, _, Some(NodeEnum::ExecuteStmt(_))) => self.refused(self.not_understood()),
            (false, ..) => Statement::harmless(self.span.clone(), StatementKind::Utility),
            (true, false, Some(query)) => self.copying_query(query, table),
            _ => return self.utility(node),
        };
        statement.catalog_change = self.catalog_change(node);
        statement
    }

    /// Rows go into a table: every protected output, and every row choice made
    /// under a grant, needs the `export` right.
    fn copying_query(&self, query: &NodeEnum, table: Option<&RangeVar>) -> Statement {
        match self.lineage_beside(query, table.and_then(|table| self.place_of(table))) {
            Ok(mut lineage) => match lineage.makes_no_table.take() {
                Some(error) => self.refused(error),
                None => {
                    let statement = self.with_lineage(StatementKind::Utility, lineage.exported());
                    Statement { outputs: None, ..statement }
                }
            },
            Err(error) => self.refused(error),
        }
    }

    /// A counted name in a string that is code, the text of a function, or a name.
    fn names_in_string(&self, node: &NodeEnum) -> bool {
        let (strings, is_code): (Vec<&str>, bool) = match node {
            NodeEnum::CreateFunctionStmt(function) => {
                (function.options.iter().filter_map(definition_strings).flatten().collect(), true)
            }
            node => match strings_that_name(node) {
                none if none.is_empty() => return false,
                strings => (strings, false),
            },
        };
        let names = |text: &str, name: &Range<usize>| !(is_code && self.is_elsewhere_in(text, name));
        let counts = |text: &str| {
            let hits = self.guard.prefilter.hits(text.as_bytes());
            hits.iter().any(|hit| !hit.span.is_empty() && names(text, &hit.span))
        };
        self.quoted.iter().any(|name| names(self.text, name)) || strings.into_iter().any(counts)
    }

    /// CREATE FUNCTION in a language or form whose body can't be judged: dynamic
    /// SQL, DDL, a cursor taken by name, or anything that is not SQL or PL/pgSQL.
    fn hidden_code(&self, node: &NodeEnum) -> Option<String> {
        let NodeEnum::CreateFunctionStmt(function) = node else { return None };
        if function.sql_body.is_some() {
            return None;
        }
        let language = function.options.iter().find_map(language_name);
        let mut bodies = function.options.iter().filter_map(definition_strings).flatten();
        match language.as_deref() {
            Some("sql") => bodies.find_map(|body| self.hidden_in_sql(body)),
            Some("plpgsql") => bodies.find_map(|body| self.hidden_in_plpgsql(body)),
            _ => Some("its language is neither SQL nor PL/pgSQL".to_owned()),
        }
    }

    /// CREATE TRIGGER of a function that may read protected data unseen: its
    /// name counts nowhere else, since nothing can call it.
    fn calls_unseen(&self, node: &NodeEnum) -> bool {
        let NodeEnum::CreateTrigStmt(trigger) = node else { return false };
        last(&trigger.funcname).into_iter().any(|name| self.is_opaque(name))
    }

    fn is_opaque(&self, function: &str) -> bool {
        let known = self.guard.snapshot.functions_by_name.get(function);
        known.into_iter().flatten().any(|oid| self.guard.opaque_functions.contains(oid))
    }

    /// TRUNCATE whose triggers may take rows that protected keys lead to. By
    /// CASCADE it reaches any table.
    fn truncates_keys(&self, node: &NodeEnum) -> bool {
        let NodeEnum::TruncateStmt(truncate) = node else { return false };
        let is_named = |relation: &Relation| truncates(truncate, relation);
        let cascades = truncate.behavior() == DropBehavior::DropCascade;
        let asking = self.guard.set_off.keys().filter_map(|oid| self.guard.snapshot.relations.get(oid));
        asking.filter(|relation| relation.truncate_triggers).any(|table| cascades || is_named(table))
    }

    /// TRUNCATE … RESTART IDENTITY of a sequence that protected columns get their
    /// numbers of: they would be those of rows that are elsewhere.
    fn restarts(&self, node: &NodeEnum) -> bool {
        let NodeEnum::TruncateStmt(truncate) = node else { return false };
        if !truncate.restart_seqs {
            return false;
        }
        let snapshot = &self.guard.snapshot;
        let cascades = truncate.behavior() == DropBehavior::DropCascade;
        let is_named = |relation: &Relation| truncates(truncate, relation);
        let is_filled = |relation: &&Relation| {
            let mut sequences = relation.columns.iter().flat_map(|column| &column.sequences);
            sequences.any(|oid| self.guard.sequences.contains_key(oid))
        };
        snapshot.relations.values().filter(is_filled).any(|relation| {
            cascades || is_named(relation) || snapshot.above(relation).into_iter().any(is_named)
        })
    }

    /// The statement's command, as a command tag has it: `CREATE VIEW`. Never a
    /// literal, which DO begins with.
    fn command(&self) -> String {
        let tokens = self.tokens.within(&self.span).filter_map(|(at, _)| self.text.get(at));
        let mut command = Vec::new();
        for word in tokens.map(str::to_ascii_uppercase) {
            if !word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                break;
            }
            if matches!(word.as_str(), "OR" | "REPLACE" | "TEMP" | "TEMPORARY" | "UNLOGGED") {
                continue;
            }
            let goes_on =
                matches!(word.as_str(), "MATERIALIZED" | "EVENT" | "FOREIGN" | "TEXT" | "USER" | "ACCESS");
            command.push(word);
            if command.len() > 1 && !goes_on {
                break;
            }
        }
        command.join(" ")
    }

    pub(super) fn exempt_only(&self) -> ClientError {
        ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!(
                "permission denied: {} could give protected data a new name or run unseen code",
                self.command()
            ),
        )
        .with_hint(match self.namesakes().as_slice() {
            [] => "A role with \"exempt = true\" in the policy may run it.".to_owned(),
            names => format!(
                "Write {} if that is meant. Else a role with \"exempt = true\" in the policy may run it.",
                names.join(" or ")
            ),
        })
        .at(self.position(self.span.start))
    }
}

/// May it name this relation?
fn truncates(truncate: &TruncateStmt, relation: &Relation) -> bool {
    truncate.relations.iter().any(|named| match named.node.as_ref() {
        Some(NodeEnum::RangeVar(named)) => *named.relname == *relation.name,
        _ => true,
    })
}

/// The strings of a function's `AS` clause, as PostgreSQL reads them.
pub(super) fn definition_strings(option: &pg_query::Node) -> Option<Vec<&str>> {
    let Some(NodeEnum::DefElem(option)) = option.node.as_ref() else { return None };
    if option.defname != "as" {
        return None;
    }
    match option.arg.as_deref()?.node.as_ref()? {
        NodeEnum::String(body) => Some(vec![&body.sval]),
        NodeEnum::List(list) => Some(
            list.items
                .iter()
                .filter_map(|item| match item.node.as_ref() {
                    Some(NodeEnum::String(body)) => Some(body.sval.as_str()),
                    _ => None,
                })
                .collect(),
        ),
        _ => None,
    }
}

/// What stands in strings where a function or type may be named: CREATE
/// AGGREGATE, CREATE TYPE and the like (`defGetQualifiedName` in `define.c`).
pub(super) fn strings_that_name(node: &NodeEnum) -> Vec<&str> {
    match node {
        NodeEnum::DefineStmt(define) => strings_of(&define.definition),
        NodeEnum::CreateRangeStmt(range) => strings_of(&range.params),
        NodeEnum::AlterTypeStmt(alter) => strings_of(&alter.options),
        NodeEnum::AlterOperatorStmt(alter) => strings_of(&alter.options),
        _ => Vec::new(),
    }
}

/// What options that are given as strings hold.
fn strings_of(options: &[pg_query::Node]) -> Vec<&str> {
    fn string(option: &pg_query::Node) -> Option<&str> {
        let NodeEnum::DefElem(option) = option.node.as_ref()? else { return None };
        match option.arg.as_deref()?.node.as_ref()? {
            NodeEnum::String(text) => Some(&text.sval),
            _ => None,
        }
    }
    options.iter().filter_map(string).collect()
}

fn language_name(option: &pg_query::Node) -> Option<String> {
    let Some(NodeEnum::DefElem(option)) = option.node.as_ref() else { return None };
    if option.defname != "language" {
        return None;
    }
    match option.arg.as_deref()?.node.as_ref()? {
        NodeEnum::String(name) => Some(name.sval.to_ascii_lowercase()),
        _ => None,
    }
}

/// Refused without `exempt` whatever they name: a loopback server, an
/// extension or an anonymous block goes round bauta.
fn always_exempt(node: &NodeEnum) -> bool {
    makes_operator(node)
        || alters_type(node)
        || renames_database(node)
        || publishes_unnamed(node)
        || matches!(
            node,
            NodeEnum::DoStmt(_)
            | NodeEnum::LoadStmt(_)
            // Some settings are commands that the server runs.
            | NodeEnum::AlterSystemStmt(_)
            | NodeEnum::CreateForeignServerStmt(_)
            | NodeEnum::AlterForeignServerStmt(_)
            | NodeEnum::CreateUserMappingStmt(_)
            | NodeEnum::AlterUserMappingStmt(_)
            | NodeEnum::CreateFdwStmt(_)
            | NodeEnum::AlterFdwStmt(_)
            | NodeEnum::CreateForeignTableStmt(_)
            | NodeEnum::ImportForeignSchemaStmt(_)
            | NodeEnum::CreateExtensionStmt(_)
            | NodeEnum::AlterExtensionStmt(_)
            | NodeEnum::AlterExtensionContentsStmt(_)
            // It goes with an extension, even under RESTRICT.
            | NodeEnum::AlterObjectDependsStmt(_)
            | NodeEnum::AlterPublicationStmt(_)
            | NodeEnum::CreateSubscriptionStmt(_)
            | NodeEnum::AlterSubscriptionStmt(_)
            // PostgreSQL would run its function on values that are only shown together.
            | NodeEnum::CreateCastStmt(_)
            // Its CHECK would run on the values of every column of it.
            | NodeEnum::AlterDomainStmt(_)
            | NodeEnum::CreatePlangStmt(_)
            | NodeEnum::CreateTransformStmt(_)
            | NodeEnum::CreateConversionStmt(_)
            | NodeEnum::CreateEventTrigStmt(_)
            // Indexes, and triggers, look into texts by it: one that fails where
            // something stands in a text, or is left out, tells.
            | NodeEnum::AlterTsconfigurationStmt(_)
            | NodeEnum::AlterTsdictionaryStmt(_)
        )
}

/// It works on tables that it does not name: what it computes of them fails
/// with values in the message.
fn reaches_unnamed(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::VacuumStmt(vacuum) => vacuum.rels.is_empty(),
        NodeEnum::ClusterStmt(cluster) => cluster.relation.is_none(),
        // An index's name is not its table's.
        NodeEnum::ReindexStmt(reindex) => reindex.kind() != ReindexObjectType::ReindexObjectTable,
        // Any foreign key leads on, and triggers run where it ends.
        NodeEnum::TruncateStmt(truncate) => truncate.behavior() == DropBehavior::DropCascade,
        _ => false,
    }
}

/// `LIKE`, `BETWEEN`, `IN` and the like mean whatever operator the search_path
/// finds first, in a DBA's code too.
fn makes_operator(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::DefineStmt(define) => define.kind() == ObjectType::ObjectOperator,
        NodeEnum::AlterObjectSchemaStmt(moved) => moved.object_type() == ObjectType::ObjectOperator,
        _ => false,
    }
}

/// CREATE PUBLICATION of more than tables that it names. What it publishes is read
/// through replication, which no session has through bauta.
fn publishes_unnamed(node: &NodeEnum) -> bool {
    let is_table = |part: &pg_query::Node| match part.node.as_ref() {
        Some(NodeEnum::PublicationObjSpec(part)) => {
            part.pubobjtype() == PublicationObjSpecType::PublicationobjTable
        }
        _ => false,
    };
    match node {
        NodeEnum::CreatePublicationStmt(create) => {
            create.for_all_tables || !create.pubobjects.iter().all(is_table)
        }
        _ => false,
    }
}

/// The same tables in a database of a name that no rule may mean.
fn renames_database(node: &NodeEnum) -> bool {
    let is_copied = |option: &pg_query::Node| match option.node.as_ref() {
        Some(NodeEnum::DefElem(option)) if option.defname == "template" => {
            let name = option.arg.as_deref().and_then(|name| name.node.as_ref());
            !matches!(name, Some(NodeEnum::String(name)) if matches!(&*name.sval, "template0" | "template1"))
        }
        Some(NodeEnum::DefElem(_)) => false,
        _ => true,
    };
    match node {
        NodeEnum::CreatedbStmt(create) => create.options.iter().any(is_copied),
        NodeEnum::RenameStmt(rename) => rename.rename_type() == ObjectType::ObjectDatabase,
        _ => false,
    }
}

/// `ALTER TYPE … ALTER ATTRIBUTE … CASCADE` rewrites the tables of the type.
fn alters_type(node: &NodeEnum) -> bool {
    matches!(node, NodeEnum::AlterTableStmt(alter) if alter.objtype() == ObjectType::ObjectType)
}

/// May a session without `exempt` run it on protected relations?
fn passes_on_protected(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::TruncateStmt(_)
        | NodeEnum::VacuumStmt(_)
        | NodeEnum::ReindexStmt(_)
        | NodeEnum::LockStmt(_)
        | NodeEnum::CommentStmt(_)
        | NodeEnum::GrantStmt(_)
        | NodeEnum::GrantRoleStmt(_)
        | NodeEnum::DropStmt(_)
        | NodeEnum::AlterOwnerStmt(_) => true,
        // Rows laid out along an index of the client's choice show its order.
        NodeEnum::ClusterStmt(cluster) => cluster.indexname.is_empty(),
        NodeEnum::AlterTableStmt(alter) => alter.cmds.iter().all(is_harmless_alteration),
        _ => false,
    }
}

/// `ALTER TABLE … OWNER/ENABLE/DISABLE`. Not FORCE: the owner's own writes
/// would then ask a policy about the rows.
pub(super) fn is_harmless_alteration(command: &pg_query::Node) -> bool {
    use AlterTableType as Type;
    if concerns_writes(command) {
        return true;
    }
    let Some(command) = alteration(command) else { return false };
    matches!(
        command.subtype(),
        Type::AtChangeOwner
            | Type::AtEnableRule
            | Type::AtEnableAlwaysRule
            | Type::AtEnableReplicaRule
            | Type::AtDisableRule
            | Type::AtEnableRowSecurity
            | Type::AtDisableRowSecurity
    )
}
