//! The raw facts of one database, as read at one moment. Nothing here is
//! about policy.

use std::collections::HashMap;
use std::sync::Arc;

use super::Oid;

/// `pg_class.relkind`, as far as bauta distinguishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelationKind {
    Table,
    PartitionedTable,
    View,
    MaterializedView,
    ForeignTable,
    Sequence,
    /// Composite types, indexes, toast: anything a query can't read rows of.
    Other,
}

#[derive(Debug, Clone)]
pub struct Column {
    /// From 1; dropped columns leave gaps.
    pub attribute: i16,
    pub name: Arc<str>,
    pub type_oid: Oid,
    /// `atttypmod`: declared length or precision, -1 without.
    pub type_modifier: i32,
    pub not_null: bool,
    /// The expression of `GENERATED ALWAYS AS (…)`, as `pg_get_expr` prints it.
    pub generated: Option<Arc<str>>,
    /// Any other default, printed likewise.
    pub default: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub struct Relation {
    pub oid: Oid,
    pub schema: Arc<str>,
    pub name: Arc<str>,
    pub kind: RelationKind,
    /// In attribute order, without dropped ones.
    pub columns: Vec<Column>,
    /// Views and materialized views: `pg_get_viewdef`, every name qualified.
    pub definition: Option<Arc<str>>,
    /// Parents by inheritance or partitioning.
    pub parents: Vec<Oid>,
    /// Relations that its rewrite rules (other than a view's `_RETURN`) read or write.
    pub rule_references: Vec<Oid>,
    /// It has rewrite rules other than a view's `_RETURN`.
    pub has_rules: bool,
    /// Functions that its triggers run.
    pub trigger_functions: Vec<Oid>,
    /// Other relations and functions that its RLS policies, defaults and
    /// CHECKs depend on (`pg_depend`).
    pub depends_on_relations: Vec<Oid>,
    pub depends_on_functions: Vec<Oid>,
    pub constraints: Vec<Constraint>,
}

/// A CHECK, UNIQUE, PRIMARY KEY, EXCLUDE or FOREIGN KEY, or a unique index.
#[derive(Debug, Clone)]
pub struct Constraint {
    pub name: Arc<str>,
    pub kind: ConstraintKind,
    /// Columns of the table it stands on.
    pub columns: Vec<i16>,
    /// FOREIGN KEY: the referenced table and its columns, pairwise with `columns`.
    pub references: Option<(Oid, Vec<i16>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    Check,
    Unique,
    Exclude,
    ForeignKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

#[derive(Debug, Clone)]
pub struct Function {
    pub oid: Oid,
    pub schema: Arc<str>,
    pub name: Arc<str>,
    /// `pg_language.lanname`.
    pub language: Arc<str>,
    pub volatility: Volatility,
    /// `f` function, `p` procedure, `a` aggregate, `w` window.
    pub kind: char,
    /// `prosrc`, or the printed body of a `BEGIN ATOMIC` function; empty for C and internal.
    pub body: Arc<str>,
    pub returns_set: bool,
    pub return_type: Oid,
    pub argument_types: Vec<Oid>,
    /// The extension it belongs to, if any.
    pub extension: Option<Arc<str>>,
    /// Aggregates: their transition, final, combine … functions.
    pub support: Vec<Oid>,
}

#[derive(Debug, Clone)]
pub struct TypeInfo {
    pub oid: Oid,
    pub schema: Arc<str>,
    pub name: Arc<str>,
    /// `typtype`: b base, c composite, d domain, e enum, p pseudo, r range, m multirange.
    pub kind: char,
    /// `typcategory`.
    pub category: char,
    /// Element type of an array type.
    pub element: Option<Oid>,
    /// Base type of a domain.
    pub base: Option<Oid>,
    /// `typtypmod`: the length or precision that a domain declares for its
    /// base type, -1 without.
    pub modifier: i32,
    /// Row type of this relation.
    pub relation: Option<Oid>,
    pub extension: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub struct Operator {
    pub oid: Oid,
    pub schema: Arc<str>,
    pub name: Arc<str>,
    pub left: Option<Oid>,
    pub right: Option<Oid>,
    pub function: Oid,
}

#[derive(Debug, Clone)]
pub struct Cast {
    pub source: Oid,
    pub target: Oid,
    pub function: Option<Oid>,
}

/// Everything bauta knows of one database.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// `server_version_num`, 130000 and up.
    pub server_version: u32,
    pub database: Arc<str>,
    /// Of all schemas, `pg_catalog` and `information_schema` included.
    pub relations: HashMap<Oid, Relation>,
    /// Unqualified relation name (as stored) → every relation of that name.
    pub relations_by_name: HashMap<Arc<str>, Vec<Oid>>,
    pub functions: HashMap<Oid, Function>,
    pub functions_by_name: HashMap<Arc<str>, Vec<Oid>>,
    pub types: HashMap<Oid, TypeInfo>,
    pub types_by_name: HashMap<Arc<str>, Vec<Oid>>,
    /// Operators outside `pg_catalog`.
    pub operators: Vec<Operator>,
    /// Casts made by users.
    pub casts: Vec<Cast>,
    /// Names of collations outside `pg_catalog`.
    pub collations: Vec<Arc<str>>,
    pub extensions: Vec<Arc<str>>,
    /// Role name → names of the roles it is a member of, directly or not.
    pub memberships: HashMap<Arc<str>, Vec<Arc<str>>>,
}

impl Snapshot {
    pub fn relation(&self, schema: &str, name: &str) -> Option<&Relation> {
        self.relations_by_name
            .get(name)?
            .iter()
            .filter_map(|oid| self.relations.get(oid))
            .find(|r| &*r.schema == schema)
    }
}

impl Relation {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| &*c.name == name)
    }
    pub fn attribute(&self, attribute: i16) -> Option<&Column> {
        self.columns.iter().find(|c| c.attribute == attribute)
    }
}
