//! The raw facts of one database, as read at one moment. Nothing here is
//! about policy.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Oid;
use super::functions::is_of_extension;
use super::load::Builtins;
use super::mentions::{fold, is_word, words};

/// `pg_catalog.set_config`.
const SET_CONFIG: Oid = Oid(2078);

/// `pg_class.relkind`, as far as bauta distinguishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RelationKind {
    Table,
    PartitionedTable,
    View,
    MaterializedView,
    ForeignTable,
    Sequence,
    /// Composite types and TOAST tables: what people don't read rows of.
    #[default]
    Other,
}

#[derive(Debug, Clone, Default)]
pub struct Column {
    /// From 1; dropped columns leave gaps.
    pub attribute: i16,
    pub name: Arc<str>,
    pub type_oid: Oid,
    /// `atttypmod`: declared length or precision, -1 without.
    pub type_modifier: i32,
    pub not_null: bool,
    /// Its collation holds different texts equal (`pg_collation.collisdeterministic`).
    pub nondeterministic: bool,
    /// Its collation is neither the database's nor "C": another case may have
    /// another length.
    pub recased: bool,
    /// `pg_attribute` holds the value of rows from before the column was added.
    pub missing: bool,
    /// The expression of `GENERATED ALWAYS AS (…)`, as `pg_get_expr` prints it.
    /// Empty where DDL in progress keeps it from being read.
    pub generated: Option<Arc<str>>,
    /// Attributes of the same table that the generation expression reads.
    pub generated_from: Vec<i16>,
    /// Left out, it gets what a sequence gives (`AS IDENTITY`).
    pub is_identity: bool,
    /// Any other default, or else its domain's, printed likewise.
    pub default: Option<Arc<str>>,
    /// Sequences of its default or identity, and those that it owns.
    pub sequences: Vec<Oid>,
    /// Of a foreign table: what the column is called where the table leads.
    pub remote: Option<Arc<str>>,
}

/// Which table a foreign table of `postgres_fdw` shows.
#[derive(Debug, Clone)]
pub struct Remote {
    /// None: what libpq takes where the server's options name none.
    pub database: Option<Arc<str>>,
    pub schema: Arc<str>,
    pub table: Arc<str>,
}

#[derive(Debug, Clone, Default)]
pub struct Relation {
    pub oid: Oid,
    pub schema: Arc<str>,
    pub name: Arc<str>,
    pub kind: RelationKind,
    /// In attribute order, without dropped ones.
    pub columns: Vec<Column>,
    /// Views and materialized views: `pg_get_viewdef`, every name qualified.
    /// None for the server's own views, and where DDL in progress keeps it
    /// from being read.
    pub definition: Option<Arc<str>>,
    /// `xmin` of the view's rule: another one means another definition.
    pub definition_version: u32,
    /// What a view's definition depends on (`pg_depend`: nothing of the
    /// server's own is in it).
    pub definition_relations: Vec<Oid>,
    pub definition_functions: Vec<Oid>,
    /// The role that may change it, with its members.
    pub owner: Arc<str>,
    /// The table that holds its long values (`reltoastrelid`).
    pub toast: Option<Oid>,
    /// Parents by inheritance or partitioning.
    pub parents: Vec<Oid>,
    /// Relations that its rewrite rules (other than a view's `_RETURN`) read or write.
    pub rule_references: Vec<Oid>,
    /// It has rewrite rules other than a view's `_RETURN`.
    pub has_rules: bool,
    /// Functions that its triggers run.
    pub trigger_functions: Vec<Oid>,
    /// Those that a new row sets off.
    pub insert_trigger_functions: Vec<Oid>,
    /// Those that may change a row before it is stored.
    pub filling_trigger_functions: Vec<Oid>,
    /// What its triggers hand to these (`TG_ARGV`), an argument a line.
    pub trigger_arguments: Vec<(Oid, Arc<str>)>,
    /// TRUNCATE runs one of them, UPDATE does.
    pub truncate_triggers: bool,
    pub update_triggers: bool,
    /// One of its triggers may be put off to the end of the transaction.
    pub deferrable_triggers: bool,
    /// Other relations and functions that its RLS policies, defaults, CHECKs,
    /// index expressions and rules depend on (`pg_depend`).
    pub depends_on_relations: Vec<Oid>,
    pub depends_on_functions: Vec<Oid>,
    /// Of these, what its RLS policies depend on: all that runs when it is read.
    pub policy_relations: Vec<Oid>,
    /// Functions that policies call, the server's own included.
    pub policy_functions: Vec<Oid>,
    /// Types of users' that these expressions and policies cast to.
    pub depends_on_types: Vec<Oid>,
    pub policy_types: Vec<Oid>,
    /// Where a foreign table leads, if that is to a PostgreSQL server.
    pub remote: Option<Remote>,
    pub constraints: Vec<Constraint>,
}

