//! Reads a [`Snapshot`] from a server: a handful of set-based queries in one
//! REPEATABLE READ transaction, sent in one go.
//!
//! Invariant: a snapshot shows one moment. What DDL in progress keeps from
//! being read is taken from the snapshot before, if nothing it rests on has
//! changed, or left out; then [`Loaded::complete`] is false, and the caller
//! loads again soon. We never wait for a lock that a client holds: it may be
//! the client that waits for this load.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql};

use super::Oid;
use super::queries;
use super::service::Connection;
use super::snapshot::{
    Action, Cast, Column, Constraint, ConstraintKind, Function, Operator, Relation, RelationKind, Remote,
    Snapshot, TypeInfo, Volatility,
};

/// Oldest server that bauta supports.
const OLDEST_SERVER: i32 = 130_000;
/// First server with `BEGIN ATOMIC` bodies, and statistics of expressions.
const FIRST_WITH_SQL_BODIES: u32 = 140_000;
/// First server with NULLS NOT DISTINCT.
const FIRST_WITH_EQUAL_NULLS: u32 = 150_000;
/// First server with NOT ENFORCED.
const FIRST_WITH_UNENFORCED: u32 = 180_000;

/// `column IS [NOT] NULL` in a stored expression.
const NULL_TESTS: &str = "[{]NULLTEST :arg [{]VAR :varno [0-9]+ :varattno [1-9][0-9]* ";

/// `TRIGGER_TYPE_INSERT`, `_UPDATE` and `_TRUNCATE` of PostgreSQL's `pg_trigger.h`.
const FOR_EACH_ROW: i16 = 1;
const FIRED_BEFORE: i16 = 1 << 1;
const FIRED_BY_INSERT: i16 = 1 << 2;
const FIRED_BY_UPDATE: i16 = 1 << 4;
const FIRED_BY_TRUNCATE: i16 = 1 << 5;

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("reading the catalog")]
    Query(#[source] tokio_postgres::Error),
    #[error("the server is version {0}: bauta needs 13 or newer")]
    TooOld(i32),
    #[error("the catalog shows {what} where none can be")]
    Inconsistent { what: &'static str },
}

impl From<tokio_postgres::Error> for LoadError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Query(error)
    }
}

impl LoadError {
    /// Did it fail on what somebody's DDL was doing at that moment: a lock that
    /// came between, a view that was dropped while it was printed?
    pub fn is_passing(&self) -> bool {
        let Self::Query(error) = self else { return false };
        let passing = [SqlState::LOCK_NOT_AVAILABLE, SqlState::INTERNAL_ERROR, SqlState::UNDEFINED_TABLE];
        error.code().is_some_and(|code| passing.contains(code))
    }
}

/// A snapshot, and whether everything could be read.
#[derive(Debug)]
pub struct Loaded {
    pub snapshot: Snapshot,
    /// False: DDL in progress kept a definition from being read; load again.
    pub complete: bool,
}

/// Reads the catalog of the database that `connection` leads to. The session
/// must be used for nothing else meanwhile.
///
/// # Errors
/// When a query fails; the transaction is rolled back as far as possible.
pub async fn load(connection: &Connection, previous: Option<&Snapshot>) -> Result<Loaded, LoadError> {
    alone(connection, read(connection, previous)).await
}

/// A rewrite rule with a condition, as the server prints it.
#[derive(Debug)]
pub struct ConditionalRule {
    pub relation: Oid,
    pub name: String,
    pub definition: String,
}

/// Reads those that users made, as [`load`] reads the rest.
///
/// # Errors
/// As [`load`].
pub async fn conditional_rules(connection: &Connection) -> Result<Vec<ConditionalRule>, LoadError> {
    let rule = |row: &Row| {
        Ok(ConditionalRule { relation: oid(row, 0)?, name: get(row, 1)?, definition: get(row, 2)? })
    };
    let reading =
        async { connection.query(queries::CONDITIONAL_RULES, &[]).await?.iter().map(rule).collect() };
    alone(connection, reading).await
}

