//! SELECT, VALUES and set operations: from a tree to output columns.
//! Follows `transformSelectStmt` and its neighbours in PostgreSQL's `analyze.c`.

use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{ColumnRef, Node, ResTarget, SelectStmt, SetOperation};

use super::listed::Entry;
use super::names::inner;
use super::scope::{Field, Scope};
use super::value::{Point, Points, Purpose, Value, mixed};
use super::{Analysed, Read, Walk};
use crate::error::{ClientError, sqlstate};
use crate::sql::analysis::{Flow, UseKind};

/// What the server allows a query (`MaxTupleAttributeNumber` in its
/// `htup_details.h`). A megabyte of stars would name a hundred million columns.
const MAX_OUTPUTS: usize = 1_664;

/// The server's own SQLSTATE and words (`free_parsestate` in its `parse_node.c`).
const TOO_MANY_COLUMNS: &str = "54011";

/// What a VALUES list is called in its own ORDER BY
/// (`addRangeTableEntryForValues` in `parse_relation.c`).
const VALUES: &str = "*VALUES*";

/// An output column while its query is read.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub name: String,
    pub value: Value,
    pub span: Range<usize>,
    /// As [`Field::loose`]: `*` gave it.
    pub loose: bool,
    /// As [`Field::unsure`].
    pub unsure: bool,
    /// As [`Field::shifts`].
    pub shifts: bool,
    /// It holds an aggregate: what is computed of a group of rows.
    pub of_groups: bool,
}

impl Target {
    /// That is certain in name and place.
    fn new(name: String, value: Value, span: Range<usize>) -> Self {
        Self { name, value, span, loose: false, unsure: false, shifts: false, of_groups: false }
    }

    /// As [`Field::place`].
    pub fn place(&self) -> (&Flow, bool) {
        (&self.value.flow, self.moves())
    }

    /// May it be gone from its place?
    pub fn moves(&self) -> bool {
        self.loose || self.shifts
    }

    /// As [`Field::is_uncertain`].
    pub fn is_uncertain(&self) -> bool {
        self.loose || self.unsure
    }

    pub fn field(&self) -> Field {
        Field {
            name: self.name.clone(),
            loose: self.loose,
            unsure: self.unsure,
            shifts: self.shifts,
            ..Field::of_value(&self.value)
        }
    }
}

impl<'a> Walk<'a> {
    /// Any query; its output columns.
    pub(super) fn statement(&mut self, node: &'a NodeEnum, scope: &Scope<'_, 'a>) -> Analysed<Vec<Target>> {
        self.outermost &= matches!(node, NodeEnum::SelectStmt(_));
        self.deeper(|walk| match node {
            NodeEnum::SelectStmt(select) => walk.select(select, scope),
            NodeEnum::InsertStmt(insert) => walk.insert(insert, scope),
            NodeEnum::UpdateStmt(update) => walk.update(update, scope),
            NodeEnum::DeleteStmt(delete) => walk.delete(delete, scope),
            NodeEnum::MergeStmt(merge) => walk.merge(merge, scope),
            _ => walk.unknown("this kind of statement"),
        })
    }

    pub(super) fn select(&mut self, select: &'a SelectStmt, outer: &Scope<'_, 'a>) -> Analysed<Vec<Target>> {
        let outermost = std::mem::take(&mut self.outermost);
        self.deeper(|walk| {
            let level = Scope::inside(Some(outer), Vec::new());
            walk.with_clause(select.with_clause.as_ref(), &level)?;
            if let Some(into) = select.into_clause.as_deref().and_then(|into| into.rel.as_ref()) {
                let parts = 1 + usize::from(!into.schemaname.is_empty());
                let span = walk.places.name(into.location, parts)?;
                walk.found.accounted.push(span);
            }
            match select.op() {
                SetOperation::SetopNone | SetOperation::Undefined if !select.values_lists.is_empty() => {
                    walk.values(select, &level)
                }
                SetOperation::SetopNone | SetOperation::Undefined => walk.block(select, &level, outermost),
                SetOperation::SetopUnion | SetOperation::SetopIntersect | SetOperation::SetopExcept => {
                    walk.set_operation(select, &level)
                }
            }
        })
    }

