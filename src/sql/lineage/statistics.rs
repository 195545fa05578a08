//! Column statistics hold raw values. A relation of them is read through a
//! subquery, spliced in its place, that blanks what was computed from
//! protected columns. See "System Catalogs: pg_statistic" and "pg_stats" in
//! PostgreSQL's documentation.

use std::collections::BTreeSet;

use pg_query::protobuf::RangeVar;

use super::{Analysed, Walk};
use crate::catalog::snapshot::{Relation, Snapshot};
use crate::policy::{Disclosure, ProtectedColumn};
use crate::sql::analysis::{Flow, Otherwise, Use, UseKind};
use crate::sql::splice::Edit;
use std::sync::Arc;

/// The columns of each relation that identify a row; the others are computed
/// from values.
const RELATIONS: &[(&str, &[&str])] = &[
    ("pg_stats", &["schemaname", "tablename", "attname", "inherited"]),
    (
        "pg_stats_ext",
        &[
            "schemaname",
            "tablename",
            "statistics_schemaname",
            "statistics_name",
            "statistics_owner",
            "attnames",
            "exprs",
            "kinds",
            "inherited",
        ],
    ),
    (
        "pg_stats_ext_exprs",
        &[
            "schemaname",
            "tablename",
            "statistics_schemaname",
            "statistics_name",
            "statistics_owner",
            "expr",
            "inherited",
        ],
    ),
    // No statistics, but alike: under SERIALIZABLE a page and a tuple are those
    // of a row that was found by a protected value.
    (
        "pg_locks",
        &[
            "locktype",
            "database",
            "relation",
            "virtualxid",
            "transactionid",
            "classid",
            "objid",
            "objsubid",
            "virtualtransaction",
            "pid",
            "mode",
            "granted",
            "fastpath",
            "waitstart",
        ],
    ),
    // Nor here: how much of a COPY has passed is how long its values are.
    (
        "pg_stat_progress_copy",
        &[
            "pid",
            "datid",
            "datname",
            "relid",
            "command",
            "type",
            "tuples_processed",
            "tuples_excluded",
            "tuples_skipped",
        ],
    ),
    ("pg_statistic", &["starelid", "staattnum", "stainherit"]),
    ("pg_statistic_ext_data", &["stxoid", "stxdinherit"]),
];

/// Those of [`RELATIONS`] that the server has.
pub(crate) fn relations_of_statistics(snapshot: &Snapshot) -> impl Iterator<Item = &Relation> {
    RELATIONS.iter().filter_map(|(name, _)| snapshot.relation("pg_catalog", name))
}

/// Does this column of a relation of the server's own hold what was computed
/// from values? In a view of a DBA's, nothing can be spliced: it may be
/// computed from any protected column.
pub(crate) fn holds_statistics(relation: &Relation, column: &str) -> bool {
    let known = RELATIONS.iter().find(|(name, _)| *name == &*relation.name);
    &*relation.schema == "pg_catalog" && known.is_some_and(|(_, identity)| !identity.contains(&column))
}

/// Rows that nobody sees: predicate locks say which tables and rows were read, so
/// which way a query went by a protected value. Nobody waits for one.
fn left_out(name: &str) -> &'static str {
    match name {
        "pg_locks" => " WHERE s.mode OPERATOR(pg_catalog.<>) 'SIReadLock'",
        _ => "",
    }
}

/// What tells of an advisory lock which number was locked.
const LOCKED_BY_VALUE: &[&str] = &["classid", "objid", "objsubid"];

pub(super) fn is_statistics(name: &str) -> bool {
    RELATIONS.iter().any(|(known, _)| *known == name)
}

impl<'a> Walk<'a> {
    /// Adds the edit that filters a relation of statistics.
    pub(super) fn filter_statistics(&mut self, named: &'a RangeVar, relations: &[&Relation]) -> Analysed<()> {
        let Some((name, identity)) = RELATIONS.iter().find(|(name, _)| *name == named.relname) else {
            return Ok(());
        };
        let Some(relation) = relations.iter().find(|relation| &*relation.schema == "pg_catalog") else {
            return Ok(());
        };
        let columns = self.all_protected();
        if columns.is_empty() || self.view {
            return Ok(());
        }
        let parts =
            1 + usize::from(!named.schemaname.is_empty()) + usize::from(!named.catalogname.is_empty());
        let span = self.places.name(named.location, parts)?;
        let before = self.places.before(span.start);
        if matches!(before, Some(pg_query::protobuf::Token::Table | pg_query::protobuf::Token::Only)) {
            return self.refuse(format!("{name} can only be read as a plain item of FROM"), named.location);
        }
        let alias = if named.alias.is_some() { String::new() } else { format!(" AS {name}") };
        let text = format!("({}){alias}", self.filtered(relation, identity));
        self.touches = true;
        self.add_use(Use {
            columns,
            kind: UseKind::Statistics,
            needs: Disclosure::Value,
            export: false,
            only_grant: true,
            position: self.places.position(span.start),
            span: span.clone(),
            otherwise: Otherwise::Neutralise(vec![Edit::new(span.clone(), text)]),
            given: None,
            domain: None,
            detail: None,
        });
        Ok(())
    }

