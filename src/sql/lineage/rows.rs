//! Whole rows. Where a row holds something protected, a row like it is built
//! in the place of the reference: protected fields are NULL, the others true. Who
//! sees some of the protected columns gets those instead of their NULLs.
//!
//! Invariant: what is built reads columns that carry nothing protected, but for
//! the fields that are shown, and has the type or the field names of the row that
//! it stands for. Where that is not certain, nothing is built, and the whole row
//! is NULL.
//!
//! It must not raise an error of its own: a NULL of a domain may, so such a
//! column leaves the row alone. An outer join's missing row stays NULL, which
//! a column that is never NULL in the table tells.

use std::collections::HashSet;
use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, RangeVar, Token};

use super::scope::{Field, Source};
use super::value::{Point, Value, columns};
use super::{Analysed, Walk, naming};
use crate::catalog::Oid;
use crate::catalog::snapshot::{Relation, RelationKind};
use crate::sql::analysis::{Flow, RowField};
use crate::sql::splice::Edit;

/// Bytes that one statement's rows and lists of outputs may grow by in all: a name
/// of one letter can stand for a thousand columns.
pub(super) const MAX_BUILT_BYTES: usize = 1024 * 1024;

/// Why a name that can't be spelled again keeps a NULL from standing there.
pub(super) const NEEDS_NAME: &str = "what is shown in its place needs a name: give the output one with AS.";

/// What a reference to the whole of something in FROM is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum RowShape {
    /// Not known, or not built anew.
    #[default]
    Unknown,
    /// A value of the row type of this relation.
    Of(Oid),
    /// A record with the fields' names: of a subquery or CTE.
    Record,
}

/// What stands in the place of a reference.
#[derive(Debug, Clone)]
pub(super) struct Rebuilt {
    pub text: String,
    /// The protected fields, if it is a row.
    pub fields: Vec<RowField>,
}

impl Rebuilt {
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), fields: Vec::new() }
    }

    /// One field more, which `hidden` or `shown` stands for.
    fn push_field(&mut self, flow: &Flow, hidden: &str, shown: String) {
        let start = self.text.len();
        self.text.push_str(hidden);
        let shown = Edit::new(start..self.text.len(), shown);
        self.fields.push(RowField { columns: columns(flow).to_vec(), shown });
    }

    fn between(mut self, before: &str, behind: &str) -> Self {
        for field in &mut self.fields {
            field.shown.start += before.len();
            field.shown.end += before.len();
        }
        Self { text: format!("{before}{}{behind}", self.text), ..self }
    }

    /// What has a name wherever it stands.
    pub fn under_name(self, name: &str) -> Self {
        self.between("(SELECT ", &format!(" AS {name})"))
    }

    /// Bytes that a text may grow by.
    fn length(&self) -> usize {
        let shown = self.fields.iter().map(|field| field.shown.text.len());
        shown.fold(self.text.len(), usize::saturating_add)
    }
}

impl<'a> Walk<'a> {
    /// The shape of the only relation that a name can mean. Another reading of
    /// the name would want another row in the same place.
    pub(super) fn shape_of(&self, named: &RangeVar, relations: &[&Relation]) -> RowShape {
        match relations {
            [only] if !self.is_choice(named) => match only.kind {
                RelationKind::Table
                | RelationKind::PartitionedTable
                | RelationKind::View
                | RelationKind::MaterializedView
                | RelationKind::ForeignTable => RowShape::Of(only.oid),
                RelationKind::Sequence | RelationKind::Other => RowShape::Unknown,
            },
            _ => RowShape::Unknown,
        }
    }

    /// A row to stand in for a reference to all of `source`, which `names`
    /// mean there.
    pub(super) fn rebuilt_row(&mut self, source: &Source, names: &[&str]) -> Option<Rebuilt> {
        if self.view || source.fields.iter().all(|field| field.flow == Flow::Clean) {
            return None;
        }
        // Looking at a row costs as much as writing it.
        let length: usize = source.fields.iter().map(|field| field.name.len().saturating_add(1)).sum();
        self.built_bytes = self.built_bytes.checked_sub(length)?;
        let row = self.built(source, names)?;
        self.built_bytes = self.built_bytes.checked_sub(row.length())?;
        Some(row)
    }