/// A CHECK, UNIQUE, PRIMARY KEY, EXCLUDE or FOREIGN KEY, a unique index, or
/// what fails like one.
#[derive(Debug, Clone)]
pub struct Constraint {
    pub name: Arc<str>,
    pub kind: ConstraintKind,
    /// Columns of the table it stands on.
    pub columns: Vec<i16>,
    /// Those of them of which more is asked than whether they are equal: by a
    /// CHECK, an operator, an index's expressions or predicate, and of the last one of a
    /// key WITHOUT OVERLAPS or with PERIOD.
    pub computed: Vec<i16>,
    /// FOREIGN KEY: the referenced table and its columns, pairwise with `columns`.
    pub references: Option<(Oid, Vec<i16>)>,
    /// FOREIGN KEY: what becomes of a row when the one that it refers to goes,
    /// or gets another key.
    pub on_delete: Action,
    pub on_update: Action,
    /// A primary key that is checked at once (not DEFERRABLE), in every partition.
    pub is_primary: bool,
    /// A NULL in one of its columns can make it fail: a CHECK, an index with
    /// a predicate or an expression, NULLS NOT DISTINCT.
    pub nulls_tell: bool,
    /// Rows that are there may not satisfy it (NOT VALID).
    pub is_unproven: bool,
    /// It may be asked only at the end of the transaction.
    pub is_deferrable: bool,
    /// Columns of which it asks whenever a row changes, whatever is written,
    /// and which the row that is there may not satisfy: of a CHECK that is NOT
    /// VALID, of policies whose WITH CHECK is not their USING.
    pub again: Vec<i16>,
}

/// What a foreign key does (`confdeltype`, `confupdtype`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// NO ACTION, RESTRICT.
    None,
    /// ON DELETE CASCADE.
    Delete,
    SetNull,
    SetDefault,
    /// ON UPDATE CASCADE.
    Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    Check,
    Unique,
    Exclude,
    ForeignKey,
    /// No constraint: something that is computed of a row whenever it changes,
    /// and may fail. A generated column, an expression or a predicate of an
    /// index, a policy, statistics of an expression, a partition key.
    Computed,
}

impl Constraint {
    pub fn computed(name: Arc<str>, columns: Vec<i16>) -> Self {
        Self {
            name,
            kind: ConstraintKind::Computed,
            computed: columns.clone(),
            columns,
            references: None,
            on_delete: Action::None,
            on_update: Action::None,
            is_primary: false,
            nulls_tell: true,
            is_unproven: false,
            is_deferrable: false,
            again: Vec::new(),
        }
    }

    /// Does a change of the referenced table write into this one?
    pub fn cascades(&self) -> bool {
        self.on_delete != Action::None || self.on_update != Action::None
    }
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
    /// DDL in progress keeps the body from being read.
    pub unreadable: bool,
    pub returns_set: bool,
    pub return_type: Oid,
    pub argument_types: Vec<Oid>,
    /// Names of its OUT, INOUT and TABLE arguments, empty where they have none.
    pub outputs: Vec<Arc<str>>,
    /// The extension it belongs to, if any.
    pub extension: Option<Arc<str>>,
    /// Aggregates: their transition, final, combine … functions.
    pub support: Vec<Oid>,
    /// Aggregates: the types of their states.
    pub state_types: Vec<Oid>,
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
    /// What it may run: its own function, and those of its negator and commutator.
    pub functions: Vec<Oid>,
}

/// Something that a text may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Named {
    Relation(Oid),
    Function(Oid),
    Type(Oid),
}

#[derive(Debug, Clone)]
pub struct Cast {
    pub source: Oid,
    pub target: Oid,
    pub function: Option<Oid>,
    /// The bytes of the one are a value of the other (`castmethod`): it runs nothing.
    pub is_binary: bool,
}

impl Cast {
    /// Between two of the server's own types, so that no text need name a user's.
    pub fn is_among_builtin(&self) -> bool {
        self.source.is_builtin() && self.target.is_builtin()
    }
}