/// In a transaction that nothing else is done in.
async fn alone<T>(
    connection: &Connection,
    reading: impl Future<Output = Result<T, LoadError>>,
) -> Result<T, LoadError> {
    connection
        .client
        .batch_execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = pg_catalog; \
             SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '60s'; SET LOCAL row_security = off",
        )
        .await?;
    let read = reading.await;
    let ended = connection.client.batch_execute("ROLLBACK").await;
    let read = read?;
    ended?;
    Ok(read)
}

async fn read(connection: &Connection, previous: Option<&Snapshot>) -> Result<Loaded, LoadError> {
    let database = database(connection).await?;
    let builtins = Builtins::fetch(connection, &database, previous).await?;
    let rows = Rows::fetch(connection, database).await?;
    let mut snapshot = rows.database;
    let mut builder = Builder { relations: builtins.relations.clone(), complete: true };
    builder.relations.extend(relations(rows.relations)?);
    builder.columns(rows.columns)?;
    builder.defaults(rows.defaults)?;
    builder.sequences(rows.sequences)?;
    builder.views(rows.views)?;
    builder.rules(rows.rules)?;
    builder.foreign_tables(rows.foreign_tables)?;
    builder.links(rows.inheritance, |r| &mut r.parents)?;
    builder.triggers(rows.triggers)?;
    builder.dependencies(rows.dependencies)?;
    builder.links(rows.policy_builtins, |r| &mut r.policy_functions)?;
    builder.constraints(rows.constraints)?;
    builder.partitions();
    for function in &builtins.functions {
        snapshot.add_function(function.clone());
    }
    for info in &builtins.types {
        snapshot.add_type(info.clone());
    }
    snapshot.builtins = Some(builtins);
    for function in functions(rows.functions, rows.aggregates)? {
        builder.complete &= !function.unreadable;
        snapshot.add_function(function);
    }
    for row in rows.types {
        snapshot.add_type(type_info(&row)?);
    }
    let complete = builder.finish(&mut snapshot, previous);
    snapshot.function_dependencies = pairs(rows.function_dependencies)?;
    for row in rows.type_code {
        let list = match get::<&str>(&row, 1)? {
            "f" => &mut snapshot.domain_functions,
            _ => &mut snapshot.type_dependencies,
        };
        list.entry(oid(&row, 0)?).or_default().push(oid(&row, 2)?);
    }
    snapshot.support_functions = pairs(rows.support_functions)?;
    snapshot.operators = rows.operators.iter().map(operator).collect::<Result<_, _>>()?;
    snapshot.casts = rows.casts.iter().map(cast).collect::<Result<_, _>>()?;
    snapshot.collations = rows.collations.iter().map(|row| text(row, 0)).collect::<Result<_, _>>()?;
    snapshot.holding_others = rows.holding_others.iter().map(|row| text(row, 0)).collect::<Result<_, _>>()?;
    snapshot.extensions = rows.extensions.iter().map(|row| text(row, 0)).collect::<Result<_, _>>()?;
    snapshot.memberships = memberships(rows.memberships)?;
    Ok(Loaded { snapshot, complete })
}

/// What comes with the server: read again only when it has changed, and shared
/// by the snapshots of a database.
#[derive(Debug)]
pub struct Builtins {
    /// Of which database, and what [`queries::BUILTINS`] said of it.
    version: (Oid, u32, String),
    relations: HashMap<Oid, Relation>,
    functions: Vec<Function>,
    types: Vec<TypeInfo>,
}

