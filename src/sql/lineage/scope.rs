//! Names to relations and columns, level by level, by the rules of
//! PostgreSQL's `parse_relation.c`.
//!
//! Invariant: a name that could mean several things means all of them; their
//! flows are united. What is certain of a column's name is that of a relation
//! that nobody may change, of an alias, and of a reference; any other goes on
//! to be looked up further out too.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use pg_query::protobuf::CommonTableExpr;

use super::keys::Origin;
use super::rows::RowShape;
use super::value::{computed, inside, mixed, unite};
use crate::catalog::Oid;
use crate::catalog::guard::Runs;
use crate::policy::ProtectedColumn;
use crate::sql::analysis::Flow;

/// A column of something that stands in FROM.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub name: String,
    pub flow: Flow,
    pub type_oid: Option<Oid>,
    pub collated: bool,
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
    /// A column of VALUES: see [`listed`](super::listed).
    pub listed: Option<usize>,
    /// NULL in every row of a VALUES.
    pub is_null: bool,
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

/// Around a statement's SELECT: what stands outside, its WITH, its FROM.
const STATEMENT_LEVELS: usize = 3;

impl Field {
    pub fn clean(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            flow: Flow::Clean,
            type_oid: None,
            collated: false,
            recased: false,
            hidden: false,
            origin: None,
            loose: false,
            unsure: false,
            listed: None,
            is_null: false,
            runs: None,
        }
    }

    /// A whole row as a value.
    pub fn of_row(fields: &[Self]) -> Self {
        let runs = inside(fields.iter().map(|field| field.runs));
        Self { flow: mixed(fields.iter().map(|field| &field.flow)), runs, ..Self::clean("") }
    }

    /// May the column of this name be another one?
    pub fn is_uncertain(&self) -> bool {
        self.loose || self.unsure
    }

    /// What a name means that means this, unless the client has changed that
    /// relation: then it means the other. Alike as long as both are clean.
    pub fn unless(self, other: Self) -> Self {
        match self.flow == Flow::Clean && other.flow == Flow::Clean {
            true => Self { runs: self.runs.max(other.runs), ..self },
            false => self.or(&other),
        }
    }

    /// A column that is this one or the other.
    pub fn or(&self, other: &Self) -> Self {
        Self {
            name: self.name.clone(),
            flow: unite(&self.flow, &other.flow),
            type_oid: if self.type_oid == other.type_oid { self.type_oid } else { None },
            collated: self.collated || other.collated,
            recased: self.recased || other.recased,
            hidden: self.hidden && other.hidden,
            origin: if self.origin == other.origin { self.origin } else { None },
            loose: self.loose && other.loose,
            unsure: self.unsure && other.unsure,
            listed: self.listed.filter(|listed| other.listed == Some(*listed)),
            is_null: self.is_null && other.is_null,
            runs: self.runs.max(other.runs),
        }
    }
}

impl Source {
    /// May it have, or come to have, other columns than these?
    pub fn may_have_others(&self) -> bool {
        self.open.is_some() || self.fields.iter().any(Field::is_uncertain)
    }

    /// What a name that is none of its columns' may mean all the same.
    fn otherwise_called(&self, name: &str) -> Option<Field> {
        let unsure = self.fields.iter().filter(|field| field.unsure && field.flow != Flow::Clean);
        let flow = mixed(unsure.map(|field| &field.flow).chain([&self.lock(name)]));
        let others = self.may_have_others() || (self.system && SYSTEM_COLUMNS.contains(&name));
        (flow != Flow::Clean || others).then(|| Field { flow, unsure: true, ..Field::clean(name) })
    }