    fn built(&self, source: &Source, names: &[&str]) -> Option<Rebuilt> {
        let fields = source.fields.as_slice();
        let different: HashSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        // The text may be in an encoding that spells other letters otherwise.
        let is_plain = names.iter().chain(&different).all(|name| name.is_ascii());
        // A column that goes would leave a function of the row under its name.
        let is_function = |field: &Field| field.is_uncertain() && self.takes_row(&field.name);
        // What is taken for another column's name must not be a protected one's.
        let is_nameless = |field: &Field| field.is_uncertain() && field.flow != Flow::Clean;
        if source.open.is_some()
            || !is_plain
            || different.len() != fields.len()
            || fields.iter().any(|field| is_function(field) || is_nameless(field))
        {
            return None;
        }
        let qualifier: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        let qualifier = qualifier.join(".");
        match source.row {
            RowShape::Unknown => None,
            RowShape::Of(oid) => self.row_of(self.facts.snapshot.relations.get(&oid)?, source, &qualifier),
            // Nothing tells whether an outer join has it.
            RowShape::Record if source.nullable => None,
            RowShape::Record => Some(record(fields, &qualifier)),
        }
    }

    /// `ROW(c.id, NULL, …)::public.customers`. Fields come in the order of the
    /// relation's columns; a cast to its type fills in what was dropped.
    fn row_of(&self, relation: &Relation, source: &Source, qualifier: &str) -> Option<Rebuilt> {
        if relation.columns.len() != source.fields.len()
            || !relation.name.is_ascii()
            || !relation.schema.is_ascii()
        {
            return None;
        }
        // An aggregate belongs to the query whose columns are in it.
        let reads_none = source.fields.iter().all(|field| field.flow != Flow::Clean);
        let mut row = Rebuilt::of("ROW(");
        for (place, field) in source.fields.iter().enumerate() {
            if place > 0 {
                row.text.push_str(", ");
            }
            let column = format!("{qualifier}.{}", quoted(&field.name));
            match field.flow {
                Flow::Clean => row.text.push_str(&column),
                _ if !self.may_be_null(field.type_oid?) => return None,
                _ if reads_none => {
                    let hidden = format!("(CASE WHEN false THEN {column} END)");
                    row.push_field(&field.flow, &hidden, column);
                }
                _ => row.push_field(&field.flow, "NULL", column),
            }
        }
        let cast = format!(")::{}.{}", quoted(&relation.schema), quoted(&relation.name));
        let row = row.between("", &cast);
        if !source.nullable {
            return Some(row.between("(", ")"));
        }
        let mut columns = relation.columns.iter().zip(&source.fields);
        let (_, present) = columns.find(|(column, field)| column.not_null && field.flow == Flow::Clean)?;
        let is_there = format!("(CASE WHEN {qualifier}.{} IS NOT NULL THEN ", quoted(&present.name));
        Some(row.between(&is_there, " END)"))
    }

    /// An output without an alias is called as the column, row or subquery that it
    /// is made of. So is what stands in its place, also where only a set operation
    /// finds that it must: a name in ORDER BY, or in a query around it, would mean
    /// something else otherwise.
    pub(super) fn keep_output_name(&self, node: &Node, value: &mut Value) -> Analysed<()> {
        match node.node {
            Some(NodeEnum::ColumnRef(_) | NodeEnum::SubLink(_)) => self.keep_name(node, value, |point| {
                // In parentheses no name can stand, but that of a subquery's column.
                self.places.before(point.span.start) != Some(Token::Ascii40)
            }),
            _ => self.keep_name_of_part(node, value),
        }
    }

