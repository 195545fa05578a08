//! What an expression carries while it is being analysed: the flow of
//! protected data, the places where a typed NULL would cut it off, and how
//! two flows become one. The rows of "Disclosure" in `docs/LEAKS.md`.

use std::borrow::Borrow;
use std::ops::{Deref, DerefMut, Range};
use std::rc::Rc;
use std::sync::Arc;

use super::handed::Origin;
use super::rows::Rebuilt;
use super::scope::Field;
use crate::catalog::Oid;
use crate::catalog::guard::Runs;
use crate::policy::{Disclosure, ProtectedColumn};
use crate::sql::analysis::{Flow, Given, UseKind};

/// A value inside a statement.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub flow: Flow,
    pub points: Points,
    /// A row constructor's elements, or the columns of a row-valued subquery.
    pub elements: Option<Vec<Value>>,
    /// The columns of a whole-row reference.
    pub row: Option<Rc<[Field]>>,
    /// What `xmax` of that row tells.
    pub lock: Flow,
    pub type_oid: Option<Oid>,
    /// An explicit COLLATE is in force: equality is not the mask's any more.
    pub collated: bool,
    /// It sorts otherwise than its column does: another type, a COLLATE.
    pub reordered: bool,
    /// Its collation may change the length with the case.
    pub recased: bool,
    pub constant: Constant,
    pub literal: Literal,
    /// It is this very column of a table reference.
    pub origin: Option<Origin>,
    /// What the client gives here, to be compared with one other value: see
    /// [`given`](super::given).
    pub given: Vec<Given>,
    /// The elements of `ARRAY[…]`, likewise.
    pub given_elements: Vec<Given>,
    /// If all of these parameters are NULL, so is the value.
    pub null_with: Vec<Given>,
    /// It is a column of VALUES, unchanged: see [`listed`](super::listed).
    pub listed: Option<usize>,
    /// It is a column of VALUES that is NULL in every row.
    pub is_null: bool,
    /// What its type runs: see [`running`](super::running).
    pub runs: Option<Runs>,
}

/// A place in the text where `(CASE WHEN false THEN … END)` can stand.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub span: Range<usize>,
    pub flow: Flow,
    pub whole_row: bool,
    /// What stands here instead of a typed NULL: a row without what is protected,
    /// or a NULL under the name that the value gives to an output.
    pub rebuilt: Option<Rc<Rebuilt>>,
    /// Nothing can stand here under that name.
    pub nameless: bool,
}

/// The places of a protected value.
///
/// Invariant: cutting all of them leaves nothing protected. A value with a part
/// that can't be cut has none.
#[derive(Debug, Clone, Default)]
pub(super) struct Points(Vec<Point>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Constant {
    No,
    Null,
    Default,
}

/// What is known of the type of something without protected data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literal {
    No,
    /// A literal as it stands takes the type of what it meets.
    Plain,
    /// A cast to this type of `pg_catalog`.
    Cast(Oid),
}

/// What an expression is for: it decides which use a value spent in it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose {
    pub kind: UseKind,
    pub needs: Disclosure,
    pub export: bool,
    /// Typed NULLs may stand in; otherwise the statement is refused.
    pub neutralise: bool,
}

impl Purpose {
    /// An output that only a client sees.
    pub const SHOW: Self =
        Self { kind: UseKind::Expression, needs: Disclosure::Value, export: false, neutralise: true };
    /// Something that decides which rows there are.
    pub const DECIDE: Self =
        Self { kind: UseKind::Predicate, needs: Disclosure::Search, export: false, neutralise: false };
    /// A grouping expression that is not a column: its text must stay that of the output.
    pub const GROUP: Self =
        Self { kind: UseKind::Grouping, needs: Disclosure::Value, export: false, neutralise: true };
    /// A sort expression that is not a column.
    pub const SORT: Self =
        Self { kind: UseKind::OrderBy, needs: Disclosure::Search, export: false, neutralise: true };
    pub const WINDOW_SORT: Self = Self { kind: UseKind::WindowOrder, ..Self::SORT };
    /// A value that a write stores somewhere.
    pub const CARRY: Self =
        Self { kind: UseKind::Export, needs: Disclosure::Value, export: true, neutralise: false };
    /// An output that decides what a write changes.
    pub const HOLD: Self = Self { neutralise: false, ..Self::SHOW };
    /// An argument of a function that may leave a trace.
    pub const VOLATILE: Self = Self { kind: UseKind::VolatileArgument, ..Self::CARRY };
}

impl Point {
    /// A value that is not a row.
    pub fn of(span: Range<usize>, flow: Flow) -> Self {
        Self { span, flow, whole_row: false, rebuilt: None, nameless: false }
    }
}