    /// What a system column tells of the keys that lead to the row.
    fn lock(&self, name: &str) -> Flow {
        if self.system && name == "xmax" { computed(self.locked_by.clone()) } else { Flow::Clean }
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
        }
    }

    /// Its whole row as a value.
    pub fn as_field(&self) -> Field {
        Field::of_row(&self.fields)
    }

    /// Is a column of its own meant by that name, whatever anybody changes?
    pub fn certainly_has(&self, name: &str) -> bool {
        let mut own = self.fields.iter().filter(|field| field.name == name);
        own.any(|field| !field.is_uncertain()) || (self.system && SYSTEM_COLUMNS.contains(&name))
    }

    /// The column of that name. An open source may have any.
    pub fn field(&self, name: &str) -> Option<Field> {
        let known = self.fields.iter().filter(|field| field.name == name).cloned().reduce(|a, b| a.or(&b));
        let system = self.system && SYSTEM_COLUMNS.contains(&name);
        known.or_else(|| self.otherwise_called(name).filter(|other| other.flow != Flow::Clean)).or_else(
            || {
                let flow = self.lock(name);
                (system || self.open.is_some()).then(|| Field { flow, ..Field::clean(name) })
            },
        )
    }
}

impl Item {
    /// The same on the side of an outer join that may be missing.
    pub fn missing(self) -> Self {
        if self.source.nullable {
            return self;
        }
        Self { source: Rc::new(Source { nullable: true, ..Source::clone(&self.source) }), ..self }
    }

    /// The usual case: named, and its columns too.
    pub fn visible(source: Source) -> Self {
        Self { named: source.alias.is_some(), bare: true, source: Rc::new(source) }
    }
}

impl<'s, 'a> Scope<'s, 'a> {
    pub fn inside(outer: Option<&'s Scope<'s, 'a>>, items: Vec<Item>) -> Self {
        Self { outer, items, ctes: RefCell::default() }
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
        let unite = |meant: &mut Option<Field>, field: Field| {
            *meant = Some(match meant.take() {
                Some(inner) => inner.unless(field),
                None => field,
            });
        };
        // It is found in something that may not have it.
        let (mut found, mut open) = (false, false);
        for level in self.levels() {
            let own = level.own_column(name);
            let is_certain = own.as_ref().is_some_and(|field| !field.is_uncertain());
            found |= own.is_some();
            let is_here = own.is_some();
            if let Some(field) = own {
                unite(&mut meant, field);
            }
            if is_certain {
                return meant;
            }
            for item in level.items.iter().filter(|item| item.bare && !is_here) {
                open |= item.source.open.is_some();
                found |= item.source.system && SYSTEM_COLUMNS.contains(&name);
                if let Some(other) = item.source.otherwise_called(name) {
                    unite(&mut meant, other);
                }
            }
        }
        match self.source(None, name) {
            Some(row) => {
                let meant = meant.filter(|field| found || field.flow != Flow::Clean);
                meant.map(|field| field.unless(row.as_field()))
            }
            None => meant.filter(|field| found || open || field.flow != Flow::Clean),
        }
    }

    /// Is it a column of this very level?
    pub fn own_column(&self, name: &str) -> Option<Field> {
        self.items
            .iter()
            .filter(|item| item.bare)
            .flat_map(|item| item.source.fields.iter().filter(|field| field.name == name))
            .cloned()
            .reduce(|a, b| a.or(&b))
    }

    /// A source by its reference name (`refnameNamespaceItem`).
    pub fn source(&'s self, schema: Option<&str>, name: &str) -> Option<Rc<Source>> {
        let of_schema = |item: &&Item| match schema {
            None => true,
            Some(schema) => item.source.schemas.iter().any(|known| known == schema),
        };
        let of_level = |level: &'s Scope<'s, 'a>| {
            let mut called =
                level.items.iter().filter(|item| item.named && item.source.alias.as_deref() == Some(name));
            called.find(of_schema).map(|item| Rc::clone(&item.source))
        };
        let mut sources = self.levels().filter_map(of_level);
        let mut meant = sources.next()?;
        while meant.unsure_alias {
            let Some(further_out) = sources.next() else { break };
            meant = Rc::new(meant.unless_called_otherwise(&further_out));
        }
        Some(meant)
    }
}