    /// The name of an output without an alias, and whether it may be another.
    pub(super) fn output_name(&self, node: &Node) -> (String, bool) {
        match naming::named_by(node) {
            Some(NodeEnum::SubLink(link)) => match self.subquery_names.get(&link.location) {
                Some(known) => known.clone(),
                None => (naming::column_name(node), true),
            },
            _ => (naming::column_name(node), !naming::is_certain(node)),
        }
    }

    /// A cast, a subscript and the like are called as the column or subquery in
    /// them is. A subquery has the name of its column, wherever it stands.
    pub(super) fn keep_name_of_part(&self, node: &Node, value: &mut Value) -> Analysed<()> {
        self.keep_name(node, value, |_| false)
    }

    /// `is_output`: does nothing but the output stand at that place?
    fn keep_name(&self, node: &Node, value: &mut Value, is_output: impl Fn(&Point) -> bool) -> Analysed<()> {
        let Some((span, name)) = self.named_part(node)? else { return Ok(()) };
        for point in value.points.iter_mut().filter(|point| point.span == span) {
            let Some(name) = &name else {
                point.nameless = true;
                continue;
            };
            let rebuilt = match point.rebuilt.as_deref() {
                Some(rebuilt) => rebuilt.clone(),
                None => Rebuilt::of(self.typed_null(&point.span).text),
            };
            if !rebuilt.text.ends_with(&format!(" AS {name})")) {
                let named = match is_output(point) {
                    true => rebuilt.between("", &format!(" AS {name}")),
                    false => rebuilt.under_name(name),
                };
                point.rebuilt = Some(named.into());
            }
        }
        Ok(())
    }

    /// Where the column or subquery stands that an output is called after, and the
    /// name as it can be spelled there. The text may be in an encoding that
    /// spells other letters otherwise: those are taken from it.
    fn named_part(&self, node: &Node) -> Analysed<Option<(Range<usize>, Option<String>)>> {
        match naming::named_by(node) {
            Some(NodeEnum::ColumnRef(named)) => {
                let span = self.places.name(named.location, named.fields.len())?;
                let spelled = self.spelled(&naming::column_name(node), &span);
                Ok(Some((span, spelled)))
            }
            Some(NodeEnum::SubLink(link)) => {
                let name = self.output_name(node).0;
                let span = self.places.parenthesised(link.location)?;
                Ok(Some((span, name.is_ascii().then(|| quoted(&name)))))
            }
            _ => Ok(None),
        }
    }

    /// The name that ends `span`, as it can be written elsewhere.
    pub(super) fn spelled(&self, name: &str, span: &Range<usize>) -> Option<String> {
        if name.is_ascii() { Some(quoted(name)) } else { self.places.last_name(span) }
    }

    /// What is cut as a whole and gives an output a name of its own: so does what
    /// stands in its place.
    pub(super) fn under_name(&self, mut value: Value, name: &str) -> Value {
        for point in value.points.iter_mut() {
            let named = Rebuilt::of(self.typed_null(&point.span).text).under_name(&quoted(name));
            point.rebuilt = Some(named.into());
        }
        value
    }

    /// A domain may have a constraint that NULL breaks.
    fn may_be_null(&self, type_oid: Oid) -> bool {
        self.facts.snapshot.types.get(&type_oid).is_some_and(|known| known.kind != 'd')
    }
}

/// `(SELECT r FROM (SELECT t.id, … AS email) AS r)`.
fn record(fields: &[Field], qualifier: &str) -> Rebuilt {
    // A bare name would be looked up as a column first, also outside.
    let mut row = Rebuilt::of("(SELECT r.*::pg_catalog.record FROM (SELECT ");
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            row.text.push_str(", ");
        }
        let name = quoted(&field.name);
        let column = format!("{qualifier}.{name}");
        match field.flow {
            Flow::Clean => row.text.push_str(&column),
            _ => {
                let hidden = format!("(CASE WHEN false THEN {column} END) AS {name}");
                row.push_field(&field.flow, &hidden, column);
            }
        }
    }
    row.between("", ") AS r)")
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