impl Builtins {
    async fn fetch(
        connection: &Connection,
        database: &Snapshot,
        previous: Option<&Snapshot>,
    ) -> Result<Arc<Self>, LoadError> {
        let line: String = get(&connection.query_one(queries::BUILTINS).await?, 0)?;
        let version = (database.database_oid, database.server_version, line);
        let known = previous.and_then(|previous| previous.builtins.as_ref());
        if let Some(known) = known.filter(|known| known.version == version) {
            return Ok(Arc::clone(known));
        }
        // None of it is under a lock that DDL holds for long.
        let none: [&(dyn ToSql + Sync); 1] = [&Vec::<u32>::new()];
        let [named, parts, called, made] = parted(database.server_version, queries::OF_SERVER);
        let (named, parts, called, made) = tokio::try_join!(
            connection.query(&named, &[]),
            connection.query(&parts, &[]),
            connection.query(&called, &none),
            connection.query(&made, &[]),
        )?;
        let mut builder = Builder { relations: relations(named)?, complete: true };
        builder.columns(parts)?;
        Ok(Arc::new(Self {
            version,
            relations: builder.relations,
            functions: functions(called, Vec::new())?,
            types: made.iter().map(type_info).collect::<Result<_, _>>()?,
        }))
    }
}

/// The queries of relations, columns, functions and types, for one part of them.
fn parted(version: u32, part: &str) -> [String; 4] {
    let functions = functions_query(version);
    [queries::RELATIONS, queries::COLUMNS, &functions, queries::TYPES]
        .map(|query| query.replace("{part}", part))
}

/// The answers to all queries.
struct Rows {
    database: Snapshot,
    relations: Vec<Row>,
    columns: Vec<Row>,
    defaults: Vec<Row>,
    sequences: Vec<Row>,
    views: Vec<Row>,
    rules: Vec<Row>,
    foreign_tables: Vec<Row>,
    inheritance: Vec<Row>,
    triggers: Vec<Row>,
    dependencies: Vec<Row>,
    policy_builtins: Vec<Row>,
    constraints: Vec<Row>,
    functions: Vec<Row>,
    function_dependencies: Vec<Row>,
    aggregates: Vec<Row>,
    types: Vec<Row>,
    type_code: Vec<Row>,
    support_functions: Vec<Row>,
    operators: Vec<Row>,
    casts: Vec<Row>,
    collations: Vec<Row>,
    holding_others: Vec<Row>,
    extensions: Vec<Row>,
    memberships: Vec<Row>,
}

impl Rows {
    async fn fetch(connection: &Connection, database: Snapshot) -> Result<Self, LoadError> {
        let held: Vec<u32> = connection
            .query(queries::HELD, &[])
            .await?
            .iter()
            .map(|row| get(row, 0))
            .collect::<Result<_, _>>()?;
        let [relations, columns, functions, types] = parted(database.server_version, queries::OF_USERS);
        let constraints = constraints_query(database.server_version);
        let held: [&(dyn ToSql + Sync); 1] = [&held];
        let all = |sql: &'static str| connection.query(sql, &[]);
        let with_held = |sql: &'static str| connection.query(sql, &held);
        // Sent together; the server answers them one after the other.
        let (
            relations,
            columns,
            defaults,
            sequences,
            views,
            rules,
            foreign_tables,
            inheritance,
            triggers,
            dependencies,
            policy_builtins,
            constraints,
        ) = tokio::try_join!(
            connection.query(&relations, &[]),
            connection.query(&columns, &[]),
            with_held(queries::DEFAULTS),
            all(queries::SEQUENCES),
            with_held(queries::VIEWS),
            all(queries::RULES),
            all(queries::FOREIGN_TABLES),
            all(queries::INHERITANCE),
            all(queries::TRIGGERS),
            all(queries::DEPENDENCIES),
            all(queries::POLICY_BUILTINS),
            connection.query(&constraints, &[]),
        )?;
        let (
            functions,
            function_dependencies,
            aggregates,
            types,
            type_code,
            support_functions,
            operators,
            casts,
            collations,
            holding_others,
            extensions,
            memberships,
        ) = tokio::try_join!(
            connection.query(&functions, &held),
            all(queries::FUNCTION_DEPENDENCIES),
            all(queries::AGGREGATES),
            connection.query(&types, &[]),
            all(queries::TYPE_CODE),
            all(queries::SUPPORT_FUNCTIONS),
            all(queries::OPERATORS),
            all(queries::CASTS),
            all(queries::COLLATIONS),
            all(queries::HOLDING_OTHERS),
            all(queries::EXTENSIONS),
            all(queries::MEMBERSHIPS),
        )?;
        Ok(Self {
            database,
            relations,
            columns,
            defaults,
            sequences,
            views,
            rules,
            foreign_tables,
            inheritance,
            triggers,
            dependencies,
            policy_builtins,
            constraints,
            functions,
            function_dependencies,
            aggregates,
            types,
            type_code,
            support_functions,
            operators,
            casts,
            collations,
            holding_others,
            extensions,
            memberships,
        })
    }
}