    /// SELECT … FROM … WHERE …
    fn block(
        &mut self,
        select: &'a SelectStmt,
        outer: &Scope<'_, 'a>,
        outermost: bool,
    ) -> Analysed<Vec<Target>> {
        let around = self.handed.enter();
        let items = self.sources(&select.from_clause, outer, Vec::new())?;
        let scope = Scope::inside(Some(outer), items);
        if let Some(condition) = select.where_clause.as_deref() {
            self.decide(condition, &scope)?;
            self.note_equal(condition, &scope);
        }
        let reads = self.column_reads.len();
        let groups = !select.group_clause.is_empty();
        self.grouping += usize::from(groups);
        let aggregates = self.aggregates;
        self.windows(&select.window_clause, &scope)?;
        let orders_groups = self.aggregates > aggregates;
        let purpose = self.show;
        let mark = self.mark();
        let shows = std::mem::replace(&mut self.shows, outermost);
        let mut targets = self.targets(&select.target_list, &scope, purpose)?;
        self.shows = shows;
        // Any may be computed over such a window.
        targets.iter_mut().for_each(|target| target.of_groups |= orders_groups);
        if !outermost {
            self.carry_literals(&mark);
        }
        let dependents = self.group_by(select, &scope, &mut targets)?;
        if let Some(condition) = select.having_clause.as_deref() {
            self.decide(condition, &scope)?;
        }
        let determined = self.distinct(select, &scope, &targets)?;
        self.order_by_clause(select, &scope, &targets, &determined)?;
        self.limit_and_locks(select, &scope)?;
        self.settle_groups(dependents, select, &mut targets, reads);
        self.grouping = self.grouping.saturating_sub(usize::from(groups));
        if self.grouping == 0 {
            self.column_reads.clear();
        }
        self.keep_origins(select, &mut targets, outermost);
        self.handed.leave(around);
        Ok(targets)
    }

