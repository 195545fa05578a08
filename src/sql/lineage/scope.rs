//! Names to relations and columns, level by level, by the rules of
//! PostgreSQL's `parse_relation.c`.
//!
//! Invariant: a name that could mean several things means all of them; their
//! flows are united. What is certain of a column's name is that of a relation
//! that nobody may change, of an alias, and of a reference; any other goes on
//! to be looked up further out too. A column whose name is not certain may have
//! any: [`meant`] is what decides, wherever a column is looked for by its name.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use pg_query::protobuf::CommonTableExpr;

use super::handed::Origin;
use super::rows::RowShape;
use super::value::{Value, computed, inside, mixed, unite};
use crate::catalog::Oid;
use crate::catalog::guard::Runs;
use crate::policy::ProtectedColumn;
use crate::sql::analysis::{Flow, Given};

/// A column of something that stands in FROM.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub name: String,
    pub flow: Flow,
    pub type_oid: Option<Oid>,
    pub collated: bool,
    /// As [`Value::reordered`].
    pub reordered: bool,
    /// Its own collation may change the length with the case.
    pub recased: bool,
    /// SEARCH or CYCLE adds it: where the query is not the one with the WITH,
    /// `*` does not show it (`p_dontexpand` in `parse_relation.c`).
    pub hidden: bool,
    /// Which column of which table reference it is, unchanged.
    pub origin: Option<Origin>,
    /// A relation gives it its name, which the client may change: see
    /// [`changing`](super::changing).
    pub loose: bool,
    /// Its name is the one that PostgreSQL gives to an expression or to a
    /// function's result: as far as is known, for one version.
    pub unsure: bool,
    /// Its own name is certain, but others may come to stand before or behind it.
    pub shifts: bool,
    /// Of the relations that a name may mean, some have no such column: there the
    /// name means what stands further out. See [`several`](super::several).
    pub optional: bool,
    /// A column of VALUES: see [`listed`](super::listed).
    pub listed: Option<usize>,
    /// NULL in every row of a VALUES.
    pub is_null: bool,
    /// NULL in every row if all of these parameters are NULL.
    pub null_with: Vec<Given>,
    /// What its type runs: see [`running`](super::running).
    pub runs: Option<Runs>,
}

/// Something that stands in FROM.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    /// The name that references use; none: an unnamed join or subquery.
    pub alias: Option<String>,
    /// Nobody wrote that name: it is the one that PostgreSQL gives, as far as is
    /// known, for one version.
    pub unsure_alias: bool,
    /// Schemas it may be qualified with; empty where an alias hides them.
    pub schemas: Vec<String>,
    pub fields: Vec<Field>,
    /// Why its columns can't be listed: it may have others than `fields`.
    pub open: Option<String>,
    /// A real relation, with `ctid` and the like.
    pub system: bool,
    /// Columns whose foreign keys lead to its rows: each lock that such a key
    /// takes shows in a row's `xmax`.
    pub locked_by: Vec<Arc<ProtectedColumn>>,
    /// What a reference to its whole row is.
    pub row: RowShape,
    /// An outer join may miss it.
    pub nullable: bool,
    /// Of several relations of its name, the one that this reading is about: that it
    /// lacks a column tells that the reading is wrong.
    pub is_choice: bool,
    /// One of several relations whose lists of columns differ: it has no row, and no
    /// list of columns, that is known.
    pub differs: bool,
}

/// A source as one query level sees it.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub source: Rc<Source>,
    /// May be named: `alias.column`.
    pub named: bool,
    /// Its columns may be named without it, and `*` shows them.
    pub bare: bool,
}

/// One query level.
pub(super) struct Scope<'s, 'a> {
    pub outer: Option<&'s Scope<'s, 'a>>,
    pub items: Vec<Item>,
    pub ctes: RefCell<Vec<Cte<'a>>>,
    /// By name.
    pub windows: RefCell<Vec<(String, Window)>>,
}

/// Of a window function, or of WINDOW.
pub(super) struct Window {
    /// What a view computes over it from.
    pub flows: Vec<Flow>,
    /// What it sorts by.
    pub sorts: Vec<Value>,
}

#[derive(Clone)]
pub(super) struct Cte<'a> {
    pub name: String,
    pub node: &'a CommonTableExpr,
    pub state: CteState,
}

#[derive(Clone)]
pub(super) enum CteState {
    Pending,
    /// Being analysed; what is known of its columns so far.
    Busy(Option<Rc<[Field]>>),
    Done(Rc<[Field]>),
}

/// `pg_attribute`'s system columns (PostgreSQL's `sysattr.h`).
const SYSTEM_COLUMNS: &[&str] = &["ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"];

/// The one that tells who locked a row.
pub(super) const LOCK: &str = "xmax";

/// Around a statement's SELECT: what stands outside, its WITH, its FROM.
const STATEMENT_LEVELS: usize = 3;