/// Everything bauta knows of one database.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// `server_version_num`, 130000 and up.
    pub server_version: u32,
    pub database: Arc<str>,
    /// `pg_database.oid`: a database of the same name made anew has another.
    pub database_oid: Oid,
    /// Changes with the catalog, but for temporary tables.
    pub probe: String,
    /// Of all schemas, `pg_catalog` and `information_schema` included.
    pub relations: HashMap<Oid, Relation>,
    /// Unqualified relation name (as stored) → every relation of that name.
    pub relations_by_name: HashMap<Arc<str>, Vec<Oid>>,
    pub functions: HashMap<Oid, Function>,
    pub functions_by_name: HashMap<Arc<str>, Vec<Oid>>,
    pub types: HashMap<Oid, TypeInfo>,
    pub types_by_name: HashMap<Arc<str>, Vec<Oid>>,
    /// What a word of a text, folded, may mean in any schema.
    pub by_word: HashMap<String, Vec<Named>>,
    /// What is called by more than a word, folded: rare, so texts are searched for it.
    pub by_sign: Vec<(String, Named)>,
    /// Function → relations, functions and types that its `BEGIN ATOMIC` body and
    /// its arguments' defaults depend on.
    pub function_dependencies: HashMap<Oid, Vec<Oid>>,
    /// Functions of users' in operator families: what compares or hashes
    /// values for an index, a range, a partition key or an order → their types.
    pub support_functions: HashMap<Oid, Vec<Oid>>,
    /// Domain → functions that its CHECKs and its default call, the server's own
    /// included.
    pub domain_functions: HashMap<Oid, Vec<Oid>>,
    /// Type → types that its CHECKs and default cast to, or that a range is of.
    pub type_dependencies: HashMap<Oid, Vec<Oid>>,
    /// Operators outside `pg_catalog`.
    pub operators: Vec<Operator>,
    /// Casts made by users.
    pub casts: Vec<Cast>,
    /// Names of collations outside `pg_catalog`.
    pub collations: Vec<Arc<str>>,
    /// Schemas with operators, collations, text search objects and the like.
    pub holding_others: Vec<Arc<str>>,
    pub extensions: Vec<Arc<str>>,
    /// What of it comes with the server.
    pub builtins: Option<Arc<Builtins>>,
    /// Every role's name → names of the roles it is a member of, directly or not.
    pub memberships: HashMap<Arc<str>, Vec<Arc<str>>>,
}

/// `FirstNormalObjectId` of PostgreSQL's `transam.h`: objects below come with
/// the server.
pub const FIRST_USER_OID: Oid = Oid(16384);

impl Oid {
    /// Made with the server, not by its users.
    pub fn is_builtin(self) -> bool {
        self < FIRST_USER_OID
    }
}

