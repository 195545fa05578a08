//! Expressions: what each carries, and which uses stand inside it. One arm a
//! node of PostgreSQL's raw expression tree (`parse_expr.c`); a node without
//! an arm is refused.

use std::ops::Range;
use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{AConst, CaseExpr, ColumnRef, Node, SubLink, SubLinkType, TypeCast};

use super::names::{BPCHAR, inner};
use super::query::{Target, row_of};
use super::rows::Rebuilt;
use super::scope::{Field, LOCK, Scope, Source, meant};
use super::value::{Constant, Literal, Point, Purpose, Value, inside};
use super::{Analysed, Read, Walk, types};
use crate::catalog::guard::Runs;
use crate::error::{ClientError, sqlstate};
use crate::policy::Disclosure;
use crate::sql::analysis::{Flow, Otherwise, UseKind};

impl<'a> Walk<'a> {
    /// What `node` carries. What it spends on the way is used for `purpose`.
    pub(super) fn expression(
        &mut self,
        node: &'a Node,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        self.deeper(|walk| match node.node.as_ref() {
            Some(node) => walk.expression_node(node, scope, purpose),
            None => walk.unknown("an empty expression"),
        })
    }

    fn expression_node(
        &mut self,
        node: &'a NodeEnum,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        match node {
            NodeEnum::ColumnRef(reference) => self.column_ref(reference, scope),
            NodeEnum::AConst(constant) => Ok(self.constant(constant)),
            NodeEnum::ParamRef(parameter) => {
                self.at(parameter.location);
                let given = self.given_parameter(parameter);
                Ok(Value { null_with: given.clone(), given, ..Value::clean() })
            }
            NodeEnum::SetToDefault(_) => Ok(Value::constant(Constant::Default)),
            NodeEnum::SqlvalueFunction(function) => {
                self.at(function.location);
                Ok(Value::clean())
            }
            NodeEnum::CurrentOfExpr(cursor) => {
                self.placeless(&[&cursor.cursor_name]);
                Ok(Value::clean())
            }
            NodeEnum::MergeSupportFunc(function) => {
                self.at(function.location);
                self.check_construct(node)?;
                Ok(Value::clean())
            }
            NodeEnum::AExpr(operation) => self.operation(operation, scope, purpose),
            NodeEnum::BoolExpr(all) => self.spend_all(&all.args, scope, purpose),
            NodeEnum::NullTest(test) => self.null_test(test.arg.as_deref(), scope, purpose),
            NodeEnum::BooleanTest(test) => self.spend_all(test.arg.as_deref(), scope, Purpose::DECIDE),
            NodeEnum::SubLink(link) => self.sublink(link, scope, purpose),
            NodeEnum::CaseExpr(case) => self.case(case, scope, purpose),
            NodeEnum::CoalesceExpr(coalesce) => self.branches(&coalesce.args, scope, purpose),
            NodeEnum::MinMaxExpr(all) => {
                let (value, runs) = self.spend_each(&all.args, scope, purpose)?;
                let value = Value { runs, ..value };
                self.meets(&value);
                Ok(value)
            }
            NodeEnum::TypeCast(cast) => self.cast(cast, scope, purpose),
            NodeEnum::CollateClause(collate) => {
                let names = self.strings_of(&collate.collname)?;
                self.account(collate.location, &[]);
                self.placeless(&names);
                let Some(argument) = collate.arg.as_deref() else { return self.unknown("COLLATE") };
                let mut value = self.expression(argument, scope, purpose)?;
                self.keep_name_of_part(argument, &mut value)?;
                Ok(Value { collated: true, reordered: true, origin: None, ..value.not_given() })
            }
            NodeEnum::FuncCall(call) => self.function(call, scope, purpose),
            NodeEnum::AIndirection(indirection) => {
                let Some(argument) = indirection.arg.as_deref() else { return self.unknown("a subscript") };
                self.indirection(argument, &indirection.indirection, scope, purpose)
            }
            NodeEnum::AArrayExpr(array) => {
                let value = self.array(&array.elements, scope, purpose)?;
                let literal = types::of_array(&array.elements);
                Ok(Value { literal, ..value })
            }
            NodeEnum::RowExpr(row) => {
                self.at(row.location);
                self.row_constructor(&row.args, scope, purpose)
            }
            // GROUPING(c) tells which grouping set a row is of, not what c is.
            NodeEnum::GroupingFunc(grouping) => {
                self.at(grouping.location);
                for node in &grouping.args {
                    self.expression(node, scope, Purpose::GROUP)?;
                }
                Ok(Value::clean())
            }
            NodeEnum::NamedArgExpr(argument) => {
                self.placeless(&[&argument.name]);
                let Some(argument) = argument.arg.as_deref() else { return self.unknown("an argument") };
                self.expression(argument, scope, purpose)
            }
            NodeEnum::MultiAssignRef(assigned) => {
                let Some(source) = assigned.source.as_deref() else { return self.unknown("an assignment") };
                let value = self.expression(source, scope, purpose)?;
                let number = usize::try_from(assigned.colno).ok().and_then(|number| number.checked_sub(1));
                let element = value.elements.as_ref().and_then(|elements| elements.get(number?)).cloned();
                Ok(element.unwrap_or(value))
            }
            other => self.structured(other, scope, purpose),
        }
    }

    /// A condition: whatever it looks at decides which rows there are.
    pub(super) fn decide(&mut self, node: &'a Node, scope: &Scope<'_, 'a>) -> Analysed<Flow> {
        let mark = self.mark();
        let value = self.expression(node, scope, Purpose::DECIDE)?;
        let flow = self.spend(&value, Purpose::DECIDE);
        self.hide_literals(&mark);
        Ok(flow)
    }

    /// Evaluates and spends each node; what is left of all of them.
    pub(super) fn spend_all(
        &mut self,
        nodes: impl IntoIterator<Item = &'a Node>,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        Ok(self.spend_each(nodes, scope, purpose)?.0)
    }

    /// Likewise, with what their types run at most.
    pub(super) fn spend_each(
        &mut self,
        nodes: impl IntoIterator<Item = &'a Node>,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<(Value, Option<Runs>)> {
        let mark = self.mark();
        let (mut flows, mut runs) = (Vec::new(), None);
        for node in nodes {
            let value = self.expression(node, scope, purpose)?;
            runs = runs.max(value.runs);
            flows.push(self.spend(&value, purpose));
        }
        self.hide_literals(&mark);
        Ok((Value::of(super::value::computed(super::value::all_columns(&flows))), runs))
    }

    fn constant(&mut self, constant: &AConst) -> Value {
        self.at(constant.location);
        let span = self.places.token(constant.location);
        self.found.literals.push(span);
        let value = Value::constant(if constant.isnull { Constant::Null } else { Constant::No });
        Value { given: self.given_literal(constant), literal: Literal::Plain, ..value }
    }

    /// What is protected in it is used, whatever for.
    pub(super) fn reads(&mut self, flow: &Flow) {
        if *flow != Flow::Clean {
            self.read = Read::Used;
        }
    }

    fn column_ref(&mut self, reference: &'a ColumnRef, scope: &Scope<'_, 'a>) -> Analysed<Value> {
        let value = self.named_column(reference, scope)?;
        if let Some(origin) = value.origin.filter(|_| self.grouping > 0 && !value.is_clean()) {
            let span = self.places.name(reference.location, reference.fields.len())?;
            self.column_reads.push((origin, span));
        }
        self.reads(&value.flow);
        Ok(value)
    }

    /// A column, or, where there is none of that name, a whole row or a
    /// function of one (`transformColumnRef`).
    fn named_column(&mut self, reference: &'a ColumnRef, scope: &Scope<'_, 'a>) -> Analysed<Value> {
        self.at(reference.location);
        let span = self.places.name(reference.location, reference.fields.len())?;
        self.found.accounted.push(span.clone());
        let (fields, whole) = match reference.fields.split_last() {
            Some((last, rest)) if matches!(last.node, Some(NodeEnum::AStar(_))) => (rest, true),
            _ => (reference.fields.as_slice(), false),
        };
        let names = self.strings_of(fields)?;
        if whole {
            let source = self.source_named(&names, scope, &span)?;
            return self.whole_row(&source, &names, span);
        }
        let Some((column, qualifiers)) = names.split_last() else { return self.unknown("a column") };
        if qualifiers.is_empty() {
            if let Some(field) = scope.column(column) {
                self.doubts += usize::from(field.is_uncertain());
                // A view's text has bare names for merged columns of joins further
                // out (`get_variable` in `ruleutils.c`), whatever is called so since.
                let field = if self.view { scope.any_column(column).unwrap_or(field) } else { field };
                return Ok(Value::of_field(&field, span));
            }
            return match scope.source(None, column) {
                Some(source) => {
                    self.doubts += usize::from(source.unsure_alias);
                    self.whole_row(&source, &names, span)
                }
                None => Err(self.no_column(column)),
            };
        }
        let source = self.source_named(qualifiers, scope, &span)?;
        match source.field(column) {
            Some(field) => {
                self.may_call |= field.is_uncertain() && source.as_field().flow != Flow::Clean;
                if field.is_uncertain() && self.may_be_function(&field) {
                    // What it would be called with is the source's row, or its only column.
                    let purpose = self.called_on_one(column, span.start, Purpose::SHOW)?;
                    if purpose.kind == UseKind::VolatileArgument {
                        let row = Value::of_row(source.fields.clone().into(), span.clone(), None);
                        self.spend(&row, purpose);
                    }
                }
                let field = self.or_function(field, || source.as_field());
                Ok(Value::of_field(&field, span))
            }
            None if self.may_take_row(column) => self.functional_notation(column, &source, span),
            None => Err(self.no_column(column)),
        }
    }

    fn whole_row(&mut self, source: &Source, names: &[&str], span: Range<usize>) -> Analysed<Value> {
        self.keeps_row(source)?;
        let rebuilt = self.rebuilt_row(source, names);
        let row = Value::of_row(source.fields.clone().into(), span, rebuilt);
        Ok(Value { lock: source.lock(LOCK), ..row })
    }

    /// Refuses where it hangs on what a name means which columns the row has.
    fn keeps_row(&self, source: &Source) -> Analysed<()> {
        match source.open.as_ref().filter(|_| source.differs) {
            Some(reason) => self.refuse(reason.clone(), -1),
            None => Ok(()),
        }
    }

    /// `c.row_to_json` is `row_to_json(c)`. There is nothing to splice: a NULL
    /// in the row's place has another text than the reference.
    fn functional_notation(
        &mut self,
        function: &str,
        source: &Source,
        span: Range<usize>,
    ) -> Analysed<Value> {
        self.keeps_row(source)?;
        let purpose = self.called_on_one(function, span.start, Purpose::SHOW)?;
        let row = Value::of_row(source.fields.clone().into(), span.clone(), None);
        self.reads(&row.flow);
        if row.is_clean() {
            return Ok(Value::clean());
        }
        if self.view {
            return Ok(Value::of(self.spend(&row, purpose)));
        }
        let kind = match purpose.kind {
            UseKind::VolatileArgument => UseKind::VolatileArgument,
            _ => UseKind::WholeRow,
        };
        let use_ = self.use_of(&row.flow, Purpose { kind, ..purpose }, span, Otherwise::Refuse);
        self.add_use(use_);
        Ok(Value::clean())
    }

    /// A name behind a source's that may be none of its columns': may a function
    /// be called instead? The client can't make a relation's row another thing
    /// than a row.
    fn may_be_function(&self, field: &Field) -> bool {
        field.unsure || self.takes_row(&field.name)
    }

    /// A column that may be gone by then: a function of the row that is called
    /// so would be in its place.
    fn or_function(&self, field: Field, row: impl Fn() -> Field) -> Field {
        match field.is_uncertain() && self.takes_row(&field.name) {
            true => field.or(&row()),
            false => field,
        }
    }

    /// The relation that `names` mean: `alias`, `schema.table`, `db.schema.table`.
    pub(super) fn source_named(
        &mut self,
        names: &[&str],
        scope: &Scope<'_, 'a>,
        span: &Range<usize>,
    ) -> Analysed<Rc<Source>> {
        let (schema, name) = match names {
            [name] => (None, *name),
            [schema, name] | [_, schema, name] => (Some(*schema), *name),
            _ => return self.unknown("a qualified name"),
        };
        let source = scope.source(schema, name).ok_or_else(|| {
            ClientError::new("42P01", format!("missing FROM-clause entry for table \"{name}\""))
                .at(self.places.position(span.start))
        })?;
        self.doubts += usize::from(source.unsure_alias);
        Ok(source)
    }

    pub(super) fn no_column(&self, name: &str) -> ClientError {
        ClientError::new(sqlstate::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist"))
            .at(self.places.position(self.here))
    }

    /// `(row).column`, `array[1]`, `(composite).field`.
    pub(super) fn indirection(
        &mut self,
        argument: &'a Node,
        steps: &'a [Node],
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        let purpose = self.called_by(steps, purpose);
        let mut value = self.expression(argument, scope, purpose)?;
        if !steps.iter().any(|step| matches!(step.node, Some(NodeEnum::String(_)))) {
            self.keep_name_of_part(argument, &mut value)?;
        }
        for step in steps {
            value = match step.node.as_ref() {
                Some(NodeEnum::String(name)) => {
                    self.placeless(&[&name.sval]);
                    self.field_of(value, &name.sval, purpose)?
                }
                Some(NodeEnum::AIndices(indices)) => {
                    let bounds = indices.lidx.as_deref().into_iter().chain(indices.uidx.as_deref());
                    let chosen = self.spend_all(bounds, scope, purpose)?;
                    if let Some(part) = self.subscripted(&value, indices) {
                        value = part;
                        continue;
                    }
                    let (left, runs) = (self.spend(&value, purpose), value.runs);
                    let flow = super::value::computed(super::value::all_columns([&left, &chosen.flow]));
                    Value { runs, ..Value::of(flow) }
                }
                _ => return self.unknown("a subscript"),
            };
        }
        Ok(value)
    }

    /// A field of a row, or a function of it; of another composite value, its use.
    pub(super) fn field_of(&mut self, value: Value, name: &str, purpose: Purpose) -> Analysed<Value> {
        let Some(row) = value.row.clone() else {
            if let Some(part) = self.part(&value, name) {
                return Ok(part);
            }
            // `('…'::text).f` is `f('…'::text)`.
            let purpose = self.called_on_one(name, self.here, purpose)?;
            return Ok(Value { runs: value.runs, ..Value::of(self.spend(&value, purpose)) });
        };
        match meant(row.iter(), name) {
            Some(field) => {
                let certain = !field.is_uncertain();
                let purpose = if certain || !self.may_be_function(&field) {
                    purpose
                } else {
                    self.called_on_one(name, self.here, purpose)?
                };
                if !certain && purpose.kind == UseKind::VolatileArgument {
                    self.spend(&value, purpose);
                }
                let field = self.or_function(field, || Field::of_row(&row));
                let mut value = value.becomes(field.flow.clone());
                self.cut_whole_field(&mut value, name);
                let Field { type_oid, collated, reordered, runs, .. } = field;
                Ok(Value { type_oid, collated, reordered, runs, ..value })
            }
            None => {
                // A reference to a row has system columns too (`ParseComplexProjection`).
                let lock = if name == LOCK { value.lock.clone() } else { Flow::Clean };
                let purpose = self.called_on_one(name, self.here, purpose)?;
                let called = self.spend(&value, purpose);
                Ok(Value::of(super::value::computed(super::value::all_columns([&called, &lock]))))
            }
        }
    }

    /// A NULL in the row's place would have no field of the name, where the row
    /// is a record's: one stands for all of `(row).field`, under its name.
    fn cut_whole_field(&self, value: &mut Value, name: &str) {
        for point in value.points.iter_mut() {
            let field = self.places.field_of(&point.span);
            let spelled = field.and_then(|span| Some((self.spelled(name, &span)?, span)));
            if let Some((name, span)) = spelled {
                let named = Rebuilt::of(self.typed_null(&span).text).under_name(&name);
                *point = Point { rebuilt: Some(named.into()), ..Point::of(span, point.flow.clone()) };
            }
        }
    }

    fn null_test(
        &mut self,
        node: Option<&'a Node>,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        let Some(node) = node else { return self.unknown("a NULL test") };
        let value = self.expression(node, scope, purpose)?;
        if self.is_composite(&value) {
            // `row IS NULL` looks at each field of the row.
            return Ok(Value::of(self.spend(&value, purpose)));
        }
        Ok(Value::of(self.use_nullness(&value)))
    }

    /// Is it one value, protected as a whole, that has fields?
    fn is_composite(&self, value: &Value) -> bool {
        if value.is_clean() || value.row.is_some() || value.elements.is_some() {
            return false;
        }
        self.has_type(value, |oid| self.base_kind(oid) == Some('c'))
    }

    /// Every mask shows whether a value is NULL. In a view, one that is computed, or
    /// a row of such, is NULL by what it is computed from.
    pub(super) fn use_nullness(&mut self, value: &Value) -> Flow {
        let purpose = Purpose {
            kind: UseKind::NullTest,
            needs: Disclosure::Nullness,
            export: false,
            neutralise: false,
        };
        if !value.is_clean() {
            let span = value.points.first().map_or(self.here..self.here, |point| point.span.clone());
            self.add_use(self.use_of(&value.flow, purpose, span, Otherwise::Refuse));
        }
        match &value.flow {
            Flow::Computed { .. } | Flow::Mixed { .. } if self.view => value.flow.clone(),
            _ => Flow::Clean,
        }
    }

    fn case(&mut self, case: &'a CaseExpr, scope: &Scope<'_, 'a>, purpose: Purpose) -> Analysed<Value> {
        self.at(case.location);
        self.account(case.location, &[]);
        if let Some(result) = folded(case) {
            return self.never_evaluated(result, scope, purpose);
        }
        let mark = self.mark();
        let operand = match case.arg.as_deref() {
            // It meets every condition.
            Some(node) => {
                self.check_implied(&["="])?;
                Some(self.expression(node, scope, Purpose::DECIDE)?.not_given())
            }
            None => None,
        };
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for node in &case.args {
            let Some(NodeEnum::CaseWhen(when)) = node.node.as_ref() else { return self.unknown("CASE") };
            let (Some(condition), Some(result)) = (when.expr.as_deref(), when.result.as_deref()) else {
                return self.unknown("CASE");
            };
            conditions.push(match &operand {
                Some(operand) => {
                    let compared = self.expression(condition, scope, Purpose::DECIDE)?;
                    self.equality(operand, &compared, &[], UseKind::Equality)
                }
                None => self.decide(condition, scope)?,
            });
            self.hide_literals(&mark);
            values.push(self.expression(result, scope, purpose)?);
        }
        if let Some(default) = case.defresult.as_deref() {
            let mut value = self.expression(default, scope, purpose)?;
            self.keep_name_of_part(default, &mut value)?;
            values.push(value);
        } else {
            // As ELSE NULL, it takes the others' type.
            values.push(Value { literal: Literal::Plain, ..Value::constant(Constant::Null) });
        }
        let value = self.one_of(values, purpose);
        Ok(self.chosen_by(value, &conditions))
    }

    /// Only its type is left of it.
    fn never_evaluated(
        &mut self,
        result: &'a Node,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        let mark = self.found.uses.len();
        let value = self.expression(result, scope, purpose)?;
        self.found.uses.truncate(mark);
        Ok(value.becomes(Flow::Clean))
    }

    /// In a view, a value that a condition on protected columns chose is computed from them.
    fn chosen_by(&self, value: Value, conditions: &[Flow]) -> Value {
        let deciding = super::value::all_columns(conditions);
        if deciding.is_empty() {
            return value;
        }
        let columns = super::value::all_columns(conditions.iter().chain([&value.flow]));
        value.becomes(Flow::Computed { columns })
    }

    pub(super) fn branches(
        &mut self,
        nodes: &'a [Node],
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            values.push(self.expression(node, scope, purpose)?);
        }
        Ok(self.one_of(values, purpose))
    }

    /// CASE and COALESCE: even branches of one domain are masked whole with
    /// `redact`, since the client chose which one it sees.
    fn one_of(&mut self, values: Vec<Value>, purpose: Purpose) -> Value {
        let values: Vec<Value> = values.into_iter().map(|value| self.shown(value, purpose)).collect();
        self.unites(values.iter());
        let values = self.meet(values, purpose);
        let mixed = super::value::mixed(values.iter().map(|value| &value.flow));
        let computed = values.iter().any(|value| matches!(value.flow, Flow::Computed { .. }));
        let types: Vec<_> = values.iter().map(|value| value.type_oid).collect();
        let value = Value::one_of(values);
        let columns = super::value::columns(&mixed).to_vec();
        let flow = if computed { Flow::Computed { columns } } else { mixed };
        Value { type_oid: self.common_type(&flow, types.into_iter()), flow, ..value }
    }

    fn cast(&mut self, cast: &'a TypeCast, scope: &Scope<'_, 'a>, purpose: Purpose) -> Analysed<Value> {
        self.at(cast.location);
        let (Some(node), Some(type_name)) = (cast.arg.as_deref(), &cast.type_name) else {
            return self.unknown("a cast");
        };
        self.type_name(type_name)?;
        let mut value = self.expression(node, scope, purpose)?;
        self.keep_name_of_part(node, &mut value)?;
        let names = self.strings_of(&type_name.names)?;
        if value.type_oid.is_some_and(|source| self.casts_opaquely(source, self.types_of(&names))) {
            return self.refuse_type(&names, type_name.location);
        }
        if value.is_clean() {
            let (null_with, is_null) = (value.null_with.clone(), value.is_null);
            let value = self.given_through_cast(value, cast, type_name);
            let literal = self.cast_to(type_name);
            let is_null = is_null && literal != Literal::No;
            // Of a typed NULL, a cast function that is not strict may make something.
            let stays = matches!(value.literal, Literal::Plain)
                || matches!((value.literal, literal), (Literal::Cast(_), Literal::Cast(_)));
            let constant = if stays { value.constant } else { Constant::No };
            self.handles(&value);
            let cast = Value {
                row: None,
                elements: None,
                origin: None,
                null_with,
                is_null,
                literal,
                constant,
                ..value
            };
            return Ok(Value { runs: None, ..cast });
        }
        let keeps = self
            .keeping_type(type_name)
            .or_else(|| self.own_type(&value, type_name))
            .filter(|_| value.row.is_none() && value.elements.is_none() && !self.may_be_document(&value));
        match keeps {
            Some(oid) => {
                let own_types = self.base_types(&value);
                let is_own = !own_types.is_empty() && own_types.iter().all(|own| *own == oid);
                let collated = value.collated || !(is_own || self.equal_as_text(&own_types));
                let reordered = value.reordered || !types::sorts_alike(&own_types, oid);
                let flow = match value.flow.clone() {
                    // Blanks at the end of other texts are none of `bpchar`'s.
                    Flow::Plain { columns, .. } | Flow::Derived { columns, .. }
                        if oid == BPCHAR && !self.is_padded(&value) =>
                    {
                        Flow::Derived { columns, case_only: false }
                    }
                    // An array's text shows whether an element is quoted.
                    Flow::Plain { columns, .. } if self.has_type(&value, |oid| self.is_array(oid)) => {
                        Flow::Derived { columns, case_only: false }
                    }
                    Flow::Plain { columns, .. } => Flow::Plain { columns, cast: true },
                    other => other,
                };
                let mut value = value.becomes(flow);
                self.keep_name_of_part(node, &mut value)?;
                Ok(Value { type_oid: Some(oid), collated, reordered, ..value })
            }
            None => Ok(Value::of(self.spend(&value, purpose))),
        }
    }

    fn sublink(&mut self, link: &'a SubLink, scope: &Scope<'_, 'a>, purpose: Purpose) -> Analysed<Value> {
        self.at(link.location);
        let Some(query) = inner(link.subselect.as_deref()) else { return self.unknown("a subquery") };
        match link.sub_link_type() {
            SubLinkType::ExistsSublink => {
                self.statement(query, scope)?;
                Ok(Value::clean())
            }
            SubLinkType::ExprSublink => {
                let targets = self.statement(query, scope)?;
                if let Some(first) = targets.first() {
                    self.subquery_names
                        .insert(link.location, (first.name.clone(), first.unsure || first.loose));
                }
                let span = self.places.parenthesised(link.location)?;
                Ok(scalar(targets, &span))
            }
            SubLinkType::ArraySublink => {
                let targets = self.statement(query, scope)?;
                let span = self.places.parenthesised(link.location)?;
                let value = self.under_name(scalar(targets, &span), "array");
                let runs = inside([value.runs].into_iter());
                Ok(Value { runs, ..Value::of(self.spend(&value, purpose)) })
            }
            SubLinkType::AnySublink | SubLinkType::AllSublink => {
                let Some(tested) = link.testexpr.as_deref() else { return self.unknown("a subquery") };
                let mark = self.mark();
                let tested = self.expression(tested, scope, Purpose::DECIDE)?.not_given();
                let targets = self.statement(query, scope)?;
                let names = self.strings_of(&link.oper_name)?;
                if names.is_empty() {
                    self.account_words(link.location);
                    self.check_implied(&["="])?;
                }
                self.keeps_places(targets.iter().map(Target::place))?;
                let found = match targets.as_slice() {
                    [only] => only.value.clone(),
                    _ => Value::of_elements(targets.into_iter().map(|target| target.value).collect()),
                };
                let flow = self.compare(&tested, &found, &names, link.location)?;
                self.hide_literals(&mark);
                Ok(Value::of(flow))
            }
            SubLinkType::Undefined
            | SubLinkType::RowcompareSublink
            | SubLinkType::MultiexprSublink
            | SubLinkType::CteSublink => self.unknown("a subquery"),
        }
    }
}