async fn database(connection: &Connection) -> Result<Snapshot, LoadError> {
    let row = connection.query_one(queries::DATABASE).await?;
    let version: i32 = get(&row, 0)?;
    if version < OLDEST_SERVER {
        return Err(LoadError::TooOld(version));
    }
    Ok(Snapshot {
        server_version: u32::try_from(version).map_err(|_| LoadError::TooOld(version))?,
        database: text(&row, 1)?,
        database_oid: oid(&row, 2)?,
        probe: get(&connection.query_one(queries::PROBE).await?, 0)?,
        ..Snapshot::default()
    })
}

fn functions_query(version: u32) -> String {
    let (atomic, body) = match version >= FIRST_WITH_SQL_BODIES {
        true => ("p.prosqlbody IS NOT NULL", "pg_get_function_sqlbody(p.oid)"),
        false => ("false", "''"),
    };
    queries::FUNCTIONS.replace("{atomic}", atomic).replace("{body}", body)
}

fn constraints_query(version: u32) -> String {
    let equal = if version >= FIRST_WITH_EQUAL_NULLS { "i.indnullsnotdistinct" } else { "false" };
    let expressions = if version >= FIRST_WITH_SQL_BODIES { "stxexprs IS NOT NULL" } else { "false" };
    let enforced = if version >= FIRST_WITH_UNENFORCED { "c.conenforced" } else { "true" };
    let whole = if version >= FIRST_WITH_SQL_BODIES { "stxexprs ~ ':varattno 0 '" } else { "false" };
    queries::CONSTRAINTS
        .replace("{nulls_not_distinct}", equal)
        .replace("{null_tests}", NULL_TESTS)
        .replace("{enforced}", enforced)
        .replace("{expressions}", expressions)
        .replace("{expressions_whole}", whole)
}

/// Relations while their parts come in.
struct Builder {
    relations: HashMap<Oid, Relation>,
    complete: bool,
}

impl Builder {
    fn columns(&mut self, rows: Vec<Row>) -> Result<(), LoadError> {
        for row in rows {
            if let Some(relation) = self.relations.get_mut(&oid(&row, 0)?) {
                relation.columns.push(Column {
                    attribute: get(&row, 1)?,
                    name: text(&row, 2)?,
                    type_oid: oid(&row, 3)?,
                    type_modifier: get(&row, 4)?,
                    not_null: get(&row, 5)?,
                    nondeterministic: get(&row, 6)?,
                    missing: get(&row, 7)?,
                    remote: get::<Option<String>>(&row, 8)?.map(Into::into),
                    recased: get(&row, 9)?,
                    is_identity: get(&row, 10)?,
                    default: get::<Option<String>>(&row, 11)?.map(Into::into),
                    ..Column::default()
                });
            }
        }
        Ok(())
    }

    fn defaults(&mut self, rows: Vec<Row>) -> Result<(), LoadError> {
        for row in rows {
            let attribute: i16 = get(&row, 1)?;
            let Some(relation) = self.relations.get_mut(&oid(&row, 0)?) else { continue };
            let Some(column) = relation.columns.iter_mut().find(|c| c.attribute == attribute) else {
                continue;
            };
            let expression: Option<String> = get(&row, 3)?;
            let expression: Arc<str> = expression.unwrap_or_default().into();
            if get::<bool>(&row, 2)? {
                column.generated = Some(expression);
                column.generated_from = get(&row, 4)?;
                let columns = column.generated_from.iter().copied().chain([attribute]).collect();
                let computed = Constraint::computed(Arc::clone(&column.name), columns);
                relation.constraints.push(computed);
            } else {
                column.default = Some(expression);
            }
        }
        Ok(())
    }