impl Field {
    pub fn clean(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            flow: Flow::Clean,
            type_oid: None,
            collated: false,
            reordered: false,
            recased: false,
            hidden: false,
            origin: None,
            loose: false,
            unsure: false,
            shifts: false,
            optional: false,
            listed: None,
            is_null: false,
            null_with: Vec::new(),
            runs: None,
        }
    }

    /// A column that holds this value, without its name.
    pub fn of_value(value: &Value) -> Self {
        Self {
            name: String::new(),
            flow: value.flow.clone(),
            type_oid: value.type_oid,
            collated: value.collated,
            reordered: value.reordered,
            recased: value.recased,
            hidden: false,
            origin: None,
            loose: false,
            unsure: false,
            shifts: false,
            optional: false,
            listed: value.listed,
            is_null: value.is_null,
            null_with: value.null_with.clone(),
            runs: value.runs,
        }
    }

    /// A whole row as a value.
    pub fn of_row(fields: &[Self]) -> Self {
        let runs = inside(fields.iter().map(|field| field.runs));
        Self { flow: mixed(fields.iter().map(|field| &field.flow)), runs, ..Self::clean("") }
    }

    /// May the column of this name be another one?
    pub fn is_uncertain(&self) -> bool {
        self.loose || self.unsure || self.optional
    }

    /// May it have another name?
    fn may_be_called_otherwise(&self) -> bool {
        self.loose || self.unsure
    }

    /// What it carries at its place, and whether it may be gone from there.
    pub fn place(&self) -> (&Flow, bool) {
        (&self.flow, self.loose || self.shifts)
    }

    /// A column that is this one or the other. There is one of the name for
    /// certain where either is certain.
    pub fn or(&self, other: &Self) -> Self {
        let is_uncertain = self.is_uncertain() && other.is_uncertain();
        Self {
            name: self.name.clone(),
            flow: unite(&self.flow, &other.flow),
            type_oid: if self.type_oid == other.type_oid { self.type_oid } else { None },
            collated: self.collated || other.collated,
            reordered: self.reordered || other.reordered,
            recased: self.recased || other.recased,
            hidden: self.hidden && other.hidden,
            origin: if self.origin == other.origin { self.origin } else { None },
            loose: is_uncertain && (self.loose || other.loose),
            unsure: is_uncertain && (self.unsure || other.unsure),
            shifts: self.shifts || other.shifts,
            optional: is_uncertain && (self.optional || other.optional),
            listed: self.listed.filter(|listed| other.listed == Some(*listed)),
            is_null: self.is_null && other.is_null,
            null_with: Vec::new(),
            runs: self.runs.max(other.runs),
        }
    }
}

impl Source {
    /// May it have, or come to have, other columns than these?
    pub fn may_have_others(&self) -> bool {
        self.open.is_some() || self.fields.iter().any(|field| field.is_uncertain() || field.shifts)
    }

    /// What a name may mean that is none of the known columns': a column that the
    /// client adds, or that nobody knows, carries nothing.
    fn unknown(&self, name: &str) -> Option<Field> {
        let may_be = (self.may_have_others() && !self.is_choice) || self.has_system(name);
        may_be.then(|| Field { flow: self.lock(name), unsure: true, ..Field::clean(name) })
    }

    fn has_system(&self, name: &str) -> bool {
        self.system && SYSTEM_COLUMNS.contains(&name)
    }

    /// What a system column tells of the keys that lead to the row.
    pub fn lock(&self, name: &str) -> Flow {
        if self.system && name == LOCK { computed(self.locked_by.clone()) } else { Flow::Clean }
    }

    /// What a name means that means this, unless PostgreSQL calls this otherwise:
    /// then it means the other.
    fn unless_called_otherwise(&self, other: &Self) -> Self {
        let either = "which of two things in FROM has this name is not certain: give both an alias";
        let unsure = |field: &Field| Field { unsure: true, ..field.clone() };
        Self {
            alias: self.alias.clone(),
            unsure_alias: other.unsure_alias,
            schemas: other.schemas.clone(),
            fields: self.fields.iter().chain(&other.fields).map(unsure).collect(),
            open: Some(either.to_owned()),
            system: self.system || other.system,
            locked_by: other.locked_by.clone(),
            row: RowShape::Unknown,
            nullable: true,
            is_choice: false,
            differs: self.differs || other.differs,
        }
    }

    /// Its whole row as a value.
    pub fn as_field(&self) -> Field {
        Field::of_row(&self.fields)
    }

    /// The column of that name. One that may have others may have any.
    pub fn field(&self, name: &str) -> Option<Field> {
        let unknown = || self.unknown(name).map(|field| Field { unsure: !self.has_system(name), ..field });
        meant(&self.fields, name).or_else(unknown)
    }
}

/// The column among these that a name means: the one that certainly has it, or
/// else any that may have it.
pub(super) fn meant<'f, I>(fields: I, name: &str) -> Option<Field>
where
    I: IntoIterator<Item = &'f Field, IntoIter: Clone>,
{
    let fields = fields.into_iter();
    let called = fields.clone().filter(|field| field.name == name).cloned().reduce(|a, b| a.or(&b));
    if called.as_ref().is_some_and(|field| !field.is_uncertain()) {
        return called;
    }
    let is_other = |field: &&Field| field.name != name && field.may_be_called_otherwise();
    let others = mixed(fields.filter(is_other).map(|field| &field.flow));
    let other = (others != Flow::Clean).then(|| Field { flow: others, unsure: true, ..Field::clean(name) });
    called.into_iter().chain(other).reduce(|a, b| a.or(&b))
}