    fn values(&mut self, select: &'a SelectStmt, scope: &Scope<'_, 'a>) -> Analysed<Vec<Target>> {
        let (purpose, mark) = (self.show, self.mark());
        let mut rows: Vec<Vec<Value>> = Vec::with_capacity(select.values_lists.len());
        let mut entries: Vec<Vec<Option<Entry>>> = Vec::with_capacity(select.values_lists.len());
        let mut first_moving = usize::MAX;
        for row in &select.values_lists {
            let Some(NodeEnum::List(row)) = row.node.as_ref() else { return self.unknown("VALUES") };
            let items = self.list_items(&row.items, scope, purpose)?;
            self.keeps_places(items.iter().map(Target::place))?;
            let moving = items.iter().position(Target::moves).unwrap_or(usize::MAX);
            first_moving = first_moving.min(moving);
            let entries_here = items.iter().map(|item| Entry::of(&item.value));
            entries.push(entries_here.take(moving).collect());
            rows.push(items.into_iter().map(|item| self.shown(item.value.not_given(), purpose)).collect());
        }
        self.carry_literals(&mark);
        let width = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|row| row.len() != width) {
            let message = "VALUES lists must all be the same length";
            return match first_moving == usize::MAX || !self.others_move {
                true => self.impossible(sqlstate::SYNTAX_ERROR, message),
                false => self.unknown("VALUES over columns that may change"),
            };
        }
        let mut targets = Vec::with_capacity(width);
        for column in 0..width {
            let values: Vec<Value> = rows.iter().filter_map(|row| row.get(column).cloned()).collect();
            let value = match values.as_slice() {
                [only] => only.clone(),
                _ => {
                    self.unites(values.iter());
                    let values = self.meet(values, purpose);
                    self.any_of(values)
                }
            };
            let entries = entries.iter_mut().map(|row| row.get_mut(column).and_then(Option::take)).collect();
            let value = self.listed_column(value, entries, &mark);
            let target = Target::new(format!("column{}", column + 1), value, self.here..self.here);
            targets.push(Target { loose: column >= first_moving, ..target });
        }
        self.order_by_names(select, scope, &targets, Some(VALUES))?;
        self.limit_and_locks(select, scope)?;
        Ok(targets)
    }

    fn set_operation(&mut self, select: &'a SelectStmt, scope: &Scope<'_, 'a>) -> Analysed<Vec<Target>> {
        let (Some(left), Some(right)) = (select.larg.as_deref(), select.rarg.as_deref()) else {
            return self.unknown("a set operation");
        };
        let left = self.select(left, scope)?;
        let right = self.select(right, scope)?;
        if left.len() != right.len() {
            if self.others_move && left.iter().chain(&right).any(Target::moves) {
                return self.unknown("a set operation over columns that may change");
            }
            let message = "each query of a set operation must have the same number of columns";
            return self.impossible(sqlstate::SYNTAX_ERROR, message);
        }
        self.keeps_places(left.iter().map(Target::place))?;
        self.keeps_places(right.iter().map(Target::place))?;
        let compares = select.op() != SetOperation::SetopUnion || !select.all;
        let mut targets = Vec::with_capacity(left.len());
        // Names are those of the first arm, at whatever places they come to stand.
        let mut moving = false;
        for (mut a, mut b) in left.into_iter().zip(right) {
            moving |= a.moves();
            a.unsure |= moving;
            self.unites([&a.value, &b.value].into_iter());
            if !(compares || a.value.is_clean() && b.value.is_clean()) {
                let met = self.meet(vec![a.value, b.value], self.show);
                let Ok([left, right]) = <[Value; 2]>::try_from(met) else { return self.unknown("UNION") };
                (a.value, b.value) = (left, right);
            }
            if compares {
                self.equality(&a.value, &b.value, &[], UseKind::SetOperation);
            }
            let flow = match (select.op(), self.united(&a.value, &b.value)) {
                (SetOperation::SetopExcept, _) if self.are_alike(&a.value, &b.value) => a.value.flow.clone(),
                (SetOperation::SetopExcept, _) if b.value.is_clean() => a.value.flow.clone(),
                (_, united) => united,
            };
            let type_oid = self.common_type(&flow, [a.value.type_oid, b.value.type_oid].into_iter());
            let mut value = Value::of(flow);
            // A chain of a thousand arms must not copy what it has a thousand times.
            value.points = Points::of_all([(&a.value.flow, a.value.points), (&b.value.flow, b.value.points)]);
            value.type_oid = type_oid;
            value.collated = a.value.collated || b.value.collated;
            value.reordered = a.value.reordered || b.value.reordered;
            value.recased = a.value.recased || b.value.recased;
            value.runs = a.value.runs.max(b.value.runs);
            targets.push(Target { value, ..a });
        }
        self.order_by_names(select, scope, &targets, None)?;
        self.limit_and_locks(select, scope)?;
        Ok(targets)
    }

    /// Items of VALUES or of a row constructor: `t.*` there is not a row but its
    /// columns (`transformExpressionList` in `parse_target.c`).
    pub(super) fn list_items(
        &mut self,
        nodes: &'a [Node],
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Vec<Target>> {
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            if let Some(columns) = self.star(node, scope, purpose)? {
                self.burn(columns.len())?;
                items.extend(columns);
                continue;
            }
            let value = self.expression(node, scope, purpose)?;
            items.push(Target::new(String::new(), value, self.here..self.here));
        }
        Ok(items)
    }

    /// A row constructor. A row has no number of columns to keep: one NULL can
    /// stand there for all columns of a `t.*`.
    pub(super) fn row_constructor(
        &mut self,
        nodes: &'a [Node],
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        let mut items = Vec::with_capacity(nodes.len());
        let mut parts = Vec::with_capacity(nodes.len());
        for node in nodes {
            let columns = self.list_items(std::slice::from_ref(node), scope, purpose)?;
            parts.push(places_of(node, &columns));
            items.extend(columns);
        }
        Ok(Value { points: Points::of_all(parts), ..row_of(items) })
    }

    /// A list of outputs, stars expanded.
    pub(super) fn targets(
        &mut self,
        nodes: &'a [Node],
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Vec<Target>> {
        let mut targets = Vec::with_capacity(nodes.len());
        for node in nodes {
            let Some(NodeEnum::ResTarget(target)) = node.node.as_ref() else {
                return self.unknown("an output column");
            };
            self.at(target.location);
            self.target(target, scope, purpose, &mut targets)?;
        }
        Ok(targets)
    }

    fn target(
        &mut self,
        target: &'a ResTarget,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
        targets: &mut Vec<Target>,
    ) -> Analysed<()> {
        let Some(node) = target.val.as_deref() else { return self.unknown("an output column") };
        let read = self.read;
        if let Some(columns) = self.star(node, scope, purpose)? {
            if is_column(node) {
                self.read = columns.iter().fold(read, |read, column| read.max(self.read_by(&column.value)));
            }
            targets.extend(columns);
            if targets.len() > MAX_OUTPUTS {
                let message = format!("target lists can have at most {MAX_OUTPUTS} entries");
                return Err(ClientError::new(TOO_MANY_COLUMNS, message));
            }
            return Ok(());
        }
        self.placeless(&[&target.name]);
        let aggregates = self.aggregates;
        let value = match self.any_of_group(node, scope)? {
            Some(value) => value,
            None => self.expression(node, scope, purpose)?,
        };
        if is_column(node) && self.read_by(&value) == Read::Shown {
            self.read = read.max(Read::Shown);
        }
        let of_groups = self.aggregates > aggregates;
        let mut value = Value { null_with: value.null_with.clone(), ..value.not_given() };
        let (name, unsure) = match target.name.is_empty() {
            true => self.output_name(node),
            false => (target.name.clone(), false),
        };
        if target.name.is_empty() {
            self.keep_output_name(node, &mut value)?;
        }
        let value = self.shown(value, purpose);
        let span = self.places.token(target.location);
        targets.push(Target { unsure, of_groups, ..Target::new(name, value, span) });
        Ok(())
    }

    /// What an output does with what is protected in it, which is a column's name
    /// or a star alone.
    fn read_by(&self, value: &Value) -> Read {
        match value.flow {
            Flow::Clean => Read::Nothing,
            Flow::Plain { cast: false, .. }
                if self.shows && value.origin.is_some_and(|origin| origin.own) =>
            {
                Read::Shown
            }
            Flow::Plain { .. } | Flow::Derived { .. } | Flow::Mixed { .. } | Flow::Computed { .. } => {
                Read::Used
            }
        }
    }

    /// Rows can't be masked as they are.
    pub(super) fn shown(&mut self, value: Value, purpose: Purpose) -> Value {
        if value.is_clean() || (value.row.is_none() && value.elements.is_none()) {
            return value;
        }
        Value::of(self.spend(&value, purpose))
    }

    /// `*`, `t.*`, `(row).*`: their columns.
    pub(super) fn star(
        &mut self,
        node: &'a Node,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Option<Vec<Target>>> {
        match inner(Some(node)) {
            Some(NodeEnum::ColumnRef(reference)) => {
                if !is_star(reference) {
                    return Ok(None);
                }
                self.at(reference.location);
                // `TABLE t` is `SELECT * FROM t`, with a star that stands nowhere.
                let span = match reference.location {
                    -1 => self.here..self.here,
                    location => self.places.name(location, reference.fields.len())?,
                };
                self.found.accounted.push(span.clone());
                let qualifiers = reference.fields.len() - 1;
                let qualifiers = self.strings_of(reference.fields.get(..qualifiers).unwrap_or_default())?;
                let fields = match qualifiers.as_slice() {
                    [] => self.all_fields(scope, &span)?,
                    names => {
                        let source = self.source_named(names, scope, &span)?;
                        if let Some(reason) = &source.open {
                            return self.refuse(reason.clone(), reference.location);
                        }
                        source.fields.clone()
                    }
                };
                let shown = fields.iter().filter(|field| !field.hidden);
                shown.clone().for_each(|field| self.reads(&field.flow));
                Ok(Some(shown.map(|field| field_target(field, &span)).collect()))
            }
            Some(NodeEnum::AIndirection(indirection)) => {
                let Some((Some(NodeEnum::AStar(_)), fields)) =
                    indirection.indirection.split_last().map(|(last, rest)| (last.node.as_ref(), rest))
                else {
                    return Ok(None);
                };
                let Some(argument) = indirection.arg.as_deref() else { return self.unknown("a row") };
                let value = self.indirection(argument, fields, scope, purpose)?;
                self.row_targets(&value).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn row_targets(&mut self, value: &Value) -> Analysed<Vec<Target>> {
        let span = value.points.first().map_or(self.here..self.here, |point| point.span.clone());
        let Some(row) = &value.row else {
            let Some(parts) = self.parts(value) else {
                return self.unknown("expanding a row that is not a table's");
            };
            let target = |(name, value): (String, Value)| {
                Target::new(name, Value { points: Points::default(), ..value }, span.clone())
            };
            return Ok(parts.into_iter().map(target).collect());
        };
        if row.iter().any(|field| field.hidden) {
            return self.unknown("expanding a row with columns of SEARCH or CYCLE");
        }
        Ok(row.iter().map(|field| field_target(field, &span)).collect())
    }

    fn all_fields(&mut self, scope: &Scope<'_, 'a>, span: &Range<usize>) -> Analysed<Vec<Field>> {
        let mut fields = Vec::new();
        for item in scope.items.iter().filter(|item| item.bare) {
            if let Some(reason) = &item.source.open {
                self.here = span.start;
                return self.refuse(reason.clone(), -1);
            }
            fields.extend(item.source.fields.iter().cloned());
        }
        Ok(fields)
    }
}

/// A row of these. Whether `*` stands for as many columns as is known decides
/// the places of those behind it.
pub(super) fn row_of(items: Vec<Target>) -> Value {
    let moves = items.iter().rev().skip(1).any(Target::moves);
    let row = Value::of_elements(items.into_iter().map(|item| item.value).collect());
    if moves { row.without_places() } else { row }
}

/// What an item of a row is in it, and where that is cut: the columns of `t.*`
/// with the star.
fn places_of(node: &Node, columns: &[Target]) -> (Flow, Points) {
    let flow = mixed(columns.iter().map(|column| &column.value.flow));
    let points = match (inner(Some(node)), columns.first()) {
        (Some(NodeEnum::ColumnRef(reference)), Some(first)) if is_star(reference) => {
            Points::at(Point { whole_row: true, ..Point::of(first.span.clone(), flow.clone()) })
        }
        _ => Points::of_all(columns.iter().map(|column| (&column.value.flow, column.value.points.clone()))),
    };
    (flow, points)
}

/// A column's name alone, or `*` or `t.*`.
fn is_column(node: &Node) -> bool {
    matches!(inner(Some(node)), Some(NodeEnum::ColumnRef(_)))
}

/// Is it `*` or `t.*`?
fn is_star(reference: &ColumnRef) -> bool {
    matches!(reference.fields.last().and_then(|last| last.node.as_ref()), Some(NodeEnum::AStar(_)))
}

/// An expanded star can't be cut in the text: its values have no point.
fn field_target(field: &Field, span: &Range<usize>) -> Target {
    let mut value = Value::of_field(field, span.clone());
    value.points = Points::default();
    let Field { loose, unsure, shifts, .. } = *field;
    Target { loose, unsure, shifts, ..Target::new(field.name.clone(), value, span.clone()) }
}