impl Points {
    /// All of the value stands there.
    pub fn at(point: Point) -> Self {
        Self(vec![point])
    }

    /// Those of something made of all of these.
    pub fn of_all<F: Borrow<Flow>>(parts: impl IntoIterator<Item = (F, Self)>) -> Self {
        let mut all = Self::default();
        for (_, points) in parts.into_iter().filter(|(flow, _)| *flow.borrow() != Flow::Clean) {
            match (points.is_empty(), all.is_empty()) {
                (true, _) => return Self::default(),
                (false, true) => all = points,
                (false, false) => all.0.extend(points.0),
            }
        }
        all
    }
}

impl Deref for Points {
    type Target = [Point];

    fn deref(&self) -> &[Point] {
        &self.0
    }
}

impl DerefMut for Points {
    fn deref_mut(&mut self) -> &mut [Point] {
        &mut self.0
    }
}

impl Value {
    pub fn clean() -> Self {
        Self::of(Flow::Clean)
    }

    /// A value without a place to cut it off.
    pub fn of(flow: Flow) -> Self {
        Self {
            flow,
            points: Points::default(),
            elements: None,
            row: None,
            lock: Flow::Clean,
            type_oid: None,
            collated: false,
            reordered: false,
            recased: false,
            constant: Constant::No,
            literal: Literal::No,
            origin: None,
            given: Vec::new(),
            given_elements: Vec::new(),
            null_with: Vec::new(),
            listed: None,
            is_null: false,
            runs: None,
        }
    }

    /// The one literal or parameter that this is, as it stands.
    pub fn given_alone(&self) -> Option<&Given> {
        let plain = self.is_clean() && !self.collated && self.type_oid.is_none();
        match self.given.as_slice() {
            [given] if plain && !given.array => Some(given),
            _ => None,
        }
    }

    /// The same value, where it meets more than one other or goes elsewhere.
    pub fn not_given(mut self) -> Self {
        self.given.clear();
        self.given_elements.clear();
        self.null_with.clear();
        self.elements = self.elements.map(|all| all.into_iter().map(Self::not_given).collect());
        self
    }

    pub fn constant(constant: Constant) -> Self {
        Self { constant, ..Self::clean() }
    }

    /// A reference to a column at `span`.
    pub fn of_field(field: &Field, span: Range<usize>) -> Self {
        let mut value = Self::of(field.flow.clone());
        if !value.is_clean() {
            value.points = Points::at(Point::of(span, field.flow.clone()));
        }
        value.type_oid = field.type_oid;
        value.collated = field.collated;
        value.reordered = field.reordered;
        value.recased = field.recased;
        value.origin = field.origin;
        value.listed = field.listed;
        value.is_null = field.is_null;
        value.null_with.clone_from(&field.null_with);
        value.runs = field.runs;
        value
    }

    /// A reference to a whole row at `span`; `rebuilt`: what may stand there instead.
    pub fn of_row(fields: Rc<[Field]>, span: Range<usize>, rebuilt: Option<Rebuilt>) -> Self {
        let flow = mixed(fields.iter().map(|field| &field.flow));
        let mut value = Self::of(flow.clone());
        if !value.is_clean() {
            let rebuilt = rebuilt.map(Rc::new);
            value.points = Points::at(Point { whole_row: true, rebuilt, ..Point::of(span, flow) });
        }
        value.runs = inside(fields.iter().map(|field| field.runs));
        value.row = Some(fields);
        value
    }

    /// A row made of these values.
    pub fn of_elements(elements: Vec<Value>) -> Self {
        let mut value = Self::of(mixed(elements.iter().map(|element| &element.flow)));
        value.points = Points::of_all(elements.iter().map(|element| (&element.flow, element.points.clone())));
        value.runs = inside(elements.iter().map(|element| element.runs));
        value.collated = elements.iter().any(|element| element.collated);
        value.reordered = elements.iter().any(|element| element.reordered);
        value.elements = Some(elements);
        value
    }

    /// The same row where columns of `*` may have come or gone by then: any of
    /// its values may stand at any place.
    pub fn without_places(mut self) -> Self {
        let elements = self.elements.as_deref().unwrap_or_default();
        let flow = mixed(elements.iter().map(|element| &element.flow));
        let anything = |all: Vec<Self>| all.iter().map(|_| Self::of(flow.clone())).collect();
        self.elements = self.elements.map(anything);
        self
    }