    fn filtered(&self, relation: &Relation, identity: &[&str]) -> String {
        let locks_by_value = &*relation.name == "pg_locks" && self.locks_by_value();
        let columns: Vec<String> = relation
            .columns
            .iter()
            .map(|column| match identity.contains(&&*column.name) {
                true if locks_by_value && LOCKED_BY_VALUE.contains(&&*column.name) => {
                    let name = quoted(&column.name);
                    format!(
                        "CASE WHEN s.locktype OPERATOR(pg_catalog.=) 'advisory' THEN NULL ELSE s.{name} END \
                         AS {name}"
                    )
                }
                true => format!("s.{}", quoted(&column.name)),
                false => {
                    let name = quoted(&column.name);
                    format!("CASE WHEN h.hidden THEN NULL ELSE s.{name} END AS {name}")
                }
            })
            .collect();
        format!(
            "SELECT {} FROM pg_catalog.{} AS s CROSS JOIN LATERAL (SELECT {} AS hidden) AS h{}",
            columns.join(", "),
            quoted(&relation.name),
            self.hidden_row(&relation.name),
            left_out(&relation.name)
        )
    }

    /// Is there code that may take an advisory lock by a protected value?
    fn locks_by_value(&self) -> bool {
        let mut functions = self.facts.snapshot.functions.values();
        functions.any(|function| {
            !function.oid.is_builtin() && function.body.to_ascii_lowercase().contains("advisory")
        })
    }

    /// The condition under which row `s` is about a protected column.
    fn hidden_row(&self, name: &str) -> String {
        let oids: Vec<String> = self.protected_relations().iter().map(ToString::to_string).collect();
        let oids = oids.join(", ");
        match name {
            "pg_statistic" => format!(
                "s.starelid OPERATOR(pg_catalog.=) ANY ('{{{oids}}}'::pg_catalog.oid[]) OR s.starelid \
                 OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT x.indexrelid FROM pg_catalog.pg_index AS x WHERE \
                 x.indrelid OPERATOR(pg_catalog.=) ANY ('{{{oids}}}'::pg_catalog.oid[])))",
                oids = oids.replace(' ', "")
            ),
            "pg_statistic_ext_data" => format!(
                "s.stxoid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT x.oid FROM pg_catalog.pg_statistic_ext AS x \
                 WHERE x.stxrelid OPERATOR(pg_catalog.=) ANY ('{{{oids}}}'::pg_catalog.oid[])))",
                oids = oids.replace(' ', "")
            ),
            "pg_locks" | "pg_stat_progress_copy" => "true".to_owned(),
            // The views name their table: any index or table that belongs to a protected one.
            _ => format!(
                "EXISTS (SELECT 1 FROM pg_catalog.pg_class AS k JOIN pg_catalog.pg_namespace AS n ON n.oid \
                 OPERATOR(pg_catalog.=) k.relnamespace LEFT JOIN pg_catalog.pg_index AS x ON x.indexrelid \
                 OPERATOR(pg_catalog.=) k.oid WHERE n.nspname OPERATOR(pg_catalog.=) s.schemaname AND k.relname \
                 OPERATOR(pg_catalog.=) s.tablename AND (COALESCE(x.indrelid, k.oid) OPERATOR(pg_catalog.=) ANY \
                 ('{{{oids}}}'::pg_catalog.oid[])){column})",
                oids = oids.replace(' ', ""),
                column = if name == "pg_stats" { self.hidden_column() } else { String::new() },
            ),
        }
    }

    /// In `pg_stats`, the other columns of a protected table stay readable.
    fn hidden_column(&self) -> String {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for relation in self.facts.snapshot.relations.values() {
            if !self.facts.counted_relations.contains(&relation.oid) {
                continue;
            }
            for field in self.fields_of(relation).iter().filter(|field| field.flow != Flow::Clean) {
                names.insert(literal(&field.name));
            }
        }
        let names: Vec<String> = names.into_iter().collect();
        format!(
            " AND (x.indrelid IS NOT NULL OR s.attname OPERATOR(pg_catalog.=) ANY (ARRAY[{}]::pg_catalog.name[]))",
            names.join(", ")
        )
    }

    /// Tables and materialized views that hold protected values, in order.
    fn protected_relations(&self) -> Vec<u32> {
        let mut oids: BTreeSet<u32> = self.facts.protected.keys().map(|id| id.relation.0).collect();
        let carrying =
            self.facts.view_flows.iter().filter(|(_, flows)| flows.iter().any(|f| *f != Flow::Clean));
        oids.extend(carrying.map(|(oid, _)| oid.0));
        oids.into_iter().collect()
    }

    pub(super) fn all_protected(&self) -> Vec<Arc<ProtectedColumn>> {
        let mut columns: Vec<Arc<ProtectedColumn>> = self.facts.protected.values().cloned().collect();
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        columns
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