/// A subquery as a value: cut off as a whole, since a NULL inside it may not
/// fit its DISTINCT or ORDER BY.
fn scalar(mut targets: Vec<Target>, span: &Range<usize>) -> Value {
    for target in &mut targets {
        target.value = target.value.clone().cut_at(span);
    }
    match targets.len() {
        1 => targets.remove(0).value,
        _ => row_of(targets),
    }
}

/// The result of `CASE WHEN false THEN result END`, which is NULL before anything is
/// evaluated (`eval_const_expressions` in `clauses.c`): so is what was spliced.
///
/// Names and subqueries only, as in a splice: what OVER parts and sorts by does not
/// go with its function, since the query computes it for each of its own rows
/// (`transformWindowDefinitions` in `parse_clause.c`).
fn folded(case: &CaseExpr) -> Option<&Node> {
    let ([only], None, None) = (case.args.as_slice(), &case.arg, &case.defresult) else { return None };
    let Some(NodeEnum::CaseWhen(when)) = only.node.as_ref() else { return None };
    let Some(NodeEnum::AConst(condition)) = when.expr.as_ref()?.node.as_ref() else { return None };
    let is_false = matches!(&condition.val, Some(Val::Boolval(value)) if !value.boolval);
    when.result.as_deref().filter(|result| is_false && is_name_or_subquery(result))
}

fn is_name_or_subquery(node: &Node) -> bool {
    match inner(Some(node)) {
        Some(NodeEnum::ColumnRef(_)) => true,
        Some(NodeEnum::SubLink(link)) => {
            matches!(link.sub_link_type(), SubLinkType::ExprSublink | SubLinkType::ArraySublink)
        }
        Some(NodeEnum::AIndirection(part)) => {
            let is_name = |step: &Node| matches!(step.node, Some(NodeEnum::String(_) | NodeEnum::AStar(_)));
            part.indirection.iter().all(is_name) && part.arg.as_deref().is_some_and(is_name_or_subquery)
        }
        _ => false,
    }
}