    fn sequences(&mut self, rows: Vec<Row>) -> Result<(), LoadError> {
        for row in rows {
            let attribute: i16 = get(&row, 1)?;
            let relation = self.relations.get_mut(&oid(&row, 0)?);
            let columns = relation.into_iter().flat_map(|relation| &mut relation.columns);
            for column in columns.filter(|column| column.attribute == attribute) {
                column.sequences.push(oid(&row, 2)?);
            }
        }
        Ok(())
    }

    fn views(&mut self, rows: Vec<Row>) -> Result<(), LoadError> {
        for row in rows {
            let Some(relation) = self.relations.get_mut(&oid(&row, 0)?) else { continue };
            let version: i64 = get(&row, 1)?;
            relation.definition_version =
                u32::try_from(version).map_err(|_| LoadError::Inconsistent { what: "a transaction id" })?;
            relation.definition = get::<Option<String>>(&row, 2)?.map(Into::into);
        }
        Ok(())
    }

    fn rules(&mut self, rows: Vec<Row>) -> Result<(), LoadError> {
        for row in rows {
            let Some(relation) = self.relations.get_mut(&oid(&row, 0)?) else { continue };
            let is_view: bool = get(&row, 1)?;
            relation.has_rules |= !is_view;
            let is_function: Option<bool> = get(&row, 2)?;
            let list = match (is_view, is_function) {
                (_, None) => continue,
                (true, Some(false)) => &mut relation.definition_relations,
                (true, Some(true)) => &mut relation.definition_functions,
                (false, Some(false)) => &mut relation.rule_references,
                (false, Some(true)) => &mut relation.depends_on_functions,
            };
            list.push(oid(&row, 3)?);
        }
        Ok(())
    }

    fn foreign_tables(&mut self, rows: Vec<Row>) -> Result<(), LoadError> {
        for row in rows {
            let Some(relation) = self.relations.get_mut(&oid(&row, 0)?) else { continue };
            relation.remote = Some(Remote {
                database: get::<Option<String>>(&row, 1)?.map(Into::into),
                schema: text(&row, 2)?,
                table: text(&row, 3)?,
            });
        }
        Ok(())
    }

    fn links(
        &mut self,
        rows: Vec<Row>,
        list: impl Fn(&mut Relation) -> &mut Vec<Oid>,
    ) -> Result<(), LoadError> {
        for row in rows {
            if let Some(relation) = self.relations.get_mut(&oid(&row, 0)?) {
                list(relation).push(oid(&row, 1)?);
            }
        }
        Ok(())
    }

    fn triggers(&mut self, rows: Vec<Row>) -> Result<(), LoadError> {
        for row in rows {
            let Some(relation) = self.relations.get_mut(&oid(&row, 0)?) else { continue };
            let (function, fired_by) = (oid(&row, 1)?, get::<i16>(&row, 2)?);
            if !relation.trigger_functions.contains(&function) {
                relation.trigger_functions.push(function);
            }
            if let Some(arguments) = get::<Option<String>>(&row, 3)? {
                relation.trigger_arguments.push((function, arguments.into()));
            }
            relation.truncate_triggers |= fired_by & FIRED_BY_TRUNCATE != 0;
            relation.update_triggers |= fired_by & FIRED_BY_UPDATE != 0;
            relation.deferrable_triggers |= get::<bool>(&row, 4)?;
            if fired_by & FIRED_BY_INSERT != 0 {
                relation.insert_trigger_functions.push(function);
            }
            if fired_by & (FOR_EACH_ROW | FIRED_BEFORE) == FOR_EACH_ROW | FIRED_BEFORE {
                relation.filling_trigger_functions.push(function);
            }
        }
        Ok(())
    }