impl Item {
    /// The same on the side of an outer join that may be missing.
    pub fn missing(self) -> Self {
        if self.source.nullable {
            return self;
        }
        Self { source: Rc::new(Source { nullable: true, ..Source::clone(&self.source) }), ..self }
    }

    /// Has it this name for certain?
    pub fn is_called(&self, schema: Option<&str>, name: &str) -> bool {
        let is_there = |schema: &str| self.source.schemas.iter().any(|known| known == schema);
        let is_named = self.named && !self.source.unsure_alias;
        is_named && self.source.alias.as_deref() == Some(name) && schema.is_none_or(is_there)
    }

    /// The usual case: named, and its columns too.
    pub fn visible(source: Source) -> Self {
        Self { named: source.alias.is_some(), bare: true, source: Rc::new(source) }
    }
}

impl<'s, 'a> Scope<'s, 'a> {
    pub fn inside(outer: Option<&'s Scope<'s, 'a>>, items: Vec<Item>) -> Self {
        Self { outer, items, ctes: RefCell::default(), windows: RefCell::default() }
    }

    /// Is it the level of a statement's own SELECT?
    pub fn is_outermost(&self) -> bool {
        self.levels().count() <= STATEMENT_LEVELS
    }

    fn levels(&'s self) -> impl Iterator<Item = &'s Scope<'s, 'a>> {
        std::iter::successors(Some(self), |scope| scope.outer)
    }

    /// The level and place of a CTE: the innermost of that name.
    pub fn cte(&'s self, name: &str) -> Option<(&'s Scope<'s, 'a>, usize)> {
        self.levels().find_map(|level| {
            let place = level.ctes.borrow().iter().rposition(|cte| cte.name == name)?;
            Some((level, place))
        })
    }

    /// A column named without its relation (`colNameToVar`).
    pub fn column(&'s self, name: &str) -> Option<Field> {
        let mut meant: Option<Field> = None;
        // It is found in something that may not have it.
        let mut found = false;
        for level in self.levels() {
            let own = level.own_column(name);
            let is_certain = own.as_ref().is_some_and(|field| !field.is_uncertain());
            meant = meant.into_iter().chain(own).reduce(|inner, field| inner.or(&field));
            if is_certain {
                return meant;
            }
            found |= level.bare().any(|source| source.has_system(name)) || level.names_column(name);
        }
        match self.source(None, name) {
            Some(row) => {
                let meant = meant.filter(|field| found || field.flow != Flow::Clean);
                meant.map(|field| field.or(&row.as_field()))
            }
            None => meant,
        }
    }

    /// A column named so at any level.
    pub fn any_column(&'s self, name: &str) -> Option<Field> {
        let all = self.levels().filter_map(|level| level.own_column(name));
        all.chain(self.column(name)).reduce(|inner, outer| inner.or(&outer))
    }

    /// What a bare name carries, be it a column or a whole row.
    pub fn carried(&'s self, name: &str) -> Flow {
        let row = self.source(None, name).map(|source| source.as_field());
        let fields: Vec<Field> = self.column(name).into_iter().chain(row).collect();
        mixed(fields.iter().map(|field| &field.flow))
    }

    /// What may stand under a bare name at this very level.
    fn bare(&self) -> impl Iterator<Item = &Source> + Clone {
        self.items.iter().filter(|item| item.bare).map(|item| &*item.source)
    }

    /// Is a column of this very level called so, as far as is known?
    pub fn names_column(&self, name: &str) -> bool {
        self.bare().flat_map(|source| &source.fields).any(|field| field.name == name)
    }

    /// The column of this very level that a name means or may mean.
    pub fn own_column(&self, name: &str) -> Option<Field> {
        let own = meant(self.bare().flat_map(|source| &source.fields), name);
        if own.as_ref().is_some_and(|field| !field.is_uncertain()) {
            return own;
        }
        let unknown = self.bare().filter_map(|source| source.unknown(name));
        own.into_iter().chain(unknown).reduce(|a, b| a.or(&b))
    }

    /// A source by its reference name (`refnameNamespaceItem`). What nobody gave
    /// an alias may be called anything.
    pub fn source(&'s self, schema: Option<&str>, name: &str) -> Option<Rc<Source>> {
        let mut meant: Option<Rc<Source>> = None;
        for level in self.levels() {
            let certain = level.items.iter().find(|item| item.is_called(schema, name));
            let unsure = |item: &&Item| item.named && item.source.unsure_alias && schema.is_none();
            let unsure = level.items.iter().filter(|item| certain.is_none() && unsure(item));
            for item in certain.into_iter().chain(unsure) {
                meant = Some(match meant {
                    None => Rc::clone(&item.source),
                    Some(inner) => Rc::new(inner.unless_called_otherwise(&item.source)),
                });
            }
            if certain.is_some() {
                break;
            }
        }
        meant
    }
}