impl Snapshot {
    /// Adds a relation under its name.
    pub fn add_relation(&mut self, relation: Relation) {
        self.add_name(&relation.name, Named::Relation(relation.oid));
        self.relations_by_name.entry(Arc::clone(&relation.name)).or_default().push(relation.oid);
        self.relations.insert(relation.oid, relation);
    }
    pub fn add_function(&mut self, function: Function) {
        self.add_name(&function.name, Named::Function(function.oid));
        self.functions_by_name.entry(Arc::clone(&function.name)).or_default().push(function.oid);
        self.functions.insert(function.oid, function);
    }
    pub fn add_type(&mut self, info: TypeInfo) {
        self.add_name(&info.name, Named::Type(info.oid));
        self.types_by_name.entry(Arc::clone(&info.name)).or_default().push(info.oid);
        self.types.insert(info.oid, info);
    }
    fn add_name(&mut self, name: &str, named: Named) {
        match name.chars().all(is_word) {
            true => self.by_word.entry(fold(name)).or_default().push(named),
            false => self.by_sign.push((fold(name), named)),
        }
    }
    /// Everything that a text may name, in any spelling.
    pub fn spelled_in(&self, text: &str) -> HashSet<Named> {
        let spelled = words(text).filter_map(|word| self.by_word.get(&word)).flatten();
        let mut named: HashSet<Named> = spelled.copied().collect();
        if !self.by_sign.is_empty() {
            let text = text.to_ascii_lowercase();
            let is_in = |name: &str| text.contains(name) || text.contains(&name.replace('"', "\"\""));
            named.extend(self.by_sign.iter().filter(|(name, _)| is_in(name)).map(|(_, named)| *named));
        }
        named
    }
    /// The relations of that name, in every schema.
    pub fn relations_named(&self, name: &str) -> impl Iterator<Item = &Relation> {
        let oids = self.relations_by_name.get(name).into_iter().flatten();
        oids.filter_map(|oid| self.relations.get(oid))
    }
    /// The types of that name, in every schema.
    pub fn types_named(&self, name: &str) -> impl Iterator<Item = &TypeInfo> {
        let oids = self.types_by_name.get(name).into_iter().flatten();
        oids.filter_map(|oid| self.types.get(oid))
    }
    /// The functions of that name, in every schema.
    pub fn functions_named(&self, name: &str) -> impl Iterator<Item = &Function> {
        let oids = self.functions_by_name.get(name).into_iter().flatten();
        oids.filter_map(|oid| self.functions.get(oid))
    }
    /// What a function may name: what its body spells, what is recorded
    /// (`BEGIN ATOMIC`, defaults), and an aggregate's own functions.
    pub fn named_by(&self, function: &Function) -> HashSet<Named> {
        let mut named = self.spelled_in(&function.body);
        let recorded = self.function_dependencies.get(&function.oid).into_iter().flatten();
        for oid in function.support.iter().chain(recorded) {
            named.extend(self.functions.contains_key(oid).then_some(Named::Function(*oid)));
            named.extend(self.relations.contains_key(oid).then_some(Named::Relation(*oid)));
            named.extend(self.types.contains_key(oid).then_some(Named::Type(*oid)));
        }
        named
    }
    /// The tables above one by inheritance or partitioning, each once.
    pub fn above(&self, relation: &Relation) -> Vec<&Relation> {
        let mut reached: Vec<&Relation> = Vec::new();
        let mut work: Vec<Oid> = relation.parents.clone();
        while let Some(oid) = work.pop() {
            let Some(parent) = self.relations.get(&oid) else { continue };
            if !reached.iter().any(|known| known.oid == oid) {
                reached.push(parent);
                work.extend(&parent.parents);
            }
        }
        reached
    }
    /// The functions that CHECKs and defaults of these types call, or of what they
    /// are made of.
    pub fn checks_of(&self, types: impl IntoIterator<Item = Oid>) -> Vec<Oid> {
        let parts = self.type_parts(types);
        parts.iter().filter_map(|oid| self.domain_functions.get(oid)).flatten().copied().collect()
    }
    /// May a literal set something while its text is read? A domain's CHECK runs
    /// then, if the domain stands in an array, a range or a row.
    pub fn literals_may_set(&self) -> bool {
        let may_set = |oid: &Oid| {
            let known = self.functions.get(oid);
            *oid == SET_CONFIG || !oid.is_builtin() && known.is_none_or(|f| !is_of_extension(f))
        };
        self.domain_functions.values().flatten().any(may_set)
    }
    /// The functions that a value of this type may run although no text names them:
    /// those of its CHECKs and defaults, and of casts from and to it.
    pub fn run_by_type(&self, oid: Oid) -> Vec<Oid> {
        let parts = self.type_parts([oid]);
        if parts.is_empty() {
            return Vec::new();
        }
        let of_it = |cast: &&Cast| parts.contains(&cast.source) || parts.contains(&cast.target);
        let casts = self.casts.iter().filter(of_it).filter_map(|cast| cast.function);
        casts.chain(self.checks_of([oid])).collect()
    }
    /// These types and what they are made of: what a domain is over and casts to, a
    /// range's bounds, elements, fields. The server's own are left out.
    pub fn type_parts(&self, types: impl IntoIterator<Item = Oid>) -> HashSet<Oid> {
        let mut work: Vec<Oid> = types.into_iter().collect();
        let mut parts = HashSet::new();
        while let Some(oid) = work.pop() {
            if oid.is_builtin() || !parts.insert(oid) {
                continue;
            }
            work.extend(self.type_dependencies.get(&oid).into_iter().flatten());
            let Some(info) = self.types.get(&oid) else { continue };
            let row = info.relation.and_then(|relation| self.relations.get(&relation));
            let fields = row.into_iter().flat_map(|relation| &relation.columns).map(|column| column.type_oid);
            work.extend(info.base.into_iter().chain(info.element).chain(fields));
        }
        parts
    }
    pub fn relation(&self, schema: &str, name: &str) -> Option<&Relation> {
        self.relations_named(name).find(|r| &*r.schema == schema)
    }
}

impl Relation {
    /// `schema.name`, as people write it.
    pub fn qualified(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
    /// `pg_catalog` and the like: no pattern with `*` for a schema means them.
    pub fn is_system(&self) -> bool {
        matches!(&*self.schema, "pg_catalog" | "information_schema" | "pg_toast")
    }
    /// A temporary table of some session.
    pub fn is_temporary(&self) -> bool {
        self.schema.starts_with("pg_temp_") || self.schema.starts_with("pg_toast_temp_")
    }
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| &*c.name == name)
    }
    pub fn attribute(&self, attribute: i16) -> Option<&Column> {
        self.columns.iter().find(|c| c.attribute == attribute)
    }
}