    fn dependencies(&mut self, rows: Vec<Row>) -> Result<(), LoadError> {
        for row in rows {
            let Some(relation) = self.relations.get_mut(&oid(&row, 0)?) else { continue };
            let (is_policy, used): (bool, Oid) = (get(&row, 2)?, oid(&row, 3)?);
            let (all, of_policies) = match get::<&str>(&row, 1)? {
                "f" => (&mut relation.depends_on_functions, &mut relation.policy_functions),
                "t" => (&mut relation.depends_on_types, &mut relation.policy_types),
                _ => (&mut relation.depends_on_relations, &mut relation.policy_relations),
            };
            all.push(used);
            if is_policy {
                of_policies.push(used);
            }
        }
        Ok(())
    }

    fn constraints(&mut self, rows: Vec<Row>) -> Result<(), LoadError> {
        for row in rows {
            let Some(relation) = self.relations.get_mut(&oid(&row, 0)?) else { continue };
            let kind = match get::<String>(&row, 2)?.as_str() {
                "c" => ConstraintKind::Check,
                "f" => ConstraintKind::ForeignKey,
                "x" => ConstraintKind::Exclude,
                "k" => ConstraintKind::Computed,
                _ => ConstraintKind::Unique,
            };
            let (referenced, columns) = (oid(&row, 4)?, get::<Vec<i16>>(&row, 3)?);
            let computed = get::<Option<Vec<i16>>>(&row, 10)?.unwrap_or_else(|| columns.clone());
            let is_unproven: bool = get(&row, 11)?;
            relation.constraints.push(Constraint {
                name: text(&row, 1)?,
                kind,
                again: match kind {
                    ConstraintKind::Check if is_unproven => computed.clone(),
                    _ => get(&row, 12)?,
                },
                is_unproven,
                is_deferrable: get(&row, 13)?,
                computed,
                columns,
                references: match kind {
                    ConstraintKind::ForeignKey => Some((referenced, get(&row, 5)?)),
                    _ => None,
                },
                on_delete: match get::<String>(&row, 6)?.as_str() {
                    "c" => Action::Delete,
                    "n" => Action::SetNull,
                    "d" => Action::SetDefault,
                    _ => Action::None,
                },
                on_update: match get::<String>(&row, 7)?.as_str() {
                    "c" => Action::Change,
                    "n" => Action::SetNull,
                    "d" => Action::SetDefault,
                    _ => Action::None,
                },
                is_primary: get(&row, 8)?,
                nulls_tell: get(&row, 9)?,
            });
        }
        Ok(())
    }

    /// A row of a partition must keep what its parents' keys ask of it.
    fn partitions(&mut self) {
        let inherited: Vec<(Oid, Vec<Constraint>)> =
            self.relations.values().map(|relation| (relation.oid, self.keys_above(relation))).collect();
        for (oid, keys) in inherited {
            if let Some(relation) = self.relations.get_mut(&oid) {
                relation.constraints.extend(keys);
            }
        }
    }

    /// What is computed of a row by the partitioned tables above, by the names
    /// of the columns there.
    fn keys_above(&self, relation: &Relation) -> Vec<Constraint> {
        let mut keys = Vec::new();
        let mut above = relation.parents.clone();
        while let Some(parent) = above.pop().and_then(|oid| self.relations.get(&oid)) {
            if parent.kind != RelationKind::PartitionedTable {
                continue;
            }
            above.extend(&parent.parents);
            for key in parent.constraints.iter().filter(|key| key.kind == ConstraintKind::Computed) {
                let here = |columns: &[i16]| -> Vec<i16> {
                    let named = columns.iter().filter_map(|attribute| parent.attribute(*attribute));
                    named.filter_map(|column| relation.column(&column.name)).map(|c| c.attribute).collect()
                };
                let computed = here(&key.computed);
                keys.push(Constraint {
                    computed,
                    ..Constraint::computed(key.name.clone(), here(&key.columns))
                });
            }
        }
        keys
    }