    /// One of these values, nobody knows which.
    pub fn one_of(values: Vec<Value>) -> Self {
        let flow = values.iter().map(|value| value.flow.clone()).reduce(|a, b| unite(&a, &b));
        let mut value = Self::of(flow.unwrap_or(Flow::Clean));
        value.collated = values.iter().any(|value| value.collated);
        value.reordered = values.iter().any(|value| value.reordered);
        value.recased = values.iter().any(|value| value.recased);
        value.runs = values.iter().filter_map(|value| value.runs).max();
        value.points = Points::of_all(values.into_iter().map(|value| (value.flow, value.points)));
        value
    }

    /// The same value, cut off at one place only.
    pub fn cut_at(mut self, span: &Range<usize>) -> Self {
        self.origin = None;
        self.points = match self.is_clean() {
            true => Points::default(),
            false => Points::at(Point::of(span.clone(), self.flow.clone())),
        };
        self
    }

    pub fn is_clean(&self) -> bool {
        self.flow == Flow::Clean
    }

    /// What must be disclosed to sort by it. In an order of the client's choice, or
    /// beside values of its choice, each question is another predicate.
    pub fn needs_in_order(&self) -> Disclosure {
        match &self.elements {
            Some(elements) => elements.iter().map(Self::needs_in_order).max().unwrap_or(Disclosure::Order),
            None if self.is_clean() || (is_plain(&self.flow) && !self.reordered) => Disclosure::Order,
            None => Disclosure::Search,
        }
    }

    /// The same places, another flow: `lower(c)`, `(row).c`.
    pub fn becomes(mut self, flow: Flow) -> Self {
        for point in self.points.iter_mut() {
            point.flow = flow.clone();
            point.whole_row = false;
            point.rebuilt = None;
            point.nameless = false;
        }
        if flow == Flow::Clean {
            self.points = Points::default();
        }
        let constant = Constant::No;
        let value = Self {
            flow,
            elements: None,
            row: None,
            lock: Flow::Clean,
            type_oid: None,
            constant,
            literal: Literal::No,
            origin: None,
            is_null: false,
            ..self
        };
        value.not_given()
    }
}

/// What a row or an array runs that has these in it.
pub(super) fn inside(parts: impl Iterator<Item = Option<Runs>>) -> Option<Runs> {
    parts.flatten().max().map(|runs| runs.max(Runs::Part))
}

/// The protected columns in a flow.
pub(in crate::sql) fn columns(flow: &Flow) -> &[Arc<ProtectedColumn>] {
    match flow {
        Flow::Clean => &[],
        Flow::Plain { columns, .. }
        | Flow::Derived { columns, .. }
        | Flow::Mixed { columns }
        | Flow::Computed { columns } => columns,
    }
}

/// Do the columns' own disclosures count for it?
pub(super) fn is_plain(flow: &Flow) -> bool {
    matches!(flow, Flow::Plain { .. })
}

/// Both are values of one token domain: equal values have equal masks.
pub(super) fn same_domain(left: &Flow, right: &Flow) -> bool {
    let (Flow::Plain { columns: left, .. }, Flow::Plain { columns: right, .. }) = (left, right) else {
        return false;
    };
    let mut all = left.iter().chain(right);
    match all.next() {
        Some(first) => all.all(|other| other.is_masked_like(first)),
        None => false,
    }
}

/// A value that is one or the other.
pub(super) fn unite(left: &Flow, right: &Flow) -> Flow {
    if left == right {
        return left.clone();
    }
    match (left, right) {
        (Flow::Plain { cast: a, .. }, Flow::Plain { cast: b, .. }) if same_domain(left, right) => {
            Flow::Plain { columns: all_columns([left, right]), cast: *a || *b }
        }
        _ => Flow::Mixed { columns: all_columns([left, right]) },
    }
}

/// Something made of several values in a way that keeps none of their masks.
pub(super) fn mixed<'f>(flows: impl IntoIterator<Item = &'f Flow>) -> Flow {
    let columns = all_columns(flows);
    if columns.is_empty() { Flow::Clean } else { Flow::Mixed { columns } }
}

pub(super) fn computed(columns: Vec<Arc<ProtectedColumn>>) -> Flow {
    if columns.is_empty() { Flow::Clean } else { Flow::Computed { columns } }
}

/// Every column of the flows once, in order of name.
pub(super) fn all_columns<'f>(flows: impl IntoIterator<Item = &'f Flow>) -> Vec<Arc<ProtectedColumn>> {
    let mut all: Vec<Arc<ProtectedColumn>> =
        flows.into_iter().flat_map(|flow| columns(flow).iter().cloned()).collect();
    all.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    all.dedup_by(|a, b| a.is_same(b));
    all
}