    /// Moves the relations into the snapshot; whether all definitions are there.
    fn finish(mut self, snapshot: &mut Snapshot, previous: Option<&Snapshot>) -> bool {
        let unread: Vec<Oid> =
            self.relations.values().filter(|r| r.lacks_definition()).map(|r| r.oid).collect();
        for view in unread {
            self.complete = false;
            let known = previous.and_then(|previous| self.unchanged_definition(view, previous));
            if let Some(relation) = self.relations.get_mut(&view) {
                relation.definition = known;
            }
        }
        for (_, relation) in self.relations {
            snapshot.add_relation(relation);
        }
        self.complete
    }

    /// The definition as it was, if neither the view nor any relation that it
    /// reads has changed since.
    fn unchanged_definition(&self, view: Oid, previous: &Snapshot) -> Option<Arc<str>> {
        let (now, then) = (self.relations.get(&view)?, previous.relations.get(&view)?);
        let same_view = now.definition_version == then.definition_version;
        let same_bases = now.definition_relations.iter().all(|base| {
            match (self.relations.get(base), previous.relations.get(base)) {
                (Some(now), Some(then)) => same_shape(now, then),
                _ => false,
            }
        });
        (same_view && same_bases).then(|| then.definition.clone())?
    }
}

impl Relation {
    fn lacks_definition(&self) -> bool {
        let is_view = matches!(self.kind, RelationKind::View | RelationKind::MaterializedView);
        is_view && !self.oid.is_builtin() && self.definition.is_none()
    }
}

fn same_shape(now: &Relation, then: &Relation) -> bool {
    let columns = |r: &Relation| -> Vec<(i16, Arc<str>, Oid)> {
        r.columns.iter().map(|c| (c.attribute, Arc::clone(&c.name), c.type_oid)).collect()
    };
    now.schema == then.schema && now.name == then.name && columns(now) == columns(then)
}

fn relations(rows: Vec<Row>) -> Result<HashMap<Oid, Relation>, LoadError> {
    let mut relations = HashMap::with_capacity(rows.len());
    for row in rows {
        let relation = Relation {
            oid: oid(&row, 0)?,
            schema: text(&row, 1)?,
            name: text(&row, 2)?,
            kind: match get::<String>(&row, 3)?.as_str() {
                "r" => RelationKind::Table,
                "p" => RelationKind::PartitionedTable,
                "v" => RelationKind::View,
                "m" => RelationKind::MaterializedView,
                "f" => RelationKind::ForeignTable,
                "S" => RelationKind::Sequence,
                _ => RelationKind::Other,
            },
            toast: some_oid(&row, 4)?,
            owner: text(&row, 5)?,
            ..Relation::default()
        };
        relations.insert(relation.oid, relation);
    }
    Ok(relations)
}

fn functions(rows: Vec<Row>, aggregates: Vec<Row>) -> Result<Vec<Function>, LoadError> {
    let mut made_of: HashMap<Oid, [Vec<Oid>; 2]> = HashMap::new();
    for row in aggregates {
        let oids = |place| -> Result<Vec<Oid>, LoadError> {
            Ok(get::<Vec<u32>>(&row, place)?.into_iter().map(Oid).collect())
        };
        made_of.insert(oid(&row, 0)?, [oids(1)?, oids(2)?]);
    }
    let mut functions = Vec::with_capacity(rows.len());
    for row in rows {
        let id = oid(&row, 0)?;
        let body: Option<String> = get(&row, 10)?;
        let [support, state_types] = made_of.remove(&id).unwrap_or_default();
        functions.push(Function {
            oid: id,
            schema: text(&row, 1)?,
            name: text(&row, 2)?,
            language: text(&row, 3)?,
            volatility: match get::<String>(&row, 4)?.as_str() {
                "i" => Volatility::Immutable,
                "s" => Volatility::Stable,
                _ => Volatility::Volatile,
            },
            kind: character(&row, 5)?,
            unreadable: body.is_none(),
            body: body.unwrap_or_default().into(),
            returns_set: get(&row, 6)?,
            return_type: oid(&row, 7)?,
            argument_types: get::<Vec<u32>>(&row, 8)?.into_iter().map(Oid).collect(),
            outputs: get::<Vec<String>>(&row, 11)?.into_iter().map(Into::into).collect(),
            extension: get::<Option<String>>(&row, 9)?.map(Into::into),
            support,
            state_types,
        });
    }
    Ok(functions)
}

fn type_info(row: &Row) -> Result<TypeInfo, LoadError> {
    Ok(TypeInfo {
        oid: oid(row, 0)?,
        schema: text(row, 1)?,
        name: text(row, 2)?,
        kind: character(row, 3)?,
        category: character(row, 4)?,
        element: some_oid(row, 5)?,
        base: some_oid(row, 6)?,
        modifier: get(row, 7)?,
        relation: some_oid(row, 8)?,
        extension: get::<Option<String>>(row, 9)?.map(Into::into),
    })
}

fn operator(row: &Row) -> Result<Operator, LoadError> {
    Ok(Operator {
        oid: oid(row, 0)?,
        schema: text(row, 1)?,
        name: text(row, 2)?,
        left: some_oid(row, 3)?,
        right: some_oid(row, 4)?,
        functions: get::<Vec<u32>>(row, 5)?.into_iter().map(Oid).collect(),
    })
}

fn cast(row: &Row) -> Result<Cast, LoadError> {
    Ok(Cast {
        source: oid(row, 0)?,
        target: oid(row, 1)?,
        function: some_oid(row, 2)?,
        is_binary: get(row, 3)?,
    })
}

fn pairs(rows: Vec<Row>) -> Result<HashMap<Oid, Vec<Oid>>, LoadError> {
    let mut pairs: HashMap<Oid, Vec<Oid>> = HashMap::new();
    for row in rows {
        pairs.entry(oid(&row, 0)?).or_default().push(oid(&row, 1)?);
    }
    Ok(pairs)
}

/// Follows memberships to their end. PostgreSQL allows no cycles; we don't
/// rely on it.
fn memberships(rows: Vec<Row>) -> Result<HashMap<Arc<str>, Vec<Arc<str>>>, LoadError> {
    let mut direct: HashMap<Arc<str>, Vec<Arc<str>>> = HashMap::new();
    for row in rows {
        let groups = direct.entry(text(&row, 0)?).or_default();
        if let Some(group) = get::<Option<String>>(&row, 1)? {
            groups.push(group.into());
        }
    }
    let all = direct.keys().map(|role| {
        let mut seen: HashSet<Arc<str>> = HashSet::new();
        let mut open: Vec<Arc<str>> = vec![Arc::clone(role)];
        while let Some(next) = open.pop() {
            for group in direct.get(&next).into_iter().flatten() {
                if seen.insert(Arc::clone(group)) {
                    open.push(Arc::clone(group));
                }
            }
        }
        let mut groups: Vec<Arc<str>> = seen.into_iter().collect();
        groups.sort();
        (Arc::clone(role), groups)
    });
    Ok(all.collect())
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, LoadError> {
    Ok(row.try_get(column)?)
}

fn text(row: &Row, column: usize) -> Result<Arc<str>, LoadError> {
    Ok(get::<&str>(row, column)?.into())
}

fn character(row: &Row, column: usize) -> Result<char, LoadError> {
    get::<&str>(row, column)?.chars().next().ok_or(LoadError::Inconsistent { what: "an empty code" })
}

fn oid(row: &Row, column: usize) -> Result<Oid, LoadError> {
    get(row, column).map(Oid)
}

/// PostgreSQL writes 0 for "none".
fn some_oid(row: &Row, column: usize) -> Result<Option<Oid>, LoadError> {
    Ok(Some(oid(row, column)?).filter(|oid| *oid != Oid(0)))
}
